//! What is missing, damaged or built to deceive passes no gate.

use std::path::Path;

use crate::common::{
    ImageBuilder, Shape, archive, explore, explore_json, explore_with, file, folder, gone, gzip, image, layer, text,
};
use explore::image::Digest;
use serde_json::{Value, json};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An image that passes every default limit.
fn clean() -> ImageBuilder {
    image().layer([file("a", "x".repeat(3000))]).layer([file("b", "y".repeat(2000))])
}

fn verdict(arguments: &[&str]) -> (Option<i32>, String) {
    let output = explore(&[&["--ci"], arguments].concat());
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn missing_layers_pass_no_gate() {
    let folder = folder();
    let built = clean();
    for shape in [Shape::V1, Shape::Docker, Shape::Oci] {
        let whole = folder.write("whole.tar", &built.save(shape));
        assert_eq!(verdict(&[path(&whole)]).0, Some(0), "{shape:?}");
        let mut members = built.members(shape);
        let is_layer =
            |name: &str, bytes: &[u8]| name.ends_with("layer.tar") || built.tars.iter().any(|tar| tar == bytes);
        members.retain(|(name, bytes)| !is_layer(name, bytes));
        let bytes = archive(&members);
        let saved = folder.write("part.tar", &bytes);
        for more in [&[][..], &["--verify"], &["--max-image-size", "1GB"]] {
            let (code, said) = verdict(&[&[path(&saved)], more].concat());
            assert_eq!(code, Some(2), "{shape:?} {more:?}: {said}");
            assert!(
                said.contains("layer 0") && said.contains("missing") && !said.contains("verdict: passed"),
                "{said}"
            );
        }
        assert_eq!(explore_with(&["--ci", "-"], Some(&bytes)).status.code(), Some(2), "{shape:?} as a stream");
        assert_eq!(verdict(&[path(&saved), "--allow-missing-layers"]).0, Some(0), "{shape:?}");
        // Elsewhere a warning, and no failure.
        let output = explore(&["ls", path(&saved)]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stderr).contains("layer 0 ("), "{}", text(&output.stderr));
        let report = folder.path().join("report.sarif");
        verdict(&[path(&saved), "--report", &format!("sarif={}", path(&report))]);
        let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        assert_eq!(report["runs"][0]["invocations"][0]["executionSuccessful"], false, "{report}");
    }
}

#[test]
fn other_layers_than_the_config_names_pass_no_gate() {
    let folder = folder();
    let built = clean();
    for fewer in [true, false] {
        let mut members = built.members(Shape::V1);
        for (name, bytes) in &mut members {
            if name == "manifest.json" {
                let mut manifest: Value = serde_json::from_slice(bytes).unwrap();
                let layers = manifest[0]["Layers"].as_array_mut().unwrap();
                match fewer {
                    true => layers.truncate(1),
                    false => layers.push(layers[0].clone()),
                }
                *bytes = manifest.to_string().into_bytes();
            }
        }
        let saved = folder.write("other.tar", &archive(&members));
        let (code, said) = verdict(&[path(&saved)]);
        let counts = format!("2 in the config, {} in the manifest", if fewer { 1 } else { 3 });
        assert!(code == Some(2) && said.contains(&counts) && !said.contains("verdict: passed"), "{code:?} {said}");
    }
}

