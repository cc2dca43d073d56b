//! What the parts of a text are: comments, keywords, strings. Only meanings; the theme has the colours.
//!
//! The grammars are those of Sublime Text, as `bat` collects them (crates syntect and two-face). They are loaded when the
//! first file is looked at and not before.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Nothing in particular.
    Plain,
    Comment,
    /// `if`, `fn`, `FROM`.
    Keyword,
    /// What stands in quotes, and the quotes.
    Text,
    /// Numbers, `true`, `null`.
    Number,
    /// What is defined or called, keys, tags, headings.
    Name,
    /// `$PATH` and the like.
    Variable,
    /// Brackets, commas, operators.
    Punctuation,
    /// A line that a patch adds.
    Added,
    /// A line that a patch removes.
    Removed,
}

/// A part of a line, in bytes of the line.
pub(super) type Span = (Kind, Range<usize>);

/// Bytes of a line that are looked at; longer ones are mostly data, and grammars take long for them.
const MAX_LINE: usize = 2_000;
/// Bytes of a text that are looked at.
const MAX_TEXT: usize = 1 << 20;
/// Time that is spent on a text; what was not reached by then stays plain.
const MAX_TIME: Duration = Duration::from_secs(2);

/// The lines of `text` in spans that cover them, without their line ends. `name` is the file's name or path. What is not
/// known is plain, and so is what would take too long: this never fails.
pub(super) fn highlight(name: &str, text: &str) -> Vec<Vec<Span>> {
    let started = Instant::now();
    let syntaxes = syntaxes();
    let mut state = syntax(syntaxes, name, text).map(|syntax| (ParseState::new(syntax), ScopeStack::new()));
    let mut passed = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        passed += line.len();
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let over = passed > MAX_TEXT || started.elapsed() > MAX_TIME;
        let spans = match &mut state {
            Some((parser, stack)) if !over && bare.len() <= MAX_LINE => spans(parser, stack, syntaxes, line, bare),
            _ => None,
        };
        lines.push(spans.unwrap_or_else(|| plain(bare)));
    }
    lines
}

/// All grammars. Some 1 MB that is unpacked grammar by grammar when it is used.
fn syntaxes() -> &'static SyntaxSet {
    static SYNTAXES: OnceLock<SyntaxSet> = OnceLock::new();
    SYNTAXES.get_or_init(two_face::syntax::extra_newlines)
}

fn plain(line: &str) -> Vec<Span> {
    if line.is_empty() { Vec::new() } else { vec![(Kind::Plain, 0..line.len())] }
}

/// Files that are common in images and go by other names than the grammars know.
const NAMES: [(&str, &str); 27] = [
    ("containerfile", "Dockerfile"),
    ("os-release", "sh"),
    ("lsb-release", "sh"),
    ("environment", "sh"),
    (".env", "sh"),
    ("profile", "sh"),
    ("apkbuild", "sh"),
    (".dockerignore", "gitignore"),
    (".npmignore", "gitignore"),
    (".npmrc", "ini"),
    (".editorconfig", "ini"),
    ("pip.conf", "ini"),
    ("pyvenv.cfg", "ini"),
    ("setup.cfg", "ini"),
    ("my.cnf", "ini"),
    ("supervisord.conf", "ini"),
    ("cargo.lock", "toml"),
    ("poetry.lock", "toml"),
    ("uv.lock", "toml"),
    ("pipfile", "toml"),
    ("pipfile.lock", "json"),
    ("composer.lock", "json"),
    ("flake.lock", "json"),
    ("yarn.lock", "yaml"),
    ("status", "yaml"),
    ("control", "yaml"),
    ("gemfile.lock", "yaml"),
];

