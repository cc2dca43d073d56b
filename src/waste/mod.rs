//! Which bytes are wasted, why, and whose they are.
//!
//! Owns dead bytes (content that a later layer hides), told apart by what made them dead, and where the base image ends.
//! Leaves to `inspect` the hashing that equal content needs: [`questions`] says what must be known.

mod advice;
mod base;
mod findings;
mod rules;
mod shadow;

pub use base::{Base, base};
pub use findings::{Finding, FindingPath, Severity, findings};
pub use rules::{Level, Rule, Rules, RulesError};
pub use shadow::{Charge, Dead, DeadKind, dead, questions};

use crate::image::Image;
use crate::tree::Tree;

/// The judgement. All sizes are bytes of file content.
#[derive(Debug, Clone)]
pub struct Waste {
    /// Content of all layers.
    pub content_bytes: u64,
    /// Content of the final file system, a hard-linked file once.
    pub live_bytes: u64,
    /// Dead bytes by kind, and each file that is charged.
    pub dead: Dead,
    /// Which layers are the base image's.
    pub base: Base,
    /// Dead bytes that an instruction of this image could end.
    pub own_bytes: u64,
    /// Content of own layers.
    pub own_content_bytes: u64,
    /// What is wasted by cause, the largest first.
    pub findings: Vec<Finding>,
    /// By layer: its content that is dead in the end.
    pub dead_of_layer: Vec<u64>,
    /// By layer: content of earlier layers that it hides.
    pub hidden_by_layer: Vec<u64>,
}

impl Waste {
    /// Adds everything up.
    pub fn judge(tree: &Tree, image: &Image, dead: Dead, base: Base, rules: &Rules) -> Self {
        let findings = findings(tree, image, &dead, base, rules);
        let content_bytes = tree.content_bytes();
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
        let own_bytes = dead
            .charges
            .iter()
            .filter(|charge| usize::from(charge.stored_in) >= base.layers)
            .map(|charge| charge.bytes)
            .sum();
        Self {
            content_bytes,
            live_bytes: content_bytes.saturating_sub(tree.dead_bytes()),
            own_content_bytes: tree.layers.iter().skip(base.layers).map(|layer| layer.content_bytes).sum(),
            dead,
            base,
            own_bytes,
            findings,
            dead_of_layer,
            hidden_by_layer,
        }
    }

    /// Wasted bytes in all.
    pub fn total_bytes(&self) -> u64 {
        self.dead.bytes()
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
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
