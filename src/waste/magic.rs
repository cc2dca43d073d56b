//! What the first bytes of a file must show before a rule takes it for what its name says.

use std::sync::OnceLock;

use regex::bytes::Regex;
use serde::Deserialize;

use crate::secret::{SecretKind, is_secret_setting};

/// Bytes of a file that are looked at.
pub const HEAD: usize = 4096;

/// What content is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Magic {
    /// A private key in PEM or `PuTTY`'s form; never a certificate or a public key.
    PrivateKey,
    /// A line `NAME=value` whose name speaks of a secret, and whose value may be one.
    Dotenv,
    /// A token or password of a registry or package index, in the form of the tool that the file's name tells.
    RegistryAuth,
    /// A URL with a password, or a token.
    GitCredentials,
    /// JSON with a private key or client secret, settings with a value; of other files any line.
    AppConfig,
    /// Of `.aws` and `.kube` files a key, token or password that is not a variable; of other files any content.
    CloudCredentials,
    /// ELF, a core dump.
    CoreDump,
    /// A file's second half, as macOS stores it elsewhere.
    AppleDouble,
    /// ELF, relocatable.
    ObjectFile,
    /// `!<arch>`.
    StaticLibrary,
    /// `CACHEDIR.TAG`, its signature.
    CacheTag,
}

struct Patterns {
    private_key: Regex,
    dotenv: Regex,
    token: Regex,
    url: Regex,
    json: Regex,
    aws: Regex,
    kube: Regex,
    /// A setting with a value, in files whose name says what it is.
    setting: Regex,
}

