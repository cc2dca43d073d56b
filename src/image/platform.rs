use std::fmt;

use crate::bytes::shown_text;

/// What an image runs on: `os/architecture[/variant]` (OCI image spec, "platform" of a descriptor).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// As Go names it: `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …
    pub variant: Option<String>,
}

impl Platform {
    /// Takes `os/architecture[/variant]` or an architecture alone, in the names that people use.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_ascii_lowercase);
        let first = parts.next().filter(|part| !part.is_empty())?;
        let second = parts.next();
        let third = parts.next();
        if parts.next().is_some() || second.as_deref() == Some("") || third.as_deref() == Some("") {
            return None;
        }
        let (os, architecture) = match second {
            Some(architecture) => (first, architecture),
            None if matches!(first.as_str(), "linux" | "windows" | "freebsd") => (first, Self::machine().architecture),
            None => ("linux".to_owned(), first),
        };
        Some(Self { os, architecture, variant: third }.normal())
    }

    /// The machine's own. Containers on macOS and Windows run Linux by default.
    pub fn machine() -> Self {
        Self { os: "linux".into(), architecture: std::env::consts::ARCH.into(), variant: None }.normal()
    }

    /// `x86_64` is `amd64`, `aarch64` is `arm64`, and `arm64/v8` is what `arm64` means.
    fn normal(mut self) -> Self {
        let (architecture, variant) = match self.architecture.as_str() {
            "x86_64" | "x86-64" => ("amd64", None),
            "aarch64" => ("arm64", None),
            "i386" | "i686" | "x86" => ("386", None),
            "armhf" | "armv7" | "armv7l" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v6")),
            other => (other, None),
        };
        self.variant = self.variant.or_else(|| variant.map(str::to_owned));
        self.architecture = architecture.to_owned();
        if self.architecture == "arm64" && self.variant.as_deref() == Some("v8") {
            self.variant = None;
        }
        self
    }

    /// How well an image for `self` runs where `wanted` is asked for: less is better, and None is not at all. As containerd
    /// chooses: a machine runs older variants of its architecture, `arm` means `arm/v7`, and `amd64/v3` does not run on
    /// every `amd64`.
    pub fn fit(&self, wanted: &Self) -> Option<u32> {
        let own = self.clone().normal();
        if own.os != wanted.os || own.architecture != wanted.architecture {
            return None;
        }
        if own.variant == wanted.variant {
            return Some(0);
        }
        wanted.level()?.checked_sub(own.level()?)
    }

    /// The number of the variant, the usual one where none is named.
    fn level(&self) -> Option<u32> {
        match (&self.variant, self.architecture.as_str()) {
            (Some(variant), _) => variant.strip_prefix('v')?.parse().ok(),
            (None, "amd64") => Some(1),
            (None, "arm") => Some(7),
            (None, "arm64") => Some(8),
            (None, _) => None,
        }
    }

    /// Whether both may name the same platform: one of them may leave the variant out.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let (own, other) = (self.clone().normal(), other.clone().normal());
        own.os == other.os
            && own.architecture == other.architecture
            && (own.variant.is_none() || other.variant.is_none() || own.variant == other.variant)
    }

    /// `unknown/unknown` marks attestations, which are not images.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown"
    }
}

/// Made harmless: the words are an image's own.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", shown_text(&self.os), shown_text(&self.architecture))?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{}", shown_text(variant)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_where() {
        for (image, wanted, fit) in [
            ("linux/amd64", "linux/amd64", Some(0)),
            ("linux/amd64", "linux/x86_64", Some(0)),
            ("linux/amd64/v1", "linux/amd64", Some(0)),
            ("linux/amd64/v3", "linux/amd64", None),
            ("linux/amd64/v2", "linux/amd64/v3", Some(1)),
            ("linux/arm64/v8", "linux/arm64", Some(0)),
            ("linux/arm64", "linux/arm64/v8", Some(0)),
            ("linux/arm/v7", "linux/arm", Some(0)),
            ("linux/arm/v6", "linux/arm", Some(1)),
            ("linux/arm/v6", "linux/arm/v7", Some(1)),
            ("linux/arm/v7", "linux/arm/v6", None),
            ("linux/arm64", "arm64", Some(0)),
            ("linux/arm", "linux/arm64", None),
            ("linux/ppc64le", "linux/ppc64le", Some(0)),
            ("windows/amd64", "linux/amd64", None),
        ] {
            let (Some(image), Some(wanted)) = (Platform::parse(image), Platform::parse(wanted)) else { panic!() };
            assert_eq!(image.fit(&wanted), fit, "{image} for {wanted}");
        }
        assert_eq!(Platform::parse("linux/amd64/v1/x"), None);
        assert_eq!(Platform::parse(""), None);
    }

    #[test]
    fn words_of_an_image_are_harmless() {
        let hostile =
            Platform { os: "a\u{1b}[31m".into(), architecture: "b\u{202e}".into(), variant: Some("\u{7}".into()) };
        assert_eq!(hostile.to_string(), "a\\x1b[31m/b\\xe2\\x80\\xae/\\x07");
    }
}
