//! Images built in code, so that a reader of a test sees what is inside.

pub mod parts;
pub mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use explore::image::Digest;
use explore::inspect::{Inspection, Options, inspect};
use explore::source::Target;
use serde_json::{Value, json};

/// One entry of a layer.
#[derive(Debug, Clone)]
pub struct Entry {
    pub kind: tar::EntryType,
    pub path: Vec<u8>,
    pub content: Vec<u8>,
    pub link: Vec<u8>,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime: u64,
    pub xattrs: Vec<(String, Vec<u8>)>,
}

impl Entry {
    fn new(kind: tar::EntryType, path: impl AsRef<[u8]>) -> Self {
        Self {
            kind,
            path: path.as_ref().to_vec(),
            content: Vec::new(),
            link: Vec::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            xattrs: Vec::new(),
        }
    }

    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    pub fn owner(mut self, uid: u64, gid: u64) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    pub fn mtime(mut self, mtime: u64) -> Self {
        self.mtime = mtime;
        self
    }

    pub fn xattr(mut self, name: &str, value: &[u8]) -> Self {
        self.xattrs.push((name.into(), value.into()));
        self
    }
}

pub fn file(path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Entry {
    Entry { content: content.as_ref().to_vec(), ..Entry::new(tar::EntryType::Regular, path) }
}

pub fn dir(path: impl AsRef<[u8]>) -> Entry {
    Entry::new(tar::EntryType::Directory, path).mode(0o755)
}

pub fn symlink(path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Entry {
    Entry { link: to.as_ref().to_vec(), ..Entry::new(tar::EntryType::Symlink, path).mode(0o777) }
}

pub fn hardlink(path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Entry {
    Entry { link: to.as_ref().to_vec(), ..Entry::new(tar::EntryType::Link, path) }
}

pub fn fifo(path: impl AsRef<[u8]>) -> Entry {
    Entry::new(tar::EntryType::Fifo, path)
}

pub fn device(path: impl AsRef<[u8]>) -> Entry {
    Entry::new(tar::EntryType::Char, path)
}

/// `gone("a/b")` is the whiteout of `a/b`.
pub fn gone(path: &str) -> Entry {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let slash = if folder.is_empty() && !path.starts_with('/') { "" } else { "/" };
    file(format!("{folder}{slash}.wh.{name}"), "")
}

/// `opaque("a")` hides what lower layers have in `a`.
pub fn opaque(path: &str) -> Entry {
    file(format!("{path}/.wh..wh..opq"), "")
}

/// A layer's tar, written field by field, so that anything can be in it.
pub fn layer(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        append(&mut out, entry);
    }
    out.extend([0; 1024]);
    out
}

fn append(out: &mut Vec<u8>, entry: &Entry) {
    let mut records = Vec::new();
    for (name, value) in &entry.xattrs {
        records.extend(pax_record(&format!("SCHILY.xattr.{name}"), value));
    }
    if entry.path.len() > 100 {
        records.extend(pax_record("path", &entry.path));
    }
    if entry.link.len() > 100 {
        records.extend(pax_record("linkpath", &entry.link));
    }
    if !records.is_empty() {
        raw(out, tar::EntryType::XHeader, b"pax", b"", &records, entry);
    }
    raw(out, entry.kind, &entry.path, &entry.link, &entry.content, entry);
}

pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    let mut record = format!("{len} {key}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

/// One header and its data, padded.
pub fn raw(out: &mut Vec<u8>, kind: tar::EntryType, path: &[u8], link: &[u8], data: &[u8], about: &Entry) {
    let mut header = tar::Header::new_ustar();
    let cut = |text: &[u8]| text[..text.len().min(100)].to_vec();
    header.as_old_mut().name[..cut(path).len()].copy_from_slice(&cut(path));
    header.as_old_mut().linkname[..cut(link).len()].copy_from_slice(&cut(link));
    header.set_entry_type(kind);
    header.set_mode(about.mode);
    header.set_uid(about.uid);
    header.set_gid(about.gid);
    header.set_mtime(about.mtime);
    header.set_size(data.len() as u64);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// A plain tar of named members.
pub fn archive(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members {
        append(&mut out, &file(name, content));
    }
    out.extend([0; 1024]);
    out
}

/// How an image is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `docker save` before 25: a folder for each layer.
    V1,
    /// `docker save` of today: an OCI layout and manifest.json.
    Docker,
    /// An OCI layout in a tar.
    Oci,
    /// kaniko: `sha256:…` for the config, gzip layers by digest.
    Kaniko,
}

/// An image in the making.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    pub tars: Vec<Vec<u8>>,
    pub history: Option<Value>,
    pub platform: (String, String, Option<String>),
    pub name: String,
    pub compress: fn(&[u8]) -> Vec<u8>,
    pub media_type: String,
    pub run: Value,
}

pub fn image() -> ImageBuilder {
    ImageBuilder {
        tars: Vec::new(),
        history: None,
        platform: ("linux".into(), "amd64".into(), None),
        name: "test:latest".into(),
        compress: <[u8]>::to_vec,
        media_type: "application/vnd.oci.image.layer.v1.tar".into(),
        run: json!({"Env": ["PATH=/bin"]}),
    }
}

impl ImageBuilder {
    pub fn layer(self, entries: impl AsRef<[Entry]>) -> Self {
        self.tar(layer(entries.as_ref()))
    }

    pub fn layers(self, layers: &[Vec<Entry>]) -> Self {
        layers.iter().fold(self, Self::layer)
    }

    pub fn tar(mut self, tar: Vec<u8>) -> Self {
        self.tars.push(tar);
        self
    }

    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    pub fn platform(mut self, os: &str, architecture: &str, variant: Option<&str>) -> Self {
        self.platform = (os.into(), architecture.into(), variant.map(Into::into));
        self
    }

    pub fn compress(mut self, compress: fn(&[u8]) -> Vec<u8>) -> Self {
        self.compress = compress;
        self
    }

    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// How containers are started: the config's `config`.
    pub fn run(mut self, run: Value) -> Self {
        self.run = run;
        self
    }

    pub fn history(mut self, rows: Value) -> Self {
        self.history = Some(rows);
        self
    }

    pub fn config(&self) -> Vec<u8> {
        let (os, architecture, variant) = &self.platform;
        let diff_ids: Vec<_> = self.tars.iter().map(|tar| Digest::of(tar).to_string()).collect();
        let rows: Vec<_> = (0..self.tars.len())
            .map(|layer| json!({"created": "2026-01-02T03:04:05Z", "created_by": format!("RUN /bin/sh -c step {layer} # buildkit")}))
            .collect();
        let mut config = json!({
            "os": os, "architecture": architecture, "created": "2026-01-02T03:04:05Z",
            "config": self.run,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": self.history.clone().unwrap_or(Value::Array(rows)),
        });
        if let Some(variant) = variant {
            config["variant"] = json!(variant);
        }
        serde_json::to_vec(&config).unwrap()
    }

    pub fn blobs(&self) -> Vec<Vec<u8>> {
        self.tars.iter().map(|tar| (self.compress)(tar)).collect()
    }

    /// The manifest, and all blobs that it names, by digest.
    pub fn manifest(&self) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
        let config = self.config();
        let blobs = self.blobs();
        let descriptor = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len()});
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": blobs.iter().map(|blob| descriptor(&self.media_type, blob)).collect::<Vec<_>>(),
        }))
        .unwrap();
        let mut members: Vec<_> = blobs.into_iter().map(|blob| (Digest::of(&blob).blob(), blob)).collect();
        members.push((Digest::of(&config).blob(), config));
        members.push((Digest::of(&manifest).blob(), manifest.clone()));
        members.dedup_by(|a, b| a.0 == b.0);
        (manifest, members)
    }

    pub fn members(&self, shape: Shape) -> Vec<(String, Vec<u8>)> {
        let config = self.config();
        let hex = Digest::of(&config).hex().to_owned();
        let blobs = self.blobs();
        match shape {
            Shape::V1 => {
                let mut members = Vec::new();
                let mut layers = Vec::new();
                for (at, blob) in blobs.into_iter().enumerate() {
                    members.push((format!("{at:064x}/VERSION"), b"1.0".to_vec()));
                    members.push((format!("{at:064x}/json"), b"{}".to_vec()));
                    members.push((format!("{at:064x}/layer.tar"), blob));
                    layers.push(format!("{at:064x}/layer.tar"));
                }
                members.push((format!("{hex}.json"), config));
                let saved = json!([{"Config": format!("{hex}.json"), "RepoTags": [self.name], "Layers": layers}]);
                members.push(("manifest.json".into(), saved.to_string().into_bytes()));
                members
            }
            Shape::Kaniko => {
                let mut members = vec![(format!("sha256:{hex}"), config)];
                let mut layers = Vec::new();
                for blob in blobs {
                    let name = format!("{}.tar.gz", Digest::of(&blob).hex());
                    layers.push(name.clone());
                    members.push((name, blob));
                }
                let saved = json!([{"Config": format!("sha256:{hex}"), "RepoTags": [self.name], "Layers": layers}]);
                members.push(("manifest.json".into(), saved.to_string().into_bytes()));
                members
            }
            Shape::Docker | Shape::Oci => {
                let (manifest, mut members) = self.manifest();
                members.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
                let mut annotations = json!({"org.opencontainers.image.ref.name": self.name});
                if shape == Shape::Docker {
                    annotations = json!({
                        "io.containerd.image.name": format!("docker.io/library/{}", self.name),
                        "org.opencontainers.image.ref.name": self.name.rsplit(':').next(),
                    });
                }
                let index = json!({"schemaVersion": 2, "manifests": [{
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": Digest::of(&manifest).to_string(), "size": manifest.len(), "annotations": annotations,
                }]});
                members.push(("index.json".into(), index.to_string().into_bytes()));
                if shape == Shape::Docker {
                    let layers: Vec<_> = blobs.iter().map(|blob| Digest::of(blob).blob()).collect();
                    let saved =
                        json!([{"Config": format!("blobs/sha256/{hex}"), "RepoTags": [self.name], "Layers": layers}]);
                    members.push(("manifest.json".into(), saved.to_string().into_bytes()));
                }
                members
            }
        }
    }

    pub fn save(&self, shape: Shape) -> Vec<u8> {
        archive(&self.members(shape))
    }
}

