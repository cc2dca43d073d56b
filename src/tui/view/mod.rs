//! Drawing: each part is a function of the state and a rectangle.

mod files;
mod frame;
mod help;
mod layers;
mod waste;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::app::{App, Screen};

pub(super) use frame::{footer, header};

/// Where everything is.
struct Areas {
    header: Rect,
    layers: Rect,
    details: Rect,
    files: Rect,
    footer: Rect,
}

/// Columns of the layers' pane: less than half, but room for a number, a size and the start of an instruction.
fn areas(area: Rect) -> Areas {
    let [header, body, footer] =
        area.layout(&Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]));
    let left = (area.width * 45 / 100).min(80);
    let [left, files] = body.layout(&Layout::horizontal([Constraint::Length(left), Constraint::Min(0)]));
    // Details go where there is room for them; the list keeps most of it.
    let details = if body.height >= 16 { (body.height / 3).min(12) } else { 0 };
    let [layers, details] = left.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(details)]));
    Areas { header, layers, details, files, footer }
}

/// Rows of the two lists in a terminal of that size, frames taken away.
pub(super) fn heights((width, height): (u16, u16)) -> (usize, usize) {
    let areas = areas(Rect::new(0, 0, width, height));
    let inside = |area: Rect| usize::from(area.height.saturating_sub(2));
    (inside(areas.layers), inside(areas.files))
}

/// The list of findings above, the selected one's details below.
fn waste_areas(area: Rect) -> [Rect; 2] {
    let [_, body, _] =
        area.layout(&Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]));
    // Details need a dozen rows; in a small terminal the list goes first.
    let details = if body.height >= 8 { (body.height / 2).clamp(6, 16) } else { 0 };
    body.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(details)]))
}

/// Rows of the list of findings in a terminal of that size.
pub(super) fn findings_height((width, height): (u16, u16)) -> usize {
    usize::from(waste_areas(Rect::new(0, 0, width, height))[0].height.saturating_sub(2))
}

/// Draws the whole screen.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let areas = areas(frame.area());
    header(app, areas.header, frame.buffer_mut());
    match app.screen {
        Screen::Layers => {
            layers::list(app, areas.layers, frame.buffer_mut());
            layers::details(app, areas.details, frame.buffer_mut());
            files::tree(app, areas.files, frame.buffer_mut());
        }
        Screen::Waste => {
            let [list, details] = waste_areas(frame.area());
            waste::list(app, list, frame.buffer_mut());
            waste::details(app, details, frame.buffer_mut());
        }
    }
    footer(app, areas.footer, frame.buffer_mut());
    if app.help {
        help::popup(app, frame.area(), frame.buffer_mut());
    }
}
