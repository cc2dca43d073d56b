//! The machine-readable contract, schema 1; `docs/schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::harmless::Harmless;
use super::judged::{Judged, owner};
use super::listing::About;
use super::time::valid;
use crate::bytes::shown;
use crate::gate::{Check, Excuse, Quantity, Verdict};
use crate::inspect::Inspection;
use crate::tree::{Change, EventRef, NodeId, Range};
use crate::waste::Kind;

/// What to write beside the judgement.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonOptions {
    /// Every path that a layer adds, changes or removes.
    pub files: bool,
    /// With line breaks and indents, for people.
    pub pretty: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    tool: Tool,
    image: Image<'a>,
    totals: Totals,
    layers: Vec<Layer<'a>>,
    history: Vec<Row<'a>>,
    base: Base<'a>,
    waste: Waste<'a>,
    verification: Verification<'a>,
    notes: Vec<Note<'a>>,
    ci: Option<Ci<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files<'a>>,
}

/// The verdict of a gate.
#[derive(Serialize)]
struct Ci<'a> {
    pass: bool,
    rules: Vec<CiRule<'a>>,
    /// Places in `waste.findings`.
    counted: &'a [usize],
    excused: Vec<CiExcused<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct CiRule<'a> {
    rule: String,
    limit: CiQuantity,
    value: CiQuantity,
    unit: &'static str,
    pass: bool,
    message: &'a str,
    excess_bytes: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CiQuantity {
    Whole(u64),
    Share(f64),
}

#[derive(Serialize)]
struct CiExcused<'a> {
    finding: usize,
    why: &'static str,
    reason: Option<&'a str>,
    known_bytes: Option<u64>,
}

/// What wrote it, in every JSON that this program writes.
#[derive(Serialize)]
pub(super) struct Tool {
    name: &'static str,
    version: &'static str,
}

impl Tool {
    pub(super) const THIS: Self = Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
}

#[derive(Serialize)]
struct Image<'a> {
    reference: &'a str,
    source: &'static str,
    id: &'a str,
    engine_id: Option<&'a str>,
    digest: Option<&'a str>,
    tags: &'a [String],
    platform: String,
    created: Option<&'a str>,
    registry: Option<&'a str>,
    repository: Option<&'a str>,
}

#[derive(Serialize)]
struct Totals {
    layers: usize,
    entries: u64,
    content_bytes: u64,
    live_bytes: u64,
    dead_bytes: u64,
    tar_bytes: u64,
    compressed_bytes: Option<u64>,
    files: u64,
    directories: u64,
    symlinks: u64,
    others: u64,
}

#[derive(Serialize)]
struct Layer<'a> {
    index: usize,
    diff_id: Option<&'a str>,
    digest: Option<&'a str>,
    media_type: Option<&'a str>,
    compression: &'static str,
    table: Option<&'static str>,
    created: Option<&'a str>,
    created_by: Option<&'a str>,
    instruction: Option<String>,
    owner: &'static str,
    tar_bytes: u64,
    compressed_bytes: Option<u64>,
    pull_bytes: Option<u64>,
    pull_estimated: Option<bool>,
    content_bytes: u64,
    entries: u64,
    added: u64,
    modified: u64,
    removed: usize,
    dead_bytes: u64,
    hides_bytes: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    created: Option<&'a str>,
    created_by: Option<&'a str>,
    comment: Option<&'a str>,
    empty: bool,
    layer: Option<usize>,
}

#[derive(Serialize)]
struct Base<'a> {
    layers: usize,
    evidence: &'static str,
    name: Option<&'a str>,
    seen: Option<&'a str>,
    otherwise: Option<Otherwise>,
    settle: Option<String>,
}

/// What the base would change if it were what other evidence makes it.
#[derive(Serialize)]
struct Otherwise {
    layers: usize,
    own_bytes: u64,
    own_percent: f64,
    pass: Option<bool>,
}

#[derive(Serialize)]
struct Waste<'a> {
    total_bytes: u64,
    percent: f64,
    efficiency: f64,
    own_bytes: u64,
    base_bytes: u64,
    own_percent: f64,
    pull_bytes: Option<u64>,
    pull_estimated: Option<bool>,
    dead: Dead,
    cruft: Bytes,
    duplicate: Bytes,
    findings: Vec<Finding<'a>>,
    notices: Vec<Notice<'a>>,
    what_if: WhatIf<'a>,
}

#[derive(Serialize)]
struct Notice<'a> {
    id: &'static str,
    layer: Option<usize>,
    path: Option<String>,
    bytes: Option<u64>,
    message: &'a str,
}

/// What would be saved.
#[derive(Serialize)]
struct WhatIf<'a> {
    /// If all findings of a rule, or of a kind without one, were fixed.
    rules: Vec<RuleSaving<'a>>,
    /// If the layers `first` to `last` were one.
    squash: Vec<Squash>,
}

