//! Token servers that differ, and what they must not be told.

use mfst_testkit::log::StatusCode;

use crate::registry::common::{acl, leaks_nothing, listed, log_in, scopes, tells, with_tokens};
use mfst_testkit::certs::private_ca;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::log::Entry;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

#[test]
fn a_push_works_where_only_one_of_several_scopes_is_read() {
    for first in [true, false] {
        let server = TokenServer::plain(acl().anonymous(&[("t/*", "pull")])).but(|server| {
            server.first_scope_only = first;
            server.last_scope_only = !first;
        });
        let tokens = server.start();
        let scene = with_tokens(&tokens);
        // In one repository nothing is mounted, so that one scope is enough.
        scene.registry.put_image("demo/app", "amd64", &mfst_testkit::scene::amd64());
        scene.registry.put_image("demo/app", "arm64", &mfst_testkit::scene::arm64());
        scene.create("demo/app:v1", &["demo/app:amd64", "demo/app:arm64"]);
        scene.ok("push @demo/app:v1");
        // A list of two repositories' images in one of them: its own scope is
        // asked for alone where the scope set brings too little.
        scene.create("demo/app:v2", &["demo/app:amd64", "t/app:arm64"]);
        scene.run("push @demo/app:v2");
        let alone = tokens.requests().iter().any(|request| request.scopes == ["repository:demo/app:pull,push"]);
        assert!(alone, "first: {first}, {:?}", scopes(&tokens.requests()));
        assert!(tokens.requests().len() < 10, "{:?}", scopes(&tokens.requests()));
    }
}

#[test]
fn sources_in_several_repositories_are_read_where_only_one_of_several_scopes_is() {
    for first in [true, false] {
        let server = TokenServer::plain(acl()).but(|server| {
            server.first_scope_only = first;
            server.last_scope_only = !first;
        });
        let tokens = server.start();
        let scene = with_tokens(&tokens);
        scene.registry.put_image("t/other", "1", &mfst_testkit::scene::amd64());
        scene.registry.put_image("t/third", "1", &mfst_testkit::scene::arm64());
        scene.create("demo/app:v1", &["t/app:amd64", "t/other:1", "t/third:1"]);
        assert!(tokens.requests().len() <= 4, "{:?}", scopes(&tokens.requests()));
    }
}

#[test]
fn many_repositories_are_read_with_few_tokens() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    for number in 0..6 {
        scene.registry.put_image(&format!("t/app{number}"), "1", &mfst_testkit::scene::amd64());
    }
    let images: Vec<String> = (0..6).map(|number| format!("t/app{number}:1")).collect();
    scene.create("demo/app:v1", &images.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(tokens.requests().len(), 1, "{:?}", scopes(&tokens.requests()));
}

#[test]
fn a_repository_that_may_not_be_read_does_not_spoil_the_others_token() {
    let tokens = TokenServer::plain(acl()).but(|server| server.strict = true).start();
    let scene = with_tokens(&tokens);
    scene.registry.put_image("secret/app", "1", &mfst_testkit::scene::amd64());
    let said = scene.refused("create @demo/app:v1 @t/app:amd64 @secret/app:1");
    tells(&said, &["secret/app", "403"]);
    scene.ok("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
}

#[test]
fn a_stale_login_does_not_keep_anyone_from_public_images() {
    for strict in [false, true] {
        let tokens = TokenServer::plain(acl()).but(|server| server.strict = strict).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
        scene.registry.put_image("public/app", "2", &mfst_testkit::scene::arm64());
        scene.home.log_in(&scene.domain, "alice", "wrong-password");
        let ran = scene.run("create @public/list:v1 @public/app:1 @public/app:2");
        leaks_nothing(&ran);
        assert_eq!(ran.stderr.matches("warning:").count(), 1, "{}", ran.stderr);
        tells(&ran.stderr, &[&scene.domain]);
        ran.ok();
        let schemes: Vec<_> = tokens.log().entries().iter().map(|entry| entry.scheme().is_some()).collect();
        assert_eq!(schemes, [true, false], "with the login, then once without");
        // For a private image the refusal of the login is what counts.
        let said = scene.refused("inspect @t/app:amd64");
        tells(&said, &["401", "incorrect username or password"]);
    }
}

#[test]
fn a_stale_login_is_never_dropped_for_a_push() {
    let tokens = TokenServer::plain(acl().anonymous(&[("*", "pull,push")])).start();
    let scene = with_tokens(&tokens);
    listed(&scene);
    scene.home.log_in(&scene.domain, "alice", "wrong-password");
    tokens.log().clear();
    let said = scene.refused("push @demo/app:v1");
    tells(&said, &["401", "incorrect username or password"]);
    let logged_in = |entry: &Entry| entry.scheme().is_some();
    assert!(tokens.log().entries().iter().filter(|entry| entry.uri.contains("push")).all(logged_in));
    assert_eq!(scene.registry.log().count("PUT *"), 0);
}

#[test]
fn who_may_only_read_is_told_so_when_pushing() {
    for strict in [false, true] {
        let tokens = TokenServer::plain(acl()).but(|server| server.strict = strict).start();
        let scene = with_tokens(&tokens);
        log_in(&scene, "bob");
        listed(&scene);
        let ran = scene.run("push @demo/app:v1");
        leaks_nothing(&ran);
        let said = ran.fails(1);
        tells(&said, &[if strict { "403" } else { "401" }, "hint:", &scene.domain]);
        assert!(tokens.requests().len() <= 8, "{:?}", scopes(&tokens.requests()));
    }
}

#[test]
fn a_password_is_not_sent_over_a_downgraded_connection() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).start();
    let challenge = r#"Bearer realm="http://tokens.test/token",service="x""#;
    let (mut scene, proxy) =
        Scene::through(Embedded::plain().tls(&identity).bearer_in_words(&tokens, &[challenge]), |proxy| {
            proxy.route("tokens.test:80", tokens.address())
        });
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    log_in(&scene, "alice");
    let ran = scene.run("inspect @t/app:amd64");
    leaks_nothing(&ran);
    tells(&ran.fails(1), &["http://tokens.test/token"]);
    assert_eq!(proxy.log(), ["CONNECT registry.test:443"]);
    tokens.log().assert_requests(&[]);
}

