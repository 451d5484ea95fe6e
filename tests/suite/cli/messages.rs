//! Hints after the usual mistakes. The first line is docker's wherever docker has one.

use std::fs;

use serde_json::json;

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::{Scene, amd64, first};

/// Fails unless stderr begins with `message` and then hints at all of `parts`.
#[track_caller]
pub fn hints_at(stderr: &str, message: &str, parts: &[&str]) {
    let (shown, hints) = stderr.split_once('\n').unwrap_or((stderr, ""));
    assert_eq!(shown, message);
    let hints: Vec<&str> = hints.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
    for part in parts {
        assert!(hints.iter().any(|hint| hint.contains(part)), "no hint has {part:?}: {stderr}");
    }
}

/// A registry with the image `t/app:bare`, whose config does not say what it runs on.
fn with_bare_image() -> Scene {
    let scene = Scene::new();
    let config = b"{}";
    let config_digest = scene.registry.put_blob("t/app", config);
    let descriptor = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len(),
    });
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": []});
    scene.registry.put_manifest("t/app", "bare", OCI_MANIFEST, manifest.to_string().as_bytes());
    scene
}

#[test]
fn what_is_wrong_with_a_reference_is_said() {
    let scene = Scene::new();
    for (reference, part) in [
        ("h.io/app:", "its tag is empty"),
        ("https://h.io/app:1", "begins with the scheme https://; write \"h.io/app:1\""),
        ("h.io/app 1", "it has white space"),
        ("h.io/app:1:2", "two tags, \"1\" and \"2\""),
        ("h.io/app:1.0+x", "its tag has '+'"),
        ("", "the reference is empty"),
    ] {
        let image = scene.name("t/app:amd64");
        for args in
            [&["create", "h.io/list", reference][..], &["push", reference], &["inspect", reference], &["rm", reference]]
        {
            hints_at(&scene.home.run(args).fails(1), "invalid reference format", &[reference, part]);
        }
        let message = format!("error parsing name for manifest list {reference}: invalid reference format");
        hints_at(&scene.home.run(&["create", reference, &image]).fails(1), &message, &[part]);
    }
    let message = "invalid reference format: repository name (App) must be lowercase";
    hints_at(&scene.refused("push h.io/App:RC1"), message, &["write \"h.io/app:RC1\""]);
}

#[test]
fn a_second_run_of_create_is_shown_its_ways_on() {
    let scene = Scene::with_list();
    let said = scene.refused("create @t/app:v1 @t/app:amd64");
    let message = "refusing to amend an existing manifest list with no --amend flag";
    hints_at(&said, message, &["--replace", "--amend", "push --purge"]);
}

