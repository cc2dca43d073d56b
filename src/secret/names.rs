//! Names that speak of a secret, and values that cannot be one.

/// Words that make a name speak of a secret wherever they stand in it.
const WITHIN: [&str; 19] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "ACCESSKEY",
    "CREDENTIAL",
    "PRIVATE_KEY",
    "AUTH_KEY",
    "AUTHKEY",
    "ACCOUNT_KEY",
    "ACCOUNTKEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "DEPLOY_KEY",
    "LICENSE_KEY",
    "AUTHTOKEN",
];

/// Last words of names that are about a secret and do not hold one: `TOKEN_URL`, `SECRET_NAME`, `PASSWORD_FILE`.
const ABOUT: [&str; 85] = [
    "ID",
    "IDS",
    "FILE",
    "FILES",
    "PATH",
    "PATHS",
    "DIR",
    "NAME",
    "NAMES",
    "URL",
    "URI",
    "ENDPOINT",
    "HOST",
    "PORT",
    "USER",
    "USERNAME",
    "ARN",
    "LENGTH",
    "SIZE",
    "TTL",
    "EXPIRY",
    "EXPIRES",
    "EXPIRATION",
    "TIMEOUT",
    "TYPE",
    "ALGORITHM",
    "ALG",
    "HEADER",
    "REGION",
    "VERSION",
    "ENABLED",
    "DISABLED",
    "REQUIRED",
    "POLICY",
    "MIN",
    "MAX",
    "COUNT",
    "LIMIT",
    "STORE",
    "PROVIDER",
    "ISSUER",
    "AUDIENCE",
    "MANAGER",
    "FORMAT",
    "PREFIX",
    "SUFFIX",
    "MODE",
    "STDIN",
    "COMMAND",
    "CMD",
    "HELPER",
    "KEYRING",
    "ROTATION",
    "AGE",
    "DAYS",
    "SERVICE",
    "REF",
    "VAR",
    "SOURCE",
    "BACKEND",
    "CLASS",
    "PARALLELISM",
    "FIELD",
    "RULES",
    "HASHER",
    "ENCRYPTION",
    "ENCODER",
    "VALIDATORS",
    "STRENGTH",
    "CHANGED",
    "REGEX",
    "PATTERN",
    "HINT",
    "LABEL",
    "PLACEHOLDER",
    "PROMPT",
    "RESET",
    "EXPIRED",
    "INPUT",
    "LIFETIME",
    "LIFESPAN",
    "REALM",
    "SCOPE",
    "SCOPES",
    "AUTHENTICATION",
];

/// A name in the form `API_KEY`: `apiKey`, `api-key` and `api.key` are the same.
fn upper(name: &str) -> String {
    let mut upper = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            upper.push('_');
        }
        upper.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' });
        before = letter;
    }
    upper
}

/// Whether a variable, flag, key or header of that name holds a secret.
pub(crate) fn speaks_of_a_secret(name: &str) -> bool {
    let name = upper(name);
    let name = name.trim_matches('_');
    let last = name.rsplit('_').next().unwrap_or_default();
    let about = ABOUT.contains(&last)
        || name.contains("PUBLIC_KEY")
        || name.contains("ALLOW_EMPTY")
        || name.starts_with("MAX_")
        || matches!(name, "GPG_KEY" | "GPG_KEYS" | "SSH_AUTH_SOCK" | "PWD" | "OLDPWD" | "CANCEL_TOKEN");
    // As a word of its own: PASSENGER and TOKENIZERS are not secrets.
    let word = |part: &str| {
        matches!(part, "PASS" | "PWD" | "PW" | "TOKENS" | "STOREPASS" | "KEYPASS") || part.ends_with("TOKEN")
    };
    !about && (WITHIN.iter().any(|word| name.contains(word)) || name.split('_').any(word))
}

/// Whether a setting of that name and value is a secret.
pub fn is_secret_setting(name: &str, value: &str) -> bool {
    speaks_of_a_secret(name) && may_be_a_secret(name, value)
}

/// Values that stand in the place of a secret, in lower case.
const PLACEHOLDERS: [&str; 16] = [
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "nil",
    "undefined",
    "unset",
    "dummy",
    "example",
    "placeholder",
    "changeme",
    "redacted",
];

/// Parts of values that say that a real value has to be put there.
const PLACEHOLDER_PARTS: [&str; 16] = [
    "change_me",
    "change-me",
    "changeit",
    "changethis",
    "change_this",
    "replace_me",
    "replaceme",
    "replace-me",
    "your_",
    "your-",
    "placeholder",
    "xxxx",
    "****",
    "insert_",
    "dummy",
    "not_a_real",
];

/// Whether a value may be a secret: it is not empty, a variable, a path, or an obvious placeholder.
pub(crate) fn may_be_a_secret(name: &str, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    // Only passwords are sometimes numbers.
    let a_number = digits && (value.len() < 4 || !upper(name).contains("PASS"));
    // Base64 may begin with a slash.
    let a_path = value.starts_with('/') && !(value.len() >= 20 && value.contains(['+', '=']));
    let elsewhere =
        a_path || value.starts_with(['$', '~', '<', '`', '@', '*', '{', '%', '(']) || value.starts_with("./");
    let named_elsewhere =
        ["${", "$(", "{{", "env:", "file:", "vault:", "ref+", "arn:aws", "op://", "id=", "type=", "src=", "env="];
    !value.is_empty()
        && !a_number
        && !elsewhere
        && !named_elsewhere.iter().any(|start| lower.starts_with(start))
        && !PLACEHOLDERS.contains(&lower.as_str())
        && !PLACEHOLDER_PARTS.iter().any(|part| lower.contains(part))
        && value.chars().collect::<std::collections::BTreeSet<_>>().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hold_a_secret_differ_from_names_about_one() {
        for name in [
            "DB_PASSWORD",
            "NPM_TOKEN",
            "apiKey",
            "api-key",
            "client_secret",
            "aws_secret_access_key",
            "PGPASSWORD",
            "SECRET_KEY_BASE",
            "MYSQL_PWD",
            "_authToken",
            "sonar.token",
            "x-api-key",
            "DB_PASS",
            "ACCOUNTKEY",
            "passphrase",
            "AccessToken",
        ] {
            assert!(speaks_of_a_secret(name), "{name}");
        }
        for name in [
            "GPG_KEY",
            "PASSENGER_VERSION",
            "TOKENIZERS_PARALLELISM",
            "POSTGRES_PASSWORD_FILE",
            "MAX_TOKENS",
            "TOKEN_URL",
            "AWS_SECRET_NAME",
            "AWS_ACCESS_KEY_ID",
            "PWD",
            "SSH_PUBLIC_KEY",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "password-stdin",
            "BYPASS",
            "PATH",
            "compass",
            "keyboard",
        ] {
            assert!(!speaks_of_a_secret(name), "{name}");
        }
    }

    #[test]
    fn values_that_stand_for_a_secret_are_not_one() {
        for value in ["hunter2", "root", "a b", "p@ss", "123456"] {
            assert!(may_be_a_secret("PASSWORD", value), "{value}");
        }
        for value in
            ["", "$X", "${X}", "/run/secrets/x", "dummy", "changeme", "your-token", "xxxx", "<token>", "42", "a"]
        {
            assert!(!may_be_a_secret("PASSWORD", value), "{value}");
        }
        assert!(!may_be_a_secret("TOKENS", "4096"));
    }
}
