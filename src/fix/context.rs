//! What comes from the build context and should not: lines for `.dockerignore`, and files that are only read.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::edit::{Change, Editable, File, remove_instruction};
use super::predict::Effect;
use super::remove::{expanded, files_below, is_forced, path_of};
use super::uses::{Question, at, deletes_older_files, is_below};
use super::{Intent, Lives, Planner};
use crate::build::{Body, Copied, CopyBody, Source, Step, StepId};
use crate::tree::{Event, EventKind, EventRef, NodeId};
use crate::waste::{Kind, Later, Need};

/// Lines that are written out.
const MOST: usize = 8;

/// Keeps files that a `COPY` brings out of the build context, and takes out the author's deletion.
pub(super) fn ignore(
    planner: &Planner<'_>,
    rule: Option<&str>,
    origin: usize,
    findings: &[usize],
) -> Result<Intent, String> {
    let tree = planner.tree;
    let step = planner.step(origin);
    let Body::Copy(body) = &step.body else { return Err("it is not a COPY".to_owned()) };
    let layer = step.layer.ok_or("the COPY made no layer")?;
    let files: Vec<EventRef> = planner.files(findings).collect();
    if files.iter().any(|file| file.layer != layer) {
        return Err("they are stored by several steps".to_owned());
    }
    let Lives { copies, last, dead_by } = planner.lives(&files);
    let (tops, out) = match &body.from {
        Some(from) => out_of_stage(planner, step, from, &files)?,
        None => out_of_context(planner, origin, body, rule, (&files, dead_by))?,
    };
    let paths: Vec<String> = tops.iter().map(|top| path_of(tree, *top)).collect();
    if let Out::Instruction(_) = out {
        let target = body.target.as_deref().ok_or("where the files are copied to is not known")?;
        if !stands_without(planner, target, layer) {
            return Err(format!("{} makes directories that the image keeps", at(step)));
        }
    }
    let needs = planner.later(rule, Need::Place);
    let mut intent = Intent { findings: findings.to_vec(), ..Intent::default() };
    let end = match dead_by {
        Some(layer) => planner.index_of(layer).ok_or("the step that removes them is not in the Dockerfile")?,
        None => planner.chain.len(),
    };
    let question = Question { build: planner.build, paths: &paths, later: &needs };
    let later: Vec<StepId> = planner.chain[origin + 1..end].to_vec();
    if let Some((_, how)) = question.first_user(&later) {
        return Err(how);
    }
    if dead_by.is_some() {
        let deleter = planner.step(end);
        if deleter.keyword() != "RUN" {
            return Err(format!("{} puts something else in their place", at(deleter)));
        }
        if let Some(how) = question.run_use(deleter, |command| !matches!(command.name(), "rm" | "rmdir")) {
            return Err(format!("{} {how}", at(deleter)));
        }
        intent.changes.extend(without_deletion(planner, end, &last, &tops)?);
    } else if let Some(how) = planner.copied_elsewhere(&paths, planner.chain[origin].stage) {
        return Err(how);
    }
    match &out {
        Out::Ignored(lines) => intent.changes.extend(planner.ignore_lines(lines)?),
        Out::Instruction(_) => intent.changes.push(remove_instruction(planner.build, planner.chain[origin])),
    }
    let all: FxHashSet<EventRef> = copies.iter().copied().collect();
    let again = planner.findings.iter().enumerate().filter(|(place, finding)| {
        finding.kind == Kind::Metadata
            && !findings.contains(place)
            && finding.charged.iter().all(|file| all.contains(file))
    });
    intent.findings.extend(again.map(|(place, _)| place));
    intent.effect = Effect { joins: Vec::new(), unstored: copies };
    intent.gone = tops;
    let what = rule
        .and_then(|rule| planner.rules.get(rule))
        .map_or("files that are removed later".to_owned(), |rule| rule.what.clone());
    let quoted = |names: &BTreeSet<String>, joint: &str| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(joint)
    };
    intent.message = match &out {
        Out::Ignored(lines) => {
            format!("{what}, copied by {}: keep {} out of the build context", at(step), quoted(lines, ", "))
        }
        Out::Instruction(sources) => {
            format!("{what}: remove {}, which copies only {}", at(step), quoted(sources, " and "))
        }
    };
    Ok(intent)
}

