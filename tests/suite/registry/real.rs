//! Debian's docker-registry with every kind of door.

use std::fs;

use serde_json::{Value, json};

use crate::registry::common::{PASSWORD, acl, leaks_nothing, scopes, tells};
use mfst_testkit::certs::Authority;
use mfst_testkit::debian::{DebianRegistry, Door, LOGIN, Registry as _};
use mfst_testkit::jwt::Signer;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::token::TokenServer;
use mfst_testkit::wire::{self, Target};

/// An open registry with `t/app:amd64` and `t/app:arm64`; others share its
/// contents.
fn open() -> Option<DebianRegistry> {
    let registry = DebianRegistry::available(false)?;
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

/// Every command, with a push to another repository.
#[track_caller]
fn round_trip(home: &Sandbox, host: &str) {
    let name = |name: &str| format!("{host}/{name}");
    let (list, amd64, arm64) = (name("demo/app:v1"), name("t/app:amd64"), name("t/app:arm64"));
    for args in [&["create", &list, &amd64, &arm64][..], &["push", "--purge", &list], &["inspect", &list]] {
        let mut args = args.to_vec();
        args.insert(0, "--debug");
        let ran = home.run(&args);
        leaks_nothing(&ran);
        ran.ok();
    }
}

#[track_caller]
fn has_the_list(registry: &DebianRegistry) {
    let (_, list) = wire::get_manifest(registry.target(), "demo/app", "v1").expect("the list");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}

/// A home in which `registry.test` is this registry, with its certificates.
fn home_for(registry: &DebianRegistry, authority: &Authority) -> (Sandbox, Proxy) {
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
fn tls_with_a_private_authority() {
    let Some(plain) = open() else { return };
    let authority = Authority::new();
    let identity = authority.server();
    let secure = plain.behind(&Door { tls: Some(identity.pair()), ..Door::default() });
    let (home, _proxy) = home_for(&secure, &authority);
    round_trip(&home, "registry.test");
    has_the_list(&plain);
}

#[test]
fn tls_with_client_certificates() {
    let Some(plain) = open() else { return };
    let authority = Authority::new();
    let (identity, ca) = (authority.server(), authority.pem());
    let secure = plain.behind(&Door { tls: Some(identity.pair()), clients: Some(&ca), ..Door::default() });
    let (home, _proxy) = home_for(&secure, &authority);
    // The connection may be gone before the reason has been read; another try gets it.
    let said = home.run(&["inspect", "registry.test/t/app:amd64"]).fails(1);
    tells(&said, &["https://registry.test/v2/t/app/manifests/amd64", "certificate"]);
    let directory = home.home().join("xdg/docker/certs.d/registry.test");
    let client = authority.client();
    fs::write(directory.join("client.cert"), client.certificate).expect("a certificate");
    fs::write(directory.join("client.key"), client.key).expect("a key");
    round_trip(&home, "registry.test");
    has_the_list(&plain);
}

#[test]
fn basic_logins() {
    let Some(plain) = open() else { return };
    let closed = plain.behind(&Door { login: true, ..Door::default() });
    let host = closed.target().host.clone();
    let home = Sandbox::new();
    home.run(&["inspect", &format!("{host}/t/app:amd64")]).fails(1);
    let (user, password) = LOGIN.split_once(':').expect("a login");
    home.log_in(&host, user, password);
    round_trip(&home, &host);
    has_the_list(&plain);
}

#[test]
fn tokens_for_a_push_from_a_repository_that_may_only_be_read() {
    let Some(plain) = open() else { return };
    let signer = Signer::new();
    let certificate = signer.certificate().to_owned();
    let tokens = TokenServer::plain(acl()).but(|server| server.signer = Some(signer)).start();
    let realm = tokens.realm();
    let closed = plain.behind(&Door { tokens: Some((&realm, &certificate)), ..Door::default() });
    let host = closed.target().host.clone();
    let home = Sandbox::new();
    home.log_in(&host, "alice", PASSWORD);
    round_trip(&home, &host);
    has_the_list(&plain);
    let expected = [
        vec!["repository:t/app:pull"],
        vec!["repository:demo/app:pull,push", "repository:t/app:pull"],
        vec!["repository:demo/app:pull"],
    ];
    assert_eq!(scopes(&tokens.requests()), expected, "one for each command");
    // bob may read, and is told so when he pushes.
    home.log_in(&host, "bob", PASSWORD);
    let name = |name: &str| format!("{host}/{name}");
    home.ok(&["create", &name("demo/app:v2"), &name("t/app:amd64")]);
    let ran = home.run(&["push", &name("demo/app:v2")]);
    leaks_nothing(&ran);
    tells(&ran.fails(1), &["401", "/v2/demo/app/", "hint:"]);
    let missing = home.run(&["inspect", &name("t/app:nope")]).fails(1);
    assert_eq!(missing.lines().next(), Some(format!("no such manifest: {}", name("t/app:nope")).as_str()));
}

#[test]
fn an_identity_token_opens_the_door_too() {
    let Some(plain) = open() else { return };
    let signer = Signer::new();
    let certificate = signer.certificate().to_owned();
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice");
    let tokens = tokens.but(|server| server.signer = Some(signer)).start();
    let realm = tokens.realm();
    let closed = plain.behind(&Door { tokens: Some((&realm, &certificate)), ..Door::default() });
    let home = Sandbox::new();
    let host = closed.target().host.clone();
    home.write_config(&json!({"auths": {&host: {"identitytoken": "identity-secret"}}}).to_string());
    round_trip(&home, &host);
    assert_eq!(tokens.log().count("POST /token 200"), 3);
    has_the_list(&plain);
}
