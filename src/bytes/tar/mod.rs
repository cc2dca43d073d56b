//! Where the entries of a tar begin and end, and what their headers say.
//!
//! Built on the header layouts of the `tar` crate. The walk is our own, because it must hop over content, know the exact
//! blocks of each entry, limit what a hostile header can make it keep, and agree with Go's `archive/tar`, by which engines
//! unpack: links and directories carry no data whatever their size field says, a pax `size` wins, global headers and unknown
//! types are skipped.
//! Formats: POSIX.1-2008 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Tar Internals".

mod number;
mod pax;
mod sparse;

use std::io;

use tar::Header;
use thiserror::Error;

use super::Input;
pub use number::padded;
use number::{checksum_holds, number, owner, until_nul};
use pax::{Extensions, Pax};
pub use sparse::Expanded;

/// Bytes of a tar block.
pub const BLOCK: u64 = 512;
/// The longest extension header. Linux's longest path is 4 KiB, its largest xattr 64 KiB; Go has the same limit.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// The largest content a file can claim. 2^53 is also what JSON readers hold exactly.
const MAX_SIZE: u64 = 1 << 53;
/// The most bytes of zeros after the end.
const MAX_TRAILER: u64 = 1 << 30;

/// What an entry is, as its type flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EntryKind {
    /// A regular file; sparse and contiguous files are among them.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file.
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

/// One entry: its headers were read, its content was not.
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
    /// Bytes of content; of a sparse file with its holes. 0 for all that is not a file.
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

/// Why a tar cannot be read further. Offsets are bytes of the uncompressed tar.
#[derive(Debug, Error)]
pub enum TarError {
    /// The bytes could not be read or inflated.
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
    /// A header that is not one.
    #[error("has an invalid tar header at byte {at}: {problem}")]
    Header {
        /// Where it was expected.
        at: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It is not a tar at all.
    #[error("{0}")]
    NotATar(&'static str),
    /// Zero blocks mark the end, and more data follows. GNU tar and Go's reader report a single one too.
    #[error("ends with zero blocks at byte {at}, yet data follows at byte {data}; a header may have been overwritten")]
    AfterEnd {
        /// The first zero block.
        at: u64,
        /// The first block after it that is not zeros.
        data: u64,
    },
}

/// Walks over a tar from header to header.
#[derive(Debug)]
pub struct Walker<I> {
    input: I,
    position: u64,
    /// Bytes of the current entry's content that were not read yet.
    remaining: u64,
    padding: u64,
    end: Option<End>,
    unpadded: bool,
    /// [`Input::stored`] where the last entry begins, or the end.
    stored: Option<u64>,
}

/// How a tar ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With zero blocks, the first at this offset.
    Marked(u64),
    /// At the end of the bytes, where a header could have stood. Every reader accepts this.
    Bytes,
}

impl<I: Input> Walker<I> {
    /// Starts at the first header. `position` is the offset that the first byte counts as.
    pub fn new(input: I, position: u64) -> Self {
        Self { input, position, remaining: 0, padding: 0, end: None, unpadded: false, stored: None }
    }

    /// Bytes of the tar that were read or skipped so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many stored bytes lead to the last entry or, after the last one, to the end; `None` if the input is not
    /// compressed.
    pub fn stored(&self) -> Option<u64> {
        self.stored
    }

    /// Returns true if the tar ended inside the padding after its last entry, as some writers leave it.
    pub fn is_unpadded(&self) -> bool {
        self.unpadded
    }

