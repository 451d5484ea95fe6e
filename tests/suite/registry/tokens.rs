//! Token servers with quirks, and what they must not be sent.

use mfst_testkit::log::StatusCode;

use crate::registry::setup::{acl, assert_contains, assert_no_secrets, log_in, make_list, scopes, with_tokens};
use mfst_testkit::certs::private_ca;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::log::Entry;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

#[test]
fn a_push_works_if_the_server_grants_only_one_scope() {
    for first in [true, false] {
        let server = TokenServer::plain(acl().anonymous(&[("t/*", "pull")])).but(|server| {
            server.first_scope_only = first;
            server.last_scope_only = !first;
        });
        let tokens = server.start();
        let scene = with_tokens(&tokens);
        // Within one repository nothing is mounted, so one scope is enough.
        scene.registry.put_image("demo/app", "amd64", &mfst_testkit::scene::amd64());
        scene.registry.put_image("demo/app", "arm64", &mfst_testkit::scene::arm64());
        scene.create("demo/app:v1", &["demo/app:amd64", "demo/app:arm64"]);
        scene.run_ok("push @demo/app:v1");
        // A list of images of two repositories, in one of them: its scope is requested alone if the scopes together get
        // too little.
        scene.create("demo/app:v2", &["demo/app:amd64", "t/app:arm64"]);
        scene.run("push @demo/app:v2");
        let alone = tokens.requests().iter().any(|request| request.scopes == ["repository:demo/app:pull,push"]);
        assert!(alone, "first: {first}, {:?}", scopes(&tokens.requests()));
        assert!(tokens.requests().len() < 10, "{:?}", scopes(&tokens.requests()));
    }
}

#[test]
fn sources_in_several_repositories_work_if_the_server_grants_only_one_scope() {
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
fn many_repositories_need_few_tokens() {
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
fn a_forbidden_repository_does_not_affect_the_others() {
    let tokens = TokenServer::plain(acl()).but(|server| server.strict = true).start();
    let scene = with_tokens(&tokens);
    scene.registry.put_image("secret/app", "1", &mfst_testkit::scene::amd64());
    let output = scene.run_err_unchanged("create @demo/app:v1 @t/app:amd64 @secret/app:1");
    assert_contains(&output, &["secret/app", "403"]);
    scene.run_ok("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
}

#[test]
fn a_stale_login_does_not_block_public_images() {
    for strict in [false, true] {
        let tokens = TokenServer::plain(acl()).but(|server| server.strict = strict).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
        scene.registry.put_image("public/app", "2", &mfst_testkit::scene::arm64());
        scene.home.log_in(&scene.domain, "alice", "wrong-password");
        let result = scene.run("create @public/list:v1 @public/app:1 @public/app:2");
        assert_no_secrets(&result);
        assert_eq!(result.stderr.matches("warning:").count(), 1, "{}", result.stderr);
        assert_contains(&result.stderr, &[&scene.domain]);
        result.success();
        let schemes: Vec<_> = tokens.log().entries().iter().map(|entry| entry.scheme().is_some()).collect();
        assert_eq!(schemes, [true, false], "with the login, then once without");
        // For a private image the error is that the login is refused.
        let output = scene.run_err_unchanged("inspect @t/app:amd64");
        assert_contains(&output, &["401", "incorrect username or password"]);
    }
}

#[test]
fn a_stale_login_is_never_dropped_for_a_push() {
    let tokens = TokenServer::plain(acl().anonymous(&[("*", "pull,push")])).start();
    let scene = with_tokens(&tokens);
    make_list(&scene);
    scene.home.log_in(&scene.domain, "alice", "wrong-password");
    tokens.log().clear();
    let output = scene.run_err_unchanged("push @demo/app:v1");
    assert_contains(&output, &["401", "incorrect username or password"]);
    let logged_in = |entry: &Entry| entry.scheme().is_some();
    assert!(tokens.log().entries().iter().filter(|entry| entry.uri.contains("push")).all(logged_in));
    assert_eq!(scene.registry.log().count("PUT *"), 0);
}

#[test]
fn a_push_with_a_read_only_login_says_so() {
    for strict in [false, true] {
        let tokens = TokenServer::plain(acl()).but(|server| server.strict = strict).start();
        let scene = with_tokens(&tokens);
        log_in(&scene, "bob");
        make_list(&scene);
        let result = scene.run("push @demo/app:v1");
        assert_no_secrets(&result);
        let output = result.failure(1);
        assert_contains(&output, &[if strict { "403" } else { "401" }, "hint:", &scene.domain]);
        assert!(tokens.requests().len() <= 12, "{:?}", scopes(&tokens.requests()));
    }
}

#[test]
fn a_password_is_not_sent_over_a_downgraded_connection() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).start();
    let challenge = r#"Bearer realm="http://tokens.test/token",service="x""#;
    let (mut scene, proxy) =
        Scene::via_proxy(Embedded::plain().tls(&identity).bearer_challenges(&tokens, &[challenge]), |proxy| {
            proxy.route("tokens.test:80", tokens.address())
        });
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    log_in(&scene, "alice");
    let result = scene.run("inspect @t/app:amd64");
    assert_no_secrets(&result);
    assert_contains(&result.failure(1), &["http://tokens.test/token"]);
    assert_eq!(proxy.log(), ["CONNECT registry.test:443"]);
    tokens.log().assert_requests(&[]);
}

#[test]
fn a_loopback_realm_is_used_only_for_loopback_registries() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).tls(&identity).start();
    let (mut scene, _proxy) = Scene::via_proxy(Embedded::plain().tls(&identity).bearer(&tokens), |proxy| proxy);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    log_in(&scene, "alice");
    assert_contains(&scene.run_err_unchanged("inspect @t/app:amd64"), &["/token"]);
    tokens.log().assert_requests(&[]);
}

