use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::Scope;

use super::archive::{link_target, normal_name};
use super::{SourceError, shape};
use crate::bytes::tar::Expanded;
use crate::bytes::{Counted, Entry, EntryKind, Flowing, ReadAhead, Sniffed, Stopping, TarError, Walker};

/// The largest manifest, index or config. Registries refuse manifests over 4 MiB.
pub const MAX_DOCUMENT: u64 = 16 * 1024 * 1024;

/// An archive that is read once from front to end: standard input, a pipe, or a compressed file.
#[derive(Debug)]
pub struct Stream {
    path: Option<PathBuf>,
    again: bool,
}

/// A member as it passes.
pub enum Member<'w> {
    /// A file; its bytes are there until the next member is asked for.
    File {
        /// Its name, without `./`.
        name: String,
        /// Bytes.
        size: u64,
        /// Its bytes.
        content: Expanded<'w, Flowing<ReadAhead>>,
    },
    /// A link to another member.
    Link {
        /// Its name, without `./`.
        name: String,
        /// The other's name.
        target: String,
    },
}

/// The pass itself.
pub struct Pass {
    name: String,
    walker: Walker<Flowing<ReadAhead>>,
    entry: Entry,
    any: bool,
}

impl Stream {
    pub(super) fn stdin() -> Self {
        Self { path: None, again: false }
    }

    /// `again`: true for a file that can be opened a second time.
    pub(super) fn file(path: &Path, again: bool) -> Self {
        Self { path: Some(path.to_owned()), again }
    }

    /// True when the pass can be made again.
    pub fn repeatable(&self) -> bool {
        self.again
    }

    /// What to call it.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }

    /// Starts a pass; reading and inflating go on ahead on a thread of `scope`, bytes read are added to `count`.
    ///
    /// # Errors
    /// When it can't be opened or holds no tar.
    pub fn pass<'scope>(&self, scope: &'scope Scope<'scope, '_>, count: Arc<AtomicU64>) -> Result<Pass, SourceError> {
        Pass::over(self.name(), Box::new(Counted::new(self.raw()?, count)), scope)
    }

    /// The same, until `stop` is true.
    ///
    /// # Errors
    /// As for [`Stream::pass`]; when it is stopped, too.
    pub fn pass_until<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        stop: &'scope AtomicBool,
    ) -> Result<Pass, SourceError> {
        Pass::over(self.name(), Box::new(Stopping::new(self.raw()?, stop)), scope)
    }

    fn raw(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(match &self.path {
            None => Box::new(io::stdin()),
            Some(path) => Box::new(File::open(path).map_err(|error| SourceError::Open { path: path.clone(), error })?),
        })
    }
}

impl Pass {
    /// Starts a pass over bytes that come from elsewhere; `name` is what to call them.
    ///
    /// # Errors
    /// When they can't be read or are not a tar.
    pub fn over<'scope>(
        name: String,
        raw: Box<dyn Read + Send + 'scope>,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Self, SourceError> {
        let read = |error| SourceError::Read { name: name.clone(), error };
        let raw = Sniffed::new(raw, 512).map_err(read)?;
        if raw.head().is_empty() {
            return Err(SourceError::Empty(PathBuf::from(name)));
        }
        let plain = raw.plain().map_err(read)?;
        let walker = Walker::new(Flowing::new(ReadAhead::spawn(scope, plain)), 0);
        Ok(Pass { name, walker, entry: Entry::default(), any: false })
    }

    /// The next member; None at the end.
    ///
    /// # Errors
    /// When the archive breaks off or is none.
    pub fn next_member(&mut self) -> Result<Option<Member<'_>>, SourceError> {
        loop {
            match self.walker.next(&mut self.entry) {
                Ok(true) => {}
                Ok(false) if !self.any => {
                    return Err(SourceError::NoTar {
                        name: self.name.clone(),
                        problem: "it begins with zero bytes".to_owned(),
                    });
                }
                Ok(false) => {
                    let end = self.walker.trailer();
                    return end.map(|()| None).map_err(|error| SourceError::Tar { name: self.name.clone(), error });
                }
                Err(error) if !self.any => return Err(shape::no_tar(&self.name, error)),
                Err(error) => return Err(SourceError::Tar { name: self.name.clone(), error }),
            }
            self.any = true;
            let name = normal_name(&self.entry.path);
            match self.entry.kind {
                EntryKind::File => {
                    let size = self.entry.size;
                    let map = self.entry.sparse.take();
                    let content = Expanded::new(self.walker.reader(), map, size);
                    return Ok(Some(Member::File { name, size, content }));
                }
                EntryKind::Symlink | EntryKind::HardLink => {
                    return Ok(Some(Member::Link { target: link_target(&self.entry), name }));
                }
                _ => {}
            }
        }
    }
}

/// True for names that manifests and configs have; blobs have names that say nothing.
pub fn is_document_name(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    // `json` and `VERSION` stand beside each `layer.tar` of old archives; kaniko's config has a digest for a name.
    std::path::Path::new(base).extension().is_some_and(|end| end == "json")
        || matches!(base, "json" | "VERSION" | "repositories" | "oci-layout")
        || base.starts_with("sha256:")
}

impl From<TarError> for SourceError {
    fn from(error: TarError) -> Self {
        Self::Tar { name: "the archive".to_owned(), error }
    }
}
