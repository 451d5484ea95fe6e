//! OCI layouts: a directory of blobs and an index of what is in it (image-spec, "Image Layout").

use crate::digest::Digest;
use crate::location::LayoutName;
use crate::manifest::OCI_INDEX;
use crate::registry::{CONFIG_LIMIT, FetchedManifest, MANIFEST_LIMIT};
use bytes::Bytes;
use oci_spec::image::{ANNOTATION_REF_NAME, Descriptor, ImageIndex};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a layout cannot be read.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A file that cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
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
        let bytes = self.blob(digest, limit)?;
        let content_type = content_type.unwrap_or_else(|| stated_media_type(&bytes));
        Ok(FetchedManifest { content_type, digest: Digest::of(&bytes), bytes })
    }

    /// The config of an image.
    pub fn config(&self, digest: &Digest) -> Result<Bytes, LayoutError> {
        self.blob(digest.as_str(), CONFIG_LIMIT)
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

    fn blob(&self, digest: &str, limit: usize) -> Result<Bytes, LayoutError> {
        let path = self.directory.join("blobs").join(digest.replacen(':', "/", 1));
        let bytes = read(&path, limit)?;
        let is_right = Digest::parse(digest).is_ok_and(|digest| digest.matches(&bytes));
        if is_right { Ok(bytes) } else { Err(LayoutError::DigestMismatch(path)) }
    }
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
        None => crate::manifest::OCI_MANIFEST.to_owned(),
    }
}

fn read(path: &Path, limit: usize) -> Result<Bytes, LayoutError> {
    let failed = |error| LayoutError::Io { path: path.to_owned(), error };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(LayoutError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes.into())
}
