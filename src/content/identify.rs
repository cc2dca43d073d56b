//! Identifies the contents of files that the inspection did not have to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::reader::ReadError;
use crate::bytes::{Compression, Flowing, Sniffed};
use crate::inspect::{Inspection, map_in_parallel};
use crate::layer::{ContentError, ContentId, IdentifiedBy, find_entry, identify};
use crate::source::{Opened, Target, open};
use crate::tree::EventRef;

/// Says what files contain that were not asked for while the image was read: those of plain layers on disk. What came as a stream
/// was identified in passing, so none of it is ever asked for here.
///
/// # Errors
/// When they can't be read again.
pub fn contents(
    target: &Target,
    inspection: &Inspection,
    files: &[EventRef],
    threads: usize,
) -> Result<BTreeMap<EventRef, ContentId>, ReadError> {
    let layers: BTreeSet<u16> = files.iter().map(|file| file.layer).collect();
    if layers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Opened::Members(members) = open(target, &Arc::default())? else { return Err(ReadError::Once) };
    let mut windows = BTreeMap::new();
    for layer in layers {
        let member = &inspection.image.layers[usize::from(layer)].member;
        windows.insert(layer, members.get(member)?.ok_or(ReadError::Missing(layer))?);
    }
    let identity = |file: &EventRef| {
        let event = inspection.tree.event_at(*file);
        let failed = |error| ReadError::Content { layer: file.layer, error };
        let window = windows[&file.layer].clone();
        if inspection.layers[usize::from(file.layer)].compression == Compression::None {
            return identify(&window, event.block, event.size).map_err(failed);
        }
        identify_in_blob(window, event.block).map_err(failed)
    };
    let threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    let identities = map_in_parallel(files.len(), 1, threads, &AtomicBool::new(false), |step| {
        files[step].iter().map(&identity).collect::<Result<Vec<_>, _>>()
    })?;
    let identities = identities.ok_or(ReadError::Stopped)?;
    Ok(files.iter().copied().zip(identities.into_iter().flatten()).collect())
}

fn identify_in_blob(stored: impl Read + Send, block: u32) -> Result<ContentId, ContentError> {
    let plain = Sniffed::new(stored, 6)?.plain()?;
    let mut found = find_entry(Flowing::new(BufReader::with_capacity(256 * 1024, plain)), block)?;
    found.copy_and_identify(IdentifiedBy::Blake3, &mut std::io::sink())
}
