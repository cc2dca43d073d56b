//! The edits of a build: one for each thing to change, none that clash, each predicted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rustc_hash::FxHashSet;
use thiserror::Error;

use super::edit::{Editable, apply};
use super::predict::{Effect, sums, unstored};
use super::{Change, File, IgnoreFile, Input, Intent, Planner, cleanup, context, diff, join, owner};
use crate::build::{Build, Step};
use crate::tree::{NodeId, Tree};
use crate::waste::{Finding, Kind, Level, Need};

/// A change of the build.
#[derive(Debug, Clone)]
pub struct Edit {
    /// What it changes and why, in a sentence.
    pub message: String,
    /// What the builder has to be able to do; None where any builder does.
    pub needs: Option<String>,
    /// Rules, or kinds where no rule names the bytes.
    pub rules: Vec<String>,
    /// The findings that it ends, by place in the judgement.
    pub findings: Vec<usize>,
    /// Content that is no longer stored when only this edit is made.
    pub bytes: u64,
    /// The same in the compressed layers, where it is known.
    pub pull_bytes: Option<u64>,
    /// Paths that the final file system has no more.
    pub gone: Vec<NodeId>,
    changes: Vec<Change>,
    effect: Effect,
    /// Its diff alone, made when it is first asked for: a screen asks for it with every frame.
    diff: OnceLock<String>,
}

/// What could be smaller, and why no edit is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// What it is.
    pub message: String,
    /// Content, bytes.
    pub bytes: u64,
    /// Why there is no safe edit.
    pub why: String,
    /// The findings, by place in the judgement.
    pub findings: Vec<usize>,
}

/// All edits of a build, the largest first.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The Dockerfile, as the user named it.
    pub path: String,
    /// Its text was made from the image's history.
    pub is_reconstructed: bool,
    /// The edits.
    pub edits: Vec<Edit>,
    /// What has no edit, the largest first.
    pub without: Vec<Without>,
    text: String,
    ignore: Option<IgnoreFile>,
}

/// The files after some edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The Dockerfile.
    pub dockerfile: String,
    /// The `.dockerignore` and its path, where it changes.
    pub ignore: Option<(String, String)>,
}

/// A word of `--only` that names no edit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{word}` is not an edit: {known}")]
pub struct NoSuchEdit {
    word: String,
    known: String,
}

/// What belongs to one thing to change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Rule(String),
    Owner(u16),
    Copy(usize, Option<String>, u16),
    Twice(usize),
    Join(u16, u16),
    Churn,
}

impl Plan {
    /// Chooses the edits of a build.
    pub fn of(input: &Input<'_>) -> Self {
        let mut planner = Planner::new(input);
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let mut chosen = Chosen::default();
        // What joined steps do not store needs no other edit; without it others may want to join more.
        for _ in 0..4 {
            chosen = choose(&planner, input.content_bytes);
            let wanted = chosen.intents.iter().flat_map(|intent| intent.joins.iter().copied());
            let merged = merge(&planner, ranges.iter().copied().chain(wanted).collect());
            let effect =
                Effect { joins: merged.iter().map(|range| planner.layers(*range)).collect(), unstored: Vec::new() };
            let gone = unstored(input.tree, std::iter::once(&effect));
            let is_settled = merged == ranges;
            ranges = merged;
            if is_settled {
                break;
            }
            planner.unstored = gone;
        }
        let Chosen { intents, mut without, trifles } = chosen;
        let edits = edits_of(&planner, intents, &ranges, &mut without);
        let ended: FxHashSet<usize> = edits.iter().flat_map(|edit| &edit.findings).copied().collect();
        without.retain_mut(|without| {
            let had_some = !without.findings.is_empty();
            without.findings.retain(|finding| !ended.contains(finding));
            !had_some || !without.findings.is_empty()
        });
        let trifles = trifles.into_iter().filter(|finding| !ended.contains(finding)).collect();
        Self::settle(input, edits, without, trifles)
    }

