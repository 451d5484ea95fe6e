//! What mfst says when a registry says no (D5). docker calls nearly all of it
//! `no such manifest`.

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::OCI_MANIFEST;
use mfst_testkit::scene::{Scene, first};

/// Fails unless `said` tells what was asked, where, and what the answer was.
#[track_caller]
fn tells(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert!(!said.contains("no such manifest"), "{said}");
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
fn d5_a_refused_manifest_is_told_with_method_url_status_code_and_message() {
    for (status, body, parts) in REFUSALS {
        for line in ["create --retries 0 @t/app:v1 @t/app:amd64", "inspect --retries 0 @t/app:amd64"] {
            let scene = Scene::new();
            scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(status, body));
            let said = scene.refused(line);
            let url = format!("{}/v2/t/app/manifests/amd64", scene.registry.origin());
            tells(&said, &["GET", &url]);
            tells(&said, parts);
        }
    }
}

#[test]
fn d5_a_refused_config_is_told_too() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(403, body));
    let said = scene.refused("create @t/app:v1 @t/app:amd64");
    tells(&said, &["GET", "/v2/t/app/blobs/sha256:", "403", "DENIED", "not for you"]);
}

#[test]
fn d5_a_refused_push_is_told_with_its_method() {
    for (method, path, list) in [
        ("PUT", "/manifests/v1", "@t/app:v1"),
        ("POST", "/blobs/uploads/", "@x/app:v1"),
        ("PUT", "/manifests/sha256:", "@x/app:v1"),
    ] {
        let scene = Scene::new();
        scene.ok(&format!("create {list} @t/app:amd64"));
        let body = r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;
        scene.registry.fault(Fault::on(method, path).always().answer(403, body));
        let said = scene.refused(&format!("push --purge {list}"));
        tells(&said, &[method, path, "403", "DENIED", "not for you"]);
        scene.registry.script().assert_played();
    }
}

#[test]
fn d5_only_a_real_not_found_is_no_such_manifest() {
    let scene = Scene::new();
    for line in ["create @t/app:v1 @t/app:nope", "inspect @t/app:nope"] {
        let said = scene.refused(line);
        assert_eq!(first(&said), scene.expand("no such manifest: @t/app:nope"));
    }
    let said = scene.refused("inspect @no/such/repository");
    let expected = "no such manifest: @no/such/repository:latest";
    assert_eq!(first(&said), scene.expand(expected));
}

#[test]
fn d5_a_not_found_in_the_words_of_any_registry_is_no_such_manifest() {
    for body in [
        "",
        r#"{"errors":[]}"#,
        r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#,
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"OCI index found"}]}"#,
        r#"{"errors":[{"code":"UNKNOWN","message":"artifact t/app:amd64 not found"}]}"#,
    ] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(404, body));
        let said = scene.refused("inspect @t/app:amd64");
        assert_eq!(first(&said), scene.expand("no such manifest: @t/app:amd64"));
    }
}

#[test]
fn d5_a_web_servers_not_found_says_nothing_about_manifests() {
    for body in ["404 page not found", "<html><title>Not here</title></html>"] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(404, body));
        let said = scene.refused("inspect @t/app:amd64");
        tells(&said, &["GET", "/v2/t/app/manifests/amd64", "404"]);
    }
}

#[test]
fn d5_a_registry_that_is_not_there_is_told() {
    let scene = Scene::new();
    // A port that was free a moment ago, on an address nothing else uses.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let said = scene.refused(&format!("inspect --retries 0 {host}/t/app:v1"));
    tells(&said, &[&host]);
}

#[test]
fn text_from_a_registry_cannot_reach_the_terminal_as_control() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"DENIED","message":"red \u001b[31malert\u0007\u009b2J\r\nok"}]}"#;
    scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(403, body));
    let said = scene.refused("inspect @t/app:amd64");
    tells(&said, &["alert"]);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!said.contains(control), "{said:?}");
}

#[test]
fn an_endless_error_is_cut_short() {
    let scene = Scene::new();
    let body = "x".repeat(3 << 20);
    scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(403, body));
    let said = scene.refused("inspect @t/app:amd64");
    assert!(said.len() < (64 << 10) + 1000, "{} bytes", said.len());
}

#[test]
fn a_manifest_that_is_no_json_is_refused() {
    let scene = Scene::new();
    let kind = mfst_testkit::sample::OCI_MANIFEST;
    scene.registry.put_manifest("t/app", "bad", kind, b"no JSON");
    let said = scene.refused("create @t/app:v1 @t/app:bad");
    tells(&said, &[]);
}

#[test]
fn what_a_manifest_says_gives_a_terminal_no_orders() {
    let scene = Scene::new();
    let manifest = br#"{"schemaVersion":2,"mediaType":"x\u001b[31m"}"#;
    scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, manifest);
    let said = scene.refused("create @t/app:v1 @t/app:odd");
    assert!(said.contains("should be") && !said.contains('\u{1b}'), "{said:?}");
}
