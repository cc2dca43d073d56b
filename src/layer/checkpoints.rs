//! Places in a gzip layer from which it can be inflated without what comes before (as zlib's zran.c does): where a block of
//! deflate begins, and the 32 KiB of output before it (RFC 1951, RFC 1952).

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex};

use flate2::Crc;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
};
use miniz_oxide::inflate::core::{BlockBoundaryState, DecompressorOxide, decompress};

/// Bytes of output between two checkpoints, about.
const SPAN: u64 = 4 * 1024 * 1024;
/// How far back deflate may refer.
const WINDOW: usize = 32 * 1024;
/// The buffer of output, a power of two.
const OUTPUT: usize = 2 * WINDOW;
/// Checkpoints of one layer at most: 400 GB of output.
const MOST: usize = 100_000;
/// What stored checkpoints begin with.
const MAGIC: &[u8; 16] = b"explore gzip 01\n";

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Checkpoint {
    /// Bytes of output before it.
    output: u64,
    /// Bytes of input before it.
    input: u64,
    /// Bits of the byte before that belong to the next block, and their value.
    bits: (u8, u8),
    /// The output before it, compressed with zstd; empty at the beginning of a member.
    window: Vec<u8>,
}

/// The checkpoints of a layer, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoints {
    all: Vec<Checkpoint>,
    /// Bytes of input in all.
    size: u64,
}

impl Checkpoints {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// As bytes, for the cache.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.size.to_le_bytes());
        for one in &self.all {
            bytes.extend_from_slice(&one.output.to_le_bytes());
            bytes.extend_from_slice(&one.input.to_le_bytes());
            bytes.extend_from_slice(&[one.bits.0, one.bits.1]);
            bytes.extend_from_slice(&(one.window.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&one.window);
        }
        let seal = blake3::hash(&bytes);
        bytes.extend_from_slice(seal.as_bytes());
        bytes
    }

    /// From the cache; None when the bytes are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, seal) = bytes.split_last_chunk::<32>()?;
        if blake3::hash(body).as_bytes() != seal {
            return None;
        }
        let rest = body.strip_prefix(MAGIC)?;
        let (size, mut rest) = rest.split_first_chunk::<8>()?;
        let mut all = Vec::new();
        while !rest.is_empty() {
            let (output, after) = rest.split_first_chunk::<8>()?;
            let (input, after) = after.split_first_chunk::<8>()?;
            let (bits, after) = after.split_first_chunk::<2>()?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let (window, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            all.push(Checkpoint {
                output: u64::from_le_bytes(*output),
                input: u64::from_le_bytes(*input),
                bits: (bits[0], bits[1]),
                window: window.to_vec(),
            });
            rest = after;
        }
        Some(Self { all, size: u64::from_le_bytes(*size) })
    }

    /// Inflates from `output` bytes on. `fetch` gives parts of the blob: from where, and how many bytes.
    ///
    /// # Errors
    /// When a part cannot be had or is damaged.
    pub fn read_from<'f>(&'f self, output: u64, fetch: FetchPart<'f>) -> io::Result<impl Read + Send + 'f> {
        let at = self.all.partition_point(|one| one.output <= output).checked_sub(1);
        let at = at.ok_or_else(|| io::Error::other("there is no checkpoint before it"))?;
        let start = &self.all[at];
        let parts = Parts { checkpoints: self, next: at, position: start.input, bytes: Vec::new(), used: 0, fetch };
        let mut reader = Inflating::resume(parts, start)?;
        io::copy(&mut reader.by_ref().take(output - start.output), &mut io::sink())?;
        Ok(reader)
    }
}

/// Gives bytes of a blob, from a place on.
pub type FetchPart<'f> = Box<dyn FnMut(u64, u64) -> io::Result<Vec<u8>> + Send + 'f>;

/// The input from a checkpoint on, fetched from one checkpoint to the next.
struct Parts<'f> {
    checkpoints: &'f Checkpoints,
    next: usize,
    position: u64,
    bytes: Vec<u8>,
    used: usize,
    fetch: FetchPart<'f>,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = self.fill_buf()?.len().min(buffer.len());
        buffer[..step].copy_from_slice(&self.bytes[self.used..][..step]);
        self.consume(step);
        Ok(step)
    }
}

impl BufRead for Parts<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.bytes.len() {
            self.next += 1;
            let end = self.checkpoints.all.get(self.next).map_or(self.checkpoints.size, |next| next.input);
            let length = end.saturating_sub(self.position);
            self.bytes = if length == 0 { Vec::new() } else { (self.fetch)(self.position, length)? };
            (self.used, self.position) = (0, end);
            // Members that begin where others do not end have nothing in between.
            if self.bytes.is_empty() && end < self.checkpoints.size {
                return self.fill_buf();
            }
        }
        Ok(&self.bytes[self.used..])
    }

    fn consume(&mut self, amount: usize) {
        self.used += amount;
    }
}

