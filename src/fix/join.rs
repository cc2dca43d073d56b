//! `RUN`s that become one: what is made in one and gone in another is then stored by none.

use std::collections::BTreeMap;

use super::Planner;
use super::edit::{Change, Editable, newline, whole_lines};
use super::predict::Effect;
use super::remove::has_pattern;
use super::uses::{at, changed_paths, is_below, is_indifferent, is_package_manager};
use crate::build::{Body, Joint, RunForm, Script, Simple, Step, Word};
use crate::tree::{EventKind, Tree};

/// Steps that become one `RUN`.
pub(super) struct Joined {
    pub(super) changes: Vec<Change>,
    pub(super) effect: Effect,
    /// Their lines.
    pub(super) lines: Vec<usize>,
}

/// What a script leaves behind for one that follows it in the same shell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Leaks {
    directory: bool,
    /// Names that are set; an empty one stands for any.
    variables: Vec<String>,
    /// `umask` and options other than `-e` and `-x`.
    modes: bool,
}

fn leaks(script: &Script, text: &str) -> Leaks {
    let mut found = Leaks::default();
    for segment in &script.segments {
        if segment.is_subshell(text) {
            continue;
        }
        for command in &segment.commands {
            let arguments = command.arguments();
            match command.name() {
                "cd" | "pushd" | "popd" => found.directory = true,
                "umask" | "ulimit" | "shopt" | "alias" | "trap" => found.modes = true,
                "." | "source" | "eval" => found.variables.push(String::new()),
                "export" | "unset" | "read" | "declare" | "typeset" | "readonly" => {
                    found.variables.push(String::new());
                }
                "set" => {
                    let harmless = |word: &str| matches!(word, "-e" | "-x" | "-ex" | "-xe");
                    found.modes |= !arguments.iter().all(|word| harmless(&word.text));
                }
                "" if command.words.is_empty() => found.variables.extend(command.assigns.iter().cloned()),
                _ => {}
            }
        }
    }
    found
}

/// Whether a script needs nothing but what its words name.
fn is_indifferent_script(script: &Script) -> bool {
    script.commands().all(|command| {
        let absolute = |text: &str| text.starts_with(['/', '-']);
        let mut arguments = command.arguments().iter();
        // The first argument of these is a mode or an owner.
        if matches!(command.name(), "chown" | "chmod" | "chgrp") {
            let _ = arguments.by_ref().find(|word| !word.text.starts_with('-'));
        }
        is_indifferent(command)
            && !matches!(command.name(), "cd" | "export" | "umask" | "set" | "")
            && arguments.all(|word| word.pattern.as_deref().is_some_and(absolute))
    })
}

fn matters(leaks: &Leaks, script: &Script, text: &str) -> bool {
    let indifferent = is_indifferent_script(script);
    let names = |name: &String| {
        if name.is_empty() {
            !indifferent || text.contains('$')
        } else {
            text.contains(&format!("${name}")) || text.contains(&format!("${{{name}"))
        }
    };
    !indifferent && leaks.directory
        || (!indifferent || has_pattern(text)) && leaks.modes
        || leaks.variables.iter().any(names)
}

/// A step that becomes part of the first.
struct Part<'b> {
    index: usize,
    edit: Editable<'b>,
    script: &'b Script,
    /// The script as it is in the file.
    raw: &'b str,
    wrapped: bool,
}

impl<'b> Part<'b> {
    fn of(planner: &'b Planner<'_>, index: usize) -> Result<Self, String> {
        let build = planner.build;
        let edit = Editable::of(build, planner.chain[index])?;
        let line = edit.step.instruction.line;
        if edit.form != RunForm::Lines {
            return Err(format!("the RUN of line {line} is written as a here-document"));
        }
        let script = edit.step.script().ok_or_else(|| format!("the script of the RUN of line {line} can't be read"))?;
        let start = edit.in_file(&script.segments[0].span).start;
        let raw = build.source(start..edit.end());
        Ok(Self { index, edit, script, raw, wrapped: false })
    }

