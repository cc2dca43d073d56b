use rustc_hash::FxHashMap;

use super::Evidence;
use super::findings::Finding;
use super::live::live_files;
use super::rules::{Level, Rules};
use crate::tree::{EventKind, EventRef, NodeId, Tree};

/// Something that costs, and is part of no total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `zero-filled`, `header-overhead`, `empty-layer`, `no-op-layer`, `many-layers`, `repeated-cache`,
    /// `weak-compression`, `incompressible`.
    pub id: &'static str,
    /// The layer that it is about; None for the image.
    pub layer: Option<usize>,
    /// The path that it is about.
    pub path: Option<NodeId>,
    /// What it costs, where that is a number of bytes.
    pub bytes: Option<u64>,
    /// In words, for what has no path and bytes of its own.
    pub message: String,
}

/// The least that is worth a word.
const ZEROS: u64 = 1_000_000;

/// Whether a file is large enough to ask how much of it is zeros.
pub fn may_be_zeros(tree: &Tree) -> Vec<EventRef> {
    live_files(tree).filter(|file| tree.event_at(*file).size >= ZEROS).collect()
}

/// Whether so many zeros in a file are worth a word.
pub(super) fn worth(zeros: u64, size: u64) -> bool {
    zeros >= ZEROS && zeros >= size / 2
}

/// What is known of a layer as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct StoredLayer {
    /// Bytes of the uncompressed tar.
    pub tar_bytes: u64,
    /// Bytes compressed: as stored, else as estimated.
    pub pull_bytes: Option<u64>,
    /// About what it would take compressed by zstd, where that was measured.
    pub zstd_bytes: Option<u64>,
    /// The manifest says that the blob is a plain tar, and it is: registries send it as it is.
    pub sent_plain: bool,
}

/// What compression could save, or can't.
pub fn compression_notices(layers: &[StoredLayer]) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let Some(pull) = layer.pull_bytes.filter(|_| layer.tar_bytes >= 1_000_000) else { continue };
        let saving = layer.tar_bytes.saturating_sub(pull);
        let own = |id, bytes, message: &str| Notice {
            id,
            layer: Some(index),
            path: None,
            bytes,
            message: message.to_owned(),
        };
        if layer.sent_plain && saving >= 10_000_000 && saving >= layer.tar_bytes / 10 {
            let message = "stored without compression: gzip would save about so much of what is pulled";
            notices.push(own("weak-compression", Some(saving), message));
        } else if let Some(saving) = layer.zstd_bytes.and_then(|zstd| pull.checked_sub(zstd))
            && saving >= 10_000_000
            && saving >= pull / 10
        {
            let message = "zstd (level 12) would save about so much of what is pulled, going by samples of the layer";
            notices.push(own("weak-compression", Some(saving), message));
        } else if pull as f64 > layer.tar_bytes as f64 * 0.95 {
            notices.push(own("incompressible", None, "does not get smaller by compression; zstd will not help"));
        }
    }
    notices
}

pub(super) fn notices(
    tree: &Tree,
    rules: &Rules,
    tar_bytes: &[u64],
    evidence: &Evidence,
    findings: &[Finding],
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (file, zeros) in &evidence.zeros {
        let event = tree.event_at(*file);
        if worth(*zeros, event.size) && !event.is_dead() {
            notices.push(Notice {
                id: "zero-filled",
                layer: Some(file.layer.into()),
                path: Some(event.node),
                bytes: Some(*zeros),
                message: "blocks of zeros: a layer stores the holes of a sparse file".to_owned(),
            });
        }
    }
    for (index, (layer, tar)) in tree.layers.iter().zip(tar_bytes).enumerate() {
        let own =
            |id, message: &str| Notice { id, layer: Some(index), path: None, bytes: None, message: message.to_owned() };
        let overhead = tar.saturating_sub(layer.content_bytes);
        if overhead >= 10_000_000 && overhead >= tar / 10 {
            let entries = layer.listed;
            let message = format!("headers and padding of {entries} entries: fewer, larger files cost less");
            notices.push(Notice { bytes: Some(overhead), ..own("header-overhead", &message) });
        }
        let says_nothing = layer.events.is_empty() && layer.removed.is_empty();
        // A layer that could not be read is not an empty one.
        if *tar > 0 && says_nothing && layer.listed == 0 {
            notices.push(own("empty-layer", "has no entries; it costs a round trip when pulled"));
        } else if *tar > 0
            && layer.added + layer.modified == 0
            && layer.removed.is_empty()
            && layer.events.iter().all(|event| event.kind() == EventKind::Directory)
        {
            notices.push(own("no-op-layer", "changes nothing"));
        }
    }
    let small = tree.layers.iter().filter(|layer| layer.content_bytes < 10_000).count();
    let layers = tree.layers.len();
    if layers > 100 || small > 20 {
        let message = if layers > 100 {
            format!("{layers} layers; Docker refuses more than 125")
        } else {
            format!("{small} of {layers} layers hold less than 10 kB each: join their instructions")
        };
        notices.push(Notice { id: "many-layers", layer: None, path: None, bytes: None, message });
    }
    let mut caches: FxHashMap<&str, (Vec<u16>, u64)> = FxHashMap::default();
    // Steps of the base image cannot be joined.
    for finding in findings.iter().filter(|finding| finding.kind.counts() && !finding.in_base) {
        // What install steps rewrite is not a cache.
        let is_label = |rule: &&str| rules.get(rule).is_some_and(|rule| rule.level == Level::Label);
        let Some(rule) = finding.rule.as_deref().filter(|rule| !is_label(rule)) else { continue };
        let (layers, bytes) = caches.entry(rule).or_default();
        layers.push(finding.stored_in);
        *bytes += finding.bytes;
    }
    let mut repeated: Vec<Notice> = caches
        .into_iter()
        .filter_map(|(rule, (mut layers, bytes))| {
            layers.sort_unstable();
            layers.dedup();
            let several = layers.len() > 1;
            let places = layers.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            several.then(|| Notice {
                id: "repeated-cache",
                layer: None,
                path: None,
                bytes: Some(bytes),
                message: format!("{rule} is in layers {places}: join those steps, or mount a cache in each"),
            })
        })
        .collect();
    repeated.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.message.cmp(&b.message)));
    notices.append(&mut repeated);
    notices
}