/// How files stay out of what a `COPY` copies.
enum Out {
    /// By these lines of `.dockerignore`.
    Ignored(BTreeSet<String>),
    /// The instruction goes, which copies these sources and nothing else.
    Instruction(BTreeSet<String>),
}

/// Files that come from a stage, or another image: the `COPY` goes when it copies nothing else.
fn out_of_stage(
    planner: &Planner<'_>,
    step: &Step,
    from: &str,
    files: &[EventRef],
) -> Result<(Vec<NodeId>, Out), String> {
    let tree = planner.tree;
    let (Body::Copy(body), Some(layer)) = (&step.body, step.layer) else { return Err("it is not a COPY".to_owned()) };
    let own: FxHashSet<EventRef> = files.iter().copied().collect();
    let events = tree.layers[usize::from(layer)].events.iter().enumerate();
    let mut content = events.filter(|(_, event)| event.kind() != EventKind::Directory);
    if !content.all(|(index, _)| own.contains(&EventRef { layer, index: index as u32 })) {
        return Err(format!("they come from the stage `{from}`: copy less from there, or remove them there"));
    }
    let tops = own.iter().map(|file| tree.event_at(*file).node).collect();
    Ok((tops, Out::Instruction(body.sources.iter().cloned().collect())))
}

/// Files that come from the build context.
fn out_of_context(
    planner: &Planner<'_>,
    origin: usize,
    body: &CopyBody,
    rule: Option<&str>,
    (files, dead_by): (&[EventRef], Option<u16>),
) -> Result<(Vec<NodeId>, Out), String> {
    let tree = planner.tree;
    let step = planner.step(origin);
    let layer = step.layer.ok_or("the COPY made no layer")?;
    let copied = Copied::from_context(body).ok_or("what the COPY copies is not known")?;
    let folder = copied.to().trim_start_matches('/').as_bytes();
    let others = |name: &str| {
        let at = tree.paths.find(folder);
        let entries = at.into_iter().flat_map(|at| tree.entries(at, layer));
        entries.filter(|(_, at)| at.layer == layer).any(|(node, _)| tree.paths.name(node) != name.as_bytes())
    };
    let in_context = |path: &str| match copied.source_of(path, others) {
        Some(Source::Context(source)) => Some(source),
        _ => None,
    };
    let goes_too = goes_too(planner, rule, dead_by);
    let tops = tops(planner, layer, (files, dead_by), &|path| {
        is_below(path, copied.to())
            && (path != copied.to() || !body.into && in_context(path).is_some())
            && goes_too(path)
    });
    let mut lines = BTreeSet::new();
    for path in tops.iter().map(|top| path_of(tree, *top)) {
        lines.insert(in_context(&path).ok_or_else(|| format!("where {path} is in the build context can't be told"))?);
    }
    // A COPY of something that is not in the build context fails.
    let whole = body.sources.iter().filter(|source| lines.contains(context_name(source))).count();
    if whole > 0 {
        if whole < body.sources.len() || whole < lines.len() {
            let named = lines.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ");
            return Err(format!("{} names {named} among others: take it out of there", at(step)));
        }
        return Ok((tops, Out::Instruction(lines)));
    }
    if lines.len() > MOST {
        let names: BTreeSet<String> =
            tops.iter().map(|node| String::from_utf8_lossy(tree.paths.name(*node)).into_owned()).collect();
        match names.into_iter().collect::<Vec<_>>() {
            one if one.len() == 1 && rule.is_some() => {
                lines = one.into_iter().map(|name| format!("**/{name}")).collect()
            }
            _ => return Err("they lie in too many places to name".to_owned()),
        }
    }
    if let Some(other) = planner.other_copies(planner.chain[origin], &lines) {
        return Err(format!("{other} copies them too, and may need them"));
    }
    Ok((tops, Out::Ignored(lines)))
}

