//! Goes to a layer or a range of layers by number.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;

use super::Overlay;
use crate::tui::app::App;
use crate::tui::chrome::{Hint, frame, typing_hints};
use crate::tui::keymap::Place;
use crate::tui::keys::Key;
use crate::tui::layout::{centred, inner};
use crate::tui::line::Line;
use crate::tui::text::cut_end;

/// Asks for a layer, or for the first and last of a range.
#[derive(Debug, Default)]
struct Range {
    line: Line,
    closed: bool,
}

/// Opens the question.
pub(in crate::tui) fn range(app: &mut App) {
    if app.pair.is_none() {
        app.overlays.push(Box::new(Range::default()));
    }
}

/// Reads `5` or `2-5`. None for all else.
fn parse(text: &str) -> Option<(usize, Option<usize>)> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    match text.trim().split_once(['-', ' ', ',', ':']) {
        Some((first, last)) => Some((number(first)?, Some(number(last)?))),
        None => Some((number(text)?, None)),
    }
}

impl Range {
    fn go(&mut self, app: &mut App) {
        let last = app.layer_count().saturating_sub(1);
        let known = |layer: usize| layer <= last;
        match parse(self.line.text()) {
            Some((layer, None)) if known(layer) => {
                app.remember();
                (app.layers.cursor.at, app.layers.mark) = (layer, None);
                app.show_layer();
            }
            Some((first, Some(end))) if known(first) && known(end) => {
                app.remember();
                (app.layers.cursor.at, app.layers.mark) = (end, Some(first));
                app.show_again();
            }
            _ => return app.notify(&format!("write a layer or a range, as 3 or 2-5; the last layer is {last}")),
        }
        self.closed = true;
    }
}

impl Overlay for Range {
    fn place(&self) -> Place {
        Place::Save
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        match key.code() {
            KeyCode::Esc => self.close(),
            _ if key.is_ctrl('c') => self.close(),
            KeyCode::Enter => self.go(app),
            _ => {
                self.line.takes(key);
            }
        }
    }

    fn scroll(&mut self, _by: isize) {}

    fn paste(&mut self, _app: &mut App, text: &str) {
        self.line.paste(text);
    }

    fn fit(&mut self, _app: &mut App) {}

    fn area(&self, size: (u16, u16)) -> Rect {
        centred(size, 50, 4)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let inside = frame(app, "Layers", "", true, area, buffer);
        let width = usize::from(inside.width);
        let text = Span::styled(cut_end(self.line.text(), width.saturating_sub(2)), app.theme.title);
        let last = app.layer_count().saturating_sub(1);
        let help = format!("a layer, or a range as one change: 2-5; 0 to {last}");
        let lines = [
            Text::from(vec![Span::styled("> ", app.theme.key), text]),
            Text::styled(cut_end(&help, width), app.theme.faint),
        ];
        for (row, line) in inside.rows().zip(lines) {
            line.render(row, buffer);
        }
    }

    fn hints(&self, _app: &App) -> Vec<Hint> {
        let mut hints = typing_hints("go", "close");
        hints.remove(1);
        hints
    }

    fn typing(&self, area: Rect) -> Option<(&Line, Position)> {
        let inside = inner(area);
        Some((&self.line, Position::new(inside.x + 2, inside.y)))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn layers_and_ranges_are_read() {
        assert_eq!(parse(" 7 "), Some((7, None)));
        assert_eq!(
            [parse("2-5"), parse("2 5"), parse("5:2")],
            [Some((2, Some(5))), Some((2, Some(5))), Some((5, Some(2)))]
        );
        assert_eq!([parse(""), parse("x"), parse("-3"), parse("1-")], [None; 4]);
    }
}
