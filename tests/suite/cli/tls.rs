//! TLS, and D4: registries on loopback work without a flag, whatever they speak.

use mfst_testkit::log::Version;

use mfst_testkit::acl::Acl;
use mfst_testkit::certs::{self, Identity};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::scene::Scene;
use mfst_testkit::secrets::PASSWORD;
use mfst_testkit::token::TokenServer;

/// Every command that talks to a registry, with this flag.
#[track_caller]
fn round_trip(scene: &Scene, host: &str, flag: &str) {
    let name = |name: &str| format!("{host}/{name}");
    let (list, image) = (name("x/app:v1"), name("t/app:amd64"));
    let run = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().filter(|arg| !arg.is_empty()).collect();
        scene.home.ok(&args)
    };
    run(&["create", flag, &list, &image]);
    run(&["push", flag, "--purge", &list]);
    run(&["inspect", flag, &list]);
}

fn secure(identity: &Identity) -> Scene {
    Scene::with(Embedded::plain().tls(identity))
}

#[test]
fn d4_plain_http_on_loopback_needs_no_flag() {
    let scene = Scene::new();
    round_trip(&scene, &scene.registry.host(), "");
    round_trip(&scene, &scene.registry.host(), "--insecure");
}

#[test]
fn d4_tls_of_an_unknown_authority_on_loopback_needs_no_flag() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let scene = secure(&identity);
        round_trip(&scene, &scene.registry.host(), "");
        round_trip(&scene, &scene.registry.host(), "--insecure");
    }
}

#[test]
fn d4_loopback_has_more_than_one_name() {
    for identity in [None, Some(certs::private_ca())] {
        let settings = |ip| {
            let settings = Embedded::plain().on(ip);
            match &identity {
                None => settings,
                Some(identity) => settings.tls(identity),
            }
        };
        let scene = Scene::with(settings("127.0.0.1"));
        let host = scene.registry.host().replace("127.0.0.1", "localhost");
        round_trip(&scene, &host, "");
        // Machines without IPv6 exist.
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            let scene = Scene::with(settings("[::1]"));
            round_trip(&scene, &scene.registry.host(), "");
        }
    }
}

#[test]
fn an_authority_named_by_the_environment_is_trusted() {
    for identity in [certs::private_ca(), certs::self_signed()] {
        let mut scene = secure(&identity);
        scene.home.env("SSL_CERT_FILE", identity.trust_file());
        round_trip(&scene, &scene.registry.host(), "");
    }
}

#[test]
fn over_tls_http2_is_spoken_where_the_registry_does() {
    let identity = certs::private_ca();
    let scene = secure(&identity);
    round_trip(&scene, &scene.registry.host(), "");
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.version == Version::HTTP_2));
    // One connection each for create, push and inspect.
    assert_eq!(scene.registry.log().connections(), 3);
}

#[test]
fn over_tls_http1_is_spoken_where_the_registry_knows_no_other() {
    let identity = certs::private_ca().http1_only();
    let scene = secure(&identity);
    round_trip(&scene, &scene.registry.host(), "");
    let entries = scene.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.version == Version::HTTP_11));
}

#[test]
fn tokens_are_fetched_over_tls_too() {
    let identity = certs::private_ca();
    let acl = Acl::default().user("alice", PASSWORD, &[("*", "pull,push")]);
    let tokens = TokenServer::plain(acl).tls(&identity).start();
    let scene = Scene::with(Embedded::plain().tls(&identity).bearer(&tokens));
    scene.home.log_in(&scene.registry.host(), "alice", PASSWORD);
    round_trip(&scene, &scene.registry.host(), "");
    assert!(tokens.realm().starts_with("https://"));
    assert!(!tokens.requests().is_empty());
}

#[test]
fn requests_of_one_command_share_a_connection() {
    let scene = Scene::new();
    scene.ok("create @t/app:v1 @t/app:amd64");
    assert_eq!(scene.registry.log().connections(), 1);
    assert_eq!(scene.registry.log().entries().len(), 2);
}
