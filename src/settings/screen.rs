//! Names that only the screen knows: themes, actions, keys. It is asked here, and nowhere else.

use super::file::KeyBinding;
use super::origin::Problem;
use super::table::nearest;
use crate::bytes::shown_text;
use crate::tui::{Keymap, Theme};

/// Whether there is a theme of that name.
pub(super) fn check_theme(name: &str) -> Result<(), String> {
    if Theme::named(name).is_some() {
        return Ok(());
    }
    let meant = nearest(name, Theme::NAMES.iter().copied()).map(|meant| format!("; did you mean {meant}?"));
    let meant = meant.unwrap_or_else(|| format!("; there are {}", Theme::NAMES.join(", ")));
    Err(format!("there is no theme `{}`{meant}", shown_text(name)))
}

/// Whether actions can have these keys.
pub(super) fn check_keys(bindings: &[KeyBinding]) -> Result<(), Problem> {
    let changes = bindings.iter().map(|binding| (binding.action.as_str(), binding.keys.clone()));
    let Err(error) = Keymap::with(changes) else { return Ok(()) };
    let origin =
        bindings.iter().find(|binding| binding.action == error.action).map(|binding| binding.origin.to_string());
    Err(Problem::new(origin.unwrap_or_default(), shown_text(&error.to_string())))
}
