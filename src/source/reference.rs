use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::endpoint::Engine;
use super::{Digest, NameError, Reference};

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
    /// The platform that was asked for with the name: `NAME@linux/arm64`.
    pub platform: Option<String>,
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file or directory.
    Path(PathBuf),
    /// A tar on standard input.
    Stdin,
    /// An image in containerd's store.
    Containerd {
        /// As `ctr` or `nerdctl` take it.
        name: String,
        /// Where it is looked for; everywhere when nothing is said.
        namespace: Option<String>,
    },
    /// An image in the storage of Podman and Buildah.
    Storage {
        /// As Podman takes it.
        name: String,
        /// The folder of the storage; where it is configured when nothing is said.
        root: Option<PathBuf>,
        /// The storage driver.
        driver: Option<String>,
    },
    /// An image of a daemon.
    Engine {
        /// Whose; Docker's and then Podman's when nothing is said.
        engine: Option<Engine>,
        /// As `docker run` takes it.
        name: String,
    },
    /// An image of a registry, by its name there.
    Registry(String),
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
    #[error("no file or directory is named `{0}`, and it is not the name of an image: {1}")]
    NoName(String, String),
    /// What follows a prefix that only names have.
    #[error("`{0}` is not the name of an image: {1}")]
    BadName(String, String),
    /// It looks like a path and is none.
    #[error("{} does not exist", .0.display())]
    NoSuchPath(PathBuf),
    /// A prefix with nothing after it.
    #[error("{0} names no path; write {0}PATH")]
    NoPath(String),
}

/// Prefixes of daemons. `docker://` is a registry's to skopeo and a daemon's to dive.
const DAEMONS: [(&str, Engine, Option<&str>); 6] = [
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
];

/// Why a text can't be the name of an image, or an id; None when it can.
fn not_a_name(text: &str) -> Option<String> {
    // An id with its algorithm, as engines print it.
    if Digest::parse(text).is_some() {
        return None;
    }
    Reference::parse(text).err().map(|error| error.to_string())
}

/// `linux/arm64`, as it may follow a name. A digest has a colon, a number no slash.
fn is_platform(text: &str) -> bool {
    let (os, rest) = text.split_once('/').unwrap_or((text, ""));
    let known = matches!(os, "linux" | "windows" | "freebsd" | "darwin" | "wasi" | "wasip1" | "js");
    known && !rest.is_empty() && !rest.contains(':')
}

impl Target {
    /// The image's name that the text is as well, where a path was found first.
    pub(super) fn as_name(&self) -> Option<&str> {
        let is_plain = matches!(self.place, Place::Path(_)) && self.format.is_none() && !is_path_like(&self.typed);
        Some(self.typed.as_str()).filter(|typed| is_plain && not_a_name(typed).is_none())
    }

    /// The same, looked for in one namespace of containerd; sources without namespaces stay as they are.
    #[must_use]
    pub fn in_namespace(mut self, wanted: Option<&str>) -> Self {
        if let (Place::Containerd { namespace, .. }, Some(wanted)) = (&mut self.place, wanted) {
            *namespace = Some(wanted.to_owned());
        }
        self
    }

    /// Understands `typed`: `-`, a path, a path with a choice (`PATH:REF`, `PATH@N`), or one of those after a prefix.
    ///
    /// # Errors
    /// When nothing that can be read is meant, with what to do instead.
    pub fn parse(typed: &OsStr) -> Result<Self, TargetError> {
        let text = typed.to_string_lossy().into_owned();
        if !Path::new(typed).exists()
            && let Some((name, platform)) = text.rsplit_once('@').filter(|(_, end)| is_platform(end))
        {
            let target = Self::parse(OsStr::new(name))?;
            return Ok(Self { typed: text.clone(), platform: Some(platform.to_owned()), ..target });
        }
        let target =
            |place, select, format| Self { typed: text.clone(), place, select, format, meaning: None, platform: None };
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
            let why = |error: NameError| TargetError::BadName(name.to_owned(), error.to_string());
            Reference::parse(name).map_err(why)?;
            return Ok(target(Place::Registry(name.to_owned()), None, None));
        }
        if let Some(rest) = text.strip_prefix("containers-storage:") {
            // `[DRIVER@ROOT+RUNROOT:OPTIONS]NAME`, of which all but the root may be left out.
            let (place, name) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((place, name)) => (Some(place), name),
                None => (None, rest),
            };
            let (driver, root) = match place.map(|place| place.split_once('@').unwrap_or(("", place))) {
                Some((driver, root)) => (driver, root.split(['+', ':']).next().unwrap_or_default()),
                None => ("", ""),
            };
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            return match not_a_name(name) {
                None => {
                    let (root, driver) = (some(root).map(PathBuf::from), some(driver));
                    Ok(target(Place::Storage { name: name.to_owned(), root, driver }, None, None))
                }
                Some(why) => Err(TargetError::BadName(name.to_owned(), why)),
            };
        }
        if let Some(name) = text.strip_prefix("containerd:") {
            let name = name.trim_start_matches("//");
            let namespace = std::env::var("CONTAINERD_NAMESPACE").ok().filter(|name| !name.is_empty());
            return match not_a_name(name) {
                None => Ok(target(Place::Containerd { name: name.to_owned(), namespace }, None, None)),
                Some(why) => Err(TargetError::BadName(name.to_owned(), why)),
            };
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
            ("0123456789ab", None, "0123456789ab"),
            ("docker:app", Some(Engine::Docker), "app"),
            ("docker-daemon:app:1", Some(Engine::Docker), "app:1"),
            ("docker://app", Some(Engine::Docker), "app"),
            ("podman:localhost/app", Some(Engine::Podman), "localhost/app"),
        ] {
            let place = parse(typed).map(|target| target.place);
            assert_eq!(place, Ok(Place::Engine { engine, name: name.to_owned() }), "{typed}");
        }
        let with = parse("registry:reg.io/app:1@linux/arm/v7").map(|target| (target.place, target.platform));
        assert_eq!(with, Ok((Place::Registry("reg.io/app:1".to_owned()), Some("linux/arm/v7".to_owned()))));
        assert!(parse("docker://app").is_ok_and(|target| target.meaning.is_some()));
    }

    #[test]
    fn what_can_not_be_read_says_what_to_do() {
        for (typed, says) in [
            ("Nginx", "lower case"),
            ("a b", "characters that names"),
            ("app@latest", "is not a digest"),
            ("registry:", "it is empty"),
            ("https://ghcr.io/org/app", "write `ghcr.io/org/app`"),
            ("registry:https://hub.docker.com/r/org/app", "write `docker.io/org/app`"),
            ("./no.tar", "does not exist"),
            ("oci:", "write oci:PATH"),
        ] {
            let error = parse(typed).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(says), "{typed}: {error}");
        }
    }
}
