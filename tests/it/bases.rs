//! Which layers are the base image's: histories as builders write them, each from every source, whatever else is stored.

#![cfg(unix)]

use explore::inspect::{Options, inspect};
use explore::source::Target;
use serde_json::{Value, json};

use crate::common::{Entry, ImageBuilder, Shape, explore, explore_json, file, folder, gzip, image, text};
use crate::daemon::{Behaviour, Explorer, Fake};

struct Case {
    name: String,
    layers: u64,
    evidence: String,
    maybe: Option<u64>,
    base: Option<String>,
    built: ImageBuilder,
}

fn cases() -> Vec<Case> {
    let lines = include_str!("bases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    let mut cases: Vec<Case> = Vec::new();
    let mut rows: Vec<Value> = Vec::new();
    for line in lines.filter(|line| *line != "#") {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "case" => {
                rows.clear();
                cases.push(Case {
                    name: rest.to_owned(),
                    layers: 0,
                    evidence: String::new(),
                    maybe: None,
                    base: None,
                    built: image().name("app:1"),
                });
            }
            "expect" => {
                let case = cases.last_mut().unwrap();
                let words: Vec<&str> = rest.split(' ').collect();
                (case.layers, case.evidence) = (words[0].parse().unwrap(), words[1].to_owned());
                for pair in words[2..].chunks(2) {
                    match pair {
                        ["maybe", count] => case.maybe = Some(count.parse().unwrap()),
                        ["name", name] => case.base = Some((*name).to_owned()),
                        other => panic!("{other:?}"),
                    }
                }
            }
            mark => {
                let case = cases.last_mut().unwrap();
                let (time, rest) = rest.split_once(' ').unwrap();
                let (text, comment) = rest.split_once(" %% ").map_or((rest, None), |(a, b)| (a, Some(b)));
                let mut row = json!({"created": time, "created_by": text});
                if let Some(comment) = comment.or(rest.strip_prefix("%% ")) {
                    row["comment"] = json!(comment);
                    row["created_by"] = json!(if rest.starts_with("%% ") { "" } else { text });
                }
                if mark == "-" {
                    row["empty_layer"] = json!(true);
                } else {
                    case.built = case.built.clone().layer(content(case.built.tars.len(), mark == "R"));
                }
                rows.push(row);
                case.built = case.built.clone().history(json!(rows));
            }
        }
    }
    cases
}

