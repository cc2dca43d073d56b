//! What a viewed file looks like, as plain text: lines of a text, made harmless, or rows of bytes. Nothing here knows of
//! a terminal or a colour; positions are rows and byte ranges of the text that is shown.

use std::fmt::Write as _;
use std::ops::Range;

use unicode_width::UnicodeWidthChar as _;

use crate::bytes::shown_text;

/// Bytes in which a NUL means that it is not text, as git decides (`buffer_is_binary`).
const FIRST: usize = 8000;
/// Bytes of a hex row.
pub(super) const HEX: usize = 16;
/// Columns of a line that are kept. What is further right is told and not shown: nobody reads it, and every frame would
/// have to find its way through it.
const MAX_COLUMNS: usize = 20_000;

/// Lines that are kept; what is behind them is told and not shown.
const MAX_LINES: usize = 200_000;

/// How bytes were read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// Not UTF-8: each byte is a letter.
    Latin1,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// As people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Latin1 => "Latin-1",
            Self::Utf16Le => "UTF-16 LE",
            Self::Utf16Be => "UTF-16 BE",
        }
    }
}

/// A file as it is viewed.
#[derive(Debug)]
pub(super) struct Content {
    bytes: Vec<u8>,
    text: Option<Text>,
    /// Rows of bytes are shown, which is possible for a text too.
    pub(super) hex: bool,
}

/// A text, and its lines as they are shown.
#[derive(Debug)]
pub(super) struct Text {
    /// How it was read.
    pub(super) encoding: Encoding,
    /// Lines end in CR LF.
    pub(super) crlf: bool,
    /// There are more lines than are kept.
    pub(super) cut: bool,
    /// Without what was done to make it harmless, for whoever looks for its structure. Lines end in LF.
    pub(super) plain: String,
    lines: Vec<ShownLine>,
}

/// A line made harmless: control characters, bidirectional and invisible ones are written `\xHH`, tabs are blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownLine {
    /// As it is shown.
    pub(super) text: String,
    /// Where it differs in length from the plain line: byte offsets (plain, shown) after which both run alike again.
    shifts: Vec<(u32, u32)>,
    /// The rest was too long to be shown.
    pub(super) cut: bool,
}

/// A place where something was found: the row, and the bytes of the row's shown text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) row: usize,
    pub(super) range: Range<usize>,
}

/// Which way is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Next,
    Previous,
}

impl Content {
    /// Decides what the bytes are. `whole`: they are all of the file. `tab` is the distance of tab stops in columns.
    pub(super) fn new(bytes: Vec<u8>, whole: bool, tab: usize) -> Self {
        let text = decode(&bytes, whole).map(|(encoding, plain)| Text::new(encoding, &plain, tab));
        Self { hex: text.is_none(), text, bytes }
    }

    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<&Text> {
        self.text.as_ref()
    }

    /// The bytes themselves.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Rows that are shown.
    pub(super) fn rows(&self) -> usize {
        match &self.text {
            Some(text) if !self.hex => text.lines.len(),
            _ => self.bytes.len().div_ceil(HEX),
        }
    }

