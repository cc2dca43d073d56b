//! Images that Docker 26 and 28 build and store, with both of their stores, and podman's of today: `tests/engines` brings them,
//! `tests/run` starts them and names them in `EXPLORE_TEST_GENERATIONS`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{explore_json, text};
use crate::daemon::{Explorer, Proxy, comparable};
use serde_json::{Value, json};

/// An engine that runs.
struct Generation {
    name: String,
}

/// Those that `tests/run` started; says so, or fails where nothing may be left out, when there are none.
fn generations() -> Vec<Generation> {
    let named = std::env::var("EXPLORE_TEST_GENERATIONS").unwrap_or_default();
    let all: Vec<_> = named.split_whitespace().map(|name| Generation { name: name.to_owned() }).collect();
    let required = std::env::var("EXPLORE_TEST_ENGINES").as_deref() == Ok("required");
    assert!(!all.is_empty() || !required, "no engine of `tests/engines` runs");
    if all.is_empty() {
        eprintln!("left out: no engine of `tests/engines` runs");
    }
    all
}

impl Generation {
    fn script(&self, verb: &str, arguments: &[&str]) -> std::process::Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines");
        Command::new(script).args([verb, &self.name]).args(arguments).output().unwrap()
    }

    /// Runs a program of that release, in its root.
    fn run(&self, command: &[&str]) -> Vec<u8> {
        let output = self.script("run", command);
        assert!(output.status.success(), "{} {command:?}: {}{}", self.name, text(&output.stdout), text(&output.stderr));
        output.stdout
    }

    fn root(&self) -> PathBuf {
        text(&self.script("root", &[]).stdout).trim().into()
    }

    fn has_containerd_store(&self) -> bool {
        self.name.ends_with("-containerd")
    }

    /// A folder of the engine that can be seen from here, and its name there.
    fn shared(&self, name: &str) -> (PathBuf, String) {
        let store = self.name.rsplit('-').next().unwrap();
        let inside = format!("/explore-tests/{store}/{name}");
        (self.root().join(&inside[1..]), inside)
    }

    fn socket(&self) -> PathBuf {
        self.shared("docker.sock").0
    }

    /// Builds `tests/images/NAME` with buildx, as `explore-test-NAME:1`.
    fn build(&self, name: &str, files: &[(&str, &[u8])], flags: &[&str]) -> String {
        let (context, inside) = self.shared(name);
        std::fs::create_dir_all(&context).unwrap();
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name).join("Dockerfile");
        std::fs::copy(recipe, context.join("Dockerfile")).unwrap();
        for (file, bytes) in files {
            std::fs::create_dir_all(context.join(file).parent().unwrap()).unwrap();
            std::fs::write(context.join(file), bytes).unwrap();
        }
        let busybox = context.join("busybox");
        std::fs::copy("/bin/busybox", busybox).expect("busybox-static is installed");
        let tag = format!("explore-test-{name}:1");
        let build = ["docker", "buildx", "build", "--network=host", "-q", "-t", &tag];
        self.run(&[&build, flags, &[&inside]].concat());
        tag
    }

    /// What `docker save` writes, on this side.
    fn save(&self, tag: &str, flags: &[&str]) -> PathBuf {
        let (file, inside) = self.shared(&format!("{}.tar", tag.replace([':', '/'], "-")));
        self.run(&[&["docker", "image", "save"], flags, &["-o", &inside, tag]].concat());
        file
    }

    fn inspect(&self, tag: &str, field: &str) -> String {
        text(&self.run(&["docker", "image", "inspect", "-f", &format!("{{{{.{field}}}}}"), tag])).trim().to_owned()
    }
}

