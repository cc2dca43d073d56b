//! What the user wants: flags, variables, settings files and defaults, merged.
//!
//! Owns the one list of settings ([`SETTINGS`]), how values are read, and who wins: flag, then variable, then
//! `.explore.toml`, then `.dive-ci`, then the user's own file, then the default. Hands out plain values; what they mean is
//! for others. Stands beside `cli`, before the commands; no folder of the way from bytes to reports uses it.

pub mod dive;
mod file;
mod load;
mod merged;
mod origin;
mod print;
mod screen;
mod table;
mod value;

pub use dive::DIVE_FILE;
pub use file::{FILE_NAME, KeyBinding};
pub use load::{Surroundings, check, load, nearest_file};
pub use merged::{ScreenSettings, Settings, SettingsError};
pub use origin::{Given, Origin, Problem, Said};
pub use print::{write_commented, write_settings};
pub use table::{Group, SETTINGS, Setting, nearest, setting};
pub use value::{Takes, Value, switch};
