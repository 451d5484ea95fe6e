//! `annotate --annotation` and `annotate --clear`.

use serde_json::{Value, json};

use mfst_testkit::build::Build;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample};
use mfst_testkit::scene::{Scene, first};

/// The list's entry for `t/app:amd64` in the registry after these commands.
#[track_caller]
fn pushed(flags: &[&str]) -> Value {
    let scene = Scene::with_list();
    for flags in flags {
        scene.ok(&format!("annotate {flags} @t/app:v1 @t/app:amd64"));
    }
    scene.ok("push @t/app:v1");
    scene.pushed("t/app", "v1")["manifests"][0].clone()
}

const ALL: &str = "--variant v2 --os-version 10.0 --os-features a,b --annotation a=1 --annotation b=2";

#[test]
fn annotations_stand_on_the_entry_in_the_pushed_index() {
    let entry = pushed(&["--annotation org.example.title=A --annotation com.example.x=a=b", "--annotation empty="]);
    let expected = json!({"org.example.title": "A", "com.example.x": "a=b", "empty": ""});
    assert_eq!(entry["annotations"], expected);
}

#[test]
fn an_annotation_set_again_has_its_last_value() {
    let entry = pushed(&["--annotation a=1 --annotation a=2", "--annotation b=3", "--annotation b=4"]);
    assert_eq!(entry["annotations"], json!({"a": "2", "b": "4"}));
}

#[test]
fn annotations_make_a_docker_list_an_index() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "docker", &Sample::docker("linux/amd64"));
    scene.create("t/app:v1", &["t/app:docker"]);
    scene.ok("annotate --annotation a=b @t/app:v1 @t/app:docker");
    scene.ok("push @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["mediaType"], OCI_INDEX);
    scene.ok("annotate --clear annotations @t/app:v1 @t/app:docker");
    scene.ok("push @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["mediaType"], DOCKER_LIST);
}

#[test]
fn each_field_can_be_cleared_and_the_others_stay() {
    let whole = pushed(&[ALL]);
    for (field, path) in [
        ("variant", &["platform", "variant"][..]),
        ("os-version", &["platform", "os.version"]),
        ("os-features", &["platform", "os.features"]),
        ("annotations", &["annotations"]),
        ("annotation.a", &["annotations", "a"]),
    ] {
        let mut expected = whole.clone();
        let (last, parents) = path.split_last().expect("a path");
        let parent = parents.iter().fold(&mut expected, |value, name| &mut value[*name]);
        assert!(parent.as_object_mut().expect("an object").remove(*last).is_some(), "{whole}");
        assert_eq!(pushed(&[ALL, &format!("--clear {field}")]), expected, "{field}");
    }
}

#[test]
fn several_fields_are_cleared_at_once() {
    let entry = pushed(&[ALL, "--clear variant --clear os-version --clear=os-features --clear annotations"]);
    assert_eq!(entry["platform"], json!({"architecture": "amd64", "os": "linux"}));
    assert_eq!(entry.get("annotations"), None);
}

#[test]
fn clearing_comes_before_setting() {
    let entry = pushed(&[ALL, "--os-features c --clear os-features --variant v3 --clear variant"]);
    assert_eq!(entry["platform"]["os.features"], json!(["c"]));
    assert_eq!(entry["platform"]["variant"], "v3");
    let entry = pushed(&[ALL, "--annotation c=3 --clear annotations"]);
    assert_eq!(entry["annotations"], json!({"c": "3"}));
}

#[test]
fn what_is_not_there_can_be_cleared() {
    let entry = pushed(&["--clear variant --clear annotations --clear annotation.x --clear os-version"]);
    assert_eq!(entry["platform"], json!({"architecture": "amd64", "os": "linux"}));
}

#[test]
fn what_cannot_be_cleared_or_set_ends_with_125() {
    let scene = Scene::with_list();
    let before = scene.home.tree();
    for flags in [
        "--clear os",
        "--clear arch",
        "--clear bogus",
        "--clear annotation.",
        "--clear=",
        "--annotation novalue",
        "--annotation =v",
    ] {
        let said = scene.run(&format!("annotate {flags} @t/app:v1 @t/app:amd64")).fails(125);
        assert!(!first(&said).is_empty());
    }
    assert_eq!(scene.home.tree(), before);
}

#[test]
fn an_attestations_own_annotations_can_be_added_to() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64"]);
    build.put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:all", &["t/multi:1"]);
    let attestation = &build.attestations()[0];
    let mut expected = attestation.index_entry()["annotations"].clone();
    expected["a"] = "b".into();
    scene.ok(&format!("annotate --annotation a=b @t/multi:all @t/multi:1@{}", attestation.digest()));
    scene.ok("push @t/multi:all");
    assert_eq!(scene.pushed("t/multi", "all")["manifests"][1]["annotations"], expected);
}

#[test]
fn annotations_are_sorted_so_that_the_digest_does_not_depend_on_the_order() {
    let digest = |flags: &str| {
        let scene = Scene::with_list();
        scene.ok(&format!("annotate {flags} @t/app:v1 @t/app:amd64"));
        scene.ok("push @t/app:v1")
    };
    assert_eq!(digest("--annotation b=1 --annotation a=2"), digest("--annotation a=2 --annotation b=1"));
}
