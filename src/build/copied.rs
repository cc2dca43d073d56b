//! Where in the build context a copied file comes from, as far as the instruction tells: what `.dockerignore` has to name.

use globset::GlobBuilder;

use super::CopyBody;
use super::variables::absolute;
use crate::image::Image;

/// What a `COPY` or `ADD` copies, and where to.
#[derive(Debug, PartialEq, Eq)]
pub struct Copied {
    sources: Vec<String>,
    /// Absolute, without a `/` at its end; empty for the root.
    to: String,
    /// A file goes into it under its own name.
    into: bool,
}

/// Where a file comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// A path in the build context.
    Context(String),
    /// An archive there, which `ADD` unpacks.
    Archive(String),
    /// Another machine.
    Remote(String),
}

/// The directory in which the instruction of a layer works.
pub fn workdir_of(image: &Image, layer: u16) -> String {
    let Some(row) = image.layers.get(usize::from(layer)).and_then(|layer| layer.history) else { return String::new() };
    let rows = image.history[..row].iter().filter_map(|row| row.instruction());
    let places = rows.filter_map(|text| text.strip_prefix("WORKDIR ").map(|place| place.trim().to_owned()));
    places.fold(String::new(), |at, place| absolute(&at, &place))
}

fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

fn is_remote(source: &str) -> bool {
    ["http://", "https://", "git@", "git://", "ssh://"].iter().any(|start| source.starts_with(start))
}

