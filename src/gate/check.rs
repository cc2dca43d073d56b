//! One limit and how the image compares.

use crate::bytes::shown_text;
use crate::waste::{Finding, Kind};

/// A measured or allowed amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// Bytes.
    Bytes(u64),
    /// Percent, 0 to 100.
    Percent(f64),
    /// Live of stored, 0 to 1.
    Ratio(f64),
    /// Layers, paths, secrets.
    Count(u64),
}

/// Which layers a limit on waste is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The layers above the base image.
    Own,
    /// All layers.
    All,
}

/// What a check is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// The image could be read whole.
    WholeImage,
    /// Wasted bytes in percent of what is stored.
    WastedPercent(Scope),
    /// Wasted bytes.
    WastedBytes(Scope),
    /// Live bytes of all that is stored.
    Efficiency(Scope),
    /// Content of all layers.
    ImageSize,
    /// The number of layers.
    Layers,
    /// Content of the largest layer.
    LayerSize,
    /// Own waste of one rule or kind, or the number of its secrets.
    Rule(String),
    /// Secrets that anyone who has the image can read.
    Secrets,
    /// A path that must not be in the final file system.
    Forbid(String),
    /// A path that must be there.
    Require(String),
}

impl CheckKind {
    /// The limit's name in reports: `max-own-wasted-bytes`, `limit.apt-lists`, `forbid./etc/shadow`. Text from settings is escaped.
    pub fn name(&self) -> String {
        match self {
            Self::Rule(rule) => format!("limit.{}", shown_text(rule)),
            Self::Forbid(pattern) => format!("forbid.{}", shown_text(pattern)),
            Self::Require(pattern) => format!("require.{}", shown_text(pattern)),
            _ => self.setting().to_owned(),
        }
    }

    /// The setting that makes the check.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::WholeImage => "whole-image",
            Self::WastedPercent(Scope::Own) => "max-own-wasted-percent",
            Self::WastedPercent(Scope::All) => "max-wasted-percent",
            Self::WastedBytes(Scope::Own) => "max-own-wasted-bytes",
            Self::WastedBytes(Scope::All) => "max-wasted-bytes",
            Self::Efficiency(Scope::Own) => "min-own-efficiency",
            Self::Efficiency(Scope::All) => "min-efficiency",
            Self::ImageSize => "max-image-size",
            Self::Layers => "max-layers",
            Self::LayerSize => "max-layer-size",
            Self::Rule(_) => "limit",
            Self::Secrets => "deny-secrets",
            Self::Forbid(_) => "forbid",
            Self::Require(_) => "require",
        }
    }

    /// Whether the limit is the least that is allowed.
    pub fn is_minimum(&self) -> bool {
        matches!(self, Self::Efficiency(_) | Self::Require(_))
    }

    /// Whether a finding is among what the check measures.
    pub fn measures(&self, finding: &Finding) -> bool {
        match self {
            Self::Rule(rule) => finding.rule.as_deref().unwrap_or(finding.kind.name()) == rule,
            Self::Secrets => finding.kind == Kind::Secret,
            Self::WastedPercent(_) | Self::WastedBytes(_) | Self::Efficiency(_) => finding.kind.counts(),
            _ => false,
        }
    }
}

/// One limit, compared with the image.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What it is about.
    pub kind: CheckKind,
    /// What is allowed.
    pub limit: Quantity,
    /// What the image has.
    pub value: Quantity,
    /// It holds.
    pub pass: bool,
    /// What was found, in a sentence; text from the image is escaped.
    pub message: String,
    /// How many wasted bytes must go for it to hold, where it is about waste and does not.
    pub excess: Option<u64>,
}

impl Check {
    /// Of the same check by two readings of the base, the one that is further from passing.
    pub(super) fn stricter(self, other: Self) -> Self {
        let further = |a: Quantity, b: Quantity| match (a, b) {
            (Quantity::Bytes(a), Quantity::Bytes(b)) | (Quantity::Count(a), Quantity::Count(b)) => b > a,
            (Quantity::Percent(a), Quantity::Percent(b)) => b > a,
            (Quantity::Ratio(a), Quantity::Ratio(b)) => b < a,
            _ => false,
        };
        let is_further = self.pass == other.pass && further(self.value, other.value);
        if self.pass && !other.pass || is_further && !self.pass { other } else { self }
    }
}
