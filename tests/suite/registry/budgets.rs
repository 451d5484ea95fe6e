//! What an operation may cost: the bytes of a blob, the attempts, the time.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::registry::raw_server::RawServer;
use crate::registry::setup::assert_contains;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::Scene;

/// A list of one image in another registry, made and not yet pushed, of which only this layer is still to be copied; and
/// the layer's digest.
fn copying(layer: &str) -> (Scene, String) {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let config = json!({"os": "linux", "architecture": "amd64"}).to_string();
    let blobs = [config.as_str(), layer].map(|blob| scene.other().put_blob("src/app", blob.as_bytes()));
    let descriptor = |kind: &str, at: usize, size: usize| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": blobs[at], "size": size});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("config.v1+json", 0, config.len()),
        "layers": [descriptor("layer.v1.tar", 1, layer.len())],
    });
    scene.other().put_manifest("src/app", "1", OCI_MANIFEST, manifest.to_string().as_bytes());
    scene.registry.put_blob("dst/app", config.as_bytes());
    scene.run_ok("create @dst/app:v1 %src/app:1");
    scene.registry.log().clear();
    scene.other().log().clear();
    (scene, digest(layer.as_bytes()))
}

/// Lets a server answer the requests for a blob.
fn send_to(scene: &Scene, blob: &str, server: &RawServer) {
    let elsewhere = format!("http://{}/blob", server.host());
    let away = Fault::on("GET", blob).always().answer(307, "").header("location", &elsewhere);
    scene.other().fault(away);
}

/// A server that takes uploads, and counts the bytes of their bodies.
fn taking_uploads() -> (RawServer, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let server = RawServer::start(move |_, stream| {
        let mut part = vec![0; 64 * 1024];
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok();
        while let Ok(length @ 1..) = stream.read(&mut part) {
            counter.fetch_add(length, Ordering::SeqCst);
        }
    });
    (server, taken)
}

#[test]
fn nothing_past_a_blobs_size_is_sent_on() {
    let layer = "layer ".repeat(30);
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 181\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 179\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (scene, blob) = copying(&layer);
        let source = RawServer::endless(head, "x");
        send_to(&scene, &blob, &source);
        let (target, taken) = taking_uploads();
        let location = format!("http://{}/upload", target.host());
        scene
            .registry
            .fault(Fault::on("POST", "/blobs/uploads/").always().answer(202, "").header("location", &location));
        let said = scene.run("push --retries 1 @dst/app:v1").failure(1);
        assert_contains(&said, &[&blob, "180 bytes according to its manifest"]);
        assert!(taken.load(Ordering::SeqCst) <= 2 * layer.len(), "{head}: {}", taken.load(Ordering::SeqCst));
        assert_eq!(scene.registry.manifest("dst/app", "v1"), None);
        // The same would be sent again.
        assert!(source.heads().len() <= 1, "{head}: {:?}", source.heads());
    }
}

#[test]
fn a_blob_that_ends_early_is_an_error() {
    let (scene, blob) = copying(&"layer ".repeat(1000));
    let source = RawServer::saying("HTTP/1.1 200 OK\r\n\r\nlayer layer ");
    send_to(&scene, &blob, &source);
    let said = scene.run("push --retries 1 @dst/app:v1").failure(1);
    assert_contains(&said, &[&blob, "sent 12 bytes", "6000 bytes according to its manifest"]);
    assert!(!scene.registry.has_blob("dst/app", &blob));
}

/// Faults that another attempt might mend, each of which can happen to every request of a copy.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("source", Fault::on("GET", "/blobs/").always().answer(503, "")),
        ("source", Fault::on("GET", "/blobs/").always().cut_before()),
        ("source", Fault::on("GET", "/blobs/").always().truncate(1000)),
        ("target", Fault::on("POST", "/blobs/uploads/").always().answer(503, "")),
        ("target", Fault::on("PUT", "/blobs/uploads/").always().answer(503, "")),
        ("target", Fault::on("PUT", "/blobs/uploads/").always().cut_before()),
        ("target", Fault::on("PUT", "/blobs/uploads/").always().answer(401, "")),
        ("target", Fault::on("HEAD", "/blobs/").always().answer(503, "")),
    ]
}

#[test]
fn the_retries_of_a_copy_do_not_multiply() {
    const RETRIES: usize = 2;
    for (who, fault) in faults() {
        let (scene, blob) = copying(&"layer ".repeat(1000));
        let words = format!("{fault:?}");
        if who == "source" {
            scene.other().fault(fault);
        } else {
            scene.registry.fault(fault);
        }
        scene.run(&format!("push --retries {RETRIES} @dst/app:v1"));
        let (source, target) = (scene.other().log(), scene.registry.log());
        let downloads = source.count(&format!("GET */blobs/{blob} *"));
        assert!(downloads <= 1 + RETRIES, "{words}: {:?}", source.lines());
        let uploads = [target.count("POST *"), target.count("PUT */blobs/uploads/*")];
        assert!(uploads.iter().all(|count| *count <= 2 + RETRIES), "{words}: {:?}", target.lines());
        let heads = target.count(&format!("HEAD */blobs/{blob} *"));
        assert!(heads <= 1 + RETRIES, "{words}: {:?}", target.lines());
    }
}

