use rustc_hash::FxHashSet;

use super::path::NodeId;
use super::timeline::{Change, EventKind, EventRef, Tree};
use super::view::{Changes, Range};

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
    /// Bytes of content; of a folder, of all below it.
    pub bytes: u64,
    /// It can be unfolded.
    pub folder: bool,
    /// It is.
    pub open: bool,
    /// For each level above and its own: whether it is the last child there. Bit 0 is its own.
    pub lasts: u64,
}

/// The rows of a tree, worked out when something changes and never for a frame.
#[derive(Debug)]
pub struct Rows {
    changes: Changes,
    /// Bytes below each path, where the whole file system is shown.
    all: Option<Vec<u64>>,
    open: FxHashSet<NodeId>,
    visible: Vec<Row>,
}

impl Rows {
    /// The changes of a stretch of layers, or with `all` the whole file system after it. `open` is what is unfolded.
    pub fn new(tree: &Tree, range: Range, all: bool, open: FxHashSet<NodeId>) -> Self {
        let changes = tree.changes(range);
        let all = all.then(|| tree.bytes_below(range.last));
        let mut rows = Self { changes, all, open, visible: Vec::new() };
        rows.work_out(tree);
        rows
    }

    /// All rows, the first on top.
    pub fn rows(&self) -> &[Row] {
        &self.visible
    }

    /// What is unfolded.
    pub fn open(&self) -> &FxHashSet<NodeId> {
        &self.open
    }

    /// Folds or unfolds a folder.
    pub fn toggle(&mut self, tree: &Tree, node: NodeId) {
        if !self.open.remove(&node) {
            self.open.insert(node);
        }
        self.work_out(tree);
    }

    /// Unfolds from the top as long as no more than `limit` rows come of it.
    pub fn unfold_some(&mut self, tree: &Tree, limit: usize) {
        let mut from = 0;
        while self.visible.len() < limit {
            let next = self.visible[from..].iter().position(|row| row.folder && !row.open).map(|at| at + from);
            let Some(at) = next else { return };
            from = at + 1;
            let node = self.visible[at].node;
            // Worked out again only when it fits: what a folder holds is known without.
            let mut children = Vec::new();
            self.unfold(tree, node, 0, 0, &mut children);
            if self.visible.len() + children.len() <= limit {
                self.toggle(tree, node);
            }
        }
    }

    /// Unfolds whatever holds a path, so that it has a row if the stretch of layers speaks of it.
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
        self.visible.clear();
        let mut stack: Vec<(NodeId, u16, u64)> = Vec::new();
        self.unfold(tree, NodeId::ROOT, 0, 0, &mut stack);
        while let Some((node, depth, lasts)) = stack.pop() {
            let (change, at) = match self.changes.change(node) {
                Some(_) => tree.change(node, self.changes.range),
                None => (Change::None, tree.state(node, self.changes.range.last)),
            };
            let below = self.changes.children(node);
            let event = at.map(|at| tree.event_at(at));
            let folder = !below.is_empty() || event.is_some_and(|event| event.kind() == EventKind::Directory);
            let bytes = match &self.all {
                Some(all) if change != Change::Removed => all[node.index()],
                _ if !below.is_empty() => self.changes.sums(node).bytes,
                _ => event.map_or(0, |event| event.size),
            };
            let open = folder && self.open.contains(&node);
            self.visible.push(Row { node, at, change, depth, bytes, folder, open, lasts });
            if open {
                self.unfold(tree, node, depth + 1, lasts, &mut stack);
            }
        }
    }

    /// Puts the children of a folder on the stack, the first on top.
    fn unfold(&self, tree: &Tree, node: NodeId, depth: u16, lasts: u64, stack: &mut Vec<(NodeId, u16, u64)>) {
        let mut children: Vec<NodeId> = self.changes.children(node).to_vec();
        if self.all.is_some() {
            let known: FxHashSet<NodeId> = children.iter().copied().collect();
            children.extend(
                tree.entries(node, self.changes.range.last).map(|(child, _)| child).filter(|c| !known.contains(c)),
            );
        }
        children.sort_by(|a, b| tree.paths.name(*b).cmp(tree.paths.name(*a)));
        for (place, child) in children.into_iter().enumerate() {
            stack.push((child, depth, lasts << 1 | u64::from(place == 0)));
        }
    }
}
