use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::folders::{Folders, StateSums};
use super::matches::Matches;
use super::path::NodeId;
use super::timeline::{Change, EventKind, EventRef, Tree};
use super::view::Range;

/// How the children of a folder stand below each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By the bytes of their names.
    #[default]
    Name,
    /// The largest first.
    Size,
    /// What is added, changed, only touched, removed, unchanged; the largest first in each.
    Change,
}

/// Which changes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown(u8);

impl Default for Shown {
    fn default() -> Self {
        Self(0x1f)
    }
}

impl Shown {
    /// Whether paths of that change are shown.
    pub fn has(self, change: Change) -> bool {
        self.0 >> change as u8 & 1 == 1
    }

    /// Shows them, or hides them.
    pub fn toggle(&mut self, change: Change) {
        self.0 ^= 1 << change as u8;
    }

    /// Whether everything is shown.
    pub fn is_all(self) -> bool {
        self == Self::default()
    }
}

/// What of the tree is shown, and how.
#[derive(Debug, Clone)]
pub struct View {
    /// The stretch of layers.
    pub range: Range,
    /// What is there after it, too, and not only what it changes.
    pub all: bool,
    /// How children are ordered.
    pub sort: Sort,
    /// Which changes are shown.
    pub shown: Shown,
    /// Folders that hold nothing but one folder share a row with it.
    pub chains: bool,
    /// Only what was found.
    pub matches: Option<Arc<Matches>>,
    /// And all that is in found folders.
    pub whole_folders: bool,
    /// What the stretch does below folders.
    pub folders: Arc<Folders>,
    /// What is below folders after it; needed with `all`.
    pub state: Arc<StateSums>,
}

impl View {
    /// The changes of a stretch of layers by name, nothing hidden.
    pub fn changes(folders: Arc<Folders>) -> Self {
        Self {
            range: folders.range,
            all: false,
            sort: Sort::Name,
            shown: Shown::default(),
            chains: false,
            matches: None,
            whole_folders: false,
            folders,
            state: Arc::default(),
        }
    }
}

/// One line of a tree that is unfolded here and there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The path.
    pub node: NodeId,
    /// What it is, or was before it was removed; None for an implied folder that is gone.
    pub at: Option<EventRef>,
    /// What the stretch of layers does to it.
    pub change: Change,
    /// How deep it stands; 0 is the root's children.
    pub depth: u16,
    /// How many of the folders above share this row.
    pub chain: u16,
    /// Bytes of content; of a folder, of all below it.
    pub bytes: u64,
    /// The same of the folder that holds it.
    pub parent_bytes: u64,
    /// It can be unfolded.
    pub folder: bool,
    /// It is.
    pub open: bool,
    /// For each level above and its own: whether it is the last child there. Bit 0 is its own.
    pub lasts: u64,
}

/// The rows of a tree, worked out when something changes and never for a frame.
#[derive(Debug, Clone)]
pub struct Rows {
    view: View,
    open: FxHashSet<NodeId>,
    visible: Vec<Row>,
}

/// A child of a folder before it is a row.
struct Child {
    node: NodeId,
    at: Option<EventRef>,
    change: Change,
    bytes: u64,
    folder: bool,
    /// It or a folder above was found, so all that is in it is shown.
    found: bool,
}

/// What a row still needs to be one.
struct Waiting {
    child: Child,
    depth: u16,
    lasts: u64,
    parent_bytes: u64,
}

impl Rows {
    /// The rows of a view. `open` is what is unfolded.
    pub fn new(tree: &Tree, view: View, open: FxHashSet<NodeId>) -> Self {
        let mut rows = Self { view, open, visible: Vec::new() };
        rows.work_out(tree);
        rows
    }

    /// What a view shows of one folder, all that is in it folded.
    pub fn level(tree: &Tree, view: View, folder: NodeId) -> Vec<Row> {
        let rows = Self { view, open: FxHashSet::default(), visible: Vec::new() };
        let stack = rows.waiting(tree, folder, 0, 0, rows.folder_bytes(folder, Change::None), false);
        let mut level = Vec::new();
        rows.run(tree, stack, &mut level, &mut |_, _| false);
        level
    }

