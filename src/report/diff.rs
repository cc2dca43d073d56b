//! What differs between two images, written down.

mod html;
mod json;
mod markdown;
mod text;

use std::io::{self, Write};

use super::size::{bytes, exact};
use crate::compare::{Comparison, FileChange};
use crate::inspect::Inspection;
use crate::tree::{Change, EventRef, Tree};

/// A format in which a comparison is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiffFormat {
    /// For a terminal or a log: the verdict as the last line.
    Text,
    /// The contract of `docs/diff.schema.json`.
    Json,
    /// Markdown for a comment; empty when the images are equal.
    Markdown,
    /// One page that needs nothing else.
    Html,
}

/// Two images and what differs.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// The first image, as what was before.
    pub before: &'a Inspection,
    /// The second.
    pub after: &'a Inspection,
    /// What differs.
    pub comparison: &'a Comparison,
}

/// Writes a comparison. `all` lists every path; otherwise people get the largest changes, and the JSON has every path anyway.
///
/// # Errors
/// When `out` can't be written.
pub fn write_diff(format: DiffFormat, compared: Compared<'_>, all: bool, out: &mut dyn Write) -> io::Result<()> {
    match format {
        DiffFormat::Text => text::write(compared, all, out),
        DiffFormat::Json => json::write(compared, out),
        DiffFormat::Markdown => markdown::write(compared, out),
        DiffFormat::Html => html::write(compared, out),
    }
}

/// A number that grew or shrank.
struct Number {
    label: &'static str,
    before: u64,
    after: u64,
    is_bytes: bool,
}

impl Number {
    fn text(&self, number: u64) -> String {
        if self.is_bytes { bytes(number) } else { exact(number) }
    }

    fn change(&self) -> String {
        signed(i128::from(self.after) - i128::from(self.before), |size| self.text(size))
    }
}

/// `+1.2 MB`, `-3`, `0`; nothing before a zero.
pub(crate) fn signed(number: i128, text: impl Fn(u64) -> String) -> String {
    let size = text(u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX));
    match number {
        0 => size,
        1.. => format!("+{size}"),
        _ => format!("-{size}"),
    }
}

fn numbers(compared: Compared<'_>) -> Vec<Number> {
    let (a, b) = (compared.before, compared.after);
    let size = |label, of: fn(&Inspection) -> u64| Number { label, before: of(a), after: of(b), is_bytes: true };
    let count = |label, of: fn(&Inspection) -> u64| Number { label, before: of(a), after: of(b), is_bytes: false };
    vec![
        size("stored", |found| found.waste.content_bytes),
        size("in the final file system", |found| found.waste.live_bytes),
        size("wasted", |found| found.waste.total_bytes()),
        size("wasted by own layers", |found| found.waste.own_bytes),
        count("layers", |found| found.image.layers.len() as u64),
        count("files", |found| found.tree.final_counts().files),
    ]
}

/// `+`, `~` or `-`.
fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Modified | Change::Metadata | Change::None => '~',
    }
}

/// Paths, the largest changes first, then those that are not a matter of bytes, in the order of paths.
fn weighty(comparison: &Comparison) -> Vec<&FileChange> {
    let mut files: Vec<&FileChange> = comparison.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.before_bytes.max(file.after_bytes)));
    files
}

/// In what a path differs, with the values where those are short: `content, mode 0644 -> 0600, owner 0:0 -> 33:33`.
pub(crate) fn aspects(tree: &Tree, file: &FileChange) -> String {
    let (Some(before), Some(after)) = (file.before, file.after) else { return String::new() };
    let words = file.aspects.iter().map(|aspect| aspect_words(tree, aspect, before, after));
    words.collect::<Vec<_>>().join(", ")
}

fn aspect_words(tree: &Tree, aspect: crate::compare::Aspect, before: EventRef, after: EventRef) -> String {
    use crate::compare::Aspect;
    let from_to = |text: &dyn Fn(EventRef) -> String| format!("{} {} -> {}", aspect.name(), text(before), text(after));
    match aspect {
        Aspect::Kind => from_to(&|at| tree.event_at(at).kind().name().to_owned()),
        Aspect::Mode => from_to(&|at| format!("{:04o}", tree.attributes(at).mode)),
        Aspect::Owner => from_to(&|at| format!("{}:{}", tree.attributes(at).uid, tree.attributes(at).gid)),
        Aspect::Target => from_to(&|at| {
            let event = tree.event_at(at);
            let link = tree.symlink(event).map(crate::bytes::shown);
            link.or_else(|| tree.device(event).map(|(a, b)| format!("{a}:{b}"))).unwrap_or_default()
        }),
        Aspect::Time => from_to(&|at| tree.event_at(at).mtime().map(super::rfc3339).unwrap_or_default()),
        Aspect::Content | Aspect::Xattrs => aspect.name().to_owned(),
    }
}

/// The bytes that a line of a path tells.
fn file_size(file: &FileChange) -> String {
    match file.change {
        Change::Added => bytes(file.after_bytes),
        Change::Removed => bytes(file.before_bytes),
        _ => signed(i128::from(file.after_bytes) - i128::from(file.before_bytes), bytes),
    }
}

/// What it comes to, in a line.
fn verdict(comparison: &Comparison) -> String {
    let times = match (comparison.only_times, comparison.options.strict) {
        (0, _) | (_, true) => String::new(),
        (1, _) => " (the time of 1 path differs, which does not count without --strict)".to_owned(),
        (some, _) => format!(" (the times of {} paths differ, which do not count without --strict)", exact(some)),
    };
    if !comparison.differs() {
        return format!("equal{times}");
    }
    let plural = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        some => format!("{} {one}s", exact(some as u64)),
    };
    let layers = comparison.layers.iter().filter(|layer| match layer.pairing {
        crate::compare::Pairing::Same => false,
        crate::compare::Pairing::Rebuilt => comparison.options.strict,
        _ => true,
    });
    let parts = [
        (comparison.files.len(), "path"),
        (layers.count(), "layer"),
        (comparison.settings.len(), "setting"),
        (comparison.findings.len(), "finding"),
    ];
    let counted = parts.iter().filter(|(count, _)| *count > 0).map(|(count, one)| plural(*count, one));
    let parts: Vec<String> = counted.chain(stored_words(comparison)).collect();
    format!("different: {}{times}", parts.join(", "))
}

/// What differs of the content that no final file system shows; None where nothing does.
fn stored_words(comparison: &Comparison) -> Option<String> {
    let crate::compare::StoredChange { files, bytes: size } = comparison.stored;
    let are = match files {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let files = super::count(files, "file");
    Some(format!("{files} that {are} stored and not in the final file system ({})", bytes(size)))
}
