//! `push --dry-run`: what would be sent, and nothing sent.

use std::collections::BTreeSet;

use mfst_testkit::build::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sample::digest;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;

/// A list with images of its own repository, of another one, and of another registry.
fn listed() -> Scene {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    Build::of(&["linux/s390x"]).put(scene.other(), "src/app", "1");
    scene.create("t/app:v1", &["t/app:amd64"]);
    scene.registry.put_image("more/app", "arm64", &mfst_testkit::scene::arm64());
    scene.ok("create --amend @t/app:v1 @more/app:arm64 %src/app:1");
    scene.registry.log().clear();
    scene.other().log().clear();
    scene
}

/// `METHOD PATH` of the requests that a dry run has planned, which are all for the first registry.
#[track_caller]
fn planned(scene: &Scene, ran: &Ran) -> BTreeSet<String> {
    let lines = ran.stderr.lines().filter(|line| line.starts_with("POST ") || line.starts_with("PUT "));
    let path = |line: &str| {
        let (method, url) = line.split_once(' ').expect("a method and a place");
        let (place, path) = url.split_once("/v2/").expect("a place in a registry");
        assert!(place.ends_with(&scene.registry.host()), "{line}");
        escaped(&format!("{method} /v2/{path}"))
    };
    lines.map(path).collect()
}

/// Slashes in a query may be written in two ways.
fn escaped(line: &str) -> String {
    line.replace("%2F", "/")
}

#[track_caller]
fn nothing_was_written(scene: &Scene) {
    for registry in [&scene.registry, scene.other()] {
        assert!(registry.log().writes().is_empty(), "{:?}", registry.log().lines());
    }
}

#[test]
fn a_dry_run_shows_exactly_the_bytes_and_the_digest_of_the_push() {
    let scene = listed();
    let before = scene.home.tree();
    let ran = scene.run("push --dry-run --purge @t/app:v1");
    nothing_was_written(&scene);
    assert_eq!(scene.home.tree(), before, "--purge is ignored");
    assert_eq!(ran.stderr.lines().next(), Some(format!("digest: {}", digest(ran.stdout.as_bytes())).as_str()));
    let bytes = ran.ok();
    scene.ok("push @t/app:v1");
    let (_, list) = scene.registry.manifest("t/app", "v1").expect("the list");
    assert_eq!(String::from_utf8(list).expect("UTF-8"), bytes);
}

#[test]
fn a_dry_run_plans_the_requests_that_the_push_sends() {
    let scene = Scene::new();
    scene.create("dst/app:v1", &["t/app:amd64", "t/app:arm64"]);
    let planned = planned(&scene, &scene.run("push --dry-run --tag b @dst/app:v1"));
    scene.registry.log().clear();
    scene.ok("push --tag b @dst/app:v1");
    let sent = scene.registry.log().writes();
    let sent: BTreeSet<String> = sent.iter().map(|line| escaped(line.trim_end_matches(" 201"))).collect();
    assert_eq!(planned, sent);
    assert_eq!(planned.len(), 4 + 2 + 2, "mounts, images, lists");
}

#[test]
fn a_dry_run_plans_what_is_copied() {
    let scene = listed();
    let planned = planned(&scene, &scene.run("push --dry-run @t/app:v1"));
    let of = |part: &str| planned.iter().filter(|line| line.contains(&escaped(part))).count();
    assert_eq!(of("PUT /v2/t/app/manifests/sha256:"), 3, "the image in the repository is not put: {planned:?}");
    assert_eq!(of("PUT /v2/t/app/manifests/v1"), 1, "{planned:?}");
    assert_eq!(of("from=more"), 2, "{planned:?}");
}

#[test]
fn a_dry_run_writes_no_receipts() {
    let scene = listed();
    let [file, json] = ["digest", "json"].map(|name| scene.home.home().join(name));
    let line = format!("push --dry-run --digestfile {} --metadata-file {}", file.display(), json.display());
    scene.ok(&format!("{line} @t/app:v1"));
    assert!(!file.exists() && !json.exists());
}

#[test]
fn a_dry_run_of_create_and_push_leaves_nothing_anywhere() {
    let scene = listed();
    let before = scene.home.tree();
    let ran = scene.run("create --push --dry-run @dst/app:v1 @t/app:amd64 %src/app:1");
    assert!(ran.stderr.starts_with(&format!("digest: {}\n", digest(ran.stdout.as_bytes()))), "{ran:#?}");
    ran.ok();
    nothing_was_written(&scene);
    assert_eq!(scene.home.tree(), before);
}

#[test]
fn a_dry_run_asks_no_registry_unless_it_is_to_verify() {
    let scene = listed();
    let new = mfst_testkit::sample::Sample::oci_with_layers("linux/amd64", &["new"]);
    scene.registry.put_image("t/app", "amd64", &new);
    scene.ok("push --dry-run @t/app:v1");
    assert!(scene.registry.log().entries().is_empty() && scene.other().log().entries().is_empty());
    for flag in ["--verify", "--strict"] {
        let said = scene.refused(&format!("push --dry-run {flag} @t/app:v1"));
        assert!(said.contains(&scene.name("t/app:amd64")), "{said}");
    }
    nothing_was_written(&scene);
}

#[test]
fn a_dry_run_warns_of_two_images_for_one_platform() {
    let scene = listed();
    scene.ok("annotate --arch amd64 @t/app:v1 @more/app:arm64");
    let ran = scene.run("push --dry-run @t/app:v1");
    assert!(ran.stderr.contains("are both for linux/amd64"), "{ran:#?}");
    ran.ok();
}

#[test]
fn a_dry_run_of_a_list_that_does_not_exist_fails_as_the_push_does() {
    let scene = listed();
    assert_eq!(scene.run("push --dry-run @t/app:nope"), scene.run("push @t/app:nope"));
}
