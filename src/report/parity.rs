//! What one image has and the other has not, written down: text for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::size::{bytes, count, exact};
use crate::bytes::{shown, shown_text};
use crate::compare::{Comparison, OnlyOne, Parity};
use crate::inspect::Inspection;

/// Rows of a list that text shows.
const MOST: usize = 20;

#[derive(Serialize)]
struct Document {
    schema: u32,
    parity: bool,
    before: Side,
    after: Side,
    only_before: Vec<Row>,
    only_after: Vec<Row>,
    otherwise: Vec<Otherwise>,
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Side {
    platform: String,
    id: String,
}

#[derive(Serialize)]
struct Row {
    path: String,
    kind: &'static str,
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Otherwise {
    path: String,
    aspects: Vec<&'static str>,
}

#[derive(Serialize)]
struct Setting {
    key: String,
    before: Option<String>,
    after: Option<String>,
}

fn path(comparison: &Comparison, only: &OnlyOne) -> String {
    shown(&comparison.tree.paths.path(only.node))
}

/// Writes it as JSON.
///
/// # Errors
/// When `out` can't be written.
pub fn write_parity_json(
    images: [&Inspection; 2],
    comparison: &Comparison,
    parity: &Parity<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let side = |found: &Inspection| Side { platform: found.image.platform.to_string(), id: found.image.id.to_string() };
    let rows = |all: &[OnlyOne]| {
        let row = |only: &OnlyOne| Row {
            path: path(comparison, only),
            kind: only.kind.name(),
            files: only.files,
            bytes: only.bytes,
        };
        all.iter().map(row).collect()
    };
    let document = Document {
        schema: 1,
        parity: parity.holds(),
        before: side(images[0]),
        after: side(images[1]),
        only_before: rows(&parity.only_before),
        only_after: rows(&parity.only_after),
        otherwise: parity
            .otherwise
            .iter()
            .map(|file| Otherwise {
                path: shown(&comparison.tree.paths.path(file.node)),
                aspects: file.aspects.iter().map(|aspect| aspect.name()).collect(),
            })
            .collect(),
        settings: parity
            .settings
            .iter()
            .map(|setting| Setting {
                key: shown_text(&setting.key),
                before: setting.before.as_deref().map(shown_text),
                after: setting.after.as_deref().map(shown_text),
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// Writes it for people, with the verdict as the last line. `all` lists every path.
///
/// # Errors
/// When `out` can't be written.
pub fn write_parity(
    names: [&str; 2],
    images: [&Inspection; 2],
    comparison: &Comparison,
    parity: &Parity<'_>,
    all: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let most = if all { usize::MAX } else { MOST };
    for ((name, found), list) in names.iter().zip(images).zip([&parity.only_before, &parity.only_after]) {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "only in {} ({})", shown_text(name), found.image.platform)?;
        let mut sorted: Vec<&OnlyOne> = list.iter().collect();
        if !all {
            sorted.sort_by_key(|only| std::cmp::Reverse(only.bytes));
        }
        for only in sorted.iter().take(most) {
            let files = if only.files > 1 { format!("  {}", count(only.files, "file")) } else { String::new() };
            writeln!(out, "  {:>9}  /{}{files}", bytes(only.bytes), path(comparison, only))?;
        }
        if sorted.len() > most {
            writeln!(out, "  and {} more; --all lists them", exact((sorted.len() - most) as u64))?;
        }
    }
    if !parity.otherwise.is_empty() {
        writeln!(out, "in both, and not alike")?;
        for file in parity.otherwise.iter().take(most) {
            let aspects = super::diff::aspects(&comparison.tree, file);
            writeln!(out, "  /{}  {aspects}", shown(&comparison.tree.paths.path(file.node)))?;
        }
        if parity.otherwise.len() > most {
            writeln!(out, "  and {} more; --all lists them", exact((parity.otherwise.len() - most) as u64))?;
        }
    }
    if !parity.settings.is_empty() {
        writeln!(out, "settings")?;
        for setting in &parity.settings {
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), shown_text);
            writeln!(out, "  {}: {} -> {}", shown_text(&setting.key), value(&setting.before), value(&setting.after))?;
        }
    }
    if parity.holds() {
        return writeln!(out, "parity: both have the same paths and settings; contents may differ");
    }
    writeln!(
        out,
        "no parity: {} only in the first, {} only in the second, {} not alike, {} settings",
        exact(parity.only_before.len() as u64),
        exact(parity.only_after.len() as u64),
        exact(parity.otherwise.len() as u64),
        exact(parity.settings.len() as u64)
    )
}
