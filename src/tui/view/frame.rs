use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use crate::bytes::shown_text;
use crate::report::{bytes, percent};
use crate::tui::app::{App, Screen};
use crate::tui::keymap::BINDINGS;
use crate::tui::text::{cut_end, cut_middle};

/// A pane's frame; returns what is inside.
pub(super) fn pane(app: &App, title: &str, focused: bool, area: Rect, buffer: &mut Buffer) -> Rect {
    let style = if focused { app.theme.title } else { app.theme.faint };
    let title = cut_end(title, usize::from(area.width.saturating_sub(4)));
    let title = if title.is_empty() { title } else { format!(" {title} ") };
    let kind = if focused { BorderType::Thick } else { BorderType::Plain };
    let block = Block::bordered().border_type(kind).border_style(style).title(Span::styled(title, app.theme.title));
    let inside = block.inner(area);
    block.render(area, buffer);
    inside
}

/// Marks the selected row: in one piece, so the colours of what is in it give way. The first `signs` columns keep theirs.
pub(super) fn select(app: &App, focused: bool, row: Rect, signs: u16, buffer: &mut Buffer) {
    let style = if focused { app.theme.selected } else { app.theme.marked };
    buffer.set_style(row, style);
    let signs = signs.min(row.width);
    let rest = Rect { x: row.x + signs, width: row.width - signs, ..row };
    buffer.set_style(rest, Style::new().fg(Color::Reset).remove_modifier(Modifier::DIM));
}

/// The image's name on the left, its size and waste on the right.
pub(in crate::tui) fn header(app: &App, area: Rect, buffer: &mut Buffer) {
    let right = match &app.found {
        Some(found) if !app.judged => format!("{}  {}", bytes(found.waste.content_bytes), app.progress),
        Some(found) => {
            let waste = &found.waste;
            format!(
                "{}  {} wasted ({})",
                bytes(waste.content_bytes),
                bytes(waste.total_bytes()),
                percent(waste.percent())
            )
        }
        None => app.progress.clone(),
    };
    let image = app.image();
    let name = image.and_then(|image| image.tags.first()).unwrap_or(&app.reference);
    let platform = image.map(|image| format!("  {}", image.platform)).unwrap_or_default();
    let width = usize::from(area.width);
    let room = width.saturating_sub(right.width() + 2);
    let name = cut_middle(&shown_text(name), room.saturating_sub(platform.width()));
    let mut spans =
        vec![Span::styled(format!(" {name}"), app.theme.title), Span::styled(shown_text(&platform), app.theme.faint)];
    let used: usize = spans.iter().map(Span::width).sum();
    let tabs = [(Screen::Layers, " 1 Layers "), (Screen::Waste, " 2 Waste ")];
    if used + 3 + tabs.iter().map(|(_, title)| title.width()).sum::<usize>() <= room {
        spans.push(Span::raw("  "));
        for (screen, title) in tabs {
            spans.push(Span::styled(title, if screen == app.screen { app.theme.selected } else { app.theme.faint }));
        }
    }
    Line::from(spans).render(area, buffer);
    if right.width() < width {
        let style = if app.found.as_ref().is_some_and(|found| found.waste.total_bytes() > 0) {
            app.theme.wasted
        } else {
            app.theme.faint
        };
        Line::from(Span::styled(format!("{right} "), style)).alignment(Alignment::Right).render(area, buffer);
    }
}

/// As many hints as fit, whole ones.
pub(in crate::tui) fn footer(app: &App, area: Rect, buffer: &mut Buffer) {
    let mut spans = Vec::new();
    let mut used = 1;
    for binding in BINDINGS {
        let Some(hint) = binding.hint else { continue };
        let key = binding.label.split(' ').next().unwrap_or(binding.label);
        let width = key.width() + hint.width() + 3;
        if used + width > usize::from(area.width) {
            break;
        }
        used += width;
        spans.push(Span::styled(format!(" {key}"), app.theme.key));
        spans.push(Span::styled(format!(" {hint} "), app.theme.faint));
    }
    Line::from(spans).render(area, buffer);
}
