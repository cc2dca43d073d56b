use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::{may_be_a_secret, speaks_of_a_secret};
use super::text::{Place, secrets};

/// A secret that was hidden. Its value is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HiddenSecret {
    /// The variable's name, or what kind of token it is.
    pub name: String,
    /// Characters of the value.
    pub length: usize,
}

/// Text of an image's documents in which the value of every secret is replaced: `TOKEN=(hidden, 40 characters)`.
///
/// There is no way to make one that shows a secret, and the raw text cannot be had back, so whatever prints it prints no
/// secret. Values are remembered without a way to read them until [`seal`] has hidden them in all other texts of the image.
#[derive(Clone, Default)]
pub struct Redacted {
    text: String,
    secrets: Vec<HiddenSecret>,
    values: Vec<Value>,
}

/// A raw value, which nothing outside of this file can read, and which no formatting prints.
#[derive(Clone)]
struct Value(String);

impl Redacted {
    /// Hides the secrets of a text.
    pub fn new(raw: &str) -> Self {
        Self::masked(raw, secrets(raw))
    }

    /// Hides the value of a variable, label or flag of that name, whole if the name speaks of a secret.
    pub fn named(name: &str, raw: &str) -> Self {
        if speaks_of_a_secret(name) && may_be_a_secret(name, raw) {
            return Self::masked(raw, vec![Place { range: 0..raw.len(), name: name.to_owned() }]);
        }
        Self::new(raw)
    }

    /// Hides the value of a variable, `NAME=value`.
    pub(crate) fn variable(raw: &str) -> Self {
        match raw.split_once('=') {
            Some((name, value)) if speaks_of_a_secret(name) && may_be_a_secret(name, value) => {
                Self::masked(raw, vec![Place { range: name.len() + 1..raw.len(), name: name.to_owned() }])
            }
            _ => Self::new(raw),
        }
    }

    fn masked(raw: &str, places: Vec<Place>) -> Self {
        let mut masked = Self { text: String::with_capacity(raw.len()), ..Self::default() };
        let mut at = 0;
        for Place { range, name } in places {
            let value = &raw[range.clone()];
            let length = value.chars().count();
            masked.text.push_str(&raw[at..range.start]);
            masked.text.push_str(&mask(length));
            let secret = HiddenSecret { name, length };
            if masked.secrets.len() < MOST_LISTED && !masked.secrets.contains(&secret) {
                masked.secrets.push(secret);
            }
            masked.values.push(Value(value.to_owned()));
            at = range.end;
        }
        masked.text.push_str(&raw[at..]);
        masked
    }

    /// The text, secrets hidden.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What was hidden, each once.
    pub fn secrets(&self) -> &[HiddenSecret] {
        &self.secrets
    }

    /// Hides what other texts of the image showed to be secret.
    fn hide(&mut self, values: &AhoCorasick) {
        self.values.clear();
        let mut hidden = String::new();
        let mut at = 0;
        for found in values.find_iter(&self.text) {
            let value = &self.text[found.range()];
            let part_of_a_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
            let (before, after) = (&self.text[..found.start()], &self.text[found.end()..]);
            let inside = part_of_a_word(before.chars().next_back()) && !before.ends_with("-p")
                || part_of_a_word(after.chars().next());
            // A short one may be a part of any word.
            if value.len() >= 12 || !inside {
                hidden.push_str(&self.text[at..found.start()]);
                hidden.push_str(&mask(value.chars().count()));
                at = found.end();
            }
        }
        if at > 0 {
            hidden.push_str(&self.text[at..]);
            self.text = hidden;
        }
    }
}

/// Secrets of one text that are listed; all are hidden.
const MOST_LISTED: usize = 100;

fn mask(length: usize) -> String {
    format!("(hidden, {length} characters)")
}

/// Hides in all texts of an image what any of them showed to be secret, and forgets the values.
pub fn seal<'t>(texts: impl IntoIterator<Item = &'t mut Redacted>) {
    let mut texts: Vec<&mut Redacted> = texts.into_iter().collect();
    // Short values are words that occur anywhere.
    let values = texts.iter().flat_map(|text| &text.values).filter(|value| value.0.chars().count() >= 6);
    let values: BTreeSet<String> = values.map(|value| value.0.clone()).collect();
    // It fails only for more text than documents may have.
    let longest_first = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values);
    for text in &mut texts {
        match &longest_first {
            Ok(values) => text.hide(values),
            Err(_) => text.text = mask(text.text.chars().count()),
        }
    }
}

