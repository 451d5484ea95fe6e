//! Hints after the usual mistakes. The first line is docker's wherever docker has one.

use serde_json::json;

use mfst_testkit::faults::Fault;
use mfst_testkit::namespace::Namespace;
use mfst_testkit::sample::{OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::{Scene, amd64, first_line};

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
fn invalid_references_are_explained() {
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
            hints_at(&scene.home.run(args).failure(1), "invalid reference format", &[reference, part]);
        }
        let message = format!("error parsing name for manifest list {reference}: invalid reference format");
        hints_at(&scene.home.run(&["create", reference, &image]).failure(1), &message, &[part]);
    }
    let message = "invalid reference format: repository name (App) must be lowercase";
    hints_at(&scene.run_err_unchanged("push h.io/App:RC1"), message, &["write \"h.io/app:RC1\""]);
}

#[test]
fn a_second_create_names_the_flags_that_allow_it() {
    let scene = Scene::with_list();
    let stderr = scene.run_err_unchanged("create @t/app:v1 @t/app:amd64");
    let message = "refusing to amend an existing manifest list with no --amend flag";
    hints_at(&stderr, message, &["--replace", "--amend", "push --purge"]);
}

#[test]
fn the_warning_of_a_moved_tag_names_the_command_that_takes_it() {
    let scene = Scene::with_list();
    let new = scene.registry.put_image("t/app", "amd64", &Sample::oci_with_layers("linux/amd64", &["new"]));
    let result = scene.run("push @t/app:v1");
    let old = amd64().digest();
    let warning = format!("warning: @t/app:amd64 has moved since the list was made: {old} -> {new}");
    hints_at(&result.stderr, &scene.expand(&warning), &[&old]);
    result.success();
    let hint = scene.run_err_unchanged("push --verify @t/app:v1");
    let command = hint.split('`').nth(1).and_then(|command| command.strip_prefix("mfst ")).expect("a command");
    scene.run_ok(command);
    scene.run_ok("push --verify @t/app:v1");
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
            hints_at(
                &scene.run_err_unchanged(&line),
                &message,
                &[&means, &format!("--tag {reference} means Docker Hub")],
            );
        }
    }
    let message = "--tag team/app:2 states no registry; it would be pushed to docker.io/team/app:2";
    let hint = scene.expand("--tag 2 means @x/app:2");
    hints_at(&scene.run_err_unchanged("copy --tag team/app:2 @t/app:amd64 @x/app:1"), message, &[&hint]);
    assert!(scene.registry.log().writes().is_empty());
    // With its registry, Docker Hub is a name like any other.
    assert!(scene.run_ok("push --dry-run --tag docker.io/team/app:2 @t/app:v1").contains("manifests"));
}

#[test]
fn other_spellings_of_an_architecture_get_the_right_flags() {
    let scene = Scene::with_list();
    for (arch, flags) in [
        ("arm/v7", "--arch arm --variant v7"),
        ("arm64/v8", "--arch arm64 --variant v8"),
        ("armv7", "--arch arm --variant v7"),
        ("arm32v7", "--arch arm --variant v7"),
        ("x64", "--arch amd64"),
        ("AMD64", "--arch amd64"),
    ] {
        let stderr = scene.run_err_unchanged(&format!("annotate --arch {arch} @t/app:v1 @t/app:arm64"));
        let message = format!("manifest entry for image has unsupported os/arch combination: linux/{arch}");
        hints_at(&stderr, &message, &[flags]);
        let result = scene.run(&format!("annotate {flags} @t/app:v1 @t/app:arm64"));
        assert!(!result.stderr.contains("unsupported"), "{result:#?}");
        result.success();
    }
    let stderr = scene.run_err_unchanged("annotate --os Linux @t/app:v1 @t/app:arm64");
    assert!(stderr.contains("hint: operating systems are written in lower case: --os linux"), "{stderr}");
}

#[test]
fn d21_a_bare_number_is_a_variant() {
    let scene = Scene::with_list();
    for (flags, variant) in
        [("--arch arm --variant 7", "v7"), ("--variant v6", "v6"), ("--arch arm64 --variant 8", "v8")]
    {
        let result = scene.run(&format!("annotate {flags} @t/app:v1 @t/app:arm64"));
        assert_eq!(result.stderr, "", "{flags}");
        result.success();
        assert_eq!(scene.inspect("@t/app:v1")["manifests"][1]["platform"]["variant"], variant, "{flags}");
    }
}

#[test]
fn d21_a_bare_number_is_a_variant_in_a_platform_too() {
    let scene = Scene::with_list();
    let variant =
        |list: &str, position: usize| scene.inspect(list)["manifests"][position]["platform"]["variant"].clone();
    scene.run_ok("annotate --platform linux/arm/7 @t/app:v1 @t/app:arm64");
    assert_eq!(variant("@t/app:v1", 1), "v7");
    scene.run_ok("create @t/app:v2 @t/app:arm64=linux/arm/7");
    assert_eq!(variant("@t/app:v2", 0), "v7");

    let warning = "warning: @t/app:arm64 is now for linux/arm64/v7: arm64 has no variant v7, but v8, v9";
    for line in [
        "annotate --platform linux/arm64/7 @t/app:v1 @t/app:arm64",
        "create @t/app:v3 @t/app:arm64=linux/arm64/7",
        "create --push @t/app:v4 @t/app:arm64=linux/arm64/7",
    ] {
        let said = scene.run(line);
        assert!(said.stderr.lines().any(|said| said == scene.expand(warning)), "{line}: {said:#?}");
        said.success();
    }
}

