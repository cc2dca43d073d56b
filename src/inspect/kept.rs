//! Indexes of layers that are kept between images and between runs.

use std::io;
use std::sync::Mutex;

use super::Options;
use super::blob::{Blob, Flow, read_flowing, read_window};
use super::recompress::Recompressed;
use crate::bytes::{Algorithm, Compression, Sniffed, Window};
use crate::image::Digest;
use crate::layer::{Batch, Cache, StoredEnd};

/// Bytes of indexes that are kept when nothing is said.
pub(super) const CACHE_LIMIT: u64 = 1_000_000_000;

/// Reads a layer and keeps its index, under the name that `name_of` gives its digest, if it
/// gives one. A full disk is a complaint, and no
/// reason to stop.
pub(super) fn keeping(
    cache: Option<&Cache>,
    name_of: impl Fn(&str) -> Option<String>,
    complain: &dyn Fn(io::Error),
    read: impl FnOnce(&mut dyn FnMut(&Batch)) -> Blob,
) -> Blob {
    let mut writer = cache.and_then(|cache| cache.writer().map_err(complain).ok());
    let blob = read(&mut |batch| {
        if let Some(error) = writer.as_mut().and_then(|writer| writer.batch(batch).err()) {
            complain(error);
            writer = None;
        }
    });
    let digest = blob.uncompressed.first().map(|digest| digest.as_str().to_owned());
    let sound = digest.filter(|_| blob.end.damage.is_none()).and_then(|digest| name_of(&digest));
    if let (Some(writer), Some(cache), Some(digest)) = (writer, cache, &sound) {
        let (name, size) = (blob.compression.name(), blob.compressed_bytes);
        if let Err(error) = writer.finish(cache, digest, &blob.end, name, size) {
            complain(error);
        }
    }
    blob
}

/// What an index that was kept says of its blob.
pub(super) fn recalled(stored: StoredEnd, diff_id: &str) -> Blob {
    Blob {
        compression: Compression::ALL.into_iter().find(|kind| kind.name() == stored.compression).unwrap_or_default(),
        compressed_bytes: stored.compressed_bytes,
        // It was computed when the index was stored, and is its name.
        uncompressed: Digest::parse(diff_id).into_iter().collect(),
        stored: Vec::new(),
        table: None,
        unread: false,
        recompressed: Recompressed::default(),
        end: stored.end,
    }
}

/// Reads layers of archives so that those that several images share are inflated once. Plain layers are not among them: a
/// walk over their headers costs less than computing the digest that an index needs for its name.
pub(super) struct Sharing<'s> {
    options: &'s Options,
    cache: Option<&'s Cache>,
    /// What went wrong with the cache, once.
    pub(super) trouble: Mutex<Option<String>>,
}

impl<'s> Sharing<'s> {
    pub(super) fn new(options: &'s Options) -> Self {
        // What is kept of a layer has neither every file's SHA-256 nor package databases; and who verifies wants all read.
        let fits = options.share_layers
            && !options.verify
            && !options.hash
            && !options.looks_closer()
            && options.keep.is_none();
        Self { options, cache: options.cache.as_ref().filter(|_| fits), trouble: Mutex::default() }
    }

    /// Bytes of the indexes of these layers.
    pub(super) fn indexed(&self, diff_ids: &[Option<&str>]) -> u64 {
        self.cache.map_or(0, |cache| diff_ids.iter().flatten().map(|diff_id| cache.size(diff_id)).sum())
    }

    /// Reads a layer, from what is kept where it can be.
    /// `algorithms` are those of the layer's digests.
    pub(super) fn read(
        &self,
        window: &Window,
        diff_id: Option<&str>,
        algorithms: &[Algorithm],
        send: &mut dyn FnMut(Batch) -> bool,
    ) -> Blob {
        // An error comes again when the layer is read.
        let compression = Sniffed::new(window.clone(), 6).map_or(Compression::None, |blob| blob.compression());
        let (Some(cache), Some(diff_id)) = (self.cache.filter(|_| compression != Compression::None), diff_id) else {
            return read_window(window, algorithms, self.options, send);
        };
        if let Some(blob) = Self::kept(cache, window, compression, diff_id, send) {
            return blob;
        }
        let complain = |error: io::Error| {
            if let Ok(mut trouble) = self.trouble.lock() {
                trouble.get_or_insert_with(|| format!("nothing more is kept in the cache: {error}"));
            }
        };
        let flow = Flow { algorithms: &[Algorithm::Sha256], ..Flow::default() };
        let mut blob = keeping(
            Some(cache),
            |digest| (digest == diff_id).then(|| digest.to_owned()),
            &complain,
            |keep| {
                read_flowing(window.clone(), self.options, flow, &mut |batch| {
                    keep(&batch);
                    send(batch)
                })
            },
        );
        blob.compressed_bytes = blob.compressed_bytes.map(|_| window.len());
        blob
    }

    /// The index of the same content in the same compression: positions in the blob are part of it.
    fn kept(
        cache: &Cache,
        window: &Window,
        compression: Compression,
        diff_id: &str,
        send: &mut dyn FnMut(Batch) -> bool,
    ) -> Option<Blob> {
        if !cache.has(diff_id) {
            return None;
        }
        // Its form is known at the end: looked at first, so that no part of another form is told.
        let form = cache.read(diff_id, &mut |_| true)?;
        if form.compression != compression.name() || form.compressed_bytes != Some(window.len()) {
            return None;
        }
        cache.read(diff_id, send).map(|stored| recalled(stored, diff_id))
    }
}
