//! Lists that mfst has pushed can be read, verified and copied by skopeo.

use std::collections::BTreeSet;

use std::path::Path;

use serde_json::Value;

use mfst_testkit::buildx::Build;
use mfst_testkit::docker_registry::{DockerRegistry, Registry as _};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::installed::skopeo;
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;

use crate::cli::layouts::check_layout;

/// One build per platform, as build farms make them.
fn builds() -> [Build; 2] {
    [Build::of(&["linux/amd64"]), Build::of(&["linux/arm64"])]
}

/// Runs skopeo in the scene's sandbox.
#[track_caller]
fn run(scene: &Scene, skopeo: &Path, line: &str) -> String {
    let args: Vec<&str> = line.split_whitespace().collect();
    CommandOutput::of(&mut scene.home.program(skopeo, &args)).success()
}

/// Fails unless skopeo copies the whole list, whose bytes these are, and finds the image of each platform.
#[track_caller]
fn assert_complete(scene: &Scene, skopeo: &Path, image: &str, list: &[u8], builds: &[Build]) {
    let layout = scene.home.home().join("layout");
    let copy = "copy --insecure-policy --all --preserve-digests --src-tls-verify=false";
    run(scene, skopeo, &format!("{copy} docker://{image} oci:{}", layout.display()));
    let mut expected = BTreeSet::from([digest(list)]);
    for leaf in builds.iter().flat_map(Build::leaves) {
        expected.insert(leaf.digest());
        expected.extend(leaf.blob_digests());
    }
    assert_eq!(check_layout(&layout), expected);
    for image_of in builds.iter().flat_map(Build::images) {
        let platform = &image_of.index_entry()["platform"];
        let architecture = platform["architecture"].as_str().expect("an architecture");
        let line =
            format!("inspect --tls-verify=false --override-os linux --override-arch {architecture} docker://{image}");
        let inspected: Value = serde_json::from_str(&run(scene, skopeo, &line)).expect("JSON");
        assert_eq!(inspected["Architecture"], architecture);
        let layers: Vec<Value> = image_of.blob_digests().into_iter().skip(1).map(Value::from).collect();
        assert_eq!(inspected["Layers"], Value::from(layers));
    }
}

#[test]
fn skopeo_copies_a_list_of_two_builds_completely() {
    let Some(skopeo) = skopeo() else { return };
    let (scene, builds) = (Scene::new(), builds());
    builds[0].put(&scene.registry, "src/app", "1-amd64");
    builds[1].put(&scene.registry, "src/app", "1-arm64");
    scene.run_ok("create @dst/app:1 @src/app:1-amd64 @src/app:1-arm64");
    scene.run_ok("push @dst/app:1");
    let (_, list) = scene.registry.manifest("dst/app", "1").expect("the list");
    assert_complete(&scene, &skopeo, &scene.name("dst/app:1"), &list, &builds);
}

#[test]
fn skopeo_copies_a_list_of_two_builds_from_other_registries() {
    let Some(skopeo) = skopeo() else { return };
    let target = Embedded::plain().basic("alice", "target-secret").mount_status(202);
    let (scene, builds) = (Scene::with_two(target, Embedded::plain().basic("bob", "source-secret")), builds());
    let logins = [(&scene.registry.host(), "alice", "target-secret"), (&scene.other().host(), "bob", "source-secret")];
    scene.home.log_in_to(&logins.map(|(host, user, password)| (host.as_str(), user, password)));
    builds[0].put(scene.other(), "src/app", "1-amd64");
    builds[1].put(&scene.registry, "src/app", "1-arm64");
    scene.run_ok("create @dst/app:1 %src/app:1-amd64 @src/app:1-arm64");
    scene.run_ok("push @dst/app:1");
    let (_, list) = scene.registry.manifest("dst/app", "1").expect("the list");
    assert_complete(&scene, &skopeo, &scene.name("dst/app:1"), &list, &builds);
}

#[test]
fn skopeo_copies_a_list_that_was_copied_to_docker_registry() {
    let Some(skopeo) = skopeo() else { return };
    let Some(target) = DockerRegistry::available(false) else { return };
    let (scene, builds) = (Scene::with_two(Embedded::plain(), Embedded::plain()), builds());
    let target = target.target();
    builds[0].put(scene.other(), "src/app", "1-amd64");
    builds[1].push(target, "src/app", "1-arm64");
    let list = format!("{}/dst/app:1", target.host);
    scene.run_ok(&format!("create --push {list} %src/app:1-amd64 {}/src/app:1-arm64", target.host));
    let (_, bytes) = mfst_testkit::wire::get_manifest(target, "dst/app", "1").expect("the list");
    assert_complete(&scene, &skopeo, &list, &bytes, &builds);
}

#[test]
fn a_list_that_skopeo_copied_can_be_a_source() {
    let Some(skopeo) = skopeo() else { return };
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let build = Build::of(&["linux/amd64", "linux/arm/v7"]);
    build.put(scene.other(), "src/app", "1");
    let copy = "copy --insecure-policy --all --preserve-digests --src-tls-verify=false --dest-tls-verify=false";
    run(
        &scene,
        &skopeo,
        &scene.expand(&format!(
            "{copy} docker://{} docker://{}",
            scene.other().image("src/app:1"),
            scene.name("mirror/app:1")
        )),
    );
    scene.run_ok("create --push @dst/app:1 @mirror/app:1");
    let list = scene.pushed("dst/app", "1");
    let found: BTreeSet<&str> = mfst_testkit::scene::digests(&list).into_iter().collect();
    let expected: Vec<String> = build.leaves().map(Sample::digest).collect();
    assert_eq!(found, expected.iter().map(String::as_str).collect());
}

/// The test kit's builds are valid for skopeo; the tests above rely on it.
#[test]
fn skopeo_copies_the_builds_themselves() {
    let Some(skopeo) = skopeo() else { return };
    let (scene, build) = (Scene::new(), Build::of(&["linux/amd64", "linux/arm64"]));
    build.put(&scene.registry, "src/app", "1");
    assert_complete(&scene, &skopeo, &scene.name("src/app:1"), &build.index(), std::slice::from_ref(&build));
}
