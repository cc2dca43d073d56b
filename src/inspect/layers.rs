//! Reading all layers, several side by side, into one tree.

use std::collections::HashMap;
use std::io::{BufReader, Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::{
    Clock, InspectError, Inspection, LayerFacts, Note, Options, Progress, Shared, Timing, Verification, threads,
};
use crate::bytes::{Compression, Flowing, Hopping, Input, ReadAhead, TarError, Tee, Walker, Window, sniff};
use crate::image::{Digest, Image, ImageError, Lookup, Presence, Request, resolve};
use crate::layer::{Batch, ContentId, Hashing, IndexEnd, Keep, identify, index};
use crate::source::{MAX_DOCUMENT, Member, Members, SourceError, Stream, Target, is_document_name, unlike_an_image};
use crate::tree::{EventRef, LayerEvents, Tree};
use crate::waste::Waste;

/// Batches that may wait for the tree; the workers wait when there are as many.
const WAITING: usize = 32;
/// Bytes of documents of a stream that are kept in all.
const MAX_DOCUMENTS: u64 = 128 * 1024 * 1024;
/// Names of a stream's members that are remembered, to say what it seems to be.
const MAX_NAMES: usize = 10_000;

/// What was found of one blob, beside its records.
#[derive(Debug, Default)]
struct Blob {
    end: IndexEnd,
    compression: Compression,
    compressed_bytes: Option<u64>,
    /// SHA-256 of the blob as stored, where it was computed.
    stored: Option<[u8; 32]>,
    /// SHA-256 of the uncompressed tar, where it was computed.
    uncompressed: Option<[u8; 32]>,
}

/// What the workers tell the one that builds the tree.
enum Message {
    Batch(usize, Batch),
    End(usize, Box<Blob>),
    /// A stream's member that is no layer.
    Document(String, Vec<u8>),
    Link(String, String),
    /// A stream's member that may be a layer, and the slot that it goes to.
    Member(String, usize),
    /// A stream's member that is neither.
    Other(String),
    /// The stream is over.
    Over(Option<SourceError>),
}

/// Everything but the judgement.
pub(super) struct Loaded {
    pub(super) image: Image,
    pub(super) tree: Tree,
    facts: Vec<LayerFacts>,
    /// Plain layers that can be read again, by layer.
    windows: Vec<Option<Window>>,
    notes: Vec<Note>,
    problems: Vec<String>,
    checked: usize,
    unchecked: usize,
    kept: Vec<(EventRef, Vec<u8>)>,
}

#[derive(Default)]
struct Slot {
    events: LayerEvents,
    blob: Option<Blob>,
}

struct MembersLookup<'m>(&'m Members);

impl Lookup for MembersLookup<'_> {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.document(name)
    }

    fn presence(&self, name: &str) -> Presence {
        if matches!(self.0.get(name), Ok(Some(_))) { Presence::Blob } else { Presence::Absent }
    }

    fn shape(&self) -> String {
        match self.0 {
            Members::Archive(archive) => unlike_an_image(archive.names()),
            Members::Layout(_) => "the directory has no index.json".to_owned(),
        }
    }

    fn damage(&self) -> Option<String> {
        match self.0 {
            Members::Archive(archive) => archive.damage.as_ref().map(ToString::to_string),
            Members::Layout(_) => None,
        }
    }

    fn is_layout(&self) -> bool {
        matches!(self.0, Members::Layout(_))
    }
}

/// Wraps the tree's building around messages from the workers.
struct Builder<'t> {
    tree: Tree,
    slots: Vec<Slot>,
    shared: &'t Shared,
    tell: &'t mut dyn FnMut(Progress<'_>) -> bool,
    of: Option<u64>,
    told: Instant,
}

