//! SARIF 2.1.0 (OASIS, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code scanning takes it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::judged::{FindingView, Judged, Standing, identity};
use super::line_hash::line_hashes;
use super::place::Where;
use super::words;
use crate::gate::{Check, CheckKind, Excuse, Scope};
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Level, Rule, Rules, Severity};

/// Where the rules are explained.
const HOME: &str = env!("CARGO_PKG_REPOSITORY");

/// Code scanning refuses a run with more.
const RESULTS: usize = 25_000;

/// Writes one run with the findings of all images.
pub(super) fn write(images: &[Judged<'_>], unread: usize, out: &mut dyn Write) -> io::Result<()> {
    let catalogue: Vec<&Rules> = images.iter().map(|each| &*each.found.waste.rules).collect();
    let ids = rule_ids(&catalogue);
    let index = |id: &str| ids.iter().position(|(known, _)| known == id);
    let mut results = Vec::new();
    for each in images {
        let hashes = Hashes::of(each);
        for check in each.failed() {
            results.push(of_limit(each, check, index(check.kind.setting()), &hashes));
        }
        // What somebody has accepted is there, too, so that it is closed and not gone.
        let accepted = each.findings().filter(|view| view.standing.is_accepted());
        for view in each.open().chain(accepted) {
            results.push(of_finding(&view, index(view.name()), &hashes));
        }
    }
    results.truncate(RESULTS);
    tell_apart(&mut results);
    let mut notifications: Vec<Value> = images.iter().flat_map(notifications).collect();
    let lacking = words::unread_words(unread);
    notifications.extend(lacking.map(|text| json!({ "level": "error", "message": { "text": text } })));
    let mut driver = json!({
        "name": env!("CARGO_PKG_NAME"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": ids.iter().map(|(id, rule)| descriptor(id, rule.as_ref().map(|(rules, rule)| (*rules, *rule)))).collect::<Vec<_>>(),
    });
    if !HOME.is_empty() {
        driver["informationUri"] = json!(HOME);
    }
    let complete = unread == 0 && images.iter().all(|each| each.found.incomplete().next().is_none());
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "invocations": [{ "executionSuccessful": complete, "toolExecutionNotifications": notifications }],
            "columnKind": "unicodeCodePoints",
            "properties": { "images": images.iter().map(about).collect::<Vec<_>>() },
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

/// An image's base, and what would change with another one.
fn about(each: &Judged<'_>) -> Value {
    let base = &each.found.waste.base;
    json!({
        "image": words::image_name(each.found),
        "baseLayers": base.layers,
        "baseName": base.name,
        "baseEvidence": base.evidence.name(),
        "base": super::base::base_words(each.found),
        "otherwise": super::base::otherwise_words(each.found, each.verdict),
        "settle": super::base::settle_words(each.found),
    })
}

type Named<'a> = (String, Option<(&'a Rules, &'a Rule)>);

/// One for each rule that is used, then one for each kind.
fn rule_ids<'a>(catalogues: &[&'a Rules]) -> Vec<Named<'a>> {
    let mut ids: Vec<Named<'a>> = Vec::new();
    for rules in catalogues {
        for rule in rules.all().iter().filter(|rule| rule.level != Level::Off) {
            if !ids.iter().any(|(known, _)| *known == rule.id) {
                ids.push((rule.id.clone(), Some((rules, rule))));
            }
        }
    }
    for kind in Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Cruft | Kind::Advice | Kind::Secret)) {
        if !ids.iter().any(|(known, _)| known == kind.name()) {
            ids.push((kind.name().to_owned(), None));
        }
    }
    for kind in LIMITS {
        ids.push((kind.setting().to_owned(), None));
    }
    ids
}

