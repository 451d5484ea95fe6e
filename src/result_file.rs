//! Files that the user wants results in: written wholly, and only when there is a result.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use thiserror::Error;

/// A file that cannot be written.
#[derive(Debug, Error)]
#[error("cannot write {}: {error}", path.display())]
pub struct ResultFileError {
    path: PathBuf,
    error: io::Error,
}

/// A file to be written later. That it can be is known from the beginning.
#[derive(Debug)]
pub struct ResultFile {
    path: PathBuf,
    /// None for a pipe or a device, which nothing can take the place of.
    staged: Option<NamedTempFile>,
}

impl ResultFile {
    /// Makes sure that the file can be written, and leaves what is there alone.
    pub fn prepare(path: &Path) -> Result<Self, ResultFileError> {
        let failed = |error| ResultFileError { path: path.to_owned(), error };
        // What a symbolic link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mode = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => return Ok(Self { path, staged: None }),
            Ok(found) => found.permissions(),
            Err(_) => Permissions::from_mode(0o666),
        };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let staged =
            tempfile::Builder::new().prefix(".mfst-").permissions(mode).tempfile_in(directory).map_err(failed)?;
        Ok(Self { path, staged: Some(staged) })
    }

    /// Writes the file.
    pub fn write(self, content: &[u8]) -> Result<(), ResultFileError> {
        let written = match self.staged {
            Some(mut staged) => staged
                .write_all(content)
                .and_then(|()| staged.as_file().sync_data())
                .and_then(|()| staged.persist(&self.path).map(drop).map_err(|error| error.error)),
            None => OpenOptions::new().write(true).open(&self.path).and_then(|mut file| file.write_all(content)),
        };
        written.map_err(|error| ResultFileError { path: self.path, error })
    }
}
