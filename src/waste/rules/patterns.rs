//! Matches every path of a tree against all globs of a catalogue in one pass.
//!
//! A glob is a sequence of steps, one for each component of a path, so a directory decides once for everything below it
//! which globs can still match. The sets of globs that are still possible are numbered ([`Matched`]); a tree has few
//! distinct ones, and what a path matches is a property of its number. Nothing is compiled to a regular expression.
//!
//! The syntax and its meaning are those of the crate `globset` with `literal_separator`: `*` and `?` stay within a
//! component, `**` stands for any number of components, `{a,b}` for alternatives, `[a-z]` for a class, `\` quotes.

use rustc_hash::FxHashMap;
use thiserror::Error;

/// The most globs that the alternatives of one pattern may expand to.
const MAX_ALTERNATIVES: usize = 4096;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PatternError {
    /// A `{` or `[` without its end, or a `}` without its beginning.
    #[error("`{0}` is not closed, or not opened")]
    Unbalanced(char),
    /// A class of other letters than ASCII.
    #[error("a class can hold ASCII characters only")]
    Class,
    /// Too many alternatives.
    #[error("it expands to more than {MAX_ALTERNATIVES} alternatives")]
    TooMany,
}

/// What one step of a glob asks of a component.
#[derive(Debug)]
enum Step {
    Name(Box<[u8]>),
    Wild(Wild),
    /// `**` before another step: any number of components.
    Depth,
    /// `**` at the end: at least one component.
    Rest,
    /// Within what `**` at the end stands for.
    Below(u16),
    /// The glob ends here.
    End(u16),
}

/// A number that stands for the globs that match a path, and for those that may match something below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Matched(u32);

impl Matched {
    /// As an index into arrays beside the numbers; see [`Numbers::all`].
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct State {
    /// Steps that ask for one name of the next component, in the order of the names.
    named: Box<[u32]>,
    /// The other steps that the next component is held against, without those that hold everywhere.
    others: Box<[u32]>,
    /// The patterns that match, in ascending order.
    accepts: Box<[u16]>,
}

/// Globs, ready to be matched.
#[derive(Debug, Default)]
pub(crate) struct PatternSet {
    steps: Vec<Step>,
    /// First steps of globs that begin at the root.
    anchored: Vec<u32>,
    /// First steps of globs that begin with `**`, which are tried at every component.
    everywhere: Everywhere,
}

/// The numbers that were given to what paths match, of one [`PatternSet`].
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The root's; None before it was asked for.
    root: Option<Matched>,
    states: Vec<State>,
    known: FxHashMap<Box<[u32]>, Matched>,
}

/// Steps by what their component has to be, so that few are tried.
#[derive(Debug, Default)]
struct Everywhere {
    names: FxHashMap<Box<[u8]>, Vec<u32>>,
    /// Wild steps by their last byte, by their first byte, and those with neither.
    by_last: FxHashMap<u8, Vec<u32>>,
    by_first: FxHashMap<u8, Vec<u32>>,
    others: Vec<u32>,
    any: Vec<u32>,
}

impl PatternSet {
    /// Adds a pattern, known by a number of the caller's.
    ///
    /// # Errors
    /// If it is not a glob.
    pub(crate) fn add(&mut self, pattern: &str, number: u16) -> Result<(), PatternError> {
        let mut globs = Vec::new();
        expand(pattern, &mut globs)?;
        for glob in globs {
            self.add_glob(&glob, number)?;
        }
        Ok(())
    }

