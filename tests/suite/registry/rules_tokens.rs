//! Rules about challenges and tokens.

use mfst_testkit::log::{Method, StatusCode};
use serde_json::{Value, json};

use crate::registry::common::{PASSWORD, acl, leaks_nothing, listed, log_in, scopes, tells, with_tokens};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::{Fields, TokenServer};

/// What a create of two images is: the first request brings the challenge.
const CREATE: [&str; 5] = [
    "GET /v2/t/app/manifests/* 401",
    "GET /v2/t/app/manifests/* 200",
    "GET /v2/t/app/manifests/* 200",
    "GET /v2/t/app/blobs/* 200",
    "GET /v2/t/app/blobs/* 200",
];

#[test]
fn rule_19_the_token_is_in_either_field() {
    for fields in [Fields::Both, Fields::AccessToken, Fields::Token, Fields::Differing] {
        let tokens = TokenServer::plain(acl()).but(|server| server.fields = fields).start();
        let scene = with_tokens(&tokens);
        scene.create("demo/app:v1", &["t/app:amd64", "t/app:arm64"]);
        scene.registry.log().assert_requests(&CREATE);
        tokens.log().assert_requests(&["GET /token?* 200"]);
    }
}

#[test]
fn rule_19_an_answer_without_a_token_is_an_error() {
    let tokens = TokenServer::plain(acl()).but(|server| server.fields = Fields::Neither).start();
    let scene = with_tokens(&tokens);
    let said = scene.refused("inspect @t/app:amd64");
    tells(&said, &["/token", "token"]);
    assert!(!said.contains("no such manifest"), "{said}");
}

#[test]
fn rule_19_a_token_is_kept_for_a_minute_at_least_whatever_is_said_of_it() {
    let lifes = [Value::Null, json!(0), json!(1), json!(-5), json!(300)];
    let dates = [json!("2001-01-01T00:00:00Z"), json!("2999-01-01T00:00:00Z"), Value::Null, json!("soon"), json!("")];
    for (life, date) in lifes.into_iter().zip(dates) {
        let said = (life.clone(), date.clone());
        let server = TokenServer::plain(acl()).but(|server| {
            server.expires_in = Some(life);
            server.issued_at = Some(date);
        });
        let tokens = server.start();
        let scene = with_tokens(&tokens);
        scene.create("demo/app:v1", &["t/app:amd64", "t/app:arm64"]);
        scene.registry.log().assert_requests(&CREATE);
        assert_eq!(tokens.requests().len(), 1, "{said:?}");
    }
}

#[test]
fn rule_20_an_identity_token_is_posted() {
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice").start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    let login = json!({"auths": {&scene.domain: {"auth": "YWxpY2U6d3Jvbmc=", "identitytoken": "identity-secret"}}});
    scene.home.write_config(&login.to_string());
    listed(&scene);
    scene.ok("push @demo/app:v1");
    for request in tokens.requests() {
        assert_eq!(request.method, Method::POST);
        assert_eq!(request.grant.as_deref(), Some("refresh_token"));
        assert_eq!(request.service.as_deref(), Some(TokenServer::SERVICE));
        assert!(request.client.is_some_and(|client| !client.is_empty()));
        assert_eq!(request.account.as_deref(), Some("alice"));
    }
    assert!(tokens.log().entries().iter().all(|entry| entry.scheme().is_none() && !entry.uri.contains('?')));
    assert_eq!(
        scopes(&tokens.requests())[1],
        ["repository:demo/app:pull,push", "repository:t/app:pull"],
        "one parameter, separated by spaces"
    );
}

#[test]
fn rule_20_where_post_is_refused_a_password_serves() {
    for status in [404, 405, 400, 401] {
        let status = StatusCode::from_u16(status).expect("a status");
        let tokens = TokenServer::plain(acl()).but(|server| server.no_post = Some(status)).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        let login = json!({"username": "alice", "password": PASSWORD, "identitytoken": "identity-secret"});
        scene.home.write_config(&json!({"auths": {&scene.domain: login}}).to_string());
        scene.ok("inspect @t/app:amd64");
        let posted = format!("POST /token {}", status.as_u16());
        tokens.log().assert_requests(&[&posted, "GET /token?* 200"]);
    }
}

