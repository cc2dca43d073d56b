//! A file's content over the whole screen.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;

use super::history::versions;
use super::text::{NUMBERS, draw_row};
use super::{Overlay, act_alike, diff, save, table_hints};
use crate::bytes::shown_text;
use crate::report::exact;
use crate::tree::{Change, EventKind, EventRef, Lookup, NodeId};
use crate::tui::app::App;
use crate::tui::chrome::{Hint, frame, typing_hints};
use crate::tui::content::Way;
use crate::tui::jobs::{Answer, ReadJob, VIEWER_LIMIT, Work, path_of};
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{full, inner, last_row};
use crate::tui::line::Line;
use crate::tui::pager::{Pager, STEP, State};
use crate::tui::pair::Pair;
use crate::tui::screens::NO_HISTORY;
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};

/// A file that is looked into.
#[derive(Debug)]
struct Viewer {
    node: NodeId,
    /// The state after this layer is what is seen.
    layer: u16,
    /// The file that has the content.
    file: EventRef,
    asked: u64,
    pager: Pager,
    typing: bool,
    closed: bool,
}

/// Looks into the selected file.
pub(in crate::tui) fn view_selected(app: &mut App) {
    let Some(row) = app.browse.selected() else { return };
    let (node, at, change) = (row.node, row.at, row.change);
    let Some(at) = at else { return };
    // What a layer removes is seen as it was below it.
    let layer = if change == Change::Removed { app.range().first.saturating_sub(1) } else { app.range().last };
    view_at(app, node, at, layer.max(at.layer));
}

/// Looks into a file as it is after a layer.
pub(super) fn view_at(app: &mut App, node: NodeId, at: EventRef, layer: u16) {
    let Some(tree) = app.tree().cloned() else { return };
    let (node, at) = match tree.event_at(at).kind() {
        EventKind::Symlink => match tree.lookup(&tree.paths.path(node), layer, true) {
            Lookup::Found(target, at) => {
                app.notify(&format!("a link to {}", path_of(&tree, target)));
                (target, at)
            }
            _ => return app.notify("the link leads nowhere after this layer"),
        },
        _ => (node, at),
    };
    let Some(file) = tree.copy_of(at) else {
        let kind = tree.event_at(at).kind().name();
        return app.notify(&format!("a {kind} has no content to view"));
    };
    let name = tree.paths.name(node).to_vec();
    let Some(job) = read_job(app, file, name, VIEWER_LIMIT) else {
        return app.notify("neither image stores this file");
    };
    let asked = app.ask(Work::Read(Box::new(job)));
    let pager = Pager::default();
    app.overlays.push(Box::new(Viewer { node, layer, file, asked, pager, typing: false, closed: false }));
}

/// What is read: of two images, the file of the one that has it.
pub(super) fn read_job(app: &App, file: EventRef, name: Vec<u8>, limit: u64) -> Option<ReadJob> {
    let (found, target) = app.source_of(file.layer)?;
    let file = match &app.pair {
        None => file,
        Some(pair) => pair.comparison.origin(file)?,
    };
    Some(ReadJob { found, target, file, name, limit })
}

/// Where the content is: in the frame, beside the numbers, above the line that is typed.
fn text_area(area: Rect) -> Rect {
    let inside = inner(area);
    let numbers = if inside.width > 40 { NUMBERS } else { 0 };
    Rect { x: inside.x + numbers, width: inside.width - numbers, height: inside.height.saturating_sub(1), ..inside }
}

impl Viewer {
    /// A key while the search is typed.
    fn type_key(&mut self, key: Key) {
        let pager = &mut self.pager;
        match key.code() {
            KeyCode::Esc => (self.typing, pager.search, pager.hit) = (false, Line::default(), None),
            KeyCode::Enter => self.typing = false,
            KeyCode::Backspace if pager.search.text().is_empty() => self.typing = false,
            KeyCode::Down => pager.find(Way::Next, false),
            KeyCode::Up => pager.find(Way::Previous, false),
            _ => {
                if pager.search.takes(key) {
                    pager.find(Way::Next, true);
                }
            }
        }
    }

