//! `--require-platform`, `--expect`, and what tags meant before.

use std::fs;

use serde_json::{Value, json};

use mfst_testkit::faults::Fault;
use mfst_testkit::log::Entry;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64};

/// A scene with the list `t/app:v1` made and `t/app:v1` in the registry as an image; returns its digest.
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
    scene.run_ok(&format!("push --expect {before} @t/app:v1"));
    assert_ne!(tag_means(&scene, "v1"), Some(before));
    scene.run_ok("push --expect none --tag new @t/app:v1");
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
        (format!("--expect {other}"), format!("{name} means {before}, not {other} as expected; no tag has been moved")),
        (
            "--expect none".to_owned(),
            format!("{name} exists, as {before}, but was expected not to; no tag has been moved"),
        ),
        (
            format!("--expect {before} --tag gone"),
            format!("{} does not exist, but {before} was expected; no tag has been moved", scene.name("t/app:gone")),
        ),
    ] {
        let ran = scene.run(&format!("push {flags} @t/app:v1"));
        assert_eq!(ran.clone().failure(1), expected + "\n");
        let dry = scene.run(&format!("push --dry-run {flags} @t/app:v1"));
        assert_eq!(dry.failure(1), ran.stderr);
    }
    assert_eq!(tag_means(&scene, "v1"), Some(before));
    assert!(tag_means(&scene, "gone").is_none());
    assert_eq!(scene.registry.log().count("PUT */manifests/v1 *"), 0);
}

#[test]
fn the_expectation_is_sent_with_the_put_and_checked_right_before_it() {
    let (scene, before) = with_tag();
    scene.run_ok(&format!("create --push --expect {before} @t/app:v1 @t/app:amd64 @t/app:arm64"));
    let entries = scene.registry.log().entries();
    let last: Vec<String> = entries.iter().rev().take(2).map(Entry::line).collect();
    assert_eq!(last[1], "HEAD /v2/t/app/manifests/v1 200");
    let put = entries.last().expect("a put");
    assert_eq!(put.header("if-match"), Some(format!("\"{before}\"").as_str()), "{last:?}");
    scene.run_ok("create --push --expect none @t/app:new @t/app:amd64");
    let entries = scene.registry.log().entries();
    assert_eq!(entries.last().expect("a put").header("if-none-match"), Some("*"));
    scene.run_ok("create --push @t/app:plain @t/app:amd64");
    let entries = scene.registry.log().entries();
    let put = entries.last().expect("a put");
    assert_eq!((put.header("if-match"), put.header("if-none-match")), (None, None));
    assert_eq!(scene.registry.log().count("HEAD */manifests/plain *"), 0, "without an expectation nobody asks");
}

#[test]
fn a_registry_that_checks_the_condition_can_refuse() {
    let (scene, before) = with_tag();
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").times(1).answer(412, ""));
    let said = scene.run(&format!("push --expect {before} @t/app:v1")).failure(1);
    assert!(said.contains("412"), "{said}");
    assert!(said.contains("hint: the tag no longer means what --expect says"), "{said}");
}

#[test]
fn the_metadata_file_says_what_the_tags_meant_before() {
    let (scene, before) = with_tag();
    let file = scene.home.home().join("metadata.json");
    scene.run_ok(&format!("push --tag new --metadata-file {} @t/app:v1", file.display()));
    let metadata: Value = serde_json::from_slice(&fs::read(file).expect("the file")).expect("JSON");
    let [v1, new] = ["t/app:v1", "t/app:new"].map(|name| scene.name(name));
    assert_eq!(metadata["previous"], json!({ v1.as_str(): before, new.as_str(): null }));
    let (media_type, bytes) = scene.registry.manifest("t/app", "v1").expect("the list");
    let descriptor = json!({"mediaType": media_type, "digest": digest(&bytes), "size": bytes.len()});
    assert_eq!(metadata["containerimage.descriptor"], descriptor);
    assert_eq!(
        (&metadata["containerimage.digest"], &metadata["image.name"]),
        (&metadata["digest"], &json!(format!("{v1},{new}")))
    );
}

