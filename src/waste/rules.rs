//! The catalogue of rules: names for what is wasted, and the words for ending it.

use std::sync::{Arc, OnceLock};

use globset::{Candidate, Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;
use serde::Deserialize;
use thiserror::Error;

use super::kind::RuleId;
use super::magic::Magic;

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
    /// Not used.
    Off,
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
            Self::Off => "off",
        }
    }
}

/// A flag that keeps a command from leaving the files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// A pattern of the words that it goes behind.
    pub after: String,
    /// The flag.
    pub add: String,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its stable name.
    pub id: String,
    /// What it belongs to: `os`, `python`, …
    #[serde(default = "own_family")]
    pub family: String,
    /// What it names, in words.
    pub what: String,
    /// Paths that it matches, with the leading `/`; `~/` stands for every home directory.
    pub globs: Vec<String>,
    /// Paths that it leaves alone all the same.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Paths that it leaves alone unless another file of the rule is in the same layer.
    #[serde(default)]
    pub together: Vec<String>,
    /// The rule holds for no live file while a path like one of these is live.
    #[serde(default)]
    pub unless_live: Vec<String>,
    /// Live files that are smaller are left alone.
    #[serde(default)]
    pub min_bytes: u64,
    /// What the content has to begin with.
    #[serde(default)]
    pub magic: Option<Magic>,
    /// Programs that use the files: an image that starts one of them is a builder's, and is only advised.
    #[serde(default)]
    pub tools: Vec<String>,
    /// When live bytes are not waste, in words.
    #[serde(default)]
    pub guards: String,
    /// A pattern of instructions that cause it.
    #[serde(default = "anything")]
    pub confirm: String,
    /// A command that removes the files, for the end of the RUN that makes them.
    #[serde(default)]
    pub clean: String,
    /// Where a flag of the command that makes them does better.
    #[serde(default)]
    pub flag: Option<Flag>,
    /// What to write instead, in one RUN.
    #[serde(default)]
    pub fix_run: String,
    /// What to write instead, with a mount; `as OTHER` is what the other rule says.
    #[serde(default)]
    pub fix_mount: String,
    /// How much its live bytes weigh.
    #[serde(default = "on")]
    pub level: Level,
    /// Where the facts come from.
    #[serde(default)]
    pub source: String,
}

fn own_family() -> String {
    "own".to_owned()
}

fn anything() -> String {
    ".".to_owned()
}

fn on() -> Level {
    Level::On
}

/// What is wrong with a catalogue.
#[derive(Debug, Error)]
pub enum RulesError {
    /// It is no catalogue.
    #[error("the rules can't be understood: {0}")]
    Toml(#[from] toml::de::Error),
    /// One rule of it is none.
    #[error("rule {rule}: {problem}")]
    Rule {
        /// Its id, or its place where it has none.
        rule: String,
        /// What is wrong.
        problem: String,
    },
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
    confirms: Vec<Regex>,
    flags: Vec<Option<Regex>>,
    globs: GlobSet,
    uses: Vec<Use>,
    /// Of rules that look at the first bytes of files.
    heads: GlobSet,
    /// Home directories beside the usual ones.
    homes: Vec<String>,
    /// Directories that variables of the image put elsewhere.
    moves: Vec<Move>,
}

/// What the rules say about one path.
#[derive(Debug, Default)]
pub struct Hits {
    numbers: Vec<usize>,
    /// Rules that match, in the order in which they are tried.
    pub(super) rules: Vec<RuleId>,
    /// Rules that match if another file of theirs is in the same layer.
    pub(super) together: Vec<RuleId>,
    /// Rules that hold for nothing while this path is live.
    pub(super) prevents: Vec<RuleId>,
    /// The path is never waste while it is live.
    pub(super) never: bool,
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
    rule: Vec<toml::Table>,
}

const BUILT_IN: &str = include_str!("../../assets/rules.toml");

impl Rules {
    /// The rules that come with the program.
    pub fn built_in() -> &'static Arc<Self> {
        static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
        RULES.get_or_init(|| {
            // A test holds that the catalogue in the program is sound.
            Arc::new(Self::parse(BUILT_IN).unwrap_or_else(|error| unreachable!("{error}")))
        })
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// When it is none, or a pattern in it is none.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        Self::compile(rules(toml::from_str::<Catalogue>(text)?.rule)?, Vec::new(), Vec::new())
    }