    /// A row as it is shown; empty beyond the end.
    pub(super) fn row(&self, row: usize) -> std::borrow::Cow<'_, str> {
        match &self.text {
            Some(text) if !self.hex => text.line(row).map_or("", |line| &line.text).into(),
            _ => hex_row(&self.bytes, row).into(),
        }
    }

    /// The same place in the other view: the row of a text for a row of bytes, and the other way round.
    pub(super) fn row_in_other_view(&self, row: usize) -> usize {
        let Some(text) = &self.text else { return row };
        // What was decoded is as long as its bytes only in UTF-8; in proportion is good enough for the others.
        let (len, plain) = (self.bytes.len().max(1), text.plain.len().max(1));
        if self.hex {
            let at = (row * HEX).min(self.bytes.len()) * plain / len;
            text.plain.as_bytes()[..at.min(text.plain.len())].split(|byte| *byte == b'\n').count() - 1
        } else {
            let at: usize = text.plain.split_inclusive('\n').take(row).map(str::len).sum();
            at * len / plain / HEX
        }
    }

    /// The next or previous place where `wanted` is, seen from `from`, around the end if it must be. None when it is
    /// nowhere. In rows of bytes hex digits in pairs (`7f 45 4c`) are looked for as bytes, all else as text.
    pub(super) fn find(&self, wanted: &str, from: Option<&Hit>, way: Way) -> Option<Hit> {
        if wanted.is_empty() {
            return None;
        }
        match &self.text {
            Some(text) if !self.hex => text.find(wanted, from, way),
            _ => self.find_bytes(wanted, from, way),
        }
    }

    /// The first place at or behind a byte of a row as it is shown, around the end if it must be.
    pub(super) fn find_at(&self, wanted: &str, row: usize, byte: usize) -> Option<Hit> {
        if wanted.is_empty() {
            return None;
        }
        match &self.text {
            Some(text) if !self.hex => {
                let needle = Needle::of(wanted);
                let in_row = |row: usize, from: usize| {
                    let at = needle.after(text.lines.get(row)?.text.as_bytes(), from)?;
                    Some(Hit { row, range: at..at + needle.len() })
                };
                let rest = (row + 1..text.lines.len()).chain(0..=row);
                in_row(row, byte).or_else(|| rest.into_iter().find_map(|row| in_row(row, 0)))
            }
            _ => {
                let needle = Needle::of_bytes(wanted);
                let start = row * HEX + byte_at(byte);
                let at = needle.after(&self.bytes, start).or_else(|| needle.after(&self.bytes, 0))?;
                Some(hex_hit(at, needle.len()))
            }
        }
    }

    fn find_bytes(&self, wanted: &str, from: Option<&Hit>, way: Way) -> Option<Hit> {
        let needle = Needle::of_bytes(wanted);
        let start = from.map(|hit| hit.row * HEX + byte_at(hit.range.start));
        let at = needle.find_around(&self.bytes, start, way)?;
        Some(hex_hit(at, needle.len()))
    }
}

/// Which byte of a hex row a column is of.
fn byte_at(column: usize) -> usize {
    (column.saturating_sub(HEX_AT) / 3).min(HEX - 1)
}

/// Bytes from a place on, as far as they stand in its row.
fn hex_hit(at: usize, len: usize) -> Hit {
    let first = at % HEX;
    let last = (first + len - 1).min(HEX - 1);
    Hit { row: at / HEX, range: hex_column(first)..hex_column(last) + 2 }
}

impl Text {
    fn new(encoding: Encoding, decoded: &str, tab: usize) -> Self {
        let crlf = decoded.contains("\r\n");
        let plain = if crlf { decoded.replace("\r\n", "\n") } else { decoded.to_owned() };
        let lines = plain.strip_suffix('\n').unwrap_or(&plain).split('\n').map(|line| ShownLine::new(line, tab));
        let mut lines = lines.fuse();
        let kept = if plain.is_empty() { Vec::new() } else { lines.by_ref().take(MAX_LINES).collect() };
        let cut = !plain.is_empty() && lines.next().is_some();
        Self { encoding, crlf, cut, plain, lines: kept }
    }

    /// A line as it is shown, from 0.
    pub(super) fn line(&self, row: usize) -> Option<&ShownLine> {
        self.lines.get(row)
    }

    fn find(&self, wanted: &str, from: Option<&Hit>, way: Way) -> Option<Hit> {
        let needle = Needle::of(wanted);
        let rows = self.lines.len();
        let (first, column) = from.map_or((0, None), |hit| (hit.row.min(rows), Some(hit.range.start)));
        let in_row = |row: usize, from: Option<usize>| -> Option<Hit> {
            let line = self.lines.get(row)?;
            let at = match way {
                Way::Next => needle.after(line.text.as_bytes(), from.map_or(0, |from| from + 1)),
                Way::Previous => needle.before(line.text.as_bytes(), from.unwrap_or(line.text.len() + 1)),
            }?;
            Some(Hit { row, range: at..at + needle.len() })
        };
        let own = match (way, column) {
            // From nowhere: the first from the top, or the last from the end.
            (_, None) => None,
            (_, Some(_)) => in_row(first, column),
        };
        let skip = usize::from(column.is_some());
        own.or_else(|| match way {
            Way::Next => (first + skip..rows).chain(0..=first).find_map(|row| in_row(row, None)),
            Way::Previous => (0..first).rev().chain((first..rows).rev()).find_map(|row| in_row(row, None)),
        })
    }
}

