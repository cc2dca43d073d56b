//! Archives that are built to take time or memory: each is shown or refused, in 20 seconds and 400 MB.

use std::time::Duration;

use serde_json::json;

use super::{is_long, run};
use crate::common::{
    Entry, Shape, archive, dir, file, folder, gone, gzip, hardlink, image, layer, opaque, pax_record, raw, symlink,
    text, zstd,
};
use explore::image::Digest;

/// A gzip layer in an archive.
fn one(tar: Vec<u8>) -> Vec<u8> {
    image().tar(tar).compress(gzip).save(Shape::V1)
}

fn header(kind: tar::EntryType, path: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path).expect("a short path");
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// A blob of frames that inflates to `header` and `gigabytes` of zeros.
fn zeros(header: &[u8], gigabytes: usize) -> Vec<u8> {
    let frame = zstd(&vec![0; 64 << 20]);
    let mut blob = zstd(header);
    for _ in 0..gigabytes * 16 {
        blob.extend_from_slice(&frame);
    }
    blob.extend(zstd(&[0; 1024]));
    blob
}

/// An archive of stored blobs as they are.
fn of_blobs(blobs: &[Vec<u8>]) -> Vec<u8> {
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}});
    let mut members = vec![("c.json".to_owned(), config.to_string().into_bytes())];
    let mut names = Vec::new();
    for (at, blob) in blobs.iter().enumerate() {
        names.push(format!("{at}/layer.tar"));
        members.push((format!("{at}/layer.tar"), blob.clone()));
    }
    let saved = json!([{"Config": "c.json", "RepoTags": ["bomb:1"], "Layers": names}]).to_string();
    members.push(("manifest.json".to_owned(), saved.into_bytes()));
    archive(&members)
}

/// One blob, named as a layer so many times.
fn named_often(blob: Vec<u8>, times: usize) -> Vec<u8> {
    let config = json!({"os": "linux", "architecture": "amd64"}).to_string().into_bytes();
    let saved = json!([{"Config": "c.json", "RepoTags": ["bomb:1"], "Layers": vec!["l.tar"; times]}]).to_string();
    archive(&[
        ("c.json".to_owned(), config),
        ("l.tar".to_owned(), blob),
        ("manifest.json".to_owned(), saved.into_bytes()),
    ])
}

fn documents(config: Vec<u8>, saved: Vec<u8>) -> Vec<u8> {
    gzip(&archive(&[("c.json".to_owned(), config), ("manifest.json".to_owned(), saved)]))
}

fn saved(config: &str) -> Vec<u8> {
    json!([{"Config": config, "RepoTags": ["a:1"], "Layers": []}]).to_string().into_bytes()
}

