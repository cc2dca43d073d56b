//! Every way that an image comes, and every way in which it can be broken; by the real program where users meet it.

use std::path::Path;

use crate::common::{
    Folder, ImageBuilder, Shape, archive, dir, explore, explore_json, explore_with, file, folder, gone, gzip, image,
    text, zstd,
};
use explore::image::Digest;
use serde_json::{Value, json};

fn sample() -> ImageBuilder {
    image()
        .layer([dir("etc"), file("etc/motd", "hello\n"), file("bin/sh", "x".repeat(2000))])
        .layer([file("etc/motd", "goodbye\n"), gone("bin/sh")])
        .layer([])
}

fn ls(arguments: &[&str]) -> String {
    let output = explore(&[&["ls"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The one message on standard error of a run that must fail.
fn failure(arguments: &[&str], stdin: Option<&[u8]>) -> String {
    let output = explore_with(arguments, stdin);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.starts_with("explore: "), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

const FILES: &str = "bin\netc\netc/motd\n";

#[test]
fn every_shape_of_archive() {
    let folder = folder();
    for shape in [Shape::V1, Shape::Docker, Shape::Oci, Shape::Kaniko] {
        for (compress, media_type) in [
            (<[u8]>::to_vec as fn(&[u8]) -> Vec<u8>, "application/vnd.oci.image.layer.v1.tar"),
            (gzip, "application/vnd.oci.image.layer.v1.tar+gzip"),
            (zstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
            // Media types lie.
            (zstd, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
            (gzip, "application/vnd.oci.image.layer.v1.tar"),
        ] {
            let built = sample().compress(compress).media_type(media_type);
            let file = folder.write("image.tar", &built.save(shape));
            assert_eq!(ls(&[path(&file)]), FILES, "{shape:?} {media_type}");
            let found = explore_json(&[path(&file), "--json", "--verify"]);
            assert_eq!(found["verification"]["state"], "verified", "{shape:?}: {}", found["notes"]);
            assert_eq!(found["totals"]["content_bytes"], 2014, "{shape:?}");
            assert_eq!(found["totals"]["live_bytes"], 8);
            let source = if shape == Shape::Oci { "oci-archive" } else { "docker-archive" };
            assert_eq!(found["image"]["source"], source);
            assert_eq!(found["image"]["tags"], json!(["test:latest"]));
        }
    }
}

#[test]
fn the_same_image_from_every_place() {
    let folder = folder();
    let built = sample();
    let tar = built.save(Shape::Docker);
    let plain = folder.write("plain", &tar);
    let zipped = folder.write("zipped", &gzip(&tar));
    let squeezed = folder.write("squeezed.tar", &zstd(&tar));
    let layout = folder.layout("layout", &built.members(Shape::Oci));
    let names = [
        path(&plain).to_owned(),
        path(&zipped).to_owned(),
        path(&squeezed).to_owned(),
        path(&layout).to_owned(),
        format!("docker-archive:{}", path(&plain)),
        format!("docker-archive:{}:test:latest", path(&plain)),
        format!("docker-archive:{}:test", path(&zipped)),
        format!("oci-archive:{}:@0", path(&plain)),
        format!("oci:{}:test:latest", path(&layout)),
        format!("oci-layout:{}", path(&layout)),
    ];
    let digest = explore_json(&[&names[0], "--json"])["image"]["digest"].clone();
    assert!(digest.is_string());
    for name in &names {
        assert_eq!(ls(&[name]), FILES, "{name}");
        assert_eq!(explore_json(&[name, "--json"])["image"]["digest"], digest, "{name}");
        for (layer, want) in [("0", "hello\n"), ("1", "goodbye\n")] {
            let cat = explore(&["cat", name, "/etc/motd", "--layer", layer]);
            assert_eq!(text(&cat.stdout), want, "{name} {}", text(&cat.stderr));
        }
    }
    for bytes in [&tar, &gzip(&tar), &zstd(&tar)] {
        assert_eq!(text(&explore_with(&["ls", "-"], Some(bytes)).stdout), FILES);
        let cat = explore_with(&["cat", "-", "etc/motd", "--layer", "0"], Some(bytes));
        assert_eq!(text(&cat.stdout), "hello\n", "{}", text(&cat.stderr));
        let found: Value = serde_json::from_slice(&explore_with(&["-", "--json"], Some(bytes)).stdout).unwrap();
        assert_eq!(found["totals"]["live_bytes"], 8);
        assert_eq!(found["image"]["reference"], "-");
    }
}

#[test]
fn gzip_of_many_members_and_zstd_of_many_frames() {
    fn members(bytes: &[u8]) -> Vec<u8> {
        bytes.chunks(700).flat_map(gzip).collect()
    }
    fn frames(bytes: &[u8]) -> Vec<u8> {
        let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd".to_vec();
        let frames = bytes.chunks(700).flat_map(zstd);
        skippable.iter().copied().chain(frames).chain(skippable.clone()).collect()
    }
    let folder = folder();
    for compress in [members as fn(&[u8]) -> Vec<u8>, frames] {
        let file = folder.write("image.tar", &sample().compress(compress).save(Shape::Oci));
        assert_eq!(ls(&[path(&file)]), FILES);
        assert_eq!(explore_json(&[path(&file), "--json", "--verify"])["verification"]["state"], "verified");
    }
}

#[test]
fn layers_that_are_links_to_others() {
    let mut members = sample().members(Shape::V1);
    let first = members[2].clone();
    // The third layer is the empty one; make it a link to the first, as old engines shared layers.
    let third = members.iter().position(|(name, _)| name.starts_with(&format!("{:064x}/layer", 2))).unwrap();
    let name = members.remove(third).0;
    let mut tar = archive(&members);
    tar.truncate(tar.len() - 1024);
    let link = crate::common::symlink(&name, format!("../{}", first.0));
    tar.extend(crate::common::layer(&[link]));
    let folder = folder();
    let file = folder.write("image.tar", &tar);
    assert_eq!(ls(&[path(&file), "bin"]), "bin/sh\n", "the first layer is there again");
    assert_eq!(text(&explore_with(&["ls", "-", "bin"], Some(&tar)).stdout), "bin/sh\n");
}

#[test]
fn an_archive_older_than_manifests() {
    let layers = [crate::common::layer(&[file("a", "1")]), crate::common::layer(&[file("b", "22")])];
    let members = [
        ("1/json".to_owned(), json!({"id": "1", "created": "2014-01-01T00:00:00Z", "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD file:x in /"]}}).to_string().into_bytes()),
        ("1/layer.tar".to_owned(), layers[0].clone()),
        ("2/json".to_owned(), json!({"id": "2", "parent": "1", "os": "linux", "architecture": "amd64", "container_config": {"Cmd": ["/bin/sh", "-c", "make"]}}).to_string().into_bytes()),
        ("2/layer.tar".to_owned(), layers[1].clone()),
        ("repositories".to_owned(), br#"{"old":{"latest":"2"}}"#.to_vec()),
    ];
    let folder = folder();
    let file = folder.write("old.tar", &archive(&members));
    assert_eq!(ls(&[path(&file)]), "a\nb\n");
    let found = explore_json(&[path(&file), "--json"]);
    assert_eq!(found["layers"][1]["instruction"], "RUN make");
    assert_eq!(found["image"]["tags"], json!(["old:latest"]));
}

/// Puts several images into one layout.
fn index_of(images: &[(&ImageBuilder, Value)]) -> Vec<(String, Vec<u8>)> {
    let mut members = vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
    let mut manifests = Vec::new();
    for (image, more) in images {
        let (manifest, blobs) = image.manifest();
        members.extend(blobs);
        let mut descriptor = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(&manifest).to_string(), "size": manifest.len(),
        });
        for (key, value) in more.as_object().unwrap() {
            descriptor[key] = value.clone();
        }
        manifests.push(descriptor);
    }
    members.push(("index.json".into(), json!({"schemaVersion": 2, "manifests": manifests}).to_string().into_bytes()));
    members
}

fn nested(folder: &Folder, name: &str, members: Vec<(String, Vec<u8>)>) -> std::path::PathBuf {
    let mut members = members;
    let at = members.iter().position(|(name, _)| name == "index.json").unwrap();
    let inner = members.remove(at).1;
    let top = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.index.v1+json", "digest": Digest::of(&inner).to_string(),
        "size": inner.len(), "annotations": {"org.opencontainers.image.ref.name": "multi"}}]});
    members.push((Digest::of(&inner).blob(), inner));
    members.push(("index.json".into(), top.to_string().into_bytes()));
    folder.write(name, &archive(&members))
}