#[test]
fn a_realm_on_another_host_gets_the_login_over_tls() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).tls(&identity).start();
    let challenge = r#"Bearer realm="https://tokens.test/token?tenant=a%2Fb",service="{service}""#;
    let (mut scene, proxy) =
        Scene::via_proxy(Embedded::plain().tls(&identity).bearer_challenges(&tokens, &[challenge]), |proxy| {
            proxy.route("tokens.test:443", tokens.address())
        });
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    log_in(&scene, "alice");
    scene.run_ok("inspect @t/app:amd64");
    assert_eq!(proxy.log(), ["CONNECT registry.test:443", "CONNECT tokens.test:443"]);
    tokens.log().assert_requests(&["GET /token?tenant=a%2Fb&*service=registry.test* 200"]);
}

#[test]
fn a_realm_that_is_not_a_url_is_an_error() {
    for realm in ["file:///etc/passwd", "", "gopher://x/", "https://"] {
        let tokens = TokenServer::plain(acl()).start();
        let challenge = format!(r#"Bearer realm="{realm}",service="x""#);
        let scene = Scene::with(Embedded::plain().bearer_challenges(&tokens, &[&challenge]));
        log_in(&scene, "alice");
        let result = scene.run("inspect @t/app:amd64");
        assert_no_secrets(&result);
        let output = result.failure(1);
        assert!(!output.contains("no such manifest"), "{realm}: {output}");
    }
}

#[test]
fn a_redirect_of_the_token_server_is_not_followed_with_the_password() {
    let elsewhere = mfst_testkit::object_storage::ObjectStorage::start();
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    let target = elsewhere.put("token", b"{\"token\":\"opaque-test-token-1\"}");
    tokens.fault(Fault::on("GET", "/token").always().answer(307, "").header("location", &target));
    assert_no_secrets(&scene.run("inspect @t/app:amd64"));
    assert!(elsewhere.log().entries().iter().all(|entry| entry.scheme().is_none()));
}

#[test]
fn token_requests_are_retried() {
    for status in [429, 500, 503] {
        let tokens = TokenServer::plain(acl()).start();
        let scene = with_tokens(&tokens);
        tokens.fault(Fault::on("GET", "/token").answer(status, "busy").header("retry-after", "0"));
        scene.run_ok("inspect @t/app:amd64");
        let busy = format!("GET /token?* {status}");
        tokens.log().assert_requests(&[&busy, "GET /token?* 200"]);
    }
}

#[test]
fn an_endless_token_response_is_an_error() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = with_tokens(&tokens);
    tokens.fault(Fault::on("GET", "/token").always().answer(200, "x".repeat(3 << 20)));
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert!(output.len() < 4096, "{} bytes", output.len());
}

#[test]
fn no_secret_is_printed_with_debug() {
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice").start();
    let scene = with_tokens(&tokens);
    for line in ["-D create @demo/app:v1 @t/app:amd64", "-D push --purge @demo/app:v1", "-D inspect @demo/app:v1"] {
        let result = scene.run(line);
        assert_no_secrets(&result);
        assert_contains(&result.stderr, &["GET", "/token", "200", " ms)"]);
        result.success();
    }
    let refused = TokenServer::plain(acl()).but(|server| server.no_post = Some(StatusCode::UNAUTHORIZED)).start();
    let scene = Scene::with(Embedded::plain().bearer(&refused));
    let config = format!(r#"{{"auths":{{"{}":{{"identitytoken":"identity-secret"}}}}}}"#, scene.domain);
    scene.home.write_config(&config);
    assert_no_secrets(&scene.run("-D inspect @t/app:amd64"));
}
