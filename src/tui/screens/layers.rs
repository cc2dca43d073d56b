//! The layers, the details of what is selected, and the files.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::pair::HalfState;
use super::{View, details, files, row_at};
use crate::bytes::shown_text;
use crate::image::Image;
use crate::tree::NodeId;
use crate::tui::app::App;
use crate::tui::chrome::{bar, frame, select};
use crate::tui::cursor::Cursor;
use crate::tui::jobs::{PathCost, path_of};
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{Focus, Page, Panes, below_header, inner};
use crate::tui::line::Line as Typed;
use crate::tui::text::{bytes, cut_end};

/// Stands in the place of an instruction that nobody recorded.
pub(in crate::tui) const NO_HISTORY: &str = "(no history)";

/// Columns of the size bar.
const BAR: usize = 6;

/// The state of the Layers screen; the comparison of two images has the same panes.
#[derive(Debug)]
pub(in crate::tui) struct LayersState {
    /// The selected layer. `top` counts rows of the list, where the base image ends with a row of its own.
    pub(in crate::tui) cursor: Cursor,
    /// The marked layer: everything between it and the selected one is shown as one change.
    pub(in crate::tui) mark: Option<usize>,
    /// Bytes that joining the layers of that range would save.
    pub(in crate::tui) joined: u64,
    pub(in crate::tui) focus: Focus,
    /// Columns of the left side in percent, where the user dragged the divider.
    split: Option<u16>,
    dragging: bool,
    /// How far the details are scrolled.
    pub(in crate::tui) details: Cursor,
    /// What the selected path costs, and the number of the job that was asked for it.
    pub(in crate::tui) cost: Option<PathCost>,
    pub(in crate::tui) cost_number: u64,
    /// By which layers the dead bytes of the selected one were hidden.
    pub(in crate::tui) killers: Vec<(u16, u64)>,
    /// Two images that are read to be compared.
    pub(in crate::tui) halves: Option<[HalfState; 2]>,
}

impl Default for LayersState {
    fn default() -> Self {
        Self {
            cursor: Cursor::default(),
            mark: None,
            joined: 0,
            focus: Focus::List,
            split: None,
            dragging: false,
            details: Cursor::default(),
            cost: None,
            cost_number: 0,
            killers: Vec::new(),
            halves: None,
        }
    }
}

/// Where the panes are.
pub(super) fn panes(app: &App) -> Panes {
    let body = Page::of(app.size).body;
    let left = match app.layers.split {
        Some(percent) => (u32::from(body.width) * u32::from(percent) / 100) as u16,
        None => wanted_width(app, body.width),
    };
    let rows = items(app) as u16 + 3;
    Panes::of(body, app.layers.focus, left, rows)
}

/// Columns of the left side: as many as the instructions need, between two fifths and a little more than half of all.
fn wanted_width(app: &App, width: u16) -> u16 {
    let least = u32::from(width) * 42 / 100;
    let most = u32::from(width) * 55 / 100;
    if width < 100 || app.pair.is_some() {
        return least as u16;
    }
    let longest = app.image().map_or(0, |image| {
        // More than fits makes no difference.
        let text = |layer| image.instruction_line(layer).map_or(0, |text| text.chars().take(120).count());
        (0..image.layers.len()).take(200).map(text).max().unwrap_or(0)
    });
    (longest as u32 + 30).clamp(least, most) as u16
}

/// Whether base and own layers are told apart by a row of their own.
fn has_divider(app: &App) -> bool {
    let base = app.base_layers();
    base > 0 && base < app.layer_count()
}

/// Rows of the list.
fn items(app: &App) -> usize {
    app.layer_count() + usize::from(has_divider(app)) + usize::from(has_total(app))
}

/// The row of the list that a layer has.
fn row_of(app: &App, layer: usize) -> usize {
    layer + usize::from(has_divider(app) && layer >= app.base_layers())
}

/// The layer of a row of the list; of the divider, the first own one.
fn layer_of(app: &App, row: usize) -> usize {
    let row = if has_divider(app) && row > app.base_layers() { row - 1 } else { row };
    row.min(app.layer_count().saturating_sub(1))
}

fn has_total(app: &App) -> bool {
    app.size.0 >= 100 && app.judged && app.pair.is_none() && app.layer_count() > 1
}

