//! Layers that can be read in parts: their tables of contents are enough for trees and waste.

use std::process::Output;

use serde_json::Value;

use super::common::parts::{
    Stored, estargz, estargz_of_null, estargz_that_says, manifest, zstd_chunked, zstd_chunked_that_says,
};
use super::common::server::{Fault, Proxy, Registry, has_registry};
use super::common::{Entry, Folder, dir, file, folder, gone, hardlink, symlink, text};
use super::registry::{facts, json_of, run};

fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(bytes)
    .collect()
}

fn layers() -> Vec<Vec<Entry>> {
    let big = noise(1, 350_000);
    let cache = noise(2, 150_000);
    vec![
        vec![
            dir("etc"),
            file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
            dir("usr"),
            file("usr/big", &big).owner(5, 6),
            hardlink("usr/again", "usr/big"),
            symlink("usr/link", "big"),
            file("empty", ""),
            dir("var"),
            file("var/same", &cache),
            file("var/gone", noise(3, 50_000)),
        ],
        vec![
            gone("var/gone"),
            // Stored again with the same content, and once more elsewhere.
            file("var/same", &cache),
            file("var/copy", &cache),
            file("etc/note", "a note\n").mode(0o600).xattr("user.x", b"y"),
        ],
    ]
}

fn push(registry: &Registry, tag: &str, layers: &[Stored]) -> u64 {
    let (manifest, config) = manifest(layers);
    for layer in layers {
        registry.push_blob("app", &layer.blob);
    }
    registry.push_blob("app", &config);
    registry.push_manifest("app", tag, &manifest);
    (manifest.len() + config.len()) as u64
}

fn ok(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    json_of(output)
}

/// What a table of contents does not say exactly.
fn exact(document: Value) -> Value {
    let mut document = facts(document);
    document["waste"]["pull_estimated"] = Value::Null;
    document["totals"]["tar_bytes"] = Value::Null;
    for layer in document["layers"].as_array_mut().unwrap() {
        layer["tar_bytes"] = Value::Null;
        layer["pull_estimated"] = Value::Null;
        layer["table"] = Value::Null;
    }
    for finding in document["waste"]["findings"].as_array_mut().unwrap() {
        finding["tar_bytes"] = Value::Null;
        finding["pull_estimated"] = Value::Null;
    }
    document
}

#[test]
fn a_table_of_contents_gives_what_the_layer_gives() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    for (name, store) in [("stargz", estargz as fn(&[Entry]) -> Stored), ("zstd", zstd_chunked)] {
        let stored: Vec<Stored> = layers().iter().map(|layer| store(layer)).collect();
        let documents = push(&registry, name, &stored);
        let proxy = Proxy::before(registry.port);
        let image = format!("registry:{}/app:{name}", proxy.host());
        let home = folder();
        let tables: usize = stored.iter().map(|layer| layer.table.1).sum();
        let listed = ok(&run(&home, &[&image, "--json", "--files"]));
        let (requests, bytes) = proxy.count();
        // The file of users is read, too, which is a piece of its own.
        let rest = bytes.saturating_sub(documents + tables as u64);
        assert!(rest < 1000, "{name}: {bytes} bytes, of which {documents} are documents and {tables} tables");
        assert!(requests <= 2 + 2 * stored.len() + 1, "{name}: {requests} requests");
        assert_eq!(listed["verification"]["state"], "partial");
        assert_eq!(listed["verification"]["tables"], serde_json::json!([0, 1]));
        assert!(listed["notes"].to_string().contains("table"), "{}", listed["notes"]);
        let full = ok(&run(&folder(), &[&image, "--json", "--files", "--full"]));
        assert_eq!(full["verification"]["state"], "verified");
        assert!(exact(listed.clone()) == exact(full.clone()), "{name}: {listed:#} instead of {full:#}");
        assert_eq!(listed["waste"]["dead"]["rewritten"], 150_000, "{name}");
        assert_eq!(listed["waste"]["duplicate"]["bytes"], 150_000, "{name}");
        proxy.count();
        // A second look costs one HEAD.
        ok(&run(&home, &[&image, "--json"]));
        assert_eq!(proxy.count().0, 2, "{name}: the tag, and the file of users");
    }
}