/// An image with everything that `BuildKit` has is what its archive says, is found by every name, and is exported once.
#[test]
fn images_are_read_from_every_generation_and_store() {
    let bytes = std::fs::read("/bin/busybox").unwrap_or_default();
    for engine in generations() {
        let name = &engine.name;
        let attest: &[&str] = if engine.has_containerd_store() { &["--provenance=mode=max"] } else { &[] };
        let tag = engine.build("forms", &[("app/data", &bytes[..50_000])], attest);
        let archive = engine.save(&tag, &[]);
        let want = explore_json(&[archive.to_str().unwrap(), "--json", "--files", "--verify"]);
        assert_eq!(want["verification"]["state"], "verified", "{name}: {}", want["verification"]);

        let proxy = Proxy::to(engine.socket(), None);
        let explorer = Explorer::on(&proxy.socket);
        let found = explorer.json(&[&tag, "--json", "--files"]);
        let id = engine.inspect(&tag, "Id");
        assert_eq!(found["image"]["engine_id"], id, "{name}");
        assert_eq!(found["image"]["id"], want["image"]["id"], "{name}");
        assert_eq!(found["image"]["tags"], json!([tag]), "{name}");
        assert_eq!(found["image"]["platform"], want["image"]["platform"], "{name}");
        assert_eq!(found["notes"], json!([]), "{name}");
        if engine.has_containerd_store() {
            assert_eq!(found["image"]["digest"], want["image"]["digest"], "{name}");
            assert_ne!(found["image"]["id"], id, "{name}: the id is that of an index");
        }
        let instructions: Vec<&str> =
            found["layers"].as_array().unwrap().iter().map(|layer| layer["instruction"].as_str().unwrap()).collect();
        assert_eq!(
            instructions,
            [
                "COPY busybox /bin/busybox",
                "RUN /bin/busybox --install -s /bin && mkdir /tmp",
                "RUN mkdir /v && echo $VERSION > /v/version",
                "RUN echo $WORDS > /v/words",
                "RUN touch /v/exec",
                "RUN <<EOF\nmkdir -p /h /root/.cache/pip\nfor name in one two; do\n  echo $name > /h/$name\ndone\nhead -c \
                 300000 /bin/busybox > /root/.cache/pip/wheel\nEOF",
                "RUN <<-\"XX\" cat > /h/three\n\t# a comment\n\techo three\nXX",
                "COPY <<EOF /h/four",
                "COPY app /app",
                "RUN echo cached > /cache/x && head -c 200000 /bin/busybox > /tmp/made",
                "RUN rm /tmp/made",
            ],
            "{name}"
        );
        // Lines of the Dockerfile come from the provenance.
        let findings = found["waste"]["findings"].as_array().unwrap();
        let of =
            |rule: &str| findings.iter().find(|each| each["rule"] == rule).unwrap_or_else(|| panic!("{name}: {rule}"));
        if engine.has_containerd_store() {
            let lines = |rule: &str| {
                let place = &of(rule)["dockerfile"];
                (place["line"].as_u64(), place["end_line"].as_u64(), place["confidence"].as_str())
            };
            assert_eq!(lines("pip-cache"), (Some(11), Some(17), Some("exact")), "{name}");
            assert_eq!(lines("tmp-files"), (Some(26), Some(27), Some("exact")), "{name}");
        }
        // The fix of a here-document is one.
        let fix = of("pip-cache")["fix"].as_str().unwrap();
        assert!(fix.starts_with("RUN <<EOF\n") && fix.ends_with(" && rm -rf /root/.cache/pip\nEOF"), "{name}: {fix:?}");
        // A cache mount and the archive's order of blobs do not show.
        let (mut plain, mut want) = (comparable(found.clone()), comparable(want));
        for side in [&mut plain, &mut want] {
            side["image"]["tags"] = Value::Null;
        }
        for field in ["files", "layers", "history", "totals", "waste", "image"] {
            assert_eq!(plain[field], want[field], "{name}: {field}");
        }
        assert_eq!(proxy.exports(), 1, "{name}");
        for other in [id.as_str(), &id["sha256:".len()..][..12], "explore-test-forms:1", &format!("docker:{tag}")] {
            let again = explorer.json(&[other, "--json", "--files"]);
            for field in ["files", "layers", "history", "totals", "waste"] {
                assert_eq!(again[field], found[field], "{name}: {other}: {field}");
            }
            assert_eq!(again["image"]["id"], found["image"]["id"], "{name}: {other}");
        }
        assert_eq!(proxy.exports(), 1, "{name}: the second look needs no export");
        let made = explorer.run(&["cat", &tag, "/h/three"]);
        assert_eq!(
            text(&made.stdout),
            text(&engine.run(&["docker", "run", "--rm", "--network=none", &tag, "cat", "/h/three"]))
        );
        // Its history, as the engine prints it.
        let ours = explorer.run(&["history", &tag, "--format", "json", "--no-trunc"]);
        let theirs = engine.run(&["docker", "history", "--no-trunc", "--format", "{{json .}}", &tag]);
        let rows = |bytes: &[u8]| -> Vec<(Value, Value, Value)> {
            let row = |line: &str| serde_json::from_str::<Value>(line).unwrap();
            text(bytes)
                .lines()
                .map(row)
                .map(|row| (row["CreatedBy"].clone(), row["Comment"].clone(), row["ID"].clone()))
                .collect()
        };
        assert_eq!(rows(&ours.stdout), rows(&theirs), "{name}");
        let list = text(&explorer.run(&[]).stdout);
        assert!(list.contains(&format!("docker:{tag}")), "{name}: {list}");
        let gate = explorer.run(&[&tag, "--ci", "--base-layers=1", "--max-own-wasted-bytes=500000"]);
        assert_eq!(gate.status.code(), Some(0), "{name}: {}", text(&gate.stdout));
    }
}

