//! The search through all layers: one row for each stored copy.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::text::draw_row;
use super::viewer::read_job;
use super::{Overlay, act_alike, history, save, viewer};
use crate::bytes::shown_text;
use crate::report::{date, exact, permissions};
use crate::tree::{Event, EventKind, EventRef};
use crate::tui::app::App;
use crate::tui::chrome::{Hint, frame, select};
use crate::tui::cursor::Cursor;
use crate::tui::jobs::{Answer, CostJob, FindJob, Found, Order, PREVIEW_LIMIT, PathCost, Work, path_of};
use crate::tui::keymap::{Action, Place};
use crate::tui::keys::Key;
use crate::tui::layout::{full, inner, skip_rows};
use crate::tui::line::Line;
use crate::tui::pager::Pager;
use crate::tui::query::Query;
use crate::tui::screens::{NO_HISTORY, copy_fate};
use crate::tui::text::{bytes, cut_end, cut_middle, wrap};

/// Columns from which a preview stands beside the copies.
const PREVIEWED: u16 = 120;

/// The search.
#[derive(Debug, Default)]
struct Find {
    line: Line,
    query: Query,
    /// Why what was typed can't be read.
    wrong: Option<String>,
    order: Order,
    asked: u64,
    waiting: bool,
    found: Option<Box<Found>>,
    cursor: Cursor,
    height: usize,
    /// What the selected copy's path costs, and its first lines.
    cost: Option<PathCost>,
    cost_number: u64,
    preview: Pager,
    preview_number: u64,
    preview_of: Option<EventRef>,
    /// There is room for a preview.
    previewed: bool,
    closed: bool,
}

/// Opens the search. A filter that holds in the files is taken over.
pub(in crate::tui) fn find(app: &mut App) {
    if app.tree().is_none() {
        return app.notify("there is nothing to search yet: the layers are still being read");
    }
    if app.pair.is_some() {
        return find_in_pair(app);
    }
    let mut find = Find::default();
    if !app.browse.query().is_empty() {
        find.line.paste(app.browse.query().text());
        find.query = app.browse.query().clone();
    }
    find.ask(app);
    app.overlays.push(Box::new(find));
}

/// Two images have no layers to search: the filter of their files is the search.
fn find_in_pair(app: &mut App) {
    app.browse.all = true;
    app.show_again();
    app.act(Action::Filter);
}

impl Find {
    fn selected(&self) -> Option<EventRef> {
        self.found.as_ref()?.copies.get(self.cursor.at).map(|copy| copy.at)
    }

    fn len(&self) -> usize {
        self.found.as_ref().map_or(0, |found| found.copies.len())
    }

    fn ask(&mut self, app: &mut App) {
        let Some(tree) = app.tree().cloned() else { return };
        self.waiting = true;
        self.asked = app.ask(Work::Find(FindJob { tree, query: self.query.clone(), order: self.order }));
    }

    fn typed(&mut self, app: &mut App) {
        match Query::parse(self.line.text()) {
            Ok(query) => {
                self.wrong = None;
                if query != self.query {
                    self.query = query;
                    self.ask(app);
                }
            }
            Err(wrong) => self.wrong = Some(wrong),
        }
    }

    /// Asks for what is shown beside the list.
    fn ask_preview(&mut self, app: &mut App) {
        let selected = self.selected().filter(|_| self.previewed);
        if selected == self.preview_of {
            return;
        }
        (self.preview_of, self.cost, self.preview) = (selected, None, Pager::default());
        let (Some(at), Some(tree)) = (selected, app.tree().cloned()) else { return };
        let node = tree.event_at(at).node;
        let name = tree.paths.name(node).to_vec();
        self.cost_number = app.ask(Work::Cost(CostJob { tree: std::sync::Arc::clone(&tree), node }));
        if let Some(job) = tree.copy_of(at).and_then(|file| read_job(app, file, name, PREVIEW_LIMIT)) {
            self.preview_number = app.ask(Work::Read(Box::new(job)));
        }
    }

    /// Goes to the layer that stores the copy, with the path selected.
    fn go(&mut self, app: &mut App) {
        let (Some(at), Some(tree)) = (self.selected(), app.tree()) else { return };
        let node = tree.event_at(at).node;
        self.closed = true;
        app.go_to(node, Some(at.layer.into()));
    }

    /// The list and, where there is room, the preview.
    fn panes(area: Rect) -> [Rect; 2] {
        let inside = inner(area);
        if area.width < PREVIEWED {
            return [inside, Rect { width: 0, ..inside }];
        }
        inside.layout(&Layout::horizontal([Constraint::Percentage(62), Constraint::Min(0)]))
    }

    fn rows(area: Rect) -> Rect {
        let [list, _] = Self::panes(area);
        skip_rows(list, if list.height >= 8 { 3 } else { 1 })
    }
}

