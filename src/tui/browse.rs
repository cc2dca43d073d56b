use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::cursor::Cursor;
use super::jobs::{RowsJob, Unfold, Work};
use super::line::Line;
use super::query::Query;
use crate::tree::{Change, NodeId, Range, Row, Rows, Shown, Sort, Tree};

/// The file tree: what is asked for, and the rows that are there.
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
    /// Directories that hold only a directory share its row.
    pub(super) chains: bool,
    /// Show mode and owner; None shows them where there is room.
    pub(super) attributes: Option<bool>,
    /// What is typed into the filter.
    pub(super) filter: Line,
    /// The filter is being typed.
    pub(super) typing: bool,
    /// Why the filter can't be read.
    pub(super) wrong: Option<String>,
    query: Query,
    /// Unfolded directories, by layer; a layer where nothing was folded by hand unfolds itself.
    open: Vec<Option<FxHashSet<NodeId>>>,
    /// The layer that the rows are of, and whether something was folded or unfolded by hand.
    of: usize,
    touched: bool,
    /// The number of the job that was asked for last.
    pub(super) asked: u64,
    goal: Goal,
}

/// Where the cursor goes when new rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Top,
    /// To the first row that the filter holds for.
    FirstMatch,
    /// It stays on its path, or near it.
    Stay,
    Path(NodeId),
}

/// Rows that a layer unfolds by itself.
const UNFOLD: usize = 40;
/// Rows that a filter unfolds.
const UNFOLD_FOUND: usize = 1000;

/// What rows are of.
pub(super) struct Of<'a> {
    pub(super) tree: &'a Arc<Tree>,
    pub(super) judged: bool,
    pub(super) layer: usize,
    pub(super) range: Range,
}

impl Browse {
    /// Nothing was asked for yet.
    pub(super) fn new(chains: bool, sort: Sort) -> Self {
        Self {
            rows: None,
            cursor: Cursor::default(),
            all: false,
            sort,
            shown: Shown::default(),
            chains,
            attributes: None,
            filter: Line::default(),
            typing: false,
            wrong: None,
            query: Query::default(),
            open: Vec::new(),
            of: 0,
            touched: false,
            asked: 0,
            goal: Goal::Top,
        }
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

    /// A filter is typed or holds.
    pub(super) fn has_filter(&self) -> bool {
        self.typing || !self.query.is_empty()
    }

    /// New rows were asked for, and have not come.
    pub(super) fn is_waiting(&self) -> bool {
        self.rows.is_none() || self.goal != Goal::Stay
    }

    /// A layer is selected: its rows, from the top.
    pub(super) fn show_layer(&mut self, of: &Of<'_>) -> Work {
        let work = self.ask(of, None);
        self.goal = if self.query.is_empty() { Goal::Top } else { Goal::FirstMatch };
        work
    }

    /// The same layers are shown in another way; the cursor stays on its path, or near it.
    pub(super) fn show_again(&mut self, of: &Of<'_>) -> Work {
        let here = self.selected().map(|row| row.node);
        let work = self.ask(of, here);
        self.goal = here.map_or(Goal::Top, Goal::Path);
        work
    }

    /// Another order: what comes first is what is wanted.
    pub(super) fn show_sorted(&mut self, of: &Of<'_>) -> Work {
        let work = self.ask(of, None);
        self.goal = Goal::Top;
        work
    }

    /// The filter has changed: the cursor goes to what it holds for.
    pub(super) fn show_filtered(&mut self, of: &Of<'_>) -> Work {
        let here = self.selected().map(|row| row.node);
        let work = self.ask(of, None);
        self.goal = match here {
            Some(node) if self.query.is_empty() => Goal::Path(node),
            _ => Goal::FirstMatch,
        };
        work
    }

    /// Goes to a path; a filter that would hide it ends.
    pub(super) fn go_to(&mut self, node: NodeId, of: &Of<'_>) -> Work {
        if !self.query.is_empty() || !self.shown.is_all() {
            (self.query, self.shown, self.filter) = (Query::default(), Shown::default(), Line::default());
        }
        self.typing = false;
        if of.tree.difference(node, of.range).0 == Change::None && !self.has_changes_below(node, of) {
            self.all = true;
        }
        let work = self.ask(of, Some(node));
        self.goal = Goal::Path(node);
        work
    }

    /// Whether a path has a row although nothing is done to itself.
    fn has_changes_below(&self, node: NodeId, of: &Of<'_>) -> bool {
        let rows = self.rows.as_ref().filter(|rows| rows.view().range == of.range);
        rows.is_some_and(|rows| rows.view().folders.sum(node).is_some_and(|sum| sum.changes != [0; 3]))
    }

    /// Folds or unfolds many directories.
    pub(super) fn unfold(&mut self, unfold: Unfold, of: &Of<'_>) -> Work {
        let here = self.selected().map(|row| row.node);
        let mut work = self.ask(of, None);
        if let Work::Rows(job) = &mut work {
            job.unfold = unfold;
        }
        self.touched = true;
        self.goal = here.map_or(Goal::Top, Goal::Path);
        work
    }

    fn ask(&mut self, of: &Of<'_>, reveal: Option<NodeId>) -> Work {
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
        let known = self.open.get(of.layer).cloned().flatten().filter(|_| !filtered);
        // The same layer stays unfolded as it is, shown in another way.
        let same = self.rows.as_ref().filter(|rows| {
            !filtered && rows.view().matches.is_none() && rows.view().range == of.range && !rows.rows().is_empty()
        });
        let known = known.or_else(|| same.map(|rows| rows.open().clone()));
        let unfold = match known {
            Some(_) => Unfold::Same,
            None if filtered => Unfold::FromTop(UNFOLD_FOUND),
            None => Unfold::Largest(UNFOLD),
        };
        Work::Rows(Box::new(RowsJob {
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
        }))
    }

    /// Takes rows, when they are those that were asked for last.
    pub(super) fn take(&mut self, number: u64, rows: Box<Rows>, tree: &Tree) {
        if number != self.asked {
            return;
        }
        let mut at = match self.goal {
            Goal::Top | Goal::FirstMatch => None,
            Goal::Stay => self.selected().map(|row| row.node),
            Goal::Path(node) => Some(node),
        };
        // Where the path has no row, the nearest directory above that has one.
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
            Goal::FirstMatch => {
                let first = rows
                    .view()
                    .matches
                    .as_ref()
                    .and_then(|matches| rows.rows().iter().position(|row| matches.has(row.node)));
                Cursor::on(first.unwrap_or(0))
            }
            // The row stays where it was on the screen, as far as possible.
            _ => Cursor { at: place, top: place.saturating_sub(seen) },
        };
        self.rows = Some(rows);
        self.goal = Goal::Stay;
    }

