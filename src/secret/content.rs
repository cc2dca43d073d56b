//! Secrets in the content of text files: tokens of well-known form, private keys, passwords in URLs, and settings whose
//! names speak of a secret.

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

use super::names::{may_be_a_secret, speaks_of_a_secret};
use super::tokens::{compiled, is_random, tokens};

/// The largest file that is looked at, bytes.
pub const LARGEST: u64 = 1 << 20;

/// Directories of packages and documentation. What is in them is the same for everyone, and full of examples.
const OF_PACKAGES: [&[u8]; 13] = [
    b"site-packages",
    b"dist-packages",
    b"node_modules",
    b"gems",
    b"vendor",
    b"__pycache__",
    b".git",
    b"registry",
    b"doc",
    b"man",
    b"locale",
    b"zoneinfo",
    b"i18n",
];

/// Directories of the system, whose files come from packages.
const OF_SYSTEM: [&[u8]; 16] = [
    b"usr/share/",
    b"usr/lib/",
    b"usr/lib64/",
    b"usr/libexec/",
    b"usr/bin/",
    b"usr/sbin/",
    b"usr/include/",
    b"usr/local/lib/",
    b"usr/local/go/",
    b"usr/local/rustup/",
    b"usr/local/share/",
    b"usr/src/linux-headers-",
    b"lib/",
    b"var/lib/dpkg/",
    b"var/lib/apt/",
    b"go/pkg/mod/",
];

/// Ends of names of files that are not text, or that hold hashes of everything.
const NOT_TEXT: [&str; 46] = [
    "so", "a", "o", "pyc", "pyo", "class", "jar", "war", "gz", "xz", "bz2", "zst", "zip", "whl", "gem", "deb", "rpm",
    "apk", "png", "jpg", "jpeg", "gif", "webp", "ico", "svg", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4",
    "webm", "pdf", "mo", "dat", "bin", "db", "wasm", "map", "lock", "sum", "crt", "pub", "po", "md5sums",
];

/// Whether a file of that normal path (without its leading `/`) may hold a secret of its own in text.
pub fn may_hold_secrets(path: &[u8], size: u64) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let ending = name.iter().rposition(|byte| *byte == b'.').map(|dot| &name[dot + 1..]);
    let not_text = ending.is_some_and(|ending| NOT_TEXT.iter().any(|own| ending.eq_ignore_ascii_case(own.as_bytes())));
    (8..=LARGEST).contains(&size)
        && !not_text
        && !name.ends_with(b".min.js")
        && !matches!(name, b"package-lock.json" | b"npm-shrinkwrap.json" | b"pnpm-lock.yaml" | b"go.sum")
        && !OF_SYSTEM.iter().any(|start| path.starts_with(start))
        && !path.split(|byte| *byte == b'/').any(is_of_packages)
}

/// Whether a directory of that name holds packages; the standard libraries of Python are in one named by its version.
fn is_of_packages(directory: &[u8]) -> bool {
    OF_PACKAGES.contains(&directory) || directory.starts_with(b"python3.") || directory.starts_with(b"python2.")
}

/// What kind of secret a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretKind(u8);

/// Names of kinds that have no form of token, before those that have one.
const KINDS: [&str; 3] = ["a private key", "the password of a URL", "a password, key or token of a setting"];

impl SecretKind {
    const PRIVATE_KEY: Self = Self(1);
    const URL: Self = Self(2);
    const SETTING: Self = Self(3);

    /// A kind as [`Self::code`] wrote it; None for 0 and for what no kind has.
    pub fn from_code(code: u8) -> Option<Self> {
        (code > 0 && usize::from(code) <= KINDS.len() + super::tokens::kinds()).then_some(Self(code))
    }

    /// A number for caches, never 0.
    pub fn code(self) -> u8 {
        self.0
    }

    /// What it is, for people.
    pub fn name(self) -> &'static str {
        let at = usize::from(self.0) - 1;
        KINDS.get(at).copied().unwrap_or_else(|| super::tokens::kind_name(at - KINDS.len()))
    }

    fn token(form: usize) -> Self {
        Self((KINDS.len() + form + 1) as u8)
    }
}