impl Overlay for Find {
    fn place(&self) -> Place {
        Place::Find
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn key(&mut self, app: &mut App, key: Key) {
        let len = self.len();
        let page = self.height.max(1) as isize;
        // Letters are typed; only keys with Ctrl or a name do something.
        let action = if key.letter().is_some() { None } else { app.keys.action(Place::Find, key) };
        match (key.code(), action) {
            (KeyCode::Esc, _) => self.close(),
            (KeyCode::Up, _) => self.cursor.step(-1, len),
            (KeyCode::Down, _) => self.cursor.step(1, len),
            (KeyCode::PageUp, _) => self.cursor.step(-page, len),
            (KeyCode::PageDown, _) => self.cursor.step(page, len),
            (KeyCode::Enter, _) => self.go(app),
            _ if key.is_ctrl('n') => self.cursor.step(1, len),
            _ if key.is_ctrl('p') => self.cursor.step(-1, len),
            _ if key.is_ctrl('c') => self.close(),
            (_, Some(Action::View)) => {
                if let (Some(at), Some(tree)) = (self.selected(), app.tree()) {
                    let node = tree.event_at(at).node;
                    viewer::view_at(app, node, at, at.layer);
                }
            }
            (_, Some(Action::Blame)) => {
                if let (Some(at), Some(tree)) = (self.selected(), app.tree()) {
                    let node = tree.event_at(at).node;
                    history::history_of(app, node);
                }
            }
            (_, Some(Action::Save)) => {
                if let (Some(at), Some(tree)) = (self.selected(), app.tree()) {
                    let node = tree.event_at(at).node;
                    save::save(app, node, at.layer);
                }
            }
            (_, Some(Action::Sort)) => {
                self.order = if self.order == Order::Size { Order::Match } else { Order::Size };
                self.ask(app);
            }
            (_, Some(action @ (Action::Suspend | Action::Help))) => {
                act_alike(self, app, Some(action));
            }
            _ => {
                if self.line.takes(key) {
                    self.typed(app);
                }
            }
        }
        self.ask_preview(app);
    }

    fn click(&mut self, app: &mut App, area: Rect, at: Position) {
        let rows = Self::rows(area);
        let place = self.cursor.top + usize::from(at.y.saturating_sub(rows.y));
        if rows.contains(at) && place < self.len() {
            let again = self.cursor.at == place;
            self.cursor.at = place;
            if again {
                self.go(app);
            } else {
                self.ask_preview(app);
            }
        }
    }

    fn scroll(&mut self, by: isize) {
        let (height, len) = (self.height, self.len());
        self.cursor.scroll(by, height, len);
    }

    fn paste(&mut self, app: &mut App, text: &str) {
        self.line.paste(text);
        self.typed(app);
    }

    fn answer(&mut self, app: &mut App, number: u64, answer: &mut Option<Answer>) {
        match answer.take() {
            Some(Answer::Found(found)) if number == self.asked => {
                (self.found, self.waiting, self.cursor) = (Some(found), false, Cursor::default());
                self.ask_preview(app);
            }
            Some(Answer::Cost(cost)) if number == self.cost_number => self.cost = Some(*cost),
            Some(Answer::Content(read)) if number == self.preview_number => self.preview.take(*read),
            other => *answer = other,
        }
    }

    fn fit(&mut self, app: &mut App) {
        let area = self.area(app.size);
        self.height = Self::rows(area).height.into();
        let len = self.len();
        self.cursor.follow(self.height, len);
        let [_, preview] = Self::panes(area);
        let previewed = preview.width > 0;
        if previewed != self.previewed {
            self.previewed = previewed;
            self.ask_preview(app);
        }
        self.preview.fit((preview.width.saturating_sub(2).into(), preview.height.into()));
    }

    fn area(&self, size: (u16, u16)) -> Rect {
        full(size)
    }

    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let order = match self.found.as_ref().map_or(self.order, |found| found.order) {
            Order::Size => "by size",
            Order::Match => "by match",
        };
        frame(app, "Find in all layers", order, true, area, buffer);
        let [list, preview] = Self::panes(area);
        self.draw_prompt(app, Rect { height: list.height.min(1), ..list }, buffer);
        let Some(tree) = app.tree() else { return };
        let rows = Self::rows(area);
        let digits = tree.layers.len().saturating_sub(1).to_string().len().max(5);
        if rows.y >= list.y + 2 {
            let header = Rect { y: rows.y - 1, height: 1, ..list };
            let text = format!("{:>9} {:>digits$}  {:<15} PATH", "SIZE", "LAYER", "NOW");
            Text::styled(cut_end(&text, list.width.into()), app.theme.faint).render(header, buffer);
        }
        let Some(found) = &self.found else { return };
        if found.copies.is_empty() && !self.waiting {
            Text::styled("no layer stores a path like this", app.theme.faint).render(rows, buffer);
        }
        for ((place, copy), row) in found.copies.iter().enumerate().skip(self.cursor.top).zip(rows.rows()) {
            let event = tree.event_at(copy.at);
            let folder = event.kind() == EventKind::Directory;
            let size =
                if copy.bytes == 0 && event.kind() != EventKind::File { String::new() } else { bytes(copy.bytes) };
            let fate = copy_fate(tree, event.node, event.until);
            let style = if event.until == Event::HOLDS { app.theme.faint } else { app.theme.removed };
            let front = format!("{size:>9} {:>digits$}  ", copy.at.layer);
            let used = front.width() + 16;
            let mut path = path_of(tree, event.node);
            if folder {
                path.push('/');
            }
            Text::from(vec![
                Span::raw(front),
                Span::styled(format!("{fate:<15} "), style),
                Span::raw(cut_middle(&path, usize::from(row.width).saturating_sub(used))),
            ])
            .render(row, buffer);
            if place == self.cursor.at {
                select(app, true, row, None, buffer);
            }
        }
        if preview.width > 0 {
            self.draw_preview(app, preview, buffer);
        }
    }

