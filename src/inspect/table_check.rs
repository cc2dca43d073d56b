//! Holds a layer's table of contents against its tar, where both are read.

use rustc_hash::FxHashMap;

use super::tables::Table;
use crate::bytes::{EntryKind, shown};
use crate::layer::{Batch, Record, RecordKind, index_toc};

/// What both say of an entry. Times and attributes are left out: builders write them in other ways.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    kind: RecordKind,
    link: Vec<u8>,
    size: u64,
    mode: u16,
    owner: (u32, u32),
    device: (u32, u32),
    sha256: Option<[u8; 32]>,
}

impl Said {
    fn of(record: &Record, batch: &Batch) -> Self {
        let is_link = record.kind == RecordKind::Entry(EntryKind::HardLink);
        let has_mode = !is_link && record.kind != RecordKind::Entry(EntryKind::Symlink);
        Self {
            kind: record.kind,
            link: batch.text(&record.link).to_vec(),
            size: record.size,
            mode: if has_mode { record.mode } else { 0 },
            owner: if is_link { (0, 0) } else { (record.uid, record.gid) },
            device: record.device,
            sha256: record.sha256,
        }
    }

    /// The first thing that another says otherwise.
    fn differs(&self, tar: &Self) -> Option<&'static str> {
        match () {
            () if self.kind != tar.kind => Some("kind"),
            () if self.link != tar.link => Some("link"),
            () if self.size != tar.size => Some("size"),
            () if self.sha256.is_some() && tar.sha256.is_some() && self.sha256 != tar.sha256 => Some("content"),
            () if self.mode != tar.mode => Some("mode"),
            () if self.owner != tar.owner => Some("owner"),
            () if self.device != tar.device => Some("device number"),
            () => None,
        }
    }
}

/// Entries by path; of those that are there twice the last counts.
pub(super) type Entries = FxHashMap<Vec<u8>, Entry>;

/// An entry of a table or a tar.
#[derive(Debug)]
pub(super) struct Entry(Said);

/// Adds the entries of a batch.
pub(super) fn add(entries: &mut Entries, batch: &Batch) {
    for record in &batch.records {
        entries.insert(batch.text(&record.path).to_vec(), Entry(Said::of(record, batch)));
    }
}

/// The entries of a table.
///
/// # Errors
/// When it is malformed.
pub(super) fn of_table(table: &Table) -> Result<Entries, String> {
    let mut entries = Entries::default();
    let listed = index_toc(&table.json, table.kind, table.data, &mut |batch| {
        add(&mut entries, &batch);
        true
    });
    listed.map(|_| entries).map_err(|error| error.to_string())
}

/// In what a table differs from the tar, in words; None when they say the same.
pub(super) fn difference(table: &Entries, tar: &Entries) -> Option<String> {
    let mut all: Vec<(&Vec<u8>, String)> = Vec::new();
    for (path, entry) in table {
        match tar.get(path) {
            None => all.push((path, "which the tar does not have".to_owned())),
            Some(own) => {
                let what = entry.0.differs(&own.0);
                all.extend(what.map(|what| (path, format!("which has another {what} in the tar"))));
            }
        }
    }
    let hidden = tar.keys().filter(|path| !table.contains_key(*path));
    all.extend(hidden.map(|path| (path, "which it does not list".to_owned())));
    all.sort();
    let count = all.len();
    let (path, what) = all.into_iter().next()?;
    let more = if count > 1 { format!(" ({count} differences)") } else { String::new() };
    Some(format!("its table of contents and its tar differ: /{}, {what}{more}", shown(path)))
}
