//! Writes layouts in directories. Files appear whole, under their final names.

use super::reader::{BlobReader, open_regular};
use super::writer::LayoutEntry;
use super::{INDEX_FILE, LayoutError, MARKER, MARKER_FILE, blob_name, index, staged};
use crate::digest::Digest;
use crate::registry::MANIFEST_LIMIT;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A layout in a directory.
#[derive(Debug)]
pub struct DirectoryWriter {
    directory: PathBuf,
}

/// A file that will be a blob.
#[derive(Debug)]
pub struct FileWriter {
    staged: NamedTempFile,
    target: PathBuf,
}

impl DirectoryWriter {
    pub(super) fn open(directory: &Path) -> Result<Self, LayoutError> {
        let blobs = directory.join("blobs");
        fs::create_dir_all(&blobs).map_err(|error| LayoutError::write(&blobs, error))?;
        staged::remove_stale(directory);
        Ok(Self { directory: directory.to_owned() })
    }

    pub(super) fn has_blob(&self, digest: &Digest, size: Option<u64>) -> bool {
        let found = fs::symlink_metadata(self.directory.join(blob_name(digest)));
        found.is_ok_and(|found| found.is_file() && size.is_none_or(|size| size == found.len()))
    }

    pub(super) fn start_blob(&self, digest: &Digest) -> Result<FileWriter, LayoutError> {
        let target = self.directory.join(blob_name(digest));
        let parent = target.parent().unwrap_or(&self.directory);
        let staged = fs::create_dir_all(parent).and_then(|()| staged::stage(&self.directory));
        Ok(FileWriter { staged: staged.map_err(|error| LayoutError::write(&target, error))?, target })
    }

    /// Merges entries into the index, under a lock on the directory.
    pub(super) fn commit(&self, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
        let path = self.directory.join(INDEX_FILE);
        let failed = |error| LayoutError::write(&path, error);
        let directory = File::open(&self.directory).map_err(failed)?;
        directory.lock().map_err(failed)?;
        let old = match open_regular(&path) {
            Ok(_) => Some(BlobReader::open(&path)?.read_to_end(MANIFEST_LIMIT)?),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(LayoutError::read(&path, error)),
        };
        let new = index::merge(&self.directory, old.as_deref(), entries)?;
        let marker = self.directory.join(MARKER_FILE);
        if !marker.exists() {
            staged::replace(&self.directory, &marker, MARKER).map_err(|error| LayoutError::write(&marker, error))?;
        }
        staged::replace(&self.directory, &path, &new).map_err(failed)
    }
}

impl FileWriter {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        self.staged.write_all(bytes).map_err(|error| LayoutError::write(&self.target, error))
    }

    pub(super) fn finish(self) -> Result<(), LayoutError> {
        let Self { staged, target } = self;
        staged.persist(&target).map(drop).map_err(|error| LayoutError::write(&target, error.error))
    }
}
