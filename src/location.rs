//! Where content is: in a registry or in an OCI layout.

mod layout_name;

use crate::digest::{Digest, DigestError};
use crate::manifest::ListEntry;
use crate::reference::{Reference, ReferenceError, is_tag};
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The prefixes of layouts on the command line, in directories and in archives.
const DIRECTORY_PREFIX: &str = "oci:";
const ARCHIVE_PREFIX: &str = "oci-archive:";

/// Why a text names no content.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LocationError {
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// `oci:` or `oci-archive:` without a path.
    #[error("\"{0}\" names no file; a layout is oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG]")]
    NoPath(String),
    /// What follows `@` is not a valid digest.
    #[error("\"{text}\": {error}")]
    Digest {
        /// The whole text.
        text: String,
        /// Why it is not one.
        error: DigestError,
    },
    /// A tag that registries, or the readers of a layout, do not accept.
    #[error("{place}: \"{tag}\" is not a valid tag")]
    Tag {
        /// What was typed, or the repository or layout.
        place: String,
        /// The tag.
        tag: String,
    },
}

impl LocationError {
    /// What is wrong with the text, where the message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reference(error) => error.hint(),
            _ => None,
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
    /// The layout.
    pub path: LayoutPath,
    /// Which of its manifests is meant.
    pub name: LayoutName,
}

/// Where a layout is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayoutPath {
    /// A directory.
    Directory(PathBuf),
    /// A tar file.
    Archive(PathBuf),
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
    /// Reads a source of `create`: an image as docker reads it, else a layout. docker takes `oci:x` and `oci-archive:x`
    /// for images, so there a path must have a slash or be followed by a tag.
    pub fn parse_source(text: &str) -> Result<Self, LocationError> {
        match Reference::parse(text) {
            Ok(reference) => Ok(Self::Registry(reference)),
            Err(_) if has_layout_prefix(text) => Self::parse(text),
            Err(error) => Err(error.into()),
        }
    }

    /// How to write a layout that [`Location::parse_source`] takes for an image; none for other texts.
    #[must_use]
    pub fn unambiguous_layout(text: &str) -> Option<String> {
        Reference::parse(text).ok()?;
        let prefix = [DIRECTORY_PREFIX, ARCHIVE_PREFIX].into_iter().find(|prefix| text.starts_with(prefix))?;
        Some(format!("{prefix}./{}", &text[prefix.len()..]))
    }

    /// Reads a reference, `oci:DIR[:TAG|@DIGEST]` or `oci-archive:FILE[:TAG|@DIGEST]`.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let (layout, at): (_, fn(PathBuf) -> LayoutPath) = match text.strip_prefix(DIRECTORY_PREFIX) {
            Some(directory) => (directory, LayoutPath::Directory),
            None => match text.strip_prefix(ARCHIVE_PREFIX) {
                Some(archive) => (archive, LayoutPath::Archive),
                None => return Ok(Self::Registry(Reference::parse(text)?)),
            },
        };
        let (path, name) = layout_name::split(text, layout, at)?;
        Ok(Self::Layout(LayoutReference { path, name }))
    }

    /// Reads the source of a stored entry, which is a reference in its full form or a layout.
    #[must_use]
    pub fn parse_stored(text: &str) -> Option<Self> {
        if has_layout_prefix(text) {
            return Self::parse(text).ok();
        }
        Reference::parse_canonical(text).ok().map(Self::Registry)
    }

    /// Where an image of a draft is with its blobs: in the layout that it came from, or else where its reference says.
    #[must_use]
    pub fn of_image(image: &ListEntry) -> Self {
        match Self::parse_stored(&image.source()) {
            Some(layout @ Self::Layout(_)) => layout,
            _ => Self::Registry(image.reference.clone()),
        }
    }

    /// The reference of a location in a registry.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Registry(reference) => Some(reference),
            Self::Layout(_) => None,
        }
    }

    /// The same location with an absolute path, which means the same in every directory.
    #[must_use]
    pub fn absolute(self) -> Self {
        let Self::Layout(LayoutReference { path, name }) = self else { return self };
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let path = match path {
            LayoutPath::Directory(path) => LayoutPath::Directory(absolute(path)),
            LayoutPath::Archive(path) => LayoutPath::Archive(absolute(path)),
        };
        Self::Layout(LayoutReference { path, name })
    }

    /// Whether two locations are in the same repository or layout.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registry(one), Self::Registry(other)) => {
                one.domain() == other.domain() && one.path() == other.path()
            }
            (Self::Layout(one), Self::Layout(other)) => one.path == other.path,
            _ => false,
        }
    }

    /// The repository or layout, without tag and digest.
    #[must_use]
    pub fn container(&self) -> String {
        match self {
            Self::Registry(reference) => reference.name(),
            Self::Layout(layout) => layout.path.to_string(),
        }
    }

    /// Whether it is in a tar file.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        matches!(self, Self::Layout(LayoutReference { path: LayoutPath::Archive(_), .. }))
    }

    /// The tag that the location names.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Registry(reference) => reference.tag(),
            Self::Layout(LayoutReference { name: LayoutName::Tag(tag), .. }) => Some(tag),
            Self::Layout(_) => None,
        }
    }

    /// The digest that the location names.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Registry(reference) => reference.digest(),
            Self::Layout(LayoutReference { name: LayoutName::Digest(digest), .. }) => Some(digest),
            Self::Layout(_) => None,
        }
    }

    /// Checks that a manifest beside this one can have this tag.
    pub fn check_tag(&self, tag: &str) -> Result<(), LocationError> {
        let is_valid = match self {
            Self::Registry(_) => is_tag(tag),
            Self::Layout(_) => layout_name::is_name(tag),
        };
        if is_valid { Ok(()) } else { Err(LocationError::Tag { place: self.container(), tag: tag.to_owned() }) }
    }

    /// The manifest with this tag beside this one.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        match self {
            Self::Registry(reference) => Self::Registry(reference.tagged(tag)),
            Self::Layout(layout) => Self::Layout(layout.named(LayoutName::Tag(tag.to_owned()))),
        }
    }

    /// The manifest with this digest beside this one: in the same repository or layout.
    #[must_use]
    pub fn sibling(&self, digest: Digest) -> Self {
        match self {
            Self::Registry(reference) => Self::Registry(reference.digest_only(digest)),
            Self::Layout(layout) => Self::Layout(layout.named(LayoutName::Digest(digest))),
        }
    }
}

