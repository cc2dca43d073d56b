//! Reads the command line, runs the command, turns the outcome into an exit code.

mod commands;

use std::ffi::OsString;
use std::process::ExitCode;

use explore::cli::Cli;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(outcome) = commands::run_as_plugin(&arguments) {
        return exit_code(outcome);
    }
    let cli = match Cli::read(arguments.into_iter()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output; when that is closed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // A defect of this program is not a verdict: it ends with the code of what could not be looked at.
    let outcome = std::panic::catch_unwind(|| commands::run(cli));
    outcome.map_or(ExitCode::from(2), exit_code)
}

fn exit_code(outcome: Result<ExitCode, commands::Failure>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            commands::say(&format!("explore: {failure}"));
            ExitCode::from(2)
        }
    }
}