    fn add_glob(&mut self, glob: &str, number: u16) -> Result<(), PatternError> {
        let first = self.steps.len() as u32;
        let components = split(glob);
        let last = components.len() - 1;
        for (place, component) in components.iter().enumerate() {
            let depth = component == "**";
            match self.steps.last() {
                Some(Step::Depth) if depth && self.steps.len() as u32 > first => {
                    if place == last {
                        self.steps.pop();
                        self.steps.extend([Step::Rest, Step::Below(number)]);
                    }
                }
                _ if depth && place == last => self.steps.extend([Step::Rest, Step::Below(number)]),
                _ if depth => self.steps.push(Step::Depth),
                _ => {
                    let wild = Wild::parse(component)?;
                    self.steps.push(wild.name().map_or(Step::Wild(wild), Step::Name));
                }
            }
        }
        if !matches!(self.steps.last(), Some(Step::Below(_))) {
            self.steps.push(Step::End(number));
        }
        match self.steps[first as usize] {
            Step::Depth => self.everywhere.add(&self.steps, first + 1),
            Step::Rest => self.everywhere.add(&self.steps, first),
            _ => self.anchored.push(first),
        }
        Ok(())
    }

    /// The number of what the root matches, whose path is `/`.
    pub(crate) fn root(&self, numbers: &mut Numbers) -> Matched {
        if let Some(known) = numbers.root {
            return known;
        }
        // A path begins with an empty component, as the globs do.
        let mut open = Vec::new();
        for at in &self.anchored {
            if self.fits(*at, b"") {
                self.open(*at + 1, &mut open);
            }
        }
        self.step_everywhere(b"", &mut open);
        let root = self.number(open, numbers);
        numbers.root = Some(root);
        root
    }

    /// The number of what `name` in a directory matches, whose own number is `directory`.
    pub(crate) fn below(&self, directory: Matched, name: &[u8], numbers: &mut Numbers) -> Matched {
        let mut open = Vec::new();
        let State { named, others, .. } = &numbers.states[directory.index()];
        let first = named.partition_point(|at| self.name(*at) < Some(name));
        for at in named[first..].iter().take_while(|at| self.name(**at) == Some(name)) {
            self.open(*at + 1, &mut open);
        }
        for at in others {
            match &self.steps[*at as usize] {
                Step::Depth => self.open(*at, &mut open),
                Step::Below(_) => open.push(*at),
                _ if self.fits(*at, name) => self.open(*at + 1, &mut open),
                _ => {}
            }
        }
        self.step_everywhere(name, &mut open);
        self.number(open, numbers)
    }

    /// The number of what a path matches (any bytes, with or without its leading `/`).
    pub(crate) fn path(&self, path: &[u8], numbers: &mut Numbers) -> Matched {
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let root = self.root(numbers);
        names.fold(root, |directory, name| self.below(directory, name, numbers))
    }

    /// Whether there is no glob.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether any glob matches a path.
    pub(crate) fn is_match(&self, path: &[u8]) -> bool {
        let mut numbers = Numbers::default();
        let matched = self.path(path, &mut numbers);
        !numbers.accepts(matched).is_empty()
    }

    /// The one name that a step asks for.
    fn name(&self, at: u32) -> Option<&[u8]> {
        match &self.steps[at as usize] {
            Step::Name(name) => Some(name),
            _ => None,
        }
    }

    fn fits(&self, at: u32, name: &[u8]) -> bool {
        match &self.steps[at as usize] {
            Step::Name(own) => **own == *name,
            Step::Wild(wild) => wild.matches(name),
            Step::Rest => true,
            Step::Depth | Step::Below(_) | Step::End(_) => false,
        }
    }

    /// The next component may be held against the step.
    fn open(&self, at: u32, open: &mut Vec<u32>) {
        open.push(at);
        if matches!(self.steps[at as usize], Step::Depth) {
            open.push(at + 1);
        }
    }

    fn step_everywhere(&self, name: &[u8], open: &mut Vec<u32>) {
        let Everywhere { names, by_last, by_first, others, any } = &self.everywhere;
        for at in names.get(name).into_iter().flatten() {
            self.open(at + 1, open);
        }
        let last = name.last().and_then(|byte| by_last.get(byte)).into_iter().flatten();
        let first = name.first().and_then(|byte| by_first.get(byte)).into_iter().flatten();
        for at in last.chain(first).chain(others) {
            if self.fits(*at, name) {
                self.open(at + 1, open);
            }
        }
        for at in any {
            self.open(at + 1, open);
        }
    }

