//! Reading and saving what is in an image: from every kind of source, at every layer, and never a byte outside of the
//! directory that was named, whatever the image says.

#![cfg(unix)]

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{
    Entry, Folder, Shape, device, dir, explore, explore_with, fifo, file, folder, gone, gzip, hardlink, image, look,
    symlink, text, zstd,
};
use explore::content::{Peeked, ReadError, SaveError, Saved, Skip, peek, save};
use explore::inspect::Inspection;
use explore::source::Target;
use explore::tree::{EventRef, Lookup, NodeId};

/// An image on disk that was looked at.
struct Looked {
    target: Target,
    found: Inspection,
}

impl Looked {
    fn at(path: &Path) -> Self {
        Self { target: Target::parse(path.as_os_str()).unwrap(), found: look(path) }
    }

    fn of(folder: &Folder, built: &crate::common::ImageBuilder) -> Self {
        Self::at(&folder.write("image.tar", &built.save(Shape::Docker)))
    }

    fn place(&self, path: &str, layer: u16) -> (NodeId, EventRef) {
        match self.found.tree.lookup(path.as_bytes(), layer, false) {
            Lookup::Found(node, at) => (node, at),
            other => panic!("{path}: {other:?}"),
        }
    }

    fn peek(&self, path: &str, layer: u16, limit: u64) -> Result<Peeked, ReadError> {
        peek(&self.target, &self.found, self.place(path, layer).1, limit, &AtomicBool::new(false))
    }

    fn save_node(&self, node: NodeId, layer: u16, into: &Path) -> Result<Saved, SaveError> {
        save(&self.target, &self.found, node, layer, into, &AtomicBool::new(false), &mut |_| true)
    }

    fn save(&self, path: &str, layer: u16, into: &Path) -> Result<Saved, SaveError> {
        self.save_node(self.place(path, layer).0, layer, into)
    }
}

/// Everything below a directory, a path a line: what it is and holds.
fn listing(top: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left = vec![top.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let about = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(top).unwrap().display().to_string();
            lines.push(if about.is_dir() {
                left.push(path);
                format!("{name}/")
            } else if about.is_symlink() {
                format!("{name} -> {}", std::fs::read_link(&path).unwrap().display())
            } else {
                let content = std::fs::read(&path).unwrap();
                format!("{name}: {}", String::from_utf8_lossy(&content[..content.len().min(40)]))
            });
        }
    }
    lines.sort();
    lines
}

fn out(folder: &Folder) -> PathBuf {
    let out = folder.path().join("out");
    std::fs::create_dir_all(&out).unwrap();
    out
}

/// The same image, from every kind of place that passes again.
fn places(folder: &Folder, layers: &[Vec<Entry>]) -> Vec<(&'static str, PathBuf)> {
    let build = |compress: fn(&[u8]) -> Vec<u8>| image().compress(compress).layers(layers);
    let plain = build(<[u8]>::to_vec);
    // An archive whose layers are links to members that come before, or after.
    let mut linked = plain.members(Shape::V1);
    let (name, blob) = linked.iter().find(|(name, _)| name.ends_with("layer.tar")).cloned().unwrap();
    linked.retain(|(other, _)| *other != name);
    let mut tar = crate::common::archive(&linked);
    tar.truncate(tar.len() - 1024);
    tar.extend(crate::common::layer(&[symlink(&name, "../shared/blob"), file("shared/blob", blob)]));
    vec![
        ("plain", folder.write("plain.tar", &plain.save(Shape::Docker))),
        ("folders", folder.write("v1.tar", &plain.save(Shape::V1))),
        ("gzip layers", folder.write("gzip.tar", &build(gzip).save(Shape::Oci))),
        ("zstd layers", folder.write("zstd.tar", &build(zstd).save(Shape::Oci))),
        ("layout", folder.layout("layout", &build(gzip).members(Shape::Oci))),
        ("gzip outside", folder.write("outer.tar.gz", &gzip(&plain.save(Shape::Docker)))),
        ("gzip twice", folder.write("both.tar.gz", &gzip(&build(gzip).save(Shape::Docker)))),
        ("linked", folder.write("linked.tar", &tar)),
        ("linked, gzip outside", folder.write("linked.tar.gz", &gzip(&tar))),
    ]
}

