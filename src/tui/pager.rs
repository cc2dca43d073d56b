//! A file's content in a window: where it is scrolled to, where lines are wrapped, what was searched for.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use super::content::{Hit, Way};
use super::jobs::Viewed;
use super::line::Line;

/// A window on the content of a file.
#[derive(Debug)]
pub(super) struct Pager {
    pub(super) state: State,
    pub(super) wrap: bool,
    /// The first row that is seen, and the first column where lines are not wrapped.
    pub(super) top: usize,
    pub(super) left: usize,
    /// Columns and rows of the window.
    pub(super) size: (usize, usize),
    /// Where lines are wrapped: the row of the content and the byte that a row of the screen begins with.
    pub(super) wrapped: Option<Vec<(u32, u32)>>,
    pub(super) search: Line,
    pub(super) hit: Option<Hit>,
    pub(super) missed: bool,
}

/// How far reading is.
#[derive(Debug)]
pub(super) enum State {
    Reading,
    Read(Viewed),
    Failed(String),
}

/// Columns that a step to the side moves.
pub(super) const STEP: usize = 8;

impl Default for Pager {
    fn default() -> Self {
        Self {
            state: State::Reading,
            wrap: true,
            top: 0,
            left: 0,
            size: (0, 0),
            wrapped: None,
            search: Line::default(),
            hit: None,
            missed: false,
        }
    }
}

impl Pager {
    /// Takes what was read.
    pub(super) fn take(&mut self, read: Result<Viewed, String>) {
        self.state = read.map_or_else(State::Failed, State::Read);
        self.lay_out();
    }

    pub(super) fn viewed(&self) -> Option<&Viewed> {
        match &self.state {
            State::Read(viewed) => Some(viewed),
            _ => None,
        }
    }

    /// Takes the size that there is for the text.
    pub(super) fn fit(&mut self, size: (usize, usize)) {
        if self.size != size {
            let first = self.row_at(self.top).0;
            self.size = size;
            self.lay_out();
            self.top = self.row_of(first, 0);
        }
        self.top = self.top.min(self.rows().saturating_sub(self.size.1));
    }

    /// Works out where lines are wrapped.
    pub(super) fn lay_out(&mut self) {
        let width = self.size.0.max(1);
        self.wrapped = self.viewed().filter(|viewed| self.wrap && !viewed.content.hex).map(|viewed| {
            let mut rows = Vec::new();
            for row in 0..viewed.content.rows() {
                rows.push((row as u32, 0));
                let text = viewed.content.row(row);
                // No letter takes more columns than bytes.
                if text.len() <= width {
                    continue;
                }
                let mut used = 0;
                for (at, letter) in text.char_indices() {
                    let columns = letter.width().unwrap_or(0);
                    if used + columns > width && used > 0 {
                        rows.push((row as u32, at as u32));
                        used = 0;
                    }
                    used += columns;
                }
            }
            rows
        });
    }

    /// Rows of the screen that all of it takes.
    pub(super) fn rows(&self) -> usize {
        match (&self.wrapped, self.viewed()) {
            (Some(rows), _) => rows.len(),
            (None, Some(viewed)) => viewed.content.rows(),
            (None, None) => 0,
        }
    }

    /// The row of the content that a row of the screen shows, and the bytes of it.
    pub(super) fn row_at(&self, row: usize) -> (usize, Range<usize>) {
        match &self.wrapped {
            None => (row, 0..usize::MAX),
            Some(rows) => match rows.get(row) {
                None => (0, 0..0),
                Some((line, start)) => {
                    let end =
                        rows.get(row + 1).filter(|(next, _)| next == line).map_or(usize::MAX, |(_, at)| *at as usize);
                    (*line as usize, *start as usize..end)
                }
            },
        }
    }

    /// The row of the screen that shows a byte of a row of the content.
    pub(super) fn row_of(&self, line: usize, byte: usize) -> usize {
        match &self.wrapped {
            None => line,
            Some(rows) => {
                rows.partition_point(|(own, at)| (*own as usize, *at as usize) <= (line, byte)).saturating_sub(1)
            }
        }
    }

    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.rows().saturating_sub(self.size.1);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// Looks for what is typed: from the last place on, or `here` from that place itself; from the screen where there is none.
    pub(super) fn find(&mut self, way: Way, here: bool) {
        let State::Read(viewed) = &self.state else { return };
        let wanted = self.search.text();
        let top = self.row_at(self.top).0;
        self.hit = match (&self.hit, way) {
            (Some(hit), _) if here => viewed.content.find_at(wanted, hit.row, hit.range.start),
            (Some(hit), way) => viewed.content.find(wanted, Some(hit), way),
            (None, Way::Next) => viewed.content.find_at(wanted, top, 0),
            (None, Way::Previous) => viewed.content.find(wanted, Some(&Hit { row: top, range: 0..0 }), way),
        };
        self.missed = self.hit.is_none() && !wanted.is_empty();
        if let Some(hit) = self.hit.clone() {
            self.show(&hit);
        }
    }

    /// A step to the right, as long as a line on the screen goes on there.
    pub(super) fn go_right(&mut self) {
        let Some(viewed) = self.viewed() else { return };
        let rows = self.top..(self.top + self.size.1).min(self.rows());
        let widest = rows.map(|row| viewed.content.row(row).width()).max().unwrap_or(0);
        if self.left + self.size.0 < widest {
            self.left += STEP;
        }
    }

    /// Scrolls until a place is seen.
    fn show(&mut self, hit: &Hit) {
        let row = self.row_of(hit.row, hit.range.start);
        if !(self.top..self.top + self.size.1).contains(&row) {
            self.top = row.saturating_sub(self.size.1 / 2);
        }
        if self.wrapped.is_none()
            && let Some(viewed) = self.viewed()
        {
            let text = viewed.content.row(hit.row);
            let column = text.get(..hit.range.start).map_or(0, UnicodeWidthStr::width);
            let width = self.size.0;
            if column < self.left || column + 8 > self.left + width {
                self.left = column.saturating_sub(width / 2);
            }
        }
    }
}

impl Pager {
    /// Wraps long lines, or cuts them; the same line stays on top.
    pub(super) fn toggle_wrap(&mut self) {
        let first = self.row_at(self.top).0;
        self.wrap = !self.wrap;
        self.left = 0;
        self.lay_out();
        self.top = self.row_of(first, 0);
    }

    /// Shows text as bytes, or as text again; the same place stays on top. False where there is no text.
    pub(super) fn toggle_hex(&mut self) -> bool {
        let first = self.row_at(self.top).0;
        let State::Read(file) = &mut self.state else { return true };
        if file.content.text().is_none() {
            return false;
        }
        let row = file.content.row_in_other_view(first);
        file.content.hex = !file.content.hex;
        (self.hit, self.left) = (None, 0);
        self.lay_out();
        self.top = self.row_of(row, 0);
        true
    }
}
