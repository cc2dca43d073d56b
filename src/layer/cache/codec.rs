//! Records of a layer as bytes: front-coded paths and small numbers.

use crate::bytes::EntryKind;
use crate::layer::index::IndexEnd;
use crate::layer::record::{Batch, Record, RecordKind};

pub(super) const BATCH: u8 = 1;
pub(super) const END: u8 = 2;
/// The largest frame; one that claims to be larger is damaged.
const MAX_FRAME: usize = 64 << 20;
/// The longest path, and the texts of one batch: what the walk over a layer keeps is shorter.
const MAX_PATH: usize = 8192;
const MAX_TEXTS: usize = 256 << 20;

/// What was known of a layer's end, from a stored index.
#[derive(Debug, Default)]
pub struct StoredEnd {
    /// As when the layer was read.
    pub end: IndexEnd,
    /// How the blob was compressed, by name; `none` where it was not.
    pub compression: String,
    /// Bytes of the blob, where it was compressed.
    pub compressed_bytes: Option<u64>,
}

/// A batch as a frame.
pub(super) fn batch(batch: &Batch) -> Vec<u8> {
    let mut frame = Vec::with_capacity(batch.records.len() * 48);
    put(&mut frame, batch.records.len() as u64);
    let mut before: &[u8] = &[];
    for record in &batch.records {
        let path = batch.text(&record.path);
        let shared = path.iter().zip(before).take_while(|(a, b)| a == b).count();
        frame.push(kind_number(record.kind));
        put(&mut frame, shared as u64);
        put_bytes(&mut frame, &path[shared..]);
        before = path;
        put_bytes(&mut frame, batch.text(&record.link));
        put_bytes(&mut frame, batch.text(&record.xattrs));
        for number in [
            record.size,
            record.block.into(),
            record.header_blocks.into(),
            record.mode.into(),
            record.uid.into(),
            record.gid.into(),
            // Zigzag: small for small times of either sign.
            ((record.mtime << 1) ^ (record.mtime >> 63)) as u64,
            record.device.0.into(),
            record.device.1.into(),
            record.pull_bytes.map_or(0, |bytes| bytes.saturating_add(1)),
        ] {
            put(&mut frame, number);
        }
        match record.content {
            Some(content) => {
                frame.push(1);
                frame.extend_from_slice(&content);
            }
            None => frame.push(0),
        }
    }
    frame
}

/// The end of a layer as a frame.
pub(super) fn end(end: &IndexEnd, compression: &str, compressed_bytes: Option<u64>) -> Vec<u8> {
    let mut frame = Vec::new();
    put(&mut frame, end.tar_bytes);
    put(&mut frame, end.entries);
    put_bytes(&mut frame, compression.as_bytes());
    put(&mut frame, compressed_bytes.map_or(0, |bytes| bytes.saturating_add(1)));
    put(&mut frame, end.notes.len() as u64);
    for note in &end.notes {
        put_bytes(&mut frame, note.as_bytes());
    }
    put(&mut frame, end.kept.len() as u64);
    for (block, bytes) in &end.kept {
        put(&mut frame, (*block).into());
        put_bytes(&mut frame, bytes);
    }
    put(&mut frame, end.seen.len() as u64);
    for (block, shows) in &end.seen {
        put(&mut frame, (*block).into());
        put(&mut frame, (*shows).into());
    }
    put(&mut frame, end.zeros.len() as u64);
    for (block, zeros) in &end.zeros {
        put(&mut frame, (*block).into());
        put(&mut frame, *zeros);
    }
    frame
}

/// Reads the frames of an index whose seal was checked, and hands out each batch. Returns `None` if a frame is malformed,
/// or `take` returns false.
pub fn decode(body: &[u8], take: &mut dyn FnMut(Batch) -> bool) -> Option<StoredEnd> {
    let mut reader = Reader(body);
    loop {
        let (kind, mut frame) = reader.frame()?;
        match kind {
            BATCH => {
                if !take(frame.batch()?) {
                    return None;
                }
            }
            END => return frame.end(),
            _ => return None,
        }
    }
}

