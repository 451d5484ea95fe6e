//! The embedded registry in place of docker-registry, for machines that have only a Rust toolchain.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use mfst_testkit::docker_registry::{LOGIN, Registry};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::sample::digest;
use mfst_testkit::wire::Target;

/// An embedded registry that behaves like docker-registry.
pub struct FakeRegistry {
    registry: Embedded,
    target: Target,
    login: bool,
    /// `repo@digest` of all manifests seen so far. The request log has only the tags.
    seen: BTreeMap<String, String>,
}

impl FakeRegistry {
    /// Starts one. With `login` it requires [`LOGIN`].
    pub fn start(login: bool) -> Self {
        let (user, password) = LOGIN.split_once(':').expect("USER:PASSWORD");
        let fresh = || {
            let plain = Embedded::plain();
            if login { plain.basic(user, password).start() } else { plain.start() }
        };
        // References have the same length in every run.
        let registry = (0..100).map(|_| fresh()).find(|registry| registry.host().len() == "127.0.0.1:10000".len());
        let registry = registry.expect("a port of five digits");
        let authorization = login.then(|| format!("Basic {}", STANDARD.encode(LOGIN)));
        let target = Target { host: registry.host(), authorization };
        Self { registry, target, login, seen: BTreeMap::new() }
    }
}

impl Registry for FakeRegistry {
    fn target(&self) -> &Target {
        &self.target
    }

    fn clear(&mut self) {
        *self = Self::start(self.login);
    }

    /// The manifests that the log says were pushed and that still exist.
    fn manifests(&mut self) -> BTreeMap<String, String> {
        let pushed: BTreeSet<String> =
            self.registry.log().lines().iter().filter_map(|line| put_manifest(line)).collect();
        let mut found = BTreeMap::new();
        for path in pushed {
            let (repo, reference) = path.split_once(' ').expect("a repository and a reference");
            let Some((_, bytes)) = self.registry.manifest(repo, reference) else { continue };
            let digest = digest(&bytes);
            if !reference.contains(':') {
                found.insert(format!("{repo}:{reference}"), digest.clone());
            }
            self.seen.insert(format!("{repo}@{digest}"), digest);
        }
        found.extend(self.seen.clone());
        found.retain(|name, digest| {
            let (repo, _) = name.split_once([':', '@']).expect("a repository and a reference");
            self.registry.manifest(repo, digest).is_some()
        });
        found
    }

    fn requests(&self) -> Vec<String> {
        self.registry.log().lines()
    }
}

/// `REPO REFERENCE` of a log line, if it is the push of a manifest.
fn put_manifest(line: &str) -> Option<String> {
    let path = line.strip_prefix("PUT /v2/")?.strip_suffix(" 201")?;
    let (repo, reference) = path.split_once("/manifests/")?;
    Some(format!("{repo} {}", reference.replace("%3A", ":")))
}
