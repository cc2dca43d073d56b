//! Secrets in the words of a history or an environment: found by name or by shape, and hidden before anyone sees them.

use std::sync::OnceLock;

use regex::{Captures, Regex};

/// A secret that was hidden. Its value is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HiddenSecret {
    /// The variable's name, or what kind of token it looks like.
    pub name: String,
    /// Characters of the value.
    pub length: usize,
}

struct Patterns {
    assignment: Regex,
    token: Regex,
    url: Regex,
}

fn patterns() -> &'static Patterns {
    static PATTERNS: OnceLock<Patterns> = OnceLock::new();
    let regex = |text: &str| Regex::new(text).unwrap_or_else(|error| unreachable!("{error}"));
    PATTERNS.get_or_init(|| Patterns {
        assignment: regex(r#"(^|[\s"'(;&|])([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"';&|)]+)"#),
        token: regex(
            r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}|(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|sk_live_[A-Za-z0-9]{20,}|AIza[0-9A-Za-z_-]{35}|dckr_pat_[A-Za-z0-9_-]{20,})",
        ),
        url: regex(r"\b([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@$]+):([^\s/@$]+)@"),
    })
}

/// Hides every secret of a text: `TOKEN=(hidden, 40 characters)`.
pub(super) fn hide(text: &str) -> (String, Vec<HiddenSecret>) {
    let mut found = Vec::new();
    let mut note = |name: &str, value: &str| {
        let length = value.chars().count();
        let secret = HiddenSecret { name: name.to_owned(), length };
        if !found.contains(&secret) {
            found.push(secret);
        }
        format!("(hidden, {length} characters)")
    };
    let hidden = patterns().assignment.replace_all(text, |parts: &Captures<'_>| {
        let value = parts[3].trim_matches(['"', '\'']);
        if speaks_of_a_secret(&parts[2]) && may_be_a_secret(value) {
            format!("{}{}={}", &parts[1], &parts[2], note(&parts[2], value))
        } else {
            parts[0].to_owned()
        }
    });
    let hidden = patterns().token.replace_all(&hidden, |parts: &Captures<'_>| {
        let kind: String = parts[0].chars().take_while(char::is_ascii_alphabetic).take(4).collect();
        note(&format!("a token that begins with {kind}"), &parts[0])
    });
    let hidden = patterns().url.replace_all(&hidden, |parts: &Captures<'_>| {
        format!("{}:{}@", &parts[1], note("the password of a URL", &parts[2]))
    });
    let hidden = hidden.into_owned();
    (hidden, found)
}

/// Whether a variable of that name holds a secret.
fn speaks_of_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let not = name.ends_with("_KEY_ID")
        || name.ends_with("_KEYRING")
        || name.ends_with("_FILE")
        || name.ends_with("_PATH")
        || name.contains("PUBLIC_KEY")
        || matches!(name.as_str(), "GPG_KEY" | "GPG_KEYS" | "SSH_AUTH_SOCK");
    let within =
        ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "API_KEY", "APIKEY", "ACCESS_KEY", "CREDENTIAL", "PRIVATE_KEY"];
    // As a word of its own: PASSENGER and TOKENIZERS are none.
    let word = |part: &str| {
        matches!(part, "PASS" | "PWD") && name != "PWD" && name != "OLDPWD"
            || part.ends_with("TOKEN")
            || part == "TOKENS"
    };
    !not && (within.iter().any(|word| name.contains(word)) || name.split('_').any(word))
}

fn may_be_a_secret(value: &str) -> bool {
    let plain = matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "none" | "null");
    let small = value.len() < 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    !value.is_empty() && !plain && !small && !value.starts_with(['$', '/', '~', '<', '`']) && !value.starts_with("./")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_what_only_looks_like_them_is_not() {
        for (text, hidden) in [
            ("ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD=(hidden, 7 characters)"),
            ("|1 NPM_TOKEN=abcdef /bin/sh -c npm ci", "|1 NPM_TOKEN=(hidden, 6 characters) /bin/sh -c npm ci"),
            ("RUN curl -H \"x\" https://u:pw1@h/x", "RUN curl -H \"x\" https://u:(hidden, 3 characters)@h/x"),
            ("ENV A=1 API_KEY='a b' B=2", "ENV A=1 API_KEY=(hidden, 3 characters) B=2"),
            ("ARG X=ghp_0123456789abcdefghijABCDEFGHIJ012345", "ARG X=(hidden, 40 characters)"),
            ("ENV aws_secret_access_key=xxxx", "ENV aws_secret_access_key=(hidden, 4 characters)"),
        ] {
            let (got, secrets) = hide(text);
            assert_eq!(got, hidden);
            assert_eq!(secrets.len(), 1, "{text}");
        }
        for text in [
            "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
            "ENV PASSENGER_VERSION=6.0 TOKENIZERS_PARALLELISM=false",
            "ENV POSTGRES_PASSWORD_FILE=/run/secrets/x DB_PASSWORD=$X SECRET_TOKEN=",
            "RUN useradd -p x && PASSWORD=\"$(cat x)\" y",
            "ENV PATH=/usr/local/bin:/usr/bin",
            "RUN git clone https://github.com/a/b",
            "RUN MYSQL_ALLOW_EMPTY_PASSWORD=yes x",
        ] {
            assert_eq!(hide(text), (text.to_owned(), Vec::new()));
        }
    }
}
