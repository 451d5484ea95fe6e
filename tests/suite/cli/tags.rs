//! `push --tag`: pushes one list under several names.

use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64, arm64};

/// The list `@dst/app:v1` of both images of `t/app`, not pushed yet.
fn scene_with_list() -> Scene {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.create("dst/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.log().clear();
    scene
}

#[test]
fn all_tags_get_the_same_bytes_and_images_are_sent_once() {
    let scene = scene_with_list();
    let output = scene.run_ok("push --tag latest --tag=1.0 @dst/app:v1");
    let list = scene.registry.manifest("dst/app", "v1").expect("the list");
    for tag in ["latest", "1.0"] {
        assert_eq!(scene.registry.manifest("dst/app", tag).as_ref(), Some(&list));
    }
    let pushed = |digest: String| scene.expand(&format!("Pushed ref @dst/app@{digest} with digest: {digest}\n"));
    let expected = [pushed(amd64().digest()), pushed(arm64().digest()), digest(&list.1) + "\n"];
    assert_eq!(output, expected.concat(), "the digest once, at the end");
    let log = scene.registry.log();
    assert_eq!(log.count("PUT /v2/dst/app/manifests/sha256:* 201"), 2, "{:?}", log.lines());
    assert_eq!(log.count("POST /v2/dst/app/blobs/uploads/* 201"), 4);
    assert_eq!(log.count("PUT /v2/dst/app/manifests/* 201"), 2 + 3);
}

#[test]
fn a_tag_given_twice_is_pushed_once() {
    let scene = scene_with_list();
    scene.run_ok("push --tag v1 --tag b --tag b --tag @dst/app:b @dst/app:v1");
    assert_eq!(scene.registry.log().count("PUT /v2/dst/app/manifests/v1 *"), 1);
    assert_eq!(scene.registry.log().count("PUT /v2/dst/app/manifests/b *"), 1);
}

#[test]
fn a_tag_may_be_in_another_repository_or_registry() {
    let scene = scene_with_list();
    scene.run_ok("push --tag @more/app:1 --tag %else/where:2 @dst/app:v1");
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
fn all_images_are_pushed_before_the_first_list() {
    let scene = scene_with_list();
    let slow = Fault::on("PUT", "/manifests/sha256").always().delay(std::time::Duration::from_millis(100));
    scene.other().fault(slow);
    scene.run_ok("push --tag @more/app:1 --tag %else/where:2 @dst/app:v1");
    let entries = [scene.registry.log().entries(), scene.other().log().entries()].concat();
    let puts = entries.iter().filter(|e| e.method == "PUT" && e.uri.contains("/manifests/"));
    let (images, lists): (Vec<_>, Vec<_>) = puts.partition(|entry| entry.uri.contains("sha256:"));
    assert_eq!((images.len(), lists.len()), (6, 3));
    let last = images.iter().map(|entry| entry.ended.expect("an answer")).max().expect("images");
    assert!(lists.iter().all(|list| list.started >= last));
}

#[test]
fn a_push_that_fails_half_way_names_the_finished_tags() {
    let scene = scene_with_list();
    scene.registry.fault(Fault::on("PUT", "/manifests/c").answer(403, "no"));
    let before = scene.home.lists();
    let output = scene.run("push --purge --tag b --tag c @dst/app:v1").failure(1);
    assert_eq!(scene.home.lists(), before);
    let hint = scene.expand("hint: already pushed: @dst/app:v1, @dst/app:b; not pushed: @dst/app:c");
    assert!(output.lines().any(|line| line == hint), "{output}");
    assert!(!output.starts_with("hint:"), "what is wrong comes first: {output}");
    assert!(scene.registry.manifest("dst/app", "b").is_some());
    // Running the same command again completes the push.
    scene.run_ok("push --purge --tag b --tag c @dst/app:v1");
    assert_eq!(scene.registry.manifest("dst/app", "c"), scene.registry.manifest("dst/app", "v1"));
    assert!(scene.home.lists().is_empty());
}

#[test]
fn a_push_that_fails_before_the_first_list_names_no_tags() {
    let scene = scene_with_list();
    scene.registry.fault(Fault::on("PUT", "/manifests/sha256").always().answer(403, "no"));
    let output = scene.run_err_unchanged("push --tag b @dst/app:v1");
    assert!(!output.contains("already pushed: @"), "{output}");
}

#[test]
fn an_invalid_tag_is_refused_before_anything_is_sent() {
    for tag in ["a b", "-x", "Ü", "@dst/App:1", "@dst/app:", ""] {
        let scene = scene_with_list();
        let tag = scene.expand(tag);
        let list = scene.name("dst/app:v1");
        let result = scene.home.run(&["push", &format!("--tag={tag}"), &list]);
        assert!(matches!(result.code, Some(1 | 125)), "{tag:?}: {result:#?}");
        assert!(scene.registry.log().writes().is_empty(), "{tag:?}: {:?}", scene.registry.log().lines());
    }
}

#[test]
fn a_tag_cannot_be_a_digest() {
    let scene = scene_with_list();
    let line = format!("push --tag @dst/app@{} @dst/app:v1", amd64().digest());
    assert_ne!(scene.run(&line).code, Some(0));
    assert!(scene.registry.log().writes().is_empty());
}
