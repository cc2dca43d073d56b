use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::{Compression, sniff};

/// Bytes that are read ahead when inflating.
const BUFFER: usize = 256 * 1024;

/// A reader whose first bytes were looked at. They come again when it is read.
#[derive(Debug)]
pub struct Sniffed<R> {
    head: Vec<u8>,
    rest: R,
}

impl<R: Read> Sniffed<R> {
    /// Reads at most `len` bytes to look at; six tell the compression.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn new(mut rest: R, len: usize) -> io::Result<Self> {
        let mut head = Vec::new();
        rest.by_ref().take(len as u64).read_to_end(&mut head)?;
        Ok(Self { head, rest })
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How the bytes are compressed.
    pub fn compression(&self) -> Compression {
        sniff(&self.head)
    }

    /// All bytes as they are.
    pub fn whole(self) -> Chain<Cursor<Vec<u8>>, R> {
        Cursor::new(self.head).chain(self.rest)
    }

    /// All bytes, uncompressed.
    ///
    /// # Errors
    /// If the decoder cannot be made.
    pub fn plain<'r>(self) -> io::Result<impl Read + Send + use<'r, R>>
    where
        R: Send + 'r,
    {
        let compression = self.compression();
        compression.decode(self.buffered())
    }

    fn buffered(self) -> impl BufRead {
        BufReader::with_capacity(BUFFER, self.whole())
    }
}
