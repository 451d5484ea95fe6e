//! OCI layouts: a directory of blobs and an index of what is in it (image-spec, "Image Layout").

use crate::digest::Digest;
use crate::file::{self, ReadError};
use crate::location::LayoutName;
use crate::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::registry::{FetchedManifest, MANIFEST_LIMIT};
use bytes::Bytes;
use oci_spec::image::{ANNOTATION_REF_NAME, Descriptor, ImageIndex};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a layout cannot be read.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A file that cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: ReadError,
    },
    /// A file with too many bytes.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: usize,
    },
    /// An `index.json` that is not one.
    #[error("{} is not an image index: {error}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// No manifest of that name.
    #[error("{} has no manifest {name}; it has: {available}", directory.display())]
    NotFound {
        /// The layout.
        directory: PathBuf,
        /// The tag or digest.
        name: String,
        /// The tags that there are.
        available: String,
    },
    /// Several manifests and no name.
    #[error("{} has several manifests; name one of them: {available}", directory.display())]
    Ambiguous {
        /// The layout.
        directory: PathBuf,
        /// The tags or digests that there are.
        available: String,
    },
    /// Bytes that are not those of the digest.
    #[error("{} does not have the digest that it is named after", .0.display())]
    DigestMismatch(PathBuf),
}

impl LayoutError {
    /// Whether what was asked for is not there, rather than unreadable.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Read { error: ReadError::Io(error), .. } => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// A layout that is read.
#[derive(Debug)]
pub struct Layout {
    directory: PathBuf,
    manifests: Vec<Descriptor>,
}

impl Layout {
    /// Reads the index of a layout.
    pub fn open(directory: &Path) -> Result<Self, LayoutError> {
        let path = directory.join("index.json");
        let bytes = read(&path, MANIFEST_LIMIT)?;
        let index: ImageIndex =
            serde_json::from_slice(&bytes).map_err(|error| LayoutError::Index { path: path.clone(), error })?;
        Ok(Self { directory: directory.to_owned(), manifests: index.manifests().clone() })
    }

    /// A manifest of the layout.
    pub fn manifest(&self, name: &LayoutName, limit: usize) -> Result<FetchedManifest, LayoutError> {
        let descriptor = self.find(name)?;
        let digest = match (name, descriptor) {
            (LayoutName::Digest(digest), _) => digest.as_str(),
            (_, Some(descriptor)) => descriptor.digest().as_ref(),
            (_, None) => "",
        };
        let content_type = descriptor.map(|descriptor| descriptor.media_type().to_string());
        let bytes = read_blob(&self.directory, digest, limit)?;
        let content_type = content_type.unwrap_or_else(|| stated_media_type(&bytes));
        Ok(FetchedManifest { content_type, digest: Digest::of(&bytes), bytes })
    }

    /// The tags, in the order of the index.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.manifests.iter().filter_map(tag).map(str::to_owned).collect()
    }

    /// The digests of the manifests in the index.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.manifests.iter().filter_map(|descriptor| Digest::parse(descriptor.digest().as_ref()).ok())
    }

    /// The entry of the index; none for a digest that is further down.
    fn find(&self, name: &LayoutName) -> Result<Option<&Descriptor>, LayoutError> {
        let named = |wanted: &str| self.manifests.iter().find(|descriptor| tag(descriptor) == Some(wanted));
        match name {
            LayoutName::Digest(digest) => {
                Ok(self.manifests.iter().find(|descriptor| descriptor.digest().as_ref() == digest.as_str()))
            }
            LayoutName::Tag(wanted) => named(wanted).map(Some).ok_or_else(|| LayoutError::NotFound {
                directory: self.directory.clone(),
                name: wanted.clone(),
                available: self.available(),
            }),
            LayoutName::Only => match self.manifests.as_slice() {
                [only] => Ok(Some(only)),
                _ => Err(LayoutError::Ambiguous { directory: self.directory.clone(), available: self.available() }),
            },
        }
    }

    fn available(&self) -> String {
        let name = |descriptor: &Descriptor| tag(descriptor).unwrap_or(descriptor.digest().as_ref()).to_owned();
        self.manifests.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// A blob of the layout in a directory, of at most `limit` bytes. The layout's index is not read.
pub fn blob(directory: &Path, digest: &Digest, limit: usize) -> Result<Bytes, LayoutError> {
    read_blob(directory, digest.as_str(), limit)
}

/// The size of such a blob in bytes; none if the layout does not have it.
pub fn blob_size(directory: &Path, digest: &Digest) -> Result<Option<u64>, LayoutError> {
    let path = blob_path(directory, digest.as_str());
    match fs::metadata(&path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LayoutError::Read { path, error: error.into() }),
    }
}

fn blob_path(directory: &Path, digest: &str) -> PathBuf {
    directory.join("blobs").join(digest.replacen(':', "/", 1))
}

fn read_blob(directory: &Path, digest: &str, limit: usize) -> Result<Bytes, LayoutError> {
    let path = blob_path(directory, digest);
    let bytes = read(&path, limit)?;
    let is_right = Digest::parse(digest).is_ok_and(|digest| digest.matches(&bytes));
    if is_right { Ok(bytes) } else { Err(LayoutError::DigestMismatch(path)) }
}

fn tag(descriptor: &Descriptor) -> Option<&str> {
    Some(descriptor.annotations().as_ref()?.get(ANNOTATION_REF_NAME)?.as_str())
}

/// The media type that a manifest states; without one it is an OCI manifest or index, by what it has.
fn stated_media_type(bytes: &[u8]) -> String {
    let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    match manifest["mediaType"].as_str() {
        Some(stated) => stated.to_owned(),
        None if manifest.get("manifests").is_some() => OCI_INDEX.to_owned(),
        None => OCI_MANIFEST.to_owned(),
    }
}

fn read(path: &Path, limit: usize) -> Result<Bytes, LayoutError> {
    let bytes = file::read(path).map_err(|error| LayoutError::Read { path: path.to_owned(), error })?;
    if bytes.len() > limit {
        return Err(LayoutError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes.into())
}
