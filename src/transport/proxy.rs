//! Which proxy a request goes through, decided as Go decides it (golang.org/x/net/http/httpproxy).

use ipnet::IpNet;
use reqwest::Url;
use std::env;
use std::net::IpAddr;

/// The proxies that the environment names.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    except: Vec<Exception>,
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    Network(IpNet),
    Address {
        address: IpAddr,
        port: Option<u16>,
    },
    /// A domain without its leading dot.
    Domain {
        name: String,
        port: Option<u16>,
        itself: bool,
    },
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` (for both, which Go does not know) and `NO_PROXY`, in upper or
    /// lower case.
    pub(super) fn from_environment() -> Self {
        let variable = |name: &str| {
            let found = [name.to_owned(), name.to_lowercase()].into_iter().find_map(|name| env::var(name).ok());
            found.filter(|value| !value.is_empty())
        };
        let proxy = |name| variable(name).or_else(|| variable("ALL_PROXY")).as_deref().and_then(parse_proxy);
        Self {
            http: proxy("HTTP_PROXY"),
            https: proxy("HTTPS_PROXY"),
            except: variable("NO_PROXY").map(|list| parse_exceptions(&list)).unwrap_or_default(),
        }
    }

    /// The proxy for a URL. What is on this machine is never asked for through one.
    pub(super) fn proxy_for(&self, url: &Url) -> Option<Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = url.port_or_known_default();
        let address = host.parse::<IpAddr>().ok();
        let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let excepted = || self.except.iter().any(|exception| exception.covers(&host, address, port));
        proxy.clone().filter(|_| !here && !excepted())
    }
}

impl Exception {
    fn covers(&self, host: &str, address: Option<IpAddr>, wanted: Option<u16>) -> bool {
        let same_port = |port: &Option<u16>| port.is_none() || *port == wanted;
        match self {
            Self::Everything => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Self::Address { address: excepted, port } => address == Some(*excepted) && same_port(port),
            Self::Domain { name, port, itself } => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                address.is_none() && same_port(port) && (below || (*itself && host == name))
            }
        }
    }
}

/// A proxy may be given without a scheme, and is then an HTTP proxy.
fn parse_proxy(text: &str) -> Option<Url> {
    let known = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    if known { Url::parse(text).ok() } else { Url::parse(&format!("http://{text}")).ok() }
}

fn parse_exceptions(list: &str) -> Vec<Exception> {
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter_map(|entry| parse_exception(&entry)).collect()
}

fn parse_exception(entry: &str) -> Option<Exception> {
    if entry == "*" {
        return Some(Exception::Everything);
    }
    if let Ok(network) = entry.parse() {
        return Some(Exception::Network(network));
    }
    if let Ok(address) = entry.trim_start_matches('[').trim_end_matches(']').parse() {
        return Some(Exception::Address { address, port: None });
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (entry, None),
    };
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        return Some(Exception::Address { address, port });
    }
    let name = host.trim_start_matches('*');
    let itself = !name.starts_with('.');
    let name = name.trim_start_matches('.').to_owned();
    (!name.is_empty()).then_some(Exception::Domain { name, port, itself })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(except: &str) -> Proxies {
        let proxy = |text| parse_proxy(text);
        Proxies {
            http: proxy("plain:3128"),
            https: proxy("http://user:pass@secure:3128"),
            except: parse_exceptions(except),
        }
    }

    fn is_proxied(except: &str, url: &str) -> bool {
        proxies(except).proxy_for(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxy = |url| proxies("").proxy_for(&Url::parse(url).unwrap()).unwrap().to_string();
        assert_eq!(proxy("http://h.io/"), "http://plain:3128/");
        assert_eq!(proxy("https://h.io/"), "http://user:pass@secure:3128/");
    }

    #[test]
    fn this_machine_is_never_asked_through_a_proxy() {
        for url in ["http://localhost:5000/", "https://127.1.2.3/", "http://[::1]:5000/"] {
            assert!(!is_proxied("", url), "{url}");
        }
    }

    #[test]
    fn exceptions_are_understood_as_go_understands_them() {
        for (except, url, proxied) in [
            ("*", "http://h.io/", false),
            ("h.io", "http://h.io/", false),
            ("h.io", "http://a.h.io/", false),
            ("h.io", "http://ah.io/", true),
            (".h.io", "http://h.io/", true),
            ("*.h.io", "http://a.h.io/", false),
            ("*.h.io", "http://h.io/", true),
            ("h.io:5000", "http://h.io:5000/", false),
            ("h.io:5000", "http://h.io/", true),
            ("h.io:443", "https://h.io/", false),
            ("other, H.IO ", "https://h.io/", false),
            ("10.0.0.0/8", "http://10.1.2.3/", false),
            ("10.0.0.0/8", "http://11.1.2.3/", true),
            ("10.1.2.3", "http://10.1.2.3:5000/", false),
            ("10.1.2.3:80", "http://10.1.2.3:5000/", true),
            ("fd00::/8", "http://[fd00::1]:5000/", false),
            ("fd00::1", "http://[fd00::1]:5000/", false),
            ("[fd00::1]:5000", "http://[fd00::1]:5000/", false),
            ("[fd00::1]:5001", "http://[fd00::1]:5000/", true),
            (",,", "http://h.io/", true),
        ] {
            assert_eq!(is_proxied(except, url), proxied, "NO_PROXY={except} {url}");
        }
    }
}
