//! Reading an image of a daemon: what is known of its layers from before, and the rest as it streams.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::blob::{Flow, read_flowing};
use super::builder::{Builder, Slot, WAITING};
use super::kept::{CACHE_LIMIT, keeping, recalled};
use super::loaded::Loaded;
use super::stream::{Message, feed_members};
use super::{Clock, InspectError, Options, Progress, Shared, Timing, threads};
use crate::bytes::ReadAhead;
use crate::image::{Digest, Relative, from_facts};
use crate::layer::Cache;
use crate::source::{DaemonError, EngineImage, Pass, SourceError, Stop};

/// Reads an image of a daemon.
pub(super) fn from_engine(
    engine: &EngineImage,
    options: &Options,
    shared: &Shared,
    clock: &mut Clock<'_>,
    timings: &mut Vec<Timing>,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    let facts = &engine.facts;
    let cache = options.cache.as_ref();
    let is_it = |bytes: &[u8]| Digest::of(bytes).as_str() == facts.id;
    let config = cache.and_then(|cache| cache.config(&facts.id)).filter(|bytes| is_it(bytes));
    let mut image = from_facts(facts, config.as_deref());
    timings.push(clock.lap("documents"));
    if !tell(Progress::Image(&image)) {
        return Err(InspectError::Stopped);
    }
    // One slot for each content; an image may have one several times.
    let mut names: Vec<&str> = Vec::new();
    let mut order = Vec::new();
    for diff_id in &facts.diff_ids {
        let known = names.iter().position(|name| name == diff_id);
        order.push(known.unwrap_or(names.len()));
        if known.is_none() {
            names.push(diff_id);
        }
    }
    let mut builder = Builder::new(names.len(), shared, Some(facts.size).filter(|size| *size > 0), tell);
    // What was kept of a layer does not have the SHA-256 of its files, nor always the package databases that advice asks for.
    let readable = cache.filter(|_| !options.hash && !options.looks_closer());
    let mut missing: HashSet<&str> = match readable {
        Some(cache) => recall(cache, &names, options, shared, &mut builder)?,
        None => names.iter().copied().collect(),
    };
    for (layer, slot) in order.iter().enumerate() {
        if !missing.contains(names[*slot]) {
            builder.say_layer(layer, *slot)?;
        }
    }
    timings.push(clock.lap("cache"));
    let mut notes = Vec::new();
    if !missing.is_empty() {
        let exported = export(engine, &mut missing, options, shared, &mut builder)?;
        for (slot, digest) in exported.read {
            if let Some(own) = names.iter().position(|name| *name == digest) {
                builder.slots.swap(own, slot);
            }
        }
        notes = exported.notes;
        if let Some(bytes) = exported.documents.into_iter().find(|bytes| is_it(bytes)) {
            if let Some(Err(error)) = cache.map(|cache| cache.keep_config(&facts.id, &bytes)) {
                notes.push(format!("the cache can't be written: {error}"));
            }
            image = from_facts(facts, Some(&bytes));
        }
    }
    for layer in 0..order.len() {
        builder.push(&order, layer);
    }
    let windows = vec![None; builder.slots.len()];
    let Builder { tree, slots, .. } = builder;
    image.relatives = others(engine, options);
    image.notes.extend(engine.note.clone());
    if engine.daemon.is_started() {
        image.notes.push("read through a `podman system service` that was started for it and has ended".to_owned());
    }
    image.notes.extend(notes);
    Ok(Loaded::new(image, tree, slots, &order, &windows, options))
}

/// Images of the same daemon that this one may be built on; none where the base is given, or is not asked for.
fn others(engine: &EngineImage, options: &Options) -> Vec<Relative> {
    if options.tree_only || options.base_layers.is_some() || options.base_image.is_some() {
        return Vec::new();
    }
    let cache = options.cache.as_ref();
    let known = |id: &str| cache.and_then(|cache| cache.diff_ids(id));
    let mut relatives = Vec::new();
    for other in engine.daemon.others(&engine.facts, &known) {
        if let Some(cache) = cache.filter(|cache| cache.diff_ids(&other.id).is_none()) {
            // What can't be kept is asked for again.
            let _ = cache.keep_diff_ids(&other.id, &other.diff_ids);
        }
        relatives.push(Relative {
            names: other.names,
            digest: other.digest.as_deref().and_then(Digest::parse),
            is_pulled: other.digest.is_some(),
            diff_ids: other.diff_ids.iter().map(|diff_id| Digest::parse(diff_id)).collect(),
        });
    }
    relatives
}

