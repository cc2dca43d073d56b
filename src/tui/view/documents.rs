use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::frame::noted_pane;
use super::layers::NO_HISTORY;
use super::{Areas, inner};
use crate::bytes::shown_text;
use crate::image::Image;
use crate::inspect::Inspection;
use crate::report::{bytes, exact};
use crate::tui::app::App;
use crate::tui::text::{cut_end, wrap};

/// Lines that are shown; nobody reads more, and each key would have to make them.
const MOST: usize = 5_000;
/// Columns of the names on the left.
const NAMES: usize = 14;

/// Rows that are seen, and rows that there are.
pub(in crate::tui) fn documents_size(app: &App) -> (usize, usize) {
    let inside = inner(Areas::of(app).body);
    (inside.height.into(), lines(app, inside.width.into()).len())
}

/// What manifest, config and history say.
pub(super) fn page(app: &App, area: Rect, buffer: &mut Buffer) {
    let lines = lines(app, usize::from(area.width.saturating_sub(2)));
    let height = usize::from(area.height.saturating_sub(2));
    let note = if lines.len() > height {
        let last = (app.documents.top + height).min(lines.len());
        format!("{} to {last} of {}", app.documents.top + 1, lines.len())
    } else {
        String::new()
    };
    let inside = noted_pane(app, if app.pair.is_some() { "Images" } else { "Image" }, &note, true, area, buffer);
    for (row, line) in inside.rows().zip(lines.into_iter().skip(app.documents.top)) {
        line.render(row, buffer);
    }
}

struct Page<'a> {
    app: &'a App,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn title(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::raw(""));
        }
        self.lines.push(Line::styled(text.to_owned(), self.app.theme.title));
    }

    /// A name and what it stands for; nothing when that is empty.
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
    if let Some(pair) = &app.pair {
        return super::pair::settings(app, pair, width);
    }
    let mut page = Page { app, width, lines: Vec::new() };
    let Some(image) = app.image() else {
        page.lines.push(Line::styled(app.progress.clone(), app.theme.faint));
        return page.lines;
    };
    identity(&mut page, image, app.found.as_deref());
    started(&mut page, image);
    history(&mut page, image);
    if page.lines.len() >= MOST {
        page.lines.push(Line::styled("there is more; `explore history` and `--json` have all of it", app.theme.faint));
    }
    page.lines
}

fn identity(page: &mut Page<'_>, image: &Image, found: Option<&Inspection>) {
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
            "{} files, {} folders, {} symbolic links, {} others",
            exact(counts.files),
            exact(counts.directories),
            exact(counts.symlinks),
            exact(counts.others)
        ),
    );
    page.says("base", &crate::report::base_words(found));
    page.says("digests", found.verification.name());
    for (name, text) in &image.annotations {
        page.says("annotation", &format!("{name} = {text}"));
    }
    for note in &found.notes {
        let layer = note.layer.map(|layer| format!("layer {layer}: ")).unwrap_or_default();
        page.says("note", &format!("{layer}{}", note.message));
    }
}

fn started(page: &mut Page<'_>, image: &Image) {
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

fn history(page: &mut Page<'_>, image: &Image) {
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
