//! Changes to the store that happen wholly or not at all.

use super::{PRIVATE_DIRECTORY, StoreError};
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The modes docker gives its directories and files, before the user's mask.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// The right to change the store, held by one mfst process at a time.
///
/// The lock is one for all lists: it is held for the few system calls of a change, never while waiting for a
/// registry, and the operating system lets go of it when its process ends, however it ends.
pub(super) struct Transaction {
    /// Where files are made before they take their place; on the same file system as the lists.
    staging: PathBuf,
    _lock: File,
}

impl Transaction {
    pub(super) fn begin(root: &Path) -> Result<Self, StoreError> {
        let private = root.join(PRIVATE_DIRECTORY);
        let path = private.join("lock");
        let failed = |error| StoreError::io("lock", &path, error);
        let open =
            |may_be_new| OpenOptions::new().create(may_be_new).truncate(false).write(true).mode(FILE_MODE).open(&path);
        let lock = match open(false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directories(&private)?;
                let lock = open(true).map_err(failed)?;
                keep_owner(root, &private);
                keep_owner(root, &path);
                lock
            }
            lock => lock.map_err(failed)?,
        };
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => lock.lock().map_err(failed)?,
            // Some network file systems have no locks; a store on one is as safe as docker's.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let transaction = Self { staging: private.join("staged"), _lock: lock };
        transaction.clear()?;
        Ok(transaction)
    }

    /// Writes files into a directory, which may have to be made, and removes those of its other files that do not
    /// `stay`. `before_commit` is shown the directory that will be in place, be it there yet or not, and can still
    /// stop the change.
    pub(super) fn write(
        &self,
        directory: &Path,
        files: &[(String, Vec<u8>)],
        keep: impl Fn(&str) -> bool,
        before_commit: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // What a symbolic link leads to is changed, not the link, as docker does.
        let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        let done = self.stage_and_commit(&directory, files, keep, before_commit);
        self.cleanup();
        done
    }

    fn stage_and_commit(
        &self,
        directory: &Path,
        files: &[(String, Vec<u8>)],
        keep: impl Fn(&str) -> bool,
        before_commit: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        make_directories(&self.staging)?;
        for (name, content) in files {
            let path = self.staging.join(name);
            let written = write_file(&path, content).and_then(|()| keep_access(&directory.join(name), &path));
            written.map_err(|error| StoreError::io("write", &path, error))?;
        }
        sync(&self.staging, files)?;
        if fs::symlink_metadata(directory).is_err() {
            before_commit(&self.staging)?;
            return fs::rename(&self.staging, directory).map_err(|error| StoreError::io("mkdir", directory, error));
        }
        let written: HashSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let untouched = untouched(directory, &written)?;
        let (stay, go): (Vec<String>, Vec<String>) = untouched.into_iter().partition(|name| keep(name));
        match (files, go.as_slice()) {
            ([(name, _)], []) => {
                before_commit(directory)?;
                self.move_file(name, directory)?;
            }
            ([], [name]) => {
                before_commit(directory)?;
                remove_file(&directory.join(name))?;
            }
            _ => {
                self.link(directory, &stay)?;
                before_commit(&self.staging)?;
                self.swap_in(directory, files, &go)?;
            }
        }
        Ok(())
    }

    /// Puts a file in the place of one in a directory.
    pub(super) fn replace(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        let written = write_file(&self.staging, content).and_then(|()| keep_access(path, &self.staging));
        let synced = written.and_then(|()| sync_file(&self.staging));
        let done = synced
            .map_err(|error| StoreError::io("write", &self.staging, error))
            .and_then(|()| fs::rename(&self.staging, path).map_err(|error| StoreError::io("open", path, error)));
        if done.is_err() {
            self.cleanup();
        }
        done
    }

    /// Adds the files that stay to what is staged.
    fn link(&self, directory: &Path, stay: &[String]) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("amend", directory, error);
        for name in stay {
            fs::hard_link(directory.join(name), self.staging.join(name)).map_err(failed)?;
        }
        keep_access(directory, &self.staging).map_err(failed)
    }

    /// Lets several changes in a directory appear at one stroke, by exchanging it for what is staged.
    fn swap_in(&self, directory: &Path, files: &[(String, Vec<u8>)], go: &[String]) -> Result<(), StoreError> {
        match exchange(&self.staging, directory) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                // Without an exchange, each file is still old or new, never half of either.
                files.iter().try_for_each(|(name, _)| self.move_file(name, directory))?;
                go.iter().try_for_each(|name| remove_file(&directory.join(name)))
            }
            done => done.map_err(|error| StoreError::io("amend", directory, error)),
        }
    }

    fn move_file(&self, name: &str, directory: &Path) -> Result<(), StoreError> {
        let path = directory.join(name);
        fs::rename(self.staging.join(name), &path).map_err(|error| StoreError::io("open", &path, error))
    }

    /// Removes a directory, or whatever stands in its place.
    pub(super) fn remove(&self, directory: &Path) -> Result<(), StoreError> {
        fs::rename(directory, &self.staging).map_err(|error| StoreError::io("remove", directory, error))?;
        self.cleanup();
        Ok(())
    }

    /// Removes what this change has left. It is done, or has failed for a better reason, so what cannot be removed is left
    /// to the next change.
    fn cleanup(&self) {
        let _ = self.clear();
    }

    /// Removes what a change has left, be it one whose process died in the middle.
    fn clear(&self) -> Result<(), StoreError> {
        let removed = match fs::symlink_metadata(&self.staging) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&self.staging),
            Ok(_) => fs::remove_file(&self.staging),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &self.staging, error))
            }
            _ => Ok(()),
        }
    }
}

