use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::frame::{pane, select};
use crate::bytes::shown;
use crate::inspect::Inspection;
use crate::report::{bytes, permissions};
use crate::tree::{Change, EventKind, Row};
use crate::tui::app::{App, Focus};
use crate::tui::text::{cut_end, cut_middle};

/// Columns that a row needs before mode and owner are shown as well.
const WIDE: u16 = 70;

/// The files of the selected layer.
pub(super) fn tree(app: &App, area: Rect, buffer: &mut Buffer) {
    let focused = app.focus == Focus::Files;
    let layer = app.layers.at;
    let title = match (&app.found, app.all_files) {
        (None, _) => "Files".to_owned(),
        (_, false) => format!("Changes of layer {layer}"),
        (_, true) => format!("All files after layer {layer}"),
    };
    let inside = pane(app, &title, focused, area, buffer);
    let (Some(found), Some(rows)) = (&app.found, &app.rows) else {
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    if rows.rows().is_empty() {
        let why = match (app.all_files, found.layers.get(layer).is_some_and(|facts| facts.missing)) {
            (_, true) => "the archive does not have this layer; save the image again",
            (true, _) => "no files; press a for the layer's changes",
            (false, _) => "this layer changes no files; press a for all files",
        };
        for (line, text) in inside.rows().zip(crate::tui::text::wrap(why, usize::from(inside.width))) {
            Line::styled(text, app.theme.faint).render(line, buffer);
        }
    }
    for ((place, row), line) in rows.rows().iter().enumerate().skip(app.files.top).zip(inside.rows()) {
        draw_row(app, found, row, line, buffer);
        if place == app.files.at {
            select(app, focused, line, 2, buffer);
        }
    }
}

fn draw_row(app: &App, found: &Inspection, row: &Row, area: Rect, buffer: &mut Buffer) {
    let tree = &found.tree;
    let (sign, style) = match row.change {
        Change::Added => ("+", app.theme.added),
        Change::Modified => ("~", app.theme.modified),
        Change::Removed => ("-", app.theme.removed),
        Change::None => (" ", Style::new()),
    };
    let mut spans = vec![Span::styled(format!("{sign} "), style)];
    let mut used = 2;
    if area.width >= WIDE {
        let about =
            row.at.map(|at| (permissions(tree.event_at(at).kind(), tree.attributes(at).mode), tree.attributes(at)));
        let text = about.map_or_else(String::new, |(mode, about)| format!("{mode} {:>5}:{:<5}", about.uid, about.gid));
        let text = format!("{text:<23} ");
        used += text.width();
        spans.push(Span::styled(text, app.theme.faint));
    }
    let is_file = row.at.is_some_and(|at| tree.event_at(at).kind() == EventKind::File);
    let size = if row.bytes == 0 && !is_file { String::new() } else { bytes(row.bytes) };
    spans.push(Span::styled(format!("{size:>8} "), app.theme.faint));
    used += 9;
    let indent = indent(row);
    used += indent.width();
    spans.push(Span::styled(indent, app.theme.faint));
    let mut name = shown(tree.paths.name(row.node));
    if row.folder {
        name.push('/');
    }
    let room = usize::from(area.width).saturating_sub(used);
    let name = cut_middle(&name, room);
    let room = room - name.width();
    spans.push(Span::styled(name, style));
    let event = row.at.map(|at| tree.event_at(at));
    let target = event.and_then(|event| {
        let symlink = tree.symlink(event).map(|target| format!(" → {}", shown(target)));
        symlink.or_else(|| tree.link_target(event).map(|node| format!(" = {}", shown(&tree.paths.path(node)))))
    });
    if let Some(target) = target {
        spans.push(Span::styled(cut_end(&target, room), app.theme.faint));
    }
    Line::from(spans).render(area, buffer);
}

/// Lines that lead to the row from above, and the mark of a folder.
fn indent(row: &Row) -> String {
    let mut text = String::new();
    // Deep trees keep their last levels: what is further up is far away anyway.
    let levels = usize::from(row.depth).min(12);
    for level in (1..=levels).rev() {
        let last = row.lasts >> level & 1 == 1;
        if level < usize::from(row.depth) + 1 {
            text.push_str(if last { "  " } else { "│ " });
        }
    }
    text.push_str(if row.lasts & 1 == 1 { "└─" } else { "├─" });
    text.push_str(match (row.folder, row.open) {
        (true, true) => "▾ ",
        (true, false) => "▸ ",
        _ => " ",
    });
    text
}