    /// What is shown, and how.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// All rows, the first on top.
    pub fn rows(&self) -> &[Row] {
        &self.visible
    }

    /// What is unfolded.
    pub fn open(&self) -> &FxHashSet<NodeId> {
        &self.open
    }

    /// Takes folders for open the next time that rows are worked out.
    pub fn mark_open(&mut self, folders: impl IntoIterator<Item = NodeId>) {
        self.open.extend(folders);
    }

    /// Folds or unfolds the folder of a row. Costs what appears or goes away.
    pub fn toggle(&mut self, tree: &Tree, place: usize) {
        let Some(row) = self.visible.get_mut(place).filter(|row| row.folder) else { return };
        row.open = !row.open;
        let row = row.clone();
        if row.open {
            self.open.insert(row.node);
            let mut below = Vec::new();
            self.expand(tree, &row, &mut below);
            let behind = self.visible.split_off(place + 1);
            self.visible.extend(below);
            self.visible.extend(behind);
        } else {
            self.open.remove(&row.node);
            let end = self.end_of(place);
            self.visible.drain(place + 1..end);
        }
    }

    /// The first place after a row and all that is below it.
    pub fn end_of(&self, place: usize) -> usize {
        let depth = self.visible[place].depth;
        let after = self.visible[place + 1..].iter().position(|row| row.depth <= depth);
        after.map_or(self.visible.len(), |count| place + 1 + count)
    }

    /// Unfolds from the top as long as no more than `limit` rows come of it.
    pub fn unfold_some(&mut self, tree: &Tree, limit: usize) {
        let mut from = 0;
        while self.visible.len() < limit {
            let next = self.visible[from..].iter().position(|row| row.folder && !row.open).map(|at| at + from);
            let Some(at) = next else { return };
            from = at + 1;
            let children = self.children(tree, self.visible[at].node, self.is_found(tree, self.visible[at].node));
            if self.visible.len() + children.len() <= limit {
                self.toggle(tree, at);
            }
        }
    }

    /// Unfolds along the bytes, the largest folder first, as long as no more than `limit` rows come of it. What holds less than
    /// a fiftieth of all bytes stays folded.
    pub fn unfold_largest(&mut self, tree: &Tree, limit: usize) {
        let whole = self.visible.iter().filter(|row| row.depth == 0).map(|row| row.bytes).fold(0, u64::saturating_add);
        let mut folders: BinaryHeap<(u64, Reverse<usize>, NodeId)> = BinaryHeap::new();
        let folded = |rows: &[Row], first: usize| {
            let rows = rows.iter().enumerate().filter(|(_, row)| row.folder && !row.open);
            rows.map(|(at, row)| (row.bytes, Reverse(first + at), row.node)).collect::<Vec<_>>()
        };
        folders.extend(folded(&self.visible, 0));
        while let Some((bytes, _, node)) = folders.pop() {
            // Where nothing has any bytes, what comes first is as good.
            if self.visible.len() >= limit || bytes < whole / 50 || bytes == 0 && whole > 0 {
                return;
            }
            let Some(at) = self.position(node) else { continue };
            let children = self.children(tree, node, self.is_found(tree, node)).len();
            if self.visible.len() + children > limit {
                continue;
            }
            self.toggle(tree, at);
            folders.extend(folded(&self.visible[at + 1..self.end_of(at)], at + 1));
        }
    }

    /// Unfolds the folders of the highest level that has folded ones. Not much more than `limit` rows come of it.
    pub fn unfold_level(&mut self, tree: &Tree, limit: usize) {
        let folded = |row: &&Row| row.folder && !row.open;
        let Some(level) = self.visible.iter().filter(folded).map(|row| row.depth).min() else { return };
        let mut rows = Vec::with_capacity(self.visible.len());
        for mut row in std::mem::take(&mut self.visible) {
            if row.depth == level && row.folder && !row.open && rows.len() < limit {
                row.open = true;
                self.open.insert(row.node);
                rows.push(row.clone());
                self.expand(tree, &row, &mut rows);
            } else {
                rows.push(row);
            }
        }
        self.visible = rows;
    }

