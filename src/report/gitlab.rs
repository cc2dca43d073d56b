//! GitLab's Code Quality report (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>): an array of
//! Code Climate issues, of which GitLab shows one for each fingerprint.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::formats::Judged;
use super::words::{self, Standing};
use crate::gate::Excuse;
use crate::waste::{Finding, Kind, Severity};

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

pub(super) fn write(images: &[Judged<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut issues = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    for each in images {
        for (finding, standing) in each.findings().filter(|(_, standing)| !is_settled(*standing)) {
            // The same cause may come twice: in two images, or by two equal instructions.
            let times = known.entry(finding.fingerprint.clone()).or_default();
            *times += 1;
            let fingerprint = match *times {
                1 => finding.fingerprint.clone(),
                again => format!("{}-{again}", finding.fingerprint),
            };
            issues.push(issue(each, finding, standing, fingerprint));
        }
    }
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    writeln!(out)
}

/// Somebody has decided that it may stay.
fn is_settled(standing: Standing<'_>) -> bool {
    matches!(standing, Standing::Excused(Excuse::Ignored(_) | Excuse::Baseline(_) | Excuse::Against(_)))
}

fn issue(each: &Judged<'_>, finding: &Finding, standing: Standing<'_>, fingerprint: String) -> Issue {
    let place = words::place_of(finding);
    let size =
        if finding.kind == Kind::Secret { String::new() } else { format!("{} wasted: ", super::bytes(finding.bytes)) };
    Issue {
        description: format!("{}: {size}{}. Fix: {}", words::image_name(each.found), finding.message, finding.fix),
        check_name: words::rule_of(finding).to_owned(),
        fingerprint,
        severity: severity(each, finding, standing),
        location: Location { path: place.path, lines: Lines { begin: place.line, end: place.end_line } },
    }
}

fn severity(each: &Judged<'_>, finding: &Finding, standing: Standing<'_>) -> &'static str {
    let failed = each.verdict.is_some_and(|verdict| !verdict.pass());
    match (finding.kind, finding.severity, standing) {
        (Kind::Secret, Severity::Error, _) => "critical",
        (Kind::Secret, Severity::Warning, _) => "major",
        (_, _, Standing::Counts) if failed => "major",
        (_, _, Standing::Counts) => "minor",
        _ => "info",
    }
}