fn platform(architecture: &str) -> Value {
    json!({"platform": {"os": "linux", "architecture": architecture}})
}

#[test]
fn several_platforms() {
    let amd = image().layer([file("amd64", "1")]);
    let arm = image().platform("linux", "arm64", Some("v8")).layer([file("arm64", "1")]);
    let attestation = image().platform("unknown", "unknown", None).layer([file("in-toto", "1")]);
    let folder = folder();
    let all = [(&amd, platform("amd64")), (&arm, platform("arm64")), (&attestation, platform("unknown"))];
    let mut odd = all.clone();
    odd[2].1 = json!({"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}});
    let flat = folder.write("flat.tar", &archive(&index_of(&odd)));
    let deep = nested(&folder, "deep.tar", index_of(&odd));
    for file in [&flat, &deep] {
        assert_eq!(ls(&[path(file), "--platform", "linux/amd64"]), "amd64\n");
        assert_eq!(ls(&[path(file), "--platform", "arm64"]), "arm64\n");
        assert_eq!(ls(&[path(file), "--platform", "linux/arm64/v8"]), "arm64\n");
        let message = failure(&["ls", path(file), "--platform", "linux/s390x"], None);
        assert!(message.contains("linux/amd64") && message.contains("linux/arm64"), "{message}");
        assert!(!message.contains("unknown"), "attestations are no images: {message}");
    }
    // One platform that is not the machine's is shown all the same, unless another was asked for.
    let single =
        folder.write("s390x.tar", &image().platform("linux", "s390x", None).layer([file("s", "1")]).save(Shape::Oci));
    assert_eq!(ls(&[path(&single)]), "s\n");
    let message = failure(&["ls", path(&single), "--platform", "linux/amd64"], None);
    assert!(message.contains("linux/s390x"), "{message}");
}

#[test]
fn an_archive_with_one_platform_of_several() {
    let amd = image().layer([file("amd64", "1")]);
    let arm = image().platform("linux", "arm64", None).layer([file("arm64", "1")]);
    let mut members = index_of(&[(&amd, platform("amd64")), (&arm, platform("arm64"))]);
    let (manifest, _) = arm.manifest();
    let absent: Vec<String> =
        [Digest::of(&manifest), Digest::of(&arm.config()), Digest::of(&arm.tars[0])].iter().map(Digest::blob).collect();
    members.retain(|(name, _)| !absent.contains(name));
    let folder = folder();
    let file = nested(&folder, "sparse.tar", members);
    assert_eq!(ls(&[path(&file)]), "amd64\n");
    let message = failure(&["ls", path(&file), "--platform", "linux/arm64"], None);
    assert!(message.contains("not in the archive"), "{message}");
}

#[test]
fn a_layer_that_the_archive_lacks_is_a_note_and_the_rest_is_shown() {
    let built = sample();
    let mut members = built.members(Shape::Docker);
    let absent = Digest::of(&built.tars[0]).blob();
    members.retain(|(name, _)| *name != absent);
    let folder = folder();
    let file = folder.write("sparse.tar", &archive(&members));
    assert_eq!(ls(&[path(&file)]), "bin\netc\netc/motd\n");
    let found = explore_json(&[path(&file), "--json"]);
    let note = &found["notes"][0];
    assert_eq!(note["layer"], 0);
    assert!(note["message"].as_str().unwrap().contains("not in the archive"), "{note}");
    let stream = explore_with(&["ls", "-"], Some(&archive(&members)));
    assert_eq!(text(&stream.stdout), "bin\netc\netc/motd\n");
}

#[test]
fn several_images_in_one_archive() {
    let one = image().name("one:1").layer([file("one", "1")]);
    let two = image().name("reg.io/two:2").layer([file("two", "1")]);
    let mut members = one.members(Shape::V1);
    members.retain(|(name, _)| name != "manifest.json");
    members.extend(
        two.members(Shape::V1)
            .into_iter()
            .filter(|(name, _)| name != "manifest.json")
            .map(|(name, bytes)| (name.replacen("000/", "0ff/", 1), bytes)),
    );
    let config = |image: &ImageBuilder| format!("{}.json", Digest::of(&image.config()).hex());
    members.push(("manifest.json".into(), json!([
        {"Config": config(&one), "RepoTags": ["one:1"], "Layers": [format!("{:064x}/layer.tar", 0)]},
        {"Config": config(&two), "RepoTags": ["reg.io/two:2"], "Layers": [format!("{:064x}/layer.tar", 0).replacen("000/", "0ff/", 1)]},
    ]).to_string().into_bytes()));
    let folder = folder();
    let file = folder.write("both.tar", &archive(&members));
    let name = path(&file);
    assert_eq!(ls(&[&format!("{name}:one:1")]), "one\n");
    assert_eq!(ls(&[&format!("{name}:reg.io/two:2")]), "two\n");
    assert_eq!(ls(&[&format!("{name}@1")]), "two\n");
    assert_eq!(ls(&[&format!("docker-archive:{name}:@0")]), "one\n");
    let message = failure(&["ls", name], None);
    assert!(message.contains("@0  one:1") && message.contains("@1  reg.io/two:2"), "{message}");
    assert!(failure(&["ls", &format!("{name}:three")], None).contains("one:1"));
    assert!(failure(&["ls", &format!("{name}@7")], None).contains("@7"));
}

#[test]
fn odd_histories_are_shown_sensibly() {
    let rows = |count: usize| Value::Array((0..count).map(|n| json!({"created_by": format!("RUN step{n}")})).collect());
    let folder = folder();
    for (history, want) in [
        (rows(3), ["RUN step0", "RUN step1", "RUN step2"].map(Some)),
        (rows(5), ["RUN step2", "RUN step3", "RUN step4"].map(Some)),
        (rows(1), [None, None, Some("RUN step0")]),
        (json!([]), [None; 3]),
        (Value::Null, [None; 3]),
        (
            json!([{"created_by": "RUN a"}, {"created_by": "ENV x", "empty_layer": true}, {"created_by": "RUN b"}, {"created_by": "RUN c"}]),
            ["RUN a", "RUN b", "RUN c"].map(Some),
        ),
    ] {
        let file = folder.write("image.tar", &sample().history(history.clone()).save(Shape::Docker));
        let found = explore_json(&[path(&file), "--json"]);
        for (layer, want) in want.iter().enumerate() {
            assert_eq!(found["layers"][layer]["instruction"].as_str(), *want, "{history}");
        }
        assert_eq!(found["totals"]["layers"], 3);
        assert!(explore(&[path(&file)]).status.success());
        assert!(explore(&["history", path(&file)]).status.success());
    }
}

#[test]
fn one_blob_as_several_layers() {
    let folder = folder();
    let again = [file("a", "1"), crate::common::hardlink("b", "a")];
    let file = folder.write("image.tar", &image().layer(&again).layer([gone("a")]).layer(&again).save(Shape::Docker));
    let found = explore_json(&[path(&file), "--json"]);
    assert_eq!(found["totals"]["content_bytes"], 2);
    assert_eq!(found["totals"]["live_bytes"], 1);
    assert_eq!(ls(&[path(&file)]), "a\nb\n");
}

#[test]
fn images_made_by_others() {
    let Some(fixtures) = std::env::var_os("EXPLORE_FIXTURES") else {
        eprintln!("left out: EXPLORE_FIXTURES does not name a directory of images made by others");
        return;
    };
    let fixtures = Path::new(&fixtures).join("dive");
    let found = explore_json(&[path(&fixtures.join("test-docker-image.tar")), "--json", "--verify"]);
    assert_eq!(found["totals"]["content_bytes"], 1_220_598);
    assert_eq!(found["totals"]["live_bytes"], 1_188_573);
    assert_eq!(found["totals"]["dead_bytes"], 32_025);
    assert_eq!(found["verification"]["state"], "verified");
    let layers: Vec<u64> =
        found["layers"].as_array().unwrap().iter().map(|l| l["content_bytes"].as_u64().unwrap()).collect();
    assert_eq!(layers, [1_154_361, 6405, 0, 6405, 6405, 6405, 6405, 6405, 6405, 0, 2187, 6405, 6405, 6405]);
    let found = explore_json(&[path(&fixtures.join("test-oci-gzip-image.tar")), "--json", "--verify"]);
    assert_eq!((&found["totals"]["live_bytes"], &found["totals"]["dead_bytes"]), (&json!(11_189), &json!(0)));
    let message = failure(&[path(&fixtures.join("test-gzip-image.tar"))], None);
    assert!(message.contains("no image in it"), "{message}");
}

#[test]
fn the_demo_image_holds_what_its_maker_counts() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let counted =
        std::process::Command::new("python3").arg(assets.join("make-demo")).arg("--numbers").output().unwrap();
    let want: Value = serde_json::from_slice(&counted.stdout).unwrap();
    let found = explore_json(&[path(&assets.join("demo.tar")), "--json", "--verify"]);
    for total in ["content_bytes", "live_bytes", "dead_bytes", "entries"] {
        assert_eq!(found["totals"][total], want[total], "{total}");
    }
    for kind in ["deleted", "overwritten", "rewritten", "metadata", "moved", "shadowed"] {
        assert_eq!(found["waste"]["dead"][kind], want["dead"][kind], "{kind}");
        assert_ne!(want["dead"][kind], 0, "the demo shows no {kind} bytes");
    }
    let layers: Vec<&Value> = found["layers"].as_array().unwrap().iter().map(|layer| &layer["content_bytes"]).collect();
    assert_eq!(json!(layers), want["layers"]);
    assert_eq!(found["verification"]["state"], "verified");
}

#[test]
fn the_guide_shows_what_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/first-minutes.md")).unwrap();
    let output = text(&explore(&[path(&root.join("assets/demo.tar")), "--summary"]).stdout);
    assert!(page.contains(output.trim_end()), "docs/first-minutes.md shows another summary than:\n{output}");
}

