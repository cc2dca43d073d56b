//! Where the entries of a tar begin and end, and what their headers say.
//!
//! Built on the header layouts of the `tar` crate; the walk is our own, because it must hop over content, know the exact
//! blocks of each entry, bound what a hostile header can make it keep, and agree with what engines do on unpacking
//! (Go's `archive/tar`): link and directory entries carry no data whatever their size field says, a PAX `size` wins,
//! PAX global headers and unknown types are passed over.
//! Formats: POSIX.1-2008 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Tar Internals".

use std::io;

use tar::{GnuExtSparseHeader, Header};
use thiserror::Error;

use super::Input;

/// Bytes of a tar block.
pub const BLOCK: u64 = 512;
/// The longest extension header that is kept. Linux's longest path is 4 KiB, its largest xattr 64 KiB.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// The most segments of a sparse file that are kept.
const MAX_SEGMENTS: usize = 1 << 16;
/// The largest content a file can claim: 8 EiB and more are lies. 2^53 is also what JSON readers hold exactly.
const MAX_SIZE: u64 = 1 << 53;

/// What an entry is, as its type flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EntryKind {
    /// A regular file, sparse or contiguous ones among them.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A further name of a file.
    HardLink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
}

impl EntryKind {
    /// In one word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::HardLink => "hardlink",
            Self::Char => "char",
            Self::Block => "block",
            Self::Fifo => "fifo",
        }
    }
}

/// One entry: its headers read, its content not.
#[derive(Debug, Default, Clone)]
pub struct Entry {
    /// Offset in the tar of the first block that belongs to it (an extension header, where it has one).
    pub start: u64,
    /// What it is.
    pub kind: EntryKind,
    /// Its path as written, any bytes.
    pub path: Vec<u8>,
    /// The target of a symbolic or hard link as written, any bytes.
    pub link: Vec<u8>,
    /// Bytes of content; the real size of a sparse file. 0 for all that is no file.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970, fractions dropped.
    pub mtime: i64,
    /// Device numbers (major, minor) of a device.
    pub device: (u32, u32),
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the stored bytes of a sparse file lie in its content: (offset, length).
    pub sparse: Option<Vec<(u64, u64)>>,
}

/// What keeps a tar from being read further. Offsets are bytes of the uncompressed tar.
#[derive(Debug, Error)]
pub enum TarError {
    /// The bytes could not be had, or not be inflated.
    #[error("cannot be read after {at} bytes: {error}")]
    Io {
        /// How far it went.
        at: u64,
        /// Why it stopped.
        #[source]
        error: io::Error,
    },
    /// The end came inside an entry.
    #[error("ends early: {missing} more bytes expected after {at}")]
    Truncated {
        /// Where the end came.
        at: u64,
        /// What is missing at least.
        missing: u64,
    },
    /// A header that is none.
    #[error("no tar header at {at}: {problem}")]
    Header {
        /// Where it was expected.
        at: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Walks over a tar from header to header.
#[derive(Debug)]
pub struct Walker<I> {
    input: I,
    position: u64,
    /// Content of the last entry that nobody has taken yet.
    remaining: u64,
    padding: u64,
    end: Option<End>,
    /// [`Input::stored`] where the last entry begins, or the end.
    stored: Option<u64>,
}

/// How a tar ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a zero block.
    Marked,
    /// At the end of the bytes, where a header could have stood. Every reader takes this.
    Bytes,
}

/// What extension headers said about the next entry.
#[derive(Debug, Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    /// The real name of a sparse file, whose `path` is made up.
    sparse_name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    sparse_major: Option<u64>,
    sparse_size: Option<u64>,
    sparse_map: Vec<u64>,
}

impl<I: Input> Walker<I> {
    /// Starts at the first header. `position` is the offset that the first byte counts as.
    pub fn new(input: I, position: u64) -> Self {
        Self { input, position, remaining: 0, padding: 0, end: None, stored: None }
    }

    /// Bytes of the tar that were passed so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes as stored lead to the entry that was found last or, after the last one, to the end; where the
    /// input is compressed.
    pub fn stored(&self) -> Option<u64> {
        self.stored
    }

