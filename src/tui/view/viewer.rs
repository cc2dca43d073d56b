use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::frame::noted_pane;
use super::inner;
use super::layers::NO_HISTORY;
use crate::bytes::shown_text;
use crate::report::{bytes, exact};
use crate::tui::app::App;
use crate::tui::highlight::Kind;
use crate::tui::pair::Pair;
use crate::tui::text::{cut_end, cut_middle, front, wrap};
use crate::tui::viewer::{State, Viewed, Viewer, versions};
use crate::tui::work::path_of;

/// Columns of the line numbers, and a blank.
const NUMBERS: u16 = 7;

/// Where the content is: in the frame, beside the numbers, above the line that is typed.
pub(super) fn text_area(size: (u16, u16)) -> Rect {
    let area = inner(Rect::new(0, 1.min(size.1), size.0, size.1.saturating_sub(2)));
    let numbers = if area.width > 40 { NUMBERS } else { 0 };
    Rect { x: area.x + numbers, width: area.width - numbers, height: area.height.saturating_sub(1), ..area }
}

/// A file's content over the whole screen.
pub(super) fn viewer(app: &App, viewer: &Viewer, area: Rect, buffer: &mut Buffer) {
    let Some(tree) = app.tree() else { return };
    let event = tree.event_at(viewer.file());
    let path = cut_middle(&path_of(tree, viewer.node()), usize::from(area.width / 2));
    let which = match &app.pair {
        Some(pair) => {
            let (found, _) = pair.side(viewer.file().layer);
            format!("in {}", cut_middle(&shown_text(Pair::name(&found)), 30))
        }
        None => format!("after layer {}", viewer.layer()),
    };
    let title = format!("{path}  {which}  {}", bytes(event.size));
    let inside = noted_pane(app, &title, &note(app, viewer), true, area, buffer);
    let text = text_area(app.size);
    match &viewer.state {
        State::Reading => Line::styled("reading", app.theme.faint).render(inside, buffer),
        State::Failed(why) => {
            for (row, line) in inside.rows().zip(wrap(why, inside.width.into())) {
                Line::styled(line, app.theme.error).render(row, buffer);
            }
        }
        State::Read(file) if viewer.rows() == 0 => {
            let why = if file.content.bytes().is_empty() { "the file is empty" } else { "" };
            Line::styled(why, app.theme.faint).render(inside, buffer);
        }
        State::Read(file) => {
            for (row, line) in (viewer.top..viewer.rows()).zip(text.rows()) {
                draw_row(app, viewer, file, row, line, buffer);
            }
        }
    }
    if inside.height > 1 {
        let last = Rect { y: inside.bottom() - 1, height: 1, ..inside };
        bottom(app, viewer, last, buffer);
    }
}

/// What it is, which version, and where the screen is in it.
fn note(app: &App, viewer: &Viewer) -> String {
    let Some(file) = viewer.viewed() else { return String::new() };
    let mut parts = Vec::new();
    match file.content.text() {
        Some(text) => {
            parts.push(text.encoding.name().to_owned());
            if text.crlf {
                parts.push("CR LF".to_owned());
            }
            if text.cut {
                parts.push("not all lines".to_owned());
            }
        }
        None => parts.push("binary".to_owned()),
    }
    if file.content.hex && file.content.text().is_some() {
        parts.push("as bytes".to_owned());
    }
    if !file.whole {
        parts.push(format!("only the first {}", bytes(file.content.bytes().len() as u64)));
    }
    if let Some(tree) = app.tree() {
        let all = versions(tree, viewer.node());
        if let Some(own) = all.iter().position(|(_, file)| *file == viewer.file()).filter(|_| all.len() > 1) {
            parts.push(format!("version {} of {} ([ ])", own + 1, all.len()));
        }
    }
    let rows = file.content.rows();
    if rows > 0 {
        parts.push(format!("{} of {}", exact(viewer.row_at(viewer.top).0 as u64 + 1), exact(rows as u64)));
    }
    parts.join("  ")
}

fn bottom(app: &App, viewer: &Viewer, line: Rect, buffer: &mut Buffer) {
    let width = usize::from(line.width);
    if viewer.is_typing() || !viewer.search.text().is_empty() {
        let style = if viewer.missed { app.theme.error } else { app.theme.title };
        let text = cut_end(viewer.search.text(), width.saturating_sub(2));
        let spans = vec![Span::styled("/ ", app.theme.key), Span::styled(text, style)];
        return Line::from(spans).render(line, buffer);
    }
    let Some(image) = app.image().filter(|_| app.pair.is_none()) else { return };
    let by = image
        .instruction_line(viewer.file().layer.into())
        .map_or_else(|| NO_HISTORY.to_owned(), |text| shown_text(&text));
    let text = format!("layer {} stores it: {by}", viewer.file().layer);
    Line::styled(cut_end(&text, width), app.theme.faint).render(line, buffer);
}

fn draw_row(app: &App, viewer: &Viewer, file: &Viewed, row: usize, area: Rect, buffer: &mut Buffer) {
    let (line, part) = viewer.row_at(row);
    if area.x > NUMBERS && !file.content.hex && part.start == 0 {
        let number = Rect { x: area.x - NUMBERS, width: NUMBERS - 1, ..area };
        Line::styled(format!("{:>6}", line + 1), app.theme.faint).render(number, buffer);
    }
    let text = file.content.row(line);
    let part = part.start.min(text.len())..part.end.min(text.len());
    // Where lines are not wrapped, what is further left is passed over.
    let start = if viewer.left > 0 { skip(&text, viewer.left) } else { part.start };
    let meanings = file.meanings.get(line).map_or(&[][..], Vec::as_slice);
    let meanings = if file.content.hex { &[] } else { meanings };
    let hit = viewer.hit.as_ref().filter(|hit| hit.row == line).map(|hit| hit.range.clone());
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
