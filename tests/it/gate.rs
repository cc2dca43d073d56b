//! `explore --ci`: each limit on each side of its edge, what counts and what is excused, exit codes and both streams.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::*;
use serde_json::{Value, json};

/// 1,000,000 bytes in three layers, the first of them the base: of it 100,000 are deleted later, of the others' 400,000
/// bytes 300,000.
fn wasteful() -> ImageBuilder {
    image()
        .layer([file("os", vec![b'o'; 500_000]), file("old", vec![b'd'; 100_000])])
        .layer([file("big", vec![b'b'; 300_000]), file("keep", vec![b'k'; 100_000])])
        .layer([gone("big"), gone("old")])
}

fn saved(folder: &Folder, name: &str, image: &ImageBuilder) -> String {
    folder.write(name, &image.save(Shape::Docker)).display().to_string()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    explore_in(folder).args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

/// Runs it, and holds the exit code against what is expected.
fn judged(folder: &Folder, arguments: &[&str], want: i32) -> String {
    let output = run(folder.path(), arguments);
    let out = text(&output.stdout);
    assert_eq!(code(&output), want, "{arguments:?}\n{out}\n{}", text(&output.stderr));
    out
}

fn last(out: &str) -> &str {
    out.lines().last().unwrap_or_default()
}

#[test]
fn a_baseline_survives_edits_version_bumps_and_moved_lines() {
    let folder = folder();
    let built = |steps: [&str; 3], python: &str, more: usize| {
        let rows = json!(steps.map(|step| json!({"created_by": format!("RUN /bin/sh -c {step} # buildkit")})));
        image()
            .layer([file("var/lib/apt/lists/deb.example_dists_Packages", vec![b'a'; 2_000_000])])
            .layer([
                file(format!("usr/lib/{python}/site-packages/__pycache__/a.pyc"), vec![b'p'; 500_000 + more]),
                file(format!("usr/lib/{python}/site-packages/a.py"), "a"),
                file(format!("root/.cache/pip/http/{}", python.len()), vec![b'c'; 1_000_000 + more]),
            ])
            .layer([gone("var/lib/apt/lists")])
            .history(rows)
    };
    let old = built(["apt-get update", "pip install flask==3.0.1", "rm -rf /var/lib/apt/lists"], "python3.11", 0);
    saved(&folder, "old.tar", &old);
    let limit = ["--ci", "--max-own-wasted-bytes", "1kB", "--baseline", "known.json"];
    let judge = |name: &str, more: &[&str]| run(folder.path(), &[&[name], &limit[..], more].concat());
    assert_eq!(code(&judge("old.tar", &["--write-baseline"])), 0);
    let edited = ["set -e; apt-get update", "pip install flask==3.1.0 gunicorn", "set -e;  rm -rf /var/lib/apt/lists"];
    saved(&folder, "new.tar", &built(edited, "python3.12", 9_000));
    let output = judge("new.tar", &[]);
    assert_eq!(code(&output), 0, "{}", text(&output.stdout));
    // What has grown counts, and so does what is new.
    saved(&folder, "grown.tar", &built(edited, "python3.12", 200_000));
    assert_eq!(code(&judge("grown.tar", &[])), 1);
    let added = built(edited, "python3.12", 0).layer([file("root/.npm/_cacache/x", vec![b'n'; 50_000])]);
    let mut rows = added.history.clone().unwrap();
    rows.as_array_mut().unwrap().push(json!({"created_by": "RUN /bin/sh -c npm ci # buildkit"}));
    saved(&folder, "added.tar", &added.history(rows));
    let output = judge("added.tar", &[]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("npm"), "{}", text(&output.stdout));
    // A baseline of version 1 is read as it was written.
    let found = explore_json(&[folder.path().join("old.tar").to_str().unwrap(), "--json"]);
    let lines = found["waste"]["findings"].as_array().unwrap().iter().map(
        |finding| json!({"fingerprint": finding["fingerprint"], "bytes": finding["bytes"], "rule": "r", "path": "p"}),
    );
    let first = json!({"explore_baseline": 1, "findings": lines.collect::<Vec<_>>()});
    folder.write("known.json", first.to_string().as_bytes());
    let output = judge("old.tar", &[]);
    assert_eq!(code(&output), 0, "{}", text(&output.stdout));
}

#[test]
fn two_reports_on_standard_output_are_refused() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    for flags in [["--json", "--report", "sarif=-"], ["--report=text=-", "--report", "junit=-"]] {
        let output = run(folder.path(), &[&["app.tar", "--ci"], &flags[..]].concat());
        assert_eq!(code(&output), 2, "{flags:?}");
        let said = text(&output.stderr);
        assert!(said.contains("both write to standard output"), "{said}");
    }
}

