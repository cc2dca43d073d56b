//! Words of a shell command that are secrets, by the program that takes them.

use std::ops::Range;

use super::names::{may_be_a_secret, speaks_of_a_secret};
use super::words::{Command, Word};

/// Flags of a program whose value is a secret.
struct Program {
    names: &'static [&'static str],
    /// `-p VALUE`, `--password VALUE`, `--password=VALUE`; a short one also `-pVALUE`.
    flags: &'static [&'static str],
    /// A short flag that takes no separate value: `mysql -pVALUE`, since `mysql -p` asks.
    joined: &'static [&'static str],
    /// Flags that take `user:password`, of which only the password is secret.
    accounts: &'static [&'static str],
}

const NONE: Program = Program { names: &[], flags: &[], joined: &[], accounts: &[] };

const PROGRAMS: &[Program] = &[
    Program {
        names: &["curl"],
        flags: &["--oauth2-bearer", "--pass", "--proxy-pass", "--tlspassword"],
        accounts: &["-u", "--user", "-U", "--proxy-user"],
        ..NONE
    },
    Program { names: &["http", "https", "xh"], accounts: &["-a", "--auth"], ..NONE },
    Program {
        names: &["wget"],
        flags: &["--password", "--http-password", "--ftp-password", "--proxy-password"],
        ..NONE
    },
    Program {
        names: &[
            "docker", "podman", "buildah", "skopeo", "nerdctl", "crane", "oras", "regctl", "helm", "oc", "az", "twine",
            "jf", "jfrog",
        ],
        flags: &["-p", "--password"],
        accounts: &["--creds", "--src-creds", "--dest-creds"],
        ..NONE
    },
    Program { names: &["sshpass"], flags: &["-p"], ..NONE },
    Program {
        names: &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlcheck",
            "mysqlsh",
            "mysqlshow",
            "mysql_upgrade",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mariadb-import",
            "mariadb-check",
            "mycli",
            "7z",
            "7za",
            "7zr",
            "7zz",
            "rar",
            "unrar",
        ],
        joined: &["-p", "-hp"],
        ..NONE
    },
    Program { names: &["redis-cli"], flags: &["-a", "--pass"], ..NONE },
    Program {
        names: &["mongo", "mongosh", "mongodump", "mongorestore", "mongoimport", "mongoexport"],
        flags: &["-p", "--password"],
        ..NONE
    },
    Program { names: &["sqlcmd", "bcp", "zip", "unzip"], flags: &["-P"], ..NONE },
    Program { names: &["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd"], flags: &["-w"], ..NONE },
    Program { names: &["openssl"], flags: &["-k", "-K", "-pass", "-passin", "-passout"], ..NONE },
    Program { names: &["useradd", "usermod"], flags: &["-p", "--password"], ..NONE },
    Program { names: &["smbclient", "rpcclient", "net"], accounts: &["-U"], ..NONE },
    Program { names: &["lftp"], accounts: &["-u"], ..NONE },
    Program {
        names: &["keytool", "jarsigner"],
        flags: &["-storepass", "-keypass", "-srcstorepass", "-deststorepass"],
        ..NONE
    },
    Program { names: &["doctl", "codecov"], flags: &["-t"], ..NONE },
];

/// Programs with a subcommand whose next word is a token: `vault login TOKEN`.
const SUBCOMMANDS: [(&str, &str); 7] = [
    ("vault", "login"),
    ("cargo", "login"),
    ("wandb", "login"),
    ("snyk", "auth"),
    ("ngrok", "authtoken"),
    ("ngrok", "add-authtoken"),
    ("mysqladmin", "password"),
];

/// Words of one command that are looked at, and programs among them: a command has one, or a few behind `sudo` and `env`.
const MOST_WORDS: usize = 10_000;
const MOST_PROGRAMS: usize = 8;

