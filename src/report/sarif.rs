//! SARIF 2.1.0 (OASIS, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code scanning takes it.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::formats::Judged;
use super::words::{self, Standing};
use crate::gate::Excuse;
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
        for (finding, standing) in each.findings() {
            let id = words::rule_of(finding);
            results.push(result(each, finding, standing, id, index(id)));
        }
    }
    results.truncate(RESULTS);
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
    let complete = unread == 0 && images.iter().all(|each| each.found.damage().next().is_none());
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
    ids
}

fn descriptor(id: &str, rule: Option<(&Rules, &Rule)>) -> Value {
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

fn level(finding: &Finding, standing: Standing<'_>) -> &'static str {
    match (finding.severity, standing) {
        (_, Standing::Excused(Excuse::Uncounted | Excuse::Base)) if finding.kind != Kind::Secret => "note",
        (Severity::Error, _) => "error",
        (Severity::Warning, _) => "warning",
        (Severity::Note, _) => "note",
    }
}

fn result(each: &Judged<'_>, finding: &Finding, standing: Standing<'_>, id: &str, index: Option<usize>) -> Value {
    let found = each.found;
    let place = words::place_of(finding);
    let name = words::image_name(found);
    let layer = finding.stored_in;
    let inner = finding.spoken_in.map_or_else(|| format!("layers/{layer}"), |_| "history".to_owned());
    let mut result = json!({
        "ruleId": id,
        "level": level(finding, standing),
        "message": { "text": message(finding) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&place.path) },
                "region": { "startLine": place.line, "endLine": place.end_line },
            },
            "logicalLocations": [{
                "name": finding.kept_by(),
                "fullyQualifiedName": format!("{name}/{inner}"),
                "kind": "module",
            }],
        }],
        "partialFingerprints": { "wasteFinding/v1": finding.fingerprint },
        "properties": {
            "image": name,
            "bytes": finding.bytes,
            "pullBytes": finding.pull_bytes,
            "storedIn": layer,
            "causedBy": finding.caused_by,
            "fixIn": finding.fix_in,
            "kind": finding.kind.name(),
            "owner": if finding.in_base { "base" } else { "own" },
            "instruction": words::instruction_of(found, finding),
        },
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if let Standing::Excused(why @ (Excuse::Ignored(_) | Excuse::Baseline(_) | Excuse::Against(_))) = standing {
        result["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": words::excuse(why) }]);
    }
    result
}

fn message(finding: &Finding) -> String {
    let size = if finding.kind == Kind::Secret { String::new() } else { format!("{} ", super::bytes(finding.bytes)) };
    // In messages braces and brackets mean links and placeholders.
    let text = format!("{size}{}\nFix: {}", finding.message, finding.fix);
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

/// What was met while reading, and which limits do not hold.
fn notifications(each: &Judged<'_>) -> Vec<Value> {
    let name = words::image_name(each.found);
    let mut all: Vec<Value> = Vec::new();
    let mut tell = |level: &str, text: &str| {
        all.push(json!({ "level": level, "message": { "text": format!("{name}: {text}") } }));
    };
    for damage in each.found.damage() {
        tell("error", &crate::bytes::shown_text(&damage));
    }
    for check in each.failed() {
        tell("error", &format!("{}: {}", check.rule, check.message));
    }
    for note in each.verdict.iter().flat_map(|verdict| &verdict.notes) {
        tell("note", &crate::bytes::shown_text(note));
    }
    all
}
