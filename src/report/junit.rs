//! `JUnit` XML: one suite for each image, one case for each limit.

use std::fmt::Write as _;
use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::bytes;
use super::formats::Judged;
use super::words::{self, Standing};
use crate::gate::Check;
use crate::waste::{Finding, Kind};

/// Findings that are told beside a limit.
const TOLD: usize = 20;

pub(super) fn write(images: &[Judged<'_>], unread: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("explore");
    for each in images {
        report.add_test_suite(suite(each));
    }
    if let Some(text) = words::unread_words(unread) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(text).set_type("unread");
        let mut suite = TestSuite::new("explore");
        suite.add_test_case(named("read", "explore", status));
        report.add_test_suite(suite);
    }
    report.serialize(out).map_err(io::Error::other)
}

fn suite(each: &Judged<'_>) -> TestSuite {
    let name = words::image_name(each.found);
    let mut suite = TestSuite::new(&*name);
    let checks = each.verdict.map(|verdict| &*verdict.checks).unwrap_or_default();
    for check in checks {
        suite.add_test_case(case(each, &name, check));
    }
    if checks.is_empty() {
        let mut status = TestCaseStatus::skipped();
        status.set_message("no limits were set");
        suite.add_test_case(named("limits", &name, status));
    }
    for damage in each.found.damage() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(crate::bytes::shown_text(&damage)).set_type("damage");
        suite.add_test_case(named("read", &name, status));
    }
    suite.set_system_out(excused(each));
    suite
}

fn named(what: &str, image: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(what, status);
    case.set_classname(image);
    case
}

fn case(each: &Judged<'_>, image: &str, check: &Check) -> TestCase {
    if check.pass {
        let mut case = named(&check.rule, image, TestCaseStatus::success());
        case.set_system_out(&*check.message);
        return case;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(&*check.message).set_type(&*check.rule).set_description(described(each, check));
    named(&check.rule, image, status)
}

/// What is behind a limit that does not hold.
fn described(each: &Judged<'_>, check: &Check) -> String {
    let (limit, value) = words::amounts(check);
    let mut text = format!("{}\nlimit {limit}, found {value}\n", check.message);
    let about: Vec<&Finding> = each.counted().into_iter().filter(|finding| is_about(check, finding)).collect();
    for finding in about.iter().take(TOLD) {
        let size = if finding.kind == Kind::Secret { String::new() } else { format!("{}  ", bytes(finding.bytes)) };
        let place = words::place_of(finding);
        let place = if place.known { format!("{}:{}: ", place.path, place.line) } else { String::new() };
        let _ = write!(
            text,
            "\n{size}{}\n    {}\n    fix: {place}{}\n",
            finding.message,
            words::instruction_of(each.found, finding),
            finding.fix
        );
    }
    if about.len() > TOLD {
        let _ = write!(text, "\nand {} more\n", about.len() - TOLD);
    }
    text
}

/// Whether a finding is among what a limit measures.
pub(super) fn is_about(check: &Check, finding: &Finding) -> bool {
    match check.rule.strip_prefix("limit.") {
        Some(rule) => words::rule_of(finding) == rule,
        None if check.rule == "deny-secrets" => finding.kind == Kind::Secret,
        None if check.rule.contains("wast") || check.rule.contains("efficiency") => finding.kind.counts(),
        None => false,
    }
}

fn excused(each: &Judged<'_>) -> String {
    let mut text = format!("{}\n", words::headline(each));
    for (finding, standing) in each.findings().take(1000) {
        if let Standing::Excused(why) = standing {
            let _ =
                writeln!(text, "not counted: {}, {} ({})", bytes(finding.bytes), finding.message, words::excuse(why));
        }
    }
    for note in each.verdict.iter().flat_map(|verdict| &verdict.notes) {
        let _ = writeln!(text, "note: {}", crate::bytes::shown_text(note));
    }
    text
}
