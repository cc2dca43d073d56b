//! Tables of contents of layers that can be read in parts: eStargz (stargz-snapshotter, "eStargz: Standard-Compatible
//! Extensions to Tar.gz Layers") and zstd:chunked (containers/storage). A table lists the entries of the tar in their order,
//! with the digests of the files and of the pieces that they are stored in.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::index::{IndexEnd, Oddities, record};
use super::record::{Batch, ContentId, RecordKind};
use crate::bytes::tar::{BLOCK, padded};
use crate::bytes::{Entry, EntryKind};

/// The largest table, inflated.
pub const MAX_TOC: u64 = 64 * 1024 * 1024;
/// The largest piece that is read: it is checked as a whole before any of it is shown.
const MAX_PIECE: u64 = 256 * 1024 * 1024;
/// Records that travel together.
const BATCH: usize = 512;

/// Which format a table is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TocKind {
    /// Pieces are members of gzip.
    Estargz,
    /// Pieces are frames of zstd.
    ZstdChunked,
}

impl TocKind {
    /// As people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Estargz => "eStargz",
            Self::ZstdChunked => "zstd:chunked",
        }
    }
}

/// Why a table cannot be used.
#[derive(Debug, Error)]
pub enum TocError {
    /// It is no JSON, or not of the format.
    #[error("its table of contents cannot be read: {0}")]
    Malformed(String),
    /// A file's pieces do not make up the file.
    #[error("its table of contents has no whole {0}")]
    Pieces(String),
    /// Nobody takes its records any more.
    #[error("stopped")]
    Stopped,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where its compressed bytes begin in the blob, and where they end.
    pub stored: (u64, u64),
    /// Bytes of the inflated piece before its content.
    pub skip: u64,
    /// Bytes of content; 0 for a piece of nothing but zeros that is not stored.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: Option<[u8; 32]>,
    /// Nothing is stored: the content is zeros.
    pub zeros: bool,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocFile {
    /// The block that its entry begins at, in the order of the table.
    pub block: u32,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: Option<[u8; 32]>,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// Where the files of a layer are in its blob.
#[derive(Debug, Clone)]
pub struct Toc {
    /// The format.
    pub kind: TocKind,
    /// By block.
    pub files: Vec<TocFile>,
}

impl Toc {
    /// The file whose entry begins at `block`.
    pub fn file(&self, block: u32) -> Option<&TocFile> {
        let at = self.files.binary_search_by_key(&block, |file| file.block).ok()?;
        self.files.get(at)
    }
}

#[derive(Deserialize)]
struct Document {
    /// Null where a layer is empty: so Go writes a list without entries.
    #[serde(deserialize_with = "null_is_empty")]
    entries: Vec<TocEntry>,
}

fn null_is_empty<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<TocEntry>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct TocEntry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    link_name: String,
    mode: i64,
    size: i64,
    uid: i64,
    gid: i64,
    modtime: String,
    dev_major: i64,
    dev_minor: i64,
    xattrs: Option<BTreeMap<String, String>>,
    digest: String,
    offset: i64,
    end_offset: i64,
    inner_offset: i64,
    chunk_size: i64,
    chunk_offset: i64,
    chunk_digest: String,
    chunk_type: String,
}

/// A SHA-256 as tables write it.
pub(super) fn sha256_of(text: &str) -> Option<[u8; 32]> {
    crate::source::Digest::parse(text)?.sha256()
}

/// Identity of a content whose SHA-256 is known. Comparable with others of its kind only.
pub fn id_of_sha256(sha256: [u8; 32]) -> ContentId {
    let mut id = [0; 16];
    id.copy_from_slice(&sha256[..16]);
    id
}

/// The SHA-256 of nothing.
const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What the format adds to a layer, and no image has.
pub(super) fn is_of_format(path: &[u8]) -> bool {
    matches!(path, b"stargz.index.json" | b".prefetch.landmark" | b".no.prefetch.landmark")
}

/// Reads a table that was verified, and hands out a record of every entry, as if the tar had passed. Blocks are counted
/// as the tar would have them, as far as the table says. `data` is where the files end in the blob.
///
/// # Errors
/// When it is malformed; records may have been handed out by then.
pub fn index_toc(
    json: &[u8],
    kind: TocKind,
    data: u64,
    send: &mut dyn FnMut(Batch) -> bool,
) -> Result<(IndexEnd, Toc), TocError> {
    let document: Document = serde_json::from_slice(json).map_err(|error| TocError::Malformed(error.to_string()))?;
    let places = Places::of(&document.entries, kind, data);
    let mut end = IndexEnd::default();
    let mut odd = Oddities::default();
    let mut batch = Batch::default();
    let mut toc = Toc { kind, files: Vec::new() };
    let mut position = 0_u64;
    let mut entries = document.entries.iter().peekable();
    let empty = sha256_of(EMPTY);
    while let Some(listed) = entries.next() {
        if listed.kind == "chunk" {
            return Err(TocError::Malformed("a piece belongs to no file".to_owned()));
        }
        let entry = entry_of(listed, position)?;
        let mut parts = vec![listed];
        while let Some(part) = entries.next_if(|next| next.kind == "chunk") {
            parts.push(part);
        }
        let path = listed.name.trim_start_matches("./").trim_matches('/').as_bytes();
        if is_of_format(path) {
            continue;
        }
        end.entries += 1;
        let block = u32::try_from(position / BLOCK)
            .map_err(|_| TocError::Malformed("the layer is larger than 2 TiB".to_owned()))?;
        let header = header_blocks(&entry);
        position += u64::from(header) * BLOCK + padded(entry.size);
        if position > 1 << 41 {
            return Err(TocError::Malformed("the layer is larger than 2 TiB".to_owned()));
        }
        let Some(mut record) = record(&entry, block, &mut batch, &mut odd) else { continue };
        record.header_blocks = header;
        record.pull_bytes = Some(0);
        if record.kind == RecordKind::Entry(EntryKind::File) {
            let sha256 = if entry.size == 0 { empty } else { sha256_of(&listed.digest) };
            record.sha256 = sha256;
            record.content = sha256.map(id_of_sha256);
            let pieces = pieces_of(&parts, &entry, sha256, &places)?;
            let stored: u64 = pieces.iter().map(|piece| piece.stored.1 - piece.stored.0).sum();
            record.pull_bytes = Some(stored);
            if entry.size > 0 {
                toc.files.push(TocFile { block, size: entry.size, sha256, pieces });
            }
        }
        batch.records.push(record);
        if batch.records.len() >= BATCH && !send(std::mem::take(&mut batch)) {
            return Err(TocError::Stopped);
        }
    }
    if !batch.records.is_empty() && !send(batch) {
        return Err(TocError::Stopped);
    }
    // The end is two blocks of zeros.
    end.tar_bytes = position + 2 * BLOCK;
    end.notes = odd.notes();
    Ok((end, toc))
}

fn entry_of(listed: &TocEntry, position: u64) -> Result<Entry, TocError> {
    let kind = match listed.kind.as_str() {
        "reg" => EntryKind::File,
        "dir" => EntryKind::Directory,
        "symlink" => EntryKind::Symlink,
        "hardlink" => EntryKind::HardLink,
        "char" => EntryKind::Char,
        "block" => EntryKind::Block,
        "fifo" => EntryKind::Fifo,
        other => return Err(TocError::Malformed(format!("entries of the type `{}`", crate::bytes::shown_text(other)))),
    };
    let size = u64::try_from(listed.size)
        .ok()
        .filter(|size| *size <= 1 << 53)
        .ok_or_else(|| TocError::Malformed(format!("a size of {} bytes", listed.size)))?;
    let mut xattrs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (name, value) in listed.xattrs.iter().flatten() {
        let value = STANDARD.decode(value).map_err(|_| TocError::Malformed("an attribute is not base64".to_owned()))?;
        xattrs.push((name.clone().into_bytes(), value));
    }
    let modified: Option<jiff::Timestamp> = listed.modtime.parse().ok();
    let number = |number: i64| u32::try_from(number).unwrap_or_default();
    let device = matches!(kind, EntryKind::Char | EntryKind::Block);
    let text = |text: &str| text.strip_suffix('/').unwrap_or(text).as_bytes().to_vec();
    Ok(Entry {
        start: position,
        kind,
        path: text(&listed.name),
        link: if matches!(kind, EntryKind::Symlink | EntryKind::HardLink) {
            listed.link_name.clone().into_bytes()
        } else {
            Vec::new()
        },
        size: if kind == EntryKind::File { size } else { 0 },
        mode: (listed.mode & 0o7777) as u16,
        uid: number(listed.uid),
        gid: number(listed.gid),
        mtime: modified.map_or(0, |time| time.as_second()),
        device: if device { (number(listed.dev_major), number(listed.dev_minor)) } else { (0, 0) },
        xattrs,
        sparse: None,
    })
}

/// Blocks that the headers of an entry most likely take: one, and two or more for what only an extension header holds.
fn header_blocks(entry: &Entry) -> u8 {
    let fits = |path: &[u8]| {
        path.len() <= 100
            || path.len() <= 255
                && path.iter().enumerate().any(|(at, byte)| *byte == b'/' && at <= 155 && path.len() - at - 1 <= 100)
    };
    let mut records: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len() + 20).sum();
    if !fits(&entry.path) || !entry.path.is_ascii() {
        records += entry.path.len() + 10;
    }
    if entry.link.len() > 100 || !entry.link.is_ascii() {
        records += entry.link.len() + 14;
    }
    let extension = if records > 0 { 1 + records.div_ceil(512) } else { 0 };
    u8::try_from(1 + extension).unwrap_or(u8::MAX)
}

