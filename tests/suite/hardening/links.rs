//! Symbolic links in the store: none of mfst's own files is reached through one, and behind a list that is one only entries
//! are changed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::hardening::operations::{AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, scene};
use mfst_testkit::scene::{Scene, amd64, arm64, digests};

const WRITERS: [Operation; 6] = [CREATE, AMEND_ONE, AMEND_SEVERAL, ANNOTATE, REMOVE, PUSH];

/// Everything below a path: names, modes, owners and contents.
fn snapshot(path: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    let found = fs::symlink_metadata(path).expect("a file");
    let content = if found.is_file() { fs::read(path).expect("a file") } else { Vec::new() };
    let mut all = vec![(path.to_owned(), found.mode(), found.uid(), content)];
    if found.is_dir() {
        let below = fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path());
        all.extend(below.flat_map(|path| snapshot(&path)));
    }
    all.sort();
    all
}

fn remove(path: &Path) {
    if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.ok();
}

/// Gives the store to another user, as a user's store is to root. Only root can do this.
fn give_away(path: &Path) {
    let _ = lchown(path, Some(12345), Some(12345));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let _ = lchown(entry.path(), Some(12345), Some(12345));
        if entry.file_type().is_ok_and(|found| found.is_dir()) {
            give_away(&entry.path());
        }
    }
}

/// Puts a link to somebody's directory, or to a file in it, in the place of one of mfst's own files, runs every command that
/// writes, and fails if anything behind the link has changed. Commands fail if `is_refused`, and name the link.
#[track_caller]
fn assert_not_followed(name: &str, target: &str, is_refused: bool) {
    let elsewhere = TempDir::new().expect("a directory");
    fs::create_dir(elsewhere.path().join("staged")).expect("a directory");
    for file in ["precious", "lock", "lists.new", "staged/precious"] {
        fs::write(elsewhere.path().join(file), "precious").expect("a file");
        fs::set_permissions(elsewhere.path().join(file), fs::Permissions::from_mode(0o600)).expect("permissions");
    }
    let before = snapshot(elsewhere.path());
    let mut scene = scene();
    for operation in WRITERS {
        operation.prepare(&mut scene);
        let link = scene.home.store().join(name);
        fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
        remove(&link);
        symlink(elsewhere.path().join(target), &link).expect("a link");
        give_away(&scene.home.store());
        let tree = scene.home.lists();
        let ran = operation.run(&scene);
        assert_eq!(snapshot(elsewhere.path()), before, "{operation:?}: {ran:#?}");
        // What needs no metadata may work.
        if is_refused && (name != ".mfst/lists" || ran.code != Some(0)) {
            let stderr = ran.failure(1);
            assert!(stderr.contains(&format!("{} is a symbolic link", link.display())), "{operation:?}: {stderr}");
            assert!(stderr.lines().any(|line| line.starts_with("hint: remove the link")), "{stderr}");
            assert_eq!(scene.home.lists(), tree, "{operation:?}");
            assert!(link.is_symlink());
        } else {
            ran.success();
        }
    }
}

#[test]
fn the_private_directory_is_not_reached_through_a_link() {
    assert_not_followed(".mfst", "", true);
}

#[test]
fn the_lock_is_not_reached_through_a_link() {
    assert_not_followed(".mfst/lock", "precious", true);
    assert_not_followed(".mfst/lock", "missing", true);
}

#[test]
fn the_metadata_is_not_reached_through_a_link() {
    assert_not_followed(".mfst/lists", "", true);
    assert_not_followed(".mfst/lists.new", "precious", false);
    assert_not_followed(".mfst/lists.new", "", false);
}

#[test]
fn what_a_killed_command_has_left_is_not_removed_through_a_link() {
    for target in ["precious", "", "missing"] {
        assert_not_followed(".mfst/staged", target, false);
    }
}

#[test]
fn the_metadata_of_a_list_is_not_read_through_a_link() {
    let scene = Scene::with_list();
    let name = scene.home.list(&scene.name("t/app:v1"));
    let metadata = scene.home.store().join(".mfst/lists").join(name.file_name().expect("a name"));
    let elsewhere = scene.home.home().join("metadata");
    fs::rename(&metadata, &elsewhere).expect("a file");
    symlink(&elsewhere, &metadata).expect("a link");
    for line in
        ["push @t/app:v1", "create --amend @t/app:v1 @t/app:amd64", "annotate --os linux @t/app:v1 @t/app:amd64"]
    {
        let stderr = scene.run_err_unchanged(line);
        assert!(stderr.contains(&format!("{} is a symbolic link", metadata.display())), "{line}: {stderr}");
    }
    let before = fs::read(&elsewhere).expect("a file");
    scene.run_ok("rm @t/app:v1");
    assert!(!metadata.is_symlink() && fs::read(&elsewhere).expect("a file") == before);
}

