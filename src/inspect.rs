//! Runs the stages in order: opens, reads every layer once, stacks them, asks for the content that must be compared,
//! judges. Says how far it is as it goes. Owns the threads; everything that it calls is plain code over `Read`.

mod blob;
mod builder;
mod engine;
mod kept;
mod loaded;
mod members;
mod named_base;
mod parallel;
mod path_search;
mod pieces;
mod pull;
mod recompress;
mod registry;
mod stream;
mod table_check;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::build::Build;
use crate::bytes::{Compression, shown_lines};
use crate::fix::{self, IgnoreFile, Plan};
use crate::image::{Image, ImageError, Platform, Relative, Request};
use crate::layer::{Cache, IdentifiedBy, Keep};
use crate::source::{Access, Opened, SourceError, Target};
use crate::tree::{EventRef, Tree, TreeError};
use crate::waste::{self, Base, Case, DockerfileBase, GivenBase, Lines, NotTheBase, Rules, Waste};

pub(crate) use parallel::map_in_parallel;
pub(crate) use pieces::{PieceError, read_files};
pub(crate) use registry::Remote;
pub(crate) use stream::may_be_layer;

/// What to look at, and how closely.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// The platform to choose; the machine's own when nothing is said.
    pub platform: Option<Platform>,
    /// Compute every digest.
    pub verify: bool,
    /// Layers that the image names and the source does not give are not a reason to fail.
    pub allow_missing_layers: bool,
    /// Compute the SHA-256 of every file.
    pub hash: bool,
    /// Threads that read layers; 0 is one for each core.
    pub threads: usize,
    /// How many of the first layers are the base image's, where the user says so.
    pub base_layers: Option<usize>,
    /// The base image, where the user names it.
    pub base_image: Option<Target>,
    /// Where indexes of layers are kept between runs; nowhere when nothing is said.
    pub cache: Option<Cache>,
    /// Other images are looked at as well: indexes of compressed layers go into the cache and come from there, so that layers
    /// that are shared are read once.
    pub share_layers: bool,
    /// How daemons and registries are asked.
    pub access: Access,
    /// Read layers of a registry whole, also where their table of contents would do.
    pub full: bool,
    /// The layer that someone looks at, which is downloaded before the others.
    pub first: Option<Arc<AtomicUsize>>,
    /// The catalogue of rules; the built-in one when nothing is said.
    pub rules: Option<Arc<Rules>>,
    /// List what is only advised, too.
    pub advice: bool,
    /// The Dockerfile: its name and text.
    pub dockerfile: Option<(String, String)>,
    /// Only this path is asked for: layers of a registry are read from the last one down, until it is found.
    pub only: Option<Vec<u8>>,
    /// Only the documents of an image of a registry are wanted: no layer is downloaded.
    pub documents_only: bool,
    /// The `.dockerignore` of the build, where its context is at hand.
    pub ignore: Option<IgnoreFile>,
    /// Only the tree is wanted: no rules are tried and no content is compared.
    pub tree_only: bool,
    /// Stretches of layers, both ends in it, of which is to be told what joining them would save.
    pub squash: Vec<(u16, u16)>,
    /// Do not estimate the bytes to pull: no output shows them.
    pub skip_pull_estimates: bool,
    /// A path whose content is to be kept when the source passes only once.
    pub keep: Option<Keep>,
}

impl Options {
    /// Whether package databases and programs are looked into: for advice, or for a rule that is made to count.
    fn looks_closer(&self) -> bool {
        self.advice || self.rules.as_ref().is_some_and(|rules| rules.counts_computed())
    }
}

