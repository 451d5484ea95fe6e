//! `inspect --raw` and `inspect --platform`.

use serde_json::json;

use mfst_testkit::build::Build;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, index};
use mfst_testkit::scene::{Scene, amd64, arm64, first};

/// The bytes that a command prints.
#[track_caller]
fn bytes(scene: &Scene, line: &str) -> Vec<u8> {
    scene.ok(line).into_bytes()
}

/// A build for two platforms at `t/multi:1`.
fn built() -> (Scene, Build) {
    let (scene, build) = (Scene::new(), Build::of(&["linux/amd64", "linux/arm/v7"]));
    build.put(&scene.registry, "t/multi", "1");
    (scene, build)
}

#[test]
fn raw_is_what_the_registry_has_and_nothing_else() {
    let scene = Scene::new();
    let text = String::from_utf8(amd64().manifest().to_vec()).expect("UTF-8");
    let image = text.replacen('{', "{\t\"x-future\": \"<&>\",\r\n", 1) + "\n\n";
    let list = format!("{{\"annotations\":{{\"a\":\"b\"}},\"mediaType\":\"{OCI_INDEX}\",\"manifests\":[ ]}}");
    for (tag, media_type, bytes) in [("odd", OCI_MANIFEST, &image), ("list", OCI_INDEX, &list)] {
        let digest = scene.registry.put_manifest("t/app", tag, media_type, bytes.as_bytes());
        for reference in [format!("@t/app:{tag}"), format!("@t/app@{digest}"), format!("@t/app:{tag}@{digest}")] {
            let said = scene.ok(&format!("inspect --raw {reference}"));
            assert_eq!(said, *bytes, "{reference}");
            assert_eq!(mfst_testkit::sample::digest(said.as_bytes()), digest);
        }
    }
}

#[test]
fn raw_takes_one_request() {
    let (scene, _) = built();
    scene.registry.log().clear();
    scene.ok("inspect --raw @t/multi:1");
    scene.registry.log().assert_requests(&["GET /v2/t/multi/manifests/1 200"]);
}

#[test]
fn raw_of_a_draft_is_what_push_sends() {
    let scene = Scene::new();
    Build::of(&["linux/s390x"]).put(&scene.registry, "t/multi", "1");
    scene.create("t/app:v1", &["t/app:amd64", "t/multi:1"]);
    scene.ok("annotate --variant v2 @t/app:v1 @t/app:amd64");
    scene.registry.log().clear();
    let shown = bytes(&scene, "inspect --raw @t/app:v1");
    assert!(scene.registry.log().entries().is_empty());
    scene.ok("push @t/app:v1");
    assert_eq!(shown, scene.registry.manifest("t/app", "v1").expect("the list").1);
}

