//! Writes layouts in directories. Files appear whole, under their final names.

use super::reader::{BlobReader, open_regular};
use super::writer::LayoutEntry;
use super::{INDEX_FILE, LayoutError, MARKER, MARKER_FILE, blob_name, index};
use crate::digest::Digest;
use crate::registry::MANIFEST_LIMIT;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// What the names of unfinished files begin with.
const STAGED_PREFIX: &str = ".mfst-";
/// The age from which an unfinished file without a writer is removed.
const STALE_AGE: Duration = Duration::from_secs(60);

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
        remove_stale_files(directory);
        Ok(Self { directory: directory.to_owned() })
    }

    pub(super) fn has_blob(&self, digest: &Digest, size: Option<u64>) -> bool {
        let found = fs::symlink_metadata(self.directory.join(blob_name(digest)));
        found.is_ok_and(|found| found.is_file() && size.is_none_or(|size| size == found.len()))
    }

    pub(super) fn start_blob(&self, digest: &Digest) -> Result<FileWriter, LayoutError> {
        let target = self.directory.join(blob_name(digest));
        let parent = target.parent().unwrap_or(&self.directory);
        let staged = fs::create_dir_all(parent).and_then(|()| stage(&self.directory));
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
            replace(&self.directory, &marker, MARKER).map_err(|error| LayoutError::write(&marker, error))?;
        }
        replace(&self.directory, &path, &new).map_err(failed)
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

/// A temporary file. It is locked while it is written.
fn stage(directory: &Path) -> io::Result<NamedTempFile> {
    let mode = Permissions::from_mode(0o666);
    let staged = tempfile::Builder::new().prefix(STAGED_PREFIX).permissions(mode).tempfile_in(directory)?;
    staged.as_file().lock()?;
    Ok(staged)
}

fn replace(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut staged = stage(directory)?;
    staged.write_all(content)?;
    staged.as_file().sync_data()?;
    staged.persist(path)?;
    Ok(())
}

/// Removes the unfinished files of writers that were killed.
fn remove_stale_files(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_staged = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STAGED_PREFIX));
        let is_old = |file: &File| {
            let modified = file.metadata().and_then(|found| found.modified());
            modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE_AGE))
        };
        if let Some((file, _)) = is_staged.then(|| open_regular(&path).ok()).flatten()
            && is_old(&file)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}
