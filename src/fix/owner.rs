//! Files that a later `RUN` gives another owner or mode: they get it where they are copied or made.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::edit::{Change, Editable, remove_instruction, set_flag};
use super::predict::Effect;
use super::remove::{Removal, quoted};
use super::uses::{at, changed_paths, is_below};
use super::{Intent, Planner};
use crate::build::{Body, CopyBody, Segment, Simple, Step, is_archive};
use crate::tree::{EventKind, EventRef, NodeId, Tree};

/// What a `chown` or `chmod` of the author says.
struct Said<'b> {
    place: usize,
    segment: &'b Segment,
    command: &'b Simple,
    is_owner: bool,
}

impl Said<'_> {
    /// The owner or mode, as written.
    fn value(&self) -> Option<&str> {
        self.command.arguments().iter().find(|word| !word.text.starts_with('-')).map(|word| word.text.as_str())
    }

    fn is_recursive(&self) -> bool {
        self.command.has_option('R', "--recursive")
    }

    fn places(&self, step: &Step) -> Vec<String> {
        changed_paths(self.command, step)
    }
}

/// The event that a path had before a layer.
fn before(tree: &Tree, node: NodeId, layer: u16) -> Option<EventRef> {
    layer.checked_sub(1).and_then(|below| tree.state(node, below))
}

