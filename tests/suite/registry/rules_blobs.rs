//! Rules about blobs: mounts that are declined, and uploads.

use crate::registry::common::{acl, listed, log_in, tells, with_tokens};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

/// Both images of the list have a config and a layer, none of them shared.
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
fn rule_04_d7_whatever_a_registry_says_to_a_mount_the_blob_gets_there() {
    for status in [202, 400, 401, 403, 404, 405] {
        let scene = Scene::with(Embedded::plain().declining_mounts(status));
        listed(&scene);
        let said = scene.ok("push --retries 0 @demo/app:v1");
        assert_eq!(said.lines().count(), 3, "docker's lines: {said}");
        is_complete(&scene);
        let log = scene.registry.log();
        assert_eq!(log.count("GET /v2/t/app/blobs/* 200"), BLOBS, "{:?}", log.lines());
        assert_eq!(log.count("PUT /v2/demo/app/blobs/uploads/* 201"), BLOBS, "{:?}", log.lines());
        // A 202 has opened an upload, which is used; otherwise one is asked for.
        let opened = if status == 202 { 0 } else { BLOBS };
        assert_eq!(log.count("POST /v2/demo/app/blobs/uploads/ 202"), opened, "{:?}", log.lines());
    }
}

#[test]
fn rule_04_the_copy_uses_a_token_for_the_target_alone() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens).declining_mounts(202));
    log_in(&scene, "alice");
    listed(&scene);
    scene.ok("push @demo/app:v1");
    is_complete(&scene);
}

#[test]
fn rule_05_a_mount_that_worked_is_followed_by_nothing() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    listed(&scene);
    scene.ok("push @demo/app:v1");
    assert_eq!(scene.registry.log().count("* /v2/*/blobs/sha256:* *"), 0, "{:?}", scene.registry.log().lines());
}

#[test]
fn rule_07_only_bytes_with_the_right_digest_are_sent_on() {
    let scene = Scene::with(Embedded::plain().declining_mounts(202));
    listed(&scene);
    scene.registry.fault(Fault::on("GET", "/blobs/").always().corrupt());
    let said = scene.run("push --retries 0 @demo/app:v1").fails(1);
    tells(&said, &["failed to copy blob t/app@sha256:", "digest"]);
    assert_eq!(scene.registry.log().count("PUT *"), 0, "{:?}", scene.registry.log().lines());
}

#[test]
fn rule_07_a_blob_that_is_nowhere_is_told_as_docker_tells_it() {
    let scene = Scene::with(Embedded::plain().declining_mounts(202));
    listed(&scene);
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(404, ""));
    let said = scene.run("push @demo/app:v1").fails(1);
    assert!(said.starts_with("error mounting t/app@sha256:"), "{said}");
}

#[test]
fn rule_07_a_large_blob_is_broken_off_and_sent_again() {
    let scene = Scene::with(Embedded::plain().declining_mounts(202));
    let large = "layer ".repeat(10_000);
    scene.registry.put_image("t/large", "1", &Sample::oci_with_layers("linux/amd64", &[&large]));
    scene.create("demo/app:v1", &["t/large:1"]);
    scene.registry.fault(Fault::on("GET", "/blobs/").truncate(20_000));
    scene.registry.fault(Fault::on("PUT", "/blobs/uploads/").cut_before());
    scene.ok("push @demo/app:v1");
    scene.registry.script().assert_played();
}

#[test]
fn rule_08_an_upload_is_one_post_and_one_put() {
    let scene = Scene::with(Embedded::plain().declining_mounts(405));
    listed(&scene);
    scene.ok("push @demo/app:v1");
    let log = scene.registry.log();
    assert_eq!(log.count("PATCH *"), 0);
    assert_eq!(log.count("HEAD */manifests/*"), 2, "one look at each tag");
    let blobs = mfst_testkit::scene::amd64().blobs().len() + mfst_testkit::scene::arm64().blobs().len();
    assert_eq!(log.count("HEAD */blobs/*"), blobs, "is it there already?");
    for entry in log.entries().iter().filter(|entry| entry.line().starts_with("PUT /v2/demo/app/blobs/")) {
        assert_eq!(entry.header("content-type"), Some("application/octet-stream"));
    }
}

#[test]
fn rule_09_a_location_is_used_as_it_is() {
    // Relative and absolute, with a query that must come back unchanged, and with the wrong scheme behind a TLS front.
    for query in ["", "?_state=a%2Fb%2Bc&x="] {
        for absolute in [false, true] {
            let scene = Scene::with(Embedded::plain());
            listed(&scene);
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
fn rule_09_an_upload_elsewhere_is_not_shown_the_login() {
    let storage = Embedded::plain().start();
    let scene = Scene::with(Embedded::plain().basic("alice", crate::registry::common::PASSWORD));
    log_in(&scene, "alice");
    listed(&scene);
    let location = format!("{}/v2/demo/app/blobs/uploads/elsewhere", storage.origin());
    scene.registry.fault(Fault::on("POST", "/blobs/uploads/").always().answer(202, "").header("location", &location));
    scene.run("push --retries 0 @demo/app:v1");
    let sent = storage.log().entries();
    assert!(!sent.is_empty(), "the upload goes where the registry says");
    assert!(sent.iter().all(|entry| entry.scheme().is_none()), "without the login");
}
