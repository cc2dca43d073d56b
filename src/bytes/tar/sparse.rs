//! Sparse files: which parts of their content are stored (GNU tar manual, "Storing Sparse Files").

use std::io;

use tar::{GnuExtSparseHeader, Header};

use super::number::number;
use super::{BLOCK, Content, Input, MAX_SIZE, TarError};

/// The most segments of one sparse file.
pub(super) const MAX_SEGMENTS: usize = 1 << 16;

/// Where stored bytes lie in the content: offsets and lengths, in order.
pub(super) type Segments = Vec<(u64, u64)>;

/// Reads exactly one block.
pub(super) type NextBlock<'n> = dyn FnMut(&mut [u8; BLOCK as usize]) -> Result<(), TarError> + 'n;

/// Reads the map of the old GNU format: four segments in the header, 21 in each block after it. Returns it with the size of
/// the content.
pub(super) fn old_gnu(header: &Header, at: u64, next: &mut NextBlock<'_>) -> Result<(Segments, u64), TarError> {
    let bad = |problem| TarError::Header { at, problem };
    let gnu = header.as_gnu().ok_or(bad("a sparse file without a GNU header"))?;
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
        keep(sparse).ok_or(bad("a sparse segment is not a number"))?;
    }
    let real = field(&gnu.realsize).ok_or(bad("its real size is not a number"))?;
    while more {
        let mut block = [0; BLOCK as usize];
        next(&mut block)?;
        let mut extended = GnuExtSparseHeader::new();
        extended.as_mut_bytes().copy_from_slice(&block);
        for sparse in &extended.sparse {
            keep(sparse).ok_or(bad("a sparse segment is not a number"))?;
        }
        more = extended.is_extended();
    }
    Ok((map, real))
}

/// Reads the map of pax format 1.0, which stands before the data, as decimal lines padded to a block: the number of
/// segments, then an offset and a length for each. Returns offsets and lengths in turn.
pub(super) fn in_data(at: u64, next: &mut NextBlock<'_>) -> Result<Vec<u64>, TarError> {
    let bad = || TarError::Header { at, problem: "its sparse map is malformed" };
    let mut numbers = Vec::new();
    let mut wanted = 1;
    let mut value = 0_u64;
    let mut digits = false;
    while numbers.len() < wanted {
        let mut block = [0; BLOCK as usize];
        next(&mut block)?;
        for byte in block {
            match byte {
                b'0'..=b'9' if value <= MAX_SIZE => {
                    value = value * 10 + u64::from(byte - b'0');
                    digits = true;
                }
                b'\n' if digits => {
                    numbers.push(value);
                    if numbers.len() == 1 {
                        let count = usize::try_from(value).ok().filter(|count| *count <= MAX_SEGMENTS);
                        wanted = 1 + 2 * count.ok_or_else(bad)?;
                    }
                    (value, digits) = (0, false);
                    if numbers.len() == wanted {
                        break;
                    }
                }
                _ => return Err(bad()),
            }
        }
    }
    numbers.remove(0);
    Ok(numbers)
}

/// Returns true if the segments lie in order, inside the content, and are what is stored.
pub(super) fn fits(map: &[(u64, u64)], real: u64, stored: u64) -> bool {
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

/// Reads the content of one entry, the holes of a sparse one as zeros.
#[derive(Debug)]
pub struct Expanded<'w, I> {
    stored: Content<'w, I>,
    /// Stretches that are still to come, the next one last; `None` for a file that is stored whole.
    left: Option<Segments>,
    position: u64,
    size: u64,
}

impl<'w, I: Input> Expanded<'w, I> {
    /// Reads `stored`, which lies in a content of `size` bytes as `map` says.
    pub fn new(stored: Content<'w, I>, map: Option<Segments>, size: u64) -> Self {
        let left = map.map(|map| map.into_iter().filter(|(_, len)| *len > 0).rev().collect());
        Self { stored, left, position: 0, size }
    }
}

impl<I: Input> io::Read for Expanded<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else { return self.stored.read(buffer) };
        let until = |end: u64, position: u64| usize::try_from(end - position).unwrap_or(usize::MAX).min(buffer.len());
        let got = match left.last() {
            Some((offset, len)) if *offset <= self.position => {
                let end = offset + len;
                let wanted = until(end, self.position);
                let got = self.stored.read(&mut buffer[..wanted])?;
                if self.position + got as u64 == end {
                    left.pop();
                }
                got
            }
            next => {
                let hole = until(next.map_or(self.size, |(offset, _)| *offset), self.position);
                buffer[..hole].fill(0);
                hole
            }
        };
        self.position += got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_must_fit() {
        assert!(fits(&[(0, 10), (100, 5), (200, 0)], 200, 15));
        assert!(!fits(&[(0, 10), (5, 5)], 200, 15), "segments overlap");
        assert!(!fits(&[(u64::MAX, 10)], 200, 10), "an offset overflows");
        assert!(!fits(&[(0, 10)], 200, 11), "not all that is stored");
    }
}
