//! What mfst knows of a list beyond what docker stores: its name, which cannot be told from the directory's name, where
//! its entries came from, and what it says beside its entries.

use super::transaction::keep_owner;
use super::{StoreError, file_name};
use crate::draft::{Draft, ListSettings, SourceList};
use crate::manifest::{ListEntry, Origin};
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The metadata of all lists.
///
/// docker may remove the directory and make another one of the same name without telling us, so a metadata also says
/// which directory it means; one about a directory that is gone does not count.
pub(super) struct MetadataDir {
    directory: PathBuf,
}

/// The metadata of one list.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListMetadata {
    /// The list's full name.
    pub(super) name: String,
    /// The directory it is about; while the directory is being exchanged for a new one, either.
    directories: Vec<DirId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<EntryOrigin>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lists: Vec<SourceList>,
    #[serde(default)]
    settings: ListSettings,
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
struct DirId {
    inode: u64,
    /// Nanoseconds since 1970; none where the file system does not keep the time of birth.
    created: Option<u64>,
}

impl DirId {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let created = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let created = created.and_then(|age| u64::try_from(age.as_nanos()).ok());
        Ok(Self { inode: metadata.ino(), created })
    }
}

impl ListMetadata {
    /// The list with these entries. An entry that docker has changed since has no origin.
    pub(super) fn into_draft(self, list: &Reference, mut entries: Vec<ListEntry>) -> Draft {
        let origins = self.origins.into_iter().map(|it| ((it.entry, it.digest), it.origin));
        let mut origins: HashMap<_, _> = origins.collect();
        for entry in &mut entries {
            entry.origin = origins.remove(&(entry.reference.to_string(), entry.descriptor.digest.clone()));
        }
        Draft::new(list.clone(), entries, self.lists, self.settings)
    }
}

impl MetadataDir {
    pub(super) fn new(private_directory: &Path) -> Self {
        Self { directory: private_directory.join("lists") }
    }

    /// The metadata of the list whose directory this is. A list of another name is refused.
    pub(super) fn check(&self, list: &Reference, directory: &Path) -> Result<Option<ListMetadata>, StoreError> {
        match self.find(directory) {
            Some(metadata) if metadata.name != list.to_string() => Err(StoreError::ListNameTaken {
                wanted: list.clone(),
                holder: metadata.name,
                path: directory.to_owned(),
            }),
            metadata => Ok(metadata),
        }
    }

    /// The metadata of the list in a directory of the store.
    pub(super) fn find(&self, directory: &Path) -> Option<ListMetadata> {
        let metadata: ListMetadata = serde_json::from_slice(&fs::read(self.path(directory)?).ok()?).ok()?;
        let found = DirId::of(directory).ok()?;
        metadata.directories.contains(&found).then_some(metadata)
    }

    /// Stores what is known of a list. Called before the directory takes its place, so that no crash leaves a list
    /// without metadata.
    pub(super) fn write(&self, draft: &Draft, staged: &Path, outdated: &[ListEntry]) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("write to", &self.directory, error);
        let list = &draft.name;
        let origin = |image: &ListEntry| {
            let (entry, digest) = (image.reference.to_string(), image.descriptor.digest.clone());
            Some(EntryOrigin { entry, digest, origin: image.origin.clone()? })
        };
        let place = self.directory.parent().and_then(Path::parent).unwrap_or(&self.directory).join(file_name(list));
        let directories = [staged, &place].into_iter().filter_map(|path| DirId::of(path).ok()).collect();
        // A source may have moved without a change of the entry; the later origin counts.
        let origins = outdated.iter().chain(&draft.entries).filter_map(origin).collect();
        let (name, lists, settings) = (list.to_string(), kept_lists(&draft.lists), draft.settings.clone());
        let json = serde_json::to_vec(&ListMetadata { name, directories, origins, lists, settings });
        let json = json.map_err(|error| failed(error.into()))?;
        fs::create_dir_all(&self.directory).map_err(failed)?;
        keep_owner(self.directory.parent().unwrap_or(&self.directory), &self.directory);
        let new = self.directory.with_extension("new");
        fs::write(&new, json).map_err(failed)?;
        fs::rename(&new, self.directory.join(file_name(list))).map_err(failed)
    }

    /// Forgets a list that is gone. A metadata that keep behind does no harm.
    pub(super) fn forget(&self, list: &Reference) {
        let _ = fs::remove_file(self.directory.join(file_name(list)));
    }

    fn path(&self, directory: &Path) -> Option<PathBuf> {
        Some(self.directory.join(directory.file_name()?))
    }
}

/// Only a draft with a single source can be pushed as that source's bytes.
fn kept_lists(lists: &[SourceList]) -> Vec<SourceList> {
    let is_single = lists.len() == 1;
    let keep = |list: &SourceList| SourceList { verbatim: list.verbatim.clone().filter(|_| is_single), ..list.clone() };
    lists.iter().map(keep).collect()
}
