//! Reading an image of an engine: what is cached of its layers, and the rest as it streams.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::blob::{Flow, read_flowing};
use super::builder::{Builder, Slot, WAITING};
use super::kept::{CACHE_LIMIT, keeping, recalled};
use super::loaded::Loaded;
use super::members::{self, MembersLookup};
use super::stream::{Message, feed_members};
use super::{Clock, InspectError, Options, Progress, Shared, Timing, threads};
use crate::bytes::{Algorithm, Compression, ReadAhead};
use crate::image::{
    Digest, EngineChoice, ImageError, Lookup, PlaceKind, Platform, Relative, choose_platform, from_documents,
    from_facts, name_by_diff_id,
};
use crate::layer::Cache;
use crate::source::{DaemonError, EngineImage, EnginePlatform, ImageFacts, Members, Pass, SourceError, Stop, Store};

/// Reads an image of an engine.
pub(super) fn from_engine(
    found: &EngineImage,
    options: &Options,
    shared: &Shared,
    clock: &mut Clock<'_>,
    timings: &mut Vec<Timing>,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    let name = found.daemon.title();
    let failed = |error| InspectError::Image { name: name.clone(), error };
    let wanted = options.platform.as_ref();
    let choice = choose_platform(&found.facts, wanted).map_err(failed)?;
    let asked = match &choice {
        EngineChoice::Ask(platform) => found.for_platform(platform).map_err(SourceError::from)?,
        EngineChoice::Described | EngineChoice::Unknown => None,
    };
    let described = asked.is_some() || choice == EngineChoice::Described;
    let engine = asked.as_ref().unwrap_or(found);
    let facts = &engine.facts;
    let cache = options.cache.as_ref();
    if let Some(loaded) = in_place(engine, described, options, shared, clock, timings, tell)? {
        return Ok(loaded);
    }
    let platform = asked_platform(wanted, described, facts);
    let documents = EngineDocuments::new(facts, &platform, cache, HashMap::new());
    let named = |mut image| {
        name_by_diff_id(&mut image);
        image
    };
    let known = match from_documents(facts, &documents, wanted, described) {
        Err(error @ ImageError::EngineDisagrees { .. }) => return Err(failed(error)),
        known => known.ok().map(named),
    };
    // Docker's description of an image of the containerd store has neither its config's digest nor its attestations.
    let has_documents = known.is_some() || facts.store == Store::Configs;
    let mut image = known.or_else(|| described.then(|| from_facts(facts)));
    timings.push(clock.lap("documents"));
    if let Some(image) = &image
        && !tell(Progress::Image(image))
    {
        return Err(InspectError::Stopped);
    }
    let is_known = image.is_some();
    // One slot for each content; an image may have one several times.
    let diff_ids: Vec<String> =
        image.iter().flat_map(|image| &image.layers).map(|layer| layer.member.clone()).collect();
    let (names, mut order) = distinct(&diff_ids);
    let mut builder = Builder::new(names.len(), shared, Some(facts.size).filter(|size| *size > 0), tell);
    // What was cached of a layer does not have the SHA-256 of its files, nor always the package databases that advice asks for.
    let readable = cache.filter(|_| !options.hash && !options.looks_closer());
    let mut missing: HashSet<&str> = match readable {
        Some(cache) => recall(cache, &names, options, shared, &mut builder)?,
        None => names.iter().copied().collect(),
    };
    let recalled: HashSet<usize> = (0..names.len()).filter(|slot| !missing.contains(names[*slot])).collect();
    for (layer, slot) in order.iter().enumerate() {
        if recalled.contains(slot) {
            builder.say_layer(layer, *slot)?;
        }
    }
    timings.push(clock.lap("cache"));
    let mut notes = Vec::new();
    if !is_known || !has_documents || !missing.is_empty() {
        let wanted_layers = is_known.then_some(&mut missing);
        let mut exported = export(engine, &platform, &diff_ids, wanted_layers, options, shared, &mut builder)?;
        notes = std::mem::take(&mut exported.notes);
        let documents = EngineDocuments::new(facts, &platform, cache, exported.documents());
        match from_documents(facts, &documents, wanted, described) {
            Ok(found) => {
                notes.extend(documents.cache_all());
                image = Some(named(found));
            }
            Err(error) => match &mut image {
                Some(image) if !matches!(error, ImageError::EngineDisagrees { .. }) => image.warnings.push(format!(
                    "the export has no config to go by ({error}); history and settings are what {} says",
                    facts.engine.name()
                )),
                _ => {
                    // The next time it shows without an export.
                    let _ = documents.cache_all();
                    return Err(failed(error));
                }
            },
        }
        if is_known {
            for (slot, digest) in exported.read {
                if let Some(own) = names.iter().position(|name| *name == digest) {
                    builder.slots.swap(own, slot);
                }
            }
        } else {
            // Which layers the image has shows only now: all that came were read.
            for layer in image.iter().flat_map(|image| &image.layers) {
                let slot = exported.read.iter().find(|(_, digest)| *digest == layer.member).map(|(slot, _)| *slot);
                order.push(slot.unwrap_or_else(|| {
                    builder.slots.push(Slot::default());
                    builder.slots.len() - 1
                }));
            }
        }
    }
    let Some(mut image) = image else { return Err(InspectError::Stopped) };
    if !is_known && !(builder.tell)(Progress::Image(&image)) {
        return Err(InspectError::Stopped);
    }
    for layer in 0..order.len() {
        builder.push(&order, layer)?;
    }
    for (layer, slot) in image.layers.iter().zip(&order).filter(|(_, slot)| recalled.contains(slot)) {
        // What was cached may have been another blob of the same layer, compressed in another way.
        let stored = layer.media_type.as_deref().and_then(compression).zip(layer.size);
        if let (Some((compression, size)), Some(blob)) = (stored, builder.slots[*slot].blob.as_mut()) {
            blob.compression = compression;
            blob.compressed_bytes = Some(size).filter(|_| compression != Compression::None);
        }
    }
    let windows = vec![None; builder.slots.len()];
    let Builder { tree, slots, .. } = builder;
    image.relatives = others(engine, options);
    image.notes.extend(engine.notes.iter().cloned());
    if engine.daemon.is_started() {
        image.notes.push("read through a `podman system service` that was started for it and has ended".to_owned());
    }
    image.notes.extend(notes);
    Ok(Loaded::new(image, tree, slots, &order, &windows, options))
}