/// The Layers screen.
pub(super) struct Layers;

impl View for Layers {
    fn title(&self) -> &'static str {
        "1 Layers"
    }

    fn place(&self, app: &App) -> Place {
        match app.layers.focus {
            Focus::List => Place::Layers,
            Focus::Files => Place::Files,
            Focus::Details => Place::Details,
        }
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        act(app, action)
    }

    fn draw(&self, app: &App, _area: Rect, buffer: &mut Buffer) {
        let panes = panes(app);
        list(app, panes.list, buffer);
        details::draw(app, panes.details, buffer);
        files::draw(app, panes.files, app.layers.focus == Focus::Files, buffer);
    }

    fn click(&self, app: &mut App, _area: Rect, at: Position) {
        click(app, at);
    }

    fn scroll(&self, app: &mut App, _area: Rect, at: Position, by: isize) {
        scroll(app, at, by);
    }

    fn fit(&self, app: &mut App) {
        fit(app);
    }

    fn page(&self, app: &App) -> usize {
        page(app)
    }

    fn drag(&self, app: &mut App, at: Option<Position>) {
        drag(app, at);
    }

    fn selected(&self, app: &App) -> Option<NodeId> {
        app.browse.selected().filter(|_| app.layers.focus == Focus::Files).map(|row| row.node)
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let mut items = Vec::new();
        if let (Some(tree), Some(node)) = (app.tree(), self.selected(app)) {
            items.push(("path", path_of(tree, node)));
        }
        items.extend(copies_of_layer(app, app.layers.cursor.at));
        items
    }

    fn offers(&self, app: &App, action: Action) -> bool {
        match app.layers.focus {
            Focus::Files => files::offers(app, action),
            _ => true,
        }
    }

    fn typing<'a>(&self, app: &'a App, _area: Rect) -> Option<(&'a Typed, Position)> {
        files::typing(app, panes(app).files)
    }

    fn type_key(&self, app: &mut App, key: Key) {
        files::type_key(app, key);
    }

    fn paste(&self, app: &mut App, text: &str) {
        if app.browse.typing {
            app.browse.filter.paste(text);
            files::typed(app);
        }
    }
}

/// What can be copied of a layer.
pub(super) fn copies_of_layer(app: &App, layer: usize) -> Vec<(&'static str, String)> {
    let Some(image) = app.image() else { return Vec::new() };
    let mut items: Vec<_> = image.instruction_line(layer).map(|text| ("instruction", text)).into_iter().collect();
    if let Some(layer) = image.layers.get(layer) {
        items.extend(layer.diff_id.as_ref().map(|digest| ("diff ID", digest.to_string())));
        items.extend(layer.digest.as_ref().map(|digest| ("blob digest", digest.to_string())));
    }
    items
}

/// What a key means in one of the panes.
pub(super) fn act(app: &mut App, action: Action) -> bool {
    if files::act_beside(app, action) {
        return true;
    }
    match action {
        Action::Back => return back(app),
        Action::NextPane => {
            app.layers.focus = match app.layers.focus {
                Focus::List => Focus::Files,
                Focus::Files => Focus::Details,
                Focus::Details => Focus::List,
            };
            details::ask(app);
        }
        Action::PreviousLayer => step_layer(app, -1),
        Action::NextLayer => step_layer(app, 1),
        Action::Mark | Action::Aggregate | Action::OneLayer if app.pair.is_some() => {
            app.notify("the files are those of both images as they are in the end");
        }
        Action::Mark if app.layers.focus == Focus::List => {
            app.layers.mark = if app.layers.mark.is_some() { None } else { Some(app.layers.cursor.at) };
            app.show_again();
        }
        Action::Aggregate => {
            app.layers.mark = Some(0);
            app.show_again();
        }
        Action::OneLayer => {
            app.layers.mark = None;
            app.show_again();
        }
        _ => {
            return match app.layers.focus {
                Focus::Files => {
                    let done = files::act(app, action);
                    details::ask(app);
                    done
                }
                Focus::List => act_in_list(app, action),
                Focus::Details => details::act(app, action),
            };
        }
    }
    true
}

