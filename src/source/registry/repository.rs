//! One repository of a registry: its manifests, its small blobs, its tags and referrers (OCI distribution specification).

use std::sync::Arc;

use hyper::header::{CONTENT_LENGTH, HeaderMap};
use hyper::{Method, StatusCode};

use super::Documents;
use super::answer::{backoff, collect};
use super::client::{Answer, Client, Endpoint, Request};
use super::error::{RegistryError, RegistryFault};
use super::hosts::{Candidate, candidates};
use crate::source::{Digest, Reference};

/// The largest manifest that is read. Registries have to take 4 MiB.
const MAX_MANIFEST: usize = 16 * 1024 * 1024;

/// What manifests are accepted. Registries answer 404 to what is not named here.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1";

/// A repository that answers.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) client: Arc<Client>,
    pub(super) endpoint: Endpoint,
    /// As the user means it.
    pub reference: Reference,
    documents: Option<Arc<dyn Documents>>,
}

/// A manifest or index, checked against its digest.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its bytes as received.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// As the registry says; it may lie.
    pub media_type: Option<String>,
}

impl Repository {
    /// Finds where a repository is read, and reads the manifest or index that `reference` names.
    ///
    /// # Errors
    /// When no place has it, with what each one says.
    pub fn open(
        client: &Arc<Client>,
        reference: &Reference,
        documents: Option<Arc<dyn Documents>>,
    ) -> Result<(Self, Document), RegistryError> {
        let mut failures: Vec<RegistryError> = Vec::new();
        for candidate in candidates(reference)? {
            let opened = Self::at(client, reference, &candidate).and_then(|repository| {
                let repository = Self { documents: documents.clone(), ..repository };
                let document = repository.named_manifest()?;
                Ok((repository, document))
            });
            match opened {
                Ok(opened) => return Ok(opened),
                Err(error) if error.fault == RegistryFault::Stopped => return Err(error),
                Err(error) => failures.push(error),
            }
        }
        let last = failures.pop().unwrap_or_else(|| RegistryError::network("no registry is configured"));
        let before: String = failures.iter().map(|error| format!("{error}\n  ")).collect();
        Err(RegistryError { message: format!("{before}{}", last.message), ..last })
    }