#[test]
fn history_as_docker_prints_it() {
    let folder = folder();
    let rows = json!([
        {"created": "2020-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in / "},
        {"created": "2020-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": true},
        {"created": "2020-01-01T00:00:00Z", "created_by": "RUN /bin/sh -c apt\tx # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"created": "2020-01-01T00:00:00Z", "created_by": "evil \u{1b}[31m"},
    ]);
    let file = folder.write("image.tar", &sample().history(rows).save(Shape::Docker));
    let output = text(&explore(&["history", path(&file)]).stdout);
    let lines: Vec<&str> = output.lines().collect();
    let id = explore_json(&[path(&file), "--json"])["image"]["id"].as_str().unwrap()[7..19].to_owned();
    assert!(lines[0].starts_with("IMAGE          CREATED"), "{output}");
    assert!(lines[1].starts_with(&id) && lines[1].contains("evil \\x1b[31m"), "{output}");
    assert!(
        lines[2].starts_with("<missing>")
            && lines[2].contains("RUN /bin/sh -c apt x # buildkit")
            && lines[2].contains("8B"),
        "{output}"
    );
    assert!(lines[3].contains("CMD [\"sh\"]") && lines[3].contains(" 0B"), "{output}");
    assert!(lines[4].contains("ADD file:0123456789…") || lines[4].contains('…'), "{output}");
    assert!(lines[4].contains("2.01kB"), "{output}");
    let whole = text(&explore(&["history", path(&file), "--no-trunc"]).stdout);
    assert!(whole.contains("0123456789abcdef0123456789abcdef in /") && whole.contains("sha256:"), "{whole}");
    let rows: Vec<Value> = text(&explore(&["history", path(&file), "--format", "json"]).stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1]["Comment"], "buildkit.dockerfile.v0");
    assert_eq!(rows[1]["Size"], "8B");
}

#[test]
fn listings() {
    let folder = folder();
    let built = image().layer([
        dir("d").mode(0o1777),
        file("d/s", "12345").mode(0o4755).owner(1000, 100),
        crate::common::symlink("d/l", "s"),
        crate::common::hardlink("d/h", "d/s"),
        crate::common::fifo("p"),
        file("a\nb\x1b[31m\\", "x"),
        file(b"\xff", ""),
    ]);
    let saved = folder.write("image.tar", &built.save(Shape::Docker));
    let name = path(&saved);
    assert_eq!(ls(&[name]), "a\\x0ab\\x1b[31m\\x5c\nd\nd/h\nd/l\nd/s\np\n\\xff\n");
    assert_eq!(ls(&[name, "--depth", "1", "-0"]).split('\0').filter(|path| !path.is_empty()).count(), 4);
    assert_eq!(ls(&[name, "/d/"]), "d/h\nd/l\nd/s\n");
    assert_eq!(ls(&[name, "d/s"]), "d/s\n");
    let long = ls(&[name, "-l"]);
    assert!(long.contains("-rwsr-xr-x 1000:100 5 2023-11-14 22:13 d/s\n"), "{long}");
    assert!(long.contains("drwxrwxrwt") && long.contains("d/l -> s\n") && long.contains("d/h link to d/s\n"), "{long}");
    assert!(failure(&["ls", name, "nowhere"], None).contains("nowhere is not in the image"));
    assert!(failure(&["ls", name, "--layer", "9"], None).contains("there is no layer 9; the image has 1"));
    assert!(failure(&["cat", name, "d"], None).contains("d is a directory"));
    assert!(failure(&["cat", name, "p"], None).contains("p is a fifo"));
    assert_eq!(text(&explore(&["cat", name, "d/l"]).stdout), "12345");
    assert_eq!(text(&explore(&["cat", name, "d/h"]).stdout), "12345");
}

#[test]
fn a_path_that_a_later_layer_takes_away_is_told() {
    let folder = folder();
    let saved = folder.write("image.tar", &sample().save(Shape::Docker));
    let message = failure(&["cat", path(&saved), "bin/sh"], None);
    assert!(message.contains("layer 1 takes it away") && message.contains("--layer 0"), "{message}");
    assert_eq!(explore(&["cat", path(&saved), "bin/sh", "--layer", "0"]).stdout.len(), 2000);
}

#[test]
fn files_of_each_layer() {
    let folder = folder();
    let saved = folder.write("image.tar", &sample().save(Shape::Docker));
    let found = explore_json(&[path(&saved), "--json", "--files", "--hash"]);
    let rows: Vec<String> = found["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {}",
                row["layer"],
                row["change"].as_str().unwrap(),
                row["kind"].as_str().unwrap(),
                row["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "0 added directory bin",
            "0 added file bin/sh",
            "0 added directory etc",
            "0 added file etc/motd",
            "1 removed file bin/sh",
            "1 modified file etc/motd",
        ]
    );
    let hash = &found["files"][3]["sha256"];
    assert_eq!(*hash, Digest::of(b"hello\n").hex());
    for layer in found["layers"].as_array().unwrap() {
        let count = |change: &str| {
            rows.iter().filter(|row| row.starts_with(&format!("{} {change} ", layer["index"]))).count() as u64
        };
        for change in ["added", "modified", "removed"] {
            assert_eq!(layer[change], count(change), "layer {}", layer["index"]);
        }
    }
    // A file is written whole or not at all.
    let out = folder.path().join("out.json");
    assert!(explore(&[path(&saved), "--json", path(&out)]).status.success());
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&out).unwrap()).unwrap()["schema"], 1);
    assert!(
        failure(&[path(&saved), "--json", path(&folder.path().join("no/where.json"))], None).contains("where.json")
    );
}