    /// The rules that come with the program, with those of a user's own file: a rule of a known id takes over the fields
    /// that are given, any other is tried before them all. `count` names rules whose live bytes are to count.
    ///
    /// # Errors
    /// When the file is no catalogue, or `count` names no rule.
    pub fn with(text: &str, count: &[String]) -> Result<Self, RulesError> {
        let mut tables = toml::from_str::<Catalogue>(BUILT_IN)?.rule;
        let mut own = Vec::new();
        for table in toml::from_str::<Catalogue>(text)?.rule {
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
                return Err(RulesError::Rule { rule: id.clone(), problem: "there is none of that name".to_owned() });
            };
            rule.level = Level::On;
        }
        Self::compile(all, Vec::new(), Vec::new())
    }

    /// The rules as they are for an image: with its own home directories, and with caches where its variables put them
    /// (`NAME=value`). None when nothing is elsewhere than usual.
    pub fn placed(&self, env: &[impl AsRef<str>], homes: &[String]) -> Option<Self> {
        let moves = moves(env);
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
        if homes.is_empty() && moves.is_empty() {
            return None;
        }
        Self::compile(self.all.clone(), homes, moves).ok()
    }

    fn compile(all: Vec<Rule>, homes: Vec<String>, moves: Vec<Move>) -> Result<Self, RulesError> {
        let mut globs = GlobSetBuilder::new();
        let mut heads = GlobSetBuilder::new();
        let mut uses = Vec::new();
        let mut confirms = Vec::new();
        let mut flags = Vec::new();
        for pattern in NEVER {
            globs.add(
                compiled(pattern)
                    .map_err(|error| RulesError::Rule { rule: "never".to_owned(), problem: error.to_string() })?,
            );
            uses.push(Use::Never);
        }
        for (own, rule) in all.iter().enumerate() {
            let own = own as u16;
            let bad = |pattern: &str, problem: String| RulesError::Pattern {
                rule: rule.id.clone(),
                pattern: pattern.to_owned(),
                problem,
            };
            let regex = |pattern: &str| Regex::new(pattern).map_err(|error| bad(pattern, error.to_string()));
            confirms.push(regex(&rule.confirm)?);
            flags.push(rule.flag.as_ref().map(|flag| regex(&flag.after)).transpose()?);
            if rule.level == Level::Off {
                continue;
            }
            for (patterns, used) in [
                (&rule.globs, Use::Match(own)),
                (&rule.exclude, Use::Exclude(own)),
                (&rule.together, Use::Together(own)),
                (&rule.unless_live, Use::UnlessLive(own)),
            ] {
                let elsewhere: Vec<String> = match used {
                    Use::Match(_) => moves.iter().filter_map(|each| each.whole(&rule.id)).collect(),
                    _ => Vec::new(),
                };
                for pattern in patterns.iter().chain(&elsewhere) {
                    for place in places(pattern, &homes, &moves) {
                        let glob = compiled(&place).map_err(|error| bad(pattern, error.to_string()))?;
                        if rule.magic.is_some() && used == Use::Match(own) {
                            heads.add(glob.clone());
                        }
                        globs.add(glob);
                        uses.push(used);
                    }
                }
            }
        }
        let built = |globs: &GlobSetBuilder| {
            globs.build().map_err(|error| RulesError::Rule { rule: "all".to_owned(), problem: error.to_string() })
        };
        let (globs, heads) = (built(&globs)?, built(&heads)?);
        Ok(Self { all, confirms, flags, globs, uses, heads, homes, moves })
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
        super::computed::RULES.iter().any(|id| self.get(id).is_some_and(|rule| rule.level == Level::On))
    }

    pub(super) fn rule(&self, id: RuleId) -> &Rule {
        &self.all[usize::from(id.0)]
    }

    pub(super) fn id_of(&self, id: &str) -> Option<RuleId> {
        self.all.iter().position(|rule| rule.id == id).map(|at| RuleId(at as u16))
    }

    /// Whether a rule needs to see the first bytes of a file of that normal path (without its leading `/`).
    pub fn asks_for_head(&self, path: &[u8]) -> bool {
        self.heads.is_match_candidate(&Candidate::from_bytes(&[b"/", path].concat()))
    }

    /// The first rule of `levels` that names a path (with its leading `/`, any bytes); globs only, no guards.
    pub fn first(&self, path: &[u8], levels: &[Level]) -> Option<&Rule> {
        let mut hits = Hits::default();
        self.hits(path, &mut hits);
        hits.rules.iter().map(|id| self.rule(*id)).find(|rule| levels.contains(&rule.level))
    }

    /// Everything that the rules say about a path (with its leading `/`, any bytes).
    pub fn hits(&self, path: &[u8], hits: &mut Hits) {
        hits.rules.clear();
        hits.together.clear();
        hits.prevents.clear();
        hits.never = false;
        self.globs.matches_candidate_into(&Candidate::from_bytes(path), &mut hits.numbers);
        if hits.numbers.is_empty() {
            return;
        }
        let uses = || hits.numbers.iter().map(|number| self.uses[*number]);
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
    }

    /// Whether one rule matches a path.
    pub(super) fn matches(&self, rule: RuleId, path: &[u8]) -> bool {
        let mut hits = Hits::default();
        self.hits(path, &mut hits);
        hits.rules.contains(&rule)
    }

    /// A rule's globs that begin at the root or in a home directory.
    pub(super) fn anchored(&self, rule: RuleId) -> GlobSet {
        let mut globs = GlobSetBuilder::new();
        let own = self.rule(rule);
        let moved = self.moves.iter().filter_map(|each| each.whole(&own.id));
        for pattern in own.globs.iter().cloned().chain(moved).filter(|pattern| !pattern.starts_with("**/")) {
            for place in places(&pattern, &self.homes, &self.moves) {
                // Each was compiled before.
                if let Ok(glob) = compiled(&place) {
                    globs.add(glob);
                }
            }
        }
        globs.build().unwrap_or_default()
    }

    /// Whether an instruction, made readable, is one that causes what the rule names.
    pub fn confirms(&self, rule: &Rule, instruction: &str) -> bool {
        self.id_of(&rule.id).is_some_and(|id| self.confirms[usize::from(id.0)].is_match(instruction))
    }

    /// The command with the flag that keeps it from leaving the files; None when the rule knows none, or the command has
    /// it already.
    pub fn with_flag(&self, rule: &Rule, command: &str) -> Option<String> {
        let flag = rule.flag.as_ref()?;
        let after = self.id_of(&rule.id).and_then(|id| self.flags[usize::from(id.0)].as_ref())?;
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
            return Err(RulesError::Rule { rule: name, problem: "there are two of that name".to_owned() });
        }
        all.push(rule);
    }
    Ok(all)
}

