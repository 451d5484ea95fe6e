//! Logins from `config.json`.

use std::collections::BTreeSet;

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;
use mfst_testkit::secrets::PASSWORD;
use mfst_testkit::token_server::{TokenRequest, TokenServer};

/// Runs create, annotate, a push to another repository, and inspect.
#[track_caller]
fn run_all_commands(scene: &Scene) {
    scene.run_ok("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
    scene.run_ok("annotate --variant v8 @demo/app:v1 @t/app:arm64");
    scene.run_ok("push --purge @demo/app:v1");
    let list = scene.inspect("@demo/app:v1");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}

fn assert_no_secrets(result: &CommandOutput) {
    let output = format!("{}{}", result.stdout, result.stderr);
    for secret in [PASSWORD, "wrong-password", "opaque-test-token", "Basic ", "Bearer op"] {
        assert!(!output.contains(secret), "{output}");
    }
}

#[test]
fn basic_login_works_for_every_command() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    run_all_commands(&scene);
    let refused = scene.registry.log().count("* 401");
    assert!(refused <= 3, "one for each command: {:?}", scene.registry.log().lines());
}

#[test]
fn a_missing_or_wrong_login_is_not_reported_as_not_found() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    for wrong in [false, true] {
        if wrong {
            scene.home.log_in(&scene.registry.host(), "alice", "wrong-password");
        }
        for debug in ["", "--debug "] {
            let result = scene.run(&format!("{debug}create @t/app:v1 @t/app:amd64"));
            assert_no_secrets(&result);
            let output = result.failure(1);
            for part in ["401", "/v2/t/app/manifests/amd64", "GET"] {
                assert!(output.contains(part), "{output}");
            }
            assert!(!output.contains("no such manifest"), "{output}");
        }
    }
    assert!(scene.home.lists().is_empty());
}

#[test]
fn a_login_for_another_registry_is_not_used() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.log_in("registry.example:5000", "alice", PASSWORD);
    scene.run("inspect @t/app:amd64").failure(1);
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.scheme().is_none()));
}

#[test]
fn a_login_is_found_under_all_keys_that_docker_accepts() {
    for form in ["http://H", "https://H/v1/", "https://H/v2/", "H/v2"] {
        let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
        let key = form.replace('H', &scene.registry.host());
        scene.home.log_in(&key, "alice", PASSWORD);
        scene.run_ok("inspect @t/app:amd64");
    }
}

#[test]
fn a_registry_without_a_challenge_gets_no_login() {
    let scene = Scene::new();
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    scene.run_ok("inspect @t/app:amd64");
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.scheme().is_none()));
}

fn acl() -> Acl {
    Acl::default()
        .user("alice", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")])
        .user("bob", PASSWORD, &[("demo/*", "pull,push")])
        .anonymous(&[("public/*", "pull")])
}

fn scopes(requests: &[TokenRequest]) -> BTreeSet<&str> {
    requests.iter().flat_map(|r| &r.scopes).map(String::as_str).collect()
}

#[test]
fn bearer_login_works_for_every_command_with_minimal_scopes() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    scene.run_ok("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
    let asked = tokens.requests();
    assert_eq!(scopes(&asked), BTreeSet::from(["repository:t/app:pull"]));
    scene.run_ok("push @demo/app:v1");
    let pushed = tokens.requests();
    let pushed = &pushed[asked.len()..];
    let expected = ["repository:demo/app:pull,push", "repository:t/app:pull"];
    assert_eq!(scopes(pushed), BTreeSet::from(expected));
    for request in tokens.requests() {
        assert_eq!(request.account.as_deref(), Some("alice"));
        assert_eq!(request.service.as_deref(), Some(TokenServer::SERVICE));
    }
    scene.run_ok("rm @demo/app:v1");
    assert_eq!(scene.inspect("@demo/app:v1")["manifests"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_password_goes_to_the_token_server_and_the_token_to_the_registry() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    run_all_commands(&scene);
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|e| e.scheme().is_none_or(|scheme| scheme == "bearer")));
    let entries = tokens.log().entries();
    assert!(entries.iter().all(|e| e.scheme().is_some_and(|scheme| scheme == "basic")));
    // A token server may answer 406 if the `Accept` header lists manifest types.
    assert!(entries.iter().all(|e| !e.header("accept").unwrap_or("").contains("manifest")));
}

#[test]
fn public_images_are_read_without_a_login() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
    scene.run_ok("create @public/app:v1 @public/app:1");
    assert!(tokens.log().entries().iter().all(|entry| entry.scheme().is_none()));
}

#[test]
fn insufficient_scope_is_an_error_without_secrets() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    for (user, password) in [("bob", PASSWORD), ("alice", "wrong-password")] {
        scene.home.log_in(&scene.registry.host(), user, password);
        for debug in ["", "-D "] {
            let result = scene.run(&format!("{debug}inspect @t/app:amd64"));
            assert_no_secrets(&result);
            let output = result.failure(1);
            assert!(output.contains("401") && !output.contains("no such manifest"), "{output}");
        }
    }
    let mut account = Vec::new();
    for request in tokens.requests() {
        account.push(request.account);
    }
    assert!(account.contains(&Some("bob".to_owned())) && account.contains(&None));
}