#[test]
fn a_run_that_fails_says_what_would_make_it_pass() {
    let folder = folder();
    let rows = json!([
        {"created": "2026-10-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:ab in / "},
        {"created": "2026-10-01T00:00:00Z", "created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": true},
        {"created": "2026-11-01T00:00:00Z", "created_by": "RUN /bin/sh -c apt-get update # buildkit"},
        {"created": "2026-11-01T00:00:01Z", "created_by": "COPY app /srv # buildkit"},
        {"created": "2026-11-01T00:00:02Z", "created_by": "RUN /bin/sh -c rm -rf /var/lib/apt/lists # buildkit"},
    ]);
    let built = image()
        .layer([file("etc/motd", "hello")])
        .layer([file("var/lib/apt/lists/x", vec![1; 12_000_000])])
        .layer([file("srv/app", vec![2; 28_000_000])])
        .layer([gone("var/lib/apt/lists")])
        .history(rows);
    let saved = folder.write("image.tar", &built.save(Shape::Docker));
    let judge = |flags: &[&str]| text(&explore(&[&[saved.to_str().unwrap(), "--ci"], flags].concat()).stdout);
    let said = judge(&["--max-own-wasted-percent", "25"]);
    for words in [
        "layer 0 is the base image, going by its history",
        "own layers are those above the base image",
        // (12 - x) / (40 - x) = 25 %.
        "to pass, 2.7 MB of it must go",
        "12 MB to save in layer 1: RUN apt-get update",
        "deleted by layer 3: RUN rm -rf /var/lib/apt/lists",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // Amounts that look alike are written out.
    let said = judge(&["--max-own-wasted-bytes", "11999999"]);
    assert!(
        said.contains("12 000 000 B  at most 11 999 999 B") || said.contains("12,000,000 B  at most 11,999,999 B"),
        "{said}"
    );
    let said = judge(&["--max-own-wasted-bytes", "11.96MB"]);
    assert!(!said.contains("12 MB  at most 12.0 MB"), "{said}");
}

#[test]
fn each_limit_holds_at_its_edge_and_fails_beyond() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    for (flag, holds, fails) in [
        ("max-own-wasted-bytes", "300kB", "299999"),
        ("max-own-wasted-percent", "75", "74.99"),
        ("min-own-efficiency", "0.25", "0.2501"),
        ("max-wasted-bytes", "400 kB", "399999B"),
        ("max-wasted-percent", "40", "39.99"),
        ("min-efficiency", "60%", "60.01%"),
        ("max-image-size", "1MB", "999.999kB"),
        ("max-layers", "3", "2"),
        ("max-layer-size", "600000", "599999"),
        ("limit", "deleted=300000", "deleted=299999"),
        ("forbid", "/big", "/keep"),
        ("forbid", "**/k*.txt", "**/k*"),
        ("require", "/keep", "/big"),
        ("require", "k?ep", "*.so"),
    ] {
        let out = judged(&folder, &["--ci", "--base-layers=1", &format!("--{flag}={holds}"), "app.tar"], 0);
        assert_eq!(last(&out), "verdict: passed", "{flag} {holds}: {out}");
        let out = judged(&folder, &["--ci", "--base-layers=1", &format!("--{flag}={fails}"), "app.tar"], 1);
        assert!(last(&out).starts_with("verdict: failed: "), "{flag} {fails}: {out}");
        assert!(last(&out).contains(flag), "{flag} {fails}: {out}");
        // A variable says the same as the flag, and a file too.
        let variable = format!("EXPLORE_{}", flag.replace('-', "_").to_uppercase());
        let with = |value: &str| {
            explore_in(folder.path()).args(["--ci", "--base-layers=1", "app.tar"]).env(&variable, value).output()
        };
        assert_eq!([code(&with(holds).unwrap()), code(&with(fails).unwrap())], [0, 1], "{variable}");
        for (value, want) in [(holds, 0), (fails, 1)] {
            let line = match value.split_once('=') {
                Some((rule, limit)) => format!("[{flag}]\n{rule} = \"{limit}\"\n"),
                None => format!("{flag} = \"{value}\"\n"),
            };
            folder.write(".explore.toml", line.as_bytes());
            judged(&folder, &["--ci", "--base-layers=1", "app.tar"], want);
        }
        std::fs::remove_file(folder.path().join(".explore.toml")).unwrap();
    }
}

#[test]
fn with_no_configuration_only_much_own_waste_counts() {
    let folder = folder();
    let with = |wasted: usize, kept: usize, base: usize| {
        let image = image()
            .layer([file("os", "o"), file("old", vec![0; base])])
            .layer([file("big", vec![b'b'; wasted]), file("keep", vec![b'k'; kept])])
            .layer([gone("big"), gone("old")]);
        saved(&folder, "app.tar", &image);
        let output = run(folder.path(), &["--ci", "--base-layers=1", "app.tar"]);
        (code(&output), text(&output.stdout))
    };
    // 10 MB is the floor, 5 % the limit.
    let (passed, out) = with(9_999_999, 1, 0);
    assert!(passed == 0 && out.contains("less than the floor of 10 MB"), "{out}");
    assert!(!out.contains("big"), "below the floor nothing is said: {out}");
    let (failed, out) = with(10_000_000, 1, 0);
    assert!(failed == 1 && out.contains("big"), "{out}");
    assert_eq!(last(&out), "verdict: failed: max-own-wasted-percent");
    assert_eq!(with(10_000_000, 190_000_000, 0).0, 0, "exactly 5 %");
    assert_eq!(with(10_000_000, 189_000_000, 0).0, 1, "more than 5 %");
    let (passed, out) = with(0, 1, 50_000_000);
    assert!(passed == 0 && out.contains("50 MB  1 finding in the base image"), "not this image's fault: {out}");
}

