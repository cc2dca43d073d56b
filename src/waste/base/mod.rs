//! Which layers are the base image's, and how that is known.
//!
//! A gate forgives the waste of a base image, so a base that is only supposed must not decide a verdict. Evidence comes from
//! the user, from the image itself and, where the image or the Dockerfile names its base, from that image. What else is
//! stored beside an image is never evidence.

mod history;

use super::Waste;
use crate::image::{Digest, HistoryRow, Image, Relative};
use crate::tree::{Lookup, Tree};

/// How it is known which layers are the base image's, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// `--base` or `--base-layers` says so.
    Given,
    /// An annotation or label names an image that is at hand.
    Annotation,
    /// The steps of the Dockerfile made the layers above.
    Dockerfile,
    /// The image that the Dockerfile is `FROM` is at hand.
    Image,
    /// Builders recorded it in the history, or its times show it.
    History,
    /// The first layer is a distribution's root file system.
    Content,
    /// Something hints at a base, and nothing shows it: no layer counts as the base image's.
    Guess,
    /// Nothing hints at a base.
    None,
}

impl Evidence {
    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Annotation => "annotation",
            Self::Dockerfile => "dockerfile",
            Self::Image => "image",
            Self::History => "history",
            Self::Content => "content",
            Self::Guess => "guess",
            Self::None => "none",
        }
    }
}

/// Which layers are the base image's, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The first so many.
    pub layers: usize,
    /// How that is known.
    pub evidence: Evidence,
    /// The base image's name, where it is known.
    pub name: Option<String>,
    /// What was seen, as the end of "…, going by". Text from the image is in it.
    pub seen: String,
    /// Weak evidence says that as many are the base image's. Both readings are judged, and the stricter one decides.
    pub maybe: Option<usize>,
    /// A pulled image whose layers are the first ones of this image. It may be the base, and decides nothing.
    pub lookalike: Option<String>,
}

/// What the user says about the base.
#[derive(Debug, Clone, Default)]
pub struct GivenBase {
    /// The first so many layers.
    pub layers: Option<usize>,
    /// That image.
    pub image: Option<Relative>,
}

/// What a Dockerfile says about the base.
#[derive(Debug, Clone, Default)]
pub struct DockerfileBase {
    /// Its name in messages.
    pub path: String,
    /// The image that the last stage is built on, through other stages where it is so; None for `scratch`.
    pub from: Option<String>,
    /// How many history rows come before those that its steps made, where all of its steps were found.
    pub rows_below: Option<usize>,
}

/// The image that was given as the base is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the image is not built on {name}: {why}")]
pub struct NotTheBase {
    name: String,
    why: String,
}

/// What one reading of the base comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The first so many layers are the base image's.
    pub layers: usize,
    /// Wasted bytes of the others.
    pub own_bytes: u64,
    /// Content of the others.
    pub own_content_bytes: u64,
}

impl Reading {
    /// Adds up what is wasted above the first `layers`.
    pub(super) fn of(waste: &Waste, tree: &Tree, layers: usize) -> Self {
        let own = waste.findings.iter().filter(|finding| finding.kind.counts());
        let own = own.filter(|finding| usize::from(finding.stored_in) >= layers);
        Self {
            layers,
            own_bytes: own.map(|finding| finding.bytes).sum(),
            own_content_bytes: tree.layers.iter().skip(layers).map(|layer| layer.content_bytes).sum(),
        }
    }
}

impl Base {
    /// No layer is the base image's.
    pub(super) fn none() -> Self {
        Self { layers: 0, evidence: Evidence::None, name: None, seen: String::new(), maybe: None, lookalike: None }
    }

    /// Finds the base of an image, by the best evidence that there is.
    ///
    /// # Errors
    /// When the image that was given is not the base.
    pub fn of(
        image: &Image,
        tree: &Tree,
        given: &GivenBase,
        dockerfile: Option<&DockerfileBase>,
    ) -> Result<Self, NotTheBase> {
        let layers = image.layers.len();
        let known =
            |layers, evidence, name, seen: &str| Self { layers, evidence, name, seen: seen.to_owned(), ..Self::none() };
        if let Some(given) = given.layers {
            return Ok(known(given.min(layers), Evidence::Given, None, "--base-layers"));
        }
        if let Some(other) = &given.image {
            let layers = common(image, other).map_err(|why| NotTheBase { name: first_name(other), why })?;
            return Ok(known(layers, Evidence::Given, other.names.first().cloned(), "--base"));
        }
        let first_of = |evidence, seen: &str, is_it: &dyn Fn(&Relative) -> bool| {
            let mut others = image.relatives.iter().filter(|other| is_it(other));
            others.find_map(|other| {
                let layers = common(image, other).ok()?;
                Some(known(layers, evidence, other.names.first().cloned(), seen))
            })
        };
        if let Some((key, value)) = stated(image, BASE_DIGEST) {
            let is_it = |other: &Relative| other.digest.as_ref().is_some_and(|own| own.as_str() == value);
            if let Some(found) = first_of(Evidence::Annotation, key, &is_it) {
                return Ok(found);
            }
        }
        if let Some((key, value)) = stated(image, BASE_NAME)
            && let Some(found) = first_of(Evidence::Annotation, key, &|other| is_named(other, value))
        {
            return Ok(found);
        }
        if let Some(dockerfile) = dockerfile {
            if let Some(rows) = dockerfile.rows_below {
                let below = layers_below(&image.history, rows);
                let seen = format!("the steps of {}", dockerfile.path);
                return Ok(known(below, Evidence::Dockerfile, dockerfile.from.clone(), &seen));
            }
            if let Some(from) = &dockerfile.from {
                let seen = format!("the FROM of {}", dockerfile.path);
                if let Some(found) = first_of(Evidence::Image, &seen, &|other| is_named(other, from)) {
                    return Ok(found);
                }
            }
        }
        let mut found = history::base(&image.history, || holds_root_file_system(tree));
        found.maybe = found.maybe.filter(|maybe| *maybe != found.layers);
        if matches!(found.evidence, Evidence::None | Evidence::Guess) {
            found.name = stated(image, BASE_NAME).map(|(_, name)| name.to_owned());
            found.lookalike = lookalike(image);
        }
        Ok(found)
    }

