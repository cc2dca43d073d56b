//! The settings file: TOML, each key the name of a flag.

use std::ffi::OsString;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::origin::{Given, Origin, Problem, Said};
use super::table::{Group, SETTINGS, nearest, same_key, setting};
use super::value::Takes;
use crate::bytes::shown_text;
use crate::gate::Exception;

/// The name of the file that is looked for.
pub const FILE_NAME: &str = ".explore.toml";
/// Keys that are tables.
const TABLES: [&str; 4] = ["limit", "ignore", "screen", "keys"];

/// One line of `[keys]`: what the keys of an action are to be. What the names mean is for the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBinding {
    /// The action's name.
    pub action: String,
    /// Its keys.
    pub keys: Vec<String>,
    /// File and line.
    pub origin: Origin,
}

/// What one settings file says.
#[derive(Debug, Default)]
pub(super) struct FileSettings {
    pub(super) given: Given,
    pub(super) exceptions: Vec<Exception>,
    pub(super) keys: Vec<KeyBinding>,
}

/// Reads a settings file. `name` is for people; relative paths are below the file's folder.
pub(super) fn read(name: &str, folder: &Path, text: &str, problems: &mut Vec<Problem>) -> FileSettings {
    let mut reader = Reader { name, folder, text, problems, found: FileSettings::default() };
    match DeTable::parse(text) {
        Ok(table) => reader.top(table.get_ref()),
        Err(error) => {
            let line = error.span().map_or(1, |span| line(text, span.start));
            reader.problems.push(Problem::new(format!("{name}:{line}"), format!("it is no TOML: {}", error.message())));
        }
    }
    reader.found
}

type Key<'t> = Spanned<std::borrow::Cow<'t, str>>;
type Item<'t> = Spanned<DeValue<'t>>;