#[test]
fn rule_20_a_password_is_used_with_get_first_and_posted_where_that_is_refused() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    scene.ok("inspect @t/app:amd64");
    tokens.log().assert_requests(&["GET /token?* 200"]);
    for status in [404, 405] {
        let status = StatusCode::from_u16(status).expect("a status");
        let tokens = TokenServer::plain(acl()).but(|server| server.no_get = Some(status)).start();
        let scene = with_tokens(&tokens);
        scene.ok("inspect @t/app:amd64");
        let got = format!("GET /token?* {}", status.as_u16());
        tokens.log().assert_requests(&[&got, "POST /token 200"]);
        assert_eq!(tokens.requests()[1].grant.as_deref(), Some("password"));
    }
}

#[test]
fn rule_21_a_token_that_is_no_longer_good_is_renewed_once() {
    let tokens = TokenServer::plain(acl()).but(|server| server.first_token_uses = Some(1)).start();
    let scene = with_tokens(&tokens);
    scene.create("demo/app:v1", &["t/app:amd64"]);
    scene.registry.log().assert_requests(&[
        "GET /v2/t/app/manifests/amd64 401",
        "GET /v2/t/app/manifests/amd64 200",
        "GET /v2/t/app/blobs/* 401",
        "GET /v2/t/app/blobs/* 200",
    ]);
    assert_eq!(tokens.requests().len(), 2);
}

#[test]
fn rule_21_many_requests_renew_a_token_together() {
    let tokens = TokenServer::plain(acl()).but(|server| server.first_token_uses = Some(2)).start();
    let scene = with_tokens(&tokens);
    scene.create("demo/app:v1", &["t/app:amd64", "t/app:arm64"]);
    assert_eq!(tokens.requests().len(), 2, "{:?}", scene.registry.log().lines());
}

#[test]
fn rule_21_an_expired_token_may_be_called_a_bad_request() {
    let tokens = TokenServer::plain(acl()).but(|server| server.first_token_uses = Some(1)).start();
    let scene = Scene::with(Embedded::plain().bearer_without_a_word(&tokens));
    log_in(&scene, "alice");
    scene.create("demo/app:v1", &["t/app:amd64"]);
    scene.registry.log().assert_requests(&[
        "GET /v2/t/app/manifests/amd64 401",
        "GET /v2/t/app/manifests/amd64 200",
        "GET /v2/t/app/blobs/* 400",
        "GET /v2/t/app/blobs/* 200",
    ]);
    assert_eq!(tokens.requests().len(), 2);
}

#[test]
fn rule_21_a_bad_request_may_mean_an_expired_token_without_a_word() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    scene.registry.fault(Fault::on("GET", "/blobs/").answer(400, ""));
    scene.create("demo/app:v1", &["t/app:amd64"]);
    assert_eq!(tokens.requests().len(), 2);
    // Once: what is a bad request with another token is one.
    scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(400, ""));
    scene.registry.log().clear();
    scene.refused("create @demo/app:v2 @t/app:arm64");
    assert_eq!(scene.registry.log().count("GET /v2/t/app/blobs/* 400"), 2);
}

#[test]
fn rule_21_a_registry_that_likes_no_token_is_given_up() {
    for error in ["invalid_token", "insufficient_scope"] {
        let tokens = TokenServer::plain(acl()).start();
        let scene = with_tokens(&tokens);
        let challenge = format!(
            "Bearer realm=\"{}\",service=\"x\",scope=\"repository:t/app:pull repository:t/other:pull\",error=\"{error}\"",
            tokens.realm()
        );
        let never = Fault::on("GET", "/manifests/").always().answer(401, "").header("www-authenticate", &challenge);
        scene.registry.fault(never);
        let ran = scene.run("inspect @t/app:amd64");
        leaks_nothing(&ran);
        tells(&ran.fails(1), &["GET", "/v2/t/app/manifests/amd64", "401"]);
        // Without a token, with one, with another; once more without the login.
        assert!(scene.registry.log().entries().len() <= 4, "{:?}", scene.registry.log().lines());
    }
}

