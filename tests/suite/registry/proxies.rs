//! Proxies, taken from the environment as Go takes them.

use crate::registry::common::{leaks_nothing, tells};
use mfst_testkit::certs::{Identity, private_ca};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::proxy::{Builder, Proxy};
use mfst_testkit::scene::Scene;

/// A registry over TLS that is only to be reached through the proxy.
fn secure(identity: &Identity, proxy: impl FnOnce(Builder) -> Builder) -> (Scene, Proxy) {
    let (mut scene, proxy) = Scene::through(Embedded::plain().tls(identity), proxy);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    scene.home.unset("HTTPS_PROXY").unset("HTTP_PROXY");
    (scene, proxy)
}

#[test]
fn the_proxy_has_many_names() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for scheme in ["http://", ""] {
            let identity = private_ca();
            let (mut scene, proxy) = secure(&identity, |proxy| proxy);
            scene.home.env(name, format!("{scheme}{}", proxy.address()));
            scene.ok("inspect @t/app:amd64");
            assert_eq!(proxy.log(), ["CONNECT registry.test:443"], "{name}");
        }
    }
}

#[test]
fn the_proxy_for_http_is_not_the_one_for_https() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy);
    scene.home.env("HTTP_PROXY", proxy.url());
    scene.refused("inspect --retries 0 @t/app:amd64");
    assert!(proxy.log().is_empty());
}

#[test]
fn requests_of_one_command_share_a_tunnel() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy);
    scene.home.env("HTTPS_PROXY", proxy.url());
    scene.ok("create @x/app:v1 @t/app:amd64 @t/app:arm64");
    assert_eq!(proxy.log(), ["CONNECT registry.test:443"]);
}

#[test]
fn plain_http_is_asked_for_by_its_whole_url() {
    let (scene, proxy) = Scene::through(Embedded::plain(), |proxy| proxy);
    scene.ok("create --insecure @x/app:v1 @t/app:amd64");
    let log = proxy.log();
    assert_eq!(log[0], "CONNECT registry.test:443");
    assert_eq!(log[1], "GET http://registry.test/v2/t/app/manifests/amd64");
    assert!(log[2].starts_with("GET http://registry.test/v2/t/app/blobs/sha256:"), "{log:?}");
    assert_eq!(log.len(), 3);
}

#[test]
fn loopback_is_never_asked_for_through_a_proxy() {
    let mut scene = Scene::new();
    let proxy = Proxy::open().refusing("403 Forbidden").start();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        scene.home.env(name, proxy.url());
    }
    scene.ok("inspect @t/app:amd64");
    let localhost = scene.name("t/app:amd64").replace("127.0.0.1", "localhost");
    scene.home.ok(&["inspect", &localhost]);
    assert!(proxy.log().is_empty());
}

#[test]
fn exceptions_are_made_as_go_makes_them() {
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
        // The name means nothing to anyone but the proxy.
        let ran = scene.run("inspect --retries 0 @t/app:amd64");
        assert_eq!(proxy.log().is_empty(), !proxied, "{exception}");
        assert_eq!(ran.code == Some(0), proxied, "{exception}: {ran:#?}");
    }
}

#[test]
fn an_exception_for_another_network_or_address_is_none() {
    // 192.0.2.0/24 is for documentation: nothing is there, so only what goes through the proxy can be tried.
    for exception in ["192.0.2.8", "192.0.2.0/30", "198.51.100.0/24", "192.0.2.7:5000", "2001:db8::/32"] {
        let mut scene = Scene::new();
        let proxy = Proxy::open().refusing("403 Forbidden").start();
        scene.home.env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", exception);
        scene.home.run(&["inspect", "--retries", "0", "192.0.2.7/t/app:amd64"]).fails(1);
        assert_eq!(proxy.log(), ["CONNECT 192.0.2.7:443"], "{exception}");
    }
}

#[test]
fn a_proxy_may_want_a_login() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy.login("carol", "pr%xy:pass"));
    for (login, fits) in [("carol:pr%25xy%3Apass@", true), ("carol:wrong@", false), ("", false)] {
        scene.home.env("HTTPS_PROXY", format!("http://{login}{}", proxy.address()));
        let ran = scene.run("--debug inspect --retries 0 @t/app:amd64");
        leaks_nothing(&ran);
        for secret in ["pr%25xy", "pr%xy", "carol:"] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        }
        if fits {
            ran.ok();
        } else {
            tells(&ran.fails(1), &["proxy authorization required", "hint:"]);
        }
    }
    // The registry is not shown the login for the proxy.
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.header("proxy-authorization").is_none() && entry.scheme().is_none()));
}

#[test]
fn a_proxy_that_refuses_is_told_from_a_registry_that_does() {
    for status in ["403 Forbidden", "502 Bad Gateway", "407 Proxy Authentication Required"] {
        let identity = private_ca();
        let (mut scene, proxy) = secure(&identity, |proxy| proxy.refusing(status));
        scene.home.env("HTTPS_PROXY", proxy.url());
        let said = scene.refused("inspect --retries 0 @t/app:amd64");
        tells(&said, &["https://registry.test/v2/t/app/manifests/amd64", "proxy", &proxy.url(), "hint:"]);
        scene.registry.log().assert_requests(&[]);
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let identity = private_ca();
    let (mut scene, proxy) = secure(&identity, |proxy| proxy);
    let address = proxy.address().to_string();
    scene.home.env("HTTPS_PROXY", format!("http://carol:secret@{address}"));
    drop(proxy);
    let said = scene.refused("inspect --retries 0 @t/app:amd64");
    tells(&said, &["proxy", &address]);
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn proxies_of_the_configuration_file_are_for_containers() {
    let identity = private_ca();
    let (scene, proxy) = secure(&identity, |proxy| proxy);
    let config = serde_json::json!({"proxies": {"default": {"httpsProxy": proxy.url()}}});
    scene.home.write_config(&config.to_string());
    scene.refused("inspect --retries 0 @t/app:amd64");
    assert!(proxy.log().is_empty());
}
