use std::collections::HashSet;

use thiserror::Error;

use super::build::{build, tags};
use super::candidate::{Candidate, Choice, Face, Parts};
use super::choose::{choose, choose_platform};
use super::docker_archive::Saved;
use super::oci::Found;
use super::{Config, Image, Platform, Relative, legacy};
use crate::source::{Format, Select, SourceError};

/// Where documents are looked up.
pub trait Lookup {
    /// The bytes of a small JSON document.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError>;
    /// What an archive without any manifest seems to be.
    fn shape(&self) -> String;
    /// Why the archive could not be read to its end.
    fn damage(&self) -> Option<String>;
    /// What kind of place it is.
    fn kind(&self) -> PlaceKind;
}

/// What kind of place documents are looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A tar archive.
    Archive,
    /// An OCI layout directory.
    Layout,
    /// A directory as skopeo's `dir:` writes it.
    Directory,
}

/// Which image is wanted.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which of several.
    pub select: Option<Select>,
    /// For which platform; [`Request::usual`] by default.
    pub platform: Option<Platform>,
    /// The platform that is meant by default; the machine's own if this is `None`.
    pub usual: Option<Platform>,
    /// What a prefix promised.
    pub format: Option<Format>,
}

/// Why an image was not found.
#[derive(Debug, Error)]
pub enum ImageError {
    /// A member cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No manifest at all.
    #[error("no image in it: neither manifest.json nor index.json is there; {0}")]
    NoManifest(String),
    /// There are manifests, but none of an image.
    #[error("no image in it: {0}")]
    NoImage(String),
    /// A document that cannot be read as one.
    #[error("{name} can't be understood: {problem}")]
    Document {
        /// The member.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A document that is named and not there.
    #[error("{what} {name} is not in the archive{hint}")]
    Missing {
        /// `manifest` or `config`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Why that may be.
        hint: String,
    },
    /// Several images, none chosen.
    #[error("it holds {} images; choose one with `:NAME` or `@NUMBER`:\n{}", .0.len(), list(.0))]
    Several(Vec<Choice>),
    /// The chosen one is not there.
    #[error("it holds no image {wanted}; it has:\n{}", list(.has))]
    NotThere {
        /// What was asked for.
        wanted: String,
        /// What is there.
        has: Vec<Choice>,
    },
    /// The platform is not there.
    #[error("there is no image for {wanted}; choose one with `--platform`:\n{}", list(.has))]
    NoPlatform {
        /// What was asked for.
        wanted: Platform,
        /// What is there.
        has: Vec<String>,
    },
    /// An engine that does not know its own image.
    #[error(
        "{engine} says that the image has {described} layers, its config names {named} and {stored} are stored, and they are \
         not the same; remove the image and build, pull or load it again"
    )]
    EngineDisagrees {
        /// `docker` or `podman`.
        engine: &'static str,
        /// Layers that the engine names.
        described: usize,
        /// Layers that the config names.
        named: usize,
        /// Layers of the manifest.
        stored: usize,
    },
    /// Something else than an image.
    #[error("it is not an image but {0}")]
    NotAnImage(String),
    /// More than anyone stacks.
    #[error("the manifest names {0} layers; more than {MAX_LAYERS} are not read")]
    TooManyLayers(usize),
}

/// Engines refuse more than 127 layers; builders of other kinds go further.
pub(super) const MAX_LAYERS: usize = 4096;

fn list<T: ToString>(rows: &[T]) -> String {
    rows.iter().map(|row| format!("  {}", row.to_string())).collect::<Vec<_>>().join("\n")
}

/// Finds the image that `request` asks for.
///
/// # Errors
/// If there is none, or several and the request does not choose; with what is there.
pub fn resolve(lookup: &impl Lookup, request: &Request) -> Result<Image, ImageError> {
    let found = candidates(lookup, request.format)?;
    let source = |face: Face| match (lookup.kind(), face) {
        (PlaceKind::Layout, _) => "oci-layout",
        (PlaceKind::Directory, _) => "dir",
        (PlaceKind::Archive, Face::Index) => "oci-archive",
        (PlaceKind::Archive, Face::Both | Face::Saved | Face::Legacy) => "docker-archive",
    };
    if found.candidates.is_empty() {
        return Err(nothing(lookup, &found));
    }
    let relatives = relatives(lookup, &found.candidates);
    let candidate = choose(lookup, found.candidates, request.select.as_ref())?;
    let source = source(candidate.face);
    let there = candidate.variants.iter().filter(|variant| variant.is_there());
    let platforms = there.filter_map(|variant| variant.platform.clone()).collect();
    let (variant, note) = choose_platform(lookup, candidate.variants, request)?;
    let mut image = build(lookup, source, &candidate.names, variant)?;
    image.platforms = platforms;
    image.notes.extend(note);
    image.notes.extend(found.notes);
    image.damage = lookup.damage();
    let own: Vec<_> = image.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    image.relatives = relatives.into_iter().filter(|other| other.diff_ids != own).collect();
    Ok(image)
}

