//! The walk over a tar: no panic, no endless loop, positions that only rise.

use explore::bytes::{Entry, Flowing, Walker};

/// Runs one input.
pub fn run(data: &[u8]) {
    let data = &super::with_checksums(data)[..];
    let mut walker = Walker::new(Flowing::new(data), 0);
    let mut entry = Entry::default();
    let mut before = 0;
    while let Ok(true) = walker.next(&mut entry) {
        assert!(entry.start >= before && walker.position() > entry.start);
        before = entry.start + 512;
        if let Some(map) = &entry.sparse {
            let stored: u64 = map.iter().map(|(_, len)| len).sum();
            assert_eq!(stored, walker.remaining());
            assert!(map.iter().all(|(offset, len)| offset + len <= entry.size));
        }
    }
    let _ = walker.trailer();
    assert!(walker.position() <= data.len() as u64);
}