impl<'t> Builder<'t> {
    fn new(slots: usize, shared: &'t Shared, of: Option<u64>, tell: &'t mut dyn FnMut(Progress<'_>) -> bool) -> Self {
        let slots = (0..slots).map(|_| Slot::default()).collect();
        Self { tree: Tree::default(), slots, shared, tell, of, told: Instant::now() }
    }

    fn batch(&mut self, slot: usize, batch: &Batch) -> Result<(), InspectError> {
        let events = &mut self.slots[slot].events;
        self.tree.collect(events, batch)?;
        if self.told.elapsed() > Duration::from_millis(50) {
            self.told = Instant::now();
            self.say(|read, of| Progress::Bytes { read, of })?;
        }
        Ok(())
    }

    fn say<'p>(&mut self, what: impl FnOnce(u64, Option<u64>) -> Progress<'p>) -> Result<(), InspectError> {
        let read = self.shared.read.load(Ordering::Relaxed);
        if (self.tell)(what(read, self.of)) { Ok(()) } else { Err(InspectError::Stopped) }
    }
}

/// Reads the layers of an archive on disk or a layout.
#[allow(clippy::too_many_arguments, reason = "one call, by one caller")]
pub(super) fn from_members(
    members: &Members,
    target: &Target,
    request: &Request,
    options: &Options,
    shared: &Shared,
    clock: &mut Clock<'_>,
    timings: &mut Vec<Timing>,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    let failed = |error| InspectError::Image { name: target.typed.clone(), error };
    let image = resolve(&MembersLookup(members), request).map_err(failed)?;
    timings.push(clock.lap("documents"));
    if !tell(Progress::Image(&image)) {
        return Err(InspectError::Stopped);
    }
    // One slot for each blob; an image may name one blob several times.
    let mut slots: Vec<Option<Window>> = Vec::new();
    let mut slot_of_member: HashMap<&str, usize> = HashMap::new();
    let mut order = Vec::new();
    for layer in &image.layers {
        let known = slot_of_member.get(layer.member.as_str()).copied();
        if known.is_none() {
            slot_of_member.insert(&layer.member, slots.len());
            slots.push(members.get(&layer.member)?);
        }
        order.push(known.unwrap_or(slots.len() - 1));
    }
    let of = slots.iter().flatten().map(Window::len).sum();
    let mut builder = Builder::new(slots.len(), shared, Some(of), tell);
    // The largest first, so that no thread is left with it at the end.
    let mut queue: Vec<usize> = (0..slots.len()).filter(|slot| slots[*slot].is_some()).collect();
    queue.sort_by_key(|slot| std::cmp::Reverse(slots[*slot].as_ref().map_or(0, Window::len)));
    let next = AtomicUsize::new(0);
    let mut windows: Vec<Option<Window>> = vec![None; slots.len()];
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let (sender, messages) = sync_channel(WAITING);
        for _ in 0..threads(options).min(queue.len()) {
            let (sender, queue, next, slots) = (sender.clone(), &queue, &next, &slots);
            scope.spawn(move || {
                while let Some(slot) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(window) = &slots[*slot] else { continue };
                    let blob = read_window(window, options, &mut |batch| {
                        sender.send(Message::Batch(*slot, batch)).is_ok() && !shared.stop.load(Ordering::Relaxed)
                    });
                    if sender.send(Message::End(*slot, Box::new(blob))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let done = stack_as_they_come(&mut builder, &messages, &order);
        if done.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        done
    })?;
    for (slot, window) in windows.iter_mut().enumerate() {
        let plain = builder.slots[slot].blob.as_ref().is_some_and(|blob| blob.compression == Compression::None);
        *window = slots[slot].take().filter(|_| plain);
    }
    let Builder { tree, slots, .. } = builder;
    Ok(Loaded::new(image, tree, slots, &order, &windows, options))
}

/// Takes the workers' records, and stacks each layer as soon as all below it are there.
fn stack_as_they_come(
    builder: &mut Builder<'_>,
    messages: &Receiver<Message>,
    order: &[usize],
) -> Result<(), InspectError> {
    let mut stacked = 0;
    let mut ended = vec![false; builder.slots.len()];
    for message in messages {
        match message {
            Message::Batch(slot, batch) => builder.batch(slot, &batch)?,
            Message::End(slot, blob) => {
                builder.slots[slot].blob = Some(*blob);
                ended[slot] = true;
                for (layer, _) in order.iter().enumerate().filter(|(_, own)| **own == slot) {
                    builder.say(|_, _| Progress::Layer { layer })?;
                }
            }
            _ => {}
        }
        while order.get(stacked).is_some_and(|slot| ended[*slot]) {
            push(builder, order, stacked);
            stacked += 1;
        }
    }
    // Blobs that the archive lacks are empty layers.
    for layer in stacked..order.len() {
        push(builder, order, layer);
    }
    Ok(())
}

fn push(builder: &mut Builder<'_>, order: &[usize], layer: usize) {
    let slot = order[layer];
    let again = order[layer + 1..].contains(&slot);
    let events = if again {
        builder.tree.duplicate(&builder.slots[slot].events)
    } else {
        std::mem::take(&mut builder.slots[slot].events)
    };
    builder.tree.push(events);
}

fn read_window(window: &Window, options: &Options, send: &mut dyn FnMut(Batch) -> bool) -> Blob {
    let mut head = [0; 6];
    let got = window.clone().read(&mut head).unwrap_or(0);
    let plain = sniff(&head[..got]) == Compression::None;
    if plain && !options.verify {
        let hashing = if options.hash { Hashing::Sha256 } else { Hashing::None };
        let input = if options.hash { Hopping::for_content(window.clone()) } else { Hopping::new(window.clone()) };
        return Blob { end: walk(input, hashing, None, send), ..Blob::default() };
    }
    let mut blob = read_flowing(window.clone(), options, None, send);
    blob.compressed_bytes = blob.compressed_bytes.map(|_| window.len());
    blob
}

fn walk(input: impl Input, hashing: Hashing, keep: Option<&Keep>, send: &mut dyn FnMut(Batch) -> bool) -> IndexEnd {
    index(&mut Walker::new(input, 0), hashing, keep, send)
}

/// Reads a blob once from front to end: inflating on one thread, parsing and hashing contents on another.
fn read_flowing(
    mut stored: impl Read + Send,
    options: &Options,
    keep: Option<&Keep>,
    send: &mut dyn FnMut(Batch) -> bool,
) -> Blob {
    let digests: [Arc<Mutex<Option<[u8; 32]>>>; 2] = Default::default();
    let note = |which: usize| -> Box<dyn FnOnce([u8; 32]) + Send> {
        let place = Arc::clone(&digests[which]);
        Box::new(move |digest| {
            if let Ok(mut place) = place.lock() {
                *place = Some(digest);
            }
        })
    };
    let mut head = Vec::new();
    // An error comes again with the next read.
    let _ = stored.by_ref().take(6).read_to_end(&mut head);
    let compression = sniff(&head);
    let count = Arc::default();
    let stored = crate::bytes::Counted::new(Cursor::new(head).chain(stored), Arc::clone(&count));
    let hashing = if options.hash { Hashing::Sha256 } else { Hashing::Identity };
    // A third of the cost of inflating, and gzip's own checksum finds damage: only when asked for.
    let hash_stored = (options.verify && compression != Compression::None).then(|| note(0));
    let hash_plain = options.verify.then(|| note(1));
    let end = if compression == Compression::None && !options.verify {
        walk(Flowing::new(BufReader::with_capacity(256 * 1024, stored)), hashing, keep, send)
    } else {
        let stored = BufReader::with_capacity(64 * 1024, Tee::new(stored, hash_stored));
        match compression.decode(stored) {
            Ok(plain) => std::thread::scope(|scope| {
                let ahead = ReadAhead::spawn(scope, Tee::new(plain, hash_plain));
                walk(Flowing::new(ahead), hashing, keep, send)
            }),
            Err(error) => IndexEnd { damage: Some(TarError::Io { at: 0, error }), ..IndexEnd::default() },
        }
    };
    let digest = |which: usize| digests[which].lock().ok().and_then(|mut place| place.take());
    let uncompressed = digest(1);
    let plain = compression == Compression::None;
    Blob {
        end,
        compression,
        compressed_bytes: (!plain).then(|| count.load(Ordering::Relaxed)),
        stored: if plain { uncompressed } else { digest(0) },
        uncompressed,
    }
}

/// What a stream brought that is no layer.
#[derive(Default)]
struct Passed {
    documents: HashMap<String, Vec<u8>>,
    links: HashMap<String, String>,
    members: HashMap<String, usize>,
    names: Vec<String>,
    damage: Option<SourceError>,
}

impl Passed {
    /// The name that a chain of links ends in.
    fn real_name<'n>(&'n self, name: &'n str) -> &'n str {
        let mut name = name;
        for _ in 0..128 {
            match self.links.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        name
    }
}

impl Lookup for Passed {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.documents.get(self.real_name(name)).cloned())
    }

    fn presence(&self, name: &str) -> Presence {
        if self.members.contains_key(self.real_name(name)) { Presence::Blob } else { Presence::Absent }
    }

    fn shape(&self) -> String {
        let all = self.documents.keys().chain(self.links.keys()).chain(self.members.keys()).chain(&self.names);
        unlike_an_image(all.map(String::as_str))
    }

    fn damage(&self) -> Option<String> {
        self.damage.as_ref().map(|damage| match damage {
            SourceError::Tar { error, .. } => error.to_string(),
            other => other.to_string(),
        })
    }

    fn is_layout(&self) -> bool {
        false
    }
}

/// Reads an archive that passes once. Which of its members are layers is known only when the manifest comes, often at
/// the very end, so each member that can be one is indexed as it passes.
pub(super) fn from_stream(
    stream: &Stream,
    request: &Request,
    options: &Options,
    shared: &Shared,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    let mut builder = Builder::new(0, shared, None, tell);
    let mut passed = Passed::default();
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let pass = stream.pass(scope, Arc::clone(&shared.read))?;
        let (sender, messages) = sync_channel(WAITING);
        scope.spawn(move || feed_members(scope, pass, options, shared, &sender));
        let done = collect_members(&mut builder, &messages, &mut passed);
        if done.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        done
    })?;
    let nothing = passed.documents.is_empty() && passed.members.is_empty();
    if let Some(damage) = passed.damage.take_if(|damage| nothing || !matches!(damage, SourceError::Tar { .. })) {
        return Err(damage.into());
    }
    let failed = |error: ImageError| InspectError::Image { name: stream.name(), error };
    let image = resolve(&passed, request).map_err(failed)?;
    if !(builder.tell)(Progress::Image(&image)) {
        return Err(InspectError::Stopped);
    }
    let mut order = Vec::new();
    for layer in &image.layers {
        let known = passed.members.get(passed.real_name(&layer.member)).copied();
        order.push(known.unwrap_or_else(|| {
            builder.slots.push(Slot::default());
            builder.slots.len() - 1
        }));
    }
    for layer in 0..order.len() {
        push(&mut builder, &order, layer);
    }
    let windows = vec![None; builder.slots.len()];
    let Builder { tree, slots, .. } = builder;
    Ok(Loaded::new(image, tree, slots, &order, &windows, options))
}

