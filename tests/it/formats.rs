//! Images as other writers write them: each case after a report of somebody's trouble with another tool.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::common::{
    Entry, Shape, archive, device, dir, explore, explore_json, explore_with, file, folder, gzip, hardlink, image,
    layer, look, look_with, pax_record, raw, symlink, text,
};
use explore::image::Digest;
use explore::inspect::Options;
use serde_json::{Value, json};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The final file system: path, kind and bytes.
fn listed(image: &str) -> BTreeMap<String, (String, u64)> {
    let rows = explore_json(&["ls", image, "--json"]);
    let row = |row: &Value| {
        let kind = row["kind"].as_str().unwrap().to_owned();
        (row["path"].as_str().unwrap().to_owned(), (kind, row["bytes"].as_u64().unwrap()))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

fn kinds(rows: &[(&str, &str, u64)]) -> BTreeMap<String, (String, u64)> {
    rows.iter().map(|(path, kind, bytes)| ((*path).to_owned(), ((*kind).to_owned(), *bytes))).collect()
}

fn notes(found: &Value) -> String {
    found["notes"].as_array().unwrap().iter().map(|note| note["message"].as_str().unwrap().to_owned() + "\n").collect()
}

/// One layer, saved and listed.
fn one_layer(tar: Vec<u8>) -> (BTreeMap<String, (String, u64)>, Value) {
    let folder = folder();
    let saved = folder.write("image.tar", &image().tar(tar).save(Shape::V1));
    (listed(path(&saved)), explore_json(&[path(&saved), "--json"]))
}

#[test]
fn the_artifact_type_of_an_image_is_its_configs() {
    // go-containerregistry sets it in every descriptor.
    let built = image().layer([file("a", "hi")]);
    let mut members = built.members(Shape::Oci);
    let index = members.iter_mut().find(|(name, _)| name == "index.json").unwrap();
    let mut document: Value = serde_json::from_slice(&index.1).unwrap();
    for kind in ["application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"] {
        document["manifests"][0]["artifactType"] = json!(kind);
        members.iter_mut().find(|(name, _)| name == "index.json").unwrap().1 = document.to_string().into_bytes();
        let folder = folder();
        let layout = folder.layout("layout", &members);
        assert_eq!(listed(path(&layout)), kinds(&[("a", "file", 2)]), "{kind}");
    }
}

#[test]
fn a_path_through_a_symbolic_link_of_its_own_layer_leads_where_the_link_does() {
    let (files, found) = one_layer(layer(&[
        dir("usr/lib"),
        file("usr/lib/a.so", vec![1; 1000]),
        symlink("lib", "usr/lib"),
        file("lib/a.so", vec![2; 500]),
        file("lib/b.so", vec![3; 20]),
        symlink("l64", "/lib"),
        file("l64/c.so", "c"),
    ]));
    let want = [
        ("l64", "symlink", 0),
        ("lib", "symlink", 0),
        ("usr", "directory", 0),
        ("usr/lib", "directory", 0),
        ("usr/lib/a.so", "file", 500),
        ("usr/lib/b.so", "file", 20),
        ("usr/lib/c.so", "file", 1),
    ];
    assert_eq!(files, kinds(&want));
    assert_eq!((&found["totals"]["live_bytes"], &found["totals"]["dead_bytes"]), (&json!(521), &json!(1000)));
}

#[test]
fn what_is_stored_through_a_link_is_read_where_the_link_leads() {
    let folder = folder();
    let built = image().layer([symlink("lib", "usr/lib"), file("lib/a.so", "through")]);
    for bytes in [built.save(Shape::Docker), gzip(&built.save(Shape::Docker))] {
        let saved = folder.write("image.tar", &bytes);
        for name in ["usr/lib/a.so", "lib/a.so"] {
            assert_eq!(text(&explore(&["cat", path(&saved), name]).stdout), "through");
        }
    }
}

#[test]
fn over_a_symbolic_link_of_a_lower_layer_a_directory_comes_to_be() {
    let folder = folder();
    let built = image().layer([file("usr/lib/a", "1"), symlink("lib", "usr/lib")]).layer([file("lib/b", "22")]);
    let saved = folder.write("image.tar", &built.save(Shape::Docker));
    let want = [
        ("lib", "directory", 0),
        ("lib/b", "file", 2),
        ("usr", "directory", 0),
        ("usr/lib", "directory", 0),
        ("usr/lib/a", "file", 1),
    ];
    assert_eq!(listed(path(&saved)), kinds(&want));
}

#[test]
fn links_that_lead_around_in_circles_are_noted() {
    let (files, found) = one_layer(layer(&[symlink("a", "b"), symlink("b", "a"), file("a/x", "1"), file("c", "22")]));
    assert_eq!(files, kinds(&[("a", "symlink", 0), ("b", "symlink", 0), ("c", "file", 2)]));
    assert!(notes(&found).contains("a/x: ignored, because its symbolic links lead around in circles"), "{found}");
}

#[test]
fn hard_links_through_and_to_symbolic_links() {
    let folder = folder();
    let built = image().layer([
        symlink("bin", "usr/bin"),
        file("usr/bin/perl", vec![7; 4000]),
        hardlink("usr/bin/perl5", "bin/perl"),
        symlink("s", "usr/bin/perl"),
        hardlink("h", "s"),
        device("null"),
        hardlink("null2", "null"),
    ]);
    let saved = folder.write("image.tar", &built.save(Shape::Docker));
    let perl = explore(&["cat", path(&saved), "usr/bin/perl5"]);
    assert_eq!(perl.stdout.len(), 4000, "{}", text(&perl.stderr));
    assert_eq!(explore_json(&[path(&saved), "--json"])["totals"]["live_bytes"], 4000);
    let through = explore(&["cat", path(&saved), "h"]);
    assert_eq!(through.stdout.len(), 4000, "a hard link to a symbolic link is that link: {}", text(&through.stderr));
}

/// A header of GNU's format with ustar's prefix field, as Go wrote it before 1.8 when an owner's number was large.
#[test]
fn a_prefix_in_a_header_of_gnu_format() {
    let header = |prefix: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_path("file.txt").unwrap();
        header.set_size(5);
        header.set_mode(0o644);
        header.set_uid(4_000_000_000);
        header.as_mut_bytes()[345..345 + prefix.len()].copy_from_slice(prefix);
        header.set_cksum();
        [header.as_bytes(), &b"hello"[..], &[0; 507], &[0; 1024]].concat()
    };
    let (files, _) = one_layer(header(b"very/deep"));
    assert_eq!(
        files,
        kinds(&[("very", "directory", 0), ("very/deep", "directory", 0), ("very/deep/file.txt", "file", 5)])
    );
    // Real times of GNU's format are not a prefix.
    let (files, _) = one_layer(header(b"15000000000\x0015000000000\0"));
    assert_eq!(files, kinds(&[("file.txt", "file", 5)]));
}

/// An OCI layout whose digests are all SHA-512.
fn sha512_layout(tar: &[u8], stored: &[u8]) -> Vec<(String, Vec<u8>)> {
    use sha2::Digest as _;
    let digest = |bytes: &[u8]| {
        let hex: String = sha2::Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha512:{hex}")
    };
    let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
    let config =
        json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest(tar)]}});
    let config = config.to_string().into_bytes();
    let manifest = json!({"schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(tar), "size": tar.len()}]});
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest(&manifest), "size": manifest.len()}]});
    vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (blob(&digest(&manifest)), manifest),
        (blob(&digest(&config)), config),
        (blob(&digest(tar)), stored.to_vec()),
    ]
}

