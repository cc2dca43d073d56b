//! Every setting, once. Flags, variables, keys of the settings file, `config show`, `config init`, `config check` and the
//! nearest name of a misspelt one all come from here.

use super::value::Takes;

/// What a setting is about: its heading in the help, and which commands take its flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The verdict.
    Gate,
    /// What the verdict is held against, beside limits.
    Known,
    /// What is written, and where.
    Output,
    /// What counts as waste, and whose it is.
    Judging,
    /// How an image is read.
    Reading,
    /// Where settings come from.
    Sources,
    /// The screen: without flags.
    Screen,
}

impl Group {
    /// The heading of its flags.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Gate => "Limits of --ci",
            Self::Known => "What --ci compares with",
            Self::Output => "Output",
            Self::Judging => "Judging",
            Self::Reading => "Reading",
            Self::Sources => "Settings",
            Self::Screen => "Screen",
        }
    }
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The flag without its dashes, and the key in the settings file. A dot stands for a table of the file.
    pub key: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it takes.
    pub takes: Takes,
    /// What holds when nobody says anything; empty for nothing.
    pub default: &'static str,
    /// May a settings file say it? What makes the program write or read elsewhere is for flags and variables alone, so a
    /// file that someone else wrote can't.
    pub in_file: bool,
    /// Is it a limit on waste? The default limit gives way to any of these.
    pub limits_waste: bool,
    /// In a sentence.
    pub about: &'static str,
    /// A value for the commented settings file, as TOML; empty where the default does.
    pub example: &'static str,
}

impl Setting {
    /// The variable of its name.
    pub fn variable(&self) -> String {
        let name = self.key.trim_start_matches("screen.").replace('-', "_");
        format!("EXPLORE_{}", name.to_ascii_uppercase())
    }

    /// Has it a flag? The screen is set up once and not by the run.
    pub fn has_flag(&self) -> bool {
        self.group != Group::Screen
    }
}

const PLAIN: Setting = Setting {
    key: "",
    group: Group::Gate,
    takes: Takes::Switch,
    default: "",
    in_file: true,
    limits_waste: false,
    about: "",
    example: "",
};

const fn gate(key: &'static str, takes: Takes, about: &'static str, example: &'static str) -> Setting {
    Setting { key, takes, about, example, ..PLAIN }
}

const fn waste(
    key: &'static str,
    takes: Takes,
    default: &'static str,
    about: &'static str,
    example: &'static str,
) -> Setting {
    Setting { key, takes, default, about, example, limits_waste: true, ..PLAIN }
}

const fn of(group: Group, key: &'static str, takes: Takes, about: &'static str, example: &'static str) -> Setting {
    Setting { key, group, takes, about, example, ..PLAIN }
}

/// Not for the settings file.
const fn apart(group: Group, key: &'static str, takes: Takes, about: &'static str) -> Setting {
    Setting { key, group, takes, about, in_file: false, ..PLAIN }
}

