//! Reads files that must be regular files, and words why they cannot be used.

use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use thiserror::Error;

/// The largest file that is read, in bytes. A bundle of all public certificate authorities has a quarter of a megabyte.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system's reason.
    #[error("{}", reason(.0))]
    Io(#[from] io::Error),
    /// A named pipe, a socket or a device: reading it may never end.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// A file beyond the limit.
    #[error("it is larger than {} MiB", MAX_SIZE >> 20)]
    TooLarge,
}

/// Reads a whole regular file, at most 16 MiB. Symbolic links are followed; `/dev/null` counts as an empty file.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::Error::from(Errno::ISDIR).into());
    }
    if !found.is_file() && !is_null_device(&found) {
        return Err(ReadError::NotRegular(kind(found.file_type())));
    }
    let mut content = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE { Err(ReadError::TooLarge) } else { Ok(content) }
}

/// Opens without waiting for the other end of a named pipe.
fn open(path: &Path) -> Result<File, ReadError> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    opened.map_err(|error| match (Errno::from_io_error(&error), fs::metadata(path)) {
        // A socket cannot be opened at all.
        (Some(Errno::NXIO), Ok(found)) => ReadError::NotRegular(kind(found.file_type())),
        _ => error.into(),
    })
}

/// The operating system's reason as Go words it: in lower case and without the number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn is_null_device(found: &Metadata) -> bool {
    found.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == found.rdev())
}

fn kind(file_type: FileType) -> &'static str {
    match file_type {
        it if it.is_fifo() => "a named pipe",
        it if it.is_socket() => "a socket",
        _ => "a device",
    }
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
