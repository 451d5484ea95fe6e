//! `mfst ls` of lists that are not what anyone expects.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use mfst_testkit::sample::{OCI_INDEX, index};
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, amd64};

/// The lists as JSON.
#[track_caller]
fn listed(home: &Sandbox) -> Vec<Value> {
    serde_json::from_str(&home.ok(&["ls", "--format", "json"])).expect("a JSON array")
}

#[test]
fn an_overlong_platform_is_cut_in_the_table_and_whole_in_json() {
    let scene = Scene::new();
    let mut entry = amd64().index_entry();
    let variant = "v".repeat(70_000);
    entry["platform"]["variant"] = variant.as_str().into();
    scene.registry.put_image("t/odd", "a", &amd64());
    scene.registry.put_manifest("t/odd", "1", OCI_INDEX, &index(OCI_INDEX, &[entry]));
    scene.create("t/odd:all", &["t/odd:1"]);
    scene.create("t/app:v1", &["t/app:amd64"]);
    let table = scene.ok("ls");
    assert_eq!(table.lines().count(), 3);
    assert!(table.lines().all(|line| line.chars().count() < 1000) && table.contains("linux/amd64/vvvv"));
    assert_eq!(listed(&scene.home)[1]["platforms"], json!([format!("linux/amd64/{variant}")]));
}

#[test]
fn a_list_of_very_many_platforms_is_shown() {
    let home = Sandbox::new();
    let list = home.list("h.io/t/app:1");
    fs::create_dir_all(&list).expect("a list");
    for number in 0..20_000 {
        let entry = json!({
            "Ref": format!("h.io/t/app:{number}"),
            "Descriptor": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": format!("sha256:{number:064x}"),
                "size": 1,
                "platform": {"os": "linux", "architecture": format!("machine-{number}")},
            },
            "Raw": "e30=",
            "OCIManifest": {"schemaVersion": 2, "config": {"mediaType": "", "digest": "", "size": 0}, "layers": null},
        });
        fs::write(list.join(format!("h.io_t_app-{number}")), entry.to_string()).expect("an entry");
    }
    let table = home.ok(&["ls"]);
    assert!(table.lines().nth(1).is_some_and(|row| row.contains(" 20000 ") && row.len() < 1000), "{}", table.len());
    let lists = listed(&home);
    assert_eq!(lists[0]["entries"], 20_000);
    assert_eq!(lists[0]["platforms"].as_array().map(Vec::len), Some(20_000));
}

/// Gives a list's directory and its entries this time.
fn touch(list: &Path, time: SystemTime) {
    for entry in fs::read_dir(list).expect("a list") {
        File::open(entry.expect("an entry").path()).expect("a file").set_modified(time).expect("a time");
    }
    File::open(list).expect("a directory").set_modified(time).expect("a time");
}

#[test]
fn times_before_1970_and_after_9999_are_shown() {
    let scene = Scene::with_list();
    let list = scene.home.list(&scene.name("t/app:v1"));
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for time in [UNIX_EPOCH - year, UNIX_EPOCH, UNIX_EPOCH + 10_000 * year] {
        touch(&list, time);
        // Not every file system has every time.
        let kept = fs::metadata(&list).expect("a list").modified().expect("a time");
        let modified = listed(&scene.home)[0]["modified"].take();
        assert_eq!(modified.is_null(), kept < UNIX_EPOCH || kept > UNIX_EPOCH + 8030 * year, "{modified}");
        assert!(scene.ok("ls").trim_end().ends_with(" ago"));
    }
}
