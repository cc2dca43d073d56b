//! What a compressed layer would take if zstd had compressed it: stretches of it are compressed again while it is inflated,
//! and held against what the same stretches take as they are stored. An estimate, and only made for advice: a
//! stretch costs some 40 ms, in a gigabyte of layer about a sixth of the time that inflating takes.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The level of zstd that is held against the blob: about as slow as gzip's usual one.
pub(super) const LEVEL: i32 = 12;
/// Bytes of a stretch. What repeats at a greater distance than gzip sees (32 KiB) shows in it.
const STRETCH: usize = 1 << 20;
/// Where the first stretch begins. Layers that end before it are too small for ten megabytes to be saved.
const FIRST: u64 = 8 << 20;
/// Bytes from one stretch to the next, at first; twice as many after every few, so that a huge layer costs no more than
/// some ten stretches.
const STRIDE: u64 = 32 << 20;
const FEW: u32 = 2;

/// What stretches take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Recompressed {
    /// As they are stored, each as often as it stands for others.
    stored: u64,
    /// The same with zstd.
    again: u64,
}

impl Recompressed {
    /// Bytes of a blob of so many, if zstd had compressed it; None when nothing was looked at.
    pub(super) fn of(self, blob: u64) -> Option<u64> {
        (self.stored > 0).then(|| (u128::from(blob) * u128::from(self.again) / u128::from(self.stored)) as u64)
    }
}

/// Passes on what an inflating reader gives, and compresses stretches of it again.
pub(super) struct Sampler<R> {
    reader: R,
    /// Bytes as stored that the reader has taken.
    consumed: Arc<AtomicU64>,
    sums: Arc<Mutex<Recompressed>>,
    position: u64,
    next: u64,
    stride: u64,
    taken: u32,
    /// Where the stretch began in the blob, and its bytes.
    open: Option<(u64, Vec<u8>)>,
}

impl<R> Sampler<R> {
    pub(super) fn new(reader: R, consumed: Arc<AtomicU64>, sums: Arc<Mutex<Recompressed>>) -> Self {
        Self { reader, consumed, sums, position: 0, next: FIRST, stride: STRIDE, taken: 0, open: None }
    }

    fn close(&mut self) {
        let Some((from, bytes)) = self.open.take() else { return };
        let stored = self.consumed.load(Ordering::Relaxed).saturating_sub(from);
        // What can't be compressed is not told.
        let Ok(again) = zstd::bulk::compress(&bytes, LEVEL) else { return };
        if let Ok(mut sums) = self.sums.lock() {
            let weight = self.stride / STRIDE;
            sums.stored += stored * weight;
            sums.again += again.len() as u64 * weight;
        }
        self.taken += 1;
        if self.taken.is_multiple_of(FEW) {
            self.stride *= 2;
        }
        self.next = self.position + self.stride;
    }
}

impl<R: Read> Read for Sampler<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.consumed.load(Ordering::Relaxed);
        let got = self.reader.read(buffer)?;
        self.position += got as u64;
        if self.open.is_none() && self.position >= self.next && got > 0 {
            self.open = Some((before, Vec::with_capacity(STRETCH + buffer.len())));
        }
        if let Some((_, bytes)) = &mut self.open {
            bytes.extend_from_slice(&buffer[..got]);
            if bytes.len() >= STRETCH {
                self.close();
            }
        }
        Ok(got)
    }
}
