//! `--ci`: one image or several are looked at, held against limits, and written down.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;

use explore::bytes::{os_name, shown, shown_text};
use explore::gate::{Gate, Known, Verdict, settle};
use explore::inspect::{Inspection, Options};
use explore::report::{self, JsonOptions, Judged, ReportFormat, write_report};
use explore::settings::Settings;
use jiff::civil::Date;

use super::failure::Failure;
use super::look::{end, judging, look, target};
use super::output::{print, say, write_whole};

/// The day, in UTC: exceptions end on the same day everywhere.
pub(super) fn today() -> Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}

/// Whether layers of registries are read whole. What a table of contents says is the author's word, and rules that are there
/// to catch an author look at the layer itself unless the user says otherwise.
fn full(settings: &Settings) -> bool {
    let strict = || ["deny-secrets", "forbid", "require"].iter().any(|key| settings.is_set(key));
    settings.said_switch("full").unwrap_or_else(strict)
}

/// Judges images, and returns the worst exit code.
pub(super) fn judge(images: &[OsString], settings: &Settings, dockerfile: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut names = images.to_vec();
    if let Some(list) = settings.path("from-file") {
        names.extend(listed(list)?);
    }
    if names.is_empty() {
        return Err(Failure::Usage("there is no image to judge: name one, or give a list with --from-file".to_owned()));
    }
    one_for_standard_output(settings)?;
    let options = Options { full: full(settings), ..judging(settings, dockerfile)? };
    // Without a cache of the user's, one for this run: what images share is read once all the same.
    let own_cache = if names.len() > 1 || settings.is_set("against") { scratch(&options) } else { None };
    let options = match &own_cache {
        Some(folder) => Options { cache: Some(explore::layer::Cache::new(folder.path().to_owned())), ..options },
        None => options,
    };
    let options = Options {
        share_layers: names.len() > 1 || settings.is_set("against"),
        skip_pull_estimates: !shows_pull_bytes(settings),
        ..options
    };
    let mut gate = gate(settings, &options)?;
    let mut worst = 0;
    let mut found = Vec::new();
    for name in &names {
        match target(name, settings).and_then(|target| look(&target, &options)) {
            Ok(inspection) => found.push(inspection),
            Err(failure) if names.len() == 1 => return Err(failure),
            Err(failure) => {
                let (name, text) = (shown_os(name), failure.to_string());
                let says_it = text.starts_with(&name);
                say(&if says_it { format!("explore: {text}") } else { format!("explore: {name}: {text}") });
                worst = 2;
            }
        }
    }
    for found in &found {
        end(found, settings);
    }
    let broken = found.iter().any(|found| found.incomplete().next().is_some());
    worst = if broken { 2 } else { worst };
    let mut verdicts: Vec<Verdict> = found.iter().map(|found| gate.judge(found)).collect();
    if settings.switch("write-baseline") {
        if worst > 0 {
            return Err(Failure::Usage("no baseline is written: not every image could be looked at whole".to_owned()));
        }
        gate.known = Some(write_baseline(settings, &gate, &found, &verdicts)?);
        verdicts = found.iter().map(|found| gate.judge(found)).collect();
    }
    settle(&gate, &mut verdicts);
    let failed = verdicts.iter().any(|verdict| !verdict.pass());
    worst = worst.max(u8::from(failed));
    let judged: Vec<Judged<'_>> =
        found.iter().zip(&verdicts).map(|(found, verdict)| Judged { found, verdict: Some(verdict) }).collect();
    write(&judged, names.len() - found.len(), settings)?;
    Ok(ExitCode::from(worst))
}

/// Two reports in one stream are neither.
fn one_for_standard_output(settings: &Settings) -> Result<(), Failure> {
    let json = settings.path("json").filter(|file| file.as_os_str() == "-").map(|_| "--json".to_owned());
    let reports = settings.reports().into_iter().filter(|(_, file)| file == "-");
    let reports = reports.map(|(format, _)| format!("--report {}=-", format.name()));
    let all: Vec<String> = json.into_iter().chain(reports).collect();
    match all.as_slice() {
        [first, second, ..] => {
            Err(Failure::Usage(format!("{first} and {second} both write to standard output; give all but one a file")))
        }
        _ => Ok(()),
    }
}

/// A folder for the indexes of this run, where none is kept between runs.
fn scratch(options: &Options) -> Option<tempfile::TempDir> {
    options.cache.is_none().then(|| tempfile::tempdir().ok()).flatten()
}

fn shown_os(name: &OsStr) -> String {
    shown(name.as_encoded_bytes())
}

/// Bytes of a list of images that are read.
const MAX_LIST: u64 = 16 << 20;

