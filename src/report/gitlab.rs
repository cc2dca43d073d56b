//! GitLab's Code Quality report (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>): an array of
//! Code Climate issues, of which GitLab shows one for each fingerprint.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::judged::{FindingView, Judged, Standing, identity};
use super::place::Where;
use super::words;
use crate::gate::Check;
use crate::waste::{Kind, Severity};

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

/// Writes broken limits, and the findings behind them; of an image that passes its secrets alone.
pub(super) fn write(images: &[Judged<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut issues = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    let all = images.iter().flat_map(|each| {
        let limits = each.failed().into_iter().map(|check| of_limit(each, check));
        limits.chain(each.open().map(|view| of_finding(each, &view)))
    });
    for mut issue in all {
        // Two equal instructions of one image have equal findings.
        let times = known.entry(issue.fingerprint.clone()).or_default();
        *times += 1;
        if *times > 1 {
            issue.fingerprint = format!("{}-{times}", issue.fingerprint);
        }
        issues.push(issue);
    }
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    writeln!(out)
}

fn of_limit(each: &Judged<'_>, check: &Check) -> Issue {
    let name = check.kind.name();
    Issue {
        description: format!("{}: {name}: {}", words::image_name(each.found), check.message),
        fingerprint: identity(each.found, &["limit", &name]),
        check_name: name,
        severity: "critical",
        location: Where::of_image(each.found).into(),
    }
}

fn of_finding(each: &Judged<'_>, view: &FindingView<'_>) -> Issue {
    let finding = view.finding;
    let size = view.size().map(|size| format!("{size} wasted: ")).unwrap_or_default();
    Issue {
        description: format!("{}: {size}{}. Fix: {}", words::image_name(each.found), finding.message, finding.fix),
        check_name: view.name().to_owned(),
        fingerprint: view.fingerprint(),
        severity: severity(each, view),
        location: view.place().into(),
    }
}

impl From<Where> for Location {
    fn from(place: Where) -> Self {
        Self { path: place.path, lines: Lines { begin: place.line, end: place.end_line } }
    }
}

fn severity(each: &Judged<'_>, view: &FindingView<'_>) -> &'static str {
    let failed = each.verdict.is_some_and(|verdict| !verdict.pass());
    match (view.finding.kind, view.finding.severity, view.standing) {
        (Kind::Secret, Severity::Error, _) => "critical",
        (Kind::Secret, Severity::Warning, _) => "major",
        (_, _, Standing::Counts) if failed => "major",
        (_, _, Standing::Counts) => "minor",
        _ => "info",
    }
}
