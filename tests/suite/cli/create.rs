//! `mfst create`.

use std::fs;

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{DOCKER_MANIFEST, OCI_MANIFEST, Sample};
use mfst_testkit::scene::{Scene, amd64, arm64, first};

#[test]
fn create_says_what_it_made_and_keeps_one_file_for_each_image() {
    let scene = Scene::new();
    let said = scene.ok("create @t/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(said, scene.expand("Created manifest list @t/app:v1\n"));
    let names: Vec<_> = scene.home.tree().into_keys().collect();
    let list = scene.home.list(&scene.name("t/app:v1"));
    let list = list.file_name().expect("a name").to_str().expect("UTF-8");
    let expected = ["amd64", "arm64"].map(|tag| {
        let image = list.replace("_t_app-v1", &format!("_t_app-{tag}"));
        std::path::PathBuf::from(format!("{list}/{image}"))
    });
    assert_eq!(names, [&[std::path::PathBuf::from(list)], &expected[..]].concat());
}

#[test]
fn create_asks_for_each_manifest_and_config_once() {
    let scene = Scene::new();
    scene.ok("create @t/app:v1 @t/app:amd64 @t/app:arm64");
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
fn a_manifest_request_accepts_images_and_lists_of_both_families_in_one_header() {
    let scene = Scene::new();
    scene.ok("create @t/app:v1 @t/app:amd64");
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
fn d2_a_failing_create_makes_no_list() {
    let scene = Scene::new();
    let said = scene.refused("create @t/app:v1 @t/app:amd64 @t/app:nope");
    assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nope"));
    assert!(scene.home.tree().is_empty());
}

#[test]
fn d2_a_failing_amend_leaves_the_list_as_it_was() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let said = scene.refused("create --amend @t/app:v1 @t/app:arm64 @t/app:nope");
    assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nope"));
}

#[test]
fn d2_a_create_broken_off_by_the_network_leaves_the_store_as_it_was() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/blobs/").skip(1).always().cut_before());
    scene.refused("create --retries 0 @t/app:v1 @t/app:amd64 @t/app:arm64");
    scene.registry.script().assert_played();
}

#[test]
fn an_existing_list_is_only_changed_with_amend() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let said = scene.refused("create @t/app:v1 @t/app:arm64");
    let refusal = "refusing to amend an existing manifest list with no --amend flag";
    assert_eq!(first(&said), refusal);
    for amend in ["-a", "--amend"] {
        scene.ok(&format!("create {amend} @t/app:v1 @t/app:arm64"));
        let list = scene.inspect("@t/app:v1");
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn amend_makes_a_list_that_does_not_exist() {
    let scene = Scene::new();
    scene.ok("create --amend @t/app:v1 @t/app:amd64");
}

#[test]
fn an_image_named_twice_is_one_entry() {
    let scene = Scene::new();
    scene.ok("create @t/app:v1 @t/app:amd64 @t/app:amd64");
    let list = scene.inspect("@t/app:v1");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(1));
}

#[test]
fn images_are_taken_by_digest_and_by_tag_with_digest() {
    let scene = Scene::new();
    let digest = amd64().digest();
    for image in [format!("@t/app@{digest}"), format!("@t/app:amd64@{digest}")] {
        scene.run("rm @t/app:v1");
        scene.ok(&format!("create @t/app:v1 {image}"));
        let list = scene.inspect("@t/app:v1");
        assert_eq!(list["manifests"][0]["digest"], digest.as_str());
    }
}

#[test]
fn bytes_that_do_not_hash_to_the_digest_asked_for_are_refused() {
    let scene = Scene::new();
    let before = scene.home.tree();
    scene.registry.fault(Fault::on("GET", "/manifests/").always().corrupt());
    let digest = amd64().digest();
    let image = scene.name(&format!("t/app@{digest}"));
    let said = scene.home.run(&["create", &scene.name("t/app:v1"), &image]).fails(1);
    assert!(said.contains(&digest), "{said}");
    assert!(!said.contains("no such manifest"), "{said}");
    assert_eq!(scene.home.tree(), before);
}

#[test]
fn a_config_that_does_not_hash_to_its_digest_is_refused() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/blobs/").always().corrupt());
    let said = scene.refused("create @t/app:v1 @t/app:amd64");
    let config = mfst_testkit::sample::digest(&amd64().blobs()[0]);
    assert!(said.contains(&config), "{said}");
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
    scene.ok("create @t/app:large @t/app:large");
    let said = scene.refused("create @t/app:huge @t/app:huge");
    assert!(!said.contains("no such manifest"), "{said}");
}

#[test]
fn an_image_with_unknown_fields_keeps_its_bytes() {
    let scene = Scene::new();
    let text = String::from_utf8(amd64().manifest().to_vec()).expect("UTF-8");
    let text = text.replacen('{', "{\t\"x-future\": {\"<&>\": [1e300, -0]},\n\n", 1);
    let digest = scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, text.as_bytes());
    scene.ok("create @other/app:v1 @t/app:odd");
    scene.ok("push @other/app:v1");
    let (_, pushed) = scene.registry.manifest("other/app", &digest).expect("the image");
    assert_eq!(String::from_utf8(pushed).expect("UTF-8"), text);
}

#[test]
fn d11_two_lists_with_one_file_name_do_not_mix() {
    let scene = Scene::with_list();
    for line in [
        "create @t_app:v1 @t/app:amd64",
        "create --amend @t_app:v1 @t/app:amd64",
        "annotate --variant v8 @t_app:v1 @t/app:arm64",
        "push @t_app:v1",
        "push --purge @t_app:v1",
        "rm @t_app:v1",
    ] {
        scene.refused(line);
    }
    let said = scene.refused("create --amend @t_app:v1 @t/app:amd64");
    assert!(said.contains(&scene.name("t_app:v1")), "{said}");
    assert!(said.contains(&scene.name("t/app:v1")), "{said}");
    assert_eq!(scene.registry.log().count("PUT *"), 0);
}

#[test]
fn d11_two_images_with_one_file_name_in_a_list_are_refused() {
    let scene = Scene::new();
    scene.registry.put_image("t_app", "amd64", &arm64());
    let said = scene.refused("create @t/app:v1 @t/app:amd64 @t_app:amd64");
    assert!(said.contains(&scene.name("t_app:amd64")), "{said}");
    scene.create("t/app:v1", &["t/app:amd64"]);
    scene.refused("create --amend @t/app:v1 @t_app:amd64");
    scene.refused("annotate --variant v8 @t/app:v1 @t_app:amd64");
}

#[test]
fn nothing_of_ours_lies_among_a_lists_entries() {
    let scene = Scene::with_list();
    let list = scene.home.list(&scene.name("t/app:v1"));
    assert_eq!(fs::read_dir(list).expect("the list").count(), 2);
}
