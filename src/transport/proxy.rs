//! Which proxy a request goes through. The rules are Go's (golang.org/x/net/http/httpproxy), and `ALL_PROXY`, which Go
//! does not know.

use super::{Locality, TransportFault, Url};
use ipnet::IpNet;
use std::env;
use std::ffi::OsString;
use std::net::IpAddr;
use url::Host;

/// The proxies that the environment names.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// A proxy, or why its variable does not name one.
type Proxy = Result<Url, TransportFault>;

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
        /// Whether the domain itself is meant beside those below it.
        itself: bool,
    },
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` (where the other is not set) and `NO_PROXY`, in upper or else in
    /// lower case.
    pub(super) fn from_environment() -> Self {
        let proxy = |name| {
            let found = variable(name).map(|value| (name, value));
            let found = found.or_else(|| Some(("ALL_PROXY", variable("ALL_PROXY")?)));
            found.map(|(variable, value)| parse_proxy(variable, value.to_str()))
        };
        let exceptions = variable("NO_PROXY").map(|list| parse_exceptions(&list.to_string_lossy()));
        Self { http: proxy("HTTP_PROXY"), https: proxy("HTTPS_PROXY"), exceptions: exceptions.unwrap_or_default() }
    }

    /// The proxy for a URL; none for this machine and for the exceptions.
    pub(super) fn proxy_for(&self, url: &Url) -> Result<Option<&Url>, TransportFault> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        match proxy {
            Some(proxy) if !self.is_direct(url) => proxy.as_ref().map(Some).map_err(Clone::clone),
            _ => Ok(None),
        }
    }

    fn is_direct(&self, url: &Url) -> bool {
        let host =
            url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        let port = url.port_or_known_default();
        Locality::stated(url) == Some(Locality::ThisMachine)
            || self.exceptions.iter().any(|exception| exception.covers(&host, address, port))
    }
}

/// A variable that is set and not empty, under its name in upper or in lower case.
fn variable(name: &str) -> Option<OsString> {
    let names = [name.to_owned(), name.to_lowercase()];
    names.iter().find_map(|name| env::var_os(name).filter(|value| !value.is_empty()))
}

/// The longest user name and password of a SOCKS proxy, in bytes (RFC 1929).
const SOCKS_LOGIN_LIMIT: usize = 255;

/// Reads a proxy's URL; without a scheme it is an HTTP proxy. The result has no more in it than scheme, login, host and
/// port, so that the HTTP library, which ignores a proxy that it cannot read, can read it.
fn parse_proxy(variable: &'static str, text: Option<&str>) -> Proxy {
    let refuse = |reason: &str| TransportFault::BadProxy { variable, reason: reason.to_owned() };
    let text = text.ok_or_else(|| refuse("it is not text"))?.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&full).map_err(|error| refuse(&error.to_string()))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    match url.host() {
        Some(Host::Domain(name)) if !name.chars().all(is_plain) => return Err(refuse("invalid host name")),
        Some(_) => {}
        None => return Err(refuse("empty host")),
    }
    match url.scheme() {
        "http" | "https" => {}
        "socks5" | "socks5h" => {
            if url.username().len().max(url.password().unwrap_or_default().len()) > SOCKS_LOGIN_LIMIT {
                return Err(refuse("the user name or the password is too long"));
            }
            // As with Go, names are looked up by the proxy under both schemes.
            url.set_scheme("socks5h").map_err(|()| refuse("invalid scheme"))?;
        }
        _ => return Err(refuse("its scheme is not http, https, socks5 or socks5h")),
    }
    url.set_path("");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
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

    fn proxies(exceptions: &str) -> Proxies {
        let proxy = |text| Some(parse_proxy("HTTPS_PROXY", Some(text)));
        Proxies {
            http: proxy("plain:3128"),
            https: proxy("http://user:pass@secure:3128"),
            exceptions: parse_exceptions(exceptions),
        }
    }

    fn is_proxied(exceptions: &str, url: &str) -> bool {
        proxies(exceptions).proxy_for(&Url::parse(url).unwrap()).unwrap().is_some()
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxy = |url| proxies("").proxy_for(&Url::parse(url).unwrap()).unwrap().unwrap().to_string();
        assert_eq!(proxy("http://h.io/"), "http://plain:3128/");
        assert_eq!(proxy("https://h.io/"), "http://user:pass@secure:3128/");
    }

    #[test]
    fn a_proxys_url_may_take_many_forms() {
        for (text, expected) in [
            ("proxy:3128", "http://proxy:3128/"),
            ("proxy", "http://proxy/"),
            ("user:p%40ss@proxy:3128", "http://user:p%40ss@proxy:3128/"),
            ("HTTP://Proxy:3128", "http://proxy:3128/"),
            (" https://proxy ", "https://proxy/"),
            ("http://proxy:3128/path?query#fragment", "http://proxy:3128/"),
            ("socks5://proxy:1080", "socks5h://proxy:1080"),
            ("SOCKS5://u:p@proxy:1080", "socks5h://u:p@proxy:1080"),
            ("socks5h://proxy", "socks5h://proxy"),
            ("http://[::1]:3128", "http://[::1]:3128/"),
        ] {
            assert_eq!(parse_proxy("HTTPS_PROXY", Some(text)).map(String::from), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_names_no_proxy_is_an_error_without_a_secret() {
        let long = format!("socks5://u:{}@proxy:1080", "x".repeat(256));
        for text in [
            "http://",
            "http://[::1",
            "http://proxy:port",
            "http://proxy:99999",
            "%zz",
            "a b",
            "://x",
            "ftp://s3cret@x",
            "socks://proxy",
            "socks4://u:s3cret@proxy",
            "s3cret://proxy",
            "http://u:s3cret@a{b",
            " ",
            &long,
            "http://u:s3cret@:1",
        ] {
            let error = parse_proxy("HTTPS_PROXY", Some(text)).unwrap_err().to_string();
            assert!(error.starts_with("HTTPS_PROXY does not name a usable proxy: "), "{text}: {error}");
            assert!(!error.contains("s3cret") && !error.contains("xxx"), "{text}: {error}");
        }
        assert!(parse_proxy("ALL_PROXY", None).unwrap_err().to_string().starts_with("ALL_PROXY "));
    }

    #[test]
    fn a_bad_proxy_is_in_nobodys_way_who_does_not_need_it() {
        let bad = Some(parse_proxy("HTTP_PROXY", Some("http://")));
        let proxies = Proxies { http: bad, https: None, exceptions: parse_exceptions("direct.io") };
        let proxy = |url| proxies.proxy_for(&Url::parse(url).unwrap()).map(|proxy| proxy.is_some());
        for url in ["https://h.io/", "http://direct.io/", "http://127.0.0.1/"] {
            assert_eq!(proxy(url), Ok(false), "{url}");
        }
        assert!(proxy("http://h.io/").is_err());
    }

    #[test]
    fn this_machine_is_never_asked_through_a_proxy() {
        for url in ["http://localhost:5000/", "https://127.1.2.3/", "http://[::1]:5000/", "http://a.localhost./"] {
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
