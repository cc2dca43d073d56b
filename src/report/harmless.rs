use std::io::{self, Write};

use crate::bytes::is_hostile;

/// Takes JSON piece by piece from a writer of it, and escapes what a terminal would obey or hide beyond ASCII (C1 controls,
/// bidirectional and invisible characters) and DEL, which JSON may have as they are. Programs read the same texts.
pub(super) struct Harmless<W>(pub(super) W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is handed over is whole pieces of text.
        let text = if bytes.is_ascii() && !bytes.contains(&0x7f) { None } else { std::str::from_utf8(bytes).ok() };
        let mut passed = 0;
        for (at, letter) in text.into_iter().flat_map(str::char_indices) {
            // Line ends between values are not text; in texts they are escaped already.
            if letter < '\u{7f}' || !is_hostile(letter) {
                continue;
            }
            self.0.write_all(&bytes[passed..at])?;
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            passed = at + letter.len_utf8();
        }
        self.0.write_all(&bytes[passed..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_shows_harmlessly_and_reads_the_same() {
        let value = serde_json::json!({"a\u{9b}31m": ["größe\u{202e}\n", "\u{7f}\u{e0001}", "日本"]});
        for pretty in [false, true] {
            let mut out = Harmless(Vec::new());
            let written = if pretty {
                serde_json::to_writer_pretty(&mut out, &value)
            } else {
                serde_json::to_writer(&mut out, &value)
            };
            assert!(written.is_ok());
            let text = String::from_utf8_lossy(&out.0).into_owned();
            assert!(
                text.contains("größe\\u202e\\n") && text.contains("a\\u009b31m") && text.contains("日本"),
                "{text}"
            );
            assert!(text.contains("\\u007f\\udb40\\udc01"), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value.clone()));
        }
    }
}
