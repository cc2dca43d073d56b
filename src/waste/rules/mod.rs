//! The catalogue of rules: names for what is wasted, and the words for ending it.
//!
//! Owns the fields of a rule, matching paths against all rules at once, and the places that variables put files in. Leaves
//! to `guards` whether a rule holds for a live file.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use regex::Regex;
use serde::Deserialize;
use thiserror::Error;

mod moved;
mod patterns;
mod rule;

pub use rule::{Computed, Flag, Guard, Later, Level, Need, Rule, Variable};

use super::kind::RuleId;
use crate::tree::Paths;
use moved::{Moved, moved, places};
use patterns::Numbers;
pub(super) use patterns::{Matched, PatternSet};
use rule::Directory;

/// What is wrong with a catalogue.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The text is not a catalogue.
    #[error("the rules are not valid TOML: {0}")]
    Toml(#[from] toml::de::Error),
    /// One rule is malformed.
    #[error("rule {rule}: {problem}")]
    Rule {
        /// Its id, or its place where it has none.
        rule: String,
        /// What is wrong.
        problem: String,
    },
    /// A pattern of a rule is malformed.
    #[error("rule {rule}: `{pattern}` is not a pattern: {problem}")]
    Pattern {
        /// The rule.
        rule: String,
        /// What was written.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a glob is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Match(u16),
    Exclude(u16),
    Together(u16),
    UnlessLive(u16),
    Never,
}

/// All rules, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    all: Vec<Rule>,
    /// Compiled when they are first asked for: an image confirms few rules.
    confirms: Vec<OnceLock<Regex>>,
    flags: Vec<OnceLock<Regex>>,
    /// Each is known by its index into `uses`.
    globs: PatternSet,
    uses: Vec<Use>,
    /// What single paths matched so far.
    numbers: Mutex<Numbers>,
    /// Of rules that look at the first bytes of files.
    heads: PatternSet,
    head_numbers: Mutex<Numbers>,
    /// Home directories beside the usual ones.
    homes: Vec<String>,
    /// Directories that variables of the image put elsewhere.
    moved: Vec<Moved>,
    /// Directories that variables move, whichever rule names files in them.
    directories: Vec<Directory>,
}

/// What the rules say about one path.
#[derive(Debug, Default)]
pub struct Hits {
    /// Rules that match, in the order in which they are tried.
    pub(super) rules: Vec<RuleId>,
    /// Rules that match if another file of theirs is in the same layer.
    pub(super) together: Vec<RuleId>,
    /// Rules that hold for nothing while this path is live.
    pub(super) prevents: Vec<RuleId>,
    /// The path is never waste while it is live.
    pub(super) never: bool,
}

impl Hits {
    /// Whether no rule says anything.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.together.is_empty() && self.prevents.is_empty() && !self.never
    }
}

/// Live files that are never waste, whatever a rule says.
const NEVER: [&str; 10] = [
    "/etc/ssl/certs/**",
    "/usr/{,local/}share/ca-certificates/**",
    "/etc/pki/**",
    "/var/lib/dpkg/info/**",
    "/var/lib/dpkg/status",
    "/var/cache/debconf/*.dat",
    "/usr/share/zoneinfo/**",
    "/etc/ld.so.cache",
    "**/copyright",
    "**/pyvenv.cfg",
];

#[derive(Deserialize)]
struct Catalogue {
    #[serde(default)]
    directory: Vec<Directory>,
    #[serde(default)]
    rule: Vec<toml::Table>,
}

const BUILT_IN: &str = include_str!("../../../assets/rules.toml");

