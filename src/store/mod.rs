//! The local store of manifest lists, `~/.docker/manifests`, shared with docker.
//!
//! A list is a directory, an image in it a file; both are named after the reference (docker/cli
//! `cli/manifest/store`). docker takes every file in a list's directory for an entry, so mfst has a directory of its own,
//! `manifests/.mfst`: the lock, files on their way into a list, the metadata of each list, and the challenges of registries. Links in a list's place and
//! in an entry's place are followed as docker follows them; links in `.mfst` never are.

mod challenges;
mod directory;
mod entries;
mod error;
mod lock;
mod metadata;
mod summary;
mod transaction;

pub use error::StoreError;
pub use summary::ListSummary;

use crate::draft::{Draft, ListChange, ListSettings};
use crate::manifest::ListEntry;
use crate::reference::{Reference, file_safe};
use directory::Directory;
use entries::{StoredEntry, check_legacy_format, read_stable};
use lock::{Lock, private_directory};
use metadata::{ListMetadata, Places};
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use transaction::{FileChange, Transaction};

/// mfst's own directory in the store.
const PRIVATE_DIRECTORY: &str = ".mfst";

/// The store in one configuration directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A list as it is stored.
#[derive(Debug)]
struct StoredList {
    entries: Vec<StoredEntry>,
    metadata: Option<ListMetadata>,
}

/// The name of the file or directory that stands for a reference.
fn file_name(reference: &Reference) -> String {
    file_safe(&reference.to_string())
}

impl Store {
    /// The store below a configuration directory, usually `~/.docker`. Nothing is read or made yet.
    #[must_use]
    pub fn new(config_directory: &Path) -> Self {
        Self { root: config_directory.join("manifests") }
    }

    /// One image of a list.
    pub fn get(&self, list: &Reference, image: &Reference) -> Result<ListEntry, StoreError> {
        let _lock = Lock::shared(&self.root)?;
        self.read_entry(list, image)
    }

    /// A list.
    pub fn load(&self, list: &Reference) -> Result<Draft, StoreError> {
        let draft = self.load_unchecked(list)?;
        self.check_legacy_format(&draft)?;
        Ok(draft)
    }

    /// A list that may have entries in the legacy format with a wrong manifest, for callers that can fetch it again.
    pub fn load_unchecked(&self, list: &Reference) -> Result<Draft, StoreError> {
        let _lock = Lock::shared(&self.root)?;
        Ok(self.read(list)?.into_draft(list))
    }

    /// Stores a new list: the whole list or, after any failure, nothing.
    pub fn create(&self, draft: &Draft) -> Result<(), StoreError> {
        let list = &draft.name;
        // Checked before anything is made, so that a refusal leaves no trace, and again under the lock.
        check_images_apart(&self.directory(list), &[], &draft.entries)?;
        let transaction = Transaction::begin(&self.root)?;
        if self.has(list)? {
            return Err(StoreError::ListExists);
        }
        commit(&transaction, &empty(list), draft, &draft.entries, |_| true)
    }

    /// Stores a list in the place of the one under its name, which may have entries that cannot be read.
    pub fn replace(&self, draft: &Draft) -> Result<(), StoreError> {
        let list = &draft.name;
        check_images_apart(&self.directory(list), &[], &draft.entries)?;
        let transaction = Transaction::begin(&self.root)?;
        self.has(list)?;
        match self.read(list) {
            Err(StoreError::NotFound(_)) => commit(&transaction, &empty(list), draft, &draft.entries, |_| true),
            Ok(old) => {
                let removed: HashSet<OsString> = old.entries.iter().map(|(name, _)| name.clone()).collect();
                commit(&transaction, &old.into_draft(list), draft, &draft.entries, |name| !removed.contains(name))
            }
            // Behind a link, a file that is no entry may be anything.
            Err(error) if self.directory(list).is_symlink() => Err(error),
            Err(_) => commit(&transaction, &empty(list), draft, &draft.entries, |_| false),
        }
    }

