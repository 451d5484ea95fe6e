//! docker-registry with every kind of TLS and login.

use std::fs;

use serde_json::{Value, json};

use crate::registry::setup::{PASSWORD, acl, assert_contains, assert_no_secrets, scopes};
use mfst_testkit::certs::Authority;
use mfst_testkit::docker_registry::{DockerRegistry, Frontend, LOGIN, Registry as _};
use mfst_testkit::jwt::Signer;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::token_server::TokenServer;
use mfst_testkit::wire::{self, Target};

/// A registry without logins with `t/app:amd64` and `t/app:arm64`; others share its state.
fn open() -> Option<DockerRegistry> {
    let registry = DockerRegistry::available(false)?;
    for architecture in ["amd64", "arm64"] {
        put(registry.target(), "t/app", architecture, &Sample::oci(&format!("linux/{architecture}")));
    }
    Some(registry)
}

fn put(target: &Target, repo: &str, tag: &str, image: &Sample) {
    for blob in image.blobs() {
        wire::put_blob(target, repo, blob);
    }
    let path = format!("/v2/{repo}/manifests/{tag}");
    let kind = [("Content-Type", image.media_type())];
    let done = wire::request(target, "PUT", &path, &kind, image.manifest()).expect("an answer");
    assert_eq!(done.status, 201);
}

/// Runs every command, with a push to another repository.
#[track_caller]
fn run_all_commands(home: &Sandbox, host: &str) {
    let name = |name: &str| format!("{host}/{name}");
    let (list, amd64, arm64) = (name("demo/app:v1"), name("t/app:amd64"), name("t/app:arm64"));
    for args in [&["create", &list, &amd64, &arm64][..], &["push", "--purge", &list], &["inspect", &list]] {
        let mut args = args.to_vec();
        args.insert(0, "--debug");
        let result = home.run(&args);
        assert_no_secrets(&result);
        result.success();
    }
}

#[track_caller]
fn has_the_list(registry: &DockerRegistry) {
    let (_, list) = wire::get_manifest(registry.target(), "demo/app", "v1").expect("the list");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}

/// A sandbox in which `registry.test` is this registry, with its certificates.
fn home_for(registry: &DockerRegistry, authority: &Authority) -> (Sandbox, Proxy) {
    let proxy = Proxy::open().route("registry.test:443", registry.address()).start();
    let mut home = Sandbox::new();
    let config = home.home().join("xdg");
    let directory = config.join("docker/certs.d/registry.test");
    fs::create_dir_all(&directory).expect("a directory of certificates");
    fs::write(directory.join("ca.crt"), authority.pem()).expect("a certificate");
    home.env("HTTPS_PROXY", proxy.url()).env("ROOTLESSKIT_STATE_DIR", "/x").env("XDG_CONFIG_HOME", config);
    (home, proxy)
}

#[test]
fn tls_with_a_private_ca() {
    let Some(plain) = open() else { return };
    let authority = Authority::new();
    let identity = authority.server();
    let secure = plain.with_frontend(&Frontend { tls: Some(identity.pair()), ..Frontend::default() });
    let (home, _proxy) = home_for(&secure, &authority);
    run_all_commands(&home, "registry.test");
    has_the_list(&plain);
}

#[test]
fn tls_with_client_certificates() {
    let Some(plain) = open() else { return };
    let authority = Authority::new();
    let (identity, ca) = (authority.server(), authority.pem());
    let secure =
        plain.with_frontend(&Frontend { tls: Some(identity.pair()), clients: Some(&ca), ..Frontend::default() });
    let (home, _proxy) = home_for(&secure, &authority);
    // The connection may be closed before the reason has been read; try again.
    let output = home.run(&["inspect", "registry.test/t/app:amd64"]).failure(1);
    assert_contains(&output, &["https://registry.test/v2/t/app/manifests/amd64", "certificate"]);
    let directory = home.home().join("xdg/docker/certs.d/registry.test");
    let client = authority.client();
    fs::write(directory.join("client.cert"), client.certificate).expect("a certificate");
    fs::write(directory.join("client.key"), client.key).expect("a key");
    run_all_commands(&home, "registry.test");
    has_the_list(&plain);
}

#[test]
fn basic_auth() {
    let Some(plain) = open() else { return };
    let closed = plain.with_frontend(&Frontend { login: true, ..Frontend::default() });
    let host = closed.target().host.clone();
    let home = Sandbox::new();
    home.run(&["inspect", &format!("{host}/t/app:amd64")]).failure(1);
    let (user, password) = LOGIN.split_once(':').expect("a login");
    home.log_in(&host, user, password);
    run_all_commands(&home, &host);
    has_the_list(&plain);
}

#[test]
fn bearer_tokens_with_a_read_only_source() {
    let Some(plain) = open() else { return };
    let signer = Signer::new();
    let certificate = signer.certificate().to_owned();
    let tokens = TokenServer::plain(acl()).but(|server| server.signer = Some(signer)).start();
    let realm = tokens.realm();
    let closed = plain.with_frontend(&Frontend { tokens: Some((&realm, &certificate)), ..Frontend::default() });
    let host = closed.target().host.clone();
    let home = Sandbox::new();
    home.log_in(&host, "alice", PASSWORD);
    run_all_commands(&home, &host);
    has_the_list(&plain);
    let expected = [
        vec!["repository:t/app:pull"],
        vec!["repository:demo/app:pull,push", "repository:t/app:pull"],
        vec!["repository:demo/app:pull"],
    ];
    assert_eq!(scopes(&tokens.requests()), expected, "one for each command");
    // bob may only read, and a push says so.
    home.log_in(&host, "bob", PASSWORD);
    let name = |name: &str| format!("{host}/{name}");
    home.run_ok(&["create", &name("demo/app:v2"), &name("t/app:amd64")]);
    let result = home.run(&["push", &name("demo/app:v2")]);
    assert_no_secrets(&result);
    assert_contains(&result.failure(1), &["401", "/v2/demo/app/", "hint:"]);
    let missing = home.run(&["inspect", &name("t/app:nope")]).failure(1);
    assert_eq!(missing.lines().next(), Some(format!("no such manifest: {}", name("t/app:nope")).as_str()));
}

#[test]
fn identity_tokens() {
    let Some(plain) = open() else { return };
    let signer = Signer::new();
    let certificate = signer.certificate().to_owned();
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice");
    let tokens = tokens.but(|server| server.signer = Some(signer)).start();
    let realm = tokens.realm();
    let closed = plain.with_frontend(&Frontend { tokens: Some((&realm, &certificate)), ..Frontend::default() });
    let home = Sandbox::new();
    let host = closed.target().host.clone();
    home.write_config(&json!({"auths": {&host: {"identitytoken": "identity-secret"}}}).to_string());
    run_all_commands(&home, &host);
    assert_eq!(tokens.log().count("POST /token 200"), 3);
    has_the_list(&plain);
}
