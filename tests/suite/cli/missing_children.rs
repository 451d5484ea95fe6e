//! Images that a registry has lost between create and push (D18).

use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::scene::{Scene, amd64, arm64};

/// The list `t/app:v1`; the registry has lost one of its images.
fn lost() -> Scene {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.remove_manifest("t/app", &arm64().digest());
    scene.registry.log().clear();
    scene
}

const UNKNOWN: &str = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;

#[test]
fn d18_an_image_that_the_registry_has_lost_is_pushed_again() {
    let scene = lost();
    let output = scene.run_ok("push @t/app:v1");
    let (_, bytes) = scene.registry.manifest("t/app", &arm64().digest()).expect("the image");
    assert_eq!(bytes, arm64().manifest());
    let (_, list) = scene.registry.manifest("t/app", "v1").expect("the list");
    assert!(output.ends_with(&format!("{}\n", mfst_testkit::sample::digest(&list))), "{output}");
    let log = scene.registry.log();
    assert_eq!(log.count("PUT /v2/t/app/manifests/v1 *"), 2, "refused, and once more: {:?}", log.lines());
    assert_eq!(log.count("PUT /v2/t/app/manifests/v1 201"), 1);
}

#[test]
fn d18_an_image_is_pushed_again_for_every_registrys_error_code() {
    for (status, code) in [(400, "MANIFEST_BLOB_UNKNOWN"), (404, "MANIFEST_BLOB_UNKNOWN"), (404, "MANIFEST_UNKNOWN")] {
        let scene = Scene::with_list();
        let body = UNKNOWN.replace("MANIFEST_UNKNOWN", code);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").answer(status, body));
        scene.run_ok("push @t/app:v1");
        for image in [amd64(), arm64()] {
            let put = format!("PUT /v2/t/app/manifests/{} 201", image.digest());
            assert_eq!(scene.registry.log().count(&put), 1, "{status} {code}: {:?}", scene.registry.log().lines());
        }
    }
}

#[test]
fn an_image_lost_in_another_repository_is_pushed_from_the_store() {
    let scene = Scene::new();
    scene.create("dst/app:v1", &["t/app:amd64"]);
    scene.registry.remove_manifest("t/app", &amd64().digest());
    scene.run_ok("push @dst/app:v1");
    let (_, bytes) = scene.registry.manifest("dst/app", &amd64().digest()).expect("the image");
    assert_eq!(bytes, amd64().manifest());
}

/// A registry may say that it has an image of which it has lost the blobs.
#[test]
fn an_image_whose_blobs_are_lost_is_sent_as_if_it_were_new() {
    let scene = Scene::new();
    scene.run_ok("create @dst/app:v1 @t/app:amd64");
    scene.run_ok("push @dst/app:v1");
    scene.registry.log().clear();
    let lost = UNKNOWN.replace("MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN");
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").answer(400, lost.clone()));
    scene.registry.fault(Fault::on("PUT", "/manifests/sha256:").answer(400, lost));
    scene.run_ok("push @dst/app:v1");
    let log = scene.registry.log();
    assert_eq!(log.count("POST /v2/dst/app/blobs/uploads/* 201"), amd64().blobs().len(), "{:?}", log.lines());
    assert_eq!(log.lines().last().map(String::as_str), Some("PUT /v2/dst/app/manifests/v1 201"));
}

#[test]
fn an_image_lost_during_the_push_is_pushed_again() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.other().put_image("src/app", "amd64", &amd64());
    scene.run_ok("create @dst/app:v1 %src/app:amd64");
    // The list is refused once, as by a registry with replicas that do not have the image yet.
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").answer(404, UNKNOWN));
    scene.run_ok("push @dst/app:v1");
    assert!(scene.registry.manifest("dst/app", "v1").is_some());
}

#[test]
fn d18_an_image_that_cannot_be_pushed_again_is_named_with_its_source() {
    let scene = lost();
    let refusal = UNKNOWN.replace("MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN");
    scene.registry.fault(Fault::on("PUT", &arm64().digest()).always().answer(400, refusal));
    let output = scene.run_err_unchanged("push @t/app:v1");
    for part in [scene.name("t/app:arm64"), arm64().digest()] {
        assert!(output.contains(&part), "{part} is not in {output}");
    }
    assert_eq!(scene.registry.manifest("t/app", "v1"), None);
}

#[test]
fn a_list_that_keeps_being_refused_is_sent_twice_only() {
    let scene = Scene::with_list();
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(404, UNKNOWN));
    scene.run_err_unchanged("push @t/app:v1");
    assert_eq!(scene.registry.log().count("PUT /v2/t/app/manifests/v1 404"), 2);
}

#[test]
fn a_list_refused_for_another_reason_is_not_sent_again() {
    let scene = Scene::with_list();
    let denied = UNKNOWN.replace("MANIFEST_UNKNOWN", "MANIFEST_INVALID");
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(400, denied));
    scene.run_err_unchanged("push @t/app:v1");
    assert_eq!(scene.registry.log().writes().len(), 1, "{:?}", scene.registry.log().lines());
}
