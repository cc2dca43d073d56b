//! From settings to an inspection.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use explore::image::Platform;
use explore::inspect::{Inspection, Options, Progress, inspect};
use explore::layer::Cache;
use explore::report;
use explore::settings::{Given, Settings, Surroundings, load};
use explore::source::Target;
use explore::waste::Rules;

use super::failure::Failure;
use super::output::say;

/// The settings as they hold for these flags, here.
pub(super) fn settings(flags: &Given) -> Result<Settings, Failure> {
    let settings = load(flags, &Surroundings::of_process())?;
    for warning in &settings.warnings {
        say(&format!("explore: warning: {warning}"));
    }
    Ok(settings)
}

/// For what asks only for files.
pub(super) fn options(settings: &Settings) -> Result<Options, Failure> {
    let default = || std::env::var("DOCKER_DEFAULT_PLATFORM").ok().and_then(|text| Platform::parse(&text));
    let cache = (!settings.switch("no-cache")).then(cache).flatten();
    Ok(Options {
        platform: settings.platform().or_else(default),
        verify: settings.switch("verify"),
        allow_missing_layers: settings.switch("allow-missing-layers"),
        threads: settings.number("threads").unwrap_or(0) as usize,
        cache: cache.clone(),
        access: super::registry::access(settings, cache)?,
        full: settings.switch("full"),
        tree_only: true,
        ..Options::default()
    })
}

/// For a judgement. `built_from` is the Dockerfile where none is said.
pub(super) fn judging(settings: &Settings, built_from: Option<&Path>) -> Result<Options, Failure> {
    let dockerfile = match settings.path("dockerfile").or(built_from) {
        None => None,
        Some(path) => {
            let failed = |error| Failure::ReadFile { name: path.display().to_string(), error };
            Some((path.display().to_string(), explore::bytes::read_text(path).map_err(failed)?))
        }
    };
    let ignore = match &dockerfile {
        None => None,
        Some((name, _)) => {
            let folder = Path::new(name).parent().unwrap_or(Path::new(""));
            Some(super::fix::ignore_of(Path::new(name), folder)?)
        }
    };
    let (base, layers) = (settings.word("base"), settings.number("base-layers"));
    // The stronger of the two is meant.
    let (by_image, by_number) = (settings.strength("base"), settings.strength("base-layers"));
    if base.is_some() && layers.is_some() && by_image == by_number {
        return Err(Failure::Usage("--base and --base-layers both say what the base is; give one of them".to_owned()));
    }
    let rules = catalogue(settings.path("rules"), &settings.words("count"))?;
    settings.check_rules(&rules)?;
    Ok(Options {
        hash: settings.switch("hash"),
        tree_only: false,
        base_layers: layers.filter(|_| by_number >= by_image).map(|layers| layers as usize),
        base_image: base.filter(|_| by_image >= by_number).map(|base| target(base, settings)).transpose()?,
        advice: settings.switch("advice") || settings.limits_advice(&rules),
        rules: Some(rules),
        squash: settings.stretches(),
        dockerfile,
        ignore,
        ..options(settings)?
    })
}

/// Where indexes of layers are kept: `EXPLORE_CACHE_DIR`, else below the user's cache directory.
pub(super) fn cache() -> Option<Cache> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = set("EXPLORE_CACHE_DIR");
    own.or_else(|| Some(explore::bytes::cache_home()?.join("explore")))
        .filter(|folder| folder.is_absolute())
        .map(Cache::new)
}

/// The rules that come with the program, with those of a file.
pub(super) fn catalogue(file: Option<&Path>, count: &[String]) -> Result<Arc<Rules>, Failure> {
    let text = match file {
        None if count.is_empty() => return Ok(Arc::clone(Rules::built_in())),
        None => String::new(),
        Some(path) => explore::bytes::read_text(path)
            .map_err(|error| Failure::ReadFile { name: path.display().to_string(), error })?,
    };
    let name = file.map_or_else(|| "--count".to_owned(), |file| file.display().to_string());
    Rules::with(&text, count).map(Arc::new).map_err(|error| Failure::Rules { name, error })
}

/// What a name means.
pub(super) fn target(image: &OsStr, settings: &Settings) -> Result<Target, Failure> {
    Ok(Target::parse(image)?.in_namespace(settings.word("namespace").and_then(OsStr::to_str)))
}

/// Inspects, with progress on standard error where someone may be looking.
pub(super) fn look(target: &Target, options: &Options) -> Result<Inspection, Failure> {
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

/// Tells of damage and timings; a damaged image is shown as far as it goes, and is not a success.
pub(super) fn end(found: &Inspection, settings: &Settings) -> ExitCode {
    if settings.switch("timings") {
        let _ = report::write_timings(found, &mut io::stderr());
    }
    let mut code = ExitCode::SUCCESS;
    if let Some(missing) = found.missing() {
        say(&format!("explore: {}: warning: {missing}", explore::bytes::shown_text(&found.reference)));
    }
    for damage in found.damage() {
        say(&format!("explore: {}: {damage}", explore::bytes::shown_text(&found.reference)));
        code = ExitCode::from(2);
    }
    code
}
