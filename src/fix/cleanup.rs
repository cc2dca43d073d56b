//! Caches and leftovers: removed by the `RUN` that makes them.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::edit::Editable;
use super::predict::Effect;
use super::remove::{Removal, expanded, files_below, has_program, is_forced, path_of};
use super::uses::{Question, is_one_of};
use super::{Intent, Planner};
use crate::build::{Simple, Step, StepId, Word};
use crate::tree::{EventRef, NodeId};
use crate::waste::{Later, Need};

/// Removes the files of a rule in every `RUN` that makes or fills them.
pub(super) fn clean(planner: &Planner<'_>, rule: Option<&str>, findings: &[usize]) -> Result<Intent, String> {
    let tree = planner.tree;
    let mut by_layer: BTreeMap<u16, Vec<EventRef>> = BTreeMap::new();
    for file in planner.files(findings) {
        by_layer.entry(file.layer).or_default().push(file);
    }
    let later = planner.later(rule, Need::Unknown);
    let mut intent = Intent { findings: findings.to_vec(), ..Intent::default() };
    let mut removed: Vec<String> = Vec::new();
    let mut commands: Vec<String> = Vec::new();
    let mut first = usize::MAX;
    let mut last: Vec<EventRef> = Vec::new();
    for (layer, files) in &by_layer {
        let index = planner.index_of(*layer).ok_or("the step that makes them is not in the Dockerfile")?;
        let editable = Editable::of(planner.build, planner.chain[index])?;
        editable.goes_on()?;
        first = first.min(index);
        may_remove(planner, editable.step, *layer, files)?;
        // All of them may be gone after a later step.
        let lives = planner.lives(files);
        let deleter = lives.dead_by.and_then(|layer| planner.index_of(layer));
        last.extend(&lives.last);
        let (command, tops) = command_for(planner, rule, *layer, files, deleter)?;
        let paths: Vec<String> = tops.iter().map(|node| path_of(tree, *node)).collect();
        let covered: FxHashSet<NodeId> = files_below(tree, *layer, &tops).into_iter().map(|(node, _)| node).collect();
        let gone = lives.copies.iter().filter(|file| covered.contains(&tree.event_at(**file).node));
        intent.effect.unstored.extend(gone);
        let end = deleter.unwrap_or(planner.chain.len());
        let question = Question { build: planner.build, paths: &paths, later: &later };
        let steps: Vec<StepId> = planner.chain[index + 1..end.max(index + 1)].to_vec();
        let mut user = last_user(&question, &steps).map(|(place, how)| (index + 1 + place, how));
        if let Some(deleter) = deleter {
            let step = planner.step(deleter);
            let how = question.run_use(step, |command| !matches!(command.name(), "rm" | "rmdir" | "find"));
            user = how.map(|how| (deleter, format!("{} {how}", super::uses::at(step)))).or(user);
        } else if let Some(how) = planner.copied_elsewhere(&paths, planner.chain[index].stage) {
            return Err(how);
        }
        match user {
            None => intent.appends.entry(index).or_default().push(command.clone()),
            Some((last, how)) if planner.step(last).keyword() == "RUN" => {
                intent.joins.push((index, last));
                intent.why = Some(how);
                if deleter != Some(last) {
                    intent.appends.entry(last).or_default().push(command.clone());
                }
            }
            Some((_, how)) => return Err(how),
        }
        removed.extend(paths);
        commands.push(command);
        intent.gone.extend(tops);
    }
    if let Some(command) = commands.last() {
        fill(planner, &later, first, command, &removed, &by_layer, &mut intent)?;
    }
    drop_deletions(planner, &last, &mut intent)?;
    for list in intent.appends.values_mut() {
        let mut seen = BTreeSet::new();
        list.retain(|command| seen.insert(command.clone()));
    }
    intent.message = message(planner, rule, &by_layer);
    Ok(intent)
}