/// One fix for all that a `RUN` changes owners and modes of.
pub(super) fn owners(planner: &Planner<'_>, caused_by: u16, findings: &[usize]) -> Result<Intent, String> {
    let tree = planner.tree;
    let index = planner.index_of(caused_by).ok_or("the step that changes them is not in the Dockerfile")?;
    let step = planner.step(index);
    if step.keyword() != "RUN" {
        return Err(format!("{} changes them, which is not a RUN", at(step)));
    }
    let own = Editable::of(planner.build, planner.chain[index])?;
    let mut said = Vec::new();
    for (place, segment) in own.segments.iter().enumerate() {
        for command in &segment.commands {
            let is_owner = matches!(command.name(), "chown" | "chgrp");
            if is_owner || command.name() == "chmod" {
                if !segment.is_plain {
                    return Err(format!("the `{}` of {} is part of a larger command", command.name(), at(step)));
                }
                said.push(Said { place, segment, command, is_owner });
            }
        }
    }
    let (chowns, chmods): (Vec<_>, Vec<_>) = said.into_iter().partition(|said| said.is_owner);
    if chowns.len() > 1 || chmods.len() > 1 || chowns.is_empty() && chmods.is_empty() {
        return Err(format!("it can't be told which command of {} changes what", at(step)));
    }
    let files: Vec<EventRef> = planner.files(findings).collect();
    let mut origins: BTreeMap<u16, Vec<EventRef>> = BTreeMap::new();
    for file in &files {
        let old = before(tree, tree.event_at(*file).node, caused_by).ok_or("what they were before is not known")?;
        origins.entry(old.layer).or_default().push(*file);
    }
    let mut intent = Intent { findings: findings.to_vec(), ..Intent::default() };
    let mut covered: FxHashSet<NodeId> = FxHashSet::default();
    let mut copies = Vec::new();
    let mut parents: BTreeMap<(u32, u32), Vec<String>> = BTreeMap::new();
    for (layer, files) in &origins {
        let Some(origin) = planner.index_of(*layer) else {
            return Err("some of the files are the base image's".to_owned());
        };
        quiet_between(planner, origin, index, (*layer, !chowns.is_empty()))?;
        match &planner.step(origin).body {
            Body::Copy(_) => {
                let is_given_owner = copied(
                    planner,
                    origin,
                    *layer,
                    caused_by,
                    (chowns.first(), chmods.first()),
                    &mut covered,
                    &mut intent,
                )?;
                copies.push(planner.step(origin).instruction.line.to_string());
                if is_given_owner {
                    parents_made(planner, origin, *layer, &mut parents);
                }
            }
            Body::Run(_) => {
                made(planner, origin, *layer, files, chowns.first(), chmods.first(), &mut covered, &mut intent)?
            }
            _ => return Err(format!("{} makes some of them", at(planner.step(origin)))),
        }
    }
    // Directories store no content: they are still changed here, without going down.
    let layer = &tree.layers[usize::from(caused_by)];
    let mut folders: Vec<String> = Vec::new();
    let places: Vec<String> = chowns.iter().chain(&chmods).flat_map(|said| said.places(step)).collect();
    for event in layer.events.iter().filter(|event| !covered.contains(&event.node)) {
        let path = super::remove::path_of(tree, event.node);
        if !places.iter().any(|place| place.contains('$') || is_below(&path, place)) {
            continue;
        }
        let now = tree.state(event.node, caused_by).ok_or("a path is gone")?;
        let Some(old) = before(tree, event.node, caused_by) else {
            let is = tree.attributes(tree.stands_for(now));
            // What the RUN makes itself may need the command, too.
            let is_changed = !chmods.is_empty() || (is.uid, is.gid) != (0, 0);
            if is_changed && !event.is_implied() {
                return Err(format!("{} also makes {path}, which it gives an owner or mode", at(step)));
            }
            continue;
        };
        if tree.same_attributes(old, now) {
            continue;
        }
        match event.kind() {
            EventKind::Directory => folders.push(path),
            EventKind::File if event.size > 0 => return Err(format!("{path} would be stored again all the same")),
            _ => return Err(format!("{path} would keep its owner or mode")),
        }
    }
    let reaches = |said: &Said<'_>| {
        let places = said.places(step);
        let is_reached = |folder: &&String| places.iter().any(|place| is_below(folder, place));
        folders.iter().filter(is_reached).cloned().collect::<Vec<_>>()
    };
    for paths in parents.values_mut() {
        paths.retain(|path| !folders.contains(path));
    }
    parents.retain(|_, paths| !paths.is_empty());
    for said in chowns.iter().chain(&chmods) {
        let left = if said.is_recursive() { reaches(said) } else { folders.clone() };
        if left.len() > 6 {
            return Err(format!("{} directories would keep their owner or mode", left.len()));
        }
        let back = if said.is_owner { std::mem::take(&mut parents) } else { BTreeMap::new() };
        let back = back.iter().map(|((uid, gid), paths)| {
            let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
            format!("chown {uid}:{gid} {}", paths.join(" "))
        });
        let mut commands: Vec<String> = back.collect();
        if left.is_empty() && commands.is_empty() {
            let change = own.without(planner.build, planner.chain[index], said.place);
            intent
                .changes
                .push(change.ok_or_else(|| {
                    format!("the `{}` of {} can't be taken out alone", said.command.name(), at(step))
                })?);
            continue;
        }
        let value = said.value().unwrap_or_default();
        if !left.is_empty() {
            let left: Vec<String> = left.iter().map(|path| quoted(path)).collect();
            commands.push(format!("{} {value} {}", said.command.words[0].text, left.join(" ")));
        }
        intent.changes.push(Change::new(own.in_file(&said.segment.span), commands.join(" && ")));
    }
    if own.segments.len() == 2 && intent.changes.iter().filter(|change| change.text.is_empty()).count() == 2 {
        intent.changes.retain(|change| !change.text.is_empty());
        intent.changes.push(remove_instruction(planner.build, planner.chain[index]));
    }
    intent.effect = Effect { joins: Vec::new(), unstored: files };
    let what = match (chowns.is_empty(), chmods.is_empty()) {
        (false, true) => "owner",
        (true, false) => "mode",
        _ => "owner and mode",
    };
    let place = if copies.is_empty() {
        "where they are made".to_owned()
    } else {
        format!("where they are copied (line {})", copies.join(", "))
    };
    intent.message = format!("{} stores files again for another {what}: give it to them {place}", at(step));
    Ok(intent)
}