fn kind_number(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Whiteout => 1,
        RecordKind::Opaque => 2,
        RecordKind::Entry(EntryKind::File) => 3,
        RecordKind::Entry(EntryKind::Directory) => 4,
        RecordKind::Entry(EntryKind::Symlink) => 5,
        RecordKind::Entry(EntryKind::HardLink) => 6,
        RecordKind::Entry(EntryKind::Char) => 7,
        RecordKind::Entry(EntryKind::Block) => 8,
        RecordKind::Entry(EntryKind::Fifo) => 9,
    }
}

fn kind_of(number: u8) -> Option<RecordKind> {
    Some(match number {
        1 => RecordKind::Whiteout,
        2 => RecordKind::Opaque,
        3 => RecordKind::Entry(EntryKind::File),
        4 => RecordKind::Entry(EntryKind::Directory),
        5 => RecordKind::Entry(EntryKind::Symlink),
        6 => RecordKind::Entry(EntryKind::HardLink),
        7 => RecordKind::Entry(EntryKind::Char),
        8 => RecordKind::Entry(EntryKind::Block),
        9 => RecordKind::Entry(EntryKind::Fifo),
        _ => return None,
    })
}

/// Seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    fn frame(&mut self) -> Option<(u8, Reader<'b>)> {
        let kind = *self.take(1)?.first()?;
        let len = u32::from_le_bytes(self.take(4)?.try_into().ok()?) as usize;
        (len <= MAX_FRAME).then_some(())?;
        Some((kind, Reader(self.take(len)?)))
    }

    fn batch(&mut self) -> Option<Batch> {
        let count = usize::try_from(self.number()?).ok()?;
        let mut batch = Batch::default();
        batch.records.reserve(count.min(4096));
        batch.texts.reserve(self.0.len() * 2);
        let mut path = 0..0;
        for _ in 0..count {
            let kind = kind_of(*self.take(1)?.first()?)?;
            let shared = u32::try_from(self.number()?).ok()?;
            let rest = self.bytes()?;
            (path.start + shared <= path.end).then_some(())?;
            let start = batch.texts.len() as u32;
            batch.texts.extend_from_within(path.start as usize..(path.start + shared) as usize);
            batch.texts.extend_from_slice(rest);
            path = start..batch.texts.len() as u32;
            (path.len() <= MAX_PATH && batch.texts.len() <= MAX_TEXTS).then_some(())?;
            let mut text = |bytes: &[u8]| {
                let start = batch.texts.len() as u32;
                batch.texts.extend_from_slice(bytes);
                start..batch.texts.len() as u32
            };
            let (link, xattrs) = (text(self.bytes()?), text(self.bytes()?));
            let mut numbers = [0; 10];
            for number in &mut numbers {
                *number = self.number()?;
            }
            let [size, block, header_blocks, mode, uid, gid, time, major, minor, pull] = numbers;
            let content = match self.take(1)? {
                [1] => Some(self.take(16)?.try_into().ok()?),
                _ => None,
            };
            batch.records.push(Record {
                kind,
                path: path.clone(),
                link,
                xattrs,
                size,
                block: u32::try_from(block).ok()?,
                header_blocks: u8::try_from(header_blocks).ok()?,
                mode: u16::try_from(mode).ok()?,
                uid: u32::try_from(uid).ok()?,
                gid: u32::try_from(gid).ok()?,
                mtime: (time >> 1) as i64 ^ -((time & 1) as i64),
                device: (u32::try_from(major).ok()?, u32::try_from(minor).ok()?),
                content,
                sha256: None,
                pull_bytes: pull.checked_sub(1),
            });
        }
        Some(batch)
    }

    fn end(&mut self) -> Option<StoredEnd> {
        let mut end = IndexEnd { tar_bytes: self.number()?, entries: self.number()?, ..IndexEnd::default() };
        let compression = String::from_utf8(self.bytes()?.to_vec()).ok()?;
        let compressed_bytes = self.number()?.checked_sub(1);
        for _ in 0..self.number()? {
            end.notes.push(String::from_utf8(self.bytes()?.to_vec()).ok()?);
        }
        for _ in 0..self.number()? {
            end.kept.push((u32::try_from(self.number()?).ok()?, self.bytes()?.to_vec()));
        }
        for _ in 0..self.number()? {
            end.seen.push((u32::try_from(self.number()?).ok()?, u32::try_from(self.number()?).ok()?));
        }
        for _ in 0..self.number()? {
            end.zeros.push((u32::try_from(self.number()?).ok()?, self.number()?));
        }
        Some(StoredEnd { end, compression, compressed_bytes })
    }
}
