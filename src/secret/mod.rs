//! What secrets look like, and text that cannot show them.
//!
//! Owns the names that speak of a secret, the forms of well-known tokens, the commands that take passwords, the search for
//! secrets in text files, and [`Redacted`], the type of all text that an image's documents carry. Leaves to `waste` which files
//! and instructions are accused.

mod commands;
mod content;
mod names;
mod redacted;
mod text;
mod tokens;
mod words;

pub use content::{LARGEST, SecretKind, may_hold_secrets, secret_in};
pub use names::is_secret_setting;
pub(crate) use redacted::hide_in_words;
pub use redacted::{HiddenSecret, Redacted, seal};
