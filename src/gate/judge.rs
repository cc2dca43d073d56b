use jiff::civil::Date;

use super::baseline::{Known, by_fingerprint};
use super::exception::{Exception, Fit, is_named};
use super::limits::{Bounds, Limits};
use super::pattern::PathPattern;
use super::verdict::{Check, Excuse, Excused, Quantity, Verdict};
use crate::bytes::{shown, shown_text};
use crate::inspect::Inspection;
use crate::tree::{Event, Lookup};
use crate::waste::{Finding, Kind, Level, Reading, Severity};

/// Everything that an image is held against.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The limits.
    pub limits: Limits,
    /// What is excused.
    pub exceptions: Vec<Exception>,
    /// What is known.
    pub known: Option<Known>,
    /// The day by which exceptions are over.
    pub today: Date,
}

impl Gate {
    /// Holds an image against the limits. Where the evidence for a base image is weak, a limit holds only if it does with
    /// that base and without.
    pub fn judge(&self, found: &Inspection) -> Verdict {
        let waste = &found.waste;
        let usual = Reading {
            layers: waste.base.layers,
            own_bytes: waste.own_bytes,
            own_content_bytes: waste.own_content_bytes,
        };
        let mut verdict = self.judge_by(found, usual);
        let Some(reading) = waste.otherwise else { return verdict };
        let other = self.judge_by(found, reading);
        verdict.passes_otherwise = Some(other.pass());
        if waste.base.maybe == Some(reading.layers) {
            let checks = std::mem::take(&mut verdict.checks).into_iter().zip(other.checks);
            verdict.checks = checks.map(|(usual, other)| usual.stricter(other)).collect();
        }
        verdict
    }

    /// Holds an image against the limits, the first layers of a reading being the base image's.
    fn judge_by(&self, found: &Inspection, reading: Reading) -> Verdict {
        let warnings = found.image.warnings.iter().map(|text| shown_text(text));
        let mut verdict = Verdict { notes: warnings.collect(), ..Verdict::default() };
        let now = by_fingerprint(found);
        let patterns: Vec<_> = self.exceptions.iter().map(Exception::pattern).collect();
        for (place, finding) in found.waste.findings.iter().enumerate() {
            let known = |finding: &Finding| {
                let known = self.known.as_ref().filter(|_| finding.kind != Kind::Secret)?;
                known.excuses(&finding.fingerprint, now.get(&finding.fingerprint).copied().unwrap_or(finding.bytes))
            };
            let why = self
                .is_beside(finding, is_in_base(finding, found, reading))
                .or_else(|| self.exception(&patterns, finding, found, &mut verdict))
                .or_else(|| known(finding));
            if let Some(why) = why {
                verdict.excused.push(Excused { finding: place, why });
                continue;
            }
            verdict.counted.push(place);
            let before = self.known.as_ref().and_then(|known| known.bytes(&finding.fingerprint));
            verdict.grown.extend(before.filter(|_| finding.kind != Kind::Secret).map(|before| (place, before)));
        }
        verdict.used.sort_unstable();
        verdict.used.dedup();
        let sums = Sums::of(found, &verdict, reading);
        verdict.checks = Checks { gate: self, found, reading, sums, counted: &verdict.counted, done: Vec::new() }.all();
        self.say_nothing_of_little(found, &sums, &mut verdict);
        verdict
    }

    /// Why no limit is about a finding; None when one is.
    fn is_beside(&self, finding: &Finding, in_base: bool) -> Option<Excuse> {
        let limits = &self.limits;
        let named = limits.rules.iter().any(|(rule, _)| is_named(finding, rule));
        let in_all = match finding.kind {
            Kind::Secret => limits.deny_secrets && finding.severity != Severity::Note,
            kind => kind.counts() && limits.all.any(),
        };
        let in_own = named || (finding.kind.counts() && limits.own.any());
        match (in_all, in_own, in_base) {
            (true, ..) | (false, true, false) => None,
            (false, true, true) => Some(Excuse::Base),
            (false, false, _) => Some(Excuse::Uncounted),
        }
    }

