use std::fmt;

use bollard::Docker;
use bollard::models::{ImageInspect, ImageManifestSummaryKindEnum, OciPlatform};
use serde_json::json;

use super::super::endpoint::Engine;
use super::connect::Daemon;
use super::error::EngineError;

/// How an engine stores images, which decides what an image's id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Store {
    /// Docker's graph drivers and Podman: the id is the digest of the config.
    #[default]
    Configs,
    /// Docker's containerd store: the id is the digest of a manifest or of an index.
    Manifests,
}

/// A platform in an engine's words; nothing is made of them here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnginePlatform {
    /// `linux`, …
    pub os: String,
    /// `amd64`, …
    pub architecture: String,
    /// `v7`, …
    pub variant: Option<String>,
}

impl fmt::Display for EnginePlatform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(out, "/{variant}"))
    }
}

impl EnginePlatform {
    /// Whether both name one platform; a variant that is left out is any.
    pub fn is(&self, other: &Self) -> bool {
        let variants = self.variant.as_ref().zip(other.variant.as_ref());
        self.os == other.os
            && self.architecture == other.architecture
            && variants.is_none_or(|(own, other)| own == other)
    }
}

impl From<OciPlatform> for EnginePlatform {
    fn from(platform: OciPlatform) -> Self {
        Self {
            os: platform.os.unwrap_or_default(),
            architecture: platform.architecture.unwrap_or_default(),
            variant: platform.variant.filter(|variant| !variant.is_empty()),
        }
    }
}

/// An image of one platform, as an engine lists those of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineManifest {
    /// Digest of the manifest.
    pub digest: String,
    /// What it runs on.
    pub platform: EnginePlatform,
    /// Whether the engine has all its layers.
    pub available: bool,
    /// Whether the engine has an attestation for it.
    pub attested: bool,
}

/// A row of an engine's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineHistoryRow {
    /// Unix time.
    pub created: i64,
    /// The instruction, as the builder wrote it.
    pub created_by: String,
    /// Bytes, as the engine counts them.
    pub size: u64,
    /// A comment.
    pub comment: String,
}

/// What an engine says about an image. Digests are as it writes them.
#[derive(Debug, Clone, Default)]
pub struct ImageFacts {
    /// Whose it is.
    pub engine: Engine,
    /// How it stores images.
    pub store: Store,
    /// Its id: the digest of the config, a manifest or an index; see [`Store`].
    pub id: String,
    /// Digest of the manifest or index that a registry knows, where there is one.
    pub digest: Option<String>,
    /// Names.
    pub tags: Vec<String>,
    /// What the image that these facts are about runs on.
    pub platform: EnginePlatform,
    /// The images of an index, where the engine lists them (Docker from 28 on, containerd store).
    pub manifests: Vec<EngineManifest>,
    /// When it was built, as written.
    pub created: Option<String>,
    /// Bytes, as the engine counts them.
    pub size: u64,
    /// Digests of the uncompressed layers, the base first.
    pub diff_ids: Vec<String>,
    /// How containers are started: the config's `config`.
    pub run: serde_json::Value,
    /// The history, the oldest row first.
    pub history: Vec<EngineHistoryRow>,
}

impl ImageFacts {
    /// Whether an export is best cut down to a platform: where there are several, and no attestation of this one, which would be
    /// left out.
    pub fn exports_alone(&self, platform: &EnginePlatform) -> bool {
        let attested = self.manifests.iter().any(|each| each.attested && each.platform.is(platform));
        self.manifests.iter().filter(|each| each.available).count() > 1 && !attested
    }
}

/// Engines list the manifests of an image from this version of the API on, and export one platform.
const LISTS_MANIFESTS: usize = 48;
/// Engines describe one platform of an image from this version on.
const INSPECTS_PLATFORM: usize = 49;

