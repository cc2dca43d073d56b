use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::cursor::Cursor;
use super::line::Line;
use super::query::Query;
use super::work::{Job, Unfold, ViewJob};
use crate::tree::{Change, NodeId, Range, Row, Rows, Shown, Sort, Tree};

/// The tree of files: what is asked for, and the rows that are there.
///
/// Rows are worked out beside the loop; until new ones come, the old ones stay.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Browse {
    rows: Option<Box<Rows>>,
    pub(super) cursor: Cursor,
    /// All files after the layer, and not only its changes.
    pub(super) all: bool,
    pub(super) sort: Sort,
    pub(super) shown: Shown,
    /// Folders that hold only a folder share its row.
    pub(super) chains: bool,
    /// Mode and owner; None is where there is room.
    pub(super) attributes: Option<bool>,
    /// What is typed into the filter.
    pub(super) filter: Line,
    /// It is being typed.
    pub(super) typing: bool,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
    query: Query,
    /// What is unfolded, by layer; a layer that was not touched unfolds itself as far as fits.
    open: Vec<Option<FxHashSet<NodeId>>>,
    /// The layer that the rows are of, and whether something was folded or unfolded by hand.
    of: usize,
    touched: bool,
    /// Levels that are unfolded.
    depth: u16,
    asked: u64,
    goal: Goal,
}

/// Where the cursor goes when new rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Top,
    /// It stays on its path, or near it.
    Stay,
    Path(NodeId),
}

/// Rows that a layer unfolds by itself.
const UNFOLD: usize = 40;
/// Rows that a filter unfolds.
const UNFOLD_FOUND: usize = 1000;

impl Default for Browse {
    fn default() -> Self {
        Self {
            rows: None,
            cursor: Cursor::default(),
            all: false,
            sort: Sort::Name,
            shown: Shown::default(),
            chains: false,
            attributes: None,
            filter: Line::default(),
            typing: false,
            wrong: None,
            query: Query::default(),
            open: Vec::new(),
            of: 0,
            touched: false,
            depth: 0,
            asked: 0,
            goal: Goal::Top,
        }
    }
}

/// What rows are to be of.
pub(super) struct Of<'a> {
    pub(super) tree: &'a Arc<Tree>,
    pub(super) judged: bool,
    pub(super) layer: usize,
    pub(super) range: Range,
}

impl Browse {
    /// Nothing asked for yet.
    pub(super) fn new(chains: bool) -> Self {
        Self { chains, ..Self::default() }
    }

    pub(super) fn rows(&self) -> &[Row] {
        self.rows.as_ref().map_or(&[], |rows| rows.rows())
    }

    /// The rows with what they are of; None until the first have come.
    pub(super) fn shown_rows(&self) -> Option<&Rows> {
        self.rows.as_deref()
    }

    pub(super) fn selected(&self) -> Option<&Row> {
        self.rows().get(self.cursor.at)
    }

    /// The filter that holds.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// New rows were asked for, and have not come.
    pub(super) fn is_waiting(&self) -> bool {
        self.rows.is_none() || self.goal != Goal::Stay
    }

    /// A layer is selected: its rows, from the top.
    pub(super) fn show_layer(&mut self, of: &Of<'_>) -> Job {
        let job = self.ask(of, None);
        self.goal = Goal::Top;
        job
    }

    /// Something else is shown of what is selected; the cursor stays on its path, or near it.
    pub(super) fn show_again(&mut self, of: &Of<'_>) -> Job {
        let here = self.selected().map(|row| row.node);
        let job = self.ask(of, here);
        self.goal = here.map_or(Goal::Top, Goal::Path);
        job
    }

    /// Goes to a path; what would keep it from being seen is put aside.
    pub(super) fn go_to(&mut self, node: NodeId, of: &Of<'_>) -> Job {
        if !self.query.is_empty() || !self.shown.is_all() {
            (self.query, self.shown, self.filter) = (Query::default(), Shown::default(), Line::default());
        }
        self.typing = false;
        if of.tree.difference(node, of.range).0 == Change::None && !self.has_changes_below(node, of) {
            self.all = true;
        }
        let job = self.ask(of, Some(node));
        self.goal = Goal::Path(node);
        job
    }

    /// Whether a path has a row although nothing is done to itself.
    fn has_changes_below(&self, node: NodeId, of: &Of<'_>) -> bool {
        let rows = self.rows.as_ref().filter(|rows| rows.view().range == of.range);
        rows.is_some_and(|rows| rows.view().folders.sum(node).is_some_and(|sum| sum.changes != [0; 3]))
    }

