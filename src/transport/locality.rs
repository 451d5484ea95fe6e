//! How near a host is: the one definition of "on this machine".

use super::Url;
use std::net::IpAddr;
use url::Host;

/// How near a host is. Nearer is less: what comes from one place must not lead us to a nearer one, where services may
/// trust everyone who can reach them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locality {
    /// This machine: 127.0.0.0/8 and `::1`, and 0.0.0.0 and `::`, which connect to it as well.
    ThisMachine,
    /// This link: the rest of 0.0.0.0/8, 169.254.0.0/16 and `fe80::/10`. Cloud providers serve credentials there.
    ThisLink,
    /// Any other address, and any name that a proxy looks up.
    Elsewhere,
}

impl Locality {
    /// Where an address is. An IPv4 address may be written as an IPv6 one.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => Self::ThisMachine,
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Self::ThisLink,
            // `::ffff:a.b.c.d`, and the older `::a.b.c.d`.
            IpAddr::V6(v6) => v6.to_ipv4().map_or(Self::Elsewhere, |v4| Self::of(v4.into())),
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_unspecified() => Self::ThisMachine,
            IpAddr::V4(v4) if v4.is_link_local() || v4.octets()[0] == 0 => Self::ThisLink,
            IpAddr::V4(_) => Self::Elsewhere,
        }
    }

    /// Where a URL's host says that it is, by being an address or one of the names that mean this machine (RFC 6761
    /// section 6.3); none for a name that has to be looked up.
    #[must_use]
    pub fn stated(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of(address.into())),
            Host::Ipv6(address) => Some(Self::of(address.into())),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                (name == "localhost" || name.ends_with(".localhost")).then_some(Self::ThisMachine)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(host: &str) -> Option<Locality> {
        Locality::stated(&Url::parse(&format!("https://{host}:5000/v2/")).unwrap())
    }

    #[test]
    fn every_spelling_of_this_machine_is_known() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "127.1",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[::ffff:0.0.0.0]",
            "localhost",
            "LocalHost",
            "localhost.",
            "a.localhost",
            "a.b.localhost.",
            "localhost..",
        ] {
            assert_eq!(stated(host), Some(Locality::ThisMachine), "{host}");
        }
    }

    #[test]
    fn the_link_is_nearer_than_the_network_and_is_not_this_machine() {
        for host in ["169.254.169.254", "[fe80::1]", "[febf::1]", "[::ffff:169.254.0.1]", "0.0.0.1", "0.1.2.3"] {
            assert_eq!(stated(host), Some(Locality::ThisLink), "{host}");
        }
        assert!(Locality::ThisMachine < Locality::ThisLink && Locality::ThisLink < Locality::Elsewhere);
    }

    #[test]
    fn other_addresses_are_elsewhere_and_names_have_to_be_looked_up() {
        for host in ["128.0.0.1", "1.0.0.0", "10.0.0.1", "[2001:db8::1]", "[::ffff:10.0.0.1]", "[fec0::1]", "[1::2:1]"]
        {
            assert_eq!(stated(host), Some(Locality::Elsewhere), "{host}");
        }
        for name in ["localhost.example.com", "notlocalhost", "127.0.0.1.example.com", "vm", "localhost.localdomain"] {
            assert_eq!(stated(name), None, "{name}");
        }
    }
}
