//! Certificates. mfst does not verify certificates of loopback addresses, so the registry is `registry.test`, reached
//! through a proxy.

use std::fs;
use std::path::PathBuf;

use crate::registry::setup::assert_contains;
use mfst_testkit::certs::{self, Authority, Identity, Pair};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::scene::Scene;

/// A registry with this certificate, and a sandbox in which `/etc/docker` is not used.
pub fn with_certificate(identity: &Identity) -> (Scene, Proxy) {
    let (mut scene, proxy) = Scene::via_proxy(Embedded::plain().tls(identity), |proxy| proxy);
    let config = scene.home.home().join("xdg");
    scene.home.env("ROOTLESSKIT_STATE_DIR", "/x").env("XDG_CONFIG_HOME", config);
    (scene, proxy)
}

/// Creates the `certs.d` directory of the registry.
pub fn certs_d(scene: &Scene) -> PathBuf {
    let directory = scene.home.home().join("xdg/docker/certs.d/registry.test");
    fs::create_dir_all(&directory).expect("a directory of certificates");
    directory
}

fn write_client(directory: &std::path::Path, pair: &Pair) {
    fs::write(directory.join("client.cert"), &pair.certificate).expect("a certificate");
    fs::write(directory.join("client.key"), &pair.key).expect("a key");
}

/// Runs every command that talks to a registry.
#[track_caller]
fn run_all_commands(scene: &Scene, flag: &str) {
    scene.run_ok(&format!("create {flag} @x/app:v1 @t/app:amd64"));
    scene.run_ok(&format!("push {flag} --purge @x/app:v1"));
    scene.run_ok(&format!("inspect {flag} @x/app:v1"));
}

/// Fails unless the certificate is rejected before any request.
#[track_caller]
fn is_refused(scene: &Scene, parts: &[&str]) {
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert_contains(&output, &["GET", "https://registry.test/v2/t/app/manifests/amd64", "TLS", "certificate"]);
    assert_contains(&output, parts);
    assert!(!output.contains("no such manifest"), "{output}");
    scene.registry.log().assert_requests(&[]);
}

#[test]
fn an_unknown_ca_is_refused() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let (scene, _proxy) = with_certificate(&identity);
        is_refused(&scene, &["hint:", "--insecure"]);
    }
}

#[test]
fn a_ca_in_ssl_cert_file_is_trusted() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let (mut scene, _proxy) = with_certificate(&identity);
        scene.home.env("SSL_CERT_FILE", identity.ca_file());
        run_all_commands(&scene, "");
    }
}

#[test]
fn a_ca_in_ssl_cert_dir_is_trusted() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = with_certificate(&identity);
    let directory = scene.home.home().join("authorities");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("ca.pem"), identity.ca_pem()).expect("a certificate");
    scene.home.env("SSL_CERT_DIR", directory);
    scene.run_ok("inspect @t/app:amd64");
}

#[test]
fn a_ca_in_certs_d_is_trusted() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let (scene, _proxy) = with_certificate(&identity);
        fs::write(certs_d(&scene).join("ca.crt"), identity.ca_pem()).expect("a certificate");
        run_all_commands(&scene, "");
    }
}

#[test]
fn certs_d_does_not_replace_the_system_cas() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = with_certificate(&identity);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    fs::write(certs_d(&scene).join("other.crt"), Authority::new().pem()).expect("a certificate");
    run_all_commands(&scene, "");
}

#[test]
fn certs_d_applies_to_its_registry_only() {
    let identity = certs::private_ca();
    let (scene, _proxy) = with_certificate(&identity);
    let other = certs_d(&scene).with_file_name("other.test");
    fs::create_dir(&other).expect("a directory of certificates");
    fs::write(other.join("ca.crt"), identity.ca_pem()).expect("a certificate");
    is_refused(&scene, &[]);
}

#[test]
fn certs_d_has_several_directories() {
    for place in ["xdg/docker", ".docker", "xdg/containers"] {
        let identity = certs::private_ca();
        let (scene, _proxy) = with_certificate(&identity);
        let directory = scene.home.home().join(place).join("certs.d/registry.test");
        fs::create_dir_all(&directory).expect("a directory of certificates");
        fs::write(directory.join("ca.crt"), identity.ca_pem()).expect("a certificate");
        scene.run_ok("inspect @t/app:amd64");
    }
}

#[test]
fn an_expired_certificate_of_a_trusted_ca_is_refused() {
    for identity in [Authority::new().expired_server(), certs::expired_self_signed()] {
        let (mut scene, _proxy) = with_certificate(&identity);
        scene.home.env("SSL_CERT_FILE", identity.ca_file());
        is_refused(&scene, &["expired"]);
        fs::write(certs_d(&scene).join("ca.crt"), identity.ca_pem()).expect("a certificate");
        is_refused(&scene, &["expired"]);
    }
}

#[test]
fn a_certificate_of_a_trusted_ca_for_another_name_is_refused() {
    for identity in [Authority::new().server_named("elsewhere.test"), certs::self_signed_named("elsewhere.test")] {
        let (mut scene, _proxy) = with_certificate(&identity);
        scene.home.env("SSL_CERT_FILE", identity.ca_file());
        is_refused(&scene, &["elsewhere.test", "registry.test"]);
    }
}

