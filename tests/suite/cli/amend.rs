//! `create --amend` over images that have changed since.

use std::path::Path;

use serde_json::{Value, json};

use mfst_testkit::build::Build;
use mfst_testkit::debian;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first};

/// The list `t/app:v1` of both images, of which `amd64` has been built anew since; the new image.
fn moved() -> (Scene, Sample) {
    let scene = Scene::with_list();
    let new = Sample::oci_with_layers("linux/amd64", &["new"]);
    scene.registry.put_image("t/app", "amd64", &new);
    (scene, new)
}

fn hint(scene: &Scene, image: &str, old: &str, new: &str) -> String {
    scene.expand(&format!("hint: @{image} has moved: {old} -> {new}\n"))
}

/// What the list says of an image.
#[track_caller]
fn entry(list: &Value, digest: &str) -> Value {
    let at = digests(list).iter().position(|found| *found == digest);
    list["manifests"][at.expect("the image is in the list")].clone()
}

#[test]
fn d3_a_tag_that_has_moved_is_resolved_again() {
    let (scene, new) = moved();
    let ran = scene.run("create --amend @t/app:v1 @t/app:amd64");
    assert_eq!(ran.stderr, hint(&scene, "t/app:amd64", &amd64().digest(), &new.digest()));
    assert_eq!(ran.ok(), scene.expand("Created manifest list @t/app:v1\n"));
    scene.ok("push @t/app:v1");
    assert_eq!(digests(&scene.pushed("t/app", "v1")), [new.digest(), arm64().digest()]);
}

#[test]
fn d3_a_tag_that_has_not_moved_is_nothing_to_speak_of() {
    let (scene, _) = moved();
    let before = scene.home.tree();
    let ran = scene.run("create --amend @t/app:v1 @t/app:arm64");
    assert_eq!(ran.stderr, "");
    ran.ok();
    assert_eq!(scene.home.tree(), before, "and nobody asked for the other one");
    assert_eq!(scene.registry.log().count("* /v2/t/app/manifests/amd64 *"), 0);
}