struct Reader<'r> {
    name: &'r str,
    folder: &'r Path,
    text: &'r str,
    problems: &'r mut Vec<Problem>,
    found: FileSettings,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "limit" => self.limits(key, value),
                "ignore" => self.exceptions(key, value),
                "screen" => self.screen(key, value),
                "keys" => self.keys(key, value),
                name => self.setting(name, key, value),
            }
        }
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File { name: self.name.to_owned(), line: line(self.text, at) }
    }

    /// A problem with a key, at its line.
    fn problem(&mut self, at: usize, key: &str, text: impl AsRef<str>) {
        let place = self.origin(at);
        self.problems.push(Problem::new(place, format!("{}: {}", shown_text(key), text.as_ref())));
    }

    fn unknown<'n>(&mut self, key: &Key<'_>, what: &str, names: impl IntoIterator<Item = &'n str>) {
        let name = key.get_ref();
        let meant = nearest(name, names).map(|meant| format!("; did you mean {meant}?"));
        self.problem(key.span().start, name, format!("there is no such {what}{}", meant.unwrap_or_default()));
    }

    fn setting(&mut self, name: &str, key: &Key<'_>, value: &Item<'_>) {
        let in_file = |key: &&'static str| setting(key).is_some_and(|setting| setting.in_file && setting.has_flag());
        match setting(name).filter(|setting| setting.group != Group::Screen) {
            Some(known) if known.in_file => self.say(known.key, known.takes, key, value),
            Some(known) => {
                let variable = known.variable();
                let text = format!("a settings file can't say this; use --{} or {variable}", known.key);
                self.problem(key.span().start, name, text);
            }
            None => {
                let names = SETTINGS.iter().map(|setting| setting.key).filter(in_file).chain(TABLES);
                self.unknown(key, "setting", names);
            }
        }
    }

    fn say(&mut self, key: &'static str, takes: Takes, at: &Key<'_>, value: &Item<'_>) {
        let words = match value.get_ref() {
            DeValue::Array(items) if takes.several() => items.iter().map(|item| scalar(item.get_ref())).collect(),
            value => scalar(value).map(|word| vec![word]),
        };
        let Some(words) = words else {
            let kind = value.get_ref().type_str();
            return self.problem(at.span().start, key, format!("{} is expected, not a TOML {kind}", expected(takes)));
        };
        let words: Vec<OsString> = words.into_iter().map(|word| self.placed(takes, word)).collect();
        for word in &words {
            if let Err(text) = takes.parse(word) {
                return self.problem(value.span().start, key, text);
            }
        }
        let origin = self.origin(at.span().start);
        self.found.given.say(key, Said { words, origin });
    }

    /// Paths are relative to the file's folder, so that they mean the same from everywhere.
    fn placed(&self, takes: Takes, word: String) -> OsString {
        if takes == Takes::Path && !word.is_empty() { self.folder.join(word).into_os_string() } else { word.into() }
    }

    fn table<'t, 'v>(&mut self, key: &Key<'_>, value: &'t Item<'v>) -> Option<&'t DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let kind = value.get_ref().type_str();
            self.problem(key.span().start, key.get_ref(), format!("a table is expected, not a TOML {kind}"));
        }
        table
    }

    fn limits(&mut self, key: &Key<'_>, value: &Item<'_>) {
        let Some(table) = self.table(key, value) else { return };
        let mut words = Vec::new();
        for (rule, limit) in table {
            let name = format!("limit.{}", rule.get_ref());
            let Some(limit) = scalar(limit.get_ref()) else {
                self.problem(rule.span().start, &name, "a size is expected, as 0 or \"5MB\", or off");
                continue;
            };
            let word = OsString::from(format!("{}={limit}", rule.get_ref()));
            match Takes::RuleLimits.parse(&word) {
                Ok(_) => words.push((word, rule.span().start)),
                Err(text) => self.problem(rule.span().start, &name, text),
            }
        }
        let origin = self.origin(words.first().map_or(key.span().start, |(_, at)| *at));
        self.found.given.say("limit", Said { words: words.into_iter().map(|(word, _)| word).collect(), origin });
    }

    fn screen(&mut self, key: &Key<'_>, value: &Item<'_>) {
        let Some(table) = self.table(key, value) else { return };
        for (key, value) in table {
            let name = format!("screen.{}", key.get_ref());
            let known = SETTINGS.iter().find(|known| known.group == Group::Screen && same_key(known.key, &name));
            let Some(known) = known else {
                let names = SETTINGS.iter().filter_map(|setting| setting.key.strip_prefix("screen."));
                self.unknown(key, "setting of the screen", names);
                continue;
            };
            self.say(known.key, known.takes, key, value);
        }
    }

    fn keys(&mut self, key: &Key<'_>, value: &Item<'_>) {
        let Some(table) = self.table(key, value) else { return };
        for (action, keys) in table {
            let name = format!("keys.{}", action.get_ref());
            let text = |item: &Item<'_>| item.get_ref().as_str().map(str::to_owned);
            let bound: Option<Vec<String>> = match keys.get_ref() {
                DeValue::Array(items) => items.iter().map(text).collect(),
                _ => text(keys).map(|key| vec![key]),
            };
            let Some(bound) = bound else {
                self.problem(
                    action.span().start,
                    &name,
                    "a key or a list of keys is expected, as \"q\" or [\"q\", \"esc\"]",
                );
                continue;
            };
            let origin = self.origin(action.span().start);
            self.found.keys.push(KeyBinding { action: action.get_ref().to_string(), keys: bound, origin });
        }
    }

    fn exceptions(&mut self, key: &Key<'_>, value: &Item<'_>) {
        let Some(items) = value.get_ref().as_array() else {
            return self.problem(key.span().start, "ignore", "tables are expected: [[ignore]]");
        };
        for item in items {
            let at = item.span().start;
            match item.get_ref().as_table() {
                Some(table) => self.exception(at, table),
                None => self.problem(at, "ignore", "a table is expected: [[ignore]] with rule or path, and reason"),
            }
        }
    }

    fn exception(&mut self, at: usize, table: &DeTable<'_>) {
        const FIELDS: [&str; 6] = ["rule", "path", "instruction", "fingerprint", "reason", "until"];
        let mut made = Exception { place: self.origin(at).to_string(), ..Exception::default() };
        let before = self.problems.len();
        for (key, value) in table {
            let name = format!("ignore.{}", key.get_ref());
            if !FIELDS.contains(&key.get_ref().as_ref()) {
                self.unknown(key, "field of an exception", FIELDS);
                continue;
            }
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Datetime(date) if key.get_ref() == "until" => date.to_string(),
                _ => {
                    self.problem(value.span().start, &name, "a text is expected");
                    continue;
                }
            };
            if text.trim().is_empty() {
                self.problem(value.span().start, &name, "it is empty");
                continue;
            }
            match key.get_ref().as_ref() {
                "rule" => made.rule = Some(text),
                "path" => match Takes::Globs.parse(text.as_ref()) {
                    Ok(_) => made.path = Some(text),
                    Err(why) => self.problem(value.span().start, &name, why),
                },
                "instruction" => made.instruction = Some(text),
                "fingerprint" => made.fingerprint = Some(text),
                "reason" => made.reason = text,
                _ => match text.parse() {
                    Ok(date) => made.until = Some(date),
                    Err(_) => self.problem(
                        value.span().start,
                        &name,
                        format!("`{}` is not a date; write 2027-01-31", shown_text(&text)),
                    ),
                },
            }
        }
        if self.problems.len() > before {
            return;
        }
        if made.reason.is_empty() {
            self.problem(at, "ignore", "an exception says why: reason = \"…\"");
        } else if made.is_for_all() {
            self.problem(at, "ignore", "an exception says for what: rule, path, instruction or fingerprint");
        } else {
            self.found.exceptions.push(made);
        }
    }
}

/// What is expected, in words.
fn expected(takes: Takes) -> &'static str {
    match takes {
        Takes::Switch => "true or false",
        Takes::Size => "a size, as \"20MB\" or 1000, or \"off\"",
        Takes::Percent | Takes::Ratio | Takes::Count | Takes::CountLimit => "a number",
        takes if takes.several() => "a list of texts",
        _ => "a text",
    }
}

/// A plain value as the word that a flag would take.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            u64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// The line of a position, from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
