//! Framing of gzip, zstd, xz and bzip2: no panic, whatever is inflated.
#![no_main]

use std::io::Read as _;

use explore::bytes::{Compression, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let kinds = if sniff(data) == Compression::None { &Compression::ALL[..] } else { &[sniff(data)] };
    for kind in kinds {
        if let Ok(plain) = kind.decode(data) {
            let mut out = Vec::new();
            let _ = plain.take(1 << 20).read_to_end(&mut out);
        }
    }
});
