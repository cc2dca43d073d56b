//! Where something from an image is written before it gets its name, on systems without `openat(2)`: a directory of its
//! own, in which everything is reached by path.
//!
//! A node below a symbolic link can't exist in a tree, and everything below a path that could not be made is left out,
//! so no path leads through something that an image made. Names that the system would change are refused first.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::windows_names::windows_problem;
use crate::bytes::os_name;
use crate::tree::{NodeId, Paths};

/// Names that are tried: `name`, `name.1`, and so on.
const TRIES: u32 = 10_000;
/// A symbolic link needs a right that Windows gives to administrators and in developer mode.
const PRIVILEGE_NOT_HELD: i32 = 1314;
/// The syntax of the name is wrong.
const INVALID_NAME: i32 = 123;

/// What is being written. Dropping it removes all of it, unless it was published.
pub(super) struct Stage<'t> {
    paths: &'t Paths,
    top: NodeId,
    top_name: &'t [u8],
    into: PathBuf,
    own: PathBuf,
    /// What was made, directories before what is in them.
    made: Vec<(NodeId, Made)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Directory,
    Other,
}

impl<'t> Stage<'t> {
    /// An empty one in the directory `into`, for `top` and what is below it.
    pub(super) fn new(into: &Path, paths: &'t Paths, top: NodeId, top_name: &'t [u8]) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // An absolute path may be longer than 260 characters.
        let into = std::path::absolute(into)?;
        let own = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let own = into.join(format!(".explore-{}-{number}.part", std::process::id()));
            match fs::create_dir(&own) {
                Ok(()) => break own,
                // Left behind by a process that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        Ok(Self { paths, top, top_name, into, own, made: Vec::new() })
    }

    fn name(&self, node: NodeId) -> &'t [u8] {
        if node == self.top { self.top_name } else { self.paths.name(node) }
    }

    /// Where a node is while it is made.
    fn place(&self, node: NodeId) -> io::Result<PathBuf> {
        let mut names = vec![self.name(node)];
        let mut at = node;
        while let Some(parent) = self.paths.parent(at).filter(|_| at != self.top) {
            names.push(self.name(parent));
            at = parent;
        }
        let mut place = self.own.clone();
        for name in names.into_iter().rev() {
            if let Some(problem) = windows_problem(name) {
                return Err(io::Error::new(io::ErrorKind::InvalidFilename, problem));
            }
            place.push(os_name(name));
        }
        Ok(place)
    }

    /// Makes a directory.
    pub(super) fn make_folder(&mut self, node: NodeId) -> io::Result<()> {
        fs::create_dir(self.place(node)?)?;
        self.made.push((node, Made::Directory));
        Ok(())
    }

    /// Makes a symbolic link with any text. Times of links are not kept.
    pub(super) fn make_symlink(&mut self, node: NodeId, text: &[u8], _mtime: Option<i64>) -> io::Result<()> {
        symlink(&os_name(text), &self.place(node)?)?;
        self.made.push((node, Made::Other));
        Ok(())
    }

    /// Makes an empty file.
    pub(super) fn make_file(&mut self, node: NodeId) -> io::Result<File> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.place(node)?)?;
        self.made.push((node, Made::Other));
        Ok(file)
    }

    /// Makes a further name of a file that was made.
    pub(super) fn link(&mut self, from: NodeId, to: NodeId) -> io::Result<()> {
        fs::hard_link(self.place(from)?, self.place(to)?)?;
        self.made.push((to, Made::Other));
        Ok(())
    }

    /// Opens a file that was made, for reading.
    pub(super) fn open_file(&mut self, node: NodeId) -> io::Result<File> {
        File::open(self.place(node)?)
    }

    /// Removes what was made last, no directory.
    pub(super) fn unmake(&mut self, node: NodeId) -> io::Result<()> {
        fs::remove_file(self.place(node)?)?;
        if self.made.last().is_some_and(|(last, _)| *last == node) {
            self.made.pop();
        }
        Ok(())
    }

    /// Directories keep the times and rights that the system gives them.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as where directories have modes")]
    pub(super) fn finish_folder(&mut self, _node: NodeId, _mode: u16, _mtime: Option<i64>) -> io::Result<()> {
        Ok(())
    }

    /// Gives it its name in the directory, or the first of `name.1`, `name.2` … that is free. Nothing is ever replaced.
    pub(super) fn publish(mut self, _mode: u16, _mtime: Option<i64>) -> io::Result<Vec<u8>> {
        let is_directory = self.made.first().is_some_and(|(_, made)| *made == Made::Directory);
        let old = self.place(self.top)?;
        for number in 0..TRIES {
            let mut name = self.top_name.to_vec();
            if number > 0 {
                name.extend_from_slice(format!(".{number}").as_bytes());
            }
            match rename_if_free(&old, &self.into.join(os_name(&name)), is_directory) {
                Ok(()) => {
                    self.made.clear();
                    return Ok(name);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("it and {} more like it exist already", TRIES - 1)))
    }
}

impl Drop for Stage<'_> {
    /// What was made goes in the reverse order, step by step: no tree is too deep for that.
    fn drop(&mut self) {
        while let Some((node, made)) = self.made.pop() {
            // What can't be removed is left, and so is what it is in.
            let _ = self.place(node).and_then(|place| match made {
                Made::Directory => fs::remove_dir(place),
                Made::Other => fs::remove_file(place),
            });
        }
        let _ = fs::remove_dir(&self.own);
    }
}

/// A further name replaces nothing, and a directory is never moved onto something.
fn rename_if_free(old: &Path, new: &Path, is_directory: bool) -> io::Result<()> {
    if fs::symlink_metadata(new).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if is_directory {
        return fs::rename(old, new);
    }
    match fs::hard_link(old, new) {
        Ok(()) => fs::remove_file(old),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without hard links: the name is taken with an empty file, and that is ours to replace.
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).open(new)?;
            fs::rename(old, new)
        }
    }
}

#[cfg(windows)]
fn symlink(text: &std::ffi::OsStr, place: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(text, place)
}

#[cfg(not(windows))]
fn symlink(_: &std::ffi::OsStr, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sets the time of a file. A file system that can't keep it is not a reason to stop.
#[allow(clippy::unnecessary_wraps, reason = "as where files have modes")]
pub(super) fn finish(file: &File, _mode: u16, mtime: Option<i64>) -> io::Result<()> {
    let time = mtime.and_then(|seconds| {
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(span) } else { SystemTime::UNIX_EPOCH.checked_add(span) }
    });
    if let Some(time) = time {
        let _ = file.set_modified(time);
    }
    Ok(())
}

/// Names that a file system can't hold, or not beside those that are there, and links that the user may not make.
pub(super) fn is_about_the_name(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidFilename | io::ErrorKind::AlreadyExists | io::ErrorKind::Unsupported)
        || matches!(error.raw_os_error(), Some(PRIVILEGE_NOT_HELD | INVALID_NAME))
}
