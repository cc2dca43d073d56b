use std::hash::{BuildHasher as _, Hash};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::links::OwnLinks;
use super::path::{NodeId, Paths};
pub use crate::bytes::EntryKind as EventKind;
use crate::bytes::tar::{BLOCK, padded};
use crate::layer::{Batch, ContentId, Record, RecordKind};

/// One entry of one layer, or a directory that a layer implies. It holds from its layer until the layer that ended it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Bytes of content; 0 for all that is not a file, hard links too.
    pub size: u64,
    /// The path it is about.
    pub node: NodeId,
    /// First block in the layer's tar (512 bytes each); [`Event::IMPLIED`] for a directory that no entry names.
    pub block: u32,
    previous_index: u32,
    attributes: u32,
    /// A file: its content identity. A symbolic link: its text. A hard link: its row. A device: its numbers.
    /// An index each, or NONE.
    pub(super) extra: Number,
    previous_layer: u16,
    /// The first layer after which this is no longer so; [`Event::HOLDS`] while it is.
    pub until: u16,
    mtime: [u8; 5],
    kind: EventKind,
    /// [`Change`] in the low bits, and [`DEAD`].
    flags: u8,
    header_blocks: u8,
}

/// A number that may be found out while others look at the tree.
#[derive(Debug)]
pub(super) struct Number(AtomicU32);

impl Number {
    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn set(&self, number: u32) {
        self.0.store(number, Ordering::Release);
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self(AtomicU32::new(number))
    }
}

impl Clone for Number {
    fn clone(&self) -> Self {
        self.get().into()
    }
}

/// What a layer does to a path, against the file system below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Nothing that lasts: a directory named again as it was, or an entry that the same layer replaces.
    None,
    /// It was not there.
    Added,
    /// It was there; a file that is stored again counts, however equal.
    Modified,
    /// It is gone.
    Removed,
    /// It was there with the same content; mode, owner, attributes or times differ. Told only by [`Tree::difference`].
    Metadata,
}

/// Which event: the layer that has it, and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventRef {
    /// The layer, from 0.
    pub layer: u16,
    /// Tar order; implied directories come after all entries.
    pub index: u32,
}

impl EventRef {
    pub(super) const NONE: Self = Self { layer: u16::MAX, index: u32::MAX };

    pub(super) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

pub(super) const NONE: u32 = u32::MAX;
/// A file whose last name is gone.
const DEAD: u8 = 4;

impl Event {
    /// [`Event::until`] of what holds to the end.
    pub const HOLDS: u16 = u16::MAX;
    /// [`Event::block`] of what no entry names.
    pub const IMPLIED: u32 = u32::MAX;

    /// What the path is.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Seconds since 1970; None for an implied directory.
    pub fn mtime(&self) -> Option<i64> {
        let mut bytes = [if self.mtime[4] & 0x80 == 0 { 0 } else { 0xff }; 8];
        bytes[..5].copy_from_slice(&self.mtime);
        (!self.is_implied()).then(|| i64::from_le_bytes(bytes))
    }

    /// A directory that must be there, since something is in it, but that no layer names.
    pub fn is_implied(&self) -> bool {
        self.block == Self::IMPLIED
    }

    /// What it changes against the file system below its layer.
    pub fn change(&self) -> Change {
        match self.flags & 3 {
            1 => Change::Added,
            2 => Change::Modified,
            3 => Change::Removed,
            _ => Change::None,
        }
    }

    /// A file whose last name is gone in the end.
    pub fn is_dead(&self) -> bool {
        self.flags & DEAD != 0
    }

    /// Bytes of the layer's tar that belong to it: headers, content, padding. Of a sparse file what it would be without
    /// holes; 0 for what no entry names.
    pub fn tar_bytes(&self) -> u64 {
        u64::from(self.header_blocks) * BLOCK + padded(self.size)
    }

    /// Blocks of 512 bytes before the content; 255 stands for as many or more.
    pub fn header_blocks(&self) -> u8 {
        self.header_blocks
    }

