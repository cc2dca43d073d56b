use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::frame::{bar, noted_pane, select};
use super::{Areas, file_rows};
use crate::bytes::{shown, shown_text};
use crate::report::{bytes, exact, permissions};
use crate::tree::{Change, EventKind, Row, Rows, Sort, Tree};
use crate::tui::app::{App, Focus};
use crate::tui::keymap::Action;
use crate::tui::pair::Pair;
use crate::tui::text::{cut_end, cut_middle, wrap};

/// Columns that a row needs before mode and owner are shown as well.
const WIDE: u16 = 76;
/// Columns that a row needs before the part of its folder is shown as a bar.
const BARRED: u16 = 40;
/// Columns of that bar.
const BAR: usize = 5;

/// Mode and owner are shown: as the user said, else where there is room.
pub(in crate::tui) fn shows_attributes(app: &App) -> bool {
    app.browse.attributes.unwrap_or(Areas::of(app).files.width >= WIDE)
}

/// A filter is typed or holds.
pub(super) fn has_filter(app: &App) -> bool {
    app.browse.typing || !app.browse.query().is_empty()
}

/// What is done to a path: a sign and its style.
pub(super) fn sign(app: &App, change: Change) -> (&'static str, Style) {
    match change {
        Change::Added => ("+", app.theme.added),
        Change::Modified => ("~", app.theme.modified),
        Change::Metadata => ("@", app.theme.metadata),
        Change::Removed => ("-", app.theme.removed),
        Change::None => (" ", Style::new()),
    }
}

/// The files of the selected layer.
pub(super) fn tree(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let focused = app.focus == Focus::Files;
    let inside = noted_pane(app, &title(app), &note(app), focused, area, buffer);
    let (Some(tree), Some(rows)) = (app.tree(), app.browse.shown_rows()) else {
        return waiting(app, inside, buffer);
    };
    let area = file_rows(app, area);
    if rows.rows().is_empty() {
        for (line, text) in area.rows().zip(wrap(&nothing(app), usize::from(area.width))) {
            Line::styled(text, app.theme.faint).render(line, buffer);
        }
    }
    let style = Columns { attributes: shows_attributes(app), bar: area.width >= BARRED };
    for ((place, row), line) in rows.rows().iter().enumerate().skip(app.browse.cursor.top).zip(area.rows()) {
        draw_row(app, tree, row, style, line, buffer);
        if place == app.browse.cursor.at {
            select(app, focused, line, 2, buffer);
        }
    }
    if has_filter(app) && inside.height > 1 {
        let line = Rect { y: inside.bottom() - 1, height: 1, ..inside };
        filter(app, rows, line, buffer);
    }
}

fn title(app: &App) -> String {
    let range = app.browse.shown_rows().map_or_else(|| app.range(), |rows| rows.view().range);
    let all = app.browse.shown_rows().map_or(app.browse.all, |rows| rows.view().all);
    if let Some(pair) = &app.pair {
        let name = cut_middle(&shown_text(Pair::name(&pair.after)), 40);
        return if all { format!("All files of B, {name}") } else { format!("What differs in B, {name}") };
    }
    match (&app.found, all) {
        (None, _) => "Files".to_owned(),
        (_, false) if range.first == range.last => format!("Changes of layer {}", range.last),
        (_, false) => format!("Changes of layers {} to {}", range.first, range.last),
        (_, true) => format!("All files after layer {}", range.last),
    }
}

/// How the rows are ordered, what is hidden, and where the cursor is.
fn note(app: &App) -> String {
    let browse = &app.browse;
    let mut parts = Vec::new();
    let hidden: String = [
        (Change::Added, '+'),
        (Change::Modified, '~'),
        (Change::Metadata, '@'),
        (Change::Removed, '-'),
        (Change::None, '='),
    ]
    .iter()
    .filter(|(change, _)| !browse.shown.has(*change))
    .map(|(_, sign)| *sign)
    .collect();
    if !hidden.is_empty() {
        parts.push(format!("hidden: {hidden}"));
    }
    match browse.sort {
        Sort::Name => {}
        Sort::Size => parts.push("by size".to_owned()),
        Sort::Change => parts.push("by change".to_owned()),
    }
    let rows = browse.rows().len();
    if rows > 0 {
        parts.push(format!("{} of {}", exact(browse.cursor.at as u64 + 1), exact(rows as u64)));
    }
    parts.join("  ")
}

/// How far reading is, in words and as a bar.
fn waiting(app: &App, inside: Rect, buffer: &mut Buffer) {
    let width = usize::from(inside.width);
    let mut lines = vec![Line::styled(cut_end(&app.progress, width), app.theme.faint)];
    if let Some(part) = app.part {
        let length = width.min(60);
        lines.push(Line::from(vec![
            Span::styled(bar(part.into(), 1000, length.saturating_sub(6)), app.theme.bar),
            Span::styled(format!(" {:>3} %", part / 10), app.theme.faint),
        ]));
    }
    if inside.height > 4 {
        lines.push(Line::raw(""));
        lines.push(Line::styled("q stops", app.theme.faint));
    }
    for (row, line) in inside.rows().zip(lines) {
        line.render(row, buffer);
    }
}

