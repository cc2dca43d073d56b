use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::index::{Zeros, sealed};
use super::record::ContentId;
use super::toc::id_of_sha256;
use crate::bytes::tar::BLOCK;
use crate::bytes::{Entry, EntryKind, Hopping, Input, TarError, Walker, Window};

/// What keeps an entry's content from being read.
#[derive(Debug, Error)]
pub enum ContentError {
    /// The layer broke off.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The content broke off, or the place it goes to did.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is another entry than the index said.
    #[error("the layer has changed since it was indexed: no file begins at {0}")]
    Changed(u64),
}

/// An entry found again in its layer, its content not read yet.
pub struct Found<I> {
    /// Its headers.
    pub entry: Entry,
    walker: Walker<I>,
}

/// Finds the entry that begins at `block` (512 bytes each) of a layer's uncompressed bytes.
///
/// # Errors
/// When there is none, or no file.
pub fn find_entry<I: Input>(input: I, block: u32) -> Result<Found<I>, ContentError> {
    let mut found = Found::begin(input);
    found.onward(block)?;
    Ok(found)
}

/// Where a file's content goes.
pub trait Sink: Write {
    /// Passes over `bytes` bytes that read as zeros.
    ///
    /// # Errors
    /// As for writing.
    fn hole(&mut self, bytes: u64) -> io::Result<()>;
}

/// Writes holes as the zeros that they read as.
struct Filled<'w, W>(&'w mut W);

impl<W: Write> Write for Filled<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Sink for Filled<'_, W> {
    fn hole(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(bytes), self.0).map(|_| ())
    }
}

/// Nothing is written, holes neither.
impl Sink for io::Sink {
    fn hole(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// How contents of an image are identified. All of one image are identified in the same way, so that they can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifiedBy {
    /// BLAKE3 of the stored content.
    Blake3,
    /// SHA-256, since tables of contents name that. A sparse file is identified by BLAKE3 all the same: no table has one.
    Sha256,
}

enum Hash {
    Blake3(Box<blake3::Hasher>),
    Sha256(Sha256),
}

impl Hash {
    fn new(by: IdentifiedBy, entry: &Entry) -> Self {
        match by {
            IdentifiedBy::Sha256 if entry.sparse.is_none() => Self::Sha256(Sha256::new()),
            _ => Self::Blake3(Box::default()),
        }
    }

    fn identity(self, entry: &Entry) -> ContentId {
        match self {
            Self::Blake3(hash) => sealed(&hash, entry),
            Self::Sha256(hash) => id_of_sha256(hash.finalize().into()),
        }
    }
}

/// Hashes what passes, when asked to.
struct Hashed<'h, R> {
    reader: R,
    hash: Option<&'h mut Hash>,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        match &mut self.hash {
            Some(Hash::Blake3(hash)) => {
                hash.update(&buffer[..got]);
            }
            Some(Hash::Sha256(hash)) => hash.update(&buffer[..got]),
            None => {}
        }
        Ok(got)
    }
}

impl<I: Input> Found<I> {
    /// Bytes from where the entry begins to where its content does.
    pub(super) fn header_bytes(&self) -> u64 {
        self.walker.position()
    }

    /// Before the first entry.
    pub fn begin(input: I) -> Self {
        Self { entry: Entry::default(), walker: Walker::new(input, 0) }
    }

    /// Goes on to the entry that begins at `block` of the same layer, further down.
    ///
    /// # Errors
    /// When there is none, or no file.
    pub fn onward(&mut self, block: u32) -> Result<(), ContentError> {
        let at = u64::from(block) * BLOCK;
        self.walker.skip_to(at)?;
        if !self.walker.next(&mut self.entry)? || self.entry.kind != EntryKind::File {
            return Err(ContentError::Changed(at));
        }
        Ok(())
    }

    /// Writes the content.
    ///
    /// # Errors
    /// When it breaks off, or `out` does.
    pub fn copy(&mut self, out: &mut dyn Sink) -> Result<(), ContentError> {
        self.pass_to(out, None)
    }