#[test]
fn the_output_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let folder = folder();
    let odd = image()
        .layer([
            file(b"\xff\n", "1"),
            crate::common::symlink("l", "\x1b"),
            crate::common::hardlink("h", "nowhere"),
            crate::common::device("c"),
        ])
        .history(Value::Null);
    let mut files = vec![
        folder.write("a.tar", &sample().save(Shape::V1)),
        folder.write("b.tar", &sample().compress(gzip).save(Shape::Oci)),
        folder.write("c.tar", &odd.save(Shape::Docker)),
        folder.write("d.tar", &image().save(Shape::Docker)),
    ];
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.tar"));
    for file in files {
        for flags in [&[][..], &["--files"], &["--files", "--hash", "--verify"]] {
            let found = explore_json(&[&[path(&file), "--json"], flags].concat());
            let errors: Vec<String> =
                validator.iter_errors(&found).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
        }
    }
}

// ---- broken and hostile input

#[test]
fn no_image_at_all() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| path(&folder.write(name, bytes)).to_owned();
    let rootfs =
        crate::common::layer(&[dir("etc"), file("etc/passwd", "root"), dir("usr"), dir("bin"), file("bin/sh", "")]);
    let sources = crate::common::layer(&[file("app-1.0/README.md", ""), file("app-1.0/Makefile", "")]);
    for (input, says) in [
        (write("empty", b""), "is empty"),
        (write("rootfs.tar", &rootfs), "root file system"),
        (write("rootfs.tgz", &gzip(&rootfs)), "root file system"),
        (write("src.tar.gz", &gzip(&sources)), "source tarball"),
        (write("layer.tar", &crate::common::layer(&[gone("a"), file("b", "")])), "single layer"),
        (write("zeros", &[0; 4096]), "it holds no files"),
        (write("x.zip", b"PK\x03\x04aaaaaaaaaaaa"), "zip"),
        (write("Dockerfile", b"FROM scratch\nCOPY . /\n"), "Dockerfile"),
        (write("noise", &[0x55; 3000]), "not a tar archive"),
        (write("x.tar.xz", b"\xfd7zXZ\0aaaaaaaaaaaaaaaaaaa"), "xz"),
        (write("gz-noise.gz", &gzip(&[0x55; 3000])), "not a tar archive"),
        (write("folder/file", b"x").replace("/file", ""), "without an `oci-layout` file"),
        ("/dev/zero".to_owned(), "zero bytes"),
        ("/dev/null".to_owned(), "is empty"),
        (folder.path().join("nowhere.tar").display().to_string(), "does not exist"),
    ] {
        let message = failure(&[&input], None);
        assert!(message.contains(says), "{input}: {message}");
        assert!(message.trim_end().lines().count() == 1, "{message}");
        if folder.path().join(Path::new(&input).file_name().unwrap()).is_file() {
            let bytes = std::fs::read(&input).unwrap();
            failure(&["-"], Some(&bytes));
        }
    }
}

