//! `explore fix` and the fixes on the screen, as a user runs them: a diff, a list, a choice, files that are changed, and proof.

use std::path::Path;
use std::process::Command;

use crate::common::{Folder, ImageBuilder, Shape, explore_in, file, folder, gone, image, look_with, text};
use crate::screen::Explorer;
use explore::inspect::Options;
use serde_json::{Value, json};

const DOCKERFILE: &str =
    "FROM scratch\nCOPY bin /bin\n# The application.\nRUN pip install app\nCOPY . /srv\nCMD [\"sh\"]\n";

/// What that Dockerfile makes: a cache of pip, and a repository of the build context.
fn built() -> ImageBuilder {
    let program = |name: &str| file(format!("bin/{name}"), vec![1; 1000]).mode(0o755);
    image()
        .layer([program("sh"), program("rm"), program("pip")])
        .layer([file("root/.cache/pip/http/a.body", vec![2; 300_000]), file("usr/lib/app.py", vec![3; 90_000])])
        .layer([file("srv/.git/objects/pack/a.pack", vec![4; 200_000]), file("srv/app.py", vec![5; 10_000])])
        .history(json!([
            {"created_by": "COPY bin /bin # buildkit"},
            {"created_by": "RUN /bin/sh -c pip install app # buildkit"},
            {"created_by": "COPY . /srv # buildkit"},
            {"created_by": "CMD [\"sh\"]", "empty_layer": true},
        ]))
}

/// A build context with the image's archive in it.
fn context() -> Folder {
    let folder = folder();
    folder.write("image.tar", &built().save(Shape::Docker));
    folder.write("Dockerfile", DOCKERFILE.as_bytes());
    folder
}