/// Where the secrets of a command are, with what each is; `before` is the command that is piped into it.
pub(super) fn secrets(command: &Command<'_>, before: Option<&Command<'_>>, found: &mut impl FnMut(&str, Range<usize>)) {
    let words = &command.words[..command.words.len().min(MOST_WORDS)];
    let mut programs = 0;
    for (at, word) in words.iter().enumerate() {
        flag_by_name(words, at, found);
        let name = word.program();
        let known = matches!(name, "htpasswd" | "chpasswd" | "set" | "config")
            || PROGRAMS.iter().any(|program| program.names.contains(&name))
            || SUBCOMMANDS.iter().any(|(program, _)| *program == name);
        programs += usize::from(known);
        if !known || programs > MOST_PROGRAMS {
            continue;
        }
        for program in PROGRAMS.iter().filter(|program| program.names.contains(&name)) {
            arguments(name, program, &words[at + 1..], found);
        }
        match name {
            "htpasswd" => last_argument(name, &words[at + 1..], found),
            "chpasswd" => {
                let piped = before.map(|before| before.words.as_slice()).unwrap_or_default();
                for line in piped.iter().chain(&words[at + 1..]) {
                    accounts(line, found);
                }
            }
            "set" | "config" => setting(&words[at + 1..], found),
            _ => {}
        }
        for (program, subcommand) in SUBCOMMANDS {
            if name == program
                && let Some(place) = words[at..].iter().position(|word| word.text == subcommand)
                && let Some(value) = words[at + place + 1..].iter().find(|word| !word.text.starts_with('-'))
                && may_be_a_secret("TOKEN", &value.text)
            {
                found(&format!("the argument of {program} {subcommand}"), value.inner());
            }
        }
    }
    if let Some(before) = before.filter(|_| reads_a_secret(words)) {
        let echoed = before.words.iter().skip_while(|word| !matches!(word.program(), "echo" | "printf")).skip(1);
        for word in echoed.filter(|word| !word.text.starts_with('-') && may_be_a_secret("PASSWORD", &word.text)) {
            let format = word.text.contains('%') && word.text.len() < 6;
            if !format {
                found("what is piped into a login", word.inner());
            }
        }
    }
}