fn compiled(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).empty_alternates(true).backslash_escape(true).build()
}

/// A pattern in every place where it may be: a leading `~/` stands for the home directories that most images have and for
/// the image's own; what variables put elsewhere is there too.
fn places(pattern: &str, homes: &[String], moves: &[Move]) -> Vec<String> {
    let mut all: Vec<String> = moves.iter().filter_map(|each| each.prefix(pattern)).collect();
    match pattern.strip_prefix("~/") {
        Some(rest) => {
            all.push(format!("/{{root,home/*}}/{rest}"));
            all.extend(homes.iter().map(|home| format!("{}/{rest}", globset::escape(home))));
        }
        None => all.push(pattern.to_owned()),
    }
    all
}

/// A cache that a variable puts elsewhere.
#[derive(Debug, Clone)]
struct Move {
    to: &'static Moved,
    /// The directory, as a pattern.
    place: String,
}

/// What a variable moves.
#[derive(Debug)]
struct Moved {
    variable: &'static str,
    /// What its value stands for in patterns; empty: it holds all that `rule` names.
    prefix: &'static str,
    rule: &'static str,
    below: &'static str,
}

const fn prefix(variable: &'static str, prefix: &'static str) -> Moved {
    Moved { variable, prefix, rule: "", below: "" }
}

const fn holds(variable: &'static str, rule: &'static str, below: &'static str) -> Moved {
    Moved { variable, prefix: "", rule, below }
}

