//! What always holds, whatever the layers: held against a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use crate::common::{Entry, dir, fifo, file, gone, hardlink, layer, opaque, symlink};
use explore::bytes::{Flowing, Walker};
use explore::layer::{Hashing, Passing, index};
use explore::tree::{
    Change, Event, EventKind, EventRef, FolderSum, Folders, LayerEvents, Matches, NodeId, Range, Rows, StateSums, Tree,
    View,
};
use explore::waste;
use proptest::prelude::*;

const PASSING: Passing<'_> = Passing { hashing: Hashing::Identity, keep: &[], watch: None };

/// A path of the model: plain values, replayed layer by layer.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    kind: EventKind,
    mode: u32,
    uid: u64,
    mtime: Option<u64>,
    target: Vec<u8>,
    /// Which stored file it shows.
    copy: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    paths: BTreeMap<String, Item>,
    /// Sizes of all stored files.
    copies: Vec<u64>,
}

fn normal(path: &[u8]) -> String {
    let text = String::from_utf8(path.to_vec()).unwrap();
    text.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

fn parent(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned())
}

/// Where a path leads by these links, the last component's own not followed; None when around in circles.
fn resolve(links: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut at: Vec<String> = Vec::new();
    let mut followed = 0;
    while let Some(name) = left.pop() {
        match &*name {
            "" | "." => continue,
            ".." => {
                at.pop();
                continue;
            }
            _ => at.push(name),
        }
        if let Some(target) = links.get(&at.join("/")).filter(|_| !left.is_empty()) {
            followed += 1;
            if followed > 40 {
                return None;
            }
            at.pop();
            if target.starts_with('/') {
                at.clear();
            }
            left.extend(target.split('/').rev().map(str::to_owned));
        }
    }
    Some(at.join("/"))
}

/// The entries of a layer as if it had none below a symbolic link of its own: each where the link leads.
fn through_own_links(entries: &[Entry]) -> Vec<Entry> {
    let mut links: BTreeMap<String, String> = BTreeMap::new();
    let mut out = Vec::new();
    for entry in entries {
        // The last component stays what it is, a marker's too.
        let Some(path) = resolve(&links, &normal(&entry.path)) else { continue };
        let mut entry = Entry { path: path.clone().into(), ..entry.clone() };
        let name = path.rsplit('/').next().unwrap();
        if !name.starts_with(".wh.") {
            let mut text = None;
            match entry.kind {
                tar::EntryType::Directory => {
                    links.remove(&path);
                }
                kind => {
                    if kind == tar::EntryType::Symlink {
                        text = Some(String::from_utf8(entry.link.clone()).unwrap());
                    }
                    if kind == tar::EntryType::Link {
                        let Some(target) = resolve(&links, &normal(&entry.link)) else { continue };
                        text = links.get(&target).cloned();
                        entry.link = target.into();
                    }
                    let below = format!("{path}/");
                    links.retain(|other, _| *other != path && !other.starts_with(&below));
                }
            }
            if let Some(text) = text {
                links.insert(path, text);
            }
        }
        out.push(entry);
    }
    out
}

impl Model {
    fn remove_below(&mut self, path: &str) {
        let prefix = format!("{path}/");
        self.paths.retain(|other, _| path.is_empty() || !other.starts_with(&prefix));
        if path.is_empty() {
            self.paths.clear();
        }
    }

    fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.paths.get(path).is_some_and(|item| item.kind == EventKind::Directory)
    }

    /// What a hard link to `path` shows, through symbolic links of lower layers if it must be.
    fn linked(&self, path: &str) -> Option<&Item> {
        let links = self.paths.iter().filter(|(_, item)| item.kind == EventKind::Symlink);
        let links = links.map(|(path, item)| (path.clone(), String::from_utf8(item.target.clone()).unwrap())).collect();
        self.paths.get(path).or_else(|| self.paths.get(&resolve(&links, path)?))
    }

    fn make_directories(&mut self, path: &str) {
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = if at.is_empty() { part.to_owned() } else { format!("{at}/{part}") };
            if !self.is_directory(&at) {
                let implied = Item {
                    kind: EventKind::Directory,
                    mode: 0o755,
                    uid: 0,
                    mtime: None,
                    target: Vec::new(),
                    copy: None,
                };
                self.paths.insert(at.clone(), implied);
            }
        }
    }

    fn apply(&mut self, entries: &[Entry]) {
        let entries = &through_own_links(entries);
        let mut markers = Vec::new();
        for entry in entries {
            let path = normal(&entry.path);
            let name = path.rsplit('/').next().unwrap();
            if name == ".wh..wh..opq" {
                markers.push((parent(&path), true));
            } else if let Some(name) = name.strip_prefix(".wh.") {
                let folder = parent(&path);
                markers.push((if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }, false));
            }
        }
        for (path, opaque) in &markers {
            self.remove_below(path);
            if !opaque {
                self.paths.remove(path);
            }
        }
        for (path, opaque) in &markers {
            self.make_directories(&if *opaque { path.clone() } else { parent(path) });
        }
        for entry in entries {
            let path = normal(&entry.path);
            if path.rsplit('/').next().unwrap().starts_with(".wh.") {
                continue;
            }
            let kind = match entry.kind {
                tar::EntryType::Regular => EventKind::File,
                tar::EntryType::Directory => EventKind::Directory,
                tar::EntryType::Symlink => EventKind::Symlink,
                tar::EntryType::Link => EventKind::HardLink,
                _ => EventKind::Fifo,
            };
            let copy = match kind {
                EventKind::File => {
                    self.copies.push(entry.content.len() as u64);
                    Some(self.copies.len() - 1)
                }
                EventKind::HardLink => self.linked(&normal(&entry.link)).and_then(|item| item.copy),
                _ => None,
            };
            if path.is_empty() {
                continue;
            }
            self.make_directories(&parent(&path));
            if kind != EventKind::Directory {
                self.remove_below(&path);
            }
            let target = if kind == EventKind::Symlink { entry.link.clone() } else { Vec::new() };
            let mtime = Some(entry.mtime);
            self.paths.insert(path, Item { kind, mode: entry.mode, uid: entry.uid, mtime, target, copy });
        }
    }

    fn live(&self) -> u64 {
        let shown: BTreeSet<usize> = self.paths.values().filter_map(|item| item.copy).collect();
        shown.into_iter().map(|copy| self.copies[copy]).sum()
    }
}

fn any_path() -> impl Strategy<Value = String> {
    (prop::sample::select(vec!["", "./", "/"]), prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4))
        .prop_map(|(prefix, parts)| format!("{prefix}{}", parts.join("/")))
}

fn any_target() -> impl Strategy<Value = String> {
    prop_oneof![3 => any_path(), 1 => any_path().prop_map(|path| format!("../{path}")), 1 => Just("..".to_owned())]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let content = prop::sample::select(vec!["", "x", "y", "xx", "yyy", "yyy", "zzzz"]);
    let changed = |entry: Entry| {
        (Just(entry), prop::sample::select(vec![0o644, 0o755]), 0..2_u64, 1..3_u64)
            .prop_map(|(entry, mode, uid, mtime)| entry.mode(mode).owner(uid, 0).mtime(mtime))
    };
    prop_oneof![
        6 => (any_path(), content).prop_map(|(path, content)| file(path, content)).prop_flat_map(changed),
        3 => any_path().prop_map(dir).prop_flat_map(changed),
        2 => (any_path(), any_target()).prop_map(|(path, to)| symlink(path, to)),
        3 => (any_path(), any_path()).prop_map(|(path, to)| hardlink(path, to)),
        1 => any_path().prop_map(fifo),
        3 => any_path().prop_map(|path| gone(&path)),
        1 => any_path().prop_map(|path| opaque(&path)),
        1 => Just(dir("./")),
    ]
}

fn any_layers() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    prop::collection::vec(prop::collection::vec(any_entry(), 0..10), 1..6)
}

fn push(tree: &mut Tree, tar: &[u8]) {
    let mut events = LayerEvents::default();
    let end =
        index(&mut Walker::new(Flowing::new(tar), 0), PASSING, &mut |batch| tree.collect(&mut events, &batch).is_ok());
    assert!(end.damage.is_none(), "{:?}", end.damage);
    assert_eq!(end.tar_bytes, tar.len() as u64);
    tree.push(events);
}

