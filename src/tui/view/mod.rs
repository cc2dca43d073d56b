//! Drawing: each part is a function of the state and a rectangle. Where everything is, is said here, for drawing and the
//! mouse alike.

mod documents;
mod files;
mod frame;
mod help;
mod layers;
mod map;
mod overlays;
mod pair;
mod viewer;
mod waste;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{Block, Widget as _};

use super::app::{App, Focus, Screen};
use super::keymap::Place;
use super::overlay::Overlay;

pub(super) use documents::documents_size;
pub(super) use files::shows_attributes;
pub(super) use frame::tabs;
pub(super) use help::help_end;
pub(super) use layers::details_size;
pub(super) use overlays::overlay_area;

/// In a narrower terminal only the pane that has the keys is shown.
const ONE_PANE: u16 = 60;
/// In a lower list there is no row to spare for the names of its columns.
const HEADED: u16 = 8;

/// Where everything is. What is not shown has no size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Areas {
    pub(super) header: Rect,
    pub(super) body: Rect,
    pub(super) layers: Rect,
    pub(super) details: Rect,
    pub(super) files: Rect,
    pub(super) footer: Rect,
}

impl Areas {
    pub(super) fn of(app: &App) -> Self {
        let area = Rect::new(0, 0, app.size.0, app.size.1);
        let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
        let [header, body, footer] = area.layout(&Layout::vertical(rows));
        let nothing = Rect { width: 0, height: 0, ..body };
        let (left, files) = if area.width < ONE_PANE {
            if app.focus == Focus::Files { (nothing, body) } else { (body, nothing) }
        } else {
            let left = (u32::from(area.width) * u32::from(app.split) / 100) as u16;
            let columns = [Constraint::Length(left), Constraint::Min(0)];
            let [left, files] = body.layout(&Layout::horizontal(columns));
            (left, files)
        };
        // Details go where there is room for them; the list keeps most of it, unless they are what is looked at.
        let details = match (app.focus, left.height) {
            (Focus::Details, height) if height < 16 => height,
            (Focus::Details, height) => height * 2 / 3,
            (_, height) if height >= 16 => (height * 2 / 5).min(16),
            _ => 0,
        };
        let [layers, details] = left.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(details)]));
        Self { header, body, layers, details, files, footer }
    }
}

/// A pane without its frame.
pub(super) fn inner(area: Rect) -> Rect {
    Block::bordered().inner(area)
}

/// Rows of the list of layers in its pane.
pub(super) fn layer_rows(area: Rect) -> Rect {
    below_head(inner(area))
}

/// Rows of the tree in its pane: one is the filter's when there is one.
pub(super) fn file_rows(app: &App, area: Rect) -> Rect {
    let inside = inner(area);
    let filter = u16::from(files::has_filter(app) && inside.height > 1);
    Rect { height: inside.height - filter, ..inside }
}

/// The list of findings and the selected one's details.
fn waste_areas(app: &App) -> [Rect; 2] {
    let body = Areas::of(app).body;
    // Where there is no room for both, the one that has the keys has it all.
    if body.height < 14 && body.width < 130 {
        let nothing = Rect { width: 0, height: 0, ..body };
        return if app.focus == Focus::Details { [nothing, body] } else { [body, nothing] };
    }
    if body.width >= 130 {
        return body.layout(&Layout::horizontal([Constraint::Percentage(55), Constraint::Min(0)]));
    }
    let details = match app.focus {
        Focus::Details => body.height * 2 / 3,
        _ => (body.height / 2).clamp(6, 16),
    };
    body.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(details)]))
}

/// Rows of the list of findings.
pub(super) fn findings_list(app: &App) -> Rect {
    inner(waste_areas(app)[0])
}

/// Where the tiles are.
pub(super) fn map_area(app: &App) -> Rect {
    let inside = inner(Areas::of(app).body);
    // The last row says what is selected.
    Rect { height: inside.height.saturating_sub(1), ..inside }
}

