//! Things that are in the way: files where directories should be, links, broken
//! entries, names that are too long. The command says what is where, and changes
//! nothing; what it does not need does not stop it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::hardening::operations::{AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, scene};
use mfst_testkit::scene::{Scene, first};

/// Every command that writes must name the path of what is in its way.
#[track_caller]
fn blocked(place: &str, make: impl Fn(&Path), operations: &[Operation]) {
    let mut scene = scene();
    for operation in operations {
        operation.prepare(&mut scene);
        let path = scene.home.store().join(place);
        remove(&path);
        make(&path);
        let before = scene.home.tree();
        let said = operation.run(&scene).fails(1);
        assert!(said.contains(path.to_str().expect("a path")), "{operation:?}: {said}");
        assert_eq!(scene.home.tree(), before, "{operation:?}");
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
fn a_file_where_the_private_directory_should_be() {
    blocked(".mfst", file, &WRITERS);
}

#[test]
fn a_directory_where_the_lock_should_be() {
    blocked(".mfst/lock", directory, &WRITERS);
}

#[test]
fn a_file_where_the_names_should_be() {
    blocked(".mfst/lists", file, &[CREATE]);
}

#[test]
fn a_file_where_the_store_should_be() {
    let scene = Scene::new();
    file(&scene.home.store());
    for line in [
        "create @t/list:v1 @t/app:amd64",
        "rm @t/list:v1",
        "push @t/list:v1",
        "annotate @t/list:v1 @t/app:amd64 --os linux",
    ] {
        let said = scene.run(line).fails(1);
        assert!(said.contains(scene.home.store().to_str().expect("a path")), "{line}: {said}");
        assert!(scene.home.store().is_file());
    }
}

#[test]
fn what_a_killed_command_has_left_may_have_any_form() {
    for make in [file, directory, |path: &Path| symlink("/nonexistent", path).expect("a link")] {
        for operation in WRITERS {
            let mut scene = scene();
            operation.prepare(&mut scene);
            let path = scene.home.store().join(".mfst/staged");
            remove(&path);
            make(&path);
            operation.run(&scene).ok();
        }
    }
}

/// The place of a list, and a store without it.
fn place(scene: &Scene) -> PathBuf {
    fs::create_dir_all(scene.home.store()).expect("a store");
    scene.home.list(&scene.name("t/list:v1"))
}

#[test]
fn a_file_where_a_list_should_be() {
    let scene = Scene::new();
    let path = place(&scene);
    file(&path);
    for line in
        ["create @t/list:v1 @t/app:amd64", "create --amend @t/list:v1 @t/app:amd64", "rm @t/list:v1", "push @t/list:v1"]
    {
        let said = scene.refused(line);
        assert!(said.contains(path.to_str().expect("a path")), "{line}: {said}");
    }
}

#[test]
fn a_link_to_a_directory_is_a_list_and_what_is_behind_it_is_never_removed() {
    let scene = Scene::new();
    let path = place(&scene);
    let elsewhere = scene.home.home().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    file(&elsewhere.join("kept"));
    symlink(&elsewhere, &path).expect("a link");
    // Not an entry, and named.
    let said = scene.run("push @t/list:v1").fails(1);
    assert!(said.contains("kept"), "{said}");
    scene.ok("rm @t/list:v1");
    assert!(!path.exists() && elsewhere.join("kept").is_file());
}

#[test]
fn entries_that_are_none_are_named() {
    type Spoil<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Spoil<'_>); 5] = [
        ("empty", &|path| fs::write(path, "").expect("a file")),
        ("zeros", &|path| fs::write(path, [0; 64]).expect("a file")),
        ("half", &|path| fs::write(path, &fs::read(path).expect("an entry")[..99]).expect("a file")),
        ("binary", &|path| fs::write(path, [0xff, 0xfe, 0x1b, b'[']).expect("a file")),
        ("directory", &|path| {
            fs::remove_file(path).expect("an entry");
            directory(path);
        }),
    ];
    for (name, spoil) in cases {
        let scene = Scene::with_list();
        let path = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        spoil(&path);
        for line in [
            "push @t/app:v1",
            "create --amend @t/app:v1 @t/app:arm64",
            "annotate --os linux @t/app:v1 @t/app:amd64",
            "inspect @t/app:v1 @t/app:amd64",
        ] {
            let said = scene.refused(line);
            assert!(said.contains(path.to_str().expect("a path")), "{name}, {line}: {said}");
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
        // The other entry is as good as ever, and the list can be removed.
        scene.ok("annotate --os linux @t/app:v1 @t/app:arm64");
        scene.ok("rm @t/app:v1");
    }
}

#[test]
fn a_name_that_the_file_system_does_not_take_is_refused_in_words() {
    let scene = Scene::new();
    let long = format!("t/{}", "a".repeat(250));
    scene.registry.put_image(&long, "amd64", &mfst_testkit::scene::amd64());
    for line in [format!("create @{long}:v1 @t/app:amd64"), format!("create @t/list:v1 @{long}:amd64")] {
        let said = scene.refused(&line);
        assert!(said.contains("file name too long") && first(&said).contains(&"a".repeat(250)), "{said}");
    }
    // Nothing but the store minds.
    scene.ok(&format!("inspect @{long}:amd64"));
}
