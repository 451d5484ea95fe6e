//! `mfst push`.

use std::fs;

use oci_spec::image::ImageIndex;
use serde_json::Value;

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, Sample, digest};
use mfst_testkit::scene::{Scene, amd64, arm64, first_line};

#[test]
fn push_prints_the_digest_of_the_pushed_list() {
    let scene = Scene::with_list();
    let output = scene.run_ok("push @t/app:v1");
    let (media_type, bytes) = scene.registry.manifest("t/app", "v1").expect("the list");
    assert_eq!(output, format!("{}\n", digest(&bytes)));
    assert_eq!(media_type, OCI_INDEX);
    let list = ImageIndex::from_reader(&bytes[..]).expect("an OCI index");
    let digests: Vec<String> = list.manifests().iter().map(|d| d.digest().to_string()).collect();
    assert_eq!(digests, [amd64().digest(), arm64().digest()]);
    assert_eq!(list.manifests()[0].size(), amd64().manifest().len() as u64);
}

#[test]
fn a_list_has_dockers_bytes() {
    let scene = Scene::new();
    let image = amd64();
    scene.create("t/app:v1", &["t/app:amd64"]);
    scene.run_ok("push @t/app:v1");
    let (_, bytes) = scene.registry.manifest("t/app", "v1").expect("the list");
    let expected = format!(
        r#"{{
   "schemaVersion": 2,
   "mediaType": "{OCI_INDEX}",
   "manifests": [
      {{
         "mediaType": "{}",
         "size": {},
         "digest": "{}",
         "platform": {{
            "architecture": "amd64",
            "os": "linux"
         }}
      }}
   ]
}}"#,
        image.media_type(),
        image.manifest().len(),
        image.digest(),
    );
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
}

#[test]
fn images_in_the_same_repository_are_not_sent_again() {
    let scene = Scene::with_list();
    scene.run_ok("push @t/app:v1");
    scene.registry.log().assert_requests(&[
        "HEAD /v2/t/app/manifests/amd64 200",
        "HEAD /v2/t/app/manifests/arm64 200",
        "PUT /v2/t/app/manifests/v1 201",
    ]);
}

#[test]
fn the_type_of_a_list_is_that_of_its_first_entry_by_file_name() {
    for (first, second, expected) in [
        (Sample::docker("linux/amd64"), arm64(), DOCKER_LIST),
        (amd64(), Sample::docker("linux/arm64"), OCI_INDEX),
        (Sample::docker("linux/amd64"), Sample::docker("linux/arm64"), DOCKER_LIST),
    ] {
        let scene = Scene::new();
        scene.registry.put_image("t/app", "a", &first);
        scene.registry.put_image("t/app", "b", &second);
        scene.create("t/app:v1", &["t/app:b", "t/app:a"]);
        scene.run_ok("push @t/app:v1");
        let (media_type, bytes) = scene.registry.manifest("t/app", "v1").expect("the list");
        assert_eq!(media_type, expected);
        let list: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(list["mediaType"], expected);
        assert_eq!(list["manifests"][0]["digest"], first.digest().as_str());
        assert_eq!(list["manifests"][0]["mediaType"], first.media_type());
    }
}