/// What a broken limit can be about.
const LIMITS: [CheckKind; 14] = [
    CheckKind::WholeImage,
    CheckKind::WastedPercent(Scope::Own),
    CheckKind::WastedBytes(Scope::Own),
    CheckKind::Efficiency(Scope::Own),
    CheckKind::WastedPercent(Scope::All),
    CheckKind::WastedBytes(Scope::All),
    CheckKind::Efficiency(Scope::All),
    CheckKind::ImageSize,
    CheckKind::Layers,
    CheckKind::LayerSize,
    CheckKind::Rule(String::new()),
    CheckKind::Secrets,
    CheckKind::Forbid(String::new()),
    CheckKind::Require(String::new()),
];

fn what_limit(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::WholeImage => "the image could not be read whole",
        CheckKind::WastedPercent(_) | CheckKind::WastedBytes(_) => "more is wasted than the limit allows",
        CheckKind::Efficiency(_) => "less of what is stored is in the final file system than the limit asks for",
        CheckKind::ImageSize => "the image stores more than the limit allows",
        CheckKind::Layers => "the image has more layers than the limit allows",
        CheckKind::LayerSize => "a layer stores more than the limit allows",
        CheckKind::Rule(_) => "a rule finds more than its limit allows",
        CheckKind::Secrets => "the image has secrets that others can read",
        CheckKind::Forbid(_) => "the image has a path that is forbidden",
        CheckKind::Require(_) => "the image lacks a path that is required",
    }
}

fn descriptor(id: &str, rule: Option<(&Rules, &Rule)>) -> Value {
    if let Some(limit) = LIMITS.iter().find(|limit| limit.setting() == id && rule.is_none()) {
        let what = what_limit(limit);
        return json!({
            "id": id,
            "shortDescription": { "text": what },
            "fullDescription": { "text": what },
            "help": { "text": format!("{what}; the limit is set by {id}") },
            "defaultConfiguration": { "level": "error" },
            "properties": { "tags": ["gate"], "precision": "high" },
        });
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == id);
    let what = match (rule, kind) {
        (Some((_, rule)), _) => rule.what.clone(),
        (None, Some(kind)) => what_kind(kind).to_owned(),
        (None, None) => id.to_owned(),
    };
    let (run, mount) = match rule {
        Some((rules, rule)) => (said(&rule.fix_run), rules.fix_mount(rule)),
        None => (kind.map(fix_kind), None),
    };
    let mut text = what.clone();
    let mut markdown = format!("**{id}**: {what}\n");
    if let Some(run) = run {
        let _ = write!(text, "\nFix: {run}");
        let _ = write!(markdown, "\nFix:\n\n```\n{run}\n```\n");
    }
    if let Some(mount) = mount {
        let _ = write!(text, "\nOr: {mount}");
        let _ = write!(markdown, "\nOr with a mount:\n\n```\n{mount}\n```\n");
    }
    let secret = rule.is_some_and(|(_, rule)| rule.level == Level::Secret);
    let level = match rule.map(|(_, rule)| rule.level) {
        Some(Level::Secret) => "error",
        Some(Level::Advice | Level::Notice) => "note",
        None if kind == Some(Kind::Duplicate) => "note",
        _ => "warning",
    };
    let family = rule.map_or("layers", |(_, rule)| &rule.family);
    let mut properties = json!({ "tags": [if secret { "security" } else { "size" }, family], "precision": "high" });
    if secret {
        // Code scanning takes its levels for security from this number: 8.0 is high.
        properties["security-severity"] = json!("8.0");
    }
    json!({
        "id": id,
        "shortDescription": { "text": what },
        "fullDescription": { "text": what },
        "help": { "text": text, "markdown": markdown },
        "defaultConfiguration": { "level": level },
        "properties": properties,
    })
}

fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != "-")
}

