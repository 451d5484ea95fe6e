//! Where content is: in a registry or in an OCI layout.

use crate::digest::{Digest, DigestError};
use crate::reference::{Reference, ReferenceError};
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// The prefix of layouts on the command line.
const LAYOUT_PREFIX: &str = "oci:";

/// Why a text names no content.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LocationError {
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// `oci:` without a directory.
    #[error("\"{0}\" names no directory; a layout is oci:DIR, oci:DIR:TAG or oci:DIR@DIGEST")]
    NoDirectory(String),
    /// What follows `@` is not a valid digest.
    #[error("\"{text}\": {error}")]
    Digest {
        /// The whole text.
        text: String,
        /// Why it is not one.
        error: DigestError,
    },
}

impl LocationError {
    /// What is wrong with the text, where the message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reference(error) => error.hint(),
            Self::NoDirectory(_) | Self::Digest { .. } => None,
        }
    }
}

/// A manifest in a registry or in a layout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// In a registry.
    Registry(Reference),
    /// In an OCI layout (image-spec, "Image Layout").
    Layout(LayoutReference),
}

/// A manifest in a layout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayoutReference {
    /// The layout's directory.
    pub directory: PathBuf,
    /// Which of its manifests is meant.
    pub name: LayoutName,
}

/// Which manifest of a layout is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayoutName {
    /// The only one.
    Only,
    /// The one with this tag (`org.opencontainers.image.ref.name`).
    Tag(String),
    /// The one with this digest, wherever it is in the layout.
    Digest(Digest),
}

impl Location {
    /// Reads a source of `create`: an image as docker reads it, else `oci:DIR[:TAG|@DIGEST]`. docker takes `oci:x` for
    /// an image, so there a directory must have a slash or be followed by a tag.
    pub fn parse_source(text: &str) -> Result<Self, LocationError> {
        match Reference::parse(text) {
            Ok(reference) => Ok(Self::Registry(reference)),
            Err(_) if text.starts_with(LAYOUT_PREFIX) => Self::parse(text),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a reference or `oci:DIR[:TAG|@DIGEST]`.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let Some(layout) = text.strip_prefix(LAYOUT_PREFIX) else { return Ok(Self::Registry(Reference::parse(text)?)) };
        let (directory, name) =
            split_name(layout).map_err(|error| LocationError::Digest { text: text.to_owned(), error })?;
        if directory.is_empty() {
            return Err(LocationError::NoDirectory(text.to_owned()));
        }
        Ok(Self::Layout(LayoutReference { directory: directory.into(), name }))
    }

    /// The manifest with this digest beside this one: in the same repository or layout.
    #[must_use]
    pub fn sibling(&self, digest: Digest) -> Self {
        match self {
            Self::Registry(reference) => Self::Registry(reference.digest_only(digest)),
            Self::Layout(LayoutReference { directory, .. }) => {
                Self::Layout(LayoutReference { directory: directory.clone(), name: LayoutName::Digest(digest) })
            }
        }
    }
}

/// Splits `DIR`, `DIR:TAG` and `DIR@DIGEST`. A tag has no slash.
fn split_name(text: &str) -> Result<(&str, LayoutName), DigestError> {
    if let Some((directory, digest)) = text.rsplit_once('@').filter(|(_, digest)| digest.contains(':')) {
        return Ok((directory, LayoutName::Digest(Digest::parse(digest)?)));
    }
    match text.rsplit_once(':').filter(|(_, tag)| !tag.is_empty() && !tag.contains('/')) {
        Some((directory, tag)) => Ok((directory, LayoutName::Tag(tag.to_owned()))),
        None => Ok((text, LayoutName::Only)),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Layout(layout) => layout.fmt(f),
        }
    }
}

impl fmt::Display for LayoutReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LAYOUT_PREFIX}{}", self.directory.display())?;
        match &self.name {
            LayoutName::Only => Ok(()),
            LayoutName::Tag(tag) => write!(f, ":{tag}"),
            LayoutName::Digest(digest) => write!(f, "@{}", digest.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_read_and_written() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in ["oci:dir", "oci:/a/b:1.0", "oci:./d", &format!("oci:d@{digest}"), "oci:a:b/c"] {
            assert_eq!(Location::parse(text).unwrap().to_string(), text);
        }
        let name = |text: &str| match Location::parse(text).unwrap() {
            Location::Layout(layout) => (layout.directory.display().to_string(), layout.name),
            Location::Registry(reference) => panic!("{reference}"),
        };
        assert_eq!(name("oci:a:b/c"), ("a:b/c".to_owned(), LayoutName::Only));
        assert_eq!(name("oci:a/b:c"), ("a/b".to_owned(), LayoutName::Tag("c".to_owned())));
        assert!(matches!(Location::parse("oci:"), Err(LocationError::NoDirectory(_))));
        assert!(matches!(Location::parse("oci:d@sha256:x"), Err(LocationError::Digest { .. })));
    }

    #[test]
    fn what_docker_takes_for_an_image_is_an_image_to_create() {
        assert!(matches!(Location::parse_source("oci:1.0"), Ok(Location::Registry(_))));
        assert!(matches!(Location::parse_source("oci:./dir"), Ok(Location::Layout(_))));
        assert!(matches!(Location::parse_source("oci:dir:1.0"), Ok(Location::Layout(_))));
        assert!(matches!(Location::parse_source("Bad"), Err(LocationError::Reference(_))));
    }
}
