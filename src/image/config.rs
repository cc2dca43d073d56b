use std::collections::BTreeMap;

use serde::Deserialize;

use super::history::HistoryRow;
use super::manifest::or_default;
use super::secret::HiddenSecret;
use super::{Digest, Platform};

/// The fields of an image config that are shown (OCI image spec, "Image Configuration").
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Config {
    /// When the image was built, as written.
    pub created: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    variant: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    rootfs: RootFs,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) history: Vec<HistoryRow>,
    /// How containers of it are started.
    #[serde(default, deserialize_with = "or_default", rename = "config")]
    pub run: Run,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<String>,
}

/// How containers are started.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Run {
    /// User and group.
    #[serde(default, deserialize_with = "or_default")]
    pub user: String,
    /// `NAME=value`.
    #[serde(default, deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// What is started.
    #[serde(default, deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// Its arguments.
    #[serde(default, deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// Where.
    #[serde(default, deserialize_with = "or_default")]
    pub working_dir: String,
    /// Labels.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end.
    #[serde(default, deserialize_with = "or_default")]
    pub stop_signal: String,
    /// The shell of instructions that are no list.
    #[serde(default, deserialize_with = "or_default")]
    pub shell: Vec<String>,
    /// Instructions for images that are built on it.
    #[serde(default, deserialize_with = "or_default")]
    pub on_build: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    volumes: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    healthcheck: Healthcheck,
    /// Secrets that `env` held; their values are masked there.
    #[serde(skip)]
    pub secrets: Vec<HiddenSecret>,
}

/// How a container's health is found out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    #[serde(default, deserialize_with = "or_default")]
    test: Vec<String>,
}

impl Run {
    /// Directories whose data outlives the container.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.volumes.keys().map(String::as_str)
    }

    /// `PORT/PROTOCOL`.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.exposed_ports.keys().map(String::as_str)
    }

    /// The command that finds out a container's health, `CMD` or `CMD-SHELL` first.
    pub fn healthcheck(&self) -> &[String] {
        &self.healthcheck.test
    }
}

impl Config {
    /// What the config says it runs on; Linux where it does not say.
    pub fn platform(&self) -> Platform {
        let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        Platform {
            os: or(&self.os, "linux"),
            architecture: or(&self.architecture, "unknown"),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        }
    }

    /// Digests of the uncompressed layers, the base first; None for one that is malformed.
    pub fn diff_ids(&self) -> Vec<Option<Digest>> {
        self.rootfs.diff_ids.iter().map(|text| Digest::parse(text)).collect()
    }

    /// A config put together from what a daemon says.
    pub(super) fn told(
        created: Option<String>,
        os: String,
        architecture: String,
        variant: Option<String>,
        run: serde_json::Value,
    ) -> Self {
        let run = serde_json::from_value(run).unwrap_or_default();
        Self { created, os, architecture, variant, run, ..Self::default() }
    }

    /// A config put together from the `json` files of an archive that is older than configs.
    pub(super) fn ancient(created: Option<String>, architecture: String, os: String, rows: Vec<HistoryRow>) -> Self {
        Self { created, os, architecture, history: rows, ..Self::default() }
    }
}