/// How far it is. Sent as it happens; `false` from the receiver stops everything.
pub enum Progress<'a> {
    /// Manifest, config and history are known; no layer was read.
    Image(&'a Image),
    /// A layer is complete.
    Layer {
        /// Its index in the image; for a stream that has not said yet what it is, the number of layers passed.
        layer: usize,
        /// Content of its files, bytes.
        bytes: u64,
    },
    /// Bytes read so far, and how many there are where that is known.
    Bytes {
        /// Read.
        read: u64,
        /// Of so many.
        of: Option<u64>,
    },
    /// All layers are stacked: everything but the judgement can be had.
    Stacked(&'a dyn Fn() -> Inspection),
    /// What a daemon says while it pulls the image, or that it is waited for.
    Waiting(&'a str),
    /// All layers are stacked; content is compared now.
    Comparing {
        /// Files whose content is read.
        files: usize,
    },
}

/// What was found of one layer.
#[derive(Debug, Clone, Default)]
pub struct LayerFacts {
    /// How the blob is stored.
    pub compression: Compression,
    /// Bytes of the uncompressed tar.
    pub tar_bytes: u64,
    /// Bytes of the blob, where it is compressed.
    pub compressed_bytes: Option<u64>,
    /// About what the layer costs to pull, where it is not compressed.
    pub pull_estimate: Option<u64>,
    /// About what the blob would take if zstd had compressed it, where that was measured.
    pub zstd_estimate: Option<u64>,
    /// Entries, whiteouts among them.
    pub entries: u64,
    /// The format of the table of contents that it was read from; the layer itself was not read.
    pub table: Option<&'static str>,
    /// It was not read, since nothing in it was asked for.
    pub unread: bool,
    /// The archive does not have it.
    pub missing: bool,
    /// What kept it from being read to its end.
    pub damage: Option<String>,
}

/// Whether digests hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// All were computed and hold.
    Verified,
    /// Those that came for free hold.
    Partial,
    /// None was computed.
    NotChecked,
    /// At least one does not hold.
    Failed,
}

impl Verification {
    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Partial => "partial",
            Self::NotChecked => "not-checked",
            Self::Failed => "failed",
        }
    }
}

/// An oddity met while reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The layer that it is about; None for the image.
    pub layer: Option<usize>,
    /// What was met.
    pub message: String,
}

/// A stage and what it took.
#[derive(Debug, Clone)]
pub struct Timing {
    /// `documents`, `tree`, `content`, `waste`, `rules`, `evidence`, `duplicates`, `judgement` (with the bytes to pull of
    /// layers), `pull` (of findings, with the edits), `fixes`.
    pub stage: &'static str,
    /// Wall time.
    pub took: Duration,
    /// Bytes read from the source meanwhile.
    pub bytes: u64,
}

/// The Dockerfile that was given, as reports refer to it.
#[derive(Debug, Clone)]
pub struct GivenDockerfile {
    /// Its path, as the user named it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The lines of the `FROM` of the image, from 1, both ends included.
    pub from_line: Option<(usize, usize)>,
}

/// Everything that is known of an image. Every output reads this, none computes anything itself.
#[derive(Debug)]
pub struct Inspection {
    /// As the user typed it.
    pub reference: String,
    /// What its documents say.
    pub image: Image,
    /// What was found of each layer, beside [`Image::layers`].
    pub layers: Vec<LayerFacts>,
    /// Every path's history.
    pub tree: Arc<Tree>,
    /// The judgement.
    pub waste: Waste,
    /// Edits of the Dockerfile, or of one that was reconstructed; None for an image without history.
    pub plan: Option<Plan>,
    /// Whether digests hold.
    pub verification: Verification,
    /// Which do not.
    pub problems: Vec<String>,
    /// Oddities.
    pub notes: Vec<Note>,
    /// What each stage took.
    pub timings: Vec<Timing>,
    /// Stretches of layers of which is to be told what joining them would save.
    pub asked_squashes: Vec<(u16, u16)>,
    /// The Dockerfile that was given.
    pub dockerfile: Option<GivenDockerfile>,
    /// Whether layers that the source does not give are not a reason to fail.
    pub allow_missing_layers: bool,
    /// Where the layers of an image of a registry are.
    pub(crate) remote: Option<Arc<Remote>>,
    /// Contents that were kept, by the entry.
    pub(crate) kept: Vec<(EventRef, Vec<u8>)>,
}

impl Inspection {
    /// Whether some layers were read from their table of contents, so that contents are known by their SHA-256.
    pub fn has_tables(&self) -> bool {
        self.layers.iter().any(|layer| layer.table.is_some())
    }

    /// How contents of this image are identified.
    pub(crate) fn identified_by(&self) -> IdentifiedBy {
        if self.has_tables() { IdentifiedBy::Sha256 } else { IdentifiedBy::Blake3 }
    }

    /// The registry and the repository that it was read from, if it was.
    pub fn read_from(&self) -> Option<(&str, &str)> {
        let repository = &self.remote.as_ref()?.repository;
        Some((repository.registry(), repository.name()))
    }

    /// Bytes of all blobs as stored; None when none is compressed.
    pub fn compressed_bytes(&self) -> Option<u64> {
        let any = self.layers.iter().any(|layer| layer.compressed_bytes.is_some());
        any.then(|| self.layers.iter().map(|layer| layer.compressed_bytes.unwrap_or(layer.tar_bytes)).sum())
    }

