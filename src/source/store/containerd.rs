use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use thiserror::Error;

use super::bolt::{Bolt, Bucket};
use super::content::Content;
use crate::source::endpoint::Surroundings;

/// Why an image can't be read from containerd.
#[derive(Debug, Error)]
pub enum ContainerdError {
    /// None of the usual folders is there.
    #[error(
        "there is no containerd on this machine: none of {} is there; name its folder with EXPLORE_CONTAINERD_ROOT",
        .0.join(", ")
    )]
    NoStore(Vec<String>),
    /// The folders are there and nobody but root may read them.
    #[error("{} can't be read: {error}; run it with `sudo`", path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It has other images.
    #[error("containerd has no image {name}{}{}", within(namespace.as_deref()), others(.has))]
    NoImage {
        /// As typed.
        name: String,
        /// Where it was looked for.
        namespace: Option<String>,
        /// Namespaces, and how many images each has.
        has: Vec<(String, usize)>,
    },
    /// Its manifest was removed.
    #[error(
        "containerd knows {name}, and its manifest {digest} is not in the content store; pull it again: `ctr -n {namespace} images pull {name}`"
    )]
    NoContent {
        /// Its full name.
        name: String,
        /// The namespace.
        namespace: String,
        /// What is missing.
        digest: String,
    },
}

fn within(namespace: Option<&str>) -> String {
    namespace.map(|namespace| format!(" in the namespace {namespace}")).unwrap_or_default()
}

fn others(has: &[(String, usize)]) -> String {
    let mut text = String::new();
    for (at, (namespace, images)) in has.iter().enumerate() {
        let _ = write!(text, "{} {namespace} ({images})", if at == 0 { "; namespaces and their images:" } else { "," });
    }
    text
}

/// Folders of containerd itself, of k3s, RKE2 and `MicroK8s`, and of Docker's own; rootless ones are below the home directory.
const FOLDERS: [&str; 5] = [
    "/var/lib/containerd",
    "/var/lib/rancher/k3s/agent/containerd",
    "/var/lib/rancher/rke2/agent/containerd",
    "/var/snap/microk8s/common/var/lib/containerd",
    "/var/lib/docker/containerd/daemon",
];
const DATABASE: &str = "io.containerd.metadata.v1.bolt/meta.db";
const BLOBS: &str = "io.containerd.content.v1.content/blobs";

fn folders(around: &dyn Surroundings) -> Vec<PathBuf> {
    if let Some(folder) = around.variable("EXPLORE_CONTAINERD_ROOT") {
        return vec![folder.into()];
    }
    let mut all: Vec<PathBuf> = Vec::new();
    let configured = around.text(Path::new("/etc/containerd/config.toml"));
    let configured = configured.and_then(|text| text.parse::<toml::Table>().ok());
    all.extend(configured.and_then(|table| Some(PathBuf::from(table.get("root")?.as_str()?))));
    all.extend(FOLDERS.iter().map(PathBuf::from));
    let data = around.variable("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| around.variable("HOME").map(|home| Path::new(&home).join(".local/share")));
    all.extend(data.map(|data| data.join("containerd")));
    all
}

/// An image of containerd, by a name as `ctr` or `nerdctl` take it, or by the beginning of its digest. Without a namespace
/// `default` comes first and then all others.
pub(in super::super) fn find(
    name: &str,
    namespace: Option<&str>,
    around: &dyn Surroundings,
    fetched: &Arc<AtomicU64>,
) -> Result<Content, ContainerdError> {
    let folders = folders(around);
    let mut has = Vec::new();
    let mut unreadable = None;
    let mut any = false;
    for folder in &folders {
        let path = folder.join(DATABASE);
        let bolt = match Bolt::read(&path) {
            Ok(Some(bolt)) => bolt,
            Ok(None) => continue,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                unreadable.get_or_insert(ContainerdError::Unreadable { path, error });
                continue;
            }
        };
        any = true;
        let all = bolt.root().bucket("v1");
        let mut namespaces: Vec<(String, Bucket<'_>)> = all.into_iter().flat_map(Bucket::buckets).collect();
        namespaces.sort_by_key(|(own, _)| (own != "default", own.clone()));
        for (own, bucket) in &namespaces {
            let images = images(*bucket);
            let is_meant = namespace.is_none_or(|wanted| wanted == own);
            if let Some(image) = choose(&images, name).filter(|_| is_meant) {
                let missing = || ContainerdError::NoContent {
                    name: image.name.clone(),
                    namespace: own.clone(),
                    digest: image.digest.clone(),
                };
                let opened = Content::open(&folder.join(BLOBS), "containerd", &image.digest, fetched);
                let mut content = opened.ok_or_else(missing)?;
                content.note = format!("{}, namespace {own}", content.note);
                content.hint = format!(
                    "containerd discards layers after unpacking them where `discard_unpacked_layers` is set (k3s and Talos do): \
                     fetch them again with `ctr -n {own} content fetch {}`",
                    image.name
                );
                let names = images.iter().filter(|other| other.digest == image.digest && !other.is_digest());
                content.names = names.map(|other| other.name.clone()).collect();
                return Ok(content);
            }
            if !images.is_empty() {
                has.push((own.clone(), images.len()));
            }
        }
    }
    match unreadable {
        Some(error) if !any => Err(error),
        _ if any => {
            Err(ContainerdError::NoImage { name: name.to_owned(), namespace: namespace.map(str::to_owned), has })
        }
        _ => Err(ContainerdError::NoStore(folders.iter().map(|folder| folder.display().to_string()).collect())),
    }
}

/// An image of a namespace.
struct Stored {
    name: String,
    digest: String,
}

impl Stored {
    /// Names that are made of the digest, as Kubernetes' runtime adds them.
    fn is_digest(&self) -> bool {
        self.name.starts_with("sha256:") || self.name.contains('@')
    }
}

/// `v1/NAMESPACE/images/NAME/target/digest`.
fn images(namespace: Bucket<'_>) -> Vec<Stored> {
    let all = namespace.bucket("images").into_iter().flat_map(Bucket::buckets);
    let stored = all.filter_map(|(name, image)| {
        let digest = String::from_utf8(image.bucket("target")?.get("digest")?.to_vec()).ok()?;
        Some(Stored { name, digest })
    });
    stored.collect()
}

/// By its name, by its name as Docker completes it, or by the beginning of its digest.
fn choose<'i>(images: &'i [Stored], name: &str) -> Option<&'i Stored> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let tagged = if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") };
    let names = [name.to_owned(), tagged.clone(), format!("docker.io/library/{tagged}"), format!("docker.io/{tagged}")];
    let by_name = names.iter().find_map(|name| images.iter().find(|image| image.name == *name));
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    let is_id = hex.len() >= 8 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let by_id =
        || images.iter().find(|image| image.digest.split(':').next_back().is_some_and(|own| own.starts_with(hex)));
    by_name.or_else(|| is_id.then(by_id).flatten())
}
