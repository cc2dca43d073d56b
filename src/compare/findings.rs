use std::collections::BTreeMap;

use crate::inspect::Inspection;
use crate::waste::{Finding, Kind};

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Only the second image has it.
    New,
    /// It wastes more in the second.
    Grown,
    /// It wastes less in the second.
    Shrunk,
    /// Only the first image has it.
    Gone,
}

impl Fate {
    /// As the JSON names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::Gone => "gone",
        }
    }
}

/// A finding that is not the same in both images: what wastes bytes, or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingChange {
    /// What became of it.
    pub fate: Fate,
    /// By this it was found again.
    pub fingerprint: String,
    /// Index of the largest of its findings among those of the first image.
    pub before: Option<usize>,
    /// Index of the largest among those of the second image.
    pub after: Option<usize>,
    /// Bytes in the first image.
    pub before_bytes: u64,
    /// Bytes in the second.
    pub after_bytes: u64,
}

impl FindingChange {
    /// Bytes more or less.
    pub fn growth(&self) -> i128 {
        i128::from(self.after_bytes) - i128::from(self.before_bytes)
    }
}

#[derive(Default)]
struct Both {
    first: [Option<usize>; 2],
    bytes: [u64; 2],
}

/// Findings by fingerprint, the largest change first. Equal causes in one image share a fingerprint, and count together.
pub(super) fn changes(a: &Inspection, b: &Inspection) -> Vec<FindingChange> {
    let told = |finding: &Finding| finding.kind.counts() || finding.kind == Kind::Secret;
    let mut all: BTreeMap<&str, Both> = BTreeMap::new();
    for (side, found) in [a, b].into_iter().enumerate() {
        for (index, finding) in found.waste.findings.iter().enumerate().filter(|(_, finding)| told(finding)) {
            let both = all.entry(&finding.fingerprint).or_default();
            both.first[side].get_or_insert(index);
            both.bytes[side] += finding.bytes;
        }
    }
    let mut changes: Vec<FindingChange> = all
        .into_iter()
        .filter_map(|(fingerprint, both)| {
            let fate = match both.first {
                [None, _] => Fate::New,
                [_, None] => Fate::Gone,
                _ if both.bytes[0] < both.bytes[1] => Fate::Grown,
                _ if both.bytes[0] > both.bytes[1] => Fate::Shrunk,
                _ => return None,
            };
            let ([before, after], [before_bytes, after_bytes]) = (both.first, both.bytes);
            let fingerprint = fingerprint.to_owned();
            Some(FindingChange { fate, fingerprint, before, after, before_bytes, after_bytes })
        })
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.growth().unsigned_abs()));
    changes
}