/// A layer that wastes a third of its content.
fn content(layer: usize, is_root_file_system: bool) -> Vec<Entry> {
    let mut entries = vec![
        file(format!("srv/{layer}"), vec![b'a' + layer as u8; 40_000]),
        file(format!("root/.cache/pip/http/{layer}"), vec![b'A' + layer as u8; 20_000]),
    ];
    if is_root_file_system {
        entries.push(file("etc/os-release", "ID=debian\n"));
        entries.push(file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"));
    }
    entries
}

/// The first layers of an image, under another name.
fn below(built: &ImageBuilder, layers: usize, name: &str) -> ImageBuilder {
    let mut part = built.clone().name(name);
    part.tars.truncate(layers);
    part.history = None;
    part
}

/// What must not depend on the source: the base, the verdict and what counts.
fn verdict(found: &Value) -> Value {
    let mut base = found["base"].clone();
    // A pulled image is named as a hint, and decides nothing.
    base.as_object_mut().unwrap().remove("settle");
    json!([base, found["ci"]["pass"], found["ci"]["rules"], found["waste"]["own_bytes"], found["waste"]["own_percent"]])
}

const GATE: [&str; 4] = ["--json", "--ci", "--max-own-wasted-bytes", "30kB"];

#[test]
fn the_base_is_what_the_history_shows_and_no_more() {
    let folder = folder();
    let cases = cases();
    assert!(cases.len() >= 20, "{}", cases.len());
    for case in &cases {
        let saved = folder.write("image.tar", &case.built.save(Shape::Docker));
        let found = explore_json(&[saved.to_str().unwrap(), "--json"]);
        let base = &found["base"];
        let got = (base["layers"].as_u64().unwrap(), base["evidence"].as_str().unwrap());
        assert_eq!(got, (case.layers, case.evidence.as_str()), "{}: {base}", case.name);
        assert_eq!(base["name"].as_str(), case.base.as_deref(), "{}: {base}", case.name);
        let otherwise = case.maybe.or((case.layers > 0).then_some(0));
        assert_eq!(base["otherwise"]["layers"].as_u64(), otherwise, "{}: {base}", case.name);
        assert_eq!(base["settle"].is_string(), case.maybe.is_some(), "{}: {base}", case.name);
        // Each layer wastes 20,000 bytes.
        let layers = case.built.tars.len() as u64;
        assert_eq!(found["waste"]["own_bytes"].as_u64().unwrap(), (layers - case.layers) * 20_000, "{}", case.name);
    }
}

#[test]
fn the_same_image_gets_the_same_verdict_from_every_source_whatever_else_is_stored() {
    let folder = folder();
    for case in cases() {
        let (name, built) = (&case.name, &case.built);
        let layers = built.tars.len();
        let judge = |bytes: &[u8], reference: &str| {
            let path = folder.write("image.tar", bytes);
            let target = format!("{}{reference}", path.display());
            let output = explore(&[&[target.as_str()], &GATE[..]].concat());
            let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{name}: {output:?}"));
            (verdict(&found), output.status.code())
        };
        let want = judge(&built.save(Shape::Docker), "");
        assert_eq!(want.1, Some(i32::from(layers as u64 - case.layers > 1)), "{name}: {}", want.0);
        assert_eq!(judge(&built.save(Shape::Oci), ""), want, "{name}: OCI archive");
        assert_eq!(judge(&gzip(&built.save(Shape::Docker)), ""), want, "{name}: a stream");
        // Beside images that have its first layers.
        let others: Vec<ImageBuilder> = (1..layers)
            .flat_map(|some| {
                [below(built, some, &format!("other:{some}")), below(built, some, &format!("app:0.{some}"))]
            })
            .collect();
        let all: Vec<&ImageBuilder> = others.iter().chain([built]).collect();
        assert_eq!(judge(&crate::common::save_all(&all), ":app:1"), want, "{name}: beside others in an archive");
        for is_pulled in [false, true] {
            let fake = Fake::new(built, built.save(Shape::Docker), Behaviour::beside(&others, is_pulled));
            let explorer = Explorer::on(&fake.socket);
            for run in ["first", "from the cache"] {
                let output = explorer.run(&[&["app:1"], &GATE[..]].concat());
                let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
                let got = (verdict(&found), output.status.code());
                assert_eq!(got, want, "{name}: a daemon, {run}, others pulled: {is_pulled}");
            }
        }
    }
}

#[test]
fn an_image_of_one_layer_fails_for_what_it_wastes() {
    let folder = folder();
    for row in ["RUN pip install x", "COPY . /", "", "/bin/sh -c #(nop) ADD file:ab in / "] {
        let rows = json!([{"created_by": row, "created": "2026-11-20T10:00:00Z"}]);
        let saved = folder.write("one.tar", &image().layer(content(0, true)).history(rows).save(Shape::Docker));
        let output = explore(&[saved.to_str().unwrap(), "--ci", "--max-own-wasted-percent", "10"]);
        assert_eq!(output.status.code(), Some(1), "{row}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains("no base image is known"), "{}", text(&output.stdout));
    }
}

#[test]
fn weak_evidence_is_judged_both_ways_and_the_stricter_one_decides() {
    let folder = folder();
    let rows = json!([
        {"created": "2026-01-01T00:00:00Z", "created_by": "ADD rootfs.tar / # buildkit"},
        {"created": "2026-01-01T00:00:00Z", "created_by": "CMD [\"sh\"]", "empty_layer": true},
        {"created": "2026-01-01T00:00:00Z", "created_by": "COPY app / # buildkit"},
    ]);
    let clean = [file("usr/bin/large", vec![b'x'; 1_000_000])];
    let wasteful = [file("root/.cache/pip/http/x", vec![b'y'; 40_000]), file("app", vec![b'z'; 60_000])];
    let judge = |below: &[Entry], above: &[Entry], flags: &[&str]| {
        let built = image().layer(below).layer(above).history(rows.clone());
        let saved = folder.write("weak.tar", &built.save(Shape::Docker));
        explore(&[&[saved.to_str().unwrap(), "--ci"], flags].concat())
    };
    // 4 % of all layers, 40 % of the last one.
    let share = judge(&clean, &wasteful, &["--max-own-wasted-percent", "10"]);
    let said = text(&share.stdout);
    assert_eq!(share.status.code(), Some(1), "{said}");
    assert!(said.contains("if layer 0 is the base image's") && said.contains("--base-layers 1"), "{said}");
    assert_eq!(
        judge(&clean, &wasteful, &["--max-own-wasted-percent", "10", "--base-layers", "0"]).status.code(),
        Some(0)
    );
    // 40 kB of the first layer, none of the last one.
    let bytes = judge(&wasteful, &clean, &["--max-own-wasted-bytes", "10kB"]);
    let said = text(&bytes.stdout);
    assert_eq!(bytes.status.code(), Some(1), "{said}");
    assert!(said.contains("and the gate would pass"), "{said}");
    let settled = judge(&wasteful, &clean, &["--max-own-wasted-bytes", "10kB", "--base-layers", "1"]);
    assert_eq!(settled.status.code(), Some(0), "{}", text(&settled.stdout));
}

#[test]
fn every_report_names_the_base_its_evidence_and_what_would_change() {
    let folder = folder();
    let case = cases().into_iter().find(|case| case.name.starts_with("SOURCE_DATE_EPOCH makes")).unwrap();
    let saved = folder.write("image.tar", &case.built.save(Shape::Docker));
    for format in ["text", "json", "sarif", "html", "markdown"] {
        let report = folder.path().join(format);
        let flag = format!("{format}={}", report.display());
        explore(&[saved.to_str().unwrap(), "--ci", "--max-own-wasted-bytes", "30kB", "--report", &flag]);
        let said =
            std::fs::read_to_string(&report).unwrap().replace("&#39;", "'").replace("&#x27;", "'").replace('`', "");
        assert!(said.contains("--base-layers 1"), "{format}: {said}");
        let words: &[&str] = match format {
            "json" => &["\"evidence\":\"guess\"", "\"otherwise\":{\"layers\":1,\"own_bytes\":40000"],
            _ => &["o base image is known, so all layers count as own", "40 kB of the 120 kB in own layers"],
        };
        for word in words {
            assert!(said.contains(word), "{format}: {word}: {said}");
        }
    }
}

#[test]
fn a_pulled_image_with_the_first_layers_is_a_hint_and_decides_nothing() {
    let case = cases().into_iter().find(|case| case.name.starts_with("from scratch, and a CMD")).unwrap();
    let others = vec![below(&case.built, 1, "vendor/base:3"), below(&case.built, 2, "app:0.9")];
    for (is_pulled, hint) in [(false, Value::Null), (true, json!("vendor/base:3"))] {
        let fake = Fake::new(&case.built, case.built.save(Shape::Docker), Behaviour::beside(&others, is_pulled));
        let found = Explorer::on(&fake.socket).json(&["app:1", "--json"]);
        assert_eq!(found["base"]["layers"], 0);
        let settle = found["base"]["settle"].as_str().unwrap_or_default().to_owned();
        assert_eq!(settle.contains("--base vendor/base:3"), !hint.is_null(), "{settle}");
    }
}

#[test]
fn the_base_that_an_annotation_names_is_taken_where_it_is_at_hand() {
    let folder = folder();
    let plain = Options::default;
    let base = image().name("base:1").layer([file("a", "aaa")]).layer([file("b", "bb")]);
    let labels = json!({"Labels": {"org.opencontainers.image.base.name": "docker.io/library/base:1"}});
    let own = base.clone().name("app:1").layer([file("c", "c")]).run(labels);
    let path = folder.write("i.tar", &crate::common::save_all(&[&own, &base]));
    let target = Target::parse(format!("{}:app:1", path.display()).as_ref()).unwrap();
    let found = inspect(&target, &plain(), &mut |_| true).unwrap();
    let base = &found.waste.base;
    assert_eq!((base.layers, base.evidence.name(), base.name.as_deref()), (2, "annotation", Some("base:1")));
}
