//! What mfst knows of a list beyond what docker stores: its name, which cannot be told from the directory's name, where
//! its entries came from, and what it says beside its entries.

use super::directory::{Directory, DirectoryId};
use super::{StoreError, file_name};
use crate::draft::{Draft, ListSettings, SourceList, agreed_header};
use crate::file::Links;
use crate::manifest::{IndexHeader, ListEntry, Origin};
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;

/// The directory of all metadata, one file for each list, named as the list's directory is.
const DIRECTORY: &str = "lists";
/// A file that is being written.
const NEW_FILE: &str = "lists.new";

/// The metadata of one list.
///
/// It is written before the list changes, so that no crash leaves a list without it, and therefore describes the list as it
/// was and as it will be. docker may remove the list's directory and make another one of the same name without telling us;
/// metadata about another directory does not count.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListMetadata {
    /// The list's full name.
    pub(super) name: String,
    /// The directories that the list may be in; two while one is exchanged for the other.
    directories: Vec<DescribedDirectory>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<EntryOrigin>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lists: Vec<SourceList>,
}

/// A directory, and what is true of the list if it is in there.
#[derive(Debug, Serialize, Deserialize)]
struct DescribedDirectory {
    #[serde(flatten)]
    id: DirectoryId,
    #[serde(default, skip_serializing_if = "is_default")]
    settings: ListSettings,
}

/// The directory of a list after a change, and the one of before if that is another.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) new: DirectoryId,
    pub(super) old: Option<DirectoryId>,
}

/// Where an entry with this name and this digest came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EntryOrigin {
    entry: String,
    digest: String,
    origin: Origin,
}

impl ListMetadata {
    /// The metadata of the list in a directory of the store, if that is the directory that it describes.
    pub(super) fn find(private: Option<&Directory>, directory: &Directory) -> Result<Option<Self>, StoreError> {
        let Some(name) = directory.path().file_name() else { return Ok(None) };
        let Some(private) = private else { return Ok(None) };
        let Some(lists) = private.find_subdirectory(OsStr::new(DIRECTORY))? else { return Ok(None) };
        let json = match lists.read(name, Links::Refuse) {
            Ok(json) => json,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(StoreError::file("read", &lists.path().join(name), error)),
        };
        let found = directory.id().map_err(|error| StoreError::io("open", directory.path(), error))?;
        let metadata = serde_json::from_slice::<Self>(&json).ok();
        Ok(metadata.and_then(|mut metadata| {
            metadata.directories.retain(|directory| directory.id == found);
            (!metadata.directories.is_empty()).then_some(metadata)
        }))
    }

    /// The same. That a list of another name is there is an error.
    pub(super) fn of(
        list: &Reference,
        private: Option<&Directory>,
        directory: &Directory,
    ) -> Result<Option<Self>, StoreError> {
        match Self::find(private, directory)? {
            Some(metadata) if metadata.name != list.to_string() => Err(StoreError::ListNameTaken {
                wanted: list.clone(),
                holder: metadata.name,
                path: directory.path().to_owned(),
            }),
            metadata => Ok(metadata),
        }
    }

    /// Sets where the entries came from. An entry that docker has changed since has no origin.
    pub(super) fn set_origins(&self, entries: &mut [ListEntry]) {
        let origins = self.origins.iter().map(|it| ((it.entry.as_str(), it.digest.as_str()), &it.origin));
        let origins: HashMap<_, _> = origins.collect();
        for entry in entries {
            let reference = entry.reference.to_string();
            let origin = origins.get(&(reference.as_str(), entry.descriptor.digest.as_str()));
            entry.origin = origin.map(|origin| (*origin).clone());
        }
    }

    /// The list with these entries.
    pub(super) fn into_draft(self, list: &Reference, mut entries: Vec<ListEntry>) -> Draft {
        self.set_origins(&mut entries);
        let settings = self.settings();
        let lists = lists_of(&entries, self.lists);
        Draft::new(list.clone(), entries, lists, settings)
    }

    fn settings(&self) -> ListSettings {
        self.directories.first().map(|directory| directory.settings.clone()).unwrap_or_default()
    }

    /// What the user wants of the list with these entries, and what it says beside them.
    pub(super) fn settings_and_header(&self, entries: &[ListEntry]) -> (ListSettings, IndexHeader) {
        let settings = self.settings();
        let header = settings.header(agreed_header(&lists_of(entries, self.lists.clone())));
        (settings, header)
    }

