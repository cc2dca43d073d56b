use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::endpoint::Engine;

/// What the user typed, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As typed.
    pub typed: String,
    /// Where to look.
    pub place: Place,
    /// Which of several images.
    pub select: Option<Select>,
    /// The format that a prefix promised.
    pub format: Option<Format>,
    /// Which of several meanings was taken, where a prefix has more than one.
    pub meaning: Option<String>,
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file or directory.
    Path(PathBuf),
    /// A tar on standard input.
    Stdin,
    /// An image of a daemon.
    Engine {
        /// Whose; Docker's and then Podman's when nothing is said.
        engine: Option<Engine>,
        /// As `docker run` takes it.
        name: String,
    },
}

/// Which of several images of an archive or layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// By a name or tag, as it is written there or as Docker would complete it.
    Name(String),
    /// By place, from 0.
    Index(usize),
}

/// The format that a prefix promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `docker-archive:`
    DockerArchive,
    /// `oci-archive:`
    OciArchive,
    /// `oci:`, `oci-layout:`, `oci-dir:`
    OciLayout,
    /// `dir:`, as skopeo writes it
    Directory,
}

/// What can't be understood.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Neither a file nor an image's name.
    #[error("no file or directory is named `{0}`, and it is no image's name either: {1}")]
    NoName(String, &'static str),
    /// It looks like a path and is none.
    #[error("{} does not exist", .0.display())]
    NoSuchPath(PathBuf),
    /// A source that is known and not read yet.
    #[error("{typed}: {what} are not read yet; try `{instead}`")]
    NotYet {
        /// As typed.
        typed: String,
        /// What it means.
        what: &'static str,
        /// What to do now.
        instead: String,
    },
    /// A prefix with nothing after it.
    #[error("{0} names no path; write {0}PATH")]
    NoPath(String),
}

/// Prefixes of daemons. `docker://` is a registry's to skopeo and a daemon's to dive.
const DAEMONS: [(&str, Engine, Option<&str>); 7] = [
    ("docker-daemon://", Engine::Docker, None),
    ("docker-daemon:", Engine::Docker, None),
    (
        "docker://",
        Engine::Docker,
        Some("`docker://` is taken for an image of the Docker daemon, as dive does; skopeo means a registry"),
    ),
    ("docker:", Engine::Docker, None),
    ("podman://", Engine::Podman, None),
    ("podman:", Engine::Podman, None),
    ("containers-storage:", Engine::Podman, None),
];

/// Why a text can't be an image's name; None when it can (as Docker's reference grammar has it, ids among them).
fn not_a_name(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > 512 {
        return Some("it is too long");
    }
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    if digest.is_some_and(|digest| !digest.contains(':') || digest.ends_with(':')) {
        return Some("after `@` a digest is expected, as sha256:…");
    }
    let slash = name.rfind('/').map_or(0, |slash| slash + 1);
    let repository = name[slash..].find(':').map_or(name, |colon| &name[..slash + colon]);
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@+[]".contains(&byte)) {
        return Some("it has characters that no name has");
    }
    // A registry's host may have capitals.
    let path = repository.split_once('/').filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost");
    let path = path.map_or(repository, |(_, path)| path);
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("names of images are written in small letters");
    }
    let parts_fit = path.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    });
    (!parts_fit).then_some("its parts begin and end with a letter or a digit")
}

impl Target {
    /// The image's name that the text is as well, where a path was found first.
    pub(super) fn as_name(&self) -> Option<&str> {
        let is_plain = matches!(self.place, Place::Path(_)) && self.format.is_none() && !is_path_like(&self.typed);
        Some(self.typed.as_str()).filter(|typed| is_plain && not_a_name(typed).is_none())
    }

    /// Understands `typed`: `-`, a path, a path with a choice (`PATH:REF`, `PATH@N`), or one of those after a prefix.
    ///
    /// # Errors
    /// When nothing that can be read is meant, with what to do instead.
    pub fn parse(typed: &OsStr) -> Result<Self, TargetError> {
        let text = typed.to_string_lossy().into_owned();
        let target = |place, select, format| Self { typed: text.clone(), place, select, format, meaning: None };
        if typed == "-" {
            return Ok(target(Place::Stdin, None, None));
        }
        // An existing path is meant literally, whatever it looks like.
        if Path::new(typed).exists() {
            return Ok(target(Place::Path(typed.into()), None, None));
        }
        for (prefix, format) in [
            ("docker-archive:", Format::DockerArchive),
            ("oci-archive:", Format::OciArchive),
            ("oci-layout:", Format::OciLayout),
            ("oci-dir:", Format::OciLayout),
            ("oci:", Format::OciLayout),
            ("dir:", Format::Directory),
        ] {
            let Some(rest) = text.strip_prefix(prefix) else { continue };
            // `docker-archive://PATH` is how dive's users write it.
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            return match rest {
                "" => Err(TargetError::NoPath(prefix.to_owned())),
                "-" => Ok(target(Place::Stdin, None, Some(format))),
                rest => {
                    let (path, select) = split(rest).unwrap_or_else(|| (PathBuf::from(rest), None));
                    if path.exists() {
                        Ok(target(Place::Path(path), select, Some(format)))
                    } else {
                        Err(TargetError::NoSuchPath(path))
                    }
                }
            };
        }
        if let Some((path, select)) = split(&text) {
            return Ok(target(Place::Path(path), select, None));
        }
        if let Some(name) = text.strip_prefix("registry:") {
            let name = name.trim_start_matches("//");
            return Err(TargetError::NotYet {
                typed: text.clone(),
                what: "images of a registry",
                instead: format!("explore --pull missing {name}"),
            });
        }
        let engine = |engine, name: &str, meaning: Option<&str>| match not_a_name(name) {
            None => Ok(Self {
                meaning: meaning.map(str::to_owned),
                ..target(Place::Engine { engine, name: name.to_owned() }, None, None)
            }),
            Some(why) => Err(TargetError::NoName(name.to_owned(), why)),
        };
        if let Some((prefix, whose, meaning)) = DAEMONS.iter().find(|(prefix, ..)| text.starts_with(prefix)) {
            return engine(Some(*whose), &text[prefix.len()..], *meaning);
        }
        if is_path_like(&text) {
            return Err(TargetError::NoSuchPath(text.into()));
        }
        engine(None, &text, None)
    }
}

