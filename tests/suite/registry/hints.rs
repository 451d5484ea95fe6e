//! What the user can do about certificates, logins and servers that are down.

use std::fs;

use serde_json::json;

use crate::registry::common::{PASSWORD, acl, leaks_nothing, log_in, tells};
use crate::registry::tls::{certs_d, presenting};
use mfst_testkit::certs::{self, Authority};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::helper;
use mfst_testkit::scene::{Scene, first};
use mfst_testkit::token::TokenServer;

/// What `inspect` says on stderr, in its first line and in its hints.
#[track_caller]
fn refused(scene: &Scene) -> (String, String) {
    let said = scene.refused("inspect --retries 0 @t/app:amd64");
    let hints: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
    (first(&said).to_owned(), hints.join("\n"))
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_where_to_put_it() {
    for (identity, reason) in [(certs::self_signed(), "self-signed"), (certs::private_ca(), "authority")] {
        let (scene, _proxy) = presenting(&identity);
        let (message, hint) = refused(&scene);
        tells(&message, &["certificate", reason, "not trusted"]);
        tells(&hint, &["certs.d/registry.test/ca.crt"]);
        assert!(!hint.contains("SSL_CERT_FILE"), "it would replace the system's authorities: {hint}");
        // The hint is right.
        fs::write(certs_d(&scene).join("ca.crt"), identity.trust()).expect("a certificate");
        scene.ok("inspect @t/app:amd64");
    }
}

#[test]
fn an_expired_certificate_is_told_with_its_date() {
    let identity = Authority::new().expired_server();
    let (mut scene, _proxy) = presenting(&identity);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    let (message, hint) = refused(&scene);
    let date = message.rsplit("expired on ").next().expect("a date");
    assert!(date.len() == 10 && date.bytes().filter(|b| *b == b'-').count() == 2, "{message}");
    tells(&hint, &["new certificate"]);
    assert!(!hint.contains("ca.crt"), "{hint}");
}

#[test]
fn a_certificate_for_another_name_is_told_with_both_names() {
    let identity = Authority::new().server_named("other.test");
    let (mut scene, _proxy) = presenting(&identity);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    let (message, hint) = refused(&scene);
    tells(&message, &["it is for other.test, not for registry.test"]);
    tells(&hint, &["use a name that the certificate is for"]);
}

#[test]
fn a_certificate_file_that_is_not_there_is_an_error() {
    let (mut scene, _proxy) = presenting(&certs::private_ca());
    let missing = scene.home.home().join("missing.pem");
    scene.home.env("SSL_CERT_FILE", &missing);
    let (message, _) = refused(&scene);
    tells(&message, &["SSL_CERT_FILE=", missing.to_str().expect("UTF-8"), "no such file"]);
    // Where nothing is verified it does not matter.
    scene.ok("inspect --insecure @t/app:amd64");
}

#[test]
fn a_wrong_password_was_refused() {
    let tokens = TokenServer::plain(acl()).start();
    for registry in [Embedded::plain().basic("alice", PASSWORD), Embedded::plain().bearer(&tokens)] {
        let scene = Scene::with(registry);
        scene.home.log_in(&scene.domain, "alice", "wrong-password");
        let (message, hint) = refused(&scene);
        tells(&message, &["401"]);
        tells(&hint, &["was refused", "log in again", &scene.domain]);
    }
}

#[test]
fn a_login_without_the_right_is_not_called_wrong() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    log_in(&scene, "alice");
    scene.registry.put_image("secret/app", "1", &mfst_testkit::scene::amd64());
    let said = scene.refused("inspect @secret/app:1");
    assert!(said.contains("does not allow this") && !said.contains("was refused"), "{said}");
}

#[test]
fn a_configuration_that_could_not_be_read_is_why_no_login_was_sent() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.write_config("{bad");
    let said = scene.refused("inspect @t/app:amd64");
    let config = scene.home.config_dir().join("config.json");
    let config = config.to_str().expect("UTF-8");
    assert!(first(&said).starts_with("WARNING: Error parsing config file"), "{said}");
    tells(&said, &["hint: no login was sent", &format!("{config} could not be read")]);
    assert!(!said.contains("no login is stored"), "{said}");
}

#[test]
fn a_helper_that_is_not_installed_is_told_with_what_to_do() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let said = scene.refused("inspect @t/app:amd64");
    tells(&said, &["hint: no login was sent", "install docker-credential-x", "credsStore", "log in again"]);
}

#[test]
fn d13_why_a_helper_failed_is_said_once() {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    helper::install(&mut scene.home, "x", helper::BABBLING);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let ran = scene.run("inspect @t/app:amd64");
    leaks_nothing(&ran);
    let said = ran.fails(1);
    assert_eq!(said.matches("gives no login for").count(), 1, "{said}");
    tells(
        &said,
        &["warning: docker-credential-x gives no login", "hint: no login was sent", "docker-credential-x has failed"],
    );
}

#[test]
fn a_long_wait_is_announced() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").answer(503, "").header("retry-after", "3"));
    let ran = scene.run("inspect @t/app:amd64");
    let expected = format!("waiting for {}: 503 Service Unavailable, retry 1 of 8 in 3 s\n", scene.domain);
    assert_eq!(ran.stderr, expected);
    ran.ok();
}

#[test]
fn an_error_after_retries_says_how_many_attempts_it_took() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").always().answer(503, "").header("retry-after", "0"));
    let said = scene.refused("inspect --retries 2 @t/app:amd64");
    assert!(first(&said).contains("503") && said.contains("3 attempts in "), "{said}");
    let said = scene.refused("inspect --retries 0 @t/app:amd64");
    assert!(!said.contains("attempts"), "{said}");
}

#[test]
fn an_error_that_will_not_pass_is_not_retried() {
    // What docker-registry answers for a layer with a URL that it does not allow, and others.
    for codes in [&["UNKNOWN", "UNKNOWN", "MANIFEST_BLOB_UNKNOWN"][..], &["UNSUPPORTED"], &["MANIFEST_INVALID"]] {
        let scene = Scene::new();
        let errors: Vec<_> = codes.iter().map(|code| json!({"code": code, "message": "no"})).collect();
        let body = json!({"errors": errors}).to_string();
        scene.registry.fault(Fault::on("PUT", "/manifests/sha256").always().answer(500, body));
        let said = scene.refused("create --push @x/app:v1 @t/app:amd64");
        tells(&said, &["500", codes[codes.len() - 1]]);
        assert!(!said.contains("attempts"), "{said}");
        assert_eq!(scene.registry.log().count("PUT /v2/x/app/manifests/* 500"), 1, "{codes:?}");
    }
    // One that may pass is.
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"UNKNOWN","message":"disk"}]}"#;
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").times(2).answer(500, body));
    scene.ok("create --push @t/app:v1 @t/app:amd64");
}
