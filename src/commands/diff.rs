//! `explore diff`: two images are looked at and held against each other.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use explore::cli::{Comparing, DiffAs};
use explore::compare::{CompareOptions, Parity, compare};
use explore::inspect::Options;
use explore::report::{Compared, DiffFormat, write_diff, write_parity, write_parity_json};
use explore::settings::Settings;
use explore::source::Target;
use explore::tui::{Ended, Start};

use super::failure::Failure;
use super::look::{end, judging, look, settings, target};
use super::open::{has_screen, preferences};
use super::output::{print, write_whole};

/// What is to be told, and where.
pub(super) struct Telling<'a> {
    pub(super) strict: bool,
    /// Only what one has and the other has not.
    pub(super) parity: bool,
    pub(super) all: bool,
    /// Text where nothing is said, or a screen where there is one.
    pub(super) format: Option<DiffAs>,
    pub(super) output: Option<&'a Path>,
}

/// Compares, and says by the exit code whether anything differs.
pub(super) fn diff(
    before: &OsStr,
    after: &OsStr,
    flags: &Comparing,
    telling: &Telling<'_>,
) -> Result<ExitCode, Failure> {
    if before == "-" && after == "-" {
        return Err(Failure::Usage("standard input passes only once; save one of the images to a file".to_owned()));
    }
    if telling.parity && matches!(telling.format, Some(DiffAs::Markdown | DiffAs::Html)) {
        return Err(Failure::Usage("--parity is written as text or JSON".to_owned()));
    }
    let settings = settings(&flags.given)?;
    let options = judging(&settings, None)?;
    let (first, second) = (target(before, &settings)?, target(after, &settings)?);
    let how = CompareOptions { strict: telling.strict, threads: options.threads };
    if telling.format.is_none() && telling.output.is_none() && !telling.parity && has_screen() {
        return on_screen([first, second], how, options, &settings);
    }
    let (mut a, mut b) = (look(&first, &options)?, look(&second, &options)?);
    // A table of contents knows contents by another digest than a layer that passed.
    if a.has_tables() != b.has_tables() {
        let full = Options { full: true, ..options.clone() };
        let (place, listed) = if a.has_tables() { (&first, &mut a) } else { (&second, &mut b) };
        *listed = look(place, &full)?;
    }
    let comparison = compare((&first, &a), (&second, &b), how)?;
    let parity = telling.parity.then(|| Parity::of(&comparison));
    let differs = parity.as_ref().map_or_else(|| comparison.differs(), |parity| !parity.holds());
    let whole = [&a, &b].into_iter().all(|found| end(found, &settings) == ExitCode::SUCCESS);
    let code = ExitCode::from(if whole { u8::from(differs) } else { 2 });
    let compared = Compared { before: &a, after: &b, comparison: &comparison };
    let names = [before.to_string_lossy(), after.to_string_lossy()];
    let write = |out: &mut dyn io::Write| {
        if let Some(parity) = &parity {
            return match telling.format {
                Some(DiffAs::Json) => write_parity_json([&a, &b], &comparison, parity, out),
                _ => write_parity([&names[0], &names[1]], [&a, &b], &comparison, parity, telling.all, out),
            };
        }
        write_diff(format(telling.format.unwrap_or(DiffAs::Text)), compared, telling.all, out)
    };
    let written = match telling.output {
        Some(file) => write_whole(file, |out| write(out)),
        None => print(|out| write(out)),
    };
    // A reader that goes away changes no verdict.
    written.or_else(|failure| if failure.is_closed_pipe() { Ok(()) } else { Err(failure) })?;
    Ok(code)
}

/// Compares on the screen. Whoever leaves before both images are read has not seen whether they differ.
fn on_screen(
    targets: [Target; 2],
    how: CompareOptions,
    options: Options,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    match explore::tui::run(Start::Pair(targets, how), options, preferences(settings))? {
        Ended::Left { pair: Some(pair) } => {
            let whole = [&pair.before, &pair.after].into_iter().all(|found| end(found, settings) == ExitCode::SUCCESS);
            Ok(ExitCode::from(if whole { u8::from(pair.comparison.differs()) } else { 2 }))
        }
        Ended::Left { pair: None } => Ok(ExitCode::from(2)),
        Ended::Failed(error) => Err(error.into()),
        Ended::Refused(why) => Err(Failure::Usage(why)),
    }
}

fn format(format: DiffAs) -> DiffFormat {
    match format {
        DiffAs::Text => DiffFormat::Text,
        DiffAs::Json => DiffFormat::Json,
        DiffAs::Markdown => DiffFormat::Markdown,
        DiffAs::Html => DiffFormat::Html,
    }
}
