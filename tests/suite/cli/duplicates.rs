//! Two images for one platform, and lists of mixed types: warnings, and errors with `--strict`.

use serde_json::Value;

use mfst_testkit::build::Build;
use mfst_testkit::sample::{DOCKER_LIST, Sample};
use mfst_testkit::scene::{Scene, amd64, first};

/// `t/app:amd64` and `t/app:again` are for one platform.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &Sample::oci_with_layers("linux/amd64", &["again"]));
    scene
}

fn duplicates(scene: &Scene) -> [String; 2] {
    // Whichever comes first.
    [("amd64", "again"), ("again", "amd64")].map(|(one, other)| {
        scene.expand(&format!("warning: @t/app:{one} and @t/app:{other} are both for linux/amd64\n"))
    })
}

#[test]
fn d15_create_tells_of_two_images_for_one_platform() {
    let scene = scene();
    let ran = scene.run("create @t/app:v1 @t/app:amd64 @t/app:arm64 @t/app:again");
    assert!(duplicates(&scene).contains(&ran.stderr), "{ran:#?}");
    assert_eq!(ran.ok(), scene.expand("Created manifest list @t/app:v1\n"));
}

#[test]
fn d15_amend_tells_of_an_image_for_a_platform_that_the_list_has_already() {
    let scene = scene();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let ran = scene.run("create --amend @t/app:v1 @t/app:again");
    assert!(duplicates(&scene).contains(&ran.stderr), "{ran:#?}");
    ran.ok();
}

#[test]
fn d15_push_tells_of_two_images_for_one_platform() {
    let scene = scene();
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again");
    let ran = scene.run("push @t/app:v1");
    assert!(duplicates(&scene).contains(&ran.stderr), "{ran:#?}");
    ran.ok();
}

#[test]
fn d15_annotate_can_part_two_images_for_one_platform() {
    let scene = scene();
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again");
    scene.ok("annotate --variant v3 @t/app:v1 @t/app:again");
    let ran = scene.run("push @t/app:v1");
    assert_eq!(ran.stderr, "");
    ran.ok();
}

#[test]
fn d15_windows_versions_and_attestations_are_not_the_same_platform() {
    let scene = scene();
    for tag in ["1-amd64", "2-amd64"] {
        let platform = if tag.starts_with('1') { "linux/amd64" } else { "linux/arm64" };
        Build::of(&[platform]).put(&scene.registry, "t/build", tag);
    }
    let ran = scene.run("create @t/build:v1 @t/build:1-amd64 @t/build:2-amd64");
    assert_eq!(ran.stderr, "");
    ran.ok();
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again");
    for (tag, version) in [("amd64", "10.0.17763.1"), ("again", "10.0.20348.1")] {
        scene.ok(&format!("annotate --os windows --os-version {version} @t/app:v1 @t/app:{tag}"));
    }
    for list in ["t/app:v1", "t/build:v1"] {
        let ran = scene.run(&format!("push @{list}"));
        assert_eq!(ran.stderr, "", "{list}");
        ran.ok();
    }
}

#[test]
fn d15_strict_makes_it_an_error_before_anything_is_stored() {
    let scene = scene();
    let said = scene.refused("create --strict @t/app:v1 @t/app:amd64 @t/app:again");
    assert!(first(&said).contains("are both for linux/amd64"), "{said}");
    assert!(scene.home.tree().is_empty());
}

#[test]
fn d15_strict_makes_it_an_error_before_anything_is_sent() {
    let scene = scene();
    scene.run("create @dst/app:v1 @t/app:amd64 @t/app:again");
    let said = scene.refused("push --strict @dst/app:v1");
    assert!(first(&said).contains("are both for linux/amd64"), "{said}");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
    let said = scene.refused("create --strict --push @dst/app:v1 @t/app:amd64 @t/app:again");
    assert!(first(&said).contains("are both for linux/amd64"), "{said}");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn docker_and_oci_images_in_one_list_are_told_and_the_type_stays_dockers() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "a", &Sample::docker("linux/arm64"));
    scene.create("t/app:v1", &["t/app:a", "t/app:amd64"]);
    let said = scene.refused("push --strict @t/app:v1");
    assert!(!first(&said).starts_with("hint:") && !said.is_empty(), "{said}");
    assert!(scene.registry.log().writes().is_empty());
    let ran = scene.run("push @t/app:v1");
    assert!(ran.stderr.starts_with("warning:"), "{ran:#?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:#?}");
    ran.ok();
    let list: Value = scene.pushed("t/app", "v1");
    assert_eq!(list["mediaType"], DOCKER_LIST);
    assert_eq!(list["manifests"][1]["digest"], amd64().digest().as_str());
}

#[test]
fn strict_changes_nothing_where_there_is_nothing_to_say() {
    let scene = Scene::new();
    let ran = scene.run("create --strict @t/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(ran.stderr, "");
    ran.ok();
    scene.ok("push --strict @t/app:v1");
}