    fn exception(
        &self,
        patterns: &[Option<Result<PathPattern, String>>],
        finding: &Finding,
        found: &Inspection,
        verdict: &mut Verdict,
    ) -> Option<Excuse> {
        let valid = self.exceptions.iter().enumerate().filter(|(_, exception)| !exception.is_over(self.today));
        let mut partly = Vec::new();
        for (place, exception) in valid {
            match exception.fit(patterns[place].as_ref(), finding, found) {
                Fit::Whole => {
                    verdict.used.push(place);
                    return Some(Excuse::Ignored(shown_text(&exception.reason)));
                }
                Fit::Partly(some, all) => partly.push((place, exception, some, all)),
                Fit::No => {}
            }
        }
        for (place, exception, some, all) in partly {
            verdict.used.push(place);
            verdict.notes.push(format!(
                "{}: the exception for {} covers {some} of {all} paths of a finding, which counts all the same: {}",
                shown_text(&exception.place),
                exception.name(),
                finding.message
            ));
        }
        None
    }

    /// While less than the floor is wasted and only shares are limited, there is nothing to say of it.
    fn say_nothing_of_little(&self, found: &Inspection, sums: &Sums, verdict: &mut Verdict) {
        let wasted = if self.limits.all.any() { sums.all } else { sums.own };
        if wasted >= self.limits.floor || !self.limits.only_shares() {
            return;
        }
        let is_waste = |place: &usize| found.waste.findings[*place].kind != Kind::Secret;
        let little: Vec<usize> = verdict.counted.iter().copied().filter(is_waste).collect();
        verdict.counted.retain(|place| !is_waste(place));
        verdict.excused.extend(little.into_iter().map(|finding| Excused { finding, why: Excuse::Floor }));
        verdict.excused.sort_by_key(|excused| excused.finding);
    }
}

/// Tells of exceptions that are over or that excuse nothing in any of the images; at the first of them.
pub fn settle(gate: &Gate, verdicts: &mut [Verdict]) {
    let used = |place: usize| verdicts.iter().any(|verdict| verdict.used.contains(&place));
    let note = |(place, exception): (usize, &Exception)| {
        let name = format!("{}: the exception for {}", shown_text(&exception.place), exception.name());
        match exception.until.filter(|_| exception.is_over(gate.today)) {
            Some(until) => Some(format!("{name} ended on {until}, and excuses nothing any more")),
            None if !used(place) => Some(format!("{name} excuses nothing; it can go")),
            None => None,
        }
    };
    let notes: Vec<String> = gate.exceptions.iter().enumerate().filter_map(note).collect();
    if let Some(first) = verdicts.first_mut() {
        first.notes.extend(notes);
    }
}

/// Bytes that count.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    own: u64,
    own_dead: u64,
    all: u64,
    all_dead: u64,
}