impl ShownLine {
    fn new(line: &str, tab: usize) -> Self {
        let mut own = Self { text: String::with_capacity(line.len()), shifts: Vec::new(), cut: false };
        let mut columns = 0;
        for (at, letter) in line.char_indices() {
            if columns >= MAX_COLUMNS {
                own.cut = true;
                break;
            }
            let before = own.text.len();
            match letter {
                '\t' => {
                    let blanks = tab.max(1) - columns % tab.max(1);
                    own.text.extend(std::iter::repeat_n(' ', blanks));
                    columns += blanks;
                }
                // Printable ASCII is most of all text.
                ' '..='~' => {
                    own.text.push(letter);
                    columns += 1;
                }
                _ => {
                    let shown = shown_text(letter.encode_utf8(&mut [0; 4]));
                    columns += shown.chars().map(|letter| letter.width().unwrap_or(0)).sum::<usize>().max(1);
                    own.text.push_str(&shown);
                }
            }
            if own.text.len() - before != letter.len_utf8() {
                own.shifts.push(((at + letter.len_utf8()) as u32, own.text.len() as u32));
            }
        }
        own
    }

    /// Where a byte of the plain line is in the shown one. What is inside of a letter that is written otherwise is at its
    /// end.
    pub(super) fn shown_at(&self, plain: usize) -> usize {
        let above = self.shifts.partition_point(|(at, _)| *at as usize <= plain);
        let moved = match above.checked_sub(1).map(|place| self.shifts[place]) {
            Some((from, to)) => to as usize + (plain - from as usize),
            None => plain,
        };
        // Never inside of a letter, nor beyond what is shown.
        let mut moved = moved.min(self.text.len());
        while !self.text.is_char_boundary(moved) {
            moved += 1;
        }
        moved
    }
}

/// The bytes as text; None when they are none.
fn decode(bytes: &[u8], whole: bool) -> Option<(Encoding, String)> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes).map(|text| (Encoding::Utf16Le, text)),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes).map(|text| (Encoding::Utf16Be, text)),
        _ => {}
    }
    if bytes[..bytes.len().min(FIRST)].contains(&0) {
        return None;
    }
    // A byte order mark of UTF-8 says nothing, and is not part of the text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Some((Encoding::Utf8, text.to_owned())),
        // The part that was read may end inside of a letter.
        Err(error) if !whole && error.error_len().is_none() => {
            Some((Encoding::Utf8, String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()))
        }
        Err(_) => Some((Encoding::Latin1, bytes.iter().map(|byte| char::from(*byte)).collect())),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    // A NUL is not a letter of a text here either.
    (!text.chars().take(FIRST).any(|letter| letter == '\0')).then_some(text)
}

/// Columns before the first byte of a hex row: the offset in eight digits, and two blanks.
const HEX_AT: usize = 10;

/// Column of a byte in a hex row; the second half stands one further right.
fn hex_column(byte: usize) -> usize {
    HEX_AT + byte * 3 + usize::from(byte >= HEX / 2)
}

/// `offset  16 bytes  ascii`. Offsets over 4 GiB take more digits than eight.
fn hex_row(bytes: &[u8], row: usize) -> String {
    let start = row * HEX;
    let part = bytes.get(start..bytes.len().min(start + HEX)).unwrap_or_default();
    if part.is_empty() {
        return String::new();
    }
    let mut text = format!("{start:08x}  ");
    for (place, byte) in part.iter().enumerate() {
        let gap = if place + 1 == HEX / 2 { "  " } else { " " };
        let _ = write!(text, "{byte:02x}{gap}");
    }
    let ascii = hex_column(HEX) + 1;
    text.extend(std::iter::repeat_n(' ', ascii.saturating_sub(text.len())));
    text.extend(part.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }));
    text
}

