//! The map of files: each path's bytes, of which only the largest are told one by one.

use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::bytes::shown;
use crate::inspect::Inspection;
use crate::tree::{Event, EventKind, NodeId};

/// Deeper folders are told as one.
const DEEP: u16 = 60;

/// What each path holds, itself and all below it; beside the paths, by index.
pub(super) struct Sums {
    /// Content in the final file system, a hard-linked file once.
    pub(super) live: Vec<u64>,
    /// Content that is hidden in the end.
    dead: Vec<u64>,
    /// Wasted content, dead or live.
    wasted: Vec<u64>,
    /// Files, those that are gone among them.
    files: Vec<u32>,
    /// The layer of a live file.
    pub(super) layer: FxHashMap<NodeId, u16>,
}

impl Sums {
    pub(super) fn of(found: &Inspection) -> Self {
        let tree = &found.tree;
        let count = tree.paths.len();
        let mut sums = Self {
            live: vec![0; count],
            dead: vec![0; count],
            wasted: vec![0; count],
            files: vec![0; count],
            layer: FxHashMap::default(),
        };
        // A file whose first name is gone is told under another one.
        let mut renamed = FxHashMap::default();
        for (file, link) in tree.links() {
            if tree.event_at(file).until != Event::HOLDS && tree.event_at(link).until == Event::HOLDS {
                renamed.entry(file).or_insert(tree.event_at(link).node);
            }
        }
        for (own, layer) in tree.layers.iter().enumerate() {
            for (index, event) in layer.events.iter().enumerate().filter(|(_, event)| event.kind() == EventKind::File) {
                let at = crate::tree::EventRef { layer: own as u16, index: index as u32 };
                let node = renamed.get(&at).copied().unwrap_or(event.node);
                if event.is_dead() {
                    sums.dead[node.index()] += event.size;
                } else {
                    sums.live[node.index()] += event.size;
                    sums.layer.insert(node, own as u16);
                }
                sums.files[node.index()] = 1;
            }
        }
        let mut charged = FxHashSet::default();
        for charge in found.waste.charges.iter().filter(|charge| charge.kind.counts() && charged.insert(charge.file)) {
            let node = renamed.get(&charge.file).copied().unwrap_or(tree.event_at(charge.file).node);
            sums.wasted[node.index()] += charge.bytes(tree);
        }
        sums.add_up(found);
        sums
    }

    /// A parent's index is smaller than its children's, so one pass from the end adds everything up.
    fn add_up(&mut self, found: &Inspection) {
        for index in (1..self.live.len()).rev() {
            let Some(parent) = found.tree.paths.parent(NodeId::from_index(index)) else { continue };
            for sums in [&mut self.live, &mut self.dead, &mut self.wasted] {
                sums[parent.index()] = sums[parent.index()].saturating_add(sums[index]);
            }
            self.files[parent.index()] = self.files[parent.index()].saturating_add(self.files[index]);
        }
    }

    fn stored(&self, node: NodeId) -> u64 {
        self.live[node.index()].saturating_add(self.dead[node.index()])
    }
}

/// Columns of the tiles, the root first; a parent stands before its children.
#[derive(Default, Serialize)]
struct Columns {
    /// Names.
    n: Vec<String>,
    /// Parents, by place.
    p: Vec<usize>,
    /// Live bytes.
    b: Vec<u64>,
    /// Dead bytes.
    d: Vec<u64>,
    /// Wasted bytes.
    w: Vec<u64>,
    /// Files.
    f: Vec<u32>,
    /// 0 a file, 1 a folder, 2 a folder that is told as one, 3 what else a folder holds.
    k: Vec<u8>,
}

const FILE: u8 = 0;
const FOLDER: u8 = 1;
const CLOSED: u8 = 2;
const MORE: u8 = 3;

/// The map as JSON that can stand in a page, and how many of the files are told one by one.
pub(super) struct Map {
    pub(super) json: String,
    pub(super) tiles: usize,
    pub(super) folded: bool,
}

/// Opens the largest folders first, as long as no more than `limit` tiles come of it.
pub(super) fn map(found: &Inspection, sums: &Sums, limit: usize) -> Map {
    let paths = &found.tree.paths;
    let mut columns = Columns::default();
    let mut folded = false;
    columns.push("", 0, sums, NodeId::ROOT, CLOSED);
    let mut queue = BinaryHeap::from([(sums.stored(NodeId::ROOT), std::cmp::Reverse(0_usize), NodeId::ROOT, 0_u16)]);
    while let Some((_, std::cmp::Reverse(place), node, depth)) = queue.pop() {
        let mut children: Vec<NodeId> = paths.children(node).filter(|child| sums.stored(*child) > 0).collect();
        let room = limit.saturating_sub(columns.n.len());
        if children.is_empty() || room < 2 || depth >= DEEP {
            folded |= !children.is_empty();
            continue;
        }
        columns.k[place] = FOLDER;
        children.sort_by_cached_key(|child| (std::cmp::Reverse(sums.stored(*child)), paths.name(*child).to_vec()));
        // A folder of very many things leaves room for others; what is far smaller than the page shows is not told.
        let few = (limit / 20).max(20).min(room - 1);
        let least = sums.stored(NodeId::ROOT) / 50_000;
        let told = children.iter().take(few).take_while(|child| sums.stored(**child) >= least).count();
        // One thing is not worth a word for others.
        let told = if children.len() - told == 1 && room > children.len() { children.len() } else { told };
        for child in &children[..told] {
            let holds_more = paths.children(*child).any(|below| sums.stored(below) > 0);
            let own =
                columns.push(&shown(paths.name(*child)), place, sums, *child, if holds_more { CLOSED } else { FILE });
            if holds_more {
                queue.push((sums.stored(*child), std::cmp::Reverse(own), *child, depth + 1));
            }
        }
        if told < children.len() {
            folded = true;
            columns.rest(&children[told..], place, sums);
        }
    }
    let tiles = columns.n.len();
    Map { json: harmless(&serde_json::to_string(&columns).unwrap_or_default()), tiles, folded }
}

impl Columns {
    fn push(&mut self, name: &str, parent: usize, sums: &Sums, node: NodeId, kind: u8) -> usize {
        self.n.push(name.to_owned());
        self.p.push(parent);
        self.b.push(sums.live[node.index()]);
        self.d.push(sums.dead[node.index()]);
        self.w.push(sums.wasted[node.index()]);
        self.f.push(sums.files[node.index()]);
        self.k.push(kind);
        self.n.len() - 1
    }

    fn rest(&mut self, nodes: &[NodeId], parent: usize, sums: &Sums) {
        let sum = |of: &[u64]| nodes.iter().fold(0_u64, |sum, node| sum.saturating_add(of[node.index()]));
        self.n.push(format!("{} more", super::super::exact(nodes.len() as u64)));
        self.p.push(parent);
        self.b.push(sum(&sums.live));
        self.d.push(sum(&sums.dead));
        self.w.push(sum(&sums.wasted));
        self.f.push(nodes.iter().fold(0_u32, |sum, node| sum.saturating_add(sums.files[node.index()])));
        self.k.push(MORE);
    }
}

/// JSON in which nothing can end a script or begin a comment (WHATWG HTML, "Restrictions for contents of script elements").
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