#[test]
fn a_file_costs_the_pieces_that_it_is_stored_in() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    for (name, store) in [("stargz", estargz as fn(&[Entry]) -> Stored), ("zstd", zstd_chunked)] {
        let stored: Vec<Stored> = layers().iter().map(|layer| store(layer)).collect();
        push(&registry, name, &stored);
        let proxy = Proxy::before(registry.port);
        let image = format!("registry:{}/app:{name}", proxy.host());
        let home = folder();
        ok_quietly(&run(&home, &["ls", &image]));
        proxy.count();
        let output = run(&home, &["cat", &image, "usr/again"]);
        assert!(output.stdout == noise(1, 350_000), "{name}: {}", text(&output.stderr));
        let (requests, bytes) = proxy.count();
        assert!(requests <= 3 && bytes < 360_000, "{name}: {requests} requests, {bytes} bytes");
        let output = run(&home, &["cat", &image, "etc/note"]);
        assert_eq!(text(&output.stdout), "a note\n");
        assert!(proxy.count().1 < 1000, "{name}");
        assert_eq!(text(&run(&home, &["cat", &image, "empty"]).stdout), "");
        let out = home.path().join(format!("out-{name}"));
        let output = run(&home, &["extract", &image, "/", "--output", out.to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        assert!(saved(&out, "big") == noise(1, 350_000), "{name}");
        assert!(saved(&out, "copy") == noise(2, 150_000), "{name}");
    }
}

fn ok_quietly(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn saved(below: &std::path::Path, name: &str) -> Vec<u8> {
    let found = std::process::Command::new("find").arg(below).args(["-name", name, "-type", "f"]).output().unwrap();
    std::fs::read(text(&found.stdout).lines().next().unwrap()).unwrap()
}

#[test]
fn what_cannot_be_verified_is_not_used() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    for (name, store) in [("stargz", estargz as fn(&[Entry]) -> Stored), ("zstd", zstd_chunked)] {
        let stored: Vec<Stored> = layers().iter().map(|layer| store(layer)).collect();
        push(&registry, name, &stored);
        let want = ok(&run(&folder(), &[&format!("{}/app:{name}", registry.host()), "--json", "--full"]));
        let is_part = |request: &super::common::server::Passed| request.range.is_some();
        type Rule = Box<dyn Fn(&super::common::server::Passed, usize) -> Option<Fault> + Send + Sync>;
        let rules: Vec<(&str, Rule)> = vec![
            ("damaged parts", Box::new(move |request, _| is_part(request).then_some(Fault::Damage(20)))),
            ("no parts", Box::new(move |request, _| is_part(request).then_some(Fault::Whole))),
            ("other parts", Box::new(move |request, _| is_part(request).then_some(Fault::OtherRange))),
            ("416", Box::new(move |request, _| is_part(request).then(|| Fault::Answer(416, Vec::new(), Vec::new())))),
        ];
        for (what, rule) in rules {
            let proxy = Proxy::with(registry.port, move |request, before| rule(request, before));
            let got = ok(&run(&folder(), &[&format!("registry:{}/app:{name}", proxy.host()), "--json"]));
            assert_eq!(got["verification"]["state"], "verified", "{name}, {what}");
            assert!(got["notes"].to_string().contains("read whole"), "{name}, {what}: {}", got["notes"]);
            assert!(facts(got.clone()) == facts(want.clone()), "{name}, {what}: {got:#}");
        }
        // A table that is right, and pieces that are not: no byte of them is shown.
        let home = folder();
        let image = format!("registry:{}/app:{name}", registry.host());
        ok_quietly(&run(&home, &["ls", &image]));
        let proxy = Proxy::with(registry.port, move |request, _| is_part(request).then_some(Fault::Damage(20)));
        let image = format!("registry:{}/app:{name}", proxy.host());
        let output = run(&home, &["cat", &image, "usr/big"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}: {}", text(&output.stderr));
    }
}

/// A table proves what its author says, and not that Docker would unpack the same: whoever reads all sees the difference.
#[test]
fn a_table_that_says_something_else_than_the_tar() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    type Edit = fn(&mut Vec<Value>);
    let hides: Edit = |table| table.retain(|row| row["name"] != "etc/note");
    let mode: Edit = |table| {
        table.iter_mut().filter(|row| row["name"] == "etc/note").for_each(|row| row["mode"] = Value::from(0o644));
    };
    let content: Edit = |table| {
        let digest = explore::source::Digest::of(b"another note\n").to_string();
        table.iter_mut().filter(|row| row["name"] == "etc/note").for_each(|row| row["digest"] = Value::from(&*digest));
    };
    for (number, (edit, words)) in [
        (hides, "/etc/note, which it does not list"),
        (mode, "/etc/note, which has another mode in the tar"),
        (content, "/etc/note, which has another content in the tar"),
    ]
    .into_iter()
    .enumerate()
    {
        for (format, second) in
            [("stargz", estargz_that_says(&layers()[1], &edit)), ("zstd", zstd_chunked_that_says(&layers()[1], &edit))]
        {
            let tag = format!("{format}-{number}");
            push(&registry, &tag, &[estargz(&layers()[0]), second]);
            let image = format!("registry:{}/app:{tag}", registry.host());
            let home = folder();
            let got = ok(&run(&home, &[&image, "--json"]));
            assert_eq!(got["verification"]["state"], "partial", "{tag}");
            // The second time what was read is cached, and it is held against the table all the same.
            for flag in ["--full", "--full", "--verify"] {
                let output = run(&home, &[&image, "--json", flag]);
                assert_eq!(output.status.code(), Some(2), "{tag} {flag}: {}", text(&output.stderr));
                let got = json_of(&output);
                assert_eq!(got["verification"]["state"], "failed", "{tag} {flag}");
                assert!(got["verification"].to_string().contains(words), "{tag} {flag}: {}", got["verification"]);
            }
            let judged = run(&home, &[&image, "--ci", "--full", "--max-wasted-percent", "100"]);
            assert_eq!(judged.status.code(), Some(2), "{tag}: {}", text(&judged.stdout));
        }
    }
}

#[test]
fn claims_that_contradict_each_other_are_not_believed() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let mut stored: Vec<Stored> = layers().iter().map(|layer| zstd_chunked(layer)).collect();
    let other = estargz(&layers()[0]).annotations;
    stored[0].annotations["containerd.io/snapshot/stargz/toc.digest"] =
        other["containerd.io/snapshot/stargz/toc.digest"].clone();
    stored[1].annotations["io.github.containers.zstd-chunked.manifest-position"] = Value::from("5:99999999:10:1");
    push(&registry, "odd", &stored);
    let got = ok(&run(&folder(), &[&format!("registry:{}/app:odd", registry.host()), "--json"]));
    assert_eq!(got["verification"]["state"], "verified");
    let notes = got["notes"].to_string();
    assert!(notes.contains("both eStargz and zstd:chunked") && notes.contains("not inside of the layer"), "{notes}");
}

