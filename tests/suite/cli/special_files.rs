//! Configuration files that are named pipes, sockets, devices or endless: none of them is read, and each is named.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use mfst_testkit::certs;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::scene::Scene;
use mfst_testkit::secrets::PASSWORD;

/// Makes one special file after the other at `path`, and calls `check` with the reason why it is not read.
fn with_special_files(path: &Path, mut check: impl FnMut(&str)) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    let makers: [(&str, &dyn Fn()); 4] = [
        ("it is a named pipe", &|| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success())),
        ("it is a socket", &|| drop(UnixListener::bind(path).expect("a socket"))),
        ("it is a device", &|| symlink("/dev/zero", path).expect("a link")),
        ("it is larger than", &|| File::create(path).expect("a file").set_len(1 << 40).expect("a sparse file")),
    ];
    for (reason, make) in makers {
        let _ = fs::remove_file(path);
        make();
        check(reason);
    }
}

/// A registry with a login and a home without one.
fn with_login() -> Scene {
    Scene::with(Embedded::plain().basic("alice", PASSWORD))
}

#[test]
fn a_config_that_is_not_a_regular_file_is_warned_about_and_ignored() {
    let scene = Scene::new();
    let config = scene.home.config_dir().join("config.json");
    with_special_files(&config, |reason| {
        let ran = scene.run("inspect @t/app:amd64");
        let expected = format!("WARNING: Error loading config file: open {}: {reason}", config.display());
        assert!(ran.stderr.starts_with(&expected), "{ran:?}");
        ran.ok();
    });
}

#[test]
fn a_config_may_be_a_link_to_a_regular_file_or_to_the_null_device() {
    let scene = with_login();
    scene.home.log_in(&scene.domain, "alice", PASSWORD);
    let config = scene.home.config_dir().join("config.json");
    fs::rename(&config, scene.home.home().join("elsewhere.json")).expect("a file");
    symlink("../elsewhere.json", &config).expect("a link");
    scene.ok("inspect @t/app:amd64");
    fs::remove_file(&config).expect("a link");
    symlink("/dev/null", &config).expect("a link");
    let stderr = scene.refused("inspect @t/app:amd64");
    assert!(stderr.contains("401") && !stderr.contains("config file"), "{stderr}");
}

#[test]
fn an_auth_file_of_podman_that_is_not_a_regular_file_is_warned_about_and_ignored() {
    let mut scene = Scene::new();
    let auth = scene.home.home().join("auth.json");
    scene.home.env("REGISTRY_AUTH_FILE", &auth);
    with_special_files(&auth, |reason| {
        let ran = scene.run("inspect @t/app:amd64");
        assert!(ran.stderr.starts_with(&format!("warning: skipping {}: {reason}", auth.display())), "{ran:?}");
        ran.ok();
    });
    scene.home.env("REGISTRY_AUTH_FILE", "/dev/null");
    assert_eq!(scene.run("inspect @t/app:amd64").stderr, "");
}

#[test]
fn a_login_in_an_auth_file_of_podman_is_found_through_a_link() {
    let mut scene = with_login();
    let link = scene.home.home().join("auth.json");
    scene.home.env("REGISTRY_AUTH_FILE", &link);
    let login = json!({"username": "alice", "password": PASSWORD});
    let content = json!({"auths": {scene.domain.as_str(): login}}).to_string();
    fs::write(scene.home.home().join("elsewhere.json"), content).expect("a file");
    symlink("elsewhere.json", &link).expect("a link");
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn a_certificate_that_is_not_a_regular_file_is_warned_about_and_ignored() {
    let identity = certs::private_ca();
    let (mut scene, _proxy) = Scene::through(Embedded::plain().tls(&identity), |proxy| proxy);
    scene.home.env("SSL_CERT_FILE", identity.trust_file());
    let directory: PathBuf = scene.home.config_dir().join("certs.d/registry.test");
    for name in ["ca.crt", "client.cert"] {
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("client.key"), "").expect("a key");
        fs::write(directory.join("client.cert"), "").expect("a certificate");
        let certificate = directory.join(name);
        with_special_files(&certificate, |reason| {
            let ran = scene.run("inspect @t/app:amd64");
            assert!(ran.stderr.contains(&format!("warning: skipping {}: {reason}", certificate.display())), "{ran:?}");
        });
        fs::remove_dir_all(&directory).expect("a directory");
    }
}

#[test]
fn a_bundle_of_authorities_that_is_not_a_regular_file_is_an_error() {
    let (mut scene, _proxy) = Scene::through(Embedded::plain().tls(&certs::private_ca()), |proxy| proxy);
    let bundle = scene.home.home().join("bundle.pem");
    scene.home.env("SSL_CERT_FILE", &bundle);
    with_special_files(&bundle, |reason| {
        let stderr = scene.refused("inspect @t/app:amd64");
        assert!(stderr.contains(&format!("SSL_CERT_FILE={}: {reason}", bundle.display())), "{stderr}");
    });
}
