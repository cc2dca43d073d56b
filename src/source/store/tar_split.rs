//! Layers that were unpacked, as the tars that they came from: tar-split records every byte of a tar that is not content of a
//! file (<https://github.com/vbatts/tar-split>), so both together are the tar, byte for byte.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;

use crate::bytes::ReadAt;

/// Bytes of all records of one layer; a layer of a million files has some 600 MB.
const MAX_SEGMENTS: usize = 2 << 30;

/// A tar that is put together as it is read.
#[derive(Debug)]
pub(super) struct SplitTar {
    /// Where the files are.
    folder: PathBuf,
    /// What is between them.
    segments: Vec<u8>,
    pieces: Vec<Piece>,
    len: u64,
    /// The file that was read last, by its piece: it is mostly read on.
    open: Mutex<Option<(usize, File)>>,
}

#[derive(Debug)]
struct Piece {
    /// Where it begins in the tar.
    start: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// From here on in the segments.
    Segment(usize),
    /// The content of a file.
    File(Box<[u8]>),
}

/// A record: type 1 is a file, type 2 a segment.
#[derive(Deserialize)]
struct Entry<'e> {
    r#type: u8,
    #[serde(borrow, default)]
    name: Option<std::borrow::Cow<'e, str>>,
    /// Base64, for names that are not UTF-8.
    #[serde(borrow, default)]
    name_raw: Option<&'e str>,
    #[serde(default)]
    size: u64,
    #[serde(borrow, default)]
    payload: Option<&'e str>,
}

impl SplitTar {
    /// Reads the records of a layer, whose files are below `folder`.
    pub(super) fn open(records: &Path, folder: PathBuf) -> io::Result<Self> {
        let broken = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
        let mut lines = BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(BufReader::new(File::open(records)?)));
        let mut tar = Self { folder, segments: Vec::new(), pieces: Vec::new(), len: 0, open: Mutex::default() };
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                tar.segments.shrink_to_fit();
                return Ok(tar);
            }
            let entry: Entry<'_> = serde_json::from_slice(&line).map_err(|error| broken(error.to_string()))?;
            match entry.r#type {
                2 => {
                    let at = tar.segments.len();
                    let payload = entry.payload.unwrap_or_default();
                    STANDARD.decode_vec(payload, &mut tar.segments).map_err(|error| broken(error.to_string()))?;
                    if tar.segments.len() > MAX_SEGMENTS {
                        return Err(broken("it describes more than any layer holds".to_owned()));
                    }
                    let size = (tar.segments.len() - at) as u64;
                    tar.push(Kind::Segment(at), size);
                }
                1 if entry.size > 0 => {
                    let name = match (entry.name_raw, entry.name) {
                        (Some(raw), _) if !raw.is_empty() => {
                            STANDARD.decode(raw).map_err(|error| broken(error.to_string()))?
                        }
                        (_, name) => name.unwrap_or_default().into_owned().into_bytes(),
                    };
                    tar.push(Kind::File(name.into()), entry.size);
                }
                _ => {}
            }
        }
    }

    fn push(&mut self, kind: Kind, size: u64) {
        if size > 0 {
            self.pieces.push(Piece { start: self.len, kind });
            self.len += size;
        }
    }

    /// Bytes of the tar.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Opens a file of the layer without leaving its folder, whatever links the layer has.
    fn file(&self, name: &[u8]) -> io::Result<File> {
        let name = name.strip_prefix(b"/").unwrap_or(name);
        open_below(&self.folder, name).map_err(|error| {
            let shown = crate::bytes::shown(name);
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "; read it in Podman's user namespace: `podman unshare explore …`",
                _ => "",
            };
            io::Error::new(error.kind(), format!("{shown} of {}: {error}{hint}", self.folder.display()))
        })
    }
}

impl ReadAt for SplitTar {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let at = self.pieces.partition_point(|piece| piece.start <= offset);
        let Some(at) = at.checked_sub(1).filter(|_| offset < self.len) else { return Ok(0) };
        let piece = &self.pieces[at];
        let end = self.pieces.get(at + 1).map_or(self.len, |next| next.start);
        let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX).min(buffer.len());
        let skip = offset - piece.start;
        let name = match &piece.kind {
            Kind::Segment(from) => {
                let from = from + usize::try_from(skip).unwrap_or(usize::MAX);
                buffer[..wanted].copy_from_slice(&self.segments[from..from + wanted]);
                return Ok(wanted);
            }
            Kind::File(name) => name,
        };
        let mut open = self.open.lock().map_err(|_| io::Error::other("a reader failed"))?;
        if open.as_ref().is_none_or(|(own, _)| *own != at) {
            *open = Some((at, self.file(name)?));
        }
        let got = open.as_ref().map_or(Ok(0), |(_, file)| ReadAt::read_at(file, &mut buffer[..wanted], skip))?;
        if got == 0 && wanted > 0 {
            let shown = crate::bytes::shown(name);
            let problem = format!("{shown} of {} is shorter than it was in the layer", self.folder.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem));
        }
        Ok(got)
    }
}

#[cfg(target_os = "linux")]
fn open_below(folder: &Path, name: &[u8]) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    let root = openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = File::from(openat2(root, name, flags, Mode::empty(), resolve)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

#[cfg(not(target_os = "linux"))]
fn open_below(_: &Path, _: &[u8]) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
