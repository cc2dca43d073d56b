use std::io::{self, Write};

use askama::Template;

use super::super::html::{SCRIPT, STYLE, policy};
use super::super::words::image_name;
use super::super::{bytes, exact};
use super::{Compared, aspects, file_size, numbers, signed, text, verdict, weighty};
use crate::bytes::{shown, shown_text};
use crate::compare::Fate;
use crate::tree::Change;
use crate::waste::Kind;

/// Paths that the page lists.
const FILES: usize = 2_000;

#[derive(Template)]
#[template(path = "diff.html")]
struct Page<'a> {
    policy: String,
    style: &'a str,
    script: &'a str,
    version: &'static str,
    made: String,
    before: String,
    after: String,
    differs: bool,
    verdict: String,
    numbers: Vec<(&'static str, String, String, String)>,
    settings: Vec<(String, String, String)>,
    findings: Vec<Finding>,
    layers: Vec<(&'static str, String, String, String)>,
    counts: String,
    files: Vec<File>,
    more: String,
}

struct Finding {
    fate: &'static str,
    growth: i128,
    size: String,
    message: String,
    fix: String,
}

struct File {
    change: &'static str,
    bytes: u64,
    size: String,
    path: String,
    aspects: String,
}

pub(super) fn write(compared: Compared<'_>, out: &mut dyn Write) -> io::Result<()> {
    let comparison = compared.comparison;
    let [added, modified, removed] = comparison.counts();
    let count = |(count, size): (u64, i128), word: &str| format!("{} {word} ({})", exact(count), signed(size, bytes));
    let text = |value: &Option<String>| value.as_deref().map(shown_text).unwrap_or_default();
    let more = comparison.files.len().saturating_sub(FILES);
    let page = Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        version: env!("CARGO_PKG_VERSION"),
        made: super::super::date(super::super::time::now()),
        before: image_name(compared.before),
        after: image_name(compared.after),
        differs: comparison.differs(),
        verdict: verdict(comparison),
        numbers: numbers(compared)
            .iter()
            .map(|each| (each.label, each.text(each.before), each.text(each.after), each.change()))
            .collect(),
        settings: comparison
            .settings
            .iter()
            .map(|each| (shown_text(&each.key), text(&each.before), text(&each.after)))
            .collect(),
        findings: findings(compared),
        layers: comparison
            .layers
            .iter()
            .map(|layer| {
                let (place, size, instruction) = text::layer_words(compared, layer);
                (layer.pairing.name(), place, size, instruction)
            })
            .collect(),
        counts: format!("{}, {}, {}", count(added, "added"), count(modified, "modified"), count(removed, "removed")),
        files: files(compared),
        more: if more > 0 { format!("{} smaller changes are not listed.", exact(more as u64)) } else { String::new() },
    };
    let mut out = io::BufWriter::new(out);
    page.write_into(&mut out)?;
    out.flush()
}

fn findings(compared: Compared<'_>) -> Vec<Finding> {
    let told = compared.comparison.findings.iter().filter_map(|change| {
        let gone = change.fate == Fate::Gone;
        let image = if gone { compared.before } else { compared.after };
        let finding = image.waste.findings.get(if gone { change.before? } else { change.after? })?;
        let secret = finding.kind == Kind::Secret;
        Some(Finding {
            fate: change.fate.name(),
            growth: change.growth(),
            size: if secret { "secret".to_owned() } else { signed(change.growth(), bytes) },
            message: finding.message.clone(),
            fix: if gone { String::new() } else { finding.fix.clone() },
        })
    });
    told.collect()
}

fn files(compared: Compared<'_>) -> Vec<File> {
    let tree = &compared.comparison.tree;
    let told = weighty(compared.comparison).into_iter().take(FILES).map(|file| File {
        change: match file.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Modified | Change::Metadata | Change::None => "modified",
        },
        bytes: file.before_bytes.max(file.after_bytes),
        size: file_size(file),
        path: format!("/{}", shown(&tree.paths.path(file.node))),
        aspects: aspects(tree, file),
    });
    told.collect()
}