#[test]
fn the_default_limit_gives_way_and_a_floor_can_be_set() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let own = ["--ci", "--base-layers=1", "app.tar"];
    let with = |more: &[&str], want: i32| judged(&folder, &[&own[..], more].concat(), want);
    with(&["--floor=300001"], 0);
    with(&["--floor=300000"], 1);
    with(&["--max-own-wasted-percent=5"], 1);
    with(&["--max-own-wasted-percent=5", "--floor=1MB"], 0);
    with(&["--max-own-wasted-percent=off", "--floor=0"], 0);
    let out = with(&["--max-own-wasted-bytes=1MB", "--floor=0"], 0);
    assert!(!out.contains("percent"), "{out}");
    // Limits on bytes have no floor.
    with(&["--max-own-wasted-bytes=1", "--floor=1GB"], 1);
    let out = with(&["--max-own-wasted-percent=off"], 0);
    assert!(out.contains("no limit is set"), "{out}");
}

fn secret() -> ImageBuilder {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    image().layer([file("os", "o")]).layer([file("root/.ssh/id_rsa", key)]).layer([gone("root/.ssh/id_rsa")])
}

#[test]
fn secrets_fail_when_they_are_denied_and_no_baseline_knows_them() {
    let folder = folder();
    saved(&folder, "app.tar", &secret());
    judged(&folder, &["--ci", "app.tar"], 0);
    let out = judged(&folder, &["--ci", "--deny-secrets", "app.tar"], 1);
    assert!(out.contains("secret-private-key") && out.contains("root/.ssh/id_rsa"), "{out}");
    assert!(!out.contains("b3BlbnNzaC1rZXktdjEAAAAA"), "{out}");
    judged(&folder, &["--ci", "--deny-secrets=false", "app.tar"], 0);
    judged(&folder, &["--ci", "--limit=secret-private-key=0", "app.tar"], 1);
    judged(&folder, &["--ci", "--limit=secret-private-key=1", "app.tar"], 0);
    judged(&folder, &["--ci", "--deny-secrets", "--baseline=b.json", "--write-baseline", "app.tar"], 1);
    judged(&folder, &["--ci", "--deny-secrets", "--baseline=b.json", "app.tar"], 1);
    judged(&folder, &["--ci", "--deny-secrets", "--against=app.tar", "app.tar"], 1);
    let exception = "deny-secrets = true\n[[ignore]]\nrule = \"secret-private-key\"\nreason = \"a test's key\"\n";
    folder.write(".explore.toml", exception.as_bytes());
    let out = judged(&folder, &["--ci", "app.tar"], 0);
    assert!(out.contains("1 finding excused: a test's key"), "{out}");
}

#[test]
fn paths_are_found_through_links() {
    let folder = folder();
    let linked = image().layer([symlink("bin", "usr/bin"), file("usr/bin/sh", "sh")]);
    saved(&folder, "app.tar", &linked);
    judged(&folder, &["--ci", "--require=/bin/sh", "--require=usr/bin/sh", "--require=/bin", "app.tar"], 0);
    judged(&folder, &["--ci", "--forbid=/bin/sh", "app.tar"], 1);
    judged(&folder, &["--ci", "--forbid=/bin/s*", "app.tar"], 0);
}

#[test]
fn a_limit_on_what_is_only_advised_is_held_all_the_same() {
    let folder = folder();
    let library = [b"!<arch>\n".to_vec(), vec![b'a'; 1_999_992]].concat();
    let image = image().layer([file("os", "o")]).layer([file("usr/lib/libx.a", library)]);
    saved(&folder, "app.tar", &image);
    let out = judged(&folder, &["--ci", "--base-layers=1", "--limit=static-libs=1MB", "app.tar"], 1);
    assert_eq!(last(&out), "verdict: failed: limit.static-libs", "{out}");
    judged(&folder, &["--ci", "--base-layers=1", "--limit=static-libs=2MB", "app.tar"], 0);
}

#[test]
fn a_misspelt_rule_is_no_limit_that_always_holds() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let output = run(folder.path(), &["--ci", "--limit=apt-list=0", "app.tar"]);
    assert_eq!(code(&output), 2);
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    assert!(said.contains("--limit: there is no rule apt-list; did you mean apt-lists?"), "{said}");
}

/// `wasteful` with more or less of it, and other names for the layers.
fn grown(big: usize, other: bool) -> ImageBuilder {
    let mut built = vec![file("big", vec![b'b'; big]), file("keep", vec![b'k'; 100_000])];
    if other {
        built.push(file("other/new", vec![b'n'; 5]));
    }
    let mut ended = vec![gone("big"), gone("old")];
    if other {
        ended.push(gone("other"));
    }
    image().layer([file("os", vec![b'o'; 500_000]), file("old", vec![b'd'; 100_000])]).layer(built).layer(ended)
}

