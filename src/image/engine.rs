//! An image as an engine describes it, and the same image as its own documents do, where those are at hand.

use super::build::{bare, tags, take_history, with_config};
use super::config::a_time;
use super::{Config, Digest, HistoryRow, Image, ImageError, Layer, Lookup, Platform, Request, resolve};
use crate::secret::Redacted;
use crate::source::{EngineHistoryRow, EnginePlatform, ImageFacts, Store};

/// Where the platform that is asked for comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChoice {
    /// The engine described it.
    Described,
    /// The engine can describe it when it is asked for it.
    Ask(EnginePlatform),
    /// The engine does not say what it has; its export shows it.
    Unknown,
}

/// Which platform of an engine's image is meant.
///
/// # Errors
/// When the engine says that it does not have it; with those that it has.
pub fn choose_platform(facts: &ImageFacts, wanted: Option<&Platform>) -> Result<EngineChoice, ImageError> {
    let Some(wanted) = wanted else { return Ok(EngineChoice::Described) };
    let described = platform(&facts.platform).and_then(|own| own.fit(wanted));
    if described == Some(0) {
        return Ok(EngineChoice::Described);
    }
    let there = facts.manifests.iter().filter(|each| each.available);
    let fits = there.filter_map(|each| Some((platform(&each.platform)?.fit(wanted)?, &each.platform)));
    if let Some((_, best)) = fits.min_by_key(|(distance, _)| *distance) {
        return Ok(EngineChoice::Ask(best.clone()));
    }
    if described.is_some() {
        return Ok(EngineChoice::Described);
    }
    if facts.manifests.is_empty() && facts.store == Store::Manifests {
        return Ok(EngineChoice::Unknown);
    }
    let has = if facts.manifests.is_empty() {
        vec![facts.platform.to_string()]
    } else {
        let gone = |available: bool| if available { "" } else { "  (named by the index, not in the engine)" };
        facts.manifests.iter().map(|each| format!("{}{}", each.platform, gone(each.available))).collect()
    };
    Err(ImageError::NoPlatform { wanted: wanted.clone(), has })
}

/// A platform of an engine; None where it has none.
fn platform(of: &EnginePlatform) -> Option<Platform> {
    Platform::parse(&of.to_string())
}

impl Platform {
    /// In an engine's words.
    pub fn for_engine(&self) -> EnginePlatform {
        let Self { os, architecture, variant } = self.clone();
        EnginePlatform { os, architecture, variant }
    }
}

/// An image of an engine from its own documents: its config, or what leads from an index or a manifest to it. `described` is
/// false where `facts` are about another platform than the one that is wanted.
///
/// # Errors
/// When a document is missing, or the engine says something else of the layers.
pub fn from_documents(
    facts: &ImageFacts,
    lookup: &impl Lookup,
    wanted: Option<&Platform>,
    described: bool,
) -> Result<Image, ImageError> {
    let mut image = match facts.store {
        Store::Configs => {
            let claimed = Digest::parse(&facts.id);
            let name = claimed.as_ref().map(Digest::blob).unwrap_or_default();
            let missing = || ImageError::Missing { what: "config", name: facts.id.clone(), hint: String::new() };
            let bytes = lookup.document(&name)?.ok_or_else(missing)?;
            let mut image = with_config(facts.engine.name(), claimed.as_ref(), &bytes, layers(facts))?;
            image.digest = facts.digest.as_deref().and_then(Digest::parse);
            finish(&mut image, facts);
            image
        }
        Store::Manifests => {
            // What the engine described is what it takes for the platform that is meant.
            let usual = platform(&facts.platform).filter(|_| described && wanted.is_none());
            let request = Request { platform: wanted.cloned(), usual, ..Request::default() };
            let mut image = resolve(lookup, &request)?;
            image.source = facts.engine.name();
            image.tags = tags(&facts.tags);
            sizes(&mut image, facts);
            // The documents of one platform do not name the others.
            let others = facts.manifests.len() > 1 && wanted.is_none() && image.notes.is_empty();
            image.notes.extend(others.then(|| {
                let has: Vec<String> = facts.manifests.iter().map(|each| each.platform.to_string()).collect();
                format!("shown for {}; the image has {}", image.platform, has.join(", "))
            }));
            image
        }
    };
    image.engine_id = Some(facts.id.clone());
    if described {
        compare(facts, &mut image)?;
    }
    Ok(image)
}

/// Names layers by what they are, since in an export a member's name says nothing.
pub fn name_by_diff_id(image: &mut Image) {
    for (layer, diff_id) in image.layers.iter_mut().zip(image.config.diff_ids()) {
        layer.member = diff_id.map(|digest| digest.as_str().to_owned()).unwrap_or_default();
    }
}

/// Holds what the engine says against what the image's config says.
fn compare(facts: &ImageFacts, image: &mut Image) -> Result<(), ImageError> {
    let engine = facts.engine.name();
    let named: Vec<_> = image.config.diff_ids();
    let described: Vec<_> = facts.diff_ids.iter().map(|diff_id| Digest::parse(diff_id)).collect();
    if named != described || image.layers.len() != named.len() {
        return Err(ImageError::EngineDisagrees {
            engine,
            described: described.len(),
            named: named.len(),
            stored: image.layers.len(),
        });
    }
    if let Some(described) = platform(&facts.platform)
        && !image.platform.agrees_with(&described)
    {
        image
            .warnings
            .push(format!("{engine} says that the image is for {described}, its config says {}", image.platform));
    }
    // Secrets are hidden in the image's own rows by now, also those that another row gave away.
    let same = |(described, own): (&EngineHistoryRow, &HistoryRow)| {
        let own = own.created_by.as_deref().unwrap_or_default();
        described.created_by == own || own.contains("(hidden, ")
    };
    let (described, named) = (facts.history.len(), image.history.len());
    let alike = facts.history.iter().zip(&image.history).take_while(|rows| same(*rows)).count();
    if described > 0 && (described != named || alike < named) {
        image.warnings.push(format!(
            "{engine} shows another history than the image's config, from row {alike} on ({described} rows, {named} in the \
             config); the config's is shown"
        ));
    }
    Ok(())
}

