//! What was read of an image, before it is judged.

use std::io::Read as _;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::blob::Blob;
use super::builder::Slot;
use super::parallel::map_in_parallel;
use super::{InspectError, Inspection, LayerFacts, Note, Options, Remote, Shared, Timing, Verification, threads};
use crate::bytes::{Compression, Window, shown, shown_text};
use crate::image::{Digest, Image, unreadable_layer};
use crate::layer::{ContentError, ContentId, head, identify, symbols, zeros};
use crate::source::Target;
use crate::tree::{Event, EventRef, Lookup, Tree};
use crate::waste::{self, Accounts, Evidence, Named, Rules, Seen, StoredLayer, Waste};

/// Everything but the judgement.
pub(super) struct Loaded {
    pub(super) image: Image,
    pub(super) tree: Arc<Tree>,
    facts: Vec<LayerFacts>,
    /// Plain layers that can be read again, by layer.
    windows: Vec<Option<Window>>,
    /// Where the layers of an image of a registry are.
    pub(super) remote: Option<Arc<Remote>>,
    notes: Vec<Note>,
    problems: Vec<String>,
    checked: usize,
    unchecked: usize,
    kept: Vec<(EventRef, Vec<u8>)>,
    seen: FxHashMap<EventRef, Seen>,
    zeros: Vec<(EventRef, u64)>,
    symbols: FxHashMap<EventRef, u64>,
}

/// Finds out contents of plain layers, on all threads.
pub(super) fn answer(
    loaded: &Loaded,
    round: usize,
    mut asked: Vec<EventRef>,
    options: &Options,
    shared: &Shared,
) -> Result<(), InspectError> {
    asked.retain(|file| loaded.place(*file).is_some());
    asked.sort_unstable();
    let contents = side_by_side(&asked, options, shared, |file| {
        let Some((window, event)) = loaded.place(*file) else { return Ok(Some(ContentId::default())) };
        identify(window, event.block, event.size).map(Some).map_err(|error| unread(*file, error))
    })?;
    loaded.tree.answer(round, &asked, contents);
    Ok(())
}

fn unread(file: EventRef, error: ContentError) -> InspectError {
    InspectError::Content { layer: file.layer.into(), error }
}

/// Does the same with each item, on all threads; what comes out is in the order of the items.
pub(super) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    options: &Options,
    shared: &Shared,
    work: impl Fn(&T) -> Result<Option<R>, InspectError> + Sync,
) -> Result<Vec<R>, InspectError> {
    /// Items that one thread takes at a time; fewer where there are few, so that none is left without.
    const STEP: usize = 64;
    let threads = threads(options);
    let step = (items.len() / (threads * 4)).clamp(1, STEP);
    let all = map_in_parallel(items.len(), step, threads, &shared.stop, |step| {
        let mut some = Vec::with_capacity(step.len());
        for item in &items[step] {
            some.extend(work(item)?);
        }
        Ok::<_, InspectError>(some)
    })?;
    let all = all.ok_or(InspectError::Stopped)?;
    // There may be a million: no more room than they take, and each share is given back as it is taken over.
    let mut together = Vec::with_capacity(all.iter().map(Vec::len).sum());
    for some in all {
        together.extend(some);
    }
    Ok(together)
}

/// Which rules name which files, by all threads.
pub(super) fn name_files(
    loaded: &Loaded,
    rules: &Rules,
    options: &Options,
    shared: &Shared,
) -> Result<Named, InspectError> {
    let paths = waste::PathHits::of(&loaded.tree, rules);
    let pieces = waste::pieces(&loaded.tree);
    let named = map_in_parallel(pieces.len(), 1, threads(options), &shared.stop, |step| {
        let mut named = Named::default();
        for piece in &pieces[step] {
            named.add(Named::of(&loaded.tree, rules, &paths, piece.clone()));
        }
        Ok::<_, InspectError>(named)
    })?;
    let mut all = Named::default();
    for named in named.ok_or(InspectError::Stopped)? {
        all.add(named);
    }
    Ok(all.sorted())
}

