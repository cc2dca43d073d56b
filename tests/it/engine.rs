//! Images that a real engine builds, held against what the engine itself says of them.
//!
//! Needs a Docker engine; podman, skopeo and umoci where a test names them. `tests/run` brings them. Without them a test
//! says that it is left out, unless `EXPLORE_TEST_ENGINES` is `required`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::{explore, explore_with, folder, gzip, text, zstd};
use serde_json::Value;

const IMAGES: [&str; 4] = ["whiteouts", "links", "names", "metadata"];

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output.stdout
}

/// Whether all of these answer; else says so, or fails where nothing may be left out.
pub fn have(tools: &[&str]) -> bool {
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

/// Whether the engine has the containerd image store: its ids are those of manifests and indexes, and it counts blobs and
/// what they take when they are unpacked, not the content of files.
fn has_containerd_store() -> bool {
    text(&run("docker", &["info", "--format", "{{.DriverStatus}}"])).contains("io.containerd.snapshotter")
}

/// Builds all images once, and saves each to a file.
fn saved(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        // A folder for each engine: those of several releases are tested at the same time.
        let engine =
            std::env::var("DOCKER_HOST").unwrap_or_default().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("engine{engine}"));
        let _ = std::fs::remove_dir_all(&target);
        for name in IMAGES {
            build(name, &target.join(name));
            run("docker", &["save", &tag(name), "-o", target.join(format!("{name}.tar")).to_str().unwrap()]);
        }
        target
    });
    folder.join(format!("{name}.tar"))
}

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builder {
    /// What every engine has.
    Classic,
    /// The one in the engine, or buildx.
    BuildKit,
}

/// A client that builds with `BuildKit` here. Newer ones need a plugin for it, older ones have it in the engine.
fn buildkit_client() -> Option<&'static str> {
    static CLIENT: OnceLock<Option<&str>> = OnceLock::new();
    *CLIENT.get_or_init(|| {
        let folder = folder();
        folder.write("Dockerfile", b"FROM scratch\nLABEL a=b\n");
        ["docker", "/usr/bin/docker"].into_iter().find(|client| {
            let mut command = Command::new(client);
            command.env("DOCKER_BUILDKIT", "1").args(["build", "-q", "-t", &tag("buildkit")]).arg(folder.path());
            command.output().is_ok_and(|output| output.status.success())
        })
    })
}

/// The builders that are here; says so, or fails where nothing may be left out, when there is only one.
fn builders() -> Vec<Builder> {
    if buildkit_client().is_some() {
        return vec![Builder::Classic, Builder::BuildKit];
    }
    assert!(
        std::env::var("EXPLORE_TEST_ENGINES").as_deref() != Ok("required"),
        "no docker client builds with BuildKit"
    );
    eprintln!("left out: BuildKit, since no docker client builds with it");
    vec![Builder::Classic]
}

fn tag(name: &str) -> String {
    format!("explore-test-{name}:latest")
}

fn build(name: &str, context: &Path) {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name).join("Dockerfile");
    build_from(name, &recipe, context, Builder::Classic);
}

fn build_from(name: &str, recipe: &Path, context: &Path, builder: Builder) {
    std::fs::create_dir_all(context).unwrap();
    std::fs::copy("/bin/busybox", context.join("busybox")).expect("busybox-static is installed");
    let tree = crate::common::layer(&[
        crate::common::dir("from-tar").mode(0o700).owner(7, 8),
        crate::common::file("from-tar/file", "in a tar").owner(9, 10).mtime(1),
        crate::common::hardlink("from-tar/hard", "from-tar/file").owner(9, 10),
    ]);
    std::fs::write(context.join("tree.tar"), tree).unwrap();
    let (client, kit) = match builder {
        Builder::Classic => ("docker", "0"),
        Builder::BuildKit => (buildkit_client().unwrap(), "1"),
    };
    let mut docker = Command::new(client);
    // No build needs a network, nor an engine that has one.
    docker
        .env("DOCKER_BUILDKIT", kit)
        .args(["build", "--network", "none", "--no-cache", "--force-rm", "-q", "-t", &tag(name), "-f"])
        .args([recipe, context]);
    let mut output = docker.output().unwrap();
    // The containerd store sometimes collects what a build that runs at the same time is about to use.
    if !output.status.success() && text(&output.stderr).contains("does not exist: not found") {
        output = docker.output().unwrap();
    }
    assert!(output.status.success(), "{name}: {}", text(&output.stderr));
}

