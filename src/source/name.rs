//! The name of an image in a registry, parsed once (the grammar of `distribution/reference`).

use std::fmt;

use thiserror::Error;

use super::Digest;

/// Docker Hub, under the name that references use.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`, completed as Docker completes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not the name of an image.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum NameError {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// A web page's address.
    #[error("it is a web address; write `{0}`")]
    Url(String),
    /// Letters that no name has.
    #[error("it has characters that names of images do not have")]
    Characters,
    /// Capitals in the repository.
    #[error("names of images are written in lower case: `{0}`")]
    Capitals(String),
    /// An empty part, or one that begins or ends with a separator.
    #[error("each part between `/` begins and ends with a lower-case letter or a digit")]
    Parts,
    /// The repository is too long.
    #[error("the repository has more than 255 characters")]
    Long,
    /// Nothing after the colon.
    #[error("nothing follows the colon of its tag")]
    NoTag,
    /// A malformed tag.
    #[error(
        "`{0}` is not a tag: a tag has at most 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two"
    )]
    Tag(String),
    /// A malformed digest.
    #[error("`{0}` is not a digest: after `@` write sha256: and 64 hex digits")]
    Digest(String),
    /// A digest of an algorithm that is not registered.
    #[error("digests of the algorithm `{0}` are not supported: only sha256 and sha512 are")]
    Algorithm(String),
    /// A malformed host.
    #[error("`{0}` is not a registry: write HOST or HOST:PORT")]
    Host(String),
}

/// Whether the first component of a name is a registry and not a part of the repository.
fn is_host(component: &str) -> bool {
    component.contains(['.', ':'])
        || component == "localhost"
        || component.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn valid_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                ("v6", port.strip_prefix(':').or((port.is_empty()).then_some("0")))
            }
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("0")),
        },
    };
    let labels = !name.is_empty()
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    labels && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// A component of a repository: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn valid_component(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separator = String::new();
    for byte in part.bytes() {
        if alphanumeric(byte) {
            let fits = matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
            if !fits {
                return false;
            }
            separator.clear();
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.push(char::from(byte));
        } else {
            return false;
        }
    }
    separator.is_empty() && part.bytes().next().is_some_and(alphanumeric)
}

fn valid_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        && !tag.starts_with(['.', '-'])
}

/// The right form of a pasted web address.
fn from_url(rest: &str) -> String {
    let rest = rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/');
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.strip_prefix("v2/").unwrap_or(path);
    let (path, tag) = match path.split_once("/manifests/") {
        Some((path, tag)) if tag.contains(':') => (path, format!("@{tag}")),
        Some((path, tag)) => (path, format!(":{tag}")),
        None => (path.split_once("/tags").map_or(path, |(path, _)| path), String::new()),
    };
    if host == "hub.docker.com" {
        let path = path.strip_prefix("r/").or_else(|| path.strip_prefix("_/")).unwrap_or(path);
        return format!("docker.io/{path}{tag}");
    }
    format!("{host}/{path}{tag}")
}

impl Reference {
    /// Parses a name, and completes it: `app` is `docker.io/library/app`, with the tag `latest` where it has none.
    ///
    /// # Errors
    /// When no image can have that name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            return Err(NameError::Url(from_url(rest)));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@+[]".contains(&byte)) {
            return Err(NameError::Characters);
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(parse_digest(digest)?)),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            // `HOST:PORT` without a repository is not a name, and is said to be none below.
            Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
            None => (name, None),
        };
        if tag == Some("") {
            return Err(NameError::NoTag);
        }
        if let Some(tag) = tag.filter(|tag| !valid_tag(tag)) {
            return Err(NameError::Tag(tag.to_owned()));
        }
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            _ => (DOCKER_HUB, name),
        };
        if !valid_host(registry) {
            return Err(NameError::Host(registry.to_owned()));
        }
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => DOCKER_HUB.to_owned(),
            other => other.to_ascii_lowercase(),
        };
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NameError::Capitals(path.to_ascii_lowercase()));
        }
        if !path.split('/').all(valid_component) {
            return Err(NameError::Parts);
        }
        let repository =
            if registry == DOCKER_HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if registry.len() + repository.len() + 1 > 255 {
            return Err(NameError::Long);
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { registry, repository, tag, digest })
    }

    /// Host and port; Docker Hub is `docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository, with `library/` where Docker Hub's own are meant.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where neither a tag nor a digest is given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, which is what counts where both are given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same name with another tag.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// The name as people write it: `docker.io/library/app:1` is `app:1`.
    pub fn familiar(&self) -> String {
        let name = self.to_string();
        let short = name.strip_prefix("docker.io/library/").or_else(|| name.strip_prefix("docker.io/"));
        short.map(str::to_owned).unwrap_or(name)
    }
}

fn parse_digest(text: &str) -> Result<Digest, NameError> {
    let algorithm = text.split_once(':').map_or("", |(algorithm, _)| algorithm);
    match (Digest::parse(text), algorithm) {
        (Some(digest), "sha256" | "sha512") => Ok(digest),
        (_, "sha256" | "sha512" | "") => Err(NameError::Digest(text.to_owned())),
        (_, other) => Err(NameError::Algorithm(other.to_owned())),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (typed, whole) in [
            ("app", "docker.io/library/app:latest"),
            ("me/app:1", "docker.io/me/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
            ("reg:5000/app", "reg:5000/app:latest"),
            ("GHCR.io/Org".to_lowercase().as_str(), "ghcr.io/org:latest"),
            ("index.docker.io/library/app:1", "docker.io/library/app:1"),
            ("registry-1.docker.io/app", "docker.io/library/app:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest"),
            ("a/b__c.d--e:T_1.2-x", "docker.io/a/b__c.d--e:T_1.2-x"),
            (&format!("ghcr.io/o/a@{digest}"), &format!("ghcr.io/o/a@{digest}")),
            (&format!("ghcr.io/o/a:1@{digest}"), &format!("ghcr.io/o/a:1@{digest}")),
        ] {
            assert_eq!(Reference::parse(typed).map(|name| name.to_string()).as_deref(), Ok(whole), "{typed}");
        }
        assert_eq!(Reference::parse("docker.io/library/app:1").map(|name| name.familiar()).as_deref(), Ok("app:1"));
    }

    #[test]
    fn what_no_image_is_named() {
        for typed in [
            "",
            "A/b/C",
            "a//b",
            "-a",
            "a-",
            "a/.b",
            "a:",
            "a:-x",
            "a b",
            "a@sha256:12",
            "a@md5:00",
            "ex.com:99999/a",
            "[::1/x",
            "a...b",
        ] {
            assert!(Reference::parse(typed).is_err(), "{typed}");
        }
        for (typed, instead) in [
            ("https://hub.docker.com/r/org/app", "docker.io/org/app"),
            ("https://hub.docker.com/_/debian", "docker.io/debian"),
            ("https://ghcr.io/org/app", "ghcr.io/org/app"),
            ("http://reg.io/v2/a/b/manifests/1.0", "reg.io/a/b:1.0"),
        ] {
            assert_eq!(Reference::parse(typed), Err(NameError::Url(instead.to_owned())), "{typed}");
        }
    }
}
