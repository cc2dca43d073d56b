use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// A path: an index into the arena. A parent's is always smaller than its children's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The root, whose path is empty.
    pub const ROOT: Self = Self(0);
    pub(super) const NONE: Self = Self(u32::MAX);

    /// As an index into arrays beside the arena.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The path at that place of arrays beside the arena.
    pub fn from_index(index: usize) -> Self {
        Self(index as u32)
    }

    pub(super) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// All paths that any layer speaks of: 16 bytes each beside the name, names in one buffer.
#[derive(Debug)]
pub struct Paths {
    nodes: Vec<Node>,
    /// Each name: its length (seven bits a byte, the last without the high bit), then its bytes.
    names: Vec<u8>,
    /// Finds a child by its parent and name.
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    name: u32,
    first_child: NodeId,
    next_sibling: NodeId,
}

/// The arena is full: more than four billion bytes of names, or paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Default for Paths {
    fn default() -> Self {
        let root = Node { parent: NodeId::NONE, name: 0, first_child: NodeId::NONE, next_sibling: NodeId::NONE };
        Self { nodes: vec![root], names: vec![0], table: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl Paths {
    /// How many there are, the root among them.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All of them, a parent before its children, the root first.
    pub fn all(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// About how many bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        // A node, its last event, its place in the table, which is at least half full.
        self.nodes.len() * (size_of::<Node>() + 8 + 10) + self.names.len()
    }

    /// Never: the root is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The directory that holds it; None for the root.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.index()].parent.some()
    }

    /// The last component, any bytes but `/`.
    pub fn name(&self, node: NodeId) -> &[u8] {
        name_at(&self.names, self.nodes[node.index()].name)
    }

    /// The whole path without a leading `/`.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let mut path = Vec::new();
        self.write_path(node, &mut path);
        path
    }

    /// As [`Paths::path`], into a buffer that is used again.
    pub fn write_path(&self, node: NodeId, path: &mut Vec<u8>) {
        path.clear();
        let mut at = node;
        while let Some(parent) = self.parent(at) {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(self.name(at).iter().rev());
            at = parent;
        }
        path.reverse();
    }

    /// The child of that name.
    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let hash = self.hasher.hash_one((parent.0, name));
        self.table
            .find(hash, |node| self.nodes[*node as usize].parent == parent && self.name(NodeId(*node)) == name)
            .map(|node| NodeId(*node))
    }

    /// The node of a whole path without a leading `/`.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        parts.try_fold(NodeId::ROOT, |parent, name| self.child(parent, name))
    }

    /// All children that any layer speaks of, in no order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.nodes[node.index()].first_child.some(), |child| {
            self.nodes[child.index()].next_sibling.some()
        })
    }

    /// The child of that name, made when it is not there.
    pub(super) fn make_child(&mut self, parent: NodeId, name: &[u8]) -> Result<NodeId, Full> {
        let Self { nodes, names, table, hasher } = self;
        let hash = hasher.hash_one((parent.0, name));
        let same = |node: &u32| {
            let node = &nodes[*node as usize];
            node.parent == parent && name_at(names, node.name) == name
        };
        let again = |node: &u32| {
            let node = &nodes[*node as usize];
            hasher.hash_one((node.parent.0, name_at(names, node.name)))
        };
        match table.entry(hash, same, again) {
            hashbrown::hash_table::Entry::Occupied(found) => Ok(NodeId(*found.get())),
            hashbrown::hash_table::Entry::Vacant(place) => {
                let id = u32::try_from(nodes.len()).ok().filter(|id| *id < u32::MAX - 1).ok_or(Full)?;
                let start = u32::try_from(names.len()).map_err(|_| Full)?;
                place.insert(id);
                push_name(names, name);
                let next = std::mem::replace(&mut nodes[parent.index()].first_child, NodeId(id));
                nodes.push(Node { parent, name: start, first_child: NodeId::NONE, next_sibling: next });
                Ok(NodeId(id))
            }
        }
    }

    /// Each node's place in the byte order of whole paths.
    pub fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.nodes.len()];
        let mut next = 0;
        let mut stack = vec![(NodeId::ROOT, true), (NodeId::ROOT, false)];
        let mut siblings: Vec<(NodeId, bool)> = Vec::new();
        while let Some((node, below)) = stack.pop() {
            if !below {
                ranks[node.index()] = next;
                next += 1;
                continue;
            }
            // A name sorts as itself, what is below it as the name and a slash: `a`, `a-b`, `a/c`.
            for child in self.children(node) {
                siblings.push((child, false));
                if self.nodes[child.index()].first_child.some().is_some() {
                    siblings.push((child, true));
                }
            }
            let key = |(node, below): &(NodeId, bool)| self.name(*node).iter().copied().chain(below.then_some(b'/'));
            siblings.sort_by(|a, b| key(b).cmp(key(a)));
            stack.append(&mut siblings);
        }
        ranks
    }
}

fn push_name(names: &mut Vec<u8>, name: &[u8]) {
    let mut len = name.len();
    while len >= 0x80 {
        names.push(len as u8 | 0x80);
        len >>= 7;
    }
    names.push(len as u8);
    names.extend_from_slice(name);
}

fn name_at(names: &[u8], start: u32) -> &[u8] {
    let mut at = start as usize;
    let mut len = 0;
    let mut shift = 0;
    loop {
        let byte = names[at];
        at += 1;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return &names[at..at + len];
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(paths: &mut Paths, path: &str) -> NodeId {
        path.split('/').fold(NodeId::ROOT, |parent, name| {
            paths.make_child(parent, name.as_bytes()).unwrap_or_else(|_| panic!("full"))
        })
    }

    #[test]
    fn a_path_is_found_again() {
        let mut paths = Paths::default();
        let long = "x".repeat(300);
        let node = make(&mut paths, &format!("a/{long}/c"));
        assert_eq!(make(&mut paths, &format!("a/{long}/c")), node);
        assert_eq!(paths.find(format!("a/{long}/c").as_bytes()), Some(node));
        assert_eq!(paths.path(node), format!("a/{long}/c").into_bytes());
        assert_eq!(paths.find(b"a/c"), None);
        assert_eq!(paths.find(b""), Some(NodeId::ROOT));
    }

    #[test]
    fn ranks_are_the_order_of_whole_paths() {
        let mut paths = Paths::default();
        let mut all =
            ["b", "a/c", "a", "a-b", "a/c/d", "a0", "a/b-", "a/b", "a/b/z"].map(|path| (path, make(&mut paths, path)));
        let ranks = paths.ranks();
        all.sort_by_key(|(_, node)| ranks[node.index()]);
        let got: Vec<_> = all.iter().map(|(path, _)| *path).collect();
        let mut want = got.clone();
        want.sort_unstable();
        assert_eq!(got, want);
    }
}
