//! `manifest.json` of `docker save`: images by the names of their members.

use super::Digest;
use super::candidate::{Candidate, Face, Parts, Variant};
use super::manifest::{Manifest, SavedImage};
use super::oci::{Found, MAX_MANIFESTS};
use super::resolve::{ImageError, Lookup};
use crate::source::normal_name;

/// The images that `manifest.json` lists.
#[derive(Debug)]
pub(super) struct Saved(Vec<SavedImage>);

impl Saved {
    /// Reads it; `None` if the archive has none.
    pub(super) fn read(lookup: &impl Lookup) -> Result<Option<Self>, ImageError> {
        const NAME: &str = "manifest.json";
        let Some(bytes) = lookup.document(NAME)? else { return Ok(None) };
        let images = SavedImage::parse(&bytes);
        let mut images = images.map_err(|problem| ImageError::Document { name: NAME.to_owned(), problem })?;
        images.truncate(MAX_MANIFESTS);
        Ok(Some(Self(images)))
    }

    /// Each of them as an image.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        self.0.iter().map(candidate).collect()
    }

    /// Joins them with those of `index.json`: an archive of today has both, and the names that users know are in
    /// `manifest.json`. What is another image than any of the index becomes one more if `apart`.
    pub(super) fn join(&self, lookup: &impl Lookup, found: &mut Found, apart: bool) {
        let of_index = found.candidates.len();
        for saved in &self.0 {
            let same = found.candidates[..of_index].iter_mut().find(|candidate| {
                candidate.variants.iter().any(|variant| match &variant.parts {
                    Parts::Oci { manifest, .. } => is_same(lookup, saved, manifest),
                    _ => false,
                })
            });
            match same {
                Some(candidate) => {
                    candidate.face = Face::Both;
                    let new = saved.repo_tags.iter().filter(|tag| !candidate.names.contains(tag));
                    let new: Vec<String> = new.cloned().collect();
                    candidate.names.splice(0..0, new);
                }
                None if apart => found.candidates.push(candidate(saved)),
                None => {}
            }
        }
    }
}

fn candidate(saved: &SavedImage) -> Candidate {
    let variants = vec![Variant { platform: None, parts: Parts::Saved(saved.clone()) }];
    Candidate { names: saved.repo_tags.clone(), variants, face: Face::Saved }
}

/// Returns true if both documents name the same config and the same layers.
fn is_same(lookup: &impl Lookup, saved: &SavedImage, manifest: &Manifest) -> bool {
    let Some(config) = &manifest.config else { return false };
    let name = normal_name(saved.config.as_bytes());
    let same_config = name == config.digest.blob() || {
        // Another name may hold the same bytes.
        let own = |name: &str| lookup.document(name).ok().flatten();
        own(&name).is_some_and(|bytes| config.digest.of_same_kind(&bytes).as_ref() == Some(&config.digest))
    };
    same_config
        && saved.layers.len() == manifest.layers.len()
        && saved.layers.iter().zip(&manifest.layers).all(|(name, layer)| is_layer(name, &layer.digest))
}

/// A layer is named as its blob is, or by a path that has the digest in it, as the folders of older archives do.
fn is_layer(name: &str, digest: &Digest) -> bool {
    let name = normal_name(name.as_bytes());
    name == digest.blob() || name.split(['/', '.', ':']).any(|part| part == digest.hex())
}