#[test]
fn a_baseline_knows_old_waste_and_fails_on_new() {
    let folder = folder();
    saved(&folder, "old.tar", &grown(300_000, false));
    let base = ["--ci", "--base-layers=1", "--max-own-wasted-bytes=0", "--baseline=known.json"];
    let with = |more: &[&str], want: i32| judged(&folder, &[&base[..], more].concat(), want);
    let output = run(folder.path(), &[&base[..], &["old.tar"]].concat());
    assert_eq!(code(&output), 2, "a baseline that is not there is no empty one");
    assert!(text(&output.stderr).contains("there is no baseline known.json yet; `--write-baseline` writes it"));
    let out = with(&["--write-baseline", "old.tar"], 0);
    assert!(out.contains("known to the baseline"), "{out}");
    let written = std::fs::read_to_string(folder.path().join("known.json")).unwrap();
    with(&["--write-baseline", "old.tar"], 0);
    assert_eq!(std::fs::read_to_string(folder.path().join("known.json")).unwrap(), written, "the same again");
    assert!(!written.contains("sha256"), "{written}");
    let known: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(known["findings"].as_array().unwrap().len(), 1, "{written}");
    assert_eq!(written.lines().filter(|line| line.contains("\"rule\"")).count(), 1, "a line for each: {written}");
    with(&["old.tar"], 0);
    // A tenth more is not new waste; a byte more is.
    saved(&folder, "more.tar", &grown(330_000, false));
    with(&["more.tar"], 0);
    saved(&folder, "more.tar", &grown(330_001, false));
    let out = with(&["more.tar"], 1);
    assert!(out.contains("it was 300 kB before"), "{out}");
    saved(&folder, "less.tar", &grown(1, false));
    with(&["less.tar"], 0);
    // What is new counts, and what is known does not.
    let news = image().layer([file("os", "o")]).layer([file("n/x", "12345")]).layer([gone("n/x")]);
    saved(&folder, "new.tar", &news);
    let out = with(&["new.tar"], 1);
    assert!(out.contains("n/x"), "{out}");
}

