//! Where in a Dockerfile the instruction of a layer is: its instructions are matched with the history, from the end.

use crate::image::{BuiltAt, HistoryRow, Image};
use crate::secret::Redacted;

/// Lines of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub path: String,
    /// The first line, from 1.
    pub line: usize,
    /// The last line.
    pub end_line: usize,
    /// `exact` where the history has the same words; `likely` where it has as many of them as the builder records.
    pub confidence: &'static str,
}

/// An instruction of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    /// In capitals.
    keyword: String,
    /// What follows it, lines joined, comments taken out.
    text: String,
    /// The lines of its here-documents.
    body: String,
    line: usize,
    end_line: usize,
}

impl Instruction {
    /// The whole instruction: continued lines joined, those of a here-document as they are.
    fn words(&self) -> String {
        let line = format!("{} {}", self.keyword, collapsed(&self.text));
        match &heredocs(&self.text)[..] {
            [(mark, _)] if self.keyword == "RUN" && !self.body.is_empty() => format!("{line}\n{}{mark}", self.body),
            _ => line,
        }
    }
}

/// What a Dockerfile says of the layers of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// By history row: where its instruction is, and its words.
    rows: Vec<Option<(Place, Option<Redacted>)>>,
}

impl Lines {
    /// Matches a Dockerfile with a history. What does not fit has no place.
    pub fn of(path: &str, dockerfile: &str, history: &[HistoryRow]) -> Self {
        let instructions = last_stage(&parse(dockerfile));
        let rows: Vec<String> = history.iter().map(|row| row.instruction().unwrap_or_default()).collect();
        let pairs = align(&instructions, &rows);
        let mut lines = vec![None; history.len()];
        for (instruction, row, exact) in pairs {
            let Instruction { line, end_line, .. } = &instructions[instruction];
            let confidence = if exact { "exact" } else { "likely" };
            let place = Place { path: path.to_owned(), line: *line, end_line: *end_line, confidence };
            lines[row] = Some((place, Some(Redacted::new(&instructions[instruction].words()))));
        }
        Self { rows: lines }
    }

    /// Takes what the builder itself recorded for what it is: exact.
    pub fn recorded(&mut self, image: &Image) {
        self.rows.resize(image.history.len().max(self.rows.len()), None);
        for layer in &image.layers {
            let built = layer.digest.as_ref().and_then(|digest| image.built_at.get(digest.as_str()));
            let (Some(BuiltAt { file, line, end_line }), Some(row)) = (built, layer.history) else { continue };
            // What the user named is what is opened in an editor.
            let path = self.rows.iter().flatten().next().map_or_else(|| file.clone(), |(place, _)| place.path.clone());
            let words = self.rows[row].take().and_then(|(_, words)| words);
            self.rows[row] = Some((Place { path, line: *line, end_line: *end_line, confidence: "exact" }, words));
        }
    }

    /// Where the instruction of a history row is.
    pub fn place(&self, row: usize) -> Option<&Place> {
        self.rows.get(row)?.as_ref().map(|(place, _)| place)
    }

    /// The instruction of a history row as its author wrote it, its continued lines joined.
    pub fn words(&self, row: usize) -> Option<&str> {
        self.rows.get(row)?.as_ref()?.1.as_deref()
    }

    /// How many rows that make a layer were found.
    pub fn found(&self) -> usize {
        self.rows.iter().flatten().count()
    }
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All instructions in their order, `FROM` among them.
fn parse(text: &str) -> Vec<Instruction> {
    let escape = text
        .lines()
        .take_while(|line| line.trim_start().starts_with('#'))
        .filter_map(|line| line.trim_start().trim_start_matches('#').trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"))
        .map_or('\\', |(_, value)| if value.trim() == "`" { '`' } else { '\\' });
    let mut all = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, first)) = lines.next() {
        let first = first.trim();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let mut joined = String::new();
        let mut end = at;
        let mut part = first;
        loop {
            let part_end = part.trim_end();
            let Some(open) = part_end.strip_suffix(escape) else {
                joined.push_str(part);
                break;
            };
            joined.push_str(open);
            // Comments and empty lines do not end an instruction.
            let next = loop {
                match lines.next() {
                    Some((at, line)) if line.trim().is_empty() || line.trim_start().starts_with('#') => end = at,
                    other => break other,
                }
            };
            let Some((at, line)) = next else { break };
            end = at;
            part = line;
        }
        let (keyword, rest) = joined.split_once(char::is_whitespace).unwrap_or((&joined, ""));
        let keyword = keyword.to_ascii_uppercase();
        let mut body = String::new();
        if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for (word, tabs) in heredocs(rest) {
                for (at, line) in lines.by_ref() {
                    end = at;
                    let line = if tabs { line.trim_start_matches('\t') } else { line };
                    if line == word {
                        break;
                    }
                    body.push_str(line);
                    body.push('\n');
                }
            }
        }
        let text = rest.trim().to_owned();
        all.push(Instruction { keyword, text, body, line: at + 1, end_line: end + 1 });
    }
    all
}

