use bollard::query_parameters::ListImagesOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::time::{Duration, Instant, timeout_at};

use super::super::endpoint::{Engine, Surroundings};
use super::connect::{Daemon, title};
use super::error::{Attempt, EngineError};
use super::find::endpoints;
use super::inspect::{ImageFacts, with_algorithm};

/// How long an engine may take to say what other images are made of, and how many are asked about.
const RELATED_WITHIN: Duration = Duration::from_secs(1);
const RELATED: usize = 200;
const RELATED_AT_ONCE: usize = 8;

/// An image of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Whose it is.
    pub engine: Engine,
    /// A name, or the short id of one that has none.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Bytes, as the engine counts them.
    pub size: u64,
    /// Unix time.
    pub created: i64,
}

/// Another image of an engine, as far as it takes to see whether one is built on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its id.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// Digest of its manifest, where the engine knows it.
    pub digest: Option<String>,
    /// Digests of its uncompressed layers, the base first.
    pub diff_ids: Vec<String>,
}

/// All images of the engines that answer, the youngest first; and why the others do not.
pub fn list(around: &dyn Surroundings) -> (Vec<Listed>, Vec<Attempt>) {
    let (mut images, mut silent) = (Vec::new(), Vec::new());
    let mut engines: Vec<Engine> = Vec::new();
    for endpoint in endpoints(None, around) {
        // One of each engine: the others show the same images.
        if engines.contains(&endpoint.engine) {
            continue;
        }
        let engine = title(&endpoint);
        match Daemon::connect(endpoint).and_then(|daemon| Ok((daemon.images()?, daemon.endpoint.engine))) {
            Ok((found, engine)) => {
                engines.push(engine);
                images.extend(found);
            }
            Err(error) => silent.push(Attempt { engine, error }),
        }
    }
    images.sort_by(|a: &Listed, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
    (images, silent)
}

/// All images of one engine, from the first of its endpoints that answers.
///
/// # Errors
/// Why none of them answers.
pub fn list_of(engine: Engine, around: &dyn Surroundings) -> Result<Vec<Listed>, Vec<Attempt>> {
    let mut silent = Vec::new();
    for endpoint in endpoints(Some(engine), around) {
        let engine = title(&endpoint);
        match Daemon::connect(endpoint).and_then(|daemon| daemon.images()) {
            Ok(images) => return Ok(images),
            Err(error) => silent.push(Attempt { engine, error }),
        }
    }
    Err(silent)
}

/// A name without its tag or digest.
fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    name[last..].find(':').map_or(name, |colon| &name[..last + colon])
}

fn last_part(name: &str) -> &str {
    repository(name).rsplit('/').next().unwrap_or_default()
}

impl Daemon {
    /// All images that have a name, and those that have none.
    ///
    /// # Errors
    /// When it does not say.
    pub fn images(&self) -> Result<Vec<Listed>, EngineError> {
        let options = ListImagesOptionsBuilder::default().build();
        let images = self.ask(self.docker.list_images(Some(options)))?;
        let mut all = Vec::new();
        for image in images {
            let mut names: Vec<String> =
                image.repo_tags.into_iter().filter(|name| !name.starts_with("<none>")).collect();
            let short: String = image.id.trim_start_matches("sha256:").chars().take(12).collect();
            if names.is_empty() {
                names.push(short);
            }
            for name in names {
                all.push(Listed {
                    engine: self.endpoint.engine,
                    name,
                    id: with_algorithm(&image.id),
                    size: u64::try_from(image.size).unwrap_or_default(),
                    created: image.created,
                });
            }
        }
        Ok(all)
    }

    /// Other images that the one of those facts may be built on, with their diff IDs: named ones of other repositories that
    /// are not larger. `known` has what was found before, by id. Not all, when there are many or the engine takes its time.
    pub fn others(&self, facts: &ImageFacts, known: &dyn Fn(&str) -> Option<Vec<String>>) -> Vec<Other> {
        let deadline = Instant::now() + RELATED_WITHIN;
        let own: Vec<&str> = facts.tags.iter().map(|tag| repository(tag)).collect();
        self.runtime.block_on(async {
            let options = ListImagesOptionsBuilder::default().build();
            let listed = timeout_at(deadline, self.docker.list_images(Some(options))).await;
            let Ok(Ok(mut listed)) = listed else { return Vec::new() };
            listed.retain(|image| {
                let size = u64::try_from(image.size).unwrap_or_default();
                let mut names = image.repo_tags.iter().filter(|name| !name.starts_with("<none>")).peekable();
                // An older build of the same image is not a base of it.
                names.peek().is_some()
                    && names.all(|name| !own.contains(&repository(name)))
                    && with_algorithm(&image.id) != facts.id
                    && (facts.size == 0 || size <= facts.size)
            });
            // What is larger has more of the layers.
            listed.sort_by_key(|image| std::cmp::Reverse(image.size));
            listed.truncate(RELATED);
            let (mut others, mut asked) = (Vec::new(), Vec::new());
            for image in listed {
                let digest = image.repo_digests.iter().find_map(|name| name.split_once('@'));
                let digest = digest.map(|(_, digest)| digest.to_owned());
                let id = with_algorithm(&image.id);
                let diff_ids = known(&id).unwrap_or_default();
                let other = Other { id, names: image.repo_tags, digest, diff_ids };
                if other.diff_ids.is_empty() { asked.push(other) } else { others.push(other) }
            }
            let answers = futures_util::stream::iter(asked).map(|other| async move {
                let about = self.docker.inspect_image(&other.id).await.ok()?;
                Some(Other { diff_ids: about.root_fs.and_then(|fs| fs.layers).unwrap_or_default(), ..other })
            });
            let mut answers = std::pin::pin!(answers.buffer_unordered(RELATED_AT_ONCE));
            while let Ok(Some(answer)) = timeout_at(deadline, answers.next()).await {
                others.extend(answer);
            }
            others
        })
    }

    /// Names that are almost `name`.
    pub(super) fn near(&self, name: &str) -> Vec<String> {
        let wanted = last_part(name);
        let distance = |other: &str| strsim::levenshtein(other, wanted);
        let mut near: Vec<(usize, String)> = self
            .images()
            .unwrap_or_default()
            .into_iter()
            .map(|image| (distance(last_part(&image.name)), image.name))
            .filter(|(distance, other)| *distance <= 1 + wanted.len() / 4 || wanted.len() > 2 && other.contains(wanted))
            .collect();
        near.sort();
        near.into_iter().map(|(_, name)| name).take(3).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_repository() {
        for (name, want) in [
            ("debian:12", "debian"),
            ("r.io:5000/a/b", "r.io:5000/a/b"),
            ("r.io:5000/a/b:1", "r.io:5000/a/b"),
            ("a@sha256:00", "a"),
        ] {
            assert_eq!(repository(name), want);
        }
        assert_eq!(last_part("r.io:5000/a/b:1"), "b");
    }
}
