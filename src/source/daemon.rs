//! A Docker or Podman daemon: what it says about an image, and the image itself as it streams.
//!
//! bollard and its runtime live here and nowhere else; what is handed out is plain values and a `Read`.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::query_parameters::{CreateImageOptionsBuilder, ListImagesOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt as _;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::endpoint::{Address, Endpoint, Engine, Surroundings, docker, podman};
use super::tunnel::Tunnel;

/// How long a daemon may take to answer a question.
const ANSWER: Duration = Duration::from_secs(20);
/// How long it may take to begin an export: older ones write the whole image to a file first.
const BEGIN: Duration = Duration::from_secs(1800);
/// How long it may be silent in the middle of one, when `EXPLORE_DAEMON_TIMEOUT` (seconds) does not say.
const SILENCE: Duration = Duration::from_secs(60);

/// How long it may take to say what other images are made of, and how many are asked about.
const OTHERS_WITHIN: Duration = Duration::from_secs(1);
const OTHERS: usize = 200;
const OTHERS_AT_ONCE: usize = 8;

fn silence() -> Duration {
    let said = std::env::var("EXPLORE_DAEMON_TIMEOUT").ok().and_then(|text| text.parse().ok());
    said.filter(|seconds| *seconds > 0).map_or(SILENCE, Duration::from_secs)
}

/// Why an image can't be had from a daemon.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// No daemon has it, or none answers.
    #[error("{}", no_image(.name, .tried, .near, .hint))]
    NoImage {
        /// As typed.
        name: String,
        /// What was tried, and why it gave nothing.
        tried: Vec<(String, String)>,
        /// Names that are almost the same.
        near: Vec<String>,
        /// What to do.
        hint: &'static str,
    },
    /// It was there a moment ago.
    #[error("{engine}: {problem}")]
    Broke {
        /// The daemon.
        engine: String,
        /// What went wrong.
        problem: String,
    },
}

fn no_image(name: &str, tried: &[(String, String)], near: &[String], hint: &str) -> String {
    let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    let first = format!("there is no file and no image {name}{near}");
    let tried = tried.iter().map(|(what, why)| format!("  {what}: {why}"));
    let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
    [first].into_iter().chain(tried).chain(hint).collect::<Vec<_>>().join("\n")
}

/// What a daemon says about an image. Digests are as it writes them.
#[derive(Debug, Clone, Default)]
pub struct ImageFacts {
    /// `docker` or `podman`.
    pub engine: &'static str,
    /// Digest of the config; with Docker's containerd store that of the manifest.
    pub id: String,
    /// Digest of the manifest, where it is known.
    pub digest: Option<String>,
    /// Names.
    pub tags: Vec<String>,
    /// Operating system, architecture, variant.
    pub platform: (String, String, Option<String>),
    /// When it was built, as written.
    pub created: Option<String>,
    /// Bytes, as the daemon counts them.
    pub size: u64,
    /// Digests of the uncompressed layers, the base first.
    pub diff_ids: Vec<String>,
    /// How containers are started: the config's `config`.
    pub run: serde_json::Value,
    /// The history, the oldest first: created (Unix time), instruction, bytes, comment.
    pub history: Vec<(i64, String, u64, String)>,
}

/// An image of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// `docker` or `podman`.
    pub engine: Engine,
    /// A name, or the short id of one that has none.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Bytes, as the daemon counts them.
    pub size: u64,
    /// Unix time.
    pub created: i64,
}

/// Another image of a daemon, as far as it takes to see whether one is built on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its id.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// Digest of its manifest, where the daemon knows it.
    pub digest: Option<String>,
    /// Digests of its uncompressed layers, the base first.
    pub diff_ids: Vec<String>,
}

/// A name without its tag or digest.
fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    name[last..].find(':').map_or(name, |colon| &name[..last + colon])
}

/// A daemon that answers.
pub struct Daemon {
    docker: Docker,
    runtime: Arc<Runtime>,
    /// Which one.
    pub endpoint: Endpoint,
    /// A service that was started for the time needed.
    service: Option<Service>,
    /// The way to another machine.
    _tunnel: Option<Tunnel>,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Daemon({})", self.endpoint)
    }
}