#[test]
fn a_list_without_a_required_platform_is_not_sent() {
    let scene = Scene::with_list();
    let said = scene
        .run_err_unchanged("push --require-platform linux/amd64,linux/arm/v7 --require-platform linux/386 @t/app:v1");
    let expected = "has no image for linux/arm/v7, linux/386; it has linux/amd64, linux/arm64\n";
    assert!(said.ends_with(expected), "{said}");
    assert!(scene.registry.log().entries().is_empty(), "{:?}", scene.registry.log().lines());
    let said = scene.run_err_unchanged("create --push --require-platform linux/386 @t/app:v1 @t/app:amd64");
    assert!(said.contains("linux/386"), "{said}");
    assert!(scene.registry.log().writes().is_empty());
    scene.run_ok("push --require-platform linux/arm64/v8,linux/amd64 @t/app:v1");
}

#[test]
fn the_digest_that_a_tag_had_before_is_the_way_back() {
    let (scene, before) = with_tag();
    let file = scene.home.home().join("metadata.json");
    scene.run_ok(&format!("push --metadata-file {} @t/app:v1", file.display()));
    let metadata: Value = serde_json::from_slice(&fs::read(file).expect("the file")).expect("JSON");
    let (name, pushed) = (scene.name("t/app:v1"), metadata["digest"].as_str().expect("a digest").to_owned());
    let previous = metadata["previous"][&name].as_str().expect("a digest");
    scene.run_ok(&format!("copy --expect {pushed} @t/app@{previous} @t/app:v1"));
    assert_eq!(tag_means(&scene, "v1"), Some(before));
}

#[test]
fn copy_and_apply_have_the_same_conditions() {
    let (scene, before) = with_tag();
    let spec = scene.home.home().join("spec.yaml");
    fs::write(
        &spec,
        format!("image: {}\nmanifests: [{{image: {}}}]\n", scene.name("t/app:v1"), scene.name("t/app:arm64")),
    )
    .expect("a file");
    let apply = format!("{}", spec.display());
    for command in [format!("apply --expect none {apply}"), "copy --expect none @t/app:arm64 @t/app:v1".to_owned()] {
        let said = scene.run(&command).failure(1);
        assert!(said.contains(&format!("exists, as {before}, but was expected not to")), "{said}");
    }
    for command in [
        format!("apply --require-platform linux/s390x {apply}"),
        "copy --require-platform linux/s390x @t/app:arm64 @t/app:v1".to_owned(),
    ] {
        let said = scene.run(&command).failure(1);
        assert!(said.contains("has no image for linux/s390x; it has linux/arm64"), "{said}");
    }
    assert_eq!(scene.registry.log().writes(), [""; 0]);
    scene.run_ok("create --push @t/app:list @t/app:amd64 @t/app:arm64");
    scene.run_ok("copy --require-platform linux/amd64,linux/arm64 --expect none @t/app:list @dst/app:new");
    scene.run_ok(&format!("apply --require-platform linux/arm64 --expect {before} {apply}"));
    assert_ne!(tag_means(&scene, "v1"), Some(before));
}

#[test]
fn several_tags_are_moved_last_and_those_that_have_been_are_named() {
    let scene = Scene::with_list();
    scene.registry.fault(Fault::on("PUT", "/v2/dst/app/manifests/two").times(1).answer(403, ""));
    let said = scene.run("push --tag @dst/app:one --tag @dst/app:two @t/app:v1").failure(1);
    let [v1, one, two] = ["t/app:v1", "dst/app:one", "dst/app:two"].map(|name| scene.name(name));
    assert!(said.contains(&format!("already pushed: {v1}, {one}; not pushed: {two}")), "{said}");
    let writes = scene.registry.log().writes();
    let first = writes.iter().position(|line| line.contains("/manifests/") && !line.contains("sha256")).expect("a tag");
    assert_eq!(writes.len() - first, 3, "nothing but tags comes after the first of them: {writes:?}");
}
