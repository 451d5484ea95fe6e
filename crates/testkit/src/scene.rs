//! The usual start of a test: a registry with two images, and a sandbox.

use std::path::Path;

use serde_json::Value;

use crate::embedded::{Builder, Embedded};
use crate::proxy::{self, Proxy};
use crate::sample::Sample;
use crate::sandbox::{CommandOutput, Sandbox};

/// A registry with `t/app:amd64` and `t/app:arm64`, and a sandbox.
pub struct Scene {
    /// The registry.
    pub registry: Embedded,
    /// The sandbox in which commands run.
    pub home: Sandbox,
    /// The domain of references to the registry; its address unless changed.
    pub domain: String,
    /// A second registry.
    pub other: Option<Embedded>,
}

impl Scene {
    /// With a registry over plain HTTP, without logins.
    pub fn new() -> Self {
        Self::with(Embedded::plain())
    }

    /// With a registry of these settings.
    pub fn with(registry: Builder) -> Self {
        let registry = registry.start();
        registry.put_image("t/app", "amd64", &amd64());
        registry.put_image("t/app", "arm64", &arm64());
        let (home, domain) = (Sandbox::new(), registry.host());
        Self { registry, home, domain, other: None }
    }

    /// With a second, empty registry; `%` refers to it in command lines.
    pub fn with_two(registry: Builder, other: Builder) -> Self {
        Self { other: Some(other.start()), ..Self::with(registry) }
    }

    /// With a registry named `registry.test`, reached through a proxy. mfst does not verify certificates of loopback
    /// addresses and does not use a proxy for them.
    pub fn via_proxy(registry: Builder, proxy: impl FnOnce(proxy::Builder) -> proxy::Builder) -> (Self, Proxy) {
        let mut scene = Self::with(registry);
        "registry.test".clone_into(&mut scene.domain);
        let address = scene.registry.address();
        let names = Proxy::open().route("registry.test:443", address).route("registry.test:80", address);
        let proxy = proxy(names).start();
        scene.home.env("HTTPS_PROXY", proxy.url()).env("HTTP_PROXY", proxy.url());
        (scene, proxy)
    }

    /// With the list `t/app:v1` of both images, and an empty request log.
    pub fn with_list() -> Self {
        let scene = Self::new();
        scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
        scene.registry.log().clear();
        scene
    }

    /// The reference of a name in the registry.
    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.domain)
    }

    /// The second registry.
    pub fn other(&self) -> &Embedded {
        self.other.as_ref().expect("a scene with two registries")
    }

    /// Runs mfst with a command line; see [`Scene::expand`].
    pub fn run(&self, line: &str) -> CommandOutput {
        let args = self.words(line);
        self.home.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs `docker manifest` with a command line.
    pub fn docker(&self, docker: &Path, line: &str) -> CommandOutput {
        let mut args = self.words(line);
        args.insert(0, "manifest".to_owned());
        CommandOutput::of(&mut self.home.program(docker, &args.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// The arguments of a command line; see [`Scene::expand`].
    pub fn words(&self, line: &str) -> Vec<String> {
        line.split_whitespace().map(|arg| self.expand(arg)).collect()
    }

    /// Replaces `@` at the beginning of a word by the registry's domain and `/`, and `%` by those of the second registry.
    pub fn expand(&self, text: &str) -> String {
        let word = |word: &str| match (word.strip_prefix('@'), word.strip_prefix('%')) {
            (Some(name), _) => self.name(name),
            (_, Some(name)) => self.other().image(name),
            _ => word.to_owned(),
        };
        text.split_inclusive([' ', '\n']).map(word).collect()
    }

    /// Runs a command line, fails unless it succeeds, and returns its standard output.
    #[track_caller]
    pub fn run_ok(&self, line: &str) -> String {
        self.run(line).success()
    }

    /// Creates a list of these images.
    #[track_caller]
    pub fn create(&self, list: &str, images: &[&str]) {
        let images: Vec<String> = images.iter().map(|image| format!("@{image}")).collect();
        self.run_ok(&format!("create @{list} {}", images.join(" ")));
    }

    /// The JSON that `inspect` prints.
    #[track_caller]
    pub fn inspect(&self, line: &str) -> Value {
        let text = self.run_ok(&format!("inspect {line}"));
        serde_json::from_str(&text).expect("JSON on standard output")
    }

    /// The JSON of a manifest in the registry.
    #[track_caller]
    pub fn pushed(&self, repo: &str, reference: &str) -> Value {
        let (_, bytes) = self.registry.manifest(repo, reference).expect("the list");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Runs a command line, fails unless it exits with 1, prints nothing on standard output and leaves the store unchanged,
    /// and returns its standard error.
    #[track_caller]
    pub fn run_err_unchanged(&self, line: &str) -> String {
        let before = self.home.lists();
        let result = self.run(line);
        assert_eq!(self.home.lists(), before, "the store has changed: {result:#?}");
        assert_eq!(result.stdout, "");
        result.failure(1)
    }
}

/// The image of `t/app:amd64`.
pub fn amd64() -> Sample {
    Sample::oci("linux/amd64")
}

/// The image of `t/app:arm64`.
pub fn arm64() -> Sample {
    Sample::oci("linux/arm64")
}

/// The first line of a text.
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The digests of the entries of a list, in order.
pub fn digests(list: &Value) -> Vec<&str> {
    let entries = list["manifests"].as_array().expect("a list");
    entries.iter().map(|entry| entry["digest"].as_str().expect("a digest")).collect()
}
