//! What something that is not an image seems to be, so that an error can say so.

use std::io::Read as _;

use super::SourceError;
use crate::bytes::{TarError, Window};

/// Says what bytes that are not a tar seem to be.
pub fn seems_to_be(window: &Window) -> String {
    let mut head = [0; 512];
    let got = window.clone().read(&mut head).unwrap_or(0);
    let head = &head[..got];
    match head {
        [b'P', b'K', 3 | 5, ..] => "it seems to be a zip file".to_owned(),
        [0x7f, b'E', b'L', b'F', ..] => "it seems to be a program (ELF)".to_owned(),
        [b'{' | b'[', ..] => "it seems to be a JSON document".to_owned(),
        [b'#', b'!', ..] => "it seems to be a script".to_owned(),
        _ if head.starts_with(b"FROM ") || head.starts_with(b"# syntax") => {
            "it seems to be a Dockerfile; build it, then name the image".to_owned()
        }
        _ if head.iter().all(|byte| *byte == 0) => "it begins with zero bytes".to_owned(),
        _ => "it does not begin with a tar header".to_owned(),
    }
}

pub(super) fn no_tar(name: &str, error: TarError) -> SourceError {
    match error {
        TarError::Header { at: 0, .. } => {
            SourceError::NoTar { name: name.to_owned(), problem: "it does not begin with a tar header".to_owned() }
        }
        TarError::Io { at: 0, error } => SourceError::Read { name: name.to_owned(), error },
        error => SourceError::Tar { name: name.to_owned(), error },
    }
}

/// Says of a tar without a manifest what it seems to be and what to do instead.
pub fn unlike_an_image<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const ROOT: [&str; 9] = ["bin", "etc", "usr", "lib", "var", "root", "sbin", "proc", "dev"];
    const PROJECT: [&str; 8] =
        ["Makefile", "Cargo.toml", "package.json", "go.mod", "README.md", "configure", "setup.py", "Dockerfile"];
    let mut tops: Vec<&str> = Vec::new();
    let mut project = false;
    let mut layer = false;
    let mut count = 0_usize;
    for name in names {
        count += 1;
        let mut parts = name.split('/');
        let top = parts.next().unwrap_or(name);
        project |= PROJECT.contains(&top) || parts.next().is_some_and(|second| PROJECT.contains(&second));
        layer |= name.rsplit('/').next().is_some_and(|base| base.starts_with(".wh."));
        if !tops.contains(&top) && tops.len() < 64 {
            tops.push(top);
        }
    }
    let roots = ROOT.iter().filter(|root| tops.contains(*root)).count();
    if count == 0 {
        return "it holds no files".to_owned();
    }
    if layer {
        return "it seems to be a single layer (it has whiteouts); name the image that it belongs to".to_owned();
    }
    if roots >= 2 {
        return "it seems to be a root file system, as `docker export` or `buildx --output type=tar` write it; \
                those have no layers: use `docker save IMAGE -o FILE`"
            .to_owned();
    }
    if tops.contains(&"blobs") {
        return "it has blobs but no index; it may be cut off: save the image again".to_owned();
    }
    if project {
        return "it seems to be a source tarball or a file system; an image is written by `docker save IMAGE -o FILE`"
            .to_owned();
    }
    "an image is written by `docker save IMAGE -o FILE`".to_owned()
}
