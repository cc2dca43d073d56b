//! What can be copied where the cursor is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::{Overlay, act_alike};
use crate::bytes::shown_text;
use crate::tui::app::{App, Effect};
use crate::tui::chrome::{Hint, frame, select, typing_hints};
use crate::tui::cursor::Cursor;
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{centred, inner};
use crate::tui::text::cut_end;

/// What can be copied: a name for it, and the text.
#[derive(Debug)]
struct Copy {
    items: Vec<(&'static str, String)>,
    cursor: Cursor,
    closed: bool,
}

/// Offers what can be copied here; a single thing is copied at once.
pub(in crate::tui) fn offer_copies(app: &mut App) {
    let items = app.screen.view().copies(app);
    offer(app, items);
}

/// Offers texts to copy.
pub(super) fn offer(app: &mut App, mut items: Vec<(&'static str, String)>) {
    match items.len() {
        0 => app.notify("there is nothing to copy here"),
        1 => {
            let (what, text) = items.remove(0);
            copy(app, what, &text);
        }
        _ => app.overlays.push(Box::new(Copy { items, cursor: Cursor::default(), closed: false })),
    }
}

/// Hands text to the terminal's clipboard.
fn copy(app: &mut App, what: &str, text: &str) {
    app.notify(&format!("copied the {what}, if the terminal supports it (OSC 52)"));
    // It may be pasted into a shell. Here-documents and diffs are nothing without their lines.
    let lines = matches!(what, "fix" | "diff");
    let text = if lines { text.split('\n').map(shown_text).collect::<Vec<_>>().join("\n") } else { shown_text(text) };
    app.effect(Effect::Copy(text));
}

fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => shown_text(first) + " …",
        None => shown_text(text),
    }
}

impl Copy {
    fn copy_selected(&mut self, app: &mut App) {
        if let Some((what, text)) = self.items.get(self.cursor.at) {
            copy(app, what, text);
        }
        self.closed = true;
    }
}

impl Overlay for Copy {
    fn place(&self) -> Place {
        Place::Copy
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let digit = key.letter().and_then(|letter| letter.to_digit(10)).map(|digit| digit as usize);
        if let Some(digit) = digit.filter(|digit| (1..=self.items.len()).contains(digit)) {
            self.cursor.at = digit - 1;
            return self.copy_selected(app);
        }
        let action = app.keys.action(Place::Copy, key);
        match action {
            Some(Action::Up) => self.cursor.step(-1, self.items.len()),
            Some(Action::Down) => self.cursor.step(1, self.items.len()),
            Some(Action::Open | Action::Copy | Action::Right) => self.copy_selected(app),
            Some(Action::Left) => self.close(),
            _ => {
                act_alike(self, app, action);
            }
        }
    }

    fn click(&mut self, app: &mut App, area: Rect, at: Position) {
        let row = usize::from(at.y.saturating_sub(inner(area).y));
        if inner(area).contains(at) && row < self.items.len() {
            self.cursor.at = row;
            self.copy_selected(app);
        }
    }

    fn scroll(&mut self, by: isize) {
        self.cursor.step(by.signum(), self.items.len());
    }

    fn fit(&mut self, _app: &mut App) {
        self.cursor.follow(self.items.len(), self.items.len());
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        centred(size, 100, self.items.len() as u16 + 2)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let inside = frame(app, "Copy", "", true, area, buffer);
        let names = self.items.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        for ((place, (name, text)), row) in self.items.iter().enumerate().zip(inside.rows()) {
            let gap = " ".repeat(names - name.width() + 2);
            let room = usize::from(row.width).saturating_sub(names + 4);
            let spans = vec![
                Span::styled(format!("{} ", place + 1), app.theme.key),
                Span::styled(format!("{name}{gap}"), app.theme.faint),
                Span::raw(cut_end(&first_line(text), room)),
            ];
            Line::from(spans).render(row, buffer);
            if place == self.cursor.at {
                select(app, true, row, None, buffer);
            }
        }
    }

    fn hints(&self, _app: &App) -> Vec<Hint> {
        typing_hints("copy", "close")
    }
}
