//! Writes layouts: blobs first, then the index that names them.

use super::LayoutError;
use super::archive_writer::{ArchiveWriter, RegionWriter};
use super::directory_writer::{DirectoryWriter, FileWriter};
use crate::digest::Digest;
use crate::location::LayoutPath;

/// A manifest to be named in the index of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutEntry {
    /// Its tag; none for a manifest that is only known by its digest.
    pub tag: Option<String>,
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A layout that is written. Nothing in it refers to the new blobs before [`LayoutWriter::commit`].
#[derive(Debug)]
pub enum LayoutWriter {
    /// A directory.
    Directory(DirectoryWriter),
    /// A tar file, which takes the place of an old one.
    Archive(ArchiveWriter),
}

/// A blob that is written.
#[derive(Debug)]
pub enum BlobWriter<'a> {
    /// Into a file of its own.
    File(FileWriter),
    /// Into its place in an archive.
    Region(RegionWriter<'a>),
}

impl LayoutWriter {
    /// Opens a layout for writing; a directory is made if it is not there.
    pub fn open(path: &LayoutPath) -> Result<Self, LayoutError> {
        Ok(match path {
            LayoutPath::Directory(directory) => Self::Directory(DirectoryWriter::open(directory)?),
            LayoutPath::Archive(file) => Self::Archive(ArchiveWriter::open(file)?),
        })
    }

    /// Whether the layout has a blob of this size in bytes, as far as the size is known.
    #[must_use]
    pub fn has_blob(&self, digest: &Digest, size: Option<u64>) -> bool {
        match self {
            Self::Directory(directory) => directory.has_blob(digest, size),
            Self::Archive(archive) => archive.has_blob(digest),
        }
    }

    /// Starts to write a blob of this size in bytes. The caller verifies the digest.
    pub fn start_blob(&self, digest: &Digest, size: u64) -> Result<BlobWriter<'_>, LayoutError> {
        Ok(match self {
            Self::Directory(directory) => BlobWriter::File(directory.start_blob(digest)?),
            Self::Archive(archive) => BlobWriter::Region(archive.start_blob(digest, size)?),
        })
    }

    /// Writes a small blob: a manifest. In a directory, a file that is damaged is replaced.
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), LayoutError> {
        if matches!(self, Self::Archive(archive) if archive.has_blob(digest)) {
            return Ok(());
        }
        let mut blob = self.start_blob(digest, bytes.len() as u64)?;
        blob.write(bytes)?;
        blob.finish()
    }

    /// Names manifests in the index, all at once. An archive is not there before this.
    pub fn commit(&self, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
        match self {
            Self::Directory(directory) => directory.commit(entries),
            Self::Archive(archive) => archive.commit(entries),
        }
    }
}

impl BlobWriter<'_> {
    /// Writes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Region(region) => region.write(bytes),
        }
    }

    /// Ends the blob, which is verified and has all of its bytes.
    pub fn finish(self) -> Result<(), LayoutError> {
        match self {
            Self::File(file) => file.finish(),
            Self::Region(region) => {
                region.finish();
                Ok(())
            }
        }
    }
}
