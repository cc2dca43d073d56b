//! Reads files of layers that have a table of contents: only the pieces that they are stored in, each checked.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use super::registry::Remote;
use crate::layer::{Piece, Toc, TocFile, read_piece};
use crate::source::{Digest, RegistryError};

/// Why a file of a table cannot be read.
#[derive(Debug, Error)]
pub(crate) enum PieceError {
    /// The registry does not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It is not what the table says.
    #[error("{0}")]
    Content(String),
    /// It cannot be stored.
    #[error(transparent)]
    Sink(#[from] io::Error),
    /// Nobody waits any more.
    #[error("stopped")]
    Stopped,
}

/// Bytes that are asked for at once: neighbours are fetched together.
const TOGETHER: u64 = 4 * 1024 * 1024;
/// Bytes between two pieces that are fetched and dropped, to save a request.
const GAP: u64 = 64 * 1024;
/// The largest file that is held until its digest is known to be right, where its pieces have none.
const HELD: u64 = 256 * 1024 * 1024;

/// What becomes of a file's content: true to go on.
pub(crate) type Take<'t> = dyn FnMut(usize, &[u8]) -> io::Result<bool> + 't;

/// Fetches a part of a blob.
fn fetch(remote: &Remote, layer: u16, range: (u64, u64)) -> Result<Vec<u8>, PieceError> {
    let blob = remote.blobs.get(usize::from(layer));
    let blob = blob.ok_or_else(|| PieceError::Content(format!("there is no layer {layer}")))?;
    let got = remote.repository.range(blob, range.0, range.1 - range.0, &remote.read)?;
    got.map_err(|why| PieceError::Content(format!("{why}; `--full` reads the layer whole")))
}

/// Hands out the content of each of `files`, piece by piece: the place of the file in `files`, and its next bytes. Pieces
/// that stand close to each other are fetched together. `most` is how many bytes of each are wanted.
///
/// # Errors
/// When a piece cannot be fetched, or is not what the table says.
pub(crate) fn read_files(
    remote: &Remote,
    layer: u16,
    toc: &Toc,
    files: &[&TocFile],
    most: u64,
    stop: &AtomicBool,
    take: &mut Take<'_>,
) -> Result<(), PieceError> {
    let mut wanted: Vec<(usize, &Piece)> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        if file.pieces.iter().any(|piece| piece.sha256.is_none() && !piece.zeros) {
            whole(remote, layer, toc, file, most, &mut |bytes| take(number, bytes))?;
            continue;
        }
        let mut at = 0;
        for piece in &file.pieces {
            if at < most {
                wanted.push((number, piece));
            }
            at += piece.bytes;
        }
    }
    let mut at = 0;
    let mut handed = vec![0_u64; files.len()];
    while at < wanted.len() {
        if stop.load(Ordering::Relaxed) {
            return Err(PieceError::Stopped);
        }
        let (group, range) = group(&wanted[at..]);
        let stored = if range.1 > range.0 { fetch(remote, layer, range)? } else { Vec::new() };
        for (number, piece) in &wanted[at..at + group] {
            let own = match piece.zeros {
                true => &[][..],
                false => &stored[(piece.stored.0 - range.0) as usize..(piece.stored.1 - range.0) as usize],
            };
            let bytes = read_piece(toc.kind, piece, own).map_err(PieceError::Content)?;
            let room = most.saturating_sub(handed[*number]).min(bytes.len() as u64);
            handed[*number] += bytes.len() as u64;
            if room > 0 && !take(*number, &bytes[..room as usize])? {
                return Ok(());
            }
        }
        at += group;
    }
    Ok(())
}

/// How many of the pieces are fetched together, and from where to where.
fn group(pieces: &[(usize, &Piece)]) -> (usize, (u64, u64)) {
    let mut range: Option<(u64, u64)> = None;
    let mut count = 0;
    for (_, piece) in pieces {
        if !piece.zeros {
            range = Some(match range {
                None => piece.stored,
                Some((start, end))
                    if piece.stored.0 >= end && piece.stored.0 - end <= GAP && piece.stored.1 - start <= TOGETHER =>
                {
                    (start, piece.stored.1)
                }
                // Several files may share one member of gzip.
                Some((start, end)) if piece.stored.0 >= start && piece.stored.1 <= end => (start, end),
                Some(_) => break,
            });
        }
        count += 1;
    }
    (count, range.unwrap_or((0, 0)))
}

/// A file whose pieces have no digests: it is held until its own is known to be right.
fn whole(
    remote: &Remote,
    layer: u16,
    toc: &Toc,
    file: &TocFile,
    most: u64,
    take: &mut dyn FnMut(&[u8]) -> io::Result<bool>,
) -> Result<(), PieceError> {
    let Some(sha256) = file.sha256 else { return Err(PieceError::Content("the file has no digest".to_owned())) };
    if file.size > HELD {
        return Err(PieceError::Content(
            "the file is too large to be checked; `--full` reads the layer whole".to_owned(),
        ));
    }
    let mut bytes = Vec::new();
    for piece in &file.pieces {
        let stored = if piece.zeros { Vec::new() } else { fetch(remote, layer, piece.stored)? };
        bytes.extend(read_piece(toc.kind, piece, &stored).map_err(PieceError::Content)?);
    }
    if !Digest::from_sha256(sha256).holds(&bytes) {
        return Err(PieceError::Content("the file has another digest than the table of contents says".to_owned()));
    }
    let end = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
    take(&bytes[..end])?;
    Ok(())
}