impl Rules {
    /// The rules that come with the program.
    pub fn built_in() -> &'static Arc<Self> {
        static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
        RULES.get_or_init(|| {
            // A test holds that the catalogue in the program is sound.
            let built_in = || {
                let catalogue: Catalogue = toml::from_str(BUILT_IN)?;
                Self::compile(rules(catalogue.rule)?, catalogue.directory, Vec::new(), Vec::new())
            };
            Arc::new(built_in().unwrap_or_else(|error| unreachable!("{error}")))
        })
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// When the text is not a catalogue, or a pattern in it is malformed.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let catalogue: Catalogue = toml::from_str(text)?;
        let rules = Self::compile(rules(catalogue.rule)?, catalogue.directory, Vec::new(), Vec::new())?;
        rules.check_expressions()?;
        Ok(rules)
    }

    /// The rules that come with the program, with those of a user's own file: a rule of a known id takes over the fields
    /// that are given, any other is tried before them all. `count` names rules whose live bytes are to count.
    ///
    /// # Errors
    /// When the text is not a catalogue, or `count` names a rule that does not exist.
    pub fn with(text: &str, count: &[String]) -> Result<Self, RulesError> {
        let Catalogue { rule: mut tables, mut directory } = toml::from_str(BUILT_IN)?;
        let given: Catalogue = toml::from_str(text)?;
        directory.extend(given.directory);
        let mut own = Vec::new();
        for table in given.rule {
            let id = |table: &toml::Table| table.get("id").and_then(|id| id.as_str()).map(str::to_owned);
            match tables.iter_mut().find(|known| id(known).is_some() && id(known) == id(&table)) {
                Some(known) => known.extend(table),
                None => own.push(table),
            }
        }
        own.append(&mut tables);
        let mut all = rules(own)?;
        for id in count {
            let Some(rule) = all.iter_mut().find(|rule| rule.id == *id) else {
                return Err(RulesError::Rule {
                    rule: id.clone(),
                    problem: "there is no rule of that name; `explore rules` lists them".to_owned(),
                });
            };
            rule.level = Level::On;
        }
        let rules = Self::compile(all, directory, Vec::new(), Vec::new())?;
        rules.check_expressions()?;
        Ok(rules)
    }

    /// The rules as they are for an image: with its own home directories, and with caches where its variables put them
    /// (`NAME=value`). None when nothing is elsewhere than usual.
    pub fn placed(&self, env: &[impl AsRef<str>], homes: &[String]) -> Option<Self> {
        let moved = moved(env, &self.all, &self.directories);
        let usual = |home: &str| home == "/root" || home.strip_prefix("/home/").is_some_and(|name| !name.contains('/'));
        let unfit = |home: &str| {
            !home.starts_with('/')
                || matches!(home, "/" | "/bin" | "/dev" | "/usr/sbin" | "/nonexistent")
                || ["/proc", "/run"].iter().any(|top| home.starts_with(top))
        };
        let home = env.iter().filter_map(|line| line.as_ref().strip_prefix("HOME=")).map(str::to_owned);
        let mut homes: Vec<String> =
            homes.iter().cloned().chain(home).filter(|home| !usual(home) && !unfit(home)).collect();
        homes.sort();
        homes.dedup();
        // An image does not have more users than this; one that says so only costs time.
        homes.truncate(32);
        if homes.is_empty() && moved.is_empty() {
            return None;
        }
        Self::compile(self.all.clone(), self.directories.clone(), homes, moved).ok()
    }

    fn compile(
        all: Vec<Rule>,
        directories: Vec<Directory>,
        homes: Vec<String>,
        moved: Vec<Moved>,
    ) -> Result<Self, RulesError> {
        let (mut globs, mut heads) = (PatternSet::default(), PatternSet::default());
        let mut uses = Vec::new();
        for pattern in NEVER {
            globs
                .add(pattern, uses.len() as u16)
                .map_err(|error| RulesError::Rule { rule: "never".to_owned(), problem: error.to_string() })?;
            uses.push(Use::Never);
        }
        for (own, rule) in all.iter().enumerate().filter(|(_, rule)| rule.level != Level::Off) {
            let own = own as u16;
            for (patterns, used) in [
                (&rule.globs, Use::Match(own)),
                (&rule.exclude, Use::Exclude(own)),
                (&rule.together, Use::Together(own)),
                (&rule.unless_live, Use::UnlessLive(own)),
            ] {
                let elsewhere: Vec<String> = match used {
                    Use::Match(_) => moved.iter().filter_map(|each| each.whole(&rule.id)).collect(),
                    _ => Vec::new(),
                };
                for pattern in patterns.iter().chain(&elsewhere) {
                    let bad = |problem: String| RulesError::Pattern {
                        rule: rule.id.clone(),
                        pattern: pattern.clone(),
                        problem,
                    };
                    for place in places(pattern, &homes, &moved) {
                        let number = u16::try_from(uses.len()).map_err(|_| bad("there are too many".to_owned()))?;
                        globs.add(&place, number).map_err(|error| bad(error.to_string()))?;
                        if rule.magic.is_some() && used == Use::Match(own) {
                            heads.add(&place, number).map_err(|error| bad(error.to_string()))?;
                        }
                        uses.push(used);
                    }
                }
            }
        }
        let confirms = vec![OnceLock::new(); all.len()];
        let flags = confirms.clone();
        let (numbers, head_numbers) = <(Mutex<Numbers>, Mutex<Numbers>)>::default();
        Ok(Self { all, confirms, flags, globs, uses, numbers, heads, head_numbers, homes, moved, directories })
    }

    /// Compiles every regular expression of the rules, which else happens when one is first asked for.
    fn check_expressions(&self) -> Result<(), RulesError> {
        for rule in &self.all {
            for pattern in std::iter::once(&rule.confirm).chain(rule.flag.as_ref().map(|flag| &flag.after)) {
                Regex::new(pattern).map_err(|error| RulesError::Pattern {
                    rule: rule.id.clone(),
                    pattern: pattern.clone(),
                    problem: error.to_string(),
                })?;
            }
        }
        Ok(())
    }

    /// All rules, in the order in which they are tried.
    pub fn all(&self) -> &[Rule] {
        &self.all
    }

    /// The rule of that name.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.all.iter().find(|rule| rule.id == id)
    }

    /// Whether a rule is to count that no path can be matched by: it looks at package databases and into programs.
    pub fn counts_computed(&self) -> bool {
        let files = |rule: &&Rule| rule.computed.is_some() && rule.level != Level::Secret;
        self.all.iter().filter(files).any(|rule| rule.level == Level::On)
    }

    pub(super) fn rule(&self, id: RuleId) -> &Rule {
        &self.all[usize::from(id.0)]
    }

    pub(crate) fn id_of(&self, id: &str) -> Option<RuleId> {
        self.all.iter().position(|rule| rule.id == id).map(|at| RuleId(at as u16))
    }

    /// The rule in use that names files in that way.
    pub(super) fn computed(&self, by: Computed) -> Option<RuleId> {
        let in_use = |rule: &Rule| rule.computed == Some(by) && rule.level != Level::Off;
        self.all.iter().position(in_use).map(|at| RuleId(at as u16))
    }

    /// The rule in use whose matched files speak for their directories.
    pub(super) fn whole_directory(&self) -> Option<RuleId> {
        let in_use = |rule: &Rule| rule.whole_directory && rule.level != Level::Off;
        self.all.iter().position(in_use).map(|at| RuleId(at as u16))
    }

    /// Whether a variable says where files of a rule are, rather than what the program uses.
    pub(super) fn is_location(&self, variable: &str) -> bool {
        let of_rules = self.all.iter().flat_map(|rule| &rule.moved_by);
        let all = of_rules.chain(self.directories.iter().flat_map(|directory| &directory.moved_by));
        variable == "HOME" || all.into_iter().any(|each| each.name == variable)
    }

    /// Whether a rule needs to see the first bytes of a file of that normal path (without its leading `/`).
    pub fn asks_for_head(&self, path: &[u8]) -> bool {
        if self.heads.is_empty() {
            return false;
        }
        let mut numbers = self.head_numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let matched = self.heads.path(path, &mut numbers);
        !numbers.accepts(matched).is_empty()
    }

    /// The first rule of `levels` that names a path (with its leading `/`, any bytes); globs only, no guards.
    pub fn first(&self, path: &[u8], levels: &[Level]) -> Option<&Rule> {
        self.hits(path).rules.iter().map(|id| self.rule(*id)).find(|rule| levels.contains(&rule.level))
    }

    /// Everything that the rules say about a path (with its leading `/`, any bytes).
    pub fn hits(&self, path: &[u8]) -> Hits {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let matched = self.globs.path(path, &mut numbers);
        self.hits_of(numbers.accepts(matched))
    }

    /// Everything that the rules say about each path of a tree: an index into the second list for each node, and what the
    /// rules say. Most paths share a few of them.
    pub(super) fn hits_of_all(&self, paths: &Paths) -> (Vec<Matched>, Vec<Hits>) {
        let mut numbers = Numbers::default();
        let mut matched = Vec::with_capacity(paths.len());
        // A directory comes before what is in it.
        for node in paths.all() {
            matched.push(match paths.parent(node) {
                None => self.globs.root(&mut numbers),
                Some(parent) => self.globs.below(matched[parent.index()], paths.name(node), &mut numbers),
            });
        }
        let hits = numbers.all().map(|accepts| self.hits_of(accepts)).collect();
        (matched, hits)
    }

    fn hits_of(&self, globs: &[u16]) -> Hits {
        let mut hits = Hits::default();
        let uses = || globs.iter().map(|glob| self.uses[usize::from(*glob)]);
        let excluded = |rule: u16| uses().any(|used| used == Use::Exclude(rule));
        for used in uses() {
            match used {
                Use::Match(rule) if !excluded(rule) => hits.rules.push(RuleId(rule)),
                Use::Together(rule) => hits.together.push(RuleId(rule)),
                Use::UnlessLive(rule) => hits.prevents.push(RuleId(rule)),
                Use::Never => hits.never = true,
                Use::Match(_) | Use::Exclude(_) => {}
            }
        }
        hits.rules.sort_unstable();
        hits.rules.dedup();
        hits
    }

    /// Whether a rule matches whatever a directory holds.
    pub(crate) fn matches_all_in(&self, rule: RuleId, directory: &[u8]) -> bool {
        self.matches(rule, &[directory, b"/x"].concat())
    }

    /// Whether each build writes other content to a path (with its leading `/`).
    pub(crate) fn varies(&self, path: &[u8]) -> bool {
        self.hits(path).rules.iter().any(|rule| self.rule(*rule).varies)
    }

    /// Whether one rule matches a path.
    pub(super) fn matches(&self, rule: RuleId, path: &[u8]) -> bool {
        self.hits(path).rules.contains(&rule)
    }

    /// A rule's globs that begin at the root or in a home directory.
    pub(super) fn anchored(&self, rule: RuleId) -> PatternSet {
        let mut globs = PatternSet::default();
        let own = self.rule(rule);
        let elsewhere = self.moved.iter().filter_map(|each| each.whole(&own.id));
        for pattern in own.globs.iter().cloned().chain(elsewhere).filter(|pattern| !pattern.starts_with("**/")) {
            for place in places(&pattern, &self.homes, &self.moved) {
                // Each was added to the globs of all rules before.
                let _ = globs.add(&place, 0);
            }
        }
        globs
    }

    /// Whether an instruction, made readable, is one that causes what the rule names.
    pub fn confirms(&self, rule: &Rule, instruction: &str) -> bool {
        self.id_of(&rule.id).is_some_and(|id| {
            expression(&self.confirms[usize::from(id.0)], &rule.confirm)
                .is_some_and(|regex| regex.is_match(instruction))
        })
    }

    /// The command with the flag that keeps it from leaving the files; None when the rule knows none, or the command has
    /// it already.
    pub fn with_flag(&self, rule: &Rule, command: &str) -> Option<String> {
        let flag = rule.flag.as_ref()?;
        let after = self.id_of(&rule.id).and_then(|id| expression(&self.flags[usize::from(id.0)], &flag.after))?;
        let changed = after.replace_all(command, |found: &regex::Captures<'_>| format!("{} {}", &found[0], flag.add));
        (!command.contains(&flag.add) && changed != command).then(|| changed.into_owned())
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

fn rules(tables: Vec<toml::Table>) -> Result<Vec<Rule>, RulesError> {
    let mut all: Vec<Rule> = Vec::new();
    for (place, table) in tables.into_iter().enumerate() {
        let name = match table.get("id").and_then(|id| id.as_str()) {
            Some(id) => id.to_owned(),
            None => format!("number {}", place + 1),
        };
        let rule: Rule = table.try_into().map_err(|error: toml::de::Error| RulesError::Rule {
            rule: name.clone(),
            problem: error.message().to_owned(),
        })?;
        if all.iter().any(|other| other.id == rule.id) {
            return Err(RulesError::Rule { rule: name, problem: "two rules have this id".to_owned() });
        }
        all.push(rule);
    }
    Ok(all)
}

/// A regular expression that is compiled once. Those of a user's rules were checked when they were read, and a test holds
/// that those of the program are sound.
fn expression<'r>(compiled: &'r OnceLock<Regex>, pattern: &str) -> Option<&'r Regex> {
    if compiled.get().is_none() {
        let _ = compiled.set(Regex::new(pattern).ok()?);
    }
    compiled.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_in_the_program_is_sound() {
        let rules = Rules::parse(include_str!("../../../assets/rules.toml")).unwrap_or_else(|error| panic!("{error}"));
        assert!(rules.all().len() > 90);
        for (place, rule) in rules.all().iter().enumerate() {
            assert!(rules.all()[place + 1..].iter().all(|other| other.id != rule.id), "{} comes twice", rule.id);
            if let Some(other) = rule.fix_mount.strip_prefix("as ").and_then(|rest| rest.split([' ', '(']).next()) {
                assert!(rules.get(other).is_some(), "{} points to {other}", rule.id);
            }
        }
    }

    #[test]
    fn a_malformed_catalogue_is_an_error_that_says_why() {
        for (text, says) in [
            ("nonsense", "not valid TOML"),
            ("[[rule]]\nid = 'x'\n", "rule x: missing field"),
            ("[[rule]]\nid='x'\nwhat='w'\nglobs=[]\nguard=['nope']\n", "unknown variant `nope`"),
            ("[[rule]]\nid='x'\nwhat='w'\nglobs=[]\ncomputed='nope'\n", "unknown variant `nope`"),
            ("[[rule]]\nid='x'\nwhat='w'\nglobs=[]\nmoved_by=['A B']\n", "`A B` is not a variable"),
            ("[[rule]]\nid='x'\nwhat='w'\nglobs=[]\nguards='old'\n", "unknown field `guards`"),
            ("[[directory]]\npath='/x'\nmoved_by=['/']\n", "`/` is not a variable"),
            (
                "[[rule]]\nid='x'\nfamily='os'\nwhat='w'\nglobs=['/a{']\nconfirm='.'\nlevel='on'\n",
                "rule x: `/a{` is not a pattern",
            ),
        ] {
            let error = Rules::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_users_rules_come_first_and_change_what_they_name() {
        let own = "[[rule]]\nid='models'\nwhat='old models'\nglobs=['/models/*.old']\n\
                   [[rule]]\nid='pip-cache'\nlevel='off'\n[[rule]]\nid='tmp-files'\nexclude=['/tmp/keep/**']\n";
        let rules = Rules::with(own, &["python-tests".to_owned()]).unwrap_or_else(|error| panic!("{error}"));
        let first = |path: &str| rules.first(path.as_bytes(), &[Level::On]).map(|rule| rule.id.as_str());
        assert_eq!(first("/models/a.old"), Some("models"));
        assert_eq!(first("/root/.cache/pip/x"), None);
        assert_eq!(first("/tmp/keep/x"), None);
        assert_eq!(first("/tmp/x"), Some("tmp-files"));
        assert_eq!(rules.get("python-tests").map(|rule| rule.level), Some(Level::On));
        let error = Rules::with("", &["nope".to_owned()]).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("nope"), "{error}");
    }

    #[test]
    fn caches_are_found_where_variables_put_them() {
        let env: Vec<String> =
            ["PIP_CACHE_DIR=/var/pip", "XDG_CACHE_HOME=/cache/", "CARGO_HOME=/opt/{c}", "GOPATH=/go", "TMPDIR=rel"]
                .map(str::to_owned)
                .into();
        let rules = Rules::built_in().placed(&env, &["/srv/app".to_owned(), "/".to_owned(), "/run/x".to_owned()]);
        let rules = rules.unwrap_or_else(|| panic!("something is elsewhere"));
        let first = |path: &str| rules.first(path.as_bytes(), &[Level::On]).map(|rule| rule.id.as_str());
        for (path, rule) in [
            ("/var/pip/http/x", Some("pip-cache")),
            ("/root/.cache/pip/x", Some("pip-cache")),
            ("/cache/uv/x", Some("uv-cache")),
            ("/opt/{c}/registry/src/x", Some("cargo-registry")),
            ("/opt/c/registry/src/x", None),
            ("/srv/app/.cache/pip/x", Some("pip-cache")),
            ("/srv/other/.cache/pip/x", None),
        ] {
            assert_eq!(first(path), rule, "{path}");
        }
        assert!(Rules::built_in().placed(&["GOPATH=/go".to_owned()], &["/root".to_owned()]).is_none());
    }
}
