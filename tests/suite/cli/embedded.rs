//! The embedded registry does what the other tests rely on.

use std::time::Duration;

use reqwest::StatusCode;

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::http::{self, Answer};
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, index};
use mfst_testkit::token::TokenServer;

/// A request with an `Authorization`, if one is given.
fn send(method: &str, url: &str, login: &str, body: &[u8]) -> reqwest::Result<Answer> {
    let mut headers = vec![("content-type", OCI_MANIFEST)];
    if !login.is_empty() {
        headers.push(("authorization", login));
    }
    http::send(method, url, &headers, body)
}

fn status(method: &str, url: &str, login: &str) -> StatusCode {
    send(method, url, login, b"").expect("an answer").status
}

#[test]
fn what_is_seeded_can_be_fetched_and_a_tag_and_its_digest_are_one() {
    let registry = Embedded::plain().start();
    let image = Sample::oci("linux/arm/v7");
    let digest = registry.put_image("demo/app", "arm", &image);
    let base = format!("{}/v2/demo/app", registry.origin());
    for reference in ["arm", &digest] {
        let url = format!("{base}/manifests/{reference}");
        let answer = send("GET", &url, "", b"").expect("an answer");
        assert_eq!(answer.header("content-type"), OCI_MANIFEST);
        assert_eq!(answer.body, image.manifest());
    }
    for blob in image.blobs() {
        let url = format!("{base}/blobs/{}", mfst_testkit::sample::digest(blob));
        assert_eq!(send("GET", &url, "", b"").expect("an answer").body, *blob);
    }
    assert_eq!(status("GET", &format!("{base}/manifests/no"), ""), 404);
}

#[test]
fn a_blob_is_only_where_it_was_put_or_mounted() {
    let registry = Embedded::plain().start();
    let digest = registry.put_blob("from", b"blob");
    let v2 = format!("{}/v2", registry.origin());
    let there = format!("{v2}/to/blobs/{digest}");
    let mount = |from: &str| format!("{v2}/to/blobs/uploads/?mount={digest}&from={from}");
    assert_eq!(status("HEAD", &there, ""), 404);
    assert_eq!(status("POST", &mount("other"), ""), 202);
    let response = send("POST", &mount("from"), "", b"").expect("an answer");
    assert_eq!(response.status, 201);
    assert_eq!(response.header("docker-content-digest"), digest);
    assert_eq!(status("HEAD", &there, ""), 200);
    assert!(registry.has_blob("to", &digest));
}

#[test]
fn an_image_without_its_blobs_and_an_index_without_its_children_are_refused() {
    let registry = Embedded::plain().start();
    let image = Sample::oci("linux/amd64");
    registry.put_image("from", "1", &image);
    let url = format!("{}/v2/to/manifests/1", registry.origin());
    let response = send("PUT", &url, "", image.manifest()).expect("an answer");
    assert_eq!(response.status, 400);
    assert!(String::from_utf8_lossy(&response.body).contains("MANIFEST_BLOB_UNKNOWN"));
    let list = index(OCI_INDEX, &[image.index_entry()]);
    let content_type = [("content-type", OCI_INDEX)];
    let response = http::send("PUT", &url, &content_type, &list).expect("an answer");
    assert!(response.status.is_client_error());
    assert!(String::from_utf8_lossy(&response.body).contains("MANIFEST_BLOB_UNKNOWN"));
    assert_eq!(registry.manifest("to", "1"), None);
}

#[test]
fn mounts_are_declined_as_told() {
    for code in [202, 401, 404, 405] {
        let registry = Embedded::plain().declining_mounts(code).start();
        let digest = registry.put_blob("from", b"blob");
        let origin = registry.origin();
        let url = format!("{origin}/v2/to/blobs/uploads/?mount={digest}&from=from");
        assert_eq!(status("POST", &url, ""), code);
        assert!(!registry.has_blob("to", &digest));
    }
}

#[test]
fn basic_wants_the_password() {
    let registry = Embedded::plain().basic("alice", "se:cr$t").start();
    let url = format!("{}/v2/", registry.origin());
    let response = send("GET", &url, "", b"").expect("an answer");
    assert_eq!(response.status, 401);
    assert_eq!(response.header("www-authenticate"), "Basic realm=\"test-realm\"");
    assert_eq!(status("GET", &url, "Basic YWxpY2U6bm8="), 401);
    assert_eq!(status("GET", &url, "Basic YWxpY2U6c2U6Y3IkdA=="), 200);
}

