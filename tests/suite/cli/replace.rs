//! `create --replace`: a list that holds exactly what is named.

use std::fs;

use mfst_testkit::faults::Fault;
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first};

#[test]
fn replace_leaves_nothing_of_the_last_run() {
    let scene = Scene::with_list();
    let said = scene.ok("create --replace @t/app:v1 @t/app:arm64");
    assert_eq!(said, scene.expand("Created manifest list @t/app:v1\n"));
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
}

#[test]
fn replace_makes_a_list_that_does_not_exist() {
    let scene = Scene::new();
    scene.ok("create --replace @t/app:v1 @t/app:amd64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [amd64().digest()]);
}

#[test]
fn replace_forgets_annotations() {
    let scene = Scene::with_list();
    scene.ok("annotate --variant v8 @t/app:v1 @t/app:arm64");
    scene.ok("annotate --annotation a=b @t/app:v1 @t/app:arm64");
    scene.ok("create --replace @t/app:v1 @t/app:arm64");
    let list = scene.inspect("@t/app:v1");
    assert_eq!(list["manifests"][0]["platform"].get("variant"), None);
    scene.ok("push @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["manifests"][0].get("annotations"), None);
}

#[test]
fn replace_asks_the_registry_whatever_the_list_had() {
    let scene = Scene::with_list();
    scene.registry.put_image("t/app", "amd64", &arm64());
    scene.ok("create --replace @t/app:v1 @t/app:amd64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
}

#[test]
fn replace_takes_the_place_of_a_broken_list() {
    for broken in ["", "{", "{\"Ref\": 1}"] {
        let scene = Scene::with_list();
        let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        fs::write(entry, broken).expect("a broken entry");
        scene.ok("create --replace @t/app:v1 @t/app:arm64");
        assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
    }
}

#[test]
fn d2_a_replace_that_fails_leaves_the_old_list() {
    let scene = Scene::with_list();
    let said = scene.refused("create --replace @t/app:v1 @t/app:arm64 @t/app:nope");
    assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nope"));
    scene.registry.fault(Fault::on("GET", "/blobs/").always().cut_before());
    scene.refused("create --retries 0 --replace @t/app:v1 @t/app:arm64");
}

#[cfg(unix)]
#[test]
fn d2_a_replace_that_is_killed_leaves_the_old_list() {
    let scene = Scene::with_list();
    let before = scene.home.tree();
    scene.registry.fault(Fault::on("GET", "/manifests/arm64").hang());
    let mut child = crate::cli::process::spawn(&scene, "create --replace @t/app:v1 @t/app:arm64");
    scene.registry.script().wait_until_played();
    child.kill().expect("a process to kill");
    child.wait().expect("an end");
    assert_eq!(scene.home.tree(), before);
    scene.ok("create --replace @t/app:v1 @t/app:arm64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
}

#[test]
fn replace_and_amend_exclude_each_other() {
    let scene = Scene::with_list();
    let said = scene.refused("create --replace --amend @t/app:v1 @t/app:arm64");
    assert!(said.contains("--replace") && said.contains("--amend"), "{said}");
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn d11_replace_does_not_take_the_place_of_another_list_with_the_same_file_name() {
    let scene = Scene::with_list();
    scene.refused("create --replace @t_app:v1 @t/app:amd64");
}