#[test]
fn a_baseline_is_the_same_with_and_without_a_dockerfile() {
    let folder = folder();
    let history = json!([
        {"created_by": "ADD rootfs.tar / # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"created_by": "COPY big keep / # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"created_by": "RUN /bin/sh -c rm /big /old # buildkit", "comment": "buildkit.dockerfile.v0"}
    ]);
    saved(&folder, "app.tar", &wasteful().history(history));
    folder.write("Dockerfile", b"FROM scratch\nADD rootfs.tar /\nCOPY --link big keep /\nRUN rm /big /old\n");
    let limit = ["--ci", "--base-layers=1", "--max-own-wasted-bytes=0", "--baseline=known.json", "app.tar"];
    judged(&folder, &[&limit[..], &["--write-baseline", "--dockerfile=Dockerfile"]].concat(), 0);
    let out = judged(&folder, &limit, 0);
    assert!(out.contains("known to the baseline"), "{out}");
    std::fs::remove_file(folder.path().join("known.json")).unwrap();
    judged(&folder, &[&limit[..], &["--write-baseline"]].concat(), 0);
    judged(&folder, &[&limit[..], &["--dockerfile=Dockerfile"]].concat(), 0);
}

#[test]
fn a_broken_baseline_is_no_baseline() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    for (content, says) in [
        ("", "it is not a baseline"),
        ("[]", "it is not a baseline"),
        ("{\"explore_baseline\": 9, \"findings\": []}", "a baseline of version 9"),
        ("{\"explore_baseline\": 1, \"findings\": [], \"more\": 1}", "unknown field"),
    ] {
        folder.write("b.json", content.as_bytes());
        let output = run(folder.path(), &["--ci", "--baseline=b.json", "app.tar"]);
        assert_eq!(code(&output), 2, "{content}");
        assert!(text(&output.stderr).contains(says), "{content}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn no_worse_than_another_image() {
    let folder = folder();
    saved(&folder, "released.tar", &grown(300_000, false));
    saved(&folder, "same.tar", &grown(310_000, false));
    saved(&folder, "worse.tar", &grown(400_000, false));
    let with = |image: &str, want: i32| {
        judged(&folder, &["--ci", "--base-layers=1", "--max-own-wasted-bytes=0", "--against=released.tar", image], want)
    };
    let out = with("same.tar", 0);
    assert!(out.contains("the other image has it too"), "{out}");
    with("worse.tar", 1);
    // The base that is said is that of the image that is judged.
    saved(&folder, "base.tar", &image().layer([file("os", vec![b'o'; 500_000]), file("old", vec![b'd'; 100_000])]));
    saved(&folder, "other.tar", &image().layer([file("other", "o")]).layer([file("x", "x")]));
    judged(&folder, &["--ci", "--base=base.tar", "--against=other.tar", "same.tar"], 0);
    judged(&folder, &["--ci", "--against=gone.tar", "same.tar"], 2);
    judged(&folder, &["--ci", "--against=released.tar", "--baseline=x.json", "same.tar"], 2);
}

#[test]
fn exceptions_excuse_end_and_are_told_when_they_are_idle() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let with = |exception: &str, want: i32| {
        let line = format!(
            "max-own-wasted-bytes = 0\nbase-layers = 1\n[[ignore]]\nreason = \"since\\u001b[31m\"\n{exception}\n"
        );
        folder.write(".explore.toml", line.as_bytes());
        judged(&folder, &["--ci", "app.tar"], want)
    };
    for fits in [
        "rule = \"deleted\"",
        "path = \"/big\"",
        "path = \"b*\"",
        "instruction = \"step 1\"",
        "rule = \"deleted\"\npath = \"/big\"\nuntil = 2999-12-31",
        "path = \"/**\"\nuntil = \"2999-12-31\"",
    ] {
        let out = with(fits, 0);
        assert!(out.contains("excused: since\\x1b[31m"), "{fits}: {out}");
        assert!(!out.contains("note:"), "{fits}: {out}");
    }
    let out = with("path = \"/big\"\nuntil = 2020-01-31", 1);
    assert!(out.contains(".explore.toml:3: the exception for /big ended on 2020-01-31"), "{out}");
    for idle in ["rule = \"apt-lists\"", "path = \"/keep\"", "instruction = \"step 9\"", "fingerprint = \"00\""] {
        let out = with(idle, 1);
        assert!(out.contains("excuses nothing; it can go"), "{idle}: {out}");
        assert!(last(&out).starts_with("verdict: "), "{out}");
    }
}

#[test]
fn an_exception_for_a_part_excuses_nothing_and_says_so() {
    let folder = folder();
    let image = image()
        .layer([file("os", "o")])
        .layer([file("a/1", vec![b'1'; 1000]), file("b/2", vec![b'2'; 1000])])
        .layer([gone("a"), gone("b")]);
    saved(&folder, "app.tar", &image);
    folder.write(
        ".explore.toml",
        b"max-own-wasted-bytes = 0\nbase-layers = 1\n[[ignore]]\npath = \"/a\"\nreason = \"r\"\n",
    );
    let out = judged(&folder, &["--ci", "app.tar"], 1);
    assert!(out.contains("the exception for /a covers 1 of 2 paths"), "{out}");
}

#[test]
fn ci_is_on_by_itself_in_a_pipeline_and_can_be_undone() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let with = |ci: &str, arguments: &[&str]| {
        let limits = [("EXPLORE_MAX_OWN_WASTED_BYTES", "1"), ("EXPLORE_BASE_LAYERS", "1"), ("CI", ci)];
        explore_in(folder.path()).args(arguments).envs(limits).output().unwrap()
    };
    for on in ["true", "1", "TRUE"] {
        assert_eq!(code(&with(on, &["app.tar"])), 1, "{on}");
    }
    for off in ["false", "0", "", "woodpecker"] {
        let output = with(off, &["app.tar"]);
        assert_eq!(code(&output), 0, "{off}");
        assert!(!text(&output.stdout).contains("verdict:"), "{off}");
    }
    assert_eq!(code(&with("true", &["--ci=false", "app.tar"])), 0);
    let undone =
        explore_in(folder.path()).args(["app.tar"]).envs([("CI", "true"), ("EXPLORE_CI", "0")]).output().unwrap();
    assert!(code(&undone) == 0 && !text(&undone.stdout).contains("verdict"));
    assert_eq!(code(&with("", &["--ci", "app.tar"])), 1);
    // Other commands are what they are.
    assert_eq!(code(&with("true", &["ls", "app.tar"])), 0);
    // A name that got lost is not an image that passes.
    for lost in [&[][..], &["--ci"][..], &[""][..], &["--json"][..]] {
        assert_eq!(code(&with("true", lost)), 2, "{lost:?}");
    }
}