/// What is compared of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    kind: String,
    mode: String,
    owner: (u64, u64),
    size: u64,
    target: String,
}

type FileSystem = BTreeMap<Vec<u8>, Item>;

/// Undoes `\xHH`.
fn raw(shown: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = shown.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'\\' {
            out.push(u8::from_str_radix(std::str::from_utf8(&after[1..3]).unwrap(), 16).unwrap());
            rest = &after[3..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// Names of one file are a group, whichever of them a tar calls the link. A file's target becomes its group.
fn grouped(mut all: FileSystem, groups: &BTreeMap<Vec<u8>, Vec<u8>>) -> FileSystem {
    let mut members: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (link, target) in groups {
        let mut end = target;
        while let Some(next) = groups.get(end) {
            end = next;
        }
        members.entry(end.clone()).or_default().extend([link.clone(), end.clone()]);
    }
    for names in members.values() {
        // The name that a link was made from may be gone from the final file system.
        let names: BTreeSet<_> = names.iter().filter(|name| all.contains_key(*name)).collect();
        if names.len() > 1 {
            for name in &names {
                all.get_mut(*name).unwrap().target = format!("{:?}", names.iter().map(|n| text(n)).collect::<Vec<_>>());
            }
        }
    }
    all
}

/// The file system as `explore ls --json` tells it.
fn told(image: &str, stdin: Option<&[u8]>) -> FileSystem {
    let output = explore_with(&["ls", image, "--json"], stdin);
    assert!(output.status.success(), "{image}: {}", text(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut all = FileSystem::new();
    let mut groups = BTreeMap::new();
    for row in rows {
        let path = raw(row["path"].as_str().unwrap());
        let mut target = row["target"].as_str().map(raw).unwrap_or_default();
        let mut kind = row["kind"].as_str().unwrap().to_owned();
        if kind == "hardlink" {
            groups.insert(path.clone(), std::mem::take(&mut target));
            "file".clone_into(&mut kind);
        }
        let number = |key: &str| row[key].as_u64().unwrap();
        let mode = row["mode"].as_str().unwrap().to_owned();
        let item =
            Item { kind, mode, owner: (number("uid"), number("gid")), size: number("bytes"), target: text(&target) };
        all.insert(path, item);
    }
    grouped(all, &groups)
}

/// The file system of a tar of a root, as `docker export` writes it.
fn exported(tar: &[u8]) -> FileSystem {
    let mut all = FileSystem::new();
    let mut groups = BTreeMap::new();
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let trim = |path: &[u8]| {
            let path = path.strip_prefix(b"./").unwrap_or(path);
            path.strip_suffix(b"/").unwrap_or(path).to_vec()
        };
        let path = trim(&entry.path_bytes());
        let header = entry.header();
        let mut target = entry.link_name_bytes().map(|name| name.to_vec()).unwrap_or_default();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => "directory",
            tar::EntryType::Symlink => "symlink",
            tar::EntryType::Char => "char",
            tar::EntryType::Block => "block",
            tar::EntryType::Fifo => "fifo",
            tar::EntryType::Link => {
                groups.insert(path.clone(), trim(&std::mem::take(&mut target)));
                "file"
            }
            _ => "file",
        };
        let mode = format!("{:04o}", header.mode().unwrap() & 0o7777);
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        let size = if kind == "file" { entry.size() } else { 0 };
        all.insert(path, Item { kind: kind.into(), mode, owner, size, target: text(&target) });
    }
    // A hard link's header says nothing of its size.
    for (link, target) in &groups {
        let about = all[target].clone();
        all.insert(link.clone(), about);
    }
    grouped(all, &groups)
}

/// What Docker itself adds to a container's root when it is made: places for its mounts, and a mark.
fn without_dockers_own(mut all: FileSystem, image: &FileSystem) -> FileSystem {
    const OWN: [&str; 11] = [
        ".dockerenv",
        "dev/console",
        "dev/pts",
        "dev/shm",
        "etc/hostname",
        "etc/hosts",
        "etc/mtab",
        "etc/resolv.conf",
        "dev",
        "proc",
        "sys",
    ];
    for path in OWN.iter().chain(&["etc"]) {
        if !image.contains_key(path.as_bytes()) {
            all.remove(path.as_bytes());
        }
    }
    all
}

fn export(image: &str) -> Vec<u8> {
    let container = text(&run("docker", &["create", "--network", "none", image])).trim().to_owned();
    let tar = run("docker", &["export", &container]);
    run("docker", &["rm", &container]);
    tar
}

fn assert_same(got: &FileSystem, want: &FileSystem, what: &str) {
    let mut differences = Vec::new();
    for path in got.keys().chain(want.keys()).collect::<BTreeSet<_>>() {
        if got.get(path) != want.get(path) {
            differences.push(format!(
                "{}\n  explore: {:?}\n  engine:  {:?}",
                text(path),
                got.get(path),
                want.get(path)
            ));
        }
    }
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
    assert!(got.len() > 100, "{what}: hardly anything was compared");
}

#[test]
fn the_final_file_system_is_what_docker_export_shows() {
    if !have(&["docker"]) {
        return;
    }
    for name in IMAGES {
        let got = told(saved(name).to_str().unwrap(), None);
        let want = without_dockers_own(exported(&export(&tag(name))), &got);
        assert_same(&got, &want, name);
    }
}

#[test]
fn the_history_is_what_docker_history_prints() {
    if !have(&["docker"]) {
        return;
    }
    for name in IMAGES {
        let file = saved(name);
        let ours = explore(&["history", file.to_str().unwrap(), "--format", "json", "--no-trunc"]);
        let ours: Vec<Value> = text(&ours.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let theirs = run("docker", &["history", "--no-trunc", "--format", "{{json .}}", &tag(name)]);
        let theirs: Vec<Value> = text(&theirs).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours["CreatedBy"], theirs["CreatedBy"], "{name}");
            assert_eq!(ours["Comment"], theirs["Comment"], "{name}");
            if !has_containerd_store() {
                assert_eq!(ours["Size"], theirs["Size"], "{name}: {}", ours["CreatedBy"]);
            }
        }
        let own = explore(&["history", &tag(name), "--format", "json", "--no-trunc"]);
        let own: Vec<Value> = text(&own.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(own[0]["ID"], theirs[0]["ID"], "{name}: {}", text(&run("docker", &["images"])));
    }
}

#[test]
fn sizes_are_what_docker_counts() {
    if !have(&["docker"]) {
        return;
    }
    for name in IMAGES {
        let found = crate::common::explore_json(&[saved(name).to_str().unwrap(), "--json", "--files", "--verify"]);
        assert_eq!(found["verification"]["state"], "verified", "{name}: {:?}", found["verification"]);
        let links: u64 = found["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["kind"] == "symlink" && row["change"] != "removed")
            .map(|row| raw(row["target"].as_str().unwrap()).len() as u64)
            .sum();
        if has_containerd_store() {
            continue;
        }
        let theirs: u64 = text(&run("docker", &["inspect", "-f", "{{.Size}}", &tag(name)])).trim().parse().unwrap();
        assert_eq!(found["totals"]["content_bytes"].as_u64().unwrap() + links, theirs, "{name}");
    }
}

#[test]
fn a_file_is_what_docker_copies_out() {
    if !have(&["docker"]) {
        return;
    }
    let container = text(&run(
        "docker",
        &[
            "create",
            &tag({
                saved("links");
                "links"
            }),
        ],
    ))
    .trim()
    .to_owned();
    for path in ["bin/busybox", "l/two", "l/three", "l/four", "l/kept"] {
        let copied = run("docker", &["cp", &format!("{container}:/{path}"), "-"]);
        let mut archive = tar::Archive::new(&copied[..]);
        let mut want = Vec::new();
        archive.entries().unwrap().next().unwrap().unwrap().read_to_end(&mut want).unwrap();
        let got = explore(&["cat", saved("links").to_str().unwrap(), path]);
        assert!(got.stdout == want, "{path}: {} bytes, not {}", got.stdout.len(), want.len());
    }
    run("docker", &["rm", &container]);
}

#[test]
fn the_same_from_a_pipe_and_compressed() {
    if !have(&["docker"]) {
        return;
    }
    for name in IMAGES {
        let file = saved(name);
        let want = told(file.to_str().unwrap(), None);
        let tar = std::fs::read(&file).unwrap();
        let folder = folder();
        let zipped = folder.write("image.tar.gz", &gzip(&tar));
        let squeezed = folder.write("image.tar.zst", &zstd(&tar));
        assert_same(&told("-", Some(&tar)), &want, name);
        assert_same(&told(zipped.to_str().unwrap(), None), &want, name);
        assert_same(&told(squeezed.to_str().unwrap(), None), &want, name);
    }
}

#[test]
fn the_same_as_other_tools_save_it() {
    if !have(&["docker", "skopeo"]) {
        return;
    }
    for name in IMAGES {
        let file = saved(name);
        let want = told(file.to_str().unwrap(), None);
        let folder = folder();
        let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let from = format!("docker-archive:{}", file.display());
        for (name, to, more) in [
            ("docker.tar", "docker-archive", &[][..]),
            ("oci.tar", "oci-archive", &[]),
            ("oci", "oci", &[]),
            ("zstd", "oci", &["--dest-compress-format", "zstd"]),
        ] {
            let to = format!("{to}:{}:app:1", place(name));
            run("skopeo", &[&["copy", "--insecure-policy", "-q"], more, &[&from, &to]].concat());
            assert_same(&told(&place(name), None), &want, &to);
            assert_same(&told(&to, None), &want, &to);
        }
    }
}

#[test]
fn the_same_as_podman_saves_it() {
    if !have(&["docker", "podman"]) {
        return;
    }
    let folder = folder();
    let root = folder.path().join("root").to_str().unwrap().to_owned();
    let state = folder.path().join("run").to_str().unwrap().to_owned();
    let podman = |arguments: &[&str]| {
        run("podman", &[&["--root", &root, "--runroot", &state, "--storage-driver", "vfs"], arguments].concat())
    };
    for name in ["whiteouts", "links"] {
        let file = saved(name);
        let want = told(file.to_str().unwrap(), None);
        podman(&["load", "-q", "-i", file.to_str().unwrap()]);
        const MEDIA_TYPES: [&str; 2] = ["unsupported MIME type", "Unknown media type during manifest conversion"];
        let mut written = 0;
        for (format, place) in [("docker-archive", "d.tar"), ("oci-archive", "o.tar"), ("oci-dir", "o")] {
            let place = folder.path().join(format!("{name}-{place}")).to_str().unwrap().to_owned();
            let output = Command::new("podman")
                .args(["--root", &root, "--runroot", &state, "--storage-driver", "vfs"])
                .args(["save", "-q", "--format", format, "-o", &place, &tag(name)])
                .output()
                .unwrap();
            // Docker's containerd store keeps the media types of who made a layer, and podman converts only some of them.
            let said = text(&output.stderr);
            if !output.status.success()
                && has_containerd_store()
                && MEDIA_TYPES.iter().any(|words| said.contains(words))
            {
                continue;
            }
            assert!(output.status.success(), "{name} {format}: {said}");
            assert_same(&told(&place, None), &want, &format!("{name} {format}"));
            written += 1;
        }
        assert!(written == 3 || has_containerd_store(), "{name}: {written}");
    }
}

#[test]
fn the_final_file_system_is_what_umoci_unpacks() {
    if !have(&["docker", "skopeo", "umoci"]) {
        return;
    }
    for name in IMAGES {
        let folder = folder();
        let layout = folder.path().join("layout").to_str().unwrap().to_owned();
        let bundle = folder.path().join("bundle").to_str().unwrap().to_owned();
        let (from, to) = (format!("docker-archive:{}", saved(name).display()), format!("oci:{layout}:app"));
        run("skopeo", &["copy", "--insecure-policy", "-q", &from, &to]);
        run("umoci", &["unpack", "--image", &format!("{layout}:app"), &bundle]);
        let tar = run("tar", &["-C", &format!("{bundle}/rootfs"), "--numeric-owner", "-cf", "-", "."]);
        let mut want = exported(&tar);
        want.remove(&b"."[..]);
        want.remove(&b""[..]);
        assert_same(&told(&layout, None), &want, name);
    }
}

/// What a pair is to come to, from its `expect` file: `edits 1`, `edits 0 classic`, `edits any`, `edits-where-twice 1 BYTES` (where
/// two layers store so much), `only buildkit`, `gone PATH`, `smoke COMMAND`.
#[derive(Default)]
struct Expected {
    edits: Option<usize>,
    twice: Option<u64>,
    gone: Vec<String>,
    smoke: Option<String>,
    left_out: bool,
}

/// Whether the engine's `BuildKit` reads here-documents without another front end.
fn knows_heredocs() -> bool {
    let version = text(&run("docker", &["version", "--format", "{{.Server.Version}}"]));
    version.split('.').next().and_then(|major| major.trim().parse::<u32>().ok()).is_some_and(|major| major >= 23)
}

fn expected(case: &Path, builder: Builder) -> Expected {
    let builder = if builder == Builder::Classic { "classic" } else { "buildkit" };
    let mut all = Expected::default();
    for line in std::fs::read_to_string(case.join("expect")).unwrap().lines() {
        match line.split_once(' ').unwrap() {
            // Some builders leave out of a layer what is there unchanged.
            ("edits-where-twice", rest) => {
                let (count, bytes) = rest.split_once(' ').unwrap();
                all.edits = count.parse().ok();
                all.twice = Some(bytes.parse().unwrap());
            }
            ("edits", rest) => match rest.split_once(' ') {
                Some((count, own)) if own == builder => all.edits = Some(count.parse().unwrap()),
                Some(_) => {}
                None => all.edits = rest.parse().ok(),
            },
            // BuildKit of engines before 23 knows no here-documents of its own.
            ("only", "buildkit-heredoc") => all.left_out = builder != "buildkit" || !knows_heredocs(),
            ("only", own) => all.left_out = own != builder,
            ("gone", path) => all.gone.push(path.to_owned()),
            ("smoke", command) => all.smoke = Some(command.to_owned()),
            other => panic!("{other:?}"),
        }
    }
    all
}

/// A build context with programs that do in a moment what package managers do.
fn pair_context(context: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let bytes = std::fs::read("/bin/busybox").unwrap();
    for (path, content) in [
        ("app/main.bin", &bytes[..400_000]),
        ("app/data.bin", &bytes[..350_000]),
        ("site/index.html", b"<p>hello</p>"),
        ("site/.git/objects/pack/a.pack", &bytes[..300_000]),
        ("site/.git/HEAD", b"ref: refs/heads/main\n"),
        ("rails/app.rb", b"puts 1\n"),
        ("rails/log/development.log", &bytes[..250_000]),
        ("tools/config", b"[core]\n"),
        ("linked/one", &bytes[..200_000]),
    ] {
        let path = context.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::os::unix::fs::symlink("one", context.join("linked/two")).unwrap();
    let (lists, debs) = ("/var/lib/apt/lists", "/var/cache/apt/archives");
    let apt = format!(
        "#!/bin/sh\nset -e\ncase $1 in update) mkdir -p {lists}; head -c 900000 /bin/busybox >{lists}/deb_Packages;;\n\
         install) test -s {lists}/deb_Packages; shift 2; for each; do mkdir -p /usr; head -c 150000 /bin/busybox >/usr/$each; \
         test ! -e /keep-debs || {{ mkdir -p {debs}; head -c 100000 /bin/busybox >{debs}/${{each}}_1.0_all.deb; }}; done;; esac\n"
    );
    let go = "#!/bin/sh\nset -e\ncase $1 in mod) mkdir -p /root/go/pkg/mod; head -c 500000 /bin/busybox >/root/go/pkg/mod/a.zip;;\n\
              build) test -s /root/go/pkg/mod/a.zip; echo built >/out;; esac\n";
    let git = "#!/bin/sh\necho v1\n";
    for (name, script) in [("apt-get", apt.as_str()), ("go", go), ("git", git)] {
        let path = context.join("tools").join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A pair's image, saved to a file.
fn saved_pair(name: &str, context: &Path, builder: Builder, file: &Path) {
    let dockerfile = context.join("Dockerfile");
    // Not in the build context, where a `COPY . .` would take it along.
    let own = context.join("../Dockerfile");
    std::fs::rename(&dockerfile, &own).unwrap();
    build_from(name, &own, context, builder);
    std::fs::rename(&own, &dockerfile).unwrap();
    run("docker", &["save", &tag(name), "-o", file.to_str().unwrap()]);
}

/// Applies the tool's own diff to a pair, and says what is wrong with what comes of it.
fn fixed_pair(case: &Path, builder: Builder) -> Result<(), String> {
    let want = expected(case, builder);
    if want.left_out {
        return Ok(());
    }
    let name = case.file_name().unwrap().to_str().unwrap();
    let folder = folder();
    let context = folder.path().join("context");
    pair_context(&context);
    std::fs::copy(case.join("Dockerfile"), context.join("Dockerfile")).unwrap();
    let (before, after) = (folder.path().join("before.tar"), folder.path().join("after.tar"));
    saved_pair(name, &context, builder, &before);
    let fix = |arguments: &[&str]| {
        let mut command = crate::common::explore_in(&context);
        command.args(["fix", before.to_str().unwrap(), "--dockerfile", "Dockerfile"]).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let found: Value = serde_json::from_str(&fix(&["--json"])).unwrap();
    let diff = fix(&[]);
    let edits = found["edits"].as_array().unwrap().len();
    if diff != found["diff"].as_str().unwrap() {
        return Err("the diff is another than that of --json".to_owned());
    }
    let image = crate::common::explore_json(&[before.to_str().unwrap(), "--json"]);
    let stored: Vec<_> =
        image["layers"].as_array().unwrap().iter().map(|layer| layer["content_bytes"].as_u64()).collect();
    if want.twice.is_some_and(|bytes| stored.iter().filter(|stored| **stored == Some(bytes)).count() < 2) {
        return if edits == 0 { Ok(()) } else { Err(format!("{edits} edits of nothing: {found:#}")) };
    }
    if want.edits.is_some_and(|want| want != edits) {
        return Err(format!("{edits} edits: {found:#}"));
    }
    if edits == 0 {
        let reasons = found["without_edit"].as_array().unwrap();
        let said = diff.is_empty() && reasons.iter().all(|each| !each["why"].as_str().unwrap().is_empty());
        return if said { Ok(()) } else { Err(format!("no reason: {found:#}")) };
    }
    let patch = folder.write("fix.patch", diff.as_bytes());
    let git = Command::new("git").args(["apply", "-p0", "--check"]).arg(&patch).current_dir(&context).output().unwrap();
    let applied = Command::new("patch").args(["-p0", "-s", "-i"]).arg(&patch).current_dir(&context).output().unwrap();
    if !git.status.success() || !applied.status.success() {
        return Err(format!("the diff can't be applied: {}{}\n{diff}", text(&git.stderr), text(&applied.stdout)));
    }
    saved_pair(name, &context, builder, &after);
    let smoke = want.smoke.as_ref().map(|smoke| {
        let arguments = ["run", "--rm", "--network", "none", &tag(name), "/bin/busybox", "sh", "-c", smoke];
        Command::new("docker").args(arguments).output().unwrap().status.success()
    });
    let content = |file: &Path| {
        crate::common::explore_json(&[file.to_str().unwrap(), "--json"])["totals"]["content_bytes"].as_u64().unwrap()
    };
    let (promised, saved) = (found["bytes"].as_u64().unwrap(), content(&before).saturating_sub(content(&after)));
    eprintln!("{name} ({builder:?}): promised {promised}, saved {saved}");
    let mut wrong = Vec::new();
    if promised != saved || promised == 0 {
        wrong.push(format!("promised {promised}, saved {saved}"));
    }
    if smoke == Some(false) {
        wrong.push(format!("`{}` fails", want.smoke.unwrap_or_default()));
    }
    let output = explore(&["diff", before.to_str().unwrap(), after.to_str().unwrap(), "--format", "json"]);
    let difference: Value = serde_json::from_slice(&output.stdout).unwrap();
    for file in difference["files"].as_array().unwrap() {
        let path = format!("/{}", file["path"].as_str().unwrap());
        let named = want.gone.iter().any(|gone| format!("{path}/").starts_with(&format!("{gone}/")));
        if !(file["change"] == "removed" && named) {
            wrong.push(format!("{path} is {}", file["change"]));
        }
    }
    if difference["settings"].as_array().is_none_or(|settings| !settings.is_empty()) {
        wrong.push(format!("settings: {}", difference["settings"]));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{diff}", wrong.join("; "))) }
}

/// The tool's own diff is applied; what is promised is what is saved, and nothing else changes. `EXPLORE_TEST_PAIR` picks one,
/// and with `EXPLORE_TEST_CLASSIC=no` `BuildKit` alone builds them.
#[test]
fn a_fix_saves_what_it_promises_and_changes_nothing_else() {
    if !have(&["docker", "patch", "git"]) {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/savings");
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 24);
    let only = std::env::var("EXPLORE_TEST_PAIR").ok();
    cases.retain(|case| only.as_ref().is_none_or(|only| case.ends_with(only)));
    let without_classic = std::env::var("EXPLORE_TEST_CLASSIC").is_ok_and(|value| value == "no");
    let builders: Vec<Builder> =
        builders().into_iter().filter(|builder| !(without_classic && *builder == Builder::Classic)).collect();
    assert!(!builders.is_empty());
    // Most of a build is waiting, so several run at once; the builders of a pair share its tag.
    let (next, wrong) = (std::sync::atomic::AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            for builder in builders.iter().copied() {
                if let Err(why) = fixed_pair(case, builder) {
                    let name = case.file_name().unwrap().to_string_lossy();
                    wrong.lock().unwrap().push(format!("{name} ({builder:?}): {why}"));
                }
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    // Removed only now: no build may lose what it shares with another.
    for case in &cases {
        let _ = Command::new("docker").args(["rmi", "-f", &tag(case.file_name().unwrap().to_str().unwrap())]).output();
    }
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Over stages, variables, comments in between and forms of RUN, each layer's instruction is found in the Dockerfile.
#[test]
fn every_layer_is_found_in_the_dockerfile_whoever_built_it() {
    if !have(&["docker"]) {
        return;
    }
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/lines/Dockerfile");
    for builder in builders() {
        let folder = folder();
        let app = folder.path().join("context/app");
        std::fs::create_dir_all(&app).unwrap();
        let bytes = std::fs::read("/bin/busybox").unwrap();
        std::fs::write(app.join("one"), &bytes[..20_000]).unwrap();
        std::fs::write(app.join("two"), &bytes[..30_000]).unwrap();
        build_from("lines", &recipe, &folder.path().join("context"), builder);
        let (file, recipe) = (folder.path().join("image.tar"), recipe.to_str().unwrap());
        run("docker", &["save", &tag("lines"), "-o", file.to_str().unwrap()]);
        run("docker", &["rmi", "-f", &tag("lines")]);
        let found = crate::common::explore_json(&[
            file.to_str().unwrap(),
            "--json",
            "--base-layers",
            "2",
            "--dockerfile",
            recipe,
        ]);
        let mut findings: Vec<&Value> = found["waste"]["findings"].as_array().unwrap().iter().collect();
        findings.sort_by_key(|finding| finding["stored_in"].as_u64());
        let told: Vec<_> = findings
            .iter()
            .map(|finding| {
                let place = &finding["dockerfile"];
                let number = |value: &Value| value.as_u64().unwrap_or_default();
                (number(&finding["bytes"]), number(&place["line"]), number(&place["end_line"]))
            })
            .collect();
        let want = [
            (20_000, 20, 20),
            (30_000, 21, 21),
            (12_000, 22, 25),
            (11_000, 26, 26),
            (13_000, 27, 27),
            (50_000, 28, 28),
            (14_000, 31, 32),
        ];
        assert_eq!(told, want, "{builder:?}: {findings:#?}");
        // What was copied is named as the build context names it, although the classic builder only records a hash.
        let fix = |at: usize| findings[at]["fix"].as_str().unwrap();
        assert!(fix(0).contains("`app/one`"), "{}", fix(0));
        assert!(fix(1).contains("`app/two`"), "{}", fix(1));
        assert!(fix(5).contains("`app/one` and `app/two`"), "{}", fix(5));
        // Without that COPY there would be no /tmp for the RUN behind it.
        assert!(fix(3).contains("the COPY of line 26 makes directories that the image keeps"), "{}", fix(3));
    }
}
