//! Reads the command line, runs the command, turns the outcome into an exit code.

mod commands;

use std::process::ExitCode;

use explore::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output; when that is closed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // A defect of this program is no verdict: it ends with the code of what could not be looked at.
    let outcome = std::panic::catch_unwind(|| commands::run(cli));
    match outcome {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            commands::say(&format!("explore: {failure}"));
            ExitCode::from(2)
        }
        Err(_) => ExitCode::from(2),
    }
}
