//! Reading an image of a registry: what is known of its layers from before, and the others as they are downloaded.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::blob::{Blob, Flow, read_flowing};
use super::builder::{Builder, WAITING};
use super::kept::{CACHE_LIMIT, keeping, recalled};
use super::loaded::Loaded;
use super::named_base::named_base;
use super::path_search::PathSearch;
use super::pieces::read_files;
use super::stream::Message;
use super::table_check::{self, Entries};
use super::tables::{Claim, Table};
use super::{Clock, InspectError, Options, Progress, Shared, Timing, threads};
use crate::bytes::{Algorithm, Compression, TarError};
use crate::image::{Digest, Fetch, Image, LayerBlob, RemoteImage, Request, resolve_remote};
use crate::layer::{Batch, Cache, Checkpoints, FetchPart, Toc, TocFile, TocKind, id_of_sha256, index_toc};
use crate::source::registry::{BlobReader, BlobRef, Documents, RegistryError, Repository};
use crate::source::{RegistryImage, SourceError, Target};

/// Layers that are downloaded at the same time, when `--threads` does not say.
const AT_ONCE: usize = 3;

/// An image of a registry, to read its layers again.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) repository: Repository,
    /// By layer.
    pub(crate) blobs: Vec<BlobRef>,
    /// By layer: the table of contents that it was read from.
    tables: Vec<Option<Arc<Toc>>>,
    /// Bytes that were read.
    pub(crate) read: Arc<AtomicU64>,
    cache: Option<Cache>,
}

impl Remote {
    /// The table of contents that a layer was read from.
    pub(crate) fn table(&self, layer: u16) -> Option<&Arc<Toc>> {
        self.tables.get(usize::from(layer))?.as_ref()
    }

    /// The checkpoints of a layer that was downloaded before, to read single files of it.
    pub(crate) fn checkpoints(&self, layer: u16) -> Option<Checkpoints> {
        let blob = self.blobs.get(usize::from(layer))?;
        Checkpoints::from_bytes(&self.cache.as_ref()?.document(&checkpoints_of(&blob.digest))?)
    }

    /// Parts of a layer's blob, as its checkpoints need them.
    pub(crate) fn fetch<'f>(&'f self, layer: u16) -> FetchPart<'f> {
        Box::new(move |from, length| {
            let blob = self.blobs.get(usize::from(layer)).ok_or(io::ErrorKind::NotFound)?;
            let got = self.repository.range(blob, from, length, &self.read).map_err(io::Error::other)?;
            got.map_err(io::Error::other)
        })
    }

    /// The first bytes of the files that begin at these blocks, by their place in `blocks`. What cannot be read is left
    /// out.
    pub(super) fn heads(&self, layer: u16, blocks: &[u32], most: u64) -> Vec<(usize, Vec<u8>)> {
        let Some(toc) = self.table(layer) else { return Vec::new() };
        let files: Vec<(usize, &TocFile)> =
            blocks.iter().enumerate().filter_map(|(at, block)| Some((at, toc.file(*block)?))).collect();
        let mut heads: Vec<(usize, Vec<u8>)> = files.iter().map(|(at, _)| (*at, Vec::new())).collect();
        let only: Vec<&TocFile> = files.iter().map(|(_, file)| *file).collect();
        let done = read_files(self, layer, toc, &only, most, &AtomicBool::new(false), &mut |number, bytes| {
            heads[number].1.extend_from_slice(bytes);
            Ok(true)
        });
        match done {
            Ok(()) => heads,
            Err(_) => heads.into_iter().filter(|(_, head)| !head.is_empty()).collect(),
        }
    }

    /// The first bytes of one file.
    pub(super) fn head(&self, layer: u16, block: u32, most: u64) -> Option<Vec<u8>> {
        self.heads(layer, &[block], most).pop().map(|(_, head)| head)
    }
}

/// The name under which the checkpoints of a blob are cached.
fn checkpoints_of(digest: &Digest) -> String {
    format!("gzip-{digest}")
}

