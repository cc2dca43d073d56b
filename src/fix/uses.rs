//! What later steps use: files that are named, caches that a tool needs, commands that may read anything.

use crate::build::{Body, Build, Script, Segment, Simple, Step, StepId, Word, absolute};
use crate::waste::{Later, Need};

/// Whether a command is one of some tools.
pub(super) fn is_one_of(command: &Simple, tools: &[String]) -> bool {
    tools.iter().any(|tool| tool == command.name())
}

/// Commands that read no files but those that they name.
const INDIFFERENT: [&str; 30] = [
    ":",
    "true",
    "false",
    "rm",
    "rmdir",
    "chown",
    "chmod",
    "chgrp",
    "mkdir",
    "ln",
    "touch",
    "echo",
    "printf",
    "useradd",
    "adduser",
    "usermod",
    "groupadd",
    "addgroup",
    "groupmod",
    "deluser",
    "userdel",
    "set",
    "cd",
    "export",
    "umask",
    "sleep",
    "date",
    "locale-gen",
    "ldconfig",
    "update-ca-certificates",
];
/// Commands that read the files that their words name, and no others.
const READERS: [&str; 27] = [
    "cat",
    "head",
    "tail",
    "tee",
    "wc",
    "cut",
    "sort",
    "uniq",
    "tr",
    "sed",
    "cp",
    "mv",
    "install",
    "dd",
    "truncate",
    "stat",
    "test",
    "[",
    "basename",
    "dirname",
    "readlink",
    "realpath",
    "base64",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "sha512sum",
];
const PACKAGE_MANAGERS: [&str; 12] = [
    "apt-get",
    "apt",
    "apk",
    "dnf",
    "microdnf",
    "yum",
    "zypper",
    "pacman",
    "aptitude",
    "dpkg-reconfigure",
    "debconf-set-selections",
    "apt-mark",
];
/// Commands that do not ask a version control system, whatever lies around.
const NOT_VCS: [(&str, &[&str]); 8] = [
    ("npm", &["ci", "install", "i", "prune", "cache"]),
    ("yarn", &["install"]),
    ("pnpm", &["install", "i"]),
    ("pip", &["install"]),
    ("pip3", &["install"]),
    ("bundle", &["install", "config"]),
    ("composer", &["install"]),
    ("mvn", &["dependency:go-offline"]),
];

/// A command that uses nothing but what its words name.
pub(super) fn is_indifferent(command: &Simple) -> bool {
    INDIFFERENT.contains(&command.name()) || command.words.is_empty()
}

/// Commands that leave no file behind.
const WRITE_NOTHING: [&str; 22] = [
    ":", "true", "false", "rm", "rmdir", "echo", "printf", "set", "cd", "export", "umask", "sleep", "date", "test",
    "[", "cat", "head", "tail", "wc", "stat", "ls", "du",
];

/// Whether what a segment of a script deletes was there before: no command up to it leaves a file behind.
pub(super) fn deletes_older_files(segments: &[Segment], place: usize) -> bool {
    let discards = |word: &Word| word.text == "/dev/null";
    segments.iter().take(place + 1).flat_map(|segment| &segment.commands).all(|command| {
        (command.words.is_empty() || WRITE_NOTHING.contains(&command.name())) && command.redirects.iter().all(discards)
    })
}

/// The paths that a `chown`, `chgrp` or `chmod` names, without what follows the first pattern.
pub(super) fn changed_paths(command: &Simple, step: &Step) -> Vec<String> {
    let words = command.arguments().iter().filter(|word| !word.text.starts_with('-')).skip(1);
    words
        .map(|word| step.around.expand(word.literal.as_deref().unwrap_or(&word.text)))
        .map(|path| absolute(&step.around.workdir, &path))
        .map(|path| path.split(['*', '?']).next().unwrap_or_default().trim_end_matches('/').to_owned())
        .collect()
}

/// What a tool is to do: the first of its arguments that is no option.
fn subcommand(command: &Simple) -> Option<&str> {
    command.arguments().iter().map(|word| word.text.as_str()).find(|word| !word.starts_with('-'))
}

/// A `find` that does nothing but delete what it finds: where there is nothing, it deletes nothing.
fn only_deletes(command: &Simple) -> bool {
    let words: Vec<&str> = command.arguments().iter().map(|word| word.text.as_str()).collect();
    let deletes = |at: usize| match words[at] {
        "-exec" | "-execdir" => matches!(words.get(at + 1), Some(&("rm" | "rmdir" | "/bin/rm"))),
        word => word == "-delete",
    };
    let is_action = |at: &usize| {
        matches!(words[*at], "-delete" | "-exec" | "-execdir" | "-ok" | "-okdir" | "-fprint" | "-fprintf" | "-fls")
    };
    let mut actions = (0..words.len()).filter(is_action).peekable();
    command.name() == "find" && actions.peek().is_some() && actions.all(deletes)
}

