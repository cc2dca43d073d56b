//! Secrets that are left in a layer, or in the history; also under a deletion, since every layer can be read.

use rustc_hash::FxHashSet;

use super::Evidence;
use super::kind::{Charge, Kind, RuleId};
use super::named::{Named, rooted};
use super::rules::{Computed, Rules};
use crate::image::Image;
use crate::secret::{self, HiddenSecret, LARGEST};
use crate::tree::{Event, EventKind, EventRef, Tree};

/// A secret in the words of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpokenSecret {
    pub(super) secret: HiddenSecret,
    /// The instruction that has it, hidden.
    pub(super) instruction: String,
    /// The layer that the instruction made, or the one below.
    pub(super) layer: u16,
    /// The history row; None for one that only the config has.
    pub(super) row: Option<usize>,
}

/// Files whose text may hold a secret, deleted ones too; none if no rule asks for them.
pub fn may_hold_secrets(tree: &Tree, rules: &Rules) -> Vec<EventRef> {
    let mut files = Vec::new();
    if rules.computed(Computed::ContentSecrets).is_none() {
        return files;
    }
    let mut path = Vec::new();
    for (layer, events) in tree.layers.iter().enumerate() {
        for (index, event) in events.events[..events.listed].iter().enumerate() {
            if event.kind() == EventKind::File && (1..=LARGEST).contains(&event.size) {
                tree.paths.write_path(event.node, &mut path);
                if secret::may_hold_secrets(&path, event.size) {
                    files.push(EventRef { layer: layer as u16, index: index as u32 });
                }
            }
        }
    }
    files
}

/// Files that are secrets, by name and, where the rule asks for it, by content; and those whose text holds one.
pub(super) fn in_files(tree: &Tree, rules: &Rules, named: &Named, evidence: &Evidence) -> Vec<Charge> {
    let holds = |(file, rule): &(EventRef, RuleId)| {
        let seen = evidence.seen.get(file).copied().unwrap_or_default();
        tree.event_at(*file).size > 0 && rules.rule(*rule).magic.is_none_or(|magic| seen.shows(magic))
    };
    let charge = |(file, rule): (EventRef, RuleId)| {
        let until = tree.event_at(file).until;
        let by = if until == Event::HOLDS { file.layer } else { until };
        Charge::new(file, Kind::Secret, by, file.layer).named(Some(rule))
    };
    let mut charges: Vec<Charge> = named.secrets(rules).filter(holds).map(charge).collect();
    let by_path: FxHashSet<EventRef> = charges.iter().map(|charge| charge.file).collect();
    if let Some(rule) = rules.computed(Computed::ContentSecrets) {
        let in_text = evidence.seen.iter().filter(|(file, seen)| seen.secret().is_some() && !by_path.contains(*file));
        charges.extend(in_text.map(|(file, _)| charge((*file, rule))));
        charges.sort_unstable_by_key(|charge| (charge.file, charge.rule()));
    }
    charges
}

/// Directories whose keys and passwords are meant to be seen: tests and examples of packages.
const FOR_SHOW: [&[u8]; 9] = [
    b"test",
    b"tests",
    b"testdata",
    b"fixtures",
    b"examples",
    b"site-packages",
    b"dist-packages",
    b"node_modules",
    b"doc",
];

/// Whether a secret file is most likely meant for all to see.
pub(super) fn is_for_show(tree: &Tree, file: EventRef) -> bool {
    let mut path = Vec::new();
    rooted(tree, tree.event_at(file).node, &mut path);
    path.ends_with(b"/ssl-cert-snakeoil.key") || path.split(|byte| *byte == b'/').any(|part| FOR_SHOW.contains(&part))
}

/// Secrets of the history and the config that are reported; of more only their values are hidden.
const MOST: usize = 500;

/// Secrets in the history and in the config; each once.
pub(super) fn in_words(image: &Image) -> Vec<SpokenSecret> {
    let mut all: Vec<SpokenSecret> = Vec::new();
    let mut layer = 0;
    for (at, row) in image.history.iter().enumerate() {
        layer = row.layer.unwrap_or(layer);
        for secret in row.secrets() {
            if all.len() < MOST && !all.iter().any(|known| known.secret == *secret) {
                let instruction = row.instruction().unwrap_or_default();
                all.push(SpokenSecret { secret: secret.clone(), instruction, layer: layer as u16, row: Some(at) });
            }
        }
    }
    let top = image.layers.len().saturating_sub(1) as u16;
    for (word, text, secret) in image.config.run.secrets() {
        if all.len() < MOST && !all.iter().any(|known| known.secret == *secret) {
            let instruction = format!("{word} {text}");
            all.push(SpokenSecret { secret: secret.clone(), instruction, layer: top, row: None });
        }
    }
    all
}
