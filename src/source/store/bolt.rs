//! Databases of bbolt, read only (<https://pkg.go.dev/go.etcd.io/bbolt>): pages of a B+ tree whose leaves hold keys with values
//! or with further trees, which are called buckets.
//!
//! A process that writes never changes a page that the last complete transaction uses, so a copy of the whole file shows one
//! state or, where a page was used again meanwhile, is recognised as broken.

use std::path::Path;

/// No catalogue of images is larger.
const MAX_SIZE: u64 = 1 << 30;
const MAGIC: u32 = 0xED0C_DAED;
const HEADER: usize = 16;
const ELEMENT: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// Deeper than any tree of so many pages.
const MAX_DEPTH: usize = 64;

/// A database, all of it.
pub(super) struct Bolt {
    bytes: Vec<u8>,
    page_size: usize,
    root: u64,
}

/// A tree within it.
#[derive(Clone, Copy)]
pub(super) struct Bucket<'b> {
    bolt: &'b Bolt,
    at: At<'b>,
}

#[derive(Clone, Copy)]
enum At<'b> {
    Page(u64),
    /// A small bucket is a page within the value that holds it.
    Inline(&'b [u8]),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// FNV-1a, by which a meta page is sealed.
fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

impl Bolt {
    /// Reads a database; None where it is not one.
    pub(super) fn read(path: &Path) -> std::io::Result<Option<Self>> {
        if std::fs::metadata(path)?.len() > MAX_SIZE {
            return Ok(None);
        }
        let bytes = std::fs::read(path)?;
        // There are two meta pages, of which the younger sound one holds. The size of pages is in them.
        let sizes = [4096, 8192, 16384, 65536, 1024, 2048, 32768];
        let metas = std::iter::once(0).chain(sizes).filter_map(|at| meta(&bytes, at));
        let newest = metas.max_by_key(|(transaction, ..)| *transaction);
        Ok(newest.map(|(_, page_size, root)| Self { bytes, page_size, root }))
    }

    /// The tree at the top.
    pub(super) fn root(&self) -> Bucket<'_> {
        Bucket { bolt: self, at: At::Page(self.root) }
    }

    /// From a page's first byte to the end of the file: a page may go on in the next ones.
    fn page(&self, number: u64) -> Option<&[u8]> {
        let at = usize::try_from(number).ok()?.checked_mul(self.page_size)?;
        self.bytes.get(at..)
    }
}

/// The transaction, the size of a page and the page of the root.
fn meta(bytes: &[u8], page: usize) -> Option<(u64, usize, u64)> {
    let meta = bytes.get(page + HEADER..page + HEADER + 64)?;
    let is_sound = u32_at(meta, 0)? == MAGIC && u32_at(meta, 4)? == 2 && u64_at(meta, 56)? == fnv64(&meta[..56]);
    let page_size = usize::try_from(u32_at(meta, 8)?).ok()?;
    (is_sound && page_size >= 512).then_some((u64_at(meta, 48)?, page_size, u64_at(meta, 16)?))
}

/// A key, its value, and whether that is a bucket.
type Entry<'b> = (&'b [u8], &'b [u8], bool);

impl<'b> Bucket<'b> {
    /// All entries in order; what can't be read is left out.
    fn entries(self) -> Vec<Entry<'b>> {
        let mut all = Vec::new();
        match self.at {
            At::Inline(page) => leaf(page, &mut all),
            At::Page(number) => self.walk(number, MAX_DEPTH, &mut all),
        }
        all
    }

    fn walk(self, number: u64, depth: usize, all: &mut Vec<Entry<'b>>) {
        let Some(page) = self.bolt.page(number).filter(|_| depth > 0) else { return };
        let (flags, count) = (u16_at(page, 8).unwrap_or_default(), u16_at(page, 10).unwrap_or_default());
        if flags & LEAF != 0 {
            leaf(page, all);
        } else if flags & BRANCH != 0 {
            for element in 0..usize::from(count) {
                let Some(child) = u64_at(page, HEADER + element * ELEMENT + 8) else { return };
                self.walk(child, depth - 1, all);
            }
        }
    }

    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<&'b [u8]> {
        self.entries().into_iter().find(|(own, _, is_bucket)| *own == key.as_bytes() && !is_bucket).map(|entry| entry.1)
    }

    /// The bucket of a key.
    pub(super) fn bucket(self, key: &str) -> Option<Self> {
        self.buckets().find(|(name, _)| name == key).map(|(_, bucket)| bucket)
    }

    /// All buckets in it, by name.
    pub(super) fn buckets(self) -> impl Iterator<Item = (String, Self)> {
        self.entries().into_iter().filter(|(.., is_bucket)| *is_bucket).filter_map(move |(key, value, _)| {
            let at = match u64_at(value, 0)? {
                0 => At::Inline(value.get(16..)?),
                page => At::Page(page),
            };
            Some((String::from_utf8_lossy(key).into_owned(), Self { bolt: self.bolt, at }))
        })
    }
}

fn leaf<'b>(page: &'b [u8], all: &mut Vec<Entry<'b>>) {
    for element in 0..usize::from(u16_at(page, 10).unwrap_or_default()) {
        let at = HEADER + element * ELEMENT;
        let entry = (|| {
            let number = |field: usize| Some(u32_at(page, at + field * 4)? as usize);
            let (flags, start, key, value) = (number(0)?, at + number(1)?, number(2)?, number(3)?);
            Some((page.get(start..start + key)?, page.get(start + key..start + key + value)?, flags & 1 != 0))
        })();
        all.extend(entry);
    }
}