/// Tells whether a directory goes with all the files in it: it was removed with them, by the layer `dead_by`, or the rule
/// names whatever it holds.
fn goes_too(planner: &Planner<'_>, rule: Option<&str>, dead_by: Option<u16>) -> impl Fn(&str) -> bool {
    let rule = rule.and_then(|rule| planner.rules.id_of(rule));
    let deleter = dead_by.and_then(|layer| planner.index_of(layer)).and_then(|index| planner.step(index).script());
    // An `rmdir` is left as it is, and needs its directory.
    let may_go = deleter.is_some_and(|script| script.commands().all(|command| command.name() != "rmdir"));
    move |path| match dead_by {
        Some(layer) => {
            let node = planner.tree.paths.find(path.trim_start_matches('/').as_bytes());
            may_go && node.is_some_and(|node| planner.tree.state(node, layer).is_none())
        }
        None => rule.is_some_and(|rule| planner.rules.matches_all_in(rule, path.as_bytes())),
    }
}

/// A source of a `COPY` as `.dockerignore` names it.
fn context_name(source: &str) -> &str {
    source.trim_start_matches("./").trim_matches('/')
}

/// Whether all directories above a `COPY`'s target are there without it, or are gone in the end.
fn stands_without(planner: &Planner<'_>, target: &str, layer: u16) -> bool {
    let tree = planner.tree;
    let ancestors = std::iter::successors(target.rsplit_once('/'), |(above, _)| above.rsplit_once('/'));
    ancestors.map(|(above, _)| above).filter(|above| !above.is_empty()).all(|above| {
        let Some(node) = tree.paths.find(above.trim_start_matches('/').as_bytes()) else { return true };
        let before = layer.checked_sub(1).and_then(|below| tree.state(node, below));
        before.is_some() || tree.top().and_then(|top| tree.state(node, top)).is_none()
    })
}

/// The topmost directories that hold nothing but these files and `may_be_named`, else the files.
fn tops(
    planner: &Planner<'_>,
    layer: u16,
    (files, dead_by): (&[EventRef], Option<u16>),
    may_be_named: &dyn Fn(&str) -> bool,
) -> Vec<NodeId> {
    let tree = planner.tree;
    let own: FxHashSet<NodeId> = files.iter().map(|file| tree.event_at(*file).node).collect();
    let until = dead_by.unwrap_or(Event::HOLDS);
    let mut known: BTreeMap<NodeId, bool> = BTreeMap::new();
    fn all(
        tree: &crate::tree::Tree,
        (layer, until): (u16, u16),
        own: &FxHashSet<NodeId>,
        node: NodeId,
        known: &mut BTreeMap<NodeId, bool>,
    ) -> bool {
        if let Some(known) = known.get(&node) {
            return *known;
        }
        let all_of = match tree.state(node, layer) {
            Some(at) if at.layer == layer && tree.event_at(at).kind() == EventKind::Directory => {
                let children: Vec<NodeId> = tree.entries(node, layer).map(|(node, _)| node).collect();
                !children.is_empty() && children.into_iter().all(|child| all(tree, (layer, until), own, child, known))
            }
            // Links and empty files go with what they lie beside, unless they outlive it.
            Some(at) => {
                let event = tree.event_at(at);
                let is_empty = event.size == 0 || event.kind() != EventKind::File;
                own.contains(&node) || at.layer == layer && is_empty && event.until <= until
            }
            None => true,
        };
        known.insert(node, all_of);
        all_of
    }
    let mut found: BTreeSet<NodeId> = BTreeSet::new();
    for node in own.iter().copied() {
        let mut top = node;
        while let Some(parent) = tree.paths.parent(top).filter(|parent| *parent != NodeId::ROOT) {
            if !may_be_named(&path_of(tree, parent)) || !all(tree, (layer, until), &own, parent, &mut known) {
                break;
            }
            top = parent;
        }
        found.insert(top);
    }
    found.into_iter().collect()
}

