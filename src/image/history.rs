use serde::Deserialize;

use super::Layer;
use super::manifest::or_default;
use crate::secret::{HiddenSecret, Redacted};

/// One row of the history (OCI image spec, "Image Configuration", `history`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct HistoryRow {
    /// When, as written.
    pub created: Option<String>,
    /// The instruction, as the builder wrote it.
    pub created_by: Option<Redacted>,
    /// A comment, such as the builder's name.
    pub comment: Option<Redacted>,
    /// True where the builder says that it made no layer.
    #[serde(default, deserialize_with = "or_default", rename = "empty_layer")]
    pub empty: bool,
    /// The layer that it made, by index; set by `align`.
    #[serde(skip)]
    pub layer: Option<usize>,
}

impl HistoryRow {
    /// Secrets that the instruction and the comment hold; their values are hidden there.
    pub fn secrets(&self) -> impl Iterator<Item = &HiddenSecret> {
        [&self.created_by, &self.comment].into_iter().flatten().flat_map(Redacted::secrets)
    }
}

/// Says which row made which layer. Where the counts differ they are matched from the end: what is missing or too much
/// comes from the base, since the last instructions are the ones that the builder at hand wrote.
/// Returns a note when they differ.
pub(super) fn align(rows: &mut [HistoryRow], layers: &mut [Layer]) -> Option<String> {
    let makers: Vec<usize> = (0..rows.len()).filter(|row| !rows[*row].empty).collect();
    for (row, layer) in makers.iter().rev().zip((0..layers.len()).rev()) {
        rows[*row].layer = Some(layer);
        layers[layer].history = Some(*row);
    }
    (makers.len() != layers.len() && !rows.is_empty()).then(|| {
        format!(
            "the history has {} rows that make a layer, the image has {} layers; they are matched from the end",
            makers.len(),
            layers.len()
        )
    })
}

/// An instruction as its author wrote it, from what the builder recorded: the classic builder's `#(nop)` and
/// `/bin/sh -c`, `BuildKit`'s suffix, build arguments (`|2 A=1 B=2`) and runs of blanks are taken away.
pub fn readable(created_by: &str) -> String {
    let text = created_by.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.strip_suffix("# buildkit").map_or(text.as_str(), str::trim_end);
    if let Some((_, rest)) = text.split_once("#(nop)") {
        return rest.split_whitespace().flat_map(flag_and_source).map(short_source).collect::<Vec<_>>().join(" ");
    }
    let (run, rest) = match text.strip_prefix("RUN ") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let rest = without_arguments(rest);
    match without_shell(rest) {
        Some(command) => format!("RUN {command}"),
        None if run => format!("RUN {rest}"),
        None => rest.to_owned(),
    }
}

/// The classic builder leaves out the blank between a flag and what is copied: `--chown=1:1file:HASH`.
fn flag_and_source(word: &str) -> Vec<&str> {
    let at = ["file:", "dir:", "multi:"].iter().filter_map(|kind| word.rfind(kind)).max();
    match at.filter(|at| *at > 0 && word.starts_with("--")) {
        Some(at) => vec![&word[..at], &word[at..]],
        None => vec![word],
    }
}

/// The classic builder records what was copied as `file:HASH` or `dir:HASH`; twelve digits tell them apart.
fn short_source(word: &str) -> String {
    let hashed = ["file:", "dir:", "multi:"].iter().find_map(|kind| Some((*kind, word.strip_prefix(kind)?)));
    match hashed {
        Some((kind, hash)) if hash.len() > 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{kind}{}…", &hash[..12])
        }
        _ => word.to_owned(),
    }
}

/// Drops `|N NAME=value …` before the shell. Values may hold blanks, so the shell is what is looked for.
fn without_arguments(text: &str) -> &str {
    let counted = text.strip_prefix('|').and_then(|rest| rest.split_once(' '));
    let Some((count, rest)) = counted else { return text };
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    rest.match_indices('/').map(|(at, _)| &rest[at..]).find(|tail| without_shell(tail).is_some()).unwrap_or(rest)
}

fn without_shell(text: &str) -> Option<&str> {
    let (shell, mut rest) = text.split_once(' ')?;
    let name = shell.strip_prefix("/usr").unwrap_or(shell).strip_prefix("/bin/")?;
    if !matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh") {
        return None;
    }
    loop {
        let (option, after) = rest.split_once(' ')?;
        match option.strip_prefix('-') {
            Some(letters) if letters.ends_with('c') && letters.bytes().all(|b| b.is_ascii_lowercase()) => {
                return Some(after);
            }
            Some(_) => rest = after,
            None if option == "pipefail" => rest = after,
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_read_as_they_were_written() {
        for (recorded, written) in [
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c #(nop) ADD file:ab12 in / ", "ADD file:ab12 in /"),
            ("/bin/sh -c #(nop) COPY dir:0123456789abcdef0123 in /srv/ ", "COPY dir:0123456789ab… in /srv/"),
            ("/bin/sh -c apt-get   update", "RUN apt-get update"),
            ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
            ("RUN |2 A=1 B=x y /bin/sh -c make A=$A # buildkit", "RUN make A=$A"),
            ("|1 A=/usr/lib /bin/sh -c make", "RUN make"),
            ("/bin/bash -o pipefail -c curl x | sh", "RUN curl x | sh"),
            ("/bin/bash -eo pipefail -xc make", "RUN make"),
            ("COPY app /srv # buildkit", "COPY app /srv"),
            ("RUN apt-get update", "RUN apt-get update"),
            ("cmd /S /C #(nop) WORKDIR C:\\app", "WORKDIR C:\\app"),
            ("bazel build ...", "bazel build ..."),
            ("", ""),
        ] {
            assert_eq!(readable(recorded), written, "{recorded}");
        }
    }
}