    /// The number of base layers that other evidence would give, to say what would change: what weak evidence says, else none.
    /// None when the user said what the base is, or nothing hints at one.
    pub fn otherwise(&self) -> Option<usize> {
        let none = (self.layers > 0 && self.evidence != Evidence::Given).then_some(0);
        self.maybe.or(none)
    }

    /// How many history rows are the base's: those that made its layers, and what follows them up to its `CMD`.
    pub fn rows(&self, history: &[HistoryRow]) -> usize {
        let Some(last) = self.layers.checked_sub(1) else { return 0 };
        let made = history.iter().position(|row| row.layer == Some(last)).map_or(0, |at| at + 1);
        let empty = history[made..].iter().take_while(|row| row.layer.is_none());
        let ends = empty.enumerate().filter(|(_, row)| history::is_end(row)).map(|(at, _)| at + 1).last();
        // The image's own last rows are no one else's.
        let others = history[made..].iter().any(|row| row.layer.is_some());
        made + ends.filter(|_| others).unwrap_or(0)
    }
}

const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// An annotation or, without one, the label of the same key (OCI image spec, "Annotations").
fn stated<'a>(image: &'a Image, key: &'static str) -> Option<(&'static str, &'a str)> {
    let labels = &image.config.run.labels;
    let value = image.annotations.get(key).or_else(|| labels.get(key))?;
    Some((key, value.as_str())).filter(|(_, value)| !value.is_empty())
}

fn first_name(other: &Relative) -> String {
    other.names.first().cloned().unwrap_or_else(|| "the image that was given".to_owned())
}

/// The number of layers of another image, if they are the first ones of this image; else why not.
fn common(image: &Image, other: &Relative) -> Result<usize, String> {
    let own: Vec<Option<&Digest>> = image.layers.iter().map(|layer| layer.diff_id.as_ref()).collect();
    let pairs = other.diff_ids.iter().zip(&own);
    let same = pairs.take_while(|(theirs, ours)| theirs.is_some() && theirs.as_ref() == **ours).count();
    match same {
        _ if other.diff_ids.is_empty() => Err("it has no layers".to_owned()),
        same if same == other.diff_ids.len() => Ok(same),
        0 => Err("they have no layer in common".to_owned()),
        same if same == own.len() => Err(format!("it has {} more layers than this image", other.diff_ids.len() - same)),
        same => Err(format!("only the first {same} of its {} layers are the same", other.diff_ids.len())),
    }
}

/// A pulled image of another name that has the first layers of this one, the one with most of them.
fn lookalike(image: &Image) -> Option<String> {
    let own: Vec<&str> = image.tags.iter().map(|tag| repository(tag)).collect();
    let others = image.relatives.iter().filter(|other| other.is_pulled);
    let others = others.filter(|other| !other.names.iter().any(|name| own.contains(&repository(name))));
    let proper = others.filter_map(|other| Some((common(image, other).ok()?, other.names.first()?)));
    let most = proper.filter(|(layers, _)| *layers < image.layers.len()).max_by_key(|(layers, _)| *layers);
    most.map(|(_, name)| name.clone())
}

/// How many layers the first history rows made.
fn layers_below(history: &[HistoryRow], rows: usize) -> usize {
    history.iter().take(rows).filter_map(|row| row.layer).map(|layer| layer + 1).max().unwrap_or(0)
}

/// Whether the first layer brings what a distribution's root file system does.
fn holds_root_file_system(tree: &Tree) -> bool {
    let has = |path: &str| matches!(tree.lookup(path.as_bytes(), 0, false), Lookup::Found(..));
    !tree.layers.is_empty() && (has("etc/os-release") || has("usr/lib/os-release")) && has("etc/passwd")
}

fn is_named(other: &Relative, name: &str) -> bool {
    let name = short(name.split_once('@').map_or(name, |(name, _)| name));
    other.names.iter().any(|own| short(own) == name)
}

/// A name without its tag or digest.
fn repository(name: &str) -> &str {
    let name = short(name.split_once('@').map_or(name, |(name, _)| name));
    match name.rsplit_once(':') {
        Some((front, tag)) if !tag.contains('/') => front,
        _ => name,
    }
}

/// A name without what may be left out of it.
fn short(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name)
}
