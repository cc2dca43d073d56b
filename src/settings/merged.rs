//! The settings as they hold, with where each comes from.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::file::KeyBinding;
use super::origin::{Given, Origin, Problem};
use super::table::{SETTINGS, Setting, nearest};
use super::value::{Takes, Value};
use crate::gate::{Bounds, Exception, Limits, PathPattern};
use crate::image::Platform;
use crate::report::ReportFormat;
use crate::waste::{Kind, Level, Rules};

/// Settings that can't be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// What is said can't be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nexplore: "))]
    Problems(Vec<Problem>),
    /// A file that was named can't be read.
    #[error("{name} can't be read: {error}; {said} names it")]
    Read {
        /// The file.
        name: String,
        /// Why not.
        error: std::io::Error,
        /// The flag or variable.
        said: String,
    },
}

/// A setting that holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub(super) values: Vec<Value>,
    pub(super) words: Vec<OsString>,
    pub(super) origin: Origin,
    /// The default gave way to other limits.
    pub(super) gave_way: bool,
}

/// What the settings file says of the screen, as plain values. Which names there are is for the screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScreenSettings {
    /// `theme`, and where it was said.
    pub theme: Option<(String, Origin)>,
    /// `sort`, and where it was said.
    pub sort: Option<(String, Origin)>,
    /// `mouse`.
    pub mouse: Option<bool>,
    /// `single_child_folders`.
    pub single_child_folders: Option<bool>,
    /// `[keys]`.
    pub keys: Vec<KeyBinding>,
}