/// The containerd store is read in place where that can be read, by Docker's name and by containerd's, and says the same as the
/// export; a blob that is not there is an error that says what to do.
#[test]
fn the_containerd_store_is_read_in_place() {
    let bytes = std::fs::read("/bin/busybox").unwrap_or_default();
    for engine in generations().into_iter().filter(Generation::has_containerd_store) {
        let name = &engine.name;
        let tag = engine.build("forms", &[("app/data", &bytes[..50_000])], &["--provenance=mode=max"]);
        let proxy = Proxy::to(engine.socket(), None);
        let exported = Explorer::on(&proxy.socket).json(&[&tag, "--json", "--files"]);
        let (data, _) = engine.shared("data/containerd/daemon");
        let explorer = Explorer::on(&engine.socket()).with("EXPLORE_CONTAINERD_ROOT", data.to_str().unwrap());
        let containerd = format!("containerd:{tag}");
        for (place, source) in [(&tag, "docker"), (&containerd, "containerd")] {
            let found = explorer.json(&[place, "--json", "--files"]);
            assert_eq!(found["image"]["source"], source, "{name}");
            assert!(
                found["notes"].to_string().contains("read in place from the content store at"),
                "{name}: {}",
                found["notes"]
            );
            assert_eq!(found["image"]["tags"], json!([tag]), "{name}");
            for field in ["id", "digest", "platform", "created"] {
                assert_eq!(found["image"][field], exported["image"][field], "{name}: {place}: {field}");
            }
            for field in ["files", "layers", "history", "totals", "waste"] {
                assert_eq!(found[field], exported[field], "{name}: {place}: {field}");
            }
            let content = explorer.run(&["cat", place, "/h/three"]);
            assert_eq!(
                text(&content.stdout),
                "# a comment\necho three\n",
                "{name}: {place}: {}",
                text(&content.stderr)
            );
        }
        let id = exported["image"]["engine_id"].as_str().unwrap()["sha256:".len()..][..12].to_owned();
        assert_eq!(
            explorer.json(&[&format!("containerd:{id}"), "--json"])["image"]["id"],
            exported["image"]["id"],
            "{name}"
        );
        let failed = explorer.run(&["containerd:not-there"]);
        assert!(text(&failed.stderr).contains("no image not-there; namespaces and their images: moby ("), "{name}");
        let elsewhere = Explorer::on(&engine.socket()).with("EXPLORE_CONTAINERD_ROOT", data.to_str().unwrap());
        let elsewhere = elsewhere.with("CONTAINERD_NAMESPACE", "k8s.io");
        let failed = elsewhere.run(&[&containerd]);
        assert!(text(&failed.stderr).contains("in the namespace k8s.io"), "{name}: {}", text(&failed.stderr));
        // The flag is stronger than the variable.
        let found = elsewhere.json(&[&containerd, "--namespace", "moby", "--json"]);
        assert_eq!(found["image"]["id"], exported["image"]["id"], "{name}");
        // As after `discard_unpacked_layers`: the manifest is there, and its layers are not.
        let copy = crate::common::folder();
        for part in ["io.containerd.metadata.v1.bolt", "io.containerd.content.v1.content"] {
            let status = Command::new("cp").args(["-r", data.join(part).to_str().unwrap()]).arg(copy.path()).status();
            assert!(status.unwrap().success());
        }
        let layer = exported["layers"][0]["digest"].as_str().unwrap().replace(':', "/");
        std::fs::remove_file(copy.path().join("io.containerd.content.v1.content/blobs").join(layer)).unwrap();
        let explorer = Explorer::on(&engine.socket()).with("EXPLORE_CONTAINERD_ROOT", copy.path().to_str().unwrap());
        let failed = explorer.run(&[&containerd, "--json"]);
        let said = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(2), "{name}: {said}");
        assert!(
            said.contains("is not in the content store") && said.contains("content fetch docker.io/library/"),
            "{said}"
        );
    }
}

