//! `push --tag`: one list under several names.

use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64, arm64};

/// The list `@dst/app:v1` of both images of `t/app`, not yet pushed.
fn listed() -> Scene {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.create("dst/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.log().clear();
    scene
}

#[test]
fn tags_have_identical_bytes_and_the_images_are_sent_once() {
    let scene = listed();
    let said = scene.ok("push --tag latest --tag=1.0 @dst/app:v1");
    let list = scene.registry.manifest("dst/app", "v1").expect("the list");
    for tag in ["latest", "1.0"] {
        assert_eq!(scene.registry.manifest("dst/app", tag).as_ref(), Some(&list));
    }
    let pushed = |digest: String| scene.expand(&format!("Pushed ref @dst/app@{digest} with digest: {digest}\n"));
    let expected = [pushed(amd64().digest()), pushed(arm64().digest()), digest(&list.1) + "\n"];
    assert_eq!(said, expected.concat(), "the digest once, at the end");
    let log = scene.registry.log();
    assert_eq!(log.count("PUT /v2/dst/app/manifests/sha256:* 201"), 2, "{:?}", log.lines());
    assert_eq!(log.count("POST /v2/dst/app/blobs/uploads/* 201"), 4);
    assert_eq!(log.count("PUT /v2/dst/app/manifests/* 201"), 2 + 3);
}

#[test]
fn a_tag_named_twice_is_put_once() {
    let scene = listed();
    scene.ok("push --tag v1 --tag b --tag b --tag @dst/app:b @dst/app:v1");
    assert_eq!(scene.registry.log().count("PUT /v2/dst/app/manifests/v1 *"), 1);
    assert_eq!(scene.registry.log().count("PUT /v2/dst/app/manifests/b *"), 1);
}

#[test]
fn a_tag_may_be_in_another_repository_or_registry() {
    let scene = listed();
    scene.ok("push --tag @more/app:1 --tag %else/where:2 @dst/app:v1");
    let list = scene.registry.manifest("dst/app", "v1");
    assert!(list.is_some());
    assert_eq!(scene.registry.manifest("more/app", "1"), list);
    assert_eq!(scene.other().manifest("else/where", "2"), list);
    for image in [amd64(), arm64()] {
        assert!(scene.registry.manifest("more/app", &image.digest()).is_some());
        assert!(scene.other().manifest("else/where", &image.digest()).is_some());
        for blob in image.blob_digests() {
            assert!(scene.other().has_blob("else/where", &blob));
        }
    }
}

#[test]
fn every_image_is_everywhere_before_the_first_list_is_anywhere() {
    let scene = listed();
    let slow = Fault::on("PUT", "/manifests/sha256").always().delay(std::time::Duration::from_millis(100));
    scene.other().fault(slow);
    scene.ok("push --tag @more/app:1 --tag %else/where:2 @dst/app:v1");
    let entries = [scene.registry.log().entries(), scene.other().log().entries()].concat();
    let puts = entries.iter().filter(|e| e.method == "PUT" && e.uri.contains("/manifests/"));
    let (images, lists): (Vec<_>, Vec<_>) = puts.partition(|entry| entry.uri.contains("sha256:"));
    assert_eq!((images.len(), lists.len()), (6, 3));
    let last = images.iter().map(|entry| entry.ended.expect("an answer")).max().expect("images");
    assert!(lists.iter().all(|list| list.started >= last));
}

#[test]
fn a_push_that_fails_half_way_says_which_tags_have_it() {
    let scene = listed();
    scene.registry.fault(Fault::on("PUT", "/manifests/c").answer(403, "no"));
    let before = scene.home.tree();
    let said = scene.run("push --purge --tag b --tag c @dst/app:v1").fails(1);
    assert_eq!(scene.home.tree(), before);
    let hint = scene.expand("hint: already pushed: @dst/app:v1, @dst/app:b; not pushed: @dst/app:c");
    assert!(said.lines().any(|line| line == hint), "{said}");
    assert!(!said.starts_with("hint:"), "what is wrong comes first: {said}");
    assert!(scene.registry.manifest("dst/app", "b").is_some());
    // The same once more does the rest.
    scene.ok("push --purge --tag b --tag c @dst/app:v1");
    assert_eq!(scene.registry.manifest("dst/app", "c"), scene.registry.manifest("dst/app", "v1"));
    assert!(scene.home.tree().is_empty());
}

#[test]
fn a_push_that_fails_before_any_list_is_there_speaks_of_no_tags() {
    let scene = listed();
    scene.registry.fault(Fault::on("PUT", "/manifests/sha256").always().answer(403, "no"));
    let said = scene.refused("push --tag b @dst/app:v1");
    assert!(!said.contains("already pushed: @"), "{said}");
}

#[test]
fn what_cannot_be_a_tag_is_refused_before_anything_is_sent() {
    for tag in ["a b", "-x", "Ü", "@dst/App:1", "@dst/app:", ""] {
        let scene = listed();
        let tag = scene.expand(tag);
        let list = scene.name("dst/app:v1");
        let ran = scene.home.run(&["push", &format!("--tag={tag}"), &list]);
        assert!(matches!(ran.code, Some(1 | 125)), "{tag:?}: {ran:#?}");
        assert!(scene.registry.log().writes().is_empty(), "{tag:?}: {:?}", scene.registry.log().lines());
    }
}

#[test]
fn a_tag_cannot_be_a_digest() {
    let scene = listed();
    let line = format!("push --tag @dst/app@{} @dst/app:v1", amd64().digest());
    assert_ne!(scene.run(&line).code, Some(0));
    assert!(scene.registry.log().writes().is_empty());
}
