//! The list of the Waste screen: findings put together by what has to be changed, by rule, or by layer.

use rustc_hash::FxHashSet;

use super::cursor::Cursor;
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Severity};

/// How findings are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Grouping {
    /// One row for each thing to change, then the base image, then what does not count.
    #[default]
    Change,
    /// By rule or, where none names the bytes, by kind.
    Rule,
    /// By the layer that stores the bytes.
    Layer,
}

impl Grouping {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Change => Self::Rule,
            Self::Rule => Self::Layer,
            Self::Layer => Self::Change,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Change => "by what to change",
            Self::Rule => "by rule",
            Self::Layer => "by layer",
        }
    }
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Several findings that share a row or stand below it.
    Group(Group),
    /// A finding, by its place among all.
    Finding(usize),
    /// A notice, by its place among all.
    Notice(usize),
}

/// Several findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// What they have in common: a rule, a layer, words.
    pub(super) title: String,
    /// Bytes of all findings that count; of all where none does.
    pub(super) bytes: u64,
    /// The findings, the largest first; empty for notices.
    pub(super) findings: Vec<usize>,
    pub(super) folded: bool,
    /// One change ends all of them.
    pub(super) one_change: bool,
    /// The edit of the plan that does.
    edit: Option<usize>,
}

/// The findings, in groups.
#[derive(Debug, Default)]
pub(super) struct FindingList {
    pub(super) grouping: Grouping,
    pub(super) entries: Vec<Entry>,
    pub(super) cursor: Cursor,
    /// Groups that the user folded or unfolded, against what they are by themselves.
    toggled: FxHashSet<String>,
}

const NOTICES: &str = "Notices";
pub(super) const BASE: &str = "In the base image";

impl FindingList {
    /// Works out the rows.
    pub(super) fn update(&mut self, found: &Inspection) {
        let waste = &found.waste;
        let mut groups: Vec<Group> = Vec::new();
        for (place, finding) in waste.findings.iter().enumerate() {
            let edit = found.plan.as_ref().filter(|_| self.grouping == Grouping::Change && !is_apart(finding));
            let edit = edit.and_then(|plan| Some((plan.edit_of(place)?, plan)));
            let title = match edit {
                Some((edit, plan)) => plan.edits[edit].rules.join(", "),
                None => self.title(finding, place),
            };
            let edit = edit.map(|(edit, _)| edit);
            match groups.iter_mut().find(|group| group.title == title && group.edit == edit) {
                Some(group) => group.findings.push(place),
                None => groups.push(Group {
                    title,
                    bytes: 0,
                    findings: vec![place],
                    folded: false,
                    one_change: self.grouping == Grouping::Change && !is_apart(finding),
                    edit,
                }),
            }
        }
        for group in &mut groups {
            let all = || group.findings.iter().map(|place| &waste.findings[*place]);
            let counted: u64 = all().filter(|finding| finding.kind.counts()).map(|finding| finding.bytes).sum();
            group.bytes = if counted > 0 { counted } else { all().map(|finding| finding.bytes).sum() };
        }
        let rank = |group: &Group| group.findings.first().map_or(9, |place| rank(&waste.findings[*place]));
        match self.grouping {
            Grouping::Change => groups.sort_by_key(|group| (rank(group), std::cmp::Reverse(group.bytes))),
            Grouping::Rule => groups.sort_by_key(|group| std::cmp::Reverse(group.bytes)),
            Grouping::Layer => groups.sort_by_key(|group| waste.findings[group.findings[0]].stored_in),
        }
        let selected = self.entries.get(self.cursor.at).cloned();
        self.entries.clear();
        for mut group in groups {
            // A single thing to change needs no head.
            if group.one_change && group.findings.len() == 1 {
                self.entries.push(Entry::Finding(group.findings[0]));
                continue;
            }
            // Things to change are folded; so is what the user can't change or need not.
            let usual = self.grouping == Grouping::Change && group.title != SECRETS;
            group.folded = usual != self.toggled.contains(&group.title);
            let findings = if group.folded { Vec::new() } else { group.findings.clone() };
            self.entries.push(Entry::Group(group));
            self.entries.extend(findings.into_iter().map(Entry::Finding));
        }
        if !waste.notices.is_empty() {
            let usual = self.grouping == Grouping::Change;
            let folded = usual != self.toggled.contains(NOTICES);
            self.entries.push(Entry::Group(Group {
                title: NOTICES.to_owned(),
                bytes: 0,
                findings: Vec::new(),
                folded,
                one_change: false,
                edit: None,
            }));
            if !folded {
                self.entries.extend((0..waste.notices.len()).map(Entry::Notice));
            }
        }
        // What stands under the head of secrets is what is to be read.
        let start =
            usize::from(self.entries.len() > 1 && matches!(&self.entries[0], Entry::Group(group) if !group.folded));
        let same = |entry: &Entry, own: &Entry| match (entry, own) {
            (Entry::Group(a), Entry::Group(b)) => (&a.title, a.edit) == (&b.title, b.edit),
            (a, b) => a == b,
        };
        let place = selected.and_then(|own| self.entries.iter().position(|entry| same(entry, &own)));
        self.cursor.at = place.unwrap_or(start);
    }

