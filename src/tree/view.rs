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

    /// As [`Tree::change`], with [`Change::Metadata`] for what has the same content as before. What files contain has to
    /// be known for that; until then they are [`Change::Modified`].
    pub fn difference(&self, node: NodeId, range: Range) -> (Change, Option<EventRef>) {
        let (change, at) = self.change(node, range);
        let (Change::Modified, Some(after)) = (change, at) else { return (change, at) };
        let before = range.first.checked_sub(1).and_then(|below| self.state(node, below));
        let same = before.is_some_and(|before| self.same_content(before, after));
        (if same { Change::Metadata } else { change }, at)
    }

    /// Whether two events differ in no more than mode, owner, attributes and times, as far as contents are known.
    fn same_content(&self, a: EventRef, b: EventRef) -> bool {
        let (old, new) = (self.event_at(a), self.event_at(b));
        match (old.kind(), new.kind()) {
            (EventKind::Directory, EventKind::Directory) => true,
            (EventKind::Symlink, EventKind::Symlink) => self.symlink(old) == self.symlink(new),
            (EventKind::File | EventKind::HardLink, EventKind::File | EventKind::HardLink) => {
                let (Some(a), Some(b)) = (self.copy_of(a), self.copy_of(b)) else { return false };
                let (size, other) = (self.event_at(a).size, self.event_at(b).size);
                let known = || self.content(a).is_some_and(|content| self.content(b) == Some(content));
                a == b || size == other && (size == 0 || known())
            }
            (EventKind::Char, EventKind::Char) | (EventKind::Block, EventKind::Block) => {
                self.device(old) == self.device(new)
            }
            (a, b) => a == b,
        }
    }

    /// Paths that a stretch of layers takes away, each once; also those that come back in it, or that it brought itself.
    pub(super) fn removed_in(&self, range: Range) -> Vec<NodeId> {
        let layers = &self.layers[usize::from(range.first)..=usize::from(range.last)];
        let mut removed: Vec<NodeId> = layers.iter().flat_map(|layer| layer.removed.iter().copied()).collect();
        removed.sort_unstable();
        removed.dedup();
        removed.retain(|node| self.change(*node, range).0 == Change::Removed);
        removed
    }

    /// All paths that a stretch of layers changes, with `all` also the others that are there after it, each once, the root
    /// not among them, in no order. `each` gets what a path is, or was before it was removed, and says whether to go on.
    pub fn each_in_view(&self, range: Range, all: bool, each: &mut dyn FnMut(NodeId, EventRef) -> bool) {
        let first = if all { 0 } else { range.first };
        for (layer, events) in (first..=range.last).zip(&self.layers[usize::from(first)..]) {
            for (index, event) in events.events.iter().enumerate() {
                if event.until <= range.last || event.node == NodeId::ROOT {
                    continue;
                }
                let changed = || match event.change() {
                    change if range.first == range.last => change != Change::None,
                    _ => self.change(event.node, range).0 != Change::None,
                };
                if (all || changed()) && !each(event.node, EventRef { layer, index: index as u32 }) {
                    return;
                }
            }
        }
        for node in self.removed_in(range) {
            if let (_, Some(at)) = self.change(node, range)
                && !each(node, at)
            {
                return;
            }
        }
    }

    /// Whether it is a regular file, hard links among them.
    pub fn is_file(&self, at: EventRef) -> bool {
        matches!(self.event_at(at).kind(), EventKind::File | EventKind::HardLink)
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
            // A hard link to a symbolic link is that link.
            let own = if follow { self.stands_for(at) } else { at };
            let target = self.symlink(self.event_at(own)).filter(|_| follow || !left.is_empty());
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
