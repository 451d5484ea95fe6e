//! The local store of manifest lists, `~/.docker/manifests`, shared with docker.
//!
//! A list is a directory, an image in it a file; both are named after the reference (docker/cli
//! `cli/manifest/store`). docker takes every file in a list's directory for an entry, so what is ours lives in
//! `manifests/.mfst`: the lock, files on their way into a list, and a record of each list: its true name, which file names
//! cannot express (`a/b:1` and `a_b:1` become the same one), and where its entries came from.

mod error;
mod records;
mod summary;
mod transaction;

pub use error::StoreError;
pub use summary::ListSummary;

use crate::manifest::ImageManifest;
use crate::reference::Reference;
use records::Records;
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

/// What is to become of a list.
#[derive(Debug, Default)]
pub struct Amendment {
    /// Images to add, or to take the place of those of the same name.
    pub images: Vec<ImageManifest>,
    /// Images to remove.
    pub gone: Vec<Reference>,
}

impl Amendment {
    /// The images that there will be.
    pub fn applied_to<'a>(&'a self, current: &'a [ImageManifest]) -> impl Iterator<Item = &'a ImageManifest> {
        let changed = self.images.iter().map(|image| &image.reference).chain(&self.gone);
        let changed: HashSet<&Reference> = changed.collect();
        current.iter().filter(move |entry| !changed.contains(&entry.reference)).chain(&self.images)
    }
}

/// The name of the file or directory that stands for a reference (docker/cli `makeFilesafeName`).
#[must_use]
fn file_name(reference: &Reference) -> String {
    reference.to_string().replace(':', "-").replace('/', "_")
}

/// Sorts images into the order that the entries of a list have: that of their file names, by bytes.
pub fn sort(images: &mut [ImageManifest]) {
    images.sort_by_cached_key(|image| file_name(&image.reference));
}

impl Store {
    /// The store below a configuration directory, usually `~/.docker`. Nothing is read or made yet.
    #[must_use]
    pub fn new(config_directory: &Path) -> Self {
        Self { root: config_directory.join("manifests") }
    }

    /// One image of a list.
    pub fn get(&self, list: &Reference, image: &Reference) -> Result<ImageManifest, StoreError> {
        let directory = self.directory(list);
        self.records().check(list, &directory)?;
        let path = directory.join(file_name(image));
        let entry = read_entry(&path, Some(image))?.ok_or_else(|| StoreError::NotFound(image.clone()))?;
        check_oldest_form(&entry, &path)?;
        if entry.reference != *image && file_name(&entry.reference) == file_name(image) {
            return Err(StoreError::ImageNameTaken { wanted: image.clone(), holder: entry.reference, path });
        }
        Ok(entry)
    }

    /// All images of a list, in the order of their file names, which is the order of the list's entries.
    pub fn list(&self, list: &Reference) -> Result<Vec<ImageManifest>, StoreError> {
        let entries = self.list_unchecked(list)?;
        for entry in &entries {
            check_oldest_form(entry, &self.directory(list).join(file_name(&entry.reference)))?;
        }
        Ok(entries)
    }

    /// All images of a list, also those of the oldest form whose manifest is not what it should be. For callers
    /// who can get the manifest elsewhere.
    pub fn list_unchecked(&self, list: &Reference) -> Result<Vec<ImageManifest>, StoreError> {
        let directory = self.directory(list);
        let record = self.records().check(list, &directory)?;
        let names = entry_names(&directory)?.ok_or_else(|| StoreError::NotFound(list.clone()))?;
        let read = |name: &String| {
            let path = directory.join(name);
            read_entry(&path, None)?.ok_or_else(|| StoreError::NotFound(list.clone()))
        };
        let mut entries: Vec<_> = names.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(record) = record {
            record.attach(&mut entries);
        }
        Ok(entries)
    }