    /// Stores the metadata of a list that is `old` and becomes `draft`.
    pub(super) fn write(private: &Directory, draft: &Draft, places: Places, old: &Draft) -> Result<(), StoreError> {
        let key = |entry: &ListEntry| (entry.reference.to_string(), entry.descriptor.digest.clone());
        let new: HashSet<_> = draft.entries.iter().map(key).collect();
        let old_entries = old.entries.iter().filter(|entry| !new.contains(&key(entry)));
        let origin = |entry: &ListEntry| {
            let (name, digest) = key(entry);
            Some(EntryOrigin { entry: name, digest, origin: entry.origin.clone()? })
        };
        let origins = old_entries.chain(&draft.entries).filter_map(origin).collect();
        let lists = storable(&old.lists).into_iter().filter(|old| !draft.lists.iter().any(|new| is_same(old, new)));
        let lists = lists.chain(storable(&draft.lists)).collect();
        let described = |id, draft: &Draft| DescribedDirectory { id, settings: draft.settings.clone() };
        let directories = std::iter::once(described(places.new, draft)).chain(places.old.map(|id| described(id, old)));
        let metadata = Self { name: draft.name.to_string(), directories: directories.collect(), origins, lists };
        let failed = |error| StoreError::io("write to", &private.path().join(DIRECTORY), error);
        let json = serde_json::to_vec(&metadata).map_err(|error| failed(error.into()))?;
        let lists = private.ensure_subdirectory(OsStr::new(DIRECTORY))?;
        private.remove_all(OsStr::new(NEW_FILE)).map_err(failed)?;
        let file = private.write(OsStr::new(NEW_FILE), &json)?;
        let synced = file.sync_data();
        synced
            .and_then(|()| private.rename(OsStr::new(NEW_FILE), &lists, OsStr::new(&file_name(&draft.name))))
            .map_err(failed)
    }

    /// Forgets a list that has been removed. Metadata that stays does no harm.
    pub(super) fn forget(private: &Directory, name: &OsStr) {
        if let Ok(lists) = private.subdirectory(OsStr::new(DIRECTORY)) {
            let _: io::Result<()> = lists.remove_file(name);
        }
    }
}

fn is_default(settings: &ListSettings) -> bool {
    *settings == ListSettings::default()
}

fn is_same(one: &SourceList, other: &SourceList) -> bool {
    (&one.source, &one.digest) == (&other.source, &other.digest)
}

/// The lists that the entries came from. Of two with the same name, the one that the entries are of, else the later.
fn lists_of(entries: &[ListEntry], known: Vec<SourceList>) -> Vec<SourceList> {
    let digests: HashMap<&str, &str> = entries
        .iter()
        .filter_map(|entry| entry.origin.as_ref())
        .map(|origin| (origin.source.as_str(), origin.digest.as_str()))
        .collect();
    let mut lists: Vec<SourceList> = Vec::new();
    for list in known {
        let Some(digest) = digests.get(list.source.as_str()) else { continue };
        match lists.iter_mut().find(|kept| kept.source == list.source) {
            Some(kept) if kept.digest == *digest => {}
            Some(kept) => *kept = list,
            None => lists.push(list),
        }
    }
    lists
}

/// The lists with the bytes that may be needed: only a draft with a single source can be pushed as that source's bytes.
fn storable(lists: &[SourceList]) -> Vec<SourceList> {
    let is_single = lists.len() == 1;
    let keep = |list: &SourceList| SourceList { verbatim: list.verbatim.clone().filter(|_| is_single), ..list.clone() };
    lists.iter().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Descriptor;

    fn entry(source: &str, digest: &str) -> ListEntry {
        let reference = Reference::parse("h.io/a").unwrap();
        let mut entry = ListEntry::without_payload(reference, Descriptor::default());
        entry.origin = Some(Origin { source: source.into(), digest: digest.into(), ..Origin::default() });
        entry
    }

    #[test]
    fn the_lists_are_those_that_the_entries_are_of() {
        let list = |source: &str, digest: &str| {
            serde_json::from_value::<SourceList>(serde_json::json!({"source": source, "digest": digest})).unwrap()
        };
        let known = || vec![list("a", "old"), list("b", "one"), list("a", "new")];
        let lists = |entries: &[ListEntry]| -> Vec<(String, String)> {
            lists_of(entries, known()).into_iter().map(|list| (list.source, list.digest)).collect()
        };
        let expected = |source: &str, digest: &str| (source.to_owned(), digest.to_owned());
        assert_eq!(lists(&[entry("a", "old")]), [expected("a", "old")], "killed before the change");
        assert_eq!(lists(&[entry("a", "new"), entry("b", "one")]), [expected("a", "new"), expected("b", "one")]);
        // The list was pushed under the name of its source, which therefore has another digest now.
        assert_eq!(lists(&[entry("b", "two")]), [expected("b", "one")]);
        assert!(lists(&[]).is_empty());
    }
}
