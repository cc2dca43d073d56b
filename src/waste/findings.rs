//! Charges that have one cause, put together and put into words.

use rustc_hash::FxHashMap;

use super::advice::{Advice, advise};
use super::base::Base;
use super::rules::{Level, Rules};
use super::shadow::{Charge, Dead, DeadKind};
use crate::image::Image;
use crate::tree::{NodeId, Tree};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// An instruction of this image can end it.
    Warning,
    /// Only the base image can.
    Note,
}

impl Severity {
    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What is wasted for one cause.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that names the bytes; None where none does.
    pub rule: Option<String>,
    /// Why they are waste.
    pub kind: DeadKind,
    /// How much it matters.
    pub severity: Severity,
    /// The text of an instruction confirms the cause.
    pub confirmed: bool,
    /// Content.
    pub bytes: u64,
    /// What it takes in the layer's tar, headers and padding included.
    pub tar_bytes: u64,
    /// Files.
    pub files: u64,
    /// The base image has it.
    pub in_base: bool,
    /// The layer that has the bytes.
    pub stored_in: u16,
    /// The layer that makes them waste.
    pub caused_by: u16,
    /// What it is, in a sentence.
    pub message: String,
    /// What to change.
    pub fix: String,
    /// The same with a mount, where that is a way.
    pub fix_mount: Option<String>,
    /// Where, the largest first.
    pub paths: Vec<FindingPath>,
    /// Stays the same from build to build.
    pub fingerprint: String,
}

/// A place of a finding: a file, or a folder with several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingPath {
    /// The path.
    pub node: NodeId,
    /// Content.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// Puts charges together by rule, kind and layers; the largest first.
pub fn findings(tree: &Tree, image: &Image, dead: &Dead, base: Base, rules: &Rules) -> Vec<Finding> {
    const LEVELS: [Level; 4] = [Level::On, Level::Confirmed, Level::Advice, Level::Label];
    type Cause<'r> = (Option<&'r str>, DeadKind, u16, u16);
    let mut causes: FxHashMap<Cause<'_>, Vec<Charge>> = FxHashMap::default();
    let places = Places::new(tree, &dead.charges);
    let rule_of = |charge: &Charge| {
        let mut path = tree.paths.path(tree.event_at(charge.file).node);
        path.insert(0, b'/');
        rules.first(&path, &LEVELS).map(|rule| rule.id.as_str())
    };
    let mut nameless = Vec::new();
    // What goes away with something that has a name, by the same instruction, shares that name.
    let mut named: FxHashMap<(DeadKind, u16, u16, NodeId), &str> = FxHashMap::default();
    for charge in &dead.charges {
        match rule_of(charge) {
            None => nameless.push(*charge),
            Some(rule) => {
                named.entry((charge.kind, charge.stored_in, charge.caused_by, places.of(charge))).or_insert(rule);
                let cause = (Some(rule), charge.kind, charge.stored_in, charge.caused_by);
                causes.entry(cause).or_default().push(*charge);
            }
        }
    }
    for charge in nameless {
        let place = places.of(&charge);
        let together = charge.kind == DeadKind::Deleted && place != tree.event_at(charge.file).node;
        let rule = named.get(&(charge.kind, charge.stored_in, charge.caused_by, place)).filter(|_| together);
        causes.entry((rule.copied(), charge.kind, charge.stored_in, charge.caused_by)).or_default().push(charge);
    }
    let mut findings: Vec<Finding> = causes
        .into_iter()
        .map(|((rule, kind, stored_in, caused_by), charges)| {
            let rule = rule.and_then(|id| rules.get(id));
            let paths = places.sums(&charges);
            let first_in = charges.iter().max_by_key(|charge| charge.bytes).map_or(stored_in, |charge| charge.first_in);
            let in_base = usize::from(stored_in) < base.layers;
            let instruction = |layer: u16| image.instruction(layer.into()).unwrap_or_default();
            let (stored_by, made_by, first_by) =
                (instruction(stored_in), instruction(caused_by), instruction(first_in));
            let files = charges.len() as u64;
            let advice = advise(&Advice {
                tree,
                image,
                rules,
                rule,
                kind,
                in_base,
                stored_in,
                caused_by,
                first_in,
                stored_by: &stored_by,
                caused_by_text: &made_by,
                first_by: &first_by,
                paths: &paths,
                files,
            });
            let confirmed = match rule {
                Some(rule) => rules.confirms(rule, &stored_by),
                None => confirms(kind, &made_by),
            };
            Finding {
                fingerprint: fingerprint(rule.map_or(kind.name(), |rule| &rule.id), tree, &paths, &stored_by),
                rule: rule.map(|rule| rule.id.clone()),
                kind,
                severity: if in_base { Severity::Note } else { Severity::Warning },
                confirmed,
                bytes: charges.iter().map(|charge| charge.bytes).sum(),
                tar_bytes: charges.iter().map(|charge| tree.event_at(charge.file).tar_bytes()).sum(),
                files,
                in_base,
                stored_in,
                caused_by,
                message: advice.message,
                fix: advice.fix,
                fix_mount: advice.fix_mount,
                paths,
            }
        })
        .collect();
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.stored_in, finding.caused_by, finding.kind, finding.rule.clone());
        b.bytes.cmp(&a.bytes).then_with(|| key(a).cmp(&key(b)))
    });
    findings
}

