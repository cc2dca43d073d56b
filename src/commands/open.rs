//! Opening an image on the screen, or printing what is in it; choosing and building one.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use explore::bytes::shown_text;
use explore::cli::{BuildFlags, BuildWith, Open};
use explore::image::ImageError;
use explore::inspect::{InspectError, Options};
use explore::report::{self, JsonOptions, Judged, write_report};
use explore::settings::{Group, Origin, SETTINGS, Settings, switch};
use explore::source::{Listed, Place};
use explore::tui::{Ended, Keymap, Preferences, Start, Theme};

use super::failure::Failure;
use super::look::{cache, end, judging, look, settings, target};
use super::output::{print, say, write_whole};
use super::registry::{list_tags, repository_of};
use super::verdict::judge;

/// Opens, prints or judges what the command line names.
pub(super) fn open(flags: &Open) -> Result<ExitCode, Failure> {
    let settings = settings(&flags.flags.given)?;
    needs(&settings, "files", "json")?;
    needs(&settings, "hash", "files")?;
    if is_gate(&settings) {
        return judge(&flags.images, &settings, None);
    }
    only_for_the_gate(&settings)?;
    match flags.images.as_slice() {
        [image] => match repository_of(image) {
            Some(repository) if has_screen() && !settings.is_set("json") && !settings.switch("summary") => {
                let place = image.to_string_lossy().into_owned();
                on_screen(Start::Tags(place, repository), judging(&settings, None)?, &settings)
            }
            Some(repository) => list_tags(&repository, &settings),
            None => open_image(image, &settings, None),
        },
        [] => choose(&settings),
        [first, ..] => Err(Failure::Usage(several(first))),
    }
}

/// Why several words do not name one image; the first may be a command that is misspelt.
fn several(first: &OsStr) -> String {
    let says = "several images are judged with --ci; without it, name one";
    let meant = first.to_str().filter(|_| !Path::new(first).exists()).and_then(explore::cli::command_meant);
    match meant {
        Some(meant) => format!(
            "there is no command `{}`: did you mean `explore {meant}`? ({says})",
            shown_text(&first.to_string_lossy())
        ),
        None => says.to_owned(),
    }
}

/// Judge? When it is said, else where CI is true and nobody looks at a screen.
fn is_gate(settings: &Settings) -> bool {
    let surroundings = || {
        let ci = std::env::var("CI").ok().and_then(|text| switch(&text));
        ci == Some(true) && !io::stdout().is_terminal()
    };
    settings.said_switch("ci").unwrap_or_else(surroundings)
}

/// A flag that does nothing without another is a mistake; a variable may stand there for other commands.
fn needs(settings: &Settings, key: &str, other: &str) -> Result<(), Failure> {
    let said = settings.switch(key) && matches!(settings.origin(key), Origin::Flag(_));
    if said && !settings.is_set(other) {
        return Err(Failure::Usage(format!("--{key} needs --{other}")));
    }
    Ok(())
}

/// A limit on the command line that nothing is held against must not pass for one that holds.
fn only_for_the_gate(settings: &Settings) -> Result<(), Failure> {
    if settings.is_set("ci") {
        return Ok(());
    }
    let gate = |key: &str, group: Group| {
        matches!(group, Group::Gate | Group::Known) || key == "from-file" || key == "ci-config"
    };
    let idle = SETTINGS
        .iter()
        .find(|setting| gate(setting.key, setting.group) && matches!(settings.origin(setting.key), Origin::Flag(_)));
    match idle {
        Some(setting) => Err(Failure::Usage(format!("--{} is for --ci: nothing is held against it here", setting.key))),
        None => Ok(()),
    }
}