#[test]
fn a_copy_in_which_everything_fails_once_needs_a_retry_for_each() {
    for (retries, works) in [(3, true), (2, false)] {
        let (scene, blob) = copying(&"layer ".repeat(1000));
        scene.other().fault(Fault::on("GET", &blob).answer(503, "").header("retry-after", "0"));
        scene.other().fault(Fault::on("GET", &blob).truncate(1000));
        scene.other().fault(Fault::on("GET", &blob).cut_before());
        let ran = scene.run(&format!("push --retries {retries} @dst/app:v1"));
        assert_eq!(ran.code == Some(0), works, "{ran:#?}");
    }
}

/// A command with a limit of two seconds, which it needs: the test ends only if the command does.
#[test]
fn the_time_of_a_copy_is_limited_however_little_moves() {
    let layer = "layer ".repeat(20_000);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", layer.len());
    for (name, source) in [
        ("a trickle", RawServer::trickling(&head, "x")),
        ("a trickle without a length", RawServer::trickling("HTTP/1.1 200 OK\r\n\r\n", "x")),
        ("nothing", RawServer::trickling(&head, "")),
        ("no head", RawServer::trickling("HTTP/1.1 200 OK\r\n", "x: y\r\n")),
    ] {
        let (scene, blob) = copying(&layer);
        send_to(&scene, &blob, &source);
        let said = scene.run("push --timeout 2s @dst/app:v1").failure(1);
        assert_contains(&said, &[&blob, "timed out"]);
        assert!(source.heads().len() <= 9, "{name}: {:?}", source.heads());
    }
}

#[test]
fn the_time_of_a_copy_is_limited_where_the_target_takes_nothing() {
    let (scene, blob) = copying(&"layer ".repeat(2_000_000));
    // It reads the head of the upload, and no more.
    let target = RawServer::start(|_, _| std::thread::sleep(Duration::from_secs(8)));
    let location = format!("http://{}/upload", target.host());
    scene.registry.fault(Fault::on("POST", "/blobs/uploads/").always().answer(202, "").header("location", &location));
    assert_contains(&scene.run("push --timeout 2s @dst/app:v1").failure(1), &[&blob, "/upload", "timed out"]);
}

#[test]
fn a_copy_may_take_longer_than_its_time_while_it_moves() {
    let layer = "layer ".repeat(20_000);
    let (scene, blob) = copying(&layer);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", layer.len());
    let source = RawServer::start(move |_, stream| {
        drop(stream.write_all(head.as_bytes()));
        for part in layer.as_bytes().chunks(4_000) {
            std::thread::sleep(Duration::from_millis(100));
            drop(stream.write_all(part));
        }
    });
    send_to(&scene, &blob, &source);
    scene.run_ok("push --retries 0 --timeout 1s @dst/app:v1");
    assert!(scene.registry.has_blob("dst/app", &blob));
}

#[test]
fn waiting_for_a_turn_takes_none_of_the_time() {
    let scene = Scene::new();
    let mut line = "create --jobs 1 --retries 0 --timeout 1s @dst/app:1".to_owned();
    for number in 0..12 {
        scene.registry.put_image(&format!("src/{number}"), "1", &Sample::oci(&format!("linux/arm/v{number}")));
        line += " @src/";
        line += &number.to_string();
        line += ":1";
    }
    scene.registry.fault(Fault::on("GET", "/v2/").always().delay(Duration::from_millis(100)));
    scene.run_ok(&line);
}

#[test]
fn a_name_look_up_without_a_thread_is_an_error() {
    let mut scene = Scene::new();
    let domain = format!("localhost:{}", scene.registry.address().port());
    scene.home.run_ok(&["inspect", &format!("{domain}/t/app:amd64")]);
    // No thread can have so much stack.
    scene.home.env("RUST_MIN_STACK", (1_u64 << 60).to_string());
    let said = scene.home.run(&["inspect", "--retries", "0", &format!("{domain}/t/app:amd64")]).failure(1);
    assert_contains(&said, &[&format!("{domain}/v2/t/app/manifests/amd64"), "cannot start a thread", "hint:"]);
    assert!(!said.contains("panicked"), "{said}");
    // An address needs no look-up.
    scene.run_ok("inspect @t/app:amd64");
}
