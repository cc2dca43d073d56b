use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap;

use super::folders::add_up;
use super::path::NodeId;
use super::timeline::{Change, Event, EventKind, EventRef, Tree};
use super::view::Range;

/// A path that a search looks at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'t> {
    /// The tree.
    pub tree: &'t Tree,
    /// The path.
    pub node: NodeId,
    /// What it is, or was before it was removed.
    pub at: EventRef,
    /// The stretch of layers.
    pub range: Range,
}

impl Candidate<'_> {
    /// What the stretch does to it.
    pub fn change(&self) -> Change {
        self.tree.difference(self.node, self.range).0
    }

    /// Whether a later layer deletes or replaces it.
    pub fn is_gone(&self) -> bool {
        self.tree.event_at(self.at).until != Event::HOLDS
    }

    /// What it is.
    pub fn kind(&self) -> EventKind {
        self.tree.event_at(self.at).kind()
    }

    /// Bytes of content; of a hard link, of its file.
    pub fn bytes(&self) -> u64 {
        self.tree.copy_of(self.at).map_or(0, |file| self.tree.event_at(file).size)
    }
}

/// What a search found: which paths, and sums for the folders that hold them.
#[derive(Debug, Default)]
pub struct Matches {
    /// A bit for each path.
    own: Vec<u64>,
    below: FxHashMap<NodeId, (u32, u64)>,
    /// Paths.
    pub count: usize,
    /// Bytes of the files among them.
    pub bytes: u64,
}

/// After so many paths it is asked whether anyone still wants to know.
const SLICE: u32 = 4096;

impl Matches {
    /// Tries all paths of a view: what the stretch changes, or with `all` also what is there after it. None when `stop`
    /// was set meanwhile.
    pub fn of(
        tree: &Tree,
        range: Range,
        all: bool,
        stop: &AtomicBool,
        test: &mut dyn FnMut(&Candidate<'_>) -> bool,
    ) -> Option<Self> {
        let mut found = Self { own: vec![0; tree.paths.len().div_ceil(64)], ..Self::default() };
        let mut seen = 0_u32;
        tree.each_in_view(range, all, &mut |node, at| {
            seen = seen.wrapping_add(1);
            if seen.is_multiple_of(SLICE) && stop.load(Ordering::Relaxed) {
                return false;
            }
            let candidate = Candidate { tree, node, at, range };
            if test(&candidate) {
                found.own[node.index() / 64] |= 1 << (node.index() % 64);
                found.count += 1;
                let event = tree.event_at(at);
                found.bytes = found.bytes.saturating_add(event.size);
                if let Some(parent) = tree.paths.parent(node) {
                    let below = found.below.entry(parent).or_default();
                    *below = (below.0 + 1, below.1.saturating_add(event.size));
                }
            }
            true
        });
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        add_up(tree, &mut found.below, |above, (count, bytes)| {
            *above = (above.0.saturating_add(*count), above.1.saturating_add(*bytes));
        });
        Some(found)
    }

    /// Whether a path itself was found.
    pub fn has(&self, node: NodeId) -> bool {
        self.own.get(node.index() / 64).is_some_and(|word| word >> (node.index() % 64) & 1 == 1)
    }

    /// Found paths below a folder, and the bytes of the files among them.
    pub fn below(&self, node: NodeId) -> Option<(u32, u64)> {
        self.below.get(&node).copied().filter(|(count, _)| *count > 0)
    }
}
