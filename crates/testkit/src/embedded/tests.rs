use std::io;
use std::time::Duration;

use super::Embedded;
use crate::acl::Acl;
use crate::faults::Fault;
use crate::sample::{OCI_INDEX, OCI_MANIFEST, Sample, digest, index};
use crate::token_server::TokenServer;
use crate::wire::{self, Response, Target};

/// Sends a request, with an `Authorization` header unless `login` is empty.
fn send(host: &str, method: &str, path: &str, login: &str, body: &[u8]) -> io::Result<Response> {
    let authorization = (!login.is_empty()).then(|| login.to_owned());
    let target = Target { host: host.to_owned(), authorization };
    wire::request(&target, method, path, &[("Content-Type", OCI_MANIFEST)], body)
}

fn status(host: &str, method: &str, path: &str, login: &str) -> u16 {
    send(host, method, path, login, b"").expect("a response").status
}

#[test]
fn a_stored_image_is_served_by_tag_and_by_digest() {
    let registry = Embedded::plain().start();
    let image = Sample::oci("linux/arm/v7");
    let manifest = registry.put_image("demo/app", "arm", &image);
    let get = |path: &str| send(&registry.host(), "GET", &format!("/v2/demo/app/{path}"), "", b"").expect("a response");
    for reference in ["arm", &manifest] {
        let response = get(&format!("manifests/{reference}"));
        assert_eq!(response.header("content-type"), Some(OCI_MANIFEST));
        assert_eq!(response.body, image.manifest());
    }
    for blob in image.blobs() {
        assert_eq!(get(&format!("blobs/{}", digest(blob))).body, *blob);
    }
    assert_eq!(get("manifests/no").status, 404);
}

#[test]
fn a_blob_is_only_in_repositories_to_which_it_was_uploaded_or_mounted() {
    let registry = Embedded::plain().start();
    let digest = registry.put_blob("from", b"blob");
    let host = registry.host();
    let blob = format!("/v2/to/blobs/{digest}");
    let mount = |from: &str| format!("/v2/to/blobs/uploads/?mount={digest}&from={from}");
    assert_eq!(status(&host, "HEAD", &blob, ""), 404);
    assert_eq!(status(&host, "POST", &mount("other"), ""), 202);
    let response = send(&host, "POST", &mount("from"), "", b"").expect("a response");
    assert_eq!(response.status, 201);
    assert_eq!(response.header("docker-content-digest"), Some(&*digest));
    assert_eq!(status(&host, "HEAD", &blob, ""), 200);
    assert!(registry.has_blob("to", &digest));
}

#[test]
fn an_image_without_its_blobs_and_an_index_without_its_images_are_refused() {
    let registry = Embedded::plain().start();
    let image = Sample::oci("linux/amd64");
    registry.put_image("from", "1", &image);
    let target = Target { host: registry.host(), authorization: None };
    let list = index(OCI_INDEX, &[image.index_entry()]);
    for (media_type, manifest) in [(OCI_MANIFEST, image.manifest()), (OCI_INDEX, &list)] {
        let headers = [("Content-Type", media_type)];
        let response = wire::request(&target, "PUT", "/v2/to/manifests/1", &headers, manifest).expect("a response");
        assert!((400..500).contains(&response.status));
        assert!(String::from_utf8_lossy(&response.body).contains("MANIFEST_BLOB_UNKNOWN"));
    }
    assert_eq!(registry.manifest("to", "1"), None);
}

#[test]
fn mount_status_is_the_status_of_every_mount_request() {
    for code in [202, 401, 404, 405] {
        let registry = Embedded::plain().mount_status(code).start();
        let digest = registry.put_blob("from", b"blob");
        let path = format!("/v2/to/blobs/uploads/?mount={digest}&from=from");
        assert_eq!(status(&registry.host(), "POST", &path, ""), code);
        assert!(!registry.has_blob("to", &digest));
    }
}

#[test]
fn basic_auth_requires_the_password() {
    let registry = Embedded::plain().basic("alice", "se:cr$t").start();
    let host = registry.host();
    let response = send(&host, "GET", "/v2/", "", b"").expect("a response");
    assert_eq!(response.status, 401);
    assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"test-realm\""));
    assert_eq!(status(&host, "GET", "/v2/", "Basic YWxpY2U6bm8="), 401);
    assert_eq!(status(&host, "GET", "/v2/", "Basic YWxpY2U6c2U6Y3IkdA=="), 200);
}