    /// Keeps what can be made together, and sums up trifles.
    fn settle(input: &Input<'_>, mut edits: Vec<Edit>, mut without: Vec<Without>, small: Vec<usize>) -> Self {
        let is_trifle = |bytes: u64| is_trifle(bytes, input.content_bytes);
        edits.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.message.cmp(&b.message)));
        let mut plan = Self {
            path: input.build.path.clone(),
            is_reconstructed: input.build.is_reconstructed,
            edits: Vec::new(),
            without: Vec::new(),
            text: input.build.text.clone(),
            ignore: input.ignore.cloned(),
        };
        let bytes = small.iter().map(|finding| input.findings[*finding].bytes).sum();
        let mut trifles: (u64, Vec<usize>) = (bytes, small);
        for edit in edits {
            if is_trifle(edit.bytes) {
                trifles.0 += edit.bytes;
                trifles.1.extend(&edit.findings);
                continue;
            }
            let (bytes, findings, message) = (edit.bytes, edit.findings.clone(), edit.message.clone());
            plan.edits.push(edit);
            let all: Vec<usize> = (0..plan.edits.len()).collect();
            if plan.edited(&all).is_none() {
                plan.edits.pop();
                let why = "it changes the same lines as another edit: apply that one, build, and look again".to_owned();
                without.push(Without { message, bytes, why, findings });
            }
        }
        for other in without {
            if is_trifle(other.bytes) {
                trifles.0 += other.bytes;
                trifles.1.extend(other.findings);
            } else {
                plan.without.push(other);
            }
        }
        if !trifles.1.is_empty() {
            let count = trifles.1.len();
            let message = if count == 1 { "a trifle".to_owned() } else { format!("{count} trifles") };
            let why = "each is less than 100 kB and less than 0.1 % of the image".to_owned();
            plan.without.push(Without { message, bytes: trifles.0, why, findings: trifles.1 });
        }
        plan.without.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.message.cmp(&b.message)));
        plan
    }

    /// The edits that some words name: numbers as they are listed, from 1, rules, kinds, fingerprints. All without a word.
    ///
    /// # Errors
    /// At a word that names none.
    pub fn select(&self, only: &[String], findings: &[Finding]) -> Result<Vec<usize>, NoSuchEdit> {
        if only.is_empty() {
            return Ok((0..self.edits.len()).collect());
        }
        let mut chosen = BTreeSet::new();
        for word in only {
            let by_number = word.parse::<usize>().ok().filter(|number| (1..=self.edits.len()).contains(number));
            let named = self.edits.iter().enumerate().filter(|(_, edit)| {
                edit.rules.contains(word) || edit.findings.iter().any(|place| findings[*place].fingerprint == *word)
            });
            let found: Vec<usize> = match by_number {
                Some(number) => vec![number - 1],
                None => named.map(|(place, _)| place).collect(),
            };
            if found.is_empty() {
                let names: BTreeSet<&str> =
                    self.edits.iter().flat_map(|edit| &edit.rules).map(String::as_str).collect();
                let names: Vec<&str> = names.into_iter().collect();
                let known = match self.edits.len() {
                    0 => "there are none".to_owned(),
                    1 => format!("there is 1, of {}", names.join(", ")),
                    some => format!("there are 1 to {some}, of {}", names.join(", ")),
                };
                return Err(NoSuchEdit { word: word.clone(), known });
            }
            chosen.extend(found);
        }
        Ok(chosen.into_iter().collect())
    }

    /// Content that is no longer stored when some edits are made together, and the same in compressed layers.
    pub fn bytes(&self, tree: &Tree, edits: &[usize]) -> (u64, Option<u64>) {
        sums(tree, &unstored(tree, edits.iter().map(|edit| &self.edits[*edit].effect)))
    }

    /// The files after some edits; None when the edits clash or the result is not a Dockerfile.
    pub fn edited(&self, edits: &[usize]) -> Option<Edited> {
        let changes = |file: File| -> Vec<&Change> {
            let mut changes: Vec<&Change> = Vec::new();
            for change in edits.iter().flat_map(|edit| &self.edits[*edit].changes).filter(|change| change.file == file)
            {
                // What two edits both take out is taken out once, and a line that both ignore is written once.
                let is_once = change.text.is_empty() || file == File::Ignore;
                if !(is_once && changes.contains(&change)) {
                    changes.push(change);
                }
            }
            changes
        };
        let dockerfile = apply(&self.text, &changes(File::Dockerfile))?;
        Build::parse(&self.path, &dockerfile).ok()?;
        let own = changes(File::Ignore);
        let ignore = match &self.ignore {
            Some(ignore) if !own.is_empty() => {
                let text = apply(ignore.text.as_deref().unwrap_or_default(), &own)?;
                Some((ignore.path.clone(), text))
            }
            _ => None,
        };
        Some(Edited { dockerfile, ignore })
    }

    /// The unified diff of some edits.
    pub fn diff(&self, edits: &[usize]) -> String {
        match edits {
            [one] => self.edits[*one].diff.get_or_init(|| self.made_diff(edits)).clone(),
            _ => self.made_diff(edits),
        }
    }

    fn made_diff(&self, edits: &[usize]) -> String {
        let Some(edited) = self.edited(edits) else { return String::new() };
        let mut diff = diff::unified(&self.path, Some(&self.text), &edited.dockerfile);
        if let (Some((path, text)), Some(ignore)) = (&edited.ignore, &self.ignore) {
            diff.push_str(&diff::unified(path, ignore.text.as_deref(), text));
        }
        diff
    }

    /// What to say of a finding: the instructions as an edit leaves them, on one line, or why there is no edit. None for a finding
    /// that is not about the build.
    pub fn advice(&self, finding: usize) -> Option<String> {
        if let Some(place) = self.edits.iter().position(|edit| edit.findings.contains(&finding)) {
            return Some(self.instructions_after(place));
        }
        let without = self.without.iter().find(|without| without.findings.contains(&finding))?;
        Some(format!("no change is known to be safe: {}", without.why))
    }

    /// The lines that an edit changes, as they are after it.
    fn instructions_after(&self, place: usize) -> String {
        let edit = &self.edits[place];
        let mut parts: Vec<String> = Vec::new();
        if let Some(Edited { ignore, .. }) = self.edited(&[place])
            && let (Some((path, text)), Some(before)) = (ignore, &self.ignore)
        {
            let known = before.text.as_deref().unwrap_or_default();
            let new = text.lines().filter(|line| !known.lines().any(|own| own == *line));
            parts.push(format!(
                "add {} to {path}",
                new.map(|line| format!("`{line}`")).collect::<Vec<_>>().join(" and ")
            ));
        }
        let before = Build::parse(&self.path, &self.text).ok();
        let after = self.edited(&[place]).and_then(|edited| Build::parse(&self.path, &edited.dockerfile).ok());
        if let (Some(before), Some(after)) = (before, after) {
            let said = |build: &Build| -> Vec<String> {
                let steps = build.stages.iter().flat_map(|stage| &stage.steps);
                let text = |step: &Step| {
                    let text = build.source(step.instruction.span.clone());
                    // The lines of a here-document have a meaning.
                    if step.instruction.heredocs.is_empty() { one_line(text, build.escape) } else { text.to_owned() }
                };
                steps.map(text).collect()
            };
            let known: FxHashSet<String> = said(&before).into_iter().collect();
            parts.extend(said(&after).into_iter().filter(|text| !known.contains(text)));
        }
        if parts.is_empty() { edit.message.clone() } else { parts.join("; ") }
    }

    /// The Dockerfile that the edits are made to.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The `.dockerignore` that the edits are made to; None where there is none.
    pub fn ignore(&self) -> Option<&str> {
        self.ignore.as_ref().and_then(|ignore| ignore.text.as_deref())
    }

    /// The place of the edit that ends a finding, by the finding's place in the judgement.
    pub fn edit_of(&self, finding: usize) -> Option<usize> {
        self.edits.iter().position(|edit| edit.findings.contains(&finding))
    }
}