    fn notify_missed(&self, app: &mut App) {
        if self.pager.missed {
            let text = format!("`{}` is not in the part that was read", self.pager.search.text());
            app.notify(&text);
        }
    }

    /// Shows the version of the file before the one that is seen, or after it.
    fn view_version(&mut self, app: &mut App, later: bool) {
        let Some(tree) = app.tree().cloned() else { return };
        let versions = versions(&tree, self.node);
        let next = if later {
            versions.iter().find(|(layer, at)| *layer > self.layer && *at != self.file)
        } else {
            let first = versions.iter().rfind(|(layer, _)| *layer <= self.layer).map_or(0, |(layer, _)| *layer);
            versions.iter().rfind(|(layer, _)| *layer < first)
        };
        match next.copied() {
            None => app.notify(if later { "there is no later version" } else { "there is no earlier version" }),
            Some((stored_in, at)) => {
                self.closed = true;
                view_at(app, self.node, at, stored_in);
            }
        }
    }

    /// What it is, which version, and where the screen is in it.
    fn note(&self, app: &App) -> String {
        let Some(file) = self.pager.viewed() else { return String::new() };
        let mut parts = Vec::new();
        match file.content.text() {
            Some(text) => {
                parts.push(text.encoding.name().to_owned());
                if text.crlf {
                    parts.push("CR LF".to_owned());
                }
                if text.cut {
                    parts.push("not all lines".to_owned());
                }
            }
            None => parts.push("binary".to_owned()),
        }
        if file.content.hex && file.content.text().is_some() {
            parts.push("as bytes".to_owned());
        }
        if !file.whole {
            parts.push(format!("only the first {}", bytes(file.content.bytes().len() as u64)));
        }
        if let Some(tree) = app.tree() {
            let all = versions(tree, self.node);
            if let Some(own) = all.iter().position(|(_, file)| *file == self.file).filter(|_| all.len() > 1) {
                let keys = [Action::PreviousLayer, Action::NextLayer].map(|action| app.key_of(action)).join(" ");
                parts.push(format!("version {} of {} ({keys})", own + 1, all.len()));
            }
        }
        let rows = file.content.rows();
        if rows > 0 {
            parts.push(format!("{} of {}", exact(self.pager.row_at(self.pager.top).0 as u64 + 1), exact(rows as u64)));
        }
        parts.join("  ")
    }

    fn bottom(&self, app: &App, line: Rect, buffer: &mut Buffer) {
        let width = usize::from(line.width);
        let search = &self.pager.search;
        if self.typing || !search.text().is_empty() {
            let style = if self.pager.missed { app.theme.error } else { app.theme.title };
            let text = cut_end(search.text(), width.saturating_sub(2));
            let spans = vec![Span::styled("/ ", app.theme.key), Span::styled(text, style)];
            return Text::from(spans).render(line, buffer);
        }
        let Some(image) = app.image().filter(|_| app.pair.is_none()) else { return };
        let by = image
            .instruction_line(self.file.layer.into())
            .map_or_else(|| NO_HISTORY.to_owned(), |text| shown_text(&text));
        let text = format!("layer {} stores it: {by}", self.file.layer);
        Text::styled(cut_end(&text, width), app.theme.faint).render(line, buffer);
    }
}