#[test]
fn bearer_auth_requires_a_token_for_the_scope_of_the_request() {
    let acl = Acl::default()
        .user("alice", "pw", &[("demo/*", "pull,push"), ("src/*", "pull")])
        .anonymous(&[("public/*", "pull")]);
    let tokens = TokenServer::plain(acl).lifetime(Duration::from_secs(60)).start();
    let registry = Embedded::plain().bearer(&tokens).start();
    let host = registry.host();
    let challenge = |path: &str, login: &str| {
        let response = send(&host, "POST", path, login, b"").expect("a response");
        assert_eq!(response.status, 401);
        response.header("www-authenticate").expect("a challenge").to_owned()
    };
    let token = |scopes: &str, login: &str| {
        let path = format!("/token?service={}{scopes}", TokenServer::SERVICE);
        let response = send(&tokens.address().to_string(), "GET", &path, login, b"").expect("a response");
        let json: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        format!("Bearer {}", json["token"].as_str().unwrap_or_default())
    };
    let alice = "Basic YWxpY2U6cHc=";

    let digest = registry.put_blob("src/a", b"blob");
    let mount = format!("/v2/demo/b/blobs/uploads/?mount={digest}&from=src/a");
    let scope = "scope=\"repository:demo/b:pull,push repository:src/a:pull\"";
    assert!(challenge(&mount, "").ends_with(scope));
    let narrow = token("&scope=repository:demo/b:pull,push", alice);
    assert!(challenge(&mount, &narrow).ends_with("error=\"insufficient_scope\""));
    let wide = token("&scope=repository:demo/b:pull,push&scope=repository:src/a:pull,push", alice);
    assert_eq!(status(&host, "POST", &mount, &wide), 201);
    tokens.revoke_all();
    assert!(challenge(&mount, &wide).ends_with("error=\"invalid_token\""));

    let public = token("&scope=repository:public/x:pull,push", "");
    assert_eq!(status(&host, "GET", "/v2/public/x/manifests/1", &public), 404);
    assert_eq!(token("", "Basic YWxpY2U6bm8="), "Bearer ");

    let granted: Vec<_> = tokens.requests().into_iter().map(|request| request.granted).collect();
    assert_eq!(granted[1], ["repository:demo/b:pull,push", "repository:src/a:pull"]);
    assert_eq!(granted[2], ["repository:public/x:pull"]);
    assert_eq!(tokens.requests()[3].status, 401);
}

#[test]
fn faults_apply_in_order_and_as_often_as_they_should() {
    let registry = Embedded::plain().start();
    registry.put_image("a", "1", &Sample::oci("linux/amd64"));
    let get = || send(&registry.host(), "GET", "/v2/a/manifests/1", "", b"");
    registry.fault(Fault::on("GET", "/manifests/1").answer(429, "slow").header("retry-after", "0"));
    registry.fault(Fault::on("GET", "/v2/a/*").cut_before());
    registry.fault(Fault::on("*", "/v2/a/*").truncate(10));
    registry.fault(Fault::on("GET", "/v2/").corrupt());
    registry.fault(Fault::on("GET", "/v2/").without_header("docker-content-digest"));
    let response = get().expect("a response");
    assert_eq!(response.status, 429);
    assert_eq!(response.body, b"slow");
    assert_eq!(response.header("retry-after"), Some("0"));
    assert!(get().is_err());
    let whole = registry.manifest("a", "1").expect("the image").1;
    assert!(get().map_or(0, |response| response.body.len()) <= 10, "the connection breaks off");
    let response = get().expect("a response");
    assert!(response.body != whole && response.body.len() == whole.len());
    assert!(response.header("docker-content-digest").is_some());
    let response = get().expect("a response");
    assert_eq!(response.body, whole);
    assert_eq!(response.header("docker-content-digest"), None);
    registry.script().assert_all_hit();
}

#[test]
fn cut_after_drops_the_response_to_a_request_that_was_handled() {
    let registry = Embedded::plain().start();
    let image = Sample::oci("linux/amd64");
    registry.put_image("a", "1", &image);
    registry.fault(Fault::on("PUT", "/manifests/2").cut_after());
    assert!(send(&registry.host(), "PUT", "/v2/a/manifests/2", "", image.manifest()).is_err());
    assert_eq!(registry.manifest("a", "2").expect("the image").1, image.manifest());
    registry.log().assert_requests(&["PUT /v2/a/manifests/2 -"]);
}

#[test]
fn the_log_counts_connections_and_round_trips() {
    let registry = Embedded::plain().start();
    let host = registry.host();
    assert_eq!(status(&host, "GET", "/v2/", ""), 200);
    assert_eq!(status(&host, "GET", "/v2/", "Basic eDp5"), 200);
    assert_eq!(registry.log().round_trips(), 2);
    assert_eq!(registry.log().connections(), 2);
    assert_eq!(registry.connections(), 2);
    assert_eq!(registry.log().entries()[1].scheme().as_deref(), Some("basic"));
    registry.log().assert_requests(&["GET /v2/ 200", "GET /v2/ 200"]);
}

#[test]
#[should_panic(expected = "unexpected requests")]
fn assert_requests_fails_on_an_unexpected_request() {
    let registry = Embedded::plain().start();
    status(&registry.host(), "GET", "/v2/", "");
    registry.log().assert_requests(&[]);
}

#[test]
#[should_panic(expected = "faults that were not hit")]
fn assert_all_hit_fails_if_a_fault_was_not_hit() {
    let registry = Embedded::plain().start();
    registry.fault(Fault::on("GET", "/v2/").times(2).hang());
    registry.script().assert_all_hit();
}
