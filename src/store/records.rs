//! What is known of a list beyond what docker keeps: its true name, which its directory's name only hints at, and where
//! its entries came from.

use super::transaction::keep_owner;
use super::{StoreError, file_name};
use crate::manifest::{ImageManifest, Origin};
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The records of all lists.
///
/// docker may remove the directory and make another one of the same name without telling us, so a record also says
/// which directory it means; one about a directory that is gone does not count.
pub(super) struct Records {
    directory: PathBuf,
}

/// The record of one list.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The list's full name.
    pub(super) name: String,
    /// The directory it is about; while the directory is being exchanged for a new one, either.
    directories: Vec<Identity>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<EntryOrigin>,
}

/// Where an entry with this name and this digest came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EntryOrigin {
    entry: String,
    digest: String,
    origin: Origin,
}

/// What tells a directory from a later one in the same place.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Identity {
    inode: u64,
    /// Nanoseconds since 1970; none where the file system does not keep the time of birth.
    born: Option<u64>,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born = born.and_then(|age| u64::try_from(age.as_nanos()).ok());
        Ok(Self { inode: metadata.ino(), born })
    }
}

impl Record {
    /// Tells entries where they came from, those that are still what they were then.
    pub(super) fn attach(&self, entries: &mut [ImageManifest]) {
        let known: HashMap<_, _> =
            self.origins.iter().map(|it| ((it.entry.as_str(), it.digest.as_str()), &it.origin)).collect();
        for entry in entries {
            let name = entry.reference.to_string();
            entry.origin = known.get(&(name.as_str(), entry.descriptor.digest.as_str())).copied().cloned();
        }
    }
}

impl Records {
    pub(super) fn new(private_directory: &Path) -> Self {
        Self { directory: private_directory.join("lists") }
    }

    /// The record of the list whose directory this is. A list of another name is refused.
    pub(super) fn check(&self, list: &Reference, directory: &Path) -> Result<Option<Record>, StoreError> {
        match self.find(directory) {
            Some(record) if record.name != list.to_string() => {
                Err(StoreError::ListNameTaken { wanted: list.clone(), holder: record.name, path: directory.to_owned() })
            }
            record => Ok(record),
        }
    }

    /// The record of the list in a directory of the store.
    pub(super) fn find(&self, directory: &Path) -> Option<Record> {
        let record: Record = serde_json::from_slice(&fs::read(self.path(directory)?).ok()?).ok()?;
        let found = Identity::of(directory).ok()?;
        record.directories.contains(&found).then_some(record)
    }

    /// Remembers for which list a directory is, and where its entries came from. Called before the directory takes
    /// its place, so that no crash leaves a list in place that nothing is known of.
    pub(super) fn write<'a>(
        &self,
        list: &Reference,
        staged: &Path,
        entries: impl IntoIterator<Item = &'a ImageManifest>,
        outdated: impl IntoIterator<Item = &'a ImageManifest>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("write to", &self.directory, error);
        let origin = |image: &ImageManifest| {
            let (entry, digest) = (image.reference.to_string(), image.descriptor.digest.clone());
            Some(EntryOrigin { entry, digest, origin: image.origin.clone()? })
        };
        let place = self.directory.parent().and_then(Path::parent).unwrap_or(&self.directory).join(file_name(list));
        let directories = [staged, &place].into_iter().filter_map(|path| Identity::of(path).ok()).collect();
        // An entry may come from elsewhere now and be the same as before; of two origins, the later one counts.
        let origins = outdated.into_iter().chain(entries).filter_map(origin).collect();
        let json = serde_json::to_vec(&Record { name: list.to_string(), directories, origins });
        let json = json.map_err(|error| failed(error.into()))?;
        fs::create_dir_all(&self.directory).map_err(failed)?;
        keep_owner(self.directory.parent().unwrap_or(&self.directory), &self.directory);
        let new = self.directory.with_extension("new");
        fs::write(&new, json).map_err(failed)?;
        fs::rename(&new, self.directory.join(file_name(list))).map_err(failed)
    }

    /// Forgets a list that is gone. A record that stays behind does no harm.
    pub(super) fn forget(&self, list: &Reference) {
        let _ = fs::remove_file(self.directory.join(file_name(list)));
    }

    fn path(&self, directory: &Path) -> Option<PathBuf> {
        Some(self.directory.join(directory.file_name()?))
    }
}