#[derive(Serialize)]
struct RuleSaving<'a> {
    rule: &'a str,
    bytes: u64,
    own_bytes: u64,
}

#[derive(Serialize)]
struct Squash {
    first: u16,
    last: u16,
    bytes: u64,
}

#[derive(Serialize)]
struct Dead {
    bytes: u64,
    deleted: u64,
    overwritten: u64,
    rewritten: u64,
    metadata: u64,
    moved: u64,
    shadowed: u64,
}

#[derive(Serialize)]
struct Bytes {
    bytes: u64,
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: Option<&'a str>,
    kind: &'static str,
    severity: &'static str,
    counted: bool,
    confirmed: bool,
    bytes: u64,
    tar_bytes: u64,
    pull_bytes: Option<u64>,
    pull_estimated: Option<bool>,
    files: u64,
    owner: &'static str,
    stored_in: u16,
    caused_by: u16,
    fix_in: Option<u16>,
    instruction: Option<String>,
    cause_instruction: Option<String>,
    dockerfile: Option<Lines<'a>>,
    message: &'a str,
    fix: &'a str,
    fix_mount: Option<&'a str>,
    paths: Vec<FindingPath>,
    path_count: usize,
    fingerprint: &'a str,
}

#[derive(Serialize)]
struct Lines<'a> {
    path: &'a str,
    line: usize,
    end_line: usize,
    confidence: &'static str,
}

#[derive(Serialize)]
struct FindingPath {
    path: String,
    bytes: u64,
    files: u64,
}

#[derive(Serialize)]
struct Verification<'a> {
    state: &'static str,
    problems: &'a [String],
    /// Layers of which only the table of contents was read.
    tables: Vec<usize>,
}

#[derive(Serialize)]
struct Note<'a> {
    layer: Option<usize>,
    message: &'a str,
}

/// Writes the contract's object and a line end.
///
/// # Errors
/// When `out` can't be written.
pub fn write_json(found: &Inspection, options: JsonOptions, out: &mut impl Write) -> io::Result<()> {
    to_json(&document(found, None, options), options.pretty, out)?;
    writeln!(out)
}

/// Writes judged images: one as its object, several as an array of theirs; and a line end.
///
/// # Errors
/// When `out` can't be written.
pub fn write_judged(images: &[Judged<'_>], options: JsonOptions, out: &mut impl Write) -> io::Result<()> {
    let judged = images.iter().map(|image| {
        let Judged { found, verdict } = *image;
        Document { ci: verdict.map(ci), ..document(found, verdict, options) }
    });
    let all: Vec<Document<'_>> = judged.collect();
    match all.as_slice() {
        [one] => to_json(one, options.pretty, out)?,
        all => to_json(all, options.pretty, out)?,
    }
    writeln!(out)
}

fn to_json<T: Serialize + ?Sized>(value: &T, pretty: bool, out: &mut impl Write) -> serde_json::Result<()> {
    let out = Harmless(out);
    if pretty { serde_json::to_writer_pretty(out, value) } else { serde_json::to_writer(out, value) }
}

fn ci(verdict: &Verdict) -> Ci<'_> {
    let quantity = |quantity: Quantity| match quantity {
        Quantity::Bytes(number) | Quantity::Count(number) => CiQuantity::Whole(number),
        Quantity::Percent(share) | Quantity::Ratio(share) => CiQuantity::Share(share),
    };
    let rule = |check: &'_ Check| -> (CiQuantity, CiQuantity, &'static str) {
        let unit = match check.limit {
            Quantity::Bytes(_) => "bytes",
            Quantity::Percent(_) => "percent",
            Quantity::Ratio(_) => "ratio",
            Quantity::Count(_) => "count",
        };
        (quantity(check.limit), quantity(check.value), unit)
    };
    Ci {
        pass: verdict.pass(),
        rules: verdict
            .checks
            .iter()
            .map(|check| {
                let (limit, value, unit) = rule(check);
                CiRule {
                    rule: check.kind.name(),
                    limit,
                    value,
                    unit,
                    pass: check.pass,
                    message: &check.message,
                    excess_bytes: check.excess,
                }
            })
            .collect(),
        counted: &verdict.counted,
        excused: verdict
            .excused
            .iter()
            .map(|excused| {
                let (why, reason, known_bytes) = match &excused.why {
                    Excuse::Base => ("base", None, None),
                    Excuse::Ignored(reason) => ("ignored", Some(reason.as_str()), None),
                    Excuse::Baseline(bytes) => ("baseline", None, Some(*bytes)),
                    Excuse::Against(bytes) => ("against", None, Some(*bytes)),
                    Excuse::Uncounted => ("uncounted", None, None),
                    Excuse::Floor => ("floor", None, None),
                };
                CiExcused { finding: excused.finding, why, reason, known_bytes }
            })
            .collect(),
        notes: &verdict.notes,
    }
}

