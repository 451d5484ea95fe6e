//! Where a registry may send us: never to a place that is nearer than itself, because what is only to be reached from
//! this machine may trust everyone who reaches it.

use mfst_testkit::log::Method;

use crate::registry::setup::{acl, assert_contains, log_in, make_list};
use mfst_testkit::certs::{Identity, private_ca};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::namespace::Namespace;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;
use mfst_testkit::token_server::TokenServer;

/// Ways to write an address of this machine, all of which a connection would reach.
const THIS_MACHINE: [&str; 12] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "0.0.0.0",
    "0",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "a.localhost",
];
/// Addresses of this link.
const THIS_LINK: [&str; 4] = ["169.254.169.254", "0.1.2.3", "[fe80::1]", "[::ffff:169.254.0.1]"];

/// A registry that is not on this machine, with a trusted certificate and alice's login.
fn elsewhere(registry: mfst_testkit::embedded::Builder, identity: &Identity) -> (Scene, Proxy) {
    let (mut scene, proxy) = Scene::via_proxy(registry.tls(identity), |proxy| proxy);
    scene.home.env("SSL_CERT_FILE", identity.ca_file());
    log_in(&scene, "alice");
    (scene, proxy)
}

/// Makes the registry lead all requests of this kind to a URL.
fn lead(scene: &Scene, method: &Method, pattern: &str, url: &str) {
    let status = if *method == Method::POST { 202 } else { 307 };
    scene.registry.fault(Fault::on(method.as_str(), pattern).always().answer(status, "").header("location", url));
}

/// What makes a command go where a registry leads it, and the command.
fn ways() -> [(Method, &'static str, &'static str); 4] {
    [
        (Method::GET, "/manifests/", "inspect"),
        (Method::GET, "/blobs/", "create"),
        (Method::HEAD, "/manifests/", "push"),
        (Method::POST, "/blobs/uploads/", "push"),
    ]
}

/// Runs a command that does what it can without a second try.
fn run(scene: &Scene, command: &str) -> CommandOutput {
    match command {
        "inspect" => scene.run("inspect --retries 0 @t/app:amd64"),
        "create" => scene.run("create --retries 0 @demo/other:v1 @t/app:amd64"),
        _ => scene.run("push --retries 0 --verify @demo/app:v1"),
    }
}

