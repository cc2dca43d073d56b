//! The screen.
//!
//! Owns the terminal, the keys and what is drawn. Everything that changes does so in [`App::update`]; keys, signals, the
//! inspection and the threads that work beside the loop only send it messages, and what has to be done outside comes back as
//! [`Effect`]s. It computes nothing about images itself: it reads the `Inspection` and the rows of its tree.
//!
//! `screens` has a file for each screen, `overlays` one for each thing that lies over a screen; `layout.rs` says where
//! everything is and knows neither.

mod app;
mod browse;
mod chrome;
mod content;
mod cursor;
mod draw;
mod findings;
mod highlight;
mod jobs;
mod jumps;
mod keymap;
mod keys;
mod layout;
mod line;
mod map;
mod mouse;
mod overlays;
mod pager;
mod pair;
mod query;
mod reading;
mod run;
mod screens;
mod terminal;
mod text;
mod theme;

pub use app::{App, Effect, Msg, Preferences, sort_named};
pub use draw::draw;
pub use jobs::{Answer, Job, QUEUES, Work, Worker};
pub use keymap::{Action, BINDINGS, Binding, Keymap, KeymapError, Place};
pub use keys::Key;
pub use pair::{Half, HalfProgress, Pair};
pub use query::Query;
pub use run::{Ended, ScreenError, Start, run};
pub use screens::{Choice, Described, EngineList, Screen};
pub use theme::Theme;
