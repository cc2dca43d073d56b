use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::judge::Gate;
use super::verdict::{Excuse, Verdict};
use crate::bytes::shown;
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind};

/// Who knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A file that was written before.
    Baseline,
    /// Another image.
    Against,
}

/// Waste that is known already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who knows it.
    pub whose: Whose,
    keys: Keys,
    bytes: BTreeMap<String, u64>,
}

/// What a finding is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Rule, kind, keyword of the instruction and directory, versions left out: what stays when a Dockerfile is edited.
    Cause,
    /// The fingerprint, which changes with the instruction's text: in baselines of version 1.
    Fingerprint,
}

impl Keys {
    fn of(self, found: &Inspection, finding: &Finding) -> String {
        match self {
            Self::Fingerprint => finding.fingerprint.clone(),
            Self::Cause => Cause::of(found, finding).key(),
        }
    }
}

/// What makes waste the same from build to build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    /// `own`, or `base` for the base image's.
    owner: String,
    rule: String,
    kind: String,
    instruction: String,
    path: String,
}

impl Cause {
    fn of(found: &Inspection, finding: &Finding) -> Self {
        let instruction = found.image.instruction(finding.stored_in.into()).unwrap_or_default();
        let keyword = instruction.split([' ', '\n']).next().unwrap_or_default();
        let is_keyword = !keyword.is_empty() && keyword.bytes().all(|letter| letter.is_ascii_uppercase());
        Self {
            owner: if finding.in_base { "base" } else { "own" }.to_owned(),
            rule: finding.rule.as_deref().unwrap_or(finding.kind.name()).to_owned(),
            kind: finding.kind.name().to_owned(),
            instruction: if is_keyword { keyword.to_owned() } else { String::new() },
            path: without_versions(&shown(&directory(found, finding))),
        }
    }

    fn key(&self) -> String {
        [&*self.owner, &*self.rule, &*self.kind, &*self.instruction, &*self.path].join("\n")
    }
}

/// The deepest directory that holds all places of a finding.
fn directory(found: &Inspection, finding: &Finding) -> Vec<u8> {
    let paths = &found.tree.paths;
    let mut common: Option<Vec<u8>> = None;
    for place in &finding.paths {
        let path = paths.path(place.node);
        let is_directory = paths.children(place.node).next().is_some();
        let end = if is_directory { path.len() } else { path.iter().rposition(|byte| *byte == b'/').unwrap_or(0) };
        let directory = &path[..end];
        common = Some(match common {
            None => directory.to_vec(),
            Some(common) => {
                let parts = common.split(|byte| *byte == b'/').zip(directory.split(|byte| *byte == b'/'));
                let same: Vec<&[u8]> = parts.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
                same.join(&b'/')
            }
        });
    }
    common.unwrap_or_default()
}

/// A path in which `#` stands for each version, number and hash: `usr/lib/python#/site-packages`.
fn without_versions(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end.max(if end == 0 { first.len_utf8() } else { 0 }));
        let is_hash = word.len() >= 8
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit());
        if is_hash {
            out.push('#');
        } else {
            for letter in word.chars() {
                match letter {
                    '0'..='9' if out.ends_with('#') => {}
                    '0'..='9' if out.ends_with("#.") => drop(out.pop()),
                    '0'..='9' => out.push('#'),
                    _ => out.push(letter),
                }
            }
        }
        rest = after;
    }
    out
}

/// A file that is not a baseline.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// It has another form.
    #[error("it is not a baseline: {0}; `--write-baseline` writes one")]
    Form(#[from] serde_json::Error),
    /// It is of another version.
    #[error(
        "it is a baseline of version {0}, and this program reads versions 1 to {VERSION}; write it again with \
         `--write-baseline`"
    )]
    Version(u32),
}

const VERSION: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    explore_baseline: u32,
    findings: Vec<Line>,
}

/// A finding: of version 1 with its fingerprint, since then with its kind and the keyword of its instruction.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    owner: String,
    rule: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    instruction: String,
    path: String,
    bytes: u64,
    #[serde(default, skip_serializing)]
    fingerprint: Option<String>,
}

