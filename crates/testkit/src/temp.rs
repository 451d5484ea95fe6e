//! Temporary directories, in memory where that is possible: mfst and docker-registry flush every file to the disk, and
//! waiting for that would take most of the time of a test run.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

/// Where Linux has a file system in memory.
const MEMORY: &str = "/dev/shm";
/// How much room that file system must have, in bytes. Containers often get 64 MiB, which is not enough.
const ROOM: u64 = 1024 * 1024 * 1024;

/// An empty directory, removed when dropped. It is in `TMPDIR` if that is set.
pub fn dir() -> TempDir {
    let dir = if std::env::var_os("TMPDIR").is_none() && is_usable(Path::new(MEMORY)) {
        TempDir::new_in(MEMORY)
    } else {
        TempDir::new()
    };
    dir.expect("a temporary directory")
}

/// Whether a file system has enough room, and programs may be run from it.
fn is_usable(path: &Path) -> bool {
    statvfs(path).is_ok_and(|fs| {
        fs.f_bavail.saturating_mul(fs.f_frsize) >= ROOM && !fs.f_flag.contains(StatVfsMountFlags::NOEXEC)
    })
}
