use serde::Deserialize;

use crate::waste::findings::Severity;
use crate::waste::magic::Magic;

/// How much a rule's bytes weigh while they are live. Bytes that are dead are waste whatever the level; a rule only
/// names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Waste when the guards hold.
    On,
    /// Waste when the instruction of the layer confirms the cause, else advice.
    Confirmed,
    /// Worth a look, never counted.
    Advice,
    /// Names dead bytes only.
    Label,
    /// A secret: not a matter of bytes.
    Secret,
    /// Computed, never counted.
    Notice,
    /// Not used.
    Off,
}

impl Level {
    /// As the catalogue writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Confirmed => "confirmed",
            Self::Advice => "advice",
            Self::Label => "label",
            Self::Secret => "secret",
            Self::Notice => "notice",
            Self::Off => "off",
        }
    }
}

/// A flag that keeps a command from leaving the files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// A pattern of the words that it goes behind.
    pub after: String,
    /// The flag.
    pub add: String,
}

/// A condition under which a rule names no live file, beside those that all rules share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// The file is below a directory `target` that Cargo marked as its own.
    CargoTarget,
    /// The Python source of the file is in the image.
    HasSource,
    /// Of files in `/aws`: the AWS CLI is installed.
    AwsCli,
    /// A file in the format safetensors is in the same directory.
    BesideSafetensors,
    /// No variable names the language of the file; a locale archive has at least 10 MB.
    OtherLanguage,
}

/// What names files that no pattern of paths can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Computed {
    /// Packages that are installed only because another one recommends them.
    RecommendedPackages,
    /// npm packages that only development needs.
    DevDependencies,
    /// Bytes of programs and libraries for debuggers and linkers.
    Symbols,
    /// Secrets in the history and the config.
    HistorySecrets,
    /// Secrets in the text of files that no path gives away.
    ContentSecrets,
}

/// A variable that puts files elsewhere: `NAME`, or `NAME/below` where the files are in a directory of its value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The directory below its value, with a leading `/`, or empty.
    pub below: String,
}

impl TryFrom<String> for Variable {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let at = text.find('/').unwrap_or(text.len());
        let (name, below) = text.split_at(at);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(fits) || below == "/" {
            return Err(format!("`{text}` is not a variable; write `NAME`, or `NAME/directory`"));
        }
        Ok(Self { name: name.to_owned(), below: below.to_owned() })
    }
}

impl std::fmt::Display for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}{}", self.name, self.below)
    }
}

/// A directory that variables put elsewhere, whichever rule names files in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Directory {
    /// Where it usually is, as a pattern begins.
    pub(super) path: String,
    /// The variables.
    pub(super) moved_by: Vec<Variable>,
}

/// Who may need the files of a rule after the step that makes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// An index of a package manager: installing needs it, unless the same step fetches it again.
    Index,
    /// A cache that only saves time. The tools fill it again.
    Cache,
    /// A store that later commands read.
    Store,
    /// A directory of a version control system: whatever runs beside it may ask it.
    Vcs,
    /// Whoever names the files or runs among them.
    #[default]
    Place,
    /// Nobody, but every install writes them again.
    Churn,
    /// Whatever runs: no rule knows the files.
    Unknown,
}

/// Who may need the files of a rule later, and by which commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// Who.
    pub need: Need,
    /// The commands that use or fill them.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Words of a command that fetches an index again.
    #[serde(default)]
    pub refresh: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its stable name.
    pub id: String,
    /// What it belongs to: `os`, `python`, …
    #[serde(default = "own_family")]
    pub family: String,
    /// What it names, in words.
    pub what: String,
    /// Why the files need not be there, and when they are left alone: one or two sentences for users.
    #[serde(default)]
    pub why: String,
    /// Paths that it matches, with the leading `/`; `~/` stands for every home directory.
    pub globs: Vec<String>,
    /// Paths that it leaves alone all the same.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Paths that it leaves alone unless another file of the rule is in the same layer.
    #[serde(default)]
    pub together: Vec<String>,
    /// The rule holds for no live file while a path like one of these is live.
    #[serde(default)]
    pub unless_live: Vec<String>,
    /// Live files that are smaller are left alone.
    #[serde(default)]
    pub min_bytes: u64,
    /// What the content has to begin with.
    #[serde(default)]
    pub magic: Option<Magic>,
    /// Programs that use the files, with their subcommand where only that does: an image that starts one of them is only
    /// advised.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Further conditions for live files.
    #[serde(default)]
    pub guard: Vec<Guard>,
    /// Variables whose value is the directory of the files.
    #[serde(default)]
    pub moved_by: Vec<Variable>,
    /// What names the files, where no pattern of paths can.
    #[serde(default)]
    pub computed: Option<Computed>,
    /// A file of the base image that deletes the files while it is there.
    #[serde(default)]
    pub cleaned_by: String,
    /// A matched file speaks for its whole directory.
    #[serde(default)]
    pub whole_directory: bool,
    /// How bad a secret of this rule is; an error when not given.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Who may need the files after the step that makes them; whoever names them or runs among them when not given.
    #[serde(default)]
    pub later: Later,
    /// A pattern of instructions that cause it.
    #[serde(default = "anything")]
    pub confirm: String,
    /// A command that removes the files, for the end of the RUN that makes them.
    #[serde(default)]
    pub clean: String,
    /// Where a flag of the command that makes them does better.
    #[serde(default)]
    pub flag: Option<Flag>,
    /// What to write instead, in one RUN.
    #[serde(default)]
    pub fix_run: String,
    /// What to write instead, with a mount; `as OTHER` is what the other rule says.
    #[serde(default)]
    pub fix_mount: String,
    /// Each build writes other content: a proof does not ask for the same.
    #[serde(default)]
    pub varies: bool,
    /// How much its live bytes weigh.
    #[serde(default = "on")]
    pub level: Level,
    /// Where the facts come from.
    #[serde(default)]
    pub source: String,
}

fn own_family() -> String {
    "own".to_owned()
}

fn anything() -> String {
    ".".to_owned()
}

fn on() -> Level {
    Level::On
}