    /// Moves to the next entry, past what is left of the last one. Returns false at the end.
    ///
    /// # Errors
    /// If the tar ends early or is not one; nothing after it can be read.
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
                .ok_or(bad("its size is not a number"))?;
            let flag = header.as_old().linkflag[0];
            match flag {
                b'x' => {
                    let data = self.extension(size, at)?;
                    extensions.pax = Pax::parse(&data).ok_or(bad("a pax record is malformed"))?;
                }
                b'L' => extensions.long_path = Some(until_nul(self.extension(size, at)?)),
                b'K' => extensions.long_link = Some(until_nul(self.extension(size, at)?)),
                0 | b'0'..=b'7' | b'S' => {
                    self.fill(entry, &block, flag, size, extensions, at)?;
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

    /// Passes the stored content of the current entry to `take`, piece by piece.
    ///
    /// # Errors
    /// If it ends early or cannot be read.
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

    /// Skips the current entry's content.
    ///
    /// # Errors
    /// If it ends early: the entry is not all there.
    pub fn pass_content(&mut self) -> Result<(), TarError> {
        let left = std::mem::take(&mut self.remaining);
        self.skip(left)
    }

    /// A reader of the current entry's stored content.
    pub fn reader(&mut self) -> Content<'_, I> {
        Content(self)
    }

    /// Bytes of the current entry's stored content that were not read yet.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Reads what follows the last entry, which must be zeros.
    ///
    /// # Errors
    /// If something else follows, more than 1 GiB does, or it cannot be read.
    pub fn trailer(&mut self) -> Result<(), TarError> {
        let Some(End::Marked(at)) = self.end else { return Ok(()) };
        let start = self.position;
        loop {
            let position = self.position;
            let piece = self.input.fill_buf().map_err(|error| TarError::Io { at: position, error })?;
            if piece.is_empty() {
                return Ok(());
            }
            if let Some(data) = piece.iter().position(|byte| *byte != 0) {
                let data = position + data as u64;
                return Err(TarError::AfterEnd { at, data: data - data % BLOCK });
            }
            let step = piece.len();
            self.input.consume(step);
            self.position += step as u64;
            if self.position - start > MAX_TRAILER {
                return Err(TarError::Header { at: start, problem: "more than 1 GiB follows the end of the archive" });
            }
        }
    }

    /// Skips all that stands before `at`, where an entry is known to begin.
    ///
    /// # Errors
    /// If the end comes before, or the walk is past it already.
    pub fn skip_to(&mut self, at: u64) -> Result<(), TarError> {
        (self.remaining, self.padding, self.end) = (0, 0, None);
        let problem = "an entry begins inside another";
        let ahead = at.checked_sub(self.position).ok_or(TarError::Header { at, problem })?;
        self.skip(ahead)
    }

    fn finish_entry(&mut self) -> Result<(), TarError> {
        self.pass_content()?;
        let padding = std::mem::take(&mut self.padding);
        match self.skip(padding) {
            Err(TarError::Truncated { .. }) => {
                self.unpadded = true;
                self.end = Some(End::Bytes);
                Ok(())
            }
            other => other,
        }
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

    /// Reads one header block; returns false at the end of the archive.
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
            // A second one belongs to the mark, but may be missing at the end of the bytes.
            let got = self.block(block)?;
            if block[..got].iter().any(|byte| *byte != 0) {
                return Err(TarError::AfterEnd { at, data: at + BLOCK });
            }
            self.end = Some(End::Marked(at));
            return Ok(false);
        }
        if !checksum_holds(block) {
            return Err(TarError::Header { at, problem: "its checksum does not match" });
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

    /// Fills `block`, or fails.
    fn whole_block(&mut self, block: &mut [u8]) -> Result<(), TarError> {
        let missing = (block.len() - self.block(block)?) as u64;
        if missing == 0 { Ok(()) } else { Err(TarError::Truncated { at: self.position, missing }) }
    }

    /// The data of an extension header, which must be small.
    fn extension(&mut self, size: u64, at: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::Header { at, problem: "an extension header is longer than 1 MiB" });
        }
        let mut data = vec![0; padded(size) as usize];
        self.whole_block(&mut data)?;
        data.truncate(size as usize);
        Ok(data)
    }