#[test]
fn a_moved_tag_is_warned_of_with_the_command_that_takes_it() {
    let scene = Scene::with_list();
    let new = scene.registry.put_image("t/app", "amd64", &Sample::oci_with_layers("linux/amd64", &["new"]));
    let ran = scene.run("push @t/app:v1");
    let old = amd64().digest();
    let warning = format!("warning: @t/app:amd64 has moved since the list was made: {old} -> {new}");
    hints_at(&ran.stderr, &scene.expand(&warning), &[&old]);
    ran.ok();
    let hint = scene.refused("push --verify @t/app:v1");
    let command = hint.split('`').nth(1).and_then(|command| command.strip_prefix("mfst ")).expect("a command");
    scene.ok(command);
    scene.ok("push --verify @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["manifests"][0]["digest"], new);
}

#[test]
fn a_further_name_must_state_its_registry() {
    let scene = Scene::with_list();
    for (tag, reference) in [("app:1.1", "docker.io/library/app:1.1"), ("team/app:2", "docker.io/team/app:2")] {
        let message = format!("--tag {tag} states no registry; it would be pushed to {reference}");
        let name = tag.rsplit(':').next().expect("a tag");
        let means = scene.expand(&format!("--tag {name} means @t/app:{name}"));
        for line in [format!("push --tag {tag} @t/app:v1"), format!("create --push --tag {tag} @t/app:v2 @t/app:amd64")]
        {
            hints_at(&scene.refused(&line), &message, &[&means, &format!("--tag {reference} means Docker Hub")]);
        }
    }
    assert!(scene.registry.log().writes().is_empty());
    // With its registry, Docker Hub is a name like any other.
    assert!(scene.ok("push --dry-run --tag docker.io/team/app:2 @t/app:v1").contains("manifests"));
}

#[test]
fn other_spellings_of_an_architecture_are_shown_the_right_flags() {
    let scene = Scene::with_list();
    for (arch, flags) in [
        ("arm/v7", "--arch arm --variant v7"),
        ("arm64/v8", "--arch arm64 --variant v8"),
        ("armv7", "--arch arm --variant v7"),
        ("arm32v7", "--arch arm --variant v7"),
        ("x64", "--arch amd64"),
        ("AMD64", "--arch amd64"),
    ] {
        let said = scene.refused(&format!("annotate --arch {arch} @t/app:v1 @t/app:arm64"));
        let message = format!("manifest entry for image has unsupported os/arch combination: linux/{arch}");
        hints_at(&said, &message, &[flags]);
        let ran = scene.run(&format!("annotate {flags} @t/app:v1 @t/app:arm64"));
        assert!(!ran.stderr.contains("unsupported"), "{ran:#?}");
        ran.ok();
    }
    let said = scene.refused("annotate --os Linux @t/app:v1 @t/app:arm64");
    assert!(said.contains("hint: operating systems are written in lower case: --os linux"), "{said}");
}

#[test]
fn d20_a_bare_number_is_a_variant() {
    let scene = Scene::with_list();
    for (flags, variant) in
        [("--arch arm --variant 7", "v7"), ("--variant v6", "v6"), ("--arch arm64 --variant 8", "v8")]
    {
        let ran = scene.run(&format!("annotate {flags} @t/app:v1 @t/app:arm64"));
        assert_eq!(ran.stderr, "", "{flags}");
        ran.ok();
        assert_eq!(scene.inspect("@t/app:v1")["manifests"][1]["platform"]["variant"], variant, "{flags}");
    }
}

#[test]
fn a_variant_that_an_architecture_does_not_have_is_warned_of() {
    let scene = Scene::with_list();
    scene.ok("annotate --arch arm --variant v7 @t/app:v1 @t/app:arm64");
    let ran = scene.run("annotate --arch arm64 @t/app:v1 @t/app:arm64");
    let warning = "warning: @t/app:arm64 is now for linux/arm64/v7: arm64 has no variant v7, but v8, v9";
    hints_at(&ran.stderr, &scene.expand(warning), &["annotate --clear variant"]);
    ran.clone().ok();
    let command = ran.stderr.split('`').nth(1).and_then(|command| command.strip_prefix("mfst ")).expect("a command");
    assert_eq!(scene.run(command).stderr, "");
    assert_eq!(scene.inspect("@t/app:v1")["manifests"][1]["platform"], json!({"architecture": "arm64", "os": "linux"}));
    let ran = scene.run("annotate --arch arm --variant hf @t/app:v1 @t/app:arm64");
    assert!(ran.stderr.contains("arm has no variant hf"), "{ran:#?}");
    ran.ok();
}

#[test]
fn an_image_without_a_platform_is_warned_of_at_once() {
    let scene = with_bare_image();
    let ran = scene.run("create @t/app:v1 @t/app:amd64 @t/app:bare");
    let command = scene.expand("mfst annotate --os linux --arch ARCH @t/app:v1 @t/app:bare");
    let warning = "warning: @t/app:bare names no platform, without which @t/app:v1 cannot be pushed";
    hints_at(&ran.stderr, &scene.expand(warning), &[&command]);
    ran.ok();
    let message = "manifest @t/app:bare must have an OS and Architecture to be pushed to a registry";
    hints_at(&scene.refused("push @t/app:v1"), &scene.expand(message), &[&command]);
    scene.ok("annotate --os linux --arch riscv64 @t/app:v1 @t/app:bare");
    scene.ok("push @t/app:v1");
    let message = scene.expand(message);
    hints_at(&scene.refused("create --push @t/app:v1 @t/app:bare"), &message, &[&command]);
    scene.refused("create --strict @t/app:v2 @t/app:bare");
}

#[test]
fn a_list_that_the_local_store_does_not_have_is_called_local() {
    let scene = Scene::with_list();
    let hint = scene.expand("the local store has no list @t/app:v2; `mfst ls`");
    hints_at(&scene.refused("push @t/app:v2"), &scene.expand("No such manifest: @t/app:v2"), &[&hint]);
    let message = scene.expand("manifest for image @t/app:amd64 does not exist in @t/app:v2");
    hints_at(&scene.refused("annotate --os linux @t/app:v2 @t/app:amd64"), &message, &[&hint]);
    let message = scene.expand("manifest for image @t/app:no does not exist in @t/app:v1");
    let hint = scene.expand("the local list @t/app:v1 has no entry @t/app:no");
    hints_at(&scene.refused("annotate --os linux @t/app:v1 @t/app:no"), &message, &[&hint]);
}

#[test]
fn an_emptied_list_has_no_entries() {
    let scene = Scene::with_list();
    scene.ok("remove @t/app:v1 @t/app:amd64 @t/app:arm64");
    let said = scene.refused("push @t/app:v1");
    hints_at(&said, &scene.expand("@t/app:v1 not found"), &["has no entries", "create --amend"]);
    assert_eq!(first(&scene.refused("remove @t/app:v1 @t/app:amd64")), scene.expand("@t/app:v1 has no entries"));
}

#[test]
fn a_purge_that_fails_says_that_the_list_was_pushed() {
    let scene = Scene::with_list();
    let private = scene.home.store().join(".mfst");
    fs::remove_dir_all(&private).expect("the private directory");
    fs::write(&private, "").expect("a file in its place");
    let ran = scene.run("push --purge @t/app:v1");
    let pushed = digest(&scene.registry.manifest("t/app", "v1").expect("the list").1);
    assert_eq!(ran.stdout, format!("{pushed}\n"));
    let hint = scene.expand(&format!("hint: @t/app:v1 has been pushed, as {pushed}"));
    let said = ran.fails(1);
    assert!(said.lines().any(|line| line.starts_with(&hint)), "{said}");
}

#[test]
fn a_web_page_in_the_place_of_a_manifest_is_called_one() {
    let scene = Scene::new();
    let page = Fault::on("GET", "/manifests/amd64").always().header("content-type", "text/html; charset=utf-8");
    scene.registry.fault(page.answer(200, "<!doctype html><title>Welcome</title>"));
    for line in ["inspect @t/app:amd64", "create @t/app:v1 @t/app:amd64"] {
        let said = scene.refused(line);
        let url = format!("{}/v2/t/app/manifests/amd64", scene.registry.origin());
        assert!(first(&said).contains("unsupported manifest media type"), "{said}");
        hints_at(&said, first(&said), &[&url, "web page", "not a registry"]);
    }
}

#[test]
fn a_refused_connection_is_told_without_numbers() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let said = Scene::new().refused(&format!("inspect --retries 0 {host}/t/app:v1"));
    assert!(said.contains("onnection refused") && !said.contains("os error"), "{said}");
}

#[test]
fn a_registry_that_takes_only_oci_is_named_as_the_reason() {
    for status in [400, 415] {
        let scene = Scene::new();
        scene.registry.put_image("t/app", "docker", &Sample::docker("linux/amd64"));
        let body = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"unsupported media type"}]}"#;
        scene.registry.fault(Fault::on("PUT", "/manifests/").always().answer(status, body));
        let said = scene.refused("create --push @x/app:v1 @t/app:docker");
        assert_eq!(said.contains("hint: the registry does not take docker's format"), status == 415, "{said}");
    }
}