    fn step(&self) -> &'b Step {
        self.edit.step
    }

    /// The shell's comment behind its last command, which can't stand in the middle of a line.
    fn tail(&self, planner: &Planner<'b>) -> &'b str {
        planner.build.source(self.edit.end()..self.step().instruction.span.end).trim().trim_start_matches(';').trim()
    }
}

/// The most `RUN`s that become one: a longer one could not be read, and would leave nothing to the build's cache.
const MOST: usize = 32;

/// Joins the `RUN`s from one step of the chain to another. `extra` are commands for the end of some of them, by step.
pub(super) fn join(
    planner: &Planner<'_>,
    first: usize,
    last: usize,
    extra: &BTreeMap<usize, Vec<String>>,
) -> Result<Joined, String> {
    let build = planner.build;
    let runs = members(planner, first, last);
    if runs.first() != Some(&first) || runs.last() != Some(&last) || runs.len() < 2 {
        return Err("the files are not made and removed by RUNs".to_owned());
    }
    if runs.len() > MOST {
        return Err(format!("{} RUNs would have to become one", runs.len()));
    }
    if planner.chain[first].stage != planner.chain[last].stage {
        return Err("the steps are in different stages".to_owned());
    }
    let mut parts = runs.iter().map(|index| Part::of(planner, *index)).collect::<Result<Vec<_>, _>>()?;
    let flags = |part: &Part<'_>| {
        part.step().instruction.flags.iter().map(|flag| build.source(flag.span.clone()).to_owned()).collect::<Vec<_>>()
    };
    if let Some(other) = parts.iter().find(|part| flags(part) != flags(&parts[0])) {
        return Err(format!("{} has other flags than {}", at(other.step()), at(parts[0].step())));
    }
    let hoisted = between(planner, first, last, &parts)?;
    wrap(&mut parts)?;
    for part in &parts {
        part.edit.goes_on()?;
        let tail = part.tail(planner);
        if !tail.is_empty() && (part.wrapped || !tail.starts_with('#') || tail.contains('\n')) {
            return Err(format!("{} ends in a way that can't be gone on from", at(part.step())));
        }
    }
    let (newline, escape) = (newline(build), build.escape);
    let indent = "    ";
    let mut changes = Vec::new();
    let mut text = String::new();
    let add_extra = |text: &mut String, index: usize| {
        // What a later one removes as well is removed once.
        let is_last = |command: &&String| {
            runs.iter().filter(|run| **run > index).all(|run| !extra.get(run).is_some_and(|own| own.contains(command)))
        };
        for command in extra.get(&index).into_iter().flatten().filter(is_last) {
            text.push_str(&format!(" {escape}{newline}{indent}&& {command}"));
        }
    };
    let head = &parts[0];
    if head.wrapped {
        let start = head.edit.in_file(&head.script.segments[0].span).start;
        changes.push(Change::new(start..start, "("));
        text.push(')');
    }
    add_extra(&mut text, first);
    // A comment becomes a line of its own; that of the first stays behind what is inserted.
    let mut comment = "";
    for part in &parts[1..] {
        let lines = whole_lines(&build.text, part.step().instruction.span.clone());
        let comments = comments_above(&build.text, lines.start);
        text.push_str(&format!(" {escape}{newline}"));
        if !comment.is_empty() {
            text.push_str(&format!("{indent}{comment}{newline}"));
        }
        comment = part.tail(planner);
        text.push_str(build.source(comments..lines.start));
        let (open, close) = if part.wrapped { ("(", ")") } else { ("", "") };
        text.push_str(&format!("{indent}&& {open}{}{close}", part.raw));
        add_extra(&mut text, part.index);
        changes.push(Change::new(comments..lines.end, ""));
    }
    let end = head.edit.end();
    match (head.tail(planner), comment) {
        ("", "") => changes.push(Change::new(end..end, text)),
        ("", comment) => changes.push(Change::new(end..end, format!("{text} {comment}"))),
        (own, comment) => {
            let text = format!(" {escape}{newline}{indent}{own}{}", text.trim_start_matches([' ', escape]));
            let text = if comment.is_empty() { text } else { format!("{text} {comment}") };
            changes.push(Change::new(end..head.step().instruction.span.end, text));
        }
    }
    if !hoisted.is_empty() {
        let start = comments_above(&build.text, whole_lines(&build.text, head.step().instruction.span.clone()).start);
        let mut moved = String::new();
        for index in hoisted {
            let lines = whole_lines(&build.text, planner.step(index).instruction.span.clone());
            let comments = comments_above(&build.text, lines.start);
            moved.push_str(build.source(comments..lines.end));
            changes.push(Change::new(comments..lines.end, ""));
        }
        changes.push(Change::new(start..start, moved));
    }
    let layers = runs.iter().filter_map(|index| planner.step(*index).layer).collect();
    let lines = runs.iter().map(|index| planner.step(*index).instruction.line).collect();
    Ok(Joined { changes, effect: Effect { joins: vec![layers], unstored: Vec::new() }, lines })
}