    /// Another repository, by the same client and with the same cache of documents.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn of(other: &Self, reference: &Reference) -> Result<Self, RegistryError> {
        let found = Self::find(&other.client, reference)?;
        Ok(Self { documents: other.documents.clone(), ..found })
    }

    /// The repository itself, with nothing read of it.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn find(client: &Arc<Client>, reference: &Reference) -> Result<Self, RegistryError> {
        let last = candidates(reference)?.pop();
        let candidate = last.ok_or_else(|| RegistryError::network("no registry is configured"))?;
        Self::at(client, reference, &candidate)
    }

    fn at(client: &Arc<Client>, reference: &Reference, candidate: &Candidate) -> Result<Self, RegistryError> {
        let endpoint = client.wait(candidate.endpoint(client))?;
        Ok(Self { client: Arc::clone(client), endpoint, reference: reference.clone(), documents: None })
    }

    /// The client, to stop it or to see what it waits for.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The registry that is read: a mirror where one is.
    pub fn registry(&self) -> &str {
        &self.endpoint.registry
    }

    /// The repository's name there.
    pub fn name(&self) -> &str {
        &self.endpoint.repository
    }

    fn named_manifest(&self) -> Result<Document, RegistryError> {
        let tag = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => return self.manifest(&digest.clone()),
            (None, tag) => tag.unwrap_or("latest"),
        };
        let name = self.reference.with_tag(tag).to_string();
        // A tag is never cached as the truth. But to ask which digest it has is cheaper, and not counted as a pull, so that is
        // asked first where the answer may be all that is needed.
        let before = self.documents.as_ref().and_then(|documents| documents.tagged(&name));
        let known = before.and_then(|digest| self.cached(&digest));
        if let Some(known) = known {
            if self.client.settings.offline {
                return Ok(known);
            }
            return match self.digest_of(tag)? {
                Some(digest) if digest == known.digest => Ok(known),
                Some(digest) => self.remember(&name, self.manifest(&digest)?),
                None => self.remember(&name, self.fetch_manifest(tag, None)?),
            };
        }
        self.remember(&name, self.fetch_manifest(tag, None)?)
    }

    fn remember(&self, name: &str, document: Document) -> Result<Document, RegistryError> {
        if let Some(documents) = &self.documents {
            documents.tag(name, &document.digest);
        }
        Ok(document)
    }

    /// A cached document, if it is still what its digest says.
    fn cached(&self, digest: &Digest) -> Option<Document> {
        let bytes = self.documents.as_ref()?.get(digest)?;
        (digest.of_same_kind(&bytes).as_ref() == Some(digest)).then(|| Document {
            bytes,
            digest: digest.clone(),
            media_type: None,
        })
    }

    fn cache(&self, digest: &Digest, bytes: &[u8]) {
        if let Some(documents) = &self.documents {
            documents.put(digest, bytes);
        }
    }

    /// The manifest or index of that digest.
    ///
    /// # Errors
    /// When it is not there, or its bytes have another digest.
    pub fn manifest(&self, digest: &Digest) -> Result<Document, RegistryError> {
        match self.cached(digest) {
            Some(document) => Ok(document),
            None => self.fetch_manifest(digest.as_str(), Some(digest)),
        }
    }

    /// The manifest or index of that tag.
    ///
    /// # Errors
    /// When it is not there.
    pub fn tagged_manifest(&self, tag: &str) -> Result<Document, RegistryError> {
        self.fetch_manifest(tag, None)
    }

    /// The digest that a tag stands for, without its manifest; None when the registry does not say.
    ///
    /// # Errors
    /// When there is no such tag.
    pub fn digest_of(&self, tag: &str) -> Result<Option<Digest>, RegistryError> {
        let what = format!("the tag {tag}");
        let request = self.request(Method::HEAD, &format!("manifests/{tag}"), MANIFESTS, what);
        self.client.wait(async {
            let answer = self.client.send(&self.endpoint, &request).await?;
            match answer.status {
                status if status.is_success() => Ok(said_digest(&answer.headers)),
                _ => Err(self.not_found(&request.what)),
            }
        })
    }

    fn request(&self, method: Method, path: &str, accept: &'static str, what: String) -> Request {
        Request { method, url: self.endpoint.url(path), accept, range: None, with_login: true, what }
    }

    fn fetch_manifest(&self, name: &str, wanted: Option<&Digest>) -> Result<Document, RegistryError> {
        let what = if wanted.is_some() { format!("the manifest {name}") } else { format!("the tag {name}") };
        let request = self.request(Method::GET, &format!("manifests/{name}"), MANIFESTS, what);
        // Damage on the way may pass; a registry that is wrong is wrong again.
        for last in [false, true] {
            let document = self.client.wait(self.document(&request))?;
            let said = wanted.cloned().or(said_digest(&document.1));
            let (bytes, headers) = document;
            let digest = match &said {
                Some(said) => said.of_same_kind(&bytes).ok_or_else(|| {
                    RegistryError::invalid(format!("digests of the algorithm {} are not supported", said.algorithm()))
                })?,
                None => Digest::of(&bytes),
            };
            let media_type = headers.get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
            match said {
                Some(said) if said != digest && last => {
                    return Err(RegistryError::invalid(format!(
                        "{} sends {} with other bytes: they should have the digest {said} and have {digest}",
                        self.endpoint.registry, request.what
                    )));
                }
                Some(said) if said != digest => {}
                _ => {
                    self.cache(&digest, &bytes);
                    return Ok(Document { bytes, digest, media_type });
                }
            }
        }
        Err(RegistryError::stopped())
    }

    async fn document(&self, request: &Request) -> Result<(Vec<u8>, HeaderMap), RegistryError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self.client.send(&self.endpoint, request).await?;
            self.check(&answer, request)?;
            if let Some(size) = length(&answer.headers).filter(|size| *size > MAX_MANIFEST as u64) {
                return Err(RegistryError::invalid(format!(
                    "{} has {size} bytes, more than {MAX_MANIFEST}",
                    request.what
                )));
            }
            match collect(answer.body, MAX_MANIFEST, self.client.silence()).await {
                Ok(bytes) => return Ok((bytes.to_vec(), answer.headers)),
                Err(why) if tries >= 3 || why.contains("larger") => {
                    return Err(RegistryError::network(format!("{}: {} {why}", self.endpoint.registry, request.what)));
                }
                Err(_) => tokio::time::sleep(backoff(tries)).await,
            }
        }
    }

    fn check(&self, answer: &Answer, request: &Request) -> Result<(), RegistryError> {
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Err(self.not_found(&request.what)),
            status => Err(RegistryError::invalid(format!(
                "{} answers {} for {} of {}",
                self.endpoint.registry,
                status.as_u16(),
                request.what,
                self.endpoint.repository
            ))),
        }
    }

    pub(super) fn not_found(&self, what: &str) -> RegistryError {
        let Endpoint { registry, repository, .. } = &self.endpoint;
        let login = self.client.login_words(&self.endpoint);
        RegistryError::new(
            RegistryFault::NotFound,
            format!(
                "{registry} has no {} of {repository} (404), or hides it from whoever is not logged in ({login}); see \
                 whether the name is right, or `docker login {registry}`",
                what.trim_start_matches("the ")
            ),
        )
    }

    /// A small blob, whole and checked: a config.
    ///
    /// # Errors
    /// When it is not there, too large, or its bytes have another digest.
    pub fn small_blob(&self, digest: &Digest, size: Option<u64>, what: &str) -> Result<Vec<u8>, RegistryError> {
        if let Some(size) = size.filter(|size| *size > MAX_MANIFEST as u64) {
            return Err(RegistryError::invalid(format!("{what} has {size} bytes, more than {MAX_MANIFEST}")));
        }
        let has_size = |bytes: Vec<u8>| match size {
            Some(size) if size != bytes.len() as u64 => Err(RegistryError::invalid(format!(
                "{what} {digest} has {} bytes, and the manifest says {size}",
                bytes.len()
            ))),
            _ => Ok(bytes),
        };
        if let Some(document) = self.cached(digest) {
            return has_size(document.bytes);
        }
        let request = self.request(Method::GET, &format!("blobs/{digest}"), "", format!("{what} {digest}"));
        for last in [false, true] {
            let (bytes, _) = self.client.wait(self.document(&request))?;
            let own = digest.of_same_kind(&bytes);
            if own.as_ref() == Some(digest) {
                self.cache(digest, &bytes);
                return has_size(bytes);
            }
            if last {
                let own = own.map_or_else(|| "another one".to_owned(), |own| own.to_string());
                return Err(RegistryError::invalid(format!(
                    "{} sends {what} with other bytes: they should have the digest {digest} and have {own}",
                    self.endpoint.registry
                )));
            }
        }
        Err(RegistryError::stopped())
    }

    /// Asks for a part of the API as JSON, with the headers of the answer; None when there is no such thing.
    pub(super) fn json(
        &self,
        url: url::Url,
        what: &str,
    ) -> Result<Option<(serde_json::Value, HeaderMap)>, RegistryError> {
        let request = Request {
            method: Method::GET,
            url,
            accept: "application/vnd.oci.image.index.v1+json, application/json",
            range: None,
            with_login: true,
            what: what.to_owned(),
        };
        self.client.wait(async {
            let answer = self.client.send(&self.endpoint, &request).await?;
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            self.check(&answer, &request)?;
            let bytes = collect(answer.body, MAX_MANIFEST, self.client.silence()).await;
            let bytes =
                bytes.map_err(|why| RegistryError::network(format!("{}: {what} {why}", self.endpoint.registry)))?;
            let json = serde_json::from_slice(&bytes)
                .map_err(|_| RegistryError::invalid(format!("{}: {what} is not JSON", self.endpoint.registry)))?;
            Ok(Some((json, answer.headers)))
        })
    }
}

/// The digest that a registry says that it sends.
fn said_digest(headers: &HeaderMap) -> Option<Digest> {
    Digest::parse(headers.get("docker-content-digest")?.to_str().ok()?)
}

pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
