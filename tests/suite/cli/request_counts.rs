//! How many requests a command sends, and how many round trips they take.

use std::time::Duration;

use mfst_testkit::acl::Acl;
use mfst_testkit::buildx::Build;
use mfst_testkit::certs;
use mfst_testkit::embedded::{Builder, Embedded};
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

/// A registry with images `src/N:1` of this many layers. Requests take long enough for concurrent ones to overlap.
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

/// Numbers of images and of layers per image: 1, 9 and 30 blobs per image, as long as all requests fit into one batch.
const SIZES: [(usize, usize); 6] = [(1, 0), (1, 29), (3, 29), (4, 8), (10, 0), (10, 8)];

fn create_line(images: usize) -> String {
    let images: Vec<String> = (0..images).map(|image| format!("@src/{image}:1")).collect();
    format!("create @dst/app:1 {}", images.join(" "))
}

/// Over TLS with tokens: one request for the challenge, one token, and then one round trip per step, however many
/// images and layers there are.
#[test]
fn independent_requests_are_concurrent() {
    for (images, layers) in SIZES {
        let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
        let identity = certs::private_ca();
        let scene = scene(Embedded::plain().tls(&identity).bearer(&tokens), images, layers);

        scene.run_ok(&create_line(images));
        assert_eq!(scene.registry.log().entries().len(), 1 + 2 * images, "{:?}", scene.registry.log().lines());
        assert_eq!(
            scene.registry.log().round_trips(),
            3,
            "challenge, manifests, configs: {:?}",
            scene.registry.log().lines()
        );
        assert_eq!(tokens.requests().len(), 1);
        assert_eq!(scene.registry.log().connections(), 1);

        scene.registry.log().clear();
        scene.run_ok("push @dst/app:1");
        let blobs = images * (layers + 1);
        // The tag of each image is checked along with the target, so that it costs no round trip.
        assert_eq!(scene.registry.log().entries().len(), 1 + 2 * images + blobs + images + 1);
        assert_eq!(scene.registry.log().count("HEAD /v2/src/*/manifests/1 200"), images);
        assert_eq!(
            scene.registry.log().round_trips(),
            5,
            "challenge, what is there, mounts, manifests, list: {:?}",
            scene.registry.log().lines()
        );
        assert_eq!(tokens.requests().len(), 2);
        assert_eq!(scene.registry.log().connections(), 1);
    }
}

/// The same in one command: a single token, and no request is repeated.
#[test]
fn create_push_uses_one_token_and_one_connection() {
    for (images, layers) in SIZES {
        let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
        let identity = certs::private_ca();
        let scene = scene(Embedded::plain().tls(&identity).bearer(&tokens), images, layers);
        scene.run_ok(&create_line(images).replace("create", "create --push"));
        let blobs = images * (layers + 1);
        let log = scene.registry.log();
        assert_eq!(log.entries().len(), 1 + 3 * images + blobs + images + 1, "{:?}", log.lines());
        assert_eq!(log.round_trips(), 6, "challenge, manifests, configs, mounts, manifests, list: {:?}", log.lines());
        assert_eq!(tokens.requests().len(), 1, "{:?}", tokens.requests());
        assert_eq!(log.connections(), 1);
    }
}