/// `pip install` of packages by name: it reads the lists that its words name, and nothing else of the user's.
fn installs_by_name(command: &Simple) -> bool {
    let words = || command.arguments().iter().map(|word| word.text.as_str());
    matches!(command.name(), "pip" | "pip3")
        && subcommand(command) == Some("install")
        && !words()
            .any(|word| word.starts_with(['.', '/']) || word.contains("file:") || matches!(word, "-e" | "--editable"))
}

/// A command whose words, all of them known, name whatever it reads.
fn names_what_it_reads(command: &Simple, step: &Step) -> bool {
    (READERS.contains(&command.name()) || installs_by_name(command))
        && command.words.iter().chain(&command.redirects).all(|word| {
            let text = step.around.expand(word.pattern.as_deref().unwrap_or(&word.text));
            !text.contains(['$', '`']) && !text.starts_with(['*', '?', '[']) || word.text == "["
        })
}

/// A command that looks at no files of the user's.
pub(super) fn is_package_manager(command: &Simple) -> bool {
    // A package by its path is a file of the user's.
    let names_file = || command.arguments().iter().any(|word| word.text.contains('/') && !word.text.starts_with('-'));
    PACKAGE_MANAGERS.contains(&command.name()) && !names_file()
}

/// Where a step stands for a person.
pub(super) fn at(step: &Step) -> String {
    format!("the {} of line {}", step.keyword(), step.instruction.line)
}

/// Absolute paths with a leading `/`, and what is asked of later steps about them.
pub(super) struct Question<'q> {
    pub(super) build: &'q Build,
    pub(super) paths: &'q [String],
    pub(super) later: &'q Later,
}

