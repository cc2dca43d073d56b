use sha2::{Digest as _, Sha256};

use super::record::{Batch, ContentId, Record, RecordKind, normal_path};
use super::symbols::{PassingSymbols, SYMBOLS_FROM};
use crate::bytes::tar::BLOCK;
use crate::bytes::{Entry, EntryKind, Input, TarError, Walker};

/// What is hashed of each file's content while it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashing {
    /// Nothing: content is hopped over.
    None,
    /// Its identity, for finding equal content.
    Identity,
    /// Its identity and its SHA-256.
    Sha256,
}

/// How a layer ended.
#[derive(Debug, Default)]
pub struct IndexEnd {
    /// Bytes of the tar, headers, padding and trailer included, as far as it could be read.
    pub tar_bytes: u64,
    /// Entries, whiteouts among them.
    pub entries: u64,
    /// Oddities.
    pub notes: Vec<String>,
    /// What kept it from being read to its end.
    pub damage: Option<TarError>,
    /// Contents that were to be kept: the block that each entry begins at, and its bytes.
    pub kept: Vec<(u32, Vec<u8>)>,
    /// What the content of files showed ([`Watch::sees`]), by the block that the entry begins at.
    pub seen: Vec<(u32, u32)>,
    /// Bytes in aligned blocks of zeros, of large files that are at least half that, by the block that the entry begins at.
    pub zeros: Vec<(u32, u64)>,
    /// Bytes for debuggers and linkers, of programs and libraries, by the block that the entry begins at.
    pub symbols: Vec<(u32, u64)>,
}

/// Looks at the content of files while it passes.
pub trait Watch: Sync {
    /// How many of the first bytes it has to see of the file of that normal path and size; 0 for none.
    fn looks_at(&self, path: &[u8], size: u64) -> usize;
    /// The largest size at which the file of that normal path is kept whole; 0 when it is not.
    fn keeps(&self, path: &[u8]) -> u64;
    /// What those bytes show; 0 for nothing.
    fn sees(&self, path: &[u8], bytes: &[u8]) -> u32;
    /// Whether it asks what programs carry for debuggers and linkers.
    fn asks_for_symbols(&self) -> bool;
}

/// What is wanted of contents while they pass.
#[derive(Clone, Copy)]
pub struct Passing<'a> {
    /// What is hashed.
    pub hashing: Hashing,
    /// What is kept.
    pub keep: &'a [Keep],
    /// Who looks on.
    pub watch: Option<&'a dyn Watch>,
}

/// A path whose content is kept in passing, where there is no coming back.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The normal path.
    pub path: Vec<u8>,
    /// Bytes that are kept at most, of one layer.
    pub limit: u64,
}

/// Records that travel together.
const BATCH: usize = 512;
const BATCH_TEXT: usize = 256 * 1024;
/// The longest path and the longest text of a symbolic link: no engine on Linux can unpack longer ones.
const MAX_PATH: usize = 4096;
/// Values of extended attributes that are longer are kept as a hash.
const LONG_XATTR: usize = 1024;
/// The most entries of a layer. The largest real images have a few million.
const MAX_ENTRIES: u64 = 20_000_000;
/// Bytes of files that are kept whole for who looks on, of one layer.
const MAX_KEPT: u64 = 64 << 20;
/// Oddities of one kind that are told one by one.
const MAX_NOTES: usize = 5;