impl LayoutReference {
    fn named(&self, name: LayoutName) -> Self {
        Self { path: self.path.clone(), name }
    }
}

impl LayoutPath {
    /// The directory or the file.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Archive(path) => path,
        }
    }
}

fn has_layout_prefix(text: &str) -> bool {
    text.starts_with(DIRECTORY_PREFIX) || text.starts_with(ARCHIVE_PREFIX)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Layout(layout) => layout.fmt(f),
        }
    }
}

impl fmt::Display for LayoutPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self {
            Self::Directory(_) => DIRECTORY_PREFIX,
            Self::Archive(_) => ARCHIVE_PREFIX,
        };
        write!(f, "{prefix}{}", self.as_path().display())
    }
}

impl fmt::Display for LayoutReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
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
        let pinned = format!("oci:d@{digest}");
        for text in ["oci:dir", "oci:/a/b:1.0", "oci:./d", &pinned, "oci:a:b/c", "oci-archive:a.tar", "oci-archive:a:1"]
        {
            assert_eq!(Location::parse(text).unwrap().to_string(), text);
        }
        let name = |text: &str| match Location::parse(text).unwrap() {
            Location::Layout(layout) => (layout.path.as_path().display().to_string(), layout.name),
            Location::Registry(reference) => panic!("{reference}"),
        };
        assert_eq!(name("oci:a:b/c"), ("a:b/c".to_owned(), LayoutName::Only));
        assert_eq!(name("oci:a/b:c"), ("a/b".to_owned(), LayoutName::Tag("c".to_owned())));
        assert_eq!(name("oci-archive:a.tar:c"), ("a.tar".to_owned(), LayoutName::Tag("c".to_owned())));
        assert!(matches!(Location::parse("oci:"), Err(LocationError::NoPath(_))));
        assert!(matches!(Location::parse("oci-archive::tag"), Err(LocationError::NoPath(_))));
        assert!(matches!(Location::parse("oci:d@sha256:x"), Err(LocationError::Digest { .. })));
    }

    #[test]
    fn what_docker_takes_for_an_image_is_an_image_to_create() {
        assert!(matches!(Location::parse_source("oci:1.0"), Ok(Location::Registry(_))));
        assert!(matches!(Location::parse_source("oci-archive:app.tar"), Ok(Location::Registry(_))));
        assert!(matches!(Location::parse_source("oci:./dir"), Ok(Location::Layout(_))));
        assert!(matches!(Location::parse_source("oci:dir:1.0"), Ok(Location::Layout(_))));
        assert!(matches!(Location::parse_source("Bad"), Err(LocationError::Reference(_))));
        assert_eq!(Location::unambiguous_layout("oci-archive:a.tar").as_deref(), Some("oci-archive:./a.tar"));
        assert_eq!(Location::unambiguous_layout("oci:./dir"), None);
        assert_eq!(Location::unambiguous_layout("app:1"), None);
    }

    #[test]
    fn what_is_in_one_repository_or_layout_is_beside_each_other() {
        let beside = |one: &str, other: &str| Location::parse(one).unwrap().is_beside(&Location::parse(other).unwrap());
        assert!(beside("h.io/a:1", "h.io/a:2") && beside("oci:d:1", "oci:d:2"));
        assert!(!beside("h.io/a", "h.io/b") && !beside("oci:d", "oci-archive:d") && !beside("h.io/d", "oci:d"));
    }
}