/// Where pieces end that do not say it: where the next one begins.
struct Places {
    offsets: Vec<u64>,
    kind: TocKind,
    data: u64,
}

impl Places {
    fn of(entries: &[TocEntry], kind: TocKind, data: u64) -> Self {
        let mut offsets: Vec<u64> = match kind {
            TocKind::Estargz => entries.iter().filter_map(|entry| u64::try_from(entry.offset).ok()).collect(),
            TocKind::ZstdChunked => Vec::new(),
        };
        offsets.push(data);
        offsets.sort_unstable();
        offsets.dedup();
        Self { offsets, kind, data }
    }

    /// Where a piece is stored. zstd:chunked gives the end of a file only: its pieces follow each other.
    fn stored(&self, parts: &[&TocEntry], number: usize) -> Option<(u64, u64)> {
        let entry = parts.get(number)?;
        let start = u64::try_from(entry.offset).ok().filter(|start| *start > 0 || self.kind == TocKind::ZstdChunked)?;
        let end = match self.kind {
            TocKind::ZstdChunked => {
                let next = parts[number + 1..].iter().find(|next| next.chunk_type != "zeros");
                u64::try_from(next.map_or(parts[0].end_offset, |next| next.offset)).ok()?
            }
            TocKind::Estargz => {
                let at = self.offsets.partition_point(|offset| *offset <= start);
                *self.offsets.get(at)?
            }
        };
        (start < end && end <= self.data).then_some((start, end))
    }
}