/// Reads a layer once, front to back, and hands out a record of every entry; false from `send` stops it. Never keeps content.
pub fn index<I: Input>(walker: &mut Walker<I>, passing: Passing<'_>, send: &mut dyn FnMut(Batch) -> bool) -> IndexEnd {
    let mut end = IndexEnd::default();
    let mut odd = Oddities::default();
    let mut batch = Batch::default();
    let mut entry = Entry::default();
    let mut stored = None;
    let hashing = passing.hashing;
    // Which of `passing.keep` each of `end.kept` is.
    let mut kept_for: Vec<usize> = Vec::new();
    let mut kept_bytes = 0;
    end.damage = loop {
        let more = walker.next(&mut entry);
        let now = walker.stored();
        if let (Some(record), Some(from), Some(to)) = (batch.records.last_mut(), stored, now)
            && record.pull_bytes.is_none()
        {
            record.pull_bytes = Some(to.saturating_sub(from));
        }
        stored = now;
        if (batch.records.len() >= BATCH || batch.texts.len() >= BATCH_TEXT) && !send(std::mem::take(&mut batch)) {
            return end;
        }
        match more {
            Ok(true) => {}
            Ok(false) => break walker.trailer().err(),
            Err(error) => break Some(error),
        }
        end.entries += 1;
        if end.entries > MAX_ENTRIES {
            break Some(TarError::Header { at: entry.start, problem: "the layer has more than 20 million entries" });
        }
        let Ok(block) = u32::try_from(entry.start / BLOCK) else {
            break Some(TarError::Header { at: entry.start, problem: "the layer is larger than 2 TiB" });
        };
        if super::toc::is_of_format(&entry.path) {
            // What eStargz adds to a layer is not a file of the image.
            odd.say(Odd::Stargz, &entry.path);
            end.entries -= 1;
            continue;
        }
        let Some(mut record) = record(&entry, block, &mut batch, &mut odd) else { continue };
        record.header_blocks = u8::try_from((walker.position() - entry.start) / BLOCK).unwrap_or(u8::MAX);
        if hashing != Hashing::None && record.kind == RecordKind::Entry(EntryKind::File) {
            let path = batch.text(&record.path);
            let keep = passing.keep.iter().position(|keep| keep.path == path && entry.size <= keep.limit);
            let keep = keep.filter(|_| entry.sparse.is_none());
            let asked = passing.watch.filter(|_| entry.size > 0 && entry.sparse.is_none());
            let limit = asked.map_or(0, |watch| watch.looks_at(path, entry.size));
            let watch = asked.filter(|_| limit > 0);
            let room = MAX_KEPT.saturating_sub(kept_bytes);
            let whole = passing.watch.is_some_and(|watch| entry.size > 0 && entry.size <= watch.keeps(path).min(room));
            let whole = whole && keep.is_none() && entry.sparse.is_none();
            let mut looks = Looks {
                copy: (keep.is_some() || whole).then(Vec::new),
                head: watch.map(|_| Head { bytes: Vec::new(), limit }),
                zeros: (entry.size >= ZEROS && entry.sparse.is_none()).then(Zeros::default),
                symbols: passing
                    .watch
                    .filter(|watch| entry.size >= SYMBOLS_FROM && entry.sparse.is_none() && watch.asks_for_symbols())
                    .map(|_| PassingSymbols::default()),
            };
            match hash(walker, &entry, hashing, &mut looks) {
                Ok((content, sha256)) => (record.content, record.sha256) = (Some(content), sha256),
                Err(error) => break Some(error),
            }
            if let (Some(watch), Some(head)) = (watch, &looks.head) {
                let shows = watch.sees(path, &head.bytes);
                end.seen.extend((shows != 0).then_some((block, shows)));
            }
            if let Some(zeros) = looks.zeros.map(|zeros| zeros.bytes).filter(|zeros| *zeros >= entry.size / 2) {
                end.zeros.push((block, zeros));
            }
            let symbols = looks.symbols.map(|symbols| symbols.found(entry.size)).filter(|bytes| *bytes > 0);
            end.symbols.extend(symbols.map(|bytes| (block, bytes)));
            if whole {
                kept_bytes += entry.size;
                kept_for.push(usize::MAX);
                end.kept.extend(looks.copy.take().map(|copy| (block, copy)));
            }
            if let (Some(keep), Some(copy)) = (keep, looks.copy) {
                // The last entry of a path is the one that holds.
                if let Some(at) = kept_for.iter().position(|known| *known == keep) {
                    end.kept[at] = (block, copy);
                } else {
                    kept_for.push(keep);
                    end.kept.push((block, copy));
                }
            }
        } else if record.size > 0
            && let Err(error) = walker.pass_content()
        {
            break Some(error);
        }
        batch.records.push(record);
    };
    end.tar_bytes = walker.position();
    end.notes = odd.notes();
    if walker.is_unpadded() {
        end.notes.push(
            "it ends without the padding of its last file; engines accept that, so it is read as whole".to_owned(),
        );
    }
    if !batch.records.is_empty() {
        send(batch);
    }
    end
}

