//! An image as a daemon describes it, without its config: history rows that made no layer have to be told from the others.

use super::history::align;
use super::resolve::{bare, hide_secrets, tags, with_config};
use super::{Config, Digest, HistoryRow, Image, Layer};
use crate::secret::Redacted;
use crate::source::ImageFacts;

/// Puts an image together from what a daemon says and, where it is at hand, the config itself.
pub fn from_facts(facts: &ImageFacts, config: Option<&[u8]>) -> Image {
    let layers: Vec<Layer> = facts
        .diff_ids
        .iter()
        .map(|diff_id| Layer {
            diff_id: Digest::parse(diff_id),
            digest: None,
            media_type: None,
            size: None,
            told_bytes: None,
            member: diff_id.clone(),
            history: None,
        })
        .collect();
    let claimed = Digest::parse(&facts.id);
    let whole = config.and_then(|bytes| with_config(facts.engine, claimed.as_ref(), bytes, layers.clone()).ok());
    let mut image = whole.unwrap_or_else(|| {
        let (os, architecture, variant) = facts.platform.clone();
        let mut config = Config::told(facts.created.clone(), os, architecture, variant, facts.run.clone());
        config.history = rows(facts, layers.len());
        let id = claimed.clone().unwrap_or_else(|| Digest::of(facts.id.as_bytes()));
        bare(facts.engine, id, config, layers)
    });
    image.tags = tags(&facts.tags);
    image.digest = facts.digest.as_deref().and_then(Digest::parse);
    image.history = std::mem::take(&mut image.config.history);
    let note = align(&mut image.history, &mut image.layers);
    image.notes.extend(note);
    // Rows and sizes stand side by side in both.
    if facts.history.len() == image.history.len() {
        for (row, (.., bytes, _)) in image.history.iter().zip(&facts.history) {
            if let Some(layer) = row.layer {
                image.layers[layer].told_bytes = Some(*bytes);
            }
        }
    }
    hide_secrets(&mut image);
    image
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

/// A daemon does not say which rows made a layer. Those that had bytes did, and others by their instruction; what can be
/// either is what makes the numbers agree.
fn rows(facts: &ImageFacts, layers: usize) -> Vec<HistoryRow> {
    let kinds: Vec<Makes> =
        facts.history.iter().map(|(_, text, bytes, _)| makes(&super::readable(text), *bytes)).collect();
    let sure = kinds.iter().filter(|kind| **kind == Makes::Layer).count();
    let mut wanted = layers.saturating_sub(sure);
    let mut empty = vec![false; kinds.len()];
    for (row, kind) in kinds.iter().enumerate().rev() {
        empty[row] = match kind {
            Makes::Layer => false,
            Makes::Either if wanted > 0 => {
                wanted -= 1;
                false
            }
            Makes::Nothing | Makes::Either => true,
        };
    }
    facts
        .history
        .iter()
        .zip(empty)
        .map(|((created, text, _, comment), empty)| HistoryRow {
            created: jiff::Timestamp::from_second(*created).ok().map(|time| time.to_string()),
            created_by: Some(Redacted::new(text)),
            comment: Some(Redacted::new(comment)).filter(|comment| !comment.is_empty()),
            empty,
            ..HistoryRow::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_made_no_layer_are_told_from_the_others() {
        let row = |text: &str, bytes| (0, text.to_owned(), bytes, String::new());
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
            let image = from_facts(&facts(layers, rows), None);
            assert_eq!(image.history.iter().map(|row| row.layer).collect::<Vec<_>>(), want, "{rows:?}");
            assert_eq!(image.layers[0].told_bytes, Some(rows[0].1));
            assert!(image.notes.is_empty(), "{:?}", image.notes);
        }
    }
}
