//! Logins from `config.json`.

use std::collections::BTreeSet;

use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;
use mfst_testkit::secrets::PASSWORD;
use mfst_testkit::token::{TokenRequest, TokenServer};

/// Create, annotate, push to another repository and inspect what was pushed.
#[track_caller]
fn round_trip(scene: &Scene) {
    scene.ok("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
    scene.ok("annotate --variant v8 @demo/app:v1 @t/app:arm64");
    scene.ok("push --purge @demo/app:v1");
    let list = scene.inspect("@demo/app:v1");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}

fn leaks_nothing(ran: &Ran) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for secret in [PASSWORD, "wrong-password", "opaque-test-token", "Basic ", "Bearer op"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn basic_login_works_for_every_command() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    round_trip(&scene);
    let refused = scene.registry.log().count("* 401");
    assert!(refused <= 3, "one for each command: {:?}", scene.registry.log().lines());
}

#[test]
fn no_login_and_a_wrong_one_are_told_and_not_called_not_found() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    for wrong in [false, true] {
        if wrong {
            scene.home.log_in(&scene.registry.host(), "alice", "wrong-password");
        }
        for debug in ["", "--debug "] {
            let ran = scene.run(&format!("{debug}create @t/app:v1 @t/app:amd64"));
            leaks_nothing(&ran);
            let said = ran.fails(1);
            for part in ["401", "/v2/t/app/manifests/amd64", "GET"] {
                assert!(said.contains(part), "{said}");
            }
            assert!(!said.contains("no such manifest"), "{said}");
        }
    }
    assert!(scene.home.tree().is_empty());
}

#[test]
fn a_login_for_another_registry_is_not_used() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    scene.home.log_in("registry.example:5000", "alice", PASSWORD);
    scene.run("inspect @t/app:amd64").fails(1);
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.scheme().is_none()));
}

#[test]
fn a_login_is_found_under_the_forms_docker_takes() {
    for form in ["http://H", "https://H/v1/", "https://H/v2/", "H/v2"] {
        let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
        let key = form.replace('H', &scene.registry.host());
        scene.home.log_in(&key, "alice", PASSWORD);
        scene.ok("inspect @t/app:amd64");
    }
}

#[test]
fn a_registry_that_asks_for_no_login_gets_none() {
    let scene = Scene::new();
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    scene.ok("inspect @t/app:amd64");
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
fn bearer_login_works_for_every_command_and_asks_for_no_more_than_it_needs() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    scene.ok("create @demo/app:v1 @t/app:amd64 @t/app:arm64");
    let asked = tokens.requests();
    assert_eq!(scopes(&asked), BTreeSet::from(["repository:t/app:pull"]));
    scene.ok("push @demo/app:v1");
    let pushed = tokens.requests();
    let pushed = &pushed[asked.len()..];
    let expected = ["repository:demo/app:pull,push", "repository:t/app:pull"];
    assert_eq!(scopes(pushed), BTreeSet::from(expected));
    for request in tokens.requests() {
        assert_eq!(request.account.as_deref(), Some("alice"));
        assert_eq!(request.service.as_deref(), Some(TokenServer::SERVICE));
    }
    scene.ok("rm @demo/app:v1");
    assert_eq!(scene.inspect("@demo/app:v1")["manifests"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_password_goes_to_the_token_server_and_the_token_to_the_registry() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    round_trip(&scene);
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|e| e.scheme().is_none_or(|scheme| scheme == "bearer")));
    let entries = tokens.log().entries();
    assert!(entries.iter().all(|e| e.scheme().is_some_and(|scheme| scheme == "basic")));
    // A token server may answer 406 to what only a registry understands.
    assert!(entries.iter().all(|e| !e.header("accept").unwrap_or("").contains("manifest")));
}

#[test]
fn public_images_are_read_without_a_login() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
    scene.ok("create @public/app:v1 @public/app:1");
    assert!(tokens.log().entries().iter().all(|entry| entry.scheme().is_none()));
}

#[test]
fn what_a_token_does_not_allow_is_told_without_a_secret() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    for (user, password) in [("bob", PASSWORD), ("alice", "wrong-password")] {
        scene.home.log_in(&scene.registry.host(), user, password);
        for debug in ["", "-D "] {
            let ran = scene.run(&format!("{debug}inspect @t/app:amd64"));
            leaks_nothing(&ran);
            let said = ran.fails(1);
            assert!(said.contains("401") && !said.contains("no such manifest"), "{said}");
        }
    }
    let mut account = Vec::new();
    for request in tokens.requests() {
        account.push(request.account);
    }
    assert!(account.contains(&Some("bob".to_owned())) && account.contains(&None));
}
