//! `mfst rm`.

use std::fs;

use mfst_testkit::scene::{Scene, first_line};

#[test]
fn rm_prints_nothing_and_removes_only_the_list() {
    let scene = Scene::with_list();
    scene.create("t/app:v2", &["t/app:amd64"]);
    scene.create("t/app:v3", &["t/app:amd64"]);
    scene.registry.log().clear();
    let result = scene.run("rm @t/app:v1 @t/app:v3");
    assert_eq!(result.stderr, "");
    assert_eq!(result.success(), "");
    assert!(!scene.home.list(&scene.name("t/app:v1")).exists());
    assert!(scene.home.list(&scene.name("t/app:v2")).exists());
    assert!(!scene.home.list(&scene.name("t/app:v3")).exists());
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn rm_names_missing_lists_and_removes_the_others() {
    let scene = Scene::with_list();
    let output = scene.run("rm nope @t/app:v1 X other:1").failure(1);
    let messages: String = output.split_inclusive('\n').filter(|line| !line.starts_with("hint: ")).collect();
    assert_eq!(
        messages,
        "No such manifest: docker.io/library/nope:latest\n\
         invalid reference format: repository name (library/X) must be lowercase\n\
         No such manifest: docker.io/library/other:1\n"
    );
    assert!(scene.home.lists().is_empty());
}

#[test]
fn d10_a_list_with_a_corrupt_entry_is_removed() {
    for corrupt in ["", "{", "null garbage", "{\"Ref\": 1}"] {
        let scene = Scene::with_list();
        let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        fs::write(entry, corrupt).expect("a corrupt entry");
        scene.run_ok("rm @t/app:v1");
        assert!(scene.home.lists().is_empty());
    }
}

#[test]
fn a_removed_list_can_be_created_again() {
    let scene = Scene::with_list();
    scene.run_ok("rm @t/app:v1");
    assert_eq!(first_line(&scene.run_err_unchanged("rm @t/app:v1")), scene.expand("No such manifest: @t/app:v1"));
    scene.create("t/app:v1", &["t/app:arm64"]);
    // The name with the same file name is free as well.
    scene.run_ok("rm @t/app:v1");
    scene.create("t_app:v1", &["t/app:arm64"]);
}

#[test]
fn all_lists_are_removed_broken_ones_too() {
    let scene = Scene::with_list();
    scene.create("t/app:v2", &["t/app:amd64"]);
    fs::write(scene.home.entry(&scene.name("t/app:v2"), &scene.name("t/app:amd64")), "{").expect("a broken entry");
    fs::create_dir(scene.home.store().join("Not_a_name")).expect("a directory that docker did not make");
    assert_eq!(scene.run_ok("rm --all"), "");
    assert!(scene.home.lists().is_empty());
    scene.run_ok("rm --all");
    // The names are free again.
    scene.create("t_app:v1", &["t/app:arm64"]);
    scene.run("rm --all @t_app:v1").failure(1);
    assert_eq!(scene.run_ok("ls -q"), scene.expand("@t_app:v1\n"));
}

#[test]
fn where_there_is_no_store_rm_all_makes_none() {
    let scene = Scene::new();
    scene.run_ok("rm --all");
    assert!(!scene.home.store().exists());
}

#[test]
fn d19_nothing_is_deleted_if_a_name_is_that_of_an_image_in_a_list_before_it() {
    let scene = Scene::with_list();
    scene.create("t/app:v2", &["t/app:amd64"]);
    let output = scene.run_err_unchanged("rm @t/app:v2 @t/app:v1 @t/app:arm64");
    let expected = scene.expand(
        "No such manifest: @t/app:arm64\n\
         hint: nothing was deleted: to remove the image from the list: mfst remove @t/app:v1 @t/app:arm64\n",
    );
    assert_eq!(output, expected);
    // So for an entry by its platform, as `remove` takes it.
    let output = scene.run_err_unchanged("rm @t/app:v1 linux/arm64");
    assert!(output.contains(&scene.expand("mfst remove @t/app:v1 linux/arm64")), "{output}");
    // What the hint says works.
    scene.run_ok("remove @t/app:v1 @t/app:arm64");
    // A list may have the name of one of its images.
    scene.create("t/app:amd64", &["t/app:arm64"]);
    scene.run_ok("rm @t/app:v1 @t/app:amd64");
    assert_eq!(scene.run_ok("ls -q"), scene.expand("@t/app:v2\n"));
    // And a list that stands behind its image is removed, as in docker.
    scene.run("rm @t/app:amd64 @t/app:v2").failure(1);
    assert_eq!(scene.run_ok("ls -q"), "");
}
