//! How many requests a command sends, and how many of them wait for each other.

use std::time::Duration;

use mfst_testkit::acl::Acl;
use mfst_testkit::build::Build;
use mfst_testkit::certs;
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::Scene;
use mfst_testkit::token::TokenServer;

/// A registry in which `src/N:1` are images with this many layers, each request taking long enough that those sent
/// together overlap.
fn scene(registry: Builder, images: usize, layers: usize) -> Scene {
    let scene = Scene::with(registry);
    for image in 0..images {
        let names: Vec<String> = (0..layers).map(|layer| format!("layer {image} {layer}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        scene.registry.put_image(
            &format!("src/{image}"),
            "1",
            &Sample::oci_with_layers(&format!("linux/cpu{image}"), &names),
        );
    }
    scene.registry.log().clear();
    scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
    scene
}

/// Images, and layers of each: of 1, 9 and 30 blobs, as far as all requests are under way at once.
const SIZES: [(usize, usize); 6] = [(1, 0), (1, 29), (3, 29), (4, 8), (10, 0), (10, 8)];

fn create_line(images: usize) -> String {
    let images: Vec<String> = (0..images).map(|image| format!("@src/{image}:1")).collect();
    format!("create @dst/app:1 {}", images.join(" "))
}

/// Over TLS with tokens: one refused request, one token, and then only what depends on each other, however many images
/// and layers there are.
#[test]
fn requests_that_do_not_depend_on_each_other_are_sent_together() {
    for (images, layers) in SIZES {
        let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
        let identity = certs::private_ca();
        let scene = scene(Embedded::plain().tls(&identity).bearer(&tokens), images, layers);

        scene.ok(&create_line(images));
        assert_eq!(scene.registry.log().entries().len(), 1 + 2 * images, "{:?}", scene.registry.log().lines());
        assert_eq!(
            scene.registry.log().depth(),
            3,
            "challenge, manifests, configs: {:?}",
            scene.registry.log().lines()
        );
        assert_eq!(tokens.requests().len(), 1);
        assert_eq!(scene.registry.log().connections(), 1);

        scene.registry.log().clear();
        scene.ok("push @dst/app:1");
        let blobs = images * (layers + 1);
        // Each image's tag is asked after beside the mounts, so that it costs no round trip.
        assert_eq!(scene.registry.log().entries().len(), 1 + images + blobs + images + 1);
        assert_eq!(scene.registry.log().count("HEAD /v2/src/*/manifests/1 200"), images);
        assert_eq!(
            scene.registry.log().depth(),
            4,
            "challenge, mounts, manifests, list: {:?}",
            scene.registry.log().lines()
        );
        assert_eq!(tokens.requests().len(), 2);
        assert_eq!(scene.registry.log().connections(), 1);
    }
}

/// The same in one command: one token for everything, and nothing is asked for twice.
#[test]
fn create_and_push_have_one_token_and_one_connection() {
    for (images, layers) in SIZES {
        let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
        let identity = certs::private_ca();
        let scene = scene(Embedded::plain().tls(&identity).bearer(&tokens), images, layers);
        scene.ok(&create_line(images).replace("create", "create --push"));
        let blobs = images * (layers + 1);
        let log = scene.registry.log();
        assert_eq!(log.entries().len(), 1 + 2 * images + blobs + images + 1, "{:?}", log.lines());
        assert_eq!(log.depth(), 6, "challenge, manifests, configs, mounts, manifests, list: {:?}", log.lines());
        assert_eq!(tokens.requests().len(), 1, "{:?}", tokens.requests());
        assert_eq!(log.connections(), 1);
    }
}

/// A config that several images have says the same about all of them.
#[test]
fn a_config_of_several_images_is_fetched_once() {
    let scene = Scene::new();
    for name in ["one", "two", "three"] {
        scene.registry.put_image(&format!("src/{name}"), "1", &Sample::oci("linux/amd64"));
    }
    scene.registry.log().clear();
    scene.ok("create @dst/app:1 @src/one:1 @src/two:1 @src/three:1");
    let log = scene.registry.log();
    assert_eq!((log.count("GET */manifests/*"), log.count("GET */blobs/*")), (3, 1), "{:?}", log.lines());
}

/// An index costs one round trip more than its images would: it has to be read first.
#[test]
fn the_images_of_indexes_are_fetched_together() {
    let scene = scene(Embedded::plain(), 0, 0);
    for (number, salt) in ["one", "two", "three"].iter().enumerate() {
        let build = Build::salted(salt, &["linux/amd64", "linux/arm64", "linux/s390x"]);
        build.put(&scene.registry, &format!("src/{number}"), "1");
    }
    scene.run(&create_line(3)).ok();
    assert_eq!(scene.registry.log().entries().len(), 3 + 3 * 6, "{:?}", scene.registry.log().lines());
    assert_eq!(scene.registry.log().depth(), 3, "the first request, indexes, manifests");
}

/// What is copied from another registry waits for nothing but its own download, and the list for all of it.
#[test]
fn copies_are_made_together() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    for arch in ["amd64", "arm64"] {
        let image = Sample::oci_with_layers(&format!("linux/{arch}"), &["shared", "as well"]);
        scene.other().put_image("src/app", arch, &image);
    }
    scene.ok("create @dst/app:1 %src/app:amd64 %src/app:arm64");
    for registry in [&scene.registry, scene.other()] {
        registry.log().clear();
        registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
    }
    scene.ok("push @dst/app:1");
    assert_eq!(scene.other().log().count("GET /v2/src/app/blobs/* 200"), 4, "{:?}", scene.other().log().lines());
    // The first request; the other tag; blobs, once it is known that the target lacks them.
    assert!(scene.other().log().depth() <= 3, "{:?}", scene.other().log().lines());
    // The first request, is it there, an upload, its end, the images, the list.
    assert!(scene.registry.log().depth() <= 6, "{:?}", scene.registry.log().lines());
}