/// An instruction without its line ends and comments.
fn one_line(text: &str, escape: char) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let lines = lines.map(|line| line.strip_suffix(escape).unwrap_or(line).trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Less than anyone would change a line for.
fn is_trifle(bytes: u64, of: u64) -> bool {
    bytes < 100_000 && bytes < of / 1000
}

/// What came of all groups.
#[derive(Default)]
struct Chosen {
    intents: Vec<Intent>,
    without: Vec<Without>,
    trifles: Vec<usize>,
}

fn choose(planner: &Planner<'_>, content_bytes: u64) -> Chosen {
    let mut groups: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
    for (place, finding) in planner.findings.iter().enumerate() {
        let is_left = planner.files(&[place]).next().is_some();
        if let Some(group) = group_of(planner, finding).filter(|_| is_left) {
            groups.entry(group).or_default().push(place);
        }
    }
    let mut chosen = Chosen::default();
    for (group, findings) in groups {
        let bytes: u64 = findings.iter().map(|place| planner.findings[*place].bytes).sum();
        if is_trifle(bytes, content_bytes) && group != Group::Churn {
            chosen.trifles.extend(findings);
            continue;
        }
        let found = intents_of(planner, &group, &findings);
        chosen.intents.extend(found.0);
        for (findings, why) in found.1 {
            chosen.without.push(without_edit(planner, &group, findings, why));
        }
    }
    chosen
}

/// Puts ranges of steps together that have a step in common, where the steps of both can be one.
fn merge(planner: &Planner<'_>, mut ranges: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    ranges.sort_unstable();
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(known) if first <= known.1 => {
                let union = (known.0, known.1.max(last));
                if union == *known || join::join(planner, union.0, union.1, &BTreeMap::new()).is_ok() {
                    *known = union;
                }
            }
            _ => merged.push((first, last)),
        }
    }
    merged
}

