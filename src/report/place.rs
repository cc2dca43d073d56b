//! Where in a repository a finding is: services look files up from its top.

use std::path::{Component, Path, PathBuf};

use crate::bytes::shown_text;
use crate::inspect::Inspection;
use crate::waste::Finding;

/// A file of the repository and its lines. Formats that need a place get the first line of `Dockerfile` where none is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Where {
    /// From the top of the repository, or absolute for a file outside of it. Escaped.
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) end_line: usize,
    pub(super) is_known: bool,
}

impl Where {
    /// The instruction to change; for the base image the `FROM` of the Dockerfile that was given.
    pub(super) fn of(found: &Inspection, finding: &Finding) -> Self {
        let from = finding.in_base.then(|| Self::from_line(found)).flatten();
        let own = finding.dockerfile.as_ref().map(|place| Self::at(&place.path, place.line, place.end_line));
        own.or(from).unwrap_or_else(|| Self::unknown(found))
    }

    /// The line of a limit: that of the `FROM`, else the first.
    pub(super) fn of_image(found: &Inspection) -> Self {
        Self::from_line(found).unwrap_or_else(|| Self::unknown(found))
    }

    fn from_line(found: &Inspection) -> Option<Self> {
        let dockerfile = found.dockerfile.as_ref()?;
        dockerfile.from_line.map(|(line, end_line)| Self::at(&dockerfile.path, line, end_line))
    }

    fn unknown(found: &Inspection) -> Self {
        match &found.dockerfile {
            Some(dockerfile) => Self::at(&dockerfile.path, 1, 1),
            None => Self { path: "Dockerfile".to_owned(), line: 1, end_line: 1, is_known: false },
        }
    }

    fn at(path: &str, line: usize, end_line: usize) -> Self {
        Self { path: in_repository(path), line, end_line, is_known: true }
    }
}

/// The path from the top of the repository on: of `GITHUB_WORKSPACE` or `CI_PROJECT_DIR`, else of the directory that holds
/// `.git`, else of the working directory.
fn in_repository(path: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let variables = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"].into_iter().filter_map(std::env::var_os);
    let given: Vec<PathBuf> = variables.filter(|value| !value.is_empty()).map(PathBuf::from).collect();
    let short = from_top(Path::new(path), &here, &given);
    shown_text(&short.to_string_lossy())
}

fn from_top(path: &Path, here: &Path, given: &[PathBuf]) -> PathBuf {
    let whole = plain(&here.join(path));
    // Links in the way of the file are not a part of its name in the repository.
    let resolved = whole.parent().and_then(|parent| Some(parent.canonicalize().ok()?.join(whole.file_name()?)));
    let files: Vec<&PathBuf> = resolved.iter().chain([&whole]).collect();
    let git = files.iter().flat_map(|file| file.ancestors().skip(1)).find(|above| above.join(".git").exists());
    let resolved_tops = given.iter().filter_map(|top| top.canonicalize().ok());
    let tops = given.iter().map(|top| plain(top)).chain(resolved_tops);
    let tops = tops.chain(git.map(Path::to_path_buf)).chain([here.to_path_buf()]);
    for top in tops {
        if let Some(short) = files.iter().find_map(|file| file.strip_prefix(&top).ok()) {
            return short.to_path_buf();
        }
    }
    whole
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_from_the_top_of_the_repository() {
        let folder = tempfile::tempdir().expect("a directory");
        let top = folder.path().canonicalize().expect("its path");
        std::fs::create_dir_all(top.join("repo/.git")).expect("a repository");
        std::fs::create_dir_all(top.join("repo/services/web")).expect("a directory of it");
        let here = top.join("repo/services");
        for (path, given, want) in [
            ("web/Dockerfile", vec![], "services/web/Dockerfile"),
            ("./web/../web/Dockerfile", vec![], "services/web/Dockerfile"),
            ("../Dockerfile", vec![], "Dockerfile"),
            ("web/Dockerfile", vec![top.join("repo/services")], "web/Dockerfile"),
            ("web/Dockerfile", vec![PathBuf::from("/elsewhere")], "services/web/Dockerfile"),
            ("/etc/Dockerfile", vec![], "/etc/Dockerfile"),
        ] {
            assert_eq!(from_top(Path::new(path), &here, &given), Path::new(want), "{path} {given:?}");
        }
        let outside = top.join("plain");
        std::fs::create_dir(&outside).expect("a directory");
        assert_eq!(from_top(Path::new("Dockerfile"), &outside, &[]), Path::new("Dockerfile"));
    }
}
