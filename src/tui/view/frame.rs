use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::{Areas, inner, overlay_area};
use crate::bytes::shown_text;
use crate::report::{bytes, percent, signed};
use crate::tui::app::{App, Screen};
use crate::tui::overlay::Overlay;
use crate::tui::pair::Pair;
use crate::tui::text::{cut_end, cut_middle};

/// A pane's frame; returns what is inside.
pub(super) fn pane(app: &App, title: &str, focused: bool, area: Rect, buffer: &mut Buffer) -> Rect {
    noted_pane(app, title, "", focused, area, buffer)
}

/// A pane's frame with a note on its lower edge; returns what is inside.
pub(super) fn noted_pane(app: &App, title: &str, note: &str, focused: bool, area: Rect, buffer: &mut Buffer) -> Rect {
    let style = if focused { app.theme.focus } else { app.theme.faint };
    let fit = |text: &str| {
        let text = cut_end(text, usize::from(area.width.saturating_sub(4)));
        if text.is_empty() { text } else { format!(" {text} ") }
    };
    let kind = if focused { BorderType::Thick } else { BorderType::Plain };
    let title = Line::styled(fit(title), if focused { app.theme.title } else { app.theme.faint });
    let note = Line::styled(fit(note), app.theme.faint).right_aligned();
    let block = Block::bordered().border_type(kind).border_style(style).title(title).title_bottom(note);
    let inside = block.inner(area);
    block.render(area, buffer);
    inside
}

/// Marks the selected row of a list in its pane: in one piece, so the colours of what is in it give way. The first `signs`
/// columns keep theirs. Where the keys go elsewhere, the pane's frame points to it.
pub(super) fn select(app: &App, focused: bool, row: Rect, signs: u16, buffer: &mut Buffer) {
    if !focused {
        buffer.set_style(row, app.theme.marked);
        if let Some(cell) = row.x.checked_sub(1).and_then(|x| buffer.cell_mut((x, row.y))) {
            cell.set_symbol("▶").set_style(app.theme.title);
        }
        return;
    }
    buffer.set_style(row, app.theme.selected);
    let signs = signs.min(row.width);
    let rest = Rect { x: row.x + signs, width: row.width - signs, ..row };
    let front = app.theme.selected.fg.or(app.theme.base.fg).unwrap_or(Color::Reset);
    buffer.set_style(rest, Style::new().fg(front).remove_modifier(Modifier::DIM));
}

/// A part as a line of so many columns, in halves of a column.
pub(super) fn bar(part: u64, whole: u64, width: usize) -> String {
    if whole == 0 || part == 0 {
        return " ".repeat(width);
    }
    // What is there is seen, however small.
    let halves = ((part.min(whole) as f64 / whole as f64 * (width * 2) as f64).round() as usize).max(1);
    let text = "━".repeat(halves / 2) + if halves % 2 == 1 { "╸" } else { "" };
    let gap = width.saturating_sub(text.chars().count());
    text + &" ".repeat(gap)
}

fn totals(app: &App) -> (String, Style) {
    match &app.found {
        Some(found) if app.pair.is_some() => {
            let before = app.pair.as_ref().map_or(0, |pair| pair.before.waste.content_bytes);
            let growth = i128::from(found.waste.content_bytes) - i128::from(before);
            let change = signed(growth, bytes);
            let text = if app.size.0 < 110 {
                change
            } else {
                format!("{} to {} ({change})", bytes(before), bytes(found.waste.content_bytes))
            };
            (text, app.theme.title)
        }
        Some(found) if !app.judged => {
            (format!("{}  {}", bytes(found.waste.content_bytes), app.progress), app.theme.faint)
        }
        Some(found) => {
            let waste = &found.waste;
            let total = waste.total_bytes();
            let wasted = format!("{} wasted ({})", bytes(total), percent(waste.percent()));
            let style = if total > 0 { app.theme.wasted } else { app.theme.faint };
            (format!("{}  {wasted}", bytes(waste.content_bytes)), style)
        }
        None => (app.progress.clone(), app.theme.faint),
    }
}

/// Where the titles of the screens are; none where there is no room for them.
pub(in crate::tui) fn tabs(app: &App) -> Vec<(Screen, Rect)> {
    let area = Areas::of(app).header;
    let width: usize = Screen::ALL.iter().map(|(_, title)| title.width() + 2).sum();
    if usize::from(area.width) < width + 2 {
        return Vec::new();
    }
    // Titles stay where they are, whatever stands beside them.
    let mut x = area.x;
    Screen::ALL
        .iter()
        .map(|(screen, title)| {
            let width = title.width() as u16 + 2;
            let tab = Rect { x, width, ..area };
            x += width;
            (*screen, tab)
        })
        .collect()
}

