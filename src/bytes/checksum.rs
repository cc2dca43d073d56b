//! Sums of bytes that pass, by the algorithms that OCI registers for digests.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256, Sha512};

/// An algorithm of a digest (OCI image spec, "Digests", "Registered Algorithms").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, which nearly every image uses.
    Sha256,
    /// SHA-512.
    Sha512,
    /// BLAKE3, 256 bits.
    Blake3,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Blake3];

    /// As digests name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// Hex digits of a sum.
    pub fn digits(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// The sum of some bytes, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// How it was computed.
    pub algorithm: Algorithm,
    /// The sum.
    pub hex: String,
}

/// Computes a sum piece by piece.
#[derive(Clone)]
pub enum Checksum {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
    /// BLAKE3.
    Blake3(Box<blake3::Hasher>),
}

impl Checksum {
    /// Starts with no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
            Algorithm::Blake3 => Self::Blake3(Box::default()),
        }
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(piece),
            Self::Sha512(hash) => hash.update(piece),
            Self::Blake3(hash) => {
                hash.update(piece);
            }
        }
    }

    /// The sum of all pieces.
    pub fn finish(self) -> Sum {
        match self {
            Self::Sha256(hash) => Sum { algorithm: Algorithm::Sha256, hex: hex(&hash.finalize()) },
            Self::Sha512(hash) => Sum { algorithm: Algorithm::Sha512, hex: hex(&hash.finalize()) },
            Self::Blake3(hash) => Sum { algorithm: Algorithm::Blake3, hex: hex(hash.finalize().as_bytes()) },
        }
    }

    /// The sum of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Sum {
        let mut sum = Self::new(algorithm);
        sum.update(bytes);
        sum.finish()
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
