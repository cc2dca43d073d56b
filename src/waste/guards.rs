//! Guards: conditions under which a live file is not waste although a rule names it. They only ever reduce what is
//! reported.

use rustc_hash::{FxHashMap, FxHashSet};

use super::kind::RuleId;
use super::magic::Seen;
use super::named::{Named, rooted};
use super::rules::{Guard, Level, PatternSet, Rules};
use crate::image::Image;
use crate::tree::{Event, EventKind, EventRef, Lookup, NodeId, Tree};

/// What a rule says of a live file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is waste.
    Counts(RuleId),
    /// It is worth a look.
    Advises(RuleId),
}

impl Verdict {
    pub(super) fn rule(self) -> RuleId {
        match self {
            Self::Counts(rule) | Self::Advises(rule) => rule,
        }
    }
}

pub(super) struct Guards<'a> {
    tree: &'a Tree,
    rules: &'a Rules,
    named: &'a Named,
    top: u16,
    /// Where live symbolic links lead: the link's path, by its end.
    links: FxHashMap<NodeId, Vec<NodeId>>,
    /// Paths that the image starts.
    started: Vec<Vec<u8>>,
    /// Volumes and the working directory.
    kept: Vec<Vec<u8>>,
    /// Paths that variables name.
    named_by_env: Vec<Vec<u8>>,
    /// The first words of what the image starts: `go`, `go test`.
    programs: Vec<String>,
    languages: Vec<String>,
    anchored: FxHashMap<RuleId, PatternSet>,
    environments: FxHashMap<NodeId, bool>,
    confirmed: FxHashMap<(RuleId, u16), bool>,
    inside: FxHashMap<(RuleId, NodeId), bool>,
    image: &'a Image,
}

impl<'a> Guards<'a> {
    pub(super) fn new(tree: &'a Tree, image: &'a Image, rules: &'a Rules, named: &'a Named) -> Self {
        let run = &image.config.run;
        let absolute = |text: &str| -> Option<Vec<u8>> {
            let text = text.trim_matches(|c| matches!(c, '"' | '\'' | ';' | '(' | ')'));
            let joined = match text.strip_prefix("./") {
                Some(rest) => format!("{}/{rest}", run.working_dir.trim_end_matches('/')),
                None => text.to_owned(),
            };
            let trimmed = joined.trim_end_matches('/');
            (trimmed.starts_with('/') && trimmed.len() > 1).then(|| trimmed.as_bytes().to_vec())
        };
        let words =
            || run.entrypoint.iter().chain(&run.cmd).chain(run.healthcheck()).flat_map(|text| text.split_whitespace());
        let env = || run.env.iter().filter_map(|line| line.split_once('='));
        let programs = [&run.entrypoint, &run.cmd]
            .iter()
            .filter_map(|command| {
                let mut words = command.iter().flat_map(|text| text.split_whitespace());
                let first = words.next()?.rsplit('/').next()?.to_owned();
                Some([format!("{first} {}", words.next().unwrap_or_default()), first])
            })
            .flatten()
            .collect();
        Self {
            tree,
            rules,
            named,
            top: tree.top().unwrap_or_default(),
            links: links(tree),
            started: words().filter_map(absolute).collect(),
            kept: run.volumes().chain([run.working_dir.as_str()]).filter_map(absolute).collect(),
            named_by_env: env()
                .filter(|(name, _)| !rules.is_location(name))
                .flat_map(|(_, value)| value.split(':'))
                .filter_map(absolute)
                .collect(),
            programs,
            languages: env()
                .filter(|(name, _)| matches!(*name, "LANG" | "LC_ALL" | "LANGUAGE"))
                .flat_map(|(_, value)| value.split([':', '.', '_']).map(str::to_owned))
                .filter(|word| !word.is_empty())
                .collect(),
            anchored: FxHashMap::default(),
            environments: FxHashMap::default(),
            confirmed: FxHashMap::default(),
            inside: FxHashMap::default(),
            image,
        }
    }

    /// What the first rule whose guards hold says of a live name of `copy`, whose content is stored in `stored_in`.
    pub(super) fn verdict(&mut self, name: EventRef, copy: EventRef, stored_in: u16, seen: Seen) -> Option<Verdict> {
        let named = self.named;
        let node = self.tree.event_at(name).node;
        let mut path = Vec::new();
        for rule in named.rules_of(name) {
            let about = self.rules.rule(rule);
            if about.level == Level::Secret {
                continue;
            }
            if path.is_empty() {
                rooted(self.tree, node, &mut path);
            }
            let size = self.tree.event_at(copy).size;
            if size < about.min_bytes
                || about.magic.is_some_and(|magic| !seen.shows(magic))
                || named.is_prevented(rule)
                || !about.guard.iter().all(|guard| self.holds_for(*guard, node, &path, size))
            {
                continue;
            }
            if self.in_environment(node) || self.is_linked_to(rule, node) {
                return None;
            }
            let counts = match about.level {
                Level::On => true,
                Level::Confirmed => self.is_confirmed(rule, stored_in),
                _ => false,
            };
            let counts = counts && !self.starts_a_tool(rule) && !self.is_run(rule, &path);
            return Some(if counts { Verdict::Counts(rule) } else { Verdict::Advises(rule) });
        }
        None
    }

    fn is_confirmed(&mut self, rule: RuleId, layer: u16) -> bool {
        let (rules, image) = (self.rules, self.image);
        *self.confirmed.entry((rule, layer)).or_insert_with(|| {
            image.instruction(layer.into()).is_some_and(|text| rules.confirms(rules.rule(rule), &text))
        })
    }

    /// Whether the image starts a tool that the files belong to.
    fn starts_a_tool(&self, rule: RuleId) -> bool {
        self.rules.rule(rule).tools.iter().any(|tool| self.programs.iter().any(|program| program == tool))
    }

