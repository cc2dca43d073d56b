use std::io::{self, BufRead, BufReader, Read};

use super::Window;

/// Bytes that are read front to back, some of them not at all.
pub trait Input: BufRead {
    /// Passes over `bytes`; returns how many there were, which is less only at the end.
    fn skip(&mut self, bytes: u64) -> io::Result<u64>;

    /// How many bytes as stored the bytes up to here take, where they are compressed.
    fn stored(&self) -> Option<u64> {
        None
    }
}

/// A reader that may know how many bytes as stored its bytes take.
pub trait Stored {
    /// As [`Input::stored`].
    fn stored(&self) -> Option<u64> {
        None
    }
}

impl<R> Stored for BufReader<R> {}
impl Stored for &[u8] {}

/// Reads a [`Window`] and hops over what is skipped, so content that nobody asks for is never fetched.
#[derive(Debug)]
pub struct Hopping {
    reader: BufReader<Window>,
    len: u64,
    position: u64,
}

/// One page. Small, because most of what is fetched around a header is content that nobody asked for.
const HOP: usize = 4096;
const FLOW: usize = 256 * 1024;

impl Hopping {
    /// Starts at the beginning of `window`, for walking from header to header.
    pub fn new(window: Window) -> Self {
        Self::with_capacity(HOP, window)
    }

    /// Starts at the beginning of `window`, for reading all or most of it.
    pub fn for_content(window: Window) -> Self {
        Self::with_capacity(FLOW, window)
    }

    /// Starts at the header of a file of `size` bytes, for reading just that.
    pub fn for_file(window: Window, size: u64) -> Self {
        // The header's block, and most often those of its pax header.
        let all = usize::try_from(size).map_or(FLOW, |size| size.saturating_add(3 * 512));
        Self::with_capacity(all.clamp(512, FLOW), window)
    }

    fn with_capacity(capacity: usize, window: Window) -> Self {
        Self { len: window.len(), position: 0, reader: BufReader::with_capacity(capacity, window) }
    }
}

impl Read for Hopping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        self.position += got as u64;
        Ok(got)
    }
}

impl BufRead for Hopping {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
        self.reader.consume(amount);
    }
}

impl Input for Hopping {
    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let bytes = bytes.min(self.len.saturating_sub(self.position));
        let hop = i64::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.reader.seek_relative(hop)?;
        self.position += bytes;
        Ok(bytes)
    }
}

/// Reads anything; what is skipped is read and dropped.
#[derive(Debug)]
pub struct Flowing<R> {
    reader: R,
}

impl<R: BufRead> Flowing<R> {
    /// Takes what `reader` has left.
    pub fn new(reader: R) -> Self {
        Self { reader }
    }
}

impl<R: BufRead> Read for Flowing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl<R: BufRead> BufRead for Flowing<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl<R: BufRead + Stored> Input for Flowing<R> {
    fn stored(&self) -> Option<u64> {
        self.reader.stored()
    }

    fn skip(&mut self, bytes: u64) -> io::Result<u64> {
        let mut left = bytes;
        while left > 0 {
            let available = self.reader.fill_buf()?.len();
            if available == 0 {
                break;
            }
            let step = available.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.reader.consume(step);
            left -= step as u64;
        }
        Ok(bytes - left)
    }
}
