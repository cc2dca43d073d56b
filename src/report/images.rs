use std::io::{self, Write};

use jiff::Timestamp;

use super::size::bytes;
use super::time::{ago, rfc3339};
use crate::bytes::shown_text;
use crate::source::Listed;

/// Writes the images of daemons, one a line.
///
/// # Errors
/// When `out` can't be written.
pub fn write_images(
    images: &[Listed],
    known: &dyn Fn(&Listed) -> bool,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<()> {
    let names: Vec<String> =
        images.iter().map(|image| format!("{}:{}", image.engine.name(), shown_text(&image.name))).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0).max(5);
    writeln!(out, "{:<width$}  {:>9}  {:<15}  IN CACHE", "IMAGE", "SIZE", "CREATED")?;
    for (image, name) in images.iter().zip(names) {
        let age = ago(Some(&rfc3339(image.created)), now);
        let known = if known(image) { "yes" } else { "" };
        let line = format!("{name:<width$}  {:>9}  {age:<15}  {known}", bytes(image.size));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
