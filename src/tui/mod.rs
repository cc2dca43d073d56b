//! The screen.
//!
//! Owns the terminal, the keys and what is drawn. Everything that changes does so in [`App::update`]; keys, signals, the
//! inspection and the threads that work beside the loop only send it messages, and what is to be done outside comes back as
//! [`Effect`]s. Computes nothing about images itself: it reads the `Inspection` and the rows of its tree.

mod act;
mod app;
mod browse;
mod content;
mod cursor;
mod findings;
mod highlight;
mod keymap;
mod keys;
mod line;
mod map;
mod mouse;
mod overlay;
mod pair;
mod pick;
mod query;
mod run;
mod text;
mod theme;
mod view;
mod viewer;
mod work;

pub use app::{App, Effect, Focus, Look, Msg, Screen};
pub use keymap::{Action, BINDINGS, Binding, Keymap, KeymapError, Place};
pub use keys::Key;
pub use pair::Pair;
pub use pick::{Choice, pick};
pub use query::Query;
pub use run::{ScreenError, run, run_pair};
pub use theme::Theme;
pub use view::draw;
pub use work::{Desk, Job};
