//! `mfst ls`.

use std::fs;

use serde_json::{Value, json};

use mfst_testkit::faults::Fault;
use mfst_testkit::installed;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, index};
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, amd64, arm64};

/// The output of `ls --format json`.
#[track_caller]
fn lists_as_json(scene: &Scene) -> Vec<Value> {
    let output = scene.run_ok("ls --format json");
    serde_json::from_str(&output).expect("a JSON array")
}

/// Removes mfst's own metadata, as if docker had made all lists.
fn remove_metadata(scene: &Scene) {
    fs::remove_dir_all(scene.home.store().join(".mfst")).expect("mfst's metadata");
}

/// The words of each line of the table, without the header.
#[track_caller]
fn rows(scene: &Scene) -> Vec<Vec<String>> {
    let output = scene.run_ok("ls");
    let mut rows = output.lines().map(|line| line.split_whitespace().map(String::from).collect());
    let header: Vec<String> = rows.next().expect("a header");
    assert_eq!(header, ["NAME", "ENTRIES", "PLATFORMS", "AGE"]);
    rows.collect()
}

#[test]
fn without_lists_ls_prints_only_the_header() {
    let scene = Scene::new();
    for _ in 0..2 {
        assert_eq!(rows(&scene), Vec::<Vec<String>>::new());
        assert_eq!(scene.run_ok("ls -q"), "");
        assert_eq!(scene.run_ok("ls --format json"), "[]\n");
        // Nor after the last list was removed.
        scene.create("t/app:v1", &["t/app:amd64"]);
        scene.run_ok("rm @t/app:v1");
    }
    assert_eq!(Sandbox::new().run_ok(&["ls", "-q"]), "", "and the directory need not exist");
}

#[test]
fn lists_are_sorted_by_name_and_show_their_platforms() {
    let scene = Scene::new();
    scene.create("t/app:v2", &["t/app:arm64"]);
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.run_ok("annotate --variant v8 @t/app:v2 @t/app:arm64");
    let rows = rows(&scene);
    let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, [scene.name("t/app:v1"), scene.name("t/app:v2")]);
    assert_eq!((rows[0][1].as_str(), rows[1][1].as_str()), ("2", "1"));
    let line = rows[0].join(" ");
    assert!(line.contains("linux/amd64") && line.contains("linux/arm64"), "{line}");
    assert!(rows[1].join(" ").contains("linux/arm64/v8"), "{rows:?}");
    assert_eq!(scene.run_ok("ls -q"), scene.expand("@t/app:v1\n@t/app:v2\n"));
    assert_eq!(scene.run_ok("ls --quiet"), scene.run_ok("ls -q"));
}

#[test]
fn ls_prints_json() {
    let scene = Scene::with_list();
    let mut lists = lists_as_json(&scene);
    let modified = lists[0]["modified"].take();
    let modified = modified.as_str().expect("a time");
    let shape: String = modified.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{modified}");
    let image = |tag: &str, sample: &Sample, platform: &str| {
        let name = scene.name(&format!("t/app:{tag}"));
        json!({
            "reference": name, "source": name, "platform": platform, "mediaType": OCI_MANIFEST,
            "size": sample.manifest().len(), "digest": sample.digest(),
        })
    };
    let expected = json!([{
        "name": scene.name("t/app:v1"),
        "nameIsGuessed": false,
        "entries": 2,
        "platforms": ["linux/amd64", "linux/arm64"],
        "images": [image("amd64", &amd64(), "linux/amd64"), image("arm64", &arm64(), "linux/arm64")],
        "modified": null,
    }]);
    assert_eq!(json!(lists), expected);
}

#[test]
fn an_unknown_format_exits_with_125() {
    Sandbox::new().run(&["ls", "--format", "yaml"]).failure(125);
    Sandbox::new().run(&["ls", "surplus"]).failure(1);
}

#[test]
fn the_name_of_a_list_that_docker_made_is_guessed_from_its_entries() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    remove_metadata(&scene);
    let lists = lists_as_json(&scene);
    assert_eq!(lists[0]["name"], scene.name("t/app:v1"));
    assert_eq!(lists[0]["nameIsGuessed"], true);
    assert_eq!(rows(&scene)[0][..2], [scene.name("t/app:v1"), "?".to_owned()]);
    assert_eq!(scene.run_ok("ls -q"), scene.expand("@t/app:v1\n"));
}

#[test]
fn a_guessed_name_can_be_used() {
    let Some(docker) = installed::docker() else { return };
    let scene = Scene::new();
    scene.docker(&docker, "create --insecure @t/app:v1-2.3_x @t/app:amd64 @t/app:arm64").success();
    let name = scene.run_ok("ls -q");
    assert_eq!(name, scene.expand("@t/app:v1-2.3_x\n"));
    scene.run_ok(&format!("push --purge {name}"));
    assert!(scene.registry.manifest("t/app", "v1-2.3_x").is_some());
    assert_eq!(scene.run_ok("ls -q"), "");
}

#[test]
fn a_list_that_cannot_be_read_does_not_hide_the_others() {
    let scene = Scene::with_list();
    scene.create("t/app:broken", &["t/app:amd64"]);
    let entry = scene.home.entry(&scene.name("t/app:broken"), &scene.name("t/app:amd64"));
    fs::write(entry, "{").expect("a broken entry");
    let result = scene.run("ls -q");
    assert!(result.stdout.contains(&scene.name("t/app:v1")), "{result:#?}");
}

