//! `create --platform` and `create --attestations`: a part of what was built.

use std::collections::BTreeSet;

use serde_json::json;

use mfst_testkit::build::Build;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample, index};
use mfst_testkit::scene::{Scene, digests, first};

const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64"];

/// A build for all the platforms at `t/multi:1`.
fn scene() -> (Scene, Build) {
    let (scene, build) = (Scene::new(), Build::of(&PLATFORMS));
    build.put(&scene.registry, "t/multi", "1");
    (scene, build)
}

/// The platforms of the images that `create` with these flags has put into a list, each of which has to come with its
/// attestation and none of the others'.
#[track_caller]
fn kept(flags: &str) -> Vec<&'static str> {
    let (scene, build) = scene();
    scene.ok(&format!("create {flags} @t/multi:all @t/multi:1"));
    let list = scene.inspect("@t/multi:all");
    let found: BTreeSet<&str> = digests(&list).into_iter().collect();
    let mut kept = Vec::new();
    for (number, platform) in PLATFORMS.iter().enumerate() {
        let image = build.images()[number].digest();
        let attestation = build.attestations()[number].digest();
        assert_eq!(found.contains(image.as_str()), found.contains(attestation.as_str()), "{platform}: {list}");
        if found.contains(image.as_str()) {
            kept.push(*platform);
        }
    }
    kept
}

#[test]
fn only_the_platforms_named_are_kept_each_with_its_attestation() {
    for (flags, expected) in [
        ("--platform linux/amd64", &["linux/amd64"][..]),
        ("--platform linux/arm/v7,linux/amd64", &["linux/amd64", "linux/arm/v7"]),
        ("--platform linux/arm/v7 --platform=linux/amd64", &["linux/amd64", "linux/arm/v7"]),
    ] {
        assert_eq!(kept(flags), expected, "{flags}");
    }
}

#[test]
fn a_platform_without_variant_means_every_variant() {
    assert_eq!(kept("--platform linux/arm"), ["linux/arm/v6", "linux/arm/v7"]);
}

#[test]
fn version_eight_is_the_only_variant_of_arm64() {
    for name in ["linux/arm64", "linux/arm64/v8"] {
        assert_eq!(kept(&format!("--platform {name}")), ["linux/arm64"], "{name}");
    }
}