#[test]
fn platforms_are_chosen_and_an_absent_one_is_an_error_that_lists_them() {
    let bytes = std::fs::read("/bin/busybox").unwrap_or_default();
    let files: [(&str, &[u8]); 4] = [
        ("amd64", &bytes[..40_000]),
        ("arm64", &bytes[50_000..80_000]),
        ("arm", b"a small one"),
        ("same", b"the same in all"),
    ];
    for engine in generations() {
        let name = &engine.name;
        let proxy = Proxy::to(engine.socket(), None);
        let explorer = Explorer::on(&proxy.socket);
        if !engine.has_containerd_store() {
            let tag = engine.build("platforms", &files, &["--platform=linux/arm64"]);
            let output = explorer.run(&[&tag, "--platform", "linux/amd64", "--json"]);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{name}: {said}");
            assert!(said.contains("there is no image for linux/amd64") && said.contains("\n  linux/arm64\n"), "{said}");
            assert_eq!(explorer.json(&[&tag, "--platform", "arm64", "--json"])["totals"]["files"], 2, "{name}");
            continue;
        }
        for provenance in ["--provenance=false", "--provenance=mode=max"] {
            let all = "--platform=linux/amd64,linux/arm64,linux/arm/v7";
            let tag = engine.build("platforms", &files, &[all, provenance]);
            let id = engine.inspect(&tag, "Id");
            for (platform, file) in [("linux/amd64", 0), ("linux/arm64", 1), ("linux/arm/v7", 2)] {
                for _ in 0..2 {
                    let found = explorer.json(&[&tag, "--platform", platform, "--json", "--files"]);
                    assert_eq!(found["image"]["platform"], platform, "{name}");
                    assert_eq!(found["image"]["engine_id"], id, "{name}");
                    assert_eq!(found["notes"], json!([]), "{name}");
                    let app = found["files"].as_array().unwrap().iter().find(|row| row["path"] == "bin/app").unwrap();
                    assert_eq!(app["bytes"], files[file].1.len(), "{name} {platform}");
                    let instruction = format!("COPY {} /bin/app", files[file].0);
                    assert_eq!(found["layers"][0]["instruction"], instruction, "{name} {platform}");
                }
                let app = explorer.run(&["cat", &tag, "/bin/app", "--platform", platform]);
                assert!(app.stdout == files[file].1, "{name} {platform}: {}", text(&app.stderr));
            }
            // The machine's own, and a note of the others.
            let found = explorer.json(&[&tag, "--json"]);
            assert!(found["notes"].to_string().contains("linux/arm64, linux/arm/v7"), "{name}: {}", found["notes"]);
            let output = explorer.run(&[&tag, "--platform", "linux/s390x"]);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{name}: {said}");
            assert!(said.contains("there is no image for linux/s390x"), "{name}: {said}");
            for there in ["linux/amd64", "linux/arm64", "linux/arm/v7"] {
                assert!(said.contains(&format!("\n  {there}")), "{name}: {said}");
            }
            // The archive holds them all, or the one that was asked for.
            let archive = engine.save(&tag, &[]);
            let found = explore_json(&[archive.to_str().unwrap(), "--platform", "arm64", "--json", "--verify"]);
            assert_eq!(
                (&found["image"]["platform"], &found["verification"]["state"]),
                (&json!("linux/arm64"), &json!("verified"))
            );
            if engine.name.starts_with("sid") {
                let archive = engine.save(&tag, &["--platform=linux/arm64"]);
                let found = explore_json(&[archive.to_str().unwrap(), "--json", "--verify"]);
                assert_eq!(found["image"]["platform"], "linux/arm64", "{name}");
                assert_eq!(found["image"]["tags"], json!([tag]), "{name}");
            }
        }
    }
}

