//! Saving a file or a folder as it is after a layer, and nothing outside of the directory that was named.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::gather::{Copy, Outcome, Receiver, gather};
use super::reader::ReadError;
use super::stage::{Stage, finish, is_about_the_name};
use crate::bytes::{os_name, shown};
use crate::inspect::Inspection;
use crate::layer::Sink;
use crate::source::Target;
use crate::tree::{Change, EventKind, EventRef, NodeId, Range, Tree};

/// What the root is called where it has to have a name.
const ROOT_NAME: &[u8] = b"rootfs";
/// Bytes that are written between two looks at whether they are still wanted.
const STEP: u64 = 1 << 20;

/// How far saving is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SaveProgress {
    /// Contents that are written.
    pub files: u64,
    /// Of so many.
    pub of_files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of so many.
    pub of_bytes: u64,
}

/// What was saved.
#[derive(Debug)]
pub struct Saved {
    /// Where it is.
    pub path: PathBuf,
    /// Files, hard links and symbolic links that were written.
    pub files: u64,
    /// Bytes of content, holes of sparse files among them.
    pub bytes: u64,
    /// Paths that were left out, made harmless, and why.
    pub skipped: Vec<(String, Skip)>,
}

impl Saved {
    /// Whether something is lacking that could have been saved: content that can't be read, names that don't fit.
    pub fn is_short(&self) -> bool {
        self.skipped.iter().any(|(_, why)| !matches!(why, Skip::Special(_) | Skip::Dangling))
    }
}

/// Why a path was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// Devices and pipes are not made.
    Special(EventKind),
    /// A hard link to something that is not there.
    Dangling,
    /// The directory can't hold the name, or takes it for another one.
    Name(String),
    /// The content can't be read.
    Unread(String),
    /// The file system can't hold a file of that size, which a hole makes easy to claim.
    TooLarge(u64),
}

impl fmt::Display for Skip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special(kind) => write!(out, "a {} is not made", kind.name()),
            Self::Dangling => write!(out, "a hard link to nothing"),
            Self::Name(why) => write!(out, "its name can't be written here: {why}"),
            Self::Unread(why) => write!(out, "its content can't be read: {why}"),
            Self::TooLarge(bytes) => write!(out, "its {bytes} bytes are more than the file system takes"),
        }
    }
}

