//! Work that may take longer than a frame. Threads beside the loop do it and answer with a message.
//!
//! A [`Worker`] does jobs one at a time and caches what the next one may need. [`Queues`] are threads with a worker each, one
//! for each kind of work; a new job cancels the one before it.

mod cost;
mod find;
mod prove;
mod queue;
mod read;
mod shares;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustc_hash::FxHashSet;

pub(super) use cost::{LayerCost, PathCost};
pub(super) use find::{Found, Order};
pub(super) use queue::{Queues, Watch};
pub(super) use read::{DiffLine, TextDiff, Viewed};
pub use worker::Worker;

use super::map::Level;
use super::query::Query;
use crate::bytes::shown;
use crate::content::Saved;
use crate::inspect::Inspection;
use crate::prove::Proof;
use crate::source::Target;
use crate::tree::{EventRef, NodeId, Range, Rows, Shown, Sort, Tree};

/// A job: its number, which the answer carries, and what to do.
#[derive(Debug)]
pub struct Job {
    pub(super) number: u64,
    pub(super) work: Work,
}

/// What there is to do.
#[derive(Debug)]
pub enum Work {
    /// Work out the rows of the file tree.
    Rows(Box<RowsJob>),
    /// Work out what a directory of the map holds.
    Level(MapJob),
    /// Add up what a path costs in each layer.
    Cost(CostJob),
    /// Find stored copies in all layers.
    Find(FindJob),
    /// Read a file to look into it.
    Read(Box<ReadJob>),
    /// Compare two files line by line.
    Diff(Box<[ReadJob; 2]>),
    /// Build a Dockerfile as it is and with an edit, and compare.
    Prove(Box<ProveJob>),
    /// Save a file or directory.
    Save(Box<SaveJob>),
}

impl Work {
    /// Work that nobody waits for on the screen; a newer job must not cancel it.
    fn outlives_newer(&self) -> bool {
        matches!(self, Self::Save(_))
    }
}

/// How many kinds of work have a thread of their own.
pub const QUEUES: usize = 7;

impl Job {
    /// Which of the [`QUEUES`] it belongs to: work of one kind is done one after the other.
    pub fn queue(&self) -> usize {
        match self.work {
            Work::Rows(_) => 0,
            Work::Level(_) => 1,
            Work::Cost(_) => 2,
            Work::Find(_) => 3,
            Work::Read(_) | Work::Diff(_) => 4,
            Work::Prove(_) => 5,
            Work::Save(_) => 6,
        }
    }
}

/// The result of a job.
#[derive(Debug)]
pub enum Answer {
    /// Rows of the file tree.
    Rows(Box<Rows>),
    /// What a directory of the map holds.
    Level(Level),
    /// What a path costs.
    Cost(Box<PathCost>),
    /// Stored copies.
    Found(Box<Found>),
    /// A file's content, or why it can't be read.
    Content(Box<Result<Viewed, String>>),
    /// Lines of two files, or why they can't be compared.
    Diff(Box<Result<TextDiff, String>>),
    /// What came out for an edit, or why it can't be proven.
    Proof(Result<Proof, String>),
    /// What was saved, or why not.
    Saved(Result<Saved, String>),
}

/// Which rows are wanted.
#[derive(Debug)]
pub struct RowsJob {
    pub(super) tree: Arc<Tree>,
    /// Whether contents are known by now, so that an earlier answer may be wrong.
    pub(super) judged: bool,
    pub(super) range: Range,
    pub(super) all: bool,
    pub(super) sort: Sort,
    pub(super) shown: Shown,
    pub(super) chains: bool,
    pub(super) query: Query,
    pub(super) open: FxHashSet<NodeId>,
    pub(super) unfold: Unfold,
    /// A path that must have a row.
    pub(super) reveal: Option<NodeId>,
}

/// What is unfolded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfold {
    /// What was unfolded before.
    Same,
    /// All directories, or none.
    All(bool),
    /// One level more, or less.
    Level(bool),
    /// Along the most bytes, as much as makes about so many rows.
    Largest(usize),
    /// From the top, as much as makes about so many rows.
    FromTop(usize),
}

/// A directory of the map.
#[derive(Debug)]
pub struct MapJob {
    pub(super) tree: Arc<Tree>,
    pub(super) range: Range,
    pub(super) all: bool,
    pub(super) folder: NodeId,
    /// The judged image, to tell what is the base image's and what is left over.
    pub(super) found: Option<Arc<Inspection>>,
}

/// A path, and the tree that it is in.
#[derive(Debug)]
pub struct CostJob {
    pub(super) tree: Arc<Tree>,
    pub(super) node: NodeId,
}

/// What is typed to find stored copies, and their order.
#[derive(Debug)]
pub struct FindJob {
    pub(super) tree: Arc<Tree>,
    pub(super) query: Query,
    pub(super) order: Order,
}

/// A file to look into.
#[derive(Debug)]
pub struct ReadJob {
    pub(super) found: Arc<Inspection>,
    /// Where that image is, when it is another one than the worker's.
    pub(super) target: Option<Target>,
    pub(super) file: EventRef,
    /// By which its syntax is known.
    pub(super) name: Vec<u8>,
    /// Bytes that are read.
    pub(super) limit: u64,
}

/// An edit to prove.
#[derive(Debug)]
pub struct ProveJob {
    pub(super) found: Arc<Inspection>,
    /// The edit, by its place in the plan.
    pub(super) edit: usize,
    /// What is being built: 0 the original, 1 the edited Dockerfile.
    pub(super) stage: Arc<AtomicUsize>,
}

/// What is saved, and into which directory.
#[derive(Debug)]
pub struct SaveJob {
    pub(super) found: Arc<Inspection>,
    /// Where that image is, when it is another one than the worker's.
    pub(super) target: Option<Target>,
    pub(super) node: NodeId,
    /// The file system after this layer is saved, or what these layers changed.
    pub(super) what: SaveWhat,
    pub(super) into: PathBuf,
}

/// Which files are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaveWhat {
    /// All files as they are after a layer.
    State(u16),
    /// Only the files that a range of layers added or changed.
    Changes(Range),
}

/// Bytes of a file that the viewer reads: more than anyone reads, less than anyone waits for.
pub(super) const VIEWER_LIMIT: u64 = 8 << 20;
/// Bytes of a file that a preview reads.
pub(super) const PREVIEW_LIMIT: u64 = 16 << 10;

/// A path as it is shown, with a `/` before it.
pub(super) fn path_of(tree: &Tree, node: NodeId) -> String {
    format!("/{}", shown(&tree.paths.path(node)))
}