/// Finds out what the judgement needs to know of contents, beside who equals whom.
pub(super) fn evidence(
    loaded: &mut Loaded,
    named: &Named,
    rules: &Rules,
    options: &Options,
    shared: &Shared,
) -> Result<Evidence, InspectError> {
    let tree = &loaded.tree;
    let looked_at = named.to_look_at(rules, tree);
    let remote = loaded.remote_heads(&looked_at, waste::HEAD as u64);
    let seen = side_by_side(&looked_at, options, shared, |file| {
        let head = match (loaded.place(*file), remote.get(file)) {
            (Some((window, event)), _) => {
                head(window, event.block, waste::HEAD as u64).map_err(|error| unread(*file, error))?
            }
            (None, Some(head)) => head.clone(),
            (None, None) => return Ok(None),
        };
        let event = tree.event_at(*file);
        let mut path = tree.paths.path(event.node);
        path.insert(0, b'/');
        Ok(Some((*file, Seen::all(&path, &head))))
    })?;
    let secrets = side_by_side(&waste::may_hold_secrets(tree, rules), options, shared, |file| {
        let Some((window, event)) = loaded.place(*file) else { return Ok(None) };
        let read = |most: u64| head(window, event.block, most).map_err(|error| unread(*file, error));
        let mut bytes = read(event.size.min(waste::HEAD as u64))?;
        if event.size > bytes.len() as u64 && !bytes.contains(&0) {
            bytes = read(event.size)?;
        }
        let secret = crate::secret::secret_in(&tree.paths.path(event.node), &bytes);
        Ok(secret.map(|secret| (*file, secret)))
    })?;
    let zeros = side_by_side(&waste::may_be_zeros(tree), options, shared, |file| {
        let Some((window, event)) = loaded.place(*file) else { return Ok(None) };
        let zeros = zeros(window, event.block, event.size).map_err(|error| unread(*file, error))?;
        Ok((zeros > 0).then_some((*file, zeros)))
    })?;
    let computed = if options.looks_closer() {
        waste::computed(tree, rules, &|path| loaded.document(path, waste::document_limit(path)))
    } else {
        FxHashMap::default()
    };
    let asked = if options.looks_closer() { waste::may_have_symbols(tree, rules) } else { Vec::new() };
    let symbols = side_by_side(&asked, options, shared, |file| {
        let Some((window, event)) = loaded.place(*file) else { return Ok(None) };
        let bytes = symbols(window, event.block, event.size).map_err(|error| unread(*file, error))?;
        Ok((bytes > 0).then_some((*file, bytes)))
    })?;
    let mut evidence = Evidence {
        seen: std::mem::take(&mut loaded.seen),
        zeros: std::mem::take(&mut loaded.zeros),
        computed,
        symbols: std::mem::take(&mut loaded.symbols),
    };
    evidence.symbols.extend(symbols);
    evidence.seen.extend(seen);
    for (file, secret) in secrets {
        let seen = evidence.seen.entry(file).or_default();
        *seen = seen.with_secret(Some(secret));
    }
    evidence.zeros.extend(zeros);
    evidence.zeros.sort_unstable();
    Ok(evidence)
}

/// Of the files that look alike those that still do when a few of their bytes are looked at: to read a large file whole
/// is only worth it then.
pub(super) fn narrow(
    loaded: &Loaded,
    asked: Vec<EventRef>,
    options: &Options,
    shared: &Shared,
) -> Result<Vec<EventRef>, InspectError> {
    const LARGE: u64 = 64 * 1024;
    const PART: u64 = 4096;
    let tree = &loaded.tree;
    let size = |file: &EventRef| tree.event_at(*file).size;
    // What flowed by is known already, so nothing can be ruled out beside it.
    if loaded.windows.iter().any(Option::is_none) {
        return Ok(asked);
    }
    let large: Vec<EventRef> = asked.iter().copied().filter(|file| size(file) >= LARGE).collect();
    let samples = side_by_side(&large, options, shared, |file| {
        let Some((window, event)) = loaded.place(*file) else { return Ok(None) };
        let start = u64::from(event.block) * 512 + u64::from(event.header_blocks()) * 512;
        let mut hash = blake3::Hasher::new();
        for from in [0, event.size / 2] {
            // A file that breaks off is told when it is read whole.
            let mut part = Vec::new();
            let _ = window.part(start + from, PART).read_to_end(&mut part);
            hash.update(&part);
        }
        Ok(Some((event.size, *hash.finalize().as_bytes())))
    })?;
    let mut counts: FxHashMap<(u64, [u8; 32]), u32> = FxHashMap::default();
    for sample in &samples {
        *counts.entry(*sample).or_default() += 1;
    }
    let alone: FxHashSet<EventRef> =
        large.iter().zip(&samples).filter(|(_, sample)| counts[*sample] < 2).map(|(file, _)| *file).collect();
    // Where a file of that size was compared before, its content is known and it is not among these.
    let known: FxHashSet<u64> = tree.known_sizes();
    Ok(asked.into_iter().filter(|file| !alone.contains(file) || known.contains(&size(file))).collect())
}

impl Loaded {
    /// Where the content of a file of a plain layer is.
    pub(super) fn place(&self, file: EventRef) -> Option<(&Window, &Event)> {
        Some((self.windows.get(usize::from(file.layer))?.as_ref()?, self.tree.event_at(file)))
    }

    /// Plain layers that can be read again, by layer.
    pub(super) fn windows(&self) -> &[Option<Window>] {
        &self.windows
    }

