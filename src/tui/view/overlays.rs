use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::files::sign;
use super::frame::{noted_pane, pane, select};
use super::layers::NO_HISTORY;
use super::{history_rows, jump_rows};
use crate::bytes::{shown, shown_text};
use crate::report::{bytes, date, exact, permissions};
use crate::tree::{Change, Event, NodeId};
use crate::tui::app::App;
use crate::tui::cursor::Cursor;
use crate::tui::line::Line;
use crate::tui::overlay::{Jump, Overlay, PathHistory};
use crate::tui::text::{cut_end, cut_middle};
use crate::tui::work::path_of;

/// Where something lies that lies over a screen of that size.
pub(in crate::tui) fn overlay_area(overlay: &Overlay, size: (u16, u16)) -> Rect {
    match overlay {
        Overlay::Help { .. } => middle(size, 110, size.1.saturating_sub(if size.1 < 14 { 1 } else { 4 })),
        Overlay::Jump(_) | Overlay::History(_) => large(size),
        Overlay::Copy { items, .. } => middle(size, 100, items.len() as u16 + 2),
        Overlay::Save { .. } => middle(size, 76, 6),
        // Nothing else is of interest then: all but the header and the footer.
        Overlay::Viewer(_) => Rect::new(0, 1.min(size.1), size.0, size.1.saturating_sub(2)),
    }
}

/// A large part of the screen.
pub(super) fn large(size: (u16, u16)) -> Rect {
    // In a small terminal every row is needed.
    middle(size, 110, size.1.saturating_sub(if size.1 < 14 { 1 } else { 4 }).min(50))
}

/// A rectangle in the middle, above the footer.
fn middle((width, height): (u16, u16), wide: u16, high: u16) -> Rect {
    let screen = Rect::new(0, 0, width, height.saturating_sub(1));
    let wide = wide.min(width.saturating_sub(if width > 40 { 4 } else { 0 }));
    let high = high.min(screen.height);
    Rect::new((width - wide) / 2, (screen.height - high) / 2, wide, high)
}

/// Paths to go to.
pub(super) fn jump(app: &App, jump: &Jump, area: Rect, buffer: &mut Buffer) {
    let note = if jump.waiting { "searching".to_owned() } else { format!("{} paths", exact(jump.count as u64)) };
    let inside = noted_pane(app, "Go to a path", &note, true, area, buffer);
    let line = Text::from(vec![
        Span::styled("> ", app.theme.key),
        Span::styled(cut_end(jump.line.text(), usize::from(inside.width.saturating_sub(2))), app.theme.title),
    ]);
    line.render(inside, buffer);
    let rows = jump_rows(area);
    let Some(tree) = app.tree() else { return };
    if jump.paths.is_empty() && !jump.waiting {
        Text::styled("no path has these letters in this order", app.theme.faint).render(rows, buffer);
    }
    for ((place, node), row) in jump.paths.iter().enumerate().skip(jump.cursor.top).zip(rows.rows()) {
        let last = tree.events_of(*node).next().map(|(_, event)| event);
        let size = last.map(|event| event.size).filter(|size| *size > 0).map(bytes).unwrap_or_default();
        let gone = last.is_none_or(|event| event.until != Event::HOLDS);
        let (sign, style) = sign(app, if gone { Change::Removed } else { Change::None });
        let path = cut_middle(&path_of(tree, *node), usize::from(row.width.saturating_sub(11)));
        let spans = vec![
            Span::styled(format!("{sign} "), style),
            Span::styled(format!("{size:>8} "), app.theme.faint),
            Span::styled(path, style),
        ];
        Text::from(spans).render(row, buffer);
        if place == jump.cursor.at {
            select(app, true, row, 2, buffer);
        }
    }
}

