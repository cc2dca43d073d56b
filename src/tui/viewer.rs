use std::ops::Range;

use crossterm::event::KeyCode;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use super::app::{App, Effect};
use super::content::{Content, Hit, Way};
use super::highlight::Kind;
use super::keymap::Action;
use super::keys::Key;
use super::line::Line;
use super::overlay::{Overlay, PathHistory};
use super::work::{Job, ReadJob, SaveJob};
use crate::tree::{Change, EventKind, EventRef, Lookup, NodeId, Tree};

/// A file that is looked into.
#[derive(Debug)]
pub(super) struct Viewer {
    node: NodeId,
    /// The state after this layer is what is seen.
    layer: u16,
    /// The file that has the content.
    file: EventRef,
    asked: u64,
    pub(super) state: State,
    pub(super) wrap: bool,
    /// The first row that is seen, and the first column where lines are not wrapped.
    pub(super) top: usize,
    pub(super) left: usize,
    /// Columns and rows of the text.
    size: (usize, usize),
    /// Where lines are wrapped: the row of the content and the byte that a row of the screen begins with.
    wrapped: Option<Vec<(u32, u32)>>,
    pub(super) search: Line,
    typing: bool,
    pub(super) hit: Option<Hit>,
    pub(super) missed: bool,
}

/// How far reading is.
#[derive(Debug)]
pub(super) enum State {
    Reading,
    Read(Viewed),
    Failed(String),
}

/// What was read of a file.
#[derive(Debug)]
pub struct Viewed {
    pub(super) content: Content,
    /// It is all of the file.
    pub(super) whole: bool,
    /// By line: what parts of it mean, as bytes of the shown line.
    pub(super) meanings: Vec<Vec<(Kind, Range<usize>)>>,
}

/// Columns that a step to the side moves.
const STEP: usize = 8;

impl Viewer {
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn layer(&self) -> u16 {
        self.layer
    }

    pub(super) fn file(&self) -> EventRef {
        self.file
    }

    pub(super) fn is_typing(&self) -> bool {
        self.typing
    }

    pub(super) fn search_line(&self) -> Option<&Line> {
        self.typing.then_some(&self.search)
    }

    pub(super) fn viewed(&self) -> Option<&Viewed> {
        match &self.state {
            State::Read(viewed) => Some(viewed),
            _ => None,
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if self.typing {
            self.search.paste(text);
            self.find(Way::Next, true);
        }
    }

    /// Takes the size that there is for the text.
    pub(super) fn fit(&mut self, size: (usize, usize)) {
        if self.size != size {
            let first = self.row_at(self.top).0;
            self.size = size;
            self.lay_out();
            self.top = self.row_of(first, 0);
        }
        self.top = self.top.min(self.rows().saturating_sub(self.size.1));
    }

    /// Works out where lines are wrapped.
    fn lay_out(&mut self) {
        let width = self.size.0.max(1);
        self.wrapped = self.viewed().filter(|viewed| self.wrap && !viewed.content.hex).map(|viewed| {
            let mut rows = Vec::new();
            for row in 0..viewed.content.rows() {
                rows.push((row as u32, 0));
                let text = viewed.content.row(row);
                // No letter takes more columns than bytes.
                if text.len() <= width {
                    continue;
                }
                let mut used = 0;
                for (at, letter) in text.char_indices() {
                    let columns = letter.width().unwrap_or(0);
                    if used + columns > width && used > 0 {
                        rows.push((row as u32, at as u32));
                        used = 0;
                    }
                    used += columns;
                }
            }
            rows
        });
    }

    /// Rows of the screen that all of it takes.
    pub(super) fn rows(&self) -> usize {
        match (&self.wrapped, self.viewed()) {
            (Some(rows), _) => rows.len(),
            (None, Some(viewed)) => viewed.content.rows(),
            (None, None) => 0,
        }
    }

    /// The row of the content that a row of the screen shows, and the bytes of it.
    pub(super) fn row_at(&self, row: usize) -> (usize, Range<usize>) {
        match &self.wrapped {
            None => (row, 0..usize::MAX),
            Some(rows) => match rows.get(row) {
                None => (0, 0..0),
                Some((line, start)) => {
                    let end =
                        rows.get(row + 1).filter(|(next, _)| next == line).map_or(usize::MAX, |(_, at)| *at as usize);
                    (*line as usize, *start as usize..end)
                }
            },
        }
    }

    /// The row of the screen that shows a byte of a row of the content.
    fn row_of(&self, line: usize, byte: usize) -> usize {
        match &self.wrapped {
            None => line,
            Some(rows) => {
                rows.partition_point(|(own, at)| (*own as usize, *at as usize) <= (line, byte)).saturating_sub(1)
            }
        }
    }

    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.rows().saturating_sub(self.size.1);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// Looks for what is typed: from the last place on, or `here` from that place itself; from the screen where there is none.
    fn find(&mut self, way: Way, here: bool) {
        let State::Read(viewed) = &self.state else { return };
        let wanted = self.search.text();
        let top = self.row_at(self.top).0;
        self.hit = match (&self.hit, way) {
            (Some(hit), _) if here => viewed.content.find_at(wanted, hit.row, hit.range.start),
            (Some(hit), way) => viewed.content.find(wanted, Some(hit), way),
            (None, Way::Next) => viewed.content.find_at(wanted, top, 0),
            (None, Way::Previous) => viewed.content.find(wanted, Some(&Hit { row: top, range: 0..0 }), way),
        };
        self.missed = self.hit.is_none() && !wanted.is_empty();
        if let Some(hit) = self.hit.clone() {
            self.show(&hit);
        }
    }

    /// A step to the right, as long as a line on the screen goes on there.
    fn go_right(&mut self) {
        let Some(viewed) = self.viewed() else { return };
        let rows = self.top..(self.top + self.size.1).min(self.rows());
        let widest = rows.map(|row| viewed.content.row(row).width()).max().unwrap_or(0);
        if self.left + self.size.0 < widest {
            self.left += STEP;
        }
    }

    /// Scrolls until a place is seen.
    fn show(&mut self, hit: &Hit) {
        let row = self.row_of(hit.row, hit.range.start);
        if !(self.top..self.top + self.size.1).contains(&row) {
            self.top = row.saturating_sub(self.size.1 / 2);
        }
        if self.wrapped.is_none()
            && let Some(viewed) = self.viewed()
        {
            let text = viewed.content.row(hit.row);
            let column = text.get(..hit.range.start).map_or(0, UnicodeWidthStr::width);
            let width = self.size.0;
            if column < self.left || column + 8 > self.left + width {
                self.left = column.saturating_sub(width / 2);
            }
        }
    }
}

impl App {
    /// Looks into the selected file.
    pub(super) fn view_file(&mut self) {
        let Some(row) = self.browse.selected() else { return };
        let (node, at, change) = (row.node, row.at, row.change);
        let Some(at) = at else { return };
        // What a layer removes is seen as it was below it.
        let layer = if change == Change::Removed { self.range().first.saturating_sub(1) } else { self.range().last };
        self.view_at(node, at, layer.max(at.layer));
    }

