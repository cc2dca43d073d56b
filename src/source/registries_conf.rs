//! Where `registries.conf` is (containers-registries.conf(5)), which registries and short names are read from.

use std::path::{Path, PathBuf};

use super::endpoint::Surroundings;

/// Its files, those that win last: the one that is named, or the user's, or the system's, and then those of `registries.conf.d`.
pub(super) fn files(around: &dyn Surroundings) -> Vec<PathBuf> {
    let dropped = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder.join("registries.conf.d")).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        found.retain(|path| path.extension().is_some_and(|end| end == "conf"));
        found.sort();
        found
    };
    let home = around.variable("HOME").map(PathBuf::from);
    let config = around.variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home?.join(".config")));
    let config = config.map(|config| config.join("containers"));
    let system = Path::new("/etc/containers");
    let named = around.variable("CONTAINERS_REGISTRIES_CONF").or_else(|| around.variable("REGISTRIES_CONFIG_PATH"));
    let own = config.as_ref().map(|config| config.join("registries.conf")).filter(|own| around.exists(own));
    let mut files = vec![named.map(PathBuf::from).or(own).unwrap_or_else(|| system.join("registries.conf"))];
    files.extend([Some(system), config.as_deref()].into_iter().flatten().flat_map(dropped));
    files
}
