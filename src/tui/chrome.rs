//! What all screens are framed with: panes, the header with its tabs, the footer with its hints.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::app::App;
use super::keymap::Action;
use super::keys::Key;
use super::layout::Page;
use super::pair::Pair;
use super::screens::{self, Screen};
use super::text::{bytes, cut_end, cut_middle};
use crate::bytes::shown_text;
use crate::report::{percent, signed};

/// A pane's frame with a title and a note on its lower edge; returns what is inside.
pub(super) fn frame(app: &App, title: &str, note: &str, focused: bool, area: Rect, buffer: &mut Buffer) -> Rect {
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

/// Marks the selected row of a list in its pane: in one piece, so the colours of what is in it give way, but for some columns
/// that keep theirs. Where the keys go elsewhere, the pane's frame points to the row.
pub(super) fn select(app: &App, focused: bool, row: Rect, kept: Option<Range<u16>>, buffer: &mut Buffer) {
    if !focused {
        buffer.set_style(row, app.theme.marked);
        if let Some(cell) = row.x.checked_sub(1).and_then(|x| buffer.cell_mut((x, row.y))) {
            cell.set_symbol("▶").set_style(app.theme.title);
        }
        return;
    }
    let front = app.theme.selected.fg.or(app.theme.base.fg).unwrap_or(Color::Reset);
    let plain = Style::new().fg(front).remove_modifier(Modifier::DIM);
    buffer.set_style(row, app.theme.selected);
    let kept = kept.unwrap_or(0..0);
    for x in 0..row.width {
        if !kept.contains(&x) {
            buffer.set_style(Rect { x: row.x + x, width: 1, ..row }, plain);
        }
    }
}

/// Draws lines of text into an area, from one of them on. What does not fit is cut with a mark.
pub(super) fn text(lines: Vec<Line<'_>>, top: usize, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    for (row, line) in area.rows().zip(lines.into_iter().skip(top)) {
        let cut = line.width() > width;
        line.render(row, buffer);
        if let Some(cell) = buffer.cell_mut((row.right().saturating_sub(1), row.y)).filter(|_| cut && width > 0) {
            cell.set_symbol("…");
        }
    }
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

/// Columns from which the header says how stored, live and dead bytes add up.
const WIDE: u16 = 130;
/// Columns from which the header has wasted bytes beside their share.
const MIDDLE: u16 = 100;

fn totals(app: &App) -> (String, Style) {
    if let Some(pair) = &app.pair {
        let (before, after) = (pair.before.waste.content_bytes, pair.after.waste.content_bytes);
        let change = signed(i128::from(after) - i128::from(before), bytes);
        let text =
            if app.size.0 < MIDDLE { change } else { format!("{} to {} ({change})", bytes(before), bytes(after)) };
        return (text, app.theme.title);
    }
    let Some(found) = &app.found else { return (app.progress.clone(), app.theme.faint) };
    let waste = &found.waste;
    if !app.judged {
        return (format!("{}  {}", bytes(waste.content_bytes), app.progress), app.theme.faint);
    }
    let total = waste.total_bytes();
    let style = if total > 0 { app.theme.wasted } else { app.theme.faint };
    let size = bytes(waste.content_bytes);
    let share = percent(waste.percent());
    let text = match app.size.0 {
        width if width >= WIDE => {
            let dead = waste.content_bytes.saturating_sub(waste.live_bytes);
            format!(
                "{size} = {} live + {} dead;  {} wasted ({share})",
                bytes(waste.live_bytes),
                bytes(dead),
                bytes(total)
            )
        }
        width if width >= MIDDLE => format!("{size}  {} wasted ({share})", bytes(total)),
        _ => format!("{size}  {share} wasted"),
    };
    (text, style)
}

/// Where the tabs are; none where there is no room for them.
pub(super) fn tabs(app: &App) -> Vec<(Screen, Rect)> {
    let area = Page::of(app.size).header;
    let tabs = app.tabs();
    let width: usize = tabs.iter().map(|screen| screen.view().title().width() + 2).sum();
    if usize::from(area.width) < width + 2 {
        return Vec::new();
    }
    let mut x = area.x;
    tabs.iter()
        .map(|screen| {
            let width = screen.view().title().width() as u16 + 2;
            let tab = Rect { x, width, ..area };
            x += width;
            (*screen, tab)
        })
        .collect()
}

/// The tabs, the image's name, its size and waste.
pub(super) fn header(app: &App, area: Rect, buffer: &mut Buffer) {
    let mut left = 0;
    for (screen, tab) in tabs(app) {
        let style = if screen == app.screen { app.theme.selected } else { app.theme.faint };
        Line::styled(format!(" {} ", screen.view().title()), style).render(tab, buffer);
        left += usize::from(tab.width);
    }
    let rest = Rect { x: area.x + left as u16, width: area.width - left as u16, ..area };
    if app.screen == Screen::Picker {
        let title = cut_end(" explore: choose an image", usize::from(rest.width));
        return Line::styled(title, app.theme.title).render(rest, buffer);
    }
    let (right, style) = totals(app);
    let width = usize::from(rest.width).saturating_sub(1);
    // While bytes are read the numbers change all the time; the name keeps its place all the same.
    let reading = app.found.is_none() || !app.judged;
    let most = if reading { width / 2 } else { width };
    let right = cut_end(&right, most);
    let room = width.saturating_sub(if reading { most } else { right.width() } + 2);
    if let Some(names) = pair_names(app) {
        let half = room.saturating_sub(3) / 2;
        let [a, b] = names.map(|name| cut_middle(&name, half));
        Line::styled(format!(" {a} → {b}"), app.theme.title).render(rest, buffer);
    } else {
        let image = app.image();
        let name = image.and_then(|image| image.tags.first()).unwrap_or(&app.reference);
        let platform = image.map(|image| format!("  {}", image.platform)).unwrap_or_default();
        let platform = if room > platform.width() + 16 { shown_text(&platform) } else { String::new() };
        let name = cut_middle(&shown_text(name), room.saturating_sub(platform.width()));
        let spans = vec![Span::styled(format!(" {name}"), app.theme.title), Span::styled(platform, app.theme.faint)];
        Line::from(spans).render(rest, buffer);
    }
    Line::from(Span::styled(format!("{right} "), style)).alignment(Alignment::Right).render(rest, buffer);
}

fn pair_names(app: &App) -> Option<[String; 2]> {
    if let Some(pair) = &app.pair {
        return Some([&pair.before, &pair.after].map(|found| shown_text(Pair::name(found))));
    }
    app.layers.halves.as_ref().map(|halves| [0, 1].map(|place: usize| shown_text(&halves[place].name)))
}

/// A key, and what it does in a word or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) key: Key,
    /// As it is shown; several keys may share a hint.
    pub(super) label: String,
    pub(super) text: &'static str,
}

