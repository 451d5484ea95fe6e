//! `create --push`: a list in one command, without a store.

use std::fs;

use crate::cli::process::unusable_homes;
use mfst_testkit::build::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first};

/// Fails if there is anything in the configuration directory.
#[track_caller]
fn has_no_store(scene: &Scene) {
    let files = fs::read_dir(scene.home.config_dir()).expect("a directory");
    assert_eq!(files.count(), 0);
}

#[test]
fn create_and_push_are_one_command_that_says_what_push_says() {
    let scene = Scene::new();
    let said = scene.ok("create --push @dst/app:v1 @t/app:amd64 @t/app:arm64");
    has_no_store(&scene);
    let (_, bytes) = scene.registry.manifest("dst/app", "v1").expect("the list");
    let pushed = |digest: String| scene.expand(&format!("Pushed ref @dst/app@{digest} with digest: {digest}\n"));
    let expected = [pushed(amd64().digest()), pushed(arm64().digest()), digest(&bytes) + "\n"];
    assert_eq!(said, expected.concat());
}

#[test]
fn create_and_push_give_the_bytes_of_two_commands() {
    let scene = Scene::new();
    Build::of(&["linux/s390x"]).put(&scene.registry, "t/multi", "1");
    let images = "@t/app:amd64 @t/multi:1 @t/app:arm64";
    scene.ok(&format!("create @dst/app:two {images}"));
    scene.ok("push --purge @dst/app:two");
    scene.ok(&format!("create --push @dst/app:one {images}"));
    assert_eq!(scene.registry.manifest("dst/app", "one"), scene.registry.manifest("dst/app", "two"));
}

#[test]
fn create_and_push_work_where_nothing_can_be_written() {
    let mut scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.home.unset("DOCKER_CONFIG");
    // Not even a copy from another registry needs a file.
    scene.other().put_image("src/app", "arm64", &arm64());
    for (number, (home, _)) in unusable_homes(&scene).into_iter().enumerate() {
        scene.home.env("TMPDIR", format!("{home}/tmp")).env("HOME", home);
        scene.ok(&format!("create --push @dst{number}/app:v1 @t/app:amd64 %src/app:arm64"));
        assert!(scene.registry.manifest(&format!("dst{number}/app"), "v1").is_some());
    }
}

#[test]
fn create_and_push_leave_a_local_list_of_that_name_alone() {
    let scene = Scene::with_list();
    let before = scene.home.tree();
    scene.ok("create --push @t/app:v1 @t/app:amd64");
    assert_eq!(scene.home.tree(), before);
    assert_eq!(digests(&scene.pushed("t/app", "v1")), [amd64().digest()]);
}

#[test]
fn a_pushed_list_may_have_a_name_that_no_file_can_have() {
    let scene = Scene::new();
    let list = format!("@{}/app:{}", "long/".repeat(36).trim_end_matches('/'), "t".repeat(120));
    assert!(scene.expand(&list).len() > 255);
    scene.ok(&format!("create --push {list} @t/app:amd64"));
}

#[test]
fn create_and_push_exclude_what_is_about_the_store() {
    let scene = Scene::with_list();
    for flag in ["--amend", "--replace"] {
        let said = scene.refused(&format!("create --push {flag} @t/app:v1 @t/app:amd64"));
        assert!(said.contains("--push") && said.contains(flag), "{said}");
    }
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn create_and_push_send_nothing_unless_every_image_is_there() {
    let scene = Scene::new();
    let said = scene.refused("create --push @dst/app:v1 @t/app:amd64 @t/app:nope");
    assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nope"));
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
    has_no_store(&scene);
}

#[test]
fn create_and_push_ask_for_nothing_twice() {
    let scene = Scene::new();
    scene.ok("create --push @dst/app:v1 @t/app:amd64 @t/app:arm64");
    let mut lines = scene.registry.log().lines();
    let count = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), count, "{lines:?}");
    assert_eq!(scene.registry.log().count("HEAD *"), 0, "what has just been read has not moved");
}

#[test]
fn create_and_push_take_only_the_platforms_named() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(&scene.registry, "t/multi", "1");
    scene.ok("create --push --platform linux/arm64 --attestations drop @dst/app:v1 @t/multi:1");
    assert_eq!(digests(&scene.pushed("dst/app", "v1")), [build.images()[1].digest()]);
}

#[test]
fn create_and_push_to_several_tags() {
    let scene = Scene::new();
    scene.ok("create --push --tag latest --tag @other/app:1 @dst/app:v1 @t/app:amd64");
    let list = scene.registry.manifest("dst/app", "v1");
    assert!(list.is_some());
    assert_eq!(scene.registry.manifest("dst/app", "latest"), list);
    assert_eq!(scene.registry.manifest("other/app", "1"), list);
}

#[test]
fn quiet_says_the_digest_of_a_pushed_list_and_nothing_of_a_made_one() {
    let scene = Scene::new();
    for quiet in ["-q", "--quiet"] {
        let said = scene.ok(&format!("create {quiet} --push @dst/app:v1 @t/app:amd64"));
        let (_, bytes) = scene.registry.manifest("dst/app", "v1").expect("the list");
        assert_eq!(said, digest(&bytes) + "\n");
        assert_eq!(scene.ok(&format!("create {quiet} @t/app{quiet}:v1 @t/app:amd64")), "");
    }
}

#[test]
fn a_create_and_push_that_failed_can_be_repeated() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").answer(403, "no"));
    scene.run("create --push @dst/app:v1 @t/app:amd64").fails(1);
    scene.ok("create --push @dst/app:v1 @t/app:amd64");
}
