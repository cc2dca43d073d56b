//! Charges that have one cause, put together and put into words.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use super::Evidence;
use super::accounts::Accounts;
use super::advice::{Advice, Secrecy, advise};
use super::base::Base;
use super::kind::{Charge, Kind, RuleId, Weights};
use super::rules::{Computed, Level, Rule, Rules};
use super::secrets::{SpokenSecret, is_for_show};
use super::twins::twin_folders;
use crate::build::{Lines, Place};
use crate::image::Image;
use crate::secret::SecretKind;
use crate::tree::{EventRef, NodeId, Tree};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A secret that others can read.
    Error,
    /// An instruction of this image can end it.
    Warning,
    /// Only the base image can, or it is only advice.
    Note,
}

impl Severity {
    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
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
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// The text of an instruction confirms the cause.
    pub confirmed: bool,
    /// Content; 0 for a secret.
    pub bytes: u64,
    /// What it takes in the layer's tar, headers and padding included.
    pub tar_bytes: u64,
    /// What it takes in the compressed layer, where that is known or was estimated.
    pub pull_bytes: Option<u64>,
    /// Whether [`Finding::pull_bytes`] is an estimate.
    pub pull_estimated: bool,
    /// Files.
    pub files: u64,
    /// The base image has it.
    pub in_base: bool,
    /// The layer that has the bytes.
    pub stored_in: u16,
    /// The layer that makes them waste.
    pub caused_by: u16,
    /// The layer that stored the content first; its own where none did before.
    pub first_in: u16,
    /// The instruction that has a secret, where that made no layer.
    pub instruction: Option<String>,
    /// Where a secret is that no layer stores: `the history` or `the config`.
    pub spoken_in: Option<&'static str>,
    /// The layer whose instruction should change; None where that is the base image's.
    pub fix_in: Option<u16>,
    /// Where in the Dockerfile the instruction is that should change.
    pub dockerfile: Option<Place>,
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
    /// The files that are charged.
    pub charged: Vec<EventRef>,
    /// Places in charged files (offsets from their headers on), evenly spread over their bytes.
    pub sample: Vec<(EventRef, u64)>,
}

impl Finding {
    /// What has the bytes, or the secret: `layer 2`, `the history`, `the config`.
    pub fn kept_by(&self) -> String {
        self.spoken_in.map_or_else(|| format!("layer {}", self.stored_in), str::to_owned)
    }
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

/// What findings are made of.
pub(super) struct Words<'a> {
    pub(super) tree: &'a Tree,
    pub(super) weights: &'a Weights<'a>,
    pub(super) image: &'a Image,
    pub(super) rules: &'a Rules,
    pub(super) accounts: &'a Accounts,
    pub(super) base: &'a Base,
    pub(super) charges: &'a [Charge],
    /// For the largest duplicate of each layer the live file that has the same content.
    pub(super) kept: &'a [(EventRef, EventRef)],
    pub(super) spoken: &'a [SpokenSecret],
    pub(super) evidence: &'a Evidence,
    pub(super) lines: &'a Lines,
}

impl Words<'_> {
    /// The instruction of a layer: as its author wrote it, where that is known, else as the builder recorded it.
    fn instruction(&self, layer: u16) -> String {
        let row = self.image.layers.get(usize::from(layer)).and_then(|layer| layer.history);
        let written = row.and_then(|row| self.lines.words(row));
        // The builder has the words of a RUN, and hides no flags of it that matter.
        let written = written.filter(|text| !text.starts_with("RUN "));
        written.map(str::to_owned).or_else(|| self.image.instruction(layer.into())).unwrap_or_default()
    }

    /// The same, for reading where files come from: a target with variables is the one that the builder recorded.
    fn copied_by(&self, layer: u16, written: &str) -> String {
        let recorded = self.image.instruction(layer.into()).unwrap_or_default();
        match (written.rsplit_once(' '), recorded.rsplit_once(' ')) {
            (Some((front, to)), Some((_, recorded))) if to.contains('$') => format!("{front} {recorded}"),
            _ => written.to_owned(),
        }
    }

    fn place(&self, layer: u16) -> Option<Place> {
        let row = self.image.layers.get(usize::from(layer)).and_then(|layer| layer.history)?;
        self.lines.place(row).cloned()
    }
}

/// What makes charges one finding. Secrets that are most likely for all to see are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Cause {
    rule: Option<RuleId>,
    kind: Kind,
    stored_in: u16,
    caused_by: u16,
    for_show: bool,
    /// Of a secret: each file is a finding of its own, so that it can be excepted.
    file: Option<EventRef>,
}

/// Secrets that are told one by one; of more only their rules and layers.
const MOST_SECRETS: usize = 500;

