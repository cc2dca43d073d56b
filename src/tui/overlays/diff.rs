//! Two versions of a file, or a file of two images, line by line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;

use super::history::versions;
use super::viewer::read_job;
use super::{Overlay, act_alike, table_hints};
use crate::bytes::shown_text;
use crate::report::exact;
use crate::tree::{Change, EventRef, NodeId};
use crate::tui::app::App;
use crate::tui::chrome::{Hint, frame};
use crate::tui::jobs::{Answer, DiffLine, TextDiff, VIEWER_LIMIT, Work, path_of};
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{full, inner};
use crate::tui::pair::{Pair, SECOND};
use crate::tui::text::{cut_end, cut_middle, front, wrap};

/// The comparison.
#[derive(Debug)]
struct Diff {
    node: NodeId,
    /// What the two files are called.
    names: [String; 2],
    asked: u64,
    lines: Option<Result<TextDiff, String>>,
    top: usize,
    left: usize,
    height: usize,
    closed: bool,
}

/// Compares the selected file with its version before, or with the same file of the other image.
pub(in crate::tui) fn diff_selected(app: &mut App) {
    let Some(row) = app.browse.selected() else { return };
    let (node, folder, change) = (row.node, row.folder, row.change);
    if folder {
        return app.notify("choose a file to compare");
    }
    if app.pair.is_some() {
        return diff_images(app, node);
    }
    let layer = if change == Change::Removed { app.range().first.saturating_sub(1) } else { app.range().last };
    diff_versions(app, node, layer);
}

/// Compares the version of a file after a layer with the one before it; of the first version, with the next one.
pub(super) fn diff_versions(app: &mut App, node: NodeId, layer: u16) {
    if app.pair.is_some() {
        return diff_images(app, node);
    }
    let Some(tree) = app.tree().cloned() else { return };
    let versions = versions(&tree, node);
    let own = versions.iter().rposition(|(own, _)| *own <= layer).unwrap_or(0).max(1);
    let Some([(before, a), (after, b)]) = versions.get(own - 1..=own) else {
        return app.notify("the file has only one version");
    };
    open(app, node, [*a, *b], [before, after].map(|layer| format!("layer {layer}")));
}

/// Compares a file of both images.
fn diff_images(app: &mut App, node: NodeId) {
    let (Some(tree), Some(pair)) = (app.tree().cloned(), app.pair.clone()) else { return };
    let before = tree.state(node, SECOND - 1).and_then(|at| tree.copy_of(at));
    let after = tree.state(node, SECOND).and_then(|at| tree.copy_of(at));
    match (before, after) {
        (Some(a), Some(b)) => {
            let names = [&pair.before, &pair.after].map(|found| shown_text(Pair::name(found)));
            open(app, node, [a, b], names);
        }
        _ => app.notify("the file is in one of the images only"),
    }
}

fn open(app: &mut App, node: NodeId, files: [EventRef; 2], names: [String; 2]) {
    let Some(tree) = app.tree().cloned() else { return };
    let name = tree.paths.name(node).to_vec();
    let jobs = files.map(|file| read_job(app, file, name.clone(), VIEWER_LIMIT));
    let [Some(a), Some(b)] = jobs else { return app.notify("the file is in one of the images only") };
    let asked = app.ask(Work::Diff(Box::new([a, b])));
    app.overlays.push(Box::new(Diff { node, names, asked, lines: None, top: 0, left: 0, height: 0, closed: false }));
}

impl Diff {
    fn rows(&self) -> usize {
        match &self.lines {
            Some(Ok(diff)) => diff.lines.len(),
            _ => 0,
        }
    }