    /// Makes a list of these images, all of them or, after any failure, none.
    pub fn create(&self, list: &Reference, images: &[ImageManifest]) -> Result<(), StoreError> {
        // Looked at before anything is made, so that a refusal leaves no trace, and again once nobody else can interfere.
        check_images_apart(&self.directory(list), &[], images)?;
        let transaction = Transaction::begin(&self.root)?;
        if self.has(list)? {
            return Err(StoreError::ListExists);
        }
        self.commit(&transaction, list, images, &[], &[], |_| true)
    }

    /// Makes a list of these images and no others, whatever is there of the same name.
    pub fn replace(&self, list: &Reference, images: &[ImageManifest]) -> Result<(), StoreError> {
        check_images_apart(&self.directory(list), &[], images)?;
        let transaction = Transaction::begin(&self.root)?;
        self.has(list)?;
        // A list that cannot be read is as good as any other for being replaced.
        let old = self.list_unchecked(list).unwrap_or_default();
        self.commit(&transaction, list, images, &[], &old, |_| false)
    }

    /// Changes a list, which may have to be made, as `plan` says once nobody else can interfere: all of it or, after
    /// any failure, nothing.
    pub fn amend<E: From<StoreError>>(
        &self,
        list: &Reference,
        plan: impl FnOnce(&[ImageManifest]) -> Result<Amendment, E>,
    ) -> Result<(), E> {
        self.records().check(list, &self.directory(list))?;
        let transaction = Transaction::begin(&self.root)?;
        let current = match self.list(list) {
            Err(StoreError::NotFound(_)) => Vec::new(),
            current => current?,
        };
        let Amendment { images, gone } = plan(&current)?;
        let gone: HashSet<String> = gone.iter().map(file_name).collect();
        let written: HashSet<String> = images.iter().map(|image| file_name(&image.reference)).collect();
        let (stay, old): (Vec<_>, Vec<_>) = current.into_iter().partition(|entry| {
            let name = file_name(&entry.reference);
            !gone.contains(&name) && !written.contains(&name)
        });
        check_images_apart(&self.directory(list), &old, &images)?;
        Ok(self.commit(&transaction, list, &images, &stay, &old, |name| !gone.contains(name))?)
    }

    /// Changes one image of a list while no other mfst process can.
    pub fn update<E: From<StoreError>>(
        &self,
        list: &Reference,
        image: &Reference,
        change: impl FnOnce(&mut ImageManifest) -> Result<(), E>,
    ) -> Result<(), E> {
        // Looked up before anything is made, so that a mistyped name leaves no trace.
        self.get(list, image)?;
        let transaction = Transaction::begin(&self.root)?;
        let mut entry = self.get(list, image)?;
        change(&mut entry)?;
        let (directory, records) = (self.directory(list), self.records());
        if records.find(&directory).is_none() {
            records.write(list, &directory, [], [])?;
        }
        Ok(transaction.replace(&directory.join(file_name(image)), &entry.to_json())?)
    }

    /// Takes down that these tags, sources of the list's entries, now mean what has this digest: the list itself has been
    /// pushed there.
    pub fn move_sources(&self, list: &Reference, tags: &[Reference], digest: &str) -> Result<(), StoreError> {
        let _transaction = Transaction::begin(&self.root)?;
        let mut entries = self.list_unchecked(list)?;
        for origin in entries.iter_mut().filter_map(|entry| entry.origin.as_mut()) {
            if origin.is_of(tags) {
                digest.clone_into(&mut origin.digest);
            }
        }
        self.records().write(list, &self.directory(list), &entries, [])
    }

    /// Removes a list without looking at its entries, so that broken ones can be removed too.
    pub fn remove(&self, list: &Reference) -> Result<(), StoreError> {
        // Looked up before anything is made, so that a mistyped name leaves no trace.
        self.find(list)?;
        let transaction = Transaction::begin(&self.root)?;
        transaction.remove(&self.find(list)?)?;
        self.records().forget(list);
        Ok(())
    }

    /// Writes images beside those that are kept, in place of old ones.
    fn commit(
        &self,
        transaction: &Transaction,
        list: &Reference,
        images: &[ImageManifest],
        kept: &[ImageManifest],
        old: &[ImageManifest],
        stays: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        let files: Vec<_> = images.iter().map(file).collect();
        let recorded = |staged: &Path| self.records().write(list, staged, kept.iter().chain(images), old);
        transaction.write(&self.directory(list), &files, stays, recorded)
    }

