//! Shell scripts of `RUN`: the commands at the top, how they are joined, and every simple command below them.
//!
//! The grammar is brush-parser's. It does not say where redirections end, so the bytes of the commands at the top come from its
//! tokens, and the two have to agree on their number.

use std::ops::Range;

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList, IoFileRedirectTarget,
    IoRedirect, Pipeline, Program, SimpleCommand,
};
use brush_parser::word::{WordPiece, WordPieceWithSource};
use brush_parser::{ParserOptions, SourceInfo, Token};

/// Scripts that are longer, or open more brackets, are not read: nobody writes them by hand.
const MAX_BYTES: usize = 64 * 1024;
const MAX_BRACKETS: usize = 200;

/// How a command at the top follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// It is the first.
    First,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;` or a line end.
    Next,
    /// `&`: the one before runs on.
    Background,
}

/// A command at the top of a script: a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// How it follows the one before.
    pub joint: Joint,
    /// Its bytes in the script.
    pub span: Range<usize>,
    /// Its simple commands, those of substitutions, loops and functions among them.
    pub commands: Vec<Simple>,
    /// It is one simple command and nothing else: no pipe, redirection or assignment.
    pub is_plain: bool,
}

impl Segment {
    /// Whether it is a subshell of its own; `script` is the text that it is part of.
    pub fn is_subshell(&self, script: &str) -> bool {
        script[self.span.clone()].starts_with('(')
    }
}

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simple {
    /// The name and its arguments.
    pub words: Vec<Word>,
    /// Variables that are set before the name.
    pub assigns: Vec<String>,
    /// Files that are redirected from or to.
    pub redirects: Vec<Word>,
}

impl Simple {
    /// The name without its folder; empty when it is not literal.
    pub fn name(&self) -> &str {
        let first = self.words.first().and_then(|word| word.literal.as_deref()).unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default()
    }

    /// The arguments.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Whether an option is given, as a letter (`-rf` has `f`) or as the whole word `long`.
    pub fn has_option(&self, letter: char, long: &str) -> bool {
        let short = |text: &str| text.starts_with('-') && !text.starts_with("--") && text.contains(letter);
        self.arguments().iter().any(|word| short(&word.text) || word.text == long)
    }
}

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// As it is written.
    pub text: String,
    /// What the command gets; None where a variable, a substitution or a pattern decides.
    pub literal: Option<String>,
    /// The literal with patterns (`*`, `?`, `[…]`) and variables (`$NAME`) as they are; None for substitutions.
    pub pattern: Option<String>,
}

/// The tokens of a text, and the program that they make.
fn parsed(text: &str) -> Option<(Vec<Token>, Program)> {
    let options = ParserOptions::default();
    let tokens = brush_parser::uncached_tokenize_str(text, &options.tokenizer_options()).ok()?;
    let program = brush_parser::parse_tokens(&tokens, &options, &SourceInfo::default()).ok()?;
    Some((tokens, program))
}

/// A script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands at the top; empty for a script that does nothing.
    pub segments: Vec<Segment>,
}

impl Script {
    /// Reads a script; None for one that can't be read for sure.
    pub fn parse(text: &str) -> Option<Self> {
        let brackets = text.bytes().filter(|byte| b"({`".contains(byte)).count();
        if text.len() > MAX_BYTES || brackets > MAX_BRACKETS || text.contains("((((") {
            return None;
        }
        let (tokens, program) = parsed(text)?;
        let mut segments = spans(text, &tokens)?;
        let mut found = Vec::new();
        for list in &program.complete_commands {
            top_of(list, &mut found);
        }
        if found.len() != segments.len() {
            return None;
        }
        for (segment, pipeline) in segments.iter_mut().zip(found) {
            collect_pipeline(pipeline, &mut segment.commands, 0);
            segment.is_plain =
                matches!(&pipeline.seq[..], [Command::Simple(simple)] if !pipeline.bang && is_plain(simple));
        }
        Some(Self { segments })
    }

    /// Reads the commands of a script without their places in it: it has one segment, whose span is empty.
    pub(crate) fn parse_commands(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES || text.contains(['(', '`']) {
            return None;
        }
        let (_, program) = parsed(text)?;
        let mut commands = Vec::new();
        program.complete_commands.iter().for_each(|list| collect_list(list, &mut commands, 0));
        Some(Self { segments: vec![Segment { joint: Joint::First, span: 0..0, commands, is_plain: false }] })
    }

    /// All simple commands.
    pub fn commands(&self) -> impl Iterator<Item = &Simple> {
        self.segments.iter().flat_map(|segment| &segment.commands)
    }

    /// Whether all commands at the top are joined by `&&`.
    pub fn is_chain(&self) -> bool {
        self.segments.iter().all(|segment| matches!(segment.joint, Joint::First | Joint::And))
    }

    /// Whether a simple command of that name is called anywhere.
    pub fn calls(&self, name: &str) -> bool {
        self.commands().any(|command| command.name() == name)
    }
}

