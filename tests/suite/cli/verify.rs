//! `mfst verify`: each defect that it knows is planted and found.

use std::time::Duration;

use mfst_testkit::buildx::Build;
use mfst_testkit::docker_registry::{DockerRegistry, Registry as _};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, digest, index};
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{Scene, amd64, arm64};
use serde_json::{Value, json};

const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/arm/v7"];

/// A registry with the build `t/app:1`, and nothing else that counts.
fn scene(build: &Build) -> Scene {
    let scene = Scene::new();
    build.put(&scene.registry, "t/app", "1");
    scene
}

/// Puts an index of these entries in place of the build's.
fn replace(scene: &Scene, entries: &[Value]) {
    scene.registry.put_manifest("t/app", "1", OCI_INDEX, &index(OCI_INDEX, entries));
}

/// The findings as kinds and subjects, and the lines for people.
#[track_caller]
fn findings(scene: &Scene, flags: &str) -> (Vec<(String, String)>, String) {
    let ran = scene.run(&format!("verify {flags} @t/app:1"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{ran:#?}");
    let json = scene.run(&format!("verify {flags} --format json @t/app:1"));
    let reports: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let found = reports[0]["findings"].as_array().expect("findings");
    assert_eq!(found.len(), ran.stdout.lines().count(), "one line for each: {}", ran.stdout);
    let text = |finding: &Value, field: &str| finding[field].as_str().expect("a text").to_owned();
    let found = found.iter().map(|it| (text(it, "kind"), text(it, "subject"))).collect();
    (found, ran.stdout)
}

/// The one finding, and its line.
#[track_caller]
fn only(scene: &Scene, kind: &str, subject: &str) -> String {
    let (found, lines) = findings(scene, "");
    assert_eq!(found, [(kind.to_owned(), subject.to_owned())], "{lines}");
    assert!(lines.starts_with(&scene.name("t/app:1: ")), "{lines}");
    lines
}

#[test]
fn what_is_complete_is_zero_and_silent() {
    let scene = scene(&Build::of(&PLATFORMS));
    let ran =
        scene.run("verify --exact --require-platform linux/amd64,linux/arm64 --require-platform linux/arm @t/app:1");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(scene.run_ok("verify @t/app:amd64 @t/app:1"), "", "and single images");
}

#[test]
fn a_missing_image_is_found() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    scene.registry.remove_manifest("t/app", &build.images()[1].digest());
    let line = only(&scene, "manifest-missing", "linux/arm64");
    assert!(line.contains(&format!("linux/arm64: manifest {} is missing", build.images()[1].digest())), "{line}");
}

#[test]
fn a_missing_attestation_is_found() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    scene.registry.remove_manifest("t/app", &build.attestations()[0].digest());
    only(&scene, "manifest-missing", "attestation of linux/amd64");
}

#[test]
fn bytes_that_do_not_have_their_digest_are_found() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let path = format!("/manifests/{}", build.images()[0].digest());
    scene.registry.fault(Fault::on("GET", &path).always().corrupt());
    only(&scene, "manifest-digest", "linux/amd64");
}

#[test]
fn a_manifest_of_another_size_or_type_is_found() {
    let build = Build::of(&["linux/amd64"]);
    for (field, value, kind) in [
        ("size", json!(build.images()[0].manifest().len() + 1), "manifest-size"),
        ("size", json!(build.images()[0].manifest().len() - 1), "manifest-size"),
        ("mediaType", json!("application/vnd.docker.distribution.manifest.v2+json"), "manifest-type"),
    ] {
        let scene = scene(&build);
        let mut entries = build.entries();
        entries[0][field] = value;
        replace(&scene, &entries);
        only(&scene, kind, "linux/amd64");
    }
}

#[test]
fn a_document_that_is_no_manifest_is_found() {
    let build = Build::of(&["linux/amd64"]);
    let scene = scene(&build);
    let broken = scene.registry.put_manifest("t/app", "broken", OCI_MANIFEST, b"{\"layers\": 7}");
    let mut entries = build.entries();
    entries.push(json!({"mediaType": OCI_MANIFEST, "digest": broken, "size": 13,
        "platform": {"os": "linux", "architecture": "s390x"}}));
    replace(&scene, &entries);
    only(&scene, "manifest-invalid", "linux/s390x");
}