/// What keeps something from being saved. Nothing is left behind then.
#[derive(Debug, Error)]
pub enum SaveError {
    /// It is not in the image then.
    #[error("{path} is not there after layer {layer}")]
    Absent {
        /// The path, made harmless.
        path: String,
        /// The layer.
        layer: u16,
    },
    /// It is nothing that is saved.
    #[error("{path} is not saved: {why}")]
    Skipped {
        /// The path, made harmless.
        path: String,
        /// Why not.
        why: Skip,
    },
    /// Nothing can be made where it should go.
    #[error("nothing can be saved to {}: {error}", path.display())]
    Into {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It can't be written: the disk is full, a quota is reached.
    #[error("{path} can't be written to {}: {error}; nothing is left of it", into.display())]
    Write {
        /// The path in the image, made harmless.
        path: String,
        /// The directory.
        into: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The image can't be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nobody wants it any more.
    #[error("stopped; nothing is left of it")]
    Stopped,
}

/// Writes the file or folder that `node` is after `layer` into the directory `into`, which must be there, under its own
/// name, or the first of `name.1`, `name.2` … that is free: nothing is replaced. It appears there when all of it is
/// written. `tell` hears how far it is; when it returns false, or `stop` is true, everything stops.
///
/// Kept are permissions without setuid and setgid, times, symbolic links as they are, hard links within the folder, and
/// holes. Owners and extended attributes are not. Devices and pipes are left out and told, as is what can't be read.
///
/// # Errors
/// When it is not there, can't be read or can't be written; nothing is left behind then.
pub fn save(
    target: &Target,
    found: &Inspection,
    node: NodeId,
    layer: u16,
    into: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(SaveProgress) -> bool,
) -> Result<Saved, SaveError> {
    save_some(target, found, node, (layer, None), into, stop, tell)
}

/// As [`save`], of the file system after the last layer of a range, and only the files that the range added or changed.
///
/// # Errors
/// As [`save`].
pub fn save_changes(
    target: &Target,
    found: &Inspection,
    node: NodeId,
    range: Range,
    into: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(SaveProgress) -> bool,
) -> Result<Saved, SaveError> {
    let changed = changed(&found.tree, node, range);
    save_some(target, found, node, (range.last, Some(&changed)), into, stop, tell)
}

/// The paths below a directory that a range of layers stores and that are there after it, with the directories above them.
fn changed(tree: &Tree, top: NodeId, range: Range) -> FxHashSet<NodeId> {
    let mut paths = FxHashSet::default();
    for layer in tree.layers.iter().take(usize::from(range.last) + 1).skip(range.first.into()) {
        let stored = layer.events.iter().filter(|event| event.until > range.last);
        for event in stored.filter(|event| event.kind() != EventKind::Directory || event.change() == Change::Added) {
            let above = std::iter::successors(Some(event.node), |node| tree.paths.parent(*node));
            let chain: Vec<NodeId> = above.take_while(|node| *node != top).collect();
            // What is not below the directory has the root as its last step.
            if chain.last().is_none_or(|last| tree.paths.parent(*last) == Some(top)) {
                paths.extend(chain);
            }
        }
    }
    paths
}

fn save_some(
    target: &Target,
    found: &Inspection,
    node: NodeId,
    (layer, only): (u16, Option<&FxHashSet<NodeId>>),
    into: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(SaveProgress) -> bool,
) -> Result<Saved, SaveError> {
    let tree = &found.tree;
    let at = tree.state(node, layer);
    if at.is_none() && node != NodeId::ROOT {
        return Err(SaveError::Absent { path: shown(&tree.paths.path(node)), layer });
    }
    let name = if node == NodeId::ROOT { ROOT_NAME } else { tree.paths.name(node) };
    let stage =
        Stage::new(into, &tree.paths, node, name).map_err(|error| SaveError::Into { path: into.to_owned(), error })?;
    let mut work = Work {
        tree,
        only,
        top: node,
        into,
        stage,
        names: FxHashMap::default(),
        folders: Vec::new(),
        files: 0,
        skipped: Vec::new(),
        failure: None,
        progress: SaveProgress::default(),
        stop,
        tell,
    };
    work.make_all(node, at, layer)?;
    let wanted: BTreeSet<EventRef> = work.names.keys().copied().collect();
    work.progress.of_files = wanted.len() as u64;
    work.progress.of_bytes = wanted.iter().map(|file| tree.event_at(*file).size).fold(0, u64::saturating_add);
    let done = gather(target, found, wanted, stop, &mut work);
    if let Some(failure) = work.failure.take() {
        return Err(failure);
    }
    done.map_err(|error| if matches!(error, ReadError::Stopped) { SaveError::Stopped } else { error.into() })?;
    work.end(at)
}

struct Work<'w> {
    tree: &'w Tree,
    /// Only these paths are written.
    only: Option<&'w FxHashSet<NodeId>>,
    top: NodeId,
    into: &'w Path,
    stage: Stage<'w>,
    /// The paths that show each content.
    names: FxHashMap<EventRef, Vec<NodeId>>,
    /// Folders that were made, each before what is in it.
    folders: Vec<(NodeId, Option<EventRef>)>,
    files: u64,
    skipped: Vec<(String, Skip)>,
    failure: Option<SaveError>,
    progress: SaveProgress,
    stop: &'w AtomicBool,
    tell: &'w mut dyn FnMut(SaveProgress) -> bool,
}

impl Work<'_> {
    fn shown(&self, node: NodeId) -> String {
        shown_path(self.tree, node)
    }

    fn cant_write<T>(&self, node: NodeId, error: io::Error) -> Result<T, SaveError> {
        Err(SaveError::Write { path: self.shown(node), into: self.into.to_owned(), error })
    }

    fn skip(&mut self, node: NodeId, why: Skip) {
        let path = self.shown(node);
        self.skipped.push((path, why));
    }

    /// A path that could not be made: told when it is its name's fault, and else the end.
    fn settle(&mut self, node: NodeId, error: io::Error) -> Result<(), SaveError> {
        if !is_about_the_name(&error) {
            return self.cant_write(node, error);
        }
        let why = if error.kind() == io::ErrorKind::AlreadyExists {
            "the file system takes it for a name that is there already (upper and lower case?)".to_owned()
        } else {
            error.to_string()
        };
        self.skip(node, Skip::Name(why));
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), SaveError> {
        let wanted = !self.stop.load(Ordering::Relaxed) && (self.tell)(self.progress);
        if wanted { Ok(()) } else { Err(SaveError::Stopped) }
    }