/// Podman's service, and where its socket is; both end with this.
#[derive(Debug)]
struct Service {
    child: Child,
    folder: std::path::PathBuf,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An image of a daemon, found.
#[derive(Debug, Clone)]
pub struct EngineImage {
    /// The daemon.
    pub daemon: Arc<Daemon>,
    /// What it says.
    pub facts: ImageFacts,
    /// What was tried before, and which meaning of the name was taken; for people.
    pub note: Option<String>,
}

/// Whether an image is to be pulled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// Never.
    #[default]
    Never,
    /// When no daemon has it.
    Missing,
    /// In any case.
    Always,
}

/// Hears what the daemon says while it pulls.
pub(super) type PullProgress<'p> = &'p mut dyn FnMut(&str);

/// Finds an image in the daemon that is meant: of one engine or, when none is named, of Docker and then of Podman.
///
/// # Errors
/// With everything that was tried, when none has it.
pub(super) fn find(
    name: &str,
    engine: Option<Engine>,
    pull: Pull,
    around: &dyn Surroundings,
    progress: PullProgress<'_>,
) -> Result<EngineImage, DaemonError> {
    let mut tried = Vec::new();
    let mut near = Vec::new();
    let mut reached: Vec<Arc<Daemon>> = Vec::new();
    for endpoint in endpoints(engine, around) {
        let told = format!("{} at {endpoint}", title(endpoint.engine));
        let daemon = match Daemon::connect(endpoint) {
            Ok(daemon) => Arc::new(daemon),
            Err(why) => {
                tried.push((told, why));
                continue;
            }
        };
        reached.push(Arc::clone(&daemon));
        if pull == Pull::Always && reached.len() == 1 {
            daemon.pull(name, progress).map_err(|problem| DaemonError::Broke { engine: told.clone(), problem })?;
        }
        match daemon.image(name) {
            Ok(facts) => return Ok(EngineImage { daemon, facts, note: None }),
            Err(why) => {
                tried.push((told, why));
                near.extend(daemon.near(name));
            }
        }
    }
    if pull == Pull::Missing
        && let Some(daemon) = reached.first()
    {
        let failed = |problem| DaemonError::Broke {
            engine: format!("{} at {}", title(daemon.endpoint.engine), daemon.endpoint),
            problem,
        };
        daemon.pull(name, progress).map_err(failed)?;
        let facts = daemon.image(name).map_err(failed)?;
        return Ok(EngineImage { daemon: Arc::clone(daemon), facts, note: None });
    }
    if tried.is_empty() {
        tried.push(("Podman".to_owned(), "no socket, and no `podman` command".to_owned()));
    }
    near.dedup();
    near.truncate(3);
    let hint = match (reached.is_empty(), near.is_empty()) {
        (true, _) => {
            "Start the daemon, or save the image elsewhere: `docker save NAME -o image.tar`, then `explore image.tar`."
        }
        (false, true) if pull == Pull::Never => "Nothing is pulled unless you say so: `--pull missing`.",
        _ => "",
    };
    Err(DaemonError::NoImage { name: name.to_owned(), tried, near, hint })
}

fn endpoints(engine: Option<Engine>, around: &dyn Surroundings) -> Vec<Endpoint> {
    let mut all = Vec::new();
    if engine != Some(Engine::Podman) {
        all.extend(docker(around));
    }
    if engine != Some(Engine::Docker) {
        all.extend(podman(around));
    }
    all
}

/// All images of the daemons that answer, the youngest first; and why the others do not.
pub fn list(around: &dyn Surroundings) -> (Vec<Listed>, Vec<(String, String)>) {
    let (mut images, mut silent) = (Vec::new(), Vec::new());
    let mut engines: Vec<Engine> = Vec::new();
    for endpoint in endpoints(None, around) {
        // One of each engine: the others show the same images.
        if engines.contains(&endpoint.engine) {
            continue;
        }
        let told = format!("{} at {endpoint}", title(endpoint.engine));
        match Daemon::connect(endpoint).and_then(|daemon| Ok((daemon.images()?, daemon.endpoint.engine))) {
            Ok((found, engine)) => {
                engines.push(engine);
                images.extend(found);
            }
            Err(why) => silent.push((told, why)),
        }
    }
    images.sort_by(|a: &Listed, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
    (images, silent)
}

fn title(engine: Engine) -> &'static str {
    match engine {
        Engine::Docker => "Docker",
        Engine::Podman => "Podman",
    }
}