fn group_of(planner: &Planner<'_>, finding: &Finding) -> Option<Group> {
    let stored = planner.index_of(finding.stored_in).filter(|_| finding.kind.counts() && finding.bytes > 0)?;
    let is_run = |index: usize| planner.step(index).keyword() == "RUN";
    if planner.later(finding.rule.as_deref(), Need::Place).need == Need::Churn {
        return Some(Group::Churn);
    }
    let rule = cache_rule(planner, finding);
    Some(match finding.kind {
        Kind::Metadata => Group::Owner(finding.caused_by),
        Kind::Masked | Kind::Shadowed => return None,
        Kind::Rewritten if !is_run(stored) => Group::Twice(stored),
        Kind::Moved | Kind::Rewritten if rule.is_none() => Group::Join(finding.first_in, finding.stored_in),
        _ if !is_run(stored) => Group::Copy(stored, rule, finding.caused_by),
        _ => match rule {
            Some(rule) => Group::Rule(rule),
            None => Group::Join(finding.stored_in, finding.caused_by),
        },
    })
}

/// The rule of a finding, when it names caches and leftovers. What only advises names parts of packages: a package manager removes
/// those, and not an `rm`.
fn cache_rule(planner: &Planner<'_>, finding: &Finding) -> Option<String> {
    let levels = [Level::On, Level::Confirmed];
    if let Some(name) = &finding.rule {
        let is_cache = planner.rules.get(name).is_some_and(|rule| levels.contains(&rule.level));
        return is_cache.then(|| name.clone());
    }
    // What went away with such files by the same instruction may be theirs by its path.
    let mut names = finding.charged.iter().map(|file| {
        let path = super::remove::path_of(planner.tree, planner.tree.event_at(*file).node);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = || planner.rules.first(format!("{folder}/beside").as_bytes(), &levels);
        planner.rules.first(path.as_bytes(), &levels).or_else(beside).map(|rule| rule.id.clone())
    });
    let first = names.next()??;
    names.all(|name| name.as_ref() == Some(&first)).then_some(first)
}

