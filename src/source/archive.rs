use rustc_hash::FxHashMap;

use super::SourceError;
use super::shape::seems_to_be;
use crate::bytes::{Entry, EntryKind, Hopping, TarError, Walker, Window};

/// An uncompressed tar on disk: where each member lies. Content is not read.
#[derive(Debug)]
pub struct Archive {
    window: Window,
    members: FxHashMap<String, Place>,
    /// What kept it from being walked to the end.
    pub damage: Option<TarError>,
}

#[derive(Debug)]
enum Place {
    Content {
        start: u64,
        len: u64,
    },
    /// Stored sparse, as `tar -S` does: where the stored bytes are, and the size with holes.
    Sparse {
        start: u64,
        map: Vec<(u64, u64)>,
        size: u64,
    },
    Link(String),
}

/// Old archives share layers by links from one to the next; more steps than this are a loop.
const MAX_LINKS: usize = 128;

impl Archive {
    /// Hops from member to member.
    ///
    /// # Errors
    /// When not even the first header is one. An archive that breaks off later is kept as far as it goes.
    pub(super) fn walk(window: Window, name: &str) -> Result<Self, SourceError> {
        let mut walker = Walker::new(Hopping::new(window.clone()), 0);
        let mut members = FxHashMap::default();
        let mut entry = Entry::default();
        let damage = loop {
            match walker.next(&mut entry) {
                Ok(true) => {
                    let place = match entry.kind {
                        EntryKind::File => {
                            let start = walker.position();
                            match entry.sparse.take() {
                                Some(map) => Place::Sparse { start, map, size: entry.size },
                                None => Place::Content { start, len: walker.remaining() },
                            }
                        }
                        EntryKind::Symlink | EntryKind::HardLink => Place::Link(link_target(&entry)),
                        _ => continue,
                    };
                    members.insert(normal_name(&entry.path), place);
                }
                Ok(false) => break walker.trailer().err(),
                Err(TarError::Header { at: 0, .. }) => {
                    return Err(SourceError::NoTar { name: name.into(), problem: seems_to_be(&window) });
                }
                Err(error @ TarError::Truncated { .. }) if members.is_empty() => {
                    return Err(match window.len() {
                        0..512 => SourceError::NoTar { name: name.into(), problem: seems_to_be(&window) },
                        _ => SourceError::Tar { name: name.into(), error },
                    });
                }
                Err(error) => break Some(error),
            }
        };
        Ok(Self { window, members, damage })
    }

    pub(super) fn get(&self, name: &str) -> Option<Window> {
        let mut name = normal_name(name.as_bytes());
        for _ in 0..MAX_LINKS {
            match self.members.get(&name)? {
                Place::Content { start, len } => return Some(self.window.part(*start, *len)),
                Place::Sparse { start, map, size } => {
                    return Some(self.window.part(*start, u64::MAX).sparse(map, *size));
                }
                Place::Link(target) => name.clone_from(target),
            }
        }
        None
    }

    pub(super) fn size(&self) -> u64 {
        self.window.len()
    }

    /// Names of all members, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }
}

/// Where a link between members leads: a symbolic link from its own directory, a hard link from the top.
pub(super) fn link_target(entry: &Entry) -> String {
    let target = String::from_utf8_lossy(&entry.link);
    if entry.kind == EntryKind::HardLink || target.starts_with('/') {
        return normal_name(target.as_bytes());
    }
    let own = normal_name(&entry.path);
    let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
    normal_name(format!("{folder}/{target}").as_bytes())
}

/// A member's name without `./`, `/` and `..` steps. Members are looked up by it, never opened on a disk.
pub fn normal_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_of_members() {
        assert_eq!(normal_name(b"./blobs//sha256/ab"), "blobs/sha256/ab");
        let link = |kind, path: &str, link: &str| {
            link_target(&Entry { kind, path: path.into(), link: link.into(), ..Entry::default() })
        };
        assert_eq!(link(EntryKind::Symlink, "b/layer.tar", "../a/layer.tar"), "a/layer.tar");
        assert_eq!(link(EntryKind::HardLink, "b/layer.tar", "a/layer.tar"), "a/layer.tar");
    }
}
