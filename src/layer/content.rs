use std::io::{self, Read, Write};

use thiserror::Error;

use super::index::{Zeros, sealed};
use super::record::ContentId;
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
pub fn find_entry<I: Input>(mut input: I, block: u32) -> Result<Found<I>, ContentError> {
    let at = u64::from(block) * BLOCK;
    let passed = input.skip(at)?;
    if passed < at {
        return Err(TarError::Truncated { at: passed, missing: at - passed }.into());
    }
    let mut found = Found { entry: Entry::default(), walker: Walker::new(input, at) };
    if !found.walker.next(&mut found.entry)? || found.entry.kind != EntryKind::File {
        return Err(ContentError::Changed(at));
    }
    Ok(found)
}

impl<I: Input> Found<I> {
    /// Bytes from where the entry begins to where its content does.
    pub(super) fn header_bytes(&self) -> u64 {
        self.walker.position()
    }

    /// Writes the content and says what it is. The holes of a sparse file are written as zeros.
    ///
    /// # Errors
    /// When it breaks off, or `out` does.
    pub fn copy_and_identify(&mut self, out: &mut impl Write) -> Result<ContentId, ContentError> {
        let mut hash = blake3::Hasher::new();
        if self.entry.sparse.is_none() {
            let mut failed = None;
            self.walker.content(|piece| {
                hash.update(piece);
                failed = failed.take().or_else(|| out.write_all(piece).err());
            })?;
            return failed.map_or_else(|| Ok(sealed(&hash, &self.entry)), |error| Err(error.into()));
        }
        // What is stored is what the identity covers.
        let mut stored = Vec::new();
        self.walker.reader().read_to_end(&mut stored)?;
        hash.update(&stored);
        let identity = sealed(&hash, &self.entry);
        write_sparse(&mut &stored[..], &self.entry, out)?;
        Ok(identity)
    }
}

fn write_sparse(reader: &mut impl Read, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
    let mut at = 0;
    for (offset, len) in entry.sparse.iter().flatten() {
        io::copy(&mut io::repeat(0).take(offset - at), out)?;
        io::copy(&mut reader.by_ref().take(*len), out)?;
        at = offset + len;
    }
    io::copy(&mut io::repeat(0).take(entry.size - at), out)?;
    Ok(())
}

/// Writes the content of an entry, the holes of a sparse file as zeros.
///
/// # Errors
/// When it breaks off, or `out` does.
pub fn copy_content<I: Input>(found: &mut Found<I>, out: &mut impl Write) -> Result<(), ContentError> {
    let mut reader = found.walker.reader();
    if found.entry.sparse.is_none() {
        io::copy(&mut reader, out)?;
        return Ok(());
    }
    Ok(write_sparse(&mut reader, &found.entry, out)?)
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