#[test]
fn a_realm_on_this_machine_is_for_registries_on_this_machine() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).tls(&identity).start();
    let (mut scene, _proxy) = Scene::through(Embedded::plain().tls(&identity).bearer(&tokens), |proxy| proxy);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    log_in(&scene, "alice");
    tells(&scene.refused("inspect @t/app:amd64"), &["/token"]);
    tokens.log().assert_requests(&[]);
}

#[test]
fn a_realm_elsewhere_is_asked_over_tls_with_the_registrys_login() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).tls(&identity).start();
    let challenge = r#"Bearer realm="https://tokens.test/token?tenant=a%2Fb",service="{service}""#;
    let (mut scene, proxy) =
        Scene::through(Embedded::plain().tls(&identity).bearer_in_words(&tokens, &[challenge]), |proxy| {
            proxy.route("tokens.test:443", tokens.address())
        });
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    log_in(&scene, "alice");
    scene.ok("inspect @t/app:amd64");
    assert_eq!(proxy.log(), ["CONNECT registry.test:443", "CONNECT tokens.test:443"]);
    tokens.log().assert_requests(&["GET /token?tenant=a%2Fb&*service=registry.test* 200"]);
}

#[test]
fn a_realm_that_is_no_url_is_told() {
    for realm in ["file:///etc/passwd", "", "gopher://x/", "https://"] {
        let tokens = TokenServer::plain(acl()).start();
        let challenge = format!(r#"Bearer realm="{realm}",service="x""#);
        let scene = Scene::with(Embedded::plain().bearer_in_words(&tokens, &[&challenge]));
        log_in(&scene, "alice");
        let ran = scene.run("inspect @t/app:amd64");
        leaks_nothing(&ran);
        let said = ran.fails(1);
        assert!(!said.contains("no such manifest"), "{realm}: {said}");
    }
}

#[test]
fn a_token_server_that_redirects_gets_no_password_followed_elsewhere() {
    let elsewhere = mfst_testkit::storage::Storage::start();
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    let target = elsewhere.put("token", b"{\"token\":\"opaque-test-token-1\"}");
    tokens.fault(Fault::on("GET", "/token").always().answer(307, "").header("location", &target));
    leaks_nothing(&scene.run("inspect @t/app:amd64"));
    assert!(elsewhere.log().entries().iter().all(|entry| entry.scheme().is_none()));
}

#[test]
fn a_token_server_is_retried_as_a_registry_is() {
    for status in [429, 500, 503] {
        let tokens = TokenServer::plain(acl()).start();
        let scene = with_tokens(&tokens);
        tokens.fault(Fault::on("GET", "/token").answer(status, "busy").header("retry-after", "0"));
        scene.ok("inspect @t/app:amd64");
        let busy = format!("GET /token?* {status}");
        tokens.log().assert_requests(&[&busy, "GET /token?* 200"]);
    }
}

#[test]
fn an_answer_without_end_is_cut_short() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    tokens.fault(Fault::on("GET", "/token").always().answer(200, "x".repeat(3 << 20)));
    let said = scene.refused("inspect @t/app:amd64");
    assert!(said.len() < 4096, "{} bytes", said.len());
}

#[test]
fn no_secret_is_said_whatever_happens() {
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice").start();
    let scene = with_tokens(&tokens);
    for line in ["-D create @demo/app:v1 @t/app:amd64", "-D push --purge @demo/app:v1", "-D inspect @demo/app:v1"] {
        let ran = scene.run(line);
        leaks_nothing(&ran);
        tells(&ran.stderr, &["GET", "/token", "200", " ms)"]);
        ran.ok();
    }
    let refused = TokenServer::plain(acl()).but(|server| server.no_post = Some(StatusCode::UNAUTHORIZED)).start();
    let scene = Scene::with(Embedded::plain().bearer(&refused));
    let config = format!(r#"{{"auths":{{"{}":{{"identitytoken":"identity-secret"}}}}}}"#, scene.domain);
    scene.home.write_config(&config);
    leaks_nothing(&scene.run("-D inspect @t/app:amd64"));
}