    pub(super) fn previous(&self) -> EventRef {
        EventRef { layer: self.previous_layer, index: self.previous_index }
    }

    fn holds_at(&self, own: u16, layer: u16) -> bool {
        own <= layer && layer < self.until
    }

    pub(super) fn set_previous(&mut self, previous: EventRef) {
        (self.previous_layer, self.previous_index) = (previous.layer, previous.index);
    }

    pub(super) fn set_change(&mut self, change: Change) {
        self.flags = self.flags & !3 | change as u8;
    }

    pub(super) fn set_dead(&mut self) {
        self.flags |= DEAD;
    }

    pub(super) fn same_attributes(&self, other: &Self) -> bool {
        self.attributes == other.attributes
    }

    pub(super) fn same_mtime(&self, other: &Self) -> bool {
        self.mtime == other.mtime
    }

    /// A directory with the mode that engines give what nobody names.
    pub(super) fn implied(node: NodeId, attributes: u32) -> Self {
        Self {
            size: 0,
            node,
            block: Self::IMPLIED,
            previous_index: NONE,
            attributes,
            extra: NONE.into(),
            previous_layer: u16::MAX,
            until: Self::HOLDS,
            mtime: [0; 5],
            kind: EventKind::Directory,
            flags: 0,
            header_blocks: 0,
        }
    }
}

/// Mode, owner, group and extended attributes: what `docs/waste.md` calls metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes in a canonical form; empty is none.
    pub xattrs: Box<[u8]>,
}

/// All events of one layer.
#[derive(Debug, Default)]
pub struct LayerEvents {
    /// Entries in tar order, then implied directories.
    pub events: Vec<Event>,
    /// How many of the events are entries.
    pub listed: usize,
    pub(super) whiteouts: Vec<(NodeId, bool)>,
    /// Paths that this layer takes away, in no order.
    pub removed: Vec<NodeId>,
    /// Files whose last name this layer takes away, its own among them.
    pub deaths: Vec<EventRef>,
    /// Bytes of content of all its files.
    pub content_bytes: u64,
    /// Paths that it adds.
    pub added: u64,
    /// Paths that it changes.
    pub modified: u64,
    /// By place in `events`: bytes as stored that the entry takes; empty where that is not known.
    pub(super) pull: Vec<u64>,
    /// Whether these are estimates, since the layer is not compressed.
    pub pull_estimated: bool,
    /// Its symbolic links, while it is read.
    pub(super) links: OwnLinks,
}

impl LayerEvents {
    /// Paths of entries that were ignored because they lead around in circles, the first few, and how many more there are.
    pub fn loops(&self) -> (&[Vec<u8>], usize) {
        self.links.loops()
    }
}

/// A hard link: the path that it names, and the file that it resolves to.
#[derive(Debug, Clone, Copy)]
pub(super) struct HardLink {
    pub(super) target: NodeId,
    pub(super) copy: EventRef,
    pub(super) own: EventRef,
}

/// What is in the file system after the last layer, the root not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FinalCounts {
    /// Regular files, a hard link being one of its own.
    pub files: u64,
    /// Directories, implied ones too.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Devices and pipes.
    pub others: u64,
}

/// Why a tree cannot hold more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TreeError {
    /// Too many paths.
    #[error("the image has more paths than can be kept (four billion bytes of names)")]
    Full,
    /// More than its size in bytes can account for.
    #[error(
        "the image describes {entries} entries and {paths} paths in {read} bytes, which would take too much memory; \
         real images do not, so it is not read"
    )]
    Memory {
        /// Entries of all layers.
        entries: usize,
        /// Paths of all layers.
        paths: usize,
        /// Bytes that were read.
        read: u64,
    },
    /// Too many bytes, which holes in sparse files make easy to claim.
    #[error("the image's files claim to hold more bytes than can be added up (10^18)")]
    Claims,
}