    /// Moves to the next entry, past what is left of the last one. False at the end.
    ///
    /// # Errors
    /// When the tar ends early or is none; nothing after it can be read.
    pub fn next(&mut self, entry: &mut Entry) -> Result<bool, TarError> {
        self.finish_entry()?;
        self.stored = self.input.stored();
        if self.end.is_some() {
            return Ok(false);
        }
        entry.start = self.position;
        let mut extensions = Extensions::default();
        let mut block = [0; BLOCK as usize];
        loop {
            let at = self.position;
            if !self.header(&mut block)? {
                return Ok(false);
            }
            let header = Header::from_byte_slice(&block);
            let bad = |problem| TarError::Header { at, problem };
            let size = number(&header.as_old().size)
                .and_then(|size| u64::try_from(size).ok())
                .filter(|size| *size <= MAX_SIZE)
                .ok_or(bad("its size is no number"))?;
            let flag = header.as_old().linkflag[0];
            match flag {
                b'x' => {
                    let data = self.extension(size, at)?;
                    extensions.pax(&data).ok_or(bad("a pax record is malformed"))?;
                }
                b'L' => extensions.path = Some(until_nul(self.extension(size, at)?)),
                b'K' => extensions.link = Some(until_nul(self.extension(size, at)?)),
                0 | b'0'..=b'7' | b'S' => {
                    self.fill(entry, header, flag, size, extensions, at)?;
                    return Ok(true);
                }
                // A pax global header or a type that no engine unpacks: its blocks belong to the next entry, what was
                // said about it does not.
                _ => {
                    self.skip(padded(size))?;
                    extensions = Extensions::default();
                }
            }
        }
    }

    /// Hands out the content of the current entry as it is stored, piece by piece.
    ///
    /// # Errors
    /// When it ends early or can't be read.
    pub fn content(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), TarError> {
        while self.remaining > 0 {
            let at = self.position;
            let piece = self.input.fill_buf().map_err(|error| TarError::Io { at, error })?;
            if piece.is_empty() {
                return Err(TarError::Truncated { at, missing: self.remaining });
            }
            let step = piece.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
            take(&piece[..step]);
            self.input.consume(step);
            self.position += step as u64;
            self.remaining -= step as u64;
        }
        Ok(())
    }

    /// Passes over the current entry's content.
    ///
    /// # Errors
    /// When it ends early: the entry is not all there.
    pub fn pass_content(&mut self) -> Result<(), TarError> {
        let left = std::mem::take(&mut self.remaining);
        self.skip(left)
    }