impl Daemon {
    /// Reaches a daemon and asks for its version.
    ///
    /// # Errors
    /// Why it can't be reached, and what to do.
    pub fn connect(endpoint: Endpoint) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| format!("no thread to talk to it: {error}"))?;
        let inside = runtime.enter();
        let seconds = BEGIN.as_secs();
        let mut service = None;
        let mut tunnel: Option<Tunnel> = None;
        let docker = match &endpoint.address {
            Address::Unix(path) => {
                knock(path)?;
                Docker::connect_with_unix(&path.to_string_lossy(), seconds, API_DEFAULT_VERSION)
            }
            Address::Tcp(host, None) => Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION),
            Address::Tcp(host, Some(tls)) => {
                Docker::connect_with_ssl(host, &tls.key, &tls.cert, &tls.ca, seconds, API_DEFAULT_VERSION)
            }
            Address::Ssh(url) => {
                let opened = Tunnel::open(url, endpoint.engine)?;
                let socket = opened.socket();
                tunnel = Some(opened);
                Docker::connect_with_unix(&socket.to_string_lossy(), seconds, API_DEFAULT_VERSION)
            }
            Address::Command => {
                let started = start_podman()?;
                let socket = started.folder.join("podman.sock");
                service = Some(started);
                Docker::connect_with_unix(&socket.to_string_lossy(), seconds, API_DEFAULT_VERSION)
            }
            Address::Unknown(what) => return Err(format!("{what} is nothing that can be reached")),
        };
        let docker = docker.map_err(|error| told(&error))?;
        let docker = runtime.block_on(async {
            match timeout(ANSWER, docker.negotiate_version()).await {
                Ok(answer) => answer.map_err(|error| told(&error)),
                Err(_) => Err(format!("does not answer within {} seconds", ANSWER.as_secs())),
            }
        });
        let docker = docker.map_err(|why| tunnel.as_ref().and_then(Tunnel::complaint).unwrap_or(why))?;
        drop(inside);
        Ok(Self { docker, runtime: Arc::new(runtime), endpoint, service, _tunnel: tunnel })
    }

    fn ask<T>(&self, question: impl Future<Output = Result<T, BollardError>>) -> Result<T, String> {
        self.runtime.block_on(async {
            match timeout(ANSWER, question).await {
                Ok(answer) => answer.map_err(|error| told(&error)),
                Err(_) => Err(format!("does not answer within {} seconds", ANSWER.as_secs())),
            }
        })
    }

    /// What it says about an image; `name` as `docker run` takes it, or an id.
    ///
    /// # Errors
    /// Why it has none.
    pub fn image(&self, name: &str) -> Result<ImageFacts, String> {
        let asked = name;
        let about = self.ask(self.docker.inspect_image(asked))?;
        let id = about.id.clone().unwrap_or_default();
        // By id from here on: a name may be given to another image meanwhile.
        let rows = self.ask(self.docker.image_history(if id.is_empty() { asked } else { &id }))?;
        let digest = about
            .repo_digests
            .iter()
            .flatten()
            .find_map(|name| name.split_once('@').map(|(_, digest)| digest.to_owned()));
        let prefixed = |id: String| if id.is_empty() || id.contains(':') { id } else { format!("sha256:{id}") };
        let history = rows.into_iter().rev();
        Ok(ImageFacts {
            engine: self.endpoint.engine.name(),
            id: prefixed(id),
            digest,
            tags: about.repo_tags.unwrap_or_default(),
            platform: (
                about.os.unwrap_or_default(),
                about.architecture.unwrap_or_default(),
                about.variant.filter(|variant| !variant.is_empty()),
            ),
            created: about.created.filter(|created| !created.is_empty()),
            size: about.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            diff_ids: about.root_fs.and_then(|fs| fs.layers).unwrap_or_default(),
            run: serde_json::to_value(about.config).unwrap_or_default(),
            history: history
                .map(|row| (row.created, row.created_by, u64::try_from(row.size).unwrap_or_default(), row.comment))
                .collect(),
        })
    }

    /// All images that have a name, and those that have none.
    ///
    /// # Errors
    /// When it does not say.
    pub fn images(&self) -> Result<Vec<Listed>, String> {
        let options = ListImagesOptionsBuilder::default().build();
        let images = self.ask(self.docker.list_images(Some(options)))?;
        let mut all = Vec::new();
        for image in images {
            let mut names: Vec<String> =
                image.repo_tags.into_iter().filter(|name| !name.starts_with("<none>")).collect();
            let short: String = image.id.trim_start_matches("sha256:").chars().take(12).collect();
            if names.is_empty() {
                names.push(short);
            }
            for name in names {
                all.push(Listed {
                    engine: self.endpoint.engine,
                    name,
                    id: image.id.clone(),
                    size: u64::try_from(image.size).unwrap_or_default(),
                    created: image.created,
                });
            }
        }
        Ok(all)
    }

    /// Other images that the one of those facts may be built on, with their diff IDs: named ones of other repositories that
    /// are no larger. `known` has what was told before, by id. Not all, when there are many or the daemon takes its time.
    pub fn others(&self, facts: &ImageFacts, known: &dyn Fn(&str) -> Option<Vec<String>>) -> Vec<Other> {
        let deadline = tokio::time::Instant::now() + OTHERS_WITHIN;
        let own: Vec<&str> = facts.tags.iter().map(|tag| repository(tag)).collect();
        self.runtime.block_on(async {
            let options = ListImagesOptionsBuilder::default().build();
            let listed = tokio::time::timeout_at(deadline, self.docker.list_images(Some(options))).await;
            let Ok(Ok(mut listed)) = listed else { return Vec::new() };
            let prefixed = |id: &str| if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") };
            listed.retain(|image| {
                let size = u64::try_from(image.size).unwrap_or_default();
                let mut names = image.repo_tags.iter().filter(|name| !name.starts_with("<none>")).peekable();
                // An older build of the same image is no base of it.
                names.peek().is_some()
                    && names.all(|name| !own.contains(&repository(name)))
                    && prefixed(&image.id) != facts.id
                    && (facts.size == 0 || size <= facts.size)
            });
            // What is larger has more of the layers.
            listed.sort_by_key(|image| std::cmp::Reverse(image.size));
            listed.truncate(OTHERS);
            let (mut others, mut asked) = (Vec::new(), Vec::new());
            for image in listed {
                let digest = image.repo_digests.iter().find_map(|name| name.split_once('@'));
                let digest = digest.map(|(_, digest)| digest.to_owned());
                let other = Other {
                    id: prefixed(&image.id),
                    names: image.repo_tags,
                    digest,
                    diff_ids: known(&prefixed(&image.id)).unwrap_or_default(),
                };
                if other.diff_ids.is_empty() { asked.push(other) } else { others.push(other) }
            }
            let answers = futures_util::stream::iter(asked).map(|other| async move {
                let about = self.docker.inspect_image(&other.id).await.ok()?;
                Some(Other { diff_ids: about.root_fs.and_then(|fs| fs.layers).unwrap_or_default(), ..other })
            });
            let mut answers = std::pin::pin!(answers.buffer_unordered(OTHERS_AT_ONCE));
            while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.next()).await {
                others.extend(answer);
            }
            others
        })
    }

    /// Names that are almost `name`.
    fn near(&self, name: &str) -> Vec<String> {
        let bare = |name: &str| {
            name.rsplit('/').next().unwrap_or(name).split([':', '@']).next().unwrap_or_default().to_owned()
        };
        let wanted = bare(name);
        let mut near: Vec<(usize, String)> = self
            .images()
            .unwrap_or_default()
            .into_iter()
            .map(|image| (distance(&bare(&image.name), &wanted), image.name))
            .filter(|(distance, other)| {
                *distance <= 1 + wanted.len() / 4 || wanted.len() > 2 && other.contains(&wanted)
            })
            .collect();
        near.sort();
        near.into_iter().map(|(_, name)| name).take(3).collect()
    }

    /// Pulls an image.
    ///
    /// # Errors
    /// What the daemon says.
    pub fn pull(&self, name: &str, progress: PullProgress<'_>) -> Result<(), String> {
        // Without a tag a daemon would pull them all.
        let last = name.rsplit('/').next().unwrap_or(name);
        let whole = if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") };
        let options = CreateImageOptionsBuilder::default().from_image(&whole).build();
        self.runtime.block_on(async {
            let mut answers = Box::pin(self.docker.create_image(Some(options), None, None));
            while let Some(answer) = answers.next().await {
                let answer = answer.map_err(|error| match &error {
                    BollardError::DockerResponseServerError { status_code: 404, .. } => {
                        "the registry has no such image, or shows it only after a login".to_owned()
                    }
                    _ => told(&error),
                })?;
                if let Some(error) = answer.error_detail.and_then(|error| error.message) {
                    return Err(error);
                }
                let status = answer.status.unwrap_or_default();
                let of = answer.progress_detail.and_then(|detail| Some((detail.current?, detail.total?)));
                let of = of.map(|(read, of)| format!(" {read} of {of} bytes")).unwrap_or_default();
                let layer = answer.id.map(|id| format!("{id}: ")).unwrap_or_default();
                progress(&format!("{layer}{status}{of}"));
            }
            Ok(())
        })
    }

    /// Starts an export. What is read is added to `count`; when `stop` is rung it ends with an error.
    pub fn export(self: &Arc<Self>, id: &str, count: Arc<AtomicU64>, stop: &Arc<Stop>) -> Export {
        let (sender, chunks) = mpsc::channel(16);
        let stopped = Arc::clone(stop);
        let (daemon, id) = (Arc::clone(self), id.to_owned());
        self.runtime.spawn(async move {
            let mut stream = std::pin::pin!(daemon.docker.export_image(&id));
            let mut patience = BEGIN;
            loop {
                let next = tokio::select! {
                    () = stopped.bell.notified() => return,
                    next = timeout(patience, stream.next()) => next,
                };
                let message = match next {
                    Ok(None) => return,
                    Ok(Some(Ok(chunk))) => Ok(chunk),
                    Ok(Some(Err(error))) => Err(told(&error)),
                    Err(_) => Err(format!("has sent nothing for {} seconds", patience.as_secs())),
                };
                let last = message.is_err();
                if sender.send(message).await.is_err() || last {
                    return;
                }
                patience = silence();
            }
        });
        Export { chunks, chunk: bytes::Bytes::new(), count, stop: Arc::clone(stop), _daemon: Arc::clone(self) }
    }

    /// Whether it runs only for the time needed.
    pub fn is_started(&self) -> bool {
        self.service.is_some()
    }
}