    fn hints(&self, app: &App) -> Vec<Hint> {
        app.keys.hints(Place::Find).map(|(_, hint)| hint).collect()
    }

    fn typing(&self, area: Rect) -> Option<(&Line, Position)> {
        let inside = inner(area);
        Some((&self.line, Position::new(inside.x + 2, inside.y)))
    }
}

impl Find {
    fn draw_prompt(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        let text = self.line.text();
        let (right, style) = match (&self.wrong, &self.found) {
            (Some(wrong), _) => (wrong.clone(), app.theme.error),
            (None, Some(found)) if !self.waiting => {
                let count = exact(found.count as u64);
                let of = if self.query.is_empty() {
                    "files".to_owned()
                } else {
                    format!("of {} files", exact(found.of as u64))
                };
                (format!("{count} {of}, {}", bytes(found.bytes)), app.theme.faint)
            }
            _ => ("searching".to_owned(), app.theme.faint),
        };
        let prompt = if text.is_empty() {
            vec![
                Span::styled("> ", app.theme.key),
                Span::styled("text  *.glob  re:regex  >10MB  is:removed  !not", app.theme.faint),
            ]
        } else {
            vec![Span::styled("> ", app.theme.key), Span::styled(text.to_owned(), app.theme.title)]
        };
        Text::from(prompt).render(area, buffer);
        let right = cut_end(&right, usize::from(area.width).saturating_sub(text.width() + 4));
        let width = right.width() as u16;
        let place = Rect { x: area.right().saturating_sub(width), width, ..area };
        Text::styled(right, style).render(place, buffer);
    }

    /// The selected copy: what it is, the history of its path, its first lines.
    fn draw_preview(&self, app: &App, area: Rect, buffer: &mut Buffer) {
        for row in area.rows() {
            Text::styled("│", app.theme.faint).render(Rect { width: 1, ..row }, buffer);
        }
        let area = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
        let width = usize::from(area.width);
        let (Some(tree), Some(at)) = (app.tree(), self.selected()) else { return };
        let event = tree.event_at(at);
        let about = tree.attributes(at);
        let mut lines: Vec<Text<'_>> =
            wrap(&path_of(tree, event.node), width).into_iter().map(|l| Text::styled(l, app.theme.title)).collect();
        let day = event.mtime().map(date).unwrap_or_default();
        let text = format!("{} {}:{}  {day}", permissions(event.kind(), about.mode), about.uid, about.gid);
        lines.push(Text::styled(cut_end(&text, width), app.theme.faint));
        if let Some(cost) = &self.cost {
            lines.push(Text::raw(""));
            for layer in &cost.layers {
                let what = match layer.change {
                    _ if cost.folder => super::super::screens::counts_words(layer.counts),
                    crate::tree::Change::Removed => "removed".to_owned(),
                    _ => bytes(layer.bytes),
                };
                let text = app.image().and_then(|image| image.instruction_line(layer.layer.into()));
                let text = shown_text(&text.unwrap_or_else(|| NO_HISTORY.to_owned()));
                let text = text.strip_prefix("RUN ").unwrap_or(&text).to_owned();
                lines.push(Text::raw(cut_end(&format!("{:>3}  {what:>9}  {text}", layer.layer), width)));
            }
            let fate = match (cost.stored, cost.dead()) {
                (0, _) => String::new(),
                (all, 0) => format!("costs {}, all of it in the image", bytes(all)),
                (all, dead) if all == dead => format!("costs {}, none of it in the image", bytes(all)),
                (all, dead) => format!("costs {}, {} of it dead", bytes(all), bytes(dead)),
            };
            lines.push(Text::styled(fate, app.theme.wasted));
        }
        lines.push(Text::raw(""));
        let used = lines.len() as u16;
        for (row, line) in area.rows().zip(lines) {
            line.render(row, buffer);
        }
        if let Some(file) = self.preview.viewed() {
            let rest = skip_rows(area, used);
            // Without numbers there is more room for the text.
            for (row, line) in (0..self.preview.rows()).zip(rest.rows()) {
                draw_row(app, &self.preview, file, row, false, line, buffer);
            }
        }
    }
}