#[test]
fn digests_of_sha512_are_computed() {
    let folder = folder();
    let (tar, other) = (layer(&[file("a", "right")]), layer(&[file("a", "wrong")]));
    let (good, bad) = (sha512_layout(&tar, &tar), sha512_layout(&tar, &other));
    let layout = folder.layout("good", &good);
    let saved = folder.write("good.tar", &archive(&good));
    for place in [path(&layout), path(&saved)] {
        let found = explore_json(&[place, "--json", "--verify"]);
        assert_eq!(found["verification"]["state"], "verified", "{place}: {}", found["notes"]);
        assert_eq!(explore(&[place, "--json"]).status.code(), Some(0));
    }
    let stream = explore_with(&["-", "--json", "--verify"], Some(&archive(&good)));
    let found: Value = serde_json::from_slice(&stream.stdout).unwrap();
    assert_eq!(found["verification"]["state"], "verified", "{}", found["notes"]);
    let layout = folder.layout("bad", &bad);
    let output = explore(&[path(&layout), "--json", "--verify"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("its digest should be sha512:"), "{}", text(&output.stderr));
    assert_eq!(explore_with(&["-", "--verify"], Some(&archive(&bad))).status.code(), Some(2));
}

/// An image with another config than it was built with.
fn with_config(config: &[u8]) -> Vec<u8> {
    let built = image().layer([file("a", "hi")]);
    let mut members = built.members(Shape::V1);
    let hex = Digest::of(config).hex().to_owned();
    for (name, bytes) in &mut members {
        if name.ends_with(".json") && name != "manifest.json" {
            (*name, *bytes) = (format!("{hex}.json"), config.to_vec());
        } else if name == "manifest.json" {
            let mut document: Value = serde_json::from_slice(bytes).unwrap();
            document[0]["Config"] = json!(format!("{hex}.json"));
            *bytes = document.to_string().into_bytes();
        }
    }
    archive(&members)
}

#[test]
fn a_field_that_cannot_be_understood_never_costs_the_image() {
    let diff_id = Digest::of(&layer(&[file("a", "hi")]));
    let rest = format!(r#""os": "linux", "architecture": "amd64", "rootfs": {{"diff_ids": ["{diff_id}"]}}"#);
    let folder = folder();
    for (fields, says) in [
        (r#""config": {"Entrypoint": "run"}"#.as_bytes(), "`config.Entrypoint` is a string"),
        (br#""config": {"Labels": {"a": null}}"#, "`config.Labels` has a `null`"),
        (br#""config": {"Env": ["A=1", null]}"#, "`config.Env` has a `null`"),
        (br#""config": {"Env": 7, "User": ["x"]}"#, "`config.Env` is a number"),
        (b"\"author\": \"caf\xe9\"", "not UTF-8"),
        (br#""author": "\ud800"#, "half a character"),
        (br#""config": null, "history": null"#, ""),
        (br#""history": [{"created_by": 5}, null]"#, "`history[0].created_by` is a number"),
        (br#""Created": "2026-01-02T03:04:05Z""#, ""),
        (br#""os": "linux", "OS": "linux""#, "more than once"),
    ] {
        let mut config = b"{".to_vec();
        config.extend_from_slice(fields);
        if says == "half a character" {
            config.push(b'"');
        }
        config.extend_from_slice(format!(", {rest}}}").as_bytes());
        let saved = folder.write("odd.tar", &with_config(&config));
        assert_eq!(listed(path(&saved)), kinds(&[("a", "file", 2)]), "{}", text(&config));
        let found = explore_json(&[path(&saved), "--json"]);
        assert!(notes(&found).contains(says), "{}: {}", text(&config), found["notes"]);
    }
}

#[test]
fn odd_fields_of_manifests_and_indexes() {
    let built = image().layer([file("a", "hi")]);
    let folder = folder();
    let odd = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut members = built.members(Shape::Oci);
        let index = members.iter().position(|(name, _)| name == "index.json").unwrap();
        let mut document: Value = serde_json::from_slice(&members[index].1).unwrap();
        change(&mut document);
        members[index].1 = document.to_string().into_bytes();
        folder.layout(name, &members)
    };
    for (name, change) in [
        (
            "annotation",
            (|index: &mut Value| index["manifests"][0]["annotations"] = json!({"a": null})) as fn(&mut Value),
        ),
        ("annotations", |index| index["manifests"][0]["annotations"] = Value::Null),
        ("platform", |index| index["manifests"][0]["platform"] = Value::Null),
        ("sibling", |index| {
            let odd = json!({"mediaType": "application/x", "digest": "md5:short", "size": 3});
            index["manifests"].as_array_mut().unwrap().push(odd);
        }),
        ("keys", |index| {
            let own = index["manifests"].take();
            *index = json!({"SchemaVersion": 2, "Manifests": own});
        }),
    ] {
        assert_eq!(listed(path(&odd(name, &change))), kinds(&[("a", "file", 2)]), "{name}");
    }
}

/// A layout with one manifest of these media types.
fn artifact(config: Option<&str>, own: Option<&str>, layers: &[&str]) -> Vec<(String, Vec<u8>)> {
    let blob = b"some bytes".to_vec();
    let digest = Digest::of(&blob);
    let mut manifest = json!({"schemaVersion": 2, "layers": layers.iter().map(|kind| {
        json!({"mediaType": kind, "digest": digest.to_string(), "size": blob.len()})
    }).collect::<Vec<_>>()});
    if let Some(kind) = config {
        manifest["config"] = json!({"mediaType": kind, "digest": digest.to_string(), "size": blob.len()});
    }
    if let Some(kind) = own {
        manifest["artifactType"] = json!(kind);
    }
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"manifests": [{"digest": Digest::of(&manifest).to_string(), "size": manifest.len()}]});
    vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (Digest::of(&manifest).blob(), manifest),
        (digest.blob(), blob),
    ]
}

#[test]
fn what_is_not_an_image_is_named_by_its_media_types() {
    const OCI: &str = "application/vnd.oci.image.config.v1+json";
    const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    let folder = folder();
    for (at, (config, own, layers, says)) in [
        (
            Some("application/vnd.cncf.helm.config.v1+json"),
            None,
            &["application/vnd.cncf.helm.chart.content.v1.tar+gzip"][..],
            "a Helm chart (application/vnd.cncf.helm.config.v1+json)",
        ),
        (Some(OCI), None, &["application/vnd.dev.cosign.simplesigning.v1+json"], "a cosign signature"),
        (Some(OCI), None, &["application/vnd.in-toto+json"], "an attestation"),
        (Some(EMPTY), Some("application/vnd.dev.sigstore.bundle.v0.3+json"), &["application/x"], "a Sigstore bundle"),
        (Some("application/vnd.wasm.config.v0+json"), None, &["application/wasm"], "a WebAssembly module"),
        (Some("application/vnd.docker.ai.model.config.v0.1+json"), None, &["application/x"], "a model"),
        (Some(EMPTY), Some("application/spdx+json"), &["application/spdx+json"], "an SBOM"),
        (
            Some("application/vnd.acme.thing+json"),
            None,
            &["application/x"],
            "an artifact (application/vnd.acme.thing+json)",
        ),
        (None, None, &[], "a manifest without config and layers"),
    ]
    .into_iter()
    .enumerate()
    {
        let layout = folder.layout(&format!("layout{at}"), &artifact(config, own, layers));
        let output = explore(&["--summary", path(&layout)]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("no image in it: it holds ") && message.contains(says), "{says}: {message}");
    }
    let empty = folder.layout(
        "empty",
        &[("oci-layout".to_owned(), b"{}".to_vec()), ("index.json".to_owned(), br#"{"manifests": []}"#.to_vec())],
    );
    let message = text(&explore(&["--summary", path(&empty)]).stderr);
    assert!(message.contains("index.json names no manifests"), "{message}");
    let mut broken = image().layer([file("a", "1")]).members(Shape::Oci);
    let manifest = Digest::of(&image().layer([file("a", "1")]).manifest().0).blob();
    broken.iter_mut().find(|(name, _)| *name == manifest).unwrap().1 = b"{\"layers\": [".to_vec();
    let message = text(&explore(&["--summary", path(&folder.layout("broken", &broken))]).stderr);
    assert!(message.contains("can't be understood") && !message.contains("pull and save"), "{message}");
}

#[test]
fn layers_that_cannot_be_read_say_why_and_are_not_called_empty() {
    let folder = folder();
    for (kind, says) in [
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "is encrypted"),
        ("application/vnd.oci.image.layer.nydus.blob.v1", "is a nydus layer"),
    ] {
        let built = image().tar(vec![0x5a; 4096]).media_type(kind);
        let layout = folder.layout(says, &built.members(Shape::Oci));
        let output = explore(&["--ci", path(&layout)]);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(message.contains(says) && message.contains(kind), "{message}");
        let summary = text(&explore(&["--summary", path(&layout)]).stdout);
        assert!(!summary.contains("empty-layer") && !summary.contains("Nothing is wasted"), "{summary}");
    }
}

/// A tar of one member that is stored sparse, in pax format 1.0 as `tar -S --format=pax` writes it, or in the old GNU format.
fn sparse_member(out: &mut Vec<u8>, name: &str, content: &[u8], old: bool) {
    // Everything but the blocks of zeros.
    let mut map: Vec<(usize, usize)> = Vec::new();
    for (at, block) in content.chunks(512).enumerate().filter(|(_, block)| block.iter().any(|byte| *byte != 0)) {
        match map.last_mut() {
            Some((offset, len)) if *offset + *len == at * 512 => *len += block.len(),
            _ => map.push((at * 512, block.len())),
        }
    }
    map.push((content.len(), 0));
    let mut data: Vec<u8> = map.iter().flat_map(|(offset, len)| content[*offset..offset + len].to_vec()).collect();
    let about = file(name, "");
    if old {
        assert!(map.len() <= 4, "without further blocks");
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.realsize.copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        for (place, (offset, len)) in gnu.sparse.iter_mut().zip(&map) {
            place.offset.copy_from_slice(format!("{offset:011o}\0").as_bytes());
            place.numbytes.copy_from_slice(format!("{len:011o}\0").as_bytes());
        }
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&data);
        out.resize(out.len().next_multiple_of(512), 0);
        return;
    }
    let mut lines = format!("{}\n", map.len());
    for (offset, len) in &map {
        lines.push_str(&format!("{offset}\n{len}\n"));
    }
    let mut text = lines.into_bytes();
    text.resize(text.len().next_multiple_of(512), 0);
    text.append(&mut data);
    let mut records = pax_record("GNU.sparse.major", b"1");
    records.extend(pax_record("GNU.sparse.minor", b"0"));
    records.extend(pax_record("GNU.sparse.name", name.as_bytes()));
    records.extend(pax_record("GNU.sparse.realsize", content.len().to_string().as_bytes()));
    raw(out, tar::EntryType::XHeader, b"pax", b"", &records, &about);
    raw(out, tar::EntryType::Regular, b"GNUSparseFile.0/x", b"", &text, &about);
}

#[test]
fn members_that_are_stored_sparse_read_as_what_they_stand_for() {
    let folder = folder();
    let mut hole = vec![0; 20_000];
    hole[9_000..9_100].fill(7);
    let tar = layer(&[file("hole", &hole), file("z", "0123456789")]);
    let members = image().tar(tar).members(Shape::V1);
    for old in [false, true] {
        let mut out = Vec::new();
        for (name, content) in &members {
            if name.ends_with("layer.tar") {
                sparse_member(&mut out, name, content, old);
            } else {
                out.extend(layer(&[file(name, content)]).strip_suffix(&[0; 1024]).unwrap());
            }
        }
        out.extend([0; 1024]);
        let saved = folder.write("sparse.tar", &out);
        assert_eq!(listed(path(&saved)), kinds(&[("hole", "file", 20_000), ("z", "file", 10)]), "old: {old}");
        assert_eq!(explore_json(&[path(&saved), "--json", "--verify"])["verification"]["state"], "verified");
        assert_eq!(explore(&["cat", path(&saved), "hole"]).stdout, hole);
        assert_eq!(text(&explore_with(&["ls", "-"], Some(&out)).stdout), "hole\nz\n");
        let zipped = folder.write("sparse.tar.gz", &gzip(&out));
        assert_eq!(explore(&["cat", path(&zipped), "hole"]).stdout, hole);
    }
}

#[test]
fn a_last_file_without_padding_is_whole() {
    let mut tar = layer(&[file("a", "x".repeat(600)), file("b", "12345")]);
    tar.truncate(tar.len() - 1024 - 507);
    let (files, found) = one_layer(tar);
    assert_eq!(files, kinds(&[("a", "file", 600), ("b", "file", 5)]));
    assert!(notes(&found).contains("without the padding"), "{}", found["notes"]);
}

#[test]
fn extension_headers_as_go_reads_them() {
    let about = file("", "");
    let mut tar = Vec::new();
    let pax = |tar: &mut Vec<u8>, records: Vec<u8>| raw(tar, tar::EntryType::XHeader, b"pax", b"", &records, &about);
    // A negative owner, and a time that RFC 3339 has no words for.
    pax(&mut tar, [pax_record("uid", b"-1"), pax_record("mtime", b"300000000000")].concat());
    raw(&mut tar, tar::EntryType::Regular, b"owned", b"", b"12", &about);
    // Of two headers the last one holds, all of it.
    pax(&mut tar, [pax_record("path", b"first"), pax_record("uid", b"7")].concat());
    pax(&mut tar, pax_record("gid", b"8"));
    raw(&mut tar, tar::EntryType::Regular, b"second", b"", b"123", &about);
    // GNU's long name wins over pax's.
    pax(&mut tar, pax_record("path", b"by-pax"));
    raw(&mut tar, tar::EntryType::GNULongName, b"././@LongLink", b"", b"by-gnu\0", &about);
    raw(&mut tar, tar::EntryType::Regular, b"short", b"", b"1234", &about);
    // A component that is taken back.
    raw(&mut tar, tar::EntryType::Regular, b"x/../y", b"", b"12345", &about);
    tar.extend([0; 1024]);
    let folder = folder();
    let saved = folder.write("image.tar", &image().tar(tar).save(Shape::Docker));
    let want = [("by-gnu", "file", 4), ("owned", "file", 2), ("second", "file", 3), ("y", "file", 5)];
    assert_eq!(listed(path(&saved)), kinds(&want));
    let rows = explore_json(&["ls", path(&saved), "--json"]);
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["path"] == name).unwrap().clone();
    assert_eq!((&row("owned")["uid"], &row("owned")["mtime"]), (&json!(0), &Value::Null));
    assert_eq!((&row("second")["uid"], &row("second")["gid"]), (&json!(0), &json!(8)));
    let long = text(&explore(&["ls", "-l", path(&saved), "owned"]).stdout);
    assert!(long.contains(" 11476-08-15 05:20"), "{long}");
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    pipe("xz", bytes)
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::best()).read_to_end(&mut out).unwrap();
    out
}

/// What a program of the machine makes of some bytes.
fn pipe(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new(program)
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    output.stdout
}

#[test]
fn xz_and_bzip2_are_read_as_docker_load_does() {
    let folder = folder();
    for (name, compress) in [("xz", xz as fn(&[u8]) -> Vec<u8>), ("bzip2", bzip2)] {
        let inside = image().layer([file("a", "x".repeat(100))]).compress(compress).save(Shape::V1);
        let saved = folder.write("inside.tar", &inside);
        assert_eq!(listed(path(&saved)), kinds(&[("a", "file", 100)]), "{name}");
        let found = explore_json(&[path(&saved), "--json", "--verify"]);
        assert_eq!(
            (&found["layers"][0]["compression"], &found["verification"]["state"]),
            (&json!(name), &json!("verified"))
        );
        let plain = image().layer([file("a", "x".repeat(100))]).save(Shape::Docker);
        let outside = folder.write("outside", &compress(&plain));
        assert_eq!(listed(path(&outside)), kinds(&[("a", "file", 100)]), "{name}");
        assert_eq!(text(&explore_with(&["ls", "-"], Some(&compress(&plain))).stdout), "a\n");
        let half = &compress(&plain)[..compress(&plain).len() / 2];
        assert_eq!(explore_with(&["ls", "-"], Some(half)).status.code(), Some(2), "{name} cut off");
    }
}

#[test]
fn a_directory_as_skopeo_writes_it() {
    let built = image().layer([file("a", "x".repeat(100))]).compress(gzip);
    let (manifest, blobs) = built.manifest();
    let mut members = vec![
        ("version".to_owned(), b"Directory Transport Version: 1.1\n".to_vec()),
        ("manifest.json".to_owned(), manifest.clone()),
    ];
    for (name, bytes) in blobs.into_iter().filter(|(_, bytes)| *bytes != manifest) {
        members.push((name.rsplit('/').next().unwrap().to_owned(), bytes));
    }
    let folder = folder();
    let place = folder.layout("image", &members);
    for name in [path(&place).to_owned(), format!("dir:{}", path(&place))] {
        assert_eq!(listed(&name), kinds(&[("a", "file", 100)]));
        let found = explore_json(&[&name, "--json", "--verify"]);
        assert_eq!((&found["image"]["source"], &found["verification"]["state"]), (&json!("dir"), &json!("verified")));
        assert_eq!(found["image"]["digest"], Digest::of(&manifest).to_string());
    }
}

#[test]
fn files_of_the_estargz_format_are_not_the_images() {
    for landmark in [".prefetch.landmark", ".no.prefetch.landmark"] {
        let (files, found) = one_layer(layer(&[
            file(landmark, [0xf]),
            file("usr/a", "1"),
            file("stargz.index.json", "{}".repeat(1000)),
            file("usr/stargz.index.json", "mine"),
        ]));
        let want = [("usr", "directory", 0), ("usr/a", "file", 1), ("usr/stargz.index.json", "file", 4)];
        assert_eq!(files, kinds(&want));
        assert_eq!(found["totals"]["content_bytes"], 5);
        assert_eq!(found["waste"]["total_bytes"], 0);
        assert!(notes(&found).contains("belongs to the eStargz format"), "{}", found["notes"]);
    }
}

#[test]
fn marks_of_overlayfs_in_a_layer_are_noted() {
    let folder = folder();
    let mark = |name: &str| Entry { kind: tar::EntryType::Char, ..file(name, "") };
    let built = image()
        .layer([file("etc/secret", "1"), file("var/x", "2")])
        .layer([mark("etc/secret"), dir("var").xattr("trusted.overlay.opaque", b"y")]);
    let saved = folder.write("image.tar", &built.save(Shape::Docker));
    let found = explore_json(&[path(&saved), "--json"]);
    let all = notes(&found);
    assert!(all.contains("etc/secret: a device 0:0, which overlayfs takes for a whiteout"), "{all}");
    assert!(all.contains("var: marked opaque for overlayfs"), "{all}");
}

/// A layer of one device.
fn console(major: u32, minor: u32) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut header = tar::Header::new_ustar();
    header.set_path("dev/console").unwrap();
    header.set_entry_type(tar::EntryType::Char);
    header.set_size(0);
    header.set_mode(0o600);
    header.set_device_major(major).unwrap();
    header.set_device_minor(minor).unwrap();
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend([0; 1024]);
    tar
}

#[test]
fn device_numbers_are_shown() {
    let folder = folder();
    let saved = folder.write("image.tar", &image().tar(console(5, 1)).save(Shape::Docker));
    let rows = explore_json(&["ls", path(&saved), "--json"]);
    assert_eq!(rows[1]["device"], "5:1", "{rows}");
    let files = explore_json(&[path(&saved), "--json", "--files"])["files"].clone();
    assert_eq!((&files[0]["device"], &files[1]["device"]), (&Value::Null, &json!("5:1")));
    assert!(text(&explore(&["ls", "-l", path(&saved)]).stdout).contains("5,"), "as `ls -l` does");
    // In a comparison, and where a later layer has another.
    let other = folder.write("other.tar", &image().tar(console(5, 1)).tar(console(1, 3)).save(Shape::Docker));
    let diff = text(&explore(&["diff", path(&saved), path(&other)]).stdout);
    assert!(diff.contains("target 5:1 -> 1:3"), "{diff}");
    let rows = explore_json(&["ls", path(&other), "--json"]);
    assert_eq!(rows[1]["device"], "1:3", "{rows}");
}

#[test]
fn an_image_without_layers() {
    let folder = folder();
    let saved = folder.write("image.tar", &image().save(Shape::Docker));
    assert_eq!(listed(path(&saved)), kinds(&[]));
    let found = explore_json(&[path(&saved), "--json"]);
    assert_eq!(found["totals"]["layers"], 0);
    assert_eq!(explore(&["--ci", path(&saved)]).status.code(), Some(0));
}

#[test]
fn several_images_are_listed_with_what_tells_them_apart() {
    let one = image().name("one:1").layer([file("one", "1")]);
    let two = image().name("two:2").platform("linux", "s390x", None).layer([file("two", "1")]);
    let mut members = one.members(Shape::Oci);
    let others = two.members(Shape::Oci);
    let row = |members: &[(String, Vec<u8>)]| -> Value {
        let index = members.iter().find(|(name, _)| name == "index.json").unwrap();
        serde_json::from_slice::<Value>(&index.1).unwrap()["manifests"][0].clone()
    };
    let index = json!({"manifests": [row(&members), row(&others)]}).to_string().into_bytes();
    members.retain(|(name, _)| name != "index.json");
    members.extend(others.into_iter().filter(|(name, _)| name.starts_with("blobs/")));
    members.push(("index.json".to_owned(), index));
    let folder = folder();
    let saved = folder.write("two.tar", &archive(&members));
    let message = text(&explore(&[path(&saved), "--summary"]).stderr);
    let digest = |image: &crate::common::ImageBuilder| Digest::of(&image.manifest().0).short().to_owned();
    for says in
        [format!("@0  one:1  {}  linux/amd64  ", digest(&one)), format!("@1  two:2  {}  linux/s390x  ", digest(&two))]
    {
        assert!(message.contains(&says), "{says}: {message}");
    }
}

#[test]
fn entries_below_links_keep_their_places_for_reading() {
    // Positions are those of the entry, whatever path it gets.
    let built = image().layer([symlink("a", "b"), file("a/x", "one"), file("b/y", "two")]);
    let folder = folder();
    let saved = folder.write("image.tar", &built.save(Shape::Docker));
    let found = look(&saved);
    assert_eq!(crate::common::paths(&found), ["a", "b", "b/x", "b/y"]);
    let hashed = look_with(&saved, &Options { hash: true, ..Options::default() });
    assert_eq!(hashed.waste.content_bytes, 6);
}
