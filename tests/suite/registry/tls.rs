//! Certificates. What is on loopback is not verified, so the registry here is
//! called `registry.test`, and a proxy leads to it.

use std::fs;
use std::path::PathBuf;

use crate::registry::common::tells;
use mfst_testkit::certs::{self, Authority, Identity, Pair};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::scene::Scene;

/// A registry that presents this, and a home without `/etc/docker`.
pub fn presenting(identity: &Identity) -> (Scene, Proxy) {
    let (mut scene, proxy) = Scene::through(Embedded::plain().tls(identity), |proxy| proxy);
    let config = scene.home.home().join("xdg");
    scene.home.env("ROOTLESSKIT_STATE_DIR", "/x").env("XDG_CONFIG_HOME", config);
    (scene, proxy)
}

/// Makes the directory of docker's certificates for the registry.
pub fn certs_d(scene: &Scene) -> PathBuf {
    let directory = scene.home.home().join("xdg/docker/certs.d/registry.test");
    fs::create_dir_all(&directory).expect("a directory of certificates");
    directory
}

fn write_client(directory: &std::path::Path, pair: &Pair) {
    fs::write(directory.join("client.cert"), &pair.certificate).expect("a certificate");
    fs::write(directory.join("client.key"), &pair.key).expect("a key");
}

/// Every command that talks to a registry.
#[track_caller]
fn round_trip(scene: &Scene, flag: &str) {
    scene.ok(&format!("create {flag} @x/app:v1 @t/app:amd64"));
    scene.ok(&format!("push {flag} --purge @x/app:v1"));
    scene.ok(&format!("inspect {flag} @x/app:v1"));
}

/// Fails unless the registry is refused for its certificate, and never asked.
#[track_caller]
fn is_refused(scene: &Scene, parts: &[&str]) {
    let said = scene.refused("inspect @t/app:amd64");
    tells(&said, &["GET", "https://registry.test/v2/t/app/manifests/amd64", "TLS", "certificate"]);
    tells(&said, parts);
    assert!(!said.contains("no such manifest"), "{said}");
    scene.registry.log().assert_requests(&[]);
}

#[test]
fn an_unknown_authority_is_refused() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let (scene, _proxy) = presenting(&identity);
        is_refused(&scene, &["hint:", "--insecure"]);
    }
}

#[test]
fn an_authority_in_the_environment_is_trusted() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let (mut scene, _proxy) = presenting(&identity);
        scene.home.env("SSL_CERT_FILE", identity.trust_file());
        round_trip(&scene, "");
    }
}

#[test]
fn a_directory_of_authorities_in_the_environment_is_trusted() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = presenting(&identity);
    let directory = scene.home.home().join("authorities");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("ca.pem"), identity.trust()).expect("a certificate");
    scene.home.env("SSL_CERT_DIR", directory);
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn an_authority_in_certs_d_is_trusted() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let (scene, _proxy) = presenting(&identity);
        fs::write(certs_d(&scene).join("ca.crt"), identity.trust()).expect("a certificate");
        round_trip(&scene, "");
    }
}

#[test]
pub fn certs_d_adds_to_the_system_and_does_not_replace_it() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = presenting(&identity);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    fs::write(certs_d(&scene).join("other.crt"), Authority::new().pem()).expect("a certificate");
    round_trip(&scene, "");
}

#[test]
pub fn certs_d_is_for_the_registry_it_names() {
    let identity = certs::private_ca();
    let (scene, _proxy) = presenting(&identity);
    let other = certs_d(&scene).with_file_name("other.test");
    fs::create_dir(&other).expect("a directory of certificates");
    fs::write(other.join("ca.crt"), identity.trust()).expect("a certificate");
    is_refused(&scene, &[]);
}

#[test]
pub fn certs_d_has_more_than_one_place() {
    for place in ["xdg/docker", ".docker", "xdg/containers"] {
        let identity = certs::private_ca();
        let (scene, _proxy) = presenting(&identity);
        let directory = scene.home.home().join(place).join("certs.d/registry.test");
        fs::create_dir_all(&directory).expect("a directory of certificates");
        fs::write(directory.join("ca.crt"), identity.trust()).expect("a certificate");
        scene.ok("inspect @t/app:amd64");
    }
}

