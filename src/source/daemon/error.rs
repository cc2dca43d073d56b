use std::io;
use std::path::PathBuf;

use bollard::errors::Error as BollardError;
use thiserror::Error;

/// Why an engine does not do what it is asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The socket is not there.
    #[error("the socket does not exist; the daemon is not installed or not running")]
    NoSocket,
    /// The socket is there, and nothing accepts connections.
    #[error("nothing listens at the socket; the daemon is not running")]
    NotListening,
    /// The user may not use the socket.
    #[error("permission denied; {}", permission(.0.as_deref()))]
    Permission(Option<String>),
    /// The socket fails in another way.
    #[error("the socket can't be used: {0}")]
    Socket(io::Error),
    /// A way that this operating system does not have.
    #[error("{0} can't be used on this system")]
    OtherSystem(&'static str),
    /// An address of a kind that is not known.
    #[error("{0} is not an address that can be reached")]
    Address(String),
    /// `ssh` failed.
    #[error("{0}")]
    Tunnel(String),
    /// Podman's service did not start.
    #[error("{0}")]
    Podman(String),
    /// This machine can't start a thread or a socket.
    #[error("no thread to talk to it: {0}")]
    Runtime(io::Error),
    /// No answer came.
    #[error("it does not answer within {0} seconds")]
    Timeout(u64),
    /// An export stopped coming.
    #[error("has sent nothing for {0} seconds")]
    Silent(u64),
    /// Status 404.
    #[error("it has no image of that name")]
    NotFound,
    /// A registry's 404, as the engine reports it.
    #[error("the registry does not have the image, or shows it only after a login")]
    NotInRegistry,
    /// Another status.
    #[error("it answers {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What it says about it, one line.
        message: String,
    },
    /// What answers is something else.
    #[error("this is not a container engine: it answers with something other than JSON (a proxy may be in between)")]
    NotAnEngine,
    /// A file that TLS needs.
    #[error("{} can't be read, which TLS needs", .0.display())]
    Certificate(PathBuf),
    /// What the engine or the connection to it says, one line.
    #[error("{0}")]
    Other(String),
}

fn permission(group: Option<&str>) -> String {
    match group {
        Some(group) if group != "root" => {
            format!("only the group {group} may use the socket: `sudo usermod -aG {group} $USER`, then log in again")
        }
        _ => "only root may use the socket: run it with `sudo`".to_owned(),
    }
}

impl From<BollardError> for EngineError {
    fn from(error: BollardError) -> Self {
        match error {
            BollardError::DockerResponseServerError { status_code: 404, .. } => Self::NotFound,
            BollardError::DockerResponseServerError { status_code, message } => {
                // Nobody wants to read a proxy's page.
                let html = message.trim_start().starts_with('<');
                let message =
                    if html { "a web page (a proxy may be in between)".to_owned() } else { first_line(&message) };
                Self::Status { status: status_code, message }
            }
            BollardError::JsonDataError { .. } | BollardError::JsonSerdeError { .. } => Self::NotAnEngine,
            BollardError::RequestTimeoutError => Self::Other("it does not answer".to_owned()),
            BollardError::CertPathError { path } => Self::Certificate(path),
            other => {
                let mut words = other.to_string();
                let mut source = std::error::Error::source(&other);
                while let Some(inner) = source {
                    let text = inner.to_string();
                    if !words.contains(&text) {
                        words = format!("{words}: {text}");
                    }
                    source = inner.source();
                }
                Self::Other(first_line(&words))
            }
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let cut: String = line.chars().take(300).collect();
    crate::bytes::shown_text(&cut)
}

/// An engine that was asked, and why it has nothing.
#[derive(Debug)]
pub struct Attempt {
    /// The engine and where it is.
    pub engine: String,
    /// Why it has nothing.
    pub error: EngineError,
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.engine, self.error)
    }
}

/// Why an image can't be read from an engine.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// No engine has it, or none answers.
    #[error("{}", no_image(.name, .tried, .near, .hint))]
    NoImage {
        /// As typed.
        name: String,
        /// What was tried.
        tried: Vec<Attempt>,
        /// Names that are almost the same.
        near: Vec<String>,
        /// What to do.
        hint: &'static str,
    },
    /// It was there a moment ago.
    #[error("{engine}: {error}")]
    Failed {
        /// The engine and where it is.
        engine: String,
        /// What went wrong.
        error: EngineError,
    },
    /// An export ended before the image was complete.
    #[error("{engine}: the export broke off: {problem}; see whether the daemon still runs, and try again")]
    BrokeOff {
        /// The engine and where it is.
        engine: String,
        /// Why.
        problem: String,
    },
}

impl DaemonError {
    /// Whether the engines do not have the image, which says nothing of other places.
    pub(in super::super) fn is_absence(&self) -> bool {
        matches!(self, Self::NoImage { .. })
    }
}

fn no_image(name: &str, tried: &[Attempt], near: &[String], hint: &str) -> String {
    let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    let first = format!("there is no file and no image {name}{near}");
    let tried = tried.iter().map(|attempt| format!("  {attempt}"));
    let none = (tried.len() == 0).then(|| "  Podman: no socket, and no `podman` command".to_owned());
    let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
    [first].into_iter().chain(tried).chain(none).chain(hint).collect::<Vec<_>>().join("\n")
}
