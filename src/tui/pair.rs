//! Two images that are compared.

use std::sync::Arc;

use crate::compare::{Comparison, FindingChange};
use crate::inspect::Inspection;
use crate::source::Target;
use crate::waste::Finding;

/// The layer of a comparison's tree that stands for the second image.
pub(super) const SECOND: u16 = 1;

/// How far one of two images is read.
#[derive(Debug)]
pub struct Half {
    /// 0 for the first image, 1 for the second.
    pub place: usize,
    /// What is known by now.
    pub progress: HalfProgress,
}

/// What is known of one of two images.
#[derive(Debug)]
pub enum HalfProgress {
    /// Its manifest and config.
    Image(Box<crate::image::Image>),
    /// How far reading is, in words, and in thousandths where that is known.
    Reading(String, Option<u16>),
    /// All of it.
    Read(Arc<Inspection>),
}

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

    /// The name of an image: its first tag, else what was typed.
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