#[test]
fn documents_that_are_none() {
    let folder = folder();
    let bomb = "[".repeat(2_000_000);
    let named = |config: &str| json!([{"Config": config, "RepoTags": ["a:b"], "Layers": []}]).to_string().into_bytes();
    let huge = vec![b' '; 17 * 1024 * 1024];
    for (members, says) in [
        (vec![("manifest.json", bomb.clone().into_bytes())], "manifest.json can't be understood"),
        (vec![("manifest.json", b"{}".to_vec())], "manifest.json can't be understood"),
        (vec![("manifest.json", b"[]".to_vec())], "no image in it"),
        (vec![("manifest.json", huge)], "at most"),
        (vec![("manifest.json", named("c.json"))], "config c.json is not in the archive"),
        (vec![("manifest.json", named("c.json")), ("c.json", bomb.into_bytes())], "config can't be understood"),
        (vec![("manifest.json", named("../../etc/passwd"))], "not in the archive"),
        (
            vec![("index.json", json!({"manifests": [{"digest": "sha256:../../x"}]}).to_string().into_bytes())],
            "is not a digest",
        ),
        (vec![("index.json", json!({"manifests": []}).to_string().into_bytes())], "no image in it"),
    ] {
        let members: Vec<_> = members.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        let file = folder.write("bad.tar", &archive(&members));
        let message = failure(&[path(&file)], None);
        assert!(message.contains(says), "{says}: {message}");
    }
    // An index that names itself, many times over.
    let digest = format!("sha256:{}", "ab".repeat(32));
    let descriptor = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1});
    let index = json!({"manifests": vec![descriptor; 5000]}).to_string().into_bytes();
    let members = [("index.json".to_owned(), index.clone()), (format!("blobs/sha256/{}", "ab".repeat(32)), index)];
    failure(&[path(&folder.write("loop.tar", &archive(&members)))], None);
}

