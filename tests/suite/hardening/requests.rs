//! A push that fails at any request: the tag refers to the old list or to the new one, the push reports success only if
//! the new one is complete, and running the same command again completes it.

use serde_json::Value;

use crate::hardening::operations::{every, report, sampled};
use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::{Fault, Script};
use mfst_testkit::log::Log;
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{self, Scene, amd64, arm64};
use mfst_testkit::secrets::PASSWORD;
use mfst_testkit::token_server::TokenServer;

/// How many failures of each kind of push the default run tries.
const SAMPLE: usize = 60;

/// How a request fails.
type Kind = (&'static str, fn(Fault) -> Fault);

/// All kinds of failures.
const KINDS: [Kind; 8] = [
    ("cut before", Fault::cut_before),
    ("cut after", Fault::cut_after),
    ("500", |fault| fault.answer(500, "oops")),
    ("403", |fault| fault.answer(403, r#"{"errors":[{"code":"DENIED","message":"not today"}]}"#)),
    ("404", |fault| fault.answer(404, "")),
    ("corrupt", Fault::corrupt),
    ("truncated", |fault| fault.truncate(1)),
    ("another digest", |fault| fault.header("docker-content-digest", &digest(b"another"))),
];

/// The servers of a push.
struct Servers {
    scene: Scene,
    tokens: Option<TokenServer>,
    /// The source registry, if it is another one.
    source: Option<Embedded>,
    images: Vec<String>,
}

impl Servers {
    fn of(registry: mfst_testkit::embedded::Builder) -> Self {
        Self::new(Scene::with(registry), None)
    }

    fn new(scene: Scene, tokens: Option<TokenServer>) -> Self {
        let images = ["t/app:amd64", "t/app:arm64"].map(|image| scene.name(image)).to_vec();
        Self { scene, tokens, source: None, images }
    }

    /// The servers with their faults and logs.
    fn servers(&self) -> Vec<(&Script, &Log)> {
        let registry = (self.scene.registry.script(), self.scene.registry.log());
        let tokens = self.tokens.iter().map(|it| (it.script(), it.log()));
        let source = self.source.iter().map(|it| (it.script(), it.log()));
        std::iter::once(registry).chain(tokens).chain(source).collect()
    }

    /// Pushes an older list under the tag and makes the new one locally.
    fn prepare(&self) {
        let repo = "demo/app";
        let old = Sample::oci("linux/s390x");
        self.scene.registry.put_image(repo, "v1", &old);
        let list = self.scene.name("demo/app:v1");
        let mut words = vec!["create", &list];
        words.extend(self.images.iter().map(String::as_str));
        self.scene.home.run_ok(&words);
        self.servers().iter().for_each(|(_, log)| log.clear());
    }

    fn push(&self) -> mfst_testkit::sandbox::CommandOutput {
        self.scene.run("push --retries 0 --jobs 1 @demo/app:v1")
    }

    /// The digest that the tag refers to. Fails unless all content of that list exists.
    fn tagged(&self) -> String {
        let registry = &self.scene.registry;
        let (_, list) = registry.manifest("demo/app", "v1").expect("the tag");
        let parsed: Value = serde_json::from_slice(&list).expect("JSON");
        for child in parsed["manifests"].as_array().into_iter().flatten() {
            let child = child["digest"].as_str().expect("a digest");
            let (_, child) = registry.manifest("demo/app", child).expect("a child that the list names");
            let child: Value = serde_json::from_slice(&child).expect("JSON");
            let layers = child["layers"].as_array().into_iter().flatten();
            for blob in layers.chain([&child["config"]]) {
                assert!(registry.has_blob("demo/app", blob["digest"].as_str().expect("a digest")), "{blob}");
            }
        }
        digest(&list)
    }
}

/// Makes each request fail in turn.
fn fail_each_request(name: &str, servers: impl Fn() -> Servers) {
    let clean = servers();
    clean.prepare();
    let old = clean.tagged();
    clean.push().success();
    let mut points = Vec::new();
    for (server, (_, log)) in clean.servers().iter().enumerate() {
        for number in 0..log.entries().len() {
            points.extend(KINDS.iter().map(|kind| (server, number, kind)));
        }
    }
    assert!(points.len() >= 5 * KINDS.len(), "{points:?}");
    let (mut failed, mut succeeded) = (0, 0);
    for (server, number, (kind, with_kind)) in sampled(&points, SAMPLE) {
        let servers = servers();
        servers.prepare();
        let (script, log) = servers.servers()[server];
        script.add(with_kind(Fault::on("*", "").skip(number)));
        let result = servers.push();
        let context = || format!("{name}, server {server}, request {number}, {kind}: {result:#?}\n{:#?}", log.lines());
        let tagged = servers.tagged();
        let printed = result.stdout.lines().last().filter(|line| line.starts_with("sha256:"));
        match result.code {
            Some(0) => assert_eq!(printed, Some(tagged.as_str()), "{}", context()),
            Some(1) => assert!(printed.is_none() && !result.stderr.is_empty(), "{}", context()),
            _ => panic!("{}", context()),
        }
        *(if result.code == Some(0) { &mut succeeded } else { &mut failed }) += 1;
        let again = servers.push().success();
        let now = servers.tagged();
        assert_eq!(again.lines().last(), Some(now.as_str()), "{}", context());
        assert!(tagged == old || tagged == now, "{}", context());
        assert!(result.code == Some(1) || tagged == now, "{}", context());
    }
    assert!(failed > 0);
    report(&format!("failing requests, {name}: {succeeded} pushes succeeded anyway"), failed + succeeded, points.len());
    assert!(every() || failed + succeeded <= SAMPLE);
}

#[test]
fn push_with_mounts() {
    fail_each_request("mounts", || Servers::of(Embedded::plain()));
}

#[test]
fn push_with_copies_into_uploads_started_by_mounts() {
    fail_each_request("copies", || Servers::of(Embedded::plain().mount_status(202)));
}

#[test]
fn push_with_copies_into_new_uploads() {
    fail_each_request("copies after refusals", || Servers::of(Embedded::plain().mount_status(405)));
}

#[test]
fn push_with_tokens() {
    fail_each_request("tokens", || {
        let acl = Acl::default().user("alice", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")]);
        let tokens = TokenServer::plain(acl).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        scene.home.log_in(&scene.domain, "alice", PASSWORD);
        Servers::new(scene, Some(tokens))
    });
}

/// A list whose images are in another registry.
fn with_source_registry() -> Servers {
    let source = Embedded::plain().start();
    source.put_image("t/app", "amd64", &amd64());
    source.put_image("t/app", "arm64", &arm64());
    let registry = Embedded::plain().start();
    let (home, domain) = (Sandbox::new(), registry.host());
    let images = ["t/app:amd64", "t/app:arm64"].map(|image| source.image(image)).to_vec();
    Servers { scene: scene::Scene { registry, home, domain, other: None }, tokens: None, source: Some(source), images }
}

#[test]
fn push_from_another_registry() {
    fail_each_request("another registry", with_source_registry);
}

/// A push succeeds only if the registry reports the right digest.
#[test]
fn a_response_with_another_digest_is_an_error() {
    let other = digest(b"another");
    for manifest in ["/manifests/sha256:", "/manifests/v1"] {
        let servers = Servers::of(Embedded::plain());
        servers.prepare();
        let old = servers.tagged();
        let fault = Fault::on("PUT", manifest).always().answer(201, "").header("docker-content-digest", &other);
        servers.scene.registry.fault(fault);
        let output = servers.push().failure(1);
        assert!(output.contains(&other), "{output}");
        assert_eq!(servers.tagged(), old);
    }
}
