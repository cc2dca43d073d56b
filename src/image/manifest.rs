//! The documents that name an image's parts. Unknown fields are passed over, absent ones are what they default to:
//! writers differ, and a reader that insists reads less.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer};

use super::{Digest, Platform};
use crate::secret::Redacted;

/// OCI image spec, "Image Index"; Docker's manifest list is the same.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) manifests: Vec<Descriptor>,
}

/// OCI image spec, "Content Descriptors".
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: Option<String>,
    pub(super) digest: Digest,
    pub(super) size: Option<u64>,
    pub(super) platform: Option<PlatformFields>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: HashMap<String, String>,
    pub(super) artifact_type: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PlatformFields {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl PlatformFields {
    pub(super) fn platform(&self) -> Option<Platform> {
        let named = !self.os.is_empty() && !self.architecture.is_empty();
        named.then(|| Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        })
    }
}

impl Descriptor {
    pub(super) fn platform(&self) -> Option<Platform> {
        self.platform.as_ref().and_then(PlatformFields::platform)
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

    /// Something beside the images: an attestation, a signature, a chart.
    pub(super) fn is_no_image(&self) -> bool {
        self.platform().is_some_and(|platform| platform.is_unknown())
            || self.annotations.contains_key("vnd.docker.reference.type")
            || self.artifact_type.is_some()
    }
}

/// OCI image spec, "Image Manifest"; or an index, when it has `manifests`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) config: Option<Descriptor>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) layers: Vec<Descriptor>,
    pub(super) manifests: Option<Vec<Descriptor>>,
    pub(super) artifact_type: Option<String>,
    #[serde(default, deserialize_with = "super::config::named")]
    pub(super) annotations: BTreeMap<String, Redacted>,
}

impl Manifest {
    /// A config that is no image's, as artifacts have them.
    pub(super) fn is_no_image(&self) -> bool {
        let config = self.config.as_ref().and_then(|config| config.media_type.as_deref()).unwrap_or("");
        self.artifact_type.is_some()
            || config == "application/vnd.oci.empty.v1+json"
            || config.starts_with("application/vnd.cncf.")
            || self.layers.iter().any(|layer| layer.media_type.as_deref().is_some_and(|kind| kind.contains("in-toto")))
    }
}

/// One image of `docker save`'s manifest.json.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    #[serde(default)]
    pub(super) config: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) layers: Vec<String>,
}

/// `null` where a list or map should be is an empty one.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}