/// Takes the deletion of files out of a `RUN`.
fn without_deletion(
    planner: &Planner<'_>,
    index: usize,
    files: &[EventRef],
    gone: &[NodeId],
) -> Result<Vec<Change>, String> {
    let tree = planner.tree;
    let step = planner.step(index);
    let own = Editable::of(planner.build, planner.chain[index])?;
    let below = step.layer.and_then(|layer| layer.checked_sub(1)).ok_or("there is nothing below")?;
    let wanted: FxHashSet<EventRef> = files.iter().copied().collect();
    let is_gone = |node: NodeId| {
        let mut above = std::iter::successors(Some(node), |node| tree.paths.parent(*node));
        above.any(|node| gone.contains(&node))
    };
    let mut changes = Vec::new();
    let mut met: FxHashSet<EventRef> = FxHashSet::default();
    for (place, segment) in own.segments.iter().enumerate() {
        for command in segment.commands.iter().filter(|command| command.name() == "rm") {
            let hits = expanded(tree, below, command.arguments(), &step.around.workdir);
            let hits = hits.unwrap_or_default();
            let hit = files_below(tree, below, &hits);
            let content: Vec<EventRef> =
                hit.iter().map(|(_, at)| *at).filter(|at| tree.event_at(*at).size > 0).collect();
            if !content.iter().any(|at| wanted.contains(at)) {
                continue;
            }
            met.extend(content.iter().copied());
            let forced = is_forced(command);
            let all = content.iter().all(|at| wanted.contains(at)) && deletes_older_files(own.segments, place);
            let change =
                if all && segment.is_plain { own.without(planner.build, planner.chain[index], place) } else { None };
            match change {
                Some(change) => changes.push(change),
                None if forced || !hits.iter().any(|hit| is_gone(*hit)) => {}
                None => return Err(format!("{} deletes them without `-f`, and would fail", at(step))),
            }
        }
    }
    if wanted.iter().any(|file| !met.contains(file)) {
        return Err(format!("{} does not delete them by a plain `rm`", at(step)));
    }
    Ok(changes)
}

/// A `COPY` whose files are read by some `RUN`s and then deleted becomes a mount of those.
pub(super) fn mount(planner: &Planner<'_>, origin: usize, findings: &[usize]) -> Result<Intent, String> {
    let tree = planner.tree;
    let step = planner.step(origin);
    let (Body::Copy(body), Some(layer)) = (&step.body, step.layer) else { return Err("it is not a COPY".to_owned()) };
    if !planner.is_buildkit {
        return Err(format!("a bind mount instead of {} would do, which the classic builder does not have", at(step)));
    }
    let files: Vec<EventRef> = planner.files(findings).collect();
    let all = tree.layers[usize::from(layer)]
        .events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.kind() == EventKind::File && event.size > 0);
    let own: FxHashSet<EventRef> = files.iter().copied().collect();
    if all.into_iter().any(|(index, _)| !own.contains(&EventRef { layer, index: index as u32 })) {
        return Err(format!("{} copies other files as well", at(step)));
    }
    let (source, target) = mounted(body, layer, planner)?;
    let paths = [target.clone()];
    let needs = Later::default();
    let until = files.iter().map(|file| tree.event_at(*file).until).max().unwrap_or_default();
    let end = planner.index_of(until).ok_or("the step that removes them is not in the Dockerfile")?;
    let question = Question { build: planner.build, paths: &paths, later: &needs };
    let mut intent = Intent { findings: findings.to_vec(), ..Intent::default() };
    let from = body.from.as_ref().map(|from| format!(",from={from}")).unwrap_or_default();
    let flag = format!(" --mount=type=bind{from},source={source},target={target},rw");
    let mut users = Vec::new();
    for index in origin + 1..=end {
        let user = planner.step(index);
        if user.keyword() != "RUN" {
            continue;
        }
        if question.run_use(user, |command| !matches!(command.name(), "rm" | "rmdir")).is_some() {
            let place = user.instruction.keyword_end;
            intent.changes.push(Change::new(place..place, flag.clone()));
            users.push(user.instruction.line.to_string());
        }
    }
    if users.is_empty() {
        return Err("no RUN before reads them".to_owned());
    }
    let made = tree.layers[usize::from(layer)].events.iter().map(|event| event.node);
    let is_new = |node: &NodeId| layer.checked_sub(1).and_then(|below| tree.state(*node, below)).is_none();
    let gone: Vec<NodeId> = made.filter(is_new).collect();
    intent.changes.extend(without_deletion(planner, end, &files, &gone)?);
    intent.changes.push(remove_instruction(planner.build, planner.chain[origin]));
    intent.effect = Effect { joins: Vec::new(), unstored: files };
    intent.needs = Some("BuildKit, for `RUN --mount`".to_owned());
    intent.message = format!(
        "{} copies files that are only read and then removed: mount them in the RUN that reads them (line {})",
        at(step),
        users.join(", ")
    );
    Ok(intent)
}

