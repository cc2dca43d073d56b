use jiff::civil::Date;

use super::pattern::PathPattern;
use crate::inspect::Inspection;
use crate::waste::Finding;

/// Waste that is excused, with the reason. What it does not say, it does not ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exception {
    /// A rule, or a kind.
    pub rule: Option<String>,
    /// A pattern that covers all paths of the finding.
    pub path: Option<String>,
    /// A part of the instruction that stored it.
    pub instruction: Option<String>,
    /// The finding's fingerprint.
    pub fingerprint: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<Date>,
    /// Where it was said.
    pub place: String,
}

/// Whether an exception is for a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    No,
    /// Of so many paths only so many.
    Partly(usize, usize),
    Whole,
}

impl Exception {
    /// Whether it says nothing of what it is for.
    pub fn is_for_all(&self) -> bool {
        self.rule.is_none() && self.path.is_none() && self.instruction.is_none() && self.fingerprint.is_none()
    }

    /// Whether it is over. On its last day it holds.
    pub fn is_over(&self, today: Date) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    /// In a few words: what it is for.
    pub fn name(&self) -> String {
        let parts = [&self.rule, &self.path, &self.instruction, &self.fingerprint];
        parts.into_iter().flatten().map(|part| crate::bytes::shown_text(part)).collect::<Vec<_>>().join(", ")
    }

    /// Its pattern of paths, understood. None where it has none.
    pub(super) fn pattern(&self) -> Option<Result<PathPattern, String>> {
        self.path.as_deref().map(PathPattern::new)
    }

    /// `pattern` is its own, which takes long to understand.
    pub(super) fn fit(
        &self,
        pattern: Option<&Result<PathPattern, String>>,
        finding: &Finding,
        found: &Inspection,
    ) -> Fit {
        let rule = self.rule.as_deref().is_none_or(|rule| is_named(finding, rule));
        let print = self.fingerprint.as_deref().is_none_or(|print| finding.fingerprint == print);
        let instruction = || finding.instruction.clone().or_else(|| found.image.instruction(finding.stored_in.into()));
        let said = self.instruction.as_deref().is_none_or(|part| instruction().is_some_and(|text| text.contains(part)));
        if !(rule && print && said) {
            return Fit::No;
        }
        let pattern = match pattern {
            None => return Fit::Whole,
            Some(Ok(pattern)) => pattern,
            // Patterns were tried when the settings were read; what is none excuses nothing.
            Some(Err(_)) => return Fit::No,
        };
        let covered = finding.paths.iter().filter(|path| pattern.covers(&found.tree.paths.path(path.node))).count();
        match (covered, finding.paths.len()) {
            (0, _) => Fit::No,
            (some, all) if some < all => Fit::Partly(some, all),
            _ => Fit::Whole,
        }
    }
}

/// Whether a finding is one of that rule or kind.
pub(super) fn is_named(finding: &Finding, name: &str) -> bool {
    finding.rule.as_deref() == Some(name) || finding.kind.name() == name
}
