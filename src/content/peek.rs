//! Reads the start of a file, for the viewer.

use std::sync::atomic::AtomicBool;

use super::reader::{ReadError, read_some};
use crate::inspect::Inspection;
use crate::source::Target;
use crate::tree::EventRef;

/// The start of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// They are all that there are.
    pub whole: bool,
}

/// Reads the first `limit` bytes of a file as it is in its layer, also when a later layer takes it away; a hard link stands
/// for its file. Stops as soon as that much was read, or `stop` is true.
///
/// # Errors
/// When it is not a file, or can't be read again; [`ReadError::Stopped`] when it was stopped.
pub fn peek(
    target: &Target,
    found: &Inspection,
    file: EventRef,
    limit: u64,
    stop: &AtomicBool,
) -> Result<Peeked, ReadError> {
    let file = found.tree.copy_of(file).unwrap_or(file);
    let mut bytes = Vec::new();
    read_some(target, found, file, limit, stop, &mut bytes)?;
    let whole = bytes.len() as u64 == found.tree.event_at(file).size;
    Ok(Peeked { bytes, whole })
}
