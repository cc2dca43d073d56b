//! Runs the stages in order: opens, reads every layer once, stacks them, asks for the content that must be compared,
//! judges. Says how far it is as it goes. Owns the threads; everything that it calls is plain code over `Read`.

mod blob;
mod builder;
mod loaded;
mod members;
mod reader;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::bytes::Compression;
use crate::image::{Image, ImageError, Platform, Request};
use crate::layer::Keep;
use crate::source::{Opened, SourceError, Target};
use crate::tree::{EventRef, Tree, TreeError};
use crate::waste::{self, Base, Rules, Waste};

pub use reader::{ReadError, read_file};

/// What to look at, and how closely.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The platform to choose; the machine's own when nothing is said.
    pub platform: Option<Platform>,
    /// Compute every digest.
    pub verify: bool,
    /// Compute the SHA-256 of every file.
    pub hash: bool,
    /// Threads that read layers; 0 is one for each core.
    pub threads: usize,
    /// How many of the first layers are the base image's, where the user says so.
    pub base_layers: Option<usize>,
    /// A path whose content is to be kept when the source passes only once.
    pub keep: Option<Keep>,
}

/// How far it is. Sent as it happens; `false` from the receiver stops everything.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Manifest, config and history are known; no layer was read.
    Image(&'a Image),
    /// A layer is complete.
    Layer {
        /// Its index in the image; for a stream that has not said yet what it is, the number of layers passed.
        layer: usize,
    },
    /// Bytes read so far, and how many there are where that is known.
    Bytes {
        /// Read.
        read: u64,
        /// Of so many.
        of: Option<u64>,
    },
    /// All layers are stacked; content is compared now.
    Comparing {
        /// Files whose content is read.
        files: usize,
    },
}

/// What was found of one layer.
#[derive(Debug, Clone, Default)]
pub struct LayerFacts {
    /// How the blob is stored.
    pub compression: Compression,
    /// Bytes of the uncompressed tar.
    pub tar_bytes: u64,
    /// Bytes of the blob, where it is compressed.
    pub compressed_bytes: Option<u64>,
    /// Entries, whiteouts among them.
    pub entries: u64,
    /// The archive does not have it.
    pub missing: bool,
    /// What kept it from being read to its end.
    pub damage: Option<String>,
}

/// Whether digests hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// All were computed and hold.
    Verified,
    /// Those that came for free hold.
    Partial,
    /// None was computed.
    NotChecked,
    /// At least one does not hold.
    Failed,
}

impl Verification {
    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Partial => "partial",
            Self::NotChecked => "not-checked",
            Self::Failed => "failed",
        }
    }
}

/// An oddity met while reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The layer that it is about; None for the image.
    pub layer: Option<usize>,
    /// What was met.
    pub message: String,
}

/// A stage and what it took.
#[derive(Debug, Clone)]
pub struct Timing {
    /// `documents`, `tree`, `content`, `waste`.
    pub stage: &'static str,
    /// Wall time.
    pub took: Duration,
    /// Bytes read from the source meanwhile.
    pub bytes: u64,
}

/// Everything that is known of an image. Every output reads this, none computes anything itself.
#[derive(Debug)]
pub struct Inspection {
    /// As the user typed it.
    pub reference: String,
    /// What its documents say.
    pub image: Image,
    /// What was found of each layer, beside [`Image::layers`].
    pub layers: Vec<LayerFacts>,
    /// Every path's history.
    pub tree: Tree,
    /// The judgement.
    pub waste: Waste,
    /// Whether digests hold.
    pub verification: Verification,
    /// Which do not.
    pub problems: Vec<String>,
    /// Oddities.
    pub notes: Vec<Note>,
    /// What each stage took.
    pub timings: Vec<Timing>,
    /// Contents that were kept, by the entry.
    kept: Vec<(EventRef, Vec<u8>)>,
}

