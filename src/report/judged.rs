//! An image with its verdict, and its findings as all reports show them.

use super::place::Where;
use super::size::bytes;
use crate::bytes::shown_text;
use crate::gate::{Check, Excuse, Verdict};
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Severity};

/// An image and the verdict on it, where a gate judged it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The image.
    pub found: &'a Inspection,
    /// The verdict; None without a gate.
    pub verdict: Option<&'a Verdict>,
}

/// How a finding stands with the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    /// It counts against limits; without a gate: it is waste of own layers, or a secret.
    Counts,
    /// It does not, and the gate says why.
    Excused(&'a Excuse),
    /// It is only listed: waste of the base image, or advice.
    Listed,
}

impl Standing<'_> {
    /// Somebody has decided that it may stay: an exception, a baseline or an image to compare with.
    pub(super) fn is_accepted(self) -> bool {
        matches!(self, Self::Excused(Excuse::Ignored(_) | Excuse::Baseline(_) | Excuse::Against(_)))
    }
}

/// A finding as every report shows it, so that none works it out by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct FindingView<'a> {
    pub(super) found: &'a Inspection,
    pub(super) finding: &'a Finding,
    pub(super) standing: Standing<'a>,
}

impl<'a> FindingView<'a> {
    /// The rule, or the kind where no rule names the bytes.
    pub(super) fn name(&self) -> &'a str {
        name_of(self.finding)
    }

    /// `own` or `base`.
    pub(super) fn owner(&self) -> &'static str {
        owner(self.finding.in_base)
    }

    pub(super) fn is_secret(&self) -> bool {
        self.finding.kind == Kind::Secret
    }

    /// A secret that others can read, most likely a real one.
    pub(super) fn is_open_secret(&self) -> bool {
        is_open_secret(self.finding)
    }

    /// Its size; None for a secret, which matters whatever its size.
    pub(super) fn size(&self) -> Option<String> {
        (!self.is_secret()).then(|| bytes(self.finding.bytes))
    }

    /// The size and a blank; empty for a secret.
    pub(super) fn size_prefix(&self) -> String {
        self.size().map(|size| format!("{size} ")).unwrap_or_default()
    }

    /// Bytes to pull, `~` before an estimate; None for a secret, and where they are not known.
    pub(super) fn pull(&self) -> Option<String> {
        let pull = self.finding.pull_bytes.filter(|_| !self.is_secret())?;
        Some(format!("{}{}", if self.finding.pull_estimated { "~" } else { "" }, bytes(pull)))
    }

    /// The instruction that stored the bytes, escaped and whole.
    pub(super) fn instruction(&self) -> String {
        let own = self.finding.instruction.clone();
        let own = own.or_else(|| self.found.image.instruction_line(self.finding.stored_in.into()));
        shown_text(&own.unwrap_or_default())
    }

    /// Where in the repository it is to be fixed.
    pub(super) fn place(&self) -> Where {
        Where::of(self.found, self.finding)
    }

    /// The same from build to build and for every tag of an image, and different for two images.
    pub(super) fn fingerprint(&self) -> String {
        identity(self.found, &[self.name(), &self.finding.fingerprint])
    }
}

/// The rule, or the kind where no rule names the bytes.
pub(super) fn name_of(finding: &Finding) -> &str {
    finding.rule.as_deref().unwrap_or(finding.kind.name())
}

/// Who owns a layer or a finding.
pub(super) fn owner(is_base: bool) -> &'static str {
    if is_base { "base" } else { "own" }
}

/// A secret that others can read, most likely a real one.
pub(super) fn is_open_secret(finding: &Finding) -> bool {
    finding.kind == Kind::Secret && finding.severity != Severity::Note
}

/// A hash of an image's name without its tag, and of `parts`: 16 hexadecimal digits.
pub(super) fn identity(found: &Inspection, parts: &[&str]) -> String {
    let name = found.image.tags.first().unwrap_or(&found.reference);
    let name = name.split_once('@').map_or(name.as_str(), |(name, _)| name);
    let name = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(name, |(name, _)| name);
    let mut hash = blake3::Hasher::new();
    for part in std::iter::once(&name).chain(parts) {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.finalize().to_hex()[..16].to_owned()
}

impl<'a> Judged<'a> {
    /// All findings with their standing, in the order of the judgement.
    pub(super) fn findings(&self) -> impl Iterator<Item = FindingView<'a>> {
        let Self { found, verdict } = *self;
        found.waste.findings.iter().enumerate().map(move |(index, finding)| {
            let standing = match verdict {
                // Both are in the order of the judgement.
                Some(verdict) if verdict.counted.binary_search(&index).is_ok() => Standing::Counts,
                Some(verdict) => {
                    let excused = verdict.excused.binary_search_by_key(&index, |excused| excused.finding);
                    excused.map_or(Standing::Listed, |place| Standing::Excused(&verdict.excused[place].why))
                }
                None if finding.severity == Severity::Note => Standing::Listed,
                None => Standing::Counts,
            };
            FindingView { found, finding, standing }
        })
    }

    /// Findings that count, the largest first; secrets before all.
    pub(super) fn counted(&self) -> Vec<FindingView<'a>> {
        let mut counted: Vec<_> = self.findings().filter(|view| view.standing == Standing::Counts).collect();
        counted.sort_by_key(|view| (!view.is_secret(), std::cmp::Reverse(view.finding.bytes)));
        counted
    }

    /// Secrets that are most likely real and that nobody has accepted.
    pub(super) fn secrets(&self) -> Vec<FindingView<'a>> {
        self.findings().filter(|view| view.is_open_secret() && !view.standing.is_accepted()).collect()
    }

    /// Findings that a service may show as open: secrets always, the rest only without a gate or when the gate fails.
    pub(super) fn open(&self) -> impl Iterator<Item = FindingView<'a>> {
        let passes = self.verdict.is_some_and(Verdict::pass);
        self.findings().filter(move |view| {
            let is_open = !matches!(view.standing, Standing::Excused(Excuse::Floor)) && !view.standing.is_accepted();
            is_open && (!passes || view.is_open_secret())
        })
    }

    /// Limits that do not hold.
    pub(super) fn failed(&self) -> Vec<&'a Check> {
        self.verdict.iter().flat_map(|verdict| &verdict.checks).filter(|check| !check.pass).collect()
    }

    /// Whether there is something that a reader has to know: a limit that does not hold, a secret, damage, a note of the gate on
    /// its settings; without a gate whatever counts. Waste below the limits is nobody's duty.
    pub(super) fn has_something_to_say(&self) -> bool {
        let gate = match self.verdict {
            Some(verdict) => !verdict.pass() || !verdict.notes.is_empty(),
            None => !self.counted().is_empty(),
        };
        gate || !self.secrets().is_empty() || self.found.incomplete().next().is_some()
    }
}