/// What private keys and URLs are found by, in one pass.
static MARKS: LazyLock<Regex> = LazyLock::new(|| compiled("(?-u)PRIVATE KEY|PuTTY-User-Key-File-|://"));

/// Parts of the names that speak of a secret, as they are written. The name around one is looked at more closely.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        "(?-u)assw|ASSW|assphrase|ecret|ECRET|oken|OKEN|redential|REDENTIAL|_key|_KEY|-key|Key|apikey|APIKEY|_pass|_PASS\
                   |_pwd|_PWD|Pwd|PWD|requirepass|_auth",
    )
});

/// The first secret in the content of a file of that path, if it is text.
pub fn secret_in(path: &[u8], content: &[u8]) -> Option<SecretKind> {
    if memchr::memchr(0, &content[..content.len().min(8192)]).is_some() {
        return None;
    }
    let (mut has_url, mut has_putty) = (false, false);
    for mark in MARKS.find_iter(content) {
        match mark.as_bytes() {
            b"://" => has_url = has_url || is_url_with_password(content, mark.start()),
            b"PRIVATE KEY" if is_private_key(content, mark.start()) => return Some(SecretKind::PRIVATE_KEY),
            b"PRIVATE KEY" => {}
            _ => has_putty = true,
        }
    }
    if has_putty && memmem::find(content, b"Private-Lines:").is_some() {
        return Some(SecretKind::PRIVATE_KEY);
    }
    if let Some((form, _)) = tokens(content).next() {
        return Some(SecretKind::token(form));
    }
    if has_url {
        return Some(SecretKind::URL);
    }
    let style = Style::of(path)?;
    (has_setting(content, style) && !is_encrypted(content)).then_some(SecretKind::SETTING)
}

/// Whether a file is encrypted as a whole, or value by value.
fn is_encrypted(content: &[u8]) -> bool {
    let marks = [&b"kind: SealedSecret"[..], b"$ANSIBLE_VAULT", b"\nsops:"];
    marks.iter().any(|mark| memmem::find(content, mark).is_some())
}

/// Whether a header of a key has a key behind it: code and documentation have the header alone.
fn is_private_key(content: &[u8], at: usize) -> bool {
    let begins = content[at.saturating_sub(40)..at].windows(11).any(|window| window == b"-----BEGIN ");
    let after = &content[at..content.len().min(at + 900)];
    let header = after.windows(5).take(24).position(|window| window == b"-----");
    begins && header.is_some_and(|header| is_key(&after[header + 5..]))
}

/// Whether lines of base64 follow. In JSON and in variables line ends are written as `\n`.
fn is_key(after: &[u8]) -> bool {
    let lines = after.split(|byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b' ' | b'\t' | b'\\'));
    let is_base64 = |line: &&[u8]| {
        line.len() >= 32 && line.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
    };
    let body: Vec<u8> = lines.filter(is_base64).take(2).flatten().copied().collect();
    body.len() >= 40 && entropy(&body) > 3.5
}

/// Whether `scheme://user:password@host` stands around a `://`.
fn is_url_with_password(content: &[u8], at: usize) -> bool {
    let before =
        content[..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte)).count();
    let rest = &content[at + 3..content.len().min(at + 403)];
    let end =
        rest.iter().position(|byte| byte.is_ascii_whitespace() || b"/\"'<>`?#".contains(byte)).unwrap_or(rest.len());
    let Some(last) = rest[..end].iter().rposition(|byte| *byte == b'@').filter(|_| (2..20).contains(&before)) else {
        return false;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (account, host) = (text(&rest[..last]), text(&rest[last + 1..end]));
    account.split_once(':').is_some_and(|(user, password)| is_password_of_url(user, password, &host))
}