/// Reads an image from the engine's own store, where that can be read and has all of it.
#[allow(clippy::too_many_arguments, reason = "one call, by one caller")]
fn in_place(
    engine: &EngineImage,
    described: bool,
    options: &Options,
    shared: &Shared,
    clock: &mut Clock<'_>,
    timings: &mut Vec<Timing>,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Option<Loaded>, InspectError> {
    let Some(content) = &engine.content else { return Ok(None) };
    let members = Members::Content(content.clone());
    let wanted = options.platform.as_ref();
    let found = from_documents(&engine.facts, &MembersLookup(&members), wanted, described);
    let mut image = match found {
        Ok(image) => image,
        Err(error @ (ImageError::NoPlatform { .. } | ImageError::EngineDisagrees { .. })) => {
            return Err(InspectError::Image { name: engine.daemon.title(), error });
        }
        // The engine may know more than its store shows.
        Err(_) => return Ok(None),
    };
    for layer in &image.layers {
        if members.get(&layer.member)?.is_none() {
            return Ok(None);
        }
    }
    image.notes.extend(engine.notes.iter().cloned());
    image.notes.push(content.note.clone());
    image.relatives = others(engine, options);
    timings.push(clock.lap("documents"));
    members::read_members(&members, image, options, shared, tell).map(Some)
}

/// The platform that is read: what the engine described or, where it can't describe others, the one that is wanted.
fn asked_platform(wanted: Option<&Platform>, described: bool, facts: &ImageFacts) -> EnginePlatform {
    wanted.map(Platform::for_engine).filter(|_| !described).unwrap_or_else(|| facts.platform.clone())
}

/// How a blob of a media type is compressed (OCI image spec, "Layer"); None where the type does not say.
fn compression(media_type: &str) -> Option<Compression> {
    let end = media_type.rsplit(['.', '+']).next().unwrap_or_default();
    match end {
        "gzip" => Some(Compression::Gzip),
        "zstd" => Some(Compression::Zstd),
        "tar" => Some(Compression::None),
        _ => None,
    }
}

/// Each name once, and for each of all names the place where it is.
fn distinct(all: &[String]) -> (Vec<&str>, Vec<usize>) {
    let mut names: Vec<&str> = Vec::new();
    let mut order = Vec::new();
    for name in all {
        let known = names.iter().position(|known| known == name);
        order.push(known.unwrap_or(names.len()));
        if known.is_none() {
            names.push(name);
        }
    }
    (names, order)
}

/// Documents of an image by their digests: those of an export, and those that are cached. What is asked for under a digest
/// has it, or is not there.
struct EngineDocuments<'c> {
    /// Where to begin: the image's id or, in an export of one platform, the manifest of that.
    tops: Vec<String>,
    cache: Option<&'c Cache>,
    exported: HashMap<String, Vec<u8>>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'c> EngineDocuments<'c> {
    fn new(
        facts: &ImageFacts,
        platform: &EnginePlatform,
        cache: Option<&'c Cache>,
        exported: HashMap<String, Vec<u8>>,
    ) -> Self {
        let alone = facts.manifests.iter().filter(|_| facts.exports_alone(platform));
        let manifest = alone.into_iter().find(|each| each.platform.is(platform)).map(|each| each.digest.clone());
        let tops = [facts.id.clone()].into_iter().chain(manifest).collect();
        Self { tops, cache, exported, asked: RefCell::default() }
    }

    fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let cached = || self.cache?.document(digest).filter(|bytes| Digest::of(bytes).as_str() == digest);
        self.exported.get(digest).cloned().or_else(cached)
    }

    /// Caches what was asked for, so that the image can be opened without an export. Returns what kept it from being written.
    fn cache_all(&self) -> Option<String> {
        let cache = self.cache?;
        let asked = self.asked.borrow();
        let mut new = asked.iter().filter_map(|digest| Some((digest, self.exported.get(digest)?)));
        let done = new.try_for_each(|(digest, bytes)| cache.keep_document(digest, bytes));
        done.err().map(|error| format!("the cache can't be written: {error}"))
    }
}

