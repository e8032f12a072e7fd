//! Who is at the other end of an HTTP request, as the gateway's one function has found out.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use crate::Link;

/// An IPv4 address, or the /64 of an IPv6 address: who has one address of such a network has them all. Every limit
/// counts by it. An IPv4 address written as IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The one that this address counts for.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let [a, b, c, d, ..] = ip.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            ip => Self(ip),
        }
    }

    /// True for addresses that every machine has for itself.
    pub fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

/// `192.0.2.7`, or `2001:db8:1:2::/64`.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(ip) if !ip.is_loopback() => write!(f, "{ip}/64"),
            ip => write!(f, "{ip}"),
        }
    }
}

/// The client of one exchange. Behind a proxy that the configuration trusts it is the proxy's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// What limits count by.
    pub address: ClientAddress,
    /// A program of this user on this machine, with no proxy between.
    pub local: bool,
    /// Who can read along on the last stretch, up to the gateway: loopback and TLS are private.
    pub hop: Link,
    /// The client itself speaks TLS, to the gateway or to a trusted proxy that says so.
    pub tls: bool,
}

impl Client {
    /// Who can read along on the whole way. A proxy may speak plain text outside, whatever it says to us.
    pub fn link(&self) -> Link {
        match (self.local, self.tls, self.hop) {
            (true, ..) | (_, true, Link::Private) => Link::Private,
            _ => Link::Exposed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        ClientAddress::of(text.parse().unwrap()).to_string()
    }

    #[test]
    fn case_129_all_addresses_of_a_network_are_one_client() {
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_eq!((of("::1"), of("::ffff:127.0.0.1")), ("::1".to_owned(), "127.0.0.1".to_owned()));
    }

    #[test]
    fn case_128_only_this_user_and_tls_on_a_private_hop_are_private() {
        let table = [
            (true, false, Link::Private, Link::Private),
            (false, false, Link::Private, Link::Exposed),
            (false, true, Link::Private, Link::Private),
            (false, true, Link::Exposed, Link::Exposed),
            (false, false, Link::Exposed, Link::Exposed),
        ];
        for (local, tls, hop, link) in table {
            let address = ClientAddress::of([127, 0, 0, 1].into());
            let client = Client { address, local, hop, tls };
            assert_eq!(client.link(), link, "{client:?}");
        }
    }
}