    /// Whether the store has this list, be it empty or broken.
    fn has(&self, list: &Reference) -> Result<bool, StoreError> {
        let directory = self.directory(list);
        match fs::symlink_metadata(&directory) {
            Ok(_) => self.records().check(list, &directory).map(|_| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("open", &directory, error)),
        }
    }

    /// The directory of a list that is there.
    fn find(&self, list: &Reference) -> Result<PathBuf, StoreError> {
        let directory = self.directory(list);
        self.records().check(list, &directory)?;
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

    fn records(&self) -> Records {
        Records::new(&self.root.join(PRIVATE_DIRECTORY))
    }
}

fn file(image: &ImageManifest) -> (String, Vec<u8>) {
    (file_name(&image.reference), image.to_json())
}

/// Refuses images whose file names are those of other images, in the list or among themselves.
fn check_images_apart(directory: &Path, old: &[ImageManifest], images: &[ImageManifest]) -> Result<(), StoreError> {
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

fn read_entry(path: &Path, fallback: Option<&Reference>) -> Result<Option<ImageManifest>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let operation = if error.kind() == io::ErrorKind::IsADirectory { "read" } else { "open" };
            return Err(StoreError::io(operation, path, error));
        }
    };
    let entry = ImageManifest::from_json(&bytes, fallback);
    entry.map(Some).map_err(|error| StoreError::BrokenEntry { path: path.to_owned(), error })
}

