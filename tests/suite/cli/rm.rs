//! `mfst rm`.

use std::fs;

use mfst_testkit::scene::{Scene, first};

#[test]
fn rm_is_silent_and_removes_the_list_and_only_it() {
    let scene = Scene::with_list();
    scene.create("t/app:v2", &["t/app:amd64"]);
    scene.create("t/app:v3", &["t/app:amd64"]);
    scene.registry.log().clear();
    let ran = scene.run("rm @t/app:v1 @t/app:v3");
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.ok(), "");
    assert!(!scene.home.list(&scene.name("t/app:v1")).exists());
    assert!(scene.home.list(&scene.name("t/app:v2")).exists());
    assert!(!scene.home.list(&scene.name("t/app:v3")).exists());
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn lists_that_do_not_exist_are_named_and_the_others_removed() {
    let scene = Scene::with_list();
    let said = scene.run("rm nope @t/app:v1 X other:1").fails(1);
    let messages: String = said.split_inclusive('\n').filter(|line| !line.starts_with("hint: ")).collect();
    assert_eq!(
        messages,
        "No such manifest: docker.io/library/nope:latest\n\
         invalid reference format: repository name (library/X) must be lowercase\n\
         No such manifest: docker.io/library/other:1\n"
    );
    assert!(scene.home.tree().is_empty());
}

#[test]
fn d10_a_list_with_a_corrupt_entry_is_removed() {
    for corrupt in ["", "{", "null garbage", "{\"Ref\": 1}"] {
        let scene = Scene::with_list();
        let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        fs::write(entry, corrupt).expect("a corrupt entry");
        scene.ok("rm @t/app:v1");
        assert!(scene.home.tree().is_empty());
    }
}

#[test]
fn a_removed_list_can_be_made_again() {
    let scene = Scene::with_list();
    scene.ok("rm @t/app:v1");
    assert_eq!(first(&scene.refused("rm @t/app:v1")), scene.expand("No such manifest: @t/app:v1"));
    scene.create("t/app:v1", &["t/app:arm64"]);
    // The name that collided with it is free as well.
    scene.ok("rm @t/app:v1");
    scene.create("t_app:v1", &["t/app:arm64"]);
}
