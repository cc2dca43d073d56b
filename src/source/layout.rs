use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::SourceError;
use crate::bytes::Window;

/// An OCI layout directory (OCI image spec, "Image Layout"), or one as skopeo's `dir:` writes it.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    fetched: Arc<AtomicU64>,
    /// As skopeo's `dir:` writes it: `version`, `manifest.json`, and blobs by their hex digits.
    skopeo_dir: bool,
}

impl Layout {
    pub(super) fn open(path: &Path, fetched: &Arc<AtomicU64>) -> Result<Self, SourceError> {
        let mut layout = Self { root: path.to_owned(), fetched: Arc::clone(fetched), skopeo_dir: false };
        // Also says so when the directory itself can't be entered.
        std::fs::read_dir(path).map_err(|error| SourceError::Open { path: path.to_owned(), error })?;
        if layout.get("oci-layout")?.is_some() {
            return Ok(layout);
        }
        let mut version = Vec::new();
        if let Some(file) = layout.get("version")? {
            // What can't be read is not what it should be.
            let _ = file.take(64).read_to_end(&mut version);
        }
        if version.starts_with(b"Directory Transport Version:") && layout.get("manifest.json")?.is_some() {
            layout.skopeo_dir = true;
            return Ok(layout);
        }
        let shown = path.display();
        let hint = if path.join("manifest.json").is_file() {
            format!("it seems to be an unpacked docker archive: `tar -C {shown} -c . | explore -` reads it")
        } else if path.join("index.json").is_file() {
            "it has an index.json: if it is one all the same, write {\"imageLayoutVersion\":\"1.0.0\"} into that file"
                .to_owned()
        } else {
            "name a saved image, or a directory as `skopeo copy … oci:DIR` writes it".to_owned()
        };
        Err(SourceError::NoLayout { path: path.to_owned(), hint })
    }

    /// Returns true if it is a directory as skopeo's `dir:` writes it.
    pub fn is_skopeo_dir(&self) -> bool {
        self.skopeo_dir
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Window>, SourceError> {
        if let Some(hex) =
            name.strip_prefix("blobs/").and_then(|blob| blob.split('/').nth(1)).filter(|_| self.skopeo_dir)
        {
            let blob = self.file(hex)?;
            return if blob.is_some() { Ok(blob) } else { self.file(&format!("{hex}.manifest.json")) };
        }
        self.file(name)
    }

    fn file(&self, name: &str) -> Result<Option<Window>, SourceError> {
        // Names come from manifests: they stay inside the directory.
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        let path = self.root.join(name);
        let failed = |error| SourceError::Open { path: path.clone(), error };
        let about = match std::fs::metadata(&path) {
            Ok(about) if about.is_file() => about,
            Ok(_) => return Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Some(Window::whole(File::open(&path).map_err(failed)?, about.len(), &self.fetched)))
    }
}