type Found = (Vec<Intent>, Vec<(Vec<usize>, String)>);

fn intents_of(planner: &Planner<'_>, group: &Group, findings: &[usize]) -> Found {
    let one = |intent: Result<Intent, String>| match intent {
        Ok(intent) => (vec![intent], Vec::new()),
        Err(why) => (Vec::new(), vec![(findings.to_vec(), why)]),
    };
    match group {
        Group::Churn => {
            let why = "every step that installs packages writes them again".to_owned();
            (Vec::new(), vec![(findings.to_vec(), why)])
        }
        Group::Owner(caused_by) => {
            let owners = owner::owners(planner, *caused_by, findings);
            let Err(why) = owners else { return one(owners) };
            // Directly behind the step that makes them, the two can be one.
            let first = findings.iter().map(|finding| planner.findings[*finding].first_in).min().unwrap_or(*caused_by);
            let joined = joined(planner, first, *caused_by, findings);
            let same = findings.iter().all(|finding| planner.findings[*finding].first_in == first);
            match joined.filter(|_| same) {
                Some(intent) => one(Ok(intent)),
                None => one(Err(why)),
            }
        }
        Group::Copy(origin, rule, _) => {
            let ignored = context::ignore(planner, rule.as_deref(), *origin, findings);
            let Err(why) = ignored else { return one(ignored) };
            let dead = findings.iter().all(|finding| planner.findings[*finding].kind == Kind::Deleted);
            match context::mount(planner, *origin, findings) {
                Ok(intent) if dead => one(Ok(intent)),
                Err(other) if dead && other.contains("classic builder") => one(Err(format!("{why}; {other}"))),
                _ => one(Err(why)),
            }
        }
        Group::Twice(index) => one(context::twice(planner, *index, findings)),
        Group::Rule(rule) => {
            let cleaned = cleanup::clean(planner, Some(rule), findings);
            match cleaned {
                Ok(intent) if joins_are_possible(planner, &intent) => one(Ok(intent)),
                other => {
                    let why = match other {
                        Ok(intent) => intent.why.unwrap_or_default(),
                        Err(why) => why,
                    };
                    pairs(planner, findings, &why)
                }
            }
        }
        Group::Join(..) => {
            let deleted = findings.iter().all(|finding| planner.findings[*finding].kind == Kind::Deleted);
            let moved = if deleted { cleanup::clean(planner, None, findings) } else { Err(String::new()) };
            match moved {
                Ok(intent) if intent.joins.is_empty() && !intent.is_empty() => one(Ok(intent)),
                _ => pairs(planner, findings, ""),
            }
        }
    }
}

fn joins_are_possible(planner: &Planner<'_>, intent: &Intent) -> bool {
    intent.joins.iter().all(|(first, last)| join::join(planner, *first, *last, &intent.appends).is_ok())
}

fn joined(planner: &Planner<'_>, first: u16, last: u16, findings: &[usize]) -> Option<Intent> {
    let (first, last) = (planner.index_of(first)?, planner.index_of(last)?);
    join::join(planner, first, last, &BTreeMap::new()).ok()?;
    Some(Intent { findings: findings.to_vec(), joins: vec![(first, last)], ..Intent::default() })
}

