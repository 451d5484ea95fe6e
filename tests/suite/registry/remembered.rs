//! What is remembered of a registry: where its tokens come from, so that they are fetched while its connection is made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use crate::registry::met::{Met, now};
use crate::registry::setup::{PASSWORD, acl, log_in};
use mfst_testkit::buildx::Build;
use mfst_testkit::certs::private_ca;
use mfst_testkit::credential_helper::{answering, calls, install};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::log::Log;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::amd64;
use mfst_testkit::strace::{Scope, Strace};

/// Long enough for what is concurrent to overlap.
const ROUND_TRIP: Duration = Duration::from_millis(200);

/// Commands, and how many round trips they may take at first contact and with a registry that has been met before: TCP
/// and TLS handshakes, the challenge, tokens, and everything that depends on something else.
const BUDGETS: [(&str, usize, usize); 7] = [
    ("exists @t/app:amd64", 7, 4),
    ("digest @t/app:amd64", 7, 4),
    ("inspect @t/list:1", 7, 4),
    ("show @t/list:1", 8, 5),
    ("create @demo/app:v1 @t/app:amd64 @t/app:arm64", 8, 5),
    ("push @demo/app:v1", 10, 7),
    ("create --push @demo/new:v1 @t/app:amd64 @t/app:arm64", 11, 8),
];

#[test]
fn a_token_is_fetched_while_the_connection_is_made() {
    let met = Met::never();
    Build::of(&["linux/amd64", "linux/arm64"]).put(&met.scene.registry, "t/list", "1");
    met.scene.registry.move_away(ROUND_TRIP);
    met.tokens.move_away(ROUND_TRIP);
    for (line, first, again) in BUDGETS {
        met.forget();
        // The second run has a target of its own, where nothing is yet.
        for (line, budget) in [(line.to_owned(), first), (line.replace("demo/", "demo/again/"), again)] {
            met.clear();
            met.scene.run_ok(&line);
            let logs = [met.scene.registry.log(), met.tokens.log()];
            assert_eq!(Log::depth(&logs), budget, "{line}: {:?} {:?}", logs[0].lines(), logs[1].lines());
            assert_eq!((logs[0].connections(), logs[1].entries().len()), (1, 1), "{line}");
        }
    }
}

#[test]
fn what_is_remembered_is_for_this_user_only_and_no_secret() {
    let met = Met::before();
    let file = met.memory();
    assert!(file.contains("https://tokens.test/token") && file.contains("registry.test"), "{file}");
    assert!(!file.contains("alice") && !file.contains(PASSWORD), "{file}");
    assert_eq!(fs::metadata(met.file()).expect("a file").permissions().mode() & 0o777, 0o600);
    let names: Vec<_> =
        fs::read_dir(met.scene.home.store()).expect("a store").flatten().map(|it| it.file_name()).collect();
    assert_eq!(names, [".mfst"], "docker sees no list");
}

#[test]
fn nothing_is_learned_or_used_without_verified_tls() {
    // With --insecure.
    let met = Met::never();
    met.scene.run_ok("inspect --insecure @t/app:amd64");
    assert!(!met.file().exists());
    met.scene.run_ok("inspect @t/app:amd64");
    assert!(met.file().exists());
    assert!(!met.is_early("inspect --insecure @t/app:amd64"));
    assert!(met.is_early("inspect @t/app:amd64"));
}

#[test]
fn nothing_is_learned_about_a_registry_on_this_machine() {
    let met = Met::with("https://tokens.test/token", acl().anonymous(&[("t/*", "pull")]));
    let local = Embedded::plain().tls(&private_ca()).bearer(&met.tokens).start();
    local.put_image("t/app", "amd64", &amd64());
    met.scene.home.run_ok(&["exists", &local.image("t/app:amd64")]);
    assert_eq!(met.tokens.requests().len(), 1);
    assert!(!met.scene.home.store().exists());
}

#[test]
fn a_realm_with_room_for_a_secret_is_not_remembered() {
    for realm in ["https://tokens.test/token?key=x", "https://user@tokens.test/token"] {
        let met = Met::with(realm, acl());
        met.scene.run_ok("exists @t/app:amd64");
        assert!(!met.file().exists(), "{realm}");
    }
}

#[test]
fn the_memory_can_be_turned_off() {
    let mut met = Met::never();
    met.scene.home.env("MFST_REMEMBER", "0");
    met.scene.run_ok("exists @t/app:amd64");
    assert!(!met.scene.home.store().exists());
    met.scene.home.unset("MFST_REMEMBER");
    met.scene.run_ok("exists @t/app:amd64");
    let file = fs::read(met.file()).expect("a memory");
    met.scene.home.env("MFST_REMEMBER", "0");
    assert!(!met.is_early("exists @t/app:amd64"));
    assert_eq!(fs::read(met.file()).expect("a memory"), file);
}

#[test]
fn a_challenge_is_remembered_for_a_day() {
    let met = Met::before();
    for (age, is_used) in [(23 * 3600, true), (25 * 3600, false), (-3600, false)] {
        met.edit(|memory| {
            let seen = &mut memory["challenges"][0]["seen"];
            *seen = json!(now() - age);
        });
        assert_eq!(met.is_early("exists @t/app:amd64"), is_used, "{age}");
        // What the registry has said again is remembered for another day.
        assert!(met.is_early("exists @t/app:amd64"), "{age}");
    }
}

#[test]
fn a_challenge_is_remembered_for_one_host_with_its_port() {
    let met = Met::before();
    for host in ["other.test", "registry.test:443", "registry.test.", "test"] {
        met.edit(|memory| memory["challenges"][0]["host"] = json!(host));
        assert!(!met.is_early("exists @t/app:amd64"), "{host}");
    }
}

