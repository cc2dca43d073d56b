//! Which daemon is meant: the one that the user's `docker` or `podman` would talk to.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Whose daemon it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Engine {
    /// Docker, or what answers in its place.
    #[default]
    Docker,
    /// Podman.
    Podman,
}

impl Engine {
    /// As the JSON contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Where a daemon may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose it is.
    pub engine: Engine,
    /// How to reach it.
    pub address: Address,
    /// Who says so: `DOCKER_HOST`, `context desktop-linux`, `the usual socket`.
    pub told_by: String,
}

/// How to reach a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A named pipe of Windows, `//./pipe/NAME`.
    Pipe(String),
    /// `HOST:PORT`, and what TLS needs.
    Tcp(String, Option<Tls>),
    /// `ssh://[USER@]HOST[:PORT]`; for Podman with the socket's path.
    Ssh(String),
    /// No daemon runs; the command starts one.
    Command,
    /// What can't be reached from here.
    Unknown(String),
}

/// The files that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The private key.
    pub key: PathBuf,
    /// The certificate.
    pub cert: PathBuf,
    /// Who signed the daemon's.
    pub ca: PathBuf,
}

impl Tls {
    fn of(folder: &Path) -> Self {
        Self { key: folder.join("key.pem"), cert: folder.join("cert.pem"), ca: folder.join("ca.pem") }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Unix(path) => write!(out, "unix://{}", path.display()),
            Address::Pipe(path) => write!(out, "npipe://{path}"),
            Address::Tcp(host, tls) => write!(out, "tcp://{host}{}", if tls.is_some() { " (TLS)" } else { "" }),
            Address::Ssh(url) | Address::Unknown(url) => write!(out, "{url}"),
            Address::Command => write!(out, "`{} system service`", self.engine.name()),
        }?;
        write!(out, ", {}", self.told_by)
    }
}

/// What is read of the user's surroundings; tests put their own in place.
pub trait Surroundings {
    /// A variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<String>;
    /// A file's text.
    fn text(&self, path: &Path) -> Option<String>;
    /// Whether something is there.
    fn exists(&self, path: &Path) -> bool;
    /// Whether a command can be run.
    fn has_command(&self, name: &str) -> bool;
}

/// The real ones.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn text(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn has_command(&self, name: &str) -> bool {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
    }
}

