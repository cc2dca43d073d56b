use thiserror::Error;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryFault {
    /// There is no such image, or the registry hides it.
    NotFound,
    /// Credentials are missing, wrong, or not enough.
    Denied,
    /// Too many requests.
    RateLimited,
    /// It cannot be reached, or breaks off.
    Network,
    /// What it sends is wrong: other bytes than the digest names, or not what the specification says.
    Invalid,
    /// Nobody waits any more.
    Stopped,
}

/// Why something cannot be read from a registry. The message has no secrets.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct RegistryError {
    /// What kind of failure.
    pub fault: RegistryFault,
    /// In words, with what to do.
    pub message: String,
}

impl RegistryError {
    pub(super) fn new(fault: RegistryFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into() }
    }

    pub(super) fn network(message: impl Into<String>) -> Self {
        Self::new(RegistryFault::Network, message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(RegistryFault::Invalid, message)
    }

    pub(super) fn stopped() -> Self {
        Self::new(RegistryFault::Stopped, "stopped")
    }
}
