//! Parses, chooses an output, turns the outcome into an exit code.

mod extract;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory as _;
use explore::bytes::shown;
use explore::cli::{BuildWith, CacheDo, Cli, Command, Format, Generated, Open, PullWhen, Reading};
use explore::inspect::{InspectError, Inspection, Options, Progress, ReadError, SaveError, inspect, read_file};
use explore::layer::{Cache, CacheUse, Keep};
use explore::report::{self, HistoryFormat, JsonOptions, ListFormat};
use explore::source::{Listed, Pull, Target, TargetError};
use explore::tree::{EventKind, Lookup, NodeId};
use explore::tui::{Choice, Look, Theme};
use explore::waste::{Rules, RulesError};
use thiserror::Error;

/// What ends the program early.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error("{name} can't be written: {error}")]
    Write { name: String, error: io::Error },
    #[error("{name} can't be read: {error}")]
    ReadFile { name: String, error: io::Error },
    #[error("{name}: {error}")]
    Rules { name: String, error: RulesError },
    #[error("{path} is not in the image{when}")]
    NoPath { path: String, when: String },
    #[error("{path} is a {kind}, not a file")]
    NoFile { path: String, kind: &'static str },
    #[error("{0} leads around in circles: too many symbolic links")]
    Circle(String),
    #[error("there is no layer {wanted}; the image has {has}, numbered from 0")]
    NoLayer { wanted: usize, has: usize },
    #[error("no daemon has an image to choose from\n{}", told(.0))]
    NoImages(Vec<(String, String)>),
    #[error("`{client}` can't be run: {error}; `--engine` names the other one")]
    NoClient { client: &'static str, error: io::Error },
    #[error("there is no place for a cache: HOME is not set, nor EXPLORE_CACHE_DIR")]
    NoCache,
    #[error("there is no rule {0}; `explore rules` lists them")]
    NoRule(String),
    #[error("the terminal can't be used: {0}; `--summary` needs none")]
    Terminal(io::Error),
}

/// Daemons, and why they gave nothing.
fn told(silent: &[(String, String)]) -> String {
    silent.iter().map(|(daemon, why)| format!("  {daemon}: {why}")).collect::<Vec<_>>().join("\n")
}

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output; when that is closed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(failure) if is_closed_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("explore: {failure}"));
            ExitCode::from(2)
        }
    }
}

fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn is_closed_pipe(failure: &Failure) -> bool {
    match failure {
        Failure::Write { error, .. } => error.kind() == io::ErrorKind::BrokenPipe,
        Failure::Read(ReadError::Content { error: explore::layer::ContentError::Io(error), .. }) => {
            error.kind() == io::ErrorKind::BrokenPipe
        }
        _ => false,
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        None => open(&cli.open),
        Some(Command::History { image, reading, no_trunc, format }) => {
            let target = Target::parse(&image)?;
            let found = look(&target, &options(&reading, None))?;
            let format = match format {
                Format::Table => HistoryFormat::Table,
                Format::Json => HistoryFormat::Json,
            };
            let now = jiff::Timestamp::now();
            print(|out| report::write_history(&found, format, no_trunc, now, out))?;
            Ok(end(&found, &reading))
        }
        Some(Command::Ls { image, path, reading, layer, depth, long, print0, json }) => {
            let target = Target::parse(&image)?;
            let found = look(&target, &options(&reading, None))?;
            let format = match (long, print0, json) {
                (true, ..) => ListFormat::Long,
                (_, true, _) => ListFormat::Nul,
                (.., true) => ListFormat::Json,
                _ => ListFormat::Paths,
            };
            let path = path.unwrap_or_default();
            // A link that is named itself is listed, as `ls -d` would; one that ends in a slash is followed.
            let follow = path.as_bytes().ends_with(b"/");
            let Some(layer) = state(&found, layer)? else {
                print(|out| if format == ListFormat::Json { writeln!(out, "[]") } else { Ok(()) })?;
                return Ok(end(&found, &reading));
            };
            let top = match find(&found, &path, layer, follow)? {
                Some((node, at)) => (node, Some(at)),
                None => (NodeId::ROOT, None),
            };
            let depth = depth.unwrap_or(usize::MAX);
            print(|out| report::write_listing(&found.tree, top, layer, depth, format, out))?;
            Ok(end(&found, &reading))
        }
        Some(Command::Cat { image, path, reading, layer }) => cat(&image, &path, &reading, layer),
        Some(Command::Extract(wanted)) => extract::extract(&wanted),
        Some(Command::Rules { id, rules }) => {
            let rules = catalogue(rules.as_deref(), &[])?;
            match id {
                None => print(|out| report::write_rules(&rules, out))?,
                Some(id) => {
                    let Some(rule) = rules.get(&id) else { return Err(Failure::NoRule(id)) };
                    print(|out| report::write_rule(&rules, rule, out))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Build { engine, arguments }) => build(engine, &arguments),
        Some(Command::Cache { what }) => tend_cache(&what.unwrap_or(CacheDo::Show)),
        Some(Command::Generate { what }) => {
            print(|out| generate(what, out))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn open(flags: &Open) -> Result<ExitCode, Failure> {
    let Some(image) = flags.image.clone() else {
        return match choose()? {
            Some(image) => open_image(&image, flags, None),
            None => Ok(ExitCode::SUCCESS),
        };
    };
    open_image(&image, flags, None)
}

/// Lets the user choose among the images of the daemons; without a terminal they are only listed.
fn choose() -> Result<Option<OsString>, Failure> {
    let (images, silent) = explore::source::list(&explore::source::Process);
    let cache = cache();
    let known = |image: &Listed| cache.as_ref().is_some_and(|cache| cache.config(&image.id).is_some());
    if has_screen() && io::stdin().is_terminal() {
        let choices = images.into_iter().map(|image| Choice { known: known(&image), image }).collect();
        return Ok(explore::tui::pick(choices, silent, look_of_screen().theme).map_err(Failure::Terminal)?.map(OsString::from));
    }
    if images.is_empty() {
        return Err(Failure::NoImages(silent));
    }
    print(|out| report::write_images(&images, &known, jiff::Timestamp::now(), out))?;
    for (daemon, why) in silent {
        say(&format!("explore: {daemon}: {why}"));
    }
    Ok(None)
}

/// Builds an image as its client does, and opens it.
fn build(engine: Option<BuildWith>, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let client = match engine {
        Some(BuildWith::Docker) => "docker",
        None if explore::source::Surroundings::has_command(&explore::source::Process, "docker") => "docker",
        Some(BuildWith::Podman) | None => "podman",
    };
    let folder = tempfile::tempdir().map_err(|error| Failure::Write { name: "a temporary directory".into(), error })?;
    let id_file = folder.path().join("id");
    let status =
        std::process::Command::new(client).arg("build").arg("--iidfile").arg(&id_file).args(arguments).status();
    let status = status.map_err(|error| Failure::NoClient { client, error })?;
    if !status.success() {
        // What the build said is what the user has to read.
        return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)));
    }
    let id = std::fs::read_to_string(&id_file)
        .map_err(|error| Failure::ReadFile { name: "the id of the image".into(), error })?;
    let flags = Cli::read(["explore".into()].into_iter()).map(|cli| cli.open);
    let Ok(flags) = flags else { return Ok(ExitCode::from(2)) };
    open_image(OsStr::new(&format!("{client}:{}", id.trim())), &flags, dockerfile_of(arguments).as_deref())
}

/// The Dockerfile that a build with these arguments reads, when it is a file here.
fn dockerfile_of(arguments: &[OsString]) -> Option<PathBuf> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let named = words.iter().enumerate().find_map(|(at, word)| match word.as_str() {
        "-f" | "--file" => words.get(at + 1).cloned(),
        word => word.strip_prefix("--file=").or_else(|| word.strip_prefix("-f=")).map(str::to_owned),
    });
    let context = words.last().filter(|last| Path::new(last).is_dir());
    let beside = |name: &str| context.map(|context| Path::new(context).join(name));
    let candidates = match named {
        Some(named) => vec![Some(PathBuf::from(named))],
        None => vec![beside("Dockerfile"), beside("Containerfile")],
    };
    candidates.into_iter().flatten().find(|path| path.is_file())
}

fn open_image(image: &OsStr, flags: &Open, dockerfile: Option<&Path>) -> Result<ExitCode, Failure> {
    let target = Target::parse(image)?;
    let reading = &flags.reading;
    let options = judging(flags, dockerfile)?;
    if flags.json.is_none() && !flags.summary && !reading.timings && has_screen() {
        return match explore::tui::run(target, options, look_of_screen()).map_err(Failure::Terminal)? {
            Some(error) => Err(error.into()),
            None => Ok(ExitCode::SUCCESS),
        };
    }
    let found = look(&target, &options)?;
    let json = JsonOptions { files: flags.files, pretty: io::stdout().is_terminal() };
    match &flags.json {
        None => print(|out| report::write_summary(&found, out))?,
        Some(None) => print(|out| report::write_json(&found, json, out))?,
        Some(Some(file)) => write_whole(file, |out| report::write_json(&found, json, out))?,
    }
    Ok(end(&found, reading))
}

/// Colours and keys.
fn look_of_screen() -> Look {
    Look { theme: Theme::from_environment(std::env::var("EXPLORE_THEME").ok().as_deref()), ..Look::default() }
}

/// A terminal that can be drawn on.
fn has_screen() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

fn cat(image: &OsStr, path: &OsStr, reading: &Reading, layer: Option<usize>) -> Result<ExitCode, Failure> {
    let target = Target::parse(image)?;
    let mut normal = Vec::new();
    explore::layer::normal_path(path.as_bytes(), &mut normal);
    let keep = Keep { path: normal, limit: 64 * 1024 * 1024 };
    let found = look(&target, &options(reading, Some(keep)))?;
    let shown_path = shown(path.as_bytes());
    let no_path = |when: String| Failure::NoPath { path: shown_path.clone(), when };
    let Some(layer) = state(&found, layer)? else { return Err(no_path(", which has no layers".to_owned())) };
    let no_file = |kind| Failure::NoFile { path: shown_path.clone(), kind };
    let (_, at) = find(&found, path, layer, true)?.ok_or(no_file("directory"))?;
    let kind = found.tree.event_at(at).kind();
    let Some(file) = found.tree.copy_of(at) else {
        return Err(match kind {
            EventKind::HardLink => no_path(": it is a hard link to nothing".to_owned()),
            kind => no_file(kind.name()),
        });
    };
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout());
    read_file(&target, &found, file, &mut out)?;
    out.flush().map_err(|error| Failure::Write { name: "standard output".into(), error })?;
    Ok(end(&found, reading))
}

