use globset::{Candidate, GlobBuilder, GlobMatcher};

/// A pattern of paths, as settings have it.
#[derive(Debug, Clone)]
pub struct PathPattern {
    text: String,
    glob: GlobMatcher,
    /// The pattern without `/**` at its end: the folder itself.
    folder: Option<GlobMatcher>,
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl PathPattern {
    /// Understands a pattern: `*` within a name, `**` over folders, `?`, `[a-z]`, `{a,b}`. One without `/` is for names in any
    /// folder, any other begins at the root.
    ///
    /// # Errors
    /// When it is not a pattern.
    pub fn new(text: &str) -> Result<Self, String> {
        let rooted = match text {
            text if text.starts_with('/') || text.starts_with("**/") || text == "**" => text.to_owned(),
            text if text.contains('/') => format!("/{}", text.trim_start_matches("./")),
            text => format!("**/{text}"),
        };
        // A folder that is named with its slash is that folder.
        let rooted = if rooted.len() > 1 { rooted.trim_end_matches('/') } else { &rooted };
        let build = |pattern: &str| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
        };
        let folder = rooted.strip_suffix("/**").filter(|folder| !folder.is_empty()).map(build).transpose()?;
        Ok(Self { text: text.to_owned(), glob: build(rooted)?, folder })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The one path that it names, where it has no wild cards: without its leading `/`.
    pub(super) fn literal(&self) -> Option<&str> {
        let plain = !self.text.contains(['*', '?', '[', '{', '\\']) && self.text.contains('/');
        plain.then(|| self.text.trim_start_matches("./").trim_matches('/'))
    }

    /// Whether it names this path (normal, without a leading `/`).
    pub fn matches(&self, path: &[u8]) -> bool {
        self.glob.is_match_candidate(&Candidate::from_bytes(&[b"/", path].concat()))
    }

    /// Whether it names this path or a folder that the path is in.
    pub fn covers(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]);
        let whole = self
            .folder
            .as_ref()
            .is_some_and(|folder| folder.is_match_candidate(&Candidate::from_bytes(&[b"/", path].concat())));
        whole || ends.into_iter().any(|end| self.matches(&path[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_as_people_mean_them() {
        for (pattern, path, matches, covers) in [
            ("*.pem", "etc/ssl/a.pem", true, true),
            ("/*.pem", "etc/ssl/a.pem", false, false),
            ("etc/*.conf", "etc/a.conf", true, true),
            ("./etc/*.conf", "etc/a.conf", true, true),
            ("/etc/*.conf", "etc/x/a.conf", false, false),
            ("/etc", "etc/x/a.conf", false, true),
            ("/etc/", "etc", true, true),
            ("/etc/**", "etc", false, true),
            ("/etc/**", "etc/x/y", true, true),
            ("**/.git", "srv/app/.git", true, true),
            ("**/.git", "srv/app/.git/HEAD", false, true),
            ("/bin/{sh,bash}", "bin/sh", true, true),
            ("caf*", "caf\u{e9}", true, true),
        ] {
            let parsed = PathPattern::new(pattern);
            let answers = parsed.map(|parsed| (parsed.matches(path.as_bytes()), parsed.covers(path.as_bytes())));
            assert_eq!(answers, Ok((matches, covers)), "{pattern} {path}");
        }
        assert!(PathPattern::new("a[").is_err());
    }
}
