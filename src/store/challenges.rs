//! The file with the challenges of registries, `.mfst/challenges`. What is in it is the registry client's business.

use super::directory::Directory;
use super::lock::{Lock, private_directory};
use super::{PRIVATE_DIRECTORY, Store, StoreError};
use crate::file::{self, Links};
use rustix::fs::{Mode, OFlags};
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

const FILE: &str = "challenges";
/// The file while it is being written.
const NEW_FILE: &str = "challenges.new";
/// The maximum size of the file, in bytes.
const MAX_SIZE: u64 = 128 * 1024;

impl Store {
    /// The content of the file; none if there is none, or none that only this user can have written.
    #[must_use]
    pub fn read_challenges(&self) -> Option<Vec<u8>> {
        read(&private_directory(&self.root).ok()??)
    }

    /// Replaces the content of the file. The store is made if there is a configuration directory for it.
    pub fn update_challenges(&self, change: impl FnOnce(Option<&[u8]>) -> Vec<u8>) -> Result<(), StoreError> {
        let parent = self.root.parent().unwrap_or(&self.root);
        let parent = Directory::open(parent).map_err(|error| StoreError::io("open", parent, error))?;
        let root = match Directory::open(&self.root) {
            Ok(root) => root,
            Err(_) => parent.ensure_subdirectory(self.root.file_name().unwrap_or_default())?,
        };
        let private = root.ensure_subdirectory(OsStr::new(PRIVATE_DIRECTORY))?;
        let _lock = Lock::exclusive(&private)?;
        let content = change(read(&private).as_deref());
        let failed = |error| StoreError::io("write to", &private.path().join(FILE), error);
        private.remove_all(OsStr::new(NEW_FILE)).map_err(failed)?;
        // Nothing is lost with the file, so it need not reach the disk.
        private.create_private(OsStr::new(NEW_FILE)).and_then(|mut file| file.write_all(&content)).map_err(failed)?;
        private.rename(OsStr::new(NEW_FILE), &private, OsStr::new(FILE)).map_err(failed)
    }
}

fn read(private: &Directory) -> Option<Vec<u8>> {
    let file = private.open_file(OsStr::new(FILE), OFlags::RDONLY, Links::Refuse).ok()?;
    let found = file.metadata().ok()?;
    let is_private = !Mode::from_raw_mode(found.mode()).intersects(Mode::RWXG | Mode::RWXO);
    if is_private && found.uid() == rustix::process::geteuid().as_raw() {
        file::read_whole(file, MAX_SIZE).ok()
    } else {
        None
    }
}
