//! Indexes of layers that were read before, kept in the user's cache directory by diff ID. An index is stored only for bytes
//! whose digest was computed, so a name that someone merely claims can't get into it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::index::IndexEnd;
use super::record::{Batch, Record, RecordKind};
use crate::bytes::EntryKind;

/// What every file begins with; the number is that of the format, and files of another are not read.
const MAGIC: &[u8; 16] = b"explore layer 2\n";
const BATCH: u8 = 1;
const END: u8 = 2;
/// No index is larger; a file that says so is damaged.
const MAX_FRAME: usize = 64 << 20;

/// What a file of the cache is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Layer,
    Image,
    Other,
}

/// A directory of indexes.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// What the cache holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Indexes of layers.
    pub layers: usize,
    /// Documents of images: configs, manifests, indexes.
    pub images: usize,
    /// Bytes of all that it holds.
    pub bytes: u64,
}

/// What was known of a layer's end, from a stored index.
#[derive(Debug, Default)]
pub struct StoredEnd {
    /// As when the layer was read.
    pub end: IndexEnd,
    /// How the blob was compressed, by name; `none` where it was not.
    pub compression: String,
    /// Bytes of the blob, where it was compressed.
    pub compressed_bytes: Option<u64>,
}

impl Cache {
    /// A cache in `folder`, which need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn layer(&self, diff_id: &str) -> PathBuf {
        self.folder.join("layers").join(diff_id.replace(':', "-"))
    }

    fn image(&self, id: &str) -> PathBuf {
        self.folder.join("images").join(id.replace(':', "-"))
    }

    fn other(&self, id: &str) -> PathBuf {
        self.folder.join("others").join(id.replace([':', '/'], "-"))
    }

    /// Whether a layer's index is there; whether it is sound shows when it is read.
    pub fn has(&self, diff_id: &str) -> bool {
        self.layer(diff_id).is_file()
    }

    /// Hands out all batches of a layer's index. None when it is not there, damaged or of another format; some batches may
    /// have been handed out by then only if `take` was told so by the last of them: the whole file is checked first.
    pub fn read(&self, diff_id: &str, take: &mut dyn FnMut(Batch) -> bool) -> Option<StoredEnd> {
        let path = self.layer(diff_id);
        let bytes = fs::read(&path).ok()?;
        let body = sound(&bytes, diff_id)?;
        // Used lately: the oldest go first when there is too much.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        let mut reader = Reader(body);
        loop {
            let (kind, mut frame) = reader.frame()?;
            match kind {
                BATCH => {
                    if !take(frame.batch()?) {
                        return None;
                    }
                }
                END => return frame.end(),
                _ => return None,
            }
        }
    }

    /// Begins to store a layer's index; its name comes at the end.
    ///
    /// # Errors
    /// When the directory can't be written.
    pub fn writer(&self) -> io::Result<CacheWriter> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = self.folder.join("layers");
        fs::create_dir_all(&folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let part = folder.join(format!(".{}-{number}.part", std::process::id()));
        let file = File::create_new(&part)?;
        Ok(CacheWriter {
            part: Part(part),
            file: BufWriter::with_capacity(256 * 1024, file),
            hash: blake3::Hasher::new(),
        })
    }

    /// A document of an image (index, manifest, config, attestation) by its digest, which the caller checks.
    pub fn document(&self, digest: &str) -> Option<Vec<u8>> {
        fs::read(self.image(digest)).ok()
    }

    /// Stores a document of an image, whose digest the caller has checked.
    ///
    /// # Errors
    /// When the directory can't be written.
    pub fn keep_document(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.image(digest);
        if path.is_file() {
            return Ok(());
        }
        let folder = self.folder.join("images");
        fs::create_dir_all(&folder)?;
        let part = Part(folder.join(format!(".{}.part", std::process::id())));
        fs::write(&part.0, bytes)?;
        fs::rename(&part.0, path)
    }

    /// The diff IDs of an image that another one may be built on, as a daemon told them before.
    pub fn diff_ids(&self, id: &str) -> Option<Vec<String>> {
        let text = fs::read_to_string(self.other(id)).ok()?;
        // A file that was cut off has no line end.
        let lines = text.strip_suffix('\n')?.lines().map(str::to_owned);
        Some(lines.collect())
    }

    /// Remembers them.
    ///
    /// # Errors
    /// When the directory can't be written.
    pub fn keep_diff_ids(&self, id: &str, diff_ids: &[String]) -> io::Result<()> {
        let folder = self.folder.join("others");
        fs::create_dir_all(&folder)?;
        let part = Part(folder.join(format!(".{}.part", std::process::id())));
        fs::write(&part.0, diff_ids.join("\n") + "\n")?;
        fs::rename(&part.0, self.other(id))
    }

    fn files(&self) -> Vec<(PathBuf, u64, SystemTime, Kind)> {
        let mut files = Vec::new();
        for (name, kind) in [("layers", Kind::Layer), ("images", Kind::Image), ("others", Kind::Other)] {
            for entry in fs::read_dir(self.folder.join(name)).into_iter().flatten().flatten() {
                if let Ok(about) = entry.metadata()
                    && about.is_file()
                {
                    let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    files.push((entry.path(), about.len(), used, kind));
                }
            }
        }
        files
    }

    /// What it holds.
    pub fn used(&self) -> CacheUse {
        self.files().iter().fold(CacheUse::default(), |sum, (_, bytes, _, kind)| CacheUse {
            layers: sum.layers + usize::from(*kind == Kind::Layer),
            images: sum.images + usize::from(*kind == Kind::Image),
            bytes: sum.bytes + bytes,
        })
    }

    /// Removes what was not used for longer than `age`, and then the oldest until no more than `limit` bytes are left.
    /// Returns what was removed.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub fn prune(&self, limit: u64, age: Option<Duration>) -> io::Result<CacheUse> {
        let mut files = self.files();
        files.sort_by_key(|(_, _, used, _)| std::cmp::Reverse(*used));
        let (mut kept, mut gone) = (0, CacheUse::default());
        for (path, bytes, used, kind) in files {
            let old = age.is_some_and(|age| used.elapsed().is_ok_and(|elapsed| elapsed > age));
            // What another process is writing now is young.
            let being_written = path.extension().is_some_and(|end| end == "part")
                && used.elapsed().is_ok_and(|elapsed| elapsed < Duration::from_secs(3600));
            if being_written {
                continue;
            }
            kept += bytes;
            if old || kept > limit || path.extension().is_some_and(|end| end == "part") {
                kept -= bytes;
                match fs::remove_file(&path) {
                    // Another process was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    other => other?,
                }
                gone.bytes += bytes;
                gone.layers += usize::from(kind == Kind::Layer);
                gone.images += usize::from(kind == Kind::Image);
            }
        }
        Ok(gone)
    }
}