/// The words that end here-documents, and whether tabs before lines are taken away.
fn heredocs(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("<<") {
        rest = &rest[at + 2..];
        if rest.starts_with('<') {
            rest = rest.trim_start_matches('<');
            continue;
        }
        let tabs = rest.starts_with('-');
        let word = rest.trim_start_matches('-').trim_start_matches(['"', '\'']);
        let word: String = word.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').collect();
        if word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_') {
            found.push((word, tabs));
        }
    }
    found
}

/// What makes the image that a build without a target gives: the last stage, on top of the stages that it is built on.
fn last_stage(all: &[Instruction]) -> Vec<Instruction> {
    let mut stages: Vec<(String, Option<String>, Vec<Instruction>)> = Vec::new();
    let mut before = Vec::new();
    // What stands before all stages is known in every FROM.
    let mut defaults = Vec::new();
    for instruction in all {
        if instruction.keyword == "FROM" {
            let words: Vec<&str> = instruction.text.split_whitespace().filter(|word| !word.starts_with("--")).collect();
            let name = words.get(1).filter(|word| word.eq_ignore_ascii_case("as")).and_then(|_| words.get(2));
            let base = expand(words.first().copied().unwrap_or_default(), &defaults);
            stages.push((base.to_lowercase(), name.map(|name| name.to_lowercase()), Vec::new()));
        } else if let Some((.., own)) = stages.last_mut() {
            own.push(instruction.clone());
        } else {
            if instruction.keyword == "ARG" {
                defaults.extend(assignments(&instruction.text));
            }
            before.push(instruction.clone());
        }
    }
    let mut chain = Vec::new();
    let mut at = stages.len().checked_sub(1);
    while let Some(stage) = at {
        let (base, _, own) = &stages[stage];
        chain.push(own.clone());
        at = stages[..stage].iter().rposition(|(_, name, _)| name.as_ref() == Some(base));
    }
    before.into_iter().chain(chain.into_iter().rev().flatten()).collect()
}

/// Instruction, row, and whether they have the same words; of all ways to pair them in order the one that says most, the
/// last rows first.
fn align(instructions: &[Instruction], rows: &[String]) -> Vec<(usize, usize, bool)> {
    // More than anyone writes; the table grows with the product.
    let (m, n) = (instructions.len().min(2000), rows.len().min(2000));
    let mut variables = Vec::new();
    let expanded: Vec<Instruction> = instructions[..m]
        .iter()
        .map(|instruction| {
            let text = expand(&instruction.text, &variables);
            match instruction.keyword.as_str() {
                "ARG" | "ENV" => variables.extend(assignments(&text)),
                _ => {}
            }
            // The shell, not the builder, expands what a RUN names.
            let text = if instruction.keyword == "RUN" { instruction.text.clone() } else { text };
            Instruction { text, ..instruction.clone() }
        })
        .collect();
    let weight = |i: usize, j: usize| match likeness(&expanded[i], &rows[j]) {
        Some(true) => 10,
        Some(false) => 3,
        None => 0,
    };
    // best[i][j]: of the first i instructions and the first j rows.
    let mut best = vec![vec![0_u32; n + 1]; m + 1];
    for i in 1..=m {
        for j in 1..=n {
            let pair = weight(i - 1, j - 1);
            let both = if pair > 0 { best[i - 1][j - 1] + pair } else { 0 };
            best[i][j] = both.max(best[i - 1][j]).max(best[i][j - 1]);
        }
    }
    let (mut i, mut j) = (m, n);
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        let pair = weight(i - 1, j - 1);
        if pair > 0 && best[i][j] == best[i - 1][j - 1] + pair {
            pairs.push((i - 1, j - 1, pair == 10));
            (i, j) = (i - 1, j - 1);
        } else if best[i][j] == best[i - 1][j] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    // Likenesses alone are those of any two Dockerfiles.
    let sure =
        pairs.iter().any(|(i, _, exact)| *exact && matches!(expanded[*i].keyword.as_str(), "RUN" | "COPY" | "ADD"));
    let makers = |pairs: &[(usize, usize, bool)]| {
        pairs.iter().filter(|(i, ..)| matches!(expanded[*i].keyword.as_str(), "RUN" | "COPY" | "ADD")).count()
    };
    let wanted = expanded.iter().filter(|own| matches!(own.keyword.as_str(), "RUN" | "COPY" | "ADD")).count();
    if !sure && makers(&pairs) < wanted {
        pairs.clear();
    }
    pairs
}

