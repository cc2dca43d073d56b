//! Reading a file for the viewer, and comparing two of them.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use similar::{ChangeTag, TextDiff as Similar};

use super::ReadJob;
use super::worker::NO_SOURCE;
use crate::bytes::shown_text;
use crate::content::peek;
use crate::source::Target;
use crate::tui::content::{Content, Text};
use crate::tui::highlight::{Kind, highlight};

/// Distance of tab stops in columns.
const TAB: usize = 4;
/// Bytes of each file that are compared line by line.
const DIFF_LIMIT: usize = 2 << 20;
/// Equal lines that are kept around a difference.
const CONTEXT: usize = 3;

/// What was read of a file.
#[derive(Debug)]
pub struct Viewed {
    pub(in crate::tui) content: Content,
    /// It is the whole file.
    pub(in crate::tui) whole: bool,
    /// By line: what parts of it mean, as bytes of the shown line.
    pub(in crate::tui) meanings: Vec<Vec<(Kind, Range<usize>)>>,
}

/// A line of two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) enum DiffLine {
    /// In both, with its number in each.
    Same(usize, usize, String),
    /// Only in the first.
    Removed(usize, String),
    /// Only in the second.
    Added(usize, String),
    /// So many equal lines are left out.
    Skipped(usize),
}

/// Two files, line by line.
#[derive(Debug)]
pub struct TextDiff {
    pub(in crate::tui) lines: Vec<DiffLine>,
    /// Lines that only the second file has, and only the first.
    pub(in crate::tui) added: usize,
    pub(in crate::tui) removed: usize,
    /// The files are longer than what was compared.
    pub(in crate::tui) cut: bool,
}

pub(super) fn view(target: Option<&Target>, job: &ReadJob, stop: &AtomicBool) -> Result<Viewed, String> {
    let target = job.target.as_ref().or(target).ok_or(NO_SOURCE)?;
    let peeked = peek(target, &job.found, job.file, job.limit, stop).map_err(|error| error.to_string())?;
    let content = Content::new(peeked.bytes, peeked.whole, TAB);
    let meanings = content.text().map(|text| highlighted(&job.name, text)).unwrap_or_default();
    Ok(Viewed { content, whole: peeked.whole, meanings })
}

pub(super) fn diff(target: Option<&Target>, jobs: &[ReadJob; 2], stop: &AtomicBool) -> Result<TextDiff, String> {
    let mut texts = Vec::new();
    let mut cut = false;
    for job in jobs {
        let target = job.target.as_ref().or(target).ok_or(NO_SOURCE)?;
        let peeked = peek(target, &job.found, job.file, DIFF_LIMIT as u64, stop).map_err(|error| error.to_string())?;
        cut |= !peeked.whole;
        let content = Content::new(peeked.bytes, peeked.whole, TAB);
        let text = content.text().ok_or("at least one of the files is binary, so there are no lines to compare")?;
        texts.push(text.plain.clone());
    }
    let similar = Similar::configure().timeout(std::time::Duration::from_secs(3)).diff_lines(&texts[0], &texts[1]);
    let mut diff = TextDiff { lines: Vec::new(), added: 0, removed: 0, cut };
    let shown = |text: &str| shown_text(text.trim_end_matches(['\n', '\r']));
    let mut last = (0, 0);
    for group in similar.grouped_ops(CONTEXT) {
        let Some(first) = group.first() else { continue };
        let skipped = first.old_range().start.saturating_sub(last.0);
        if skipped > 0 {
            diff.lines.push(DiffLine::Skipped(skipped));
        }
        for op in &group {
            for change in similar.iter_changes(op) {
                let text = shown(change.value());
                let (old, new) = (change.old_index().unwrap_or(0) + 1, change.new_index().unwrap_or(0) + 1);
                diff.lines.push(match change.tag() {
                    ChangeTag::Equal => DiffLine::Same(old, new, text),
                    ChangeTag::Delete => {
                        diff.removed += 1;
                        DiffLine::Removed(old, text)
                    }
                    ChangeTag::Insert => {
                        diff.added += 1;
                        DiffLine::Added(new, text)
                    }
                });
            }
            last = (op.old_range().end, op.new_range().end);
        }
    }
    let rest = texts[0].lines().count().saturating_sub(last.0);
    if rest > 0 && !diff.lines.is_empty() {
        diff.lines.push(DiffLine::Skipped(rest));
    }
    Ok(diff)
}

/// What parts of each line mean, by the file's name and content.
fn highlighted(name: &[u8], text: &Text) -> Vec<Vec<(Kind, Range<usize>)>> {
    let lines = highlight(&String::from_utf8_lossy(name), &text.plain);
    let shown = |(row, spans): (usize, Vec<(Kind, Range<usize>)>)| {
        let Some(line) = text.line(row) else { return Vec::new() };
        let moved = |(kind, range): (Kind, Range<usize>)| (kind, line.shown_at(range.start)..line.shown_at(range.end));
        spans.into_iter().map(moved).collect()
    };
    lines.into_iter().enumerate().take_while(|(row, _)| text.line(*row).is_some()).map(shown).collect()
}
