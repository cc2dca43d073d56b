//! The filter language: words that must all hold for a path.

use std::ops::RangeInclusive;

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};

use crate::report::parse_size;
use crate::tree::{Candidate, Change, EventKind};

/// A filter for paths. An empty one holds for all.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The text as it was typed.
    text: String,
    terms: Vec<(bool, Term)>,
}

#[derive(Debug, Clone)]
enum Term {
    /// Plain text: of the last component, or of the whole path where it has a `/`.
    Text(String, Regex),
    /// A pattern of the last component.
    Name(Regex),
    /// A pattern of the whole path, with a `/` before it.
    Path(Regex),
    Bytes(RangeInclusive<u64>),
    Change(Change),
    Kind(&'static [EventKind]),
    Executable,
    Setuid,
}

/// Words after `is:`, for changes.
const CHANGES: &[(&str, &str, Change)] = &[
    ("added", "+", Change::Added),
    ("modified", "~", Change::Modified),
    ("metadata", "@", Change::Metadata),
    ("removed", "-", Change::Removed),
    ("unchanged", "=", Change::None),
];

const KINDS: &[(&str, &[EventKind])] = &[
    ("file", &[EventKind::File, EventKind::HardLink]),
    ("dir", &[EventKind::Directory]),
    ("link", &[EventKind::Symlink]),
    ("hardlink", &[EventKind::HardLink]),
    ("device", &[EventKind::Char, EventKind::Block]),
    ("fifo", &[EventKind::Fifo]),
];

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Query {
    /// Reads what was typed. Words are text, `*.glob`, `re:regex` (the rest of the line), `>10MB`, `<1kB`, `is:removed`, a
    /// sign of a change; `!` before a word turns it round. Text and globs are held against names, or against the whole path
    /// when they have a `/`. Capital letters count when there is one.
    ///
    /// # Errors
    /// What is wrong with a word.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let whole = rest.starts_with("re:") || rest.starts_with("!re:");
            let end = if whole { rest.len() } else { rest.find(char::is_whitespace).unwrap_or(rest.len()) };
            let word = &rest[..end];
            rest = rest[end..].trim_start();
            let (holds, word) = match word.strip_prefix('!') {
                Some(word) if !word.is_empty() => (false, word),
                _ => (true, word),
            };
            terms.push((holds, Term::parse(word)?));
        }
        Ok(Self { text: text.trim().to_owned(), terms })
    }

    /// Nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whatever this one holds for, the other one holds for: letters were added to plain text, and nothing else was typed.
    pub(super) fn narrows(&self, other: &Self) -> bool {
        let plain = |query: &Self| {
            let mut words = query.text.split_whitespace();
            let word = words.next().filter(|word| words.next().is_none() && !word.starts_with('!'));
            word.filter(|word| word.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))).map(str::to_owned)
        };
        let (Some(own), Some(before)) = (plain(self), plain(other)) else { return false };
        // A capital letter makes others count; that only narrows too. Signs of changes are not text.
        own.len() > before.len() && own.starts_with(&before) && !matches!(before.as_str(), "-" | "+")
    }

    /// It is about names and nothing else, so what is in a directory with such a name belongs to it.
    pub(super) fn is_about_names(&self) -> bool {
        self.terms.iter().all(|(holds, term)| *holds && matches!(term, Term::Text(..) | Term::Name(_) | Term::Path(_)))
    }

    /// The plain words, with blanks between them.
    pub(super) fn words(&self) -> String {
        let words = self.terms.iter().filter_map(|(holds, term)| match term {
            Term::Text(word, _) if *holds => Some(word.as_str()),
            _ => None,
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Whether the copy that a layer stored has all of it, plain words left aside. `is:removed` holds for what a later layer
    /// deletes or replaces.
    pub(super) fn holds_for_copy(&self, candidate: &Candidate<'_>, path: &mut Vec<u8>) -> bool {
        path.clear();
        self.terms.iter().all(|(holds, term)| match term {
            Term::Text(..) if *holds => true,
            Term::Change(Change::Removed) => candidate.is_gone() == *holds,
            term => term.holds(candidate, path) == *holds,
        })
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a path has all of it. `path` is a buffer that is used again.
    pub(super) fn holds(&self, candidate: &Candidate<'_>, path: &mut Vec<u8>) -> bool {
        path.clear();
        self.terms.iter().all(|(holds, term)| term.holds(candidate, path) == *holds)
    }
}

impl Term {
    fn parse(word: &str) -> Result<Self, String> {
        if let Some(pattern) = word.strip_prefix("re:") {
            return compile(pattern).map(Self::Path).map_err(|error| format!("not a valid regex: {error}"));
        }
        if let Some(name) = word.strip_prefix("is:") {
            return Self::named(name);
        }
        if let Some((_, _, change)) = CHANGES.iter().find(|(_, sign, _)| *sign == word) {
            return Ok(Self::Change(*change));
        }
        for (sign, above) in [(">=", true), ("<=", false), (">", true), ("<", false)] {
            let Some(size) = word.strip_prefix(sign) else { continue };
            let size = parse_size(size)?;
            let strict = u64::from(sign.len() == 1);
            return Ok(Self::Bytes(if above {
                size.saturating_add(strict)..=u64::MAX
            } else if size == 0 && strict == 1 {
                // Nothing is smaller than nothing.
                RangeInclusive::new(1, 0)
            } else {
                0..=size - strict
            }));
        }
        let place = if word.contains('/') { Self::Path } else { Self::Name };
        if !word.contains(['*', '?', '[', '{']) {
            return compile(&regex::escape(word)).map(|pattern| Self::Text(word.to_owned(), pattern));
        }
        let anchored = match (word.contains('/'), word.strip_prefix('/')) {
            (false, _) => word.to_owned(),
            (true, Some(rest)) => format!("/{rest}"),
            (true, None) => format!("**/{word}"),
        };
        let glob = GlobBuilder::new(&anchored).literal_separator(true).build();
        let glob = glob.map_err(|error| format!("not a valid glob: {}", error.kind()))?;
        compile(glob.regex()).map(place)
    }

    fn named(name: &str) -> Result<Self, String> {
        if let Some((.., change)) = CHANGES.iter().find(|(known, ..)| *known == name) {
            return Ok(Self::Change(*change));
        }
        if let Some((_, kinds)) = KINDS.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Kind(kinds));
        }
        match name {
            "exec" => Ok(Self::Executable),
            "setuid" => Ok(Self::Setuid),
            _ => {
                let changes = CHANGES.iter().map(|(name, ..)| *name);
                let names: Vec<&str> =
                    changes.chain(KINDS.iter().map(|(name, _)| *name)).chain(["exec", "setuid"]).collect();
                Err(format!("is: takes {}", names.join(", ")))
            }
        }
    }

    fn holds(&self, candidate: &Candidate<'_>, path: &mut Vec<u8>) -> bool {
        let tree = candidate.tree;
        let mode = || tree.attributes(candidate.at).mode;
        let is_file = || tree.is_file(candidate.at);
        match self {
            Self::Text(word, pattern) if !word.contains('/') => pattern.is_match(tree.paths.name(candidate.node)),
            Self::Name(pattern) => pattern.is_match(tree.paths.name(candidate.node)),
            Self::Text(_, pattern) | Self::Path(pattern) => {
                if path.is_empty() {
                    tree.paths.write_path(candidate.node, path);
                    path.insert(0, b'/');
                }
                pattern.is_match(path)
            }
            Self::Bytes(sizes) => is_file() && sizes.contains(&candidate.bytes()),
            Self::Change(change) => candidate.change() == *change,
            Self::Kind(kinds) => kinds.contains(&candidate.kind()),
            Self::Executable => is_file() && mode() & 0o111 != 0,
            Self::Setuid => is_file() && mode() & 0o6000 != 0,
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let capital = pattern.chars().any(char::is_uppercase);
    let built = RegexBuilder::new(pattern).case_insensitive(!capital).size_limit(1 << 20).build();
    built.map_err(|error| match error {
        regex::Error::Syntax(text) => {
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
        error => error.to_string(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn more_letters_narrow() {
        let narrows = |text: &str, before: &str| Query::parse(text).unwrap().narrows(&Query::parse(before).unwrap());
        for (text, before) in [("lib", "li"), ("Lib", "L"), ("lib.so", "lib"), ("li", "l")] {
            assert!(narrows(text, before), "{before} {text}");
        }
        for (text, before) in [
            ("lib", ""),
            ("li", "lib"),
            ("-x", "-"),
            ("!lib", "!li"),
            ("a b", "a"),
            ("lib/x", "lib"),
            ("*.so", "*.s"),
            ("xlib", "lib"),
        ] {
            assert!(!narrows(text, before), "{before} {text}");
        }
    }

    #[test]
    fn invalid_filters_are_reported() {
        for (text, says) in [
            ("re:(", "not a valid regex: unclosed group"),
            ("[", "not a valid glob"),
            (">lots", "`lots` is not a size; write it as 20MB, 1.5 GiB or 1000"),
            ("is:big", "is: takes added, modified"),
        ] {
            let error = Query::parse(text).unwrap_err();
            assert!(error.starts_with(says), "{text}: {error}");
        }
        assert!(Query::parse("  ").unwrap().is_empty());
    }
}
