use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::Scope;

use sha2::{Digest as _, Sha256};

/// Pieces that travel between the two threads, and how many may wait: 2 MiB in all, whatever is read.
const PIECE: usize = 256 * 1024;
const WAITING: usize = 6;

/// A reader whose work (inflating, hashing) is done on another thread, a bounded number of pieces ahead.
/// Dropping it stops that thread at its next piece.
#[derive(Debug)]
pub struct ReadAhead {
    pieces: Receiver<io::Result<Vec<u8>>>,
    spent: Sender<Vec<u8>>,
    piece: Vec<u8>,
    position: usize,
    ended: bool,
}

impl ReadAhead {
    /// Reads all of `reader` on a thread of `scope`.
    pub fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, mut reader: impl Read + Send + 'scope) -> Self {
        let (feeder, ahead) = Self::fed();
        scope.spawn(move || feeder.feed(&mut reader));
        ahead
    }

    /// A reader of what the feeder is given, on whichever threads the two are.
    pub fn fed() -> (Feeder, Self) {
        let (full, pieces) = sync_channel(WAITING);
        let (spent, empty) = channel();
        (Feeder { full, empty }, Self { pieces, spent, piece: Vec::new(), position: 0, ended: false })
    }
}

/// The other end of a [`ReadAhead`].
#[derive(Debug)]
pub struct Feeder {
    full: SyncSender<io::Result<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
}

impl Feeder {
    /// Hands over all of `reader`, its error too; waits while nobody takes it, and stops when nobody will.
    pub fn feed(self, reader: &mut impl Read) {
        loop {
            let mut piece: Vec<u8> = self.empty.try_recv().unwrap_or_default();
            piece.resize(PIECE, 0);
            let (got, failed) = fill(reader, &mut piece);
            piece.truncate(got);
            if got > 0 && self.full.send(Ok(piece)).is_err() {
                return;
            }
            if let Some(error) = failed {
                // Nobody listens any more: nobody needs to know.
                let _ = self.full.send(Err(error));
                return;
            }
            if got < PIECE {
                return;
            }
        }
    }
}

/// Reads until `buffer` is full, the end or an error; returns what was read before it too.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (got, Some(error)),
        }
    }
    (got, None)
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let step = available.len().min(buffer.len());
        buffer[..step].copy_from_slice(&available[..step]);
        self.consume(step);
        Ok(step)
    }
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.piece.len() && !self.ended {
            match self.pieces.recv() {
                Ok(Ok(piece)) => {
                    let spent = std::mem::replace(&mut self.piece, piece);
                    self.position = 0;
                    // The other thread may have ended already.
                    let _ = self.spent.send(spent);
                }
                Ok(Err(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => self.ended = true,
            }
        }
        Ok(&self.piece[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.piece.len());
    }
}

/// Counts the bytes that pass, where others can see them.
#[derive(Debug)]
pub struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    /// Adds what is read from `reader` to `count`.
    pub fn new(reader: R, count: Arc<AtomicU64>) -> Self {
        Self { reader, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        self.count.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

/// Hashes the bytes that pass (SHA-256), when asked to; at the end of the reader it knows the digest.
pub struct Tee<R> {
    reader: R,
    hash: Option<Sha256>,
    done: Option<Box<dyn FnOnce([u8; 32]) + Send>>,
}

impl<R> Tee<R> {
    /// Calls `done` with the SHA-256 of all bytes once the end was read. With `None` nothing is hashed.
    pub fn new(reader: R, done: Option<Box<dyn FnOnce([u8; 32]) + Send>>) -> Self {
        Self { reader, hash: done.is_some().then(Sha256::new), done }
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..got]);
            if got == 0
                && !buffer.is_empty()
                && let (Some(hash), Some(done)) = (self.hash.take(), self.done.take())
            {
                done(hash.finalize().into());
            }
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ahead_is_what_is_there() {
        let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|n| (n % 251) as u8).collect();
        let mut read = Vec::new();
        std::thread::scope(|scope| ReadAhead::spawn(scope, &bytes[..]).read_to_end(&mut read).map(|_| ()))
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(read == bytes);
    }

    #[test]
    fn an_error_comes_after_the_bytes_before_it() {
        struct Breaks(usize);
        impl Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("torn"));
                }
                let step = self.0.min(buffer.len());
                self.0 -= step;
                Ok(step)
            }
        }
        let mut read = Vec::new();
        let error = std::thread::scope(|scope| ReadAhead::spawn(scope, Breaks(1000)).read_to_end(&mut read).err());
        assert_eq!((read.len(), error.map(|e| e.to_string())), (1000, Some("torn".to_owned())));
    }

    #[test]
    fn nobody_has_to_read_to_the_end() {
        std::thread::scope(|scope| drop(ReadAhead::spawn(scope, io::repeat(1))));
    }
}