/// Takes the layers whose indexes are kept; returns the names of the others.
fn recall<'n>(
    cache: &Cache,
    names: &[&'n str],
    options: &Options,
    shared: &Shared,
    builder: &mut Builder<'_>,
) -> Result<HashSet<&'n str>, InspectError> {
    let known: Vec<usize> = (0..names.len()).filter(|slot| cache.has(names[*slot])).collect();
    let next = AtomicUsize::new(0);
    let mut missing: HashSet<&str> = names.iter().copied().collect();
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let (sender, messages) = sync_channel(WAITING);
        for _ in 0..threads(options).min(known.len()) {
            let (sender, known, next) = (sender.clone(), &known, &next);
            scope.spawn(move || {
                while let Some(slot) = known.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let stored = cache.read(names[*slot], &mut |batch| {
                        sender.send(Message::Batch(*slot, batch)).is_ok() && !shared.stop.load(Ordering::Relaxed)
                    });
                    // A slot without an end is one whose index was damaged.
                    let blob = stored.map(|stored| recalled(stored, names[*slot]));
                    if let Some(blob) = blob
                        && sender.send(Message::End(*slot, Box::new(blob))).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for message in messages {
            match message {
                Message::Batch(slot, batch) => {
                    if let Err(error) = builder.batch(slot, &batch) {
                        shared.stop.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                Message::End(slot, blob) => {
                    builder.slots[slot].blob = Some(*blob);
                    missing.remove(names[slot]);
                }
                _ => {}
            }
        }
        Ok(())
    })?;
    for (slot, name) in names.iter().enumerate() {
        if missing.contains(name) {
            builder.slots[slot] = Slot::default();
        }
    }
    Ok(missing)
}

/// What an export brought.
#[derive(Default)]
struct Exported {
    /// The slot that each layer that was missing was read into, and its digest.
    read: Vec<(usize, String)>,
    documents: Vec<Vec<u8>>,
    notes: Vec<String>,
}

/// A layer that broke off, or the daemon did.
fn broke(error: SourceError, complaint: Option<String>, name: String) -> InspectError {
    let why = match (complaint, error) {
        (Some(why), _) => why,
        (None, SourceError::Tar { error, .. }) => format!("it {error}"),
        (None, other) => return other.into(),
    };
    let problem = format!("the export broke off: {why}; see whether the daemon still runs, and try again");
    SourceError::Daemon(DaemonError::Broke { engine: name, problem }).into()
}

/// Streams the image until the last of the missing layers was read. Which member is which layer shows by its digest.
fn export(
    engine: &EngineImage,
    missing: &mut HashSet<&str>,
    options: &Options,
    shared: &Shared,
    builder: &mut Builder<'_>,
) -> Result<Exported, InspectError> {
    let stop = Arc::new(Stop::default());
    let trouble: Mutex<Option<String>> = Mutex::new(None);
    let wanted: HashSet<String> = missing.iter().map(|name| (*name).to_owned()).collect();
    let read_member = |slot: usize, ahead: ReadAhead, own: &SyncSender<Message>| {
        let complain = |error: std::io::Error| {
            if let Ok(mut trouble) = trouble.lock() {
                trouble.get_or_insert_with(|| format!("nothing more is kept in the cache: {error}"));
            }
        };
        let flow = Flow { digest: true, estimate: true };
        let blob = keeping(
            options.cache.as_ref(),
            |digest| wanted.contains(digest),
            &complain,
            |keep| {
                read_flowing(ahead, options, flow, &mut |batch| {
                    keep(&batch);
                    own.send(Message::Batch(slot, batch)).is_ok() && !shared.stop.load(Ordering::Relaxed)
                })
            },
        );
        let _ = own.send(Message::End(slot, Box::new(blob)));
    };
    let read_member = &read_member;
    let mut exported = Exported::default();
    let own_slots = builder.slots.len();
    let name = format!("{} at {}", engine.facts.engine, engine.daemon.endpoint);
    let mut over: Option<SourceError> = None;
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let (sender, messages) = sync_channel(WAITING);
        let most = threads(options);
        let stream = engine.daemon.export(&engine.facts.id, Arc::clone(&shared.read), &stop);
        let feeder_name = name.clone();
        scope.spawn(move || match Pass::over(feeder_name, Box::new(stream), scope) {
            Ok(pass) => feed_members(scope, pass, most, shared, &sender, read_member),
            Err(error) => drop(sender.send(Message::Over(Some(error)))),
        });
        let done = (|| loop {
            let message = match messages.recv_timeout(Duration::from_millis(200)) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    if shared.read.load(Ordering::Relaxed) == 0 {
                        builder.say(|_, _| Progress::Waiting("waiting for the daemon to begin"))?;
                    } else {
                        builder.say(|read, of| Progress::Bytes { read, of })?;
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            match message {
                Message::Member(_, slot) => {
                    builder.slots.resize_with(own_slots + slot + 1, Slot::default);
                }
                Message::Batch(slot, batch) => builder.batch(own_slots + slot, &batch)?,
                Message::End(slot, blob) => {
                    let slot = own_slots + slot;
                    let digest = blob.uncompressed.map(|hash| Digest::from_sha256(hash).as_str().to_owned());
                    let sound = blob.end.damage.is_none();
                    builder.slots[slot].blob = Some(*blob);
                    let Some(digest) = digest.filter(|_| sound) else { continue };
                    if !missing.remove(digest.as_str()) {
                        continue;
                    }
                    let layer = engine.facts.diff_ids.iter().position(|name| *name == digest).unwrap_or(0);
                    exported.read.push((slot, digest));
                    builder.say_layer(layer, slot)?;
                    if missing.is_empty() {
                        stop.ring();
                    }
                }
                Message::Document(_, bytes) => exported.documents.push(bytes),
                Message::Over(error) => over = error,
                Message::Link(..) | Message::Other(_) => {}
            }
        })();
        stop.ring();
        if done.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        done
    })?;
    if let Some(error) = over.filter(|_| !missing.is_empty()) {
        return Err(broke(error, stop.complaint(), name));
    }
    exported.notes.extend(trouble.into_inner().unwrap_or_default());
    if let Some(cache) = &options.cache {
        // Another process may prune at the same time.
        let _ = cache.prune(CACHE_LIMIT, None);
    }
    Ok(exported)
}