#[test]
fn a_header_that_was_zeroed_is_damage() {
    let folder = folder();
    let entries: Vec<_> = (0..8).map(|n| file(format!("f{n}"), format!("content {n}").repeat(100))).collect();
    let tar = layer(&entries);
    let whole = folder.write("whole.tar", &image().tar(tar.clone()).save(Shape::Docker));
    assert_eq!(verdict(&[path(&whole)]).0, Some(0));
    let step = (tar.len() - 1024) / entries.len();
    for at in (0..entries.len()).map(|entry| entry * step) {
        for blocks in [1, 2] {
            let mut damaged = tar.clone();
            damaged[at..at + blocks * 512].fill(0);
            for compress in [<[u8]>::to_vec as fn(&[u8]) -> Vec<u8>, gzip] {
                let built = image().tar(damaged.clone()).compress(compress);
                let saved = folder.write("zeroed.tar", &built.save(Shape::Docker));
                let (code, said) = verdict(&[path(&saved)]);
                assert_eq!(code, Some(2), "byte {at}, {blocks} blocks: {said}");
                assert!(said.contains("zero blocks at byte"), "{said}");
            }
        }
    }
    // Of the archive itself, too.
    let mut outer = image().layer(entries).save(Shape::Docker);
    let second = outer.windows(9).position(|bytes| bytes == b"blobs/sha").unwrap();
    let next = outer[second + 512..].windows(9).position(|bytes| bytes == b"blobs/sha").unwrap() + second + 512;
    outer[next..next + 512].fill(0);
    for output in
        [explore(&["--ci", path(&folder.write("outer.tar", &outer))]), explore_with(&["--ci", "-"], Some(&outer))]
    {
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}

#[test]
fn ends_of_tars_that_every_reader_accepts() {
    let folder = folder();
    let tar = layer(&[file("a", "1")]);
    let content = tar.len() - 1024;
    for (name, end) in [("no end mark", 0), ("one zero block", 512), ("two", 1024), ("a record of 20 blocks", 10_240)] {
        let mut tar = tar[..content].to_vec();
        tar.resize(content + end, 0);
        let saved = folder.write("end.tar", &image().tar(tar).save(Shape::Docker));
        assert_eq!(verdict(&[path(&saved)]).0, Some(0), "{name}");
    }
}

/// `index.json` names one image and `manifest.json` another.
fn two_faces(clean: &ImageBuilder, other: &ImageBuilder) -> Vec<u8> {
    let mut members = clean.members(Shape::Oci);
    members.extend(other.members(Shape::V1));
    archive(&members)
}

#[test]
fn an_archive_with_two_faces_is_two_images() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n";
    let other = image().layer([file("root/.ssh/id_rsa", key)]);
    let folder = folder();
    let saved = folder.write("faces.tar", &two_faces(&clean(), &other));
    let (code, said) = verdict(&[path(&saved)]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("it holds 2 images") && said.contains("named by index.json alone"), "{said}");
    // The same name in both does not choose one of them.
    assert_eq!(verdict(&[&format!("{}:test:latest", path(&saved))]).0, Some(2));
    let files = |name: &str| text(&explore(&["ls", name]).stdout);
    assert_eq!(files(&format!("docker-archive:{}", path(&saved))), "root\nroot/.ssh\nroot/.ssh/id_rsa\n");
    assert_eq!(files(&format!("oci-archive:{}", path(&saved))), "a\nb\n");
    assert_eq!(files(&format!("{}@1", path(&saved))), "root\nroot/.ssh\nroot/.ssh/id_rsa\n");
    // The same config, other layers.
    let mut members = clean().members(Shape::Docker);
    let saved_at = members.iter().position(|(name, _)| name == "manifest.json").unwrap();
    let mut document: Value = serde_json::from_slice(&members[saved_at].1).unwrap();
    document[0]["Layers"][1] = json!("evil/layer.tar");
    members[saved_at].1 = document.to_string().into_bytes();
    members.push(("evil/layer.tar".to_owned(), layer(&[file("root/.ssh/id_rsa", key)])));
    let swapped = folder.write("swapped.tar", &archive(&members));
    assert_eq!(verdict(&[path(&swapped)]).0, Some(2));
    // Both documents of today's `docker save` name one image.
    let both = folder.write("both.tar", &clean().save(Shape::Docker));
    assert_eq!(verdict(&[path(&both)]).0, Some(0));
}

