//! Proof of a fix: the original and the edited Dockerfile are built, and the two images held against each other.
//!
//! Owns the builds and what may differ after a fix. Leaves the edits to `fix` and the comparison to `compare`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::bytes::shown;
use crate::compare::{CompareError, CompareOptions, Comparison, compare};
use crate::fix::{Edited, Plan};
use crate::inspect::{InspectError, Inspection, Options, inspect};
use crate::source::{Target, TargetError};
use crate::tree::{Change, Tree};
use crate::waste::Rules;

/// What is built, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// `docker` or `podman`.
    pub client: String,
    /// The build context.
    pub context: PathBuf,
    /// Further arguments of the build.
    pub arguments: Vec<OsString>,
    /// How the images are inspected.
    pub options: Options,
}

/// What came out for some edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Content that the edited image stores less, bytes; negative when it stores more.
    pub bytes: i64,
    /// Nothing differs but what the edits name.
    pub same: bool,
    /// What differs beyond that.
    pub differences: Vec<String>,
}

/// What keeps a proof from being made.
#[derive(Debug, Error)]
pub enum ProofError {
    /// The client can't be run.
    #[error("`{client}` can't be run: {error}")]
    Client {
        /// Its name.
        client: String,
        /// Why not.
        error: std::io::Error,
    },
    /// A build failed.
    #[error("the build of the {which} Dockerfile fails:\n{output}")]
    Build {
        /// `original` or `edited`.
        which: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// A file of the build can't be written or read.
    #[error("{name}: {error}")]
    File {
        /// The file.
        name: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The edits can't be made together.
    #[error("the edits change the same lines")]
    Clash,
    /// An image that was built can't be named.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// An image that was built can't be inspected.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The images can't be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
}

/// An image that was built.
struct Built {
    target: Target,
    found: Inspection,
}

/// Builds the original once, and with it proves edits.
pub struct Prover<'p> {
    request: Request,
    plan: &'p Plan,
    folder: tempfile::TempDir,
    original: Built,
    /// Paths that differ between two builds of the original; made when something differs.
    unsteady: Option<FxHashSet<Vec<u8>>>,
}

impl<'p> Prover<'p> {
    /// Builds the original.
    ///
    /// # Errors
    /// When it can't be built or inspected.
    pub fn new(plan: &'p Plan, request: Request) -> Result<Self, ProofError> {
        let folder =
            tempfile::tempdir().map_err(|error| ProofError::File { name: "a temporary directory".into(), error })?;
        let original = build(&request, folder.path(), "original", plan.text(), None, false)?;
        Ok(Self { request, plan, folder, original, unsteady: None })
    }

    /// Builds the Dockerfile with some edits, and compares.
    ///
    /// # Errors
    /// When it can't be built or inspected. A result that differs is not an error.
    pub fn prove(&mut self, edits: &[usize], tree: &Tree) -> Result<Proof, ProofError> {
        let Edited { dockerfile, ignore } = self.plan.edited(edits).ok_or(ProofError::Clash)?;
        let ignore = ignore.as_ref().map(|(_, text)| text.as_str());
        let edited = build(&self.request, self.folder.path(), "edited", &dockerfile, ignore, false)?;
        let gone: Vec<Vec<u8>> =
            edits.iter().flat_map(|edit| &self.plan.edits[*edit].gone).map(|node| tree.paths.path(*node)).collect();
        let is_gone = |path: &[u8]| {
            gone.iter()
                .any(|top| path == &top[..] || path.strip_prefix(&top[..]).is_some_and(|rest| rest.starts_with(b"/")))
        };
        let rules = self.request.options.rules.as_ref().unwrap_or_else(|| Rules::built_in());
        let may_differ = |change: Change, path: &[u8]| match change {
            Change::Removed => is_gone(path),
            // It may be copied with the rest of the build context.
            Change::Modified => {
                ignore.is_some() && path.ends_with(b".dockerignore") || rules.varies(&[b"/", path].concat())
            }
            _ => false,
        };
        let comparison = self.compare(&self.original, &edited)?;
        let mut differing = differences(&comparison, &may_differ);
        if !differing.is_empty() {
            if self.unsteady.is_none() {
                let again = build(&self.request, self.folder.path(), "original", self.plan.text(), None, true)?;
                let control = self.compare(&self.original, &again)?;
                let paths = control.files.iter().map(|file| control.tree.paths.path(file.node));
                self.unsteady = Some(paths.collect());
            }
            let unsteady = self.unsteady.as_ref();
            differing.retain(|(path, _)| {
                !unsteady.is_some_and(|paths| path.as_ref().is_some_and(|path| paths.contains(path)))
            });
        }
        let stored = |built: &Built| built.found.waste.content_bytes as i64;
        let differences: Vec<String> = differing.into_iter().map(|(_, text)| text).collect();
        Ok(Proof { bytes: stored(&self.original) - stored(&edited), same: differences.is_empty(), differences })
    }

