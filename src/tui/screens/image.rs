//! What the manifest, the config and the history say.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::View;
use super::layers::NO_HISTORY;
use crate::bytes::shown_text;
use crate::image::Image as Documents;
use crate::inspect::{Inspection, Verification};
use crate::report::exact;
use crate::tui::app::App;
use crate::tui::chrome::{frame, text};
use crate::tui::cursor::Cursor;
use crate::tui::keymap::{Action, Place};
use crate::tui::layout::{Page, inner};
use crate::tui::text::{bytes, cut_end, wrap};

/// Lines that are made: nobody reads more, and each key would have to make them.
const MOST: usize = 5_000;
/// Columns of the names on the left.
const NAMES: usize = 14;

/// The state of the Image screen: how far it is scrolled.
#[derive(Debug, Default)]
pub(in crate::tui) struct ImageState {
    pub(in crate::tui) scroll: Cursor,
}

/// The Image screen.
pub(super) struct Image;

impl View for Image {
    fn title(&self) -> &'static str {
        "4 Image"
    }

    fn place(&self, _app: &App) -> Place {
        Place::Image
    }

    fn act(&self, app: &mut App, action: Action) -> bool {
        act(app, action, &lines)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        draw(app, "Image", &lines, area, buffer);
    }

    fn click(&self, _app: &mut App, _area: Rect, _at: Position) {}

    fn scroll(&self, app: &mut App, _area: Rect, _at: Position, by: isize) {
        scroll(app, by, &lines);
    }

    fn fit(&self, app: &mut App) {
        scroll(app, 0, &lines);
    }

    fn copies(&self, app: &App) -> Vec<(&'static str, String)> {
        let Some(image) = app.image() else { return Vec::new() };
        let mut items = vec![("image ID", image.id.to_string())];
        items.extend(image.digest.as_ref().map(|digest| ("manifest digest", digest.to_string())));
        items.extend(image.tags.first().map(|tag| ("name", tag.clone())));
        items
    }

    fn offers(&self, _app: &App, action: Action) -> bool {
        !matches!(action, Action::Open | Action::NextPane)
    }
}

/// Makes the lines of a page for a width.
type Lines = dyn Fn(&App, usize) -> Vec<Line<'static>>;

/// What a key means on a page of text.
pub(super) fn act(app: &mut App, action: Action, lines: &Lines) -> bool {
    let height = isize::from(inner(Page::of(app.size).body).height.max(1) as i16);
    match action {
        Action::Up => scroll(app, -1, lines),
        Action::Down => scroll(app, 1, lines),
        Action::PageUp => scroll(app, -height, lines),
        Action::PageDown => scroll(app, height, lines),
        Action::First => scroll(app, isize::MIN + 1, lines),
        Action::Last => scroll(app, isize::MAX, lines),
        Action::Open | Action::Right => {}
        Action::Left => app.act(Action::Back),
        _ => return false,
    }
    true
}

/// Moves the page.
pub(super) fn scroll(app: &mut App, by: isize, lines: &Lines) {
    let inside = inner(Page::of(app.size).body);
    let len = lines(app, inside.width.into()).len();
    app.documents.scroll.scroll(by, inside.height.into(), len);
}

/// Draws a page of text.
pub(super) fn draw(app: &App, title: &str, lines: &Lines, area: Rect, buffer: &mut Buffer) {
    let lines = lines(app, usize::from(area.width.saturating_sub(2)));
    let height = usize::from(area.height.saturating_sub(2));
    let top = app.documents.scroll.top;
    let note = if lines.len() > height {
        let last = (top + height).min(lines.len());
        format!("{} to {last} of {}", top + 1, exact(lines.len() as u64))
    } else {
        String::new()
    };
    let inside = frame(app, title, &note, true, area, buffer);
    text(lines, top, inside, buffer);
}

struct Writer<'a> {
    app: &'a App,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Writer<'_> {
    fn title(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::raw(""));
        }
        self.lines.push(Line::styled(text.to_owned(), self.app.theme.title));
    }

    /// Adds a name and its value; nothing when the value is empty.
    fn says(&mut self, name: &str, text: &str) {
        if self.lines.len() >= MOST {
            return;
        }
        let room = self.width.saturating_sub(NAMES).max(1);
        for (place, part) in wrap(&shown_text(text), room).into_iter().enumerate() {
            let head = if place == 0 { cut_end(name, NAMES - 1) } else { String::new() };
            let head = Span::styled(format!("{head:<NAMES$}"), self.app.theme.faint);
            self.lines.push(Line::from(vec![head, Span::raw(part)]));
        }
    }
}

fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let mut page = Writer { app, width, lines: Vec::new() };
    let Some(image) = app.image() else {
        page.lines.push(Line::styled(app.progress.clone(), app.theme.faint));
        return page.lines;
    };
    // What is asked most often stands first.
    started(&mut page, image);
    identity(&mut page, image, app.found.as_deref());
    history(&mut page, image);
    if page.lines.len() >= MOST {
        page.lines.push(Line::styled("there is more; `explore history` and `--json` have all of it", app.theme.faint));
    }
    page.lines
}

fn identity(page: &mut Writer<'_>, image: &Documents, found: Option<&Inspection>) {
    page.title("What it is");
    page.says("names", &image.tags.join("  "));
    page.says("platform", &image.platform.to_string());
    page.says("created", image.config.created.as_deref().unwrap_or_default());
    page.says("read from", image.source);
    page.says("image id", image.id.as_str());
    if let Some(id) = image.engine_id.as_deref().filter(|id| *id != image.id.as_str()) {
        page.says("engine's id", id);
    }
    page.says("manifest", image.digest.as_ref().map(ToString::to_string).unwrap_or_default().as_str());
    let Some(found) = found else { return };
    let counts = found.tree.final_counts();
    let compressed = found.compressed_bytes().map(|size| format!(", {} compressed", bytes(size))).unwrap_or_default();
    page.says(
        "size",
        &format!(
            "{} stored in {} layers{compressed}; {} in the final file system",
            bytes(found.waste.content_bytes),
            image.layers.len(),
            bytes(found.waste.live_bytes)
        ),
    );
    page.says(
        "paths",
        &format!(
            "{} files, {} directories, {} symbolic links, {} others",
            exact(counts.files),
            exact(counts.directories),
            exact(counts.symlinks),
            exact(counts.others)
        ),
    );
    page.says("base", &crate::report::base_words(found));
    page.says(
        "digests",
        match found.verification {
            Verification::Verified => "all were computed, and hold",
            Verification::Partial => "those hold that reading computed; --verify computes all",
            Verification::NotChecked => "none was computed; --verify computes all",
            Verification::Failed => "at least one does not hold",
        },
    );
    for (name, text) in &image.annotations {
        page.says("annotation", &format!("{name} = {text}"));
    }
    for note in &found.notes {
        let layer = note.layer.map(|layer| format!("layer {layer}: ")).unwrap_or_default();
        page.says("note", &format!("{layer}{}", note.message));
    }
}

fn started(page: &mut Writer<'_>, image: &Documents) {
    let run = &image.config.run;
    page.title("How it is started");
    let words =
        |words: &[crate::secret::Redacted]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ");
    page.says("entrypoint", &words(&run.entrypoint));
    page.says("command", &words(&run.cmd));
    page.says("user", if run.user.is_empty() { "root (none is set)" } else { &run.user });
    page.says("directory", &run.working_dir);
    page.says("ports", &run.ports().collect::<Vec<_>>().join("  "));
    page.says("volumes", &run.volumes().collect::<Vec<_>>().join("  "));
    page.says("health check", &run.healthcheck().join(" "));
    if !run.env.is_empty() {
        page.title("Environment");
        for variable in &run.env {
            page.says("", variable);
        }
    }
    if !run.labels.is_empty() {
        page.title("Labels");
        for (name, value) in &run.labels {
            page.says("", &format!("{name} = {value}"));
        }
    }
}

fn history(page: &mut Writer<'_>, image: &Documents) {
    page.title("History, the oldest on top");
    if image.history.is_empty() {
        page.lines.push(Line::styled("the image has none", page.app.theme.faint));
    }
    for (place, row) in image.history.iter().enumerate() {
        let layer = image.layers.iter().position(|layer| layer.history == Some(place));
        let name = layer.map_or_else(|| "no layer".to_owned(), |layer| format!("layer {layer}"));
        let text = row.instruction().unwrap_or_else(|| NO_HISTORY.to_owned());
        for (at, line) in text.lines().enumerate() {
            page.says(if at == 0 { &name } else { "" }, line);
        }
        page.says("", row.comment.as_deref().filter(|text| !text.starts_with("buildkit")).unwrap_or_default());
    }
}
