//! Registries that mean harm: whatever they answer, the error is clear and short, the memory is bounded, the terminal
//! gets no orders and nobody gets a secret.

use serde_json::json;

use crate::registry::common::{PASSWORD, acl, listed, log_in, tells};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::raw::Raw;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample};
use mfst_testkit::sandbox::{Ran, Sandbox};
use mfst_testkit::scene::{Scene, amd64};
use mfst_testkit::token::TokenServer;

/// How much memory of its own a command may have, in MiB.
pub const MEMORY: usize = 64;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\
    content-type: application/vnd.oci.image.index.v1+json\r\n\r\n";
/// One chunk of a body in chunks.
fn chunk() -> String {
    format!("1000\r\n{}\r\n", "x".repeat(0x1000))
}

/// Fails unless the command ends with an error in words.
#[track_caller]
pub fn in_words(name: &str, ran: Ran) -> String {
    assert_eq!(ran.stdout, "", "{name}");
    let said = ran.fails(1);
    assert!(!said.trim().is_empty() && said.len() < 8 << 10, "{name}: {} bytes", said.len());
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{name}: {said:?}");
    assert!(!said.contains("panicked"), "{name}: {said}");
    said
}

/// Asks a server for a manifest.
fn ask(server: &Raw) -> Ran {
    let home = Sandbox::new();
    home.log_in(&server.host(), "alice", PASSWORD);
    home.run_within(MEMORY, &["inspect", "--retries", "0", "--timeout", "2s", &format!("{}/t/app:v1", server.host())])
}

#[test]
fn answers_without_end() {
    let with_status = |status: &str| CHUNKED.replace("200 OK", status);
    for (name, server) in [
        ("a body", Raw::endless(CHUNKED, &chunk())),
        ("a body without a length", Raw::endless("HTTP/1.1 200 OK\r\n\r\n", "x")),
        ("a body of a great length", Raw::endless("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n", "x")),
        ("a missing manifest", Raw::endless(&with_status("404 Not Found"), &chunk())),
        ("a refusal", Raw::endless(&with_status("403 Forbidden"), &chunk())),
        ("an error", Raw::endless(&with_status("500 Oops"), &chunk())),
        (
            "a challenge's body",
            Raw::endless(
                &with_status("401 No").replace("\r\n\r\n", "\r\nwww-authenticate: Basic realm=\"x\"\r\n\r\n"),
                &chunk(),
            ),
        ),
        ("a status line", Raw::endless("HTTP/1.1 200 ", "x")),
        ("headers", Raw::endless("HTTP/1.1 200 OK\r\n", "x: y\r\n")),
        ("a header", Raw::endless("HTTP/1.1 200 OK\r\nx: ", "y")),
        ("challenges", Raw::endless("HTTP/1.1 401 No\r\n", "www-authenticate: Bearer realm=\"http://127.0.0.1/\"\r\n")),
        ("chunk extensions", Raw::endless(&format!("{CHUNKED}1;"), "x")),
        ("trailers", Raw::endless(&format!("{CHUNKED}0\r\n"), "x: y\r\n")),
        ("noise", Raw::endless("", "\0")),
    ] {
        let said = in_words(name, ask(&server));
        assert!(said.contains("/v2/t/app/manifests/v1"), "{name}: {said}");
    }
}

