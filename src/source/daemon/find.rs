use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::super::Content;
use super::super::endpoint::{Endpoint, Engine, Surroundings, docker, podman};
use super::connect::{Daemon, title};
use super::error::{Attempt, DaemonError};
use super::export::{Export, Stop};
use super::inspect::{EnginePlatform, ImageFacts};
use super::pull::{Pull, PullProgress};

/// An image of an engine, found.
#[derive(Debug, Clone)]
pub struct EngineImage {
    /// The engine.
    pub daemon: Arc<Daemon>,
    /// What it says.
    pub facts: ImageFacts,
    /// The engine's own copy of its blobs, where this process can read it.
    pub content: Option<Content>,
    /// What was tried before, and which meaning of the name was taken; for people.
    pub notes: Vec<String>,
}

impl EngineImage {
    /// The same image for another platform; None where the engine can't be asked for one.
    ///
    /// # Errors
    /// When it does not have that platform.
    pub fn for_platform(&self, platform: &EnginePlatform) -> Result<Option<Self>, DaemonError> {
        let failed = |error| DaemonError::Failed { engine: self.daemon.title(), error };
        let facts = self.daemon.image_for(&self.facts, platform).map_err(failed)?;
        Ok(facts.map(|facts| Self { facts, ..self.clone() }))
    }

    /// Starts an export for the sake of one platform, where one is given. What is read is added to `count`; when `stop` is set
    /// it ends with an error.
    pub fn export(&self, platform: Option<&EnginePlatform>, count: Arc<AtomicU64>, stop: &Arc<Stop>) -> Export {
        let platform = platform.filter(|platform| self.facts.exports_alone(platform));
        self.daemon.export(&self.facts.id, platform, count, stop)
    }
}

/// Finds an image in the engine that is meant: of one kind or, when none is named, of Docker and then of Podman.
///
/// # Errors
/// With everything that was tried, when none has it.
pub(in super::super) fn find(
    name: &str,
    engine: Option<Engine>,
    pull: Pull,
    platform: Option<&str>,
    around: &dyn Surroundings,
    progress: PullProgress<'_>,
) -> Result<EngineImage, DaemonError> {
    let mut tried = Vec::new();
    let mut near = Vec::new();
    let mut reached: Vec<Arc<Daemon>> = Vec::new();
    for endpoint in endpoints(engine, around) {
        let engine = title(&endpoint);
        let daemon = match Daemon::connect(endpoint) {
            Ok(daemon) => Arc::new(daemon),
            Err(error) => {
                tried.push(Attempt { engine, error });
                continue;
            }
        };
        reached.push(Arc::clone(&daemon));
        if pull == Pull::Always && reached.len() == 1 {
            let failed = |error| DaemonError::Failed { engine: engine.clone(), error };
            daemon.pull(name, platform, progress).map_err(failed)?;
        }
        match daemon.image(name) {
            Ok(facts) => return Ok(EngineImage { daemon, facts, content: None, notes: Vec::new() }),
            Err(error) => {
                tried.push(Attempt { engine, error });
                near.extend(daemon.near(name));
            }
        }
    }
    if pull == Pull::Missing
        && let Some(daemon) = reached.first()
    {
        let failed = |error| DaemonError::Failed { engine: daemon.title(), error };
        daemon.pull(name, platform, progress).map_err(failed)?;
        let facts = daemon.image(name).map_err(failed)?;
        return Ok(EngineImage { daemon: Arc::clone(daemon), facts, content: None, notes: Vec::new() });
    }
    near.dedup();
    near.truncate(3);
    let hint = match (reached.is_empty(), near.is_empty()) {
        (true, _) => {
            "Start the daemon, or save the image elsewhere: `docker save NAME -o image.tar`, then `explore image.tar`."
        }
        (false, true) if pull == Pull::Never => "Nothing is pulled unless you say so: `--pull missing`.",
        _ => "",
    };
    Err(DaemonError::NoImage { name: name.to_owned(), tried, near, hint })
}

pub(super) fn endpoints(engine: Option<Engine>, around: &dyn Surroundings) -> Vec<Endpoint> {
    let mut all = Vec::new();
    if engine != Some(Engine::Podman) {
        all.extend(docker(around));
    }
    if engine != Some(Engine::Docker) {
        all.extend(podman(around));
    }
    all
}
