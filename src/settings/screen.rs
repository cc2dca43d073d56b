//! Names that only the screen knows: themes, actions, keys. It is asked here, and nowhere else.

use super::file::KeyBinding;
use super::origin::Problem;
use super::table::nearest;
use crate::bytes::shown_text;
use crate::tui::{Keymap, Theme};

/// Whether there is a theme of that name.
pub(super) fn check_theme(name: &str) -> Result<(), String> {
    if name == Theme::AUTO || Theme::named(name).is_some() {
        return Ok(());
    }
    let meant = nearest(name, std::iter::once(Theme::AUTO).chain(Theme::NAMES.iter().copied()))
        .map(|meant| format!("; did you mean {meant}?"));
    let meant = meant.unwrap_or_else(|| format!("; there are {}", Theme::NAMES.join(", ")));
    Err(format!("there is no theme `{}`{meant}", shown_text(name)))
}

/// Whether files can be sorted like that.
pub(super) fn check_sort(name: &str) -> Result<(), String> {
    match crate::tui::sort_named(name) {
        Some(_) => Ok(()),
        None => Err(format!("`{}` is not an order; write size, change or name", shown_text(name))),
    }
}

/// Why actions can't have these keys: each line by itself, then those that are right against each other.
pub(super) fn check_keys(bindings: &[KeyBinding]) -> Vec<Problem> {
    let change = |binding: &KeyBinding| (binding.action.clone(), binding.keys.clone());
    let fails = |some: &[&KeyBinding]| {
        let changes: Vec<_> = some.iter().map(|binding| change(binding)).collect();
        let error = Keymap::with(changes.iter().map(|(action, keys)| (action.as_str(), keys.clone()))).err()?;
        let origin = some.iter().find(|binding| binding.action == error.action).map(|binding| &binding.origin);
        Some(Problem::new(origin.map(ToString::to_string).unwrap_or_default(), shown_text(&error.to_string())))
    };
    let (mut problems, mut right) = (Vec::new(), Vec::new());
    for binding in bindings {
        match fails(&[binding]) {
            Some(problem) => problems.push(problem),
            None => right.push(binding),
        }
    }
    problems.extend(fails(&right));
    problems
}
