use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::bytes::{Algorithm, Checksum, Sum, hex};

/// A content digest, `algorithm:encoded` (OCI image spec, "Digests"). Always well formed, so it is safe in a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(Box<str>);

impl Digest {
    /// Parses a digest as written; returns `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, encoded) = text.split_once(':')?;
        let named = !algorithm.is_empty()
            && algorithm.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+_-".contains(&b));
        let hex = encoded.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let length = match registered(algorithm) {
            Some(algorithm) => encoded.len() == algorithm.digits(),
            None => encoded.len() >= 32,
        };
        (named && hex && length).then(|| Self(text.into()))
    }

    /// From 64 hex digits without an algorithm, as members of archives are named.
    pub fn from_hex(hex: &str) -> Option<Self> {
        Self::parse(&format!("sha256:{hex}"))
    }

    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Checksum::of(Algorithm::Sha256, bytes).into()
    }

    /// Whether `bytes` have this digest.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.of_same_kind(bytes).as_ref() == Some(self)
    }

    /// Its bytes, when it is a SHA-256.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let hex = self.hex();
        if self.algorithm() != "sha256" {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(bytes)
    }

    /// From a computed SHA-256.
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self(format!("sha256:{}", hex(&hash)).into())
    }

    /// `sha256`, or what else stands before the colon.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The algorithm, if it can be computed.
    pub fn computable(&self) -> Option<Algorithm> {
        registered(self.algorithm())
    }

    /// The digest of `bytes` by this one's algorithm; `None` if that cannot be computed.
    pub fn of_same_kind(&self, bytes: &[u8]) -> Option<Self> {
        Some(Checksum::of(self.computable()?, bytes).into())
    }

    /// What stands after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, encoded)| encoded)
    }

    /// The first twelve digits, as engines show ids.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a blob of this digest lies in an OCI layout.
    pub fn blob(&self) -> String {
        format!("blobs/{}/{}", self.algorithm(), self.hex())
    }
}

fn registered(name: &str) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
}

impl From<Sum> for Digest {
    fn from(sum: Sum) -> Self {
        Self(format!("{}:{}", sum.algorithm.name(), sum.hex).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{}` is not a digest", text.escape_default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_digests() {
        let good = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(Digest::parse(&good).map(|digest| digest.blob()), Some(format!("blobs/sha256/{}", "ab".repeat(32))));
        for bad in ["", "sha256:", "sha256:AB", "sha256:../../etc/passwd", "../x:00", &good[..70], &format!("{good}0")]
        {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn registered_algorithms_are_computed() {
        for (text, digits) in [("sha512", 128), ("sha256", 64), ("blake3", 64)] {
            let digest = Digest::parse(&format!("{text}:{}", "a".repeat(digits)));
            let own = digest.and_then(|digest| digest.of_same_kind(b"")).map(|own| own.to_string()).unwrap_or_default();
            let (name, hex) = own.split_once(':').unwrap_or_default();
            assert_eq!((name, hex.len()), (text, digits));
        }
        let other = Digest::parse(&format!("md6:{}", "a".repeat(40)));
        assert_eq!(other.map(|digest| digest.of_same_kind(b"")), Some(None));
    }

    #[test]
    fn the_digest_of_nothing() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
    }
}