/// Goes through a stream's members and hands each that may be a layer to a thread of its own, so many at a time.
fn feed_members<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut pass: crate::source::Pass,
    options: &'scope Options,
    shared: &'scope Shared,
    sender: &SyncSender<Message>,
) {
    let mut slots = 0;
    let mut documents = 0;
    let mut workers: std::collections::VecDeque<std::thread::ScopedJoinHandle<'scope, ()>> =
        std::collections::VecDeque::new();
    let damage = loop {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let (name, size, mut content) = match pass.next_member() {
            Ok(Some(Member::File { name, size, content })) => (name, size, content),
            Ok(Some(Member::Link { name, target })) => {
                let _ = sender.send(Message::Link(name, target));
                continue;
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let mut head = Vec::new();
        if content.by_ref().take(512).read_to_end(&mut head).is_err() {
            continue;
        }
        let json = is_document_name(&name) || matches!(head.first(), Some(b'{' | b'['));
        if json && size <= MAX_DOCUMENT && documents + size <= MAX_DOCUMENTS {
            documents += size;
            if content.read_to_end(&mut head).is_ok() {
                let _ = sender.send(Message::Document(name, head));
            }
            continue;
        }
        if !may_be_layer(&head) {
            let _ = sender.send(Message::Other(name));
            continue;
        }
        let slot = slots;
        slots += 1;
        if sender.send(Message::Member(name, slot)).is_err() {
            return;
        }
        while workers.len() >= super::threads(options) {
            if let Some(worker) = workers.pop_front()
                && worker.join().is_err()
            {
                return;
            }
        }
        let (feeder, ahead) = ReadAhead::fed();
        let own = sender.clone();
        workers.push_back(scope.spawn(move || {
            let blob = read_flowing(ahead, options, options.keep.as_ref(), &mut |batch| {
                own.send(Message::Batch(slot, batch)).is_ok() && !shared.stop.load(Ordering::Relaxed)
            });
            let _ = own.send(Message::End(slot, Box::new(blob)));
        }));
        feeder.feed(&mut Cursor::new(head).chain(content));
    };
    let _ = sender.send(Message::Over(damage));
}

/// A compressed blob, a tar, or zeros (an empty tar).
fn may_be_layer(head: &[u8]) -> bool {
    sniff(head) != Compression::None
        || head.get(257..262) == Some(b"ustar")
        || (head.len() == 512 && Walker::new(Flowing::new(head), 0).next(&mut crate::bytes::Entry::default()).is_ok())
}

fn collect_members(
    builder: &mut Builder<'_>,
    messages: &Receiver<Message>,
    passed: &mut Passed,
) -> Result<(), InspectError> {
    for message in messages {
        match message {
            Message::Batch(slot, batch) => builder.batch(slot, &batch)?,
            Message::End(slot, blob) => {
                builder.slots[slot].blob = Some(*blob);
                builder.say(|_, _| Progress::Layer { layer: slot })?;
            }
            Message::Document(name, bytes) => {
                passed.documents.insert(name, bytes);
            }
            Message::Link(name, target) => {
                passed.links.insert(name, target);
            }
            Message::Member(name, slot) => {
                builder.slots.resize_with(slot + 1, Slot::default);
                passed.members.insert(name, slot);
            }
            Message::Other(name) if passed.names.len() < MAX_NAMES => passed.names.push(name),
            Message::Other(_) => {}
            Message::Over(damage) => passed.damage = damage,
        }
    }
    Ok(())
}

/// Files whose contents are found out before the tree learns of them.
const ANSWERS: usize = 1 << 16;

/// Finds out contents of plain layers, on all threads.
pub(super) fn answer(
    loaded: &mut Loaded,
    asked: &[EventRef],
    options: &Options,
    shared: &Shared,
) -> Result<(), InspectError> {
    for some in asked.chunks(ANSWERS) {
        for (file, content) in answers(loaded, some, options, shared)? {
            loaded.tree.set_content(file, content);
        }
    }
    Ok(())
}

fn answers(
    loaded: &Loaded,
    asked: &[EventRef],
    options: &Options,
    shared: &Shared,
) -> Result<Vec<(EventRef, ContentId)>, InspectError> {
    const STEP: usize = 64;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<_>, InspectError> {
        let mut answers = Vec::new();
        while !shared.stop.load(Ordering::Relaxed) {
            let from = next.fetch_add(STEP, Ordering::Relaxed);
            if from >= asked.len() {
                break;
            }
            for file in &asked[from..asked.len().min(from + STEP)] {
                let layer = usize::from(file.layer);
                let Some(window) = &loaded.windows[layer] else { continue };
                let event = loaded.tree.event_at(*file);
                let content = identify(window, event.block, event.size)
                    .map_err(|error| InspectError::Content { layer, error })?;
                answers.push((*file, content));
            }
        }
        Ok(answers)
    };
    std::thread::scope(|scope| {
        let workers = threads(options).min(asked.len().div_ceil(STEP));
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().unwrap_or(Err(InspectError::Stopped))?);
        }
        Ok(all)
    })
}

