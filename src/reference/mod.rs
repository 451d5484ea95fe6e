//! References to images, as docker parses and normalises them (distribution/reference, `ParseNormalizedNamed`).
//!
//! The parser is our own: the known libraries reject or rewrite names that docker accepts, and compile a regular
//! expression that takes tens of milliseconds in every run.

mod explain;
mod grammar;

pub use grammar::is_tag;

use crate::digest::{Digest, DigestError};
use std::fmt;
use thiserror::Error;

/// The registry of names that state none.
pub const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_OLD_NAME: &str = "index.docker.io";
const DOCKER_HUB_OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";
/// The longest repository path, in bytes.
const MAX_PATH: usize = 255;

/// Why a text is not a reference, in docker's words.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ReferenceError {
    /// It is not well formed.
    #[error("invalid reference format")]
    Format(String),
    /// The repository has upper-case letters.
    #[error("invalid reference format: repository name ({repository}) must be lowercase")]
    UppercaseRepository {
        /// The repository.
        repository: String,
        /// The whole text.
        text: String,
    },
    /// It would be valid in lower case.
    #[error("repository name must be lowercase")]
    Uppercase(String),
    /// It looks like an image ID.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// The repository path is longer than 255 bytes.
    #[error("repository name must not be more than {MAX_PATH} characters")]
    TooLong,
    /// What follows `@` is not a valid digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A stored reference is not in its full form.
    #[error("repository name must be canonical")]
    NotCanonical,
}

impl ReferenceError {
    /// What is wrong with the text, where docker's message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Format(text) | Self::UppercaseRepository { text, .. } | Self::Uppercase(text) => {
                Some(explain::explain(text))
            }
            Self::Identifier(_) | Self::TooLong | Self::Digest(_) | Self::NotCanonical => None,
        }
    }
}

/// A repository in a registry, with a tag, a digest, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Parses what a user typed; a name with neither tag nor digest gets the tag `latest`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let mut reference = Self::parse_untagged(text)?;
        if reference.tag.is_none() && reference.digest.is_none() {
            reference.tag = Some(DEFAULT_TAG.to_owned());
        }
        Ok(reference)
    }

    /// Parses a reference in its full form, as programs write it (`ParseNamed`).
    pub fn parse_canonical(text: &str) -> Result<Self, ReferenceError> {
        let reference = Self::parse_untagged(text)?;
        if reference.to_string() == text { Ok(reference) } else { Err(ReferenceError::NotCanonical) }
    }

    fn parse_untagged(text: &str) -> Result<Self, ReferenceError> {
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ReferenceError::Identifier(text.to_owned()));
        }
        let (domain, remainder) = split_domain(text);
        let repository = remainder.split(':').next().unwrap_or_default();
        if repository.to_lowercase() != repository {
            let (repository, text) = (repository.to_owned(), text.to_owned());
            return Err(ReferenceError::UppercaseRepository { repository, text });
        }
        let full = format!("{domain}/{remainder}");
        let Some(parts) = grammar::split(&full) else {
            let in_lower_case = grammar::split(&full.to_lowercase()).is_some();
            let error = if in_lower_case { ReferenceError::Uppercase } else { ReferenceError::Format };
            return Err(error(text.to_owned()));
        };
        if parts.path.len() > MAX_PATH {
            return Err(ReferenceError::TooLong);
        }
        Ok(Self {
            domain: parts.domain.to_owned(),
            path: parts.path.to_owned(),
            tag: parts.tag.map(str::to_owned),
            digest: parts.digest.map(Digest::parse).transpose()?,
        })
    }

    /// The registry, `docker.io` or `host[:port]`; empty in the rare case of a first component that docker takes
    /// for a host but that cannot be one (`a_b.c/d`).
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if there is one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        if self.domain.is_empty() { self.path.clone() } else { format!("{}/{}", self.domain, self.path) }
    }

    /// The same reference pinned to a digest; a tag stays.
    #[must_use]
    pub fn pinned_to(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same repository, by digest alone.
    #[must_use]
    pub fn digest_only(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository under this tag alone.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// The reference in a manifest's URL: the tag if there is one, as in docker, else the digest.
    #[must_use]
    pub fn tag_or_digest(&self) -> &str {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag,
            (None, Some(digest)) => digest.as_str(),
            (None, None) => DEFAULT_TAG,
        }
    }
}

