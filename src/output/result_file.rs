//! Files that the user wants results in: written wholly, and only when there is a result.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
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
    mode: WriteMode,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteMode {
    /// A new file takes the place of the old one at one stroke.
    Replace,
    /// Where it is: its directory takes no new file.
    Overwrite,
    /// Behind what is there: it is a pipe or a device, or one of our own streams, which may be a file.
    Append,
}

impl ResultFile {
    /// Makes sure that the file can be written, and leaves what is there alone.
    pub fn prepare(path: &Path) -> Result<Self, ResultFileError> {
        let failed = |error| ResultFileError { path: path.to_owned(), error };
        let is_stream = ["/dev", "/proc"].iter().any(|special| path.starts_with(special));
        let found = fs::metadata(path);
        if found.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return Err(failed(ErrorKind::IsADirectory.into()));
        }
        if found.as_ref().is_ok_and(|found| is_stream || !found.is_file()) {
            return Ok(Self { path: path.to_owned(), mode: WriteMode::Append });
        }
        // What a symbolic link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // Nothing stays behind, should we be killed before there is a result.
        let mode = match stage(&path) {
            Ok(_) => WriteMode::Replace,
            Err(_) if OpenOptions::new().write(true).open(&path).is_ok() => WriteMode::Overwrite,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, mode })
    }

    /// Writes the file.
    pub fn write(self, content: &[u8]) -> Result<(), ResultFileError> {
        let written = match self.mode {
            WriteMode::Replace => replace(&self.path, content),
            WriteMode::Overwrite => overwrite(&self.path, content),
            WriteMode::Append => {
                OpenOptions::new().append(true).open(&self.path).and_then(|mut file| file.write_all(content))
            }
        };
        written.map_err(|error| ResultFileError { path: self.path, error })
    }
}

/// A file beside this one, with its mode.
fn stage(path: &Path) -> io::Result<NamedTempFile> {
    let mode = fs::metadata(path).map_or_else(|_| Permissions::from_mode(0o666), |found| found.permissions());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::metadata(directory)?;
    let staged = tempfile::Builder::new().prefix(".mfst-").permissions(mode).tempfile_in(directory);
    // The name that it would have had says nothing to anyone.
    staged.map_err(|error| error.kind().into())
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut staged = stage(path)?;
    staged.write_all(content)?;
    staged.as_file().sync_data()?;
    match staged.persist(path) {
        // A file that is mounted keeps its place.
        Err(refused) if refused.error.kind() == ErrorKind::ResourceBusy => overwrite(path, content),
        done => Ok(done.map(drop)?),
    }
}

fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).truncate(true).open(path)?.write_all(content)
}
