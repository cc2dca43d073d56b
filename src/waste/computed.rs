//! Advice that no pattern of paths can give: what package databases say of the packages that are there.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use super::kind::RuleId;
use super::live::live_files;
use super::rules::{Computed, Rules};
use crate::layer::SYMBOLS_FROM;
use crate::tree::{EventKind, EventRef, Lookup, NodeId, Tree};

/// Reads a small file of the final file system; None when it is not there.
pub type ReadDocument<'d> = &'d dyn Fn(&[u8]) -> Option<Vec<u8>>;

const STATUS: &[u8] = b"var/lib/dpkg/status";
const STATES: &[u8] = b"var/lib/apt/extended_states";
const LISTS: &[u8] = b"var/lib/dpkg/info/";
const LOCK: &[u8] = b"node_modules/.package-lock.json";

/// The largest size at which a file of that normal path is read for this; 0 for all others.
pub fn document_limit(path: &[u8]) -> u64 {
    const MIB: u64 = 1 << 20;
    if path == STATUS || path.ends_with(LOCK) {
        32 * MIB
    } else if path == STATES || path.starts_with(LISTS) && path.ends_with(b".list") {
        4 * MIB
    } else {
        0
    }
}

/// Live files that such a rule names.
pub fn computed(tree: &Tree, rules: &Rules, read: ReadDocument<'_>) -> FxHashMap<EventRef, RuleId> {
    let mut named = FxHashMap::default();
    if let Some(rule) = rules.computed(Computed::RecommendedPackages) {
        named.extend(recommended(tree, read).into_iter().map(|file| (file, rule)));
    }
    if let Some(rule) = rules.computed(Computed::DevDependencies) {
        named.extend(dev_dependencies(tree, read).into_iter().map(|file| (file, rule)));
    }
    named
}

/// Live files that may be programs or libraries with symbols to take out; none when no rule asks.
pub fn may_have_symbols(tree: &Tree, rules: &Rules) -> Vec<EventRef> {
    if rules.computed(Computed::Symbols).is_none() {
        return Vec::new();
    }
    live_files(tree).filter(|file| tree.event_at(*file).size >= SYMBOLS_FROM).collect()
}

#[derive(Default)]
struct Package {
    architecture: String,
    depends: Vec<Vec<String>>,
    provides: Vec<String>,
    essential: bool,
}

fn fields(paragraph: &str) -> FxHashMap<String, String> {
    let mut fields: FxHashMap<String, String> = FxHashMap::default();
    let mut last = String::new();
    for line in paragraph.lines() {
        if line.starts_with([' ', '\t']) {
            fields.entry(last.clone()).or_default().push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.to_ascii_lowercase();
            fields.insert(last.clone(), value.trim().to_owned());
        }
    }
    fields
}

/// `a (>= 1) | b:any, c` as names: what of each alternative.
fn relations(text: &str) -> Vec<Vec<String>> {
    let name = |one: &str| one.trim().split([' ', '(', ':', '[']).next().unwrap_or_default().to_owned();
    let all = text.split(',').map(|each| each.split('|').map(name).filter(|name| !name.is_empty()).collect::<Vec<_>>());
    all.filter(|alternatives| !alternatives.is_empty()).collect()
}

