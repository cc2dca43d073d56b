use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::find::FindCache;
use super::{Answer, Job, MapJob, QUEUES, RowsJob, SaveJob, SaveWhat, Unfold, Work, cost, prove, read, shares};
use crate::content::{Saved, save, save_changes};
use crate::source::Target;
use crate::tree::{Folders, Matches, NodeId, Range, Rows, Sort, StateSums, Tree, View};
use crate::tui::app::Msg;
use crate::tui::map::{Level, Shares};
use crate::tui::query::Query;

/// Rows that unfolding everything makes at most.
const MOST_ROWS: usize = 1_000_000;
/// Ranges of layers whose sums are cached.
const CACHED: usize = 4096;
/// Directories of the map that are looked into, and how deep.
const TILES: usize = 400;
const LEVELS: usize = 4;

/// Said where there is no image to read again.
pub(super) const NO_SOURCE: &str = "the image can't be read again";

/// Sums of ranges of layers. All workers of an image share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums(Arc<Mutex<FxHashMap<Range, Arc<Folders>>>>);

impl Sums {
    /// The sums of a range, computed where they are not known.
    pub(super) fn of(&self, tree: &Tree, range: Range) -> Arc<Folders> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&range).cloned();
        known.unwrap_or_else(|| {
            // Two workers may compute the same; nobody waits for another one's range.
            let sums = Arc::new(Folders::of(tree, range));
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() > CACHED {
                all.clear();
            }
            all.insert(range, Arc::clone(&sums));
            sums
        })
    }

    fn has(&self, range: Range) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&range)
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Rows that a filter holds for, and what they were made from.
#[derive(Debug)]
struct Filtered {
    query: Query,
    range: Range,
    all: bool,
    judged: bool,
    matches: Arc<Matches>,
}

/// Does jobs, and caches what the next one may need.
#[derive(Debug, Default)]
pub struct Worker {
    /// Where the image is, for what has to be read again.
    pub(super) target: Option<Target>,
    tree: Option<Arc<Tree>>,
    sums: Sums,
    /// The sums after one layer; those after its neighbours are made from it.
    state: Option<(u16, Arc<StateSums>)>,
    filtered: Option<Filtered>,
    pub(super) find: FindCache,
    /// By path, what of it is the base image's and what is left over.
    shares: Option<FxHashMap<NodeId, Shares>>,
}

impl Worker {
    /// For an image that is read from there.
    pub fn new(target: Target) -> Self {
        Self { target: Some(target), ..Self::default() }
    }

    /// One for each queue; they share their sums.
    pub fn for_queues(target: Option<&Target>) -> [Self; QUEUES] {
        let sums = Sums::default();
        std::array::from_fn(|_| Self::with_sums(target.cloned(), sums.clone()))
    }

    /// One that shares its sums with other workers.
    fn with_sums(target: Option<Target>, sums: Sums) -> Self {
        Self { target, sums, ..Self::default() }
    }

    /// Does a job. None when `stop` was set meanwhile.
    pub fn perform(&mut self, job: Job, stop: &AtomicBool) -> Option<Msg> {
        let answer = match job.work {
            Work::Rows(job) => Answer::Rows(Box::new(self.rows(*job, stop)?)),
            Work::Level(MapJob { tree, range, all, folder, found }) => {
                self.turn_to(&tree);
                let view = self.plain_view(&tree, range, all);
                let mut level = Level::of(&tree, &view, folder, TILES, LEVELS);
                if let Some(found) = found {
                    let shares = self.shares.get_or_insert_with(|| shares::of(&found));
                    level.add_shares(&|node| shares.get(&node).copied().unwrap_or_default());
                }
                Answer::Level(level)
            }
            Work::Cost(job) => {
                self.turn_to(&job.tree);
                Answer::Cost(Box::new(cost::cost(&job.tree, job.node, &self.sums, stop)?))
            }
            Work::Find(job) => {
                self.turn_to(&job.tree);
                let sums = self.sums.clone();
                Answer::Found(Box::new(self.find.find(&job, &sums, stop)?))
            }
            Work::Read(job) => {
                let viewed = read::view(self.target.as_ref(), &job, stop);
                if stop.load(Ordering::Relaxed) {
                    return None;
                }
                Answer::Content(Box::new(viewed))
            }
            Work::Diff(jobs) => {
                let lines = read::diff(self.target.as_ref(), &jobs, stop);
                if stop.load(Ordering::Relaxed) {
                    return None;
                }
                Answer::Diff(Box::new(lines))
            }
            Work::Prove(job) => {
                let proof = prove::prove(&job);
                if stop.load(Ordering::Relaxed) {
                    return None;
                }
                Answer::Proof(proof)
            }
            Work::Save(job) => Answer::Saved(self.save(&job, stop)),
        };
        Some(Msg::Answer(job.number, answer))
    }

