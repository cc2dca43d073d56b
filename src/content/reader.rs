//! Reads one file of an inspected image.

use std::io::{self, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use super::blobs::{Bytes, Next, StoredBlob, for_each_blob, inflate};
use crate::bytes::{Compression, Entry, Flowing, Hopping, Input, Stopping};
use crate::inspect::{Inspection, PieceError, Remote, read_files};
use crate::layer::{ContentError, ContentId, Found, IdentifiedBy, Sink, Toc, copy_content, find_entry, normal_path};
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
    let mut out = Head { out, left: most, more: false, wrote: false, stop };
    let done = read_whole(target, inspection, file, stop, &mut out);
    if out.more { Ok(()) } else { done }
}

/// Takes so many bytes, and fails when there are more.
struct Head<'o, W> {
    out: &'o mut W,
    left: u64,
    more: bool,
    wrote: bool,
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
        self.wrote |= took > 0;
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
    if let Some((remote, toc)) = table_of(inspection, layer) {
        return copy_listed(remote, toc, inspection, file, stop, out);
    }
    let wanted = Wanted::of(inspection, file);
    if let Some(remote) = inspection.remote.as_deref()
        && let Some(checkpoints) = remote.checkpoints(layer)
    {
        let at = u64::from(wanted.block) * crate::bytes::tar::BLOCK;
        let from = checkpoints.read_from(at, remote.fetch(layer));
        let done = from.map_err(ContentError::from).and_then(|plain| {
            let input = Flowing::new(BufReader::with_capacity(64 * 1024, Stopping::new(plain, stop)));
            copy_found(find_entry(input, 0)?, &wanted, out)
        });
        match done {
            Ok(()) => return Ok(()),
            Err(error) if stop.load(Ordering::Relaxed) || out.wrote => return Err(failed(error)),
            // A registry that gives no parts: the layer is read from its beginning.
            Err(_) => {}
        }
    }
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
                Bytes::Flow(stored) if inspection.remote.is_some() => {
                    copy_checked(stored, &wanted, stop, out).map_err(failed)?;
                }
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

/// The table of contents that a layer was read from.
pub(super) fn table_of(inspection: &Inspection, layer: u16) -> Option<(&Remote, &Toc)> {
    let remote = inspection.remote.as_deref()?;
    Some((remote, remote.table(layer)?))
}

pub(super) fn of_piece(layer: u16, error: PieceError) -> ReadError {
    match error {
        PieceError::Registry(error) => ReadError::Source(error.into()),
        PieceError::Stopped => ReadError::Stopped,
        PieceError::Content(why) => ReadError::Content { layer, error: io::Error::other(why).into() },
        PieceError::Sink(error) => ReadError::Content { layer, error: error.into() },
    }
}

/// A file of a table of contents: only its pieces are fetched, and each is checked before it is written.
fn copy_listed<W: Write>(
    remote: &Remote,
    toc: &Toc,
    inspection: &Inspection,
    file: EventRef,
    stop: &AtomicBool,
    out: &mut Head<'_, W>,
) -> Result<(), ReadError> {
    // What has no pieces is empty.
    let Some(listed) = toc.file(inspection.tree.event_at(file).block) else { return Ok(()) };
    let most = out.left;
    read_files(remote, file.layer, toc, &[listed], most, stop, &mut |_, bytes| out.write_all(bytes).map(|()| true))
        .map_err(|error| of_piece(file.layer, error))
}

/// By what a file is known again: its place, name, size and, where it is known, content have to be those that the index has.
/// The directories of its path may be others, since the entry may go through a symbolic link of its layer.
pub(super) struct Wanted {
    name: Vec<u8>,
    pub(super) block: u32,
    pub(super) size: u64,
    pub(super) content: Option<ContentId>,
    /// How `content` was computed.
    pub(super) by: IdentifiedBy,
}

impl Wanted {
    pub(super) fn of(inspection: &Inspection, file: EventRef) -> Self {
        let event = inspection.tree.event_at(file);
        Self {
            name: inspection.tree.paths.name(event.node).to_vec(),
            block: event.block,
            size: event.size,
            content: inspection.tree.content(file),
            by: inspection.identified_by(),
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
            && found
                .copy_and_identify(self.by, start)
                .is_ok_and(|content| self.content.is_none_or(|own| own == content))
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

/// Writes the content of a file of a blob that may be another one by now: as far as it can be held not before it is known to
/// be the right one.
fn copy_checked<W: Write>(
    stored: impl Read + Send,
    wanted: &Wanted,
    stop: &AtomicBool,
    out: &mut Head<'_, W>,
) -> Result<(), ContentError> {
    copy_found(find_entry(inflate(stored, stop)?, wanted.block)?, wanted, out)
}

fn copy_found<I: Input, W: Write>(
    mut found: Found<I>,
    wanted: &Wanted,
    out: &mut Head<'_, W>,
) -> Result<(), ContentError> {
    let changed = || ContentError::Changed(u64::from(wanted.block) * crate::bytes::tar::BLOCK);
    if !wanted.is(&found.entry) {
        return Err(changed());
    }
    if wanted.size > HELD {
        let mut filled = Passing(out);
        let own = found.copy_and_identify(wanted.by, &mut filled)?;
        return if wanted.content.is_none_or(|content| content == own) { Ok(()) } else { Err(changed()) };
    }
    let mut whole = Start { bytes: Vec::new(), most: wanted.size };
    let own = found.copy_and_identify(wanted.by, &mut whole)?;
    if wanted.content.is_some_and(|content| content != own) {
        return Err(changed());
    }
    Ok(out.write_all(&whole.bytes)?)
}

/// Writes holes as the zeros that they read as.
struct Passing<'o, W>(&'o mut W);

impl<W: Write> Write for Passing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Sink for Passing<'_, W> {
    fn hole(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(bytes), self.0).map(|_| ())
    }
}
