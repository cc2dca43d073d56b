//! Indexes of layers that were read before, kept in the user's cache directory by diff ID. An index is stored only for bytes
//! whose digest was computed, so a name that someone merely claims can't get into it.

mod codec;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use codec::{BATCH, END};
pub use codec::{StoredEnd, decode};

use super::index::IndexEnd;
use super::record::Batch;

/// What every file begins with; the number is that of the format, and files of another are not read.
const MAGIC: &[u8; 16] = b"explore layer 3\n";

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

    /// Bytes of a layer's index; 0 if it is not there.
    pub fn size(&self, diff_id: &str) -> u64 {
        fs::metadata(self.layer(diff_id)).map_or(0, |about| about.len())
    }

    /// Hands out all batches of a layer's index. None when it is not there, damaged or of another format; some batches may
    /// have been handed out by then only if `take` was told so by the last of them: the whole file is checked first.
    pub fn read(&self, diff_id: &str, take: &mut dyn FnMut(Batch) -> bool) -> Option<StoredEnd> {
        let path = self.layer(diff_id);
        let bytes = fs::read(&path).ok()?;
        let body = sound(&bytes, diff_id)?;
        // Used lately: the oldest go first when there is too much.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        codec::decode(body, take)
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
        let file = private(&part)?;
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
        self.write(&self.image(digest), bytes)
    }

    fn tag_file(&self, name: &str) -> PathBuf {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        self.folder.join("others").join(format!("tag-{}", &hash[..32]))
    }

    /// The digest that a tag had when it was last read.
    pub fn tag(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.tag_file(name)).ok()?;
        let (own, digest) = text.strip_suffix('\n')?.split_once('\n')?;
        (own == name).then(|| digest.to_owned())
    }

    /// Stores it.
    ///
    /// # Errors
    /// When the directory can't be written.
    pub fn keep_tag(&self, name: &str, digest: &str) -> io::Result<()> {
        self.write(&self.tag_file(name), format!("{name}\n{digest}\n").as_bytes())
    }

    /// Writes a file whole or not at all, for nobody else to read.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let part = Part(folder.join(format!(".{}-{number}.part", std::process::id())));
        private(&part.0)?.write_all(bytes)?;
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

/// Creates a file that only its owner may read: images may be private.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
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
        self.frame(BATCH, &codec::batch(batch))
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
        self.frame(END, &codec::end(end, compression, compressed_bytes))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{Flowing, Walker};
    use crate::layer::Record;
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
