//! Podman's service runs in a virtual machine here, which `podman machine start` starts.

use std::path::PathBuf;

use super::error::EngineError;

/// Never started.
#[derive(Debug)]
pub(super) enum Service {}

impl Service {
    pub(super) fn start() -> Result<Self, EngineError> {
        Err(EngineError::Podman(
            "podman is not reached on this system without its machine: run `podman machine start`".to_owned(),
        ))
    }

    pub(super) fn socket(&self) -> PathBuf {
        match *self {}
    }
}
