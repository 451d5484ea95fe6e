//! Reads files that must be regular files, and words why they cannot be used.

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use thiserror::Error;

/// The largest file that [`read`] reads, in bytes. A bundle of all public certificate authorities has a quarter of a megabyte.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system's reason.
    #[error("{}", reason(.0))]
    Io(#[from] io::Error),
    /// A symbolic link where none is followed.
    #[error("it is a symbolic link")]
    Link,
    /// A named pipe, a socket or a device: reading it may never end.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// A file beyond the limit.
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
}

impl ReadError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Whether a symbolic link in the place of a file is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The file that the link leads to is meant.
    Follow,
    /// The link is an error.
    Refuse,
}

/// Reads a whole regular file, at most 16 MiB. Symbolic links are followed; `/dev/null` counts as an empty file.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    read_within(path, MAX_SIZE)
}

/// The same with another limit, in bytes.
pub fn read_within(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    read_whole(open_at(CWD, path, OFlags::RDONLY, Links::Follow)?, limit)
}

/// Opens a regular file in a directory for reading or writing, without waiting for the other end of a named pipe.
pub fn open_at(directory: impl AsFd, name: &Path, access: OFlags, links: Links) -> Result<File, ReadError> {
    let mut flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, links == Links::Refuse);
    let file = match openat(&directory, name, flags, Mode::empty()) {
        Ok(opened) => File::from(opened),
        Err(Errno::LOOP) if links == Links::Refuse => return Err(ReadError::Link),
        // A socket cannot be opened, nor can a named pipe be opened for writing if nothing reads from it.
        Err(Errno::NXIO) => {
            let found =
                FileType::from_raw_mode(statat(&directory, name, AtFlags::empty()).map_err(io::Error::from)?.st_mode);
            return Err(ReadError::NotRegular(kind(found)));
        }
        Err(error) => return Err(io::Error::from(error).into()),
    };
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::Error::from(Errno::ISDIR).into());
    }
    if !found.is_file() && !is_null_device(&found) {
        return Err(ReadError::NotRegular(kind(FileType::from_raw_mode(found.mode()))));
    }
    Ok(file)
}

/// Reads an open file, or standard input, of at most `limit` bytes.
pub fn read_whole(file: impl Read, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit { Err(ReadError::TooLarge(limit)) } else { Ok(content) }
}

/// What a file is, as part of a sentence.
#[must_use]
pub fn kind(file_type: FileType) -> &'static str {
    match file_type {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

fn is_null_device(found: &Metadata) -> bool {
    found.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == found.rdev())
}

/// The operating system's reason as Go words it: in lower case and without the number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    fn message(path: &Path) -> String {
        read(path).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let (pipe, socket) = (directory.path().join("pipe"), directory.path().join("socket"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(message(&pipe), "it is a named pipe, not a regular file");
        assert_eq!(message(&socket), "it is a socket, not a regular file");
        assert_eq!(message(Path::new("/dev/zero")), "it is a device, not a regular file");
        let found = read(directory.path()).unwrap_err();
        assert!(matches!(found, ReadError::Io(error) if error.kind() == io::ErrorKind::IsADirectory));
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_SIZE).unwrap();
        assert_eq!(read(file.path()).unwrap().len() as u64, MAX_SIZE);
        file.as_file().set_len(MAX_SIZE + 1).unwrap();
        assert_eq!(message(file.path()), "it is larger than 16 MiB");
    }

    #[test]
    fn links_are_followed_and_the_null_device_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        fs::write(&target, "text").unwrap();
        symlink(&target, &link).unwrap();
        assert_eq!(read(&link).unwrap(), b"text");
        fs::remove_file(&link).unwrap();
        symlink("/dev/null", &link).unwrap();
        assert_eq!(read(&link).unwrap(), b"");
    }
}
