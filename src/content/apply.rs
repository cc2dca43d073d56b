//! Writing the files that edits change: the Dockerfile and its `.dockerignore`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::fix::Plan;

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The edits can't be made together.
    #[error("the edits change the same lines; apply them one at a time with `explore fix --only`")]
    Clash,
    /// There is no file that the edits are of.
    #[error("the Dockerfile is not at hand; name it with --dockerfile")]
    Reconstructed,
    /// A file is not what was read.
    #[error("{0} changed meanwhile; nothing was written")]
    Changed(String),
    /// A file can't be read or written.
    #[error("{name}: {error}")]
    File {
        /// The file.
        name: String,
        /// Why not.
        error: io::Error,
    },
}

/// Writes the files that some edits change, each whole or not at all, when all of them are still what was read. Their names.
///
/// # Errors
/// When the edits clash, a file changed meanwhile, or one can't be written.
pub fn apply(plan: &Plan, edits: &[usize]) -> Result<Vec<String>, ApplyError> {
    if plan.is_reconstructed {
        return Err(ApplyError::Reconstructed);
    }
    let edited = plan.edited(edits).ok_or(ApplyError::Clash)?;
    let mut files = Vec::new();
    if edited.dockerfile != plan.text() {
        files.push((plan.path.clone(), Some(plan.text()), edited.dockerfile));
    }
    if let Some((name, text)) = edited.ignore {
        files.push((name, plan.ignore(), text));
    }
    for (name, before, _) in &files {
        let now = match std::fs::read_to_string(name) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(ApplyError::File { name: name.clone(), error }),
        };
        if now.as_deref() != *before {
            return Err(ApplyError::Changed(name.clone()));
        }
    }
    for (name, _, text) in &files {
        write(Path::new(name), text).map_err(|error| ApplyError::File { name: name.clone(), error })?;
    }
    Ok(files.into_iter().map(|(name, ..)| name).collect())
}

/// Puts a text in the place of a file, which keeps its mode; through a link, in that of the file that it leads to.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut part = tempfile::Builder::new().prefix(".explore-").suffix(".part").tempfile_in(folder)?;
    part.write_all(text.as_bytes())?;
    match std::fs::metadata(&path) {
        Ok(about) => part.as_file().set_permissions(about.permissions())?,
        Err(_) => make_readable(part.as_file())?,
    }
    part.as_file().sync_all()?;
    part.persist(&path).map(drop).map_err(|error| error.error)
}

/// A temporary file is its owner's alone.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}
