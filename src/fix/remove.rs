//! Removing files of a layer by a command that takes nothing else along.

use globset::GlobBuilder;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::build::{Simple, Word};
use crate::tree::{EventKind, EventRef, NodeId, Tree};

/// Places that a command is written out for.
const MOST: usize = 6;

/// A path of the image with its leading `/`.
pub(super) fn path_of(tree: &Tree, node: NodeId) -> String {
    format!("/{}", String::from_utf8_lossy(&tree.paths.path(node)))
}

/// A path for a shell, quoted where it must be.
pub(super) fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%,:".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Whether an `rm` does not mind when there is nothing to remove.
pub(super) fn is_forced(rm: &Simple) -> bool {
    rm.has_option('f', "--force")
}

/// Whether a shell expands a text to the names of files.
pub(super) fn has_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// What can be taken away with some files, in the file system after a layer.
pub(super) struct Removal<'t> {
    tree: &'t Tree,
    layer: u16,
    files: FxHashSet<NodeId>,
    known: FxHashMap<NodeId, bool>,
}

impl<'t> Removal<'t> {
    pub(super) fn new(tree: &'t Tree, layer: u16, files: impl Iterator<Item = EventRef>) -> Self {
        let files = files.map(|file| tree.event_at(file).node).collect();
        Self { tree, layer, files, known: FxHashMap::default() }
    }

    fn is_new(&self, node: NodeId) -> bool {
        self.layer.checked_sub(1).is_none_or(|below| self.tree.state(node, below).is_none())
    }

    /// Whether a path can go as a whole: it is one of the files, or the layer made it and it holds nothing else that has content.
    fn can_go(&mut self, node: NodeId) -> bool {
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let tree = self.tree;
        let can = match tree.state(node, self.layer) {
            None => true,
            Some(_) if self.files.contains(&node) => true,
            Some(at) if !self.is_new(node) => {
                let _ = at;
                false
            }
            Some(at) => match tree.event_at(at).kind() {
                EventKind::Directory => {
                    let children: Vec<NodeId> = tree.entries(node, self.layer).map(|(node, _)| node).collect();
                    children.into_iter().all(|child| self.can_go(child))
                }
                EventKind::File => tree.event_at(at).size == 0,
                EventKind::HardLink => {
                    tree.copy_of(at).is_some_and(|file| self.files.contains(&tree.event_at(file).node))
                }
                _ => false,
            },
        };
        self.known.insert(node, can);
        can
    }

    /// The arguments of an `rm -rf` that removes the files, and the paths that go; None when they lie in too many places. Only
    /// directories that `may_go` go as a whole, and none at the top.
    pub(super) fn arguments(&mut self, may_go: &dyn Fn(&str) -> bool) -> Option<(Vec<String>, Vec<NodeId>)> {
        let tree = self.tree;
        let mut tops: Vec<NodeId> = Vec::new();
        let mut seen: FxHashSet<NodeId> = FxHashSet::default();
        let files: Vec<NodeId> = self.files.iter().copied().collect();
        for file in files {
            let mut top = file;
            while let Some(parent) = tree.paths.parent(top).filter(|parent| *parent != NodeId::ROOT) {
                let is_top = tree.paths.parent(parent) == Some(NodeId::ROOT);
                if is_top || !self.can_go(parent) || !may_go(&path_of(tree, parent)) {
                    break;
                }
                top = parent;
            }
            if seen.insert(top) {
                tops.push(top);
            }
        }
        tops.sort_by_key(|node| tree.paths.path(*node));
        let mut arguments = Vec::new();
        let mut folders: Vec<NodeId> = Vec::new();
        for top in &tops {
            let folder = tree.paths.parent(*top).unwrap_or(NodeId::ROOT);
            let siblings: Vec<NodeId> = tree.entries(folder, self.layer).map(|(node, _)| node).collect();
            let hidden = |node: &NodeId| tree.paths.name(*node).starts_with(b".");
            let deep = tree.paths.parent(folder).is_some_and(|above| above != NodeId::ROOT);
            let all = deep && siblings.len() > 1 && siblings.iter().all(|node| tops.contains(node) && !hidden(node));
            if !all {
                arguments.push(quoted(&path_of(tree, *top)));
            } else if !folders.contains(&folder) {
                folders.push(folder);
                arguments.push(format!("{}/*", quoted(&path_of(tree, folder))));
            }
        }
        (arguments.len() <= MOST && !arguments.is_empty()).then_some((arguments, tops))
    }
}

/// The topmost paths that the words of an `rm` stand for after a layer; None for words that are not absolute paths and patterns.
pub(super) fn expanded(tree: &Tree, layer: u16, words: &[Word], cwd: &str) -> Option<Vec<NodeId>> {
    let mut found = Vec::new();
    for word in words.iter().filter(|word| !word.text.starts_with('-')) {
        let pattern = word.pattern.as_deref()?;
        if pattern.contains(['$', '~', '{']) {
            return None;
        }
        let whole = crate::build::absolute(cwd, pattern);
        let mut level = vec![NodeId::ROOT];
        for part in whole.split('/').filter(|part| !part.is_empty()) {
            let is_pattern = has_pattern(part);
            let glob = GlobBuilder::new(part).literal_separator(true).build().ok()?.compile_matcher();
            level = level
                .into_iter()
                .flat_map(|folder| -> Vec<NodeId> {
                    if !is_pattern {
                        let child = tree.paths.child(folder, part.as_bytes());
                        return child.filter(|child| tree.state(*child, layer).is_some()).into_iter().collect();
                    }
                    let names = tree.entries(folder, layer).map(|(node, _)| node);
                    names
                        .filter(|node| {
                            let name = tree.paths.name(*node);
                            // A star does not stand for what is hidden.
                            let hidden = name.starts_with(b".") && !part.starts_with('.');
                            !hidden && glob.is_match(String::from_utf8_lossy(name).as_ref())
                        })
                        .collect()
                })
                .collect();
        }
        if level == [NodeId::ROOT] {
            return None;
        }
        found.extend(level);
    }
    Some(found)
}

/// All regular files and links at and below some paths, after a layer.
pub(super) fn files_below(tree: &Tree, layer: u16, tops: &[NodeId]) -> Vec<(NodeId, EventRef)> {
    let mut found = Vec::new();
    let mut stack: Vec<NodeId> = tops.to_vec();
    while let Some(node) = stack.pop() {
        let Some(at) = tree.state(node, layer) else { continue };
        if tree.event_at(at).kind() == EventKind::Directory {
            stack.extend(tree.entries(node, layer).map(|(node, _)| node));
        } else {
            found.push((node, at));
        }
    }
    found
}

/// Whether a program is in one of the usual places after a layer.
pub(super) fn has_program(tree: &Tree, layer: u16, name: &str) -> bool {
    ["bin", "usr/bin", "sbin", "usr/sbin", "usr/local/bin"].iter().any(|folder| {
        let path = format!("{folder}/{name}");
        matches!(tree.lookup(path.as_bytes(), layer, true), crate::tree::Lookup::Found(..))
    })
}
