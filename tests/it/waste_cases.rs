//! Small images whose waste can be worked out by hand, one for each rule of counting (`waste-cases.txt`).

use std::collections::BTreeMap;

use crate::common::{Entry, device, dir, fifo, file, folder, gone, hardlink, image, look_with, opaque, symlink};
use explore::inspect::Options;
use explore::waste::Kind;

#[derive(Debug, Default)]
struct Case {
    name: String,
    layers: Vec<Vec<Entry>>,
    base: usize,
    totals: BTreeMap<String, u64>,
    items: Vec<String>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("waste-cases.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        if *first == "case" {
            cases.push(Case { name: words[1].into(), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        if line.starts_with('L') {
            case.layers.push(Vec::new());
            case.base += usize::from(words.get(1) == Some(&"base"));
        } else if *first == "expect" && words[1].contains('=') {
            for word in &words[1..] {
                let (key, value) = word.split_once('=').unwrap();
                case.totals.insert(key.into(), value.parse().unwrap());
            }
        } else if *first == "expect" {
            case.items.push(words[1..].join(" "));
        } else {
            case.layers.last_mut().unwrap().push(entry(&words));
        }
    }
    cases
}

/// `f PATH SIZE CONTENT [mode= own= mt=]` and so on: content is repeated to its size, so equal letters are equal content.
fn entry(words: &[&str]) -> Entry {
    let path = words[1];
    let mut entry = match words[0] {
        "f" => {
            let size = words[2].parse().unwrap();
            file(path, words[3].bytes().cycle().take(size).collect::<Vec<u8>>())
        }
        "d" => dir(path),
        "l" => symlink(path, "usr/lib"),
        "h" => hardlink(path, words[2]),
        "c" => device(path),
        "p" => fifo(path),
        "w" => gone(path),
        "o" => opaque(path),
        other => panic!("{other}"),
    };
    for word in words.iter().skip(2) {
        match word.split_once('=') {
            Some(("mode", mode)) => entry = entry.mode(u32::from_str_radix(mode, 8).unwrap()),
            Some(("mt", time)) => entry = entry.mtime(time.parse().unwrap()),
            Some(("own", owner)) => {
                let (uid, gid) = owner.split_once(':').unwrap();
                entry = entry.owner(uid.parse().unwrap(), gid.parse().unwrap());
            }
            _ => {}
        }
    }
    entry
}

#[test]
fn every_micro_example_is_charged_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= 30, "only {} examples were found", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        let folder = folder();
        let built = case.layers.iter().fold(image(), crate::common::ImageBuilder::layer);
        let path = folder.write("image.tar", &built.save(crate::common::Shape::Docker));
        let found = look_with(&path, &Options { base_layers: Some(case.base), ..Options::default() });
        let waste = &found.waste;
        let mut got: Vec<String> = waste
            .charges
            .iter()
            .map(|charge| {
                let stored_in = charge.file.layer;
                let path = String::from_utf8(found.tree.paths.path(found.tree.event_at(charge.file).node)).unwrap();
                let in_base = usize::from(stored_in) < case.base;
                let fix = if in_base { "base".to_owned() } else { stored_in.to_string() };
                let kind = match (charge.kind, charge.rule()) {
                    (Kind::Cruft, Some(rule)) => format!("cruft:{}", waste.rules.all()[rule.index()].id),
                    (kind, _) => kind.name().to_owned(),
                };
                let (bytes, by) = (charge.bytes(&found.tree), charge.caused_by);
                format!("{kind} {bytes} in={stored_in} by={by} fix={fix} path=/{path}")
            })
            .collect();
        got.sort();
        let mut want = case.items.clone();
        want.sort();
        let totals = [
            ("stored", waste.content_bytes),
            ("live", waste.live_bytes),
            ("dead", waste.sums.dead()),
            ("cruft", waste.sums.cruft()),
            ("dup", waste.sums.of(Kind::Duplicate)),
            ("own_waste", waste.own_bytes),
        ];
        if got != want || totals.iter().any(|(key, value)| case.totals[*key] != *value) {
            failures.push(format!("{}\n  want {want:?}\n  got  {got:?}\n  {totals:?}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
