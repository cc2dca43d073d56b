use std::path::Path;
use std::sync::atomic::Ordering;

use super::ProveJob;
use crate::inspect::Options;
use crate::prove::{Proof, Prover, Request};

/// Builds the Dockerfile in its directory, as it is and with an edit.
pub(super) fn prove(job: &ProveJob) -> Result<Proof, String> {
    let plan = job.found.plan.as_ref().filter(|plan| !plan.is_reconstructed).ok_or("the Dockerfile is not at hand")?;
    let folder = Path::new(&plan.path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let client = if job.found.image.source == "podman" { "podman" } else { "docker" };
    let request = Request {
        client: client.to_owned(),
        context: folder.unwrap_or(Path::new(".")).to_owned(),
        arguments: Vec::new(),
        options: Options::default(),
    };
    let failed = |error: crate::prove::ProofError| error.to_string();
    let mut prover = Prover::new(plan, request).map_err(failed)?;
    job.stage.store(1, Ordering::Relaxed);
    prover.prove(&[job.edit], &job.found.tree).map_err(failed)
}
