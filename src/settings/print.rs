//! Settings written down: those that hold with where they come from, and a commented file to begin with.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::merged::{Settings, Slot};
use super::table::{Group, SETTINGS, Setting};
use super::value::{Takes, Value};
use crate::bytes::{shown, shown_text};
use crate::gate::Exception;

/// Columns of the commented file.
const WIDTH: usize = 100;

/// Writes each setting and where it comes from, as TOML that says the same.
///
/// # Errors
/// When `out` can't be written.
pub fn write_settings(settings: &Settings, out: &mut impl Write) -> io::Result<()> {
    for file in &settings.files {
        writeln!(out, "# read: {}", shown_text(&file.display().to_string()))?;
    }
    let rows: Vec<(&Setting, &Slot)> = SETTINGS.iter().zip(&settings.slots).collect();
    let lines: Vec<String> = rows.iter().map(|(setting, slot)| line(setting, slot)).collect();
    let width = lines.iter().map(|line| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    let mut heading = None;
    for ((setting, slot), line) in rows.iter().zip(lines) {
        if heading != Some(setting.group) {
            writeln!(out, "\n# {}", setting.group.heading())?;
            heading = Some(setting.group);
        }
        let from = if slot.gave_way {
            format!("gives way to the limits that are set; default {}", setting.default)
        } else {
            shown_text(&slot.origin.to_string())
        };
        writeln!(out, "{line:<width$}  # {from}")?;
    }
    for key in &settings.keys {
        let keys: Vec<String> = key.keys.iter().map(|key| quoted(key)).collect();
        writeln!(out, "keys.{} = [{}]  # {}", bare(&key.action), keys.join(", "), key.origin)?;
    }
    for exception in &settings.exceptions {
        write_exception(exception, out)?;
    }
    Ok(())
}

fn write_exception(exception: &Exception, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n[[ignore]]  # {}", shown_text(&exception.place))?;
    for (key, value) in [
        ("rule", &exception.rule),
        ("path", &exception.path),
        ("instruction", &exception.instruction),
        ("fingerprint", &exception.fingerprint),
    ] {
        if let Some(value) = value {
            writeln!(out, "{key} = {}", quoted(value))?;
        }
    }
    writeln!(out, "reason = {}", quoted(&exception.reason))?;
    if let Some(until) = exception.until {
        writeln!(out, "until = {until}")?;
    }
    Ok(())
}

fn line(setting: &Setting, slot: &Slot) -> String {
    if slot.values.is_empty() && (slot.gave_way || !setting.takes.several() || slot.words.is_empty()) {
        return format!("# {} =", setting.key);
    }
    let hash = if setting.in_file { "" } else { "# " };
    format!("{hash}{} = {}", setting.key, value(setting.takes, slot))
}

fn value(takes: Takes, slot: &Slot) -> String {
    if takes == Takes::RuleLimits {
        let limits = slot.values.iter().filter_map(|value| match value {
            Value::RuleLimit(rule, Some(limit)) => Some(format!("{} = {limit}", bare(rule))),
            Value::RuleLimit(rule, None) => Some(format!("{} = \"off\"", bare(rule))),
            _ => None,
        });
        return format!("{{ {} }}", limits.collect::<Vec<_>>().join(", "));
    }
    let words: Vec<String> = slot.words.iter().zip(&slot.values).map(|(word, value)| one(word, value)).collect();
    if takes.several() { format!("[{}]", words.join(", ")) } else { words.into_iter().next().unwrap_or_default() }
}

fn one(word: &OsString, value: &Value) -> String {
    match value {
        Value::Switch(yes) => yes.to_string(),
        Value::Count(number) => number.to_string(),
        Value::Percent(share) | Value::Ratio(share) => share.to_string(),
        _ => word.to_str().map_or_else(|| quoted(&shown(word.as_encoded_bytes())), quoted),
    }
}

/// A TOML string that shows harmlessly.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if shown_text(letter.encode_utf8(&mut [0; 4])).starts_with("\\x") => {
                let _ = write!(out, "\\U{:08X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if plain { key.to_owned() } else { quoted(key) }
}

/// Writes a settings file in which every setting is explained and none is said.
///
/// # Errors
/// When `out` can't be written.
pub fn write_commented(out: &mut impl Write) -> io::Result<()> {
    paragraph(
        out,
        "Settings of explore. Each key is the name of a flag; flags and variables (EXPLORE_MAX_LAYERS for max-layers) win over \
         this file. `explore config show` says what holds and why, `explore config check` judges this file. Sizes are written \
         20MB, 20MiB or 1.5 GB; a limit that is \"off\" is none. Paths are relative to this file.",
    )?;
    let mut heading = None;
    for setting in SETTINGS.iter().filter(|setting| setting.in_file && setting.group != Group::Screen) {
        if heading != Some(setting.group) {
            writeln!(out, "\n# --- {} ---", setting.group.heading())?;
            heading = Some(setting.group);
        }
        writeln!(out)?;
        paragraph(out, &format!("{}.", setting.about))?;
        writeln!(out, "# {} = {}", setting.key, example(setting))?;
    }
    writeln!(out, "\n# --- Tables: these come last ---\n")?;
    paragraph(
        out,
        "Waste that is excused. One of rule, path, instruction (a part of its text) and fingerprint says for what, reason why, \
         until how long. An exception that is over, or that excuses nothing, is told.",
    )?;
    writeln!(
        out,
        "# [[ignore]]\n# rule = \"apt-lists\"\n# path = \"/var/lib/apt/lists\"\n# reason = \"the installer needs them\""
    )?;
    writeln!(out, "# until = 2030-01-31\n")?;
    paragraph(out, "The screen.")?;
    writeln!(out, "# [screen]")?;
    for setting in SETTINGS.iter().filter(|setting| setting.group == Group::Screen) {
        let key = setting.key.trim_start_matches("screen.");
        writeln!(out, "# {key} = {}   # {}", example(setting), setting.about)?;
    }
    writeln!(out)?;
    paragraph(out, "Keys of the screen: an action, and the key or keys that do it (? on the screen lists both).")?;
    writeln!(out, "# [keys]")
}

/// What stands behind the `=`: the default, as TOML, or an example.
fn example(setting: &Setting) -> String {
    match (setting.example, setting.takes) {
        ("", Takes::Percent | Takes::Ratio | Takes::Count | Takes::CountLimit | Takes::Switch) => {
            setting.default.to_owned()
        }
        ("", _) => quoted(setting.default),
        (example, _) => example.to_owned(),
    }
}

fn paragraph(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            writeln!(out, "{line}")?;
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(out, "{line}")
}