fn base<'a>(found: &'a Inspection, verdict: Option<&Verdict>) -> Base<'a> {
    let base = &found.waste.base;
    Base {
        layers: base.layers,
        evidence: base.evidence.name(),
        name: base.name.as_deref(),
        seen: Some(base.seen.as_str()).filter(|seen| !seen.is_empty()),
        otherwise: found.waste.otherwise.map(|reading| Otherwise {
            layers: reading.layers,
            own_bytes: reading.own_bytes,
            own_percent: super::base::share(reading.own_bytes, reading.own_content_bytes),
            pass: verdict.and_then(|verdict| verdict.passes_otherwise),
        }),
        settle: super::base::settle_words(found),
    }
}

fn document<'a>(found: &'a Inspection, verdict: Option<&Verdict>, options: JsonOptions) -> Document<'a> {
    let Inspection { image, tree, waste, .. } = found;
    let counts = tree.final_counts();
    let sums = &waste.sums;
    Document {
        schema: 1,
        tool: Tool::THIS,
        image: Image {
            reference: &found.reference,
            source: image.source,
            id: image.id.as_str(),
            engine_id: image.engine_id.as_deref(),
            digest: image.digest.as_ref().map(crate::image::Digest::as_str),
            tags: &image.tags,
            platform: image.platform.to_string(),
            created: valid(image.config.created.as_ref()),
            registry: found.read_from().map(|(registry, _)| registry),
            repository: found.read_from().map(|(_, repository)| repository),
        },
        totals: Totals {
            layers: image.layers.len(),
            entries: found.layers.iter().map(|layer| layer.entries).sum(),
            content_bytes: waste.content_bytes,
            live_bytes: waste.live_bytes,
            dead_bytes: sums.dead(),
            tar_bytes: found.layers.iter().map(|layer| layer.tar_bytes).sum(),
            compressed_bytes: found.compressed_bytes(),
            files: counts.files,
            directories: counts.directories,
            symlinks: counts.symlinks,
            others: counts.others,
        },
        layers: (0..image.layers.len()).map(|index| layer(found, index)).collect(),
        history: image
            .history
            .iter()
            .map(|row| Row {
                created: valid(row.created.as_ref()),
                created_by: row.created_by.as_deref(),
                comment: row.comment.as_deref(),
                empty: row.empty,
                layer: row.layer,
            })
            .collect(),
        base: base(found, verdict),
        waste: Waste {
            total_bytes: waste.total_bytes(),
            percent: waste.percent(),
            efficiency: waste.efficiency(),
            own_bytes: waste.own_bytes,
            base_bytes: waste.base_bytes(),
            own_percent: waste.own_percent(),
            pull_bytes: waste.pull_bytes().map(|(bytes, _)| bytes),
            pull_estimated: waste.pull_bytes().map(|(_, estimated)| estimated),
            dead: Dead {
                bytes: sums.dead(),
                deleted: sums.of(Kind::Deleted),
                overwritten: sums.of(Kind::Overwritten),
                rewritten: sums.of(Kind::Rewritten),
                metadata: sums.of(Kind::Metadata),
                moved: sums.of(Kind::Moved),
                shadowed: sums.of(Kind::Shadowed),
            },
            cruft: Bytes { bytes: sums.cruft() },
            duplicate: Bytes { bytes: sums.of(Kind::Duplicate) },
            findings: waste.findings.iter().map(|each| finding(found, each)).collect(),
            notices: waste
                .notices
                .iter()
                .map(|notice| Notice {
                    id: notice.id,
                    layer: notice.layer,
                    path: notice.path.map(|node| shown(&tree.paths.path(node))),
                    bytes: notice.bytes,
                    message: &notice.message,
                })
                .collect(),
            what_if: WhatIf {
                rules: waste
                    .by_rule()
                    .into_iter()
                    .map(|(rule, bytes, own_bytes)| RuleSaving { rule, bytes, own_bytes })
                    .collect(),
                squash: found
                    .squashes()
                    .map(|(first, last)| Squash {
                        first,
                        last,
                        bytes: crate::waste::Waste::squashed(tree, first, last),
                    })
                    .collect(),
            },
        },
        verification: Verification {
            state: found.verification.name(),
            problems: &found.problems,
            tables: (0..found.layers.len()).filter(|layer| found.layers[*layer].table.is_some()).collect(),
        },
        notes: found.notes.iter().map(|note| Note { layer: note.layer, message: &note.message }).collect(),
        ci: None,
        files: options.files.then_some(Files(found)),
    }
}

