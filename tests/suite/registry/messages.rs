//! Error messages: each cause has its own, and none contains a secret.

use std::collections::BTreeSet;
use std::net::TcpListener;

use crate::registry::setup::{PASSWORD, acl, assert_contains, assert_no_secrets, log_in, make_list, with_tokens};
use mfst_testkit::certs::Authority;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

/// Runs it with and without `--debug`; returns the standard error without.
#[track_caller]
fn output(scene: &Scene, line: &str) -> String {
    let loud = scene.run(&format!("--debug {line}"));
    assert_no_secrets(&loud);
    loud.failure(1);
    let quiet: CommandOutput = scene.run(line);
    assert_no_secrets(&quiet);
    assert_eq!(quiet.stdout, "");
    let output = quiet.failure(1);
    assert!(!output.contains("no such manifest"), "{output}");
    assert!(output.lines().any(|line| line.starts_with("hint: ")), "{output}");
    output
}

fn wrong_password() -> (String, Vec<String>) {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.home.log_in(&scene.domain, "alice", "wrong-password");
    let parts = ["GET", "401", "UNAUTHORIZED", "stored login", "docker login"];
    (output(&scene, "inspect @t/app:amd64"), parts.map(String::from).to_vec())
}

fn expired_certificate() -> (String, Vec<String>) {
    let identity = Authority::new().expired_server();
    let (mut scene, _proxy) = Scene::via_proxy(Embedded::plain().tls(&identity), |proxy| proxy);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    let parts = ["GET", "https://registry.test/v2/t/app/manifests/amd64", "certificate", "expired"];
    (output(&scene, "inspect @t/app:amd64"), parts.map(String::from).to_vec())
}

fn unreachable_host() -> (String, Vec<String>) {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let scene = Scene::new();
    let parts = ["GET".to_owned(), format!("://{host}/v2/t/app/manifests/amd64"), "refused".to_owned()];
    (output(&scene, &format!("inspect --retries 0 {host}/t/app:amd64")), parts.to_vec())
}

fn refusing_proxy() -> (String, Vec<String>) {
    let mut scene = Scene::new();
    let proxy = Proxy::open().refusing("403 Forbidden").start();
    let url = proxy.url().replace("://", &format!("://carol:{PASSWORD}@"));
    scene.home.env("HTTPS_PROXY", url);
    let parts = ["GET", "https://registry.test/v2/t/app/manifests/amd64", "proxy", &proxy.url()];
    (output(&scene, "inspect --retries 0 registry.test/t/app:amd64"), parts.map(String::from).to_vec())
}

fn answer(status: u16, body: &str) -> Scene {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    log_in(&scene, "alice");
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(status, body.to_owned()));
    scene
}

