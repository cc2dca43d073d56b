//! Reading one file again, from wherever its layer is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thiserror::Error;

use super::Inspection;
use super::stream::may_be_layer;
use crate::bytes::{Compression, Flowing, Hopping, sniff};
use crate::layer::{ContentError, ContentId, copy_content, find_entry, identify, normal_path};
use crate::source::{EngineImage, Member, Opened, Pass, SourceError, Stop, Target, open};
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
        Opened::Engine(engine) => from_engine(&engine, inspection, file, out),
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
            all.extend(worker.join().map_err(|_| ReadError::Once)??);
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

/// The largest file whose bytes are held until they are known to be the right ones.
const HELD: u64 = 64 * 1024 * 1024;

/// Takes one export, which ends as soon as the file has been read. Which member of it is the layer shows by the file: its
/// place, path, size and content have to be those that the index has.
fn from_engine(
    engine: &EngineImage,
    inspection: &Inspection,
    file: EventRef,
    out: &mut (impl Write + Send),
) -> Result<(), ReadError> {
    if engine.facts.id != inspection.image.id.as_str() {
        return Err(ReadError::Retagged {
            name: inspection.reference.clone(),
            was: inspection.image.id.to_string(),
            now: engine.facts.id.clone(),
        });
    }
    let event = inspection.tree.event_at(file);
    let wanted = Wanted {
        path: inspection.tree.paths.path(event.node),
        block: event.block,
        size: event.size,
        content: inspection.tree.content(file),
    };
    let failed = |error: ContentError| ReadError::Content { layer: file.layer, error };
    // A large file is found first and written then.
    let mut known: Option<String> = None;
    for _ in 0..2 {
        let stop = Arc::new(Stop::default());
        let done = std::thread::scope(|scope| -> Result<bool, ReadError> {
            let stream = engine.daemon.export(&engine.facts.id, Arc::default(), &stop);
            let mut pass =
                Pass::over(format!("{} at {}", engine.facts.engine, engine.daemon.endpoint), Box::new(stream), scope)?;
            let found = loop {
                let Some(member) = pass.next_member()? else { break Err(ReadError::Missing(file.layer)) };
                let Member::File { name, mut content, .. } = member else { continue };
                if known.as_ref() == Some(&name) {
                    break copy_from_blob(content, wanted.block, out).map(|()| true).map_err(failed);
                }
                let mut head = Vec::new();
                if known.is_some() || content.by_ref().take(512).read_to_end(&mut head).is_err() || !may_be_layer(&head)
                {
                    continue;
                }
                let mut bytes = Vec::new();
                let large = wanted.size > HELD;
                if !wanted.is_in(std::io::Cursor::new(head).chain(content), (!large).then_some(&mut bytes)) {
                    continue;
                }
                if large {
                    known = Some(name);
                    break Ok(false);
                }
                break out.write_all(&bytes).map(|()| true).map_err(|error| failed(error.into()));
            };
            stop.ring();
            found
        })?;
        if done {
            return Ok(());
        }
    }
    Err(ReadError::Missing(file.layer))
}

struct Wanted {
    path: Vec<u8>,
    block: u32,
    size: u64,
    content: Option<ContentId>,
}

impl Wanted {
    /// Whether a layer has the file; its bytes go to `held`.
    fn is_in(&self, mut stored: impl Read + Send, mut held: Option<&mut Vec<u8>>) -> bool {
        let mut first = Vec::new();
        if stored.by_ref().take(6).read_to_end(&mut first).is_err() {
            return false;
        }
        let compression = sniff(&first);
        let whole = std::io::Cursor::new(first).chain(stored);
        let Ok(plain) = compression.decode(BufReader::with_capacity(256 * 1024, whole)) else { return false };
        let input = Flowing::new(BufReader::with_capacity(256 * 1024, plain));
        let Ok(mut found) = find_entry(input, self.block) else { return false };
        let mut path = Vec::new();
        if found.entry.size != self.size || !normal_path(&found.entry.path, &mut path) || path != self.path {
            return false;
        }
        let mut sink = Sink { held: held.take() };
        found.copy_and_identify(&mut sink).is_ok_and(|content| self.content.is_none_or(|own| own == content))
    }
}

struct Sink<'s> {
    held: Option<&'s mut Vec<u8>>,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(held) = &mut self.held {
            held.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
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