/// Where checkpoints go while a layer passes.
pub type Place = Arc<Mutex<Checkpoints>>;

/// Inflates gzip, one member after the other, and notes checkpoints as it goes.
pub struct Inflating<R> {
    input: R,
    state: Box<DecompressorOxide>,
    output: Box<[u8]>,
    /// Where the next byte of output goes.
    at: usize,
    /// Output that was not handed out yet: from where, and how many bytes.
    ready: (usize, usize),
    position: (u64, u64),
    crc: Crc,
    step: Step,
    place: Option<Place>,
    last: u64,
    /// A check of what came before a checkpoint is not possible.
    partial: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Header,
    Body,
    End,
}

impl<R: BufRead> Inflating<R> {
    /// From the first byte of a blob; checkpoints go to `place`.
    pub fn new(input: R, place: Place) -> Self {
        Self {
            input,
            state: Box::default(),
            output: vec![0; OUTPUT].into(),
            at: 0,
            ready: (0, 0),
            position: (0, 0),
            crc: Crc::new(),
            step: Step::Header,
            place: Some(place),
            last: 0,
            partial: false,
        }
    }

    fn resume(input: R, from: &Checkpoint) -> io::Result<Self> {
        let mut own = Self { place: None, ..Self::new(input, Place::default()) };
        own.position = (from.input, from.output);
        if from.window.is_empty() {
            return Ok(own);
        }
        let window = zstd::bulk::decompress(&from.window, WINDOW)?;
        // As if it had been written just before.
        own.output[..window.len()].copy_from_slice(&window);
        own.at = window.len() % OUTPUT;
        let boundary =
            BlockBoundaryState { num_bits: from.bits.0, bit_buf: from.bits.1, ..BlockBoundaryState::default() };
        *own.state = DecompressorOxide::from_block_boundary_state(&boundary);
        (own.step, own.partial) = (Step::Body, true);
        Ok(own)
    }

    fn byte(&mut self) -> io::Result<u8> {
        let byte = *self.input.fill_buf()?.first().ok_or(io::ErrorKind::UnexpectedEof)?;
        self.input.consume(1);
        self.position.0 += 1;
        Ok(byte)
    }

    /// Passes over the header of a member; false at the end of the input.
    fn header(&mut self) -> io::Result<bool> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let first = [self.byte()?, self.byte()?];
        if first != [0x1f, 0x8b] {
            // Padding with zeros after the last member is passed over, as gzip does.
            if first == [0, 0] && self.position.1 > 0 {
                while !self.input.fill_buf()?.is_empty() {
                    let length = self.input.fill_buf()?.len();
                    self.input.consume(length);
                    self.position.0 += length as u64;
                }
                return Ok(false);
            }
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid gzip header"));
        }
        let method = self.byte()?;
        let flags = self.byte()?;
        if method != 8 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid gzip header"));
        }
        for _ in 0..6 {
            self.byte()?;
        }
        if flags & 4 != 0 {
            let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..length {
                self.byte()?;
            }
        }
        for flag in [8, 16] {
            if flags & flag != 0 {
                while self.byte()? != 0 {}
            }
        }
        if flags & 2 != 0 {
            self.byte()?;
            self.byte()?;
        }
        Ok(true)
    }

    fn note(&mut self, bits: (u8, u8), start_of_member: bool) {
        let Some(place) = &self.place else { return };
        let due = self.position.1 == 0 || self.position.1 >= self.last + SPAN;
        if !due || !start_of_member && self.position.1 == 0 {
            return;
        }
        let window = if start_of_member {
            Vec::new()
        } else {
            let length = WINDOW.min(usize::try_from(self.position.1).unwrap_or(WINDOW));
            let from = (self.at + OUTPUT - length) % OUTPUT;
            let plain: Vec<u8> = self.output[from..].iter().chain(&self.output[..from]).take(length).copied().collect();
            match zstd::bulk::compress(&plain, 1) {
                Ok(window) => window,
                Err(_) => return,
            }
        };
        self.last = self.position.1;
        if let Ok(mut place) = place.lock()
            && place.all.len() < MOST
        {
            place.all.push(Checkpoint { output: self.position.1, input: self.position.0, bits, window });
        }
    }

    /// Inflates until there is output; false at the end.
    fn inflate(&mut self) -> io::Result<bool> {
        let corrupt = || io::Error::new(io::ErrorKind::InvalidInput, "corrupt deflate stream");
        loop {
            match self.step {
                Step::End => return Ok(false),
                Step::Header => {
                    self.note((0, 0), true);
                    if !self.header()? {
                        self.step = Step::End;
                        if let Some(Ok(mut place)) = self.place.as_ref().map(|place| place.lock()) {
                            place.size = self.position.0;
                        }
                        return Ok(false);
                    }
                    *self.state = DecompressorOxide::new();
                    self.crc = Crc::new();
                    (self.step, self.partial) = (Step::Body, false);
                }
                Step::Body => {
                    let input = self.input.fill_buf()?;
                    let more = !input.is_empty();
                    let flags = TINFL_FLAG_IGNORE_ADLER32
                        | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY
                        | if more { TINFL_FLAG_HAS_MORE_INPUT } else { 0 };
                    let (status, took, gave) = decompress(&mut self.state, input, &mut self.output, self.at, flags);
                    self.input.consume(took);
                    self.position.0 += took as u64;
                    let start = self.at;
                    self.crc.update(&self.output[start..start + gave]);
                    self.at = (start + gave) % OUTPUT;
                    self.position.1 += gave as u64;
                    match status {
                        TINFLStatus::Done => self.trailer()?,
                        TINFLStatus::BlockBoundary => {
                            if let Some(state) = self.state.block_boundary_state() {
                                self.note((state.num_bits, state.bit_buf), false);
                            }
                        }
                        TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput if took > 0 || gave > 0 || more => {}
                        TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        _ => return Err(corrupt()),
                    }
                    if gave > 0 {
                        self.ready = (start, gave);
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Checks the end of a member. Bytes that the decoder took too early are given back by it.
    fn trailer(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        for byte in &mut trailer {
            *byte = self.byte()?;
        }
        let said = u32::from_le_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]);
        if !self.partial && said != self.crc.sum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "corrupt gzip stream does not have a matching checksum",
            ));
        }
        self.step = Step::Header;
        Ok(())
    }
}

