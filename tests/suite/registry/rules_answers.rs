//! Rules about pushed manifests and about responses.

use crate::registry::setup::{assert_contains, lines, make_list, push_requests};
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::{Scene, first_line};

/// Fails unless the push fails and the list stays; returns the standard error. Requests before the failure may have
/// succeeded.
#[track_caller]
fn refused(scene: &Scene, line: &str) -> String {
    let before = scene.home.lists();
    let output = scene.run(line).failure(1);
    assert_eq!(scene.home.lists(), before);
    output
}

#[test]
fn rule_15_images_are_pushed_by_digest_before_the_list() {
    let scene = Scene::new();
    make_list(&scene);
    scene.run_ok("push @demo/app:v1");
    scene.registry.log().assert_requests(&lines(&push_requests()));
    let sent = scene.registry.log().lines();
    let position = |pattern: &str| sent.iter().position(|line| line.contains(pattern)).expect(pattern);
    let list = position("PUT /v2/demo/app/manifests/v1 ");
    for image in [mfst_testkit::scene::amd64(), mfst_testkit::scene::arm64()] {
        let child = position(&format!("PUT /v2/demo/app/manifests/{} ", image.digest()));
        assert!(child < list);
        for blob in image.blobs() {
            assert!(position(&digest(blob)) < child);
        }
    }
}

#[test]
fn rule_15_a_missing_image_has_the_registrys_message() {
    for (status, code) in [(400, "MANIFEST_BLOB_UNKNOWN"), (404, "MANIFEST_BLOB_UNKNOWN"), (400, "MANIFEST_INVALID")] {
        let scene = Scene::new();
        make_list(&scene);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"child is missing"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        let output = refused(&scene, "push @demo/app:v1");
        assert_contains(&output, &["PUT", "/v2/demo/app/manifests/v1", &status.to_string(), code, "child is missing"]);
        assert!(!output.contains("no such manifest"), "{output}");
        // An image that the registry reports as missing is pushed again, once.
        let puts = if code == "MANIFEST_INVALID" { 1 } else { 2 };
        assert_eq!(scene.registry.log().count("PUT */manifests/v1 *"), puts);
    }
}

#[test]
fn rule_16_a_refused_list_of_mixed_types_has_a_hint() {
    for (status, code) in [(400, "MANIFEST_INVALID"), (415, "UNSUPPORTED")] {
        let scene = Scene::new();
        scene.registry.put_image("t/app", "docker", &Sample::docker("linux/arm64"));
        scene.create("t/app:v1", &["t/app:amd64", "t/app:docker"]);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"manifest invalid"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        let output = refused(&scene, "push @t/app:v1");
        assert_contains(&output, &["PUT", &status.to_string(), code]);
        let hint = output.lines().find(|line| line.starts_with("hint:")).unwrap_or_default();
        assert_contains(hint, &["OCI", "docker"]);
    }
}

#[test]
fn rule_16_other_refused_lists_do_not_have_that_hint() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    let body = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}"#;
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(400, body));
    let output = refused(&scene, "push @t/app:v1");
    assert!(!output.contains("OCI"), "{output}");
}

#[test]
fn rule_17_200_201_and_202_mean_that_a_manifest_is_stored() {
    for status in [200, 201, 202] {
        let scene = Scene::new();
        make_list(&scene);
        let stored = digest(scene.run_ok("push --dry-run @demo/app:v1").as_bytes());
        let list = Fault::on("PUT", "/manifests/v1").answer(status, "").without_header("location");
        scene.registry.fault(list.header("docker-content-digest", &stored));
        scene.run_ok("push @demo/app:v1");
        scene.registry.script().assert_all_hit();
        let requests = push_requests();
        let stored = format!("PUT /v2/demo/app/manifests/v1 {status}");
        let mut expected = lines(&requests[..requests.len() - 1]);
        expected.push(&stored);
        scene.registry.log().assert_requests(&expected);
    }
}

#[test]
fn rule_17_other_2xx_statuses_are_errors() {
    for status in [204, 206] {
        let scene = Scene::new();
        make_list(&scene);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, ""));
        assert_contains(&refused(&scene, "push @demo/app:v1"), &["PUT", "/manifests/v1", &status.to_string()]);
    }
}

