use std::io::{self, Write};

use super::size::{bytes, exact, percent};
use crate::bytes::shown_text;
use crate::inspect::Inspection;

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
    let name = image.tags.first().unwrap_or(&found.reference);
    write!(out, "{}  {}  {}", shown_text(name), image.platform, image.source)?;
    if let Some(day) = image.config.created.as_ref().and_then(|time| time.get(..10)) {
        write!(out, "  created {}", shown_text(day))?;
    }
    writeln!(out)?;
    let layers = image.layers.len();
    write!(
        out,
        "{layers} layer{}, {} files, {} stored",
        if layers == 1 { "" } else { "s" },
        exact(counts.files),
        bytes(waste.content_bytes)
    )?;
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
    let total = waste.total_bytes();
    if total == 0 {
        return writeln!(out, "Nothing that is stored is hidden by a later layer.");
    }
    let base = match waste.base.layers {
        0 => "no base image".to_owned(),
        1 => "layer 0 is the base image".to_owned(),
        some => format!("layers 0 to {} are the base image", some - 1),
    };
    writeln!(
        out,
        "{} wasted, {} of what is stored (efficiency {}): {} in this image's own layers, {} in the base image",
        bytes(total),
        percent(waste.percent()),
        percent(waste.efficiency() * 100.0),
        bytes(waste.own_bytes),
        bytes(waste.base_bytes()),
    )?;
    writeln!(out, "({base}, going by {})\n", base_evidence(waste.base.evidence))?;
    for finding in waste.findings.iter().take(CAUSES) {
        writeln!(out, "{:>9}  {}", bytes(finding.bytes), finding.message)?;
        writeln!(
            out,
            "{:9}  layer {}: {}",
            "",
            finding.stored_in,
            instruction(found, finding.stored_in.into(), WIDTH)
        )?;
        if finding.stored_in != finding.caused_by {
            let text = instruction(found, finding.caused_by.into(), WIDTH);
            writeln!(out, "{:9}  layer {}: {text}", "", finding.caused_by)?;
        }
        writeln!(out, "{:9}  fix: {}", "", finding.fix)?;
    }
    let more = waste.findings.len().saturating_sub(CAUSES);
    if more > 0 {
        let rest = waste.findings.iter().skip(CAUSES).map(|finding| finding.bytes).sum();
        writeln!(out, "{:>9}  {more} more", bytes(rest))?;
    }
    Ok(())
}

fn base_evidence(evidence: &str) -> &'static str {
    match evidence {
        "given" => "what was given",
        "history" => "its history",
        _ => "a guess",
    }
}

fn instruction(found: &Inspection, layer: usize, width: usize) -> String {
    let text = found.image.instruction(layer).unwrap_or_else(|| "(no history)".to_owned());
    cut_end(&shown_text(&text), width)
}

/// Cut at the end, as commands are read from the front.
fn cut_end(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
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
