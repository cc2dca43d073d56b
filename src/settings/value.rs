//! What settings take, and how it is read from a word: the same for flags, variables and files.

use std::ffi::{OsStr, OsString};

use crate::bytes::shown_text;
use crate::gate::PathPattern;
use crate::image::Platform;
use crate::report::{ReportFormat, parse_size};

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Yes or no.
    Switch,
    /// Bytes, as people write them; or off.
    Size,
    /// 0 to 100; or off.
    Percent,
    /// 0 to 1, or a percentage; or off.
    Ratio,
    /// A whole number.
    Count,
    /// A whole number; or off.
    CountLimit,
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file; in a settings file relative to that file.
    Path,
    /// A file, or nothing for standard output.
    OptionalFile,
    /// An image, as on the command line.
    Image,
    /// A platform.
    Platform,
    /// Several words.
    Words,
    /// Several hosts, with or without a port.
    Hosts,
    /// Several patterns of paths.
    Globs,
    /// Several stretches of layers.
    Stretches,
    /// Several `FORMAT=FILE`.
    Reports,
    /// Several `RULE=LIMIT`.
    RuleLimits,
}

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A limit that is expressly none.
    Off,
    /// Yes or no.
    Switch(bool),
    /// Bytes.
    Size(u64),
    /// 0 to 100.
    Percent(f64),
    /// 0 to 1.
    Ratio(f64),
    /// A whole number.
    Count(u64),
    /// Text, a pattern, an image, a path.
    Word(OsString),
    /// A platform.
    Platform(Platform),
    /// The first and the last layer.
    Stretch(u16, u16),
    /// A format, and the file; `-` for standard output.
    Report(ReportFormat, OsString),
    /// A rule, and its limit: bytes, or a number of secrets. None is off.
    RuleLimit(String, Option<u64>),
}

impl Takes {
    /// May it be said several times?
    pub fn several(self) -> bool {
        matches!(self, Self::Words | Self::Hosts | Self::Globs | Self::Stretches | Self::Reports | Self::RuleLimits)
    }

    /// The name of its value in the help.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Switch => "BOOL",
            Self::Size => "SIZE",
            Self::Percent => "PERCENT",
            Self::Ratio => "RATIO",
            Self::Count | Self::CountLimit => "N",
            Self::Text => "TEXT",
            Self::Choice(_) => "WHEN",
            Self::Path | Self::OptionalFile => "FILE",
            Self::Image => "IMAGE",
            Self::Platform => "PLATFORM",
            Self::Words => "RULE",
            Self::Hosts => "HOST[:PORT]",
            Self::Globs => "GLOB",
            Self::Stretches => "FIRST..LAST",
            Self::Reports => "FORMAT[=FILE]",
            Self::RuleLimits => "RULE=SIZE",
        }
    }

    /// Reads one word.
    ///
    /// # Errors
    /// With what is expected instead.
    pub fn parse(self, word: &OsStr) -> Result<Value, String> {
        if matches!(self, Self::Path | Self::OptionalFile | Self::Image) {
            return if word.is_empty() {
                Err("a name is expected, and it is empty".to_owned())
            } else {
                Ok(Value::Word(word.to_owned()))
            };
        }
        let Some(text) = word.to_str() else { return Err("it is not UTF-8".to_owned()) };
        let said = shown_text(text);
        if self.can_be_off() && is_off(text) {
            return Ok(Value::Off);
        }
        match self {
            Self::Switch => {
                switch(text).map(Value::Switch).ok_or_else(|| format!("`{said}` is neither true nor false"))
            }
            Self::Size => parse_size(text).map(Value::Size),
            Self::Percent => match number(text.trim().trim_end_matches('%')) {
                Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Value::Percent(percent)),
                _ => Err(format!("`{said}` is not a percentage; write a number from 0 to 100, or off")),
            },
            Self::Ratio => ratio(text).map(Value::Ratio).ok_or_else(|| {
                format!("`{said}` is not a ratio; write a number from 0 to 1, as 0.95, or a percentage, as 95%, or off")
            }),
            Self::Count | Self::CountLimit => {
                text.trim().parse().map(Value::Count).map_err(|_| format!("`{said}` is not a whole number"))
            }
            Self::Choice(words) => match words.iter().find(|word| **word == text) {
                Some(word) => Ok(Value::Word(OsString::from(word))),
                None => Err(format!("`{said}` is none of {}", words.join(", "))),
            },
            Self::Platform => Platform::parse(text)
                .map(Value::Platform)
                .ok_or_else(|| format!("`{said}` is not a platform; write os/architecture, as linux/amd64")),
            Self::Globs => match PathPattern::new(text) {
                Ok(_) if !text.is_empty() => Ok(Value::Word(word.to_owned())),
                Ok(_) => Err("a pattern is expected, and it is empty".to_owned()),
                Err(error) => Err(format!("`{said}` is not a pattern: {error}")),
            },
            Self::Stretches => stretch(text),
            Self::Reports => report(text),
            Self::RuleLimits => rule_limit(text),
            Self::Text | Self::Words | Self::Hosts if text.is_empty() => {
                Err("a word is expected, and it is empty".to_owned())
            }
            Self::Text | Self::Words | Self::Hosts | Self::Path | Self::OptionalFile | Self::Image => {
                Ok(Value::Word(word.to_owned()))
            }
        }
    }

    fn can_be_off(self) -> bool {
        matches!(self, Self::Size | Self::Percent | Self::Ratio | Self::CountLimit)
    }

    /// Parts of a variable that says several words: lines, or words between commas that are not in braces.
    pub(super) fn split(self, text: &OsStr) -> Vec<OsString> {
        let Some(text) = text.to_str().filter(|_| self.several()) else { return vec![text.to_owned()] };
        let mut parts = vec![String::new()];
        let mut depth = 0_usize;
        for letter in text.chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            match (letter, parts.last_mut()) {
                ('\n', _) => parts.push(String::new()),
                (',', _) if depth == 0 => parts.push(String::new()),
                (_, Some(last)) => last.push(letter),
                (_, None) => {}
            }
        }
        parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(OsString::from).collect()
    }
}

