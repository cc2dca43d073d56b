//! Text that fits: widths are columns of the terminal, not bytes or letters.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Cut at the end, as commands are read from the front.
pub(super) fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = front(text, width.saturating_sub(1)).to_owned();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// Cut in the middle, as both ends of a name say most.
pub(super) fn cut_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let head = front(text, room / 2);
    let tail_room = room - head.width();
    let mut start = text.len();
    let mut used = 0;
    for (at, letter) in text.char_indices().rev() {
        used += letter.width().unwrap_or(0);
        if used > tail_room {
            break;
        }
        start = at;
    }
    if width == 0 { String::new() } else { format!("{head}…{}", &text[start..]) }
}

/// A size for people, with a digit after the point from a megabyte on, so that sizes in a column compare.
pub(super) fn bytes(bytes: u64) -> String {
    let text = crate::report::bytes(bytes);
    match text.split_once(' ') {
        Some((number, unit)) if bytes >= 1_000_000 && !number.contains('.') => format!("{number}.0 {unit}"),
        _ => text,
    }
}

/// As much of the front as fits.
pub(super) fn front(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += letter.width().unwrap_or(0);
        if used > width {
            return &text[..at];
        }
    }
    text
}

/// Lines of at most `width` columns, broken at blanks where there are any.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && width > 0 {
        let mut head = front(rest, width);
        if head.is_empty() {
            // A letter that is wider than the line.
            head = &rest[..rest.chars().next().map_or(0, char::len_utf8)];
        } else if head.len() < rest.len()
            && let Some(blank) = head.rfind(' ').filter(|blank| *blank > 0)
        {
            head = &head[..blank];
        }
        lines.push(head.to_owned());
        rest = rest[head.len()..].trim_start();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_columns() {
        assert_eq!(cut_end("apt-get update", 8), "apt-get…");
        assert_eq!(cut_middle("a-long-file-name.so", 9), "a-lo…e.so");
        assert_eq!(cut_end("日本語", 5), "日本…");
        assert_eq!(cut_middle("日本語名", 5), "日…名");
        assert_eq!([cut_end("ab", 1), cut_end("ab", 0), cut_middle("ab", 1)], ["…", "", "…"]);
    }

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(wrap("RUN apt-get update", 12), ["RUN apt-get", "update"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("日", 1), ["日"]);
        assert!(wrap("x", 0).is_empty());
    }
}
