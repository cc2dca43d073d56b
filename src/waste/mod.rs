//! Which bytes are wasted, why, and whose they are.
//!
//! Owns dead bytes (content that a later layer hides, told apart by what made them dead), live bytes that should not be
//! there, secrets, where the base image ends, and the words of findings. Leaves to `inspect` what must be read for that:
//! [`questions`] and [`lookalikes`] say whose content must be known, [`Named::to_look_at`] whose first bytes.

mod accounts;
mod advice;
mod base;
mod computed;
mod findings;
mod guards;
mod kind;
mod live;
mod magic;
mod metadata;
mod named;
mod notices;
mod rules;
mod secrets;
mod shadow;
mod twins;

pub use crate::build::{Lines, Place};
pub use accounts::Accounts;
pub use base::{Base, DockerfileBase, Evidence as BaseEvidence, GivenBase, NotTheBase, Reading};
pub use computed::{ReadDocument, computed, document_limit, may_have_symbols};
pub use findings::{Finding, FindingPath, Severity};
use kind::Weights;
pub use kind::{Charge, Kind, RuleId, Sums};
pub use live::lookalikes;
pub use magic::{HEAD, Magic, Seen};
pub use named::{Named, PathHits, pieces};
pub use notices::{Notice, StoredLayer, compression_notices, may_be_zeros};
pub use rules::{Computed, Flag, Guard, Later, Level, Need, Rule, Rules, RulesError, Variable};
pub use secrets::may_hold_secrets;
pub use shadow::{Dead, dead, questions};

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::image::Image;
use crate::tree::{EventRef, Tree};

/// What was found out about contents, beside who equals whom.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What the first bytes of files show, where a rule asks for it.
    pub seen: FxHashMap<EventRef, Seen>,
    /// Live files that a rule names which no pattern of paths can be.
    pub computed: FxHashMap<EventRef, RuleId>,
    /// Bytes in aligned blocks of 4,096 zeros, of large files that are mostly that.
    pub zeros: Vec<(EventRef, u64)>,
    /// Bytes for debuggers and linkers, of programs and libraries that have some.
    pub symbols: FxHashMap<EventRef, u64>,
}

/// What is to be judged, and by what.
pub struct Case<'a> {
    /// The file system's history.
    pub tree: &'a Tree,
    /// What the documents say.
    pub image: &'a Image,
    /// By layer: bytes of the uncompressed tar.
    pub tar_bytes: &'a [u64],
    /// The catalogue.
    pub rules: &'a Arc<Rules>,
    /// Which rules name which files.
    pub named: &'a Named,
    /// What contents show.
    pub evidence: &'a Evidence,
    /// Where the base ends.
    pub base: Base,
    /// List what is only advised, too.
    pub advice: bool,
    /// Users and groups of the image.
    pub accounts: &'a Accounts,
    /// Where instructions are in a Dockerfile.
    pub lines: &'a Lines,
}

/// The judgement. All sizes are bytes of file content.
#[derive(Debug, Clone)]
pub struct Waste {
    /// Content of all layers.
    pub content_bytes: u64,
    /// Content of the final file system, a hard-linked file once.
    pub live_bytes: u64,
    /// Each file that is charged: the dead by (layer, position), then the live, then secrets.
    pub charges: Vec<Charge>,
    /// Bytes by kind.
    pub sums: Sums,
    /// Which layers are the base image's.
    pub base: Base,
    /// What it comes to if the base is what other evidence would make it.
    pub otherwise: Option<Reading>,
    /// Wasted bytes that an instruction of this image could end.
    pub own_bytes: u64,
    /// Content of own layers.
    pub own_content_bytes: u64,
    /// What is wasted by cause, the largest first.
    pub findings: Vec<Finding>,
    /// Oddities that cost something, and are part of no total.
    pub notices: Vec<Notice>,
    /// By layer: its content that is dead in the end.
    pub dead_of_layer: Vec<u64>,
    /// By layer: content of earlier layers that it hides.
    pub hidden_by_layer: Vec<u64>,
    /// The catalogue that it was judged by.
    pub rules: Arc<Rules>,
}

