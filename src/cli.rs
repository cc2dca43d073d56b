//! Every flag, once. Help, man page and completions are printed from here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::image::Platform;

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
                  Exit codes: 0 fine, 2 it could not be looked at (or part of it is damaged)."
)]
pub struct Cli {
    /// What else than opening an image is to be done.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The image to open.
    #[command(flatten)]
    pub open: Open,
}

/// Opening an image.
#[derive(Debug, Args)]
pub struct Open {
    /// The image: a name or id, a path, or `-` for standard input.
    #[arg(
        help = "The image: a name or id, a path, or `-` for standard input; a list to choose from when none is given"
    )]
    pub image: Option<OsString>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the flags say it")]
    pub reading: Reading,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the flags say it")]
    pub judging: Judging,
    /// Write JSON (schema 1): to standard output, or to FILE, whole or not at all.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub json: Option<Option<PathBuf>>,
    /// With --json: every path that a layer adds, changes or removes.
    #[arg(long, requires = "json")]
    pub files: bool,
    /// With --json --files: the SHA-256 of every file. Reads all content.
    #[arg(long, requires = "files")]
    pub hash: bool,
    /// Print the summary in a terminal, too.
    #[arg(long)]
    pub summary: bool,
}

/// How an image is read. The same for every command.
#[derive(Debug, Args)]
pub struct Reading {
    /// The platform to choose: os/architecture[/variant]. The machine's own when not given.
    #[arg(long, value_name = "PLATFORM", env = "EXPLORE_PLATFORM", value_parser = platform)]
    pub platform: Option<Platform>,
    /// Compute every digest (manifest, config, blobs, diff IDs), and fail when one does not hold.
    #[arg(long, env = "EXPLORE_VERIFY", value_parser = clap::builder::FalseyValueParser::new())]
    pub verify: bool,
    /// Leave the cache of layer indexes alone: neither read nor write it.
    #[arg(long, env = "EXPLORE_NO_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_cache: bool,
    /// Whether a daemon is to pull the image first.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = PullWhen::Never, env = "EXPLORE_PULL")]
    pub pull: PullWhen,
    /// Print each stage's seconds and bytes read to standard error.
    #[arg(long)]
    pub timings: bool,
    /// Threads that read layers; one for each core when 0.
    #[arg(long, value_name = "N", default_value_t = 0, env = "EXPLORE_THREADS", hide_default_value = true)]
    pub threads: usize,
}

