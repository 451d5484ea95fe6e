//! Hints for certificates, logins and servers that are down.

use std::fs;

use serde_json::json;

use crate::registry::setup::{PASSWORD, acl, assert_contains, assert_no_secrets, log_in};
use crate::registry::tls::{certs_d, with_certificate};
use mfst_testkit::certs::{self, Authority};
use mfst_testkit::credential_helper;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::scene::{Scene, first_line};
use mfst_testkit::token_server::TokenServer;

/// What `inspect` says on stderr, in its first line and in its hints.
#[track_caller]
fn refused(scene: &Scene) -> (String, String) {
    let stderr = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
    let hints: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
    (first_line(&stderr).to_owned(), hints.join("\n"))
}

#[test]
fn the_hint_for_an_untrusted_certificate_works() {
    for (identity, reason) in [
        (certs::self_signed(), "self-signed"),
        (certs::self_signed_leaf(), "self-signed"),
        (certs::private_ca(), "authority"),
    ] {
        let (scene, _proxy) = with_certificate(&identity);
        let (message, hint) = refused(&scene);
        assert_contains(&message, &["certificate", reason, "not trusted"]);
        assert_contains(&hint, &["certs.d/registry.test/ca.crt"]);
        assert!(!hint.contains("SSL_CERT_FILE"), "it would replace the system's authorities: {hint}");
        // The hint is right.
        fs::write(certs_d(&scene).join("ca.crt"), identity.ca_pem()).expect("a certificate");
        scene.run_ok("inspect @t/app:amd64");
    }
}

#[test]
fn an_expired_certificate_has_its_date() {
    let identity = Authority::new().expired_server();
    let (mut scene, _proxy) = with_certificate(&identity);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    let (message, hint) = refused(&scene);
    let date = message.rsplit("expired on ").next().expect("a date");
    assert!(date.len() == 10 && date.bytes().filter(|b| *b == b'-').count() == 2, "{message}");
    assert_contains(&hint, &["new certificate"]);
    assert!(!hint.contains("ca.crt"), "{hint}");
}

#[test]
fn a_certificate_for_another_name_has_both_names() {
    let identity = Authority::new().server_named("other.test");
    let (mut scene, _proxy) = with_certificate(&identity);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    let (message, hint) = refused(&scene);
    assert_contains(&message, &["it is for other.test, not for registry.test"]);
    assert_contains(&hint, &["use a name that the certificate is for"]);
}

#[test]
fn a_certificate_file_that_is_not_there_is_an_error() {
    let (mut scene, _proxy) = with_certificate(&certs::private_ca());
    let missing = scene.home.home().join("missing.pem");
    scene.home.env("SSL_CERT_FILE", &missing);
    let (message, _) = refused(&scene);
    assert_contains(&message, &["SSL_CERT_FILE=", missing.to_str().expect("UTF-8"), "no such file"]);
    // Where nothing is verified it does not matter.
    scene.run_ok("inspect --insecure @t/app:amd64");
}

#[test]
fn a_wrong_password_was_refused() {
    let tokens = TokenServer::plain(acl()).start();
    for registry in [Embedded::plain().basic("alice", PASSWORD), Embedded::plain().bearer(&tokens)] {
        let scene = Scene::with(registry);
        scene.home.log_in(&scene.domain, "alice", "wrong-password");
        let (message, hint) = refused(&scene);
        assert_contains(&message, &["401"]);
        assert_contains(&hint, &["was refused", "log in again", &scene.domain]);
    }
}

#[test]
fn a_login_without_the_right_is_not_called_wrong() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    log_in(&scene, "alice");
    scene.registry.put_image("secret/app", "1", &mfst_testkit::scene::amd64());
    let stderr = scene.run_err_unchanged("inspect @secret/app:1");
    assert!(stderr.contains("does not allow this") && !stderr.contains("was refused"), "{stderr}");
}

#[test]
fn an_unreadable_configuration_is_the_reason_for_no_login() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.write_config("{bad");
    let stderr = scene.run_err_unchanged("inspect @t/app:amd64");
    let config = scene.home.config_dir().join("config.json");
    let config = config.to_str().expect("UTF-8");
    assert!(first_line(&stderr).starts_with("WARNING: Error parsing config file"), "{stderr}");
    assert_contains(&stderr, &["hint: no login was sent", &format!("{config} could not be read")]);
    assert!(!stderr.contains("no login is stored"), "{stderr}");
}

#[test]
fn the_hint_for_a_missing_helper_says_what_to_do() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let stderr = scene.run_err_unchanged("inspect @t/app:amd64");
    assert_contains(&stderr, &["hint: no login was sent", "install docker-credential-x", "credsStore", "log in again"]);
}

#[test]
fn d13_a_helper_failure_is_reported_once() {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    credential_helper::install(&mut scene.home, "x", credential_helper::INVALID_JSON);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let result = scene.run("inspect @t/app:amd64");
    assert_no_secrets(&result);
    let stderr = result.failure(1);
    assert_eq!(stderr.matches("gives no login for").count(), 1, "{stderr}");
    assert_contains(
        &stderr,
        &["warning: docker-credential-x gives no login", "hint: no login was sent", "docker-credential-x has failed"],
    );
}

#[test]
fn a_long_wait_is_announced() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").answer(503, "").header("retry-after", "3"));
    let result = scene.run("inspect @t/app:amd64");
    let expected = format!("waiting for {}: 503 Service Unavailable, retry 1 of 8 in 3 s\n", scene.domain);
    assert_eq!(result.stderr, expected);
    result.success();
}

#[test]
fn an_error_after_retries_says_how_many_attempts_it_took() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(503, "").header("retry-after", "0"));
    let stderr = scene.run_err_unchanged("inspect --retries 2 @t/app:amd64");
    assert!(first_line(&stderr).contains("503") && stderr.contains("3 attempts in "), "{stderr}");
    let stderr = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
    assert!(!stderr.contains("attempts"), "{stderr}");
}

#[test]
fn a_permanent_error_is_not_retried() {
    // What docker-registry answers for a layer with a URL that it does not allow, and others.
    for codes in [&["UNKNOWN", "UNKNOWN", "MANIFEST_BLOB_UNKNOWN"][..], &["UNSUPPORTED"], &["MANIFEST_INVALID"]] {
        let scene = Scene::new();
        let errors: Vec<_> = codes.iter().map(|code| json!({"code": code, "message": "no"})).collect();
        let body = json!({"errors": errors}).to_string();
        scene.registry.fault(Fault::on("PUT", "/manifests/sha256").always().answer(500, body));
        let stderr = scene.run_err_unchanged("create --push @x/app:v1 @t/app:amd64");
        assert_contains(&stderr, &["500", codes[codes.len() - 1]]);
        assert!(!stderr.contains("attempts"), "{stderr}");
        assert_eq!(scene.registry.log().count("PUT /v2/x/app/manifests/* 500"), 1, "{codes:?}");
    }
    // A temporary one is.
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"UNKNOWN","message":"disk"}]}"#;
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").times(2).answer(500, body));
    scene.run_ok("create --push @t/app:v1 @t/app:amd64");
}
