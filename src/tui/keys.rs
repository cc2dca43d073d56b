//! Keys and how they are written: `q`, `ctrl+p`, `shift+tab`, `pgdn`, `f1`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key, and the modifiers that are held down with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    modifiers: KeyModifiers,
    code: KeyCode,
}

/// Names of keys that are not letters: as settings write them, and as they are shown.
const NAMES: &[(&str, &str, KeyCode)] = &[
    ("up", "↑", KeyCode::Up),
    ("down", "↓", KeyCode::Down),
    ("left", "←", KeyCode::Left),
    ("right", "→", KeyCode::Right),
    ("pgup", "PgUp", KeyCode::PageUp),
    ("pgdn", "PgDn", KeyCode::PageDown),
    ("home", "Home", KeyCode::Home),
    ("end", "End", KeyCode::End),
    ("enter", "Enter", KeyCode::Enter),
    ("space", "Space", KeyCode::Char(' ')),
    ("tab", "Tab", KeyCode::Tab),
    ("backtab", "⇧Tab", KeyCode::BackTab),
    ("backspace", "⌫", KeyCode::Backspace),
    ("delete", "Del", KeyCode::Delete),
    ("insert", "Ins", KeyCode::Insert),
    ("esc", "Esc", KeyCode::Esc),
];

impl Key {
    /// The key of an event.
    pub(super) fn of(event: KeyEvent) -> Self {
        // Terminals differ in whether they report Shift with a capital letter, or with the back tab.
        let modifiers = match event.code {
            KeyCode::Char(_) | KeyCode::BackTab => event.modifiers - KeyModifiers::SHIFT,
            _ => event.modifiers,
        };
        Self { modifiers, code: event.code }
    }

    /// A key without modifiers.
    pub(super) fn plain(code: KeyCode) -> Self {
        Self { modifiers: KeyModifiers::NONE, code }
    }

    /// The letter of a key without modifiers.
    pub(super) fn letter(self) -> Option<char> {
        match self.code {
            KeyCode::Char(letter) if (self.modifiers - KeyModifiers::SHIFT).is_empty() => Some(letter),
            _ => None,
        }
    }

    pub(super) fn code(self) -> KeyCode {
        self.code
    }

    pub(super) fn is_ctrl(self, letter: char) -> bool {
        self == Self { modifiers: KeyModifiers::CONTROL, code: KeyCode::Char(letter) }
    }

    /// Reads a key as settings write it.
    ///
    /// # Errors
    /// What is wrong with it, and what keys look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<_> = NAMES.iter().map(|(name, ..)| *name).collect();
            format!(
                "`{text}` is not a key; write a letter, f1 to f12 or one of {}, with ctrl+, alt+ or shift+ before it",
                names.join(", ")
            )
        };
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((held, key)) = rest.split_once('+').filter(|(held, key)| !held.is_empty() && !key.is_empty()) {
            modifiers |= match held.to_ascii_lowercase().as_str() {
                "ctrl" | "control" | "c" => KeyModifiers::CONTROL,
                "alt" | "meta" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                _ => return Err(wrong()),
            };
            rest = key;
        }
        let lower = rest.to_ascii_lowercase();
        let named = NAMES.iter().find(|(name, ..)| *name == lower).map(|(.., code)| *code);
        let function = || lower.strip_prefix('f')?.parse().ok().filter(|n| (1..=12).contains(n)).map(KeyCode::F);
        let mut letters = rest.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(letter), None) if !letter.is_control() => KeyCode::Char(letter),
            _ => named.or_else(function).ok_or_else(wrong)?,
        };
        let shifted = modifiers.contains(KeyModifiers::SHIFT);
        let (modifiers, code) = match code {
            KeyCode::Tab if shifted => (modifiers - KeyModifiers::SHIFT, KeyCode::BackTab),
            KeyCode::Char(letter) if shifted && letter != ' ' => {
                (modifiers - KeyModifiers::SHIFT, KeyCode::Char(letter.to_ascii_uppercase()))
            }
            code => (modifiers, code),
        };
        Ok(Self { modifiers, code })
    }

    /// As it is shown: `↑`, `^p`, `PgDn`.
    pub fn label(self) -> String {
        let name = match self.code {
            KeyCode::F(number) => format!("F{number}"),
            code => NAMES.iter().find(|(.., known)| *known == code).map_or_else(
                || if let KeyCode::Char(letter) = code { letter.to_string() } else { String::new() },
                |(_, shown, _)| (*shown).to_owned(),
            ),
        };
        let held = [(KeyModifiers::CONTROL, "^"), (KeyModifiers::ALT, "⌥"), (KeyModifiers::SHIFT, "⇧")];
        let held = held.iter().filter(|(held, _)| self.modifiers.contains(*held)).map(|(_, sign)| *sign);
        held.collect::<String>() + &name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_shown() {
        for (text, label) in [
            ("q", "q"),
            ("G", "G"),
            ("shift+g", "G"),
            ("ctrl+p", "^p"),
            ("Ctrl+Space", "^Space"),
            ("shift+tab", "⇧Tab"),
            ("pgdn", "PgDn"),
            ("f1", "F1"),
            ("+", "+"),
            ("ctrl++", "^+"),
            ("alt+x", "⌥x"),
        ] {
            assert_eq!(Key::parse(text).map(Key::label), Ok(label.to_owned()), "{text}");
        }
        for text in ["", "ctrl+", "hyper+x", "pagedown", "f13", "qq"] {
            assert!(Key::parse(text).is_err_and(|error| error.contains("is not a key")), "{text}");
        }
    }
}
