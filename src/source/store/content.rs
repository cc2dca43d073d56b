use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::bytes::Window;
use crate::source::SourceError;

/// An image in containerd's content store (<https://github.com/containerd/containerd/blob/main/docs/content-flow.md>): each blob
/// is a file that is named by its digest, as in an OCI layout, and the index that says which one is meant is made here.
#[derive(Debug, Clone)]
pub struct Content {
    /// `docker` or `containerd`.
    pub source: &'static str,
    /// Names that the store gives the image.
    pub names: Vec<String>,
    /// Which way was taken; for people.
    pub note: String,
    /// What to do when a blob is not there.
    pub hint: String,
    /// The folder that has `sha256`.
    root: PathBuf,
    /// Digest of the manifest or index.
    top: String,
    fetched: Arc<AtomicU64>,
}

impl Content {
    /// An image by the digest of its manifest or index; None where the store does not have that or can't be read.
    pub(super) fn open(root: &Path, source: &'static str, top: &str, fetched: &Arc<AtomicU64>) -> Option<Self> {
        let note = format!("read in place from the content store at {}", root.display());
        let content = Self {
            source,
            names: Vec::new(),
            note,
            hint: String::new(),
            root: root.to_owned(),
            top: top.to_owned(),
            fetched: Arc::clone(fetched),
        };
        content.get(&blob(top)).ok().flatten().map(|_| content)
    }

    /// A blob by its name in an OCI layout, `blobs/ALGORITHM/HEX`.
    ///
    /// # Errors
    /// When it is there and can't be opened.
    pub fn get(&self, name: &str) -> Result<Option<Window>, SourceError> {
        // Names come from manifests: they stay inside the directory.
        let Some(name) = name.strip_prefix("blobs/") else { return Ok(None) };
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        let path = self.root.join(name);
        let failed = |error| SourceError::Open { path: path.clone(), error };
        match File::open(&path) {
            Ok(file) => {
                let about = file.metadata().map_err(failed)?;
                Ok(about.is_file().then(|| Window::whole(file, about.len(), &self.fetched)))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// An `index.json` that names the image alone.
    pub(in super::super) fn index(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let window = self.get(&blob(&self.top)).ok().flatten();
        let read = window.map(|window| window.take(crate::source::MAX_DOCUMENT).read_to_end(&mut bytes));
        let top: serde_json::Value = read.and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let kind = if top["manifests"].is_array() { "index" } else { "manifest" };
        let kind = format!("application/vnd.oci.image.{kind}.v1+json");
        serde_json::json!({ "manifests": [{ "mediaType": kind, "digest": self.top }] }).to_string().into_bytes()
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}
