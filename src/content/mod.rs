//! Reads what files of an inspected image contain, after the inspection: one file, the start of one, or many at once.
//! Owns reading blobs a second time, saving to disk and writing edited Dockerfiles; the inspection itself is made in `inspect`.

mod apply;
mod blobs;
mod gather;
mod identify;
mod peek;
mod reader;
mod save;
#[cfg_attr(not(unix), path = "stage_windows.rs")]
mod stage;
#[cfg(any(not(unix), test))]
mod windows_names;

pub use apply::{ApplyError, apply};
pub use identify::contents;
pub use peek::{Peeked, peek};
pub use reader::{ReadError, read_file};
pub use save::{SaveError, SaveProgress, Saved, Skip, save, save_changes};
