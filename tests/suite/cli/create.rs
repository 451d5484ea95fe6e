//! `mfst create`.

use std::fs;

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{DOCKER_MANIFEST, OCI_MANIFEST, Sample};
use mfst_testkit::scene::{Scene, amd64, arm64, first_line};

#[test]
fn create_prints_the_name_and_stores_one_file_per_image() {
    let scene = Scene::new();
    let output = scene.run_ok("create @t/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(output, scene.expand("Created manifest list @t/app:v1\n"));
    let names: Vec<_> = scene.home.lists().into_keys().collect();
    let list = scene.home.list(&scene.name("t/app:v1"));
    let list = list.file_name().expect("a name").to_str().expect("UTF-8");
    let expected = ["amd64", "arm64"].map(|tag| {
        let image = list.replace("_t_app-v1", &format!("_t_app-{tag}"));
        std::path::PathBuf::from(format!("{list}/{image}"))
    });
    assert_eq!(names, [&[std::path::PathBuf::from(list)], &expected[..]].concat());
}

#[test]
fn create_fetches_each_manifest_and_config_once() {
    let scene = Scene::new();
    scene.run_ok("create @t/app:v1 @t/app:amd64 @t/app:arm64");
    let config = |image: Sample| {
        let digest = mfst_testkit::sample::digest(&image.blobs()[0]);
        format!("GET /v2/t/app/blobs/{digest} 200")
    };
    scene.registry.log().assert_requests(&[
        "GET /v2/t/app/manifests/amd64 200",
        "GET /v2/t/app/manifests/arm64 200",
        &config(amd64()),
        &config(arm64()),
    ]);
}

#[test]
fn one_accept_header_lists_all_manifest_types() {
    let scene = Scene::new();
    scene.run_ok("create @t/app:v1 @t/app:amd64");
    let entries = scene.registry.log().entries();
    let accept: Vec<_> = entries[0].headers.get_all("accept").iter().collect();
    assert_eq!(accept.len(), 1);
    let accept = accept[0].to_str().expect("text");
    for kind in [OCI_MANIFEST, DOCKER_MANIFEST, "index.v1+json", "manifest.list.v2+json"] {
        assert!(accept.contains(kind), "{accept}");
    }
    assert!(!accept.contains(";q="), "{accept}");
}

#[test]
fn d2_a_failed_create_makes_no_list() {
    let scene = Scene::new();
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:amd64 @t/app:nope");
    assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:nope"));
    assert!(scene.home.lists().is_empty());
}

#[test]
fn d2_a_failed_amend_leaves_the_list_unchanged() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let output = scene.run_err_unchanged("create --amend @t/app:v1 @t/app:arm64 @t/app:nope");
    assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:nope"));
}

#[test]
fn d2_a_create_with_a_broken_connection_leaves_the_store_unchanged() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/blobs/").skip(1).always().cut_before());
    scene.run_err_unchanged("create --retries 0 @t/app:v1 @t/app:amd64 @t/app:arm64");
    scene.registry.script().assert_all_hit();
}

#[test]
fn an_existing_list_needs_amend() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:arm64");
    let refusal = "refusing to amend an existing manifest list with no --amend flag";
    assert_eq!(first_line(&output), refusal);
    for amend in ["-a", "--amend"] {
        scene.run_ok(&format!("create {amend} @t/app:v1 @t/app:arm64"));
        let list = scene.inspect("@t/app:v1");
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn amend_creates_a_missing_list() {
    let scene = Scene::new();
    scene.run_ok("create --amend @t/app:v1 @t/app:amd64");
}

#[test]
fn an_image_named_twice_is_one_entry() {
    let scene = Scene::new();
    scene.run_ok("create @t/app:v1 @t/app:amd64 @t/app:amd64");
    let list = scene.inspect("@t/app:v1");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(1));
}

