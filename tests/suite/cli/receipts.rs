//! What a push leaves behind for scripts: `--quiet`, `--digestfile`, `--metadata-file`.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use mfst_testkit::build::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, Sample, digest};
use mfst_testkit::scene::{Scene, amd64, arm64};

/// A directory for receipts, and nothing in it.
fn receipts(scene: &Scene) -> PathBuf {
    let directory = scene.home.home().join("receipts");
    fs::create_dir(&directory).expect("a directory");
    directory
}

#[track_caller]
fn is_empty(directory: &PathBuf) {
    assert_eq!(fs::read_dir(directory).expect("a directory").count(), 0);
}

/// The metadata that a push with this command line writes.
#[track_caller]
fn metadata(scene: &Scene, line: &str) -> Value {
    let file = scene.home.home().join("metadata.json");
    scene.ok(&line.replace("push", &format!("push --metadata-file {}", file.display())));
    serde_json::from_slice(&fs::read(file).expect("the metadata")).expect("JSON")
}

fn pushed_digest(scene: &Scene, repo: &str) -> String {
    digest(&scene.registry.manifest(repo, "v1").expect("the list").1)
}

#[test]
fn quiet_leaves_the_digest_alone_on_stdout() {
    for quiet in ["-q", "--quiet"] {
        let scene = Scene::new();
        scene.create("dst/app:v1", &["t/app:amd64"]);
        let said = scene.ok(&format!("push {quiet} --tag b @dst/app:v1"));
        assert_eq!(said, pushed_digest(&scene, "dst/app") + "\n");
    }
}

#[test]
fn the_digest_file_has_the_digest_and_no_newline() {
    let scene = Scene::with_list();
    let directory = receipts(&scene);
    let file = directory.join("digest");
    for _ in 0..2 {
        scene.ok(&format!("push --digestfile {} @t/app:v1", file.display()));
        assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene, "t/app"));
        // An older one is written over.
        fs::write(&file, "something that is longer than any digest is, and has to go".repeat(3)).expect("a file");
    }
    assert_eq!(fs::read_dir(directory).expect("a directory").count(), 1, "nothing is left beside it");
}

#[test]
fn a_push_that_fails_writes_no_receipts() {
    let scene = Scene::with_list();
    let directory = receipts(&scene);
    let (file, json) = (directory.join("digest"), directory.join("json"));
    let line = format!("push --tag b --digestfile {} --metadata-file {} @t/app:v1", file.display(), json.display());
    scene.registry.fault(Fault::on("PUT", "/manifests/b").times(2).answer(403, "no"));
    scene.refused(&line);
    is_empty(&directory);
    fs::write(&file, "old").expect("a file");
    scene.refused(&line);
    assert_eq!(fs::read_to_string(&file).expect("the digest"), "old");
    scene.ok(&line);
    assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene, "t/app"));
}

#[test]
fn a_receipt_that_cannot_be_written_is_an_error_before_anything_is_sent() {
    for flag in ["--digestfile", "--metadata-file"] {
        let scene = Scene::with_list();
        let directory = scene.home.home().display().to_string();
        let missing = format!("{directory}/no/such/file");
        for place in [missing, directory] {
            let said = scene.refused(&format!("push {flag} {place} @t/app:v1"));
            assert!(said.contains(&place) && !said.contains(".mfst-"), "{said}");
        }
        assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
    }
}

#[test]
fn a_push_that_is_killed_leaves_nothing_where_the_receipts_go() {
    let scene = Scene::with_list();
    let directory = receipts(&scene);
    let (file, json) = (directory.join("digest"), directory.join("json"));
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").hang());
    let line = format!("push --digestfile {} --metadata-file {} @t/app:v1", file.display(), json.display());
    let mut child = crate::cli::process::spawn(&scene, &line);
    scene.registry.script().wait_until_played();
    child.kill().expect("a process to kill");
    child.wait().expect("an end");
    is_empty(&directory);
}

#[test]
fn a_receipt_on_a_stream_of_ours_comes_behind_what_is_there() {
    let scene = Scene::with_list();
    let directory = receipts(&scene);
    let out = directory.join("out");
    let words = scene.words("push --digestfile /dev/stdout @t/app:v1");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let stdout = fs::File::create(&out).expect("a file");
    assert!(scene.home.command(&words).stdout(stdout).status().expect("a run").success());
    let digest = pushed_digest(&scene, "t/app");
    assert_eq!(fs::read_to_string(&out).expect("the output"), format!("{digest}\n{digest}"));
}