    fn view_at(&mut self, node: NodeId, at: EventRef, layer: u16) {
        let Some(tree) = self.tree().cloned() else { return };
        let (node, at) = match tree.event_at(at).kind() {
            EventKind::Symlink => match tree.lookup(&tree.paths.path(node), layer, true) {
                Lookup::Found(target, at) => {
                    self.tell(&format!("a link to {}", super::work::path_of(&tree, target)));
                    (target, at)
                }
                _ => return self.tell("the link leads nowhere after this layer"),
            },
            _ => (node, at),
        };
        let Some(file) = tree.copy_of(at) else {
            let kind = tree.event_at(at).kind().name();
            return self.tell(&format!("this is a {kind}, and has no content"));
        };
        self.jump_number += 1;
        let asked = self.jump_number;
        let name = tree.paths.name(node).to_vec();
        let Some(job) = self.read_job(file, name) else { return self.tell("the file has no place in either image") };
        let viewer = Viewer {
            node,
            layer,
            file,
            asked,
            state: State::Reading,
            wrap: true,
            top: 0,
            left: 0,
            size: (0, 0),
            wrapped: None,
            search: Line::default(),
            typing: false,
            hit: None,
            missed: false,
        };
        self.overlays.push(Overlay::Viewer(Box::new(viewer)));
        self.effect(Effect::Work(Job::Read(asked, Box::new(job))));
    }

    pub(super) fn take_content(&mut self, number: u64, read: Result<Viewed, String>) {
        for overlay in &mut self.overlays {
            if let Overlay::Viewer(viewer) = overlay
                && viewer.asked == number
            {
                viewer.state = read.map_or_else(State::Failed, State::Read);
                viewer.lay_out();
                return;
            }
        }
    }