/// The text as a file name (docker/cli `makeFilesafeName`).
#[must_use]
pub fn file_safe(text: &str) -> String {
    text.replace(':', "-").replace('/', "_")
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The registry that a text states, and the rest; none if docker takes it for a name on Docker Hub.
fn registry_of(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.split_once('/')?;
    let is_host = first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first;
    is_host.then_some((first, rest))
}

/// Whether a reference states its registry, instead of leaving it to docker's default, Docker Hub.
#[must_use]
pub fn states_registry(text: &str) -> bool {
    registry_of(text).is_some()
}

/// Splits the registry off, and completes the short names of Docker Hub.
fn split_domain(text: &str) -> (&str, String) {
    let (domain, remainder) = match registry_of(text) {
        Some((DOCKER_HUB_OLD_NAME, rest)) => (DOCKER_HUB, rest),
        Some(stated) => stated,
        None => (DOCKER_HUB, text),
    };
    if domain == DOCKER_HUB && !remainder.contains('/') {
        return (domain, format!("{DOCKER_HUB_OFFICIAL}{remainder}"));
    }
    (domain, remainder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalised(text: &str) -> String {
        match Reference::parse(text) {
            Ok(reference) => reference.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_are_completed_as_docker_completes_them() {
        for (typed, full) in [
            ("ubuntu", "docker.io/library/ubuntu:latest"),
            ("ubuntu:22.04", "docker.io/library/ubuntu:22.04"),
            ("docker.io/ubuntu", "docker.io/library/ubuntu:latest"),
            ("index.docker.io/ubuntu", "docker.io/library/ubuntu:latest"),
            ("user/app", "docker.io/user/app:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
            ("[::1]:5000/foo", "[::1]:5000/foo:latest"),
            ("FOO/bar", "FOO/bar:latest"),
            ("a_b.c/foo", "a_b.c/foo:latest"),
        ] {
            assert_eq!(normalised(typed), full);
        }
    }

    #[test]
    fn what_docker_refuses_is_refused_in_the_same_words() {
        let format = "invalid reference format";
        for (typed, message) in [
            ("", format),
            ("a//b", format),
            ("https://x/y", format),
            ("foo:", format),
            ("x@md5:abcd", format),
            ("foo:bar/baz", format),
            ("a:b:c", format),
            ("Ubuntu", "invalid reference format: repository name (library/Ubuntu) must be lowercase"),
            ("a.b/C", "invalid reference format: repository name (C) must be lowercase"),
            ("A_B.c/foo", "repository name must be lowercase"),
        ] {
            assert_eq!(normalised(typed), message, "{typed:?}");
        }
        let id = "a".repeat(64);
        assert_eq!(
            normalised(&id),
            format!("invalid repository name ({id}), cannot specify 64-byte hexadecimal strings")
        );
        assert_eq!(normalised(&format!("x@sha256:{}", "A".repeat(64))), "invalid checksum digest format");
        assert_eq!(normalised(&format!("x@sha256:{}", "a".repeat(63))), "invalid checksum digest length");
        assert_eq!(normalised(&format!("x@blake3:{}", "a".repeat(64))), "unsupported digest algorithm");
    }

    #[test]
    fn a_path_has_at_most_255_bytes() {
        assert!(Reference::parse(&format!("h.io/{}", "a".repeat(255))).is_ok());
        assert_eq!(Reference::parse(&format!("h.io/{}", "a".repeat(256))), Err(ReferenceError::TooLong));
    }

    #[test]
    fn tag_and_digest_are_both_kept() {
        let text = format!("h.io/a:t@sha256:{}", "0".repeat(64));
        let reference = Reference::parse(&text).unwrap();
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.tag_or_digest(), "t");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn a_full_reference_reads_back_as_itself(
            text in r"([a-z0-9]{1,3}\.[a-z]{2}(:[0-9]{1,4})?/)?[a-z0-9]{1,4}([._/-][a-z0-9]{1,4}){0,3}(:[A-Za-z0-9_.-]{1,9})?"
        ) {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(Reference::parse_canonical(&reference.to_string()), Ok(reference));
            }
        }
    }
}
