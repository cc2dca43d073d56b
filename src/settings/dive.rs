//! dive's limits, in `.dive-ci`, `.dive.yaml`, variables and flags: they mean what they mean there. Ratios become percentages
//! where ours are.

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use super::origin::{Given, Origin, Problem, Said};
use super::table::nearest;
use super::value::{is_off, number};
use crate::bytes::shown_text;
use crate::report::parse_size;

/// The name of the file, in the working directory.
pub const DIVE_FILE: &str = ".dive-ci";

/// A key of dive's, the setting that it becomes, and what dive takes when the file does not have it.
struct Rule {
    key: &'static str,
    becomes: &'static str,
    default: &'static str,
}

const RULES: [Rule; 3] = [
    Rule { key: "lowestEfficiency", becomes: "min-efficiency", default: "0.9" },
    Rule { key: "highestWastedBytes", becomes: "max-wasted-bytes", default: "off" },
    Rule { key: "highestUserWastedPercent", becomes: "max-own-wasted-percent", default: "10" },
];

/// Names of dive's settings files below the home directory or the working directory.
pub(super) const OWN_FILE: &str = ".dive.yaml";

/// The flags by which dive takes limits, and the settings that they become.
pub fn flags() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().map(|rule| (rule.key, rule.becomes))
}

/// What a flag of dive's says, in words of the setting that it becomes.
///
/// # Errors
/// When dive would not take it, with the reason.
pub fn flag(key: &str, word: &str) -> Result<String, String> {
    let rule = RULES.iter().find(|rule| rule.key == key).ok_or_else(|| "there is no such flag".to_owned())?;
    converted(rule, word)
}

/// What the variables of dive say.
pub(super) fn variables<'v>(of: impl Fn(&str) -> Option<&'v str>, problems: &mut Vec<Problem>) -> Given {
    let mut given = Given::default();
    for rule in RULES {
        let words = rule.key.chars().flat_map(|letter| {
            letter.is_ascii_uppercase().then_some('_').into_iter().chain([letter.to_ascii_uppercase()])
        });
        let name = format!("DIVE_RULES_{}", words.collect::<String>());
        let Some(word) = of(&name) else { continue };
        match converted(&rule, word) {
            Ok(word) => given.say(rule.becomes, Said { words: vec![word.into()], origin: Origin::Variable(name) }),
            Err(text) => problems.push(Problem::new(name, text)),
        }
    }
    given
}

/// Reads a `.dive.yaml`, of which only the limits matter here; None when it has none.
pub(super) fn read_own(name: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Given> {
    let documents = MarkedYaml::load_from_str(text).ok()?;
    let YamlData::Mapping(top) = &documents.first()?.data else { return None };
    let has_rules = top.keys().any(|key| word(key).as_deref() == Some("rules"));
    has_rules.then(|| read(name, text, problems, &mut Vec::new()))
}

/// Reads a `.dive-ci`.
pub(super) fn read(name: &str, text: &str, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) -> Given {
    let mut given = Given::default();
    let origin = |line| Origin::File { name: name.to_owned(), line };
    for Rule { becomes, default, .. } in RULES {
        given.say(becomes, Said { words: vec![default.into()], origin: origin(0) });
    }
    let documents = match MarkedYaml::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => {
            let text = format!("this is not valid YAML: {}", shown_text(error.info()));
            problems.push(Problem::new(origin(error.marker().line()), text));
            return given;
        }
    };
    let Some(top) = documents.first() else { return given };
    for (key, value) in entries(top, "rules", &origin, problems) {
        if word(key).as_deref() != Some("rules") {
            let said = word(key).unwrap_or_default();
            if nearest(&said, ["rules"]).is_some() {
                unknown(key, ["rules"], &origin, problems);
            } else {
                // dive reads nothing else of this file.
                let place = origin(key.span.start.line());
                warnings.push(format!("{place}: {}: this key is ignored; only `rules` is read", shown_text(&said)));
            }
            continue;
        }
        for (key, value) in entries(value, "the rules", &origin, problems) {
            let said = word(key).unwrap_or_default();
            let Some(rule) = RULES.iter().find(|rule| plain(rule.key) == plain(&said)) else {
                unknown(key, RULES.map(|rule| rule.key), &origin, problems);
                continue;
            };
            let line = key.span.start.line();
            // Without a value dive keeps its default.
            if matches!(value.data, YamlData::Value(Scalar::Null)) {
                continue;
            }
            match word(value)
                .ok_or_else(|| "a number or a text is expected".to_owned())
                .and_then(|word| converted(rule, &word))
            {
                Ok(word) => given.say(rule.becomes, Said { words: vec![word.into()], origin: origin(line) }),
                Err(text) => problems.push(Problem::new(origin(line), format!("{}: {text}", rule.key))),
            }
        }
    }
    given
}

/// dive writes keys with capitals or with dashes.
fn plain(key: &str) -> String {
    key.replace('-', "").to_lowercase()
}

fn entries<'y, 'i>(
    node: &'y MarkedYaml<'i>,
    what: &str,
    origin: &dyn Fn(usize) -> Origin,
    problems: &mut Vec<Problem>,
) -> Vec<(&'y MarkedYaml<'i>, &'y MarkedYaml<'i>)> {
    match &node.data {
        YamlData::Mapping(map) => map.iter().collect(),
        YamlData::Value(Scalar::Null) => Vec::new(),
        _ => {
            problems
                .push(Problem::new(origin(node.span.start.line()), format!("{what}: keys with values are expected")));
            Vec::new()
        }
    }
}