/// A copy within a registry takes what `create --push` of the same images takes, without the configs, which it does not read.
#[test]
fn a_copy_within_a_registry_is_as_deep_as_a_push() {
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
    let scene = scene(Embedded::plain().tls(&certs::private_ca()).bearer(&tokens), 0, 0);
    let build = Build::of(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    build.put(&scene.registry, "src/app", "1");
    scene.registry.log().clear();
    scene.run_ok("copy @src/app:1 @dst/app:1");
    let log = scene.registry.log();
    assert_eq!(log.round_trips(), 6, "challenge, list, manifests, mounts, manifests, list: {:?}", log.lines());
    assert_eq!((tokens.requests().len(), log.connections()), (1, 1));
    log.clear();
    scene.run_ok(&format!("copy @src/app@{} @src/app:1", build.digest()));
    assert_eq!((log.entries().len(), log.round_trips()), (3, 3), "challenge, list, tag: {:?}", log.lines());
}

/// A config that several images share has the same platform for all of them.
#[test]
fn a_config_of_several_images_is_fetched_once() {
    let scene = Scene::new();
    for name in ["one", "two", "three"] {
        scene.registry.put_image(&format!("src/{name}"), "1", &Sample::oci("linux/amd64"));
    }
    scene.registry.log().clear();
    scene.run_ok("create @dst/app:1 @src/one:1 @src/two:1 @src/three:1");
    let log = scene.registry.log();
    assert_eq!((log.count("GET */manifests/*"), log.count("GET */blobs/*")), (3, 1), "{:?}", log.lines());
}

/// An index costs one round trip more than its images: it has to be read first.
#[test]
fn images_of_indexes_are_fetched_concurrently() {
    let scene = scene(Embedded::plain(), 0, 0);
    for (number, salt) in ["one", "two", "three"].iter().enumerate() {
        let build = Build::salted(salt, &["linux/amd64", "linux/arm64", "linux/s390x"]);
        build.put(&scene.registry, &format!("src/{number}"), "1");
    }
    scene.run(&create_line(3)).success();
    assert_eq!(scene.registry.log().entries().len(), 3 + 3 * 6, "{:?}", scene.registry.log().lines());
    assert_eq!(scene.registry.log().round_trips(), 3, "the first request, indexes, manifests");
}

/// A copy from another registry waits only for its own download; the list waits for all of them.
#[test]
fn copies_are_concurrent() {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    for arch in ["amd64", "arm64"] {
        let image = Sample::oci_with_layers(&format!("linux/{arch}"), &["shared", "as well"]);
        scene.other().put_image("src/app", arch, &image);
    }
    scene.run_ok("create @dst/app:1 %src/app:amd64 %src/app:arm64");
    for registry in [&scene.registry, scene.other()] {
        registry.log().clear();
        registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
    }
    scene.run_ok("push @dst/app:1");
    assert_eq!(scene.other().log().count("GET /v2/src/app/blobs/* 200"), 4, "{:?}", scene.other().log().lines());
    // The challenge; the other tag; blobs, once the target is known not to have them.
    assert!(scene.other().log().round_trips() <= 3, "{:?}", scene.other().log().lines());
    // The challenge, the checks for the image and the blob, the start and the end of the upload, the images, the list.
    assert!(scene.registry.log().round_trips() <= 7, "{:?}", scene.registry.log().lines());
}

/// What the target has already is neither mounted nor put again: a request for each image, and one for its tag.
#[test]
fn what_is_there_already_is_not_sent_again() {
    const IMAGES: usize = 4;
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
    let scene = scene(Embedded::plain().tls(&certs::private_ca()).bearer(&tokens), IMAGES, 8);
    scene.run_ok(&create_line(IMAGES));
    let log = scene.registry.log();
    let run = |line: &str| {
        log.clear();
        let printed = scene.run_ok(line);
        (printed, log.round_trips(), log.entries().len())
    };
    let create_push = create_line(IMAGES).replace("create", "create --push");
    for line in ["push @dst/app:1", &create_push] {
        // The first run of the second line goes to another repository.
        let (first, depth, _) = run(&line.replace("create --push @dst/app", "create --push @dst/other"));
        let (again, depth_again, requests) = run(line);
        assert_eq!(again.lines().last(), first.lines().last(), "the same digest");
        assert!(depth_again < depth, "{line}: {depth_again} after {depth}: {:?}", log.lines());
        assert_eq!((log.count("POST *"), log.count("PUT *")), (0, 1), "{:?}", log.lines());
        assert_eq!(log.count("HEAD /v2/dst/app/manifests/sha256:* 200"), IMAGES);
        // The challenge; two requests to read each image, or one for its tag; the list.
        let reading = if line.starts_with("push") { IMAGES } else { 2 * IMAGES };
        assert_eq!(requests, 1 + reading + IMAGES + 1, "{:?}", log.lines());
    }
    // An image that is new is sent, and no other.
    let new = Sample::oci_with_layers("linux/riscv64", &["new"]);
    scene.registry.put_image("src/new", "1", &new);
    run(&format!("{create_push} @src/new:1"));
    assert_eq!(log.count("POST *"), new.blobs().len(), "{:?}", log.lines());
    assert_eq!(log.count("PUT *"), 2, "{:?}", log.lines());
}

/// At most a hundred requests run at a time, so every further hundred of a step costs a round trip.
#[test]
fn at_most_a_hundred_requests_are_concurrent() {
    const IMAGES: usize = 10;
    let identity = certs::private_ca();
    let scene = scene(Embedded::plain().tls(&identity), IMAGES, 29);
    scene.run_ok(&create_line(IMAGES));
    scene.registry.log().clear();
    scene.run_ok("push @dst/app:1");
    let log = scene.registry.log();
    assert_eq!((log.count("POST *"), log.connections()), (IMAGES * 30, 1));
    // The challenge; four batches of mounts and tags, one of which may be late; manifests; the list.
    assert!(log.round_trips() <= 1 + 4 + 1 + 1 + 1, "{}", log.round_trips());
}

/// Without HTTP/2 each concurrent request needs a connection; there are at most sixteen, and they are reused.
#[test]
fn without_http2_there_are_at_most_sixteen_connections() {
    for (images, layers) in [(4, 8), (10, 8), (4, 29)] {
        let scene = scene(Embedded::plain(), images, layers);
        let log = scene.registry.log();
        scene.run_ok(&create_line(images));
        assert_eq!(log.round_trips(), 3, "the first request, manifests, configs: {:?}", log.lines());
        log.clear();
        scene.run_ok("push @dst/app:1");
        assert!(log.connections() <= 16, "{}", log.connections());
        // The challenge; tags, what is there, and mounts, some of which may be late; manifests; the list.
        let waiting = 2 * images + images * (layers + 1) - 1;
        let most = 1 + (1 + waiting.div_ceil(16) + 1) + 1 + 1;
        assert!(log.round_trips() <= most, "{}, not {most}: {:?}", log.round_trips(), log.lines());
    }
}

#[test]
fn jobs_limits_concurrent_requests() {
    let scene = scene(Embedded::plain(), 4, 2);
    scene.run_ok(&format!("--jobs 1 {}", create_line(4)));
    assert_eq!(scene.registry.log().round_trips(), 8, "one after the other");
}

/// Showing a list in a registry needs only the list itself.
#[test]
fn inspect_of_a_list_sends_one_request() {
    let scene = scene(Embedded::plain(), 4, 2);
    scene.run_ok(&create_line(4));
    scene.run_ok("push --purge @dst/app:1");
    scene.registry.log().clear();
    scene.run_ok("inspect @dst/app:1");
    scene.registry.log().assert_requests(&["GET /v2/dst/app/manifests/1 200"]);
}

/// A copy that is repeated or continued costs one round trip for all blobs that exist.
#[test]
fn existing_blobs_are_checked_concurrently() {
    let scene = Scene::with_two(Embedded::plain().tls(&certs::private_ca()), Embedded::plain());
    let layers: Vec<String> = (0..30).map(|layer| format!("layer {layer}")).collect();
    let image = Sample::oci_with_layers("linux/amd64", &layers.iter().map(String::as_str).collect::<Vec<_>>());
    scene.other().put_image("src/app", "1", &image);
    scene.registry.put_image("dst/app", "old", &image);
    scene.run_ok("create @dst/app:1 %src/app:1");
    scene.registry.log().clear();
    scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
    scene.run_ok("push @dst/app:1");
    let log = scene.registry.log();
    assert_eq!(log.count("* /v2/dst/app/blobs/uploads/*"), 0, "{:?}", log.lines());
    assert!(
        log.round_trips() <= 4,
        "the first request, blobs, image, list: {} of {:?}",
        log.round_trips(),
        log.lines()
    );
}

/// Whatever is asked about a list costs one token; then one request, two levels, three levels.
#[test]
fn what_is_asked_about_a_list_costs_no_more_than_its_levels() {
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull")])).start();
    let scene = scene(Embedded::plain().tls(&certs::private_ca()).bearer(&tokens), 0, 0);
    let build = Build::of(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    build.put(&scene.registry, "t/app", "1");
    let log = scene.registry.log();
    // The first request is refused, and says where tokens are.
    let lines = [
        ("digest @t/app:1", 2),
        ("exists @t/app:1", 2),
        ("show @t/app:1", 3),
        ("verify @t/app:1", 4),
        ("tags @t/app", 2),
    ];
    for (line, depth) in lines {
        log.clear();
        let asked = tokens.requests().len();
        scene.run_ok(line);
        assert_eq!((log.round_trips(), tokens.requests().len() - asked), (depth, 1), "{line}: {:?}", log.lines());
        assert_eq!(log.connections(), 1, "{line}");
    }
}

/// Several references cost as much as one, and one token.
#[test]
fn several_references_are_asked_for_together() {
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull")])).start();
    let scene = scene(Embedded::plain().tls(&certs::private_ca()).bearer(&tokens), 8, 1);
    let names: Vec<String> = (0..8).map(|image| format!("@src/{image}:1")).collect();
    let log = scene.registry.log();
    for (command, depth) in [("digest", 2), ("exists", 2), ("verify", 3), ("show", 3)] {
        log.clear();
        let asked = tokens.requests().len();
        scene.run_ok(&format!("{command} {}", names.join(" ")));
        assert_eq!((log.round_trips(), tokens.requests().len() - asked), (depth, 1), "{command}: {:?}", log.lines());
    }
}
