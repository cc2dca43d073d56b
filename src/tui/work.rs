//! What may take longer than a frame: done on threads beside the loop, and answered by a message.
//!
//! A [`Desk`] does jobs, one at a time, and remembers what the next one may need. A [`Lane`] is a thread with a desk, on
//! which only the newest job counts.

use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use rustc_hash::{FxHashMap, FxHashSet};

use super::app::Msg;
use super::content::{Content, Text};
use super::highlight::{Kind, highlight};
use super::map::Level;
use super::query::Query;
use super::viewer::Viewed;
use crate::bytes::shown;
use crate::content::{Saved, peek, save};
use crate::inspect::Inspection;
use crate::source::Target;
use crate::tree::{Event, EventRef, Folders, Matches, NodeId, Range, Rows, Shown, Sort, StateSums, Tree, View};

/// Something to be done beside the loop. Each has a number, so that late answers are told from the newest.
#[derive(Debug)]
pub enum Job {
    /// Work out the rows of the tree of files.
    View(u64, Box<ViewJob>),
    /// Work out what is in a folder, for the map.
    Map(u64, Box<MapJob>),
    /// Find paths that have the letters of a text.
    Jump(u64, JumpJob),
    /// Read a file to look into.
    Read(u64, Box<ReadJob>),
    /// Save a file or folder.
    Save(Box<SaveJob>),
}

/// What rows are wanted.
#[derive(Debug)]
pub struct ViewJob {
    pub(super) tree: Arc<Tree>,
    /// Whether contents are known by now, so that an earlier answer may be wrong.
    pub(super) judged: bool,
    pub(super) range: Range,
    pub(super) all: bool,
    pub(super) sort: Sort,
    pub(super) shown: Shown,
    pub(super) chains: bool,
    pub(super) query: Query,
    pub(super) open: FxHashSet<NodeId>,
    pub(super) unfold: Unfold,
    /// A path that is to have a row.
    pub(super) reveal: Option<NodeId>,
}

/// What is unfolded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfold {
    /// What was.
    Kept,
    /// Down to so many levels.
    To(u16),
    /// From the top, as much as makes about so many rows.
    About(usize),
}

/// A folder of the map.
#[derive(Debug)]
pub struct MapJob {
    pub(super) tree: Arc<Tree>,
    pub(super) range: Range,
    pub(super) all: bool,
    pub(super) folder: NodeId,
}

/// What is typed to find a path.
#[derive(Debug)]
pub struct JumpJob {
    pub(super) tree: Arc<Tree>,
    pub(super) text: String,
}

/// A file to look into.
#[derive(Debug)]
pub struct ReadJob {
    pub(super) found: Arc<Inspection>,
    /// Where that image is, when it is another one than the desk's.
    pub(super) target: Option<Target>,
    pub(super) file: EventRef,
    /// By which its kind is told.
    pub(super) name: Vec<u8>,
}

/// What is saved, and into which folder.
#[derive(Debug)]
pub struct SaveJob {
    pub(super) found: Arc<Inspection>,
    /// Where that image is, when it is another one than the desk's.
    pub(super) target: Option<Target>,
    pub(super) node: NodeId,
    pub(super) layer: u16,
    pub(super) into: PathBuf,
}

/// Bytes of a file that are looked into: more than anyone reads, less than anyone waits for.
const SEEN: u64 = 8 << 20;
/// Distance of tab stops in columns.
const TAB: usize = 4;
/// Not more rows than this are made by unfolding everything.
const MOST_ROWS: usize = 1_000_000;
/// Paths that are offered.
const OFFERED: usize = 200;
/// Stretches whose sums are kept.
const KEPT: usize = 4096;

/// What is said where there is no image to be read again.
const NO_PLACE: &str = "the image can't be read again";
/// Tiles of the map that may have tiles in them, and how deep.
const TILES: usize = 400;
const LEVELS: usize = 4;

