//! Sources that have moved since the list was made: warnings, and errors with `--verify` or `--strict`.

use mfst_testkit::build::Build;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64, first};

/// The list `dst/app:v1` of both images of `t/app`.
fn listed() -> Scene {
    let scene = Scene::new();
    scene.create("dst/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.log().clear();
    scene
}

/// The same, but `t/app:amd64` is another image by now; its digest.
fn moved() -> (Scene, String) {
    let scene = listed();
    let new = scene.registry.put_image("t/app", "amd64", &Sample::oci_with_layers("linux/amd64", &["new"]));
    (scene, new)
}

#[test]
fn a_source_that_has_moved_is_told_and_the_list_pushed_as_it_is() {
    let (scene, new) = moved();
    let ran = scene.run("push @dst/app:v1");
    let old = amd64().digest();
    let warning = format!("warning: @t/app:amd64 has moved since the list was made: {old} -> {new}\n");
    let hint = format!(
        "hint: the list has {old}; `mfst create --amend @dst/app:v1 @t/app:amd64` takes what the tag means now\n"
    );
    assert_eq!(ran.stderr, scene.expand(&(warning + &hint)));
    ran.ok();
    assert_eq!(scene.pushed("dst/app", "v1")["manifests"][0]["digest"], old);
}

#[test]
fn a_source_that_is_gone_is_told_and_the_list_pushed_as_it_is() {
    let scene = listed();
    scene.registry.remove_manifest("t/app", "amd64");
    let ran = scene.run("push @dst/app:v1");
    let warning = format!("warning: @t/app:amd64 is no longer in the registry (the list has {})\n", amd64().digest());
    assert_eq!(ran.stderr, scene.expand(&warning));
    ran.ok();
    assert!(scene.registry.manifest("dst/app", "v1").is_some());
}

#[test]
fn verify_and_strict_send_nothing_when_a_source_has_moved() {
    for flag in ["--verify", "--strict"] {
        let (scene, new) = moved();
        let said = scene.refused(&format!("push {flag} @dst/app:v1"));
        for part in [&scene.name("t/app:amd64"), &amd64().digest(), &new] {
            assert!(first(&said).contains(part), "{flag}: {said}");
        }
        assert!(scene.registry.log().writes().is_empty(), "{flag}: {:?}", scene.registry.log().lines());
    }
}

#[test]
fn verify_sends_nothing_when_a_source_is_gone() {
    let scene = listed();
    scene.registry.remove_manifest("t/app", "amd64");
    let said = scene.refused("push --verify @dst/app:v1");
    assert!(first(&said).contains(&scene.name("t/app:amd64")), "{said}");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn verify_sends_nothing_when_a_source_cannot_be_asked_after() {
    let scene = listed();
    scene.registry.fault(Fault::on("HEAD", "/manifests/amd64").always().answer(500, ""));
    scene.refused("push --retries 0 --verify @dst/app:v1");
    assert!(scene.registry.log().writes().is_empty(), "{:?}", scene.registry.log().lines());
}

#[test]
fn a_source_that_cannot_be_asked_after_does_not_stop_the_push() {
    for status in [401, 403, 405, 500] {
        let scene = listed();
        scene.registry.fault(Fault::on("HEAD", "/manifests/").always().answer(status, ""));
        scene.ok("push --retries 0 @dst/app:v1");
        assert!(scene.registry.manifest("dst/app", "v1").is_some());
    }
}

#[test]
fn verify_and_strict_change_nothing_when_all_is_well() {
    for flag in ["--verify", "--strict"] {
        let scene = listed();
        let ran = scene.run(&format!("push {flag} @dst/app:v1"));
        assert_eq!(ran.stderr, "");
        ran.ok();
    }
}

#[test]
fn each_tag_is_asked_after_once_without_its_bytes() {
    let scene = listed();
    scene.ok("push @dst/app:v1");
    let log = scene.registry.log();
    for tag in ["amd64", "arm64"] {
        assert_eq!(log.count(&format!("HEAD /v2/t/app/manifests/{tag} 200")), 1, "{:?}", log.lines());
    }
    assert_eq!(log.count("GET *"), 0, "{:?}", log.lines());
}

#[test]
fn what_was_named_by_its_digest_cannot_move_and_is_not_asked_after() {
    let scene = Scene::new();
    scene.create("t/app:v1", &[&format!("t/app@{}", amd64().digest())]);
    scene.registry.log().clear();
    scene.ok("push --verify @t/app:v1");
    scene.registry.log().assert_requests(&["PUT /v2/t/app/manifests/v1 201"]);
}

#[test]
fn an_index_that_has_moved_is_told_once() {
    let scene = Scene::new();
    let (old, new) = (Build::of(&["linux/amd64"]), Build::salted("new", &["linux/amd64"]));
    old.put(&scene.registry, "t/multi", "1");
    scene.create("t/multi:all", &["t/multi:1"]);
    let ran = scene.run("push @t/multi:all");
    assert_eq!(ran.stderr, "", "the index is where it was");
    ran.ok();
    new.put(&scene.registry, "t/multi", "1");
    let ran = scene.run("push @t/multi:all");
    assert_eq!(ran.stderr.matches("warning:").count(), 1, "{ran:#?}");
    assert!(ran.stderr.starts_with("warning:") && ran.stderr.contains(&scene.name("t/multi:1")), "{ran:#?}");
    assert!(ran.stderr.contains(&new.digest()), "{ran:#?}");
    ran.ok();
    scene.refused("push --verify @t/multi:all");
}

#[test]
fn a_digest_that_the_registry_does_not_tell_is_no_move() {
    let scene = listed();
    let answer = Fault::on("HEAD", "/manifests/amd64").always().without_header("docker-content-digest");
    scene.registry.fault(answer);
    let ran = scene.run("push @dst/app:v1");
    assert_eq!(ran.stderr, "");
    ran.ok();
}

#[test]
fn a_list_pushed_under_the_name_of_a_source_is_no_move_when_it_is_pushed_again() {
    let scene = Scene::new();
    Build::of(&["linux/amd64"]).put(&scene.registry, "t/multi", "1");
    for (list, source) in [("t/multi:1", "t/multi:1"), ("t/app:amd64", "t/app:amd64"), ("t/multi:2", "t/multi:1")] {
        scene.ok(&format!("create --replace @{list} @{source} @t/app:arm64"));
        let push = format!("push --tag {} @{list}", source.rsplit(':').next().expect("a tag"));
        for variant in ["v8", "v9"] {
            scene.ok(&format!("annotate --variant {variant} @{list} @t/app:arm64"));
            let ran = scene.run(&push);
            assert_eq!(ran.stderr, "", "{list}, {variant}");
            ran.ok();
        }
        scene.ok(&push.replace("push", "push --verify"));
        // Others may still move it.
        let repo = source.split(':').next().expect("a repository");
        let tag = source.rsplit(':').next().expect("a tag");
        scene.registry.put_image(repo, tag, &Sample::oci_with_layers("linux/amd64", &["new", list]));
        let said = scene.refused(&format!("push --verify @{list}"));
        assert!(said.contains("has moved since the list was made"), "{said}");
    }
}

#[test]
fn a_list_pushed_under_the_name_of_an_image_in_it_is_amended_without_that_image() {
    let scene = Scene::new();
    scene.create("t/app:amd64", &["t/app:amd64", "t/app:arm64"]);
    scene.ok("push @t/app:amd64");
    scene.ok("create --amend @t/app:amd64 @t/app:amd64");
    assert!(!scene.home.entry(&scene.name("t/app:amd64"), &scene.name("t/app:amd64")).exists());
}
