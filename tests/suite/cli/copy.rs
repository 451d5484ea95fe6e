//! `mfst copy` between repositories: the same bytes under another name.

use mfst_testkit::buildx::Build;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, digest, index};
use mfst_testkit::scene::{Scene, amd64, arm64};
use serde_json::json;

use crate::cli::process::spawn;

/// A build at `%src/app:1` in the second registry.
pub fn scene() -> (Scene, Build) {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(scene.other(), "src/app", "1");
    (scene, build)
}

/// Fails unless a repository of the first registry has the whole build under a tag, byte for byte.
#[track_caller]
pub fn has_build(scene: &Scene, repo: &str, tag: &str, build: &Build) {
    let (media_type, bytes) = scene.registry.manifest(repo, tag).expect("the list");
    assert_eq!((media_type.as_str(), digest(&bytes)), (OCI_INDEX, build.digest()));
    for leaf in build.leaves() {
        has_image(scene, repo, leaf);
    }
}

#[track_caller]
fn has_image(scene: &Scene, repo: &str, image: &Sample) {
    let (media_type, bytes) = scene.registry.manifest(repo, &image.digest()).expect("the image");
    assert_eq!((media_type.as_str(), bytes.as_slice()), (image.media_type(), image.manifest()));
    for blob in image.blob_digests() {
        assert!(scene.registry.has_blob(repo, &blob), "{blob}");
    }
}

#[test]
fn a_list_with_attestations_is_copied_to_another_registry_with_every_digest_equal() {
    let (scene, build) = scene();
    let said = scene.run_ok("copy %src/app:1 @dst/app:v1");
    assert_eq!(said, format!("{}@{}\n", scene.name("dst/app:v1"), build.digest()));
    has_build(&scene, "dst/app", "v1", &build);
    assert!(scene.other().log().writes().is_empty(), "{:?}", scene.other().log().lines());
}

#[test]
fn within_a_registry_blobs_are_mounted_and_never_read() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(&scene.registry, "src/app", "1");
    scene.registry.log().clear();
    scene.run_ok("copy @src/app:1 @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
    let log = scene.registry.log();
    assert_eq!(log.count("GET */blobs/*"), 0, "{:?}", log.lines());
    assert_eq!(log.count("POST /v2/dst/app/blobs/uploads/*mount=* 201"), log.count("POST *"), "{:?}", log.lines());
}

#[test]
fn single_images_of_both_kinds_keep_their_media_type() {
    for image in [Sample::docker("linux/amd64"), Sample::oci("linux/amd64")] {
        let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
        scene.other().put_image("src/app", "1", &image);
        let said = scene.run_ok("copy -q %src/app:1 @dst/app:v1");
        assert_eq!(said, image.digest() + "\n");
        has_image(&scene, "dst/app", &image);
        assert_eq!(scene.registry.manifest("dst/app", "v1").expect("the tag").1, image.manifest());
    }
}

#[test]
fn lists_in_lists_are_copied_children_first() {
    let (scene, build) = scene();
    let inner = build.index();
    let entries =
        [json!({"mediaType": OCI_INDEX, "digest": build.digest(), "size": inner.len()}), amd64().index_entry()];
    scene.other().put_image("src/app", "single", &amd64());
    let outer = scene.other().put_manifest("src/app", "outer", OCI_INDEX, &index(OCI_INDEX, &entries));
    scene.run_ok("copy %src/app:outer @dst/app:v1");
    assert_eq!(digest(&scene.registry.manifest("dst/app", "v1").expect("the list").1), outer);
    has_image(&scene, "dst/app", &amd64());
    for leaf in build.leaves() {
        has_image(&scene, "dst/app", leaf);
    }
    let puts: Vec<String> =
        scene.registry.log().writes().into_iter().filter(|line| line.contains("/manifests/")).collect();
    let position = |name: &str| puts.iter().position(|line| line.contains(name)).expect(name);
    assert!(position(&build.images()[0].digest()) < position(&build.digest()), "{puts:?}");
    assert_eq!(position("/manifests/v1"), puts.len() - 1, "{puts:?}");
}