#[test]
fn the_start_of_a_file_from_everywhere() {
    let folder = folder();
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let layers = [
        vec![file("first", "one"), file("large", &large), hardlink("again", "large"), file("empty", "")],
        vec![gone("large"), gone("first"), file("after", "three")],
    ];
    for (kind, path) in places(&folder, &layers) {
        let looked = Looked::at(&path);
        let peeked =
            |path, layer, limit| looked.peek(path, layer, limit).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let is = |bytes: &[u8], whole| Peeked { bytes: bytes.to_vec(), whole };
        assert_eq!(peeked("first", 0, 100), is(b"one", true), "{kind}");
        assert_eq!(peeked("first", 0, 3), is(b"one", true), "{kind}");
        assert_eq!(peeked("first", 0, 2), is(b"on", false), "{kind}");
        assert_eq!(peeked("first", 0, 0), is(b"", false), "{kind}");
        assert_eq!(peeked("empty", 1, 10), is(b"", true), "{kind}");
        assert_eq!(peeked("after", 1, 10), is(b"three", true), "{kind}");
        // Deleted later, and alive under its other name.
        assert_eq!(peeked("large", 0, 70_000), is(&large[..70_000], false), "{kind}");
        assert_eq!(peeked("again", 1, 1 << 40), is(&large, true), "{kind}");
        let (_, at) = looked.place("after", 1);
        let stopped = peek(&looked.target, &looked.found, at, 10, &AtomicBool::new(true));
        assert!(matches!(stopped, Err(ReadError::Stopped)), "{kind}: {stopped:?}");
    }
}