    fn step(&mut self, by: isize) {
        let last = self.rows().saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// Goes to the next change, or the one before.
    fn go_to_change(&mut self, forward: bool) {
        let Some(Ok(diff)) = &self.lines else { return };
        let starts = |place: &usize| {
            let changed =
                |place: usize| matches!(diff.lines.get(place), Some(DiffLine::Added(..) | DiffLine::Removed(..)));
            changed(*place) && !place.checked_sub(1).is_some_and(changed)
        };
        let place =
            if forward { (self.top + 1..diff.lines.len()).find(starts) } else { (0..self.top).rev().find(starts) };
        if let Some(place) = place {
            self.top = place;
            self.step(0);
        }
    }
}

impl Overlay for Diff {
    fn place(&self) -> Place {
        Place::Diff
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let action = app.keys.action(Place::Diff, key);
        let page = self.height.saturating_sub(1).max(1) as isize;
        match action {
            Some(Action::Up) => self.step(-1),
            Some(Action::Down | Action::Open) => self.step(1),
            Some(Action::PageUp) => self.step(-page),
            Some(Action::PageDown) => self.step(page),
            Some(Action::First) => self.step(isize::MIN + 1),
            Some(Action::Last) => self.step(isize::MAX),
            Some(Action::Left) => self.left = self.left.saturating_sub(8),
            Some(Action::Right) => self.left += 8,
            Some(Action::FindNext) => self.go_to_change(true),
            Some(Action::FindPrevious) => self.go_to_change(false),
            Some(Action::Diff) => self.close(),
            _ => {
                act_alike(self, app, action);
            }
        }
    }

    fn scroll(&mut self, by: isize) {
        self.step(by);
    }

    fn answer(&mut self, _app: &mut App, number: u64, answer: &mut Option<Answer>) {
        if number == self.asked
            && let Some(Answer::Diff(lines)) = answer.take_if(|answer| matches!(answer, Answer::Diff(_)))
        {
            self.lines = Some(*lines);
        }
    }

    fn fit(&mut self, app: &mut App) {
        self.height = inner(self.area(app.size)).height.into();
        self.step(0);
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        full(size)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let Some(tree) = app.tree() else { return };
        let theme = &app.theme;
        let path = cut_middle(&path_of(tree, self.node), usize::from(area.width / 2));
        let [a, b] = [0, 1].map(|place: usize| cut_middle(&self.names[place], 30));
        let note = match &self.lines {
            Some(Ok(diff)) => {
                let cut = if diff.cut { "  only the beginning" } else { "" };
                format!("+{} -{} lines{cut}", exact(diff.added as u64), exact(diff.removed as u64))
            }
            _ => String::new(),
        };
        let inside = frame(app, &format!("{path}  {a} → {b}"), &note, true, area, buffer);
        let lines = match &self.lines {
            None => return Text::styled("reading", theme.faint).render(inside, buffer),
            Some(Err(why)) => {
                for (row, line) in inside.rows().zip(wrap(why, inside.width.into())) {
                    Text::styled(line, theme.error).render(row, buffer);
                }
                return;
            }
            Some(Ok(diff)) if diff.lines.is_empty() => {
                return Text::styled("the content is the same", theme.faint).render(inside, buffer);
            }
            Some(Ok(diff)) => &diff.lines,
        };
        let width = usize::from(inside.width);
        for (row, line) in inside.rows().zip(lines.iter().skip(self.top)) {
            let (numbers, mark, text, style) = match line {
                DiffLine::Same(old, new, text) => (format!("{old:>5} {new:>5}"), " ", text.clone(), theme.faint),
                DiffLine::Removed(old, text) => (format!("{old:>5} {:>5}", ""), "-", text.clone(), theme.removed),
                DiffLine::Added(new, text) => (format!("{:>5} {new:>5}", ""), "+", text.clone(), theme.added),
                DiffLine::Skipped(count) => {
                    let text = format!("{:>13} {} equal lines", "⋯", exact(*count as u64));
                    Text::styled(text, theme.faint).render(row, buffer);
                    continue;
                }
            };
            let skipped = front(&text, self.left).len();
            let text = cut_end(&text[skipped..], width.saturating_sub(14));
            Text::from(vec![
                Span::styled(format!("{numbers} "), theme.faint),
                Span::styled(format!("{mark} {text}"), style),
            ])
            .render(row, buffer);
        }
    }

    fn hints(&self, app: &App) -> Vec<Hint> {
        table_hints(self, app)
    }
}
