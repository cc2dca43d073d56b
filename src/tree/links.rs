//! Symbolic links that later entries of the same layer pass through.
//!
//! Engines unpack a layer entry by entry into a directory of its own, where only its own links exist. So `lib/a.so` after
//! `lib -> usr/lib` in the same layer is `usr/lib/a.so`, while over a link of a lower layer a directory `lib` comes to be.

use rustc_hash::FxHashMap;

use super::path::{NodeId, Paths};
use super::timeline::{Tree, TreeError};

/// Linux gives up after as many symbolic links.
const MAX_FOLLOWED: usize = 40;
/// Paths of entries that are reported by name.
const MAX_REPORTED: usize = 5;

/// The symbolic links of one layer, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct OwnLinks {
    /// The number of each link's text, and the entry that made it.
    targets: FxHashMap<NodeId, (u32, u32)>,
    /// The entry by which a path with something below it became something else than a directory.
    replaced: FxHashMap<NodeId, u32>,
    entries: u32,
    /// Entries whose path leads around in circles, the first few by path.
    loops: Vec<Vec<u8>>,
    more_loops: usize,
}

impl OwnLinks {
    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The number of the text of the link at `node`, if there is one now.
    fn target(&self, paths: &Paths, node: NodeId) -> Option<u32> {
        let (text, made) = *self.targets.get(&node)?;
        let mut above = paths.parent(node);
        while let Some(node) = above.filter(|_| !self.replaced.is_empty()) {
            if self.replaced.get(&node).is_some_and(|entry| *entry > made) {
                return None;
            }
            above = paths.parent(node);
        }
        Some(text)
    }

    /// Notes a link. Returns true if paths that were resolved before may lead elsewhere now.
    pub(super) fn link(&mut self, paths: &Paths, node: NodeId, text: u32) -> bool {
        let changed = self.other(paths, node);
        self.targets.insert(node, (text, self.entries));
        changed
    }

    /// Notes a hard link to `target`, which may be a symbolic link.
    pub(super) fn hard_link(&mut self, paths: &Paths, node: NodeId, target: NodeId) -> bool {
        match self.target(paths, target) {
            Some(text) => self.link(paths, node, text),
            None => self.other(paths, node),
        }
    }

    /// Notes a directory.
    pub(super) fn directory(&mut self, node: NodeId) -> bool {
        self.targets.remove(&node).is_some()
    }

    /// Notes anything else.
    pub(super) fn other(&mut self, paths: &Paths, node: NodeId) -> bool {
        self.entries += 1;
        let above_others = paths.children(node).next().is_some();
        if above_others {
            self.replaced.insert(node, self.entries);
        }
        self.targets.remove(&node).is_some() || above_others
    }

    /// Forgets the links, since the layer was read.
    pub(super) fn settle(&mut self) {
        (self.targets, self.replaced) = Default::default();
    }

    /// Notes an entry whose path leads around in circles.
    pub(super) fn circles(&mut self, path: &[u8]) {
        if self.loops.len() < MAX_REPORTED {
            self.loops.push(path.to_vec());
        } else {
            self.more_loops += 1;
        }
    }

    /// Paths that lead around in circles, the first few, and how many more there are.
    pub(super) fn loops(&self) -> (&[Vec<u8>], usize) {
        (&self.loops, self.more_loops)
    }
}

impl Tree {
    /// The node that `path` leads to, through the layer's own links; through the last component too if `follow`. Returns
    /// `None` for a path that leads around in circles.
    pub(super) fn make_through(
        &mut self,
        links: &OwnLinks,
        path: &[u8],
        follow: bool,
    ) -> Result<Option<NodeId>, TreeError> {
        let parts = |path: &[u8]| -> Vec<Vec<u8>> {
            path.split(|byte| *byte == b'/').rev().filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
        };
        let mut left = parts(path);
        let mut node = NodeId::ROOT;
        let mut followed = 0;
        while let Some(name) = left.pop() {
            match &*name {
                b"." => continue,
                b".." => {
                    node = self.paths.parent(node).unwrap_or(NodeId::ROOT);
                    continue;
                }
                _ => {}
            }
            let child = self.paths.make_child(node, &name).map_err(|_| TreeError::Full)?;
            let text = links.target(&self.paths, child).filter(|_| follow || !left.is_empty());
            let Some(text) = text else {
                node = child;
                continue;
            };
            followed += 1;
            if followed > MAX_FOLLOWED {
                return Ok(None);
            }
            let target = self.text(text);
            if target.starts_with(b"/") {
                node = NodeId::ROOT;
            }
            left.extend(parts(target));
        }
        Ok(Some(node))
    }
}