#[test]
fn json_does_not_take_the_verdict_away() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let limits = ["--ci", "--base-layers=1", "--max-own-wasted-bytes=1", "app.tar"];
    let output = run(folder.path(), &[&limits[..], &["--json"]].concat());
    assert_eq!(code(&output), 1);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema: Value = serde_json::from_str(&std::fs::read_to_string("docs/schema.json").unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let ci = &json["ci"];
    assert_eq!(ci["pass"], json!(false));
    assert_eq!(ci["rules"][0]["rule"], json!("max-own-wasted-bytes"));
    assert_eq!(ci["rules"][0]["limit"], json!(1));
    assert_eq!(ci["rules"][0]["value"], json!(300_000));
    assert_eq!(ci["rules"][0]["unit"], json!("bytes"));
    let counted = ci["counted"][0].as_u64().unwrap() as usize;
    assert_eq!(json["waste"]["findings"][counted]["bytes"], json!(300_000));
    let base = ci["excused"].as_array().unwrap().iter().find(|each| each["why"] == json!("base")).unwrap();
    let base = base["finding"].as_u64().unwrap() as usize;
    assert_eq!(json["waste"]["findings"][base]["owner"], json!("base"));
    assert!(text(&output.stderr).contains("verdict: failed: max-own-wasted-bytes"));
    // To a file: the text stays where it is.
    let output = run(folder.path(), &[&limits[..], &["--json=out.json"]].concat());
    assert_eq!(code(&output), 1);
    assert_eq!(last(&text(&output.stdout)), "verdict: failed: max-own-wasted-bytes");
    let file: Value = serde_json::from_slice(&std::fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    assert_eq!(file, json);
    // Without a gate there is no verdict.
    let output = run(folder.path(), &["app.tar", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["ci"], Value::Null);
}

#[test]
fn what_could_not_be_looked_at_never_passes() {
    let folder = folder();
    let whole = wasteful().save(Shape::Docker);
    let many_rows = wasteful()
        .history(json!([{"created_by": "RUN a"}, {"created_by": "RUN b"}, {"created_by": "RUN c"},
        {"created_by": "RUN d"}, {"created_by": "RUN e"}]));
    // 30 times each: what is left to chance shows.
    for round in 0..30 {
        let cut = whole.len() * (round + 1) / 32;
        folder.write("cut.tar", &whole[..cut]);
        judged(&folder, &["--ci", "--max-own-wasted-percent=off", "cut.tar"], 2);
        folder.write("empty.tar", &archive(&[("manifest.json".into(), b"[]".to_vec())]));
        judged(&folder, &["--ci", "empty.tar"], 2);
    }
    saved(&folder, "rows.tar", &many_rows);
    let output = run(folder.path(), &["--ci", "--max-own-wasted-percent=off", "rows.tar"]);
    assert!([0, 2].contains(&code(&output)), "{output:?}");
    judged(&folder, &["--ci", "no.tar"], 2);
    judged(&folder, &["--ci", "."], 2);
    // A damaged layer of an image that is over its limits, too: 2 says more than 1.
    let half = |tar: &[u8]| {
        let whole = gzip(tar);
        whole[..whole.len() / 2].to_vec()
    };
    saved(&folder, "half.tar", &wasteful().compress(half));
    let out = judged(&folder, &["--ci", "--max-layers=1", "half.tar"], 2);
    assert_eq!(last(&out), "verdict: failed: whole-image, max-layers");
    let out = judged(&folder, &["--ci", "--max-layers=9", "half.tar"], 2);
    assert_eq!(last(&out), "verdict: failed: whole-image");
    judged(&folder, &["--ci", "--baseline=b.json", "--write-baseline", "half.tar"], 2);
    assert!(!folder.path().join("b.json").exists());
    judged(&folder, &["--ci", "--against=half.tar", "rows.tar"], 2);
}

#[test]
fn a_wrong_path_of_settings_is_an_error() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    for flag in ["--config=no.toml", "--ci-config=no.yaml", "--rules=no.toml", "--dockerfile=no", "--from-file=no"] {
        judged(&folder, &["--ci", flag, "app.tar"], 2);
    }
    let output = run(folder.path(), &["--ci", "--config=no.toml", "app.tar"]);
    assert!(
        text(&output.stderr).contains("no.toml can't be read") && text(&output.stderr).contains("--config names it")
    );
}

#[test]
fn limits_without_a_gate_are_a_mistake() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let output = run(folder.path(), &["--max-layers=1", "app.tar"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("--max-layers is for --ci"));
    judged(&folder, &["--ci=false", "--max-layers=1", "app.tar"], 0);
    judged(&folder, &["app.tar", "app.tar"], 2);
    judged(&folder, &["--ci", "--files", "app.tar"], 2);
}

#[test]
fn several_images_have_one_summary_and_the_worst_code() {
    let folder = folder();
    saved(&folder, "bad.tar", &wasteful());
    saved(&folder, "good.tar", &image().name("good:1").layer([file("os", "o")]));
    let limit = ["--ci", "--base-layers=1", "--max-own-wasted-bytes=0"];
    let with = |more: &[&str], want: i32| judged(&folder, &[&limit[..], more].concat(), want);
    let out = with(&["good.tar", "good.tar"], 0);
    assert_eq!(last(&out), "verdict: passed: 2 images");
    let out = with(&["good.tar", "bad.tar"], 1);
    assert_eq!(last(&out), "verdict: failed: 1 of 2 images");
    assert!(out.contains("FAIL") && out.contains("OWN WASTE"), "{out}");
    let out = with(&["bad.tar", "gone.tar", "good.tar"], 2);
    assert_eq!(last(&out), "verdict: failed: 1 of 3 images; 1 of 3 images could not be looked at");
    folder.write("list", b"# images\n\n good.tar \nbad.tar\n");
    let out = with(&["--from-file=list"], 1);
    assert_eq!(last(&out), "verdict: failed: 1 of 2 images");
    let out = with(&["good.tar", "--from-file=list"], 1);
    assert_eq!(last(&out), "verdict: failed: 1 of 3 images");
    folder.write("list", b"# nothing\n");
    with(&["--from-file=list"], 2);
    let output = run(folder.path(), &[&limit[..], &["good.tar", "bad.tar", "--json"]].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!([&json[0]["ci"]["pass"], &json[1]["ci"]["pass"]], [&json!(true), &json!(false)]);
    // An exception that one of them needs is not idle.
    folder.write(".explore.toml", b"[[ignore]]\nrule = \"deleted\"\nreason = \"r\"\n");
    let out = with(&["good.tar", "bad.tar"], 0);
    assert!(!out.contains("note:"), "{out}");
}

#[test]
fn layers_that_are_shared_are_read_once() {
    let folder = folder();
    let mut noise = vec![0_u8; 3_000_000];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut noise);
    let base = layer(&[file("os", &noise)]);
    let with = |own: &str| image().compress(gzip).tar(base.clone()).layer([file("own", own)]);
    saved(&folder, "a.tar", &with("a"));
    saved(&folder, "b.tar", &with("b"));
    let bytes = |arguments: &[&str]| -> Vec<u64> {
        let output = run(folder.path(), arguments);
        assert!(code(&output) < 2, "{output:?}");
        let said = text(&output.stderr);
        let tree = said.lines().filter(|line| line.trim_start().starts_with("tree"));
        let number = |line: &str| {
            line.split_whitespace().filter_map(|word| word.replace(',', "").parse::<f64>().ok()).next_back()
        };
        tree.map(|line| number(line).unwrap_or_else(|| panic!("{line}")) as u64).collect()
    };
    for cache in ["--no-cache", "--no-cache=false"] {
        let read = bytes(&["--ci", "--timings", cache, "a.tar", "b.tar"]);
        assert_eq!(read.len(), 2, "{read:?}");
        assert!(read[0] > read[1] * 10, "{cache}: the second has little left to read: {read:?}");
    }
    // What is kept is what was read.
    let json = |arguments: &[&str]| -> Value {
        let output = run(folder.path(), arguments);
        let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
        json.as_object_mut().unwrap().remove("ci");
        json
    };
    let alone = json(&["b.tar", "--json", "--files", "--no-cache"]);
    let output = run(folder.path(), &["--ci", "--no-cache", "--json", "--files", "a.tar", "b.tar"]);
    let mut both: Value = serde_json::from_slice(&output.stdout).unwrap();
    both[1].as_object_mut().unwrap().remove("ci");
    assert_eq!(both[1], alone);
}

#[test]
fn reports_are_files_and_whole() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let limits = ["--ci", "--base-layers=1", "--max-own-wasted-bytes=1", "app.tar"];
    let names = ["text", "json", "sarif", "junit", "gitlab", "github", "markdown", "html"];
    let flags: Vec<String> = names.iter().map(|name| format!("--report={name}=out/{name}")).collect();
    let all: Vec<&str> = limits.iter().copied().chain(flags.iter().map(String::as_str)).collect();
    let output = run(folder.path(), &all);
    assert_eq!(code(&output), 2, "a folder that is not there is an error, and no verdict");
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let output = run(folder.path(), &all);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    assert_eq!(last(&text(&output.stdout)), "verdict: failed: max-own-wasted-bytes");
    for name in names {
        assert!(!std::fs::read(folder.path().join("out").join(name)).unwrap().is_empty(), "{name}");
    }
    let written = std::fs::read_to_string(folder.path().join("out/text")).unwrap();
    assert_eq!(last(&written), "verdict: failed: max-own-wasted-bytes");
    assert_eq!(
        std::fs::read_dir(folder.path().join("out")).unwrap().count(),
        names.len(),
        "nothing is left beside them"
    );
    // An image is not a place for a report.
    let before = std::fs::read(folder.path().join("app.tar")).unwrap();
    judged(&folder, &["--ci", "--report=junit=app.tar", "app.tar"], 2);
    judged(&folder, &["--json", "app.tar", "app.tar"], 2);
    assert_eq!(std::fs::read(folder.path().join("app.tar")).unwrap(), before);
    let output = run(folder.path(), &[&limits[..], &["--report=json"]].concat());
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "nothing but the report on standard output");
    assert!(text(&output.stderr).contains("verdict: failed"));
    judged(&folder, &["--report=json=alone.json", "app.tar"], 0);
    assert!(folder.path().join("alone.json").is_file());
}

