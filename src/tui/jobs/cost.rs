//! What a path costs over all layers.

use std::sync::atomic::{AtomicBool, Ordering};

use super::worker::Sums;
use crate::tree::{Change, EventKind, EventRef, NodeId, Range, Tree};

/// What one layer does to a path and, if that is a directory, below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct LayerCost {
    pub(in crate::tui) layer: u16,
    /// What the layer does to the path itself.
    pub(in crate::tui) change: Change,
    /// What the path is after the layer, or was before the layer removed it.
    pub(in crate::tui) at: Option<EventRef>,
    /// Bytes of content that the layer stores at the path and below.
    pub(in crate::tui) bytes: u64,
    /// Paths that the layer adds, changes and removes, the path itself among them.
    pub(in crate::tui) counts: [u32; 3],
    /// By how many bytes the path grows; negative when it shrinks.
    pub(in crate::tui) growth: i64,
    /// Bytes of content after the layer, and regular files.
    pub(in crate::tui) after: (u64, u64),
}

/// What a path costs over all layers, in bytes of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathCost {
    pub(in crate::tui) node: NodeId,
    /// Whether it is a directory in any layer.
    pub(in crate::tui) folder: bool,
    /// The layers that do something to it, the first on top.
    pub(in crate::tui) layers: Vec<LayerCost>,
    /// Bytes that all layers store.
    pub(in crate::tui) stored: u64,
    /// Bytes that are in the final file system.
    pub(in crate::tui) live: u64,
    /// Regular files in the final file system.
    pub(in crate::tui) files: u64,
}

impl PathCost {
    /// Bytes that are stored and not in the final file system.
    pub(in crate::tui) fn dead(&self) -> u64 {
        self.stored.saturating_sub(self.live)
    }
}

/// Adds up what each layer does to a path. None when `stop` was set meanwhile.
pub(super) fn cost(tree: &Tree, node: NodeId, sums: &Sums, stop: &AtomicBool) -> Option<PathCost> {
    let mut cost = PathCost { node, folder: node == NodeId::ROOT, layers: Vec::new(), stored: 0, live: 0, files: 0 };
    cost.folder |= tree.events_of(node).any(|(_, event)| event.kind() == EventKind::Directory);
    // What is below the path, and the path itself.
    let (mut below, mut files) = (0_i64, 0_i64);
    for layer in 0..tree.layers.len() as u16 {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let range = Range::one(layer);
        let (change, at) = tree.difference(node, range);
        let sum = sums.of(tree, range).sum(node).copied().unwrap_or_default();
        let mut counts = sum.changes;
        let (mut bytes, mut growth) = (sum.bytes, sum.growth);
        let event = at.map(|at| tree.event_at(at));
        if let Some(event) = event.filter(|event| event.kind() != EventKind::Directory) {
            let before = layer.checked_sub(1).and_then(|below| tree.state(node, below));
            let before = before.map_or(0, |before| tree.event_at(before).size as i64);
            match change {
                Change::None => {}
                Change::Removed => growth -= event.size as i64,
                _ => {
                    bytes = bytes.saturating_add(event.size);
                    growth += event.size as i64 - before;
                }
            }
        }
        match change {
            Change::None => {}
            Change::Added => counts[0] += 1,
            Change::Modified | Change::Metadata => counts[1] += 1,
            Change::Removed => counts[2] += 1,
        }
        below += sum.growth;
        files += i64::from(sum.files);
        let own = tree.state(node, layer).map(|at| tree.event_at(at));
        let own = own.filter(|event| event.kind() != EventKind::Directory);
        let is_file = own.is_some_and(|event| matches!(event.kind(), EventKind::File | EventKind::HardLink));
        let own_bytes = own.map_or(0, |event| event.size);
        (cost.live, cost.files) =
            (own_bytes.saturating_add_signed(below), u64::try_from(files).unwrap_or(0) + u64::from(is_file));
        if change == Change::None && counts == [0; 3] {
            continue;
        }
        cost.folder |= sum.changes != [0; 3];
        cost.stored = cost.stored.saturating_add(bytes);
        let after = (cost.live, cost.files);
        cost.layers.push(LayerCost { layer, change, at, bytes, counts, growth, after });
    }
    Some(cost)
}
