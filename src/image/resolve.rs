use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::history::{align, read_instructions};
use super::manifest::{Descriptor, Index, Manifest, SavedImage};
use super::provenance::built_at;
use super::{Config, Digest, HistoryRow, Image, Layer, Platform, Relative};
use crate::secret::Redacted;
use crate::source::{Format, Select, SourceError, normal_name};

/// Where documents are looked up.
pub trait Lookup {
    /// The bytes of a small JSON document.
    ///
    /// # Errors
    /// When it is there and can't be read.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, SourceError>;
    /// What an archive without any manifest seems to be.
    fn shape(&self) -> String;
    /// What kept the archive from being read to its end.
    fn damage(&self) -> Option<String>;
    /// Whether it is a directory.
    fn is_layout(&self) -> bool;
}

/// Which image is wanted.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which of several.
    pub select: Option<Select>,
    /// For which platform; [`Request::usual`] when nothing is said.
    pub platform: Option<Platform>,
    /// The platform that is meant when nothing is said; the machine's own where this is None.
    pub usual: Option<Platform>,
    /// What a prefix promised.
    pub format: Option<Format>,
}

/// What keeps an image from being found.
#[derive(Debug, Error)]
pub enum ImageError {
    /// A member can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No manifest at all.
    #[error("no image in it: neither manifest.json nor index.json is there; {0}")]
    NoManifest(String),
    /// A document that is none.
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
    Several(Vec<String>),
    /// The chosen one is not there.
    #[error("it holds no image {wanted}; it has:\n{}", list(.has))]
    NotThere {
        /// What was asked for.
        wanted: String,
        /// What is there.
        has: Vec<String>,
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
    /// More than anyone stacks.
    #[error("the manifest names {0} layers; more than {MAX_LAYERS} are not read")]
    TooManyLayers(usize),
}

/// Engines refuse more than 127 layers; builders of other kinds go further.
const MAX_LAYERS: usize = 4096;
/// Indexes within indexes, and manifests in all, that are followed.
const MAX_DEPTH: usize = 8;
const MAX_MANIFESTS: usize = 4096;

fn list(rows: &[String]) -> String {
    rows.iter().map(|row| format!("  {row}")).collect::<Vec<_>>().join("\n")
}

/// One image of an archive, in one or more platforms.
#[derive(Debug)]
struct Candidate {
    names: Vec<String>,
    variants: Vec<Variant>,
}

#[derive(Debug)]
struct Variant {
    platform: Option<Platform>,
    parts: Parts,
}

/// Where a variant's config and layers are named.
#[derive(Debug, Clone)]
enum Parts {
    Oci {
        digest: Digest,
        manifest: Box<Manifest>,
        holds: bool,
    },
    Saved(SavedImage),
    Ancient(String),
    /// Named by an index, not in the archive.
    Absent(Digest),
}

/// Finds the image that `request` asks for.
///
/// # Errors
/// When there is none, or several and the request does not choose; with what is there.
pub fn resolve(lookup: &impl Lookup, request: &Request) -> Result<Image, ImageError> {
    let saved = document::<Vec<SavedImage>>(lookup, "manifest.json");
    let index = document::<Index>(lookup, "index.json");
    let source = match (&saved, lookup.is_layout(), request.format) {
        (_, true, _) => "oci-layout",
        (Ok(Some(_)), _, Some(Format::DockerArchive) | None) => "docker-archive",
        (Ok(Some(_)), _, _) if !matches!(index, Ok(Some(_))) => "docker-archive",
        _ if matches!(index, Ok(None)) => "docker-archive",
        _ => "oci-archive",
    };
    let mut candidates = match index? {
        Some(index) => from_index(lookup, &index),
        None => Vec::new(),
    };
    let readable = candidates.iter().any(|c| c.variants.iter().any(|v| !matches!(v.parts, Parts::Absent(_))));
    let mut saved = saved?;
    if let Some(saved) = saved.take_if(|_| !readable) {
        candidates = saved.into_iter().map(from_saved).collect();
    } else if let Some(saved) = saved {
        add_names(&mut candidates, &saved);
    }
    if candidates.is_empty()
        && let Some(repositories) = document::<serde_json::Map<String, serde_json::Value>>(lookup, "repositories")?
    {
        candidates = from_repositories(&repositories);
    }
    if candidates.is_empty() {
        let why = match lookup.damage() {
            Some(damage) => format!("the archive {damage}; save or download it again"),
            None => lookup.shape(),
        };
        return Err(ImageError::NoManifest(why));
    }
    let relatives = relatives(lookup, &candidates);
    let candidate = choose(candidates, request.select.as_ref())?;
    let names = candidate.names.clone();
    let (variant, note) = choose_platform(lookup, candidate.variants, request)?;
    let mut image = build(lookup, source, &names, variant)?;
    image.notes.extend(note);
    image.damage = lookup.damage();
    let own: Vec<_> = image.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    image.relatives = relatives.into_iter().filter(|other| other.diff_ids != own).collect();
    Ok(image)
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
            let name = config_name(&variant.parts)?;
            let config: Config = document(lookup, &name).ok()??;
            let digest = match &variant.parts {
                Parts::Oci { digest, .. } => Some(digest.clone()),
                _ => None,
            };
            Some(Relative { names: tags(names), digest, diff_ids: config.diff_ids(), is_pulled: false })
        })
        .collect()
}