/// A table that cannot be held against its tar is no reason to say that both were.
#[test]
fn a_table_that_cannot_be_checked_fails_the_verification() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let mut both = estargz(&layers()[0]);
    both.annotations["io.github.containers.zstd-chunked.manifest-position"] = Value::from("5:10:10:1");
    let mut wrong = estargz(&layers()[0]);
    wrong.annotations["containerd.io/snapshot/stargz/toc.digest"] =
        Value::from(&*explore::source::Digest::of(b"another table").to_string());
    for (tag, first) in [("both", both), ("wrong", wrong)] {
        push(&registry, tag, &[first, estargz(&layers()[1])]);
        let image = format!("registry:{}/app:{tag}", registry.host());
        let output = run(&folder(), &[&image, "--json", "--verify"]);
        assert_eq!(output.status.code(), Some(2), "{tag}: {}", text(&output.stderr));
        let said = json_of(&output)["verification"].clone();
        assert_eq!(said["state"], "failed", "{tag}");
        assert!(said.to_string().contains("layer 0: its table of contents was not checked"), "{tag}: {said}");
        // Whoever asked for the whole layer has it, and a note.
        let got = ok(&run(&folder(), &[&image, "--json", "--full"]));
        assert!(got["notes"].to_string().contains("was not checked"), "{tag}: {}", got["notes"]);
    }
}

/// Go writes a list without entries as null.
#[test]
fn a_table_without_entries() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    push(&registry, "empty", &[estargz(&layers()[0]), estargz_of_null()]);
    let got = ok(&run(&folder(), &[&format!("registry:{}/app:empty", registry.host()), "--json"]));
    let notes = got["notes"].to_string();
    assert!(notes.contains("all layers were read from verified tables"), "{notes}");
}

#[test]
fn a_layer_without_a_table_beside_one_with() {
    if !has_registry() {
        return;
    }
    let registry = Registry::start();
    let layers = layers();
    let mut plain = zstd_chunked(&layers[0]);
    plain.annotations = Value::Null;
    push(&registry, "mixed", &[plain, estargz(&layers[1])]);
    let home: Folder = folder();
    let image = format!("registry:{}/app:mixed", registry.host());
    let got = ok(&run(&home, &[&image, "--json"]));
    assert_eq!(got["verification"]["tables"], serde_json::json!([1]));
    // The same content is known to be the same, wherever its digest is from.
    assert_eq!(got["waste"]["dead"]["rewritten"], 150_000);
    let again = ok(&run(&home, &[&image, "--json"]));
    assert!(facts(again) == facts(got));
    // A file of the layer that was read whole, with and without its checkpoints.
    for home in [&home, &folder()] {
        let cat = run(home, &["cat", &image, "/var/gone", "--layer", "0"]);
        assert!(cat.status.success(), "{}", text(&cat.stderr));
        assert_eq!(cat.stdout, noise(3, 50_000));
        let to = folder();
        let to_folder = to.path().display().to_string();
        let extract = run(home, &["extract", &image, "/usr", "--layer", "0", "--output", &to_folder]);
        assert!(extract.status.success(), "{}", text(&extract.stderr));
        assert_eq!(std::fs::read(to.path().join("usr/big")).unwrap(), noise(1, 350_000));
    }
}
