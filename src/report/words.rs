//! What several formats say of findings, in the same words.

use crate::bytes::shown_text;
use crate::gate::Excuse;
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Severity};

use super::formats::Judged;
use super::size::bytes;
use crate::gate::Check;

/// How a finding stands before the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    /// It counts against limits; without a gate: it is waste of this image's own, or a secret.
    Counts,
    /// It does not, and the gate says why.
    Excused(&'a Excuse),
    /// It is only told: the base image's, or advice.
    Told,
}

impl<'a> Judged<'a> {
    /// All findings with their standing, in the order of the judgement.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&'a Finding, Standing<'a>)> {
        let verdict = self.verdict;
        self.found.waste.findings.iter().enumerate().map(move |(index, finding)| {
            let standing = match verdict {
                // Both are in the order of the judgement.
                Some(verdict) if verdict.counted.binary_search(&index).is_ok() => Standing::Counts,
                Some(verdict) => {
                    let excused = verdict.excused.binary_search_by_key(&index, |excused| excused.finding);
                    excused.map_or(Standing::Told, |place| Standing::Excused(&verdict.excused[place].why))
                }
                None if finding.severity == Severity::Note => Standing::Told,
                None => Standing::Counts,
            };
            (finding, standing)
        })
    }

    /// Findings that count, the largest first; secrets before all.
    pub(super) fn counted(&self) -> Vec<&'a Finding> {
        let counts = self.findings().filter(|(_, standing)| *standing == Standing::Counts);
        let mut counted: Vec<&Finding> = counts.map(|(finding, _)| finding).collect();
        counted.sort_by_key(|finding| (finding.kind != Kind::Secret, std::cmp::Reverse(finding.bytes)));
        counted
    }

    /// Secrets that are most likely real and that nobody excused.
    pub(super) fn secrets(&self) -> Vec<&'a Finding> {
        let open = |standing: &Standing<'_>| {
            !matches!(standing, Standing::Excused(Excuse::Ignored(_) | Excuse::Baseline(_) | Excuse::Against(_)))
        };
        let secrets = self.findings().filter(|(finding, standing)| is_secret(finding) && open(standing));
        secrets.map(|(finding, _)| finding).collect()
    }

    /// Limits that do not hold.
    pub(super) fn failed(&self) -> Vec<&'a Check> {
        self.verdict.iter().flat_map(|verdict| &verdict.checks).filter(|check| !check.pass).collect()
    }

    /// Whether there is something that a reader has to know: a limit that does not hold, a secret, damage, a word of the gate about
    /// its settings; without a gate whatever counts. Waste below the limits is nobody's duty.
    pub(super) fn has_something_to_say(&self) -> bool {
        let gate = match self.verdict {
            Some(verdict) => !verdict.pass() || !verdict.notes.is_empty(),
            None => !self.counted().is_empty(),
        };
        gate || !self.secrets().is_empty() || self.found.damage().next().is_some()
    }
}

/// A secret that is not most likely for all to see.
pub(super) fn is_secret(finding: &Finding) -> bool {
    finding.kind == Kind::Secret && finding.severity != Severity::Note
}

/// What to call an image: its first name, else as the user typed it.
pub(super) fn image_name(found: &Inspection) -> String {
    let name = shown_text(found.image.tags.first().unwrap_or(&found.reference));
    // Lines begin with it, and one that begins so is a command to GitHub's runner.
    if name.trim_start().starts_with("::") { name.replacen(':', "\\x3a", 1) } else { name }
}

/// A finding's rule, or its kind where no rule names it.
pub(super) fn rule_of(finding: &Finding) -> &str {
    finding.rule.as_deref().unwrap_or(finding.kind.name())
}

/// The instruction that stored the bytes, harmless and whole.
pub(super) fn instruction_of(found: &Inspection, finding: &Finding) -> String {
    let own = finding.instruction.clone().or_else(|| found.image.instruction_line(finding.stored_in.into()));
    shown_text(&own.unwrap_or_default())
}