    fn fill(
        &mut self,
        entry: &mut Entry,
        block: &[u8; BLOCK as usize],
        flag: u8,
        size: u64,
        extensions: Extensions,
        at: u64,
    ) -> Result<(), TarError> {
        let Extensions { pax, long_path, long_link } = extensions;
        let header = Header::from_byte_slice(block);
        let old = header.as_old();
        entry.path.clear();
        match pax.sparse_name.or(long_path).or(pax.path) {
            Some(path) => entry.path = path,
            None => write_path(block, &mut entry.path),
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
            match long_link.or(pax.link) {
                Some(link) => entry.link = link,
                None => entry.link.extend_from_slice(field_text(&old.linkname)),
            }
        }
        let field = |bytes: &[u8]| number(bytes).unwrap_or(0);
        entry.mode = (field(&old.mode) & 0o7777) as u16;
        entry.uid = pax.uid.unwrap_or_else(|| owner(field(&old.uid)));
        entry.gid = pax.gid.unwrap_or_else(|| owner(field(&old.gid)));
        entry.mtime = pax.mtime.unwrap_or_else(|| field(&old.mtime));
        entry.device = match entry.kind {
            EntryKind::Char | EntryKind::Block => {
                (header.device_major().ok().flatten().unwrap_or(0), header.device_minor().ok().flatten().unwrap_or(0))
            }
            _ => (0, 0),
        };
        entry.xattrs = pax.xattrs;
        entry.xattrs.sort();
        entry.sparse = None;
        entry.size = 0;
        if entry.kind == EntryKind::File {
            let bad = |problem| TarError::Header { at, problem };
            let stored = pax.size.unwrap_or(size);
            if stored > MAX_SIZE {
                return Err(bad("its size is larger than a file can be"));
            }
            self.remaining = stored;
            self.padding = padded(stored) - stored;
            entry.size = stored;
            let sparse = if flag == b'S' {
                Some(sparse::old_gnu(header, at, &mut |block| self.whole_block(block))?)
            } else if let Some(real) = pax.sparse_size {
                let map = if pax.sparse_major == Some(1) { self.map_in_data(at)? } else { pax.sparse_map };
                Some((map.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(), real))
            } else {
                None
            };
            if let Some((map, real)) = sparse {
                if !sparse::fits(&map, real, self.remaining) {
                    return Err(bad("its sparse map does not fit its size"));
                }
                entry.size = real;
                entry.sparse = Some(map);
            }
        }
        Ok(())
    }

    fn map_in_data(&mut self, at: u64) -> Result<Vec<u64>, TarError> {
        sparse::in_data(at, &mut |block| {
            self.remaining = self
                .remaining
                .checked_sub(BLOCK)
                .ok_or(TarError::Header { at, problem: "its sparse map is longer than its content" })?;
            self.whole_block(block)
        })
    }
}

/// The bytes of a field before its first NUL.
fn field_text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|byte| *byte == 0).unwrap_or(field.len())]
}

/// Appends the path that a header has without extensions: ustar's prefix field and the name.
fn write_path(block: &[u8; BLOCK as usize], path: &mut Vec<u8>) {
    let prefix = field_text(prefix_of(block));
    path.extend_from_slice(prefix);
    if !prefix.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(field_text(&block[..100]));
}

/// The prefix field, where the header has one. GNU's format has times there; but Go before 1.8 wrote a prefix into such
/// headers when an owner's number was large, so what can't be times is taken for one, as Go's reader does to this day.
fn prefix_of(block: &[u8; BLOCK as usize]) -> &[u8] {
    match &block[257..265] {
        // star: two times stand at the end of the field.
        [b'u', b's', b't', b'a', b'r', 0, ..] if block[508..] == *b"tar\0" => &block[345..476],
        [b'u', b's', b't', b'a', b'r', 0, ..] => &block[345..500],
        b"ustar  \0" => {
            let time = |field: &[u8]| field[0] == 0 || number(field).is_some();
            let prefix = field_text(&block[345..500]);
            if time(&block[345..357]) && time(&block[357..369]) || !prefix.is_ascii() { &[] } else { prefix }
        }
        _ => &[],
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
