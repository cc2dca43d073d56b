//! Archives of Docker before 1.10: no manifest, but a `json` file beside each layer, and `repositories`, which names the last
//! layer of each tag.

use super::build::bare;
use super::candidate::{Candidate, Face, Parts, Variant};
use super::json::{Document, Object};
use super::resolve::{ImageError, Lookup, MAX_LAYERS, missing};
use super::{Config, Digest, HistoryRow, Image, Layer};
use crate::secret::Redacted;
use crate::source::normal_name;

fn parse(name: &str, bytes: &[u8]) -> Result<Document, ImageError> {
    Document::parse(bytes).map_err(|problem| ImageError::Document { name: name.to_owned(), problem })
}

/// Each tag that `repositories` names; none if there is no such file.
pub(super) fn candidates(lookup: &impl Lookup) -> Result<Vec<Candidate>, ImageError> {
    const NAME: &str = "repositories";
    let Some(bytes) = lookup.document(NAME)? else { return Ok(Vec::new()) };
    let document = parse(NAME, &bytes)?;
    let object = document.object().map_err(|problem| ImageError::Document { name: NAME.to_owned(), problem })?;
    let mut candidates = Vec::new();
    for name in object.own_keys() {
        for (tag, id) in object.texts_by_key(&name) {
            let variants = vec![Variant { platform: None, parts: Parts::Legacy(id) }];
            candidates.push(Candidate { names: vec![format!("{name}:{tag}")], variants, face: Face::Legacy });
        }
    }
    Ok(candidates)
}

/// Reads the chain of `json` files from the last layer down.
pub(super) fn image(lookup: &impl Lookup, source: &'static str, top: &str) -> Result<Image, ImageError> {
    let mut rows = Vec::new();
    let mut layers = Vec::new();
    let mut first = None;
    let mut next = Some(top.to_owned());
    while let Some(id) = next {
        if layers.len() > MAX_LAYERS {
            return Err(ImageError::TooManyLayers(layers.len()));
        }
        let name = normal_name(format!("{id}/json").as_bytes());
        let bytes = lookup.document(&name)?.ok_or_else(|| missing(lookup, "config", &name))?;
        let document = parse(&name, &bytes)?;
        let json = document.object().map_err(|problem| ImageError::Document { name: name.clone(), problem })?;
        let created = json.text("created");
        let command = |config: Object<'_>| Redacted::new(&config.texts("Cmd").join(" "));
        rows.push(HistoryRow {
            created: created.clone(),
            created_by: json.child("container_config").map(command),
            ..HistoryRow::default()
        });
        layers.push(Layer::in_member(normal_name(format!("{id}/layer.tar").as_bytes())));
        first.get_or_insert_with(|| {
            (Digest::of(&bytes), created, json.text_or_empty("architecture"), json.text_or_empty("os"))
        });
        next = json.text("parent").filter(|parent| !parent.is_empty());
    }
    rows.reverse();
    layers.reverse();
    let (id, created, architecture, os) = first.ok_or_else(|| missing(lookup, "config", "of the top layer"))?;
    let config = Config::ancient(created, architecture, os, rows);
    let notes = vec!["saved by a Docker before 1.10: it has no config, so digests are not known".to_owned()];
    Ok(Image { notes, ..bare(source, id, config, layers) })
}
