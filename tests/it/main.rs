//! All tests that run the program or use it as a library, in one binary: `cargo test --test it MODULE::TEST`.

#![allow(missing_docs, unreachable_pub, reason = "nothing outside of this binary uses it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in tests, which helpers of tests are not"
)]
#![allow(clippy::too_many_lines, reason = "a table of cases is long")]
#![allow(clippy::regex_creation_in_loops, clippy::type_complexity, reason = "a table of cases stands where it is used")]

mod common;

mod bases;
mod builds;
mod catalogue;
mod daemon;
mod damage;
mod diff;
mod engine;
mod fixing;
mod formats;
#[path = "../../fuzz/src/lib.rs"]
mod fuzz_targets;
mod fuzzing;
mod gate;
mod generations;
#[path = "../hostile/mod.rs"]
mod hostile;
mod journeys;
mod judging;
mod laws;
mod layers;
mod packaging;
#[cfg(unix)]
mod pipelines;
mod reading;
mod redaction;
mod registry;
mod registry_access;
mod registry_parts;
#[cfg(unix)]
mod registry_screen;
mod reports;
mod saving;
mod screen;
mod secrets;
mod settings;
mod terminal;
mod tree;
mod trees;
mod waste_cases;
