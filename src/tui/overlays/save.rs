//! Where a file or directory is saved, and which of its files.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;

use super::Overlay;
use crate::bytes::shown;
use crate::report::count;
use crate::tree::{Change, NodeId, Range};
use crate::tui::app::App;
use crate::tui::chrome::{Hint, frame, typing_hints};
use crate::tui::jobs::{Answer, CostJob, PathCost, SaveJob, SaveWhat, Work, path_of};
use crate::tui::keymap::Place;
use crate::tui::keys::Key;
use crate::tui::layout::{centred, inner};
use crate::tui::line::Line;
use crate::tui::text::{bytes, cut_end, cut_middle};

/// Asks for the directory to save to.
#[derive(Debug)]
struct Save {
    line: Line,
    node: NodeId,
    /// The file system after this layer is what can be saved whole.
    layer: u16,
    /// The layers whose changes alone can be saved: paths and bytes; None for a file.
    changes: Option<(Range, u64, u64)>,
    only_changes: bool,
    asked: u64,
    cost: Option<PathCost>,
    closed: bool,
}

/// Saves what the cursor in the files is on: a directory as it is shown.
pub(in crate::tui) fn save_selected(app: &mut App) {
    let Some(row) = app.browse.selected() else { return };
    let range = app.range();
    // What a layer removes is there after the one below it.
    let layer = match (row.change, row.at) {
        (Change::Removed, Some(at)) => at.layer.max(range.first.saturating_sub(1)),
        _ => range.last,
    };
    let (node, removed, folder) = (row.node, row.change == Change::Removed, row.folder);
    let sum = app.browse.shown_rows().and_then(|rows| rows.view().folders.sum(node).copied());
    let changes = sum
        .filter(|_| folder && !removed && app.pair.is_none())
        .map(|sum| (range, u64::from(sum.changes[0]) + u64::from(sum.changes[1]), sum.bytes));
    ask(app, node, layer, changes);
}

/// Saves what the cursor in the files is on, as it is in the final file system, or was last before it was removed.
pub(in crate::tui) fn save_final(app: &mut App) {
    let (Some(tree), Some(row)) = (app.tree(), app.browse.selected()) else { return };
    let node = row.node;
    let last = (0..tree.layers.len() as u16).rev().find(|layer| tree.state(node, *layer).is_some());
    if let Some(layer) = last {
        save(app, node, layer);
    }
}

/// Saves a path as it is after a layer.
pub(super) fn save(app: &mut App, node: NodeId, layer: u16) {
    ask(app, node, layer, None);
}

fn ask(app: &mut App, node: NodeId, layer: u16, changes: Option<(Range, u64, u64)>) {
    let only_changes = changes.is_some() && !app.browse.all;
    let mut asked = 0;
    if changes.is_some()
        && let Some(tree) = app.tree().cloned()
    {
        asked = app.ask(Work::Cost(CostJob { tree, node }));
    }
    let line = Line::default();
    app.overlays.push(Box::new(Save { line, node, layer, changes, only_changes, asked, cost: None, closed: false }));
}

impl Save {
    fn start(&mut self, app: &mut App) {
        self.closed = true;
        let into = match self.line.text().trim() {
            "" => ".".to_owned(),
            text => text.to_owned(),
        };
        let what = match self.changes {
            Some((range, ..)) if self.only_changes => SaveWhat::Changes(range),
            _ => SaveWhat::State(self.layer),
        };
        let Some(job) = self.job(app, what, into) else {
            return app.notify("there is nothing to save at this path");
        };
        let name = app.tree().map(|tree| path_of(tree, self.node)).unwrap_or_default();
        app.notify(&format!("saving {name}"));
        app.saving += 1;
        app.ask(Work::Save(Box::new(job)));
    }

    /// What is saved: of two images, the path as the one has it that the layer stands for.
    fn job(&self, app: &App, what: SaveWhat, into: String) -> Option<SaveJob> {
        let (found, target) = app.source_of(self.layer)?;
        let into = into.into();
        match &app.pair {
            None => Some(SaveJob { found, target, node: self.node, what, into }),
            Some(pair) => {
                let node = found.tree.paths.find(&pair.comparison.tree.paths.path(self.node))?;
                let what = SaveWhat::State(found.tree.top()?);
                Some(SaveJob { found, target, node, what, into })
            }
        }
    }
}

