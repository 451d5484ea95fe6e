//! Images from another registry, which a push copies (D8).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::process::spawn;
use mfst_testkit::acl::Acl;
use mfst_testkit::buildx::Build;
use mfst_testkit::certs;
use mfst_testkit::docker_registry::{DockerRegistry, Registry as _};
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::faults::Fault;
use mfst_testkit::object_storage::ObjectStorage;
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::scene::{Scene, amd64, digests};
use mfst_testkit::token_server::TokenServer;
use mfst_testkit::wire;

/// A build at `%src/app:1` in the other registry.
fn scene(target: Builder, source: Builder) -> (Scene, Build) {
    let scene = Scene::with_two(target, source);
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(scene.other(), "src/app", "1");
    (scene, build)
}

/// The same, with the list `@dst/app:v1` of it, not pushed yet.
pub fn scene_with_list(target: Builder, source: Builder) -> (Scene, Build) {
    let (scene, build) = scene(target, source);
    scene.run_ok("create @dst/app:v1 %src/app:1");
    scene.registry.log().clear();
    scene.other().log().clear();
    (scene, build)
}

/// An image with this many blobs at `%src/app:many`, as the list `@dst/app:v1`. The source speaks HTTP/2, so that a
/// client may send all requests at once.
pub fn many(blobs: usize) -> (Scene, Sample) {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain().tls(&certs::private_ca()));
    let layers: Vec<String> = (1..blobs).map(|layer| format!("layer {layer}")).collect();
    let image = Sample::oci_with_layers("linux/amd64", &layers.iter().map(String::as_str).collect::<Vec<_>>());
    scene.other().put_image("src/app", "many", &image);
    scene.run_ok("create @dst/app:v1 %src/app:many");
    scene.other().log().clear();
    (scene, image)
}

/// Fails unless the target has every image with the same bytes as the source, and every blob.
#[track_caller]
pub fn assert_complete(scene: &Scene, leaves: impl IntoIterator<Item = Sample>) {
    for leaf in leaves {
        let (_, bytes) = scene.registry.manifest("dst/app", &leaf.digest()).expect("the image");
        assert_eq!(bytes, leaf.manifest());
        for blob in leaf.blob_digests() {
            assert!(scene.registry.has_blob("dst/app", &blob), "{blob}");
        }
    }
    assert!(scene.registry.manifest("dst/app", "v1").is_some());
}

/// How often a blob was uploaded completely.
pub fn sent(scene: &Scene, blob: &str) -> usize {
    scene.registry.log().count(&format!("PUT /v2/dst/app/blobs/uploads/*{}* 201", &blob["sha256:".len()..]))
}

#[test]
fn d8_images_of_another_registry_are_copied_with_their_blobs() {
    let (scene, build) = scene_with_list(Embedded::plain(), Embedded::plain());
    let output = scene.run_ok("push @dst/app:v1");
    assert_complete(&scene, build.leaves().cloned());
    let (_, bytes) = scene.registry.manifest("dst/app", "v1").expect("the list");
    let mut lines: Vec<String> = output.lines().map(String::from).collect();
    assert_eq!(lines.pop(), Some(digest(&bytes)));
    let list = scene.pushed("dst/app", "v1");
    let expected: Vec<String> = digests(&list)
        .iter()
        .map(|digest| scene.expand(&format!("Pushed ref @dst/app@{digest} with digest: {digest}")))
        .collect();
    assert_eq!(lines.iter().collect::<BTreeSet<_>>(), expected.iter().collect());
    assert!(scene.other().log().writes().is_empty(), "{:?}", scene.other().log().lines());
}

#[test]
fn d8_images_are_copied_from_several_registries() {
    let (scene, build) = scene(Embedded::plain(), Embedded::plain());
    let here = Sample::oci("linux/s390x");
    scene.registry.put_image("dst/app", "s390x", &here);
    scene.create("dst/app:v1", &["dst/app:s390x", "t/app:amd64"]);
    scene.run("create --amend @dst/app:v1 %src/app:1");
    scene.run_ok("push @dst/app:v1");
    assert_complete(&scene, build.leaves().cloned().chain([here, amd64()]));
    assert_eq!(digests(&scene.pushed("dst/app", "v1")).len(), 6);
    // Blobs in the same registry are mounted, not copied.
    for blob in amd64().blob_digests() {
        assert_eq!(sent(&scene, &blob), 0);
    }
}