    /// Folds the folders of the deepest level that has open ones.
    pub fn fold_level(&mut self, tree: &Tree) {
        let open = |row: &&Row| row.folder && row.open;
        let Some(level) = self.visible.iter().filter(open).map(|row| row.depth).max() else { return };
        for row in self.visible.iter().filter(|row| row.depth == level) {
            self.open.remove(&row.node);
        }
        self.work_out(tree);
    }

    /// Unfolds all folders that are less than `depth` below the root, and folds the others; 0 folds all. Not much more than
    /// `limit` rows come of it.
    pub fn unfold_to(&mut self, tree: &Tree, depth: u16, limit: usize) {
        let stack = self.waiting(tree, NodeId::ROOT, 0, 0, self.folder_bytes(NodeId::ROOT, Change::None), false);
        let mut open = FxHashSet::default();
        let mut rows = Vec::new();
        self.run(tree, stack, &mut rows, &mut |row, rows| {
            let opens = row.depth < depth && rows < limit;
            if opens {
                open.insert(row.node);
            }
            opens
        });
        (self.open, self.visible) = (open, rows);
    }

    /// Unfolds whatever holds a path, so that it has a row if the view has it.
    pub fn reveal(&mut self, tree: &Tree, node: NodeId) {
        let above = std::iter::successors(tree.paths.parent(node), |above| tree.paths.parent(*above));
        self.open.extend(above);
        self.work_out(tree);
    }

    /// Where a path stands; None when it is folded away.
    pub fn position(&self, node: NodeId) -> Option<usize> {
        self.visible.iter().position(|row| row.node == node)
    }

    fn work_out(&mut self, tree: &Tree) {
        let stack = self.waiting(tree, NodeId::ROOT, 0, 0, self.folder_bytes(NodeId::ROOT, Change::None), false);
        let mut rows = std::mem::take(&mut self.visible);
        rows.clear();
        self.run(tree, stack, &mut rows, &mut |row, _| self.open.contains(&row.node));
        self.visible = rows;
    }

    fn expand(&self, tree: &Tree, row: &Row, out: &mut Vec<Row>) {
        let found = self.is_found(tree, row.node);
        let stack = self.waiting(tree, row.node, row.depth + 1, row.lasts, row.bytes, found);
        self.run(tree, stack, out, &mut |row, _| self.open.contains(&row.node));
    }

    /// Rows of what waits and of all that is in it. `opens` says whether a folder is unfolded, by its row and how many rows
    /// there are or wait.
    fn run(
        &self,
        tree: &Tree,
        mut stack: Vec<Waiting>,
        out: &mut Vec<Row>,
        opens: &mut dyn FnMut(&Row, usize) -> bool,
    ) {
        while let Some(next) = stack.pop() {
            let (mut row, found) = self.row(tree, next);
            row.open = row.folder && opens(&row, out.len() + stack.len());
            if row.open {
                stack.extend(self.waiting(tree, row.node, row.depth + 1, row.lasts, row.bytes, found));
            }
            out.push(row);
        }
    }

    /// The row of a child, and whether all that is in it is shown. A folder that holds nothing but a folder gives way to it.
    fn row(&self, tree: &Tree, next: Waiting) -> (Row, bool) {
        let Waiting { mut child, depth, lasts, parent_bytes } = next;
        let mut chain = 0;
        while self.view.chains && child.folder && child.change != Change::Removed && chain < 255 {
            let mut below = self.children(tree, child.node, child.found);
            match below.pop() {
                Some(only) if below.is_empty() && only.folder && only.change == child.change => {
                    child = only;
                    chain += 1;
                }
                _ => break,
            }
        }
        let Child { node, at, change, bytes, folder, found } = child;
        (Row { node, at, change, depth, chain, bytes, parent_bytes, folder, open: false, lasts }, found)
    }

