//! What the page's tables say, ready to be written.

use super::super::base::base_lines;
use super::super::judged::{FindingView, Judged, Standing, owner};
use super::super::words;
use super::super::{bytes, count, exact, percent, summary};
use super::tiles;
use crate::bytes::{shown, shown_text};
use crate::inspect::Inspection;
use crate::tree::NodeId;
use crate::waste::{Finding, Kind};

/// Findings that are told one by one.
const FINDINGS: usize = 500;
/// Paths of a finding.
const PATHS: usize = 50;

pub(super) struct Image {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) verdict: Option<(&'static str, &'static str)>,
    pub(super) about: String,
    pub(super) facts: Vec<Fact>,
    pub(super) damage: Vec<String>,
    pub(super) checks: Vec<Check>,
    pub(super) layers: Vec<Layer>,
    pub(super) base: Vec<String>,
    pub(super) findings: Vec<Row>,
    pub(super) groups: Vec<&'static str>,
    pub(super) more_findings: String,
    pub(super) tiles: String,
    pub(super) folded: String,
    pub(super) files: Vec<File>,
    pub(super) more_files: String,
    pub(super) notes: Vec<String>,
}

pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) hint: String,
    pub(super) alarm: bool,
}

pub(super) struct Check {
    pub(super) rule: String,
    pub(super) limit: String,
    pub(super) value: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) message: String,
}

pub(super) struct Layer {
    pub(super) index: usize,
    pub(super) bytes: u64,
    pub(super) size: String,
    pub(super) dead_bytes: u64,
    pub(super) dead: String,
    pub(super) pull_bytes: u64,
    pub(super) pull: String,
    pub(super) live_share: String,
    pub(super) dead_share: String,
    pub(super) changed: u64,
    pub(super) changes: String,
    pub(super) owner: &'static str,
    pub(super) instruction: String,
}

pub(super) struct Row {
    pub(super) class: &'static str,
    pub(super) group: &'static str,
    pub(super) rule: String,
    pub(super) bytes: u64,
    pub(super) size: String,
    pub(super) pull_bytes: u64,
    pub(super) pull: String,
    pub(super) layer: u16,
    pub(super) message: String,
    pub(super) instruction: String,
    pub(super) place: String,
    /// Text, or the words of a command, which are not broken.
    pub(super) fix: Vec<(bool, Vec<String>)>,
    pub(super) mount: String,
    pub(super) excuse: String,
    pub(super) paths: Vec<(String, String)>,
    pub(super) path_count: String,
}

pub(super) struct File {
    pub(super) bytes: u64,
    pub(super) size: String,
    pub(super) layer: u16,
    pub(super) path: String,
}

/// `most_tiles` and `file_rows` bound the page, whatever the image holds.
pub(super) fn image(judged: &Judged<'_>, place: usize, most_tiles: usize, file_rows: usize) -> Image {
    let found = judged.found;
    let sums = tiles::Sums::of(found);
    let map = tiles::map(found, &sums, most_tiles);
    let mut all: Vec<_> = judged.findings().collect();
    // What somebody has to do something about comes first; among equals the order of the judgement stays.
    all.sort_by_key(|view| (view.standing != Standing::Counts, !view.is_open_secret()));
    let findings: Vec<Row> = all.iter().take(FINDINGS).map(row).collect();
    let mut groups: Vec<&'static str> = Vec::new();
    for row in &findings {
        if !groups.contains(&row.group) {
            groups.push(row.group);
        }
    }
    let (files, more_files) = files(found, &sums, file_rows);
    let folded = if map.folded {
        format!(
            "The map has {} tiles. What is smaller is folded into its folder, or into \"more\".",
            exact(map.tiles as u64)
        )
    } else {
        String::new()
    };
    let hidden = found.waste.findings.len().saturating_sub(FINDINGS);
    Image {
        id: format!("image-{place}"),
        name: words::image_name(found),
        verdict: judged.verdict.map(|verdict| if verdict.pass() { ("good", "passed") } else { ("bad", "failed") }),
        about: about(found),
        facts: facts(judged),
        damage: found.incomplete().map(|damage| shown_text(&damage)).collect(),
        checks: checks(judged),
        layers: layers(found),
        base: base_lines(found, judged.verdict).iter().map(|line| capital(line)).collect(),
        groups,
        more_findings: if hidden > 0 {
            format!("{} smaller findings are not listed.", exact(hidden as u64))
        } else {
            String::new()
        },
        findings,
        tiles: map.json,
        folded,
        files,
        more_files,
        notes: notes(judged),
    }
}