fn patterns() -> &'static Patterns {
    static PATTERNS: OnceLock<Patterns> = OnceLock::new();
    // Constants, which every test here compiles.
    let regex = |text: &str| Regex::new(text).unwrap_or_else(|error| unreachable!("{error}"));
    PATTERNS.get_or_init(|| Patterns {
        private_key: regex(r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-|\(([0-9]+:)?(protected-)?private-key"),
        dotenv: regex(
            r#"(?m-u)^[ \t]*(?:export[ \t]+)?([A-Za-z0-9_.-]+)[ \t]*=[ \t]*["']?([^\s"'#]+)"#,
        ),
        token: regex(
            r#"(?mi-u)(_authToken|_auth|_password)[ \t]*=[ \t]*[^\s$]|npmAuth(Token|Ident):[ \t]*["']?[^\s"'$]|\bpassword[ \t]+\S|"auth"[ \t]*:[ \t]*"[^"]|^[ \t]*token[ \t]*=[ \t]*["'][^"'$]|<password>[^<$]|ClearTextPassword"[ \t]+value="[^"%]|key="Password"|^[ \t]*password[ \t]*[=:][ \t]*[^\s$]|"(github-oauth|http-basic|gitlab-token|bearer)"[ \t]*:[ \t]*\{\s*""#,
        ),
        url: regex(r"(?i-u)\b[a-z][a-z0-9+]*://([^\s/:@$]+:[^\s/@$]+|[a-z0-9_-]{20,})@|oauth_token:[ \t]*\S|extraheader[ \t]*=[ \t]*AUTHORIZATION"),
        json: regex(r#"(?-u)"private_key"[ \t\r\n]*:[ \t\r\n]*"-----BEGIN|"(client_secret|refresh_token)"[ \t\r\n]*:[ \t\r\n]*"[^"]"#),
        aws: regex(r#"(?mi-u)^[ \t]*(aws_secret_access_key|aws_session_token)[ \t]*=[ \t]*["']?[^\s"'$%<{]"#),
        kube: regex(
            r#"(?i-u)\b(token|client-key-data|password|id-token|refresh-token|access-token)["']?[ \t]*:[ \t]*["']?[^\s"'$%<{]"#,
        ),
        setting: regex(
            r#"(?mi-u)^[ \t]*[a-z_]*(secret|key|password|token)[a-z_]*[ \t]*[:=][ \t]*["']?[^\s"'<$%{]|define\([ \t]*['"]DB_PASSWORD['"][ \t]*,[ \t]*['"][^'"]"#,
        ),
    })
}

impl Magic {
    const ALL: [Self; 11] = [
        Self::PrivateKey,
        Self::Dotenv,
        Self::RegistryAuth,
        Self::GitCredentials,
        Self::AppConfig,
        Self::CloudCredentials,
        Self::CoreDump,
        Self::AppleDouble,
        Self::ObjectFile,
        Self::StaticLibrary,
        Self::CacheTag,
    ];

    fn bit(self) -> u32 {
        1 << self as u16
    }

    /// Whether a file of that path, whose content begins with `head`, is what the rule takes it for.
    pub fn shows(self, path: &[u8], head: &[u8]) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let elf = |kind: u8| head.len() >= 18 && head.starts_with(b"\x7fELF") && (head[16] == kind || head[17] == kind);
        match self {
            Self::PrivateKey => patterns().private_key.is_match(head),
            Self::Dotenv => patterns().dotenv.captures_iter(head).any(|line| {
                let part =
                    |at: usize| line.get(at).map(|part| String::from_utf8_lossy(part.as_bytes())).unwrap_or_default();
                is_secret_setting(&part(1), &part(2))
            }),
            Self::RegistryAuth if name == b"auth.json" => {
                patterns().token.is_match(head)
                    || head.iter().filter(|byte| !byte.is_ascii_whitespace()).count() > 2 && !has(head, b"\"auths\"")
            }
            Self::RegistryAuth => patterns().token.is_match(head) || patterns().url.is_match(head),
            Self::GitCredentials => patterns().url.is_match(head),
            Self::AppConfig if name.ends_with(b".json") => patterns().json.is_match(head),
            Self::CloudCredentials if path.ends_with(b".aws/config") || path.ends_with(b".aws/credentials") => {
                patterns().aws.is_match(head)
            }
            Self::CloudCredentials if path.ends_with(b".kube/config") => patterns().kube.is_match(head),
            Self::AppConfig if matches!(name, b"secrets.yml" | b".my.cnf" | b"wp-config.php") => {
                patterns().setting.is_match(head)
            }
            Self::AppConfig => has_a_line(head),
            Self::CloudCredentials => !head.is_empty(),
            Self::CoreDump => !name.starts_with(b"core") || elf(4),
            Self::AppleDouble => !name.starts_with(b"._") || head.starts_with(&[0, 5, 0x16, 7]),
            Self::ObjectFile => !name.ends_with(b".o") || elf(1),
            Self::StaticLibrary => head.starts_with(b"!<arch>"),
            Self::CacheTag => head.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55"),
        }
    }
}

/// Whether a file has a line that is not empty and not a comment.
fn has_a_line(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| !line.is_empty() && !line.starts_with(b"#"))
}

fn has(head: &[u8], text: &[u8]) -> bool {
    head.windows(text.len()).any(|window| window == text)
}

/// What the content of a file shows, of all that may be looked for: a bit for each magic, and above them the kind of a
/// secret in its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen(pub u32);

/// Where the kind of a secret begins.
const SECRET: u32 = 16;

impl Seen {
    /// Looks at the first bytes of a file for each of some magics.
    pub fn of(magics: impl IntoIterator<Item = Magic>, path: &[u8], head: &[u8]) -> Self {
        Self(magics.into_iter().filter(|magic| magic.shows(path, head)).fold(0, |bits, magic| bits | magic.bit()))
    }

    /// Looks for everything.
    pub fn all(path: &[u8], head: &[u8]) -> Self {
        Self::of(Magic::ALL, path, head)
    }

    /// With a secret that was found in the text.
    #[must_use]
    pub fn with_secret(self, secret: Option<SecretKind>) -> Self {
        Self(self.0 | secret.map_or(0, |secret| u32::from(secret.code()) << SECRET))
    }

    /// What secret the text holds.
    pub fn secret(self) -> Option<SecretKind> {
        SecretKind::from_code((self.0 >> SECRET) as u8)
    }

    /// Whether it was seen.
    pub fn shows(self, magic: Magic) -> bool {
        self.0 & magic.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_what_only_looks_like_them() {
        use Magic::*;
        for (magic, path, head, want) in [
            (PrivateKey, "/a.pem", "-----BEGIN RSA PRIVATE KEY-----\n", true),
            (PrivateKey, "/a.pem", "-----BEGIN OPENSSH PRIVATE KEY-----\n", true),
            (PrivateKey, "/a.pem", "-----BEGIN PRIVATE KEY-----\n", true),
            (PrivateKey, "/a.pem", "-----BEGIN CERTIFICATE-----\n", false),
            (PrivateKey, "/a.key", "-----BEGIN PUBLIC KEY-----\n", false),
            (PrivateKey, "/a.ppk", "PuTTY-User-Key-File-2: ssh-rsa", true),
            (Dotenv, "/.env", "# x\nDB_PASSWORD=hunter2\n", true),
            (Dotenv, "/.env", "export API_KEY='x7y'\n", true),
            (Dotenv, "/.env", "MAX_TOKENS=4096\nTOKEN_URL=https://h\nSECRET_KEY_BASE=dummy\n", false),
            (CloudCredentials, "/root/.aws/credentials", "aws_secret_access_key = ${KEY}\n", false),
            (CloudCredentials, "/root/.kube/config", "exec:\n  command: aws\n", false),
            (CloudCredentials, "/root/.kube/config", "token: abc\n", true),
            (AppConfig, "/a/config/secrets.yml", "secret_key_base: <%= ENV['X'] %>\n", false),
            (PrivateKey, "/a/private-keys-v1.d/A.key", "Key: (private-key (rsa", true),
            (PrivateKey, "/a/private-keys-v1.d/A.key", "(20:shadowed-private-key", false),
            (Dotenv, "/.env", "DB_PASSWORD=\nHOST=a\nSECRET=$OTHER\n", false),
            (RegistryAuth, "/.npmrc", "//registry.npmjs.org/:_authToken=npm_abc\n", true),
            (RegistryAuth, "/.npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n", false),
            (RegistryAuth, "/.npmrc", "fund=false\n", false),
            (RegistryAuth, "/root/.docker/config.json", r#"{"auths":{"r.io":{"auth":"dTpw"}}}"#, true),
            (RegistryAuth, "/root/.docker/config.json", r#"{"auths":{}}"#, false),
            (RegistryAuth, "/root/.netrc", "machine a login b password c", true),
            (RegistryAuth, "/root/.cargo/credentials.toml", "[registry]\ntoken = \"abc\"", true),
            (RegistryAuth, "/root/.m2/settings.xml", "<password>x</password>", true),
            (RegistryAuth, "/root/.m2/settings.xml", "<localRepository>x</localRepository>", false),
            (RegistryAuth, "/etc/pip.conf", "[global]\nindex-url = https://u:p@pypi.example/simple\n", true),
            (RegistryAuth, "/etc/pip.conf", "[global]\nindex-url = https://pypi.example/simple\n", false),
            (GitCredentials, "/a/.git/config", "url = https://x:ghp_1@github.com/a/b", true),
            (GitCredentials, "/a/.git/config", "url = https://github.com/a/b", false),
            (AppConfig, "/a/credentials.json", r#"{"client_id":"a"}"#, false),
            (AppConfig, "/a/credentials.json", r#"{"client_secret": "a"}"#, true),
            (AppConfig, "/a/config/master.key", "abc", true),
            (CloudCredentials, "/root/.aws/config", "[default]\nregion = eu-1\n", false),
            (CloudCredentials, "/root/.aws/config", "[default]\naws_secret_access_key = x\n", true),
            (CoreDump, "/app/core.1", "#!/bin/sh", false),
            (StaticLibrary, "/a/b.a", "!<arch>\n", true),
        ] {
            assert_eq!(magic.shows(path.as_bytes(), head.as_bytes()), want, "{path}: {head}");
        }
        assert!(Seen::all(b"/a/b.a", b"!<arch>\n").shows(StaticLibrary));
    }
}
