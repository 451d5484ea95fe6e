//! Credential helpers.

use serde_json::json;

use crate::registry::common::{PASSWORD, acl, leaks_nothing, listed, log_in, tells};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::helper;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

/// A registry with a login, and a helper that behaves like this.
fn with_helper(body: &str) -> Scene {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    helper::install(&mut scene.home, "x", body);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    scene
}

#[test]
fn a_helper_is_asked_once_for_a_registry_and_only_for_a_login() {
    let scene = with_helper(&helper::answering("alice", PASSWORD));
    listed(&scene);
    let get = format!("get {}", scene.domain);
    assert_eq!(helper::calls(&scene.home, "x"), [get.as_str()]);
    scene.ok("push @demo/app:v1");
    assert_eq!(helper::calls(&scene.home, "x"), [get.as_str(); 2]);
}

#[test]
fn a_helper_is_asked_once_though_source_and_target_are_different_repositories() {
    let tokens = TokenServer::plain(acl()).start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    helper::install(&mut scene.home, "x", &helper::answering("alice", PASSWORD));
    scene.home.write_config(&json!({"credHelpers": {&scene.domain: "x"}}).to_string());
    listed(&scene);
    scene.ok("push @demo/app:v1");
    assert_eq!(helper::calls(&scene.home, "x").len(), 2, "once a run");
}

#[test]
fn a_helper_is_asked_only_for_registries_that_are_spoken_to() {
    let scene = with_helper(&helper::answering("alice", PASSWORD));
    scene.ok("create elsewhere.test/app:v1 @t/app:amd64");
    scene.ok("annotate --os linux elsewhere.test/app:v1 @t/app:amd64");
    scene.ok("rm elsewhere.test/app:v1");
    assert_eq!(helper::calls(&scene.home, "x"), [format!("get {}", scene.domain)]);
}

