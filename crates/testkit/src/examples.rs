//! The registries that the examples of the documentation name, with the images that they use.

use std::env;
use std::fs;
use std::path::Path;

use crate::buildx::Build;
use crate::certs::{self, Identity};
use crate::embedded::Embedded;
use crate::proxy::Proxy;
use crate::sample::Sample;
use crate::sandbox::Sandbox;

/// The registries `example.com` and `other.example.com`, and a home directory in which they are found under these names.
pub struct Examples {
    /// `example.com`: `app:1.0-amd64`, `-arm64` and `-armv7` are images, `app:1.1-amd64` and `-arm64` are what two jobs
    /// pushed with buildx.
    pub registry: Embedded,
    /// `other.example.com`, which is empty.
    pub other: Embedded,
    /// Where commands run; `mfst` and what else is in its `bin` come first on `PATH`.
    pub home: Sandbox,
    _identity: Identity,
    _proxy: Proxy,
}

impl Examples {
    /// Starts the registries; `mfst` is the program of this name on `PATH`.
    pub fn start(mfst: &Path) -> Self {
        let identity = certs::private_ca();
        let [registry, other] = [(); 2].map(|()| Embedded::plain().tls(&identity).start());
        for (tag, platform) in [("amd64", "linux/amd64"), ("arm64", "linux/arm64"), ("armv7", "linux/arm/v7")] {
            registry.put_image("app", &format!("1.0-{tag}"), &image(platform));
        }
        for (tag, platform) in [("amd64", "linux/amd64"), ("arm64", "linux/arm64")] {
            Build::with_provenance(vec![image(platform)]).put(&registry, "app", &format!("1.1-{tag}"));
        }
        let names = Proxy::open()
            .route("example.com:443", registry.address())
            .route("other.example.com:443", other.address())
            .start();
        let mut home = Sandbox::new();
        let bin = home.home().join("bin");
        fs::create_dir(&bin).expect("a directory");
        std::os::unix::fs::symlink(mfst, bin.join("mfst")).expect("a link");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([bin].into_iter().chain(env::split_paths(&path))).expect("a search path");
        home.env("PATH", path).env("HTTPS_PROXY", names.url()).env("SSL_CERT_FILE", identity.ca_file());
        Self { registry, other, home, _identity: identity, _proxy: names }
    }
}

/// An image of a plausible size: a base, and a program on it.
fn image(platform: &str) -> Sample {
    let base = match platform {
        "linux/amd64" => 364_224,
        "linux/arm64" => 408_991,
        _ => 309_841,
    };
    Sample::sized(platform, &[base, 1_835_000 + base])
}
