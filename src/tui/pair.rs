//! Two images that are held against each other.

use std::sync::Arc;

use super::app::{App, Screen};
use super::cursor::Cursor;
use super::findings::Entry;
use crate::compare::{Comparison, FindingChange};
use crate::inspect::Inspection;
use crate::source::Target;
use crate::waste::{Finding, Kind};

/// The layer of a comparison's tree that stands for the second image.
pub(super) const SECOND: u16 = 1;

/// Two images, and all that is not the same.
#[derive(Debug)]
pub struct Pair {
    /// The first image.
    pub before: Arc<Inspection>,
    /// The second.
    pub after: Arc<Inspection>,
    /// Where they are, to read files again.
    pub places: [Target; 2],
    /// What differs.
    pub comparison: Comparison,
}

impl Pair {
    /// The image that a layer of the comparison's tree stands for, and where it is.
    pub(super) fn side(&self, layer: u16) -> (Arc<Inspection>, Target) {
        if layer == SECOND {
            (Arc::clone(&self.after), self.places[1].clone())
        } else {
            (Arc::clone(&self.before), self.places[0].clone())
        }
    }

    /// How an image is called: by its name, else as it was typed.
    pub(super) fn name(found: &Inspection) -> &str {
        found.image.tags.first().unwrap_or(&found.reference)
    }

    /// The finding that a change is about: as the second image has it, else as the first has.
    pub(super) fn finding(&self, change: &FindingChange) -> Option<(&Inspection, &Finding)> {
        let of = |found: &'_ Arc<Inspection>, place: Option<usize>| {
            place.filter(|place| *place < found.waste.findings.len())
        };
        if let Some(place) = of(&self.after, change.after) {
            return Some((&self.after, &self.after.waste.findings[place]));
        }
        of(&self.before, change.before).map(|place| (&*self.before, &self.before.waste.findings[place]))
    }
}

impl App {
    /// Shows two images instead of one.
    pub(super) fn take_pair(&mut self, pair: Pair) {
        self.found = Some(Arc::clone(&pair.after));
        self.judged = true;
        let mut changes: Vec<usize> = (0..pair.comparison.findings.len()).collect();
        // Secrets have no bytes, and matter most.
        changes.sort_by_key(|place| {
            let finding = pair.finding(&pair.comparison.findings[*place]);
            finding.is_none_or(|(_, finding)| finding.kind != Kind::Secret)
        });
        self.findings.entries = changes.into_iter().map(Entry::Finding).collect();
        self.findings.cursor = Cursor::default();
        self.map.all = false;
        self.pair = Some(Arc::new(pair));
        self.show_layer();
    }

    /// The selected change of a finding.
    pub(super) fn finding_of_pair(&self) -> Option<&FindingChange> {
        let Some(Entry::Finding(place)) = self.findings.selected() else { return None };
        self.pair.as_ref()?.comparison.findings.get(*place)
    }

    /// Goes to the path with the most bytes of the selected finding.
    pub(super) fn open_finding_of_pair(&mut self) {
        let path = self.pair.as_ref().zip(self.finding_of_pair()).and_then(|(pair, change)| {
            let (found, finding) = pair.finding(change)?;
            let path = found.tree.paths.path(finding.paths.first()?.node);
            pair.comparison.tree.paths.find(&path)
        });
        match path {
            Some(node) => self.go_to(node, None),
            None => self.tell("its path is in the final file system of neither image"),
        }
    }

    /// What can be copied of two images, where the cursor is.
    pub(super) fn copies_of_pair(&self) -> Vec<(&'static str, String)> {
        let Some(pair) = &self.pair else { return Vec::new() };
        let path = self.selected_node().map(|node| ("path", super::work::path_of(&pair.comparison.tree, node)));
        let mut items: Vec<_> = path.into_iter().collect();
        if self.screen == Screen::Waste
            && let Some((_, finding)) = self.finding_of_pair().and_then(|change| pair.finding(change))
        {
            items.push(("fix", finding.fix.clone()));
            items.push(("finding in words", finding.message.clone()));
        }
        let aligned = pair.comparison.layers.get(self.layers.at);
        if let Some(aligned) = aligned.filter(|_| items.is_empty()) {
            for (what, found, layer) in [
                ("instruction before", &pair.before, aligned.before),
                ("instruction after", &pair.after, aligned.after),
            ] {
                items.extend(layer.and_then(|layer| found.image.instruction_line(layer)).map(|text| (what, text)));
            }
        }
        items
    }
}
