//! Images that a place offers.

use std::fmt;

use super::manifest::{Manifest, SavedImage};
use super::{Digest, Platform};
use crate::bytes::human;

/// One image of a place, for one or more platforms.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) names: Vec<String>,
    pub(super) variants: Vec<Variant>,
    pub(super) face: Face,
}

/// Which document of an archive names an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    /// `index.json` of OCI.
    Index,
    /// `manifest.json` of `docker save`.
    Saved,
    /// Both, and they agree.
    Both,
    /// `repositories` of Docker before 1.10.
    Legacy,
}

/// An image for one platform.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) platform: Option<Platform>,
    pub(super) parts: Parts,
}

/// Where a variant's config and layers are named.
#[derive(Debug, Clone)]
pub(super) enum Parts {
    /// In a manifest of this digest; `holds` is whether its bytes have it, if that can be computed.
    Oci { digest: Digest, manifest: Box<Manifest>, holds: Option<bool> },
    /// In `manifest.json`.
    Saved(SavedImage),
    /// In the chain of `json` files that begins with this layer.
    Legacy(String),
    /// In a manifest that an index names and that is not in the archive.
    Absent(Digest),
    /// In a manifest that cannot be understood, and why.
    Broken(Digest, String),
}

impl Candidate {
    /// Returns true if any variant's documents are there.
    pub(super) fn is_readable(&self) -> bool {
        self.variants.iter().any(Variant::is_there)
    }
}

impl Variant {
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.parts, Parts::Absent(_) | Parts::Broken(..))
    }
}

impl Parts {
    /// The member that is the config.
    pub(super) fn config_name(&self) -> Option<String> {
        match self {
            Self::Oci { manifest, .. } => Some(manifest.config.as_ref()?.digest.blob()),
            Self::Saved(saved) => Some(saved.config.clone()),
            Self::Legacy(_) | Self::Absent(_) | Self::Broken(..) => None,
        }
    }
}

/// An image that can be chosen, as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the archive, as `@NUMBER` names it.
    pub number: usize,
    /// Its names; empty if it has none.
    pub names: Vec<String>,
    /// Digest of its manifest or, where there is none, of its config.
    pub digest: Option<Digest>,
    /// Its platforms.
    pub platforms: Vec<Platform>,
    /// Bytes of its layers as stored, where the manifest says so.
    pub bytes: Option<u64>,
    /// The document that names it, where another names different images.
    pub named_by: Option<&'static str>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = if self.names.is_empty() { "(no name)".to_owned() } else { self.names.join(", ") };
        write!(f, "@{}  {names}", self.number)?;
        if let Some(digest) = &self.digest {
            write!(f, "  {}", digest.short())?;
        }
        if !self.platforms.is_empty() {
            let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
            write!(f, "  {}", platforms.join(", "))?;
        }
        if let Some(bytes) = self.bytes {
            write!(f, "  {}", human(bytes))?;
        }
        self.named_by.map_or(Ok(()), |document| write!(f, "  (named by {document} alone)"))
    }
}
