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

/// Whether a rule names a path.
pub(super) type IsNamed<'a> = &'a dyn Fn(&str) -> bool;

/// How an `rm` names what goes in one folder.
struct Names<'t> {
    /// All that is in it goes.
    all: bool,
    /// Endings that are named by a pattern: how many files that go have them, and whether a name has a number. None where some
    /// files must stay.
    endings: FxHashMap<&'t str, Option<(usize, bool)>>,
    /// Files of other layers that may go, too.
    along: Vec<NodeId>,
}

/// What follows the last dot of a name that a shell needs no quotes for.
fn ending(name: &[u8]) -> Option<&str> {
    let (start, ending) = std::str::from_utf8(name).ok()?.rsplit_once('.')?;
    let plain = !ending.is_empty() && ending.chars().all(|c| c.is_ascii_alphanumeric());
    (plain && !start.is_empty()).then_some(ending)
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

    /// How what goes in a folder is named.
    fn names_in(&self, folder: NodeId, going: &FxHashSet<NodeId>, is_named: Option<IsNamed<'_>>) -> Names<'t> {
        let tree = self.tree;
        let is_deep = tree.paths.parent(folder).is_some_and(|above| above != NodeId::ROOT);
        let mut names = Names { all: is_deep, endings: FxHashMap::default(), along: Vec::new() };
        let mut count = 0;
        for (node, at) in tree.entries(folder, self.layer).filter(|_| is_deep) {
            let name = tree.paths.name(node);
            // A star does not stand for what is hidden.
            let goes = going.contains(&node) && !name.starts_with(b".");
            names.all &= goes;
            count += 1;
            if let Some(ending) = ending(name) {
                let along = !goes && tree.is_file(at) && is_named.is_some_and(|own| own(&path_of(tree, node)));
                let known = names.endings.entry(ending).or_insert(Some((0, false)));
                let has_number = goes && name.iter().any(u8::is_ascii_digit);
                *known = known
                    .filter(|_| goes || along)
                    .map(|(many, numbered)| (many + usize::from(goes), numbered || has_number));
                names.along.extend(along.then_some(node));
            }
        }
        names.all &= count > 1;
        names.endings.retain(|ending, known| match known {
            None | Some((0, _)) => false,
            Some((many, has_number)) => {
                // A number is most likely a version, and another one the next time.
                let means_all = || is_named.is_some_and(|own| own(&format!("{}/x.{ending}", path_of(tree, folder))));
                *many > MOST || (*many > 1 || *has_number) && means_all()
            }
        });
        names
    }

    /// The arguments of an `rm -rf` that removes the files, and the paths that go; None when they lie in too many places. Only
    /// directories whose content `is_named` go as a whole, and none at the top; with a pattern go files of other layers that
    /// `is_named`, too. Without it every directory may go, and no other file.
    pub(super) fn arguments(&mut self, is_named: Option<IsNamed<'_>>) -> Option<(Vec<String>, Vec<NodeId>)> {
        let tree = self.tree;
        let mut tops: Vec<NodeId> = Vec::new();
        let mut seen: FxHashSet<NodeId> = FxHashSet::default();
        let mut named: FxHashMap<NodeId, bool> = FxHashMap::default();
        let files: Vec<NodeId> = self.files.iter().copied().collect();
        for file in files {
            let mut top = file;
            while let Some(parent) = tree.paths.parent(top).filter(|parent| *parent != NodeId::ROOT) {
                let is_top = tree.paths.parent(parent) == Some(NodeId::ROOT);
                let mut may_go = || {
                    let ask = || is_named.is_none_or(|own| own(&format!("{}/x", path_of(tree, parent))));
                    *named.entry(parent).or_insert_with(ask)
                };
                if is_top || !self.can_go(parent) || !may_go() {
                    break;
                }
                top = parent;
            }
            if seen.insert(top) {
                tops.push(top);
            }
        }
        tops.sort_by_key(|node| tree.paths.path(*node));
        let mut arguments: Vec<String> = Vec::new();
        let mut folders: FxHashMap<NodeId, Names<'_>> = FxHashMap::default();
        for top in &tops {
            let folder = tree.paths.parent(*top).unwrap_or(NodeId::ROOT);
            let names = folders.entry(folder).or_insert_with(|| self.names_in(folder, &seen, is_named));
            let ending = ending(tree.paths.name(*top)).filter(|ending| names.endings.contains_key(ending));
            let argument = match ending {
                _ if names.all => format!("{}/*", quoted(&path_of(tree, folder))),
                Some(ending) => format!("{}/*.{ending}", quoted(&path_of(tree, folder))),
                None => quoted(&path_of(tree, *top)),
            };
            if !arguments.contains(&argument) {
                arguments.push(argument);
            }
            if arguments.len() > MOST {
                return None;
            }
        }
        tops.extend(folders.into_values().flat_map(|Names { endings, along, .. }| {
            let goes = move |node: &NodeId| ending(tree.paths.name(*node)).is_some_and(|end| endings.contains_key(end));
            along.into_iter().filter(goes)
        }));
        (!arguments.is_empty()).then_some((arguments, tops))
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