/// Directories that a `COPY --chown` makes on the way to its target get that owner as well: by the owner that they have to get back.
fn parents_made(planner: &Planner<'_>, origin: usize, layer: u16, parents: &mut BTreeMap<(u32, u32), Vec<String>>) {
    let tree = planner.tree;
    let step = planner.step(origin);
    let Body::Copy(CopyBody { target: Some(target), .. }) = &step.body else { return };
    for event in &tree.layers[usize::from(layer)].events {
        let path = super::remove::path_of(tree, event.node);
        let leads_there = event.kind() == EventKind::Directory && path != *target && is_below(target, &path);
        if !leads_there || event.is_implied() || before(tree, event.node, layer).is_some() {
            continue;
        }
        if let Some(now) = tree.state(event.node, layer) {
            let is = tree.attributes(tree.stands_for(now));
            parents.entry((is.uid, is.gid)).or_default().push(path);
        }
    }
}

/// No step in between may see the difference.
fn quiet_between(
    planner: &Planner<'_>,
    origin: usize,
    index: usize,
    (layer, changes_owner): (u16, bool),
) -> Result<(), String> {
    let tree = planner.tree;
    let between = || (origin + 1..index).map(|index| planner.step(index)).filter(|step| step.keyword() == "RUN");
    if let Some(step) = between().find(|step| !step.around.is_root()) {
        return Err(format!("{} runs as another user, for whom owners and modes matter", at(step)));
    }
    // git refuses a directory that belongs to someone else.
    let has_git = tree.layers[usize::from(layer)].events.iter().any(|event| tree.paths.name(event.node) == b".git");
    if let Some(step) = between().next().filter(|_| has_git && changes_owner) {
        return Err(format!("git would refuse the directory in {}, when it belongs to another user", at(step)));
    }
    Ok(())
}

type Pair<'s, 'b> = (Option<&'s Said<'b>>, Option<&'s Said<'b>>);

/// Flags for a `COPY` whose files get another owner or mode. Whether it gets one for the owner.
fn copied(
    planner: &Planner<'_>,
    origin: usize,
    layer: u16,
    caused_by: u16,
    (chown, chmod): Pair<'_, '_>,
    covered: &mut FxHashSet<NodeId>,
    intent: &mut Intent,
) -> Result<bool, String> {
    let tree = planner.tree;
    let step = planner.step(origin);
    let Body::Copy(body) = &step.body else { return Err("it is not a COPY".to_owned()) };
    // The owner and mode of a flag are not those of what an archive holds.
    if step.keyword() == "ADD" && body.sources.iter().any(|source| is_archive(source)) {
        return Err(format!(
            "{} unpacks an archive, whose files keep the owner and mode that they have in it",
            at(step)
        ));
    }
    let target = body.target.clone().ok_or("where the files are copied to is not known")?;
    let mut owners: FxHashSet<(u32, u32)> = FxHashSet::default();
    let mut modes: FxHashSet<u16> = FxHashSet::default();
    let mut changed_owner = false;
    let mut changed_mode = false;
    for (place, event) in tree.layers[usize::from(layer)].events.iter().enumerate() {
        let path = super::remove::path_of(tree, event.node);
        // What leads to the target is made on the way.
        let is_inside = is_below(&path, &target) && (path != target || event.kind() != EventKind::Directory);
        let old = EventRef { layer, index: place as u32 };
        let same = before(tree, event.node, caused_by) == Some(old)
            || tree.state(event.node, layer) == Some(old) && event.until >= caused_by;
        if !is_inside || event.is_implied() || !same {
            continue;
        }
        let Some(now) = tree.state(event.node, caused_by) else { continue };
        let (was, is) = (tree.attributes(tree.stands_for(old)), tree.attributes(tree.stands_for(now)));
        changed_owner |= (was.uid, was.gid) != (is.uid, is.gid);
        owners.insert((is.uid, is.gid));
        if event.kind() != EventKind::Symlink {
            changed_mode |= was.mode != is.mode;
            modes.insert(is.mode);
        }
        covered.insert(event.node);
    }
    if changed_owner {
        let (uid, gid) = match owners.iter().collect::<Vec<_>>()[..] {
            [owner] => *owner,
            _ => return Err(format!("{} copies files of which only some get another owner", at(step))),
        };
        let said = chown.and_then(Said::value).filter(|said| is_known(planner, said, origin, layer, (uid, gid)));
        let value = said.map_or_else(|| format!("{uid}:{gid}"), str::to_owned);
        intent.changes.push(set_flag(step, "chown", &value));
    }
    if changed_mode {
        let [mode] = modes.iter().copied().collect::<Vec<_>>()[..] else {
            return Err(format!(
                "{} copies files that get different modes; set the modes in the build context",
                at(step)
            ));
        };
        let _ = chmod;
        if !planner.is_buildkit {
            return Err(
                "the classic builder has no `COPY --chmod`; set the mode in the build context, or build with BuildKit"
                    .to_owned(),
            );
        }
        intent.changes.push(set_flag(step, "chmod", &format!("{mode:o}")));
        intent.needs = Some("BuildKit, for `COPY --chmod`".to_owned());
    }
    Ok(changed_owner)
}

