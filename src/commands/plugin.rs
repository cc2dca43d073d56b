//! `docker explore`: the program as a plugin of the docker command line, installed as `docker-explore` in a directory
//! `cli-plugins`.
//!
//! Docker runs `docker-explore docker-cli-plugin-metadata` to learn about the plugin, and for `docker -c staging explore app`
//! it runs `docker-explore -c staging explore app`: its own global options come first.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::failure::Failure;
use super::output::print;

/// The argument with which docker asks what a plugin is.
const METADATA: &str = "docker-cli-plugin-metadata";
/// The plugin's name, which is the subcommand of docker.
const NAME: &str = "explore";
/// Set for the program that this one starts.
const INSIDE: &str = "EXPLORE_DOCKER_PLUGIN";

/// What docker started this program for.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    /// To say what it is.
    Metadata,
    /// To run: variables that docker's own global options stand for, and the arguments after the plugin's name.
    Run { variables: Vec<(&'static str, OsString)>, arguments: Vec<OsString> },
}

/// Runs as a plugin when the program has its name, or returns None.
pub(crate) fn run_as_plugin(arguments: &[OsString]) -> Option<Result<ExitCode, Failure>> {
    if std::env::var_os(INSIDE).is_some() {
        return None;
    }
    Some(match call(arguments)? {
        Call::Metadata => print(|out| {
            let about = serde_json::json!({
                "SchemaVersion": "0.1.0",
                "Vendor": "the authors of explore",
                "Version": env!("CARGO_PKG_VERSION"),
                "ShortDescription": "Look into an image: layers, files, wasted bytes",
                "URL": env!("CARGO_PKG_HOMEPAGE"),
            });
            writeln!(out, "{about}")
        })
        .map(|()| ExitCode::SUCCESS),
        Call::Run { variables, arguments } => start_again(variables, &arguments),
    })
}

fn call(arguments: &[OsString]) -> Option<Call> {
    let (program, rest) = arguments.split_first()?;
    if Path::new(program).file_stem() != Some(OsStr::new("docker-explore")) {
        return None;
    }
    if rest.first().is_some_and(|first| first == METADATA) {
        return Some(Call::Metadata);
    }
    let mut variables = Vec::new();
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        if word == NAME {
            return Some(Call::Run { variables, arguments: rest.cloned().collect() });
        }
        let text = word.to_string_lossy();
        let (flag, attached) = match text.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(OsString::from(value))),
            None => (text.into_owned(), None),
        };
        let variable = match flag.as_str() {
            "-H" | "--host" => "DOCKER_HOST",
            "-c" | "--context" => "DOCKER_CONTEXT",
            "--config" => "DOCKER_CONFIG",
            "--tls" | "--tlsverify" => {
                variables.push(("DOCKER_TLS_VERIFY", attached.unwrap_or_else(|| "1".into())));
                continue;
            }
            // These take a value that nothing here needs.
            "-l" | "--log-level" => {
                if attached.is_none() {
                    rest.next();
                }
                continue;
            }
            _ => continue,
        };
        if let Some(value) = attached.or_else(|| rest.next().cloned()) {
            variables.push((variable, value));
        }
    }
    // Started by hand under this name: everything is meant for it.
    Some(Call::Run { variables: Vec::new(), arguments: arguments[1..].to_vec() })
}

/// Runs this program with other variables. They can't be set for a process that runs already.
fn start_again(variables: Vec<(&'static str, OsString)>, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::Usage(format!("the program can't be started again: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(arguments).env(INSIDE, "1");
    // An endpoint that is named wins over the variable of the other kind.
    for (name, other) in [("DOCKER_HOST", "DOCKER_CONTEXT"), ("DOCKER_CONTEXT", "DOCKER_HOST")] {
        if variables.iter().any(|(set, _)| *set == name) {
            command.env_remove(other);
        }
    }
    command.envs(variables);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        Err(failed(command.exec()))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(failed)?;
        Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(2)).unwrap_or(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(words: &str) -> Option<(String, String)> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        Some(match call(&words)? {
            Call::Metadata => ("metadata".to_owned(), String::new()),
            Call::Run { variables, arguments } => {
                let set = variables.iter().map(|(name, value)| format!("{name}={}", value.display()));
                let words = arguments.iter().map(|word| word.display().to_string());
                (set.collect::<Vec<_>>().join(" "), words.collect::<Vec<_>>().join(" "))
            }
        })
    }

    #[test]
    fn global_options_of_docker_come_before_the_name_of_the_plugin() {
        for (words, variables, arguments) in [
            ("/x/cli-plugins/docker-explore explore app --json", "", "app --json"),
            ("docker-explore -c staging explore app", "DOCKER_CONTEXT=staging", "app"),
            ("docker-explore --host=tcp://h:1 --log-level debug explore app", "DOCKER_HOST=tcp://h:1", "app"),
            ("docker-explore -D --tls explore ls explore", "DOCKER_TLS_VERIFY=1", "ls explore"),
            ("docker-explore --config /c explore", "DOCKER_CONFIG=/c", ""),
            ("docker-explore app:1 --json", "", "app:1 --json"),
            ("docker-explore.exe docker-cli-plugin-metadata", "metadata", ""),
        ] {
            assert_eq!(called(words), Some((variables.to_owned(), arguments.to_owned())), "{words}");
        }
        assert_eq!(called("explore app"), None);
        assert_eq!(called("/usr/bin/explore docker-cli-plugin-metadata"), None);
    }
}