    /// Makes all but the contents: folders, symbolic links, and the list of what is to be read.
    fn make_all(&mut self, top: NodeId, at: Option<EventRef>, layer: u16) -> Result<(), SaveError> {
        let mut left = vec![(top, at)];
        let mut count = 0_u32;
        while let Some((node, at)) = left.pop() {
            count += 1;
            if count.is_multiple_of(1024) {
                self.go_on()?;
            }
            let kind = at.map_or(EventKind::Directory, |at| self.tree.event_at(at).kind());
            match (kind, at) {
                (EventKind::Directory, at) => match self.stage.make_folder(node) {
                    Ok(()) => {
                        self.folders.push((node, at));
                        let first = left.len();
                        let wanted = |node: &NodeId| self.only.is_none_or(|only| only.contains(node));
                        let entries = self.tree.entries(node, layer).filter(|(child, _)| wanted(child));
                        left.extend(entries.map(|(child, at)| (child, Some(at))));
                        // The same order whatever the order of layers was, the first on top.
                        left[first..].sort_by(|a, b| self.tree.paths.name(b.0).cmp(self.tree.paths.name(a.0)));
                    }
                    Err(error) => self.settle(node, error)?,
                },
                (EventKind::Symlink, Some(at)) => {
                    let event = self.tree.event_at(at);
                    let text = self.tree.symlink(event).unwrap_or_default();
                    match self.stage.make_symlink(node, text, event.mtime()) {
                        Ok(()) => self.files += 1,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {
                            self.skip(node, Skip::Name("a symbolic link without a text".to_owned()));
                        }
                        Err(error) => self.settle(node, error)?,
                    }
                }
                (EventKind::File | EventKind::HardLink, Some(at)) => match self.tree.copy_of(at) {
                    Some(file) => self.names.entry(file).or_default().push(node),
                    None => self.skip(node, Skip::Dangling),
                },
                (kind, _) => self.skip(node, Skip::Special(kind)),
            }
        }
        Ok(())
    }

    /// Makes the first of a content's names that the directory can hold.
    fn make_file(&mut self, names: &[NodeId]) -> Result<Option<(usize, File)>, SaveError> {
        for (place, name) in names.iter().enumerate() {
            match self.stage.make_file(*name) {
                Ok(file) => return Ok(Some((place, file))),
                Err(error) => self.settle(*name, error)?,
            }
        }
        Ok(None)
    }

    fn take_one(&mut self, file: EventRef, copy: &mut Copy<'_>) -> Result<Outcome, SaveError> {
        self.go_on()?;
        let names = self.names.get(&file).cloned().unwrap_or_default();
        let Some((place, made)) = self.make_file(&names)? else {
            self.progress.files += 1;
            return Ok(Outcome::Stored);
        };
        let name = names[place];
        let before = self.progress;
        let event = self.tree.event_at(file);
        let mut out = Out {
            file: BufWriter::with_capacity(event.size.clamp(1, 256 * 1024) as usize, made),
            progress: &mut self.progress,
            told: 0,
            stop: self.stop,
            tell: &mut *self.tell,
            failure: None,
        };
        let copied = copy(&mut out);
        let Out { file: buffer, failure, .. } = out;
        let right = match (copied, failure) {
            (_, Some(Failure::Stopped)) => return Err(SaveError::Stopped),
            (_, Some(Failure::Write(error))) => return self.cant_keep(file, name, before, error),
            (Ok(true), None) => Ok(()),
            (Ok(false), None) => Err(Outcome::WrongFile),
            (Err(error), None) => Err(Outcome::Damaged(error)),
        };
        if let Err(took) = right {
            self.progress = before;
            return match self.stage.unmake(name) {
                Ok(()) => Ok(took),
                Err(error) => self.cant_write(name, error),
            };
        }
        // A hole at the end has no byte of its own.
        let ended = buffer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|made| made.set_len(event.size).map(|()| made))
            .and_then(|made| finish(&made, self.tree.attributes(file).mode & 0o777, event.mtime()));
        if let Err(error) = ended {
            return self.cant_keep(file, name, before, error);
        }
        self.progress.files += 1;
        self.files += 1;
        for other in &names[place + 1..] {
            self.link(name, *other)?;
        }
        Ok(Outcome::Stored)
    }

    /// A file that is larger than files can be here is left out; everything else is the end.
    fn cant_keep(
        &mut self,
        file: EventRef,
        name: NodeId,
        before: SaveProgress,
        error: io::Error,
    ) -> Result<Outcome, SaveError> {
        if error.kind() != io::ErrorKind::FileTooLarge {
            return self.cant_write(name, error);
        }
        if let Err(error) = self.stage.unmake(name) {
            return self.cant_write(name, error);
        }
        self.progress = SaveProgress { files: before.files + 1, ..before };
        let bytes = self.tree.event_at(file).size;
        for name in self.names.get(&file).cloned().unwrap_or_default() {
            self.skip(name, Skip::TooLarge(bytes));
        }
        // The reader need not know: the next file is another matter.
        Ok(Outcome::Stored)
    }

    /// A further name; a copy where the file system knows no such thing.
    fn link(&mut self, from: NodeId, to: NodeId) -> Result<(), SaveError> {
        let made = match self.stage.link(from, to) {
            Err(error) if !is_about_the_name(&error) => self.copy(from, to),
            other => other,
        };
        match made {
            Ok(()) => self.files += 1,
            Err(error) => self.settle(to, error)?,
        }
        Ok(())
    }

    fn copy(&mut self, from: NodeId, to: NodeId) -> io::Result<()> {
        let mut old = self.stage.open_file(from)?;
        let mut new = self.stage.make_file(to)?;
        io::copy(&mut old, &mut new)?;
        let about = old.metadata()?;
        // A file system that can't keep them has the content all the same.
        let _ = new.set_permissions(about.permissions());
        let _ = about.modified().and_then(|time| new.set_modified(time));
        Ok(())
    }

    /// All contents are there: folders get their modes and times, and the whole its name.
    fn end(mut self, at: Option<EventRef>) -> Result<Saved, SaveError> {
        if self.files == 0 && self.folders.is_empty() {
            // The thing itself, and nothing else, was left out.
            let why = self.skipped.pop().map_or(Skip::Dangling, |(_, why)| why);
            return Err(SaveError::Skipped { path: self.shown(self.top), why });
        }
        let about = |at: Option<EventRef>| match at {
            Some(at) => (self.tree.attributes(at).mode, self.tree.event_at(at).mtime()),
            None => (0o755, None),
        };
        while let Some((node, at)) = self.folders.pop() {
            let (mode, mtime) = about(at);
            if let Err(error) = self.stage.finish_folder(node, mode, mtime) {
                return self.cant_write(node, error);
            }
        }
        let (mode, mtime) = about(at);
        let Self { stage, tree, top, into, .. } = self;
        let name = stage.publish(mode, mtime).map_err(|error| SaveError::Write {
            path: shown_path(tree, top),
            into: into.to_owned(),
            error,
        })?;
        let path = into.join(os_name(&name));
        Ok(Saved { path, files: self.files, bytes: self.progress.bytes, skipped: self.skipped })
    }
}

