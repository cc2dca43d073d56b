use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::FileChange;
use crate::inspect::Inspection;
use crate::layer::ContentId;
use crate::tree::{Change, Event, EventKind, EventRef, NodeId, Range, Tree};

/// In what a path may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aspect {
    /// It is something else: a file, a directory, a link, a device.
    Kind,
    /// A file's bytes.
    Content,
    /// Where a symbolic link leads, or a device's numbers.
    Target,
    /// Permission bits.
    Mode,
    /// User or group.
    Owner,
    /// Extended attributes.
    Xattrs,
    /// When it was changed last.
    Time,
}

impl Aspect {
    /// All of them, the weightiest first.
    pub const ALL: [Self; 7] =
        [Self::Kind, Self::Content, Self::Target, Self::Mode, Self::Owner, Self::Xattrs, Self::Time];

    /// As the JSON names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Content => "content",
            Self::Target => "target",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Xattrs => "xattrs",
            Self::Time => "time",
        }
    }
}

/// Some of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Aspects(u8);

impl Aspects {
    fn set(&mut self, aspect: Aspect, differs: bool) {
        self.0 |= u8::from(differs) << aspect as u8;
    }

    /// Is this one among them?
    pub fn has(self, aspect: Aspect) -> bool {
        self.0 & 1 << aspect as u8 != 0
    }

    /// None of them.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn without(self, aspect: Aspect) -> Self {
        Self(self.0 & !(1 << aspect as u8))
    }

    fn is_only(self, aspect: Aspect) -> bool {
        self.0 == 1 << aspect as u8
    }

    /// Those that are, the weightiest first.
    pub fn iter(self) -> impl Iterator<Item = Aspect> {
        Aspect::ALL.into_iter().filter(move |aspect| self.has(*aspect))
    }
}

/// What a path is in the end; None when it is not there.
pub(super) fn last(tree: &Tree, node: NodeId) -> Option<EventRef> {
    tree.events_of(node).next().filter(|(_, event)| event.until == Event::HOLDS).map(|(at, _)| at)
}

/// Paths of two trees that are the same path, and which layers of theirs are the same bytes.
pub(super) struct Pairs {
    /// By path of the second tree: the same path of the first.
    pub(super) first: Vec<Option<NodeId>>,
    /// By path of the first tree: it is in the second image's file system.
    pub(super) stays: Vec<bool>,
    /// By layer of the second image: the layers of the first with its diff ID.
    same_layer: Vec<Vec<u16>>,
}

/// Paths of the second image that differ from the first's, by index; and what does not count.
pub(super) struct Differing {
    pub(super) aspects: FxHashMap<NodeId, Aspects>,
    pub(super) only_times: u64,
}

impl Pairs {
    pub(super) fn of(a: &Inspection, b: &Inspection) -> Self {
        let (first_paths, paths) = (&a.tree.paths, &b.tree.paths);
        let mut first = vec![None; paths.len()];
        let mut stays = vec![false; first_paths.len()];
        first[0] = Some(NodeId::ROOT);
        stays[0] = true;
        // A parent's index is smaller than its children's.
        for index in 1..paths.len() {
            let node = NodeId::from_index(index);
            let parent = paths.parent(node).and_then(|parent| first[parent.index()]);
            first[index] = parent.and_then(|parent| first_paths.child(parent, paths.name(node)));
            if let Some(other) = first[index].filter(|_| last(&b.tree, node).is_some()) {
                stays[other.index()] = true;
            }
        }
        let diff_id = |found: &Inspection, layer: usize| found.image.layers[layer].diff_id.clone();
        let same_layer = (0..b.image.layers.len()).map(|own| {
            let id = diff_id(b, own);
            let same = |layer: &u16| id.is_some() && diff_id(a, usize::from(*layer)) == id;
            (0..a.image.layers.len() as u16).filter(same).collect()
        });
        Self { first, same_layer: same_layer.collect(), stays }
    }