/// Podman 5 builds, serves and saves; what its service says is what its archive holds.
#[test]
fn images_are_read_from_the_podman_of_today() {
    for engine in generations().into_iter().filter(Generation::has_containerd_store) {
        let name = &engine.name;
        let (context, inside) = engine.shared("podman");
        std::fs::create_dir_all(context.join("app")).unwrap();
        std::fs::write(context.join("app/data"), vec![7; 50_000]).unwrap();
        std::fs::copy("/bin/busybox", context.join("busybox")).unwrap();
        let recipe = "FROM scratch\nCOPY busybox /bin/busybox\nARG V=1\nRUN [\"/bin/busybox\", \"mkdir\", \"/tmp\"]\n\
                      RUN [\"/bin/busybox\", \"cp\", \"/bin/busybox\", \"/tmp/copy\"]\n\
                      RUN [\"/bin/busybox\", \"rm\", \"/tmp/copy\"]\nCOPY app /app\nCMD [\"/bin/busybox\"]\n";
        std::fs::write(context.join("Dockerfile"), recipe).unwrap();
        let storage = format!("podman --root {inside}/root --runroot {inside}/run --storage-driver vfs");
        let build = format!(
            "{storage} build -q --layers --isolation chroot --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network host -t explore-test-podman:1 {inside}"
        );
        engine.run(&["bash", "-c", &build]);
        let save = format!("rm -f {inside}/saved.tar; {storage} save -q -o {inside}/saved.tar explore-test-podman:1");
        engine.run(&["bash", "-c", &save]);
        let want = comparable(explore_json(&[context.join("saved.tar").to_str().unwrap(), "--json", "--files"]));
        let serve = format!(
            "rm -f {inside}/podman.sock; setsid {storage} system service --time=20 unix://{inside}/podman.sock >/dev/null \
             2>&1 </dev/null & for n in $(seq 100); do [ -S {inside}/podman.sock ] && break; sleep 0.1; done"
        );
        engine.run(&["bash", "-c", &serve]);
        let host = format!("unix://{}", context.join("podman.sock").display());
        let explorer = Explorer::on(Path::new("/nowhere")).with("CONTAINER_HOST", &host);
        for image in ["podman:explore-test-podman:1", "localhost/explore-test-podman:1"] {
            let found = explorer.json(&[image, "--json", "--files"]);
            assert_eq!(found["image"]["source"], "podman", "{name}");
            assert!(!found["notes"].to_string().contains("history"), "{name}: {}", found["notes"]);
            let found = comparable(found);
            for field in ["files", "history", "waste"] {
                assert_eq!(found[field], want[field], "{name}: {field}");
            }
        }
        let output = explorer.run(&["podman:explore-test-podman:1", "--platform=s390x"]);
        assert!(text(&output.stderr).contains("there is no image for linux/s390x"), "{name}: {}", text(&output.stderr));
    }
}

/// The storage of Podman is read in place, with both drivers, and says the same as `podman save`.
#[test]
fn the_storage_of_podman_is_read_in_place() {
    for engine in generations().into_iter().filter(Generation::has_containerd_store) {
        for driver in ["vfs", "overlay"] {
            let name = format!("{} {driver}", engine.name);
            let (context, inside) = engine.shared(&format!("storage-{driver}"));
            std::fs::create_dir_all(context.join("app")).unwrap();
            std::fs::write(context.join("app/data"), vec![7; 50_000]).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", context.join("app/link")).unwrap_or_default();
            let recipe = "FROM scratch\nCOPY app /app\nCOPY app/data /same\nLABEL a=b\n";
            std::fs::write(context.join("Dockerfile"), recipe).unwrap();
            let storage = format!("podman --root {inside}/root --runroot {inside}/run --storage-driver {driver}");
            let build = format!("{storage} build -q --layers -t explore-test-storage:1 {inside}");
            engine.run(&["bash", "-c", &build]);
            let save =
                format!("rm -f {inside}/saved.tar; {storage} save -q -o {inside}/saved.tar explore-test-storage:1");
            engine.run(&["bash", "-c", &save]);
            let want = explore_json(&[context.join("saved.tar").to_str().unwrap(), "--json", "--files", "--verify"]);
            let root = context.join("root");
            for image in ["localhost/explore-test-storage:1", "explore-test-storage:1"] {
                let place = format!("containers-storage:[{driver}@{}]{image}", root.display());
                let found = explore_json(&[&place, "--json", "--files", "--verify"]);
                assert_eq!(found["image"]["source"], "containers-storage", "{name}");
                assert_eq!(found["image"]["id"], want["image"]["id"], "{name}");
                assert_eq!(found["verification"]["state"], "verified", "{name}: {}", found["verification"]);
                assert!(found["notes"].to_string().contains("read in place from the container storage"), "{name}");
                for field in ["files", "history", "waste"] {
                    assert_eq!(found[field], want[field], "{name}: {field}");
                }
                let diff_ids = |found: &Value| -> Vec<Value> {
                    found["layers"].as_array().unwrap().iter().map(|layer| layer["diff_id"].clone()).collect()
                };
                assert_eq!(diff_ids(&found), diff_ids(&want), "{name}");
                let content = crate::common::explore(&["cat", &place, "/app/data"]);
                assert!(content.stdout == vec![7; 50_000], "{name}: {}", text(&content.stderr));
            }
            let missing =
                crate::common::explore(&[&format!("containers-storage:[{driver}@{}]nothing", root.display())]);
            assert!(text(&missing.stderr).contains("has no image nothing"), "{name}: {}", text(&missing.stderr));
        }
    }
}
