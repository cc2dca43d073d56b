use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest settings file, Dockerfile, baseline or list.
const MAX_TEXT: u64 = 16 << 20;

/// Reads a text file of at most 16 MiB, whatever it is: a link in a hostile checkout may lead to a device without end.
///
/// # Errors
/// If it cannot be read, is longer, or is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_TEXT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    Ok(text)
}
