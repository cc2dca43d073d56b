//! Named pipes, where engines listen on Windows.

use std::path::Path;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::error::EngineError;
use super::export::BEGIN;

/// A client of the engine at a pipe, `//./pipe/NAME`.
#[cfg(windows)]
pub(super) fn connect_pipe(path: &str) -> Result<Docker, EngineError> {
    // Why it fails gets lost on the way through an HTTP client.
    match std::fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(EngineError::NoSocket),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(EngineError::Permission(None));
        }
        // All instances are taken at the moment; the client waits for one.
        Err(_) => {}
    }
    Ok(Docker::connect_with_named_pipe(path, BEGIN.as_secs(), API_DEFAULT_VERSION)?)
}

/// Neither kind of socket is known here.
#[cfg(not(windows))]
pub(super) fn connect_pipe(_: &str) -> Result<Docker, EngineError> {
    Err(EngineError::OtherSystem("a named pipe"))
}

/// Sockets of the file system belong to Unix.
pub(super) fn connect_socket(_: &Path) -> Result<Docker, EngineError> {
    Err(EngineError::OtherSystem("a socket of the file system"))
}

/// The same.
pub(super) fn try_socket(_: &Path) -> Result<(), EngineError> {
    Err(EngineError::OtherSystem("a socket of the file system"))
}
