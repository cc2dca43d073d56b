//! Reads the contents of many files, each blob once.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use super::blobs::{Bytes, Next, StoredBlob, for_each_blob, inflate};
use super::reader::{ReadError, Wanted, of_piece, table_of};
use crate::bytes::tar::BLOCK;
use crate::bytes::{Compression, Hopping, Input, Window};
use crate::inspect::{Inspection, PieceError, Remote, read_files};
use crate::layer::{ContentError, Found, Sink, Toc, TocFile, find_entry};
use crate::source::Target;
use crate::tree::EventRef;

/// What a [`Receiver`] did with the content of one file.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was stored.
    Stored,
    /// It is the content of another file, so it was dropped.
    WrongFile,
    /// It could not be read to its end, so it was dropped.
    Damaged(ContentError),
    /// It could not be stored, or no more is wanted: reading stops.
    Stop,
}

/// Writes the content of a file to a sink; returns true if it is the content that was asked for.
pub(super) type Copy<'c> = dyn FnMut(&mut dyn Sink) -> Result<bool, ContentError> + 'c;

/// Receives the contents of files.
pub(super) trait Receiver {
    /// Called with the content of `file`.
    fn take(&mut self, file: EventRef, copy: &mut Copy<'_>) -> Outcome;

    /// Called when the content of `file` cannot be read.
    fn lacks(&mut self, file: EventRef, why: String);
}

/// Passes the content of each of `files` to `receiver`, or the reason why it cannot be read, in the order of the blobs.
///
/// # Errors
/// If no content can be read, or `stop` was set.
pub(super) fn gather(
    target: &Target,
    inspection: &Inspection,
    files: BTreeSet<EventRef>,
    stop: &AtomicBool,
    take: &mut dyn Receiver,
) -> Result<(), ReadError> {
    let mut round = Round { inspection, left: files, stop, take };
    round.kept()?;
    round.listed()?;
    loop {
        let before = round.left.len();
        let mut layers: Vec<u16> = round.left.iter().map(|file| file.layer).collect();
        layers.dedup();
        if layers.is_empty() {
            return Ok(());
        }
        let done = for_each_blob(target, inspection, &layers, stop, &mut |blob| round.blob(blob));
        match done {
            Ok(()) if round.left.len() < before => {}
            Ok(()) => {
                round.lack_all("its layer is not there any more");
                return Ok(());
            }
            // What passed before that was handed over; what can't pass more than once was never there.
            Err(ReadError::Missing(layer)) => round.lack(&[layer], &ReadError::Missing(layer).to_string()),
            Err(error @ (ReadError::Source(_) | ReadError::Content { .. })) if round.left.len() < before => {
                round.lack_all(&error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Files that are fetched together, and their bytes at most.
const FETCHED: usize = 512;
const FETCHED_BYTES: u64 = 32 * 1024 * 1024;

struct Round<'r> {
    inspection: &'r Inspection,
    /// Files whose content was not handed over yet, by layer and place.
    left: BTreeSet<EventRef>,
    stop: &'r AtomicBool,
    take: &'r mut dyn Receiver,
}

impl Round<'_> {
    /// What was kept in passing needs no second look.
    fn kept(&mut self) -> Result<(), ReadError> {
        for (file, bytes) in &self.inspection.kept {
            if self.left.remove(file) {
                let took = self.take.take(*file, &mut |out| {
                    out.write_all(bytes)?;
                    Ok(true)
                });
                if matches!(took, Outcome::Stop) {
                    return Err(ReadError::Stopped);
                }
            }
        }
        Ok(())
    }

    /// Files of layers that have a table of contents are fetched alone, those that stand close to each other together.
    fn listed(&mut self) -> Result<(), ReadError> {
        let layers: BTreeSet<u16> = self.left.iter().map(|file| file.layer).collect();
        for layer in layers {
            let Some((remote, toc)) = table_of(self.inspection, layer) else { continue };
            let block = |file: &EventRef| self.inspection.tree.event_at(*file).block;
            let mut files = self.of_layer(layer);
            files.sort_by_key(|file| toc.file(block(file)).and_then(|listed| Some(listed.pieces.first()?.stored.0)));
            for some in files.chunks(FETCHED) {
                let (mut fit, mut bytes) = (0, 0);
                let mut from = 0;
                for file in some {
                    let size = self.inspection.tree.event_at(*file).size;
                    if fit > 0 && bytes + size > FETCHED_BYTES {
                        self.fetch(remote, toc, &some[from..from + fit])?;
                        (from, fit, bytes) = (from + fit, 0, 0);
                    }
                    (fit, bytes) = (fit + 1, bytes + size);
                }
                self.fetch(remote, toc, &some[from..from + fit])?;
            }
        }
        Ok(())
    }

    /// Fetches some files together, and hands them out one by one.
    fn fetch(&mut self, remote: &Remote, toc: &Toc, files: &[EventRef]) -> Result<(), ReadError> {
        let Some(layer) = files.first().map(|file| file.layer) else { return Ok(()) };
        let block = |file: &EventRef| self.inspection.tree.event_at(*file).block;
        if let [file] = files {
            // It may be larger than what is held.
            let Some(listed) = toc.file(block(file)) else { return self.hand_out(*file, Vec::new()) };
            let stop = self.stop;
            let took = self.take.take(*file, &mut |out| {
                let done = read_files(remote, layer, toc, &[listed], u64::MAX, stop, &mut |_, bytes| {
                    out.write_all(bytes).map(|()| true)
                });
                done.map(|()| true).map_err(|error| ContentError::Io(std::io::Error::other(error.to_string())))
            });
            return self.settle(*file, took, true).map(|_| ());
        }
        let listed: Vec<(usize, &TocFile)> =
            files.iter().enumerate().filter_map(|(at, file)| Some((at, toc.file(block(file))?))).collect();
        let only: Vec<&TocFile> = listed.iter().map(|(_, file)| *file).collect();
        let mut contents: Vec<Vec<u8>> = files.iter().map(|_| Vec::new()).collect();
        let done = read_files(remote, layer, toc, &only, u64::MAX, self.stop, &mut |number, bytes| {
            contents[listed[number].0].extend_from_slice(bytes);
            Ok(true)
        });
        let broke = match done {
            Ok(()) => None,
            Err(PieceError::Stopped) => return Err(ReadError::Stopped),
            Err(error) => Some(of_piece(layer, error).to_string()),
        };
        for (file, bytes) in files.iter().zip(contents) {
            let whole = bytes.len() as u64 == self.inspection.tree.event_at(*file).size;
            match &broke {
                Some(why) if !whole => {
                    self.left.remove(file);
                    self.take.lacks(*file, why.clone());
                }
                _ => self.hand_out(*file, bytes)?,
            }
        }
        Ok(())
    }

    fn hand_out(&mut self, file: EventRef, bytes: Vec<u8>) -> Result<(), ReadError> {
        let took = self.take.take(file, &mut |out| {
            out.write_all(&bytes)?;
            Ok(true)
        });
        self.settle(file, took, true).map(|_| ())
    }

    fn lack(&mut self, layers: &[u16], why: &str) {
        for layer in layers {
            for file in self.of_layer(*layer) {
                self.left.remove(&file);
                self.take.lacks(file, why.to_owned());
            }
        }
    }

    fn lack_all(&mut self, why: &str) {
        for file in std::mem::take(&mut self.left) {
            self.take.lacks(file, why.to_owned());
        }
    }

    fn of_layer(&self, layer: u16) -> Vec<EventRef> {
        let all = EventRef { layer, index: 0 }..=EventRef { layer, index: u32::MAX };
        self.left.range(all).copied().collect()
    }

    fn blob(&mut self, blob: StoredBlob<'_>) -> Result<Next, ReadError> {
        let StoredBlob { layers, sure, bytes, .. } = blob;
        match bytes {
            Bytes::At(window) if self.is_plain(layers) => self.read_window(&window, layers)?,
            Bytes::At(window) => self.read_blob(window, layers, true)?,
            Bytes::Flow(stored) => self.read_blob(stored, layers, sure)?,
        }
        Ok(if self.left.is_empty() { Next::Enough } else { Next::More })
    }

    fn is_plain(&self, layers: &[u16]) -> bool {
        layers.iter().all(|layer| self.inspection.layers[usize::from(*layer)].compression == Compression::None)
    }

    /// Files of a plain layer can be had one by one.
    fn read_window(&mut self, window: &Window, layers: &[u16]) -> Result<(), ReadError> {
        let files: Vec<EventRef> = layers.iter().flat_map(|layer| self.of_layer(*layer)).collect();
        for file in files {
            let wanted = Wanted::of(self.inspection, file);
            let from = window.part(u64::from(wanted.block) * BLOCK, u64::MAX);
            let found = find_entry(Hopping::for_file(from, wanted.size), 0);
            let took = match found {
                Ok(mut found) => self.hand_over(file, &wanted, &mut found),
                Err(error) => Outcome::Damaged(error),
            };
            self.settle(file, took, true)?;
        }
        Ok(())
    }

    /// Files of a blob that passes, in the order that they stand in it. When it is not known to be one of the layers, a
    /// layer is ruled out as soon as one of its files is not where it should be.
    fn read_blob(&mut self, stored: impl Read + Send, layers: &[u16], sure: bool) -> Result<(), ReadError> {
        let mut files: Vec<(Wanted, EventRef)> = layers
            .iter()
            .flat_map(|layer| self.of_layer(*layer))
            .map(|file| (Wanted::of(self.inspection, file), file))
            .collect();
        files.sort_by_key(|(wanted, file)| (wanted.block, *file));
        let mut candidates: BTreeSet<u16> = files.iter().map(|(_, file)| file.layer).collect();
        let mut found = match inflate(stored, self.stop) {
            Ok(input) => Found::begin(input),
            Err(error) if sure => {
                let error = error.to_string();
                self.lack(layers, &error);
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        // The block that was reached, and whether the content there can still be had.
        let mut at = None;
        for (wanted, file) in &files {
            if !candidates.contains(&file.layer) {
                continue;
            }
            let there = match at {
                Some((block, true)) if block == wanted.block => Ok(()),
                // A content passes once. Who wants it a second time, since two layers are one blob, gets it in the next
                // round.
                Some((block, false)) if block == wanted.block => continue,
                _ => found.onward(wanted.block),
            };
            at = Some((wanted.block, there.is_ok() && !wanted.is(&found.entry)));
            let took = match there {
                Ok(()) => self.hand_over(*file, wanted, &mut found),
                Err(error) => Outcome::Damaged(error),
            };
            let over = match &took {
                Outcome::Damaged(ContentError::Tar(_) | ContentError::Io(_)) => true,
                Outcome::Stored | Outcome::Stop => false,
                Outcome::WrongFile | Outcome::Damaged(ContentError::Changed(_)) => !sure,
            };
            let why = self.settle(*file, took, sure)?;
            if over {
                // Nothing more of the layer can be had of this pass.
                candidates.remove(&file.layer);
            }
            if let (true, true, Some(why)) = (over, sure, why) {
                self.lack(layers, &why);
                return Ok(());
            }
            if candidates.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn hand_over<I: Input>(&mut self, file: EventRef, wanted: &Wanted, found: &mut Found<I>) -> Outcome {
        if !wanted.is(&found.entry) {
            return Outcome::WrongFile;
        }
        self.take.take(file, &mut |out| match wanted.content {
            None => found.copy(out).map(|()| true),
            Some(content) => found.copy_and_identify(wanted.by, out).map(|own| own == content),
        })
    }

    /// Notes what became of a content. Returns why it can't be had at all.
    fn settle(&mut self, file: EventRef, took: Outcome, sure: bool) -> Result<Option<String>, ReadError> {
        let why = match took {
            Outcome::Stored => None,
            Outcome::Stop => return Err(ReadError::Stopped),
            _ if self.stop.load(Ordering::Relaxed) => return Err(ReadError::Stopped),
            Outcome::WrongFile | Outcome::Damaged(_) if !sure => return Ok(None),
            Outcome::WrongFile => Some(format!("layer {} has changed since it was indexed", file.layer)),
            Outcome::Damaged(error) => Some(ReadError::Content { layer: file.layer, error }.to_string()),
        };
        self.left.remove(&file);
        if let Some(why) = &why {
            self.take.lacks(file, why.clone());
        }
        Ok(why)
    }
}