/// A text that is cut at the end when it is longer than so many characters.
pub(super) fn cut_end(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// A fix in parts, each with whether it is code: what it quotes, and the instruction that it ends with, are.
pub(super) fn parts_of(fix: &str) -> Vec<(bool, &str)> {
    let starts = ["RUN ", "COPY ", "ADD "];
    let begins = |at: &usize| starts.iter().any(|word| fix[*at..].starts_with(word));
    let after_colons = fix.match_indices(": ").map(|(at, _)| at + 2);
    let command = std::iter::once(0).chain(after_colons).find(begins).unwrap_or(fix.len());
    let (sentence, command) = fix.split_at(command);
    let quoted = sentence.split('`').enumerate().map(|(place, part)| (place % 2 == 1, part));
    quoted.chain([(true, command)]).filter(|(_, part)| !part.is_empty()).collect()
}

/// Bytes to pull, `~` before an estimate; None for a secret, and where they are not known.
pub(super) fn pull_of(finding: &Finding) -> Option<String> {
    let pull = finding.pull_bytes.filter(|_| finding.kind != Kind::Secret)?;
    Some(format!("{}{}", if finding.pull_estimated { "~" } else { "" }, bytes(pull)))
}

/// What a limit allows and what was found, exact where the rounded ones would look alike.
pub(super) fn amounts(check: &Check) -> (String, String) {
    (super::ci::quantity(check.limit, check.value).0, super::ci::quantity(check.value, check.limit).0)
}

/// Why a finding does not count, in words.
pub(super) fn excuse(why: &Excuse) -> String {
    match why {
        Excuse::Base => "the base image has it".to_owned(),
        Excuse::Ignored(reason) if reason.is_empty() => "an exception of the settings".to_owned(),
        Excuse::Ignored(reason) => format!("an exception of the settings: {}", shown_text(reason)),
        Excuse::Baseline(known) => format!("the baseline knows it, with {}", bytes(*known)),
        Excuse::Against(known) => format!("the image that is compared with has it too, with {}", bytes(*known)),
        Excuse::Uncounted => "no limit is about it".to_owned(),
        Excuse::Floor => "so little is wasted in all that nothing is said".to_owned(),
    }
}

/// That some images are not in a report; None when all are.
pub(super) fn unread_words(unread: usize) -> Option<String> {
    match unread {
        0 => None,
        1 => Some("1 image could not be looked at, and is not here".to_owned()),
        some => Some(format!("{some} images could not be looked at, and are not here")),
    }
}

/// What the whole comes to, in one line.
pub(super) fn headline(judged: &Judged<'_>) -> String {
    let waste = &judged.found.waste;
    format!(
        "{} of {} wasted, {} of it in this image's own layers",
        bytes(waste.total_bytes()),
        bytes(waste.content_bytes),
        bytes(waste.own_bytes)
    )
}

/// Where in the repository a finding is: the Dockerfile's path from the working directory on, and its lines. Formats that
/// need a place get the first line of `Dockerfile` where none is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Where {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) end_line: usize,
    pub(super) known: bool,
}

pub(super) fn place_of(finding: &Finding) -> Where {
    match &finding.dockerfile {
        Some(place) => Where { path: from_here(&place.path), line: place.line, end_line: place.end_line, known: true },
        None => Where { path: "Dockerfile".to_owned(), line: 1, end_line: 1, known: false },
    }
}

/// Services look a file up in the repository, in which the program most likely runs.
fn from_here(path: &str) -> String {
    let path = shown_text(path);
    let here = std::env::current_dir().ok().and_then(|here| here.to_str().map(|here| format!("{here}/")));
    let short = here.and_then(|here| path.strip_prefix(&here).map(str::to_owned)).unwrap_or(path);
    short.strip_prefix("./").unwrap_or(&short).to_owned()
}