    /// A reader of the current entry's stored content.
    pub fn reader(&mut self) -> Content<'_, I> {
        Content(self)
    }

    /// Bytes of the current entry's stored content that were not taken yet.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Reads what follows the last entry: zero blocks by right. At most `limit` bytes; true if that was all.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn trailer(&mut self, limit: u64) -> Result<bool, TarError> {
        let passed = self.input.skip(limit).map_err(|error| TarError::Io { at: self.position, error })?;
        self.position += passed;
        Ok(passed < limit)
    }

    /// Passes over all that stands before `at`, where an entry is known to begin.
    ///
    /// # Errors
    /// When the end comes before, or it was passed already.
    pub fn skip_to(&mut self, at: u64) -> Result<(), TarError> {
        (self.remaining, self.padding, self.end) = (0, 0, None);
        let problem = "an entry begins inside another";
        let ahead = at.checked_sub(self.position).ok_or(TarError::Header { at, problem })?;
        self.skip(ahead)
    }

    fn finish_entry(&mut self) -> Result<(), TarError> {
        let left = std::mem::take(&mut self.remaining) + std::mem::take(&mut self.padding);
        self.skip(left)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), TarError> {
        if bytes == 0 {
            return Ok(());
        }
        let passed = self.input.skip(bytes).map_err(|error| TarError::Io { at: self.position, error })?;
        self.position += passed;
        if passed < bytes {
            return Err(TarError::Truncated { at: self.position, missing: bytes - passed });
        }
        Ok(())
    }

    /// Reads one header block; false at the end of the archive.
    fn header(&mut self, block: &mut [u8; BLOCK as usize]) -> Result<bool, TarError> {
        let at = self.position;
        let got = self.block(block)?;
        if got == 0 {
            self.end = Some(End::Bytes);
            return Ok(false);
        }
        if (got as u64) < BLOCK {
            return Err(TarError::Truncated { at: at + got as u64, missing: BLOCK - got as u64 });
        }
        if block.iter().all(|byte| *byte == 0) {
            self.end = Some(End::Marked);
            return Ok(false);
        }
        if !checksum_holds(block) {
            return Err(TarError::Header { at, problem: "its checksum does not hold" });
        }
        Ok(true)
    }

    fn block(&mut self, block: &mut [u8]) -> Result<usize, TarError> {
        let mut got = 0;
        while got < block.len() {
            match self.input.read(&mut block[got..]) {
                Ok(0) => break,
                Ok(more) => {
                    got += more;
                    self.position += more as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TarError::Io { at: self.position, error }),
            }
        }
        Ok(got)
    }

    /// The data of an extension header, which must be small.
    fn extension(&mut self, size: u64, at: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::Header { at, problem: "an extension header is longer than 1 MiB" });
        }
        let mut data = vec![0; padded(size) as usize];
        let got = self.block(&mut data)? as u64;
        if got < data.len() as u64 {
            return Err(TarError::Truncated { at: self.position, missing: data.len() as u64 - got });
        }
        data.truncate(size as usize);
        Ok(data)
    }

    fn fill(
        &mut self,
        entry: &mut Entry,
        header: &Header,
        flag: u8,
        size: u64,
        said: Extensions,
        at: u64,
    ) -> Result<(), TarError> {
        let bad = |problem| TarError::Header { at, problem };
        let old = header.as_old();
        entry.path.clear();
        match said.sparse_name.or(said.path) {
            Some(path) => entry.path = path,
            None => entry.path.extend_from_slice(&header.path_bytes()),
        }
        entry.kind = match flag {
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::Char,
            b'4' => EntryKind::Block,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            // Before POSIX a directory was a file whose name ends in a slash.
            0 if entry.path.ends_with(b"/") => EntryKind::Directory,
            _ => EntryKind::File,
        };
        entry.link.clear();
        if matches!(entry.kind, EntryKind::HardLink | EntryKind::Symlink) {
            match said.link {
                Some(link) => entry.link = link,
                None => entry.link.extend_from_slice(&header.link_name_bytes().unwrap_or_default()),
            }
        }
        entry.mode = number(&old.mode).map_or(0, |mode| (mode & 0o7777) as u16);
        entry.uid = said.uid.unwrap_or_else(|| clamped(number(&old.uid)));
        entry.gid = said.gid.unwrap_or_else(|| clamped(number(&old.gid)));
        entry.mtime = said.mtime.unwrap_or_else(|| number(&old.mtime).unwrap_or(0));
        entry.device = match entry.kind {
            EntryKind::Char | EntryKind::Block => {
                (header.device_major().ok().flatten().unwrap_or(0), header.device_minor().ok().flatten().unwrap_or(0))
            }
            _ => (0, 0),
        };
        entry.xattrs = said.xattrs;
        entry.xattrs.sort();
        entry.sparse = None;
        entry.size = 0;
        if entry.kind == EntryKind::File {
            let stored = said.size.unwrap_or(size);
            if stored > MAX_SIZE {
                return Err(bad("its size is a lie"));
            }
            self.remaining = stored;
            self.padding = padded(stored) - stored;
            entry.size = stored;
            let real = if flag == b'S' {
                let (map, real) = self.gnu_sparse(header, at)?;
                entry.sparse = Some(map);
                Some(real)
            } else if let Some(real) = said.sparse_size {
                let map = if said.sparse_major == Some(1) { self.sparse_in_data(at)? } else { said.sparse_map };
                entry.sparse = Some(map.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect());
                Some(real)
            } else {
                None
            };
            if let (Some(map), Some(real)) = (&entry.sparse, real) {
                entry.size = real;
                if !sparse_holds(map, real, self.remaining) {
                    return Err(bad("its sparse map does not fit its size"));
                }
            }
        }
        Ok(())
    }

    /// GNU tar manual, "Storing Sparse Files", old GNU format: four segments in the header, 21 in each block after it.
    fn gnu_sparse(&mut self, header: &Header, at: u64) -> Result<(Vec<(u64, u64)>, u64), TarError> {
        let bad = |problem| TarError::Header { at, problem };
        let gnu = header.as_gnu().ok_or(bad("a sparse file without GNU's header"))?;
        let field = |bytes: &[u8]| number(bytes).and_then(|n| u64::try_from(n).ok());
        let mut map = Vec::new();
        let mut keep = |sparse: &tar::GnuSparseHeader| -> Option<()> {
            if !sparse.is_empty() {
                map.push((field(&sparse.offset)?, field(&sparse.numbytes)?));
            }
            (map.len() <= MAX_SEGMENTS).then_some(())
        };
        let mut more = gnu.is_extended();
        for sparse in &gnu.sparse {
            keep(sparse).ok_or(bad("a sparse segment is no number"))?;
        }
        let real = field(&gnu.realsize).ok_or(bad("its real size is no number"))?;
        while more {
            let mut extended = GnuExtSparseHeader::new();
            if (self.block(extended.as_mut_bytes())? as u64) < BLOCK {
                return Err(TarError::Truncated { at: self.position, missing: BLOCK });
            }
            for sparse in &extended.sparse {
                keep(sparse).ok_or(bad("a sparse segment is no number"))?;
            }
            more = extended.is_extended();
        }
        Ok((map, real))
    }

    /// The same manual, pax format 1.0: the map stands before the data, as decimal lines padded to a block.
    fn sparse_in_data(&mut self, at: u64) -> Result<Vec<u64>, TarError> {
        let bad = TarError::Header { at, problem: "its sparse map is malformed" };
        let mut numbers = Vec::new();
        let mut wanted = 1;
        let mut digits = 0_u64;
        let mut any = false;
        while numbers.len() < wanted {
            let mut block = [0; BLOCK as usize];
            if self.remaining < BLOCK || (self.block(&mut block)? as u64) < BLOCK {
                return Err(bad);
            }
            self.remaining -= BLOCK;
            for byte in block {
                match byte {
                    b'0'..=b'9' if digits <= MAX_SIZE => {
                        digits = digits * 10 + u64::from(byte - b'0');
                        any = true;
                    }
                    b'\n' if any => {
                        numbers.push(digits);
                        if numbers.len() == 1 {
                            wanted = match usize::try_from(digits) {
                                Ok(count) if count <= MAX_SEGMENTS => 1 + 2 * count,
                                _ => return Err(bad),
                            };
                        }
                        (digits, any) = (0, false);
                        if numbers.len() == wanted {
                            break;
                        }
                    }
                    _ => return Err(bad),
                }
            }
        }
        numbers.remove(0);
        Ok(numbers)
    }
}

