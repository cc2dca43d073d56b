//! Every flag, once. Help, man page and completions are printed from here.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{
    Arg, ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches, Parser, Subcommand, ValueEnum, value_parser,
};

use crate::settings::{Given, Group, SETTINGS, Setting, Takes, dive, nearest};

/// See what a container image is made of: its layers, the files that each added, changed or removed, and the bytes that
/// are wasted.
///
/// In a terminal it opens a screen; without one, or with --summary, it prints a summary.
#[derive(Debug, Parser)]
#[command(
    name = "explore",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "IMAGE is the name or id of an image of the Docker or Podman daemon (`docker:` or `podman:` before it says \
                  which), a path to a saved image (`docker save`, OCI archive, either gzip or zstd compressed) or to an \
                  OCI layout directory, or `-` for a tar on standard input. `PATH:NAME` and `PATH@NUMBER` choose one of \
                  several images. `docker-archive:`, `oci-archive:` and `oci:` before a path are understood.\n\n\
                  Exit codes: 0 success; 1 with --ci: a limit is exceeded; 2 the image could not be read, is damaged or \
                  incomplete, or a setting is invalid."
)]
pub struct Cli {
    /// The subcommand; without one an image is opened.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The image to open.
    #[command(flatten)]
    pub open: Open,
}

/// Opening an image, or judging several.
#[derive(Debug, Args)]
pub struct Open {
    /// The images. Nothing is a list to choose from.
    #[arg(
        value_name = "IMAGE",
        help = "The image: a name, an id, a path, or `-` for standard input. Without one, a list of images to choose from. \
                --ci accepts several"
    )]
    pub images: Vec<OsString>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the flags say it")]
    pub flags: AllFlags,
}

/// Which settings a command takes as flags.
pub trait FlagSet: std::fmt::Debug + Clone + Default + 'static {
    /// Whether it takes this one.
    fn has(setting: &Setting) -> bool;

    /// Whether it takes the flags of dive.
    const TAKES_DIVE_FLAGS: bool = false;
}

/// Flags of the settings in a set: their names, help and variables come from the list of settings.
#[derive(Debug, Clone, Default)]
pub struct Flags<S> {
    /// What was said.
    pub given: Given,
    set: std::marker::PhantomData<S>,
}

/// All settings.
#[derive(Debug, Clone, Default)]
pub struct Everything;

impl FlagSet for Everything {
    fn has(setting: &Setting) -> bool {
        setting.has_flag()
    }

    const TAKES_DIVE_FLAGS: bool = true;
}

/// How an image is read.
#[derive(Debug, Clone, Default)]
pub struct OnlyReading;

impl FlagSet for OnlyReading {
    fn has(setting: &Setting) -> bool {
        setting.group == Group::Reading || setting.key == "config"
    }
}

/// Rules of the user's own.
#[derive(Debug, Clone, Default)]
pub struct OnlyRules;

impl FlagSet for OnlyRules {
    fn has(setting: &Setting) -> bool {
        matches!(setting.key, "rules" | "config")
    }
}

/// How images are read, and what counts as waste in them.
#[derive(Debug, Clone, Default)]
pub struct OnlyComparing;

impl FlagSet for OnlyComparing {
    fn has(setting: &Setting) -> bool {
        OnlyReading::has(setting) || matches!(setting.key, "rules" | "count")
    }
}

/// How an image is read and judged, and its Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct OnlyFix;

impl FlagSet for OnlyFix {
    fn has(setting: &Setting) -> bool {
        OnlyComparing::has(setting) || matches!(setting.key, "dockerfile" | "base" | "base-layers")
    }
}

/// What stands before the arguments of a build.
#[derive(Debug, Clone, Default)]
pub struct OnlyBuild;

impl FlagSet for OnlyBuild {
    fn has(setting: &Setting) -> bool {
        matches!(setting.key, "ci" | "report" | "config")
    }
}

/// Flags that `explore build` takes for itself; all others are the build's.
pub type BuildFlags = Flags<OnlyBuild>;
/// Flags of all settings.
pub type AllFlags = Flags<Everything>;
/// Flags of how an image is read. The same for every command.
pub type Reading = Flags<OnlyReading>;
/// Flags of a comparison.
pub type Comparing = Flags<OnlyComparing>;
/// Flags of `explore fix`.
pub type FixFlags = Flags<OnlyFix>;
/// Flags of commands that only need the rules.
pub type RulesFlags = Flags<OnlyRules>;