fn is_plain(simple: &SimpleCommand) -> bool {
    simple.prefix.is_none()
        && simple.word_or_name.is_some()
        && simple.suffix.iter().flat_map(|suffix| &suffix.0).all(|item| {
            matches!(item, CommandPrefixOrSuffixItem::Word(_) | CommandPrefixOrSuffixItem::AssignmentWord(..))
        })
}

fn top_of<'p>(list: &'p CompoundList, out: &mut Vec<&'p Pipeline>) {
    for item in &list.0 {
        out.push(&item.0.first);
        out.extend(item.0.additional.iter().map(|more| match more {
            AndOr::And(pipeline) | AndOr::Or(pipeline) => pipeline,
        }));
    }
}

/// The commands at the top by their tokens: brackets and `if … fi`, `do … done`, `case … esac` are one.
fn spans(text: &str, tokens: &[Token]) -> Option<Vec<Segment>> {
    // Tokens are placed by characters.
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut segments: Vec<Segment> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut joint = Joint::First;
    let mut current: Option<Range<usize>> = None;
    let mut begins = true;
    for token in tokens {
        let location = token.location();
        let (start, end) = (*bytes.get(location.start.index)?, *bytes.get(location.end.index)?);
        let word = token.to_str();
        let is_operator = matches!(token, Token::Operator(..));
        if is_operator && open.is_empty() {
            let next = match word {
                "&&" => Some(Joint::And),
                "||" => Some(Joint::Or),
                ";" | "\n" => Some(Joint::Next),
                "&" => Some(Joint::Background),
                _ => None,
            };
            if let Some(next) = next {
                match current.take() {
                    Some(span) => {
                        segments.push(Segment { joint, span, commands: Vec::new(), is_plain: false });
                        joint = next;
                    }
                    // Line ends may follow any of them.
                    None if word == "\n" => {}
                    None => return None,
                }
                begins = true;
                continue;
            }
        }
        current = Some(current.map_or(start, |span| span.start)..end);
        match word {
            "(" if is_operator => open.push("("),
            // Patterns of a `case` are closed by a bracket that nothing opened.
            ")" if is_operator && open.last() == Some(&"(") => drop(open.pop()),
            "if" | "case" | "{" if begins && !is_operator => open.push(word),
            "for" | "while" | "until" | "select" if begins && !is_operator => open.push("do"),
            "fi" | "esac" | "}" | "done" if begins && !is_operator => {
                let opened = match word {
                    "fi" => "if",
                    "esac" => "case",
                    "}" => "{",
                    _ => "do",
                };
                if open.pop() != Some(opened) {
                    return None;
                }
            }
            _ => {}
        }
        begins = if is_operator {
            matches!(word, "&&" | "||" | ";" | "\n" | "&" | "|" | "(" | ")" | ";;" | "|&")
        } else {
            begins && matches!(word, "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "{" | "!" | "time")
                || open.last() == Some(&"case") && word == "in"
        };
    }
    if !open.is_empty() {
        return None;
    }
    if let Some(span) = current {
        segments.push(Segment { joint, span, commands: Vec::new(), is_plain: false });
    } else if joint == Joint::Background {
        // The last one runs on.
        segments.push(Segment { joint, span: text.len()..text.len(), commands: Vec::new(), is_plain: false });
    }
    Some(segments)
}

/// Nested scripts are followed so deep.
const MAX_DEPTH: usize = 8;

fn collect_list(list: &CompoundList, out: &mut Vec<Simple>, depth: usize) {
    for item in &list.0 {
        collect_and_or(&item.0, out, depth);
    }
}

fn collect_and_or(list: &AndOrList, out: &mut Vec<Simple>, depth: usize) {
    collect_pipeline(&list.first, out, depth);
    for more in &list.additional {
        let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = more;
        collect_pipeline(pipeline, out, depth);
    }
}

fn collect_pipeline(pipeline: &Pipeline, out: &mut Vec<Simple>, depth: usize) {
    for command in &pipeline.seq {
        match command {
            Command::Simple(simple) => collect_simple(simple, out, depth),
            Command::Compound(compound, redirects) => {
                collect_compound(compound, out, depth);
                let mut holder = Simple::default();
                for redirect in redirects.iter().flat_map(|list| &list.0) {
                    collect_redirect(redirect, &mut holder, out, depth);
                }
                if !holder.redirects.is_empty() {
                    out.push(holder);
                }
            }
            Command::Function(function) => collect_compound(&function.body.0, out, depth),
            // `[[ … ]]` reads what it names; its words are not taken apart.
            Command::ExtendedTest(test) => {
                let text = test.to_string();
                let words = ["[[", &text].map(|text| Word { text: text.to_owned(), ..Word::default() });
                out.push(Simple { words: words.to_vec(), ..Simple::default() });
            }
        }
    }
}

fn collect_compound(compound: &CompoundCommand, out: &mut Vec<Simple>, depth: usize) {
    match compound {
        CompoundCommand::BraceGroup(group) => collect_list(&group.list, out, depth),
        CompoundCommand::Subshell(group) => collect_list(&group.list, out, depth),
        CompoundCommand::ForClause(each) => {
            let words = each.values.iter().flatten().map(|value| word(&value.value, out, depth)).collect();
            let name = Word { text: "for".to_owned(), ..Word::default() };
            out.push(Simple { words: [vec![name], words].concat(), ..Simple::default() });
            collect_list(&each.body.list, out, depth);
        }
        CompoundCommand::ArithmeticForClause(each) => collect_list(&each.body.list, out, depth),
        CompoundCommand::CaseClause(case) => {
            let value = word(&case.value.value, out, depth);
            out.push(Simple {
                words: vec![Word { text: "case".to_owned(), ..Word::default() }, value],
                ..Simple::default()
            });
            for body in case.cases.iter().filter_map(|case| case.cmd.as_ref()) {
                collect_list(body, out, depth);
            }
        }
        CompoundCommand::IfClause(clause) => {
            collect_list(&clause.condition, out, depth);
            collect_list(&clause.then, out, depth);
            for other in clause.elses.iter().flatten() {
                if let Some(condition) = &other.condition {
                    collect_list(condition, out, depth);
                }
                collect_list(&other.body, out, depth);
            }
        }
        CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
            collect_list(&clause.0, out, depth);
            collect_list(&clause.1.list, out, depth);
        }
        CompoundCommand::Arithmetic(_) => {}
    }
}

fn collect_simple(simple: &SimpleCommand, out: &mut Vec<Simple>, depth: usize) {
    let mut found = Simple::default();
    let mut nested = Vec::new();
    let mut item = |item: &CommandPrefixOrSuffixItem, found: &mut Simple, is_prefix: bool| match item {
        CommandPrefixOrSuffixItem::IoRedirect(redirect) => collect_redirect(redirect, found, &mut nested, depth),
        CommandPrefixOrSuffixItem::Word(text) => found.words.push(word(&text.value, &mut nested, depth)),
        CommandPrefixOrSuffixItem::AssignmentWord(_, text) if is_prefix => {
            let name = text.value.split('=').next().unwrap_or_default().trim_end_matches('+').to_owned();
            found.assigns.push(name);
            word(&text.value, &mut nested, depth);
        }
        CommandPrefixOrSuffixItem::AssignmentWord(_, text) => found.words.push(word(&text.value, &mut nested, depth)),
        CommandPrefixOrSuffixItem::ProcessSubstitution(_, list) => collect_list(&list.list, &mut nested, depth),
    };
    for prefix in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
        item(prefix, &mut found, true);
    }
    if let Some(name) = &simple.word_or_name {
        item(&CommandPrefixOrSuffixItem::Word(name.clone()), &mut found, false);
    }
    for suffix in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
        item(suffix, &mut found, false);
    }
    out.push(found);
    out.append(&mut nested);
}