#[test]
fn answers_that_never_come_to_an_end() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n";
    for (name, server) in [
        ("a body", Raw::trickling(head, "x")),
        ("headers", Raw::trickling("HTTP/1.1 200 OK\r\n", "x: y\r\n")),
        ("interim answers", Raw::trickling("", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")),
        ("nothing", Raw::trickling("", "")),
    ] {
        tells(&in_words(name, ask(&server)), &["/v2/t/app/manifests/v1", "timed out"]);
    }
    let server = Raw::endless("", "HTTP/1.1 100 Continue\r\n\r\n");
    in_words("interim answers without a pause", ask(&server));
}

#[test]
fn answers_that_lie_about_their_length_or_are_none() {
    for (name, answer) in [
        ("too long", "HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n{}"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
        ("no number", "HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n{}"),
        ("negative", "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}"),
        ("huge", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n{}"),
        ("a chunk of a huge length", &format!("{CHUNKED}ffffffffffffffff\r\n{{}}")),
        ("a chunk that breaks off", &format!("{CHUNKED}10\r\n{{}}")),
        ("a chunk that is none", &format!("{CHUNKED}zz\r\n{{}}")),
        (
            "too short",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-type: application/vnd.oci.image.index.v1+json\r\n\r\n{\"manifests\":[]}",
        ),
        ("nothing", ""),
        ("words", "hello, who is there?\r\n\r\n"),
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("an old one", "HTTP/0.9 200 OK\r\n\r\n{}"),
        ("a future one", "HTTP/9.9 200 OK\r\n\r\n{}"),
        ("half a status line", "HTTP/1.1 20"),
        ("a strange status", "HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n"),
        ("an upgrade", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        ("orders for a terminal in the reason", "HTTP/1.1 403 \x1b[31mred\r\ncontent-length: 0\r\n\r\n"),
        (
            "orders for a terminal in a header",
            "HTTP/1.1 200 OK\r\ncontent-type: \x1b[31m\r\ncontent-length: 2\r\n\r\n{}",
        ),
        ("orders of one byte in a header", "HTTP/1.1 200 OK\r\ncontent-type: \u{9b}31m\r\ncontent-length: 2\r\n\r\n{}"),
        ("orders in a Location", "HTTP/1.1 307 Go\r\nlocation: file:///\u{9b}31m\r\ncontent-length: 0\r\n\r\n"),
    ] {
        in_words(name, ask(&Raw::saying(answer)));
    }
}

/// What is deep, wide or both, as a manifest, a config, a token and an error.
fn monsters() -> Vec<(&'static str, String)> {
    let deep = |depth: usize, middle: &str| format!("{}{middle}{}", "[".repeat(depth), "]".repeat(depth));
    let wide = |part: &str| part.repeat(4_000_000 / part.len());
    vec![
        ("1,000 levels", format!(r#"{{"schemaVersion":2,"x":{}}}"#, deep(1000, ""))),
        ("20,000 levels", format!(r#"{{"schemaVersion":2,"x":{}}}"#, deep(20_000, ""))),
        ("2,000,000 levels", deep(2_000_000, "")),
        ("an unfinished depth", "[".repeat(4_000_000)),
        ("unfinished objects", r#"{"a":"#.repeat(700_000)),
        ("deep and wide", format!(r#"{{"x":{}}}"#, deep(9000, &format!("{}1", wide("1,"))))),
        ("deep lists", format!(r#"{{"manifests":{}}}"#, deep(9000, "{}"))),
        ("many errors", format!(r#"{{"errors":[{}{{}}]}}"#, wide(r#"{"code":"X","message":"y"},"#))),
        ("many fields", format!(r#"{{{}"a":1}}"#, wide(r#""a":{},"#))),
        ("many equal fields", format!(r#"{{{}"config":{{}}}}"#, wide(r#""config":{},"#))),
        ("a long string", format!(r#"{{"mediaType":"{}"}}"#, wide("x"))),
        ("a string of escapes", format!(r#"{{"mediaType":"{}"}}"#, wide(r"\u001b"))),
        ("a long number", format!(r#"{{"schemaVersion":{}}}"#, wide("9"))),
        ("nothing but space", wide(" ")),
    ]
}

#[test]
fn documents_that_are_monsters() {
    for (name, text) in monsters() {
        for kind in [OCI_MANIFEST, OCI_INDEX] {
            let scene = Scene::new();
            scene.registry.put_manifest("t/app", "v1", kind, text.as_bytes());
            for line in ["inspect", "inspect -v", "create @t/list:v1"] {
                let line = scene.expand(&format!("{line} --retries 0 @t/app:v1"));
                let ran = scene.home.run_within(MEMORY, &line.split(' ').collect::<Vec<_>>());
                // Some can be shown, as odd as they are.
                if ran.code != Some(0) {
                    in_words(&format!("{name}, {line}"), ran);
                }
            }
        }
    }
}

#[test]
fn a_million_entries() {
    for entry in ["{},", r#"{"platform":{}},"#, r#"{"digest":"x"},"#] {
        let scene = Scene::new();
        let entries = entry.repeat(4_100_000 / entry.len());
        let list = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.trim_end_matches(','));
        scene.registry.put_manifest("t/app", "v1", OCI_INDEX, list.as_bytes());
        for line in ["inspect -v", "create @t/list:v1"] {
            let line = scene.expand(&format!("{line} --retries 0 @t/app:v1"));
            let ran = scene.home.run_within(MEMORY, &line.split(' ').collect::<Vec<_>>());
            in_words(&line, ran);
        }
    }
}

#[test]
fn errors_and_tokens_and_configs_that_are_monsters() {
    for (name, text) in monsters() {
        let small = |limit: usize| text.chars().take(limit).collect::<String>();
        let scene = Scene::new();
        scene.registry.fault(Fault::on("GET", "/manifests/v1").always().answer(403, text.clone()));
        scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(200, text.clone()));
        let inspect = ["inspect", "--retries", "0", &scene.name("t/app:v1")];
        in_words(name, scene.home.run_within(MEMORY, &inspect));
        let create = ["create", "--retries", "0", &scene.name("t/list:v1"), &scene.name("t/app:amd64")];
        in_words(name, scene.home.run_within(MEMORY, &create));

        let tokens = TokenServer::plain(acl()).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        log_in(&scene, "alice");
        tokens.fault(Fault::on("*", "/token").always().answer(200, small(60_000)));
        let inspect = ["inspect", "--retries", "0", &scene.name("t/app:amd64")];
        in_words(name, scene.home.run_within(MEMORY, &inspect));
    }
}

#[test]
fn tokens_that_are_none() {
    for token in ["a\r\nx-evil: 1", "a\u{1b}[31m", "a b", "\u{0}", "ü", &"x".repeat(60_000)] {
        let tokens = TokenServer::plain(acl()).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        log_in(&scene, "alice");
        tokens.fault(Fault::on("GET", "/token").always().answer(200, json!({"token": token}).to_string()));
        let ran = scene.run("-D inspect --retries 0 @t/app:amd64");
        assert!(!ran.stderr.contains(token) && !ran.stderr.contains("evil"), "{}", ran.stderr);
        let asked = scene.registry.log().entries();
        assert!(asked.iter().all(|entry| entry.header("x-evil").is_none()));
        ran.fails(1);
    }
}

/// A registry in which a push copies blobs, with a list to be pushed.
fn copying() -> Scene {
    let scene = Scene::with(Embedded::plain().declining_mounts(202));
    listed(&scene);
    scene
}

#[test]
fn an_error_without_end_in_place_of_a_blob() {
    for status in ["404 Not Found", "403 Forbidden", "500 Oops"] {
        let scene = copying();
        let storage = Raw::endless(&CHUNKED.replace("200 OK", status), &chunk());
        let elsewhere = format!("http://{}/blob", storage.host());
        scene.registry.fault(Fault::on("GET", "/blobs/").always().answer(307, "").header("location", &elsewhere));
        let words = ["push", "--retries", "0", "--timeout", "2s", &scene.name("demo/app:v1")];
        let said = scene.home.run_within(MEMORY, &words).fails(1);
        assert!(said.contains("/blob") && said.len() < 8 << 10, "{status}: {} bytes", said.len());
    }
}

/// Locations that look like the registry's own and lead elsewhere. Who opens an upload, or redirects a download, must
/// not be able to make us show the registry's login to somebody else.
#[test]
fn a_location_with_two_slashes_does_not_lead_away_with_the_login() {
    for (method, pattern, status) in
        [("GET", "/manifests/", 307), ("GET", "/blobs/", 302), ("POST", "/blobs/uploads/", 202)]
    {
        let thief = Raw::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD).declining_mounts(202));
        log_in(&scene, "alice");
        if method == "POST" {
            listed(&scene);
        }
        let away = format!("{}//{}/steal", scene.registry.origin(), thief.host());
        // The first request only brings the challenge.
        let first = usize::from(pattern != "/blobs/");
        let lure = Fault::on(method, pattern).skip(first).always().answer(status, "").header("location", &away);
        scene.registry.fault(lure);
        let line = if method == "POST" {
            "push --retries 0 @demo/app:v1"
        } else {
            "create --retries 0 @t/list:v1 @t/app:amd64"
        };
        scene.run(line).fails(1);
        let shown = thief.heads().iter().any(|head| head.to_lowercase().contains("authorization"));
        assert!(!shown, "{method} {pattern}: {:?}", thief.heads());
    }
}

#[test]
fn an_upload_from_tls_to_plain_http_is_refused() {
    let identity = mfst_testkit::certs::private_ca();
    let other = Raw::saying("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
    for scheme in ["http", "ftp", "file"] {
        let scene = Scene::with(Embedded::plain().tls(&identity).declining_mounts(202));
        listed(&scene);
        let location = format!("{scheme}://{}/upload", other.host());
        scene
            .registry
            .fault(Fault::on("POST", "/blobs/uploads/").always().answer(202, "").header("location", &location));
        let said = scene.run("push --retries 0 @demo/app:v1").fails(1);
        assert!(said.contains("/upload"), "{scheme}: {said}");
        assert!(other.heads().is_empty(), "{:?}", other.heads());
    }
}

#[test]
fn an_image_that_is_somebody_elses_bytes_is_never_stored_or_pushed() {
    let scene = Scene::new();
    let digest = amd64().digest();
    scene.registry.fault(
        Fault::on("GET", "/manifests/")
            .always()
            .answer(200, Sample::oci("linux/arm").manifest().to_vec())
            .header("content-type", OCI_MANIFEST)
            .header("docker-content-digest", &digest),
    );
    let said = scene.refused(&format!("create @t/list:v1 @t/app@{digest}"));
    tells(&said, &[&digest]);
}
