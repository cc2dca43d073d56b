//! What was found, written down: for people without a terminal and for programs.
//!
//! Owns the formats. Every one reads the same [`Inspection`](crate::inspect::Inspection) and computes nothing that
//! another would have to compute again. Names and texts from images are made harmless here.

mod base;
mod ci;
mod diff;
mod formats;
mod github;
mod gitlab;
mod harmless;
mod history;
mod html;
mod images;
mod json;
mod judged;
mod junit;
mod line_hash;
mod listing;
mod markdown;
mod parity;
mod place;
mod rules;
mod sarif;
mod size;
mod summary;
mod time;
mod words;

pub(crate) use base::base_words;
pub use ci::{verdict_line, write_verdicts};
pub use diff::{Compared, DiffFormat, write_diff};
pub(crate) use diff::{aspects, signed};
pub use formats::{ReportFormat, write_report};
pub use history::{HistoryFormat, write_history};
pub use images::write_images;
pub use json::{JsonOptions, write_json, write_judged};
pub use judged::Judged;
pub use listing::{ListFormat, permissions, write_listing};
pub use markdown::write_step_summary;
pub use parity::{write_parity, write_parity_json};
pub use rules::{write_rule, write_rules};
pub use size::{bytes, count, exact, exact_signed, parse_size, percent};
pub(crate) use summary::notice_words;
pub use summary::{write_summary, write_timings};
pub use time::{ago, date, rfc3339};
