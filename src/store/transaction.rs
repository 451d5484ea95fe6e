//! Changes of the store that happen completely or not at all.

use super::directory::Directory;
use super::lock::Lock;
use super::metadata::Places;
use super::{PRIVATE_DIRECTORY, StoreError};
use crate::file::{self, Links};
use rustix::fs::{FileType, OFlags};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Where files are made before they take their place, on the file system of the lists.
const STAGED: &str = "staged";

/// A change of the store. No other mfst process changes or reads the store before it is dropped.
#[derive(Debug)]
pub(super) struct Transaction {
    root: Directory,
    private: Directory,
    _lock: Lock,
}

/// The files of a list that a change writes and removes.
#[derive(Debug)]
pub(super) struct FileChange<Keep> {
    /// Names and contents.
    pub(super) written: Vec<(OsString, Vec<u8>)>,
    /// Whether a file that is not written stays.
    pub(super) keep: Keep,
}

impl Transaction {
    /// Makes the store if there is none, locks it, and removes what a killed process has left.
    pub(super) fn begin(path: &Path) -> Result<Self, StoreError> {
        make_directories(path)?;
        let root = Directory::open(path).map_err(|error| StoreError::io("open", path, error))?;
        let private = root.ensure_subdirectory(OsStr::new(PRIVATE_DIRECTORY))?;
        let lock = Lock::exclusive(&private)?;
        let transaction = Self { root, private, _lock: lock };
        transaction.remove_staged()?;
        Ok(transaction)
    }

    /// mfst's own directory in the store.
    pub(super) fn private(&self) -> &Directory {
        &self.private
    }

    /// Changes the files of a list, which may have to be made. `before_commit` gets the directory that the list will be
    /// in, and can still stop the change.
    pub(super) fn write(
        &self,
        list: &OsStr,
        change: &FileChange<impl Fn(&OsStr) -> bool>,
        before_commit: impl Fn(Places) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let done = self.stage_and_commit(list, change, before_commit);
        // The change is done or has failed for another reason; the next one removes what cannot be removed now.
        let _ = self.remove_staged();
        done
    }

    fn stage_and_commit(
        &self,
        list: &OsStr,
        change: &FileChange<impl Fn(&OsStr) -> bool>,
        before_commit: impl Fn(Places) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("open", &self.root.path().join(list), error);
        let id = |directory: &Directory| directory.id().map_err(failed);
        let (directory, is_link) = match self.root.file_type(list).map_err(failed)? {
            None => (None, false),
            // As in docker, the link stays and the directory behind it is changed.
            Some(FileType::Symlink) => (Some(Directory::open(&self.root.path().join(list)).map_err(failed)?), true),
            Some(_) => (Some(self.root.subdirectory(list)?), false),
        };
        let staged = self.stage(&change.written, directory.as_ref())?;
        let Some(directory) = directory else {
            before_commit(Places { new: id(&staged)?, old: None })?;
            let renamed = self.private.rename(OsStr::new(STAGED), &self.root, list);
            return renamed.map_err(|error| StoreError::io("mkdir", &self.root.path().join(list), error));
        };
        let written: HashSet<&OsStr> = change.written.iter().map(|(name, _)| name.as_os_str()).collect();
        let names = directory.names().map_err(failed)?;
        let others = names.iter().map(OsString::as_os_str).filter(|name| !written.contains(name));
        let (kept, removed): (Vec<&OsStr>, Vec<&OsStr>) = others.partition(|name| (change.keep)(name));
        check_entries(&directory, removed.iter().chain(&written))?;
        let in_place = InPlace { staged: &staged, directory: &directory, written: &change.written, removed: &removed };
        if is_link || written.len() + removed.len() == 1 {
            before_commit(Places { new: id(&directory)?, old: None })?;
            return in_place.commit();
        }
        let amend_failed = |error| StoreError::io("amend", directory.path(), error);
        kept.iter().try_for_each(|name| directory.link(name, &staged)).map_err(amend_failed)?;
        staged.take_access(&directory).map_err(amend_failed)?;
        before_commit(Places { new: id(&staged)?, old: Some(id(&directory)?) })?;
        match self.private.exchange(OsStr::new(STAGED), &self.root, list) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                before_commit(Places { new: id(&directory)?, old: None })?;
                in_place.commit()
            }
            done => done.map_err(amend_failed),
        }
    }

    /// Writes files to a new directory, each with the mode and owner of the one that it replaces, and to the disk, so that
    /// a crash after the change cannot leave empty files.
    fn stage(&self, files: &[(OsString, Vec<u8>)], directory: Option<&Directory>) -> Result<Directory, StoreError> {
        let staged = self.private.make_subdirectory(OsStr::new(STAGED))?;
        staged.check_empty()?;
        for (name, content) in files {
            let file = staged.write(name, content)?;
            let given = directory.map_or(Ok(()), |directory| directory.give_access(name, &file));
            given.map_err(|error| StoreError::io("write", &staged.path().join(name), error))?;
        }
        // After all have been written: the first may take the others with it to the disk.
        files.iter().try_for_each(|(name, _)| staged.sync(name))?;
        Ok(staged)
    }

    /// Removes a list's directory with all that is in it, as docker does, or the link in its place.
    pub(super) fn remove(&self, list: &OsStr) -> Result<(), StoreError> {
        let renamed = self.root.rename(list, &self.private, OsStr::new(STAGED));
        renamed.map_err(|error| StoreError::io("remove", &self.root.path().join(list), error))?;
        // The next change removes what cannot be removed now.
        let _ = self.remove_staged();
        Ok(())
    }

    fn remove_staged(&self) -> Result<(), StoreError> {
        let removed = self.private.remove_all(OsStr::new(STAGED));
        removed.map_err(|error| StoreError::io("remove", &self.private.path().join(STAGED), error))
    }
}