fn is_password_of_url(user: &str, password: &str, host: &str) -> bool {
    const PLACEHOLDERS: [&str; 11] =
        ["pass", "password", "passwd", "pw", "pwd", "secret", "token", "user", "xxx", "guest", "mypassword"];
    let example = ["host", "hostname", "your", "server", "domain"].iter().any(|word| host.starts_with(word))
        || host.contains("example.");
    !example
        && !host.is_empty()
        && password.len() >= 3
        && password != user
        && !PLACEHOLDERS.contains(&password.to_lowercase().as_str())
        && !password.contains(['{', '[', '$', '%', '*', '('])
        && may_be_a_secret("PASSWORD", password)
}

/// How a file writes its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Values need no quotes.
    Plain,
    /// Only what is quoted is a value: the rest is code.
    Code,
}

impl Style {
    fn of(path: &[u8]) -> Option<Self> {
        const PLAIN: [&str; 24] = [
            "env",
            "ini",
            "cfg",
            "conf",
            "cnf",
            "config",
            "properties",
            "yml",
            "yaml",
            "json",
            "toml",
            "xml",
            "tfvars",
            "sh",
            "bash",
            "profile",
            "service",
            "netrc",
            "credentials",
            "secrets",
            "json5",
            "tfstate",
            "txt",
            "plist",
        ];
        const CODE: [&str; 17] = [
            "py", "rb", "js", "ts", "mjs", "cjs", "jsx", "tsx", "php", "java", "go", "cs", "kt", "scala", "ex", "exs",
            "tf",
        ];
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let ending = name.iter().rposition(|byte| *byte == b'.').map(|dot| &name[dot + 1..]);
        let is = |list: &[&str], text: &[u8]| list.iter().any(|own| text.eq_ignore_ascii_case(own.as_bytes()));
        match ending {
            _ if name.starts_with(b".env") || name.starts_with(b".") && name[1..].ends_with(b"rc") => Some(Self::Plain),
            Some(ending) if is(&PLAIN, ending) => Some(Self::Plain),
            Some(ending) if is(&CODE, ending) => Some(Self::Code),
            None => Some(Self::Plain),
            Some(_) => None,
        }
    }
}

fn has_setting(content: &[u8], style: Style) -> bool {
    let mut next = 0;
    while let Some(mark) = content.get(next..).and_then(|rest| NAMES.find(rest)) {
        let (start, end) = (next + mark.start(), next + mark.end());
        next = end;
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        let from = content[..start].iter().rposition(|byte| !in_name(byte)).map_or(0, |at| at + 1);
        let to = content[end..].iter().position(|byte| !in_name(byte)).map_or(content.len(), |at| end + at);
        next = next.max(to);
        // What follows a name of a setting.
        if !content.get(to).is_some_and(|byte| b"=: \t\"'])>,".contains(byte)) || to - from > 80 {
            continue;
        }
        let name = String::from_utf8_lossy(&content[from..to]);
        let end = content.len().min(to + 512);
        let line_end = content[to..end].iter().position(|byte| *byte == b'\n').map_or(end, |at| to + at);
        let rest = String::from_utf8_lossy(&content[to..line_end]);
        // Of a long line only its end matters.
        let near = from.saturating_sub(200);
        let line_start = content[near..from].iter().rposition(|byte| *byte == b'\n').map_or(near, |at| near + at + 1);
        let before = String::from_utf8_lossy(&content[line_start.max(from.saturating_sub(120))..from]);
        let named = speaks_of_a_secret(&name) || matches!(name.as_ref(), "_auth" | "auth" | "requirepass");
        if named
            && !is_comment(&before)
            && value_of(&name, &before, &rest, style).is_some_and(|value| looks_secret(&name, value))
        {
            return true;
        }
    }
    false
}

/// Whether what is in front of a name makes its line a comment.
fn is_comment(before: &str) -> bool {
    let start = before.trim_start();
    ["#", "// ", ";", "*", "<!--", "--"].iter().any(|mark| start.starts_with(mark))
}