/// Whether an instruction is what a row says: Some(true) by all its words, Some(false) by those that builders record.
fn likeness(instruction: &Instruction, row: &str) -> Option<bool> {
    let (word, recorded) = row.split_once(' ').unwrap_or((row, ""));
    if word != instruction.keyword {
        return None;
    }
    let text = without_flags(&instruction.text);
    let recorded = without_flags(recorded);
    match word {
        "RUN" => {
            let body = collapsed(&instruction.body);
            // The marks around a here-document may be others than the author's.
            let recorded = without_marks(&recorded).filter(|_| !body.is_empty()).unwrap_or(recorded);
            let words = collapsed(&exec_form(&text));
            // A shell that is called by name looks like the builder's own.
            let called = words.split_once(" -c ").filter(|(shell, _)| shell.ends_with("sh")).map(|(_, rest)| rest);
            let same = recorded == words
                || called == Some(recorded.as_str())
                || !body.is_empty() && (recorded == body || recorded == collapsed(&format!("{words} {body}")))
                || !body.is_empty() && recorded.starts_with(&words) && recorded.contains(&body);
            // A hidden secret leaves the words around it.
            let hidden = recorded.split_once("(hidden, ").is_some_and(|(front, _)| {
                let front = front.trim_end_matches('=');
                front.len() > 8 && words.starts_with(front)
            });
            if same { Some(true) } else { hidden.then_some(false) }
        }
        "COPY" | "ADD" => {
            let words = collapsed(&exec_form(&text));
            if words == recorded {
                return Some(true);
            }
            let to = |text: &str| text.rsplit(' ').next().unwrap_or_default().trim_end_matches('/').to_owned();
            let (own, theirs) = (to(&words), to(&recorded));
            // The classic builder records a hash of what was copied, and where to, from the root.
            let classic = recorded.contains(" in ") && recorded.contains(':');
            let tail = own.trim_start_matches("./").trim_start_matches('.');
            let leads_there = own == theirs || !own.starts_with('/') && theirs.ends_with(tail);
            let variable = words.contains('$');
            ((classic && leads_there) || (variable && !own.contains('$') && own == theirs)).then_some(false)
        }
        "ENV" | "ARG" | "LABEL" => {
            let name = |text: &str| text.split(['=', ' ']).next().unwrap_or_default().trim_matches('"').to_owned();
            let plain = |text: &str| collapsed(&text.replace(['"', '\''], ""));
            if plain(&text) == plain(&recorded) {
                return Some(true);
            }
            (name(&text) == name(&recorded)).then_some(false)
        }
        _ => {
            let plain = |text: &str| collapsed(&text.replace(['"', '\'', ',', '[', ']'], " "));
            if plain(&text) == plain(&recorded) { Some(true) } else { Some(false).filter(|_| word != "FROM") }
        }
    }
}

/// Without `--mount=…`, `--from=…` and the like, which builders do not record, or not alike.
fn without_flags(text: &str) -> String {
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    collapsed(rest)
}

/// What stands between the marks of `<<EOF … EOF`.
fn without_marks(text: &str) -> Option<String> {
    let (mark, rest) = text.strip_prefix("<<")?.split_once(' ')?;
    Some(rest.strip_suffix(mark)?.trim_end().to_owned())
}

/// `["a", "b"]` as its words.
fn exec_form(text: &str) -> String {
    match serde_json::from_str::<Vec<String>>(text.trim()) {
        Ok(words) if text.trim_start().starts_with('[') => words.join(" "),
        _ => text.to_owned(),
    }
}

