//! Tables of contents of layers, fetched in parts and verified before anything is read from them.

use std::io::Read as _;
use std::sync::atomic::AtomicU64;

use super::registry::Remote;
use crate::image::{Digest, LayerBlob};
use crate::layer::{Cache, MAX_TOC, TocKind};
use crate::source::registry::RegistryError;

/// A table that holds what the manifest says of it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: TocKind,
    pub(super) json: Vec<u8>,
    /// Where the content of files ends in the blob.
    pub(super) data: u64,
}

/// A footer of eStargz: the gzip header, an extra field of 26 bytes, an empty member.
const FOOTER: u64 = 51;

/// What a layer's descriptor says of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// The digest of the inflated table.
    Estargz(Digest),
    /// The digest of the table as stored, and where it is.
    ZstdChunked { checksum: Digest, offset: u64, length: u64, inflated: u64 },
}

impl Claim {
    /// None when it says nothing; an error when what it says cannot be right.
    pub(super) fn of(
        annotations: &std::collections::BTreeMap<String, String>,
        size: u64,
    ) -> Result<Option<Self>, String> {
        let estargz = annotations.get("containerd.io/snapshot/stargz/toc.digest");
        let checksum = annotations.get("io.github.containers.zstd-chunked.manifest-checksum");
        let position = annotations.get("io.github.containers.zstd-chunked.manifest-position");
        match (estargz, checksum, position) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err("it claims to be both eStargz and zstd:chunked".to_owned())
            }
            (Some(digest), None, None) => {
                let digest = Digest::parse(digest).ok_or("the digest of its table of contents is malformed")?;
                Ok((size > FOOTER).then_some(Self::Estargz(digest)))
            }
            (None, Some(checksum), Some(position)) => {
                let checksum = Digest::parse(checksum).ok_or("the digest of its table of contents is malformed")?;
                let numbers: Option<Vec<u64>> = position.split(':').map(|number| number.parse().ok()).collect();
                let Some([offset, length, inflated, 1]) = numbers.as_deref() else {
                    return Err("the position of its table of contents is malformed".to_owned());
                };
                let fits = offset.checked_add(*length).is_some_and(|end| end <= size) && *length > 0;
                if !fits || *inflated > MAX_TOC || *length > MAX_TOC {
                    return Err("its table of contents is not inside of the layer, or is too large".to_owned());
                }
                Ok(Some(Self::ZstdChunked { checksum, offset: *offset, length: *length, inflated: *inflated }))
            }
            _ => Ok(None),
        }
    }

    fn digest(&self) -> &Digest {
        match self {
            Self::Estargz(digest) | Self::ZstdChunked { checksum: digest, .. } => digest,
        }
    }

    /// Fetches the table that a layer's descriptor claims; None when it claims none. The error says why it cannot be used.
    pub(super) fn fetch(
        described: &LayerBlob,
        remote: &Remote,
        layer: usize,
        cache: Option<&Cache>,
        count: &AtomicU64,
    ) -> Option<Result<Table, String>> {
        match Self::of(&described.annotations, described.size.unwrap_or(0)) {
            Ok(None) => None,
            Ok(Some(claim)) => {
                Some(claim.table(remote, layer, cache, count).unwrap_or_else(|error| Err(error.to_string())))
            }
            Err(why) => Some(Err(why)),
        }
    }

    /// Fetches the table of a layer. The inner error says why it cannot be used, and the layer is read whole.
    fn table(
        &self,
        remote: &Remote,
        layer: usize,
        cache: Option<&Cache>,
        count: &AtomicU64,
    ) -> Result<Result<Table, String>, RegistryError> {
        let name = format!("toc-{}", self.digest());
        let cached = cache.and_then(|cache| cache.document(&name)).and_then(|stored| self.cached(&stored));
        if let Some(table) = cached {
            return Ok(Ok(table));
        }
        let fetched = match self {
            Self::Estargz(digest) => estargz(remote, layer, digest, count)?,
            Self::ZstdChunked { checksum, offset, length, inflated } => {
                match remote.repository.range(&remote.blobs[layer], *offset, *length, count)? {
                    Err(why) => Err(why),
                    Ok(bytes) if !checksum.holds(&bytes) => Err("its table of contents has another digest".to_owned()),
                    Ok(bytes) => unzstd(&bytes, *inflated).map(|json| (json, *offset)),
                }
            }
        };
        let (json, data) = match fetched {
            Ok(fetched) => fetched,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(cache) = cache {
            // What cannot be cached is fetched again.
            let _ = cache.keep_document(&name, &[&data.to_le_bytes()[..], &json].concat());
        }
        Ok(Ok(Table { kind: self.kind(), json, data }))
    }

    pub(super) fn kind(&self) -> TocKind {
        match self {
            Self::Estargz(_) => TocKind::Estargz,
            Self::ZstdChunked { .. } => TocKind::ZstdChunked,
        }
    }

    /// A table as it was cached. That of zstd:chunked was checked as it was stored, before it was inflated.
    fn cached(&self, stored: &[u8]) -> Option<Table> {
        let (data, json) = stored.split_first_chunk::<8>()?;
        let data = u64::from_le_bytes(*data);
        let holds = match self {
            Self::Estargz(digest) => digest.holds(json),
            Self::ZstdChunked { inflated, .. } => json.len() as u64 == *inflated,
        };
        holds.then(|| Table { kind: self.kind(), json: json.to_vec(), data })
    }
}

