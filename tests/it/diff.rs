//! Two images held against each other: what counts, what is told, and one tree that shows it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use crate::common::{
    Entry, Folder, ImageBuilder, Shape, dir, explore, explore_with, file, folder, gone, gzip, hardlink, image, look,
    symlink, text,
};
use explore::compare::{CompareOptions, Comparison, compare};
use explore::source::Target;
use explore::tree::{Change, EventKind, Folders, Range, Rows, Tree, View};
use proptest::prelude::*;
use serde_json::{Value, json};

fn base() -> Vec<Entry> {
    vec![file("etc/os-release", "ID=debian"), file("bin/tool", vec![7; 40_000]).mode(0o755), file("doc/a", "words")]
}

fn rows(instructions: &[&str]) -> Value {
    instructions.iter().map(|text| json!({"created_by": text})).collect()
}

struct Pair {
    folder: Folder,
    before: PathBuf,
    after: PathBuf,
}

fn pair(before: &ImageBuilder, after: &ImageBuilder) -> Pair {
    let folder = folder();
    let before = folder.write("before.tar", &before.save(Shape::Docker));
    let after = folder.write("after.tar", &after.save(Shape::Docker));
    Pair { folder, before, after }
}

impl Pair {
    fn diff(&self, flags: &[&str]) -> Output {
        let images = ["diff", self.before.to_str().unwrap(), self.after.to_str().unwrap(), "--no-cache"];
        explore(&[&images[..], flags].concat())
    }

    fn json(&self, flags: &[&str]) -> Value {
        let output = self.diff(&[&["--format", "json"], flags].concat());
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string("docs/diff.schema.json").unwrap()).unwrap();
        let errors: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(output.status.code(), Some(i32::from(document["differs"] == true)));
        document
    }

    fn compare(&self) -> Comparison {
        let target = |path: &PathBuf| Target::parse(path.as_os_str()).unwrap();
        let (a, b) = (target(&self.before), target(&self.after));
        compare((&a, &look(&self.before)), (&b, &look(&self.after)), CompareOptions::default()).unwrap()
    }
}

/// `added doc/b`, `modified etc/motd: content, mode`.
fn files(document: &Value) -> Vec<String> {
    let files = document["files"].as_array().unwrap().iter();
    let line = |file: &Value| {
        let differs: Vec<&str> =
            file["differs"].as_array().unwrap().iter().map(|each| each.as_str().unwrap()).collect();
        let differs = if differs.is_empty() { String::new() } else { format!(": {}", differs.join(", ")) };
        format!("{} {}{differs}", file["change"].as_str().unwrap(), file["path"].as_str().unwrap())
    };
    files.map(line).collect()
}