#[test]
fn archives_that_are_cut_off_anywhere() {
    let folder = folder();
    for (shape, compress) in
        [(Shape::V1, <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), (Shape::Docker, gzip), (Shape::Oci, zstd)]
    {
        let members = sample().compress(compress).members(shape);
        let tar = archive(&members);
        // Without its last padding and the end mark it is whole all the same.
        let last = members.last().unwrap().1.len();
        let content_end = tar.len() - 1024 - (last.next_multiple_of(512) - last);
        for cut in (0..content_end).step_by(611).chain([1, 511, 512, 513]) {
            let file = folder.write("cut.tar", &tar[..cut]);
            failure(&[path(&file), "--summary"], None);
            failure(&["-", "--summary"], Some(&tar[..cut]));
        }
        let zipped = gzip(&tar);
        for cut in (1..zipped.len() - 8).step_by(311) {
            failure(&["-", "--summary"], Some(&zipped[..cut]));
        }
    }
}

#[test]
fn a_hurt_layer_is_told_and_the_rest_is_shown() {
    let folder = folder();
    for compress in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
        let built = image()
            .layer([file("a", "1")])
            .layer([file("b", "2".repeat(5000)), file("c", "3")])
            .layer([file("d", "4")])
            .compress(compress);
        let mut members = built.members(Shape::Docker);
        let hurt = Digest::of(&built.blobs()[1]).blob();
        let blob = members.iter_mut().find(|(name, _)| *name == hurt).unwrap();
        let half = blob.1.len() / 2;
        blob.1.truncate(half);
        let file = folder.write("hurt.tar", &archive(&members));
        let output = explore(&["ls", path(&file)]);
        assert_eq!(output.status.code(), Some(2));
        let (listed, message) = (text(&output.stdout), text(&output.stderr));
        assert!(listed.starts_with("a\n") && listed.ends_with("d\n"), "{listed}");
        assert!(message.contains("layer 1") && message.contains("the rest is shown"), "{message}");
    }
}

#[test]
fn a_layer_that_is_something_else_is_told_from_every_place() {
    let folder = folder();
    let built =
        image().tar(vec![0x55; 3000]).tar(b"{}".to_vec()).tar(Vec::new()).tar(vec![0; 1024]).layer([file("a", "1")]);
    let tar = built.save(Shape::V1);
    let saved = folder.write("odd.tar", &tar);
    for output in [explore(&["ls", path(&saved)]), explore_with(&["ls", "-"], Some(&tar))] {
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "a\n");
        let message = text(&output.stderr);
        assert!(message.contains("layer 0") && message.contains("layer 1"), "{message}");
        assert!(!message.contains("layer 2") && !message.contains("layer 3"), "{message}");
    }
}

