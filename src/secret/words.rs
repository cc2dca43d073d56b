//! The words of an instruction, with their places: enough of the shell's grammar to tell a flag from its value.

use std::ops::Range;

/// A word, with its place in the text.
#[derive(Debug)]
pub(super) struct Word<'t> {
    /// As it is written, quotes among it.
    pub(super) raw: &'t str,
    /// Byte offset of `raw` in the whole text.
    pub(super) start: usize,
    /// Without quotes.
    pub(super) text: String,
}

/// Words up to `&&`, `||`, `;`, `|` or the end.
#[derive(Debug, Default)]
pub(super) struct Command<'t> {
    pub(super) words: Vec<Word<'t>>,
    /// Its input is the output of the command before it.
    pub(super) piped: bool,
}

impl Word<'_> {
    /// The name of the program, if the word is one: without directories.
    pub(super) fn program(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The place of the word without its quotes.
    pub(super) fn inner(&self) -> Range<usize> {
        self.tail(0)
    }

    /// The place of what follows the first `skip` bytes of the word.
    pub(super) fn tail(&self, skip: usize) -> Range<usize> {
        let opening = self.raw.len() - self.raw.trim_start_matches(['"', '\'', '\\']).len();
        let from = (opening + skip).min(self.raw.len());
        let from = (from..=self.raw.len()).find(|at| self.raw.is_char_boundary(*at)).unwrap_or(self.raw.len());
        let rest = &self.raw[from..];
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        let trimmed = rest.trim_start_matches(['"', '\'', '\\']);
        let start = self.start + self.raw.len() - trimmed.len();
        start..start + trimmed.trim_end_matches(['"', '\'', '\\']).len()
    }

    /// The place of what follows the first `=`.
    pub(super) fn after_equals(&self) -> Range<usize> {
        let opening = self.raw.len() - self.raw.trim_start_matches(['"', '\'', '\\']).len();
        self.tail(self.raw.find('=').map_or(0, |at| at - opening.min(at)))
    }

    /// The place of a password, of which `pass:` is not a part.
    pub(super) fn password(&self) -> Range<usize> {
        let inner = self.inner();
        let skip = if self.text.starts_with("pass:") { "pass:".len() } else { 0 };
        inner.start + skip..inner.end
    }

    /// Whether the word is a redirection.
    pub(super) fn redirect(&self) -> Option<()> {
        self.raw.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['>', '<']).then_some(())
    }

    /// What is within its quotes, if that is more than one word: the text of `sh -c "…"`.
    pub(super) fn nested(&self) -> Option<Range<usize>> {
        let inner = self.inner();
        let quoted = self.raw.contains(['"', '\'']);
        (quoted && self.text.contains(char::is_whitespace) && inner.len() < self.raw.len()).then_some(inner)
    }
}

/// Cuts `text` into commands. `offset` is its place in the whole text.
pub(super) fn commands(text: &str, offset: usize) -> Vec<Command<'_>> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let mut command = Command::default();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'&' | b'|' | b';' | b'\n' | b'(' | b')' | b'`' | b'{' | b'}' => {
                let end = (at..bytes.len()).find(|next| bytes[*next] != bytes[at]).unwrap_or(bytes.len());
                let piped = bytes[at] == b'|' && end - at == 1;
                if !command.words.is_empty() {
                    all.push(std::mem::take(&mut command));
                }
                command.piped = piped;
                at = end;
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            // Lists of the exec form.
            b'[' | b']' | b',' => at += 1,
            _ => {
                let end = word_end(bytes, at);
                let raw = &text[at..end];
                command.words.push(Word { raw, start: offset + at, text: unquoted(raw) });
                at = end;
            }
        }
    }
    if !command.words.is_empty() {
        all.push(command);
    }
    all
}

/// Where the word that begins at `from` ends.
fn word_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    let mut quote = None;
    // A word of a list, `"a",`, ends with its quote.
    let whole = matches!(bytes[from], b'"' | b'\'').then(|| bytes[from]);
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(b'\'') if byte == b'\'' => quote = None,
            Some(b'"') if byte == b'"' => quote = None,
            Some(b'"') | None if byte == b'\\' => at += 1,
            Some(_) => {}
            None => match byte {
                b'"' | b'\'' => quote = Some(byte),
                b',' | b']' if at > from && whole.is_some() && bytes[at - 1] == bytes[from] => return at,
                b'&' | b'|' | b';' | b'\n' | b'(' | b')' | b'`' => return at,
                _ if byte.is_ascii_whitespace() => return at,
                // `${A}` is part of a word, `}` after it ends a group.
                b'}' if !bytes[from..at].contains(&b'{') => return at,
                _ => {}
            },
        }
        at += 1;
    }
    bytes.len().min(at)
}

fn unquoted(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut quote = None;
    let mut chars = raw.chars();
    while let Some(letter) = chars.next() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if letter == open => quote = None,
            (None | Some('"'), '\\') => text.extend(chars.next()),
            _ => text.push(letter),
        }
    }
    text
}