/// A file that goes away unless it gets its name.
#[derive(Debug)]
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Stores the index of one layer while it is read. Dropped without a name, it leaves nothing.
#[derive(Debug)]
pub struct CacheWriter {
    part: Part,
    file: BufWriter<File>,
    hash: blake3::Hasher,
}

impl CacheWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }

    fn frame(&mut self, kind: u8, frame: &[u8]) -> io::Result<()> {
        self.write(&[kind])?;
        self.write(&(frame.len() as u32).to_le_bytes())?;
        self.write(frame)
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn batch(&mut self, batch: &Batch) -> io::Result<()> {
        let mut frame = Vec::with_capacity(batch.records.len() * 48);
        put(&mut frame, batch.records.len() as u64);
        let mut before: &[u8] = &[];
        for record in &batch.records {
            let path = batch.text(&record.path);
            let shared = path.iter().zip(before).take_while(|(a, b)| a == b).count();
            frame.push(kind_number(record.kind));
            put(&mut frame, shared as u64);
            put_bytes(&mut frame, &path[shared..]);
            before = path;
            put_bytes(&mut frame, batch.text(&record.link));
            put_bytes(&mut frame, batch.text(&record.xattrs));
            for number in [
                record.size,
                record.block.into(),
                record.header_blocks.into(),
                record.mode.into(),
                record.uid.into(),
                record.gid.into(),
                // Zigzag: small for small times of either sign.
                ((record.mtime << 1) ^ (record.mtime >> 63)) as u64,
                record.device.0.into(),
                record.device.1.into(),
                record.pull_bytes.map_or(0, |bytes| bytes.saturating_add(1)),
            ] {
                put(&mut frame, number);
            }
            match record.content {
                Some(content) => {
                    frame.push(1);
                    frame.extend_from_slice(&content);
                }
                None => frame.push(0),
            }
        }
        self.frame(BATCH, &frame)
    }

    /// Ends the index and gives it the name of the layer, whose digest the caller has computed.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(
        mut self,
        cache: &Cache,
        diff_id: &str,
        end: &IndexEnd,
        compression: &str,
        compressed_bytes: Option<u64>,
    ) -> io::Result<()> {
        let mut frame = Vec::new();
        put(&mut frame, end.tar_bytes);
        put(&mut frame, end.entries);
        put_bytes(&mut frame, compression.as_bytes());
        put(&mut frame, compressed_bytes.map_or(0, |bytes| bytes.saturating_add(1)));
        put(&mut frame, end.notes.len() as u64);
        for note in &end.notes {
            put_bytes(&mut frame, note.as_bytes());
        }
        put(&mut frame, end.kept.len() as u64);
        for (block, bytes) in &end.kept {
            put(&mut frame, (*block).into());
            put_bytes(&mut frame, bytes);
        }
        put(&mut frame, end.seen.len() as u64);
        for (block, shows) in &end.seen {
            put(&mut frame, (*block).into());
            put(&mut frame, (*shows).into());
        }
        put(&mut frame, end.zeros.len() as u64);
        for (block, zeros) in &end.zeros {
            put(&mut frame, (*block).into());
            put(&mut frame, *zeros);
        }
        self.frame(END, &frame)?;
        // The name is part of what is checked: a file that was given another is foreign.
        self.hash.update(diff_id.as_bytes());
        self.hash.update(MAGIC);
        let seal = *self.hash.finalize().as_bytes();
        let Self { part, mut file, .. } = self;
        file.write_all(&seal)?;
        file.write_all(MAGIC)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?;
        fs::rename(&part.0, cache.layer(diff_id))
    }
}