    pub(super) fn key_in_viewer(&mut self, key: Key, action: Option<Action>) {
        let Some(Overlay::Viewer(viewer)) = self.overlays.last_mut() else { return };
        if viewer.typing {
            match key.code() {
                KeyCode::Esc => (viewer.typing, viewer.search, viewer.hit) = (false, Line::default(), None),
                KeyCode::Enter => viewer.typing = false,
                KeyCode::Backspace if viewer.search.text().is_empty() => viewer.typing = false,
                KeyCode::Down => viewer.find(Way::Next, false),
                KeyCode::Up => viewer.find(Way::Previous, false),
                _ => {
                    if viewer.search.takes(key) {
                        viewer.find(Way::Next, true);
                    }
                }
            }
            return self.missed_in_viewer();
        }
        let page = viewer.size.1.saturating_sub(1).max(1) as isize;
        match action {
            Some(Action::Up) => viewer.scroll(-1),
            Some(Action::Down | Action::Open) => viewer.scroll(1),
            Some(Action::PageUp) => viewer.scroll(-page),
            Some(Action::PageDown) => viewer.scroll(page),
            Some(Action::First) => (viewer.top, viewer.left) = (0, 0),
            Some(Action::Last) => viewer.scroll(isize::MAX),
            Some(Action::Left) => viewer.left = viewer.left.saturating_sub(STEP),
            Some(Action::Right) if viewer.wrapped.is_none() => viewer.go_right(),
            Some(Action::Wrap) => {
                let first = viewer.row_at(viewer.top).0;
                viewer.wrap = !viewer.wrap;
                viewer.left = 0;
                viewer.lay_out();
                viewer.top = viewer.row_of(first, 0);
            }
            Some(Action::Hex) => {
                let first = viewer.row_at(viewer.top).0;
                let State::Read(file) = &mut viewer.state else { return };
                if file.content.text().is_none() {
                    return self.tell("this is no text, so bytes are all that there is");
                }
                let row = file.content.row_in_other_view(first);
                file.content.hex = !file.content.hex;
                (viewer.hit, viewer.left) = (None, 0);
                viewer.lay_out();
                viewer.top = viewer.row_of(row, 0);
            }
            Some(Action::Filter) => (viewer.typing, viewer.missed, viewer.search) = (true, false, Line::default()),
            Some(Action::FindNext) => viewer.find(Way::Next, false),
            Some(Action::FindPrevious) => viewer.find(Way::Previous, false),
            Some(Action::PreviousLayer) => self.view_version(false),
            Some(Action::NextLayer) => self.view_version(true),
            Some(Action::Save) => {
                let (node, layer) = (viewer.node, viewer.layer);
                self.ask_where_to_save(node, layer);
            }
            Some(Action::Back | Action::Quit) => self.close(),
            Some(Action::Copy) => self.offer_copies(),
            Some(Action::Help) => self.show_help(),
            Some(Action::Suspend) => self.effect(Effect::Suspend),
            Some(Action::Theme | Action::Mouse) => {
                if let Some(action) = action {
                    self.act(action);
                }
            }
            _ => {}
        }
        self.missed_in_viewer();
    }

    fn missed_in_viewer(&mut self) {
        if let Some(Overlay::Viewer(viewer)) = self.overlays.last()
            && viewer.missed
        {
            let text = format!("`{}` is not in what was read", viewer.search.text());
            self.tell(&text);
        }
    }

    /// Shows the version of the file before the one that is seen, or after it.
    fn view_version(&mut self, later: bool) {
        let (Some(tree), Some(Overlay::Viewer(viewer))) = (self.tree().cloned(), self.overlays.last()) else { return };
        let (node, own) = (viewer.node, viewer.layer);
        let versions = versions(&tree, node);
        let next = if later {
            versions.iter().find(|(layer, at)| *layer > own && *at != viewer.file)
        } else {
            let first = versions.iter().rfind(|(layer, _)| *layer <= own).map_or(0, |(layer, _)| *layer);
            versions.iter().rfind(|(layer, _)| *layer < first)
        };
        let Some((number, at)) = next.copied() else {
            return self.tell(if later { "no later version" } else { "no earlier version" });
        };
        self.overlays.pop();
        self.view_at(node, at, number);
    }

    /// Saves a file or folder as it is after a layer.
    pub(super) fn save(&mut self, node: NodeId, layer: u16, into: &str) {
        let Some(job) = self.save_job(node, layer, into) else { return self.tell("it is not there to be saved") };
        let name = self.tree().map(|tree| super::work::path_of(tree, node)).unwrap_or_default();
        self.tell(&format!("saving {name}"));
        self.saving += 1;
        self.effect(Effect::Work(Job::Save(Box::new(job))));
    }

    /// What is to be read: of two images the file of the one that has it.
    fn read_job(&self, file: EventRef, name: Vec<u8>) -> Option<ReadJob> {
        match &self.pair {
            None => Some(ReadJob { found: self.found.clone()?, target: None, file, name }),
            Some(pair) => {
                let (found, target) = pair.side(file.layer);
                Some(ReadJob { found, target: Some(target), file: pair.comparison.origin(file)?, name })
            }
        }
    }

    /// What is to be saved: of two images the path as the one has it that the layer stands for.
    fn save_job(&self, node: NodeId, layer: u16, into: &str) -> Option<SaveJob> {
        let into = into.into();
        match &self.pair {
            None => Some(SaveJob { found: self.found.clone()?, target: None, node, layer, into }),
            Some(pair) => {
                let (found, target) = pair.side(layer);
                let node = found.tree.paths.find(&pair.comparison.tree.paths.path(node))?;
                let layer = found.tree.top()?;
                Some(SaveJob { found, target: Some(target), node, layer, into })
            }
        }
    }
}

/// The contents that a path had, each with the layer that stored it.
pub(super) fn versions(tree: &Tree, node: NodeId) -> Vec<(u16, EventRef)> {
    let moments = PathHistory::of(tree, node, 0).moments.into_iter();
    let stored = moments.filter(|moment| moment.change != Change::Removed);
    stored.filter_map(|moment| Some((moment.layer, tree.copy_of(moment.at?)?))).collect()
}
