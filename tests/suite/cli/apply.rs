//! `apply`: lists that files describe.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use mfst_testkit::buildx::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, Sample, digest};
use mfst_testkit::scene::{Scene, amd64, arm64, digests};

/// Writes a file in which `@` before a name stands for the registry.
fn file(scene: &Scene, name: &str, text: &str) -> PathBuf {
    let path = scene.home.home().join(name);
    fs::write(&path, text.replace('@', &format!("{}/", scene.domain))).expect("a file");
    path
}

/// Applies this text with these flags; returns stdout.
#[track_caller]
fn apply(scene: &Scene, flags: &str, text: &str) -> String {
    let path = file(scene, "spec.yaml", text);
    scene.run_ok(&format!("apply {flags} {}", path.display()))
}

/// Fails unless applying this text fails, and returns stderr, with `F` for the name of the file.
#[track_caller]
fn refused(scene: &Scene, flags: &str, text: &str) -> String {
    let path = file(scene, "spec.yaml", text);
    let ran = scene.run(&format!("apply {flags} {}", path.display()));
    ran.failure(1).replace(&path.display().to_string(), "F").replace(&format!("{}/", scene.domain), "@")
}

const TWO: &str = "image: @dst/app:1.0\nmanifests:\n- image: @t/app:arm64\n- image: @t/app:amd64\n";

#[test]
fn a_list_is_pushed_in_the_order_of_the_file_and_printed_with_its_digest() {
    let scene = Scene::new();
    let said = apply(&scene, "", TWO);
    let list = scene.pushed("dst/app", "1.0");
    assert_eq!(digests(&list), [arm64().digest(), amd64().digest()]);
    let (_, bytes) = scene.registry.manifest("dst/app", "1.0").expect("the list");
    assert_eq!(said, format!("{} {}\n", scene.name("dst/app:1.0"), digest(&bytes)));
    assert!(!scene.home.store().exists(), "the store is left alone");
}

#[test]
fn the_example_of_manifest_tools_readme_works_unchanged() {
    let scene = Scene::new();
    scene.registry.put_image("someimage", "arm64", &arm64());
    scene.registry.put_image("someimage", "amd64", &amd64());
    let text = "image: @someimage:latest\ntags: [\"1.0.0\", \"1.0\", \"1\"]\nmanifests:\n  -\n    image: @someimage:arm64\n    \
        platform:\n      architecture: arm64\n      os: linux\n  -\n    image: @someimage:amd64\n    platform:\n      \
        architecture: amd64\n      os: linux\n";
    let said = apply(&scene, "", text);
    assert_eq!(said.lines().count(), 4, "a line for each name: {said}");
    let list = scene.registry.manifest("someimage", "latest");
    assert!(list.is_some());
    for tag in ["1.0.0", "1.0", "1"] {
        assert_eq!(scene.registry.manifest("someimage", tag), list);
    }
}

