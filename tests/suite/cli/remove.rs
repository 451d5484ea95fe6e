//! `mfst remove`: entries out of a local list.

use mfst_testkit::build::Build;
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

/// What a list of these leaves would say of them, sorted.
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
fn an_entry_is_removed_by_reference_by_digest_and_by_platform() {
    for entry in ["@t/app:arm64".to_owned(), arm64().digest(), "linux/arm64".to_owned(), "linux/aarch64".to_owned()] {
        let scene = Scene::with_list();
        let said = scene.ok(&format!("remove @t/app:v1 {entry}"));
        assert_eq!(said, scene.expand("@t/app:arm64\n"), "{entry}");
        assert_eq!(left(&scene, "t/app:v1"), sorted(&[amd64()]));
        scene.ok("push @t/app:v1");
        assert_eq!(digests(&scene.pushed("t/app", "v1")), [amd64().digest()]);
    }
}

#[test]
fn an_image_takes_its_attestation_along() {
    let (scene, build) = built();
    let arm = &build.images()[2];
    for entry in
        [format!("@t/multi:1@{}", arm.digest()), arm.digest(), "linux/arm/v7".to_owned(), "linux/armhf".to_owned()]
    {
        scene.ok("create --replace @t/multi:all @t/multi:1");
        let said = scene.ok(&format!("remove @t/multi:all {entry}"));
        let mut removed: Vec<&str> = said.lines().collect();
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
    let said = scene.ok(&format!("remove @t/multi:all {attestation}"));
    assert_eq!(said, scene.expand(&format!("@t/multi:1@{attestation}\n")));
    assert_eq!(left(&scene, "t/multi:all").len(), 5);
}

#[test]
fn several_entries_are_removed_at_once() {
    let (scene, build) = built();
    scene.ok("remove @t/multi:all linux/arm64 linux/arm/v7");
    assert_eq!(left(&scene, "t/multi:all"), sorted([&build.images()[0], &build.attestations()[0]]));
}

#[test]
fn one_entry_named_twice_is_removed_once() {
    let scene = Scene::with_list();
    let said = scene.ok(&format!("remove @t/app:v1 linux/arm64 {}", arm64().digest()));
    assert_eq!(said, scene.expand("@t/app:arm64\n"));
}

#[test]
fn nothing_is_removed_unless_everything_can_be() {
    let scene = Scene::with_list();
    for entry in ["@t/app:nope", "linux/s390x", &Sample::oci("linux/s390x").digest()] {
        let said = scene.refused(&format!("remove @t/app:v1 @t/app:arm64 {entry}"));
        assert!(said.contains(&scene.expand(entry)), "{said}");
    }
}

#[test]
fn a_platform_of_several_images_is_refused_with_their_names() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &Sample::oci_with_layers("linux/amd64", &["again"]));
    scene.run("create @t/app:v1 @t/app:amd64 @t/app:again @t/app:arm64");
    let said = scene.refused("remove @t/app:v1 linux/amd64");
    for name in ["t/app:amd64", "t/app:again"] {
        assert!(said.contains(&scene.name(name)), "{said}");
    }
    assert!(!said.contains(&scene.name("t/app:arm64")), "{said}");
    scene.ok("remove @t/app:v1 @t/app:again");
}

#[test]
fn the_platform_is_the_one_that_was_annotated() {
    let scene = Scene::with_list();
    scene.ok("annotate --arch arm --variant v7 @t/app:v1 @t/app:arm64");
    scene.refused("remove @t/app:v1 linux/arm64");
    scene.ok("remove @t/app:v1 linux/arm/v7");
}

#[test]
fn the_last_entry_may_go_and_the_empty_list_stays() {
    let scene = Scene::with_list();
    scene.ok("remove @t/app:v1 linux/amd64 linux/arm64");
    assert!(scene.home.list(&scene.name("t/app:v1")).is_dir());
    assert_eq!(scene.ok("ls -q"), scene.expand("@t/app:v1\n"));
    scene.ok("create --amend @t/app:v1 @t/app:arm64");
    assert_eq!(left(&scene, "t/app:v1"), sorted(&[arm64()]));
}

#[test]
fn a_removed_entry_can_be_put_back() {
    let scene = Scene::with_list();
    scene.ok("annotate --variant v9 @t/app:v1 @t/app:arm64");
    scene.ok("remove @t/app:v1 @t/app:arm64");
    scene.ok("create --amend @t/app:v1 @t/app:arm64");
    let list = scene.inspect("@t/app:v1");
    assert_eq!(list["manifests"][1]["platform"].get("variant"), None, "nothing of it is left");
}

#[test]
fn a_list_that_does_not_exist_and_arguments_that_are_missing_are_mistakes() {
    let scene = Scene::with_list();
    let said = scene.refused("remove @t/app:nope linux/amd64");
    assert!(said.contains(&scene.name("t/app:nope")), "{said}");
    scene.refused("remove @t/app:v1");
    scene.refused("remove");
}

#[test]
fn remove_asks_no_registry() {
    let scene = Scene::with_list();
    let connections = scene.registry.connections();
    scene.ok("remove @t/app:v1 linux/arm64");
    assert_eq!(scene.registry.connections(), connections);
}

#[test]
fn the_name_of_an_index_means_all_that_came_from_it() {
    let (scene, build) = built();
    scene.ok("create --amend @t/multi:all @t/app:amd64");
    let said = scene.ok("remove @t/multi:all @t/multi:1");
    assert_eq!(said.lines().count(), build.leaves().count(), "{said}");
    assert_eq!(left(&scene, "t/multi:all"), sorted(&[amd64()]));
}