/// All settings, in the order of the help and of the verdict's checks.
pub const SETTINGS: &[Setting] = &[
    apart(
        Group::Gate,
        "ci",
        Takes::Switch,
        "Judge, print the verdict and exit 0 (passed), 1 (failed) or 2 (could not look). On by itself where CI is true and \
         there is no terminal; --ci=false undoes that",
    ),
    waste(
        "max-own-wasted-percent",
        Takes::Percent,
        "5",
        "Own waste, in percent of what own layers store. The default holds only while no other limit on waste is set",
        "",
    ),
    waste(
        "max-own-wasted-bytes",
        Takes::Size,
        "",
        "Own waste: what an instruction of this image could end",
        "\"20MB\"",
    ),
    waste(
        "min-own-efficiency",
        Takes::Ratio,
        "",
        "Of the bytes that own layers store, how much the final file system shows: 0 to 1, or a percentage",
        "0.95",
    ),
    waste("max-wasted-bytes", Takes::Size, "", "All waste, the base image's included", "\"50MB\""),
    waste("max-wasted-percent", Takes::Percent, "", "All waste, in percent of what is stored", "10"),
    waste(
        "min-efficiency",
        Takes::Ratio,
        "",
        "Of all bytes that are stored, how much the final file system shows: 0 to 1, or a percentage",
        "0.9",
    ),
    Setting {
        default: "10MB",
        ..gate(
            "floor",
            Takes::Size,
            "While less than this is wasted, limits in percent and on efficiency hold. The default is for the default limit; \
             limits of your own have a floor only when you set one",
            "",
        )
    },
    gate("max-image-size", Takes::Size, "Content of all layers, uncompressed", "\"500MB\""),
    gate("max-layers", Takes::CountLimit, "Layers, also those without an entry", "20"),
    gate("max-layer-size", Takes::Size, "Content of the largest layer, uncompressed", "\"200MB\""),
    gate(
        "limit",
        Takes::RuleLimits,
        "Own waste of one rule or kind (`explore rules`): apt-lists=0, deleted=5MB. Of a rule of secrets: their number",
        "{ apt-lists = 0, deleted = \"5MB\" }",
    ),
    gate(
        "deny-secrets",
        Takes::Switch,
        "Fail when a layer or the history still has a secret, whoever put it there",
        "true",
    ),
    gate("forbid", Takes::Globs, "Fail when the final file system has such a path", "[\"**/.git\", \"/root/.ssh/*\"]"),
    gate("require", Takes::Globs, "Fail when the final file system has no such path", "[\"/usr/bin/tini\"]"),
    of(
        Group::Known,
        "baseline",
        Takes::Path,
        "Only waste that is new, or has grown by more than a tenth, counts: this file knows the rest",
        "\"explore-baseline.json\"",
    ),
    apart(Group::Known, "write-baseline", Takes::Switch, "Write what is wasted now to the file of --baseline"),
    of(
        Group::Known,
        "against",
        Takes::Image,
        "Only waste that this other image has not, or less of by a tenth, counts",
        "\"app:released\"",
    ),
    apart(
        Group::Output,
        "report",
        Takes::Reports,
        "Write a report: text, json, sarif, junit, gitlab, github, markdown or html. Several may be given",
    ),
    apart(
        Group::Output,
        "from-file",
        Takes::Path,
        "With --ci: images to judge, one on each line; - for standard input",
    ),
    apart(
        Group::Output,
        "json",
        Takes::OptionalFile,
        "Write JSON (schema 1): to standard output, or to FILE, whole or not at all",
    ),
    apart(Group::Output, "files", Takes::Switch, "With --json: every path that a layer adds, changes or removes"),
    apart(Group::Output, "hash", Takes::Switch, "With --json --files: the SHA-256 of every file. Reads all content"),
    apart(Group::Output, "summary", Takes::Switch, "Print the summary in a terminal, too"),
    of(
        Group::Judging,
        "base",
        Takes::Image,
        "The base image: what of the waste is in its layers is not this image's own. Found out when not given",
        "\"debian:12\"",
    ),
    of(Group::Judging, "base-layers", Takes::Count, "The first N layers are the base image's", "1"),
    of(
        Group::Judging,
        "dockerfile",
        Takes::Path,
        "The Dockerfile that the image was built from: findings point to its lines",
        "\"Dockerfile\"",
    ),
    of(
        Group::Judging,
        "advice",
        Takes::Switch,
        "List what is only advice, too (`explore rules` says which rules that are)",
        "true",
    ),
    of(
        Group::Judging,
        "count",
        Takes::Words,
        "Let this rule's files count as waste; may be given several times",
        "[\"static-libs\"]",
    ),
    of(
        Group::Judging,
        "rules",
        Takes::Path,
        "Rules of your own (TOML): new ones come first, known ones take over what is given",
        "\"rules.toml\"",
    ),
    apart(
        Group::Judging,
        "squash",
        Takes::Stretches,
        "Tell what joining these layers into one would save; may be given several times",
    ),
    of(
        Group::Reading,
        "platform",
        Takes::Platform,
        "The platform to choose: os/architecture[/variant]. The machine's own when not given",
        "\"linux/amd64\"",
    ),
    of(
        Group::Reading,
        "verify",
        Takes::Switch,
        "Compute every digest (manifest, config, blobs, diff IDs), and fail when one does not hold",
        "true",
    ),
    of(
        Group::Reading,
        "allow-missing-layers",
        Takes::Switch,
        "Judge an image although the archive or daemon does not give all of its layers. Otherwise --ci exits 2",
        "true",
    ),
    of(
        Group::Reading,
        "no-cache",
        Takes::Switch,
        "Leave the cache of layer indexes alone: neither read nor write it",
        "true",
    ),
    Setting {
        default: "never",
        ..of(
            Group::Reading,
            "pull",
            Takes::Choice(&["always", "missing", "never"]),
            "Whether a daemon is to pull the image first: always, missing or never",
            "",
        )
    },
    Setting {
        default: "any",
        ..of(
            Group::Reading,
            "source",
            Takes::Choice(&["any", "daemon", "docker", "podman", "registry", "file"]),
            "Where a name is looked up that is not a file: any asks the daemons and then the registry",
            "",
        )
    },
    apart(
        Group::Reading,
        "full",
        Takes::Switch,
        "Read layers of a registry whole, where their table of contents would do",
    ),
    apart(Group::Reading, "offline", Takes::Switch, "Ask no registry: show what is cached"),
    apart(
        Group::Reading,
        "plain-http",
        Takes::Hosts,
        "Speak HTTP without TLS to this registry; may be given several times",
    ),
    apart(
        Group::Reading,
        "insecure-tls",
        Takes::Hosts,
        "Do not check the TLS certificate of this registry; may be given several times",
    ),
    apart(Group::Reading, "ca", Takes::Path, "Trust the CA certificates of this file (PEM), too"),
    apart(
        Group::Reading,
        "registry-user",
        Takes::Text,
        "The user for registries, instead of the stored credentials; the password is in EXPLORE_REGISTRY_PASSWORD or a file",
    ),
    apart(
        Group::Reading,
        "registry-password-file",
        Takes::Path,
        "The file with the password of --registry-user; - for standard input",
    ),
    of(
        Group::Reading,
        "timeout",
        Takes::Count,
        "Seconds that a registry may be silent, and that requests to it are tried again",
        "60",
    ),
    apart(Group::Reading, "timings", Takes::Switch, "Print each stage's seconds and bytes read to standard error"),
    Setting {
        default: "0",
        ..of(Group::Reading, "threads", Takes::Count, "Threads that read layers; one for each core when 0", "")
    },
    apart(
        Group::Sources,
        "config",
        Takes::Path,
        "Settings from this file, and from no other. Else .explore.toml, here or in a folder above, and \
         explore/config.toml of the user's own settings",
    ),
    apart(
        Group::Sources,
        "ci-config",
        Takes::Path,
        "A `.dive-ci` file; the one in the working directory when not given",
    ),
    of(
        Group::Screen,
        "screen.theme",
        Takes::Text,
        "The colours of the screen; `auto` asks the terminal whether its background is dark or light",
        "\"auto\"",
    ),
    of(Group::Screen, "screen.sort", Takes::Text, "How files are sorted: size, change or name", "\"size\""),
    of(Group::Screen, "screen.mouse", Takes::Switch, "Whether the screen takes the mouse", "true"),
    of(
        Group::Screen,
        "screen.single_child_folders",
        Takes::Switch,
        "Whether a folder that holds only one folder is shown in one row with it",
        "true",
    ),
];

