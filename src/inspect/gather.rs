//! Reading many files again, each blob once however many of them it has.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Inspection;
use super::again::{Again, Bytes, Next, inflate, over_layers};
use super::reader::{ReadError, Wanted};
use crate::bytes::tar::BLOCK;
use crate::bytes::{Compression, Hopping, Input, Window};
use crate::layer::{ContentError, Found, Sink, find_entry};
use crate::source::Target;
use crate::tree::EventRef;

/// What became of a content that was handed over.
#[derive(Debug)]
pub(super) enum Took {
    /// It is where it belongs.
    Kept,
    /// It was another file's, so it was thrown away.
    Other,
    /// It broke off, so it was thrown away.
    Broke(ContentError),
    /// It can't be kept, or no more is wanted: everything stops.
    Stop,
}

/// Writes a content; true when it is the right one.
pub(super) type Copy<'c> = dyn FnMut(&mut dyn Sink) -> Result<bool, ContentError> + 'c;

/// Who takes the contents.
pub(super) trait Take {
    /// The content of `file` is there.
    fn take(&mut self, file: EventRef, copy: &mut Copy<'_>) -> Took;

    /// The content of `file` can't be had.
    fn lacks(&mut self, file: EventRef, why: String);
}

/// Hands over the content of each of `files`, or says why it can't be had. Content comes in the order of the blobs.
///
/// # Errors
/// When none of it can be had, or it was stopped.
pub(super) fn gather(
    target: &Target,
    inspection: &Inspection,
    files: BTreeSet<EventRef>,
    stop: &AtomicBool,
    take: &mut dyn Take,
) -> Result<(), ReadError> {
    let mut round = Round { inspection, left: files, stop, take };
    round.kept()?;
    loop {
        let before = round.left.len();
        let mut layers: Vec<u16> = round.left.iter().map(|file| file.layer).collect();
        layers.dedup();
        if layers.is_empty() {
            return Ok(());
        }
        let done = over_layers(target, inspection, &layers, stop, &mut |again| round.blob(again));
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

struct Round<'r> {
    inspection: &'r Inspection,
    /// Files whose content was not handed over yet, by layer and place.
    left: BTreeSet<EventRef>,
    stop: &'r AtomicBool,
    take: &'r mut dyn Take,
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
                if matches!(took, Took::Stop) {
                    return Err(ReadError::Stopped);
                }
            }
        }
        Ok(())
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

    fn blob(&mut self, again: Again<'_>) -> Result<Next, ReadError> {
        let Again { layers, sure, bytes, .. } = again;
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
                Err(error) => Took::Broke(error),
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
                Err(error) => Took::Broke(error),
            };
            let over = match &took {
                Took::Broke(ContentError::Tar(_) | ContentError::Io(_)) => true,
                Took::Kept | Took::Stop => false,
                Took::Other | Took::Broke(ContentError::Changed(_)) => !sure,
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

    fn hand_over<I: Input>(&mut self, file: EventRef, wanted: &Wanted, found: &mut Found<I>) -> Took {
        if !wanted.is(&found.entry) {
            return Took::Other;
        }
        self.take.take(file, &mut |out| match wanted.content {
            None => found.copy(out).map(|()| true),
            Some(content) => found.copy_and_identify(out).map(|own| own == content),
        })
    }

    /// Notes what became of a content. Returns why it can't be had at all.
    fn settle(&mut self, file: EventRef, took: Took, sure: bool) -> Result<Option<String>, ReadError> {
        let why = match took {
            Took::Kept => None,
            Took::Stop => return Err(ReadError::Stopped),
            _ if self.stop.load(Ordering::Relaxed) => return Err(ReadError::Stopped),
            Took::Other | Took::Broke(_) if !sure => return Ok(None),
            Took::Other => Some(format!("layer {} has changed since it was indexed", file.layer)),
            Took::Broke(error) => Some(ReadError::Content { layer: file.layer, error }.to_string()),
        };
        self.left.remove(&file);
        if let Some(why) = &why {
            self.take.lacks(file, why.clone());
        }
        Ok(why)
    }
}
