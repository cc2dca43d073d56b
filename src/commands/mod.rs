//! What each command does: settings in, an inspection, an output, an exit code.
//!
//! Owns standard streams, files that are written, and exit codes. Computes nothing about images.

mod cache;
mod config;
mod contents;
mod diff;
mod extract;
mod failure;
mod fix;
mod look;
mod open;
mod output;
mod plugin;
mod registry;
mod verdict;

use std::process::ExitCode;

use explore::cli::{Cli, Command, Format, generate};
use explore::report::{self, HistoryFormat};

pub(crate) use failure::Failure;
pub(crate) use output::say;
pub(crate) use plugin::run_as_plugin;

/// Runs what the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        None => open::open(&cli.open),
        Some(Command::History { image, reading, no_trunc, format }) => {
            let format = match format {
                Format::Table => HistoryFormat::Table,
                Format::Json => HistoryFormat::Json,
            };
            contents::history(&image, &reading, format, no_trunc)
        }
        Some(Command::Diff { before, after, flags, strict, parity, all, format, output }) => {
            let telling = diff::Telling { strict, parity, all, format, output: output.as_deref() };
            diff::diff(&before, &after, &flags, &telling)
        }
        Some(Command::Ls { image, path, reading, layer, depth, long, print0, json }) => {
            let format = contents::list_format(long, print0, json);
            contents::ls(&image, path, &reading, layer, depth, format)
        }
        Some(Command::Cat { image, path, reading, layer }) => contents::cat(&image, &path, &reading, layer),
        Some(Command::Extract(wanted)) => extract::extract(&wanted),
        Some(Command::Rules { id, rules }) => {
            let settings = look::settings(&rules.given)?;
            let rules = look::catalogue(settings.path("rules"), &[])?;
            match id {
                None => output::print(|out| report::write_rules(&rules, out))?,
                Some(id) => {
                    let Some(rule) = rules.get(&id) else { return Err(Failure::NoRule(id)) };
                    output::print(|out| report::write_rule(&rules, rule, out))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Fix(wanted)) => fix::fix(&wanted),
        Some(Command::Build { engine, flags, arguments }) => open::build(engine, &flags, &arguments),
        Some(Command::Config { what }) => config::tend(what),
        Some(Command::Cache { what }) => cache::tend(what.as_ref()),
        Some(Command::Generate { what }) => {
            output::print(|out| generate(what, out))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