fn unknown<const N: usize>(
    key: &MarkedYaml<'_>,
    names: [&str; N],
    origin: &dyn Fn(usize) -> Origin,
    problems: &mut Vec<Problem>,
) {
    let said = word(key).unwrap_or_default();
    let meant = nearest(&said, names)
        .map_or_else(|| format!("; there are {}", names.join(", ")), |meant| format!("; did you mean {meant}?"));
    problems.push(Problem::new(
        origin(key.span.start.line()),
        format!("{}: there is no such key{meant}", shown_text(&said)),
    ));
}

/// A scalar as it was written.
fn word(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Representation(text, ..) | YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::FloatingPoint(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Boolean(yes)) => Some(yes.to_string()),
        YamlData::Value(Scalar::Null) => Some(String::new()),
        _ => None,
    }
}

fn converted(rule: &Rule, word: &str) -> Result<String, String> {
    if word.trim().is_empty() || is_off(word) {
        return Ok("off".to_owned());
    }
    if rule.becomes == "max-wasted-bytes" {
        return parse_size(&word.replace(',', "")).map(|bytes| bytes.to_string());
    }
    match number(word) {
        Some(ratio) if (0.0..=1.0).contains(&ratio) && rule.becomes == "max-own-wasted-percent" => {
            // As decimal digits: 0.07 times 100 is not 7 in binary.
            Ok(format!("{:.10}", ratio * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned())
        }
        Some(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio.to_string()),
        _ => Err(format!("`{}` is not a ratio; write a number from 0 to 1, or `disabled`", shown_text(word))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, Vec<String>> {
        let mut problems = Vec::new();
        let given = read("f", text, &mut problems, &mut Vec::new());
        if !problems.is_empty() {
            return Err(problems.iter().map(ToString::to_string).collect());
        }
        let word = |rule: &Rule| given.words(rule.becomes).map(|words| words[0].to_string_lossy().into_owned());
        Ok(RULES.iter().filter_map(word).collect())
    }

    #[test]
    fn what_dive_takes() {
        let read = |a: &str, b: &str, c: &str| {
            words(&format!(
                "rules:\n  lowestEfficiency: {a}\n  highestWastedBytes: {b}\n  highestUserWastedPercent: {c}\n"
            ))
        };
        let want = |a: &str, b: &str, c: &str| Ok(vec![a.to_owned(), b.to_owned(), c.to_owned()]);
        assert_eq!(read("0.95", "20MB", "0.20"), want("0.95", "20000000", "20"));
        assert_eq!(read("\"0.95\"", "\"20 MiB\"", "'0.07'"), want("0.95", "20971520", "7"));
        assert_eq!(read("disabled", "1,000", "off"), want("off", "1000", "off"));
        assert_eq!(read("1", "", "0"), want("1", "off", "0"));
        assert_eq!(read("", "", ""), want("0.9", "off", "10"));
        assert_eq!(read("''", "''", "\"\""), want("off", "off", "off"));
        assert_eq!(words(""), want("0.9", "off", "10"));
        assert_eq!(words("rules:\n  lowest-efficiency: 0.5\n"), want("0.5", "off", "10"));
    }

    #[test]
    fn flags_variables_and_the_own_file_of_dive() {
        assert_eq!(flag("highestUserWastedPercent", "0.2"), Ok("20".to_owned()));
        assert_eq!(flag("highestWastedBytes", "20MB"), Ok("20000000".to_owned()));
        assert_eq!(flag("lowestEfficiency", ""), Ok("off".to_owned()));
        assert!(flag("highestUserWastedPercent", "20").is_err());
        let mut problems = Vec::new();
        let given = variables(|name| (name == "DIVE_RULES_LOWEST_EFFICIENCY").then_some("0.7"), &mut problems);
        assert_eq!(given.words("min-efficiency").map(<[_]>::len), Some(1));
        assert!(read_own("f", "container-engine: podman\nkeybinding:\n  quit: q\n", &mut problems).is_none());
        let given = read_own("f", "log:\n  enabled: true\nrules:\n  lowest-efficiency: 0.5\n", &mut problems);
        assert!(given.is_some_and(|given| given.words("min-efficiency").is_some()));
        assert!(problems.is_empty(), "{problems:?}");
        let mut warnings = Vec::new();
        read("f", "version: 2\nrules:\n  lowestEfficiency: 0.5\n", &mut problems, &mut warnings);
        assert_eq!(warnings, ["f:1: version: this key is ignored; only `rules` is read"]);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn what_dive_would_not_say() {
        let says = |text: &str, what: &str| {
            let problems = words(text).err().unwrap_or_default();
            assert!(problems.iter().any(|problem| problem.contains(what)), "{text:?}: {problems:?}");
        };
        says(
            "rules:\n  lowestEficiency: 0.95\n",
            "f:2: lowestEficiency: there is no such key; did you mean lowestEfficiency?",
        );
        says("rule:\n  lowestEfficiency: 0.95\n", "f:1: rule: there is no such key; did you mean rules?");
        says("rules:\n\n  lowestEfficiency: 1.1\n", "f:3: lowestEfficiency: `1.1` is not a ratio");
        says("rules:\n  highestWastedBytes: lots\n", "f:2: highestWastedBytes: `lots` is not a size");
        says("rules: [\n", "this is not valid YAML");
        says("rules: 3\n", "keys with values are expected");
    }
}