fn layer(found: &Inspection, index: usize) -> Layer<'_> {
    let Inspection { image, tree, waste, .. } = found;
    let (layer, facts, events) = (&image.layers[index], &found.layers[index], &tree.layers[index]);
    let row = image.row(index);
    let created_by = row.and_then(|row| row.created_by.as_deref());
    Layer {
        index,
        diff_id: layer.diff_id.as_ref().map(crate::image::Digest::as_str),
        digest: layer.digest.as_ref().map(crate::image::Digest::as_str),
        media_type: layer.media_type.as_deref(),
        compression: facts.compression.name(),
        table: facts.table,
        created: valid(row.and_then(|row| row.created.as_ref())),
        created_by,
        instruction: image.instruction(index),
        owner: owner(index < waste.base.layers),
        tar_bytes: facts.tar_bytes,
        compressed_bytes: facts.compressed_bytes,
        pull_bytes: facts.compressed_bytes.or(facts.pull_estimate),
        pull_estimated: facts.compressed_bytes.or(facts.pull_estimate).map(|_| facts.compressed_bytes.is_none()),
        content_bytes: events.content_bytes,
        entries: facts.entries,
        added: events.added,
        modified: events.modified,
        removed: events.removed.len(),
        dead_bytes: waste.dead_of_layer[index],
        hides_bytes: waste.hidden_by_layer[index],
    }
}

/// Paths of a finding that are told.
const PATHS: usize = 100;

fn finding<'a>(found: &'a Inspection, each: &'a crate::waste::Finding) -> Finding<'a> {
    Finding {
        rule: each.rule.as_deref(),
        kind: each.kind.name(),
        severity: each.severity.name(),
        counted: each.kind.counts(),
        confirmed: each.confirmed,
        bytes: each.bytes,
        tar_bytes: each.tar_bytes,
        pull_bytes: each.pull_bytes,
        pull_estimated: each.pull_bytes.map(|_| each.pull_estimated),
        files: each.files,
        owner: owner(each.in_base),
        stored_in: each.stored_in,
        caused_by: each.caused_by,
        fix_in: each.fix_in,
        instruction: each.instruction.clone().or_else(|| found.image.instruction(each.stored_in.into())),
        cause_instruction: found.image.instruction(each.caused_by.into()),
        dockerfile: each.dockerfile.as_ref().map(|place| Lines {
            path: &place.path,
            line: place.line,
            end_line: place.end_line,
            confidence: place.confidence,
        }),
        message: &each.message,
        fix: &each.fix,
        fix_mount: each.fix_mount.as_deref(),
        paths: each
            .paths
            .iter()
            .take(PATHS)
            .map(|path| FindingPath {
                path: shown(&found.tree.paths.path(path.node)),
                bytes: path.bytes,
                files: path.files,
            })
            .collect(),
        path_count: each.paths.len(),
        fingerprint: &each.fingerprint,
    }
}

/// Written one by one: an image may have millions.
struct Files<'a>(&'a Inspection);

#[derive(Serialize)]
struct File<'a> {
    layer: u16,
    path: &'a str,
    change: &'static str,
    #[serde(flatten)]
    about: About,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tree = &self.0.tree;
        let ranks = tree.paths.ranks();
        let mut rows = serializer.serialize_seq(None)?;
        let mut path = Vec::new();
        for (own, layer) in tree.layers.iter().enumerate() {
            let own = own as u16;
            let mut changed: Vec<(NodeId, Change, EventRef)> = Vec::new();
            for (index, event) in layer.events.iter().enumerate() {
                if event.change() != Change::None && event.node != NodeId::ROOT {
                    changed.push((event.node, event.change(), EventRef { layer: own, index: index as u32 }));
                }
            }
            for node in &layer.removed {
                if let (change, Some(before)) = tree.change(*node, Range::one(own)) {
                    changed.push((*node, change, before));
                }
            }
            changed.sort_unstable_by_key(|(node, ..)| ranks[node.index()]);
            for (node, change, at) in changed {
                tree.paths.write_path(node, &mut path);
                rows.serialize_element(&self.row(own, &shown(&path), change, at))?;
            }
        }
        rows.end()
    }
}

impl Files<'_> {
    fn row<'p>(&self, layer: u16, path: &'p str, change: Change, at: EventRef) -> File<'p> {
        let tree = &self.0.tree;
        File {
            layer,
            path,
            change: match change {
                Change::Added => "added",
                Change::Removed => "removed",
                Change::Modified | Change::Metadata | Change::None => "modified",
            },
            about: About::of(tree, at, tree.event_at(at).size),
            sha256: tree.sha256(at).map(|hash| crate::image::Digest::from_sha256(*hash).hex().to_owned()),
        }
    }
}