impl Known {
    /// Reads what [`Gate::baseline`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let file: File = serde_json::from_str(text)?;
        let keys = match file.explore_baseline {
            1 => Keys::Fingerprint,
            VERSION => Keys::Cause,
            other => return Err(BaselineError::Version(other)),
        };
        let mut bytes = BTreeMap::new();
        for Line { owner, rule, kind, instruction, path, bytes: size, fingerprint } in file.findings {
            let key = match keys {
                Keys::Fingerprint => fingerprint.unwrap_or_default(),
                Keys::Cause => Cause { owner, rule, kind, instruction, path }.key(),
            };
            let sum: &mut u64 = bytes.entry(key).or_default();
            *sum = sum.saturating_add(size);
        }
        Ok(Self { whose: Whose::Baseline, keys, bytes })
    }

    /// What is wasted in another image.
    pub fn of(found: &Inspection) -> Self {
        Self { whose: Whose::Against, keys: Keys::Cause, bytes: sums(found, Keys::Cause) }
    }

    /// Bytes of all findings of an image that are known as one.
    pub(super) fn sums(&self, found: &Inspection) -> BTreeMap<String, u64> {
        sums(found, self.keys)
    }

    /// What is known of a finding, where all that is known as one with it is no more than a tenth larger; `now` has its sums.
    pub(super) fn excuses(&self, found: &Inspection, finding: &Finding, now: &BTreeMap<String, u64>) -> Option<Excuse> {
        let key = self.keys.of(found, finding);
        let before = *self.bytes.get(&key)?;
        let most = before.saturating_add(before / 10);
        let excuse = match self.whose {
            Whose::Baseline => Excuse::Baseline(before),
            Whose::Against => Excuse::Against(before),
        };
        (now.get(&key).copied().unwrap_or(finding.bytes) <= most).then_some(excuse)
    }

    /// The bytes that are known of a finding.
    pub(super) fn bytes(&self, found: &Inspection, finding: &Finding) -> Option<u64> {
        self.bytes.get(&self.keys.of(found, finding)).copied()
    }
}

/// Bytes of all findings that are known as one. Secrets are never known.
fn sums(found: &Inspection, keys: Keys) -> BTreeMap<String, u64> {
    let mut bytes = BTreeMap::new();
    for finding in found.waste.findings.iter().filter(|finding| finding.kind != Kind::Secret) {
        *bytes.entry(keys.of(found, finding)).or_default() += finding.bytes;
    }
    bytes
}

impl Gate {
    /// The baseline of images that were judged: what counts, or would if it were not known. One line for each cause, in an
    /// order that only depends on what is found.
    pub fn baseline(&self, images: &[(&Inspection, &Verdict)]) -> String {
        let mut lines: BTreeMap<Cause, u64> = BTreeMap::new();
        for (found, verdict) in images {
            let known = verdict
                .excused
                .iter()
                .filter(|excused| matches!(excused.why, Excuse::Baseline(_) | Excuse::Against(_) | Excuse::Floor));
            let mut own: BTreeMap<Cause, u64> = BTreeMap::new();
            for place in verdict.counted.iter().copied().chain(known.map(|excused| excused.finding)) {
                let finding = &found.waste.findings[place];
                if finding.kind != Kind::Secret {
                    *own.entry(Cause::of(found, finding)).or_default() += finding.bytes;
                }
            }
            // Of several images the one that wastes most sets what is allowed.
            for (cause, bytes) in own {
                let line = lines.entry(cause).or_default();
                *line = bytes.max(*line);
            }
        }
        let line = |(Cause { owner, rule, kind, instruction, path }, bytes)| {
            serde_json::to_string(&Line { owner, rule, kind, instruction, path, bytes, fingerprint: None }).ok()
        };
        let lines: Vec<String> = lines.into_iter().filter_map(line).collect();
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
        assert_eq!(known.map(|known| known.bytes.get("f").copied()).ok(), Some(Some(u64::MAX)));
    }

    #[test]
    fn versions_and_hashes_are_left_out_of_paths() {
        for (path, want) in [
            ("usr/lib/python3.11/site-packages", "usr/lib/python#/site-packages"),
            (
                "usr/local/cargo/registry/src/index.crates.io-1949cf8c6b5b557f",
                "usr/local/cargo/registry/src/index.crates.io-#",
            ),
            ("opt/node-v20.11.0-linux-x64", "opt/node-v#-linux-x#"),
            ("srv/0123456789abcdef/x", "srv/#/x"),
            ("var/lib/apt/lists", "var/lib/apt/lists"),
            ("", ""),
        ] {
            assert_eq!(without_versions(path), want);
        }
    }
}