    /// Stretches of layers of which is told what joining them would save: those that were asked for, and all own layers.
    pub fn squashes(&self) -> impl Iterator<Item = (u16, u16)> {
        let last = self.image.layers.len().saturating_sub(1) as u16;
        let first = self.waste.base.layers as u16;
        let own = (first < last).then_some((first, last)).filter(|own| !self.asked_squashes.contains(own));
        self.asked_squashes.iter().copied().chain(own)
    }

    /// Why no judgement of the image may pass: it is damaged, or layers are missing that may not be.
    pub fn incomplete(&self) -> impl Iterator<Item = String> {
        let missing = self.missing().filter(|_| !self.allow_missing_layers);
        self.damage().chain(missing)
    }

    /// Layers that the image names and the source does not give.
    pub fn missing(&self) -> Option<String> {
        let layers = self.layers.iter().zip(&self.image.layers).enumerate();
        let missing: Vec<_> = layers.filter(|(_, (facts, _))| facts.missing).collect();
        let (index, (_, layer)) = missing.first()?;
        let first = format!("layer {index} ({})", layer.label());
        Some(match missing.len() {
            1 => format!("{first} is missing, so the image is known only in part"),
            some => format!(
                "{some} of {} layers are missing, from {first} on; the image is known only in part",
                self.layers.len()
            ),
        })
    }

    /// What makes the result untrue: layers that broke off, digests that do not match.
    pub fn damage(&self) -> impl Iterator<Item = String> {
        let broken = self.layers.iter().zip(&self.image.layers).enumerate().filter_map(|(index, (facts, layer))| {
            let damage = facts.damage.as_ref()?;
            Some(format!("layer {index} ({}) {damage}; the rest is shown", layer.label()))
        });
        let archive = self.image.damage.iter().map(|damage| {
            format!("the archive {damage}; it may be cut off, so save or download it again; what was found is shown")
        });
        archive.chain(broken).chain(self.problems.iter().cloned())
    }
}

/// What keeps an image from being looked at.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The place can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no such image in it.
    #[error("{name}: {error}")]
    Image {
        /// The place.
        name: String,
        /// Why not.
        error: ImageError,
    },
    /// It does not fit.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Content that must be compared can't be read again.
    #[error("layer {layer} can't be read a second time: {error}")]
    Content {
        /// The layer.
        layer: usize,
        /// Why not.
        error: crate::layer::ContentError,
    },
    /// The base that was given is none of this image.
    #[error(transparent)]
    Base(#[from] NotTheBase),
    /// Layers that the image does not have.
    #[error("there are no layers {first} to {last}; the image has {has}, numbered from 0")]
    NoLayers {
        /// The first of what was asked for.
        first: u16,
        /// The last.
        last: u16,
        /// Layers of the image.
        has: usize,
    },
    /// What follows the name is not a platform.
    #[error("`{0}` is not a platform; write os/architecture[/variant] after `@`")]
    NoPlatform(String),
    /// Nobody listens any more.
    #[error("stopped")]
    Stopped,
}

/// What all threads of one inspection share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Bytes read from the source.
    read: Arc<AtomicU64>,
    /// Bytes of layer indexes in the cache that stand for layers that were not read.
    indexed: AtomicU64,
}