fn document<T: DeserializeOwned>(lookup: &impl Lookup, name: &str) -> Result<Option<T>, ImageError> {
    lookup.document(name)?.map(|bytes| parse(name, &bytes)).transpose()
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ImageError::Document { name: name.to_owned(), problem: without_values(&error.to_string()) })
}

/// A message of the JSON reader without the text that it found: a variable may stand where a list is expected.
fn without_values(message: &str) -> String {
    let Some((before, rest)) = message.split_once("string \"") else { return message.to_owned() };
    let after = rest.rfind("\", expected").map_or("", |at| &rest[at + 1..]);
    format!("{before}a string{after}")
}

/// Follows an index to its manifests. Manifests of one name (or of none, when each has a platform of its own) are one
/// image in several platforms.
fn from_index(lookup: &impl Lookup, index: &Index) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut tops: Vec<(Digest, usize)> = Vec::new();
    let mut left = MAX_MANIFESTS;
    // What leads to no manifest is followed once, however often it is named.
    let mut barren = HashSet::new();
    for top in index.manifests.iter().filter(|top| !top.is_no_image()) {
        let names = top.names();
        if let Some((_, at)) = tops.iter().find(|(digest, _)| *digest == top.digest) {
            candidates[*at].names.extend(names);
            continue;
        }
        if barren.contains(&top.digest) {
            continue;
        }
        let mut variants = Vec::new();
        follow(lookup, top, MAX_DEPTH, &mut left, &mut HashSet::new(), &mut variants);
        if variants.is_empty() {
            barren.insert(top.digest.clone());
            continue;
        }
        let sibling = candidates.iter_mut().find(|other| {
            top.platform().is_some_and(|platform| {
                other.names == names
                    && other.variants.iter().all(|v| v.platform.as_ref().is_some_and(|p| *p != platform))
            })
        });
        if let Some(candidate) = sibling {
            candidate.variants.append(&mut variants);
        } else {
            tops.push((top.digest.clone(), candidates.len()));
            candidates.push(Candidate { names, variants });
        }
    }
    candidates
}

fn follow(
    lookup: &impl Lookup,
    at: &Descriptor,
    depth: usize,
    left: &mut usize,
    seen: &mut HashSet<Digest>,
    out: &mut Vec<Variant>,
) {
    if at.is_no_image() || depth == 0 || *left == 0 || !seen.insert(at.digest.clone()) {
        return;
    }
    *left -= 1;
    let name = at.digest.blob();
    let absent = Variant { platform: at.platform(), parts: Parts::Absent(at.digest.clone()) };
    let Ok(Some(bytes)) = lookup.document(&name) else { return out.push(absent) };
    let Ok(manifest) = parse::<Manifest>(&name, &bytes) else { return out.push(absent) };
    if let Some(children) = &manifest.manifests {
        for child in children {
            follow(lookup, child, depth - 1, left, seen, out);
        }
    } else if !manifest.is_no_image() {
        let holds = Digest::of(&bytes) == at.digest;
        let parts = Parts::Oci { digest: at.digest.clone(), manifest: Box::new(manifest), holds };
        out.push(Variant { platform: at.platform(), parts });
    }
}

fn from_saved(saved: SavedImage) -> Candidate {
    let names = saved.repo_tags.clone();
    Candidate { names, variants: vec![Variant { platform: None, parts: Parts::Saved(saved) }] }
}