fn act_in_list(app: &mut App, action: Action) -> bool {
    let page = page(app).max(1) as isize;
    match action {
        Action::Up => step_layer(app, -1),
        Action::Down => step_layer(app, 1),
        Action::PageUp => step_layer(app, -page),
        Action::PageDown => step_layer(app, page),
        Action::First => step_layer(app, isize::MIN + 1),
        Action::Last => step_layer(app, isize::MAX),
        Action::Open | Action::Right => {
            app.layers.focus = Focus::Files;
            details::ask(app);
        }
        _ => return false,
    }
    true
}

/// Closes what is nearest: the filter, the mark, the way here, the pane.
fn back(app: &mut App) -> bool {
    if files::end_filter(app) {
        return true;
    }
    if app.layers.mark.take().is_some() {
        app.show_again();
        return true;
    }
    if app.jump(false) {
        return true;
    }
    if app.layers.focus == Focus::List {
        return false;
    }
    app.layers.focus = Focus::List;
    true
}

fn step_layer(app: &mut App, by: isize) {
    let before = app.layers.cursor.at;
    let count = app.layer_count();
    app.layers.cursor.step(by, count);
    if app.layers.cursor.at != before {
        layer_changed(app);
    }
}

/// Another layer is selected.
fn layer_changed(app: &mut App) {
    app.layers.details = Cursor::default();
    // With a mark it is the range that changes; of two images the files stay the same.
    if app.pair.is_some() {
        return;
    }
    if app.layers.mark.is_some() {
        app.show_again();
    } else {
        app.show_layer();
    }
}

pub(super) fn page(app: &App) -> usize {
    let panes = panes(app);
    match app.layers.focus {
        Focus::List => below_header(inner(panes.list)).height.into(),
        Focus::Files => files::height(app, panes.files),
        Focus::Details => inner(panes.details).height.into(),
    }
}

pub(super) fn fit(app: &mut App) {
    let panes = panes(app);
    let height = below_header(inner(panes.list)).height.into();
    let mut rows = Cursor { at: row_of(app, app.layers.cursor.at), top: app.layers.cursor.top };
    rows.follow(height, items(app));
    app.layers.cursor.at = app.layers.cursor.at.min(app.layer_count().saturating_sub(1));
    app.layers.cursor.top = rows.top;
    let height = files::height(app, panes.files);
    let len = app.browse.rows().len();
    app.browse.cursor.follow(height, len);
    details::fit(app, panes.details);
}

pub(super) fn click(app: &mut App, at: Position) {
    let panes = panes(app);
    app.browse.typing = false;
    let divider = panes.files.x;
    if divider > 0 && panes.list.width > 0 && (divider.saturating_sub(1)..=divider).contains(&at.x) {
        app.layers.dragging = true;
        return;
    }
    let rows = below_header(inner(panes.list));
    if let Some(row) = row_at(rows, at, app.layers.cursor.top, row_of(app, app.layer_count().saturating_sub(1)) + 1) {
        let layer = layer_of(app, row);
        let again = app.layers.focus == Focus::List && app.layers.cursor.at == layer;
        app.layers.focus = Focus::List;
        if again {
            app.act(Action::Open);
        } else if app.layers.cursor.at != layer {
            app.layers.cursor.at = layer;
            layer_changed(app);
        }
    } else if panes.list.contains(at) {
        app.layers.focus = Focus::List;
    } else if panes.details.contains(at) {
        app.layers.focus = Focus::Details;
    } else if panes.files.contains(at) {
        files::click(app, panes.files, at);
    }
    details::ask(app);
}

pub(super) fn scroll(app: &mut App, at: Position, by: isize) {
    let panes = panes(app);
    if panes.list.contains(at) {
        let height = below_header(inner(panes.list)).height.into();
        let mut rows = Cursor { at: row_of(app, app.layers.cursor.at), top: app.layers.cursor.top };
        rows.scroll(by, height, items(app));
        let layer = layer_of(app, rows.at);
        app.layers.cursor.top = rows.top;
        if layer != app.layers.cursor.at {
            app.layers.cursor.at = layer;
            layer_changed(app);
        }
    } else if panes.files.contains(at) {
        files::scroll(app, panes.files, by);
        details::ask(app);
    } else if panes.details.contains(at) {
        details::scroll(app, panes.details, by);
    }
}