/// Does jobs, and keeps what the next one may need.
#[derive(Debug, Default)]
pub struct Desk {
    /// Where the image is, for what has to be read again.
    target: Option<Target>,
    tree: Option<Arc<Tree>>,
    folders: FxHashMap<Range, Arc<Folders>>,
    /// The sums after one layer; those after its neighbours are made from it.
    state: Option<(u16, Arc<StateSums>)>,
    matches: Option<(Query, Range, bool, bool, Arc<Matches>)>,
    /// What was typed to find a path, and all paths that have it: with more letters only these can.
    jumped: Option<(String, Vec<NodeId>)>,
}

impl Desk {
    /// For an image that is to be found there.
    pub fn new(target: Target) -> Self {
        Self { target: Some(target), ..Self::default() }
    }

    /// Does a job. None when `stop` was set meanwhile.
    pub fn perform(&mut self, job: Job, stop: &AtomicBool) -> Option<Msg> {
        match job {
            Job::View(number, job) => self.view(*job, stop).map(|rows| Msg::View(number, Box::new(rows))),
            Job::Map(number, job) => {
                let MapJob { tree, range, all, folder } = *job;
                self.sit_at(&tree);
                let view = self.plain_view(&tree, range, all);
                Some(Msg::Map(number, Level::of(&tree, &view, folder, TILES, LEVELS)))
            }
            Job::Jump(number, job) => {
                self.sit_at(&job.tree);
                self.jump(&job.tree, job.text.trim(), stop).map(|(nodes, count)| Msg::Jump(number, nodes, count))
            }
            Job::Read(number, job) => {
                let read = self.read(&job, stop);
                (!stop.load(Ordering::Relaxed)).then(|| Msg::Content(number, Box::new(read)))
            }
            Job::Save(job) => Some(Msg::Saved(self.save(&job, stop))),
        }
    }

    fn read(&self, job: &ReadJob, stop: &AtomicBool) -> Result<Viewed, String> {
        let target = job.target.as_ref().or(self.target.as_ref()).ok_or(NO_PLACE)?;
        let peeked = peek(target, &job.found, job.file, SEEN, stop).map_err(|error| error.to_string())?;
        let content = Content::new(peeked.bytes, peeked.whole, TAB);
        let meanings = content.text().map(|text| highlighted(&job.name, text)).unwrap_or_default();
        Ok(Viewed { content, whole: peeked.whole, meanings })
    }

    fn save(&self, job: &SaveJob, stop: &AtomicBool) -> Result<Saved, String> {
        let target = job.target.as_ref().or(self.target.as_ref()).ok_or(NO_PLACE)?;
        let told = &mut |_| true;
        save(target, &job.found, job.node, job.layer, &job.into, stop, told).map_err(|error| error.to_string())
    }

    fn sit_at(&mut self, tree: &Arc<Tree>) {
        if self.tree.as_ref().is_none_or(|own| !Arc::ptr_eq(own, tree)) {
            let target = self.target.take();
            *self = Self { tree: Some(Arc::clone(tree)), target, ..Self::default() };
        }
    }

    fn folders(&mut self, tree: &Tree, range: Range) -> Arc<Folders> {
        if self.folders.len() > KEPT {
            self.folders.clear();
        }
        Arc::clone(self.folders.entry(range).or_insert_with(|| Arc::new(Folders::of(tree, range))))
    }

    /// The sums after a layer, from those of the one that was asked for before, in either direction.
    fn state(&mut self, tree: &Tree, layer: u16) -> Arc<StateSums> {
        let (mut at, mut sums) = match self.state.take() {
            Some((at, sums)) => (at, Arc::unwrap_or_clone(sums)),
            None => (0, StateSums::default().after(&self.folders(tree, Range::one(0)))),
        };
        while at < layer {
            at += 1;
            sums = sums.after(&self.folders(tree, Range::one(at)));
        }
        while at > layer {
            sums = sums.before(&self.folders(tree, Range::one(at)));
            at -= 1;
        }
        let sums = Arc::new(sums);
        self.state = Some((layer, Arc::clone(&sums)));
        sums
    }

    fn plain_view(&mut self, tree: &Tree, range: Range, all: bool) -> View {
        let state = if all { self.state(tree, range.last) } else { Arc::default() };
        View { all, sort: Sort::Size, state, ..View::changes(self.folders(tree, range)) }
    }

