//! What is said when it does not work: six reasons, six messages, no secret.

use std::collections::BTreeSet;
use std::net::TcpListener;

use crate::registry::common::{PASSWORD, acl, leaks_nothing, listed, log_in, tells, with_tokens};
use mfst_testkit::certs::Authority;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

/// Runs it with and without `--debug`; tells what is said without.
#[track_caller]
fn said(scene: &Scene, line: &str) -> String {
    let loud = scene.run(&format!("--debug {line}"));
    leaks_nothing(&loud);
    loud.fails(1);
    let quiet: Ran = scene.run(line);
    leaks_nothing(&quiet);
    assert_eq!(quiet.stdout, "");
    let said = quiet.fails(1);
    assert!(!said.contains("no such manifest"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("hint: ")), "{said}");
    said
}

fn wrong_password() -> (String, Vec<String>) {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.home.log_in(&scene.domain, "alice", "wrong-password");
    let parts = ["GET", "401", "UNAUTHORIZED", "stored login", "docker login"];
    (said(&scene, "inspect @t/app:amd64"), parts.map(String::from).to_vec())
}

fn expired_certificate() -> (String, Vec<String>) {
    let identity = Authority::new().expired_server();
    let (mut scene, _proxy) = Scene::through(Embedded::plain().tls(&identity), |proxy| proxy);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    let parts = ["GET", "https://registry.test/v2/t/app/manifests/amd64", "certificate", "expired"];
    (said(&scene, "inspect @t/app:amd64"), parts.map(String::from).to_vec())
}

fn unreachable_host() -> (String, Vec<String>) {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let scene = Scene::new();
    let parts = ["GET".to_owned(), format!("://{host}/v2/t/app/manifests/amd64"), "refused".to_owned()];
    (said(&scene, &format!("inspect --retries 0 {host}/t/app:amd64")), parts.to_vec())
}

fn refusing_proxy() -> (String, Vec<String>) {
    let mut scene = Scene::new();
    let proxy = Proxy::open().refusing("403 Forbidden").start();
    let url = proxy.url().replace("://", &format!("://carol:{PASSWORD}@"));
    scene.home.env("HTTPS_PROXY", url);
    let parts = ["GET", "https://registry.test/v2/t/app/manifests/amd64", "proxy", &proxy.url()];
    (said(&scene, "inspect --retries 0 registry.test/t/app:amd64"), parts.map(String::from).to_vec())
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
    (said(&scene, "inspect @t/app:amd64"), parts.map(String::from).to_vec())
}

fn too_many() -> (String, Vec<String>) {
    let scene =
        answer(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#);
    let parts =
        ["GET", "/v2/t/app/manifests/amd64", "429", "TOOMANYREQUESTS", "You have reached your pull rate limit."];
    (said(&scene, "inspect --retries 0 @t/app:amd64"), parts.map(String::from).to_vec())
}

#[test]
fn six_reasons_have_six_messages() {
    let reasons =
        [wrong_password(), expired_certificate(), unreachable_host(), refusing_proxy(), forbidden(), too_many()];
    let mut hints = BTreeSet::new();
    for (said, parts) in &reasons {
        tells(said, &parts.iter().map(String::as_str).collect::<Vec<_>>());
        let hint = said.lines().find(|line| line.starts_with("hint: ")).expect("a hint");
        hints.insert(hint.to_owned());
    }
    assert_eq!(hints.len(), reasons.len(), "{hints:#?}");
}

#[test]
fn the_first_line_of_an_error_needs_no_other() {
    for (said, parts) in [forbidden(), too_many()] {
        let first = said.lines().find(|line| !line.starts_with("warning:")).unwrap_or_default();
        tells(first, &parts.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn no_login_is_told_from_one_that_is_not_enough() {
    let none = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let wrong = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    wrong.home.log_in(&wrong.domain, "alice", "wrong-password");
    let hint = |scene: &Scene| {
        let said = said(scene, "inspect @t/app:amd64");
        let hint = said.lines().find(|line| line.starts_with("hint: ")).expect("a hint").to_owned();
        hint.replace(&scene.domain, "HOST")
    };
    let (none, wrong) = (hint(&none), hint(&wrong));
    assert_ne!(none, wrong);
    assert!(none.contains("docker login HOST") && wrong.contains("docker login HOST"), "{none} {wrong}");
}

#[test]
fn a_private_repository_is_not_called_missing() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    scene.registry.put_image("secret/app", "1", &mfst_testkit::scene::amd64());
    tells(&said(&scene, "inspect @secret/app:1"), &["401", "/v2/secret/app/manifests/1"]);
    tells(&said(&scene, "create @demo/app:v1 @secret/app:1"), &["401", "/v2/secret/app/manifests/1"]);
    // What is not there is, with the same login.
    let missing = scene.refused("inspect @t/app:nope");
    assert!(missing.starts_with("no such manifest: "), "{missing}");
}

#[test]
fn a_registrys_warnings_are_shown_once() {
    let scene = Scene::new();
    let old = Fault::on("GET", "/v2/").always().header("warning", r#"299 - "this registry \"moves\" in May""#);
    scene.registry.fault(old);
    let ran = scene.run("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
    let warnings: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("warning: "), "{warnings:?}");
    tells(warnings[0], &[r#"this registry "moves" in May"#]);
    ran.ok();
}

#[test]
fn a_registrys_warnings_are_cleaned_and_others_are_not_shown() {
    for (warning, shown) in [
        (r#"299 - "red [31malert""#, true),
        (r#"110 cache "response is stale""#, false),
        ("299", false),
        (r#"299 - "unfinished"#, false),
    ] {
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/v2/").always().header("warning", warning));
        let ran = scene.run("inspect @t/app:amd64");
        assert_eq!(!ran.stderr.is_empty(), shown, "{warning}: {}", ran.stderr);
        assert!(!ran.stderr.contains(|c: char| c.is_control() && c != '\n'), "{}", ran.stderr);
        ran.ok();
    }
}

#[test]
fn debug_shows_every_request_with_status_and_time() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    listed(&scene);
    let ran = scene.run("--debug push @demo/app:v1");
    leaks_nothing(&ran);
    for entry in scene.registry.log().entries() {
        let path = entry.uri.split('?').next().unwrap_or_default();
        let status = entry.status.expect("an answer").as_u16().to_string();
        let told = ran.stderr.lines().any(|line| {
            line.contains(entry.method.as_str())
                && line.contains(path)
                && line.contains(&status)
                && line.contains(" ms")
        });
        assert!(told, "{} is not in {}", entry.line(), ran.stderr);
    }
    tells(&ran.stderr, &["/token", "config.json"]);
    ran.ok();
}

#[test]
fn a_manifest_without_end_is_refused() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/").always().answer(200, "x".repeat(5 << 20)));
    let said = scene.refused("inspect @t/app:amd64");
    tells(&said, &["GET", "/v2/t/app/manifests/amd64", "4194304"]);
    assert_eq!(scene.registry.log().entries().len(), 1);
}

#[test]
fn text_of_a_token_server_cannot_reach_the_terminal_as_control() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    let body = r#"{"errors":[{"code":"DENIED","message":"red \u001b[31malert\u0007"}]}"#;
    tokens.fault(Fault::on("GET", "/token").always().answer(403, body));
    let said = said(&scene, "inspect @t/app:amd64");
    tells(&said, &["alert", "/token", "403"]);
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
}