#[test]
fn artifacts_and_build_caches_are_copied_with_all_of_their_blobs() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let [chart, empty, layer, cache] = ["a chart", "{}", "a layer", "a cache"].map(str::as_bytes);
    for blob in [chart, empty, layer, cache] {
        scene.other().put_blob("src/app", blob);
    }
    let descriptor =
        |media_type: &str, blob: &[u8]| json!({"mediaType": media_type, "digest": digest(blob), "size": blob.len()});
    let artifact = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example",
        "config": descriptor("application/vnd.oci.empty.v1+json", empty),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", chart)],
    });
    let cached = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer),
        descriptor("application/vnd.buildkit.cacheconfig.v0", cache),
    ]});
    for (tag, media_type, manifest) in [("artifact", OCI_MANIFEST, artifact), ("cache", OCI_INDEX, cached)] {
        let expected = scene.other().put_manifest("src/app", tag, media_type, manifest.to_string().as_bytes());
        scene.run_ok(&format!("copy %src/app:{tag} @dst/app:{tag}"));
        assert_eq!(digest(&scene.registry.manifest("dst/app", tag).expect("the manifest").1), expected);
    }
    let said = scene.run("copy --platform linux/amd64 %src/app:artifact @dst/app:other").failure(1);
    assert!(said.contains("artifact has no platform"), "{said}");
    for blob in [chart, empty, layer, cache] {
        assert!(scene.registry.has_blob("dst/app", &digest(blob)));
    }
}

#[test]
fn several_targets_get_each_blob_with_one_read() {
    let (scene, build) = scene();
    scene.run_ok("copy --tag b %src/app:1 @one/app:a @two/app:a oci:layout oci-archive:app.tar");
    for (repo, tag) in [("one/app", "a"), ("one/app", "b"), ("two/app", "a")] {
        has_build(&scene, repo, tag, &build);
    }
    let mut blobs: Vec<String> = build.leaves().flat_map(Sample::blob_digests).collect();
    blobs.sort();
    blobs.dedup();
    for blob in blobs {
        assert_eq!(scene.other().log().count(&format!("GET */blobs/{blob} *")), 1, "{blob}");
    }
    scene.run_ok("copy oci:layout @three/app:a");
    scene.run_ok("copy oci-archive:app.tar @four/app:a");
    has_build(&scene, "three/app", "a", &build);
    has_build(&scene, "four/app", "a", &build);
}

#[test]
fn a_target_that_fails_does_not_make_the_others_read_again() {
    let (scene, build) = scene();
    let blob = &build.images()[0].blob_digests()[1];
    scene.registry.fault(Fault::on("PUT", &format!("/v2/two/app/blobs/uploads/*{}*", &blob[7..])).answer(503, ""));
    scene.run_ok("copy %src/app:1 @one/app:a @two/app:a");
    has_build(&scene, "one/app", "a", &build);
    has_build(&scene, "two/app", "a", &build);
    let log = scene.registry.log();
    assert_eq!(log.count(&format!("PUT /v2/one/app/blobs/uploads/*{}*", &blob[7..])), 1, "{:?}", log.lines());
}

#[test]
fn a_tag_is_put_back_with_one_read_and_one_write() {
    let scene = Scene::new();
    let previous = amd64().digest();
    scene.registry.put_image("t/app", "1.0", &arm64());
    scene.registry.log().clear();
    scene.run_ok(&format!("copy @t/app@{previous} @t/app:1.0"));
    assert_eq!(scene.registry.manifest("t/app", "1.0").expect("the tag").1, amd64().manifest());
    let expected = format!("GET /v2/t/app/manifests/{previous} 200");
    scene.registry.log().assert_requests(&[expected.as_str(), "PUT /v2/t/app/manifests/1.0 201"]);
}