fn shown_path(tree: &Tree, node: NodeId) -> String {
    if node == NodeId::ROOT { "/".to_owned() } else { shown(&tree.paths.path(node)) }
}

impl Receiver for Work<'_> {
    fn take(&mut self, file: EventRef, copy: &mut Copy<'_>) -> Outcome {
        self.take_one(file, copy).unwrap_or_else(|failure| {
            self.failure = Some(failure);
            Outcome::Stop
        })
    }

    fn lacks(&mut self, file: EventRef, why: String) {
        for name in self.names.get(&file).cloned().unwrap_or_default() {
            self.skip(name, Skip::Unread(why.clone()));
        }
        self.progress.files += 1;
    }
}

enum Failure {
    Stopped,
    Write(io::Error),
}

/// A file that is being written. Remembers whether it was its own fault that a copy broke off.
struct Out<'o> {
    file: BufWriter<File>,
    progress: &'o mut SaveProgress,
    /// Bytes since somebody was told.
    told: u64,
    stop: &'o AtomicBool,
    tell: &'o mut dyn FnMut(SaveProgress) -> bool,
    failure: Option<Failure>,
}

impl Out<'_> {
    fn passed(&mut self, bytes: u64) -> io::Result<()> {
        self.progress.bytes = self.progress.bytes.saturating_add(bytes);
        self.told = self.told.saturating_add(bytes);
        if self.told < STEP {
            return Ok(());
        }
        self.told = 0;
        if self.stop.load(Ordering::Relaxed) || !(self.tell)(*self.progress) {
            self.failure = Some(Failure::Stopped);
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    }

    fn keep<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            self.failure = Some(Failure::Write(error));
            told
        })
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.file.write(bytes);
        let took = self.keep(done)?;
        self.passed(took as u64)?;
        Ok(took)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.file.flush();
        self.keep(done)
    }
}

impl Sink for Out<'_> {
    fn hole(&mut self, bytes: u64) -> io::Result<()> {
        // Linux refuses to go where no byte can be written.
        let done = i64::try_from(bytes)
            .map_err(io::Error::other)
            .and_then(|hop| self.file.seek(SeekFrom::Current(hop)))
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge));
        self.keep(done)?;
        self.passed(bytes)
    }
}
