//! What was read of an image, before it is judged.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::blob::Blob;
use super::builder::Slot;
use super::{InspectError, Inspection, LayerFacts, Note, Options, Shared, Timing, Verification, threads};
use crate::bytes::Window;
use crate::image::{Digest, Image};
use crate::layer::{ContentId, identify};
use crate::source::Target;
use crate::tree::{EventRef, Tree};
use crate::waste::Waste;

/// Everything but the judgement.
pub(super) struct Loaded {
    pub(super) image: Image,
    pub(super) tree: Tree,
    facts: Vec<LayerFacts>,
    /// Plain layers that can be read again, by layer.
    windows: Vec<Option<Window>>,
    notes: Vec<Note>,
    problems: Vec<String>,
    checked: usize,
    unchecked: usize,
    kept: Vec<(EventRef, Vec<u8>)>,
}

/// Files whose contents are found out before the tree learns of them.
const ANSWERS: usize = 1 << 16;

/// Finds out contents of plain layers, on all threads.
pub(super) fn answer(
    loaded: &mut Loaded,
    asked: &[EventRef],
    options: &Options,
    shared: &Shared,
) -> Result<(), InspectError> {
    for some in asked.chunks(ANSWERS) {
        for (file, content) in answers(loaded, some, options, shared)? {
            loaded.tree.set_content(file, content);
        }
    }
    Ok(())
}

fn answers(
    loaded: &Loaded,
    asked: &[EventRef],
    options: &Options,
    shared: &Shared,
) -> Result<Vec<(EventRef, ContentId)>, InspectError> {
    const STEP: usize = 64;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<_>, InspectError> {
        let mut answers = Vec::new();
        while !shared.stop.load(Ordering::Relaxed) {
            let from = next.fetch_add(STEP, Ordering::Relaxed);
            if from >= asked.len() {
                break;
            }
            for file in &asked[from..asked.len().min(from + STEP)] {
                let layer = usize::from(file.layer);
                let Some(window) = &loaded.windows[layer] else { continue };
                let event = loaded.tree.event_at(*file);
                let content = identify(window, event.block, event.size)
                    .map_err(|error| InspectError::Content { layer, error })?;
                answers.push((*file, content));
            }
        }
        Ok(answers)
    };
    std::thread::scope(|scope| {
        let workers = threads(options).min(asked.len().div_ceil(STEP));
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().unwrap_or(Err(InspectError::Stopped))?);
        }
        Ok(all)
    })
}

impl Loaded {
    pub(super) fn new(
        image: Image,
        tree: Tree,
        mut slots: Vec<Slot>,
        order: &[usize],
        windows: &[Option<Window>],
        options: &Options,
    ) -> Self {
        let mut loaded = Self {
            facts: Vec::new(),
            windows: order.iter().map(|slot| windows[*slot].clone()).collect(),
            notes: image
                .notes
                .iter()
                .cloned()
                .chain(image.damage.iter().map(|damage| format!("the archive {damage}")))
                .map(|message| Note { layer: None, message })
                .collect(),
            problems: image.problems.clone(),
            checked: image.verified,
            unchecked: 0,
            kept: Vec::new(),
            tree,
            image,
        };
        for (layer, slot) in order.iter().enumerate() {
            let blob = slots[*slot].blob.as_mut();
            loaded.take_blob(layer, blob);
        }
        if options.verify && loaded.unchecked > 0 {
            let message = format!("{} digests could not be computed", loaded.unchecked);
            loaded.notes.push(Note { layer: None, message });
        }
        loaded
    }

    fn take_blob(&mut self, index: usize, blob: Option<&mut Blob>) {
        let layer = &self.image.layers[index];
        let mut facts = LayerFacts::default();
        let mut note = |message: String| self.notes.push(Note { layer: Some(index), message });
        let Some(blob) = blob else {
            facts.missing = true;
            let why = match self.image.damage {
                Some(_) => "breaks off before it",
                None => "was saved in part",
            };
            note(format!("{} is not in the archive, which {why}; this layer is shown empty", layer.label()));
            self.unchecked += 1;
            self.facts.push(facts);
            return;
        };
        facts.compression = blob.compression;
        facts.compressed_bytes = blob.compressed_bytes;
        facts.tar_bytes = blob.end.tar_bytes;
        facts.entries = blob.end.entries;
        facts.damage = blob.end.damage.as_ref().map(ToString::to_string);
        for message in &blob.end.notes {
            note(message.clone());
        }
        if let Some(damage) = &facts.damage {
            note(format!("{damage}; what comes after is not shown"));
        }
        let stored_bytes = facts.compressed_bytes.unwrap_or(facts.tar_bytes);
        if let Some(size) = layer.size.filter(|size| *size != stored_bytes && facts.damage.is_none()) {
            note(format!("the manifest says {size} bytes, the blob has {stored_bytes}"));
        }
        let mut check = |what: &str, claimed: Option<&Digest>, computed: Option<[u8; 32]>| {
            let Some(claimed) = claimed else { return };
            match computed.and_then(|computed| claimed.is(computed).map(|holds| (holds, computed))) {
                Some((true, _)) => self.checked += 1,
                Some((false, computed)) => {
                    let got = Digest::from_sha256(computed);
                    self.problems.push(format!("layer {index}: its {what} should be {claimed} and is {got}"));
                }
                None => self.unchecked += 1,
            }
        };
        check("digest", layer.digest.as_ref(), blob.stored);
        check("diff ID", layer.diff_id.as_ref(), blob.uncompressed);
        let kept = std::mem::take(&mut blob.end.kept);
        for (block, bytes) in kept {
            let events = self.tree.layers.get(index).map(|layer| &layer.events[..]).unwrap_or_default();
            if let Some(event) = events.iter().position(|event| event.block == block) {
                self.kept.push((EventRef { layer: index as u16, index: event as u32 }, bytes));
            }
        }
        self.facts.push(facts);
    }

    pub(super) fn finish(self, target: &Target, waste: Waste, options: &Options, timings: Vec<Timing>) -> Inspection {
        let verification = match (self.problems.is_empty(), self.checked, self.unchecked) {
            (false, ..) => Verification::Failed,
            (true, 1.., 0) if options.verify => Verification::Verified,
            (true, 1.., _) => Verification::Partial,
            (true, 0, _) => Verification::NotChecked,
        };
        Inspection {
            reference: target.typed.clone(),
            image: self.image,
            layers: self.facts,
            tree: self.tree,
            waste,
            verification,
            problems: self.problems,
            notes: self.notes,
            timings,
            kept: self.kept,
        }
    }
}
