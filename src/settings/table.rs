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
        "Check the image against limits and exit with 0 (passed), 1 (failed) or 2 (not readable). The default when CI is \
         true and no terminal is attached; --ci=false turns it off",
    ),
    waste(
        "max-own-wasted-percent",
        Takes::Percent,
        "5",
        "Fail above this much waste in own layers, in percent of their content. The default applies only if no other limit on waste is set",
        "",
    ),
    waste(
        "max-own-wasted-bytes",
        Takes::Size,
        "",
        "Fail above this much waste in own layers: waste that an instruction of this image can end",
        "\"20MB\"",
    ),
    waste(
        "min-own-efficiency",
        Takes::Ratio,
        "",
        "Fail if less than this share of the content of own layers is in the final file system: 0 to 1, or a percentage",
        "0.95",
    ),
    waste(
        "max-wasted-bytes",
        Takes::Size,
        "",
        "Fail above this much waste in all layers, the base image included",
        "\"50MB\"",
    ),
    waste(
        "max-wasted-percent",
        Takes::Percent,
        "",
        "Fail above this much waste in all layers, in percent of their content",
        "10",
    ),
    waste(
        "min-efficiency",
        Takes::Ratio,
        "",
        "Fail if less than this share of all content is in the final file system: 0 to 1, or a percentage",
        "0.9",
    ),
    Setting {
        default: "10MB",
        ..gate(
            "floor",
            Takes::Size,
            "Ignore limits in percent and on efficiency while less than this is wasted. The default belongs to the default \
             limit; other limits have a floor only if one is set",
            "",
        )
    },
    gate("max-image-size", Takes::Size, "Fail if all layers store more than this, uncompressed", "\"500MB\""),
    gate("max-layers", Takes::CountLimit, "Fail if the image has more layers, empty ones included", "20"),
    gate("max-layer-size", Takes::Size, "Fail if any layer stores more than this, uncompressed", "\"200MB\""),
    gate(
        "limit",
        Takes::RuleLimits,
        "Fail above this much waste of one rule or kind in own layers: apt-lists=0, deleted=5MB. Rules for secrets count secrets. `explore rules` lists the rules",
        "{ apt-lists = 0, deleted = \"5MB\" }",
    ),
    gate(
        "deny-secrets",
        Takes::Switch,
        "Fail if a layer or the history contains a secret, the base image included",
        "true",
    ),
    gate(
        "forbid",
        Takes::Globs,
        "Fail if the final file system has a path that matches",
        "[\"**/.git\", \"/root/.ssh/*\"]",
    ),
    gate("require", Takes::Globs, "Fail if the final file system has no path that matches", "[\"/usr/bin/tini\"]"),
    of(
        Group::Known,
        "baseline",
        Takes::Path,
        "Count only waste that is new or at least 10 % larger than in this file",
        "\"explore-baseline.json\"",
    ),
    apart(Group::Known, "write-baseline", Takes::Switch, "Write the current waste to the file of --baseline"),
    of(
        Group::Known,
        "against",
        Takes::Image,
        "Count only waste that is new or at least 10 % larger than in this other image",
        "\"app:released\"",
    ),
    apart(
        Group::Output,
        "report",
        Takes::Reports,
        "Write a report: text, json, sarif, junit, gitlab, github, markdown or html. Can be repeated",
    ),
    apart(
        Group::Output,
        "from-file",
        Takes::Path,
        "With --ci: read image names from this file, one per line; - is standard input",
    ),
    apart(Group::Output, "json", Takes::OptionalFile, "Write JSON (schema 1) to standard output or to FILE"),
    apart(
        Group::Output,
        "files",
        Takes::Switch,
        "With --json: include every path that a layer adds, changes or removes",
    ),
    apart(
        Group::Output,
        "hash",
        Takes::Switch,
        "With --json --files: include the SHA-256 of every file, which reads all content",
    ),
    apart(Group::Output, "summary", Takes::Switch, "Print the summary instead of opening the screen"),
    of(
        Group::Judging,
        "base",
        Takes::Image,
        "The base image, whose waste does not count as own. Determined from the image if not given",
        "\"debian:12\"",
    ),
    of(Group::Judging, "base-layers", Takes::Count, "Treat the first N layers as the base image", "1"),
    of(
        Group::Judging,
        "dockerfile",
        Takes::Path,
        "The Dockerfile of the image: findings point to its lines",
        "\"Dockerfile\"",
    ),
    of(
        Group::Judging,
        "advice",
        Takes::Switch,
        "List advice, too (`explore rules` shows which rules give advice)",
        "true",
    ),
    of(
        Group::Judging,
        "count",
        Takes::Words,
        "Count the files of this rule as waste. Can be repeated",
        "[\"static-libs\"]",
    ),
    of(
        Group::Judging,
        "rules",
        Takes::Path,
        "A TOML file with your own rules; a known id overrides the fields that are given",
        "\"rules.toml\"",
    ),
    apart(
        Group::Judging,
        "squash",
        Takes::Stretches,
        "Show what joining these layers into one would save. Can be repeated",
    ),
    of(
        Group::Reading,
        "platform",
        Takes::Platform,
        "The platform of a multi-platform image, as os/architecture[/variant]. Defaults to this machine's",
        "\"linux/amd64\"",
    ),
    of(
        Group::Reading,
        "namespace",
        Takes::Text,
        "The namespace of containerd for `containerd:NAME`. Defaults to CONTAINERD_NAMESPACE, else `default` and then the others",
        "\"k8s.io\"",
    ),
    of(
        Group::Reading,
        "verify",
        Takes::Switch,
        "Compute every digest (manifest, config, blobs, diff IDs) and fail if one does not match",
        "true",
    ),
    of(
        Group::Reading,
        "allow-missing-layers",
        Takes::Switch,
        "Judge an image although the archive or daemon does not give all of its layers. Otherwise --ci exits 2",
        "true",
    ),
    of(Group::Reading, "no-cache", Takes::Switch, "Do not read or write the cache of layer indexes", "true"),
    Setting {
        default: "never",
        ..of(
            Group::Reading,
            "pull",
            Takes::Choice(&["always", "missing", "never"]),
            "Whether the engine pulls the image first: always, missing or never",
            "",
        )
    },
    Setting {
        default: "any",
        ..of(
            Group::Reading,
            "source",
            Takes::Choice(&["any", "daemon", "docker", "podman", "registry", "file", "docker-archive"]),
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
    apart(
        Group::Reading,
        "timings",
        Takes::Switch,
        "Print the time and the bytes read of each stage to standard error",
    ),
    Setting {
        default: "0",
        ..of(Group::Reading, "threads", Takes::Count, "The number of threads that read layers; 0 is one per core", "")
    },
    apart(
        Group::Sources,
        "config",
        Takes::Path,
        "Read settings from this file only. By default .explore.toml in the working directory or above, and \
         explore/config.toml in the user's configuration directory",
    ),
    apart(
        Group::Sources,
        "ci-config",
        Takes::Path,
        "Read this `.dive-ci` file instead of the one in the working directory",
    ),
    of(
        Group::Screen,
        "screen.theme",
        Takes::Text,
        "The colours of the screen; `auto` asks the terminal whether its background is dark or light",
        "\"auto\"",
    ),
    of(Group::Screen, "screen.sort", Takes::Text, "How files are sorted: size, change or name", "\"size\""),
    of(Group::Screen, "screen.mouse", Takes::Switch, "Whether the screen reacts to the mouse", "true"),
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
