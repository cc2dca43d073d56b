//! Identifies the contents of files that the inspection did not have to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::reader::ReadError;
use crate::bytes::{Compression, Flowing, sniff};
use crate::inspect::Inspection;
use crate::layer::{ContentError, ContentId, find_entry, identify};
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
    let next = AtomicUsize::new(0);
    let share = || -> Result<Vec<(EventRef, ContentId)>, ReadError> {
        let mut some = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            some.push((*file, identity(file)?));
        }
        Ok(some)
    };
    let threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(files.len())).map(|_| scope.spawn(share)).collect();
        let mut all = BTreeMap::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| ReadError::Stopped)??);
        }
        Ok(all)
    })
}

fn identify_in_blob(mut stored: impl Read + Send, block: u32) -> Result<ContentId, ContentError> {
    let mut head = Vec::new();
    stored.by_ref().take(6).read_to_end(&mut head)?;
    let whole = std::io::Cursor::new(head.clone()).chain(stored);
    let plain = sniff(&head).decode(BufReader::with_capacity(256 * 1024, whole))?;
    let mut found = find_entry(Flowing::new(BufReader::with_capacity(256 * 1024, plain)), block)?;
    found.copy_and_identify(&mut std::io::sink())
}
