//! Copies from another registry that something goes wrong with on the way.

use std::time::Duration;

use crate::cli::copies::{is_complete, listed, many, sent};
use crate::cli::process::spawn;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64};

#[test]
fn d8_wrong_bytes_are_never_accepted() {
    let (scene, build) = listed(Embedded::plain(), Embedded::plain());
    let wrong = build.images()[0].blob_digests()[1].clone();
    scene.other().fault(Fault::on("GET", &wrong).always().corrupt());
    let said = scene.run("push --retries 1 @dst/app:v1").fails(1);
    assert!(said.contains(&wrong), "{said}");
    assert!(!scene.registry.has_blob("dst/app", &wrong));
    assert_eq!(scene.registry.manifest("dst/app", "v1"), None);
    assert_eq!(scene.registry.manifest("dst/app", &build.images()[0].digest()), None);
}

#[test]
fn d8_wrong_bytes_are_an_error_even_to_a_target_that_takes_them() {
    let (scene, build) = listed(Embedded::plain(), Embedded::plain());
    let wrong = build.images()[0].blob_digests()[1].clone();
    scene.other().fault(Fault::on("GET", &wrong).always().corrupt());
    scene.registry.fault(Fault::on("PUT", "/blobs/uploads/").always().answer(201, ""));
    let said = scene.run("push --retries 1 @dst/app:v1").fails(1);
    assert!(said.contains(&wrong), "{said}");
    assert_eq!(scene.registry.log().count("PUT */manifests/*"), 0, "{:?}", scene.registry.log().lines());
}

#[test]
fn d8_a_blob_of_another_length_than_its_descriptor_says_is_an_error() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = amd64();
    scene.other().put_image("src/app", "1", &image);
    let layer = image.blob_digests()[1].clone();
    let longer = [image.blobs()[1].as_slice(), &vec![0; 100_000]].concat();
    scene.ok("create @dst/app:v1 %src/app:1");
    scene.other().fault(Fault::on("GET", &layer).always().answer(200, longer));
    let said = scene.run("push --retries 0 @dst/app:v1").fails(1);
    assert!(said.contains(&layer), "{said}");
    assert!(!scene.registry.has_blob("dst/app", &layer));
}

#[test]
fn d8_a_source_that_breaks_off_in_a_blob_is_asked_again() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = Sample::oci_with_layers("linux/amd64", &[&"layer ".repeat(10_000)]);
    scene.other().put_image("src/app", "1", &image);
    scene.ok("create @dst/app:v1 %src/app:1");
    let layer = &image.blob_digests()[1];
    scene.other().fault(Fault::on("GET", layer).truncate(20_000));
    scene.other().fault(Fault::on("GET", layer).cut_before());
    scene.other().fault(Fault::on("GET", layer).answer(503, ""));
    scene.ok("push @dst/app:v1");
    scene.other().script().assert_played();
    is_complete(&scene, [image]);
}

#[test]
fn d8_a_target_that_breaks_off_in_an_upload_is_sent_it_again() {
    let put = || Fault::on("PUT", "/blobs/uploads/");
    for fault in [put().cut_before(), put().cut_after(), put().answer(503, ""), put().answer(429, "")] {
        let (scene, build) = listed(Embedded::plain(), Embedded::plain());
        scene.registry.fault(fault);
        scene.ok("push @dst/app:v1");
        scene.registry.script().assert_played();
        is_complete(&scene, build.leaves().cloned());
    }
}

#[test]
fn d8_a_blob_that_the_source_does_not_have_is_named_with_its_registry() {
    let (scene, build) = listed(Embedded::plain(), Embedded::plain());
    let missing = build.images()[1].blob_digests()[0].clone();
    scene.other().fault(Fault::on("GET", &missing).always().answer(404, ""));
    let said = scene.run("push @dst/app:v1").fails(1);
    assert!(said.contains(&missing) && said.contains(&scene.other().host()), "{said}");
    assert_eq!(scene.registry.manifest("dst/app", "v1"), None);
}

#[test]
fn d8_a_copy_that_was_killed_goes_on_where_it_was() {
    let (scene, image) = many(8);
    let blobs = image.blob_digests();
    let (last, arrived) = blobs.split_last().expect("blobs");
    scene.other().fault(Fault::on("GET", last).hang());
    let mut child = spawn(&scene, "push @dst/app:v1");
    wait_until(|| arrived.iter().all(|blob| scene.registry.has_blob("dst/app", blob)));
    scene.other().script().wait_until_played();
    child.kill().expect("a process to kill");
    child.wait().expect("an end");
    assert_eq!(scene.registry.manifest("dst/app", "v1"), None);

    scene.ok("push @dst/app:v1");
    is_complete(&scene, [image.clone()]);
    for blob in &blobs {
        assert_eq!(sent(&scene, blob), 1, "{blob}: {:?}", scene.registry.log().lines());
    }
    for blob in arrived {
        assert_eq!(scene.other().log().count(&format!("GET */blobs/{blob} *")), 1, "fetched once as well");
    }
}

/// Waits for something that another process does. The limit only keeps a broken test from hanging.
#[track_caller]
fn wait_until(happened: impl Fn() -> bool) {
    for _ in 0..6000 {
        if happened() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not within a minute");
}
