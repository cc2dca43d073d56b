//! Secrets in the words of an instruction, a variable or a label: where they are, and what each is.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::commands;
use super::names::{may_be_a_secret, speaks_of_a_secret};
use super::tokens::{kind_name, tokens};
use super::words;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes of the text.
    pub(super) range: Range<usize>,
    /// The variable's name, or what kind of token it is.
    pub(super) name: String,
}

/// Quotes within quotes that are followed.
const DEPTH: usize = 3;
/// The part of a text whose commands are looked at, bytes.
const LONGEST: usize = 256 * 1024;

/// An expression that is compiled when the first text is met that it may match: most images have none for most of them.
struct Pattern {
    expression: LazyLock<Regex>,
    /// Whether a text may match: it gets the text and the same in ASCII lower case.
    may_match: fn(&str, &str) -> bool,
}

impl Pattern {
    fn captures<'t>(&'static self, text: &'t str, lower: &str) -> impl Iterator<Item = Captures<'t>> {
        (self.may_match)(text, lower).then(|| self.expression.captures_iter(text)).into_iter().flatten()
    }
}

macro_rules! pattern {
    ($name:ident, $expression:expr, $may_match:expr) => {
        static $name: Pattern = Pattern {
            expression: LazyLock::new(|| Regex::new($expression).unwrap_or_else(|error| unreachable!("{error}"))),
            may_match: $may_match,
        };
    };
}

pattern!(
    ASSIGNMENT,
    r#"(?:^|[\s"'(;&|,=?{\[:/.]|\\n)(?:-D)?([A-Za-z_][A-Za-z0-9_.-]*)["']?\]?=(\\?"(?:[^"\\]|\\.)*"|\\?'[^']*'|[^\s"';&|),]+)"#,
    |text, _| text.contains('=')
);
// The old form of ENV and LABEL.
pattern!(
    PAIR,
    r#"(?m)^\s*(?:ONBUILD\s+)?(?:ENV|LABEL)\s+["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?\s+(\S.*)$"#,
    |text, _| text.contains("ENV") || text.contains("LABEL")
);
pattern!(
    HEADER,
    r#"(?i)\b((?:proxy-)?authorization)["']?\s*[:=]\s*["']?(?:bearer|basic|token|digest|apikey|bot)\s+([^\s"'\\,;]+)|\b(authorization|[a-z][a-z0-9-]*-(?:token|key|secret|auth|authorization|password)|apikey|token)\s*:\s*([^\s"'\\,;{}\[\]]+)"#,
    // The sign that is U+212A is a `k` for an expression that ignores case.
    |text, lower| text.contains([':', '='])
        && (!text.is_ascii() || has_any(lower, &["auth", "token", "key", "secret", "password"]))
);
pattern!(
    YAML,
    r#"["']?\b([A-Za-z_][A-Za-z0-9_.-]*)\\?["']?\s*:\s+(\\?"[^"\\]+|\\?'[^'\\]+|[^\s"'\\,;&|){}]+)|"([A-Za-z_][A-Za-z0-9_.-]*)\\?"\s*:\s*\\?"([^"\\]+)"#,
    |text, _| {
        let begins_a_value = |c: char| c.is_whitespace() || matches!(c, '"' | '\\');
        text.split(':').skip(1).any(|rest| rest.starts_with(begins_a_value))
    }
);
pattern!(URL, r#"\b([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@$"']*):([^\s/@"']+)@"#, |text, _| text.contains("://"));
pattern!(URL_TOKEN, r#"\b[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9_-]{16,})@"#, |text, _| text.contains("://"));
pattern!(
    SQL,
    r#"(?i)\b(identified\s+(?:with\s+\S+\s+)?(?:by|as)|password)(?:\s+|\s*=\s*)(?:password\s*\(\s*)?\\?(?:"|'+)([^'"\\|]+)"#,
    |text, lower| !text.is_ascii() || has_any(lower, &["identified", "password"])
);

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Every secret of a text, from the left; no two overlap.
pub(super) fn secrets(text: &str) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    let mut note = |name: &str, range: Range<usize>| {
        if !range.is_empty() && text.is_char_boundary(range.start) && text.is_char_boundary(range.end) {
            all.push(Place { name: name.to_owned(), range });
        }
    };
    let lower = text.to_ascii_lowercase();
    let trimmed = |found: regex::Match<'_>| {
        let value = found.as_str();
        let start = value.len() - value.trim_start_matches(['"', '\'', '\\']).len();
        let len = value[start..].trim_end_matches(['"', '\'', '\\']).len();
        found.start() + start..found.start() + start + len
    };
    for found in ASSIGNMENT.captures(text, &lower).chain(PAIR.captures(text, &lower)) {
        if let (Some(name), Some(value)) = (found.get(1), found.get(2)) {
            named(name.as_str(), text, trimmed(value), &mut note);
        }
    }
    // An assignment within the value of another one, or behind it, is found on its own.
    for found in HEADER.captures(text, &lower) {
        let parts = found.get(1).zip(found.get(2)).or_else(|| found.get(3).zip(found.get(4)));
        if let Some((name, value)) = parts
            && (name.as_str().to_ascii_lowercase().ends_with("authorization") || speaks_of_a_secret(name.as_str()))
            && !matches!(value.as_str().to_ascii_lowercase().as_str(), "bearer" | "basic" | "token" | "digest")
            && may_be_a_secret("header", value.as_str())
        {
            note(&format!("the header {}", name.as_str()), trimmed(value));
        }
    }
    for found in YAML.captures(text, &lower) {
        let parts = found.get(1).zip(found.get(2)).or_else(|| found.get(3).zip(found.get(4)));
        if let Some((name, value)) = parts {
            named(name.as_str(), text, trimmed(value), &mut note);
        }
    }
    for found in URL.captures(text, &lower) {
        if let Some(value) = found.get(2).filter(|value| may_be_a_secret("PASSWORD", value.as_str())) {
            note("the password of a URL", value.range());
        }
    }
    for found in URL_TOKEN.captures(text, &lower) {
        if let Some(value) = found.get(1).filter(|value| value.as_str().bytes().any(|byte| byte.is_ascii_digit())) {
            note("the token of a URL", value.range());
        }
    }
    for found in SQL.captures(text, &lower) {
        if let Some(value) = found.get(2).filter(|value| may_be_a_secret("PASSWORD", value.as_str())) {
            note("the password of an account", value.range());
        }
    }
    for (form, range) in tokens(text.as_bytes()) {
        note(kind_name(form), range);
    }
    in_commands(text, 0, DEPTH, &mut note);
    without_overlaps(all)
}

