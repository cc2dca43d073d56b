//! Real trees of other people: what is seen in them, and what is not.

use std::path::Path;
use std::process::Command;

use crate::common::{Shape, folder, image, look_with};
use explore::inspect::Options;
use explore::waste::{Kind, Severity};

/// Packages with keys, tokens, passwords and `.env` files in their tests and documentation, and programs that handle them.
const PACKAGES: &[&str] = &[
    "base-files",
    "passwd",
    "login",
    "apt",
    "dpkg",
    "perl-base",
    "openssl",
    "ca-certificates",
    "git",
    "curl",
    "ssl-cert",
    "libpython3.11-stdlib",
    "libpython3.11-testsuite",
    "python3-requests",
    "python3-flask",
    "python3-cryptography",
    "python3-paramiko",
    "python3-botocore",
    "python3-twisted",
    "python3-urllib3",
    "python3-certifi",
    "python3-django",
    "python3-dotenv",
    "libnode108",
    "npm",
    "node-express",
    "node-undici",
    "node-ws",
    "node-dotenv",
    "node-jsonwebtoken",
];

/// A tree of Debian's files with Python's and Node's, made once and kept with the build's other files.
fn debian() -> Option<std::path::PathBuf> {
    let tar = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian.tar");
    if tar.exists() {
        return Some(tar);
    }
    let folder = folder();
    let (debs, root) = (folder.path().join("debs"), folder.path().join("root"));
    std::fs::create_dir_all(&debs).unwrap();
    let mut fetched = Vec::new();
    for package in PACKAGES {
        // Releases differ in what they have.
        let fetch = Command::new("apt-get").args(["download", "-q", package]).current_dir(&debs).output();
        if fetch.is_ok_and(|output| output.status.success()) {
            fetched.push(*package);
        }
    }
    let has = |start: &str| fetched.iter().any(|package| package.starts_with(start));
    if !(has("base-files") && has("python3-requests") && has("node-express")) {
        assert!(std::env::var("EXPLORE_TEST_ENGINES").as_deref() != Ok("required"), "apt-get gave only {fetched:?}");
        eprintln!("left out: no tree of Debian's files, since apt-get download gives none here");
        return None;
    }
    for deb in std::fs::read_dir(&debs).unwrap() {
        let unpacked = Command::new("dpkg-deb").arg("-x").arg(deb.unwrap().path()).arg(&root).status().unwrap();
        assert!(unpacked.success());
    }
    let part = tar.with_extension("part");
    let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&part).arg(".").status().unwrap();
    assert!(packed.success());
    std::fs::rename(&part, &tar).unwrap();
    Some(tar)
}

#[test]
fn no_secret_is_seen_in_a_debian_a_python_and_a_node_tree() {
    let Some(tar) = debian() else { return };
    let bytes = std::fs::read(tar).unwrap();
    let folder = folder();
    let saved = folder.write("debian.tar", &image().tar(bytes).save(Shape::Docker));
    let found = look_with(&saved, &Options { advice: true, ..Options::default() });
    assert!(found.tree.final_counts().files > 5_000);
    let has = |path: &str| found.tree.paths.find(path.as_bytes()).is_some();
    assert!(has("usr/lib/python3/dist-packages/requests") && has("usr/share/nodejs/express"));
    let secrets: Vec<String> = found
        .waste
        .findings
        .iter()
        .filter(|finding| finding.kind == Kind::Secret && finding.severity != Severity::Note)
        .map(|finding| {
            let paths = finding.paths.iter().map(|path| found.tree.paths.path(path.node));
            let paths: Vec<String> = paths.map(|path| String::from_utf8_lossy(&path).into_owned()).collect();
            format!("{}: {}", finding.message, paths.join(" "))
        })
        .collect();
    assert!(secrets.is_empty(), "{secrets:#?}");
    // Keys are there, and are seen for what they are: tests' own.
    assert!(found.waste.findings.iter().any(|finding| finding.kind == Kind::Secret));
}