fn check_oldest_form(entry: &ImageManifest, path: &Path) -> Result<(), StoreError> {
    entry.check_oldest_form().map_err(|error| StoreError::OldestForm { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Descriptor, Image, ImageKind, OCI_MANIFEST, Origin};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    use std::thread;

    fn image(name: &str) -> ImageManifest {
        let raw = b"{ }".to_vec();
        let descriptor = Descriptor { media_type: OCI_MANIFEST.into(), size: 3, ..Descriptor::default() };
        ImageManifest::new(parse(name), descriptor, Image::read(ImageKind::Oci, &raw).unwrap(), raw)
    }

    fn parse(name: &str) -> Reference {
        Reference::parse(name).unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        (directory, store)
    }

    fn amend(store: &Store, list: &Reference, names: &[&str]) -> Result<(), StoreError> {
        let images = names.iter().map(|name| image(name)).collect();
        store.amend(list, |_| Ok(Amendment { images, gone: Vec::new() }))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_named_and_protected_as_docker_names_and_protects_them() {
        let (_keep, store) = store();
        let list = parse("h.io:5000/a/list:1");
        store.create(&list, &[image("h.io:5000/a/b:x")]).unwrap();
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
        store.create(&list, &[image("a"), image("b")]).unwrap();
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
        store.create(&parse("list"), &[image("a")]).unwrap();
        for name in ["", "lock", "lists"] {
            let path = store.root.join(PRIVATE_DIRECTORY).join(name);
            assert_eq!(fs::metadata(&path).unwrap().uid(), 12345, "{}", path.display());
        }
    }

    #[test]
    fn several_images_join_a_list_together() {
        let (_keep, store) = store();
        let list = parse("list");
        store.create(&list, &[image("b"), image("a")]).unwrap();
        amend(&store, &list, &["d", "c"]).unwrap();
        amend(&store, &list, &["e"]).unwrap();
        let names: Vec<_> = store.list(&list).unwrap().iter().map(|e| e.reference.path().to_owned()).collect();
        assert_eq!(names, ["library/a", "library/b", "library/c", "library/d", "library/e"]);
        assert!(matches!(store.create(&list, &[image("f")]), Err(StoreError::ListExists)));
        assert_eq!(store.list(&list).unwrap().len(), 5);
    }

    fn names(store: &Store, list: &Reference) -> Vec<String> {
        store.list(list).unwrap().iter().map(|entry| entry.reference.path().replace("library/", "")).collect()
    }

    #[test]
    fn images_come_and_go_together() {
        let (_keep, store) = store();
        let list = parse("list");
        amend(&store, &list, &["a", "b", "c"]).unwrap();
        let change = |images: &[&str], gone: &[&str]| {
            let images = images.iter().map(|name| image(name)).collect();
            let gone = gone.iter().map(|name| parse(name)).collect();
            store.amend(&list, |_| Ok::<_, StoreError>(Amendment { images, gone })).unwrap();
            names(&store, &list)
        };
        assert_eq!(change(&["d"], &["a"]), ["b", "c", "d"]);
        assert_eq!(change(&[], &["b"]), ["c", "d"]);
        assert_eq!(change(&[], &["c", "d"]), [""; 0]);
        assert!(store.list(&list).unwrap().is_empty(), "an empty list is a list");
    }

    #[test]
    fn a_link_to_a_list_stays_one() {
        let (_keep, store) = store();
        let (list, link) = (parse("list"), parse("link"));
        store.create(&list, &[image("a")]).unwrap();
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
        store.replace(&list, &[image("a"), image("b")]).unwrap();
        fs::write(store.directory(&list).join("junk"), "hello").unwrap();
        store.replace(&list, &[image("c")]).unwrap();
        assert_eq!(names(&store, &list), ["c"]);
    }

    #[test]
    fn where_an_entry_came_from_is_known_as_long_as_it_is_the_same() {
        let (_keep, store) = store();
        let list = parse("list");
        let with_origin = |name: &str, digest: &str| {
            let origin = Origin { source: "the source".into(), ..Origin::default() };
            let mut image = image(name);
            image.origin = Some(origin);
            image.descriptor.digest = digest.into();
            image
        };
        let known = || -> Vec<bool> { store.list(&list).unwrap().iter().map(|entry| entry.origin.is_some()).collect() };
        store.create(&list, &[with_origin("a", "1"), with_origin("b", "2")]).unwrap();
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
        store.create(&parse("h.io/t/app:1"), &[image("h.io/x")]).unwrap();
        let other = parse("h.io/t_app:1");
        assert!(matches!(store.list(&other), Err(StoreError::ListNameTaken { .. })));
        assert!(matches!(store.remove(&other), Err(StoreError::ListNameTaken { .. })));
        let saved = amend(&store, &other, &["h.io/x"]);
        assert!(matches!(saved, Err(StoreError::ListNameTaken { .. })));
        let taken = store.create(&parse("h.io/l"), &[image("h.io/a:b-c"), image("h.io/a-b:c")]);
        assert!(matches!(taken, Err(StoreError::ImageNameTaken { .. })));
        assert!(!store.has(&parse("h.io/l")).unwrap());
    }

    #[test]
    fn a_name_is_free_again_once_its_list_is_gone() {
        let (_keep, store) = store();
        let (first, second) = (parse("h.io/t/app:1"), parse("h.io/t_app:1"));
        store.create(&first, &[image("h.io/x")]).unwrap();
        // As docker would remove it: without our record of the name.
        fs::remove_dir_all(store.directory(&first)).unwrap();
        store.create(&second, &[image("h.io/x")]).unwrap();
        assert_eq!(store.list(&second).unwrap().len(), 1);
    }

    #[test]
    fn of_several_who_remove_a_list_one_does_and_the_others_do_not_find_it() {
        let (_keep, store) = store();
        let list = parse("list");
        for _ in 0..100 {
            store.create(&list, &[image("a")]).unwrap();
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
        store.create(&list, &[image("a")]).unwrap();
        fs::write(store.directory(&list).join("junk"), "hello").unwrap();
        let message = store.list(&list).unwrap_err().to_string();
        assert_eq!(message, "invalid character 'h' looking for beginning of value");
        store.remove(&list).unwrap();
        assert!(!store.has(&list).unwrap());
        assert!(matches!(store.remove(&list), Err(StoreError::NotFound(_))));
    }
}
