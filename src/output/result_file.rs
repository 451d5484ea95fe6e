//! Files that a command writes results to, such as `--digestfile`.

use super::text;
use crate::file::reason;
use rustix::fs::{AtFlags, CWD, Gid, OFlags, Uid, fchown, fcntl_setfl, linkat};
use rustix::io::Errno;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The most symbolic links that may lead to a file, as in Linux.
const MAX_LINKS: usize = 40;

/// A file that cannot be written.
#[derive(Debug, Error)]
#[error("cannot write {}: {}", path.display(), reason(error))]
pub struct ResultFileError {
    path: PathBuf,
    error: io::Error,
}

/// A file to be written once there is a result. Until then, what is there stays as it is.
#[derive(Debug)]
pub struct ResultFile {
    /// As the user typed it.
    path: PathBuf,
    target: Target,
}

/// How a file is written.
#[derive(Debug)]
enum Target {
    /// A new file is renamed to this path, which is not a link.
    Replace(PathBuf),
    /// The file is overwritten where it is.
    Overwrite(File),
    /// The result is appended: a pipe, a device, or a file that is open under `/proc/self/fd`, such as `/dev/stdout`.
    Append(File),
}

impl ResultFile {
    /// Makes sure that the file can be written, without changing anything yet.
    pub fn prepare(path: &Path) -> Result<Self, ResultFileError> {
        match Target::of(path) {
            Ok(target) => Ok(Self { path: path.to_owned(), target }),
            Err(error) => Err(ResultFileError { path: path.to_owned(), error }),
        }
    }

    /// Writes the file.
    pub fn write(self, content: &[u8]) -> Result<(), ResultFileError> {
        let written = match self.target {
            Target::Replace(path) => replace(&path, content),
            Target::Overwrite(file) => overwrite(&file, content),
            Target::Append(mut file) if file.is_terminal() => file.write_all(text::escape(content).as_bytes()),
            Target::Append(mut file) => file.write_all(content),
        };
        written.map_err(|error| ResultFileError { path: self.path, error })
    }
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        let path = follow_links(path)?;
        let found = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(found) => Some(found),
            // Other errors, such as a name that is too long, would come back after the push.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let is_directory_name = matches!(last_component(&path), b"" | b"." | b"..");
        match found {
            None if is_directory_name => Err(ErrorKind::IsADirectory.into()),
            Some(found) if !found.is_file() => Ok(Self::Append(open_stream(&path, &found)?)),
            Some(_) if is_open_file(&path) => Ok(Self::Append(OpenOptions::new().append(true).open(path)?)),
            found => match stage(&path, found.as_ref()) {
                Ok(_) => Ok(Self::Replace(path)),
                Err(error) if found.is_none() => Err(error),
                // The directory takes no new file, or only the owner of the old one may make one of the same owner.
                Err(_) => Ok(Self::Overwrite(OpenOptions::new().write(true).open(path)?)),
            },
        }
    }
}

/// The path that symbolic links in the place of the file lead to, whether there is a file or not.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        // A link there leads to a file that may have no path, such as a pipe.
        if is_open_file(&path) {
            return Ok(path);
        }
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(Errno::LOOP.into())
}

/// Whether the path names an open file: `/dev/fd/1`, `/proc/self/fd/1`.
fn is_open_file(path: &Path) -> bool {
    let directory = fs::canonicalize(directory(path));
    directory.is_ok_and(|directory| directory.starts_with("/proc") || directory.starts_with("/dev/fd"))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What follows the last slash; `Path` drops trailing slashes and dots.
fn last_component(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Opens what is not a regular file. A named pipe must have a reader already: opening would wait for one.
fn open_stream(path: &Path, found: &Metadata) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().append(true).custom_flags(flags).open(path).map_err(|error| {
        let has_no_reader = found.file_type().is_fifo() && Errno::from_io_error(&error) == Some(Errno::NXIO);
        if has_no_reader { io::Error::other("nothing reads from this named pipe") } else { error }
    })?;
    fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

/// A new file without a name, in the directory of `path`, with the owner and the mode of the file that is there.
fn stage(path: &Path, old: Option<&Metadata>) -> io::Result<File> {
    let staged = tempfile::tempfile_in(directory(path))?;
    keep_access(&staged, old)?;
    Ok(staged)
}

fn keep_access(new: &File, old: Option<&Metadata>) -> io::Result<()> {
    let Some(old) = old else { return Ok(()) };
    let found = new.metadata()?;
    if (found.uid(), found.gid()) != (old.uid(), old.gid()) {
        fchown(new, Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid())))?;
    }
    new.set_permissions(old.permissions())
}

/// Replaces the file in one step. Until then it is complete but has no name, so that a process that is killed leaves
/// nothing behind.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path).ok();
    let mut staged = stage(path, old.as_ref())?;
    staged.write_all(content)?;
    staged.sync_data()?;
    if old.is_none() && link(&staged, path).is_ok() {
        return Ok(());
    }
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".mfst-").permissions(Permissions::from_mode(0o666));
    let named = if let Ok(linked) = builder.make_in(directory(path), |name| link(&staged, name)) {
        linked.into_temp_path()
    } else {
        // Not all file systems have files without a name.
        let mut copy = builder.tempfile_in(directory(path))?;
        keep_access(copy.as_file(), old.as_ref())?;
        copy.write_all(content)?;
        copy.as_file().sync_data()?;
        copy.into_temp_path()
    };
    match named.persist(path) {
        // A mount point cannot be replaced.
        Err(refused) if refused.error.kind() == ErrorKind::ResourceBusy => {
            overwrite(&OpenOptions::new().write(true).open(path)?, content)
        }
        done => Ok(done?),
    }
}

/// Gives a file without a name this one.
fn link(file: &File, name: &Path) -> io::Result<()> {
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, Path::new(&open), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

fn overwrite(mut file: &File, content: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(content)
}