#[test]
fn no_report_passes_over_an_image_that_could_not_be_looked_at() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    let formats = ["text", "sarif", "junit", "github", "markdown", "html"];
    let reports: Vec<String> = formats.iter().map(|format| format!("--report={format}={format}.out")).collect();
    let mut arguments = vec!["--ci", "app.tar", "gone.tar"];
    arguments.extend(reports.iter().map(String::as_str));
    let output = run(folder.path(), &arguments);
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
    for format in formats {
        let report = std::fs::read_to_string(folder.path().join(format!("{format}.out"))).unwrap();
        assert!(report.contains("could not be looked at"), "{format}: {report}");
    }
}

#[test]
fn github_gets_annotations_and_a_summary_of_the_step() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    folder.write("summary.md", b"# of another step\n");
    let with = |arguments: &[&str]| {
        let surroundings = [("GITHUB_ACTIONS", "true"), ("CI", "true"), ("GITHUB_STEP_SUMMARY", "summary.md")];
        let limits = ["--base-layers=1", "--max-own-wasted-bytes=1", "app.tar"];
        explore_in(folder.path()).envs(surroundings).args(limits).args(arguments).output().unwrap()
    };
    let output = with(&[]);
    assert_eq!(code(&output), 1);
    assert_eq!(last(&text(&output.stdout)), "verdict: failed: max-own-wasted-bytes");
    let summary = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("# of another step\n") && summary.len() > 30, "{summary}");
    let output = with(&["--json"]);
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "annotations don't get into it");
    let output = with(&["--ci=false"]);
    assert!(!text(&output.stdout).contains("verdict"));
}

