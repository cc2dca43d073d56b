//! One tree of two layers out of two final file systems.

use std::collections::BTreeMap;
use std::ops::Range as Span;

use rustc_hash::FxHashMap;

use super::files::{Aspects, Differing, Pairs, last};
use crate::inspect::Inspection;
use crate::layer::{Batch, ContentId, Record, RecordKind};
use crate::tree::{Event, EventKind, EventRef, LayerEvents, NodeId, Tree, TreeError};

/// Records that are handed over at once, and bytes of their texts.
const STEP: usize = 4096;
const TEXTS: usize = 256 * 1024;

pub(super) struct Merged {
    pub(super) tree: Tree,
    /// By path of the tree: in what it differs.
    pub(super) aspects: FxHashMap<NodeId, Aspects>,
    pub(super) origins: [Vec<EventRef>; 2],
}

pub(super) fn merge(
    a: &Inspection,
    b: &Inspection,
    pairs: &Pairs,
    differing: &Differing,
    known: &[BTreeMap<EventRef, ContentId>; 2],
) -> Result<Merged, TreeError> {
    let mut tree = Tree::default();
    let (a, b) = (&*a.tree, &*b.tree);
    let mut first = Writer::new(&mut tree, a, &known[0]);
    for index in 1..a.paths.len() {
        let node = NodeId::from_index(index);
        if let Some(at) = last(a, node) {
            first.entry(node, at)?;
        }
    }
    let first = first.finish()?;
    let mut second = Writer::new(&mut tree, b, &known[1]);
    second.whiteouts(a, pairs)?;
    second.keep_names(pairs, differing, a);
    for index in 1..b.paths.len() {
        let node = NodeId::from_index(index);
        let Some(at) = last(b, node) else { continue };
        let is_new = pairs.first[index].and_then(|other| last(a, other)).is_none();
        if is_new || differing.aspects.contains_key(&node) {
            second.entry(node, at)?;
        }
    }
    let second = second.finish()?;
    let here = |node: NodeId| tree.paths.find(&b.paths.path(node));
    let aspects = differing.aspects.iter().filter_map(|(node, aspects)| Some((here(*node)?, *aspects))).collect();
    Ok(Merged { aspects, tree, origins: [first, second] })
}

/// Writes entries of an image's final file system as a layer of another tree.
struct Writer<'t> {
    tree: &'t mut Tree,
    from: &'t Tree,
    /// Contents that were found out for the comparison.
    known: &'t BTreeMap<EventRef, ContentId>,
    layer: LayerEvents,
    batch: Batch,
    origins: Vec<EventRef>,
    /// The path under which a file was written first: its other names are links to it.
    names: FxHashMap<EventRef, Vec<u8>>,
}

impl<'t> Writer<'t> {
    fn new(tree: &'t mut Tree, from: &'t Tree, known: &'t BTreeMap<EventRef, ContentId>) -> Self {
        let (layer, batch) = (LayerEvents::default(), Batch::default());
        Self { tree, from, known, layer, batch, origins: Vec::new(), names: FxHashMap::default() }
    }

    /// Files that have a name which did not change: new names of theirs are links to that.
    fn keep_names(&mut self, pairs: &Pairs, differing: &Differing, before: &Tree) {
        let from = self.from;
        for (file, link) in from.links() {
            for at in [file, link] {
                let node = from.event_at(at).node;
                let stays = last(from, node) == Some(at)
                    && pairs.first[node.index()].and_then(|other| last(before, other)).is_some()
                    && !differing.aspects.contains_key(&node);
                if stays {
                    self.names.entry(file).or_insert_with(|| from.paths.path(node));
                }
            }
        }
    }