/// All kinds; the number makes some of them smaller for a short run.
fn kinds(scale: usize) -> Vec<(&'static str, Vec<u8>)> {
    let gigabytes = if scale > 1 { 1 } else { 100 };
    let many = |n: usize, entry: &dyn Fn(usize) -> Entry| layer(&(0..n).map(entry).collect::<Vec<_>>());
    let about = file("", "");
    let pax = |records: Vec<u8>| {
        let mut tar = Vec::new();
        raw(&mut tar, tar::EntryType::XHeader, b"pax", b"", &records, &about);
        raw(&mut tar, tar::EntryType::Regular, b"x", b"", b"1", &about);
        tar.extend([0; 1024]);
        tar
    };
    let xattr =
        |bytes: usize| move |n: usize| file(format!("{n}"), "").xattr("user.x", &n.to_le_bytes().repeat(bytes / 8));
    let nested = |depth: usize, value: &str| [value.repeat(depth).into_bytes(), b"}".repeat(depth)].concat();
    let mut kinds: Vec<(&'static str, Vec<u8>)> = vec![
        ("deep paths", one(many(10_000 / scale.pow(2).max(1), &|n| file(format!("{n}/{}", "d/".repeat(2030)), "")))),
        ("one deep path, many files", one(many(20_000 / scale, &|n| file(format!("{}{n}", "d/".repeat(2000)), "")))),
        ("long names", one(many(20_000 / scale, &|n| file(format!("{n}{}", "x".repeat(4000)), "")))),
        ("many xattrs", one(many(2_000 / scale, &xattr(900_000)))),
        ("small xattrs", one(many(100_000 / scale, &xattr(64)))),
        ("long links", one(many(20_000 / scale, &|n| symlink(format!("{n}"), format!("{n}{}", "x".repeat(4000)))))),
        ("links to links", one(many(20_000 / scale, &|n| symlink(format!("l{n}"), format!("l{}", n + 1))))),
        ("a path through links", {
            let mut entries: Vec<Entry> =
                (0..39).map(|n| symlink(format!("l{n}"), format!("{}l{}", "d/../".repeat(500), n + 1))).collect();
            entries.extend((0..2_000 / scale).map(|n| file(format!("l0/{n}"), "")));
            one(layer(&entries))
        }),
        ("links around in circles", {
            let mut entries = vec![symlink("a", "b/b/b"), symlink("b", "a/a/a")];
            entries.extend((0..20_000 / scale).map(|n| file(format!("a/{n}"), "")));
            one(layer(&entries))
        }),
        (
            "links replaced again and again",
            one(layer(
                &(0..20_000 / scale)
                    .flat_map(|n| [symlink("l", format!("d{}", n % 7)), file(format!("l/{n}"), "")])
                    .collect::<Vec<_>>(),
            )),
        ),
        ("hard links in a chain", {
            let mut entries = vec![file("l0", "x")];
            entries.extend((1..50_000 / scale).map(|n| hardlink(format!("l{n}"), format!("l{}", n - 1))));
            one(layer(&entries))
        }),
        ("hard links to nothing", one(many(50_000 / scale, &|n| hardlink(format!("l{n}"), format!("no/{n}"))))),
        ("one path again and again", one(many(200_000 / scale, &|_| file("a", "x")))),
        (
            "file and directory in turn",
            one(layer(
                &(0..20_000 / scale).flat_map(|n| [file(format!("a/{n}"), "x"), file("a", "")]).collect::<Vec<_>>(),
            )),
        ),
        ("whiteouts of nothing", one(many(100_000 / scale, &|n| gone(&format!("d/{n}"))))),
        ("opaque again and again", one(many(100_000 / scale, &|_| opaque("d")))),
        ("empty entries", one(many(1_000_000 / scale, &|n| dir(format!("{:x}", n % 977))))),
        (
            "100 GB of zeros",
            of_blobs(&[zeros(&header(tar::EntryType::Regular, "z", gigabytes << 30), gigabytes as usize)]),
        ),
        ("2 GB behind the end", of_blobs(&[zeros(&[0; 1024], 2)])),
        ("a header that claims 8 EiB", one([header(tar::EntryType::Regular, "x", 1 << 52), vec![0; 1024]].concat())),
        ("a long name of 8 GB", one([header(tar::EntryType::GNULongName, "x", 8 << 30), vec![0; 1024]].concat())),
        ("a pax header of 1 MiB", one(pax(pax_record("comment", &vec![b'x'; 1_000_000])))),
        ("a pax header of many records", one(pax(pax_record("a", b"b").repeat(100_000)))),
        (
            "a pax header of many xattrs",
            one(pax((0..40_000).flat_map(|n| pax_record(&format!("SCHILY.xattr.u{n}"), b"v")).collect())),
        ),
        ("a pax record that claims more", one(pax(b"999999999 path=x\n".to_vec()))),
        (
            "a sparse file of 2^53",
            one(pax([
                pax_record("GNU.sparse.major", b"0"),
                pax_record("GNU.sparse.size", b"9007199254740992"),
                pax_record("GNU.sparse.map", b"9007199254740991,1"),
            ]
            .concat())),
        ),
        (
            "a sparse map without end",
            one(pax([
                pax_record("GNU.sparse.size", b"1"),
                pax_record("GNU.sparse.map", "0,0,".repeat(200_000).as_bytes()),
            ]
            .concat())),
        ),
        (
            "many global headers",
            one([header(tar::EntryType::XGlobalHeader, "g", 0).repeat(200_000 / scale), layer(&[file("a", "1")])]
                .concat()),
        ),
        (
            "one blob as 4,096 layers",
            named_often(gzip(&many(5_000 / scale, &|n| file(format!("{n}"), "x"))), 4096 / scale),
        ),
        ("files stored in every layer", {
            let tar = |round: u64| {
                layer(&(0..1000 / scale).map(|n| file(format!("{n}"), "xy").mtime(round)).collect::<Vec<_>>())
            };
            of_blobs(&(0..1000 / scale as u64).map(|round| gzip(&tar(round))).collect::<Vec<_>>())
        }),
        ("5,000 layers", named_often(gzip(&layer(&[])), 5_000)),
        ("a manifest of blanks", documents(b"{}".to_vec(), vec![b' '; 16 << 20])),
        ("a manifest of numbers", documents(b"{}".to_vec(), format!("[{}0]", "0,".repeat(8 << 20)).into_bytes())),
        ("a manifest of lists", documents(b"{}".to_vec(), b"[".repeat(1 << 20))),
        ("a config of objects", documents(nested(100_000, "{\"a\":"), saved("c.json"))),
        (
            "a config of one key again and again",
            documents(format!("{{{}\"a\":1}}", "\"a\":1,".repeat(2 << 20)).into_bytes(), saved("c.json")),
        ),
        (
            "a config of half characters",
            documents(format!("{{\"a\":\"{}\"}}", "\\ud800".repeat(2 << 20)).into_bytes(), saved("c.json")),
        ),
        (
            "a config of 16 MiB of text",
            documents(
                format!("{{\"config\":{{\"Env\":[\"{}\"]}}}}", "A=b ".repeat((3 << 20) / scale)).into_bytes(),
                saved("c.json"),
            ),
        ),
        (
            "a history of 100,000 rows",
            documents(
                json!({"history": vec![json!({"created_by": "RUN x"}); 100_000 / scale]}).to_string().into_bytes(),
                saved("c.json"),
            ),
        ),
        ("gzip that inflates to nothing", of_blobs(&[gzip(&[]).repeat(100_000 / scale)])),
        ("zstd frames of nothing", of_blobs(&[zstd(&[]).repeat(100_000 / scale)])),
        ("a zstd frame with a window of 2 GB", of_blobs(&[vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x03, 0, 0, 0]])),
        (
            "an xz header with a dictionary of 4 GB",
            of_blobs(&[{
                // Block header: LZMA2 with dictionary size 40 (4 GiB - 1).
                let mut xz = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1, 0x69, 0x22, 0xde, 0x36];
                xz.extend([2, 0, 0x21, 1, 40, 0, 0, 0, 0xb5, 0x3e, 0x35, 0x2b, 0xe0, 0xff, 0xff]);
                xz
            }]),
        ),
        ("an archive in an archive", one(archive(&[("manifest.json".to_owned(), b"[]".to_vec())]))),
        ("links between members in circles", {
            let mut tar = layer(&[symlink("manifest.json", "a"), symlink("a", "manifest.json")]);
            tar.truncate(tar.len());
            tar
        }),
    ];
    let digest = Digest::of(b"nothing");
    let row = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest.to_string(), "size": 1});
    let index = json!({"manifests": vec![row; 50_000 / scale]}).to_string().into_bytes();
    kinds.push((
        "an index that names itself",
        archive(&[("index.json".to_owned(), index.clone()), (digest.blob(), index)]),
    ));
    kinds
}

