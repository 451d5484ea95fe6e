//! A false or outdated memory of a registry: whoever can write it gets no login, makes no registry see a foreign token, and
//! keeps nobody from working.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::registry::met::{Met, now};
use crate::registry::setup::{acl, log_in};
use mfst_testkit::acl::Acl;
use mfst_testkit::log::Entry;
use mfst_testkit::sample::digest;
use mfst_testkit::token_server::TokenServer;

/// A memory file, as anybody can make it who knows no login.
fn forged(host: &str, realm: &str) -> Value {
    let (salt, service) = ("0123456789abcdef0123456789abcdef", TokenServer::SERVICE);
    let mut text = Vec::new();
    for part in [salt, host, realm, service, &digest(b"")] {
        text.extend(part.len().to_le_bytes());
        text.extend(part.as_bytes());
    }
    let seen = now();
    let challenge =
        json!({"host": host, "realm": realm, "service": service, "seen": seen, "salt": salt, "login": digest(&text)});
    json!({ "challenges": [challenge] })
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, content).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// A registry that everyone may read, without a login, and a token server of somebody else's at `other.test`.
fn with_evil_server() -> (Met, TokenServer) {
    let mut met = Met::with("https://tokens.test/token", acl().anonymous(&[("t/*", "pull")]));
    met.scene.home.write_config("{}");
    let evil = met.with_another_token_server(Acl::default().anonymous(&[("*", "pull,push")]));
    (met, evil)
}

/// The forgery is as good as a real memory; the tests below would otherwise show nothing.
#[test]
fn a_forged_memory_is_used_if_it_is_true() {
    let (met, _evil) = with_evil_server();
    write(&met.file(), forged("registry.test", "https://tokens.test/token").to_string());
    assert!(met.is_early("exists @t/app:amd64"));
}

#[test]
fn a_forged_realm_gets_no_login() {
    let (met, evil) = with_evil_server();
    for user in ["alice", "bob"] {
        log_in(&met.scene, user);
        met.forget();
        met.scene.run_ok("exists @t/app:amd64");
        // The hash of the login is there, but it is not one for this realm.
        let real = met.memory();
        let moved = real.replace("tokens.test", "other.test");
        assert!(moved.contains("https://other.test/token"));
        for memory in [moved, forged("registry.test", "https://other.test/token").to_string()] {
            write(&met.file(), memory);
            met.scene.run_ok("exists @t/app:amd64");
            assert_eq!(evil.connections(), 0, "{user}");
            assert!(!met.memory().contains("other.test"), "{user}");
        }
    }
}

#[test]
fn the_token_of_a_forged_realm_is_shown_to_nobody() {
    let (met, evil) = with_evil_server();
    write(&met.file(), forged("registry.test", "https://other.test/token").to_string());
    met.watch();
    met.scene.run_ok("exists @t/app:amd64");
    let requests = evil.log().entries();
    assert_eq!(requests.len(), 1, "the forgery was used");
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
    // The registry saw a request without a token, and then one with a token of its own server.
    let shown: Vec<_> = met.scene.registry.log().entries().iter().map(Entry::scheme).collect();
    assert_eq!(shown, [None, Some("bearer".to_owned())]);
    assert_eq!(met.tokens.requests().len(), 1);
    // It is forgotten, and the truth is remembered.
    let memory = met.memory();
    assert!(!memory.contains("other.test") && memory.contains("tokens.test"), "{memory}");
}

#[test]
fn another_service_is_a_contradiction_too() {
    let (met, _evil) = with_evil_server();
    let mut memory = forged("registry.test", "https://tokens.test/token");
    memory["challenges"][0]["service"] = json!("another");
    write(&met.file(), memory.to_string());
    met.scene.run_ok("exists @t/app:amd64");
    assert!(!met.memory().contains("another"));
}

#[test]
fn an_outdated_memory_is_replaced_and_its_token_server_is_not_trusted_again() {
    let mut met = Met::before();
    let new = met.with_another_token_server(acl());
    met.move_to(&new);
    met.watch();
    met.scene.run_ok("exists @t/app:amd64");
    assert_eq!((met.tokens.log().entries().len(), new.requests().len()), (1, 1));
    let memory = met.memory();
    assert!(memory.contains("other.test/token") && !memory.contains("tokens.test"), "{memory}");
    met.clear();
    met.scene.run_ok("exists @t/app:amd64");
    assert_eq!((met.tokens.log().entries().len(), new.requests().len()), (0, 2));
}

