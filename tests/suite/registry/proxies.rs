//! Proxies from the environment, as in Go.

use crate::registry::setup::{assert_contains, assert_no_secrets};
use mfst_testkit::certs::{Identity, private_ca};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::proxy::{Builder, Proxy};
use mfst_testkit::scene::Scene;

/// A registry over TLS that can only be reached through the proxy.
fn secure(identity: &Identity, proxy: impl FnOnce(Builder) -> Builder) -> (Scene, Proxy) {
    let (mut scene, proxy) = Scene::via_proxy(Embedded::plain().tls(identity), proxy);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    scene.home.unset("HTTPS_PROXY").unset("HTTP_PROXY");
    (scene, proxy)
}

#[test]
fn all_proxy_variables_are_used() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for scheme in ["http://", ""] {
            let identity = private_ca();
            let (mut scene, proxy) = secure(&identity, |proxy| proxy);
            scene.home.env(name, format!("{scheme}{}", proxy.address()));
            scene.run_ok("inspect @t/app:amd64");
            assert_eq!(proxy.log(), ["CONNECT registry.test:443"], "{name}");
        }
    }
}

#[test]
fn http_proxy_and_https_proxy_are_separate() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy);
    scene.home.env("HTTP_PROXY", proxy.url());
    scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
    assert!(proxy.log().is_empty());
}

#[test]
fn requests_of_one_command_share_a_tunnel() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy);
    scene.home.env("HTTPS_PROXY", proxy.url());
    scene.run_ok("create @x/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(proxy.log(), ["CONNECT registry.test:443"]);
}

#[test]
fn plain_http_uses_absolute_urls() {
    let (scene, proxy) = Scene::via_proxy(Embedded::plain(), |proxy| proxy);
    scene.run_ok("create --insecure @x/app:v1 @t/app:amd64");
    let log = proxy.log();
    assert_eq!(log[0], "CONNECT registry.test:443");
    assert_eq!(log[1], "GET http://registry.test/v2/t/app/manifests/amd64");
    assert!(log[2].starts_with("GET http://registry.test/v2/t/app/blobs/sha256:"), "{log:?}");
    assert_eq!(log.len(), 3);
}

#[test]
fn loopback_never_uses_a_proxy() {
    let mut scene = Scene::new();
    let proxy = Proxy::open().refusing("403 Forbidden").start();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        scene.home.env(name, proxy.url());
    }
    scene.run_ok("inspect @t/app:amd64");
    let localhost = scene.name("t/app:amd64").replace("127.0.0.1", "localhost");
    scene.home.run_ok(&["inspect", &localhost]);
    assert!(proxy.log().is_empty());
}

#[test]
fn no_proxy_works_as_in_go() {
    for (exception, proxied) in [
        ("registry.test", false),
        ("test", false),
        (".test", false),
        ("REGISTRY.TEST", false),
        ("*", false),
        ("other.test, registry.test", false),
        ("registry.test:443", false),
        ("registry.test:5000", true),
        (".registry.test", true),
        ("gistry.test", true),
        ("*.test", false),
        ("10.0.0.0/8", true),
        ("", true),
    ] {
        let identity = private_ca();
        let (mut scene, proxy) = secure(&identity, |proxy| proxy);
        scene.home.env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", exception);
        // Only the proxy knows the name.
        let result = scene.run("inspect --retries 0 @t/app:amd64");
        assert_eq!(proxy.log().is_empty(), !proxied, "{exception}");
        assert_eq!(result.code == Some(0), proxied, "{exception}: {result:#?}");
    }
}

#[test]
fn no_proxy_for_another_network_or_address_does_not_apply() {
    // 192.0.2.0/24 is reserved for documentation: only requests through the proxy can succeed.
    for exception in ["192.0.2.8", "192.0.2.0/30", "198.51.100.0/24", "192.0.2.7:5000", "2001:db8::/32"] {
        let mut scene = Scene::new();
        let proxy = Proxy::open().refusing("403 Forbidden").start();
        scene.home.env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", exception);
        scene.home.run(&["inspect", "--retries", "0", "192.0.2.7/t/app:amd64"]).failure(1);
        assert_eq!(proxy.log(), ["CONNECT 192.0.2.7:443"], "{exception}");
    }
}

#[test]
fn a_proxy_may_require_a_login() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy.login("carol", "pr%xy:pass"));
    for (login, fits) in [("carol:pr%25xy%3Apass@", true), ("carol:wrong@", false), ("", false)] {
        scene.home.env("HTTPS_PROXY", format!("http://{login}{}", proxy.address()));
        let result = scene.run("--debug inspect --retries 0 @t/app:amd64");
        assert_no_secrets(&result);
        for secret in ["pr%25xy", "pr%xy", "carol:"] {
            assert!(!result.stderr.contains(secret), "{}", result.stderr);
        }
        if fits {
            result.success();
        } else {
            assert_contains(&result.failure(1), &["proxy authorization required", "hint:"]);
        }
    }
    // The registry does not see the login of the proxy.
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.header("proxy-authorization").is_none() && entry.scheme().is_none()));
}

#[test]
fn an_error_of_the_proxy_is_not_reported_as_the_registrys() {
    for status in ["403 Forbidden", "502 Bad Gateway", "407 Proxy Authentication Required"] {
        let identity = private_ca();
        let (mut scene, proxy) = secure(&identity, |proxy| proxy.refusing(status));
        scene.home.env("HTTPS_PROXY", proxy.url());
        let output = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
        assert_contains(&output, &["https://registry.test/v2/t/app/manifests/amd64", "proxy", &proxy.url(), "hint:"]);
        scene.registry.log().assert_requests(&[]);
    }
}

#[test]
fn an_unreachable_proxy_is_named() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy);
    let address = proxy.address().to_string();
    scene.home.env("HTTPS_PROXY", format!("http://carol:secret@{address}"));
    drop(proxy);
    let output = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
    assert_contains(&output, &["proxy", &address]);
    assert!(!output.contains("secret"), "{output}");
}

#[test]
fn proxies_in_config_json_are_ignored() {
    let identity = private_ca();
    let (scene, proxy) = secure(&identity, |proxy| proxy);
    let config = serde_json::json!({"proxies": {"default": {"httpsProxy": proxy.url()}}});
    scene.home.write_config(&config.to_string());
    scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
    assert!(proxy.log().is_empty());
}