/// Lets the user choose among the images of the engines; without a terminal they are only listed.
fn choose(settings: &Settings) -> Result<ExitCode, Failure> {
    if has_screen() && io::stdin().is_terminal() {
        return on_screen(Start::Picker, judging(settings, None)?, settings);
    }
    let (images, silent) = explore::source::list(&explore::source::Process);
    let cache = cache();
    let cached = |image: &Listed| cache.as_ref().is_some_and(|cache| cache.document(&image.id).is_some());
    if images.is_empty() {
        return Err(Failure::NoImages(silent));
    }
    print(|out| report::write_images(&images, &cached, jiff::Timestamp::now(), out))?;
    for attempt in silent {
        say(&format!("explore: {attempt}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the screen; the exit code is that of a look without a judgement.
fn on_screen(start: Start, options: Options, settings: &Settings) -> Result<ExitCode, Failure> {
    let archive = match &start {
        Start::Image(target) if target.select.is_none() && matches!(target.place, Place::Path(_)) => {
            Some(target.typed.clone())
        }
        _ => None,
    };
    match explore::tui::run(start, options.clone(), preferences(settings))? {
        Ended::Left { .. } => Ok(ExitCode::SUCCESS),
        Ended::Failed(InspectError::Image { error: ImageError::Several(images), .. }) if archive.is_some() => {
            on_screen(Start::Archive(archive.unwrap_or_default(), images), options, settings)
        }
        Ended::Failed(error) => Err(error.into()),
        Ended::Refused(why) => Err(Failure::Usage(why)),
    }
}

/// Builds an image as its client does, and opens it.
pub(super) fn build(
    engine: Option<BuildWith>,
    flags: &BuildFlags,
    arguments: &[OsString],
) -> Result<ExitCode, Failure> {
    let settings = settings(&flags.given)?;
    let gate = is_gate(&settings);
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
        // What the build said is what the user has to read. 1 would say that the image failed.
        if gate {
            return Ok(ExitCode::from(2));
        }
        return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)));
    }
    let id = explore::bytes::read_text(&id_file)
        .map_err(|error| Failure::ReadFile { name: "the id of the image".into(), error })?;
    let image = OsString::from(format!("{client}:{}", id.trim()));
    let dockerfile = dockerfile_of(arguments);
    if gate {
        return judge(&[image], &settings, dockerfile.as_deref());
    }
    open_image(&image, &settings, dockerfile.as_deref())
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

fn open_image(image: &OsStr, settings: &Settings, dockerfile: Option<&Path>) -> Result<ExitCode, Failure> {
    let target = target(image, settings)?;
    let options = judging(settings, dockerfile)?;
    let (json, reports) = (settings.path("json"), settings.reports());
    let printed = json.is_some() || !reports.is_empty() || settings.switch("summary") || settings.switch("timings");
    if !printed && has_screen() {
        return on_screen(Start::Image(target), options, settings);
    }
    let found = look(&target, &options)?;
    let pretty = JsonOptions { files: settings.switch("files"), pretty: io::stdout().is_terminal() };
    let mut silent = json.is_some();
    match json {
        None => {}
        Some(file) if file == Path::new("-") => print(|out| report::write_json(&found, pretty, out))?,
        Some(file) => write_whole(file, |out| report::write_json(&found, pretty, out))?,
    }
    for (format, file) in reports {
        let judged = [Judged { found: &found, verdict: None }];
        if file == "-" {
            silent = true;
            print(|out| write_report(format, &judged, 0, out))?;
        } else {
            write_whole(Path::new(&file), |out| write_report(format, &judged, 0, out))?;
        }
    }
    if !silent || settings.switch("summary") && json.is_none_or(|file| file != Path::new("-")) {
        print(|out| report::write_summary(&found, out))?;
    }
    Ok(end(&found, settings))
}

/// Colours, keys, the mouse and the order of files, as settings have them; they were checked with the settings.
pub(super) fn preferences(settings: &Settings) -> Preferences {
    let screen = settings.screen();
    let usual = Preferences::default();
    Preferences {
        theme: Theme::from_environment(screen.theme.as_ref().map(|(name, _)| name.as_str())),
        keys: Keymap::with(screen.keys.iter().map(|key| (key.action.as_str(), key.keys.clone()))).unwrap_or_default(),
        mouse: screen.mouse.unwrap_or(usual.mouse),
        chains: screen.single_child_folders.unwrap_or(usual.chains),
        sort: screen.sort.and_then(|(name, _)| explore::tui::sort_named(&name)).unwrap_or(usual.sort),
    }
}

/// Whether there is a terminal that can be drawn on.
pub(super) fn has_screen() -> bool {
    let kind = std::env::var_os("TERM");
    io::stdout().is_terminal() && kind.is_none_or(|kind| !kind.is_empty() && kind != "dumb")
}