/// The source and target of the mount for a `COPY` of one file or directory.
fn mounted(body: &CopyBody, layer: u16, planner: &Planner<'_>) -> Result<(String, String), String> {
    let [source] = &body.sources[..] else { return Err("the COPY has several sources".to_owned()) };
    let target = body.target.clone().ok_or("where the files are copied to is not known")?;
    let plain =
        !source.contains(['*', '?', '[', '$', ' ', ',']) && !target.contains([' ', ',']) && !source.contains("://");
    if !plain || source.ends_with(".tar") || source.contains(".tar.") || source.ends_with(".tgz") {
        return Err("the source of the COPY is a pattern, or an archive that may be unpacked".to_owned());
    }
    let tree = planner.tree;
    let node = tree.paths.find(target.trim_start_matches('/').as_bytes());
    let kind = node.and_then(|node| tree.state(node, layer)).map(|at| tree.event_at(at).kind());
    let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let inner = format!("{target}/{name}");
    let is_file_in = kind == Some(EventKind::Directory)
        && tree
            .paths
            .find(inner.trim_start_matches('/').as_bytes())
            .and_then(|node| tree.state(node, layer))
            .is_some_and(|at| at.layer == layer && tree.is_file(at));
    let target = if is_file_in && body.into { inner } else { target };
    if target.is_empty() || node.is_none() {
        return Err("the files are copied to the root".to_owned());
    }
    Ok((source.trim_start_matches("./").trim_end_matches('/').to_owned(), target))
}

/// A `COPY` that brings the very files that an earlier one brought.
pub(super) fn twice(planner: &Planner<'_>, index: usize, findings: &[usize]) -> Result<Intent, String> {
    let tree = planner.tree;
    let step = planner.step(index);
    let (Body::Copy(body), Some(layer)) = (&step.body, step.layer) else { return Err("it is not a COPY".to_owned()) };
    let files: FxHashSet<EventRef> = planner.files(findings).collect();
    let all = tree.layers[usize::from(layer)].events.iter().enumerate();
    let mut content = all.filter(|(_, event)| event.kind() != EventKind::Directory);
    if !content.all(|(index, event)| {
        event.size == 0 && event.kind() == EventKind::File || files.contains(&EventRef { layer, index: index as u32 })
    }) {
        return Err(format!(
            "{} brings other files as well; each COPY before it is a step of the build's cache",
            at(step)
        ));
    }
    let same = planner.chain[..index].iter().map(|id| planner.build.step(*id)).any(|other| match &other.body {
        Body::Copy(own) => {
            own.sources == body.sources
                && own.target == body.target
                && own.from == body.from
                && other.instruction.flag("chown") == step.instruction.flag("chown")
        }
        _ => false,
    });
    if !same {
        return Err(format!("{} brings the same files as other steps, from other places", at(step)));
    }
    let mut intent = Intent { findings: findings.to_vec(), ..Intent::default() };
    intent.changes.push(remove_instruction(planner.build, planner.chain[index]));
    intent.effect.unstored.extend(files);
    intent.message = format!("{} copies again what is there unchanged: leave it out", at(step));
    Ok(intent)
}

