use rustc_hash::FxHashMap;

use super::path::NodeId;
use super::timeline::{Change, EventKind, EventRef, Tree};

/// A stretch of layers, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first layer whose changes count.
    pub first: u16,
    /// The last one; the file system after it is what is looked at.
    pub last: u16,
}

impl Range {
    /// One layer.
    pub fn one(layer: u16) -> Self {
        Self { first: layer, last: layer }
    }
}

/// What a folder holds, itself not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Bytes of content that are stored.
    pub bytes: u64,
    /// Paths added, changed and removed.
    pub changes: [u32; 3],
}

/// The paths that a stretch of layers changes, and the folders that they are in.
#[derive(Debug)]
pub struct Changes {
    /// The stretch.
    pub range: Range,
    nodes: FxHashMap<NodeId, Touched>,
}

#[derive(Debug, Default)]
struct Touched {
    change: Option<Change>,
    sums: Sums,
    children: Vec<NodeId>,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// To this, symbolic links followed.
    Found(NodeId, EventRef),
    /// To the root, which need not have an entry.
    Root,
    /// Nowhere.
    Absent,
    /// Around in circles.
    Loop,
}

/// Linux gives up after as many symbolic links.
const MAX_LINKS: usize = 40;

impl Tree {
    /// What a stretch of layers does to a path, seen from the file system below it.
    pub fn change(&self, node: NodeId, range: Range) -> (Change, Option<EventRef>) {
        let before = range.first.checked_sub(1).and_then(|below| self.state(node, below));
        let after = self.state(node, range.last);
        let change = match (before, after) {
            (None, None) => return (Change::None, None),
            (None, Some(_)) => Change::Added,
            (Some(before), None) => return (Change::Removed, Some(before)),
            (Some(a), Some(b)) if a == b => Change::None,
            (Some(_), Some(b)) if range.first == range.last => self.event_at(b).change(),
            (Some(a), Some(b)) => {
                let (old, new) = (self.event_at(a), self.event_at(b));
                let directories = old.kind() == EventKind::Directory && new.kind() == EventKind::Directory;
                let same = directories && old.same_attributes(new) && old.same_mtime(new);
                if same { Change::None } else { Change::Modified }
            }
        };
        (change, after)
    }

    /// All changes of a stretch of layers. Costs what those layers say.
    pub fn changes(&self, range: Range) -> Changes {
        let mut all = Changes { range, nodes: FxHashMap::default() };
        all.nodes.insert(NodeId::ROOT, Touched::default());
        for layer in &self.layers[usize::from(range.first)..=usize::from(range.last)] {
            for event in &layer.events {
                // What is taken back before the end of the stretch leaves a trace only in `removed`.
                if event.until > range.last {
                    all.touch(self, event.node);
                }
            }
            for node in &layer.removed {
                all.touch(self, *node);
            }
        }
        all
    }

    /// Bytes of content below each path after `layer`, its own among them; beside the paths, by index.
    pub fn bytes_below(&self, layer: u16) -> Vec<u64> {
        let mut bytes = vec![0_u64; self.paths.len()];
        for own in 0..=layer {
            for event in &self.layers[usize::from(own)].events {
                if layer < event.until {
                    bytes[event.node.index()] = event.size;
                }
            }
        }
        // A parent stands before its children, so one pass from the end adds everything up.
        for node in (1..bytes.len()).rev() {
            if let Some(parent) = self.paths.parent(NodeId(node as u32)) {
                bytes[parent.index()] = bytes[parent.index()].saturating_add(bytes[node]);
            }
        }
        bytes
    }

    /// What a directory holds after `layer`, in no order.
    pub fn entries(&self, directory: NodeId, layer: u16) -> impl Iterator<Item = (NodeId, EventRef)> {
        self.paths.children(directory).filter_map(move |child| Some((child, self.state(child, layer)?)))
    }

    /// Follows a path through the file system after `layer`, symbolic links too, the last one if `follow`.
    pub fn lookup(&self, path: &[u8], layer: u16, follow: bool) -> Lookup {
        let split = |path: &[u8]| -> Vec<Vec<u8>> {
            path.split(|byte| *byte == b'/').rev().filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
        };
        let mut left = split(path);
        let mut node = NodeId::ROOT;
        let mut found = None;
        let mut links = 0;
        while let Some(name) = left.pop() {
            match &*name {
                b"." => continue,
                b".." => {
                    // `..` of the root is the root.
                    node = self.paths.parent(node).unwrap_or(NodeId::ROOT);
                    found = self.state(node, layer);
                    continue;
                }
                _ => {}
            }
            let Some(child) = self.paths.child(node, &name) else { return Lookup::Absent };
            let Some(at) = self.state(child, layer) else { return Lookup::Absent };
            let target = self.symlink(self.event_at(at)).filter(|_| follow || !left.is_empty());
            if let Some(target) = target {
                links += 1;
                if links > MAX_LINKS {
                    return Lookup::Loop;
                }
                if target.starts_with(b"/") {
                    node = NodeId::ROOT;
                }
                left.extend(split(target));
                found = None;
                continue;
            }
            (node, found) = (child, Some(at));
        }
        match found {
            Some(at) if node != NodeId::ROOT => Lookup::Found(node, at),
            _ => self
                .state(node, layer)
                .filter(|_| node != NodeId::ROOT)
                .map_or(Lookup::Root, |at| Lookup::Found(node, at)),
        }
    }
}

impl Changes {
    fn touch(&mut self, tree: &Tree, node: NodeId) {
        if self.nodes.get(&node).is_some_and(|touched| touched.change.is_some()) {
            return;
        }
        let (change, at) = tree.change(node, self.range);
        if change == Change::None {
            return;
        }
        let bytes = match (change, at) {
            (Change::Added | Change::Modified, Some(at)) => tree.event_at(at).size,
            _ => 0,
        };
        self.hook(tree, node).change = Some(change);
        let mut up = tree.paths.parent(node);
        while let Some(parent) = up {
            let sums = &mut self.nodes.entry(parent).or_default().sums;
            sums.bytes = sums.bytes.saturating_add(bytes);
            sums.changes[change as usize - 1] += 1;
            up = tree.paths.parent(parent);
        }
    }

    /// Makes sure that `node` hangs on its parent here, and that one on its own, up to one that is known.
    fn hook(&mut self, tree: &Tree, node: NodeId) -> &mut Touched {
        let mut child = None;
        let mut at = Some(node);
        while let Some(here) = at {
            let known = self.nodes.contains_key(&here);
            self.nodes.entry(here).or_default().children.extend(child);
            if known {
                break;
            }
            child = Some(here);
            at = tree.paths.parent(here);
        }
        self.nodes.entry(node).or_default()
    }

    /// What is done to a path; None for a folder that is only on the way, and for what is not touched.
    pub fn change(&self, node: NodeId) -> Option<Change> {
        self.nodes.get(&node).and_then(|touched| touched.change)
    }

    /// What is done below a path.
    pub fn sums(&self, node: NodeId) -> Sums {
        self.nodes.get(&node).map(|touched| touched.sums).unwrap_or_default()
    }

    /// Children that are changed or hold changes, in no order.
    pub fn children(&self, node: NodeId) -> &[NodeId] {
        self.nodes.get(&node).map_or(&[], |touched| &touched.children)
    }
}
