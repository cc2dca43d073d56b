//! Dockerfiles of all styles: they are read, every byte of them is accounted for, and an edit that changes nothing changes nothing.

use explore::build::{Body, Build};

/// Pieces of Dockerfiles as people write them; `{n}` is a number that differs from piece to piece.
const PIECES: [&str; 40] = [
    "RUN apt-get update && apt-get install -y curl\n",
    "RUN apt-get update \\\n    && apt-get install -y --no-install-recommends \\\n        curl \\\n        # why\n        less \\\n    && rm -rf /var/lib/apt/lists/*\n",
    "RUN set -eux; \\\n\tapk add --no-cache git; \\\n\\\n\tgit --version\n",
    "RUN [\"/bin/sh\", \"-c\", \"echo a && echo b\"]\n",
    "RUN <<EOF\nset -e\necho {n}\n\n# not a Dockerfile comment\nEOF\n",
    "RUN <<-\"END\" bash\n\techo $HOME\n\tEND\n",
    "RUN python3 - <<'PY' > /out{n}\nprint(\"FROM here\")\nPY\n",
    "RUN <<A <<B cat\nfirst\nA\nsecond\nB\n",
    "RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,source=.,target=/src pip install x\n",
    "RUN --network=none --security=sandbox true\n",
    "RUN if [ \"$A\" = \"b c\" ]; then \\\n      echo yes; \\\n    else \\\n      echo 'no \\'; \\\n    fi\n",
    "RUN for x in a b; do echo \"$x\" | tee -a /out; done # the end\n",
    "RUN curl -fsSL \"https://x.example/$(uname -m)/a.tgz\" | tar xz -C /opt\n",
    "RUN echo '<<EOF' && cat <<<hello && echo $((1<<4))\n",
    "run   lower  case\n",
    "COPY . .\n",
    "COPY --chown=1000:1000 --chmod=755 a b/ c* /srv/app/\n",
    "COPY --from=0 /a /b\n",
    "COPY [\"a b\", \"/c d/\"]\n",
    "COPY <<EOF /etc/motd\nhello $USER\nEOF\n",
    "COPY --link <<a <<\"b\" /etc/\nx\na\ny\nb\n",
    "ADD https://x.example/a.tar.gz /tmp/\n",
    "ADD --checksum=sha256:0123 --keep-git-dir=true git@x.example:a.git /src\n",
    "ENV A=1 B=\"two words\" C=three\\ words\n",
    "ENV OLD style value\n",
    "ENV LONG=a \\\n    LONGER=b\n",
    "ARG V\nARG W=1 X=${V:-2}\n",
    "LABEL org.example.a=\"1\" \\\n      org.example.b=\"2\"\n",
    "USER app:app\nWORKDIR /srv\nWORKDIR app\n",
    "EXPOSE 80/tcp 443\nVOLUME [\"/data\"]\nVOLUME /a /b\n",
    "HEALTHCHECK --interval=5m --timeout=3s \\\n  CMD curl -f http://localhost/ || exit 1\n",
    "HEALTHCHECK NONE\nSTOPSIGNAL SIGTERM\n",
    "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN echo a | cat\n",
    "ONBUILD COPY . /app\nONBUILD RUN make\n",
    "MAINTAINER someone <someone@x.example>\n",
    "CMD [\"a\", \"b\"]\nENTRYPOINT exec top -b\n",
    "# a comment\n\n   # an indented comment\n   RUN indented\n",
    "RUN echo ünïcödé '\u{4f60}\u{597d}' && true\n",
    "RUN tabs\there   \\   \n   and trailing blanks   \n",
    "FROM debian:$V AS stage{n}\n",
];
const TOPS: [&str; 6] = [
    "FROM scratch\n",
    "# syntax=docker/dockerfile:1\nFROM alpine:3 AS base\n",
    "ARG V=12\nARG SUITE=slim\nFROM --platform=$BUILDPLATFORM debian:${V}-${SUITE}\n",
    "# just a comment\n\nFROM debian\n",
    "# check=skip=all\n# syntax=docker/dockerfile:1.7\n\nfrom busybox as b\n",
    "\u{feff}FROM scratch\n",
];

fn generated(seed: usize) -> String {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut text = TOPS[next(TOPS.len())].to_owned();
    for n in 0..3 + next(12) {
        text.push_str(&PIECES[next(PIECES.len())].replace("{n}", &n.to_string()));
    }
    match next(4) {
        0 => text.truncate(text.trim_end().len()),
        1 => text.push_str("\n\n# the end"),
        2 => text = text.replace('\n', "\r\n"),
        _ => {}
    }
    text
}