#[test]
fn d8_create_push_copies_without_the_store() {
    let (scene, build) = scene(Embedded::plain(), Embedded::plain());
    scene.run_ok("create --push @dst/app:v1 %src/app:1");
    assert_complete(&scene, build.leaves().cloned());
}

#[test]
fn d8_each_registry_gets_only_its_own_login() {
    let target = Embedded::plain().basic("alice", "target-secret").mount_status(202);
    let (scene, build) = scene(target, Embedded::plain().basic("bob", "source-secret"));
    let (here, there) = (scene.registry.host(), scene.other().host());
    scene.home.log_in_to(&[(&here, "alice", "target-secret"), (&there, "bob", "source-secret")]);
    scene.run_ok("create @dst/app:v1 %src/app:1 @t/app:amd64");
    let result = scene.run("push --debug @dst/app:v1");
    let output = format!("{}{}", result.stdout, result.stderr);
    for secret in ["-secret", &basic("alice:target-secret"), &basic("bob:source-secret")] {
        assert!(!output.contains(secret), "{output}");
    }
    result.success();
    assert_complete(&scene, build.leaves().cloned().chain([amd64()]));
    let logins = |registry: &Embedded| -> BTreeSet<String> {
        let entries = registry.log().entries();
        entries.iter().filter_map(|entry| entry.header("authorization").map(String::from)).collect()
    };
    assert_eq!(logins(&scene.registry), [basic("alice:target-secret")].into());
    assert_eq!(logins(scene.other()), [basic("bob:source-secret")].into());
}

fn basic(login: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login))
}

#[test]
fn d8_a_blob_in_an_object_storage_is_fetched_without_the_login() {
    let (scene, build) = scene(Embedded::plain(), Embedded::plain().basic("bob", "source-secret"));
    scene.home.log_in(&scene.other().host(), "bob", "source-secret");
    let storage = ObjectStorage::start();
    let image = &build.images()[0];
    let layer = &image.blob_digests()[1];
    let url = storage.put("layer", &image.blobs()[1]);
    scene.other().fault(Fault::on("GET", layer).always().answer(307, "").header("location", &url));
    scene.run_ok("create --push @dst/app:v1 %src/app:1");
    assert_complete(&scene, build.leaves().cloned());
    // It rejects requests that have an `Authorization` header.
    assert_eq!(storage.log().lines().len(), 1, "{:?}", storage.log().lines());
}

#[test]
fn d8_scopes_are_minimal_at_each_registry() {
    let acl = |name: &str, rules: &[(&str, &str)]| TokenServer::plain(Acl::default().user(name, "pw", rules)).start();
    let target_tokens = acl("alice", &[("dst/*", "pull,push")]);
    let source_tokens = acl("bob", &[("src/*", "pull")]);
    let (scene, build) = scene(Embedded::plain().bearer(&target_tokens), Embedded::plain().bearer(&source_tokens));
    let (here, there) = (scene.registry.host(), scene.other().host());
    scene.home.log_in_to(&[(&here, "alice", "pw"), (&there, "bob", "pw")]);
    scene.run_ok("create --push @dst/app:v1 %src/app:1");
    assert_complete(&scene, build.leaves().cloned());
    for request in source_tokens.requests() {
        assert_eq!(request.scopes, ["repository:src/app:pull"]);
    }
    for request in target_tokens.requests() {
        assert_eq!(request.scopes, ["repository:dst/app:pull,push"]);
    }
}

#[test]
fn d8_an_existing_blob_is_not_sent() {
    let (scene, build) = scene_with_list(Embedded::plain(), Embedded::plain());
    let there = &build.images()[0].blobs()[1];
    scene.registry.put_blob("dst/app", there);
    scene.run_ok("push @dst/app:v1");
    assert_complete(&scene, build.leaves().cloned());
    assert_eq!(sent(&scene, &digest(there)), 0);
    assert_eq!(scene.other().log().count(&format!("GET */blobs/{} *", digest(there))), 0, "nor fetched");
}

