//! Bytes from somewhere: what the user typed, opened.
//!
//! Owns where an image's members (`manifest.json`, blobs, layer tars) come from, and gives them by name. A place is
//! either [`Members`], where any member can be had at any time, or a [`Stream`], which passes once.
//! Leaves to `image` which members make an image, and to `layer` what is in them.

mod archive;
mod daemon;
mod digest;
mod endpoint;
mod layout;
mod name;
mod reference;
mod registries_conf;
pub mod registry;
mod shape;
mod store;
mod stream;
#[cfg_attr(not(unix), path = "no_tunnel.rs")]
mod tunnel;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use thiserror::Error;

pub use archive::normal_name;
pub use daemon::{
    Attempt, Daemon, DaemonError, EngineError, EngineHistoryRow, EngineImage, EngineManifest, EnginePlatform, Export,
    ImageFacts, Listed, Other, Pull, Stop, Store, list, list_of,
};
pub use digest::Digest;
pub use endpoint::{Address, Endpoint, Engine, Process, Surroundings};
pub use name::{NameError, Reference};
pub use reference::{Format, Place, Select, Target, TargetError};
pub use registry::{RegistryError, RegistryImage, RegistrySettings};
pub use shape::{seems_to_be, unlike_an_image};
pub use store::{ContainerdError, Content, Storage, StorageError};
pub use stream::{MAX_DOCUMENT, Member, Pass, Stream, is_document_name};

use crate::bytes::{Compression, TarError, Window, sniff};

/// What keeps a place from being read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file system said no.
    #[error("{} can't be opened: {error}", path.display())]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Reading broke off.
    #[error("{name} can't be read: {error}")]
    Read {
        /// The file or member.
        name: String,
        /// Why not.
        error: io::Error,
    },
    /// A file without bytes.
    #[error("{} is empty (0 bytes); save the image again", .0.display())]
    Empty(PathBuf),
    /// A directory that is no OCI layout.
    #[error("{} is a directory without an `oci-layout` file, so this is not an OCI layout; {hint}", path.display())]
    NoLayout {
        /// The directory.
        path: PathBuf,
        /// What to do.
        hint: String,
    },
    /// Bytes that are not a tar archive.
    #[error("{name} is not a tar archive: {problem}; expected an image as `docker save` writes it, or an OCI layout")]
    NoTar {
        /// The file.
        name: String,
        /// What was found.
        problem: String,
    },
    /// A member that should be a small JSON document.
    #[error("{name} has {size} bytes; a manifest or config has at most {limit}")]
    TooLarge {
        /// The member.
        name: String,
        /// Its size.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// No daemon has it.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// containerd does not have it.
    #[error(transparent)]
    Containerd(#[from] ContainerdError),
    /// Podman's storage does not have it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A store without one of an image's blobs.
    #[error("the blob {digest} is not in the content store{}", if hint.is_empty() { String::new() } else { format!("; {hint}") })]
    NoBlob {
        /// Its digest.
        digest: String,
        /// Why that may be, and what to do.
        hint: String,
    },
    /// A file or directory that is not an image, and no engine has an image of that name.
    #[error("{path}\n{engine}")]
    Neither {
        /// What is wrong with the path.
        path: Box<SourceError>,
        /// Which engines were asked.
        engine: DaemonError,
    },
    /// A registry does not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// No daemon has it, and no registry gives it.
    #[error("{daemon}\n  {registry}")]
    Nowhere {
        /// What the daemons say.
        daemon: DaemonError,
        /// What the registry says.
        registry: RegistryError,
    },
    /// Only files are to be read.
    #[error("there is no file {0}, and with `--source file` nothing else is looked for")]
    NoFile(String),
    /// The archive can't be walked to its end and what was found is not an image.
    #[error("{name}: the archive {error}; it may be cut off, so save or download it again")]
    Tar {
        /// The archive.
        name: String,
        /// Where and why.
        error: TarError,
    },
}

impl SourceError {
    /// Whether a file or directory is there and plainly something else than an image.
    fn is_not_an_image(&self) -> bool {
        matches!(self, Self::NoLayout { .. } | Self::NoTar { .. } | Self::Empty(_))
    }
}

/// An opened place.
#[derive(Debug)]
pub enum Opened {
    /// Any member at any time.
    Members(Members),
    /// One pass from the front to the end.
    Stream(Stream),
    /// An image of a daemon.
    Engine(Box<EngineImage>),
    /// An image of a registry.
    Registry(Box<RegistryImage>),
}

/// Where a name is looked up that is not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sources {
    /// In the daemons and, when none has it, in its registry.
    #[default]
    Any,
    /// In the daemons.
    Daemons,
    /// In one daemon.
    Daemon(Engine),
    /// In its registry.
    Registry,
    /// Nowhere.
    Files,
}