/// The identity of a sparse file covers its map too, so that equal bytes at other places differ.
fn hash<I: Input>(
    walker: &mut Walker<I>,
    entry: &Entry,
    hashing: Hashing,
    looks: &mut Looks,
) -> Result<(ContentId, Option<[u8; 32]>), TarError> {
    let mut identity = blake3::Hasher::new();
    let sparse = entry.sparse.is_some();
    let mut sha256 = (hashing == Hashing::Sha256 && !sparse).then(Sha256::new);
    walker.content(|piece| {
        identity.update(piece);
        if let Some(sha256) = &mut sha256 {
            sha256.update(piece);
        }
        looks.at(piece);
    })?;
    Ok((sealed(&identity, entry), sha256.map(|hash| hash.finalize().into())))
}

/// What is taken from a content while it passes, beside its hashes.
struct Looks {
    copy: Option<Vec<u8>>,
    head: Option<Head>,
    zeros: Option<Zeros>,
    symbols: Option<PassingSymbols>,
}

/// The first bytes of a file.
struct Head {
    bytes: Vec<u8>,
    limit: usize,
}

/// Bytes of a file that are seen before it is known whether it is text.
const HEAD: usize = 4096;

impl Head {
    fn pass(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        // What is not text is not looked at any further.
        if self.limit > HEAD && self.bytes[..self.bytes.len().min(HEAD)].contains(&0) {
            self.limit = HEAD;
            self.bytes.truncate(HEAD);
        }
    }
}

/// Files that are smaller are not asked how much of them is zeros.
const ZEROS: u64 = 1_000_000;
/// What may be a hole in a file system.
const HOLE: usize = 4096;

impl Looks {
    fn at(&mut self, piece: &[u8]) {
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(piece);
        }
        if let Some(head) = &mut self.head {
            head.pass(piece);
        }
        if let Some(zeros) = &mut self.zeros {
            zeros.pass(piece);
        }
        if let Some(symbols) = &mut self.symbols {
            symbols.pass(piece);
        }
    }
}

/// Counts aligned blocks of zeros.
#[derive(Debug, Default)]
pub(super) struct Zeros {
    /// Bytes in such blocks.
    pub(super) bytes: u64,
    passed: usize,
    other: bool,
}

impl Zeros {
    pub(super) fn pass(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (own, rest) = piece.split_at(piece.len().min(HOLE - self.passed));
            self.other = self.other || own.iter().any(|byte| *byte != 0);
            self.passed += own.len();
            if self.passed == HOLE {
                self.bytes += if self.other { 0 } else { HOLE as u64 };
                (self.passed, self.other) = (0, false);
            }
            piece = rest;
        }
    }
}