#[test]
fn missing_layers_and_configs_are_found_once() {
    let build = Build::of(&["linux/amd64"]);
    let scene = scene(&build);
    // Both images have the layer.
    let one = Sample::oci_with_layers("linux/s390x", &["not there"]);
    let other = Sample::oci_with_layers("linux/ppc64le", &["not there"]);
    let mut entries = build.entries();
    for image in [&one, &other] {
        scene.registry.put_blob("t/app", &image.blobs()[0]);
        scene.registry.put_manifest("t/app", &image.digest(), image.media_type(), image.manifest());
        entries.push(image.index_entry());
    }
    replace(&scene, &entries);
    let line = only(&scene, "blob-missing", "linux/s390x");
    assert!(line.contains(&format!("layer {} is missing", one.blob_digests()[1])), "{line}");

    let lost = Sample::oci("linux/riscv64");
    scene.registry.put_blob("t/app", &lost.blobs()[1]);
    scene.registry.put_manifest("t/app", &lost.digest(), lost.media_type(), lost.manifest());
    let entries = [build.entries(), vec![lost.index_entry()]].concat();
    replace(&scene, &entries);
    let line = only(&scene, "blob-missing", "linux/riscv64");
    assert!(line.contains(&format!("config {} is missing", lost.blob_digests()[0])), "{line}");
}

/// An image whose manifest has been changed.
fn changed(change: impl Fn(&mut Value)) -> (Vec<u8>, Value) {
    let image = amd64();
    let mut manifest: Value = serde_json::from_slice(image.manifest()).expect("JSON");
    change(&mut manifest);
    let bytes = manifest.to_string().into_bytes();
    let entry = json!({"mediaType": OCI_MANIFEST, "digest": digest(&bytes), "size": bytes.len(),
        "platform": {"os": "linux", "architecture": "amd64"}});
    (bytes, entry)
}

#[test]
fn blobs_of_another_size_than_stated_are_found() {
    for (path, value) in [("/layers/0/size", 1), ("/layers/0/size", 9999), ("/config/size", 3), ("/config/size", 9999)]
    {
        let scene = Scene::new();
        let (manifest, entry) = changed(|it| *it.pointer_mut(path).expect("the size") = value.into());
        scene.registry.put_manifest("t/app", "x", OCI_MANIFEST, &manifest);
        replace(&scene, &[entry]);
        only(&scene, "blob-size", "linux/amd64");
    }
}

#[test]
fn digests_that_are_none_are_found() {
    let scene = Scene::new();
    let (manifest, entry) = changed(|it| it["layers"][0]["digest"] = "sha256:abc".into());
    scene.registry.put_manifest("t/app", "x", OCI_MANIFEST, &manifest);
    replace(&scene, &[entry]);
    only(&scene, "invalid-digest", "linux/amd64");

    let mut entry = amd64().index_entry();
    entry["digest"] = "nothing".into();
    replace(&scene, &[arm64().index_entry(), entry]);
    only(&scene, "invalid-digest", "linux/amd64");
}

#[test]
fn a_config_with_other_bytes_or_none_that_can_be_read_is_found() {
    let scene = Scene::new();
    replace(&scene, &[amd64().index_entry()]);
    let path = format!("/blobs/{}", amd64().blob_digests()[0]);
    scene.registry.fault(Fault::on("GET", &path).always().corrupt());
    only(&scene, "blob-digest", "linux/amd64");

    let scene = Scene::new();
    let config = scene.registry.put_blob("t/app", b"no JSON");
    let (manifest, entry) = changed(|it| {
        it["config"]["digest"] = config.clone().into();
        it["config"]["size"] = 7.into();
    });
    scene.registry.put_manifest("t/app", "x", OCI_MANIFEST, &manifest);
    replace(&scene, &[entry]);
    only(&scene, "config-invalid", "linux/amd64");
}