/// What `explore fix` prints, and its exit code.
fn fix(folder: &Folder, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = explore_in(folder.path()).arg("fix").arg("image.tar").args(arguments).output().unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn read(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

#[test]
fn the_diff_is_taken_by_patch_and_git() {
    let folder = context();
    let (diff, said, code) = fix(&folder, &["--dockerfile", "Dockerfile"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("explore: saves 500 kB of 603 kB"), "{said}");
    assert!(diff.contains("+RUN pip install app && rm -rf /root/.cache/pip"), "{diff}");
    assert!(diff.contains("+++ .dockerignore") && diff.contains("+.git"), "{diff}");
    assert_eq!(read(&folder, "Dockerfile"), DOCKERFILE, "nothing is written without --apply");
    let patch = folder.write("fix.patch", diff.as_bytes());
    for (program, arguments) in
        [("git", &["apply", "-p0", "--check"][..]), ("patch", &["-p0", "-s", "--dry-run", "-i"])]
    {
        let output = Command::new(program).args(arguments).arg(&patch).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{program}: {}{}", text(&output.stderr), text(&output.stdout));
    }
}

/// A copy of the build context changes often: steps below it that move up into another keep the build's cache, and the copy that
/// moves up would end it.
#[test]
fn what_is_copied_stays_below_the_runs_that_become_one() {
    let folder = folder();
    let dockerfile = "FROM scratch\nCOPY bin /bin\nRUN apt-get update && apt-get install -y curl\nCOPY app /srv/app\n\
                      RUN chown -R 33:33 /srv/app\nRUN apt-get install -y less && rm -rf /var/lib/apt/lists/*\n";
    let program = |name: &str| file(format!("bin/{name}"), vec![1; 1000]).mode(0o755);
    let app = file("srv/app/app.py", vec![5; 200_000]);
    let built = image()
        .layer([program("sh"), program("rm"), program("apt-get")])
        .layer([file("usr/curl", "curl"), file("var/lib/apt/lists/deb_Packages", vec![2; 400_000])])
        .layer([app.clone()])
        .layer([app.owner(33, 33)])
        .layer([file("usr/less", "less"), gone("var/lib/apt/lists/deb_Packages")])
        .history(json!([
            {"created_by": "COPY bin /bin # buildkit"},
            {"created_by": "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit"},
            {"created_by": "COPY app /srv/app # buildkit"},
            {"created_by": "RUN /bin/sh -c chown -R 33:33 /srv/app # buildkit"},
            {"created_by": "RUN /bin/sh -c apt-get install -y less && rm -rf /var/lib/apt/lists/* # buildkit"},
        ]));
    folder.write("image.tar", &built.save(Shape::Docker));
    folder.write("Dockerfile", dockerfile.as_bytes());
    let (_, said, code) = fix(&folder, &["--dockerfile", "Dockerfile", "--apply"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("600 kB"), "{said}");
    assert_eq!(
        read(&folder, "Dockerfile"),
        "FROM scratch\nCOPY bin /bin\nRUN apt-get update && apt-get install -y curl \\\n    && apt-get install -y less && \
         rm -rf /var/lib/apt/lists/*\nCOPY --chown=33:33 app /srv/app\n"
    );
}

#[test]
fn edits_are_listed_and_chosen_by_number_rule_or_fingerprint() {
    let folder = context();
    let (list, _, code) = fix(&folder, &["--dockerfile", "Dockerfile", "--list"]);
    assert_eq!((code, list.lines().count()), (Some(0), 2), "{list}");
    assert!(list.lines().next().is_some_and(|line| line.contains("1     300 kB  pip-cache")), "{list}");
    let document = |arguments: &[&str]| -> Value {
        let (out, said, code) = fix(&folder, &[&["--dockerfile", "Dockerfile", "--json"], arguments].concat());
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_str(&out).unwrap()
    };
    let all = document(&[]);
    assert_eq!((&all["schema"], &all["bytes"]), (&json!(1), &json!(500_000)), "{all}");
    assert_eq!((all["edits"].as_array().unwrap().len(), &all["without_edit"]), (2, &json!([])));
    let fingerprint = all["edits"][1]["fingerprints"][0].as_str().unwrap();
    for (word, rule, bytes) in [("1", "pip-cache", 300_000), (fingerprint, "vcs-dirs", 200_000)] {
        let one = document(&["--only", word]);
        assert_eq!((&one["edits"][0]["rules"], &one["bytes"]), (&json!([rule]), &json!(bytes)), "{one}");
        assert_eq!(one["diff"], one["edits"][0]["diff"]);
        assert_eq!(one["edits"][0]["proof"], Value::Null, "nothing was proven");
    }
    assert_eq!(document(&["--only", "pip-cache,2"])["bytes"], 500_000);
    let (out, said, code) = fix(&folder, &["--dockerfile", "Dockerfile", "--only", "yarn-cache"]);
    assert_eq!((out.as_str(), code), ("", Some(2)), "{said}");
    assert!(said.contains("`yarn-cache` is not an edit") && said.contains("pip-cache"), "{said}");
}

#[test]
fn files_are_changed_as_a_whole_and_only_when_they_are_what_was_read() {
    let folder = context();
    let before = folder.path().join("Dockerfile");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&before, std::fs::Permissions::from_mode(0o640)).unwrap();
    }
    let (_, said, code) = fix(&folder, &["--dockerfile", "Dockerfile", "--apply"]);
    assert_eq!(code, Some(0), "{said}");
    let edited = DOCKERFILE.replace("RUN pip install app", "RUN pip install app && rm -rf /root/.cache/pip");
    assert_eq!(
        (read(&folder, "Dockerfile"), read(&folder, ".dockerignore")),
        (edited, ".dockerignore\n.git\n".to_owned())
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&before).unwrap().permissions().mode() & 0o777, 0o640);
    }
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
    // What is not a Dockerfile is not touched.
    folder.write("Dockerfile", b"FROM scratch\nRUN <<EOF\nnever ends\n");
    let (_, said, code) = fix(&folder, &["--dockerfile", "Dockerfile", "--apply"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(read(&folder, "Dockerfile"), "FROM scratch\nRUN <<EOF\nnever ends\n");
}

#[test]
fn without_a_dockerfile_the_diff_is_of_a_reconstructed_one() {
    let folder = context();
    std::fs::remove_file(folder.path().join("Dockerfile")).unwrap();
    let (diff, said, code) = fix(&folder, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("reconstructed from the history"), "{said}");
    assert!(diff.contains("--- Dockerfile.reconstructed"), "{diff}");
    for flag in ["--apply", "--prove"] {
        let (_, said, code) = fix(&folder, &[flag]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("needs the Dockerfile: name it with --dockerfile"), "{said}");
    }
}

#[test]
fn nothing_to_fix_is_no_failure() {
    let folder = folder();
    folder.write("image.tar", &image().layer([file("app", "x")]).save(Shape::Docker));
    let (out, _, code) = fix(&folder, &["--json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["bytes"], &document["edits"]), (Some(0), &json!(0), &json!([])), "{document}");
    let (out, _, code) = fix(&folder, &[]);
    assert_eq!((out.as_str(), code), ("", Some(0)));
}

/// The image with its Dockerfile, on the Waste screen.
fn on_screen(dockerfile: &Path) -> (Folder, Explorer) {
    let folder = context();
    let text = std::fs::read_to_string(dockerfile).unwrap_or_else(|_| DOCKERFILE.to_owned());
    let given = (dockerfile.to_str().unwrap().to_owned(), text);
    let options = Options { dockerfile: Some(given), ..Options::default() };
    let found = look_with(&folder.path().join("image.tar"), &options);
    let mut explorer = Explorer::ready(found, 100, 30);
    explorer.keys("2").shows("pip-cache");
    (folder, explorer)
}

#[test]
fn a_fix_is_applied_from_the_screen_after_a_look_at_it() {
    let files = context();
    let dockerfile = files.path().join("Dockerfile");
    let (_folder, mut explorer) = on_screen(&dockerfile);
    explorer
        .shows("4 - RUN pip install app")
        .shows("4 + RUN pip install app && rm -rf /root/.cache/pip")
        .shows("f fix");
    explorer.keys("f").shows("saves 300 kB on disk, as predicted").shows("Enter apply").shows("p prove");
    assert_eq!(read(&files, "Dockerfile"), DOCKERFILE, "it is only shown");
    explorer
        .keys("<esc>")
        .hides("as predicted")
        .keys("f <enter>")
        .shows("; build the image again")
        .hides("as predicted");
    assert!(read(&files, "Dockerfile").contains("RUN pip install app && rm -rf /root/.cache/pip\n"));
    // What is copied is the diff with its lines.
    explorer.keys("y").shows("diff  ").keys("2");
    assert!(explorer.copied().contains("\n+RUN pip install app && rm -rf /root/.cache/pip\n"));
    // The second time the file is another one.
    explorer.keys("f <enter>").shows("changed meanwhile; nothing was written");
    // A finding without an edit has no such key.
    let mut explorer = Explorer::ready(look_with(&files.path().join("image.tar"), &Options::default()), 100, 30);
    explorer.keys("2 f").shows("(reconstructed from the history)").hides("Enter apply");
    explorer.keys("<enter>").shows("start with --dockerfile FILE to apply changes");
}

/// Both images are really built, and what is measured is what was promised.
#[test]
fn a_fix_is_proven_by_building_both() {
    if !crate::engine::have(&["docker"]) {
        return;
    }
    let folder = folder();
    let busybox = std::fs::read("/bin/busybox").unwrap();
    folder.write("busybox", &busybox);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join("busybox");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let recipe = "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n\
                  RUN mkdir -p /root/.cache/pip && head -c 300000 /bin/busybox > /root/.cache/pip/a.body\n\
                  RUN date +%N > /built && mkdir -p /root/.npm/_cacache && head -c 200000 /bin/busybox > /root/.npm/_cacache/b\n";
    folder.write("Dockerfile", recipe.as_bytes());
    let tag = "explore-test-proof:1";
    let build =
        Command::new("docker").args(["build", "-q", "-t", tag, "."]).current_dir(folder.path()).output().unwrap();
    assert!(build.status.success(), "{}", text(&build.stderr));
    let output = explore_in(folder.path())
        .args(["fix", tag, "--dockerfile", "Dockerfile", "--prove", "--json"])
        .output()
        .unwrap();
    let _ = Command::new("docker").args(["rmi", "-f", tag]).output();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let edits = found["edits"].as_array().unwrap();
    assert_eq!(edits.len(), 2, "{found:#}");
    for edit in edits {
        // /built is another one in every build, so it is not held against the edit.
        assert_eq!(edit["proof"], json!({ "bytes": edit["bytes"], "same": true, "differences": [] }), "{found:#}");
    }
    assert_eq!(found["proof"]["bytes"], found["bytes"], "{found:#}");
    assert_eq!((output.status.code(), read(&folder, "Dockerfile")), (Some(0), recipe.to_owned()));
}