/// The start of the comment lines that stand directly above a line.
fn comments_above(text: &str, line: usize) -> usize {
    let mut start = line;
    while let Some(above) =
        text[..start].trim_end_matches('\n').rfind('\n').map(|at| at + 1).or((start > 0).then_some(0))
    {
        let content = text[above..start].trim();
        // Directives at the top are not about a step.
        if above == start || !content.starts_with('#') || above == 0 || text[above..start].matches('\n').count() > 1 {
            break;
        }
        start = above;
    }
    start
}

/// Puts brackets around scripts that would do something else as a part of a chain.
fn wrap(parts: &mut [Part<'_>]) -> Result<(), String> {
    let last = parts.len() - 1;
    for place in 0..parts.len() {
        let part = &parts[place];
        let own = leaks(part.script, &part.edit_text());
        let later = parts[place + 1..].iter().any(|next| matters(&own, next.script, &next.edit_text()));
        let in_chain = place == 0 || part.script.is_chain();
        // What is left of `&&` is not stopped by `set -e`.
        let stops = part.edit.sets_errexit() && !part.script.is_chain();
        let first_ends_in_or =
            place == 0 && part.script.segments.iter().any(|segment| segment.joint == Joint::Background);
        let needs = !in_chain || later || first_ends_in_or;
        if needs && stops && place < last {
            return Err(format!(
                "{} sets `-e` for several commands, and would need brackets, in which that means nothing",
                at(part.step())
            ));
        }
        // `set -e` reaches into what follows.
        if place == 0 && stops && parts[1..].iter().any(|next| !next.script.is_chain()) && !needs {
            // In brackets at the end it is in force as before; commands joined by `;` would stop where they did not.
            return Err(format!("{} sets `-e`, which would be in force for the others", at(part.step())));
        }
        parts[place].wrapped = needs;
    }
    Ok(())
}

impl Part<'_> {
    fn edit_text(&self) -> String {
        match &self.step().body {
            Body::Run(run) => run.source.text.clone(),
            _ => String::new(),
        }
    }
}

