//! `create --platform` and `create --attestations`: a part of a build.

use std::collections::BTreeSet;

use serde_json::json;

use mfst_testkit::buildx::Build;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample, index};
use mfst_testkit::scene::{Scene, digests, first_line};

const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64"];

/// A build for all the platforms at `t/multi:1`.
fn scene() -> (Scene, Build) {
    let (scene, build) = (Scene::new(), Build::of(&PLATFORMS));
    build.put(&scene.registry, "t/multi", "1");
    (scene, build)
}

/// The platforms of the images that `create` with these flags puts into a list. Fails unless each has its attestation
/// and there are no others.
#[track_caller]
fn kept(flags: &str) -> Vec<&'static str> {
    let (scene, build) = scene();
    scene.run_ok(&format!("create {flags} @t/multi:all @t/multi:1"));
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
fn only_the_given_platforms_are_kept_with_their_attestations() {
    for (flags, expected) in [
        ("--platform linux/amd64", &["linux/amd64"][..]),
        ("--platform linux/arm/v7,linux/amd64", &["linux/amd64", "linux/arm/v7"]),
        ("--platform linux/arm/v7 --platform=linux/amd64", &["linux/amd64", "linux/arm/v7"]),
    ] {
        assert_eq!(kept(flags), expected, "{flags}");
    }
}

#[test]
fn a_platform_without_a_variant_matches_all_variants() {
    assert_eq!(kept("--platform linux/arm"), ["linux/arm/v6", "linux/arm/v7"]);
}

#[test]
fn arm64_and_arm64_v8_are_the_same_platform() {
    for name in ["linux/arm64", "linux/arm64/v8"] {
        assert_eq!(kept(&format!("--platform {name}")), ["linux/arm64"], "{name}");
    }
}

#[test]
fn platform_names_of_other_tools_are_accepted() {
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
fn platform_filters_single_images_as_well() {
    let scene = Scene::new();
    scene.run_ok("create --platform linux/arm64 @t/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")), [mfst_testkit::scene::arm64().digest()]);
}

#[test]
fn a_filter_without_a_match_is_an_error_that_lists_the_platforms() {
    let scene = Scene::new();
    Build::of(&["linux/arm/v7", "linux/amd64"]).put(&scene.registry, "t/multi", "1");
    let said = scene.run_err_unchanged("create --platform linux/s390x @t/multi:all @t/multi:1");
    assert_eq!(first_line(&said), "no image for linux/s390x; available: linux/amd64, linux/arm/v7");
}

#[test]
fn a_platform_without_an_image_is_a_warning_and_an_error_with_strict() {
    let (scene, _) = scene();
    let line = "create --platform linux/amd64,linux/s390x @t/multi:all @t/multi:1";
    let output = scene.run_err_unchanged(&line.replace("create", "create --strict"));
    assert!(output.contains("no image for linux/s390x"), "{output}");
    let result = scene.run(line);
    assert_eq!(result.stderr, "warning: no image for linux/s390x\n");
    result.success();
}

#[test]
fn an_invalid_platform_is_refused() {
    let (scene, _) = scene();
    for platform in ["linux", "/amd64", "linux/", "a/b/c/d", ""] {
        let result = scene.run(&format!("create --platform={platform} @t/multi:all @t/multi:1"));
        assert_ne!(result.code, Some(0), "{platform:?}");
    }
    assert!(scene.home.lists().is_empty());
}

#[test]
fn images_of_other_platforms_are_not_fetched() {
    let (scene, build) = scene();
    scene.run_ok("create --platform linux/amd64 @t/multi:all @t/multi:1");
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
        scene.run_ok(&format!("create {flag} @t/multi:all @t/multi:1"));
        scene.run_ok("push @t/multi:all");
        let list = scene.pushed("t/multi", "all");
        assert_eq!(list["mediaType"], OCI_INDEX);
        assert_eq!(digests(&list).len(), count);
        for image in build.images() {
            assert!(digests(&list).contains(&image.digest().as_str()), "{flag}");
        }
    }
    let (scene, _) = scene();
    scene.run("create --attestations maybe @t/multi:all @t/multi:1").failure(125);
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
        scene.run_ok(&format!("create --attestations {flag} @t/multi:{flag} @t/multi:1"));
        scene.run_ok(&format!("push @t/multi:{flag}"));
        assert_eq!(scene.pushed("t/multi", flag)["mediaType"], kind);
    }
}

#[test]
fn an_image_listed_twice_for_one_platform_is_added_once() {
    let (scene, image) = (Scene::new(), mfst_testkit::scene::amd64().index_entry());
    scene.registry.put_manifest("t/app", "twice", OCI_INDEX, &index(OCI_INDEX, &[image.clone(), image]));
    let result = scene.run("create @t/app:v1 @t/app:twice");
    assert_eq!(result.stderr, "");
    result.success();
    assert_eq!(digests(&scene.inspect("@t/app:v1")).len(), 1);
}

#[test]
fn an_image_listed_for_two_platforms_has_the_first() {
    let (scene, first, mut second) =
        (Scene::new(), mfst_testkit::scene::amd64().index_entry(), mfst_testkit::scene::amd64().index_entry());
    second["platform"] = json!({"architecture": "386", "os": "linux"});
    scene.registry.put_manifest("t/app", "two", OCI_INDEX, &index(OCI_INDEX, &[first.clone(), second]));
    scene.run_err_unchanged("create --strict @t/app:v1 @t/app:two @t/app:arm64");
    let ran = scene.run("create @t/app:v1 @t/app:two @t/app:arm64");
    assert!(ran.stderr.starts_with("warning:"), "{ran:#?}");
    for part in ["linux/amd64", "linux/386"] {
        assert!(ran.stderr.contains(part), "{ran:#?}");
    }
    ran.success();
    let list = scene.inspect("@t/app:v1");
    assert_eq!(digests(&list).len(), 2);
    assert_eq!(list["manifests"][1]["platform"], first["platform"]);
}

#[test]
fn platform_filters_images_by_digest_as_well() {
    let scene = Scene::with_list();
    let image = scene.name(&format!("t/app@{}", mfst_testkit::scene::arm64().digest()));
    scene.run_ok(&format!("create --amend @t/app:v1 {image}"));
    let said = scene.run_err_unchanged(&format!("create --amend --platform linux/amd64 @t/app:v1 {image}"));
    assert_eq!(first_line(&said), "no image for linux/amd64; available: linux/arm64");
}