#[test]
fn an_expired_certificate_is_refused_though_it_is_trusted() {
    for identity in [Authority::new().expired_server(), certs::expired_self_signed()] {
        let (mut scene, _proxy) = presenting(&identity);
        scene.home.env("SSL_CERT_FILE", identity.trust_file());
        is_refused(&scene, &["expired"]);
        fs::write(certs_d(&scene).join("ca.crt"), identity.trust()).expect("a certificate");
        is_refused(&scene, &["expired"]);
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_though_it_is_trusted() {
    for identity in [Authority::new().server_named("elsewhere.test"), certs::self_signed_named("elsewhere.test")] {
        let (mut scene, _proxy) = presenting(&identity);
        scene.home.env("SSL_CERT_FILE", identity.trust_file());
        is_refused(&scene, &["registry.test"]);
    }
}

#[test]
fn a_self_signed_certificate_is_trusted_only_where_it_is_the_one() {
    let (mut scene, _proxy) = presenting(&certs::self_signed());
    let other = certs::self_signed();
    scene.home.env("SSL_CERT_FILE", other.trust_file());
    is_refused(&scene, &[]);
}

#[test]
fn insecure_takes_any_certificate() {
    let identities =
        [certs::private_ca(), certs::self_signed(), certs::expired_self_signed(), certs::self_signed_named("x.test")];
    for identity in identities {
        let (scene, _proxy) = presenting(&identity);
        round_trip(&scene, "--insecure");
    }
}

#[test]
fn a_client_certificate_is_shown_from_certs_d() {
    let authority = Authority::new();
    let identity = authority.server_for_known_clients();
    for insecure in ["", "--insecure"] {
        let (scene, _proxy) = presenting(&identity);
        let directory = certs_d(&scene);
        fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
        write_client(&directory, &authority.client());
        round_trip(&scene, insecure);
    }
}

#[test]
fn a_client_certificate_is_shown_on_loopback_too() {
    let authority = Authority::new();
    let identity = authority.server_for_known_clients();
    let mut scene = Scene::with(Embedded::plain().tls(&identity));
    let config = scene.home.home().join("xdg");
    let directory = config.join("docker/certs.d").join(&scene.domain);
    scene.home.env("ROOTLESSKIT_STATE_DIR", "/x").env("XDG_CONFIG_HOME", config);
    fs::create_dir_all(&directory).expect("a directory of certificates");
    write_client(&directory, &authority.client());
    round_trip(&scene, "");
}

#[test]
fn a_registry_that_wants_a_client_certificate_and_gets_none_or_the_wrong_one_is_told() {
    let authority = Authority::new();
    let identity = authority.server_for_known_clients();
    let (scene, _proxy) = presenting(&identity);
    let directory = certs_d(&scene);
    fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
    for wrong in [false, true] {
        if wrong {
            write_client(&directory, &Authority::new().client());
        }
        let said = scene.refused("inspect --retries 0 @t/app:amd64");
        tells(&said, &["GET", "https://registry.test/v2/", "certificate"]);
        scene.registry.log().assert_requests(&[]);
    }
}

#[test]
fn half_a_pair_is_an_error_in_dockers_words() {
    for (missing, words) in [
        (
            "client.key",
            "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt",
        ),
        ("client.cert", "missing client certificate client.cert for key client.key"),
    ] {
        let authority = Authority::new();
        let (scene, _proxy) = presenting(&authority.server());
        let directory = certs_d(&scene);
        fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
        write_client(&directory, &authority.client());
        fs::remove_file(directory.join(missing)).expect("a file less");
        tells(&scene.refused("inspect @t/app:amd64"), &[words]);
        scene.registry.log().assert_requests(&[]);
    }
}

#[test]
fn d14_certificates_that_cannot_be_read_are_passed_over_and_said_at_debug() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = presenting(&identity);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    // A file where a directory belongs, which not even the superuser can read.
    let directory = certs_d(&scene);
    fs::remove_dir(&directory).expect("an empty directory");
    fs::write(&directory, "").expect("a file");
    let ran = scene.run("inspect @t/app:amd64");
    assert_eq!(ran.stderr, "");
    ran.ok();
    tells(&scene.run("--debug inspect @t/app:amd64").stderr, &["certs.d/registry.test"]);
}

#[test]
fn d14_a_certificate_that_cannot_be_read_is_passed_over_too() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = presenting(&identity);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    fs::create_dir(certs_d(&scene).join("ca.crt")).expect("a directory where a file belongs");
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn without_any_authority_plain_http_works_and_tls_says_why_not() {
    let mut scene = Scene::new();
    scene.home.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
    scene.ok("inspect @t/app:amd64");
    let (mut scene, _proxy) = presenting(&certs::private_ca());
    scene.home.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
    is_refused(&scene, &[]);
}

#[test]
fn d16_insecure_falls_back_to_plain_http_where_there_is_no_tls() {
    let (scene, proxy) = Scene::through(Embedded::plain(), |proxy| proxy);
    round_trip(&scene, "--insecure");
    assert!(proxy.log().iter().any(|line| line.starts_with("GET http://registry.test/v2/")), "{:?}", proxy.log());
    let said = scene.refused("inspect @t/app:amd64");
    tells(&said, &["https://registry.test/v2/t/app/manifests/amd64", "hint:", "--insecure"]);
}

#[test]
fn d16_insecure_falls_back_to_plain_http_where_tls_is_refused() {
    // Nothing listens for TLS under this name.
    let mut scene = Scene::new();
    let proxy = Proxy::open().route("registry.test:80", scene.registry.address()).start();
    "registry.test".clone_into(&mut scene.domain);
    scene.home.env("HTTPS_PROXY", proxy.url()).env("HTTP_PROXY", proxy.url());
    scene.ok("inspect --insecure @t/app:amd64");
}

#[test]
fn d16_insecure_falls_back_to_plain_http_where_a_handshake_stalls() {
    let scene = Scene::with(Embedded::plain().stalled_tls());
    scene.ok("inspect --insecure @t/app:amd64");
    scene.registry.log().assert_requests(&["GET /v2/t/app/manifests/amd64 200"]);
}