/// How images are looked up that are not on this machine's disk.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Whether a daemon pulls the image first.
    pub pull: Pull,
    /// Where names are looked up.
    pub sources: Sources,
    /// How registries are reached.
    pub registry: RegistrySettings,
    /// Where manifests are cached.
    pub documents: Option<Arc<dyn registry::Documents>>,
}

/// Members that can be read at any time, in any order, from many threads.
#[derive(Debug)]
pub enum Members {
    /// An uncompressed tar on disk.
    Archive(archive::Archive),
    /// An OCI layout directory.
    Layout(layout::Layout),
    /// An image in containerd's content store.
    Content(Content),
    /// An image in the storage of Podman and Buildah.
    Storage(Box<Storage>),
}

impl Members {
    /// The content of a member, links between members followed; None when there is no such member.
    ///
    /// # Errors
    /// When it is there and can't be opened.
    pub fn get(&self, name: &str) -> Result<Option<Window>, SourceError> {
        match self {
            Self::Archive(archive) => Ok(archive.get(name)),
            Self::Layout(layout) => layout.get(name),
            Self::Content(content) => content.get(name),
            Self::Storage(storage) => storage.get(name),
        }
    }

    /// Bytes of the whole archive; None for a directory.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Archive(archive) => Some(archive.size()),
            Self::Layout(_) | Self::Content(_) | Self::Storage(_) => None,
        }
    }

    /// The bytes of a member that should be a small JSON document.
    ///
    /// # Errors
    /// When it can't be read, or is too large to be one.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        match (self, name) {
            (Self::Content(content), "index.json") => return Ok(Some(content.index())),
            (Self::Storage(storage), "manifest.json") => return Ok(Some(storage.manifest())),
            _ => {}
        }
        let Some(mut window) = self.get(name)? else { return Ok(None) };
        if window.len() > MAX_DOCUMENT {
            return Err(SourceError::TooLarge { name: name.into(), size: window.len(), limit: MAX_DOCUMENT });
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut window, &mut bytes)
            .map_err(|error| SourceError::Read { name: name.into(), error })?;
        Ok(Some(bytes))
    }
}

/// Opens what `target` names on this machine's disk, in a daemon, or on standard input. Bytes that are fetched are added to
/// `fetched`.
///
/// # Errors
/// When it isn't there, can't be read, or is plainly nothing that holds an image.
pub fn open(target: &Target, fetched: &Arc<AtomicU64>) -> Result<Opened, SourceError> {
    open_with(target, fetched, &Access { sources: Sources::Daemons, ..Access::default() }, None, &mut |_| {})
}

