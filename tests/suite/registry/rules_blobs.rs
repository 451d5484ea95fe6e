//! Rules about blobs: refused mounts and uploads.

use crate::registry::setup::{acl, assert_contains, log_in, make_list, with_tokens};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

/// Each image of the list has a config and a layer; none are shared.
const BLOBS: usize = 4;

/// Fails unless the target has everything that the list refers to.
#[track_caller]
fn is_complete(scene: &Scene) {
    for image in [mfst_testkit::scene::amd64(), mfst_testkit::scene::arm64()] {
        assert!(scene.registry.manifest("demo/app", &image.digest()).is_some());
        for blob in image.blobs() {
            assert!(scene.registry.has_blob("demo/app", &digest(blob)));
        }
    }
    assert!(scene.registry.manifest("demo/app", "v1").is_some());
}

#[test]
fn rule_04_d7_a_blob_is_copied_if_a_mount_is_refused_for_any_reason() {
    for status in [202, 400, 401, 403, 404, 405] {
        let scene = Scene::with(Embedded::plain().mount_status(status));
        make_list(&scene);
        let output = scene.run_ok("push --retries 0 @demo/app:v1");
        assert_eq!(output.lines().count(), 3, "docker's lines: {output}");
        is_complete(&scene);
        let log = scene.registry.log();
        assert_eq!(log.count("GET /v2/t/app/blobs/* 200"), BLOBS, "{:?}", log.lines());
        assert_eq!(log.count("PUT /v2/demo/app/blobs/uploads/* 201"), BLOBS, "{:?}", log.lines());
        // A 202 has started an upload, which is used; otherwise a new one is started.
        let opened = if status == 202 { 0 } else { BLOBS };
        assert_eq!(log.count("POST /v2/demo/app/blobs/uploads/ 202"), opened, "{:?}", log.lines());
    }
}

#[test]
fn rule_04_the_copy_uses_a_token_for_the_target_only() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens).mount_status(202));
    log_in(&scene, "alice");
    make_list(&scene);
    scene.run_ok("push @demo/app:v1");
    is_complete(&scene);
}

#[test]
fn rule_05_a_mount_needs_no_further_request() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    make_list(&scene);
    scene.run_ok("push @demo/app:v1");
    assert_eq!(scene.registry.log().count("* /v2/*/blobs/sha256:* *"), 0, "{:?}", scene.registry.log().lines());
}

#[test]
fn rule_07_only_bytes_with_the_right_digest_are_uploaded() {
    let scene = Scene::with(Embedded::plain().mount_status(202));
    make_list(&scene);
    scene.registry.fault(Fault::on("GET", "/blobs/").always().corrupt());
    let output = scene.run("push --retries 0 @demo/app:v1").failure(1);
    assert_contains(&output, &["failed to copy blob t/app@sha256:", "digest"]);
    assert_eq!(scene.registry.log().count("PUT *"), 0, "{:?}", scene.registry.log().lines());
}

#[test]
fn rule_07_a_missing_blob_has_dockers_message() {
    let scene = Scene::with(Embedded::plain().mount_status(202));
    make_list(&scene);
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(404, ""));
    let output = scene.run("push @demo/app:v1").failure(1);
    assert!(output.starts_with("error mounting t/app@sha256:"), "{output}");
}

#[test]
fn rule_07_an_interrupted_large_blob_is_retried() {
    let scene = Scene::with(Embedded::plain().mount_status(202));
    let large = "layer ".repeat(10_000);
    scene.registry.put_image("t/large", "1", &Sample::oci_with_layers("linux/amd64", &[&large]));
    scene.create("demo/app:v1", &["t/large:1"]);
    scene.registry.fault(Fault::on("GET", "/blobs/").truncate(20_000));
    scene.registry.fault(Fault::on("PUT", "/blobs/uploads/").cut_before());
    scene.run_ok("push @demo/app:v1");
    scene.registry.script().assert_all_hit();
}

#[test]
fn rule_08_an_upload_is_a_post_and_a_put() {
    let scene = Scene::with(Embedded::plain().mount_status(405));
    make_list(&scene);
    scene.run_ok("push @demo/app:v1");
    let log = scene.registry.log();
    assert_eq!(log.count("PATCH *"), 0);
    assert_eq!(log.count("HEAD /v2/t/app/manifests/*"), 2, "one look at each tag");
    let blobs = mfst_testkit::scene::amd64().blobs().len() + mfst_testkit::scene::arm64().blobs().len();
    assert_eq!(log.count("HEAD */blobs/*"), blobs, "is it there already?");
    for entry in log.entries().iter().filter(|entry| entry.line().starts_with("PUT /v2/demo/app/blobs/")) {
        assert_eq!(entry.header("content-type"), Some("application/octet-stream"));
    }
}

#[test]
fn rule_09_an_upload_location_is_used_unchanged() {
    // Relative and absolute, with a query that must not change, and with the wrong scheme behind a TLS proxy.
    for query in ["", "?_state=a%2Fb%2Bc&x="] {
        for absolute in [false, true] {
            let scene = Scene::with(Embedded::plain());
            make_list(&scene);
            let origin = if absolute { scene.registry.origin() } else { String::new() };
            let location = format!("{origin}/v2/demo/app/blobs/uploads/the-upload{query}");
            scene
                .registry
                .fault(Fault::on("POST", "/blobs/uploads/").always().answer(202, "").header("location", &location));
            scene.registry.fault(Fault::on("PUT", "/blobs/uploads/").always().answer(201, ""));
            scene.run("push --retries 0 @demo/app:v1");
            let sent = scene.registry.log().lines();
            let puts: Vec<_> = sent.iter().filter(|line| line.contains("/uploads/the-upload")).collect();
            assert_eq!(puts.len(), BLOBS, "{sent:?}");
            let expected =
                if query.is_empty() { "the-upload?digest=sha256:" } else { "?_state=a%2Fb%2Bc&x=&digest=sha256:" };
            assert!(puts.iter().all(|line| line.contains(expected)), "{puts:?}");
        }
    }
}

#[test]
fn rule_09_an_upload_to_another_host_does_not_get_the_login() {
    let storage = Embedded::plain().start();
    let scene = Scene::with(Embedded::plain().basic("alice", crate::registry::setup::PASSWORD));
    log_in(&scene, "alice");
    make_list(&scene);
    let location = format!("{}/v2/demo/app/blobs/uploads/elsewhere", storage.origin());
    scene.registry.fault(Fault::on("POST", "/blobs/uploads/").always().answer(202, "").header("location", &location));
    scene.run("push --retries 0 @demo/app:v1");
    let sent = storage.log().entries();
    assert!(!sent.is_empty(), "the upload goes where the registry says");
    assert!(sent.iter().all(|entry| entry.scheme().is_none()), "without the login");
}