/// All images of a place. Where an archive has both `index.json` and `manifest.json`, engines differ in which one they load,
/// so what only one of them names is an image of its own.
fn candidates(lookup: &impl Lookup, format: Option<Format>) -> Result<Found, ImageError> {
    if lookup.kind() == PlaceKind::Directory {
        return Found::in_directory(lookup);
    }
    let saved = match (lookup.kind(), format) {
        (PlaceKind::Layout, _) => Ok(None),
        _ => Saved::read(lookup),
    };
    let only_saved = matches!((&saved, format), (Ok(Some(_)), Some(Format::DockerArchive)));
    let mut found = match Found::in_index(lookup) {
        // What nobody asked for may be anything.
        Err(_) if only_saved => Found::default(),
        found => found?,
    };
    let readable = found.candidates.iter().any(Candidate::is_readable);
    match saved {
        Ok(Some(saved)) if !readable => {
            found.candidates = saved.candidates();
            found.empty = found.empty.or(Some("manifest.json lists no images"));
        }
        Ok(Some(saved)) => saved.join(lookup, &mut found, format != Some(Format::OciArchive)),
        Ok(None) => {}
        Err(error) if readable => found.notes.push(format!("{error}; index.json is used")),
        Err(error) => return Err(error),
    }
    if only_saved {
        found.candidates.retain(|candidate| candidate.face != Face::Index);
    }
    if found.candidates.is_empty() && found.others.is_empty() {
        found.candidates = legacy::candidates(lookup)?;
    }
    Ok(found)
}

/// Why a place without candidates has none.
fn nothing(lookup: &impl Lookup, found: &Found) -> ImageError {
    if let Some(damage) = lookup.damage() {
        return ImageError::NoManifest(format!("the archive {damage}; save or download it again"));
    }
    let mut seen = HashSet::new();
    let others: Vec<&str> = found.others.iter().map(String::as_str).filter(|other| seen.insert(*other)).collect();
    if !others.is_empty() {
        return ImageError::NoImage(format!("it holds {}", others.join(", ")));
    }
    if let Some(note) = found.notes.first() {
        return ImageError::NoImage(note.clone());
    }
    match found.empty {
        Some(why) => ImageError::NoImage(why.to_owned()),
        None => ImageError::NoManifest(lookup.shape()),
    }
}

/// The other images of the place, as far as their documents are there.
fn relatives(lookup: &impl Lookup, candidates: &[Candidate]) -> Vec<Relative> {
    const MOST: usize = 64;
    if candidates.len() < 2 {
        return Vec::new();
    }
    let variants =
        candidates.iter().flat_map(|candidate| candidate.variants.iter().map(|each| (&candidate.names, each)));
    variants
        .take(MOST)
        .filter_map(|(names, variant)| {
            let config = config_of(lookup, &variant.parts)?;
            let digest = match &variant.parts {
                Parts::Oci { digest, .. } => Some(digest.clone()),
                _ => None,
            };
            Some(Relative { names: tags(names), digest, diff_ids: config.diff_ids(), is_pulled: false })
        })
        .collect()
}

/// The config of a variant, if it can be read.
pub(super) fn config_of(lookup: &impl Lookup, parts: &Parts) -> Option<Config> {
    let bytes = lookup.document(&parts.config_name()?).ok()??;
    Config::parse(&bytes).ok().map(|(config, _)| config)
}

pub(super) fn missing(lookup: &impl Lookup, what: &'static str, name: &str) -> ImageError {
    let hint = match lookup.damage() {
        Some(damage) => format!(": the archive {damage}; save or download it again"),
        None => "; it may have been saved for another platform only, or pulled in part: pull and save it again".into(),
    };
    ImageError::Missing { what, name: name.to_owned(), hint }
}
