//! Which step made which history row: the longest common sequence of instructions, the last first.

use super::variables::{assignments, expand};
use super::{Build, StepId};

/// A step and the row that it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// By place in the chain.
    pub(super) step: usize,
    pub(super) row: usize,
    /// They have the same words.
    pub(super) is_exact: bool,
}

/// What is compared of an instruction.
struct Said {
    keyword: String,
    /// On one line.
    text: String,
    /// The same, and of the exec form its words.
    words: String,
    /// The lines of its here-documents.
    body: String,
}

impl Said {
    fn makes_layer(&self) -> bool {
        matches!(self.keyword.as_str(), "RUN" | "COPY" | "ADD")
    }
}

fn said(build: &Build, chain: &[StepId]) -> Vec<Said> {
    // More than anyone writes; the table grows with the product.
    let steps = chain.iter().take(2000).map(|id| build.step(*id));
    let mut variables = Vec::new();
    steps
        .map(|step| {
            let instruction = &step.instruction;
            let mut text = expand(&instruction.arguments.text, &step.around.variables);
            text = expand(&text, &variables);
            if matches!(instruction.keyword.as_str(), "ARG" | "ENV") {
                variables.extend(assignments(&text));
            }
            let mut body = String::new();
            for heredoc in &instruction.heredocs {
                for line in build.source(heredoc.body.clone()).lines() {
                    body.push_str(if heredoc.tabs { line.trim_start_matches('\t') } else { line });
                    body.push('\n');
                }
            }
            // The shell, not the builder, expands what a RUN names.
            let text = if instruction.keyword == "RUN" { instruction.arguments.text.clone() } else { text };
            let text = collapsed(&text);
            let words = collapsed(&exec_form(&text));
            Said { keyword: instruction.keyword.clone(), text, words, body }
        })
        .collect()
}

/// Pairs steps and rows in order; of all ways to do so the one that says most, the last rows first.
pub(super) fn align(build: &Build, chain: &[StepId], rows: &[String]) -> Vec<Pair> {
    let steps = said(build, chain);
    let (m, n) = (steps.len(), rows.len().min(2000));
    let weight = |i: usize, j: usize| match likeness(&steps[i], &rows[j]) {
        Some(true) => 10,
        Some(false) => 3,
        None => 0,
    };
    let weights: Vec<Vec<u32>> = (0..m).map(|i| (0..n).map(|j| weight(i, j)).collect()).collect();
    // best[i][j]: of the first i steps and the first j rows.
    let mut best = vec![vec![0_u32; n + 1]; m + 1];
    for i in 1..=m {
        for j in 1..=n {
            let pair = weights[i - 1][j - 1];
            let both = if pair > 0 { best[i - 1][j - 1] + pair } else { 0 };
            best[i][j] = both.max(best[i - 1][j]).max(best[i][j - 1]);
        }
    }
    let (mut i, mut j) = (m, n);
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        let pair = weights[i - 1][j - 1];
        if pair > 0 && best[i][j] == best[i - 1][j - 1] + pair {
            pairs.push(Pair { step: i - 1, row: j - 1, is_exact: pair == 10 });
            (i, j) = (i - 1, j - 1);
        } else if best[i][j] == best[i - 1][j] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    // Likenesses alone are those of any two Dockerfiles.
    let sure = pairs.iter().any(|pair| pair.is_exact && steps[pair.step].makes_layer());
    let makers = pairs.iter().filter(|pair| steps[pair.step].makes_layer()).count();
    if !sure && makers < steps.iter().filter(|step| step.makes_layer()).count() {
        pairs.clear();
    }
    pairs
}

/// How well a chain fits: what its pairs weigh, less what of it made no layer of the image.
pub(super) fn score(build: &Build, chain: &[StepId], pairs: &[Pair]) -> i64 {
    let weight: i64 = pairs.iter().map(|pair| if pair.is_exact { 10 } else { 3 }).sum();
    let makers = chain.iter().filter(|id| build.step(**id).makes_layer()).count();
    let found = pairs.iter().filter(|pair| build.step(chain[pair.step]).makes_layer()).count();
    weight - 4 * (makers.saturating_sub(found)) as i64
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an instruction is what a row says: Some(true) by all its words, Some(false) by those that builders record.
fn likeness(step: &Said, row: &str) -> Option<bool> {
    let (word, recorded) = row.split_once(' ').unwrap_or((row, ""));
    let Said { keyword, text, words, body } = step;
    if word != keyword {
        // The classic builder records the words of the exec form and nothing else.
        return (keyword == "RUN" && words != text && *words == collapsed(row)).then_some(true);
    }
    let recorded = without_flags(recorded);
    match word {
        "RUN" => {
            let body = collapsed(body);
            // The marks around a here-document may be others than the author's.
            let recorded = without_marks(&recorded).filter(|_| !body.is_empty()).unwrap_or(recorded);
            // A shell that is called by name looks like the builder's own.
            let called = words.split_once(" -c ").filter(|(shell, _)| shell.ends_with("sh")).map(|(_, rest)| rest);
            let same = recorded == *words
                || called == Some(recorded.as_str())
                || !body.is_empty() && (recorded == body || recorded == collapsed(&format!("{words} {body}")))
                || !body.is_empty() && recorded.starts_with(words.as_str()) && recorded.contains(&body);
            // A hidden secret leaves the words around it.
            let hidden = recorded.split_once("(hidden, ").is_some_and(|(front, _)| {
                let front = front.trim_end_matches('=');
                front.len() > 8 && words.starts_with(front)
            });
            if same { Some(true) } else { hidden.then_some(false) }
        }
        "COPY" | "ADD" => {
            if *words == recorded {
                return Some(true);
            }
            let to = |text: &str| text.rsplit(' ').next().unwrap_or_default().trim_end_matches('/').to_owned();
            let (own, theirs) = (to(words), to(&recorded));
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
            if plain(text) == plain(&recorded) {
                return Some(true);
            }
            (name(text) == name(&recorded)).then_some(false)
        }
        _ => {
            let plain = |text: &str| collapsed(&text.replace(['"', '\'', ',', '[', ']'], " "));
            if plain(text) == plain(&recorded) { Some(true) } else { Some(false).filter(|_| word != "FROM") }
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