/// Puts charges together by rule, kind and layers; the largest first.
pub(super) fn findings(words: &Words<'_>) -> Vec<Finding> {
    let tree = words.tree;
    let mut causes: FxHashMap<Cause, Vec<Charge>> = FxHashMap::default();
    let places = Places::new(words.weights, words.charges);
    let secrets: FxHashSet<EventRef> =
        words.charges.iter().filter(|charge| charge.kind == Kind::Secret).map(|charge| charge.file).collect();
    let together = Together::new(words, &places);
    for charge in words.charges {
        let (kind, stored_in, caused_by) = (charge.kind, charge.file.layer, charge.caused_by);
        let rule = together.rule_of(words, &places, charge);
        let for_show = kind == Kind::Secret && is_for_show(tree, charge.file);
        let file = Some(charge.file).filter(|_| kind == Kind::Secret && !for_show && secrets.len() <= MOST_SECRETS);
        causes.entry(Cause { rule, kind, stored_in, caused_by, for_show, file }).or_default().push(*charge);
    }
    let mut findings: Vec<Finding> =
        causes.into_iter().map(|(cause, charges)| finding(words, &places, &secrets, cause, &charges)).collect();
    if let Some(rule) = words.rules.computed(Computed::HistorySecrets) {
        let rule = words.rules.rule(rule);
        findings.extend(words.spoken.iter().map(|spoken| spoken_finding(words, rule, spoken)));
    }
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.severity, finding.stored_in, finding.caused_by, finding.kind);
        b.bytes.cmp(&a.bytes).then_with(|| key(a).cmp(&key(b))).then_with(|| a.rule.cmp(&b.rule))
    });
    findings
}

/// A directory whose files one layer stores and another one deletes: both layers, and the directory.
type Deleted = (u16, u16, NodeId);
/// Bytes in all, and by the rule that names them.
type ByRule = (u64, FxHashMap<RuleId, u64>);

/// The names of what goes away together: by one instruction, from one directory.
struct Together {
    /// The first rule of such a place that does more than advise.
    named: FxHashMap<Deleted, RuleId>,
    /// A rule that only advises, where it names at least half of the bytes.
    advised: FxHashMap<Deleted, RuleId>,
}

impl Together {
    fn new(words: &Words<'_>, places: &Places<'_>) -> Self {
        let mut named = FxHashMap::default();
        let mut bytes: FxHashMap<Deleted, ByRule> = FxHashMap::default();
        for charge in words.charges.iter().filter(|charge| charge.kind == Kind::Deleted) {
            let place = (charge.file.layer, charge.caused_by, places.of(charge));
            let sums = bytes.entry(place).or_default();
            let size = words.weights.of(charge);
            sums.0 += size;
            match charge.rule() {
                Some(rule) if only_advises(words, rule) => *sums.1.entry(rule).or_default() += size,
                Some(rule) => _ = named.entry(place).or_insert(rule),
                None => {}
            }
        }
        let most = |(place, (all, rules)): (Deleted, ByRule)| {
            let (rule, own) = rules.into_iter().max_by_key(|(rule, own)| (*own, std::cmp::Reverse(*rule)))?;
            (own >= all - own).then_some((place, rule))
        };
        Self { named, advised: bytes.into_iter().filter_map(most).collect() }
    }

    /// The rule that a charge is told under. A few files that a rule for advice happens to name (the README of a package) do
    /// not name all that goes away with them.
    fn rule_of(&self, words: &Words<'_>, places: &Places<'_>, charge: &Charge) -> Option<RuleId> {
        let own = charge.rule();
        let place = (charge.file.layer, charge.caused_by, places.of(charge));
        let alone = charge.kind != Kind::Deleted || place.2 == words.tree.event_at(charge.file).node;
        if alone || own.is_some_and(|rule| !only_advises(words, rule)) {
            return own;
        }
        self.named.get(&place).or_else(|| self.advised.get(&place)).copied()
    }
}

fn only_advises(words: &Words<'_>, rule: RuleId) -> bool {
    words.rules.rule(rule).level == Level::Advice
}