impl Waste {
    /// Charges what is live, and adds everything up.
    pub fn judge(case: Case<'_>, dead: Dead) -> Self {
        let Case { tree, image, rules, named, evidence, .. } = case;
        let (live, kept) = live::live(tree, image, rules, named, evidence, &dead, case.advice);
        let secrets = secrets::in_files(tree, rules, named, evidence);
        let symbols = evidence.symbols.iter().map(|(file, bytes)| (dead.carrier(*file), *bytes)).collect();
        let mut charges = dead.charges;
        for charge in &mut charges {
            *charge = charge.named(named.label(rules, charge.file));
        }
        if charges.is_empty() {
            charges = live;
        } else {
            charges.extend(live);
        }
        charges.extend(secrets);
        let weights = Weights { tree, symbols: &symbols, symbols_rule: rules.computed(Computed::Symbols) };
        let mut sums = Sums::default();
        let mut own_bytes = 0;
        for charge in &charges {
            let bytes = weights.of(charge);
            sums.add(charge.kind, bytes);
            if charge.kind.counts() && usize::from(charge.file.layer) >= case.base.layers {
                own_bytes += bytes;
            }
        }
        let findings = findings::findings(&findings::Words {
            tree,
            weights: &weights,
            image,
            rules,
            accounts: case.accounts,
            base: &case.base,
            charges: &charges,
            kept: &kept,
            lines: case.lines,
            spoken: &secrets::in_words(image),
            evidence,
        });
        let notices = notices::notices(tree, rules, case.tar_bytes, evidence, &findings);
        let content_bytes = tree.content_bytes();
        let (dead_of_layer, hidden_by_layer) = by_layer(tree);
        let otherwise = case.base.otherwise();
        let mut waste = Self {
            content_bytes,
            live_bytes: content_bytes.saturating_sub(tree.dead_bytes()),
            own_content_bytes: tree.layers.iter().skip(case.base.layers).map(|layer| layer.content_bytes).sum(),
            charges,
            sums,
            base: case.base,
            otherwise: None,
            own_bytes,
            findings,
            notices,
            dead_of_layer,
            hidden_by_layer,
            rules: Arc::clone(rules),
        };
        waste.otherwise = otherwise.map(|layers| Reading::of(&waste, tree, layers));
        waste
    }

    /// What is known without a judgement: sizes alone.
    pub fn unjudged(tree: &Tree) -> Self {
        let content_bytes = tree.content_bytes();
        let (dead_of_layer, hidden_by_layer) = by_layer(tree);
        Self {
            content_bytes,
            live_bytes: content_bytes.saturating_sub(tree.dead_bytes()),
            charges: Vec::new(),
            sums: Sums::default(),
            base: Base::none(),
            otherwise: None,
            own_bytes: 0,
            own_content_bytes: content_bytes,
            findings: Vec::new(),
            notices: Vec::new(),
            dead_of_layer,
            hidden_by_layer,
            rules: Arc::clone(Rules::built_in()),
        }
    }

    /// Wasted bytes in all.
    pub fn total_bytes(&self) -> u64 {
        self.sums.total()
    }

    /// Bytes to pull that are wasted, and whether that is an estimate; None when it is not known of each finding.
    pub fn pull_bytes(&self) -> Option<(u64, bool)> {
        let mut sum = (0, false);
        for finding in self.findings.iter().filter(|finding| finding.kind.counts()) {
            sum = (sum.0 + finding.pull_bytes?, sum.1 | finding.pull_estimated);
        }
        Some(sum)
    }

    /// Wasted bytes that only the base image could end.
    pub fn base_bytes(&self) -> u64 {
        self.total_bytes() - self.own_bytes
    }

    /// Wasted bytes in percent of all content; 0 for an image without content.
    pub fn percent(&self) -> f64 {
        percent(self.total_bytes(), self.content_bytes)
    }

    /// Own wasted bytes in percent of the content of own layers.
    pub fn own_percent(&self) -> f64 {
        percent(self.own_bytes, self.own_content_bytes)
    }

    /// Live bytes of all content, 0 to 1; 1 for an image without content.
    pub fn efficiency(&self) -> f64 {
        if self.content_bytes == 0 { 1.0 } else { self.live_bytes as f64 / self.content_bytes as f64 }
    }

    /// Bytes that would not be stored if the layers `first` to `last` were one: what is made and hidden among them.
    pub fn squashed(tree: &Tree, first: u16, last: u16) -> u64 {
        let layers = tree.layers.iter().enumerate().skip(first.into()).take(usize::from(last - first) + 1);
        let files = layers.flat_map(|(_, layer)| &layer.deaths).filter(|file| file.layer >= first);
        files.map(|file| tree.event_at(*file).size).sum()
    }

    /// Wasted bytes by rule or, where no rule names them, by kind; the largest first.
    /// Each with what of it is this image's own.
    pub fn by_rule(&self) -> Vec<(&str, u64, u64)> {
        let mut sums: Vec<(&str, u64, u64)> = Vec::new();
        for finding in self.findings.iter().filter(|finding| finding.kind.counts()) {
            let name = finding.rule.as_deref().unwrap_or(finding.kind.name());
            let own = if finding.in_base { 0 } else { finding.bytes };
            match sums.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, bytes, own_bytes)) => (*bytes, *own_bytes) = (*bytes + finding.bytes, *own_bytes + own),
                None => sums.push((name, finding.bytes, own)),
            }
        }
        sums.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        sums
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// By layer: its content that is dead in the end, and content of earlier layers that it hides.
fn by_layer(tree: &Tree) -> (Vec<u64>, Vec<u64>) {
    let layers = tree.layers.len();
    let mut dead_of_layer = vec![0; layers];
    let mut hidden_by_layer = vec![0; layers];
    for (by, layer) in tree.layers.iter().enumerate() {
        for file in &layer.deaths {
            let size = tree.event_at(*file).size;
            dead_of_layer[usize::from(file.layer)] += size;
            if usize::from(file.layer) < by {
                hidden_by_layer[by] += size;
            }
        }
    }
    (dead_of_layer, hidden_by_layer)
}