#[test]
fn a_copy_that_was_killed_continues_with_what_is_missing() {
    let (scene, build) = scene();
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").hang());
    let mut child = spawn(&scene, "copy %src/app:1 @dst/app:v1");
    scene.registry.script().wait_until_hit();
    child.kill().expect("a process to kill");
    child.wait().expect("an end");
    assert_eq!(scene.registry.manifest("dst/app", "v1"), None);
    scene.other().log().clear();
    scene.run_ok("copy %src/app:1 @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
    assert_eq!(scene.other().log().count("GET */blobs/*"), 0, "{:?}", scene.other().log().lines());
}

#[test]
fn wrong_bytes_reach_no_target_and_move_no_tag() {
    let (scene, build) = scene();
    let wrong = build.images()[0].blob_digests()[1].clone();
    scene.other().fault(Fault::on("GET", &wrong).always().corrupt());
    let said = scene.run("copy --retries 1 %src/app:1 @one/app:v1 oci:layout oci-archive:app.tar").failure(1);
    assert!(said.contains(&wrong), "{said}");
    assert!(!scene.registry.has_blob("one/app", &wrong));
    assert_eq!(scene.registry.manifest("one/app", "v1"), None);
    let home = scene.home.home();
    assert!(!home.join("layout/index.json").exists() && !home.join("app.tar").exists());
    let staged = |directory: std::path::PathBuf| {
        let names = std::fs::read_dir(directory).expect("a directory").flatten().map(|it| it.file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".mfst-")).count()
    };
    assert_eq!((staged(home.to_owned()), staged(home.join("layout"))), (0, 0));
}

#[test]
fn platforms_are_kept_with_their_attestations() {
    let (scene, build) = scene();
    scene.run_ok("copy --platform linux/arm64 %src/app:1 @dst/app:v1");
    let list = scene.pushed("dst/app", "v1");
    let kept = [&build.images()[1], &build.attestations()[1]];
    let expected: Vec<String> = kept.iter().map(|image| image.digest()).collect();
    assert_eq!(mfst_testkit::scene::digests(&list), expected);
    assert_eq!(list["manifests"][1]["annotations"], kept[1].index_entry()["annotations"]);
    assert_eq!(scene.registry.manifest("dst/app", &build.images()[0].digest()), None);
    // The same list as create makes.
    let made = scene.run_ok("create --push --platform linux/arm64 @made/app:v1 %src/app:1");
    assert!(made.ends_with(&format!("{}\n", digest(&scene.registry.manifest("dst/app", "v1").expect("the list").1))));
}

#[test]
fn platforms_are_found_in_nested_lists_and_in_configs() {
    let (scene, build) = scene();
    scene.other().put_image("src/app", "single", &Sample::oci("linux/s390x"));
    let mut unstated = Sample::oci("linux/s390x").index_entry();
    unstated.as_object_mut().expect("an object").remove("platform");
    let entries =
        [json!({"mediaType": OCI_INDEX, "digest": build.digest(), "size": build.index().len()}), unstated.clone()];
    scene.other().put_manifest("src/app", "outer", OCI_INDEX, &index(OCI_INDEX, &entries));
    for (platform, expected) in [
        ("linux/arm64", vec![build.images()[1].digest(), build.attestations()[1].digest()]),
        ("linux/s390x", vec![Sample::oci("linux/s390x").digest()]),
    ] {
        scene.run_ok(&format!("copy --platform {platform} %src/app:outer @dst/app:v1"));
        assert_eq!(mfst_testkit::scene::digests(&scene.pushed("dst/app", "v1")), expected);
        scene.run_ok("verify @dst/app:v1");
    }
}