fn below_head(inside: Rect) -> Rect {
    let head = u16::from(inside.height >= HEADED);
    Rect { y: inside.y + head, height: inside.height - head, ..inside }
}

/// Rows of the list of paths to go to: what is typed stands above.
pub(super) fn jump_rows(area: Rect) -> Rect {
    let inside = inner(area);
    let head = if inside.height < 5 { inside.height.min(1) } else { 2 };
    Rect { y: inside.y + head, height: inside.height - head, ..inside }
}

/// Rows of a path's history.
pub(super) fn history_rows(area: Rect) -> Rect {
    below_head(inner(area))
}

/// Rows of all lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heights {
    pub(super) layers: usize,
    pub(super) files: usize,
    pub(super) findings: usize,
    pub(super) jump: usize,
    pub(super) history: usize,
    /// Columns and rows.
    pub(super) viewer: (usize, usize),
}

impl Heights {
    pub(super) fn of(app: &App) -> Self {
        let areas = Areas::of(app);
        Self {
            layers: layer_rows(areas.layers).height.into(),
            files: file_rows(app, areas.files).height.into(),
            findings: findings_list(app).height.into(),
            ..Self::of_size(app.size)
        }
    }

    /// Of what lies over the screen.
    pub(super) fn of_size(size: (u16, u16)) -> Self {
        let viewer = viewer::text_area(size);
        Self {
            jump: jump_rows(overlays::large(size)).height.into(),
            history: history_rows(overlays::large(size)).height.into(),
            viewer: (viewer.width.into(), viewer.height.into()),
            ..Self::default()
        }
    }
}

/// Rows of what has the keys.
pub(super) fn page(app: &App) -> usize {
    let heights = Heights::of(app);
    match (app.overlays.last(), app.place()) {
        (Some(Overlay::Jump(_)), _) => heights.jump,
        (_, Place::History) => heights.history,
        (_, Place::Viewer) => heights.viewer.1,
        (_, Place::Layers) => heights.layers,
        (_, Place::Files) => heights.files,
        (_, Place::Details | Place::Cause) => details_size(app).0,
        (_, Place::Waste) => heights.findings,
        (_, Place::Image) => documents_size(app).0,
        (_, Place::Map) => 10,
    }
}

/// Draws the whole screen.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let areas = Areas::of(app);
    let buffer = frame.buffer_mut();
    buffer.set_style(buffer.area, app.theme.base);
    frame::header(app, areas.header, buffer);
    match app.screen {
        Screen::Layers => {
            layers::list(app, areas.layers, buffer);
            layers::details(app, areas.details, buffer);
            files::tree(app, areas.files, buffer);
        }
        Screen::Waste => {
            let [list, details] = waste_areas(app);
            waste::list(app, list, buffer);
            waste::details(app, details, buffer);
        }
        Screen::Map => map::map(app, areas.body, buffer),
        Screen::Image => documents::page(app, areas.body, buffer),
    }
    for overlay in &app.overlays {
        let area = overlay_area(overlay, app.size);
        ratatui::widgets::Clear.render(area, buffer);
        buffer.set_style(area, app.theme.base);
        match overlay {
            Overlay::Help { line, top } => help::popup(app, line, *top, area, buffer),
            Overlay::Jump(jump) => overlays::jump(app, jump, area, buffer),
            Overlay::History(history) => overlays::history(app, history, area, buffer),
            Overlay::Copy { items, cursor } => overlays::copy(app, items, *cursor, area, buffer),
            Overlay::Save { line, node, layer } => overlays::save(app, line, *node, *layer, area, buffer),
            Overlay::Viewer(content) => viewer::viewer(app, content, area, buffer),
        }
    }
    frame::footer(app, areas.footer, buffer);
    if let Some(cursor) = frame::typing_at(app) {
        frame.set_cursor_position(cursor);
    }
}