/// Bytes of all files of an image together: sums of sums of them still fit.
const MAX_BYTES: u64 = 1 << 60;

/// All layers' paths and their timelines.
#[derive(Debug, Default)]
pub struct Tree {
    /// The paths.
    pub paths: Paths,
    /// Each node's last event.
    pub(super) last: Vec<EventRef>,
    /// The layers that are stacked, the base first.
    pub layers: Vec<LayerEvents>,
    /// Bytes of all files that were taken.
    claimed: u64,
    /// Events of all layers, stacked or not.
    pub(super) events: usize,
    pub(super) attributes: Interner<Attributes>,
    texts: Interner<Box<[u8]>>,
    devices: Vec<(u32, u32)>,
    contents: Vec<ContentId>,
    /// SHA-256 of contents, where it was asked for; as long as `contents` then.
    sha256: Vec<[u8; 32]>,
    pub(super) hard_links: Vec<HardLink>,
    /// How many names of a file are there, where it ever had several.
    pub(super) names: FxHashMap<EventRef, u32>,
    /// Children that came back to a directory after it was emptied, so that emptying it again costs what is in it.
    pub(super) reborn: FxHashMap<NodeId, Vec<NodeId>>,
    /// Contents that were found out later.
    answers: [OnceLock<Vec<ContentId>>; 2],
}

/// A content number that is one of an answer: the bit below says which, the others are its place.
const ANSWERED: u32 = 1 << 31;
const PLACE: u32 = (1 << 30) - 1;

/// Equal values once, by number.
#[derive(Debug)]
pub(super) struct Interner<T> {
    values: Vec<T>,
    /// Finds the number of a value.
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Bytes that the values hold beside their own size.
    bytes: usize,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashTable::new(), hasher: DefaultHashBuilder::default(), bytes: 0 }
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// The number of a value that holds `bytes` beside its own size.
    pub(super) fn number(&mut self, value: T, bytes: usize) -> u32 {
        let Self { values, numbers, hasher, .. } = self;
        let hash = hasher.hash_one(&value);
        let again = |number: &u32| hasher.hash_one(&values[*number as usize]);
        match numbers.entry(hash, |number| values[*number as usize] == value, again) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(place) => {
                let number = values.len() as u32;
                place.insert(number);
                values.push(value);
                self.bytes += bytes;
                number
            }
        }
    }

    fn memory(&self) -> usize {
        self.bytes + self.values.len() * (size_of::<T>() + 8)
    }
}

impl Tree {
    /// Takes records of a layer that is not stacked yet. Layers may come in any order and mixed; records of one layer
    /// come in tar order.
    ///
    /// # Errors
    /// When the tree is full, or the files claim more bytes than can be added up.
    pub fn collect(&mut self, layer: &mut LayerEvents, batch: &Batch) -> Result<(), TreeError> {
        let mut folder = (NodeId::ROOT, &[][..]);
        for record in &batch.records {
            let path = batch.text(&record.path);
            let node = if layer.links.is_empty() {
                Some(self.make(path, &mut folder)?)
            } else {
                self.make_linked(&layer.links, path, &mut folder, record.kind == RecordKind::Opaque)?
            };
            let Some(node) = node else {
                layer.links.circles(path);
                continue;
            };
            match record.kind {
                RecordKind::Whiteout => layer.whiteouts.push((node, false)),
                RecordKind::Opaque => layer.whiteouts.push((node, true)),
                RecordKind::Entry(kind) => {
                    let Some(event) = self.event(node, kind, record, batch, &layer.links)? else {
                        layer.links.circles(path);
                        continue;
                    };
                    let links = &mut layer.links;
                    let moved = match kind {
                        EventKind::Symlink => links.link(&self.paths, node, event.extra.get()),
                        EventKind::HardLink => {
                            links.hard_link(&self.paths, node, self.hard_links[event.extra.get() as usize].target)
                        }
                        EventKind::Directory => links.directory(node),
                        _ if links.is_empty() => false,
                        _ => links.other(&self.paths, node),
                    };
                    if moved {
                        folder = (NodeId::ROOT, &[][..]);
                    }
                    self.claimed = self.claimed.saturating_add(event.size);
                    if self.claimed > MAX_BYTES {
                        return Err(TreeError::Claims);
                    }
                    layer.content_bytes += event.size;
                    layer.events.push(event);
                    self.events += 1;
                    layer.pull.extend(record.pull_bytes);
                    layer.listed += 1;
                }
            }
        }
        Ok(())
    }

