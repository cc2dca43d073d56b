//! The image that a manifest or index of a registry names. No more documents are fetched than the chosen platform needs.

use std::collections::{BTreeMap, HashSet};

use super::artifact::artifact;
use super::build::{take_history, with_config};
use super::manifest::{Descriptor, Manifest};
use super::resolve::{ImageError, MAX_LAYERS, Request};
use super::{Digest, Image, Layer, Platform};
use crate::source::SourceError;

/// Indexes within indexes that are followed.
const MAX_DEPTH: usize = 4;
/// Descriptors of all indexes together.
const MAX_DESCRIPTORS: usize = 4096;

/// Gives documents by digest, checked.
pub trait Fetch {
    /// A manifest or index.
    ///
    /// # Errors
    /// When it cannot be had.
    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, SourceError>;
    /// A config.
    ///
    /// # Errors
    /// When it cannot be had.
    fn config(&self, digest: &Digest, size: Option<u64>) -> Result<Vec<u8>, SourceError>;
}

/// The blob of a layer, as the manifest describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerBlob {
    /// Bytes.
    pub size: Option<u64>,
    /// Where else it is (a foreign layer).
    pub urls: Vec<String>,
    /// Annotations of its descriptor.
    pub annotations: BTreeMap<String, String>,
}

/// One entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Digest of its manifest.
    pub digest: Digest,
    /// What it runs on; None for what is not an image.
    pub platform: Option<Platform>,
    /// What it is instead: `attestation`, or its artifact type.
    pub other: Option<String>,
}

/// An image of a registry, beside the blobs of its layers, and what else its index offers.
#[derive(Debug)]
pub struct RemoteImage {
    /// The image.
    pub image: Image,
    /// Beside [`Image::layers`].
    pub blobs: Vec<LayerBlob>,
    /// Entries of the index; empty without one.
    pub offered: Vec<Offered>,
}

fn is_index(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|kind| kind.contains("image.index") || kind.contains("manifest.list"))
}

fn parse(name: &str, bytes: &[u8]) -> Result<Manifest, ImageError> {
    Manifest::parse(bytes).map_err(|problem| ImageError::Document { name: name.to_owned(), problem })
}

/// Lists what an index offers, indexes within it followed.
fn offered(
    fetch: &impl Fetch,
    descriptors: &[Descriptor],
    depth: usize,
    seen: &mut HashSet<Digest>,
    out: &mut Vec<Offered>,
) -> Result<(), ImageError> {
    for descriptor in descriptors {
        if out.len() >= MAX_DESCRIPTORS || !seen.insert(descriptor.digest.clone()) {
            continue;
        }
        let digest = descriptor.digest.clone();
        if is_index(descriptor.media_type.as_deref()) {
            if depth > 0 {
                let name = format!("the index {digest}");
                let inner = parse(&name, &fetch.manifest(&digest)?)?;
                offered(fetch, inner.manifests.as_deref().unwrap_or_default(), depth - 1, seen, out)?;
            }
            continue;
        }
        let other = descriptor.is_attestation().then(|| "attestation".to_owned());
        out.push(Offered { digest, platform: descriptor.platform.clone().filter(|_| other.is_none()), other });
    }
    Ok(())
}

fn choose(all: &[Offered], wanted: Option<&Platform>) -> Result<(Digest, Option<String>), ImageError> {
    let images: Vec<&Offered> = all.iter().filter(|one| one.other.is_none()).collect();
    let machine = Platform::machine();
    let asked = wanted.unwrap_or(&machine);
    let name = |one: &Offered| one.platform.as_ref().map_or_else(|| "no platform".to_owned(), ToString::to_string);
    let rows = || images.iter().map(|one| format!("{}  {}", name(one), one.digest)).collect::<Vec<_>>();
    let best = images
        .iter()
        .filter_map(|one| Some((one.platform.as_ref()?.fit(asked)?, *one)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, one)| one);
    let chosen = match best {
        Some(one) => one,
        // What names no platform cannot be held to one; a single image is what is meant.
        None => match images.iter().find(|one| one.platform.is_none()) {
            Some(one) => one,
            None if wanted.is_none() && images.len() == 1 => images[0],
            None if images.is_empty() => {
                let kinds: Vec<&str> = all.iter().filter_map(|one| one.other.as_deref()).collect();
                let what = if kinds.is_empty() {
                    "an empty index".to_owned()
                } else {
                    format!("an index of {}", kinds.join(", "))
                };
                return Err(ImageError::NotAnImage(what));
            }
            None => return Err(ImageError::NoPlatform { wanted: asked.clone(), has: rows() }),
        },
    };
    let note = (images.len() > 1 && wanted.is_none()).then(|| {
        let has: Vec<String> = images.iter().map(|one| name(one)).collect();
        format!("shown for {}; the image has {}", name(chosen), has.join(", "))
    });
    Ok((chosen.digest.clone(), note))
}