#[test]
fn a_blob_that_is_not_as_long_as_the_manifest_says() {
    let folder = folder();
    let built = clean();
    let cut = Digest::of(&built.tars[1]).blob();
    let mut members = built.members(Shape::Oci);
    // At the end of an entry, where a tar could end.
    members.iter_mut().find(|(name, _)| *name == cut).unwrap().1.truncate(0);
    let layout = folder.layout("layout", &members);
    let (code, said) = verdict(&[path(&layout)]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the manifest says"), "{said}");
}

#[test]
fn damage_before_a_deletion_hides_no_waste() {
    // The undamaged image fails: 90 kB of 100 are dead.
    let folder = folder();
    let built = image()
        .layer([file("big", "0123456789".repeat(200_000)), file("keep", "1".repeat(1000))])
        .layer([gone("big")])
        .layer([file("more", "2".repeat(1000))]);
    let limits = ["--base-layers", "0", "--max-wasted-bytes", "1kB"];
    let whole = folder.write("whole.tar", &built.save(Shape::Docker));
    assert_eq!(verdict(&[&[path(&whole)], &limits[..]].concat()).0, Some(1));
    let bytes = built.save(Shape::Docker);
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut flipped = bytes.clone();
        let at = at / 512 * 512;
        flipped[at..(at + 512).min(bytes.len())].fill(0);
        let saved = folder.write("damaged.tar", &flipped);
        let (code, said) = verdict(&[&[path(&saved)], &limits[..]].concat());
        assert_ne!(code, Some(0), "block {}: {said}", at / 512);
    }
}

/// Runs the program with so much memory.
fn within(megabytes: u64, arguments: &[&str]) -> std::process::Output {
    crate::common::undisturbed(&mut std::process::Command::new("sh"))
        .args(["-c", &format!("ulimit -v {}; exec \"$0\" \"$@\"", megabytes * 1000), env!("CARGO_BIN_EXE_explore")])
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn an_archive_that_would_take_too_much_memory_is_refused() {
    let folder = folder();
    let deep: Vec<_> = (0..4000).map(|n| file(format!("{n}/{}", "d/".repeat(2030)), "")).collect();
    let fat: Vec<_> =
        (0..400).map(|n: u32| file(format!("{n}"), "").xattr("user.x", &n.to_le_bytes().repeat(100_000))).collect();
    for (name, entries, ok) in [("deep", deep, false), ("fat", fat, true)] {
        let built = image().layer(entries).compress(gzip);
        let saved = folder.write(name, &built.save(Shape::Docker));
        let output = within(1_500, &["--summary", path(&saved)]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(if ok { 0 } else { 2 }), "{name}: {message}");
        assert!(ok || message.contains("memory"), "{name}: {message}");
    }
}

#[test]
fn many_layers_of_the_same_files_are_counted_once_each() {
    // 100 files, stored in each of 400 layers: each version but the last is waste.
    let entries: Vec<_> = (0..100).map(|n| file(format!("d/{n}"), "x".repeat(10))).collect();
    let built = (0..400).fold(image(), |built, round| {
        let entries: Vec<_> = entries.iter().map(|entry| entry.clone().mtime(round)).collect();
        built.layer(entries)
    });
    let folder = folder();
    let saved = folder.write("many.tar", &built.save(Shape::Docker));
    let found = explore_json(&[path(&saved), "--json", "--base-layers", "0"]);
    assert_eq!(found["waste"]["dead"]["bytes"], 399 * 100 * 10);
}

/// A whiteout is one block, and without it the layer is an empty tar: only its digest says that something was there.
#[test]
fn a_short_layer_that_became_empty_is_damage() {
    let folder = crate::common::folder();
    let built =
        crate::common::image().layer([crate::common::file("big", vec![7; 30_000])]).layer([crate::common::gone("big")]);
    let mut members = built.members(crate::common::Shape::Docker);
    let whole = folder.write("whole.tar", &crate::common::archive(&members));
    let limit = ["--ci", "--max-wasted-bytes", "1000", "--base-layers", "0"];
    let judge = |path: &std::path::Path| {
        crate::common::explore(&[&limit[..], &[path.to_str().unwrap()]].concat()).status.code()
    };
    assert_eq!(judge(&whole), Some(1));
    let tar = built.tars.last().unwrap();
    let layer = members.iter_mut().find(|(_, bytes)| bytes == tar).unwrap();
    layer.1[..1024].fill(0);
    let damaged = folder.write("damaged.tar", &crate::common::archive(&members));
    assert_eq!(judge(&damaged), Some(2));
}
