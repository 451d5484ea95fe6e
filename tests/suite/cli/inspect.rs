//! `mfst inspect`.

use serde_json::{Value, json};

use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, index};
use mfst_testkit::scene::{Scene, amd64, arm64, first};

#[test]
fn an_image_is_shown_as_the_registry_has_it_indented_with_tabs() {
    let scene = Scene::new();
    let text = scene.ok("inspect @t/app:amd64");
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    let there: Value = serde_json::from_slice(amd64().manifest()).expect("JSON");
    assert_eq!(shown, there);
    assert!(text.starts_with("{\n\t\"config\": {\n\t\t\"digest\": "), "{text}");
    assert!(text.ends_with("\n}\n"), "{text}");
}

#[test]
fn a_local_list_is_shown_as_it_would_be_pushed_and_no_registry_is_asked() {
    let scene = Scene::with_list();
    let shown = scene.ok("inspect @t/app:v1");
    assert!(scene.registry.log().entries().is_empty());
    scene.ok("push @t/app:v1");
    let (_, pushed) = scene.registry.manifest("t/app", "v1").expect("the list");
    assert_eq!(shown, format!("{}\n", String::from_utf8(pushed).expect("UTF-8")));
}

#[test]
fn an_entry_of_a_local_list_is_shown_without_asking_a_registry() {
    let scene = Scene::with_list();
    let shown = scene.inspect("@t/app:v1 @t/app:amd64");
    let there: Value = serde_json::from_slice(amd64().manifest()).expect("JSON");
    assert_eq!(shown, there);
    let verbose = scene.inspect("-v @t/app:v1 @t/app:amd64");
    assert_eq!(verbose["Ref"], scene.name("t/app:amd64").as_str());
    assert_eq!(verbose["Descriptor"]["digest"], amd64().digest().as_str());
    assert_eq!(verbose["OCIManifest"], there);
    let said = scene.refused("inspect @t/app:v1 @t/app:nope");
    assert_eq!(first(&said), scene.expand("No such manifest: @t/app:nope"));
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn d12_a_remote_list_takes_one_request() {
    for media_type in [OCI_INDEX, DOCKER_LIST] {
        let scene = Scene::new();
        let list = index(media_type, &[amd64().index_entry(), arm64().index_entry()]);
        scene.registry.put_manifest("t/app", "v1", media_type, &list);
        let shown = scene.inspect("@t/app:v1");
        assert_eq!(shown["manifests"][0]["digest"], amd64().digest().as_str());
        assert_eq!(shown["manifests"][1]["platform"]["architecture"], "arm64");
        scene.registry.log().assert_requests(&["GET /v2/t/app/manifests/v1 200"]);
    }
}

#[test]
fn d12_children_that_are_missing_nested_or_no_images_do_not_matter() {
    let scene = Scene::new();
    let gone = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": format!("sha256:{}", "0".repeat(64)),
        "size": 7,
        "platform": {"architecture": "s390x", "os": "linux"},
    });
    let inner = index(OCI_INDEX, &[arm64().index_entry()]);
    let nested = json!({
        "mediaType": OCI_INDEX,
        "digest": scene.registry.put_manifest("t/app", "inner", OCI_INDEX, &inner),
        "size": inner.len(),
        "platform": {"architecture": "arm64", "os": "linux"},
    });
    let attestation = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": format!("sha256:{}", "1".repeat(64)),
        "size": 8,
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        "platform": {"architecture": "unknown", "os": "unknown"},
    });
    let children = [amd64().index_entry(), gone, nested, attestation];
    let list = index(OCI_INDEX, &children);
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &list);
    let shown = scene.inspect("@t/app:v1");
    let digests = |list: &[Value]| -> Vec<Value> { list.iter().map(|entry| entry["digest"].clone()).collect() };
    let entries = shown["manifests"].as_array().expect("entries");
    assert_eq!(digests(entries), digests(&children));
    scene.registry.log().assert_requests(&["GET /v2/t/app/manifests/v1 200"]);
}

#[test]
fn a_remote_list_can_be_named_by_its_digest() {
    let scene = Scene::new();
    let list = index(OCI_INDEX, &[amd64().index_entry()]);
    let digest = scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &list);
    let name = scene.name(&format!("t/app@{digest}"));
    let shown: Value = serde_json::from_str(&scene.home.ok(&["inspect", &name])).expect("JSON");
    assert_eq!(shown["manifests"].as_array().map(Vec::len), Some(1));
}

#[test]
fn verbose_shows_the_platform_of_a_remote_image() {
    let scene = Scene::new();
    let shown = scene.inspect("--verbose @t/app:arm64");
    assert_eq!(shown["Ref"], scene.name("t/app:arm64").as_str());
    assert_eq!(shown["Descriptor"]["platform"], json!({"architecture": "arm64", "os": "linux"}));
    assert!(shown["Raw"].is_string());
}

#[test]
fn verbose_shows_every_image_of_a_remote_list() {
    let scene = Scene::new();
    let list = index(OCI_INDEX, &[amd64().index_entry(), arm64().index_entry()]);
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &list);
    let shown = scene.inspect("-v @t/app:v1");
    let images = shown.as_array().expect("an array");
    let platforms: Vec<_> = images.iter().map(|i| &i["Descriptor"]["platform"]["architecture"]).collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
}

#[test]
fn a_reference_that_cannot_be_parsed_is_refused_in_dockers_words() {
    let scene = Scene::new();
    for (reference, words) in [
        ("a//b", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a@sha256:1", "invalid reference format"),
        ("x/Y", "invalid reference format: repository name (x/Y) must be lowercase"),
    ] {
        assert_eq!(first(&scene.refused(&format!("inspect {reference}"))), words);
    }
}
