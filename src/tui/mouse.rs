//! The mouse: a click selects, a second one opens, the wheel scrolls what is below it, the divider can be dragged.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::app::{App, Focus, Screen};
use super::cursor::Cursor;
use super::keymap::Action;
use super::overlay::Overlay;
use super::view::{self, Areas};

/// Rows that one notch of the wheel moves.
const NOTCH: isize = 3;

impl App {
    pub(super) fn mouse_event(&mut self, event: MouseEvent) {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(at, -NOTCH),
            MouseEventKind::ScrollDown => self.wheel(at, NOTCH),
            MouseEventKind::Down(MouseButton::Left) => self.click(at),
            MouseEventKind::Drag(MouseButton::Left) if self.dragging => {
                let width = u32::from(self.size.0.max(1));
                self.split = (u32::from(at.x) * 100 / width).clamp(15, 85) as u16;
            }
            MouseEventKind::Up(MouseButton::Left) => self.dragging = false,
            _ => {}
        }
    }

    fn wheel(&mut self, at: Position, by: isize) {
        if let Some(overlay) = self.overlays.last_mut() {
            let heights = view::Heights::of_size(self.size);
            match overlay {
                Overlay::Help { top, .. } => *top = top.saturating_add_signed(by),
                Overlay::Jump(jump) => jump.cursor.scroll(by, heights.jump, jump.paths.len()),
                Overlay::History(history) => history.cursor.scroll(by, heights.history, history.moments.len()),
                Overlay::Viewer(viewer) => viewer.scroll(by),
                Overlay::Copy { .. } | Overlay::Save { .. } => {}
            }
            return;
        }
        let areas = Areas::of(self);
        let heights = view::Heights::of(self);
        match self.screen {
            Screen::Layers if areas.layers.contains(at) => {
                let before = self.layers.at;
                self.layers.scroll(by, heights.layers, self.layer_count());
                if self.layers.at != before {
                    self.layer_changed();
                }
            }
            Screen::Layers if areas.files.contains(at) => {
                self.browse.cursor.scroll(by, heights.files, self.browse.rows().len());
            }
            Screen::Layers if areas.details.contains(at) => {
                let (height, len) = view::details_size(self);
                self.details.scroll(by, height, len);
            }
            Screen::Waste if view::findings_list(self).contains(at) => {
                self.findings.cursor.scroll(by, heights.findings, self.findings.entries.len());
            }
            Screen::Waste => {
                let (height, len) = view::details_size(self);
                self.details.scroll(by, height, len);
            }
            Screen::Image => {
                let (height, len) = view::documents_size(self);
                self.documents.scroll(by, height, len);
            }
            Screen::Layers | Screen::Map => {}
        }
    }

    fn click(&mut self, at: Position) {
        self.toast = None;
        if !self.overlays.is_empty() {
            return self.click_in_overlay(at);
        }
        self.browse.typing = false;
        let areas = Areas::of(self);
        if areas.header.contains(at) {
            let tab = view::tabs(self).into_iter().find(|(_, area)| area.contains(at));
            if let Some((screen, _)) = tab {
                self.go_to_screen(screen);
            }
            return;
        }
        match self.screen {
            Screen::Layers => self.click_in_panes(at, &areas),
            Screen::Waste => {
                let list = view::findings_list(self);
                self.focus = if list.contains(at) { Focus::Layers } else { Focus::Details };
                if let Some(place) = row_at(list, at, self.findings.cursor.top, self.findings.entries.len()) {
                    self.details = Cursor::default();
                    let again = self.findings.cursor.at == place;
                    self.findings.cursor.at = place;
                    if again {
                        self.act(Action::Open);
                    }
                }
            }
            Screen::Map => {
                let tiles = self.map.level.tiles(view::map_area(self));
                if let Some(tile) = tiles.iter().find(|tile| tile.area.contains(at)) {
                    let again = tile.holds(self.map.at);
                    self.map.at = tile.row;
                    if again {
                        self.act(Action::Open);
                    }
                }
            }
            Screen::Image => {}
        }
    }

    fn click_in_panes(&mut self, at: Position, areas: &Areas) {
        let divider = areas.files.x;
        if areas.files.x > 0 && (divider.saturating_sub(1)..=divider).contains(&at.x) && areas.files.y <= at.y {
            self.dragging = true;
            return;
        }
        if let Some(layer) = row_at(view::layer_rows(areas.layers), at, self.layers.top, self.layer_count()) {
            self.focus = Focus::Layers;
            if self.layers.at != layer {
                self.layers.at = layer;
                self.layer_changed();
            }
        } else if areas.layers.contains(at) {
            self.focus = Focus::Layers;
        } else if areas.details.contains(at) {
            self.focus = Focus::Details;
        } else if areas.files.contains(at) {
            let focused = self.focus == Focus::Files;
            self.focus = Focus::Files;
            let rows = self.browse.rows().len();
            if let Some(place) = row_at(view::file_rows(self, areas.files), at, self.browse.cursor.top, rows) {
                let again = focused && self.browse.cursor.at == place;
                self.browse.cursor.at = place;
                if again {
                    self.act(Action::Open);
                }
            }
        }
    }

    fn click_in_overlay(&mut self, at: Position) {
        let size = self.size;
        let inside = self.overlays.last().map(|overlay| view::overlay_area(overlay, size));
        let Some(inside) = inside else { return };
        if !inside.contains(at) {
            return self.close();
        }
        let key = match self.overlays.last_mut() {
            Some(Overlay::Jump(jump)) => {
                let rows = view::jump_rows(inside);
                let Some(place) = row_at(rows, at, jump.cursor.top, jump.paths.len()) else { return };
                let again = jump.cursor.at == place;
                jump.cursor.at = place;
                again
            }
            Some(Overlay::History(history)) => {
                let rows = view::history_rows(inside);
                let Some(place) = row_at(rows, at, history.cursor.top, history.moments.len()) else { return };
                let again = history.cursor.at == place;
                history.cursor.at = place;
                again
            }
            Some(Overlay::Copy { items, cursor }) => {
                let Some(place) = row_at(view::inner(inside), at, 0, items.len()) else { return };
                cursor.at = place;
                true
            }
            _ => false,
        };
        if key {
            let enter =
                crossterm::event::KeyEvent::new(crossterm::event::KeyCode::Enter, crossterm::event::KeyModifiers::NONE);
            self.key_in_overlay(super::keys::Key::of(enter));
        }
    }
}

/// The row of a list that is at a place of the screen.
fn row_at(area: Rect, at: Position, top: usize, len: usize) -> Option<usize> {
    let row = top + usize::from(at.y.checked_sub(area.y)?);
    (area.contains(at) && row < len).then_some(row)
}