#[test]
fn bearer_wants_a_token_whose_scope_covers_the_request() {
    let acl = Acl::default()
        .user("alice", "pw", &[("demo/*", "pull,push"), ("src/*", "pull")])
        .anonymous(&[("public/*", "pull")]);
    let tokens = TokenServer::plain(acl).lifetime(Duration::from_secs(60)).start();
    let registry = Embedded::plain().bearer(&tokens).start();
    let v2 = format!("{}/v2", registry.origin());
    let challenge = |url: &str, login: &str| {
        let response = send("POST", url, login, b"").expect("an answer");
        assert_eq!(response.status, 401);
        response.header("www-authenticate").to_owned()
    };
    let ask = |scopes: &str, login: &str| {
        let url = format!("{}?service={}{scopes}", tokens.realm(), TokenServer::SERVICE);
        let Answer { body, .. } = send("GET", &url, login, b"").expect("an answer");
        let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        format!("Bearer {}", answer["token"].as_str().unwrap_or_default())
    };
    let alice = "Basic YWxpY2U6cHc=";

    let digest = registry.put_blob("src/a", b"blob");
    let mount = format!("{v2}/demo/b/blobs/uploads/?mount={digest}&from=src/a");
    let scope = "scope=\"repository:demo/b:pull,push repository:src/a:pull\"";
    assert!(challenge(&mount, "").ends_with(scope));
    let narrow = ask("&scope=repository:demo/b:pull,push", alice);
    assert!(challenge(&mount, &narrow).ends_with("error=\"insufficient_scope\""));
    let wide = ask("&scope=repository:demo/b:pull,push&scope=repository:src/a:pull,push", alice);
    assert_eq!(status("POST", &mount, &wide), 201);
    tokens.revoke_all();
    assert!(challenge(&mount, &wide).ends_with("error=\"invalid_token\""));

    let public = ask("&scope=repository:public/x:pull,push", "");
    assert_eq!(status("GET", &format!("{v2}/public/x/manifests/1"), &public), 404);
    assert_eq!(ask("", "Basic YWxpY2U6bm8="), "Bearer ");

    let granted: Vec<_> = tokens.requests().into_iter().map(|r| r.granted).collect();
    assert_eq!(granted[1], ["repository:demo/b:pull,push", "repository:src/a:pull"]);
    assert_eq!(granted[2], ["repository:public/x:pull"]);
    assert_eq!(tokens.requests()[3].status, 401);
}

#[test]
fn faults_are_met_in_order_and_as_often_as_they_say() {
    let registry = Embedded::plain().start();
    registry.put_image("a", "1", &Sample::oci("linux/amd64"));
    let url = format!("{}/v2/a/manifests/1", registry.origin());
    let get = || send("GET", &url, "", b"");
    registry.fault(Fault::on("GET", "/manifests/1").answer(429, "slow").header("retry-after", "0"));
    registry.fault(Fault::on("GET", "/v2/a/*").cut_before());
    registry.fault(Fault::on("*", "/v2/a/*").truncate(10));
    registry.fault(Fault::on("GET", "/v2/").corrupt());
    registry.fault(Fault::on("GET", "/v2/").without_header("docker-content-digest"));
    let response = get().expect("an answer");
    assert_eq!(response.status, 429);
    assert_eq!(response.body, b"slow");
    assert_eq!(response.header("retry-after"), "0");
    assert!(get().is_err());
    assert!(get().is_err());
    let whole = registry.manifest("a", "1").expect("the image").1;
    let response = get().expect("an answer");
    assert!(response.body != whole && response.body.len() == whole.len());
    assert_ne!(response.header("docker-content-digest"), "");
    let response = get().expect("an answer");
    assert_eq!(response.body, whole);
    assert_eq!(response.header("docker-content-digest"), "");
    registry.script().assert_played();
}

#[test]
fn a_connection_cut_after_the_work_leaves_the_work_done() {
    let registry = Embedded::plain().start();
    let image = Sample::oci("linux/amd64");
    registry.put_image("a", "1", &image);
    registry.fault(Fault::on("PUT", "/manifests/2").cut_after());
    let url = format!("{}/v2/a/manifests/2", registry.origin());
    assert!(send("PUT", &url, "", image.manifest()).is_err());
    assert_eq!(registry.manifest("a", "2").expect("the image").1, image.manifest());
    registry.log().assert_requests(&["PUT /v2/a/manifests/2 -"]);
}

#[test]
fn the_log_knows_connections_and_how_many_requests_waited_for_another() {
    let registry = Embedded::plain().start();
    let url = format!("{}/v2/", registry.origin());
    assert_eq!(status("GET", &url, ""), 200);
    assert_eq!(status("GET", &url, "Basic eDp5"), 200);
    assert_eq!(registry.log().depth(), 2);
    assert_eq!(registry.log().connections(), 2);
    assert_eq!(registry.connections(), 2);
    assert_eq!(registry.log().entries()[1].scheme().as_deref(), Some("basic"));
    registry.log().assert_requests(&["GET /v2/ 200", "GET /v2/ 200"]);
}

#[test]
#[should_panic(expected = "unexpected requests")]
fn an_unexpected_request_fails_a_test() {
    let registry = Embedded::plain().start();
    status("GET", &format!("{}/v2/", registry.origin()), "");
    registry.log().assert_requests(&[]);
}

#[test]
#[should_panic(expected = "faults that were never met")]
fn a_fault_that_was_never_met_fails_a_test() {
    let registry = Embedded::plain().start();
    registry.fault(Fault::on("GET", "/v2/").times(2).hang());
    registry.script().assert_played();
}
