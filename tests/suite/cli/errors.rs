//! Error messages for failed requests (D5). docker reports nearly all of them as `no such manifest`.

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::OCI_MANIFEST;
use mfst_testkit::scene::{Scene, first_line};

/// Fails unless `output` has the method, the URL and the reason.
#[track_caller]
fn assert_contains(output: &str, parts: &[&str]) {
    for part in parts {
        assert!(output.contains(part), "{part:?} is not in {output:?}");
    }
    assert!(!output.contains("no such manifest"), "{output}");
}

const REFUSALS: [(u16, &str, &[&str]); 6] = [
    (
        401,
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        &["401", "UNAUTHORIZED", "authentication required"],
    ),
    (
        403,
        r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#,
        &["403", "DENIED", "requested access is denied"],
    ),
    (
        429,
        r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"rate limit of the moon"}]}"#,
        &["429", "TOOMANYREQUESTS", "rate limit of the moon"],
    ),
    (500, r#"{"details":"disk on fire"}"#, &["500", "disk on fire"]),
    (502, "<html><h1>Bad Gateway</h1></html>", &["502"]),
    (503, "", &["503"]),
];

#[test]
fn d5_the_error_for_a_manifest_has_method_url_status_code_and_message() {
    for (status, body, parts) in REFUSALS {
        for line in ["create --retries 0 @t/app:v1 @t/app:amd64", "inspect --retries 0 @t/app:amd64"] {
            let scene = Scene::new();
            scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(status, body));
            let output = scene.run_err_unchanged(line);
            let url = format!("{}/v2/t/app/manifests/amd64", scene.registry.origin());
            assert_contains(&output, &["GET", &url]);
            assert_contains(&output, parts);
        }
    }
}

#[test]
fn d5_the_error_for_a_config_has_them_too() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(403, body));
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:amd64");
    assert_contains(&output, &["GET", "/v2/t/app/blobs/sha256:", "403", "DENIED", "not for you"]);
}

#[test]
fn d5_the_error_for_a_push_has_its_method() {
    for (method, path, list) in [
        ("PUT", "/manifests/v1", "@t/app:v1"),
        ("POST", "/blobs/uploads/", "@x/app:v1"),
        ("PUT", "/manifests/sha256:", "@x/app:v1"),
    ] {
        let scene = Scene::new();
        scene.run_ok(&format!("create {list} @t/app:amd64"));
        let body = r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;
        scene.registry.fault(Fault::on(method, path).always().answer(403, body));
        let output = scene.run_err_unchanged(&format!("push --purge {list}"));
        assert_contains(&output, &[method, path, "403", "DENIED", "not for you"]);
        scene.registry.script().assert_all_hit();
    }
}

#[test]
fn d5_only_a_404_of_the_registry_is_no_such_manifest() {
    let scene = Scene::new();
    for line in ["create @t/app:v1 @t/app:nope", "inspect @t/app:nope"] {
        let output = scene.run_err_unchanged(line);
        assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:nope"));
    }
    let output = scene.run_err_unchanged("inspect @no/such/repository");
    let expected = "no such manifest: @no/such/repository:latest";
    assert_eq!(first_line(&output), scene.expand(expected));
}

#[test]
fn d5_every_registrys_not_found_is_no_such_manifest() {
    for body in [
        "",
        r#"{"errors":[]}"#,
        r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#,
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"OCI index found"}]}"#,
        r#"{"errors":[{"code":"UNKNOWN","message":"artifact t/app:amd64 not found"}]}"#,
    ] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(404, body));
        let output = scene.run_err_unchanged("inspect @t/app:amd64");
        assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:amd64"));
    }
}

#[test]
fn d5_a_404_of_a_web_server_is_not_no_such_manifest() {
    for body in ["404 page not found", "<html><title>Not here</title></html>"] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(404, body));
        let output = scene.run_err_unchanged("inspect @t/app:amd64");
        assert_contains(&output, &["GET", "/v2/t/app/manifests/amd64", "404"]);
    }
}

#[test]
fn d5_an_unreachable_registry_is_an_error() {
    let scene = Scene::new();
    // A port that was free a moment ago, on an address that nothing else uses.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let output = scene.run_err_unchanged(&format!("inspect --retries 0 {host}/t/app:v1"));
    assert_contains(&output, &[&host]);
}

#[test]
fn control_characters_from_a_registry_do_not_reach_the_terminal() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"DENIED","message":"red \u001b[31malert\u0007\u009b2J\r\nok"}]}"#;
    scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(403, body));
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert_contains(&output, &["alert"]);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!output.contains(control), "{output:?}");
}

#[test]
fn a_long_error_is_truncated() {
    let scene = Scene::new();
    let body = "x".repeat(3 << 20);
    scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(403, body));
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert!(output.len() < (64 << 10) + 1000, "{} bytes", output.len());
}

#[test]
fn a_manifest_that_is_not_json_is_refused() {
    let scene = Scene::new();
    let kind = mfst_testkit::sample::OCI_MANIFEST;
    scene.registry.put_manifest("t/app", "bad", kind, b"no JSON");
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:bad");
    assert_contains(&output, &[]);
}

#[test]
fn control_characters_from_a_manifest_do_not_reach_the_terminal() {
    let scene = Scene::new();
    let manifest = br#"{"schemaVersion":2,"mediaType":"x\u001b[31m"}"#;
    scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, manifest);
    let output = scene.run_err_unchanged("create @t/app:v1 @t/app:odd");
    assert!(output.contains("should be") && !output.contains('\u{1b}'), "{output:?}");
}
