/// A cursor in a list, and what of the list is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The selected row.
    pub(super) at: usize,
    /// The first row that is seen.
    pub(super) top: usize,
}

impl Cursor {
    /// On a row, which is seen once [`Self::follow`] was called.
    pub(super) fn on(at: usize) -> Self {
        Self { at, top: 0 }
    }

    /// Moves by so many rows, not beyond the ends.
    pub(super) fn step(&mut self, by: isize, len: usize) {
        self.at = self.at.saturating_add_signed(by).min(len.saturating_sub(1));
    }

    /// Scrolls as little as it takes to have the cursor in a window of `height` rows.
    pub(super) fn follow(&mut self, height: usize, len: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        self.top = self.top.min(len.saturating_sub(height)).min(self.at);
        if height > 0 && self.at >= self.top + height {
            self.top = self.at + 1 - height;
        }
    }

    /// Moves the window, and the cursor only as far as it takes to stay in it.
    pub(super) fn scroll(&mut self, by: isize, height: usize, len: usize) {
        self.top = self.top.saturating_add_signed(by).min(len.saturating_sub(height));
        self.at = self.at.clamp(self.top, (self.top + height.max(1) - 1).min(len.saturating_sub(1)).max(self.top));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_and_the_wheel_moves_it() {
        let mut cursor = Cursor::default();
        cursor.step(7, 20);
        cursor.follow(5, 20);
        assert_eq!(cursor, Cursor { at: 7, top: 3 });
        cursor.scroll(3, 5, 20);
        assert_eq!(cursor, Cursor { at: 7, top: 6 });
        cursor.scroll(100, 5, 20);
        assert_eq!(cursor, Cursor { at: 15, top: 15 });
        cursor.scroll(-100, 5, 20);
        assert_eq!(cursor, Cursor { at: 4, top: 0 });
        for (height, len) in [(0, 0), (0, 3), (5, 0), (9, 3)] {
            cursor.scroll(3, height, len);
            cursor.follow(height, len);
            assert!(cursor.at < len.max(1) && cursor.top <= cursor.at, "{cursor:?}");
        }
    }
}
