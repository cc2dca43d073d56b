use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::history::HistoryRow;
use super::manifest::or_default;
use super::{Digest, Platform};
use crate::secret::{HiddenSecret, Redacted, hide_in_words, seal};

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
    #[serde(default, deserialize_with = "variables")]
    pub env: Vec<Redacted>,
    /// What is started.
    #[serde(default, deserialize_with = "words")]
    pub entrypoint: Vec<Redacted>,
    /// Its arguments.
    #[serde(default, deserialize_with = "words")]
    pub cmd: Vec<Redacted>,
    /// Where.
    #[serde(default, deserialize_with = "or_default")]
    pub working_dir: String,
    /// Labels.
    #[serde(default, deserialize_with = "named")]
    pub labels: BTreeMap<String, Redacted>,
    /// The signal that asks it to end.
    #[serde(default, deserialize_with = "or_default")]
    pub stop_signal: String,
    /// The shell of instructions that are no list.
    #[serde(default, deserialize_with = "words")]
    pub shell: Vec<Redacted>,
    /// Instructions for images that are built on it.
    #[serde(default, deserialize_with = "or_default")]
    pub on_build: Vec<Redacted>,
    #[serde(default, deserialize_with = "or_default")]
    volumes: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    healthcheck: Healthcheck,
}

/// `NAME=value` lines.
fn variables<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<Redacted>, D::Error> {
    Ok(or_default::<D, Vec<String>>(value)?.iter().map(|line| Redacted::variable(line)).collect())
}

/// The words of one command.
fn words<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<Redacted>, D::Error> {
    let mut words: Vec<Redacted> = or_default(value)?;
    hide_in_words(&mut words);
    Ok(words)
}

/// Values whose names say what they are.
pub(super) fn named<'de, D: Deserializer<'de>>(value: D) -> Result<BTreeMap<String, Redacted>, D::Error> {
    let pairs = or_default::<D, BTreeMap<String, String>>(value)?.into_iter();
    Ok(pairs.map(|(name, value)| (Redacted::named(&name, &value), name)).map(|(value, name)| (name, value)).collect())
}

/// How a container's health is found out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    #[serde(default, deserialize_with = "words")]
    test: Vec<Redacted>,
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
    pub fn healthcheck(&self) -> &[Redacted] {
        &self.healthcheck.test
    }
}

impl Run {
    /// Secrets of the config: the instruction that sets them, the text that holds them, and what they are.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, String, &HiddenSecret)> {
        let lists = [
            ("ENV", &self.env[..]),
            ("ENTRYPOINT", &self.entrypoint),
            ("CMD", &self.cmd),
            ("HEALTHCHECK", self.healthcheck()),
            ("ONBUILD", &self.on_build),
            ("SHELL", &self.shell),
        ];
        let labels = self.labels.iter().map(|(name, text)| ("LABEL", format!("{name}={text}"), text));
        let lists =
            lists.into_iter().flat_map(|(word, list)| list.iter().map(move |text| (word, text.to_string(), text)));
        let all = lists.chain(labels);
        all.flat_map(|(word, shown, text)| text.secrets().iter().map(move |secret| (word, shown.clone(), secret)))
    }
}

impl Config {
    /// Hides in every text of an image what any of them shows to be secret; `others` are texts that are not part of the config.
    pub(super) fn seal<'t>(&'t mut self, others: impl Iterator<Item = &'t mut Redacted>) {
        let run = &mut self.run;
        // The command is more words for the entry point.
        hide_in_words(run.entrypoint.iter_mut().chain(&mut run.cmd));
        let lists = [&mut run.env, &mut run.entrypoint, &mut run.cmd, &mut run.shell, &mut run.on_build];
        let lists = lists.into_iter().flatten().chain(&mut run.healthcheck.test);
        let rows = self.history.iter_mut().flat_map(|row| [&mut row.created_by, &mut row.comment]).flatten();
        seal(lists.chain(run.labels.values_mut()).chain(rows).chain(others));
    }

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

    /// A config put together from what an engine says.
    pub(super) fn described(
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
