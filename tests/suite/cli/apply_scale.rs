//! `apply` with the lists of a large release in one file.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use mfst_testkit::acl::Acl;
use mfst_testkit::certs;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, digests};
use mfst_testkit::token_server::TokenServer;

const LISTS: usize = 50;
/// Images in each list.
const IMAGES: usize = 4;
/// Layers of each image, beside its config.
const LAYERS: usize = 8;
/// In MiB.
const MEMORY: usize = 32;

/// Every image is in a repository of its own, and so is every list.
#[test]
fn fifty_lists_share_connections_and_tokens_and_take_little_memory() {
    let tokens = TokenServer::plain(Acl::default().anonymous(&[("*", "pull,push")])).start();
    let identity = certs::private_ca();
    let scene = Scene::with(Embedded::plain().tls(&identity).bearer(&tokens));
    let mut spec = String::new();
    for list in 0..LISTS {
        write!(spec, "---\nimage: {}\nmanifests:\n", scene.name(&format!("dst/{list}:1"))).expect("a string");
        for image in 0..IMAGES {
            let name = format!("src/{list}-{image}");
            let layers: Vec<String> = (0..LAYERS).map(|layer| format!("{name} {layer}")).collect();
            let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
            let sample = Sample::oci_with_layers(&format!("linux/cpu{list}-{image}"), &layers);
            scene.registry.put_image(&name, "1", &sample);
            writeln!(spec, "- image: {}", scene.name(&format!("{name}:1"))).expect("a string");
        }
    }
    let path = scene.home.home().join("release.yaml");
    fs::write(&path, spec).expect("a file");
    scene.registry.log().clear();
    // Requests overlap, as they do with a registry that is far away.
    scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(20)));

    let printed = scene.home.run_within(MEMORY, &["apply", path.to_str().expect("a path in UTF-8")]).success();
    assert_eq!(printed.lines().count(), LISTS);
    assert_eq!(digests(&scene.pushed("dst/49", "1")).len(), IMAGES);
    let log = scene.registry.log();
    let (images, challenge) = (LISTS * IMAGES, 1);
    // Of each image: manifest and config, what is there, mounts, the manifest again.
    let expected = challenge + images * (2 + 1 + LAYERS + 1 + 1) + LISTS;
    assert_eq!(log.entries().len(), expected);
    assert!(tokens.requests().len() <= 3, "{:?}", tokens.requests());
    assert!(log.connections() <= 2, "{}", log.connections());
}