    /// Writes the content and identifies it.
    ///
    /// # Errors
    /// When it breaks off, or `out` does.
    pub fn copy_and_identify(&mut self, by: IdentifiedBy, out: &mut dyn Sink) -> Result<ContentId, ContentError> {
        let mut hash = Hash::new(by, &self.entry);
        self.pass_to(out, Some(&mut hash))?;
        Ok(hash.identity(&self.entry))
    }

    fn pass_to(&mut self, out: &mut dyn Sink, hash: Option<&mut Hash>) -> Result<(), ContentError> {
        let mut reader = Hashed { reader: self.walker.reader(), hash };
        if self.entry.sparse.is_none() {
            copy(&mut reader, self.entry.size, out)?;
            return Ok(());
        }
        let mut at = 0;
        for (offset, len) in self.entry.sparse.iter().flatten() {
            out.hole(offset - at)?;
            copy(&mut reader.by_ref().take(*len), *len, out)?;
            at = offset + len;
        }
        out.hole(self.entry.size - at)?;
        // What is stored beyond the map belongs to the identity too.
        Ok(io::copy(&mut reader, &mut io::sink()).map(|_| ())?)
    }
}

/// Copies all of `reader`, about `size` bytes.
fn copy(reader: &mut impl Read, size: u64, out: &mut dyn Sink) -> io::Result<()> {
    const PIECE: u64 = 64 * 1024;
    let mut piece = vec![0; size.clamp(1, PIECE) as usize];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(got) => out.write_all(&piece[..got])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes the content of an entry, the holes of a sparse file as zeros.
///
/// # Errors
/// When it breaks off, or `out` does.
pub fn copy_content<I: Input>(found: &mut Found<I>, out: &mut impl Write) -> Result<(), ContentError> {
    found.copy(&mut Filled(out))
}

/// Hashes the file of `size` bytes that begins at `block` of a plain layer.
///
/// # Errors
/// When it is not there or breaks off.
pub fn identify(layer: &Window, block: u32, size: u64) -> Result<ContentId, ContentError> {
    let at = u64::from(block) * BLOCK;
    let mut found = find_entry(Hopping::for_file(layer.part(at, u64::MAX), size), 0)?;
    let mut hash = blake3::Hasher::new();
    found.walker.content(|piece| {
        hash.update(piece);
    })?;
    Ok(sealed(&hash, &found.entry))
}

/// The first bytes of the file that begins at `block` of a plain layer, at most `most`.
///
/// # Errors
/// When it is not there or breaks off.
pub fn head(layer: &Window, block: u32, most: u64) -> Result<Vec<u8>, ContentError> {
    let at = u64::from(block) * BLOCK;
    let mut found = find_entry(Hopping::for_file(layer.part(at, u64::MAX), most), 0)?;
    let mut bytes = Vec::new();
    // The bytes of a sparse file stand elsewhere.
    if found.entry.sparse.is_none() {
        found.walker.reader().take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Bytes in aligned blocks of 4,096 zeros of the file of `size` bytes that begins at `block` of a plain layer; 0 when a look
/// at a few places shows that they are less than half.
///
/// # Errors
/// When it is not there or breaks off.
pub fn zeros(layer: &Window, block: u32, size: u64) -> Result<u64, ContentError> {
    const PLACES: u64 = 8;
    const PLACE: u64 = 4096;
    let at = u64::from(block) * BLOCK;
    let mut found = find_entry(Hopping::for_file(layer.part(at, u64::MAX), 0), 0)?;
    if found.entry.sparse.is_some() || size < PLACES * PLACE {
        return Ok(0);
    }
    let content = layer.part(at + found.walker.position(), size);
    let mut empty = 0;
    for place in 0..PLACES {
        let mut bytes = Vec::new();
        content.part(size / PLACES * place / PLACE * PLACE, PLACE).read_to_end(&mut bytes)?;
        empty += u64::from(bytes.iter().all(|byte| *byte == 0));
    }
    if empty < PLACES / 4 {
        return Ok(0);
    }
    let mut count = Zeros::default();
    found.walker.content(|piece| count.pass(piece))?;
    Ok(count.bytes)
}
