use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A part of a file, read by position: many windows share one open file and never disturb each other.
/// Seeking costs nothing, since it is only a number.
#[derive(Debug, Clone)]
pub struct Window {
    file: Arc<File>,
    /// Bytes that were really fetched, of this and all other windows that count together.
    fetched: Arc<AtomicU64>,
    start: u64,
    len: u64,
    position: u64,
}

impl Window {
    /// The whole of `file`, whose length is `len` bytes. What is fetched is added to `fetched`.
    pub fn whole(file: File, len: u64, fetched: &Arc<AtomicU64>) -> Self {
        Self { file: Arc::new(file), fetched: Arc::clone(fetched), start: 0, len, position: 0 }
    }

    /// The part of this window from `start`, at most `len` bytes long; cut where this window ends.
    #[must_use]
    pub fn part(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        Self { start: self.start + start, len: len.min(self.len - start), position: 0, ..self.clone() }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let got = read_at(&self.file, &mut buffer[..wanted], self.start + self.position)?;
        self.position += got as u64;
        self.fetched.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
