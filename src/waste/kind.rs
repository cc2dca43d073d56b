use rustc_hash::FxHashMap;

use crate::tree::{EventRef, Tree};

/// Why bytes need not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A later layer took the last name away.
    Deleted,
    /// A later layer put other content in its place.
    Overwritten,
    /// The same content, stored again at the same path.
    Rewritten,
    /// The same content at the same path, stored again for another mode, owner or attribute.
    Metadata,
    /// The same content, stored again at another path.
    Moved,
    /// Made and dead in one layer.
    Shadowed,
    /// Live, but below a directory that every container mounts something on.
    Masked,
    /// Live, and named by a rule that counts.
    Cruft,
    /// Live, and stored elsewhere too. Not part of the total.
    Duplicate,
    /// Live, and named by a rule that only advises. Not part of the total.
    Advice,
    /// A secret; not a matter of bytes.
    Secret,
}

impl Kind {
    /// All kinds, in the order of the JSON contract.
    pub const ALL: [Self; 11] = [
        Self::Deleted,
        Self::Overwritten,
        Self::Rewritten,
        Self::Metadata,
        Self::Moved,
        Self::Shadowed,
        Self::Masked,
        Self::Cruft,
        Self::Duplicate,
        Self::Advice,
        Self::Secret,
    ];

    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Overwritten => "overwritten",
            Self::Rewritten => "rewritten",
            Self::Metadata => "metadata",
            Self::Moved => "moved",
            Self::Shadowed => "shadowed",
            Self::Masked => "masked",
            Self::Cruft => "cruft",
            Self::Duplicate => "duplicate",
            Self::Advice => "advice",
            Self::Secret => "secret",
        }
    }

    /// Whether the bytes are gone from the final file system.
    pub fn is_dead(self) -> bool {
        self <= Self::Shadowed
    }

    /// Whether the bytes are part of the total.
    pub fn counts(self) -> bool {
        self <= Self::Cruft
    }
}

/// A rule's place in the catalogue that an image was judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub(super) u16);

impl RuleId {
    const NONE: Self = Self(u16::MAX);

    /// Its place in [`super::Rules::all`].
    pub fn index(self) -> usize {
        self.0.into()
    }

    pub(super) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// One stored file that need not have been, or not there. The layer that has its bytes is `file.layer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The file whose bytes are charged.
    pub file: EventRef,
    /// The layer whose instruction makes them waste.
    pub caused_by: u16,
    /// The layer that stored this content first; its own where nothing did before.
    pub first_in: u16,
    rule: RuleId,
    /// Why.
    pub kind: Kind,
}

impl Charge {
    pub(super) fn new(file: EventRef, kind: Kind, caused_by: u16, first_in: u16) -> Self {
        Self { file, caused_by, first_in, rule: RuleId::NONE, kind }
    }

    pub(super) fn named(self, rule: Option<RuleId>) -> Self {
        Self { rule: rule.unwrap_or(RuleId::NONE), ..self }
    }

    /// The rule that names the bytes.
    pub fn rule(&self) -> Option<RuleId> {
        self.rule.some()
    }

    /// Bytes of content.
    pub fn bytes(&self, tree: &Tree) -> u64 {
        tree.event_at(self.file).size
    }
}

/// What charges weigh: a file's content, or the part of it that is charged.
pub(super) struct Weights<'a> {
    pub(super) tree: &'a Tree,
    /// By the file that is charged: bytes for debuggers and linkers.
    pub(super) symbols: &'a FxHashMap<EventRef, u64>,
    /// The rule that charges only those.
    pub(super) symbols_rule: Option<RuleId>,
}

impl Weights<'_> {
    /// Bytes that are charged.
    pub(super) fn of(&self, charge: &Charge) -> u64 {
        self.part(charge).unwrap_or_else(|| charge.bytes(self.tree))
    }

    /// Bytes that are charged, where that is not the whole file.
    pub(super) fn part(&self, charge: &Charge) -> Option<u64> {
        let live = matches!(charge.kind, Kind::Advice | Kind::Cruft);
        let rule = charge.rule().filter(|_| live);
        rule.filter(|rule| self.symbols_rule == Some(*rule)).and_then(|_| self.symbols.get(&charge.file).copied())
    }
}

/// Bytes by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums([u64; Kind::ALL.len()]);

impl Sums {
    pub(super) fn add(&mut self, kind: Kind, bytes: u64) {
        self.0[kind as usize] = self.0[kind as usize].saturating_add(bytes);
    }

    /// Those of one kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    fn all(&self, which: fn(Kind) -> bool) -> u64 {
        Kind::ALL.iter().filter(|kind| which(**kind)).fold(0, |sum, kind| sum.saturating_add(self.of(*kind)))
    }

    /// Content that a later layer hides.
    pub fn dead(&self) -> u64 {
        self.all(Kind::is_dead)
    }

    /// Live content that should not be there: named by a rule that counts, or masked.
    pub fn cruft(&self) -> u64 {
        self.of(Kind::Cruft) + self.of(Kind::Masked)
    }

    /// All that counts as waste.
    pub fn total(&self) -> u64 {
        self.all(Kind::counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_small() {
        // A million files may be charged.
        assert_eq!(size_of::<Charge>(), 16);
    }

    #[test]
    fn kinds_stand_in_the_order_of_their_names_list() {
        for (place, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, place);
        }
    }
}
