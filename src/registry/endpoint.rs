//! The address of a registry.

use crate::reference::DOCKER_HUB;
use crate::transport::{CertVerification, Locality, Url};

/// The host of Docker Hub's API (docker/docker `registry.DefaultV2Registry`).
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// A registry's host, and whether the user has said `--insecure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `host[:port]`.
    host: String,
    insecure: bool,
}

impl Endpoint {
    /// The endpoint for a reference's domain.
    #[must_use]
    pub fn new(domain: &str, insecure: bool) -> Self {
        let host = if domain == DOCKER_HUB { DOCKER_HUB_HOST } else { domain };
        Self { host: host.to_owned(), insecure }
    }

    /// `host[:port]`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The registry's origin under a scheme; none if the host is not valid in a URL.
    #[must_use]
    pub fn origin(&self, scheme: &str) -> Option<Url> {
        Url::parse(&format!("{scheme}://{}/", self.host)).ok()
    }

    /// Whether plain HTTP is tried where there is no TLS. A registry on this machine needs no flag for that: nothing
    /// that is sent to it leaves the machine.
    #[must_use]
    pub fn may_be_plain(&self, locality: Locality) -> bool {
        self.insecure || locality == Locality::ThisMachine
    }

    /// Whether the registry's own certificate is verified.
    #[must_use]
    pub fn own_verification(&self, locality: Locality) -> CertVerification {
        if self.may_be_plain(locality) { CertVerification::Disabled } else { CertVerification::Enabled }
    }

    /// Whether the certificates of the hosts that the registry leads to are verified: its token server and its storage.
    /// As with docker, `--insecure` is for them too. That the registry is on this machine says nothing about them.
    #[must_use]
    pub fn linked_verification(&self) -> CertVerification {
        if self.insecure { CertVerification::Disabled } else { CertVerification::Enabled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hubs_api_has_a_host_of_its_own() {
        let hub = Endpoint::new("docker.io", false);
        assert_eq!(hub.origin("https").unwrap().as_str(), "https://registry-1.docker.io/");
    }

    #[test]
    fn without_a_flag_only_a_registry_on_this_machine_is_trusted_and_nothing_that_it_leads_to() {
        use CertVerification::{Disabled, Enabled};
        for (insecure, locality, own, linked) in [
            (false, Locality::ThisMachine, Disabled, Enabled),
            (false, Locality::ThisLink, Enabled, Enabled),
            (false, Locality::Elsewhere, Enabled, Enabled),
            (true, Locality::Elsewhere, Disabled, Disabled),
        ] {
            let endpoint = Endpoint::new("h.io", insecure);
            assert_eq!((endpoint.own_verification(locality), endpoint.linked_verification()), (own, linked));
            assert_eq!(endpoint.may_be_plain(locality), own == Disabled);
        }
    }

    #[test]
    fn a_host_that_is_not_valid_has_no_origin() {
        assert_eq!(Endpoint::new("", false).origin("https"), None);
    }
}