#[test]
fn ls_sends_no_request_and_changes_nothing() {
    let scene = Scene::with_list();
    let (connections, before) = (scene.registry.connections(), scene.home.lists());
    scene.run_ok("ls");
    assert_eq!((scene.registry.connections(), scene.home.lists()), (connections, before));
}

#[test]
fn control_characters_in_a_platform_do_not_reach_the_terminal() {
    let scene = Scene::new();
    let mut entries = [amd64().index_entry(), arm64().index_entry()];
    entries[0]["platform"] = json!({"os": "li\u{1b}[2Jnux", "architecture": "am\nd64", "variant": "\u{202e}v1"});
    scene.registry.put_image("t/odd", "a", &amd64());
    scene.registry.put_image("t/odd", "b", &arm64());
    scene.registry.put_manifest("t/odd", "1", OCI_INDEX, &index(OCI_INDEX, &entries));
    scene.create("t/odd:all", &["t/odd:1"]);
    let output = scene.run_ok("ls");
    assert!(output.lines().count() == 2 && output.contains("li [2Jnux/am d64/ v1,linux/arm64"), "{output:?}");
}

#[test]
fn entries_without_a_platform_are_not_listed() {
    let scene = Scene::new();
    let nowhere = Sample::oci("/");
    scene.registry.put_image("t/odd", "nowhere", &nowhere);
    scene.create("t/odd:all", &["t/odd:nowhere", "t/app:amd64"]);
    assert_eq!(lists_as_json(&scene)[0]["platforms"], json!(["linux/amd64"]));
    assert_eq!(lists_as_json(&scene)[0]["entries"], json!(2));
}

/// The entries of a list as JSON.
#[track_caller]
fn entries(scene: &Scene, line: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&scene.run_ok(line)).expect("JSON");
    list["images"].as_array().expect("images").clone()
}

#[test]
fn the_entries_of_a_list_are_shown_with_their_source_platform_and_digest() {
    let scene = Scene::with_list();
    let connections = scene.registry.connections();
    let printed = scene.run_ok("ls @t/app:v1");
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let (first, second) = (scene.name("t/app:amd64"), scene.name("t/app:arm64"));
    assert_eq!(lines[0], ["SOURCE", "PLATFORM", "DIGEST"]);
    assert_eq!(lines[1], [first.as_str(), "linux/amd64", &amd64().digest()]);
    assert_eq!(lines[2], [second.as_str(), "linux/arm64", &arm64().digest()]);
    assert_eq!(scene.run_ok("ls -q @t/app:v1"), format!("{first}\n{second}\n"));
    assert_eq!(scene.registry.connections(), connections);
    let output = scene.run("ls @t/nope").failure(1);
    assert_eq!(output.lines().next(), Some(scene.expand("No such manifest: @t/nope:latest").as_str()));
}

#[test]
fn an_image_that_came_from_a_list_is_shown_with_the_list_as_its_source() {
    let scene = Scene::new();
    let both = [amd64().index_entry(), arm64().index_entry()];
    scene.registry.put_manifest("t/app", "both", OCI_INDEX, &index(OCI_INDEX, &both));
    scene.create("t/app:v1", &["t/app:both"]);
    let images = entries(&scene, "ls @t/app:v1 --format json");
    for (image, sample) in images.iter().zip([amd64(), arm64()]) {
        assert_eq!(image["source"], scene.name("t/app:both"));
        assert_eq!(image["reference"], format!("{}@{}", scene.name("t/app:both"), sample.digest()));
    }
    assert_eq!(lists_as_json(&scene)[0]["images"], json!(images));
}

#[test]
fn check_says_which_sources_have_moved() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "gone", &Sample::oci("linux/386"));
    scene.registry.put_image("t/app", "moves", &Sample::oci("linux/s390x"));
    let fixed = format!("t/app@{}", amd64().digest());
    scene.create("t/app:v1", &["t/app:arm64", "t/app:gone", "t/app:moves", &fixed]);
    let now = Sample::oci("linux/ppc64le");
    scene.registry.put_image("t/app", "moves", &now);
    scene.registry.remove_manifest("t/app", "gone");
    let images = entries(&scene, "ls --check --format json @t/app:v1");
    let state = |name: &str| {
        let image = images.iter().find(|image| image["reference"] == scene.name(name)).expect("the image");
        (image["state"].clone(), image["currentDigest"].clone())
    };
    assert_eq!(state("t/app:arm64"), (json!("unchanged"), Value::Null));
    assert_eq!(state("t/app:gone"), (json!("gone"), Value::Null));
    assert_eq!(state("t/app:moves"), (json!("moved"), json!(now.digest())));
    assert_eq!(state(&fixed), (json!("fixed"), Value::Null));
    let printed = scene.run_ok("ls --check @t/app:v1");
    assert!(printed.contains(&format!("moved to {}", now.digest())) && printed.contains("STATE"), "{printed}");
    // A registry that does not answer is not a tag that is gone.
    scene.registry.fault(Fault::on("HEAD", "/v2/").always().answer(403, ""));
    scene.run("ls --check @t/app:v1").failure(1);
}

#[test]
fn check_is_for_the_entries_of_a_list() {
    let scene = Scene::with_list();
    scene.run("ls --check").failure(1);
    scene.run("ls --check -q @t/app:v1").failure(1);
}
