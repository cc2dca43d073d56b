//! One tree out of what the workers send.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::blob::Blob;
use super::{InspectError, Progress, Shared};
use crate::layer::Batch;
use crate::tree::{LayerEvents, Tree, TreeError};

/// Batches that may wait for the tree; the workers wait when there are as many.
pub(super) const WAITING: usize = 32;

/// Memory that the tree of any image may take, and what it may take more for each byte that was read. A real image of many
/// small files takes about two.
const FREE_MEMORY: u64 = 128 << 20;
const MEMORY_PER_BYTE: u64 = 4;

#[derive(Default)]
pub(super) struct Slot {
    pub(super) events: LayerEvents,
    pub(super) blob: Option<Blob>,
}

/// Wraps the tree's building around messages from the workers.
pub(super) struct Builder<'t> {
    pub(super) tree: Tree,
    pub(super) slots: Vec<Slot>,
    shared: &'t Shared,
    pub(super) tell: &'t mut dyn FnMut(Progress<'_>) -> bool,
    of: Option<u64>,
    told: Instant,
}

impl<'t> Builder<'t> {
    pub(super) fn new(
        slots: usize,
        shared: &'t Shared,
        of: Option<u64>,
        tell: &'t mut dyn FnMut(Progress<'_>) -> bool,
    ) -> Self {
        let slots = (0..slots).map(|_| Slot::default()).collect();
        Self { tree: Tree::default(), slots, shared, tell, of, told: Instant::now() }
    }

    pub(super) fn batch(&mut self, slot: usize, batch: &Batch) -> Result<(), InspectError> {
        let events = &mut self.slots[slot].events;
        self.tree.collect(events, batch)?;
        self.check_memory()?;
        if self.told.elapsed() > Duration::from_millis(50) {
            self.told = Instant::now();
            self.say(|read, of| Progress::Bytes { read, of })?;
        }
        Ok(())
    }

    pub(super) fn say<'p>(&mut self, what: impl FnOnce(u64, Option<u64>) -> Progress<'p>) -> Result<(), InspectError> {
        let read = self.shared.read.load(Ordering::Relaxed);
        if (self.tell)(what(read, self.of)) { Ok(()) } else { Err(InspectError::Stopped) }
    }

    /// Says that a layer was read to its end.
    pub(super) fn say_layer(&mut self, layer: usize, slot: usize) -> Result<(), InspectError> {
        let bytes = self.slots[slot].events.content_bytes;
        self.say(|_, _| Progress::Layer { layer, bytes })
    }

    /// Stacks a layer; `order` says which slot each layer is in.
    pub(super) fn push(&mut self, order: &[usize], layer: usize) -> Result<(), InspectError> {
        let slot = order[layer];
        let again = order[layer + 1..].contains(&slot);
        let events = if again {
            self.tree.duplicate(&self.slots[slot].events)
        } else {
            std::mem::take(&mut self.slots[slot].events)
        };
        self.tree.push(events);
        self.check_memory()
    }

    /// Fails if the tree takes more memory than an image of as many bytes can need: compression makes it easy to describe
    /// millions of paths in a few kilobytes.
    fn check_memory(&self) -> Result<(), InspectError> {
        let read = self.shared.read.load(Ordering::Relaxed) + self.shared.indexed.load(Ordering::Relaxed);
        let allowed = FREE_MEMORY.saturating_add(read.saturating_mul(MEMORY_PER_BYTE));
        if self.tree.memory() as u64 <= allowed {
            return Ok(());
        }
        let (entries, paths) = (self.tree.event_count(), self.tree.paths.len());
        Err(TreeError::Memory { entries, paths, read }.into())
    }
}
