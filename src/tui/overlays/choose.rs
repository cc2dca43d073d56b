//! Which image of several in an archive, or which platform of one.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::{Overlay, act_alike};
use crate::bytes::shown_text;
use crate::image::{Choice, ImageError};
use crate::inspect::InspectError;
use crate::tui::app::{App, Effect};
use crate::tui::chrome::{Hint, frame, select, typing_hints};
use crate::tui::cursor::Cursor;
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{centred, inner};
use crate::tui::text::{bytes, cut_end, cut_middle};

/// A row: an image, or one of its platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// What to open, as the user would type it.
    reference: String,
    platform: Option<String>,
    text: String,
    about: String,
}

/// The choice.
#[derive(Debug)]
struct Choose {
    title: String,
    rows: Vec<Row>,
    cursor: Cursor,
    height: usize,
    /// Nothing is open, so leaving the choice leaves the program.
    must: bool,
    closed: bool,
}

/// Offers the images of an archive that holds several. False for all other errors.
pub(in crate::tui) fn choose_image(app: &mut App, error: &InspectError) -> bool {
    let InspectError::Image { name, error: ImageError::Several(choices) } = error else { return false };
    let rows = choices.iter().flat_map(|choice| rows_of(name, choice)).collect();
    let title = format!("{} holds {} images", shown_text(name), choices.len());
    open(app, title, rows, true);
    true
}

/// Offers the platforms of the image that is open.
pub(in crate::tui) fn choose_platform(app: &mut App) {
    let Some(image) = app.image() else { return };
    let (own, reference) = (image.platform.to_string(), app.reference.clone());
    let row = |platform: &crate::image::Platform| {
        let text = platform.to_string();
        let about = if text == own { "open now".to_owned() } else { String::new() };
        Row { reference: reference.clone(), platform: Some(text.clone()), text, about }
    };
    let rows: Vec<Row> = image.platforms.iter().map(row).collect();
    if rows.len() < 2 {
        return app.notify(&format!("the image has one platform, {own}"));
    }
    open(app, "Platforms".to_owned(), rows, false);
}

fn open(app: &mut App, title: String, rows: Vec<Row>, must: bool) {
    app.overlays.push(Box::new(Choose { title, rows, cursor: Cursor::default(), height: 0, must, closed: false }));
}

/// An image, and below it its platforms where there are several.
fn rows_of(name: &str, choice: &Choice) -> Vec<Row> {
    let reference = format!("{name}@{}", choice.number);
    let names = if choice.names.is_empty() { "(no name)".to_owned() } else { choice.names.join("  ") };
    let digest = choice.digest.as_ref().map(|digest| digest.short().to_string()).unwrap_or_default();
    let platforms: Vec<String> = choice.platforms.iter().map(ToString::to_string).collect();
    let platform = if let [platform] = platforms.as_slice() { platform.clone() } else { String::new() };
    let size = choice.bytes.map(bytes).unwrap_or_default();
    let mut rows = vec![Row {
        reference: reference.clone(),
        platform: None,
        text: shown_text(&names),
        about: shown_text(format!("{size:>9}  {platform}  {digest}").trim_end()),
    }];
    if platforms.len() > 1 {
        rows.extend(platforms.into_iter().map(|platform| Row {
            reference: reference.clone(),
            text: format!("  {}", shown_text(&platform)),
            platform: Some(platform),
            about: String::new(),
        }));
    }
    rows
}

impl Choose {
    fn take(&mut self, app: &mut App) {
        if let Some(row) = self.rows.get(self.cursor.at).cloned() {
            self.closed = true;
            app.reopen(row.reference, row.platform);
        }
    }
}

impl Overlay for Choose {
    fn place(&self) -> Place {
        Place::Copy
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let action = app.keys.action(Place::Copy, key);
        let (len, page) = (self.rows.len(), self.height.max(1) as isize);
        match action {
            Some(Action::Up) => self.cursor.step(-1, len),
            Some(Action::Down) => self.cursor.step(1, len),
            Some(Action::PageUp) => self.cursor.step(-page, len),
            Some(Action::PageDown) => self.cursor.step(page, len),
            Some(Action::First) => self.cursor.at = 0,
            Some(Action::Last) => self.cursor.at = len.saturating_sub(1),
            Some(Action::Open | Action::Right) => self.take(app),
            Some(Action::Back | Action::Quit | Action::Left) if self.must => app.effect(Effect::Quit),
            Some(Action::Left) => self.close(),
            _ => {
                act_alike(self, app, action);
            }
        }
    }

    fn click(&mut self, app: &mut App, area: Rect, at: Position) {
        let place = self.cursor.top + usize::from(at.y.saturating_sub(inner(area).y));
        if inner(area).contains(at) && place < self.rows.len() {
            self.cursor.at = place;
            self.take(app);
        }
    }

    fn scroll(&mut self, by: isize) {
        let (height, len) = (self.height, self.rows.len());
        self.cursor.scroll(by, height, len);
    }

    fn fit(&mut self, app: &mut App) {
        self.height = inner(self.area(app.size)).height.into();
        self.cursor.follow(self.height, self.rows.len());
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        centred(size, 100, (self.rows.len() as u16 + 2).min(size.1.saturating_sub(2)))
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let inside = frame(app, &self.title, "", true, area, buffer);
        let width = usize::from(inside.width);
        let about = self.rows.iter().map(|row| row.about.width()).max().unwrap_or(0).min(width / 2);
        let names = width.saturating_sub(about + 3);
        for ((place, row), line) in self.rows.iter().enumerate().skip(self.cursor.top).zip(inside.rows()) {
            let name = cut_middle(&row.text, names);
            let gap = " ".repeat(names.saturating_sub(name.width()) + 2);
            let spans =
                vec![Span::raw(format!(" {name}{gap}")), Span::styled(cut_end(&row.about, about), app.theme.faint)];
            Line::from(spans).render(line, buffer);
            if place == self.cursor.at {
                select(app, true, line, None, buffer);
            }
        }
    }

    fn hints(&self, _app: &App) -> Vec<Hint> {
        typing_hints("open", if self.must { "leave" } else { "close" })
    }
}