#[test]
fn rule_21_a_token_that_allows_too_little_is_asked_for_again_with_what_is_missing() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    let challenge = format!(
        r#"Bearer realm="{}",service="{}",scope="repository:t/base:pull",error="insufficient_scope""#,
        tokens.realm(),
        TokenServer::SERVICE
    );
    let more = Fault::on("GET", "/manifests/").skip(1).answer(401, "").header("www-authenticate", &challenge);
    scene.registry.fault(more);
    scene.ok("inspect @t/app:amd64");
    let asked: Vec<_> = tokens
        .requests()
        .into_iter()
        .map(|mut request| {
            request.scopes.sort();
            request.scopes
        })
        .collect();
    assert_eq!(asked, [vec!["repository:t/app:pull"], vec!["repository:t/app:pull", "repository:t/base:pull"]]);
    assert_eq!(scene.registry.log().entries().len(), 3);
}

#[test]
fn rule_22_challenges_are_read_in_every_form() {
    for words in [
        &[r#"Bearer realm="{realm}",service="{service}"{scope}{error}"#][..],
        &[r#"bearer REALM="{realm}", Service="{service}""#],
        &[r#"BEARER   realm = "{realm}" ,  service = "{service}" , "#],
        &["Bearer realm={realm},service={service}"],
        &["Negotiate", r#"Bearer realm="{realm}",service="{service}""#],
        &["Negotiate", "NTLM TlRMTVNTUAAB==", r#"Bearer realm="{realm}",service="{service}""#],
        &[r#"Negotiate, Basic realm="a, b", Bearer realm="{realm}",service="{service}""#],
        &[
            r#"Digest realm="x", qop="auth,auth-int", nonce="Bearer realm", Bearer service="{service}", realm="{realm}""#,
        ],
        &[r#"Bearer error="",scope="",realm="{realm}",service="{service}",x="quoted \"and\" escaped\\""#],
        &[r#"Bearer scope="repository:t/app:pull,push",realm="{realm}",service="{service}""#],
        &[r#"Bearer service="\r\egistry.test",realm="{realm}""#],
    ] {
        let tokens = TokenServer::plain(acl()).start();
        let scene = Scene::with(Embedded::plain().bearer_in_words(&tokens, words));
        log_in(&scene, "alice");
        scene.ok("inspect @t/app:amd64");
        let asked = tokens.requests();
        assert_eq!(asked.len(), 1, "{words:?}");
        assert_eq!(asked[0].service.as_deref(), Some(TokenServer::SERVICE), "{words:?}");
        assert_eq!(asked[0].scopes, ["repository:t/app:pull"], "{words:?}");
    }
}

#[test]
fn rule_22_basic_is_read_in_every_form_too() {
    for challenge in [
        r#"BASIC realm="Sonatype Nexus Repository Manager""#,
        "basic",
        "Basic realm=unquoted",
        r#"Negotiate, basic realm="a \"b\", c""#,
        r#"Basic realm="r", charset="UTF-8""#,
    ] {
        let scene = Scene::new();
        log_in(&scene, "alice");
        let once = Fault::on("GET", "/manifests/").answer(401, "").header("www-authenticate", challenge);
        scene.registry.fault(once);
        scene.ok("inspect @t/app:amd64");
        let entries = scene.registry.log().entries();
        let schemes: Vec<_> = entries.iter().map(mfst_testkit::log::Entry::scheme).collect();
        assert_eq!(schemes, [None, Some("basic".to_owned())], "{challenge}");
    }
}
