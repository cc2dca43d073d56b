use std::io::{self, Write};

use serde::Serialize;

use super::time::{date, exact_rfc3339};
use crate::bytes::shown;
use crate::tree::{EventKind, EventRef, NodeId, Tree};

/// How `explore ls` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// A path a line, made harmless.
    Paths,
    /// With mode, owner, size, time and link target.
    Long,
    /// Raw paths, each ended by a NUL byte.
    Nul,
    /// A JSON array.
    Json,
}

#[derive(Serialize)]
struct Row {
    path: String,
    #[serde(flatten)]
    about: About,
    /// In the compressed layer, where that is known; a hard link's is that of its file.
    pull_bytes: Option<u64>,
    pull_estimated: Option<bool>,
}

/// What is told of a path, in every list of them.
#[derive(Serialize)]
pub(super) struct About {
    kind: &'static str,
    bytes: u64,
    mode: String,
    uid: u32,
    gid: u32,
    mtime: Option<String>,
    target: Option<String>,
    /// Major and minor number of a device, `5:1`.
    device: Option<String>,
}

impl About {
    /// Of what an event says, with so many bytes.
    pub(super) fn of(tree: &Tree, at: EventRef, bytes: u64) -> Self {
        let event = tree.event_at(at);
        let attributes = tree.attributes(at);
        let target = tree.symlink(event).map(shown);
        Self {
            kind: event.kind().name(),
            bytes,
            mode: format!("{:04o}", attributes.mode),
            uid: attributes.uid,
            gid: attributes.gid,
            mtime: event.mtime().and_then(exact_rfc3339),
            target: target.or_else(|| tree.link_target(event).map(|target| shown(&tree.paths.path(target)))),
            device: tree.device(tree.event_at(tree.stands_for(at))).map(|(major, minor)| format!("{major}:{minor}")),
        }
    }
}

/// Lists what is below `top` after `layer`, `depth` levels of it, in the byte order of paths; `top` itself only when it is
/// no directory.
///
/// # Errors
/// When `out` can't be written.
pub fn write_listing(
    tree: &Tree,
    top: (NodeId, Option<EventRef>),
    layer: u16,
    depth: usize,
    format: ListFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut all = Vec::new();
    match top.1 {
        Some(at) if tree.event_at(at).kind() != EventKind::Directory => all.push((top.0, at)),
        _ => {
            let mut folders = vec![(top.0, depth)];
            while let Some((folder, depth)) = folders.pop() {
                for (node, at) in tree.entries(folder, layer) {
                    all.push((node, at));
                    if depth > 1 && tree.event_at(at).kind() == EventKind::Directory {
                        folders.push((node, depth - 1));
                    }
                }
            }
        }
    }
    let ranks = tree.paths.ranks();
    all.sort_unstable_by_key(|(node, _)| ranks[node.index()]);
    if format == ListFormat::Json {
        let rows = all.iter().map(|(node, at)| row(tree, *node, *at));
        let mut json = serde_json::Serializer::pretty(&mut *out);
        serde::Serializer::collect_seq(&mut json, rows)?;
        return writeln!(out);
    }
    let mut path = Vec::new();
    // Numbers line up whatever is listed.
    let widths = if format == ListFormat::Long { widths(tree, &all) } else { (0, 0) };
    for (node, at) in all {
        tree.paths.write_path(node, &mut path);
        match format {
            ListFormat::Nul => {
                out.write_all(&path)?;
                out.write_all(b"\0")?;
            }
            ListFormat::Long => write_long(tree, &path, at, widths, out)?,
            _ => writeln!(out, "{}", shown(&path))?,
        }
    }
    Ok(())
}

fn widths(tree: &Tree, all: &[(NodeId, EventRef)]) -> (usize, usize) {
    all.iter().fold((0, 0), |(owner, size), (_, at)| {
        let about = tree.attributes(*at);
        let owner = owner.max(format!("{}:{}", about.uid, about.gid).len());
        (owner, size.max(size_or_device(tree, *at).len()))
    })
}

fn size_or_device(tree: &Tree, at: EventRef) -> String {
    match tree.device(tree.event_at(at)) {
        Some((major, minor)) => format!("{major},{minor}"),
        None => content_bytes(tree, at).to_string(),
    }
}

/// A hard link has the size of the file that it names.
fn content_bytes(tree: &Tree, at: EventRef) -> u64 {
    tree.event_at(tree.copy_of(at).unwrap_or(at)).size
}

fn write_long(
    tree: &Tree,
    path: &[u8],
    at: EventRef,
    (owner_width, size_width): (usize, usize),
    out: &mut impl Write,
) -> io::Result<()> {
    let event = tree.event_at(at);
    let about = tree.attributes(at);
    let owner = format!("{}:{}", about.uid, about.gid);
    let time = event.mtime().map_or_else(|| "-".to_owned(), date);
    let size = size_or_device(tree, at);
    let mode = permissions(event.kind(), about.mode);
    write!(out, "{mode} {owner:<owner_width$} {size:>size_width$} {time:<16} {}", shown(path))?;
    if let Some(target) = tree.symlink(event) {
        write!(out, " -> {}", shown(target))?;
    } else if let Some(target) = tree.link_target(event) {
        write!(out, " link to {}", shown(&tree.paths.path(target)))?;
    }
    writeln!(out)
}

fn row(tree: &Tree, node: NodeId, at: EventRef) -> Row {
    let copy = tree.copy_of(at);
    let pull_bytes = copy.and_then(|copy| tree.pull_bytes(copy));
    let estimated = copy.is_some_and(|copy| tree.layers[usize::from(copy.layer)].pull_estimated);
    Row {
        path: shown(&tree.paths.path(node)),
        about: About::of(tree, at, content_bytes(tree, at)),
        pull_bytes,
        pull_estimated: pull_bytes.map(|_| estimated),
    }
}

/// `drwxr-sr-t`, as `ls -l` writes it.
pub fn permissions(kind: EventKind, mode: u16) -> String {
    let first = match kind {
        EventKind::File | EventKind::HardLink => '-',
        EventKind::Directory => 'd',
        EventKind::Symlink => 'l',
        EventKind::Char => 'c',
        EventKind::Block => 'b',
        EventKind::Fifo => 'p',
    };
    let mut text = String::with_capacity(10);
    text.push(first);
    for (shift, special, set) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, true) => 'x',
            (false, false) => '-',
            (true, true) => set,
            (true, false) => set.to_ascii_uppercase(),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_as_ls_writes_them() {
        assert_eq!(permissions(EventKind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(permissions(EventKind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(permissions(EventKind::File, 0o2644), "-rw-r-Sr--");
        assert_eq!(permissions(EventKind::Symlink, 0o777), "lrwxrwxrwx");
    }
}