#[test]
fn what_has_no_content_says_so() {
    let folder = folder();
    let looked = Looked::of(&folder, &image().layer([dir("etc"), symlink("link", "etc"), hardlink("lost", "nowhere")]));
    for (path, says) in [("etc", "etc is a directory"), ("link", "link is a symlink"), ("lost", "lost is a hardlink")] {
        let error = looked.peek(path, 0, 10).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let piped = Looked { target: Target::parse("-".as_ref()).unwrap(), ..looked };
    let other = Looked::of(&folder, &image().layer([file("a", "b")]));
    let once = peek(&piped.target, &other.found, other.place("a", 0).1, 10, &AtomicBool::new(false));
    assert!(matches!(once, Err(ReadError::Once)), "{once:?}");
}

#[test]
fn holes_are_zeros_and_a_claim_costs_nothing() {
    let folder = folder();
    let tar = |size: &str| {
        let records: Vec<u8> =
            [("GNU.sparse.size", size), ("GNU.sparse.name", "d/sparse"), ("GNU.sparse.map", "4096,3,8192,2")]
                .iter()
                .flat_map(|(key, value)| crate::common::pax_record(key, value.as_bytes()))
                .collect();
        let mut tar = Vec::new();
        let about = file("d/made-up", "abcde");
        crate::common::raw(&mut tar, tar::EntryType::XHeader, b"pax", b"", &records, &about);
        crate::common::raw(&mut tar, tar::EntryType::Regular, b"d/made-up", b"", b"abcde", &about);
        tar.extend(crate::common::layer(&[file("d/other", "here")]));
        tar
    };
    let eight_gib = 8_u64 << 30;
    let looked = Looked::of(&folder, &image().tar(tar(&eight_gib.to_string())));
    let start = looked.peek("d/sparse", 0, 8194).unwrap();
    assert_eq!((start.bytes.len(), start.whole), (8194, false));
    assert_eq!((&start.bytes[4095..4100], &start.bytes[8192..]), (&b"\0abc\0"[..], &b"de"[..]));
    let into = out(&folder);
    looked.save("d", 0, &into).unwrap();
    let about = std::fs::metadata(into.join("d/sparse")).unwrap();
    assert_eq!(about.len(), eight_gib);
    assert!(about.blocks() * 512 < 1 << 20, "{} blocks were written", about.blocks());
    // More than any file system here can hold: the rest is saved.
    let looked = Looked::of(&folder, &image().tar(tar(&((1_u64 << 53) - 1).to_string())));
    let saved = looked.save("d", 0, &into).unwrap();
    match &saved.skipped[..] {
        [] => assert_eq!(std::fs::metadata(saved.path.join("sparse")).unwrap().len(), (1 << 53) - 1),
        [(path, Skip::TooLarge(_))] => assert_eq!(path, "d/sparse"),
        other => panic!("{other:?}"),
    }
    assert_eq!(std::fs::read(saved.path.join("other")).unwrap(), b"here");
}

fn everything() -> [Vec<Entry>; 3] {
    [
        vec![
            dir("app").mode(0o2750).mtime(1_500_000_000),
            file("app/run", "#!/bin/sh\n").mode(0o6755).mtime(1_600_000_000),
            file("app/quiet", "secret").mode(0o400),
            file("app/none", "x").mode(0),
            dir("app/locked").mode(0o500),
            file("app/locked/in", "inside"),
            symlink("app/absolute", "/etc/passwd"),
            symlink("app/climbing", "../../../../etc/passwd"),
            hardlink("app/twin", "app/run"),
            file("outside", "from outside"),
            hardlink("app/inside", "outside"),
            fifo("app/pipe"),
            device("app/null"),
            hardlink("app/lost", "nowhere"),
            file("app/old", "old"),
        ],
        vec![file("app/implied/deep/file", "deep"), gone("outside"), file("app/old", "new")],
        vec![gone("app/implied"), gone("app/old")],
    ]
}

#[test]
fn a_folder_as_it_was_from_everywhere() {
    let folder = folder();
    for (kind, path) in places(&folder, &everything()) {
        let looked = Looked::at(&path);
        let into = folder.path().join(format!("out {kind}"));
        std::fs::create_dir(&into).unwrap();
        let mut calls = Vec::new();
        let saved = save(
            &looked.target,
            &looked.found,
            looked.place("app", 1).0,
            1,
            &into,
            &AtomicBool::new(false),
            &mut |progress| {
                calls.push(progress);
                true
            },
        )
        .unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(saved.path, into.join("app"));
        let top = &saved.path;
        let about = |name: &str| std::fs::symlink_metadata(top.join(name)).unwrap();
        let mode = |name: &str| about(name).permissions().mode() & 0o7777;
        // The first dirs lose setgid, files setuid and setgid; the rest is kept.
        for (name, want) in
            [("", 0o750), ("run", 0o755), ("quiet", 0o400), ("none", 0), ("locked", 0o500), ("implied", 0o755)]
        {
            assert_eq!(mode(name), want, "{kind}: {name}");
        }
        // Its mode keeps even its owner from reading it.
        std::fs::set_permissions(top.join("none"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let names: Vec<String> = listing(&into);
        assert_eq!(
            names,
            [
                "app/",
                "app/absolute -> /etc/passwd",
                "app/climbing -> ../../../../etc/passwd",
                "app/implied/",
                "app/implied/deep/",
                "app/implied/deep/file: deep",
                "app/inside: from outside",
                "app/locked/",
                "app/locked/in: inside",
                "app/none: x",
                "app/old: new",
                "app/quiet: secret",
                "app/run: #!/bin/sh\n",
                "app/twin: #!/bin/sh\n",
            ],
            "{kind}"
        );
        assert_eq!((saved.files, saved.bytes), (10, 10 + 6 + 1 + 6 + 12 + 3 + 4), "{kind}");
        assert_eq!((about("").mtime(), about("run").mtime()), (1_500_000_000, 1_600_000_000), "{kind}");
        assert_eq!(about("absolute").mtime(), 1_700_000_000, "{kind}");
        assert_eq!(about("run").ino(), about("twin").ino(), "{kind}: hard links stay together");
        let mut skipped = saved.skipped.clone();
        skipped.sort_by(|a, b| a.0.cmp(&b.0));
        let skipped: Vec<String> = skipped.iter().map(|(path, why)| format!("{path}: {why}")).collect();
        assert_eq!(
            skipped,
            ["app/lost: a hard link to nothing", "app/null: a char is not made", "app/pipe: a fifo is not made"],
            "{kind}"
        );
        assert!(!saved.is_short());
        let last = calls.last().unwrap();
        assert_eq!((last.of_files, last.of_bytes), (7, 42), "{kind}");
        // Before and after.
        assert!(std::fs::read(looked.save("app/old", 0, &into).unwrap().path).unwrap() == b"old", "{kind}");
        let absent = looked.save_node(looked.place("app/old", 0).0, 2, &into).unwrap_err();
        assert_eq!(absent.to_string(), "app/old is not there after layer 2", "{kind}");
        // What can't be removed by its mode alone is of no use to who cleans up.
        std::fs::set_permissions(top.join("locked"), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn the_whole_file_system_and_single_things() {
    let folder = folder();
    let looked = Looked::of(&folder, &image().layer([file("a/b", "1"), symlink("c", "a"), fifo("pipe")]));
    let into = out(&folder);
    let saved = looked.save_node(NodeId::ROOT, 0, &into).unwrap();
    assert_eq!(saved.path, into.join("rootfs"));
    assert_eq!(listing(&into), ["rootfs/", "rootfs/a/", "rootfs/a/b: 1", "rootfs/c -> a"]);
    assert_eq!(looked.save("c", 0, &into).unwrap().path, into.join("c"));
    assert_eq!(std::fs::read_link(into.join("c")).unwrap(), Path::new("a"));
    let error = looked.save("pipe", 0, &into).unwrap_err().to_string();
    assert_eq!(error, "pipe is not saved: a fifo is not made");
    assert!(!into.join("pipe").exists());
}

#[test]
fn nothing_is_replaced() {
    let folder = folder();
    let looked = Looked::of(&folder, &image().layer([file("etc/conf", "image's"), symlink("link", "x")]));
    let into = out(&folder);
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    // A folder that exists, even an empty one, a link to a folder, and a link to nowhere.
    std::fs::create_dir(into.join("etc")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, into.join("etc.1")).unwrap();
    std::os::unix::fs::symlink("nowhere", into.join("etc.2")).unwrap();
    std::fs::write(into.join("conf"), "mine").unwrap();
    assert_eq!(looked.save("etc", 0, &into).unwrap().path, into.join("etc.3"));
    assert_eq!(looked.save("etc/conf", 0, &into).unwrap().path, into.join("conf.1"));
    assert_eq!(looked.save("etc/conf", 0, &into).unwrap().path, into.join("conf.2"));
    looked.save("link", 0, &into).unwrap();
    assert_eq!(looked.save("link", 0, &into).unwrap().path, into.join("link.1"));
    assert_eq!(
        listing(&into),
        [
            "conf.1: image's".to_owned(),
            "conf.2: image's".to_owned(),
            "conf: mine".to_owned(),
            format!("etc.1 -> {}", elsewhere.display()),
            "etc.2 -> nowhere".to_owned(),
            "etc.3/".to_owned(),
            "etc.3/conf: image's".to_owned(),
            "etc/".to_owned(),
            "link -> x".to_owned(),
            "link.1 -> x".to_owned(),
        ]
    );
    assert!(listing(&elsewhere).is_empty());
}

#[test]
fn nothing_leads_out() {
    let folder = folder();
    let victim = folder.path().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("kept"), "as it was").unwrap();
    let to = victim.to_str().unwrap();
    let built = image()
        .layer([
            file("d/../../escaped", "x"),
            file("../escaped", "x"),
            file("/absolute", "x"),
            symlink("d/link", to),
            file("d/link/through", "x"),
            symlink("d/file", format!("{to}/kept")),
            file("d/file", "overwritten"),
            symlink("d/up", ".."),
            file("d/up/up", "x"),
            hardlink("d/hard", "../../etc/passwd"),
            hardlink("d/hard2", format!("{to}/kept")),
            symlink("d/later", to),
        ])
        .layer([file("d/later/evil", "x"), file("d/kept", "y"), symlink("d/self", "self"), symlink("d/top", "../d")]);
    let looked = Looked::of(&folder, &built);
    let into = out(&folder);
    for layer in [0, 1] {
        let saved = looked.save_node(NodeId::ROOT, layer, &into).unwrap();
        assert!(saved.path.starts_with(&into));
    }
    assert_eq!(listing(&victim), ["kept: as it was"]);
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["image.tar", "out", "victim"]);
    let all = listing(&into.join("rootfs.1"));
    assert!(
        all.contains(&"d/later/evil: x".to_owned()) && all.contains(&format!("{}/through: x", &to[1..])),
        "{all:#?}"
    );
    assert!(!Path::new("/absolute").exists());
}

#[test]
fn names_that_no_file_system_takes() {
    let folder = folder();
    let long = "n".repeat(300);
    let nul = [b"d/", &b"z".repeat(120)[..], b"\0y"].concat();
    let hostile = ["\u{1b}[31mred", "new\nline", "\u{202e}gnp.exe", "-rf", "back\\slash", "sp ace", "*"];
    let mut entries: Vec<Entry> = hostile.iter().map(|name| file(format!("d/{name}"), "x")).collect();
    entries.push(file(b"d/latin\xe9", "x"));
    entries.push(file(format!("d/{long}/below"), "x"));
    entries.push(file(format!("d/{long}2"), "x"));
    entries.push(file(&nul, "x"));
    entries.push(symlink("d/empty", ""));
    entries.push(symlink("d/long", "t".repeat(5000)));
    entries.push(file("d/last", "y"));
    let looked = Looked::of(&folder, &image().layer(entries));
    let into = out(&folder);
    let saved = looked.save("d", 0, &into).unwrap();
    let there: Vec<Vec<u8>> = std::fs::read_dir(&saved.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().as_os_str().as_bytes().to_vec())
        .collect();
    for name in hostile.iter().map(|name| name.as_bytes()).chain([&b"latin\xe9"[..], b"last"]) {
        assert!(there.contains(&name.to_vec()), "{} is lacking", String::from_utf8_lossy(name));
    }
    assert_eq!(there.len(), hostile.len() + 2);
    assert!(saved.is_short());
    for (path, why) in &saved.skipped {
        assert!(matches!(why, Skip::Name(_)), "{path}: {why}");
        assert!(!path.contains(char::is_control), "{path:?}");
    }
    // The long link is ignored when the image is read.
    assert_eq!(saved.skipped.len(), 4, "{:?}", saved.skipped);
    let error = looked.save(&format!("d/{long}2"), 0, &into).unwrap_err().to_string();
    assert!(error.contains("its name can't be written here: File name too long"), "{error}");
    assert_eq!(listing(&into).iter().filter(|line| !line.starts_with("d/")).count(), 0);
}

#[test]
fn a_tree_deeper_than_files_may_be_open() {
    let folder = folder();
    let deep = vec!["d"; 1500].join("/");
    let looked = Looked::of(&folder, &image().layer([file(format!("{deep}/end"), "deep"), file("d/near", "near")]));
    let into = out(&folder);
    let mut calls = 0;
    let stopped =
        save(&looked.target, &looked.found, NodeId::ROOT, 0, &into, &AtomicBool::new(false), &mut |progress| {
            calls += 1;
            progress.files == 0
        });
    assert!(matches!(stopped, Err(SaveError::Stopped)) && calls > 1, "{stopped:?}");
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0, "all of it is removed again");
    let saved = looked.save_node(NodeId::ROOT, 0, &into).unwrap();
    assert_eq!((saved.files, saved.skipped.len()), (2, 0));
    // A path of 3,000 bytes is still one that can be opened.
    assert_eq!(std::fs::read(saved.path.join(deep).join("end")).unwrap(), b"deep");
}

#[test]
fn stopped_or_failed_nothing_is_left() {
    let folder = folder();
    let big = vec![7; 3 << 20];
    let layers = [vec![
        dir("d").mode(0o555),
        dir("d/e").mode(0o000),
        file("d/e/one", &big),
        file("d/two", &big),
        symlink("d/link", "two"),
    ]];
    for (kind, path) in places(&folder, &layers) {
        let looked = Looked::at(&path);
        let into = out(&folder);
        let node = looked.place("d", 0).0;
        for after in [0, 1, 3, 5] {
            let mut calls = 0;
            let done = save(&looked.target, &looked.found, node, 0, &into, &AtomicBool::new(false), &mut |_| {
                calls += 1;
                calls <= after
            });
            assert!(matches!(done, Err(SaveError::Stopped)), "{kind} {after}: {done:?}");
            assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0, "{kind} {after}");
        }
        let stop = AtomicBool::new(false);
        let done = save(&looked.target, &looked.found, node, 0, &into, &stop, &mut |progress| {
            stop.store(progress.bytes > 4 << 20, Ordering::Relaxed);
            true
        });
        assert!(matches!(done, Err(SaveError::Stopped)), "{kind}: {done:?}");
        assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0, "{kind}");
    }
    let looked = Looked::of(&folder, &image().layer([file("a", "b")]));
    let nowhere = folder.path().join("no/such");
    let error = looked.save("a", 0, &nowhere).unwrap_err().to_string();
    assert!(error.contains("no/such: No such file or directory"), "{error}");
    let error = looked.save("a", 0, &folder.write("plain", b"")).unwrap_err().to_string();
    assert!(error.contains("plain: Not a directory"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_left_is_removed_the_next_time() {
    let folder = folder();
    let looked = Looked::of(&folder, &image().layer([file("a", "b")]));
    let into = out(&folder);
    for name in [".explore-1-0.part", ".explore-2-0.part", ".explore-notes.part"] {
        std::fs::create_dir_all(into.join(name).join("lib")).unwrap();
        std::fs::write(into.join(name).join("lib/half"), "of a file").unwrap();
    }
    std::os::unix::fs::symlink(folder.path(), into.join(".explore-3-0.part")).unwrap();
    // Another process writes there.
    let other = std::fs::File::open(into.join(".explore-2-0.part")).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    looked.save("a", 0, &into).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".explore-2-0.part", ".explore-3-0.part", ".explore-notes.part", "a"]);
    assert!(into.join(".explore-2-0.part/lib/half").exists());
}

#[test]
fn what_broke_off_is_told_and_the_rest_is_saved() {
    let folder = folder();
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let built = image()
        .compress(gzip)
        .layer([file("d/first", "1"), file("d/second", &noise), file("d/third", "3")])
        .layer([file("d/other", "4")]);
    let path = folder.layout("layout", &built.members(Shape::Oci));
    let looked = Looked::at(&path);
    let into = out(&folder);
    assert!(looked.save("d", 0, &into).unwrap().skipped.is_empty());
    // The blob is damaged after it was indexed.
    let blob = path.join(&looked.found.image.layers[0].member);
    let mut bytes = std::fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(&blob, &bytes).unwrap();
    let saved = looked.save("d", 1, &into).unwrap();
    assert_eq!(saved.path, into.join("d.1"));
    assert_eq!(listing(&saved.path), ["first: 1", "other: 4"]);
    let mut skipped: Vec<&str> = saved.skipped.iter().map(|(path, _)| path.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["d/second", "d/third"]);
    assert!(saved.is_short() && saved.skipped.iter().all(|(_, why)| why.to_string().contains("layer 0")));
    let error = looked.save("d/second", 0, &into).unwrap_err().to_string();
    assert!(error.starts_with("d/second is not saved: its content can't be read: layer 0"), "{error}");
    // Another image in its place.
    let other = image().compress(gzip).layer([file("d/FIRST", "1")]).blobs().remove(0);
    std::fs::write(&blob, other).unwrap();
    let error = looked.save("d/first", 0, &into).unwrap_err().to_string();
    assert!(error.contains("layer 0 has changed since it was indexed"), "{error}");
    std::fs::remove_file(&blob).unwrap();
    let saved = looked.save("d", 1, &into).unwrap();
    assert_eq!(listing(&saved.path), ["other: 4"]);
    assert!(saved.skipped[0].1.to_string().contains("layer 0 is not in the archive"), "{:?}", saved.skipped);
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 3);
}

#[test]
fn an_image_that_names_one_blob_twice() {
    let folder = folder();
    let twice = vec![file("a/x", "1"), file("a/y", "2"), hardlink("a/z", "a/y")];
    let built = image().compress(gzip).layer(twice.clone()).layer([gone("a/x")]).layer(twice);
    let looked = Looked::of(&folder, &built);
    let into = out(&folder);
    looked.save("a", 2, &into).unwrap();
    assert_eq!(listing(&into), ["a/", "a/x: 1", "a/y: 2", "a/z: 2"]);
}

#[test]
fn a_layer_is_passed_over_once_however_many_files_it_has() {
    let folder = folder();
    let entries: Vec<Entry> =
        (0..20_000).map(|n| file(format!("d/{}/{n}", n % 100), format!("{n}").repeat(100))).collect();
    let path = folder.write("image.tar.gz", &gzip(&image().compress(gzip).layer(entries).save(Shape::Docker)));
    let looked = Looked::at(&path);
    let begun = std::time::Instant::now();
    let saved = looked.save("d", 0, &out(&folder)).unwrap();
    assert_eq!((saved.files, saved.skipped.len()), (20_000, 0));
    assert_eq!(std::fs::read(saved.path.join("99/19999")).unwrap(), b"19999".repeat(100));
    // A pass takes a tenth of a second; 20,000 of them would take an hour.
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
}

#[test]
fn extract_says_where_it_is() {
    let folder = folder();
    let path = folder.write("image.tar", &image().layers(&everything()).save(Shape::Docker));
    let image = path.to_str().unwrap();
    let into = folder.path().join("made");
    let done = explore(&["extract", image, "/app/run", "-o", into.to_str().unwrap()]);
    assert_eq!(text(&done.stdout), format!("{}/run: 1 file, 10 B\n", into.display()), "{}", text(&done.stderr));
    assert!(done.status.success());
    let done = explore(&["extract", image, "app", "--layer", "0", "-o", into.to_str().unwrap()]);
    assert!(done.status.success() && text(&done.stderr).contains("app/pipe: a fifo is not made"));
    // A link is followed inside of the image, as `cat` does.
    let linked = folder.write(
        "linked.tar",
        &crate::common::image().layer([file("lib/real", "r"), symlink("bin", "lib")]).save(Shape::Docker),
    );
    let done = explore(&["extract", linked.to_str().unwrap(), "bin/real", "-o", into.to_str().unwrap()]);
    assert!(text(&done.stdout).ends_with("/real: 1 file, 1 B\n"));
    for (arguments, says) in [
        (&["extract", image, "/nothing"][..], "nothing is not in the image"),
        (&["extract", image, "app/old"], "layer 2 takes it away; `--layer 1` shows it"),
        (&["extract", image, "app", "--layer", "9"], "there is no layer 9"),
        (&["extract", image, "app", "-o", "/no/such/place"], "nothing can be saved to /no/such/place"),
        (&["extract", image, "app/pipe", "-o", into.to_str().unwrap()], "a fifo is not made"),
    ] {
        let done = explore(arguments);
        assert!(done.status.code() == Some(2) && text(&done.stderr).contains(says), "{}", text(&done.stderr));
    }
}

#[test]
fn from_standard_input_what_was_kept_in_passing() {
    let folder = folder();
    let archive = image().layers(&everything()).save(Shape::Docker);
    let into = out(&folder);
    let into = into.to_str().unwrap();
    let done = explore_with(&["extract", "-", "app/run", "-o", into], Some(&archive));
    assert_eq!(text(&done.stdout), format!("{into}/run: 1 file, 10 B\n"), "{}", text(&done.stderr));
    let done = explore_with(&["extract", "-", "app", "-o", into], Some(&archive));
    assert!(done.status.code() == Some(2) && text(&done.stderr).contains("standard input passes only once"));
    assert_eq!(listing(Path::new(into)), ["run: #!/bin/sh\n"]);
}

#[test]
fn interrupted_it_cleans_up() {
    let folder = folder();
    let entries: Vec<Entry> = (0..30_000).map(|n| file(format!("d/{n}"), "x")).collect();
    let path = folder.write("image.tar", &image().layer(entries).save(Shape::Docker));
    let into = out(&folder);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_explore"))
        .args(["extract", path.to_str().unwrap(), "d", "-o", into.to_str().unwrap()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while std::fs::read_dir(&into).unwrap().count() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it was over before it could be interrupted");
    }
    assert!(
        std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success()
    );
    let done = child.wait_with_output().unwrap();
    assert_eq!(
        (done.status.code(), text(&done.stderr)),
        (Some(2), "explore: stopped; nothing is left of it\n".to_owned())
    );
    assert_eq!(std::fs::read_dir(&into).unwrap().count(), 0);
}
