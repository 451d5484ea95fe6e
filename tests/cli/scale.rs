//! Large lists and large stores.

use std::fs;

use crate::scene::Scene;
use crate::support::acl::Acl;
use crate::support::certs;
use crate::support::embedded::{Builder, Embedded};
use crate::support::sample::Sample;
use crate::support::strace::{Range, Strace};
use crate::support::token::TokenServer;

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
