//! Where a repository is read: mirrors and rewritten places of `registries.conf`, hosts without TLS, and short names.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::client::{Client, Endpoint};
use super::error::{RegistryError, RegistryFault};
use crate::source::name::DOCKER_HUB;
use crate::source::{Process, Reference, registries_conf};

/// A place that may have a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Host and port.
    registry: String,
    repository: String,
    /// It may be spoken to without TLS.
    insecure: bool,
}

impl Candidate {
    pub(super) async fn endpoint(&self, client: &Client) -> Result<Endpoint, RegistryError> {
        // The API of Docker Hub has a host of its own.
        let authority = if self.registry == DOCKER_HUB { "registry-1.docker.io" } else { &self.registry };
        let scheme =
            if client.settings.offline || client.is_secure(authority, self.insecure).await? { "https" } else { "http" };
        let base = Url::parse(&format!("{scheme}://{authority}/v2/"))
            .map_err(|error| RegistryError::invalid(format!("`{authority}` is not an address ({error})")))?;
        Ok(Endpoint { base, registry: self.registry.clone(), repository: self.repository.clone() })
    }
}

/// containers-registries.conf(5), version 2.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    #[serde(rename = "unqualified-search-registries")]
    search: Vec<String>,
    #[serde(rename = "registry")]
    registries: Vec<Entry>,
    aliases: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Entry {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror: Vec<Mirror>,
    mirror_by_digest_only: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Mirror {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

fn set(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn config_home() -> Option<PathBuf> {
    set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))
}

/// All files as one. A file that is broken is an error, since a blocked registry must not be read by mistake.
fn read() -> Result<File, RegistryError> {
    let mut whole = File::default();
    for path in registries_conf::files(&Process) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            RegistryError::invalid(format!("{}:{line}: {}", path.display(), error.message()))
        })?;
        if !file.search.is_empty() {
            whole.search = file.search;
        }
        for entry in file.registries {
            let prefix =
                |entry: &Entry| if entry.prefix.is_empty() { entry.location.clone() } else { entry.prefix.clone() };
            whole.registries.retain(|other| prefix(other) != prefix(&entry));
            whole.registries.push(entry);
        }
        whole.aliases.extend(file.aliases);
    }
    Ok(whole)
}

/// Whether a prefix of `registries.conf` names a repository: a host, a part of the path, or `*.DOMAIN`. Its length is how
/// much it says.
fn matches(prefix: &str, name: &str) -> Option<usize> {
    if let Some(domain) = prefix.strip_prefix("*.") {
        let host = name.split('/').next().unwrap_or(name);
        let host = host.split(':').next().unwrap_or(host);
        return host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')).then_some(domain.len());
    }
    let rest = name.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then_some(prefix.len())
}

/// The places that may have the repository, in the order in which they are asked.
pub(super) fn candidates(reference: &Reference) -> Result<Vec<Candidate>, RegistryError> {
    let mut all = of_file(&read()?, reference)?;
    for candidate in &mut all {
        candidate.insecure |= docker_allows(&candidate.registry);
    }
    Ok(all)
}

fn of_file(file: &File, reference: &Reference) -> Result<Vec<Candidate>, RegistryError> {
    let name = reference.name();
    let own = |insecure| Candidate {
        registry: reference.registry().to_owned(),
        repository: reference.repository().to_owned(),
        insecure,
    };
    let best = file
        .registries
        .iter()
        .filter_map(|entry| {
            let prefix = if entry.prefix.is_empty() { &entry.location } else { &entry.prefix };
            Some((matches(prefix, &name)?, prefix, entry))
        })
        .max_by_key(|(length, ..)| *length);
    let Some((_, prefix, entry)) = best else { return Ok(vec![own(false)]) };
    if entry.blocked {
        return Err(RegistryError::new(
            RegistryFault::Denied,
            format!("{name} is blocked in registries.conf (prefix {prefix})"),
        ));
    }
    let rest = if prefix.starts_with("*.") { None } else { name.strip_prefix(prefix.as_str()) };
    let placed = |location: &str, insecure: bool| -> Option<Candidate> {
        let whole = format!("{location}{}", rest.unwrap_or_default());
        let (registry, repository) = whole.split_once('/')?;
        let registry = if registry == "registry-1.docker.io" { DOCKER_HUB } else { registry };
        Some(Candidate { registry: registry.to_owned(), repository: repository.to_owned(), insecure })
    };
    let by_digest = reference.digest().is_some();
    let mut all: Vec<Candidate> = entry
        .mirror
        .iter()
        .filter(|mirror| match mirror.pull_from_mirror.as_str() {
            "digest-only" => by_digest,
            "tag-only" => !by_digest,
            _ => by_digest || !entry.mirror_by_digest_only,
        })
        .filter_map(|mirror| placed(&mirror.location, mirror.insecure))
        .collect();
    let main = if entry.location.is_empty() || entry.location == *prefix || rest.is_none() {
        own(entry.insecure)
    } else {
        placed(&entry.location, entry.insecure).unwrap_or_else(|| own(entry.insecure))
    };
    all.push(main);
    Ok(all)
}