/// Whether a command takes a secret from its standard input.
fn reads_a_secret(words: &[Word<'_>]) -> bool {
    let has = |flags: &[&str]| words.iter().any(|word| flags.contains(&word.text.as_str()));
    has(&["--stdin", "--password-stdin", "--with-token", "--passphrase-fd", "--pinentry-mode"])
        || words.first().is_some_and(|word| {
            matches!(word.program(), "passwd" | "smbpasswd" | "vncpasswd") || word.program() == "sudo" && has(&["-S"])
        })
}

/// `--password VALUE`, `--password=VALUE`, `-Dsonar.token=VALUE`, whatever the program is.
fn flag_by_name(words: &[Word<'_>], at: usize, found: &mut impl FnMut(&str, Range<usize>)) {
    let word = &words[at];
    let Some(name) = word.text.strip_prefix('-') else {
        return;
    };
    let name = name.trim_start_matches('-');
    let name = name.strip_prefix('D').filter(|rest| rest.contains('.')).unwrap_or(name);
    if let Some((name, value)) = name.split_once('=') {
        if speaks_of_a_secret(name) && may_be_a_secret(name, value.trim_matches(['"', '\''])) {
            found(&format!("--{name}"), word.after_equals());
        }
    } else if name.len() > 2
        && speaks_of_a_secret(name)
        && let Some(value) = words.get(at + 1)
        && !value.text.starts_with('-')
        && may_be_a_secret(name, &value.text)
    {
        found(&format!("--{name}"), value.inner());
    }
}

fn arguments(name: &str, program: &Program, words: &[Word<'_>], found: &mut impl FnMut(&str, Range<usize>)) {
    for (at, word) in words.iter().enumerate() {
        let what = |flag: &str| format!("{name} {flag}");
        for flag in program.flags {
            if word.text == *flag {
                if let Some(value) = words.get(at + 1).filter(|value| is_password(&value.text)) {
                    found(&what(flag), value.password());
                }
            } else if name != "openssl"
                && let Some(value) = joined(flag, &word.text)
                && is_password(value)
            {
                found(&what(flag), word.tail(flag.len()));
            }
        }
        for flag in program.joined {
            if let Some(value) = word.text.strip_prefix(flag)
                && !word.text.starts_with("--")
                && is_password(value)
                && !is_word_of_flags(value)
            {
                found(&what(flag), word.tail(flag.len()));
            }
        }
        for flag in program.accounts {
            let several =
                flag.len() == 2 && word.text.len() > 2 && is_flags(&word.text) && word.text.ends_with(&flag[1..]);
            if word.text == *flag || several {
                if let Some(value) = words.get(at + 1) {
                    account(&what(flag), value, found);
                }
            } else if joined(flag, &word.text).is_some() {
                account(&what(flag), word, found);
            }
        }
    }
}

/// The value of `-pVALUE` or `--password=VALUE`.
fn joined<'t>(flag: &str, text: &'t str) -> Option<&'t str> {
    let rest = text.strip_prefix(flag)?;
    if flag.starts_with("--") || flag.len() > 2 { rest.strip_prefix('=') } else { Some(rest) }
}

/// `-sSLu`: several short flags in one word.
fn is_flags(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// `-protocol` and `-port` are flags of their own.
fn is_word_of_flags(value: &str) -> bool {
    matches!(value, "ort" | "rotocol" | "lugin-dir") || value.starts_with("rotocol") || value.starts_with("ort=")
}

fn is_password(text: &str) -> bool {
    !text.starts_with('-')
        && may_be_a_secret("PASSWORD", text.strip_prefix("pass:").unwrap_or(text))
        && !text.starts_with("env:")
        && !text.starts_with("fd:")
}

/// The password of `user:password`, `user%password` or `user,password`.
fn account(what: &str, word: &Word<'_>, found: &mut impl FnMut(&str, Range<usize>)) {
    let raw = word.raw;
    let from = if raw.starts_with("--") { raw.find('=').map_or(0, |at| at + 1) } else { 0 };
    let Some(at) = raw[from..].find([':', '%', ',']).map(|at| from + at + 1) else {
        return;
    };
    let value = raw[at..].trim_end_matches(['"', '\'']);
    if may_be_a_secret("PASSWORD", value) {
        found(what, word.start + at..word.start + at + value.len());
    }
}

/// Lines of `chpasswd`: `user:password`.
fn accounts(word: &Word<'_>, found: &mut impl FnMut(&str, Range<usize>)) {
    let mut from = 0;
    // `\n` is two characters within quotes of the shell.
    for line in word.raw.split_inclusive("\\n").flat_map(|part| part.split_inclusive('\n')) {
        let text = line.trim_end_matches('\n').trim_end_matches("\\n").trim_end_matches(['"', '\'']);
        if let Some((user, password)) = text.split_once(':')
            && !user.is_empty()
            && may_be_a_secret("PASSWORD", password)
        {
            let at = word.start + from + user.len() + 1;
            found("chpasswd", at..at + password.len());
        }
        from += line.len();
    }
}

/// `htpasswd -b FILE USER PASSWORD`.
fn last_argument(name: &str, words: &[Word<'_>], found: &mut impl FnMut(&str, Range<usize>)) {
    let batch = words.iter().any(|word| is_flags(&word.text) && word.text.contains('b'));
    let plain: Vec<&Word<'_>> =
        words.iter().filter(|word| !word.text.starts_with('-') && word.redirect().is_none()).collect();
    if let Some(last) = plain.last().filter(|last| batch && plain.len() > 1 && is_password(&last.text)) {
        found(&format!("{name} -b"), last.inner());
    }
}

/// `npm config set //registry/:_authToken VALUE`, `composer config http-basic.host USER VALUE`,
/// `bundle config host user:password`.
fn setting(words: &[Word<'_>], found: &mut impl FnMut(&str, Range<usize>)) {
    let mut plain =
        words.iter().filter(|word| !word.text.starts_with('-') && !matches!(word.text.as_str(), "set" | "--global"));
    let (Some(name), Some(first)) = (plain.next(), plain.next()) else {
        return;
    };
    let value = plain.next().unwrap_or(first);
    let key = name.text.rsplit([':', '/']).next().unwrap_or_default();
    let known = ["http-basic.", "github-oauth.", "gitlab-token.", "bearer.", "pypi-token."];
    if (known.iter().any(|start| key.starts_with(start))
        || speaks_of_a_secret(key)
        || matches!(key, "_auth" | "_password"))
        && may_be_a_secret(key, &value.text)
    {
        found(key, value.inner());
    } else if name.text.contains('.')
        && !first.text.contains("://")
        && first.text.matches(':').count() == 1
        && !first.text.contains(' ')
        && !first.text.contains('/')
    {
        account(key, first, found);
    }
}