impl Sums {
    fn of(found: &Inspection, verdict: &Verdict, reading: Reading) -> Self {
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
fn is_in_base(finding: &Finding, found: &Inspection, reading: Reading) -> bool {
    if reading.layers == found.waste.base.layers {
        return finding.in_base;
    }
    usize::from(finding.stored_in) < reading.layers
}

struct Checks<'c> {
    gate: &'c Gate,
    found: &'c Inspection,
    reading: Reading,
    sums: Sums,
    counted: &'c [usize],
    done: Vec<Check>,
}

impl Checks<'_> {
    /// In the order of the flags. Before them, where it is so, that the image could not be read whole.
    fn all(mut self) -> Vec<Check> {
        let limits = &self.gate.limits;
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
        self.bounds(&limits.own, "own-", &whose, [own, own_dead, self.reading.own_content_bytes]);
        self.bounds(&limits.all, "", "all layers", [all, all_dead, waste.content_bytes]);
        if let Some(limit) = limits.image_size {
            let message = format!("all layers store {}", size(waste.content_bytes));
            self.bytes("max-image-size", limit, waste.content_bytes, message);
        }
        if let Some(limit) = limits.layers {
            let has = self.found.image.layers.len() as u64;
            self.push(
                "max-layers",
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
            self.paths("forbid", pattern);
        }
        for pattern in &limits.require {
            self.paths("require", pattern);
        }
        self.done
    }

    /// What is damaged passes no gate, whatever is left of it holds.
    fn damage(&mut self) {
        let damage: Vec<String> = self.found.damage().map(|text| shown_text(&text)).collect();
        if let [first, others @ ..] = damage.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!("; and {} more", others.len()) };
            let has = Quantity::Count(damage.len() as u64);
            self.push("whole-image", Quantity::Count(0), has, false, format!("{first}{more}"));
        }
    }

    fn push(&mut self, rule: impl Into<String>, limit: Quantity, value: Quantity, pass: bool, message: String) {
        self.done.push(Check { rule: rule.into(), limit, value, pass, message });
    }

    fn bytes(&mut self, rule: impl Into<String>, limit: u64, value: u64, message: String) {
        self.push(rule, Quantity::Bytes(limit), Quantity::Bytes(value), value <= limit, message);
    }

    fn bounds(&mut self, bounds: &Bounds, infix: &str, whose: &str, [wasted, dead, content]: [u64; 3]) {
        let floor = self.gate.limits.floor;
        let little = wasted < floor;
        let below = if little { format!(", less than the floor of {}", size(floor)) } else { String::new() };
        let message = format!("{} of the {} in {whose} are wasted", size(wasted), size(content));
        if let Some(limit) = bounds.wasted_percent {
            let value = if content == 0 { 0.0 } else { wasted as f64 * 100.0 / content as f64 };
            // Held against each other as products, so that an image that is exactly at its limit passes.
            let pass = little || wasted as f64 * 100.0 <= limit * content as f64;
            let message = format!("{message}{below}");
            self.push(
                format!("max-{infix}wasted-percent"),
                Quantity::Percent(limit),
                Quantity::Percent(value),
                pass,
                message,
            );
        }
        if let Some(limit) = bounds.wasted_bytes {
            self.bytes(format!("max-{infix}wasted-bytes"), limit, wasted, message);
        }
        if let Some(limit) = bounds.efficiency {
            let live = content.saturating_sub(dead);
            let value = if content == 0 { 1.0 } else { live as f64 / content as f64 };
            let pass = little || live as f64 >= limit * content as f64;
            let message =
                format!("{} of the {} in {whose} are hidden by later layers{below}", size(dead), size(content));
            self.push(format!("min-{infix}efficiency"), Quantity::Ratio(limit), Quantity::Ratio(value), pass, message);
        }
    }

    fn layer_size(&mut self, limit: u64) {
        let sizes = || self.found.tree.layers.iter().map(|layer| layer.content_bytes);
        let largest = sizes().enumerate().max_by_key(|(layer, bytes)| (*bytes, std::cmp::Reverse(*layer)));
        let (layer, bytes) = largest.unwrap_or_default();
        let over = sizes().filter(|bytes| *bytes > limit).count();
        let others = if over > 1 { format!(", and {} others are over the limit", over - 1) } else { String::new() };
        let instruction = self.found.image.instruction_line(layer).unwrap_or_default();
        let message =
            format!("the largest is layer {layer} with {}{others}: {}", size(bytes), cut(&shown_text(&instruction)));
        self.bytes("max-layer-size", limit, bytes, message);
    }

    fn rule(&mut self, rule: &str, limit: u64) {
        let findings = self.counted.iter().map(|place| &self.found.waste.findings[*place]);
        let own: Vec<&Finding> = findings
            .filter(|finding| is_named(finding, rule) && !is_in_base(finding, self.found, self.reading))
            .collect();
        let name = format!("limit.{}", shown_text(rule));
        let secrets = rule == Kind::Secret.name()
            || self.found.waste.rules.get(rule).is_some_and(|rule| rule.level == Level::Secret);
        let first = own.first().map(|finding| format!(": {}", finding.message)).unwrap_or_default();
        if secrets {
            let has: u64 = own.iter().map(|finding| finding.files.max(1)).sum();
            let message = format!("{has} of them{first}");
            return self.push(name, Quantity::Count(limit), Quantity::Count(has), has <= limit, message);
        }
        let bytes: u64 = own.iter().map(|finding| finding.bytes).sum::<u64>() + self.noticed(rule);
        let message =
            if own.is_empty() { size(bytes) } else { format!("{} in {} findings{first}", size(bytes), own.len()) };
        self.bytes(name, limit, bytes, message);
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
        self.push("deny-secrets", Quantity::Count(0), Quantity::Count(has), has == 0, message);
    }

    fn paths(&mut self, rule: &str, pattern: &PathPattern) {
        let (has, first) = self.matching(pattern);
        let (limit, pass) = if rule == "forbid" { (0, has == 0) } else { (1, has > 0) };
        let name = format!("{rule}.{}", shown_text(pattern.text()));
        let message = match (has, first) {
            (0, _) | (_, None) => "no such path".to_owned(),
            (1, Some(first)) => shown(&first),
            (has, Some(first)) => format!("{} and {} more", shown(&first), has - 1),
        };
        self.push(name, Quantity::Count(limit), Quantity::Count(has), pass, message);
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

fn cut(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
