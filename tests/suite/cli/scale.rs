//! Large lists, large stores, and commands that need no registry. The tests count requests and system calls, never
//! time.

use std::fs;

use mfst_testkit::acl::Acl;
use mfst_testkit::certs;
use mfst_testkit::credential_helper;
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::Scene;
use mfst_testkit::strace::{Scope, Strace};
use mfst_testkit::token_server::TokenServer;

/// A registry with this many images, each in its own repository and with its own layer, and the command line that makes
/// a list of them.
fn scene(registry: Builder, images: usize) -> (Scene, String) {
    let scene = Scene::with(registry);
    let mut names = Vec::new();
    for number in 0..images {
        let name = format!("src/of-a-certain-length/{}", number % 200);
        let image = Sample::oci_with_layers("linux/amd64", &["shared", &format!("layer {number}")]);
        scene.registry.put_image(&name, &number.to_string(), &image);
        names.push(format!("@{name}:{number}"));
    }
    scene.registry.log().clear();
    (scene, format!("create @dst/app:1 {}", names.join(" ")))
}

#[test]
fn the_requests_for_a_thousand_images_are_minimal() {
    const IMAGES: usize = 1000;
    let (scene, create) = scene(Embedded::plain(), IMAGES);
    scene.run_ok(&create);
    let log = scene.registry.log();
    assert_eq!((log.count("GET */manifests/*"), log.count("GET */blobs/*")), (IMAGES, IMAGES));
    assert_eq!(log.entries().len(), 2 * IMAGES);
    log.clear();
    assert_eq!(scene.inspect("@dst/app:1")["manifests"].as_array().map(Vec::len), Some(IMAGES));
    assert!(log.entries().is_empty());
    scene.run_ok("push @dst/app:1");
    // A config and a layer of each image, and a layer that all share.
    assert_eq!(log.count("POST *"), 2 * IMAGES + 1);
    // Whether the tag has moved, and whether the target has the image.
    assert_eq!((log.count("HEAD *"), log.count("PUT *")), (2 * IMAGES, IMAGES + 1));
    assert_eq!(log.entries().len(), 5 * IMAGES + 2);
}

/// The URL of a token request has a limited length: scopes that do not fit are requested when they are needed, and none
/// twice.
#[test]
fn token_requests_for_hundreds_of_repositories_are_split() {
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
    let (scene, create) = scene(Embedded::plain().bearer(&tokens), 300);
    scene.run_ok(&create);
    scene.run_ok("push @dst/app:1");
    let asked = tokens.log().entries();
    assert!(asked.iter().all(|entry| entry.uri.len() < 8 * 1024), "servers read 8 KiB");
    assert!(asked.len() < 2 * 200, "{} requests for tokens of 200 repositories", asked.len());
}

/// A push may use 15 MiB, including what the program itself needs.
#[test]
fn a_push_of_a_hundred_images_takes_little_memory() {
    let identity = certs::private_ca();
    let (scene, create) = scene(Embedded::plain().tls(&identity), 100);
    let within = |line: &str| {
        let words: Vec<String> = line.split(' ').map(|word| scene.expand(word)).collect();
        scene.home.run_within(15, &words.iter().map(String::as_str).collect::<Vec<_>>()).success()
    };
    within(&create);
    within("push @dst/app:1");
    within(&create.replace("create", "create --push"));
}

/// The system calls of a command do not depend on the number of other lists.
#[test]
fn ten_thousand_other_lists_are_not_read() {
    let Some(strace) = Strace::find() else { return };
    let scene = Scene::with_list();
    let list = scene.name("t/app:v1");
    let commands: [&[&str]; 3] =
        [&["annotate", "--variant", "v2", &list, &scene.name("t/app:amd64")], &["inspect", &list], &["push", &list]];
    let calls = |words: &[&str]| {
        let (result, calls) = strace.trace(&scene.home, words, Scope::ConfigDir);
        result.success();
        calls.len()
    };
    // The first run creates files that later runs find.
    let _first: Vec<usize> = commands.iter().map(|words| calls(words)).collect();
    let few: Vec<usize> = commands.iter().map(|words| calls(words)).collect();
    let store = scene.home.list(&list).parent().expect("the store").to_owned();
    (0..10_000).for_each(|number| fs::create_dir(store.join(format!("h.io_app-{number}"))).expect("a directory"));
    let many: Vec<usize> = commands.iter().map(|words| calls(words)).collect();
    assert_eq!(few, many);
}