fn collect_redirect(redirect: &IoRedirect, found: &mut Simple, nested: &mut Vec<Simple>, depth: usize) {
    match redirect {
        IoRedirect::File(_, _, IoFileRedirectTarget::Filename(text)) | IoRedirect::OutputAndError(text, _) => {
            let text = word(&text.value, nested, depth);
            found.redirects.push(text);
        }
        IoRedirect::File(_, _, IoFileRedirectTarget::ProcessSubstitution(_, list)) => {
            collect_list(&list.list, nested, depth);
        }
        // A script on standard input may name anything.
        IoRedirect::HereDocument(_, document) => {
            found.redirects.push(Word { text: document.doc.value.clone(), ..Word::default() });
        }
        IoRedirect::HereString(_, text) => {
            let text = word(&text.value, nested, depth);
            found.redirects.push(text);
        }
        IoRedirect::File(..) => {}
    }
}

/// A word; what its substitutions run goes to `nested`.
fn word(text: &str, nested: &mut Vec<Simple>, depth: usize) -> Word {
    let mut literal = Some(String::new());
    let mut pattern = Some(String::new());
    match brush_parser::word::parse(text, &ParserOptions::default()) {
        Ok(pieces) => {
            for piece in &pieces {
                read_piece(piece, text, false, &mut literal, &mut pattern, nested, depth);
            }
        }
        Err(_) => (literal, pattern) = (None, None),
    }
    Word { text: text.to_owned(), literal, pattern }
}