    fn number(&self, mut open: Vec<u32>, numbers: &mut Numbers) -> Matched {
        open.sort_unstable();
        open.dedup();
        if let Some(known) = numbers.known.get(&open[..]) {
            return *known;
        }
        let mut accepts: Vec<u16> = open
            .iter()
            .filter_map(|at| match self.steps[*at as usize] {
                Step::End(number) | Step::Below(number) => Some(number),
                _ => None,
            })
            .collect();
        accepts.sort_unstable();
        accepts.dedup();
        let number = Matched(numbers.states.len() as u32);
        let (mut named, others): (Vec<u32>, Vec<u32>) = open.iter().partition(|at| self.name(**at).is_some());
        named.sort_unstable_by_key(|at| self.name(*at));
        numbers.states.push(State { named: named.into(), others: others.into(), accepts: accepts.into() });
        numbers.known.insert(open.into(), number);
        number
    }
}

impl Numbers {
    /// The patterns that match, by the numbers that they were added with, in ascending order.
    pub(crate) fn accepts(&self, matched: Matched) -> &[u16] {
        &self.states[matched.index()].accepts
    }

    /// What matches for each number, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u16]> {
        self.states.iter().map(|state| &*state.accepts)
    }
}

impl Everywhere {
    fn add(&mut self, steps: &[Step], at: u32) {
        match &steps[at as usize] {
            Step::Name(name) => self.names.entry(name.clone()).or_default().push(at),
            Step::Wild(wild) => match (wild.suffix.last(), wild.prefix.first()) {
                (Some(last), _) => self.by_last.entry(*last).or_default().push(at),
                (None, Some(first)) => self.by_first.entry(*first).or_default().push(at),
                (None, None) => self.others.push(at),
            },
            _ => self.any.push(at),
        }
    }
}

/// A component with wildcards: what stands before the first `*`, after the last one, and between them.
#[derive(Debug)]
struct Wild {
    prefix: Box<[u8]>,
    suffix: Box<[u8]>,
    /// Everything, where it is not just one `*` between two literals.
    tokens: Option<Box<[Token]>>,
    /// Whether there is no wildcard at all.
    literal: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Many,
    Class { negated: bool, ranges: Vec<(u8, u8)> },
}

impl Wild {
    fn parse(component: &str) -> Result<Self, PatternError> {
        let tokens = tokens(component)?;
        let byte = |token: &Token| if let Token::Byte(byte) = token { Some(*byte) } else { None };
        let prefix: Box<[u8]> = tokens.iter().map_while(byte).collect();
        let literal = prefix.len() == tokens.len();
        let mut suffix: Vec<u8> = if literal { Vec::new() } else { tokens.iter().rev().map_while(byte).collect() };
        suffix.reverse();
        let middle = &tokens[prefix.len()..tokens.len() - suffix.len()];
        let simple = literal || middle == [Token::Many];
        Ok(Self { literal, suffix: suffix.into(), tokens: (!simple).then(|| tokens.clone().into()), prefix })
    }

    fn name(&self) -> Option<Box<[u8]>> {
        self.literal.then(|| self.prefix.clone())
    }

    fn matches(&self, name: &[u8]) -> bool {
        if name.len() < self.prefix.len() + self.suffix.len()
            || !name.starts_with(&self.prefix)
            || !name.ends_with(&self.suffix)
        {
            return false;
        }
        self.tokens.as_ref().is_none_or(|tokens| matches(tokens, name))
    }
}

