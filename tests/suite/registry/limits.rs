//! How much goes on at the same time: requests to a host, and bodies in memory.

use std::time::Duration;

use serde_json::json;

use crate::registry::setup::make_list;
use mfst_testkit::certs::private_ca;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::Scene;

/// As many connections as a server gets that does not speak HTTP/2.
const HTTP1: usize = 16;

/// The line that makes a list of `%src/0:1`, `%src/1:1`, …
fn create(images: usize) -> String {
    (0..images).fold("create @dst/app:1".to_owned(), |line, image| format!("{line} %src/{image}:1"))
}

#[test]
fn a_host_that_only_redirects_lead_to_gets_no_more_connections_than_others() {
    const IMAGES: usize = 60;
    // The registry speaks HTTP/2, and so gets all requests at once. Its storage does not.
    let identity = private_ca();
    let storage = Embedded::plain().tls_without_http2(&identity).start();
    let mut scene = Scene::with_two(Embedded::plain(), Embedded::plain().tls(&identity));
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    for number in 0..IMAGES {
        let config = json!({"os": "linux", "architecture": "amd64", "number": number}).to_string();
        let blob = digest(config.as_bytes());
        storage.put_blob("src/app", config.as_bytes());
        scene.other().put_manifest(&format!("src/{number}"), "1", OCI_MANIFEST, &manifest(&blob, config.len()));
        let there = format!("{}/v2/src/app/blobs/{blob}", storage.origin());
        scene.other().fault(Fault::on("GET", &blob).answer(307, "").header("location", &there));
    }
    storage.fault(Fault::on("GET", "/blobs/").times(IMAGES).delay(Duration::from_millis(100)));
    scene.run_ok(&create(IMAGES));
    assert_eq!(storage.log().entries().len(), IMAGES);
    assert!(storage.connections() <= HTTP1 as u64, "{}", storage.connections());
    assert!(storage.log().max_concurrent("GET *") > HTTP1 / 2, "they are kept busy");
}

fn manifest(config: &str, size: usize) -> Vec<u8> {
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": size});
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}).to_string().into_bytes()
}

#[test]
fn downloads_and_uploads_of_copies_share_the_connections_of_a_registry() {
    let scene = Scene::with(Embedded::plain().mount_status(202));
    let layers: Vec<String> = (0..40).map(|layer| format!("layer {layer}")).collect();
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    scene.registry.put_image("src/app", "1", &Sample::oci_with_layers("linux/amd64", &layers));
    scene.run_ok("create @dst/app:1 @src/app:1");
    scene.registry.log().clear();
    scene.registry.fault(Fault::on("PUT", "/blobs/uploads/").always().delay(Duration::from_millis(20)));
    scene.run_ok("push @dst/app:1");
    let log = scene.registry.log();
    assert_eq!(log.count("PUT /v2/dst/app/blobs/uploads/* 201"), 41, "{:?}", log.lines());
    assert!(log.connections() <= HTTP1, "{}", log.connections());
}

#[test]
fn a_copy_needs_no_more_than_one_job() {
    let scene = Scene::with(Embedded::plain().mount_status(202));
    make_list(&scene);
    scene.run_ok("push --jobs 1 @demo/app:v1");
}

/// Configs of 8 MiB, of which a few fill the memory that bodies may have together.
#[test]
fn large_bodies_wait_for_memory_and_not_for_each_other() {
    const IMAGES: usize = 20;
    for (is_http2, states_length) in [(true, true), (true, false), (false, true), (false, false)] {
        let identity = private_ca();
        let registry = if is_http2 { Embedded::plain().tls(&identity) } else { Embedded::plain() };
        let scene = Scene::with_two(Embedded::plain(), registry);
        for number in 0..IMAGES {
            let padding = number.to_string().repeat((8 << 20) / number.to_string().len() - 1000);
            let config = json!({"os": "linux", "architecture": "amd64", "padding": padding}).to_string();
            let blob = scene.other().put_blob(&format!("src/{number}"), config.as_bytes());
            scene.other().put_manifest(&format!("src/{number}"), "1", OCI_MANIFEST, &manifest(&blob, config.len()));
        }
        if !states_length {
            scene.other().fault(Fault::on("GET", "/blobs/").always().without_header("content-length"));
        }
        let words = scene.words(&create(IMAGES));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = scene.home.run_within(64, &words);
        assert_eq!(ran.code, Some(0), "HTTP/2 {is_http2}, length {states_length}: {ran:#?}");
        let asked = scene.other().log().count("GET */blobs/*");
        assert!(asked <= 3 * IMAGES, "{asked} requests for {IMAGES} configs");
    }
}