/// Whether an owner can be written as its author did: user and group, known before the files are copied.
fn is_known(planner: &Planner<'_>, said: &str, origin: usize, layer: u16, owner: (u32, u32)) -> bool {
    let Some((user, group)) = said.split_once(':') else { return false };
    let number = |part: &str| part.parse::<u32>().ok();
    if let (Some(user), Some(group)) = (number(user), number(group)) {
        return (user, group) == owner;
    }
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let tree = planner.tree;
    let early = ["etc/passwd", "etc/group"].iter().all(|path| {
        let node = tree.paths.find(path.as_bytes());
        let last = node.and_then(|node| tree.state(node, tree.top().unwrap_or_default()));
        last.is_some_and(|at| at.layer < layer)
    });
    let _ = origin;
    plain(user) && plain(group) && early
}

/// Files of a `RUN`: the command goes to its end, for what it alone made.
#[allow(clippy::too_many_arguments, reason = "each is another part of the same finding")]
fn made(
    planner: &Planner<'_>,
    origin: usize,
    layer: u16,
    files: &[EventRef],
    chown: Option<&Said<'_>>,
    chmod: Option<&Said<'_>>,
    covered: &mut FxHashSet<NodeId>,
    intent: &mut Intent,
) -> Result<(), String> {
    let tree = planner.tree;
    let editable = Editable::of(planner.build, planner.chain[origin])?;
    editable.goes_on()?;
    if chmod.is_some() {
        return Err(format!(
            "{} makes files whose mode changes later; they may need different ones",
            at(editable.step)
        ));
    }
    let chown = chown.ok_or("there is no `chown`")?;
    let old: Vec<EventRef> =
        files.iter().filter_map(|file| before(tree, tree.event_at(*file).node, files[0].layer)).collect();
    let attributes = |file: &EventRef| (tree.attributes(*file).uid, tree.attributes(*file).gid);
    let owner = attributes(&files[0]);
    if files.iter().any(|file| attributes(file) != owner) {
        return Err(format!("{} makes files that get different owners", at(editable.step)));
    }
    let (arguments, tops) =
        Removal::new(tree, layer, old.iter().copied()).arguments(None).ok_or("they lie in too many places to name")?;
    // Everything below has to get that owner.
    let caused_by = files[0].layer;
    let mut stack = tops.clone();
    while let Some(node) = stack.pop() {
        let Some(now) = tree.state(node, caused_by) else { return Err("some of them are gone by then".to_owned()) };
        let is = tree.attributes(tree.stands_for(now));
        if (is.uid, is.gid) != owner {
            return Err(format!("{} makes files of which only some get another owner", at(editable.step)));
        }
        covered.insert(node);
        stack.extend(tree.entries(node, layer).map(|(node, _)| node));
    }
    let _ = chown;
    let command = format!("chown -R {}:{} {}", owner.0, owner.1, arguments.join(" "));
    intent.changes.push(editable.append(planner.build, &command)?);
    Ok(())
}