#[test]
fn rule_17_an_interrupted_put_is_retried() {
    let scene = Scene::new();
    make_list(&scene);
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").cut_after());
    scene.run_ok("push @demo/app:v1");
    let mut expected = push_requests();
    expected.push("PUT /v2/demo/app/manifests/v1 -".to_owned());
    scene.registry.log().assert_requests(&lines(&expected));
}

#[test]
fn rule_18_a_response_sent_before_the_body_was_read_is_reported() {
    let identity = mfst_testkit::certs::private_ca();
    oversize(|| Embedded::plain().tls(&identity));
}

#[test]
fn rule_18_such_a_response_is_reported_with_http1_as_well() {
    oversize(Embedded::plain);
}

/// Pushes manifests that are refused before their bytes have been read.
fn oversize(registry: impl Fn() -> Builder) {
    for (status, code) in [(400, "MANIFEST_INVALID"), (413, "SIZE_INVALID")] {
        let scene = Scene::with(registry());
        let manifest = String::from_utf8(mfst_testkit::scene::amd64().manifest().to_vec()).expect("text");
        let ballast = "x".repeat(3 << 20);
        let large = manifest.replacen('{', &format!("{{\"annotations\":{{\"x\":\"{ballast}\"}},"), 1);
        scene.registry.put_manifest("t/app", "large", OCI_MANIFEST, large.as_bytes());
        scene.create("demo/app:v1", &["t/app:large"]);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"http: request body too large"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/sha256:").always().answer(status, body));
        let output = refused(&scene, "push --retries 0 @demo/app:v1");
        assert_contains(&output, &["PUT", &status.to_string(), code, "http: request body too large"]);
    }
}

#[test]
fn rule_23_temporary_errors_are_retried() {
    for status in [408, 429, 500, 502, 503, 504] {
        let scene = Scene::new();
        let busy = |method, pattern| Fault::on(method, pattern).answer(status, "busy").header("retry-after", "0");
        scene.registry.fault(busy("GET", "/manifests/amd64"));
        scene.create("demo/app:v1", &["t/app:amd64"]);
        let refused = format!("GET /v2/t/app/manifests/amd64 {status}");
        scene.registry.log().assert_requests(&[
            &refused,
            "GET /v2/t/app/manifests/amd64 200",
            "GET /v2/t/app/blobs/sha256:* 200",
        ]);
        scene.registry.log().clear();
        scene.registry.fault(busy("POST", "/blobs/uploads/"));
        scene.registry.fault(busy("PUT", "/manifests/v1"));
        scene.run_ok("push @demo/app:v1");
        let (post, put) = (format!("POST * {status}"), format!("PUT /v2/demo/app/manifests/v1 {status}"));
        scene.registry.log().assert_requests(&[
            &post,
            "POST * 201",
            "POST * 201",
            "PUT /v2/demo/app/manifests/sha256:* 201",
            &put,
            "PUT /v2/demo/app/manifests/v1 201",
        ]);
    }
}

#[test]
fn rule_23_a_broken_connection_is_retried() {
    for secure in [false, true] {
        let plain = Embedded::plain();
        let identity = mfst_testkit::certs::private_ca();
        let scene = Scene::with(if secure { plain.tls(&identity) } else { plain });
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").cut_before());
        scene.registry.fault(Fault::on("GET", "/blobs/").truncate(10));
        scene.registry.fault(Fault::on("POST", "/blobs/uploads/").cut_after());
        scene.registry.fault(Fault::on("PUT", "/manifests/sha256:").cut_before());
        scene.create("demo/app:v1", &["t/app:amd64"]);
        scene.run_ok("push @demo/app:v1");
        scene.registry.script().assert_all_hit();
        assert!(scene.registry.manifest("demo/app", "v1").is_some());
    }
}

#[test]
fn rule_23_permanent_errors_are_not_retried() {
    for status in [400, 401, 403, 404, 405, 409, 412, 413, 415, 416, 422, 501] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(status, ""));
        scene.run_err_unchanged("create @demo/app:v1 @t/app:amd64");
        scene.registry.log().assert_requests(&[&format!("GET /v2/t/app/manifests/amd64 {status}")]);
    }
}

