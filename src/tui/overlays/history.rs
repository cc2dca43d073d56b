//! What the layers did to a path.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;

use super::{Overlay, act_alike, diff, save, viewer};
use crate::bytes::shown_text;
use crate::report::{date, permissions};
use crate::tree::{Change, EventRef, NodeId, Range, Tree};
use crate::tui::app::App;
use crate::tui::chrome::{Hint, frame, select};
use crate::tui::cursor::Cursor;
use crate::tui::jobs::{Answer, CostJob, LayerCost, PathCost, Work, path_of};
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{below_header, inner, large};
use crate::tui::screens::{NO_HISTORY, counts_words, sign};
use crate::tui::text::{bytes, cut_end, cut_middle};

/// The history of one path.
#[derive(Debug)]
struct History {
    node: NodeId,
    /// The layer that was selected when it was opened.
    layer: u16,
    asked: u64,
    cost: Option<PathCost>,
    cursor: Cursor,
    height: usize,
    closed: bool,
}

/// Shows the history of the path that the cursor in the files is on.
pub(in crate::tui) fn history_of_selected(app: &mut App) {
    if let Some(node) = app.browse.selected().map(|row| row.node) {
        history_of(app, node);
    }
}

/// Shows the history of a path.
pub(in crate::tui) fn history_of(app: &mut App, node: NodeId) {
    let Some(tree) = app.tree().cloned() else { return };
    let layer = app.layers.cursor.at as u16;
    let asked = app.ask(Work::Cost(CostJob { tree, node }));
    let cursor = Cursor::default();
    app.overlays.push(Box::new(History { node, layer, asked, cost: None, cursor, height: 0, closed: false }));
}

impl History {
    fn layers(&self) -> &[LayerCost] {
        self.cost.as_ref().map_or(&[], |cost| &cost.layers)
    }

    fn go(&mut self, app: &mut App) {
        if let Some(layer) = self.layers().get(self.cursor.at).map(|layer| layer.layer) {
            app.go_to(self.node, Some(layer.into()));
            self.closed = true;
        }
    }
}

impl Overlay for History {
    fn place(&self) -> Place {
        Place::History
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let action = app.keys.action(Place::History, key);
        let len = self.layers().len();
        let page = self.height.max(1) as isize;
        let layer = self.layers().get(self.cursor.at).copied();
        match action {
            Some(Action::Up) => self.cursor.step(-1, len),
            Some(Action::Down) => self.cursor.step(1, len),
            Some(Action::PageUp) => self.cursor.step(-page, len),
            Some(Action::PageDown) => self.cursor.step(page, len),
            Some(Action::First) => self.cursor.at = 0,
            Some(Action::Last) => self.cursor.at = len.saturating_sub(1),
            Some(Action::Left) => self.close(),
            Some(Action::Open | Action::Right) => self.go(app),
            Some(Action::View) => {
                if let Some(at) = layer.and_then(|layer| layer.at) {
                    viewer::view_at(app, self.node, at, at.layer);
                }
            }
            Some(Action::Diff) => {
                if let Some(layer) = layer {
                    diff::diff_versions(app, self.node, layer.layer);
                }
            }
            Some(Action::Save) => {
                if let Some(layer) = layer {
                    let removed = layer.change == Change::Removed;
                    let after = if removed { layer.layer.saturating_sub(1) } else { layer.layer };
                    save::save(app, self.node, after);
                }
            }
            Some(Action::Copy) => {
                let Some(tree) = app.tree() else { return };
                let path = path_of(tree, self.node);
                super::copy::offer(app, vec![("path", path)]);
            }
            _ => {
                act_alike(self, app, action);
            }
        }
    }

    fn click(&mut self, app: &mut App, area: Rect, at: Position) {
        let rows = below_header(inner(area));
        let place = self.cursor.top + usize::from(at.y.saturating_sub(rows.y));
        if rows.contains(at) && place < self.layers().len() {
            let again = self.cursor.at == place;
            self.cursor.at = place;
            if again {
                self.go(app);
            }
        }
    }

    fn scroll(&mut self, by: isize) {
        let (height, len) = (self.height, self.layers().len());
        self.cursor.scroll(by, height, len);
    }

    fn answer(&mut self, _app: &mut App, number: u64, answer: &mut Option<Answer>) {
        if number == self.asked
            && let Some(Answer::Cost(cost)) = answer.take_if(|answer| matches!(answer, Answer::Cost(_)))
        {
            let at = cost.layers.iter().rposition(|layer| layer.layer <= self.layer).unwrap_or(0);
            self.cursor = Cursor::on(at);
            self.cost = Some(*cost);
        }
    }

