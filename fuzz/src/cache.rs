//! The frames of a stored index: no panic, and no more memory than they are long.

use explore::layer::decode;

/// Runs one input.
pub fn run(data: &[u8]) {
    let _ = decode(data, &mut |batch| {
        for record in &batch.records {
            let _ = (batch.text(&record.path), batch.text(&record.link), batch.text(&record.xattrs));
        }
        true
    });
}
