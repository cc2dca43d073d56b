use super::check::Check;

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excuse {
    /// The base image has it, and the limits are about this image's own waste.
    Base,
    /// An exception of the settings, with its reason.
    Ignored(String),
    /// The baseline knows it, with so many bytes.
    Baseline(u64),
    /// The image that is compared with has it too, with so many bytes.
    Against(u64),
    /// Only advised, not counted by its rule, or no limit is about it.
    Uncounted,
    /// So little is wasted in all that nothing is said.
    Floor,
}

/// A finding that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excused {
    /// Index into the judgement's findings.
    pub finding: usize,
    /// Why.
    pub why: Excuse,
}

/// What the gate says of an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// Each limit that is set, in the order of the flags.
    pub checks: Vec<Check>,
    /// Indexes of findings that count against limits, the largest first.
    pub counted: Vec<usize>,
    /// The others.
    pub excused: Vec<Excused>,
    /// What the user should know of the settings: an exception that has expired or excuses nothing.
    pub notes: Vec<String>,
    /// Findings that count although they are known, since they have grown: their index, and what was known in bytes.
    pub grown: Vec<(usize, u64)>,
    /// Indexes of exceptions that excuse something.
    pub used: Vec<usize>,
    /// Whether the image would pass if its base were what other evidence makes it (`Waste::otherwise`).
    pub passes_otherwise: Option<bool>,
}

impl Verdict {
    /// Every limit holds.
    pub fn pass(&self) -> bool {
        self.checks.iter().all(|check| check.pass)
    }
}
