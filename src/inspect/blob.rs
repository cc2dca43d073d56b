//! Reading one blob into records.

use std::io::{BufReader, Cursor, Read};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::Options;
use super::recompress::{Recompressed, Sampler};
use crate::bytes::{
    Compression, Consumed, Counted, Flowing, Hopping, Input, ReadAhead, TarError, Tee, Walker, Window, sniff,
};
use crate::layer::{Batch, Hashing, IndexEnd, Keep, Passing, Watch, index};
use crate::secret::{may_hold_secrets, secret_in};
use crate::waste::{HEAD, Rules, Seen, document_limit};

/// What was found of one blob, beside its records.
#[derive(Debug, Default)]
pub(super) struct Blob {
    pub(super) end: IndexEnd,
    pub(super) compression: Compression,
    pub(super) compressed_bytes: Option<u64>,
    /// SHA-256 of the blob as stored, where it was computed.
    pub(super) stored: Option<[u8; 32]>,
    /// SHA-256 of the uncompressed tar, where it was computed.
    pub(super) uncompressed: Option<[u8; 32]>,
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

pub(super) fn read_window(window: &Window, options: &Options, send: &mut dyn FnMut(Batch) -> bool) -> Blob {
    let mut head = [0; 6];
    let got = window.clone().read(&mut head).unwrap_or(0);
    let plain = sniff(&head[..got]) == Compression::None;
    if plain && !options.verify {
        let hashing = if options.hash { Hashing::Sha256 } else { Hashing::None };
        let input = if options.hash { Hopping::for_content(window.clone()) } else { Hopping::new(window.clone()) };
        let passing = Passing { hashing, keep: &[], watch: None };
        return Blob { end: walk(input, passing, send), ..Blob::default() };
    }
    let mut blob = read_flowing(window.clone(), options, Flow { digest: options.verify, estimate: false }, send);
    blob.compressed_bytes = blob.compressed_bytes.map(|_| window.len());
    blob
}

fn walk(input: impl Input, passing: Passing<'_>, send: &mut dyn FnMut(Batch) -> bool) -> IndexEnd {
    index(&mut Walker::new(input, 0), passing, send)
}

/// What is found out of a blob that flows by, beside its entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// The digest of what it inflates to.
    pub(super) digest: bool,
    /// Of plain bytes what they would take compressed.
    pub(super) estimate: bool,
}

/// Reads a blob once from front to end: inflating on one thread, parsing and hashing contents on another.
pub(super) fn read_flowing(
    mut stored: impl Read + Send,
    options: &Options,
    flow: Flow,
    send: &mut dyn FnMut(Batch) -> bool,
) -> Blob {
    let verify = flow.digest;
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
    let stored = Counted::new(Cursor::new(head).chain(stored), Arc::clone(&count));
    let hashing = if options.hash { Hashing::Sha256 } else { Hashing::Identity };
    let documents = DOCUMENTS.iter().map(|(path, limit)| Keep { path: path.to_vec(), limit: *limit });
    // The user's own comes first: it may be one of them.
    let keep: Vec<Keep> = options.keep.iter().cloned().chain(documents).collect();
    let rules = ForRules { rules: Rules::built_in(), closer: options.looks_closer() };
    let passing = Passing { hashing, keep: &keep, watch: Some(&rules) };
    // A third of the cost of inflating, and gzip's own checksum finds damage: only when asked for.
    let hash_stored = (options.verify && verify && compression != Compression::None).then(|| note(0));
    let hash_plain = verify.then(|| note(1));
    let recompressed = Arc::default();
    let end = if compression == Compression::None && !verify {
        walk(Flowing::new(BufReader::with_capacity(256 * 1024, stored)), passing, send)
    } else {
        let stored = BufReader::with_capacity(64 * 1024, Tee::new(stored, hash_stored));
        let consumed = Arc::default();
        match compression.decode(Consumed::new(stored, Arc::clone(&consumed))) {
            Ok(plain) => std::thread::scope(|scope| {
                let plain = Tee::new(plain, hash_plain);
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
    let digest = |which: usize| digests[which].lock().ok().and_then(|mut place| place.take());
    let uncompressed = digest(1);
    let plain = compression == Compression::None;
    Blob {
        end,
        compression,
        compressed_bytes: (!plain).then(|| count.load(Ordering::Relaxed)),
        stored: if plain { uncompressed } else { digest(0) },
        uncompressed,
        recompressed: recompressed.lock().map(|sums| *sums).unwrap_or_default(),
    }
}