    /// Whether the image starts the file, keeps data or works in its directory, or names it in a variable.
    fn is_run(&mut self, rule: RuleId, path: &[u8]) -> bool {
        let below = |path: &[u8], top: &[u8]| path.strip_prefix(top).is_some_and(|rest| rest.first() == Some(&b'/'));
        let folder = |path: &[u8]| path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)].to_vec();
        let matched = |path: &[u8]| !path.is_empty() && self.rules.matches(rule, path);
        let inside = |directory: &[u8]| matched(directory) || self.rules.matches_all_in(rule, directory);
        if self.started.iter().any(|program| program == path)
            || self.started.iter().any(|program| below(path, &folder(program)) && matched(&folder(program)))
            || self.named_by_env.iter().any(|place| place == path || below(path, place) && inside(place))
        {
            return true;
        }
        if !self.kept.iter().any(|place| below(path, place)) {
            return false;
        }
        let rules = self.rules;
        self.anchored.entry(rule).or_insert_with(|| rules.anchored(rule)).is_match(path)
    }

    /// Whether a live symbolic link from elsewhere leads to the file, or to a directory of what the rule names.
    fn is_linked_to(&mut self, rule: RuleId, node: NodeId) -> bool {
        if self.links.is_empty() {
            return false;
        }
        let mut at = Some(node);
        while let Some(place) = at {
            if self.links.contains_key(&place) && (place == node || self.holds(rule, place)) {
                let from_elsewhere = self.links[&place].clone().into_iter().any(|link| !self.holds(rule, link));
                if from_elsewhere {
                    return true;
                }
            }
            at = self.tree.paths.parent(place);
        }
        false
    }

    /// Whether the rule names the path, or whatever a directory of that path holds.
    fn holds(&mut self, rule: RuleId, node: NodeId) -> bool {
        let (tree, rules) = (self.tree, self.rules);
        *self.inside.entry((rule, node)).or_insert_with(|| {
            let mut path = Vec::new();
            rooted(tree, node, &mut path);
            rules.matches(rule, &path) || rules.matches_all_in(rule, &path)
        })
    }

    fn is_live(&self, node: NodeId) -> bool {
        self.tree.state(node, self.top).is_some()
    }

    fn has_live_child(&self, directory: NodeId, name: &[u8]) -> bool {
        self.tree.paths.child(directory, name).is_some_and(|child| self.is_live(child))
    }

    /// Below a live virtual environment of Python.
    fn in_environment(&mut self, node: NodeId) -> bool {
        let mut passed = Vec::new();
        let mut at = self.tree.paths.parent(node);
        let mut found = false;
        while let Some(directory) = at {
            if let Some(known) = self.environments.get(&directory) {
                found = *known;
                break;
            }
            passed.push(directory);
            if self.has_live_child(directory, b"pyvenv.cfg") {
                found = true;
                break;
            }
            at = self.tree.paths.parent(directory);
        }
        for directory in passed {
            self.environments.insert(directory, found);
        }
        found
    }

    /// Whether the condition holds for a file, so that the rule names it.
    fn holds_for(&self, guard: Guard, node: NodeId, path: &[u8], size: u64) -> bool {
        let paths = &self.tree.paths;
        match guard {
            Guard::CargoTarget => std::iter::successors(paths.parent(node), |above| paths.parent(*above))
                .filter(|above| paths.name(*above) == b"target")
                .any(|target| {
                    let marks = [&b"CACHEDIR.TAG"[..], b".rustc_info.json"];
                    marks.iter().any(|name| self.has_live_child(target, name))
                }),
            Guard::HasSource => has_source(self, node),
            Guard::BesideSafetensors => paths.parent(node).is_some_and(|directory| {
                let mut beside = paths.children(directory);
                beside.any(|child| paths.name(child).ends_with(b".safetensors") && self.is_live(child))
            }),
            Guard::AwsCli => {
                let installed = || paths.find(b"usr/local/aws-cli").is_some_and(|directory| self.is_live(directory));
                !path.starts_with(b"/aws/") || installed()
            }
            Guard::OtherLanguage if path.ends_with(b"/locale-archive") => size >= 10_000_000,
            Guard::OtherLanguage => !path.split(|byte| *byte == b'/').any(|part| {
                let part = String::from_utf8_lossy(part);
                let language = part.split(['_', '.', '@']).next().unwrap_or_default();
                !language.is_empty() && self.languages.iter().any(|own| own == language)
            }),
        }
    }
}

/// Bytecode goes with the source beside it, or above `__pycache__`.
fn has_source(guards: &Guards<'_>, node: NodeId) -> bool {
    let paths = &guards.tree.paths;
    let (name, Some(folder)) = (paths.name(node), paths.parent(node)) else { return false };
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    let source = [stem, b".py"].concat();
    let folder = if paths.name(folder) == b"__pycache__" { paths.parent(folder).unwrap_or(folder) } else { folder };
    guards.has_live_child(folder, &source)
}

/// Where live symbolic links end.
fn links(tree: &Tree) -> FxHashMap<NodeId, Vec<NodeId>> {
    let mut links: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    let Some(top) = tree.top() else { return links };
    let mut path = Vec::new();
    let mut ends: FxHashSet<(NodeId, NodeId)> = FxHashSet::default();
    for event in tree.layers.iter().flat_map(|layer| &layer.events) {
        if event.kind() != EventKind::Symlink || event.until != Event::HOLDS {
            continue;
        }
        tree.paths.write_path(event.node, &mut path);
        if let Lookup::Found(end, _) = tree.lookup(&path, top, true)
            && ends.insert((end, event.node))
        {
            links.entry(end).or_default().push(event.node);
        }
    }
    links
}