#[test]
fn a_token_server_on_this_machine_is_for_registries_on_this_machine() {
    for host in THIS_MACHINE.into_iter().chain(THIS_LINK) {
        let identity = private_ca();
        let tokens = TokenServer::plain(acl()).tls(&identity).start();
        for scheme in ["https", "http"] {
            let challenge =
                format!(r#"Bearer realm="{scheme}://{host}:{}/token",service="x""#, tokens.address().port());
            let (scene, proxy) = elsewhere(Embedded::plain().bearer_challenges(&tokens, &[&challenge]), &identity);
            let said = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
            assert_contains(&said, &["/token", "refusing"]);
            assert_eq!(tokens.connections(), 0, "{scheme}://{host}");
            assert_eq!(proxy.log(), ["CONNECT registry.test:443"], "{scheme}://{host}");
        }
    }
}

#[test]
fn redirects_and_upload_locations_to_this_machine_are_for_registries_on_this_machine() {
    for (method, pattern, command) in ways() {
        for host in ["127.0.0.1", "0.0.0.0", "localhost.", "[::ffff:127.0.0.1]"] {
            let identity = private_ca();
            let local = Embedded::plain().tls(&identity).start();
            let (scene, _proxy) = elsewhere(Embedded::plain().mount_status(202), &identity);
            make_list(&scene);
            let url = format!("https://{host}:{}/v2/t/app/steal", local.address().port());
            lead(&scene, &method, pattern, &url);
            let said = run(&scene, command).failure(1);
            assert_contains(&said, &["/v2/t/app/steal", "refusing to connect: it is on this machine"]);
            assert_eq!(local.connections(), 0, "{method} {pattern} {host}");
        }
    }
}

#[test]
fn a_registry_on_this_machine_may_lead_to_this_machine() {
    for (method, pattern, command) in ways() {
        let local = Embedded::plain().start();
        let scene = Scene::with(Embedded::plain().mount_status(202));
        make_list(&scene);
        lead(&scene, &method, pattern, &format!("{}/v2/t/app/elsewhere", local.origin()));
        run(&scene, command).failure(1);
        assert!(local.log().count("*/elsewhere*") > 0, "{method} {pattern}");
    }
}

#[test]
fn a_server_on_the_way_cannot_lead_back_to_this_machine() {
    let identity = private_ca();
    let (local, storage) = (Embedded::plain().start(), Embedded::plain().tls(&identity).start());
    let mut scene = Scene::with(Embedded::plain());
    let proxy = Proxy::open().route("other.test:443", storage.address()).start();
    scene.home.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", identity.ca_file());
    lead(&scene, &Method::GET, "/manifests/", "https://other.test/v2/t/app/manifests/there");
    let away = format!("https://{}/steal", local.host());
    storage.fault(Fault::on("GET", "/there").always().answer(307, "").header("location", &away));
    let said = scene.run_err_unchanged("inspect --retries 0 @t/app:amd64");
    assert_contains(&said, &[&away, "refusing to connect"]);
    assert_eq!(local.connections(), 0);
    storage.log().assert_requests(&["GET /v2/t/app/manifests/there 307"]);
}

#[test]
fn a_name_that_means_this_machine_is_this_machine() {
    let Some(names) = Namespace::with_names(&[("127.0.0.1", "evil.test"), ("::ffff:127.0.0.1", "worse.test")]) else {
        return;
    };
    for host in ["evil.test", "EVIL.test", "worse.test"] {
        for (method, pattern, command) in ways() {
            let identity = private_ca();
            let local = Embedded::plain().tls(&identity).start();
            let (mut scene, _proxy) = elsewhere(Embedded::plain().mount_status(202), &identity);
            scene.home.env("NO_PROXY", "evil.test,worse.test");
            make_list(&scene);
            let url = format!("https://{host}:{}/v2/t/app/steal", local.address().port());
            lead(&scene, &method, pattern, &url);
            let line = match command {
                "inspect" => "inspect --retries 0 @t/app:amd64",
                "create" => "create --retries 0 @demo/other:v1 @t/app:amd64",
                _ => "push --retries 0 --verify @demo/app:v1",
            };
            let words = scene.words(line);
            let ran = names.run(&scene.home, &words.iter().map(String::as_str).collect::<Vec<_>>());
            assert_contains(&ran.failure(1), &["/v2/t/app/steal", "refusing to connect: it is on this machine"]);
            assert_eq!(local.connections(), 0, "{method} {pattern} {host}");
        }
    }
}

#[test]
fn d4_a_registry_under_a_name_for_this_machine_is_on_this_machine() {
    let Some(names) = Namespace::with_names(&[("127.0.0.1", "vm"), ("127.0.0.1", "registry.localhost")]) else {
        return;
    };
    for host in ["vm", "registry.localhost"] {
        for settings in [Embedded::plain(), Embedded::plain().tls(&private_ca())] {
            let tokens = TokenServer::plain(acl()).start();
            let scene = Scene::with(settings.bearer(&tokens));
            let domain = format!("{host}:{}", scene.registry.address().port());
            scene.home.log_in(&domain, "alice", crate::registry::setup::PASSWORD);
            names.run(&scene.home, &["inspect", "--retries", "0", &format!("{domain}/t/app:amd64")]).success();
            assert_eq!(tokens.requests().len(), 1);
        }
    }
}

#[test]
fn the_certificates_of_what_a_registry_on_this_machine_leads_to_are_verified() {
    for (method, pattern, command) in ways() {
        let identity = private_ca();
        let storage = Embedded::plain().tls(&identity).start();
        let mut scene = Scene::with(Embedded::plain().mount_status(202));
        make_list(&scene);
        lead(&scene, &method, pattern, &format!("{}/v2/t/app/elsewhere", storage.origin()));
        assert_contains(&run(&scene, command).failure(1), &["/v2/t/app/elsewhere", "TLS", "certificate"]);
        storage.log().assert_requests(&[]);
        scene.home.env("SSL_CERT_FILE", identity.ca_file());
        run(&scene, command).failure(1);
        assert!(storage.log().count("*/elsewhere*") > 0, "{method} {pattern}");
    }
}

#[test]
fn the_certificate_of_a_token_server_is_verified_but_for_insecure() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).tls(&identity).start();
    let scene = Scene::with(Embedded::plain().tls(&identity).bearer(&tokens));
    log_in(&scene, "alice");
    assert_contains(
        &scene.run_err_unchanged("inspect --retries 0 @t/app:amd64"),
        &["/token", "TLS", "certificate", "--insecure"],
    );
    tokens.log().assert_requests(&[]);
    scene.run_ok("inspect --insecure @t/app:amd64");
    assert_eq!(tokens.requests().len(), 1);
}

#[test]
fn insecure_is_for_the_token_server_of_a_registry_elsewhere_too_as_with_docker() {
    let identity = private_ca();
    let tokens = TokenServer::plain(acl()).tls(&identity).start();
    let challenge = r#"Bearer realm="https://tokens.test/token",service="{service}""#;
    let registry = Embedded::plain().tls(&identity).bearer_challenges(&tokens, &[challenge]);
    let (scene, _proxy) = Scene::via_proxy(registry, |proxy| proxy.route("tokens.test:443", tokens.address()));
    log_in(&scene, "alice");
    scene.run_ok("inspect --insecure @t/app:amd64");
    assert_eq!(tokens.requests().len(), 1);
}
