//! Large lists, large stores, and commands that should cost next to nothing. What is counted is requests and calls,
//! never time.

use std::fs;

use mfst_testkit::acl::Acl;
use mfst_testkit::certs;
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::helper;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::Scene;
use mfst_testkit::strace::{Range, Strace};
use mfst_testkit::token::TokenServer;

/// A registry with this many images in as many repositories as fit into one token and more, each with a layer of its own,
/// and the line that makes a list of them.
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
fn a_thousand_images_take_as_many_requests_as_there_are_things_to_ask_for() {
    const IMAGES: usize = 1000;
    let (scene, create) = scene(Embedded::plain(), IMAGES);
    scene.ok(&create);
    let log = scene.registry.log();
    assert_eq!((log.count("GET */manifests/*"), log.count("GET */blobs/*")), (IMAGES, IMAGES));
    assert_eq!(log.entries().len(), 2 * IMAGES);
    log.clear();
    assert_eq!(scene.inspect("@dst/app:1")["manifests"].as_array().map(Vec::len), Some(IMAGES));
    assert!(log.entries().is_empty());
    scene.ok("push @dst/app:1");
    // A config and a layer for each image, and a layer that they share.
    assert_eq!(log.count("POST *"), 2 * IMAGES + 1);
    assert_eq!((log.count("HEAD *"), log.count("PUT *")), (IMAGES, IMAGES + 1));
    assert_eq!(log.entries().len(), 4 * IMAGES + 2);
}

/// One token cannot be asked for so many repositories that no server reads the request: what does not fit into it is
/// asked for when it is needed, and nothing twice.
#[test]
fn hundreds_of_repositories_do_not_make_a_request_for_a_token_too_long() {
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
    let (scene, create) = scene(Embedded::plain().bearer(&tokens), 300);
    scene.ok(&create);
    scene.ok("push @dst/app:1");
    let asked = tokens.log().entries();
    assert!(asked.iter().all(|entry| entry.uri.len() < 8 * 1024), "servers read 8 KiB");
    assert!(asked.len() < 2 * 200, "{} requests for tokens of 200 repositories", asked.len());
}

/// 15 MiB is what a push of a list may take; what the program itself takes to run is in it.
#[test]
fn a_push_of_a_hundred_images_takes_little_memory() {
    let identity = certs::private_ca();
    let (scene, create) = scene(Embedded::plain().tls(&identity), 100);
    let within = |line: &str| {
        let words: Vec<String> = line.split(' ').map(|word| scene.expand(word)).collect();
        scene.home.run_within(15, &words.iter().map(String::as_str).collect::<Vec<_>>()).ok()
    };
    within(&create);
    within("push @dst/app:1");
    within(&create.replace("create", "create --push"));
}

/// What a command asks of the file system does not depend on how many other lists there are.
#[test]
fn ten_thousand_other_lists_are_not_looked_at() {
    let Some(strace) = Strace::find() else { return };
    let scene = Scene::with_list();
    let list = scene.name("t/app:v1");
    let commands: [&[&str]; 3] =
        [&["annotate", "--variant", "v2", &list, &scene.name("t/app:amd64")], &["inspect", &list], &["push", &list]];
    let calls = |words: &[&str]| {
        let (ran, calls) = strace.watch(&scene.home, words, Range::Files);
        ran.ok();
        calls.len()
    };
    // The first run makes what the others find.
    let _first: Vec<usize> = commands.iter().map(|words| calls(words)).collect();
    let few: Vec<usize> = commands.iter().map(|words| calls(words)).collect();
    let store = scene.home.list(&list).parent().expect("the store").to_owned();
    (0..10_000).for_each(|number| fs::create_dir(store.join(format!("h.io_app-{number}"))).expect("a directory"));
    let many: Vec<usize> = commands.iter().map(|words| calls(words)).collect();
    assert_eq!(few, many);
}

/// The calls of a command that have to do with the store.
fn calls(strace: &Strace, scene: &Scene, line: &str) -> Vec<String> {
    let words = scene.words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (ran, calls) = strace.watch(&scene.home, &words, Range::Files);
    ran.ok();
    calls.into_iter().map(|call| call.name).collect()
}

/// Twice the images, twice the calls and not more.
#[test]
fn each_image_costs_the_store_the_same_however_many_there_are() {
    let Some(strace) = Strace::find() else { return };
    let calls_for = |images: usize| {
        let (scene, create) = scene(Embedded::plain(), images);
        let lines = [&create, "inspect @dst/app:1", "push @dst/app:1", "rm @dst/app:1"];
        lines.map(|line| calls(&strace, &scene, line).len())
    };
    let [few, more, most] = [50, 150, 250].map(calls_for);
    for ((few, more), most) in few.into_iter().zip(more).zip(most) {
        // Reading a directory takes a call for every few hundred files.
        assert!((most - more).abs_diff(more - few) <= 4, "{few}, {more}, {most}");
    }
}

/// One image of many is changed without a look at the others.
#[test]
fn annotating_one_image_does_not_touch_the_others() {
    let Some(strace) = Strace::find() else { return };
    let calls_for = |images: usize| {
        let (scene, create) = scene(Embedded::plain(), images);
        scene.ok(&create);
        calls(&strace, &scene, "annotate --arch arm64 @dst/app:1 @src/of-a-certain-length/1:1")
    };
    assert_eq!(calls_for(10), calls_for(100));
}

/// Lines that need no registry.
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

/// What has to do with registries is not even looked at.
#[test]
fn commands_that_need_no_registry_do_not_prepare_for_one() {
    let (mut scene, proxy) = (Scene::with_list(), Proxy::open().start());
    scene.home.write_config(r#"{"credsStore":"traced"}"#);
    helper::install(&mut scene.home, "traced", helper::FAILING);
    let nothing = scene.home.home().join("nothing.pem");
    fs::write(&nothing, "no certificate").expect("a file");
    for (name, value) in [("HTTPS_PROXY", proxy.url()), ("HTTP_PROXY", proxy.url()), ("ALL_PROXY", "::".to_owned())] {
        scene.home.env(name, value);
    }
    scene.home.env("SSL_CERT_FILE", &nothing).env("SSL_CERT_DIR", &nothing).env("REGISTRY_AUTH_FILE", &nothing);
    let before = scene.registry.connections();
    for line in LOCAL {
        let ran = scene.run(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{line}");
    }
    assert_eq!(helper::calls(&scene.home, "traced"), [""; 0]);
    assert_eq!(proxy.log(), [""; 0]);
    assert_eq!(scene.registry.connections(), before);
}

/// No socket, no thread, no other program, no certificate, no login.
#[test]
fn commands_that_need_no_registry_are_alone_with_the_store() {
    let Some(strace) = Strace::find() else { return };
    let scene = Scene::with_list();
    scene.home.write_config(r#"{"credsStore":"absent"}"#);
    for line in LOCAL {
        let words = scene.words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (ran, calls) = strace.watch(&scene.home, &words, Range::All);
        ran.ok();
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
