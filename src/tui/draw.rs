//! Drawing a frame.

use ratatui::Frame;
use ratatui::layout::Position;
use ratatui::widgets::{Clear, Widget as _};

use super::app::App;
use super::chrome;
use super::layout::Page;

/// Draws the whole screen.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let page = Page::of(app.size);
    let buffer = frame.buffer_mut();
    buffer.set_style(buffer.area, app.theme.base);
    chrome::header(app, page.header, buffer);
    app.screen.view().draw(app, page.body, buffer);
    for overlay in &app.overlays {
        let area = overlay.area(app.size);
        Clear.render(area, buffer);
        buffer.set_style(area, app.theme.base);
        overlay.draw(app, area, buffer);
    }
    chrome::footer(app, page.footer, buffer);
    if let Some(cursor) = cursor(app) {
        frame.set_cursor_position(cursor);
    }
}

/// Where typed letters go.
fn cursor(app: &App) -> Option<Position> {
    let (line, at) = match app.overlays.last() {
        Some(overlay) => overlay.typing(overlay.area(app.size))?,
        None => app.screen.view().typing(app, Page::of(app.size).body)?,
    };
    let column = usize::from(at.x) + line.cursor();
    let column = column.min(usize::from(app.size.0.saturating_sub(2)));
    Some(Position::new(column as u16, at.y)).filter(|at| at.x < app.size.0 && at.y < app.size.1)
}
