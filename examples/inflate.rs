//! The floor for gzip layers: inflates the files that are named with the same library and drops the result.

use std::fs::File;
use std::io::{self, BufReader};

fn main() -> io::Result<()> {
    for path in std::env::args_os().skip(1) {
        let stored = BufReader::with_capacity(256 * 1024, File::open(path)?);
        let mut plain = flate2::bufread::MultiGzDecoder::new(stored);
        let mut buffer = vec![0; 256 * 1024];
        while io::Read::read(&mut plain, &mut buffer)? > 0 {}
    }
    Ok(())
}