impl Documents for Cache {
    fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.document(digest.as_str())
    }

    fn put(&self, digest: &Digest, bytes: &[u8]) {
        // What cannot be cached is asked for again.
        let _ = self.keep_document(digest.as_str(), bytes);
    }

    fn tagged(&self, name: &str) -> Option<Digest> {
        self.tag(name).as_deref().and_then(Digest::parse)
    }

    fn tag(&self, name: &str, digest: &Digest) {
        let _ = self.keep_tag(name, digest.as_str());
    }
}

/// Documents below the manifest that was read first.
pub(super) struct Below<'r>(pub(super) &'r Repository);

impl Fetch for Below<'_> {
    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.manifest(digest)?.bytes)
    }

    fn config(&self, digest: &Digest, size: Option<u64>) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.small_blob(digest, size, "the config")?)
    }
}

/// What the documents say, without a look at any layer.
pub(super) fn documents(
    found: &RegistryImage,
    target: &Target,
    request: &Request,
) -> Result<(Image, Vec<LayerBlob>), InspectError> {
    let failed = |error| InspectError::Image { name: target.typed.clone(), error };
    let reference = &found.repository.reference;
    let by_digest = reference.digest().is_some();
    let top = (&found.top.digest, found.top.bytes.as_slice());
    let RemoteImage { mut image, blobs, .. } =
        resolve_remote(&Below(&found.repository), top, by_digest, request).map_err(failed)?;
    image.tags = reference.tag().map(|_| reference.familiar()).into_iter().collect();
    image.notes.splice(0..0, found.notes.iter().cloned());
    Ok((image, blobs))
}

