//! What a build stores less after an edit, everything else being equal.

use rustc_hash::FxHashSet;

use crate::tree::{EventRef, Tree};

/// What an edit does to the layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// Layers that become one, each list by itself.
    pub joins: Vec<Vec<u16>>,
    /// Files that no layer stores any more.
    pub unstored: Vec<EventRef>,
}

impl Effect {
    pub(super) fn add(&mut self, other: &Self) {
        self.joins.extend(other.joins.iter().cloned());
        self.unstored.extend(&other.unstored);
    }
}

/// Copies that are stored no more when all of some effects happen; each once.
pub(super) fn unstored<'e>(tree: &Tree, effects: impl Iterator<Item = &'e Effect>) -> FxHashSet<EventRef> {
    // By layer: the first of those that it is one with.
    let mut first: Vec<u16> = (0..tree.layers.len() as u16).collect();
    let mut files = FxHashSet::default();
    for effect in effects {
        files.extend(effect.unstored.iter().copied());
        for layers in &effect.joins {
            let own = |layer: &u16| first.get(usize::from(*layer)).copied();
            let joined: FxHashSet<u16> = layers.iter().filter_map(own).collect();
            let Some(lowest) = joined.iter().copied().min() else { continue };
            for own in &mut first {
                if joined.contains(own) {
                    *own = lowest;
                }
            }
        }
    }
    for (layer, events) in tree.layers.iter().enumerate() {
        let within = events
            .deaths
            .iter()
            .filter(|file| usize::from(file.layer) != layer && first[usize::from(file.layer)] == first[layer]);
        files.extend(within.copied());
    }
    files.retain(|file| tree.event_at(*file).size > 0);
    files
}

/// Bytes of content, and of the compressed layers where they are known of each file.
pub(super) fn sums(tree: &Tree, files: &FxHashSet<EventRef>) -> (u64, Option<u64>) {
    let bytes = files.iter().map(|file| tree.event_at(*file).size).sum();
    let pull = files.iter().map(|file| tree.pull_bytes(*file)).sum();
    (bytes, pull)
}
