//! A Dockerfile from the history alone.

use super::Build;
use crate::image::Image;

/// Where it is said to come from.
const PATH: &str = "Dockerfile.reconstructed";

/// One instruction for each row after the base's. None when there is nothing after it.
pub(super) fn reconstruct(image: &Image, base: Option<&str>, base_rows: usize) -> Option<Build> {
    let mut text = String::from(
        "# Reconstructed from the image's history; the Dockerfile that it was built from may look different.\n",
    );
    text.push_str(&format!("FROM {}\n", base.unwrap_or(if base_rows == 0 { "scratch" } else { "the-base-image" })));
    let mut rows = Vec::new();
    for (row, made) in image.history.iter().enumerate().skip(base_rows) {
        let Some(instruction) = made.instruction() else { continue };
        // Whatever other tools record is not an instruction.
        if Build::parse(PATH, &format!("FROM scratch\n{instruction}\n"))
            .is_ok_and(|build| build.stages[0].steps.len() == 1)
        {
            text.push_str(&instruction);
            text.push('\n');
            rows.push(row);
        }
    }
    let mut build = Build::parse(PATH, &text).ok().filter(|_| !rows.is_empty())?;
    build.is_reconstructed = true;
    let below = &image.history[..base_rows.min(image.history.len())];
    let mut around = super::Surroundings::default();
    for row in below.iter().filter_map(|row| row.instruction()) {
        let (keyword, text) = row.split_once(' ').unwrap_or((&row, ""));
        around.apply(keyword, text);
    }
    build.surround(&super::Surroundings::default(), &around);
    for (step, row) in build.stages[0].steps.iter_mut().zip(rows) {
        step.row = Some(row);
        step.is_exact = true;
        step.layer = image.history[row].layer.and_then(|layer| u16::try_from(layer).ok());
    }
    Some(build)
}
