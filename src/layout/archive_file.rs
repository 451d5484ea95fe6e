//! The file that an archive is written to: where it is, and what would be lost with the one that it replaces.

use super::reader::open_regular;
use super::{Layout, LayoutError};
use crate::file::kind;
use crate::location::LayoutPath;
use rustix::fs::FileType;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The most symbolic links that are followed, as in Linux (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// The file that a path leads to. Symbolic links are followed, even to a file that does not exist yet.
pub(super) fn follow(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = directory(&path).join(target);
    }
    path
}

/// The directory of a file.
pub(super) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The absolute path of an archive, which is the same for every spelling of it.
#[must_use]
pub fn canonical_archive(path: &Path) -> PathBuf {
    let path = follow(path);
    match (fs::canonicalize(directory(&path)), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path,
    }
}

/// The tags of the archive that is to be replaced; none if there is no file, or an empty one. Any other file is an error.
pub fn replaced_tags(path: &Path) -> Result<Vec<String>, LayoutError> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(|error| LayoutError::read(path, error))?,
    };
    if !found.is_file() {
        let kind = kind(FileType::from_raw_mode(found.mode()));
        return Err(LayoutError::NotReplaceable { path: path.to_owned(), kind });
    }
    if found.len() == 0 {
        return Ok(Vec::new());
    }
    open_regular(path).map_err(|error| LayoutError::read(path, error))?;
    match Layout::open(&LayoutPath::Archive(path.to_owned())) {
        Ok(archive) => Ok(archive.tags()),
        Err(_) => Err(LayoutError::NotAnArchive { path: path.to_owned() }),
    }
}