/// `insecure-registries` of Docker's daemon: a hint, its file may be unreadable.
fn docker_allows(registry: &str) -> bool {
    #[derive(Deserialize)]
    struct Daemon {
        #[serde(default, rename = "insecure-registries")]
        insecure: Vec<String>,
    }
    let files =
        [Some(PathBuf::from("/etc/docker/daemon.json")), config_home().map(|folder| folder.join("docker/daemon.json"))];
    files.into_iter().flatten().any(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str::<Daemon>(&text).is_ok_and(|daemon| daemon.insecure.iter().any(|host| host == registry))
    })
}

/// Directories with a directory of certificates for each host (containers-certs.d(5), and Docker's).
pub(super) fn certs_d() -> Vec<PathBuf> {
    let config = config_home();
    let home = set("HOME");
    let below = |folder: &Option<PathBuf>, rest: &str| folder.as_ref().map(|folder| folder.join(rest));
    [
        below(&config, "containers/certs.d"),
        Some("/etc/containers/certs.d".into()),
        Some("/etc/docker/certs.d".into()),
        below(&home, ".docker/certs.d"),
        below(&config, "docker/certs.d"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a short name stands for in `registries.conf`: an alias. None where it has none.
///
/// # Errors
/// When a file is broken.
pub fn short_name(name: &str) -> Result<Option<String>, RegistryError> {
    let file = read()?;
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let end = name[last..].find([':', '@']).map_or(name.len(), |at| last + at);
    let alias = file.aliases.get(&name[..end]).filter(|alias| !alias.is_empty());
    Ok(alias.map(|alias| format!("{alias}{}", &name[end..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_come_first_and_blocked_ones_not_at_all() {
        let file: File = toml::from_str(
            r#"
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            prefix = "docker.io"
            location = "docker.io"
            [[registry.mirror]]
            location = "mirror.local:5000/hub"
            insecure = true
            [[registry.mirror]]
            location = "digests.local"
            pull-from-mirror = "digest-only"
            [[registry]]
            prefix = "docker.io/library/secret"
            blocked = true
            [[registry]]
            prefix = "old.io/team"
            location = "new.io/group"
            [[registry]]
            prefix = "*.lan"
            insecure = true
            "#,
        )
        .unwrap_or_else(|error| panic!("{error}"));
        let places = |name: &str| {
            let reference = Reference::parse(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            of_file(&file, &reference).map(|all| {
                all.into_iter()
                    .map(|one| format!("{}/{} {}", one.registry, one.repository, one.insecure))
                    .collect::<Vec<_>>()
            })
        };
        let ok = |name: &str| places(name).unwrap_or_default();
        assert_eq!(ok("app:1"), ["mirror.local:5000/hub/library/app true", "docker.io/library/app false"]);
        assert_eq!(ok(&format!("app@sha256:{}", "0".repeat(64))).len(), 3);
        assert_eq!(ok("old.io/team/app"), ["new.io/group/app false"]);
        assert_eq!(ok("old.io/teams/app"), ["old.io/teams/app false"]);
        assert_eq!(ok("r.lan:5000/a"), ["r.lan:5000/a true"]);
        assert!(places("secret:2").is_err());
    }
}
