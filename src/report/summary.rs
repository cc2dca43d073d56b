use std::io::{self, Write};

use super::base::base_lines;
use super::size::{bytes, count, exact, percent};
use crate::bytes::{cut_end, shown, shown_text};
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Notice, Severity, Waste};

/// Characters of an instruction in the table of layers, and of a path in the list of waste.
const WIDTH: usize = 72;
/// Causes of waste that are listed.
const CAUSES: usize = 8;

/// Writes what a reader wants to know first: layers with their sizes, and what is wasted where.
///
/// # Errors
/// When `out` can't be written.
pub fn write_summary(found: &Inspection, out: &mut impl Write) -> io::Result<()> {
    let Inspection { image, tree, waste, .. } = found;
    let counts = tree.final_counts();
    write!(out, "{}  {}  {}", super::words::image_name(found), image.platform, image.source)?;
    if let Some(day) = image.config.created.as_ref().and_then(|time| time.get(..10)) {
        write!(out, "  created {}", shown_text(day))?;
    }
    writeln!(out)?;
    let (layers, files) = (count(image.layers.len() as u64, "layer"), count(counts.files, "file"));
    write!(out, "{layers}, {files}, {} stored", bytes(waste.content_bytes))?;
    if let Some(compressed) = found.compressed_bytes() {
        write!(out, " ({} compressed)", bytes(compressed))?;
    }
    writeln!(out, ", {} of it in the final file system\n", bytes(waste.live_bytes))?;
    write_layers(found, out)?;
    writeln!(out)?;
    write_waste(found, out)?;
    for note in &found.notes {
        match note.layer {
            Some(layer) => writeln!(out, "note: layer {layer}: {}", shown_text(&note.message))?,
            None => writeln!(out, "note: {}", shown_text(&note.message))?,
        }
    }
    Ok(())
}

fn write_layers(found: &Inspection, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = (0..found.image.layers.len())
        .map(|index| {
            let events = &found.tree.layers[index];
            let dead = found.waste.dead_of_layer[index];
            let changes = format!("+{} ~{} -{}", events.added, events.modified, events.removed.len());
            let dead = if dead == 0 { String::new() } else { bytes(dead) };
            [index.to_string(), bytes(events.content_bytes), dead, changes]
        })
        .collect();
    let heads = ["LAYER", "SIZE", "DEAD", "PATHS"];
    let width =
        |column: usize| rows.iter().map(|row| row[column].len()).chain([heads[column].len()]).max().unwrap_or(0);
    let (a, b, c, d) = (width(0), width(1), width(2), width(3));
    writeln!(out, "{:>a$}  {:>b$}  {:>c$}  {:<d$}  INSTRUCTION", heads[0], heads[1], heads[2], heads[3])?;
    for (index, [layer, size, dead, changes]) in rows.iter().enumerate() {
        let text = instruction(found, index, WIDTH);
        writeln!(out, "{layer:>a$}  {size:>b$}  {dead:>c$}  {changes:<d$}  {text}")?;
    }
    Ok(())
}

fn write_waste(found: &Inspection, out: &mut impl Write) -> io::Result<()> {
    let waste = &found.waste;
    let of =
        |kind: fn(&Finding) -> bool| waste.findings.iter().filter(move |finding| kind(finding)).collect::<Vec<_>>();
    let secrets = of(|finding| finding.kind == Kind::Secret && finding.severity != Severity::Note);
    if !secrets.is_empty() {
        writeln!(out, "SECRETS that everyone who has the image can read")?;
        list(found, &secrets, out)?;
        writeln!(out)?;
    }
    let total = waste.total_bytes();
    if total == 0 && (found.damage().next().is_some() || found.missing().is_some()) {
        writeln!(out, "No waste was found, but the image could not be read whole.")?;
    } else if total == 0 {
        writeln!(out, "Nothing is wasted: no layer hides what another stores, and no rule names what is left.")?;
    } else {
        write!(
            out,
            "{} wasted, {} of what is stored (efficiency {}): {} in this image's own layers, {} in the base image",
            bytes(total),
            percent(waste.percent()),
            percent(waste.efficiency() * 100.0),
            bytes(waste.own_bytes),
            bytes(waste.base_bytes()),
        )?;
        if let Some((pull, estimated)) = waste.pull_bytes() {
            write!(out, "; {}{} to pull", if estimated { "~" } else { "" }, bytes(pull))?;
        }
        writeln!(out)?;
    }
    for line in base_lines(found, None) {
        writeln!(out, "base: {line}")?;
    }
    let sections = [
        ("", of(|finding| finding.kind.counts() && !finding.in_base)),
        ("In the base image; no instruction of this one can change it", of(|f| f.kind.counts() && f.in_base)),
        ("Stored more than once (not counted)", of(|f| f.kind == Kind::Duplicate)),
        ("Worth a look (not counted)", of(|f| f.kind == Kind::Advice)),
    ];
    for (title, findings) in sections.iter().filter(|(_, findings)| !findings.is_empty()) {
        writeln!(out)?;
        if !title.is_empty() {
            let sum = findings.iter().map(|finding| finding.bytes).sum();
            writeln!(out, "{title}: {}", bytes(sum))?;
        }
        list(found, findings, out)?;
    }
    for (first, last) in &found.asked_squashes {
        let saved = Waste::squashed(&found.tree, *first, *last);
        writeln!(out, "\nIf layers {first} to {last} were one, {} less would be stored.", bytes(saved))?;
    }
    if !waste.notices.is_empty() {
        writeln!(out)?;
    }
    for notice in waste.notices.iter().take(CAUSES) {
        writeln!(out, "{:>9}  {}", notice.bytes.map(bytes).unwrap_or_default(), notice_words(found, notice))?;
    }
    let more = waste.notices.len().saturating_sub(CAUSES);
    if more > 0 {
        writeln!(out, "{:>9}  {more} more notices", "")?;
    }
    Ok(())
}

