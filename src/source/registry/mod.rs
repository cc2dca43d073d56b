//! Images of registries (OCI distribution specification), without any engine.
//!
//! hyper and its runtime live here and nowhere else; what is handed out is plain values and a `Read`.

mod answer;
mod auth;
mod blob;
mod client;
mod credentials;
mod describe;
mod error;
mod hosts;
mod limit;
mod lists;
mod login;
mod proxy;
mod repository;
mod session;
mod tls;
mod transport;

use std::sync::Arc;

pub use blob::{BlobReader, BlobRef};
pub use client::{Client, RegistrySettings};
pub use credentials::Secret;
pub use describe::TagFacts;
pub use error::{RegistryError, RegistryFault};
pub use hosts::short_name;
pub use limit::RateLimit;
pub use lists::{Referrer, Tags};
pub use repository::{Document, Repository};
pub use session::Session;

use super::{Access, Digest, Reference};

/// Documents that are cached by their digest, and the digests that tags had.
pub trait Documents: Send + Sync + std::fmt::Debug {
    /// The document of a digest, not checked.
    fn get(&self, digest: &Digest) -> Option<Vec<u8>>;
    /// Stores a document that was checked.
    fn put(&self, digest: &Digest, bytes: &[u8]);
    /// The digest that a tag had when it was last read.
    fn tagged(&self, name: &str) -> Option<Digest>;
    /// Stores it.
    fn tag(&self, name: &str, digest: &Digest);
}

/// An image of a registry: its manifest or index was read, nothing else.
#[derive(Debug, Clone)]
pub struct RegistryImage {
    /// Where the rest of it is.
    pub repository: Repository,
    /// What the reference names: a manifest, or an index of them.
    pub top: Document,
    /// What was tried before, and which meaning of the name was taken; for people.
    pub notes: Vec<String>,
}

/// Opens the image that a name stands for in its registry.
///
/// # Errors
/// When it is not a name, or the registry does not give it.
pub(super) fn open(name: &str, access: &Access) -> Result<RegistryImage, RegistryError> {
    let mut notes = Vec::new();
    let mut whole = name.to_owned();
    if let Some(alias) = short_name(name)? {
        notes.push(format!("{name} is an alias of {alias} in registries.conf"));
        whole = alias;
    }
    let reference = Reference::parse(&whole)
        .map_err(|error| RegistryError::invalid(format!("`{name}` is not the name of an image: {error}")))?;
    let client = Client::new(access.registry.clone(), hosts::certs_d())?;
    let (repository, top) = Repository::open(&client, &reference, access.documents.clone())?;
    if repository.registry() != reference.registry() {
        notes.push(format!("{reference} was read from its mirror {}", repository.registry()));
    }
    if let (Some(tag), Some(_)) = (reference.tag(), reference.digest()) {
        notes.push(format!("the digest decides; whether the tag {tag} still has it was not asked"));
    }
    Ok(RegistryImage { repository, top, notes })
}

/// A client with these settings, for lists of tags.
///
/// # Errors
/// When no thread can be started for it.
pub fn client(settings: &RegistrySettings) -> Result<Arc<Client>, RegistryError> {
    Client::new(settings.clone(), hosts::certs_d())
}