#[test]
fn rule_23_after_the_last_retry_the_body_is_reported() {
    for retries in 0..3 {
        let scene = Scene::new();
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"quota of the project is used up"}]}"#;
        let quota = Fault::on("GET", "/manifests/amd64").always().answer(429, body).header("retry-after", "0");
        scene.registry.fault(quota);
        let output = scene.run_err_unchanged(&format!("create --retries {retries} @demo/app:v1 @t/app:amd64"));
        assert_contains(&output, &["GET", "429", "TOOMANYREQUESTS", "quota of the project is used up"]);
        assert_eq!(scene.registry.log().entries().len(), retries + 1);
    }
}

#[test]
fn rule_24_error_bodies_of_any_form_are_reported() {
    let long = format!("{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"{}\"}}]}}", "x".repeat(200_000));
    for (kind, body, part) in [
        (
            "application/json",
            r#"{"errors":[{"code":"DENIED","message":"one"},{"code":"UNKNOWN","message":"two"}]}"#,
            "two",
        ),
        ("application/json", r#"{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}}]}"#, "DENIED"),
        ("application/json", r#"{"details":"one detail"}"#, "one detail"),
        ("application/json", r#"{"error":"an error"}"#, "an error"),
        ("application/json", r#"{"message":"a message"}"#, "a message"),
        ("text/html", r#"{"errors":[{"code":"DENIED","message":"really JSON"}]}"#, "really JSON"),
        ("text/plain", "just words\n", "just words"),
        ("application/json", "not JSON at all", "not JSON at all"),
        ("text/html", "<html><body><h1>Forbidden by the firewall</h1></body></html>", "403"),
        ("application/xml", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "403"),
        ("application/json", r#"{"errors":null}"#, "403"),
        ("application/json", "[]", "403"),
        ("application/json", "", "403"),
        ("application/json", &long, "403"),
    ] {
        let scene = Scene::new();
        let fault = Fault::on("GET", "/manifests/").always().answer(403, body.to_owned()).header("content-type", kind);
        scene.registry.fault(fault);
        let output = scene.run_err_unchanged("inspect @t/app:amd64");
        assert_contains(&output, &["GET", "/v2/t/app/manifests/amd64", "403", part]);
        assert!(output.len() < 8 << 10, "{} bytes", output.len());
    }
}

#[test]
fn rule_24_not_found_has_many_error_codes() {
    for body in [
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"amd64"}}]}"#,
        r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
        r#"{"errors":[{"code":"NOT_FOUND","message":"artifact not found"}]}"#,
        r#"{"errors":[{"code":"UNKNOWN","message":"Image Not Found"}]}"#,
    ] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(404, body));
        let output = scene.run_err_unchanged("inspect @t/app:amd64");
        assert_eq!(first_line(&output), scene.expand("no such manifest: @t/app:amd64"));
    }
}

const IMMUTABLE: [(u16, &str, &str); 3] = [
    (
        400,
        "TAG_INVALID",
        "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the repository is immutable.",
    ),
    (412, "PRECONDITION", "Failed to process request due to 'app:v1' configured as immutable."),
    (403, "DENIED", "immutable tag"),
];

#[test]
fn rule_25_an_immutable_tag_with_the_same_list_is_success() {
    for (status, code, message) in IMMUTABLE {
        let scene = Scene::new();
        make_list(&scene);
        let printed = scene.run_ok("push @demo/app:v1");
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        assert_eq!(scene.run_ok("push @demo/app:v1"), printed);
    }
}

#[test]
fn rule_25_an_immutable_tag_with_another_list_is_an_error() {
    for (status, code, message) in IMMUTABLE {
        let scene = Scene::new();
        scene.create("demo/app:v1", &["t/app:amd64"]);
        scene.run_ok("push --purge @demo/app:v1");
        make_list(&scene);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        let output = refused(&scene, "push @demo/app:v1");
        assert_contains(&output, &["PUT", "/manifests/v1", &status.to_string(), code, message, "hint:"]);
        let hint = output.lines().filter(|line| line.starts_with("hint:")).any(|line| line.contains("another tag"));
        assert!(hint, "{output}");
        assert_eq!(scene.registry.log().count("PUT */manifests/amd64 *"), 0);
    }
}
