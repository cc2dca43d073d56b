//! Names that only the screen knows. It says which there are; until it does for a kind of name, any is taken.

use super::table::nearest;
use crate::bytes::shown_text;

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

/// The names that there are; None while the screen does not say. This is the place to ask it.
fn names(what: Named) -> Option<Vec<&'static str>> {
    match what {
        Named::Theme | Named::Action | Named::Key => None,
    }
}

/// Whether there is a theme, an action or a key of that name.
pub(super) fn check(what: Named, name: &str) -> Result<(), String> {
    let Some(names) = names(what) else { return Ok(()) };
    if names.contains(&name) {
        return Ok(());
    }
    let kind = match what {
        Named::Theme => "theme",
        Named::Action => "action",
        Named::Key => "key",
    };
    let meant = nearest(name, names).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    Err(format!("there is no {kind} `{}`{meant}", shown_text(name)))
}
