//! Secrets as they are found in images, and what only looks like one: two lists, judged by the whole program.

use std::collections::BTreeSet;

use explore::inspect::Inspection;
use explore::waste::{Finding, Kind, Severity};
use serde_json::{Value, json};

use crate::common::{Entry, ImageBuilder, Shape, explore, file, folder, gzip, image, look, text};

const FOUND: &str = include_str!("secrets-found.txt");
const HARMLESS: &str = include_str!("secrets-harmless.txt");

/// Draws what a line leaves open (`<A:20>`), so that no list holds anything that has the form of a secret.
fn drawn(line: &str, seed: u64) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move |of: &str, count: usize| -> String {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            of.as_bytes()[(state >> 33) as usize % of.len()] as char
        };
        (0..count).map(|_| next()).collect()
    };
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, tail)) = rest.split_once('<') {
        out.push_str(before);
        let inner = tail.split('>').next().unwrap();
        let of = |kind: &str| match kind {
            "A" => Some(LETTERS),
            "h" => Some("0123456789abcdef"),
            "U" => Some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            "B" => Some(BASE64),
            "d" => Some("123456789"),
            _ => None,
        };
        let (kind, argument) = inner.split_once(':').unwrap_or_default();
        if kind == "pem" {
            let body: Vec<String> = (0..6).map(|_| draw(BASE64, 64)).collect();
            out.push_str(&format!("-----BEGIN {argument}-----\n{}\n-----END {argument}-----\n", body.join("\n")));
        } else if let (Some(of), Ok(count)) = (of(kind), argument.parse()) {
            out.push_str(&draw(of, count));
        } else {
            out.push('<');
            rest = tail;
            continue;
        }
        rest = &tail[inner.len() + 1..];
    }
    out.push_str(rest);
    // `\\n` stays two characters, as JSON has it.
    out.replace("\\\\n", "\u{1}").replace("\\n", "\n").replace("\\t", "\t").replace('\u{1}', "\\n")
}

/// The lines of a list: where, and what.
fn lines(list: &'static str) -> Vec<(&'static str, String)> {
    let lines = list.lines().filter(|line| !line.starts_with('#')).enumerate();
    lines
        .map(|(place, line)| {
            let (at, what) = line.split_once(" | ").unwrap();
            (at, drawn(what, place as u64 + 1))
        })
        .collect()
}

/// An image with all files of a list in one layer, all instructions in its history, and all settings in its config.
fn built(list: &'static str, compress: fn(&[u8]) -> Vec<u8>) -> ImageBuilder {
    let lines = lines(list);
    let files: Vec<Entry> = lines
        .iter()
        .filter(|(at, _)| !matches!(*at, "history" | "config"))
        .map(|(path, content)| file(path, content))
        .collect();
    let mut history = vec![json!({ "created_by": "COPY . /" })];
    let instructions = lines.iter().filter(|(at, _)| *at == "history");
    history.extend(instructions.map(|(_, text)| json!({ "created_by": text, "empty_layer": true })));
    let settings = |key: &str| -> Vec<String> {
        let all = lines.iter().filter(|(at, _)| *at == "config").filter_map(|(_, text)| text.split_once(" | "));
        all.filter(|(own, _)| *own == key).map(|(_, value)| value.to_owned()).collect()
    };
    let labels: serde_json::Map<String, Value> = settings("Label")
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.into()))
        .collect();
    image().compress(compress).layer(files).history(Value::Array(history)).run(json!({
        "Env": settings("Env"),
        "Labels": labels,
        "Cmd": settings("Cmd"),
        "Healthcheck": { "Test": settings("Healthcheck") },
    }))
}

fn secrets(found: &Inspection) -> impl Iterator<Item = &Finding> {
    found.waste.findings.iter().filter(|finding| finding.kind == Kind::Secret && finding.severity != Severity::Note)
}