#[test]
fn wrong_digests() {
    let folder = folder();
    let built = sample();
    // Other content of the same length under the old name.
    let swap = |which: &str, shape: Shape, compress: fn(&[u8]) -> Vec<u8>| {
        let built = sample().compress(compress);
        let mut members = built.members(shape);
        let (manifest, _) = built.manifest();
        let name = match which {
            "layer" => Digest::of(&built.blobs()[0]).blob(),
            "config" => Digest::of(&built.config()).blob(),
            _ => Digest::of(&manifest).blob(),
        };
        let member = members.iter_mut().find(|(own, _)| *own == name).unwrap();
        match which {
            "layer" => {
                member.1 = compress(&crate::common::layer(&[
                    dir("etc"),
                    file("etc/motd", "HELLO\n"),
                    file("bin/sh", "y".repeat(2000)),
                ]));
            }
            _ => member.1.push(b' '),
        }
        path(&folder.write(&format!("{which}.tar"), &archive(&members))).to_owned()
    };
    for (which, compress) in
        [("layer", <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), ("layer", gzip), ("config", gzip), ("manifest", gzip)]
    {
        let file = swap(which, Shape::Oci, compress);
        let output = explore(&[&file, "--json", "--verify"]);
        assert_eq!(output.status.code(), Some(2), "{which}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["verification"]["state"], "failed", "{which}");
        let problems = found["verification"]["problems"].as_array().unwrap();
        let problem = problems.iter().filter_map(Value::as_str).find(|problem| problem.contains("sha256:")).unwrap();
        assert!(problem.contains(which), "{problem}");
        assert!(text(&output.stderr).contains(problem), "{}", text(&output.stderr));
    }
    // What comes for free is checked without being asked: documents, not layers.
    assert_eq!(explore(&[&swap("manifest", Shape::Oci, gzip), "--json"]).status.code(), Some(2));
    assert_eq!(explore(&[&swap("config", Shape::Oci, gzip), "--json"]).status.code(), Some(2));
    assert_eq!(explore(&[&swap("layer", Shape::Oci, <[u8]>::to_vec), "--json"]).status.code(), Some(0));
    let file = folder.write("good.tar", &built.save(Shape::Oci));
    assert_eq!(explore_json(&[path(&file), "--json"])["verification"]["state"], "partial");
}

#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let folder = folder();
    let file = folder.write("secret.tar", b"x");
    let program = folder.path().join("explore");
    std::fs::copy(env!("CARGO_BIN_EXE_explore"), &program).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(program);
    // Root reads everything, so it becomes nobody.
    if std::fs::read(&file).is_ok() {
        command.uid(65534);
    }
    let output = command.arg(&file).output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("ermission denied") && message.contains("secret.tar"), "{message}");
}

#[test]
fn a_bomb_needs_no_memory() {
    // 8 GB of zeros in a file of a layer, and an extension header that claims to be as long.
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(8 << 30);
    header.set_cksum();
    let zeros = vec![0; 64 << 20];
    let frame = zstd(&zeros);
    let mut blob = zstd(header.as_bytes());
    for _ in 0..128 {
        blob.extend_from_slice(&frame);
    }
    blob.extend(zstd(&[0; 1024]));
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"").to_string()]}}).to_string().into_bytes();
    let saved = json!([{"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["l.tar"]}]).to_string().into_bytes();
    let folder = folder();
    let file = folder.write(
        "bomb.tar",
        &archive(&[("c.json".into(), config.clone()), ("l.tar".into(), blob), ("manifest.json".into(), saved.clone())]),
    );
    let limited = |file: &Path| {
        crate::common::undisturbed(&mut std::process::Command::new("sh"))
            .args(["-c", "ulimit -v 1500000; exec \"$0\" \"$1\" --json"])
            .args([env!("CARGO_BIN_EXE_explore"), path(file)])
            .output()
            .unwrap()
    };
    let output = limited(&file);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["totals"]["content_bytes"], 8_u64 << 30);

    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(8 << 30);
    header.set_cksum();
    let mut blob = zstd(header.as_bytes());
    for _ in 0..128 {
        blob.extend_from_slice(&frame);
    }
    let file = folder.write(
        "name.tar",
        &archive(&[("c.json".into(), config), ("l.tar".into(), blob), ("manifest.json".into(), saved)]),
    );
    let output = limited(&file);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("longer than 1 MiB"), "{}", text(&output.stderr));
}