impl Overlay for Save {
    fn place(&self) -> Place {
        Place::Save
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        match key.code() {
            KeyCode::Esc => self.close(),
            _ if key.is_ctrl('c') => self.close(),
            KeyCode::Enter => self.start(app),
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down if self.changes.is_some() => {
                self.only_changes = !self.only_changes;
            }
            _ => {
                self.line.takes(key);
            }
        }
    }

    fn click(&mut self, app: &mut App, area: Rect, at: Position) {
        let inside = inner(area);
        if self.changes.is_some() && (inside.y + 2..inside.y + 4).contains(&at.y) {
            self.only_changes = at.y == inside.y + 2;
        } else if at.y == inside.bottom().saturating_sub(1) {
            self.start(app);
        }
    }

    fn scroll(&mut self, _by: isize) {}

    fn paste(&mut self, _app: &mut App, text: &str) {
        self.line.paste(text);
    }

    fn answer(&mut self, _app: &mut App, number: u64, answer: &mut Option<Answer>) {
        if number == self.asked
            && let Some(Answer::Cost(cost)) = answer.take_if(|answer| matches!(answer, Answer::Cost(_)))
        {
            self.cost = Some(*cost);
        }
    }

    fn fit(&mut self, _app: &mut App) {}

    fn area(&self, size: (u16, u16)) -> Rect {
        centred(size, 76, if self.changes.is_some() { 8 } else { 6 })
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let inside = frame(app, "Save", "Enter saves", true, area, buffer);
        let Some(tree) = app.tree() else { return };
        let width = usize::from(inside.width);
        let name = shown(tree.paths.name(self.node));
        let text = if self.line.text().is_empty() {
            Span::styled(". (the current directory)", app.theme.faint)
        } else {
            Span::styled(cut_end(self.line.text(), width.saturating_sub(2)), app.theme.title)
        };
        let mut lines = vec![
            Text::styled(cut_middle(&path_of(tree, self.node), width), app.theme.title),
            Text::from(vec![Span::styled("> ", app.theme.key), text]),
        ];
        if let Some((range, paths, size)) = self.changes {
            let after = self.cost.as_ref().and_then(|cost| {
                cost.layers.iter().rev().find(|layer| layer.layer <= self.layer).map(|layer| layer.after)
            });
            let after =
                after.map_or_else(String::new, |(size, files)| format!(": {}, {}", count(files, "file"), bytes(size)));
            let layers = if range.first == range.last {
                format!("layer {} changes", range.last)
            } else {
                format!("layers {} to {} change", range.first, range.last)
            };
            let choices = [
                (true, format!("only what {layers}: {}, {}", count(paths, "path"), bytes(size))),
                (false, format!("all as it is after layer {}{after}", self.layer)),
            ];
            for (only, text) in choices {
                let chosen = only == self.only_changes;
                let style = if chosen { app.theme.title } else { app.theme.faint };
                let mark = if chosen { "(•)" } else { "( )" };
                lines.push(Text::styled(cut_end(&format!("{mark} {text}"), width), style));
            }
            lines.push(Text::styled(
                cut_end(&format!("into that directory, as {name}; Tab switches"), width),
                app.theme.faint,
            ));
        } else {
            let text = format!("into that directory, as {name}, as of layer {}", self.layer);
            lines.push(Text::styled(cut_end(&text, width), app.theme.faint));
        }
        lines.push(Text::styled(cut_end("nothing that is there is overwritten", width), app.theme.faint));
        for (row, line) in inside.rows().zip(lines) {
            line.render(row, buffer);
        }
    }

    fn hints(&self, _app: &App) -> Vec<Hint> {
        let mut hints = typing_hints("save", "close");
        hints.remove(1);
        if self.changes.is_some() {
            hints.insert(1, Hint::new(Key::plain(KeyCode::Tab), "all or changes"));
        }
        hints
    }

    fn typing(&self, area: Rect) -> Option<(&Line, Position)> {
        let inside = inner(area);
        Some((&self.line, Position::new(inside.x + 2, inside.y + 1)))
    }
}
