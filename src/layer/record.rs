use std::ops::Range;

use crate::bytes::EntryKind;

/// A content identity: the first 16 bytes of BLAKE3 over the stored content, together with the size. Only compared, never
/// shown; SHA-256 is what people are shown.
pub type ContentId = [u8; 16];

/// What an entry of a layer says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// The path is this.
    Entry(EntryKind),
    /// `.wh.NAME`: the path (NAME, in the marker's directory) is taken away from lower layers.
    Whiteout,
    /// `.wh..wh..opq`: what lower layers have below the path is taken away.
    Opaque,
}

/// One entry of a layer, in the words of the image: its texts are ranges of [`Batch::texts`].
#[derive(Debug, Clone)]
pub struct Record {
    /// What it says.
    pub kind: RecordKind,
    /// The path it is about: components joined by `/`, without any at the front; empty is the root.
    pub path: Range<u32>,
    /// A symbolic link's text, or the normal path that a hard link names.
    pub link: Range<u32>,
    /// Extended attributes, in a canonical form; empty is none.
    pub xattrs: Range<u32>,
    /// Bytes of content.
    pub size: u64,
    /// First block of the entry in the layer's tar, in units of 512 bytes.
    pub block: u32,
    /// Blocks before the content, extension headers among them; at most 255 are told.
    pub header_blocks: u8,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Device numbers (major, minor).
    pub device: (u32, u32),
    /// Identity of the content, where it was hashed in passing.
    pub content: Option<ContentId>,
    /// SHA-256 of the content, where that was asked for.
    pub sha256: Option<[u8; 32]>,
    /// Bytes as stored that the entry takes, where the layer is compressed.
    pub pull_bytes: Option<u64>,
}

/// Some hundred records of one layer, and the texts that they refer to.
#[derive(Debug, Default)]
pub struct Batch {
    /// In tar order.
    pub records: Vec<Record>,
    /// Paths, links, attributes.
    pub texts: Vec<u8>,
}

impl Batch {
    /// The bytes that a range of a record stands for.
    pub fn text(&self, range: &Range<u32>) -> &[u8] {
        &self.texts[range.start as usize..range.end as usize]
    }

    /// Keeps a text.
    pub(super) fn keep(&mut self, parts: &[&[u8]]) -> Range<u32> {
        let start = self.texts.len() as u32;
        for part in parts {
            self.texts.extend_from_slice(part);
        }
        start..self.texts.len() as u32
    }
}

/// Appends the normal form of `path` to `out`: no leading `./` or `/`, no empty or `.` components, and `..` taken back one
/// component, as Go's `filepath.Clean` does for engines. `./a`, `/a` and `b/../a` are one path. Returns false if the path
/// leads out of the root.
pub fn normal_path(path: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let rooted = path.starts_with(b"/");
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if out.len() > start => {
                let parent = out[start..].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                out.truncate(start + parent);
            }
            // The parent of `/` is `/`.
            b".." if rooted => {}
            b".." => {
                out.truncate(start);
                return false;
            }
            part => {
                if out.len() > start {
                    out.push(b'/');
                }
                out.extend_from_slice(part);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path() {
        for (path, want) in [
            ("./a/b", Some("a/b")),
            ("/a//b/", Some("a/b")),
            ("a/./b", Some("a/b")),
            ("./", Some("")),
            ("a/../b", Some("b")),
            ("a/b/../../c/./d", Some("c/d")),
            ("/../a", Some("a")),
            ("a/../../b", None),
            ("..", None),
            ("a/..b", Some("a/..b")),
        ] {
            let mut out = Vec::new();
            let normal = normal_path(path.as_bytes(), &mut out).then(|| String::from_utf8_lossy(&out).into_owned());
            assert_eq!(normal.as_deref(), want, "{path}");
        }
    }
}
