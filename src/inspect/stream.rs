//! Reading an archive that passes once.

use std::collections::{HashMap, VecDeque};
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::blob::{Blob, Flow, read_flowing};
use super::builder::{Builder, Slot, WAITING};
use super::loaded::Loaded;
use super::{InspectError, Options, Progress, Shared, threads};
use crate::bytes::{Algorithm, Compression, Entry, Flowing, ReadAhead, TarError, Walker, sniff};
use crate::image::{Digest, ImageError, Lookup, PlaceKind, Request, resolve};
use crate::layer::Batch;
use crate::source::{MAX_DOCUMENT, Member, Pass, SourceError, Stream, is_document_name, unlike_an_image};

/// Bytes of documents of a stream that are kept in all.
const MAX_DOCUMENTS: u64 = 128 * 1024 * 1024;

/// Names of a stream's members that are remembered, to say what it seems to be.
const MAX_NAMES: usize = 10_000;

/// Reads a member that may be a layer: its slot, its name, its bytes, and where to report to.
pub(super) type ReadMember<'f> = dyn Fn(usize, &str, ReadAhead, &SyncSender<Message>) + Sync + 'f;

/// What the pass and its workers tell the one that builds the tree.
pub(super) enum Message {
    Batch(usize, Batch),
    End(usize, Box<Blob>),
    /// A stream's member that is not a layer.
    Document(String, Vec<u8>),
    Link(String, String),
    /// A stream's member that may be a layer, and the slot that it goes to.
    Member(String, usize),
    /// A stream's member that is neither.
    Other(String),
    /// The stream is over.
    Over(Option<SourceError>),
}

/// What a stream brought that is not a layer.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) documents: HashMap<String, Vec<u8>>,
    links: HashMap<String, String>,
    members: HashMap<String, usize>,
    names: Vec<String>,
    pub(super) damage: Option<SourceError>,
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

    fn kind(&self) -> PlaceKind {
        PlaceKind::Archive
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
    let read_member = |slot: usize, name: &str, ahead: ReadAhead, own: &SyncSender<Message>| {
        // Which digests it has is known only when the manifest comes; a blob's name says its own.
        let named = name.strip_prefix("blobs/").and_then(|name| Digest::parse(&name.replacen('/', ":", 1)));
        let mut algorithms = vec![Algorithm::Sha256];
        algorithms.extend(named.and_then(|digest| digest.computable()).filter(|own| *own != Algorithm::Sha256));
        let algorithms: &[Algorithm] = if options.verify { &algorithms } else { &[] };
        let blob = read_flowing(ahead, options, Flow { algorithms, ..Flow::default() }, &mut |batch| {
            own.send(Message::Batch(slot, batch)).is_ok() && !shared.stop.load(Ordering::Relaxed)
        });
        let _ = own.send(Message::End(slot, Box::new(blob)));
    };
    let read_member = &read_member;
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let pass = stream.pass(scope, Arc::clone(&shared.read))?;
        let (sender, messages) = sync_channel(WAITING);
        let most = threads(options);
        scope.spawn(move || feed_members(scope, pass, most, shared, &sender, read_member));
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
        let name = passed.real_name(&layer.member);
        let known = passed.members.get(name).copied();
        order.push(known.unwrap_or_else(|| {
            // It passed, and was plainly no layer; else the archive lacks it.
            let passed_by = passed.documents.contains_key(name) || passed.names.iter().any(|other| other == name);
            let blob = passed_by.then(|| Blob::damaged(TarError::NotATar("is not a tar archive")));
            builder.slots.push(Slot { blob, ..Slot::default() });
            builder.slots.len() - 1
        }));
    }
    for layer in 0..order.len() {
        builder.push(&order, layer)?;
    }
    let windows = vec![None; builder.slots.len()];
    let Builder { tree, slots, .. } = builder;
    Ok(Loaded::new(image, tree, slots, &order, &windows, options))
}

/// An image's documents alone: layers pass by unread.
pub(super) fn documents(stream: &Stream, request: &Request) -> Result<crate::image::Image, InspectError> {
    let mut passed = Passed::default();
    let failed = |error| InspectError::Source(SourceError::Read { name: stream.name(), error });
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let mut pass = stream.pass(scope, Arc::default())?;
        let mut kept = 0;
        while let Some(member) = pass.next_member()? {
            match member {
                Member::File { name, size, mut content } if is_document_name(&name) || size <= MAX_DOCUMENT => {
                    let mut bytes = Vec::new();
                    content.by_ref().take(1).read_to_end(&mut bytes).map_err(failed)?;
                    if matches!(bytes.first(), Some(b'{' | b'[')) && kept + size <= MAX_DOCUMENTS {
                        kept += size;
                        content.read_to_end(&mut bytes).map_err(failed)?;
                        passed.documents.insert(name, bytes);
                    }
                }
                Member::File { .. } => {}
                Member::Link { name, target } => {
                    passed.links.insert(name, target);
                }
            }
        }
        Ok(())
    })?;
    resolve(&passed, request).map_err(|error| InspectError::Image { name: stream.name(), error })
}

/// Goes through a stream's members and hands each that may be a layer to a thread of its own, so many at a time.
pub(super) fn feed_members<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut pass: Pass,
    most: usize,
    shared: &'scope Shared,
    sender: &SyncSender<Message>,
    read_member: &'scope ReadMember<'_>,
) {
    let mut slots = 0;
    let mut documents = 0;
    let mut workers: VecDeque<ScopedJoinHandle<'scope, ()>> = VecDeque::new();
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
        if sender.send(Message::Member(name.clone(), slot)).is_err() {
            return;
        }
        while workers.len() >= most {
            if let Some(worker) = workers.pop_front()
                && worker.join().is_err()
            {
                return;
            }
        }
        let (feeder, ahead) = ReadAhead::fed();
        let own = sender.clone();
        workers.push_back(scope.spawn(move || read_member(slot, &name, ahead, &own)));
        feeder.feed(&mut Cursor::new(head).chain(content));
    };
    let _ = sender.send(Message::Over(damage));
}

/// A compressed blob, a tar, zeros (an empty tar), or nothing at all.
pub(crate) fn may_be_layer(head: &[u8]) -> bool {
    head.is_empty()
        || sniff(head) != Compression::None
        || head.get(257..262) == Some(b"ustar")
        || (head.len() == 512 && Walker::new(Flowing::new(head), 0).next(&mut Entry::default()).is_ok())
}

pub(super) fn collect_members(
    builder: &mut Builder<'_>,
    messages: &Receiver<Message>,
    passed: &mut Passed,
) -> Result<(), InspectError> {
    for message in messages {
        match message {
            Message::Batch(slot, batch) => builder.batch(slot, &batch)?,
            Message::End(slot, blob) => {
                builder.slots[slot].blob = Some(*blob);
                builder.say_layer(slot, slot)?;
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