#[test]
fn a_platform_may_have_the_name_that_other_tools_use() {
    for (name, expected) in [
        ("linux/x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
    ] {
        assert_eq!(kept(&format!("--platform {name}")), [expected], "{name}");
    }
}

#[test]
fn images_that_are_no_index_are_left_out_as_well() {
    let scene = Scene::new();
    scene.ok("create --platform linux/arm64 @t/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [mfst_testkit::scene::arm64().digest()]);
}

#[test]
fn where_nothing_is_left_the_error_says_what_there_is() {
    let scene = Scene::new();
    Build::of(&["linux/arm/v7", "linux/amd64"]).put(&scene.registry, "t/multi", "1");
    let said = scene.refused("create --platform linux/s390x @t/multi:all @t/multi:1");
    assert_eq!(first(&said), "no image for linux/s390x; available: linux/amd64, linux/arm/v7");
}

#[test]
fn a_platform_that_is_not_there_is_told_and_an_error_with_strict() {
    let (scene, _) = scene();
    let line = "create --platform linux/amd64,linux/s390x @t/multi:all @t/multi:1";
    let said = scene.refused(&line.replace("create", "create --strict"));
    assert!(said.contains("no image for linux/s390x"), "{said}");
    let ran = scene.run(line);
    assert_eq!(ran.stderr, "warning: no image for linux/s390x\n");
    ran.ok();
}

#[test]
fn what_is_no_platform_is_a_mistake() {
    let (scene, _) = scene();
    for platform in ["linux", "/amd64", "linux/", "a/b/c/d", ""] {
        let ran = scene.run(&format!("create --platform={platform} @t/multi:all @t/multi:1"));
        assert_ne!(ran.code, Some(0), "{platform:?}");
    }
    assert!(scene.home.tree().is_empty());
}

#[test]
fn images_of_other_platforms_are_not_fetched() {
    let (scene, build) = scene();
    scene.ok("create --platform linux/amd64 @t/multi:all @t/multi:1");
    let log = scene.registry.log();
    let manifest = |digest: String| format!("GET /v2/t/multi/manifests/{digest} 200");
    log.assert_requests(&[
        "GET /v2/t/multi/manifests/1 200",
        &manifest(build.images()[0].digest()),
        &manifest(build.attestations()[0].digest()),
    ]);
}

#[test]
fn attestations_are_kept_or_dropped() {
    for (flag, count) in [("--attestations keep", 8), ("--attestations=drop", 4)] {
        let (scene, build) = scene();
        scene.ok(&format!("create {flag} @t/multi:all @t/multi:1"));
        scene.ok("push @t/multi:all");
        let list = scene.pushed("t/multi", "all");
        assert_eq!(list["mediaType"], OCI_INDEX);
        assert_eq!(digests(&list).len(), count);
        for image in build.images() {
            assert!(digests(&list).contains(&image.digest().as_str()), "{flag}");
        }
    }
    let (scene, _) = scene();
    scene.run("create --attestations maybe @t/multi:all @t/multi:1").fails(125);
}

#[test]
fn docker_images_without_their_attestations_are_a_docker_list() {
    let scene = Scene::new();
    let image = Sample::docker("linux/amd64");
    let attestation = Sample::attestation(&image);
    for leaf in [&image, &attestation] {
        scene.registry.put_image("t/multi", &leaf.digest(), leaf);
    }
    let entries = [image.index_entry(), attestation.index_entry()];
    scene.registry.put_manifest("t/multi", "1", OCI_INDEX, &index(OCI_INDEX, &entries));
    for (flag, kind) in [("keep", OCI_INDEX), ("drop", DOCKER_LIST)] {
        scene.ok(&format!("create --attestations {flag} @t/multi:{flag} @t/multi:1"));
        scene.ok(&format!("push @t/multi:{flag}"));
        assert_eq!(scene.pushed("t/multi", flag)["mediaType"], kind);
    }
}

#[test]
fn an_image_listed_twice_for_one_platform_counts_once() {
    let (scene, image) = (Scene::new(), mfst_testkit::scene::amd64().index_entry());
    scene.registry.put_manifest("t/app", "twice", OCI_INDEX, &index(OCI_INDEX, &[image.clone(), image]));
    let ran = scene.run("create @t/app:v1 @t/app:twice");
    assert_eq!(ran.stderr, "");
    ran.ok();
    assert_eq!(digests(&scene.inspect("@t/app:v1")).len(), 1);
}

#[test]
fn an_image_listed_for_two_platforms_is_for_the_first() {
    let (scene, first, mut second) =
        (Scene::new(), mfst_testkit::scene::amd64().index_entry(), mfst_testkit::scene::amd64().index_entry());
    second["platform"] = json!({"architecture": "386", "os": "linux"});
    scene.registry.put_manifest("t/app", "two", OCI_INDEX, &index(OCI_INDEX, &[first.clone(), second]));
    scene.refused("create --strict @t/app:v1 @t/app:two @t/app:arm64");
    let ran = scene.run("create @t/app:v1 @t/app:two @t/app:arm64");
    assert!(ran.stderr.starts_with("warning:"), "{ran:#?}");
    for part in ["linux/amd64", "linux/386"] {
        assert!(ran.stderr.contains(part), "{ran:#?}");
    }
    ran.ok();
    let list = scene.inspect("@t/app:v1");
    assert_eq!(digests(&list).len(), 2);
    assert_eq!(list["manifests"][1]["platform"], first["platform"]);
}

#[test]
fn an_image_that_the_list_has_by_digest_is_left_out_like_any_other() {
    let scene = Scene::with_list();
    let image = scene.name(&format!("t/app@{}", mfst_testkit::scene::arm64().digest()));
    scene.ok(&format!("create --amend @t/app:v1 {image}"));
    let said = scene.refused(&format!("create --amend --platform linux/amd64 @t/app:v1 {image}"));
    assert_eq!(first(&said), "no image for linux/amd64; available: linux/arm64");
}