#[test]
fn a_self_signed_certificate_is_trusted_only_if_it_is_the_given_one() {
    let (mut scene, _proxy) = with_certificate(&certs::self_signed());
    let other = certs::self_signed();
    scene.home.env("SSL_CERT_FILE", other.ca_file());
    is_refused(&scene, &[]);
}

#[test]
fn insecure_accepts_any_certificate() {
    let identities =
        [certs::private_ca(), certs::self_signed(), certs::expired_self_signed(), certs::self_signed_named("x.test")];
    for identity in identities {
        let (scene, _proxy) = with_certificate(&identity);
        run_all_commands(&scene, "--insecure");
    }
}

#[test]
fn a_client_certificate_in_certs_d_is_sent() {
    let authority = Authority::new();
    let identity = authority.server_requiring_client_cert();
    for insecure in ["", "--insecure"] {
        let (scene, _proxy) = with_certificate(&identity);
        let directory = certs_d(&scene);
        fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
        write_client(&directory, &authority.client());
        run_all_commands(&scene, insecure);
    }
}

#[test]
fn a_client_certificate_is_sent_on_loopback_as_well() {
    let authority = Authority::new();
    let identity = authority.server_requiring_client_cert();
    let mut scene = Scene::with(Embedded::plain().tls(&identity));
    let config = scene.home.home().join("xdg");
    let directory = config.join("docker/certs.d").join(&scene.domain);
    scene.home.env("ROOTLESSKIT_STATE_DIR", "/x").env("XDG_CONFIG_HOME", config);
    fs::create_dir_all(&directory).expect("a directory of certificates");
    write_client(&directory, &authority.client());
    run_all_commands(&scene, "");
}

#[test]
fn a_missing_or_wrong_client_certificate_is_an_error() {
    let authority = Authority::new();
    let identity = authority.server_requiring_client_cert();
    let (scene, _proxy) = with_certificate(&identity);
    let directory = certs_d(&scene);
    fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
    for wrong in [false, true] {
        if wrong {
            write_client(&directory, &Authority::new().client());
        }
        let output = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
        assert_contains(&output, &["GET", "https://registry.test/v2/", "certificate"]);
        scene.registry.log().assert_requests(&[]);
    }
}

#[test]
fn a_certificate_without_a_key_has_dockers_message() {
    for (missing, words) in [
        (
            "client.key",
            "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt",
        ),
        ("client.cert", "missing client certificate client.cert for key client.key"),
    ] {
        let authority = Authority::new();
        let (scene, _proxy) = with_certificate(&authority.server());
        let directory = certs_d(&scene);
        fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
        write_client(&directory, &authority.client());
        fs::remove_file(directory.join(missing)).expect("a file less");
        assert_contains(&scene.run_err_unchanged("inspect @t/app:amd64"), &[words]);
        scene.registry.log().assert_requests(&[]);
    }
}

#[test]
fn d14_an_unreadable_certs_d_is_ignored_and_mentioned_with_debug() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = with_certificate(&identity);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    // A file in place of a directory, which not even root can read.
    let directory = certs_d(&scene);
    fs::remove_dir(&directory).expect("an empty directory");
    fs::write(&directory, "").expect("a file");
    let result = scene.run("inspect @t/app:amd64");
    assert_eq!(result.stderr, "");
    result.success();
    assert_contains(&scene.run("--debug inspect @t/app:amd64").stderr, &["certs.d/registry.test"]);
}

#[test]
fn d14_an_unreadable_certificate_is_ignored() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = with_certificate(&identity);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    fs::create_dir(certs_d(&scene).join("ca.crt")).expect("a directory where a file belongs");
    scene.run_ok("inspect @t/app:amd64");
}

#[test]
fn without_cas_plain_http_works_and_tls_fails_with_the_reason() {
    let mut scene = Scene::new();
    scene.home.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
    scene.run_ok("inspect @t/app:amd64");
    let (mut scene, _proxy) = with_certificate(&certs::private_ca());
    scene.home.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
    is_refused(&scene, &[]);
}

#[test]
fn d16_insecure_falls_back_to_plain_http_where_there_is_no_tls() {
    let (scene, proxy) = Scene::via_proxy(Embedded::plain(), |proxy| proxy);
    run_all_commands(&scene, "--insecure");
    assert!(proxy.log().iter().any(|line| line.starts_with("GET http://registry.test/v2/")), "{:?}", proxy.log());
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert_contains(&output, &["https://registry.test/v2/t/app/manifests/amd64", "hint:", "--insecure"]);
}

#[test]
fn d16_insecure_falls_back_to_plain_http_where_tls_is_refused() {
    // Nothing listens for TLS at this address.
    let mut scene = Scene::new();
    let proxy = Proxy::open().route("registry.test:80", scene.registry.address()).start();
    "registry.test".clone_into(&mut scene.domain);
    scene.home.env("HTTPS_PROXY", proxy.url()).env("HTTP_PROXY", proxy.url());
    scene.run_ok("inspect --insecure @t/app:amd64");
}

#[test]
fn d16_insecure_falls_back_to_plain_http_where_a_handshake_stalls() {
    let scene = Scene::with(Embedded::plain().stalled_tls());
    scene.run_ok("inspect --insecure @t/app:amd64");
    scene.registry.log().assert_requests(&["GET /v2/t/app/manifests/amd64 200"]);
}
