//! Secrets that are left in a layer, or in the history; also under a deletion, since every layer can be read.

use super::Evidence;
use super::kind::{Charge, Kind, RuleId};
use super::named::{Named, rooted};
use super::rules::Rules;
use crate::image::Image;
use crate::secret::HiddenSecret;
use crate::tree::{Event, EventRef, Tree};

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

/// Files that are secrets, by name and, where the rule asks for it, by content.
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
    named.secrets(rules).filter(holds).map(charge).collect()
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

/// Secrets in the history and in the config; each once.
pub(super) fn in_words(image: &Image) -> Vec<SpokenSecret> {
    let mut all: Vec<SpokenSecret> = Vec::new();
    let mut layer = 0;
    for (at, row) in image.history.iter().enumerate() {
        layer = row.layer.unwrap_or(layer);
        for secret in row.secrets() {
            if !all.iter().any(|known| known.secret == *secret) {
                let instruction = row.instruction().unwrap_or_default();
                all.push(SpokenSecret { secret: secret.clone(), instruction, layer: layer as u16, row: Some(at) });
            }
        }
    }
    let top = image.layers.len().saturating_sub(1) as u16;
    for (word, text, secret) in image.config.run.secrets() {
        if !all.iter().any(|known| known.secret == *secret) {
            let instruction = format!("{word} {text}");
            all.push(SpokenSecret { secret: secret.clone(), instruction, layer: top, row: None });
        }
    }
    all
}
