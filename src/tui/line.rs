use crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

use super::keys::Key;
use crate::bytes::shown_text;

/// A line that is being typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    input: Input,
}

/// The longest text that a line takes.
const LONGEST: usize = 4096;

impl Line {
    pub(super) fn text(&self) -> &str {
        self.input.value()
    }

    /// Columns before the cursor.
    pub(super) fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// Takes a key that edits; false for one that does something else.
    pub(super) fn takes(&mut self, key: Key) -> bool {
        let request = match key.code() {
            KeyCode::Backspace if key == Key::plain(KeyCode::Backspace) => InputRequest::DeletePrevChar,
            KeyCode::Delete => InputRequest::DeleteNextChar,
            KeyCode::Left => InputRequest::GoToPrevChar,
            KeyCode::Right => InputRequest::GoToNextChar,
            KeyCode::Home => InputRequest::GoToStart,
            KeyCode::End => InputRequest::GoToEnd,
            _ if key.is_ctrl('w') => InputRequest::DeletePrevWord,
            _ if key.is_ctrl('u') => InputRequest::DeleteLine,
            _ if key.is_ctrl('k') => InputRequest::DeleteTillEnd,
            _ if key.is_ctrl('a') => InputRequest::GoToStart,
            _ if key.is_ctrl('e') => InputRequest::GoToEnd,
            _ => match key.letter() {
                Some(letter) if self.text().len() < LONGEST => InputRequest::InsertChar(letter),
                _ => return false,
            },
        };
        self.input.handle(request);
        true
    }

    /// Takes pasted text: one line of it, made harmless. Terminals send the ends of lines as carriage returns.
    pub(super) fn paste(&mut self, text: &str) {
        let line = text.split(['\r', '\n']).find(|line| !line.is_empty()).unwrap_or_default();
        for letter in shown_text(line).chars().take(LONGEST.saturating_sub(self.text().len())) {
            self.input.handle(InputRequest::InsertChar(letter));
        }
    }
}