fn stacked(layers: &[Vec<Entry>]) -> Tree {
    let mut tree = Tree::default();
    for entries in layers {
        push(&mut tree, &layer(entries));
    }
    tree
}

/// Layers whose entries may stand in any order: no path twice, no path below a file, hard links to files of the layer.
fn any_plain_layers() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    let paths = ["a/one", "a/two", "b/one", "b/two", "tmp/one", "c"];
    let entry = |path: &'static str| {
        prop_oneof![
            3 => Just(None),
            4 => (0_u8..4, 0_u64..2, 1_u64..3).prop_map(move |(content, uid, time)| {
                // Sizes are shared, contents are not.
                Some(file(path, vec![content; usize::from(content / 2 + 1) * 10]).owner(uid, 0).mtime(time))
            }),
            1 => Just(Some(gone(path))),
            1 => prop::sample::select(paths.to_vec()).prop_map(move |target| Some(hardlink(path, target))),
        ]
    };
    let layer = paths.map(entry).into_iter().collect::<Vec<_>>().prop_map(|entries| {
        let mut entries: Vec<Entry> = entries.into_iter().flatten().collect();
        let files: Vec<Vec<u8>> = entries
            .iter()
            .filter(|entry| entry.kind == tar::EntryType::Regular)
            .map(|entry| entry.path.clone())
            .collect();
        entries.retain(|entry| entry.kind != tar::EntryType::Link || files.contains(&entry.link));
        entries.sort_by_key(|entry| entry.kind == tar::EntryType::Link);
        entries
    });
    prop::collection::vec(layer, 1..5)
}

/// Judged, without a base.
fn judged(layers: &[Vec<Entry>]) -> explore::inspect::Inspection {
    let folder = crate::common::folder();
    let built = layers.iter().fold(crate::common::image(), crate::common::ImageBuilder::layer);
    let path = folder.write("image.tar", &built.save(crate::common::Shape::Docker));
    let options = explore::inspect::Options { base_layers: Some(0), threads: 1, ..Default::default() };
    crate::common::look_with(&path, &options)
}

/// The file system after a layer, as the tree tells it; content as the place of the stored file.
fn read(tree: &Tree, after: u16) -> BTreeMap<String, Item> {
    let mut copies = BTreeMap::new();
    for (own, layer) in tree.layers.iter().enumerate() {
        for index in 0..layer.listed as u32 {
            let at = explore::tree::EventRef { layer: own as u16, index };
            if tree.event_at(at).kind() == EventKind::File {
                copies.insert(at, copies.len());
            }
        }
    }
    let mut all = BTreeMap::new();
    let mut folders = vec![explore::tree::NodeId::ROOT];
    while let Some(folder) = folders.pop() {
        for (node, at) in tree.entries(folder, after) {
            let event = tree.event_at(at);
            if event.kind() == EventKind::Directory {
                folders.push(node);
            }
            let own = tree.layers[usize::from(at.layer)].events[at.index as usize].clone();
            let item = Item {
                kind: event.kind(),
                mode: u32::from(tree.attributes(at).mode),
                uid: u64::from(tree.attributes(at).uid),
                mtime: own.mtime().map(|time| time as u64),
                target: tree.symlink(event).unwrap_or_default().to_vec(),
                copy: tree.copy_of(at).map(|copy| copies[&copy]),
            };
            all.insert(String::from_utf8(tree.paths.path(node)).unwrap(), item);
        }
    }
    all
}