/// Looks at an image from the first byte to the judgement. `tell` hears how far it is, on the calling thread; when it
/// returns false everything stops.
///
/// # Errors
/// When the image can't be found or is none. A layer that is broken is told in the result, and the rest is shown.
pub fn inspect(
    target: &Target,
    options: &Options,
    tell: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Inspection, InspectError> {
    let chosen;
    let options = match &target.platform {
        None => options,
        Some(text) => {
            let platform = Platform::parse(text).ok_or_else(|| InspectError::NoPlatform(text.clone()))?;
            chosen = Options { platform: Some(platform), ..options.clone() };
            &chosen
        }
    };
    let request = Request {
        select: target.select.clone(),
        platform: options.platform.clone(),
        format: target.format,
        ..Request::default()
    };
    let shared = Shared::default();
    let mut timings = Vec::new();
    let mut clock = Clock::new(&shared);
    let platform = options.platform.as_ref().map(Platform::to_string);
    let opened = crate::source::open_with(target, &shared.read, &options.access, platform.as_deref(), &mut |text| {
        tell(Progress::Waiting(text));
    })?;
    let mut loaded = match &opened {
        Opened::Members(members) => {
            members::from_members(members, target, &request, options, &shared, &mut clock, &mut timings, tell)?
        }
        Opened::Stream(stream) => stream::from_stream(stream, &request, options, &shared, tell)?,
        Opened::Engine(engine) => engine::from_engine(engine, options, &shared, &mut clock, &mut timings, tell)?,
        Opened::Registry(found) => {
            registry::from_registry(found, target, &request, options, &shared, &mut clock, &mut timings, tell)?
        }
    };
    timings.push(clock.lap("tree"));
    if options.tree_only {
        let waste = Waste::unjudged(&loaded.tree);
        return Ok(loaded.finish(target, waste, options, timings));
    }
    if !tell(Progress::Stacked(&|| loaded.so_far(target, options))) {
        return Err(InspectError::Stopped);
    }
    let asked = waste::questions(&loaded.tree);
    if !tell(Progress::Comparing { files: asked.len() }) {
        return Err(InspectError::Stopped);
    }
    loaded::answer(&loaded, 0, asked, options, &shared)?;
    timings.push(clock.lap("content"));
    let dead = waste::dead(&loaded.tree);
    timings.push(clock.lap("waste"));
    let given = GivenBase {
        layers: options.base_layers,
        image: options.base_image.as_ref().map(|base| documents_of(base, options)).transpose()?,
    };
    let build = build_of(&mut loaded, options);
    let said = build.as_ref().map(|build| DockerfileBase {
        path: build.path.clone(),
        from: build.base_image().map(str::to_owned),
        rows_below: build.rows_below(),
    });
    let base = Base::of(&loaded.image, &loaded.tree, &given, said.as_ref())?;
    let rules = options.rules.as_ref().unwrap_or_else(|| Rules::built_in());
    let accounts = loaded.accounts();
    // Each costs some hundred patterns, and the accounts of a distribution have many that no layer makes.
    let paths = &loaded.tree.paths;
    let exists = |home: &&str| paths.find(home.trim_start_matches('/').as_bytes()).is_some();
    let homes: Vec<String> = accounts.homes().filter(exists).map(str::to_owned).collect();
    let rules = rules.placed(&loaded.image.config.run.env, &homes).map_or_else(|| Arc::clone(rules), Arc::new);
    let named = loaded::name_files(&loaded, &rules, options, &shared)?;
    timings.push(clock.lap("rules"));
    let evidence = loaded::evidence(&mut loaded, &named, &rules, options, &shared)?;
    timings.push(clock.lap("evidence"));
    let alike = loaded::narrow(&loaded, waste::lookalikes(&loaded.tree), options, &shared)?;
    loaded::answer(&loaded, 1, alike, options, &shared)?;
    timings.push(clock.lap("duplicates"));
    let mut lines = build.as_ref().map(Lines::of).unwrap_or_default();
    if let Some(name) = build.as_ref().filter(|_| lines.found() == 0).map(|build| &build.path) {
        let message = format!("no instruction of {name} is in the history, so it is most likely another image's");
        loaded.note(message);
    }
    lines.recorded(&loaded.image);
    let layers = loaded.image.layers.len();
    if let Some((first, last)) = options.squash.iter().copied().find(|(_, last)| usize::from(*last) >= layers) {
        return Err(InspectError::NoLayers { first, last, has: layers });
    }
    let case = Case {
        tree: &loaded.tree,
        image: &loaded.image,
        tar_bytes: &loaded.tar_bytes(),
        rules: &rules,
        named: &named,
        evidence: &evidence,
        base,
        advice: options.advice,
        accounts: &accounts,
        lines: &lines,
    };
    let estimates = !options.skip_pull_estimates;
    // The judgement and the edits keep one core busy; another one compresses samples meanwhile.
    let (of_layers, mut waste) = std::thread::scope(|scope| {
        let of_layers = estimates.then(|| scope.spawn(|| pull::of_layers(&loaded, options, &shared)));
        (of_layers.map(joined), Waste::judge(case, dead))
    });
    drop(named);
    timings.push(clock.lap("judgement"));
    let (of_findings, plan) = std::thread::scope(|scope| {
        let of_findings =
            estimates.then(|| scope.spawn(|| pull::of_findings(&loaded, &waste.findings, options, &shared)));
        (of_findings.map(joined), plan_of(&loaded, &waste, build, &accounts, options))
    });
    for (layer, bytes) in of_layers.transpose()?.into_iter().flatten() {
        loaded.set_pull_estimate(layer, bytes);
    }
    for (at, bytes) in of_findings.transpose()?.into_iter().flatten() {
        (waste.findings[at].pull_bytes, waste.findings[at].pull_estimated) = (Some(bytes), true);
    }
    waste.notices.extend(waste::compression_notices(&loaded.stored_layers()));
    timings.push(clock.lap("pull"));
    if let Some(plan) = &plan {
        advise(plan, &mut waste);
    }
    timings.push(clock.lap("fixes"));
    let mut found = loaded.finish(target, waste, options, timings);
    found.plan = plan;
    Ok(found)
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The Dockerfile, read and matched with the layers. One that can't be read is noted.
fn build_of(loaded: &mut loaded::Loaded, options: &Options) -> Option<Build> {
    let (name, text) = options.dockerfile.as_ref()?;
    match Build::parse(name, text) {
        Ok(mut build) => {
            build.bind(&loaded.image.history);
            Some(build)
        }
        Err(error) => {
            loaded.note(format!("{name} can't be read, {error}; findings have no lines"));
            None
        }
    }
}

/// What findings say to do is what the edits do. Where there is no edit, nothing is said that looks like one.
fn advise(plan: &Plan, waste: &mut Waste) {
    for (place, finding) in waste.findings.iter_mut().enumerate() {
        let has_edit = plan.edit_of(place).is_some();
        let is_secret = finding.fix.contains("rotate");
        let is_command = finding.fix.starts_with("RUN ");
        let keeps = finding.in_base && !has_edit || is_secret || !has_edit && plan.is_reconstructed && !is_command;
        if let Some(advice) = plan.advice(place).filter(|_| !keeps) {
            finding.fix = shown_lines(&advice);
            finding.fix_mount = finding.fix_mount.take().filter(|_| has_edit || plan.is_reconstructed);
        }
    }
}

/// Edits of the Dockerfile, else of one that is made from the history.
fn plan_of(
    loaded: &loaded::Loaded,
    waste: &Waste,
    build: Option<Build>,
    accounts: &waste::Accounts,
    options: &Options,
) -> Option<Plan> {
    let image = &loaded.image;
    let reconstructed = || {
        let below = waste.base.rows(&image.history);
        Build::reconstruct(image, waste.base.name.as_deref(), below)
    };
    let build = if options.dockerfile.is_some() { build } else { reconstructed() }?;
    Some(Plan::of(&fix::Input {
        tree: &loaded.tree,
        image,
        rules: &waste.rules,
        accounts,
        findings: &waste.findings,
        build: &build,
        ignore: options.ignore.as_ref(),
        content_bytes: waste.content_bytes,
    }))
}

/// What an image's documents say of its layers, without a look at any.
fn documents_of(target: &Target, options: &Options) -> Result<Relative, InspectError> {
    let request = Request {
        select: target.select.clone(),
        platform: options.platform.clone(),
        format: target.format,
        ..Request::default()
    };
    let count = Arc::default();
    let failed = |error| InspectError::Image { name: target.typed.clone(), error };
    let image = match crate::source::open_with(target, &count, &options.access, None, &mut |_| {})? {
        Opened::Members(members) => {
            crate::image::resolve(&members::MembersLookup(&members), &request).map_err(failed)?
        }
        Opened::Stream(stream) => stream::documents(&stream, &request)?,
        Opened::Engine(engine) => crate::image::from_facts(&engine.facts),
        Opened::Registry(found) => registry::documents(&found, target, &request)?.0,
    };
    Ok(Relative {
        names: vec![target.typed.clone()],
        digest: image.digest,
        diff_ids: image.layers.into_iter().map(|layer| layer.diff_id).collect(),
        is_pulled: false,
    })
}

struct Clock<'s> {
    shared: &'s Shared,
    since: Instant,
    read: u64,
}

impl<'s> Clock<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self { shared, since: Instant::now(), read: 0 }
    }

    fn lap(&mut self, stage: &'static str) -> Timing {
        let read = self.shared.read.load(Ordering::Relaxed);
        let timing = Timing { stage, took: self.since.elapsed(), bytes: read - self.read };
        (self.since, self.read) = (Instant::now(), read);
        timing
    }
}

fn threads(options: &Options) -> usize {
    match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}
