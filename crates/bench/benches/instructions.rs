//! The instructions of a run, which are what it costs besides the network:
//! `cargo bench -p mfst-bench --bench instructions`.
//!
//! mfst makes a list of 10 images with 9 blobs each under callgrind, in a registry in this process: over plain HTTP on this
//! machine, over TLS with tokens and a login, and the same with a registry that it has met before. `MFST_BIN` names another
//! program to measure, and `CALLGRIND_OUT` a directory for callgrind's files, which `callgrind_annotate` reads.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark is what it prints")]
#![allow(clippy::expect_used, unreachable_pub, reason = "a benchmark fails by panicking, and is nobody's interface")]

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mfst_testkit::acl::Acl;
use mfst_testkit::certs;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

const IMAGES: usize = 10;
const LAYERS: usize = 8;

fn main() {
    let temporary = tempfile::TempDir::new().expect("a directory");
    let profiles = env::var_os("CALLGRIND_OUT").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    println!("| registry | million instructions |");
    println!("|---|---|");

    let plain = Scene::new();
    put_images(&plain.registry);
    report("plain HTTP on this machine", &plain, &profiles.join("plain"));

    let identity = certs::private_ca();
    let tokens =
        TokenServer::plain(Acl::default().user("bench", "secret", &[("*", "pull,push")])).tls(&identity).start();
    let challenge = r#"Bearer realm="https://tokens.test/token",service="{service}"{scope}{error}"#;
    let registry = Embedded::plain().tls(&identity).bearer_challenges(&tokens, &[challenge]);
    let (mut secure, _proxy) = Scene::via_proxy(registry, |proxy| proxy.route("tokens.test:443", tokens.address()));
    secure.home.env("SSL_CERT_FILE", identity.ca_file());
    secure.home.log_in(&secure.domain, "bench", "secret");
    put_images(&secure.registry);
    report("TLS and tokens, first contact", &secure, &profiles.join("tls"));
    report("TLS and tokens, met before", &secure, &profiles.join("tls-again"));
}

fn put_images(registry: &Embedded) {
    for image in 0..IMAGES {
        let layers: Vec<String> = (0..LAYERS).map(|layer| format!("layer {layer} of {image}")).collect();
        let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
        let sample = Sample::oci_with_layers(&format!("linux/cpu{image}"), &layers);
        registry.put_image(&format!("src/{image}"), "1", &sample);
    }
}

fn report(title: &str, scene: &Scene, profile: &Path) {
    let images: Vec<String> = (0..IMAGES).map(|image| format!("@src/{image}:1")).collect();
    let name = profile.file_name().unwrap_or_default().to_string_lossy();
    let line = scene.words(&format!("create --push @dst/{name}:1 {}", images.join(" ")));
    println!("| {title} | {:.1} |", instructions(scene, &line, profile) / 1e6);
}

fn instructions(scene: &Scene, line: &[String], profile: &Path) -> f64 {
    let program = env::var_os("MFST_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_mfst-bench").into());
    let mut file = OsString::from("--callgrind-out-file=");
    file.push(profile);
    let mut words: Vec<OsString> = vec!["--tool=callgrind".into(), file, program];
    words.extend(line.iter().map(OsString::from));
    let ran = CommandOutput::of(&mut scene.home.program("valgrind", &words));
    let collected = ran.stderr.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    collected.and_then(|count| count.parse().ok()).expect("callgrind's number of instructions")
}