/// Makes the list `t/app:v1` of a new scene a link to a directory.
fn link_list(scene: &Scene, directory: &Path) -> PathBuf {
    fs::create_dir_all(scene.home.store()).expect("a store");
    let link = scene.home.list(&scene.name("t/app:v1"));
    symlink(directory, &link).expect("a link");
    link
}

#[test]
fn a_folder_that_a_list_links_to_is_never_emptied() {
    for line in [
        "create --replace @t/app:v1 @t/app:amd64",
        "create --replace @t/app:v1 @t/app:amd64 @t/app:arm64",
        "create --amend @t/app:v1 @t/app:amd64 @t/app:arm64",
        "create @t/app:v1 @t/app:amd64",
        "remove @t/app:v1 linux/amd64",
        "push --purge @t/app:v1",
        "rm @t/app:v1",
    ] {
        let scene = Scene::new();
        let folder = scene.home.home().join("folder");
        fs::create_dir_all(folder.join("photos")).expect("a directory");
        for file in ["letter.txt", "photos/one.jpg", ".profile"] {
            fs::write(folder.join(file), "precious").expect("a file");
        }
        link_list(&scene, &folder);
        let before = snapshot(&folder);
        let ran = scene.run(line);
        assert_eq!(snapshot(&folder), before, "{line}: {ran:#?}");
        assert_eq!(ran.code, Some(i32::from(!line.starts_with("rm"))), "{line}: {ran:#?}");
    }
}

#[test]
fn a_linked_list_works_as_any_other_and_stays_linked() {
    for is_near in [true, false] {
        let scene = Scene::new();
        // The target directory is on another file system than the store, unless there is only one.
        let parent = if is_near { scene.home.home() } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
        let folder = TempDir::new_in(parent).expect("a directory");
        let link = link_list(&scene, folder.path());
        let entries = || digests(&scene.inspect("@t/app:v1")).into_iter().map(String::from).collect::<Vec<_>>();
        scene.run_ok("create --amend @t/app:v1 @t/app:amd64 @t/app:arm64");
        assert_eq!(entries(), [amd64().digest(), arm64().digest()]);
        scene.run_ok("annotate --variant v8 @t/app:v1 @t/app:arm64");
        assert_eq!(scene.inspect("@t/app:v1")["manifests"][1]["platform"]["variant"], "v8");
        scene.run_ok("remove @t/app:v1 linux/amd64");
        assert_eq!(entries(), [arm64().digest()]);
        scene.run_ok("create --replace @t/app:v1 @t/app:amd64");
        assert_eq!(entries(), [amd64().digest()]);
        scene.run_ok("push @t/app:v1");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("a directory").count(), 1, "only the entry is there");
        scene.run_ok("rm @t/app:v1");
        assert!(!link.is_symlink() && fs::read_dir(folder.path()).expect("a directory").count() == 1);
    }
}

#[test]
fn what_is_no_entry_is_not_removed_when_a_list_is_replaced() {
    let scene = Scene::with_list();
    let folder = scene.home.list(&scene.name("t/app:v1")).join("photos");
    fs::create_dir(&folder).expect("a directory");
    fs::write(folder.join("one.jpg"), "precious").expect("a file");
    for images in ["@t/app:arm64", "@t/app:amd64 @t/app:arm64"] {
        let stderr = scene.run_err_unchanged(&format!("create --replace @t/app:v1 {images}"));
        assert!(stderr.starts_with(&format!("{} is a directory", folder.display())), "{stderr}");
        assert!(stderr.lines().any(|line| line.starts_with("hint: ")), "{stderr}");
    }
    // docker removes the whole directory.
    scene.run_ok("rm @t/app:v1");
    assert!(!folder.exists());
}

#[test]
fn a_store_that_is_a_link_works() {
    let elsewhere = TempDir::new().expect("a directory");
    let scene = Scene::new();
    symlink(elsewhere.path(), scene.home.store()).expect("a link");
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.run_ok("create --amend @t/app:v1 @t/app:amd64 @t/app:arm64");
    scene.run_ok("push --purge @t/app:v1");
    assert!(scene.home.store().is_symlink());
}
