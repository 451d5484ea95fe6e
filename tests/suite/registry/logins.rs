//! Plain HTTP and logins: a login goes over it to this machine, or where the server itself has answered a TLS handshake
//! with plain HTTP.

use crate::registry::setup::{PASSWORD, acl, assert_contains, log_in};
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::proxy::Proxy;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

/// A registry called `registry.test` that speaks plain HTTP; nothing listens on its port for TLS.
fn without_tls(registry: Builder) -> (Scene, Proxy) {
    let mut scene = Scene::with(registry);
    let proxy = Proxy::open().route("registry.test:80", scene.registry.address()).start();
    "registry.test".clone_into(&mut scene.domain);
    scene.home.env("HTTPS_PROXY", proxy.url()).env("HTTP_PROXY", proxy.url());
    log_in(&scene, "alice");
    (scene, proxy)
}

#[test]
fn d16_a_login_is_not_sent_where_tls_was_merely_not_to_be_had() {
    let (scene, _proxy) = without_tls(Embedded::plain().basic("alice", PASSWORD));
    for line in ["inspect @t/app:amd64", "create @t/list:v1 @t/app:amd64"] {
        let said = scene.run_err_unchanged(&format!("{line} --insecure --retries 0"));
        assert_contains(
            &said,
            &["http://registry.test/v2/t/app/manifests/amd64", "401", "hint: no login was sent", "TLS"],
        );
    }
    let entries = scene.registry.log().entries();
    assert!(!entries.is_empty() && entries.iter().all(|entry| entry.scheme().is_none()), "{entries:#?}");
}

#[test]
fn d16_a_login_is_not_sent_where_a_handshake_stalls() {
    let registry = Embedded::plain().stalled_tls().basic("alice", PASSWORD);
    let (scene, _proxy) = Scene::via_proxy(registry, |proxy| proxy);
    log_in(&scene, "alice");
    assert_contains(
        &scene.run_err_unchanged("inspect --insecure --retries 0 @t/app:amd64"),
        &["401", "no login was sent"],
    );
    let entries = scene.registry.log().entries();
    assert!(!entries.is_empty() && entries.iter().all(|entry| entry.scheme().is_none()), "{entries:#?}");
}

#[test]
fn d16_what_needs_no_login_works_without_tls() {
    let (scene, _proxy) = without_tls(Embedded::plain());
    scene.run_ok("inspect --insecure @t/app:amd64");
}

#[test]
fn a_login_is_sent_to_a_server_that_answers_a_handshake_with_plain_http_as_with_docker() {
    let (scene, _proxy) = Scene::via_proxy(Embedded::plain().basic("alice", PASSWORD), |proxy| proxy);
    log_in(&scene, "alice");
    scene.run_ok("inspect --insecure @t/app:amd64");
    scene.run_err_unchanged("inspect @t/app:amd64");
}

#[test]
fn a_login_is_sent_over_plain_http_to_this_machine() {
    let scene = Scene::with(Embedded::plain().stalled_tls().basic("alice", PASSWORD));
    log_in(&scene, "alice");
    scene.run_ok("inspect @t/app:amd64");
}

#[test]
fn the_condition_is_the_same_for_a_token_server() {
    let challenge = r#"Bearer realm="http://tokens.test/token",service="{service}""#;
    for (answers_handshakes, is_sent) in [(true, true), (false, false)] {
        let tokens = TokenServer::plain(acl()).start();
        let registry = Embedded::plain().bearer_challenges(&tokens, &[challenge]);
        let (scene, _proxy) = Scene::via_proxy(registry, |proxy| {
            let proxy = proxy.route("tokens.test:80", tokens.address());
            if answers_handshakes { proxy.route("tokens.test:443", tokens.address()) } else { proxy }
        });
        log_in(&scene, "alice");
        let ran = scene.run("inspect --insecure --retries 0 @t/app:amd64");
        assert_eq!(ran.code == Some(0), is_sent, "{ran:#?}");
        let logins = tokens.log().entries().iter().filter(|entry| entry.scheme().is_some()).count();
        assert_eq!(logins, usize::from(is_sent));
        if !is_sent {
            assert!(!tokens.requests().is_empty(), "a token for everyone is asked for");
            assert_contains(&ran.stderr, &["hint: no login was sent: tokens.test"]);
        }
    }
}

#[test]
fn an_identity_token_is_a_login_too() {
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice").start();
    let (scene, _proxy) = without_tls(Embedded::plain().bearer(&tokens));
    scene.home.write_config(r#"{"auths":{"registry.test":{"identitytoken":"identity-secret"}}}"#);
    scene.run_err_unchanged("inspect --insecure --retries 0 @t/app:amd64");
    assert_eq!(tokens.log().count("POST *"), 0);
}