/// Images of a list: one on each line; empty lines and those that begin with `#` are for people.
fn listed(list: &Path) -> Result<Vec<OsString>, Failure> {
    let mut bytes = Vec::new();
    let read = if list == Path::new("-") {
        io::stdin().lock().take(MAX_LIST).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(list).and_then(|file| file.take(MAX_LIST).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::ReadFile { name: list.display().to_string(), error })?;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    Ok(names.map(os_name).collect())
}

/// Whether any of the outputs shows bytes to pull. The text of the verdict does not.
fn shows_pull_bytes(settings: &Settings) -> bool {
    settings.switch("summary") || settings.path("json").is_some() || !settings.reports().is_empty() || on_github()
}

fn gate(settings: &Settings, options: &Options) -> Result<Gate, Failure> {
    let (baseline, against) = (settings.path("baseline"), settings.word("against"));
    let (by_file, by_image) = (settings.strength("baseline"), settings.strength("against"));
    if baseline.is_some() && against.is_some() && by_file == by_image {
        return Err(Failure::Usage("--baseline and --against both say what is known; give one of them".to_owned()));
    }
    let writes = settings.switch("write-baseline");
    if writes && baseline.is_none() {
        return Err(Failure::Usage("--write-baseline needs --baseline FILE, which it writes".to_owned()));
    }
    let known = match (baseline, against) {
        // What is written is what is found now, whatever was known.
        _ if writes => None,
        (Some(file), _) if by_file > by_image => Some(read_baseline(file)?),
        (_, Some(image)) => {
            // The base image that is named is that of the images that are judged: the other may have an older one.
            let options = Options { base_image: None, squash: Vec::new(), ..options.clone() };
            let found = look(&target(image, settings)?, &options)?;
            if let Some(damage) = found.incomplete().next() {
                return Err(Failure::Usage(format!("{}: {damage}; nothing can be held against it", shown_os(image))));
            }
            Some(Known::of(&found))
        }
        _ => None,
    };
    Ok(Gate { limits: settings.limits(), exceptions: settings.exceptions.clone(), known, today: today() })
}

fn read_baseline(file: &Path) -> Result<Known, Failure> {
    let name = shown_text(&file.display().to_string());
    let text = explore::bytes::read_text(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::NoBaseline(name.clone()),
        _ => Failure::ReadFile { name: name.clone(), error },
    })?;
    Known::parse(&text).map_err(|error| Failure::Baseline { name, error })
}

fn write_baseline(
    settings: &Settings,
    gate: &Gate,
    found: &[Inspection],
    verdicts: &[Verdict],
) -> Result<Known, Failure> {
    let file = settings.path("baseline").unwrap_or(Path::new("explore-baseline.json"));
    let pairs: Vec<(&Inspection, &Verdict)> = found.iter().zip(verdicts).collect();
    let text = gate.baseline(&pairs);
    write_whole(file, |out| out.write_all(text.as_bytes()))?;
    let name = shown_text(&file.display().to_string());
    Known::parse(&text).map_err(|error| Failure::Baseline { name, error })
}

/// Writes all that is asked for. A reader that goes away changes no verdict.
fn write(judged: &[Judged<'_>], unread: usize, settings: &Settings) -> Result<(), Failure> {
    let (json, reports) = (settings.path("json"), settings.reports());
    let to_stdout = |file: &OsStr| file == "-";
    let taken = json.is_some_and(|file| to_stdout(file.as_os_str())) || reports.iter().any(|(_, file)| to_stdout(file));
    let pretty = JsonOptions { files: settings.switch("files"), pretty: io::stdout().is_terminal() };
    if let Some(file) = json {
        to(file.as_os_str(), |mut out| report::write_judged(judged, pretty, &mut out))?;
    }
    for (format, file) in &reports {
        to(file, |out| write_report(*format, judged, unread, out))?;
    }
    github(judged, unread, taken, &reports)?;
    if taken {
        say(&report::verdict_line(judged, unread));
        return Ok(());
    }
    if settings.switch("summary") {
        for each in judged {
            open_pipe(print(|out| report::write_summary(each.found, out)))?;
        }
    }
    open_pipe(print(|out| report::write_verdicts(judged, unread, out)))
}

fn open_pipe(written: Result<(), Failure>) -> Result<(), Failure> {
    written.or_else(|failure| if failure.is_closed_pipe() { Ok(()) } else { Err(failure) })
}

/// Writes to a file, whole or not at all, or to standard output.
fn to(file: &OsStr, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    if file == "-" {
        return open_pipe(print(|out| write(out)));
    }
    // A pipe may stand there, too: `--report text=/dev/stdout`.
    open_pipe(write_whole(Path::new(file), |out| write(out)))
}

/// Whether a GitHub workflow runs this program.
fn on_github() -> bool {
    std::env::var("GITHUB_ACTIONS").ok().and_then(|text| explore::settings::switch(&text)) == Some(true)
}

/// In a GitHub workflow: annotations in the log, and the summary of the step.
fn github(
    judged: &[Judged<'_>],
    unread: usize,
    taken: bool,
    reports: &[(ReportFormat, OsString)],
) -> Result<(), Failure> {
    if !on_github() {
        return Ok(());
    }
    if !reports.iter().any(|(format, _)| *format == ReportFormat::Github) {
        // The runner takes them from either stream.
        if taken {
            let failed = |error| Failure::Write { name: "standard error".to_owned(), error };
            open_pipe(write_report(ReportFormat::Github, judged, unread, &mut io::stderr()).map_err(failed))?;
        } else {
            open_pipe(print(|out| write_report(ReportFormat::Github, judged, unread, out)))?;
        }
    }
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return Ok(()) };
    let failed = |error| Failure::Write { name: Path::new(&file).display().to_string(), error };
    let mut text = Vec::new();
    report::write_step_summary(judged, unread, &mut text).map_err(failed)?;
    // Other steps' summaries stand there already.
    let summary = OpenOptions::new().append(true).create(true).open(&file);
    summary.and_then(|mut summary| summary.write_all(&text)).map_err(failed)
}