/// Ends an export, also while it waits for the daemon.
#[derive(Debug, Default)]
pub struct Stop {
    rung: AtomicBool,
    bell: tokio::sync::Notify,
    complaint: std::sync::Mutex<Option<String>>,
}

impl Stop {
    /// What ended the export before its time, where the daemon or the way to it did.
    pub fn complaint(&self) -> Option<String> {
        self.complaint.lock().ok()?.clone()
    }

    /// No more of it is needed.
    pub fn ring(&self) {
        self.rung.store(true, Ordering::Relaxed);
        self.bell.notify_one();
    }
}

/// An image as it streams: a tar. Dropped, it is not sent any further.
pub struct Export {
    chunks: mpsc::Receiver<Result<bytes::Bytes, String>>,
    chunk: bytes::Bytes,
    count: Arc<AtomicU64>,
    stop: Arc<Stop>,
    _daemon: Arc<Daemon>,
}

impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let chunk = self.chunks.blocking_recv();
            if self.stop.rung.load(Ordering::Relaxed) {
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "no more of it is needed"));
            }
            match chunk {
                None => return Ok(0),
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(why)) => {
                    // Who reads meets it somewhere in a layer, and goes on elsewhere.
                    if let Ok(mut complaint) = self.stop.complaint.lock() {
                        *complaint = Some(why.clone());
                    }
                    return Err(io::Error::other(why));
                }
            }
        }
        let step = self.chunk.len().min(buffer.len());
        buffer[..step].copy_from_slice(&self.chunk[..step]);
        self.chunk = self.chunk.slice(step..);
        self.count.fetch_add(step as u64, Ordering::Relaxed);
        Ok(step)
    }
}