#[test]
fn a_platform_that_is_not_that_of_the_config_is_found() {
    let scene = Scene::new();
    let mut entry = amd64().index_entry();
    entry["platform"]["architecture"] = "s390x".into();
    replace(&scene, &[arm64().index_entry(), entry]);
    let line = only(&scene, "platform-mismatch", "linux/s390x");
    assert!(line.contains("linux/s390x: the config says linux/amd64"), "{line}");
}

#[test]
fn a_variant_that_the_config_leaves_open_is_fine() {
    let scene = Scene::new();
    let mut entry = arm64().index_entry();
    entry["platform"]["variant"] = "v8".into();
    replace(&scene, &[entry]);
    scene.run_ok("verify @t/app:1");
}

#[test]
fn an_attestation_without_its_image_is_found() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let mut entries = build.entries();
    entries.remove(0);
    replace(&scene, &entries);
    let line = only(&scene, "attestation-without-image", "attestation");
    assert!(line.contains(&format!("it is about {}, which is not in the list", build.images()[0].digest())), "{line}");
}

#[test]
fn what_is_there_twice_is_found() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let entries = [build.entries(), build.entries()[..1].to_vec()].concat();
    replace(&scene, &entries);
    only(&scene, "duplicate-manifest", "linux/amd64");

    let other = Sample::oci_with_layers("linux/amd64", &["other"]);
    scene.registry.put_image("t/app", "other", &other);
    replace(&scene, &[build.entries(), vec![other.index_entry()]].concat());
    let line = only(&scene, "duplicate-platform", "linux/amd64");
    assert!(line.contains(&build.images()[0].digest()), "{line}");
}

#[test]
fn what_is_in_a_list_and_in_a_list_in_it_is_found() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let inner = build.index();
    scene.registry.put_manifest("t/app", "inner", OCI_INDEX, &inner);
    let nested = json!({"mediaType": OCI_INDEX, "digest": digest(&inner), "size": inner.len()});
    replace(&scene, &[nested, build.images()[0].index_entry()]);
    only(&scene, "duplicate-manifest", "linux/amd64");
}

#[test]
fn an_empty_list_is_found() {
    let scene = Scene::new();
    replace(&scene, &[]);
    only(&scene, "list-empty", "");
}

#[test]
fn platforms_that_are_required_and_not_there_are_found() {
    let scene = scene(&Build::of(&PLATFORMS));
    let (found, lines) = findings(&scene, "--require-platform linux/s390x,linux/arm/v6");
    assert_eq!(found.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["platform-missing"; 2]);
    assert!(lines.contains("there is no image for linux/s390x"), "{lines}");
    let (found, _) = findings(&scene, "--exact --require-platform linux/amd64,linux/arm64");
    assert_eq!(found, [("platform-unexpected".to_owned(), "linux/arm/v7".to_owned())]);
    assert!(scene.run("verify --exact @t/app:1").failure(2).contains("--exact needs --require-platform"));
    // A single image has the platform of its config.
    scene.run_ok("verify --require-platform linux/amd64 --exact @t/app:amd64");
    scene.run("verify --require-platform linux/arm64 @t/app:amd64").failure(1);
}

#[test]
fn an_image_that_is_not_there_is_a_finding() {
    let scene = Scene::new();
    let ran = scene.run("verify @t/app:no");
    assert_eq!(ran.stdout, scene.name("t/app:no: the manifest is missing\n"));
    ran.failure(1);
}

#[test]
fn lists_in_lists_are_looked_into() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let inner = build.index();
    scene.registry.put_manifest("t/app", "inner", OCI_INDEX, &inner);
    let entry = json!({"mediaType": OCI_INDEX, "digest": digest(&inner), "size": inner.len()});
    replace(&scene, &[entry]);
    scene.run_ok("verify @t/app:1");
    scene.registry.remove_manifest("t/app", &build.images()[2].digest());
    only(&scene, "manifest-missing", "linux/arm/v7");
}

