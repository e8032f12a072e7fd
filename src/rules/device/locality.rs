//! Where a connection comes from. What the socket says counts; what headers say counts only where the socket
//! leads to a proxy that the configuration names.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

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
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let digits = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            Some(bits) => Some(bits).filter(digits)?.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        let canonical = address.to_canonical();
        if canonical != address {
            // The first 96 bits only say that it is an IPv4 address.
            return Some(Self { address: canonical, bits: bits.checked_sub(96)? });
        }
        Some(Self { address, bits })
    }

    /// How many of the first bits are fixed, and whether it is of IPv4.
    pub fn width(&self) -> (u8, bool) {
        (self.bits, self.address.is_ipv4())
    }

    /// True for the range that holds all addresses of its kind.
    pub fn is_everyone(&self) -> bool {
        self.bits == 0
    }

    /// True where all of it is this machine.
    pub fn is_loopback(&self) -> bool {
        self.address.is_loopback() && (self.address.is_ipv6() || self.bits >= 8)
    }

    /// True where the address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let shifted = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()).checked_shr(32 - u32::from(self.bits)),
            IpAddr::V6(v6) => v6.to_bits().checked_shr(128 - u32::from(self.bits)),
        };
        let (own, address) = (self.address, address.to_canonical());
        own.is_ipv4() == address.is_ipv4() && shifted(own) == shifted(address)
    }
}

/// As `parse` reads it.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// What a request's head says about its way. Each header as often as it was sent, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// `Host`.
    pub hosts: &'a [&'a str],
    /// `X-Forwarded-For`.
    pub forwarded_for: &'a [&'a str],
    /// True where another header is there that [`is_forwarding`].
    pub others: bool,
}

/// True for a header that some vendor's proxy adds, in lower case. A program on this machine sends none.
pub fn is_forwarding(name: &str) -> bool {
    const HEADS: [&str; 8] =
        ["cdn-", "cf-", "ngrok-", "tailscale-", "x-amzn-", "x-azure-", "x-envoy-", "x-nf-"];
    const TAILS: [&str; 5] = ["client-ip", "clientip", "connection-ip", "real-ip", "user-ip"];
    name == "via"
        || name.contains("forwarded")
        || HEADS.iter().any(|head| name.starts_with(head))
        || TAILS.iter().any(|tail| name.ends_with(tail))
}

impl Head<'_> {
    /// True where a proxy says that it has passed this on.
    pub fn is_forwarded(&self) -> bool {
        !self.forwarded_for.is_empty() || self.others
    }

    /// True where the client calls us by a name that every machine has for itself. It chooses the name: this alone
    /// proves nothing.
    fn names_loopback(&self) -> bool {
        matches!(self.hosts, [host] if is_loopback_name(host))
    }
}

fn is_loopback_name(host: &str) -> bool {
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if digits(port) && !name.ends_with(':') => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let address: Option<IpAddr> = match bare {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4),
    };
    name.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|ip| ip.to_canonical().is_loopback())
}

/// False where no socket of this machine's user can make it local: only where it is true it is worth while to ask
/// whose socket is at the other end, and that answer decides. A named proxy speaks for others, also where it sends no
/// header.
pub fn may_be_local(peer: IpAddr, head: Head<'_>, trusted: &[Network]) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback()
        && head.names_loopback()
        && !head.is_forwarded()
        && !is_trusted(peer, trusted)
}

/// The address that is limited, shown and logged. Behind a named proxy it is the rightmost one that is no named proxy
/// itself; nobody else's headers change it.
pub fn client_address(peer: IpAddr, head: Head<'_>, trusted: &[Network]) -> IpAddr {
    let mut address = peer.to_canonical();
    if is_trusted(address, trusted) {
        let hops = head.forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops {
            // What a named proxy did not understand, it did not check: nothing left of it is believed.
            let Some(hop) = parse_hop(hop) else { break };
            address = hop;
            if !is_trusted(hop, trusted) {
                break;
            }
        }
    }
    address
}

/// True for a proxy that the configuration names.
pub fn is_trusted(peer: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.holds(peer))
}

fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(v6, _)| v6);
    let address: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    address.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(peer: &str, forwarded_for: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<_> = trusted.iter().map(|text| Network::parse(text).unwrap()).collect();
        let head = Head { hosts: &["localhost"], forwarded_for, others: false };
        client_address(ip(peer), head, &trusted).to_string()
    }

    #[test]
    fn case_061_no_header_makes_a_connection_local() {
        let table: [(&str, &[&str], bool, bool); 9] = [
            ("127.0.0.1", &[], false, true),
            ("127.9.9.9", &[], false, true),
            ("::1", &[], false, true),
            ("::ffff:127.0.0.1", &[], false, true),
            ("192.168.1.5", &[], false, false),
            ("192.168.1.5", &["127.0.0.1"], false, false),
            ("192.168.1.5", &[], true, false),
            ("127.0.0.1", &["127.0.0.1"], false, false),
            ("127.0.0.1", &[], true, false),
        ];
        for (peer, forwarded_for, others, may) in table {
            let head = Head { hosts: &["127.0.0.1:18789"], forwarded_for, others };
            assert_eq!(may_be_local(ip(peer), head, &[]), may, "{peer} {forwarded_for:?} {others}");
        }
    }

    #[test]
    fn case_128_a_local_client_calls_the_gateway_by_a_loopback_name_and_by_one() {
        let table: [(&[&str], bool); 16] = [
            (&["localhost"], true),
            (&["LOCALHOST:18789"], true),
            (&["127.0.0.1:18789"], true),
            (&["127.1.2.3"], true),
            (&["[::1]"], true),
            (&["[::1]:18789"], true),
            (&[], false),
            (&[""], false),
            (&["gw.example"], false),
            (&["localhost.evil"], false),
            (&["127.0.0.1.evil:18789"], false),
            (&["192.168.1.10:18789"], false),
            (&["studio.tail1.ts.net"], false),
            (&["[::2]:18789"], false),
            (&["localhost:x"], false),
            (&["localhost", "gw.example"], false),
        ];
        for (hosts, may) in table {
            let head = Head { hosts, ..Head::default() };
            assert_eq!(may_be_local(ip("127.0.0.1"), head, &[]), may, "{hosts:?}");
        }
    }

    #[test]
    fn case_128_a_named_proxy_is_never_local_also_without_a_header() {
        let head = Head { hosts: &["localhost"], ..Head::default() };
        let named = |text: &str| [Network::parse(text).unwrap()];
        assert!(may_be_local(ip("127.0.0.1"), head, &named("10.0.0.0/8")));
        for (peer, proxy) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.0/8"),
            ("127.0.0.1", "::ffff:127.0.0.1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
        ] {
            assert!(!may_be_local(ip(peer), head, &named(proxy)), "{peer} {proxy}");
        }
    }

    #[test]
    fn case_128_the_headers_of_every_vendor_are_known() {
        for name in [
            "via",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-original-forwarded-for",
            "x-real-ip",
            "cf-connecting-ip",
            "cf-ray",
            "true-client-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "fly-client-ip",
            "x-azure-clientip",
            "x-azure-socketip",
            "x-sucuri-clientip",
            "x-nf-client-connection-ip",
            "cdn-loop",
            "tailscale-user-login",
        ] {
            assert!(is_forwarding(name), "{name}");
        }
        for name in ["host", "origin", "user-agent", "sec-websocket-key", "authorization", "cookie"]
        {
            assert!(!is_forwarding(name), "{name}");
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
            assert_eq!(at(peer, headers, &proxies), address, "{peer} {headers:?}");
        }
    }

    #[test]
    fn case_099_a_stranger_cannot_change_the_address_that_is_counted() {
        for claim in 0..255u8 {
            let header = format!("198.51.100.{claim}");
            assert_eq!(at("203.0.113.9", &[&header], &["10.0.0.1"]), "203.0.113.9");
        }
    }

    #[test]
    fn case_129_a_range_holds_what_begins_as_it_does_and_a_mapped_address_is_ipv4() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("fd00::/8", "fdff::1", true),
            ("::ffff:10.0.0.0/104", "10.255.0.1", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
        ];
        for (network, address, inside) in table {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.holds(ip(address)), inside, "{network:?} {address}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "::ffff:10.0.0.0/8",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "/8",
            "host",
            "*",
        ] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_header_of_an_unnamed_peer_counts(bits: u32, header: String) {
            let peer = IpAddr::V4(bits.into());
            let head = Head { forwarded_for: &[&header], ..Head::default() };
            prop_assert_eq!(client_address(peer, head, &[]), peer);
        }
    }
}