impl Loaded {
    fn new(
        image: Image,
        tree: Tree,
        mut slots: Vec<Slot>,
        order: &[usize],
        windows: &[Option<Window>],
        options: &Options,
    ) -> Self {
        let mut loaded = Self {
            facts: Vec::new(),
            windows: order.iter().map(|slot| windows[*slot].clone()).collect(),
            notes: image
                .notes
                .iter()
                .cloned()
                .chain(image.damage.iter().map(|damage| format!("the archive {damage}")))
                .map(|message| Note { layer: None, message })
                .collect(),
            problems: image.problems.clone(),
            checked: image.verified,
            unchecked: 0,
            kept: Vec::new(),
            tree,
            image,
        };
        for (layer, slot) in order.iter().enumerate() {
            let blob = slots[*slot].blob.as_mut();
            loaded.take_blob(layer, blob);
        }
        if options.verify && loaded.unchecked > 0 {
            let message = format!("{} digests could not be computed", loaded.unchecked);
            loaded.notes.push(Note { layer: None, message });
        }
        loaded
    }

    fn take_blob(&mut self, index: usize, blob: Option<&mut Blob>) {
        let layer = &self.image.layers[index];
        let mut facts = LayerFacts::default();
        let mut note = |message: String| self.notes.push(Note { layer: Some(index), message });
        let Some(blob) = blob else {
            facts.missing = true;
            let why = match self.image.damage {
                Some(_) => "breaks off before it",
                None => "was saved in part",
            };
            note(format!("{} is not in the archive, which {why}; this layer is shown empty", layer.label()));
            self.unchecked += 1;
            self.facts.push(facts);
            return;
        };
        facts.compression = blob.compression;
        facts.compressed_bytes = blob.compressed_bytes;
        facts.tar_bytes = blob.end.tar_bytes;
        facts.entries = blob.end.entries;
        facts.damage = blob.end.damage.as_ref().map(ToString::to_string);
        for message in &blob.end.notes {
            note(message.clone());
        }
        if let Some(damage) = &facts.damage {
            note(format!("{damage}; what comes after is not shown"));
        }
        let stored_bytes = facts.compressed_bytes.unwrap_or(facts.tar_bytes);
        if let Some(size) = layer.size.filter(|size| *size != stored_bytes && facts.damage.is_none()) {
            note(format!("the manifest says {size} bytes, the blob has {stored_bytes}"));
        }
        let mut check = |what: &str, claimed: Option<&Digest>, computed: Option<[u8; 32]>| {
            let Some(claimed) = claimed else { return };
            match computed.and_then(|computed| claimed.is(computed).map(|holds| (holds, computed))) {
                Some((true, _)) => self.checked += 1,
                Some((false, computed)) => {
                    let got = Digest::from_sha256(computed);
                    self.problems.push(format!("layer {index}: its {what} should be {claimed} and is {got}"));
                }
                None => self.unchecked += 1,
            }
        };
        check("digest", layer.digest.as_ref(), blob.stored);
        check("diff ID", layer.diff_id.as_ref(), blob.uncompressed);
        let kept = std::mem::take(&mut blob.end.kept);
        for (block, bytes) in kept {
            let events = self.tree.layers.get(index).map(|layer| &layer.events[..]).unwrap_or_default();
            if let Some(event) = events.iter().position(|event| event.block == block) {
                self.kept.push((EventRef { layer: index as u16, index: event as u32 }, bytes));
            }
        }
        self.facts.push(facts);
    }

    pub(super) fn finish(self, target: &Target, waste: Waste, options: &Options, timings: Vec<Timing>) -> Inspection {
        let verification = match (self.problems.is_empty(), self.checked, self.unchecked) {
            (false, ..) => Verification::Failed,
            (true, 1.., 0) if options.verify => Verification::Verified,
            (true, 1.., _) => Verification::Partial,
            (true, 0, _) => Verification::NotChecked,
        };
        Inspection {
            reference: target.typed.clone(),
            image: self.image,
            layers: self.facts,
            tree: self.tree,
            waste,
            verification,
            problems: self.problems,
            notes: self.notes,
            timings,
            kept: self.kept,
        }
    }
}