impl<S: FlagSet> Args for Flags<S> {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = command.args(SETTINGS.iter().filter(|setting| S::has(setting)).map(flag));
        if S::TAKES_DIVE_FLAGS { command.args(dive_flags()) } else { command }
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<S: FlagSet> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS.iter().filter(|setting| S::has(setting)) {
            let words: Option<Vec<OsString>> = match setting.takes {
                Takes::Choice(_) => {
                    matches.get_many::<String>(setting.key).map(|words| words.map(OsString::from).collect())
                }
                _ => matches.get_many::<OsString>(setting.key).map(|words| words.cloned().collect()),
            };
            if let Some(words) = words {
                self.given.flag(setting.key, words);
            }
        }
        if S::TAKES_DIVE_FLAGS {
            for (name, becomes) in dive::flags() {
                let Some(word) = matches.get_one::<String>(name) else { continue };
                let word = dive::flag(name, word).map_err(|problem| {
                    clap::Error::raw(clap::error::ErrorKind::InvalidValue, format!("--{name}: {problem}\n"))
                })?;
                self.given.flag(becomes, vec![word.into()]);
            }
        }
        Ok(())
    }
}

/// Flags by the names that dive gives them. They are for scripts that were written for it, so help does not list them.
fn dive_flags() -> impl Iterator<Item = Arg> {
    let limits = dive::flags().map(|(name, _)| Arg::new(name).long(name).value_name("LIMIT"));
    // Errors of an archive never keep the rest from being shown.
    let errors = Arg::new("ignore-errors").long("ignore-errors").short('i').action(ArgAction::SetTrue);
    limits.chain([errors]).map(|flag| flag.hide(true))
}

