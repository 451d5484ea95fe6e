//! SOCKS proxies, and variables that name no proxy.

use crate::registry::setup::{assert_contains, assert_no_secrets};
use mfst_testkit::certs::{Identity, private_ca};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::scene::Scene;
use mfst_testkit::socks::Socks;

/// A registry over TLS that is only to be reached through a SOCKS proxy.
fn behind_socks(identity: &Identity, login: Option<(&str, &str)>) -> (Scene, Socks) {
    let mut scene = Scene::with(Embedded::plain().tls(identity));
    "registry.test".clone_into(&mut scene.domain);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    let socks = Socks::start("registry.test:443", scene.registry.address(), login);
    (scene, socks)
}

#[test]
fn names_are_looked_up_by_a_socks_proxy_as_with_docker() {
    for (variable, scheme) in [
        ("HTTPS_PROXY", "socks5"),
        ("HTTPS_PROXY", "socks5h"),
        ("https_proxy", "SOCKS5"),
        ("ALL_PROXY", "socks5"),
        ("all_proxy", "socks5h"),
    ] {
        let identity = private_ca();
        let (mut scene, socks) = behind_socks(&identity, None);
        scene.home.env(variable, format!("{scheme}://{}", socks.host()));
        scene.run_ok("create @x/app:v1 @t/app:amd64 @t/app:arm64");
        assert_eq!(socks.log(), ["registry.test:443"], "{variable}={scheme}");
        assert!(scene.registry.log().entries().iter().all(|entry| entry.version == mfst_testkit::log::Version::HTTP_2));
    }
}

#[test]
fn plain_http_goes_through_a_socks_proxy_too() {
    let mut scene = Scene::with(Embedded::plain());
    "registry.test".clone_into(&mut scene.domain);
    let socks = Socks::start("registry.test:80", scene.registry.address(), None);
    scene.home.env("ALL_PROXY", format!("socks5://{}", socks.host()));
    scene.run_ok("inspect --insecure @t/app:amd64");
    assert_eq!(socks.log(), ["registry.test:443", "registry.test:80"]);
}

#[test]
fn a_socks_proxy_may_want_a_login() {
    let identity = private_ca();
    let (mut scene, socks) = behind_socks(&identity, Some(("carol", "pr%xy:pass")));
    for (login, fits) in [("carol:pr%25xy%3Apass@", true), ("carol:pr0xy-wrong@", false), ("", false)] {
        scene.home.env("HTTPS_PROXY", format!("socks5://{login}{}", socks.host()));
        let ran = scene.run("--debug inspect --retries 0 @t/app:amd64");
        assert_no_secrets(&ran);
        for secret in ["pr%25xy", "pr%xy", "pr0xy-wrong", "carol"] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        }
        if fits {
            ran.success();
        } else {
            assert_contains(&ran.failure(1), &["https://registry.test/v2/", "proxy", &socks.host(), "hint:"]);
        }
    }
    assert_eq!(socks.log(), ["registry.test:443"]);
}

#[test]
fn this_machine_is_never_asked_for_through_a_socks_proxy() {
    let mut scene = Scene::new();
    let socks = Socks::start("", scene.registry.address(), None);
    scene.home.env("ALL_PROXY", format!("socks5://{}", socks.host()));
    scene.run_ok("inspect @t/app:amd64");
    assert!(socks.log().is_empty());
}

#[test]
fn a_variable_that_names_no_proxy_is_an_error_and_no_way_around_the_proxy() {
    let identity = private_ca();
    let (mut scene, _socks) = behind_socks(&identity, None);
    // Without a proxy, the name of the registry could not be looked up.
    for value in [
        "http://",
        "http://carol:s3cret@",
        "http://carol:s3cret@127.0.0.1:port",
        "http://[::1",
        "socks4://carol:s3cret@127.0.0.1:1080",
        "s3cret://127.0.0.1",
        "%zz",
        "carol:s3cret",
        " ",
    ] {
        for variable in ["HTTPS_PROXY", "ALL_PROXY"] {
            scene.home.unset("HTTPS_PROXY").unset("ALL_PROXY").env(variable, value);
            for line in ["--debug inspect @t/app:amd64", "--debug inspect --insecure @t/app:amd64"] {
                let said = scene.run_err_unchanged(line);
                assert_contains(&said, &["https://registry.test/v2/t/app/manifests/amd64", variable, "hint:"]);
                assert!(!said.contains("s3cret") && !said.contains("retry"), "{value}: {said}");
            }
        }
    }
    scene.registry.log().assert_requests(&[]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt as _;
    let identity = private_ca();
    let (mut scene, _socks) = behind_socks(&identity, None);
    scene.home.env("HTTPS_PROXY", std::ffi::OsString::from_vec(b"http://proxy\xff:3128".to_vec()));
    assert_contains(&scene.run_err_unchanged("inspect @t/app:amd64"), &["HTTPS_PROXY does not name a usable proxy"]);
}

#[test]
fn an_empty_variable_is_none_and_its_other_spelling_counts() {
    let identity = private_ca();
    let (mut scene, socks) = behind_socks(&identity, None);
    scene.home.env("HTTPS_PROXY", "").env("https_proxy", format!("socks5h://{}", socks.host()));
    scene.run_ok("inspect @t/app:amd64");
}
