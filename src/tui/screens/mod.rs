//! Screens. Each is a file of its own, which owns the screen's state, keys, mouse and drawing. [`Screen::view`] is the one
//! place where screens are told apart.
//!
//! To add a screen: write its file with a [`View`], add a [`Screen`] with its tab, a field of its state in
//! [`App`](super::app::App), and a [`Place`] with its keys in the key table.

mod change;
mod details;
mod files;
mod image;
mod layers;
mod map;
mod pair;
mod picker;
mod waste;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

pub(super) use change::{diff_lines, edit_of};
pub(super) use details::{ask as ask_details, copy_fate, counts_words};
pub(super) use files::{sign, target};
pub(super) use image::ImageState;
pub(super) use layers::{LayersState, NO_HISTORY};
pub(super) use pair::{HalfState, take_half, take_pair};
pub(super) use picker::PickerState;
pub use picker::{Choice, Described, EngineList};
pub(super) use waste::WasteState;

use super::app::App;
use super::keymap::{Action, Place};
use super::keys::Key;
use super::line::Line;
use crate::tree::NodeId;

/// What fills the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Images to choose from.
    Picker,
    /// Layers and their files.
    Layers,
    /// What is wasted, and what to change.
    Waste,
    /// Bytes as areas.
    Map,
    /// What the manifest and the config say.
    Image,
    /// The layers of two images and the files that differ.
    Pair,
    /// What became of the findings of two images.
    PairWaste,
    /// The settings of two images that differ.
    PairImages,
}

/// A screen: its keys, its mouse and its drawing. Its state is in [`App`].
pub(super) trait View {
    /// The title of its tab; empty for a screen without tabs.
    fn title(&self) -> &'static str;
    /// Where its keys go.
    fn place(&self, app: &App) -> Place;
    /// Does what a key means here; false leaves it to [`App::act`].
    fn act(&self, app: &mut App, action: Action) -> bool;
    /// Draws the screen between the header and the footer.
    fn draw(&self, app: &App, area: Rect, buffer: &mut Buffer);
    /// A click in the body.
    fn click(&self, app: &mut App, area: Rect, at: Position);
    /// The wheel over the body, in rows.
    fn scroll(&self, app: &mut App, area: Rect, at: Position, by: isize);
    /// Moves cursors into what is seen of their lists.
    fn fit(&self, _app: &mut App) {}
    /// Rows that a page key moves.
    fn page(&self, _app: &App) -> usize {
        10
    }
    /// The mouse is dragged, or released.
    fn drag(&self, _app: &mut App, _at: Option<Position>) {}
    /// The path that the cursor is on.
    fn selected(&self, _app: &App) -> Option<NodeId> {
        None
    }
    /// What can be copied where the cursor is: a name for it, and the text.
    fn copies(&self, _app: &App) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// Whether an action does something where the cursor is, so that the footer names it.
    fn offers(&self, _app: &App, _action: Action) -> bool {
        true
    }
    /// The line that is being typed, and where it stands.
    fn typing<'a>(&self, _app: &'a App, _area: Rect) -> Option<(&'a Line, Position)> {
        None
    }
    /// A key while a line is being typed.
    fn type_key(&self, _app: &mut App, _key: Key) {}
    /// Letters are typed and are not keys, except for `?`.
    fn takes_letters(&self) -> bool {
        false
    }
    /// A key that is in no table, or a typed letter.
    fn other_key(&self, _app: &mut App, _key: Key) {}
    /// Text that is pasted.
    fn paste(&self, _app: &mut App, _text: &str) {}
}

/// The tabs of one image, and of two.
const TABS: [Screen; 4] = [Screen::Layers, Screen::Waste, Screen::Map, Screen::Image];
const PAIR_TABS: [Screen; 4] = [Screen::Pair, Screen::PairWaste, Screen::Map, Screen::PairImages];

impl Screen {
    /// The screen itself.
    pub(super) fn view(self) -> &'static dyn View {
        match self {
            Self::Picker => &picker::Picker,
            Self::Layers => &layers::Layers,
            Self::Waste => &waste::Waste,
            Self::Map => &map::Map,
            Self::Image => &image::Image,
            Self::Pair => &pair::Pair,
            Self::PairWaste => &pair::PairWaste,
            Self::PairImages => &pair::PairImages,
        }
    }
}

impl App {
    /// The screens that have a tab beside this one.
    pub(super) fn tabs(&self) -> &'static [Screen] {
        match self.screen {
            Screen::Picker => &[],
            _ if self.layers.halves.is_some() || self.pair.is_some() => &PAIR_TABS,
            _ => &TABS,
        }
    }
}

/// Letters are typed into a line of the screen.
pub(super) fn is_typing(app: &App) -> bool {
    app.screen.view().typing(app, Rect::default()).is_some()
}

/// The row of a list at a place of the screen.
fn row_at(area: Rect, at: Position, top: usize, len: usize) -> Option<usize> {
    let row = top + usize::from(at.y.checked_sub(area.y)?);
    (area.contains(at) && row < len).then_some(row)
}