    pub(super) fn set_pull_estimate(&mut self, layer: usize, bytes: u64) {
        self.facts[layer].pull_estimate = Some(bytes);
    }

    /// The content of a file of the final file system; None when it is not there, too large or not to be had.
    fn document(&self, path: &[u8], limit: u64) -> Option<Vec<u8>> {
        let Lookup::Found(_, at) = self.tree.lookup(path, self.tree.top()?, true) else { return None };
        let file = self.tree.copy_of(at).filter(|file| self.tree.event_at(*file).size <= limit)?;
        if let Some((_, bytes)) = self.kept.iter().find(|(kept, _)| *kept == file) {
            return Some(bytes.clone());
        }
        match self.place(file) {
            Some((window, event)) => head(window, event.block, limit).ok(),
            None => self.remote.as_ref()?.head(file.layer, self.tree.event_at(file).block, limit),
        }
    }

    /// Users and groups that the image has.
    pub(super) fn accounts(&self) -> Accounts {
        let read = |path| self.document(path, 1 << 20).unwrap_or_default();
        Accounts::new(&read(b"etc/passwd"), &read(b"etc/group"))
    }

    /// The first bytes of files of layers that were read from their table of contents.
    fn remote_heads(&self, files: &[EventRef], most: u64) -> FxHashMap<EventRef, Vec<u8>> {
        let mut heads = FxHashMap::default();
        let Some(remote) = &self.remote else { return heads };
        let by_layer = files.chunk_by(|a, b| a.layer == b.layer);
        for own in by_layer.filter(|own| remote.table(own[0].layer).is_some()) {
            let blocks: Vec<u32> = own.iter().map(|file| self.tree.event_at(*file).block).collect();
            let found = remote.heads(own[0].layer, &blocks, most);
            heads.extend(found.into_iter().map(|(at, head)| (own[at], head)));
        }
        heads
    }

    pub(super) fn note(&mut self, message: String) {
        self.notes.push(Note { layer: None, message });
    }

    /// How each layer is stored.
    pub(super) fn stored_layers(&self) -> Vec<StoredLayer> {
        let plain = |kind: &Option<String>| kind.as_ref().is_some_and(|kind| kind.rsplit('.').next() == Some("tar"));
        let layers = self.facts.iter().zip(&self.image.layers);
        layers
            .map(|(facts, layer)| StoredLayer {
                tar_bytes: facts.tar_bytes,
                pull_bytes: facts.compressed_bytes.or(facts.pull_estimate),
                zstd_bytes: facts.zstd_estimate,
                sent_plain: facts.compression == Compression::None && plain(&layer.media_type),
            })
            .collect()
    }

    /// By layer: bytes of the uncompressed tar.
    pub(super) fn tar_bytes(&self) -> Vec<u64> {
        // A layer of which nothing could be read says nothing.
        let read = |facts: &LayerFacts| if facts.damage.is_some() && facts.entries == 0 { 0 } else { facts.tar_bytes };
        self.facts.iter().map(read).collect()
    }

