//! `create --push`: creates and pushes a list in one command, without the store.

use std::fs;

use crate::cli::process::unusable_homes;
use mfst_testkit::buildx::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first_line};

/// Fails if the configuration directory is not empty.
#[track_caller]
fn assert_no_files(scene: &Scene) {
    let files = fs::read_dir(scene.home.config_dir()).expect("a directory");
    assert_eq!(files.count(), 0);
}

#[test]
fn create_push_prints_what_push_prints() {
    let scene = Scene::new();
    let output = scene.run_ok("create --push @dst/app:v1 @t/app:amd64 @t/app:arm64");
    assert_no_files(&scene);
    let (_, bytes) = scene.registry.manifest("dst/app", "v1").expect("the list");
    let pushed = |digest: String| scene.expand(&format!("Pushed ref @dst/app@{digest} with digest: {digest}\n"));
    let expected = [pushed(amd64().digest()), pushed(arm64().digest()), digest(&bytes) + "\n"];
    assert_eq!(output, expected.concat());
}

#[test]
fn create_push_sends_the_same_bytes_as_two_commands() {
    let scene = Scene::new();
    Build::of(&["linux/s390x"]).put(&scene.registry, "t/multi", "1");
    let images = "@t/app:amd64 @t/multi:1 @t/app:arm64";
    scene.run_ok(&format!("create @dst/app:two {images}"));
    scene.run_ok("push --purge @dst/app:two");
    scene.run_ok(&format!("create --push @dst/app:one {images}"));
    assert_eq!(scene.registry.manifest("dst/app", "one"), scene.registry.manifest("dst/app", "two"));
}

#[test]
fn create_push_writes_no_files() {
    let mut scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.home.unset("DOCKER_CONFIG");
    // A copy from another registry needs no file either.
    scene.other().put_image("src/app", "arm64", &arm64());
    for (number, (home, _)) in unusable_homes(&scene).into_iter().enumerate() {
        scene.home.env("TMPDIR", format!("{home}/tmp")).env("HOME", home);
        scene.run_ok(&format!("create --push @dst{number}/app:v1 @t/app:amd64 %src/app:arm64"));
        assert!(scene.registry.manifest(&format!("dst{number}/app"), "v1").is_some());
    }
}

#[test]
fn create_push_does_not_touch_a_local_list_of_that_name() {
    let scene = Scene::with_list();
    let before = scene.home.lists();
    scene.run_ok("create --push @t/app:v1 @t/app:amd64");
    assert_eq!(scene.home.lists(), before);
    assert_eq!(digests(&scene.pushed("t/app", "v1")), [amd64().digest()]);
}

#[test]
fn create_push_takes_names_that_are_too_long_for_a_file() {
    let scene = Scene::new();
    let list = format!("@{}/app:{}", "long/".repeat(36).trim_end_matches('/'), "t".repeat(120));
    assert!(scene.expand(&list).len() > 255);
    scene.run_ok(&format!("create --push {list} @t/app:amd64"));
}

#[test]
fn create_push_conflicts_with_flags_about_the_store() {
    let scene = Scene::with_list();
    for flag in ["--amend", "--replace"] {
        let output = scene.run_err_unchanged(&format!("create --push {flag} @t/app:v1 @t/app:amd64"));
        assert!(output.contains("--push") && output.contains(flag), "{output}");
    }
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn create_push_sends_nothing_if_an_image_is_missing() {
    let scene = Scene::new();
    let output = scene.run_err_unchanged("create --push @dst/app:v1 @t/app:amd64 @t/app:nope");
    assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:nope"));
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
    assert_no_files(&scene);
}

#[test]
fn create_push_repeats_no_request() {
    let scene = Scene::new();
    scene.run_ok("create --push @dst/app:v1 @t/app:amd64 @t/app:arm64");
    let mut lines = scene.registry.log().lines();
    let count = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), count, "{lines:?}");
    let log = scene.registry.log();
    assert_eq!(log.count("HEAD /v2/t/app/*"), 0, "what has just been read has not moved");
    assert_eq!(log.count("HEAD /v2/dst/app/manifests/sha256:* 404"), 2, "is it there already?");
}

#[test]
fn create_push_takes_only_the_given_platforms() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(&scene.registry, "t/multi", "1");
    scene.run_ok("create --push --platform linux/arm64 --attestations drop @dst/app:v1 @t/multi:1");
    assert_eq!(digests(&scene.pushed("dst/app", "v1")), [build.images()[1].digest()]);
}

#[test]
fn create_push_pushes_several_tags() {
    let scene = Scene::new();
    scene.run_ok("create --push --tag latest --tag @other/app:1 @dst/app:v1 @t/app:amd64");
    let list = scene.registry.manifest("dst/app", "v1");
    assert!(list.is_some());
    assert_eq!(scene.registry.manifest("dst/app", "latest"), list);
    assert_eq!(scene.registry.manifest("other/app", "1"), list);
}

#[test]
fn quiet_prints_the_digest_of_a_pushed_list_only() {
    let scene = Scene::new();
    for quiet in ["-q", "--quiet"] {
        let output = scene.run_ok(&format!("create {quiet} --push @dst/app:v1 @t/app:amd64"));
        let (_, bytes) = scene.registry.manifest("dst/app", "v1").expect("the list");
        assert_eq!(output, digest(&bytes) + "\n");
        assert_eq!(scene.run_ok(&format!("create {quiet} @t/app{quiet}:v1 @t/app:amd64")), "");
    }
}

#[test]
fn a_failed_create_push_can_be_repeated() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").answer(403, "no"));
    scene.run("create --push @dst/app:v1 @t/app:amd64").failure(1);
    scene.run_ok("create --push @dst/app:v1 @t/app:amd64");
}
