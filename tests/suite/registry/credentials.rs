//! The sources of credentials and their order.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::registry::setup::{PASSWORD, acl, assert_contains, assert_no_secrets, make_list};
use mfst_testkit::credential_helper;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::issuer::TokenRequest;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;
use mfst_testkit::wire::{self, Target};

/// The sources in their order.
const PLACES: [&str; 7] =
    ["DOCKER_AUTH_CONFIG", "credHelpers", "credsStore", "auths", "XDG_RUNTIME_DIR", "~/.config", "REGISTRY_AUTH_FILE"];

fn auth(user: &str) -> Value {
    json!({"auth": BASE64.encode(format!("{user}:{PASSWORD}"))})
}

fn auths(key: &str, user: &str) -> Value {
    json!({"auths": {key: auth(user)}})
}

/// Writes logins to these sources; the user name is the name of the source.
fn furnish(scene: &mut Scene, places: &[&str]) {
    let key = scene.domain.clone();
    let home = scene.home.home().to_owned();
    let mut config = json!({});
    for place in places {
        let login = auths(&key, place);
        let write = |path: std::path::PathBuf| {
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, login.to_string()).expect("a file of logins");
        };
        match *place {
            "DOCKER_AUTH_CONFIG" => drop(scene.home.env(place, login.to_string())),
            "credHelpers" => {
                config[place] = json!({&key: "one"});
                credential_helper::install(&mut scene.home, "one", &credential_helper::answering(place, PASSWORD));
            }
            "credsStore" => {
                config[place] = json!("all");
                credential_helper::install(&mut scene.home, "all", &credential_helper::answering(place, PASSWORD));
            }
            "auths" => config[place] = login[place].clone(),
            "REGISTRY_AUTH_FILE" => {
                write(home.join("logins.json"));
                scene.home.env(place, home.join("logins.json"));
            }
            "XDG_RUNTIME_DIR" => {
                write(home.join("run/containers/auth.json"));
                scene.home.env(place, home.join("run"));
            }
            _ => write(home.join(".config/containers/auth.json")),
        }
    }
    scene.home.write_config(&config.to_string());
}

/// The user that logs in.
fn user(scene: &Scene) -> Option<String> {
    scene.registry.log().clear();
    scene.run("inspect @t/app:amd64");
    let entries = scene.registry.log().entries();
    let users = entries.iter().filter_map(|entry| mfst_testkit::token_server::basic(&entry.headers));
    users.map(|(user, _)| user).next_back()
}

fn closed() -> Scene {
    Scene::with(Embedded::plain().basic("nobody", "nothing"))
}

#[test]
fn sources_of_credentials_have_an_order() {
    for first in 0..PLACES.len() {
        // REGISTRY_AUTH_FILE replaces all files of podman and skopeo.
        let others: Vec<_> =
            PLACES[first..].iter().copied().filter(|place| first == 6 || *place != PLACES[6]).collect();
        let mut scene = closed();
        furnish(&mut scene, &others);
        assert_eq!(user(&scene).as_deref(), Some(PLACES[first]), "{others:?}");
    }
}