#[test]
fn hostile_texts_are_harmless_in_the_summary() {
    let folder = folder();
    let rows = json!([{"created_by": "RUN \u{1b}]0;owned\u{7} \u{202e}x"}, {"created_by": "RUN rm \u{1b}[2J"}]);
    let built = image()
        .name("evil\u{1b}[31m:latest")
        .layer([file("a\u{1b}[31m\u{202e}", "12345")])
        .layer([gone("a\u{1b}[31m\u{202e}")])
        .history(rows);
    let file = folder.write("image.tar", &built.save(Shape::Docker));
    let output = explore(&[path(&file)]);
    assert!(output.status.success());
    let all = [output.stdout, output.stderr].concat();
    assert!(!all.contains(&0x1b) && !all.contains(&7), "{}", text(&all));
    assert!(!text(&all).contains('\u{202e}'));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = folder();
    let many: Vec<_> = (0..20_000).map(|n| file(format!("d/{n}"), "")).collect();
    let saved = folder.write("image.tar", &image().layer(many).save(Shape::Docker));
    let run = format!("set -o pipefail; '{}' ls '{}' | head -1", env!("CARGO_BIN_EXE_explore"), path(&saved));
    let output = std::process::Command::new("bash").args(["-c", &run]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn completions_and_man_page() {
    for (what, has) in [
        ("man", ".TH explore"),
        ("bash", "_explore"),
        ("zsh", "#compdef explore"),
        ("fish", "complete -c explore"),
        ("powershell", "explore"),
        ("elvish", "explore"),
    ] {
        let output = explore(&["generate", what]);
        assert!(output.status.success() && text(&output.stdout).contains(has), "{what}");
    }
}

#[test]
fn every_flag_of_reading_has_a_variable() {
    let folder = folder();
    let saved = folder.write("image.tar", &sample().save(Shape::Docker));
    let state = |value: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_explore"));
        let command = crate::common::undisturbed(&mut command).args([path(&saved), "--json"]);
        let output = command.env("EXPLORE_VERIFY", value).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found["verification"]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!([state("1"), state("true"), state("0"), state("")], ["verified", "verified", "partial", "partial"]);
}

#[test]
fn the_base_image_is_read_from_the_history_or_given() {
    let folder = folder();
    let rows = json!([
        {"created": "2026-10-01T00:00:00Z", "created_by": "ADD root /"},
        {"created": "2026-10-01T00:00:00Z", "created_by": "CMD [\"sh\"]", "empty_layer": true},
        {"created": "2026-11-01T00:00:00Z", "created_by": "RUN a"},
        {"created": "2026-11-01T00:00:01Z", "created_by": "RUN b"},
    ]);
    let saved = folder.write("image.tar", &sample().history(rows).save(Shape::Docker));
    for (flags, base, own) in [
        (&[][..], json!([1, "history"]), 0),
        (&["--base-layers", "0"], json!([0, "given"]), 2006),
        (&["--base-layers", "99"], json!([3, "given"]), 0),
    ] {
        let found = explore_json(&[&[path(&saved), "--json"], flags].concat());
        assert_eq!(json!([found["base"]["layers"], found["base"]["evidence"]]), base);
        assert_eq!(found["waste"]["own_bytes"], own);
        assert_eq!(found["waste"]["base_bytes"], 2006 - own);
        let owner = if own == 0 { "base" } else { "own" };
        assert!(found["waste"]["findings"].as_array().unwrap().iter().all(|each| each["owner"] == owner));
    }
}

#[test]
fn rules_are_listed_and_explained() {
    let listed = text(&explore(&["rules"]).stdout);
    assert!(listed.lines().count() > 90 && listed.contains("apt-lists"), "{listed}");
    let one = text(&explore(&["rules", "apt-lists"]).stdout);
    assert!(one.contains("/var/lib/apt/lists/**") && one.contains("fix: RUN apt-get update"), "{one}");
    assert!(failure(&["rules", "apt-list"], None).contains("explore rules"));
}

#[test]
fn findings_name_the_cause_and_the_change() {
    let folder = folder();
    let built = |lists: usize| {
        image()
            .layer([file("bin/sh", "x")])
            .layer([
                file("var/lib/apt/lists/deb_Packages", "1".repeat(lists)),
                file("var/lib/apt/lists/deb_InRelease", "2"),
            ])
            .layer([file("usr/bin/curl", "3".repeat(300))])
            .layer([gone("var/lib/apt/lists")])
            .layer([file("srv/app/main.py", "4".repeat(500))])
            .layer([file("srv/app/main.py", "4".repeat(500)).owner(33, 33)])
            .history(json!([
                {"created_by": "/bin/sh -c #(nop) ADD file:0123456789abcdef in / "},
                {"created_by": "RUN /bin/sh -c apt-get update # buildkit"},
                {"created_by": "RUN /bin/sh -c apt-get install -y curl # buildkit"},
                {"created_by": "RUN /bin/sh -c rm -rf /var/lib/apt/lists # buildkit"},
                {"created_by": "COPY app /srv/app # buildkit"},
                {"created_by": "RUN /bin/sh -c chown -R www:www /srv/app # buildkit"},
            ]))
    };
    let saved = folder.write("image.tar", &built(900).save(Shape::Docker));
    let found = explore_json(&[path(&saved), "--json"]);
    let findings = found["waste"]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2, "{findings:#?}");
    let (lists, chown) = (&findings[0], &findings[1]);
    assert_eq!(
        (&lists["rule"], &lists["kind"], &lists["bytes"]),
        (&json!("apt-lists"), &json!("deleted"), &json!(901))
    );
    assert_eq!((&lists["stored_in"], &lists["caused_by"], &lists["fix_in"]), (&json!(1), &json!(3), &json!(1)));
    assert_eq!(lists["fix"], "RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists");
    assert_eq!(lists["paths"], json!([{"path": "var/lib/apt/lists", "bytes": 901, "files": 2}]));
    // Headers and padding included: 512 + 1024 and 512 + 512.
    assert_eq!(lists["tar_bytes"], 2560);
    assert_eq!((&chown["rule"], &chown["kind"], &chown["bytes"]), (&Value::Null, &json!("metadata"), &json!(500)));
    // The image has no list of users, so nobody knows the name where files are copied.
    assert_eq!(chown["fix"], "COPY --chown=33:33 app /srv/app");
    assert_eq!(chown["confirmed"], true);
    // The next build has other lists, and the same cause.
    let print = &lists["fingerprint"];
    let next = folder.write("next.tar", &built(1500).save(Shape::Docker));
    assert_eq!(explore_json(&[path(&next), "--json"])["waste"]["findings"][0]["fingerprint"], *print);
}

#[test]
fn timings_name_each_stage() {
    let folder = folder();
    let saved = folder.write("image.tar", &sample().save(Shape::Docker));
    let output = explore(&[path(&saved), "--timings"]);
    let stages: Vec<String> =
        text(&output.stderr).lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let all =
        ["documents", "tree", "content", "waste", "rules", "evidence", "duplicates", "judgement", "pull", "fixes"];
    assert_eq!(stages, all);
}