/// Goes back to the last `*` when a byte does not fit, so the time is the product of both lengths at most.
fn matches(tokens: &[Token], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut last_many: Option<(usize, usize)> = None;
    while place < name.len() {
        match tokens.get(at) {
            Some(Token::Many) => {
                last_many = Some((at, place));
                at += 1;
            }
            Some(token) if token.fits(name[place]) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((many, from)) = last_many else { return false };
                last_many = Some((many, from + 1));
                (at, place) = (many + 1, from + 1);
            }
        }
    }
    tokens[at..].iter().all(|token| *token == Token::Many)
}

impl Token {
    fn fits(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => *own == byte,
            Self::One => true,
            Self::Many => false,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&byte)) != *negated
            }
        }
    }
}

fn tokens(component: &str) -> Result<Vec<Token>, PatternError> {
    let mut tokens = Vec::new();
    let mut letters = component.chars();
    let mut bytes = [0; 4];
    while let Some(letter) = letters.next() {
        let literal = match letter {
            '*' => {
                if tokens.last() != Some(&Token::Many) {
                    tokens.push(Token::Many);
                }
                continue;
            }
            '?' => {
                tokens.push(Token::One);
                continue;
            }
            '[' => {
                tokens.push(class(&mut letters)?);
                continue;
            }
            '\\' => letters.next().ok_or(PatternError::Unbalanced('\\'))?,
            other => other,
        };
        tokens.extend(literal.encode_utf8(&mut bytes).bytes().map(Token::Byte));
    }
    Ok(tokens)
}

/// Reads a class up to its `]`; one that stands first is a member of it.
fn class(letters: &mut std::str::Chars<'_>) -> Result<Token, PatternError> {
    let unbalanced = PatternError::Unbalanced('[');
    let mut rest = letters.clone();
    let negated = matches!(rest.next(), Some('!' | '^'));
    if negated {
        letters.next();
    }
    let mut members = Vec::new();
    loop {
        let letter = letters.next().ok_or_else(|| unbalanced.clone())?;
        if letter == ']' && !members.is_empty() {
            break;
        }
        members.push(u8::try_from(letter).ok().filter(u8::is_ascii).ok_or(PatternError::Class)?);
    }
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == b'-' {
            ranges.push((members[at], members[at + 2]));
            at += 3;
        } else {
            ranges.push((members[at], members[at]));
            at += 1;
        }
    }
    Ok(Token::Class { negated, ranges })
}

/// Splits at each `/` outside of a class and of a quoted character.
fn split(glob: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in glob.chars() {
        match parts.last_mut() {
            Some(part) if letter != '/' || quoted => part.push(letter),
            _ => parts.push(String::new()),
        }
        quoted = letter == '\\' && !quoted;
    }
    parts
}

