//! Where in a Dockerfile each layer comes from, as `BuildKit` records it (SLSA provenance with `mode=max`, which it adds to an
//! index as an attestation; <https://docs.docker.com/build/metadata/attestations/attestation-storage/>).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::manifest::{Index, Manifest, or_default};
use super::resolve::Lookup;
use super::{BuiltAt, Digest};

/// Attestations that are looked at, and indexes within indexes.
const MOST: usize = 16;
const MAX_DEPTH: usize = 4;

/// `predicate.metadata` of version 0.2, `predicate.runDetails.metadata.buildkit_metadata` of version 1.
#[derive(Debug, Default, Deserialize)]
struct BuildkitMetadata {
    #[serde(default, deserialize_with = "or_default")]
    source: Source,
    /// By step (`step3:0`): for each result the layers of which it is made, its own the last.
    #[serde(default, deserialize_with = "or_default")]
    layers: BTreeMap<String, Vec<Vec<LayerOfStep>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Source {
    #[serde(default, deserialize_with = "or_default")]
    locations: BTreeMap<String, Locations>,
    #[serde(default, deserialize_with = "or_default")]
    infos: Vec<Info>,
}

#[derive(Debug, Default, Deserialize)]
struct Info {
    #[serde(default, deserialize_with = "or_default")]
    filename: String,
}

#[derive(Debug, Default, Deserialize)]
struct Locations {
    #[serde(default, deserialize_with = "or_default")]
    locations: Vec<Location>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(default, deserialize_with = "or_default")]
    source_index: usize,
    #[serde(default, deserialize_with = "or_default")]
    ranges: Vec<Stretch>,
}

#[derive(Debug, Default, Deserialize)]
struct Stretch {
    #[serde(default, deserialize_with = "or_default")]
    start: Position,
    #[serde(default, deserialize_with = "or_default")]
    end: Position,
}

#[derive(Debug, Default, Deserialize)]
struct Position {
    #[serde(default, deserialize_with = "or_default")]
    line: usize,
}

#[derive(Debug, Deserialize)]
struct LayerOfStep {
    digest: Digest,
}

/// By the digest of a layer's blob: the lines of the instruction that made it. Empty where nothing says so.
pub(super) fn built_at(lookup: &impl Lookup, manifest: &Digest) -> BTreeMap<String, BuiltAt> {
    let index = lookup.document("index.json").ok().flatten();
    let Some(index) = index.and_then(|bytes| Index::parse(&bytes).ok()) else {
        return BTreeMap::new();
    };
    let mut found = Vec::new();
    attestations(lookup, &index, manifest, MAX_DEPTH, &mut found);
    for attestation in found {
        let Some(document) = read(lookup, &attestation).and_then(|bytes| Manifest::parse(&bytes).ok()) else {
            continue;
        };
        let statements = document.layers.iter().filter(|layer| {
            layer.media_type.as_deref() == Some("application/vnd.in-toto+json")
                && layer
                    .annotations
                    .get("in-toto.io/predicate-type")
                    .is_none_or(|kind| kind.starts_with("https://slsa.dev/provenance/"))
        });
        for statement in statements {
            let statement = read(lookup, &statement.digest);
            let statement = statement.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            let places = statement.map(|statement| places(&statement)).unwrap_or_default();
            if !places.is_empty() {
                return places;
            }
        }
    }
    BTreeMap::new()
}

fn read(lookup: &impl Lookup, digest: &Digest) -> Option<Vec<u8>> {
    let bytes = lookup.document(&digest.blob()).ok()??;
    // What is said under a digest counts only when it has it.
    (digest.of_same_kind(&bytes).as_ref() == Some(digest)).then_some(bytes)
}

fn attestations(lookup: &impl Lookup, index: &Index, image: &Digest, depth: usize, found: &mut Vec<Digest>) {
    for row in &index.manifests {
        if found.len() >= MOST {
            return;
        }
        let of = row.annotations.get("vnd.docker.reference.digest");
        let kind = row.annotations.get("vnd.docker.reference.type").map(String::as_str);
        if kind == Some("attestation-manifest") {
            if of.is_some_and(|of| of == image.as_str()) {
                found.push(row.digest.clone());
            }
        } else if depth > 0
            && row.media_type.as_deref().is_some_and(|kind| kind.contains("index") || kind.contains("manifest.list"))
            && let Some(inner) = read(lookup, &row.digest).and_then(|bytes| Index::parse(&bytes).ok())
        {
            attestations(lookup, &inner, image, depth - 1, found);
        }
    }
}

fn places(statement: &Value) -> BTreeMap<String, BuiltAt> {
    let predicate = &statement["predicate"];
    let metadata = [
        &predicate["metadata"]["https://mobyproject.org/buildkit@v1#metadata"],
        &predicate["runDetails"]["metadata"]["buildkit_metadata"],
        &predicate["runDetails"]["metadata"]["https://mobyproject.org/buildkit@v1#metadata"],
    ];
    let Some(metadata) = metadata.into_iter().find(|metadata| metadata.is_object()) else { return BTreeMap::new() };
    let Ok(BuildkitMetadata { source, layers }) = BuildkitMetadata::deserialize(metadata) else {
        return BTreeMap::new();
    };
    let mut all: BTreeMap<String, (usize, BuiltAt)> = BTreeMap::new();
    for (result, chains) in &layers {
        let step = result.split(':').next().unwrap_or_default();
        let Some(location) = source.locations.get(step).and_then(|all| all.locations.first()) else { continue };
        let lines = location.ranges.iter().map(|range| (range.start.line, range.end.line.max(range.start.line)));
        let (Some(line), Some(end_line)) = (lines.clone().map(|line| line.0).min(), lines.map(|line| line.1).max())
        else {
            continue;
        };
        let file = source.infos.get(location.source_index).map(|info| info.filename.clone()).unwrap_or_default();
        let file = if file.is_empty() { "Dockerfile".to_owned() } else { file };
        for chain in chains.iter().filter(|_| line > 0) {
            let Some(own) = chain.last() else { continue };
            let at = (chain.len(), BuiltAt { file: file.clone(), line, end_line });
            // A later step that makes no layer of its own ends in the same one.
            let first = all.entry(own.digest.as_str().to_owned()).or_insert_with(|| at.clone());
            if at.1.line < first.1.line {
                *first = at;
            }
        }
    }
    all.into_iter().map(|(digest, (_, at))| (digest, at)).collect()
}
