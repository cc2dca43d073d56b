//! What each fuzz target does with an input. `cargo fuzz` runs them under libFuzzer; the tests of the program run them over
//! mutations of the corpora.

pub mod cache;
pub mod differ;
pub mod documents;
pub mod inflate;
pub mod layers;
pub mod settings;
pub mod tar;
pub mod words;

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("cache", cache::run),
    ("differ", differ::run),
    ("documents", documents::run),
    ("inflate", inflate::run),
    ("layers", layers::run),
    ("settings", settings::run),
    ("tar", tar::run),
    ("words", words::run),
];

/// The bytes with the checksum of every block that looks like a tar header made right, so that mutations get past it.
pub fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    for block in data.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    data
}