/// Checks what stands between the steps; returns the `COPY`s that have to go before the first.
fn between(planner: &Planner<'_>, first: usize, last: usize, parts: &[Part<'_>]) -> Result<Vec<usize>, String> {
    let mut hoisted = Vec::new();
    for index in first + 1..last {
        let step = planner.step(index);
        let before: Vec<&Part<'_>> = parts.iter().filter(|part| part.index < index).collect();
        let after: Vec<&Part<'_>> = parts.iter().filter(|part| part.index > index).collect();
        let indifferent = after.iter().all(|part| is_indifferent_script(part.script));
        let blocked =
            || Err(format!("{} stands between {} and {}", at(step), at(planner.step(first)), at(planner.step(last))));
        let is_behind = |run: usize| planner.step(run).keyword() == "RUN" && parts.iter().all(|part| part.index != run);
        // A `RUN` that stays behind would come after it.
        let passes_one = (first..index).any(is_behind);
        let names = |name: &str| {
            after.iter().any(|part| {
                let text = part.edit_text();
                text.contains(&format!("${name}")) || text.contains(&format!("${{{name}"))
            })
        };
        match step.keyword() {
            "RUN" | "LABEL" | "EXPOSE" | "CMD" | "ENTRYPOINT" | "MAINTAINER" | "STOPSIGNAL" | "HEALTHCHECK"
            | "ONBUILD" => {}
            "ENV" | "ARG" => {
                let set = step.instruction.arguments.text.split_whitespace();
                let named = set
                    .map(|word| word.split('=').next().unwrap_or_default())
                    .any(|name| !name.is_empty() && names(name));
                if indifferent && !named {
                    continue;
                }
                if passes_one || !can_set_before(step, &before) {
                    return blocked();
                }
                hoisted.push(index);
            }
            "WORKDIR" => {
                let next = planner.chain.get(index + 1).map(|id| &planner.build.step(*id).around.workdir);
                let same = next == Some(&step.around.workdir);
                if indifferent || same {
                    continue;
                }
                if passes_one || !before.iter().all(|part| part.script.commands().all(is_calm)) {
                    return blocked();
                }
                hoisted.push(index);
            }
            "USER" if indifferent && planner.step(first).around.is_root() => {}
            "COPY" | "ADD" => {
                // Rather below: what is copied from the build context changes often, and the build's cache ends there.
                let can_stay = indifferent && after.iter().all(|part| !touches(planner, part.step(), step));
                if can_stay || can_swap(planner, step, &after) {
                    continue;
                }
                if passes_one || !can_go_first(planner, step, &before) {
                    return blocked();
                }
                hoisted.push(index);
            }
            _ => return blocked(),
        }
    }
    Ok(hoisted)
}

/// Whether a step changes or removes what a `COPY` brought.
fn touches(planner: &Planner<'_>, step: &Step, copy: &Step) -> bool {
    let (Some(own), Some(other)) = (step.layer, copy.layer) else { return true };
    let tree = planner.tree;
    let changed = tree.layers[usize::from(own)].events.iter().map(|event| event.node);
    let mut all = changed.chain(tree.layers[usize::from(own)].removed.iter().copied());
    all.any(|node| is_content(tree, node, other))
}

/// Whether a layer has an entry other than a directory at a path.
fn is_content(tree: &Tree, node: crate::tree::NodeId, layer: u16) -> bool {
    tree.events_of(node).any(|(at, event)| at.layer == layer && event.kind() != EventKind::Directory)
}

/// A command that looks neither at the user's files nor at the directory that it runs in.
fn is_calm(command: &Simple) -> bool {
    is_package_manager(command)
        || is_indifferent(command) && command.arguments().iter().all(|word| !word.text.starts_with('.'))
}

/// Variables that package managers and the shell itself look at.
const LOOKED_AT: [&str; 12] =
    ["PATH", "HOME", "LD_", "DEBIAN_", "APT_", "LANG", "LC_", "TZ", "HTTP", "FTP", "NO_PROXY", "ALL_PROXY"];

/// Whether an `ENV` or `ARG` can stand before steps that only install packages.
fn can_set_before(step: &Step, before: &[&Part<'_>]) -> bool {
    let words = step.instruction.arguments.text.split_whitespace();
    let mut names = words.map(|word| word.split('=').next().unwrap_or_default());
    let calm = before.iter().all(|part| part.script.commands().all(is_calm));
    calm && names.all(|name| {
        let upper = name.to_ascii_uppercase();
        let named = |part: &&Part<'_>| {
            part.edit_text().contains(&format!("${name}")) || part.edit_text().contains(&format!("${{{name}"))
        };
        !LOOKED_AT.iter().any(|start| upper.starts_with(start)) && !before.iter().any(named)
    })
}