/// `A=1 B="x y"`, `A 1`, `A`.
fn assignments(text: &str) -> Vec<(String, String)> {
    let unquoted = |value: &str| value.trim_matches(['"', '\'']).to_owned();
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let value = text.split_once(char::is_whitespace).map(|(_, value)| unquoted(value.trim()));
        return value.map(|value| vec![(first.to_owned(), value)]).unwrap_or_default();
    }
    text.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), unquoted(value)))
        .collect()
}

/// `$NAME`, `${NAME}` and `${NAME:-default}`, as far as they are known.
fn expand(text: &str, variables: &[(String, String)]) -> String {
    let known = |name: &str| variables.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, default, used) =
            if let Some((inner, _)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, other)| (name, Some(other)));
                (name, default, inner.len() + 2)
            } else {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], None, end)
            };
        match known(name).filter(|value| !value.is_empty()).or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..=at + used]),
        }
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# syntax=docker/dockerfile:1\nARG V=12\nFROM debian:$V AS base\nRUN apt-get update \\\n    # why\n\n \
                        && apt-get install -y curl\nENV DIR=/srv\nFROM scratch AS other\nRUN other\nFROM base\n\
                        COPY --chown=1:1 app ${DIR}/app\nRUN <<EOF\nset -e\nmake all\nEOF\n\
                        RUN --mount=type=cache,target=/x [\"pip\", \"install\", \"x\"]\nCMD [\"app\", \"-v\"]\n";

    fn places(file: &str, rows: &[&str]) -> Vec<Option<(usize, usize, &'static str)>> {
        let history: Vec<HistoryRow> =
            rows.iter().map(|text| HistoryRow { created_by: Some((*text).into()), ..HistoryRow::default() }).collect();
        let lines = Lines::of("Dockerfile", file, &history);
        (0..rows.len())
            .map(|row| lines.place(row).map(|place| (place.line, place.end_line, place.confidence)))
            .collect()
    }

    #[test]
    fn buildkit_and_the_classic_builder_point_to_the_same_lines() {
        let buildkit = [
            "ADD rootfs.tar / # buildkit",
            "CMD [\"bash\"]",
            "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit",
            "ENV DIR=/srv",
            "COPY app /srv/app # buildkit",
            "RUN /bin/sh -c set -e\nmake all\n # buildkit",
            "RUN pip install x # buildkit",
            "CMD [\"app\" \"-v\"]",
        ];
        let exact = |from, to| Some((from, to, "exact"));
        let want =
            vec![None, None, exact(4, 7), exact(8, 8), exact(12, 12), exact(13, 16), exact(17, 17), exact(18, 18)];
        assert_eq!(places(FILE, &buildkit), want);
        let classic = [
            "/bin/sh -c #(nop) ADD file:0123456789abcdef in / ",
            "/bin/sh -c apt-get update   && apt-get install -y curl",
            "/bin/sh -c #(nop)  ENV DIR=/srv",
            "/bin/sh -c #(nop) COPY --chown=1:1dir:0123456789abcdef in /srv/app ",
            "/bin/sh -c #(nop) COPY dir:0123456789abcdef in /srv/app ",
            "/bin/sh -c #(nop)  CMD [\"app\" \"-v\"]",
        ];
        let got = places(FILE, &classic);
        assert_eq!(
            (got[1], got[2], got[4], got[5]),
            (exact(4, 7), exact(8, 8), Some((12, 12, "likely")), exact(18, 18))
        );
        assert_eq!(got[0], None);
    }

    #[test]
    fn no_match_is_better_than_a_wrong_one() {
        let rows = ["ADD file:ab in /", "RUN something else", "COPY dir:ab in /elsewhere", "CMD [\"x\"]"];
        assert_eq!(places(FILE, &rows), vec![None; 4]);
        assert_eq!(places("", &rows), vec![None; 4]);
        assert_eq!(places("FROM x\nRUN a <<EOF\nnever ended", &rows), vec![None; 4]);
        // The same command twice is told apart by its order, the last first.
        let twice = places("FROM a\nRUN make\nRUN x\nRUN make\n", &["RUN make", "RUN x", "RUN make"]);
        assert_eq!(
            twice.iter().map(|place| place.map(|place| place.0)).collect::<Vec<_>>(),
            [Some(2), Some(3), Some(4)]
        );
    }
}
