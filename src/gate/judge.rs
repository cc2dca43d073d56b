use jiff::civil::Date;

use super::baseline::Known;
use super::checks::{Sums, checks, is_in_base};
use super::exception::{Exception, Fit, is_named};
use super::limits::Limits;
use super::pattern::PathPattern;
use super::verdict::{Excuse, Excused, Verdict};
use crate::bytes::shown_text;
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Reading, Severity};

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
        let now = self.known.as_ref().map(|known| known.sums(found)).unwrap_or_default();
        let patterns: Vec<_> = self.exceptions.iter().map(Exception::pattern).collect();
        for (place, finding) in found.waste.findings.iter().enumerate() {
            let known = |finding: &Finding| {
                let known = self.known.as_ref().filter(|_| finding.kind != Kind::Secret)?;
                known.excuses(found, finding, &now)
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
            let before = self.known.as_ref().and_then(|known| known.bytes(found, finding));
            verdict.grown.extend(before.filter(|_| finding.kind != Kind::Secret).map(|before| (place, before)));
        }
        verdict.used.sort_unstable();
        verdict.used.dedup();
        let sums = Sums::of(found, &verdict, reading);
        verdict.checks = checks(&self.limits, found, reading, sums, &verdict.counted);
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