/// Reads the stored content of one entry.
#[derive(Debug)]
pub struct Content<'w, I>(&'w mut Walker<I>);

impl<I: Input> io::Read for Content<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let walker = &mut *self.0;
        let limit = usize::try_from(walker.remaining).unwrap_or(usize::MAX).min(buffer.len());
        if limit == 0 {
            return Ok(0);
        }
        let got = walker.input.read(&mut buffer[..limit])?;
        if got == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("ends early: {} more bytes expected", walker.remaining),
            ));
        }
        walker.position += got as u64;
        walker.remaining -= got as u64;
        Ok(got)
    }
}

impl Extensions {
    /// Takes the records of a pax header; None when they are malformed. An empty value unsets.
    fn pax(&mut self, mut data: &[u8]) -> Option<()> {
        while !data.is_empty() {
            let (key, value, rest) = record(data)?;
            data = rest;
            let set = |value: &[u8]| (!value.is_empty()).then(|| value.to_vec());
            match key {
                b"path" => self.path = set(value),
                b"GNU.sparse.name" => self.sparse_name = set(value),
                b"linkpath" => self.link = set(value),
                b"size" => self.size = decimal(value)?,
                b"uid" => self.uid = decimal(value)?.map(|id| u32::try_from(id).unwrap_or(u32::MAX)),
                b"gid" => self.gid = decimal(value)?.map(|id| u32::try_from(id).unwrap_or(u32::MAX)),
                b"mtime" => self.mtime = seconds(value)?,
                b"GNU.sparse.major" => self.sparse_major = decimal(value)?,
                b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.sparse_size = decimal(value)?,
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse_map.push(decimal(value)??),
                b"GNU.sparse.map" => {
                    for number in value.split(|byte| *byte == b',').filter(|number| !number.is_empty()) {
                        self.sparse_map.push(decimal(number)??);
                    }
                }
                key => {
                    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
        }
        (self.sparse_map.len() <= 2 * MAX_SEGMENTS).then_some(())
    }
}

/// The first record of a pax header, `length key=value` and a line end, and what follows it. The length alone says where it
/// ends: values may hold line ends, as the bits of a capability or a name do.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = data.iter().position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&data[..blank]).ok()?.parse().ok()?;
    let (record, rest) = data.split_at_checked(len)?;
    let body = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}

/// The segments lie in order, inside the content, and are what is stored.
fn sparse_holds(map: &[(u64, u64)], real: u64, stored: u64) -> bool {
    let mut end = 0;
    let mut sum = 0_u64;
    for (offset, len) in map {
        let Some(next) = offset.checked_add(*len).filter(|next| *offset >= end && *next <= real) else {
            return false;
        };
        end = next;
        sum += len;
    }
    real <= MAX_SIZE && sum == stored
}

/// `size` rounded up to whole blocks.
pub fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK) * BLOCK
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn clamped(id: Option<i64>) -> u32 {
    u32::try_from(id.unwrap_or(0).max(0)).unwrap_or(u32::MAX)
}

