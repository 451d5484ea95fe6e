//! Release scripts that people have: what stops them with docker 28.2.2 (which is run where it is found), and that
//! they get to their end with mfst.
#![cfg(unix)]

use std::path::Path;

use mfst_testkit::build::Build;
use mfst_testkit::debian;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::{Ran, binary};
use mfst_testkit::scene::{Scene, amd64, arm64, digests};

/// Runs a script for `sh` in which `manifest` is the program's command, `@` the registry and `%` the other one.
fn run(scene: &Scene, manifest: &str, script: &str) -> Ran {
    let script = format!("set -eu\nmanifest() {{ {manifest} \"$@\"; }}\n{}", scene.expand(script));
    Ran::of(&mut scene.home.program("sh", &["-c", &script]))
}

/// Runs a script with mfst and fails unless it gets to its end; tells what it printed.
#[track_caller]
fn mfst(scene: &Scene, script: &str) -> String {
    run(scene, &binary().display().to_string(), script).ok()
}

/// Runs a script with docker, where it is found.
fn docker(scene: &Scene, script: &str) -> Option<Ran> {
    let docker = debian::docker()?;
    Some(run(scene, &format!("{} manifest", docker.display()), script))
}

/// Fails unless the script stops with docker, where it is found, with these words.
#[track_caller]
fn docker_stops(scene: &Scene, script: &str, words: &str) {
    if let Some(ran) = docker(scene, script) {
        let said = ran.fails(1);
        assert!(said.contains(words), "{said}");
        assert_eq!(scene.registry.manifest("rel/app", "1.0"), None);
    }
}

/// Fails unless the release is there and has these images.
#[track_caller]
fn is_released(scene: &Scene, images: &[Sample]) {
    let mut expected: Vec<String> = images.iter().map(Sample::digest).collect();
    let list = scene.pushed("rel/app", "1.0");
    let mut found = digests(&list);
    expected.sort();
    found.sort_unstable();
    assert_eq!(found, expected);
    for image in images {
        let (_, bytes) = scene.registry.manifest("rel/app", &image.digest()).expect("the image");
        assert_eq!(bytes, image.manifest());
        assert!(image.blob_digests().iter().all(|blob| scene.registry.has_blob("rel/app", blob)));
    }
}

const RELEASE: &str = "\
manifest create --insecure @rel/app:1.0 @rel/app:1.0-amd64 @rel/app:1.0-arm64
manifest push --insecure --purge @rel/app:1.0
";

/// A registry with `rel/app:1.0-amd64` and `rel/app:1.0-arm64`, plain images.
fn plain() -> Scene {
    let scene = Scene::new();
    scene.registry.put_image("rel/app", "1.0-amd64", &amd64());
    scene.registry.put_image("rel/app", "1.0-arm64", &arm64());
    scene
}

#[test]
fn d1_tags_that_buildx_made_an_index_of_are_released() {
    let builds = [("1.0-amd64", Build::of(&["linux/amd64"])), ("1.0-arm64", Build::of(&["linux/arm64"]))];
    let scene = || {
        let scene = Scene::new();
        for (tag, build) in &builds {
            build.put(&scene.registry, "rel/app", tag);
        }
        scene
    };
    docker_stops(&scene(), RELEASE, "is a manifest list");
    let scene = scene();
    mfst(&scene, RELEASE);
    let leaves: Vec<Sample> = builds.iter().flat_map(|(_, build)| build.leaves().cloned()).collect();
    is_released(&scene, &leaves);
}

/// A nightly job that keeps its lists between runs.
#[test]
fn d3_the_second_night_releases_the_second_nights_images() {
    let night = "\
manifest create --insecure --amend @rel/app:1.0 @rel/app:1.0-amd64 @rel/app:1.0-arm64
manifest push --insecure @rel/app:1.0
";
    let new = Sample::oci_with_layers("linux/amd64", &["second night"]);
    let second_night = |scene: &Scene| drop(scene.registry.put_image("rel/app", "1.0-amd64", &new));
    let scene = plain();
    if let Some(first) = docker(&scene, night) {
        first.ok();
        second_night(&scene);
        docker(&scene, night).map(Ran::ok);
        is_released(&scene, &[amd64(), arm64()]);
    }
    let scene = plain();
    mfst(&scene, night);
    second_night(&scene);
    mfst(&scene, night);
    is_released(&scene, &[new, arm64()]);
}

