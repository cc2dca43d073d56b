//! Reads a Dockerfile into stages and instructions, each with the bytes that it takes up in the file.
//!
//! Follows the Dockerfile reference: parser directives, continuation lines (comments and empty lines do not end one), here-documents
//! of `RUN`, `COPY` and `ADD`, flags, exec form.

use std::ops::Range;

use thiserror::Error;

/// The keywords of the Dockerfile reference.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Why a text is not a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct DockerfileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// A flag of an instruction: `--chown=1:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// What follows the `=`.
    pub value: Option<String>,
    /// Where it is in the file.
    pub span: Range<usize>,
}

/// A here-document of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub delimiter: String,
    /// Where its lines are in the file, without the line of the delimiter.
    pub body: Range<usize>,
    /// Leading tabs are taken away.
    pub tabs: bool,
}

/// Text of a file with its continuation lines joined and comments taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    /// The text.
    pub text: String,
    /// By byte of the text, and for its end: the byte of the file.
    origins: Vec<usize>,
}

impl Joined {
    /// Where a range of the text is in the file. What is taken out in between is part of it.
    pub fn in_file(&self, range: &Range<usize>) -> Range<usize> {
        let at = |index: usize| self.origins.get(index).copied().unwrap_or_default();
        let end = if range.end > range.start { at(range.end - 1) + 1 } else { at(range.start) };
        at(range.start)..end
    }

    fn push(&mut self, text: &str, from: usize) {
        self.text.push_str(text);
        self.origins.extend(from..from + text.len());
    }

    fn finish(&mut self, end: usize) {
        self.origins.push(end);
    }

    /// A part of it.
    fn slice(&self, range: Range<usize>) -> Self {
        let mut origins = self.origins[range.clone()].to_vec();
        origins.push(self.origins.get(range.end).copied().unwrap_or_default());
        Self { text: self.text[range].to_owned(), origins }
    }

    /// A text that is in the file as it is.
    pub(super) fn plain(text: &str, from: usize) -> Self {
        let mut joined = Self::default();
        joined.push(text, from);
        joined.finish(from + text.len());
        joined
    }
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// In capitals.
    pub keyword: String,
    /// Its flags, in their order.
    pub flags: Vec<Flag>,
    /// What follows the flags.
    pub arguments: Joined,
    /// Its here-documents.
    pub heredocs: Vec<Heredoc>,
    /// From its keyword to its last byte; the line end is not part of it.
    pub span: Range<usize>,
    /// Where the keyword ends.
    pub keyword_end: usize,
    /// The first line, from 1.
    pub line: usize,
    /// The last line.
    pub end_line: usize,
}

impl Instruction {
    /// The last value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|flag| flag.name == name)?.value.as_deref()
    }

    /// The words of the exec form: a JSON list of texts.
    pub fn exec_form(&self) -> Option<Vec<String>> {
        let text = self.arguments.text.trim();
        text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
    }
}

/// What the parser directives at the top say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directives {
    pub(super) escape: char,
    /// The value of `# syntax=`.
    pub(super) syntax: Option<String>,
}

/// The directives are the comments before everything else; the first line that is anything else ends them.
pub(super) fn directives(text: &str) -> Directives {
    let mut found = Directives { escape: '\\', syntax: None };
    for line in text.trim_start_matches('\u{feff}').lines() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else { break };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" if value.trim() == "`" => found.escape = '`',
            "syntax" => found.syntax = Some(value.trim().to_owned()),
            "escape" | "check" => {}
            _ => break,
        }
    }
    found
}

/// A line of the file without its line end.
struct Line<'t> {
    text: &'t str,
    start: usize,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|whole| {
            let line = Line { text: whole.trim_end_matches('\n').trim_end_matches('\r'), start };
            start += whole.len();
            line
        })
        .collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// All instructions in their order, `FROM` among them.
///
/// # Errors
/// At a keyword that the reference does not have, a here-document without an end, a first instruction that is not `FROM` or `ARG`,
/// and for a text without a stage.
pub(super) fn instructions(text: &str) -> Result<Vec<Instruction>, DockerfileError> {
    let escape = directives(text).escape;
    let lines = lines(text);
    let mut all: Vec<Instruction> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let first = &lines[at];
        let content = first.text.trim_start_matches('\u{feff}');
        if content.trim().is_empty() || is_comment(content) {
            at += 1;
            continue;
        }
        let line = at;
        let (whole, last) = join(&lines, at, escape);
        let (instruction, end) = one(text, &lines, &whole, line, last)?;
        let is_first = !all.iter().any(|other| other.keyword == "FROM");
        if is_first && !matches!(instruction.keyword.as_str(), "FROM" | "ARG") {
            let problem = format!("{} stands before the first FROM", instruction.keyword);
            return Err(DockerfileError { line: line + 1, problem });
        }
        all.push(instruction);
        at = end + 1;
    }
    if !all.iter().any(|instruction| instruction.keyword == "FROM") {
        return Err(DockerfileError { line: 1, problem: "there is no FROM".to_owned() });
    }
    Ok(all)
}