/// Whether a text can only be meant as a path.
fn is_path_like(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
        || text.ends_with('/')
        || Path::new(text).extension().is_some_and(|end| {
            ["tar", "tgz", "gz", "zst", "zstd", "oci"].iter().any(|known| end.eq_ignore_ascii_case(known))
        })
}

/// Splits `PATH:REF`, `PATH@N` or `PATH:@N` where PATH exists; the longest such path.
fn split(text: &str) -> Option<(PathBuf, Option<Select>)> {
    if Path::new(text).exists() {
        return Some((text.into(), None));
    }
    text.rmatch_indices([':', '@']).find_map(|(at, sign)| {
        let (path, rest) = (&text[..at], &text[at + 1..]);
        if path.is_empty() || rest.is_empty() || !Path::new(path).exists() {
            return None;
        }
        let number = if sign == "@" { rest } else { rest.strip_prefix('@').unwrap_or("") };
        let select = match number.parse() {
            Ok(index) => Select::Index(index),
            Err(_) => Select::Name(rest.to_owned()),
        };
        Some((path.into(), Some(select)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &str) -> Result<Target, TargetError> {
        Target::parse(OsStr::new(typed))
    }

    #[test]
    fn what_users_type() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let file = folder.path().join("a:b.tar");
        std::fs::write(&file, b"x").unwrap_or_else(|error| panic!("{error}"));
        let file = file.display().to_string();
        let name = |name: &str| Some(Select::Name(name.to_owned()));
        for (typed, select, format) in [
            (file.clone(), None, None),
            (format!("{file}:app:1.0"), name("app:1.0"), None),
            (format!("{file}:reg:5000/app@sha256:ab"), name("reg:5000/app@sha256:ab"), None),
            (format!("{file}@2"), Some(Select::Index(2)), None),
            (format!("docker-archive:{file}:@1"), Some(Select::Index(1)), Some(Format::DockerArchive)),
            (format!("docker-archive://{file}"), None, Some(Format::DockerArchive)),
            (format!("oci-archive:{file}:latest"), name("latest"), Some(Format::OciArchive)),
            (format!("oci-layout:{file}"), None, Some(Format::OciLayout)),
        ] {
            let got = parse(&typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
            assert_eq!((got.select, got.format), (select, format), "{typed}");
            assert_eq!(got.place, Place::Path(file.clone().into()), "{typed}");
        }
        assert_eq!(parse("-").map(|target| target.place), Ok(Place::Stdin));
        for (typed, engine, name) in [
            ("nginx:1.27", None, "nginx:1.27"),
            ("reg.example:5000/Team/app".to_lowercase().as_str(), None, "reg.example:5000/team/app"),
            ("app:1@sha256:ab", None, "app:1@sha256:ab"),
            ("0123456789ab", None, "0123456789ab"),
            ("docker:app", Some(Engine::Docker), "app"),
            ("docker-daemon:app:1", Some(Engine::Docker), "app:1"),
            ("docker://app", Some(Engine::Docker), "app"),
            ("podman:localhost/app", Some(Engine::Podman), "localhost/app"),
            ("containers-storage:app", Some(Engine::Podman), "app"),
        ] {
            let place = parse(typed).map(|target| target.place);
            assert_eq!(place, Ok(Place::Engine { engine, name: name.to_owned() }), "{typed}");
        }
        assert!(parse("docker://app").is_ok_and(|target| target.meaning.is_some()));
    }

    #[test]
    fn what_can_not_be_read_says_what_to_do() {
        for (typed, says) in [
            ("Nginx", "small letters"),
            ("a b", "characters that no name has"),
            ("app@latest", "a digest is expected"),
            ("registry:app", "explore --pull missing app"),
            ("./no.tar", "does not exist"),
            ("oci:", "write oci:PATH"),
        ] {
            let error = parse(typed).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(says), "{typed}: {error}");
        }
    }
}
