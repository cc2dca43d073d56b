//! Each limit that is set, compared with the image.

use super::check::{Check, CheckKind, Quantity, Scope};
use super::exception::is_named;
use super::limits::{Bounds, Limits};
use super::pattern::PathPattern;
use super::verdict::Verdict;
use crate::bytes::{cut_end, shown, shown_text};
use crate::inspect::Inspection;
use crate::tree::{Event, Lookup};
use crate::waste::{Finding, Kind, Level, Reading, Severity};

/// Compares the limits with an image, in the order of the flags.
pub(super) fn checks(
    limits: &Limits,
    found: &Inspection,
    reading: Reading,
    sums: Sums,
    counted: &[usize],
) -> Vec<Check> {
    Checks { limits, found, reading, sums, counted, done: Vec::new() }.all()
}

/// Bytes that count.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) own: u64,
    own_dead: u64,
    pub(super) all: u64,
    all_dead: u64,
}

impl Sums {
    pub(super) fn of(found: &Inspection, verdict: &Verdict, reading: Reading) -> Self {
        let mut sums = Self::default();
        let counted = verdict.counted.iter().map(|place| &found.waste.findings[*place]);
        for finding in counted.filter(|finding| finding.kind.counts()) {
            let dead = if finding.kind.is_dead() { finding.bytes } else { 0 };
            (sums.all, sums.all_dead) = (sums.all + finding.bytes, sums.all_dead + dead);
            if !is_in_base(finding, found, reading) {
                (sums.own, sums.own_dead) = (sums.own + finding.bytes, sums.own_dead + dead);
            }
        }
        sums
    }
}

/// Whether a finding is the base image's by a reading.
pub(super) fn is_in_base(finding: &Finding, found: &Inspection, reading: Reading) -> bool {
    if reading.layers == found.waste.base.layers {
        return finding.in_base;
    }
    usize::from(finding.stored_in) < reading.layers
}

struct Checks<'c> {
    limits: &'c Limits,
    found: &'c Inspection,
    reading: Reading,
    sums: Sums,
    counted: &'c [usize],
    done: Vec<Check>,
}

