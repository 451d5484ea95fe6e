//! Rules about what a registry is asked for, and in which words.

use crate::registry::common::{PASSWORD, acl, lines, listed, log_in, push_requests, scopes, tells, with_tokens};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_MANIFEST, digest};
use mfst_testkit::scene::Scene;
use mfst_testkit::storage::Storage;
use mfst_testkit::token::TokenServer;

const READ: [&str; 3] =
    ["GET /v2/t/app/manifests/amd64 401", "GET /v2/t/app/manifests/amd64 200", "GET /v2/t/app/blobs/sha256:* 200"];

#[test]
fn rule_01_the_scope_is_ours_whatever_the_challenge_says() {
    for scope in [r#",scope="repository:user/image:pull""#, r#",scope="""#, r#",scope="*""#, ""] {
        let tokens = TokenServer::plain(acl()).start();
        let challenge = format!(r#"Bearer realm="{{realm}}",service="{{service}}"{scope}"#);
        let scene = Scene::with(Embedded::plain().bearer_in_words(&tokens, &[&challenge]));
        log_in(&scene, "alice");
        scene.create("demo/app:v1", &["t/app:amd64"]);
        scene.registry.log().assert_requests(&READ);
        assert_eq!(scopes(&tokens.requests()), [["repository:t/app:pull"]], "{scope}");
        tokens.log().assert_requests(&["GET /token?* 200"]);
    }
}

#[test]
fn rule_02_reading_asks_for_pull_and_writing_for_pull_and_push() {
    // This server refuses what it cannot give in full, as GHCR's does.
    let tokens = TokenServer::plain(acl()).but(|server| server.strict = true).start();
    let scene = with_tokens(&tokens);
    log_in(&scene, "bob");
    scene.create("demo/app:v1", &["t/app:amd64"]);
    scene.ok("inspect @t/app:amd64");
    assert_eq!(scopes(&tokens.requests()), [["repository:t/app:pull"], ["repository:t/app:pull"]]);
    log_in(&scene, "alice");
    scene.registry.put_image("demo/app", "1", &mfst_testkit::scene::amd64());
    scene.create("demo/app:v2", &["demo/app:1"]);
    scene.registry.log().clear();
    let before = tokens.requests().len();
    scene.ok("push @demo/app:v2");
    assert_eq!(scopes(&tokens.requests()[before..]), [["repository:demo/app:pull,push"]]);
    scene.registry.log().assert_requests(&[
        "HEAD /v2/demo/app/manifests/1 401",
        "HEAD /v2/demo/app/manifests/1 200",
        "PUT /v2/demo/app/manifests/v2 201",
    ]);
}

#[test]
fn rule_03_one_token_has_the_target_first_and_every_source_once() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    scene.registry.put_image("demo/app", "1", &mfst_testkit::scene::amd64());
    scene.registry.put_image("t/other", "arm64", &mfst_testkit::sample::Sample::docker("linux/arm64"));
    scene.create("demo/app:v1", &["demo/app:1", "t/app:arm64", "t/other:arm64"]);
    let before = tokens.requests().len();
    scene.ok("push @demo/app:v1");
    let asked = scopes(&tokens.requests()[before..]);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0][0], "repository:demo/app:pull,push");
    let mut sources = asked[0][1..].to_vec();
    sources.sort();
    assert_eq!(sources, ["repository:t/app:pull", "repository:t/other:pull"]);
}

#[test]
fn rule_05_a_mount_that_is_done_is_not_asked_after() {
    let scene = Scene::new();
    listed(&scene);
    scene.ok("push @demo/app:v1");
    scene.registry.log().assert_requests(&lines(&push_requests()));
}

#[test]
fn rule_05_a_manifest_whose_blobs_are_missing_after_all_is_told() {
    let scene = Scene::new();
    listed(&scene);
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
    scene.registry.fault(Fault::on("PUT", "/manifests/sha256:").always().answer(400, body));
    let said = scene.refused("push @demo/app:v1");
    tells(&said, &["PUT", "/v2/demo/app/manifests/sha256:", "400", "MANIFEST_BLOB_UNKNOWN"]);
    assert_eq!(scene.registry.log().count("PUT *manifests/v1*"), 0);
}

