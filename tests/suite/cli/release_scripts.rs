//! Release scripts of users: where they fail with docker 28.2.2 (if docker may be run), and that they succeed with
//! mfst.
#![cfg(unix)]

use std::path::Path;

use mfst_testkit::buildx::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::installed;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::{CommandOutput, binary};
use mfst_testkit::scene::{Scene, amd64, arm64, digests};

/// Runs a shell script in which `manifest` is the command of the program, `@` the registry and `%` the other one.
fn run(scene: &Scene, manifest: &str, script: &str) -> CommandOutput {
    let script = format!("set -eu\nmanifest() {{ {manifest} \"$@\"; }}\n{}", scene.expand(script));
    CommandOutput::of(&mut scene.home.program("sh", &["-c", &script]))
}

/// Runs a script with mfst, fails unless it succeeds, and returns its output.
#[track_caller]
fn mfst(scene: &Scene, script: &str) -> String {
    run(scene, &binary().display().to_string(), script).success()
}

/// Runs a script with docker, if docker may be run.
fn docker(scene: &Scene, script: &str) -> Option<CommandOutput> {
    let docker = installed::docker()?;
    Some(run(scene, &format!("{} manifest", docker.display()), script))
}

/// Fails unless the script fails with docker, if docker may be run, with this message.
#[track_caller]
fn docker_stops(scene: &Scene, script: &str, words: &str) {
    if let Some(result) = docker(scene, script) {
        let output = result.failure(1);
        assert!(output.contains(words), "{output}");
        assert_eq!(scene.registry.manifest("rel/app", "1.0"), None);
    }
}

/// Fails unless the release exists and has these images.
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

/// A registry with the single-platform images `rel/app:1.0-amd64` and `rel/app:1.0-arm64`.
fn plain() -> Scene {
    let scene = Scene::new();
    scene.registry.put_image("rel/app", "1.0-amd64", &amd64());
    scene.registry.put_image("rel/app", "1.0-arm64", &arm64());
    scene
}

#[test]
fn d1_tags_that_are_buildx_indexes_are_released() {
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
fn d3_a_nightly_job_releases_the_new_images() {
    let script = "\
manifest create --insecure --amend @rel/app:1.0 @rel/app:1.0-amd64 @rel/app:1.0-arm64
manifest push --insecure @rel/app:1.0
";
    let new = Sample::oci_with_layers("linux/amd64", &["second script"]);
    let second_night = |scene: &Scene| drop(scene.registry.put_image("rel/app", "1.0-amd64", &new));
    let scene = plain();
    if let Some(first) = docker(&scene, script) {
        first.success();
        second_night(&scene);
        docker(&scene, script).map(CommandOutput::success);
        is_released(&scene, &[amd64(), arm64()]);
    }
    let scene = plain();
    mfst(&scene, script);
    second_night(&scene);
    mfst(&scene, script);
    is_released(&scene, &[new, arm64()]);
}

/// An image that is pushed late, and a script that tries again.
#[test]
fn d2_a_script_that_tries_again_succeeds() {
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
    scene.registry.script().assert_all_hit();
    is_released(&scene, &[amd64(), arm64()]);
}

#[test]
fn d7_images_of_another_repository_are_released_without_mounts() {
    let script = "\
manifest create --insecure @rel/app:1.0 @t/app:amd64 @t/app:arm64
manifest push --insecure @rel/app:1.0
";
    let scene = || Scene::with(Embedded::plain().mount_status(202));
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

/// A platform is removed from a list that another job has started; with docker the list must be made again.
#[test]
fn a_platform_is_removed_from_a_list_before_the_release() {
    const BEGUN: &str = "\
manifest create --insecure @rel/app:1.0 @rel/app:1.0-amd64 @rel/app:1.0-arm64
manifest annotate --variant v8 @rel/app:1.0 @rel/app:1.0-arm64
";
    const WITHDRAWN: &str = "\
list=$(manifest ls -q)
manifest remove $list linux/amd64
";
    let scene = plain();
    if docker(&scene, BEGUN).map(CommandOutput::success).is_some() {
        let result = docker(&scene, WITHDRAWN).expect("docker, as before");
        assert_ne!(result.code, Some(0), "docker has no such commands: {result:#?}");
        // The same list, where mfst does what docker cannot do.
        let output = mfst(&scene, WITHDRAWN);
        assert_eq!(output, scene.expand("@rel/app:1.0-amd64\n"));
        docker(&scene, "manifest push --insecure --purge @rel/app:1.0").map(CommandOutput::success);
        is_released(&scene, &[arm64()]);
        assert_eq!(scene.pushed("rel/app", "1.0")["manifests"][0]["platform"]["variant"], "v8");
    }
    let scene = plain();
    mfst(&scene, &[BEGUN, WITHDRAWN, "manifest push --purge @rel/app:1.0"].concat());
    is_released(&scene, &[arm64()]);
    assert!(scene.home.lists().is_empty());
}

/// The whole release in one command, with output for the next job.
#[test]
fn a_release_is_one_command() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(scene.other(), "staging/app", "1.0");
    let script = "\
manifest create --push --tag latest --digestfile digest @rel/app:1.0 %staging/app:1.0
manifest inspect --raw @rel/app@$(cat digest) | sha256sum
";
    let output = mfst(&scene, script);
    let digest = scene.registry.manifest("rel/app", "latest").map(|(_, list)| mfst_testkit::sample::digest(&list));
    let hex = digest.expect("the list").replace("sha256:", "");
    assert!(output.lines().last().expect("a line").starts_with(&hex), "{output}");
    is_released(&scene, &build.leaves().cloned().collect::<Vec<_>>());
    assert!(!Path::new(&scene.home.store()).exists());
}