#[test]
fn a_forged_realm_cannot_lead_to_this_machine_or_out_of_tls() {
    let (met, evil) = with_evil_server();
    let port = evil.address().port();
    for realm in [
        format!("https://127.0.0.1:{port}/token"),
        format!("https://localhost:{port}/token"),
        format!("https://[::ffff:127.0.0.1]:{port}/token"),
        format!("http://127.0.0.1:{port}/token"),
        "http://other.test/token".to_owned(),
        "file:///etc/passwd".to_owned(),
        "https://user:password@other.test/token".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        write(&met.file(), forged("registry.test", &realm).to_string());
        let asked = met.proxy.log().len();
        met.scene.run_ok("exists @t/app:amd64");
        assert_eq!(evil.connections(), 0, "{realm}");
        let asked = met.proxy.log()[asked..].to_vec();
        assert_eq!(asked, ["CONNECT registry.test:443", "CONNECT tokens.test:443"], "{realm}");
        assert!(!met.memory().contains(&realm), "{realm}");
    }
}

#[test]
fn what_is_no_memory_is_ignored_and_replaced() {
    let (met, evil) = with_evil_server();
    let good = forged("registry.test", "https://other.test/token").to_string();
    let deep = "[".repeat(100_000);
    for junk in ["", "{", "null", "[]", r#"{"challenges":[1]}"#, &good[..good.len() - 3], "\u{0}\u{1}", &deep] {
        write(&met.file(), junk);
        let ran = met.scene.run("exists @t/app:amd64");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{junk:.40}");
        assert!(met.is_early("exists @t/app:amd64"), "{junk:.40}");
    }
    assert_eq!(evil.connections(), 0);
}

/// Nobody else can have written the file, and reading it never takes long.
#[test]
fn a_file_that_is_not_a_small_private_file_of_ones_own_is_ignored_and_replaced() {
    let (met, evil) = with_evil_server();
    let good = forged("registry.test", "https://other.test/token").to_string();
    let elsewhere = met.scene.home.home().join("elsewhere");
    write(&elsewhere, &good);
    let file = met.file();
    let cases: [(&str, &dyn Fn()); 6] = [
        ("a link", &|| symlink(&elsewhere, &file).expect("a link")),
        ("a huge file", &|| {
            let mut padded = good.clone().into_bytes();
            padded.resize(200 * 1024, b' ');
            write(&file, padded);
        }),
        ("a file without end", &|| {
            write(&file, "");
            fs::File::options().write(true).open(&file).and_then(|it| it.set_len(1 << 40)).expect("a sparse file");
        }),
        ("a named pipe", &|| assert!(Command::new("mkfifo").arg(&file).status().is_ok_and(|it| it.success()))),
        ("a file that others can write", &|| {
            write(&file, &good);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions");
        }),
        ("another user's file", &|| {
            write(&file, &good);
            // Only root can do this; the file is as good as one's own otherwise.
            if std::os::unix::fs::chown(&file, Some(12345), None).is_err() {
                fs::remove_file(&file).expect("no file");
            }
        }),
    ];
    for (name, make) in cases {
        fs::remove_file(&file).ok();
        fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        make();
        let ran = met.scene.run("exists @t/app:amd64");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
        assert_eq!(evil.connections(), 0, "{name}");
        assert!(file.is_file() && !file.is_symlink(), "{name}");
        assert_eq!(fs::read_to_string(&elsewhere).expect("a file"), good, "{name}");
        assert!(met.is_early("exists @t/app:amd64"), "{name}");
    }
}

#[test]
fn a_link_in_the_place_of_the_private_directory_is_not_followed() {
    let (met, evil) = with_evil_server();
    let elsewhere = met.scene.home.home().join("elsewhere");
    write(&elsewhere.join("challenges"), forged("registry.test", "https://other.test/token").to_string());
    fs::create_dir_all(met.scene.home.store()).expect("a store");
    symlink(&elsewhere, met.scene.home.store().join(".mfst")).expect("a link");
    met.scene.run_ok("exists @t/app:amd64");
    assert_eq!(evil.connections(), 0);
    assert_eq!(fs::read_dir(&elsewhere).expect("a directory").count(), 1);
}
