//! Source tags that have moved since the list was made: warnings, and errors with `--verify` or `--strict`.

use mfst_testkit::buildx::Build;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64, first_line};

/// The list `dst/app:v1` of both images of `t/app`.
fn scene_with_list() -> Scene {
    let scene = Scene::new();
    scene.create("dst/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.log().clear();
    scene
}

/// The same, but the tag `t/app:amd64` has moved to another image; and its digest.
fn moved() -> (Scene, String) {
    let scene = scene_with_list();
    let new = scene.registry.put_image("t/app", "amd64", &Sample::oci_with_layers("linux/amd64", &["new"]));
    (scene, new)
}

#[test]
fn a_moved_source_is_a_warning() {
    let (scene, new) = moved();
    let result = scene.run("push @dst/app:v1");
    let old = amd64().digest();
    let warning = format!("warning: @t/app:amd64 has moved since the list was made: {old} -> {new}\n");
    let hint =
        format!("hint: the list still has {old}; `mfst create --amend @dst/app:v1 @t/app:amd64` takes the new image\n");
    assert_eq!(result.stderr, scene.expand(&(warning + &hint)));
    result.success();
    assert_eq!(scene.pushed("dst/app", "v1")["manifests"][0]["digest"], old);
}

#[test]
fn a_missing_source_is_a_warning() {
    let scene = scene_with_list();
    scene.registry.remove_manifest("t/app", "amd64");
    let result = scene.run("push @dst/app:v1");
    let warning = format!("warning: @t/app:amd64 is no longer in the registry (the list has {})\n", amd64().digest());
    assert_eq!(result.stderr, scene.expand(&warning));
    result.success();
    assert!(scene.registry.manifest("dst/app", "v1").is_some());
}

#[test]
fn verify_and_strict_send_nothing_if_a_source_has_moved() {
    for flag in ["--verify", "--strict"] {
        let (scene, new) = moved();
        let output = scene.run_err_unchanged(&format!("push {flag} @dst/app:v1"));
        for part in [&scene.name("t/app:amd64"), &amd64().digest(), &new] {
            assert!(first_line(&output).contains(part), "{flag}: {output}");
        }
        assert!(scene.registry.log().writes().is_empty(), "{flag}: {:?}", scene.registry.log().lines());
    }
}

#[test]
fn verify_sends_nothing_if_a_source_is_missing() {
    let scene = scene_with_list();
    scene.registry.remove_manifest("t/app", "amd64");
    let output = scene.run_err_unchanged("push --verify @dst/app:v1");
    assert!(first_line(&output).contains(&scene.name("t/app:amd64")), "{output}");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn verify_sends_nothing_if_a_source_cannot_be_checked() {
    let scene = scene_with_list();
    scene.registry.fault(Fault::on("HEAD", "/manifests/amd64").always().answer(500, ""));
    scene.run_err_unchanged("push --retries 0 --verify @dst/app:v1");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn a_source_that_cannot_be_checked_does_not_stop_the_push() {
    for status in [401, 403, 405, 500] {
        let scene = scene_with_list();
        scene.registry.fault(Fault::on("HEAD", "/manifests/").always().answer(status, ""));
        scene.run_ok("push --retries 0 @dst/app:v1");
        assert!(scene.registry.manifest("dst/app", "v1").is_some());
    }
}

#[test]
fn verify_and_strict_change_nothing_if_no_source_has_moved() {
    for flag in ["--verify", "--strict"] {
        let scene = scene_with_list();
        let result = scene.run(&format!("push {flag} @dst/app:v1"));
        assert_eq!(result.stderr, "");
        result.success();
    }
}

#[test]
fn each_tag_is_checked_once_with_head() {
    let scene = scene_with_list();
    scene.run_ok("push @dst/app:v1");
    let log = scene.registry.log();
    for tag in ["amd64", "arm64"] {
        assert_eq!(log.count(&format!("HEAD /v2/t/app/manifests/{tag} 200")), 1, "{:?}", log.lines());
    }
    assert_eq!(log.count("GET *"), 0, "{:?}", log.lines());
}

#[test]
fn sources_by_digest_are_not_checked() {
    let scene = Scene::new();
    scene.create("t/app:v1", &[&format!("t/app@{}", amd64().digest())]);
    scene.registry.log().clear();
    scene.run_ok("push --verify @t/app:v1");
    scene.registry.log().assert_requests(&["PUT /v2/t/app/manifests/v1 201"]);
}

#[test]
fn a_moved_index_is_reported_once() {
    let scene = Scene::new();
    let (old, new) = (Build::of(&["linux/amd64"]), Build::salted("new", &["linux/amd64"]));
    old.put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:all", &["t/multi:1"]);
    let result = scene.run("push @t/multi:all");
    assert_eq!(result.stderr, "", "the index is where it was");
    result.success();
    new.put(&scene.registry, "t/multi", "1");
    let result = scene.run("push @t/multi:all");
    assert_eq!(result.stderr.matches("warning:").count(), 1, "{result:#?}");
    assert!(result.stderr.starts_with("warning:") && result.stderr.contains(&scene.name("t/multi:1")), "{result:#?}");
    assert!(result.stderr.contains(&new.digest()), "{result:#?}");
    result.success();
    scene.run_err_unchanged("push --verify @t/multi:all");
}

#[test]
fn a_response_without_a_digest_is_not_a_move() {
    let scene = scene_with_list();
    let answer = Fault::on("HEAD", "/manifests/amd64").always().without_header("docker-content-digest");
    scene.registry.fault(answer);
    let result = scene.run("push @dst/app:v1");
    assert_eq!(result.stderr, "");
    result.success();
}

#[test]
fn a_list_pushed_to_the_tag_of_a_source_is_not_a_move() {
    let scene = Scene::new();
    Build::of(&["linux/amd64"]).put(&scene.registry, "t/multi", "1");
    for (list, source) in [("t/multi:1", "t/multi:1"), ("t/app:amd64", "t/app:amd64"), ("t/multi:2", "t/multi:1")] {
        scene.run_ok(&format!("create --replace @{list} @{source} @t/app:arm64"));
        let push = format!("push --tag {} @{list}", source.rsplit(':').next().expect("a tag"));
        for variant in ["v8", "v9"] {
            scene.run_ok(&format!("annotate --variant {variant} @{list} @t/app:arm64"));
            let result = scene.run(&push);
            assert_eq!(result.stderr, "", "{list}, {variant}");
            result.success();
        }
        scene.run_ok(&push.replace("push", "push --verify"));
        // Other tags may still move it.
        let repo = source.split(':').next().expect("a repository");
        let tag = source.rsplit(':').next().expect("a tag");
        scene.registry.put_image(repo, tag, &Sample::oci_with_layers("linux/amd64", &["new", list]));
        let output = scene.run_err_unchanged(&format!("push --verify @{list}"));
        assert!(output.contains("has moved since the list was made"), "{output}");
    }
}

#[test]
fn a_list_pushed_to_the_tag_of_a_source_can_be_amended() {
    let scene = Scene::new();
    scene.create("t/app:amd64", &["t/app:amd64", "t/app:arm64"]);
    scene.run_ok("push @t/app:amd64");
    scene.run_ok("create --amend @t/app:amd64 @t/app:amd64");
    assert!(!scene.home.entry(&scene.name("t/app:amd64"), &scene.name("t/app:amd64")).exists());
}
