//! Reads one file of an inspected image.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use super::blobs::{Bytes, Next, StoredBlob, for_each_blob, inflate};
use crate::bytes::{Compression, Entry, Hopping};
use crate::inspect::Inspection;
use crate::layer::{ContentError, ContentId, Sink, copy_content, find_entry, normal_path};
use crate::source::{SourceError, Target};
use crate::tree::{EventKind, EventRef};

/// What keeps a file's content from being read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The source cannot be opened a second time.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The layer broke off.
    #[error("layer {layer}: {error}")]
    Content {
        /// The layer.
        layer: u16,
        /// Why.
        error: ContentError,
    },
    /// The layer is gone, or never was there.
    #[error("layer {0} is not in the archive")]
    Missing(u16),
    /// The name was given to another image meanwhile.
    #[error("{name} is another image now ({now}); it was {was}")]
    Retagged {
        /// As typed.
        name: String,
        /// The id that it had.
        was: String,
        /// The id that it has.
        now: String,
    },
    /// A pipe can't be read twice.
    #[error(
        "standard input passes only once, and the file was not kept in passing (it is reached through a link, sparse, \
         or larger than 64 MiB); save the archive to a file and name that"
    )]
    Once,
    /// Only files have content.
    #[error("{path} is a {kind}, which has no content", kind = .kind.name())]
    NoFile {
        /// The path, made harmless.
        path: String,
        /// What it is.
        kind: EventKind,
    },
    /// Nobody waits for it any more.
    #[error("stopped")]
    Stopped,
}

/// Writes the content of a regular file to `out`, reading no more of the image than it takes to get there. No copy of
/// the image is made.
///
/// # Errors
/// If the layer cannot be read a second time, or `out` cannot be written.
pub fn read_file(
    target: &Target,
    inspection: &Inspection,
    file: EventRef,
    out: &mut impl Write,
) -> Result<(), ReadError> {
    read_some(target, inspection, file, u64::MAX, &AtomicBool::new(false), out)
}

/// Writes the first `most` bytes of a regular file to `out`, until `stop` is true.
pub(super) fn read_some(
    target: &Target,
    inspection: &Inspection,
    file: EventRef,
    most: u64,
    stop: &AtomicBool,
    out: &mut impl Write,
) -> Result<(), ReadError> {
    let event = inspection.tree.event_at(file);
    if event.kind() != EventKind::File {
        let path = crate::bytes::shown(&inspection.tree.paths.path(event.node));
        return Err(ReadError::NoFile { path, kind: event.kind() });
    }
    let mut out = Head { out, left: most, more: false, stop };
    let done = read_whole(target, inspection, file, stop, &mut out);
    if out.more { Ok(()) } else { done }
}

/// Takes so many bytes, and fails when there are more.
struct Head<'o, W> {
    out: &'o mut W,
    left: u64,
    more: bool,
    stop: &'o AtomicBool,
}

impl<W: Write> Write for Head<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 && !bytes.is_empty() {
            self.more = true;
            return Err(io::Error::new(io::ErrorKind::WriteZero, "enough was read"));
        }
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "stopped"));
        }
        let wanted = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let took = self.out.write(&bytes[..wanted])?;
        self.left -= took as u64;
        Ok(took)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The largest part of a file that is held until it is known to be the right one.
const HELD: u64 = 64 * 1024 * 1024;

fn read_whole<W: Write>(
    target: &Target,
    inspection: &Inspection,
    file: EventRef,
    stop: &AtomicBool,
    out: &mut Head<'_, W>,
) -> Result<(), ReadError> {
    let layer = file.layer;
    let failed = |error: ContentError| ReadError::Content { layer, error };
    if let Some((_, bytes)) = inspection.kept.iter().find(|(kept, _)| *kept == file) {
        return out.write_all(bytes).map_err(|error| failed(error.into()));
    }
    let wanted = Wanted::of(inspection, file);
    let plain = inspection.layers[usize::from(layer)].compression == Compression::None;
    let held = wanted.size.min(out.left);
    // Of a daemon's export. A large file is found first and written then.
    let mut known: Option<String> = None;
    let mut done = false;
    for _ in 0..2 {
        for_each_blob(target, inspection, &[layer], stop, &mut |blob| {
            let StoredBlob { name, sure, bytes, .. } = blob;
            let is_it = known.as_ref().map(|known| known == name);
            match bytes {
                Bytes::At(window) if plain => {
                    let mut found = find_entry(Hopping::for_content(window), wanted.block).map_err(failed)?;
                    copy_content(&mut found, out).map_err(failed)?;
                }
                Bytes::At(window) => copy_from_blob(window, wanted.block, stop, out).map_err(failed)?,
                Bytes::Flow(stored) if sure || is_it == Some(true) => {
                    copy_from_blob(stored, wanted.block, stop, out).map_err(failed)?;
                }
                Bytes::Flow(_) if is_it == Some(false) => return Ok(Next::More),
                Bytes::Flow(stored) => {
                    let mut start = Start { bytes: Vec::new(), most: if held > HELD { 0 } else { held } };
                    if !wanted.is_in(stored, stop, &mut start) {
                        return Ok(Next::More);
                    }
                    if held > HELD {
                        known = Some(name.to_owned());
                        return Ok(Next::Enough);
                    }
                    out.write_all(&start.bytes).map_err(|error| failed(error.into()))?;
                }
            }
            done = true;
            Ok(Next::Enough)
        })?;
        if done {
            return Ok(());
        }
    }
    Err(ReadError::Missing(layer))
}

/// By what a file is known again: its place, name, size and, where it is known, content have to be those that the index has.
/// The directories of its path may be others, since the entry may go through a symbolic link of its layer.
pub(super) struct Wanted {
    name: Vec<u8>,
    pub(super) block: u32,
    pub(super) size: u64,
    pub(super) content: Option<ContentId>,
}

impl Wanted {
    pub(super) fn of(inspection: &Inspection, file: EventRef) -> Self {
        let event = inspection.tree.event_at(file);
        Self {
            name: inspection.tree.paths.name(event.node).to_vec(),
            block: event.block,
            size: event.size,
            content: inspection.tree.content(file),
        }
    }

    /// Whether an entry that begins at the block is the one that the index has, by its headers.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        let mut path = Vec::new();
        let is_path = normal_path(&entry.path, &mut path);
        entry.size == self.size && is_path && path.rsplit(|byte| *byte == b'/').next() == Some(&self.name)
    }

    /// Whether a blob has the file; its start is left in `start`.
    fn is_in(&self, stored: impl Read + Send, stop: &AtomicBool, start: &mut Start) -> bool {
        let Ok(input) = inflate(stored, stop) else { return false };
        let Ok(mut found) = find_entry(input, self.block) else { return false };
        self.is(&found.entry)
            && found.copy_and_identify(start).is_ok_and(|content| self.content.is_none_or(|own| own == content))
    }
}

/// Keeps the first bytes, and lets the others pass.
struct Start {
    bytes: Vec<u8>,
    most: u64,
}

impl Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.most).unwrap_or(usize::MAX).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Start {
    fn hole(&mut self, bytes: u64) -> io::Result<()> {
        let room = self.most.saturating_sub(self.bytes.len() as u64).min(bytes);
        self.bytes.resize(self.bytes.len() + room as usize, 0);
        Ok(())
    }
}

fn copy_from_blob(
    stored: impl Read + Send,
    block: u32,
    stop: &AtomicBool,
    out: &mut impl Write,
) -> Result<(), ContentError> {
    copy_content(&mut find_entry(inflate(stored, stop)?, block)?, out)
}
