//! Where everything is on the screen, from the terminal's size and a few switches. Drawing and the mouse both ask here, so
//! this module knows neither the state nor the drawing.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Block;

/// A narrower terminal shows only the pane that has the keys.
const ONE_PANE: u16 = 60;
/// A list with fewer rows has no column header.
const HEADED: u16 = 6;
/// Columns from which the two panes of the Waste screen stand side by side.
const SIDE_BY_SIDE: u16 = 130;

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    /// The list: layers, findings.
    List,
    /// The file tree.
    Files,
    /// The details of what is selected.
    Details,
}

/// The frame that all screens share: a header, the body, a footer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) header: Rect,
    pub(super) body: Rect,
    pub(super) footer: Rect,
}

impl Page {
    pub(super) fn of((width, height): (u16, u16)) -> Self {
        let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
        let [header, body, footer] = Rect::new(0, 0, width, height).layout(&Layout::vertical(rows));
        Self { header, body, footer }
    }
}

/// The panes of the Layers screen. A pane that is not shown has no size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panes {
    pub(super) list: Rect,
    pub(super) details: Rect,
    pub(super) files: Rect,
}

impl Panes {
    /// The list and the details on the left, `left` columns wide, the files on the right. The list gets the rows that it
    /// needs, as far as the details can spare them.
    ///
    /// ```text
    /// ┌ list ──┐┌ files ┐
    /// ├ details┤│       │
    /// └────────┘└───────┘
    /// ```
    pub(super) fn of(body: Rect, focus: Focus, left: u16, rows: u16) -> Self {
        let none = Rect { width: 0, height: 0, ..body };
        let (left, files) = if body.width < ONE_PANE {
            if focus == Focus::Files { (none, body) } else { (body, none) }
        } else {
            let [left, files] = body.layout(&Layout::horizontal([Constraint::Length(left), Constraint::Min(0)]));
            (left, files)
        };
        let details = match (focus, left.height) {
            (Focus::Details, height) if height < 16 => height,
            (Focus::Details, height) => height * 2 / 3,
            (_, height) if height >= 16 => height.saturating_sub(rows).clamp(height * 2 / 5, height * 3 / 5),
            _ => 0,
        };
        let [list, details] = left.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(details)]));
        Self { list, details, files }
    }
}

/// The list of findings and the details of the selected one.
pub(super) fn waste_panes(body: Rect, focus: Focus) -> [Rect; 2] {
    let none = Rect { width: 0, height: 0, ..body };
    if body.height < 14 && body.width < SIDE_BY_SIDE {
        return if focus == Focus::Details { [none, body] } else { [body, none] };
    }
    if body.width >= SIDE_BY_SIDE {
        return body.layout(&Layout::horizontal([Constraint::Percentage(55), Constraint::Min(0)]));
    }
    let details = match focus {
        Focus::Details => body.height * 2 / 3,
        _ => (body.height / 2).clamp(6, 16),
    };
    body.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(details)]))
}

/// A pane without its frame.
pub(super) fn inner(area: Rect) -> Rect {
    Block::bordered().inner(area)
}

/// The rows of a list below its column header, where there is room for one.
pub(super) fn below_header(inside: Rect) -> Rect {
    let header = u16::from(inside.height >= HEADED);
    skip_rows(inside, header)
}

/// An area without its first rows.
pub(super) fn skip_rows(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// The last row of an area.
pub(super) fn last_row(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area }
}

/// An overlay that covers most of the screen.
pub(super) fn large(size: (u16, u16)) -> Rect {
    // A small terminal needs every row.
    centred(size, 110, size.1.saturating_sub(if size.1 < 14 { 1 } else { 4 }).min(50))
}

/// An overlay that covers everything but the header and the footer.
pub(super) fn full(size: (u16, u16)) -> Rect {
    Page::of(size).body
}

/// A rectangle in the middle, above the footer. It takes the whole width where only slivers would be left beside it.
pub(super) fn centred((width, height): (u16, u16), wide: u16, high: u16) -> Rect {
    let screen = Rect::new(0, 0, width, height.saturating_sub(1));
    let wide = if width < wide + 16 { width } else { wide };
    let high = high.min(screen.height);
    Rect::new((width - wide) / 2, (screen.height - high) / 2, wide, high)
}
