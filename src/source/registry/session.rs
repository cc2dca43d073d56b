//! What is known of registries after the first requests to them. The clients of one run share it, so that the second image of
//! a comparison asks for no second token.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::credentials::Found;
use super::login::Authorization;

/// A handle: clones share what is known.
#[derive(Clone, Default)]
pub struct Session(Arc<Known>);

#[derive(Default)]
pub(super) struct Known {
    /// What requests carry, by host and scope.
    pub(super) authorizations: tokio::sync::Mutex<HashMap<String, Authorization>>,
    /// Credentials, by host and repository.
    pub(super) logins: Mutex<HashMap<String, Arc<Found>>>,
    /// Places among the requests of a host.
    pub(super) hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Whether a host speaks TLS.
    pub(super) schemes: Mutex<HashMap<String, bool>>,
    /// What no message may repeat.
    pub(super) secrets: Mutex<Vec<String>>,
}

impl Session {
    pub(super) fn known(&self) -> &Known {
        &self.0
    }
}

/// Without what it knows: that is secret.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}