/// Tries a socket by hand: why it fails is lost on the way through an HTTP client.
#[cfg(unix)]
fn knock(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let Err(error) = std::os::unix::net::UnixStream::connect(path) else { return Ok(()) };
    Err(match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket; the daemon is not installed, or does not run".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens at the socket; the daemon does not run".to_owned(),
        io::ErrorKind::PermissionDenied => {
            let owner = std::fs::metadata(path).ok().and_then(|about| group_name(about.gid()));
            match owner {
                Some(group) if group != "root" => format!(
                    "permission denied; only the group {group} may use the socket: `sudo usermod -aG {group} $USER`, then \
                     log in again"
                ),
                _ => "permission denied; only root may use the socket: run it with `sudo`".to_owned(),
            }
        }
        _ => format!("the socket can't be used: {error}"),
    })
}

#[cfg(not(unix))]
fn knock(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(unix)]
fn group_name(gid: u32) -> Option<String> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == gid.to_string()).then(|| name.to_owned())
    })
}

/// Starts `podman system service` on a socket of its own, and waits until it listens.
fn start_podman() -> Result<Service, String> {
    let folder = std::env::temp_dir().join(format!("explore-podman-{}-{}", std::process::id(), nanos()));
    // Nobody else may talk to it.
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let socket = folder.join("podman.sock");
    let child = Command::new("podman")
        .args(["system", "service", "--time=0"])
        .arg(format!("unix://{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.map_err(|error| {
        let _ = std::fs::remove_dir_all(&folder);
        format!("podman can't be started: {error}")
    })?;
    let mut service = Service { child, folder };
    for _ in 0..100 {
        if socket.exists() && knock(&socket).is_ok() {
            return Ok(service);
        }
        if let Ok(Some(status)) = service.child.try_wait() {
            let mut said = String::new();
            if let Some(errors) = &mut service.child.stderr {
                let _ = errors.take(2000).read_to_string(&mut said);
            }
            let last = said.trim().lines().last().unwrap_or_default().to_owned();
            return Err(format!("`podman system service` ended with {status}: {last}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("`podman system service` does not listen after 5 seconds".to_owned())
}

fn nanos() -> u32 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos())
}

/// What went wrong, in words that say what to do.
fn told(error: &BollardError) -> String {
    let plain = |message: &str| {
        // Nobody wants to read a proxy's page.
        let html = message.trim_start().starts_with('<');
        if html { "a web page (a proxy may be in between)".to_owned() } else { first_line(message) }
    };
    match error {
        BollardError::DockerResponseServerError { status_code: 404, .. } => "it has no image of that name".to_owned(),
        BollardError::DockerResponseServerError { status_code, message } => {
            format!("it answers {status_code}: {}", plain(message))
        }
        BollardError::JsonDataError { .. } | BollardError::JsonSerdeError { .. } => {
            "what answers is no container engine: it sends something else than JSON (a proxy may be in between)"
                .to_owned()
        }
        BollardError::RequestTimeoutError => "it does not answer".to_owned(),
        BollardError::CertPathError { path } => format!("{} can't be read, which TLS needs", path.display()),
        other => {
            let mut words = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(inner) = source {
                let text = inner.to_string();
                if !words.contains(&text) {
                    words = format!("{words}: {text}");
                }
                source = inner.source();
            }
            first_line(&words)
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let cut: String = line.chars().take(300).collect();
    crate::bytes::shown_text(&cut)
}

/// How many letters differ.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut above = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let other = (row[j] + 1).min(row[j + 1] + 1).min(above + usize::from(x != y));
            above = std::mem::replace(&mut row[j + 1], other);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_repository() {
        for (name, want) in [
            ("debian:12", "debian"),
            ("r.io:5000/a/b", "r.io:5000/a/b"),
            ("r.io:5000/a/b:1", "r.io:5000/a/b"),
            ("a@sha256:00", "a"),
        ] {
            assert_eq!(repository(name), want);
        }
    }

    #[test]
    fn near_names_differ_by_a_letter() {
        assert_eq!([distance("debain", "debian"), distance("app", "app"), distance("", "abc")], [2, 0, 3]);
    }
}