impl Question<'_> {
    /// The first of some steps that uses the files, and how.
    pub(super) fn first_user(&self, steps: &[StepId]) -> Option<(usize, String)> {
        steps.iter().enumerate().find_map(|(place, id)| {
            let step = self.build.step(*id);
            let how = self.use_of(step)?;
            Some((place, format!("{} {how}", at(step))))
        })
    }

    /// How a step uses the files; None when it does not. A later stage that copies them is not a step of the chain.
    pub(super) fn use_of(&self, step: &Step) -> Option<String> {
        match &step.body {
            Body::Run(_) | Body::Exec(_) => self.run_use(step, |_| true),
            _ if matches!(step.keyword(), "CMD" | "ENTRYPOINT" | "HEALTHCHECK") => {
                let text = &step.instruction.arguments.text;
                self.paths.iter().find(|path| text.contains(path.as_str())).map(|path| format!("names {path}"))
            }
            _ => None,
        }
    }

    /// The same for the commands of a `RUN` that `counts` picks.
    pub(super) fn run_use(&self, step: &Step, counts: impl Fn(&Simple) -> bool) -> Option<String> {
        let commands: Vec<Simple> = match &step.body {
            Body::Exec(words) if is_shell(words) => match Script::parse_commands(&words[2]) {
                Some(script) => script.commands().filter(|command| counts(command)).cloned().collect(),
                None => return Some("may use them: its script can't be read for sure".to_owned()),
            },
            Body::Exec(words) => {
                let words = words.iter();
                let word = |text: &String| Word {
                    text: text.clone(),
                    literal: Some(text.clone()),
                    pattern: Some(text.clone()),
                };
                vec![Simple { words: words.map(word).collect(), ..Simple::default() }]
            }
            Body::Run(_) => match step.script() {
                Some(script) => script.commands().filter(|command| counts(command)).cloned().collect(),
                None => return Some("may use them: its script can't be read for sure".to_owned()),
            },
            _ => return None,
        };
        let mut cwd = step.around.workdir.clone();
        let Later { need, tools, refresh } = self.later;
        let refreshes = *need == Need::Index
            && commands.iter().any(|command| {
                is_one_of(command, tools) && command.arguments().iter().any(|word| refresh.contains(&word.text))
            });
        for command in &commands {
            if command.name() == "cd" {
                if let Some(to) = command.arguments().first().and_then(|word| word.literal.as_deref()) {
                    cwd = absolute(&cwd, to);
                }
                continue;
            }
            if only_deletes(command) && !self.is_searched_from(command, step, &cwd) {
                continue;
            }
            if let Some(path) = self.named_by(command, step, &cwd) {
                return Some(format!("uses {path}"));
            }
            if self.needs(command, &cwd, refreshes) && !names_what_it_reads(command, step) {
                let name = command.words.first().map(|word| word.text.as_str()).unwrap_or_default();
                return Some(format!("runs `{}`, which may use them", super::shorten(name)));
            }
        }
        None
    }

    /// Whether a `find` begins at one of the paths or below it, and fails without.
    fn is_searched_from(&self, find: &Simple, step: &Step, cwd: &str) -> bool {
        let starts = find.arguments().iter().take_while(|word| !word.text.starts_with(['-', '(', '!']));
        starts.map(|word| step.around.expand(&word.text)).any(|start| {
            let place = absolute(cwd, &start);
            start.contains(['$', '`', '*', '?', '[']) || self.paths.iter().any(|path| is_below(&place, path))
        })
    }

    fn needs(&self, command: &Simple, cwd: &str, refreshes: bool) -> bool {
        let has = |flag: &str| command.arguments().iter().any(|word| word.text.starts_with(flag));
        let tools = &self.later.tools;
        match self.later.need {
            Need::Index => {
                let cleans = matches!(
                    subcommand(command),
                    Some("clean" | "autoclean" | "autoremove" | "purge" | "remove" | "del" | "cache" | "update")
                );
                is_one_of(command, tools) && !cleans && !refreshes
            }
            Need::Cache => is_one_of(command, tools) && (has("--offline") || has("--prefer-offline")),
            Need::Store => !is_indifferent(command) && !is_package_manager(command),
            Need::Unknown => !is_indifferent(command),
            Need::Vcs => {
                let known = NOT_VCS.iter().any(|(name, subcommands)| {
                    // `pip install .` builds what lies here.
                    let builds = command.arguments().iter().any(|word| word.text.starts_with('.'));
                    *name == command.name()
                        && !builds
                        && subcommand(command).is_some_and(|word| subcommands.contains(&word))
                });
                !known && !is_indifferent(command) && !is_package_manager(command) && self.in_reach(cwd)
            }
            Need::Place | Need::Churn => !is_indifferent(command) && !is_package_manager(command) && self.in_reach(cwd),
        }
    }

    /// Whether a command that runs in a directory can name the files without their whole path. Everything can be named from the
    /// root, and little is.
    fn in_reach(&self, cwd: &str) -> bool {
        !cwd.is_empty() && self.paths.iter().any(|path| is_below(path, cwd) || is_below(cwd, path))
    }

    /// The first of the paths that a command names: it, what holds it, or what is in it.
    fn named_by(&self, command: &Simple, step: &Step, cwd: &str) -> Option<String> {
        let only_names =
            matches!(command.name(), "rm" | "rmdir" | "chown" | "chmod" | "chgrp" | "mkdir" | "echo" | "cd" | "set");
        let from_root = matches!(command.name(), "find" | "tar" | "cp" | "du" | "grep" | "rsync");
        let words = if only_names { &[] } else { &command.words[..] };
        for word in words.iter().chain(&command.redirects) {
            let text = step.around.expand(word.pattern.as_deref().unwrap_or(&word.text));
            let text = text.replace("$HOME", "/root").replace("${HOME}", "/root");
            let text = if let Some(rest) = text.strip_prefix("~/") { format!("/root/{rest}") } else { text };
            if let Some(path) = self.paths.iter().find(|path| text.contains(path.as_str())) {
                return Some(path.clone());
            }
            for part in text.split(['=', ':', ',']) {
                let fixed = part.split(['*', '?', '[', '$']).next().unwrap_or_default();
                let is_path = fixed.contains('/') || self.in_reach(cwd) || fixed.starts_with('.');
                if fixed.is_empty() || !is_path || part.starts_with('-') {
                    continue;
                }
                let place = absolute(cwd, fixed);
                let open = fixed.len() < part.len() && !fixed.ends_with('/');
                let found = self.paths.iter().find(|path| {
                    if place.is_empty() {
                        return from_root;
                    }
                    is_below(path, &place) || is_below(&place, path) || open && path.starts_with(&place)
                });
                if let Some(path) = found {
                    return Some(path.clone());
                }
            }
            // A substitution may have any path before the name.
            let name = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
            if word.literal.is_none()
                && let Some(path) =
                    self.paths.iter().find(|path| name(path).len() > 3 && word.text.contains(&name(path)))
            {
                return Some(path.clone());
            }
        }
        None
    }
}

/// `["/bin/sh", "-c", "…"]`, without more arguments.
fn is_shell(words: &[String]) -> bool {
    let [program, flag, _] = words else { return false };
    let name = program.rsplit('/').next().unwrap_or_default();
    matches!(name, "sh" | "bash" | "ash" | "dash") && flag == "-c"
}

/// Whether a path is a directory's, or the directory.
pub(super) fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
