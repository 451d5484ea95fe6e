//! Two images for the same platform, and lists of mixed types: warnings, and errors with `--strict`.

use serde_json::Value;

use mfst_testkit::buildx::Build;
use mfst_testkit::sample::{DOCKER_LIST, Sample};
use mfst_testkit::scene::{Scene, amd64, first_line};

/// `t/app:amd64` and `t/app:again` have the same platform.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &Sample::oci_with_layers("linux/amd64", &["again"]));
    scene
}

fn duplicates(scene: &Scene) -> [String; 2] {
    // In either order.
    [("amd64", "again"), ("again", "amd64")].map(|(one, other)| {
        scene.expand(&format!("warning: @t/app:{one} and @t/app:{other} are both for linux/amd64\n"))
    })
}

#[test]
fn d15_create_warns_about_two_images_for_one_platform() {
    let scene = scene();
    let result = scene.run("create @t/app:v1 @t/app:amd64 @t/app:arm64 @t/app:again");
    assert!(duplicates(&scene).contains(&result.stderr), "{result:#?}");
    assert_eq!(result.success(), scene.expand("Created manifest list @t/app:v1\n"));
}

#[test]
fn d15_amend_warns_about_an_image_for_a_platform_that_the_list_has() {
    let scene = scene();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let result = scene.run("create --amend @t/app:v1 @t/app:again");
    assert!(duplicates(&scene).contains(&result.stderr), "{result:#?}");
    result.success();
}

#[test]
fn d15_push_warns_about_two_images_for_one_platform() {
    let scene = scene();
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again");
    let result = scene.run("push @t/app:v1");
    assert!(duplicates(&scene).contains(&result.stderr), "{result:#?}");
    result.success();
}

#[test]
fn d15_annotate_can_distinguish_two_images_for_one_platform() {
    let scene = scene();
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again");
    scene.run_ok("annotate --variant v3 @t/app:v1 @t/app:again");
    let result = scene.run("push @t/app:v1");
    assert_eq!(result.stderr, "");
    result.success();
}

#[test]
fn d15_windows_versions_and_attestations_are_not_the_same_platform() {
    let scene = scene();
    for tag in ["1-amd64", "2-amd64"] {
        let platform = if tag.starts_with('1') { "linux/amd64" } else { "linux/arm64" };
        Build::of(&[platform]).put(&scene.registry, "t/build", tag);
    }
    let result = scene.run("create @t/build:v1 @t/build:1-amd64 @t/build:2-amd64");
    assert_eq!(result.stderr, "");
    result.success();
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again");
    for (tag, version) in [("amd64", "10.0.17763.1"), ("again", "10.0.20348.1")] {
        scene.run_ok(&format!("annotate --os windows --os-version {version} @t/app:v1 @t/app:{tag}"));
    }
    for list in ["t/app:v1", "t/build:v1"] {
        let result = scene.run(&format!("push @{list}"));
        assert_eq!(result.stderr, "", "{list}");
        result.success();
    }
}

#[test]
fn d15_strict_makes_it_an_error_before_anything_is_stored() {
    let scene = scene();
    let output = scene.run_err_unchanged("create --strict @t/app:v1 @t/app:amd64 @t/app:again");
    assert!(first_line(&output).contains("are both for linux/amd64"), "{output}");
    assert!(scene.home.lists().is_empty());
}

#[test]
fn d15_strict_makes_it_an_error_before_anything_is_sent() {
    let scene = scene();
    scene.run("create @dst/app:v1 @t/app:amd64 @t/app:again");
    let output = scene.run_err_unchanged("push --strict @dst/app:v1");
    assert!(first_line(&output).contains("are both for linux/amd64"), "{output}");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
    let output = scene.run_err_unchanged("create --strict --push @dst/app:v1 @t/app:amd64 @t/app:again");
    assert!(first_line(&output).contains("are both for linux/amd64"), "{output}");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn a_list_of_docker_and_oci_images_is_warned_about_and_keeps_dockers_type() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "a", &Sample::docker("linux/arm64"));
    scene.create("t/app:v1", &["t/app:a", "t/app:amd64"]);
    let output = scene.run_err_unchanged("push --strict @t/app:v1");
    assert!(!first_line(&output).starts_with("hint:") && !output.is_empty(), "{output}");
    assert!(scene.registry.log().writes().is_empty());
    let result = scene.run("push @t/app:v1");
    assert!(result.stderr.starts_with("warning:"), "{result:#?}");
    assert_eq!(result.stderr.lines().count(), 1, "{result:#?}");
    result.success();
    let list: Value = scene.pushed("t/app", "v1");
    assert_eq!(list["mediaType"], DOCKER_LIST);
    assert_eq!(list["manifests"][1]["digest"], amd64().digest().as_str());
}

#[test]
fn strict_without_warnings_changes_nothing() {
    let scene = Scene::new();
    let result = scene.run("create --strict @t/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(result.stderr, "");
    result.success();
    scene.run_ok("push --strict @t/app:v1");
}
