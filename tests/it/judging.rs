//! What is called waste and what is not, whose it is, and where in the Dockerfile it ends.

use std::path::Path;
use std::process::Command;

use crate::common::{
    Entry, ImageBuilder, Shape, dir, file, folder, gone, gzip, hardlink, image, look_with, symlink, zstd,
};
use explore::image::Digest;
use explore::inspect::{Inspection, Options};
use explore::waste::{Finding, Kind, Severity};
use serde_json::{Value, json};

fn rows(instructions: &[&str]) -> Value {
    instructions
        .iter()
        .map(|text| {
            let empty = ["ENV", "CMD", "ENTRYPOINT", "ARG", "LABEL", "USER", "WORKDIR"]
                .iter()
                .any(|word| text.starts_with(word));
            json!({"created": "2026-01-02T03:04:05Z", "created_by": text, "empty_layer": empty})
        })
        .collect()
}

fn judge_with(built: &ImageBuilder, options: &Options) -> Inspection {
    let folder = folder();
    let plain = look_with(&folder.write("plain.tar", &built.save(Shape::Docker)), options);
    // What is read in passing has to say the same.
    let folder = crate::common::folder();
    let zipped = ImageBuilder { compress: gzip, ..built.clone() };
    let flowing = look_with(&folder.write("gzip.tar", &zipped.save(Shape::Docker)), options);
    let told = |found: &Inspection| -> Vec<(String, u64, String)> {
        let rows = found.waste.findings.iter();
        rows.map(|each| (each.kind.name().to_owned(), each.bytes, each.message.clone())).collect()
    };
    assert_eq!(told(&plain), told(&flowing), "plain and gzip differ");
    assert_eq!(plain.waste.sums, flowing.waste.sums);
    plain
}

fn judge(built: &ImageBuilder) -> Inspection {
    judge_with(built, &Options { base_layers: Some(0), advice: true, ..Options::default() })
}

/// Kind and rule of a live path: `cruft:pip-cache`, `advice:x`, `-`.
fn said_of(found: &Inspection, path: &str) -> String {
    let node = found.tree.paths.find(path.as_bytes()).unwrap_or_else(|| panic!("{path}"));
    let at = found.tree.state(node, found.tree.top().unwrap()).unwrap();
    let charge = found.waste.charges.iter().find(|charge| Some(charge.file) == found.tree.copy_of(at));
    match charge {
        None => "-".to_owned(),
        Some(charge) => match charge.rule() {
            Some(rule) => format!("{}:{}", charge.kind.name(), found.waste.rules.all()[rule.index()].id),
            None => charge.kind.name().to_owned(),
        },
    }
}

fn one(entries: impl AsRef<[Entry]>) -> ImageBuilder {
    image().layer(entries)
}

