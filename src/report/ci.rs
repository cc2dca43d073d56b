//! The verdict for a log: short, aligned, the verdict itself as the last line.

use std::io::{self, Write};

use super::base::base_lines;
use super::formats::Judged;
use super::size::{bytes, exact};
use super::words::{image_name, instruction_of};
use crate::bytes::{shown, shown_lines, shown_text};
use crate::gate::{Check, Excuse, Quantity, Verdict};
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind};

/// Findings that are listed for an image that fails, and for one that passes.
const FINDINGS: [usize; 2] = [10, 3];

/// Writes each image's checks and what counts against them, then the verdict as the last line. `unread` is how many images
/// could not be looked at.
///
/// # Errors
/// When `out` can't be written.
pub fn write_verdicts(images: &[Judged<'_>], unread: usize, out: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    write_all(images, unread, &mut text)?;
    // GitHub's runner obeys `##[…]` wherever it stands in a line (actions/runner, `ActionCommand.TryParse`), so names and
    // instructions must not bring one.
    out.write_all(String::from_utf8_lossy(&text).replace("##[", "#\\x23[").as_bytes())
}

fn write_all(images: &[Judged<'_>], unread: usize, out: &mut Vec<u8>) -> io::Result<()> {
    for image in images {
        let Some(verdict) = image.verdict else { continue };
        write_image(image.found, verdict, out)?;
        writeln!(out)?;
    }
    if images.len() + unread > 1 {
        write_table(images, out)?;
        writeln!(out)?;
    }
    writeln!(out, "{}", verdict_line(images, unread))
}

/// The verdict in one line.
pub fn verdict_line(images: &[Judged<'_>], unread: usize) -> String {
    let failed: Vec<&Judged<'_>> =
        images.iter().filter(|image| image.verdict.is_some_and(|verdict| !verdict.pass())).collect();
    let all = images.len() + unread;
    let mut parts = Vec::new();
    match failed.as_slice() {
        [only] if all == 1 => {
            let names: Vec<&str> =
                only.verdict.into_iter().flat_map(failing).map(|check| check.rule.as_str()).collect();
            parts.push(format!("failed: {}", names.join(", ")));
        }
        [] => {}
        several => parts.push(format!("failed: {} of {all} images", several.len())),
    }
    if unread > 0 {
        parts.push(format!("{unread} of {all} images could not be looked at"));
    }
    match parts.as_slice() {
        [] if all == 1 => "verdict: passed".to_owned(),
        [] => format!("verdict: passed: {all} images"),
        parts => format!("verdict: {}", parts.join("; ")),
    }
}

fn failing(verdict: &Verdict) -> impl Iterator<Item = &Check> {
    verdict.checks.iter().filter(|check| !check.pass)
}

fn write_image(found: &Inspection, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}  {}  {}", image_name(found), found.image.platform, found.image.source)?;
    write_checks(verdict, out)?;
    for line in base_lines(found, Some(verdict)) {
        writeln!(out, "  base: {line}")?;
    }
    write_findings(found, verdict, out)?;
    write_excused(found, verdict, out)?;
    for note in &verdict.notes {
        writeln!(out, "note: {}", shown_text(note))?;
    }
    Ok(())
}

fn write_checks(verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    if verdict.checks.is_empty() {
        return writeln!(out, "  no limit is set");
    }
    let rows: Vec<[String; 4]> = verdict
        .checks
        .iter()
        .map(|check| {
            let (sign, pass) = if at_least(check) { ("at least", check.pass) } else { ("at most", check.pass) };
            let limit = format!("{sign} {}", quantity(check.limit, check.value).0);
            let value = quantity(check.value, check.limit).0;
            [if pass { "pass" } else { "FAIL" }.to_owned(), check.rule.clone(), value, limit]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (rule, value, limit) = (width(1).min(40), width(2), width(3));
    for (row, check) in rows.iter().zip(&verdict.checks) {
        let [pass, name, has, most] = row;
        writeln!(out, "  {pass}  {name:<rule$}  {has:>value$}  {most:<limit$}  {}", check.message)?;
    }
    Ok(())
}

/// Whether a check asks for no less than its limit.
fn at_least(check: &Check) -> bool {
    check.rule.starts_with("min-") || check.rule.starts_with("require")
}

/// An amount in words; exact where the rounded one would look like the other.
pub(super) fn quantity(own: Quantity, other: Quantity) -> (String, bool) {
    let rounded = |quantity: Quantity| match quantity {
        Quantity::Bytes(number) => bytes(number),
        Quantity::Percent(share) => format!("{share:.1} %"),
        Quantity::Ratio(share) => format!("{:.1} %", share * 100.0),
        Quantity::Count(number) => exact(number),
    };
    let whole = |quantity: Quantity| match quantity {
        Quantity::Bytes(number) => format!("{} B", exact(number)),
        Quantity::Percent(share) => format!("{share} %"),
        Quantity::Ratio(share) => format!("{share}"),
        Quantity::Count(number) => exact(number),
    };
    if own != other && rounded(own) == rounded(other) { (whole(own), true) } else { (rounded(own), false) }
}

fn write_findings(found: &Inspection, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    // Secrets first: they weigh nothing and matter most.
    let all = verdict.counted.iter().map(|place| (*place, &found.waste.findings[*place]));
    let (secrets, waste): (Vec<_>, Vec<_>) =
        all.partition(|(_, finding): &(usize, &Finding)| finding.kind == Kind::Secret);
    let most = FINDINGS[usize::from(verdict.pass())];
    for (place, finding) in secrets.iter().chain(&waste).take(most) {
        let size = if finding.kind == Kind::Secret { "secret".to_owned() } else { bytes(finding.bytes) };
        writeln!(out, "\n  {size:>9}  {}", message(finding))?;
        let instruction = instruction_of(found, finding);
        if !instruction.is_empty() {
            writeln!(out, "  {:>9}  {}: {}", "", finding.kept_by(), cut(&instruction))?;
        }
        if let Some(place) = &finding.dockerfile {
            writeln!(out, "  {:>9}  {}:{}", "", shown_text(&place.path), place.line)?;
        }
        if let Some((_, before)) = verdict.grown.iter().find(|(grown, _)| grown == place) {
            writeln!(out, "  {:>9}  it was {} before", "", bytes(*before))?;
        }
        if !finding.fix.is_empty() {
            writeln!(out, "  {:>9}  fix: {}", "", shown_lines(&finding.fix).replace('\n', "\n           | "))?;
        }
    }
    let more: Vec<_> = secrets.into_iter().chain(waste).skip(most).collect();
    if !more.is_empty() {
        let sum = more.iter().map(|(_, finding)| finding.bytes).sum();
        writeln!(out, "\n  {:>9}  {} more", bytes(sum), more.len())?;
    }
    Ok(())
}

fn message(finding: &Finding) -> String {
    shown_text(&finding.message)
}

fn cut(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is excused, in a line for each reason.
fn write_excused(found: &Inspection, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<(String, usize, u64)> = Vec::new();
    for excused in &verdict.excused {
        let why = match &excused.why {
            Excuse::Base => "in the base image".to_owned(),
            Excuse::Ignored(reason) => format!("excused: {reason}"),
            Excuse::Baseline(_) => "known to the baseline".to_owned(),
            Excuse::Against(_) => "the other image has it too".to_owned(),
            Excuse::Uncounted | Excuse::Floor => continue,
        };
        let size = found.waste.findings[excused.finding].bytes;
        match rows.iter_mut().find(|row| row.0 == why) {
            Some(row) => (row.1, row.2) = (row.1 + 1, row.2 + size),
            None => rows.push((why, 1, size)),
        }
    }
    if !rows.is_empty() {
        writeln!(out, "\n  not counted:")?;
    }
    for (why, findings, size) in rows {
        let plural = if findings == 1 { "" } else { "s" };
        writeln!(out, "  {:>9}  {findings} finding{plural} {why}", bytes(size))?;
    }
    Ok(())
}

/// All images in one table.
fn write_table(images: &[Judged<'_>], out: &mut impl Write) -> io::Result<()> {
    let row = |image: &Judged<'_>| {
        let waste = &image.found.waste;
        let pass = match image.verdict {
            Some(verdict) if !verdict.pass() => "FAIL",
            _ => "pass",
        };
        let failed: Vec<String> = image.verdict.into_iter().flat_map(failing).map(|check| check.rule.clone()).collect();
        let reference = shown(image.found.reference.as_bytes());
        [pass.to_owned(), bytes(waste.content_bytes), bytes(waste.own_bytes), reference, failed.join(", ")]
    };
    let heads = ["", "SIZE", "OWN WASTE", "IMAGE", "OVER THE LIMIT"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(heads).chain(images.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (a, b, c, d) = (width(0), width(1), width(2), width(3));
    for [pass, size, own, image, failed] in &rows {
        let line = format!("{pass:<a$}  {size:>b$}  {own:>c$}  {image:<d$}  {failed}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
