//! Content digests: `sha256:<64 hex digits>` and its longer siblings.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::fmt;
use thiserror::Error;

/// A valid digest of one of the algorithms that docker knows (opencontainers/go-digest `Digest.Validate`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Why a text is not a digest, in docker's words.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DigestError {
    /// Not `algorithm:hex`, or hex digits in upper case.
    #[error("invalid checksum digest format")]
    Format,
    /// Too few or too many hex digits for the algorithm.
    #[error("invalid checksum digest length")]
    Length,
    /// An algorithm that docker does not know.
    #[error("unsupported digest algorithm")]
    Unsupported,
}

impl Digest {
    /// Reads a digest as docker does.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::Format)?;
        if algorithm.is_empty() || encoded.is_empty() {
            return Err(DigestError::Format);
        }
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ if is_well_formed(algorithm, encoded) => return Err(DigestError::Unsupported),
            _ => return Err(DigestError::Format),
        };
        if encoded.len() != length {
            return Err(DigestError::Length);
        }
        if !encoded.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Format);
        }
        Ok(Self(text.to_owned()))
    }

    /// The sha256 digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }

    /// Whether the bytes have this digest, computed with its own algorithm.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut verifier = self.verifier();
        verifier.update(bytes);
        verifier.matches()
    }

    /// Verifies bytes that arrive in chunks.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        let (algorithm, encoded) = self.0.split_once(':').unwrap_or_default();
        let hash: Box<dyn sha2::digest::DynDigest + Send> = match algorithm {
            "sha384" => Box::new(Sha384::new()),
            "sha512" => Box::new(Sha512::new()),
            _ => Box::new(Sha256::new()),
        };
        Verifier { hash, encoded: encoded.to_owned() }
    }

    /// The whole text, `sha256:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Computes a digest over chunks of bytes and compares it.
pub struct Verifier {
    hash: Box<dyn sha2::digest::DynDigest + Send>,
    encoded: String,
}

impl Verifier {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// Whether all bytes together have the digest.
    #[must_use]
    pub fn matches(self) -> bool {
        hex::encode(self.hash.finalize()) == self.encoded
    }
}

/// Whether go-digest takes it for a digest of an unknown algorithm.
fn is_well_formed(algorithm: &str, encoded: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    algorithm.split(['.', '+', '_', '-']).all(part)
        && encoded.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_accepted_as_docker_accepts_them() {
        for (algorithm, length) in [("sha256", 64), ("sha384", 96), ("sha512", 128)] {
            assert!(Digest::parse(&format!("{algorithm}:{}", "a".repeat(length))).is_ok());
            assert_eq!(Digest::parse(&format!("{algorithm}:{}", "a".repeat(length - 1))), Err(DigestError::Length));
            assert_eq!(Digest::parse(&format!("{algorithm}:{}", "A".repeat(length))), Err(DigestError::Format));
        }
        assert_eq!(Digest::parse("md5:abcd"), Err(DigestError::Unsupported));
        assert_eq!(Digest::parse("MD5:abcd"), Err(DigestError::Format));
        assert_eq!(Digest::parse("sha256"), Err(DigestError::Format));
        assert_eq!(Digest::parse(":a"), Err(DigestError::Format));
    }

    #[test]
    fn bytes_are_checked_with_the_algorithm_of_the_digest() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        assert!(Digest::parse(empty).unwrap().matches(b""));
        let sha384 =
            "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b";
        assert!(Digest::parse(sha384).unwrap().matches(b""));
        assert!(!Digest::parse(sha384).unwrap().matches(b"x"));
    }
}