#[test]
fn d3_an_image_named_by_a_digest_in_the_list_is_not_asked_for_again() {
    let scene = Scene::new();
    let image = format!("t/app@{}", amd64().digest());
    scene.create("t/app:v1", &[&image]);
    scene.registry.log().clear();
    scene.ok(&format!("create --amend @t/app:v1 @{image}"));
    assert!(scene.registry.log().entries().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn d3_what_was_annotated_survives_and_the_rest_is_the_new_images() {
    let scene = Scene::with_list();
    scene.ok("annotate --variant v2 --os-version 10.0 --os-features a,b @t/app:v1 @t/app:amd64");
    scene.ok("annotate --annotation com.example.a=b @t/app:v1 @t/app:amd64");
    let new = Sample::oci_with_layers("freebsd/amd64", &["new"]);
    scene.registry.put_image("t/app", "amd64", &new);
    scene.ok("create --amend @t/app:v1 @t/app:amd64");
    scene.ok("push @t/app:v1");
    let entry = entry(&scene.pushed("t/app", "v1"), &new.digest());
    let platform = json!({
        "architecture": "amd64", "os": "freebsd", "variant": "v2", "os.version": "10.0", "os.features": ["a", "b"],
    });
    assert_eq!(entry["platform"], platform);
    assert_eq!(entry["annotations"], json!({"com.example.a": "b"}));
}

#[test]
fn d3_an_annotated_architecture_survives() {
    let scene = Scene::with_list();
    scene.ok("annotate --os linux --arch riscv64 @t/app:v1 @t/app:amd64");
    let new = Sample::oci_with_layers("linux/386", &["new"]);
    scene.registry.put_image("t/app", "amd64", &new);
    scene.ok("create --amend @t/app:v1 @t/app:amd64");
    let entry = entry(&scene.inspect("@t/app:v1"), &new.digest());
    assert_eq!(entry["platform"], json!({"architecture": "riscv64", "os": "linux"}));
}

#[test]
fn d3_what_docker_annotated_survives() {
    let Some(docker) = debian::docker() else { return };
    let (scene, new) = moved();
    let run = |line: &str| scene.docker(&docker, line).ok();
    scene.ok("rm @t/app:v1");
    scene.registry.put_image("t/app", "amd64", &amd64());
    run("create --insecure @t/app:v1 @t/app:amd64 @t/app:arm64");
    run("annotate --variant v3 --os-features x @t/app:v1 @t/app:amd64");
    scene.registry.put_image("t/app", "amd64", &new);
    scene.ok("create --amend @t/app:v1 @t/app:amd64");
    let entry = entry(&scene.inspect("@t/app:v1"), &new.digest());
    let platform = json!({"architecture": "amd64", "os": "linux", "variant": "v3", "os.features": ["x"]});
    assert_eq!(entry["platform"], platform);
    // And docker goes on from there.
    run("annotate --variant v4 @t/app:v1 @t/app:amd64");
    run("push --insecure @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["manifests"][0]["platform"]["variant"], "v4");
}

#[test]
fn d3_an_index_that_has_moved_gives_its_new_images_for_the_old_ones() {
    let scene = Scene::new();
    let old = Build::of(&["linux/amd64", "linux/arm", "linux/s390x"]);
    old.put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:all", &["t/multi:1", "t/app:arm64"]);
    let arm = format!("@t/multi:1@{}", old.images()[1].digest());
    scene.ok(&format!("annotate --variant v7 @t/multi:all {arm}"));
    let new = Build::salted("new", &["linux/amd64", "linux/arm"]);
    new.put(&scene.registry, "t/multi", "1");

    let ran = scene.run("create --amend @t/multi:all @t/multi:1");
    assert_eq!(ran.stderr, hint(&scene, "t/multi:1", &old.digest(), &new.digest()));
    ran.ok();
    let list = scene.inspect("@t/multi:all");
    let mut expected: Vec<String> = new.leaves().chain([&arm64()]).map(Sample::digest).collect();
    let mut found = digests(&list);
    expected.sort();
    found.sort_unstable();
    assert_eq!(found, expected);
    let platform = json!({"architecture": "arm", "os": "linux", "variant": "v7"});
    assert_eq!(entry(&list, &new.images()[1].digest())["platform"], platform, "annotations survive by platform");
}

#[test]
fn d3_an_index_that_has_not_moved_stays() {
    let scene = Scene::new();
    Build::of(&["linux/amd64"]).put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:all", &["t/multi:1"]);
    let before = scene.home.tree();
    let ran = scene.run("create --amend @t/multi:all @t/multi:1");
    assert_eq!(ran.stderr, "");
    ran.ok();
    assert_eq!(scene.home.tree(), before);
}

#[test]
fn d3_an_index_that_has_not_moved_gives_what_is_asked_for_now_beside_what_it_gave_before() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    build.put(&scene.registry, "t/multi", "1");
    scene.ok("create --platform linux/amd64 @t/multi:some @t/multi:1");
    scene.ok("create --amend --platform linux/arm64 @t/multi:some @t/multi:1");
    let list = scene.inspect("@t/multi:some");
    let mut found = digests(&list);
    let expected = [&build.images()[..2], &build.attestations()[..2]].concat();
    let mut expected: Vec<String> = expected.iter().map(Sample::digest).collect();
    found.sort_unstable();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn d3_an_index_that_has_moved_and_kept_an_image_is_said_to_have_moved_once() {
    let scene = Scene::new();
    let (old, new) = (Build::of(&["linux/amd64"]), Build::of(&["linux/amd64", "linux/arm64"]));
    assert_eq!(old.images()[0].digest(), new.images()[0].digest());
    for again in ["--amend", "--replace"] {
        old.put(&scene.registry, "t/multi", "1");
        scene.ok("create --replace @t/multi:all @t/multi:1");
        new.put(&scene.registry, "t/multi", "1");
        scene.ok(&format!("create {again} @t/multi:all @t/multi:1"));
        for line in ["create --amend @t/multi:all @t/multi:1", "push @t/multi:all"] {
            let ran = scene.run(line);
            assert_eq!(ran.stderr, "", "{again}, {line}");
            ran.ok();
        }
    }
}

#[test]
fn d3_a_tag_that_became_an_index_gives_its_images_for_the_one() {
    let scene = Scene::with_list();
    let build = Build::salted("new", &["linux/amd64"]);
    build.put(&scene.registry, "t/app", "amd64");
    let ran = scene.run("create --amend @t/app:v1 @t/app:amd64");
    assert_eq!(ran.stderr, hint(&scene, "t/app:amd64", &amd64().digest(), &build.digest()));
    ran.ok();
    let list = scene.inspect("@t/app:v1");
    assert_eq!(digests(&list).len(), 3);
    assert!(!digests(&list).contains(&amd64().digest().as_str()), "{list}");
}

#[test]
fn d3_the_list_keeps_an_image_that_the_registry_no_longer_has() {
    let scene = Scene::with_list();
    let before = scene.home.tree();
    scene.registry.remove_manifest("t/app", "amd64");
    let ran = scene.run("create --amend @t/app:v1 @t/app:arm64 @t/app:amd64");
    let expected = "warning: @t/app:amd64 is no longer in the registry (the list has";
    assert!(ran.stderr.starts_with(&scene.expand(expected).replace("warning: @", "warning: ")), "{ran:#?}");
    assert!(ran.stderr.contains(&amd64().digest()), "{ran:#?}");
    assert_eq!(ran.ok(), scene.expand("Created manifest list @t/app:v1\n"));
    assert_eq!(scene.home.tree(), before);
    scene.refused("create --strict --amend @t/app:v1 @t/app:amd64");
}

#[test]
fn d3_an_image_that_neither_the_list_nor_the_registry_has_is_an_error() {
    let scene = Scene::with_list();
    let said = scene.refused("create --amend @t/app:v1 @t/app:arm64 @t/app:nosuch");
    assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nosuch"));
}

#[test]
fn d3_a_registry_that_does_not_answer_leaves_the_list_as_it_was() {
    let (scene, _) = moved();
    let list = scene.home.list(&scene.name("t/app:v1"));
    let no = mfst_testkit::faults::Fault::on("*", "/manifests/amd64").always().answer(500, "");
    scene.registry.fault(no);
    scene.refused("create --retries 0 --amend @t/app:v1 @t/app:amd64");
    assert!(Path::new(&list).is_dir());
}