/// The same for endings.
const ENDINGS: [(&str, &str); 22] = [
    ("service", "ini"),
    ("socket", "ini"),
    ("timer", "ini"),
    ("mount", "ini"),
    ("desktop", "ini"),
    ("repo", "ini"),
    ("cnf", "ini"),
    ("pc", "ini"),
    ("dockerfile", "Dockerfile"),
    ("jsonc", "json"),
    ("jsonl", "json"),
    ("webmanifest", "json"),
    ("map", "json"),
    ("mjs", "js"),
    ("cjs", "js"),
    ("mts", "ts"),
    ("cts", "ts"),
    ("pyi", "py"),
    ("nuspec", "xml"),
    ("csproj", "xml"),
    ("postinst", "sh"),
    ("bats", "sh"),
];

/// The grammar of a file: by its name, its ending, its first line.
fn syntax<'s>(syntaxes: &'s SyntaxSet, name: &str, text: &str) -> Option<&'s SyntaxReference> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let lower = base.to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map(|(_, ending)| ending);
    let listed = |list: &[(&str, &'static str)], what: &str| {
        list.iter().find(|(own, _)| *own == what).map(|(_, ending)| *ending)
    };
    let known = |ending: &str| syntaxes.find_syntax_by_extension(ending);
    let by_name = known(base).or_else(|| listed(&NAMES, &lower).and_then(known));
    // `Dockerfile.debug` is one too.
    let by_start =
        || lower.split_once('.').filter(|(start, _)| *start == "dockerfile").and_then(|_| known("Dockerfile"));
    let by_ending = || ending.and_then(|ending| listed(&ENDINGS, ending).and_then(known).or_else(|| known(ending)));
    // A first line that is very long is none that says what it is.
    let first = text.lines().next().filter(|line| line.len() <= MAX_LINE);
    let by_first_line = || {
        first
            .and_then(|line| shebang(line).and_then(known))
            .or_else(|| first.and_then(|line| syntaxes.find_syntax_by_first_line(line)))
    };
    by_name.or_else(by_start).or_else(by_ending).or_else(by_first_line).filter(|syntax| syntax.name != "Plain Text")
}