/// Whether an instruction does, by its words, what was found.
fn confirms(kind: DeadKind, instruction: &str) -> bool {
    let has = |words: &[&str]| {
        instruction.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| words.contains(&word))
    };
    match kind {
        DeadKind::Deleted => {
            has(&["rm", "purge", "autoremove", "remove", "uninstall", "clean", "prune", "erase", "del"])
        }
        DeadKind::Metadata => has(&["chown", "chmod", "chgrp", "setfacl", "setcap", "install"]),
        DeadKind::Moved => has(&["mv", "cp", "rename"]),
        DeadKind::Rewritten => {
            instruction.starts_with("COPY") || instruction.starts_with("ADD") || has(&["touch", "cp"])
        }
        DeadKind::Overwritten | DeadKind::Shadowed => false,
    }
}

/// Where charged files are: the topmost folder that went away with a file; else the folder, where several of its files are
/// charged; else the file.
struct Places<'t> {
    tree: &'t Tree,
    in_folder: FxHashMap<(NodeId, u16, u16), u64>,
}

impl<'t> Places<'t> {
    fn new(tree: &'t Tree, charges: &[Charge]) -> Self {
        let mut in_folder: FxHashMap<_, u64> = FxHashMap::default();
        for charge in charges {
            let folder = tree.paths.parent(tree.event_at(charge.file).node).unwrap_or(NodeId::ROOT);
            *in_folder.entry((folder, charge.stored_in, charge.caused_by)).or_default() += 1;
        }
        Self { tree, in_folder }
    }

    fn of(&self, charge: &Charge) -> NodeId {
        let own = self.tree.event_at(charge.file).node;
        if charge.kind == DeadKind::Deleted {
            return topmost_removed(self.tree, own, charge.caused_by);
        }
        let folder = self.tree.paths.parent(own).unwrap_or(NodeId::ROOT);
        let several = self.in_folder[&(folder, charge.stored_in, charge.caused_by)] > 1;
        if several && folder != NodeId::ROOT { folder } else { own }
    }

    /// All places of some charges, the largest first.
    fn sums(&self, charges: &[Charge]) -> Vec<FindingPath> {
        let mut places: FxHashMap<NodeId, (u64, u64)> = FxHashMap::default();
        for charge in charges {
            let sums = places.entry(self.of(charge)).or_default();
            sums.0 += charge.bytes;
            sums.1 += 1;
        }
        let mut places: Vec<FindingPath> =
            places.into_iter().map(|(node, (bytes, files))| FindingPath { node, bytes, files }).collect();
        places.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.node.cmp(&b.node)));
        places
    }
}

fn topmost_removed(tree: &Tree, file: NodeId, by: u16) -> NodeId {
    let above = std::iter::successors(tree.paths.parent(file), |above| tree.paths.parent(*above));
    let gone = |node: &NodeId| {
        *node != NodeId::ROOT
            && tree.state(*node, by).is_none()
            && by.checked_sub(1).is_some_and(|below| tree.state(*node, below).is_some())
    };
    above.take_while(gone).last().unwrap_or(file)
}

/// Of what stays the same from build to build: what it is, where, and by which instruction.
fn fingerprint(what: &str, tree: &Tree, paths: &[FindingPath], instruction: &str) -> String {
    let common = common_folder(tree, paths);
    let mut hash = blake3::Hasher::new();
    // What the classic builder records of a source changes with its content.
    let is_hash = |word: &&str| ["file:", "dir:", "multi:"].iter().any(|kind| word.starts_with(kind));
    let stable: Vec<&str> = instruction.split(' ').filter(|word| !is_hash(word)).collect();
    for part in [what.as_bytes(), &tree.paths.path(common), stable.join(" ").as_bytes()] {
        hash.update(part);
        hash.update(&[0]);
    }
    hash.finalize().to_hex()[..16].to_owned()
}

/// The deepest path that holds, or is, all of them.
pub(super) fn common_folder(tree: &Tree, paths: &[FindingPath]) -> NodeId {
    let chain = |node: NodeId| -> Vec<NodeId> {
        let mut chain: Vec<NodeId> = std::iter::successors(Some(node), |above| tree.paths.parent(*above)).collect();
        chain.reverse();
        chain
    };
    let mut common: Option<Vec<NodeId>> = None;
    for path in paths {
        let chain = chain(path.node);
        common = Some(match common {
            None => chain,
            Some(common) => common.into_iter().zip(chain).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
        });
    }
    common.and_then(|common| common.last().copied()).unwrap_or(NodeId::ROOT)
}
