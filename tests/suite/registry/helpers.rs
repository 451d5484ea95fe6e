//! Credential helpers.

use serde_json::json;

use crate::registry::setup::{PASSWORD, acl, assert_contains, assert_no_secrets, log_in, make_list};
use mfst_testkit::credential_helper;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

/// A registry that requires a login, and a helper with this script.
fn with_helper(body: &str) -> Scene {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    credential_helper::install(&mut scene.home, "x", body);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    scene
}

#[test]
fn a_helper_is_run_once_per_registry_and_only_for_a_login() {
    let scene = with_helper(&credential_helper::answering("alice", PASSWORD));
    make_list(&scene);
    let get = format!("get {}", scene.domain);
    assert_eq!(credential_helper::calls(&scene.home, "x"), [get.as_str()]);
    scene.run_ok("push @demo/app:v1");
    assert_eq!(credential_helper::calls(&scene.home, "x"), [get.as_str(); 2]);
}

#[test]
fn a_helper_is_run_once_for_several_repositories() {
    let tokens = TokenServer::plain(acl()).start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    credential_helper::install(&mut scene.home, "x", &credential_helper::answering("alice", PASSWORD));
    scene.home.write_config(&json!({"credHelpers": {&scene.domain: "x"}}).to_string());
    make_list(&scene);
    scene.run_ok("push @demo/app:v1");
    assert_eq!(credential_helper::calls(&scene.home, "x").len(), 2, "once a run");
}

#[test]
fn a_helper_is_run_only_for_registries_that_are_used() {
    let scene = with_helper(&credential_helper::answering("alice", PASSWORD));
    scene.run_ok("create elsewhere.test/app:v1 @t/app:amd64");
    scene.run_ok("annotate --os linux elsewhere.test/app:v1 @t/app:amd64");
    scene.run_ok("rm elsewhere.test/app:v1");
    assert_eq!(credential_helper::calls(&scene.home, "x"), [format!("get {}", scene.domain)]);
}