    fn view(&mut self, job: ViewJob, stop: &AtomicBool) -> Option<Rows> {
        let ViewJob { tree, judged, range, all, sort, shown, chains, query, open, unfold, reveal } = job;
        self.sit_at(&tree);
        let whole_folders = query.is_about_names();
        let matches = if query.is_empty() { None } else { Some(self.matches(&tree, query, range, all, judged, stop)?) };
        let view = View { sort, shown, chains, matches, whole_folders, ..self.plain_view(&tree, range, all) };
        let mut rows = Rows::new(&tree, view, open);
        match unfold {
            Unfold::Kept => {}
            Unfold::To(depth) => rows.unfold_to(&tree, depth, MOST_ROWS),
            Unfold::About(limit) => rows.unfold_some(&tree, limit),
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
        match &self.matches {
            Some((known, of, with_all, then, matches))
                if (known, *of, *with_all, *then) == (&query, range, all, judged) =>
            {
                return Some(Arc::clone(matches));
            }
            _ => {}
        }
        let before = self.matches.take().filter(|(known, of, with_all, then, _)| {
            (*of, *with_all, *then) == (range, all, judged) && query.narrows(known)
        });
        let before = before.map(|(.., matches)| matches);
        let mut path = Vec::new();
        let found = Matches::of(tree, range, all, stop, &mut |candidate| {
            before.as_ref().is_none_or(|before| before.has(candidate.node)) && query.holds(candidate, &mut path)
        })?;
        let found = Arc::new(found);
        self.matches = Some((query, range, all, judged, Arc::clone(&found)));
        Some(found)
    }

    /// The paths that any layer has, also those that are gone in the end, with the letters of a text in this order, the best
    /// first; and how many there are.
    fn jump(&mut self, tree: &Tree, text: &str, stop: &AtomicBool) -> Option<(Vec<NodeId>, usize)> {
        // Only letters that are added narrow: a sign may turn a word round, a blank begins another.
        let plain = |text: &str, blank: bool| {
            text.chars().all(|c| c.is_alphanumeric() || "._-/".contains(c) || blank && c == ' ')
        };
        let known = self.jumped.take().filter(|(before, _)| {
            !before.is_empty()
                && plain(before, true)
                && text.strip_prefix(before.as_str()).is_some_and(|more| plain(more, false))
        });
        let nodes = known.map_or_else(
            || tree.paths.all().skip(1).filter(|node| tree.events_of(*node).next().is_some()).collect(),
            |(_, nodes)| nodes,
        );
        if text.is_empty() {
            let count = nodes.len();
            return Some((nodes.into_iter().take(OFFERED).collect(), count));
        }
        // Side by side, as a machine has more than one core.
        let half = nodes.len() / 2;
        let (left, right) = thread::scope(|scope| {
            let other = scope.spawn(|| try_paths(tree, text, &nodes[half..], stop));
            (try_paths(tree, text, &nodes[..half], stop), other.join().ok().flatten())
        });
        let ((mut all, mut best), (more, others)) = (left?, right?);
        all.extend(more);
        best.extend(others);
        let nodes = best.into_sorted_vec().into_iter().take(OFFERED).map(|(.., node)| node).collect();
        let count = all.len();
        self.jumped = Some((text.to_owned(), all));
        Some((nodes, count))
    }

    /// Adds up one more layer that nobody asked for yet; false when there is none.
    fn get_ahead(&mut self) -> bool {
        let Some(tree) = self.tree.clone() else { return false };
        let next = (0..tree.layers.len() as u16).map(Range::one).find(|range| !self.folders.contains_key(range));
        next.inspect(|range| {
            self.folders(&tree, *range);
        })
        .is_some()
    }
}

/// Where a path stands among those that are found: the score counts, then whether it is there in the end, then the
/// length. The best is the least.
type Place = (std::cmp::Reverse<u32>, bool, usize, NodeId);

/// Tries some paths: all that have the letters, and the best of them.
fn try_paths(tree: &Tree, text: &str, nodes: &[NodeId], stop: &AtomicBool) -> Option<(Vec<NodeId>, BinaryHeap<Place>)> {
    let pattern = Pattern::parse(text, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let (mut path, mut letters) = (Vec::new(), Vec::new());
    let mut all = Vec::new();
    // The worst of the best on top.
    let mut best = BinaryHeap::new();
    for (seen, node) in nodes.iter().copied().enumerate() {
        if seen % 4096 == 0 && stop.load(Ordering::Relaxed) {
            return None;
        }
        tree.paths.write_path(node, &mut path);
        path.insert(0, b'/');
        let score = if path.is_ascii() {
            pattern.score(Utf32Str::Ascii(&path), &mut matcher)
        } else {
            pattern.score(Utf32Str::new(&String::from_utf8_lossy(&path), &mut letters), &mut matcher)
        };
        if let Some(score) = score {
            all.push(node);
            let gone = tree.events_of(node).next().is_none_or(|(_, event)| event.until != Event::HOLDS);
            best.push((std::cmp::Reverse(score), gone, path.len(), node));
            if best.len() > OFFERED {
                best.pop();
            }
        }
    }
    Some((all, best))
}

/// Sends a message when its thread breaks.
pub(super) struct Watch(pub(super) Sender<Msg>, pub(super) &'static str);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Msg::Broken(format!("{} broke off by a fault of the program", self.1)));
        }
    }
}