#[test]
fn registry_auth_file_replaces_the_files_of_podman_but_not_dockers() {
    let mut scene = closed();
    furnish(&mut scene, &["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "~/.config"]);
    assert_eq!(user(&scene).as_deref(), Some("REGISTRY_AUTH_FILE"));
    furnish(&mut scene, &["REGISTRY_AUTH_FILE", "auths"]);
    assert_eq!(user(&scene).as_deref(), Some("auths"));
}

#[test]
fn debug_prints_the_source_of_a_login_but_not_the_login() {
    for (place, told) in [
        ("DOCKER_AUTH_CONFIG", "DOCKER_AUTH_CONFIG"),
        ("credHelpers", "docker-credential-one"),
        ("credsStore", "docker-credential-all"),
        ("auths", "config.json"),
        ("REGISTRY_AUTH_FILE", "logins.json"),
        ("XDG_RUNTIME_DIR", "run/containers/auth.json"),
        ("~/.config", ".config/containers/auth.json"),
    ] {
        let mut scene = closed();
        furnish(&mut scene, &[place]);
        let result = scene.run("--debug inspect @t/app:amd64");
        assert_no_secrets(&result);
        assert_contains(&result.stderr, &[told]);
    }
}

#[test]
fn a_user_without_a_password_is_not_a_login() {
    for login in [json!({"username": "alice"}), json!({"password": "x"}), json!({"email": "a@b.c"}), json!({})] {
        let scene = closed();
        scene.home.write_config(&json!({"auths": {&scene.domain: login}}).to_string());
        assert_eq!(user(&scene), None);
    }
}

#[test]
fn user_and_password_may_have_fields_of_their_own() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    let login = json!({"username": "alice", "password": PASSWORD});
    scene.home.write_config(&json!({"auths": {&scene.domain: login}}).to_string());
    scene.run_ok("inspect @t/app:amd64");
}

#[test]
fn an_invalid_docker_auth_config_has_dockers_message_and_is_ignored() {
    for (value, words) in [
        (r#"{"auths":{"h":{"auth":"YTpi","email":"a@b.c"}}}"#, r#"json: unknown field "email""#),
        ("no JSON", "Failed to create credential store from DOCKER_AUTH_CONFIG"),
    ] {
        let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
        crate::registry::setup::log_in(&scene, "alice");
        scene.home.env("DOCKER_AUTH_CONFIG", value);
        let result = scene.run("inspect @t/app:amd64");
        assert_contains(&result.stderr, &["Failed to create credential store from DOCKER_AUTH_CONFIG", words]);
        result.success();
    }
}

#[test]
fn docker_auth_config_matches_exact_names_only() {
    let mut scene = closed();
    let key = format!("https://{}/v1/", scene.domain);
    scene.home.env("DOCKER_AUTH_CONFIG", auths(&key, "environment").to_string());
    assert_eq!(user(&scene), None);
}

#[test]
fn the_exact_key_of_a_registry_wins_in_any_order() {
    for turn in 0..4 {
        let scene = closed();
        let host = &scene.domain;
        let mut keys = [format!("{host}/t/app"), format!("{host}/t"), format!("https://{host}/v2/"), host.clone()];
        keys.rotate_left(turn);
        let entries = keys.iter().map(|key| (key.clone(), auth(&key.replace(host.as_str(), "H").replace(':', ""))));
        let entries: serde_json::Map<_, _> = entries.collect();
        scene.home.write_config(&json!({"auths": entries}).to_string());
        assert_eq!(user(&scene).as_deref(), Some("H"));
    }
}

#[test]
fn the_longest_path_wins_in_the_files_of_podman() {
    for (keys, expected) in
        [(vec!["", "/t", "/t/app", "/t/application"], "/t/app"), (vec!["", "/t", "/x"], "/t"), (vec!["", "/ta"], "")]
    {
        let mut scene = closed();
        let entries = keys.iter().map(|path| (format!("{}{path}", scene.domain), auth(&format!("u{path}"))));
        let entries: serde_json::Map<_, _> = entries.collect();
        let file = scene.home.home().join("logins.json");
        fs::write(&file, json!({"auths": entries}).to_string()).expect("a file of logins");
        scene.home.env("REGISTRY_AUTH_FILE", file);
        assert_eq!(user(&scene), Some(format!("u{expected}")));
    }
}

#[test]
fn source_and_target_may_have_different_accounts() {
    let acl = acl().user("writer", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")]);
    let acl = acl.user("reader", PASSWORD, &[("t/*", "pull")]);
    let tokens = TokenServer::plain(acl).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    let entries =
        [("demo", "writer"), ("t", "reader")].map(|(path, user)| (format!("{}/{path}", scene.domain), auth(user)));
    scene.home.write_config(&json!({"auths": serde_json::Map::from_iter(entries)}).to_string());
    make_list(&scene);
    assert!(tokens.requests().iter().all(|request| request.account.as_deref() == Some("reader")));
    let before = tokens.requests().len();
    scene.run_ok("push @demo/app:v1");
    let pushed = &tokens.requests()[before..];
    let account = |request: &&TokenRequest| request.account.as_deref() == Some("writer");
    let (writes, looks): (Vec<_>, Vec<_>) = pushed.iter().partition(account);
    assert_eq!((writes.len(), looks.len()), (1, 1));
    assert_eq!(
        looks[0].account.as_deref(),
        Some("reader"),
        "the tags are looked at with the login of their repository"
    );
}

#[test]
fn a_registry_token_is_sent_unchanged() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    let path = "/token?service=x&scope=repository:t/app:pull";
    let authorization = Some(format!("Basic {}", BASE64.encode(format!("alice:{PASSWORD}"))));
    let target = Target { host: tokens.address().to_string(), authorization };
    let answer = wire::request(&target, "GET", path, &[], &[]).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let login = json!({"registrytoken": answer["token"]});
    scene.home.write_config(&json!({"auths": {&scene.domain: login}}).to_string());
    tokens.log().clear();
    let result = scene.run("--debug create @demo/app:v1 @t/app:amd64");
    assert_no_secrets(&result);
    result.success();
    tokens.log().assert_requests(&[]);
}

#[test]
fn docker_hub_logins_are_found_under_all_its_names() {
    use mfst_testkit::certs::Authority;
    use mfst_testkit::proxy::Proxy;
    for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"] {
        let identity = Authority::new().server_named("registry-1.docker.io");
        let mut scene = Scene::with(Embedded::plain().tls(&identity).basic("alice", PASSWORD));
        scene.registry.put_image("library/app", "1", &mfst_testkit::scene::amd64());
        let proxy = Proxy::open().route("registry-1.docker.io:443", scene.registry.address()).start();
        scene.home.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", identity.ca_file());
        scene.home.log_in(key, "alice", PASSWORD);
        for name in ["app:1", "docker.io/library/app:1", "index.docker.io/library/app:1"] {
            scene.home.run_ok(&["inspect", name]);
        }
        assert_eq!(proxy.log(), ["CONNECT registry-1.docker.io:443"; 3], "{key}");
    }
}

#[test]
fn credentials_are_only_read_after_a_challenge() {
    let mut scene = Scene::new();
    credential_helper::install(&mut scene.home, "all", credential_helper::FAILING);
    scene.home.write_config(r#"{"credsStore":"all"}"#);
    let result = scene.run("create @t/app:v1 @t/app:amd64");
    assert_eq!(result.stderr, "");
    result.success();
    assert!(credential_helper::calls(&scene.home, "all").is_empty());
}
