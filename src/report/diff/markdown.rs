use std::fmt::Write as _;
use std::io::{self, Write};

use super::super::markdown::{MARK, code, prose};
use super::super::words::image_name;
use super::super::{bytes, count, exact};
use super::{Compared, aspects, file_size, numbers, sign, signed, text, verdict, weighty};
use crate::bytes::cut_end;
use crate::bytes::{shown, shown_text};
use crate::compare::{Fate, Pairing};
use crate::waste::Kind;

/// Rows of a table; what is more is told in one line.
const ROWS: usize = 30;

/// Writes nothing for equal images.
pub(super) fn write(compared: Compared<'_>, out: &mut dyn Write) -> io::Result<()> {
    if !compared.comparison.differs() {
        return Ok(());
    }
    let mut text = format!("{MARK}\n");
    let (before, after) = (image_name(compared.before), image_name(compared.after));
    let _ = writeln!(text, "### explore: {} → {}\n", code(&before), code(&after));
    let _ = writeln!(text, "{}\n", prose(&verdict(compared.comparison)));
    text.push_str("| | before | after | change |\n|---|---:|---:|---:|\n");
    for each in numbers(compared) {
        let (before, after) = (each.text(each.before), each.text(each.after));
        let _ = writeln!(text, "| {} | {before} | {after} | {} |", each.label, each.change());
    }
    text.push('\n');
    findings(compared, &mut text);
    settings(compared, &mut text);
    layers(compared, &mut text);
    files(compared, &mut text);
    out.write_all(text.as_bytes())
}

fn fold(title: &str, rows: &[String], head: &str, text: &mut String) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "<details><summary>{title}</summary>\n\n{head}");
    for row in rows.iter().take(ROWS) {
        let _ = writeln!(text, "{row}");
    }
    if rows.len() > ROWS {
        let _ = writeln!(text, "\nand {} more", exact((rows.len() - ROWS) as u64));
    }
    text.push_str("\n</details>\n\n");
}

fn findings(compared: Compared<'_>, text: &mut String) {
    let rows = compared.comparison.findings.iter().filter_map(|change| {
        let gone = change.fate == Fate::Gone;
        let image = if gone { compared.before } else { compared.after };
        let finding = image.waste.findings.get(if gone { change.before? } else { change.after? })?;
        let size = if finding.kind == Kind::Secret { "secret".to_owned() } else { signed(change.growth(), bytes) };
        Some(format!("| {} | {size} | {} |", change.fate.name(), prose(&finding.message)))
    });
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return;
    }
    text.push_str("| waste | change | finding |\n|---|---:|---|\n");
    for row in rows.iter().take(ROWS) {
        let _ = writeln!(text, "{row}");
    }
    if rows.len() > ROWS {
        let _ = writeln!(text, "\nand {} more", exact((rows.len() - ROWS) as u64));
    }
    text.push('\n');
}

fn settings(compared: Compared<'_>, text: &mut String) {
    let value = |value: &Option<String>| {
        value.as_ref().map(|value| code(&cut_end(&shown_text(value), 100))).unwrap_or_default()
    };
    let rows: Vec<String> = compared
        .comparison
        .settings
        .iter()
        .map(|each| format!("| {} | {} | {} |", code(&shown_text(&each.key)), value(&each.before), value(&each.after)))
        .collect();
    fold(&differ(rows.len(), "setting"), &rows, "| setting | before | after |\n|---|---|---|", text);
}

/// `1 layer differs`, `2 layers differ`.
fn differ(number: usize, what: &str) -> String {
    format!("{} differ{}", count(number as u64, what), if number == 1 { "s" } else { "" })
}

fn layers(compared: Compared<'_>, text: &mut String) {
    let differing = compared.comparison.layers.iter().filter(|layer| layer.pairing != Pairing::Same);
    let rows: Vec<String> = differing
        .map(|layer| {
            let (place, size, instruction) = text::layer_words(compared, layer);
            let place = place.replace("->", "→");
            let size = size.replace("->", "→");
            format!("| {} | {place} | {size} | {} |", layer.pairing.name(), code(&cut_end(&instruction, 100)))
        })
        .collect();
    fold(&differ(rows.len(), "layer"), &rows, "| | layer | size | instruction |\n|---|---|---:|---|", text);
}

fn files(compared: Compared<'_>, text: &mut String) {
    let comparison = compared.comparison;
    let [added, modified, removed] = comparison.counts();
    let rows: Vec<String> = weighty(comparison)
        .into_iter()
        .take(ROWS)
        .map(|file| {
            let path = code(&shown(&comparison.tree.paths.path(file.node)));
            let what = aspects(&comparison.tree, file);
            format!("| {} | {} | {path} | {} |", code(&sign(file.change).to_string()), file_size(file), code(&what))
        })
        .collect();
    let more = comparison.files.len().saturating_sub(ROWS);
    let title = format!(
        "files: {} added ({}), {} modified ({}), {} removed ({})",
        exact(added.0),
        signed(added.1, bytes),
        exact(modified.0),
        signed(modified.1, bytes),
        exact(removed.0),
        signed(removed.1, bytes)
    );
    fold(&title, &rows, "| | size | path | differs in |\n|---|---:|---|---|", text);
    if more > 0 {
        let _ = writeln!(text, "{} smaller changes are not listed.\n", exact(more as u64));
    }
}
