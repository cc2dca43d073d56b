use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::tar_split::SplitTar;
use crate::bytes::Window;
use crate::source::endpoint::Surroundings;
use crate::source::{SourceError, registries_conf};

/// Why an image can't be read from the storage of Podman, Buildah, CRI-O and skopeo.
#[derive(Debug, Error)]
pub enum StorageError {
    /// No storage.
    #[error("there is no container storage: none of {} is there", .0.join(", "))]
    NoStorage(Vec<String>),
    /// It is there and can't be read.
    #[error("{} can't be read: {error}{hint}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// It has others.
    #[error("the container storage at {} has no image {name} ({images} others)", root.display())]
    NoImage {
        /// As typed.
        name: String,
        /// The storage.
        root: PathBuf,
        /// How many it has.
        images: usize,
    },
    /// It lacks what belongs to the image.
    #[error("{name} can't be read from {}: {problem}; `explore podman:{name}` reads it through Podman", root.display())]
    Incomplete {
        /// As typed.
        name: String,
        /// The storage.
        root: PathBuf,
        /// What is missing.
        problem: String,
    },
}

/// An image in the storage of Podman, Buildah, CRI-O and skopeo (<https://github.com/containers/storage>): layers are unpacked, and
/// what tar-split recorded makes tars of them again. Members are named as in an archive of `docker save`.
#[derive(Debug)]
pub struct Storage {
    /// Which way was taken; for people.
    pub note: String,
    folder: PathBuf,
    driver: String,
    id: String,
    manifest: Vec<u8>,
    fetched: Arc<AtomicU64>,
}

/// A row of `images.json`.
#[derive(Debug, Deserialize)]
struct StoredImage {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    layer: String,
}

/// A row of `layers.json`.
#[derive(Debug, Deserialize)]
struct StoredLayer {
    id: String,
    #[serde(default)]
    parent: String,
}

/// `storage.conf`.
#[derive(Debug, Default, Deserialize)]
struct StorageConf {
    #[serde(default)]
    storage: StorageTable,
}

#[derive(Debug, Default, Deserialize)]
struct StorageTable {
    driver: Option<String>,
    graphroot: Option<String>,
    rootless_storage_path: Option<String>,
}

/// `registries.conf`, and the files of `registries.conf.d`.
#[derive(Debug, Default, Deserialize)]
struct RegistriesConf {
    #[serde(default, rename = "unqualified-search-registries")]
    search: Vec<String>,
    #[serde(default)]
    aliases: HashMap<String, String>,
}

const DRIVERS: [&str; 2] = ["overlay", "vfs"];

fn toml_of<T: DeserializeOwned + Default>(around: &dyn Surroundings, path: &Path) -> T {
    around.text(path).and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
}

