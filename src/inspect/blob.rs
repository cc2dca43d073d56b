//! Reading one blob into records.

use std::io::{BufReader, Read};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::Options;
use super::recompress::{Recompressed, Sampler};
use crate::bytes::{
    Algorithm, Compression, Consumed, Counted, Flowing, Hopping, Input, ReadAhead, Sniffed, Sum, TarError, Tee, Walker,
    Window,
};
use crate::image::Digest;
use crate::layer::{Batch, Hashing, IndexEnd, Inflating, Keep, Passing, Watch, index};
use crate::secret::{may_hold_secrets, secret_in};
use crate::waste::{HEAD, Rules, Seen, document_limit};

/// What was found of one blob, beside its records.
#[derive(Debug, Default)]
pub(super) struct Blob {
    pub(super) end: IndexEnd,
    pub(super) compression: Compression,
    pub(super) compressed_bytes: Option<u64>,
    /// Digests of the blob as stored, where they were computed.
    pub(super) stored: Vec<Digest>,
    /// Digests of the uncompressed tar, where they were computed.
    pub(super) uncompressed: Vec<Digest>,
    /// The format of the table of contents that it was read from.
    pub(super) table: Option<&'static str>,
    /// Nothing of it was read.
    pub(super) unread: bool,
    /// What parts of it take when they are compressed again.
    pub(super) recompressed: Recompressed,
}

impl Blob {
    /// A blob of which nothing could be read.
    pub(super) fn damaged(damage: TarError) -> Self {
        Self { end: IndexEnd { damage: Some(damage), ..IndexEnd::default() }, ..Self::default() }
    }
}

/// Looks for what rules ask of the content of files.
struct ForRules {
    rules: &'static Rules,
    /// Package databases are wanted, too, and what programs carry for debuggers.
    closer: bool,
}

impl Watch for ForRules {
    fn looks_at(&self, path: &[u8], size: u64) -> usize {
        match may_hold_secrets(path, size) {
            true => size as usize,
            false if self.rules.asks_for_head(path) => HEAD,
            false => 0,
        }
    }

    fn keeps(&self, path: &[u8]) -> u64 {
        if self.closer { document_limit(path) } else { 0 }
    }

    fn sees(&self, path: &[u8], bytes: &[u8]) -> u32 {
        let seen = if self.rules.asks_for_head(path) { Seen::all(path, bytes) } else { Seen::default() };
        let size = bytes.len() as u64;
        seen.with_secret(if may_hold_secrets(path, size) { secret_in(path, bytes) } else { None }).0
    }

    fn asks_for_symbols(&self) -> bool {
        self.closer
    }
}

/// Files that a judgement reads whole: where home directories are, and whose.
const DOCUMENTS: [(&[u8], u64); 2] = [(b"etc/passwd", 1 << 20), (b"etc/group", 1 << 20)];

/// The largest layer without entries whose digest is computed without being asked for.
const EMPTY_LAYER: u64 = 1 << 20;

/// Reads a blob on disk. `algorithms` are those of its digests, which are computed when asked to verify.
pub(super) fn read_window(
    window: &Window,
    algorithms: &[Algorithm],
    options: &Options,
    send: &mut dyn FnMut(Batch) -> bool,
) -> Blob {
    // An error comes again when it is read.
    let plain = Sniffed::new(window.clone(), 6).is_ok_and(|blob| blob.compression() == Compression::None);
    if plain && !options.verify {
        let hashing = if options.hash { Hashing::Sha256 } else { Hashing::None };
        let input = if options.hash { Hopping::for_content(window.clone()) } else { Hopping::new(window.clone()) };
        let passing = Passing { hashing, keep: &[], watch: None };
        let blob = Blob { end: walk(input, passing, send), ..Blob::default() };
        // Nothing but zeros is a whole tar as well: a short layer that was overwritten shows by its digest only.
        if blob.end.entries > 0 || blob.end.damage.is_some() || window.len() > EMPTY_LAYER {
            return blob;
        }
        return read_flowing(window.clone(), options, Flow { algorithms, ..Flow::default() }, send);
    }
    let algorithms = if options.verify { algorithms } else { &[] };
    let mut blob = read_flowing(window.clone(), options, Flow { algorithms, ..Flow::default() }, send);
    blob.compressed_bytes = blob.compressed_bytes.map(|_| window.len());
    blob
}