fn finding(
    words: &Words<'_>,
    places: &Places<'_>,
    secrets: &FxHashSet<EventRef>,
    cause: Cause,
    charges: &[Charge],
) -> Finding {
    let Words { tree, weights, image, rules, base, kept, .. } = words;
    let Cause { rule, kind, stored_in, caused_by, for_show, file } = cause;
    let rule = rule.map(|id| rules.rule(id));
    let paths = places.sums(charges);
    let largest = charges.iter().max_by_key(|charge| (weights.of(charge), std::cmp::Reverse(charge.file)));
    let in_base = usize::from(stored_in) < base.layers;
    let instruction = |layer: u16| words.instruction(layer);
    let first_in = largest.map_or(stored_in, |charge| charge.first_in);
    let (stored_by, made_by, first_by) = (instruction(stored_in), instruction(caused_by), instruction(first_in));
    let twin = largest.and_then(|charge| {
        kept.binary_search_by_key(&charge.file, |(file, _)| *file).ok().map(|place| (charge.file, kept[place].1))
    });
    let confirmed = match rule {
        Some(rule) => rules.confirms(rule, &stored_by),
        None => confirms(kind, &made_by),
    };
    let advice = advise(&Advice {
        tree,
        image,
        rules,
        accounts: words.accounts,
        rule,
        kind,
        in_base,
        confirmed,
        stored_in,
        caused_by,
        first_in,
        stored_by: &stored_by,
        copied_by: &words.copied_by(stored_in, &stored_by),
        largest: largest.map(|charge| tree.event_at(charge.file).node),
        caused_by_text: &made_by,
        first_by: &first_by,
        paths: &paths,
        twin,
        twin_folders: twin.and_then(|twin| twin_folders(tree, twin, charges)),
        first_in_base: usize::from(first_in) < base.layers,
        secret: match largest {
            Some(largest) if secrets.contains(&largest.file) => Secrecy::Secret,
            _ if charges.iter().any(|charge| secrets.contains(&charge.file)) => Secrecy::HoldsOne,
            _ => Secrecy::None,
        },
        owner: alike(charges, |file| (tree.attributes(file).uid, tree.attributes(file).gid)),
        files: charges.len() as u64,
        secret_kind: file
            .filter(|_| rule.is_some_and(|rule| rule.computed == Some(Computed::ContentSecrets)))
            .and_then(|file| words.evidence.seen.get(&file)?.secret())
            .map(SecretKind::name),
    });
    let counted = |charge: &Charge| if kind == Kind::Secret { 0 } else { weights.of(charge) };
    // A part of a file takes as much of the blob as its share is.
    let is_part = charges.iter().any(|charge| weights.part(charge).is_some());
    let pull = |charge: &Charge| {
        let whole = tree.pull_bytes(charge.file)?;
        let share = |part: u64| part as f64 / charge.bytes(tree).max(1) as f64;
        Some(weights.part(charge).map_or(whole, |part| (whole as f64 * share(part)) as u64))
    };
    let tar = |charge: &Charge| weights.part(charge).unwrap_or_else(|| tree.event_at(charge.file).tar_bytes());
    Finding {
        // Of the words that the image itself has: a Dockerfile is not always at hand.
        fingerprint: fingerprint(
            rule.map_or(kind.name(), |rule| &rule.id),
            tree,
            &paths,
            &image.instruction(stored_in.into()).unwrap_or_default(),
        ),
        rule: rule.map(|rule| rule.id.clone()),
        kind,
        severity: match kind {
            Kind::Secret if for_show => Severity::Note,
            // Whether a key store holds a private key only its password can tell.
            Kind::Secret => rule.and_then(|rule| rule.severity).unwrap_or(Severity::Error),
            Kind::Duplicate | Kind::Advice => Severity::Note,
            _ if in_base => Severity::Note,
            _ => Severity::Warning,
        },
        confirmed,
        bytes: charges.iter().map(counted).sum(),
        tar_bytes: charges.iter().map(tar).sum(),
        pull_bytes: charges.iter().map(pull).sum(),
        pull_estimated: is_part || tree.layers[usize::from(stored_in)].pull_estimated,
        files: charges.len() as u64,
        in_base,
        stored_in,
        caused_by,
        first_in,
        instruction: None,
        spoken_in: None,
        fix_in: (!in_base).then_some(advice.fix_in),
        dockerfile: words.place(advice.fix_in).filter(|_| !in_base),
        message: advice.message,
        fix: advice.fix,
        fix_mount: advice.fix_mount,
        paths,
        charged: charges.iter().map(|charge| charge.file).collect(),
        sample: sample(tree, charges),
    }
}

/// What all charged files have alike.
fn alike<T: PartialEq>(charges: &[Charge], of: impl Fn(EventRef) -> T) -> Option<T> {
    let first = of(charges.first()?.file);
    charges.iter().all(|charge| of(charge.file) == first).then_some(first)
}

/// Places that stand for all charged bytes: of few bytes all that are 32 KiB apart.
fn sample(tree: &Tree, charges: &[Charge]) -> Vec<(EventRef, u64)> {
    const PLACES: u64 = 64;
    let size = |charge: &Charge| tree.event_at(charge.file).tar_bytes();
    let all: u64 = charges.iter().map(size).sum();
    let stride = (all / PLACES).max(32 * 1024);
    let mut places = Vec::new();
    let (mut passed, mut next) = (0_u64, 0_u64);
    for charge in charges {
        let size = size(charge);
        // Files that are smaller than a stride stand for their neighbours.
        while next < passed + size && places.len() < 2 * PLACES as usize {
            places.push((charge.file, next.saturating_sub(passed)));
            next += stride;
        }
        passed += size;
    }
    places
}

