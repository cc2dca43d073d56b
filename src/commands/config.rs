//! `explore config`: what the settings are, and files of them.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use explore::bytes::shown_text;
use explore::cli::{AllFlags, ConfigDo};
use explore::settings::{FILE_NAME, Surroundings, check, nearest_file, write_commented, write_settings};

use super::failure::Failure;
use super::look::{catalogue, settings};
use super::output::print;
use super::verdict::today;

/// Shows settings, begins a file, or judges one.
pub(super) fn tend(what: Option<ConfigDo>) -> Result<ExitCode, Failure> {
    match what {
        None => show(&AllFlags::default())?,
        Some(ConfigDo::Show { flags }) => show(&flags)?,
        Some(ConfigDo::Init { file }) if file == Path::new("-") => print(write_commented)?,
        Some(ConfigDo::Init { file }) => init(&file)?,
        Some(ConfigDo::Check { file }) => judge(file)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(flags: &AllFlags) -> Result<(), Failure> {
    let settings = settings(&flags.given)?;
    settings.check_rules(&*catalogue(settings.path("rules"), &settings.words("count"))?)?;
    print(|out| write_settings(&settings, out))
}

fn init(file: &Path) -> Result<(), Failure> {
    let name = shown_text(&file.display().to_string());
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Exists(name.clone()),
        _ => Failure::Write { name: name.clone(), error },
    };
    let mut text = Vec::new();
    write_commented(&mut text).map_err(failed)?;
    // Created anew or not at all: what someone wrote is not lost.
    let mut created = OpenOptions::new().write(true).create_new(true).open(file).map_err(failed)?;
    created.write_all(&text).map_err(failed)?;
    print(|out| writeln!(out, "{name} is there; everything in it is a comment"))
}

fn judge(file: Option<PathBuf>) -> Result<(), Failure> {
    let here = Surroundings::of_process().folder;
    let Some(file) = file.or_else(|| nearest_file(&here)) else {
        return Err(Failure::Usage(format!("there is no {FILE_NAME} here or above; `explore config init` begins one")));
    };
    let settings = check(&file)?;
    settings.check_rules(&*catalogue(settings.path("rules"), &settings.words("count"))?)?;
    let today = today();
    let ended = settings.exceptions.iter().filter(|exception| exception.is_over(today)).map(|exception| {
        let until = exception.until.map(|until| until.to_string()).unwrap_or_default();
        let place = shown_text(&exception.place);
        format!(
            "{place}: the exception for {} ended on {until} and excuses nothing; renew or remove it",
            exception.name()
        )
    });
    let ended: Vec<String> = ended.collect();
    if !ended.is_empty() {
        return Err(Failure::Usage(ended.join("\n")));
    }
    print(|out| {
        for warning in &settings.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        writeln!(out, "{}: no errors", shown_text(&OsStr::to_string_lossy(file.as_os_str())))
    })
}