/// An archive of today has both documents; the names that users know are in manifest.json.
fn add_names(candidates: &mut [Candidate], saved: &[SavedImage]) {
    for candidate in candidates {
        for variant in &candidate.variants {
            let Parts::Oci { manifest, .. } = &variant.parts else { continue };
            let Some(config) = &manifest.config else { continue };
            for image in saved.iter().take(MAX_MANIFESTS).filter(|image| image.config.contains(config.digest.hex())) {
                let new: Vec<_> =
                    image.repo_tags.iter().filter(|tag| !candidate.names.contains(tag)).cloned().collect();
                candidate.names.splice(0..0, new);
            }
        }
    }
}

/// Before Docker 1.10 there was no manifest: `repositories` names the last layer of each tag.
fn from_repositories(repositories: &serde_json::Map<String, serde_json::Value>) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for (name, tags) in repositories {
        for (tag, id) in tags.as_object().into_iter().flatten() {
            if let Some(id) = id.as_str() {
                let parts = Parts::Ancient(id.to_owned());
                let variants = vec![Variant { platform: None, parts }];
                candidates.push(Candidate { names: vec![format!("{name}:{tag}")], variants });
            }
        }
    }
    candidates
}

fn choose(mut candidates: Vec<Candidate>, select: Option<&Select>) -> Result<Candidate, ImageError> {
    let rows = || -> Vec<String> {
        let name = |c: &Candidate| if c.names.is_empty() { "(no name)".to_owned() } else { tags(&c.names).join(", ") };
        candidates.iter().enumerate().map(|(at, candidate)| format!("@{at}  {}", name(candidate))).collect()
    };
    let at = match select {
        None if candidates.len() == 1 => 0,
        None => return Err(ImageError::Several(rows())),
        Some(Select::Index(at)) if *at < candidates.len() => *at,
        Some(Select::Index(at)) => return Err(ImageError::NotThere { wanted: format!("@{at}"), has: rows() }),
        Some(Select::Name(name)) => {
            let found = [name.clone(), full_name(name)].iter().find_map(|name| {
                candidates.iter().position(|c| c.names.iter().any(|n| n == name || full_name(n) == *name))
            });
            found.ok_or_else(|| ImageError::NotThere { wanted: name.clone(), has: rows() })?
        }
    };
    Ok(candidates.swap_remove(at))
}

/// A reference as Docker completes it: `app` is `docker.io/library/app:latest`.
fn full_name(name: &str) -> String {
    let first = name.split('/').next().unwrap_or(name);
    let host = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let name = match (host, name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (false, false) => format!("docker.io/library/{name}"),
    };
    let last = name.rsplit('/').next().unwrap_or(&name);
    if last.contains([':', '@']) { name } else { format!("{name}:latest") }
}

fn choose_platform(
    lookup: &impl Lookup,
    mut variants: Vec<Variant>,
    request: &Request,
) -> Result<(Variant, Option<String>), ImageError> {
    for variant in &mut variants {
        if variant.platform.is_none() {
            variant.platform = platform_of(lookup, &variant.parts);
        }
    }
    if let [Variant { parts: Parts::Absent(digest), .. }] = &variants[..] {
        return Err(missing(lookup, "manifest", digest.as_str()));
    }
    let there = |variant: &Variant| !matches!(variant.parts, Parts::Absent(_));
    let wanted = request.platform.as_ref();
    let machine = request.usual.clone().unwrap_or_else(Platform::machine);
    let serves = |variant: &Variant, wanted: &Platform| variant.platform.as_ref().is_some_and(|p| p.serves(wanted));
    let rows = || {
        let name = |v: &Variant| v.platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let gone = |v: &Variant| if there(v) { "" } else { "  (named by the index, not in the archive)" };
        variants.iter().map(|v| format!("{}{}", name(v), gone(v))).collect::<Vec<_>>()
    };
    let asked = wanted.unwrap_or(&machine);
    let at = match variants.iter().position(|variant| there(variant) && serves(variant, asked)) {
        Some(at) => at,
        // A document that names no platform at all can't be held to one.
        None => match variants.iter().position(|v| there(v) && v.platform.is_none()) {
            Some(at) => at,
            None if wanted.is_none() && variants.iter().filter(|v| there(v)).count() == 1 => {
                variants.iter().position(there).unwrap_or(0)
            }
            None => return Err(ImageError::NoPlatform { wanted: asked.clone(), has: rows() }),
        },
    };
    let others = variants.len() - 1;
    let note = (others > 0 && wanted.is_none()).then(|| {
        let has = rows().join(", ");
        format!("shown for {}; the image has {has}", variants[at].platform.as_ref().unwrap_or(&machine))
    });
    Ok((variants.swap_remove(at), note))
}

