//! Every key, once: handling, footer and help all read this table.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table says it in words")]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    LayersScreen,
    WasteScreen,
    SwitchPane,
    Fold,
    Into,
    OutOf,
    AllFiles,
    MarkLayer,
    Help,
    Quit,
    Suspend,
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Keys that do it.
    pub keys: &'static [(KeyModifiers, KeyCode)],
    /// What they do.
    pub action: Action,
    /// How the keys are called.
    pub label: &'static str,
    /// In words.
    pub help: &'static str,
    /// In one word, for the footer; None where there is no room for it.
    pub hint: Option<&'static str>,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

/// All keys.
pub const BINDINGS: &[Binding] = &[
    Binding {
        keys: &[(NONE, KeyCode::Up), (NONE, KeyCode::Char('k'))],
        action: Action::Up,
        label: "↑ k",
        help: "the row above",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::Down), (NONE, KeyCode::Char('j'))],
        action: Action::Down,
        label: "↓ j",
        help: "the row below",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::PageUp), (CTRL, KeyCode::Char('b')), (CTRL, KeyCode::Char('u'))],
        action: Action::PageUp,
        label: "PgUp ^b",
        help: "a page up",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::PageDown), (CTRL, KeyCode::Char('f')), (CTRL, KeyCode::Char('d'))],
        action: Action::PageDown,
        label: "PgDn ^f",
        help: "a page down",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::Home), (NONE, KeyCode::Char('g'))],
        action: Action::First,
        label: "Home g",
        help: "the first row",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::End), (NONE, KeyCode::Char('G'))],
        action: Action::Last,
        label: "End G",
        help: "the last row",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::Char('1'))],
        action: Action::LayersScreen,
        label: "1",
        help: "the layers and their files",
        hint: Some("layers"),
    },
    Binding {
        keys: &[(NONE, KeyCode::Char('2')), (NONE, KeyCode::Char('w'))],
        action: Action::WasteScreen,
        label: "2 w",
        help: "what is wasted, and what to change",
        hint: Some("waste"),
    },
    Binding {
        keys: &[(NONE, KeyCode::Tab), (NONE, KeyCode::BackTab)],
        action: Action::SwitchPane,
        label: "Tab",
        help: "from layers to files and back",
        hint: Some("pane"),
    },
    Binding {
        keys: &[(NONE, KeyCode::Char(' ')), (NONE, KeyCode::Enter)],
        action: Action::Fold,
        label: "Space Enter",
        help: "fold or unfold the folder; from waste to its path in the files",
        hint: Some("fold/open"),
    },
    Binding {
        keys: &[(NONE, KeyCode::Right), (NONE, KeyCode::Char('l'))],
        action: Action::Into,
        label: "→ l",
        help: "into the files, or unfold the folder",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::Left), (NONE, KeyCode::Char('h'))],
        action: Action::OutOf,
        label: "← h",
        help: "fold the folder, go to its parent, or back to the layers",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::Char('a'))],
        action: Action::AllFiles,
        label: "a",
        help: "all files after the layer, or only its changes",
        hint: Some("all/changes"),
    },
    Binding {
        keys: &[(NONE, KeyCode::Char('m'))],
        action: Action::MarkLayer,
        label: "m",
        help: "mark a layer: all up to the selected one is shown as one",
        hint: None,
    },
    Binding {
        keys: &[(NONE, KeyCode::Char('?')), (NONE, KeyCode::F(1))],
        action: Action::Help,
        label: "?",
        help: "show or hide this help",
        hint: Some("help"),
    },
    Binding {
        keys: &[(NONE, KeyCode::Char('q')), (CTRL, KeyCode::Char('c')), (NONE, KeyCode::Esc)],
        action: Action::Quit,
        label: "q Esc",
        help: "quit, or close this help",
        hint: Some("quit"),
    },
    Binding {
        keys: &[(CTRL, KeyCode::Char('z'))],
        action: Action::Suspend,
        label: "^z",
        help: "put it aside; `fg` brings it back",
        hint: None,
    },
];

/// What a key does; None for keys that do nothing.
pub(super) fn action(key: KeyEvent) -> Option<Action> {
    // Terminals differ in whether they report Shift with a capital letter.
    let modifiers = key.modifiers & !KeyModifiers::SHIFT;
    BINDINGS.iter().find(|binding| binding.keys.contains(&(modifiers, key.code))).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_share_a_key() {
        for (place, binding) in BINDINGS.iter().enumerate() {
            for other in &BINDINGS[place + 1..] {
                assert_ne!(binding.action, other.action);
                assert!(binding.keys.iter().all(|key| !other.keys.contains(key)), "{:?}", other.action);
            }
        }
    }
}
