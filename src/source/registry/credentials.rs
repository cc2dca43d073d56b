//! Credentials as Docker and Podman store them: files, helpers, and the keys in them.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::super::name::DOCKER_HUB;

/// How long a credential helper may take.
const HELPER_TIME: Duration = Duration::from_secs(60);
/// Bytes of a helper's output, and of a file of credentials.
const MAX_OUTPUT: u64 = 1024 * 1024;
/// The key of Docker Hub's credentials.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A password or token. It is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a registry is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// A user and a password.
    Basic(String, Secret),
    /// Exchanged for a token (OAuth 2.0, RFC 6749, section 6).
    Identity(Secret),
    /// Sent as it is.
    Bearer(Secret),
}

/// The credentials for one repository, and where they were found or looked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) login: Option<Login>,
    /// File and key, or helper, that they are from.
    pub(super) from: String,
    /// Where was looked.
    pub(super) looked: Vec<String>,
    /// Files and helpers that could not be used.
    pub(super) notes: Vec<String>,
}

/// The variables and the home directory that say where to look.
pub(super) struct Places<'a> {
    pub(super) var: &'a dyn Fn(&str) -> Option<String>,
    /// Credentials given by flags and variables of this program.
    pub(super) given: Option<(String, Secret)>,
    /// True once nobody waits any more.
    pub(super) stopped: &'a dyn Fn() -> bool,
}

/// A file of credentials, and whether it is Podman's.
struct CredentialFile {
    path: PathBuf,
    legacy: bool,
}

impl Places<'_> {
    fn set(&self, name: &str) -> Option<String> {
        (self.var)(name).filter(|value| !value.is_empty())
    }

    /// Podman's files first, then Docker's (containers-auth.json(5)).
    fn files(&self) -> Vec<CredentialFile> {
        let mut files = Vec::new();
        let mut add = |path: PathBuf, legacy: bool| {
            if !files.iter().any(|file: &CredentialFile| file.path == path) {
                files.push(CredentialFile { path, legacy });
            }
        };
        let home = self.set("HOME").map(PathBuf::from);
        if let Some(file) = self.set("REGISTRY_AUTH_FILE") {
            add(file.into(), false);
        }
        if cfg!(target_os = "linux")
            && let Some(folder) = self.set("XDG_RUNTIME_DIR")
        {
            add(Path::new(&folder).join("containers/auth.json"), false);
        }
        let config = self.set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".config")));
        if let Some(folder) = config {
            add(folder.join("containers/auth.json"), false);
        }
        let docker = self.set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".docker")));
        if let Some(folder) = docker {
            add(folder.join("config.json"), false);
        }
        if let Some(home) = home {
            add(home.join(".dockercfg"), true);
        }
        files
    }

    /// Looks for the credentials of a repository: the first that match.
    pub(super) fn find(&self, registry: &str, repository: &str) -> Found {
        let mut found = Found::default();
        if let Some((user, password)) = &self.given {
            found.login = Some(Login::Basic(user.clone(), password.clone()));
            found.from = "--registry-user".to_owned();
            return found;
        }
        let keys = Keys::of(registry, repository);
        if let Some(text) = self.set("DOCKER_AUTH_CONFIG") {
            self.look_in("DOCKER_AUTH_CONFIG", &text, false, &keys, &mut found);
        }
        for file in self.files() {
            if found.login.is_some() {
                break;
            }
            let name = file.path.display().to_string();
            match read_file(&file.path) {
                Ok(text) => self.look_in(&name, &text, file.legacy, &keys, &mut found),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => found.notes.push(format!("{name} cannot be read: {error}")),
            }
        }
        found
    }

    fn look_in(&self, name: &str, text: &str, legacy: bool, keys: &Keys, found: &mut Found) {
        // Editors of Windows begin files with a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        let file = match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(file)) => file,
            // serde_json quotes no content of a document that it does not understand.
            Ok(_) => return found.notes.push(format!("{name} is not a JSON object")),
            Err(_) if text.trim().is_empty() => return,
            Err(error) => {
                return found.notes.push(format!(
                    "{name} is not JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ));
            }
        };
        found.looked.push(name.to_owned());
        let none = Map::new();
        let table = |key: &str| file.get(key).and_then(Value::as_object).unwrap_or(&none);
        let helpers = table("credHelpers");
        if let Some((key, helper)) = keys.all.iter().find_map(|key| Some((key, helpers.get(key)?.as_str()?))) {
            return self.ask(name, helper, keys.server(key), found);
        }
        let entries = if legacy { &file } else { table("auths") };
        for key in &keys.all {
            let matching = entries.iter().find(|(own, _)| normal_key(own) == *key);
            let Some(entry) = matching.and_then(|(_, entry)| entry.as_object()) else { continue };
            match login_of(entry) {
                Ok(Some(login)) => {
                    (found.login, found.from) = (Some(login), format!("{name}, key {key}"));
                    return;
                }
                Ok(None) => {}
                Err(problem) => found.notes.push(format!("{name}, key {key}: {problem}")),
            }
        }
        if let Some(store) = file.get("credsStore").and_then(Value::as_str).filter(|store| !store.is_empty()) {
            self.ask(name, store, keys.server(&keys.host), found);
        }
    }

    fn ask(&self, name: &str, helper: &str, server: &str, found: &mut Found) {
        let program = format!("docker-credential-{helper}");
        found.looked.push(program.clone());
        match run_helper(&program, helper, server, self.stopped) {
            Ok(Some(login)) => (found.login, found.from) = (Some(login), format!("{program}, named in {name}")),
            Ok(None) => {}
            Err(problem) => found.notes.push(format!("{program}, named in {name}: {problem}")),
        }
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_OUTPUT).read_to_string(&mut text)?;
    Ok(text)
}

