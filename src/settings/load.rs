//! Finding the files, reading the variables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::dive::DIVE_FILE;
use super::file::{FILE_NAME, FileSettings};
use super::merged::{Settings, SettingsError};
use super::origin::{Given, Origin, Problem, Said, in_order};
use super::table::{SETTINGS, nearest};
use crate::bytes::shown_text;
use crate::waste::Rules;

/// Where settings are looked for.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// All variables.
    pub variables: Vec<(OsString, OsString)>,
    /// The working directory.
    pub folder: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect(), folder: std::env::current_dir().unwrap_or_default() }
    }

    fn variable(&self, name: &str) -> Option<&OsString> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// The user's own settings file: below `XDG_CONFIG_HOME`, else `~/.config` (on Windows `%APPDATA%`).
    fn own_file(&self) -> Option<PathBuf> {
        let absolute = |name: &str| self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let windows = |name: &str| if cfg!(windows) { absolute(name) } else { None };
        let home = || absolute("HOME").or_else(|| windows("USERPROFILE"));
        let folder = absolute("XDG_CONFIG_HOME").or_else(|| windows("APPDATA"));
        let folder = folder.or_else(|| Some(home()?.join(".config")))?;
        Some(folder.join("explore").join("config.toml")).filter(|file| file.is_file())
    }
}

/// The settings file in `folder` or the nearest folder above that has one.
pub fn nearest_file(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file())
}

/// Variables that are not settings and yet ours.
const OTHER_VARIABLES: [&str; 3] = ["EXPLORE_CACHE_DIR", "EXPLORE_DAEMON_TIMEOUT", "EXPLORE_TEST_ENGINES"];

/// Merges what the flags say with everything else.
///
/// # Errors
/// When a file that is named can't be read, and when something that is said can't be; all of it is told at once.
pub fn load(flags: &Given, around: &Surroundings) -> Result<Settings, SettingsError> {
    let mut problems = Vec::new();
    let variables = variables(around, &mut problems);
    let mut read = Reader {
        around,
        flags,
        variables: &variables,
        problems: &mut problems,
        read: Vec::new(),
        warnings: Vec::new(),
    };
    let (near, own) = read.settings()?;
    let dive = read.dive()?;
    let dive_own = if read.named("config").is_some() { Given::default() } else { read.dive_own()? };
    let warnings = std::mem::take(&mut read.warnings);
    let files = std::mem::take(&mut read.read);
    let mut exceptions = near.exceptions;
    exceptions.extend(own.exceptions);
    let mut keys = near.keys;
    keys.extend(
        own.keys.into_iter().filter(|other| !keys.iter().any(|key| key.action == other.action)).collect::<Vec<_>>(),
    );
    let dive_variables = super::dive::variables(|name| around.variable(name)?.to_str(), &mut problems);
    let sources = [flags.clone(), variables, near.given, dive, dive_variables, dive_own, own.given];
    let merged = Settings::merge(&sources, &mut problems);
    let merged = Settings { keys, exceptions, files, warnings, ..merged };
    merged.check_screen(&mut problems);
    all_right(merged, problems)
}

/// Looks at one settings file alone.
///
/// # Errors
/// When it can't be read, or something in it can't be.
pub fn check(file: &Path) -> Result<Settings, SettingsError> {
    let name = shown_name(file);
    let text = crate::bytes::read_text(file).map_err(|error| SettingsError::Read {
        name: name.clone(),
        error,
        said: "the command line".to_owned(),
    })?;
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let is_dive = file.file_name().is_some_and(|name| name == DIVE_FILE)
        || file.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let found = if is_dive {
        let given = super::dive::read(&name, &text, &mut problems, &mut warnings);
        FileSettings { given, ..FileSettings::default() }
    } else {
        super::file::read(&name, folder_of(file), &text, &mut problems)
    };
    let merged = Settings::merge(&[found.given], &mut problems);
    let merged =
        Settings { keys: found.keys, exceptions: found.exceptions, files: vec![file.to_owned()], warnings, ..merged };
    merged.check_screen(&mut problems);
    all_right(merged, problems)
}

/// The settings, or all that is wrong with them, in the order of the lines of each file.
fn all_right(settings: Settings, mut problems: Vec<Problem>) -> Result<Settings, SettingsError> {
    if problems.is_empty() {
        return Ok(settings);
    }
    // Names of rules are held against the catalogue later; a user has to hear of them now.
    if settings.path("rules").is_none()
        && let Err(SettingsError::Problems(names)) = settings.check_rules(Rules::built_in())
    {
        problems.extend(names);
    }
    in_order(&mut problems);
    Err(SettingsError::Problems(problems))
}

