use std::fmt::Write as _;

/// A name from an image, made harmless: bytes that are not UTF-8, control characters and `\` are written `\xHH` (lower
/// case), and so are the invisible and bidirectional format characters that make text look like other text.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter == '\\' || letter.is_control() || is_deceptive(letter) {
                let mut utf8 = [0; 4];
                for byte in letter.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            } else {
                text.push(letter);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Text from an image that people read (an instruction, a label): as [`shown`], but `\` stays, since it is common there
/// and nobody reads it back.
pub fn shown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hostile(letter) {
            out.push_str(&shown(letter.encode_utf8(&mut [0; 4]).as_bytes()));
        } else {
            out.push(letter);
        }
    }
    out
}

/// The same for a text of several lines, which stay.
pub fn shown_lines(text: &str) -> String {
    text.split('\n').map(|line| shown_text(&line.replace('\t', "    "))).collect::<Vec<_>>().join("\n")
}

/// What a terminal would obey, or a reader would not see.
pub fn is_hostile(letter: char) -> bool {
    letter.is_control() || is_deceptive(letter)
}

/// Unicode's bidirectional controls, zero-width characters, line separators and the byte order mark.
fn is_deceptive(letter: char) -> bool {
    matches!(letter,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text of at most `width` characters: what is longer is cut at the end and closed with `…`.
pub fn cut_end(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_harmless() {
        for (name, want) in [
            (&b"plain name"[..], "plain name"),
            ("größe".as_bytes(), "größe"),
            (b"\x1b[31mred", "\\x1b[31mred"),
            (b"a\nb\\c", "a\\x0ab\\x5cc"),
            (b"caf\xe9", "caf\\xe9"),
            ("\u{202e}txt".as_bytes(), "\\xe2\\x80\\xaetxt"),
            ("\u{9b}31m".as_bytes(), "\\xc2\\x9b31m"),
        ] {
            assert_eq!(shown(name), want);
        }
        assert_eq!(shown_text("RUN a \\\n\x1b"), "RUN a \\\\x0a\\x1b");
    }
}