#[test]
fn in_another_repository_every_blob_is_mounted_once_and_the_list_comes_last() {
    let scene = Scene::new();
    let images = [
        Sample::oci_with_layers("linux/amd64", &["shared", "one"]),
        Sample::oci_with_layers("linux/arm64", &["shared", "two"]),
    ];
    scene.registry.put_image("src/app", "one", &images[0]);
    scene.registry.put_image("src/app", "two", &images[1]);
    scene.create("dst/app:v1", &["src/app:one", "src/app:two"]);
    scene.registry.log().clear();
    let output = scene.run_ok("push @dst/app:v1");

    let mut blobs: Vec<String> = images.iter().flat_map(Sample::blobs).map(|b| digest(b)).collect();
    blobs.sort();
    blobs.dedup();
    assert_eq!(blobs.len(), 5);
    let mut expected: Vec<String> =
        blobs.iter().map(|blob| format!("POST /v2/dst/app/blobs/uploads/?*{}* 201", &blob[7..])).collect();
    let children = images.each_ref().map(Sample::digest);
    expected.extend(["one", "two"].map(|tag| format!("HEAD /v2/src/app/manifests/{tag} 200")));
    expected.extend(children.iter().map(|d| format!("HEAD /v2/dst/app/manifests/{d} 404")));
    expected.extend(children.iter().map(|d| format!("PUT /v2/dst/app/manifests/{d} 201")));
    expected.push("PUT /v2/dst/app/manifests/v1 201".to_owned());
    let log = scene.registry.log();
    log.assert_requests(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(log.count("POST *from=src*"), 5);

    let entries = log.entries();
    let list = entries.iter().find(|e| e.uri.ends_with("/v1")).expect("the list");
    for entry in entries.iter().filter(|entry| entry.uri != list.uri) {
        assert!(entry.ended.expect("an answer") <= list.started, "{}", entry.line());
    }
    let (_, bytes) = scene.registry.manifest("dst/app", "v1").expect("the list");
    let pushed = |d: &String| format!("Pushed ref {} with digest: {d}\n", scene.name(&format!("dst/app@{d}")));
    assert_eq!(output, [pushed(&children[0]), pushed(&children[1]), digest(&bytes) + "\n"].concat());
    for image in &images {
        let (_, bytes) = scene.registry.manifest("dst/app", &image.digest()).expect("the image");
        assert_eq!(bytes, image.manifest());
    }
}

#[test]
fn a_pushed_list_is_kept_without_purge() {
    for (flags, stays) in [
        ("", true),
        ("-p", false),
        ("--purge", false),
        ("-p=false", true),
        ("--purge --purge=false", true),
        ("-p=false -p", false),
    ] {
        let scene = Scene::with_list();
        scene.run_ok(&format!("push {flags} @t/app:v1"));
        assert_eq!(scene.home.list(&scene.name("t/app:v1")).exists(), stays, "{flags}");
    }
}

#[test]
fn a_list_that_does_not_exist_is_named() {
    let scene = Scene::new();
    let output = scene.run_err_unchanged("push @t/app:v1");
    assert_eq!(first_line(&output), scene.expand("No such manifest: @t/app:v1"));
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn a_corrupt_entry_stops_the_push_before_anything_is_sent() {
    let scene = Scene::with_list();
    let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    fs::write(entry, "{").expect("a corrupt entry");
    scene.run_err_unchanged("push @t/app:v1");
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn an_entry_without_a_platform_is_refused() {
    let scene = Scene::with_list();
    edit_entry(&scene, "t/app:v1", "t/app:amd64", |entry| {
        entry["Descriptor"].as_object_mut().expect("a descriptor").remove("platform");
    });
    let output = scene.run_err_unchanged("push @t/app:v1");
    let words = "manifest @t/app:amd64 must have an OS and Architecture to be pushed to a registry";
    assert_eq!(first_line(&output), scene.expand(words));
}

fn edit_entry(scene: &Scene, list: &str, image: &str, edit: impl FnOnce(&mut Value)) {
    let path = scene.home.entry(&scene.name(list), &scene.name(image));
    let mut entry = serde_json::from_slice(&fs::read(&path).expect("the entry")).expect("JSON");
    edit(&mut entry);
    fs::write(path, entry.to_string()).expect("the entry");
}

/// Rewrites the entry as an old docker wrote it, without the bytes. The order of the fields matters: docker makes the
/// bytes from them.
fn without_raw(scene: &Scene, list: &str, image: &str) {
    let path = scene.home.entry(&scene.name(list), &scene.name(image));
    let text = fs::read_to_string(&path).expect("the entry");
    let (before, rest) = text.split_once("\"Raw\":\"").expect("create keeps the bytes");
    let (_, after) = rest.split_once("\",").expect("a field after the bytes");
    fs::write(path, format!("{before}{after}")).expect("the entry");
}

#[test]
fn d17_bytes_missing_in_an_old_entry_are_fetched_by_digest() {
    let scene = Scene::new();
    let image = Sample::docker("linux/amd64");
    // docker writes the fields in its own order, so these bytes cannot be rebuilt from the entry.
    let text = String::from_utf8(image.manifest().to_vec()).expect("UTF-8") + "\n\n";
    scene.registry.put_image("src/app", "x", &image);
    let digest = scene.registry.put_manifest("src/app", "x", DOCKER_MANIFEST, text.as_bytes());
    scene.create("dst/app:v1", &["src/app:x"]);
    without_raw(&scene, "dst/app:v1", "src/app:x");
    scene.registry.log().clear();
    scene.run_ok("push @dst/app:v1");
    let (_, bytes) = scene.registry.manifest("dst/app", &digest).expect("the image");
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), text);
    let log = scene.registry.log();
    assert_eq!(log.count(&format!("GET /v2/src/app/manifests/{digest} 200")), 1);
    assert_eq!(log.count("GET *"), 1);
}

#[test]
fn an_old_entry_in_dockers_layout_is_pushed_without_a_fetch() {
    let scene = Scene::new();
    let image = Sample::docker("linux/amd64");
    let [config, layer] = [&image.blobs()[0], &image.blobs()[1]];
    let text = format!(
        r#"{{
   "schemaVersion": 2,
   "mediaType": "{DOCKER_MANIFEST}",
   "config": {{
      "mediaType": "application/vnd.docker.container.image.v1+json",
      "size": {},
      "digest": "{}"
   }},
   "layers": [
      {{
         "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
         "size": {},
         "digest": "{}"
      }}
   ]
}}"#,
        config.len(),
        digest(config),
        layer.len(),
        digest(layer),
    );
    scene.registry.put_image("src/app", "x", &image);
    let child = scene.registry.put_manifest("src/app", "x", DOCKER_MANIFEST, text.as_bytes());
    scene.create("dst/app:v1", &["src/app:x"]);
    without_raw(&scene, "dst/app:v1", "src/app:x");
    scene.registry.log().clear();
    scene.run_ok("push @dst/app:v1");
    assert_eq!(scene.registry.log().count("GET *"), 0);
    let (_, bytes) = scene.registry.manifest("dst/app", &child).expect("the image");
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), text);
}

#[test]
fn a_failed_push_is_not_purged_and_can_be_repeated() {
    let scene = Scene::with_list();
    let no = mfst_testkit::faults::Fault::on("PUT", "/manifests/v1").answer(403, "no");
    scene.registry.fault(no);
    scene.run_err_unchanged("push --purge @t/app:v1");
    assert_eq!(scene.registry.manifest("t/app", "v1"), None);
    scene.run_ok("push --purge @t/app:v1");
    assert!(scene.home.lists().is_empty());
}

#[test]
fn an_empty_answer_does_not_say_that_an_image_is_there() {
    let scene = Scene::new();
    scene.run_ok("create @dst/app:v1 @t/app:amd64");
    scene.registry.fault(Fault::on("HEAD", "/v2/dst/app/manifests/").always().answer(204, ""));
    scene.run_ok("push @dst/app:v1");
    // The list is not refused for want of the image.
    assert_eq!(scene.registry.log().count("PUT /v2/dst/app/manifests/v1 *"), 1, "{:?}", scene.registry.log().lines());
}