pub(super) fn drag(app: &mut App, at: Option<Position>) {
    match at {
        Some(at) if app.layers.dragging => {
            let width = u32::from(app.size.0.max(1));
            app.layers.split = Some((u32::from(at.x) * 100).div_ceil(width).clamp(15, 85) as u16);
        }
        Some(_) => {}
        None => app.layers.dragging = false,
    }
}

/// Which columns of the list there is room for.
#[allow(clippy::struct_excessive_bools, reason = "each is a column of its own")]
struct Columns {
    digits: usize,
    bar: bool,
    pull: bool,
    /// Dead bytes as a number, and not as a share.
    dead_bytes: bool,
    dead: bool,
}

impl Columns {
    fn of(app: &App, width: u16) -> Self {
        let digits = app.layer_count().saturating_sub(1).to_string().len().max(2);
        let compressed = app.found.as_ref().is_some_and(|found| found.compressed_bytes().is_some());
        Self { digits, bar: width >= 56, pull: compressed && width >= 68, dead_bytes: width >= 50, dead: width >= 28 }
    }

    fn header(&self) -> String {
        let mut text = format!(" {:>digits$} {:>8} ", "#", "SIZE", digits = self.digits);
        if self.bar {
            text += &" ".repeat(BAR + 1);
        }
        if self.pull {
            text += "    PULL ";
        }
        if self.dead_bytes {
            text += "    DEAD   ";
        } else if self.dead {
            text += "DEAD ";
        }
        text + "INSTRUCTION"
    }
}

/// The layers with their sizes and instructions, the base on top.
fn list(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let focused = app.layers.focus == Focus::List;
    let count = app.layer_count();
    let title = if app.image().is_some() { format!("Layers ({count})") } else { "Layers".to_owned() };
    let range = app.range();
    let note = match app.layers.mark {
        Some(_) => format!("{} to {} as one change", range.first, range.last),
        None => String::new(),
    };
    let inside = frame(app, &title, &note, focused, area, buffer);
    let rows = below_header(inside);
    let Some(image) = app.image() else {
        Line::styled(cut_end(&app.progress, usize::from(inside.width)), app.theme.faint).render(inside, buffer);
        return;
    };
    if count == 0 {
        Line::styled("the image has no layers", app.theme.faint).render(rows, buffer);
    }
    let columns = Columns::of(app, inside.width);
    if rows.y > inside.y {
        let header = Rect { height: 1, ..inside };
        Line::styled(cut_end(&columns.header(), usize::from(header.width)), app.theme.faint).render(header, buffer);
    }
    let largest = (0..count).filter_map(|layer| size(app, image, layer)).max().unwrap_or(0);
    let divider = has_divider(app).then(|| app.base_layers());
    for (line, row) in rows.rows().zip(app.layers.cursor.top..items(app)) {
        let width = usize::from(line.width);
        if divider == Some(row) {
            Line::styled(divider_text(app, width), app.theme.faint).render(line, buffer);
            continue;
        }
        let layer = row - usize::from(divider.is_some_and(|base| row > base));
        if layer >= count {
            total(app, &columns, usize::from(line.width)).render(line, buffer);
            continue;
        }
        let marked = app.layers.mark.is_some() && (usize::from(range.first)..=usize::from(range.last)).contains(&layer);
        let mut spans = vec![Span::styled(if marked { "▌" } else { " " }, app.theme.focus)];
        spans.extend(list_row(app, image, layer, largest, &columns, width.saturating_sub(1)));
        Line::from(spans).render(line, buffer);
        if marked && layer != app.layers.cursor.at {
            buffer.set_style(line, app.theme.marked);
        }
        if layer == app.layers.cursor.at {
            select(app, focused, line, None, buffer);
        }
    }
}

/// `── base 117 MB ─── own 728 MB ──`
fn divider_text(app: &App, width: usize) -> String {
    let Some(found) = &app.found else { return String::new() };
    let own = found.waste.own_content_bytes;
    let base = found.waste.content_bytes.saturating_sub(own);
    let words = if width >= 50 { ["base image", "own layers"] } else { ["base", "own"] };
    let text = format!("── {} {} ─── {} {} ", words[0], bytes(base), words[1], bytes(own));
    let rest = width.saturating_sub(text.width());
    cut_end(&(text + &"─".repeat(rest)), width)
}