    fn title(&self, finding: &Finding, place: usize) -> String {
        match self.grouping {
            Grouping::Change => match apart(finding) {
                Some(title) => title.to_owned(),
                None => finding.rule.clone().unwrap_or_else(|| format!("finding {place}")),
            },
            Grouping::Rule => name(finding).to_owned(),
            Grouping::Layer => format!("Layer {}", finding.stored_in),
        }
    }

    /// Folds or unfolds the group that is selected, or that the selected row is in.
    pub(super) fn fold(&mut self, found: &Inspection) {
        let head = self.entries[..(self.cursor.at + 1).min(self.entries.len())]
            .iter()
            .rposition(|entry| matches!(entry, Entry::Group(_)));
        let Some((place, Entry::Group(group))) = head.map(|place| (place, &self.entries[place])) else { return };
        let inside = match self.entries.get(self.cursor.at) {
            Some(Entry::Finding(own)) => group.findings.contains(own),
            _ => true,
        };
        if !inside {
            return;
        }
        let title = group.title.clone();
        if !self.toggled.remove(&title) {
            self.toggled.insert(title);
        }
        self.cursor.at = place;
        self.update(found);
        self.cursor.at = place;
    }

    pub(super) fn selected(&self) -> Option<&Entry> {
        self.entries.get(self.cursor.at)
    }

    /// The selected finding; of a thing to change, its largest.
    pub(super) fn finding<'f>(&self, found: &'f Inspection) -> Option<&'f Finding> {
        let place = match self.selected()? {
            Entry::Finding(place) => *place,
            Entry::Group(group) if group.one_change => *group.findings.first()?,
            _ => return None,
        };
        found.waste.findings.get(place)
    }

    /// All findings that the selected row stands for.
    pub(super) fn findings<'f>(&self, found: &'f Inspection) -> Vec<&'f Finding> {
        let places = match self.selected() {
            Some(Entry::Finding(place)) => vec![*place],
            Some(Entry::Group(group)) => group.findings.clone(),
            _ => Vec::new(),
        };
        places.into_iter().filter_map(|place| found.waste.findings.get(place)).collect()
    }
}

/// The rule of a finding, or its kind where no rule names the bytes.
pub(super) fn name(finding: &Finding) -> &str {
    finding.rule.as_deref().unwrap_or(finding.kind.name())
}

const SECRETS: &str = "Secrets that everyone who has the image can read";

/// What is not waste of this image's own: a title for all of it.
fn apart(finding: &Finding) -> Option<&'static str> {
    match finding.kind {
        Kind::Secret if finding.severity == Severity::Note => Some("Secrets that are probably meant to be public"),
        Kind::Secret => Some(SECRETS),
        Kind::Duplicate => Some("Stored more than once (not counted)"),
        Kind::Advice => Some("Worth a look (not counted)"),
        _ if finding.in_base => Some(BASE),
        _ => None,
    }
}

fn is_apart(finding: &Finding) -> bool {
    apart(finding).is_some()
}

fn rank(finding: &Finding) -> u8 {
    match finding.kind {
        Kind::Secret if finding.severity == Severity::Note => 5,
        Kind::Secret => 0,
        Kind::Duplicate => 3,
        Kind::Advice => 4,
        _ if finding.in_base => 2,
        _ => 1,
    }
}
