//! `explore fix`: what to change in a Dockerfile, as a diff, applied, or proven.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use explore::bytes::{shown, shown_text};
use explore::cli::Fix;
use explore::content::apply;
use explore::fix::{IgnoreFile, Plan};
use explore::inspect::{Inspection, Options};
use explore::prove::{Proof, Prover, Request};
use explore::report;
use serde::Serialize;

use super::failure::Failure;
use super::look::{end, judging, look, settings, target};
use super::output::{print, say};

/// Prints a diff, or does with it what is asked for.
pub(super) fn fix(wanted: &Fix) -> Result<ExitCode, Failure> {
    let settings = settings(&wanted.flags.given)?;
    let options = judging(&settings, None)?;
    if options.dockerfile.is_none() && (wanted.apply || wanted.prove) {
        let what = if wanted.apply { "--apply" } else { "--prove" };
        return Err(Failure::Usage(format!("{what} needs the Dockerfile: name it with --dockerfile")));
    }
    if let Some((name, text)) = &options.dockerfile {
        explore::build::Build::parse(name, text).map_err(|error| Failure::Dockerfile { name: name.clone(), error })?;
    }
    let ignore = match (&wanted.context, &options.dockerfile) {
        (Some(context), Some((name, _))) => Some(ignore_of(Path::new(name), context)?),
        _ => options.ignore.clone(),
    };
    let options = Options { ignore, ..options };
    let target = target(&wanted.image, &settings)?;
    let found = look(&target, &options)?;
    for note in found.notes.iter().filter(|note| note.layer.is_none()) {
        say(&format!("explore: {}", note.message));
    }
    let Some(plan) = &found.plan else {
        if wanted.json {
            print(|out| {
                writeln!(
                    out,
                    "{}",
                    serde_json::json!({ "schema": 1, "bytes": 0, "diff": "", "edits": [], "without_edit": [] })
                )
            })?;
        }
        say("explore: the image has no history, so there is no build to edit");
        return Ok(end(&found, &settings));
    };
    let chosen = plan.select(&wanted.only, &found.waste.findings).map_err(|error| Failure::Usage(error.to_string()))?;
    let proofs = if wanted.prove { prove(wanted, &options, &found, plan, &chosen)? } else { Proofs::default() };
    if wanted.json {
        print(|out| {
            let document = document(&found, plan, &chosen, &proofs);
            serde_json::to_writer_pretty(&mut *out, &document)?;
            writeln!(out)
        })?;
    } else if wanted.list {
        print(|out| list(out, plan))?;
    } else if !wanted.apply && !wanted.prove {
        let diff = plan.diff(&chosen);
        open_pipe(print(|out| out.write_all(diff.as_bytes())))?;
    }
    if !wanted.json {
        summary(&found, plan, &chosen, &proofs);
    }
    if wanted.apply && !chosen.is_empty() {
        apply(plan, &chosen).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let failed = proofs.each.iter().flatten().chain(&proofs.together).any(|proof| !proof.same);
    Ok(if failed { ExitCode::from(1) } else { end(&found, &settings) })
}

fn open_pipe(written: Result<(), Failure>) -> Result<(), Failure> {
    written.or_else(|failure| if failure.is_closed_pipe() { Ok(()) } else { Err(failure) })
}

/// The `.dockerignore` of a build: that of the Dockerfile, else that of the context.
pub(super) fn ignore_of(dockerfile: &Path, context: &Path) -> Result<IgnoreFile, Failure> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    let own = PathBuf::from(own);
    let path = if own.is_file() { own } else { context.join(".dockerignore") };
    let path = path.strip_prefix("./").map_or(path.clone(), Path::to_path_buf);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::ReadFile { name: path.display().to_string(), error }),
    };
    Ok(IgnoreFile { path: path.display().to_string(), text })
}

#[derive(Default)]
struct Proofs {
    /// By chosen edit.
    each: Vec<Option<Proof>>,
    together: Option<Proof>,
}

fn prove(
    wanted: &Fix,
    options: &Options,
    found: &Inspection,
    plan: &Plan,
    chosen: &[usize],
) -> Result<Proofs, Failure> {
    if chosen.is_empty() {
        return Ok(Proofs::default());
    }
    let beside = || {
        let folder = Path::new(&plan.path).parent().map(Path::to_path_buf).unwrap_or_default();
        if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }
    };
    let client = if found.image.source == "podman" { "podman" } else { "docker" };
    let request = Request {
        client: client.to_owned(),
        context: wanted.context.clone().unwrap_or_else(beside),
        arguments: wanted.build.clone(),
        options: Options { dockerfile: None, ignore: None, base_image: None, ..options.clone() },
    };
    say("explore: building the original");
    let mut prover = Prover::new(plan, request)?;
    let mut proofs = Proofs::default();
    for edit in chosen {
        say(&format!("explore: building with edit {}", edit + 1));
        proofs.each.push(Some(prover.prove(&[*edit], &found.tree)?));
    }
    if chosen.len() > 1 {
        say("explore: building with all of them");
        proofs.together = Some(prover.prove(chosen, &found.tree)?);
    }
    Ok(proofs)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    dockerfile: &'a str,
    reconstructed: bool,
    bytes: u64,
    pull_bytes: Option<u64>,
    diff: String,
    edits: Vec<EditRow<'a>>,
    without_edit: Vec<WithoutRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofRow<'a>>,
}

