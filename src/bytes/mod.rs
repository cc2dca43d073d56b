//! What it takes to read at all: windows on a file, decompression, tar headers.
//!
//! Owns how bytes are fetched and how little of them: a [`Window`] hops over what nobody asked for, a
//! [`ReadAhead`] moves inflating to a thread of its own, a [`Walker`] knows where a tar's entries begin and end.
//! Leaves to others what the bytes mean: which members make an image (`source`, `image`), what an entry
//! says about a path (`layer`, `tree`).

mod checksum;
mod compression;
mod human;
mod input;
mod os;
mod read_ahead;
mod shown;
mod sniffed;
mod stopping;
pub mod tar;
mod text;
mod window;

pub use checksum::{Algorithm, Checksum, Sum, hex};
pub use compression::{Compression, sniff};
pub use human::human;
pub use input::{Flowing, Hopping, Input, Stored};
pub use os::{cache_home, os_name, os_path};
pub use read_ahead::{Consumed, Counted, Feeder, ReadAhead, Tee};
pub use shown::{cut_end, is_hostile, shown, shown_lines, shown_text};
pub use sniffed::Sniffed;
pub use stopping::Stopping;
pub use tar::{Entry, EntryKind, TarError, Walker};
pub use text::read_text;
pub use window::{ReadAt, Window};