/// What a script names that runs it, as the ending that its files have.
fn shebang(line: &str) -> Option<&'static str> {
    let mut words = line.strip_prefix("#!")?.split_whitespace();
    let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let mut program = base(words.next()?);
    if program == "env" {
        program = base(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    let program = program.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    Some(match program {
        "sh" | "ash" | "dash" | "bash" | "ksh" | "zsh" | "busybox" => "sh",
        "python" | "pypy" => "py",
        "perl" => "pl",
        "ruby" => "rb",
        "node" | "nodejs" | "bun" | "deno" => "js",
        "php" => "php",
        "lua" | "luajit" => "lua",
        "awk" | "gawk" | "mawk" => "awk",
        "fish" => "fish",
        "tclsh" | "wish" | "expect" => "tcl",
        "make" => "make",
        _ => return None,
    })
}

/// A line's spans; None when the grammar can't make sense of it.
fn spans(
    parser: &mut ParseState,
    stack: &mut ScopeStack,
    syntaxes: &SyntaxSet,
    line: &str,
    bare: &str,
) -> Option<Vec<Span>> {
    let changes = parser.parse_line(line, syntaxes).ok()?;
    let mut spans: Vec<Span> = Vec::new();
    let mut at = 0;
    let mut add = |range: Range<usize>, stack: &ScopeStack| {
        if range.is_empty() {
            return;
        }
        let kind = kind_of(stack);
        match spans.last_mut() {
            Some((last, before)) if *last == kind => before.end = range.end,
            // Blanks look the same whatever they are.
            Some((_, before)) if bare[range.clone()].trim().is_empty() => before.end = range.end,
            _ => spans.push((kind, range)),
        }
    };
    for (place, change) in changes {
        let place = place.min(bare.len());
        if place > at {
            add(at..place, stack);
            at = place;
        }
        stack.apply(&change).ok()?;
    }
    add(at..bare.len(), stack);
    Some(spans)
}

/// The meaning of each scope that has one; more exact names come before shorter ones.
const MEANINGS: [(&str, Kind); 35] = [
    ("comment", Kind::Comment),
    ("punctuation.definition.comment", Kind::Comment),
    ("string", Kind::Text),
    ("punctuation.definition.string", Kind::Text),
    ("constant.character", Kind::Text),
    ("constant.other.placeholder", Kind::Text),
    ("markup.raw", Kind::Text),
    ("markup.underline.link", Kind::Text),
    ("constant", Kind::Number),
    ("markup.inserted", Kind::Added),
    ("markup.deleted", Kind::Removed),
    ("punctuation.definition.inserted", Kind::Added),
    ("punctuation.definition.deleted", Kind::Removed),
    ("markup.heading", Kind::Name),
    ("punctuation.definition.heading", Kind::Name),
    ("entity", Kind::Name),
    ("support.function", Kind::Name),
    ("support.class", Kind::Name),
    ("support.type.property-name", Kind::Name),
    ("support.type", Kind::Keyword),
    ("support.constant", Kind::Number),
    ("support", Kind::Name),
    ("meta.diff.range", Kind::Name),
    ("meta.diff.header", Kind::Name),
    ("variable.function", Kind::Name),
    ("variable.annotation", Kind::Name),
    ("variable.language", Kind::Keyword),
    ("variable", Kind::Variable),
    ("punctuation.definition.variable", Kind::Variable),
    ("punctuation.definition.keyword", Kind::Keyword),
    ("keyword.operator.word", Kind::Keyword),
    ("keyword.operator", Kind::Punctuation),
    ("keyword", Kind::Keyword),
    ("storage", Kind::Keyword),
    ("punctuation", Kind::Punctuation),
];

/// What the innermost scope that means anything means.
fn kind_of(stack: &ScopeStack) -> Kind {
    static MEANT: OnceLock<Vec<(Scope, Kind)>> = OnceLock::new();
    let meanings = MEANT
        .get_or_init(|| MEANINGS.iter().filter_map(|(name, kind)| Some((Scope::new(name).ok()?, *kind))).collect());
    let innermost = stack.scopes.iter().rev();
    let mut found = innermost.filter_map(|scope| meanings.iter().find(|(own, _)| own.is_prefix_of(*scope)));
    found.next().map_or(Kind::Plain, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is of a kind, joined by `|`.
    fn all(name: &str, text: &str, kind: Kind) -> String {
        let lines = highlight(name, text);
        let texts = text.split_inclusive('\n');
        let parts = lines.iter().zip(texts).flat_map(|(spans, line)| {
            spans.iter().filter(|(own, _)| *own == kind).map(|(_, range)| line[range.clone()].trim().to_owned())
        });
        parts.collect::<Vec<_>>().join("|")
    }

    fn is_known(name: &str, text: &str) -> bool {
        syntax(syntaxes(), name, text).is_some()
    }

    #[test]
    fn meanings_of_common_kinds() {
        let docker = "# build\nFROM debian:12 AS base\nRUN echo \"hi\"\n";
        assert_eq!(all("Dockerfile", docker, Kind::Comment), "# build");
        assert!(all("Dockerfile", docker, Kind::Keyword).contains("FROM"), "{:?}", highlight("Dockerfile", docker));
        let shell = "#!/bin/sh\nif [ -n \"$HOME\" ]; then # yes\n  echo 1\nfi\n";
        assert!(all("entry", shell, Kind::Comment).ends_with("# yes"));
        assert!(all("entry", shell, Kind::Keyword).contains("if"));
        assert!(all("entry", shell, Kind::Variable).contains("HOME"));
        let json = "{\"a\": [1, true, \"x\"]}";
        assert_eq!(all("p.json", json, Kind::Number), "1|true");
        assert!(all("p.json", json, Kind::Text).contains("\"x\""));
        let rust = "fn main() { let x = 'c'; } // end";
        assert!(all("main.rs", rust, Kind::Keyword).contains("fn"));
        assert_eq!(all("main.rs", rust, Kind::Comment), "// end");
        assert!(all("main.rs", rust, Kind::Name).contains("main"));
        let patch = "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n";
        assert_eq!(
            (all("x.patch", patch, Kind::Removed), all("x.patch", patch, Kind::Added)),
            ("-old".into(), "+new".into())
        );
        assert!(all("a.toml", "[package]\nname = \"x\" # c\n", Kind::Text).contains("\"x\""));
        assert!(all("c.yaml", "key: value # c\n", Kind::Name).contains("key"));
    }

    #[test]
    fn files_are_known_by_name_ending_and_first_line() {
        for name in [
            "Dockerfile",
            "Dockerfile.debug",
            "web.dockerfile",
            "Containerfile",
            "Makefile",
            "usr/lib/os-release",
            ".bashrc",
            "a/b/c.py",
            "X.JSON",
            "nginx.conf",
            "ssh.service",
            "passwd",
            "sources.list",
            "go.mod",
            "Cargo.lock",
            "README.md",
            "index.html",
            "style.css",
            "app.tsx",
            "q.sql",
            "conf.ini",
            ".gitignore",
            "package.json",
            "docker-compose.yml",
            "main.tf",
            "app.vue",
            "CMakeLists.txt",
            "fstab",
            "authorized_keys",
            "requirements.txt",
            "resolv.conf",
            "Gemfile",
            "Rakefile",
            "x.lua",
            "x.proto",
            "crontab",
        ] {
            assert!(is_known(name, ""), "{name}");
        }
        for line in [
            "#!/bin/sh",
            "#!/usr/bin/env python3.12",
            "#! /usr/bin/env -S node --x",
            "<?xml version=\"1.0\"?>",
            "#!/usr/bin/perl -w",
        ] {
            assert!(is_known("script", line), "{line}");
        }
        for name in ["notes", "a.unknownending", "LICENSE", "x.txt", ""] {
            assert!(!is_known(name, "nothing special"), "{name}");
        }
    }

    #[test]
    fn spans_cover_every_line() {
        let hostile = "\u{1b}[31m é\t日本\u{202e}\n\n\"unended\n'''\n/* <b> {{ ${x\n\\\n#!\n";
        let own = include_str!("highlight.rs");
        for name in ["x.rs", "x.py", "x.sh", "x.json", "x.yaml", "x.html", "x.md", "Dockerfile", "x.js", "x.c", "none"]
        {
            for text in [own, hostile, "", "\n", "no end"] {
                let lines = highlight(name, text);
                assert_eq!(lines.len(), text.split_inclusive('\n').count(), "{name}");
                for (spans, line) in lines.iter().zip(text.split_inclusive('\n')) {
                    let mut at = 0;
                    for (_, range) in spans {
                        assert!(
                            range.start == at && range.end > at && line.is_char_boundary(range.end),
                            "{name}: {line:?}"
                        );
                        at = range.end;
                    }
                    assert_eq!(at, line.trim_end_matches('\n').len(), "{name}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn what_would_take_long_is_plain() {
        let started = Instant::now();
        let long = format!("let x = \"{}\";\nlet y = 1;\n", "a".repeat(1_000_000));
        let lines = highlight("x.js", &long);
        assert_eq!(lines[0], [(Kind::Plain, 0..long.len() - "\nlet y = 1;\n".len())]);
        assert!(lines[1].len() > 1);
        let deep = "((((((((((\n".repeat(200_000);
        assert_eq!(highlight("x.js", &deep).len(), 200_000);
        let backtracks = format!("{}\n", "a=\"$(((( ".repeat(200)).repeat(50);
        assert_eq!(highlight("x.sh", &backtracks).len(), 50);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }

    #[test]
    fn no_grammar_breaks() {
        let text = "#!/bin/sh\n<a b=\"c\">{ x: [1, 'y'] } // z\nfunction f(a) { return `${a}`; }\n$ % & \\ @x --\n";
        for syntax in syntaxes().syntaxes() {
            let mut parser = ParseState::new(syntax);
            for line in text.split_inclusive('\n') {
                assert!(parser.parse_line(line, syntaxes()).is_ok(), "{}", syntax.name);
            }
        }
    }
}