/// A hard link's own mode and owner say nothing: it has its file's.
fn without_link_metadata(mut paths: BTreeMap<String, Item>) -> BTreeMap<String, Item> {
    for item in paths.values_mut().filter(|item| item.kind == EventKind::HardLink) {
        (item.mode, item.uid) = (0, 0);
    }
    paths
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_system_after_each_layer_is_the_models(layers in any_layers()) {
        let tree = stacked(&layers);
        let mut model = Model::default();
        for (own, entries) in layers.iter().enumerate() {
            let before = model.clone();
            model.apply(entries);
            let got = without_link_metadata(read(&tree, own as u16));
            prop_assert_eq!(&got, &without_link_metadata(model.paths.clone()), "after layer {}", own);
            let counts = &tree.layers[own];
            let added = model.paths.keys().filter(|path| !before.paths.contains_key(*path)).count();
            let removed = before.paths.keys().filter(|path| !model.paths.contains_key(*path)).count();
            prop_assert_eq!((counts.added, counts.removed.len()), (added as u64, removed), "layer {}", own);
        }
    }

    #[test]
    fn live_and_dead_are_all_content_to_the_byte(layers in any_layers()) {
        let tree = stacked(&layers);
        let mut model = Model::default();
        for entries in &layers {
            model.apply(entries);
        }
        let dead = waste::dead(&tree);
        prop_assert_eq!(tree.content_bytes(), model.copies.iter().sum::<u64>());
        prop_assert_eq!(tree.content_bytes() - tree.dead_bytes(), model.live());
        // Every dead byte is charged once, and no file twice.
        prop_assert_eq!(dead.charges.iter().map(|charge| charge.bytes(&tree)).sum::<u64>(), tree.dead_bytes());
        let files: BTreeSet<_> = dead.charges.iter().map(|charge| charge.file).collect();
        prop_assert_eq!(files.len(), dead.charges.len());
        for (own, layer) in tree.layers.iter().enumerate() {
            let charged: u64 = dead.charges.iter().filter(|c| usize::from(c.file.layer) == own).map(|c| c.bytes(&tree)).sum();
            prop_assert!(charged <= layer.content_bytes);
        }
    }

    #[test]
    fn an_empty_layer_changes_nothing(layers in any_layers()) {
        let tree = stacked(&layers);
        let mut more = layers.clone();
        more.push(Vec::new());
        let longer = stacked(&more);
        let top = layers.len() as u16;
        prop_assert_eq!(read(&longer, top), read(&tree, top - 1));
        prop_assert_eq!(longer.dead_bytes(), tree.dead_bytes());
    }

    #[test]
    fn whiteouts_may_stand_anywhere_in_their_layer(mut layers in any_layers()) {
        // Which way a whiteout goes depends on the symbolic links before it.
        for entries in &mut layers {
            entries.retain(|entry| entry.kind != tar::EntryType::Symlink);
        }
        let last_first: Vec<Vec<Entry>> = layers.iter().map(|entries| {
            let is_marker = |entry: &&Entry| normal(&entry.path).rsplit('/').next().unwrap().starts_with(".wh.");
            let (markers, rest): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(is_marker);
            rest.into_iter().chain(markers).cloned().collect()
        }).collect();
        let (one, other) = (stacked(&layers), stacked(&last_first));
        let top = layers.len() as u16 - 1;
        prop_assert_eq!(read(&one, top), read(&other, top));
        prop_assert_eq!(one.dead_bytes(), other.dead_bytes());
    }

    #[test]
    fn the_same_layer_twice_leaves_the_same_file_system(mut layers in any_layers()) {
        // A hard link in it may resolve to what the first time made.
        layers.last_mut().unwrap().retain(|entry| entry.kind != tar::EntryType::Link);
        let once = stacked(&layers);
        layers.push(layers.last().unwrap().clone());
        let twice = stacked(&layers);
        let kinds = |tree: &Tree, after: usize| -> Vec<(String, EventKind)> {
            read(tree, after as u16).into_iter().map(|(path, item)| (path, item.kind)).collect()
        };
        let top = layers.len() - 1;
        prop_assert_eq!(kinds(&twice, top), kinds(&once, top - 1));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096), flips in prop::collection::vec((0..6000_usize, any::<u8>()), 0..20)) {
        let send = |tar: &[u8]| {
            let end = index(&mut Walker::new(Flowing::new(tar), 0), PASSING, &mut |_| true);
            assert!(end.tar_bytes <= tar.len() as u64);
        };
        send(&bytes);
        let mut tar = layer(&[file("a", "some content"), file("b".repeat(150), "x").xattr("user.k", b"v"), gone("c"), dir("d")]);
        for (at, byte) in flips {
            let len = tar.len();
            tar[at % len] = byte;
        }
        send(&tar);
    }
}