fn shown_name(file: &Path) -> String {
    shown_text(&file.display().to_string())
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// What variables say. One that looks like a setting and is none is a mistake, as it would be in a file.
fn variables(around: &Surroundings, problems: &mut Vec<Problem>) -> Given {
    let mut given = Given::default();
    let names: Vec<(String, usize)> =
        SETTINGS.iter().enumerate().map(|(place, setting)| (setting.variable(), place)).collect();
    let mut known: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    known.extend(OTHER_VARIABLES);
    for (name, value) in &around.variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("EXPLORE_")) else { continue };
        match names.iter().find(|(known, _)| known == name) {
            Some((name, place)) if !value.is_empty() => {
                let setting = &SETTINGS[*place];
                given.say(
                    setting.key,
                    Said { words: setting.takes.split(value), origin: Origin::Variable(name.clone()) },
                );
            }
            Some(_) => {}
            None if known.contains(&name) => {}
            None => {
                // Another program may have variables of that beginning; only what is nearly ours is a mistake.
                if let Some(meant) = nearest_variable(name, &known) {
                    problems.push(Problem::new(
                        shown_text(name),
                        format!("there is no such setting; did you mean {meant}?"),
                    ));
                }
            }
        }
    }
    given
}

/// The variable that one letter or two make another.
fn nearest_variable<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let meant = nearest(name, known.iter().copied())?;
    let most = (name.len() - "EXPLORE_".len()).div_ceil(5).min(3);
    (strsim::damerau_levenshtein(name, meant) <= most).then_some(meant)
}

struct Reader<'f> {
    around: &'f Surroundings,
    flags: &'f Given,
    variables: &'f Given,
    problems: &'f mut Vec<Problem>,
    read: Vec<PathBuf>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// A file that a flag or a variable names.
    fn named(&self, key: &'static str) -> Option<(PathBuf, String)> {
        let variable = format!("EXPLORE_{}", key.replace('-', "_").to_ascii_uppercase());
        let of = |given: &Given, said: String| given.words(key)?.first().map(|word| (PathBuf::from(word), said));
        of(self.flags, format!("--{key}")).or_else(|| of(self.variables, variable))
    }

    fn text(&mut self, file: &Path, said: &str) -> Result<String, SettingsError> {
        let text = crate::bytes::read_text(file);
        self.read.push(file.to_owned());
        text.map_err(|error| SettingsError::Read { name: shown_name(file), error, said: said.to_owned() })
    }

    fn file(&mut self, file: &Path, said: &str) -> Result<FileSettings, SettingsError> {
        let text = self.text(file, said)?;
        Ok(super::file::read(&shown_name(file), folder_of(file), &text, self.problems))
    }

    /// The near file and the user's own.
    fn settings(&mut self) -> Result<(FileSettings, FileSettings), SettingsError> {
        if let Some((file, said)) = self.named("config") {
            return Ok((self.file(&file, &said)?, FileSettings::default()));
        }
        let places = [nearest_file(&self.around.folder), self.around.own_file()];
        let [near, own] = places.map(|file| match file {
            Some(file) => self.file(&file, "its place"),
            None => Ok(FileSettings::default()),
        });
        Ok((near?, own?))
    }

    fn dive(&mut self) -> Result<Given, SettingsError> {
        let beside = self.around.folder.join(DIVE_FILE);
        let (file, said) = match self.named("ci-config") {
            Some(named) => named,
            None if self.named("config").is_none() && beside.is_file() => (beside, "its place".to_owned()),
            None => return Ok(Given::default()),
        };
        let text = self.text(&file, &said)?;
        Ok(super::dive::read(&shown_name(&file), &text, self.problems, &mut self.warnings))
    }

    /// The limits of a `.dive.yaml` here or in the home directory.
    fn dive_own(&mut self) -> Result<Given, SettingsError> {
        let home = self.around.variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        for folder in std::iter::once(self.around.folder.clone()).chain(home) {
            let file = folder.join(super::dive::OWN_FILE);
            if !file.is_file() {
                continue;
            }
            let text = self.text(&file, "its place")?;
            if let Some(given) = super::dive::read_own(&shown_name(&file), &text, self.problems) {
                return Ok(given);
            }
        }
        Ok(Given::default())
    }
}
