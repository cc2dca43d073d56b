//! Images where engines store them, read in place: no engine has to write them out again.

mod bolt;
mod containerd;
mod content;
#[cfg(unix)]
mod docker;
mod storage;
mod tar_split;

pub use containerd::ContainerdError;
pub(super) use containerd::find as find_in_containerd;
pub use content::Content;
#[cfg(unix)]
pub(super) use docker::content_of;
pub(super) use storage::find as find_in_storage;
pub use storage::{Storage, StorageError};