    /// The children of a folder, the first one on top of the stack.
    fn waiting(&self, tree: &Tree, node: NodeId, depth: u16, lasts: u64, bytes: u64, found: bool) -> Vec<Waiting> {
        let mut children = self.children(tree, node, found);
        let name = |child: &Child| tree.paths.name(child.node);
        // Last first.
        match self.view.sort {
            Sort::Name => children.sort_unstable_by(|a, b| name(b).cmp(name(a))),
            Sort::Size => children.sort_unstable_by(|a, b| a.bytes.cmp(&b.bytes).then(name(b).cmp(name(a)))),
            Sort::Change => children.sort_unstable_by(|a, b| {
                rank(b.change).cmp(&rank(a.change)).then(a.bytes.cmp(&b.bytes)).then(name(b).cmp(name(a)))
            }),
        }
        let row =
            |(place, child)| Waiting { child, depth, lasts: lasts << 1 | u64::from(place == 0), parent_bytes: bytes };
        children.into_iter().enumerate().map(row).collect()
    }

    /// What the view shows of a folder, in no order.
    fn children(&self, tree: &Tree, folder: NodeId, found: bool) -> Vec<Child> {
        tree.paths.children(folder).filter_map(|node| self.child(tree, node, found)).collect()
    }

    fn child(&self, tree: &Tree, node: NodeId, found: bool) -> Option<Child> {
        let View { range, all, shown, matches, .. } = &self.view;
        let (mut change, mut at) = tree.difference(node, *range);
        let sums = self.view.folders.sum(node).filter(|sum| sum.changes != [0; 3]);
        if change == Change::None {
            at = tree.state(node, range.last);
            if sums.is_none() && !(*all && at.is_some()) {
                return None;
            }
        }
        let event = at.map(|at| tree.event_at(at));
        let folder = sums.is_some() || event.is_some_and(|event| event.kind() == EventKind::Directory);
        if !shown.has(change) {
            let [added, modified, removed] = sums.map(|sum| sum.changes).unwrap_or_default();
            let inside = folder
                && (shown.has(Change::Added) && added > 0
                    || (shown.has(Change::Modified) || shown.has(Change::Metadata)) && modified > 0
                    || shown.has(Change::Removed) && removed > 0
                    || shown.has(Change::None) && *all && change != Change::Removed);
            if !inside {
                return None;
            }
        }
        // A file in whose place a folder was has the bytes of a file.
        let mut bytes = match event.filter(|event| event.kind() != EventKind::Directory) {
            Some(event) => event.size,
            None => self.folder_bytes(node, change),
        };
        let mut in_found = found;
        if let Some(matches) = matches {
            let own = matches.has(node);
            in_found |= own && self.view.whole_folders;
            let below = matches.below(node);
            if !own && !in_found && below.is_none() {
                return None;
            }
            if let (false, Some((_, sum))) = (in_found, below) {
                bytes = sum;
            }
        }
        if at.is_none() {
            change = Change::Removed;
        }
        Some(Child { node, at, change, bytes, folder, found: in_found })
    }

    fn folder_bytes(&self, node: NodeId, change: Change) -> u64 {
        let sum = self.view.folders.sum(node);
        match (change, self.view.all) {
            // What went with it is what it was worth.
            (Change::Removed, _) => sum.map_or(0, |sum| sum.growth.unsigned_abs()),
            (_, true) => self.view.state.below(node).0,
            (_, false) => sum.map_or(0, |sum| sum.bytes),
        }
    }

    /// Whether a folder or one above it was found, so that all that is in it is shown.
    fn is_found(&self, tree: &Tree, node: NodeId) -> bool {
        let Some(matches) = self.view.matches.as_ref().filter(|_| self.view.whole_folders) else { return false };
        std::iter::successors(Some(node), |above| tree.paths.parent(*above)).any(|above| matches.has(above))
    }
}

fn rank(change: Change) -> u8 {
    match change {
        Change::Added => 0,
        Change::Modified => 1,
        Change::Metadata => 2,
        Change::Removed => 3,
        Change::None => 4,
    }
}
