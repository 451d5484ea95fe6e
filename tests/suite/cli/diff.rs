//! `mfst diff`.

use mfst_testkit::buildx::Build;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample, digest, index};
use mfst_testkit::scene::{Scene, amd64, arm64};
use serde_json::{Value, json};

/// A registry with the lists `t/app:1` and `t/app:2` of these entries.
fn scene(one: &[Value], two: &[Value]) -> Scene {
    let scene = Scene::new();
    for (tag, entries) in [("1", one), ("2", two)] {
        scene.registry.put_manifest("t/app", tag, OCI_INDEX, &index(OCI_INDEX, entries));
    }
    scene
}

#[track_caller]
fn difference(scene: &Scene) -> Value {
    let ran = scene.run("diff --format json @t/app:1 @t/app:2");
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn short(image: &Sample) -> String {
    image.digest()["sha256:".len()..][..12].to_owned()
}

#[test]
fn the_same_is_zero_and_silent() {
    let scene = scene(&[amd64().index_entry()], &[amd64().index_entry()]);
    assert_eq!(scene.run_ok("diff @t/app:1 @t/app:2"), "");
    let json: Value = serde_json::from_str(&scene.run_ok("diff --format json @t/app:1 @t/app:2")).expect("JSON");
    let (from, to) = (scene.name("t/app:1"), scene.name("t/app:2"));
    let nothing = json!([]);
    assert_eq!(
        json,
        json!({"from": from, "to": to, "same": true, "added": nothing, "removed": nothing, "changed": nothing, "index": nothing})
    );
}

#[test]
fn images_are_compared_by_platform() {
    let (old, new) = (Sample::oci_with_layers("linux/386", &["a"]), Sample::oci_with_layers("linux/386", &["a", "b"]));
    let s390x = Sample::oci("linux/s390x");
    let scene = scene(&[amd64().index_entry(), old.index_entry()], &[new.index_entry(), s390x.index_entry()]);
    for image in [&old, &new, &s390x] {
        scene.registry.put_image("t/app", &image.digest(), image);
    }
    let ran = scene.run("diff @t/app:1 @t/app:2");
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert_eq!(lines[0][..3], ["-", "linux/amd64", &short(&amd64())]);
    assert_eq!(lines[1][..3], ["+", "linux/s390x", &short(&s390x)]);
    assert_eq!(lines[2][..5], ["~", "linux/386", &short(&old), "→", &short(&new)]);
    let size = |image: &Sample| image.blobs().iter().map(Vec::len).sum::<usize>();
    let json = difference(&scene);
    assert_eq!(json["changed"][0]["from"]["compressedSize"], size(&old));
    assert_eq!(json["changed"][0]["to"]["compressedSize"], size(&new));
    assert_eq!(
        json["removed"][0],
        json!({"platform": "linux/amd64", "digest": amd64().digest(), "compressedSize": size(&amd64())})
    );
}

#[test]
fn what_lists_say_about_an_image_is_compared() {
    let mut other = amd64().index_entry();
    other["annotations"] = json!({"k": "v"});
    let scene = scene(&[amd64().index_entry()], &[other]);
    let ran = scene.run("diff @t/app:1 @t/app:2");
    assert!(ran.stdout.contains("\n    annotation k: none → v\n"), "{}", ran.stdout);
    let json = difference(&scene);
    assert_eq!(json["changed"][0]["fields"], json!([{"field": "annotation k", "from": null, "to": "v"}]));
    assert_eq!(json["index"], json!([]));
}

#[test]
fn what_an_index_says_is_compared() {
    let entries = [amd64().index_entry(), arm64().index_entry()];
    let scene = scene(&entries, &[]);
    let subject = json!({"mediaType": OCI_INDEX, "digest": digest(b"x"), "size": 1});
    let two = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "artifactType": "application/x",
        "manifests": [entries[1], entries[0]], "subject": subject, "annotations": {"a": "b"}});
    scene.registry.put_manifest("t/app", "2", OCI_INDEX, two.to_string().as_bytes());
    let ran = scene.run("diff @t/app:1 @t/app:2");
    let expected = format!(
        "~ artifact type: none → application/x\n~ subject: none → {}\n~ order: linux/amd64, linux/arm64 → \
         linux/arm64, linux/amd64\n~ annotation a: none → b\n",
        digest(b"x")
    );
    assert_eq!(ran.stdout, expected);
}

#[test]
fn a_docker_list_is_not_an_index() {
    let scene = scene(&[amd64().index_entry()], &[]);
    scene.registry.put_manifest("t/app", "2", DOCKER_LIST, &index(DOCKER_LIST, &[amd64().index_entry()]));
    let json = difference(&scene);
    assert_eq!(json["index"], json!([{"field": "media type", "from": OCI_INDEX, "to": DOCKER_LIST}]));
    assert_eq!((&json["changed"], &json["added"]), (&json!([]), &json!([])));
}

#[test]
fn other_bytes_that_say_the_same_are_a_difference() {
    let scene = scene(&[amd64().index_entry()], &[]);
    let bytes = [index(OCI_INDEX, &[amd64().index_entry()]), b"\n".to_vec()].concat();
    scene.registry.put_manifest("t/app", "2", OCI_INDEX, &bytes);
    assert_eq!(difference(&scene)["index"][0]["field"], "digest");
}

#[test]
fn attestations_are_compared_by_their_image() {
    let (one, two) = (Build::salted("one", &["linux/amd64"]), Build::salted("two", &["linux/amd64"]));
    let scene = Scene::new();
    one.put(&scene.registry, "t/app", "1");
    two.put(&scene.registry, "t/app", "2");
    let json = difference(&scene);
    let names: Vec<&str> = json["changed"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|it| it["from"]["platform"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["linux/amd64", "attestation of linux/amd64"]);
    assert!(json["changed"].as_array().expect("changes").iter().all(|it| it["fields"] == json!([])), "{json}");
}

#[test]
fn single_images_and_layouts_are_compared() {
    let scene = Scene::new();
    let ran = scene.run("diff @t/app:amd64 @t/app:arm64");
    assert!(ran.stdout.starts_with("- linux/amd64") && ran.stdout.contains("\n+ linux/arm64"), "{}", ran.stdout);
    assert_eq!(ran.code, Some(1));
    let layout = super::layouts::with_image(&scene, "1.0", &amd64());
    assert_eq!(scene.run_ok(&format!("diff @t/app:amd64 oci:{layout}:1.0")), "");
}

#[test]
fn trouble_is_two() {
    let scene = scene(&[amd64().index_entry()], &[arm64().index_entry()]);
    assert!(scene.run("diff @t/app:1 @t/app:no").failure(2).contains("no such manifest"));
    scene.run("diff @t/app:1").failure(2);
    scene.registry.fault(Fault::on("GET", "/manifests/sha256").always().answer(403, ""));
    scene.run("diff @t/app:1 @t/app:2").failure(2);
}

#[test]
fn an_image_that_is_gone_is_compared_without_its_size() {
    let lost = Sample::oci("linux/s390x");
    let scene = scene(&[amd64().index_entry()], &[lost.index_entry()]);
    assert_eq!(difference(&scene)["added"][0], json!({"platform": "linux/s390x", "digest": lost.digest()}));
}
