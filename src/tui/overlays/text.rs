//! Drawing rows of a file's content.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::tui::app::App;
use crate::tui::highlight::Kind;
use crate::tui::jobs::Viewed;
use crate::tui::pager::Pager;
use crate::tui::text::front;

/// Columns of the line numbers, and a blank.
pub(super) const NUMBERS: u16 = 7;

/// Draws a row of a file's content, with its number where there is room.
pub(super) fn draw_row(
    app: &App,
    pager: &Pager,
    file: &Viewed,
    row: usize,
    numbered: bool,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (line, part) = pager.row_at(row);
    if numbered && !file.content.hex && part.start == 0 {
        let number = Rect { x: area.x - NUMBERS, width: NUMBERS - 1, ..area };
        Line::styled(format!("{:>6}", line + 1), app.theme.faint).render(number, buffer);
    }
    let text = file.content.row(line);
    let part = part.start.min(text.len())..part.end.min(text.len());
    // Where lines are not wrapped, what is further left is passed over.
    let start = if pager.left > 0 { skip(&text, pager.left) } else { part.start };
    let meanings = file.meanings.get(line).map_or(&[][..], Vec::as_slice);
    let meanings = if file.content.hex { &[] } else { meanings };
    let hit = pager.hit.as_ref().filter(|hit| hit.row == line).map(|hit| hit.range.clone());
    let mut spans = Vec::new();
    let mut at = start;
    let mut room = usize::from(area.width);
    while at < part.end && room > 0 {
        let (style, end) = style_at(app, meanings, hit.as_ref(), at, part.end);
        let piece = front(text.get(at..end).unwrap_or_default(), room);
        if piece.is_empty() {
            break;
        }
        room -= piece.width();
        at += piece.len();
        spans.push(Span::styled(piece.to_owned(), style));
    }
    Line::from(spans).render(area, buffer);
    let long = file.content.text().and_then(|text| text.line(line)).is_some_and(|line| line.cut);
    if (at < part.end || long && at == text.len() && !file.content.hex) && area.width > 0 {
        let end = Rect { x: area.right() - 1, width: 1, ..area };
        Line::styled("…", app.theme.faint).render(end, buffer);
    }
}

/// How a byte is drawn, and up to where everything is drawn so.
fn style_at(
    app: &App,
    meanings: &[(Kind, Range<usize>)],
    hit: Option<&Range<usize>>,
    at: usize,
    end: usize,
) -> (Style, usize) {
    let mut end = end;
    let mut style = Style::new();
    if let Some((kind, range)) = meanings.iter().find(|(_, range)| range.end > at) {
        if range.start <= at {
            style = meaning(app, *kind);
            end = end.min(range.end);
        } else {
            end = end.min(range.start);
        }
    }
    match hit {
        Some(hit) if hit.contains(&at) => (style.patch(app.theme.found), end.min(hit.end)),
        Some(hit) if hit.start > at => (style, end.min(hit.start)),
        _ => (style, end),
    }
}

fn meaning(app: &App, kind: Kind) -> Style {
    let [keyword, text, number, comment] = app.theme.syntax;
    match kind {
        Kind::Keyword => keyword,
        Kind::Text => text,
        Kind::Number => number,
        Kind::Comment => comment,
        Kind::Name | Kind::Variable => app.theme.metadata,
        Kind::Added => app.theme.added,
        Kind::Removed => app.theme.removed,
        Kind::Plain | Kind::Punctuation => Style::new(),
    }
}

/// Where the letter after so many columns begins.
fn skip(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        if used >= columns {
            return at;
        }
        used += letter.width().unwrap_or(0);
    }
    text.len()
}