fn named(name: &str, text: &str, value: Range<usize>, note: &mut impl FnMut(&str, Range<usize>)) {
    if speaks_of_a_secret(name) && may_be_a_secret(name, &text[value.clone()]) {
        note(name, value);
    }
}

fn in_commands(text: &str, offset: usize, depth: usize, note: &mut impl FnMut(&str, Range<usize>)) {
    let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let commands = words::commands(&text[..end], offset);
    for (at, command) in commands.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &commands[before]).filter(|_| command.piped);
        commands::secrets(command, before, note);
        for inner in command.words.iter().filter_map(words::Word::nested).filter(|_| depth > 0) {
            let inner_text = &text[inner.start - offset..inner.end - offset];
            in_commands(inner_text, inner.start, depth - 1, note);
        }
    }
}

/// Of places that overlap the one that begins first, which is the longest of those; what goes on behind it is joined to it.
fn without_overlaps(mut all: Vec<Place>) -> Vec<Place> {
    all.sort_by(|a, b| (a.range.start, b.range.end).cmp(&(b.range.start, a.range.end)));
    let mut kept: Vec<Place> = Vec::new();
    for place in all {
        match kept.last_mut() {
            Some(last) if place.range.start < last.range.end => last.range.end = last.range.end.max(place.range.end),
            _ => kept.push(place),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: &str = "(ENV |LABEL |a=|b: |:|://|@|\"|'|\\\\| |\n|Authorization: Bearer |to\u{212a}en:|x-Key: |IDENTIFIED BY |pa\u{17f}sword=|\
        https://[a-z]{16}|[a-zA-Z0-9]{1,4})";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn no_expression_is_passed_over_where_it_matches(pieces in prop::collection::vec(PIECES, 1..12)) {
            let text = pieces.concat();
            let lower = text.to_ascii_lowercase();
            for pattern in [&ASSIGNMENT, &PAIR, &HEADER, &YAML, &URL, &URL_TOKEN, &SQL] {
                prop_assert!((pattern.may_match)(&text, &lower) || !pattern.expression.is_match(&text), "{:?}", pattern.expression);
            }
        }
    }
}