/// The value behind a name: after `=`, `:`, `=>`, `>`, or `value=` of XML.
fn value_of<'r>(name: &str, before: &str, rest: &'r str, style: Style) -> Option<&'r str> {
    let mut rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    rest = rest.strip_prefix(']').unwrap_or(rest);
    // `requirepass VALUE`, alone on its line.
    let may_be_apart = matches!(name, "password" | "requirepass" | "masterauth") && before.trim().is_empty();
    if let Some(value) = rest
        .strip_prefix([' ', '\t'])
        .map(str::trim)
        .filter(|value| may_be_apart && style == Style::Plain && !value.contains(' '))
        && value.starts_with(|letter: char| letter.is_ascii_alphanumeric())
    {
        return Some(value);
    }
    rest = rest.trim_start();
    // `define('NAME', 'VALUE')`.
    let defined = before.trim_end_matches(['"', '\'']).trim_end().ends_with("define(");
    let quoted = |value: &&str| defined && value.starts_with(['"', '\'']);
    if let Some(value) = rest.strip_prefix(',').map(str::trim_start).filter(quoted) {
        return value[1..].split(['"', '\'']).next();
    }
    if let Some((_, value)) =
        rest.split_once("value=\"").filter(|(between, _)| between.len() < 20 && !between.contains(['=', '<']))
    {
        return value.split('"').next();
    }
    let stripped = ["=>", ":=", "=", ":", ">"].iter().find_map(|mark| rest.strip_prefix(mark))?;
    // Comparison, and a type.
    if stripped.starts_with(['=', ':']) {
        return None;
    }
    let value = stripped.trim_start();
    if let Some(quote) = value.chars().next().filter(|letter| matches!(letter, '"' | '\'' | '`')) {
        return value[1..].split(quote).next();
    }
    if style == Style::Code {
        return None;
    }
    let end = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '&' | '<' | '"' | '\'' | ')' | '}');
    value.split(end).next()
}

/// Whether a value looks like a secret, and not like a word, a reference or a text for people.
fn looks_secret(name: &str, value: &str) -> bool {
    let is_password = name.to_ascii_lowercase().contains("pass") || name.to_ascii_lowercase().contains("pwd");
    let lower = value.to_ascii_lowercase();
    let has = |test: fn(char) -> bool| value.chars().any(test);
    let letters = has(|letter| letter.is_ascii_alphabetic());
    let digits = has(|letter| letter.is_ascii_digit());
    let marks = has(|letter| "!@#$%^&*?+/=~|".contains(letter));
    let mixed = has(|letter| letter.is_ascii_uppercase()) && has(|letter| letter.is_ascii_lowercase());
    let reference = value.starts_with(['!', '{', '[', '&', '*', '(', '<']) && !(is_password && digits)
        || lower.contains("://")
        || [
            "var.",
            "data.",
            "local.",
            "module.",
            "process.env",
            "os.environ",
            "enc[",
            "secrets.",
            "sha256:",
            "sha512-",
            "base64:",
        ]
        .iter()
        .any(|start| lower.starts_with(start))
        || value.contains("${")
        || value.contains("{{")
        || value.ends_with(['(', ':'])
        || value.contains("()");
    let says_so = [
        "password", "passwd", "secret", "token", "apikey", "api_key", "example", "sample", "test", "foobar", "enter",
        "default",
    ]
    .iter()
    .any(|word| lower == *word || (lower.contains(word) && !(digits && (marks || mixed || value.len() >= 20))));
    let plain = value.split(['-', '_', '.', '/']).all(|part| {
        let word = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        word.chars().all(|letter| letter.is_ascii_lowercase()) && part.len() - word.len() <= 2
    });
    let several = value.contains(['-', '_', '.', '/']);
    let least = if is_password { 6 } else { 12 };
    (least..=400).contains(&value.chars().count())
        && !value.contains(char::is_whitespace)
        && may_be_a_secret(name, value)
        && !reference
        && !says_so
        && is_random(value.as_bytes())
        && (digits && (letters || is_password)
            || marks && letters
            || value.len() >= 20 && mixed && !several && entropy(value.as_bytes()) > 3.5)
        && !(plain && (several || !is_password))
}

/// Shannon's entropy, bits for each byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}
