//! What a tag stands for, from its manifest and config alone: for lists of tags.

use serde_json::Value;

use super::error::RegistryError;
use super::repository::Repository;
use crate::source::Digest;

/// What a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFacts {
    /// Digest of its manifest or index.
    pub digest: Digest,
    /// The platforms of its index, as `os/architecture[/variant]`; of a single image its own.
    pub platforms: Vec<String>,
    /// Compressed layers of the platform that would be read, bytes.
    pub bytes: u64,
    /// The layers.
    pub layers: usize,
    /// When the image was made, as the config has it (RFC 3339).
    pub created: Option<String>,
    /// What refers to it: signatures, SBOMs, attestations. None where the registry does not say.
    pub referrers: Option<usize>,
}

fn platform(of: &Value) -> Option<String> {
    let text = |key: &str| of.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && *text != "unknown");
    let variant = text("variant").map(|variant| format!("/{variant}")).unwrap_or_default();
    Some(crate::bytes::shown_text(&format!("{}/{}{variant}", text("os")?, text("architecture")?)))
}

fn list<'v>(document: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    document.get(key).and_then(Value::as_array).into_iter().flatten()
}

impl Repository {
    /// Describes a tag with up to four small requests: its index, manifest, config, and the list of what refers to it. Of an index the
    /// manifest of `architecture` is read, or the first.
    ///
    /// # Errors
    /// When a document cannot be read.
    pub fn describe(&self, tag: &str, architecture: &str) -> Result<TagFacts, RegistryError> {
        let invalid = |what: &str| RegistryError::invalid(format!("the {what} of {tag} is not JSON"));
        let top = self.tagged_manifest(tag)?;
        let index: Value = serde_json::from_slice(&top.bytes).map_err(|_| invalid("manifest"))?;
        let entries: Vec<&Value> =
            list(&index, "manifests").filter(|entry| entry.get("platform").and_then(platform).is_some()).collect();
        let mut platforms: Vec<String> =
            entries.iter().filter_map(|entry| entry.get("platform").and_then(platform)).collect();
        let is_own = |entry: &&&Value| {
            entry["platform"]["architecture"].as_str() == Some(architecture)
                && entry["platform"]["os"].as_str() == Some("linux")
        };
        let chosen = entries.iter().find(is_own).or(entries.first());
        let manifest: Value = match chosen {
            Some(entry) => {
                let digest = entry["digest"].as_str().and_then(Digest::parse).ok_or_else(|| invalid("index"))?;
                serde_json::from_slice(&self.manifest(&digest)?.bytes).map_err(|_| invalid("manifest"))?
            }
            None => index.clone(),
        };
        let bytes = list(&manifest, "layers").filter_map(|layer| layer["size"].as_u64()).fold(0, u64::saturating_add);
        let layers = list(&manifest, "layers").count();
        let config = &manifest["config"];
        let mut created = None;
        if let Some(digest) = config["digest"].as_str().and_then(Digest::parse) {
            let bytes = self.small_blob(&digest, config["size"].as_u64(), "config")?;
            let config: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            created = config["created"].as_str().map(str::to_owned);
            if platforms.is_empty() {
                platforms.extend(platform(&config));
            }
        }
        let referrers = self.referrers(&top.digest).ok().map(|found| found.len());
        Ok(TagFacts { digest: top.digest, platforms, bytes, layers, created, referrers })
    }
}