impl Inspection {
    /// Bytes of all blobs as stored; None when none is compressed.
    pub fn compressed_bytes(&self) -> Option<u64> {
        let any = self.layers.iter().any(|layer| layer.compressed_bytes.is_some());
        any.then(|| self.layers.iter().map(|layer| layer.compressed_bytes.unwrap_or(layer.tar_bytes)).sum())
    }

    /// What makes the result incomplete or untrue: layers that broke off, digests that do not hold. Absent layers of an
    /// archive that was saved in part are only notes.
    pub fn damage(&self) -> impl Iterator<Item = String> {
        let broken = self.layers.iter().zip(&self.image.layers).enumerate().filter_map(|(index, (facts, layer))| {
            let damage = facts.damage.as_ref()?;
            Some(format!("layer {index} ({}) {damage}; the rest is shown", layer.label()))
        });
        let archive = self.image.damage.iter().map(|damage| {
            format!("the archive {damage}; it may be cut off, so save or download it again; what was found is shown")
        });
        archive.chain(broken).chain(self.problems.iter().cloned())
    }
}

/// What keeps an image from being looked at.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The place can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no such image in it.
    #[error("{name}: {error}")]
    Image {
        /// The place.
        name: String,
        /// Why not.
        error: ImageError,
    },
    /// It does not fit.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Content that must be compared can't be read again.
    #[error("layer {layer} can't be read a second time: {error}")]
    Content {
        /// The layer.
        layer: usize,
        /// Why not.
        error: crate::layer::ContentError,
    },
    /// Nobody listens any more.
    #[error("stopped")]
    Stopped,
}

/// What all threads of one inspection share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    read: Arc<AtomicU64>,
}

/// Looks at an image from the first byte to the judgement. `tell` hears how far it is, on the calling thread; when it
/// returns false everything stops.
///
/// # Errors
/// When the image can't be found or is none. A layer that is broken is told in the result, and the rest is shown.
pub fn inspect(
    target: &Target,
    options: &Options,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Inspection, InspectError> {
    let request = Request { select: target.select.clone(), platform: options.platform.clone(), format: target.format };
    let shared = Shared::default();
    let mut timings = Vec::new();
    let mut clock = Clock::new(&shared);
    let opened = crate::source::open(target, &shared.read)?;
    let mut loaded = match &opened {
        Opened::Members(members) => {
            members::from_members(members, target, &request, options, &shared, &mut clock, &mut timings, tell)?
        }
        Opened::Stream(stream) => stream::from_stream(stream, &request, options, &shared, tell)?,
    };
    timings.push(clock.lap("tree"));
    let asked = waste::questions(&loaded.tree);
    if !tell(Progress::Comparing { files: asked.len() }) {
        return Err(InspectError::Stopped);
    }
    loaded::answer(&mut loaded, &asked, options, &shared)?;
    drop(asked);
    timings.push(clock.lap("content"));
    let layers = loaded.image.layers.len();
    let base = match options.base_layers {
        Some(given) => Base { layers: given.min(layers), evidence: "given" },
        None => waste::base(&loaded.image.history, layers),
    };
    let dead = waste::dead(&loaded.tree);
    let waste = Waste::judge(&loaded.tree, &loaded.image, dead, base, Rules::built_in());
    timings.push(clock.lap("waste"));
    Ok(loaded.finish(target, waste, options, timings))
}

struct Clock<'s> {
    shared: &'s Shared,
    since: Instant,
    read: u64,
}

impl<'s> Clock<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self { shared, since: Instant::now(), read: 0 }
    }

    fn lap(&mut self, stage: &'static str) -> Timing {
        let read = self.shared.read.load(Ordering::Relaxed);
        let timing = Timing { stage, took: self.since.elapsed(), bytes: read - self.read };
        (self.since, self.read) = (Instant::now(), read);
        timing
    }
}

fn threads(options: &Options) -> usize {
    match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}
