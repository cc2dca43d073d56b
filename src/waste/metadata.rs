//! Fixes for files that a later step gives another owner or mode: how they get it where they come from.

use super::advice::{Advice, Step, command, step};

/// How the owner or mode is given where the files come from.
pub(super) fn metadata_fix(about: &Advice<'_>) -> String {
    let Advice { first_in, caused_by_text, first_by, .. } = about;
    if about.first_in_base {
        return format!(
            "change fewer files in `{caused_by_text}`: they are the base image's (layer {first_in}); or use a base image \
             that has them right"
        );
    }
    let words: Vec<&str> = caused_by_text.split_whitespace().collect();
    match step(first_by) {
        Step::Copy | Step::CopyFromStage => copied_with(about, &words),
        Step::Run if step(caused_by_text) == Step::Run => {
            // The later step may know names that this one does not.
            let known = is_known_in(about, about.caused_by.saturating_sub(1), first_in + 1);
            let place = argument(&words, "chown").filter(|place| !known && !is_number(words[*place]));
            let mut words = words.clone();
            let owner = place.and(about.owner).map(|(uid, gid)| format!("{uid}:{gid}"));
            if let (Some(place), Some(owner)) = (place, &owner) {
                words[place] = owner;
            }
            format!("do it where the files are written: {first_by} && {}", command(&words.join(" ")))
        }
        _ => format!(
            "change fewer files in `{caused_by_text}`, or give them their mode and owner where they come from (layer \
             {first_in})"
        ),
    }
}

/// The place of the word that a `chown` or `chmod` begins with.
fn argument(words: &[&str], tool: &str) -> Option<usize> {
    let at = words.iter().position(|word| *word == tool || word.ends_with(&format!("/{tool}")))?;
    let rest = words[at + 1..].iter().position(|word| !word.starts_with('-'))?;
    Some(at + 1 + rest)
}

/// Whether an owner is said by numbers alone, user and group.
fn is_number(owner: &str) -> bool {
    owner.split_once(':').is_some_and(|parts| {
        [parts.0, parts.1].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Whether names of users and groups are the same from before layer `from` up to layer `to`.
fn is_known_in(about: &Advice<'_>, to: u16, from: u16) -> bool {
    ["etc/passwd", "etc/group"].iter().all(|path| {
        let node = about.tree.paths.find(path.as_bytes());
        node.and_then(|node| about.tree.state(node, to)).is_some_and(|at| at.layer < from)
    })
}

/// The instruction that copies the files, with the owner and mode that the later RUN gives them.
fn copied_with(about: &Advice<'_>, words: &[&str]) -> String {
    let Advice { first_in, caused_by_text, first_by, .. } = about;
    let (mut flags, mut why) = (Vec::new(), Vec::new());
    if let Some(said) = argument(words, "chown").map(|place| words[place]) {
        let is_name =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let whole = said.split_once(':').is_some_and(|(user, group)| is_name(user) && is_name(group));
        if whole && (is_number(said) || is_known_in(about, about.caused_by, *first_in)) {
            flags.push(format!("--chown={said}"));
        } else if let Some((uid, gid)) = about.owner {
            flags.push(format!("--chown={uid}:{gid}"));
            if said.bytes().any(|byte| byte.is_ascii_alphabetic()) {
                why.push(format!("by number, as `{said}` may not be known there"));
            }
        }
    }
    let found = words.contains(&"find") || words.iter().any(|word| word.ends_with("/find"));
    // What `find` picks out has another mode than the rest.
    if let Some(said) = argument(words, "chmod").filter(|_| !found).map(|place| words[place]) {
        flags.push(format!("--chmod={said}"));
        if !said.bytes().all(|byte| byte.is_ascii_digit()) {
            why.push("with `# syntax=docker/dockerfile:1.14` or later".to_owned());
        }
    }
    if flags.is_empty() {
        return format!(
            "give them their mode and owner as they are copied: `--chmod=…` or `--chown=…` in `{first_by}` (layer \
             {first_in}), and leave them alone in `{caused_by_text}`"
        );
    }
    let why = if why.is_empty() { String::new() } else { format!("{}: ", why.join(", ")) };
    let (word, rest) = first_by.split_once(' ').unwrap_or((first_by, ""));
    // What it says of them now is said anew.
    let name = |flag: &str| flag.split_once('=').map(|(name, _)| name.to_owned());
    let is_old = |word: &&str| word.starts_with("--") && flags.iter().any(|flag| name(flag) == name(word));
    let rest = rest.split(' ').filter(|word| !is_old(word)).collect::<Vec<_>>().join(" ");
    match rest.split_once(" in ").filter(|(source, _)| source.contains(':')) {
        // The classic builder does not record what was copied, only where to.
        Some((_, to)) => format!("{why}add `{}` to the {word} into {to} (layer {first_in})", flags.join(" ")),
        None => format!("{why}{word} {} {rest}", flags.join(" ")),
    }
}
