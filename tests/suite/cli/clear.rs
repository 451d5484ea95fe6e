//! `annotate --annotation` and `annotate --clear`.

use serde_json::{Value, json};

use mfst_testkit::buildx::Build;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample};
use mfst_testkit::scene::{Scene, first_line};

/// The descriptor of `t/app:amd64` in the pushed list after these commands.
#[track_caller]
fn pushed(flags: &[&str]) -> Value {
    let scene = Scene::with_list();
    for flags in flags {
        scene.run_ok(&format!("annotate {flags} @t/app:v1 @t/app:amd64"));
    }
    scene.run_ok("push @t/app:v1");
    scene.pushed("t/app", "v1")["manifests"][0].clone()
}

const ALL: &str = "--variant v2 --os-version 10.0 --os-features a,b --annotation a=1 --annotation b=2";

#[test]
fn annotations_are_on_the_entry_in_the_pushed_index() {
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
    scene.run_ok("annotate --annotation a=b @t/app:v1 @t/app:docker");
    scene.run_ok("push @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["mediaType"], OCI_INDEX);
    scene.run_ok("annotate --clear annotations @t/app:v1 @t/app:docker");
    scene.run_ok("push @t/app:v1");
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
fn absent_fields_can_be_cleared() {
    let entry = pushed(&["--clear variant --clear annotations --clear annotation.x --clear os-version"]);
    assert_eq!(entry["platform"], json!({"architecture": "amd64", "os": "linux"}));
}

#[test]
fn invalid_fields_and_annotations_exit_with_125() {
    let scene = Scene::with_list();
    let before = scene.home.lists();
    for flags in [
        "--clear os",
        "--clear arch",
        "--clear bogus",
        "--clear annotation.",
        "--clear=",
        "--annotation novalue",
        "--annotation =v",
    ] {
        let output = scene.run(&format!("annotate {flags} @t/app:v1 @t/app:amd64")).failure(125);
        assert!(!first_line(&output).is_empty());
    }
    assert_eq!(scene.home.lists(), before);
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
    scene.run_ok(&format!("annotate --annotation a=b @t/multi:all @t/multi:1@{}", attestation.digest()));
    scene.run_ok("push @t/multi:all");
    assert_eq!(scene.pushed("t/multi", "all")["manifests"][1]["annotations"], expected);
}

#[test]
fn the_order_of_annotations_does_not_change_the_digest() {
    let digest = |flags: &str| {
        let scene = Scene::with_list();
        scene.run_ok(&format!("annotate {flags} @t/app:v1 @t/app:amd64"));
        scene.run_ok("push @t/app:v1")
    };
    assert_eq!(digest("--annotation b=1 --annotation a=2"), digest("--annotation a=2 --annotation b=1"));
}