/// Bytes that are written as pairs of hex digits, with or without blanks; None when it is something else. A single pair or
/// a word that happens to have only such letters is text.
fn hex_digits(wanted: &str) -> Option<Vec<u8>> {
    let mut words = wanted.split_whitespace();
    let prefixed = wanted.strip_prefix("0x");
    let digits: String = match prefixed {
        Some(digits) => digits.to_owned(),
        None => words.clone().all(|word| word.len() == 2).then(|| words.by_ref().collect())?,
    };
    let pairs = prefixed.is_some() || wanted.split_whitespace().count() > 1;
    let even = digits.len().is_multiple_of(2) && !digits.is_empty();
    if !pairs || !even || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

/// What is looked for. Upper and lower case are the same as long as no capital is typed.
struct Needle {
    bytes: Vec<u8>,
    any_case: bool,
}

impl Needle {
    fn of(wanted: &str) -> Self {
        Self { bytes: wanted.as_bytes().to_vec(), any_case: !wanted.chars().any(char::is_uppercase) }
    }

    /// In rows of bytes digits in pairs are bytes.
    fn of_bytes(wanted: &str) -> Self {
        hex_digits(wanted).map_or_else(|| Self::of(wanted), Self::exact)
    }

    fn exact(bytes: Vec<u8>) -> Self {
        Self { bytes, any_case: false }
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn is_at(&self, hay: &[u8], at: usize) -> bool {
        let Some(part) = hay.get(at..at + self.bytes.len()) else { return false };
        if self.any_case { part.eq_ignore_ascii_case(&self.bytes) } else { part == self.bytes }
    }

    /// The first place at or after `from`.
    fn after(&self, hay: &[u8], from: usize) -> Option<usize> {
        let last = hay.len().checked_sub(self.bytes.len())?;
        (from..=last).find(|at| self.is_at(hay, *at))
    }

    /// The last place before `from`.
    fn before(&self, hay: &[u8], from: usize) -> Option<usize> {
        let last = hay.len().checked_sub(self.bytes.len())?;
        (0..from.min(last + 1)).rev().find(|at| self.is_at(hay, *at))
    }

    /// The next or previous place, around the end.
    fn find_around(&self, hay: &[u8], from: Option<usize>, way: Way) -> Option<usize> {
        match way {
            Way::Next => self.after(hay, from.map_or(0, |from| from + 1)).or_else(|| self.after(hay, 0)),
            Way::Previous => {
                let first = from.and_then(|from| self.before(hay, from));
                first.or_else(|| self.before(hay, hay.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> Vec<String> {
        let content = Content::new(bytes.to_vec(), true, 4);
        (0..content.rows()).map(|row| content.row(row).into_owned()).collect()
    }

    #[test]
    fn text_is_told_from_bytes_as_git_does() {
        let mut late = vec![b'a'; 8000];
        late.push(0);
        for (bytes, want) in [
            (&b""[..], Some(Encoding::Utf8)),
            (b"plain\n", Some(Encoding::Utf8)),
            ("größe 日本".as_bytes(), Some(Encoding::Utf8)),
            (b"ends as no letter does \xe6\x97", Some(Encoding::Latin1)),
            (b"caf\xe9 noir", Some(Encoding::Latin1)),
            (b"\xef\xbb\xbfmarked", Some(Encoding::Utf8)),
            (b"\xff\xfeh\0i\0", Some(Encoding::Utf16Le)),
            (b"\xfe\xff\0h\0i", Some(Encoding::Utf16Be)),
            (b"\xff\xfe\0\0h\0\0\0", None),
            (b"\x7fELF\x02\x01\x01\0", None),
            (b"a\0b", None),
            (&late, Some(Encoding::Utf8)),
        ] {
            let content = Content::new(bytes.to_vec(), true, 4);
            assert_eq!(content.text().map(|text| text.encoding), want, "{bytes:?}");
            assert_eq!(content.hex, want.is_none());
        }
        let part = Content::new(b"cut inside a letter \xe6\x97".to_vec(), false, 4);
        assert_eq!(part.text().map(|text| text.encoding), Some(Encoding::Utf8));
        assert_eq!(part.row(0), "cut inside a letter ");
        assert_eq!(shown(b"\xff\xfeh\0i\0"), ["hi"]);
        assert_eq!(shown(b"caf\xe9"), ["café"]);
        assert_eq!(shown(b"\xef\xbb\xbfmarked\n"), ["marked"]);
    }

    #[test]
    fn lines_are_harmless() {
        assert_eq!(shown(b"a\tb\n\tc\r\n\r\nlast"), ["a   b", "    c", "", "last"]);
        assert_eq!(shown(b"\x1b[31mred\x07 \xc2\x9b2J"), ["\\x1b[31mred\\x07 \\xc2\\x9b2J"]);
        assert_eq!(shown("\u{202e}txt.exe \u{200b}".as_bytes()), ["\\xe2\\x80\\xaetxt.exe \\xe2\\x80\\x8b"]);
        assert_eq!(shown(b"alone\rhere\x0b"), ["alone\\x0dhere\\x0b"]);
        assert_eq!(shown(b"back\\slash"), ["back\\slash"]);
        assert_eq!(shown("日\tx".as_bytes()), ["日  x"]);
        assert_eq!(shown(b""), Vec::<String>::new());
        assert_eq!(shown(b"\n"), [""]);
        let long = Content::new("x\t".repeat(1_000_000).into_bytes(), true, 8);
        let line = long.text().and_then(|text| text.line(0)).map(|line| (line.cut, line.text.len()));
        assert_eq!(line, Some((true, MAX_COLUMNS)));
    }

    #[test]
    fn every_byte_that_can_be_in_a_file_is_survived() {
        for byte in 0..=255_u8 {
            for bytes in [vec![byte; 50], vec![b'a', byte, b'b'], vec![0xff, 0xfe, byte, byte], vec![byte, 0xd8, 0xfe]]
            {
                for row in shown(&bytes) {
                    assert!(
                        !row.contains(|letter: char| letter.is_control() || letter == '\u{202e}'),
                        "{byte}: {row:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn places_of_the_plain_line_are_found_in_the_shown_one() {
        let line = ShownLine::new("\tif\u{1b} é\tx", 4);
        assert_eq!(line.text, "    if\\x1b é    x");
        // Before the tab, after it, after the escape, after a wide letter, after the second tab, the end.
        for (plain, want) in [(0, 0), (1, 4), (3, 6), (4, 10), (5, 11), (7, 13), (8, 17), (9, 18), (99, 18)] {
            assert_eq!(line.shown_at(plain), want, "{plain}");
        }
    }

    #[test]
    fn bytes_in_rows() {
        let bytes: Vec<u8> = (0..=255).collect();
        let content = Content::new(bytes, true, 4);
        assert_eq!(content.rows(), 16);
        assert_eq!(content.row(0), "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  ................");
        assert_eq!(content.row(4), "00000040  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO");
        assert_eq!(content.row(16), "");
        let short = Content::new(b"\0ELF".to_vec(), true, 4);
        assert_eq!(short.row(0), format!("{:<60}{}", "00000000  00 45 4c 46", ".ELF"));
        assert_eq!(content.row(0).find("................"), Some(60));
    }

    #[test]
    fn what_is_typed_is_found_around_the_end() {
        let content = Content::new(b"one Two\ntwo two\nthree\n".to_vec(), true, 4);
        let mut at = None;
        let mut places = Vec::new();
        for way in [Way::Next, Way::Next, Way::Next, Way::Next, Way::Previous, Way::Previous] {
            at = content.find("two", at.as_ref(), way);
            places.push(at.as_ref().map(|hit| (hit.row, hit.range.start)));
        }
        let want = [(0, 4), (1, 0), (1, 4), (0, 4), (1, 4), (1, 0)];
        assert_eq!(places, want.map(Some));
        assert_eq!(content.find("Two", None, Way::Next), Some(Hit { row: 0, range: 4..7 }));
        assert_eq!(
            content.find("Two", Some(&Hit { row: 0, range: 4..7 }), Way::Next),
            Some(Hit { row: 0, range: 4..7 })
        );
        assert_eq!(content.find("nowhere", None, Way::Next), None);
        assert_eq!(content.find("", None, Way::Next), None);
        assert_eq!(content.find("one", None, Way::Previous), Some(Hit { row: 0, range: 0..3 }));
        // Found in what is shown, so an escape can be looked for.
        let hostile = Content::new(b"a\x1b[m".to_vec(), true, 4);
        assert_eq!(hostile.find("\\x1b", None, Way::Next), Some(Hit { row: 0, range: 1..5 }));
    }

    #[test]
    fn bytes_are_found_as_text_and_as_digits() {
        let mut bytes = vec![0; 100];
        bytes[20..24].copy_from_slice(b"\x7fELF");
        bytes[30..33].copy_from_slice(b"elf");
        let content = Content::new(bytes, true, 4);
        let next = |wanted: &str, from: Option<&Hit>| content.find(wanted, from, Way::Next);
        // Byte 20 is the fifth of the second row.
        let first = Hit { row: 1, range: 22..33 };
        assert_eq!(next("7f 45 4c 46", None), Some(first.clone()));
        assert_eq!(next("0x7f454c46", None), Some(first));
        let elf = next("elf", None);
        assert_eq!(elf, Some(Hit { row: 1, range: 25..33 }));
        // The next one goes on into the next row: its part of the first row is marked.
        let second = next("elf", elf.as_ref());
        assert_eq!(second.as_ref().map(|hit| hit.row), Some(1));
        assert_eq!(content.row(1).get(second.map_or(0..0, |hit| hit.range)), Some("65 6c"));
        assert_eq!(content.find("elf", None, Way::Previous).map(|hit| hit.range.start), Some(hex_column(14)));
        assert_eq!(next("7f", None), None, "a single pair is text");
    }

    #[test]
    fn both_views_show_the_same_place() {
        let mut content = Content::new("0123456789abcde\n".repeat(100).into_bytes(), true, 4);
        assert_eq!(content.row_in_other_view(40), 40);
        content.hex = true;
        assert_eq!((content.rows(), content.row_in_other_view(7)), (100, 7));
        assert_eq!(content.bytes().len(), 1600);
    }
}