/// A change of a list file by file: each is old or new at any time, never half of either.
struct InPlace<'a> {
    staged: &'a Directory,
    directory: &'a Directory,
    written: &'a [(OsString, Vec<u8>)],
    removed: &'a [&'a OsStr],
}

impl InPlace<'_> {
    fn commit(&self) -> Result<(), StoreError> {
        let failed =
            |operation, name: &OsStr, error| StoreError::io(operation, &self.directory.path().join(name), error);
        for (name, content) in self.written {
            let moved = self.staged.rename(name, self.directory, name);
            let done = match moved {
                Err(error) if error.kind() == ErrorKind::CrossesDevices => self.overwrite(name, content),
                done => done,
            };
            done.map_err(|error| failed("open", name, error))?;
        }
        self.removed
            .iter()
            .try_for_each(|name| self.directory.remove_file(name).map_err(|error| failed("remove", name, error)))
    }

    /// Writes a file where it is, as docker does: the directory is a link to another file system.
    fn overwrite(&self, name: &OsStr, content: &[u8]) -> io::Result<()> {
        let mut file = match self.directory.open_file(name, OFlags::WRONLY, Links::Refuse) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => self.directory.create(name)?,
            Err(error) => return Err(io::Error::other(error)),
        };
        file.set_len(0)?;
        file.write_all(content)?;
        file.sync_data()
    }
}

/// Refuses to replace or remove what is no file.
fn check_entries<'a>(directory: &Directory, names: impl Iterator<Item = &'a &'a OsStr>) -> Result<(), StoreError> {
    for name in names {
        let path = || directory.path().join(name);
        match directory.file_type(name).map_err(|error| StoreError::io("open", &path(), error))? {
            None | Some(FileType::RegularFile | FileType::Symlink) => {}
            Some(other) => return Err(StoreError::NotAnEntry { path: path(), kind: file::kind(other) }),
        }
    }
    Ok(())
}

/// Makes a directory and those above it, and names the one that could not be made.
fn make_directories(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(|error| {
        let blocked = path.ancestors().take_while(|ancestor| !ancestor.is_dir()).last().unwrap_or(path);
        StoreError::io("mkdir", blocked, error)
    })
}
