use std::borrow::Cow;

use super::Layer;
use crate::secret::{HiddenSecret, Redacted};

/// One row of the history (OCI image spec, "Image Configuration", `history`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryRow {
    /// When, as written.
    pub created: Option<String>,
    /// The instruction, as the builder wrote it.
    pub created_by: Option<Redacted>,
    /// A comment, such as the builder's name.
    pub comment: Option<Redacted>,
    /// True where the builder says that it made no layer.
    pub empty: bool,
    /// The layer that it made, by index; set by `align`.
    pub layer: Option<usize>,
    /// The instruction as its author wrote it; set by `read_instructions`.
    pub instruction: Option<String>,
}

impl HistoryRow {
    /// Secrets that the instruction and the comment hold; their values are hidden there.
    pub fn secrets(&self) -> impl Iterator<Item = &HiddenSecret> {
        [&self.created_by, &self.comment].into_iter().flatten().flat_map(Redacted::secrets)
    }

    /// The instruction as its author wrote it, with the line ends of a here-document.
    pub fn instruction(&self) -> Option<String> {
        // A row that stands alone has no earlier ones to read it by.
        let alone = || self.created_by.as_deref().map(|recorded| readable(recorded, &Scope::default()));
        self.instruction.clone().or_else(alone)
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

/// Reads every row's instruction, the oldest row first: what a `RUN` records depends on the `SHELL` and `ARG` rows before it.
pub(super) fn read_instructions(rows: &mut [HistoryRow]) {
    let mut scope = Scope::default();
    for row in rows {
        row.instruction = row.created_by.as_deref().map(|recorded| {
            let instruction = readable(recorded, &scope);
            scope.read(&instruction);
            instruction
        });
    }
}

/// What earlier rows say of the `RUN` rows that follow.
#[derive(Debug, Default)]
struct Scope {
    /// The words of the last `SHELL`, joined by blanks.
    shell: Option<String>,
    /// Build arguments: their names, and their values where the row has one.
    arguments: Vec<(String, Option<String>)>,
}

impl Scope {
    fn read(&mut self, instruction: &str) {
        if let Some(words) = instruction.strip_prefix("SHELL ") {
            let words = words.trim();
            let inner = words.trim_start_matches('[').trim_end_matches(']');
            // Builders write the list as Go prints it (`[/bin/sh -c]`), others as JSON.
            let shell =
                serde_json::from_str::<Vec<String>>(words).map_or_else(|_| inner.to_owned(), |all| all.join(" "));
            self.shell = Some(shell).filter(|shell| !shell.is_empty());
        } else if let Some(argument) = instruction.strip_prefix("ARG ") {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument, None),
            };
            self.arguments.push((name.trim().to_owned(), value));
        }
    }

