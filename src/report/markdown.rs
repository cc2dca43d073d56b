//! Markdown as GitHub and GitLab render it: for a comment on a pull request, and for the summary of a job.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::judged::{FindingView, Judged, Standing};
use super::words;
use super::{bytes, count, percent};
use crate::bytes::cut_end;
use crate::image::one_line;
use crate::inspect::Inspection;

/// Rows of a table; what is more is told in one line.
const ROWS: usize = 20;
/// Characters of an instruction.
const INSTRUCTION: usize = 60;
/// Characters of a fix.
const FIX: usize = 300;

/// By this a later run finds the comment that it has to replace.
pub(super) const MARK: &str = "<!-- explore -->";

/// Writes a comment; nothing at all when no image has anything that a reader has to know.
pub(super) fn write(images: &[Judged<'_>], unread: usize, out: &mut dyn Write) -> io::Result<()> {
    let speaks = unread > 0 || images.iter().any(Judged::has_something_to_say);
    if speaks { write_always(images, unread, false, out) } else { Ok(()) }
}

/// Writes the summary of a job (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>,
/// "Adding a job summary"): as the comment, also for images that are well, and with their layers.
///
/// # Errors
/// When `out` can't be written.
pub fn write_step_summary(images: &[Judged<'_>], unread: usize, out: &mut dyn Write) -> io::Result<()> {
    write_always(images, unread, true, out)
}

fn write_always(images: &[Judged<'_>], unread: usize, layers: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut text = format!("{MARK}\n");
    if let Some(lacking) = words::unread_words(unread) {
        let _ = writeln!(text, "> **Not all:** {lacking}\n");
    }
    for each in images {
        if layers || images.len() == 1 || each.has_something_to_say() {
            image(each, layers, &mut text);
        }
    }
    let well = images.iter().filter(|each| !each.has_something_to_say()).count();
    if !layers && images.len() > 1 && well > 0 {
        let _ = writeln!(text, "{well} of {} images have nothing to tell.", images.len());
    }
    out.write_all(text.as_bytes())
}

fn image(each: &Judged<'_>, layers: bool, text: &mut String) {
    let found = each.found;
    let verdict = match each.verdict {
        Some(verdict) if verdict.pass() => ": **passed**",
        Some(_) => ": **failed**",
        None => "",
    };
    let _ = writeln!(text, "### explore: {}\n", prose(&words::image_name(found)));
    let _ = writeln!(text, "{}{verdict}\n", words::headline(each));
    for line in super::base::base_lines(found, each.verdict) {
        let _ = writeln!(text, "Base: {}\n", prose(&line));
    }
    let failed = each.failed();
    for check in &failed {
        let _ = writeln!(text, "- {}: {}", code(&check.kind.name()), prose(&check.message));
    }
    if !failed.is_empty() {
        text.push('\n');
    }
    for damage in found.incomplete() {
        let _ = writeln!(text, "> **Read in part:** {}\n", prose(&crate::bytes::shown_text(&damage)));
    }
    let secrets = each.secrets();
    if !secrets.is_empty() {
        let _ = writeln!(text, "**Secrets that everyone who has the image can read:**\n");
        for secret in secrets.iter().take(ROWS) {
            let _ =
                writeln!(text, "- {}  \n  {}", prose(&secret.finding.message), advice(&one_line(&secret.finding.fix)));
        }
        more(&secrets, text);
        text.push('\n');
    }
    let waste: Vec<_> = each.counted().into_iter().filter(|view| view.finding.kind.counts()).collect();
    table(&waste, text);
    for note in each.verdict.iter().flat_map(|verdict| &verdict.notes) {
        let _ = writeln!(text, "> {}\n", prose(&crate::bytes::shown_text(note)));
    }
    details(each, text);
    suggestion(found, text);
    if layers {
        layer_table(found, text);
    }
}

fn table(findings: &[FindingView<'_>], text: &mut String) {
    if findings.is_empty() {
        return;
    }
    text.push_str("| wasted | to pull | layer | finding | fix |\n|---:|---:|---|---|---|\n");
    for view in findings.iter().take(ROWS) {
        let finding = view.finding;
        let place = view.place();
        let place = if place.is_known {
            format!("{} ", code(&format!("{}:{}", place.path, place.line)))
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} {} | {} | {place}{} |",
            bytes(finding.bytes),
            view.pull().unwrap_or_default(),
            finding.spoken_in.map_or_else(|| finding.stored_in.to_string(), |_| "–".to_owned()),
            code(&cut_end(&view.instruction(), INSTRUCTION)),
            prose(&finding.message),
            advice(&cut_end(&one_line(&finding.fix), FIX)),
        );
    }
    text.push('\n');
    more(findings, text);
}

fn more(findings: &[FindingView<'_>], text: &mut String) {
    let rest = findings.get(ROWS..).unwrap_or_default();
    if !rest.is_empty() {
        let sum = rest.iter().map(|view| view.finding.bytes).sum();
        let _ = writeln!(text, "and {} more, {}\n", rest.len(), bytes(sum));
    }
}

/// What does not count, folded away.
/// The edits of the Dockerfile as a diff.
fn suggestion(found: &Inspection, text: &mut String) {
    let Some(plan) = found.plan.as_ref().filter(|plan| !plan.is_reconstructed && !plan.edits.is_empty()) else {
        return;
    };
    let all: Vec<usize> = (0..plan.edits.len()).collect();
    let diff = crate::bytes::shown_lines(&plan.diff(&all));
    let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let (bytes, _) = plan.bytes(&found.tree, &all);
    let _ = writeln!(text, "<details><summary>What to change (saves {})</summary>\n", super::bytes(bytes));
    let _ = writeln!(text, "{fence}diff\n{}\n{fence}\n\n</details>\n", diff.trim_end());
}

fn details(each: &Judged<'_>, text: &mut String) {
    let mut base = Vec::new();
    let mut settled = Vec::new();
    for view in each.findings().filter(|view| view.finding.kind.counts() || view.is_open_secret()) {
        match view.standing {
            standing if standing.is_accepted() => settled.push(view),
            Standing::Excused(_) | Standing::Listed if view.finding.in_base => base.push(view),
            _ => {}
        }
    }
    for (title, findings) in [("in the base image", base), ("known and excused", settled)] {
        if findings.is_empty() {
            continue;
        }
        let sum = findings.iter().map(|view| view.finding.bytes).sum();
        let _ = writeln!(text, "<details><summary>{} {title}</summary>\n", bytes(sum));
        table(&findings, text);
        text.push_str("</details>\n\n");
    }
}

fn layer_table(found: &Inspection, text: &mut String) {
    let Inspection { image, tree, waste, .. } = found;
    let _ = writeln!(
        text,
        "<details><summary>{}, {}, {} stored, efficiency {}</summary>\n",
        count(image.layers.len() as u64, "layer"),
        count(tree.final_counts().files, "file"),
        bytes(waste.content_bytes),
        percent(waste.efficiency() * 100.0)
    );
    text.push_str("| layer | size | dead | instruction |\n|---:|---:|---:|---|\n");
    for (index, events) in tree.layers.iter().enumerate() {
        let dead = waste.dead_of_layer[index];
        let instruction = crate::bytes::shown_text(&image.instruction_line(index).unwrap_or_default());
        let _ = writeln!(
            text,
            "| {index} | {} | {} | {} |",
            bytes(events.content_bytes),
            if dead == 0 { String::new() } else { bytes(dead) },
            code(&cut_end(&instruction, 100))
        );
    }
    text.push_str("\n</details>\n\n");
}

/// A sentence in which every word that is more than letters and digits (a path, a flag, `@someone`, `#12`) stands as code, so
/// that nothing in it is a mention, a link or a mark.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut raw = String::new();
    let close = |raw: &mut String, out: &mut String| {
        if !raw.is_empty() {
            out.push_str(&code(raw));
            raw.clear();
        }
    };
    for (place, word) in text.split(' ').enumerate() {
        let start = word.find(|letter: char| letter != '(').unwrap_or(word.len());
        let end = word.trim_end_matches([':', ',', '.', ';', ')']).len().max(start);
        if is_plain(&word[start..end]) && is_plain_edge(&word[end..]) {
            close(&mut raw, &mut out);
            if place > 0 {
                out.push(' ');
            }
            out.push_str(word);
            continue;
        }
        // Such words that follow each other stay together.
        if raw.is_empty() {
            if place > 0 {
                out.push(' ');
            }
            out.push_str(&word[..start]);
            raw.push_str(&word[start..]);
        } else {
            raw.push(' ');
            raw.push_str(word);
        }
        let ended = raw.trim_end_matches([':', ',', '.', ';', ')']).len();
        if ended > 0 && ended < raw.len() {
            let tail = raw.split_off(ended);
            close(&mut raw, &mut out);
            out.push_str(&tail);
        }
    }
    close(&mut raw, &mut out);
    out
}

/// A fix, its commands as code.
fn advice(text: &str) -> String {
    words::parts_of(text).into_iter().map(|(is_code, part)| if is_code { code(part) } else { prose(part) }).collect()
}

fn is_plain(word: &str) -> bool {
    let inner = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '\'';
    let number = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    word == "…" || word == "%" || number || word.chars().all(inner) && !word.starts_with('-') && !word.ends_with('-')
}

/// What may follow a word without becoming something else.
fn is_plain_edge(edge: &str) -> bool {
    edge.chars().count() <= 2
}

/// Text as code, in which nothing else is anything. A bar would end the cell of a table, and what undoes that differs from
/// reader to reader, so text with one is written in entities alone.
pub(super) fn code(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    if text.contains('|') {
        let mut out = String::from("<code>");
        for letter in text.chars() {
            if letter.is_ascii_punctuation() {
                let _ = write!(out, "&#{};", u32::from(letter));
            } else {
                out.push(letter);
            }
        }
        return out + "</code>";
    }
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mean_something_stand_as_code() {
        for (text, want) in [
            (
                "apt-lists: var/lib/apt/lists (3 files): written in layer 1, deleted in layer 2",
                "apt-lists: `var/lib/apt/lists` (3 files): written in layer 1, deleted in layer 2",
            ),
            ("below a/@team: 12.5 MB", "below `a/@team`: 12.5 MB"),
            ("see #12 and @all", "see `#12` and `@all`"),
            ("a rm -rf /a b", "a rm `-rf /a` b"),
            ("a|b", "<code>a&#124;b</code>"),
            ("x`y", "``x`y``"),
            ("</code><script>", "`</code><script>`"),
            ("www.example.com :smile:", "`www.example.com :smile`:"),
            ("", ""),
        ] {
            assert_eq!(prose(text), want, "{text}");
        }
    }

    #[test]
    fn instructions_in_a_fix_stand_as_code() {
        for (text, want) in [
            ("RUN a && rm -rf /b", "`RUN a && rm -rf /b`"),
            ("do it there: RUN a || b", "do it there: <code>RUN a &#124;&#124; b</code>"),
            ("add `**/x` to .dockerignore", "add `**/x` to `.dockerignore`"),
            ("in `a` and `b", "in `a` and `b`"),
        ] {
            assert_eq!(advice(text).replace("&#32;", " "), want, "{text}");
        }
    }
}