/// Whether a `COPY` can stand before steps that only install packages.
fn can_go_first(planner: &Planner<'_>, copy: &Step, before: &[&Part<'_>]) -> bool {
    // The account may be made by one of them.
    let numeric = |owner: &str| owner.chars().all(|c| c.is_ascii_digit() || c == ':');
    copy.instruction.flag("chown").is_none_or(numeric) && can_swap(planner, copy, before)
}

/// Whether a `COPY` and steps that only install packages know nothing of each other.
fn can_swap(planner: &Planner<'_>, copy: &Step, steps: &[&Part<'_>]) -> bool {
    let Body::Copy(body) = &copy.body else { return false };
    let Some(target) = body.target.as_deref().filter(|target| is_own_place(target)) else { return false };
    steps.iter().all(|part| {
        let may_mean_it = |word: &Word| {
            let text = part.step().around.expand(&word.text);
            text.contains(['$', '`']) || text.contains(target) || is_below(target, text.trim_end_matches(['/', '*']))
        };
        part.script.commands().all(|command| is_calm(command) && !command.words.iter().any(may_mean_it))
            && !touches(planner, part.step(), copy)
            && !part.edit_text().contains(target)
    })
}

/// Whether a path is neither read nor written by package managers, and not where accounts have their homes.
fn is_own_place(path: &str) -> bool {
    const SYSTEM: [&str; 10] = ["/etc", "/usr", "/var", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/home", "/root"];
    path.starts_with('/')
        && path != "/"
        && (!SYSTEM.iter().any(|system| is_below(path, system)) || is_below(path, "/usr/src"))
}

/// The `RUN`s from one step of the chain to another that become one. Those in between can stay where they are, behind it, that
/// give files of the user's own another owner or mode, if what comes later neither knows nor makes any of those.
pub(super) fn members(planner: &Planner<'_>, first: usize, last: usize) -> Vec<usize> {
    let mut runs: Vec<usize> = (first..=last).filter(|index| planner.step(*index).keyword() == "RUN").collect();
    for place in (1..runs.len().saturating_sub(1)).rev() {
        let step = planner.step(runs[place]);
        let commands = step.script().into_iter().flat_map(Script::commands);
        let Some(paths) = commands.map(|command| own_paths(command, step)).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let paths = paths.concat();
        let stays = runs[place + 1..].iter().all(|later| {
            let step = planner.step(*later);
            let is_calm = step.script().is_some_and(|script| script.commands().all(is_calm));
            is_calm && !writes_below(planner, step, &paths)
        });
        if stays && !paths.is_empty() {
            runs.remove(place);
        }
    }
    runs
}

/// The paths that a command gives another owner or mode; None when it does something else, or they are not known or the system's.
fn own_paths(command: &Simple, step: &Step) -> Option<Vec<String>> {
    if !matches!(command.name(), "chown" | "chmod" | "chgrp") || !command.redirects.is_empty() {
        return None;
    }
    // With `--reference` the first is no owner or mode.
    let is_known = |word: &Word| word.literal.is_some() && !word.text.starts_with("--reference");
    let paths = changed_paths(command, step);
    (command.arguments().iter().all(is_known) && paths.iter().all(|path| is_own_place(path))).then_some(paths)
}

/// Whether a step changes or removes something at or below one of some paths.
fn writes_below(planner: &Planner<'_>, step: &Step, paths: &[String]) -> bool {
    let Some(layer) = step.layer else { return true };
    let events = &planner.tree.layers[usize::from(layer)];
    let content = events.events.iter().filter(|event| !event.is_implied()).map(|event| event.node);
    content.chain(events.removed.iter().copied()).any(|node| {
        let path = super::remove::path_of(planner.tree, node);
        paths.iter().any(|own| is_below(&path, own))
    })
}