/// What is between the file's ends, when all of it is as it was written.
fn sound<'b>(bytes: &'b [u8], diff_id: &str) -> Option<&'b [u8]> {
    let (body, magic) = bytes.split_last_chunk::<16>()?;
    let (body, seal) = body.split_last_chunk::<32>()?;
    if magic != MAGIC {
        return None;
    }
    let mut hash = blake3::Hasher::new();
    hash.update(body);
    hash.update(diff_id.as_bytes());
    hash.update(MAGIC);
    (hash.finalize().as_bytes() == seal).then_some(body)
}

fn kind_number(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Whiteout => 1,
        RecordKind::Opaque => 2,
        RecordKind::Entry(EntryKind::File) => 3,
        RecordKind::Entry(EntryKind::Directory) => 4,
        RecordKind::Entry(EntryKind::Symlink) => 5,
        RecordKind::Entry(EntryKind::HardLink) => 6,
        RecordKind::Entry(EntryKind::Char) => 7,
        RecordKind::Entry(EntryKind::Block) => 8,
        RecordKind::Entry(EntryKind::Fifo) => 9,
    }
}

fn kind_of(number: u8) -> Option<RecordKind> {
    Some(match number {
        1 => RecordKind::Whiteout,
        2 => RecordKind::Opaque,
        3 => RecordKind::Entry(EntryKind::File),
        4 => RecordKind::Entry(EntryKind::Directory),
        5 => RecordKind::Entry(EntryKind::Symlink),
        6 => RecordKind::Entry(EntryKind::HardLink),
        7 => RecordKind::Entry(EntryKind::Char),
        8 => RecordKind::Entry(EntryKind::Block),
        9 => RecordKind::Entry(EntryKind::Fifo),
        _ => return None,
    })
}

/// Seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    fn frame(&mut self) -> Option<(u8, Reader<'b>)> {
        let kind = *self.take(1)?.first()?;
        let len = u32::from_le_bytes(self.take(4)?.try_into().ok()?) as usize;
        (len <= MAX_FRAME).then_some(())?;
        Some((kind, Reader(self.take(len)?)))
    }

    fn batch(&mut self) -> Option<Batch> {
        let count = usize::try_from(self.number()?).ok()?;
        let mut batch = Batch::default();
        batch.records.reserve(count.min(4096));
        batch.texts.reserve(self.0.len() * 2);
        let mut path = 0..0;
        for _ in 0..count {
            let kind = kind_of(*self.take(1)?.first()?)?;
            let shared = u32::try_from(self.number()?).ok()?;
            let rest = self.bytes()?;
            (path.start + shared <= path.end).then_some(())?;
            let start = batch.texts.len() as u32;
            batch.texts.extend_from_within(path.start as usize..(path.start + shared) as usize);
            batch.texts.extend_from_slice(rest);
            path = start..batch.texts.len() as u32;
            let mut text = |bytes: &[u8]| {
                let start = batch.texts.len() as u32;
                batch.texts.extend_from_slice(bytes);
                start..batch.texts.len() as u32
            };
            let (link, xattrs) = (text(self.bytes()?), text(self.bytes()?));
            let mut numbers = [0; 10];
            for number in &mut numbers {
                *number = self.number()?;
            }
            let [size, block, header_blocks, mode, uid, gid, time, major, minor, pull] = numbers;
            let content = match self.take(1)? {
                [1] => Some(self.take(16)?.try_into().ok()?),
                _ => None,
            };
            batch.records.push(Record {
                kind,
                path: path.clone(),
                link,
                xattrs,
                size,
                block: u32::try_from(block).ok()?,
                header_blocks: u8::try_from(header_blocks).ok()?,
                mode: u16::try_from(mode).ok()?,
                uid: u32::try_from(uid).ok()?,
                gid: u32::try_from(gid).ok()?,
                mtime: (time >> 1) as i64 ^ -((time & 1) as i64),
                device: (u32::try_from(major).ok()?, u32::try_from(minor).ok()?),
                content,
                sha256: None,
                pull_bytes: pull.checked_sub(1),
            });
        }
        Some(batch)
    }

    fn end(&mut self) -> Option<StoredEnd> {
        let mut end = IndexEnd { tar_bytes: self.number()?, entries: self.number()?, ..IndexEnd::default() };
        let compression = String::from_utf8(self.bytes()?.to_vec()).ok()?;
        let compressed_bytes = self.number()?.checked_sub(1);
        for _ in 0..self.number()? {
            end.notes.push(String::from_utf8(self.bytes()?.to_vec()).ok()?);
        }
        for _ in 0..self.number()? {
            end.kept.push((u32::try_from(self.number()?).ok()?, self.bytes()?.to_vec()));
        }
        for _ in 0..self.number()? {
            end.seen.push((u32::try_from(self.number()?).ok()?, u32::try_from(self.number()?).ok()?));
        }
        for _ in 0..self.number()? {
            end.zeros.push((u32::try_from(self.number()?).ok()?, self.number()?));
        }
        Some(StoredEnd { end, compression, compressed_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{Flowing, Walker};
    use crate::layer::{Hashing, Passing, index};

    fn tar() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, size) in [("usr/bin/a", 3_u64), ("usr/bin/ab", 0), ("usr/lib/x", 5000), ("etc/passwd", 7)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o4755);
            header.set_mtime(1_700_000_000);
            let _ = builder.append_data(&mut header, path, &vec![b'x'; size as usize][..]);
        }
        builder.into_inner().unwrap_or_default()
    }

    fn indexed(take: &mut dyn FnMut(Batch) -> bool) -> IndexEnd {
        let tar = tar();
        let passing = Passing { hashing: Hashing::Identity, keep: &[], watch: None };
        index(&mut Walker::new(Flowing::new(&tar[..]), 0), passing, take)
    }

    fn told(batch: &Batch) -> Vec<String> {
        let text = |range| String::from_utf8_lossy(batch.text(range)).into_owned();
        batch
            .records
            .iter()
            .map(|record| {
                format!(
                    "{} {:?}",
                    text(&record.path),
                    Record { path: 0..0, link: 0..0, xattrs: 0..0, ..record.clone() }
                )
            })
            .collect()
    }

    #[test]
    fn what_was_stored_comes_back_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let cache = Cache::new(folder.path().join("cache"));
        let name = "sha256:00";
        let store = || -> io::Result<Vec<String>> {
            let mut writer = cache.writer()?;
            let mut rows = Vec::new();
            let mut failed = None;
            let end = indexed(&mut |batch| {
                rows.extend(told(&batch));
                failed = writer.batch(&batch).err();
                failed.is_none()
            });
            assert!(failed.is_none());
            writer.finish(&cache, name, &end, "gzip", Some(9))?;
            Ok(rows)
        };
        let rows = store().unwrap_or_else(|error| panic!("{error}"));
        let read = || {
            let mut got = Vec::new();
            let end = cache.read(name, &mut |batch| {
                got.extend(told(&batch));
                true
            })?;
            Some((got, end.end.tar_bytes, end.end.entries, end.compression, end.compressed_bytes))
        };
        assert_eq!(read(), Some((rows.clone(), tar().len() as u64, 4, "gzip".to_owned(), Some(9))));
        assert_eq!(cache.used().layers, 1);
        // Dropped before the end: nothing stays.
        drop(cache.writer());
        assert_eq!(cache.used().layers, 1);
        // Damaged anywhere, cut off, or under another name: as if it were not there.
        let path = cache.layer(name);
        let whole = fs::read(&path).unwrap_or_default();
        for at in (0..whole.len()).step_by(whole.len() / 50) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            let _ = fs::write(&path, damaged);
            assert!(read().is_none(), "byte {at}");
            let _ = fs::write(&path, &whole[..at]);
            assert!(read().is_none(), "cut at {at}");
        }
        let _ = fs::write(cache.layer("sha256:01"), &whole);
        assert!(cache.read("sha256:01", &mut |_| true).is_none());
        assert!(store().is_ok_and(|again| again == rows) && read().is_some());
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let cache = Cache::new(folder.path().to_owned());
        let _ = fs::create_dir_all(folder.path().join("layers"));
        for (name, days) in [("a", 1), ("b", 3), ("c", 2)] {
            let path = folder.path().join("layers").join(name);
            let _ = fs::write(&path, [0; 100]);
            let when = SystemTime::now() - Duration::from_secs(days * 86_400);
            let _ = File::options().write(true).open(path).and_then(|file| file.set_modified(when));
        }
        assert_eq!(cache.prune(250, None).map(|gone| gone.bytes).unwrap_or_default(), 100);
        assert!(!folder.path().join("layers/b").exists());
        let gone = cache.prune(1 << 30, Some(Duration::from_secs(36 * 3600))).unwrap_or_default();
        assert_eq!((gone.layers, cache.used().layers), (1, 1));
        assert!(folder.path().join("layers/a").exists());
    }
}
