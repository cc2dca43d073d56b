//! The base image that an image names in its annotations: its documents alone are fetched, to know which layers are its own.

use super::registry::Below;
use crate::image::{Image, Platform, Relative, Request, resolve_remote};
use crate::source::registry::{Document, RegistryError, Repository};
use crate::source::{Digest, Reference};

/// The keys of the OCI image specification, "Annotations".
const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

/// Fetches the manifest and config of the base image that `image` names, where it names one by name and digest. Also says
/// whether the tag has moved to another image since, or why the base image cannot be had.
pub(super) fn named_base(image: &Image, repository: &Repository) -> (Option<Relative>, Option<String>) {
    let stated = |key: &str| image.annotations.get(key).map(|value| value.as_str().to_owned());
    let (Some(name), Some(digest)) = (stated(NAME), stated(DIGEST).as_deref().and_then(Digest::parse)) else {
        return (None, None);
    };
    let Ok(reference) = Reference::parse(&name) else { return (None, None) };
    let shown = reference.familiar();
    let opened = Repository::of(repository, &reference).and_then(|base| {
        let top = base.manifest(&digest)?;
        Ok((base, top))
    });
    let (base, top) = match opened {
        Ok(opened) => opened,
        Err(error) => return (None, Some(format!("its base image {shown} cannot be read: {error}"))),
    };
    let moved = reference.tag().and_then(|tag| moved(&base, tag, &digest, &shown).transpose());
    let moved =
        moved.map(|moved| moved.unwrap_or_else(|error| format!("its base image {shown} cannot be asked for: {error}")));
    match diff_ids(&base, &top, &image.platform) {
        Ok(diff_ids) => {
            let relative = Relative { names: vec![name], digest: Some(digest), diff_ids, ..Relative::default() };
            (Some(relative), moved)
        }
        Err(why) => (None, Some(format!("its base image {shown} cannot be read: {why}"))),
    }
}

fn diff_ids(base: &Repository, top: &Document, platform: &Platform) -> Result<Vec<Option<Digest>>, String> {
    let request = Request { platform: Some(platform.clone()), ..Request::default() };
    let found = resolve_remote(&Below(base), (&top.digest, &top.bytes), false, &request);
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.image.layers.into_iter().map(|layer| layer.diff_id).collect())
}

/// What to say when the tag is another image by now.
fn moved(base: &Repository, tag: &str, digest: &Digest, shown: &str) -> Result<Option<String>, RegistryError> {
    let now = base.digest_of(tag)?;
    Ok(now.filter(|now| now != digest).map(|now| {
        format!(
            "there is a newer {shown} than the base image of this one ({}, now {}): build it again",
            digest.short(),
            now.short()
        )
    }))
}
