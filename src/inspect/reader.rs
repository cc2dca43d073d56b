//! Reading one file again, from wherever its layer is.

use std::io::{BufReader, Read, Write};
use std::sync::Arc;

use thiserror::Error;

use super::Inspection;
use crate::bytes::{Compression, Flowing, Hopping, sniff};
use crate::layer::{ContentError, copy_content, find_entry};
use crate::source::{Member, Opened, SourceError, Target, open};
use crate::tree::EventRef;

/// What keeps a file's content from being read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The place can't be opened again.
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
    /// A pipe can't be read twice.
    #[error(
        "standard input passes only once, and the file was not kept in passing (it is reached through a link, sparse, \
         or larger than 64 MiB); save the archive to a file and name that"
    )]
    Once,
}

/// Writes the content of a regular file to `out`, reading no more of the image than it takes to get there. No copy of
/// the image is made.
///
/// # Errors
/// When it can't be read again, or `out` can't be written.
pub fn read_file(
    target: &Target,
    inspection: &Inspection,
    file: EventRef,
    out: &mut (impl Write + Send),
) -> Result<(), ReadError> {
    let layer = file.layer;
    let failed = |error: ContentError| ReadError::Content { layer, error };
    if let Some((_, bytes)) = inspection.kept.iter().find(|(kept, _)| *kept == file) {
        return out.write_all(bytes).map_err(|error| failed(error.into()));
    }
    let block = inspection.tree.event_at(file).block;
    let member = &inspection.image.layers[usize::from(layer)].member;
    let count = Arc::default();
    match open(target, &count)? {
        Opened::Members(members) => {
            let window = members.get(member)?.ok_or(ReadError::Missing(layer))?;
            if inspection.layers[usize::from(layer)].compression == Compression::None {
                let mut found = find_entry(Hopping::for_content(window), block).map_err(failed)?;
                return copy_content(&mut found, out).map_err(failed);
            }
            copy_from_blob(window, block, out).map_err(failed)
        }
        Opened::Stream(stream) if !stream.repeatable() => Err(ReadError::Once),
        Opened::Stream(stream) => std::thread::scope(|scope| {
            let mut pass = stream.pass(scope, count)?;
            while let Some(found) = pass.next_member()? {
                match found {
                    Member::File { name, content, .. } if name == *member => {
                        return copy_from_blob(content, block, out).map_err(failed);
                    }
                    // A link from this name comes before or after the member itself, so its own pass may be over.
                    Member::Link { name, target } if name == *member => {
                        return copy_linked(&stream, target, block, out, layer);
                    }
                    _ => {}
                }
            }
            Err(ReadError::Missing(layer))
        }),
    }
}

fn copy_linked(
    stream: &crate::source::Stream,
    mut member: String,
    block: u32,
    out: &mut (impl Write + Send),
    layer: u16,
) -> Result<(), ReadError> {
    for _ in 0..128 {
        let linked = std::thread::scope(|scope| -> Result<Option<String>, ReadError> {
            let mut pass = stream.pass(scope, Arc::default())?;
            while let Some(found) = pass.next_member()? {
                match found {
                    Member::File { name, content, .. } if name == member => {
                        copy_from_blob(content, block, out).map_err(|error| ReadError::Content { layer, error })?;
                        return Ok(None);
                    }
                    Member::Link { name, target } if name == member => return Ok(Some(target)),
                    _ => {}
                }
            }
            Err(ReadError::Missing(layer))
        })?;
        match linked {
            None => return Ok(()),
            Some(next) => member = next,
        }
    }
    Err(ReadError::Missing(layer))
}

fn copy_from_blob(mut stored: impl Read + Send, block: u32, out: &mut impl Write) -> Result<(), ContentError> {
    let mut head = Vec::new();
    stored.by_ref().take(6).read_to_end(&mut head)?;
    let compression = sniff(&head);
    let whole = std::io::Cursor::new(head).chain(stored);
    let plain = compression.decode(BufReader::with_capacity(256 * 1024, whole))?;
    let mut found = find_entry(Flowing::new(BufReader::with_capacity(256 * 1024, plain)), block)?;
    copy_content(&mut found, out)
}
