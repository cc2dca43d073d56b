//! Where in a Dockerfile the instruction of a layer is.

use super::Build;
use crate::image::{BuiltAt, Image};
use crate::secret::Redacted;

/// Lines of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub path: String,
    /// The first line, from 1.
    pub line: usize,
    /// The last line.
    pub end_line: usize,
    /// `exact` where the history has the same words; `likely` where it has as many of them as the builder records.
    pub confidence: &'static str,
}

/// By history row: where its instruction is, and its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    rows: Vec<Option<(Place, Option<Redacted>)>>,
}

impl Lines {
    /// The lines of a build that is bound to a history.
    pub fn of(build: &Build) -> Self {
        let mut rows: Vec<Option<(Place, Option<Redacted>)>> = Vec::new();
        for step in build.chain().into_iter().map(|id| build.step(id)) {
            let Some(row) = step.row else { continue };
            let confidence = if step.is_exact { "exact" } else { "likely" };
            let (line, end_line) = (step.instruction.line, step.instruction.end_line);
            let place = Place { path: build.path.clone(), line, end_line, confidence };
            let flags = step.instruction.flags.iter().map(|flag| build.source(flag.span.clone()));
            let words: Vec<&str> = flags.chain(step.instruction.arguments.text.split_whitespace()).collect();
            let mut text = format!("{} {}", step.keyword(), words.join(" "));
            // A here-document keeps its lines.
            if let ("RUN", [one]) = (step.keyword(), &step.instruction.heredocs[..]) {
                let lines = build.source(one.body.clone()).lines();
                for line in lines.map(|line| if one.tabs { line.trim_start_matches('\t') } else { line }) {
                    text.push_str(&format!("\n{line}"));
                }
                text.push_str(&format!("\n{}", one.delimiter));
            }
            rows.resize(rows.len().max(row + 1), None);
            rows[row] = Some((place, Some(Redacted::new(&text))));
        }
        Self { rows }
    }

    /// Takes what the builder itself recorded for exact.
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

    /// How many rows were found.
    pub fn found(&self) -> usize {
        self.rows.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::HistoryRow;

    const FILE: &str = "# syntax=docker/dockerfile:1\nARG V=12\nFROM debian:$V AS base\nRUN apt-get update \\\n    # why\n\n \
                        && apt-get install -y curl\nENV DIR=/srv\nFROM scratch AS other\nRUN other\nFROM base\n\
                        COPY --chown=1:1 app ${DIR}/app\nRUN <<EOF\nset -e\nmake all\nEOF\n\
                        RUN --mount=type=cache,target=/x [\"pip\", \"install\", \"x\"]\nCMD [\"app\", \"-v\"]\n";

    fn places(file: &str, rows: &[&str]) -> Vec<Option<(usize, usize, &'static str)>> {
        let history: Vec<HistoryRow> =
            rows.iter().map(|text| HistoryRow { created_by: Some((*text).into()), ..HistoryRow::default() }).collect();
        let lines = Build::parse("Dockerfile", file).map(|mut build| {
            build.bind(&history);
            Lines::of(&build)
        });
        let lines = lines.unwrap_or_default();
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
        // Of the exec form it records nothing but the words.
        let file = "FROM scratch\nCOPY a /a\nRUN [\"/a\", \"--install\"]\nCOPY a /b\n";
        let classic =
            ["/bin/sh -c #(nop) COPY file:01 in /a ", "/a --install", "/bin/sh -c #(nop) COPY file:01 in /b "];
        let places: Vec<_> = places(file, &classic).into_iter().map(|place| place.map(|place| place.0)).collect();
        assert_eq!(places, [Some(2), Some(3), Some(4)]);
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