/// The screens' titles, the image's name, its size and waste.
pub(super) fn header(app: &App, area: Rect, buffer: &mut Buffer) {
    let mut left = 0;
    for ((screen, tab), (_, title)) in tabs(app).into_iter().zip(Screen::ALL) {
        let style = if screen == app.screen { app.theme.selected } else { app.theme.faint };
        Line::styled(format!(" {title} "), style).render(tab, buffer);
        left += usize::from(tab.width);
    }
    let width = usize::from(area.width);
    let (right, style) = totals(app);
    let right = cut_end(&right, width.saturating_sub(left + 1));
    let room = width.saturating_sub(left + right.width() + 3);
    if let Some(pair) = &app.pair {
        let half = room.saturating_sub(3) / 2;
        let [a, b] = [&pair.before, &pair.after].map(|found| cut_middle(&shown_text(Pair::name(found)), half));
        let rest = Rect { x: area.x + left as u16, width: area.width - left as u16, ..area };
        Line::styled(format!(" {a} → {b}"), app.theme.title).render(rest, buffer);
        return Line::styled(format!("{right} "), style).alignment(Alignment::Right).render(rest, buffer);
    }
    let image = app.image();
    let name = image.and_then(|image| image.tags.first()).unwrap_or(&app.reference);
    let platform = image.map(|image| format!("  {}", image.platform)).unwrap_or_default();
    let platform = if room > platform.width() + 16 { shown_text(&platform) } else { String::new() };
    let name = cut_middle(&shown_text(name), room.saturating_sub(platform.width()));
    let rest = Rect { x: area.x + left as u16, width: area.width - left as u16, ..area };
    let spans = vec![Span::styled(format!(" {name}"), app.theme.title), Span::styled(platform, app.theme.faint)];
    Line::from(spans).render(rest, buffer);
    Line::from(Span::styled(format!("{right} "), style)).alignment(Alignment::Right).render(rest, buffer);
}

/// What was just done, or as many hints as fit, whole ones.
pub(super) fn footer(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    if let Some(toast) = &app.toast {
        let style = if toast.error { app.theme.error } else { app.theme.title };
        return Line::styled(cut_end(&format!(" {}", toast.text), width), style).render(area, buffer);
    }
    let typed: &[(&str, &str)] = match app.overlays.last() {
        Some(Overlay::Help { .. }) => &[("Esc", "close"), ("a-z", "search"), ("↑↓", "scroll")],
        Some(Overlay::Jump(_)) => &[("Enter", "go there"), ("↑↓", "choose"), ("Esc", "close")],
        Some(Overlay::Copy { .. }) => &[("Enter", "copy"), ("↑↓", "choose"), ("Esc", "close")],
        Some(Overlay::Save { .. }) => &[("Enter", "save"), ("Esc", "close")],
        Some(Overlay::History(_)) => &[("Enter", "go to the layer"), ("↑↓", "choose"), ("Esc", "close")],
        Some(Overlay::Viewer(viewer)) if viewer.is_typing() => &[("Enter", "search"), ("Esc", "close")],
        None if app.browse.typing => &[("Enter", "keep"), ("Esc", "clear"), ("↑↓", "choose")],
        _ => &[],
    };
    let hints: Vec<(String, &str)> = if typed.is_empty() {
        // Two images have no groups.
        let of_one = |hint: &str| app.pair.is_some() && matches!(hint, "group" | "mark" | "history");
        let grouped = app.pair.is_some() && app.screen == Screen::Waste;
        let hints = app.keys.hints(app.place());
        hints.filter(|(_, hint)| !(of_one(hint) || grouped && *hint == "fold")).collect()
    } else {
        typed.iter().map(|(key, hint)| ((*key).to_owned(), *hint)).collect()
    };
    let columns = |hint: &(String, &str)| hint.0.width() + hint.1.width() + 3;
    // Help and quit come last in the table, and are never what is left out.
    let (most, last) = hints.split_at(hints.len().saturating_sub(2));
    let mut room = width.saturating_sub(last.iter().map(columns).sum());
    let most = most.iter().take_while(|hint| {
        let fits = columns(hint) <= room;
        room = room.saturating_sub(columns(hint));
        fits
    });
    let spans: Vec<Span<'_>> = most
        .chain(last)
        .flat_map(|(key, hint)| {
            [Span::styled(format!(" {key}"), app.theme.key), Span::styled(format!(" {hint} "), app.theme.faint)]
        })
        .collect();
    Line::from(spans).render(area, buffer);
}

/// Where letters go that are typed.
pub(super) fn typing_at(app: &App) -> Option<Position> {
    let (area, prompt, line) = match app.overlays.last() {
        Some(overlay) => {
            let area = inner(overlay_area(overlay, app.size));
            match overlay {
                Overlay::Help { line, .. } => (area, 2, line),
                Overlay::Jump(jump) => (area, 2, &jump.line),
                Overlay::Save { line, .. } => (Rect { y: area.y + 1, ..area }, 2, line),
                Overlay::Viewer(viewer) => {
                    let bottom = Rect { y: area.bottom().saturating_sub(1), ..area };
                    (bottom, 2, viewer.search_line()?)
                }
                Overlay::History(_) | Overlay::Copy { .. } => return None,
            }
        }
        None if app.browse.typing => {
            let area = inner(Areas::of(app).files);
            (Rect { y: area.bottom().saturating_sub(1), ..area }, 2, &app.browse.filter)
        }
        None => return None,
    };
    let column = (line.cursor() + prompt).min(usize::from(area.width.saturating_sub(1)));
    Some(Position::new(area.x + column as u16, area.y)).filter(|at| at.x < app.size.0 && at.y < app.size.1)
}