/// The setting of that key. `_` stands for `-` too.
pub fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| same_key(setting.key, key))
}

/// Keys of the settings file are read with `-` and `_` alike.
pub(super) fn same_key(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes().zip(b.bytes()).all(|(a, b)| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_')))
}

/// The name that was most likely meant.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_lowercase().replace('_', "-");
    let alike = |name: &str| strsim::normalized_damerau_levenshtein(&word, &name.to_lowercase().replace('_', "-"));
    let best = names.into_iter().map(|name| (alike(name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(alike, _)| *alike >= 0.5).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant() {
        let keys = || SETTINGS.iter().map(|setting| setting.key);
        for (typed, meant) in [
            ("max-wasted-byte", Some("max-wasted-bytes")),
            ("max_own_wasted_bites", Some("max-own-wasted-bytes")),
            ("MAX-LAYER", Some("max-layers")),
            ("platfrom", Some("platform")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(typed, keys()), meant, "{typed}");
        }
    }

    #[test]
    fn each_key_is_there_once_and_has_words() {
        for (place, setting) in SETTINGS.iter().enumerate() {
            assert!(!setting.about.is_empty() && !setting.about.ends_with('.'), "{}", setting.key);
            assert!(SETTINGS[place + 1..].iter().all(|other| !same_key(other.key, setting.key)), "{}", setting.key);
            assert!(
                setting.default.is_empty() || setting.takes.parse(setting.default.as_ref()).is_ok(),
                "{}",
                setting.key
            );
        }
    }
}