/// The flag of a setting.
fn flag(setting: &'static Setting) -> Arg {
    let variable = setting.variable();
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    let flag = Arg::new(setting.key)
        .long(setting.key)
        .help(format!("{}{default} [env: {variable}]", setting.about))
        .help_heading(setting.group.heading())
        .value_name(setting.takes.placeholder())
        .action(if setting.takes.several() { ArgAction::Append } else { ArgAction::Set });
    let flag = if setting.key == "json" { flag.short('j') } else { flag };
    match setting.takes {
        Takes::Choice(words) => flag.value_parser(words.to_vec()),
        Takes::Switch => flag
            .value_parser(value_parser!(OsString))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Takes::OptionalFile => flag.value_parser(value_parser!(OsString)).num_args(0..=1).default_missing_value("-"),
        Takes::Words | Takes::Hosts | Takes::Stretches | Takes::RuleLimits => {
            flag.value_parser(value_parser!(OsString)).value_delimiter(',')
        }
        _ => flag.value_parser(value_parser!(OsString)),
    }
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffAs {
    /// For people.
    Text,
    /// An object, as docs/diff.schema.json describes it.
    Json,
    /// For the comment on a pull request; empty when the images are equal.
    Markdown,
    /// One page that needs nothing else.
    Html,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the history of an image, as `docker history` does
    History {
        /// The image.
        image: OsString,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        reading: Reading,
        /// Do not truncate.
        #[arg(long)]
        no_trunc: bool,
        /// The format.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Compare two images: layers, files, settings, stored content and waste
    ///
    /// Times are ignored unless --strict is given. Exit codes: 0 equal, 1 different, 2 an image could not be read.
    Diff {
        /// The image to compare with.
        before: OsString,
        /// The image that is compared.
        after: OsString,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        flags: Comparing,
        /// Compare the times of files and the digests of layers, too.
        #[arg(long)]
        strict: bool,
        /// Report only what one image has and the other has not, as for two platforms of one index: paths, kinds, modes, owners and
        /// settings; contents may differ, and names of architectures count as the same.
        #[arg(long, conflicts_with = "strict")]
        parity: bool,
        /// List every path instead of the largest changes.
        #[arg(long)]
        all: bool,
        /// The format. By default a screen in a terminal and text elsewhere.
        #[arg(long, value_enum)]
        format: Option<DiffAs>,
        /// Write to a file.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List the files of the final file system, or of the state after a layer
    Ls {
        /// The image.
        image: OsString,
        /// List only what is below this path.
        path: Option<OsString>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        reading: Reading,
        /// Show the state after this layer, counted from 0. Defaults to the last.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
        /// Descend at most this many directories.
        #[arg(short, long, value_name = "N")]
        depth: Option<usize>,
        /// Show mode, owner, size, time and link target.
        #[arg(short)]
        long: bool,
        /// Print raw paths, each terminated by a NUL byte.
        #[arg(short = '0', long = "print0", conflicts_with_all = ["long", "json"])]
        print0: bool,
        /// Print a JSON array.
        #[arg(long, conflicts_with = "long")]
        json: bool,
    },
    /// Print the content of a file
    Cat {
        /// The image.
        image: OsString,
        /// The file; symbolic links are followed inside the image.
        path: OsString,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        reading: Reading,
        /// Read the file as of this layer, counted from 0. Defaults to the last.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
    },
    /// Save a file or a directory of the image
    ///
    /// Nothing is written outside of the target directory, and nothing there is replaced: an existing name becomes `NAME.1`.
    Extract(Extract),
    /// List the rules for waste, or explain one
    Rules {
        /// The rule to explain.
        id: Option<String>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        rules: RulesFlags,
    },
    /// Print what to change in a Dockerfile as a diff, apply it, or prove it.
    ///
    /// The diff goes to standard output, for `patch -p0` or `git apply -p0`; what it saves goes to standard error. Without
    /// --dockerfile the diff is of a Dockerfile that is reconstructed from the history. Exit codes: 0 fine, also when there is
    /// nothing to change; 1 --prove: a result differs; 2 the image or the Dockerfile could not be read, or a build failed.
    Fix(Fix),
    /// Build an image as `docker build` does, and open it
    Build {
        /// The engine that builds: docker or podman. Defaults to the one that is installed.
        #[arg(long, value_enum)]
        engine: Option<BuildWith>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        flags: BuildFlags,
        /// The arguments of `docker build`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Show the settings and their origin, create a settings file, or check one
    Config {
        /// What to do. Defaults to `show`.
        #[command(subcommand)]
        what: Option<ConfigDo>,
    },
    /// Show, prune or clear the cache of layer indexes
    Cache {
        /// What to do. Defaults to `show`.
        #[command(subcommand)]
        what: Option<CacheDo>,
    },
    /// Print the man page or shell completions
    Generate {
        /// What to print.
        #[arg(value_enum)]
        what: Generated,
    },
}

/// Saving something from an image.
#[derive(Debug, Args)]
pub struct Extract {
    /// The image.
    pub image: OsString,
    /// The file or folder; symbolic links are followed inside the image. `/` is all of it.
    pub path: OsString,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the flags say it")]
    pub reading: Reading,
    /// Read the file as of this layer, counted from 0. Defaults to the last.
    #[arg(long, value_name = "N")]
    pub layer: Option<usize>,
    /// The directory that it goes to; made when it is not there.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
}

/// Fixing a Dockerfile.
#[derive(Debug, Args)]
pub struct Fix {
    /// The image.
    pub image: OsString,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the flags say it")]
    pub flags: FixFlags,
    /// Only these edits: numbers as --list prints them, rules, or fingerprints of findings.
    #[arg(long, value_name = "EDITS", value_delimiter = ',')]
    pub only: Vec<String>,
    /// List the edits instead of printing a diff.
    #[arg(long, conflicts_with_all = ["apply", "prove", "json"])]
    pub list: bool,
    /// Write the edits to the Dockerfile and the .dockerignore.
    #[arg(long, conflicts_with = "prove")]
    pub apply: bool,
    /// Print a JSON object: the edits, their diffs, and what has no edit.
    #[arg(long)]
    pub json: bool,
    /// Build the original and the edited Dockerfile, and compare the images.
    #[arg(long)]
    pub prove: bool,
    /// The build context; the Dockerfile's directory when not given.
    #[arg(long, value_name = "DIR")]
    pub context: Option<PathBuf>,
    /// Further arguments of the build, with --prove.
    #[arg(last = true, value_name = "BUILD ARGUMENTS", requires = "prove")]
    pub build: Vec<OsString>,
}

/// Whose client builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuildWith {
    /// `docker build`.
    Docker,
    /// `podman build`.
    Podman,
}

/// What is done with settings.
#[derive(Debug, Subcommand)]
pub enum ConfigDo {
    /// Print each setting and its origin: default, file and line, variable, or flag
    Show {
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        flags: Box<AllFlags>,
    },
    /// Write a settings file in which every setting is explained and commented out
    Init {
        /// The file, which must not exist; - is standard output.
        #[arg(default_value = ".explore.toml")]
        file: PathBuf,
    },
    /// Check a settings file or a `.dive-ci`: unknown keys, invalid values, exceptions that have ended
    Check {
        /// The file. Defaults to the one that applies in the working directory.
        file: Option<PathBuf>,
    },
}

/// What is done with the cache.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheDo {
    /// Print its path and what it holds
    Show,
    /// Remove entries that were not used lately
    Prune {
        /// Keep at most this much, the latest used first: 500MB, 1GiB.
        #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = crate::report::parse_size)]
        max_size: u64,
        /// Remove entries that were not used for this many days.
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u64>,
    },
    /// Remove everything
    Clear,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
}

/// What can be printed from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    /// The man page, in roff.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
    /// Completions for `PowerShell`.
    Powershell,
    /// Completions for elvish.
    Elvish,
}

impl Cli {
    /// Reads the command line. `--json IMAGE` alone means the image: nobody names a file and no image.
    ///
    /// # Errors
    /// As clap reports them; `--help` and `--version` are among them.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut cli = Self::try_parse_from(arguments)?;
        let open = &mut cli.open;
        let json = open.flags.given.words("json").and_then(|words| words.first()).cloned();
        let elsewhere = open.flags.given.words("from-file").is_some();
        if let Some(json) = json.filter(|_| cli.command.is_none() && open.images.is_empty() && !elsewhere) {
            if json == OsStr::new("-") {
                let kind = clap::error::ErrorKind::MissingRequiredArgument;
                return Err(Self::command().error(kind, "--json needs an image"));
            }
            open.images.push(json);
            open.flags.given.flag("json", vec!["-".into()]);
        }
        Ok(cli)
    }
}