#[test]
fn a_reader_that_goes_away_changes_no_verdict() {
    let folder = folder();
    saved(&folder, "app.tar", &wasteful());
    for arguments in ["", "--json", "--report=text", "--report=text=/dev/stdout"] {
        let line = format!(
            "'{}' --ci --base-layers=1 --max-own-wasted-bytes=1 {arguments} app.tar | true; echo ${{PIPESTATUS[0]}}",
            env!("CARGO_BIN_EXE_explore")
        );
        let mut command = Command::new("bash");
        let output = undisturbed(&mut command).args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        assert_eq!(text(&output.stdout).trim(), "1", "{arguments}: {}", text(&output.stderr));
    }
}

#[test]
fn hostile_names_do_no_harm() {
    let folder = folder();
    let names: [&[u8]; 6] = [
        b"evil\x1b[31mred",
        b"::error title=x::y",
        b"a\nverdict: passed",
        b"caf\xe9</script><script>alert(1)</script>",
        b"|`=cmd()`|**x**",
        "\u{202e}txt.exe".as_bytes(),
    ];
    let mut built = vec![dir("etc")];
    built.extend(names.iter().map(|name| file([b"srv/", *name].concat(), vec![b'x'; 10_000])));
    let history = json!([
        {"created_by": "ADD base"},
        {"created_by": "RUN /bin/sh -c evil \u{1b}[2J\n::error::x\nverdict: passed"},
        {"created_by": "RUN /bin/sh -c rm -rf /srv \u{202e}"}
    ]);
    let image =
        image().name("a\u{1b}[31m:b").history(history).layer([file("os", "o")]).layer(built).layer([gone("srv")]);
    folder.write("evil\u{1b}[31m.tar", &image.save(Shape::Docker));
    let harmless = |bytes: &[u8]| {
        let out = text(bytes);
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out:?}");
        assert!(!out.lines().any(|line| line.trim_start().starts_with("::")), "{out}");
        let verdicts = out.lines().filter(|line| line.starts_with("verdict:")).count();
        assert_eq!(verdicts, 1, "{out}");
        assert!(last(&out).starts_with("verdict: failed"), "{out}");
    };
    let arguments =
        ["--ci", "--base-layers=1", "--max-own-wasted-bytes=1", "--max-layer-size=1", "--forbid=/os\u{1b}]31m"];
    let output = run(folder.path(), &[&arguments[..], &["evil\u{1b}[31m.tar"]].concat());
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    harmless(&output.stdout);
    let output = run(folder.path(), &[&arguments[..], &["evil\u{1b}[31m.tar", "evil\u{1b}[31m.tar"]].concat());
    harmless(&output.stdout);
    assert!(!text(&output.stderr).contains('\u{1b}'));
    let output = run(folder.path(), &["--ci", "no\u{1b}[31m.tar", "evil\u{1b}[31m.tar"]);
    assert!(!text(&output.stderr).contains('\u{1b}'), "{}", text(&output.stderr));
    let output = run(folder.path(), &[&arguments[..], &["--json", "evil\u{1b}[31m.tar"]].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ci = json["ci"].to_string();
    assert!(!ci.contains("\\u001b") && !ci.contains('\u{202e}'), "{ci}");
    folder.write("command.tar", &wasteful().name(" ::stop-commands::x").save(Shape::Docker));
    let output = run(folder.path(), &["--ci", "--max-layers=1", "--summary", "command.tar"]);
    harmless(&output.stdout);
    let obeyed = wasteful().name("##[add-mask]o:1").history(json!([
        {"created_by": "RUN a"}, {"created_by": "RUN echo '##[error]no'"}, {"created_by": "RUN rm big # ##[endgroup]"}
    ]));
    folder.write("command.tar", &obeyed.save(Shape::Docker));
    let output = run(folder.path(), &[&arguments[..], &["command.tar"]].concat());
    assert!(text(&output.stdout).contains("#\\x23[error]"), "{}", text(&output.stdout));
    assert!(!text(&output.stdout).contains("##["), "{}", text(&output.stdout));
    folder.write("b.json", b"");
    let output = run(
        folder.path(),
        &[&arguments[..], &["--baseline=known.json", "--write-baseline", "evil\u{1b}[31m.tar"]].concat(),
    );
    assert_eq!(code(&output), 1, "the layer is too large all the same");
    let written = std::fs::read_to_string(folder.path().join("known.json")).unwrap();
    assert!(!written.contains('\u{1b}') && !written.contains("\\u001b"), "{written}");
    let _: Value = serde_json::from_str(&written).unwrap();
}