#[test]
fn raw_of_an_entry_is_its_manifest() {
    let (scene, build) = built();
    scene.create("t/app:v1", &["t/app:arm64", "t/multi:1"]);
    scene.registry.log().clear();
    assert_eq!(bytes(&scene, "inspect --raw @t/app:v1 @t/app:arm64"), arm64().manifest());
    let leaf = &build.attestations()[0];
    let line = format!("inspect --raw @t/app:v1 @t/multi:1@{}", leaf.digest());
    assert_eq!(bytes(&scene, &line), leaf.manifest());
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn a_platform_of_a_list_in_the_registry_is_shown_as_the_image() {
    let (scene, build) = built();
    for (name, image) in [("linux/arm/v7", 1), ("linux/arm", 1), ("linux/armhf", 1), ("linux/x86_64", 0)] {
        let image = &build.images()[image];
        let line = format!("inspect --platform {name} @t/multi:1");
        assert_eq!(scene.ok(&line), scene.ok(&format!("inspect @t/multi@{}", image.digest())), "{name}");
        assert_eq!(bytes(&scene, &line.replace("inspect", "inspect --raw")), image.manifest(), "{name}");
    }
}

#[test]
fn a_platform_of_a_draft_is_shown_as_the_image() {
    let scene = Scene::with_list();
    let shown = scene.ok("inspect --platform linux/arm64 @t/app:v1");
    assert_eq!(shown, scene.ok("inspect @t/app:v1 @t/app:arm64"));
    assert_eq!(bytes(&scene, "inspect --raw --platform linux/arm64 @t/app:v1"), arm64().manifest());
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn a_platform_is_shown_verbosely_as_well() {
    let (scene, build) = built();
    let one = scene.inspect("-v --platform linux/arm/v7 @t/multi:1");
    assert_eq!(one["Descriptor"]["digest"], build.images()[1].digest());
    assert_eq!(one["Descriptor"]["platform"]["variant"], "v7");
    let scene = Scene::with_list();
    let one = scene.inspect("-v --platform linux/arm64 @t/app:v1");
    assert_eq!(one["Descriptor"]["digest"], arm64().digest());
}

#[test]
fn what_a_list_says_about_the_platform_is_shown_of_the_image_in_it() {
    let scene = Scene::new();
    let mut entry = arm64().index_entry();
    entry["platform"]["variant"] = json!("v8");
    scene.registry.put_manifest("t/app", "1", OCI_INDEX, &index(OCI_INDEX, &[entry]));
    let all = scene.inspect("-v @t/app:1");
    assert_eq!(scene.inspect("-v --platform linux/arm64 @t/app:1"), all[0]);
    assert_eq!(all[0]["Descriptor"]["platform"]["variant"], "v8");
}

/// Fails unless the error tells the platforms that there are, and nothing but images' platforms.
#[track_caller]
fn is_not_there(said: &str, there: &str) {
    let line = first(said);
    assert!(line.starts_with("no image for linux/s390x"), "{said}");
    assert!(line.ends_with(&format!("; available: {there}")), "{said}");
}

#[test]
fn a_platform_is_found_in_an_index_in_an_index() {
    let (scene, build) = built();
    let inner = build.index();
    let entry = json!({"mediaType": OCI_INDEX, "digest": build.digest(), "size": inner.len()});
    scene.registry.put_manifest("t/multi", "nested", OCI_INDEX, &index(OCI_INDEX, &[entry]));
    let shown = bytes(&scene, "inspect --raw --platform linux/arm/v7 @t/multi:nested");
    assert_eq!(shown, build.images()[1].manifest());
}

#[test]
fn a_platform_that_is_not_there_is_told_with_those_that_are() {
    let (scene, _) = built();
    for flags in ["", "-v", "--raw"] {
        let said = scene.refused(&format!("inspect {flags} --platform linux/s390x @t/multi:1"));
        is_not_there(&said, "linux/amd64, linux/arm/v7");
    }
    let scene = Scene::with_list();
    let said = scene.refused("inspect --platform linux/s390x @t/app:v1");
    is_not_there(&said, "linux/amd64, linux/arm64");
}

#[test]
fn a_single_image_is_for_its_own_platform() {
    let scene = Scene::new();
    assert_eq!(scene.ok("inspect --platform linux/amd64 @t/app:amd64"), scene.ok("inspect @t/app:amd64"));
    let said = scene.refused("inspect --platform linux/s390x @t/app:amd64");
    is_not_there(&said, "linux/amd64");
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.ok("inspect --platform linux/amd64 @t/app:v1 @t/app:amd64");
    let said = scene.refused("inspect --platform linux/s390x @t/app:v1 @t/app:amd64");
    is_not_there(&said, "linux/amd64");
}

#[test]
fn raw_of_what_is_not_there_is_dockers_message() {
    let scene = Scene::new();
    let said = scene.refused("inspect --raw @t/app:nope");
    assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nope"));
}

#[test]
fn a_corrupt_answer_is_not_shown() {
    let scene = Scene::new();
    let image: Sample = amd64();
    scene.registry.fault(mfst_testkit::faults::Fault::on("GET", "/manifests/").always().corrupt());
    let said = scene.refused(&format!("inspect --retries 0 --raw @t/app@{}", image.digest()));
    assert!(said.contains(&image.digest()), "{said}");
}
