//! One page with everything in it: it asks nothing of a network, and its policy lets nothing run but its own script.

mod rows;
mod tiles;

use std::io::{self, Write};

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::judged::Judged;
use super::words;

pub(super) const STYLE: &str = include_str!("../../assets/report/style.css");
pub(super) const SCRIPT: &str = include_str!("../../assets/report/script.js");

/// Tiles of all maps together; smaller things are folded.
const TILES: usize = 6_000;
/// Rows of all lists of files together.
const FILES: usize = 1_000;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: String,
    policy: String,
    style: &'a str,
    script: &'a str,
    version: &'static str,
    made: String,
    lacking: String,
    images: Vec<rows::Image>,
}

pub(super) fn write(images: &[Judged<'_>], unread: usize, out: &mut dyn Write) -> io::Result<()> {
    let each = images.len().max(1);
    let title = match images {
        [one] => words::image_name(one.found),
        several => super::count(several.len() as u64, "image"),
    };
    let page = Page {
        title: format!("{title} - explore"),
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        version: env!("CARGO_PKG_VERSION"),
        made: super::date(super::time::now()),
        lacking: words::unread_words(unread).unwrap_or_default(),
        images: images
            .iter()
            .enumerate()
            .map(|(place, judged)| rows::image(judged, place, (TILES / each).max(300), (FILES / each).max(50)))
            .collect(),
    };
    let mut out = io::BufWriter::new(out);
    page.write_into(&mut out)?;
    out.flush()
}

/// Nothing may be loaded, and only what stands in the page itself may style it or run (Content Security Policy, level 2).
pub(super) fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