/// All settings, merged.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) slots: Vec<Slot>,
    pub(super) keys: Vec<KeyBinding>,
    /// Waste that is excused.
    pub exceptions: Vec<Exception>,
    /// Files that were read.
    pub files: Vec<PathBuf>,
    /// What is ignored in the files, a sentence each.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Merges sources, the strongest first. Settings of the form `RULE=LIMIT` are merged rule by rule.
    pub(super) fn merge(sources: &[Given], problems: &mut Vec<Problem>) -> Self {
        let mut slots: Vec<Slot> =
            SETTINGS.iter().enumerate().map(|(place, setting)| slot(place, setting, sources, problems)).collect();
        give_way(&mut slots);
        Self { slots, keys: Vec::new(), exceptions: Vec::new(), files: Vec::new(), warnings: Vec::new() }
    }

    fn slot(&self, key: &str) -> Option<&Slot> {
        let place = SETTINGS.iter().position(|setting| setting.key == key);
        debug_assert!(place.is_some(), "{key} is not a setting");
        place.map(|place| &self.slots[place])
    }

    fn first(&self, key: &str) -> Option<&Value> {
        self.slot(key).and_then(|slot| slot.values.first())
    }

    /// Where a setting comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.slot(key).map_or(&Origin::Default, |slot| &slot.origin)
    }

    /// Was it said anywhere?
    pub fn is_set(&self, key: &str) -> bool {
        *self.origin(key) != Origin::Default
    }

    /// How strong the place is that says it: 0 for nowhere, 3 for the command line.
    pub fn strength(&self, key: &str) -> u8 {
        match self.origin(key) {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::Variable(_) => 2,
            Origin::Flag(_) => 3,
        }
    }

    /// Whether a limit is about something that is only advised.
    pub fn limits_advice(&self, rules: &Rules) -> bool {
        let advised = |name: &str| {
            rules
                .get(name)
                .map_or(name == Kind::Advice.name(), |rule| matches!(rule.level, Level::Advice | Level::Confirmed))
        };
        self.rule_limits().iter().any(|(name, _)| advised(name))
    }

    /// A switch; off when nothing is said.
    pub fn switch(&self, key: &str) -> bool {
        self.said_switch(key).unwrap_or(false)
    }

    /// A switch, where it was said.
    pub fn said_switch(&self, key: &str) -> Option<bool> {
        match self.first(key) {
            Some(Value::Switch(yes)) => Some(*yes),
            _ => None,
        }
    }

    /// Bytes.
    pub fn size(&self, key: &str) -> Option<u64> {
        match self.first(key) {
            Some(Value::Size(bytes)) => Some(*bytes),
            _ => None,
        }
    }

    /// A whole number.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.first(key) {
            Some(Value::Count(number)) => Some(*number),
            _ => None,
        }
    }

    fn share(&self, key: &str) -> Option<f64> {
        match self.first(key) {
            Some(Value::Percent(share) | Value::Ratio(share)) => Some(*share),
            _ => None,
        }
    }

    /// Text, an image or a path.
    pub fn word(&self, key: &str) -> Option<&OsStr> {
        match self.first(key) {
            Some(Value::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// A path.
    pub fn path(&self, key: &str) -> Option<&Path> {
        self.word(key).map(Path::new)
    }

    /// Several texts.
    pub fn words(&self, key: &str) -> Vec<String> {
        let values = self.slot(key).map(|slot| slot.values.as_slice()).unwrap_or_default();
        let word = |value: &Value| match value {
            Value::Word(word) => Some(word.to_string_lossy().into_owned()),
            _ => None,
        };
        values.iter().filter_map(word).collect()
    }

    /// The platform.
    pub fn platform(&self) -> Option<Platform> {
        match self.first("platform") {
            Some(Value::Platform(platform)) => Some(platform.clone()),
            _ => None,
        }
    }

    /// Stretches of layers.
    pub fn stretches(&self) -> Vec<(u16, u16)> {
        let values = self.slot("squash").map(|slot| slot.values.as_slice()).unwrap_or_default();
        values.iter().filter_map(|value| if let Value::Stretch(a, b) = value { Some((*a, *b)) } else { None }).collect()
    }

    /// Reports that are asked for: the format, and the file or `-`.
    pub fn reports(&self) -> Vec<(ReportFormat, OsString)> {
        let values = self.slot("report").map(|slot| slot.values.as_slice()).unwrap_or_default();
        let report =
            |value: &Value| if let Value::Report(format, file) = value { Some((*format, file.clone())) } else { None };
        values.iter().filter_map(report).collect()
    }

    fn rule_limits(&self) -> Vec<(String, u64)> {
        let values = self.slot("limit").map(|slot| slot.values.as_slice()).unwrap_or_default();
        let limit = |value: &Value| {
            if let Value::RuleLimit(rule, Some(limit)) = value { Some((rule.clone(), *limit)) } else { None }
        };
        values.iter().filter_map(limit).collect()
    }

    /// The limits, as the gate takes them.
    pub fn limits(&self) -> Limits {
        let patterns = |key: &str| self.words(key).iter().filter_map(|text| PathPattern::new(text).ok()).collect();
        let own_limits = SETTINGS.iter().any(|setting| setting.limits_waste && self.is_set(setting.key));
        Limits {
            own: Bounds {
                wasted_percent: self.share("max-own-wasted-percent"),
                wasted_bytes: self.size("max-own-wasted-bytes"),
                efficiency: self.share("min-own-efficiency"),
            },
            all: Bounds {
                wasted_percent: self.share("max-wasted-percent"),
                wasted_bytes: self.size("max-wasted-bytes"),
                efficiency: self.share("min-efficiency"),
            },
            floor: self.size("floor").filter(|_| !own_limits || self.is_set("floor")).unwrap_or(0),
            image_size: self.size("max-image-size"),
            layers: self.number("max-layers"),
            layer_size: self.size("max-layer-size"),
            rules: self.rule_limits(),
            deny_secrets: self.switch("deny-secrets"),
            forbid: patterns("forbid"),
            require: patterns("require"),
        }
    }

    /// What is said of the screen.
    pub fn screen(&self) -> ScreenSettings {
        let theme = self.word("screen.theme").map(|theme| theme.to_string_lossy().into_owned());
        let sort = self.word("screen.sort").map(|sort| sort.to_string_lossy().into_owned());
        ScreenSettings {
            theme: theme.map(|theme| (theme, self.origin("screen.theme").clone())),
            sort: sort.map(|sort| (sort, self.origin("screen.sort").clone())),
            mouse: self.said_switch("screen.mouse"),
            single_child_folders: self.said_switch("screen.single_child_folders"),
            keys: self.keys.clone(),
        }
    }

    /// Holds names of the screen against those that it knows.
    pub(super) fn check_screen(&self, problems: &mut Vec<Problem>) {
        let screen = self.screen();
        if let Some((theme, origin)) = &screen.theme
            && let Err(text) = super::screen::check_theme(theme)
        {
            problems.push(Problem::new(origin, format!("screen.theme: {text}")));
        }
        if let Some((sort, origin)) = &screen.sort
            && let Err(text) = super::screen::check_sort(sort)
        {
            problems.push(Problem::new(origin, format!("screen.sort: {text}")));
        }
        problems.extend(super::screen::check_keys(&screen.keys));
    }

    /// Holds names of rules against the catalogue that the image will be judged by.
    ///
    /// # Errors
    /// When there is no rule of a name, with the one that was most likely meant.
    pub fn check_rules(&self, rules: &Rules) -> Result<(), SettingsError> {
        let mut problems = Vec::new();
        let kinds = Kind::ALL.iter().map(|kind| kind.name());
        let unknown = |name: &str, place: &dyn std::fmt::Display| {
            let names = rules.all().iter().map(|rule| rule.id.as_str()).chain(kinds.clone());
            let meant = nearest(name, names).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            let text =
                format!("there is no rule {}{meant} (`explore rules` lists them)", crate::bytes::shown_text(name));
            Problem::new(place, text)
        };
        let is_kind = |name: &str| kinds.clone().any(|kind| kind == name);
        for value in self.slot("limit").map(|slot| slot.values.as_slice()).unwrap_or_default() {
            let Value::RuleLimit(name, limit) = value else { continue };
            match rules.get(name) {
                Some(rule) if rule.level == Level::Off && limit.is_some() => {
                    let text = format!("the rule {name} is off, so nothing can be over its limit");
                    problems.push(Problem::new(self.origin("limit"), text));
                }
                Some(_) => {}
                None if is_kind(name) => {}
                None => problems.push(unknown(name, self.origin("limit"))),
            }
        }
        for exception in &self.exceptions {
            let name = exception.rule.as_deref().filter(|name| rules.get(name).is_none() && !is_kind(name));
            problems.extend(name.map(|name| unknown(name, &exception.place)));
        }
        if problems.is_empty() { Ok(()) } else { Err(SettingsError::Problems(problems)) }
    }
}

fn slot(place: usize, setting: &Setting, sources: &[Given], problems: &mut Vec<Problem>) -> Slot {
    let mut read = |words: &[OsString], origin: &Origin| -> Vec<Value> {
        let mut values = Vec::new();
        for word in words {
            match setting.takes.parse(word) {
                Ok(value) => values.push(value),
                Err(text) => {
                    let place = match origin {
                        Origin::File { .. } => format!("{origin}: {}", setting.key),
                        _ => origin.to_string(),
                    };
                    problems.push(Problem::new(place, text));
                }
            }
        }
        values
    };
    let mut said = sources.iter().filter_map(|source| source.0[place].as_ref());
    let Some(strongest) = said.next() else {
        let words: Vec<OsString> = if setting.default.is_empty() { Vec::new() } else { vec![setting.default.into()] };
        return Slot { values: read(&words, &Origin::Default), words, origin: Origin::Default, gave_way: false };
    };
    let mut words = strongest.words.clone();
    let mut values = read(&words, &strongest.origin);
    if setting.takes == Takes::RuleLimits {
        for weaker in said {
            for (word, value) in weaker.words.iter().zip(read(&weaker.words, &weaker.origin)) {
                let rule =
                    |value: &Value| if let Value::RuleLimit(rule, _) = value { rule.clone() } else { String::new() };
                if !values.iter().any(|known| rule(known) == rule(&value)) {
                    values.push(value);
                    words.push(word.clone());
                }
            }
        }
    }
    Slot { values, words, origin: strongest.origin.clone(), gave_way: false }
}

/// The default limit holds only while nobody sets another on waste.
fn give_way(slots: &mut [Slot]) {
    let limits = || SETTINGS.iter().enumerate().filter(|(_, setting)| setting.limits_waste).map(|(place, _)| place);
    if limits().all(|place| slots[place].origin == Origin::Default) {
        return;
    }
    for place in limits() {
        let slot = &mut slots[place];
        if slot.origin == Origin::Default && !slot.values.is_empty() {
            (slot.values, slot.gave_way) = (Vec::new(), true);
        }
    }
}