    pub(super) fn new(
        image: Image,
        mut tree: Tree,
        mut slots: Vec<Slot>,
        order: &[usize],
        windows: &[Option<Window>],
        options: &Options,
    ) -> Self {
        let mut loaded = Self {
            facts: Vec::new(),
            windows: order.iter().map(|slot| windows[*slot].clone()).collect(),
            remote: None,
            notes: image
                .notes
                .iter()
                .chain(&image.warnings)
                .cloned()
                .chain(image.damage.iter().map(|damage| format!("the archive {damage}")))
                .map(|message| Note { layer: None, message })
                .collect(),
            problems: image.problems.clone(),
            checked: image.verified,
            unchecked: 0,
            kept: Vec::new(),
            seen: FxHashMap::default(),
            zeros: Vec::new(),
            symbols: FxHashMap::default(),
            tree: Arc::default(),
            image,
        };
        for (layer, slot) in order.iter().enumerate() {
            let estimated = |blob: &Blob| blob.compression == Compression::None || blob.table.is_some();
            tree.layers[layer].pull_estimated = slots[*slot].blob.as_ref().is_some_and(estimated);
        }
        loaded.tree = Arc::new(tree);
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
        facts.table = blob.table;
        facts.unread = blob.unread;
        facts.compressed_bytes = blob.compressed_bytes;
        facts.tar_bytes = blob.end.tar_bytes;
        facts.zstd_estimate = blob.compressed_bytes.and_then(|bytes| blob.recompressed.of(bytes));
        facts.entries = blob.end.entries;
        facts.damage = blob.end.damage.as_ref().map(|damage| {
            let why = layer.media_type.as_deref().and_then(unreadable_layer);
            why.map_or_else(
                || damage.to_string(),
                |why| format!("{why} ({})", shown_text(layer.media_type.as_deref().unwrap_or(""))),
            )
        });
        for message in &blob.end.notes {
            note(message.clone());
        }
        let (loops, more) = self.tree.layers[index].loops();
        for path in loops {
            note(format!("{}: ignored, because its symbolic links lead around in circles", shown(path)));
        }
        if more > 0 {
            note(format!("and {more} more such entries"));
        }
        if let Some(damage) = &facts.damage {
            note(format!("{damage}; what comes after is not shown"));
        }
        let stored_bytes = facts.compressed_bytes.unwrap_or(facts.tar_bytes);
        let is_read = facts.damage.is_none() && facts.table.is_none() && !facts.unread;
        if let Some(size) = layer.size.filter(|size| *size != stored_bytes && is_read) {
            let problem = format!("layer {index}: the manifest says {size} bytes, the blob has {stored_bytes}");
            self.problems.push(problem);
        }
        let mut check = |what: &str, claimed: Option<&Digest>, computed: &[Digest]| {
            let Some(claimed) = claimed else { return };
            match computed.iter().find(|digest| digest.algorithm() == claimed.algorithm()) {
                Some(digest) if digest == claimed => self.checked += 1,
                Some(digest) => {
                    self.problems.push(format!("layer {index}: its {what} should be {claimed} and is {digest}"));
                }
                None => self.unchecked += 1,
            }
        };
        check("digest", layer.digest.as_ref(), &blob.stored);
        check("diff ID", layer.diff_id.as_ref(), &blob.uncompressed);
        if blob.compression == Compression::None {
            facts.pull_estimate = self.tree.layer_pull_bytes(index);
        }
        let end = &mut blob.end;
        let (kept, seen, zeros, symbols) = (std::mem::take(&mut end.kept), &end.seen, &end.zeros, &end.symbols);
        if !(kept.is_empty() && seen.is_empty() && zeros.is_empty() && symbols.is_empty()) {
            let events = self.tree.layers.get(index).map(|layer| &layer.events[..layer.listed]).unwrap_or_default();
            // Entries stand in the order of their blocks.
            let find = |block: u32| {
                let at = events.binary_search_by_key(&block, |event| event.block).ok()?;
                Some(EventRef { layer: index as u16, index: at as u32 })
            };
            self.kept.extend(kept.into_iter().filter_map(|(block, bytes)| Some((find(block)?, bytes))));
            self.seen.extend(seen.iter().filter_map(|(block, shows)| Some((find(*block)?, Seen(*shows)))));
            self.symbols.extend(symbols.iter().filter_map(|(block, bytes)| Some((find(*block)?, *bytes))));
            self.zeros.extend(zeros.iter().filter_map(|(block, zeros)| Some((find(*block)?, *zeros))));
        }
        self.facts.push(facts);
    }

    fn verification(&self, options: &Options) -> Verification {
        match (self.problems.is_empty(), self.checked, self.unchecked) {
            (false, ..) => Verification::Failed,
            // Whatever is downloaded is checked.
            (true, 1.., 0) if options.verify || self.remote.is_some() => Verification::Verified,
            (true, 1.., _) => Verification::Partial,
            (true, 0, _) => Verification::NotChecked,
        }
    }

    /// What is known before the judgement. The tree is shared, the rest is copied.
    pub(super) fn so_far(&self, target: &Target, options: &Options) -> Inspection {
        Inspection {
            reference: target.typed.clone(),
            image: self.image.clone(),
            layers: self.facts.clone(),
            tree: Arc::clone(&self.tree),
            waste: Waste::unjudged(&self.tree),
            plan: None,
            verification: self.verification(options),
            problems: self.problems.clone(),
            notes: self.notes.clone(),
            timings: Vec::new(),
            asked_squashes: options.squash.clone(),
            dockerfile: options.dockerfile.as_ref().map(|(path, text)| super::GivenDockerfile {
                path: path.clone(),
                text: text.clone(),
                from_line: None,
            }),
            allow_missing_layers: options.allow_missing_layers,
            remote: self.remote.clone(),
            kept: Vec::new(),
        }
    }

    pub(super) fn finish(self, target: &Target, waste: Waste, options: &Options, timings: Vec<Timing>) -> Inspection {
        Inspection {
            reference: target.typed.clone(),
            verification: self.verification(options),
            image: self.image,
            layers: self.facts,
            tree: self.tree,
            waste,
            plan: None,
            problems: self.problems,
            notes: self.notes,
            timings,
            asked_squashes: options.squash.clone(),
            dockerfile: options.dockerfile.as_ref().map(|(path, text)| super::GivenDockerfile {
                path: path.clone(),
                text: text.clone(),
                from_line: None,
            }),
            allow_missing_layers: options.allow_missing_layers,
            remote: self.remote,
            kept: self.kept,
        }
    }
}