/// Takes out the author's later deletions, which have nothing left to delete; one without `-f` would fail.
fn drop_deletions(planner: &Planner<'_>, last: &[EventRef], intent: &mut Intent) -> Result<(), String> {
    let tree = planner.tree;
    let deleters: BTreeSet<usize> = last
        .iter()
        .filter_map(|file| planner.index_of(tree.event_at(*file).until))
        .filter(|index| {
            // What is joined deletes as before.
            !intent.joins.iter().any(|(first, last)| first <= index && index <= last)
        })
        .collect();
    let gone: FxHashSet<EventRef> = intent.effect.unstored.iter().copied().collect();
    for index in deleters {
        let step = planner.step(index);
        let Some(below) = step.layer.and_then(|layer| layer.checked_sub(1)) else { continue };
        let Ok(own) = Editable::of(planner.build, planner.chain[index]) else { continue };
        let mut dropped = Vec::new();
        let deletes = |file: &&EventRef| Some(tree.event_at(**file).until) == step.layer;
        let mut unseen: FxHashSet<EventRef> = gone.iter().filter(deletes).copied().collect();
        // Whether what deletes those would fail without them. An `rm` may name them by a variable, or from where a `cd` led.
        let mut may_fail = !own.segments.iter().flat_map(|segment| &segment.commands).any(is_forgiving);
        for (place, segment) in own.segments.iter().enumerate() {
            for command in segment.commands.iter().filter(|command| command.name() == "rm") {
                let forced = is_forced(command);
                let Some(hits) = expanded(tree, below, command.arguments(), &step.around.workdir) else {
                    may_fail |= !forced;
                    continue;
                };
                let hit = files_below(tree, below, &hits);
                let content =
                    || hit.iter().filter(|(_, at)| tree.copy_of(*at).is_some_and(|file| tree.event_at(file).size > 0));
                let any = content().any(|(_, at)| gone.contains(at));
                let all = content().all(|(_, at)| gone.contains(at));
                for (_, at) in &hit {
                    unseen.remove(at);
                }
                if !any {
                    may_fail |= !forced;
                    continue;
                }
                let is_older = super::uses::deletes_older_files(own.segments, place);
                if all
                    && is_older
                    && segment.is_plain
                    && (own.segments.len() > dropped.len() + 1 || own.segments.len() == 1)
                {
                    dropped.push(place);
                } else if !forced {
                    return Err(format!("{} deletes them without `-f`, and would fail", super::uses::at(step)));
                }
            }
        }
        if may_fail && !unseen.is_empty() {
            return Err(format!("{} may delete them without `-f`, and would fail", super::uses::at(step)));
        }
        for place in dropped {
            match own.without(planner.build, planner.chain[index], place) {
                Some(change) => intent.changes.push(change),
                None => {
                    if !own.segments[place].commands.iter().all(is_forced) {
                        return Err(format!("{} deletes them without `-f`, and would fail", super::uses::at(step)));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether a command deletes, and does not mind when there is nothing to delete: `rm` (those that do mind are told apart
/// before), `find`, and what package managers have for it.
fn is_forgiving(command: &Simple) -> bool {
    const WORDS: [&str; 10] =
        ["clean", "autoclean", "clear", "purge", "prune", "autoremove", "remove", "uninstall", "del", "erase"];
    matches!(command.name(), "rm" | "find") || command.arguments().iter().any(|word| WORDS.contains(&&*word.text))
}

/// Steps that fill a cache again, which they did not while it was there.
fn fill(
    planner: &Planner<'_>,
    later: &Later,
    first: usize,
    command: &str,
    removed: &[String],
    by_layer: &BTreeMap<u16, Vec<EventRef>>,
    intent: &mut Intent,
) -> Result<(), String> {
    let (tools, refresh) = match later.need {
        Need::Index => (&later.tools, Some(&later.refresh)),
        Need::Cache => (&later.tools, None),
        _ => return Ok(()),
    };
    for index in first + 1..planner.chain.len() {
        let step = planner.step(index);
        let stored = step.layer.is_some_and(|layer| by_layer.contains_key(&layer));
        let Some(script) = step.script().filter(|_| !stored && step.keyword() == "RUN") else { continue };
        let fills = script.commands().any(|command| {
            let has = |wanted: &str| command.arguments().iter().any(|word| word.text == wanted);
            let calls = is_one_of(command, tools) && (!command.name().starts_with("python") || has("pip"));
            let no_cache = has("--no-cache-dir") || has("--no-cache");
            calls && !no_cache && refresh.is_none_or(|refresh| refresh.iter().any(|word| has(word)))
        });
        let parent = removed.first().and_then(|path| path.rsplit_once('/')).map_or("", |(parent, _)| parent);
        let text = &step.instruction.arguments.text;
        // Relative to where the command of another step looks.
        let cleans = text.contains("rm ") && !parent.is_empty() && text.contains(parent);
        if fills && !cleans {
            Editable::of(planner.build, planner.chain[index])?.goes_on()?;
            intent.appends.entry(index).or_default().push(command.to_owned());
        }
    }
    Ok(())
}

fn last_user(question: &Question<'_>, steps: &[StepId]) -> Option<(usize, String)> {
    (0..steps.len()).rev().find_map(|place| {
        let step = question.build.step(steps[place]);
        let how = question.use_of(step)?;
        Some((place, format!("{} {how}", super::uses::at(step))))
    })
}

/// Whether the user of a step may remove the files, and there is something to do it with.
fn may_remove(planner: &Planner<'_>, step: &Step, layer: u16, files: &[EventRef]) -> Result<(), String> {
    // Without a shell in the usual places nothing can be told from them.
    if !has_program(planner.tree, layer, "rm") && has_program(planner.tree, layer, "sh") {
        return Err("the image has no `rm` at that step".to_owned());
    }
    let Some(user) = step.around.user.as_deref().filter(|_| !step.around.is_root()) else { return Ok(()) };
    let owner = planner
        .accounts
        .owner(user, &planner.image.config.run.env)
        .map_err(|_| format!("the image does not know the user `{user}` of the step"))?;
    let own = files.iter().all(|file| planner.tree.attributes(*file).uid == owner.uid);
    if own { Ok(()) } else { Err(format!("the step runs as `{user}`, who can't remove them")) }
}

/// The command that removes the files at the end of the step that makes them, and the paths that go.
fn command_for(
    planner: &Planner<'_>,
    rule: Option<&str>,
    layer: u16,
    files: &[EventRef],
    deleter: Option<usize>,
) -> Result<(String, Vec<NodeId>), String> {
    let tree = planner.tree;
    let nodes: FxHashSet<NodeId> = files.iter().map(|file| tree.event_at(*file).node).collect();
    let covers = |tops: &[NodeId]| {
        let below: FxHashSet<NodeId> = files_below(tree, layer, tops).into_iter().map(|(node, _)| node).collect();
        nodes.iter().all(|node| below.contains(node))
    };
    // What the author wrote, where it is the same there.
    if let Some(index) = deleter
        && let Ok(own) = Editable::of(planner.build, planner.chain[index])
    {
        let by = planner.step(index).layer.unwrap_or_default();
        let (mut texts, mut tops) = (Vec::new(), Vec::new());
        for segment in own.segments.iter().filter(|segment| {
            segment.is_plain && segment.commands.first().is_some_and(|command| command.name() == "rm")
        }) {
            let words = segment.commands[0].arguments();
            let absolute = |word: &Word| word.text.starts_with(['/', '-']);
            let Some(hits) = expanded(tree, layer, words, "").filter(|_| words.iter().all(absolute)) else { continue };
            let below = files_below(tree, layer, &hits);
            let any = below.iter().any(|(node, _)| nodes.contains(node));
            if any && below.iter().all(|(_, at)| tree.event_at(*at).until <= by) {
                texts.push(own.text(segment).split_whitespace().collect::<Vec<_>>().join(" "));
                tops.extend(hits);
            }
        }
        if covers(&tops) {
            return Ok((texts.join(" && "), tops));
        }
    }
    let Some(name) = rule else { return Err("no plain `rm` of the Dockerfile removes them".to_owned()) };
    let own = planner.rules.get(name);
    let is_named = |path: &str| {
        own.is_some_and(|own| planner.rules.first(path.as_bytes(), &[own.level]).is_some_and(|rule| rule.id == own.id))
    };
    if let Some(rule) = own
        && rule.clean.starts_with("rm ")
        && !rule.clean.contains(['&', ';', '~'])
    {
        let words: Vec<Word> = rule
            .clean
            .split_whitespace()
            .skip(1)
            .map(|text| Word { text: text.to_owned(), literal: None, pattern: Some(text.to_owned()) })
            .collect();
        let tops = expanded(tree, layer, &words, "").unwrap_or_default();
        let exact = files_below(tree, layer, &tops)
            .iter()
            .all(|(node, at)| nodes.contains(node) || tree.event_at(*at).size == 0 || is_named(&path_of(tree, *node)));
        if exact && covers(&tops) {
            return Ok((rule.clean.clone(), tops));
        }
    }
    // Nothing that the rule does not name goes along.
    let (arguments, tops) = Removal::new(tree, layer, files.iter().copied())
        .arguments(Some(&is_named))
        .ok_or("they lie in too many places to name")?;
    let directories = tops.iter().any(|node| tree.state(*node, layer).is_some_and(|at| !tree.is_file(at)));
    let patterns = arguments.iter().any(|argument| argument.ends_with('*'));
    let options = if directories || patterns { "-rf" } else { "-f" };
    Ok((format!("rm {options} {}", arguments.join(" ")), tops))
}

fn message(planner: &Planner<'_>, rule: Option<&str>, by_layer: &BTreeMap<u16, Vec<EventRef>>) -> String {
    let lines: Vec<String> = by_layer
        .keys()
        .filter_map(|layer| planner.index_of(*layer))
        .map(|index| planner.step(index).instruction.line.to_string())
        .collect();
    let what = rule
        .and_then(|rule| planner.rules.get(rule))
        .map_or("files that are removed later".to_owned(), |rule| rule.what.clone());
    let runs = if lines.len() == 1 { "the RUN" } else { "each RUN" };
    format!("{what}: remove them in {runs} that makes them (line {})", lines.join(", "))
}

/// Nothing else is left to do: an effect without changes.
impl Intent {
    pub(super) fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.joins.is_empty() && self.changes.is_empty() && self.effect == Effect::default()
    }
}