/// Joins the steps of each finding by itself; says why not of the others.
fn pairs(planner: &Planner<'_>, findings: &[usize], why: &str) -> Found {
    let (mut intents, mut others) = (Vec::new(), Vec::new());
    for place in findings {
        let finding = &planner.findings[*place];
        let (first, last) = match finding.kind {
            Kind::Moved | Kind::Rewritten | Kind::Metadata => (finding.first_in, finding.stored_in),
            _ => (finding.stored_in, finding.caused_by),
        };
        let tried = match (planner.index_of(first), planner.index_of(last)) {
            (Some(first), Some(last)) if first < last => {
                join::join(planner, first, last, &BTreeMap::new()).map(|_| (first, last))
            }
            (None, _) => Err("the base image has the files".to_owned()),
            _ => Err(why.to_owned()),
        };
        match tried {
            Ok(range) => intents.push(Intent { findings: vec![*place], joins: vec![range], ..Intent::default() }),
            Err(other) => {
                let why = match (why.is_empty(), other.is_empty() || other == why) {
                    (true, _) => other,
                    (false, true) => why.to_owned(),
                    (false, false) => format!("{why}; {other}"),
                };
                others.push((vec![*place], why));
            }
        }
    }
    (intents, others)
}

fn name_of(finding: &Finding) -> String {
    finding.rule.clone().unwrap_or_else(|| finding.kind.name().to_owned())
}

fn without_edit(planner: &Planner<'_>, group: &Group, findings: Vec<usize>, why: String) -> Without {
    let bytes = findings.iter().map(|place| planner.findings[*place].bytes).sum();
    let message = match (group, &findings[..]) {
        (Group::Churn, _) => "package databases and backups that are stored again by each install".to_owned(),
        (_, [one]) => planner.findings[*one].message.clone(),
        (Group::Rule(rule), several) => {
            let what = planner.rules.get(rule).map(|rule| rule.what.clone()).unwrap_or_default();
            format!("{rule}: {what}, in {} places", several.len())
        }
        (_, several) => {
            let largest = several.iter().max_by_key(|place| planner.findings[**place].bytes);
            let message = largest.map(|place| planner.findings[*place].message.clone()).unwrap_or_default();
            format!("{message}, and {} more", several.len() - 1)
        }
    };
    let why = if why.is_empty() { "no mechanical change is known to be safe".to_owned() } else { why };
    Without { message, bytes, why, findings }
}

/// Makes edits of intents: joined steps with what others add to them, and the rest.
fn edits_of(
    planner: &Planner<'_>,
    intents: Vec<Intent>,
    ranges: &[(usize, usize)],
    without: &mut Vec<Without>,
) -> Vec<Edit> {
    let touches = |intent: &Intent, (first, last): (usize, usize)| {
        let is_inside = |index: &usize| first <= *index && *index <= last;
        intent.joins.iter().any(|(from, to)| first <= *from && *to <= last) || intent.appends.keys().any(is_inside)
    };
    let mut edits = Vec::new();
    let mut left: Vec<Option<Intent>> = intents.into_iter().map(Some).collect();
    for range in ranges.iter().copied() {
        let own: Vec<Intent> = left
            .iter_mut()
            .filter(|intent| intent.as_ref().is_some_and(|intent| touches(intent, range)))
            .filter_map(Option::take)
            .collect();
        let joined = Effect { joins: vec![planner.layers(range)], unstored: Vec::new() };
        let gone = unstored(planner.tree, std::iter::once(&joined));
        let is_ended = |finding: &&Finding| {
            !finding.charged.is_empty()
                && finding.kind.counts()
                && finding.charged.iter().all(|file| gone.contains(file))
        };
        let ended =
            planner.findings.iter().enumerate().filter(|(_, finding)| is_ended(finding)).map(|(place, _)| place);
        let mut all = Intent { findings: ended.collect(), ..Intent::default() };
        for intent in &own {
            all.findings.extend(
                intent.findings.iter().filter(|finding| !all.findings.contains(finding)).copied().collect::<Vec<_>>(),
            );
            all.changes.extend(intent.changes.iter().cloned());
            all.effect.add(&intent.effect);
            all.gone.extend(&intent.gone);
            all.needs = all.needs.or_else(|| intent.needs.clone());
            for (index, commands) in &intent.appends {
                let list = all.appends.entry(*index).or_default();
                list.extend(commands.iter().filter(|command| !list.contains(command)).cloned().collect::<Vec<_>>());
            }
        }
        match join::join(planner, range.0, range.1, &all.appends) {
            Ok(joined) => {
                all.changes.extend(joined.changes);
                all.effect.add(&joined.effect);
                all.appends.retain(|index, _| !(range.0..=range.1).contains(index));
                all.message = joined_message(planner, &joined.lines, &own);
                edits.extend(finish(planner, all, without));
            }
            Err(why) => {
                for intent in own {
                    without.push(without_edit(planner, &Group::Twice(0), intent.findings, why.clone()));
                }
            }
        }
    }
    for intent in together(left.into_iter().flatten()) {
        edits.extend(finish(planner, intent, without));
    }
    edits
}