    fn save(&self, job: &SaveJob, stop: &AtomicBool) -> Result<Saved, String> {
        let target = job.target.as_ref().or(self.target.as_ref()).ok_or(NO_SOURCE)?;
        let progress = &mut |_| true;
        match job.what {
            SaveWhat::State(layer) => save(target, &job.found, job.node, layer, &job.into, stop, progress),
            SaveWhat::Changes(range) => save_changes(target, &job.found, job.node, range, &job.into, stop, progress),
        }
        .map_err(|error| error.to_string())
    }

    /// Forgets what is cached about another tree.
    fn turn_to(&mut self, tree: &Arc<Tree>) {
        if self.tree.as_ref().is_none_or(|own| !Arc::ptr_eq(own, tree)) {
            if self.tree.is_some() {
                self.sums.clear();
            }
            *self = Self { tree: Some(Arc::clone(tree)), ..Self::with_sums(self.target.take(), self.sums.clone()) };
        }
    }

    /// The sums after a layer, from those of the one that was asked for before, in either direction.
    fn state(&mut self, tree: &Tree, layer: u16) -> Arc<StateSums> {
        let (mut at, mut sums) = match self.state.take() {
            Some((at, sums)) => (at, Arc::unwrap_or_clone(sums)),
            None => (0, StateSums::default().after(&self.sums.of(tree, Range::one(0)))),
        };
        while at < layer {
            at += 1;
            sums = sums.after(&self.sums.of(tree, Range::one(at)));
        }
        while at > layer {
            sums = sums.before(&self.sums.of(tree, Range::one(at)));
            at -= 1;
        }
        let sums = Arc::new(sums);
        self.state = Some((layer, Arc::clone(&sums)));
        sums
    }

    fn plain_view(&mut self, tree: &Tree, range: Range, all: bool) -> View {
        let state = if all { self.state(tree, range.last) } else { Arc::default() };
        View { all, sort: Sort::Size, state, ..View::changes(self.sums.of(tree, range)) }
    }

    fn rows(&mut self, job: RowsJob, stop: &AtomicBool) -> Option<Rows> {
        let RowsJob { tree, judged, range, all, sort, shown, chains, query, open, unfold, reveal } = job;
        self.turn_to(&tree);
        let whole_folders = query.is_about_names();
        let matches = if query.is_empty() { None } else { Some(self.matches(&tree, query, range, all, judged, stop)?) };
        let view = View { sort, shown, chains, matches, whole_folders, ..self.plain_view(&tree, range, all) };
        let mut rows = Rows::new(&tree, view, open);
        match unfold {
            Unfold::Same => {}
            Unfold::All(true) => rows.unfold_to(&tree, u16::MAX, MOST_ROWS),
            Unfold::All(false) => rows.unfold_to(&tree, 0, MOST_ROWS),
            Unfold::Level(true) => rows.unfold_level(&tree, MOST_ROWS),
            Unfold::Level(false) => rows.fold_level(&tree),
            Unfold::Largest(limit) => rows.unfold_largest(&tree, limit),
            Unfold::FromTop(limit) => rows.unfold_some(&tree, limit),
        }
        if let Some(node) = reveal {
            rows.reveal(&tree, node);
        }
        Some(rows)
    }

    fn matches(
        &mut self,
        tree: &Tree,
        query: Query,
        range: Range,
        all: bool,
        judged: bool,
        stop: &AtomicBool,
    ) -> Option<Arc<Matches>> {
        let same_view = |known: &Filtered| (known.range, known.all, known.judged) == (range, all, judged);
        if let Some(known) = self.filtered.as_ref().filter(|known| known.query == query && same_view(known)) {
            return Some(Arc::clone(&known.matches));
        }
        // What has fewer letters than this query holds for all that this one can hold for.
        let wider = self.filtered.take().filter(|known| same_view(known) && query.narrows(&known.query));
        let mut path = Vec::new();
        let matches = Matches::of(tree, range, all, stop, &mut |candidate| {
            wider.as_ref().is_none_or(|wider| wider.matches.has(candidate.node)) && query.holds(candidate, &mut path)
        })?;
        let matches = Arc::new(matches);
        self.filtered = Some(Filtered { query, range, all, judged, matches: Arc::clone(&matches) });
        Some(matches)
    }

    /// Adds up one more layer that nobody asked for yet; false when there is none.
    pub(super) fn get_ahead(&mut self) -> bool {
        let Some(tree) = self.tree.clone() else { return false };
        let next = (0..tree.layers.len() as u16).map(Range::one).find(|range| !self.sums.has(*range));
        next.inspect(|range| {
            self.sums.of(&tree, *range);
        })
        .is_some()
    }
}
