//! Whether two images are the same but for their platform: what one has and the other has not.
//!
//! Contents and sizes differ between platforms, and so do names: `x86_64-linux-gnu` of one is `aarch64-linux-gnu` of the other.

use rustc_hash::FxHashMap;

use super::{Aspect, Comparison, FileChange, SettingChange};
use crate::tree::{Change, EventKind, NodeId};

/// Names of architectures, as paths and settings have them; the longest of those that begin alike first.
const ARCHITECTURES: [&str; 22] = [
    "powerpc64le",
    "ppc64le",
    "ppc64el",
    "loongarch64",
    "loong64",
    "riscv64",
    "aarch64",
    "x86_64",
    "x86-64",
    "armv8",
    "armv7l",
    "armv7",
    "armhf",
    "armel",
    "arm64",
    "amd64",
    "s390x",
    "i386",
    "i486",
    "i586",
    "i686",
    "x64",
];

/// A path, or a directory with all that is below it, that only one image has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlyOne {
    /// The path, in [`Comparison::tree`].
    pub node: NodeId,
    /// What it is.
    pub kind: EventKind,
    /// Files there.
    pub files: u64,
    /// Their content, bytes.
    pub bytes: u64,
}

/// What tells two images apart that should be the same but for their platform.
#[derive(Debug, Clone, Default)]
pub struct Parity<'c> {
    /// What only the first image has, in the order of paths.
    pub only_before: Vec<OnlyOne>,
    /// What only the second has.
    pub only_after: Vec<OnlyOne>,
    /// Paths that are something else, or have another mode, owner or target of a link.
    pub otherwise: Vec<&'c FileChange>,
    /// Settings but the platform.
    pub settings: Vec<&'c SettingChange>,
}

/// A text with every name of an architecture replaced by the same one.
fn without_architecture(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    while let Some(first) = rest.chars().next() {
        let begins = !is_word(out.chars().next_back());
        let name = ARCHITECTURES
            .iter()
            .find(|name| begins && rest.starts_with(**name) && !is_word(rest[name.len()..].chars().next()));
        match name {
            Some(name) => {
                out.push('*');
                rest = &rest[name.len()..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

impl<'c> Parity<'c> {
    /// Works it out from a comparison.
    pub fn of(comparison: &'c Comparison) -> Self {
        let tree = &comparison.tree;
        let common = |node: NodeId| without_architecture(&String::from_utf8_lossy(&tree.paths.path(node)));
        // Paths that are there in both, under the names of both architectures.
        let mut gone: FxHashMap<String, Vec<&FileChange>> = FxHashMap::default();
        for file in comparison.files.iter().filter(|file| file.change == Change::Removed) {
            gone.entry(common(file.node)).or_default().push(file);
        }
        let mut parity = Self::default();
        let mut added = Vec::new();
        for file in &comparison.files {
            match file.change {
                Change::Added if gone.get_mut(&common(file.node)).and_then(Vec::pop).is_none() => added.push(file),
                Change::Added | Change::Removed => {}
                _ if is_otherwise(comparison, file) => parity.otherwise.push(file),
                _ => {}
            }
        }
        let mut removed: Vec<&FileChange> = gone.into_values().flatten().collect();
        removed.sort_by_key(|file| tree.paths.path(file.node));
        parity.only_before = folded(comparison, &removed, |file| file.before_bytes);
        parity.only_after = folded(comparison, &added, |file| file.after_bytes);
        let differs = |setting: &&SettingChange| {
            let common = |text: &Option<String>| text.as_deref().map(without_architecture);
            setting.key != "platform" && common(&setting.before) != common(&setting.after)
        };
        parity.settings = comparison.settings.iter().filter(differs).collect();
        parity
    }

    /// Nothing but the platform tells them apart.
    pub fn holds(&self) -> bool {
        self.only_before.is_empty()
            && self.only_after.is_empty()
            && self.otherwise.is_empty()
            && self.settings.is_empty()
    }
}

fn is_otherwise(comparison: &Comparison, file: &FileChange) -> bool {
    if [Aspect::Kind, Aspect::Mode, Aspect::Owner].into_iter().any(|aspect| file.aspects.has(aspect)) {
        return true;
    }
    let tree = &comparison.tree;
    let (Some(before), Some(after)) = (file.before, file.after) else { return false };
    let target = |at| tree.symlink(tree.event_at(at)).map(|text| without_architecture(&String::from_utf8_lossy(text)));
    file.aspects.has(Aspect::Target) && target(before) != target(after)
}

/// Paths, those below a directory that is itself among them added up in it.
fn folded(comparison: &Comparison, files: &[&FileChange], bytes: impl Fn(&FileChange) -> u64) -> Vec<OnlyOne> {
    let tree = &comparison.tree;
    let mut out: Vec<OnlyOne> = Vec::new();
    let mut places: FxHashMap<NodeId, usize> = FxHashMap::default();
    for file in files {
        let Some(at) = file.after.or(file.before) else { continue };
        let kind = tree.event_at(at).kind();
        let is_file = u64::from(kind != EventKind::Directory);
        let above = std::iter::successors(tree.paths.parent(file.node), |node| tree.paths.parent(*node));
        let place = above.into_iter().find_map(|node| places.get(&node).copied());
        match place {
            Some(place) => {
                out[place].files += is_file;
                out[place].bytes += bytes(file);
            }
            None => {
                if kind == EventKind::Directory {
                    places.insert(file.node, out.len());
                }
                out.push(OnlyOne { node: file.node, kind, files: is_file, bytes: bytes(file) });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_architecture;

    #[test]
    fn names_of_architectures_are_the_same_name() {
        for (one, other) in [
            ("usr/lib/x86_64-linux-gnu/libc.so.6", "usr/lib/aarch64-linux-gnu/libc.so.6"),
            ("var/lib/dpkg/info/libc6:amd64.list", "var/lib/dpkg/info/libc6:arm64.list"),
            ("lib/ld-musl-x86_64.so.1", "lib/ld-musl-aarch64.so.1"),
            ("node_modules/@esbuild/linux-x64", "node_modules/@esbuild/linux-arm64"),
        ] {
            assert_eq!(without_architecture(one), without_architecture(other));
        }
        assert_eq!(without_architecture("usr/farm64/x64y"), "usr/farm64/x64y");
    }
}
