//! Files that are written under another name and renamed when they are complete.

use super::reader::open_regular;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// What the names of unfinished files begin with.
const PREFIX: &str = ".mfst-oci-";

/// Makes an unfinished file in a directory. It stays locked (`flock`) for as long as its writer runs.
pub(super) fn stage(directory: &Path) -> io::Result<NamedTempFile> {
    let mode = Permissions::from_mode(0o666);
    loop {
        let staged = tempfile::Builder::new().prefix(PREFIX).permissions(mode.clone()).tempfile_in(directory)?;
        staged.as_file().lock()?;
        // Before it was locked, another process may have removed it as one without a writer.
        if staged.as_file().metadata()?.nlink() > 0 {
            return Ok(staged);
        }
    }
}

/// Replaces a file in a directory.
pub(super) fn replace(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut staged = stage(directory)?;
    staged.write_all(content)?;
    staged.as_file().sync_data()?;
    staged.persist(path)?;
    Ok(())
}

/// Removes the unfinished files of writers that were killed: those that nobody has locked.
pub(super) fn remove_stale(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_staged = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if let Some((file, _)) = is_staged.then(|| open_regular(&path).ok()).flatten()
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}
