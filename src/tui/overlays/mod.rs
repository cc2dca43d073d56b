//! What lies over a screen and has the keys: help, the search through all layers, a path's history, a file's content.
//!
//! Each overlay is a file with its state, keys, mouse and drawing.

mod choose;
mod copy;
mod diff;
mod find;
mod fix;
mod help;
mod history;
mod range;
mod save;
mod text;
mod viewer;

use std::fmt::Debug;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

pub(super) use choose::{choose_image, choose_platform};
pub(super) use copy::offer_copies;
pub(super) use diff::diff_selected;
pub(super) use find::find;
pub(super) use fix::fix_selected;
pub(super) use help::help;
pub(super) use history::{history_of, history_of_selected};
pub(super) use range::range;
pub(super) use save::{save_final, save_selected};
pub(super) use viewer::view_selected;

use super::app::{App, Effect};
use super::chrome::Hint;
use super::jobs::Answer;
use super::keymap::{Action, Place};
use super::keys::Key;
use super::line::Line;

/// Something that lies over the screen. It is not in the stack of overlays while it handles a key, a click or an answer; what
/// it opens then lies above it.
pub(super) trait Overlay: Debug {
    /// Where its keys are in the key table.
    fn place(&self) -> Place;
    /// It is closed, and leaves the stack.
    fn is_closed(&self) -> bool;
    /// Closes it.
    fn close(&mut self);
    /// A key.
    fn key(&mut self, app: &mut App, key: Key);
    /// A click inside of it.
    fn click(&mut self, _app: &mut App, _area: Rect, _at: Position) {}
    /// The wheel, in rows.
    fn scroll(&mut self, by: isize);
    /// Pasted text.
    fn paste(&mut self, _app: &mut App, _text: &str) {}
    /// The result of a job. Takes it when it asked for it.
    fn answer(&mut self, _app: &mut App, _number: u64, _answer: &mut Option<Answer>) {}
    /// Moves cursors into what is seen of their lists.
    fn fit(&mut self, app: &mut App);
    /// Where it lies.
    fn area(&self, size: (u16, u16)) -> Rect;
    /// Draws it.
    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer);
    /// What the footer says.
    fn hints(&self, app: &App) -> Vec<Hint>;
    /// The line that is being typed, and where it stands.
    fn typing(&self, _area: Rect) -> Option<(&Line, Position)> {
        None
    }
}

/// What every overlay does alike: the actions that work everywhere, and closing. True when the action was one of them.
fn act_alike(overlay: &mut dyn Overlay, app: &mut App, action: Option<Action>) -> bool {
    match action {
        Some(Action::Back | Action::Quit) => overlay.close(),
        Some(Action::Suspend) => app.effect(Effect::Suspend),
        Some(
            action @ (Action::Theme
            | Action::Mouse
            | Action::LayersScreen
            | Action::WasteScreen
            | Action::MapScreen
            | Action::ImageScreen),
        ) => {
            let before = app.screen;
            app.act_anywhere(action);
            if app.screen != before || matches!(action, Action::LayersScreen) {
                overlay.close();
            }
        }
        Some(Action::Help) => help(app),
        _ => return false,
    }
    true
}

/// The hints of the key table for an overlay.
fn table_hints(overlay: &dyn Overlay, app: &App) -> Vec<Hint> {
    app.keys.hints(overlay.place()).map(|(_, hint)| hint).collect()
}