/// Reads a Dockerfile and checks that its instructions stand where it says they stand.
fn check(name: &str, text: &str) {
    let build = Build::parse(name, text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let mut at = 0;
    let mut rebuilt = String::new();
    let mut spans: Vec<_> = build.stages.iter().map(|stage| (&stage.from, None)).collect();
    spans.extend(build.stages.iter().flat_map(|stage| &stage.steps).map(|step| (&step.instruction, Some(step))));
    spans.sort_by_key(|(instruction, _)| instruction.span.start);
    for (instruction, step) in spans {
        let between = &text[at..instruction.span.start];
        let is_gap = |line: &str| {
            line.trim_start_matches('\u{feff}').trim().is_empty()
                || line.trim_start_matches('\u{feff}').trim_start().starts_with('#')
        };
        assert!(
            between.lines().all(is_gap) || between.trim_start_matches('\u{feff}').to_ascii_uppercase().contains("ARG"),
            "{name}: {between:?}"
        );
        let own = &text[instruction.span.clone()];
        assert!(own.to_ascii_uppercase().starts_with(&instruction.keyword), "{name}: {own:?}");
        for flag in &instruction.flags {
            assert!(text[flag.span.clone()].starts_with(&format!("--{}", flag.name)), "{name}: {flag:?}");
        }
        for heredoc in &instruction.heredocs {
            assert!(text[heredoc.body.end..].trim_start_matches('\t').starts_with(&heredoc.delimiter), "{name}");
        }
        // Commands stand in the file as they stand in the script.
        if let Some(Body::Run(run)) = step.map(|step| &step.body) {
            for segment in run.script.iter().flat_map(|script| &script.segments) {
                let said = &run.source.text[segment.span.clone()];
                let there = &text[run.source.in_file(&segment.span)];
                let first = |text: &str| text.split_whitespace().next().map(str::to_owned);
                assert_eq!(first(there), first(said), "{name}");
                assert_eq!(there.chars().last(), said.chars().last(), "{name}: {there:?}");
            }
        }
        rebuilt.push_str(between);
        rebuilt.push_str(own);
        at = instruction.span.end;
    }
    rebuilt.push_str(&text[at..]);
    assert_eq!(rebuilt, text, "{name}");
}

#[test]
fn dockerfiles_of_all_styles_are_read_to_the_byte() {
    for (number, piece) in PIECES.iter().enumerate() {
        check(&format!("piece {number}"), &format!("FROM scratch\n{piece}"));
        check(&format!("piece {number} with CR"), &format!("FROM scratch\n{piece}").replace('\n', "\r\n"));
    }
    for seed in 0..200 {
        check(&format!("generated {seed}"), &generated(seed));
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for kind in ["savings", "images"] {
        for case in std::fs::read_dir(folder.join(kind)).unwrap() {
            let path = case.unwrap().path().join("Dockerfile");
            check(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn another_escape_character_and_its_lines() {
    let text = "# escape=`\nFROM x\nRUN a `\n  b\\\nCOPY a `\n  c:\\d\n";
    check("backtick", text);
    let build = Build::parse("Dockerfile", text).unwrap();
    let words: Vec<String> = build.stages[0].steps.iter().map(explore::build::Step::words).collect();
    assert_eq!(words, ["RUN a b\\", "COPY a c:\\d"]);
}

#[test]
fn what_is_not_a_dockerfile_says_where() {
    for (text, line, problem) in [
        ("", 1, "no FROM"),
        ("# only a comment\n", 1, "no FROM"),
        ("RUN a\nFROM x\n", 1, "before the first FROM"),
        ("FROM x\n\nRUNN a\n", 3, "`RUNN` is not a Dockerfile instruction"),
        ("FROM x\nRUN a <<EOF\nb\n", 2, "no line `EOF`"),
        ("\0\u{1b}[31m", 1, "is not a Dockerfile instruction"),
    ] {
        let error = Build::parse("Dockerfile", text).unwrap_err();
        assert_eq!(error.line, line, "{text:?}");
        assert!(error.problem.contains(problem), "{text:?}: {error}");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
}

#[test]
fn what_is_in_force_at_a_step() {
    let text = "ARG V=1\nFROM a AS b\nWORKDIR /srv\nENV X=y\nFROM b\nARG V\nWORKDIR $X/${V}\nUSER app\nRUN c\n";
    let build = Build::parse("Dockerfile", text).unwrap();
    let last = build.stages[1].steps.last().unwrap();
    assert_eq!(last.around.workdir, "/srv/y/1");
    assert_eq!(last.around.user.as_deref(), Some("app"));
    assert_eq!(build.stages_below(1), [0, 1]);
}
