//! Our walk against the `tar` crate: what both read, both read alike. Where one refuses and the other does not is not a finding:
//! ours limits more, and agrees with Go where the two differ.

use std::io::Read as _;

use explore::bytes::{Entry, EntryKind, Flowing, Walker};

/// Runs one input.
pub fn run(data: &[u8]) {
    let data = &super::with_checksums(data)[..];
    let mut archive = ::tar::Archive::new(data);
    let Ok(theirs) = archive.entries() else { return };
    let mut walker = Walker::new(Flowing::new(data), 0);
    let mut entry = Entry::default();
    for theirs in theirs {
        let Ok(mut theirs) = theirs else { return };
        let kind = match theirs.header().entry_type() {
            ::tar::EntryType::Regular | ::tar::EntryType::Continuous => EntryKind::File,
            ::tar::EntryType::Directory => EntryKind::Directory,
            ::tar::EntryType::Symlink => EntryKind::Symlink,
            // Sparse files, and types that ours skips or reads in Go's way.
            _ => return,
        };
        // Go wants a name for more than one header before an entry; pax sizes of what is not a file are ignored there.
        let Ok(true) = walker.next(&mut entry) else { return };
        if entry.start != theirs.raw_header_position() || entry.sparse.is_some() {
            return;
        }
        assert!(entry.kind == kind || entry.path.ends_with(b"/"));
        // A prefix field in a header with GNU's magic is part of the path for Go and for us; the crate ignores it.
        let name = theirs.path_bytes();
        assert!(entry.path == *name || entry.path.ends_with(&[b"/", &*name].concat()), "{:?} {name:?}", entry.path);
        if kind == EntryKind::File {
            if entry.size != theirs.size() {
                return;
            }
            let mut content = Vec::new();
            let mut other = Vec::new();
            let ours = walker.content(|piece| content.extend_from_slice(piece)).is_ok();
            if theirs.read_to_end(&mut other).is_ok() && ours {
                assert_eq!(content, other);
            }
        }
    }
}
