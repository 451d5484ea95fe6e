//! Where a registry is, and how it may be talked to.

use crate::reference::DOCKER_HUB;
use crate::transport::{CertVerification, Url};

/// Where Docker Hub's API is (docker/docker `registry.DefaultV2Registry`).
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// How one registry may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `host[:port]`.
    host: String,
    insecure: bool,
}

impl Endpoint {
    /// The endpoint of a reference's domain.
    pub fn new(domain: &str, insecure: bool) -> Self {
        let host = if domain == DOCKER_HUB { DOCKER_HUB_HOST } else { domain };
        Self { host: host.to_owned(), insecure }
    }

    /// Whether plain HTTP is tried where HTTPS cannot be had. A registry on this machine needs no flag for that, nor a
    /// valid certificate: what is sent does not leave the machine.
    pub fn may_be_plain(&self) -> bool {
        self.insecure || self.is_loopback()
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Which certificates to believe of the registry itself.
    pub fn verification(&self) -> CertVerification {
        if self.may_be_plain() { CertVerification::Disabled } else { CertVerification::Enabled }
    }

    /// Which certificates to believe where the registry has sent us: being on this machine itself, it cannot vouch
    /// for others.
    pub fn verification_for(&self, url: &Url) -> CertVerification {
        Self::new(url.host_str().unwrap_or_default(), self.insecure).verification()
    }

    /// The registry's origin under a scheme; none if the host cannot be one.
    pub fn origin(&self, scheme: &str) -> Option<Url> {
        Url::parse(&format!("{scheme}://{}/", self.host)).ok()
    }

    /// `host[:port]`.
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_is_not_where_its_name_says() {
        let hub = Endpoint::new("docker.io", false);
        assert_eq!(hub.origin("https").unwrap().as_str(), "https://registry-1.docker.io/");
    }

    #[test]
    fn only_loopback_hosts_are_lenient_without_a_flag() {
        for host in ["localhost", "localhost:5000", "LocalHost:1", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000", "[::1]"]
        {
            assert!(Endpoint::new(host, false).may_be_plain(), "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "127.0.0.1.example.com", "[::2]:5000", "example.com:127"] {
            let endpoint = Endpoint::new(host, false);
            assert!(!endpoint.may_be_plain() && endpoint.verification() == CertVerification::Enabled, "{host}");
            assert!(Endpoint::new(host, true).may_be_plain());
        }
    }

    #[test]
    fn a_host_that_cannot_be_one_has_no_origin() {
        assert_eq!(Endpoint::new("", false).origin("https"), None);
    }
}