#[test]
fn d13_a_helper_that_fails_is_warned_of_and_repeated_when_the_registry_refuses() {
    let missing = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    missing.home.write_config(r#"{"credsStore":"x"}"#);
    for scene in [with_helper(helper::FAILING), with_helper(helper::BABBLING), missing] {
        let ran = scene.run("inspect @t/app:amd64");
        leaks_nothing(&ran);
        let said = ran.fails(1);
        tells(&said, &["warning:", "401", "/v2/t/app/manifests/amd64"]);
        let warning = said.lines().position(|line| line.starts_with("warning:")).expect("a warning");
        assert!(said.lines().nth(warning).is_some_and(|line| line.contains("docker-credential-x")), "{said}");
        let rest: Vec<&str> = said.lines().enumerate().filter(|(at, _)| *at != warning).map(|(_, line)| line).collect();
        assert!(rest.iter().any(|line| line.contains("docker-credential-x")), "not repeated: {said}");
    }
}

#[test]
fn d13_a_helper_that_fails_is_no_obstacle_to_public_images() {
    let tokens = TokenServer::plain(acl()).start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
    helper::install(&mut scene.home, "x", helper::FAILING);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let ran = scene.run("create @public/list:v1 @public/app:1");
    assert_eq!(ran.stderr.matches("warning:").count(), 1, "{}", ran.stderr);
    ran.ok();
    assert_eq!(helper::calls(&scene.home, "x").len(), 1, "a failure is remembered too");
}

#[test]
fn d13_with_strict_the_warning_of_a_helper_is_an_error() {
    let tokens = TokenServer::plain(acl().anonymous(&[("public/*", "pull,push")])).start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
    scene.ok("create @public/list:v1 @public/app:1");
    helper::install(&mut scene.home, "x", helper::FAILING);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    for line in ["create --strict @public/list:v2 @public/app:1", "push --strict @public/list:v1"] {
        let said = scene.refused(line);
        tells(&said, &["warning:", "docker-credential-x", "--strict"]);
    }
    assert_eq!(scene.registry.log().count("PUT *"), 0);
}

#[test]
fn a_helper_without_a_login_leaves_none_and_one_that_fails_leaves_that_of_the_file() {
    let config = |scene: &Scene| {
        let auth = json!({"username": "alice", "password": PASSWORD});
        scene.home.write_config(&json!({"credsStore": "x", "auths": {&scene.domain: auth}}).to_string());
    };
    let scene = with_helper(helper::NOT_FOUND);
    config(&scene);
    let said = scene.refused("inspect @t/app:amd64");
    assert!(!said.contains("warning:"), "{said}");
    for broken in [helper::FAILING, helper::BABBLING] {
        let scene = with_helper(broken);
        config(&scene);
        let ran = scene.run("inspect @t/app:amd64");
        tells(&ran.stderr, &["warning:", "docker-credential-x"]);
        ran.ok();
    }
}

#[test]
fn a_helper_named_for_a_registry_outranks_the_one_for_all_and_none_is_a_name_too() {
    let mut scene = with_helper(helper::FAILING);
    helper::install(&mut scene.home, "own", &helper::answering("alice", PASSWORD));
    scene.home.write_config(&json!({"credsStore": "x", "credHelpers": {&scene.domain: "own"}}).to_string());
    scene.ok("inspect @t/app:amd64");
    let auth = json!({"username": "alice", "password": PASSWORD});
    let config = json!({"credsStore": "x", "credHelpers": {&scene.domain: ""}, "auths": {&scene.domain: auth}});
    scene.home.write_config(&config.to_string());
    scene.ok("inspect @t/app:amd64");
    assert!(helper::calls(&scene.home, "x").is_empty());
}

#[test]
fn the_user_token_marks_an_identity_token() {
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice").start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    helper::install(&mut scene.home, "x", &helper::answering("<token>", "identity-secret"));
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let ran = scene.run("--debug inspect @t/app:amd64");
    leaks_nothing(&ran);
    ran.ok();
    tokens.log().assert_requests(&["POST /token 200"]);
}

#[test]
fn an_answer_may_spell_its_fields_as_it_likes_and_say_things_on_stderr() {
    let body = format!(r#"echo unlocking >&2; printf '{{"username":"alice","SECRET":"%s"}}\n' '{PASSWORD}'"#);
    let scene = with_helper(&body);
    let ran = scene.run("inspect @t/app:amd64");
    tells(&ran.stderr, &["unlocking"]);
    ran.ok();
}

#[test]
fn a_helper_that_does_not_read_its_input_is_as_good() {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let answer = format!("exec <&-\nhost=h\n{}", helper::answering("alice", PASSWORD));
    helper::install(&mut scene.home, "x", &answer);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn the_secret_of_a_helper_that_fails_afterwards_is_not_told() {
    let scene = with_helper(&format!("{}; exit 1", helper::answering("alice", PASSWORD)));
    let ran = scene.run("--debug inspect @t/app:amd64");
    leaks_nothing(&ran);
    ran.fails(1);
}

#[test]
fn a_helper_that_never_answers_is_given_up() {
    let scene = with_helper(helper::SLOW);
    tells(&scene.refused("inspect --timeout 1s @t/app:amd64"), &["warning:", "docker-credential-x", "1s"]);
}

#[test]
fn dockers_default_helper_is_used_where_nothing_is_configured() {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let name = if cfg!(target_os = "macos") { "osxkeychain" } else { "pass" };
    helper::install(&mut scene.home, name, &helper::answering("alice", PASSWORD));
    if !cfg!(target_os = "macos") {
        // The helper counts only where the program it stands for is there too.
        std::fs::copy(scene.home.home().join("bin/docker-credential-pass"), scene.home.home().join("bin/pass"))
            .expect("a program");
    }
    scene.ok("inspect @t/app:amd64");
    // With a login in the file it is not.
    log_in(&scene, "alice");
    scene.ok("inspect @t/app:amd64");
    assert_eq!(helper::calls(&scene.home, name).len(), 1);
}