/// What counts as waste, and whose it is.
#[derive(Debug, Args)]
pub struct Judging {
    /// The base image: what of the waste is in its layers is not this image's own. Found out when not given.
    #[arg(long, value_name = "IMAGE", env = "EXPLORE_BASE", conflicts_with = "base_layers")]
    pub base: Option<OsString>,
    /// The first N layers are the base image's.
    #[arg(long, value_name = "N", env = "EXPLORE_BASE_LAYERS")]
    pub base_layers: Option<usize>,
    /// The Dockerfile that the image was built from: findings point to its lines.
    #[arg(long, value_name = "FILE", env = "EXPLORE_DOCKERFILE")]
    pub dockerfile: Option<PathBuf>,
    /// List what is only advice, too (`explore rules` says which rules that are).
    #[arg(long, env = "EXPLORE_ADVICE", value_parser = clap::builder::FalseyValueParser::new())]
    pub advice: bool,
    /// Let this rule's files count as waste; may be given several times.
    #[arg(long, value_name = "RULE", env = "EXPLORE_COUNT", value_delimiter = ',')]
    pub count: Vec<String>,
    /// Rules of your own (TOML): new ones come first, known ones take over what is given.
    #[arg(long, value_name = "FILE", env = "EXPLORE_RULES")]
    pub rules: Option<PathBuf>,
    /// Tell what joining these layers into one would save; may be given several times.
    #[arg(long, value_name = "FIRST..LAST", value_parser = stretch)]
    pub squash: Vec<(u16, u16)>,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the history, as `docker history` does.
    History {
        /// The image.
        image: OsString,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        reading: Reading,
        /// Do not cut anything.
        #[arg(long)]
        no_trunc: bool,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// List the files of the final file system, or of the state after a layer.
    Ls {
        /// The image.
        image: OsString,
        /// Only what is below this path.
        path: Option<OsString>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        reading: Reading,
        /// The state after this layer, from 0; after the last when not given.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
        /// Levels of folders to go down; all when not given.
        #[arg(short, long, value_name = "N")]
        depth: Option<usize>,
        /// With mode, owner, size, time and link target.
        #[arg(short)]
        long: bool,
        /// Raw paths, each ended by a NUL byte.
        #[arg(short = '0', long = "print0", conflicts_with_all = ["long", "json"])]
        print0: bool,
        /// As a JSON array.
        #[arg(long, conflicts_with = "long")]
        json: bool,
    },
    /// Write a file's content.
    Cat {
        /// The image.
        image: OsString,
        /// The file; symbolic links are followed inside the image.
        path: OsString,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the flags say it")]
        reading: Reading,
        /// As it is after this layer, from 0; after the last when not given.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
    },
    /// Save a file or a folder from the image, or from the state after a layer.
    ///
    /// Nothing is written outside of the directory, and nothing there is replaced: what exists already makes it `NAME.1`.
    Extract(Extract),
    /// List the rules that name what is wasted, or explain one.
    Rules {
        /// The rule to explain.
        id: Option<String>,
        /// Rules of your own (TOML), too.
        #[arg(long, value_name = "FILE", env = "EXPLORE_RULES")]
        rules: Option<PathBuf>,
    },
    /// Build an image as `docker build` does, and open it.
    Build {
        /// The engine whose client builds: docker or podman. The one that is there when not given.
        #[arg(long, value_enum)]
        engine: Option<BuildWith>,
        /// Everything that `docker build` takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Show, prune or clear the cache of layer indexes.
    Cache {
        /// What to do; shown when nothing is said.
        #[command(subcommand)]
        what: Option<CacheDo>,
    },
    /// Print the man page or completions for a shell.
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
    /// As it is after this layer, from 0; after the last when not given.
    #[arg(long, value_name = "N")]
    pub layer: Option<usize>,
    /// The directory that it goes to; made when it is not there.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
}

/// Whose client builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuildWith {
    /// `docker build`.
    Docker,
    /// `podman build`.
    Podman,
}

/// When a daemon pulls an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PullWhen {
    /// In any case.
    Always,
    /// When no daemon has it.
    Missing,
    /// Never.
    Never,
}

/// What is done with the cache.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheDo {
    /// Say where it is and what it holds.
    Show,
    /// Remove what was not used lately.
    Prune {
        /// Keep at most so many bytes, the latest used: 500MB, 1GiB.
        #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = crate::report::parse_size)]
        max_size: u64,
        /// Remove what was not used for so many days.
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u64>,
    },
    /// Remove all of it.
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
        if cli.command.is_none() && cli.open.image.is_none() {
            if let Some(Some(image)) = &cli.open.json {
                cli.open.image = Some(image.clone().into_os_string());
                cli.open.json = Some(None);
            } else if cli.open.json.is_some() {
                let kind = clap::error::ErrorKind::MissingRequiredArgument;
                return Err(<Self as clap::CommandFactory>::command().error(kind, "--json needs an image"));
            }
        }
        Ok(cli)
    }
}

fn platform(text: &str) -> Result<Platform, String> {
    Platform::parse(text).ok_or_else(|| format!("`{text}` is no platform; write os/architecture, as linux/amd64"))
}

fn stretch(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once("..").unwrap_or((text, ""));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first < last => Ok((first, last)),
        _ => Err(format!("`{text}` is no stretch of layers; write it as 2..5, the first and the last")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[allow(clippy::option_option, reason = "as the flag has it")]
    fn open(line: &str) -> Option<(Option<OsString>, Option<Option<PathBuf>>)> {
        let words = line.split_whitespace().map(OsString::from);
        Cli::read(words).ok().map(|cli| (cli.open.image, cli.open.json))
    }

    #[test]
    fn flags_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_goes_where_people_mean() {
        let image = || Some(OsString::from("x.tar"));
        let file = || Some(Some(PathBuf::from("out.json")));
        assert_eq!(open("explore x.tar --json"), Some((image(), Some(None))));
        assert_eq!(open("explore --json x.tar"), Some((image(), Some(None))));
        assert_eq!(open("explore --json --files x.tar"), Some((image(), Some(None))));
        assert_eq!(open("explore x.tar --json out.json"), Some((image(), file())));
        assert_eq!(open("explore --json out.json x.tar"), Some((image(), file())));
        assert_eq!(open("explore x.tar"), Some((image(), None)));
        assert_eq!(open("explore --json"), None);
    }
}
