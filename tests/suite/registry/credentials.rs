//! Where a login comes from, and which one of several.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::registry::common::{PASSWORD, acl, leaks_nothing, listed, tells};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::helper;
use mfst_testkit::issuer::TokenRequest;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

/// The places in the order in which they are asked.
const PLACES: [&str; 7] =
    ["DOCKER_AUTH_CONFIG", "credHelpers", "credsStore", "auths", "XDG_RUNTIME_DIR", "~/.config", "REGISTRY_AUTH_FILE"];

fn auth(user: &str) -> Value {
    json!({"auth": BASE64.encode(format!("{user}:{PASSWORD}"))})
}

fn auths(key: &str, user: &str) -> Value {
    json!({"auths": {key: auth(user)}})
}

/// Puts logins into these places; the user's name is the place's.
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
                helper::install(&mut scene.home, "one", &helper::answering(place, PASSWORD));
            }
            "credsStore" => {
                config[place] = json!("all");
                helper::install(&mut scene.home, "all", &helper::answering(place, PASSWORD));
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

/// Who logs in.
fn user(scene: &Scene) -> Option<String> {
    scene.registry.log().clear();
    scene.run("inspect @t/app:amd64");
    let entries = scene.registry.log().entries();
    let users = entries.iter().filter_map(|entry| mfst_testkit::token::basic(&entry.headers));
    users.map(|(user, _)| user).next_back()
}

fn closed() -> Scene {
    Scene::with(Embedded::plain().basic("nobody", "nothing"))
}

#[test]
fn places_are_asked_in_order() {
    for first in 0..PLACES.len() {
        // REGISTRY_AUTH_FILE stands for all files of the containers tools.
        let others: Vec<_> =
            PLACES[first..].iter().copied().filter(|place| first == 6 || *place != PLACES[6]).collect();
        let mut scene = closed();
        furnish(&mut scene, &others);
        assert_eq!(user(&scene).as_deref(), Some(PLACES[first]), "{others:?}");
    }
}

#[test]
fn registry_auth_file_stands_for_the_other_files_of_the_containers_tools_but_not_for_dockers() {
    let mut scene = closed();
    furnish(&mut scene, &["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "~/.config"]);
    assert_eq!(user(&scene).as_deref(), Some("REGISTRY_AUTH_FILE"));
    furnish(&mut scene, &["REGISTRY_AUTH_FILE", "auths"]);
    assert_eq!(user(&scene).as_deref(), Some("auths"));
}

#[test]
fn the_place_of_a_login_is_told_at_debug_and_the_login_is_not() {
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
        let ran = scene.run("--debug inspect @t/app:amd64");
        leaks_nothing(&ran);
        tells(&ran.stderr, &[told]);
    }
}

#[test]
fn a_user_without_a_password_is_no_login() {
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
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn an_odd_environment_variable_is_told_in_dockers_words_and_passed_over() {
    for (value, words) in [
        (r#"{"auths":{"h":{"auth":"YTpi","email":"a@b.c"}}}"#, r#"json: unknown field "email""#),
        ("no JSON", "Failed to create credential store from DOCKER_AUTH_CONFIG"),
    ] {
        let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
        crate::registry::common::log_in(&scene, "alice");
        scene.home.env("DOCKER_AUTH_CONFIG", value);
        let ran = scene.run("inspect @t/app:amd64");
        tells(&ran.stderr, &["Failed to create credential store from DOCKER_AUTH_CONFIG", words]);
        ran.ok();
    }
}

#[test]
fn the_environment_variable_knows_exact_names_only() {
    let mut scene = closed();
    let key = format!("https://{}/v1/", scene.domain);
    scene.home.env("DOCKER_AUTH_CONFIG", auths(&key, "environment").to_string());
    assert_eq!(user(&scene), None);
}

#[test]
fn of_several_names_for_a_registry_the_exact_one_counts_whatever_the_order() {
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
fn of_several_paths_the_longest_counts_in_the_files_of_the_containers_tools() {
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
fn source_and_target_may_have_accounts_of_their_own() {
    let acl = acl().user("writer", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")]);
    let acl = acl.user("reader", PASSWORD, &[("t/*", "pull")]);
    let tokens = TokenServer::plain(acl).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    let entries =
        [("demo", "writer"), ("t", "reader")].map(|(path, user)| (format!("{}/{path}", scene.domain), auth(user)));
    scene.home.write_config(&json!({"auths": serde_json::Map::from_iter(entries)}).to_string());
    listed(&scene);
    assert!(tokens.requests().iter().all(|request| request.account.as_deref() == Some("reader")));
    let before = tokens.requests().len();
    scene.ok("push @demo/app:v1");
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
fn a_registry_token_is_shown_as_it_is() {
    let tokens = TokenServer::plain(acl()).start();
    let scene = Scene::with(Embedded::plain().bearer(&tokens));
    let url = format!("{}?service=x&scope=repository:t/app:pull", tokens.realm());
    let basic = format!("Basic {}", BASE64.encode(format!("alice:{PASSWORD}")));
    let answer = mfst_testkit::http::send("GET", &url, &[("authorization", &basic)], b"").expect("an answer");
    let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let login = json!({"registrytoken": answer["token"]});
    scene.home.write_config(&json!({"auths": {&scene.domain: login}}).to_string());
    tokens.log().clear();
    let ran = scene.run("--debug create @demo/app:v1 @t/app:amd64");
    leaks_nothing(&ran);
    ran.ok();
    tokens.log().assert_requests(&[]);
}

#[test]
fn docker_hub_has_many_names() {
    use mfst_testkit::certs::Authority;
    use mfst_testkit::proxy::Proxy;
    for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"] {
        let identity = Authority::new().server_named("registry-1.docker.io");
        let mut scene = Scene::with(Embedded::plain().tls(&identity).basic("alice", PASSWORD));
        scene.registry.put_image("library/app", "1", &mfst_testkit::scene::amd64());
        let proxy = Proxy::open().route("registry-1.docker.io:443", scene.registry.address()).start();
        scene.home.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", identity.trust_file());
        scene.home.log_in(key, "alice", PASSWORD);
        for name in ["app:1", "docker.io/library/app:1", "index.docker.io/library/app:1"] {
            scene.home.ok(&["inspect", name]);
        }
        assert_eq!(proxy.log(), ["CONNECT registry-1.docker.io:443"; 3], "{key}");
    }
}

#[test]
fn no_login_is_looked_for_where_none_is_wanted() {
    let mut scene = Scene::new();
    helper::install(&mut scene.home, "all", helper::FAILING);
    scene.home.write_config(r#"{"credsStore":"all"}"#);
    let ran = scene.run("create @t/app:v1 @t/app:amd64");
    assert_eq!(ran.stderr, "");
    ran.ok();
    assert!(helper::calls(&scene.home, "all").is_empty());
}
