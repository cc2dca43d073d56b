//! Names of the screen in settings: themes, actions, keys. The screen says which there are.

use super::table::nearest;
use crate::bytes::shown_text;
use crate::tui::{Action, Key, Theme};

/// What a name of the screen is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A theme.
    Theme,
    /// An action that keys can be bound to.
    Action,
    /// A key.
    Key,
}

/// Whether there is a theme, an action or a key of that name.
pub(super) fn check(what: Named, name: &str) -> Result<(), String> {
    let (kind, names): (_, Vec<&str>) = match what {
        Named::Theme if Theme::named(name).is_some() => return Ok(()),
        Named::Theme => ("theme", Theme::NAMES.to_vec()),
        Named::Action => ("action", Action::ALL.iter().map(|action| action.name()).collect()),
        Named::Key => return Key::parse(name).map(|_| ()).map_err(|error| shown_text(&error)),
    };
    if names.contains(&name) {
        return Ok(());
    }
    let meant = nearest(name, names).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    Err(format!("there is no {kind} `{}`{meant}", shown_text(name)))
}
