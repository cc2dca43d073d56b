//! Images that an OCI index names (OCI image spec, "Image Index"), and those of skopeo's `dir:`.

use std::collections::HashSet;

use super::Digest;
use super::artifact::artifact;
use super::candidate::{Candidate, Face, Parts, Variant};
use super::manifest::{Descriptor, Index, Manifest};
use super::resolve::{ImageError, Lookup};

/// Indexes within indexes, and manifests in all, that are followed.
const MAX_DEPTH: usize = 8;
pub(super) const MAX_MANIFESTS: usize = 4096;

/// What a place holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// What there is beside images, each in words.
    pub(super) others: Vec<String>,
    pub(super) notes: Vec<String>,
    /// What is there and names nothing, in words.
    pub(super) empty: Option<&'static str>,
}

impl Found {
    /// Follows `index.json` to its manifests. Manifests of one name (or of none, if each has a platform of its own) are one
    /// image for several platforms.
    pub(super) fn in_index(lookup: &impl Lookup) -> Result<Self, ImageError> {
        const NAME: &str = "index.json";
        let Some(bytes) = lookup.document(NAME)? else { return Ok(Self::default()) };
        let index = Index::parse(&bytes).map_err(|problem| ImageError::Document { name: NAME.to_owned(), problem })?;
        let notes = index.notes.iter().map(|note| format!("{NAME}: {note}")).collect();
        let mut found = Self { notes, ..Self::default() };
        if index.manifests.is_empty() {
            found.empty = Some("index.json names no manifests");
        }
        let mut tops: Vec<(Digest, usize)> = Vec::new();
        let mut walk = Walk { lookup, left: MAX_MANIFESTS, others: Vec::new() };
        // What leads to no manifest is followed once, however often it is named.
        let mut barren = HashSet::new();
        for top in index.manifests.iter().filter(|top| !top.is_attestation()) {
            let names = top.names();
            if let Some((_, at)) = tops.iter().find(|(digest, _)| *digest == top.digest) {
                found.candidates[*at].names.extend(names);
                continue;
            }
            if barren.contains(&top.digest) {
                continue;
            }
            let mut variants = Vec::new();
            walk.follow(top, MAX_DEPTH, &mut HashSet::new(), &mut variants);
            if variants.is_empty() {
                barren.insert(top.digest.clone());
                continue;
            }
            let sibling = found.candidates.iter_mut().find(|other| {
                top.platform.as_ref().is_some_and(|platform| {
                    other.names == names
                        && other.variants.iter().all(|v| v.platform.as_ref().is_some_and(|p| p != platform))
                })
            });
            if let Some(candidate) = sibling {
                candidate.variants.append(&mut variants);
            } else {
                tops.push((top.digest.clone(), found.candidates.len()));
                found.candidates.push(Candidate { names, variants, face: Face::Index });
            }
        }
        found.others = walk.others;
        Ok(found)
    }

    /// Reads `manifest.json` of a directory as skopeo's `dir:` writes it: a manifest or an index.
    pub(super) fn in_directory(lookup: &impl Lookup) -> Result<Self, ImageError> {
        const NAME: &str = "manifest.json";
        let failed = |problem| ImageError::Document { name: NAME.to_owned(), problem };
        let bytes = lookup.document(NAME)?.ok_or_else(|| ImageError::NoManifest(lookup.shape()))?;
        let manifest = Manifest::parse(&bytes).map_err(failed)?;
        let mut walk = Walk { lookup, left: MAX_MANIFESTS, others: Vec::new() };
        let mut variants = Vec::new();
        walk.take(Digest::of(&bytes), Some(true), None, manifest, MAX_DEPTH, &mut HashSet::new(), &mut variants);
        let candidate = Candidate { names: Vec::new(), variants, face: Face::Index };
        let candidates = if candidate.variants.is_empty() { Vec::new() } else { vec![candidate] };
        Ok(Self { candidates, others: walk.others, ..Self::default() })
    }
}

struct Walk<'l, L> {
    lookup: &'l L,
    /// Manifests that may still be followed.
    left: usize,
    others: Vec<String>,
}

impl<L: Lookup> Walk<'_, L> {
    fn follow(&mut self, at: &Descriptor, depth: usize, seen: &mut HashSet<Digest>, out: &mut Vec<Variant>) {
        if at.is_attestation() || depth == 0 || self.left == 0 || !seen.insert(at.digest.clone()) {
            return;
        }
        self.left -= 1;
        let platform = at.platform.clone();
        let parts = match self.lookup.document(&at.digest.blob()) {
            Ok(Some(bytes)) => match Manifest::parse(&bytes) {
                Ok(manifest) => {
                    let holds = at.digest.of_same_kind(&bytes).map(|own| own == at.digest);
                    return self.take(at.digest.clone(), holds, platform, manifest, depth, seen, out);
                }
                Err(problem) => Parts::Broken(at.digest.clone(), problem),
            },
            Ok(None) => Parts::Absent(at.digest.clone()),
            Err(error) => Parts::Broken(at.digest.clone(), error.to_string()),
        };
        out.push(Variant { platform, parts });
    }

    #[allow(clippy::too_many_arguments, reason = "the two ways to a manifest")]
    fn take(
        &mut self,
        digest: Digest,
        holds: Option<bool>,
        platform: Option<super::Platform>,
        manifest: Manifest,
        depth: usize,
        seen: &mut HashSet<Digest>,
        out: &mut Vec<Variant>,
    ) {
        if let Some(children) = &manifest.manifests {
            for child in children {
                self.follow(child, depth - 1, seen, out);
            }
        } else if let Some(other) = artifact(&manifest) {
            self.others.push(other);
        } else {
            out.push(Variant { platform, parts: Parts::Oci { digest, manifest: Box::new(manifest), holds } });
        }
    }
}
