//! Finding stored copies in all layers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::FindJob;
use super::worker::Sums;
use crate::tree::{Candidate, Event, EventKind, EventRef, Range, Tree};
use crate::tui::query::Query;

/// Copies that are listed.
const LISTED: usize = 1000;
/// After so many copies the search asks whether anyone still wants it.
const SLICE: usize = 4096;

/// How copies are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::tui) enum Order {
    /// What fits the letters best first; the largest first where no letters were typed.
    #[default]
    Match,
    /// The largest first.
    Size,
}

/// A stored copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Copy {
    pub(in crate::tui) at: EventRef,
    /// Bytes of content; of a directory, of all that its layer stores below it.
    pub(in crate::tui) bytes: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    pub(in crate::tui) copies: Vec<Copy>,
    /// How many there are, with those that are not listed.
    pub(in crate::tui) count: usize,
    /// Bytes of all files among them.
    pub(in crate::tui) bytes: u64,
    /// Copies that were searched.
    pub(in crate::tui) of: usize,
    /// In which order they stand.
    pub(in crate::tui) order: Order,
}

/// What was found last: with more letters only these can match.
#[derive(Debug, Default)]
pub(super) struct FindCache(Option<(Query, Vec<EventRef>, usize)>);

impl FindCache {
    /// Looks through all copies that any layer stores. None when `stop` was set meanwhile.
    pub(super) fn find(&mut self, job: &FindJob, sums: &Sums, stop: &AtomicBool) -> Option<Found> {
        let FindJob { tree, query, order } = job;
        let known = self.0.take().filter(|(before, ..)| query.narrows(before));
        let (candidates, of) = match known {
            Some((_, copies, of)) => (copies, of),
            None => all(tree),
        };
        // Without letters there is nothing to match; with them directories count as well.
        let words = query.words();
        let order = if words.is_empty() { Order::Size } else { *order };
        let search = Search { tree, query, words: &words, order };
        let half = candidates.len() / 2;
        let (left, right) = thread::scope(|scope| {
            let other = scope.spawn(|| search.run(&candidates[half..], stop));
            (search.run(&candidates[..half], stop), other.join().ok().flatten())
        });
        let (mut left, right) = (left?, right?);
        left.all.extend(right.all);
        left.best.extend(right.best);
        let best = left.best.into_sorted_vec().into_iter().take(LISTED);
        let copies = best
            .map(|(.., at)| {
                let event = tree.event_at(at);
                let folder = event.kind() == EventKind::Directory;
                let below = || sums.of(tree, Range::one(at.layer)).sum(event.node).map_or(0, |sum| sum.bytes);
                Copy { at, bytes: if folder { below() } else { event.size } }
            })
            .collect();
        let count = left.all.len();
        self.0 = Some((query.clone(), left.all, of));
        Some(Found { copies, count, bytes: left.bytes.saturating_add(right.bytes), of, order })
    }
}

/// All copies, and how many of them are files.
fn all(tree: &Tree) -> (Vec<EventRef>, usize) {
    let mut copies = Vec::new();
    let mut files = 0;
    for (layer, events) in tree.layers.iter().enumerate() {
        for (index, event) in events.events.iter().enumerate() {
            // A directory that a later layer names again says nothing new.
            let again = event.kind() == EventKind::Directory && event.change() != crate::tree::Change::Added;
            if event.is_implied() || again || event.node == crate::tree::NodeId::ROOT {
                continue;
            }
            files += usize::from(event.kind() == EventKind::File);
            copies.push(EventRef { layer: layer as u16, index: index as u32 });
        }
    }
    (copies, files)
}

struct Search<'s> {
    tree: &'s Tree,
    query: &'s Query,
    words: &'s str,
    order: Order,
}

/// The best is the least: the score counts, then whether the copy is in the final file system, then the length of the path;
/// or the bytes.
type Rank = (Reverse<u64>, bool, usize, EventRef);

struct Part {
    all: Vec<EventRef>,
    best: BinaryHeap<Rank>,
    bytes: u64,
}

impl Search<'_> {
    fn run(&self, copies: &[EventRef], stop: &AtomicBool) -> Option<Part> {
        let pattern = Pattern::new(self.words, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
        let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
        let (mut path, mut letters) = (Vec::new(), Vec::new());
        let mut part = Part { all: Vec::new(), best: BinaryHeap::new(), bytes: 0 };
        for (seen, at) in copies.iter().copied().enumerate() {
            if seen % SLICE == 0 && stop.load(Ordering::Relaxed) {
                return None;
            }
            let event = self.tree.event_at(at);
            let is_file = matches!(event.kind(), EventKind::File | EventKind::HardLink);
            // Only what stores bytes, unless names are searched.
            if self.words.is_empty() && (self.query.is_empty() || !is_file) && event.kind() != EventKind::File {
                continue;
            }
            let candidate = Candidate { tree: self.tree, node: event.node, at, range: Range::one(at.layer) };
            if !self.query.holds_for_copy(&candidate, &mut path) {
                continue;
            }
            let mut score = 0;
            if !self.words.is_empty() {
                self.tree.paths.write_path(event.node, &mut path);
                path.insert(0, b'/');
                let found = if path.is_ascii() {
                    pattern.score(Utf32Str::Ascii(&path), &mut matcher)
                } else {
                    pattern.score(Utf32Str::new(&String::from_utf8_lossy(&path), &mut letters), &mut matcher)
                };
                let Some(found) = found else { continue };
                score = found;
            }
            part.all.push(at);
            part.bytes = part.bytes.saturating_add(event.size);
            let gone = event.until != Event::HOLDS;
            let rank = match self.order {
                Order::Match => (Reverse(u64::from(score)), gone, path.len(), at),
                Order::Size => (Reverse(event.size), false, 0, at),
            };
            part.best.push(rank);
            if part.best.len() > LISTED {
                part.best.pop();
            }
        }
        Some(part)
    }
}