/// The layer that is asked for, or the last; None when there is none at all.
fn state(found: &Inspection, asked: Option<usize>) -> Result<Option<u16>, Failure> {
    let has = found.image.layers.len();
    match asked {
        Some(wanted) if wanted >= has => Err(Failure::NoLayer { wanted, has }),
        Some(wanted) => Ok(Some(wanted as u16)),
        None => Ok(found.tree.top()),
    }
}

/// None is the root.
fn find(
    found: &Inspection,
    path: &OsStr,
    layer: u16,
    follow: bool,
) -> Result<Option<(NodeId, explore::tree::EventRef)>, Failure> {
    let text = || shown(path.as_bytes());
    match found.tree.lookup(path.as_bytes(), layer, follow) {
        Lookup::Found(node, at) => Ok(Some((node, at))),
        Lookup::Root => Ok(None),
        Lookup::Loop => Err(Failure::Circle(text())),
        Lookup::Absent => {
            let last = usize::from(layer) + 1 == found.image.layers.len();
            let when = if last { String::new() } else { format!(" after layer {layer}") };
            let known = found.tree.paths.find(path.as_bytes());
            let ended = known.and_then(|node| found.tree.events_of(node).next());
            let hint = match ended {
                Some((at, event)) if event.until <= layer => format!(
                    "{when}: layer {} takes it away; `--layer {}` shows it",
                    event.until,
                    event.until.saturating_sub(1).max(at.layer)
                ),
                _ => when,
            };
            Err(Failure::NoPath { path: text(), when: hint })
        }
    }
}

/// For what asks only for files.
fn options(reading: &Reading, keep: Option<Keep>) -> Options {
    let default =
        || std::env::var("DOCKER_DEFAULT_PLATFORM").ok().and_then(|text| explore::image::Platform::parse(&text));
    Options {
        platform: reading.platform.clone().or_else(default),
        verify: reading.verify,
        threads: reading.threads,
        cache: (!reading.no_cache).then(cache).flatten(),
        pull: match reading.pull {
            PullWhen::Always => Pull::Always,
            PullWhen::Missing => Pull::Missing,
            PullWhen::Never => Pull::Never,
        },
        keep,
        tree_only: true,
        ..Options::default()
    }
}

/// Where indexes of layers are kept: `EXPLORE_CACHE_DIR`, else below the user's cache directory.
fn cache() -> Option<Cache> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = set("EXPLORE_CACHE_DIR");
    let below = || Some(set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?.join("explore"));
    own.or_else(below).filter(|folder| folder.is_absolute()).map(Cache::new)
}