/// What Docker names a context's folders by.
fn hex_sha256(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn home(around: &dyn Surroundings) -> PathBuf {
    let variable = around.variable("HOME").or_else(|| around.variable("USERPROFILE").filter(|_| cfg!(windows)));
    variable.map(PathBuf::from).unwrap_or_default()
}

fn address(text: &str, tls: Option<Tls>) -> Address {
    if let Some(path) = text.strip_prefix("unix://") {
        return Address::Unix(path.into());
    }
    if let Some(path) = text.strip_prefix("npipe://") {
        return Address::Pipe(path.replace('\\', "/"));
    }
    if text.starts_with('/') {
        return Address::Unix(text.into());
    }
    for scheme in ["tcp://", "http://", "https://"] {
        if let Some(host) = text.strip_prefix(scheme) {
            let host = host.trim_end_matches('/').to_owned();
            // The port that Docker listens on, with TLS and without.
            let port = if tls.is_some() { 2376 } else { 2375 };
            let host = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
                host
            } else {
                format!("{host}:{port}")
            };
            return Address::Tcp(host, tls);
        }
    }
    if text.starts_with("ssh://") { Address::Ssh(text.to_owned()) } else { Address::Unknown(text.to_owned()) }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    current_context: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMeta {
    #[serde(default)]
    endpoints: std::collections::BTreeMap<String, ContextEndpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    #[serde(default)]
    host: String,
}

/// Docker's, in the order in which they are tried: what the user set is the only one; else the usual sockets.
pub(super) fn docker(around: &dyn Surroundings) -> Vec<Endpoint> {
    let one = |address, told_by: String| vec![Endpoint { engine: Engine::Docker, address, told_by }];
    let config = around.variable("DOCKER_CONFIG").map_or_else(|| home(around).join(".docker"), PathBuf::from);
    if let Some(host) = around.variable("DOCKER_HOST") {
        // Any value switches TLS on, as Docker's own client has it.
        let folder = around.variable("DOCKER_CERT_PATH").map_or_else(|| config.clone(), PathBuf::from);
        let tls =
            around.variable("DOCKER_TLS_VERIFY").or_else(|| around.variable("DOCKER_TLS")).map(|_| Tls::of(&folder));
        return one(address(&host, tls), "as DOCKER_HOST says".to_owned());
    }
    let current = || {
        let text = around.text(&config.join("config.json"))?;
        serde_json::from_str::<DockerConfig>(&text).ok()?.current_context
    };
    let context = around.variable("DOCKER_CONTEXT").map(|name| (name, "DOCKER_CONTEXT"));
    let context = context.or_else(|| current().filter(|name| !name.is_empty()).map(|name| (name, "config.json")));
    if let Some((name, by)) = context.filter(|(name, _)| name != "default") {
        let hex = hex_sha256(&name);
        let meta = around.text(&config.join("contexts/meta").join(&hex).join("meta.json"));
        let host = meta.and_then(|text| serde_json::from_str::<ContextMeta>(&text).ok());
        let host =
            host.and_then(|meta| Some(meta.endpoints.get("docker")?.host.clone())).filter(|host| !host.is_empty());
        let told = format!("as context {name} says, which {by} names");
        let Some(host) = host else {
            let what = format!("context {name}");
            return one(Address::Unknown(what), format!("which {by} names, and which is not there"));
        };
        let folder = config.join("contexts/tls").join(&hex).join("docker");
        let tls = around.exists(&folder.join("ca.pem")).then(|| Tls::of(&folder));
        return one(address(&host, tls), told);
    }
    if cfg!(windows) {
        return pipes(Engine::Docker, &["docker_engine", "dockerDesktopLinuxEngine"]);
    }
    let home = home(around);
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    sockets.extend(around.variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("docker.sock")));
    let below_home = [
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
        ".colima/docker.sock",
        ".rd/docker.sock",
        ".orbstack/run/docker.sock",
        ".lima/docker/sock/docker.sock",
    ];
    sockets.extend(below_home.iter().map(|socket| home.join(socket)));
    let mut found: Vec<Endpoint> = Vec::new();
    for (place, socket) in sockets.into_iter().enumerate() {
        // The first is always tried: that it is absent is what the user has to know.
        if place == 0 || around.exists(&socket) {
            found.push(Endpoint {
                engine: Engine::Docker,
                address: Address::Unix(socket),
                told_by: "the usual socket".to_owned(),
            });
        }
    }
    if found.len() > 1 && !around.exists(Path::new("/var/run/docker.sock")) {
        found.remove(0);
    }
    found
}

/// The pipes where an engine listens on Windows.
fn pipes(engine: Engine, names: &[&str]) -> Vec<Endpoint> {
    let address = |name: &&str| Address::Pipe(format!("//./pipe/{name}"));
    names.iter().map(|name| Endpoint { engine, address: address(name), told_by: "the usual pipe".to_owned() }).collect()
}

#[derive(Debug, Default, Deserialize)]
struct Connections {
    #[serde(default, rename = "Connection")]
    connection: ConnectionList,
}

#[derive(Debug, Default, Deserialize)]
struct ConnectionList {
    #[serde(default, rename = "Default")]
    default: String,
    #[serde(default, rename = "Connections")]
    connections: std::collections::BTreeMap<String, Connection>,
}

#[derive(Debug, Default, Deserialize)]
struct Connection {
    #[serde(default, alias = "URI")]
    uri: String,
}

#[derive(Debug, Default, Deserialize)]
struct ContainersConf {
    #[serde(default)]
    engine: EngineConf,
}

