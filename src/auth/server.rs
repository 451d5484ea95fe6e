//! Registries as `login` and `logout` name them, and the keys that their logins are stored under.

use super::auths::DOCKER_HUB_KEY;
use crate::reference::{DOCKER_HUB, Reference};
use thiserror::Error;

/// Names of Docker Hub beside `docker.io`.
const DOCKER_HUB_HOSTS: [&str; 4] =
    ["index.docker.io", "registry-1.docker.io", "hub.docker.com", "registry.hub.docker.com"];

/// A text that does not name a registry.
#[derive(Debug, Error)]
#[error("\"{0}\" is not the name of a registry, HOST or HOST:PORT")]
pub struct InvalidServer(String);

/// A registry to log in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    reference: Reference,
}

impl Server {
    /// Docker Hub.
    pub fn docker_hub() -> Result<Self, InvalidServer> {
        Self::parse(DOCKER_HUB)
    }

    /// Reads what a user typed: a host, or a URL, of which only the host counts (docker/cli
    /// `credentials.ConvertToHostname`).
    pub fn parse(text: &str) -> Result<Self, InvalidServer> {
        let host = text.split_once("://").map_or(text, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default();
        let domain = if DOCKER_HUB_HOSTS.contains(&host) { DOCKER_HUB } else { host };
        // No image can be named on a host that this does not accept.
        let reference = Reference::parse(&format!("{domain}/login")).ok().filter(|found| found.domain() == domain);
        Ok(Self { reference: reference.ok_or_else(|| InvalidServer(text.to_owned()))? })
    }

    /// The host as images are named, `docker.io` or `host[:port]`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.reference.domain()
    }

    /// A name of a repository there, for what looks logins up by repository.
    #[must_use]
    pub fn any_repository(&self) -> &Reference {
        &self.reference
    }

    /// The key that docker stores the login under.
    #[must_use]
    pub fn key(&self) -> &str {
        if self.domain() == DOCKER_HUB { DOCKER_HUB_KEY } else { self.domain() }
    }

    /// All keys that a login may be stored under, [`Server::key`] first.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let hub: &[&str] = if self.domain() == DOCKER_HUB { &DOCKER_HUB_HOSTS[..2] } else { &[] };
        let hosts = [self.domain()].into_iter().chain(hub.iter().copied());
        let forms = hosts.flat_map(|host| [host.to_owned(), format!("http://{host}"), format!("https://{host}")]);
        let mut keys = vec![self.key().to_owned()];
        keys.extend(forms.filter(|form| form != self.key()));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_counts() {
        for (text, domain, key) in [
            ("h.io", "h.io", "h.io"),
            ("https://h.io:5000/v2/", "h.io:5000", "h.io:5000"),
            ("h.io/team", "h.io", "h.io"),
            ("localhost", "localhost", "localhost"),
            ("docker.io", "docker.io", DOCKER_HUB_KEY),
            ("https://index.docker.io/v1/", "docker.io", DOCKER_HUB_KEY),
            ("registry-1.docker.io", "docker.io", DOCKER_HUB_KEY),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((server.domain(), server.key()), (domain, key), "{text}");
        }
        for text in ["", "registry", "https://", "a b.io", "-.io", "h.io:x"] {
            assert!(Server::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_login_is_found_under_every_form_of_the_host() {
        assert_eq!(Server::parse("h.io").unwrap().keys(), ["h.io", "http://h.io", "https://h.io"]);
        let hub = Server::docker_hub().unwrap().keys();
        assert_eq!(hub[0], DOCKER_HUB_KEY);
        assert!(hub.contains(&"docker.io".to_owned()) && hub.contains(&"index.docker.io".to_owned()), "{hub:?}");
    }
}
