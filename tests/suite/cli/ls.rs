//! `mfst ls`.

use std::fs;

use serde_json::{Value, json};

use mfst_testkit::debian;
use mfst_testkit::sample::{OCI_INDEX, Sample, index};
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, amd64, arm64};

/// The lists as JSON.
#[track_caller]
fn listed(scene: &Scene) -> Vec<Value> {
    let said = scene.ok("ls --format json");
    serde_json::from_str(&said).expect("a JSON array")
}

/// Takes away what mfst knows beside docker, as if docker had made everything.
fn as_docker_leaves_it(scene: &Scene) {
    fs::remove_dir_all(scene.home.store().join(".mfst")).expect("mfst's own corner");
}

/// The words of each line of the table, the header left out.
#[track_caller]
fn rows(scene: &Scene) -> Vec<Vec<String>> {
    let said = scene.ok("ls");
    let mut rows = said.lines().map(|line| line.split_whitespace().map(String::from).collect());
    let header: Vec<String> = rows.next().expect("a header");
    assert_eq!(header, ["NAME", "ENTRIES", "PLATFORMS", "AGE"]);
    rows.collect()
}

#[test]
fn where_there_is_no_list_there_is_nothing_but_the_header() {
    let scene = Scene::new();
    for _ in 0..2 {
        assert_eq!(rows(&scene), Vec::<Vec<String>>::new());
        assert_eq!(scene.ok("ls -q"), "");
        assert_eq!(scene.ok("ls --format json"), "[]\n");
        // Nor when there was one.
        scene.create("t/app:v1", &["t/app:amd64"]);
        scene.ok("rm @t/app:v1");
    }
    assert_eq!(Sandbox::new().ok(&["ls", "-q"]), "", "and the directory need not exist");
}

#[test]
fn lists_are_sorted_by_name_and_have_their_platforms() {
    let scene = Scene::new();
    scene.create("t/app:v2", &["t/app:arm64"]);
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.ok("annotate --variant v8 @t/app:v2 @t/app:arm64");
    let rows = rows(&scene);
    let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, [scene.name("t/app:v1"), scene.name("t/app:v2")]);
    assert_eq!((rows[0][1].as_str(), rows[1][1].as_str()), ("2", "1"));
    let line = rows[0].join(" ");
    assert!(line.contains("linux/amd64") && line.contains("linux/arm64"), "{line}");
    assert!(rows[1].join(" ").contains("linux/arm64/v8"), "{rows:?}");
    assert_eq!(scene.ok("ls -q"), scene.expand("@t/app:v1\n@t/app:v2\n"));
    assert_eq!(scene.ok("ls --quiet"), scene.ok("ls -q"));
}

#[test]
fn lists_as_json() {
    let scene = Scene::with_list();
    let mut lists = listed(&scene);
    let modified = lists[0]["modified"].take();
    let modified = modified.as_str().expect("a time");
    let shape: String = modified.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{modified}");
    let expected = json!([{
        "name": scene.name("t/app:v1"),
        "nameIsGuessed": false,
        "entries": 2,
        "platforms": ["linux/amd64", "linux/arm64"],
        "modified": null,
    }]);
    assert_eq!(json!(lists), expected);
}

#[test]
fn a_format_that_is_none_ends_with_125() {
    Sandbox::new().run(&["ls", "--format", "yaml"]).fails(125);
    Sandbox::new().run(&["ls", "surplus"]).fails(1);
}

#[test]
fn the_name_of_a_list_that_docker_made_is_guessed_from_its_entries() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    as_docker_leaves_it(&scene);
    let lists = listed(&scene);
    assert_eq!(lists[0]["name"], scene.name("t/app:v1"));
    assert_eq!(lists[0]["nameIsGuessed"], true);
    assert_eq!(rows(&scene)[0][..2], [scene.name("t/app:v1"), "?".to_owned()]);
    assert_eq!(scene.ok("ls -q"), scene.expand("@t/app:v1\n"));
}

#[test]
fn the_name_of_a_list_that_docker_made_can_be_used() {
    let Some(docker) = debian::docker() else { return };
    let scene = Scene::new();
    scene.docker(&docker, "create --insecure @t/app:v1-2.3_x @t/app:amd64 @t/app:arm64").ok();
    let name = scene.ok("ls -q");
    assert_eq!(name, scene.expand("@t/app:v1-2.3_x\n"));
    scene.ok(&format!("push --purge {name}"));
    assert!(scene.registry.manifest("t/app", "v1-2.3_x").is_some());
    assert_eq!(scene.ok("ls -q"), "");
}

#[test]
fn a_list_that_cannot_be_read_does_not_hide_the_others() {
    let scene = Scene::with_list();
    scene.create("t/app:broken", &["t/app:amd64"]);
    let entry = scene.home.entry(&scene.name("t/app:broken"), &scene.name("t/app:amd64"));
    fs::write(entry, "{").expect("a broken entry");
    let ran = scene.run("ls -q");
    assert!(ran.stdout.contains(&scene.name("t/app:v1")), "{ran:#?}");
}

#[test]
fn ls_asks_no_registry_and_changes_nothing() {
    let scene = Scene::with_list();
    let (connections, before) = (scene.registry.connections(), scene.home.tree());
    scene.ok("ls");
    assert_eq!((scene.registry.connections(), scene.home.tree()), (connections, before));
}

#[test]
fn what_a_registry_calls_a_platform_gives_a_terminal_no_orders() {
    let scene = Scene::new();
    let mut entries = [amd64().index_entry(), arm64().index_entry()];
    entries[0]["platform"] = json!({"os": "li\u{1b}[2Jnux", "architecture": "am\nd64", "variant": "\u{202e}v1"});
    scene.registry.put_image("t/odd", "a", &amd64());
    scene.registry.put_image("t/odd", "b", &arm64());
    scene.registry.put_manifest("t/odd", "1", OCI_INDEX, &index(OCI_INDEX, &entries));
    scene.create("t/odd:all", &["t/odd:1"]);
    let said = scene.ok("ls");
    assert!(said.lines().count() == 2 && said.contains("li [2Jnux/am d64/ v1,linux/arm64"), "{said:?}");
}

#[test]
fn what_has_no_platform_is_not_listed_with_one() {
    let scene = Scene::new();
    let nowhere = Sample::oci("/");
    scene.registry.put_image("t/odd", "nowhere", &nowhere);
    scene.create("t/odd:all", &["t/odd:nowhere", "t/app:amd64"]);
    assert_eq!(listed(&scene)[0]["platforms"], json!(["linux/amd64"]));
    assert_eq!(listed(&scene)[0]["entries"], json!(2));
}
