//! `apply` beside manifest-tool, on the same files.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use mfst_testkit::buildx::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::installed::{find, skip_optional};
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;

/// The file of manifest-tool's own tests, as it is.
const TEST_REGISTRY: &str = "image: __REGISTRY__/alpine:latest
annotations:
  org.opencontainers.image.title: My Image Title
  org.opencontainers.image.licenses: Apache-2.0
manifests: 
  - 
    image: __REGISTRY__/ppc64le_alpine:latest
    platform: 
      architecture: ppc64le
      os: linux
  - 
    image: __REGISTRY__/amd64_alpine:latest
    platform: 
      architecture: amd64
      os: linux
  - 
    image: __REGISTRY__/s390x_alpine:latest
    platform: 
      architecture: s390x
      os: linux
  - 
    image: __REGISTRY__/aarch64_alpine:latest
    platform: 
      architecture: arm64
      os: linux
      variant: v8
";

fn manifest_tool() -> Option<PathBuf> {
    let program = find("manifest-tool");
    if program.is_none() {
        skip_optional("manifest-tool is not installed; Debian does not have it");
    }
    program
}

/// A registry with the images of the files.
fn scene() -> Scene {
    let scene = Scene::with(Embedded::plain());
    for (repo, platform) in [
        ("ppc64le_alpine", "linux/ppc64le"),
        ("amd64_alpine", "linux/amd64"),
        ("s390x_alpine", "linux/s390x"),
        ("aarch64_alpine", "linux/arm64"),
        ("armhf_alpine", "linux/arm/v7"),
    ] {
        scene.registry.put_image(&format!("flow/{repo}"), "latest", &Sample::docker(platform));
    }
    Build::of(&["linux/amd64", "linux/arm64"]).put(&scene.registry, "flow/build", "1");
    scene
}

fn write(scene: &Scene, text: &str, repo: &str) -> String {
    let path = scene.home.home().join("spec.yaml");
    let registry = scene.name("flow");
    fs::write(
        &path,
        text.replace("__REGISTRY__/alpine", &format!("{registry}/{repo}")).replace("__REGISTRY__", &registry),
    )
    .expect("a file");
    path.display().to_string()
}

fn entries(scene: &Scene, repo: &str) -> Value {
    scene.pushed(&format!("flow/{repo}"), "latest")["manifests"].clone()
}

/// `sed s,__REGISTRY__,$REGISTRY, test-registry.yml > test-registry.yaml`, and then manifest-tool: with mfst in its place.
#[test]
fn the_file_of_a_release_script_works_unchanged() {
    let scene = scene();
    let file = write(&scene, TEST_REGISTRY, "alpine");
    scene.run_ok(&format!("apply {file}"));
    let list = scene.pushed("flow/alpine", "latest");
    let platforms: Vec<String> = list["manifests"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            let platform = &entry["platform"];
            format!("{}/{}", platform["architecture"], platform["variant"])
        })
        .collect();
    assert_eq!(platforms, [r#""ppc64le"/null"#, r#""amd64"/null"#, r#""s390x"/null"#, r#""arm64"/"v8""#]);
    assert_eq!(list["annotations"]["org.opencontainers.image.title"], "My Image Title");
}

#[test]
fn apply_and_manifest_tool_make_the_same_entries() {
    let Some(program) = manifest_tool() else { return };
    let entry = |name: &str, platform: &str| format!("- image: __REGISTRY__/{name}\n  platform: {platform}\n");
    let files = [
        TEST_REGISTRY.to_owned(),
        "image: __REGISTRY__/alpine:latest\ntags: [\"1.0.0\", a]\nmanifests:\n".to_owned()
            + &entry("armhf_alpine:latest", "{architecture: arm, os: linux}")
            + &entry("amd64_alpine:latest", "{architecture: amd64, os: linux, osversion: '6', osfeatures: [a, b]}"),
        "image: __REGISTRY__/alpine:latest\nmanifests:\n- image: __REGISTRY__/armhf_alpine:latest\n".to_owned()
            + "- image: __REGISTRY__/build:1\n- image: __REGISTRY__/s390x_alpine:latest\n",
    ];
    for (number, text) in files.iter().enumerate() {
        let scene = scene();
        let kind = if text.contains("annotations") { "oci" } else { "docker" };
        let file = write(&scene, text, "theirs");
        let args = ["--plain-http", "push", "--type", kind, "from-spec", &file];
        CommandOutput::of(&mut scene.home.program(&program, &args)).success();
        let file = write(&scene, text, "ours");
        scene.run_ok(&format!("apply {file}"));
        assert_eq!(entries(&scene, "ours"), entries(&scene, "theirs"), "file {number}");
        let [ours, theirs] = ["flow/ours", "flow/theirs"].map(|repo| scene.pushed(repo, "latest"));
        assert_eq!(ours.get("annotations"), theirs.get("annotations"));
    }
}