#[test]
fn metadata_tell_of_images_that_were_there_mounted_and_copied() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let there = Sample::oci("linux/s390x");
    scene.registry.put_image("dst/app", "s390x", &there);
    scene.other().put_image("src/app", "arm64", &arm64());
    scene.create("dst/app:v1", &["dst/app:s390x", "t/app:amd64"]);
    scene.ok("create --amend @dst/app:v1 %src/app:arm64");
    let told = metadata(&scene, "push @dst/app:v1");
    let (_, list) = scene.registry.manifest("dst/app", "v1").expect("the list");
    assert_eq!(told["references"], json!([scene.name("dst/app:v1")]));
    assert_eq!(told["digest"], digest(&list));
    assert_eq!(told["mediaType"], OCI_INDEX);
    assert_eq!(told["size"], list.len());

    let platform = |architecture: &str| json!({"architecture": architecture, "os": "linux"});
    let blobs =
        |[mounted, copied, present]: [usize; 3]| json!({"mounted": mounted, "copied": copied, "present": present});
    let bytes: usize = arm64().blobs().iter().map(Vec::len).sum();
    let expected = [
        json!({
            "source": scene.name("dst/app:s390x"), "digest": there.digest(), "platform": platform("s390x"),
            "blobs": blobs([0, 0, 2]), "bytes": 0,
        }),
        json!({
            "source": scene.name("t/app:amd64"), "digest": amd64().digest(), "platform": platform("amd64"),
            "blobs": blobs([2, 0, 0]), "bytes": 0,
        }),
        json!({
            "source": scene.other().image("src/app:arm64"), "digest": arm64().digest(), "platform": platform("arm64"),
            "blobs": blobs([0, 2, 0]), "bytes": bytes,
        }),
    ];
    let entries = told["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 3);
    for entry in &expected {
        assert!(entries.contains(entry), "{entry:#} is not among {entries:#?}");
    }
}

#[test]
fn metadata_have_the_entries_in_the_lists_order() {
    let scene = Scene::new();
    Build::of(&["linux/amd64", "linux/arm/v7"]).put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:v1", &["t/multi:1"]);
    let told = metadata(&scene, "push @t/multi:v1");
    let list = scene.pushed("t/multi", "v1");
    for (number, entry) in told["entries"].as_array().expect("entries").iter().enumerate() {
        assert_eq!(entry["digest"], list["manifests"][number]["digest"]);
        assert_eq!(entry["platform"], list["manifests"][number]["platform"]);
    }
    assert_eq!(told["entries"].as_array().map(Vec::len), Some(4));
}

#[test]
fn metadata_name_all_references() {
    let scene = Scene::with_list();
    let told = metadata(&scene, "push --tag b --tag @more/app:1 @t/app:v1");
    let names = ["t/app:v1", "t/app:b", "more/app:1"].map(|name| scene.name(name));
    assert_eq!(told["references"], json!(names));
}

#[test]
fn metadata_count_blobs_that_were_there_already_as_present() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.other().put_image("src/app", "arm64", &arm64());
    scene.registry.put_blob("dst/app", &arm64().blobs()[1]);
    scene.ok("create @dst/app:v1 %src/app:arm64");
    let told = metadata(&scene, "push @dst/app:v1");
    assert_eq!(told["entries"][0]["blobs"], json!({"mounted": 0, "copied": 1, "present": 1}));
    assert_eq!(told["entries"][0]["bytes"], arm64().blobs()[0].len());
}

#[test]
fn metadata_count_the_blobs_of_an_image_that_was_there_as_present_whatever_others_share_them() {
    let scene = Scene::new();
    let [here, there] = ["here", "there"].map(|name| Sample::oci_with_layers("linux/amd64", &["shared", name]));
    scene.registry.put_image("dst/app", "here", &here);
    scene.registry.put_image("src/app", "there", &there);
    scene.create("dst/app:v1", &["dst/app:here", "src/app:there"]);
    scene.ok("annotate --variant v2 @dst/app:v1 @src/app:there");
    let told = metadata(&scene, "push @dst/app:v1");
    let blobs = |number: usize| told["entries"][number]["blobs"].clone();
    assert_eq!(blobs(0), json!({"mounted": 0, "copied": 0, "present": 3}));
    assert_eq!(blobs(1)["copied"], 0);
}

#[test]
fn receipts_come_with_create_and_push_as_well() {
    let scene = Scene::new();
    let file = scene.home.home().join("digest");
    scene.ok(&format!("create --push --digestfile {} @dst/app:v1 @t/app:amd64", file.display()));
    assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene, "dst/app"));
    let told = metadata(&scene, "create --push @dst/app:v1 @t/app:amd64");
    assert_eq!(told["digest"], pushed_digest(&scene, "dst/app"));
}