/// A notice in a sentence.
pub(crate) fn notice_words(found: &Inspection, notice: &Notice) -> String {
    let layer = notice.layer.map(|layer| format!("layer {layer}: ")).unwrap_or_default();
    let path = notice.path.map(|node| format!("{}: ", shown(&found.tree.paths.path(node)))).unwrap_or_default();
    format!("{}: {layer}{path}{}", notice.id, notice.message)
}

/// Findings that are smaller go into one line.
const SMALL: u64 = 10_000;

fn list(found: &Inspection, findings: &[&Finding], out: &mut impl Write) -> io::Result<()> {
    let large = findings.iter().take_while(|finding| finding.bytes >= SMALL || finding.kind == Kind::Secret).count();
    // A small image has small waste only.
    let shown = if large == 0 { findings.len() } else { large }.min(CAUSES);
    for finding in &findings[..shown] {
        let size = if finding.kind == Kind::Secret { String::new() } else { bytes(finding.bytes) };
        writeln!(out, "{size:>9}  {}", finding.message)?;
        let (a, b) = (finding.stored_in, finding.caused_by);
        let own = finding.instruction.as_deref().map(|text| cut_end(&shown_text(text), WIDTH));
        let keeper = finding.kept_by();
        writeln!(out, "{:9}  {keeper}: {}", "", own.unwrap_or_else(|| instruction(found, a.into(), WIDTH)))?;
        if a != b {
            writeln!(out, "{:9}  layer {b}: {}", "", instruction(found, b.into(), WIDTH))?;
        }
        let place = finding.dockerfile.as_ref().map(|place| {
            let likely = if place.confidence == "exact" { "" } else { ", most likely" };
            let lines = if place.line == place.end_line {
                format!("{}", place.line)
            } else {
                format!("{}-{}", place.line, place.end_line)
            };
            format!("{}:{lines}{likely}: ", shown_text(&place.path))
        });
        let pull = match finding.pull_bytes {
            Some(pull) if finding.kind != Kind::Secret => {
                format!("   (pull: {}{})", if finding.pull_estimated { "~" } else { "" }, bytes(pull))
            }
            _ => String::new(),
        };
        if !finding.in_base || finding.kind == Kind::Secret {
            writeln!(
                out,
                "{:9}  fix: {}{}{pull}",
                "",
                place.unwrap_or_default(),
                finding.fix.replace('\n', "\n           | ")
            )?;
        }
    }
    let more = findings.len() - shown;
    if more > 0 {
        let rest = findings[shown..].iter().map(|finding| finding.bytes).sum();
        writeln!(out, "{:>9}  {more} more", bytes(rest))?;
    }
    Ok(())
}

fn instruction(found: &Inspection, layer: usize, width: usize) -> String {
    let text = found.image.instruction_line(layer).unwrap_or_else(|| "(no history)".to_owned());
    cut_end(&shown_text(&text), width)
}

/// Writes each stage's seconds and the bytes that it read.
///
/// # Errors
/// When `out` can't be written.
pub fn write_timings(found: &Inspection, out: &mut impl Write) -> io::Result<()> {
    for timing in &found.timings {
        let seconds = timing.took.as_secs_f64();
        writeln!(out, "{:<10} {seconds:>9.4} s  {:>15} bytes read", timing.stage, exact(timing.bytes))?;
    }
    Ok(())
}
