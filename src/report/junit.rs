//! `JUnit` XML: one suite for each image, one case for each limit.

use std::fmt::Write as _;
use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::bytes;
use super::judged::{FindingView, Judged, Standing};
use super::words;
use crate::gate::Check;

/// Findings that are listed with a limit.
const LISTED: usize = 20;

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
    let text = report.to_string().map_err(io::Error::other)?;
    out.write_all(without_skipped(&text).as_bytes())
}

/// Jenkins' schema (jenkinsci/xunit-plugin, `junit-10.xsd`) has no `skipped` at `testsuites`.
fn without_skipped(text: &str) -> String {
    let Some((head, rest)) =
        text.split_once("<testsuites").and_then(|(head, rest)| Some((head, rest.split_once('>')?)))
    else {
        return text.to_owned();
    };
    let attributes = rest.0.split_whitespace().filter(|attribute| !attribute.starts_with("skipped="));
    let attributes: String = attributes.map(|attribute| format!(" {attribute}")).collect();
    format!("{head}<testsuites{attributes}>{}", rest.1)
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
    for damage in each.found.incomplete() {
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
    let name = check.kind.name();
    if check.pass {
        let mut case = named(&name, image, TestCaseStatus::success());
        case.set_system_out(&*check.message);
        return case;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(&*check.message).set_type(&*name).set_description(described(each, check));
    named(&name, image, status)
}

/// What is behind a limit that does not hold.
fn described(each: &Judged<'_>, check: &Check) -> String {
    let (limit, value) = words::amounts(check);
    let mut text = format!("{}\nlimit {limit}, found {value}\n", check.message);
    if let Some(excess) = words::excess(check) {
        let _ = writeln!(text, "{excess}");
    }
    let about = each.counted().into_iter().filter(|view| check.kind.measures(view.finding));
    let about: Vec<FindingView<'_>> = about.collect();
    for view in about.iter().take(LISTED) {
        let size = view.size().map(|size| format!("{size}  ")).unwrap_or_default();
        let place = view.place();
        let place = if place.is_known { format!("{}:{}: ", place.path, place.line) } else { String::new() };
        let (message, fix) = (&view.finding.message, &view.finding.fix);
        let _ = write!(text, "\n{size}{message}\n    {}\n    fix: {place}{fix}\n", view.instruction());
    }
    if about.len() > LISTED {
        let _ = write!(text, "\nand {} more\n", about.len() - LISTED);
    }
    text
}

fn excused(each: &Judged<'_>) -> String {
    let mut text = format!("{}\n", words::headline(each));
    for FindingView { finding, standing, .. } in each.findings().take(1000) {
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
