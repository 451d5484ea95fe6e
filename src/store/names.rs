//! The true names of lists, which their directories' names only hint at.

use super::transaction::keep_owner;
use super::{StoreError, file_name};
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Records which list a directory was made for.
///
/// docker may remove the directory and make another one of the same name without telling us, so a record also says
/// which directory it means; one about a directory that is gone does not count.
pub(super) struct Names {
    directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    directory: Identity,
}

/// What tells a directory from a later one in the same place.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Identity {
    inode: u64,
    /// Nanoseconds since 1970; none where the file system does not keep the time of birth.
    born: Option<u64>,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|age| u64::try_from(age.as_nanos()).ok());
        Ok(Self { inode: metadata.ino(), born })
    }
}

impl Names {
    pub(super) fn new(private_directory: &Path) -> Self {
        Self { directory: private_directory.join("names") }
    }

    /// Refuses a list whose directory is known to belong to a list of another name.
    pub(super) fn check(&self, list: &Reference, directory: &Path) -> Result<(), StoreError> {
        match self.holder(list, directory) {
            Some(holder) if holder != list.to_string() => {
                Err(StoreError::ListNameTaken { wanted: list.clone(), holder, path: directory.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn holder(&self, list: &Reference, directory: &Path) -> Option<String> {
        let record: Record = serde_json::from_slice(&fs::read(self.path(list)).ok()?).ok()?;
        (record.directory == Identity::of(directory).ok()?).then_some(record.name)
    }

    /// Remembers for which list a directory was made. Called before the directory takes its place, so that no
    /// crash leaves a list in place whose name is not known.
    pub(super) fn record(&self, list: &Reference, directory: &Path) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("record the name of", directory, error);
        if self.holder(list, directory).is_some() {
            return Ok(());
        }
        let record = Record { name: list.to_string(), directory: Identity::of(directory).map_err(failed)? };
        let json = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
        fs::create_dir_all(&self.directory).map_err(failed)?;
        keep_owner(self.directory.parent().unwrap_or(&self.directory), &self.directory);
        let staged = self.directory.with_extension("new");
        fs::write(&staged, json).map_err(failed)?;
        fs::rename(&staged, self.path(list)).map_err(failed)
    }

    /// Forgets a list that is gone. A record that stays behind does no harm.
    pub(super) fn forget(&self, list: &Reference) {
        let _ = fs::remove_file(self.path(list));
    }

    fn path(&self, list: &Reference) -> PathBuf {
        self.directory.join(file_name(list))
    }
}