#[test]
fn d8_a_blob_of_several_images_is_sent_once() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    for arch in ["amd64", "arm64"] {
        let image = Sample::oci_with_layers(&format!("linux/{arch}"), &["shared", arch]);
        scene.other().put_image("src/app", arch, &image);
    }
    let shared = Sample::oci_with_layers("linux/amd64", &["shared"]).blob_digests().remove(1);
    scene.run_ok("create @dst/app:v1 %src/app:amd64 %src/app:arm64");
    scene.run_ok("push @dst/app:v1");
    assert_eq!(sent(&scene, &shared), 1);
    assert_eq!(scene.other().log().count(&format!("GET */blobs/{shared} *")), 1);
}

#[test]
fn d8_foreign_layers_are_not_copied() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = Sample::with_foreign_layer("windows/amd64");
    // The embedded registry requires every layer, in any repository.
    let foreign = scene.registry.put_blob("elsewhere", &Sample::foreign_layer());
    scene.other().put_image("src/app", "1", &image);
    scene.run_ok("create @dst/app:v1 %src/app:1");
    scene.run_ok("push @dst/app:v1");
    assert_complete(&scene, [image.clone()]);
    assert_eq!(scene.registry.log().count("PUT */blobs/uploads/* 201"), image.blobs().len());
    assert!(!scene.registry.has_blob("dst/app", &foreign));
    assert_eq!(scene.other().log().count(&format!("* */blobs/{foreign} *")), 0);
}

#[test]
fn d8_the_number_of_concurrent_copies_is_limited() {
    let (scene, image) = many(40);
    scene.other().fault(Fault::on("GET", "/blobs/").always().delay(Duration::from_millis(100)));
    scene.run_ok("push @dst/app:v1");
    assert_complete(&scene, [image]);
    assert_eq!(scene.other().log().count("GET */blobs/* 200"), 40);
    let at_once = scene.other().log().max_concurrent("GET */blobs/*");
    assert!((2..=16).contains(&at_once), "{at_once}");
}

#[cfg(target_os = "linux")]
#[test]
fn d8_large_blobs_take_no_more_memory_than_small_ones() {
    const MEBIBYTE: usize = 1 << 20;
    let (layers, size) = (4, 24 * MEBIBYTE);
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = Sample::large("linux/amd64", layers, size);
    scene.other().put_image("src/app", "1", &image);
    scene.run_ok("create @dst/app:v1 %src/app:1");
    // The list is sent when everything else is done.
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").hang());
    let peak = crate::cli::process::peak_memory_until_fault(&scene, spawn(&scene, "push @dst/app:v1"));
    for blob in image.blob_digests() {
        assert!(scene.registry.has_blob("dst/app", &blob), "{blob}");
    }
    assert!(peak < 2 * size, "{peak} bytes for {}", layers * size);
}

#[test]
fn d8_jobs_limits_concurrent_copies() {
    let (scene, image) = many(6);
    scene.other().fault(Fault::on("GET", "/blobs/").always().delay(Duration::from_millis(50)));
    scene.run_ok("push --jobs 1 @dst/app:v1");
    assert_complete(&scene, [image]);
    assert_eq!(scene.other().log().max_concurrent("GET */blobs/*"), 1);
}

#[test]
fn d8_docker_registry_gets_a_complete_copy() {
    let Some(target) = DockerRegistry::available(true) else { return };
    let (scene, build) = scene(Embedded::plain().basic("bob", "pw"), Embedded::plain().basic("bob", "pw"));
    let (target, source) = (target.target(), scene.other().host());
    scene.home.log_in_to(&[(&target.host, "tester", "secret"), (&source, "bob", "pw")]);
    let list = format!("{}/dst/app:v1", target.host);
    scene.run_ok(&format!("create {list} %src/app:1"));
    scene.run_ok(&format!("push {list}"));
    for leaf in build.leaves() {
        let (_, bytes) = wire::get_manifest(target, "dst/app", &leaf.digest()).expect("the image");
        assert_eq!(bytes, leaf.manifest());
        for blob in leaf.blobs() {
            let path = format!("/v2/dst/app/blobs/{}", digest(blob));
            assert_eq!(wire::request(target, "GET", &path, &[], &[]).expect("an answer").body, *blob);
        }
    }
    assert!(wire::get_manifest(target, "dst/app", "v1").is_some());
}
