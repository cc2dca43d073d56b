//! Estimates the bytes to pull of layers that are stored uncompressed, from samples that are compressed as a registry would
//! store them. For compressed layers the exact numbers come from reading them.

use std::io::{self, Read as _, Write};

use flate2::Compression as Level;
use flate2::write::DeflateEncoder;

use super::loaded::{Loaded, side_by_side};
use super::{InspectError, Options, Shared};
use crate::bytes::Window;
use crate::tree::EventRef;
use crate::waste::Finding;

/// Bytes that are compressed together at a place.
const PIECE: u64 = 32 * 1024;
/// Bytes that are compressed in all, once for the findings and once for the layers: some 40 ms of one core each.
const BUDGET: u64 = 2 * 1024 * 1024;

/// Bytes to pull of findings whose layers are not compressed, by the finding's place in the list.
pub(super) fn of_findings(
    loaded: &Loaded,
    findings: &[Finding],
    options: &Options,
    shared: &Shared,
) -> Result<Vec<(usize, u64)>, InspectError> {
    let unknown: Vec<usize> =
        (0..findings.len()).filter(|at| findings[*at].pull_bytes.is_none() && findings[*at].tar_bytes > 0).collect();
    let share = (BUDGET / PIECE / unknown.len().max(1) as u64).max(2) as usize;
    side_by_side(&unknown, options, shared, |at| {
        let finding = &findings[*at];
        let step = finding.sample.len().div_ceil(share).max(1);
        let places = finding.sample.iter().step_by(step);
        let pieces = places.filter_map(|(file, offset)| piece_of(loaded, *file, *offset));
        Ok(ratio(pieces).map(|ratio| (*at, (finding.tar_bytes as f64 * ratio) as u64)))
    })
}

/// Bytes to pull of layers that are not compressed, by layer.
pub(super) fn of_layers(
    loaded: &Loaded,
    options: &Options,
    shared: &Shared,
) -> Result<Vec<(usize, u64)>, InspectError> {
    let plain: Vec<usize> = (0..loaded.windows().len()).filter(|layer| loaded.windows()[*layer].is_some()).collect();
    let all: u64 = plain.iter().filter_map(|layer| loaded.windows()[*layer].as_ref()).map(Window::len).sum();
    side_by_side(&plain, options, shared, |layer| {
        let Some(window) = &loaded.windows()[*layer] else { return Ok(None) };
        // Each as much of the budget as it is of the image; a small layer whole.
        let part = (u128::from(BUDGET) * u128::from(window.len()) / u128::from(all.max(1))) as u64;
        let pieces = window.len().div_ceil(PIECE).min((part / PIECE).max(2));
        let stride = window.len() / pieces.max(1);
        let pieces = (0..pieces).map(|piece| window.part(piece * stride, PIECE));
        Ok(ratio(pieces).map(|ratio| (*layer, (window.len() as f64 * ratio) as u64)))
    })
}

/// The bytes of a layer from a place in a file on, within the file.
fn piece_of(loaded: &Loaded, file: EventRef, offset: u64) -> Option<Window> {
    let (window, event) = loaded.place(file)?;
    let start = u64::from(event.block) * 512;
    Some(window.part(start + offset, PIECE.min(event.tar_bytes().saturating_sub(offset))))
}

/// Compressed size of some bytes by their size; None when there are none to read.
fn ratio(pieces: impl Iterator<Item = Window>) -> Option<f64> {
    // The level of gzip that registries' clients mostly use.
    let mut encoder = DeflateEncoder::new(Sink(0), Level::new(6));
    let mut read = 0;
    for mut piece in pieces {
        let mut bytes = Vec::with_capacity(PIECE as usize);
        // What breaks off is told elsewhere.
        if piece.by_ref().take(PIECE).read_to_end(&mut bytes).is_err() || encoder.write_all(&bytes).is_err() {
            return None;
        }
        read += bytes.len();
    }
    let size = encoder.finish().ok()?.0;
    (read > 0).then(|| (size as f64 / read as f64).min(1.0))
}

struct Sink(u64);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
