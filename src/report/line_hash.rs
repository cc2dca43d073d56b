//! `primaryLocationLineHash` as GitHub's code scanning computes it (github/codeql-action, `src/fingerprints.ts`): a rolling hash over
//! a line and what follows it, without blanks, so that a finding is known again when lines above it come or go.

/// Characters that one hash covers.
const WINDOW: usize = 100;
const MODULUS: u64 = 37;
/// What stands for the end of the file.
const END: u16 = u16::MAX;

/// For each line, from the first: `HASH:N`, for the N-th line of that hash.
pub(super) fn line_hashes(text: &str) -> Vec<String> {
    let mut rolling = Rolling::default();
    for unit in text.encode_utf16() {
        rolling.take(unit);
    }
    rolling.take(END);
    // The lines that are still in the window.
    for _ in 0..WINDOW {
        rolling.close_line();
        rolling.push(0);
    }
    rolling.hashes
}

struct Rolling {
    window: [u64; WINDOW],
    /// Whether the character of that place starts a line.
    starts: [bool; WINDOW],
    at: usize,
    hash: u64,
    /// `MODULUS` to the power of `WINDOW`.
    oldest: u64,
    is_line_start: bool,
    is_after_return: bool,
    hashes: Vec<String>,
    counts: rustc_hash::FxHashMap<u64, u32>,
}

impl Default for Rolling {
    fn default() -> Self {
        Self {
            window: [0; WINDOW],
            starts: [false; WINDOW],
            at: 0,
            hash: 0,
            oldest: (0..WINDOW).fold(1, |power, _| power.wrapping_mul(MODULUS)),
            is_line_start: true,
            is_after_return: false,
            hashes: Vec::new(),
            counts: rustc_hash::FxHashMap::default(),
        }
    }
}

impl Rolling {
    fn take(&mut self, unit: u16) {
        const TAB: u16 = 9;
        const LINE_FEED: u16 = 10;
        const RETURN: u16 = 13;
        const SPACE: u16 = 32;
        if matches!(unit, SPACE | TAB) || self.is_after_return && unit == LINE_FEED {
            self.is_after_return = false;
            return;
        }
        self.is_after_return = unit == RETURN;
        let unit = if unit == RETURN { LINE_FEED } else { unit };
        self.close_line();
        self.starts[self.at] = std::mem::take(&mut self.is_line_start);
        self.is_line_start = unit == LINE_FEED;
        self.push(unit.into());
    }

    /// Writes the hash of the line that started a whole window ago.
    fn close_line(&mut self) {
        if std::mem::take(&mut self.starts[self.at]) {
            let count = self.counts.entry(self.hash).or_default();
            *count += 1;
            self.hashes.push(format!("{:x}:{count}", self.hash));
        }
    }

    fn push(&mut self, unit: u64) {
        let begin = std::mem::replace(&mut self.window[self.at], unit);
        self.hash = MODULUS.wrapping_mul(self.hash).wrapping_add(unit).wrapping_sub(self.oldest.wrapping_mul(begin));
        self.at = (self.at + 1) % WINDOW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_hashes_that_code_scanning_gives_them() {
        // The values of code scanning's own tests.
        let greeting = [
            "e9496ae3ebfced30:1",
            "fb7c023a8b9ccb3f:1",
            "ce8ba1a563dcdaca:1",
            "e20e36e16fcb0cc8:1",
            "b3edc88f2938467e:1",
            "c8e28b0b4002a3a0:1",
            "c129715d7a2bc9a3:1",
        ];
        assert_eq!(line_hashes(""), ["c129715d7a2bc9a3:1"]);
        assert_eq!(
            line_hashes(" a\nb\n  \t\tc\n d"),
            ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]
        );
        assert_eq!(line_hashes(" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n"), greeting);
        assert_eq!(line_hashes(" hello; \t\r\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n"), greeting);
        assert_eq!(
            line_hashes(&"Lorem ipsum dolor sit amet.\n".repeat(10)),
            [
                "a7f2ff13bc495cf2:1",
                "a7f2ff13bc495cf2:2",
                "a7f2ff13bc495cf2:3",
                "a7f2ff13bc495cf2:4",
                "a7f2ff13bc495cf2:5",
                "a7f2ff13bc495cf2:6",
                "a7f2ff1481e87703:1",
                "a9cf91f7bbf1862b:1",
                "55ec222b86bcae53:1",
                "cc97dc7b1d7d8f7b:1",
                "c129715d7a2bc9a3:1",
            ]
        );
    }
}
