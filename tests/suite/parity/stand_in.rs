//! The embedded registry in place of Debian's: it makes the recorded results mean something on a machine that has
//! nothing but a Rust toolchain.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use mfst_testkit::debian::{LOGIN, Registry};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::images::digest;
use mfst_testkit::wire::Target;

/// An embedded registry, and where it is.
pub struct StandIn {
    registry: Embedded,
    target: Target,
    login: bool,
    /// What was there when somebody looked, under its digest: the log does not tell digests.
    seen: BTreeMap<String, String>,
}

impl StandIn {
    /// Starts one. With `login` it lets nobody in but [`LOGIN`].
    pub fn start(login: bool) -> Self {
        let (user, password) = LOGIN.split_once(':').expect("USER:PASSWORD");
        let fresh = || {
            let plain = Embedded::plain();
            if login { plain.basic(user, password).start() } else { plain.start() }
        };
        // Names of any registry are to be equally long.
        let registry = (0..100).map(|_| fresh()).find(|registry| registry.host().len() == "127.0.0.1:10000".len());
        let registry = registry.expect("a port of five digits");
        let authorization = login.then(|| format!("Basic {}", STANDARD.encode(LOGIN)));
        let target = Target { host: registry.host(), authorization };
        Self { registry, target, login, seen: BTreeMap::new() }
    }
}

impl Registry for StandIn {
    fn target(&self) -> &Target {
        &self.target
    }

    fn reset(&mut self) {
        *self = Self::start(self.login);
    }

    /// All that was ever put there and still is. What was deleted by digest is gone under its tags, too.
    fn holdings(&mut self) -> BTreeMap<String, String> {
        let put: BTreeSet<String> = self.registry.log().lines().iter().filter_map(|line| put_manifest(line)).collect();
        let mut found = BTreeMap::new();
        for path in put {
            let (repo, reference) = path.split_once(' ').expect("a repository and a reference");
            let Some((_, bytes)) = self.registry.manifest(repo, reference) else { continue };
            let held = digest(&bytes);
            if !reference.contains(':') {
                found.insert(format!("{repo}:{reference}"), held.clone());
            }
            self.seen.insert(format!("{repo}@{held}"), held);
        }
        found.extend(self.seen.clone());
        found.retain(|name, held| {
            let (repo, _) = name.split_once([':', '@']).expect("a repository and a reference");
            self.registry.manifest(repo, held).is_some()
        });
        found
    }

    fn requests(&self) -> Vec<String> {
        self.registry.log().lines()
    }
}

/// `REPO REFERENCE` out of a line that says that a manifest was put.
fn put_manifest(line: &str) -> Option<String> {
    let path = line.strip_prefix("PUT /v2/")?.strip_suffix(" 201")?;
    let (repo, reference) = path.split_once("/manifests/")?;
    Some(format!("{repo} {}", reference.replace("%3A", ":")))
}
