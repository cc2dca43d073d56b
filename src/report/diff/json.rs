//! The contract of `docs/diff.schema.json`, schema 1.

use std::io::{self, Write};

use serde::Serialize;

use super::super::harmless::Harmless;
use super::super::json::Tool;
use super::super::listing::About;
use super::Compared;
use crate::bytes::{shown, shown_text};
use crate::compare::{Aspect, FileChange};
use crate::image::Digest;
use crate::inspect::Inspection;
use crate::tree::{Change, EventRef, Tree};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    tool: Tool,
    differs: bool,
    strict: bool,
    before: Image<'a>,
    after: Image<'a>,
    layers: Vec<Layer>,
    settings: Vec<Setting<'a>>,
    findings: Vec<Finding<'a>>,
    summary: Summary,
    files: Vec<File>,
}

#[derive(Serialize)]
struct Image<'a> {
    reference: &'a str,
    source: &'static str,
    id: &'a str,
    digest: Option<&'a str>,
    tags: &'a [String],
    platform: String,
    layers: usize,
    files: u64,
    content_bytes: u64,
    live_bytes: u64,
    wasted_bytes: u64,
    own_wasted_bytes: u64,
    compressed_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Layer {
    pairing: &'static str,
    before: Option<usize>,
    after: Option<usize>,
    before_diff_id: Option<String>,
    after_diff_id: Option<String>,
    before_bytes: Option<u64>,
    after_bytes: Option<u64>,
    instruction: Option<String>,
}

#[derive(Serialize)]
struct Setting<'a> {
    key: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

#[derive(Serialize)]
struct Finding<'a> {
    fate: &'static str,
    rule: Option<&'a str>,
    kind: &'static str,
    before_bytes: u64,
    after_bytes: u64,
    message: &'a str,
    fix: &'a str,
    fingerprint: &'a str,
}

#[derive(Serialize)]
struct Summary {
    added: u64,
    modified: u64,
    removed: u64,
    only_times: u64,
    hidden_files: u64,
    hidden_bytes: u64,
}

#[derive(Serialize)]
struct File {
    path: String,
    change: &'static str,
    differs: Vec<&'static str>,
    before: Option<About>,
    after: Option<About>,
}

pub(super) fn write(compared: Compared<'_>, out: &mut dyn Write) -> io::Result<()> {
    let comparison = compared.comparison;
    let [added, modified, removed] = comparison.counts();
    let document = Document {
        schema: 1,
        tool: Tool::THIS,
        differs: comparison.differs(),
        strict: comparison.options.strict,
        before: image(compared.before),
        after: image(compared.after),
        layers: comparison.layers.iter().map(|layer| self::layer(compared, layer)).collect(),
        settings: comparison
            .settings
            .iter()
            .map(|each| Setting { key: &each.key, before: each.before.as_deref(), after: each.after.as_deref() })
            .collect(),
        findings: findings(compared),
        summary: Summary {
            added: added.0,
            modified: modified.0,
            removed: removed.0,
            only_times: comparison.only_times,
            hidden_files: comparison.stored.files,
            hidden_bytes: comparison.stored.bytes,
        },
        files: comparison.files.iter().map(|each| file(&comparison.tree, each)).collect(),
    };
    serde_json::to_writer(Harmless(&mut *out), &document)?;
    writeln!(out)
}

fn image(found: &Inspection) -> Image<'_> {
    Image {
        reference: &found.reference,
        source: found.image.source,
        id: found.image.id.as_str(),
        digest: found.image.digest.as_ref().map(Digest::as_str),
        tags: &found.image.tags,
        platform: found.image.platform.to_string(),
        layers: found.image.layers.len(),
        files: found.tree.final_counts().files,
        content_bytes: found.waste.content_bytes,
        live_bytes: found.waste.live_bytes,
        wasted_bytes: found.waste.total_bytes(),
        own_wasted_bytes: found.waste.own_bytes,
        compressed_bytes: found.compressed_bytes(),
    }
}

fn layer(compared: Compared<'_>, layer: &crate::compare::Aligned) -> Layer {
    let id = |found: &Inspection, at: usize| found.image.layers[at].diff_id.as_ref().map(ToString::to_string);
    let size = |found: &Inspection, at: usize| found.tree.layers[at].content_bytes;
    let after = layer.after.and_then(|at| compared.after.image.instruction_line(at));
    Layer {
        pairing: layer.pairing.name(),
        before: layer.before,
        after: layer.after,
        before_diff_id: layer.before.and_then(|at| id(compared.before, at)),
        after_diff_id: layer.after.and_then(|at| id(compared.after, at)),
        before_bytes: layer.before.map(|at| size(compared.before, at)),
        after_bytes: layer.after.map(|at| size(compared.after, at)),
        instruction: after
            .or_else(|| layer.before.and_then(|at| compared.before.image.instruction_line(at)))
            .map(|text| shown_text(&text)),
    }
}

fn findings(compared: Compared<'_>) -> Vec<Finding<'_>> {
    let told = compared.comparison.findings.iter().filter_map(|change| {
        let after = change.after.and_then(|index| compared.after.waste.findings.get(index));
        let finding = after.or_else(|| compared.before.waste.findings.get(change.before?))?;
        Some(Finding {
            fate: change.fate.name(),
            rule: finding.rule.as_deref(),
            kind: finding.kind.name(),
            before_bytes: change.before_bytes,
            after_bytes: change.after_bytes,
            message: &finding.message,
            fix: &finding.fix,
            fingerprint: &change.fingerprint,
        })
    });
    told.collect()
}

fn file(tree: &Tree, file: &FileChange) -> File {
    let about = |at: Option<EventRef>, size: u64| at.map(|at| About::of(tree, at, size));
    File {
        path: shown(&tree.paths.path(file.node)),
        change: match file.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Modified | Change::Metadata | Change::None => "modified",
        },
        differs: file.aspects.iter().map(Aspect::name).collect(),
        before: about(file.before, file.before_bytes),
        after: about(file.after, file.after_bytes),
    }
}
