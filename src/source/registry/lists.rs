//! What a repository has: its tags, and what refers to a manifest (OCI distribution specification, "Listing Tags",
//! "Listing Referrers").

use std::collections::HashSet;

use hyper::header::{HeaderMap, LINK};
use serde::Serialize;
use url::Url;

use super::error::RegistryError;
use super::repository::Repository;
use crate::source::Digest;

/// Tags of one page, and of all pages.
const PAGE: usize = 1000;
const MAX_TAGS: usize = 200_000;
const MAX_PAGES: usize = 5_000;
const MAX_REFERRERS: usize = 10_000;

/// The tags of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tags {
    /// Tags that people gave, in the order of their versions.
    pub names: Vec<String>,
    /// Tags that cosign made for signatures (`sha256-….sig`).
    pub signatures: usize,
    /// Tags that cosign made for attestations (`sha256-….att`).
    pub attestations: usize,
    /// Tags that cosign made for SBOMs (`sha256-….sbom`).
    pub sboms: usize,
    /// Tags that stand for the referrers of a manifest (`sha256-…`).
    pub referrers: usize,
    /// There are more than were read.
    pub incomplete: bool,
}

impl Tags {
    /// How many tags of each kind are not in `names`, and what they stand for.
    pub fn folded(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let kinds = [
            (self.signatures, "signature"),
            (self.attestations, "attestation"),
            (self.sboms, "SBOM"),
            (self.referrers, "referrer list"),
        ];
        kinds.into_iter().filter(|(number, _)| *number > 0)
    }
}

/// Something that refers to a manifest: a signature, an SBOM, an attestation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Referrer {
    /// Digest of its manifest.
    pub digest: Digest,
    /// What it is, as a media type.
    pub artifact_type: String,
    /// Bytes of its manifest.
    pub size: Option<u64>,
}

/// What a tag was made for by a program; None for one that people gave.
enum Made {
    Signature,
    Attestation,
    Sbom,
    Referrers,
}

fn made(tag: &str) -> Option<Made> {
    let rest = tag.strip_prefix("sha256-").or_else(|| tag.strip_prefix("sha512-"))?;
    let (hex, end) = rest.split_once('.').map_or((rest, ""), |(hex, end)| (hex, end));
    if hex.len() < 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match end {
        "sig" => Some(Made::Signature),
        "att" => Some(Made::Attestation),
        "sbom" => Some(Made::Sbom),
        "" => Some(Made::Referrers),
        _ => None,
    }
}

impl Tags {
    fn add(&mut self, tag: String) {
        match made(&tag) {
            Some(Made::Signature) => self.signatures += 1,
            Some(Made::Attestation) => self.attestations += 1,
            Some(Made::Sbom) => self.sboms += 1,
            Some(Made::Referrers) => self.referrers += 1,
            None => self.names.push(tag),
        }
    }
}

