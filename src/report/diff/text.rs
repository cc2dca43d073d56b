use std::io::{self, Write};

use super::super::words::image_name;
use super::super::{bytes, exact};
use super::{Compared, aspects, file_size, numbers, sign, signed, verdict, weighty};
use crate::bytes::cut_end;
use crate::bytes::{shown, shown_text};
use crate::compare::{Aligned, Comparison, Fate, Pairing};

/// Paths that are listed unless all are asked for.
const FILES: usize = 40;
/// Characters of an instruction or a value.
const WIDTH: usize = 72;

pub(super) fn write(compared: Compared<'_>, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let comparison = compared.comparison;
    writeln!(out, "{} -> {}\n", image_name(compared.before), image_name(compared.after))?;
    write_numbers(compared, out)?;
    write_layers(compared, out)?;
    write_settings(comparison, out)?;
    write_findings(compared, out)?;
    write_files(comparison, all, out)?;
    writeln!(out, "verdict: {}", verdict(comparison))
}

fn write_numbers(compared: Compared<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<[String; 4]> = numbers(compared)
        .iter()
        .map(|each| [each.label.to_owned(), each.text(each.before), each.text(each.after), each.change()])
        .collect();
    let heads = ["", "BEFORE", "AFTER", "CHANGE"].map(str::to_owned);
    let width =
        |column: usize| rows.iter().map(|row| row[column].len()).chain([heads[column].len()]).max().unwrap_or(0);
    let (a, b, c, d) = (width(0), width(1), width(2), width(3));
    for [label, before, after, change] in std::iter::once(&heads).chain(&rows) {
        writeln!(out, "{label:<a$}  {before:>b$}  {after:>c$}  {change:>d$}")?;
    }
    writeln!(out)
}

fn write_layers(compared: Compared<'_>, out: &mut dyn Write) -> io::Result<()> {
    let layers = &compared.comparison.layers;
    let same = layers.iter().take_while(|layer| layer.pairing == Pairing::Same).count();
    if same == layers.len() {
        return writeln!(out, "All layers are the same.\n");
    }
    writeln!(out, "LAYERS")?;
    if same > 0 {
        let last = layers[same - 1].after.unwrap_or(0);
        let which = if same == 1 { "layer 0 is".to_owned() } else { format!("layers 0 to {last} are") };
        writeln!(out, "  = {which} the same")?;
    }
    for layer in &layers[same..] {
        let (place, size, instruction) = layer_words(compared, layer);
        writeln!(out, "  {} {place:<9}  {size:>20}  {}", layer_sign(layer), cut_end(&instruction, WIDTH))?;
    }
    writeln!(out)
}

fn layer_sign(layer: &Aligned) -> char {
    match layer.pairing {
        Pairing::Same => '=',
        Pairing::Rebuilt => '~',
        Pairing::Gone => '-',
        Pairing::New => '+',
    }
}

/// Which layer of each image, its sizes, and its instruction.
pub(super) fn layer_words(compared: Compared<'_>, layer: &Aligned) -> (String, String, String) {
    let size = |found: &crate::inspect::Inspection, at: usize| found.tree.layers[at].content_bytes;
    let before = layer.before.map(|at| size(compared.before, at));
    let after = layer.after.map(|at| size(compared.after, at));
    let sizes = match (before, after) {
        (Some(a), Some(b)) if a == b => bytes(a),
        (Some(a), Some(b)) => format!("{} -> {}", bytes(a), bytes(b)),
        (one, other) => bytes(one.or(other).unwrap_or(0)),
    };
    let place = match (layer.before, layer.after) {
        (Some(a), Some(b)) if a == b => a.to_string(),
        (Some(a), Some(b)) => format!("{a} -> {b}"),
        (one, other) => one.or(other).unwrap_or(0).to_string(),
    };
    let after = layer.after.and_then(|at| compared.after.image.instruction_line(at));
    let before = || layer.before.and_then(|at| compared.before.image.instruction_line(at));
    let instruction = after.or_else(before).unwrap_or_else(|| "(no history)".to_owned());
    (place, sizes, shown_text(&instruction))
}

fn write_settings(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    if comparison.settings.is_empty() {
        return Ok(());
    }
    writeln!(out, "SETTINGS")?;
    for setting in &comparison.settings {
        let key = shown_text(&setting.key);
        let text = |value: &String| cut_end(&shown_text(value), WIDTH);
        match (&setting.before, &setting.after) {
            (Some(before), Some(after)) => writeln!(out, "  ~ {key}: {} -> {}", text(before), text(after))?,
            (Some(before), None) => writeln!(out, "  - {key}: {}", text(before))?,
            (_, after) => writeln!(out, "  + {key}: {}", after.as_ref().map(text).unwrap_or_default())?,
        }
    }
    writeln!(out)
}

fn write_findings(compared: Compared<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = &compared.comparison.findings;
    if findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "WASTE AND SECRETS")?;
    for change in findings {
        let image = if change.fate == Fate::Gone { compared.before } else { compared.after };
        let index = if change.fate == Fate::Gone { change.before } else { change.after };
        let Some(finding) = index.and_then(|index| image.waste.findings.get(index)) else { continue };
        let size = if finding.kind == crate::waste::Kind::Secret {
            "secret".to_owned()
        } else {
            signed(change.growth(), bytes)
        };
        writeln!(out, "  {size:>9}  {:<6}  {}", change.fate.name(), finding.message)?;
    }
    writeln!(out)
}

fn write_files(comparison: &Comparison, all: bool, out: &mut dyn Write) -> io::Result<()> {
    if comparison.files.is_empty() {
        return Ok(());
    }
    let [added, modified, removed] = comparison.counts();
    let count = |(count, size): (u64, i128), word: &str| format!("{} {word} ({})", exact(count), signed(size, bytes));
    writeln!(out, "FILES  {}, {}, {}", count(added, "added"), count(modified, "modified"), count(removed, "removed"))?;
    let tree = &comparison.tree;
    let files = if all { comparison.files.iter().collect() } else { weighty(comparison) };
    let shown_files = if all { files.len() } else { files.len().min(FILES) };
    for file in &files[..shown_files] {
        let what = aspects(tree, file);
        let what = if what.is_empty() { what } else { format!("  ({what})") };
        let path = shown(&tree.paths.path(file.node));
        writeln!(out, "  {} {:>9}  {path}{what}", sign(file.change), file_size(file))?;
    }
    if shown_files < files.len() {
        writeln!(out, "  {:>11}  {} more; --all lists them", "", exact((files.len() - shown_files) as u64))?;
    }
    writeln!(out)
}