/// Commands as one line of a `RUN`; what `rm -rf` removes is removed by one.
fn one_command(commands: &[String]) -> String {
    let removed: Option<Vec<&str>> = commands.iter().map(|command| command.strip_prefix("rm -rf ")).collect();
    match removed.filter(|paths| !paths.iter().any(|paths| paths.contains(['&', ';', '|', '<', '>']))) {
        Some(paths) => format!("rm -rf {}", paths.join(" ")),
        None => commands.join(" && "),
    }
}

/// Puts commands for the end of the same step into one edit: they change the same lines.
fn together(intents: impl Iterator<Item = Intent>) -> Vec<Intent> {
    let mut all: Vec<Intent> = Vec::new();
    for mut intent in intents {
        let meets = |other: &Intent| other.appends.keys().any(|index| intent.appends.contains_key(index));
        let (same, others): (Vec<Intent>, Vec<Intent>) = all.into_iter().partition(meets);
        all = others;
        // What came first stays first.
        for other in same.into_iter().rev() {
            intent = both(other, intent);
        }
        all.push(intent);
    }
    all
}

fn both(mut one: Intent, other: Intent) -> Intent {
    for (index, commands) in other.appends {
        let list = one.appends.entry(index).or_default();
        list.extend(commands.into_iter().filter(|command| !list.contains(command)).collect::<Vec<_>>());
    }
    one.findings.extend(other.findings);
    one.changes.extend(other.changes.into_iter().filter(|change| !one.changes.contains(change)).collect::<Vec<_>>());
    one.effect.add(&other.effect);
    one.gone.extend(other.gone);
    one.needs = one.needs.or(other.needs);
    let parts = |message: &str| message.rsplit_once(": ").map(|(what, how)| (what.to_owned(), how.to_owned()));
    one.message = match (parts(&one.message), parts(&other.message)) {
        (Some((what, how)), Some((also, same))) if how == same => format!("{what} and {also}: {how}"),
        _ => format!("{}; {}", one.message, other.message),
    };
    one
}

