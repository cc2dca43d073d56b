//! The documents that name an image's parts. Unknown fields are ignored, absent ones are what they default to: writers
//! differ, and a reader that insists reads less.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer};

use super::config::named;
use super::json::{Document, Object};
use super::{Digest, Platform};
use crate::secret::Redacted;

/// OCI image spec, "Image Index"; Docker's manifest list is the same.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
    pub(super) notes: Vec<String>,
}

/// OCI image spec, "Content Descriptors".
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    pub(super) media_type: Option<String>,
    pub(super) digest: Digest,
    /// Bytes.
    pub(super) size: Option<u64>,
    pub(super) platform: Option<Platform>,
    pub(super) annotations: HashMap<String, String>,
    /// Where else it is (a foreign layer).
    pub(super) urls: Vec<String>,
    data: Option<String>,
}

/// OCI image spec, "Image Manifest"; or an index, if it has `manifests`.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    /// Docker's schema 1 has `fsLayers` in place of all else.
    pub(super) schema_1: bool,
    pub(super) config: Option<Descriptor>,
    pub(super) layers: Vec<Descriptor>,
    pub(super) manifests: Option<Vec<Descriptor>>,
    pub(super) artifact_type: Option<String>,
    pub(super) annotations: BTreeMap<String, Redacted>,
    pub(super) notes: Vec<String>,
}

/// One image of `docker save`'s manifest.json.
#[derive(Debug, Clone)]
pub(super) struct SavedImage {
    pub(super) config: String,
    pub(super) repo_tags: Vec<String>,
    pub(super) layers: Vec<String>,
}

impl Index {
    /// Reads an index. A row whose digest is malformed is dropped with a note.
    ///
    /// # Errors
    /// If it is not a JSON object.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document = Document::parse(bytes)?;
        let mut notes = Vec::new();
        let manifests = rows(&document.object()?, &mut notes).unwrap_or_default();
        notes.extend(document.into_notes());
        Ok(Self { manifests, notes })
    }
}

fn rows(object: &Object<'_>, notes: &mut Vec<String>) -> Option<Vec<Descriptor>> {
    let rows = object.children("manifests")?;
    let row = |row: &Object<'_>| match Descriptor::read(row) {
        Ok(descriptor) => Some(descriptor),
        Err(error) => {
            notes.push(format!("a manifest that it names is ignored: {error}"));
            None
        }
    };
    Some(rows.iter().filter_map(row).collect())
}

impl Descriptor {
    fn read(object: &Object<'_>) -> Result<Self, String> {
        let digest = object.text_or_empty("digest");
        let shown: String = digest.escape_default().take(100).collect();
        Ok(Self {
            digest: Digest::parse(&digest).ok_or_else(|| format!("`{shown}` is not a digest"))?,
            media_type: object.text("mediaType"),
            size: object.number("size"),
            platform: object.child("platform").and_then(|platform| platform_of(&platform)),
            annotations: object.texts_by_key("annotations").into_iter().collect(),
            urls: object.texts("urls"),
            data: object.text("data"),
        })
    }

    /// Names that writers give an image in an index.
    pub(super) fn names(&self) -> Vec<String> {
        ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
            .iter()
            .filter_map(|key| self.annotations.get(*key))
            .filter(|name| !name.is_empty())
            .cloned()
            .collect()
    }

    /// The bytes that it carries itself, if they are the ones that it describes.
    pub(super) fn embedded(&self) -> Option<Vec<u8>> {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(self.data.as_deref()?).ok()?;
        (self.size == Some(bytes.len() as u64) && self.digest.holds(&bytes)).then_some(bytes)
    }

    /// Returns true for what is marked as an attestation of an image.
    pub(super) fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(Platform::is_unknown)
            || self.annotations.contains_key("vnd.docker.reference.type")
    }
}

fn platform_of(object: &Object<'_>) -> Option<Platform> {
    let (os, architecture) = (object.text_or_empty("os"), object.text_or_empty("architecture"));
    let variant = object.text("variant").filter(|variant| !variant.is_empty());
    (!os.is_empty() && !architecture.is_empty()).then_some(Platform { os, architecture, variant })
}

impl Manifest {
    /// Reads a manifest or an index.
    ///
    /// # Errors
    /// If it is not a JSON object, or the digest of a config or layer is malformed.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document = Document::parse(bytes)?;
        let object = document.object()?;
        let mut notes = Vec::new();
        let manifests = rows(&object, &mut notes);
        let mut layers = Vec::new();
        for (at, layer) in object.children("layers").unwrap_or_default().iter().enumerate() {
            layers.push(Descriptor::read(layer).map_err(|error| format!("layer {at}: {error}"))?);
        }
        let config = object.child("config").map(|config| Descriptor::read(&config)).transpose();
        let manifest = Self {
            schema_1: object.children("fsLayers").is_some(),
            config: config.map_err(|error| format!("config: {error}"))?,
            layers,
            manifests,
            artifact_type: object.text("artifactType"),
            annotations: named(object.texts_by_key("annotations")),
            notes: Vec::new(),
        };
        notes.extend(document.into_notes());
        Ok(Self { notes, ..manifest })
    }
}

impl SavedImage {
    /// Reads `manifest.json` of an archive.
    ///
    /// # Errors
    /// If it is not a JSON list.
    pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Self>, String> {
        let document = Document::parse(bytes)?;
        let images = document.objects()?;
        let image = |object: &Object<'_>| Self {
            config: object.text_or_empty("Config"),
            repo_tags: object.texts("RepoTags"),
            layers: object.texts("Layers"),
        };
        Ok(images.iter().map(image).collect())
    }
}

/// `null` where a list or map should be is an empty one.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}