fn walk(input: impl Input, passing: Passing<'_>, send: &mut dyn FnMut(Batch) -> bool) -> IndexEnd {
    index(&mut Walker::new(input, 0), passing, send)
}

/// What is found out of a blob that flows by, beside its entries.
#[derive(Clone, Copy, Default)]
pub(super) struct Flow<'a> {
    /// Algorithms of the digests of what it inflates to; when asked to verify, of what is stored, too.
    pub(super) algorithms: &'a [Algorithm],
    /// Of plain bytes what they would take compressed.
    pub(super) estimate: bool,
    /// Where checkpoints of gzip go.
    pub(super) checkpoints: Option<&'a crate::layer::Place>,
}

/// Reads a blob once from front to end: inflating on one thread, parsing and hashing contents on another.
pub(super) fn read_flowing(
    stored: impl Read + Send,
    options: &Options,
    flow: Flow<'_>,
    send: &mut dyn FnMut(Batch) -> bool,
) -> Blob {
    let of_stored = Arc::default();
    let of_plain = Arc::default();
    let stored = match Sniffed::new(stored, 6) {
        Ok(stored) => stored,
        Err(error) => return Blob::damaged(TarError::Io { at: 0, error }),
    };
    let compression = stored.compression();
    let count = Arc::default();
    let stored = Counted::new(stored.whole(), Arc::clone(&count));
    let hashing = if options.hash { Hashing::Sha256 } else { Hashing::Identity };
    let documents = DOCUMENTS.iter().map(|(path, limit)| Keep { path: path.to_vec(), limit: *limit });
    // The user's own comes first: it may be one of them.
    let keep: Vec<Keep> = options.keep.iter().cloned().chain(documents).collect();
    let rules = ForRules { rules: Rules::built_in(), closer: options.looks_closer() };
    let passing = Passing { hashing, keep: &keep, watch: Some(&rules) };
    // A third of the cost of inflating, and gzip's own checksum finds damage: only when asked for.
    let hash_stored: &[Algorithm] =
        if options.verify && compression != Compression::None { flow.algorithms } else { &[] };
    let recompressed = Arc::default();
    let end = if compression == Compression::None && flow.algorithms.is_empty() {
        walk(Flowing::new(BufReader::with_capacity(256 * 1024, stored)), passing, send)
    } else {
        let stored = BufReader::with_capacity(64 * 1024, Tee::new(stored, hash_stored, &of_stored));
        let consumed = Arc::default();
        let input = Consumed::new(stored, Arc::clone(&consumed));
        let plain = match (compression, flow.checkpoints) {
            (Compression::Gzip, Some(place)) => {
                Ok(Box::new(Inflating::new(input, Arc::clone(place))) as Box<dyn Read + Send + '_>)
            }
            _ => compression.decode(input),
        };
        match plain {
            Ok(plain) => std::thread::scope(|scope| {
                let plain = Tee::new(plain, flow.algorithms, &of_plain);
                let ahead = match compression {
                    Compression::None if flow.estimate => ReadAhead::estimating(scope, plain),
                    Compression::None => ReadAhead::spawn(scope, plain),
                    _ if options.advice => {
                        let sampler = Sampler::new(plain, Arc::clone(&consumed), Arc::clone(&recompressed));
                        ReadAhead::inflating(scope, sampler, consumed)
                    }
                    _ => ReadAhead::inflating(scope, plain, consumed),
                };
                walk(Flowing::new(ahead), passing, send)
            }),
            Err(error) => IndexEnd { damage: Some(TarError::Io { at: 0, error }), ..IndexEnd::default() },
        }
    };
    let digests = |sums: &Mutex<Vec<Sum>>| -> Vec<Digest> {
        sums.lock().map(|mut sums| sums.drain(..).map(Digest::from).collect()).unwrap_or_default()
    };
    let uncompressed = digests(&of_plain);
    let plain = compression == Compression::None;
    Blob {
        end,
        compression,
        table: None,
        unread: false,
        compressed_bytes: (!plain).then(|| count.load(Ordering::Relaxed)),
        stored: if plain { uncompressed.clone() } else { digests(&of_stored) },
        uncompressed,
        recompressed: recompressed.lock().map(|sums| *sums).unwrap_or_default(),
    }
}