    fn fit(&mut self, app: &mut App) {
        self.height = below_header(inner(self.area(app.size))).height.into();
        let len = self.layers().len();
        self.cursor.follow(self.height, len);
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        large(size)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let Some(tree) = app.tree() else { return };
        let path = path_of(tree, self.node);
        let title = format!("History of {}", cut_middle(&path, usize::from(area.width.saturating_sub(18))));
        let note = self.cost.as_ref().map_or_else(String::new, |cost| {
            let dead = if cost.dead() > 0 { format!(", {} of it dead", bytes(cost.dead())) } else { String::new() };
            format!("{} over all layers{dead}", bytes(cost.stored))
        });
        let inside = frame(app, &title, &note, true, area, buffer);
        let rows = below_header(inside);
        let wide = inside.width >= 90;
        if rows.y > inside.y {
            let owner = if wide { "MODE       OWNER         DATE        " } else { "" };
            let header = format!("  LAYER      SIZE  {:<13}{owner}INSTRUCTION", "WHAT");
            Text::styled(cut_end(&header, inside.width.into()), app.theme.faint).render(inside, buffer);
        }
        let Some(cost) = &self.cost else {
            return Text::styled("adding up", app.theme.faint).render(rows, buffer);
        };
        for ((place, layer), row) in cost.layers.iter().enumerate().skip(self.cursor.top).zip(rows.rows()) {
            Text::from(spans(app, tree, cost, layer, wide, row.width.into())).render(row, buffer);
            if place == self.cursor.at {
                select(app, true, row, Some(0..2), buffer);
            }
        }
    }

    fn hints(&self, app: &App) -> Vec<Hint> {
        let folder = self.cost.as_ref().is_none_or(|cost| cost.folder);
        let keys = app.keys.hints(Place::History);
        let hints = keys.filter(|(action, _)| !folder || !matches!(action, Action::View | Action::Diff));
        hints.map(|(_, hint)| hint).collect()
    }
}

/// `+     3   3.7 MB  added  -rwxr-xr-x 0:0  2026-01-02  RUN …`
fn spans(app: &App, tree: &Tree, cost: &PathCost, layer: &LayerCost, wide: bool, width: usize) -> Vec<Span<'static>> {
    let inside = cost.folder && matches!(layer.change, Change::None | Change::Metadata | Change::Modified);
    let change = match (inside, layer.counts) {
        (true, [_, 0, 0]) => Change::Added,
        (true, [0, 0, _]) => Change::Removed,
        (true, _) => Change::Modified,
        (false, _) => layer.change,
    };
    let (sign, style) = sign(app, change);
    let event = layer.at.map(|at| tree.event_at(at));
    let size = if layer.change == Change::Removed {
        String::new()
    } else if let Some((major, minor)) = event.and_then(|event| tree.device(event)) {
        format!("{major}:{minor}")
    } else if layer.bytes == 0 && layer.growth < 0 {
        format!("-{}", bytes(layer.growth.unsigned_abs()))
    } else if layer.bytes == 0 && cost.folder {
        String::new()
    } else {
        bytes(layer.bytes)
    };
    let what = match layer.change {
        _ if inside => counts_words(layer.counts),
        Change::Added => "added".to_owned(),
        Change::Modified => "changed".to_owned(),
        Change::Metadata => "touched".to_owned(),
        Change::Removed => "removed".to_owned(),
        Change::None => String::new(),
    };
    let mut spans = vec![
        Span::styled(format!("{sign} "), style),
        Span::raw(format!("{:>5} {size:>9}  ", layer.layer)),
        Span::styled(format!("{what:<12} "), style),
    ];
    if wide {
        let about = layer.at.zip(event).filter(|_| layer.change != Change::Removed && layer.change != Change::None);
        let text = about.map_or_else(String::new, |(at, event)| {
            let about = tree.attributes(at);
            let owner = format!("{}:{}", about.uid, about.gid);
            let day = event.mtime().map(date).unwrap_or_default();
            let day = day.get(..10).unwrap_or(&day).to_owned();
            format!("{} {owner:<13} {day:<11}", permissions(event.kind(), about.mode))
        });
        spans.push(Span::styled(format!("{text:<37}"), app.theme.faint));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let text = app.image().and_then(|image| image.instruction_line(layer.layer.into()));
    let text = text.unwrap_or_else(|| NO_HISTORY.to_owned());
    spans.push(Span::raw(cut_end(&shown_text(&text), width.saturating_sub(used))));
    spans
}

/// The contents that a path had, each with the layer that stored it.
pub(super) fn versions(tree: &Tree, node: NodeId) -> Vec<(u16, EventRef)> {
    let mut layers: Vec<u16> = tree.events_of(node).map(|(at, _)| at.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    let stored = layers.into_iter().filter_map(|layer| {
        let (change, at) = tree.difference(node, Range::one(layer));
        let at = at.filter(|_| !matches!(change, Change::Removed | Change::None))?;
        Some((layer, tree.copy_of(at)?))
    });
    stored.collect()
}