#[derive(Debug, Default, Deserialize)]
struct EngineConf {
    #[serde(default)]
    active_service: String,
    #[serde(default)]
    service_destinations: std::collections::BTreeMap<String, Connection>,
}

/// Podman's, in the order in which they are tried; at last the command, which starts a service for the time needed.
pub(super) fn podman(around: &dyn Surroundings) -> Vec<Endpoint> {
    let endpoint = |address, told_by: String| Endpoint { engine: Engine::Podman, address, told_by };
    if let Some(host) = around.variable("CONTAINER_HOST") {
        return vec![endpoint(address(&host, None), "as CONTAINER_HOST says".to_owned())];
    }
    let home = home(around);
    let config =
        around.variable("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from).join("containers");
    let connections = around.text(&config.join("podman-connections.json"));
    let connections = connections.and_then(|text| serde_json::from_str::<Connections>(&text).ok()).unwrap_or_default();
    let conf = [config.join("containers.conf"), PathBuf::from("/etc/containers/containers.conf")];
    let conf =
        conf.iter().find_map(|path| toml::from_str::<ContainersConf>(&around.text(path)?).ok()).unwrap_or_default();
    let named = |name: &str| {
        let known = connections.connection.connections.get(name).or_else(|| conf.engine.service_destinations.get(name));
        known.map(|connection| connection.uri.clone()).filter(|uri| !uri.is_empty())
    };
    if let Some(name) = around.variable("CONTAINER_CONNECTION") {
        let address =
            named(&name).map_or_else(|| Address::Unknown(format!("connection {name}")), |uri| address(&uri, None));
        return vec![endpoint(address, format!("as CONTAINER_CONNECTION says ({name})"))];
    }
    let mut found = Vec::new();
    for (name, by) in
        [(&connections.connection.default, "podman-connections.json"), (&conf.engine.active_service, "containers.conf")]
    {
        if let Some(uri) = named(name) {
            found.push(endpoint(address(&uri, None), format!("as {by} says ({name})")));
        }
    }
    if cfg!(windows) {
        found.extend(pipes(Engine::Podman, &["podman-machine-default"]));
        return found;
    }
    let mut sockets: Vec<PathBuf> = Vec::new();
    sockets.extend(around.variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("podman/podman.sock")));
    sockets.push("/run/podman/podman.sock".into());
    sockets.push(home.join(".local/share/containers/podman/machine/podman.sock"));
    sockets.push(home.join(".local/share/containers/podman/machine/qemu/podman.sock"));
    for socket in sockets.into_iter().filter(|socket| around.exists(socket)) {
        found.push(endpoint(Address::Unix(socket), "the usual socket".to_owned()));
    }
    if around.has_command("podman") {
        found.push(endpoint(Address::Command, "started for the time needed".to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[derive(Default)]
    struct Fake {
        variables: HashMap<&'static str, &'static str>,
        files: HashMap<PathBuf, String>,
        podman: bool,
    }

    impl Surroundings for Fake {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.get(name).map(|value| (*value).to_owned())
        }
        fn text(&self, path: &Path) -> Option<String> {
            self.files.get(path).cloned()
        }
        fn exists(&self, path: &Path) -> bool {
            self.files.contains_key(path)
        }
        fn has_command(&self, _: &str) -> bool {
            self.podman
        }
    }

    fn fake(variables: &[(&'static str, &'static str)], files: &[(&str, &str)]) -> Fake {
        let mut variables: HashMap<_, _> = variables.iter().copied().collect();
        variables.entry("HOME").or_insert("/home/u");
        let files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        Fake { variables, files, podman: false }
    }

    fn told(endpoints: &[Endpoint]) -> Vec<String> {
        endpoints.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn docker_is_where_dockers_own_client_looks() {
        let real = hex_sha256("remote");
        let meta = format!("/home/u/.docker/contexts/meta/{real}/meta.json");
        let ca = format!("/home/u/.docker/contexts/tls/{real}/docker/ca.pem");
        let host = r#"{"Name":"remote","Endpoints":{"docker":{"Host":"tcp://h:1"}}}"#;
        let config = ("/home/u/.docker/config.json", r#"{"currentContext":"remote"}"#);
        let cases: Vec<(Fake, Vec<&str>)> = vec![
            (
                fake(&[("DOCKER_HOST", "unix:///x.sock"), ("DOCKER_CONTEXT", "remote")], &[]),
                vec!["unix:///x.sock, as DOCKER_HOST says"],
            ),
            (fake(&[("DOCKER_HOST", "tcp://h")], &[]), vec!["tcp://h:2375, as DOCKER_HOST says"]),
            (
                fake(&[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "1")], &[]),
                vec!["tcp://h:2376 (TLS), as DOCKER_HOST says"],
            ),
            (fake(&[("DOCKER_HOST", "ssh://u@h")], &[]), vec!["ssh://u@h, as DOCKER_HOST says"]),
            (
                fake(&[("DOCKER_CONTEXT", "remote")], &[(&meta, host)]),
                vec!["tcp://h:1, as context remote says, which DOCKER_CONTEXT names"],
            ),
            (
                fake(&[], &[config, (&meta, host), (&ca, "")]),
                vec!["tcp://h:1 (TLS), as context remote says, which config.json names"],
            ),
            (
                fake(&[("DOCKER_CONTEXT", "gone")], &[]),
                vec!["context gone, which DOCKER_CONTEXT names, and which is not there"],
            ),
            (fake(&[("DOCKER_CONTEXT", "default")], &[config]), vec!["unix:///var/run/docker.sock, the usual socket"]),
            (fake(&[], &[]), vec!["unix:///var/run/docker.sock, the usual socket"]),
            (
                fake(
                    &[("XDG_RUNTIME_DIR", "/run/user/5")],
                    &[("/run/user/5/docker.sock", ""), ("/home/u/.colima/default/docker.sock", "")],
                ),
                vec![
                    "unix:///run/user/5/docker.sock, the usual socket",
                    "unix:///home/u/.colima/default/docker.sock, the usual socket",
                ],
            ),
        ];
        for (around, want) in cases {
            assert_eq!(told(&docker(&around)), want);
        }
    }

    #[test]
    fn podman_is_where_podman_looks() {
        let connections = (
            "/home/u/.config/containers/podman-connections.json",
            r#"{"Connection":{"Default":"m","Connections":{"m":{"URI":"ssh://c@h:22/run/p.sock"}}}}"#,
        );
        let conf = (
            "/etc/containers/containers.conf",
            "[engine]\nactive_service = 'x'\n[engine.service_destinations.x]\nuri = 'unix:///x.sock'\n",
        );
        let socket = ("/run/podman/podman.sock", "");
        let command = Fake { podman: true, ..fake(&[], &[socket]) };
        let cases: Vec<(Fake, Vec<&str>)> = vec![
            (fake(&[("CONTAINER_HOST", "unix:///c.sock")], &[socket]), vec!["unix:///c.sock, as CONTAINER_HOST says"]),
            (
                fake(&[("CONTAINER_CONNECTION", "m")], &[connections]),
                vec!["ssh://c@h:22/run/p.sock, as CONTAINER_CONNECTION says (m)"],
            ),
            (fake(&[], &[connections]), vec!["ssh://c@h:22/run/p.sock, as podman-connections.json says (m)"]),
            (fake(&[], &[conf]), vec!["unix:///x.sock, as containers.conf says (x)"]),
            (
                command,
                vec![
                    "unix:///run/podman/podman.sock, the usual socket",
                    "`podman system service`, started for the time needed",
                ],
            ),
            (fake(&[], &[]), vec![]),
        ];
        for (around, want) in cases {
            assert_eq!(told(&podman(&around)), want);
        }
    }
}