const MOVED: &[Moved] = &[
    prefix("XDG_CACHE_HOME", "~/.cache"),
    holds("PIP_CACHE_DIR", "pip-cache", ""),
    holds("UV_CACHE_DIR", "uv-cache", ""),
    holds("PIPENV_CACHE_DIR", "pipenv-pdm-cache", ""),
    prefix("POETRY_CACHE_DIR", "~/.cache/pypoetry"),
    holds("CONDA_PKGS_DIRS", "conda-pkgs", ""),
    prefix("npm_config_cache", "~/.npm"),
    prefix("NPM_CONFIG_CACHE", "~/.npm"),
    holds("YARN_CACHE_FOLDER", "yarn-cache", ""),
    holds("BUN_INSTALL_CACHE_DIR", "bun-cache", ""),
    holds("DENO_DIR", "deno-cache", ""),
    holds("PNPM_HOME", "pnpm-store", "/store"),
    prefix("CARGO_HOME", "/usr/local/cargo"),
    prefix("RUSTUP_HOME", "/usr/local/rustup"),
    prefix("GOPATH", "/go"),
    prefix("GOMODCACHE", "/go/pkg/mod"),
    prefix("GOCACHE", "~/.cache/go-build"),
    prefix("GRADLE_USER_HOME", "~/.gradle"),
    prefix("MAVEN_CONFIG", "~/.m2"),
    holds("NUGET_PACKAGES", "nuget-packages", ""),
    holds("NUGET_HTTP_CACHE_PATH", "nuget-http-cache", ""),
    prefix("GEM_HOME", "/usr/local/bundle"),
    prefix("BUNDLE_PATH", "/usr/local/bundle"),
    prefix("BUNDLE_APP_CONFIG", "/usr/local/bundle"),
    holds("COMPOSER_HOME", "composer-cache", "/cache"),
    holds("COMPOSER_CACHE_DIR", "composer-cache", ""),
    prefix("HEX_HOME", "~/.hex"),
    prefix("OPAMROOT", "~/.opam"),
    prefix("STACK_ROOT", "~/.stack"),
    prefix("CABAL_DIR", "~/.cabal"),
    prefix("JULIA_DEPOT_PATH", "~/.julia"),
    holds("CCACHE_DIR", "compiler-caches", ""),
    holds("SCCACHE_DIR", "compiler-caches", ""),
    holds("HF_HOME", "model-caches", "/hub"),
    holds("HF_HOME", "hf-xet-cache", "/xet"),
    holds("HF_HUB_CACHE", "model-caches", ""),
    holds("HF_XET_CACHE", "hf-xet-cache", ""),
    holds("TORCH_HOME", "model-caches", ""),
    holds("PLAYWRIGHT_BROWSERS_PATH", "test-browsers", ""),
    holds("CYPRESS_CACHE_FOLDER", "test-browsers", ""),
    holds("PUPPETEER_CACHE_DIR", "test-browsers", ""),
    holds("TMPDIR", "tmp-files", ""),
];

/// Whether a variable says where a cache is, rather than what the program uses.
pub(super) fn is_known_variable(name: &str) -> bool {
    name == "HOME" || MOVED.iter().any(|moved| moved.variable == name)
}

fn moves(env: &[impl AsRef<str>]) -> Vec<Move> {
    let values = env.iter().filter_map(|line| line.as_ref().split_once('='));
    let mut all = Vec::new();
    for (name, value) in values {
        let value = value.trim_end_matches('/');
        if !value.starts_with('/') {
            continue;
        }
        for to in MOVED.iter().filter(|moved| moved.variable == name) {
            // Where it always is.
            if to.prefix != value {
                all.push(Move { to, place: format!("{}{}", globset::escape(value), to.below) });
            }
        }
    }
    all
}

impl Move {
    fn prefix(&self, pattern: &str) -> Option<String> {
        if self.to.prefix.is_empty() {
            return None;
        }
        let rest = pattern.strip_prefix(self.to.prefix).filter(|rest| rest.starts_with('/'))?;
        Some(format!("{}{rest}", self.place))
    }

    fn whole(&self, rule: &str) -> Option<String> {
        (self.to.prefix.is_empty() && self.to.rule == rule).then(|| format!("{}/**", self.place))
    }
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
            ("[[rule]]\nid = 'x'\n", "rule x: missing field"),
            (
                "[[rule]]\nid='x'\nfamily='os'\nwhat='w'\nglobs=['/a{']\nconfirm='.'\nlevel='on'\n",
                "rule x: `/a{` is no pattern",
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
