//! `push --dry-run`: prints what a push would send.

use std::collections::BTreeSet;

use mfst_testkit::buildx::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sample::digest;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;

/// A list with images of its own repository, of another repository, and of another registry.
fn scene_with_list() -> Scene {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    Build::of(&["linux/s390x"]).put(scene.other(), "src/app", "1");
    scene.create("t/app:v1", &["t/app:amd64"]);
    scene.registry.put_image("more/app", "arm64", &mfst_testkit::scene::arm64());
    scene.run_ok("create --amend @t/app:v1 @more/app:arm64 %src/app:1");
    scene.registry.log().clear();
    scene.other().log().clear();
    scene
}

/// `METHOD PATH` of the planned requests, all of which are for the first registry.
#[track_caller]
fn planned(scene: &Scene, result: &CommandOutput) -> BTreeSet<String> {
    let lines = result.stderr.lines().filter(|line| line.starts_with("POST ") || line.starts_with("PUT "));
    let path = |line: &str| {
        let (method, url) = line.split_once(' ').expect("a method and a URL");
        let (origin, path) = url.split_once("/v2/").expect("the URL of a registry");
        assert!(origin.ends_with(&scene.registry.host()), "{line}");
        escaped(&format!("{method} /v2/{path}"))
    };
    lines.map(path).collect()
}

/// Slashes in a query may be percent-encoded or not.
fn escaped(line: &str) -> String {
    line.replace("%2F", "/")
}

#[track_caller]
fn assert_no_writes(scene: &Scene) {
    for registry in [&scene.registry, scene.other()] {
        assert!(registry.log().writes().is_empty(), "{:?}", registry.log().lines());
    }
}

#[test]
fn a_dry_run_prints_the_bytes_and_the_digest_of_the_push() {
    let scene = scene_with_list();
    let before = scene.home.lists();
    let result = scene.run("push --dry-run --purge @t/app:v1");
    assert_no_writes(&scene);
    assert_eq!(scene.home.lists(), before, "--purge is ignored");
    assert_eq!(result.stderr.lines().next(), Some(format!("digest: {}", digest(result.stdout.as_bytes())).as_str()));
    let bytes = result.success();
    scene.run_ok("push @t/app:v1");
    let (_, list) = scene.registry.manifest("t/app", "v1").expect("the list");
    assert_eq!(String::from_utf8(list).expect("UTF-8"), bytes);
}

#[test]
fn a_dry_run_lists_the_requests_of_the_push() {
    let scene = Scene::new();
    scene.create("dst/app:v1", &["t/app:amd64", "t/app:arm64"]);
    let planned = planned(&scene, &scene.run("push --dry-run --tag b @dst/app:v1"));
    scene.registry.log().clear();
    scene.run_ok("push --tag b @dst/app:v1");
    let sent = scene.registry.log().writes();
    let sent: BTreeSet<String> = sent.iter().map(|line| escaped(line.trim_end_matches(" 201"))).collect();
    assert_eq!(planned, sent);
    assert_eq!(planned.len(), 4 + 2 + 2, "mounts, images, lists");
}

#[test]
fn a_dry_run_lists_copies() {
    let scene = scene_with_list();
    let planned = planned(&scene, &scene.run("push --dry-run @t/app:v1"));
    let of = |part: &str| planned.iter().filter(|line| line.contains(&escaped(part))).count();
    assert_eq!(of("PUT /v2/t/app/manifests/sha256:"), 3, "the image in the repository is not put: {planned:?}");
    assert_eq!(of("PUT /v2/t/app/manifests/v1"), 1, "{planned:?}");
    assert_eq!(of("from=more"), 2, "{planned:?}");
}

#[test]
fn a_dry_run_writes_no_result_files() {
    let scene = scene_with_list();
    let [file, json] = ["digest", "json"].map(|name| scene.home.home().join(name));
    let line = format!("push --dry-run --digestfile {} --metadata-file {}", file.display(), json.display());
    scene.run_ok(&format!("{line} @t/app:v1"));
    assert!(!file.exists() && !json.exists());
}

#[test]
fn a_dry_run_of_create_push_changes_nothing() {
    let scene = scene_with_list();
    let before = scene.home.lists();
    let result = scene.run("create --push --dry-run @dst/app:v1 @t/app:amd64 %src/app:1");
    assert!(result.stderr.starts_with(&format!("digest: {}\n", digest(result.stdout.as_bytes()))), "{result:#?}");
    result.success();
    assert_no_writes(&scene);
    assert_eq!(scene.home.lists(), before);
}

#[test]
fn a_dry_run_sends_no_request_except_with_verify() {
    let scene = scene_with_list();
    let new = mfst_testkit::sample::Sample::oci_with_layers("linux/amd64", &["new"]);
    scene.registry.put_image("t/app", "amd64", &new);
    scene.run_ok("push --dry-run @t/app:v1");
    assert!(scene.registry.log().entries().is_empty() && scene.other().log().entries().is_empty());
    for flag in ["--verify", "--strict"] {
        let output = scene.run_err_unchanged(&format!("push --dry-run {flag} @t/app:v1"));
        assert!(output.contains(&scene.name("t/app:amd64")), "{output}");
    }
    assert_no_writes(&scene);
}

#[test]
fn a_dry_run_warns_about_two_images_for_one_platform() {
    let scene = scene_with_list();
    scene.run_ok("annotate --arch amd64 @t/app:v1 @more/app:arm64");
    let result = scene.run("push --dry-run @t/app:v1");
    assert!(result.stderr.contains("are both for linux/amd64"), "{result:#?}");
    result.success();
}

#[test]
fn a_dry_run_of_a_list_that_does_not_exist_fails_as_the_push_does() {
    let scene = scene_with_list();
    assert_eq!(scene.run("push --dry-run @t/app:nope"), scene.run("push @t/app:nope"));
}