/// The names of the files in a directory that are not written anew.
fn untouched(directory: &Path, written: &HashSet<&str>) -> Result<Vec<String>, StoreError> {
    let names = super::entry_names(directory)?.unwrap_or_default();
    Ok(names.into_iter().filter(|name| !written.contains(name.as_str())).collect())
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(|error| StoreError::io("remove", path, error))
}

/// Makes a directory and those above it, and names the one that could not be made.
fn make_directories(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(|error| {
        let blocked = path.ancestors().take_while(|ancestor| !ancestor.is_dir()).last().unwrap_or(path);
        StoreError::io("mkdir", blocked, error)
    })
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?.write_all(content)
}

/// Makes sure that files are on the disk, so that a crash after the rename cannot leave empty ones.
fn sync(directory: &Path, files: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
    // Very many files are faster on the disk together than one after the other, though what untouched have written goes
    // there with them, which may take long.
    if files.len() > 256 && sync_file_system(directory) {
        return Ok(());
    }
    files
        .iter()
        .map(|(name, _)| directory.join(name))
        .try_for_each(|path| sync_file(&path).map_err(|error| StoreError::io("write", &path, error)))
}

fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_data()
}

/// Whether the file system has been told to write everything down.
#[cfg(target_os = "linux")]
fn sync_file_system(directory: &Path) -> bool {
    File::open(directory).is_ok_and(|directory| rustix::fs::syncfs(directory).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_directory: &Path) -> bool {
    false
}

/// Gives a file or directory the mode and, as far as we may, the owner of the one whose place it will take, as if
/// that one had been changed where it is, which is what docker does.
fn keep_access(old: &Path, new: &Path) -> io::Result<()> {
    keep_owner(old, new);
    match fs::metadata(old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        found => fs::set_permissions(new, found?.permissions()),
    }
}

/// Gives a file or directory the owner of another one. Only root may, and it matters only for root: what `sudo mfst`
/// makes of our own must not keep the store's owner out.
pub(super) fn keep_owner(old: &Path, new: &Path) {
    if let Ok(old) = fs::metadata(old) {
        let _ = std::os::unix::fs::chown(new, Some(old.uid()), Some(old.gid()));
    }
}

/// Exchanges two directories at one stroke; `Unsupported` where the system or the file system cannot.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        done => Ok(done?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
