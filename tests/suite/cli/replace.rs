//! `create --replace`: the list has exactly the given images afterwards.

use std::fs;

use mfst_testkit::faults::Fault;
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first_line};

#[test]
fn replace_removes_all_old_entries() {
    let scene = Scene::with_list();
    let output = scene.run_ok("create --replace @t/app:v1 @t/app:arm64");
    assert_eq!(output, scene.expand("Created manifest list @t/app:v1\n"));
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
}

#[test]
fn replace_creates_a_missing_list() {
    let scene = Scene::new();
    scene.run_ok("create --replace @t/app:v1 @t/app:amd64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [amd64().digest()]);
}

#[test]
fn replace_forgets_annotations() {
    let scene = Scene::with_list();
    scene.run_ok("annotate --variant v8 @t/app:v1 @t/app:arm64");
    scene.run_ok("annotate --annotation a=b @t/app:v1 @t/app:arm64");
    scene.run_ok("create --replace @t/app:v1 @t/app:arm64");
    let list = scene.inspect("@t/app:v1");
    assert_eq!(list["manifests"][0]["platform"].get("variant"), None);
    scene.run_ok("push @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["manifests"][0].get("annotations"), None);
}

#[test]
fn replace_fetches_images_that_the_list_had() {
    let scene = Scene::with_list();
    scene.registry.put_image("t/app", "amd64", &arm64());
    scene.run_ok("create --replace @t/app:v1 @t/app:amd64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
}

#[test]
fn replace_replaces_a_corrupt_list() {
    for broken in ["", "{", "{\"Ref\": 1}"] {
        let scene = Scene::with_list();
        let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        fs::write(entry, broken).expect("a broken entry");
        scene.run_ok("create --replace @t/app:v1 @t/app:arm64");
        assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
    }
}

#[test]
fn d2_a_failed_replace_leaves_the_old_list() {
    let scene = Scene::with_list();
    let output = scene.run_err_unchanged("create --replace @t/app:v1 @t/app:arm64 @t/app:nope");
    assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:nope"));
    scene.registry.fault(Fault::on("GET", "/blobs/").always().cut_before());
    scene.run_err_unchanged("create --retries 0 --replace @t/app:v1 @t/app:arm64");
}

#[cfg(unix)]
#[test]
fn d2_a_killed_replace_leaves_the_old_list() {
    let scene = Scene::with_list();
    let before = scene.home.lists();
    scene.registry.fault(Fault::on("GET", "/manifests/arm64").hang());
    let mut child = crate::cli::process::spawn(&scene, "create --replace @t/app:v1 @t/app:arm64");
    scene.registry.script().wait_until_hit();
    child.kill().expect("a process to kill");
    child.wait().expect("an end");
    assert_eq!(scene.home.lists(), before);
    scene.run_ok("create --replace @t/app:v1 @t/app:arm64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [arm64().digest()]);
}

#[test]
fn replace_conflicts_with_amend() {
    let scene = Scene::with_list();
    let output = scene.run_err_unchanged("create --replace --amend @t/app:v1 @t/app:arm64");
    assert!(output.contains("--replace") && output.contains("--amend"), "{output}");
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn d11_replace_does_not_replace_another_list_with_the_same_file_name() {
    let scene = Scene::with_list();
    scene.run_err_unchanged("create --replace @t_app:v1 @t/app:amd64");
}
