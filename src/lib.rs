//! See what a container image is made of: its layers, every file's history, and the bytes that are wasted.
//!
//! The folders stand in the order that data travels, and a folder uses only those before it:
//! `bytes`, `secret`, `source`, `image`, `layer`, `tree`, `waste`, `inspect`, `content`, `compare`, `gate`, then `report` and `tui` side by side.
//! `cli` and `settings` stand beside them, before the commands of the program.
//! `docs/architecture.md` is the plan of the house.

pub mod build;
pub mod bytes;
pub mod cli;
pub mod compare;
pub mod content;
pub mod fix;
pub mod gate;
pub mod image;
pub mod inspect;
pub mod layer;
pub mod prove;
pub mod report;
pub mod secret;
pub mod settings;
pub mod source;
pub mod tree;
pub mod tui;
pub mod waste;