    /// Unfolds one level more or less, or all, or nothing.
    pub(super) fn unfold_to(&mut self, depth: u16, of: &Of<'_>) -> Job {
        self.depth = depth;
        let here = self.selected().map(|row| row.node);
        let mut job = self.ask(of, None);
        if let Job::View(_, job) = &mut job {
            job.unfold = Unfold::To(depth);
        }
        self.touched = true;
        self.goal = here.map_or(Goal::Top, Goal::Path);
        job
    }

    /// Levels that were unfolded last.
    pub(super) fn depth(&self) -> u16 {
        self.depth
    }

    fn ask(&mut self, of: &Of<'_>, reveal: Option<NodeId>) -> Job {
        let filtered = !self.query.is_empty();
        if self.touched
            && let Some(rows) = &self.rows
        {
            self.open.resize(of.tree.layers.len(), None);
            if let Some(open) = self.open.get_mut(self.of).filter(|_| rows.view().matches.is_none()) {
                *open = Some(rows.open().clone());
            }
        }
        if self.of != of.layer {
            (self.of, self.touched) = (of.layer, false);
        }
        self.asked += 1;
        let known = self.open.get(of.layer).cloned().flatten().filter(|_| !filtered);
        // What is shown of the same layer in another way stays unfolded as it is.
        let same = self.rows.as_ref().filter(|rows| {
            !filtered && rows.view().matches.is_none() && rows.view().range == of.range && !rows.rows().is_empty()
        });
        let known = known.or_else(|| same.map(|rows| rows.open().clone()));
        let unfold = match known {
            Some(_) => Unfold::Kept,
            None => Unfold::About(if filtered { UNFOLD_FOUND } else { UNFOLD }),
        };
        Job::View(
            self.asked,
            Box::new(ViewJob {
                tree: Arc::clone(of.tree),
                judged: of.judged,
                range: of.range,
                all: self.all,
                sort: self.sort,
                shown: self.shown,
                chains: self.chains,
                query: self.query.clone(),
                open: known.unwrap_or_default(),
                unfold,
                reveal,
            }),
        )
    }

    /// Takes rows, when they are those that were asked for last.
    pub(super) fn take(&mut self, number: u64, rows: Box<Rows>, tree: &Tree) {
        if number != self.asked {
            return;
        }
        let mut at = match self.goal {
            Goal::Top => None,
            Goal::Stay => self.selected().map(|row| row.node),
            Goal::Path(node) => Some(node),
        };
        // Where the path went, the nearest folder above that is there.
        let place = loop {
            match at {
                Some(node) => match rows.position(node) {
                    Some(place) => break place,
                    None => at = tree.paths.parent(node),
                },
                None => break 0,
            }
        };
        let seen = self.cursor.at.saturating_sub(self.cursor.top);
        self.cursor = match self.goal {
            Goal::Top => Cursor::default(),
            // The row stays where it was on the screen, as far as possible.
            _ => Cursor { at: place, top: place.saturating_sub(seen) },
        };
        self.rows = Some(rows);
        self.goal = Goal::Stay;
    }

    /// Folds or unfolds the selected folder.
    pub(super) fn fold(&mut self, tree: &Tree) {
        if let Some(rows) = &mut self.rows {
            rows.toggle(tree, self.cursor.at);
            self.touched = true;
        }
    }

    /// Goes to the folder that holds the selected row; false when that is the root.
    pub(super) fn go_out(&mut self) -> bool {
        let Some(depth) = self.selected().map(|row| row.depth).filter(|depth| *depth > 0) else { return false };
        let above = self.rows()[..self.cursor.at].iter().rposition(|other| other.depth < depth);
        self.cursor.at = above.unwrap_or(0);
        true
    }

    /// Goes to the next row with a change of its own, or the one before.
    pub(super) fn go_to_change(&mut self, forward: bool) -> bool {
        let changed = |row: &Row| row.change != Change::None && !(row.folder && row.open);
        let rows = self.rows();
        let place = if forward {
            rows.iter().skip(self.cursor.at + 1).position(changed).map(|place| place + self.cursor.at + 1)
        } else {
            rows[..self.cursor.at.min(rows.len())].iter().rposition(changed)
        };
        if let Some(place) = place {
            self.cursor.at = place;
        }
        place.is_some()
    }

    /// Takes what was typed into the filter so far. True when rows have to be asked for.
    pub(super) fn typed(&mut self) -> bool {
        match Query::parse(self.filter.text()) {
            Ok(query) => {
                self.wrong = None;
                let new = query != self.query;
                self.query = query;
                new
            }
            Err(wrong) => {
                // The last one that could be read stays.
                self.wrong = Some(wrong);
                false
            }
        }
    }

    /// Ends the filter. True when there was one.
    pub(super) fn clear_filter(&mut self) -> bool {
        (self.filter, self.typing, self.wrong) = (Line::default(), false, None);
        let had = !self.query.is_empty();
        self.query = Query::default();
        had
    }
}