    /// As [`Tree::make`], through the layer's own links.
    fn make_linked<'t>(
        &mut self,
        links: &OwnLinks,
        path: &'t [u8],
        folder: &mut (NodeId, &'t [u8]),
        follow: bool,
    ) -> Result<Option<NodeId>, TreeError> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let Some(slash) = slash.filter(|_| !follow) else { return self.make_through(links, path, follow) };
        if folder.1 != &path[..slash] {
            let Some(node) = self.make_through(links, &path[..slash], true)? else { return Ok(None) };
            *folder = (node, &path[..slash]);
        }
        self.paths.make_child(folder.0, &path[slash + 1..]).map(Some).map_err(|_| TreeError::Full)
    }

    /// The node of `path`; `folder` remembers the last directory, since entries of one directory stand together.
    fn make<'t>(&mut self, path: &'t [u8], folder: &mut (NodeId, &'t [u8])) -> Result<NodeId, TreeError> {
        let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else {
            return if path.is_empty() {
                Ok(NodeId::ROOT)
            } else {
                self.paths.make_child(NodeId::ROOT, path).map_err(|_| TreeError::Full)
            };
        };
        if folder.1 != &path[..slash] {
            let mut node = NodeId::ROOT;
            for name in path[..slash].split(|byte| *byte == b'/') {
                node = self.paths.make_child(node, name).map_err(|_| TreeError::Full)?;
            }
            *folder = (node, &path[..slash]);
        }
        self.paths.make_child(folder.0, &path[slash + 1..]).map_err(|_| TreeError::Full)
    }

    /// The event that a record is; `None` for a hard link whose target leads around in circles.
    fn event(
        &mut self,
        node: NodeId,
        kind: EventKind,
        record: &Record,
        batch: &Batch,
        links: &OwnLinks,
    ) -> Result<Option<Event>, TreeError> {
        let xattrs = batch.text(&record.xattrs);
        let attributes = self.attributes.number(
            Attributes { mode: record.mode, uid: record.uid, gid: record.gid, xattrs: xattrs.into() },
            xattrs.len(),
        );
        let extra = match kind {
            EventKind::File => record.content.map_or(NONE, |content| self.keep_content(content, record.sha256)),
            EventKind::Symlink => {
                let text = batch.text(&record.link);
                self.texts.number(text.into(), text.len())
            }
            EventKind::HardLink => {
                let Some(target) =
                    self.make_linked(links, batch.text(&record.link), &mut (NodeId::ROOT, &[]), false)?
                else {
                    return Ok(None);
                };
                self.hard_links.push(HardLink { target, copy: EventRef::NONE, own: EventRef::NONE });
                self.hard_links.len() as u32 - 1
            }
            EventKind::Char | EventKind::Block => {
                self.devices.push(record.device);
                self.devices.len() as u32 - 1
            }
            EventKind::Directory | EventKind::Fifo => NONE,
        };
        // Five bytes hold 17,000 years on either side.
        let mtime = record.mtime.clamp(-(1 << 39), (1 << 39) - 1).to_le_bytes();
        Ok(Some(Event {
            size: record.size,
            block: record.block,
            attributes,
            extra: extra.into(),
            mtime: [mtime[0], mtime[1], mtime[2], mtime[3], mtime[4]],
            kind,
            header_blocks: record.header_blocks,
            ..Event::implied(node, attributes)
        }))
    }

    fn keep_content(&mut self, content: ContentId, sha256: Option<[u8; 32]>) -> u32 {
        self.contents.push(content);
        if let Some(sha256) = sha256 {
            self.sha256.resize(self.contents.len() - 1, [0; 32]);
            self.sha256.push(sha256);
        }
        self.contents.len() as u32 - 1
    }

    /// Says what files contain that were asked for after the tree was stacked. To be called once for each of the two rounds
    /// of questions (0: what is dead, 1: what is stored twice); later calls for a round change nothing.
    pub fn answer(&self, round: usize, files: &[EventRef], contents: Vec<ContentId>) {
        // A round that was answered before keeps what it has.
        if self.answers[round].set(contents).is_err() {
            return;
        }
        // More than a billion are as good as unknown.
        for (file, place) in files.iter().zip(0..PLACE) {
            let event = self.event_at(*file);
            if event.kind == EventKind::File && event.extra.get() == NONE {
                event.extra.set(ANSWERED | (round as u32) << 30 | place);
            }
        }
    }

    /// One event.
    pub fn event_at(&self, at: EventRef) -> &Event {
        &self.layers[usize::from(at.layer)].events[at.index as usize]
    }

    /// Bytes as stored that all entries of a layer take, where they are known.
    pub fn layer_pull_bytes(&self, layer: usize) -> Option<u64> {
        let pull = &self.layers[layer].pull;
        (!pull.is_empty()).then(|| pull.iter().sum())
    }

    /// Sizes of files whose content is known.
    pub fn known_sizes(&self) -> FxHashSet<u64> {
        let events = self.layers.iter().flat_map(|layer| &layer.events);
        let known = events.filter(|event| event.kind == EventKind::File && event.extra.get() != NONE);
        known.map(|event| event.size).collect()
    }

    /// Bytes as stored that an entry takes, where its layer is compressed.
    pub fn pull_bytes(&self, at: EventRef) -> Option<u64> {
        self.layers[usize::from(at.layer)].pull.get(at.index as usize).copied()
    }

    pub(super) fn event_mut(&mut self, at: EventRef) -> &mut Event {
        &mut self.layers[usize::from(at.layer)].events[at.index as usize]
    }

    /// All events of a path, the last first.
    pub fn events_of(&self, node: NodeId) -> impl Iterator<Item = (EventRef, &Event)> {
        let last = self.last.get(node.index()).copied().unwrap_or(EventRef::NONE).some();
        std::iter::successors(last, |at| self.event_at(*at).previous().some()).map(|at| (at, self.event_at(at)))
    }

    /// What a path is after `layer`; None when it is not there.
    pub fn state(&self, node: NodeId, layer: u16) -> Option<EventRef> {
        self.events_of(node).find(|(at, event)| event.holds_at(at.layer, layer)).map(|(at, _)| at)
    }

    /// The file that a regular file or hard link stands for; None for a link to nothing and all that is not a file.
    pub fn copy_of(&self, at: EventRef) -> Option<EventRef> {
        let event = self.event_at(at);
        match event.kind {
            EventKind::File => Some(at),
            EventKind::HardLink => self.hard_links[event.extra.get() as usize]
                .copy
                .some()
                .filter(|copy| self.event_at(*copy).kind == EventKind::File),
            _ => None,
        }
    }

    /// What a path is in truth: of a hard link what it was made from, be it a file, a symbolic link or a device; of a link to
    /// nothing, and of all else, itself.
    pub fn stands_for(&self, at: EventRef) -> EventRef {
        let event = self.event_at(at);
        match event.kind {
            EventKind::HardLink => self.hard_links[event.extra.get() as usize].copy.some().unwrap_or(at),
            _ => at,
        }
    }

    /// All hard links that resolve to a file, as (file, link).
    pub fn links(&self) -> impl Iterator<Item = (EventRef, EventRef)> {
        self.hard_links.iter().filter_map(|link| Some((link.copy.some()?, link.own.some()?)))
    }

    /// Mode, owner, group and extended attributes. A hard link has those of its file.
    pub fn attributes(&self, at: EventRef) -> &Attributes {
        let at = self.copy_of(at).unwrap_or(at);
        &self.attributes.values[self.event_at(at).attributes as usize]
    }

    /// Whether two events have equal metadata.
    pub fn same_attributes(&self, a: EventRef, b: EventRef) -> bool {
        self.event_at(a).same_attributes(self.event_at(b))
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        &self.texts.values[number as usize]
    }

    /// A symbolic link's text, any bytes.
    pub fn symlink(&self, event: &Event) -> Option<&[u8]> {
        (event.kind == EventKind::Symlink).then(|| self.text(event.extra.get()))
    }

    /// The path that a hard link names.
    pub fn link_target(&self, event: &Event) -> Option<NodeId> {
        (event.kind == EventKind::HardLink).then(|| self.hard_links[event.extra.get() as usize].target)
    }

    /// Major and minor number of a device.
    pub fn device(&self, event: &Event) -> Option<(u32, u32)> {
        matches!(event.kind, EventKind::Char | EventKind::Block).then(|| self.devices[event.extra.get() as usize])
    }

    /// Identity of a file's content, where it is known.
    pub fn content(&self, file: EventRef) -> Option<ContentId> {
        let event = self.event_at(file);
        if event.kind != EventKind::File {
            return None;
        }
        match event.extra.get() {
            NONE => None,
            number if number & ANSWERED != 0 => {
                let round = usize::from(number & !ANSWERED > PLACE);
                self.answers[round].get()?.get((number & PLACE) as usize).copied()
            }
            number => self.contents.get(number as usize).copied(),
        }
    }

    /// SHA-256 of a file's content, where it was asked for.
    pub fn sha256(&self, file: EventRef) -> Option<&[u8; 32]> {
        let event = self.event_at(file);
        (event.kind == EventKind::File).then(|| self.sha256.get(event.extra.get() as usize)).flatten()
    }

    /// The last layer; None when nothing is stacked.
    pub fn top(&self) -> Option<u16> {
        self.layers.len().checked_sub(1).map(|top| top as u16)
    }

    /// Bytes of content of all layers.
    pub fn content_bytes(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.content_bytes))
    }

    /// Bytes of files whose last name is gone, of all layers.
    pub fn dead_bytes(&self) -> u64 {
        let files = self.layers.iter().flat_map(|layer| &layer.deaths);
        files.fold(0, |sum, file| sum.saturating_add(self.event_at(*file).size))
    }

    /// What is there in the end.
    pub fn final_counts(&self) -> FinalCounts {
        let mut counts = FinalCounts::default();
        for event in self.layers.iter().flat_map(|layer| &layer.events) {
            if event.until != Event::HOLDS || event.node == NodeId::ROOT {
                continue;
            }
            match event.kind {
                EventKind::File | EventKind::HardLink => counts.files += 1,
                EventKind::Directory => counts.directories += 1,
                EventKind::Symlink => counts.symlinks += 1,
                EventKind::Char | EventKind::Block | EventKind::Fifo => counts.others += 1,
            }
        }
        counts
    }

    /// Events of all layers, stacked or not.
    pub fn event_count(&self) -> usize {
        self.events
    }

    /// About how many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let contents = self.contents.len() * size_of::<ContentId>() + self.sha256.len() * 32;
        self.paths.memory()
            + self.events * (size_of::<Event>() + 8)
            + self.attributes.memory()
            + self.texts.memory()
            + self.hard_links.len() * size_of::<HardLink>()
            + self.devices.len() * 8
            + contents
    }

    /// Bytes of memory for each event, for benchmarks to hold against the promise.
    pub const EVENT_BYTES: usize = size_of::<Event>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_small() {
        assert_eq!(Tree::EVENT_BYTES, 40);
    }
}
