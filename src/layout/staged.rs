//! Files that are written under another name and renamed when they are complete.

use super::reader::open_regular;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

/// What the names of unfinished files begin with.
const PREFIX: &str = ".mfst-oci-";
/// The age from which an unfinished file without a writer is removed.
const STALE_AGE: Duration = Duration::from_secs(60);

/// Makes an unfinished file in a directory. It is locked while it is written.
pub(super) fn stage(directory: &Path) -> io::Result<NamedTempFile> {
    let mode = Permissions::from_mode(0o666);
    let staged = tempfile::Builder::new().prefix(PREFIX).permissions(mode).tempfile_in(directory)?;
    staged.as_file().lock()?;
    Ok(staged)
}

/// Replaces a file in a directory.
pub(super) fn replace(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut staged = stage(directory)?;
    staged.write_all(content)?;
    staged.as_file().sync_data()?;
    staged.persist(path)?;
    Ok(())
}

/// Removes the unfinished files of writers that were killed.
pub(super) fn remove_stale(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_staged = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if let Some((file, _)) = is_staged.then(|| open_regular(&path).ok()).flatten()
            && is_old(&file)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

fn is_old(file: &File) -> bool {
    let modified = file.metadata().and_then(|found| found.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE_AGE))
}