/// The folder of the storage, and the driver where one is named: `[DRIVER@ROOT]NAME`, as skopeo has it, or what is configured.
fn places(around: &dyn Surroundings) -> Vec<(PathBuf, Option<String>)> {
    let home = around.variable("HOME").map(PathBuf::from).unwrap_or_default();
    let data = around.variable("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
    let config = around.variable("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let system: StorageConf = toml_of(around, Path::new("/etc/containers/storage.conf"));
    let own = around.variable("CONTAINERS_STORAGE_CONF").map(PathBuf::from);
    let own: StorageConf = toml_of(around, &own.unwrap_or_else(|| config.join("containers/storage.conf")));
    let driver = around.variable("STORAGE_DRIVER").or(own.storage.driver).or(system.storage.driver);
    let expand = |path: String| path.replace("$HOME", &home.to_string_lossy());
    let rootless = own.storage.graphroot.or(system.storage.rootless_storage_path).map(expand);
    let rootless = rootless.map_or_else(|| data.join("containers/storage"), PathBuf::from);
    let root = system.storage.graphroot.map_or_else(|| PathBuf::from("/var/lib/containers/storage"), PathBuf::from);
    let places = if is_root() { [root, rootless] } else { [rootless, root] };
    places.into_iter().map(|place| (place, driver.clone())).collect()
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// What Podman recorded when it asked which registry a short name means.
fn recorded_aliases(around: &dyn Surroundings) -> PathBuf {
    let home = || around.variable("HOME").map(PathBuf::from).unwrap_or_default().join(".cache");
    let cache = || around.variable("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("containers");
    let folder = if is_root() { PathBuf::from("/var/cache/containers") } else { cache() };
    folder.join("short-name-aliases.conf")
}

/// Full names that a short one may stand for, as Podman resolves it: local builds first, then aliases and the registries that are
/// searched.
fn full_names(name: &str, around: &dyn Surroundings) -> Vec<String> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let tagged = if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") };
    let first = name.split('/').next().unwrap_or_default();
    if name.contains('/') && (first.contains(['.', ':']) || first == "localhost") {
        return vec![tagged];
    }
    let mut conf = RegistriesConf::default();
    for file in registries_conf::files(around).into_iter().chain([recorded_aliases(around)]) {
        let own: RegistriesConf = toml_of(around, &file);
        conf.aliases.extend(own.aliases);
        if !own.search.is_empty() {
            conf.search = own.search;
        }
    }
    let bare = last.split([':', '@']).next().unwrap_or_default();
    let repository = format!("{}{bare}", &name[..name.len() - last.len()]);
    let rest = &tagged[repository.len()..];
    let mut names = vec![format!("localhost/{tagged}")];
    names.extend(conf.aliases.get(&repository).map(|full| format!("{full}{rest}")));
    names.extend(conf.search.iter().map(|registry| format!("{registry}/{tagged}")));
    names.extend([format!("docker.io/library/{tagged}"), format!("docker.io/{tagged}")]);
    names
}

/// An image of the storage, by a name as Podman takes it, or by the beginning of its id.
pub(in super::super) fn find(
    name: &str,
    place: Option<(PathBuf, Option<String>)>,
    around: &dyn Surroundings,
    fetched: &Arc<AtomicU64>,
) -> Result<Storage, StorageError> {
    let places = place.map_or_else(|| places(around), |place| vec![place]);
    let names = full_names(name, around);
    let mut without: Option<StorageError> = None;
    for (folder, driver) in &places {
        let drivers: Vec<String> = match driver {
            Some(driver) => vec![driver.clone()],
            None => DRIVERS.iter().map(|driver| (*driver).to_owned()).collect(),
        };
        for driver in drivers {
            let path = folder.join(format!("{driver}-images/images.json"));
            let images: Vec<StoredImage> = match read_json(&path) {
                Ok(images) => images,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let hint = if is_root() { "" } else { "; run it with `sudo`, or name an image of your own" };
                    without.get_or_insert(StorageError::Unreadable { path, error, hint });
                    continue;
                }
            };
            if let Some(image) = choose(&images, name, &names) {
                return Storage::open(folder, &driver, image, name, fetched);
            }
            let images = images.len();
            without.get_or_insert(StorageError::NoImage { name: name.to_owned(), root: folder.clone(), images });
        }
    }
    let looked = || places.iter().map(|(folder, _)| folder.display().to_string()).collect();
    Err(without.unwrap_or_else(|| StorageError::NoStorage(looked())))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_slice(&std::fs::read(path)?).map_err(io::Error::from)
}

fn choose<'i>(images: &'i [StoredImage], name: &str, names: &[String]) -> Option<&'i StoredImage> {
    let has = |image: &StoredImage, name: &String| image.names.iter().flatten().any(|own| own == name);
    let by_name = names.iter().find_map(|name| images.iter().find(|image| has(image, name)));
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    let is_id = hex.len() >= 3 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    by_name.or_else(|| images.iter().filter(|_| is_id).find(|image| image.id.starts_with(hex)))
}

