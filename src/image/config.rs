use std::collections::BTreeMap;

use super::history::HistoryRow;
use super::json::{Document, Object};
use super::{Digest, Platform};
use crate::secret::{HiddenSecret, Redacted, hide_in_words, seal};

/// The fields of an image config that are shown (OCI image spec, "Image Configuration").
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// When the image was built, as written.
    pub created: Option<String>,
    os: String,
    architecture: String,
    variant: Option<String>,
    diff_ids: Vec<String>,
    pub(super) history: Vec<HistoryRow>,
    /// How containers of it are started.
    pub run: Run,
}

/// How containers are started.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// User and group.
    pub user: String,
    /// `NAME=value`.
    pub env: Vec<Redacted>,
    /// What is started.
    pub entrypoint: Vec<Redacted>,
    /// Its arguments.
    pub cmd: Vec<Redacted>,
    /// Where.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, Redacted>,
    /// The signal that asks it to end.
    pub stop_signal: String,
    /// The shell of instructions that are not a list.
    pub shell: Vec<Redacted>,
    /// Instructions for images that are built on it.
    pub on_build: Vec<Redacted>,
    volumes: Vec<String>,
    exposed_ports: Vec<String>,
    healthcheck: Vec<Redacted>,
}

impl Run {
    fn read(object: &Object<'_>) -> Self {
        Self {
            user: object.text_or_empty("User"),
            env: object.texts("Env").iter().map(|line| Redacted::variable(line)).collect(),
            entrypoint: words(&object.texts("Entrypoint")),
            cmd: words(&object.texts("Cmd")),
            working_dir: object.text_or_empty("WorkingDir"),
            labels: named(object.texts_by_key("Labels")),
            stop_signal: object.text_or_empty("StopSignal"),
            shell: words(&object.texts("Shell")),
            on_build: object.texts("OnBuild").iter().map(|text| Redacted::new(text)).collect(),
            volumes: object.keys("Volumes"),
            exposed_ports: object.keys("ExposedPorts"),
            healthcheck: object.child("Healthcheck").map(|check| words(&check.texts("Test"))).unwrap_or_default(),
        }
    }

    /// Directories whose data outlives the container.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.volumes.iter().map(String::as_str)
    }

    /// `PORT/PROTOCOL`.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.exposed_ports.iter().map(String::as_str)
    }

    /// The command that finds out a container's health, `CMD` or `CMD-SHELL` first.
    pub fn healthcheck(&self) -> &[Redacted] {
        &self.healthcheck
    }
}

/// A time; the year 1 is how Go writes that there is none.
pub(super) fn a_time(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.starts_with("0001-01-01T00:00:00"))
}

/// The words of one command.
fn words(texts: &[String]) -> Vec<Redacted> {
    let mut words: Vec<Redacted> = texts.iter().map(|text| Redacted::new(text)).collect();
    hide_in_words(&mut words);
    words
}

/// Values whose names say what they are.
pub(super) fn named(pairs: BTreeMap<String, String>) -> BTreeMap<String, Redacted> {
    pairs
        .into_iter()
        .map(|(name, value)| (Redacted::named(&name, &value), name))
        .map(|(value, name)| (name, value))
        .collect()
}

fn row(object: &Object<'_>) -> HistoryRow {
    HistoryRow {
        created: a_time(object.text("created")),
        created_by: object.text("created_by").map(|text| Redacted::new(&text)),
        comment: object.text("comment").map(|text| Redacted::new(&text)),
        empty: object.flag("empty_layer"),
        ..HistoryRow::default()
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
        let lists = lists.into_iter().flatten().chain(&mut run.healthcheck);
        let rows = self.history.iter_mut().flat_map(|row| [&mut row.created_by, &mut row.comment]).flatten();
        seal(lists.chain(run.labels.values_mut()).chain(rows).chain(others));
    }

    /// Reads a config. A field that cannot be understood is dropped; the notes say so.
    ///
    /// # Errors
    /// If it is not a JSON object.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, Vec<String>), String> {
        let document = Document::parse(bytes)?;
        let object = document.object()?;
        let config = Self {
            created: a_time(object.text("created")),
            os: object.text_or_empty("os"),
            architecture: object.text_or_empty("architecture"),
            variant: object.text("variant"),
            diff_ids: object.child("rootfs").map(|rootfs| rootfs.texts("diff_ids")).unwrap_or_default(),
            history: object.children("history").unwrap_or_default().iter().map(row).collect(),
            run: object.child("config").map(|run| Run::read(&run)).unwrap_or_default(),
        };
        Ok((config, document.into_notes()))
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
        self.diff_ids.iter().map(|text| Digest::parse(text)).collect()
    }

    /// A config put together from what an engine says.
    pub(super) fn described(
        created: Option<String>,
        os: String,
        architecture: String,
        variant: Option<String>,
        run: &serde_json::Value,
    ) -> Self {
        let document = Document::parse(run.to_string().as_bytes());
        let run =
            document.as_ref().ok().and_then(|run| run.object().ok()).map(|run| Run::read(&run)).unwrap_or_default();
        Self { created: a_time(created), os, architecture, variant, run, ..Self::default() }
    }

    /// A config put together from the `json` files of an archive that is older than configs.
    pub(super) fn ancient(created: Option<String>, architecture: String, os: String, rows: Vec<HistoryRow>) -> Self {
        Self { created, os, architecture, history: rows, ..Self::default() }
    }
}