/// The keys that a repository's credentials may have, the most specific first.
struct Keys {
    host: String,
    all: Vec<String>,
}

impl Keys {
    fn of(registry: &str, repository: &str) -> Self {
        let mut all = Vec::new();
        let mut path = Some(repository);
        while let Some(own) = path {
            all.push(format!("{registry}/{own}"));
            path = own.rsplit_once('/').map(|(above, _)| above);
        }
        all.push(registry.to_owned());
        Self { host: registry.to_owned(), all }
    }

    /// What a helper is asked for.
    fn server<'k>(&self, key: &'k str) -> &'k str {
        if key == DOCKER_HUB { HUB_KEY } else { key }
    }
}

/// A key without what old clients add to it. Docker Hub has several names.
fn normal_key(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let key = match bare {
        // Only with a scheme are these parts of an address; without one they may be parts of a repository.
        Some(bare) => {
            let bare = bare.trim_end_matches('/');
            bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare)
        }
        None => key.trim_end_matches('/'),
    };
    let (host, path) = key.split_once('/').map_or((key, None), |(host, path)| (host, Some(path)));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        host => host.to_ascii_lowercase(),
    };
    match path {
        Some("v1" | "v2") if host == DOCKER_HUB => host,
        Some(path) => format!("{host}/{path}"),
        None => host,
    }
}

/// Padding is optional, and some writers get its last bits wrong.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The credentials of one entry of `auths`; None of an empty one.
fn login_of(entry: &Map<String, Value>) -> Result<Option<Login>, &'static str> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Login::Identity(Secret::new(token))));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Login::Bearer(Secret::new(token))));
    }
    if let Some(auth) = text("auth") {
        let bytes = LENIENT.decode(auth.trim()).map_err(|_| "`auth` is not base64")?;
        let decoded = String::from_utf8(bytes).map_err(|_| "`auth` is not text")?;
        let (user, password) = decoded.split_once(':').ok_or("`auth` has no colon between user and password")?;
        return Ok(Some(basic(user, password.trim_end_matches('\0'))));
    }
    Ok(match (text("username"), text("password")) {
        (Some(user), Some(password)) => Some(basic(user, password)),
        _ => None,
    })
}

/// Azure's and others' user of zeros stands for an identity token only when a helper or `identitytoken` says so.
fn basic(user: &str, password: &str) -> Login {
    if user == "<token>" {
        return Login::Identity(Secret::new(password));
    }
    Login::Basic(user.to_owned(), Secret::new(password))
}

