//! A file of a layout that is read piece by piece.

use super::LayoutError;
use crate::file::{self, Links, ReadError};
use bytes::Bytes;
use rustix::fs::{CWD, OFlags};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is read at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// A file of a layout, or a part of an archive.
#[derive(Debug)]
pub struct BlobReader {
    path: PathBuf,
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl BlobReader {
    /// Opens a whole file.
    pub(super) fn open(path: &Path) -> Result<Self, LayoutError> {
        let (file, length) = open_regular(path).map_err(|error| LayoutError::read(path, error))?;
        Ok(Self::part(path, Arc::new(file), 0, length))
    }

    /// A part of a file.
    pub(super) fn part(path: &Path, file: Arc<File>, position: u64, length: u64) -> Self {
        Self { path: path.to_owned(), file, position, end: position + length }
    }

    /// The file that is read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes are left.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.end - self.position
    }

    /// The next chunk; none at the end.
    pub fn chunk(&mut self) -> Result<Option<Bytes>, LayoutError> {
        let wanted = usize::try_from(self.size()).unwrap_or(CHUNK).min(CHUNK);
        if wanted == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; wanted];
        let read = self.file.read_exact_at(&mut chunk, self.position);
        read.map_err(|error| LayoutError::read(&self.path, error))?;
        self.position += wanted as u64;
        Ok(Some(chunk.into()))
    }

    /// All of it, at most `limit` bytes.
    pub(super) fn read_to_end(mut self, limit: usize) -> Result<Bytes, LayoutError> {
        if usize::try_from(self.size()).is_ok_and(|size| size <= limit) {
            let mut bytes = Vec::new();
            while let Some(chunk) = self.chunk()? {
                bytes.extend_from_slice(&chunk);
            }
            return Ok(bytes.into());
        }
        Err(LayoutError::TooLarge { path: self.path, limit })
    }
}

/// Opens a regular file, and returns its length in bytes. Symbolic links are followed, as some tools make blobs that are
/// links.
pub(super) fn open_regular(path: &Path) -> Result<(File, u64), ReadError> {
    let file = file::open_at(CWD, path, OFlags::RDONLY, Links::Follow)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}