#[test]
fn fields_of_a_platform_that_the_file_leaves_out_are_those_of_the_image() {
    let scene = Scene::new();
    scene.registry.put_image("t/arm", "7", &Sample::oci("linux/arm/v7"));
    let platform = |platform: &str| {
        let text = format!("image: @dst/app:1.0\nmanifests:\n- image: @t/arm:7\n  platform: {platform}\n");
        apply(&scene, "", &text);
        scene.pushed("dst/app", "1.0")["manifests"][0]["platform"].to_string()
    };
    assert_eq!(platform("{os: linux, architecture: arm}"), r#"{"architecture":"arm","os":"linux","variant":"v7"}"#);
    assert_eq!(platform("{variant: v6}"), r#"{"architecture":"arm","os":"linux","variant":"v6"}"#);
    assert_eq!(platform("linux/arm"), r#"{"architecture":"arm","os":"linux"}"#, "a word says all");
    let windows = "{os: windows, architecture: x86_64, osversion: '10.0', osfeatures: [win32k]}";
    assert!(platform(windows).contains(r#""os.features":["win32k"],"os.version":"10.0""#));
    assert!(platform(&windows.replace("osv", "os.v").replace("osf", "os.f")).contains(r#""os.version":"10.0""#));
}

/// Every key that there is, in two documents.
const EVERY_KEY: &str = r#"
image: @dst/app:${VERSION}
tags: [latest, "${VERSION:-x}.0"]
targets: ["@dst/other:${VERSION}"]
mediaType: oci
annotations: {org.opencontainers.image.version: "${VERSION}", price: 5 $$, empty: ""}
subject: @t/app:amd64
artifactType: application/vnd.example
requirePlatforms: [linux/amd64, linux/arm/v7]
manifests:
  - image: @t/app:amd64
    platform: {os: linux, architecture: amd64, variant: v2, osversion: "6", osfeatures: [a, b]}
    annotations: {k: v}
  - image: @t/build:1
    platforms: [linux/arm/v7]
    annotations: {l: w}
---
image: @dst/second:1
mediaType: docker
manifests:
  - image: @t/docker:1
    platform: linux/s390x
"#;

#[test]
fn a_file_may_have_every_key() {
    let mut scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm/v7"]);
    build.put(&scene.registry, "t/build", "1");
    scene.registry.put_image("t/docker", "1", &Sample::docker("linux/amd64"));
    scene.home.env("VERSION", "1.0");
    apply(&scene, "", EVERY_KEY);
    let list = scene.pushed("dst/app", "1.0");
    for (repo, tag) in [("dst/app", "latest"), ("dst/app", "1.0.0"), ("dst/other", "1.0")] {
        assert_eq!(scene.pushed(repo, tag), list);
    }
    assert_eq!(list["mediaType"], OCI_INDEX);
    assert_eq!(
        list["annotations"].to_string(),
        r#"{"empty":"","org.opencontainers.image.version":"1.0","price":"5 $"}"#
    );
    assert_eq!(list["subject"]["digest"], amd64().digest());
    assert_eq!(list["artifactType"], "application/vnd.example");
    let entries = list["manifests"].as_array().expect("entries");
    let expected = [amd64().digest(), build.images()[1].digest(), build.attestations()[1].digest()];
    assert_eq!(digests(&list), expected, "the attestation of the image that is kept is behind it");
    assert_eq!(entries[0]["platform"]["variant"], "v2");
    assert_eq!(entries[0]["platform"]["os.features"].to_string(), r#"["a","b"]"#);
    assert_eq!((&entries[0]["annotations"]["k"], &entries[1]["annotations"]["l"]), (&"v".into(), &"w".into()));
    assert_eq!(entries[2]["annotations"].get("l"), None, "an attestation is left as it is");
    let second = scene.pushed("dst/second", "1");
    assert_eq!(second["mediaType"], "application/vnd.docker.distribution.manifest.list.v2+json");
    assert_eq!(second["manifests"][0]["platform"]["architecture"], "s390x");
}

/// Errors are reported before any request.
#[test]
fn errors_have_a_line_and_a_column() {
    let scene = Scene::new();
    let entry = "manifests: [{image: @t/app:amd64}]\n";
    for (text, expected) in [
        ("image: @a:1\nimages: x\n".to_owned() + entry, "F:2:1: unknown key images; did you mean image?"),
        ("image: @a:1\nmediatype: x\n".to_owned() + entry, "F:2:1: unknown key mediatype; did you mean mediaType?"),
        (
            "image: @a:1\nmanifests:\n- image: @t/app:amd64\n  platform:\n    arch: arm\n".to_owned(),
            "F:5:5: unknown key arch; did you mean architecture?",
        ),
        (
            "image: @a:1\nmanifests:\n- image: @t/app:amd64\n  zzz: arm\n".to_owned(),
            "F:4:3: unknown key zzz; known keys: image, platform, platforms, annotations",
        ),
        ("image: @a:1\nimage: @a:1\n".to_owned() + entry, "F:2:1: the key image is given twice"),
        ("image: @a:1\ntags: latest\n".to_owned() + entry, "F:2:7: this must be a list"),
        ("image: [@a:1]\n".to_owned() + entry, "F:1:8: this must be a string"),
        ("image: @a:1\nannotations: [a]\n".to_owned() + entry, "F:2:14: this must be a mapping"),
        ("image: @a:1\nmanifests: x\n".to_owned(), "F:2:12: this must be a list"),
        ("image:\n".to_owned() + entry, "F:1:6: a value is missing here"),
        (entry.to_owned(), "F:1:1: the key image is missing"),
        ("image: @a:1\n".to_owned(), "F:1:1: the key manifests is missing"),
        ("image: @a:1\nmanifests: []\n".to_owned(), "F:1:8: the list has no manifests"),
        (
            "image: @A:1\n".to_owned() + entry,
            "F:1:8: \"@A:1\": invalid reference format: repository name (A) must be lowercase",
        ),
        (
            "image: @a:1\ntags: [a/b]\n".to_owned() + entry,
            "F:2:8: \"a/b\": it must be a tag; other names go under targets",
        ),
        ("image: @a:1\nmediaType: yaml\n".to_owned() + entry, "F:2:12: \"yaml\": it must be auto, docker or oci"),
        ("image: @a:1\nsubject: //\n".to_owned() + entry, "F:2:10: \"//\": invalid reference format"),
        (
            "image: @a:${NO}\n".to_owned() + entry,
            "F:1:8: the variable NO is not set; ${NO:-DEFAULT} gives it a default",
        ),
        (
            "image: @a:1\nannotations:\n  k: ${\n".to_owned() + entry,
            "F:3:6: \"${\" without \"}\"; a dollar sign by itself is $$",
        ),
        (
            "image: @a:1\nmanifests:\n- image: @t/app:amd64\n  platform: linux\n".to_owned(),
            "F:4:13: \"linux\": \"linux\" is not a platform; one is OS/ARCH[/VARIANT][:OS.VERSION], such as linux/arm/v7",
        ),
        (
            "image: @a:1\nmanifests:\n- image: @t/app:amd64\n  platform: {os: linux, architecture: amd46}\n".to_owned(),
            "F:4:39: there are no images for linux/amd46",
        ),
        ("image: \"x\n".to_owned(), "F:2:1: invalid indentation in multiline quoted scalar"),
        ("image: *x\n".to_owned(), "F:1:8: while parsing node, found unknown anchor"),
        ("# nothing\n".to_owned(), "F: it has no list"),
    ] {
        let said = refused(&scene, "", &text);
        assert_eq!(said.lines().next().unwrap_or_default(), expected, "{text}");
    }
    assert!(scene.registry.log().entries().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn all_errors_of_all_files_are_reported_at_once() {
    let scene = Scene::new();
    let one =
        file(&scene, "one.yaml", "image: @A:1\ntags: [x]\nmanifests: [{image: //}]\n---\nimage: //\nmanifests: []\n");
    let two = file(&scene, "two.yaml", "nonsense: 1\n");
    let said = scene.run(&format!("apply {} {} missing.yaml", one.display(), two.display())).failure(1);
    let places: Vec<&str> = said.lines().filter_map(|line| line.split("yaml:").nth(1)?.split(": ").next()).collect();
    assert_eq!(places, ["1:8", "3:21", "5:8", "5:8", "1:1", " no such file or directory"], "{said}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let scene = Scene::new();
    let said = scene.run("apply /dev/zero").failure(1);
    assert_eq!(said, "/dev/zero: it is a device, not a regular file; \"apply -\" reads standard input\n");
    let path = scene.home.home().join("binary");
    fs::write(&path, [b'a', 0xff]).expect("a file");
    let said = scene.run(&format!("apply {}", path.display())).failure(1);
    assert!(said.contains("it is not UTF-8"), "{said}");
}

#[test]
fn images_in_layouts_are_sources_too() {
    let scene = Scene::new();
    let layout = scene.home.home().join("layout");
    scene.run_ok(&format!("copy @t/app:amd64 oci:{}:1.0", layout.display()));
    apply(
        &scene,
        "",
        &format!("image: @dst/app:1.0\nmanifests:\n- image: oci:{}:1.0\n- image: @t/app:arm64\n", layout.display()),
    );
    assert_eq!(digests(&scene.pushed("dst/app", "1.0")), [amd64().digest(), arm64().digest()]);
}

#[test]
fn two_lists_with_the_same_name_are_an_error() {
    let scene = Scene::new();
    let said = refused(&scene, "", &format!("{TWO}---\n{}", TWO.replace("1.0\n", "2.0\ntags: [\"1.0\"]\n")));
    assert_eq!(said, "F:6:8: @dst/app:1.0 is also a name of the list at F:1:8\n");
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn a_list_that_fails_does_not_stop_the_others() {
    let scene = Scene::new();
    let text = format!("image: @dst/bad:1\nmanifests: [{{image: @t/none:1}}]\n---\n{TWO}");
    let said = refused(&scene, "", &text);
    assert_eq!(said, "@dst/bad:1 (F:1:8): no such manifest: @t/none:1\n");
    assert!(scene.registry.manifest("dst/app", "1.0").is_some());
}

#[test]
fn with_fail_fast_no_push_is_started_after_a_failure() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/v2/t/app/").always().delay(std::time::Duration::from_millis(500)));
    let text = format!("image: @dst/bad:1\nmanifests: [{{image: @t/none:1}}]\n---\n{TWO}");
    let said = refused(&scene, "--fail-fast", &text);
    assert!(said.contains("@dst/app:1.0 (F:4:8): not pushed, because another list has failed (--fail-fast)"), "{said}");
    assert!(scene.registry.manifest("dst/app", "1.0").is_none());
}

#[test]
fn several_files_are_one_run_in_which_each_image_is_fetched_once() {
    let scene = Scene::new();
    let one = file(&scene, "one.yaml", TWO);
    let two = file(&scene, "two.yaml", &TWO.replace("dst/app", "dst/two"));
    let lines = scene.run_ok(&format!("apply {} {}", one.display(), two.display()));
    assert_eq!(lines.lines().count(), 2);
    let log = scene.registry.log();
    assert_eq!(
        (log.count("GET /v2/t/app/manifests/*"), log.count("GET /v2/t/app/blobs/*")),
        (2, 2),
        "{:?}",
        log.lines()
    );
}

#[test]
fn the_metadata_file_has_an_entry_for_each_list_and_what_the_tags_meant_before() {
    let scene = Scene::new();
    let before = scene.registry.put_image("dst/app", "1.0", &amd64());
    let metadata = scene.home.home().join("metadata.json");
    let text = format!("{TWO}---\nimage: @dst/bad:1\nmanifests: [{{image: @t/none:1}}]\n");
    refused(&scene, &format!("--metadata-file {}", metadata.display()), &text);
    let metadata: Value = serde_json::from_slice(&fs::read(metadata).expect("the file")).expect("JSON");
    let (name, pushed) = (scene.name("dst/app:1.0"), scene.registry.manifest("dst/app", "1.0").expect("the list").1);
    assert_eq!(metadata[0]["previous"][&name], before);
    assert_eq!(metadata[0]["containerimage.digest"], digest(&pushed));
    assert_eq!(metadata[0]["containerimage.descriptor"]["size"], pushed.len());
    assert_eq!(metadata[0]["image.name"], name);
    assert_eq!(metadata[1]["references"][0], scene.name("dst/bad:1"));
    assert!(metadata[1]["error"].as_str().is_some_and(|error| error.contains("no such manifest")));
}

#[test]
fn a_dry_run_prints_the_plan_and_sends_nothing() {
    let scene = Scene::new();
    let path = file(&scene, "spec.yaml", TWO);
    let ran = scene.run(&format!("apply --dry-run {}", path.display()));
    assert!(ran.stderr.contains(&format!("tag     {}  none -> ", scene.name("dst/app:1.0"))), "{}", ran.stderr);
    let planned = ran.success();
    assert!(scene.registry.log().writes().is_empty());
    assert_eq!(apply(&scene, "", TWO), planned);
}

#[test]
fn platforms_that_are_required_are_checked_before_anything_is_sent() {
    let scene = Scene::new();
    let said = refused(&scene, "--require-platform linux/arm64,linux/s390x", TWO);
    assert!(said.contains("@dst/app:1.0 has no image for linux/s390x; it has linux/arm64, linux/amd64"), "{said}");
    let said = refused(&scene, "", &format!("{TWO}requirePlatforms: [linux/386]\n"));
    assert!(said.contains("has no image for linux/386"), "{said}");
    assert!(scene.registry.log().writes().is_empty());
}

#[test]
fn images_that_do_not_exist_are_waited_for_or_left_out() {
    let scene = Scene::new();
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#;
    let late = |times| Fault::on("GET", "/v2/t/app/manifests/arm64").times(times).answer(404, unknown);
    scene.registry.fault(late(2));
    apply(&scene, "--wait 1m", TWO);
    assert_eq!(digests(&scene.pushed("dst/app", "1.0")).len(), 2);
    scene.registry.fault(late(1));
    apply(&scene, "--ignore-missing", TWO);
    assert_eq!(digests(&scene.pushed("dst/app", "1.0")), [amd64().digest()]);
    // A refusal is no answer to whether an image exists.
    scene.registry.fault(Fault::on("GET", "/v2/t/app/manifests/arm64").times(1).answer(403, ""));
    assert!(refused(&scene, "--ignore-missing", TWO).contains("403"));
}

#[test]
fn images_come_from_any_registry() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    scene.other().put_image("src/app", "s390x", &Sample::oci("linux/s390x"));
    let other = scene.other().image("src/app:s390x");
    apply(&scene, "", &format!("{TWO}- image: {other}\n"));
    assert_eq!(digests(&scene.pushed("dst/app", "1.0")).len(), 3);
}

#[test]
fn yaml_may_have_anchors_and_merge_keys() {
    let scene = Scene::new();
    let text = "image: @dst/app:1.0\nannotations: &a {k: v}\nmanifests:\n- &first\n  image: @t/app:arm64\n  annotations: *a\n\
        - <<: *first\n  image: @t/app:amd64\n";
    apply(&scene, "", text);
    let list = scene.pushed("dst/app", "1.0");
    assert_eq!(list["manifests"][1]["annotations"]["k"], "v");
    assert_eq!(digests(&list), [arm64().digest(), amd64().digest()]);
}

#[test]
fn d6_a_platform_that_is_completed_from_the_image_must_be_one_too() {
    let scene = Scene::new();
    for (platform, said) in [
        ("{architecture: AMD64}", "linux/AMD64"),
        ("{architecture: bogus}", "linux/bogus"),
        ("{os: bogus}", "bogus/amd64"),
    ] {
        let text = format!("image: @dst/app:1.0\nmanifests:\n- image: @t/app:amd64\n  platform: {platform}\n");
        let expected = format!("@dst/app:1.0 (F:1:8): @t/app:amd64: there are no images for {said}\n");
        assert_eq!(refused(&scene, "", &text), expected);
    }
    assert!(scene.registry.manifest("dst/app", "1.0").is_none());
}

#[test]
fn d21_the_variant_of_a_stated_platform_is_spelled_as_oci_does() {
    let scene = Scene::new();
    for platform in ["linux/arm/7", "{os: linux, architecture: arm, variant: 7}", "{architecture: arm, variant: '7'}"] {
        let text = format!("image: @dst/app:1.0\nmanifests:\n- image: @t/app:amd64\n  platform: {platform}\n");
        let path = file(&scene, "spec.yaml", &text);
        let result = scene.run(&format!("apply {}", path.display()));
        assert_eq!((result.code, result.stderr.as_str()), (Some(0), ""), "{platform}");
        assert_eq!(scene.pushed("dst/app", "1.0")["manifests"][0]["platform"]["variant"], "v7", "{platform}");
    }
    for platform in ["linux/arm64/v7", "{architecture: arm64, variant: v7}"] {
        let text = format!("image: @dst/app:1.0\nmanifests:\n- image: @t/app:amd64\n  platform: {platform}\n");
        let said = refused(&scene, "--strict", &text);
        assert!(said.contains("@t/app:amd64 is now for linux/arm64/v7: arm64 has no variant v7, but v8, v9"), "{said}");
    }
}

#[test]
fn a_list_that_names_an_image_for_two_platforms_is_copied_byte_for_byte() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", &amd64().digest(), &amd64());
    let entry = |variant: &str| {
        let mut entry = amd64().index_entry();
        entry["platform"]["variant"] = variant.into();
        entry
    };
    let list = serde_json::json!({"manifests": [entry("v1"), entry("v2")], "schemaVersion": 2, "mediaType": OCI_INDEX});
    let bytes = list.to_string().into_bytes();
    scene.registry.put_manifest("t/app", "two", OCI_INDEX, &bytes);
    apply(&scene, "", "image: @dst/app:1.0\nmanifests: [{image: @t/app:two}]\n");
    assert_eq!(scene.registry.manifest("dst/app", "1.0").expect("the list").1, bytes);
}