impl Overlay for Viewer {
    fn place(&self) -> Place {
        Place::Viewer
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        if self.typing {
            self.type_key(key);
            return self.notify_missed(app);
        }
        let action = app.keys.action(Place::Viewer, key);
        let pager = &mut self.pager;
        let page = pager.size.1.saturating_sub(1).max(1) as isize;
        match action {
            Some(Action::Up) => pager.scroll(-1),
            Some(Action::Down | Action::Open) => pager.scroll(1),
            Some(Action::PageUp) => pager.scroll(-page),
            Some(Action::PageDown) => pager.scroll(page),
            Some(Action::First) => (pager.top, pager.left) = (0, 0),
            Some(Action::Last) => pager.scroll(isize::MAX),
            Some(Action::Left) => pager.left = pager.left.saturating_sub(STEP),
            Some(Action::Right) if pager.wrapped.is_none() => pager.go_right(),
            Some(Action::Wrap) => pager.toggle_wrap(),
            Some(Action::Hex) => {
                if !pager.toggle_hex() {
                    app.notify("the file is binary: there is no text to show");
                }
            }
            Some(Action::Filter) => (self.typing, pager.missed, pager.search) = (true, false, Line::default()),
            Some(Action::FindNext) => pager.find(Way::Next, false),
            Some(Action::FindPrevious) => pager.find(Way::Previous, false),
            Some(Action::PreviousLayer) => self.view_version(app, false),
            Some(Action::NextLayer) => self.view_version(app, true),
            Some(Action::Diff) => diff::diff_versions(app, self.node, self.layer),
            Some(Action::Save) => save::save(app, self.node, self.layer),
            Some(Action::Copy) => {
                let Some(tree) = app.tree() else { return };
                let path = path_of(tree, self.node);
                super::copy::offer(app, vec![("path", path)]);
            }
            _ => {
                act_alike(self, app, action);
            }
        }
        self.notify_missed(app);
    }

    fn scroll(&mut self, by: isize) {
        self.pager.scroll(by);
    }

    fn paste(&mut self, _app: &mut App, text: &str) {
        if self.typing {
            self.pager.search.paste(text);
            self.pager.find(Way::Next, true);
        }
    }

    fn answer(&mut self, _app: &mut App, number: u64, answer: &mut Option<Answer>) {
        if number == self.asked
            && let Some(Answer::Content(read)) = answer.take_if(|answer| matches!(answer, Answer::Content(_)))
        {
            self.pager.take(*read);
        }
    }

    fn fit(&mut self, app: &mut App) {
        let area = text_area(self.area(app.size));
        self.pager.fit((area.width.into(), area.height.into()));
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        full(size)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let Some(tree) = app.tree() else { return };
        let event = tree.event_at(self.file);
        let path = cut_middle(&path_of(tree, self.node), usize::from(area.width / 2));
        let which = match &app.pair {
            Some(pair) => {
                let (found, _) = pair.side(self.file.layer);
                format!("in {}", cut_middle(&shown_text(Pair::name(&found)), 30))
            }
            None => format!("after layer {}", self.layer),
        };
        let title = format!("{path}  {which}  {}", bytes(event.size));
        let inside = frame(app, &title, &self.note(app), true, area, buffer);
        let text = text_area(area);
        match &self.pager.state {
            State::Reading => Text::styled("reading", app.theme.faint).render(inside, buffer),
            State::Failed(why) => {
                for (row, line) in inside.rows().zip(wrap(why, inside.width.into())) {
                    Text::styled(line, app.theme.error).render(row, buffer);
                }
            }
            State::Read(file) if self.pager.rows() == 0 => {
                let why = if file.content.bytes().is_empty() { "the file is empty" } else { "" };
                Text::styled(why, app.theme.faint).render(inside, buffer);
            }
            State::Read(file) => {
                for (row, line) in (self.pager.top..self.pager.rows()).zip(text.rows()) {
                    draw_row(app, &self.pager, file, row, text.x > inside.x, line, buffer);
                }
            }
        }
        if inside.height > 1 {
            self.bottom(app, last_row(inside), buffer);
        }
    }

    fn hints(&self, app: &App) -> Vec<Hint> {
        if self.typing {
            return typing_hints("search", "close");
        }
        table_hints(self, app)
    }

    fn typing(&self, area: Rect) -> Option<(&Line, Position)> {
        let bottom = last_row(inner(area));
        self.typing.then_some((&self.pager.search, Position::new(bottom.x + 2, bottom.y)))
    }
}