/// Kills a helper and its children.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Asks a credential helper (docker-credential-helpers, `get`); None when it has nothing for the server.
fn run_helper(program: &str, helper: &str, server: &str, stopped: &dyn Fn() -> bool) -> Result<Option<Login>, String> {
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("that is not the name of a helper".to_owned());
    }
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "it is not installed".to_owned(),
        _ => format!("it cannot be started: {error}"),
    })?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that knows one server only may not read it.
        let _ = input.write_all(server.as_bytes());
    }
    let (sender, outputs) = mpsc::channel();
    let streams: [(usize, Option<Box<dyn io::Read + Send>>); 2] = [
        (0, child.stdout.take().map(|stream| Box::new(stream) as Box<dyn io::Read + Send>)),
        (1, child.stderr.take().map(|stream| Box::new(stream) as Box<dyn io::Read + Send>)),
    ];
    for (which, stream) in streams {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(stream) = stream {
                let _ = stream.take(MAX_OUTPUT).read_to_end(&mut bytes);
            }
            let _ = sender.send((which, bytes));
        });
    }
    drop(sender);
    let since = Instant::now();
    let mut texts: [Option<Vec<u8>>; 2] = [None, None];
    let status = loop {
        while let Ok((which, bytes)) = outputs.try_recv() {
            texts[which] = Some(bytes);
        }
        if let Ok(Some(status)) = child.try_wait() {
            break status;
        }
        if stopped() {
            kill(&mut child);
            return Err("stopped".to_owned());
        }
        if since.elapsed() > HELPER_TIME {
            kill(&mut child);
            return Err(format!("it has not answered within {} seconds", HELPER_TIME.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    // A child that it left behind may keep the pipes open.
    while texts.iter().any(Option::is_none) {
        match outputs.recv_timeout(Duration::from_millis(500)) {
            Ok((which, bytes)) => texts[which] = Some(bytes),
            Err(_) => break,
        }
    }
    let [output, complaint] = texts.map(Option::unwrap_or_default);
    let output = String::from_utf8_lossy(&output).into_owned();
    if !status.success() {
        if output.contains("credentials not found") || output.contains("not found in native keychain") {
            return Ok(None);
        }
        let complaint = String::from_utf8_lossy(&complaint).into_owned();
        let words = if complaint.trim().is_empty() { &output } else { &complaint };
        let line: String = words.trim().lines().next().unwrap_or("it says nothing").chars().take(200).collect();
        return Err(format!("it failed ({status}): {}", crate::bytes::shown_text(&line)));
    }
    // What it prints may be a secret, so no error quotes it.
    let answer: Map<String, Value> = serde_json::from_str(&output).map_err(|_| "its answer is not JSON".to_owned())?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let (user, secret) = (text("Username"), text("Secret"));
    if secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(basic(user, secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(files: &[(&str, &str)], registry: &str, repository: &str) -> Found {
        let home = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        for (name, text) in files {
            let path = home.path().join(name);
            let _ = path.parent().map(fs::create_dir_all);
            let _ = fs::write(path, text);
        }
        let var = |name: &str| (name == "HOME").then(|| home.path().display().to_string());
        Places { var: &var, given: None, stopped: &|| false }.find(registry, repository)
    }

    fn basic_login(user: &str, password: &str) -> Option<Login> {
        Some(Login::Basic(user.to_owned(), Secret::new(password)))
    }

    #[test]
    fn the_most_specific_key_and_never_another_host() {
        let file = r#"{"auths": {
            "reg.io": {"auth": "aG9zdDpw"}, "reg.io/team": {"auth": "dGVhbTpw"}, "reg.io:5000": {"auth": "cG9ydDpw"},
            "https://index.docker.io/v1/": {"username": "hub", "password": "p:w"}, "empty.io": {},
            "https://old.io/v2/": {"auth": "b2xkOnA"}, "id.io": {"auth": "dTpw", "identitytoken": "tok"}
        }}"#;
        for (registry, repository, want) in [
            ("reg.io", "other/app", basic_login("host", "p")),
            ("reg.io", "team/app", basic_login("team", "p")),
            ("reg.io", "teams/app", basic_login("host", "p")),
            ("reg.io:5000", "team/app", basic_login("port", "p")),
            ("eg.io", "team/app", None),
            ("docker.io", "library/app", basic_login("hub", "p:w")),
            ("empty.io", "a", None),
            ("old.io", "a", basic_login("old", "p")),
            ("id.io", "a", Some(Login::Identity(Secret::new("tok")))),
        ] {
            for name in [".docker/config.json", ".config/containers/auth.json"] {
                assert_eq!(find(&[(name, file)], registry, repository).login, want, "{registry}/{repository}");
            }
        }
    }

    #[test]
    fn a_broken_file_is_a_note() {
        let found = find(
            &[
                (".config/containers/auth.json", "{\"auths\": {\"reg.io\": \"hunter2"),
                (".docker/config.json", r#"{"auths": {"reg.io": {"auth": "!"}}}"#),
                (".dockercfg", r#"{"reg.io": {"auth": "dTpwAA=="}}"#),
            ],
            "reg.io",
            "a",
        );
        assert_eq!(found.login, basic_login("u", "p"));
        assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
        assert!(!format!("{found:?}").contains("hunter2"));
    }
}