/// What the layers did to a path.
pub(super) fn history(app: &App, history: &PathHistory, area: Rect, buffer: &mut Buffer) {
    let Some(tree) = app.tree() else { return };
    let path = path_of(tree, history.node);
    let title = format!("History of {}", cut_middle(&path, usize::from(area.width.saturating_sub(18))));
    let inside = pane(app, &title, true, area, buffer);
    let rows = history_rows(area);
    let wide = inside.width >= 90;
    if rows.y > inside.y {
        let owner = if wide { "MODE       OWNER         DATE        " } else { "" };
        let head = format!("  LAYER     SIZE  {:<11}{owner}INSTRUCTION", "");
        Text::styled(cut_end(&head, inside.width.into()), app.theme.faint).render(inside, buffer);
    }
    for ((place, moment), row) in history.moments.iter().enumerate().skip(history.cursor.top).zip(rows.rows()) {
        let (sign, style) = sign(app, moment.change);
        let event = moment.at.map(|at| tree.event_at(at));
        let size = match (moment.change, event) {
            (Change::Removed, _) | (_, None) => String::new(),
            (_, Some(event)) => bytes(event.size),
        };
        let what = match moment.change {
            Change::Added => "added",
            Change::Modified => "changed",
            Change::Metadata => "touched",
            Change::Removed => "removed",
            Change::None => "",
        };
        let mut spans = vec![
            Span::styled(format!("{sign} "), style),
            Span::raw(format!("{:>5} {size:>8}  ", moment.layer)),
            Span::styled(format!("{what:<11}"), style),
        ];
        if let Some((at, event)) = moment.at.zip(event).filter(|_| wide) {
            let about = tree.attributes(at);
            let mode = if moment.change == Change::Removed {
                String::new()
            } else {
                let owner = format!("{}:{}", about.uid, about.gid);
                let day = event.mtime().map(date).unwrap_or_default();
                let day = day.get(..10).unwrap_or(&day).to_owned();
                format!("{} {owner:<13} {day:<11}", permissions(event.kind(), about.mode))
            };
            spans.push(Span::styled(format!("{mode:<37}"), app.theme.faint));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        let text = app.image().and_then(|image| image.instruction_line(moment.layer.into()));
        let text = text.unwrap_or_else(|| NO_HISTORY.to_owned());
        spans.push(Span::raw(cut_end(&shown_text(&text), usize::from(row.width).saturating_sub(used))));
        Text::from(spans).render(row, buffer);
        if place == history.cursor.at {
            select(app, true, row, 2, buffer);
        }
    }
}

/// What can be copied.
pub(super) fn copy(app: &App, items: &[(&str, String)], cursor: Cursor, area: Rect, buffer: &mut Buffer) {
    let inside = pane(app, "Copy", true, area, buffer);
    let names = items.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    for ((place, (name, text)), row) in items.iter().enumerate().zip(inside.rows()) {
        let gap = " ".repeat(names - name.width() + 2);
        let room = usize::from(row.width).saturating_sub(names + 4);
        let spans = vec![
            Span::styled(format!("{} ", place + 1), app.theme.key),
            Span::styled(format!("{name}{gap}"), app.theme.faint),
            Span::raw(cut_end(&shown_text(text), room)),
        ];
        Text::from(spans).render(row, buffer);
        if place == cursor.at {
            select(app, true, row, 0, buffer);
        }
    }
}

/// Where a file or folder is to be saved.
pub(super) fn save(app: &App, line: &Line, node: NodeId, layer: u16, area: Rect, buffer: &mut Buffer) {
    let inside = pane(app, "Save", true, area, buffer);
    let Some(tree) = app.tree() else { return };
    let width = usize::from(inside.width);
    let name = shown(tree.paths.name(node));
    let text = if line.text().is_empty() {
        Span::styled(". (this folder)", app.theme.faint)
    } else {
        Span::styled(cut_end(line.text(), width.saturating_sub(2)), app.theme.title)
    };
    let lines = [
        Text::styled(cut_middle(&path_of(tree, node), width), app.theme.title),
        Text::from(vec![Span::styled("> ", app.theme.key), text]),
        Text::styled(
            cut_end(&format!("the folder that it goes to, as {name}, as of layer {layer}"), width),
            app.theme.faint,
        ),
        Text::styled(cut_end("what is there is never overwritten", width), app.theme.faint),
    ];
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
}