/// The system calls of a command on files of the store.
fn calls(strace: &Strace, scene: &Scene, line: &str) -> Vec<String> {
    let words = scene.words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (result, calls) = strace.trace(&scene.home, &words, Scope::ConfigDir);
    result.success();
    calls.into_iter().map(|call| call.name).collect()
}

/// Twice the images take twice the calls at most.
#[test]
fn the_cost_of_the_store_is_linear_in_the_images() {
    let Some(strace) = Strace::find() else { return };
    let calls_for = |images: usize| {
        let (scene, create) = scene(Embedded::plain(), images);
        let lines = [&create, "inspect @dst/app:1", "push @dst/app:1", "rm @dst/app:1"];
        lines.map(|line| calls(&strace, &scene, line).len())
    };
    let [few, more, most] = [50, 150, 250].map(calls_for);
    for ((few, more), most) in few.into_iter().zip(more).zip(most) {
        // Reading a directory takes one call for every few hundred files.
        assert!((most - more).abs_diff(more - few) <= 4, "{few}, {more}, {most}");
    }
}

/// Annotating one image does not read the others.
#[test]
fn annotating_an_image_does_not_read_the_others() {
    let Some(strace) = Strace::find() else { return };
    let calls_for = |images: usize| {
        let (scene, create) = scene(Embedded::plain(), images);
        scene.run_ok(&create);
        let mut calls = calls(&strace, &scene, "annotate --arch arm64 @dst/app:1 @src/of-a-certain-length/1:1");
        // The metadata of the list is one file and the directory is listed: both take more calls if there is more in them.
        calls.retain(|call| !["read", "getdents64"].contains(&call.as_str()));
        calls
    };
    assert_eq!(calls_for(10), calls_for(100));
}

/// Command lines that need no registry.
const LOCAL: [&str; 8] = [
    "annotate --variant v8 @t/app:v1 @t/app:arm64",
    "inspect @t/app:v1",
    "inspect -v @t/app:v1",
    "inspect @t/app:v1 @t/app:arm64",
    "ls",
    "ls --format json",
    "remove @t/app:v1 linux/amd64",
    "rm @t/app:v1",
];

/// Invalid settings for registries do not matter.
#[test]
fn commands_without_a_registry_ignore_registry_settings() {
    let (mut scene, proxy) = (Scene::with_list(), Proxy::open().start());
    scene.home.write_config(r#"{"credsStore":"traced"}"#);
    credential_helper::install(&mut scene.home, "traced", credential_helper::FAILING);
    let nothing = scene.home.home().join("nothing.pem");
    fs::write(&nothing, "no certificate").expect("a file");
    for (name, value) in [("HTTPS_PROXY", proxy.url()), ("HTTP_PROXY", proxy.url()), ("ALL_PROXY", "::".to_owned())] {
        scene.home.env(name, value);
    }
    scene.home.env("SSL_CERT_FILE", &nothing).env("SSL_CERT_DIR", &nothing).env("REGISTRY_AUTH_FILE", &nothing);
    let before = scene.registry.connections();
    for line in LOCAL {
        let result = scene.run(line);
        assert_eq!((result.code, result.stderr.as_str()), (Some(0), ""), "{line}");
    }
    assert_eq!(credential_helper::calls(&scene.home, "traced"), [""; 0]);
    assert_eq!(proxy.log(), [""; 0]);
    assert_eq!(scene.registry.connections(), before);
}

/// No socket, no thread, no other program, no certificate, no login.
#[test]
fn commands_without_a_registry_use_only_the_store() {
    let Some(strace) = Strace::find() else { return };
    let scene = Scene::with_list();
    scene.home.write_config(r#"{"credsStore":"absent"}"#);
    for line in LOCAL {
        let words = scene.words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (result, calls) = strace.trace(&scene.home, &words, Scope::All);
        result.success();
        let count = |names: &[&str]| calls.iter().filter(|call| names.contains(&call.name.as_str())).count();
        assert_eq!(count(&["socket", "connect", "epoll_create1", "eventfd2"]), 0, "{line}: {calls:#?}");
        assert_eq!(count(&["clone", "clone3", "fork", "vfork"]), 0, "{line}: {calls:#?}");
        assert_eq!(count(&["execve"]), 1, "{line}: {calls:#?}");
        let opened = calls.iter().filter(|call| call.name == "openat").map(|call| call.text.as_str());
        let strange: Vec<&str> =
            opened.filter(|text| [".pem", ".crt", "/ssl/", "certs"].iter().any(|it| text.contains(it))).collect();
        assert!(strange.is_empty(), "{line}: {strange:?}");
    }
}