    /// The command after a shell; None where the text does not begin with one.
    fn without_shell<'t>(&self, text: &'t str) -> Option<&'t str> {
        let own = self.shell.as_deref().and_then(|shell| text.strip_prefix(shell)?.strip_prefix(' '));
        own.or_else(|| without_shell(text))
    }

    /// Drops `|N NAME=value …`, which stands before the command of a `RUN` that saw build arguments; None where there is none.
    fn without_arguments<'t>(&self, text: &'t str) -> Option<&'t str> {
        let (count, mut rest) = text.strip_prefix('|')?.split_once(' ')?;
        let count: usize = count.parse().ok()?;
        for left in (0..count).rev() {
            let equals = rest.find('=').filter(|at| is_variable(&rest[..*at]))?;
            let (name, value) = (&rest[..equals], &rest[equals + 1..]);
            rest = value[self.end_of_value(name, value, left == 0)..].trim_start_matches(' ');
        }
        Some(rest)
    }

    /// How long an argument's value is, which may hold blanks: the value that its `ARG` row has, or everything up to the next
    /// argument, or up to the shell after the last one; else one word.
    fn end_of_value(&self, name: &str, value: &str, is_last: bool) -> usize {
        let known =
            self.arguments.iter().rev().filter(|(other, _)| other == name).find_map(|(_, value)| value.as_deref());
        let ends_there = |end: usize| value[end..].is_empty() || value[end..].starts_with(' ');
        let unquoted = known.map(|known| known.trim_matches(['"', '\'']));
        for known in known.into_iter().chain(unquoted) {
            if value.starts_with(known) && ends_there(known.len()) {
                return known.len();
            }
        }
        let is_end = |at: usize| match is_last {
            true => self.without_shell(&value[at + 1..]).is_some(),
            false => value[at + 1..].split_once('=').is_some_and(|(name, _)| is_variable(name)),
        };
        let blanks = || value.match_indices(' ').map(|(at, _)| at);
        blanks().find(|at| is_end(*at)).or_else(|| blanks().next()).unwrap_or(value.len())
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An instruction as its author wrote it, from what the builder recorded: the classic builder's `#(nop)` and
/// `/bin/sh -c`, `BuildKit`'s suffix, build arguments (`|2 A=1 B=2`) and runs of blanks are taken away. What a here-document
/// says stays on its own lines.
fn readable(created_by: &str, scope: &Scope) -> String {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").map_or(text, |text| text.strip_suffix(' ').unwrap_or(text));
    if let Some((_, rest)) = text.split_once("#(nop)") {
        return rest.split_whitespace().flat_map(flag_and_source).map(short_source).collect::<Vec<_>>().join(" ");
    }
    let (is_run, rest) = match text.strip_prefix("RUN ") {
        Some(rest) => (true, rest.trim_start_matches(' ')),
        None => (false, text),
    };
    let (is_run, rest) = scope.without_arguments(rest).map_or((is_run, rest), |rest| (true, rest));
    match scope.without_shell(rest) {
        Some(command) => format!("RUN {}", lines(command)),
        None if is_run => format!("RUN {}", lines(rest)),
        None => collapsed(rest),
    }
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Commands have several lines only where they come from a here-document, whose blanks have a meaning. `BuildKit` records
/// `RUN <<EOF` without the marks, so they are put back.
fn lines(command: &str) -> Cow<'_, str> {
    let command = command.trim_start_matches([' ', '\n', '\r']).trim_end();
    if !command.contains('\n') {
        return collapsed(command).into();
    }
    let first = command.lines().next().unwrap_or_default();
    if first.contains("<<") {
        return command.into();
    }
    let mark =
        ["EOF", "EOT", "END"].into_iter().find(|mark| command.lines().all(|line| line != *mark)).unwrap_or("EOF_");
    format!("<<{mark}\n{command}\n{mark}").into()
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
            assert_eq!(readable(recorded, &Scope::default()), written, "{recorded}");
        }
    }

    /// As `BuildKit` 0.12 to 0.25 and the classic builder record them.
    #[test]
    fn arguments_and_shells_of_earlier_rows_do_not_stand_before_the_command() {
        let pairs = [
            ("ARG VERSION=1.0", "ARG VERSION=1.0"),
            ("ARG WORDS=a b c", "ARG WORDS=a b c"),
            ("RUN |2 VERSION=1.0 WORDS=a b c touch /v/exec # buildkit", "RUN touch /v/exec"),
            ("RUN |2 VERSION=2.0 WORDS=x  y /bin/sh -c echo $WORDS # buildkit", "RUN echo $WORDS"),
            ("|1 VERSION=1.0 apk add curl", "RUN apk add curl"),
            ("SHELL [/bin/busybox sh -c]", "SHELL [/bin/busybox sh -c]"),
            ("RUN |1 VERSION=3 /bin/busybox sh -c mkdir /v # buildkit", "RUN mkdir /v"),
            ("RUN /bin/busybox sh -c  mkdir   /w # buildkit", "RUN mkdir /w"),
            ("SHELL [\"/bin/ash\",\"-eo\",\"pipefail\",\"-c\"]", "SHELL [\"/bin/ash\",\"-eo\",\"pipefail\",\"-c\"]"),
            ("RUN |1 S=/bin/sh /bin/ash -eo pipefail -c a | b # buildkit", "RUN a | b"),
        ];
        let mut rows: Vec<HistoryRow> = pairs
            .iter()
            .map(|(recorded, _)| HistoryRow { created_by: Some(Redacted::new(recorded)), ..HistoryRow::default() })
            .collect();
        read_instructions(&mut rows);
        let read: Vec<&str> = rows.iter().filter_map(|row| row.instruction.as_deref()).collect();
        assert_eq!(read, pairs.map(|(_, written)| written));
    }

    #[test]
    fn here_documents_keep_their_lines() {
        for (recorded, written) in [
            ("RUN /bin/sh -c mkdir -p /h\n  echo one\n # buildkit", "RUN <<EOF\nmkdir -p /h\n  echo one\nEOF"),
            (
                "RUN |1 A=1 /bin/sh -c <<-\"XX\" cat > /h/three\n\t# a comment\n\techo three\nXX # buildkit",
                "RUN <<-\"XX\" cat > /h/three\n\t# a comment\n\techo three\nXX",
            ),
            ("RUN /bin/sh -c cat\nEOF\n # buildkit", "RUN <<EOT\ncat\nEOF\nEOT"),
            ("LABEL a=x\ny", "LABEL a=x y"),
        ] {
            assert_eq!(readable(recorded, &Scope::default()), written, "{recorded}");
        }
    }
}
