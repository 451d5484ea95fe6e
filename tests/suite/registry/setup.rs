//! Shared by the tests of this module.

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::{self, Scene};
use mfst_testkit::token_server::{TokenRequest, TokenServer};

pub use mfst_testkit::secrets::PASSWORD;

/// Prefixes of secrets. Every run in a sandbox is searched for the secrets themselves.
const SIGNS: [&str; 3] = ["Basic ", "Bearer ey", "Bearer op"];

/// alice may write `demo/*` and read `t/*`, bob may only read `t/*`, anonymous clients may read `public/*`.
pub fn acl() -> Acl {
    Acl::default()
        .user("alice", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")])
        .user("bob", PASSWORD, &[("t/*", "pull")])
        .anonymous(&[("public/*", "pull")])
}

/// A registry with tokens of this server, and a login as alice.
pub fn with_tokens(tokens: &TokenServer) -> Scene {
    let scene = Scene::with(Embedded::plain().bearer(tokens));
    log_in(&scene, "alice");
    scene
}

/// Writes a login for the scene's registry.
pub fn log_in(scene: &Scene, user: &str) {
    scene.home.log_in(&scene.domain, user, PASSWORD);
}

/// Makes the list `demo/app:v1` of two images of `t/app`, and clears the log.
pub fn make_list(scene: &Scene) {
    scene.create("demo/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.log().clear();
}

/// Fails if the output has the prefix of a secret.
#[track_caller]
pub fn assert_no_secrets(result: &CommandOutput) {
    let output = format!("{}{}", result.stdout, result.stderr);
    for secret in SIGNS {
        assert!(!output.contains(secret), "{secret:?} in {output}");
    }
}

/// Fails unless the text contains all parts.
#[track_caller]
pub fn assert_contains(output: &str, parts: &[&str]) {
    for part in parts {
        assert!(output.contains(part), "{part:?} is not in {output:?}");
    }
}

/// The scopes of each request.
pub fn scopes(requests: &[TokenRequest]) -> Vec<Vec<String>> {
    requests.iter().map(|request| request.scopes.clone()).collect()
}

/// The requests of a successful push of [`make_list`], without those for tokens.
pub fn push_requests() -> Vec<String> {
    let mut requests = Vec::new();
    for image in [scene::amd64(), scene::arm64()] {
        for blob in image.blobs() {
            let digest = mfst_testkit::sample::digest(blob);
            requests.push(format!("POST /v2/demo/app/blobs/uploads/?mount={digest}&from=t%2Fapp 201"));
        }
        requests.push(format!("PUT /v2/demo/app/manifests/{} 201", image.digest()));
    }
    requests.push("PUT /v2/demo/app/manifests/v1 201".to_owned());
    requests
}

pub fn lines(requests: &[String]) -> Vec<&str> {
    requests.iter().map(String::as_str).collect()
}