/// What all layers store, and what is left of it.
fn total(app: &App, columns: &Columns, width: usize) -> Line<'static> {
    let Some(found) = &app.found else { return Line::default() };
    let waste = &found.waste;
    let dead = waste.content_bytes.saturating_sub(waste.live_bytes);
    let mut text = format!(" {:>digits$} {:>8} ", "", bytes(waste.content_bytes), digits = columns.digits);
    if columns.bar {
        text += &" ".repeat(BAR + 1);
    }
    if columns.pull {
        let _ = write!(text, "{:>8} ", found.compressed_bytes().map(bytes).unwrap_or_default());
    }
    if columns.dead_bytes {
        let _ = write!(text, "{:>8}   ", bytes(dead));
    } else if columns.dead {
        text += "     ";
    }
    let live = format!("= {} in the final file system", bytes(waste.live_bytes));
    if text.width() + live.width() <= width {
        text += &live;
    } else {
        let _ = write!(text, "= {} live", bytes(waste.live_bytes));
    }
    Line::styled(cut_end(&text, width), app.theme.faint)
}

/// Content of a layer, as far as it is known: what was read, else what an engine reports.
fn size(app: &App, image: &Image, layer: usize) -> Option<u64> {
    match &app.found {
        Some(found) => found.tree.layers.get(layer).map(|events| events.content_bytes),
        None => app.ready.get(layer).copied().flatten().or(image.layers.get(layer)?.told_bytes),
    }
}

fn list_row(
    app: &App,
    image: &Image,
    layer: usize,
    largest: u64,
    columns: &Columns,
    width: usize,
) -> Vec<Span<'static>> {
    let theme = &app.theme;
    let facts = app.found.as_ref().and_then(|found| found.layers.get(layer));
    let size = size(app, image, layer);
    let digits = columns.digits;
    let mut spans = vec![Span::styled(format!("{layer:>digits$} "), theme.faint)];
    let text = match (size, facts) {
        (_, Some(facts)) if facts.missing => "absent".to_owned(),
        (Some(size), _) => bytes(size),
        (None, _) => "…".to_owned(),
    };
    let dead = app.found.as_ref().and_then(|found| found.waste.dead_of_layer.get(layer).copied()).unwrap_or(0);
    // Without a column of its own, dead bytes show by the colour of the size.
    let style = match (size, dead) {
        (None | Some(0), _) => theme.faint,
        (_, dead) if dead > 0 && !columns.dead => theme.wasted,
        _ => theme.title,
    };
    spans.push(Span::styled(format!("{text:>8} "), style));
    if columns.bar {
        let text = size.map_or_else(|| " ".repeat(BAR), |size| bar(size, largest, BAR));
        spans.push(Span::styled(format!("{text} "), theme.bar));
    }
    if columns.pull {
        let pull = facts.and_then(|facts| facts.compressed_bytes).map(bytes).unwrap_or_default();
        spans.push(Span::styled(format!("{pull:>8} "), theme.faint));
    }
    let percent = match size {
        Some(size) if size > 0 && dead > 0 => (dead as f64 * 100.0 / size as f64).ceil(),
        _ => 0.0,
    };
    if columns.dead_bytes {
        let text = if dead > 0 { bytes(dead) } else { String::new() };
        let shade = match percent as u64 {
            0 => "  ",
            1..=33 => "░ ",
            34..=66 => "▒ ",
            _ => "▓ ",
        };
        spans.push(Span::styled(format!("{text:>8} {shade}"), theme.wasted));
    } else if columns.dead {
        let text = if dead > 0 { format!("{percent:.0}%") } else { String::new() };
        spans.push(Span::styled(format!("{text:>4} "), theme.wasted));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let text = image.instruction_line(layer).unwrap_or_else(|| NO_HISTORY.to_owned());
    // Most instructions are RUN: the word would push out what differs.
    let text = shown_text(text.strip_prefix("RUN ").unwrap_or(&text));
    let style = if layer < app.base_layers() { theme.faint } else { Style::new() };
    spans.push(Span::styled(cut_end(&text, width.saturating_sub(used)), style));
    spans
}