/// The command that a word was most likely meant to be: one that a letter or two make of it.
pub fn command_meant(word: &str) -> Option<String> {
    let command = Cli::command();
    let names = command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let meant = nearest(word, names)?;
    let most = word.chars().count().div_ceil(3).min(2);
    (strsim::damerau_levenshtein(word, meant) <= most).then(|| meant.to_owned())
}

/// Prints the man page or completions.
///
/// # Errors
/// When `out` can't be written.
pub fn generate(what: Generated, out: &mut impl Write) -> io::Result<()> {
    use clap_complete::Shell;
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
    clap_complete::generate(shell, &mut command, "explore", &mut text);
    out.write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images, and where JSON goes.
    fn open(line: &str) -> Option<(Vec<String>, Option<String>)> {
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        let cli = Cli::read(line.split_whitespace().map(OsString::from)).ok()?;
        let json = cli.open.flags.given.words("json").and_then(|words| words.first()).map(text);
        Some((cli.open.images.iter().map(text).collect(), json))
    }

    #[test]
    fn flags_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_goes_where_people_mean() {
        let goes = |to: Option<&str>| Some((vec!["x.tar".to_owned()], to.map(str::to_owned)));
        assert_eq!(open("explore x.tar --json"), goes(Some("-")));
        assert_eq!(open("explore --json x.tar"), goes(Some("-")));
        assert_eq!(open("explore --json --files x.tar"), goes(Some("-")));
        assert_eq!(open("explore x.tar --json out.json"), goes(Some("out.json")));
        assert_eq!(open("explore --json out.json x.tar"), goes(Some("out.json")));
        assert_eq!(open("explore x.tar"), goes(None));
        assert_eq!(open("explore --json"), None);
    }

    #[test]
    fn a_switch_can_be_undone() {
        let ci = |line: &str| {
            let cli = Cli::read(line.split_whitespace().map(OsString::from)).ok()?;
            Some((cli.open.images.len(), cli.open.flags.given.words("ci").map(<[OsString]>::to_vec)))
        };
        assert_eq!(ci("explore --ci a b"), Some((2, Some(vec!["true".into()]))));
        assert_eq!(ci("explore --ci=false a"), Some((1, Some(vec!["false".into()]))));
        assert_eq!(ci("explore a"), Some((1, None)));
    }
}
