//! `mfst remove`: removes entries from a local list.

use mfst_testkit::buildx::Build;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64, arm64, digests};

/// The list `t/multi:all` of a build for three platforms.
fn built() -> (Scene, Build) {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    build.put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:all", &["t/multi:1"]);
    scene.registry.log().clear();
    (scene, build)
}

/// The digests that a list of these images and attestations has, sorted.
fn sorted<'a>(leaves: impl IntoIterator<Item = &'a Sample>) -> Vec<String> {
    let mut digests: Vec<String> = leaves.into_iter().map(Sample::digest).collect();
    digests.sort();
    digests
}

#[track_caller]
fn left(scene: &Scene, list: &str) -> Vec<String> {
    let list = scene.inspect(&format!("@{list}"));
    let mut digests: Vec<String> = digests(&list).into_iter().map(String::from).collect();
    digests.sort();
    digests
}

#[test]
fn an_entry_is_removed_by_reference_digest_or_platform() {
    for entry in ["@t/app:arm64".to_owned(), arm64().digest(), "linux/arm64".to_owned(), "linux/aarch64".to_owned()] {
        let scene = Scene::with_list();
        let output = scene.run_ok(&format!("remove @t/app:v1 {entry}"));
        assert_eq!(output, scene.expand("@t/app:arm64\n"), "{entry}");
        assert_eq!(left(&scene, "t/app:v1"), sorted(&[amd64()]));
        scene.run_ok("push @t/app:v1");
        assert_eq!(digests(&scene.pushed("t/app", "v1")), [amd64().digest()]);
    }
}

#[test]
fn removing_an_image_removes_its_attestation() {
    let (scene, build) = built();
    let arm = &build.images()[2];
    for entry in
        [format!("@t/multi:1@{}", arm.digest()), arm.digest(), "linux/arm/v7".to_owned(), "linux/armhf".to_owned()]
    {
        scene.run_ok("create --replace @t/multi:all @t/multi:1");
        let output = scene.run_ok(&format!("remove @t/multi:all {entry}"));
        let mut removed: Vec<&str> = output.lines().collect();
        removed.sort_unstable();
        let mut expected =
            [arm, &build.attestations()[2]].map(|leaf| scene.name(&format!("t/multi:1@{}", leaf.digest())));
        expected.sort();
        assert_eq!(removed, expected, "{entry}");
        let rest = build.images()[..2].iter().chain(&build.attestations()[..2]);
        assert_eq!(left(&scene, "t/multi:all"), sorted(rest), "{entry}");
    }
}

#[test]
fn an_attestation_can_be_removed_alone() {
    let (scene, build) = built();
    let attestation = build.attestations()[1].digest();
    let output = scene.run_ok(&format!("remove @t/multi:all {attestation}"));
    assert_eq!(output, scene.expand(&format!("@t/multi:1@{attestation}\n")));
    assert_eq!(left(&scene, "t/multi:all").len(), 5);
}

#[test]
fn several_entries_are_removed_at_once() {
    let (scene, build) = built();
    scene.run_ok("remove @t/multi:all linux/arm64 linux/arm/v7");
    assert_eq!(left(&scene, "t/multi:all"), sorted([&build.images()[0], &build.attestations()[0]]));
}

#[test]
fn one_entry_named_twice_is_removed_once() {
    let scene = Scene::with_list();
    let output = scene.run_ok(&format!("remove @t/app:v1 linux/arm64 {}", arm64().digest()));
    assert_eq!(output, scene.expand("@t/app:arm64\n"));
}

#[test]
fn nothing_is_removed_unless_everything_can_be() {
    let scene = Scene::with_list();
    for entry in ["@t/app:nope", "linux/s390x", &Sample::oci("linux/s390x").digest()] {
        let output = scene.run_err_unchanged(&format!("remove @t/app:v1 @t/app:arm64 {entry}"));
        assert!(output.contains(&scene.expand(entry)), "{output}");
    }
}

#[test]
fn a_platform_of_several_images_is_an_error_that_names_them() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &Sample::oci_with_layers("linux/amd64", &["again"]));
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again @t/app:arm64");
    let output = scene.run_err_unchanged("remove @t/app:v1 linux/amd64");
    for name in ["t/app:amd64", "t/app:again"] {
        assert!(output.contains(&scene.name(name)), "{output}");
    }
    assert!(!output.contains(&scene.name("t/app:arm64")), "{output}");
    scene.run_ok("remove @t/app:v1 @t/app:again");
}

#[test]
fn remove_matches_the_annotated_platform() {
    let scene = Scene::with_list();
    scene.run_ok("annotate --arch arm --variant v7 @t/app:v1 @t/app:arm64");
    scene.run_err_unchanged("remove @t/app:v1 linux/arm64");
    scene.run_ok("remove @t/app:v1 linux/arm/v7");
}

#[test]
fn removing_the_last_entry_leaves_an_empty_list() {
    let scene = Scene::with_list();
    scene.run_ok("remove @t/app:v1 linux/amd64 linux/arm64");
    assert!(scene.home.list(&scene.name("t/app:v1")).is_dir());
    assert_eq!(scene.run_ok("ls -q"), scene.expand("@t/app:v1\n"));
    scene.run_ok("create --amend @t/app:v1 @t/app:arm64");
    assert_eq!(left(&scene, "t/app:v1"), sorted(&[arm64()]));
}

#[test]
fn a_removed_entry_can_be_added_again() {
    let scene = Scene::with_list();
    scene.run_ok("annotate --variant v9 @t/app:v1 @t/app:arm64");
    scene.run_ok("remove @t/app:v1 @t/app:arm64");
    scene.run_ok("create --amend @t/app:v1 @t/app:arm64");
    let list = scene.inspect("@t/app:v1");
    assert_eq!(list["manifests"][1]["platform"].get("variant"), None, "nothing of it is left");
}

#[test]
fn remove_fails_for_missing_lists_and_missing_arguments() {
    let scene = Scene::with_list();
    let output = scene.run_err_unchanged("remove @t/app:nope linux/amd64");
    assert!(output.contains(&scene.name("t/app:nope")), "{output}");
    scene.run_err_unchanged("remove @t/app:v1");
    scene.run_err_unchanged("remove");
}

#[test]
fn remove_asks_no_registry() {
    let scene = Scene::with_list();
    let connections = scene.registry.connections();
    scene.run_ok("remove @t/app:v1 linux/arm64");
    assert_eq!(scene.registry.connections(), connections);
}

#[test]
fn the_name_of_an_index_removes_all_its_entries() {
    let (scene, build) = built();
    scene.run_ok("create --amend @t/multi:all @t/app:amd64");
    let output = scene.run_ok("remove @t/multi:all @t/multi:1");
    assert_eq!(output.lines().count(), build.leaves().count(), "{output}");
    assert_eq!(left(&scene, "t/multi:all"), sorted(&[amd64()]));
}