/// Writes out the alternatives of the first `{…}`, and of each result in turn.
fn expand(pattern: &str, all: &mut Vec<String>) -> Result<(), PatternError> {
    if all.len() >= MAX_ALTERNATIVES {
        return Err(PatternError::TooMany);
    }
    let (mut depth, mut open, mut parts) = (0_usize, None, Vec::new());
    let (mut quoted, mut in_class) = (false, false);
    for (place, letter) in pattern.char_indices() {
        if std::mem::take(&mut quoted) {
            continue;
        }
        match letter {
            '\\' => quoted = true,
            '[' if !in_class => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '{' => {
                depth += 1;
                if depth == 1 {
                    open = Some(place);
                    parts.push(place + 1);
                }
            }
            ',' if depth == 1 => parts.push(place + 1),
            '}' => {
                depth = depth.checked_sub(1).ok_or(PatternError::Unbalanced('}'))?;
                if depth == 0 {
                    let (before, after) = (&pattern[..open.unwrap_or(0)], &pattern[place + 1..]);
                    parts.push(place + 1);
                    for ends in parts.windows(2) {
                        let part = &pattern[ends[0]..ends[1] - 1];
                        expand(&format!("{before}{part}{after}"), all)?;
                    }
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(PatternError::Unbalanced('{'));
    }
    all.push(pattern.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use globset::{GlobBuilder, GlobMatcher};
    use proptest::prelude::*;

    use super::*;

    fn glob(pattern: &str) -> Option<GlobMatcher> {
        let mut builder = GlobBuilder::new(pattern);
        builder.literal_separator(true).empty_alternates(true).backslash_escape(true);
        builder.build().ok().map(|glob| glob.compile_matcher())
    }

    fn matches_path(pattern: &str, path: &str) -> bool {
        let (mut set, mut numbers) = (PatternSet::default(), Numbers::default());
        set.add(pattern, 7).unwrap();
        let matched = set.path(path.as_bytes(), &mut numbers);
        numbers.accepts(matched) == [7]
    }

    #[test]
    fn what_each_form_matches() {
        for (pattern, matching, others) in [
            ("/a/b", &["/a/b"][..], &["/a", "/a/b/c", "/x/a/b"][..]),
            ("/a/**", &["/a/b", "/a/b/c"], &["/a", "/b"]),
            ("/a/**/c", &["/a/c", "/a/b/c", "/a/b/b/c"], &["/a/c/d", "/c"]),
            ("**/c", &["/c", "/a/c", "/a/b/c"], &["/c/d"]),
            ("**/c{,/**}", &["/c", "/a/c/d"], &["/cd"]),
            ("**", &["/a", "/a/b"], &[]),
            ("/a/*.py?", &["/a/x.pyc", "/a/.pyo"], &["/a/x.py", "/a/b/x.pyc"]),
            ("/{usr/,}lib/*", &["/lib/x", "/usr/lib/x"], &["/usr/x", "/lib"]),
            ("/core.[0-9]*", &["/core.1", "/core.23"], &["/core.x", "/core."]),
            ("/a\\{b\\}", &["/a{b}"], &["/ab"]),
            ("/a*b*c", &["/abc", "/axxbxbxc"], &["/ac", "/abcd"]),
            ("a", &[], &["/a"]),
        ] {
            for path in matching {
                assert!(matches_path(pattern, path), "{pattern} {path}");
            }
            for path in others {
                assert!(!matches_path(pattern, path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn what_is_not_a_glob_is_refused() {
        let mut set = PatternSet::default();
        for pattern in ["/a{", "/a}", "/a[", "/[é]", "/a\\"] {
            assert!(set.add(pattern, 0).is_err(), "{pattern}");
        }
        let many = "{a,b,c,d}".repeat(7);
        assert_eq!(set.add(&many, 0), Err(PatternError::TooMany));
    }

    #[test]
    fn many_paths_have_few_numbers() {
        let (mut set, mut numbers) = (PatternSet::default(), Numbers::default());
        set.add("/var/lib/**", 0).unwrap();
        set.add("**/*.pyc", 1).unwrap();
        for number in 0..1000 {
            set.path(format!("/usr/share/d{number}/f{number}").as_bytes(), &mut numbers);
        }
        assert!(numbers.all().count() < 10, "{}", numbers.all().count());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, max_global_rejects: 100_000, ..ProptestConfig::default() })]
        #[test]
        fn a_glob_means_what_it_means_in_globset(
            parts in prop::collection::vec("(\\*\\*|[abx*?]{0,4}|\\{a,b\\}|\\{a/b,x\\}|[ab]\\*[ab]|\\[a-b\\]x?|\\{,/\\*\\*\\})", 0..5),
            rooted in any::<bool>(),
            paths in prop::collection::vec(prop::collection::vec("[abx]{1,3}", 1..5), 8),
        ) {
            let pattern = format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"));
            // A component of `**` beside other characters, and empty components, mean nothing in a catalogue.
            prop_assume!(!pattern.contains("***") && !pattern.contains("//") && !pattern.ends_with('/') && !pattern.is_empty());
            let Some(want) = glob(&pattern) else { return Ok(()) };
            for path in paths {
                let path = format!("/{}", path.join("/"));
                prop_assert_eq!(matches_path(&pattern, &path), want.is_match(&path), "{} {}", pattern, path);
            }
        }
    }
}
