use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

/// How a blob is stored. Its first bytes tell, never a media type or a file name, since both may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// As it is.
    #[default]
    None,
    /// RFC 1952, one member or many (as eStargz has them).
    Gzip,
    /// RFC 8878, one frame or many, skippable ones among them.
    Zstd,
    /// The .xz file format, one stream or many. `docker load` reads it; registries do not have it.
    Xz,
    /// One stream or many, likewise.
    Bzip2,
}

/// Memory that inflating xz may take for its dictionary, in KiB: what `xz -9` makes others need.
const XZ_MEMORY: u32 = 72 * 1024;

impl Compression {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Zstd, Self::Xz, Self::Bzip2];

    /// `none`, `gzip`, `zstd`, `xz` or `bzip2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// A reader of the uncompressed bytes of `stored`. It fails when they are more than 16 GiB and 1,100 times what is
    /// stored: gzip reaches a ratio of 1,032, and only who wants to keep a reader busy goes further.
    ///
    /// # Errors
    /// If the decoder cannot be made.
    pub fn decode<'r>(self, stored: impl BufRead + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
        if self == Self::None {
            return Ok(Box::new(stored));
        }
        let taken = Arc::default();
        let plain = self.decoder(Taken { stored, count: Arc::clone(&taken) })?;
        Ok(Box::new(Limited { plain, taken, passed: 0 }))
    }

    fn decoder<'r>(self, stored: impl BufRead + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
        Ok(match self {
            Self::None => Box::new(stored),
            Self::Gzip => Box::new(MultiGzDecoder::new(stored)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(stored)?),
            Self::Xz => Box::new(XzReader::new_mem_limit(BufReader::new(stored), true, XZ_MEMORY)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(stored)),
        })
    }
}

/// Uncompressed bytes that any blob may have, and those for each byte that is stored.
const FREE: u64 = 16 << 30;
const MAX_RATIO: u64 = 1100;

/// Counts what a decoder takes.
struct Taken<R> {
    stored: R,
    count: Arc<AtomicU64>,
}

impl<R: BufRead> Read for Taken<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.stored.read(buffer)?;
        self.count.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl<R: BufRead> BufRead for Taken<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stored.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count.fetch_add(amount as u64, Ordering::Relaxed);
        self.stored.consume(amount);
    }
}

/// Ends what inflates to more than anyone stores.
struct Limited<R> {
    plain: R,
    taken: Arc<AtomicU64>,
    passed: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.plain.read(buffer)?;
        self.passed += got as u64;
        if self.passed > FREE && self.passed > FREE + self.taken.load(Ordering::Relaxed).saturating_mul(MAX_RATIO) {
            let problem = "it inflates to more than 16 GiB and 1,100 times what is stored; such blobs are not read";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(got)
    }
}

/// Tells the compression from the first bytes; six are enough.
pub fn sniff(head: &[u8]) -> Compression {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    match head {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [a, b, c, d, ..] if [*a, *b, *c, *d] == ZSTD => Compression::Zstd,
        // RFC 8878, section 3.1.2: a skippable frame, which may come first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        _ => Compression::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_inflates_without_end_is_ended() {
        let limited = |passed| Limited { plain: io::repeat(0), taken: Arc::new(AtomicU64::new(10)), passed };
        assert!(limited(0).read(&mut [0; 64]).is_ok());
        assert!(limited(FREE + 10 * MAX_RATIO).read(&mut [0; 64]).is_err());
    }

    #[test]
    fn the_first_bytes_tell() {
        for (head, want) in [
            (&b"\x1f\x8b\x08\x00"[..], Compression::Gzip),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\x53\x2a\x4d\x18", Compression::Zstd),
            (b"BZh9", Compression::Bzip2),
            (b"\xfd7zXZ\0", Compression::Xz),
            (b"{\"a\"", Compression::None),
            (b"", Compression::None),
        ] {
            assert_eq!(sniff(head), want, "{head:?}");
        }
    }
}