/// The pieces of a file: they follow each other without a gap, and each has a digest, or the file has one.
fn pieces_of(
    parts: &[&TocEntry],
    entry: &Entry,
    sha256: Option<[u8; 32]>,
    places: &Places,
) -> Result<Vec<Piece>, TocError> {
    if entry.size == 0 {
        return Ok(Vec::new());
    }
    let broken = || TocError::Pieces(crate::bytes::shown(&entry.path));
    let mut pieces = Vec::with_capacity(parts.len());
    let mut at = 0;
    for (number, part) in parts.iter().enumerate() {
        let offset = u64::try_from(part.chunk_offset).map_err(|_| broken())?;
        if offset != at {
            return Err(broken());
        }
        let next = parts.get(number + 1).map_or(entry.size, |next| u64::try_from(next.chunk_offset).unwrap_or(0));
        let said = u64::try_from(part.chunk_size).map_err(|_| broken())?;
        let bytes =
            next.checked_sub(at).filter(|bytes| *bytes > 0 && (said == 0 || said == *bytes)).ok_or_else(broken)?;
        let zeros = part.chunk_type == "zeros";
        let own = sha256_of(&part.chunk_digest).or_else(|| sha256.filter(|_| parts.len() == 1));
        if own.is_none() && !zeros && sha256.is_none() {
            return Err(broken());
        }
        let stored = if zeros { (0, 0) } else { places.stored(parts, number).ok_or_else(broken)? };
        let skip = u64::try_from(part.inner_offset).map_err(|_| broken())?;
        pieces.push(Piece { stored, skip, bytes, sha256: own, zeros });
        at = next;
    }
    Ok(pieces)
}

/// Inflates the compressed bytes of a piece, and checks its content.
///
/// # Errors
/// When they are damaged, or are not what the table says.
pub fn read_piece(kind: TocKind, piece: &Piece, stored: &[u8]) -> Result<Vec<u8>, String> {
    if piece.bytes > MAX_PIECE {
        return Err(format!("a piece of {} bytes is too large to be held in memory", piece.bytes));
    }
    let size = usize::try_from(piece.bytes).map_err(|_| "a piece is too large".to_owned())?;
    if piece.zeros {
        return Ok(vec![0; size]);
    }
    let broken = |error: std::io::Error| format!("a piece cannot be inflated: {error}");
    let mut plain: Box<dyn Read> = match kind {
        TocKind::Estargz => Box::new(flate2::read::MultiGzDecoder::new(stored)),
        TocKind::ZstdChunked => Box::new(zstd::stream::read::Decoder::new(stored).map_err(broken)?),
    };
    std::io::copy(&mut plain.by_ref().take(piece.skip), &mut std::io::sink()).map_err(broken)?;
    let mut content = Vec::with_capacity(size.min(1 << 20));
    plain.take(piece.bytes).read_to_end(&mut content).map_err(broken)?;
    if content.len() != size {
        return Err(format!("a piece has {} bytes instead of {size}", content.len()));
    }
    match piece.sha256 {
        Some(want) if !crate::source::Digest::from_sha256(want).holds(&content) => {
            Err("a piece has another digest than the table of contents says".to_owned())
        }
        _ => Ok(content),
    }
}