/// Files of packages that are installed only because another one recommends them: automatic, and not reached from the
/// others by what they depend on.
fn recommended(tree: &Tree, read: ReadDocument<'_>) -> Vec<EventRef> {
    let (Some(status), Some(marks)) = (read(STATUS), read(STATES)) else { return Vec::new() };
    let (status, marks) = (String::from_utf8_lossy(&status), String::from_utf8_lossy(&marks));
    let mut packages: FxHashMap<String, Package> = FxHashMap::default();
    for paragraph in status.split("\n\n") {
        let fields = fields(paragraph);
        let get = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if !get("status").ends_with(" installed") || get("package").is_empty() {
            continue;
        }
        let depends = ["depends", "pre-depends"].iter().flat_map(|name| relations(get(name))).collect();
        packages.insert(
            get("package").to_owned(),
            Package {
                architecture: get("architecture").to_owned(),
                depends,
                provides: relations(get("provides")).into_iter().flatten().collect(),
                essential: get("essential") == "yes",
            },
        );
    }
    let automatic: FxHashSet<String> = marks
        .split("\n\n")
        .map(fields)
        .filter(|fields| fields.get("auto-installed").is_some_and(|value| value == "1"))
        .filter_map(|fields| fields.get("package").cloned())
        .collect();
    let mut providers: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    for (name, package) in &packages {
        providers.entry(name).or_default().push(name);
        for other in &package.provides {
            providers.entry(other).or_default().push(name);
        }
    }
    let first = packages.iter().filter(|(name, package)| package.essential || !automatic.contains(*name));
    let mut stack: Vec<&str> = first.map(|(name, _)| name.as_str()).collect();
    let mut needed: FxHashSet<&str> = stack.iter().copied().collect();
    while let Some(name) = stack.pop() {
        for other in packages[name].depends.iter().flatten() {
            for provider in providers.get(other.as_str()).into_iter().flatten() {
                if needed.insert(provider) {
                    stack.push(provider);
                }
            }
        }
    }
    let mut files = Vec::new();
    let Some(top) = tree.top() else { return files };
    for (name, package) in packages.iter().filter(|(name, _)| !needed.contains(name.as_str())) {
        let list = |end: String| read(&[LISTS, end.as_bytes()].concat());
        let list = list(format!("{name}.list")).or_else(|| list(format!("{name}:{}.list", package.architecture)));
        for path in list.unwrap_or_default().split(|byte| *byte == b'\n') {
            // Some are wanted whatever brought them.
            let kept =
                [&b"/etc/ssl/certs/"[..], b"/usr/share/ca-certificates/"].iter().any(|top| path.starts_with(top));
            if let (false, Lookup::Found(_, at)) = (kept, tree.lookup(path, top, false)) {
                files.extend(tree.copy_of(at).filter(|file| tree.event_at(*file).size > 0));
            }
        }
    }
    files
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    packages: std::collections::BTreeMap<String, LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    #[serde(default)]
    dev: bool,
}

/// Files of npm packages that only development needs, as the lock file that npm (7 and later) leaves beside them says.
fn dev_dependencies(tree: &Tree, read: ReadDocument<'_>) -> Vec<EventRef> {
    let mut files = Vec::new();
    let Some(top) = tree.top() else { return files };
    let mut path = Vec::new();
    for event in tree.layers.iter().flat_map(|layer| &layer.events) {
        if event.kind() != EventKind::File
            || event.until != crate::tree::Event::HOLDS
            || tree.paths.name(event.node) != b".package-lock.json"
        {
            continue;
        }
        tree.paths.write_path(event.node, &mut path);
        let Some(project) = path.strip_suffix(LOCK) else { continue };
        let Some(lock) = read(&path).and_then(|bytes| serde_json::from_slice::<Lock>(&bytes).ok()) else { continue };
        let place = |key: &str| tree.paths.find(&[project, key.as_bytes()].concat());
        let needed: FxHashSet<NodeId> =
            lock.packages.iter().filter(|(_, package)| !package.dev).filter_map(|(key, _)| place(key)).collect();
        let dev = lock.packages.iter().filter(|(key, package)| package.dev && !key.is_empty() && !key.contains(".."));
        let mut stack: Vec<NodeId> = dev.filter_map(|(key, _)| place(key)).collect();
        let mut seen: FxHashSet<NodeId> = FxHashSet::default();
        while let Some(folder) = stack.pop() {
            if needed.contains(&folder) || !seen.insert(folder) {
                continue;
            }
            for (node, at) in tree.entries(folder, top) {
                match tree.event_at(at).kind() {
                    EventKind::Directory => stack.push(node),
                    _ => files.extend(tree.copy_of(at).filter(|file| tree.event_at(*file).size > 0)),
                }
            }
        }
    }
    files
}