#[test]
fn images_are_found_by_digest_and_by_tag_with_digest() {
    let scene = Scene::new();
    let digest = amd64().digest();
    for image in [format!("@t/app@{digest}"), format!("@t/app:amd64@{digest}")] {
        scene.run("rm @t/app:v1");
        scene.run_ok(&format!("create @t/app:v1 {image}"));
        let list = scene.inspect("@t/app:v1");
        assert_eq!(list["manifests"][0]["digest"], digest.as_str());
    }
}

#[test]
fn a_manifest_with_another_digest_is_refused() {
    let scene = Scene::new();
    let before = scene.home.lists();
    scene.registry.fault(Fault::on("GET", "/manifests/").always().corrupt());
    let digest = amd64().digest();
    let image = scene.name(&format!("t/app@{digest}"));
    let output = scene.home.run(&["create", &scene.name("t/app:v1"), &image]).failure(1);
    assert!(output.contains(&digest), "{output}");
    assert!(!output.contains("no such manifest"), "{output}");
    assert_eq!(scene.home.lists(), before);
}

#[test]
fn a_config_with_another_digest_is_refused() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/blobs/").always().corrupt());
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:amd64");
    let config = mfst_testkit::sample::digest(&amd64().blobs()[0]);
    assert!(output.contains(&config), "{output}");
}

#[test]
fn a_manifest_of_more_than_four_mebibytes_is_refused() {
    const LIMIT: usize = 4 << 20;
    let scene = Scene::new();
    for (tag, length) in [("large", LIMIT), ("huge", LIMIT + 1)] {
        let mut bytes = amd64().manifest().to_vec();
        bytes.resize(length, b' ');
        scene.registry.put_manifest("t/app", tag, OCI_MANIFEST, &bytes);
    }
    scene.run_ok("create @t/app:large @t/app:large");
    let output = scene.run_err_unchanged("create @t/app:huge @t/app:huge");
    assert!(!output.contains("no such manifest"), "{output}");
}

#[test]
fn an_image_with_unknown_fields_keeps_its_bytes() {
    let scene = Scene::new();
    let text = String::from_utf8(amd64().manifest().to_vec()).expect("UTF-8");
    let text = text.replacen('{', "{\t\"x-future\": {\"<&>\": [1e300, -0]},\n\n", 1);
    let digest = scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, text.as_bytes());
    scene.run_ok("create @other/app:v1 @t/app:odd");
    scene.run_ok("push @other/app:v1");
    let (_, pushed) = scene.registry.manifest("other/app", &digest).expect("the image");
    assert_eq!(String::from_utf8(pushed).expect("UTF-8"), text);
}

#[test]
fn d11_two_lists_with_the_same_file_name_do_not_mix() {
    let scene = Scene::with_list();
    for line in [
        "create @t_app:v1 @t/app:amd64",
        "create --amend @t_app:v1 @t/app:amd64",
        "annotate --variant v8 @t_app:v1 @t/app:arm64",
        "push @t_app:v1",
        "push --purge @t_app:v1",
        "rm @t_app:v1",
    ] {
        scene.run_err_unchanged(line);
    }
    let output = scene.run_err_unchanged("create --amend @t_app:v1 @t/app:amd64");
    assert!(output.contains(&scene.name("t_app:v1")), "{output}");
    assert!(output.contains(&scene.name("t/app:v1")), "{output}");
    assert_eq!(scene.registry.log().count("PUT *"), 0);
}

#[test]
fn d11_two_images_with_the_same_file_name_are_refused() {
    let scene = Scene::new();
    scene.registry.put_image("t_app", "amd64", &arm64());
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:amd64 @t_app:amd64");
    assert!(output.contains(&scene.name("t_app:amd64")), "{output}");
    scene.create("t/app:v1", &["t/app:amd64"]);
    scene.run_err_unchanged("create --amend @t/app:v1 @t_app:amd64");
    scene.run_err_unchanged("annotate --variant v8 @t/app:v1 @t_app:amd64");
}

#[test]
fn the_directory_of_a_list_has_only_dockers_files() {
    let scene = Scene::with_list();
    let list = scene.home.list(&scene.name("t/app:v1"));
    assert_eq!(fs::read_dir(list).expect("the list").count(), 2);
}