impl Daemon {
    /// What it says about an image; `name` as `docker run` takes it, or an id.
    ///
    /// # Errors
    /// Why it has none.
    pub fn image(&self, name: &str) -> Result<ImageFacts, EngineError> {
        let lists = self.endpoint.engine == Engine::Docker && self.has_api(LISTS_MANIFESTS);
        let docker = if lists { with_query(&self.docker, "manifests=1".to_owned()) } else { self.docker.clone() };
        let about = self.ask(docker.inspect_image(name))?;
        let store = match (&about.descriptor, lists) {
            (Some(_), _) => Store::Manifests,
            (None, true) => Store::Configs,
            (None, false) => self.store(),
        };
        let id = about.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| name.to_owned());
        self.facts(about, &id, store, None)
    }

    /// The same for another platform of an image; None where the engine can't be asked for one.
    ///
    /// # Errors
    /// When it does not have that platform.
    pub fn image_for(&self, facts: &ImageFacts, platform: &EnginePlatform) -> Result<Option<ImageFacts>, EngineError> {
        if !self.has_api(INSPECTS_PLATFORM) {
            return Ok(None);
        }
        let about = self.ask(with_query(&self.docker, query(platform)).inspect_image(&facts.id))?;
        // Its id is that of the manifest then, by which no engine finds the image.
        let other = self.facts(about, &facts.id, facts.store, Some(platform))?;
        Ok(Some(ImageFacts { manifests: facts.manifests.clone(), ..other }))
    }

    fn facts(
        &self,
        about: ImageInspect,
        id: &str,
        store: Store,
        platform: Option<&EnginePlatform>,
    ) -> Result<ImageFacts, EngineError> {
        // By id from here on: a name may be given to another image meanwhile.
        let docker = platform.map_or_else(|| self.docker.clone(), |platform| with_query(&self.docker, query(platform)));
        let rows = self.ask(docker.image_history(id))?;
        let repo_digests = about.repo_digests.iter().flatten();
        let digest = repo_digests.filter_map(|name| name.split_once('@')).map(|(_, digest)| digest.to_owned()).next();
        let summaries = about.manifests.unwrap_or_default();
        let attested: Vec<String> = summaries
            .iter()
            .filter(|each| each.available)
            .filter_map(|each| each.attestation_data.as_ref().map(|data| data._for.clone()))
            .collect();
        let images = summaries.into_iter().filter(|each| each.kind == Some(ImageManifestSummaryKindEnum::IMAGE));
        let manifests = images.map(|each| EngineManifest {
            attested: attested.contains(&each.id),
            available: each.available,
            platform: each.image_data.map(|data| EnginePlatform::from(data.platform)).unwrap_or_default(),
            digest: each.id,
        });
        Ok(ImageFacts {
            engine: self.endpoint.engine,
            store,
            id: with_algorithm(id),
            digest,
            tags: about.repo_tags.unwrap_or_default(),
            platform: EnginePlatform {
                os: about.os.unwrap_or_default(),
                architecture: about.architecture.unwrap_or_default(),
                variant: about.variant.filter(|variant| !variant.is_empty()),
            },
            manifests: manifests.collect(),
            created: about.created.filter(|created| !created.is_empty()),
            size: about.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            diff_ids: about.root_fs.and_then(|fs| fs.layers).unwrap_or_default(),
            run: serde_json::to_value(about.config).unwrap_or_default(),
            history: rows
                .into_iter()
                .rev()
                .map(|row| EngineHistoryRow {
                    created: row.created,
                    created_by: row.created_by,
                    size: u64::try_from(row.size).unwrap_or_default(),
                    comment: row.comment,
                })
                .collect(),
        })
    }

    /// The folder in which it keeps everything, as it sees it.
    pub(in super::super) fn folder(&self) -> Option<String> {
        self.ask(self.docker.info()).ok()?.docker_root_dir
    }

    /// How an engine stores images that does not say so with each image.
    fn store(&self) -> Store {
        if self.endpoint.engine == Engine::Podman {
            return Store::Configs;
        }
        let status = self.ask(self.docker.info()).ok().and_then(|info| info.driver_status).unwrap_or_default();
        let snapshotter = status.iter().flatten().any(|word| word.starts_with("io.containerd.snapshotter."));
        if snapshotter { Store::Manifests } else { Store::Configs }
    }
}

/// Podman leaves out `sha256:`.
pub(super) fn with_algorithm(id: &str) -> String {
    if id.is_empty() || id.contains(':') { id.to_owned() } else { format!("sha256:{id}") }
}

/// A platform as the API takes it: JSON, in the query.
pub(super) fn query(platform: &EnginePlatform) -> String {
    let mut fields = json!({ "os": platform.os, "architecture": platform.architecture });
    if let Some(variant) = &platform.variant {
        fields["variant"] = json!(variant);
    }
    let encoded: String = fields
        .to_string()
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("platform={encoded}")
}

/// The client, with something added to the query of each request: bollard has no options for these questions.
pub(super) fn with_query(docker: &Docker, query: String) -> Docker {
    docker.clone().with_request_modifier(move |mut request| {
        let uri = request.uri().to_string();
        let sign = if uri.contains('?') { '&' } else { '?' };
        // What can't be parsed again is asked as it is; an engine's answer to that is checked as well.
        if let Ok(uri) = format!("{uri}{sign}{query}").parse() {
            *request.uri_mut() = uri;
        }
        request
    })
}
