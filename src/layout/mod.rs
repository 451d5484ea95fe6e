//! OCI layouts: blobs and an index of what is in them (image-spec, "Image Layout"), in a directory or in a tar file.

mod archive;
mod archive_file;
mod archive_writer;
mod directory_writer;
mod error;
mod index;
mod reader;
mod referrers;
mod staged;
mod writer;

pub use archive_file::{canonical_archive, replaced_tags};
pub use error::LayoutError;
pub use reader::BlobReader;
pub use writer::{BlobWriter, LayoutEntry, LayoutWriter};

use crate::digest::Digest;
use crate::location::{LayoutName, LayoutPath};
use crate::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::registry::{FetchedManifest, MANIFEST_LIMIT, is_digest_tag};
use archive::Archive;
use bytes::Bytes;
use oci_spec::image::{Descriptor, ImageIndex};
use referrers::Referrers;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The index of what is in a layout.
const INDEX_FILE: &str = "index.json";
/// Marks a directory as a layout, and states the version of its form.
const MARKER_FILE: &str = "oci-layout";
/// The content of the marker.
const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Whether there is a layout at a path, readable or not. An empty file is no archive.
#[must_use]
pub fn exists(path: &LayoutPath) -> bool {
    match path {
        LayoutPath::Directory(directory) => directory.join(INDEX_FILE).exists(),
        LayoutPath::Archive(file) => file.metadata().is_ok_and(|found| !found.is_file() || found.len() > 0),
    }
}

/// A layout that is read.
#[derive(Debug)]
pub struct Layout {
    files: Files,
    manifests: Vec<Descriptor>,
    referrers: OnceCell<Referrers>,
}

/// The files of a layout.
#[derive(Debug)]
enum Files {
    Directory(PathBuf),
    Archive(Archive),
}

impl Files {
    /// Opens a file by its path in the layout.
    fn open(&self, name: &str) -> Result<BlobReader, LayoutError> {
        match self {
            Self::Directory(directory) => BlobReader::open(&directory.join(name)),
            Self::Archive(archive) => archive.open_member(name),
        }
    }

    /// The directory or the archive.
    fn path(&self) -> &Path {
        match self {
            Self::Directory(path) => path,
            Self::Archive(archive) => archive.path(),
        }
    }
}

impl Layout {
    /// Reads the index of a layout.
    pub fn open(path: &LayoutPath) -> Result<Self, LayoutError> {
        let files = match path {
            LayoutPath::Directory(directory) => Files::Directory(directory.clone()),
            LayoutPath::Archive(file) => Files::Archive(Archive::open(file)?),
        };
        let bytes = files.open(INDEX_FILE)?.read_to_end(MANIFEST_LIMIT)?;
        let index: ImageIndex = serde_json::from_slice(&bytes)
            .map_err(|error| LayoutError::Index { path: path.as_path().join(INDEX_FILE), error })?;
        Ok(Self { files, manifests: index.manifests().clone(), referrers: OnceCell::new() })
    }

    /// A manifest of the layout.
    pub fn manifest(&self, name: &LayoutName, limit: usize) -> Result<FetchedManifest, LayoutError> {
        let entry = self.find(name)?;
        let digest = match (name, entry) {
            (LayoutName::Digest(digest), _) => digest.clone(),
            (_, entry) => parsed_digest(entry).ok_or_else(|| self.not_found(name))?,
        };
        let bytes = self.blob_within(&digest, limit)?;
        let content_type = entry.map(|entry| entry.media_type().to_string());
        let content_type = content_type.unwrap_or_else(|| stated_media_type(&bytes));
        Ok(FetchedManifest { content_type, bytes, digest })
    }

    /// A blob of at most `limit` bytes.
    pub fn blob_within(&self, digest: &Digest, limit: usize) -> Result<Bytes, LayoutError> {
        let bytes = self.blob(digest)?.read_to_end(limit)?;
        let path = self.files.path().to_owned();
        if digest.matches(&bytes) {
            Ok(bytes)
        } else {
            Err(LayoutError::DigestMismatch { path, digest: digest.clone() })
        }
    }

    /// Opens a blob of any size. The caller verifies its digest.
    pub fn blob(&self, digest: &Digest) -> Result<BlobReader, LayoutError> {
        self.files.open(&blob_name(digest)).map_err(|error| match error {
            error if error.is_not_found() => {
                LayoutError::NoBlob { path: self.files.path().to_owned(), digest: digest.clone() }
            }
            error => error,
        })
    }

    /// Opens a blob that must have this size in bytes. The caller verifies its digest.
    pub fn sized_blob(&self, digest: &Digest, size: u64) -> Result<BlobReader, LayoutError> {
        let blob = self.blob(digest)?;
        if blob.size() == size {
            return Ok(blob);
        }
        let (path, digest) = (self.files.path().to_owned(), digest.clone());
        Err(LayoutError::BlobSize { path, digest, expected: size, found: blob.size() })
    }

    /// The size of a blob in bytes; none if the layout does not have it.
    pub fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, LayoutError> {
        match self.blob(digest) {
            Ok(blob) => Ok(Some(blob.size())),
            Err(LayoutError::NoBlob { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The tags, in the order of the index.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.manifests.iter().filter_map(index::tag).map(str::to_owned).collect()
    }

    /// The manifests in the index that refer to the one with this digest, in the order of the index.
    pub fn referrers(&self, subject: &Digest) -> &[crate::manifest::Descriptor] {
        let referrers = self.referrers.get_or_init(|| referrers::read(self));
        referrers.get(subject.as_str()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The entry of the index; none for a digest that is further down.
    fn find(&self, name: &LayoutName) -> Result<Option<&Descriptor>, LayoutError> {
        match name {
            LayoutName::Digest(digest) => {
                Ok(self.manifests.iter().find(|entry| entry.digest().as_ref() == digest.as_str()))
            }
            LayoutName::Tag(wanted) => {
                let named = self.manifests.iter().find(|entry| index::tag(entry) == Some(wanted));
                named.map(Some).ok_or_else(|| self.not_found(name))
            }
            LayoutName::Only => match self.only() {
                Some(only) => Ok(Some(only)),
                None => Err(LayoutError::Ambiguous { path: self.files.path().to_owned(), available: self.available() }),
            },
        }
    }

    /// The only manifest, or else the only one with a tag: what refers to it need not have one (signatures, SBOMs).
    fn only(&self) -> Option<&Descriptor> {
        let is_named = |entry: &&Descriptor| index::tag(entry).is_some_and(|tag| !is_digest_tag(tag));
        let named: Vec<&Descriptor> = self.manifests.iter().filter(is_named).collect();
        let candidates = if named.is_empty() { self.manifests.iter().collect() } else { named };
        let first = *candidates.first()?;
        candidates.iter().all(|entry| entry.digest() == first.digest()).then_some(first)
    }

    fn not_found(&self, name: &LayoutName) -> LayoutError {
        let name = match name {
            LayoutName::Only => String::new(),
            LayoutName::Tag(tag) => tag.clone(),
            LayoutName::Digest(digest) => digest.to_string(),
        };
        LayoutError::NotFound { path: self.files.path().to_owned(), name, available: self.available() }
    }

    fn available(&self) -> String {
        let name = |entry: &Descriptor| index::tag(entry).unwrap_or(entry.digest().as_ref()).to_owned();
        let names: Vec<String> = self.manifests.iter().map(name).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}

fn parsed_digest(entry: Option<&Descriptor>) -> Option<Digest> {
    Digest::parse(entry?.digest().as_ref()).ok()
}

/// The path of a blob in a layout.
fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}", digest.as_str().replacen(':', "/", 1))
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