/// A limit that is expressly none.
pub(super) fn is_off(text: &str) -> bool {
    ["off", "none", "disabled", "false"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Yes or no, as people write it.
pub fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "on" | "t" => Some(true),
        "false" | "0" | "no" | "n" | "off" | "f" => Some(false),
        _ => None,
    }
}

/// A plain decimal number: no sign, no exponent, no infinity.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

fn ratio(text: &str) -> Option<f64> {
    let text = text.trim();
    let ratio = match text.strip_suffix('%') {
        Some(percent) => number(percent)? / 100.0,
        None => number(text)?,
    };
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

fn stretch(text: &str) -> Result<Value, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, ""));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first < last => Ok(Value::Stretch(first, last)),
        _ => Err(format!("`{}` is not a range of layers; write it as 2..5, the first and the last", shown_text(text))),
    }
}

fn report(text: &str) -> Result<Value, String> {
    let (name, file) = text.split_once('=').unwrap_or((text, "-"));
    let Some(format) = ReportFormat::from_name(name) else {
        let names = ReportFormat::ALL.map(ReportFormat::name);
        let meant = super::nearest(name, names).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        return Err(format!("`{}` is not a format; there are {}{meant}", shown_text(name), names.join(", ")));
    };
    if file.is_empty() {
        return Err(format!("{name}= names no file; write {name}=FILE"));
    }
    Ok(Value::Report(format, file.into()))
}

fn rule_limit(text: &str) -> Result<Value, String> {
    let wrong =
        || format!("`{}` is not a limit of a rule; write RULE=SIZE, as apt-lists=0 or deleted=5MB", shown_text(text));
    let (rule, limit) = text.split_once('=').ok_or_else(wrong)?;
    if rule.is_empty() {
        return Err(wrong());
    }
    let limit = if is_off(limit) { None } else { Some(parse_size(limit)?) };
    Ok(Value::RuleLimit(rule.to_owned(), limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(takes: Takes, text: &str) -> Option<Value> {
        takes.parse(text.as_ref()).ok()
    }

    #[test]
    fn values_as_people_write_them() {
        assert_eq!(parse(Takes::Size, "1.5 GB"), Some(Value::Size(1_500_000_000)));
        assert_eq!(parse(Takes::Size, "Off"), Some(Value::Off));
        assert_eq!(parse(Takes::Percent, "7.5 %"), Some(Value::Percent(7.5)));
        assert_eq!(parse(Takes::Ratio, "95%"), Some(Value::Ratio(0.95)));
        assert_eq!(parse(Takes::Ratio, "0.95"), Some(Value::Ratio(0.95)));
        assert_eq!(parse(Takes::RuleLimits, "apt-lists=0"), Some(Value::RuleLimit("apt-lists".into(), Some(0))));
        assert_eq!(parse(Takes::RuleLimits, "apt-lists=off"), Some(Value::RuleLimit("apt-lists".into(), None)));
        assert_eq!(parse(Takes::Stretches, "2..5"), Some(Value::Stretch(2, 5)));
        for (takes, text) in [
            (Takes::Percent, "101"),
            (Takes::Percent, "-1"),
            (Takes::Percent, "inf"),
            (Takes::Ratio, "1.1"),
            (Takes::Ratio, "95"),
            (Takes::Ratio, "NaN"),
            (Takes::Count, "3.5"),
            (Takes::Count, "off"),
            (Takes::Size, "20 apples"),
            (Takes::Switch, "perhaps"),
            (Takes::Globs, "a[b"),
            (Takes::Globs, "\\/**"),
            (Takes::Globs, ""),
            (Takes::Reports, "juint=a.xml"),
            (Takes::Reports, "junit="),
            (Takes::RuleLimits, "apt-lists"),
            (Takes::Stretches, "5..2"),
        ] {
            assert!(parse(takes, text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_variable_with_several_words() {
        let split = |text: &str| Takes::Globs.split(text.as_ref());
        assert_eq!(split("a/{b,c}, d\n e,"), ["a/{b,c}", "d", "e"]);
        assert_eq!(Takes::Path.split("a,b".as_ref()), ["a,b"]);
    }
}