/// Lines of a list that are accused, and those that are not.
fn judged(list: &'static str, compress: fn(&[u8]) -> Vec<u8>) -> (Vec<String>, Vec<String>) {
    let folder = folder();
    let path = folder.write("image.tar", &built(list, compress).save(Shape::Docker));
    let found = look(&path);
    let path_of =
        |finding: &Finding| finding.paths.iter().map(|path| found.tree.paths.path(path.node)).collect::<Vec<_>>();
    let accused: BTreeSet<Vec<u8>> = secrets(&found).flat_map(path_of).collect();
    let mut history = found.image.history.iter().skip(1);
    let config: Vec<String> = found.image.config.run.secrets().map(|(_, text, _)| text).collect();
    lines(list)
        .into_iter()
        .map(|(at, what)| {
            let is = match at {
                "history" => history.next().unwrap().secrets().next().is_some(),
                // All that is before the value is shown.
                "config" => {
                    let shown = what.split_once(" | ").unwrap().1;
                    let name = shown.split_once('=').map_or(shown, |(name, _)| name);
                    config.iter().any(|text| text.contains(name))
                }
                path => accused.contains(path.as_bytes()),
            };
            (is, format!("{at} | {what}"))
        })
        .fold((Vec::new(), Vec::new()), |mut sides, (is, line)| {
            if is {
                sides.0.push(line);
            } else {
                sides.1.push(line);
            }
            sides
        })
}

#[test]
fn realistic_secrets_are_found_and_harmless_files_are_not_accused() {
    for compress in [(|bytes| bytes.to_vec()) as fn(&[u8]) -> Vec<u8>, gzip] {
        let (found, missed) = judged(FOUND, compress);
        let (accused, harmless) = judged(HARMLESS, compress);
        let lists = format!("missed:\n{}\naccused:\n{}", missed.join("\n"), accused.join("\n"));
        eprintln!(
            "{} found, {} missed, {} harmless, {} accused\n{lists}",
            found.len(),
            missed.len(),
            harmless.len(),
            accused.len()
        );
        assert!(found.len() + missed.len() >= 120 && harmless.len() + accused.len() >= 120);
        assert!(missed.len() * 100 <= (found.len() + missed.len()) * 5, "{lists}");
        assert!(accused.len() * 100 <= (harmless.len() + accused.len()) * 2, "{lists}");
    }
}

#[test]
fn each_secret_is_a_finding_with_its_path_in_every_format_and_can_be_excepted() {
    let token = format!("ghp_{}", drawn("<A:36>", 3));
    let built = image().layer([
        file("app/one.yml", format!("token: {token}\n")),
        file("app/two.yml", format!("token: {token}\n")),
        file("root/.netrc", "machine h login me password Jq3hT82ksL\n"),
    ]);
    let folder = folder();
    let path = folder.write("image.tar", &built.save(Shape::Docker));
    let path = path.to_str().unwrap();
    for format in explore::report::ReportFormat::ALL {
        let report = folder.path().join("report");
        explore(&[
            path,
            "--ci",
            "--deny-secrets",
            "--base-layers=0",
            "--report",
            &format!("{}={}", format.name(), report.display()),
        ]);
        let written = text(&std::fs::read(&report).unwrap());
        for name in ["app/one.yml", "app/two.yml", "root/.netrc"] {
            assert!(written.contains(name), "{}: {name} is not in\n{written}", format.name());
        }
        assert!(!written.contains(&token) && !written.contains("Jq3hT82ksL"), "{written}");
    }
    let config = folder.write(
        "explore.toml",
        b"deny-secrets = true\n[[ignore]]\npath = \"/app/one.yml\"\nreason = \"made for a test\"\n",
    );
    let output = explore(&[path, "--ci", "--base-layers=0", "--config", config.to_str().unwrap()]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains("one.yml (a GitHub token)") || said.contains("excepted"), "{said}");
    assert!(said.contains("two.yml"), "{said}");
}
