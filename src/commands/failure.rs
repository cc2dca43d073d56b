//! What ends the program early, in words.

use std::io;

use explore::compare::CompareError;
use explore::content::{ReadError, SaveError};
use explore::gate::BaselineError;
use explore::inspect::InspectError;
use explore::settings::SettingsError;
use explore::source::{Attempt, TargetError};
use explore::tui::ScreenError;
use explore::waste::RulesError;
use thiserror::Error;

/// What ends the program early.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("{name} can't be written: {error}")]
    Write { name: String, error: io::Error },
    #[error("{name} can't be read: {error}")]
    ReadFile { name: String, error: io::Error },
    #[error("{name} is not a Dockerfile: {error}")]
    Dockerfile { name: String, error: explore::build::DockerfileError },
    #[error(transparent)]
    Proof(#[from] explore::prove::ProofError),
    #[error("{name}: {error}")]
    Rules { name: String, error: RulesError },
    #[error("{path} is not in the image{when}")]
    NoPath { path: String, when: String },
    #[error("{path} is a {kind}, not a file")]
    NoFile { path: String, kind: &'static str },
    #[error("{0} leads around in circles: too many symbolic links")]
    Circle(String),
    #[error("there is no layer {wanted}; the image has {has}, numbered from 0")]
    NoLayer { wanted: usize, has: usize },
    #[error("no daemon has an image to choose from\n{}", told(.0))]
    NoImages(Vec<Attempt>),
    #[error("`{client}` can't be run: {error}; `--engine` names the other one")]
    NoClient { client: &'static str, error: io::Error },
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{0}")]
    Usage(String),
    #[error("{name}: {error}")]
    Baseline { name: String, error: BaselineError },
    #[error("there is no baseline {0} yet; `--write-baseline` writes it")]
    NoBaseline(String),
    #[error("{0} exists; `explore config check` judges it")]
    Exists(String),
    #[error("{0} is an archive, and is not overwritten by a report; name another file")]
    NoPlace(String),
    #[error("there is no place for a cache: HOME is not set, nor EXPLORE_CACHE_DIR")]
    NoCache,
    #[error("there is no rule {0}; `explore rules` lists them")]
    NoRule(String),
    #[error(transparent)]
    Screen(#[from] ScreenError),
}

/// Daemons, and why they gave nothing.
fn told(silent: &[Attempt]) -> String {
    silent.iter().map(|attempt| format!("  {attempt}")).collect::<Vec<_>>().join("\n")
}

impl Failure {
    /// Nobody reads any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Write { error, .. } => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Read(ReadError::Content { error: explore::layer::ContentError::Io(error), .. }) => {
                error.kind() == io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }
}
