//! Which rules name which files: every path is matched once, against all rules at a time.

use rustc_hash::FxHashSet;

use super::kind::RuleId;
use super::rules::{Hits, Level, Matched, Rules};
use crate::tree::{Event, EventKind, EventRef, NodeId, Tree};

/// What the rules say about the paths of an image.
#[derive(Debug, Default)]
pub struct Named {
    /// By event and in the order in which rules are tried. Of a dead file only the first rule, and secrets.
    hits: Vec<(EventRef, RuleId)>,
    /// Live files that a rule names if another file of the rule is in the same layer.
    pub(super) together: Vec<(EventRef, RuleId)>,
    /// Rules that hold for no live file.
    prevented: FxHashSet<RuleId>,
}

/// What the rules say about every path of a tree.
#[derive(Debug)]
pub struct PathHits {
    matched: Vec<Matched>,
    hits: Vec<Hits>,
}

impl PathHits {
    /// Matches every path, a directory before what is in it.
    pub fn of(tree: &Tree, rules: &Rules) -> Self {
        let (matched, hits) = rules.hits_of_all(&tree.paths);
        Self { matched, hits }
    }

    fn get(&self, node: NodeId) -> &Hits {
        &self.hits[self.matched[node.index()].index()]
    }
}

/// Events that are named in one go.
const STEP: usize = 16 * 1024;

/// The work of naming every file, in pieces that may be done side by side and in any order.
pub fn pieces(tree: &Tree) -> Vec<(u16, std::ops::Range<u32>)> {
    let mut pieces = Vec::new();
    for (layer, events) in tree.layers.iter().enumerate() {
        for from in (0..events.listed).step_by(STEP) {
            pieces.push((layer as u16, from as u32..events.listed.min(from + STEP) as u32));
        }
    }
    pieces
}

/// Writes a path with its leading `/`.
pub(super) fn rooted(tree: &Tree, node: NodeId, path: &mut Vec<u8>) {
    tree.paths.write_path(node, path);
    path.insert(0, b'/');
}

impl Named {
    /// Names the files of one piece.
    pub fn of(tree: &Tree, rules: &Rules, paths: &PathHits, (layer, range): (u16, std::ops::Range<u32>)) -> Self {
        let mut named = Self::default();
        for index in range {
            let at = EventRef { layer, index };
            let event = tree.event_at(at);
            if !matches!(event.kind(), EventKind::File | EventKind::HardLink) {
                continue;
            }
            let said = paths.get(event.node);
            if said.is_empty() {
                continue;
            }
            let Some(copy) = tree.copy_of(at).filter(|copy| tree.event_at(*copy).size > 0) else { continue };
            let live = event.until == Event::HOLDS;
            let level = |id: &RuleId| rules.rule(*id).level;
            let secrets = said.rules.iter().filter(|id| level(id) == Level::Secret);
            let others = said.rules.iter().filter(|id| level(id) != Level::Secret);
            let rows = named.hits.len();
            if !live {
                if copy == at {
                    // Of what is dead, it does not matter what else is in the layer.
                    named.hits.extend(others.chain(&said.together).take(1).map(|id| (at, *id)));
                }
            } else if !said.never {
                named.hits.extend(others.filter(|id| level(id) != Level::Label).map(|id| (at, *id)));
                named.together.extend(said.together.iter().map(|id| (at, *id)));
            }
            if copy == at {
                named.hits.extend(secrets.map(|id| (at, *id)));
            }
            named.hits[rows..].sort_unstable();
            if live {
                named.prevented.extend(&said.prevents);
            }
        }
        named
    }

    /// Adds another piece.
    pub fn add(&mut self, other: Self) {
        self.hits.extend(other.hits);
        self.together.extend(other.together);
        self.prevented.extend(other.prevented);
    }

    /// To be called once all pieces are together.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.hits.sort_unstable();
        self
    }

    /// Rules that name an event, in the order in which they are tried.
    pub(super) fn rules_of(&self, at: EventRef) -> impl Iterator<Item = RuleId> {
        let from = self.hits.partition_point(|(event, _)| *event < at);
        self.hits[from..].iter().take_while(move |(event, _)| *event == at).map(|(_, rule)| *rule)
    }

    pub(super) fn is_prevented(&self, rule: RuleId) -> bool {
        self.prevented.contains(&rule)
    }

    /// The first rule of a dead file that is not a secret.
    pub(super) fn label(&self, rules: &Rules, file: EventRef) -> Option<RuleId> {
        self.rules_of(file).find(|id| rules.rule(*id).level != Level::Secret)
    }

    /// Every file that a secret's rule names.
    pub(super) fn secrets<'n>(&'n self, rules: &'n Rules) -> impl Iterator<Item = (EventRef, RuleId)> {
        self.hits.iter().copied().filter(|(_, id)| rules.rule(*id).level == Level::Secret)
    }

    /// Files whose first bytes decide whether a rule holds.
    pub fn to_look_at(&self, rules: &Rules, tree: &Tree) -> Vec<EventRef> {
        let asks = |(_, id): &&(EventRef, RuleId)| rules.rule(*id).magic.is_some();
        let mut files: Vec<EventRef> = self.hits.iter().filter(asks).filter_map(|(at, _)| tree.copy_of(*at)).collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}
