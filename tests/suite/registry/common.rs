//! What the tests here share.

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::{self, Scene};
use mfst_testkit::token::{TokenRequest, TokenServer};

pub use mfst_testkit::secrets::PASSWORD;

/// What secrets come behind. That the secrets themselves are not seen is checked at every run.
const SIGNS: [&str; 3] = ["Basic ", "Bearer ey", "Bearer op"];

/// alice may write `demo/*` and read `t/*`, bob may only read `t/*`, everyone
/// may read `public/*`.
pub fn acl() -> Acl {
    Acl::default()
        .user("alice", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")])
        .user("bob", PASSWORD, &[("t/*", "pull")])
        .anonymous(&[("public/*", "pull")])
}

/// A registry with tokens of this server, and alice's login.
pub fn with_tokens(tokens: &TokenServer) -> Scene {
    let scene = Scene::with(Embedded::plain().bearer(tokens));
    log_in(&scene, "alice");
    scene
}

/// Writes a login for the scene's registry.
pub fn log_in(scene: &Scene, user: &str) {
    scene.home.log_in(&scene.domain, user, PASSWORD);
}

/// The list `demo/app:v1` of two images of `t/app`, made and not yet pushed,
/// and an empty log.
pub fn listed(scene: &Scene) {
    scene.create("demo/app:v1", &["t/app:amd64", "t/app:arm64"]);
    scene.registry.log().clear();
}

/// Fails if a secret was said.
#[track_caller]
pub fn leaks_nothing(ran: &Ran) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for secret in SIGNS {
        assert!(!said.contains(secret), "{secret:?} in {said}");
    }
}

/// Fails unless all parts are in the text.
#[track_caller]
pub fn tells(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

/// What each request asked for.
pub fn scopes(requests: &[TokenRequest]) -> Vec<Vec<String>> {
    requests.iter().map(|request| request.scopes.clone()).collect()
}

/// The requests of a push of [`listed`] that succeeds, without those for
/// logins.
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

/// Borrows lines for [`mfst_testkit::log::Log::assert_requests`].
pub fn lines(requests: &[String]) -> Vec<&str> {
    requests.iter().map(String::as_str).collect()
}