impl Storage {
    fn open(
        folder: &Path,
        driver: &str,
        image: &StoredImage,
        name: &str,
        fetched: &Arc<AtomicU64>,
    ) -> Result<Self, StorageError> {
        let incomplete =
            |problem: String| StorageError::Incomplete { name: name.to_owned(), root: folder.to_owned(), problem };
        let mut layers: HashMap<String, StoredLayer> = HashMap::new();
        // What is only needed by containers is in a file of its own.
        for file in ["layers.json", "volatile-layers.json"] {
            let path = folder.join(format!("{driver}-layers")).join(file);
            let rows: Vec<StoredLayer> = match read_json(&path) {
                Ok(rows) => rows,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StorageError::Unreadable { path, error, hint: "" }),
            };
            layers.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        }
        let mut chain = Vec::new();
        let mut at = image.layer.as_str();
        while !at.is_empty() {
            let layer = layers.get(at).ok_or_else(|| incomplete(format!("its layer {at} is not in layers.json")))?;
            if chain.len() > layers.len() {
                return Err(incomplete("its layers are their own parents".to_owned()));
            }
            chain.push(layer.id.clone());
            at = &layer.parent;
        }
        chain.reverse();
        for layer in &chain {
            if !folder.join(format!("{driver}-layers/{layer}.tar-split.gz")).is_file() {
                return Err(incomplete(format!("layer {layer} has no tar-split record")));
            }
        }
        let members: Vec<String> = chain.iter().map(|layer| format!("{layer}.tar")).collect();
        let names: Vec<&String> = image.names.iter().flatten().collect();
        let config = format!("{}.json", image.id);
        let manifest = serde_json::json!([{ "Config": config, "RepoTags": names, "Layers": members }]);
        Ok(Self {
            note: format!("read in place from the container storage at {} ({driver})", folder.display()),
            folder: folder.to_owned(),
            driver: driver.to_owned(),
            id: image.id.clone(),
            manifest: manifest.to_string().into_bytes(),
            fetched: Arc::clone(fetched),
        })
    }

    /// The `manifest.json` that names config and layers.
    pub(in super::super) fn manifest(&self) -> Vec<u8> {
        self.manifest.clone()
    }

    /// The config, or a layer as a tar.
    ///
    /// # Errors
    /// When it is there and can't be opened.
    pub fn get(&self, name: &str) -> Result<Option<Window>, SourceError> {
        if name == format!("{}.json", self.id) {
            let key = STANDARD.encode(format!("sha256:{}", self.id));
            let path = self.folder.join(format!("{}-images/{}/={key}", self.driver, self.id));
            let failed = |error| SourceError::Open { path: path.clone(), error };
            let file = File::open(&path).map_err(failed)?;
            let len = file.metadata().map_err(failed)?.len();
            return Ok(Some(Window::whole(file, len, &self.fetched)));
        }
        let Some(layer) = name.strip_suffix(".tar").filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())) else {
            return Ok(None);
        };
        let records = self.folder.join(format!("{}-layers/{layer}.tar-split.gz", self.driver));
        let files = match self.driver.as_str() {
            "vfs" => self.folder.join("vfs/dir").join(layer),
            driver => self.folder.join(driver).join(layer).join("diff"),
        };
        let tar = SplitTar::open(&records, files).map_err(|error| SourceError::Open { path: records, error })?;
        let len = tar.len();
        Ok(Some(Window::whole(tar, len, &self.fetched)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Around(HashMap<&'static str, &'static str>);

    impl Surroundings for Around {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }

        fn text(&self, path: &Path) -> Option<String> {
            self.0.get(path.to_str()?).map(|text| (*text).to_owned())
        }

        fn exists(&self, path: &Path) -> bool {
            self.text(path).is_some()
        }

        fn has_command(&self, _: &str) -> bool {
            false
        }
    }

    #[test]
    fn short_names_are_resolved_as_podman_resolves_them() {
        let own = "unqualified-search-registries = [\"quay.io\", \"docker.io\"]\n[aliases]\nfedora = \"registry.fedoraproject.org/fedora\"\n";
        let system = "unqualified-search-registries = [\"registry.example\"]\n";
        let around = Around(HashMap::from([
            ("HOME", "/home/me"),
            ("/home/me/.config/containers/registries.conf", own),
            ("/etc/containers/registries.conf", system),
        ]));
        let names = |name: &str| full_names(name, &around);
        let fedora = names("fedora:41");
        let expected = [
            "localhost/fedora:41",
            "registry.fedoraproject.org/fedora:41",
            "quay.io/fedora:41",
            "docker.io/fedora:41",
            "docker.io/library/fedora:41",
        ];
        assert!(expected[..3].iter().zip(&fedora).all(|(want, got)| want == got), "{fedora:?}");
        assert!(expected.iter().all(|want| fedora.iter().any(|got| got == want)), "{fedora:?}");
        assert!(
            !fedora.iter().any(|name| name.starts_with("registry.example/")),
            "the user's file replaces the system's"
        );
        // A full name stands for itself.
        assert_eq!(names("quay.io/a/b"), ["quay.io/a/b:latest"]);
        assert_eq!(names("localhost/app:1"), ["localhost/app:1"]);
        assert_eq!(names("team/app")[0], "localhost/team/app:latest");
    }

    #[test]
    fn the_storage_of_the_user_comes_first_where_settings_put_it() {
        let conf = "[storage]\ndriver = \"overlay\"\ngraphroot = \"$HOME/elsewhere\"\n";
        let around = Around(HashMap::from([("HOME", "/home/me"), ("/home/me/.config/containers/storage.conf", conf)]));
        let places = places(&around);
        let own = (PathBuf::from("/home/me/elsewhere"), Some("overlay".to_owned()));
        assert!(places.contains(&own), "{places:?}");
        assert!(places.iter().any(|(folder, _)| folder == Path::new("/var/lib/containers/storage")), "{places:?}");
    }
}
