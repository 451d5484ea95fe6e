//! A push that fails at any request: the tag stands for the old list or for the
//! new one, success is told only where it is the new one with all that belongs
//! to it, and the same command completes what is missing.

use serde_json::Value;

use crate::hardening::operations::{every, sampled, tell};
use mfst_testkit::acl::Acl;
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::{Fault, Script};
use mfst_testkit::log::Log;
use mfst_testkit::sample::{Sample, digest};
use mfst_testkit::sandbox::Sandbox;
use mfst_testkit::scene::{self, Scene, amd64, arm64};
use mfst_testkit::secrets::PASSWORD;
use mfst_testkit::token::TokenServer;

/// How many failures of each kind of push are tried in the default run.
const SAMPLE: usize = 60;

/// A way in which a request fails.
type Kind = (&'static str, fn(Fault) -> Fault);

/// All of them.
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

/// What a push takes part in: the registry it goes to, and whoever else is
/// asked on the way.
struct World {
    scene: Scene,
    tokens: Option<TokenServer>,
    /// The registry that the images are in, where it is another one.
    source: Option<Embedded>,
    images: Vec<String>,
}

impl World {
    fn of(registry: mfst_testkit::embedded::Builder) -> Self {
        Self::new(Scene::with(registry), None)
    }

    fn new(scene: Scene, tokens: Option<TokenServer>) -> Self {
        let images = ["t/app:amd64", "t/app:arm64"].map(|image| scene.name(image)).to_vec();
        Self { scene, tokens, source: None, images }
    }

    /// Whoever answers requests, each with its script and its log.
    fn servers(&self) -> Vec<(&Script, &Log)> {
        let registry = (self.scene.registry.script(), self.scene.registry.log());
        let tokens = self.tokens.iter().map(|it| (it.script(), it.log()));
        let source = self.source.iter().map(|it| (it.script(), it.log()));
        std::iter::once(registry).chain(tokens).chain(source).collect()
    }

    /// Puts an older list under the tag and makes the new one locally.
    fn prepare(&self) {
        let repo = "demo/app";
        let old = Sample::oci("linux/s390x");
        self.scene.registry.put_image(repo, "v1", &old);
        let list = self.scene.name("demo/app:v1");
        let mut words = vec!["create", &list];
        words.extend(self.images.iter().map(String::as_str));
        self.scene.home.ok(&words);
        self.servers().iter().for_each(|(_, log)| log.clear());
    }

    fn push(&self) -> mfst_testkit::sandbox::Ran {
        self.scene.run("push --retries 0 --jobs 1 @demo/app:v1")
    }

    /// The digest of what the tag stands for; whatever it is, it must be there
    /// with all that belongs to it.
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

/// Lets one request fail after the other.
fn fails_anywhere(name: &str, world: impl Fn() -> World) {
    let clean = world();
    clean.prepare();
    let old = clean.tagged();
    clean.push().ok();
    let mut points = Vec::new();
    for (server, (_, log)) in clean.servers().iter().enumerate() {
        for number in 0..log.entries().len() {
            points.extend(KINDS.iter().map(|kind| (server, number, kind)));
        }
    }
    assert!(points.len() >= 5 * KINDS.len(), "{points:?}");
    let (mut failed, mut succeeded) = (0, 0);
    for (server, number, (kind, break_off)) in sampled(&points, SAMPLE) {
        let world = world();
        world.prepare();
        let (script, log) = world.servers()[server];
        script.add(break_off(Fault::on("*", "").skip(number)));
        let ran = world.push();
        let story = || format!("{name}, server {server}, request {number}, {kind}: {ran:#?}\n{:#?}", log.lines());
        let tagged = world.tagged();
        let promised = ran.stdout.lines().last().filter(|line| line.starts_with("sha256:"));
        match ran.code {
            Some(0) => assert_eq!(promised, Some(tagged.as_str()), "{}", story()),
            Some(1) => assert!(promised.is_none() && !ran.stderr.is_empty(), "{}", story()),
            _ => panic!("{}", story()),
        }
        *(if ran.code == Some(0) { &mut succeeded } else { &mut failed }) += 1;
        let again = world.push().ok();
        let now = world.tagged();
        assert_eq!(again.lines().last(), Some(now.as_str()), "{}", story());
        assert!(tagged == old || tagged == now, "{}", story());
        assert!(ran.code == Some(1) || tagged == now, "{}", story());
    }
    assert!(failed > 0);
    tell(&format!("failing requests, {name}: {succeeded} pushes succeeded anyway"), failed + succeeded, points.len());
    assert!(every() || failed + succeeded <= SAMPLE);
}

#[test]
fn a_push_that_mounts() {
    fails_anywhere("mounts", || World::of(Embedded::plain()));
}

#[test]
fn a_push_that_copies_into_uploads_opened_by_mounts() {
    fails_anywhere("copies", || World::of(Embedded::plain().declining_mounts(202)));
}

#[test]
fn a_push_that_opens_its_own_uploads() {
    fails_anywhere("copies after refusals", || World::of(Embedded::plain().declining_mounts(405)));
}

#[test]
fn a_push_with_tokens() {
    fails_anywhere("tokens", || {
        let acl = Acl::default().user("alice", PASSWORD, &[("demo/*", "pull,push"), ("t/*", "pull")]);
        let tokens = TokenServer::plain(acl).start();
        let scene = Scene::with(Embedded::plain().bearer(&tokens));
        scene.home.log_in(&scene.domain, "alice", PASSWORD);
        World::new(scene, Some(tokens))
    });
}

/// A list whose images are in another registry.
fn across() -> World {
    let source = Embedded::plain().start();
    source.put_image("t/app", "amd64", &amd64());
    source.put_image("t/app", "arm64", &arm64());
    let registry = Embedded::plain().start();
    let (home, domain) = (Sandbox::new(), registry.host());
    let images = ["t/app:amd64", "t/app:arm64"].map(|image| source.image(image)).to_vec();
    World { scene: scene::Scene { registry, home, domain, other: None }, tokens: None, source: Some(source), images }
}

#[test]
fn a_push_from_another_registry() {
    let world = across();
    world.prepare();
    if world.push().stderr.contains("different registry") {
        // Not a thing that is done yet.
        return;
    }
    fails_anywhere("another registry", across);
}

/// Nothing is a success that the registry has not said.
#[test]
fn a_digest_that_is_not_that_of_the_bytes_is_no_success() {
    let other = digest(b"another");
    for manifest in ["/manifests/sha256:", "/manifests/v1"] {
        let world = World::of(Embedded::plain());
        world.prepare();
        let old = world.tagged();
        let lie = Fault::on("PUT", manifest).always().answer(201, "").header("docker-content-digest", &other);
        world.scene.registry.fault(lie);
        let said = world.push().fails(1);
        assert!(said.contains(&other), "{said}");
        assert_eq!(world.tagged(), old);
    }
}