    /// Takes away what the second image does not have, folders as a whole. What gives way to something that is not a folder goes
    /// with that.
    fn whiteouts(&mut self, before: &Tree, pairs: &Pairs) -> Result<(), TreeError> {
        let mut of_first: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for (index, first) in pairs.first.iter().enumerate() {
            if let Some(first) = first {
                of_first.insert(*first, NodeId::from_index(index));
            }
        }
        let is_folder = |node: NodeId| {
            let there = of_first.get(&node).and_then(|own| last(self.from, *own));
            node == NodeId::ROOT || there.is_some_and(|at| self.from.event_at(at).kind() == EventKind::Directory)
        };
        let gone: Vec<NodeId> = (1..before.paths.len())
            .map(NodeId::from_index)
            .filter(|node| !pairs.stays[node.index()] && last(before, *node).is_some())
            .filter(|node| before.paths.parent(*node).is_some_and(is_folder))
            .collect();
        for node in gone {
            let path = before.paths.path(node);
            let record = self.record(RecordKind::Whiteout, &path, &[], &[]);
            self.push(record)?;
        }
        Ok(())
    }

    fn entry(&mut self, node: NodeId, at: EventRef) -> Result<(), TreeError> {
        let from = self.from;
        let path = from.paths.path(node);
        let stands = from.stands_for(at);
        let event = from.event_at(stands);
        let attributes = from.attributes(stands);
        let is_file = event.kind() == EventKind::File;
        let name = self.names.get(&stands).filter(|_| is_file).cloned();
        let kind = if name.is_some() { EventKind::HardLink } else { event.kind() };
        let link = match (name, event.kind()) {
            (Some(name), _) => name,
            (None, EventKind::HardLink) => self.nothing(event, &path),
            (None, _) => from.symlink(event).unwrap_or_default().to_vec(),
        };
        let mut record = self.record(RecordKind::Entry(kind), &path, &link, &attributes.xattrs);
        record.block = self.origins.len() as u32;
        record.mode = attributes.mode;
        (record.uid, record.gid) = (attributes.uid, attributes.gid);
        record.mtime = event.mtime().unwrap_or(0);
        record.device = from.device(event).unwrap_or_default();
        if kind == EventKind::File {
            record.size = event.size;
            record.content = from.content(stands).or_else(|| self.known.get(&stands).copied());
            self.names.insert(stands, path);
        }
        self.origins.push(at);
        self.push(record)
    }

    /// What a link to nothing names. Something may be there meanwhile, or in the other image, also by way of a symbolic link;
    /// then it names what can't be.
    fn nothing(&self, link: &Event, path: &[u8]) -> Vec<u8> {
        let from = self.from;
        let target = link_target(from, link);
        let ends = target.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let may_lead_on = |tree: &Tree| {
            let at = |path: &[u8]| tree.paths.find(path).and_then(|node| last(tree, node));
            let is_link = |end| at(&target[..end]).is_some_and(|at| tree.event_at(at).kind() == EventKind::Symlink);
            at(&target).is_some() || ends.clone().any(is_link)
        };
        if may_lead_on(from) || may_lead_on(self.tree) { [path, b"/\0"].concat() } else { target }
    }

    fn record(&mut self, kind: RecordKind, path: &[u8], link: &[u8], xattrs: &[u8]) -> Record {
        let mut keep = |text: &[u8]| -> Span<u32> {
            let start = self.batch.texts.len() as u32;
            self.batch.texts.extend_from_slice(text);
            start..self.batch.texts.len() as u32
        };
        Record {
            kind,
            path: keep(path),
            link: keep(link),
            xattrs: keep(xattrs),
            size: 0,
            block: 0,
            header_blocks: 0,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: 0,
            device: (0, 0),
            content: None,
            sha256: None,
            pull_bytes: None,
        }
    }

    fn push(&mut self, record: Record) -> Result<(), TreeError> {
        self.batch.records.push(record);
        let full = self.batch.records.len() >= STEP || self.batch.texts.len() >= TEXTS;
        if full { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), TreeError> {
        let batch = std::mem::take(&mut self.batch);
        self.tree.collect(&mut self.layer, &batch)
    }

    fn finish(mut self) -> Result<Vec<EventRef>, TreeError> {
        self.hand_over()?;
        self.tree.push(self.layer);
        Ok(self.origins)
    }
}

fn link_target(tree: &Tree, link: &Event) -> Vec<u8> {
    tree.link_target(link).map(|target| tree.paths.path(target)).unwrap_or_default()
}
