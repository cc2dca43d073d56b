use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that can be read at any place: a file, or what stands for one.
pub trait ReadAt: std::fmt::Debug + Send + Sync {
    /// Reads some of the bytes from `offset` on; 0 at the end.
    ///
    /// # Errors
    /// When they can't be read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }
}

/// A part of a file, read by position: many windows share one open file and never disturb each other.
/// Seeking costs nothing, since it is only a number. A member that an archive stores sparse reads as what it stands for.
#[derive(Debug, Clone)]
pub struct Window {
    file: Arc<dyn ReadAt>,
    /// Bytes that were read from the file, of this and all other windows that count together.
    fetched: Arc<AtomicU64>,
    /// Where the stored bytes begin in the file.
    start: u64,
    /// The first byte of the window in what the segments describe; 0 without segments.
    offset: u64,
    len: u64,
    position: u64,
    segments: Option<Arc<[Segment]>>,
}

/// Stored bytes of a sparse member.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Where they lie in the content.
    offset: u64,
    len: u64,
    /// Where they lie from the first stored byte on.
    stored: u64,
}

impl Window {
    /// The whole of `file`, whose length is `len` bytes. What is read is added to `fetched`.
    pub fn whole(file: impl ReadAt + 'static, len: u64, fetched: &Arc<AtomicU64>) -> Self {
        let (file, fetched) = (Arc::new(file) as Arc<dyn ReadAt>, Arc::clone(fetched));
        Self { file, fetched, start: 0, offset: 0, len, position: 0, segments: None }
    }

    /// The part of this window from `start`, at most `len` bytes long; cut where this window ends.
    #[must_use]
    pub fn part(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        let part = Self { len: len.min(self.len - start), position: 0, ..self.clone() };
        match self.segments {
            Some(_) => Self { offset: self.offset + start, ..part },
            None => Self { start: self.start + start, ..part },
        }
    }

    /// A sparse content of `size` bytes, whose stored bytes begin at this window's start. `map` has the offset and length of
    /// each stored stretch, in order.
    #[must_use]
    pub fn sparse(&self, map: &[(u64, u64)], size: u64) -> Self {
        let mut stored = 0;
        let segment = |(offset, len): &(u64, u64)| {
            let segment = Segment { offset: *offset, len: *len, stored };
            stored += len;
            segment
        };
        let segments: Arc<[Segment]> = map.iter().filter(|(_, len)| *len > 0).map(segment).collect();
        Self { offset: 0, len: size, position: 0, segments: Some(segments), ..self.clone() }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where in the file the next bytes are, and how many of them are in one piece; `None` for a hole.
    fn place(&self, wanted: usize) -> (Option<u64>, usize) {
        let at = self.offset + self.position;
        let Some(segments) = &self.segments else { return (Some(self.start + self.position), wanted) };
        let until = |end: u64| usize::try_from(end - at).unwrap_or(usize::MAX).min(wanted);
        let next = segments.partition_point(|segment| segment.offset + segment.len <= at);
        match segments.get(next) {
            Some(segment) if segment.offset <= at => {
                let place = self.start + segment.stored + (at - segment.offset);
                (Some(place), until(segment.offset + segment.len))
            }
            Some(segment) => (None, until(segment.offset)),
            None => (None, wanted),
        }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let got = match self.place(wanted) {
            (Some(place), wanted) => {
                let got = self.file.read_at(&mut buffer[..wanted], place)?;
                self.fetched.fetch_add(got as u64, Ordering::Relaxed);
                got
            }
            (None, wanted) => {
                buffer[..wanted].fill(0);
                wanted
            }
        };
        self.position += got as u64;
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_sparse_window_reads_as_what_it_stands_for() -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(b"xxabcdeyy")?;
        let window = Window::whole(file, 9, &Arc::default()).part(2, 5).sparse(&[(1, 2), (6, 3)], 12);
        let mut all = Vec::new();
        window.clone().read_to_end(&mut all)?;
        assert_eq!(all, b"\0ab\0\0\0cde\0\0\0");
        let mut part = Vec::new();
        window.part(2, 6).part(1, 4).read_to_end(&mut part)?;
        assert_eq!(part, b"\0\0\0c");
        Ok(())
    }
}
