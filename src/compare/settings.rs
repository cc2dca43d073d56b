use std::collections::{BTreeMap, BTreeSet};

use crate::inspect::Inspection;
use crate::secret::Redacted;

/// Something that containers are started with, and that differs. Texts are as the image has them; secrets in them are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// `platform`, `user`, `workdir`, `entrypoint`, `cmd`, `ports`, `volumes`, `healthcheck`, `stop-signal`, `shell`, `onbuild`, `env
    /// NAME` or `label NAME`.
    pub key: String,
    /// In the first image; None where it says nothing.
    pub before: Option<String>,
    /// In the second.
    pub after: Option<String>,
}

/// Settings that differ, platform first.
pub(super) fn changes(a: &Inspection, b: &Inspection) -> Vec<SettingChange> {
    let sides = [all(a), all(b)];
    let mut seen = BTreeSet::new();
    let keys = sides.iter().flatten().map(|(key, _)| key).filter(|key| seen.insert(*key));
    let keys: Vec<String> = keys.cloned().collect();
    let maps = sides.map(|side| side.into_iter().collect::<BTreeMap<_, _>>());
    let change = |key: String| {
        let [before, after] = [0, 1].map(|side: usize| maps[side].get(&key).cloned());
        (before != after).then_some(SettingChange { key, before, after })
    };
    keys.into_iter().filter_map(change).collect()
}

/// What an image says; what it does not say is left out. The last of several of a name holds.
fn all(found: &Inspection) -> Vec<(String, String)> {
    let run = &found.image.config.run;
    let list = |words: &[Redacted]| if words.is_empty() { String::new() } else { serde_json::json!(words).to_string() };
    let set = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(", ");
    let plain = [
        ("platform", found.image.platform.to_string()),
        ("user", run.user.clone()),
        ("workdir", run.working_dir.clone()),
        ("entrypoint", list(&run.entrypoint)),
        ("cmd", list(&run.cmd)),
        ("ports", set(run.ports().collect())),
        ("volumes", set(run.volumes().collect())),
        ("healthcheck", list(run.healthcheck())),
        ("stop-signal", run.stop_signal.clone()),
        ("shell", list(&run.shell)),
        ("onbuild", list(&run.on_build)),
    ];
    let plain = plain.into_iter().map(|(key, value)| (key.to_owned(), value));
    let env = run.env.iter().map(|line| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (format!("env {name}"), value.to_owned())
    });
    let labels = run.labels.iter().map(|(name, value)| (format!("label {name}"), value.to_string()));
    // A variable that is set to nothing is set.
    plain.filter(|(_, value)| !value.is_empty()).chain(env).chain(labels).collect()
}