#[derive(Serialize)]
struct EditRow<'a> {
    number: usize,
    bytes: u64,
    pull_bytes: Option<u64>,
    rules: &'a [String],
    fingerprints: Vec<&'a str>,
    message: String,
    needs: Option<&'a str>,
    diff: String,
    proof: Option<ProofRow<'a>>,
}

#[derive(Serialize)]
struct ProofRow<'a> {
    bytes: i64,
    same: bool,
    differences: &'a [String],
}

#[derive(Serialize)]
struct WithoutRow {
    message: String,
    bytes: u64,
    why: String,
}

fn proof_row(proof: &Proof) -> ProofRow<'_> {
    ProofRow { bytes: proof.bytes, same: proof.same, differences: &proof.differences }
}

fn document<'a>(found: &'a Inspection, plan: &'a Plan, chosen: &[usize], proofs: &'a Proofs) -> Document<'a> {
    let (bytes, pull_bytes) = plan.bytes(&found.tree, chosen);
    let edits = chosen.iter().enumerate().map(|(place, number)| {
        let edit = &plan.edits[*number];
        EditRow {
            number: number + 1,
            bytes: edit.bytes,
            pull_bytes: edit.pull_bytes,
            rules: &edit.rules,
            fingerprints: edit.findings.iter().map(|place| found.waste.findings[*place].fingerprint.as_str()).collect(),
            message: shown_text(&edit.message),
            needs: edit.needs.as_deref(),
            diff: plan.diff(&[*number]),
            proof: proofs.each.get(place).and_then(Option::as_ref).map(proof_row),
        }
    });
    let without = plan.without.iter().map(|without| WithoutRow {
        message: shown_text(&without.message),
        bytes: without.bytes,
        why: shown_text(&without.why),
    });
    Document {
        schema: 1,
        dockerfile: &plan.path,
        reconstructed: plan.is_reconstructed,
        bytes,
        pull_bytes,
        diff: plan.diff(chosen),
        edits: edits.collect(),
        without_edit: without.collect(),
        proof: proofs.together.as_ref().map(proof_row),
    }
}

fn list(out: &mut dyn io::Write, plan: &Plan) -> io::Result<()> {
    for (number, edit) in plan.edits.iter().enumerate() {
        let rules = edit.rules.join(",");
        writeln!(
            out,
            "{:>3}  {:>9}  {}  {}",
            number + 1,
            report::bytes(edit.bytes),
            shown(rules.as_bytes()),
            shown_text(&edit.message)
        )?;
    }
    Ok(())
}

/// What the edits save, on standard error.
fn summary(found: &Inspection, plan: &Plan, chosen: &[usize], proofs: &Proofs) {
    let (bytes, _) = plan.bytes(&found.tree, chosen);
    if plan.is_reconstructed && !plan.edits.is_empty() {
        say("explore: the Dockerfile is not at hand; the diff is of one that was reconstructed from the history");
    }
    if chosen.is_empty() {
        say("explore: there is no safe edit to offer");
    } else {
        let stored = report::bytes(found.waste.content_bytes);
        say(&format!("explore: saves {} of {stored}", report::bytes(bytes)));
    }
    for (place, number) in chosen.iter().enumerate() {
        let edit = &plan.edits[*number];
        let needs = edit.needs.as_ref().map(|needs| format!(" (needs {needs})")).unwrap_or_default();
        say(&format!("{:>3}  {:>9}  {}{needs}", number + 1, report::bytes(edit.bytes), edit.message));
        if let Some(proof) = proofs.each.get(place).and_then(Option::as_ref) {
            tell(proof, edit.bytes);
        }
    }
    if let Some(proof) = &proofs.together {
        say("all of them together:");
        tell(proof, bytes);
    }
    for without in &plan.without {
        say(&format!("  -  {:>9}  {}: no edit, since {}", report::bytes(without.bytes), without.message, without.why));
    }
}

fn tell(proof: &Proof, promised: u64) {
    let (promised, measured) = (report::exact(promised), report::exact_signed(proof.bytes));
    let result = if proof.same { "same result" } else { "another result" };
    say(&format!("     promised {promised}, measured {measured} bytes, {result}"));
    for difference in &proof.differences {
        say(&format!("       {difference}"));
    }
}