impl Planner<'_> {
    /// Another `COPY` of the build context that brings one of some paths of it.
    fn other_copies(&self, own: StepId, lines: &BTreeSet<String>) -> Option<String> {
        for (stage, steps) in self.build.stages.iter().enumerate() {
            for (place, step) in steps.steps.iter().enumerate() {
                let Body::Copy(body) = &step.body else {
                    // A mount without `from` is of the build context.
                    let mounts = step
                        .instruction
                        .flags
                        .iter()
                        .filter(|flag| flag.name == "mount")
                        .filter_map(|flag| flag.value.as_deref());
                    if mounts.into_iter().any(|mount| mount.contains("type=bind") && !mount.contains("from=")) {
                        return Some(at(step));
                    }
                    continue;
                };
                if (StepId { stage, step: place }) == own || body.from.is_some() {
                    continue;
                }
                let brings = body.sources.iter().any(|source| {
                    let fixed = source.split(['*', '?', '[', '$']).next().unwrap_or_default();
                    let from = crate::build::absolute("", fixed);
                    lines.iter().any(|line| {
                        let line = format!("/{}", line.trim_start_matches("**/"));
                        let open = fixed.len() < source.len() || lines.iter().any(|line| line.starts_with("**/"));
                        is_below(&line, &from) || is_below(&from, &line) || open && line.starts_with(&from)
                    })
                });
                if brings {
                    return Some(at(step));
                }
            }
        }
        None
    }

    /// A stage that copies from one of the chain's what is to go.
    pub(super) fn copied_elsewhere(&self, paths: &[String], stage: usize) -> Option<String> {
        let names = |from: &str| {
            let own = &self.build.stages[stage];
            from.eq_ignore_ascii_case(own.name.as_deref().unwrap_or("\0")) || from.parse() == Ok(stage)
        };
        self.build.stages.iter().flat_map(|stage| &stage.steps).find_map(|step| {
            let Body::Copy(body) = &step.body else { return None };
            body.from.as_deref().filter(|from| names(from))?;
            let takes = body.sources.iter().any(|source| {
                let source = crate::build::absolute("", source.split(['*', '?', '[']).next().unwrap_or_default());
                paths.iter().any(|path| is_below(path, &source) || is_below(&source, path))
            });
            takes.then(|| format!("{} copies them from that stage", at(step)))
        })
    }

    fn ignore_lines(&self, lines: &BTreeSet<String>) -> Result<Vec<Change>, String> {
        let Some(ignore) = self.ignore else {
            return Err("the build context is not at hand, so its .dockerignore is not known".to_owned());
        };
        let text = ignore.text.as_deref().unwrap_or_default();
        if text.lines().any(|line| line.trim_start().starts_with('!')) {
            return Err("the .dockerignore has exceptions (`!`), which decide by their order".to_owned());
        }
        let start = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        // A new one would be copied with the rest.
        let is_root = |source: &String| matches!(context_name(source), "" | "." | "*");
        let copies_all = self.chain.iter().any(|id| match &self.build.step(*id).body {
            Body::Copy(body) => body.from.is_none() && body.sources.iter().any(is_root),
            _ => false,
        });
        let own = (ignore.text.is_none() && copies_all).then(|| ".dockerignore\n".to_owned());
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let end = text.len();
        let change = |text| Change { file: File::Ignore, range: end..end, text };
        Ok(own.into_iter().chain([format!("{start}{lines}")]).map(change).collect())
    }
}
