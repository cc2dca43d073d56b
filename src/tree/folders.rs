use rustc_hash::FxHashMap;

use super::path::NodeId;
use super::timeline::{Change, EventRef, Tree};
use super::view::Range;

/// What a stretch of layers does below a folder, the folder itself not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderSum {
    /// Bytes of content that it stores there and that are there after it.
    pub bytes: u64,
    /// Paths added, changed and removed.
    pub changes: [u32; 3],
    /// By how much the folder grows, bytes; negative when it shrinks.
    pub growth: i64,
    /// By how many regular files it grows.
    pub files: i32,
}

impl FolderSum {
    fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.growth = self.growth.saturating_add(other.growth);
        self.files = self.files.saturating_add(other.files);
        for (own, more) in self.changes.iter_mut().zip(other.changes) {
            *own = own.saturating_add(more);
        }
    }
}

/// The folders that a stretch of layers changes something in, with sums. Files have no place here: what is done to one
/// costs no more to ask the tree for than to look up.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The stretch.
    pub range: Range,
    sums: FxHashMap<NodeId, FolderSum>,
}

impl Folders {
    /// Adds everything up: one pass over what the layers say, one over the folders.
    pub fn of(tree: &Tree, range: Range) -> Self {
        let mut making = Making { folder: NodeId::ROOT, run: FolderSum::default(), done: FxHashMap::default() };
        for (layer, events) in (range.first..=range.last).zip(&tree.layers[usize::from(range.first)..]) {
            for (index, event) in events.events.iter().enumerate() {
                // What is taken back before the end of the stretch leaves a trace only in `removed`.
                if event.until <= range.last || event.node == NodeId::ROOT {
                    continue;
                }
                let at = EventRef { layer, index: index as u32 };
                let size = event.size;
                let (change, before) = match (range.first, event.change()) {
                    (0, _) => (Change::Added, None),
                    (first, Change::Added | Change::None) if first == range.last => (event.change(), None),
                    (first, _) => (tree.change(event.node, range).0, tree.state(event.node, first - 1)),
                };
                if change == Change::None {
                    continue;
                }
                let old = before.map_or(0, |before| tree.event_at(before).size);
                let mut sum = FolderSum { bytes: size, growth: size as i64 - old as i64, ..FolderSum::default() };
                sum.files = i32::from(tree.is_file(at)) - i32::from(before.is_some_and(|before| tree.is_file(before)));
                sum.changes[change as usize - 1] = 1;
                making.put(tree, event.node, &sum);
            }
        }
        for node in tree.removed_in(range) {
            let Some(before) = range.first.checked_sub(1).and_then(|below| tree.state(node, below)) else { continue };
            let growth = -(tree.event_at(before).size as i64);
            let files = -i32::from(tree.is_file(before));
            making.put(tree, node, &FolderSum { changes: [0, 0, 1], growth, files, ..FolderSum::default() });
        }
        making.flush();
        add_up(tree, &mut making.done, FolderSum::add);
        Self { range, sums: making.done }
    }

    /// What is done below a path.
    pub fn sum(&self, node: NodeId) -> Option<&FolderSum> {
        self.sums.get(&node)
    }
}

/// Sums by folder in the making; entries of one folder mostly stand together.
struct Making {
    folder: NodeId,
    run: FolderSum,
    done: FxHashMap<NodeId, FolderSum>,
}

impl Making {
    fn put(&mut self, tree: &Tree, node: NodeId, sum: &FolderSum) {
        let Some(parent) = tree.paths.parent(node) else { return };
        if parent != self.folder {
            self.flush();
            self.folder = parent;
        }
        self.run.add(sum);
    }

    fn flush(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.done.entry(self.folder).or_default().add(&run);
    }
}

/// Hands every folder's sum up to all that hold it.
pub(super) fn add_up<S: Copy + Default>(tree: &Tree, sums: &mut FxHashMap<NodeId, S>, add: impl Fn(&mut S, &S)) {
    let mut folders: Vec<NodeId> = sums.keys().copied().collect();
    let mut next = 0;
    while let Some(folder) = folders.get(next) {
        next += 1;
        if let Some(parent) = tree.paths.parent(*folder)
            && let std::collections::hash_map::Entry::Vacant(free) = sums.entry(parent)
        {
            free.insert(S::default());
            folders.push(parent);
        }
    }
    // A parent stands before its children in the arena.
    folders.sort_unstable_by(|a, b| b.cmp(a));
    for folder in folders {
        let sum = sums.get(&folder).copied().unwrap_or_default();
        if let Some(above) = tree.paths.parent(folder).and_then(|parent| sums.get_mut(&parent)) {
            add(above, &sum);
        }
    }
}

/// Bytes and regular files below each folder after a layer.
#[derive(Debug, Clone, Default)]
pub struct StateSums {
    sums: FxHashMap<NodeId, (u64, u32)>,
}

impl StateSums {
    /// After a layer, from what was there below it and what the layer does.
    #[must_use]
    pub fn after(mut self, layer: &Folders) -> Self {
        for (node, sum) in &layer.sums {
            let (bytes, files) = self.sums.entry(*node).or_default();
            *bytes = bytes.saturating_add_signed(sum.growth);
            *files = files.saturating_add_signed(sum.files);
        }
        self
    }

    /// Below a layer, from what was there after it and what the layer does.
    #[must_use]
    pub fn before(mut self, layer: &Folders) -> Self {
        for (node, sum) in &layer.sums {
            let (bytes, files) = self.sums.entry(*node).or_default();
            *bytes = bytes.saturating_add_signed(sum.growth.saturating_neg());
            *files = files.saturating_add_signed(sum.files.saturating_neg());
        }
        self
    }

    /// Bytes of content below a folder, and regular files.
    pub fn below(&self, node: NodeId) -> (u64, u32) {
        self.sums.get(&node).copied().unwrap_or_default()
    }
}