fn read_piece(
    piece: &WordPieceWithSource,
    source: &str,
    quoted: bool,
    literal: &mut Option<String>,
    pattern: &mut Option<String>,
    nested: &mut Vec<Simple>,
    depth: usize,
) {
    let push = |to: &mut Option<String>, text: &str| {
        if let Some(to) = to {
            to.push_str(text);
        }
    };
    match &piece.piece {
        WordPiece::Text(text) => {
            push(pattern, text);
            if !quoted && text.contains(['*', '?', '[', '{']) {
                *literal = None;
            }
            push(literal, text);
        }
        WordPiece::SingleQuotedText(text) | WordPiece::AnsiCQuotedText(text) => {
            push(pattern, text);
            push(literal, text);
        }
        WordPiece::EscapeSequence(text) => {
            let text = text.strip_prefix('\\').unwrap_or(text);
            push(pattern, text);
            push(literal, text);
        }
        WordPiece::TildePrefix(text) => {
            push(pattern, "~");
            push(pattern, text);
            *literal = None;
        }
        WordPiece::DoubleQuotedSequence(pieces) | WordPiece::GettextDoubleQuotedSequence(pieces) => {
            for piece in pieces {
                read_piece(piece, source, true, literal, pattern, nested, depth);
            }
        }
        WordPiece::ParameterExpansion(_) | WordPiece::ArithmeticExpression(_) => {
            *literal = None;
            let text = source.get(piece.start_index..piece.end_index).unwrap_or("$");
            push(pattern, text);
        }
        WordPiece::CommandSubstitution(script) | WordPiece::BackquotedCommandSubstitution(script) => {
            (*literal, *pattern) = (None, None);
            if let Some(inner) = Script::parse(script).filter(|_| depth < MAX_DEPTH) {
                nested.extend(inner.segments.into_iter().flat_map(|segment| segment.commands));
            } else {
                nested.push(Simple {
                    words: vec![Word { text: script.clone(), ..Word::default() }],
                    ..Simple::default()
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        let script = Script::parse(text).unwrap_or_else(|| panic!("{text} can be read"));
        script.segments.iter().map(|segment| &text[segment.span.clone()]).collect()
    }

    #[test]
    fn the_top_of_a_script_is_its_commands_with_their_redirections() {
        for (text, want) in [
            ("a && b>x 2>&1 || c ; d", &["a", "b>x 2>&1", "c", "d"][..]),
            ("if a; then b; fi && c", &["if a; then b; fi", "c"]),
            ("for x in a b; do echo $x && y; done; z", &["for x in a b; do echo $x && y; done", "z"]),
            ("case $x in a) b;; *) c;; esac && d", &["case $x in a) b;; *) c;; esac", "d"]),
            ("(a; b) && { c; d; } | e", &["(a; b)", "{ c; d; } | e"]),
            ("A=1 b c; d # e", &["A=1 b c", "d"]),
            (
                "curl -fsSL \"https://x/$(uname -m)&&y\" | tar xz -C /opt && rm -rf /tmp/*",
                &["curl -fsSL \"https://x/$(uname -m)&&y\" | tar xz -C /opt", "rm -rf /tmp/*"],
            ),
            ("echo 'ä;ö' && b", &["echo 'ä;ö'", "b"]),
            ("set -ex; a\nb &&\nc\n", &["set -ex", "a", "b", "c"]),
            ("", &[]),
        ] {
            assert_eq!(parts(text), want, "{text}");
        }
    }

    #[test]
    fn every_simple_command_is_found() {
        let script =
            Script::parse("if ! a $(b c); then d | e `f`; fi && g > /tmp/h && (cd x && i)").unwrap_or_default();
        let names: Vec<&str> = script.commands().map(Simple::name).collect();
        assert_eq!(names, ["a", "b", "d", "e", "f", "g", "cd", "i"]);
        assert_eq!(script.commands().nth(5).map(|command| command.redirects[0].text.as_str()), Some("/tmp/h"));
    }

    #[test]
    fn what_a_command_gets_is_literal_or_not() {
        let script = Script::parse(r#"rm "a b" 'c'd /e/* $F "$G"/h ~/i j\ k"#).unwrap_or_default();
        let literals: Vec<Option<&str>> =
            script.segments[0].commands[0].arguments().iter().map(|word| word.literal.as_deref()).collect();
        assert_eq!(literals, [Some("a b"), Some("cd"), None, None, None, None, Some("j k")]);
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        for text in ["if a", "a &&", "'", "$(", "for", "((((((((a", &"(".repeat(500), "a && && b"] {
            assert_eq!(Script::parse(text), None, "{text}");
        }
    }
}
