use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

/// How a blob is stored. Told by its first bytes, never by a media type or a file name, since both may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// As it is.
    #[default]
    None,
    /// RFC 1952, one member or many (as estargz has them).
    Gzip,
    /// RFC 8878, one frame or many, skippable ones among them.
    Zstd,
    /// Known by its magic number, but nothing that an image may use: bzip2 or xz, by name.
    Unsupported(&'static str),
}

impl Compression {
    /// `none`, `gzip`, `zstd`, or the name of what can't be read.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Unsupported(name) => name,
        }
    }

    /// The uncompressed bytes of `stored`.
    ///
    /// # Errors
    /// When the compression is none that an image may use.
    pub fn decode<'r>(self, stored: impl BufRead + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
        Ok(match self {
            Self::None => Box::new(stored),
            Self::Gzip => Box::new(MultiGzDecoder::new(stored)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(stored)?),
            Self::Unsupported(name) => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("compressed with {name}, which images do not use; expected none, gzip or zstd"),
                ));
            }
        })
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
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Unsupported("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Unsupported("xz"),
        _ => Compression::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (head, want) in [
            (&b"\x1f\x8b\x08\x00"[..], Compression::Gzip),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\x53\x2a\x4d\x18", Compression::Zstd),
            (b"BZh9", Compression::Unsupported("bzip2")),
            (b"\xfd7zXZ\0", Compression::Unsupported("xz")),
            (b"{\"a\"", Compression::None),
            (b"", Compression::None),
        ] {
            assert_eq!(sniff(head), want, "{head:?}");
        }
    }
}
