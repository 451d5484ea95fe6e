//! `--require-platform`, `--expect`, and what tags meant before.

use std::fs;

use serde_json::{Value, json};

use mfst_testkit::faults::Fault;
use mfst_testkit::log::Entry;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64};

/// A scene with the list `t/app:v1` made and `t/app:v1` in the registry as an image; tells the digest of that.
fn with_tag() -> (Scene, String) {
    let scene = Scene::with_list();
    let before = scene.registry.put_image("t/app", "v1", &amd64());
    (scene, before)
}

fn tag_means(scene: &Scene, tag: &str) -> Option<String> {
    scene.registry.manifest("t/app", tag).map(|(_, bytes)| digest(&bytes))
}

#[test]
fn a_tag_that_means_what_is_expected_is_moved() {
    let (scene, before) = with_tag();
    scene.ok(&format!("push --expect {before} @t/app:v1"));
    assert_ne!(tag_means(&scene, "v1"), Some(before));
    scene.ok("push --expect none --tag new @t/app:v1");
    assert_eq!(
        tag_means(&scene, "new"),
        tag_means(&scene, "v1"),
        "a tag that means this list already is as it should be"
    );
}

#[test]
fn a_tag_that_means_anything_else_is_not_moved() {
    let (scene, before) = with_tag();
    let other = digest(b"other");
    let name = scene.name("t/app:v1");
    for (flags, expected) in [
        (
            format!("--expect {other}"),
            format!("{name} means {before}, and {other} is expected; nothing has been moved"),
        ),
        ("--expect none".to_owned(), format!("{name} exists already, as {before}; nothing has been moved")),
        (
            format!("--expect {before} --tag gone"),
            format!("{} does not exist, and {before} is expected; nothing has been moved", scene.name("t/app:gone")),
        ),
    ] {
        let ran = scene.run(&format!("push {flags} @t/app:v1"));
        assert_eq!(ran.clone().fails(1), expected + "\n");
        let dry = scene.run(&format!("push --dry-run {flags} @t/app:v1"));
        assert_eq!(dry.fails(1), ran.stderr);
    }
    assert_eq!(tag_means(&scene, "v1"), Some(before));
    assert!(tag_means(&scene, "gone").is_none());
    assert_eq!(scene.registry.log().count("PUT */manifests/v1 *"), 0);
}

#[test]
fn the_expectation_is_sent_with_the_put_and_checked_right_before_it() {
    let (scene, before) = with_tag();
    scene.ok(&format!("create --push --expect {before} @t/app:v1 @t/app:amd64 @t/app:arm64"));
    let entries = scene.registry.log().entries();
    let last: Vec<String> = entries.iter().rev().take(2).map(Entry::line).collect();
    assert_eq!(last[1], "HEAD /v2/t/app/manifests/v1 200");
    let put = entries.last().expect("a put");
    assert_eq!(put.header("if-match"), Some(format!("\"{before}\"").as_str()), "{last:?}");
    scene.ok("create --push --expect none @t/app:new @t/app:amd64");
    let entries = scene.registry.log().entries();
    assert_eq!(entries.last().expect("a put").header("if-none-match"), Some("*"));
    scene.ok("create --push @t/app:plain @t/app:amd64");
    let entries = scene.registry.log().entries();
    let put = entries.last().expect("a put");
    assert_eq!((put.header("if-match"), put.header("if-none-match")), (None, None));
    assert_eq!(scene.registry.log().count("HEAD */manifests/plain *"), 0, "without an expectation nobody asks");
}

#[test]
fn a_registry_that_heeds_the_condition_is_taken_at_its_word() {
    let (scene, before) = with_tag();
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").times(1).answer(412, ""));
    let said = scene.run(&format!("push --expect {before} @t/app:v1")).fails(1);
    assert!(said.contains("412"), "{said}");
    assert!(said.contains("hint: the tag no longer means what --expect says"), "{said}");
}

#[test]
fn the_metadata_file_says_what_the_tags_meant_before() {
    let (scene, before) = with_tag();
    let file = scene.home.home().join("metadata.json");
    scene.ok(&format!("push --tag new --metadata-file {} @t/app:v1", file.display()));
    let told: Value = serde_json::from_slice(&fs::read(file).expect("the file")).expect("JSON");
    let [v1, new] = ["t/app:v1", "t/app:new"].map(|name| scene.name(name));
    assert_eq!(told["previous"], json!({ v1.as_str(): before, new.as_str(): null }));
    let (media_type, bytes) = scene.registry.manifest("t/app", "v1").expect("the list");
    let descriptor = json!({"mediaType": media_type, "digest": digest(&bytes), "size": bytes.len()});
    assert_eq!(told["containerimage.descriptor"], descriptor);
    assert_eq!((&told["containerimage.digest"], &told["image.name"]), (&told["digest"], &json!(format!("{v1},{new}"))));
}

#[test]
fn a_list_without_a_required_platform_is_not_sent() {
    let scene = Scene::with_list();
    let said = scene.refused("push --require-platform linux/amd64,linux/arm/v7 --require-platform linux/386 @t/app:v1");
    let expected = "has no image for linux/arm/v7, linux/386; it has linux/amd64, linux/arm64\n";
    assert!(said.ends_with(expected), "{said}");
    assert!(scene.registry.log().entries().is_empty(), "{:?}", scene.registry.log().lines());
    let said = scene.refused("create --push --require-platform linux/386 @t/app:v1 @t/app:amd64");
    assert!(said.contains("linux/386"), "{said}");
    assert!(scene.registry.log().writes().is_empty());
    scene.ok("push --require-platform linux/arm64/v8,linux/amd64 @t/app:v1");
}