    /// Folds or unfolds the selected directory.
    pub(super) fn fold(&mut self, tree: &Tree) {
        if let Some(rows) = &mut self.rows {
            rows.toggle(tree, self.cursor.at);
            self.touched = true;
        }
    }

    /// Shows directories that hold one directory only in one row, or each in its own; what is open stays open.
    pub(super) fn toggle_chains(&mut self, tree: &Tree) {
        if self.chains
            && let Some(rows) = &mut self.rows
        {
            let mut above = Vec::new();
            for row in rows.rows().iter().filter(|row| row.chain > 0) {
                let parents = std::iter::successors(tree.paths.parent(row.node), |node| tree.paths.parent(*node));
                above.extend(parents.take(row.chain.into()));
            }
            rows.mark_open(above);
        }
        self.chains = !self.chains;
    }

    /// Goes to the directory that holds the selected row; false when that is the root.
    pub(super) fn go_out(&mut self) -> bool {
        let Some(depth) = self.selected().map(|row| row.depth).filter(|depth| *depth > 0) else { return false };
        let above = self.rows()[..self.cursor.at].iter().rposition(|other| other.depth < depth);
        self.cursor.at = above.unwrap_or(0);
        true
    }

    /// Goes to the next row that the filter holds for, or without a filter to the next change; or to the one before.
    pub(super) fn go_to_hit(&mut self, forward: bool) -> bool {
        let matches = self.rows.as_ref().and_then(|rows| rows.view().matches.clone());
        let hit = |row: &Row| match &matches {
            Some(matches) => matches.has(row.node),
            None => row.change != Change::None && !(row.folder && row.open),
        };
        let rows = self.rows();
        let place = if forward {
            rows.iter().skip(self.cursor.at + 1).position(hit).map(|place| place + self.cursor.at + 1)
        } else {
            rows[..self.cursor.at.min(rows.len())].iter().rposition(hit)
        };
        if let Some(place) = place {
            self.cursor.at = place;
        }
        place.is_some()
    }

    /// Reads what was typed into the filter so far. True when rows have to be asked for.
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
