//! Two images held against each other.
//!
//! Owns which layers belong together, which paths of the final file systems differ and in what, what became of each finding,
//! and what containers are started with. Leaves reading and judging of each image to `inspect`, and words to `report`.
//! It stands before `gate`, as a gate may hold an image against another one.

mod files;
mod findings;
mod layers;
mod merged;
mod parity;
mod settings;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::content::{ReadError, contents};
use crate::inspect::Inspection;
use crate::source::Target;
use crate::tree::{Change, EventRef, NodeId, Tree, TreeError};

pub use files::{Aspect, Aspects};
pub use findings::{Fate, FindingChange};
pub use layers::{Aligned, Pairing};
pub use parity::{OnlyOne, Parity};
pub use settings::SettingChange;
pub use stored::StoredChange;

/// What counts as a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompareOptions {
    /// Times count too, and so do digests of layers, which follow from them. Without it an image that was built again from
    /// the same sources equals the first.
    pub strict: bool,
    /// Threads that read contents; 0 is one for each core.
    pub threads: usize,
}

/// What keeps two images from being compared.
#[derive(Debug, Error)]
pub enum CompareError {
    /// Contents that must be compared can't be read again.
    #[error("{image}: {error}")]
    Read {
        /// The image, as the user typed it.
        image: String,
        /// Why not.
        error: ReadError,
    },
    /// They do not fit.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A path that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The path, in [`Comparison::tree`].
    pub node: NodeId,
    /// Added, modified or removed.
    pub change: Change,
    /// In what it differs, where it is in both.
    pub aspects: Aspects,
    /// What it is in the first image, in [`Comparison::tree`].
    pub before: Option<EventRef>,
    /// What it is in the second, in [`Comparison::tree`].
    pub after: Option<EventRef>,
    /// Bytes of content in the first; 0 for a second name of a file, as everywhere.
    pub before_bytes: u64,
    /// Bytes of content in the second.
    pub after_bytes: u64,
}

/// Two images, and all that is not the same.
#[derive(Debug)]
pub struct Comparison {
    /// Two layers: 0 is the final file system of the first image, 1 what has to be done to it to get that of the second. So the
    /// changes of layer 1 are the differences, and everything that shows a layer shows them.
    pub tree: Arc<Tree>,
    /// The layers of both, those together that belong together.
    pub layers: Vec<Aligned>,
    /// Paths that differ, in the byte order of paths.
    pub files: Vec<FileChange>,
    /// Paths that differ in nothing but their time, where those do not count.
    pub only_times: u64,
    /// Content that differs and that neither image shows in the end.
    pub stored: StoredChange,
    /// What became of findings, the largest change first.
    pub findings: Vec<FindingChange>,
    /// What containers are started with, and the platform.
    pub settings: Vec<SettingChange>,
    /// What was asked for.
    pub options: CompareOptions,
    /// By entry of layers 0 and 1: the event of the image that it was made from.
    origins: [Vec<EventRef>; 2],
}

impl Comparison {
    /// Whether anything that counts differs: a path, stored content, a finding, a setting, or an instruction that makes a layer.
    pub fn differs(&self) -> bool {
        !(self.files.is_empty() && self.findings.is_empty() && self.settings.is_empty())
            || self.stored.files > 0
            || self.layers.iter().any(|layer| match layer.pairing {
                Pairing::Same => false,
                Pairing::Rebuilt => self.options.strict,
                Pairing::Gone | Pairing::New => true,
            })
    }

    /// The event of the image that an entry of [`Comparison::tree`] was made from, to read its content: of the first image for
    /// layer 0, of the second for layer 1. None for a folder that nothing names.
    pub fn origin(&self, at: EventRef) -> Option<EventRef> {
        self.origins.get(usize::from(at.layer))?.get(at.index as usize).copied()
    }

    /// How many paths are added, modified and removed, and their bytes in the second image, in both together (more or less), and
    /// in the first.
    pub fn counts(&self) -> [(u64, i128); 3] {
        let mut counts = [(0, 0); 3];
        for file in &self.files {
            let place = match file.change {
                Change::Added => 0,
                Change::Modified | Change::Metadata | Change::None => 1,
                Change::Removed => 2,
            };
            counts[place].0 += 1;
            counts[place].1 += i128::from(file.after_bytes) - i128::from(file.before_bytes);
        }
        counts
    }
}

/// Holds two images against each other, the first as what was before. Of files that are equally large in both, and not in a
/// layer that both have, the content is read.
///
/// # Errors
/// When content can't be read again.
pub fn compare(
    before: (&Target, &Inspection),
    after: (&Target, &Inspection),
    options: CompareOptions,
) -> Result<Comparison, CompareError> {
    let (a, b) = (before.1, after.1);
    let pairs = files::Pairs::of(a, b);
    let layers = layers::align(a, b);
    let stored = stored::Stored::of(a, b, &layers);
    let mut asked = pairs.questions(a, b);
    stored.ask(a, b, &mut asked);
    let read = |(target, found): (&Target, &Inspection), asked: &[EventRef]| {
        contents(target, found, asked, options.threads)
            .map_err(|error| CompareError::Read { image: found.reference.clone(), error })
    };
    let known: [BTreeMap<_, _>; 2] = [read(before, &asked[0])?, read(after, &asked[1])?];
    let differing = pairs.differing(a, b, &known, options.strict);
    let merged = merged::merge(a, b, &pairs, &differing, &known)?;
    let files = files::changes(&merged.tree, &merged.aspects);
    Ok(Comparison {
        tree: Arc::new(merged.tree),
        origins: merged.origins,
        layers,
        files,
        stored: stored.change(a, b, &known),
        only_times: differing.only_times,
        findings: findings::changes(a, b),
        settings: settings::changes(a, b),
        options,
    })
}
