//! Where a setting was said, and what was wrong with it.

use std::ffi::OsString;
use std::fmt;

use thiserror::Error;

use super::table::SETTINGS;

/// Where a setting was said. A later one wins over those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In a file.
    File {
        /// Its name, as it is shown.
        name: String,
        /// The line, from 1; 0 for what the file leaves to a default of its format.
        line: usize,
    },
    /// In a variable.
    Variable(String),
    /// On the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { name, line: 0 } => write!(out, "{name}, default of that format"),
            Self::File { name, line } => write!(out, "{name}:{line}"),
            Self::Variable(name) => out.write_str(name),
            Self::Flag(key) => write!(out, "--{key}"),
        }
    }
}

/// Something that a setting can't be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {text}")]
pub struct Problem {
    /// The flag, the variable, or file and line.
    pub place: String,
    /// What is wrong, and what is expected.
    pub text: String,
}

impl Problem {
    pub(super) fn new(place: impl fmt::Display, text: impl Into<String>) -> Self {
        Self { place: place.to_string(), text: text.into() }
    }
}

/// Puts problems in the order of the lines of each file; files, flags and variables stay in the order that they were met.
pub(super) fn in_order(problems: &mut [Problem]) {
    let parts = |problem: &Problem| match problem.place.split(':').collect::<Vec<_>>()[..] {
        // A place may go on with the key: `FILE:LINE: KEY`.
        [ref file @ .., line] if line.parse::<usize>().is_ok() => (file.join(":"), line.parse().unwrap_or(0)),
        [ref file @ .., line, _] if line.parse::<usize>().is_ok() => (file.join(":"), line.parse().unwrap_or(0)),
        _ => (problem.place.clone(), 0_usize),
    };
    let mut met: Vec<String> = Vec::new();
    for problem in problems.iter() {
        let (file, _) = parts(problem);
        if !met.contains(&file) {
            met.push(file);
        }
    }
    problems.sort_by_key(|problem| {
        let (file, line) = parts(problem);
        (met.iter().position(|known| *known == file), line)
    });
}

/// What one place says, in words that are not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// One, or several.
    pub words: Vec<OsString>,
    /// Where.
    pub origin: Origin,
}

/// What one source of settings says, beside [`SETTINGS`].
#[derive(Debug, Clone)]
pub struct Given(pub(super) Vec<Option<Said>>);

impl Default for Given {
    fn default() -> Self {
        Self(vec![None; SETTINGS.len()])
    }
}

impl Given {
    /// Adds what a flag says.
    pub fn flag(&mut self, key: &'static str, words: Vec<OsString>) {
        self.say(key, Said { words, origin: Origin::Flag(key) });
    }

    /// What is said of a setting.
    pub fn words(&self, key: &str) -> Option<&[OsString]> {
        self.place(key).and_then(|place| self.0[place].as_ref()).map(|said| said.words.as_slice())
    }

    pub(super) fn say(&mut self, key: &str, said: Said) {
        if let Some(place) = self.place(key) {
            self.0[place] = Some(said);
        }
    }

    #[allow(clippy::unused_self, reason = "places are those of this list")]
    fn place(&self, key: &str) -> Option<usize> {
        SETTINGS.iter().position(|setting| setting.key == key)
    }
}
