//! The frames of a stored index: no panic, and no more memory than they are long.
#![no_main]

use explore::layer::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = decode(data, &mut |batch| {
        for record in &batch.records {
            let _ = (batch.text(&record.path), batch.text(&record.link), batch.text(&record.xattrs));
        }
        true
    });
});
