//! Reads the files of a list.

use super::directory::Directory;
use super::{StoreError, file_name};
use crate::file::{Links, ReadError};
use crate::manifest::ListEntry;
use crate::reference::Reference;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::Path;

/// How often a list is read again that docker has changed meanwhile.
const MAX_ATTEMPTS: usize = 20;

/// An entry and the name of its file, which is usually made from the entry's reference.
pub(super) type StoredEntry = (OsString, ListEntry);

/// Opens the directory of a list, through a link if it is one, and does `read` with it. Reads again if the directory, or
/// what was in it, was removed or exchanged meanwhile, which locks prevent only where there are locks.
pub(super) fn read_stable<T>(
    path: &Path,
    read: impl Fn(&Directory) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut last_error = None;
    for _ in 0..MAX_ATTEMPTS {
        let directory = match Directory::open(path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("open", path, error)),
        };
        match read(&directory) {
            Err(error) if error.is_not_found() => last_error = Some(error),
            result if directory.is_in_place() => return result.map(Some),
            _ => {}
        }
    }
    Err(last_error.unwrap_or_else(|| StoreError::io("read", path, io::Error::other("it is changed all the time"))))
}

/// All entries in a directory, sorted by file name.
pub(super) fn read_all(directory: &Directory) -> Result<Vec<StoredEntry>, StoreError> {
    let names = directory.names().map_err(|error| StoreError::io("open", directory.path(), error))?;
    names.into_iter().map(|name| read(directory, &name, None).map(|entry| (name, entry))).collect()
}

/// The entry in a file. If it names no image, it is taken for `fallback`.
pub(super) fn read(directory: &Directory, name: &OsStr, fallback: Option<&Reference>) -> Result<ListEntry, StoreError> {
    let path = || directory.path().join(name);
    let json = directory.read(name, Links::Follow).map_err(|error| {
        let is_unreadable = match &error {
            ReadError::Io(error) => error.kind() == ErrorKind::IsADirectory,
            _ => true,
        };
        StoreError::file(if is_unreadable { "read" } else { "open" }, &path(), error)
    })?;
    ListEntry::from_json(&json, fallback).map_err(|error| StoreError::BrokenEntry { path: path(), error })
}

/// Refuses an entry in the legacy format with a wrong manifest.
pub(super) fn check_legacy_format(entry: &ListEntry, directory: &Path) -> Result<(), StoreError> {
    let path = || directory.join(file_name(&entry.reference));
    entry.check_legacy_format().map_err(|error| StoreError::LegacyFormat { path: path(), error })
}