    fn compare(&self, before: &Built, after: &Built) -> Result<Comparison, ProofError> {
        let how = CompareOptions { strict: false, threads: self.request.options.threads };
        Ok(compare((&before.target, &before.found), (&after.target, &after.found), how)?)
    }
}

/// What differs beside what may: the path, where it is one, and a sentence.
fn differences(comparison: &Comparison, may_differ: &dyn Fn(Change, &[u8]) -> bool) -> Vec<(Option<Vec<u8>>, String)> {
    let tree = &comparison.tree;
    let mut found = Vec::new();
    for file in &comparison.files {
        let path = tree.paths.path(file.node);
        if may_differ(file.change, &path) {
            continue;
        }
        let aspects: Vec<&str> = file.aspects.iter().map(|aspect| aspect.name()).collect();
        let how = match file.change {
            Change::Added => "is new".to_owned(),
            Change::Removed => "is gone".to_owned(),
            _ => format!("differs in its {}", aspects.join(", ")),
        };
        found.push((Some(path.clone()), format!("/{} {how}", shown(&path))));
    }
    for setting in &comparison.settings {
        found.push((None, format!("the setting {} differs", shown(setting.key.as_bytes()))));
    }
    found
}

fn build(
    request: &Request,
    folder: &Path,
    which: &'static str,
    text: &str,
    ignore: Option<&str>,
    afresh: bool,
) -> Result<Built, ProofError> {
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| ProofError::File { name: path.display().to_string(), error })
    };
    let dockerfile = folder.join(format!("Dockerfile.{which}"));
    write(&dockerfile, text)?;
    let mut context = request.context.clone();
    if let Some(ignore) = ignore {
        // BuildKit reads the one beside the Dockerfile, the classic builder only that of the context.
        write(&folder.join(format!("Dockerfile.{which}.dockerignore")), ignore)?;
        let copy = folder.join(format!("context.{which}"));
        let _ = std::fs::remove_dir_all(&copy);
        let status = Command::new("cp").arg("-a").arg(&context).arg(&copy).status();
        let failed = |error| ProofError::File { name: copy.display().to_string(), error };
        if !status.map_err(failed)?.success() {
            return Err(failed(std::io::Error::other("the build context can't be copied")));
        }
        write(&copy.join(".dockerignore"), ignore)?;
        context = copy;
    } else {
        let _ = std::fs::remove_file(folder.join(format!("Dockerfile.{which}.dockerignore")));
    }
    let id_file = folder.join("id");
    let _ = std::fs::remove_file(&id_file);
    let mut command = Command::new(&request.client);
    command.arg("build").arg("--iidfile").arg(&id_file).arg("-f").arg(&dockerfile);
    if afresh {
        command.arg("--no-cache");
    }
    command.args(&request.arguments).arg(&context).stdin(Stdio::null());
    let output = command.output().map_err(|error| ProofError::Client { client: request.client.clone(), error })?;
    if !output.status.success() {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        return Err(ProofError::Build { which, output: lines[lines.len().saturating_sub(20)..].join("\n") });
    }
    let id = std::fs::read_to_string(&id_file)
        .map_err(|error| ProofError::File { name: "the id of the image".to_owned(), error })?;
    let target = Target::parse(&OsString::from(format!("{}:{}", request.client, id.trim())))?;
    let found = inspect(&target, &request.options, &mut |_| true)?;
    Ok(Built { target, found })
}