type Fetched = Result<(Vec<u8>, u64), String>;

fn estargz(remote: &Remote, layer: usize, digest: &Digest, count: &AtomicU64) -> Result<Fetched, RegistryError> {
    let blob = &remote.blobs[layer];
    let size = blob.size.unwrap_or(0);
    let footer = match remote.repository.range(blob, size - FOOTER, FOOTER, count)? {
        Ok(footer) => footer,
        Err(why) => return Ok(Err(why)),
    };
    let Some(offset) = footer_offset(&footer).filter(|offset| *offset < size - FOOTER) else {
        return Ok(Err("its footer is not that of eStargz".to_owned()));
    };
    let length = size - FOOTER - offset;
    if length > MAX_TOC {
        return Ok(Err("its table of contents is too large".to_owned()));
    }
    let member = match remote.repository.range(blob, offset, length, count)? {
        Ok(member) => member,
        Err(why) => return Ok(Err(why)),
    };
    let json = match table_in(&member) {
        Some(json) => json,
        None => return Ok(Err("its table of contents cannot be inflated".to_owned())),
    };
    Ok(if digest.holds(&json) {
        Ok((json, offset))
    } else {
        Err("its table of contents has another digest".to_owned())
    })
}

/// Where a footer says that the table begins: 16 hex digits and `STARGZ`, in the extra field `SG` of a gzip header.
fn footer_offset(footer: &[u8]) -> Option<u64> {
    let extra = footer.strip_prefix(&[0x1f, 0x8b, 8, 4])?.get(6..)?;
    let field = extra.strip_prefix(&[26, 0, b'S', b'G', 22, 0])?.get(..22)?;
    let digits = std::str::from_utf8(field.strip_suffix(b"STARGZ")?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The table in a gzip member that is a tar with one file.
fn table_in(member: &[u8]) -> Option<Vec<u8>> {
    let plain = flate2::read::GzDecoder::new(member).take(MAX_TOC + 64 * 1024);
    let mut archive = tar::Archive::new(plain);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    if entry.path_bytes().as_ref() != b"stargz.index.json" || entry.size() > MAX_TOC {
        return None;
    }
    let mut json = Vec::new();
    entry.by_ref().take(MAX_TOC).read_to_end(&mut json).ok()?;
    Some(json)
}

fn unzstd(bytes: &[u8], inflated: u64) -> Result<Vec<u8>, String> {
    let broken = |error: std::io::Error| format!("its table of contents cannot be inflated: {error}");
    let mut json = Vec::new();
    let plain = zstd::stream::read::Decoder::new(bytes).map_err(broken)?;
    plain.take(inflated + 1).read_to_end(&mut json).map_err(broken)?;
    if json.len() as u64 == inflated {
        Ok(json)
    } else {
        Err(format!("its table of contents has another size than the {inflated} bytes that the manifest says"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_descriptors_claim() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let claim = |pairs: &[(&str, &str)]| {
            let annotations = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Claim::of(&annotations, 1000)
        };
        let (stargz, checksum, position) = (
            "containerd.io/snapshot/stargz/toc.digest",
            "io.github.containers.zstd-chunked.manifest-checksum",
            "io.github.containers.zstd-chunked.manifest-position",
        );
        assert!(matches!(claim(&[]), Ok(None)));
        assert!(matches!(claim(&[(stargz, &digest)]), Ok(Some(Claim::Estargz(_)))));
        assert!(matches!(
            claim(&[(checksum, &digest), (position, "900:100:400:1")]),
            Ok(Some(Claim::ZstdChunked { .. }))
        ));
        for bad in [
            &[(stargz, "sha256:1")][..],
            &[(stargz, digest.as_str()), (checksum, digest.as_str())],
            &[(checksum, digest.as_str()), (position, "900:101:400:1")],
            &[(checksum, digest.as_str()), (position, "900:100:400:2")],
            &[(checksum, digest.as_str()), (position, "900:100:99999999999:1")],
            &[(checksum, digest.as_str()), (position, "18446744073709551615:100:400:1")],
            &[(checksum, digest.as_str()), (position, "900:100")],
        ] {
            assert!(claim(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_footer_says_where_the_table_is() {
        let mut footer = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0];
        footer.extend_from_slice(b"00000000000003e8STARGZ");
        footer.extend_from_slice(&[1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((footer.len() as u64, footer_offset(&footer)), (FOOTER, Some(1000)));
        footer[20] = b'x';
        assert_eq!(footer_offset(&footer), None);
    }
}