fn tend_cache(what: &CacheDo) -> Result<ExitCode, Failure> {
    let cache = cache().ok_or(Failure::NoCache)?;
    let folder = shown(cache.folder().as_os_str().as_bytes());
    let words = |used: CacheUse| {
        format!(
            "{} ({} layers, {} images)",
            report::bytes(used.bytes),
            report::exact(used.layers as u64),
            report::exact(used.images as u64)
        )
    };
    let failed = |error| Failure::Write { name: folder.clone(), error };
    match *what {
        CacheDo::Show => print(|out| writeln!(out, "{folder}: {}", words(cache.used())))?,
        CacheDo::Prune { max_size, older_than } => {
            let age = older_than.map(|days| std::time::Duration::from_secs(days.saturating_mul(86_400)));
            let gone = cache.prune(max_size, age).map_err(failed)?;
            print(|out| writeln!(out, "removed {}, left {}", words(gone), words(cache.used())))?;
        }
        CacheDo::Clear => {
            let gone = cache.prune(0, None).map_err(failed)?;
            print(|out| writeln!(out, "removed {}", words(gone)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn judging(flags: &Open, built_from: Option<&Path>) -> Result<Options, Failure> {
    let judging = &flags.judging;
    let dockerfile = match judging.dockerfile.as_deref().or(built_from) {
        None => None,
        Some(path) => {
            let failed = |error| Failure::ReadFile { name: path.display().to_string(), error };
            Some((path.display().to_string(), std::fs::read_to_string(path).map_err(failed)?))
        }
    };
    Ok(Options {
        hash: flags.hash,
        tree_only: false,
        base_layers: judging.base_layers,
        base_image: judging.base.as_deref().map(Target::parse).transpose()?,
        rules: Some(catalogue(judging.rules.as_deref(), &judging.count)?),
        advice: judging.advice,
        squash: judging.squash.clone(),
        dockerfile,
        ..options(&flags.reading, None)
    })
}

fn catalogue(file: Option<&Path>, count: &[String]) -> Result<Arc<Rules>, Failure> {
    let text = match file {
        None if count.is_empty() => return Ok(Arc::clone(Rules::built_in())),
        None => String::new(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::ReadFile { name: path.display().to_string(), error })?,
    };
    let name = file.map_or_else(|| "--count".to_owned(), |file| file.display().to_string());
    Rules::with(&text, count).map(Arc::new).map_err(|error| Failure::Rules { name, error })
}

/// Inspects, with progress on standard error where someone may be looking.
fn look(target: &Target, options: &Options) -> Result<Inspection, Failure> {
    let mut line = ProgressLine::new();
    let found = inspect(target, options, &mut |progress| {
        line.show(&progress);
        true
    });
    line.clear();
    Ok(found?)
}

/// One line on standard error that is drawn over, after a moment in which most images are done.
struct ProgressLine {
    since: std::time::Instant,
    visible: bool,
    shown: bool,
}

impl ProgressLine {
    fn new() -> Self {
        Self { since: std::time::Instant::now(), visible: io::stderr().is_terminal(), shown: false }
    }

    fn show(&mut self, progress: &Progress<'_>) {
        if !self.visible || self.since.elapsed().as_millis() < 500 {
            return;
        }
        let text = match progress {
            Progress::Bytes { read, of: Some(of) } => {
                format!("{} of at most {}", report::bytes(*read), report::bytes(*of))
            }
            Progress::Bytes { read, of: None } => format!("{} read", report::bytes(*read)),
            Progress::Comparing { files } => format!("comparing {} files", report::exact(*files as u64)),
            Progress::Waiting(text) => explore::bytes::shown_text(text),
            Progress::Image(_) | Progress::Layer { .. } | Progress::Stacked(_) => return,
        };
        self.shown = true;
        let _ = write!(io::stderr(), "\r\x1b[Kexplore: {text}");
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Tells of damage and timings; a damaged image is shown as far as it goes, and is no success.
fn end(found: &Inspection, reading: &Reading) -> ExitCode {
    if reading.timings {
        let _ = report::write_timings(found, &mut io::stderr());
    }
    let mut code = ExitCode::SUCCESS;
    for damage in found.damage() {
        say(&format!("explore: {}: {damage}", found.reference));
        code = ExitCode::from(2);
    }
    code
}

fn print(write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    write(&mut out)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Write { name: "standard output".to_owned(), error })
}

/// Writes a file whole or not at all: beside its place first, then in its place.
fn write_whole(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<std::fs::File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let failed = |error| Failure::Write { name: file.display().to_string(), error };
    // A device or pipe is written to as it is.
    if std::fs::metadata(file).is_ok_and(|about| !about.is_file()) {
        let mut out = BufWriter::new(std::fs::OpenOptions::new().write(true).open(file).map_err(failed)?);
        return write(&mut out).and_then(|()| out.flush()).map_err(failed);
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let written = std::fs::File::create(&part).and_then(|created| {
        let mut out = BufWriter::with_capacity(64 * 1024, created);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&part, file)
    });
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        failed(error)
    })
}

fn generate(what: Generated, out: &mut impl Write) -> io::Result<()> {
    use clap_complete::{Shell, generate};
    let mut command = Cli::command();
    let shell = match what {
        Generated::Man => return clap_mangen::Man::new(command).render(out),
        Generated::Bash => Shell::Bash,
        Generated::Zsh => Shell::Zsh,
        Generated::Fish => Shell::Fish,
        Generated::Powershell => Shell::PowerShell,
        Generated::Elvish => Shell::Elvish,
    };
    let mut text = Vec::new();
    generate(shell, &mut command, "explore", &mut text);
    out.write_all(&text)
}