/// A folder that goes away with the test.
pub struct Folder(pub tempfile::TempDir);

/// Several images in one archive, as `docker save A B` writes it.
pub fn save_all(images: &[&ImageBuilder]) -> Vec<u8> {
    let mut members: Vec<(String, Vec<u8>)> = Vec::new();
    let mut saved: Vec<Value> = Vec::new();
    for each in images {
        let config = each.config();
        let name = format!("{}.json", Digest::of(&config).hex());
        let layers: Vec<String> = each.tars.iter().map(|tar| format!("{}.tar", Digest::of(tar).hex())).collect();
        saved.push(json!({"Config": name, "RepoTags": [each.name], "Layers": layers}));
        members.push((name, config));
        members.extend(layers.into_iter().zip(each.tars.clone()));
    }
    members.push(("manifest.json".into(), json!(saved).to_string().into_bytes()));
    members.sort();
    members.dedup();
    archive(&members)
}

pub fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

impl Folder {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn layout(&self, name: &str, members: &[(String, Vec<u8>)]) -> PathBuf {
        for (member, bytes) in members {
            self.write(&format!("{name}/{member}"), bytes);
        }
        self.path().join(name)
    }
}

/// Inspects a file, with nothing but defaults.
pub fn look(path: &Path) -> Inspection {
    look_with(path, &Options::default())
}

