//! The verdict over an image.
//!
//! Owns limits, what counts against them, and what is excused: by an exception, a baseline, another image, or because it is
//! the base image's. Settings come in as plain values; writing the verdict down is for `report`.

mod baseline;
mod check;
mod checks;
mod exception;
mod judge;
mod limits;
mod pattern;
mod verdict;

pub use baseline::{BaselineError, Known, Whose};
pub use check::{Check, CheckKind, Quantity, Scope};
pub use exception::Exception;
pub use judge::{Gate, settle};
pub use limits::{Bounds, Limits};
pub use pattern::PathPattern;
pub use verdict::{Excuse, Excused, Verdict};