#[test]
fn nothing_takes_long_or_much_memory() {
    let folder = folder();
    // Programs that are built for tests are slow, so a short run is a small one.
    let scale = if is_long() { 1 } else { 20 };
    let mut wrong = Vec::new();
    for (name, bytes) in kinds(scale) {
        let path = folder.write("bomb.tar", &bytes);
        let ran = run(&["--ci", "--no-cache", path.to_str().expect("a plain path")]);
        let message = text(&ran.output.stderr);
        println!(
            "{name}: {} kB, exit {:?}, {:?}, {} MB",
            bytes.len() / 1000,
            ran.output.status.code(),
            ran.took,
            ran.peak / 1_000_000
        );
        let code = ran.output.status.code();
        if !matches!(code, Some(0..=2)) || message.contains("panicked") {
            wrong.push(format!("{name}: exit {code:?}: {message}"));
        }
        if code == Some(2) && message.trim().is_empty() {
            wrong.push(format!("{name}: exit 2 without a word"));
        }
        if ran.took > Duration::from_secs(if cfg!(debug_assertions) { 55 } else { 20 }) {
            wrong.push(format!("{name}: {:?}", ran.took));
        }
        if bytes.len() < 10_000_000 && ran.peak > 400_000_000 {
            wrong.push(format!("{name}: {} MB of memory", ran.peak / 1_000_000));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
