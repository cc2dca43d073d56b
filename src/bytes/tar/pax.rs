//! Extension headers: what they say about the entry that follows.

use super::number::owner;
use super::sparse::MAX_SEGMENTS;

/// The records of one pax header (POSIX.1-2008 pax, "pax Header Block"; GNU tar manual, "Storing Sparse Files"). A second
/// header before the same entry replaces the first, as in Go's `archive/tar`.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    /// Seconds since 1970.
    pub(super) mtime: Option<i64>,
    /// Names and values, in the order of the header.
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The real name of a sparse file, whose `path` is made up.
    pub(super) sparse_name: Option<Vec<u8>>,
    pub(super) sparse_major: Option<u64>,
    pub(super) sparse_size: Option<u64>,
    /// Offsets and lengths in turn.
    pub(super) sparse_map: Vec<u64>,
}

/// What all extension headers before an entry say.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) pax: Pax,
    /// GNU's long name, which wins over pax's `path`, as in Go.
    pub(super) long_path: Option<Vec<u8>>,
    /// GNU's long link, likewise.
    pub(super) long_link: Option<Vec<u8>>,
}

impl Pax {
    /// Reads the records of a pax header. An empty value unsets its key. Returns `None` if a record is malformed.
    pub(super) fn parse(mut data: &[u8]) -> Option<Self> {
        let mut pax = Self::default();
        while !data.is_empty() {
            let (key, value, rest) = record(data)?;
            data = rest;
            pax.set(key, value)?;
        }
        (pax.sparse_map.len() <= 2 * MAX_SEGMENTS).then_some(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let text = |value: &[u8]| (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = text(value),
            b"linkpath" => self.link = text(value),
            b"size" => self.size = decimal(value)?,
            b"uid" => self.uid = signed(value)?.map(owner),
            b"gid" => self.gid = signed(value)?.map(owner),
            b"mtime" => self.mtime = seconds(value)?,
            b"GNU.sparse.name" => self.sparse_name = text(value),
            b"GNU.sparse.major" => self.sparse_major = decimal(value)?,
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.sparse_size = decimal(value)?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse_map.push(decimal(value)??),
            b"GNU.sparse.map" => {
                for number in value.split(|byte| *byte == b',').filter(|number| !number.is_empty()) {
                    self.sparse_map.push(decimal(number)??);
                }
            }
            key => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Some(())
    }
}

/// Splits off the first record of a pax header, `LENGTH KEY=VALUE` and a line end. The length alone says where it ends:
/// values may hold line ends, as the bits of a capability or a name do.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = data.iter().position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&data[..blank]).ok()?.parse().ok()?;
    let (record, rest) = data.split_at_checked(len)?;
    let body = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}

/// A decimal: empty unsets it, anything else is malformed.
#[allow(clippy::option_option, reason = "malformed, unset and a number are three things")]
fn decimal(value: &[u8]) -> Option<Option<u64>> {
    if value.is_empty() {
        return Some(None);
    }
    std::str::from_utf8(value).ok()?.parse().ok().map(Some)
}

/// A decimal that may be negative, as the owners of some writers are.
#[allow(clippy::option_option, reason = "as `decimal`")]
fn signed(value: &[u8]) -> Option<Option<i64>> {
    if value.is_empty() {
        return Some(None);
    }
    std::str::from_utf8(value).ok()?.parse().ok().map(Some)
}

/// Whole seconds of a time; fractions round down, before 1970 too.
#[allow(clippy::option_option, reason = "as `decimal`")]
fn seconds(value: &[u8]) -> Option<Option<i64>> {
    if value.is_empty() {
        return Some(None);
    }
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = if whole == "-" { 0 } else { whole.parse().ok()? };
    let below = text.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
    Some(Some(whole.saturating_sub(i64::from(below))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_down() {
        assert_eq!(seconds(b"1700000000.999"), Some(Some(1_700_000_000)));
        assert_eq!(seconds(b"-1.5"), Some(Some(-2)));
        assert_eq!(seconds(b"x"), None);
    }

    #[test]
    fn records_hold_any_bytes() {
        let pax = Pax::parse(b"17 path=a\nb=c\xff.d\n10 uid=-1\n");
        let read = pax.map(|pax| (pax.path, pax.uid));
        assert_eq!(read, Some((Some(b"a\nb=c\xff.d".to_vec()), Some(0))));
        assert!(Pax::parse(b"9 path=ab\n").is_none(), "the length ends inside the record");
        assert!(Pax::parse(b"9999 path=ab\n").is_none(), "the length reaches beyond the header");
    }
}
