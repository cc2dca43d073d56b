//! An image out of its documents.

use super::candidate::{Parts, Variant};
use super::history::{align, read_instructions};
use super::manifest::{Manifest, SavedImage};
use super::provenance::built_at;
use super::resolve::{ImageError, Lookup, MAX_LAYERS, missing};
use super::{Config, Digest, Image, Layer, legacy};
use crate::source::normal_name;

/// Reads a variant's documents.
pub(super) fn build(
    lookup: &impl Lookup,
    source: &'static str,
    names: &[String],
    variant: Variant,
) -> Result<Image, ImageError> {
    let mut image = match variant.parts {
        Parts::Oci { digest, manifest, holds } => from_manifest(lookup, source, digest, &manifest, holds)?,
        Parts::Saved(saved) => from_saved(lookup, source, &saved)?,
        Parts::Legacy(id) => legacy::image(lookup, source, &id)?,
        Parts::Absent(digest) => return Err(missing(lookup, "manifest", digest.as_str())),
        Parts::Broken(digest, problem) => {
            return Err(ImageError::Document { name: format!("manifest {digest}"), problem });
        }
    };
    if image.layers.len() > MAX_LAYERS {
        return Err(ImageError::TooManyLayers(image.layers.len()));
    }
    image.tags = tags(names);
    if let Some(platform) = variant.platform
        && image.platform.architecture == "unknown"
    {
        image.platform = platform;
    }
    take_history(&mut image);
    Ok(image)
}

fn from_manifest(
    lookup: &impl Lookup,
    source: &'static str,
    digest: Digest,
    manifest: &Manifest,
    holds: Option<bool>,
) -> Result<Image, ImageError> {
    let claimed = manifest.config.as_ref().map(|config| config.digest.clone());
    let claimed = claimed.ok_or_else(|| missing(lookup, "config", "of the manifest"))?;
    let bytes = lookup.document(&claimed.blob())?.ok_or_else(|| missing(lookup, "config", claimed.as_str()))?;
    let layers = manifest.layers.iter().map(|layer| Layer {
        digest: Some(layer.digest.clone()),
        media_type: layer.media_type.clone(),
        size: layer.size,
        ..Layer::in_member(layer.digest.blob())
    });
    let mut image = with_config(source, Some(&claimed), &bytes, layers.collect())?;
    match holds {
        Some(true) => image.verified += 1,
        Some(false) => image.problems.push(format!("manifest {digest}: its bytes have another digest")),
        None => image.notes.push(format!("manifest {digest}: its algorithm is unknown, so the digest was not checked")),
    }
    image.notes.extend(manifest.notes.iter().map(|note| format!("manifest: {note}")));
    image.built_at = built_at(lookup, &digest);
    image.digest = Some(digest);
    image.annotations.clone_from(&manifest.annotations);
    Ok(image)
}

fn from_saved(lookup: &impl Lookup, source: &'static str, saved: &SavedImage) -> Result<Image, ImageError> {
    let name = normal_name(saved.config.as_bytes());
    let bytes = lookup.document(&name)?.ok_or_else(|| missing(lookup, "config", &saved.config))?;
    let layers = saved.layers.iter().map(|member| Layer::in_member(normal_name(member.as_bytes())));
    with_config(source, claimed_by_name(&saved.config).as_ref(), &bytes, layers.collect())
}

/// The digest that the name of a config claims: `HEX.json`, `blobs/sha256/HEX` and `sha256:HEX` do.
pub(super) fn claimed_by_name(name: &str) -> Option<Digest> {
    let name = normal_name(name.as_bytes());
    let mut parts = name.rsplit('/');
    let last = parts.next().unwrap_or(&name);
    let hex = last.strip_suffix(".json").unwrap_or(last);
    let algorithm = parts.next().filter(|_| name.starts_with("blobs/")).unwrap_or("sha256");
    Digest::parse(hex).or_else(|| Digest::parse(&format!("{algorithm}:{hex}")))
}

/// Takes the history out of the config: its rows go to their layers, and what nobody should see is hidden. To be called once
/// annotations are in the image.
pub(super) fn take_history(image: &mut Image) {
    image.history = std::mem::take(&mut image.config.history);
    let note = align(&mut image.history, &mut image.layers);
    image.notes.extend(note);
    let rows = image.history.iter_mut().flat_map(|row| [&mut row.created_by, &mut row.comment]).flatten();
    image.config.seal(rows.chain(image.annotations.values_mut()));
    read_instructions(&mut image.history);
}

/// Names without their long forms: `docker.io/library/app:1` says the same as `app:1`, and `1` less.
pub fn tags(names: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for name in names {
        let name = name.strip_prefix("docker.io/library/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name);
        let part_of_another =
            !name.contains([':', '/']) && names.iter().any(|other| other.ends_with(&format!(":{name}")));
        if !part_of_another && !tags.iter().any(|tag| tag == name) {
            tags.push(name.to_owned());
        }
    }
    tags
}

/// An image of that config and those layers. `claimed` is the digest that the config should have.
pub(super) fn with_config(
    source: &'static str,
    claimed: Option<&Digest>,
    bytes: &[u8],
    mut layers: Vec<Layer>,
) -> Result<Image, ImageError> {
    let computed = match claimed {
        Some(claimed) => claimed.of_same_kind(bytes),
        None => Some(Digest::of(bytes)),
    };
    let (config, notes) =
        Config::parse(bytes).map_err(|problem| ImageError::Document { name: "the config".to_owned(), problem })?;
    let mut notes: Vec<String> = notes.into_iter().map(|note| format!("config: {note}")).collect();
    let diff_ids = config.diff_ids();
    let mut problems = Vec::new();
    if diff_ids.len() == layers.len() {
        for (layer, diff_id) in layers.iter_mut().zip(diff_ids) {
            layer.diff_id = diff_id;
        }
    } else {
        // No engine loads it, so a verdict on what is here says nothing about what would run.
        problems.push(format!(
            "the number of layers differs: {} in the config, {} in the manifest; the manifest's are shown",
            diff_ids.len(),
            layers.len()
        ));
    }
    let mut verified = 0;
    match (claimed, &computed) {
        (Some(claimed), Some(computed)) if claimed == computed => verified = 1,
        (Some(claimed), Some(computed)) => {
            problems.push(format!("config {claimed}: its bytes have the digest {computed}"));
        }
        (Some(claimed), None) => {
            notes.push(format!("config {claimed}: its algorithm is unknown, so the digest was not checked"));
        }
        (None, _) => {}
    }
    let id = computed.unwrap_or_else(|| Digest::of(bytes));
    Ok(Image { notes, problems, verified, ..bare(source, id, config, layers) })
}

/// An image of which no more is known than its config and layers.
pub(super) fn bare(source: &'static str, id: Digest, config: Config, layers: Vec<Layer>) -> Image {
    Image {
        source,
        id,
        digest: None,
        tags: Vec::new(),
        platform: config.platform(),
        platforms: Vec::new(),
        config,
        history: Vec::new(),
        layers,
        notes: Vec::new(),
        warnings: Vec::new(),
        engine_id: None,
        problems: Vec::new(),
        damage: None,
        verified: 0,
        relatives: Vec::new(),
        built_at: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_each_name_once() {
        let names = ["docker.io/library/app:1", "1", "app:1", "reg.io/app:1"].map(String::from).to_vec();
        assert_eq!(tags(&names), ["app:1", "reg.io/app:1"]);
    }
}