#[test]
fn a_login_is_sent_early_only_where_that_very_login_was_accepted() {
    let met = Met::before();
    for (user, password) in [("bob", PASSWORD), ("alice", "other-password")] {
        met.scene.home.log_in(&met.scene.domain, user, password);
        met.watch();
        let ran = met.scene.run("exists @t/app:amd64");
        assert_eq!(ran.code == Some(0), user == "bob", "{ran:#?}");
        assert!(!met.was_early(), "{user}");
    }
    // Both logins that were accepted are known now.
    for user in ["bob", "alice"] {
        log_in(&met.scene, user);
        assert!(met.is_early("exists @t/app:amd64"), "{user}");
    }
    met.scene.home.write_config("{}");
    met.watch();
    met.scene.run("exists @t/app:amd64").failure(2);
    assert!(!met.was_early());
}

#[test]
fn a_login_that_is_no_longer_accepted_is_not_sent_early_again() {
    let met = Met::before();
    met.tokens.fault(Fault::on("GET", "/token").times(2).answer(401, ""));
    met.watch();
    met.scene.run("exists @t/app:amd64").failure(2);
    assert!(met.was_early());
    assert!(!met.is_early("exists @t/app:amd64"));
}

#[test]
fn logout_forgets_the_registry() {
    let met = Met::with_another_registry();
    met.scene.home.log_in_to(&["registry.test", "other.test"].map(|host| (host, "alice", PASSWORD)));
    met.scene.run_ok("exists registry.test/t/app:amd64 other.test/t/app:amd64");
    met.scene.run_ok("logout registry.test");
    let memory = met.memory();
    let knows = |host: &str| memory.contains(&format!(r#""host":"{host}""#));
    assert!(!knows("registry.test") && knows("other.test"), "{memory}");
}

#[test]
fn a_token_server_that_fails_is_asked_again_as_always() {
    let met = Met::before();
    met.tokens.fault(Fault::on("GET", "/token").answer(503, ""));
    met.scene.run_ok("exists @t/app:amd64");
    met.tokens.fault(Fault::on("GET", "/token").cut_before());
    met.scene.run_ok("exists @t/app:amd64");
}

#[test]
fn a_credential_helper_is_run_once() {
    let mut met = Met::never();
    install(&mut met.scene.home, "test", &answering("alice", PASSWORD));
    met.scene.home.write_config(r#"{"credsStore": "test"}"#);
    met.scene.run_ok("exists @t/app:amd64");
    assert!(met.is_early("exists @t/app:amd64"));
    assert_eq!(calls(&met.scene.home, "test").len(), 2);
}

#[test]
fn a_registry_that_asks_for_no_token_any_more_is_forgotten() {
    let met = Met::before();
    let answer = Fault::on("HEAD", "/manifests/").answer(200, "").header("docker-content-digest", &amd64().digest());
    met.scene.registry.fault(answer);
    met.scene.run_ok("exists @t/app:amd64");
    assert!(!met.memory().contains("registry.test"));
    assert!(!met.is_early("exists @t/app:amd64"));
}

#[test]
fn a_store_that_cannot_be_written_keeps_nothing_from_working() {
    for obstacle in ["manifests", "manifests/.mfst", "manifests/.mfst/lock", "manifests/.mfst/challenges"] {
        let met = Met::never();
        let path = met.scene.home.config_dir().join(obstacle);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        if obstacle.ends_with("lock") || obstacle.ends_with("challenges") {
            fs::create_dir(&path).expect("a directory");
        } else {
            fs::write(&path, "").expect("a file");
        }
        let ran = met.scene.run("exists @t/app:amd64");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{obstacle}");
        let ran = met.scene.run("create --push @demo/app:v1 @t/app:amd64");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{obstacle}");
    }
}

#[test]
fn no_configuration_directory_is_made() {
    let mut met = Met::never();
    let login = fs::read_to_string(met.scene.home.config_dir().join("config.json")).expect("a login");
    let auths: serde_json::Value = serde_json::from_str(&login).expect("JSON");
    met.scene.home.env("DOCKER_AUTH_CONFIG", auths.to_string());
    fs::remove_dir_all(met.scene.home.config_dir()).expect("no directory");
    met.scene.run_ok("create --push @demo/app:v1 @t/app:amd64");
    assert!(!met.scene.home.config_dir().exists());
}

#[test]
fn two_commands_at_once_both_remember() {
    let met = Met::with_another_registry();
    met.scene.home.log_in_to(&["registry.test", "other.test"].map(|host| (host, "alice", PASSWORD)));
    for round in 0..4 {
        met.forget();
        let args = |host: &str| ["exists".to_owned(), format!("{host}/t/app:amd64")];
        let children: Vec<_> = ["registry.test", "other.test"]
            .map(|host| {
                let args = args(host);
                met.scene.home.command(&args.each_ref().map(String::as_str)).spawn().expect("a program")
            })
            .into_iter()
            .collect();
        for child in children {
            CommandOutput::from(child.wait_with_output().expect("an end")).success();
        }
        let file = met.memory();
        assert!(file.contains("registry.test") && file.contains("other.test"), "{round}: {file}");
    }
}

#[test]
fn local_commands_do_not_look_at_it() {
    let Some(strace) = Strace::find() else { return };
    let met = Met::before();
    met.scene.run_ok("create @demo/app:v1 @t/app:amd64");
    for line in ["ls", "inspect @demo/app:v1", "annotate --arch arm64 @demo/app:v1 @t/app:amd64", "rm @demo/app:v1"] {
        let words = met.scene.words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (ran, calls) = strace.trace(&met.scene.home, &words, Scope::ConfigDir);
        ran.success();
        assert!(!calls.is_empty() && calls.iter().all(|call| !call.text.contains("challenges")), "{line}: {calls:#?}");
    }
}
