//! Rules about manifests that are sent, and about what registries answer.

use crate::registry::common::{lines, listed, push_requests, tells};
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::{Scene, first};

/// Fails unless the push does, and the list stays; tells its standard error.
/// What came before the failure may have been pushed and told.
#[track_caller]
fn refused(scene: &Scene, line: &str) -> String {
    let before = scene.home.tree();
    let said = scene.run(line).fails(1);
    assert_eq!(scene.home.tree(), before);
    said
}

#[test]
fn rule_15_children_come_first_by_digest_and_the_list_last() {
    let scene = Scene::new();
    listed(&scene);
    scene.ok("push @demo/app:v1");
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
fn rule_15_a_missing_child_is_told_as_the_registry_tells_it() {
    for (status, code) in [(400, "MANIFEST_BLOB_UNKNOWN"), (404, "MANIFEST_BLOB_UNKNOWN"), (400, "MANIFEST_INVALID")] {
        let scene = Scene::new();
        listed(&scene);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"child is missing"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        let said = refused(&scene, "push @demo/app:v1");
        tells(&said, &["PUT", "/v2/demo/app/manifests/v1", &status.to_string(), code, "child is missing"]);
        assert!(!said.contains("no such manifest"), "{said}");
        // What the registry says it lacks is put again, once.
        let puts = if code == "MANIFEST_INVALID" { 1 } else { 2 };
        assert_eq!(scene.registry.log().count("PUT */manifests/v1 *"), puts);
    }
}

#[test]
fn rule_16_a_refused_mixture_of_types_is_explained() {
    for (status, code) in [(400, "MANIFEST_INVALID"), (415, "UNSUPPORTED")] {
        let scene = Scene::new();
        scene.registry.put_image("t/app", "docker", &Sample::docker("linux/arm64"));
        scene.create("t/app:v1", &["t/app:amd64", "t/app:docker"]);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"manifest invalid"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        let said = refused(&scene, "push @t/app:v1");
        tells(&said, &["PUT", &status.to_string(), code]);
        let hint = said.lines().find(|line| line.starts_with("hint:")).unwrap_or_default();
        tells(hint, &["OCI", "docker"]);
    }
}

#[test]
fn rule_16_what_is_not_mixed_gets_no_such_explanation() {
    let scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
    let body = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}"#;
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(400, body));
    let said = refused(&scene, "push @t/app:v1");
    assert!(!said.contains("OCI"), "{said}");
}

#[test]
fn rule_17_a_manifest_is_stored_with_any_of_three_answers() {
    for status in [200, 201, 202] {
        let scene = Scene::new();
        listed(&scene);
        let stored = digest(scene.ok("push --dry-run @demo/app:v1").as_bytes());
        let list = Fault::on("PUT", "/manifests/v1").answer(status, "").without_header("location");
        scene.registry.fault(list.header("docker-content-digest", &stored));
        scene.ok("push @demo/app:v1");
        scene.registry.script().assert_played();
        let requests = push_requests();
        let stored = format!("PUT /v2/demo/app/manifests/v1 {status}");
        let mut expected = lines(&requests[..requests.len() - 1]);
        expected.push(&stored);
        scene.registry.log().assert_requests(&expected);
    }
}

#[test]
fn rule_17_another_success_is_none() {
    for status in [204, 206] {
        let scene = Scene::new();
        listed(&scene);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, ""));
        tells(&refused(&scene, "push @demo/app:v1"), &["PUT", "/manifests/v1", &status.to_string()]);
    }
}

#[test]
fn rule_17_an_interrupted_put_is_repeated() {
    let scene = Scene::new();
    listed(&scene);
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").cut_after());
    scene.ok("push @demo/app:v1");
    let mut expected = push_requests();
    expected.push("PUT /v2/demo/app/manifests/v1 -".to_owned());
    scene.registry.log().assert_requests(&lines(&expected));
}

#[test]
fn rule_18_an_answer_to_an_unread_manifest_is_read() {
    let identity = mfst_testkit::certs::private_ca();
    oversize(|| Embedded::plain().tls(&identity));
}