fn joined_message(planner: &Planner<'_>, lines: &[usize], own: &[Intent]) -> String {
    let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
    let (last, first) =
        lines.split_last().map_or((String::new(), String::new()), |(last, first)| (last.clone(), first.join(", ")));
    let mut message = format!(
        "make one RUN of those of lines {first} and {last}: what one makes and another removes or changes is then not stored"
    );
    let removes: BTreeSet<String> = own
        .iter()
        .filter(|intent| !intent.appends.is_empty())
        .flat_map(|intent| &intent.findings)
        .map(|place| name_of(&planner.findings[*place]))
        .collect();
    if !removes.is_empty() {
        message.push_str(&format!(
            "; it also removes what it leaves: {}",
            removes.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    message
}

fn finish(planner: &Planner<'_>, mut intent: Intent, without: &mut Vec<Without>) -> Option<Edit> {
    for (index, commands) in std::mem::take(&mut intent.appends) {
        let command = one_command(&commands);
        let change =
            Editable::of(planner.build, planner.chain[index]).and_then(|own| own.append(planner.build, &command));
        match change {
            Ok(change) => intent.changes.push(change),
            Err(why) => {
                without.push(without_edit(planner, &Group::Twice(0), intent.findings, why));
                return None;
            }
        }
    }
    if let Some(why) = makes_more(planner, &intent) {
        without.push(without_edit(planner, &Group::Twice(0), intent.findings, why));
        return None;
    }
    let (bytes, pull_bytes) = sums(planner.tree, &unstored(planner.tree, std::iter::once(&intent.effect)));
    if bytes == 0 || intent.changes.is_empty() {
        let why = if intent.joins.is_empty() {
            "nothing would be stored less".to_owned()
        } else {
            "another edit joins one of its steps: apply that one, build, and look again".to_owned()
        };
        without.push(without_edit(planner, &Group::Twice(0), intent.findings, why));
        return None;
    }
    let names: BTreeSet<String> = intent.findings.iter().map(|place| name_of(&planner.findings[*place])).collect();
    let mut seen = FxHashSet::default();
    intent.gone.retain(|node| seen.insert(*node));
    Some(Edit {
        message: intent.message,
        needs: intent.needs,
        rules: names.into_iter().collect(),
        findings: intent.findings,
        bytes,
        pull_bytes,
        gone: intent.gone,
        changes: intent.changes,
        effect: intent.effect,
        diff: OnceLock::new(),
    })
}

/// Why a `RUN` can't be taken out as a whole: the image keeps something that is there since. The first one of a stage also makes the
/// places that the engine mounts something at.
fn makes_more(planner: &Planner<'_>, intent: &Intent) -> Option<String> {
    let tree = planner.tree;
    let text = &planner.build.text;
    if !intent.effect.joins.is_empty() {
        return None;
    }
    let is_taken_out = |step: &Step| {
        let whole = super::edit::whole_lines(text, step.instruction.span.clone());
        intent
            .changes
            .iter()
            .any(|change| change.file == File::Dockerfile && change.text.is_empty() && change.range == whole)
    };
    let runs = planner.chain.iter().map(|id| planner.build.step(*id)).filter(|step| step.keyword() == "RUN");
    runs.filter(|step| is_taken_out(step)).find_map(|step| {
        let layer = step.layer?;
        let is_new = |node: NodeId| layer.checked_sub(1).and_then(|below| tree.state(node, below)).is_none();
        let events = tree.layers[usize::from(layer)].events.iter();
        let mut kept =
            events.filter(|event| !event.is_implied() && is_new(event.node) && !intent.gone.contains(&event.node));
        let path = kept.find(|event| tree.top().and_then(|top| tree.state(event.node, top)).is_some())?;
        let path = super::remove::path_of(tree, path.node);
        Some(format!("{} also makes {path}", super::uses::at(step)))
    })
}

/// Bytes of a file that are replaced, by lines and columns as editors count them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The file.
    pub path: String,
    /// Line and column of the first character, from 1.
    pub start: (usize, usize),
    /// Line and column behind the last character.
    pub end: (usize, usize),
    /// What comes instead.
    pub text: String,
}

impl Plan {
    /// What an edit replaces, for programs that apply it.
    pub fn replacements(&self, edit: &Edit) -> Vec<Replacement> {
        let of = |change: &Change| {
            let (path, text) = match (change.file, &self.ignore) {
                (File::Dockerfile, _) => (&self.path, self.text.as_str()),
                (File::Ignore, Some(ignore)) => (&ignore.path, ignore.text.as_deref().unwrap_or_default()),
                (File::Ignore, None) => return None,
            };
            let place = |at: usize| {
                let before = text.get(..at)?;
                let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
                Some((before.matches('\n').count() + 1, line.chars().count() + 1))
            };
            let (start, end) = (place(change.range.start)?, place(change.range.end)?);
            Some(Replacement { path: path.clone(), start, end, text: change.text.clone() })
        };
        let mut all: Vec<Replacement> = edit.changes.iter().filter_map(of).collect();
        all.sort_by(|a, b| (&a.path, a.start).cmp(&(&b.path, b.start)));
        all
    }
}