    /// Changes a list, or makes it, as `plan` decides under the lock: the whole change or, after any failure, nothing.
    pub fn amend<E: From<StoreError>>(
        &self,
        list: &Reference,
        plan: impl FnOnce(&Draft) -> Result<ListChange, E>,
    ) -> Result<(), E> {
        // Checked before anything is made.
        self.has(list)?;
        let transaction = Transaction::begin(&self.root)?;
        let stored = match self.read(list) {
            Err(StoreError::NotFound(_)) => StoredList { entries: Vec::new(), metadata: None },
            stored => stored?,
        };
        let files = stored.files();
        let current = stored.into_draft(list);
        self.check_legacy_format(&current)?;
        let change = plan(&current)?;
        check_images_apart(&self.directory(list), &overwritten(&current, &change), &change.upsert)?;
        let removed = files.into_iter().filter(|(image, _)| change.remove.contains(image)).map(|(_, file)| file);
        let removed: HashSet<OsString> = removed.collect();
        let draft = change.apply(&current);
        Ok(commit(&transaction, &current, &draft, &change.upsert, |name| !removed.contains(name))?)
    }

    /// Changes one image of a list under the lock.
    pub fn update<E: From<StoreError>>(
        &self,
        list: &Reference,
        image: &Reference,
        change: impl FnOnce(&mut ListEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        // Looked up before anything is made, so that a mistyped name leaves no trace.
        self.get(list, image)?;
        let transaction = Transaction::begin(&self.root)?;
        let mut entry = self.read_entry(list, image)?;
        change(&mut entry)?;
        let has_metadata = self.metadata(list)?.is_some();
        let written = vec![(file_name(image).into(), entry.to_json())];
        let written = FileChange { written, keep: |_: &OsStr| true };
        Ok(transaction.write(OsStr::new(&file_name(list)), &written, |places| {
            if has_metadata {
                return Ok(());
            }
            ListMetadata::write(transaction.private(), &empty(list), places, &empty(list))
        })?)
    }

    /// Records that these tags, sources of the list's entries, now point at `digest`: the list itself has been pushed
    /// under their names.
    pub fn update_origin_digests(&self, list: &Reference, tags: &[Reference], digest: &str) -> Result<(), StoreError> {
        let transaction = Transaction::begin(&self.root)?;
        let mut draft = self.read(list)?.into_draft(list);
        for origin in draft.entries.iter_mut().filter_map(|entry| entry.origin.as_mut()) {
            if origin.is_any_of(tags) {
                digest.clone_into(&mut origin.digest);
            }
        }
        let path = self.directory(list);
        let directory = Directory::open(&path).and_then(|directory| directory.id());
        let directory = directory.map_err(|error| StoreError::io("open", &path, error))?;
        let places = Places { new: directory, old: None };
        ListMetadata::write(transaction.private(), &draft, places, &empty(list))
    }

    /// Removes a list without looking at its entries, so that broken ones can be removed too.
    pub fn remove(&self, list: &Reference) -> Result<(), StoreError> {
        // Looked up before anything is made, so that a mistyped name leaves no trace.
        self.check_is_list(list)?;
        let transaction = Transaction::begin(&self.root)?;
        self.check_is_list(list)?;
        remove(&transaction, OsStr::new(&file_name(list)))
    }

    /// Removes all lists, broken ones too, and nothing else.
    pub fn remove_all(&self) -> Result<(), StoreError> {
        if summary::list_names(&self.root)?.is_empty() {
            return Ok(());
        }
        let transaction = Transaction::begin(&self.root)?;
        summary::list_names(&self.root)?.iter().try_for_each(|name| remove(&transaction, name))
    }

    /// Removes a list that has been pushed, as it was then. Entries that have been added or changed since stay, and are
    /// returned.
    pub fn purge(&self, pushed: &Draft) -> Result<Vec<Reference>, StoreError> {
        let list = &pushed.name;
        let transaction = Transaction::begin(&self.root)?;
        let stored = match self.read(list) {
            // Another process has removed it.
            Err(StoreError::NotFound(_)) => return Ok(Vec::new()),
            stored => stored?,
        };
        let known: HashSet<Vec<u8>> = pushed.entries.iter().map(ListEntry::to_json).collect();
        let is_pushed = |(_, entry): &StoredEntry| known.contains(&entry.to_json());
        let (old, new): (Vec<_>, Vec<_>) = stored.entries.iter().cloned().partition(is_pushed);
        let (removed, _): (HashSet<OsString>, Vec<ListEntry>) = old.into_iter().unzip();
        let kept: Vec<Reference> = new.into_iter().map(|(_, entry)| entry.reference).collect();
        if kept.is_empty() {
            remove(&transaction, OsStr::new(&file_name(list)))?;
        } else if !removed.is_empty() {
            let current = stored.into_draft(list);
            let mut draft = current.clone();
            draft.entries.retain(|entry| kept.contains(&entry.reference));
            commit(&transaction, &current, &draft, &[], |name| !removed.contains(name))?;
        }
        Ok(kept)
    }

    /// Whether the store has this list, be it empty or broken. That it has one of another name in its place is an error.
    fn has(&self, list: &Reference) -> Result<bool, StoreError> {
        let directory = self.directory(list);
        match fs::symlink_metadata(&directory) {
            Ok(_) => self.metadata(list).map(|_| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("open", &directory, error)),
        }
    }

    /// Fails unless there is a list that can be removed.
    fn check_is_list(&self, list: &Reference) -> Result<(), StoreError> {
        let directory = self.directory(list);
        match fs::metadata(&directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(StoreError::io("open", &directory, io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::NotFound(list.clone())),
            Err(error) => return Err(StoreError::io("open", &directory, error)),
        }
        match self.metadata(list) {
            Err(taken @ StoreError::ListNameTaken { .. }) => Err(taken),
            // Metadata that cannot be read does not keep a list from being removed.
            _ => Ok(()),
        }
    }

    /// Reads a list; the caller holds a lock.
    fn read(&self, list: &Reference) -> Result<StoredList, StoreError> {
        let private = private_directory(&self.root)?;
        let stored = read_stable(&self.directory(list), |directory| {
            let metadata = ListMetadata::of(list, private.as_ref(), directory)?;
            Ok(StoredList { entries: entries::read_all(directory)?, metadata })
        })?;
        stored.ok_or_else(|| StoreError::NotFound(list.clone()))
    }

    /// Reads one entry; the caller holds a lock.
    fn read_entry(&self, list: &Reference, image: &Reference) -> Result<ListEntry, StoreError> {
        let private = private_directory(&self.root)?;
        let name = file_name(image);
        let entry = read_stable(&self.directory(list), |directory| {
            ListMetadata::of(list, private.as_ref(), directory)?;
            match entries::read(directory, OsStr::new(&name), Some(image)) {
                Err(error) if error.is_not_found() => Ok(None),
                entry => entry.map(Some),
            }
        });
        let entry = entry.map_err(|error| match error {
            // docker opens the file without opening the directory.
            StoreError::Io { operation, path, error } if path == self.directory(list) => {
                StoreError::io(operation, &path.join(&name), error)
            }
            error => error,
        })?;
        let has_list = entry.is_some();
        let missing = || StoreError::EntryNotFound { image: image.clone(), list: list.clone(), has_list };
        let entry = entry.flatten().ok_or_else(missing)?;
        check_legacy_format(&entry, &self.directory(list))?;
        if entry.reference != *image && file_name(&entry.reference) == name {
            let path = self.directory(list).join(name);
            return Err(StoreError::ImageNameTaken { wanted: image.clone(), holder: entry.reference, path });
        }
        Ok(entry)
    }

    /// The metadata of a list, if there is a list.
    fn metadata(&self, list: &Reference) -> Result<Option<ListMetadata>, StoreError> {
        let private = private_directory(&self.root)?;
        let find = |directory: &Directory| ListMetadata::of(list, private.as_ref(), directory);
        match read_stable(&self.directory(list), find) {
            Err(StoreError::Io { .. }) => Ok(None),
            found => found.map(Option::flatten),
        }
    }

    fn check_legacy_format(&self, draft: &Draft) -> Result<(), StoreError> {
        draft.entries.iter().try_for_each(|entry| check_legacy_format(entry, &self.directory(&draft.name)))
    }

    fn directory(&self, list: &Reference) -> PathBuf {
        self.root.join(file_name(list))
    }
}

impl StoredList {
    fn into_draft(self, list: &Reference) -> Draft {
        let entries = self.entries.into_iter().map(|(_, entry)| entry).collect();
        match self.metadata {
            Some(metadata) => metadata.into_draft(list, entries),
            None => Draft::new(list.clone(), entries, Vec::new(), ListSettings::default()),
        }
    }

    /// The file of each entry.
    fn files(&self) -> Vec<(Reference, OsString)> {
        self.entries.iter().map(|(name, entry)| (entry.reference.clone(), name.clone())).collect()
    }
}

fn empty(list: &Reference) -> Draft {
    Draft::new(list.clone(), Vec::new(), Vec::new(), ListSettings::default())
}

/// Turns the list `old` into `draft`: writes the files of `upsert` and the metadata of the draft. Other files stay if
/// `keep` says so.
fn commit(
    transaction: &Transaction,
    old: &Draft,
    draft: &Draft,
    upsert: &[ListEntry],
    keep: impl Fn(&OsStr) -> bool,
) -> Result<(), StoreError> {
    let written = upsert.iter().map(|entry| (file_name(&entry.reference).into(), entry.to_json())).collect();
    transaction.write(OsStr::new(&file_name(&draft.name)), &FileChange { written, keep }, |places| {
        ListMetadata::write(transaction.private(), draft, places, old)
    })
}

fn remove(transaction: &Transaction, list: &OsStr) -> Result<(), StoreError> {
    transaction.remove(list)?;
    ListMetadata::forget(transaction.private(), list);
    Ok(())
}

/// The entries that a change removes or whose files it writes.
fn overwritten(current: &Draft, change: &ListChange) -> Vec<ListEntry> {
    let changed = change.upsert.iter().map(|entry| &entry.reference).chain(&change.remove);
    let changed: HashSet<String> = changed.map(file_name).collect();
    current.entries.iter().filter(|entry| changed.contains(&file_name(&entry.reference))).cloned().collect()
}

/// Refuses images whose file names are those of other images, in the list or among themselves.
fn check_images_apart(directory: &Path, old: &[ListEntry], images: &[ListEntry]) -> Result<(), StoreError> {
    let mut holders = HashMap::with_capacity(old.len() + images.len());
    for image in old.iter().chain(images) {
        let name = file_name(&image.reference);
        let path = directory.join(&name);
        if let Some(holder) = holders.insert(name, &image.reference).filter(|holder| **holder != image.reference) {
            return Err(StoreError::ImageNameTaken { wanted: image.reference.clone(), holder: holder.clone(), path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Descriptor, ImageKind, ImageManifest, OCI_MANIFEST, Origin};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    use std::thread;

    fn image(name: &str) -> ListEntry {
        let raw = b"{ }".to_vec();
        let descriptor = Descriptor { media_type: OCI_MANIFEST.into(), size: 3, ..Descriptor::default() };
        ListEntry::new(parse(name), descriptor, ImageManifest::read(ImageKind::Oci, &raw).unwrap().into(), raw.into())
    }

    fn parse(name: &str) -> Reference {
        Reference::parse(name).unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        (directory, store)
    }

    fn draft(list: &Reference, images: &[ListEntry]) -> Draft {
        Draft::new(list.clone(), images.to_vec(), Vec::new(), ListSettings::default())
    }

    fn amend(store: &Store, list: &Reference, names: &[&str]) -> Result<(), StoreError> {
        let images = names.iter().map(|name| image(name)).collect();
        store.amend(list, |_| Ok(ListChange { upsert: images, ..ListChange::default() }))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_named_and_protected_as_docker_names_and_protects_them() {
        let (_keep, store) = store();
        let list = parse("h.io:5000/a/list:1");
        store.create(&draft(&list, &[image("h.io:5000/a/b:x")])).unwrap();
        let directory = store.root.join("h.io-5000_a_list-1");
        let file = directory.join("h.io-5000_a_b-x");
        assert_eq!(mode(&directory), 0o755);
        assert_eq!(mode(&file), 0o644);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        assert_eq!(fs::read(&file).unwrap(), image("h.io:5000/a/b:x").to_json());
    }

    #[test]
    fn what_is_replaced_keeps_its_mode() {
        let (_keep, store) = store();
        let list = parse("list");
        store.create(&draft(&list, &[image("a"), image("b")])).unwrap();
        let directory = store.directory(&list);
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let file = |name: &str| directory.join(file_name(&parse(name)));
        set(&directory, 0o700);
        set(&file("a"), 0o600);
        set(&file("b"), 0o640);
        store.update(&list, &parse("a"), |_| Ok::<_, StoreError>(())).unwrap();
        amend(&store, &list, &["b", "c"]).unwrap();
        let modes = [mode(&directory), mode(&file("a")), mode(&file("b")), mode(&file("c"))];
        assert_eq!(modes, [0o700, 0o600, 0o640, 0o644]);
    }

    #[test]
    fn what_root_makes_of_our_own_belongs_to_the_owner_of_the_store() {
        let (_keep, store) = store();
        fs::create_dir(&store.root).unwrap();
        // Only root can try this.
        if chown(&store.root, Some(12345), None).is_err() {
            return;
        }
        store.create(&draft(&parse("list"), &[image("a")])).unwrap();
        for name in ["", "lock", "lists"] {
            let path = store.root.join(PRIVATE_DIRECTORY).join(name);
            assert_eq!(fs::metadata(&path).unwrap().uid(), 12345, "{}", path.display());
        }
    }

    #[test]
    fn several_images_join_a_list_together() {
        let (_keep, store) = store();
        let list = parse("list");
        store.create(&draft(&list, &[image("b"), image("a")])).unwrap();
        amend(&store, &list, &["d", "c"]).unwrap();
        amend(&store, &list, &["e"]).unwrap();
        let names: Vec<_> = store.load(&list).unwrap().entries.iter().map(|e| e.reference.path().to_owned()).collect();
        assert_eq!(names, ["library/a", "library/b", "library/c", "library/d", "library/e"]);
        assert!(matches!(store.create(&draft(&list, &[image("f")])), Err(StoreError::ListExists)));
        assert_eq!(store.load(&list).unwrap().entries.len(), 5);
    }

    fn names(store: &Store, list: &Reference) -> Vec<String> {
        store.load(list).unwrap().entries.iter().map(|entry| entry.reference.path().replace("library/", "")).collect()
    }

    #[test]
    fn images_come_and_go_together() {
        let (_keep, store) = store();
        let list = parse("list");
        amend(&store, &list, &["a", "b", "c"]).unwrap();
        let change = |images: &[&str], gone: &[&str]| {
            let images = images.iter().map(|name| image(name)).collect();
            let gone = gone.iter().map(|name| parse(name)).collect();
            store
                .amend(&list, |_| {
                    Ok::<_, StoreError>(ListChange { upsert: images, remove: gone, ..ListChange::default() })
                })
                .unwrap();
            names(&store, &list)
        };
        assert_eq!(change(&["d"], &["a"]), ["b", "c", "d"]);
        assert_eq!(change(&[], &["b"]), ["c", "d"]);
        assert_eq!(change(&[], &["c", "d"]), [""; 0]);
        assert!(store.load(&list).unwrap().entries.is_empty(), "an empty list is a list");
    }

    #[test]
    fn a_link_to_a_list_stays_one() {
        let (_keep, store) = store();
        let (list, link) = (parse("list"), parse("link"));
        store.create(&draft(&list, &[image("a")])).unwrap();
        std::os::unix::fs::symlink(store.directory(&list), store.directory(&link)).unwrap();
        fs::remove_dir_all(store.root.join(PRIVATE_DIRECTORY).join("lists")).unwrap();
        amend(&store, &link, &["b", "c"]).unwrap();
        assert!(fs::symlink_metadata(store.directory(&link)).unwrap().is_symlink());
        assert_eq!(names(&store, &link), ["a", "b", "c"]);
    }

    #[test]
    fn a_list_is_replaced_whatever_it_was() {
        let (_keep, store) = store();
        let list = parse("list");
        store.replace(&draft(&list, &[image("a"), image("b")])).unwrap();
        fs::write(store.directory(&list).join("junk"), "hello").unwrap();
        store.replace(&draft(&list, &[image("c")])).unwrap();
        assert_eq!(names(&store, &list), ["c"]);
    }

    #[test]
    fn where_an_entry_came_from_is_known_as_long_as_it_is_the_same() {
        let (_keep, store) = store();
        let list = parse("list");
        let with_origin = |name: &str, digest: &str| {
            let mut image = image(name);
            let origin = Origin { source: image.reference.to_string(), ..Origin::default() };
            image.origin = Some(origin);
            image.descriptor.digest = digest.into();
            image
        };
        let known =
            || -> Vec<bool> { store.load(&list).unwrap().entries.iter().map(|entry| entry.origin.is_some()).collect() };
        store.create(&draft(&list, &[with_origin("a", "1"), with_origin("b", "2")])).unwrap();
        amend(&store, &list, &["c", "d"]).unwrap();
        assert_eq!(known(), [true, true, false, false], "through an exchange of directories");
        // As docker would change it.
        let other = with_origin("b", "3");
        fs::write(store.directory(&list).join(file_name(&other.reference)), other.to_json()).unwrap();
        assert_eq!(known(), [true, false, false, false]);
    }

    #[test]
    fn names_that_collide_are_refused() {
        let (_keep, store) = store();
        store.create(&draft(&parse("h.io/t/app:1"), &[image("h.io/x")])).unwrap();
        let other = parse("h.io/t_app:1");
        assert!(matches!(store.load(&other), Err(StoreError::ListNameTaken { .. })));
        assert!(matches!(store.remove(&other), Err(StoreError::ListNameTaken { .. })));
        let saved = amend(&store, &other, &["h.io/x"]);
        assert!(matches!(saved, Err(StoreError::ListNameTaken { .. })));
        let taken = store.create(&draft(&parse("h.io/l"), &[image("h.io/a:b-c"), image("h.io/a-b:c")]));
        assert!(matches!(taken, Err(StoreError::ImageNameTaken { .. })));
        assert!(!store.has(&parse("h.io/l")).unwrap());
    }

    #[test]
    fn a_name_is_free_again_once_its_list_is_gone() {
        let (_keep, store) = store();
        let (first, second) = (parse("h.io/t/app:1"), parse("h.io/t_app:1"));
        store.create(&draft(&first, &[image("h.io/x")])).unwrap();
        // As docker would remove it: without our metadata of the name.
        fs::remove_dir_all(store.directory(&first)).unwrap();
        store.create(&draft(&second, &[image("h.io/x")])).unwrap();
        assert_eq!(store.load(&second).unwrap().entries.len(), 1);
    }

    #[test]
    fn of_several_who_remove_a_list_one_does_and_the_others_do_not_find_it() {
        let (_keep, store) = store();
        let list = parse("list");
        for _ in 0..100 {
            store.create(&draft(&list, &[image("a")])).unwrap();
            let results: Vec<_> = thread::scope(|scope| {
                let removals: Vec<_> = (0..4).map(|_| scope.spawn(|| store.remove(&list))).collect();
                removals.into_iter().map(|removal| removal.join().unwrap()).collect()
            });
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            let missing = |result: &&Result<(), StoreError>| matches!(result, Err(StoreError::NotFound(_)));
            assert_eq!(results.iter().filter(missing).count(), 3, "{results:?}");
        }
    }

    #[test]
    fn a_list_is_read_as_it_was_before_or_after_each_change() {
        let (_keep, store) = store();
        let list = parse("list");
        let generations = [vec!["a", "b", "c", "d"], vec!["e", "f"], vec!["e", "f", "g", "h"]];
        let drafts: Vec<Draft> = generations[..2]
            .iter()
            .map(|names| draft(&list, &names.iter().map(|name| image(name)).collect::<Vec<_>>()))
            .collect();
        store.replace(&drafts[0]).unwrap();
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..30 {
                    store.replace(&drafts[1]).unwrap();
                    amend(&store, &list, &["g", "h"]).unwrap();
                    store.replace(&drafts[0]).unwrap();
                }
            });
            while !writer.is_finished() {
                let names = names(&store, &list);
                assert!(generations.iter().any(|generation| *generation == names), "{names:?}");
            }
        });
    }

    #[test]
    fn a_broken_list_can_be_removed() {
        let (_keep, store) = store();
        let list = parse("list");
        store.create(&draft(&list, &[image("a")])).unwrap();
        fs::write(store.directory(&list).join("junk"), "hello").unwrap();
        let message = store.load(&list).unwrap_err().to_string();
        assert_eq!(message, "invalid character 'h' looking for beginning of value");
        store.remove(&list).unwrap();
        assert!(!store.has(&list).unwrap());
        assert!(matches!(store.remove(&list), Err(StoreError::NotFound(_))));
    }
}
