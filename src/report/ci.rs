//! The verdict for a log: short, aligned, the verdict itself as the last line.

use std::io::{self, Write};

use super::base::base_lines;
use super::judged::{FindingView, Judged};
use super::size::bytes;
use super::words::{amounts, image_name};
use crate::bytes::{cut_end, shown, shown_lines, shown_text};
use crate::gate::{Check, Excuse, Verdict};
use crate::inspect::Inspection;
use crate::waste::Kind;

/// Characters of an instruction.
const WIDTH: usize = 100;

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
        write_image(image, verdict, out)?;
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
            let names: Vec<String> =
                only.verdict.into_iter().flat_map(failing).map(|check| check.kind.name()).collect();
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

fn write_image(image: &Judged<'_>, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    let found = image.found;
    writeln!(out, "{}  {}  {}", image_name(found), found.image.platform, found.image.source)?;
    write_checks(verdict, out)?;
    if verdict.pass() {
        let settle = super::base::settle_words(found);
        for line in [Some(super::base::base_words(found)), settle].into_iter().flatten() {
            writeln!(out, "  base: {line}")?;
        }
    } else {
        for line in base_lines(found, Some(verdict)) {
            writeln!(out, "  base: {line}")?;
        }
        writeln!(
            out,
            "  own layers are those above the base image; waste counts there if an instruction of this image can end it"
        )?;
    }
    write_findings(image, verdict, out)?;
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
            let sign = if check.kind.is_minimum() { "at least" } else { "at most" };
            let (limit, value) = amounts(check);
            let limit = format!("{sign} {limit}");
            [if check.pass { "pass" } else { "FAIL" }.to_owned(), check.kind.name(), value, limit]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (rule, value, limit) = (width(1).min(40), width(2), width(3));
    for (row, check) in rows.iter().zip(&verdict.checks) {
        let [pass, name, has, most] = row;
        writeln!(out, "  {pass}  {name:<rule$}  {has:>value$}  {most:<limit$}  {}", check.message)?;
        if let Some(excess) = super::words::excess(check) {
            writeln!(out, "        {:<rule$}  {excess}", "")?;
        }
    }
    Ok(())
}

/// What counts, by the instruction to change; of each what stored the bytes, what made them waste, and the change.
fn write_findings(image: &Judged<'_>, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    let all = image.counted();
    let most = FINDINGS[usize::from(verdict.pass())];
    let (listed, more) = all.split_at(all.len().min(most));
    let (secrets, waste): (Vec<_>, Vec<_>) = listed.iter().partition(|view| view.is_secret());
    if !secrets.is_empty() {
        writeln!(out, "\n  secrets that anyone who has the image can read:")?;
    }
    for view in secrets {
        write_finding(view, verdict, out)?;
    }
    let mut groups: Vec<(Option<u16>, Vec<&FindingView<'_>>)> = Vec::new();
    for view in waste {
        let layer = view.finding.fix_in;
        match groups.iter_mut().find(|(known, _)| *known == layer) {
            Some((_, group)) => group.push(view),
            None => groups.push((layer, vec![view])),
        }
    }
    for (layer, group) in groups {
        let sum = bytes(group.iter().map(|view| view.finding.bytes).sum());
        match layer {
            None => writeln!(out, "\n  {sum} in the base image, which no instruction of this image can end:")?,
            Some(layer) => {
                let instruction = image.found.image.instruction_line(layer.into()).unwrap_or_default();
                let place = group[0].place();
                let place = if place.is_known { format!(" ({}:{})", place.path, place.line) } else { String::new() };
                let instruction = cut_end(&shown_text(&instruction), WIDTH);
                writeln!(out, "\n  {sum} to save in layer {layer}{place}: {instruction}")?;
            }
        }
        for view in group {
            write_finding(view, verdict, out)?;
        }
    }
    if !more.is_empty() {
        let sum = bytes(more.iter().map(|view| view.finding.bytes).sum());
        let reference = shown(image.found.reference.as_bytes());
        writeln!(
            out,
            "\n  and {} more, {sum}; `explore {reference}` and `--report html=FILE` show all",
            super::count(more.len() as u64, "finding")
        )?;
    }
    Ok(())
}

fn write_finding(view: &FindingView<'_>, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    let FindingView { found, finding, .. } = view;
    let size = view.size().unwrap_or_else(|| "secret".to_owned());
    writeln!(out, "  {size:>9}  {}", shown_text(&finding.message))?;
    let line = |out: &mut dyn Write, who: &str, text: &str| {
        if text.is_empty() { Ok(()) } else { writeln!(out, "  {:>9}  {who}: {}", "", cut_end(text, WIDTH)) }
    };
    if view.is_secret() || finding.fix_in != Some(finding.stored_in) {
        line(out, &format!("stored by {}", finding.kept_by()), &view.instruction())?;
    }
    if finding.caused_by != finding.stored_in && finding.fix_in != Some(finding.caused_by) {
        let text = shown_text(&found.image.instruction_line(finding.caused_by.into()).unwrap_or_default());
        let verb = if finding.kind == Kind::Deleted { "deleted" } else { "replaced" };
        line(out, &format!("{verb} by layer {}", finding.caused_by), &text)?;
    }
    let grown = verdict.grown.iter().find(|(grown, _)| std::ptr::eq(&raw const found.waste.findings[*grown], *finding));
    if let Some((_, before)) = grown {
        writeln!(out, "  {:>9}  it was {} before", "", bytes(*before))?;
    }
    if !finding.fix.is_empty() {
        writeln!(out, "  {:>9}  fix: {}", "", shown_lines(&finding.fix).replace('\n', "\n           | "))?;
    }
    Ok(())
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
        writeln!(out, "  {:>9}  {} {why}", bytes(size), super::count(findings as u64, "finding"))?;
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
        let failed: Vec<String> = image.failed().iter().map(|check| check.kind.name()).collect();
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
