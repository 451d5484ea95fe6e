//! Open directories of the store. What is in them is named relative to the open directory, so that nobody can redirect an
//! operation by putting a link in the place of a directory.

use super::StoreError;
use crate::file::{self, Links, ReadError};
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, linkat, mkdirat, openat, renameat,
    statat, unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The modes that docker gives to its directories and files, before the umask.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
/// The mode of a file that is nobody else's business.
const PRIVATE_FILE_MODE: Mode = Mode::from_raw_mode(0o600);
/// The largest file that is read, in bytes. A manifest of 4 MiB, the largest there is, may take 30 MiB in an entry.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    handle: File,
    /// For messages.
    path: PathBuf,
}

/// What tells a directory from a later one in the same place.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct DirectoryId {
    inode: u64,
    /// Nanoseconds since 1970; none where the file system does not keep the time of birth.
    created: Option<u64>,
}

impl Directory {
    /// Opens a directory of the user's, who may have put a link in its place.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())?.into();
        Ok(Self { handle, path: path.to_owned() })
    }

    /// Opens a directory in this one, which must not be a link.
    pub(super) fn subdirectory(&self, name: &OsStr) -> Result<Self, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(opened) => Ok(Self { handle: opened.into(), path: self.path.join(name) }),
            Err(Errno::LOOP | Errno::NOTDIR) if matches!(self.file_type(name), Ok(Some(FileType::Symlink))) => {
                Err(StoreError::Link { path: self.path.join(name) })
            }
            Err(error) => Err(self.failed("open", name, error)),
        }
    }

    /// The same, none if there is no such directory.
    pub(super) fn find_subdirectory(&self, name: &OsStr) -> Result<Option<Self>, StoreError> {
        match self.subdirectory(name) {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }

    /// Opens a directory in this one, or makes it for the owner of this one.
    pub(super) fn ensure_subdirectory(&self, name: &OsStr) -> Result<Self, StoreError> {
        if let Some(found) = self.find_subdirectory(name)? {
            return Ok(found);
        }
        let made = self.make_subdirectory(name)?;
        // Nobody can have put another directory in its place to be given what is in there.
        if made.check_empty().is_ok() {
            self.give_owner(&made.handle);
        }
        Ok(made)
    }

    /// Makes a directory in this one; another process may make it at the same time.
    pub(super) fn make_subdirectory(&self, name: &OsStr) -> Result<Self, StoreError> {
        match mkdirat(&self.handle, name, DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => self.subdirectory(name),
            Err(error) => Err(self.failed("mkdir", name, error)),
        }
    }

    /// Makes an empty file where there is none.
    pub(super) fn create(&self, name: &OsStr) -> io::Result<File> {
        self.create_with_mode(name, FILE_MODE)
    }

    /// Makes an empty file where there is none, which only its owner can read.
    pub(super) fn create_private(&self, name: &OsStr) -> io::Result<File> {
        self.create_with_mode(name, PRIVATE_FILE_MODE)
    }

    fn create_with_mode(&self, name: &OsStr, mode: Mode) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.handle, name, flags, mode)?.into())
    }

    /// Makes a file with this content where there is none.
    pub(super) fn write(&self, name: &OsStr, content: &[u8]) -> Result<File, StoreError> {
        let written = self.create(name).and_then(|mut file| file.write_all(content).map(|()| file));
        written.map_err(|error| StoreError::io("write", &self.path.join(name), error))
    }

    /// Opens a regular file.
    pub(super) fn open_file(&self, name: &OsStr, access: OFlags, links: Links) -> Result<File, ReadError> {
        file::open_at(&self.handle, Path::new(name), access, links)
    }

    /// Reads a regular file.
    pub(super) fn read(&self, name: &OsStr, links: Links) -> Result<Vec<u8>, ReadError> {
        file::read_whole(self.open_file(name, OFlags::RDONLY, links)?, MAX_FILE)
    }

    /// Makes sure that a file is on the disk.
    pub(super) fn sync(&self, name: &OsStr) -> Result<(), StoreError> {
        let synced = self.open_file(name, OFlags::RDONLY, Links::Refuse).and_then(|file| Ok(file.sync_data()?));
        synced.map_err(|error| StoreError::file("write", &self.path.join(name), error))
    }

    /// The names of everything in the directory, sorted by bytes as docker sorts them.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Fails unless there is nothing in the directory.
    pub(super) fn check_empty(&self) -> Result<(), StoreError> {
        match self.names() {
            Ok(names) if names.is_empty() => Ok(()),
            Ok(_) => Err(StoreError::io("mkdir", &self.path, ErrorKind::DirectoryNotEmpty.into())),
            Err(error) => Err(StoreError::io("open", &self.path, error)),
        }
    }

    /// What is there under a name, links not followed; none if there is nothing.
    pub(super) fn file_type(&self, name: &OsStr) -> io::Result<Option<FileType>> {
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file in this directory a second name in another one.
    pub(super) fn link(&self, name: &OsStr, other: &Self) -> io::Result<()> {
        Ok(linkat(&self.handle, name, &other.handle, name, AtFlags::empty())?)
    }

    /// Moves what is there under a name, into the place of what has the new name.
    pub(super) fn rename(&self, name: &OsStr, other: &Self, new_name: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.handle, name, &other.handle, new_name)?)
    }

    /// Exchanges two directories in one step; `Unsupported` where the system or the file system cannot.
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    pub(super) fn exchange(&self, name: &OsStr, other: &Self, other_name: &OsStr) -> io::Result<()> {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(&self.handle, name, &other.handle, other_name, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Err(ErrorKind::Unsupported.into()),
            done => Ok(done?),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    pub(super) fn exchange(&self, _name: &OsStr, _other: &Self, _other_name: &OsStr) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Removes a file or a link.
    pub(super) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Removes whatever is there under a name, a directory with all that is in it.
    pub(super) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        match self.file_type(name)? {
            None => return Ok(()),
            Some(FileType::Directory) => {}
            Some(_) => return self.remove_file(name),
        }
        let directory = self.subdirectory(name).map_err(io::Error::other)?;
        directory.names()?.iter().try_for_each(|name| directory.remove_all(name))?;
        Ok(unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    /// Gives this directory the mode and, if permitted, the owner of another one, in whose place it will be.
    pub(super) fn take_access(&self, other: &Self) -> io::Result<()> {
        set_access(&self.handle, &fstat(&other.handle)?)
    }

    /// Gives a new file the mode and, if permitted, the owner of the regular file under this name, as if that one had been
    /// overwritten, which is what docker does.
    pub(super) fn give_access(&self, name: &OsStr, new: &File) -> io::Result<()> {
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(old) if FileType::from_raw_mode(old.st_mode) == FileType::RegularFile => set_access(new, &old),
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives what root has made to the owner of this directory: it must not keep the owner out.
    pub(super) fn give_owner(&self, new: &File) {
        if let Ok(owner) = fstat(&self.handle) {
            set_owner(new, &owner);
        }
    }

    /// What this directory is, wherever it is moved.
    pub(super) fn id(&self) -> io::Result<DirectoryId> {
        let found = self.handle.metadata()?;
        let created = found.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let created = created.and_then(|age| u64::try_from(age.as_nanos()).ok());
        Ok(DirectoryId { inode: found.ino(), created })
    }

    /// Whether the directory is still where it was opened.
    pub(super) fn is_in_place(&self) -> bool {
        let (here, there) = (fstat(&self.handle), rustix::fs::stat(&self.path));
        here.is_ok_and(|here| there.is_ok_and(|there| (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)))
    }

    /// The last change of a file, through a link if it is one.
    pub(super) fn modified_of(&self, name: &OsStr) -> io::Result<SystemTime> {
        std::fs::metadata(self.path.join(name))?.modified()
    }

    /// The last change of the directory itself.
    pub(super) fn modified(&self) -> io::Result<SystemTime> {
        self.handle.metadata()?.modified()
    }

    /// Where the directory was when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, operation: &'static str, name: &OsStr, error: Errno) -> StoreError {
        StoreError::io(operation, &self.path.join(name), error.into())
    }
}

fn set_access(new: &File, old: &Stat) -> io::Result<()> {
    set_owner(new, old);
    Ok(fchmod(new, Mode::from_raw_mode(old.st_mode))?)
}

/// Only root may do this, and it matters only for root.
fn set_owner(new: &File, old: &Stat) {
    let is_other = fstat(new).is_ok_and(|new| (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid));
    if is_other {
        let _ = fchown(new, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid)));
    }
}