pub fn look_with(path: &Path, options: &Options) -> Inspection {
    let target = Target::parse(path.as_os_str()).unwrap();
    inspect(&target, options, &mut |_| true).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The final file system, a path a line.
pub fn paths(found: &Inspection) -> Vec<String> {
    let mut paths: Vec<String> = (0..found.tree.layers.len())
        .flat_map(|layer| &found.tree.layers[layer].events)
        .filter(|event| event.until == explore::tree::Event::HOLDS)
        .map(|event| String::from_utf8_lossy(&found.tree.paths.path(event.node)).into_owned())
        .collect();
    paths.sort();
    paths
}

/// Runs the real program.
pub fn explore(arguments: &[&str]) -> Output {
    explore_with(arguments, None)
}

pub fn explore_with(arguments: &[&str], stdin: Option<&[u8]>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    command.args(arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command.stdin(if stdin.is_some() { std::process::Stdio::piped() } else { std::process::Stdio::null() });
    undisturbed(&mut command);
    let mut child = command.spawn().unwrap();
    let bytes = stdin.map(<[u8]>::to_vec);
    let pipe = child.stdin.take();
    let feeder = std::thread::spawn(move || {
        if let (Some(mut pipe), Some(bytes)) = (pipe, bytes) {
            // The program may have seen enough before the end.
            let _ = pipe.write_all(&bytes);
        }
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

/// Takes away what the surroundings of the tests may say: they run in pipelines, too.
pub fn undisturbed(command: &mut Command) -> &mut Command {
    let ours = |name: &str| name.starts_with("EXPLORE_") && name != "EXPLORE_CACHE_DIR";
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    for name in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "DOCKER_DEFAULT_PLATFORM"] {
        command.env_remove(name);
    }
    // No settings of the user who runs the tests.
    command.env("XDG_CONFIG_HOME", "/nonexistent")
}

/// A command of the real program in a folder of its own, with a home of its own.
pub fn explore_in(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    undisturbed(&mut command)
        .current_dir(folder)
        .env("HOME", folder.join("home"))
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME")
        .stdin(std::process::Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program, which must succeed, and reads its JSON.
pub fn explore_json(arguments: &[&str]) -> Value {
    let output = explore(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
