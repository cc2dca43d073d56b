use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::judge::Gate;
use super::verdict::{Excuse, Verdict};
use crate::bytes::shown;
use crate::inspect::Inspection;
use crate::waste::Kind;

/// Who knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A file that was written before.
    Baseline,
    /// Another image.
    Against,
}

/// Waste that is known already: bytes by fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who knows it.
    pub whose: Whose,
    bytes: BTreeMap<String, u64>,
}

/// A file that is no baseline.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// It has another form.
    #[error("it is no baseline: {0}; `--write-baseline` writes one")]
    Form(#[from] serde_json::Error),
    /// It is of another version.
    #[error(
        "it is a baseline of version {0}, and this program reads version {VERSION}; write it anew with `--write-baseline`"
    )]
    Version(u32),
}

const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    explore_baseline: u32,
    findings: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    fingerprint: String,
    bytes: u64,
    rule: String,
    path: String,
}

impl Known {
    /// Reads what [`Gate::baseline`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let file: File = serde_json::from_str(text)?;
        if file.explore_baseline != VERSION {
            return Err(BaselineError::Version(file.explore_baseline));
        }
        let mut bytes = BTreeMap::new();
        for line in file.findings {
            let sum: &mut u64 = bytes.entry(line.fingerprint).or_default();
            *sum = sum.saturating_add(line.bytes);
        }
        Ok(Self { whose: Whose::Baseline, bytes })
    }

    /// What is wasted in another image.
    pub fn of(found: &Inspection) -> Self {
        Self { whose: Whose::Against, bytes: by_fingerprint(found) }
    }

    /// The bytes that are known of a finding of `now` bytes, where it is no more than a tenth larger.
    pub(super) fn excuses(&self, fingerprint: &str, now: u64) -> Option<Excuse> {
        let before = *self.bytes.get(fingerprint)?;
        let most = before.saturating_add(before / 10);
        let excuse = match self.whose {
            Whose::Baseline => Excuse::Baseline(before),
            Whose::Against => Excuse::Against(before),
        };
        (now <= most).then_some(excuse)
    }

    /// The bytes that are known of a fingerprint.
    pub(super) fn bytes(&self, fingerprint: &str) -> Option<u64> {
        self.bytes.get(fingerprint).copied()
    }
}

/// Bytes of all findings of each fingerprint: several may share one. Secrets are never known.
pub(super) fn by_fingerprint(found: &Inspection) -> BTreeMap<String, u64> {
    let mut bytes = BTreeMap::new();
    for finding in found.waste.findings.iter().filter(|finding| finding.kind != Kind::Secret) {
        *bytes.entry(finding.fingerprint.clone()).or_default() += finding.bytes;
    }
    bytes
}

impl Gate {
    /// The baseline of images that were judged: what counts, or would if it were not known. One line for each finding, in an
    /// order that only depends on what is found.
    pub fn baseline(&self, images: &[(&Inspection, &Verdict)]) -> String {
        let mut lines: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        for (found, verdict) in images {
            let known = verdict
                .excused
                .iter()
                .filter(|excused| matches!(excused.why, Excuse::Baseline(_) | Excuse::Against(_) | Excuse::Floor));
            let mut own: BTreeMap<(String, String, String), u64> = BTreeMap::new();
            for place in verdict.counted.iter().copied().chain(known.map(|excused| excused.finding)) {
                let finding = &found.waste.findings[place];
                if finding.kind == Kind::Secret {
                    continue;
                }
                let rule = finding.rule.as_deref().unwrap_or(finding.kind.name()).to_owned();
                let path =
                    finding.paths.first().map(|path| shown(&found.tree.paths.path(path.node))).unwrap_or_default();
                *own.entry((rule, path, finding.fingerprint.clone())).or_default() += finding.bytes;
            }
            // Of several images the one that wastes most is what may be.
            for (key, bytes) in own {
                let line = lines.entry(key).or_default();
                *line = bytes.max(*line);
            }
        }
        let lines: Vec<String> = lines
            .into_iter()
            .map(|((rule, path, fingerprint), bytes)| Line { fingerprint, bytes, rule, path })
            .filter_map(|line| serde_json::to_string(&line).ok())
            .collect();
        let list = if lines.is_empty() { String::new() } else { format!("\n    {}\n  ", lines.join(",\n    ")) };
        format!("{{\n  \"explore_baseline\": {VERSION},\n  \"findings\": [{list}]\n}}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_baseline_never_overflow() {
        let line = format!(r#"{{"fingerprint": "f", "bytes": {}, "rule": "r", "path": "p"}}"#, u64::MAX);
        let known = Known::parse(&format!(r#"{{"explore_baseline": 1, "findings": [{line}, {line}]}}"#));
        assert_eq!(known.map(|known| known.bytes("f")).ok(), Some(Some(u64::MAX)));
    }
}
