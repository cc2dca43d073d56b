//! How daemons and registries are asked, as settings have it; and the tags of a repository.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use explore::bytes::shown_text;
use explore::inspect::InspectError;
use explore::layer::Cache;
use explore::report::count;
use explore::settings::Settings;
use explore::source::registry::{self, Documents, Repository, Secret, Session};
use explore::source::{Access, Engine, Pull, Reference, RegistryError, RegistrySettings, SourceError, Sources};
use serde::Serialize;

use super::failure::Failure;
use super::output::{print, say, write_whole};

/// The longest password that is read.
const MAX_PASSWORD: u64 = 64 * 1024;

/// What settings say of daemons and registries. Manifests are cached in `cache`.
pub(super) fn access(settings: &Settings, cache: Option<Cache>) -> Result<Access, Failure> {
    let word = |key: &str| settings.word(key).and_then(|word| word.to_str()).unwrap_or_default();
    let documents = cache.map(|cache| Arc::new(cache) as Arc<dyn Documents>);
    Ok(Access {
        pull: match word("pull") {
            "always" => Pull::Always,
            "missing" => Pull::Missing,
            _ => Pull::Never,
        },
        sources: match word("source") {
            "registry" => Sources::Registry,
            "daemon" => Sources::Daemons,
            "docker" => Sources::Daemon(Engine::Docker),
            "podman" => Sources::Daemon(Engine::Podman),
            // `docker-archive` is the name that dive has for it.
            "file" | "docker-archive" => Sources::Files,
            _ => Sources::Any,
        },
        registry: RegistrySettings {
            plain_http: settings.words("plain-http"),
            insecure_tls: settings.words("insecure-tls"),
            ca: settings.path("ca").map(Into::into),
            login: login(settings)?,
            timeout: settings.number("timeout").filter(|seconds| *seconds > 0).map(Duration::from_secs),
            offline: settings.switch("offline"),
            session: Session::default(),
        },
        documents,
    })
}

/// A user of `--registry-user`, with the password of the variable, or of the file or standard input that is named. A
/// password is never an argument, which every process can read.
fn login(settings: &Settings) -> Result<Option<(String, Secret)>, Failure> {
    let Some(user) = settings.word("registry-user").and_then(|word| word.to_str()) else { return Ok(None) };
    let password = match settings.path("registry-password-file") {
        Some(file) => {
            let failed = |error| Failure::ReadFile { name: file.display().to_string(), error };
            let mut text = String::new();
            if file == std::path::Path::new("-") {
                std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut text).map_err(failed)?;
            } else {
                std::fs::File::open(file)
                    .and_then(|file| file.take(MAX_PASSWORD).read_to_string(&mut text))
                    .map_err(failed)?;
            }
            text
        }
        None => std::env::var("EXPLORE_REGISTRY_PASSWORD").map_err(|_| {
            Failure::Usage(
                "--registry-user needs a password: set EXPLORE_REGISTRY_PASSWORD, or name a file with \
                 --registry-password-file (`-` for standard input)"
                    .to_owned(),
            )
        })?,
    };
    let password = password.trim_end_matches(['\r', '\n']);
    Ok(Some((user.to_owned(), Secret::new(password))))
}

/// The repository that is meant when a registry's name has neither a tag nor a digest.
pub(super) fn repository_of(image: &OsStr) -> Option<Reference> {
    let name = image.to_str()?.strip_prefix("registry:")?.trim_start_matches("//");
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    Reference::parse(name).ok().filter(|_| !name[last..].contains([':', '@']))
}

/// The tags of a repository, for programs.
#[derive(Serialize)]
struct Listed<'a> {
    schema: u32,
    registry: &'a str,
    repository: &'a str,
    tags: &'a [String],
    signatures: usize,
    attestations: usize,
    sboms: usize,
    referrers: usize,
    incomplete: bool,
}

/// Lists the tags of a repository.
pub(super) fn list_tags(reference: &Reference, settings: &Settings) -> Result<ExitCode, Failure> {
    let access = access(settings, None)?;
    let failed = |error: RegistryError| Failure::from(InspectError::from(SourceError::from(error)));
    let client = registry::client(&access.registry).map_err(failed)?;
    let repository = Repository::find(&client, reference).map_err(failed)?;
    let tags = repository.tags(&mut |_| true).map_err(failed)?;
    match settings.path("json") {
        Some(file) => {
            let listed = Listed {
                schema: 1,
                registry: repository.registry(),
                repository: repository.name(),
                tags: &tags.names,
                signatures: tags.signatures,
                attestations: tags.attestations,
                sboms: tags.sboms,
                referrers: tags.referrers,
                incomplete: tags.incomplete,
            };
            let write = |out: &mut dyn std::io::Write| -> std::io::Result<()> {
                serde_json::to_writer(&mut *out, &listed)?;
                writeln!(out)
            };
            if file == std::path::Path::new("-") {
                print(|out| write(out))?;
            } else {
                write_whole(file, |out| write(out))?;
            }
        }
        None => print(|out| tags.names.iter().try_for_each(|tag| writeln!(out, "{}", shown_text(tag))))?,
    }
    let folded: Vec<String> = tags.folded().map(|(number, what)| count(number as u64, what)).collect();
    if !folded.is_empty() {
        say(&format!("explore: tags that are not listed: {}", folded.join(", ")));
    }
    if tags.incomplete {
        say("explore: there are more tags than were read");
    }
    if let Some(limit) = client.rate_limit() {
        say(&format!("explore: {}: {}", repository.registry(), limit.words()));
    }
    Ok(ExitCode::SUCCESS)
}