#[test]
fn rule_18_an_answer_to_an_unread_manifest_is_read_without_http2_too() {
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
        let said = refused(&scene, "push --retries 0 @demo/app:v1");
        tells(&said, &["PUT", &status.to_string(), code, "http: request body too large"]);
    }
}

#[test]
fn rule_23_what_passes_is_tried_again() {
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
        scene.ok("push @demo/app:v1");
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
fn rule_23_a_broken_connection_is_tried_again() {
    for secure in [false, true] {
        let plain = Embedded::plain();
        let identity = mfst_testkit::certs::private_ca();
        let scene = Scene::with(if secure { plain.tls(&identity) } else { plain });
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").cut_before());
        scene.registry.fault(Fault::on("GET", "/blobs/").truncate(10));
        scene.registry.fault(Fault::on("POST", "/blobs/uploads/").cut_after());
        scene.registry.fault(Fault::on("PUT", "/manifests/sha256:").cut_before());
        scene.create("demo/app:v1", &["t/app:amd64"]);
        scene.ok("push @demo/app:v1");
        scene.registry.script().assert_played();
        assert!(scene.registry.manifest("demo/app", "v1").is_some());
    }
}

#[test]
fn rule_23_what_stays_is_not_tried_again() {
    for status in [400, 401, 403, 404, 405, 409, 412, 413, 415, 416, 422, 501] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(status, ""));
        scene.refused("create @demo/app:v1 @t/app:amd64");
        scene.registry.log().assert_requests(&[&format!("GET /v2/t/app/manifests/amd64 {status}")]);
    }
}

#[test]
fn rule_23_patience_has_an_end_and_then_the_body_is_told() {
    for retries in 0..3 {
        let scene = Scene::new();
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"quota of the project is used up"}]}"#;
        let quota = Fault::on("GET", "/manifests/amd64").always().answer(429, body).header("retry-after", "0");
        scene.registry.fault(quota);
        let said = scene.refused(&format!("create --retries {retries} @demo/app:v1 @t/app:amd64"));
        tells(&said, &["GET", "429", "TOOMANYREQUESTS", "quota of the project is used up"]);
        assert_eq!(scene.registry.log().entries().len(), retries + 1);
    }
}

#[test]
fn rule_24_an_error_may_have_any_form() {
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
        let said = scene.refused("inspect @t/app:amd64");
        tells(&said, &["GET", "/v2/t/app/manifests/amd64", "403", part]);
        assert!(said.len() < 8 << 10, "{} bytes", said.len());
    }
}

#[test]
fn rule_24_not_found_has_many_words() {
    for body in [
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"amd64"}}]}"#,
        r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
        r#"{"errors":[{"code":"NOT_FOUND","message":"artifact not found"}]}"#,
        r#"{"errors":[{"code":"UNKNOWN","message":"Image Not Found"}]}"#,
    ] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(404, body));
        let said = scene.refused("inspect @t/app:amd64");
        assert_eq!(first(&said), scene.expand("no such manifest: @t/app:amd64"));
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
fn rule_25_an_immutable_tag_that_has_the_list_already_is_no_error() {
    for (status, code, message) in IMMUTABLE {
        let scene = Scene::new();
        listed(&scene);
        let printed = scene.ok("push @demo/app:v1");
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        assert_eq!(scene.ok("push @demo/app:v1"), printed);
    }
}

#[test]
fn rule_25_an_immutable_tag_of_another_list_is_told() {
    for (status, code, message) in IMMUTABLE {
        let scene = Scene::new();
        scene.create("demo/app:v1", &["t/app:amd64"]);
        scene.ok("push --purge @demo/app:v1");
        listed(&scene);
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
        scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(status, body));
        let said = refused(&scene, "push @demo/app:v1");
        tells(&said, &["PUT", "/manifests/v1", &status.to_string(), code, message, "hint:"]);
        let hint = said.lines().filter(|line| line.starts_with("hint:")).any(|line| line.contains("another tag"));
        assert!(hint, "{said}");
        assert_eq!(scene.registry.log().count("PUT */manifests/amd64 *"), 0);
    }
}
