//! The local store of manifest lists, `~/.docker/manifests`, shared with docker.
//!
//! A list is a directory, an image in it a file; both are named after the reference (docker/cli
//! `cli/manifest/store`). docker takes every file in a list's directory for an entry, so what is ours lives in
//! `manifests/.mfst`: the lock, files on their way into a list, and a metadata of each list: its true name, which file names
//! cannot express (`a/b:1` and `a_b:1` become the same one), and where its entries came from.

mod error;
mod metadata;
mod summary;
mod transaction;

pub use error::StoreError;
pub use summary::ListSummary;

use crate::draft::{Draft, ListChange, ListSettings};
use crate::manifest::ListEntry;
use crate::reference::{Reference, file_safe};
use metadata::MetadataDir;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use transaction::Transaction;

/// Our own corner of the store.
const PRIVATE_DIRECTORY: &str = ".mfst";

/// The store in one configuration directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
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
        let directory = self.directory(list);
        self.metadata().check(list, &directory)?;
        let path = directory.join(file_name(image));
        let entry = read_entry(&path, Some(image))?.ok_or_else(|| StoreError::ImageNotFound {
            image: image.clone(),
            list: list.clone(),
            has_list: directory.is_dir(),
        })?;
        check_legacy_format(&entry, &path)?;
        if entry.reference != *image && file_name(&entry.reference) == file_name(image) {
            return Err(StoreError::ImageNameTaken { wanted: image.clone(), holder: entry.reference, path });
        }
        Ok(entry)
    }

    /// A list.
    pub fn load(&self, list: &Reference) -> Result<Draft, StoreError> {
        let draft = self.load_unchecked(list)?;
        for entry in &draft.entries {
            check_legacy_format(entry, &self.directory(list).join(file_name(&entry.reference)))?;
        }
        Ok(draft)
    }

    /// A list that may have entries in the legacy format with a wrong manifest, for callers that can fetch it again.
    pub fn load_unchecked(&self, list: &Reference) -> Result<Draft, StoreError> {
        let directory = self.directory(list);
        let metadata = self.metadata().check(list, &directory)?;
        let names = entry_names(&directory)?.ok_or_else(|| StoreError::NotFound(list.clone()))?;
        let read = |name: &String| {
            let path = directory.join(name);
            read_entry(&path, None)?.ok_or_else(|| StoreError::NotFound(list.clone()))
        };
        let entries = names.iter().map(read).collect::<Result<_, _>>()?;
        Ok(match metadata {
            Some(metadata) => metadata.into_draft(list, entries),
            None => Draft::new(list.clone(), entries, Vec::new(), ListSettings::default()),
        })
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
        self.commit(&transaction, draft, &draft.entries, &[], |_| true)
    }

    /// Stores a list in the place of whatever there is under its name.
    pub fn replace(&self, draft: &Draft) -> Result<(), StoreError> {
        let list = &draft.name;
        check_images_apart(&self.directory(list), &[], &draft.entries)?;
        let transaction = Transaction::begin(&self.root)?;
        self.has(list)?;
        // An unreadable list may be replaced.
        let old = self.load_unchecked(list).map(|draft| draft.entries).unwrap_or_default();
        self.commit(&transaction, draft, &draft.entries, &old, |_| false)
    }

    /// Changes a list, or makes it, as `plan` decides under the lock: the whole change or, after any failure, nothing.
    pub fn amend<E: From<StoreError>>(
        &self,
        list: &Reference,
        plan: impl FnOnce(&Draft) -> Result<ListChange, E>,
    ) -> Result<(), E> {
        self.metadata().check(list, &self.directory(list))?;
        let transaction = Transaction::begin(&self.root)?;
        let current = match self.load(list) {
            Err(StoreError::NotFound(_)) => Draft::new(list.clone(), Vec::new(), Vec::new(), ListSettings::default()),
            current => current?,
        };
        let change = plan(&current)?;
        let removed: HashSet<String> = change.remove.iter().map(file_name).collect();
        let written: HashSet<String> = change.upsert.iter().map(|image| file_name(&image.reference)).collect();
        let is_old = |entry: &&ListEntry| {
            let name = file_name(&entry.reference);
            removed.contains(&name) || written.contains(&name)
        };
        let old: Vec<ListEntry> = current.entries.iter().filter(is_old).cloned().collect();
        check_images_apart(&self.directory(list), &old, &change.upsert)?;
        let draft = change.apply(&current);
        Ok(self.commit(&transaction, &draft, &change.upsert, &old, |name| !removed.contains(name))?)
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
        let mut entry = self.get(list, image)?;
        change(&mut entry)?;
        let (directory, metadata) = (self.directory(list), self.metadata());
        if metadata.find(&directory).is_none() {
            let draft = Draft::new(list.clone(), Vec::new(), Vec::new(), ListSettings::default());
            metadata.write(&draft, &directory, &[])?;
        }
        Ok(transaction.replace(&directory.join(file_name(image)), &entry.to_json())?)
    }

    /// Records that these tags, sources of the list's entries, now point at `digest`: the list itself has been pushed
    /// under their names.
    pub fn update_origin_digests(&self, list: &Reference, tags: &[Reference], digest: &str) -> Result<(), StoreError> {
        let _transaction = Transaction::begin(&self.root)?;
        let mut draft = self.load_unchecked(list)?;
        for origin in draft.entries.iter_mut().filter_map(|entry| entry.origin.as_mut()) {
            if origin.is_any_of(tags) {
                digest.clone_into(&mut origin.digest);
            }
        }
        self.metadata().write(&draft, &self.directory(list), &[])
    }

    /// Removes a list without looking at its entries, so that broken ones can be removed too.
    pub fn remove(&self, list: &Reference) -> Result<(), StoreError> {
        // Looked up before anything is made, so that a mistyped name leaves no trace.
        self.find(list)?;
        let transaction = Transaction::begin(&self.root)?;
        transaction.remove(&self.find(list)?)?;
        self.metadata().forget(list);
        Ok(())
    }

    /// Writes the files of `upsert` and the metadata of the draft. Files that are not written stay if `keep` says so.
    fn commit(
        &self,
        transaction: &Transaction,
        draft: &Draft,
        upsert: &[ListEntry],
        old: &[ListEntry],
        keep: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        let files: Vec<_> = upsert.iter().map(file).collect();
        let write_metadata = |staged: &Path| self.metadata().write(draft, staged, old);
        transaction.write(&self.directory(&draft.name), &files, keep, write_metadata)
    }

    /// Whether the store has this list, be it empty or broken.
    fn has(&self, list: &Reference) -> Result<bool, StoreError> {
        let directory = self.directory(list);
        match fs::symlink_metadata(&directory) {
            Ok(_) => self.metadata().check(list, &directory).map(|_| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("open", &directory, error)),
        }
    }

    /// The directory of a list that is there.
    fn find(&self, list: &Reference) -> Result<PathBuf, StoreError> {
        let directory = self.directory(list);
        self.metadata().check(list, &directory)?;
        match fs::metadata(&directory) {
            Ok(found) if found.is_dir() => Ok(directory),
            Ok(_) => Err(StoreError::io("open", &directory, io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NotFound(list.clone())),
            Err(error) => Err(StoreError::io("open", &directory, error)),
        }
    }

    fn directory(&self, list: &Reference) -> PathBuf {
        self.root.join(file_name(list))
    }

    fn metadata(&self) -> MetadataDir {
        MetadataDir::new(&self.root.join(PRIVATE_DIRECTORY))
    }
}

fn file(image: &ListEntry) -> (String, Vec<u8>) {
    (file_name(&image.reference), image.to_json())
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

/// The names of the files in a list's directory, sorted as docker sorts them (by bytes); none if there is no
/// such directory.
fn entry_names(directory: &Path) -> Result<Option<Vec<String>>, StoreError> {
    let failed = |error| StoreError::io("open", directory, error);
    let files = match fs::read_dir(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for file in files {
        names.push(file.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(Some(names))
}

fn read_entry(path: &Path, fallback: Option<&Reference>) -> Result<Option<ListEntry>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let operation = if error.kind() == io::ErrorKind::IsADirectory { "read" } else { "open" };
            return Err(StoreError::io(operation, path, error));
        }
    };
    let entry = ListEntry::from_json(&bytes, fallback);
    entry.map(Some).map_err(|error| StoreError::BrokenEntry { path: path.to_owned(), error })
}

fn check_legacy_format(entry: &ListEntry, path: &Path) -> Result<(), StoreError> {
    entry.check_legacy_format().map_err(|error| StoreError::LegacyFormat { path: path.to_owned(), error })
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
