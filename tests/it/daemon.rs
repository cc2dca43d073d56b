//! Images of daemons: real ones, and a small fake one for the shapes and the bad days that real ones don't have at hand.

#![cfg(unix)]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::{ImageBuilder, Shape, file, folder, gone, gzip, image, text, zstd};
use explore::image::Digest;
use serde_json::{Value, json};

/// The program, told which daemon to use and where to keep its cache; nothing else of this machine shows.
pub(crate) struct Explorer {
    pub(crate) folder: crate::common::Folder,
    host: String,
    variables: Vec<(String, String)>,
}

impl Explorer {
    pub fn on(socket: &Path) -> Self {
        Self { folder: folder(), host: format!("unix://{}", socket.display()), variables: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
        crate::common::undisturbed(&mut command)
            .args(arguments)
            .env_remove("DOCKER_CONTEXT")
            .env("DOCKER_HOST", &self.host)
            .env("CONTAINER_HOST", "unix:///nowhere/podman.sock")
            .env("EXPLORE_CACHE_DIR", self.cache())
            .envs(self.variables.iter().cloned());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Indexes of layers that are kept, and whatever was left half-written.
    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.cache().join("layers")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

/// What does not depend on where the image came from.
pub(crate) fn comparable(mut found: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in [
                    "pull_bytes",
                    "pull_estimated",
                    "reference",
                    "engine_id",
                    "source",
                    "verification",
                    "digest",
                    "media_type",
                    "notes",
                ] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut found);
    found
}

/// How the fake daemon sends an image.
#[derive(Clone, Default)]
pub struct Behaviour {
    /// The body of the export breaks off after so many bytes: the connection is closed.
    closes_after: Option<usize>,
    /// The same, but the connection stays open and nothing more comes.
    stalls_after: Option<usize>,
    /// Every answer is a web page.
    html: bool,
    /// The export says that the image is gone.
    gone: bool,
    /// Other images that it has.
    others: Vec<ImageBuilder>,
    /// Those have a digest of a registry.
    is_pulled: bool,
    /// It never says what those are made of.
    silent: bool,
    /// Fields of its answer about the image that are other than the image's.
    says: serde_json::Map<String, Value>,
    /// It shows this instruction in place of the image's first.
    shows: Option<&'static str>,
}

impl Behaviour {
    /// It has other images, too.
    pub fn beside(others: &[ImageBuilder], is_pulled: bool) -> Self {
        Self { others: others.to_vec(), is_pulled, ..Self::default() }
    }
}

/// A file or directory that is not an image does not hide the engine's image of that name.
#[test]
fn what_is_not_an_image_does_not_hide_one() {
    let built = sample().name("app:1");
    let fake = Fake::new(&built, built.save(Shape::Docker), Behaviour::default());
    let explorer = Explorer::on(&fake.socket);
    let here = explorer.folder.path().to_owned();
    let at = |name: &str| {
        let output = explorer.command(&[name, "--json"]).current_dir(&here).output().unwrap();
        (serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default(), text(&output.stderr))
    };
    for make in [
        (|path: &Path| std::fs::create_dir(path).unwrap()) as fn(&Path),
        |path| std::fs::write(path, "").unwrap(),
        |path| std::fs::write(path, "\x7fELF, a program").unwrap(),
    ] {
        for name in ["app", "app:1"] {
            make(&here.join(name));
            let (found, said) = at("app:1");
            assert_eq!(found["image"]["source"], "docker", "{said}");
            let notes = found["notes"].to_string();
            assert!(notes.contains("is not an image; this is the image app:1"), "{notes}");
            let _ = std::fs::remove_dir(here.join(name)).or_else(|_| std::fs::remove_file(here.join(name)));
        }
    }
    // With no image of that name the path is what is wrong; and a path that can only be one is not a name.
    std::fs::create_dir(here.join("other")).unwrap();
    let (_, said) = at("other");
    assert!(said.contains("other is a directory without") && said.contains("it has no image of that name"), "{said}");
    let (_, said) = at("./other");
    assert!(said.contains("is a directory without") && !said.contains("of that name"), "{said}");
}

/// Podman's service does not outlive the program that started it, however that ends.
#[test]
fn a_podman_service_ends_with_its_parent() {
    let folder = folder();
    let (bin, temporary) = (folder.path().join("bin"), folder.path().join("tmp"));
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir(&temporary).unwrap();
    // It makes its socket, and never answers.
    let script = format!(
        "#!/bin/sh\necho $$ > {0}/pid\nexec python3 -c 'import socket,sys,time; s=socket.socket(socket.AF_UNIX); \
         s.bind(sys.argv[1][7:]); s.listen(); time.sleep(600)' \"$4\"\n",
        folder.path().display()
    );
    folder.write("bin/podman", script.as_bytes());
    std::fs::set_permissions(bin.join("podman"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_explore"))
        .args(["podman:app", "--json"])
        .env("PATH", path)
        .env("TMPDIR", &temporary)
        .env("HOME", folder.path())
        .env_remove("CONTAINER_HOST")
        .env_remove("XDG_RUNTIME_DIR")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = |what: &dyn Fn() -> bool| {
        let started = Instant::now();
        while !what() {
            assert!(started.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let is_empty = || std::fs::read_dir(&temporary).unwrap().next().is_none();
    until(&|| std::fs::read_to_string(folder.path().join("pid")).is_ok_and(|pid| pid.ends_with('\n')) && !is_empty());
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let service = PathBuf::from(format!("/proc/{}", pid.trim()));
    assert!(service.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    until(&|| std::fs::read_to_string(service.join("stat")).map_or(true, |stat| stat.contains(") Z ")));
    until(&is_empty);
}

/// A daemon that has one image.
pub struct Fake {
    pub socket: PathBuf,
    exports: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
    /// Questions what another image is made of.
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    _folder: crate::common::Folder,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(&self.socket);
    }
}

impl Fake {
    #[allow(clippy::too_many_lines, reason = "one answer after the other")]
    pub fn new(built: &ImageBuilder, archive: Vec<u8>, behaviour: Behaviour) -> Self {
        let folder = folder();
        let socket = folder.path().join("fake.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let config = built.config();
        let parsed: Value = serde_json::from_slice(&config).unwrap();
        let mut about = json!({
            "Id": Digest::of(&config).to_string(), "RepoTags": [built.name], "RepoDigests": [], "Os": "linux",
            "Architecture": "amd64", "Created": "2026-01-02T03:04:05Z", "Size": 12345, "Config": parsed["config"],
            "RootFS": {"Type": "layers", "Layers": parsed["rootfs"]["diff_ids"]},
        });
        about.as_object_mut().unwrap().extend(behaviour.says.clone());
        let mut rows: Vec<Value> = parsed["history"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(|row| {
                let created: jiff::Timestamp =
                    row["created"].as_str().unwrap_or("2026-01-02T03:04:05Z").parse().unwrap();
                let size = i32::from(row["empty_layer"] != json!(true));
                json!({"Id": "<missing>", "Created": created.as_second(), "CreatedBy": row["created_by"], "Tags": null,
                    "Size": size, "Comment": row["comment"].as_str().unwrap_or_default()})
            })
            .collect();
        // The engine's rows begin with the last.
        if let (Some(shows), Some(row)) = (behaviour.shows, rows.last_mut()) {
            row["CreatedBy"] = json!(shows);
        }
        let (exports, sent, stop) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let asked = Arc::<AtomicUsize>::default();
        let own_asked = Arc::clone(&asked);
        let (own_exports, own_sent, own_stop) = (Arc::clone(&exports), Arc::clone(&sent), Arc::clone(&stop));
        let name = built.name.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own_stop.load(Ordering::Relaxed) {
                    return;
                }
                let (about, rows, archive, behaviour, name) =
                    (about.clone(), rows.clone(), archive.clone(), behaviour.clone(), name.clone());
                let asked = Arc::clone(&own_asked);
                let (exports, sent, stop) = (Arc::clone(&own_exports), Arc::clone(&own_sent), Arc::clone(&own_stop));
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let Some(path) = request(&mut stream) else { return };
                    let path = path.split('?').next().unwrap().to_owned();
                    if behaviour.html {
                        return answer(
                            &mut stream,
                            200,
                            "text/html",
                            b"<html><body>Sign in to the proxy</body></html>",
                        );
                    }
                    if path.ends_with("/version") {
                        return answer(
                            &mut stream,
                            200,
                            "application/json",
                            br#"{"ApiVersion":"1.41","Version":"fake"}"#,
                        );
                    }
                    if path.ends_with("/images/json") {
                        let row = |id: &str, name: &str, size: usize| {
                            let digests: Vec<String> = behaviour
                                .is_pulled
                                .then(|| format!("{}@{id}", name.split(':').next().unwrap()))
                                .into_iter()
                                .collect();
                            json!({"Id": id, "ParentId": "", "RepoTags": [name], "RepoDigests": digests, "Created": 1,
                                "Size": size, "SharedSize": -1, "Labels": {}, "Containers": -1})
                        };
                        let others = behaviour.others.iter().enumerate();
                        let others =
                            others.map(|(at, other)| row(&Digest::of(&other.config()).to_string(), &other.name, at));
                        let list: Vec<Value> =
                            [row(about["Id"].as_str().unwrap(), &name, 12345)].into_iter().chain(others).collect();
                        return answer(&mut stream, 200, "application/json", json!(list).to_string().as_bytes());
                    }
                    for other in &behaviour.others {
                        let id = Digest::of(&other.config()).to_string();
                        if !path.contains(&format!("/images/{id}/json")) {
                            continue;
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                        while behaviour.silent && !stop.load(Ordering::Relaxed) {
                            std::thread::sleep(Duration::from_millis(50));
                        }
                        let config: Value = serde_json::from_slice(&other.config()).unwrap();
                        let about =
                            json!({"Id": id, "RootFS": {"Type": "layers", "Layers": config["rootfs"]["diff_ids"]}});
                        return answer(&mut stream, 200, "application/json", about.to_string().as_bytes());
                    }
                    let known = [name.as_str(), about["Id"].as_str().unwrap()];
                    if !known.iter().any(|name| path.contains(&format!("/images/{name}/"))) {
                        return answer(&mut stream, 404, "application/json", br#"{"message":"no such image"}"#);
                    }
                    if path.ends_with("/json") {
                        return answer(&mut stream, 200, "application/json", about.to_string().as_bytes());
                    }
                    if path.ends_with("/history") {
                        return answer(&mut stream, 200, "application/json", json!(rows).to_string().as_bytes());
                    }
                    exports.fetch_add(1, Ordering::Relaxed);
                    if behaviour.gone {
                        return answer(&mut stream, 404, "application/json", br#"{"message":"image is gone"}"#);
                    }
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n";
                    if stream.write_all(head.as_bytes()).is_err() {
                        return;
                    }
                    let end = behaviour.closes_after.or(behaviour.stalls_after).unwrap_or(archive.len());
                    for piece in archive[..end.min(archive.len())].chunks(16 * 1024) {
                        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
                        if stream.write_all(&chunk).is_err() {
                            return;
                        }
                        sent.fetch_add(piece.len(), Ordering::Relaxed);
                    }
                    if behaviour.stalls_after.is_some() {
                        while !stop.load(Ordering::Relaxed) {
                            std::thread::sleep(Duration::from_millis(50));
                        }
                    } else if behaviour.closes_after.is_none() {
                        let _ = stream.write_all(b"0\r\n\r\n");
                    }
                });
            }
        });
        Self { socket, exports, sent, asked, stop, _folder: folder }
    }

    fn exports(&self) -> usize {
        self.exports.load(Ordering::Relaxed)
    }
}

/// The path of a request; None when the other side has gone.
fn request(stream: &mut UnixStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&bytes).split(' ').nth(1)?.replace("%3A", ":"))
}

fn answer(stream: &mut UnixStream, status: u16, kind: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

fn noise(len: usize, mut state: u64) -> Vec<u8> {
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

fn sample() -> ImageBuilder {
    image()
        .name("app:1")
        .layer([file("a", noise(300_000, 1)), file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")])
        .layer([file("root/.cache/pip/x", noise(50_000, 2)), gone("a")])
        .layer([file("b", noise(200_000, 3)), file("copy", noise(200_000, 3))])
}

#[test]
fn every_shape_that_engines_send_gives_the_same() {
    let folder = folder();
    let plain = sample();
    let want = folder.write("want.tar", &plain.save(Shape::Docker));
    let want = comparable(crate::common::explore_json(&[want.to_str().unwrap(), "--json", "--files"]));
    let zipped = ImageBuilder {
        compress: gzip,
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        ..plain.clone()
    };
    let zstd = ImageBuilder { compress: zstd, ..plain.clone() };
    let mut last = zipped.members(Shape::Docker);
    // manifest.json and the index at the very end, blobs before.
    last.sort_by_key(|(name, _)| !name.starts_with("blobs/"));
    // An engine with several platforms sends layers that are none of this image's.
    let mut sparse = zipped.members(Shape::Oci);
    let foreign = gzip(&crate::common::layer(&[file("arm/only", "x")]));
    sparse.push((Digest::of(&foreign).blob(), foreign));
    for (name, built, archive) in [
        ("blobs", &plain, plain.save(Shape::Docker)),
        ("v1 folders", &plain, plain.save(Shape::V1)),
        ("gzip blobs", &zipped, zipped.save(Shape::Docker)),
        ("zstd blobs", &zstd, zstd.save(Shape::Oci)),
        ("manifest last", &zipped, crate::common::archive(&last)),
        ("other platforms", &zipped, crate::common::archive(&sparse)),
    ] {
        let fake = Fake::new(built, archive, Behaviour::default());
        let explorer = Explorer::on(&fake.socket);
        let found = explorer.json(&["app:1", "--json", "--files"]);
        assert_eq!(found["image"]["source"], "docker", "{name}");
        assert_eq!(found["verification"]["state"], "partial", "{name}: {}", found["verification"]);
        let mut found = comparable(found);
        // Compressed layers have that in what is told of them.
        for (layer, want) in found["layers"].as_array_mut().unwrap().iter_mut().zip(want["layers"].as_array().unwrap())
        {
            for field in ["compression", "compressed_bytes"] {
                layer[field] = want[field].clone();
            }
        }
        found["totals"]["compressed_bytes"] = want["totals"]["compressed_bytes"].clone();
        assert_eq!(found, want, "{name}");
        assert_eq!(explorer.kept().len(), 3, "{name}");
        // The second time nothing is sent, and the same is told.
        let again = explorer.json(&["app:1", "--json", "--files"]);
        assert_eq!(fake.exports(), 1, "{name}");
        assert_eq!(comparable(again)["files"], want["files"], "{name}");
    }
}

/// Another image of the daemon whose layers are the first of this one is its base: the longest one, and no older build of it.
#[test]
fn the_base_is_found_among_the_daemons_images() {
    let built = sample();
    let part = |layers: usize, name: &str| {
        let mut part = built.clone().name(name);
        part.tars.truncate(layers);
        part
    };
    let most = built.tars.len() - 1;
    assert!(most >= 2);
    let others = vec![
        part(1, "base:1"),
        part(2, "middle:1"),
        image().name("other:1").layer([file("x", "y")]),
        // An older build of the same image, and the image itself under another name.
        part(most, &format!("{}:old", built.name.split(':').next().unwrap())),
        part(most + 1, "same:1"),
    ];
    // The older build is not asked for, and the same image is known.
    let asked = others.len() - 2;
    let fake = Fake::new(&built, built.save(Shape::Docker), Behaviour::beside(&others, true));
    let explorer = Explorer::on(&fake.socket);
    for _ in 0..2 {
        let found = explorer.json(&[&built.name, "--json"]);
        assert_eq!((&found["base"]["layers"], &found["base"]["evidence"]), (&json!(0), &json!("none")));
        // What was told once is known.
        assert_eq!(fake.asked.load(Ordering::Relaxed), asked);
    }
    let summary = text(&explorer.run(&[&built.name]).stdout);
    assert!(summary.contains("`--base middle:1`, which is pulled here"), "{summary}");
    // Whoever names the base is not asked for more; a daemon that does not answer costs a second, and no more.
    let silent =
        Fake::new(&built, built.save(Shape::Docker), Behaviour { others, silent: true, ..Behaviour::default() });
    let explorer = Explorer::on(&silent.socket);
    assert_eq!(explorer.json(&[&built.name, "--json", "--base-layers", "1"])["base"]["evidence"], "given");
    assert_eq!(silent.asked.load(Ordering::Relaxed), 0);
    let start = Instant::now();
    assert_ne!(explorer.json(&[&built.name, "--json"])["base"]["evidence"], "image");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// What an engine says of an image and the image's config are held against each other, and the gate repeats where they differ.
#[test]
fn an_engine_that_contradicts_the_config() {
    let built = sample();
    let diff_ids: Vec<String> = built.tars.iter().map(|tar| Digest::of(tar).to_string()).collect();
    let says = |key: &str, value: Value| [(key.to_owned(), value)].into_iter().collect();
    let fewer = json!({"Type": "layers", "Layers": diff_ids[..1]});
    let swapped = json!({"Type": "layers", "Layers": diff_ids.iter().rev().collect::<Vec<_>>()});
    for (behaviour, code, words) in [
        (Behaviour::default(), 0, None),
        (Behaviour { says: says("RootFS", fewer), ..Behaviour::default() }, 2, Some("that the image has 1 layers")),
        (Behaviour { says: says("RootFS", swapped), ..Behaviour::default() }, 2, Some("and they are not the same")),
        (
            Behaviour { says: says("Architecture", json!("arm64")), ..Behaviour::default() },
            0,
            Some("docker says that the image is for linux/arm64, its config says linux/amd64"),
        ),
        (
            Behaviour { shows: Some("RUN something else"), ..Behaviour::default() },
            0,
            Some("docker shows another history than the image's config, from row 0 on"),
        ),
    ] {
        let fake = Fake::new(&built, built.save(Shape::Docker), behaviour);
        let explorer = Explorer::on(&fake.socket);
        // The second time layers and config come from the cache.
        for _ in 0..2 {
            let output = explorer.run(&["--ci", "--max-wasted-percent", "100", "app:1"]);
            let said = text(&output.stdout) + &text(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
            match words {
                Some(words) => assert!(said.contains(words), "{words}: {said}"),
                None => assert!(!said.contains("docker s"), "{said}"),
            }
        }
    }
}

#[test]
fn what_is_known_is_not_read_again_and_the_export_ends_with_the_last_layer() {
    let base = sample();
    let big = base.clone().name("big:1").layer([file("new", "x")]);
    let fake = Fake::new(&base, base.save(Shape::Docker), Behaviour::default());
    let explorer = Explorer::on(&fake.socket);
    explorer.json(&["app:1", "--json"]);
    // The new layer comes first, and much that is known after it.
    let mut members = big.members(Shape::Docker);
    let new = Digest::of(big.tars.last().unwrap()).blob();
    members.sort_by_key(|(name, _)| *name != new);
    let padding: Vec<(String, Vec<u8>)> =
        (0..40).map(|n| (format!("blobs/sha256/{n:064x}"), noise(500_000, n))).collect();
    members.extend(padding);
    let archive = crate::common::archive(&members);
    let second = Fake::new(&big, archive.clone(), Behaviour::default());
    let explorer = Explorer { host: format!("unix://{}", second.socket.display()), ..explorer };
    let found = explorer.json(&["big:1", "--json"]);
    assert_eq!(found["layers"].as_array().unwrap().len(), 4);
    assert_eq!(found["totals"]["files"], 5);
    let sent = second.sent.load(Ordering::Relaxed);
    assert!(sent < archive.len() / 2, "{sent} of {} bytes were sent", archive.len());
    assert_eq!(second.exports(), 1);
}

#[test]
fn contents_take_one_export_that_ends_with_the_file() {
    let built = sample();
    let mut members = built.members(Shape::V1);
    // The layer first, and a long rest.
    members.extend((0..40).map(|n| (format!("{n:064x}/more"), noise(500_000, n))));
    let archive = crate::common::archive(&members);
    let fake = Fake::new(&built, archive.clone(), Behaviour::default());
    let explorer = Explorer::on(&fake.socket);
    explorer.json(&["app:1", "--json"]);
    let before = fake.sent.load(Ordering::Relaxed);
    let output = explorer.run(&["cat", "app:1", "/a", "--layer", "0"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(output.stdout, noise(300_000, 1));
    assert_eq!(fake.exports(), 2);
    assert!(fake.sent.load(Ordering::Relaxed) - before < archive.len() / 2);
    // What two layers have alike is told by its content.
    assert_eq!(explorer.run(&["cat", "app:1", "/copy"]).stdout, noise(200_000, 3));
    assert_eq!(explorer.run(&["cat", "app:1", "/etc/passwd"]).stdout, b"root:x:0:0::/root:/bin/sh\n");
}

#[test]
fn a_folder_takes_one_export_however_many_layers_it_is_from() {
    // The layers begin alike: only what is in the files tells which is which.
    let built = image()
        .name("app:1")
        .layer([file("d/a", "first"), file("d/b", noise(100_000, 1)), file("d/same", "1")])
        .layer([file("d/a", "secon"), file("d/c", noise(100_000, 2)), file("d/also", "2")])
        .layer([file("d/a", "third"), file("d/e", "5"), gone("d/b")]);
    let into = |name: &str, explorer: &Explorer| explorer.folder.path().join(name).to_str().unwrap().to_owned();
    for (kind, compress) in [("plain", <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), ("gzip", gzip), ("zstd", zstd)] {
        let built = ImageBuilder { compress, ..built.clone() };
        let mut members = built.members(Shape::Docker);
        members.reverse();
        // Something that is a layer of another image, and the rest of a long export.
        members.insert(
            0,
            ("blobs/other".to_owned(), gzip(&crate::common::layer(&[file("d/a", "other"), file("d/b", "b")]))),
        );
        members.extend((0..40).map(|n| (format!("{n:064x}/more"), noise(500_000, n))));
        let archive = crate::common::archive(&members);
        let fake = Fake::new(&built, archive.clone(), Behaviour::default());
        let explorer = Explorer::on(&fake.socket);
        explorer.json(&["app:1", "--json"]);
        let before = fake.sent.load(Ordering::Relaxed);
        for (layer, want) in [
            (
                "1",
                vec![
                    ("a", b"secon".to_vec()),
                    ("b", noise(100_000, 1)),
                    ("c", noise(100_000, 2)),
                    ("same", b"1".to_vec()),
                ],
            ),
            (
                "2",
                vec![("a", b"third".to_vec()), ("c", noise(100_000, 2)), ("e", b"5".to_vec()), ("also", b"2".to_vec())],
            ),
        ] {
            let into = into(&format!("{kind}-{layer}"), &explorer);
            let done = explorer.run(&["extract", "app:1", "d", "--layer", layer, "-o", &into]);
            assert!(done.status.success(), "{kind}: {}", text(&done.stderr));
            for (name, content) in want {
                assert!(std::fs::read(format!("{into}/d/{name}")).unwrap() == content, "{kind} {layer}: {name}");
            }
            assert_eq!(Path::new(&format!("{into}/d/b")).exists(), layer == "1", "{kind}");
        }
        assert_eq!(fake.exports(), 3, "{kind}");
        assert!(fake.sent.load(Ordering::Relaxed) - before < archive.len(), "{kind}: it ends with the last file");
    }
}

#[test]
fn saving_from_a_daemon_that_stalls_or_dies() {
    let built = sample();
    let archive = built.save(Shape::V1);
    let whole = Fake::new(&built, archive.clone(), Behaviour::default());
    let explorer = Explorer::on(&whole.socket);
    explorer.json(&["app:1", "--json"]);
    let into = explorer.folder.path().join("into");
    std::fs::create_dir(&into).unwrap();
    // All layers are known; the contents stop in the middle of the first.
    let stalls = Fake::new(&built, archive.clone(), Behaviour { stalls_after: Some(100_000), ..Behaviour::default() });
    let explorer = Explorer { host: format!("unix://{}", stalls.socket.display()), ..explorer };
    let mut child = explorer
        .command(&["extract", "app:1", "/", "-o", into.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while stalls.sent.load(Ordering::Relaxed) < 100_000 {
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(100));
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let done = child.wait_with_output().unwrap();
    assert!(text(&done.stderr).contains("stopped; nothing is left of it"), "{}", text(&done.stderr));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0);
    let dies = Fake::new(&built, archive, Behaviour { closes_after: Some(100_000), ..Behaviour::default() });
    let explorer = Explorer { host: format!("unix://{}", dies.socket.display()), ..explorer };
    fails(&explorer, &["extract", "app:1", "/", "-o", into.to_str().unwrap()], &["explore: "]);
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0);
}

/// Exit code 2, nothing on standard output, nothing half-written, and these words.
fn fails(explorer: &Explorer, arguments: &[&str], says: &[&str]) {
    let started = Instant::now();
    let output = explorer.run(arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty());
    for words in says {
        assert!(error.contains(words), "{words} is not in: {error}");
    }
    assert!(!error.contains("panicked"), "{error}");
    assert!(explorer.kept().iter().all(|name| !name.contains("part")), "{:?}", explorer.kept());
    assert!(started.elapsed() < Duration::from_secs(30), "it took {:?}", started.elapsed());
}

#[test]
fn bad_days() {
    let built = sample();
    let archive = built.save(Shape::Docker);
    let fake = |behaviour| Fake::new(&built, archive.clone(), behaviour);
    let cut = fake(Behaviour { closes_after: Some(200_000), ..Behaviour::default() });
    fails(&Explorer::on(&cut.socket), &["app:1", "--json"], &["the export broke off", "still runs"]);
    let silent = fake(Behaviour { stalls_after: Some(200_000), ..Behaviour::default() });
    let hasty = Explorer::on(&silent.socket).with("EXPLORE_DAEMON_TIMEOUT", "1");
    fails(&hasty, &["app:1", "--json"], &["has sent nothing for 1 seconds"]);
    let page = fake(Behaviour { html: true, ..Behaviour::default() });
    fails(&Explorer::on(&page.socket), &["app:1", "--json"], &["not a container engine", "proxy"]);
    let gone = fake(Behaviour { gone: true, ..Behaviour::default() });
    fails(&Explorer::on(&gone.socket), &["app:1", "--json"], &["no image of that name"]);
    let good = fake(Behaviour::default());
    let explorer = Explorer::on(&good.socket);
    fails(
        &explorer,
        &["ap:1", "--json"],
        &["no image ap:1", "did you mean app:1?", "as DOCKER_HOST says", "CONTAINER_HOST", "does not exist"],
    );
    fails(&explorer, &["something/else", "--json"], &["no image something/else", "--pull missing"]);
    fails(&explorer, &["podman:app:1", "--json"], &["does not exist"]);
    fails(&explorer, &["App:1", "--json"], &["lower case"]);
    let nobody = Explorer::on(Path::new("/nowhere/docker.sock"));
    fails(&nobody, &["app:1", "--json"], &["does not exist", "docker save"]);
    fails(&nobody, &["cat", "app:1", "/a"], &["does not exist"]);
    // A socket that nothing listens at any more.
    let folder = folder();
    let socket = folder.path().join("left.sock");
    drop(UnixListener::bind(&socket).unwrap());
    fails(&Explorer::on(&socket), &["app:1", "--json"], &["nothing listens"]);
}

#[test]
fn who_may_not_use_the_socket_is_told_which_group_may() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
        eprintln!("left out: only root can become someone else");
        return;
    }
    let fake = Fake::new(&sample(), Vec::new(), Behaviour::default());
    // daemon: a group that every Unix has, by another number than root's.
    let chown = Command::new("chown").arg("root:daemon").arg(&fake.socket).status().unwrap();
    assert!(chown.success());
    std::fs::set_permissions(&fake.socket, std::fs::Permissions::from_mode(0o660)).unwrap();
    std::fs::set_permissions(fake.socket.parent().unwrap(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let place = folder();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("explore");
    std::fs::copy(env!("CARGO_BIN_EXE_explore"), &program).unwrap();
    let output = Command::new(&program)
        .args(["app:1", "--json"])
        .env("DOCKER_HOST", format!("unix://{}", fake.socket.display()))
        .env("CONTAINER_HOST", "unix:///nowhere/podman.sock")
        .env("EXPLORE_NO_CACHE", "1")
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("group daemon"), "{error}");
}

#[test]
fn a_cache_that_is_damaged_shared_or_in_the_way_does_no_harm() {
    let built = sample();
    let fake = Fake::new(&built, built.save(Shape::Docker), Behaviour::default());
    let explorer = Explorer::on(&fake.socket);
    let want = comparable(explorer.json(&["app:1", "--json"]));
    for name in explorer.kept() {
        let path = explorer.cache().join("layers").join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(comparable(explorer.json(&["app:1", "--json"])), want);
    assert_eq!(fake.exports(), 2, "it was made anew");
    assert_eq!(comparable(explorer.json(&["app:1", "--json"])), want);
    assert_eq!(fake.exports(), 2, "and is good again");
    // Left alone when asked to.
    std::fs::remove_dir_all(explorer.cache()).unwrap();
    assert_eq!(comparable(explorer.json(&["app:1", "--json", "--no-cache"])), want);
    assert!(!explorer.cache().exists());
    // Eight at once.
    let many: Vec<Child> =
        (0..8).map(|_| explorer.command(&["app:1", "--json"]).stdout(Stdio::piped()).spawn().unwrap()).collect();
    for child in many {
        let output = child.wait_with_output().unwrap();
        assert_eq!(comparable(serde_json::from_slice(&output.stdout).unwrap()), want);
    }
    assert_eq!(explorer.kept().len(), 3);
    // Where nothing can be written it is a note.
    let blocked = Explorer::on(&fake.socket).with("EXPLORE_CACHE_DIR", "/proc/nowhere");
    let found = blocked.json(&["app:1", "--json"]);
    assert!(found["notes"].to_string().contains("cache"), "{}", found["notes"]);
    assert_eq!(comparable(found), want);
    let shown = text(&explorer.run(&["cache"]).stdout);
    assert!(shown.contains("3 layers, 1 image"), "{shown}");
    assert!(text(&explorer.run(&["cache", "clear"]).stdout).contains("removed"));
    assert!(explorer.kept().is_empty());
}

#[test]
fn images_are_listed_and_names_are_taken_as_meant() {
    let built = sample();
    let fake = Fake::new(&built, built.save(Shape::Docker), Behaviour::default());
    let explorer = Explorer::on(&fake.socket);
    let list = explorer.run(&[]);
    assert!(text(&list.stdout).contains("docker:app:1"), "{}", text(&list.stdout));
    let id = Digest::of(&built.config()).to_string();
    for name in ["app:1", "docker:app:1", "docker-daemon:app:1", &id] {
        assert_eq!(explorer.json(&[name, "--json"])["image"]["id"], id, "{name}");
    }
    let found = explorer.json(&["docker://app:1", "--json"]);
    assert!(found["notes"].to_string().contains("Docker daemon, as dive does"), "{}", found["notes"]);
    // A file of that name comes first.
    explorer.folder.write("app:1", &image().layer([file("only", "x")]).save(Shape::Docker));
    let output = explorer.command(&["app:1", "--json"]).current_dir(explorer.folder.path()).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["image"]["source"], "docker-archive");
    assert!(text(&explorer.run(&["app:1", "--summary"]).stdout).contains("docker"));
}

#[test]
fn an_image_with_hundreds_of_layers() {
    let many = (0..400).fold(image().name("many:1"), |image, n| image.layer([file(format!("f{n}"), format!("{n}"))]));
    let fake = Fake::new(&many, many.save(Shape::Docker), Behaviour::default());
    let explorer = Explorer::on(&fake.socket);
    for _ in 0..2 {
        assert_eq!(explorer.json(&["many:1", "--json"])["totals"]["files"], 400);
    }
    assert_eq!(fake.exports(), 1);
}

fn have(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools
        .iter()
        .filter(|tool| {
            let arguments: &[&str] = if **tool == "docker" { &["info"] } else { &["--version"] };
            !Command::new(tool).args(arguments).output().is_ok_and(|output| output.status.success())
        })
        .collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var("EXPLORE_TEST_ENGINES").as_deref() != Ok("required"), "{missing:?} do not answer");
    eprintln!("left out: {missing:?} do not answer");
    false
}

/// Passes everything on to a real daemon, and counts what is asked for; can be slow.
pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
    passed: Arc<AtomicUsize>,
    _folder: crate::common::Folder,
}

impl Proxy {
    pub(crate) fn to(real: PathBuf, hold_after: Option<usize>) -> Self {
        let folder = folder();
        let socket = folder.path().join("proxy.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let passed: Arc<AtomicUsize> = Arc::default();
        let (own_asked, own_passed) = (Arc::clone(&asked), Arc::clone(&passed));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = UnixStream::connect(&real) else { continue };
                let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let asked = Arc::clone(&own_asked);
                std::thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(got) = from_client.read(&mut buffer) {
                        if got == 0 {
                            break;
                        }
                        let said = String::from_utf8_lossy(&buffer[..got]).into_owned();
                        asked.lock().unwrap().extend(said.lines().next().map(str::to_owned));
                        if to_server.write_all(&buffer[..got]).is_err() {
                            break;
                        }
                    }
                    let _ = to_server.shutdown(std::net::Shutdown::Write);
                });
                let (mut from_server, mut to_client, passed) = (server, client, Arc::clone(&own_passed));
                std::thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(got) = from_server.read(&mut buffer) {
                        if got == 0 || to_client.write_all(&buffer[..got]).is_err() {
                            break;
                        }
                        let so_far = passed.fetch_add(got, Ordering::Relaxed) + got;
                        if hold_after.is_some_and(|limit| so_far > limit) {
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    }
                    let _ = to_client.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Self { socket, asked, passed, _folder: folder }
    }

    pub(crate) fn exports(&self) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|line| line.contains("/get")).count()
    }
}

/// The socket of the Docker daemon that the tests use.
fn docker_socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
    PathBuf::from(host.strip_prefix("unix://").expect("the tests' daemon has a socket"))
}

fn load(client: &str, built: &ImageBuilder, host: Option<&str>) {
    let folder = folder();
    let saved = folder.write("image.tar", &built.save(Shape::V1));
    let mut command = Command::new(client);
    if let Some(host) = host {
        command.args(["--url", host]);
    }
    let output = command.args(["load", "-i"]).arg(saved).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_real_docker_daemon_is_asked_for_an_export_once() {
    if !have(&["docker"]) {
        return;
    }
    let built = sample().name("explore-test-daemon:once");
    load("docker", &built, None);
    let proxy = Proxy::to(docker_socket(), None);
    let explorer = Explorer::on(&proxy.socket);
    let saved = explorer.folder.path().join("saved.tar");
    let output = Command::new("docker").args(["save", &built.name, "-o"]).arg(&saved).output().unwrap();
    assert!(output.status.success());
    let want = comparable(crate::common::explore_json(&[saved.to_str().unwrap(), "--json", "--files"]));
    let first = explorer.json(&[&built.name, "--json", "--files"]);
    let id = first["image"]["engine_id"].as_str().unwrap().to_owned();
    assert_eq!(comparable(first), want);
    assert_eq!(proxy.exports(), 1);
    let second = comparable(explorer.json(&[&built.name, "--json", "--files"]));
    assert_eq!(second, want);
    assert_eq!(proxy.exports(), 1, "{:?}", proxy.asked.lock().unwrap());
    // By id, by short id, and what is in a file.
    for name in [id.as_str(), &id["sha256:".len().."sha256:".len() + 12]] {
        assert_eq!(comparable(explorer.json(&[name, "--json", "--files"]))["files"], want["files"]);
    }
    assert_eq!(explorer.run(&["cat", &built.name, "/copy"]).stdout, noise(200_000, 3));
    let history = |output: Output| {
        text(&output.stdout)
            .lines()
            .map(|line| line.split_whitespace().next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let theirs = Command::new("docker").args(["history", "-q", "--no-trunc", &built.name]).output().unwrap();
    assert_eq!(history(explorer.run(&["history", &built.name])).len(), history(theirs).len() + 1);
    Command::new("docker").args(["rmi", "-f", &built.name]).output().unwrap();
    fails(&explorer, &[&built.name, "--json"], &["no image of that name"]);
}

#[test]
fn explore_build_opens_what_it_built() {
    if !have(&["docker"]) {
        return;
    }
    let proxy = Proxy::to(docker_socket(), None);
    let explorer = Explorer::on(&proxy.socket).with("DOCKER_BUILDKIT", "0");
    let context = explorer.folder.path().join("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY a /a\nCOPY b /tmp/b\n").unwrap();
    std::fs::write(context.join("a"), noise(30_000, 1)).unwrap();
    std::fs::write(context.join("b"), noise(40_000, 2)).unwrap();
    let output = explorer.run(&["build", "-t", "explore-test-built:1", context.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.contains("Step 3/3"), "the build's own output is there: {said}");
    assert!(said.contains("tmp-files") && said.contains("Dockerfile:3"), "{said}");
    // In a pipeline it is judged: no screen opens, and no limit is forgotten.
    let judge = |limit: &str, arguments: &[&str]| {
        let mut command = explorer.command(&[&["build"], arguments, &[context.to_str().unwrap()]].concat());
        command
            .env("CI", "true")
            .env("EXPLORE_BASE_LAYERS", "1")
            .env("EXPLORE_MAX_OWN_WASTED_BYTES", limit)
            .output()
            .unwrap()
    };
    for (limit, arguments, code, says) in [
        ("40000", &[][..], 0, "verdict: passed"),
        ("39999", &[][..], 1, "verdict: failed: max-own-wasted-bytes"),
        ("39999", &["--ci=false"][..], 0, "tmp-files"),
    ] {
        let output = judge(limit, arguments);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}{}", text(&output.stderr));
        assert!(said.contains(says), "{said}");
    }
    std::fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY nothing /a\n").unwrap();
    let failed = explorer.run(&["build", context.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stderr));
    assert_eq!(judge("1", &[]).status.code(), Some(2), "an image that was not built is none that failed");
    Command::new("docker").args(["rmi", "-f", "explore-test-built:1"]).output().unwrap();
}

/// Podman's service with a storage of its own.
struct Podman {
    child: Child,
    folder: crate::common::Folder,
}

impl Podman {
    fn start() -> Self {
        let folder = folder();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let child = Command::new("podman")
            .args(["--root", &place("root"), "--runroot", &place("run"), "--storage-driver", "vfs"])
            .args(["system", "service", "--time=0", &format!("unix://{}", place("podman.sock"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let podman = Self { child, folder };
        for _ in 0..200 {
            if UnixStream::connect(podman.socket()).is_ok() {
                return podman;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("podman does not listen");
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("podman.sock")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_podman_service_and_its_death() {
    if !have(&["podman"]) {
        return;
    }
    let mut podman = Podman::start();
    let built = image()
        .name("localhost/explore-test:1")
        .layer([file("big", noise(20_000_000, 1))])
        .layer([file("root/.cache/pip/x", noise(5_000, 2)), gone("big")]);
    let url = format!("unix://{}", podman.socket().display());
    load("podman", &built, Some(&url));
    let folder = folder();
    let want = folder.write("want.tar", &built.save(Shape::Docker));
    let want = comparable(crate::common::explore_json(&[want.to_str().unwrap(), "--json", "--files"]));
    let proxy = Proxy::to(podman.socket(), None);
    let explorer =
        Explorer::on(Path::new("/nowhere")).with("CONTAINER_HOST", &format!("unix://{}", proxy.socket.display()));
    for name in ["podman:localhost/explore-test:1", "localhost/explore-test:1"] {
        let found = explorer.json(&[name, "--json", "--files"]);
        assert_eq!(found["image"]["source"], "podman");
        let found = comparable(found);
        assert_eq!(found["files"], want["files"]);
        assert_eq!(found["waste"]["sums"], want["waste"]["sums"]);
    }
    assert_eq!(proxy.exports(), 1);
    // Killed in the middle of an export that is made slow.
    let slow = Proxy::to(podman.socket(), Some(2_000_000));
    let explorer =
        Explorer::on(Path::new("/nowhere")).with("CONTAINER_HOST", &format!("unix://{}", slow.socket.display()));
    let child = explorer
        .command(&["podman:localhost/explore-test:1", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while slow.passed.load(Ordering::Relaxed) < 2_500_000 {
        assert!(started.elapsed() < Duration::from_secs(60), "no export began");
        std::thread::sleep(Duration::from_millis(5));
    }
    podman.child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty() && error.contains("Podman"), "{error}");
    assert!(explorer.kept().is_empty(), "{:?}", explorer.kept());
}