#[test]
fn an_unknown_variant_is_a_warning() {
    let scene = Scene::with_list();
    scene.run_ok("annotate --arch arm --variant v7 @t/app:v1 @t/app:arm64");
    let result = scene.run("annotate --arch arm64 @t/app:v1 @t/app:arm64");
    let warning = "warning: @t/app:arm64 is now for linux/arm64/v7: arm64 has no variant v7, but v8, v9";
    hints_at(&result.stderr, &scene.expand(warning), &["annotate --clear variant"]);
    result.clone().success();
    let command = result.stderr.split('`').nth(1).and_then(|command| command.strip_prefix("mfst ")).expect("a command");
    assert_eq!(scene.run(command).stderr, "");
    assert_eq!(scene.inspect("@t/app:v1")["manifests"][1]["platform"], json!({"architecture": "arm64", "os": "linux"}));
    let result = scene.run("annotate --arch arm --variant hf @t/app:v1 @t/app:arm64");
    assert!(result.stderr.contains("arm has no variant hf"), "{result:#?}");
    result.success();
}

#[test]
fn create_warns_of_an_image_without_a_platform() {
    let scene = with_bare_image();
    let result = scene.run("create @t/app:v1 @t/app:amd64 @t/app:bare");
    let command = scene.expand("mfst annotate --os linux --arch ARCH @t/app:v1 @t/app:bare");
    let warning = "warning: @t/app:bare has no platform; @t/app:v1 cannot be pushed without it";
    hints_at(&result.stderr, &scene.expand(warning), &[&command]);
    result.success();
    let message = "manifest @t/app:bare must have an OS and Architecture to be pushed to a registry";
    hints_at(&scene.run_err_unchanged("push @t/app:v1"), &scene.expand(message), &[&command]);
    scene.run_ok("annotate --os linux --arch riscv64 @t/app:v1 @t/app:bare");
    scene.run_ok("push @t/app:v1");
    let message = scene.expand(message);
    hints_at(&scene.run_err_unchanged("create --push @t/app:v1 @t/app:bare"), &message, &[&command]);
    scene.run_err_unchanged("create --strict @t/app:v2 @t/app:bare");
}

#[test]
fn a_missing_list_is_said_to_be_missing_from_the_local_store() {
    let scene = Scene::with_list();
    let hint = scene.expand("the local store has no list @t/app:v2; `mfst ls`");
    hints_at(&scene.run_err_unchanged("push @t/app:v2"), &scene.expand("No such manifest: @t/app:v2"), &[&hint]);
    let message = scene.expand("manifest for image @t/app:amd64 does not exist in @t/app:v2");
    hints_at(&scene.run_err_unchanged("annotate --os linux @t/app:v2 @t/app:amd64"), &message, &[&hint]);
    let message = scene.expand("manifest for image @t/app:no does not exist in @t/app:v1");
    let hint = scene.expand("the local list @t/app:v1 has no such entry");
    hints_at(&scene.run_err_unchanged("annotate --os linux @t/app:v1 @t/app:no"), &message, &[&hint]);
}

#[test]
fn an_emptied_list_has_no_entries() {
    let scene = Scene::with_list();
    scene.run_ok("remove @t/app:v1 @t/app:amd64 @t/app:arm64");
    let stderr = scene.run_err_unchanged("push @t/app:v1");
    hints_at(&stderr, &scene.expand("@t/app:v1 not found"), &["has no entries", "create --amend"]);
    assert_eq!(
        first_line(&scene.run_err_unchanged("remove @t/app:v1 @t/app:amd64")),
        scene.expand("@t/app:v1 has no entries")
    );
}

#[test]
fn a_purge_that_fails_says_that_the_list_was_pushed() {
    let scene = Scene::with_list();
    let Some(namespace) = Namespace::with_read_only(&scene.home.store()) else { return };
    let result = namespace.run(&scene.home, &["push", "--purge", &scene.name("t/app:v1")]);
    let pushed = digest(&scene.registry.manifest("t/app", "v1").expect("the list").1);
    assert_eq!(result.stdout, format!("{pushed}\n"));
    let hint = scene.expand(&format!("hint: @t/app:v1 has been pushed, as {pushed}"));
    let stderr = result.failure(1);
    assert!(stderr.lines().any(|line| line.starts_with(&hint)), "{stderr}");
}

#[test]
fn a_web_page_instead_of_a_manifest_is_named_as_such() {
    let scene = Scene::new();
    let page = Fault::on("GET", "/manifests/amd64").always().header("content-type", "text/html; charset=utf-8");
    scene.registry.fault(page.answer(200, "<!doctype html><title>Welcome</title>"));
    for line in ["inspect @t/app:amd64", "create @t/app:v1 @t/app:amd64"] {
        let stderr = scene.run_err_unchanged(line);
        let url = format!("{}/v2/t/app/manifests/amd64", scene.registry.origin());
        assert!(first_line(&stderr).contains("unsupported manifest media type"), "{stderr}");
        hints_at(&stderr, first_line(&stderr), &[&url, "web page", "not a registry"]);
    }
}

#[test]
fn a_refused_connection_has_no_error_number() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let stderr = Scene::new().run_err_unchanged(&format!("inspect --retries 0 {host}/t/app:v1"));
    assert!(stderr.contains("onnection refused") && !stderr.contains("os error"), "{stderr}");
}

#[test]
fn a_registry_that_takes_only_oci_is_named_as_the_reason() {
    for status in [400, 415] {
        let scene = Scene::new();
        scene.registry.put_image("t/app", "docker", &Sample::docker("linux/amd64"));
        let body = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"unsupported media type"}]}"#;
        scene.registry.fault(Fault::on("PUT", "/manifests/").always().answer(status, body));
        let stderr = scene.run_err_unchanged("create --push @x/app:v1 @t/app:docker");
        assert_eq!(stderr.contains("hint: the registry does not take docker's format"), status == 415, "{stderr}");
    }
}
