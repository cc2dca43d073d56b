//! Standard output, standard error, and files that are written whole or not at all.

use std::io::{self, BufWriter, Read as _, Write};
use std::path::Path;

use super::failure::Failure;

/// Lines for people, on standard error. What a user typed may come from elsewhere, and is made harmless too.
pub(crate) fn say(lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(io::stderr(), "{}", explore::bytes::shown_text(line));
    }
}

/// Writes to standard output.
pub(crate) fn print(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    write(&mut out)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Write { name: "standard output".to_owned(), error })
}

/// Writes a file whole or not at all: beside its place first, then in its place.
pub(crate) fn write_whole(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<std::fs::File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let failed = |error| Failure::Write { name: file.display().to_string(), error };
    if is_archive(file) {
        return Err(Failure::NoPlace(file.display().to_string()));
    }
    // A device or pipe is written to as it is.
    if std::fs::metadata(file).is_ok_and(|about| !about.is_file()) {
        let mut out = BufWriter::new(std::fs::OpenOptions::new().write(true).open(file).map_err(failed)?);
        return write(&mut out).and_then(|()| out.flush()).map_err(failed);
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let written = std::fs::File::create(&part).and_then(|created| {
        let mut out = BufWriter::with_capacity(64 * 1024, created);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&part, file)
    });
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        failed(error)
    })
}

/// An image where a report is to go is a slip of the command line: `--json a.tar b.tar`.
fn is_archive(file: &Path) -> bool {
    if !std::fs::metadata(file).is_ok_and(|about| about.is_file()) {
        return false;
    }
    let mut head = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(512).read_to_end(&mut head));
    read.is_ok()
        && (explore::bytes::sniff(&head) != explore::bytes::Compression::None || head.get(257..262) == Some(b"ustar"))
}