fn config_name(parts: &Parts) -> Option<String> {
    match parts {
        Parts::Oci { manifest, .. } => Some(manifest.config.as_ref()?.digest.blob()),
        Parts::Saved(saved) => Some(saved.config.clone()),
        Parts::Ancient(_) | Parts::Absent(_) => None,
    }
}

fn platform_of(lookup: &impl Lookup, parts: &Parts) -> Option<Platform> {
    let config: Config = document(lookup, &config_name(parts)?).ok()??;
    Some(config.platform()).filter(|platform| platform.architecture != "unknown")
}

fn missing(lookup: &impl Lookup, what: &'static str, name: &str) -> ImageError {
    let hint = match lookup.damage() {
        Some(damage) => format!(": the archive {damage}; save or download it again"),
        None => "; it may have been saved for another platform only, or pulled in part: pull and save it again".into(),
    };
    ImageError::Missing { what, name: name.to_owned(), hint }
}

fn build(lookup: &impl Lookup, source: &'static str, names: &[String], variant: Variant) -> Result<Image, ImageError> {
    let mut image = match variant.parts {
        Parts::Oci { digest, manifest, holds } => {
            let claimed = manifest.config.as_ref().map(|config| config.digest.clone());
            let bytes = match &claimed {
                Some(digest) => {
                    lookup.document(&digest.blob())?.ok_or_else(|| missing(lookup, "config", digest.as_str()))?
                }
                None => return Err(missing(lookup, "config", "of the manifest")),
            };
            let layers = manifest.layers.iter().map(|layer| Layer {
                diff_id: None,
                digest: Some(layer.digest.clone()),
                media_type: layer.media_type.clone(),
                size: layer.size,
                told_bytes: None,
                member: layer.digest.blob(),
                history: None,
            });
            let mut image = with_config(source, claimed.as_ref(), &bytes, layers.collect())?;
            image.verified += usize::from(holds);
            if !holds {
                image.problems.push(format!("manifest {digest}: its bytes have another digest"));
            }
            image.built_at = built_at(lookup, &digest);
            image.digest = Some(digest);
            image.annotations = manifest.annotations.clone();
            image
        }
        Parts::Saved(saved) => {
            let name = normal_name(saved.config.as_bytes());
            let bytes = lookup.document(&name)?.ok_or_else(|| missing(lookup, "config", &saved.config))?;
            // `HEX.json`, `blobs/sha256/HEX` or `sha256:HEX`: only such a name claims a digest.
            let base = name.rsplit('/').next().unwrap_or(&name);
            let hex = base.strip_suffix(".json").unwrap_or(base);
            let claimed = Digest::from_hex(hex.strip_prefix("sha256:").unwrap_or(hex));
            let layers = saved.layers.iter().map(|member| Layer {
                diff_id: None,
                digest: None,
                media_type: None,
                size: None,
                told_bytes: None,
                member: normal_name(member.as_bytes()),
                history: None,
            });
            with_config(source, claimed.as_ref(), &bytes, layers.collect())?
        }
        Parts::Ancient(id) => ancient(lookup, source, &id)?,
        Parts::Absent(digest) => return Err(missing(lookup, "manifest", digest.as_str())),
    };
    if image.layers.len() > MAX_LAYERS {
        return Err(ImageError::TooManyLayers(image.layers.len()));
    }
    image.tags = tags(names);
    if let Some(platform) = variant.platform
        && image.platform.architecture == "unknown"
    {
        image.platform = platform;
    }
    take_history(&mut image);
    Ok(image)
}

/// Takes the history out of the config: its rows go to their layers, and what nobody should see is hidden. To be called once
/// annotations are in the image.
pub(super) fn take_history(image: &mut Image) {
    image.history = std::mem::take(&mut image.config.history);
    let note = align(&mut image.history, &mut image.layers);
    image.notes.extend(note);
    let rows = image.history.iter_mut().flat_map(|row| [&mut row.created_by, &mut row.comment]).flatten();
    image.config.seal(rows.chain(image.annotations.values_mut()));
    read_instructions(&mut image.history);
}