fn layers(facts: &ImageFacts) -> Vec<Layer> {
    let layer = |diff_id: &String| Layer { diff_id: Digest::parse(diff_id), ..Layer::in_member(diff_id.clone()) };
    facts.diff_ids.iter().map(layer).collect()
}

/// Puts an image together from what an engine says alone.
pub fn from_facts(facts: &ImageFacts) -> Image {
    let layers = layers(facts);
    let EnginePlatform { os, architecture, variant } = facts.platform.clone();
    let mut config = Config::described(facts.created.clone(), os, architecture, variant, &facts.run);
    config.history = rows(facts, layers.len());
    let id = Digest::parse(&facts.id).unwrap_or_else(|| Digest::of(facts.id.as_bytes()));
    let mut image = bare(facts.engine.name(), id, config, layers);
    image.digest = facts.digest.as_deref().and_then(Digest::parse);
    image.engine_id = Some(facts.id.clone());
    finish(&mut image, facts);
    image
}

/// What is the same however the config was found.
fn finish(image: &mut Image, facts: &ImageFacts) {
    image.tags = tags(&facts.tags);
    take_history(image);
    sizes(image, facts);
}

/// Rows and sizes stand side by side in both.
fn sizes(image: &mut Image, facts: &ImageFacts) {
    if facts.history.len() == image.history.len() {
        for (row, described) in image.history.iter().zip(&facts.history) {
            if let Some(layer) = row.layer {
                image.layers[layer].told_bytes = Some(described.size);
            }
        }
    }
}

/// What kind of row an instruction makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Makes {
    Layer,
    Nothing,
    /// It depends on what was there.
    Either,
}

fn makes(instruction: &str, bytes: u64) -> Makes {
    let word = instruction.split([' ', '[']).next().unwrap_or_default();
    match word {
        _ if bytes > 0 => Makes::Layer,
        "ENV" | "CMD" | "ENTRYPOINT" | "LABEL" | "EXPOSE" | "USER" | "ARG" | "VOLUME" | "STOPSIGNAL" | "SHELL"
        | "HEALTHCHECK" | "ONBUILD" | "MAINTAINER" => Makes::Nothing,
        "RUN" | "COPY" | "ADD" => Makes::Layer,
        _ => Makes::Either,
    }
}

/// An engine does not say which rows made a layer. Those that had bytes did, and others by their instruction; what can be
/// either is what makes the numbers agree.
fn rows(facts: &ImageFacts, layers: usize) -> Vec<HistoryRow> {
    let row = |described: &EngineHistoryRow| HistoryRow {
        created: a_time(jiff::Timestamp::from_second(described.created).ok().map(|time| time.to_string())),
        created_by: Some(Redacted::new(&described.created_by)),
        comment: Some(Redacted::new(&described.comment)).filter(|comment| !comment.is_empty()),
        ..HistoryRow::default()
    };
    let mut all: Vec<HistoryRow> = facts.history.iter().map(row).collect();
    let kind = |(row, described): (&HistoryRow, &EngineHistoryRow)| {
        makes(&row.instruction().unwrap_or_default(), described.size)
    };
    let kinds: Vec<Makes> = all.iter().zip(&facts.history).map(kind).collect();
    let sure = kinds.iter().filter(|kind| **kind == Makes::Layer).count();
    let mut wanted = layers.saturating_sub(sure);
    for (row, kind) in all.iter_mut().zip(&kinds).rev() {
        row.empty = match kind {
            Makes::Layer => false,
            Makes::Either if wanted > 0 => {
                wanted -= 1;
                false
            }
            Makes::Nothing | Makes::Either => true,
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_layer_are_recognised() {
        let row =
            |text: &str, size| EngineHistoryRow { created_by: text.to_owned(), size, ..EngineHistoryRow::default() };
        let facts = |layers: usize, rows: &[(&str, u64)]| ImageFacts {
            diff_ids: vec!["sha256:".to_owned() + &"0".repeat(64); layers],
            history: rows.iter().map(|(text, bytes)| row(text, *bytes)).collect(),
            ..ImageFacts::default()
        };
        for (layers, rows, want) in [
            (
                2,
                &[
                    ("/bin/sh -c #(nop) ADD file:ab in / ", 5),
                    ("/bin/sh -c #(nop)  CMD [\"sh\"]", 0),
                    ("/bin/sh -c true", 0),
                ][..],
                &[Some(0), None, Some(1)][..],
            ),
            (1, &[("ADD x /", 5), ("WORKDIR /a", 0)], &[Some(0), None]),
            (2, &[("ADD x /", 5), ("WORKDIR /a", 0)], &[Some(0), Some(1)]),
            (1, &[("", 7), ("ENTRYPOINT [\"a\"]", 0), ("ENV A=1", 0)], &[Some(0), None, None]),
        ] {
            let image = from_facts(&facts(layers, rows));
            assert_eq!(image.history.iter().map(|row| row.layer).collect::<Vec<_>>(), want, "{rows:?}");
            assert_eq!(image.layers[0].told_bytes, Some(rows[0].1));
            assert!(image.notes.is_empty(), "{:?}", image.notes);
        }
    }
}