/// A decimal of a pax record: empty is unset, anything else malformed.
#[allow(clippy::option_option, reason = "malformed, unset and a number are three things")]
fn decimal(value: &[u8]) -> Option<Option<u64>> {
    if value.is_empty() {
        return Some(None);
    }
    std::str::from_utf8(value).ok()?.parse().ok().map(Some)
}

/// Whole seconds of a pax time; fractions round down, before 1970 too.
#[allow(clippy::option_option, reason = "as `decimal`")]
fn seconds(value: &[u8]) -> Option<Option<i64>> {
    if value.is_empty() {
        return Some(None);
    }
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = if whole == "-" { 0 } else { whole.parse().ok()? };
    let below = text.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
    Some(Some(whole.saturating_sub(i64::from(below))))
}

/// A numeric field: octal text with blanks or NULs around it, or GNU's base-256, whose first bit is set and whose
/// second is the sign. Empty is 0; None when it is neither or does not fit.
fn number(field: &[u8]) -> Option<i64> {
    if let Some(first) = field.first().filter(|first| **first & 0x80 != 0) {
        let negative = first & 0x40 != 0;
        let mut value: i64 = if negative { -1 } else { 0 };
        for (place, byte) in field.iter().enumerate() {
            let byte = match (place, negative) {
                (0, true) => byte | 0x80,
                (0, false) => byte & 0x7f,
                _ => *byte,
            };
            value = value.checked_mul(256)?.checked_add(i64::from(byte)).filter(|v| negative == (*v < 0))?;
        }
        return Some(value);
    }
    let text = field.split(|byte| *byte == 0).find(|part| !part.is_empty()).unwrap_or_default().trim_ascii();
    text.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// The sum of all bytes, the checksum field counted as blanks; old tars summed signed bytes.
fn checksum_holds(block: &[u8; BLOCK as usize]) -> bool {
    let Some(want) = number(&block[148..156]) else { return false };
    let unsigned: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        - block[148..156].iter().map(|byte| u32::from(*byte)).sum::<u32>()
        + 8 * u32::from(b' ');
    if i64::from(unsigned) == want {
        return true;
    }
    let signed: i64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { i64::from(*byte as i8) })
        .sum();
    signed == want
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_tars_write_them() {
        for (field, want) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"12x", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(number(field), want, "{field:?}");
        }
    }

    #[test]
    fn times_round_down() {
        assert_eq!(seconds(b"1700000000.999"), Some(Some(1_700_000_000)));
        assert_eq!(seconds(b"-1.5"), Some(Some(-2)));
        assert_eq!(seconds(b"x"), None);
    }

    #[test]
    fn a_sparse_map_must_fit() {
        assert!(sparse_holds(&[(0, 10), (100, 5), (200, 0)], 200, 15));
        assert!(!sparse_holds(&[(0, 10), (5, 5)], 200, 15), "segments overlap");
        assert!(!sparse_holds(&[(u64::MAX, 10)], 200, 10), "an offset overflows");
        assert!(!sparse_holds(&[(0, 10)], 200, 11), "not all that is stored");
    }
}
