use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::SourceError;
use crate::bytes::Window;

/// An OCI layout directory (OCI image spec, "Image Layout").
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    fetched: Arc<AtomicU64>,
}

impl Layout {
    pub(super) fn open(path: &Path, fetched: &Arc<AtomicU64>) -> Result<Self, SourceError> {
        let layout = Self { root: path.to_owned(), fetched: Arc::clone(fetched) };
        // Also says so when the directory itself can't be entered.
        std::fs::read_dir(path).map_err(|error| SourceError::Open { path: path.to_owned(), error })?;
        if layout.get("oci-layout")?.is_some() {
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

    pub(super) fn get(&self, name: &str) -> Result<Option<Window>, SourceError> {
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