/// A layer that empties a directory again and again must not pay for what was there once.
#[test]
fn whiteouts_cost_what_they_take_away() {
    let mut tree = Tree::default();
    let many: Vec<Entry> = (0..20_000).map(|n| file(format!("d/{n}"), "x")).collect();
    push(&mut tree, &layer(&many));
    for round in 0..2_000 {
        push(&mut tree, &layer(&[gone("d"), file(format!("d/new{round}"), "x")]));
    }
    assert_eq!(tree.final_counts().files, 1);
    let holds = tree.layers.iter().flat_map(|layer| &layer.events).filter(|event| event.until == Event::HOLDS).count();
    assert_eq!(holds, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_is_charged_at_most_once(layers in any_plain_layers()) {
        let found = judged(&layers);
        let (tree, waste) = (&found.tree, &found.waste);
        prop_assert_eq!(waste.sums.dead(), waste.content_bytes - waste.live_bytes);
        prop_assert_eq!(waste.total_bytes(), waste.own_bytes);
        let files: BTreeSet<_> = waste.charges.iter().map(|charge| charge.file).collect();
        prop_assert_eq!(files.len(), waste.charges.len());
        for (own, layer) in tree.layers.iter().enumerate() {
            let of_layer = waste.charges.iter().filter(|charge| usize::from(charge.file.layer) == own);
            prop_assert!(of_layer.map(|charge| charge.bytes(tree)).sum::<u64>() <= layer.content_bytes);
        }
        let told: u64 = waste.findings.iter().filter(|finding| finding.kind.counts()).map(|finding| finding.bytes).sum();
        prop_assert_eq!(told, waste.total_bytes());
    }

    #[test]
    fn duplicates_are_what_is_live_less_what_is_distinct(mut layers in any_plain_layers()) {
        // Nothing is cruft where nothing is below /tmp.
        for entries in &mut layers {
            entries.retain(|entry| !entry.path.starts_with(b"tmp"));
            let files: Vec<Vec<u8>> = entries.iter().map(|entry| entry.path.clone()).collect();
            entries.retain(|entry| entry.kind != tar::EntryType::Link || files.contains(&entry.link));
        }
        let found = judged(&layers);
        let (tree, waste) = (&found.tree, &found.waste);
        prop_assert_eq!(waste.sums.cruft(), 0);
        let mut distinct = BTreeSet::new();
        for (node, at) in ["a/one", "a/two", "b/one", "b/two", "c"].iter().filter_map(|path| {
            let node = tree.paths.find(path.as_bytes())?;
            Some((node, tree.state(node, tree.top()?)?))
        }) {
            let copy = tree.copy_of(at).unwrap_or_else(|| panic!("{node:?} is no file"));
            let event = tree.event_at(copy);
            let entries = &layers[usize::from(copy.layer)];
            let path = tree.paths.path(event.node);
            let content = &entries.iter().find(|entry| entry.path == path && !entry.content.is_empty()).unwrap().content;
            distinct.insert(content.clone());
        }
        let distinct: usize = distinct.iter().map(Vec::len).sum();
        prop_assert_eq!(waste.sums.of(waste::Kind::Duplicate), waste.live_bytes - distinct as u64);
    }

    #[test]
    fn the_order_of_entries_changes_no_total(layers in any_plain_layers(), turn in 1_usize..6) {
        let turned: Vec<Vec<Entry>> = layers.iter().map(|entries| {
            let mut entries = entries.clone();
            let by = turn % entries.len().max(1);
            entries.rotate_left(by);
            // Hard links stay behind their targets.
            entries.sort_by_key(|entry| entry.kind == tar::EntryType::Link);
            entries
        }).collect();
        let (one, other) = (judged(&layers), judged(&turned));
        let totals = |found: &explore::inspect::Inspection| {
            let waste = &found.waste;
            (waste.content_bytes, waste.live_bytes, waste.sums.dead(), waste.sums.cruft(), waste.sums.of(waste::Kind::Duplicate))
        };
        prop_assert_eq!(totals(&one), totals(&other));
    }
}

/// What a stretch of layers does to each path, asked path by path.
fn changes_by_path(tree: &Tree, range: Range) -> BTreeMap<NodeId, (Change, EventRef)> {
    let nodes = tree.paths.all().skip(1);
    nodes
        .filter_map(|node| match tree.change(node, range) {
            (Change::None, _) | (_, None) => None,
            (change, Some(at)) => Some((node, (change, at))),
        })
        .collect()
}

fn is_below(tree: &Tree, node: NodeId, folder: NodeId) -> bool {
    std::iter::successors(tree.paths.parent(node), |above| tree.paths.parent(*above)).any(|above| above == folder)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sums of folders are those of the paths below them, for every folder and every stretch of layers.
    #[test]
    fn sums_of_folders_are_what_is_below_them(layers in any_layers()) {
        let tree = stacked(&layers);
        let top = layers.len() as u16 - 1;
        for range in (0..=top).flat_map(|first| (first..=top).map(move |last| Range { first, last })) {
            let folders = Folders::of(&tree, range);
            let changes = changes_by_path(&tree, range);
            for folder in tree.paths.all() {
                let below = changes.iter().filter(|(node, _)| is_below(&tree, **node, folder));
                let mut wanted = FolderSum::default();
                for (node, (change, at)) in below {
                    let before = range.first.checked_sub(1).and_then(|layer| tree.state(*node, layer));
                    let old = before.map_or(0, |before| tree.event_at(before).size);
                    let files = before.map_or(0, |before| i32::from(tree.is_file(before)));
                    let (new, now) = if *change == Change::Removed {
                        (0, 0)
                    } else {
                        (tree.event_at(*at).size, i32::from(tree.is_file(*at)))
                    };
                    wanted.bytes += new;
                    wanted.growth += new as i64 - old as i64;
                    wanted.files += now - files;
                    wanted.changes[*change as usize - 1] += 1;
                }
                prop_assert_eq!(folders.sum(folder).copied().unwrap_or_default(), wanted, "{:?} of {:?}", folder, range);
            }
        }
    }

    /// Sums of the state after a layer can be had from either neighbour.
    #[test]
    fn sums_after_a_layer_are_had_from_its_neighbours(layers in any_layers()) {
        let tree = stacked(&layers);
        let one = |layer: usize| Folders::of(&tree, Range::one(layer as u16));
        let bytes = |sums: &StateSums| tree.paths.all().map(|node| sums.below(node)).collect::<Vec<_>>();
        let mut states = vec![StateSums::default()];
        for layer in 0..layers.len() {
            let next = states[layer].clone().after(&one(layer));
            let all = Folders::of(&tree, Range { first: 0, last: layer as u16 });
            for node in tree.paths.all() {
                prop_assert_eq!(next.below(node).0, all.sum(node).map_or(0, |sum| sum.bytes));
            }
            states.push(next);
        }
        for layer in (0..layers.len()).rev() {
            let back = states[layer + 1].clone().before(&one(layer));
            prop_assert_eq!(bytes(&back), bytes(&states[layer]));
        }
    }

    /// Everything unfolded shows each path of the view once, whatever was folded on the way there, and searches see the same.
    #[test]
    fn rows_show_what_there_is(layers in any_layers(), places in prop::collection::vec(0..40_usize, 0..12)) {
        let tree = stacked(&layers);
        let top = layers.len() as u16 - 1;
        for layer in 0..=top {
            let range = Range::one(layer);
            let view = View::changes(Folders::of(&tree, range).into());
            let mut rows = Rows::new(&tree, view.clone(), rustc_hash::FxHashSet::default());
            for place in &places {
                rows.toggle(&tree, *place);
            }
            let again = Rows::new(&tree, view, rows.open().clone());
            prop_assert_eq!(rows.rows(), again.rows(), "folding one by one or all at once");
            rows.unfold_to(&tree, u16::MAX, usize::MAX);
            let shown: Vec<NodeId> = rows.rows().iter().filter(|row| row.change != Change::None).map(|row| row.node).collect();
            let wanted: BTreeSet<NodeId> = changes_by_path(&tree, range).into_keys().collect();
            prop_assert_eq!(shown.len(), wanted.len());
            prop_assert_eq!(&shown.into_iter().collect::<BTreeSet<_>>(), &wanted);
            let mut searched = BTreeSet::new();
            let all = Matches::of(&tree, range, false, &AtomicBool::new(false), &mut |candidate| searched.insert(candidate.node));
            prop_assert_eq!(&searched, &wanted);
            prop_assert_eq!(all.map(|matches| matches.count), Some(wanted.len()), "each once");
        }
    }
}
