//! A Docker or Podman engine: what it says about an image, and the image itself as it streams.
//!
//! bollard and its runtime live here and nowhere else; what is handed out is plain values and a `Read`.

mod connect;
mod error;
mod export;
mod find;
mod inspect;
mod list;
#[cfg_attr(not(unix), path = "no_service.rs")]
mod podman;
mod pull;
#[cfg_attr(not(unix), path = "pipe.rs")]
mod socket;

pub use connect::Daemon;
pub use error::{Attempt, DaemonError, EngineError};
pub use export::{Export, Stop};
pub use find::EngineImage;
pub(super) use find::find;
pub use inspect::{EngineHistoryRow, EngineManifest, EnginePlatform, ImageFacts, Store};
pub use list::{Listed, Other, list, list_of};
pub use pull::Pull;
