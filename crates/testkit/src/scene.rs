//! What most tests start from: a registry with images in it, and a home.

use std::path::Path;

use serde_json::Value;

use crate::embedded::{Builder, Embedded};
use crate::proxy::{self, Proxy};
use crate::sample::Sample;
use crate::sandbox::{Ran, Sandbox};

/// A registry with `t/app:amd64` and `t/app:arm64`, and a home.
pub struct Scene {
    /// The registry.
    pub registry: Embedded,
    /// The home directory that commands run in.
    pub home: Sandbox,
    /// What the registry is called; its address unless set.
    pub domain: String,
    /// A second registry, empty at first.
    pub other: Option<Embedded>,
}

impl Scene {
    /// With a plain registry.
    pub fn new() -> Self {
        Self::with(Embedded::plain())
    }

    /// With the registry of these settings.
    pub fn with(registry: Builder) -> Self {
        let registry = registry.start();
        registry.put_image("t/app", "amd64", &amd64());
        registry.put_image("t/app", "arm64", &arm64());
        let (home, domain) = (Sandbox::new(), registry.host());
        Self { registry, home, domain, other: None }
    }

    /// With a second registry, which `%` stands for.
    pub fn with_two(registry: Builder, other: Builder) -> Self {
        Self { other: Some(other.start()), ..Self::with(registry) }
    }

    /// With the registry called `registry.test`, which a proxy leads to. What
    /// is on loopback is not verified, and never asked for through a proxy.
    pub fn through(registry: Builder, proxy: impl FnOnce(proxy::Builder) -> proxy::Builder) -> (Self, Proxy) {
        let mut scene = Self::with(registry);
        "registry.test".clone_into(&mut scene.domain);
        let address = scene.registry.address();
        let names = Proxy::open().route("registry.test:443", address).route("registry.test:80", address);
        let proxy = proxy(names).start();
        scene.home.env("HTTPS_PROXY", proxy.url()).env("HTTP_PROXY", proxy.url());
        (scene, proxy)
    }

    /// With the list `t/app:v1` of both images made, and an empty log.
    pub fn with_list() -> Self {
        let scene = Self::new();
        scene.create("t/app:v1", &["t/app:amd64", "t/app:arm64"]);
        scene.registry.log().clear();
        scene
    }

    /// A full reference for a name in the registry.
    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.domain)
    }

    /// The second registry.
    pub fn other(&self) -> &Embedded {
        self.other.as_ref().expect("a scene with two registries")
    }

    /// Runs a command line in which `@` before a name stands for the registry.
    pub fn run(&self, line: &str) -> Ran {
        let args = self.words(line);
        self.home.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The same with docker, which knows no registry on this machine without being told.
    pub fn docker(&self, docker: &Path, line: &str) -> Ran {
        let mut args = self.words(line);
        args.insert(0, "manifest".to_owned());
        Ran::of(&mut self.home.program(docker, &args.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// The words of a command line, names of registries put in.
    pub fn words(&self, line: &str) -> Vec<String> {
        line.split_whitespace().map(|arg| self.expand(arg)).collect()
    }

    /// `text` with the registry in place of the `@` that begins a word, and the second one for `%`.
    pub fn expand(&self, text: &str) -> String {
        let word = |word: &str| match (word.strip_prefix('@'), word.strip_prefix('%')) {
            (Some(name), _) => self.name(name),
            (_, Some(name)) => self.other().image(name),
            _ => word.to_owned(),
        };
        text.split_inclusive([' ', '\n']).map(word).collect()
    }

    /// Runs a command line and fails unless it succeeds; tells what it printed.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.run(line).ok()
    }

    /// Makes a list.
    #[track_caller]
    pub fn create(&self, list: &str, images: &[&str]) {
        let images: Vec<String> = images.iter().map(|image| format!("@{image}")).collect();
        self.ok(&format!("create @{list} {}", images.join(" ")));
    }

    /// What `inspect` prints, read as JSON.
    #[track_caller]
    pub fn inspect(&self, line: &str) -> Value {
        let text = self.ok(&format!("inspect {line}"));
        serde_json::from_str(&text).expect("JSON on standard output")
    }

    /// A list in the registry, read as JSON.
    #[track_caller]
    pub fn pushed(&self, repo: &str, reference: &str) -> Value {
        let (_, bytes) = self.registry.manifest(repo, reference).expect("the list");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Fails unless the command ends with 1 and leaves the store alone; tells
    /// its standard error.
    #[track_caller]
    pub fn refused(&self, line: &str) -> String {
        let before = self.home.tree();
        let ran = self.run(line);
        assert_eq!(self.home.tree(), before, "the store has changed: {ran:#?}");
        assert_eq!(ran.stdout, "", "nothing to be had");
        ran.fails(1)
    }
}

/// The image behind `t/app:amd64`.
pub fn amd64() -> Sample {
    Sample::oci("linux/amd64")
}

/// The image behind `t/app:arm64`.
pub fn arm64() -> Sample {
    Sample::oci("linux/arm64")
}

/// The first line.
pub fn first(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The digests of a list's entries, in its order.
pub fn digests(list: &Value) -> Vec<&str> {
    let entries = list["manifests"].as_array().expect("a list");
    entries.iter().map(|entry| entry["digest"].as_str().expect("a digest")).collect()
}