#[test]
fn all_platforms_of_a_list_are_the_list_itself() {
    let (scene, build) = scene();
    scene.run_ok("copy --platform linux/amd64,linux/arm64 %src/app:1 @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
}

#[test]
fn a_platform_without_an_image_is_a_warning_and_with_strict_an_error() {
    let (scene, _) = scene();
    let said = scene.run_err_unchanged("copy --platform linux/s390x %src/app:1 @dst/app:v1");
    assert!(said.contains("linux/s390x") && said.contains("linux/arm64"), "{said}");
    let ran = scene.run("copy --platform linux/s390x,linux/amd64 %src/app:1 @dst/app:v1");
    assert!(ran.stderr.contains("no image for linux/s390x"), "{ran:#?}");
    ran.success();
    scene.run_err_unchanged("copy --strict --platform linux/s390x,linux/amd64 %src/app:1 @dst/app:v2");
    assert_eq!(scene.registry.manifest("dst/app", "v2"), None);
}

#[test]
fn every_tag_of_a_repository_is_copied() {
    let (scene, build) = scene();
    scene.other().put_image("src/app", "single", &amd64());
    scene.run_ok("copy --all-tags %src/app @dst/app oci:layout oci-archive:app.tar");
    for source in ["", "oci:layout", "oci-archive:app.tar"] {
        let repo = if source.is_empty() { "dst/app" } else { "back/app" };
        if !source.is_empty() {
            scene.run_ok(&format!("copy --all-tags {source} @back/app"));
        }
        has_build(&scene, repo, "1", &build);
        assert_eq!(scene.registry.manifest(repo, "single").expect("the tag").1, amd64().manifest());
    }
    for line in ["copy --all-tags %src/app:1 @dst/app", "copy --all-tags %src/app @dst/app:1"] {
        assert!(scene.run_err_unchanged(line).contains("--all-tags"));
    }
}

#[test]
fn no_clobber_leaves_what_exists_alone() {
    let (scene, build) = scene();
    scene.registry.put_image("dst/app", "1", &amd64());
    let ran = scene.run("copy --no-clobber --tag 2 %src/app:1 @dst/app:1");
    assert!(ran.stderr.contains(&scene.name("dst/app:1")), "{ran:#?}");
    ran.success();
    assert_eq!(scene.registry.manifest("dst/app", "1").expect("the tag").1, amd64().manifest());
    has_build(&scene, "dst/app", "2", &build);
    scene.other().put_image("src/app", "2", &arm64());
    scene.run_ok("copy -a -n %src/app @dst/app");
    has_build(&scene, "dst/app", "2", &build);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let (scene, build) = scene();
    Build::of(&["linux/amd64"]).put(&scene.registry, "near/app", "1");
    scene.registry.put_blob("dst/app", &build.images()[1].blobs()[1]);
    scene.registry.put_image("dst/app", "v1", &arm64());
    let before = scene.registry.log().writes().len();
    let said = scene.run_ok("copy --dry-run %src/app:1 @dst/app:v1 oci:layout");
    let has = |words: &[&str]| said.lines().any(|line| words.iter().all(|word| line.contains(word)));
    let [first, second] = [0, 1].map(|image: usize| build.images()[image].blob_digests()[1].clone());
    assert!(has(&["stream", &first]) && has(&["skip", &second]), "{said}");
    assert!(has(&["put", &build.images()[0].digest()]), "{said}");
    assert!(has(&["tag", &format!("{} -> {}", arm64().digest(), build.digest())]), "{said}");
    assert!(has(&["tag", "oci:layout:1", "none -> "]), "{said}");
    let said = scene.run_ok("copy --dry-run @near/app:1 @dst/app:v2");
    assert!(said.contains("  mount   ") && !said.contains("  stream  "), "{said}");
    assert_eq!(scene.registry.log().writes().len(), before);
    assert!(!scene.home.home().join("layout").exists());
}

#[test]
fn a_name_with_a_digest_must_be_the_digest_of_what_is_copied() {
    let (scene, build) = scene();
    let said = scene.run_err_unchanged(&format!("copy %src/app:1 @dst/app@{}", amd64().digest()));
    assert!(said.contains(&build.digest()), "{said}");
    scene.run_ok("copy %src/app:1 oci:layout:1");
    for line in ["oci:layout:1 oci:new", "oci:layout:1 oci-archive:new.tar", "%src/app:1 oci:new"] {
        let said = scene.run_err_unchanged(&format!("copy {line}@{}", amd64().digest()));
        assert!(said.contains("names another digest than") && said.contains(&build.digest()), "{said}");
        scene.run_ok(&format!("copy {line}@{}", build.digest()));
    }
    scene.run_ok(&format!("copy %src/app:1 @dst/app@{}", build.digest()));
    assert_eq!(digest(&scene.registry.manifest("dst/app", &build.digest()).expect("the list").1), build.digest());
}

#[test]
fn the_result_files_describe_a_copy() {
    let (scene, build) = scene();
    scene.run_ok("copy --digestfile digest --metadata-file json %src/app:1 @dst/app:v1");
    let read = |name: &str| std::fs::read_to_string(scene.home.home().join(name)).expect("a result file");
    assert_eq!(read("digest"), build.digest());
    let metadata: serde_json::Value = serde_json::from_str(&read("json")).expect("JSON");
    assert_eq!(metadata["references"], json!([scene.name("dst/app:v1")]));
    assert_eq!(
        (metadata["digest"].as_str(), metadata["entries"].as_array().map(Vec::len)),
        (Some(&*build.digest()), Some(4))
    );
    let first = &build.images()[0];
    assert_eq!(metadata["entries"][0]["digest"], first.digest());
    assert_eq!(metadata["entries"][0]["platform"]["architecture"], "amd64");
    assert_eq!(metadata["entries"][0]["blobs"], json!({"mounted": 0, "copied": 2, "present": 0}));
    assert_eq!(metadata["entries"][0]["bytes"], first.blobs().iter().map(Vec::len).sum::<usize>());
}

#[test]
fn metadata_count_what_every_target_got() {
    let (scene, build) = scene();
    let first = &build.images()[0];
    scene.registry.put_blob("two/app", &first.blobs()[1]);
    scene.run_ok("copy --metadata-file json --tag b %src/app:1 @one/app:a @two/app:a oci:layout");
    let metadata = std::fs::read_to_string(scene.home.home().join("json")).expect("the metadata");
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
    let [config, layer] = [0, 1].map(|blob: usize| first.blobs()[blob].len());
    assert_eq!(metadata["entries"][0]["blobs"], json!({"mounted": 0, "copied": 5, "present": 1}));
    assert_eq!(metadata["entries"][0]["bytes"], 3 * config + 2 * layer);
}

#[test]
fn a_dry_run_leaves_out_what_comes_with_images_that_are_there() {
    let (scene, build) = scene();
    scene.run_ok("copy %src/app:1 @dst/app:v1");
    let said = scene.run_ok("copy --dry-run %src/app:1 @dst/app:v2");
    assert!(!["stream", "mount", "put"].iter().any(|step| said.contains(&format!("  {step} "))), "{said}");
    assert!(said.contains(&format!("none -> {}", build.digest())) && said.contains("0 blobs to stream"), "{said}");
}

#[test]
fn a_source_without_tags_is_a_warning_and_with_strict_an_error() {
    let scene = Scene::new();
    scene.run_ok(&format!("copy @t/app@{} oci:layout", amd64().digest()));
    let ran = scene.run("copy -a oci:layout @dst/app");
    assert!(ran.stderr.contains("warning: oci:layout has no tag to copy"), "{ran:#?}");
    ran.success();
    assert!(scene.run_err_unchanged("copy -a --strict oci:layout @dst/app").contains("has no tag"));
}

#[cfg(target_os = "linux")]
#[test]
fn blobs_of_any_size_to_several_targets_take_little_memory() {
    const MEBIBYTE: usize = 1 << 20;
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = Sample::large("linux/amd64", 4, 24 * MEBIBYTE);
    scene.other().put_image("src/app", "1", &image);
    // When the image is put everything else is done.
    scene.registry.fault(Fault::on("PUT", "/v2/two/app/manifests/v1").hang());
    let peak = crate::cli::process::peak_memory_until_fault(
        &scene,
        spawn(&scene, "copy %src/app:1 @one/app:v1 @two/app:v1 oci:layout oci-archive:app.tar"),
    );
    for blob in image.blob_digests() {
        assert!(scene.registry.has_blob("one/app", &blob) && scene.registry.has_blob("two/app", &blob), "{blob}");
    }
    assert!(peak < 48 * MEBIBYTE, "{peak} bytes");
}
