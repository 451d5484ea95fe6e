//! Obstacles in the file system: files in place of directories, links, broken entries, names that are too long. The
//! command names the path and changes nothing; obstacles that do not concern it do not stop it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::hardening::operations::{AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, scene};
use mfst_testkit::scene::{Scene, first_line};

/// Every command that writes must name the path of the obstacle.
#[track_caller]
fn assert_blocked(list_path: &str, make: impl Fn(&Path), operations: &[Operation]) {
    let mut scene = scene();
    for operation in operations {
        operation.prepare(&mut scene);
        let path = scene.home.store().join(list_path);
        remove(&path);
        make(&path);
        let before = scene.home.lists();
        let output = operation.run(&scene).failure(1);
        assert!(output.contains(path.to_str().expect("a path")), "{operation:?}: {output}");
        assert_eq!(scene.home.lists(), before, "{operation:?}");
        remove(&path);
    }
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.ok();
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
}

fn file(path: &Path) {
    fs::write(path, "in the way").expect("a file");
}

fn directory(path: &Path) {
    fs::create_dir_all(path.join("in the way")).expect("a directory");
}

const WRITERS: [Operation; 6] = [CREATE, AMEND_ONE, AMEND_SEVERAL, ANNOTATE, REMOVE, PUSH];

#[test]
fn a_file_in_place_of_the_metadata_directory() {
    assert_blocked(".mfst", file, &WRITERS);
}

#[test]
fn a_directory_in_place_of_the_lock() {
    assert_blocked(".mfst/lock", directory, &WRITERS);
}

#[test]
fn a_file_in_place_of_the_names() {
    assert_blocked(".mfst/lists", file, &[CREATE]);
}

#[test]
fn a_file_in_place_of_the_store() {
    let scene = Scene::new();
    file(&scene.home.store());
    for line in [
        "create @t/list:v1 @t/app:amd64",
        "rm @t/list:v1",
        "push @t/list:v1",
        "annotate @t/list:v1 @t/app:amd64 --os linux",
    ] {
        let output = scene.run(line).failure(1);
        assert!(output.contains(scene.home.store().to_str().expect("a path")), "{line}: {output}");
        assert!(scene.home.store().is_file());
    }
}

#[test]
fn leftovers_of_a_killed_command_may_be_anything() {
    for make in [file, directory, |path: &Path| symlink("/nonexistent", path).expect("a link")] {
        for operation in WRITERS {
            let mut scene = scene();
            operation.prepare(&mut scene);
            let path = scene.home.store().join(".mfst/staged");
            remove(&path);
            make(&path);
            operation.run(&scene).success();
        }
    }
}

/// The directory of a list, in a store without the list.
fn list_path(scene: &Scene) -> PathBuf {
    fs::create_dir_all(scene.home.store()).expect("a store");
    scene.home.list(&scene.name("t/list:v1"))
}

#[test]
fn a_file_in_place_of_a_list() {
    let scene = Scene::new();
    let path = list_path(&scene);
    file(&path);
    for line in
        ["create @t/list:v1 @t/app:amd64", "create --amend @t/list:v1 @t/app:amd64", "rm @t/list:v1", "push @t/list:v1"]
    {
        let output = scene.run_err_unchanged(line);
        assert!(output.contains(path.to_str().expect("a path")), "{line}: {output}");
    }
}

#[test]
fn a_link_to_a_directory_is_a_list_and_its_target_is_never_removed() {
    let scene = Scene::new();
    let path = list_path(&scene);
    let elsewhere = scene.home.home().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    file(&elsewhere.join("kept"));
    symlink(&elsewhere, &path).expect("a link");
    // It is not an entry, and is named.
    let output = scene.run("push @t/list:v1").failure(1);
    assert!(output.contains("kept"), "{output}");
    scene.run_ok("rm @t/list:v1");
    assert!(!path.exists() && elsewhere.join("kept").is_file());
}

#[test]
fn invalid_entries_are_named() {
    type Damage<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Damage<'_>); 5] = [
        ("empty", &|path| fs::write(path, "").expect("a file")),
        ("zeros", &|path| fs::write(path, [0; 64]).expect("a file")),
        ("half", &|path| fs::write(path, &fs::read(path).expect("an entry")[..99]).expect("a file")),
        ("binary", &|path| fs::write(path, [0xff, 0xfe, 0x1b, b'[']).expect("a file")),
        ("directory", &|path| {
            fs::remove_file(path).expect("an entry");
            directory(path);
        }),
    ];
    for (name, damage) in cases {
        let scene = Scene::with_list();
        let path = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        damage(&path);
        for line in [
            "push @t/app:v1",
            "create --amend @t/app:v1 @t/app:arm64",
            "annotate --os linux @t/app:v1 @t/app:amd64",
            "inspect @t/app:v1 @t/app:amd64",
        ] {
            let output = scene.run_err_unchanged(line);
            assert!(output.contains(path.to_str().expect("a path")), "{name}, {line}: {output}");
            assert!(!output.contains('\u{1b}'), "{output:?}");
        }
        // The other entry is valid, and the list can be removed.
        scene.run_ok("annotate --os linux @t/app:v1 @t/app:arm64");
        scene.run_ok("rm @t/app:v1");
    }
}

#[test]
fn a_name_that_is_too_long_for_the_file_system_is_refused() {
    let scene = Scene::new();
    let long = format!("t/{}", "a".repeat(250));
    scene.registry.put_image(&long, "amd64", &mfst_testkit::scene::amd64());
    for line in [format!("create @{long}:v1 @t/app:amd64"), format!("create @t/list:v1 @{long}:amd64")] {
        let output = scene.run_err_unchanged(&line);
        assert!(output.contains("file name too long") && first_line(&output).contains(&"a".repeat(250)), "{output}");
    }
    // Commands that do not use the store are not affected.
    scene.run_ok(&format!("inspect @{long}:amd64"));
}