/// Whether `ADD` unpacks it.
pub fn is_archive(name: &str) -> bool {
    [".tar", ".tgz", ".tbz2", ".txz"].iter().any(|end| name.ends_with(end))
        || [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"].iter().any(|end| name.ends_with(end))
}

impl Copied {
    /// Reads an instruction that runs in the directory `workdir`. None when it does not say what it copies: the classic
    /// builder records a hash, variables may be unknown.
    pub fn of(instruction: &str, workdir: &str) -> Option<Self> {
        let (word, rest) = instruction.split_once(' ')?;
        if !matches!(word, "COPY" | "ADD") || rest.contains('$') || rest.contains("<<") {
            return None;
        }
        let mut rest = rest.trim_start();
        while rest.starts_with("--") {
            let (flag, after) = rest.split_once(' ')?;
            if flag.starts_with("--from=") || flag.starts_with("--parents") {
                return None;
            }
            rest = after.trim_start();
        }
        let mut words: Vec<String> = match serde_json::from_str(rest) {
            Ok(words) if rest.starts_with('[') => words,
            _ => rest.split_whitespace().map(str::to_owned).collect(),
        };
        let to = words.pop()?;
        let classic = words.last().is_some_and(|word| word == "in") && words.iter().any(|word| word.contains(':'));
        if words.is_empty() || classic {
            return None;
        }
        let into = to.ends_with('/') || matches!(base_name(&to), "." | "..");
        Some(Self { sources: words, to: absolute(workdir, &to), into })
    }

    /// What a `COPY` or `ADD` of a Dockerfile copies from the build context. None when it copies from a stage, or variables are
    /// not known.
    pub fn from_context(body: &CopyBody) -> Option<Self> {
        let unknown = body.sources.is_empty() || body.sources.iter().any(|source| source.contains('$'));
        let to = body.target.clone().filter(|_| body.from.is_none() && !unknown)?;
        Some(Self { sources: body.sources.clone(), to, into: body.into })
    }

    /// Where it copies to, absolute; empty for the root.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// All that it copies; None when patterns stand for it.
    pub fn all(&self) -> Option<Vec<Source>> {
        let one = |source: &String| match source {
            source if is_remote(source) => Some(Source::Remote(source.clone())),
            source => named(source),
        };
        self.sources.iter().map(one).collect()
    }

    /// Where the file of an absolute path comes from. `has_others` says whether the layer has other entries in the target
    /// directory than the one of that name: then what was copied is a directory. None when it can't be told.
    pub fn source_of(&self, path: &str, has_others: impl Fn(&str) -> bool) -> Option<Source> {
        let rest = path.strip_prefix(&self.to)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let rest = rest.trim_start_matches('/');
        let found = match &self.sources[..] {
            [one] if is_remote(one) => return Some(Source::Remote(one.clone())),
            [one] => of_one(one, rest, self.into, &has_others)?,
            several => several.iter().find_map(|one| of_several(one, rest))?,
        };
        let found = match &self.sources[..] {
            [one] if is_archive(one) && !rest.is_empty() && base_name(one) != rest => {
                return Some(Source::Archive(absolute("", one).trim_start_matches('/').to_owned()));
            }
            _ => found,
        };
        named(&found)
    }
}

/// A path of the build context, as `.dockerignore` names it; None for the context itself, and where signs of the path mean
/// something in a pattern.
fn named(source: &str) -> Option<Source> {
    let path = absolute("", source).trim_start_matches('/').to_owned();
    let plain = !path.is_empty() && !path.contains(['*', '?', '[', '\\']) && !path.starts_with(['#', '!']);
    plain.then_some(Source::Context(path))
}

fn has_pattern(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

/// A name that a pattern of files stands for, in the pattern's directory.
fn by_pattern(source: &str, rest: &str) -> Option<String> {
    let (folder, pattern) = source.rsplit_once('/').unwrap_or(("", source));
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().ok()?;
    let fits = !has_pattern(folder) && !rest.contains('/') && glob.compile_matcher().is_match(rest);
    fits.then(|| format!("{folder}/{rest}"))
}

fn of_one(source: &str, rest: &str, into: bool, has_others: &impl Fn(&str) -> bool) -> Option<String> {
    if has_pattern(source) {
        return by_pattern(source, rest);
    }
    if rest.is_empty() {
        return Some(source.to_owned());
    }
    let directory = source.ends_with('/') || matches!(base_name(source), "." | ".." | "");
    let own_name = into && rest == base_name(source) && !directory;
    Some(if own_name && !has_others(rest) { source.to_owned() } else { format!("{source}/{rest}") })
}

/// Of several sources only files can be told apart by their names.
fn of_several(source: &str, rest: &str) -> Option<String> {
    if has_pattern(source) {
        return by_pattern(source, rest);
    }
    (base_name(source) == rest).then(|| source.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_from_where() {
        let context = |path: &str| Some(Source::Context(path.to_owned()));
        for (instruction, path, want) in [
            ("COPY . /app", "/app/x/y", context("x/y")),
            ("COPY . .", "/srv/x", context("x")),
            ("COPY ./ ./", "/srv/.git", context(".git")),
            ("COPY src/ /app/", "/app/x", context("src/x")),
            ("COPY src /app", "/app/x/y", context("src/x/y")),
            ("COPY --chown=1:1 --link src /app", "/app/x", context("src/x")),
            ("COPY a.conf /etc/b.conf", "/etc/b.conf", context("a.conf")),
            ("COPY conf/a.conf /etc/", "/etc/a.conf", context("conf/a.conf")),
            ("COPY conf/a.conf .", "/srv/a.conf", context("conf/a.conf")),
            ("COPY /abs/a /b", "/b", context("abs/a")),
            ("COPY ../a /b", "/b", context("a")),
            ("COPY package*.json ./", "/srv/package-lock.json", context("package-lock.json")),
            ("COPY web/*.js /w/", "/w/a.js", context("web/a.js")),
            ("COPY web/*.js /w/", "/w/a.css", None),
            ("COPY a b/c /w/", "/w/c", context("b/c")),
            ("COPY a b/c /w/", "/w/d", None),
            (r#"COPY ["my file", "/w/"]"#, "/w/my file", context("my file")),
            ("COPY dir:0123456789ab… in /app", "/app/x", None),
            ("COPY $SRC /app", "/app/x", None),
            ("COPY --from=build /a /app", "/app/x", None),
            ("COPY --parents a/b /app/", "/app/a/b", None),
            ("COPY src /app", "/other/x", None),
            ("COPY src /app", "/apple/x", None),
            ("COPY . /", "/a*b", None),
            (
                "ADD https://x.example/a.tgz /a.tgz",
                "/a.tgz",
                Some(Source::Remote("https://x.example/a.tgz".to_owned())),
            ),
            ("ADD v/a.tar.gz /opt/", "/opt/bin/x", Some(Source::Archive("v/a.tar.gz".to_owned()))),
            ("RUN cp a b", "/b", None),
            ("COPY a", "/a", None),
        ] {
            let found = Copied::of(instruction, "/srv").and_then(|copied| copied.source_of(path, |_| false));
            assert_eq!(found, want, "{instruction}: {path}");
        }
        // A directory that holds a file of its own name.
        let copied = Copied::of("COPY app /srv/app/", "").unwrap_or_else(|| panic!("it says so"));
        assert_eq!(copied.source_of("/srv/app/app", |_| true), context("app/app"));
        assert_eq!(copied.source_of("/srv/app/app", |_| false), context("app"));
    }
}
