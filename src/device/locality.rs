//! Where a connection comes from. What the socket says counts; what headers say counts only where the socket
//! leads to a proxy that the configuration names.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use super::handshake::Locality;

/// A range of addresses; a single one is a range of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or one address. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            Some(bits) => Some(bits).filter(digits)?.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self { address, bits })
    }

    /// True where the address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let shifted = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()).checked_shr(32 - u32::from(self.bits)),
            IpAddr::V6(v6) => v6.to_bits().checked_shr(128 - u32::from(self.bits)),
        };
        let (own, address) = (self.address, plain(address));
        own.is_ipv4() == address.is_ipv4() && shifted(own) == shifted(address)
    }
}

/// As `parse` reads it.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The headers by which proxies say whom they speak for; each as often as it was sent, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forwarding<'a> {
    /// `X-Forwarded-For`.
    pub forwarded_for: &'a [&'a str],
    /// True for `Forwarded`, `X-Real-IP` or any other `X-Forwarded-…`.
    pub others: bool,
}

/// Where it comes from, and whose failures are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address that is limited, shown and logged.
    pub address: IpAddr,
    /// Whether it is this machine.
    pub locality: Locality,
}

/// Finds out. Behind a named proxy the address is the rightmost one that is no named proxy itself; anybody
/// else's headers change no address, and any header at all makes a connection one from elsewhere.
pub fn locate(peer: IpAddr, headers: Forwarding<'_>, trusted: &[Network]) -> Origin {
    let peer = plain(peer);
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    let silent = headers.forwarded_for.is_empty() && !headers.others;
    let locality = if peer.is_loopback() && silent { Locality::Direct } else { Locality::Remote };
    let mut address = peer;
    if is_trusted(peer) {
        let hops = headers.forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops {
            // What a named proxy did not understand, it did not check: nothing left of it is believed.
            let Some(hop) = parse_hop(hop) else { break };
            address = hop;
            if !is_trusted(hop) {
                break;
            }
        }
    }
    Origin { address, locality }
}

fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(v6, _)| v6);
    let address: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    address.or_else(with_port).map(plain)
}

/// An IPv4 address in the clothes of IPv6 is the IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => Ipv6Addr::to_ipv4_mapped(&v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(
        peer: &str,
        forwarded_for: &[&str],
        others: bool,
        trusted: &[&str],
    ) -> (String, Locality) {
        let trusted: Vec<_> = trusted.iter().map(|text| Network::parse(text).unwrap()).collect();
        let origin = locate(ip(peer), Forwarding { forwarded_for, others }, &trusted);
        (origin.address.to_string(), origin.locality)
    }

    #[test]
    fn case_061_no_header_makes_a_connection_local() {
        use Locality::{Direct, Remote};
        let table: [(&str, &[&str], bool, Locality); 9] = [
            ("127.0.0.1", &[], false, Direct),
            ("127.9.9.9", &[], false, Direct),
            ("::1", &[], false, Direct),
            ("::ffff:127.0.0.1", &[], false, Direct),
            ("192.168.1.5", &[], false, Remote),
            ("192.168.1.5", &["127.0.0.1"], false, Remote),
            ("192.168.1.5", &[], true, Remote),
            ("127.0.0.1", &["127.0.0.1"], false, Remote),
            ("127.0.0.1", &[], true, Remote),
        ];
        for (peer, headers, others, locality) in table {
            assert_eq!(at(peer, headers, others, &[]).1, locality, "{peer} {headers:?} {others}");
            let trusted = ["127.0.0.1", "192.168.1.0/24"];
            assert_eq!(at(peer, headers, others, &trusted).1, locality, "{peer} {headers:?}");
        }
    }

    #[test]
    fn case_062_only_a_named_proxy_is_believed_and_only_up_to_the_first_stranger() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        let table: [(&str, &[&str], &str); 11] = [
            ("203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7 , 10.2.3.4"], "198.51.100.7"),
            ("10.0.0.1", &["10.2.3.4"], "10.2.3.4"),
            ("10.0.0.1", &["1.1.1.1, junk, 10.2.3.4"], "10.2.3.4"),
            ("10.0.0.1", &["1.1.1.1, "], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
        ];
        for (peer, headers, address) in table {
            let (found, locality) = at(peer, headers, false, &proxies);
            assert_eq!(
                (found.as_str(), locality),
                (address, Locality::Remote),
                "{peer} {headers:?}"
            );
        }
    }

    #[test]
    fn case_099_a_stranger_cannot_change_the_address_that_is_counted() {
        for claim in 0..255u8 {
            let header = format!("198.51.100.{claim}");
            assert_eq!(at("203.0.113.9", &[&header], true, &["10.0.0.1"]).0, "203.0.113.9");
        }
    }

    #[test]
    fn a_range_holds_what_begins_as_it_does() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("fd00::/8", "fdff::1", true),
        ];
        for (network, address, inside) in table {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.holds(ip(address)), inside, "{network:?} {address}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "/8", "host", "*"] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_header_of_an_unnamed_peer_counts(bits: u32, header: String) {
            let peer = IpAddr::V4(bits.into());
            let headers = Forwarding { forwarded_for: &[&header], others: false };
            let origin = locate(peer, headers, &[]);
            prop_assert_eq!(origin, Origin { address: peer, locality: Locality::Remote });
        }
    }
}
