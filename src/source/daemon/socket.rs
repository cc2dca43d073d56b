//! Sockets of the file system, where most engines listen.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::error::EngineError;
use super::export::BEGIN;

/// A client of the engine at a socket.
pub(super) fn connect_socket(path: &Path) -> Result<Docker, EngineError> {
    Ok(Docker::connect_with_unix(&path.to_string_lossy(), BEGIN.as_secs(), API_DEFAULT_VERSION)?)
}

/// Named pipes are how engines listen on Windows.
pub(super) fn connect_pipe(_: &str) -> Result<Docker, EngineError> {
    Err(EngineError::OtherSystem("a named pipe"))
}

/// Tries a socket by hand: why it fails gets lost on the way through an HTTP client.
pub(super) fn try_socket(path: &Path) -> Result<(), EngineError> {
    let Err(error) = UnixStream::connect(path) else { return Ok(()) };
    Err(match error.kind() {
        io::ErrorKind::NotFound => EngineError::NoSocket,
        io::ErrorKind::ConnectionRefused => EngineError::NotListening,
        io::ErrorKind::PermissionDenied => {
            let group = std::fs::metadata(path).ok().and_then(|about| group_name(about.gid()));
            EngineError::Permission(group)
        }
        _ => EngineError::Socket(error),
    })
}

fn group_name(gid: u32) -> Option<String> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == gid.to_string()).then(|| name.to_owned())
    })
}
