use std::io::{self, BufRead, Read, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::Scope;

use flate2::write::DeflateEncoder;

use super::{Algorithm, Checksum, Stored, Sum};

/// Pieces that travel between the two threads, and how many may wait: 2 MiB in all, whatever is read.
const PIECE: usize = 256 * 1024;
const WAITING: usize = 6;
/// Bytes as stored that are taken in one go while it is noted how far they lead. Within such a step every byte is taken
/// to cost the same. Steps of half the size cost 4 % more of inflating: the decoder keeps its window for each.
const STEP: usize = 8 * 1024;

/// Bytes, and how many bytes as stored lead to some places in them, by rising offset.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    marks: Vec<(u32, u64)>,
}

/// A reader whose work (inflating, hashing) is done on another thread, a bounded number of pieces ahead.
/// Dropping it stops that thread at its next piece.
#[derive(Debug)]
pub struct ReadAhead {
    pieces: Receiver<io::Result<Piece>>,
    spent: Sender<Piece>,
    piece: Piece,
    position: usize,
    ended: bool,
    inflating: bool,
}

impl ReadAhead {
    /// Reads all of `reader` on a thread of `scope`.
    pub fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, mut reader: impl Read + Send + 'scope) -> Self {
        let (feeder, ahead) = Self::fed();
        scope.spawn(move || feeder.feed(&mut reader));
        ahead
    }

    /// The same, of a reader that inflates: `consumed` is how many bytes as stored it has taken.
    pub fn inflating<'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut reader: impl Read + Send + 'scope,
        consumed: Arc<AtomicU64>,
    ) -> Self {
        let (mut feeder, mut ahead) = Self::fed();
        feeder.consumed = Some(consumed);
        ahead.inflating = true;
        scope.spawn(move || feeder.feed(&mut reader));
        ahead
    }

    /// The same, of plain bytes; what they would take compressed is estimated.
    pub fn estimating<'scope>(scope: &'scope Scope<'scope, '_>, mut reader: impl Read + Send + 'scope) -> Self {
        let (mut feeder, mut ahead) = Self::fed();
        feeder.estimate = Some(Estimate::default());
        ahead.inflating = true;
        scope.spawn(move || feeder.feed(&mut reader));
        ahead
    }

    /// A reader of what the feeder is given, on whichever threads the two are.
    pub fn fed() -> (Feeder, Self) {
        let (full, pieces) = sync_channel(WAITING);
        let (spent, empty) = channel();
        (
            Feeder { full, empty, consumed: None, estimate: None },
            Self { pieces, spent, piece: Piece::default(), position: 0, ended: false, inflating: false },
        )
    }
}

/// The other end of a [`ReadAhead`].
#[derive(Debug)]
pub struct Feeder {
    full: SyncSender<io::Result<Piece>>,
    empty: Receiver<Piece>,
    consumed: Option<Arc<AtomicU64>>,
    estimate: Option<Estimate>,
}

/// What plain bytes would take compressed, from a sample of each piece.
#[derive(Debug, Default)]
struct Estimate {
    stored: f64,
    pieces: usize,
}

/// Bytes of each piece that are really compressed.
const SAMPLE: usize = 12 * 1024;

impl Estimate {
    fn pass(&mut self, bytes: &[u8], marks: &mut Vec<(u32, u64)>) {
        // From another place of each piece, so that nothing regular is met again and again.
        let room = bytes.len().saturating_sub(SAMPLE);
        let from = if room == 0 { 0 } else { self.pieces * 37 * 1024 % room };
        let sample = &bytes[from..bytes.len().min(from + SAMPLE)];
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(SAMPLE), flate2::Compression::new(6));
        let size = encoder.write_all(sample).and_then(|()| encoder.finish()).map_or(sample.len(), |bytes| bytes.len());
        marks.clear();
        marks.push((0, self.stored as u64));
        self.stored += bytes.len() as f64 * (size as f64 / sample.len().max(1) as f64).min(1.0);
        marks.push((bytes.len() as u32, self.stored as u64));
        self.pieces += 1;
    }
}

impl Feeder {
    /// Hands over all of `reader`, its error too; waits while nobody takes it, and stops when nobody will.
    pub fn feed(mut self, reader: &mut impl Read) {
        loop {
            let mut piece: Piece = self.empty.try_recv().unwrap_or_default();
            piece.bytes.resize(PIECE, 0);
            piece.marks.clear();
            let (got, failed) = fill(reader, &mut piece, self.consumed.as_deref());
            piece.bytes.truncate(got);
            if let Some(estimate) = &mut self.estimate {
                estimate.pass(&piece.bytes, &mut piece.marks);
            }
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
fn fill(reader: &mut impl Read, piece: &mut Piece, consumed: Option<&AtomicU64>) -> (usize, Option<io::Error>) {
    let Piece { bytes: buffer, marks } = piece;
    let mut got = 0;
    let mut mark = |got: usize| marks.extend(consumed.map(|count| (got as u32, count.load(Ordering::Relaxed))));
    mark(0);
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => {
                got += more;
                mark(got);
            }
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
        while self.position == self.piece.bytes.len() && !self.ended {
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
        Ok(&self.piece.bytes[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.piece.bytes.len());
    }
}

impl Stored for ReadAhead {
    fn stored(&self) -> Option<u64> {
        let marks = &self.piece.marks;
        if marks.is_empty() {
            return self.inflating.then_some(0);
        }
        let position = self.position as u32;
        let above = marks.partition_point(|(offset, _)| *offset <= position);
        let (from, low) = *marks.get(above.checked_sub(1)?)?;
        let Some((to, high)) = marks.get(above) else { return Some(low) };
        let part = u64::from(position - from) * high.saturating_sub(low) / u64::from(to - from);
        Some(low + part)
    }
}

/// Counts the bytes that are really taken from a reader, of which it hands out few at a time.
#[derive(Debug)]
pub struct Consumed<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R> Consumed<R> {
    /// Adds what is taken from `reader` to `count`.
    pub fn new(reader: R, count: Arc<AtomicU64>) -> Self {
        Self { reader, count }
    }
}

impl<R: BufRead> Read for Consumed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let step = available.len().min(buffer.len());
        buffer[..step].copy_from_slice(&available[..step]);
        self.consume(step);
        Ok(step)
    }
}

impl<R: BufRead> BufRead for Consumed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf().map(|bytes| &bytes[..bytes.len().min(STEP)])
    }

    fn consume(&mut self, amount: usize) {
        self.count.fetch_add(amount as u64, Ordering::Relaxed);
        self.reader.consume(amount);
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

/// Computes sums of the bytes that pass; at the end of the reader it knows them.
pub struct Tee<R> {
    reader: R,
    sums: Vec<Checksum>,
    done: Option<Arc<Mutex<Vec<Sum>>>>,
}

impl<R> Tee<R> {
    /// Puts the sums of all bytes, by `algorithms`, into `done` once the end was read.
    pub fn new(reader: R, algorithms: &[Algorithm], done: &Arc<Mutex<Vec<Sum>>>) -> Self {
        let sums: Vec<Checksum> = algorithms.iter().map(|algorithm| Checksum::new(*algorithm)).collect();
        Self { reader, done: (!sums.is_empty()).then(|| Arc::clone(done)), sums }
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        for sum in &mut self.sums {
            sum.update(&buffer[..got]);
        }
        if got == 0
            && !buffer.is_empty()
            && let Some(done) = self.done.take()
            && let Ok(mut done) = done.lock()
        {
            done.extend(std::mem::take(&mut self.sums).into_iter().map(Checksum::finish));
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
