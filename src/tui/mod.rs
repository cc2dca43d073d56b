//! The screen.
//!
//! Owns the terminal, the keys and what is drawn. Everything that changes does so in [`App::update`]; keys, signals and
//! the inspection only send it messages. Computes nothing about images itself: it reads the `Inspection` and the rows of
//! its tree.

mod app;
#[allow(dead_code, reason = "the viewer is built on it")]
mod content;
#[allow(dead_code, reason = "the viewer is built on it")]
mod highlight;
mod keymap;
mod pick;
mod run;
mod text;
mod theme;
mod view;

pub use app::{App, Effect, Focus, Msg, Screen};
pub use keymap::{Action, BINDINGS, Binding};
pub use pick::{Choice, pick};
pub use run::run;
pub use theme::Theme;
pub use view::draw;
