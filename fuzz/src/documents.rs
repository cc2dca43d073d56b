//! Manifests, indexes and configs: the input is split at NUL bytes into the documents of an archive.

use explore::image::{Lookup, PlaceKind, Request, resolve};
use explore::source::SourceError;

struct Documents<'d> {
    all: Vec<&'d [u8]>,
    kind: PlaceKind,
}

impl Lookup for Documents<'_> {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        // Blobs are all the same few documents, by the last digit of their name.
        let at = match name {
            "index.json" => 0,
            "manifest.json" => 1,
            "repositories" => 2,
            other => 3 + usize::from(other.bytes().last().unwrap_or(0)) % 4,
        };
        Ok(self.all.get(at).filter(|bytes| !bytes.is_empty()).map(|bytes| bytes.to_vec()))
    }

    fn shape(&self) -> String {
        String::new()
    }

    fn damage(&self) -> Option<String> {
        None
    }

    fn kind(&self) -> PlaceKind {
        self.kind
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let [first, rest @ ..] = data else { return };
    let kind = [PlaceKind::Archive, PlaceKind::Layout, PlaceKind::Directory][usize::from(*first) % 3];
    let documents = Documents { all: rest.split(|byte| *byte == 0).collect(), kind };
    match resolve(&documents, &Request::default()) {
        Ok(image) => {
            for layer in 0..image.layers.len() {
                let _ = image.instruction(layer);
            }
        }
        Err(error) => drop(error.to_string()),
    }
}