#[test]
fn guards_keep_what_is_in_use() {
    let pip = || file("root/.cache/pip/x", "0123456789");
    let tmp = || file("tmp/app/server", "program");
    let cases: Vec<(&str, ImageBuilder, &str, &str)> = vec![
        ("left over", one([pip()]), "root/.cache/pip/x", "cruft:pip-cache"),
        ("G-target", one([pip(), symlink("srv/lib", "/root/.cache/pip")]), "root/.cache/pip/x", "-"),
        ("G-target: the file", one([pip(), symlink("srv/lib", "../root/.cache/pip/x")]), "root/.cache/pip/x", "-"),
        ("a link within", one([pip(), symlink("root/.cache/pip/y", "x")]), "root/.cache/pip/x", "cruft:pip-cache"),
        ("a link far above", one([pip(), symlink("srv/home", "/root")]), "root/.cache/pip/x", "cruft:pip-cache"),
        (
            "a link elsewhere that is gone",
            one([pip(), symlink("srv/lib", "/root/.cache/pip")]).layer([gone("srv/lib")]),
            "root/.cache/pip/x",
            "cruft:pip-cache",
        ),
        ("/tmp", one([tmp()]), "tmp/app/server", "cruft:tmp-files"),
        (
            "G-run: entrypoint",
            one([tmp()]).run(json!({"Entrypoint": ["/tmp/app/server"]})),
            "tmp/app/server",
            "advice:tmp-files",
        ),
        (
            "G-run: beside it",
            one([tmp(), file("tmp/app/lib.so", "l")]).run(json!({"Cmd": ["sh", "-c", "/tmp/app/server -v"]})),
            "tmp/app/lib.so",
            "advice:tmp-files",
        ),
        ("G-run: volume", one([tmp()]).run(json!({"Volumes": {"/tmp/app": {}}})), "tmp/app/server", "advice:tmp-files"),
        (
            "G-run: working directory",
            one([tmp()]).run(json!({"WorkingDir": "/tmp/app"})),
            "tmp/app/server",
            "advice:tmp-files",
        ),
        (
            "G-run: variable",
            one([tmp()]).run(json!({"Env": ["APP_HOME=/tmp/app"]})),
            "tmp/app/server",
            "advice:tmp-files",
        ),
        ("the root is everyone's", one([tmp()]).run(json!({"WorkingDir": "/"})), "tmp/app/server", "cruft:tmp-files"),
        (
            "**/ below the working directory",
            one([file("app/.git/objects/pack/a", "packed")]).run(json!({"WorkingDir": "/app"})),
            "app/.git/objects/pack/a",
            "cruft:vcs-dirs",
        ),
        (
            "G-cmd",
            one([file("go/pkg/mod/x/y.go", "package")]).run(json!({"Cmd": ["/usr/local/go/bin/go", "run", "."]})),
            "go/pkg/mod/x/y.go",
            "advice:go-modcache",
        ),
        (
            "not the tool",
            one([file("go/pkg/mod/x/y.go", "package")]).run(json!({"Cmd": ["bash"]})),
            "go/pkg/mod/x/y.go",
            "cruft:go-modcache",
        ),
        (
            "a verb of the tool",
            one([file("root/.nuget/packages/a/b.dll", "dll")]).run(json!({"Cmd": ["dotnet", "test"]})),
            "root/.nuget/packages/a/b.dll",
            "advice:nuget-packages",
        ),
        (
            "another verb",
            one([file("root/.nuget/packages/a/b.dll", "dll")]).run(json!({"Cmd": ["dotnet", "app.dll"]})),
            "root/.nuget/packages/a/b.dll",
            "cruft:nuget-packages",
        ),
        (
            "never",
            one([file("etc/ssl/certs/ca.key", "x"), file("var/lib/dpkg/status-old", "s")]),
            "etc/ssl/certs/ca.key",
            "-",
        ),
        ("not never", one([file("var/lib/dpkg/status-old", "s")]), "var/lib/dpkg/status-old", "cruft:dpkg-backups"),
        (
            "a virtual environment",
            one([file("root/.cache/pip/env/pyvenv.cfg", "home = x"), file("root/.cache/pip/env/bin/python", "p")]),
            "root/.cache/pip/env/bin/python",
            "-",
        ),
        (
            "Plug'n'Play",
            one([file("app/.yarn/cache/a.zip", "zip"), file("app/.pnp.cjs", "pnp")]),
            "app/.yarn/cache/a.zip",
            "-",
        ),
        (
            "no Plug'n'Play",
            one([file("app/.yarn/cache/a.zip", "zip")]),
            "app/.yarn/cache/a.zip",
            "cruft:yarn-berry-cache",
        ),
        ("no core dump", one([file("app/core.12", "#!/bin/sh")]), "app/core.12", "-"),
        (
            "a core dump",
            one([file("app/core.12", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0")]),
            "app/core.12",
            "cruft:core-dumps",
        ),
        (
            "a target that is Cargo's",
            one([file("app/target/release/deps/a.rlib", "rlib"), file("app/target/CACHEDIR.TAG", "Signature")]),
            "app/target/release/deps/a.rlib",
            "cruft:cargo-target",
        ),
        (
            "a target that is not",
            one([file("app/target/release/deps/a.rlib", "rlib")]),
            "app/target/release/deps/a.rlib",
            "-",
        ),
        (
            "bytecode without source",
            one([file("usr/lib/python3/a/__pycache__/b.cpython-311.pyc", "c")]),
            "usr/lib/python3/a/__pycache__/b.cpython-311.pyc",
            "-",
        ),
        (
            "bytecode",
            one([file("usr/lib/python3/a/__pycache__/b.cpython-311.pyc", "c"), file("usr/lib/python3/a/b.py", "")]),
            "usr/lib/python3/a/__pycache__/b.cpython-311.pyc",
            "advice:python-bytecode",
        ),
        (
            "weights of a model in one format",
            one([file("model/pytorch_model.bin", vec![b'w'; 1_000_000])]),
            "model/pytorch_model.bin",
            "-",
        ),
        (
            "weights of a model in two formats",
            one([file("model/pytorch_model.bin", vec![b'w'; 1_000_000]), file("model/model.safetensors", "w")]),
            "model/pytorch_model.bin",
            "advice:model-weights-twice",
        ),
        (
            "a log that was copied with the application",
            one([file("app/log/development.log", "l")]).history(rows(&["COPY . /app"])),
            "app/log/development.log",
            "cruft:app-logs-and-caches",
        ),
        (
            "a log that came from a stage",
            one([file("app/log/development.log", "l")]).history(rows(&["COPY --from=build /app /app"])),
            "app/log/development.log",
            "advice:app-logs-and-caches",
        ),
        (
            "the AWS CLI's installer",
            one([file("aws/dist/aws", "x"), dir("usr/local/aws-cli")]),
            "aws/dist/aws",
            "cruft:infra-cli-caches",
        ),
        ("someone's own /aws", one([file("aws/dist/aws", "x")]), "aws/dist/aws", "-"),
        (
            "Release files alone",
            one([file("var/lib/apt/lists/a_InRelease", "r")]),
            "var/lib/apt/lists/a_InRelease",
            "-",
        ),
        (
            "Release files beside indexes",
            one([file("var/lib/apt/lists/a_InRelease", "r"), file("var/lib/apt/lists/a_Packages", "p")]),
            "var/lib/apt/lists/a_InRelease",
            "cruft:apt-lists",
        ),
        (
            "moved by a variable",
            one([file("var/pip/http/x", "wheel")]).run(json!({"Env": ["PIP_CACHE_DIR=/var/pip"]})),
            "var/pip/http/x",
            "cruft:pip-cache",
        ),
        (
            "a home of its own",
            one([file("srv/app/.cache/pip/x", "w"), file("etc/passwd", "app:x:1:1::/srv/app:/bin/sh\n")]),
            "srv/app/.cache/pip/x",
            "cruft:pip-cache",
        ),
        ("nobody's home", one([file("srv/app/.cache/pip/x", "w")]), "srv/app/.cache/pip/x", "-"),
        ("masked", one([file("proc/x", "x")]), "proc/x", "masked"),
        ("masked, but linked", one([file("proc/x", "x"), hardlink("srv/x", "proc/x")]), "proc/x", "-"),
        (
            "a wheel, copied",
            one([file("wheels/a.whl", "w")]).history(rows(&["COPY wheels /wheels"])),
            "wheels/a.whl",
            "advice:leftover-wheels",
        ),
        (
            "a wheel, installed from",
            one([file("wheels/a.whl", "w")]).history(rows(&["RUN pip wheel -w /wheels a"])),
            "wheels/a.whl",
            "cruft:leftover-wheels",
        ),
        (
            "a small archive",
            one([file("opt/x.tar.gz", "small")]).history(rows(&["RUN tar -xf x.tar.gz"])),
            "opt/x.tar.gz",
            "-",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, built, path, want)| {
            let got = said_of(&judge(built), path);
            (got != *want).then(|| format!("{name}: {path} is {got}, not {want}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_cache_that_moved_with_its_owner_is_charged_to_who_made_it() {
    let found = judge(
        &image()
            .layer([file("root/.cache/pip/x", "0123456789")])
            .layer([file("root/.cache/pip/x", "0123456789").owner(5, 5)])
            .history(rows(&["RUN pip install a", "RUN chown -R 5:5 /root"])),
    );
    let told: Vec<_> = found.waste.findings.iter().map(|each| (each.kind, each.stored_in, each.bytes)).collect();
    assert_eq!(told, [(Kind::Cruft, 0, 10), (Kind::Metadata, 1, 10)]);
    assert_eq!(found.waste.total_bytes(), 20);
}

fn fix_of(instructions: &[&str], layers: &[&[Entry]]) -> Finding {
    let built = layers.iter().fold(image(), ImageBuilder::layer).history(rows(instructions));
    judge(&built).waste.findings[0].clone()
}

#[test]
fn fixes_are_made_from_the_instruction() {
    let lists = &[file("var/lib/apt/lists/a_Packages", "p")][..];
    let pip = &[file("root/.cache/pip/x", "x")][..];
    for (instructions, layers, fix) in [
        (
            &["RUN apt-get update && apt-get install -y git"][..],
            &[lists][..],
            "RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*",
        ),
        (&["RUN pip3 install -r a.txt"], &[pip], "RUN pip3 install -r a.txt && rm -rf /root/.cache/pip"),
        (&["RUN ./install.sh"], &[pip], "RUN ./install.sh && rm -rf /root/.cache/pip"),
        (
            &["COPY . ."],
            &[&[file("app/.git/HEAD", "ref")]],
            "keep it out of the build context: add `app/.git` to .dockerignore",
        ),
        (
            &["WORKDIR /srv/app", "COPY . ."],
            &[&[file("srv/app/.git/HEAD", "ref")]],
            "keep it out of the build context: add `.git` to .dockerignore",
        ),
        (
            &["COPY web /srv/"],
            &[&[file("srv/a/.DS_Store", "x"), file("srv/b/.DS_Store", "x")]],
            "keep it out of the build context: add `**/.DS_Store` to .dockerignore",
        ),
        (
            &["COPY dir:0123456789abcdef in /app"],
            &[&[file("app/.git/HEAD", "ref")]],
            "keep it out of the build context: add `**/.git` to .dockerignore",
        ),
        (
            &["COPY app.tar.gz /tmp/", "RUN tar -xzf /tmp/app.tar.gz -C /opt && rm /tmp/app.tar.gz"],
            &[&[file("tmp/app.tar.gz", "archive")], &[gone("tmp/app.tar.gz"), file("opt/x", "y")]],
            "let the builder unpack it: `ADD app.tar.gz /opt/` instead of `RUN tar -xzf /tmp/app.tar.gz -C /opt`",
        ),
        (
            &[
                "COPY conf/license.txt /tmp/license.txt",
                "RUN ./install --license /tmp/license.txt",
                "RUN rm /tmp/license.txt",
            ],
            &[&[file("tmp/license.txt", "text")], &[file("opt/x", "y")], &[gone("tmp/license.txt")]],
            "do not copy it; read it where it is needed: RUN \
             --mount=type=bind,source=conf/license.txt,target=/tmp/license.txt ./install --license /tmp/license.txt",
        ),
        (
            &["RUN apk add curl"],
            &[&[file("var/cache/apk/a.apk", "a")]],
            "RUN apk add curl && rm -rf /var/cache/apk/* /etc/apk/cache/*",
        ),
        (
            &["RUN microdnf install -y x"],
            &[&[file("var/cache/yum/a", "a")]],
            "RUN microdnf install -y x && rm -rf /var/cache/yum",
        ),
        (
            &["RUN apt-get update", "RUN rm -rf /var/lib/apt/lists/*"],
            &[lists, &[gone("var/lib/apt/lists/a_Packages")]],
            "RUN apt-get update && rm -rf /var/lib/apt/lists/*",
        ),
    ] {
        assert_eq!(fix_of(instructions, layers).fix, fix, "{instructions:?}");
    }
    let mount = fix_of(&["RUN pip install a"], &[pip]).fix_mount;
    assert_eq!(mount.as_deref(), Some("RUN --mount=type=cache,target=/root/.cache/pip pip install a"));
    // A mount belongs to root unless it says otherwise.
    let passwd = file("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n");
    let own = &[passwd, file("home/app/.cache/pip/x", "x")][..];
    let mounted = |user: &str| fix_of(&[user, "RUN pip install a"], &[own]).fix_mount;
    let want = "RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000,gid=1001 pip install a";
    assert_eq!(mounted("USER app").as_deref(), Some(want));
    assert_eq!(mounted("USER nobody-knows"), None);
    let want = "RUN --mount=type=cache,target=/root/.cache/pip pip install a";
    assert_eq!(mounted("USER 0:0").as_deref(), Some(want));
}

fn findings_of(instructions: &[&str], base: usize, layers: &[&[Entry]]) -> Inspection {
    let built = layers.iter().fold(image(), ImageBuilder::layer).history(rows(instructions));
    judge_with(&built, &Options { base_layers: Some(base), advice: true, ..Options::default() })
}

fn finding(found: &Inspection, kind: Kind) -> &Finding {
    found.waste.findings.iter().find(|each| each.kind == kind).unwrap_or_else(|| panic!("{:?}", found.waste.findings))
}

#[test]
fn an_owner_is_given_by_names_only_where_they_are_known() {
    let passwd = || file("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1500:1501::/srv:/bin/sh\n");
    let group = || file("etc/group", "root:x:0:\napp:x:1501:\n");
    let made = || file("srv/x", "0123456789");
    let owned = || made().owner(1500, 1501);
    let chown = "RUN chown -R app:app /srv";
    let fix = |instructions: &[&str], layers: &[&[Entry]]| {
        let found = findings_of(instructions, 0, layers);
        let metadata = finding(&found, Kind::Metadata);
        (metadata.fix.clone(), metadata.fix_in)
    };
    let user = &[passwd(), group()][..];
    let by_number = "COPY --chown=1500:1501 . /srv";
    for (what, instructions, layers, want, at) in [
        (
            "made later",
            &["COPY . /srv", "RUN useradd app", chown][..],
            &[&[made()][..], user, &[owned()]][..],
            by_number,
            0,
        ),
        (
            "made by the step itself",
            &["COPY . /srv", "RUN useradd app && chown -R app:app /srv"],
            &[&[made()], &[passwd(), group(), owned()]],
            "COPY --chown=1500:1501 . /srv; RUN useradd app",
            0,
        ),
        (
            "made before",
            &["RUN useradd app", "COPY . /srv", chown],
            &[user, &[made()], &[owned()]],
            "COPY --chown=app:app . /srv",
            1,
        ),
        (
            "the user's own group",
            &["RUN useradd app", "COPY . /srv", "RUN chown -R app: /srv"],
            &[user, &[made()], &[owned()]],
            by_number,
            1,
        ),
        (
            "an owner that it has already",
            &["COPY --chown=7:7 --link . /srv", "RUN chown 1500 /srv/x"],
            &[&[made().owner(7, 7)], &[made().owner(1500, 7)]],
            "COPY --chown=1500:7 --link . /srv",
            0,
        ),
        (
            "a RUN before the user",
            &["RUN make", "RUN useradd app", chown],
            &[&[made()], user, &[owned()]],
            "RUN make && chown -R 1500:1501 /srv/x",
            0,
        ),
        (
            "a RUN after the user",
            &["RUN useradd app", "RUN make", chown],
            &[user, &[made()], &[owned()]],
            "RUN make && chown -R 1500:1501 /srv/x",
            1,
        ),
        (
            "the classic builder",
            &["COPY dir:0123456789abcdef in /srv", "RUN useradd app", chown],
            &[&[made()], user, &[owned()]],
            "COPY --chown=1500:1501 dir:0123456789abcdef in /srv",
            0,
        ),
        (
            "a mode in letters",
            &["COPY . /srv", "RUN chmod -R g+w /srv"],
            &[&[made()], &[made().mode(0o664)]],
            "with `# syntax=docker/dockerfile:1.14` or later: COPY --chmod=g+w . /srv",
            0,
        ),
        (
            "modes that find picks",
            &["COPY . /srv", "RUN find /srv -type f -exec chmod 664 {} +"],
            &[&[made()], &[made().mode(0o664)]],
            "give them their mode and owner as they are copied: `--chmod=…` or `--chown=…` in `COPY . /srv` (layer 0), and \
             leave them alone in `RUN find /srv -type f -exec chmod 664 {} +`",
            0,
        ),
    ] {
        assert_eq!(fix(instructions, layers), (want.to_owned(), Some(at)), "{what}");
    }
}

#[test]
fn the_place_is_that_of_the_instruction_that_the_fix_changes() {
    let folder = folder();
    let built = image()
        .layer([file("bin/sh", "sh")])
        .layer([file("srv/x", "0123456789")])
        .layer([file("srv/x", "0123456789").owner(5, 5)])
        .history(rows(&["ADD rootfs /", "COPY . /srv", "RUN /bin/sh -c chown -R 5:5 /srv # buildkit"]));
    let saved = folder.write("i.tar", &built.save(Shape::Docker));
    let lines = folder.write("Dockerfile", b"FROM base\nCOPY . /srv\nRUN chown -R 5:5 /srv\n");
    let arguments = [saved.to_str().unwrap(), "--json", "--base-layers=1", "--dockerfile", lines.to_str().unwrap()];
    let found: Value = serde_json::from_str(&run(&arguments)).unwrap();
    let finding = &found["waste"]["findings"][0];
    assert_eq!(finding["fix"], "COPY --chown=5:5 . /srv");
    assert_eq!(
        (&finding["dockerfile"]["line"], &finding["fix_in"], &finding["stored_in"]),
        (&json!(2), &json!(1), &json!(2))
    );
}

#[test]
fn a_folder_that_went_as_a_whole_is_left_out_as_a_whole() {
    let lib = |name: &str| file(format!("srv/node_modules/typescript/lib/{name}"), "0123456789");
    let layers: &[&[Entry]] =
        &[&[lib("a.js"), lib("largest.generated.js.map"), lib("c.js")], &[gone("srv/node_modules/typescript")]];
    for (copy, line) in [
        ("COPY dir:0123456789abcdef in /srv/node_modules", "`**/typescript`"),
        ("COPY node_modules /srv/node_modules", "`node_modules/typescript`"),
    ] {
        let found = findings_of(&[copy, "RUN rm -rf /srv/node_modules/typescript"], 0, layers);
        let fix = &finding(&found, Kind::Deleted).fix;
        assert!(fix.starts_with(&format!("do not copy it: add {line} to .dockerignore")), "{fix}");
    }
}

#[test]
fn a_key_that_is_copied_is_never_to_be_copied() {
    let key = || file("root/.ssh/id_rsa", KEY);
    let want = "never copy it, and rotate it; give it only to the step that needs it: RUN \
                --mount=type=secret,id=id_rsa,target=/root/.ssh/id_rsa …";
    let copy = "COPY id_rsa /root/.ssh/id_rsa";
    let clone = "RUN chmod 600 /root/.ssh/id_rsa && git clone x && rm /root/.ssh/id_rsa";
    let found = findings_of(&[copy, clone], 0, &[&[key()], &[gone("root/.ssh/id_rsa")]]);
    let deleted = finding(&found, Kind::Deleted);
    assert_eq!((deleted.fix.as_str(), deleted.fix_mount.as_deref()), (want, None));
    let found = findings_of(&[copy, "RUN chmod 600 /root/.ssh/id_rsa"], 0, &[&[key()], &[key().mode(0o600)]]);
    assert_eq!(finding(&found, Kind::Metadata).fix, want);
    // A folder that has one is not to be mounted either.
    let folder = [file("srv/a/large", KEY.repeat(9)), file("srv/a/id_rsa", KEY)];
    let found = findings_of(&["COPY a /srv/a", "RUN rm -r /srv/a"], 0, &[&folder, &[gone("srv/a")]]);
    let fix = &finding(&found, Kind::Deleted).fix;
    assert!(fix.contains("add `a` to .dockerignore") && !fix.contains("mount"), "{fix}");
    // What is not a secret may be.
    let found = findings_of(&["COPY a /a", "RUN sh /a && rm /a"], 0, &[&[file("a", "echo")], &[gone("a")]]);
    assert!(finding(&found, Kind::Deleted).fix.contains("--mount=type=bind,source=a,target=/a"));
}

#[test]
fn a_folder_that_is_copied_is_linked_as_a_folder() {
    let half = |top: &str, last: &str| {
        vec![
            file(format!("srv/{top}/lib/one"), "0123456789"),
            file(format!("srv/{top}/lib/deep/two"), "abcdefghij-"),
            file(format!("srv/{top}/empty"), ""),
            symlink(format!("srv/{top}/link"), "lib/one"),
            file(format!("srv/{top}/last"), last),
        ]
    };
    let copy = "RUN cp -r /srv/a /srv/b";
    let see = |instructions: &[&str], layers: &[&[Entry]]| {
        let found = findings_of(instructions, 0, layers);
        let twice = finding(&found, Kind::Duplicate);
        (twice.message.clone(), twice.fix.clone())
    };
    let (message, fix) = see(&["COPY a /srv/a", copy], &[&half("a", "last"), &half("b", "last")]);
    assert_eq!(message, "srv/b (3 files): the same files as srv/a (layer 0)");
    assert_eq!(fix, "link the folder instead of copying it: `ln -s /srv/a /srv/b`, in the RUN of layer 1");
    let (_, fix) = see(&["COPY a /srv/a", "COPY a /srv/b"], &[&half("a", "last"), &half("b", "last")]);
    assert_eq!(fix, "copy the folder once, and make the other a symbolic link: RUN ln -s /srv/a /srv/b");
    // Where something else differs, only what is the same is linked.
    let (_, fix) = see(&["COPY a /srv/a", copy], &[&half("a", "last"), &half("b", "else")]);
    assert_eq!(fix, "link the folder instead of copying it: `ln -s /srv/a/lib /srv/b/lib`, in the RUN of layer 1");
    let (_, fix) = see(
        &["COPY a /srv/a", copy],
        &[&half("a", "last"), &[file("srv/b/lib/deep/two", "abcdefghij-"), file("srv/b/lib/deep/own", "x")]],
    );
    assert!(fix.contains("`ln -s /srv/a/lib/deep/two /srv/b/lib/deep/two`"), "{fix}");
    // No links into directories of the system or of packages.
    for (copy, of) in [("usr/share/one", "srv/one"), ("srv/one", "usr/share/one"), ("a/node_modules/one", "srv/one")] {
        let (_, fix) = see(&["COPY a /", "RUN cp a b"], &[&[file(of, "0123456789")], &[file(copy, "0123456789")]]);
        assert!(fix.starts_with("no change is known to be safe: packages or the system"), "{fix}");
    }
}

#[test]
fn what_only_the_history_has_is_in_no_layer() {
    let built = one([file("a", "a")]).history(rows(&["ADD a", "ENV API_KEY=s3cr3t-V4lue"]));
    let folder = folder();
    let path = folder.write("i.tar", &built.save(Shape::Docker));
    let output = run(&[path.to_str().unwrap(), "--summary"]);
    assert!(output.contains("the history: ENV API_KEY=") && !output.contains("layer 0: ENV"), "{output}");
    assert!(output.contains("and in no layer"), "{output}");
    let found = judge(&built);
    assert_eq!(finding(&found, Kind::Secret).kept_by(), "the history");
    let gate = crate::common::undisturbed(&mut Command::new(env!("CARGO_BIN_EXE_explore")))
        .args([path.to_str().unwrap(), "--ci", "--deny-secrets", "--base-layers=0"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&gate.stdout).into_owned();
    assert!(output.contains("the history: ENV API_KEY=") && !output.contains("layer 0: ADD"), "{output}");
}

#[test]
fn nothing_is_advised_for_steps_of_the_base() {
    let pip = |name: &str| [file(format!("root/.cache/pip/{name}"), "0123456789")];
    let steps = ["RUN pip install a", "RUN pip install b", "RUN pip install c"];
    let layers = [pip("a"), pip("b"), pip("c")];
    let told = |base: usize| -> Vec<String> {
        let found = findings_of(&steps, base, &[&layers[0], &layers[1], &layers[2]]);
        found.waste.notices.iter().map(|each| each.message.clone()).collect()
    };
    assert!(told(0)[0].contains("is in layers 0, 1, 2"), "{:?}", told(0));
    assert!(told(1)[0].contains("is in layers 1, 2"), "{:?}", told(1));
    assert_eq!(told(2), Vec::<String>::new());
    let moved: &[&[Entry]] = &[&[file("opt/a", "0123456789")], &[gone("opt/a"), file("srv/a", "0123456789")]];
    let found = findings_of(&["ADD rootfs /", "RUN mv /opt/a /srv/a"], 1, moved);
    let fix = &finding(&found, Kind::Moved).fix;
    assert!(fix.starts_with("leave it where the base image has it") && fix.contains("(layer 1)"), "{fix}");
    let owned: &[&[Entry]] = &[&[file("opt/a", "0123456789")], &[file("opt/a", "0123456789").owner(5, 5)]];
    let found = findings_of(&["COPY rootfs /", "RUN chown 5:5 /opt/a"], 1, owned);
    let metadata = finding(&found, Kind::Metadata);
    assert!(metadata.fix.contains("they are the base image's (layer 0)"), "{}", metadata.fix);
    assert_eq!(metadata.fix_in, Some(1));
}

#[test]
fn a_clean_up_that_comes_too_late_is_told() {
    let found = judge(
        &image()
            .layer([file("var/cache/apt/archives/a.deb", "deb")])
            .layer([file("a", "a")])
            .history(rows(&["RUN apt-get install -y git", "RUN apt-get clean"])),
    );
    let message = &found.waste.findings[0].message;
    assert!(message.contains("the clean-up runs too late, in layer 1"), "{message}");
    assert!(message.contains("no /etc/apt/apt.conf.d/docker-clean"), "{message}");
}

#[test]
fn the_base_is_found_by_the_best_evidence() {
    let base = image().name("base:1").layer([file("a", "aaa"), file("var/log/x", "log")]).layer([file("b", "bb")]);
    let own = base.clone().name("app:1").layer([gone("a")]).history(rows(&["ADD a", "ADD b", "RUN rm a"]));
    let other = image().name("other:1").layer([file("z", "z")]);
    let save = crate::common::save_all;
    let folder = folder();
    let see = |bytes: &[u8], options: &Options| {
        let path = folder.write("i.tar", bytes);
        let target = format!("{}:app:1", path.display());
        let found =
            explore::inspect::inspect(&explore::source::Target::parse(target.as_ref()).unwrap(), options, &mut |_| {
                true
            });
        found.map(|found| {
            (
                found.waste.base.layers,
                found.waste.base.evidence.name(),
                found.waste.base.name.clone(),
                found.waste.own_bytes,
            )
        })
    };
    let plain = Options::default;
    assert_eq!(see(&save(&[&own]), &plain()).unwrap(), (0, "none", None, 6));
    assert_eq!(see(&save(&[&own, &base, &other]), &plain()).unwrap(), (0, "none", None, 6));
    let labelled =
        own.clone().run(json!({"Labels": {"org.opencontainers.image.base.name": "docker.io/library/base:1"}}));
    assert_eq!(see(&save(&[&labelled, &base]), &plain()).unwrap(), (2, "annotation", Some("base:1".into()), 0));
    let none = Options { base_layers: Some(0), ..plain() };
    assert_eq!(see(&save(&[&own, &base]), &none).unwrap(), (0, "given", None, 6));
    // Named by the user: an image in a file of its own, plain or in a pipe's shape.
    let file = folder.write("base.tar", &base.save(Shape::Docker));
    let zipped = folder.write("base.tar.gz", &gzip(&base.save(Shape::Docker)));
    for file in [&file, &zipped] {
        let target = explore::source::Target::parse(file.as_os_str()).unwrap();
        let given = Options { base_image: Some(target), ..plain() };
        assert_eq!(see(&save(&[&own]), &given).unwrap().0, 2);
    }
    let wrong = folder.write("other.tar", &other.save(Shape::Docker));
    let given = Options { base_image: Some(explore::source::Target::parse(wrong.as_os_str()).unwrap()), ..plain() };
    let error = see(&save(&[&own]), &given).unwrap_err().to_string();
    assert!(error.contains("not built on") && error.contains("no layer in common"), "{error}");
}

fn secrets(found: &Inspection) -> Vec<(&str, Severity)> {
    let secrets = found.waste.findings.iter().filter(|finding| finding.kind == Kind::Secret);
    secrets.map(|finding| (finding.rule.as_deref().unwrap(), finding.severity)).collect()
}

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n";

#[test]
fn secrets_are_found_also_under_a_deletion() {
    let built = image()
        .layer([
            file("root/.ssh/id_rsa", KEY),
            file("app/.env", "DB_PASSWORD=hunter2\n"),
            file("app/tests/test.key", KEY),
        ])
        .layer([
            gone("root/.ssh/id_rsa"),
            file("root/.npmrc", "//r/:_authToken=abc\n"),
            file("root/.netrc", "machine x\n"),
        ]);
    let found = judge(&built);
    assert_eq!(
        secrets(&found),
        [
            ("secret-dotenv", Severity::Error),
            ("secret-private-key", Severity::Error),
            ("secret-registry-auth", Severity::Error),
            ("secret-private-key", Severity::Note),
        ]
    );
    let key = found.waste.findings.iter().find(|each| each.rule.as_deref() == Some("secret-private-key")).unwrap();
    assert!(key.message.contains("hidden in layer 1, but still to be read from layer 0"), "{}", key.message);
    assert_eq!((key.bytes, key.stored_in, key.caused_by), (0, 0, 1));
    // A secret is not a matter of bytes: the deleted file counts as deleted, and no more.
    assert_eq!(found.waste.total_bytes(), KEY.len() as u64);
}

#[test]
fn a_secret_of_the_history_is_never_printed() {
    let value = "s3cr3t-V4lue";
    let built = image()
        .layer([file("a", "a")])
        .layer([file("b", "b")])
        .history(rows(&[
            "ADD a",
            &format!("ARG NPM_TOKEN={value}"),
            &format!("RUN |1 NPM_TOKEN={value} /bin/sh -c npm ci # buildkit"),
            &format!("ENV API_KEY={value}1 PATH=/bin"),
        ]))
        .run(json!({"Env": [format!("API_KEY={value}1"), "PATH=/bin"]}));
    let folder = folder();
    let path = folder.write("i.tar", &built.save(Shape::Docker));
    let path = path.to_str().unwrap();
    for arguments in [&["--summary"][..], &["--json"], &["--json", "--files", "--advice"]] {
        let output = run(&[&[path], arguments].concat());
        assert!(output.contains("12 characters") && output.contains("13 characters"), "{output}");
        assert!(!output.contains(value), "{output}");
    }
    for arguments in [&["history", path, "--no-trunc"][..], &["history", path, "--format", "json", "--no-trunc"]] {
        let output = run(arguments);
        assert!(output.contains("(hidden, 12 characters)") && !output.contains(value), "{output}");
    }
    let found = judge(&built);
    assert_eq!(secrets(&found), [("secret-in-history", Severity::Error); 2]);
    assert!(found.waste.findings.iter().all(|each| !each.message.contains(value) && !each.fix.contains(value)));
}

fn run(arguments: &[&str]) -> String {
    let output =
        crate::common::undisturbed(&mut Command::new(env!("CARGO_BIN_EXE_explore"))).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Deterministic noise: gzip can't make it smaller.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

#[test]
fn bytes_to_pull_are_what_removing_the_file_saves() {
    let text: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("line {} of it\n", n % 5000).into_bytes()).collect();
    let entries = |with: bool| {
        let mut entries = vec![
            file("a/noise", noise(300_000, 1)),
            file("root/.cache/pip/text", &text[..2_000_000]),
            file("root/.cache/pip/noise", noise(500_000, 2)),
            file("z/text", &text[2_000_000..]),
        ];
        if !with {
            entries.retain(|entry| !entry.path.starts_with(b"root"));
        }
        entries
    };
    for (compress, near) in [(gzip as fn(&[u8]) -> Vec<u8>, 0.02), (zstd, 0.05)] {
        let whole = ImageBuilder { compress, ..one(entries(true)) };
        let (blob, without) = (compress(&whole.tars[0]).len(), compress(&crate::common::layer(&entries(false))).len());
        let folder = folder();
        let found = look_with(&folder.write("i.tar", &whole.save(Shape::Docker)), &Options::default());
        let finding = found.waste.findings.iter().find(|each| each.kind == Kind::Cruft).unwrap();
        assert!(!finding.pull_estimated);
        let (told, real) = (finding.pull_bytes.unwrap() as f64, (blob - without) as f64);
        assert!((told / real - 1.0).abs() < near, "told {told}, real {real}");
        // All entries together are the blob, less what ends it.
        let tree = &found.tree;
        let all: u64 = (0..tree.layers[0].listed as u32)
            .map(|index| tree.pull_bytes(explore::tree::EventRef { layer: 0, index }).unwrap())
            .sum();
        assert!(all <= blob as u64 && blob as u64 - all < 200, "{all} of {blob}");
    }
    // Uncompressed, it is an estimate, and says so.
    let found = judge_plain(&one(entries(true)));
    let finding = found.waste.findings.iter().find(|each| each.kind == Kind::Cruft).unwrap();
    let real = (gzip(&one(entries(true)).tars[0]).len() - gzip(&crate::common::layer(&entries(false))).len()) as f64;
    assert!(finding.pull_estimated);
    assert!((finding.pull_bytes.unwrap() as f64 / real - 1.0).abs() < 0.15, "{:?} {real}", finding.pull_bytes);
    assert!(found.layers[0].pull_estimate.is_some() && found.layers[0].compressed_bytes.is_none());
}

fn judge_plain(built: &ImageBuilder) -> Inspection {
    let folder = folder();
    look_with(&folder.write("i.tar", &built.save(Shape::Docker)), &Options::default())
}

#[test]
fn what_joining_layers_would_save() {
    let built = image()
        .layer([file("a", "0123456789")])
        .layer([file("b", "01234"), gone("a")])
        .layer([file("b", "x"), file("c", "cc")])
        .layer([gone("c")]);
    let folder = folder();
    let path = folder.write("i.tar", &built.save(Shape::Docker));
    let found: Value = serde_json::from_str(&run(&[
        path.to_str().unwrap(),
        "--json",
        "--base-layers",
        "1",
        "--squash",
        "0..1",
        "--squash",
        "2..3",
    ]))
    .unwrap();
    let squash = &found["waste"]["what_if"]["squash"];
    assert_eq!(
        *squash,
        json!([{"first": 0, "last": 1, "bytes": 10}, {"first": 2, "last": 3, "bytes": 2}, {"first": 1, "last": 3, "bytes": 7}])
    );
    let rules = found["waste"]["what_if"]["rules"].as_array().unwrap();
    assert_eq!(rules.iter().map(|row| row["bytes"].as_u64().unwrap()).sum::<u64>(), 17);
    let bad = crate::common::undisturbed(&mut Command::new(env!("CARGO_BIN_EXE_explore")))
        .args([path.to_str().unwrap(), "--json", "--squash", "2..9"])
        .output()
        .unwrap();
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn notices_are_told_and_never_counted() {
    let zeros = vec![0; 3 << 20];
    let found = judge(
        &image()
            .layer([file("data/hole", &zeros), file("data/noise", noise(3 << 20, 3))])
            .layer([])
            .layer([dir("data")])
            .layer([dir("data")]),
    );
    let told: Vec<_> = found.waste.notices.iter().map(|each| (each.id, each.layer, each.bytes)).collect();
    assert_eq!(
        told,
        [("zero-filled", Some(0), Some(3 << 20)), ("empty-layer", Some(1), None), ("no-op-layer", Some(3), None)]
    );
    assert_eq!(found.waste.total_bytes(), 0);
    let many = (0..25).fold(image(), |image, n| image.layer([file(format!("f{n}"), "x")]));
    assert!(judge(&many).waste.notices.iter().any(|each| each.id == "many-layers"));
    let small: Vec<Entry> = (0..30_000).map(|n| file(format!("d/f{n}"), "x")).collect();
    let crowded = judge(&one(small));
    assert_eq!(
        crowded.waste.notices.iter().map(|each| each.id).collect::<Vec<_>>(),
        ["header-overhead", "weak-compression"]
    );
    let twice = image().layer([file("root/.cache/pip/a", "a")]).layer([file("root/.cache/pip/b", "b")]);
    let found = judge(&twice);
    assert_eq!(
        found.waste.notices.iter().map(|each| (each.id, each.bytes)).collect::<Vec<_>>(),
        [("repeated-cache", Some(2))]
    );
}

#[test]
fn a_users_own_rules_join_in() {
    let folder = folder();
    let built =
        one([file("models/a.old", "0123456789"), file("root/.cache/pip/x", "x"), file("usr/share/doc/x", "doc")]);
    let saved = folder.write("i.tar", &built.save(Shape::Docker));
    let rules = folder.write(
        "rules.toml",
        b"[[rule]]\nid = 'old-models'\nwhat = 'models that nobody loads'\nglobs = ['/models/*.old']\n\
          [[rule]]\nid = 'pip-cache'\nlevel = 'off'\n",
    );
    let (saved, rules) = (saved.to_str().unwrap(), rules.to_str().unwrap());
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&run(&[&[saved, "--json"], arguments].concat())).unwrap()
    };
    assert_eq!(json(&[])["waste"]["cruft"]["bytes"], 1);
    let with = json(&["--rules", rules, "--count", "docs-man-info"]);
    assert_eq!(with["waste"]["cruft"]["bytes"], 13);
    assert_eq!(with["waste"]["findings"][0]["rule"], "old-models");
    assert!(run(&["rules", "old-models", "--rules", rules]).contains("models that nobody loads"));
    folder.write("rules.toml", b"[[rule]]\nid = 'x'\nglob = ['/a']\n");
    let bad = crate::common::undisturbed(&mut Command::new(env!("CARGO_BIN_EXE_explore")))
        .args([saved, "--json", "--rules", rules])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(bad.status.code() == Some(2) && error.contains("rules.toml") && error.contains("rule x"), "{error}");
}

#[test]
fn findings_point_to_the_dockerfile() {
    let folder = folder();
    let built = image()
        .layer([file("bin/sh", "sh")])
        .layer([file("root/.cache/pip/x", "0123456789")])
        .history(rows(&["ADD rootfs /", "CMD sh", "RUN /bin/sh -c pip install a # buildkit"]));
    let saved = folder.write("i.tar", &built.save(Shape::Docker));
    let own = folder.write("Dockerfile", b"FROM base\nRUN pip \\\n  install a\n");
    let foreign = folder.write("Other", b"FROM base\nRUN make\nCOPY a b\n");
    let json = |file: &Path| -> Value {
        let arguments = [saved.to_str().unwrap(), "--json", "--dockerfile", file.to_str().unwrap()];
        serde_json::from_str(&run(&arguments)).unwrap()
    };
    let place = json!({"path": own.to_str().unwrap(), "line": 2, "end_line": 3, "confidence": "exact"});
    assert_eq!(json(&own)["waste"]["findings"][0]["dockerfile"], place);
    let none = json(&foreign);
    assert_eq!(none["waste"]["findings"][0]["dockerfile"], Value::Null);
    assert!(none["notes"].to_string().contains("another image's"), "{}", none["notes"]);
}

#[test]
fn buildkits_provenance_gives_the_lines() {
    let built = ImageBuilder { compress: gzip, ..image() }
        .layer([file("bin/sh", "sh")])
        .layer([file("root/.cache/pip/x", "0123456789")]);
    let (manifest, mut members) = built.manifest();
    let blobs = built.blobs();
    let layer = |at: usize| json!({"mediaType": built.media_type, "digest": Digest::of(&blobs[at]).to_string(), "size": blobs[at].len()});
    for version in ["v0.2", "v1"] {
        let metadata = json!({
            "source": {
                "locations": {
                    "step0": {"locations": [{"ranges": [{"start": {"line": 1}, "end": {"line": 1}}]}]},
                    "step1": {"locations": [{"ranges": [{"start": {"line": 4}, "end": {"line": 6}}]}]},
                    "step2": {"locations": [{"ranges": [{"start": {"line": 9}, "end": {"line": 9}}]}]},
                },
                "infos": [{"filename": "build/Dockerfile", "data": ""}],
            },
            "layers": {"step0:0": [[layer(0)]], "step1:0": [[layer(0), layer(1)]], "step2:0": [[layer(0), layer(1)]]},
        });
        let predicate = match version {
            "v1" => json!({"runDetails": {"metadata": {"buildkit_metadata": metadata}}}),
            _ => json!({"metadata": {"https://mobyproject.org/buildkit@v1#metadata": metadata}}),
        };
        let statement = json!({"predicateType": "https://slsa.dev/provenance/v0.2", "predicate": predicate})
            .to_string()
            .into_bytes();
        let attestation = json!({
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2},
            "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": Digest::of(&statement).to_string(), "size": statement.len(),
                        "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}}],
        })
        .to_string()
        .into_bytes();
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let inner = json!({"schemaVersion": 2, "manifests": [
            {"mediaType": kind, "digest": Digest::of(&manifest).to_string(), "size": manifest.len(), "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": kind, "digest": Digest::of(&attestation).to_string(), "size": attestation.len(), "platform": {"os": "unknown", "architecture": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": Digest::of(&manifest).to_string()}},
        ]})
        .to_string()
        .into_bytes();
        let index = json!({"schemaVersion": 2, "manifests": [
            {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": Digest::of(&inner).to_string(), "size": inner.len()},
        ]});
        let mut all = std::mem::take(&mut members);
        all.retain(|(name, _)| name.starts_with("blobs/"));
        members.clone_from(&all);
        for blob in [statement, attestation, inner] {
            all.push((Digest::of(&blob).blob(), blob));
        }
        all.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        all.push(("index.json".into(), index.to_string().into_bytes()));
        let folder = folder();
        let found = look_with(&folder.write("i.tar", &crate::common::archive(&all)), &Options::default());
        let place = found.waste.findings[0].dockerfile.clone().unwrap();
        assert_eq!(
            (place.path.as_str(), place.line, place.end_line, place.confidence),
            ("build/Dockerfile", 4, 6, "exact"),
            "{version}"
        );
    }
}

#[test]
fn package_databases_tell_what_nobody_asked_for() {
    let status = "Package: app\nStatus: install ok installed\nArchitecture: amd64\nDepends: libneeded (>= 1) | other, virtual:any\n\n\
                  Package: libneeded\nStatus: install ok installed\nArchitecture: amd64\n\n\
                  Package: provider\nStatus: install ok installed\nArchitecture: amd64\nProvides: virtual (= 2)\n\n\
                  Package: extra\nStatus: install ok installed\nArchitecture: amd64\n\n\
                  Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\n";
    let automatic = |name: &str| format!("Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n");
    let marks = ["libneeded", "provider", "extra", "gone"].map(automatic).concat();
    let lock = json!({"packages": {
        "node_modules/used": {}, "node_modules/tester": {"dev": true}, "node_modules/tester/node_modules/inner": {},
        "../outside": {"dev": true}
    }});
    let found = judge(&one([
        file("var/lib/dpkg/status", status),
        file("var/lib/apt/extended_states", marks),
        file("var/lib/dpkg/info/extra:amd64.list", "/.\n/usr\n/usr/bin\n/usr/bin/extra\n/etc/ssl/certs/extra.pem\n"),
        file("var/lib/dpkg/info/libneeded.list", "/usr/lib/needed\n"),
        file("var/lib/dpkg/info/provider.list", "/usr/lib/provided\n"),
        file("usr/bin/extra", "extra"),
        file("etc/ssl/certs/extra.pem", "a certificate"),
        file("usr/lib/needed", "needed"),
        file("usr/lib/provided", "provided"),
        file("outside/x", "outside"),
        file("app/node_modules/.package-lock.json", lock.to_string()),
        file("app/node_modules/used/index.js", "used"),
        file("app/node_modules/tester/index.js", "tester"),
        file("app/node_modules/tester/node_modules/inner/index.js", "inner"),
        file("var/tool/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"),
        file("var/tool/deep/file", "cached"),
        file("var/venv/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n\n"),
        file("var/venv/pyvenv.cfg", "home = /usr"),
        file("var/venv/bin/tool", "a tool"),
    ]));
    for (path, want) in [
        ("usr/bin/extra", "advice:apt-recommends"),
        ("usr/lib/needed", "-"),
        ("usr/lib/provided", "-"),
        ("etc/ssl/certs/extra.pem", "-"),
        ("app/node_modules/used/index.js", "-"),
        ("app/node_modules/tester/index.js", "advice:npm-dev-deps"),
        ("app/node_modules/tester/node_modules/inner/index.js", "-"),
        ("outside/x", "-"),
        ("var/tool/deep/file", "advice:tagged-cache-dir"),
        ("var/venv/bin/tool", "-"),
    ] {
        assert_eq!(said_of(&found, path), want, "{path}");
    }
    assert_eq!(found.waste.total_bytes(), 0);
}

#[test]
fn what_compression_could_save_is_told() {
    let text = b"the same words again and again, ".repeat(500_000);
    let built = image().layer([file("text", &text)]).layer([file("noise", noise(2_000_000, 9))]);
    let folder = folder();
    let see = |bytes: &[u8], name: &str| {
        let found = look_with(&folder.write(name, bytes), &Options::default());
        found.waste.notices.iter().map(|notice| (notice.id, notice.layer)).collect::<Vec<_>>()
    };
    assert_eq!(see(&built.save(Shape::Oci), "plain.tar"), [("weak-compression", Some(0)), ("incompressible", Some(1))]);
    let zipped = ImageBuilder { compress: gzip, ..built };
    assert_eq!(see(&zipped.save(Shape::Oci), "gzip.tar"), [("incompressible", Some(1))]);
}

/// What repeats at a distance that gzip does not see, and zstd does: told for advice, near to what it really saves.
#[test]
fn what_zstd_would_save_is_measured_for_advice() {
    let far = |seed: u64| noise(100_000, seed).repeat(160);
    let built =
        image().layer([file("a", far(1)), file("b", far(2))]).layer([file("near", b"words ".repeat(4_000_000))]);
    let folder = folder();
    let tar = built.tars[0].clone();
    let really = gzip(&tar).len() as u64 - zstd::bulk::compress(&tar, 12).unwrap().len() as u64;
    let gzipped = folder.write("gzip.tar", &ImageBuilder { compress: gzip, ..built.clone() }.save(Shape::Oci));
    let zipped = ImageBuilder { compress: |bytes| zstd::bulk::compress(bytes, 12).unwrap(), ..built };
    let zstd = folder.write("zstd.tar", &zipped.save(Shape::Oci));
    let weak = |path: &Path, advice: bool| {
        let found = look_with(path, &Options { advice, ..Options::default() });
        let notices = found.waste.notices.into_iter().filter(|notice| notice.id == "weak-compression");
        notices.map(|notice| (notice.layer, notice.bytes.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(weak(&gzipped, false), []);
    let told = weak(&gzipped, true);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == Some(0) && told[0].1.abs_diff(really) < really / 10, "{told:?}, really {really}");
    assert_eq!(weak(&zstd, true), []);
}

/// A program in the ELF format: 1.2 MB of code, 300,000 bytes for a debugger, a symbol table of 2,400 bytes and its 5,000
/// bytes of names. Where the section names and the table of sections stand is what linkers differ in.
fn program(order: &[&str], wide: bool) -> Vec<u8> {
    let names = b"\0.text\0.debug_info\0.symtab\0.strtab\0.shstrtab\0.comment\0";
    let name_at = |name: &str| {
        let all = std::str::from_utf8(names).unwrap();
        all.find(&format!("\0{name}\0")).unwrap() + 1
    };
    let sections = [".text", ".debug_info", ".symtab", ".strtab", ".shstrtab", ".comment"];
    let (header, row) = if wide { (64, 64) } else { (52, 40) };
    let size = |name: &str| match name {
        ".text" => 1_200_000,
        ".debug_info" => 300_000,
        ".symtab" => 2_400,
        ".strtab" => 5_000,
        ".shstrtab" => names.len(),
        ".comment" => 40,
        _ => row * (sections.len() + 1),
    };
    let mut at = header;
    let mut places = std::collections::BTreeMap::new();
    for name in order {
        places.insert(*name, at);
        at += size(name);
    }
    let word = |value: usize| {
        if wide { (value as u64).to_le_bytes().to_vec() } else { (value as u32).to_be_bytes().to_vec() }
    };
    let half = |value: u16| if wide { value.to_le_bytes().to_vec() } else { value.to_be_bytes().to_vec() };
    let four = |value: u32| if wide { value.to_le_bytes().to_vec() } else { value.to_be_bytes().to_vec() };
    let mut table = vec![0; row];
    for name in sections {
        let kind = match name {
            ".symtab" => 2,
            ".strtab" | ".shstrtab" => 3,
            _ => 1,
        };
        let link = if name == ".symtab" { 4 } else { 0 };
        for part in [
            four(name_at(name) as u32),
            four(kind),
            word(if name == ".text" { 2 } else { 0 }),
            word(0),
            word(places[name]),
            word(size(name)),
            four(link),
            four(0),
            word(1),
            word(0),
        ] {
            table.extend(part);
        }
    }
    // A program that speaks of section names itself.
    let mut code = vec![0x90; size(".text")];
    code[700_000..700_010].copy_from_slice(b".shstrtab\0");
    let mut file = if wide { b"\x7fELF\x02\x01\x01".to_vec() } else { b"\x7fELF\x01\x02\x01".to_vec() };
    file.resize(16, 0);
    for part in [half(2), half(62), four(1), word(0), word(0), word(places["table"]), four(0)] {
        file.extend(part);
    }
    for value in [header as u16, 0, 0, row as u16, 7, 5] {
        file.extend(half(value));
    }
    assert_eq!(file.len(), header);
    for name in order {
        match *name {
            "table" => file.extend(&table),
            ".text" => file.extend(&code),
            ".shstrtab" => file.extend(names),
            other => file.resize(file.len() + size(other), 7),
        }
    }
    file
}

#[test]
fn what_programs_carry_for_debuggers_is_advice_to_the_byte() {
    let gnu = [".text", ".comment", ".debug_info", ".symtab", ".strtab", ".shstrtab", "table"];
    let lld = [".text", ".comment", ".debug_info", ".symtab", ".shstrtab", ".strtab", "table"];
    let go = ["table", ".text", ".shstrtab", ".comment", ".debug_info", ".symtab", ".strtab"];
    for (order, wide) in [(gnu, true), (lld, true), (go, true), (gnu, false), (lld, false), (go, false)] {
        let rows = rows(&["COPY bin /bin", "RUN make install"]);
        let built = image()
            .layer([file("etc/x", "x")])
            .layer([file("bin/app", program(&order, wide)), file("bin/script", vec![b'#'; 2_000_000])])
            .history(rows);
        let found = judge(&built);
        let finding = found.waste.findings.iter().find(|each| each.rule.as_deref() == Some("unstripped-binaries"));
        let finding = finding.unwrap_or_else(|| panic!("{order:?}: {:?}", found.waste.findings));
        assert_eq!((finding.kind, finding.bytes, finding.files), (Kind::Advice, 307_400, 1), "{order:?}");
        assert_eq!(finding.fix, "RUN make install && strip --strip-unneeded /bin/app");
        assert_eq!(found.waste.sums.of(Kind::Advice), 307_400);
        assert_eq!(found.waste.total_bytes(), 0);
        assert!(finding.pull_bytes.is_some_and(|pull| pull < 307_400) && finding.pull_estimated);
    }
    // Counted when the user says so, and then not without `--advice` only.
    let rules = explore::waste::Rules::with("", &["unstripped-binaries".to_owned()]).unwrap();
    let options = Options { base_layers: Some(0), rules: Some(std::sync::Arc::new(rules)), ..Options::default() };
    let found = judge_with(&one([file("bin/app", program(&gnu, true))]), &options);
    assert_eq!((found.waste.total_bytes(), found.waste.sums.of(Kind::Cruft)), (307_400, 307_400));
}

#[test]
fn programs_whose_headers_lie_are_not_believed() {
    let order = [".text", ".comment", ".debug_info", ".symtab", ".strtab", ".shstrtab", "table"];
    let whole = program(&order, true);
    let table = whole.len() - 7 * 64;
    let with = |changes: &[(usize, u64)]| {
        let mut bytes = whole.clone();
        for (at, value) in changes {
            bytes[*at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    };
    let row = |section: usize, field: usize| table + section * 64 + field;
    for (what, bytes, want) in [
        ("a section that is larger than the file", with(&[(row(2, 32), u64::MAX)]), whole.len() - 64 - 1_200_040),
        ("two sections at one place", with(&[(row(3, 24), 1_200_104), (row(3, 32), 300_000)]), 305_000),
        ("a table beyond the end", with(&[(40, u64::MAX - 8)]), 0),
        ("a table in the middle of nothing", with(&[(40, 64)]), 0),
        ("names beyond the end", with(&[(row(5, 24), u64::MAX)]), 0),
        ("names of gigabytes", with(&[(row(5, 32), 1 << 40)]), 0),
        ("no table", with(&[(40, 0)]), 0),
        ("cut off", whole[..1_400_000].to_vec(), 0),
        ("only a header", [whole[..64].to_vec(), vec![0; 1_000_000]].concat(), 0),
    ] {
        let found = judge(&one([file("bin/app", bytes)]));
        assert_eq!(found.waste.sums.of(Kind::Advice), want as u64, "{what}: {:?}", found.waste.findings);
    }
}

#[test]
fn dead_files_are_named_by_what_they_are() {
    let text = "0123456789".repeat(100);
    let rule_of = |steps: [&str; 2], first: &[Entry], then: &[Entry]| -> Option<String> {
        let built = image().layer(first).layer(then).history(rows(&steps));
        let found = judge(&built);
        let dead = found.waste.findings.iter().find(|finding| finding.kind.is_dead()).unwrap();
        assert_eq!(found.waste.findings.iter().filter(|finding| finding.kind.is_dead()).count(), 1, "{steps:?}");
        dead.rule.clone()
    };
    let release = "var/lib/apt/lists/deb.example_dists_bookworm_InRelease";
    assert_eq!(
        rule_of(["RUN apt-get update", "RUN rm -rf /var/lib/apt/lists/*"], &[file(release, &text)], &[gone(release)]),
        Some("apt-lists".to_owned())
    );
    let old = "var/cache/debconf/templates.dat-old";
    assert_eq!(
        rule_of(["RUN apt-get install a", "RUN apt-get install b"], &[file(old, &text)], &[file(old, "other")]),
        Some("pkgdb-churn".to_owned())
    );
    // The README of a package does not make it documentation.
    let jest = [file("app/node_modules/jest/README.md", "abc"), file("app/node_modules/jest/index.js", &text)];
    let prune = ["RUN npm install", "RUN npm prune --omit=dev"];
    assert_eq!(rule_of(prune, &jest, &[gone("app/node_modules/jest")]), None);
    let doc = [file("usr/share/doc/x/changelog", &text), file("usr/share/doc/x/copyright", "abc")];
    let remove = ["RUN apt-get install x", "RUN rm -r /usr/share/doc"];
    assert_eq!(rule_of(remove, &doc, &[gone("usr/share/doc")]), Some("docs-man-info".to_owned()));
}

#[test]
fn a_program_that_is_started_uses_only_what_it_needs() {
    let start = |command: &[&str]| {
        let files = [file("usr/local/bundle/cache/rails.gem", "abc"), file("root/.npm/_cacache/tmp/x", "def")];
        let found = judge(&one(files).run(json!({ "Cmd": command })));
        (said_of(&found, "usr/local/bundle/cache/rails.gem"), said_of(&found, "root/.npm/_cacache/tmp/x"))
    };
    assert_eq!(start(&["bundle", "exec", "puma"]), ("cruft:gem-cache".to_owned(), "cruft:npm-cache".to_owned()));
    assert_eq!(start(&["npx", "next", "start"]).1, "cruft:npm-cache");
    assert_eq!(start(&["bundle", "install"]).0, "advice:gem-cache");
}