fn what_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Deleted => "files that a later layer deletes: they are stored and pulled all the same",
        Kind::Overwritten => "files that a later layer replaces with other content",
        Kind::Rewritten => "files that a later layer stores again with the same content",
        Kind::Metadata => "files that a later layer stores again for another mode or owner",
        Kind::Moved => "files that a later layer stores again under another name",
        Kind::Shadowed => "a path that one layer stores several times",
        Kind::Masked => "files below /proc, /sys or /dev, which a mount hides at run time",
        Kind::Duplicate => "the same content at several paths",
        Kind::Cruft | Kind::Advice => "files that need not be in the image",
        Kind::Secret => "a secret that everyone who has the image can read",
    }
}

fn fix_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Deleted => "delete them in the RUN that writes them, or do not copy them",
        Kind::Overwritten => "make the change where the files are written first",
        Kind::Rewritten => "drop the second copy, or make it in the same instruction",
        Kind::Metadata => "COPY --chown=USER:GROUP --chmod=MODE SOURCE TARGET",
        Kind::Moved => "write them to their final place, or move them in the same RUN",
        Kind::Shadowed => "a fault of the tool that built the image",
        Kind::Masked => "do not write there",
        Kind::Duplicate => "keep one, and link to it",
        Kind::Cruft | Kind::Advice => "remove them in the RUN that writes them",
        Kind::Secret => "rotate it, and use RUN --mount=type=secret",
    }
}

fn level(view: &FindingView<'_>) -> &'static str {
    match (view.finding.severity, view.standing) {
        (_, Standing::Excused(Excuse::Uncounted | Excuse::Base)) if !view.is_secret() => "note",
        (Severity::Error, _) => "error",
        (Severity::Warning, _) => "warning",
        (Severity::Note, _) => "note",
    }
}

/// The hashes of the Dockerfile's lines, as code scanning computes them.
struct Hashes(Vec<String>);

impl Hashes {
    fn of(each: &Judged<'_>) -> Self {
        Self(each.found.dockerfile.as_ref().map(|file| line_hashes(&file.text)).unwrap_or_default())
    }

    /// The hash of a line and, since several findings may stand there, what tells them apart: `HASH-IDENTITY:N`. Where the line
    /// is not known the identity stands alone.
    fn fingerprint(&self, place: &Where, identity: &str) -> String {
        let hash = place.is_known.then(|| self.0.get(place.line.wrapping_sub(1))).flatten();
        match hash.and_then(|hash| hash.split_once(':')) {
            Some((hash, times)) => format!("{hash}-{identity}:{times}"),
            None => format!("{identity}:1"),
        }
    }
}

/// Numbers results that would be the same one: two equal instructions of one image have equal findings.
fn tell_apart(results: &mut [Value]) {
    let mut known: HashMap<String, u32> = HashMap::new();
    for result in results {
        let fingerprints = &mut result["partialFingerprints"];
        let Some(hash) = fingerprints[LINE_HASH].as_str().map(str::to_owned) else { continue };
        let times = known.entry(hash.clone()).or_default();
        *times += 1;
        if *times > 1 {
            fingerprints[LINE_HASH] = json!(format!("{hash}.{times}"));
        }
    }
}

const LINE_HASH: &str = "primaryLocationLineHash";

fn location(place: &Where, name: &str, inner: &str, label: &str) -> Value {
    json!([{
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.path) },
            "region": { "startLine": place.line, "endLine": place.end_line },
        },
        "logicalLocations": [{ "name": label, "fullyQualifiedName": format!("{name}/{inner}"), "kind": "module" }],
    }])
}

/// A limit that does not hold.
fn of_limit(each: &Judged<'_>, check: &Check, index: Option<usize>, hashes: &Hashes) -> Value {
    let name = words::image_name(each.found);
    let place = Where::of_image(each.found);
    let identity = identity(each.found, &["limit", &check.kind.name()]);
    let (limit, value) = words::amounts(check);
    let excess = words::excess(check).map(|excess| format!("; {excess}")).unwrap_or_default();
    let text = format!("{name}: {}: {}{excess}", check.kind.name(), check.message);
    json!({
        "ruleId": check.kind.setting(),
        "ruleIndex": index,
        "level": "error",
        "message": { "text": escaped(&text) },
        "locations": location(&place, &name, "image", &name),
        "partialFingerprints": { LINE_HASH: hashes.fingerprint(&place, &identity) },
        "properties": { "image": name, "limit": limit, "value": value, "excessBytes": check.excess },
    })
}

