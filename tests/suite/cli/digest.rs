//! `mfst digest`.

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::digest;
use mfst_testkit::scene::{Scene, amd64, arm64};

#[test]
fn a_digest_is_one_head_request() {
    let scene = Scene::new();
    scene.registry.log().clear();
    assert_eq!(scene.run_ok("digest @t/app:amd64"), format!("{}\n", amd64().digest()));
    assert_eq!(scene.registry.log().lines(), ["HEAD /v2/t/app/manifests/amd64 200"]);
}

#[test]
fn several_digests_are_in_the_order_of_the_arguments() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("HEAD", "/manifests/arm64").delay(std::time::Duration::from_millis(200)));
    let shown = scene.run_ok("digest @t/app:arm64 @t/app:amd64");
    assert_eq!(shown, format!("{}\n{}\n", arm64().digest(), amd64().digest()));
}

#[test]
fn a_registry_that_does_not_say_the_digest_is_asked_for_the_manifest() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("HEAD", "/manifests/amd64").without_header("docker-content-digest"));
    assert_eq!(scene.run_ok("digest @t/app:amd64"), format!("{}\n", amd64().digest()));
    assert_eq!(scene.registry.log().count("GET /v2/t/app/manifests/amd64 200"), 1);
}

#[test]
fn a_registry_that_refuses_head_is_asked_for_the_manifest() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("HEAD", "/manifests/amd64").answer(405, ""));
    assert_eq!(scene.run_ok("digest @t/app:amd64"), format!("{}\n", amd64().digest()));
}

#[test]
fn a_tag_with_another_digest_than_the_reference_is_an_error() {
    let scene = Scene::new();
    let other = digest(b"something else");
    let said = scene.run(&format!("digest @t/app:amd64@{other}")).failure(1);
    assert!(said.contains(&format!("manifest verification failed for digest {other}")), "{said}");
}

#[test]
fn what_is_missing_is_an_error_and_the_rest_is_printed() {
    let scene = Scene::new();
    let ran = scene.run("digest @t/app:no @t/app:amd64");
    assert_eq!(ran.stdout, format!("{}\n", amd64().digest()));
    let said = ran.failure(1);
    assert_eq!(said, scene.expand("@t/app:no: ").trim_end().to_owned() + " no such manifest\n");
}

#[test]
fn a_layout_has_digests_too() {
    let scene = Scene::new();
    let layout = super::layouts::with_image(&scene, "1.0", &amd64());
    assert_eq!(scene.run_ok(&format!("digest oci:{layout}:1.0")), format!("{}\n", amd64().digest()));
    assert!(scene.run(&format!("digest oci:{layout}:2.0")).failure(1).contains("no such manifest"));
}
