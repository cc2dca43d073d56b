//! What is in one layer: a tar turned into records, without keeping content.
//!
//! Owns what a tar entry means for an image (whiteouts, normal paths, content identity) and how to come back to one entry's content.
//! Leaves to `tree` what records mean for the file system.

mod cache;
mod checkpoints;
mod content;
mod index;
mod record;
mod symbols;
mod toc;

pub use cache::{Cache, CacheUse, CacheWriter, StoredEnd, decode};
pub use checkpoints::{Checkpoints, FetchPart, Inflating, Place};
pub use content::{ContentError, Found, IdentifiedBy, Sink, copy_content, find_entry, head, identify, zeros};
pub use index::{Hashing, IndexEnd, Keep, Passing, Watch, index};
pub use record::{Batch, ContentId, Record, RecordKind, normal_path};
pub use symbols::{SYMBOLS_FROM, symbols};
pub use toc::{MAX_TOC, Piece, Toc, TocError, TocFile, TocKind, id_of_sha256, index_toc, read_piece};