/// The identity of content whose stored bytes went into `hash`.
pub(super) fn sealed(hash: &blake3::Hasher, entry: &Entry) -> ContentId {
    let mut hash = hash.clone();
    if let Some(map) = &entry.sparse {
        for (offset, len) in map {
            hash.update(&offset.to_le_bytes());
            hash.update(&len.to_le_bytes());
        }
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    id
}

pub(super) fn record(entry: &Entry, block: u32, batch: &mut Batch, odd: &mut Oddities) -> Option<Record> {
    if entry.path.len() > MAX_PATH {
        odd.say(Odd::LongPath, &entry.path[..64]);
        return None;
    }
    if entry.link.len() > MAX_PATH {
        odd.say(Odd::LongLink, &entry.path);
        return None;
    }
    let start = batch.texts.len();
    if !normal_path(&entry.path, &mut batch.texts) {
        odd.say(Odd::DotDot, &entry.path);
        return None;
    }
    let mut path = start as u32..batch.texts.len() as u32;
    let text = &batch.texts[start..];
    if text.is_empty() && entry.kind != EntryKind::Directory {
        odd.say(Odd::Root, &entry.path);
        return None;
    }
    if entry.kind == EntryKind::Char && entry.device == (0, 0) {
        odd.say(Odd::OverlayWhiteout, &entry.path);
    }
    if entry.xattrs.iter().any(|(name, value)| is_overlay_opaque(name) && value == b"y") {
        odd.say(Odd::OverlayOpaque, &entry.path);
    }
    let folder = text.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let kind = match text[folder..].strip_prefix(b".wh.") {
        None => RecordKind::Entry(entry.kind),
        Some(b".wh..opq") => {
            path.end = path.start + folder.saturating_sub(1) as u32;
            RecordKind::Opaque
        }
        // aufs' own files, which say nothing about the image.
        Some(name) if name.starts_with(b".wh.") => return None,
        Some(b"" | b"." | b"..") => {
            odd.say(Odd::Whiteout, &entry.path);
            return None;
        }
        Some(_) => {
            batch.texts.drain(start + folder..start + folder + b".wh.".len());
            path.end -= b".wh.".len() as u32;
            RecordKind::Whiteout
        }
    };
    let link = match kind {
        RecordKind::Entry(EntryKind::Symlink) => batch.keep(&[&entry.link]),
        RecordKind::Entry(EntryKind::HardLink) => {
            let start = batch.texts.len();
            if !normal_path(&entry.link, &mut batch.texts) {
                odd.say(Odd::LinkDotDot, &entry.path);
            }
            start as u32..batch.texts.len() as u32
        }
        _ => 0..0,
    };
    let xattrs = if entry.xattrs.is_empty() || !matches!(kind, RecordKind::Entry(_)) {
        0..0
    } else {
        let start = batch.texts.len() as u32;
        for (name, value) in &entry.xattrs {
            let lengths = [(name.len() as u32).to_le_bytes(), (value.len() as u32).to_le_bytes()];
            // They are only compared, so of a long one its hash is enough.
            let hash = (value.len() > LONG_XATTR).then(|| blake3::hash(value));
            batch.keep(&[&lengths[0], &lengths[1], name, hash.as_ref().map_or(value, |hash| hash.as_bytes())]);
        }
        start..batch.texts.len() as u32
    };
    Some(Record {
        kind,
        path,
        link,
        xattrs,
        size: if kind == RecordKind::Entry(EntryKind::File) { entry.size } else { 0 },
        block,
        header_blocks: 1,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
        device: entry.device,
        content: None,
        sha256: None,
        pull_bytes: None,
    })
}

/// What overlayfs marks a directory with that hides what lower layers have in it.
fn is_overlay_opaque(name: &[u8]) -> bool {
    matches!(name, b"trusted.overlay.opaque" | b"user.overlay.opaque")
}

/// Entries that no engine would unpack as written, or not every engine as others do. The first few are reported by name.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    said: Vec<String>,
    counts: [usize; Odd::Stargz as usize + 1],
}

#[derive(Debug, Clone, Copy)]
enum Odd {
    DotDot,
    LongPath,
    Root,
    Whiteout,
    LinkDotDot,
    LongLink,
    OverlayWhiteout,
    OverlayOpaque,
    Stargz,
}

impl Oddities {
    fn say(&mut self, odd: Odd, path: &[u8]) {
        let count = &mut self.counts[odd as usize];
        *count += 1;
        if *count > MAX_NOTES {
            return;
        }
        let path = crate::bytes::shown(path);
        self.said.push(match odd {
            Odd::DotDot => format!("{path}: ignored, because its path leads out of the image"),
            Odd::LongPath => format!("{path}…: ignored, because its path is longer than 4,096 bytes"),
            Odd::Root => format!("`{path}`: ignored, because the root can only be a directory"),
            Odd::Whiteout => format!("{path}: ignored, because the whiteout names nothing"),
            Odd::LinkDotDot => format!("{path}: a hard link to a path outside of the image, so to nothing"),
            Odd::LongLink => format!("{path}: ignored, because the link's target is longer than 4,096 bytes"),
            Odd::OverlayWhiteout => {
                format!("{path}: a device 0:0, which overlayfs takes for a whiteout: Docker hides the path, other engines do not")
            }
            Odd::OverlayOpaque => {
                format!("{path}: marked opaque for overlayfs: Docker hides what lower layers have in it, other engines do not")
            }
            Odd::Stargz => format!("{path}: belongs to the eStargz format, not to the image, so it is not counted"),
        });
    }

    pub(super) fn notes(mut self) -> Vec<String> {
        let more: usize = self.counts.iter().map(|count| count.saturating_sub(MAX_NOTES)).sum();
        if more > 0 {
            self.said.push(format!("and {more} more such entries"));
        }
        self.said
    }
}
