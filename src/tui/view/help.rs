use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use crate::tui::app::App;
use crate::tui::keymap::BINDINGS;

/// Every key and every sign, over the rest of the screen.
pub(super) fn popup(app: &App, area: Rect, buffer: &mut Buffer) {
    let label = BINDINGS.iter().map(|binding| binding.label.width()).max().unwrap_or(0);
    let mut lines: Vec<Line<'_>> = BINDINGS
        .iter()
        .map(|binding| {
            let gap = " ".repeat(label - binding.label.width() + 2);
            Line::from(vec![Span::styled(format!(" {}{gap}", binding.label), app.theme.key), Span::raw(binding.help)])
        })
        .collect();
    lines.push(Line::raw(""));
    for (sign, style, means) in [
        ("+", app.theme.added, "added by the layer"),
        ("~", app.theme.modified, "changed by it"),
        ("-", app.theme.removed, "removed by it"),
    ] {
        let gap = " ".repeat(label + 1);
        lines.push(Line::from(vec![Span::styled(format!(" {sign}{gap}"), style), Span::raw(means)]));
    }
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 3;
    let (width, height) = (width.min(area.width), (lines.len() as u16 + 2).min(area.height));
    let place = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    Clear.render(place, buffer);
    let block = Block::bordered().border_style(app.theme.title).title(Span::styled(" Keys ", app.theme.title));
    let inside = block.inner(place);
    block.render(place, buffer);
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
}