/// An image that comes late, and a script that tries again.
#[test]
fn d2_a_script_that_tries_again_gets_there() {
    let script = "\
for try in 1 2 3; do
    manifest create --insecure @rel/app:1.0 @rel/app:1.0-amd64 @rel/app:1.0-arm64 && break
    test $try != 3
done
manifest push --insecure @rel/app:1.0
";
    let late = || {
        let scene = plain();
        let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
        let not_yet = Fault::on("GET", "/manifests/1.0-arm64").answer(404, unknown);
        scene.registry.fault(not_yet.header("content-type", "application/json"));
        scene
    };
    docker_stops(&late(), script, "refusing to amend an existing manifest list with no --amend flag");
    let scene = late();
    mfst(&scene, script);
    scene.registry.script().assert_played();
    is_released(&scene, &[amd64(), arm64()]);
}

#[test]
fn d7_images_of_another_repository_are_released_where_nothing_can_be_mounted() {
    let script = "\
manifest create --insecure @rel/app:1.0 @t/app:amd64 @t/app:arm64
manifest push --insecure @rel/app:1.0
";
    let scene = || Scene::with(Embedded::plain().declining_mounts(202));
    docker_stops(&scene(), script, "mounting");
    let scene = scene();
    mfst(&scene, script);
    is_released(&scene, &[amd64(), arm64()]);
}

#[test]
fn d8_images_of_a_staging_registry_are_released() {
    let script = "\
manifest create --insecure @rel/app:1.0 %staging/app:amd64 %staging/app:arm64
manifest push --insecure @rel/app:1.0
";
    let scene = || {
        let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
        scene.other().put_image("staging/app", "amd64", &amd64());
        scene.other().put_image("staging/app", "arm64", &arm64());
        scene
    };
    docker_stops(&scene(), script, "cannot use source images from a different registry");
    let scene = scene();
    mfst(&scene, script);
    is_released(&scene, &[amd64(), arm64()]);
}

/// One platform is withdrawn from a list that somebody else has begun; docker can only begin again.
#[test]
fn a_platform_is_withdrawn_from_a_list_before_it_is_released() {
    const BEGUN: &str = "\
manifest create --insecure @rel/app:1.0 @rel/app:1.0-amd64 @rel/app:1.0-arm64
manifest annotate --variant v8 @rel/app:1.0 @rel/app:1.0-arm64
";
    const WITHDRAWN: &str = "\
list=$(manifest ls -q)
manifest remove $list linux/amd64
";
    let scene = plain();
    if docker(&scene, BEGUN).map(Ran::ok).is_some() {
        let ran = docker(&scene, WITHDRAWN).expect("docker, as before");
        assert_ne!(ran.code, Some(0), "docker has no such commands: {ran:#?}");
        // The same list, with mfst for what docker cannot do.
        let said = mfst(&scene, WITHDRAWN);
        assert_eq!(said, scene.expand("@rel/app:1.0-amd64\n"));
        docker(&scene, "manifest push --insecure --purge @rel/app:1.0").map(Ran::ok);
        is_released(&scene, &[arm64()]);
        assert_eq!(scene.pushed("rel/app", "1.0")["manifests"][0]["platform"]["variant"], "v8");
    }
    let scene = plain();
    mfst(&scene, &[BEGUN, WITHDRAWN, "manifest push --purge @rel/app:1.0"].concat());
    is_released(&scene, &[arm64()]);
    assert!(scene.home.tree().is_empty());
}

/// All of it in one command, with what the next job needs.
#[test]
fn a_release_is_one_command() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(scene.other(), "staging/app", "1.0");
    let script = "\
manifest create --push --tag latest --digestfile digest @rel/app:1.0 %staging/app:1.0
manifest inspect --raw @rel/app@$(cat digest) | sha256sum
";
    let said = mfst(&scene, script);
    let digest = scene.registry.manifest("rel/app", "latest").map(|(_, list)| mfst_testkit::sample::digest(&list));
    let hex = digest.expect("the list").replace("sha256:", "");
    assert!(said.lines().last().expect("a line").starts_with(&hex), "{said}");
    is_released(&scene, &build.leaves().cloned().collect::<Vec<_>>());
    assert!(!Path::new(&scene.home.store()).exists());
}