/// Compares versions as people do: numbers by value, not letter by letter.
pub(super) fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let parts = |text: &str| -> Vec<(bool, String)> {
        let mut parts: Vec<(bool, String)> = Vec::new();
        for letter in text.chars() {
            let digit = letter.is_ascii_digit();
            match parts.last_mut() {
                Some((own, part)) if *own == digit => part.push(letter),
                _ => parts.push((digit, letter.to_string())),
            }
        }
        parts
    };
    for (left, right) in parts(a).iter().zip(&parts(b)) {
        let order = match (left, right) {
            ((true, a), (true, b)) => {
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            ((_, a), (_, b)) => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The next page (RFC 8288), of the same registry only.
fn next_page(headers: &HeaderMap, now: &Url) -> Option<Url> {
    let text = String::from_utf8_lossy(headers.get(LINK)?.as_bytes()).into_owned();
    let link = text.split(',').find(|link| link.to_ascii_lowercase().replace('"', "").contains("rel=next"))?;
    let target = link.trim().strip_prefix('<')?.split('>').next()?;
    now.join(target).ok().filter(|next| next.origin() == now.origin() && next != now)
}

impl Repository {
    /// All tags. Pages are read as long as there are more; `progress` hears how many came, and ends it with false.
    ///
    /// # Errors
    /// When the registry does not list them.
    pub fn tags(&self, progress: &mut dyn FnMut(usize) -> bool) -> Result<Tags, RegistryError> {
        let mut url = self.endpoint.url("tags/list");
        url.set_query(Some(&format!("n={PAGE}")));
        let mut tags = Tags::default();
        let mut seen: HashSet<String> = HashSet::new();
        let mut next = Some(url);
        for _ in 0..MAX_PAGES {
            let Some(url) = next.take() else { break };
            let Some((page, headers)) = self.json(url.clone(), "the list of tags")? else {
                return Err(self.not_found("list of tags"));
            };
            let before = seen.len();
            for tag in page.get("tags").and_then(|tags| tags.as_array()).into_iter().flatten() {
                if let Some(tag) = tag.as_str().filter(|tag| seen.len() < MAX_TAGS && seen.insert((*tag).to_owned())) {
                    tags.add(tag.to_owned());
                }
            }
            // A registry that sends the same again sends it for ever.
            next = next_page(&headers, &url).filter(|_| seen.len() > before);
            if !progress(seen.len()) {
                return Err(RegistryError::stopped());
            }
            if seen.len() >= MAX_TAGS {
                break;
            }
        }
        tags.incomplete = next.is_some();
        tags.names.sort_by(|a, b| natural(a, b));
        Ok(tags)
    }

    /// What refers to a manifest. Registries without that API have a tag for it.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, RegistryError> {
        let mut found = Vec::new();
        let mut next = Some(self.endpoint.url(&format!("referrers/{digest}")));
        while let Some(url) = next.take() {
            let index = match self.json(url.clone(), "the referrers") {
                Ok(Some((page, headers))) => {
                    next = next_page(&headers, &url).filter(|_| found.len() < MAX_REFERRERS);
                    page
                }
                Ok(None) if found.is_empty() => {
                    let tag = format!("{}-{}", digest.algorithm(), digest.hex());
                    match self.tagged_manifest(&tag) {
                        Ok(document) => serde_json::from_slice(&document.bytes).unwrap_or_default(),
                        // No such tag: nothing refers to it.
                        Err(error) if error.fault == super::RegistryFault::NotFound => return Ok(found),
                        Err(error) => return Err(error),
                    }
                }
                Ok(None) => break,
                // Some registries answer this with something else than JSON, and have none.
                Err(error) if error.fault == super::RegistryFault::Invalid => return Ok(found),
                Err(error) => return Err(error),
            };
            let before = found.len();
            for entry in index.get("manifests").and_then(|all| all.as_array()).into_iter().flatten() {
                let text = |key: &str| entry.get(key).and_then(|text| text.as_str());
                let Some(digest) = text("digest").and_then(Digest::parse) else { continue };
                let kind = text("artifactType").or_else(|| text("mediaType")).unwrap_or_default();
                found.push(Referrer {
                    digest,
                    artifact_type: crate::bytes::shown_text(kind),
                    size: entry.get("size").and_then(serde_json::Value::as_u64),
                });
            }
            if found.len() == before {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_their_order() {
        let mut tags = ["1.10", "1.9", "latest", "1.9.1", "v2", "v10", "01", "1"].map(str::to_owned);
        tags.sort_by(|a, b| natural(a, b));
        assert_eq!(tags, ["1", "01", "1.9", "1.9.1", "1.10", "latest", "v2", "v10"]);
    }

    #[test]
    fn tags_of_programs_are_counted() {
        let hex = "ab".repeat(32);
        let mut tags = Tags::default();
        for tag in [format!("sha256-{hex}.sig"), format!("sha256-{hex}"), "sha256-1.sig".to_owned(), "1.0".to_owned()] {
            tags.add(tag);
        }
        assert_eq!((tags.names.len(), tags.signatures, tags.referrers), (2, 1, 1));
    }

    #[test]
    fn pages_stay_with_their_registry() {
        let now = Url::parse("https://reg.io/v2/a/tags/list?n=2").unwrap_or_else(|error| panic!("{error}"));
        for (link, want) in [
            ("</v2/a/tags/list?n=2&last=x>; rel=\"next\"", Some("https://reg.io/v2/a/tags/list?n=2&last=x")),
            ("<https://reg.io/v2/a/tags/list?last=x>;rel=next", Some("https://reg.io/v2/a/tags/list?last=x")),
            ("<https://evil.io/v2/a/tags/list?last=x>; rel=\"next\"", None),
            ("</v2/a/tags/list?n=2>; rel=\"next\"", None),
            ("</x>; rel=\"prev\"", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().unwrap_or_else(|_| panic!("{link}")));
            assert_eq!(next_page(&headers, &now).map(String::from).as_deref(), want, "{link}");
        }
    }
}
