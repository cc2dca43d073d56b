//! Layers that can be read in parts, written as the formats describe them: eStargz and zstd:chunked.

use std::io::Write as _;

use explore::image::Digest;
use serde_json::{Value, json};

use super::{Entry, archive, layer};

/// A layer as it is stored, and as it inflates.
#[derive(Debug, Clone)]
pub struct Stored {
    pub blob: Vec<u8>,
    pub tar: Vec<u8>,
    pub annotations: Value,
    pub media_type: &'static str,
    /// Where the table is in the blob, and how long it is with what belongs to it.
    pub table: (usize, usize),
}

/// Bytes of a piece of a file.
const PIECE: usize = 100_000;

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

/// Stores a layer piece by piece. `pack` compresses a run of bytes so that it can be read alone; `ends` says whether the
/// table has the ends of files.
fn stored(entries: &[Entry], pack: impl Fn(&[u8]) -> Vec<u8>, ends: bool) -> (Vec<u8>, Vec<u8>, Vec<Value>) {
    let (mut blob, mut tar, mut table) = (Vec::new(), Vec::new(), Vec::new());
    let mut waiting: Vec<u8> = Vec::new();
    for entry in entries {
        let mut one = layer(std::slice::from_ref(entry));
        one.truncate(one.len() - 1024);
        let is_file = entry.kind == tar::EntryType::Regular;
        let content = if is_file { &entry.content[..] } else { &[] };
        let header = one.len() - content.len().next_multiple_of(512);
        tar.extend_from_slice(&one);
        waiting.extend_from_slice(&one[..header]);
        let kind = match entry.kind {
            tar::EntryType::Directory => "dir",
            tar::EntryType::Symlink => "symlink",
            tar::EntryType::Link => "hardlink",
            tar::EntryType::Fifo => "fifo",
            tar::EntryType::Char => "char",
            _ => "reg",
        };
        let mut row = json!({
            "type": kind, "name": String::from_utf8_lossy(&entry.path), "size": content.len(), "mode": entry.mode,
            "uid": entry.uid, "gid": entry.gid, "modtime": "2023-11-14T22:13:20Z",
        });
        if !entry.link.is_empty() {
            row["linkName"] = json!(String::from_utf8_lossy(&entry.link));
        }
        if !entry.xattrs.is_empty() {
            row["xattrs"] = entry.xattrs.iter().map(|(name, value)| (name.clone(), json!(base64(value)))).collect();
        }
        let pieces: Vec<&[u8]> = content.chunks(PIECE).collect();
        if !pieces.is_empty() {
            blob.extend(pack(&std::mem::take(&mut waiting)));
            row["digest"] = json!(Digest::of(content).to_string());
        }
        let first = table.len();
        for (number, piece) in pieces.iter().enumerate() {
            let offset = blob.len();
            blob.extend(pack(piece));
            let mut part = if number == 0 { row.clone() } else { json!({"type": "chunk", "name": row["name"]}) };
            part["offset"] = json!(offset);
            if number > 0 {
                part["chunkOffset"] = json!(number * PIECE);
            }
            if pieces.len() > 1 {
                part["chunkSize"] = json!(piece.len());
                part["chunkDigest"] = json!(Digest::of(piece).to_string());
            }
            table.push(part);
        }
        // The end of the whole file stands in its first row.
        if ends && !pieces.is_empty() {
            table[first]["endOffset"] = json!(blob.len());
        }
        if pieces.is_empty() {
            table.push(row);
        }
        waiting.extend_from_slice(&one[header + content.len()..]);
    }
    if !waiting.is_empty() {
        blob.extend(pack(&waiting));
    }
    (blob, tar, table)
}

fn gzip_member(bytes: &[u8]) -> Vec<u8> {
    super::gzip(bytes)
}

/// An eStargz layer: its table is the last file of the tar, in a member of its own, and a footer says where.
pub fn estargz(entries: &[Entry]) -> Stored {
    estargz_that_says(entries, &|_| {})
}

/// The same with a table that says something else than the tar.
pub fn estargz_that_says(entries: &[Entry], edit: &dyn Fn(&mut Vec<Value>)) -> Stored {
    let (blob, tar, mut table) = stored(entries, gzip_member, false);
    edit(&mut table);
    estargz_with(blob, tar, &Value::from(table))
}

/// An eStargz layer without entries.
pub fn estargz_of_null() -> Stored {
    estargz_with(Vec::new(), Vec::new(), &Value::Null)
}

/// Adds the table and the footer.
fn estargz_with(mut blob: Vec<u8>, mut tar: Vec<u8>, table: &Value) -> Stored {
    let json = json!({"version": 1, "entries": table}).to_string().into_bytes();
    let last = archive(&[("stargz.index.json".to_owned(), json.clone())]);
    let at = blob.len();
    blob.extend(gzip_member(&last));
    tar.extend_from_slice(&last);
    let mut footer = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0];
    footer.extend_from_slice(format!("{at:016x}STARGZ").as_bytes());
    footer.extend_from_slice(&[1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    let length = blob.len() - at;
    blob.extend_from_slice(&footer);
    Stored {
        blob,
        tar,
        annotations: json!({"containerd.io/snapshot/stargz/toc.digest": Digest::of(&json).to_string()}),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip",
        table: (at, length + footer.len()),
    }
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn skippable(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x50, 0x2a, 0x4d, 0x18];
    frame.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    frame.extend_from_slice(bytes);
    frame
}

/// A zstd:chunked layer: its table is in a frame that decoders skip, and annotations say where.
pub fn zstd_chunked(entries: &[Entry]) -> Stored {
    zstd_chunked_that_says(entries, &|_| {})
}

/// The same with a table that says something else than the tar.
pub fn zstd_chunked_that_says(entries: &[Entry], edit: &dyn Fn(&mut Vec<Value>)) -> Stored {
    let (mut blob, mut tar, mut table) = stored(entries, zstd_frame, true);
    edit(&mut table);
    blob.extend(zstd_frame(&[0; 1024]));
    tar.extend_from_slice(&[0; 1024]);
    let json = json!({"version": 1, "entries": table}).to_string().into_bytes();
    let packed = zstd_frame(&json);
    let at = blob.len() + 8;
    blob.extend(skippable(&packed));
    Stored {
        blob,
        tar,
        annotations: json!({
            "io.github.containers.zstd-chunked.manifest-checksum": Digest::of(&packed).to_string(),
            "io.github.containers.zstd-chunked.manifest-position": format!("{at}:{}:{}:1", packed.len(), json.len()),
        }),
        media_type: "application/vnd.oci.image.layer.v1.tar+zstd",
        table: (at, packed.len()),
    }
}

/// The manifest of an image of these layers, and its config.
pub fn manifest(layers: &[Stored]) -> (Vec<u8>, Vec<u8>) {
    let mut image = super::image();
    image.tars = layers.iter().map(|layer| layer.tar.clone()).collect();
    let config = image.config();
    let rows: Vec<Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "mediaType": layer.media_type, "digest": Digest::of(&layer.blob).to_string(), "size": layer.blob.len(),
                "annotations": layer.annotations,
            })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(&config).to_string(),
            "size": config.len(),
        },
        "layers": rows,
    });
    (manifest.to_string().into_bytes(), config)
}