#[test]
fn rule_06_a_mount_names_its_source_and_is_only_asked_for_between_repositories() {
    let scene = Scene::new();
    scene.registry.put_image("demo/app", "1", &mfst_testkit::scene::amd64());
    scene.create("demo/app:v1", &["demo/app:1", "t/app:arm64"]);
    scene.registry.log().clear();
    scene.ok("push @demo/app:v1");
    let arm64 = mfst_testkit::scene::arm64();
    let mount = |blob: &Vec<u8>| format!("POST *?mount={}&from=t%2Fapp 201", digest(blob));
    let mut expected: Vec<String> = arm64.blobs().iter().map(mount).collect();
    expected.push(format!("PUT /v2/demo/app/manifests/{} 201", arm64.digest()));
    expected.push("PUT /v2/demo/app/manifests/v1 201".to_owned());
    scene.registry.log().assert_requests(&lines(&expected));
}

/// A registry with a login that redirects the config of `t/app:amd64`.
fn redirecting(status: u16, location: &str) -> Scene {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    log_in(&scene, "alice");
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(status, "").header("location", location));
    scene
}

#[test]
fn rule_10_a_redirect_to_another_origin_is_followed_without_authorization() {
    for status in [301, 302, 303, 307, 308] {
        let storage = Storage::start();
        let scene = redirecting(status, &storage.put("config", &mfst_testkit::scene::amd64().blobs()[0]));
        scene.create("demo/app:v1", &["t/app:amd64"]);
        let redirected = format!("GET /v2/t/app/blobs/sha256:* {status}");
        scene.registry.log().assert_requests(&[READ[0], READ[1], &redirected]);
        storage.log().assert_requests(&["GET /config?X-Sig=a%2Fb%2Bc 200"]);
        let entries = scene.registry.log().entries();
        assert_eq!(entries[2].scheme().as_deref(), Some("basic"), "the registry itself is shown the login");
    }
}

#[test]
fn rule_10_a_redirect_within_the_registry_keeps_the_authorization() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    log_in(&scene, "alice");
    let there = format!("/v2/t/app/manifests/{}", mfst_testkit::scene::amd64().digest());
    scene.registry.fault(Fault::on("GET", "/manifests/moved").skip(1).answer(307, "").header("location", &there));
    scene.ok("inspect @t/app:moved");
    let found = format!("GET {there} 200");
    scene.registry.log().assert_requests(&[
        "GET /v2/t/app/manifests/moved 401",
        "GET /v2/t/app/manifests/moved 307",
        &found,
    ]);
}

#[test]
fn rule_10_redirects_without_end_are_ended() {
    let scene = Scene::new();
    let again =
        Fault::on("GET", "/manifests/amd64").always().answer(307, "").header("location", "/v2/t/app/manifests/amd64");
    scene.registry.fault(again);
    scene.refused("inspect @t/app:amd64");
    assert_eq!(scene.registry.log().entries().len(), 11);
}

#[test]
fn rule_10_a_redirect_from_tls_to_plain_http_is_refused() {
    let identity = mfst_testkit::certs::private_ca();
    let storage = Storage::start();
    let (mut scene, proxy) =
        Scene::through(Embedded::plain().tls(&identity), |proxy| proxy.route("other.test:80", storage.address()));
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    let target = storage.put("config", &mfst_testkit::scene::amd64().blobs()[0]);
    let target = target.replace(&storage.address().to_string(), "other.test");
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(307, "").header("location", &target));
    let said = scene.refused("create @demo/app:v1 @t/app:amd64");
    tells(&said, &["https://registry.test/v2/t/app/blobs/sha256:", "http://other.test/config"]);
    assert_eq!(proxy.log(), ["CONNECT registry.test:443"]);
    storage.log().assert_requests(&[]);
}

#[test]
fn rule_10_what_a_redirect_is_signed_with_is_not_told() {
    let storage = Storage::start();
    let scene = redirecting(307, &storage.put("config", b"x").replace("config", "elsewhere"));
    for line in ["create @demo/app:v1 @t/app:amd64", "--debug create @demo/app:v1 @t/app:amd64"] {
        let ran = scene.run(line);
        crate::registry::common::leaks_nothing(&ran);
        tells(&ran.fails(1), &["/elsewhere"]);
    }
}