/// Names without their long forms: `docker.io/library/app:1` says the same as `app:1`, and `1` less.
pub(super) fn tags(names: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for name in names {
        let name = name.strip_prefix("docker.io/library/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name);
        let part_of_another =
            !name.contains([':', '/']) && names.iter().any(|other| other.ends_with(&format!(":{name}")));
        if !part_of_another && !tags.iter().any(|tag| tag == name) {
            tags.push(name.to_owned());
        }
    }
    tags
}

pub(super) fn with_config(
    source: &'static str,
    claimed: Option<&Digest>,
    bytes: &[u8],
    mut layers: Vec<Layer>,
) -> Result<Image, ImageError> {
    let id = Digest::of(bytes);
    let config: Config = parse("the config", bytes)?;
    let mut notes = Vec::new();
    let diff_ids = config.diff_ids();
    if diff_ids.len() != layers.len() {
        notes.push(format!(
            "the config names {} layers, the manifest {}; the manifest's are shown",
            diff_ids.len(),
            layers.len()
        ));
    }
    if diff_ids.len() == layers.len() {
        for (layer, diff_id) in layers.iter_mut().zip(diff_ids) {
            layer.diff_id = diff_id;
        }
    }
    let mut problems = Vec::new();
    let mut verified = 0;
    match claimed {
        Some(claimed) if *claimed == id => verified = 1,
        Some(claimed) => problems.push(format!("config {claimed}: its bytes have the digest {id}")),
        None => {}
    }
    Ok(Image { notes, problems, verified, ..bare(source, id, config, layers) })
}

/// An image of which no more is known than its config and layers.
pub(super) fn bare(source: &'static str, id: Digest, config: Config, layers: Vec<Layer>) -> Image {
    Image {
        source,
        id,
        digest: None,
        tags: Vec::new(),
        platform: config.platform(),
        config,
        history: Vec::new(),
        layers,
        notes: Vec::new(),
        warnings: Vec::new(),
        engine_id: None,
        problems: Vec::new(),
        damage: None,
        verified: 0,
        relatives: Vec::new(),
        built_at: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
    }
}

/// The `json` file beside each `layer.tar` of an archive older than manifest.json.
#[derive(Deserialize)]
struct AncientLayer {
    parent: Option<String>,
    created: Option<String>,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    container_config: Option<AncientCommand>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AncientCommand {
    #[serde(default, deserialize_with = "super::manifest::or_default")]
    cmd: Vec<String>,
}

fn ancient(lookup: &impl Lookup, source: &'static str, top: &str) -> Result<Image, ImageError> {
    let mut rows = Vec::new();
    let mut layers = Vec::new();
    let mut first = None;
    let mut next = Some(top.to_owned());
    while let Some(id) = next {
        if layers.len() > MAX_LAYERS {
            return Err(ImageError::TooManyLayers(layers.len()));
        }
        let name = normal_name(format!("{id}/json").as_bytes());
        let bytes = lookup.document(&name)?.ok_or_else(|| missing(lookup, "config", &name))?;
        let json: AncientLayer = parse(&name, &bytes)?;
        rows.push(HistoryRow {
            created: json.created.clone(),
            created_by: json.container_config.map(|command| Redacted::new(&command.cmd.join(" "))),
            ..HistoryRow::default()
        });
        layers.push(Layer {
            diff_id: None,
            digest: None,
            media_type: None,
            size: None,
            told_bytes: None,
            member: normal_name(format!("{id}/layer.tar").as_bytes()),
            history: None,
        });
        first.get_or_insert((Digest::of(&bytes), json.created, json.architecture, json.os));
        next = json.parent;
    }
    rows.reverse();
    layers.reverse();
    let (id, created, architecture, os) = first.ok_or_else(|| missing(lookup, "config", "of the top layer"))?;
    let config = Config::ancient(created, architecture, os, rows);
    let notes = vec!["saved by a Docker before 1.10: it has no config, so digests are not known".to_owned()];
    Ok(Image { notes, ..bare(source, id, config, layers) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_docker_completes_them() {
        for (name, full) in [
            ("app", "docker.io/library/app:latest"),
            ("me/app:1", "docker.io/me/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("reg:5000/app", "reg:5000/app:latest"),
            ("docker.io/library/app:1", "docker.io/library/app:1"),
        ] {
            assert_eq!(full_name(name), full);
        }
    }

    #[test]
    fn tags_say_each_name_once() {
        let names = ["docker.io/library/app:1", "1", "app:1", "reg.io/app:1"].map(String::from).to_vec();
        assert_eq!(tags(&names), ["app:1", "reg.io/app:1"]);
    }
}
