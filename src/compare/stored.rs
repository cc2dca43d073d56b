//! Content that both images store and neither shows in the end, in layers that the same instruction made.

use std::collections::{BTreeMap, HashMap};

use super::layers::{Aligned, Pairing};
use crate::inspect::Inspection;
use crate::layer::ContentId;
use crate::tree::{Event, EventKind, EventRef};

/// What differs of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredChange {
    /// Files.
    pub files: u64,
    /// Their bytes; of each the larger of both.
    pub bytes: u64,
}

/// Hidden files of two layers that belong together.
pub(super) struct Stored {
    /// In both layers, equally large: their content decides.
    pairs: Vec<[EventRef; 2]>,
    /// What differs in any case.
    change: StoredChange,
}

impl Stored {
    pub(super) fn of(a: &Inspection, b: &Inspection, layers: &[Aligned]) -> Self {
        let mut stored = Self { pairs: Vec::new(), change: StoredChange::default() };
        for layer in layers.iter().filter(|layer| layer.pairing == Pairing::Rebuilt) {
            let (Some(before), Some(after)) = (layer.before, layer.after) else { continue };
            let mut first = hidden(a, before);
            for (path, at) in hidden(b, after) {
                let size = b.tree.event_at(at).size;
                match first.remove(&path) {
                    Some(other) if a.tree.event_at(other).size == size => stored.pairs.push([other, at]),
                    Some(other) => stored.differs(size.max(a.tree.event_at(other).size)),
                    None => stored.differs(size),
                }
            }
            for other in first.into_values() {
                stored.differs(a.tree.event_at(other).size);
            }
        }
        stored
    }

    fn differs(&mut self, bytes: u64) {
        self.change.files += 1;
        self.change.bytes += bytes;
    }

    /// Files whose content has to be known.
    pub(super) fn ask(&self, a: &Inspection, b: &Inspection, asked: &mut [Vec<EventRef>; 2]) {
        for pair in &self.pairs {
            for (side, found) in [a, b].into_iter().enumerate() {
                asked[side].extend(found.tree.content(pair[side]).is_none().then_some(pair[side]));
            }
        }
        for asked in asked {
            asked.sort_unstable();
            asked.dedup();
        }
    }

    pub(super) fn change(
        mut self,
        a: &Inspection,
        b: &Inspection,
        known: &[BTreeMap<EventRef, ContentId>; 2],
    ) -> StoredChange {
        for [one, other] in std::mem::take(&mut self.pairs) {
            let content = |found: &Inspection, side: usize, at: EventRef| {
                found.tree.content(at).or_else(|| known[side].get(&at).copied())
            };
            if content(a, 0, one) != content(b, 1, other) {
                self.differs(b.tree.event_at(other).size);
            }
        }
        self.change
    }
}

/// Files with content that a layer stores and a later one, or itself, hides; by path, the last one of each.
fn hidden(found: &Inspection, layer: usize) -> HashMap<Vec<u8>, EventRef> {
    let events = found.tree.layers[layer].events.iter().enumerate();
    let hidden =
        events.filter(|(_, event)| event.kind() == EventKind::File && event.size > 0 && event.until != Event::HOLDS);
    let named = hidden.map(|(index, event)| {
        (found.tree.paths.path(event.node), EventRef { layer: layer as u16, index: index as u32 })
    });
    named.collect()
}