#[test]
fn rule_11_one_accept_header_lists_all_four_types_and_only_registries_see_it() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    scene.create("demo/app:v1", &["t/app:amd64"]);
    scene.ok("inspect @t/app:amd64");
    let entries = scene.registry.log().entries();
    let manifests: Vec<_> = entries.iter().filter(|entry| entry.uri.contains("/manifests/")).collect();
    assert_eq!(manifests.len(), 4);
    for entry in manifests {
        assert_eq!(entry.headers.get_all("accept").iter().count(), 1);
        let accept = entry.header("accept").expect("text");
        let mut types: Vec<&str> = accept.split(',').map(str::trim).collect();
        types.sort_unstable();
        let expected = [
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.manifest.v1+json",
        ];
        assert_eq!(types, expected);
    }
    for entry in tokens.log().entries() {
        assert!(!entry.header("accept").unwrap_or_default().contains("manifest"));
    }
}

#[test]
fn rule_12_the_digest_is_that_of_the_bytes() {
    let scene = Scene::new();
    let strip = |method: &str| Fault::on(method, "/v2/").always().without_header("docker-content-digest");
    scene.registry.fault(strip("GET"));
    scene.registry.fault(strip("PUT"));
    listed(&scene);
    let printed = scene.ok("push @demo/app:v1");
    let (_, list) = scene.registry.manifest("demo/app", "v1").expect("the list");
    assert_eq!(printed.lines().last(), Some(digest(&list).as_str()));
    let scene = Scene::new();
    let lie = digest(b"something else");
    scene.registry.fault(Fault::on("GET", "/manifests/").always().header("docker-content-digest", &lie));
    scene.create("demo/app:v1", &["t/app:amd64"]);
    assert_eq!(
        scene.inspect("@demo/app:v1")["manifests"][0]["digest"].as_str(),
        Some(mfst_testkit::scene::amd64().digest().as_str())
    );
}

#[test]
fn rule_12_a_registry_that_does_not_say_what_it_has_stored_is_asked() {
    let scene = Scene::new();
    listed(&scene);
    scene.registry.fault(Fault::on("PUT", "/v2/").always().without_header("docker-content-digest"));
    scene.ok("push @demo/app:v1");
    assert_eq!(scene.registry.log().count("GET *"), 1);
    assert_eq!(scene.registry.log().count("GET /v2/demo/app/manifests/v1 200"), 1);
    // One that has stored something else, or nothing.
    let scene = Scene::new();
    listed(&scene);
    scene.registry.put_manifest("demo/app", "v1", OCI_MANIFEST, mfst_testkit::scene::amd64().manifest());
    scene.registry.fault(Fault::on("PUT", "/manifests/v1").always().answer(201, ""));
    tells(
        &scene.run("push @demo/app:v1").fails(1),
        &["/v2/demo/app/manifests/v1", &mfst_testkit::scene::amd64().digest()],
    );
}

#[test]
fn rule_12_what_is_asked_for_by_digest_must_have_it() {
    let by_digest = format!("@t/app@{}", mfst_testkit::scene::amd64().digest());
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/sha256:").always().corrupt());
    for line in ["inspect ", "create @demo/app:v1 "] {
        let said = scene.refused(&format!("{line}{by_digest}"));
        tells(&said, &["verification failed"]);
    }
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/blobs/").always().corrupt());
    tells(&scene.refused("create @demo/app:v1 @t/app:amd64"), &["verification failed"]);
}

#[test]
fn rule_13_a_registry_that_refuses_head_is_as_good_as_any() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("HEAD", "/v2/").always().answer(405, ""));
    listed(&scene);
    scene.ok("push --purge @demo/app:v1");
    scene.ok("inspect @demo/app:v1");
}

#[test]
fn rule_14_manifests_travel_byte_for_byte_under_their_own_type() {
    let scene = Scene::new();
    let image = mfst_testkit::scene::amd64();
    let odd = String::from_utf8(image.manifest().to_vec()).expect("text").replacen('{', "{\n\n   \"x\" : 1e0,", 1);
    let odd_digest = scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, odd.as_bytes());
    let parameter = format!("{OCI_MANIFEST}; charset=utf-8");
    scene.registry.fault(Fault::on("GET", "/manifests/odd").always().header("content-type", &parameter));
    scene.create("demo/app:v1", &["t/app:odd"]);
    scene.ok("push @demo/app:v1");
    let stored = scene.registry.manifest("demo/app", &odd_digest).expect("the image");
    assert_eq!(stored, (OCI_MANIFEST.to_owned(), odd.into_bytes()));
    let (kind, list) = scene.registry.manifest("demo/app", "v1").expect("the list");
    let list: serde_json::Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!(list["mediaType"].as_str(), Some(kind.as_str()));
    assert_eq!(list["manifests"][0]["mediaType"].as_str(), Some(OCI_MANIFEST));
}