fn of_finding(view: &FindingView<'_>, index: Option<usize>, hashes: &Hashes) -> Value {
    let FindingView { found, finding, standing } = *view;
    let place = view.place();
    let name = words::image_name(found);
    let layer = finding.stored_in;
    let inner = finding.spoken_in.map_or_else(|| format!("layers/{layer}"), |_| "history".to_owned());
    let text = format!("{}{}\nFix: {}", view.size_prefix(), finding.message, finding.fix);
    let mut result = json!({
        "ruleId": view.name(),
        "level": level(view),
        "message": { "text": escaped(&text) },
        "locations": location(&place, &name, &inner, &finding.kept_by()),
        "partialFingerprints": {
            LINE_HASH: hashes.fingerprint(&place, &view.fingerprint()),
            "wasteFinding/v1": finding.fingerprint,
        },
        "properties": {
            "image": name,
            "bytes": finding.bytes,
            "pullBytes": finding.pull_bytes,
            "storedIn": layer,
            "causedBy": finding.caused_by,
            "fixIn": finding.fix_in,
            "kind": finding.kind.name(),
            "owner": view.owner(),
            "instruction": view.instruction(),
        },
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if let Some(fixes) = fixes(found, finding) {
        result["fixes"] = fixes;
    }
    if let Standing::Excused(why) = standing
        && standing.is_accepted()
    {
        result["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": words::excuse(why) }]);
    }
    result
}

/// The edit of the Dockerfile that ends a finding, for programs that apply it.
fn fixes(found: &Inspection, finding: &Finding) -> Option<Value> {
    let plan = found.plan.as_ref().filter(|plan| !plan.is_reconstructed)?;
    let place = found.waste.findings.iter().position(|own| std::ptr::eq(own, finding))?;
    let edit = &plan.edits[plan.edit_of(place)?];
    let mut changes: Vec<Value> = Vec::new();
    let mut last = String::new();
    for each in plan.replacements(edit) {
        let replacement = json!({
            "deletedRegion": {
                "startLine": each.start.0, "startColumn": each.start.1, "endLine": each.end.0, "endColumn": each.end.1,
            },
            "insertedContent": { "text": each.text },
        });
        match changes.last_mut().filter(|_| last == each.path) {
            Some(change) => {
                if let Some(list) = change["replacements"].as_array_mut() {
                    list.push(replacement);
                }
            }
            None => changes.push(json!({
                "artifactLocation": { "uri": uri(&each.path) },
                "replacements": [replacement],
            })),
        }
        last = each.path;
    }
    Some(
        json!([{ "description": { "text": escaped(&crate::bytes::shown_text(&edit.message)) }, "artifactChanges": changes }]),
    )
}

/// In messages braces and brackets mean placeholders and links.
fn escaped(text: &str) -> String {
    text.replace('[', "\\[").replace(']', "\\]").replace('{', "{{").replace('}', "}}")
}

/// A relative reference, or a `file:` URI of an absolute path (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(byte.into());
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// What was met while reading, and what the gate notes about its settings.
fn notifications(each: &Judged<'_>) -> Vec<Value> {
    let name = words::image_name(each.found);
    let mut all: Vec<Value> = Vec::new();
    let mut tell = |level: &str, text: &str| {
        all.push(json!({ "level": level, "message": { "text": format!("{name}: {text}") } }));
    };
    for damage in each.found.incomplete() {
        tell("error", &crate::bytes::shown_text(&damage));
    }
    for note in each.verdict.iter().flat_map(|verdict| &verdict.notes) {
        tell("note", &crate::bytes::shown_text(note));
    }
    all
}
