//! What the bytes of the final file system are made of, by path.

use rustc_hash::FxHashMap;

use crate::inspect::Inspection;
use crate::tree::{Event, NodeId};
use crate::tui::map::Shares;
use crate::waste::Kind;

/// Adds up, for each path and all directories above it, the bytes of the base image and those that are left over.
pub(super) fn of(found: &Inspection) -> FxHashMap<NodeId, Shares> {
    let (tree, waste) = (&found.tree, &found.waste);
    let mut shares: FxHashMap<NodeId, Shares> = FxHashMap::default();
    for layer in tree.layers.iter().take(waste.base.layers) {
        let live = layer.events.iter().filter(|event| event.until == Event::HOLDS && event.size > 0);
        for event in live {
            shares.entry(event.node).or_default().base += event.size;
        }
    }
    for charge in waste.charges.iter().filter(|charge| matches!(charge.kind, Kind::Cruft | Kind::Masked)) {
        let event = tree.event_at(charge.file);
        shares.entry(event.node).or_default().left_over += event.size;
    }
    // A directory stands before what it holds in the arena.
    let mut nodes: Vec<NodeId> = shares.keys().copied().collect();
    let mut next = 0;
    while let Some(node) = nodes.get(next) {
        next += 1;
        if let Some(parent) = tree.paths.parent(*node)
            && !shares.contains_key(&parent)
        {
            shares.insert(parent, Shares::default());
            nodes.push(parent);
        }
    }
    nodes.sort_unstable_by(|a, b| b.cmp(a));
    for node in nodes {
        let own = shares.get(&node).copied().unwrap_or_default();
        if let Some(above) = tree.paths.parent(node).and_then(|parent| shares.get_mut(&parent)) {
            above.base += own.base;
            above.left_over += own.left_over;
        }
    }
    shares
}