impl Lookup for EngineDocuments<'_> {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        if name == "index.json" {
            // An index of the one image that is meant.
            let there = self.tops.iter().find_map(|top| Some((top, self.get(top)?)));
            let Some((top, bytes)) = there else { return Ok(None) };
            let is_index =
                serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|top| top["manifests"].is_array());
            let kind = if is_index { "index" } else { "manifest" };
            let kind = format!("application/vnd.oci.image.{kind}.v1+json");
            let index = serde_json::json!({ "manifests": [{ "mediaType": kind, "digest": top }] });
            return Ok(Some(index.to_string().into_bytes()));
        }
        let digest = name.strip_prefix("blobs/").map(|name| name.replacen('/', ":", 1));
        Ok(digest.and_then(|digest| {
            let bytes = self.get(&digest)?;
            self.asked.borrow_mut().insert(digest);
            Some(bytes)
        }))
    }

    fn shape(&self) -> String {
        "it has no document of that digest".to_owned()
    }

    fn damage(&self) -> Option<String> {
        None
    }

    fn kind(&self) -> PlaceKind {
        PlaceKind::Layout
    }
}

/// Images of the same engine that this one may be built on; none where the base is given, or is not asked for.
fn others(engine: &EngineImage, options: &Options) -> Vec<Relative> {
    if options.tree_only || options.base_layers.is_some() || options.base_image.is_some() {
        return Vec::new();
    }
    let cache = options.cache.as_ref();
    let known = |id: &str| cache.and_then(|cache| cache.diff_ids(id));
    let mut relatives = Vec::new();
    for other in engine.daemon.others(&engine.facts, &known) {
        if let Some(cache) = cache.filter(|cache| cache.diff_ids(&other.id).is_none()) {
            // What can't be cached is asked for again.
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

/// Takes the layers whose indexes are cached; returns the names of the others.
fn recall<'n>(
    cache: &Cache,
    names: &[&'n str],
    options: &Options,
    shared: &Shared,
    builder: &mut Builder<'_>,
) -> Result<HashSet<&'n str>, InspectError> {
    let known: Vec<usize> = (0..names.len()).filter(|slot| cache.has(names[*slot])).collect();
    let indexed = known.iter().map(|slot| cache.size(names[*slot])).sum();
    shared.indexed.fetch_add(indexed, Ordering::Relaxed);
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
    /// The slots of layers that are sound, and their digests.
    read: Vec<(usize, String)>,
    documents: Vec<Vec<u8>>,
    notes: Vec<String>,
}

impl Exported {
    /// By digest.
    fn documents(&mut self) -> HashMap<String, Vec<u8>> {
        let all = std::mem::take(&mut self.documents);
        all.into_iter().map(|bytes| (Digest::of(&bytes).to_string(), bytes)).collect()
    }
}

/// A layer that broke off, or the engine did.
fn broke(error: SourceError, problem: Option<String>, engine: String) -> InspectError {
    let problem = match (problem, error) {
        (Some(problem), _) => problem,
        (None, SourceError::Tar { error, .. }) => format!("it {error}"),
        (None, other) => return other.into(),
    };
    SourceError::Daemon(DaemonError::BrokeOff { engine, problem }).into()
}

/// Streams the image until the last of the missing layers and the config were read, or to its end where it does not show which
/// layers are missing. Which member is which layer shows by its digest.
#[allow(clippy::too_many_lines, reason = "one message after the other")]
fn export(
    engine: &EngineImage,
    platform: &EnginePlatform,
    diff_ids: &[String],
    mut missing: Option<&mut HashSet<&str>>,
    options: &Options,
    shared: &Shared,
    builder: &mut Builder<'_>,
) -> Result<Exported, InspectError> {
    let stop = Arc::new(Stop::default());
    let trouble: Mutex<Option<String>> = Mutex::new(None);
    let wanted: Option<HashSet<String>> =
        missing.as_ref().map(|missing| missing.iter().map(|name| (*name).to_owned()).collect());
    let read_member = |slot: usize, _: &str, ahead: ReadAhead, own: &SyncSender<Message>| {
        let complain = |error: std::io::Error| {
            if let Ok(mut trouble) = trouble.lock() {
                trouble.get_or_insert_with(|| format!("nothing more is cached: {error}"));
            }
        };
        let flow = Flow { algorithms: &[Algorithm::Sha256], estimate: true, ..Flow::default() };
        let blob = keeping(
            options.cache.as_ref(),
            |digest| {
                let wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(digest));
                wanted.then(|| digest.to_owned())
            },
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
    let name = engine.daemon.title();
    let mut over: Option<SourceError> = None;
    // The containerd store needs more documents than one, in any order, and the attestations among the last.
    let id = Some(&engine.facts.id).filter(|_| engine.facts.store == Store::Configs);
    let mut has_config = false;
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let (sender, messages) = sync_channel(WAITING);
        let most = threads(options);
        let stream = engine.export(Some(platform), Arc::clone(&shared.read), &stop);
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
                    let digest = blob.uncompressed.first().map(|digest| digest.as_str().to_owned());
                    let sound = blob.end.damage.is_none();
                    builder.slots[slot].blob = Some(*blob);
                    let Some(digest) = digest.filter(|_| sound) else { continue };
                    let Some(missing) = missing.as_deref_mut() else {
                        exported.read.push((slot, digest));
                        builder.say_layer(slot, slot)?;
                        continue;
                    };
                    if !missing.remove(digest.as_str()) {
                        continue;
                    }
                    let layer = diff_ids.iter().position(|name| *name == digest).unwrap_or(0);
                    exported.read.push((slot, digest));
                    builder.say_layer(layer, slot)?;
                }
                Message::Document(_, bytes) => {
                    has_config |= id.is_some_and(|id| Digest::of(&bytes).as_str() == id);
                    exported.documents.push(bytes);
                }
                Message::Over(error) => over = error,
                Message::Link(..) | Message::Other(_) => {}
            }
            if has_config && missing.as_ref().is_some_and(|missing| missing.is_empty()) {
                stop.set();
            }
        })();
        stop.set();
        if done.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        done
    })?;
    let is_complete = has_config && missing.is_some_and(|missing| missing.is_empty());
    if let Some(error) = over.filter(|_| !is_complete) {
        return Err(broke(error, stop.problem(), name));
    }
    exported.notes.extend(trouble.into_inner().unwrap_or_default());
    if let Some(cache) = &options.cache {
        // Another process may prune at the same time.
        let _ = cache.prune(CACHE_LIMIT, None);
    }
    Ok(exported)
}
