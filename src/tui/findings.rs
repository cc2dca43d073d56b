use rustc_hash::FxHashSet;

use super::cursor::Cursor;
use crate::inspect::Inspection;
use crate::waste::{Finding, Kind, Severity};

/// How findings are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Secrets, this image's own waste, the base image's, what is not counted.
    #[default]
    Whose,
    /// By rule or, where none names the bytes, by kind.
    Rule,
    /// By the layer that stores the bytes.
    Layer,
}

impl Grouping {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Whose => Self::Rule,
            Self::Rule => Self::Layer,
            Self::Layer => Self::Whose,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Whose => "by whose it is",
            Self::Rule => "by rule",
            Self::Layer => "by layer",
        }
    }
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// The head of a group.
    Head(Head),
    /// A finding, by its place among all.
    Finding(usize),
    /// A notice, by its place among all.
    Notice(usize),
}

/// The head of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// What the group is: words, a rule, a layer.
    pub(super) title: String,
    /// Bytes of all findings in it; by rule and by layer of those that count.
    pub(super) bytes: u64,
    /// Findings.
    pub(super) count: usize,
    /// They are not seen.
    pub(super) folded: bool,
}

/// The findings, in groups.
#[derive(Debug, Default)]
pub(super) struct FindingList {
    pub(super) grouping: Grouping,
    pub(super) entries: Vec<Entry>,
    pub(super) cursor: Cursor,
    folded: FxHashSet<String>,
}

const NOTICES: &str = "Notices";

impl FindingList {
    /// Works out the rows.
    pub(super) fn update(&mut self, found: &Inspection) {
        let waste = &found.waste;
        let mut groups: Vec<(String, Vec<Entry>, u64)> = Vec::new();
        for (place, finding) in waste.findings.iter().enumerate() {
            let title = match self.grouping {
                Grouping::Whose => whose(finding).to_owned(),
                Grouping::Rule => finding.rule.as_deref().unwrap_or(finding.kind.name()).to_owned(),
                Grouping::Layer => format!("Layer {}", finding.stored_in),
            };
            // What does not count has sums only where it stands alone.
            let adds = finding.kind.counts() || self.grouping == Grouping::Whose;
            let bytes = if adds { finding.bytes } else { 0 };
            match groups.iter_mut().find(|(known, ..)| *known == title) {
                Some((_, entries, sum)) => {
                    entries.push(Entry::Finding(place));
                    *sum += bytes;
                }
                None => groups.push((title, vec![Entry::Finding(place)], bytes)),
            }
        }
        match self.grouping {
            Grouping::Whose => groups.sort_by_key(|(title, ..)| WHOSE.iter().position(|known| known == title)),
            Grouping::Rule => groups.sort_by_key(|(.., bytes)| std::cmp::Reverse(*bytes)),
            Grouping::Layer => groups.sort_by_key(|(_, entries, _)| match entries.first() {
                Some(Entry::Finding(place)) => waste.findings[*place].stored_in,
                _ => 0,
            }),
        }
        if !waste.notices.is_empty() {
            let notices = (0..waste.notices.len()).map(Entry::Notice).collect();
            groups.push((NOTICES.to_owned(), notices, 0));
        }
        let selected = self.entries.get(self.cursor.at).cloned();
        self.entries.clear();
        for (title, entries, bytes) in groups {
            let folded = self.folded.contains(&title);
            self.entries.push(Entry::Head(Head { title, bytes, count: entries.len(), folded }));
            if !folded {
                self.entries.extend(entries);
            }
        }
        // The first finding is what one comes for.
        let start = usize::from(self.entries.len() > 1);
        self.cursor.at = selected.and_then(|own| self.entries.iter().position(|entry| *entry == own)).unwrap_or(start);
    }

    /// Folds or unfolds the group that is selected, or that the selected row is in.
    pub(super) fn fold(&mut self, found: &Inspection) {
        let head = self.entries[..(self.cursor.at + 1).min(self.entries.len())]
            .iter()
            .rposition(|entry| matches!(entry, Entry::Head(_)));
        let Some((place, Entry::Head(head))) = head.map(|place| (place, &self.entries[place])) else { return };
        let title = head.title.clone();
        if !self.folded.remove(&title) {
            self.folded.insert(title);
        }
        self.cursor.at = place;
        self.update(found);
        self.cursor.at = place;
    }

    pub(super) fn selected(&self) -> Option<&Entry> {
        self.entries.get(self.cursor.at)
    }

    /// The selected finding, or the first one of the selected group.
    pub(super) fn finding<'f>(&self, found: &'f Inspection) -> Option<&'f Finding> {
        let place = match self.selected()? {
            Entry::Finding(place) => *place,
            _ => return None,
        };
        found.waste.findings.get(place)
    }

    /// All findings of the group that a head stands over.
    pub(super) fn group<'f>(&self, head: &Head, found: &'f Inspection) -> Vec<&'f Finding> {
        let of = |finding: &&Finding| match self.grouping {
            Grouping::Whose => whose(finding) == head.title,
            Grouping::Rule => finding.rule.as_deref().unwrap_or(finding.kind.name()) == head.title,
            Grouping::Layer => format!("Layer {}", finding.stored_in) == head.title,
        };
        found.waste.findings.iter().filter(of).collect()
    }
}

/// Groups by whose it is, in their order.
const WHOSE: [&str; 6] = [
    "Secrets that everyone who has the image can read",
    "Wasted by this image's own instructions",
    "Wasted in the base image",
    "Stored more than once (not counted)",
    "Worth a look (not counted)",
    "Secrets that are most likely for all to see",
];

fn whose(finding: &Finding) -> &'static str {
    WHOSE[match finding.kind {
        Kind::Secret if finding.severity == Severity::Note => 5,
        Kind::Secret => 0,
        Kind::Duplicate => 3,
        Kind::Advice => 4,
        _ if finding.in_base => 2,
        _ => 1,
    }]
}
