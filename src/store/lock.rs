//! The lock of the store: changes hold it alone, readers share it.
//!
//! One lock serves all lists. It is held for the system calls of one operation, never while waiting for a registry, and the
//! operating system releases it when its process ends. docker knows nothing of it.

use super::directory::Directory;
use super::{PRIVATE_DIRECTORY, StoreError};
use crate::file::{Links, ReadError};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

const NAME: &str = "lock";

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the file is locked while it is open")] File);

impl Lock {
    /// Keeps others from changing the store. None where nobody has changed it with mfst, or where this user could not.
    pub(super) fn shared(root: &Path) -> Result<Option<Self>, StoreError> {
        let Some(private) = private_directory(root)? else { return Ok(None) };
        match private.open_file(OsStr::new(NAME), OFlags::RDONLY, Links::Refuse) {
            Ok(file) => hold(&private, file, File::try_lock_shared, File::lock_shared).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(StoreError::file("lock", &private.path().join(NAME), error)),
        }
    }

    /// Keeps others from changing or reading the store.
    pub(super) fn exclusive(private: &Directory) -> Result<Self, StoreError> {
        hold(private, open_or_create(private)?, File::try_lock, File::lock)
    }
}

/// mfst's own directory in the store; none if there is none.
pub(super) fn private_directory(root: &Path) -> Result<Option<Directory>, StoreError> {
    match Directory::open(root) {
        Ok(root) => root.find_subdirectory(OsStr::new(PRIVATE_DIRECTORY)),
        // The list will not be found either, which has a message of its own.
        Err(_) => Ok(None),
    }
}

fn open_or_create(private: &Directory) -> Result<File, StoreError> {
    let failed = |error| StoreError::file("lock", &private.path().join(NAME), error);
    loop {
        match private.open_file(OsStr::new(NAME), OFlags::WRONLY, Links::Refuse) {
            Err(error) if error.is_not_found() => {}
            opened => return opened.map_err(failed),
        }
        match private.create(OsStr::new(NAME)) {
            Ok(file) => {
                private.give_owner(&file);
                return Ok(file);
            }
            // Another process has just made it.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
}

fn hold(
    private: &Directory,
    file: File,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
    lock: impl Fn(&File) -> io::Result<()>,
) -> Result<Lock, StoreError> {
    match try_lock(&file) {
        Err(TryLockError::WouldBlock) => {
            lock(&file).map_err(|error| StoreError::io("lock", &private.path().join(NAME), error))?;
        }
        // Some network file systems have no locks; a store on one is as safe as docker's.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    Ok(Lock(file))
}