impl Checks<'_> {
    /// In the order of the flags. Before them, where it is so, that the image could not be read whole.
    fn all(mut self) -> Vec<Check> {
        let limits = self.limits;
        self.damage();
        let waste = &self.found.waste;
        let Sums { own, own_dead, all, all_dead } = self.sums;
        let whose = match self.reading.layers {
            0 if waste.base.layers == 0 => "own layers (all of them)".to_owned(),
            0 => "own layers, if no layer is the base image's".to_owned(),
            some if some == waste.base.layers => "own layers".to_owned(),
            1 => "own layers, if layer 0 is the base image's".to_owned(),
            some => format!("own layers, if layers 0 to {} are the base image's", some - 1),
        };
        self.bounds(&limits.own, Scope::Own, &whose, [own, own_dead, self.reading.own_content_bytes]);
        self.bounds(&limits.all, Scope::All, "all layers", [all, all_dead, waste.content_bytes]);
        if let Some(limit) = limits.image_size {
            let message = format!("all layers store {}", size(waste.content_bytes));
            self.bytes(CheckKind::ImageSize, limit, waste.content_bytes, message);
        }
        if let Some(limit) = limits.layers {
            let has = self.found.image.layers.len() as u64;
            self.push(
                CheckKind::Layers,
                Quantity::Count(limit),
                Quantity::Count(has),
                has <= limit,
                format!("{has} layers"),
            );
        }
        if let Some(limit) = limits.layer_size {
            self.layer_size(limit);
        }
        for (rule, limit) in &limits.rules {
            self.rule(rule, *limit);
        }
        if limits.deny_secrets {
            self.secrets();
        }
        for pattern in &limits.forbid {
            self.paths(pattern, true);
        }
        for pattern in &limits.require {
            self.paths(pattern, false);
        }
        self.done
    }

    /// What is damaged passes no gate, whatever is left of it holds.
    fn damage(&mut self) {
        let damage: Vec<String> = self.found.incomplete().map(|text| shown_text(&text)).collect();
        if let [first, others @ ..] = damage.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!("; and {} more", others.len()) };
            let has = Quantity::Count(damage.len() as u64);
            self.push(CheckKind::WholeImage, Quantity::Count(0), has, false, format!("{first}{more}"));
        }
    }

    fn push(&mut self, kind: CheckKind, limit: Quantity, value: Quantity, pass: bool, message: String) {
        self.done.push(Check { kind, limit, value, pass, message, excess: None });
    }

    fn bytes(&mut self, kind: CheckKind, limit: u64, value: u64, message: String) {
        self.push(kind, Quantity::Bytes(limit), Quantity::Bytes(value), value <= limit, message);
    }

    /// Says how many wasted bytes the last check is away from passing.
    fn exceeds_by(&mut self, excess: u64) {
        if let Some(check) = self.done.last_mut().filter(|check| !check.pass) {
            check.excess = Some(excess);
        }
    }

    fn bounds(&mut self, bounds: &Bounds, scope: Scope, layers: &str, [wasted, dead, content]: [u64; 3]) {
        let floor = self.limits.floor;
        let is_little = wasted < floor;
        let below = if is_little { format!(", less than the floor of {}", size(floor)) } else { String::new() };
        let message = format!("{} of the {} in {layers} are wasted", size(wasted), size(content));
        // Below the floor shares hold.
        let to_floor = (floor > 0).then(|| (wasted + 1).saturating_sub(floor));
        let nearest = |excess: f64| {
            let excess = excess.max(0.0).ceil() as u64;
            to_floor.map_or(excess, |to_floor| excess.min(to_floor))
        };
        if let Some(limit) = bounds.wasted_percent {
            let value = if content == 0 { 0.0 } else { wasted as f64 * 100.0 / content as f64 };
            // Compared as products, so that an image that is exactly at its limit passes.
            let pass = is_little || wasted as f64 * 100.0 <= limit * content as f64;
            let message = format!("{message}{below}");
            let kind = CheckKind::WastedPercent(scope);
            self.push(kind, Quantity::Percent(limit), Quantity::Percent(value), pass, message);
            // What is no longer wasted is no longer stored.
            let excess = (wasted as f64 * 100.0 - limit * content as f64) / (100.0 - limit);
            self.exceeds_by(nearest(excess));
        }
        if let Some(limit) = bounds.wasted_bytes {
            self.bytes(CheckKind::WastedBytes(scope), limit, wasted, message);
            self.exceeds_by(wasted.saturating_sub(limit));
        }
        if let Some(limit) = bounds.efficiency {
            let live = content.saturating_sub(dead);
            let value = if content == 0 { 1.0 } else { live as f64 / content as f64 };
            let pass = is_little || live as f64 >= limit * content as f64;
            let message =
                format!("{} of the {} in {layers} are hidden by later layers{below}", size(dead), size(content));
            let kind = CheckKind::Efficiency(scope);
            self.push(kind, Quantity::Ratio(limit), Quantity::Ratio(value), pass, message);
            self.exceeds_by(nearest(content as f64 - live as f64 / limit));
        }
    }

    fn layer_size(&mut self, limit: u64) {
        let sizes = || self.found.tree.layers.iter().map(|layer| layer.content_bytes);
        let largest = sizes().enumerate().max_by_key(|(layer, bytes)| (*bytes, std::cmp::Reverse(*layer)));
        let (layer, bytes) = largest.unwrap_or_default();
        let over = sizes().filter(|bytes| *bytes > limit).count();
        let others = if over > 1 { format!(", and {} others are over the limit", over - 1) } else { String::new() };
        let instruction = self.found.image.instruction_line(layer).unwrap_or_default();
        let message = format!(
            "the largest is layer {layer} with {}{others}: {}",
            size(bytes),
            cut_end(&shown_text(&instruction), 80)
        );
        self.bytes(CheckKind::LayerSize, limit, bytes, message);
    }

    fn rule(&mut self, rule: &str, limit: u64) {
        let findings = self.counted.iter().map(|place| &self.found.waste.findings[*place]);
        let own: Vec<&Finding> = findings
            .filter(|finding| is_named(finding, rule) && !is_in_base(finding, self.found, self.reading))
            .collect();
        let kind = CheckKind::Rule(rule.to_owned());
        let secrets = rule == Kind::Secret.name()
            || self.found.waste.rules.get(rule).is_some_and(|rule| rule.level == Level::Secret);
        let first = own.first().map(|finding| format!(": {}", finding.message)).unwrap_or_default();
        if secrets {
            let has: u64 = own.iter().map(|finding| finding.files.max(1)).sum();
            let message = format!("{has} of them{first}");
            return self.push(kind, Quantity::Count(limit), Quantity::Count(has), has <= limit, message);
        }
        let bytes: u64 = own.iter().map(|finding| finding.bytes).sum::<u64>() + self.noticed(rule);
        let message =
            if own.is_empty() { size(bytes) } else { format!("{} in {} findings{first}", size(bytes), own.len()) };
        self.bytes(kind, limit, bytes, message);
        self.exceeds_by(bytes.saturating_sub(limit));
    }

    /// What notices of that name cost.
    fn noticed(&self, name: &str) -> u64 {
        let notices = self.found.waste.notices.iter().filter(|notice| notice.id == name);
        notices.filter_map(|notice| notice.bytes).sum()
    }

    fn secrets(&mut self) {
        let secrets: Vec<&Finding> = (self.counted.iter())
            .map(|place| &self.found.waste.findings[*place])
            .filter(|finding| finding.kind == Kind::Secret && finding.severity != Severity::Note)
            .collect();
        let has: u64 = secrets.iter().map(|finding| finding.files.max(1)).sum();
        let message = match secrets.as_slice() {
            [] => "no secret was found".to_owned(),
            [only] => only.message.clone(),
            [first, others @ ..] => format!("{}; and {} more", first.message, others.len()),
        };
        self.push(CheckKind::Secrets, Quantity::Count(0), Quantity::Count(has), has == 0, message);
    }

    fn paths(&mut self, pattern: &PathPattern, is_forbidden: bool) {
        let (has, first) = self.matching(pattern);
        let text = pattern.text().to_owned();
        let (kind, limit, pass) =
            if is_forbidden { (CheckKind::Forbid(text), 0, has == 0) } else { (CheckKind::Require(text), 1, has > 0) };
        let message = match (has, first) {
            (0, _) | (_, None) => "no such path".to_owned(),
            (1, Some(first)) => shown(&first),
            (has, Some(first)) => format!("{} and {} more", shown(&first), has - 1),
        };
        self.push(kind, Quantity::Count(limit), Quantity::Count(has), pass, message);
    }

    /// Paths of the final file system that a pattern names: how many, and the first in the order of names.
    fn matching(&self, pattern: &PathPattern) -> (u64, Option<Vec<u8>>) {
        let tree = &self.found.tree;
        if let (Some(path), Some(top)) = (pattern.literal(), tree.top()) {
            // A program finds it through links, too.
            let there = matches!(tree.lookup(path.as_bytes(), top, true), Lookup::Found(..) | Lookup::Root)
                || matches!(tree.lookup(path.as_bytes(), top, false), Lookup::Found(..));
            return (u64::from(there), there.then(|| path.as_bytes().to_vec()));
        }
        let (mut has, mut first): (u64, Option<Vec<u8>>) = (0, None);
        let mut path = Vec::new();
        for event in tree.layers.iter().flat_map(|layer| &layer.events).filter(|event| event.until == Event::HOLDS) {
            tree.paths.write_path(event.node, &mut path);
            if !path.is_empty() && pattern.matches(&path) {
                has += 1;
                if first.as_ref().is_none_or(|first| path < *first) {
                    first = Some(path.clone());
                }
            }
        }
        (has, first)
    }
}

/// A size in a sentence.
fn size(bytes: u64) -> String {
    crate::bytes::human(bytes)
}