/// Joins the lines of an instruction; returns the text and its last line.
fn join(lines: &[Line<'_>], first: usize, escape: char) -> (Joined, usize) {
    let mut joined = Joined::default();
    let mut at = first;
    loop {
        let Line { text, start } = &lines[at];
        let shift = if at == first { text.len() - text.trim_start_matches(['\u{feff}', ' ', '\t']).len() } else { 0 };
        let content = &text[shift..];
        let trimmed = content.trim_end();
        let Some(open) = trimmed.strip_suffix(escape) else {
            joined.push(trimmed, start + shift);
            joined.finish(start + shift + trimmed.len());
            return (joined, at);
        };
        joined.push(open, start + shift);
        // Comments and empty lines do not end an instruction.
        let next =
            (at + 1..lines.len()).find(|next| !lines[*next].text.trim().is_empty() && !is_comment(lines[*next].text));
        match next {
            Some(next) => at = next,
            None => {
                joined.finish(start + shift + open.len());
                return (joined, at);
            }
        }
    }
}

fn one(
    text: &str,
    lines: &[Line<'_>],
    whole: &Joined,
    line: usize,
    last: usize,
) -> Result<(Instruction, usize), DockerfileError> {
    let word = whole.text.split_whitespace().next().unwrap_or_default();
    let keyword = word.to_ascii_uppercase();
    if !KEYWORDS.contains(&keyword.as_str()) {
        let problem = format!("`{}` is not a Dockerfile instruction", crate::bytes::shown(word.as_bytes()));
        return Err(DockerfileError { line: line + 1, problem });
    }
    let mut rest = word.len();
    let blank = |rest: usize| whole.text[rest..].len() - whole.text[rest..].trim_start().len();
    let mut flags = Vec::new();
    rest += blank(rest);
    let takes_flags = matches!(keyword.as_str(), "RUN" | "COPY" | "ADD" | "FROM" | "HEALTHCHECK");
    while takes_flags && whole.text[rest..].starts_with("--") {
        let flag = whole.text[rest..].split_whitespace().next().unwrap_or_default();
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
        let span = whole.in_file(&(rest..rest + flag.len()));
        flags.push(Flag { name: name.trim_start_matches('-').to_owned(), value, span });
        rest += flag.len();
        rest += blank(rest);
    }
    let end = whole.text.trim_end().len().max(rest);
    let arguments = whole.slice(rest..end);
    let start = whole.in_file(&(0..word.len()));
    let mut span = start.start..whole.in_file(&(0..whole.text.len())).end;
    let mut end_line = last;
    let mut heredocs = Vec::new();
    let onbuild = keyword == "ONBUILD";
    if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") || onbuild {
        for (delimiter, tabs) in heredoc_words(&arguments.text) {
            let first = end_line + 1;
            let is_end = |line: &Line<'_>| {
                let own = if tabs { line.text.trim_start_matches('\t') } else { line.text };
                own == delimiter
            };
            let Some(found) = (first..lines.len()).find(|at| is_end(&lines[*at])) else {
                let problem = format!("the here-document has no line `{delimiter}` that ends it");
                return Err(DockerfileError { line: line + 1, problem });
            };
            heredocs.push(Heredoc { delimiter, body: lines[first].start..lines[found].start, tabs });
            end_line = found;
            span.end = lines[found].start + lines[found].text.len();
        }
    }
    debug_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
    let instruction = Instruction {
        keyword,
        flags,
        arguments,
        heredocs,
        span,
        keyword_end: start.end,
        line: line + 1,
        end_line: end_line + 1,
    };
    Ok((instruction, end_line))
}

/// The words that end here-documents, and whether tabs before their lines are taken away: whole words `<<WORD`, `<<-"WORD"`, a
/// number before them or not.
fn heredoc_words(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for word in raw_words(text) {
        let Some(rest) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else { continue };
        let (tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let name = rest.trim_matches(['"', '\'']);
        if !name.is_empty() && !name.contains(['<', '"', '\'', '$', '(', ')']) {
            found.push((name.to_owned(), tabs));
        }
    }
    found
}

/// Words between blanks; quoted blanks are part of a word, and so are the quotes.
pub(super) fn raw_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote, mut escaped) = (None, None, false);
    for (at, c) in text.char_indices() {
        let blank = c.is_whitespace() && quote.is_none() && !escaped;
        match (blank, start) {
            (true, Some(from)) => {
                words.push(&text[from..at]);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', None | Some('"')) => escaped = true,
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    words.extend(start.map(|from| &text[from..]));
    words
}