fn about(found: &Inspection) -> String {
    let image = &found.image;
    let mut parts = vec![image.platform.to_string(), image.source.to_owned()];
    if let Some(created) = super::super::time::valid(image.config.created.as_ref()) {
        parts.push(format!("created {created}"));
    }
    parts.push(image.id.to_string());
    if found.reference != *image.tags.first().unwrap_or(&found.reference) {
        parts.push(format!("read from {}", shown_text(&found.reference)));
    }
    parts.iter().map(|part| shown_text(part)).collect::<Vec<_>>().join(" · ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn facts(judged: &Judged<'_>) -> Vec<Fact> {
    let found = judged.found;
    let waste = &found.waste;
    let counts = found.tree.final_counts();
    let fact = |label, value: String, hint: String| Fact { label, value, hint, alarm: false };
    let compressed = found.compressed_bytes().map(|size| format!("{} compressed", bytes(size))).unwrap_or_default();
    let pull = waste.pull_bytes().filter(|(bytes, _)| *bytes > 0);
    let pull = pull.map(|(pull, about)| format!("{}{} to pull", if about { "~" } else { "" }, bytes(pull)));
    let secrets = judged.secrets().len();
    let mut facts = vec![
        fact("stored", bytes(waste.content_bytes), compressed),
        fact("in the final file system", bytes(waste.live_bytes), count(counts.files, "file")),
        fact("wasted", bytes(waste.total_bytes()), pull.unwrap_or_default()),
        fact(
            "wasted by this image's own layers",
            bytes(waste.own_bytes),
            format!("{} of them", percent(waste.own_percent())),
        ),
        fact("wasted by the base image", bytes(waste.base_bytes()), String::new()),
        fact("efficiency", percent(waste.efficiency() * 100.0), "final of stored".to_owned()),
        fact("layers", exact(found.image.layers.len() as u64), format!("{} of the base", waste.base.layers)),
    ];
    if secrets > 0 {
        facts.push(Fact { alarm: true, ..fact("secrets in the open", exact(secrets as u64), String::new()) });
    }
    facts
}

fn checks(judged: &Judged<'_>) -> Vec<Check> {
    let checks = judged.verdict.iter().flat_map(|verdict| &verdict.checks);
    checks
        .map(|check| Check {
            rule: check.kind.name(),
            limit: words::amounts(check).0,
            value: words::amounts(check).1,
            class: if check.pass { "good" } else { "bad" },
            word: if check.pass { "holds" } else { "fails" },
            message: check.message.clone(),
        })
        .collect()
}

fn layers(found: &Inspection) -> Vec<Layer> {
    let largest = found.tree.layers.iter().map(|layer| layer.content_bytes).max().unwrap_or(0).max(1);
    let share = |part: u64| format!("{:.2}", part as f64 * 100.0 / largest as f64);
    (0..found.image.layers.len())
        .map(|index| {
            let events = &found.tree.layers[index];
            let facts = &found.layers[index];
            let dead = found.waste.dead_of_layer[index];
            let pull = facts.compressed_bytes.or(facts.pull_estimate);
            let about = if facts.compressed_bytes.is_none() { "~" } else { "" };
            let removed = events.removed.len() as u64;
            Layer {
                index,
                bytes: events.content_bytes,
                size: bytes(events.content_bytes),
                dead_bytes: dead,
                dead: if dead == 0 { String::new() } else { bytes(dead) },
                pull_bytes: pull.unwrap_or(0),
                pull: pull.map(|pull| format!("{about}{}", bytes(pull))).unwrap_or_default(),
                live_share: share(events.content_bytes.saturating_sub(dead)),
                dead_share: share(dead),
                changed: events.added + events.modified + removed,
                changes: format!("+{} ~{} -{removed}", events.added, events.modified),
                owner: owner(index < found.waste.base.layers),
                instruction: shown_text(
                    &found.image.instruction_line(index).unwrap_or_else(|| "(no history)".to_owned()),
                ),
            }
        })
        .collect()
}

fn row(view: &FindingView<'_>) -> Row {
    let FindingView { found, finding, standing } = *view;
    let group = match finding.kind {
        _ if standing.is_accepted() => "excused",
        Kind::Secret => "secret",
        Kind::Advice => "advice",
        Kind::Duplicate => "duplicate",
        _ => view.owner(),
    };
    let place = view.place();
    let tree = &found.tree;
    Row {
        class: match (view.is_secret(), standing) {
            (true, Standing::Counts) => "secret",
            (_, Standing::Counts) => "counts",
            _ => "told",
        },
        group,
        rule: view.name().to_owned(),
        bytes: finding.bytes,
        size: view.size().unwrap_or_default(),
        pull_bytes: finding.pull_bytes.unwrap_or(0),
        pull: view.pull().unwrap_or_default(),
        layer: finding.stored_in,
        message: message(finding),
        instruction: view.instruction(),
        place: if place.is_known { format!("{}, line {}", place.path, place.line) } else { String::new() },
        fix: words::parts_of(&finding.fix).into_iter().map(fix_words).collect(),
        mount: finding.fix_mount.clone().unwrap_or_default(),
        excuse: match standing {
            Standing::Excused(why) => format!("Not counted: {}.", words::excuse(why)),
            _ => String::new(),
        },
        paths: finding
            .paths
            .iter()
            .take(PATHS)
            .map(|path| (bytes(path.bytes), format!("/{}", shown(&tree.paths.path(path.node)))))
            .collect(),
        path_count: match finding.paths.len() {
            1 => "1 place".to_owned(),
            some if some > PATHS => format!("{} places, the {PATHS} largest of them", exact(some as u64)),
            some => format!("{some} places"),
        },
    }
}

/// The words of a command, so that no line breaks at `--`; text as it is.
fn fix_words((is_code, part): (bool, &str)) -> (bool, Vec<String>) {
    let words = if is_code { part.split(' ').map(str::to_owned).collect() } else { vec![part.to_owned()] };
    (is_code, words)
}

/// The sentence without the rule, which has a column of its own.
fn message(finding: &Finding) -> String {
    let rule = finding.rule.as_ref().and_then(|rule| finding.message.strip_prefix(&format!("{rule}: ")));
    rule.unwrap_or(&finding.message).to_owned()
}

fn files(found: &Inspection, sums: &tiles::Sums, limit: usize) -> (Vec<File>, String) {
    let paths = &found.tree.paths;
    let size = |node: &NodeId| sums.live[node.index()];
    let mut all: Vec<NodeId> = sums.layer.keys().copied().filter(|node| size(node) > 0).collect();
    let order = |node: &NodeId| (std::cmp::Reverse(size(node)), *node);
    if all.len() > limit {
        all.select_nth_unstable_by_key(limit, order);
    }
    let rest: u64 = all.iter().skip(limit).map(size).sum();
    let hidden = all.len().saturating_sub(limit);
    all.truncate(limit);
    all.sort_unstable_by_key(order);
    let files = all
        .iter()
        .map(|node| File {
            bytes: size(node),
            size: bytes(size(node)),
            layer: sums.layer[node],
            path: format!("/{}", shown(&paths.path(*node))),
        })
        .collect();
    let more = if hidden > 0 {
        format!("{} smaller files, {} in all, are not listed.", exact(hidden as u64), bytes(rest))
    } else {
        String::new()
    };
    (files, more)
}

fn notes(judged: &Judged<'_>) -> Vec<String> {
    let found = judged.found;
    let size = |bytes: Option<u64>| bytes.map(|size| format!("{}: ", self::bytes(size))).unwrap_or_default();
    let notices = found
        .waste
        .notices
        .iter()
        .map(|notice| format!("{}{}", size(notice.bytes), summary::notice_words(found, notice)));
    let read = found.notes.iter().map(|note| match note.layer {
        Some(layer) => format!("layer {layer}: {}", shown_text(&note.message)),
        None => shown_text(&note.message),
    });
    let gate = judged.verdict.iter().flat_map(|verdict| &verdict.notes).map(|note| shown_text(note));
    gate.chain(notices).chain(read).take(200).collect()
}