/// The same, also in registries, and for an image of an engine after it was pulled, if it is to be, for `platform` where one
/// is given.
///
/// # Errors
/// As for [`open`].
pub fn open_with(
    target: &Target,
    fetched: &Arc<AtomicU64>,
    access: &Access,
    platform: Option<&str>,
    progress: &mut dyn FnMut(&str),
) -> Result<Opened, SourceError> {
    let from_registry = |name: &str| registry::open(name, access);
    let find = |name: &str, engine, progress: &mut dyn FnMut(&str)| -> Result<EngineImage, DaemonError> {
        let mut image = daemon::find(name, engine, access.pull, platform, &Process, progress)?;
        image.content = content_of(&image, fetched);
        Ok(image)
    };
    match &target.place {
        Place::Engine { engine: None, name } if access.sources == Sources::Registry => {
            Ok(Opened::Registry(Box::new(from_registry(name)?)))
        }
        Place::Engine { engine: None, name } if access.sources == Sources::Files => {
            Err(SourceError::NoFile(name.clone()))
        }
        Place::Engine { engine, name } => {
            // `docker://` may mean either, as a bare name does.
            let either = access.sources == Sources::Any && (engine.is_none() || target.meaning.is_some());
            let forced = match access.sources {
                Sources::Daemon(engine) => Some(engine),
                _ => None,
            };
            let error = match find(name, engine.or(forced), &mut *progress) {
                Ok(mut image) => {
                    image.notes.extend(target.meaning.clone());
                    return Ok(Opened::Engine(Box::new(image)));
                }
                Err(error) => error,
            };
            let reference = Reference::parse(name).ok().filter(|_| either && error.is_absence());
            let Some(reference) = reference else { return Err(error.into()) };
            progress(&format!("no engine has {name}; asking {}", reference.registry()));
            match from_registry(name) {
                Ok(mut image) => {
                    let note =
                        format!("no engine has {name}, so it was read from the registry {}", reference.registry());
                    image.notes.insert(0, note);
                    Ok(Opened::Registry(Box::new(image)))
                }
                Err(registry) => Err(SourceError::Nowhere { daemon: error, registry }),
            }
        }
        Place::Registry(name) => Ok(Opened::Registry(Box::new(from_registry(name)?))),
        Place::Containerd { name, namespace } => {
            let content = store::find_in_containerd(name, namespace.as_deref(), &Process, fetched)?;
            Ok(Opened::Members(Members::Content(content)))
        }
        Place::Storage { name, root, driver } => {
            let place = root.clone().map(|root| (root, driver.clone()));
            let storage = store::find_in_storage(name, place, &Process, fetched)?;
            Ok(Opened::Members(Members::Storage(Box::new(storage))))
        }
        Place::Stdin => Ok(Opened::Stream(Stream::stdin())),
        Place::Path(path) => match (open_path(path, fetched), target.as_name()) {
            (Err(error), Some(name)) if error.is_not_an_image() => match find(name, None, &mut *progress) {
                Ok(mut image) => {
                    let (path, engine) = (path.display(), image.daemon.title());
                    image.notes.push(format!("{path} here is not an image; this is the image {name} of {engine}"));
                    Ok(Opened::Engine(Box::new(image)))
                }
                Err(engine) => Err(SourceError::Neither { path: Box::new(error), engine }),
            },
            (opened, _) => opened,
        },
    }
}

/// An engine's own copy of an image's blobs, where it can be read.
fn content_of(image: &EngineImage, fetched: &Arc<AtomicU64>) -> Option<Content> {
    #[cfg(unix)]
    return store::content_of(image, fetched);
    #[cfg(not(unix))]
    return None;
}

fn open_path(path: &Path, fetched: &Arc<AtomicU64>) -> Result<Opened, SourceError> {
    let failed = |error| SourceError::Open { path: path.to_owned(), error };
    let about = std::fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return layout::Layout::open(path, fetched).map(|layout| Opened::Members(Members::Layout(layout)));
    }
    if !about.is_file() {
        return Ok(Opened::Stream(Stream::file(path, false)));
    }
    if about.len() == 0 {
        return Err(SourceError::Empty(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    let window = Window::whole(file, about.len(), fetched);
    let mut head = [0; 512];
    let mut first = window.clone();
    let got = io::Read::read(&mut first, &mut head).map_err(failed)?;
    match sniff(&head[..got]) {
        Compression::None => {
            let archive = archive::Archive::walk(window, &path.display().to_string())?;
            Ok(Opened::Members(Members::Archive(archive)))
        }
        _ => Ok(Opened::Stream(Stream::file(path, true))),
    }
}