    /// Paths that are in both file systems: the second's, and what each is in the first and the second.
    fn both<'p>(&'p self, a: &'p Tree, b: &'p Tree) -> impl Iterator<Item = (NodeId, EventRef, EventRef)> {
        (1..self.first.len()).filter_map(move |index| {
            let node = NodeId::from_index(index);
            Some((node, last(a, self.first[index]?)?, last(b, node)?))
        })
    }

    /// Two files of the same bytes of the same layer.
    fn is_one(&self, a: (&Tree, EventRef), b: (&Tree, EventRef)) -> bool {
        self.same_layer[usize::from(b.1.layer)].contains(&a.1.layer)
            && a.0.event_at(a.1).block == b.0.event_at(b.1).block
            && !a.0.event_at(a.1).is_implied()
    }

    /// Files whose content has to be known: those that are equally large in both, and not one file of a layer that both have.
    pub(super) fn questions(&self, a: &Inspection, b: &Inspection) -> [Vec<EventRef>; 2] {
        let (a, b) = (&*a.tree, &*b.tree);
        let mut asked = [Vec::new(), Vec::new()];
        for (_, one, other) in self.both(a, b) {
            let (Some(one), Some(other)) = (a.copy_of(one), b.copy_of(other)) else { continue };
            let size = a.event_at(one).size;
            if size == 0 || size != b.event_at(other).size || self.is_one((a, one), (b, other)) {
                continue;
            }
            asked[0].extend(a.content(one).is_none().then_some(one));
            asked[1].extend(b.content(other).is_none().then_some(other));
        }
        for asked in &mut asked {
            asked.sort_unstable();
            asked.dedup();
        }
        asked
    }

    pub(super) fn differing(
        &self,
        a: &Inspection,
        b: &Inspection,
        known: &[BTreeMap<EventRef, ContentId>; 2],
        strict: bool,
    ) -> Differing {
        let mut all = Differing { aspects: FxHashMap::default(), only_times: 0 };
        for (node, one, other) in self.both(&a.tree, &b.tree) {
            let aspects = self.aspects((&a.tree, one, &known[0]), (&b.tree, other, &known[1]));
            if aspects.is_only(Aspect::Time) && !strict {
                all.only_times += 1;
            } else if !aspects.is_empty() {
                // Beside another difference a new time says nothing.
                all.aspects.insert(node, if strict { aspects } else { aspects.without(Aspect::Time) });
            }
        }
        all
    }

    fn aspects(&self, a: Known<'_>, b: Known<'_>) -> Aspects {
        let mut aspects = Aspects::default();
        // A second name of a file is as the file is.
        let stands = |(tree, at, _): Known<'_>| tree.stands_for(at);
        let (one, other) = (stands(a), stands(b));
        let (x, y) = (a.0.event_at(one), b.0.event_at(other));
        if one == a.1 && other == b.1 && self.is_one((a.0, one), (b.0, other)) {
            return aspects;
        }
        aspects.set(Aspect::Kind, x.kind() != y.kind());
        if x.kind() == y.kind() {
            let content = |(tree, _, known): Known<'_>, file| tree.content(file).or_else(|| known.get(&file).copied());
            let file = x.kind() == EventKind::File && !self.is_one((a.0, one), (b.0, other));
            let differs = || x.size != y.size || x.size > 0 && content(a, one) != content(b, other);
            aspects.set(Aspect::Content, file && differs());
            let target = a.0.symlink(x) != b.0.symlink(y) || a.0.device(x) != b.0.device(y);
            aspects.set(Aspect::Target, target);
        }
        let (own, new) = (a.0.attributes(one), b.0.attributes(other));
        // The mode of a symbolic link means nothing.
        let link = x.kind() == EventKind::Symlink && y.kind() == EventKind::Symlink;
        aspects.set(Aspect::Mode, own.mode != new.mode && !link);
        aspects.set(Aspect::Owner, (own.uid, own.gid) != (new.uid, new.gid));
        aspects.set(Aspect::Xattrs, own.xattrs != new.xattrs);
        aspects.set(Aspect::Time, x.mtime() != y.mtime());
        aspects
    }
}

/// A tree, what a path is in it, and contents that are known beside it.
type Known<'k> = (&'k Tree, EventRef, &'k BTreeMap<EventRef, ContentId>);

/// What the second of two layers does, path by path, in the byte order of paths.
pub(super) fn changes(tree: &Tree, aspects: &FxHashMap<NodeId, Aspects>) -> Vec<FileChange> {
    let (_, second) = (0_u16, 1_u16);
    let Some(layer) = tree.layers.get(usize::from(second)) else { return Vec::new() };
    let touched = layer.events.iter().filter(|event| event.change() != Change::None).map(|event| event.node);
    let mut files: Vec<FileChange> = touched
        .chain(layer.removed.iter().copied())
        .filter(|node| *node != NodeId::ROOT)
        .map(|node| {
            let (change, _) = tree.change(node, Range::one(second));
            let (before, after) = (tree.state(node, 0), tree.state(node, second));
            let size = |at: Option<EventRef>| at.map_or(0, |at| tree.event_at(at).size);
            FileChange {
                node,
                change,
                aspects: aspects.get(&node).copied().unwrap_or_default(),
                before,
                after: after.filter(|_| change != Change::Removed),
                before_bytes: if change == Change::Added { 0 } else { size(before) },
                after_bytes: size(after),
            }
        })
        .collect();
    let ranks = tree.paths.ranks();
    files.sort_by_key(|file| ranks[file.node.index()]);
    files
}