/// A registry gets a hundred requests at a time: what waits at one step for a place among them costs a round trip for
/// every further hundred.
#[test]
fn hundreds_of_blobs_are_dealt_with_a_hundred_at_a_time() {
    const IMAGES: usize = 10;
    let identity = certs::private_ca();
    let scene = scene(Embedded::plain().tls(&identity), IMAGES, 29);
    scene.ok(&create_line(IMAGES));
    scene.registry.log().clear();
    scene.ok("push @dst/app:1");
    let log = scene.registry.log();
    assert_eq!((log.count("POST *"), log.connections()), (IMAGES * 30, 1));
    // The first request; four hundreds of mounts and tags, one of which may be late; manifests; the list.
    assert!(log.depth() <= 1 + 4 + 1 + 1 + 1, "{}", log.depth());
}

/// Without HTTP/2 each request at a time needs a connection; there are at most sixteen, and they are kept busy.
#[test]
fn without_http2_there_are_at_most_sixteen_connections() {
    for (images, layers) in [(4, 8), (10, 8), (4, 29)] {
        let scene = scene(Embedded::plain(), images, layers);
        let log = scene.registry.log();
        scene.ok(&create_line(images));
        assert_eq!(log.depth(), 3, "the first request, manifests, configs: {:?}", log.lines());
        log.clear();
        scene.ok("push @dst/app:1");
        assert!(log.connections() <= 16, "{}", log.connections());
        // The first request; tags and mounts, some of which may be late; manifests; the list.
        let waiting = images + images * (layers + 1) - 1;
        let most = 1 + (waiting.div_ceil(16) + 1) + 1 + 1;
        assert!(log.depth() <= most, "{}, not {most}: {:?}", log.depth(), log.lines());
    }
}

#[test]
fn jobs_limits_the_requests_at_a_time() {
    let scene = scene(Embedded::plain(), 4, 2);
    scene.ok(&format!("--jobs 1 {}", create_line(4)));
    assert_eq!(scene.registry.log().depth(), 8, "one after the other");
}

/// The list in a registry is all that showing it takes.
#[test]
fn a_list_is_shown_with_one_request() {
    let scene = scene(Embedded::plain(), 4, 2);
    scene.ok(&create_line(4));
    scene.ok("push --purge @dst/app:1");
    scene.registry.log().clear();
    scene.ok("inspect @dst/app:1");
    scene.registry.log().assert_requests(&["GET /v2/dst/app/manifests/1 200"]);
}

/// A copy that is made again, or goes on where another has ended, costs one round trip for all that is there.
#[test]
fn blobs_that_are_there_are_asked_after_together() {
    let scene = Scene::with_two(Embedded::plain().tls(&certs::private_ca()), Embedded::plain());
    let layers: Vec<String> = (0..30).map(|layer| format!("layer {layer}")).collect();
    let image = Sample::oci_with_layers("linux/amd64", &layers.iter().map(String::as_str).collect::<Vec<_>>());
    scene.other().put_image("src/app", "1", &image);
    scene.registry.put_image("dst/app", "old", &image);
    scene.ok("create @dst/app:1 %src/app:1");
    scene.registry.log().clear();
    scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
    scene.ok("push @dst/app:1");
    let log = scene.registry.log();
    assert_eq!(log.count("* /v2/dst/app/blobs/uploads/*"), 0, "{:?}", log.lines());
    assert!(log.depth() <= 4, "the first request, blobs, image, list: {} of {:?}", log.depth(), log.lines());
}