#[test]
fn foreign_layers_need_not_be_there() {
    let scene = Scene::new();
    let image = Sample::with_foreign_layer("windows/amd64");
    scene.registry.put_image("t/app", "win", &image);
    scene.run_ok("verify @t/app:win");
}

#[test]
fn what_could_not_be_found_out_is_two_and_the_findings_are_printed() {
    let scene = scene(&Build::of(&PLATFORMS));
    scene.registry.fault(Fault::on("HEAD", "/blobs/").always().answer(403, ""));
    let ran = scene.run("verify @t/app:no @t/app:1");
    assert_eq!(ran.stdout, scene.name("t/app:no: the manifest is missing\n"));
    assert!(ran.failure(2).contains("403 Forbidden"));
}

#[test]
fn text_of_a_registry_does_not_reach_the_terminal_as_it_is() {
    let scene = Scene::new();
    let mut entry = amd64().index_entry();
    entry["platform"]["architecture"] = "\u{1b}[31mred\u{202e}".into();
    replace(&scene, &[entry]);
    let line = only(&scene, "platform-mismatch", "linux/\u{1b}[31mred\u{202e}");
    assert!(!line.contains(['\u{1b}', '\u{202e}']), "{line:?}");
}

/// Index, manifests, configs and blobs, however many there are.
#[test]
fn it_takes_three_levels() {
    let identity = mfst_testkit::certs::private_ca();
    for platforms in [1, 10] {
        let scene = Scene::with(Embedded::plain().tls(&identity));
        let names: Vec<String> = (0..platforms).map(|number| format!("linux/cpu{number}")).collect();
        let build = Build::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
        build.put(&scene.registry, "t/app", "1");
        scene.registry.log().clear();
        scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
        scene.run_ok("verify @t/app:1");
        let log = scene.registry.log();
        assert_eq!(log.round_trips(), 3, "{:?}", log.lines());
        let configs: std::collections::BTreeSet<_> =
            build.leaves().map(|leaf| leaf.blob_digests()[0].clone()).collect();
        let blobs: std::collections::BTreeSet<_> = build.leaves().flat_map(Sample::blob_digests).collect();
        assert_eq!(log.count("GET */blobs/*"), platforms, "configs of images: {configs:?}");
        assert_eq!(log.count("HEAD */blobs/*"), blobs.len() - platforms);
        assert_eq!(log.count("*"), 1 + 2 * platforms + blobs.len());
    }
}

#[test]
fn a_layout_is_verified_too() {
    let scene = Scene::new();
    let layout = super::layouts::with_image(&scene, "1.0", &amd64());
    scene.run_ok(&format!("verify oci:{layout}:1.0"));
    let layer = amd64().blob_digests()[1].clone();
    std::fs::remove_file(format!("{layout}/blobs/{}", layer.replace(':', "/"))).expect("the layer");
    let ran = scene.run(&format!("verify oci:{layout}:1.0"));
    assert_eq!(ran.stdout, format!("oci:{layout}:1.0: layer {layer} is missing\n"));
}

#[test]
fn a_layer_of_the_right_size_with_other_bytes_is_found_in_layouts() {
    let scene = Scene::new();
    let image = amd64();
    let layout = super::layouts::with_image(&scene, "1.0", &image);
    let layer = image.blob_digests()[1].clone();
    let other = vec![b'x'; image.blobs()[1].len()];
    std::fs::write(format!("{layout}/blobs/{}", layer.replace(':', "/")), other).expect("a file");
    let ran = scene.run(&format!("verify oci:{layout}:1.0"));
    assert_eq!(ran.stdout, format!("oci:{layout}:1.0: layer {layer} does not have that digest\n"));
    ran.failure(1);
}

#[test]
fn what_is_in_debians_registry_is_verified() {
    let Some(registry) = DockerRegistry::available(false) else { return };
    let build = Build::of(&PLATFORMS);
    build.push(registry.target(), "t/app", "1");
    let name = format!("{}/t/app:1", registry.target().host);
    assert_eq!(Sandbox::new().run_ok(&["verify", "--require-platform", "linux/amd64", &name]), "");
}