/// What a manifest is that is not an image's, and what it has; None for an image's.
fn other_kind(manifest: &Manifest) -> Option<String> {
    let kind = artifact(manifest)?;
    let part = |layer: &Descriptor| {
        let kind = layer.media_type.as_deref().unwrap_or("no media type");
        let size = layer.size.map(|size| format!(", {size} bytes")).unwrap_or_default();
        format!("\n  {}  {}{size}", layer.digest, crate::bytes::shown_text(kind))
    };
    let parts: Vec<String> = manifest.layers.iter().take(20).map(part).collect();
    Some(if parts.is_empty() { kind } else { format!("{kind}; it has:{}", parts.concat()) })
}

/// Finds the image that `request` asks for below the manifest or index `top`, whose bytes were checked against its digest.
/// `by_digest` is true when the user named that digest.
///
/// # Errors
/// When it is not an image, has no image for the platform, or a document cannot be had.
pub fn resolve_remote(
    fetch: &impl Fetch,
    top: (&Digest, &[u8]),
    by_digest: bool,
    request: &Request,
) -> Result<RemoteImage, ImageError> {
    let mut digest = top.0.clone();
    let mut manifest = parse(&format!("the manifest {digest}"), top.1)?;
    let mut all = Vec::new();
    let mut note = None;
    // What the index says of the image that was chosen.
    let mut entry = None;
    let wanted = request.platform.as_ref();
    if let Some(children) = manifest.manifests.take() {
        offered(fetch, &children, MAX_DEPTH, &mut HashSet::new(), &mut all)?;
        (digest, note) = choose(&all, wanted)?;
        entry = all.iter().find(|one| one.digest == digest).and_then(|one| one.platform.clone());
        manifest = parse(&format!("the manifest {digest}"), &fetch.manifest(&digest)?)?;
    }
    if let Some(kind) = other_kind(&manifest) {
        return Err(ImageError::NotAnImage(kind));
    }
    let config =
        manifest.config.as_ref().ok_or_else(|| ImageError::NotAnImage("a manifest without a config".to_owned()))?;
    let layers: Vec<Layer> = manifest
        .layers
        .iter()
        .map(|layer| Layer {
            digest: Some(layer.digest.clone()),
            media_type: layer.media_type.clone(),
            size: layer.size,
            ..Layer::in_member(layer.digest.blob())
        })
        .collect();
    if layers.len() > MAX_LAYERS {
        return Err(ImageError::TooManyLayers(layers.len()));
    }
    let bytes = match config.embedded() {
        Some(bytes) => bytes,
        None => fetch.config(&config.digest, config.size)?,
    };
    let mut image = with_config("registry", Some(&config.digest), &bytes, layers)?;
    image.verified += 1 + usize::from(!all.is_empty());
    image.digest = Some(digest);
    image.annotations.clone_from(&manifest.annotations);
    image.notes.extend(manifest.notes.iter().map(|note| format!("manifest: {note}")));
    take_history(&mut image);
    image.notes.extend(note);
    let own = image.platform.clone();
    if own.architecture != "unknown" && !by_digest {
        match (wanted, &entry) {
            (_, Some(entry)) if !own.agrees_with(entry) => {
                image.warnings.push(format!("the index says that the image is for {entry}, its config says {own}"));
            }
            (Some(wanted), None) if own.fit(wanted).is_none() => {
                return Err(ImageError::NoPlatform { wanted: wanted.clone(), has: vec![own.to_string()] });
            }
            (None, _) if own.fit(&Platform::machine()).is_none() => {
                image.notes.push(format!("the image is for {own}, and there is no other"));
            }
            _ => {}
        }
    }
    let blobs = manifest
        .layers
        .into_iter()
        .map(|layer| LayerBlob {
            size: layer.size,
            urls: layer.urls,
            annotations: layer.annotations.into_iter().collect(),
        })
        .collect();
    Ok(RemoteImage { image, blobs, offered: all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_variant_is_chosen() {
        let offered = |platforms: &[&str]| -> Vec<Offered> {
            platforms
                .iter()
                .enumerate()
                .map(|(at, platform)| Offered {
                    digest: Digest::of(&[at as u8]),
                    platform: Platform::parse(platform),
                    other: None,
                })
                .collect()
        };
        for (has, wanted, chosen) in [
            (&["linux/arm/v6", "linux/arm/v7"][..], "linux/arm/v7", Some(1)),
            (&["linux/arm/v5", "linux/arm/v6", "linux/amd64"], "linux/arm/v7", Some(1)),
            (&["linux/arm/v7"], "linux/arm/v6", None),
            (&["linux/arm/v6", "linux/arm/v7"], "linux/arm", Some(1)),
            (&["linux/amd64/v3", "linux/amd64"], "linux/amd64", Some(1)),
            (&["linux/amd64", "linux/arm64/v8"], "linux/arm64", Some(1)),
            (&["linux/amd64"], "windows/amd64", None),
        ] {
            let all = offered(has);
            let got = choose(&all, Platform::parse(wanted).as_ref()).ok().map(|(digest, _)| digest);
            assert_eq!(got, chosen.map(|at: usize| all[at].digest.clone()), "{has:?} for {wanted}");
        }
    }
}
