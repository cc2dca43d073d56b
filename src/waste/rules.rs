//! The catalogue of rules: names for what is wasted, and the words for ending it.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;
use serde::Deserialize;
use thiserror::Error;

/// How much a rule's bytes weigh while they are live. Bytes that are dead are waste whatever the level; a rule only
/// names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Waste when the guards hold.
    On,
    /// Waste when the instruction of the layer confirms the cause, else advice.
    Confirmed,
    /// Worth a look, never counted.
    Advice,
    /// Names dead bytes only.
    Label,
    /// A secret: not a matter of bytes.
    Secret,
    /// Computed, never counted.
    Notice,
}

impl Level {
    /// As the catalogue writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Confirmed => "confirmed",
            Self::Advice => "advice",
            Self::Label => "label",
            Self::Secret => "secret",
            Self::Notice => "notice",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its stable name.
    pub id: String,
    /// What it belongs to: `os`, `python`, …
    pub family: String,
    /// What it names, in words.
    pub what: String,
    /// Paths that it matches, with the leading `/`; `~/` stands for every home directory.
    pub globs: Vec<String>,
    /// Paths that it leaves alone all the same.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// When live bytes are not waste, in words.
    #[serde(default)]
    pub guards: String,
    /// A pattern of instructions that cause it.
    pub confirm: String,
    /// What to write instead, in one RUN.
    #[serde(default)]
    pub fix_run: String,
    /// What to write instead, with a mount; `as OTHER` is what the other rule says.
    #[serde(default)]
    pub fix_mount: String,
    /// How much its live bytes weigh.
    pub level: Level,
    /// Where the facts come from.
    #[serde(default)]
    pub source: String,
}

/// What is wrong with a catalogue.
#[derive(Debug, Error)]
pub enum RulesError {
    /// It is no catalogue.
    #[error("the rules can't be understood: {0}")]
    Toml(#[from] toml::de::Error),
    /// A rule's pattern is none.
    #[error("rule {rule}: `{pattern}` is no pattern: {problem}")]
    Pattern {
        /// The rule.
        rule: String,
        /// What was written.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// All rules, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    all: Vec<Rule>,
    confirms: Vec<Regex>,
    globs: GlobSet,
    /// For each glob: its rule, and whether it excludes.
    owners: Vec<(usize, bool)>,
}

#[derive(Deserialize)]
struct Catalogue {
    rule: Vec<Rule>,
}

impl Rules {
    /// The rules that come with the program.
    pub fn built_in() -> &'static Self {
        static RULES: OnceLock<Rules> = OnceLock::new();
        RULES.get_or_init(|| {
            // A test holds that the catalogue in the program is sound.
            Self::parse(include_str!("../../assets/rules.toml")).unwrap_or_else(|error| unreachable!("{error}"))
        })
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// When it is none, or a pattern in it is none.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let rules = toml::from_str::<Catalogue>(text)?.rule;
        let mut globs = GlobSetBuilder::new();
        let mut owners = Vec::new();
        let mut confirms = Vec::new();
        for (own, rule) in rules.iter().enumerate() {
            let bad = |pattern: &str, problem: String| RulesError::Pattern {
                rule: rule.id.clone(),
                pattern: pattern.to_owned(),
                problem,
            };
            confirms.push(Regex::new(&rule.confirm).map_err(|error| bad(&rule.confirm, error.to_string()))?);
            for (patterns, excludes) in [(&rule.globs, false), (&rule.exclude, true)] {
                for pattern in patterns {
                    globs.add(glob(pattern).map_err(|error| bad(pattern, error.to_string()))?);
                    owners.push((own, excludes));
                }
            }
        }
        let globs = globs.build().map_err(|error| RulesError::Pattern {
            rule: "all".to_owned(),
            pattern: String::new(),
            problem: error.to_string(),
        })?;
        Ok(Self { all: rules, confirms, globs, owners })
    }

    /// All rules, in the order in which they are tried.
    pub fn all(&self) -> &[Rule] {
        &self.all
    }

    /// The rule of that name.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.all.iter().find(|rule| rule.id == id)
    }

    /// The first rule of `levels` that names a path (with its leading `/`, any bytes).
    pub fn first(&self, path: &[u8], levels: &[Level]) -> Option<&Rule> {
        self.first_at(path, levels).map(|at| &self.all[at])
    }

    fn first_at(&self, path: &[u8], levels: &[Level]) -> Option<usize> {
        let hits = self.globs.matches(os_path(path));
        let named = |excludes: bool| hits.iter().map(|hit| self.owners[*hit]).filter(move |owner| owner.1 == excludes);
        let excluded: Vec<usize> = named(true).map(|owner| owner.0).collect();
        named(false)
            .map(|owner| owner.0)
            .filter(|own| !excluded.contains(own) && levels.contains(&self.all[*own].level))
            .min()
    }

    /// Whether an instruction, made readable, is one that causes what the rule names.
    pub fn confirms(&self, rule: &Rule, instruction: &str) -> bool {
        let at = self.all.iter().position(|other| other.id == rule.id);
        at.is_some_and(|at| self.confirms[at].is_match(instruction))
    }

    /// What to write instead, with a mount; follows `as OTHER`.
    pub fn fix_mount<'r>(&'r self, rule: &'r Rule) -> Option<&'r str> {
        let other = rule.fix_mount.strip_prefix("as ").and_then(|rest| rest.split([' ', '(']).next());
        let text = match other.and_then(|id| self.get(id)) {
            Some(other) => &other.fix_mount,
            None => &rule.fix_mount,
        };
        (!text.is_empty() && text != "-").then_some(text.as_str())
    }
}

/// A leading `~/` stands for the home directories that most images have.
fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    let whole = match pattern.strip_prefix("~/") {
        Some(rest) => format!("/{{root,home/*}}/{rest}"),
        None => pattern.to_owned(),
    };
    GlobBuilder::new(&whole).literal_separator(true).empty_alternates(true).backslash_escape(true).build()
}

#[cfg(unix)]
fn os_path(path: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt as _;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}

#[cfg(not(unix))]
fn os_path(path: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(path).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_in_the_program_is_sound() {
        let rules = Rules::parse(include_str!("../../assets/rules.toml")).unwrap_or_else(|error| panic!("{error}"));
        assert!(rules.all().len() > 90);
        for (place, rule) in rules.all().iter().enumerate() {
            assert!(rules.all()[place + 1..].iter().all(|other| other.id != rule.id), "{} comes twice", rule.id);
            if let Some(other) = rule.fix_mount.strip_prefix("as ").and_then(|rest| rest.split([' ', '(']).next()) {
                assert!(rules.get(other).is_some(), "{} points to {other}", rule.id);
            }
        }
    }

    #[test]
    fn a_catalogue_that_is_none_says_why() {
        for (text, says) in [
            ("nonsense", "can't be understood"),
            ("[[rule]]\nid = 'x'\n", "missing field"),
            (
                "[[rule]]\nid='x'\nfamily='os'\nwhat='w'\nglobs=['/a{']\nconfirm='.'\nlevel='on'\n",
                "rule x: `/a{` is no pattern",
            ),
        ] {
            let error = Rules::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(says), "{error}");
        }
    }
}
