//! Where something from an image is written before it gets its name: a folder of its own, which nobody else may enter.
//!
//! Every step is taken from the folder that is open, by one name, and no symbolic link is ever followed (`openat(2)`,
//! `O_NOFOLLOW`), so nothing that an image says leads out of it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::tree::{NodeId, Paths};

/// A folder is entered and read, and no symbolic link is taken for one.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Of the folders on the way down so many stay open at either end of the way. Few processes may open more than a
/// thousand files, and a path may have two thousand folders.
const OPEN: usize = 64;
/// Names that are tried: `name`, `name.1`, and so on.
const TRIES: u32 = 10_000;

/// What is being written. Dropping it removes all of it, unless it was published.
pub(super) struct Stage<'t> {
    paths: &'t Paths,
    top: NodeId,
    top_name: &'t [u8],
    into: OwnedFd,
    own_name: String,
    own: OwnedFd,
    /// The way to the folder that was used last: each is in the one before. Those in the middle of a long one are closed.
    way: Vec<(NodeId, Option<OwnedFd>)>,
    /// What was made, folders before what is in them.
    made: Vec<(NodeId, Made)>,
    cleaning: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Folder,
    Other,
}

/// Locks a stage for as long as the process lives. False when another process has it; where the file system has no locks, it
/// is ours.
fn lock(stage: &OwnedFd) -> Result<bool, Errno> {
    match rustix::fs::flock(stage, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::BADF) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether a name still stands for the folder that was opened by it.
fn is_still_at(into: &OwnedFd, name: &str, folder: &OwnedFd) -> bool {
    let by_name = rustix::fs::statat(into, name, AtFlags::SYMLINK_NOFOLLOW);
    let opened = rustix::fs::fstat(folder);
    matches!((by_name, opened), (Ok(one), Ok(other)) if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Whether a name is one that a stage has: `.explore-PID-NUMBER.part`.
fn is_of_stage(name: &str) -> bool {
    let numbers = name.strip_prefix(".explore-").and_then(|rest| rest.strip_suffix(".part"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.and_then(|both| both.split_once('-')).is_some_and(|(pid, number)| is_number(pid) && is_number(number))
}

/// Removes what processes that were killed left in a directory: stages of this user that no process has locked. What can't be
/// removed stays.
fn remove_abandoned(into: &OwnedFd, folder: &Path) {
    let Ok(names) = std::fs::read_dir(folder) else { return };
    for name in
        names.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_of_stage(name))
    {
        let Ok(stage) = rustix::fs::openat(into, &*name, FOLDER, Mode::empty()) else { continue };
        let is_own = rustix::fs::fstat(&stage).is_ok_and(|stat| stat.st_uid == rustix::process::geteuid().as_raw());
        // Without locks nobody knows who still writes.
        let is_abandoned = || rustix::fs::flock(&stage, FlockOperation::NonBlockingLockExclusive).is_ok();
        if is_own && is_abandoned() {
            let _ = std::fs::remove_dir_all(folder.join(name));
        }
    }
}

impl<'t> Stage<'t> {
    /// An empty one in a directory, for `top` and what is below it.
    pub(super) fn new(folder: &Path, paths: &'t Paths, top: NodeId, top_name: &'t [u8]) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let into = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        remove_abandoned(&into, folder);
        let (own_name, own) = loop {
            let name = format!(".explore-{}-{}.part", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            match rustix::fs::mkdirat(&into, &*name, Mode::RWXU) {
                Ok(()) => {}
                // Left behind by a process that was killed, and could not be removed.
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(error.into()),
            }
            let own = rustix::fs::openat(&into, &*name, FOLDER, Mode::empty());
            // Before it was locked, another process may have taken it for abandoned.
            match own.and_then(|own| Ok((lock(&own)?, own))) {
                Ok((true, own)) if is_still_at(&into, &name, &own) => break (name, own),
                Ok(_) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let (way, made) = (Vec::new(), Vec::new());
        Ok(Self { paths, top, top_name, into, own_name, own, way, made, cleaning: false })
    }

    fn name(&self, node: NodeId) -> &'t [u8] {
        if node == self.top { self.top_name } else { self.paths.name(node) }
    }

    /// The folder that `node` lies in.
    fn parent(&mut self, node: NodeId) -> io::Result<BorrowedFd<'_>> {
        match self.paths.parent(node).filter(|_| node != self.top) {
            Some(parent) => self.folder(parent),
            None => Ok(self.own.as_fd()),
        }
    }

    /// A folder that was made.
    fn folder(&mut self, node: NodeId) -> io::Result<BorrowedFd<'_>> {
        let mut way = vec![node];
        while let Some(parent) = way.last().filter(|node| **node != self.top).and_then(|last| self.paths.parent(*last))
        {
            way.push(parent);
        }
        way.reverse();
        let known = self.way.iter().zip(&way).take_while(|((own, _), node)| own == *node).count();
        self.way.truncate(known);
        self.way.extend(way[known..].iter().map(|node| (*node, None)));
        let first = self.way.iter().rposition(|(_, folder)| folder.is_some()).map_or(0, |last| last + 1);
        for level in first..self.way.len() {
            let name = self.name(self.way[level].0);
            let from = level.checked_sub(1).and_then(|above| self.way[above].1.as_ref()).unwrap_or(&self.own);
            if self.cleaning {
                // It may have the mode that the image gives it by now.
                let _ = rustix::fs::chmodat(from, name, Mode::RWXU, AtFlags::empty());
            }
            let opened = rustix::fs::openat(from, name, FOLDER, Mode::empty())?;
            self.way[level].1 = Some(opened);
            if level >= 2 * OPEN {
                self.way[level - OPEN].1 = None;
            }
        }
        Ok(self.way.last().and_then(|(_, folder)| folder.as_ref()).unwrap_or(&self.own).as_fd())
    }

    /// Makes a folder that only its owner may enter.
    pub(super) fn make_folder(&mut self, node: NodeId) -> io::Result<()> {
        let name = self.name(node);
        rustix::fs::mkdirat(self.parent(node)?, name, Mode::RWXU)?;
        self.made.push((node, Made::Folder));
        Ok(())
    }

    /// Makes a symbolic link with any text.
    pub(super) fn make_symlink(&mut self, node: NodeId, text: &[u8], mtime: Option<i64>) -> io::Result<()> {
        let name = self.name(node);
        let parent = self.parent(node)?;
        rustix::fs::symlinkat(text, parent, name)?;
        // A file system that can't keep it has the link all the same.
        let _ = rustix::fs::utimensat(parent, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW);
        self.made.push((node, Made::Other));
        Ok(())
    }

    /// Makes an empty file that only its owner may read.
    pub(super) fn make_file(&mut self, node: NodeId) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = self.name(node);
        let file = rustix::fs::openat(self.parent(node)?, name, flags, Mode::RUSR | Mode::WUSR)?;
        self.made.push((node, Made::Other));
        Ok(file.into())
    }

    /// Makes a further name of a file that was made.
    pub(super) fn link(&mut self, from: NodeId, to: NodeId) -> io::Result<()> {
        let (old, new) = (self.name(from), self.name(to));
        // The other folder may take its place among those that are open.
        let source = self.parent(from)?.try_clone_to_owned()?;
        rustix::fs::linkat(&source, old, self.parent(to)?, new, AtFlags::empty())?;
        self.made.push((to, Made::Other));
        Ok(())
    }

    /// Opens a file that was made, for reading.
    pub(super) fn open_file(&mut self, node: NodeId) -> io::Result<File> {
        let name = self.name(node);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(self.parent(node)?, name, flags, Mode::empty())?.into())
    }

    /// Removes what was made last, no folder.
    pub(super) fn unmake(&mut self, node: NodeId) -> io::Result<()> {
        let name = self.name(node);
        rustix::fs::unlinkat(self.parent(node)?, name, AtFlags::empty())?;
        if self.made.last().is_some_and(|(last, _)| *last == node) {
            self.made.pop();
        }
        Ok(())
    }

    /// Gives a folder in which all is made its mode and time. The topmost keeps its owner's rights until it is published,
    /// since a folder that can't be written can't be moved.
    pub(super) fn finish_folder(&mut self, node: NodeId, mode: u16, mtime: Option<i64>) -> io::Result<()> {
        let mode = if node == self.top { mode | 0o700 } else { mode };
        finish(self.folder(node)?, mode & 0o1777, mtime)
    }

    /// Gives it its name in the directory, or the first of `name.1`, `name.2` … that is free. Nothing is ever replaced.
    /// `mode` is that of a topmost folder.
    pub(super) fn publish(mut self, mode: u16, mtime: Option<i64>) -> io::Result<Vec<u8>> {
        let is_folder = self.made.first().is_some_and(|(_, made)| *made == Made::Folder);
        let top = if is_folder { Some(self.folder(self.top)?.try_clone_to_owned()?) } else { None };
        for number in 0..TRIES {
            let mut name = self.top_name.to_vec();
            if number > 0 {
                name.extend_from_slice(format!(".{number}").as_bytes());
            }
            match self.move_to(&name, is_folder) {
                Ok(()) => {
                    self.made.clear();
                    if let Some(top) = top {
                        // It is where it belongs, whatever its mode is.
                        let _ = finish(&top, mode & 0o1777, mtime);
                    }
                    return Ok(name);
                }
                Err(Errno::EXIST | Errno::NOTEMPTY) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("it and {} more like it exist already", TRIES - 1)))
    }

    fn move_to(&self, name: &[u8], is_folder: bool) -> Result<(), Errno> {
        let moved = rename_if_free(&self.own, self.top_name, &self.into, name);
        if !matches!(moved, Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)) {
            return moved;
        }
        // A file system that can't do it in one step. An empty folder is the only thing that a folder replaces, and this
        // one is ours; a further name replaces nothing.
        if is_folder {
            rustix::fs::mkdirat(&self.into, name, Mode::RWXU)?;
            return rustix::fs::renameat(&self.own, self.top_name, &self.into, name);
        }
        rustix::fs::linkat(&self.own, self.top_name, &self.into, name, AtFlags::empty())?;
        rustix::fs::unlinkat(&self.own, self.top_name, AtFlags::empty())
    }
}

