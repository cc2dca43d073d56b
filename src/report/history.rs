use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::harmless::Harmless;
use super::size::docker;
use super::time::{ago, valid};
use crate::bytes::shown_text;
use crate::inspect::Inspection;

/// How `explore history` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryFormat {
    /// A table, as `docker history` prints it.
    Table,
    /// A JSON object a line, with the names that `docker history --format json` uses.
    Json,
}

/// The names are Docker's.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    comment: String,
    created_at: String,
    created_by: String,
    created_since: String,
    #[serde(rename = "ID")]
    id: String,
    size: String,
}

/// Docker cuts the instruction after so many characters.
const CUT: usize = 45;

/// Writes what `docker history` prints, the last row first.
///
/// # Errors
/// When `out` can't be written.
pub fn write_history(
    found: &Inspection,
    format: HistoryFormat,
    whole: bool,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<()> {
    let image = &found.image;
    let mut rows: Vec<Row> = Vec::new();
    let unnamed = (0..image.layers.len()).filter(|layer| image.layers[*layer].history.is_none());
    let size = |layer: Option<usize>| docker(layer.map_or(0, |layer| docker_bytes(found, layer)));
    // Layers that no history row made come first: they are the base's.
    for layer in unnamed {
        rows.push(Row {
            comment: String::new(),
            created_at: String::new(),
            created_by: "(no history)".to_owned(),
            created_since: "N/A".to_owned(),
            id: "<missing>".to_owned(),
            size: size(Some(layer)),
        });
    }
    for row in &image.history {
        let text: String = row.created_by.as_deref().unwrap_or_default().replace('\t', " ");
        let cut = !whole && text.chars().count() > CUT;
        let created_by = if cut { text.chars().take(CUT - 1).chain(['…']).collect() } else { text };
        rows.push(Row {
            comment: row.comment.as_deref().unwrap_or_default().to_owned(),
            created_at: valid(row.created.as_ref()).unwrap_or_default().to_owned(),
            created_by,
            created_since: ago(row.created.as_ref(), now),
            id: "<missing>".to_owned(),
            size: size(row.layer),
        });
    }
    if let Some(last) = rows.last_mut() {
        // As the engine names it, where the image came from one.
        let id = image.engine_id.as_deref().unwrap_or(image.id.as_str());
        last.id =
            if whole { id.to_owned() } else { id.split(':').next_back().unwrap_or(id).chars().take(12).collect() };
    }
    rows.reverse();
    match format {
        HistoryFormat::Json => {
            for row in rows {
                serde_json::to_writer(Harmless(&mut *out), &row)?;
                writeln!(out)?;
            }
            Ok(())
        }
        HistoryFormat::Table => {
            let mut table = vec![["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"].map(str::to_owned)];
            table.extend(rows.iter().map(|row| {
                [&row.id, &row.created_since, &row.created_by, &row.size, &row.comment].map(|text| shown_text(text))
            }));
            write_table(&table, out)
        }
    }
}

/// What Docker's overlay2 store counts of a layer: content, and the texts of symbolic links.
fn docker_bytes(found: &Inspection, layer: usize) -> u64 {
    // Of a layer that was not read only the size of its blob is known.
    if found.layers[layer].unread {
        return found.layers[layer].compressed_bytes.unwrap_or(0);
    }
    let events = &found.tree.layers[layer];
    let links = events.events.iter().filter_map(|event| found.tree.symlink(event));
    events.content_bytes + links.map(|text| text.len() as u64).sum::<u64>()
}

fn write_table<const N: usize>(table: &[[String; N]], out: &mut impl Write) -> io::Result<()> {
    let widths: Vec<usize> =
        (0..N).map(|column| table.iter().map(|row| row[column].width()).max().unwrap_or(0)).collect();
    for row in table {
        let mut line = String::new();
        for (text, width) in row.iter().zip(&widths) {
            line.push_str(text);
            line.extend(std::iter::repeat_n(' ', width - text.width() + 3));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
