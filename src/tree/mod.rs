//! One tree for all layers: every path has a history.
//!
//! Owns the arena of paths, the timeline of each path, and every reading of them: the file system after any layer, the
//! changes of a layer or a range, the rows of a tree that is unfolded here and there.
//! Leaves to `waste` whether bytes are wasted and why. It has never heard of tars, files on disk or a terminal.

mod folders;
mod links;
mod matches;
mod path;
mod rows;
mod stack;
mod timeline;
mod view;

pub use folders::{FolderSum, Folders, StateSums};
pub use matches::{Candidate, Matches};
pub use path::{NodeId, Paths};
pub use rows::{Row, Rows, Shown, Sort, View};
pub use timeline::{Attributes, Change, Event, EventKind, EventRef, FinalCounts, LayerEvents, Tree, TreeError};
pub use view::{Lookup, Range};
