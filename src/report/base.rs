//! Which layers are the base image's, in words: how that is known, what would change otherwise, and how to settle it.

use super::size::{bytes, percent};
use crate::bytes::shown_text;
use crate::gate::Verdict;
use crate::inspect::Inspection;
use crate::waste::{BaseEvidence as Evidence, Reading};

/// Which layers are the base image's, its name, and how that is known.
pub(crate) fn base_words(found: &Inspection) -> String {
    let base = &found.waste.base;
    let name = base.name.as_ref().map(|name| format!(" {}", shown_text(name))).unwrap_or_default();
    let seen = shown_text(&base.seen);
    let layers = match base.layers {
        0 => "no layer is the base image's".to_owned(),
        1 => format!("layer 0 is the base image{name}"),
        some => format!("layers 0 to {} are the base image{name}", some - 1),
    };
    match base.evidence {
        Evidence::None => "no base image is known, so all layers count as own".to_owned(),
        Evidence::Guess => {
            let maybe = first_layers(base.maybe.unwrap_or(0));
            format!("no base image is known, so all layers count as own; {maybe} may be one{name}, going by {seen}")
        }
        _ => format!("{layers}, going by {seen}"),
    }
}

/// What would change with another base; None where nothing hints at one.
pub(crate) fn otherwise_words(found: &Inspection, verdict: Option<&Verdict>) -> Option<String> {
    let Reading { layers, own_bytes, own_content_bytes } = found.waste.otherwise?;
    let who = match layers {
        0 => "without a base image".to_owned(),
        some => format!("if {} were the base image's", first_layers(some)),
    };
    let verdict = match verdict.map(|verdict| (verdict.pass(), verdict.passes_otherwise)) {
        Some((now, Some(then))) if now == then => format!(", and the gate would {} all the same", gate_word(then)),
        Some((_, Some(then))) => format!(", and the gate would {}", gate_word(then)),
        _ => String::new(),
    };
    Some(format!(
        "{who}, {} of the {} in own layers would be wasted ({}){verdict}",
        bytes(own_bytes),
        bytes(own_content_bytes),
        percent(share(own_bytes, own_content_bytes)),
    ))
}

/// How to settle which layers are the base image's; None where it is settled.
pub(crate) fn settle_words(found: &Inspection) -> Option<String> {
    let base = &found.waste.base;
    let name = base.name.as_ref().or(base.lookalike.as_ref()).map(|name| shown_text(name));
    let hint = match (&base.lookalike, base.name.is_some()) {
        (Some(_), false) => ", which is pulled here and has the same first layers",
        _ => "",
    };
    let count = base.maybe.map(|layers| format!(" or `--base-layers {layers}`")).unwrap_or_default();
    let how = format!(
        "`--base {}`{hint}{count}, the annotation org.opencontainers.image.base.name, or `--dockerfile FILE`",
        name.as_deref().unwrap_or("IMAGE")
    );
    match base.evidence {
        Evidence::Guess => Some(format!("the stricter reading decides; settle it with {how}")),
        Evidence::None if base.lookalike.is_some() || base.name.is_some() => {
            Some(format!("if it is built on a base image, say so with {how}"))
        }
        _ => base.maybe.map(|layers| {
            format!(
                "{} may be the base image's, and the stricter reading decides; settle it with {how}",
                first_layers(layers)
            )
        }),
    }
}

/// All of it, a sentence each.
pub(crate) fn base_lines(found: &Inspection, verdict: Option<&Verdict>) -> Vec<String> {
    let lines = [Some(base_words(found)), otherwise_words(found, verdict), settle_words(found)];
    lines.into_iter().flatten().collect()
}

/// Own waste in percent of the content of own layers.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn first_layers(layers: usize) -> String {
    match layers {
        1 => "layer 0".to_owned(),
        some => format!("layers 0 to {}", some.saturating_sub(1)),
    }
}

fn gate_word(pass: bool) -> &'static str {
    if pass { "pass" } else { "fail" }
}