/// A secret in the history or the config.
fn spoken_finding(words: &Words<'_>, rule: &Rule, spoken: &SpokenSecret) -> Finding {
    let SpokenSecret { secret, instruction, layer, row } = spoken;
    let word = instruction.split(' ').next().unwrap_or_default();
    let place = if row.is_some() { "the history" } else { "the config" };
    let message = format!(
        "{}: {} ({} characters) is in {place}, in {} {} instruction, and in no layer: everyone who has the image can read it",
        rule.id,
        secret.name,
        secret.length,
        if word.starts_with(['A', 'E', 'O']) || word.is_empty() { "an" } else { "a" },
        if word.is_empty() { "unknown" } else { word }
    );
    Finding {
        rule: Some(rule.id.clone()),
        kind: Kind::Secret,
        severity: rule.severity.unwrap_or(Severity::Error),
        confirmed: true,
        bytes: 0,
        tar_bytes: 0,
        pull_bytes: None,
        pull_estimated: false,
        files: 0,
        in_base: row.is_some_and(|row| row < words.base.rows(&words.image.history)),
        stored_in: *layer,
        caused_by: *layer,
        first_in: *layer,
        instruction: Some(instruction.clone()),
        spoken_in: Some(place),
        fix_in: row.is_none_or(|row| row >= words.base.rows(&words.image.history)).then_some(*layer),
        dockerfile: row.and_then(|row| words.lines.place(row)).cloned(),
        message: crate::bytes::shown_text(&message),
        fix: format!("rotate it; {}", rule.fix_run),
        fix_mount: words.rules.fix_mount(rule).map(|mount| mount.replace("COMMAND", "…")),
        paths: Vec::new(),
        charged: Vec::new(),
        sample: Vec::new(),
        fingerprint: fingerprint(&rule.id, words.tree, &[], &secret.name),
    }
}

/// Whether an instruction does, by its words, what was found.
fn confirms(kind: Kind, instruction: &str) -> bool {
    let has = |words: &[&str]| {
        instruction.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| words.contains(&word))
    };
    match kind {
        Kind::Deleted => has(&["rm", "purge", "autoremove", "remove", "uninstall", "clean", "prune", "erase", "del"]),
        Kind::Metadata => has(&["chown", "chmod", "chgrp", "setfacl", "setcap", "install"]),
        Kind::Moved => has(&["mv", "cp", "rename"]),
        Kind::Rewritten => instruction.starts_with("COPY") || instruction.starts_with("ADD") || has(&["touch", "cp"]),
        _ => false,
    }
}

/// Where charged files are: the topmost folder that went away with a file; else the folder, where several of its files are
/// charged; else the file.
struct Places<'t> {
    tree: &'t Tree,
    weights: &'t Weights<'t>,
    in_folder: FxHashMap<(NodeId, u16, u16), u64>,
}

impl<'t> Places<'t> {
    fn new(weights: &'t Weights<'t>, charges: &[Charge]) -> Self {
        let tree = weights.tree;
        let mut in_folder: FxHashMap<_, u64> = FxHashMap::default();
        for charge in charges {
            let folder = tree.paths.parent(tree.event_at(charge.file).node).unwrap_or(NodeId::ROOT);
            *in_folder.entry((folder, charge.file.layer, charge.caused_by)).or_default() += 1;
        }
        Self { tree, weights, in_folder }
    }

    fn of(&self, charge: &Charge) -> NodeId {
        let own = self.tree.event_at(charge.file).node;
        if charge.kind == Kind::Deleted {
            return topmost_removed(self.tree, own, charge.caused_by);
        }
        let folder = self.tree.paths.parent(own).unwrap_or(NodeId::ROOT);
        let several = self.in_folder[&(folder, charge.file.layer, charge.caused_by)] > 1 && charge.kind != Kind::Secret;
        if several && folder != NodeId::ROOT { folder } else { own }
    }

    /// All places of some charges, the largest first.
    fn sums(&self, charges: &[Charge]) -> Vec<FindingPath> {
        let mut places: FxHashMap<NodeId, (u64, u64)> = FxHashMap::default();
        for charge in charges {
            let sums = places.entry(self.of(charge)).or_default();
            sums.0 += self.weights.of(charge);
            sums.1 += 1;
        }
        let mut places: Vec<FindingPath> =
            places.into_iter().map(|(node, (bytes, files))| FindingPath { node, bytes, files }).collect();
        let path = |place: &FindingPath| self.tree.paths.path(place.node);
        places.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| path(a).cmp(&path(b))));
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