impl Drop for Stage<'_> {
    /// What was made goes in the reverse order, step by step: no tree is too deep for that.
    fn drop(&mut self) {
        self.cleaning = true;
        self.way.clear();
        while let Some((node, made)) = self.made.pop() {
            let name = self.name(node);
            let flags = if made == Made::Folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            // What can't be removed is left, and so is what it is in.
            let _ = self.parent(node).map(|parent| rustix::fs::unlinkat(parent, name, flags));
        }
        let _ = rustix::fs::unlinkat(&self.into, &*self.own_name, AtFlags::REMOVEDIR);
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_if_free(from: &OwnedFd, old: &[u8], to: &OwnedFd, new: &[u8]) -> Result<(), Errno> {
    rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_if_free(_: &OwnedFd, _: &[u8], _: &OwnedFd, _: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// Sets mode and time of what is open. A file system that has no modes, or can't keep the time, is not a reason to stop.
pub(super) fn finish(open: impl AsFd, mode: u16, mtime: Option<i64>) -> io::Result<()> {
    let _ = rustix::fs::futimens(&open, &times(mtime));
    match rustix::fs::fchmod(&open, Mode::from_raw_mode(mode.into())) {
        Ok(()) | Err(Errno::PERM | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn times(mtime: Option<i64>) -> Timestamps {
    let leave = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let set = mtime.map_or(leave, |seconds| Timespec { tv_sec: seconds, tv_nsec: 0 });
    Timestamps { last_access: leave, last_modification: set }
}

/// Names that a file system can't hold, or not beside those that are there: too long, with bytes that it does not take,
/// or the same as another for it.
pub(super) fn is_about_the_name(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL | Errno::EXIST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{LayerEvents, Tree};

    /// A file system that does not tell upper from lower case can't be had everywhere; what it answers can.
    #[test]
    fn a_name_that_is_taken_is_told_and_all_of_it_is_removed() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let mut tree = Tree::default();
        tree.push(LayerEvents::default());
        let entries = || std::fs::read_dir(folder.path()).map_or(0, Iterator::count);
        let made = Stage::new(folder.path(), &tree.paths, NodeId::ROOT, b"name").and_then(|mut stage| {
            stage.make_file(NodeId::ROOT)?;
            let again = stage.make_file(NodeId::ROOT).map(drop);
            assert!(again.as_ref().is_err_and(is_about_the_name), "{again:?}");
            let folder_too = stage.make_folder(NodeId::ROOT);
            assert!(folder_too.as_ref().is_err_and(is_about_the_name), "{folder_too:?}");
            assert_eq!(entries(), 1);
            Ok(())
        });
        assert!(made.is_ok(), "{made:?}");
        assert_eq!(entries(), 0);
    }
}