/// A thread with a desk. A new job puts an end to the one before, unless it is to save something.
#[derive(Debug)]
pub(super) struct Lane {
    jobs: Sender<(Job, Arc<AtomicBool>)>,
    current: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Lane {
    /// Starts a thread, which ends when nobody can send it jobs any more. With `ahead` it adds up layers while it has
    /// nothing to do.
    pub(super) fn start(desk: Desk, ahead: bool, answers: Sender<Msg>) -> Self {
        let (jobs, waiting) = channel();
        let thread = thread::spawn(move || serve(desk, ahead, &waiting, &answers));
        Self { jobs, current: Arc::default(), thread }
    }

    /// Stops what is being done, and waits until it has tidied up.
    pub(super) fn end(self) {
        self.current.store(true, Ordering::Relaxed);
        drop(self.jobs);
        let _ = self.thread.join();
    }

    pub(super) fn post(&mut self, job: Job) {
        if !matches!(job, Job::Save(_)) {
            self.current.store(true, Ordering::Relaxed);
            self.current = Arc::default();
        }
        // A lane that broke has said so.
        let _ = self.jobs.send((job, Arc::clone(&self.current)));
    }
}

fn serve(mut desk: Desk, ahead: bool, waiting: &Receiver<(Job, Arc<AtomicBool>)>, answers: &Sender<Msg>) {
    let _watch = Watch(answers.clone(), "a thread of the screen");
    loop {
        let next = match waiting.try_recv() {
            Err(TryRecvError::Empty) if ahead && desk.get_ahead() => continue,
            Err(TryRecvError::Empty) => waiting.recv().ok(),
            other => other.ok(),
        };
        let Some((job, stop)) = next else { return };
        if stop.load(Ordering::Relaxed) {
            continue;
        }
        if let Some(answer) = desk.perform(job, &stop)
            && answers.send(answer).is_err()
        {
            return;
        }
    }
}

/// What parts of each line mean, by the file's name and what is in it.
fn highlighted(name: &[u8], text: &Text) -> Vec<Vec<(Kind, std::ops::Range<usize>)>> {
    let lines = highlight(&String::from_utf8_lossy(name), &text.plain);
    let shown = |(row, spans): (usize, Vec<(Kind, std::ops::Range<usize>)>)| {
        let Some(line) = text.line(row) else { return Vec::new() };
        let moved = |(kind, range): (Kind, std::ops::Range<usize>)| {
            (kind, line.shown_at(range.start)..line.shown_at(range.end))
        };
        spans.into_iter().map(moved).collect()
    };
    lines.into_iter().enumerate().take_while(|(row, _)| text.line(*row).is_some()).map(shown).collect()
}

/// A path as it is shown: with a `/` before it.
pub(super) fn path_of(tree: &Tree, node: NodeId) -> String {
    format!("/{}", shown(&tree.paths.path(node)))
}
