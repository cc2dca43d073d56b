//! Whether the layers that were read so far, from the last one down, decide what a path is.

use std::collections::HashMap;

use crate::bytes::EntryKind;
use crate::layer::{Batch, RecordKind};

/// Symbolic links that are followed, as Linux does.
const MAX_LINKS: usize = 40;

/// What one layer says of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Directory,
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    Other,
    Gone,
}

/// What the layers say, the last one first.
#[derive(Debug, Default)]
pub(super) struct PathSearch {
    layers: Vec<Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    paths: HashMap<Vec<u8>, Said>,
    /// Directories of which nothing below the layer is left; the root is empty.
    opaque: Vec<Vec<u8>>,
}

/// What is known of a path.
enum Known<'k> {
    Said(&'k Said),
    Unknown,
}

impl PathSearch {
    /// Begins with the next layer below.
    pub(super) fn next_layer(&mut self) {
        self.layers.push(Layer::default());
    }

    /// Takes records of the layer.
    pub(super) fn take(&mut self, batch: &Batch) {
        let Some(layer) = self.layers.last_mut() else { return };
        for record in &batch.records {
            let path = batch.text(&record.path).to_vec();
            let link = || batch.text(&record.link).to_vec();
            let said = match record.kind {
                RecordKind::Opaque => {
                    // The mark lies in the directory, so the layer has it.
                    layer.paths.entry(path.clone()).or_insert(Said::Directory);
                    layer.opaque.push(path);
                    continue;
                }
                RecordKind::Whiteout => {
                    // What the layer itself brings stays.
                    layer.paths.entry(path).or_insert(Said::Gone);
                    continue;
                }
                RecordKind::Entry(EntryKind::Directory) => Said::Directory,
                RecordKind::Entry(EntryKind::Symlink) => Said::Symlink(link()),
                RecordKind::Entry(EntryKind::HardLink) => Said::HardLink(link()),
                RecordKind::Entry(_) => Said::Other,
            };
            let mut above = &path[..];
            while let Some(slash) = above.iter().rposition(|byte| *byte == b'/') {
                above = &above[..slash];
                let known = layer.paths.entry(above.to_vec()).or_insert(Said::Directory);
                if *known == Said::Gone {
                    *known = Said::Directory;
                }
            }
            layer.paths.insert(path, said);
        }
    }

    fn known(&self, path: &[u8]) -> Known<'_> {
        const GONE: Said = Said::Gone;
        for layer in &self.layers {
            if let Some(said) = layer.paths.get(path) {
                return Known::Said(said);
            }
            let mut above = path;
            loop {
                above = above.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |slash| &above[..slash]);
                if layer.opaque.iter().any(|own| own == above) || layer.paths.get(above) == Some(&Said::Gone) {
                    return Known::Said(&GONE);
                }
                if above.is_empty() {
                    break;
                }
            }
        }
        Known::Unknown
    }

    /// Whether the path, its links followed, is a file or nothing, whatever lower layers say.
    pub(super) fn decides(&self, path: &[u8]) -> bool {
        let mut left: Vec<Vec<u8>> = parts(path);
        left.reverse();
        let mut at: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == b".." {
                let end = at.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                at.truncate(end);
                continue;
            }
            let mut next = at.clone();
            if !next.is_empty() {
                next.push(b'/');
            }
            next.extend_from_slice(&part);
            match self.known(&next) {
                Known::Unknown => return false,
                Known::Said(Said::Gone) => return true,
                Known::Said(Said::Directory) => at = next,
                Known::Said(Said::Symlink(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return true;
                    }
                    if target.first() == Some(&b'/') {
                        at.clear();
                    }
                    left.extend(parts(target).into_iter().rev());
                }
                // What the link names has to be there, too.
                Known::Said(Said::HardLink(target)) => {
                    return !matches!(self.known(target), Known::Unknown | Known::Said(Said::HardLink(_)));
                }
                Known::Said(Said::Other) => return true,
            }
        }
        // A directory may have more below.
        false
    }
}

fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{Flowing, Walker};
    use crate::layer::{Hashing, Passing, index};

    fn layer(search: &mut PathSearch, entries: &[(&str, tar::EntryType, &str)]) {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, link) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(0);
            header.set_mode(0o644);
            let _ = if link.is_empty() {
                builder.append_data(&mut header, path, &b""[..])
            } else {
                builder.append_link(&mut header, path, link)
            };
        }
        let tar = builder.into_inner().unwrap_or_default();
        search.next_layer();
        let passing = Passing { hashing: Hashing::None, keep: &[], watch: None };
        index(&mut Walker::new(Flowing::new(&tar[..]), 0), passing, &mut |batch| {
            search.take(&batch);
            true
        });
    }

    #[test]
    fn when_upper_layers_decide() {
        use tar::EntryType::{Directory, Link, Regular, Symlink};
        let mut search = PathSearch::default();
        layer(
            &mut search,
            &[
                ("etc/own", Regular, ""),
                ("etc/.wh.gone", Regular, ""),
                ("var/.wh..wh..opq", Regular, ""),
                ("link", Symlink, "/usr/lib/x"),
                ("here", Symlink, "etc/own"),
                ("hard", Link, "usr/lib/y"),
                ("opt", Directory, ""),
            ],
        );
        for (path, decided) in [
            ("etc/own", true),
            ("/etc/own", true),
            ("etc/gone", true),
            ("etc/gone/below", true),
            ("etc/other", false),
            ("var/log/x", true),
            ("link", false),
            ("here", true),
            ("hard", false),
            ("opt", false),
            ("opt/x", false),
            ("none", false),
        ] {
            assert_eq!(search.decides(path.as_bytes()), decided, "{path}");
        }
        layer(&mut search, &[("usr/lib/x", Regular, ""), ("usr/lib/y", Regular, ""), ("etc/gone", Regular, "")]);
        for path in ["link", "hard", "etc/gone"] {
            assert!(search.decides(path.as_bytes()), "{path}");
        }
    }
}