impl<R: BufRead> Read for Inflating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ready.1 == 0 && !self.inflate()? {
            return Ok(0);
        }
        let (from, length) = self.ready;
        let step = length.min(buffer.len());
        buffer[..step].copy_from_slice(&self.output[from..from + step]);
        self.ready = (from + step, length - step);
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn members(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut blob = Vec::new();
        for part in parts {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            let _ = encoder.write_all(part);
            blob.extend(encoder.finish().unwrap_or_default());
        }
        blob
    }

    fn text(seed: u32, bytes: usize) -> Vec<u8> {
        let mut state = seed;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"etaoin shrdlu\n"[(state >> 24) as usize % 14]
        })
        .take(bytes)
        .collect()
    }

    #[test]
    fn from_any_checkpoint_the_same_bytes_come() {
        let parts = [text(1, 13_000_000), Vec::new(), text(2, 100), text(3, 9_000_000)];
        let (plain, blob) = (parts.concat(), members(&parts));
        let place = Place::default();
        let mut out = Vec::new();
        let done =
            Inflating::new(io::BufReader::with_capacity(4096, &blob[..]), Arc::clone(&place)).read_to_end(&mut out);
        assert!(done.is_ok() && out == plain, "{done:?}");
        let made = place.lock().map(|made| made.clone()).unwrap_or_default();
        assert!(made.all.len() >= 5 && made.size == blob.len() as u64, "{} of {}", made.all.len(), made.size);
        let bytes = made.to_bytes();
        assert_eq!(Checkpoints::from_bytes(&bytes), Some(made.clone()));
        assert!(Checkpoints::from_bytes(&bytes[..bytes.len() - 1]).is_none());
        assert!(bytes.len() < blob.len() / 20, "{} bytes", bytes.len());
        for at in [0_usize, 1, 4_200_000, 8_400_001, 12_999_990, 13_000_050, 21_999_999] {
            let mut fetched = 0;
            let mut head = vec![0; 100.min(plain.len() - at)];
            {
                let fetch: FetchPart<'_> = Box::new(|from, length| {
                    fetched += length;
                    Ok(blob[from as usize..(from + length) as usize].to_vec())
                });
                let read = made.read_from(at as u64, fetch).and_then(|mut reader| reader.read_exact(&mut head));
                assert!(read.is_ok() && head == plain[at..at + head.len()], "{at}: {read:?}");
            }
            assert!(fetched < blob.len() as u64 / 2, "{at}: {fetched} bytes");
        }
    }

    #[test]
    fn damage_is_found() {
        let blob = members(&[text(1, 100_000)]);
        for at in [0, 2, 5000, blob.len() - 6] {
            let mut damaged = blob.clone();
            damaged[at] ^= 0x10;
            let done = Inflating::new(&damaged[..], Place::default()).read_to_end(&mut Vec::new());
            assert!(done.is_err(), "{at}");
            let done = Inflating::new(&blob[..at], Place::default()).read_to_end(&mut Vec::new());
            assert!(at == 0 || done.is_err(), "cut at {at}");
        }
    }
}