impl Hint {
    pub(super) fn new(key: Key, text: &'static str) -> Self {
        Self { key, label: key.label(), text }
    }

    fn columns(&self) -> usize {
        self.label.width() + self.text.width() + 3
    }
}

/// Hints of the keys that do something where the cursor is.
fn hints(app: &App) -> Vec<Hint> {
    if let Some(overlay) = app.overlays.last() {
        return overlay.hints(app);
    }
    if screens::is_typing(app) {
        return typing_hints("keep", "clear");
    }
    let view = app.screen.view();
    app.keys.hints(app.place()).filter(|(action, _)| view.offers(app, *action)).map(|(_, hint)| hint).collect()
}

/// Hints while a line is typed: what Enter and Esc do.
pub(super) fn typing_hints(enter: &'static str, esc: &'static str) -> Vec<Hint> {
    use crossterm::event::KeyCode;
    let key = |code| Key::plain(code);
    vec![
        Hint::new(key(KeyCode::Enter), enter),
        Hint { label: "↑↓".to_owned(), ..Hint::new(key(KeyCode::Down), "choose") },
        Hint::new(key(KeyCode::Esc), esc),
    ]
}

/// The hints that fit, whole ones, and where they are.
pub(super) fn placed_hints(app: &App) -> Vec<(Rect, Hint)> {
    let area = Page::of(app.size).footer;
    if app.toast.is_some() {
        return Vec::new();
    }
    let hints = hints(app);
    let last = |hint: &&Hint| {
        [Action::Help, Action::Quit].iter().any(|action| app.keys.first_key(*action).is_some_and(|key| key == hint.key))
    };
    // Help and quit are never what is left out.
    let reserved: usize = hints.iter().filter(last).map(Hint::columns).sum();
    let mut room = usize::from(area.width).saturating_sub(reserved);
    let mut full = false;
    let mut x = area.x;
    let mut placed = Vec::new();
    for hint in &hints {
        if !last(&hint) {
            full |= hint.columns() > room;
            if full {
                continue;
            }
            room -= hint.columns();
        }
        let width = hint.columns() as u16;
        if x + width > area.right() {
            break;
        }
        placed.push((Rect { x, width, ..area }, hint.clone()));
        x += width;
    }
    placed
}

/// What was just done, or hints.
pub(super) fn footer(app: &App, area: Rect, buffer: &mut Buffer) {
    if let Some(toast) = &app.toast {
        let style = if toast.error { app.theme.error } else { app.theme.title };
        let text = cut_end(&format!(" {}", shown_text(&toast.text)), usize::from(area.width));
        return Line::styled(text, style).render(area, buffer);
    }
    for (place, hint) in placed_hints(app) {
        Line::from(vec![
            Span::styled(format!(" {}", hint.label), app.theme.key),
            Span::styled(format!(" {} ", hint.text), app.theme.faint),
        ])
        .render(place, buffer);
    }
}