/// Reads an image of a registry.
#[allow(clippy::too_many_arguments, reason = "one call, by one caller")]
pub(super) fn from_registry(
    found: &RegistryImage,
    target: &Target,
    request: &Request,
    options: &Options,
    shared: &Shared,
    clock: &mut Clock<'_>,
    timings: &mut Vec<Timing>,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Loaded, InspectError> {
    let (mut image, blobs) = documents(found, target, request)?;
    timings.push(clock.lap("documents"));
    if !tell(Progress::Image(&image)) {
        return Err(InspectError::Stopped);
    }
    let mut remote = Remote {
        tables: Vec::new(),
        cache: options.cache.clone(),
        read: Arc::clone(&shared.read),
        repository: found.repository.clone(),
        blobs: image
            .layers
            .iter()
            .zip(&blobs)
            .filter_map(|(layer, blob)| {
                Some(BlobRef { digest: layer.digest.clone()?, size: blob.size, urls: blob.urls.clone() })
            })
            .collect(),
    };
    // One slot for each blob; an image may name one blob several times.
    let mut slots: Vec<usize> = Vec::new();
    let mut order = Vec::new();
    for (layer, blob) in remote.blobs.iter().enumerate() {
        let known = slots.iter().position(|slot| remote.blobs[*slot].digest == blob.digest);
        order.push(known.unwrap_or(slots.len()));
        if known.is_none() {
            slots.push(layer);
        }
    }
    let (tables, why) = fetch_tables(&remote, &blobs, &slots, options, shared, tell)?;
    image.notes.extend(why);
    remote.tables = vec![None; order.len()];
    let search: Mutex<PathSearch> = Mutex::default();
    let download = Download {
        // Identities have to be comparable: those of tables are SHA-256.
        sha256: tables.iter().any(Option::is_some),
        tables: tables.iter().map(|_| Mutex::default()).collect(),
        search: &search,
        remote: &remote,
        described: &blobs,
        image: &image,
        options,
        shared,
        notes: Mutex::default(),
        problems: Mutex::default(),
    };
    let tables: Vec<Mutex<Option<Table>>> = tables.into_iter().map(Mutex::new).collect();
    // What tables of contents stand for is not downloaded.
    let is_listed = |slot: usize| tables[slot].lock().is_ok_and(|table| table.is_some());
    let total =
        slots.iter().enumerate().filter(|(slot, _)| !is_listed(*slot)).map(|(_, layer)| remote.blobs[*layer].size);
    let total = total.sum::<Option<u64>>().filter(|total| *total > 0);
    let mut builder = Builder::new(slots.len(), shared, total, tell);
    // The largest first: what is left at the end is small. A single path is looked for from the last layer down.
    let mut queue: Vec<usize> = (0..slots.len()).collect();
    match &options.only {
        Some(_) => {
            let mut seen = std::collections::HashSet::new();
            queue = order.iter().rev().copied().filter(|slot| seen.insert(*slot)).collect();
        }
        None => queue.sort_by_key(|slot| std::cmp::Reverse(remote.blobs[slots[*slot]].size)),
    }
    let queue = Mutex::new(std::collections::VecDeque::from(queue));
    // The layer that someone looks at goes before its turn.
    let take = || -> Option<usize> {
        let mut queue = queue.lock().ok()?;
        let first = options.first.as_ref().and_then(|layer| order.get(layer.load(Ordering::Relaxed)));
        let place = first.and_then(|slot| queue.iter().position(|own| own == slot));
        queue.remove(place.unwrap_or(0))
    };
    let most = match options.threads {
        _ if options.only.is_some() => 1,
        0 => AT_ONCE,
        _ => threads(options),
    };
    std::thread::scope(|scope| -> Result<(), InspectError> {
        let (sender, messages) = sync_channel(WAITING);
        for _ in 0..most.min(slots.len()) {
            let (sender, take, slots, download) = (sender.clone(), &take, &slots, &download);
            let (tables, search) = (&tables, &search);
            scope.spawn(move || {
                while let Some(slot) = take() {
                    if download.is_decided(search) {
                        let blob = download.unread(slots[slot]);
                        if sender.send(Message::End(slot, Box::new(blob))).is_err() {
                            return;
                        }
                        continue;
                    }
                    let table = tables[slot].lock().ok().and_then(|mut table| table.take());
                    let blob = download.layer(slots[slot], slot, table, &sender);
                    if shared.stop.load(Ordering::Relaxed) || sender.send(Message::End(slot, Box::new(blob))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let done = collect(&mut builder, &messages, &order, &found.repository);
        if done.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
            found.repository.client().stop();
        }
        done
    })?;
    for layer in 0..order.len() {
        builder.push(&order, layer)?;
    }
    let windows = vec![None; builder.slots.len()];
    let Builder { tree, slots, .. } = builder;
    let Download { notes, problems, tables, .. } = download;
    let tables: Vec<Option<Arc<Toc>>> =
        tables.into_iter().map(|table| table.into_inner().unwrap_or_default()).collect();
    remote.tables = order.iter().map(|slot| tables[*slot].clone()).collect();
    image.notes.extend(notes.into_inner().unwrap_or_default());
    image.problems.extend(problems.into_inner().unwrap_or_default());
    if !options.tree_only && options.base_layers.is_none() && options.base_image.is_none() {
        let (base, note) = named_base(&image, &found.repository);
        image.relatives.extend(base);
        image.notes.extend(note);
    }
    image.notes.extend(said_of_tables(&remote.tables));
    image.notes.extend(found.repository.client().notes());
    if let Some(limit) = found.repository.client().rate_limit() {
        image.notes.push(format!("{}: {}", found.repository.registry(), limit.words()));
    }
    if let Some(cache) = &options.cache {
        // Another process may prune at the same time.
        let _ = cache.prune(CACHE_LIMIT, None);
    }
    let mut loaded = Loaded::new(image, tree, slots, &order, &windows, options);
    loaded.remote = Some(Arc::new(remote));
    Ok(loaded)
}

/// Fetches the tables of contents of those layers that have one, by slot. Also says why some cannot be used.
fn fetch_tables(
    remote: &Remote,
    blobs: &[LayerBlob],
    slots: &[usize],
    options: &Options,
    shared: &Shared,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<(Vec<Option<Table>>, Vec<String>), InspectError> {
    let mut tables: Vec<Option<Table>> = slots.iter().map(|_| None).collect();
    let mut notes = Vec::new();
    // What is asked for needs the content of every file, or the tar itself.
    if options.documents_only || options.full || options.verify || options.looks_closer() {
        return Ok((tables, notes));
    }
    let next = AtomicUsize::new(0);
    let cache = options.cache.as_ref();
    let work = || {
        let mut done = Vec::new();
        while let Some((slot, layer)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, *slots.get(at)?)))
        {
            if shared.stop.load(Ordering::Relaxed) {
                break;
            }
            let fetched = Claim::fetch(&blobs[layer], remote, layer, cache, &shared.read);
            done.extend(fetched.map(|fetched| (slot, layer, fetched)));
        }
        done
    };
    let fetched: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE.min(slots.len())).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            let read = shared.read.load(Ordering::Relaxed);
            if !tell(Progress::Bytes { read, of: None }) {
                shared.stop.store(true, Ordering::Relaxed);
                remote.repository.client().stop();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    if shared.stop.load(Ordering::Relaxed) {
        return Err(InspectError::Stopped);
    }
    for (slot, layer, fetched) in fetched {
        match fetched {
            Ok(table) => tables[slot] = Some(table),
            Err(why) => notes.push(format!("layer {layer} was read whole: {why}")),
        }
    }
    notes.sort();
    Ok((tables, notes))
}

/// What was not read where tables of contents were, in a sentence.
fn said_of_tables(tables: &[Option<Arc<Toc>>]) -> Option<String> {
    let kind = tables.iter().flatten().next()?.kind.name();
    let count = tables.iter().flatten().count();
    let which = if count == tables.len() {
        "all layers were".to_owned()
    } else {
        format!("{count} of {} layers were", tables.len())
    };
    Some(format!(
        "{which} read from verified tables of contents ({kind}); the layers themselves were not read, so whether their tars \
         say the same was not checked, and sizes of headers are estimates: `--full` reads them"
    ))
}

/// Takes what the workers send, and says what is waited for meanwhile.
fn collect(
    builder: &mut Builder<'_>,
    messages: &Receiver<Message>,
    order: &[usize],
    repository: &Repository,
) -> Result<(), InspectError> {
    loop {
        match messages.recv_timeout(Duration::from_millis(100)) {
            Ok(Message::Batch(slot, batch)) => builder.batch(slot, &batch)?,
            Ok(Message::End(slot, blob)) => {
                builder.slots[slot].blob = Some(*blob);
                for (layer, _) in order.iter().enumerate().filter(|(_, own)| **own == slot) {
                    builder.say_layer(layer, slot)?;
                }
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => match repository.client().waiting() {
                Some(text) => builder.say(|_, _| Progress::Waiting(&text))?,
                None => builder.say(|read, of| Progress::Bytes { read, of })?,
            },
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn add(texts: &Mutex<BTreeSet<String>>, text: String) {
    if let Ok(mut texts) = texts.lock() {
        texts.insert(text);
    }
}

/// What the workers share.
struct Download<'d> {
    remote: &'d Remote,
    /// By layer: its descriptor.
    described: &'d [LayerBlob],
    image: &'d Image,
    options: &'d Options,
    shared: &'d Shared,
    /// What went wrong without making the result wrong: the cache, tables of contents that were not used.
    notes: Mutex<BTreeSet<String>>,
    /// What fails a verification: tables of contents that contradict their tars, or could not be checked.
    problems: Mutex<BTreeSet<String>>,
    /// Whether identities of contents are SHA-256 and not BLAKE3.
    sha256: bool,
    /// By slot: the tables of contents that layers were read from.
    tables: Vec<Mutex<Option<Arc<Toc>>>>,
    /// What is known of the path that is looked for.
    search: &'d Mutex<PathSearch>,
}

impl Download<'_> {
    /// Indexes of layers are of use when nothing is asked that they do not have.
    fn cache(&self) -> Option<&Cache> {
        let fits = !self.options.verify && !self.options.hash && !self.options.looks_closer();
        self.options.cache.as_ref().filter(|_| fits)
    }

    /// Whether the path that is looked for is found already, or gone. Else the next layer is begun.
    fn is_decided(&self, search: &Mutex<PathSearch>) -> bool {
        let (Some(path), Ok(mut search)) = (&self.options.only, search.lock()) else { return false };
        let decided = search.decides(path);
        if !decided {
            search.next_layer();
        }
        decided
    }

    /// The SHA-256 of files is told when it is asked for, whether it is known or not.
    fn drop_hashes(&self, batch: &mut Batch) {
        if !self.options.hash {
            batch.records.iter_mut().for_each(|record| record.sha256 = None);
        }
    }

    /// A layer of which nothing is read.
    fn unread(&self, layer: usize) -> Blob {
        let kind = self.image.layers[layer].media_type.as_deref().unwrap_or_default();
        let compression = match kind {
            kind if kind.ends_with("zstd") => Compression::Zstd,
            kind if kind.ends_with("gzip") => Compression::Gzip,
            _ => Compression::None,
        };
        let compressed_bytes = self.remote.blobs[layer].size;
        Blob { compression, compressed_bytes, unread: true, ..Blob::default() }
    }

    fn send(&self, slot: usize, batch: Batch, sender: &SyncSender<Message>) -> bool {
        if self.options.only.is_some()
            && let Ok(mut search) = self.search.lock()
        {
            search.take(&batch);
        }
        sender.send(Message::Batch(slot, batch)).is_ok() && !self.shared.stop.load(Ordering::Relaxed)
    }

    /// The name under which an index is cached: with identities of another kind it is another index.
    fn index_name(&self, diff_id: &str) -> String {
        if self.sha256 { format!("{diff_id}-sha256") } else { diff_id.to_owned() }
    }

    /// Reads a layer: from its table of contents, from the cache, or as it is downloaded.
    fn layer(&self, layer: usize, slot: usize, table: Option<Table>, sender: &SyncSender<Message>) -> Blob {
        if let Some(blob) = table.and_then(|table| self.listed(layer, slot, &table, sender)) {
            return blob;
        }
        let listed = self.table_to_check(layer);
        let hash = self.options.hash || self.sha256 || listed.is_some();
        let hashing = Options { hash, ..self.options.clone() };
        let diff_id = self.image.layers[layer].diff_id.as_ref();
        // What is cached of a layer was not held against its table.
        let recalled = if listed.is_none() { self.recall(layer, slot, sender) } else { None };
        if let Some(blob) = recalled {
            return blob;
        }
        if self.options.documents_only {
            return self.unread(layer);
        }
        let failed =
            |error: &RegistryError| Blob::damaged(TarError::Io { at: 0, error: io::Error::other(error.clone()) });
        let blob = self.remote.blobs[layer].clone();
        let mut reader = match BlobReader::new(&self.remote.repository, blob, self.shared.read.clone()) {
            Ok(reader) => reader,
            Err(error) => return failed(&error),
        };
        let complain = |error: io::Error| add(&self.notes, format!("nothing more is cached: {error}"));
        let place = crate::layer::Place::default();
        let checkpoints = self.options.cache.as_ref().map(|_| &place);
        let algorithms: Vec<Algorithm> = match diff_id.and_then(Digest::computable) {
            Some(own) if own != Algorithm::Sha256 => vec![Algorithm::Sha256, own],
            _ => vec![Algorithm::Sha256],
        };
        let flow = Flow { algorithms: &algorithms, estimate: true, checkpoints };
        let is_wanted = |digest: &str, reader: &BlobReader| {
            reader.is_verified() && diff_id.is_some_and(|diff_id| diff_id.as_str() == digest)
        };
        let cell = Mutex::new(&mut reader);
        let mut passed = Entries::default();
        let mut blob = keeping(
            self.options.cache.as_ref(),
            |digest| {
                let wanted = cell.lock().is_ok_and(|reader| is_wanted(digest, &reader));
                wanted.then(|| self.index_name(digest))
            },
            &complain,
            |keep| {
                let Ok(mut reader) = cell.lock() else { return Blob::default() };
                let blob = read_flowing(&mut **reader, &hashing, flow, &mut |mut batch| {
                    if listed.is_some() {
                        table_check::add(&mut passed, &batch);
                    }
                    if self.sha256 {
                        for record in &mut batch.records {
                            record.content = record.sha256.map(id_of_sha256).or(record.content);
                        }
                    }
                    self.drop_hashes(&mut batch);
                    keep(&batch);
                    self.send(slot, batch, sender)
                });
                if !self.shared.stop.load(Ordering::Relaxed) {
                    // What follows the last entry is part of the digest, too; and where the tar is damaged, the digest
                    // says whether that happened on the way.
                    let _ = io::copy(&mut reader.by_ref(), &mut io::sink());
                }
                blob
            },
        );
        if let Some(cache) = self.options.cache.as_ref().filter(|_| reader.is_verified() && blob.end.damage.is_none())
            && let Ok(place) = place.lock()
            && !place.is_empty()
        {
            // What cannot be cached is downloaded again.
            let _ = cache.keep_document(&checkpoints_of(&self.remote.blobs[layer].digest), &place.to_bytes());
        }
        blob.stored = match (reader.is_verified(), reader.other_digest()) {
            (true, _) => vec![self.remote.blobs[layer].digest.clone()],
            (false, Some(other)) => vec![other.clone()],
            (false, None) => Vec::new(),
        };
        if let Some(listed) = listed.filter(|_| reader.is_verified() && blob.end.damage.is_none())
            && let Some(difference) = table_check::difference(&listed, &passed)
        {
            add(&self.problems, format!("layer {layer}: {difference}"));
        }
        if let Some(failure) = reader.failure() {
            let at = blob.end.tar_bytes;
            blob.end.damage = Some(TarError::Io { at, error: io::Error::other(failure.clone()) });
        }
        blob
    }

    /// The entries of a layer's table of contents, where all is read and so both can be held against each other.
    fn table_to_check(&self, layer: usize) -> Option<Entries> {
        if !self.options.full && !self.options.verify {
            return None;
        }
        let fetched = Claim::fetch(&self.described[layer], self.remote, layer, None, &self.shared.read)?;
        match fetched.and_then(|table| table_check::of_table(&table)) {
            Ok(entries) => Some(entries),
            Err(why) => {
                // What was asked to be verified and cannot be has not passed.
                let place = if self.options.verify { &self.problems } else { &self.notes };
                add(place, format!("layer {layer}: its table of contents was not checked: {why}"));
                None
            }
        }
    }

    /// A layer as its table of contents lists it; None when the table is malformed.
    fn listed(&self, layer: usize, slot: usize, table: &Table, sender: &SyncSender<Message>) -> Option<Blob> {
        let mut batches = Vec::new();
        let listed = index_toc(&table.json, table.kind, table.data, &mut |batch| {
            batches.push(batch);
            !self.shared.stop.load(Ordering::Relaxed)
        });
        let (end, toc) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                add(&self.notes, format!("layer {layer} was read whole: {error}"));
                return None;
            }
        };
        for mut batch in batches {
            self.drop_hashes(&mut batch);
            if !self.send(slot, batch, sender) {
                return Some(Blob::default());
            }
        }
        if let Ok(mut place) = self.tables[slot].lock() {
            *place = Some(Arc::new(toc));
        }
        Some(Blob {
            end,
            compression: match table.kind {
                TocKind::Estargz => Compression::Gzip,
                TocKind::ZstdChunked => Compression::Zstd,
            },
            compressed_bytes: self.remote.blobs[layer].size,
            table: Some(table.kind.name()),
            ..Blob::default()
        })
    }

    /// A layer that was read before, from whatever source: the index has the name of its content.
    fn recall(&self, layer: usize, slot: usize, sender: &SyncSender<Message>) -> Option<Blob> {
        let cache = self.cache()?;
        let diff_id = self.image.layers[layer].diff_id.as_ref()?.as_str();
        let name = self.index_name(diff_id);
        if !cache.has(&name) {
            return None;
        }
        // Its form is known at the end: looked at first, so that nothing of another form is sent.
        let form = cache.read(&name, &mut |_| true)?;
        if form.compression != "none" && form.compressed_bytes != self.remote.blobs[layer].size {
            return None;
        }
        cache.read(&name, &mut |batch| self.send(slot, batch, sender)).map(|stored| recalled(stored, diff_id))
    }
}
