//! The mouse: a click selects, a second one opens, the wheel scrolls what is below it, dividers can be dragged.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::app::App;
use super::chrome;
use super::layout::Page;

/// Rows that one notch of the wheel moves.
const NOTCH: isize = 3;

impl App {
    pub(super) fn mouse_event(&mut self, event: MouseEvent) {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(at, -NOTCH),
            MouseEventKind::ScrollDown => self.wheel(at, NOTCH),
            MouseEventKind::Down(MouseButton::Left) => self.click(at),
            MouseEventKind::Down(MouseButton::Right) => {
                self.toast = None;
                if self.overlays.pop().is_none() {
                    self.act(super::keymap::Action::Back);
                }
            }
            MouseEventKind::Drag(MouseButton::Left) => self.screen.view().drag(self, Some(at)),
            MouseEventKind::Up(MouseButton::Left) => self.screen.view().drag(self, None),
            _ => {}
        }
    }

    fn wheel(&mut self, at: Position, by: isize) {
        if let Some(overlay) = self.overlays.last_mut() {
            return overlay.scroll(by);
        }
        let body = Page::of(self.size).body;
        self.screen.view().scroll(self, body, at, by);
    }

    fn click(&mut self, at: Position) {
        let hint = chrome::placed_hints(self).into_iter().find(|(area, _)| area.contains(at));
        self.toast = None;
        // The tabs and the footer work whatever lies over the screen.
        if let Some((_, hint)) = hint {
            return self.press(hint.key);
        }
        let page = Page::of(self.size);
        if page.header.contains(at) {
            let tab = chrome::tabs(self).into_iter().find(|(_, area)| area.contains(at));
            if let Some((screen, _)) = tab {
                self.overlays.clear();
                self.go_to_screen(screen);
            }
            return;
        }
        if let Some(top) = self.overlays.len().checked_sub(1) {
            let area = self.overlays[top].area(self.size);
            if !area.contains(at) {
                self.overlays.pop();
                return;
            }
            return self.with_overlay(top, |overlay, app| overlay.click(app, area, at));
        }
        if page.body.contains(at) {
            self.screen.view().click(self, page.body, at);
        }
    }
}