/// Hides the secrets in the words of one command, which tell each other what they are: `["--token", "VALUE"]`.
pub(crate) fn hide_in_words<'t>(words: impl IntoIterator<Item = &'t mut Redacted>) {
    let mut words: Vec<&mut Redacted> = words.into_iter().collect();
    // Quoted in a way that makes each of them one word again.
    let quoted = |word: &Redacted| format!("\"{}\"", word.text.replace(['"', '\\', '\n'], " "));
    let joined: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let mut from = 0;
    let starts: Vec<usize> = joined.iter().map(|word| (from, from += word.len() + 1).0).collect();
    for Place { range, name } in secrets(&joined.join(" ")) {
        let at = starts.partition_point(|start| *start <= range.start).saturating_sub(1);
        let (word, start) = (&mut words[at], starts[at] + 1);
        let inner = range.start.saturating_sub(start)..range.end.saturating_sub(start).min(word.text.len());
        let fits = word.text.is_char_boundary(inner.start) && word.text.is_char_boundary(inner.end);
        if word.secrets.is_empty() && !inner.is_empty() && fits {
            **word = Redacted::masked(&word.text, vec![Place { range: inner, name }]);
        }
    }
}

impl Deref for Redacted {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl PartialEq for Redacted {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Redacted {}

impl PartialEq<str> for Redacted {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl AsRef<str> for Redacted {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for Redacted {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Redacted {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl<'de> Deserialize<'de> for Redacted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_secrets_are_hidden() {
        for (text, hidden) in [
            ("ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD=(hidden, 7 characters)"),
            ("|1 NPM_TOKEN=abcdef /bin/sh -c npm ci", "|1 NPM_TOKEN=(hidden, 6 characters) /bin/sh -c npm ci"),
            ("RUN curl -H \"x\" https://u:pw1@h/x", "RUN curl -H \"x\" https://u:(hidden, 3 characters)@h/x"),
            ("ENV A=1 API_KEY='a b' B=2", "ENV A=1 API_KEY='(hidden, 3 characters)' B=2"),
            ("ARG X=ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R", "ARG X=(hidden, 40 characters)"),
            ("ENV aws_secret_access_key=a1b2", "ENV aws_secret_access_key=(hidden, 4 characters)"),
            ("RUN curl -u admin:s3cret http://h", "RUN curl -u admin:(hidden, 6 characters) http://h"),
            ("RUN curl -sSLu 'admin:s3cret' http://h", "RUN curl -sSLu 'admin:(hidden, 6 characters)' http://h"),
            ("RUN curl --user=admin:s3cret http://h", "RUN curl --user=admin:(hidden, 6 characters) http://h"),
            (
                "RUN curl -H \"Authorization: Bearer abc123\" h",
                "RUN curl -H \"Authorization: Bearer (hidden, 6 characters)\" h",
            ),
            ("RUN curl -H 'PRIVATE-TOKEN: abc123' h", "RUN curl -H 'PRIVATE-TOKEN: (hidden, 6 characters)' h"),
            ("RUN docker login -u me -p s3cret reg.io", "RUN docker login -u me -p (hidden, 6 characters) reg.io"),
            (
                "RUN echo s3cret | docker login --password-stdin",
                "RUN echo (hidden, 6 characters) | docker login --password-stdin",
            ),
            ("RUN sshpass -p s3cret ssh h", "RUN sshpass -p (hidden, 6 characters) ssh h"),
            ("RUN sshpass -ps3cret ssh h", "RUN sshpass -p(hidden, 6 characters) ssh h"),
            ("RUN echo 'root:s3cret' | chpasswd", "RUN echo 'root:(hidden, 6 characters)' | chpasswd"),
            ("RUN chpasswd <<< \"root:s3cret\"", "RUN chpasswd <<< \"root:(hidden, 6 characters)\""),
            ("RUN mysql -uroot -ps3cret -e 'select 1'", "RUN mysql -uroot -p(hidden, 6 characters) -e 'select 1'"),
            ("RUN sh -c \"mysql -ps3cret\"", "RUN sh -c \"mysql -p(hidden, 6 characters)\""),
            ("CMD [\"app\" \"--password=s3cret\"]", "CMD [\"app\" \"--password=(hidden, 6 characters)\"]"),
            (
                "ENTRYPOINT [\"x\", \"--token\", \"s3cret\"]",
                "ENTRYPOINT [\"x\", \"--token\", \"(hidden, 6 characters)\"]",
            ),
            ("LABEL api_token=s3cret", "LABEL api_token=(hidden, 6 characters)"),
            ("ENV DB_PASSWORD s3cret", "ENV DB_PASSWORD (hidden, 6 characters)"),
            (
                "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -u admin:s3cret localhost\"] \"30s\"}",
                "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -u admin:(hidden, 6 characters) localhost\"] \"30s\"}",
            ),
            (
                "RUN htpasswd -bc /etc/nginx/.htpasswd me s3cret",
                "RUN htpasswd -bc /etc/nginx/.htpasswd me (hidden, 6 characters)",
            ),
            (
                "RUN npm config set //r.io/:_authToken s3cret",
                "RUN npm config set //r.io/:_authToken (hidden, 6 characters)",
            ),
            (
                "RUN composer config http-basic.repo.io me s3cret",
                "RUN composer config http-basic.repo.io me (hidden, 6 characters)",
            ),
            ("RUN bundle config gems.io me:s3cret", "RUN bundle config gems.io me:(hidden, 6 characters)"),
            ("RUN mvn -Dsonar.token=s3cret verify", "RUN mvn -Dsonar.token=(hidden, 6 characters) verify"),
            ("RUN echo \"password: s3cret\" > /a", "RUN echo \"password: (hidden, 6 characters)\" > /a"),
            (
                "RUN psql -c \"ALTER USER a PASSWORD 's3cret'\"",
                "RUN psql -c \"ALTER USER a PASSWORD '(hidden, 6 characters)'\"",
            ),
            ("RUN openssl rsa -passin pass:s3cret -in k", "RUN openssl rsa -passin pass:(hidden, 6 characters) -in k"),
            (
                "RUN wget 'https://h/f?access_token=s3cret&x=1'",
                "RUN wget 'https://h/f?access_token=(hidden, 6 characters)&x=1'",
            ),
        ] {
            let got = Redacted::new(text);
            assert_eq!(got.as_str(), hidden);
            assert_eq!(got.secrets().len(), 1, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_is_left_as_it_is() {
        for text in [
            "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
            "ENV PASSENGER_VERSION=6.0 TOKENIZERS_PARALLELISM=false",
            "ENV POSTGRES_PASSWORD_FILE=/run/secrets/x DB_PASSWORD=$X SECRET_TOKEN=",
            "RUN useradd -p $X && PASSWORD=\"$(cat x)\" y",
            "ENV PATH=/usr/local/bin:/usr/bin",
            "RUN git clone https://github.com/a/b",
            "RUN MYSQL_ALLOW_EMPTY_PASSWORD=yes x",
            "RUN mkdir -p /app && cp -p a b",
            "RUN docker login --password-stdin",
            "RUN --mount=type=secret,id=npm_token npm ci",
            "RUN curl -u \"$USER:$PASS\" https://h && curl -H \"Authorization: Bearer $(cat /run/secrets/t)\" h",
            "RUN mysql -p -h db && mysql --port 3306 -P 3306 --protocol=tcp",
            "ENV MAX_TOKENS=4096 TOKEN_URL=https://h/token AWS_SECRET_NAME=prod/db SECRET_KEY_BASE=dummy",
            "RUN SECRET_KEY_BASE=dummy bundle exec rake assets:precompile",
            "CMD [\"node\" \"server.js\" \"--port=8080\"]",
            "RUN apt-get install -y --no-install-recommends libsecret-1-0 passwd curl",
            "RUN adduser -D -u 1000 app && chown -R app:app /app",
            "RUN echo done | tee /log",
            "ENTRYPOINT [\"docker-entrypoint.sh\"]",
        ] {
            let got = Redacted::new(text);
            assert_eq!((got.as_str(), got.secrets()), (text, &[][..]));
        }
    }

    #[test]
    fn a_value_that_one_text_shows_is_hidden_in_all() {
        let mut texts = ["ENV PASSWORD=hunter2Secret", "pw hunter2Secret", "x-hunter2Secret-y"].map(Redacted::new);
        seal(&mut texts);
        assert_eq!(texts[1].as_str(), "pw (hidden, 13 characters)");
        assert_eq!(texts[2].as_str(), "x-(hidden, 13 characters)-y");
        assert!(texts.iter().all(|text| text.values.is_empty()));
    }

    #[test]
    fn hostile_texts_take_no_longer_than_others() {
        let start = std::time::Instant::now();
        for word in
            ["curl ", "vault ", "mysql -p", "chpasswd ", "echo a | ", "-", "set ", "a=", "password: ", "'", "\""]
        {
            let text = word.repeat(200_000 / word.len());
            assert!(!Redacted::new(&text).is_empty());
        }
        let mut texts: Vec<Redacted> = (0..20_000).map(|n| Redacted::variable(&format!("TOKEN=value{n}x"))).collect();
        texts.push(Redacted::new(&"TOKEN=value1234567x ".repeat(10_000)));
        seal(&mut texts);
        assert!(texts.iter().all(|text| !text.contains("value")));
        // Some seconds without optimisation; a square of these lengths would take hours.
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    #[test]
    fn words_of_a_list_tell_each_other_what_they_are() {
        let shown = |list: &[&str]| {
            let mut words: Vec<Redacted> = list.iter().map(|word| Redacted::new(word)).collect();
            hide_in_words(&mut words);
            words.iter().map(|word| word.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown(&["x", "--token", "entry1Pw"]), ["x", "--token", "(hidden, 8 characters)"]);
        assert_eq!(shown(&["curl", "-u", "a:entry1Pw", "h"]), ["curl", "-u", "a:(hidden, 8 characters)", "h"]);
        assert_eq!(shown(&["sh", "-c", "mysql -pentry1Pw"]), ["sh", "-c", "mysql -p(hidden, 8 characters)"]);
        assert_eq!(shown(&["app", "a \"b\"", "--port=1"]), ["app", "a \"b\"", "--port=1"]);
    }
}
