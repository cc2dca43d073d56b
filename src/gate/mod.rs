//! The verdict over an image.
//!
//! Owns limits, what counts against them, and what is excused. Settings come in as plain values; writing the verdict down is
//! for `report`.

mod verdict;

pub use verdict::{Check, Excuse, Excused, Quantity, Verdict};