#[test]
fn d13_a_failing_helper_is_a_warning_and_part_of_a_later_error() {
    let missing = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    missing.home.write_config(r#"{"credsStore":"x"}"#);
    for scene in [with_helper(credential_helper::FAILING), with_helper(credential_helper::INVALID_JSON), missing] {
        let result = scene.run("inspect @t/app:amd64");
        assert_no_secrets(&result);
        let output = result.failure(1);
        assert_contains(&output, &["warning:", "401", "/v2/t/app/manifests/amd64"]);
        let warning = output.lines().position(|line| line.starts_with("warning:")).expect("a warning");
        assert!(output.lines().nth(warning).is_some_and(|line| line.contains("docker-credential-x")), "{output}");
        let rest: Vec<&str> =
            output.lines().enumerate().filter(|(at, _)| *at != warning).map(|(_, line)| line).collect();
        assert!(rest.iter().any(|line| line.contains("docker-credential-x")), "not repeated: {output}");
    }
}

#[test]
fn d13_public_images_work_with_a_failing_helper() {
    let tokens = TokenServer::plain(acl()).start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
    credential_helper::install(&mut scene.home, "x", credential_helper::FAILING);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let result = scene.run("create @public/list:v1 @public/app:1");
    assert_eq!(result.stderr.matches("warning:").count(), 1, "{}", result.stderr);
    result.success();
    assert_eq!(credential_helper::calls(&scene.home, "x").len(), 1, "a failure is remembered too");
}

#[test]
fn d13_with_strict_the_warning_of_a_helper_is_an_error() {
    let tokens = TokenServer::plain(acl().anonymous(&[("public/*", "pull,push")])).start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    scene.registry.put_image("public/app", "1", &mfst_testkit::scene::amd64());
    scene.run_ok("create @public/list:v1 @public/app:1");
    credential_helper::install(&mut scene.home, "x", credential_helper::FAILING);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    for line in ["create --strict @public/list:v2 @public/app:1", "push --strict @public/list:v1"] {
        let output = scene.run_err_unchanged(line);
        assert_contains(&output, &["warning:", "docker-credential-x", "--strict"]);
    }
    assert_eq!(scene.registry.log().count("PUT *"), 0);
}

#[test]
fn a_helper_without_a_login_overrides_the_file_and_a_failing_one_does_not() {
    let config = |scene: &Scene| {
        let auth = json!({"username": "alice", "password": PASSWORD});
        scene.home.write_config(&json!({"credsStore": "x", "auths": {&scene.domain: auth}}).to_string());
    };
    let scene = with_helper(credential_helper::NOT_FOUND);
    config(&scene);
    let output = scene.run_err_unchanged("inspect @t/app:amd64");
    assert!(!output.contains("warning:"), "{output}");
    for broken in [credential_helper::FAILING, credential_helper::INVALID_JSON] {
        let scene = with_helper(broken);
        config(&scene);
        let result = scene.run("inspect @t/app:amd64");
        assert_contains(&result.stderr, &["warning:", "docker-credential-x"]);
        result.success();
    }
}

#[test]
fn cred_helpers_override_creds_store() {
    let mut scene = with_helper(credential_helper::FAILING);
    credential_helper::install(&mut scene.home, "own", &credential_helper::answering("alice", PASSWORD));
    scene.home.write_config(&json!({"credsStore": "x", "credHelpers": {&scene.domain: "own"}}).to_string());
    scene.run_ok("inspect @t/app:amd64");
    let auth = json!({"username": "alice", "password": PASSWORD});
    let config = json!({"credsStore": "x", "credHelpers": {&scene.domain: ""}, "auths": {&scene.domain: auth}});
    scene.home.write_config(&config.to_string());
    scene.run_ok("inspect @t/app:amd64");
    assert!(credential_helper::calls(&scene.home, "x").is_empty());
}

#[test]
fn the_user_token_marks_an_identity_token() {
    let tokens = TokenServer::plain(acl()).identity("identity-secret", "alice").start();
    let mut scene = Scene::with(Embedded::plain().bearer(&tokens));
    credential_helper::install(&mut scene.home, "x", &credential_helper::answering("<token>", "identity-secret"));
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    let result = scene.run("--debug inspect @t/app:amd64");
    assert_no_secrets(&result);
    result.success();
    tokens.log().assert_requests(&["POST /token 200"]);
}

#[test]
fn field_names_ignore_case_and_stderr_is_ignored() {
    let body = format!(r#"echo unlocking >&2; printf '{{"username":"alice","SECRET":"%s"}}\n' '{PASSWORD}'"#);
    let scene = with_helper(&body);
    let result = scene.run("inspect @t/app:amd64");
    assert_contains(&result.stderr, &["unlocking"]);
    result.success();
}

#[test]
fn a_helper_need_not_read_its_input() {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let answer = format!("exec <&-\nhost=h\n{}", credential_helper::answering("alice", PASSWORD));
    credential_helper::install(&mut scene.home, "x", &answer);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    scene.run_ok("inspect @t/app:amd64");
}

#[test]
fn the_output_of_a_failing_helper_is_not_printed() {
    let scene = with_helper(&format!("{}; exit 1", credential_helper::answering("alice", PASSWORD)));
    let result = scene.run("--debug inspect @t/app:amd64");
    assert_no_secrets(&result);
    result.failure(1);
}

#[test]
fn a_hanging_helper_times_out() {
    let scene = with_helper(credential_helper::HANGING);
    assert_contains(
        &scene.run_err_unchanged("inspect --timeout 1s @t/app:amd64"),
        &["warning:", "docker-credential-x", "1s"],
    );
}

#[test]
fn the_default_helper_is_used_without_a_configuration() {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let name = if cfg!(target_os = "macos") { "osxkeychain" } else { "pass" };
    credential_helper::install(&mut scene.home, name, &credential_helper::answering("alice", PASSWORD));
    if !cfg!(target_os = "macos") {
        // The default helper is used only if its program exists as well.
        std::fs::copy(scene.home.home().join("bin/docker-credential-pass"), scene.home.home().join("bin/pass"))
            .expect("a program");
    }
    scene.run_ok("inspect @t/app:amd64");
    // With a login in the file it is not used.
    log_in(&scene, "alice");
    scene.run_ok("inspect @t/app:amd64");
    assert_eq!(credential_helper::calls(&scene.home, name).len(), 1);
}