/// Why there are no rows, and what to do.
fn nothing(app: &App) -> String {
    let browse = &app.browse;
    if app.pair.is_some() && browse.query().is_empty() && browse.shown.is_all() && !browse.all {
        return "no path differs; press a for all files".to_owned();
    }
    let layer = app.layers.at;
    let missing = app.found.as_ref().is_some_and(|found| found.layers.get(layer).is_some_and(|facts| facts.missing));
    if missing {
        return "the archive does not have this layer; save the image again".to_owned();
    }
    if !browse.query().is_empty() {
        let jump = app.keys.key_of(Action::Jump);
        return format!("nothing here matches the filter; Esc clears it, {jump} looks through all layers");
    }
    if !browse.shown.is_all() {
        return "what would be here is hidden (+ ~ @ - = show it)".to_owned();
    }
    if browse.all {
        "no files; press a for the layer's changes".to_owned()
    } else {
        "this layer changes no files; press a for all files".to_owned()
    }
}

fn filter(app: &App, rows: &Rows, line: Rect, buffer: &mut Buffer) {
    let right = match (&app.browse.wrong, &rows.view().matches) {
        (Some(wrong), _) => Span::styled(format!(" {wrong} "), app.theme.error),
        (None, Some(matches)) => {
            let text = format!(" {} found, {} ", exact(matches.count as u64), bytes(matches.bytes));
            Span::styled(text, app.theme.faint)
        }
        (None, None) => Span::styled(" text  *.glob  re:regex  >10MB  is:removed  !not ", app.theme.faint),
    };
    let width = usize::from(line.width);
    let text = app.browse.filter.text();
    let room = width.saturating_sub(2);
    let right_width = right.content.width();
    let spans = vec![Span::styled("/ ", app.theme.key), Span::styled(cut_end(text, room), app.theme.title)];
    Line::from(spans).render(line, buffer);
    if text.width() + 2 + right_width <= width {
        let x = line.x + (width - right_width) as u16;
        Line::from(right).render(Rect { x, width: right_width as u16, ..line }, buffer);
    }
}

/// Which columns there are.
#[derive(Clone, Copy)]
struct Columns {
    attributes: bool,
    bar: bool,
}

fn draw_row(app: &App, tree: &Tree, row: &Row, columns: Columns, area: Rect, buffer: &mut Buffer) {
    let (sign, style) = sign(app, row.change);
    let mut spans = vec![Span::styled(sign, style), Span::raw(" ")];
    let mut used = 2;
    if columns.attributes {
        let text = row.at.map_or_else(String::new, |at| {
            let about = tree.attributes(at);
            format!("{} {:>5}:{:<5}", permissions(tree.event_at(at).kind(), about.mode), about.uid, about.gid)
        });
        let text = format!("{text:<23} ");
        used += text.width();
        spans.push(Span::styled(text, app.theme.faint));
    }
    let is_file = row.at.is_some_and(|at| tree.event_at(at).kind() == EventKind::File);
    let size = if row.bytes == 0 && !is_file { String::new() } else { bytes(row.bytes) };
    spans.push(Span::styled(format!("{size:>8} "), app.theme.faint));
    used += 9;
    if columns.bar {
        let text = if row.bytes == 0 { " ".repeat(BAR) } else { bar(row.bytes, row.parent_bytes, BAR) };
        spans.push(Span::styled(format!("{text} "), app.theme.bar));
        used += BAR + 1;
    }
    let indent = indent(row);
    used += indent.width();
    spans.push(Span::styled(indent, app.theme.faint));
    let room = usize::from(area.width).saturating_sub(used);
    let name = cut_middle(&name(tree, row), room);
    let room = room - name.width();
    spans.push(Span::styled(name, style));
    spans.push(Span::styled(cut_end(&target(tree, row), room), app.theme.faint));
    Line::from(spans).render(area, buffer);
}

/// The name, with those of the folders that share the row.
fn name(tree: &Tree, row: &Row) -> String {
    let mut names = vec![shown(tree.paths.name(row.node))];
    let mut at = row.node;
    for _ in 0..row.chain {
        let Some(parent) = tree.paths.parent(at) else { break };
        names.push(shown(tree.paths.name(parent)));
        at = parent;
    }
    names.reverse();
    let mut name = names.join("/");
    if row.folder {
        name.push('/');
    }
    name
}

/// Where a link leads.
pub(super) fn target(tree: &Tree, row: &Row) -> String {
    let Some(event) = row.at.map(|at| tree.event_at(at)) else { return String::new() };
    let symlink = tree.symlink(event).map(|target| format!(" → {}", shown(target)));
    let hard = || tree.link_target(event).map(|node| format!(" = {}", shown(&tree.paths.path(node))));
    symlink.or_else(hard).unwrap_or_default()
}

/// Lines that lead to the row from above, and the mark of a folder.
fn indent(row: &Row) -> String {
    let mut text = String::new();
    // Deep trees keep their last levels: what is further up is far away anyway.
    for level in (1..=usize::from(row.depth).min(12)).rev() {
        text.push_str(if row.lasts >> level & 1 == 1 { "  " } else { "│ " });
    }
    text.push_str(if row.lasts & 1 == 1 { "└─" } else { "├─" });
    text.push_str(match (row.folder, row.open) {
        (true, true) => "▾ ",
        (true, false) => "▸ ",
        _ => " ",
    });
    text
}
