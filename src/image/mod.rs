//! Which members make an image: index, manifest, config, history.
//!
//! Owns the formats of `docker save` (manifest.json, and the older `repositories`) and of OCI (index, manifest, config),
//! the choice between several images and platforms, and which history row made which layer.
//! Leaves to `source` where members come from, and to `layer` what is in the layers.

mod artifact;
mod build;
mod candidate;
mod choose;
mod config;
mod docker_archive;
mod engine;
mod history;
mod json;
mod legacy;
mod manifest;
mod oci;
mod platform;
mod provenance;
mod remote;
mod resolve;

use std::collections::BTreeMap;

use crate::secret::Redacted;

pub use artifact::unreadable_layer;
pub use build::tags as short_names;
pub use candidate::Choice;
pub use config::{Config, Run};
pub use engine::{EngineChoice, choose_platform, from_documents, from_facts, name_by_diff_id};
pub use history::HistoryRow;
pub use platform::Platform;
pub use remote::{Fetch, LayerBlob, Offered, RemoteImage, resolve_remote};
pub use resolve::{ImageError, Lookup, PlaceKind, Request, resolve};

pub use crate::source::Digest;

/// An image, as its documents describe it. Nothing in its layers was read.
#[derive(Debug, Clone)]
pub struct Image {
    /// `docker-archive`, `oci-archive`, `oci-layout`, `dir`, `docker`, `podman` or `registry`.
    pub source: &'static str,
    /// Digest of the config, computed from its bytes.
    pub id: Digest,
    /// The id by which an engine knows the image. With Docker's containerd store it is the digest of an index or a manifest.
    pub engine_id: Option<String>,
    /// Digest of the manifest, where the format has one.
    pub digest: Option<Digest>,
    /// Names that the archive gives it.
    pub tags: Vec<String>,
    /// What it runs on.
    pub platform: Platform,
    /// All platforms that are there, where the archive or layout has several.
    pub platforms: Vec<Platform>,
    /// The config, its known fields.
    pub config: Config,
    /// All history rows, empty ones too.
    pub history: Vec<HistoryRow>,
    /// The layers, the base first.
    pub layers: Vec<Layer>,
    /// Oddities met in the documents.
    pub notes: Vec<String>,
    /// What makes the image doubtful although all of it was read: an engine that contradicts its config. The gate repeats them.
    pub warnings: Vec<String>,
    /// Documents whose digest was claimed and is another: "config sha256:…: …".
    pub problems: Vec<String>,
    /// What kept the archive from being read to its end; what comes after is missing.
    pub damage: Option<String>,
    /// How many claimed digests of documents were computed and hold.
    pub verified: usize,
    /// Other images of the same place; one of them may be the base.
    pub relatives: Vec<Relative>,
    /// Where in the Dockerfile layers were made, by the digest of the blob, where the builder recorded it.
    pub built_at: BTreeMap<String, BuiltAt>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, Redacted>,
}

/// Lines of a Dockerfile, from 1, both ends among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltAt {
    /// The file's name.
    pub file: String,
    /// The first line.
    pub line: usize,
    /// The last.
    pub end_line: usize,
}

/// Another image, as far as it takes to tell whether this one is built on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relative {
    /// Its names.
    pub names: Vec<String>,
    /// Digest of its manifest.
    pub digest: Option<Digest>,
    /// Digests of its uncompressed layers, the base first.
    pub diff_ids: Vec<Option<Digest>>,
    /// An engine knows it by the digest of a registry.
    pub is_pulled: bool,
}

/// A layer, as manifest and config describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the uncompressed tar, as the config claims it.
    pub diff_id: Option<Digest>,
    /// Digest of the blob, as the manifest claims it.
    pub digest: Option<Digest>,
    /// As the manifest claims it; it may lie.
    pub media_type: Option<String>,
    /// Size of the blob as the manifest claims it, bytes.
    pub size: Option<u64>,
    /// Content of the layer as a daemon says, bytes; what is in it is not known by that.
    pub told_bytes: Option<u64>,
    /// Name of the member that holds the blob.
    pub member: String,
    /// The history row that made it, an index into [`Image::history`].
    pub history: Option<usize>,
}

impl Layer {
    /// A layer of which only the member that holds its blob is known.
    pub fn in_member(member: String) -> Self {
        Self { member, diff_id: None, digest: None, media_type: None, size: None, told_bytes: None, history: None }
    }

    /// What to call it in messages: its digest, else the member's name.
    pub fn label(&self) -> &str {
        self.digest.as_ref().or(self.diff_id.as_ref()).map_or(&self.member, Digest::as_str)
    }
}

/// An instruction on one line: a mark stands where a line of a here-document ends.
pub fn one_line(instruction: &str) -> String {
    instruction.split('\n').map(str::trim).collect::<Vec<_>>().join(" \u{21b5} ")
}

impl Image {
    /// The history row of a layer.
    pub fn row(&self, layer: usize) -> Option<&HistoryRow> {
        self.layers.get(layer)?.history.and_then(|row| self.history.get(row))
    }

    /// The instruction that made a layer, as its author wrote it, with all its lines; None without history.
    pub fn instruction(&self, layer: usize) -> Option<String> {
        self.row(layer).and_then(HistoryRow::instruction)
    }

    /// The same on one line, for lists where people choose between layers: the comment of the history row where the instruction
    /// is missing, as Nix writes it, and both where other layers have the same instruction and only comments tell them apart,
    /// as with Bazel, jib and ko.
    pub fn instruction_line(&self, layer: usize) -> Option<String> {
        let own = self.row(layer)?;
        let comment = own.comment.as_ref().filter(|comment| !comment.is_empty());
        let Some(instruction) = own.instruction().filter(|text| !text.is_empty()) else {
            return comment.map(|comment| one_line(comment));
        };
        let twin = |row: &HistoryRow| row.created_by == own.created_by && row.comment.as_ref() != comment;
        let told = comment.filter(|_| (0..self.layers.len()).filter_map(|other| self.row(other)).any(twin));
        Some(match told {
            Some(comment) => format!("{} ({})", one_line(&instruction), one_line(comment)),
            None => one_line(&instruction),
        })
    }
}