#[test]
fn content_that_is_stored_and_hidden_is_compared() {
    let folder = folder();
    let built = |letter: u8| {
        image()
            .layer([file("keep", "k")])
            .layer([file("big", vec![letter; 1_200_000]), file("also", "a")])
            .layer([gone("big")])
            .history(json!([{"created_by": "ADD a /"}, {"created_by": "RUN b"}, {"created_by": "RUN c"}]))
    };
    let save = |name: &str, image: &ImageBuilder| folder.write(name, &image.save(Shape::Docker)).display().to_string();
    let (one, other) = (save("one.tar", &built(b'x')), save("other.tar", &built(b'y')));
    let output = explore(&["diff", &one, &other]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let last = "verdict: different: 1 file that is stored and not in the final file system (1.2 MB)\n";
    assert!(text(&output.stdout).ends_with(last), "{}", text(&output.stdout));
    let found: Value = serde_json::from_slice(&explore(&["diff", &one, &other, "--format", "json"]).stdout).unwrap();
    assert_eq!((&found["differs"], &found["summary"]["hidden_bytes"]), (&json!(true), &json!(1_200_000)));
    // Times alone change the digest of a layer and nothing of its content.
    let mut later = built(b'x');
    later.tars[1] = crate::common::layer(&[file("big", vec![b'x'; 1_200_000]).mtime(1_800_000_000), file("also", "a")]);
    let output = explore(&["diff", &one, &save("later.tar", &later)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn an_image_equals_itself() {
    let own = pair(&image().layer(base()), &image().layer(base()));
    let output = own.diff(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("verdict: equal\n"));
    let document = own.json(&["--strict"]);
    assert_eq!(document["layers"][0]["pairing"], "same");
    assert_eq!(text(&own.diff(&["--format", "markdown"]).stdout), "");
}

#[test]
fn each_way_to_differ_is_told() {
    let before = [
        file("content", "one"),
        file("mode", "same").mode(0o644),
        file("owner", "same").owner(0, 0),
        file("xattr", "same"),
        file("kind", "same"),
        symlink("target", "one"),
        file("grown", "short"),
        file("gone/deep/file", "text"),
        file("same", "same"),
        file("folder-first", "text"),
        file("file-first/inside", "text"),
        file("many", "x").mode(0o600),
    ];
    let after = [
        file("content", "two"),
        file("mode", "same").mode(0o600),
        file("owner", "same").owner(33, 0),
        file("xattr", "same").xattr("user.note", b"x"),
        symlink("kind", "same"),
        symlink("target", "two"),
        file("grown", "longer text"),
        file("new/deep/file", "text"),
        file("same", "same"),
        file("folder-first/inside", "text"),
        file("file-first", "text"),
        file("many", "y").mode(0o640).owner(1, 1),
    ];
    let document = pair(&image().layer(before), &image().layer(after)).json(&[]);
    assert_eq!(
        files(&document),
        [
            "modified content: content",
            "modified file-first: kind, mode",
            "removed file-first/inside",
            "modified folder-first: kind, mode",
            "added folder-first/inside",
            "removed gone",
            "removed gone/deep",
            "removed gone/deep/file",
            "modified grown: content",
            "modified kind: kind, mode",
            "modified many: content, mode, owner",
            "modified mode: mode",
            "added new",
            "added new/deep",
            "added new/deep/file",
            "modified owner: owner",
            "modified target: target",
            "modified xattr: xattrs",
        ]
    );
    let summary =
        json!({"added": 4, "modified": 10, "removed": 4, "only_times": 0, "hidden_files": 0, "hidden_bytes": 0});
    assert_eq!(document["summary"], summary);
}

#[test]
fn times_count_only_when_asked() {
    let at =
        |mtime| image().layer([file("a", "same").mtime(mtime), dir("d").mtime(mtime)]).history(rows(&["COPY a d /"]));
    let own = pair(&at(1), &at(2));
    let document = own.json(&[]);
    assert_eq!((&document["differs"], &document["summary"]["only_times"]), (&json!(false), &json!(2)));
    assert_eq!(document["layers"][0]["pairing"], "rebuilt");
    let said = text(&own.diff(&[]).stdout);
    assert!(
        said.ends_with("verdict: equal (the times of 2 paths differ, which do not count without --strict)\n"),
        "{said}"
    );
    let document = own.json(&["--strict"]);
    assert_eq!(files(&document), ["modified a: time", "modified d: time"]);
}

#[test]
fn where_the_bytes_are_stored_does_not_matter_for_files() {
    // The same files from one layer, from three with a detour, and compressed.
    let once = image().layer([file("a", "same"), file("b", "same too")]).history(rows(&["COPY . /"]));
    let detour = image()
        .layer([file("a", "other"), file("c", "text")])
        .layer([gone("c"), file("b", "same too")])
        .layer([file("a", "same")]);
    let document = pair(&once, &detour).json(&[]);
    assert_eq!(files(&document), [""; 0]);
    assert_eq!(document["differs"], true, "layers and waste differ");
    let pairings: Vec<&str> =
        document["layers"].as_array().unwrap().iter().map(|layer| layer["pairing"].as_str().unwrap()).collect();
    assert_eq!(pairings, ["gone", "new", "new", "new"]);
    let zipped = ImageBuilder { compress: gzip, ..once.clone() };
    assert_eq!(pair(&once, &zipped).json(&[])["differs"], false);
}

#[test]
fn any_two_sources_can_be_compared() {
    let before = image().layer(base()).layer([file("etc/motd", "one")]);
    let after = image().layer(base()).layer([file("etc/motd", "two")]).compress(gzip);
    let folder = folder();
    let one = folder.write("one.tar", &before.save(Shape::V1));
    let two = folder.layout("two", &after.members(Shape::Oci));
    let output = explore(&["diff", one.to_str().unwrap(), two.to_str().unwrap(), "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(files(&document), ["modified etc/motd: content"]);
    let piped = explore_with(
        &["diff", "-", one.to_str().unwrap(), "--format", "json"],
        Some(&gzip(&after.save(Shape::Docker))),
    );
    let document: Value = serde_json::from_slice(&piped.stdout).unwrap_or_else(|_| panic!("{}", text(&piped.stderr)));
    assert_eq!(files(&document), ["modified etc/motd: content"]);
    let twice = explore_with(&["diff", "-", "-"], Some(b""));
    assert_eq!(twice.status.code(), Some(2));
    assert!(text(&twice.stderr).contains("passes only once"));
}

#[test]
fn layers_are_aligned_by_digest_and_then_by_instruction() {
    let before = image().layer(base()).layer([file("a", "1")]).layer([file("b", "1")]).history(rows(&[
        "ADD rootfs /",
        "RUN one",
        "COPY b /",
    ]));
    let after = image()
        .layer(base())
        .layer([file("x", "1")])
        .layer([file("a", "2")])
        .layer([file("b", "1")])
        .history(rows(&["ADD rootfs /", "RUN more", "RUN one", "COPY b /"]));
    let document = pair(&before, &after).json(&[]);
    let told: Vec<(Value, Value, Value)> = document["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| (layer["pairing"].clone(), layer["before"].clone(), layer["after"].clone()))
        .collect();
    let row = |pairing: &str, before: Value, after: Value| (json!(pairing), before, after);
    assert_eq!(
        told,
        [
            row("same", json!(0), json!(0)),
            row("new", Value::Null, json!(1)),
            row("rebuilt", json!(1), json!(2)),
            row("same", json!(2), json!(3)),
        ]
    );
}

#[test]
fn waste_that_came_and_went_is_told_by_cause() {
    let with = |size: usize| {
        image()
            .layer(base())
            .layer([file("var/lib/apt/lists/x_Packages", vec![1; size])])
            .layer([file("root/.cache/pip/http/y", vec![2; 50_000])])
            .history(rows(&[
                "ADD rootfs /",
                "RUN /bin/sh -c apt-get update # buildkit",
                "RUN /bin/sh -c pip install x # buildkit",
            ]))
    };
    let without = image()
        .layer(base())
        .layer([file("var/lib/apt/lists/x_Packages", vec![1; 90_000])])
        .history(rows(&["ADD rootfs /", "RUN /bin/sh -c apt-get update # buildkit"]));
    let document = pair(&with(60_000), &without).json(&[]);
    let told: Vec<String> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| {
            format!("{} {} {} {}", each["fate"], each["rule"], each["before_bytes"], each["after_bytes"])
                .replace('"', "")
        })
        .collect();
    assert_eq!(told, ["gone pip-cache 50000 0", "grown apt-lists 60000 90000"]);
    let back = pair(&without, &with(60_000)).json(&[]);
    assert_eq!((&back["findings"][0]["fate"], &back["findings"][1]["fate"]), (&json!("new"), &json!("shrunk")));
}

#[test]
fn settings_differ_one_by_one_and_secrets_stay_hidden() {
    let run = |user: &str, token: &str| {
        json!({
            "User": user, "Env": ["PATH=/bin", format!("API_TOKEN={token}"), "EMPTY="], "Entrypoint": ["/app"],
            "ExposedPorts": {"80/tcp": {}}, "Labels": {"version": user}, "StopSignal": "SIGTERM",
        })
    };
    let before = image().layer(base()).run(run("root", "aaaa-bbbb-cccc-dddd"));
    let after = image().layer(base()).run(json!({
        "User": "app", "Env": ["PATH=/bin:/sbin", "NEW=1"], "Entrypoint": ["/app", "-v"], "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
        "Labels": {"version": "2"}, "StopSignal": "SIGTERM",
    }));
    let after = after.platform("linux", "arm64", Some("v8"));
    let own = pair(&before, &after);
    let document = own.json(&[]);
    let told: Vec<String> = document["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| format!("{}: {} -> {}", each["key"].as_str().unwrap(), each["before"], each["after"]))
        .collect();
    assert_eq!(
        told,
        [
            r#"platform: "linux/amd64" -> "linux/arm64/v8""#,
            r#"user: "root" -> "app""#,
            r#"entrypoint: "[\"/app\"]" -> "[\"/app\",\"-v\"]""#,
            r#"ports: "80/tcp" -> "443/tcp, 80/tcp""#,
            r#"env PATH: "/bin" -> "/bin:/sbin""#,
            r#"env API_TOKEN: "(hidden, 19 characters)" -> null"#,
            r#"env EMPTY: "" -> null"#,
            r#"label version: "root" -> "2""#,
            r#"env NEW: null -> "1""#,
        ]
    );
    for format in ["text", "json", "markdown", "html"] {
        assert!(!text(&own.diff(&["--format", format]).stdout).contains("aaaa-bbbb"), "{format}");
    }
}

#[test]
fn names_are_harmless_in_every_format() {
    let names: [&[u8]; 6] = [
        b"\x1b[31mred\nline",
        b"</script><script>document.title='pwned'</script>",
        b"a|b`c@all #1 [x](y)",
        b"inv\xff",
        b"::error::pwned",
        "\u{202e}gnp".as_bytes(),
    ];
    let with: Vec<Entry> = names.iter().map(|name| file([b"d/", *name].concat(), "text")).collect();
    let after = image().layer(with).run(json!({"User": "\u{1b}[2J|</script>", "Env": ["A|`B=\u{202e}<b>"]}));
    let own = pair(&image().layer([dir("d")]), &after);
    for format in ["text", "markdown", "html"] {
        let said = String::from_utf8(own.diff(&["--format", format, "--all"]).stdout).unwrap();
        let bad = said.chars().find(|letter| letter.is_control() && *letter != '\n' || *letter == '\u{202e}');
        assert_eq!(bad, None, "{format}");
        assert!(said.contains("inv\\xff"), "{format}: {said}");
    }
    let html = text(&own.diff(&["--format", "html"]).stdout);
    assert_eq!(html.matches("<script>").count(), 1);
    let markdown = text(&own.diff(&["--format", "markdown"]).stdout);
    let mut cells = Vec::new();
    let parser = pulldown_cmark::Parser::new_ext(&markdown, pulldown_cmark::Options::ENABLE_TABLES);
    for event in parser {
        use pulldown_cmark::{Event, Tag, TagEnd};
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => cells.push(0),
            Event::Start(Tag::TableCell) => *cells.last_mut().unwrap() += 1,
            Event::End(TagEnd::Table) => {
                assert!(cells.iter().all(|row| *row == cells[0]), "{markdown}");
                cells.clear();
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link: {markdown}"),
            Event::Html(html) | Event::InlineHtml(html) => {
                assert!(!html.contains("script") && !html.contains("<b>"), "{html}");
            }
            _ => {}
        }
    }
}

#[test]
fn an_image_that_can_not_be_read_is_no_difference() {
    let own = pair(&image().layer(base()), &image().layer(base()));
    let absent = explore(&["diff", own.before.to_str().unwrap(), "/no/such/image.tar"]);
    assert_eq!(absent.status.code(), Some(2));
    let whole = std::fs::read(&own.after).unwrap();
    std::fs::write(&own.after, &whole[..whole.len() / 2]).unwrap();
    let output = own.diff(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let own = pair(&image().layer(base()), &image().layer([file("a", "b")]));
    let place = own.folder.path().join("diff.html");
    let output = own.diff(&["--format", "html", "-o", place.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(std::fs::read_to_string(place).unwrap().ends_with("</html>"));
    let nowhere = own.folder.path().join("no/such/folder.html");
    assert_eq!(own.diff(&["-o", nowhere.to_str().unwrap()]).status.code(), Some(2));
}

// ------------------------------------------------------------------------------------------------------- one tree

/// Every path after a layer, but for the root: what it is, its bytes, mode, owner and link.
fn state(tree: &Tree, layer: u16) -> BTreeMap<String, (EventKind, u64, u16, u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for index in 1..tree.paths.len() {
        let node = explore::tree::NodeId::from_index(index);
        let Some(at) = tree.state(node, layer) else { continue };
        // Which name of a file is its first one does not matter.
        let stands = tree.stands_for(at);
        let (event, about) = (tree.event_at(stands), tree.attributes(stands));
        let target = tree.symlink(event).unwrap_or_default().to_vec();
        let path = String::from_utf8_lossy(&tree.paths.path(node)).into_owned();
        all.insert(path, (event.kind(), event.size, about.mode, about.uid, target));
    }
    all
}

#[test]
fn one_tree_shows_the_difference() {
    let before = image().layer(base()).layer([file("var/cache/x", "text"), file("etc/motd", "one")]);
    let after = image().layer(base()).layer([file("etc/motd", "three"), hardlink("bin/same", "bin/tool"), gone("doc")]);
    let comparison = pair(&before, &after).compare();
    assert_eq!(comparison.tree.layers.len(), 2);
    let tree = &comparison.tree;
    let change = |path: &str| tree.change(tree.paths.find(path.as_bytes()).unwrap(), Range::one(1)).0;
    assert_eq!(change("etc/motd"), Change::Modified);
    assert_eq!(change("bin/same"), Change::Added);
    assert_eq!(change("doc"), Change::Removed);
    assert_eq!(change("doc/a"), Change::Removed);
    assert_eq!(change("var/cache/x"), Change::Removed);
    assert_eq!(change("bin/tool"), Change::None);
    let view = View::changes(Folders::of(tree, Range::one(1)).into());
    let mut rows = Rows::new(tree, view, rustc_hash::FxHashSet::default());
    rows.unfold_some(&comparison.tree, 20);
    let names: Vec<&[u8]> = rows.rows().iter().map(|row| comparison.tree.paths.name(row.node)).collect();
    let names: Vec<_> = names.into_iter().map(String::from_utf8_lossy).collect();
    assert_eq!(names, ["bin", "same", "doc", "a", "etc", "motd", "var", "cache", "x"]);
    // A second name of a file that is there already stores nothing.
    let link = comparison.files.iter().find(|file| file.change == Change::Added).unwrap();
    assert_eq!((link.after_bytes, comparison.tree.event_at(link.after.unwrap()).kind()), (0, EventKind::HardLink));
}

#[test]
fn the_tree_knows_which_contents_are_equal() {
    let before = image().layer(base()).layer([file("srv/x", "same").mode(0o644), file("srv/y", "one")]);
    let after = image().layer(base()).layer([file("srv/x", "same").mode(0o600), file("srv/y", "two")]);
    let comparison = pair(&before, &after).compare();
    let difference = |path: &str| {
        let node = comparison.tree.paths.find(path.as_bytes()).unwrap();
        comparison.tree.difference(node, Range::one(1)).0
    };
    assert_eq!((difference("srv/x"), difference("srv/y")), (Change::Metadata, Change::Modified));
}

#[test]
fn an_entry_leads_back_to_the_image_that_has_it() {
    let before = image().layer(base()).layer([file("etc/motd", "one")]);
    let after = image().layer(base()).layer([file("etc/motd", "three")]);
    let own = pair(&before, &after);
    let comparison = own.compare();
    let node = comparison.tree.paths.find(b"etc/motd").unwrap();
    for (layer, path, content) in [(0, &own.before, "one"), (1, &own.after, "three")] {
        let at = comparison.origin(comparison.tree.state(node, layer).unwrap()).unwrap();
        let mut bytes = Vec::new();
        explore::content::read_file(&Target::parse(path.as_os_str()).unwrap(), &look(path), at, &mut bytes).unwrap();
        assert_eq!(text(&bytes), content);
    }
}

#[test]
fn a_link_to_nothing_stays_one_where_a_symbolic_link_leads_on() {
    // In its layer there is no `b`; with both layers as one, `b/a` is `x/a`.
    let before =
        image().layer([symlink("a", "x"), symlink("b", "x"), file("a/a", "one")]).layer([hardlink("a/a", "b/a")]);
    let after = image().layer([file("c", "one")]);
    for (one, other) in [(&before, &after), (&after, &before)] {
        let own = pair(one, other);
        let comparison = own.compare();
        let images = [look(&own.before), look(&own.after)];
        for (layer, found) in images.iter().enumerate() {
            assert_eq!(state(&comparison.tree, layer as u16), state(&found.tree, found.tree.top().unwrap()));
        }
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let path = prop::sample::select(vec!["a", "b", "a/a", "a/b", "b/a", "a/b/c", "c"]);
    (path, 0..7_u8, 0..3_u8, 0..2_u64).prop_map(|(path, kind, content, owner)| match kind {
        0 => dir(path).owner(owner, 0),
        1 => symlink(path, ["x", "y", "z"][usize::from(content)]),
        2 => hardlink(path, ["a", "a/b", "b/a"][usize::from(content)]),
        3 => gone(path),
        _ => file(path, ["one", "two", "longer"][usize::from(content)]).owner(owner, 0).mode(if owner == 0 {
            0o644
        } else {
            0o755
        }),
    })
}

fn any_image() -> impl Strategy<Value = ImageBuilder> {
    prop::collection::vec(prop::collection::vec(any_entry(), 0..6), 1..4)
        .prop_map(|layers| layers.into_iter().fold(image(), ImageBuilder::layer))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The first layer is the first image, the second makes the second of it; and what is told is what differs.
    #[test]
    fn the_tree_goes_from_one_image_to_the_other(before in any_image(), after in any_image()) {
        let own = pair(&before, &after);
        let comparison = own.compare();
        let (a, b) = (look(&own.before), look(&own.after));
        let (first, second) = (state(&a.tree, a.tree.top().unwrap()), state(&b.tree, b.tree.top().unwrap()));
        prop_assert_eq!(&state(&comparison.tree, 0), &first);
        prop_assert_eq!(&state(&comparison.tree, 1), &second);
        let told = |change: Change| -> Vec<String> {
            let files = comparison.files.iter().filter(|file| file.change == change);
            files.map(|file| String::from_utf8_lossy(&comparison.tree.paths.path(file.node)).into_owned()).collect()
        };
        let added: Vec<String> = second.keys().filter(|path| !first.contains_key(*path)).cloned().collect();
        let removed: Vec<String> = first.keys().filter(|path| !second.contains_key(*path)).cloned().collect();
        prop_assert_eq!(told(Change::Added), added);
        prop_assert_eq!(told(Change::Removed), removed);
        for (path, value) in &first {
            // Content of one size may differ, which this model does not know.
            if second.get(path).is_some_and(|other| other != value) {
                prop_assert!(told(Change::Modified).contains(path), "{}", path);
            }
        }
    }

    /// What one way is added is removed the other way, and an image equals itself.
    #[test]
    fn there_and_back_again(before in any_image(), after in any_image()) {
        let there = pair(&before, &after).compare();
        let back = pair(&after, &before).compare();
        let counts = |comparison: &Comparison| comparison.counts().map(|(count, _)| count);
        let [added, modified, removed] = counts(&there);
        prop_assert_eq!(counts(&back), [removed, modified, added]);
        prop_assert!(!pair(&before, &before).compare().differs());
    }
}

/// Two platforms of one image have other contents and other names; what matters is what one of them lacks.
#[test]
fn parity_of_two_platforms() {
    let platform = |architecture: &str, triplet: &str, more: &[Entry]| {
        let mut entries = vec![
            file("bin/tool", vec![architecture.len() as u8; 40_000]).mode(0o755),
            dir(format!("usr/lib/{triplet}")),
            file(format!("usr/lib/{triplet}/libc.so.6"), vec![architecture.len() as u8; 9000 + architecture.len()]),
            symlink("usr/lib/libc.so", format!("{triplet}/libc.so.6")),
            file(format!("var/lib/dpkg/info/libc6:{architecture}.list"), "x"),
        ];
        entries.extend(more.iter().cloned());
        let variable = json!({"Env": [format!("ARCH={architecture}"), "PATH=/bin"], "Cmd": ["tool"]});
        image().platform("linux", architecture, None).run(variable).layer(entries)
    };
    let amd64 = platform("amd64", "x86_64-linux-gnu", &[]);
    let same = pair(&amd64, &platform("arm64", "aarch64-linux-gnu", &[]));
    let output = same.diff(&["--parity", "--platform", "linux/amd64"]);
    assert_eq!(output.status.code(), Some(2), "the platform that is asked for is not there");
    let output = same.diff(&["--parity"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).starts_with("parity: both have the same paths and settings"));
    assert_eq!(same.diff(&[]).status.code(), Some(1), "without it they differ");
    let more = [dir("opt/gpu"), file("opt/gpu/driver", vec![1; 5000]), file("opt/gpu/doc", vec![1; 100])];
    let lacking = pair(&amd64, &platform("arm64", "aarch64-linux-gnu", &more));
    let output = lacking.diff(&["--parity"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("(linux/arm64)\n") && said.contains("5 kB  /opt  2 files"), "{said}");
    assert!(
        said.ends_with("no parity: 0 only in the first, 1 only in the second, 0 not alike, 0 settings\n"),
        "{said}"
    );
    let document: Value = serde_json::from_slice(&lacking.diff(&["--parity", "--format", "json"]).stdout).unwrap();
    assert_eq!(document["only_after"], json!([{"path": "opt", "kind": "directory", "files": 2, "bytes": 5100}]));
    assert_eq!((&document["parity"], &document["only_before"]), (&json!(false), &json!([])));
    assert_eq!(lacking.diff(&["--parity", "--format", "html"]).status.code(), Some(2));
}