fn forbidden() -> (String, Vec<String>) {
    let scene = answer(403, r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#);
    let parts = ["GET", "/v2/t/app/manifests/amd64", "403", "DENIED", "requested access to the resource is denied"];
    (output(&scene, "inspect @t/app:amd64"), parts.map(String::from).to_vec())
}

fn too_many() -> (String, Vec<String>) {
    let scene =
        answer(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#);
    let parts =
        ["GET", "/v2/t/app/manifests/amd64", "429", "TOOMANYREQUESTS", "You have reached your pull rate limit."];
    (output(&scene, "inspect --retries 0 @t/app:amd64"), parts.map(String::from).to_vec())
}

#[test]
fn each_cause_has_its_own_message() {
    let reasons =
        [wrong_password(), expired_certificate(), unreachable_host(), refusing_proxy(), forbidden(), too_many()];
    let mut hints = BTreeSet::new();
    for (output, parts) in &reasons {
        assert_contains(output, &parts.iter().map(String::as_str).collect::<Vec<_>>());
        let hint = output.lines().find(|line| line.starts_with("hint: ")).expect("a hint");
        hints.insert(hint.to_owned());
    }
    assert_eq!(hints.len(), reasons.len(), "{hints:#?}");
}

#[test]
fn the_first_line_of_an_error_is_self_contained() {
    for (output, parts) in [forbidden(), too_many()] {
        let first = output.lines().find(|line| !line.starts_with("warning:")).unwrap_or_default();
        assert_contains(first, &parts.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_missing_login_is_distinguished_from_insufficient_rights() {
    let none = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let wrong = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    wrong.home.log_in(&wrong.domain, "alice", "wrong-password");
    let hint = |scene: &Scene| {
        let output = output(scene, "inspect @t/app:amd64");
        let hint = output.lines().find(|line| line.starts_with("hint: ")).expect("a hint").to_owned();
        hint.replace(&scene.domain, "HOST")
    };
    let (none, wrong) = (hint(&none), hint(&wrong));
    assert_ne!(none, wrong);
    assert!(none.contains("docker login HOST") && wrong.contains("docker login HOST"), "{none} {wrong}");
}

#[test]
fn a_private_repository_is_not_reported_as_missing() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    scene.registry.put_image("secret/app", "1", &mfst_testkit::scene::amd64());
    assert_contains(&output(&scene, "inspect @secret/app:1"), &["401", "/v2/secret/app/manifests/1"]);
    assert_contains(&output(&scene, "create @demo/app:v1 @secret/app:1"), &["401", "/v2/secret/app/manifests/1"]);
    // A missing image is reported as missing, with the same login.
    let missing = scene.run_err_unchanged("inspect @t/app:nope");
    assert!(missing.starts_with("no such manifest: "), "{missing}");
}

#[test]
fn a_registrys_warnings_are_printed_once() {
    let scene = Scene::new();
    let old = Fault::on("GET", "/v2/").always().header("warning", r#"299 - "this registry \"moves\" in May""#);
    scene.registry.fault(old);
    let result = scene.run("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
    let warnings: Vec<&str> = result.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("warning: "), "{warnings:?}");
    assert_contains(warnings[0], &[r#"this registry "moves" in May"#]);
    result.success();
}

#[test]
fn a_registrys_warnings_are_sanitised_and_other_warn_codes_ignored() {
    for (warning, printed) in [
        (r#"299 - "red [31malert""#, true),
        (r#"110 cache "response is stale""#, false),
        ("299", false),
        (r#"299 - "unfinished"#, false),
    ] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/v2/").always().header("warning", warning));
        let result = scene.run("inspect @t/app:amd64");
        assert_eq!(!result.stderr.is_empty(), printed, "{warning}: {}", result.stderr);
        assert!(!result.stderr.contains(|c: char| c.is_control() && c != '\n'), "{}", result.stderr);
        result.success();
    }
}

#[test]
fn debug_prints_every_request_with_status_and_time() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    make_list(&scene);
    let result = scene.run("--debug push @demo/app:v1");
    assert_no_secrets(&result);
    for entry in scene.registry.log().entries() {
        let path = entry.uri.split('?').next().unwrap_or_default();
        let status = entry.status.expect("an answer").as_u16().to_string();
        let found = result.stderr.lines().any(|line| {
            line.contains(entry.method.as_str())
                && line.contains(path)
                && line.contains(&status)
                && line.contains(" ms")
        });
        assert!(found, "{} is not in {}", entry.line(), result.stderr);
    }
    assert_contains(&result.stderr, &["/token", "config.json"]);
    result.success();
}

#[test]
fn an_endless_manifest_is_refused() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(200, "x".repeat(5 << 20)));
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert_contains(&output, &["GET", "/v2/t/app/manifests/amd64", "4194304"]);
    assert_eq!(scene.registry.log().entries().len(), 1);
}

#[test]
fn control_characters_from_a_token_server_do_not_reach_the_terminal() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    let body = r#"{"errors":[{"code":"DENIED","message":"red \u001b[31malert\u0007"}]}"#;
    tokens.fault(Fault::on("GET", "/token").always().answer(403, body));
    let output = output(&scene, "inspect @t/app:amd64");
    assert_contains(&output, &["alert", "/token", "403"]);
    assert!(!output.contains(|c: char| c.is_control() && c != '\n'), "{output:?}");
}
