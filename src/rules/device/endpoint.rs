//! A gateway's address as a phone is given it: `ws` or `wss`, a host, perhaps a port, and nothing that could hide
//! a secret or lead elsewhere. Credentials go in the clear to this machine and a private network only.

use std::{fmt, net::IpAddr};

/// Where a socket is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `wss`.
    pub tls: bool,
    /// Which machine.
    pub host: Host,
    /// Left out, the scheme's own.
    pub port: Option<u16>,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// By address.
    Address(IpAddr),
    /// By name, in lower case, without a dot at its end.
    Name(String),
}

/// Who can be at the other end of such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearness {
    /// This machine.
    Loopback,
    /// A private network, or a name that only it knows.
    Private,
    /// The internet, or a tailnet.
    Public,
}

/// Why a text is no address of a gateway. What it says follows the name of the text and quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEndpoint {
    /// No host, or none that a phone would find.
    Host,
    /// More than a host and a port.
    Path,
    /// No port.
    Port,
    /// Another kind of address.
    Scheme,
    /// A user, a query or a fragment, where secrets stand.
    Secret,
    /// `ws` over a public network.
    Plaintext,
}

impl fmt::Display for NoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "has no host that a phone could find",
            Self::Path => "has a path: a phone is given host and port only",
            Self::Port => "has a port that is not a number from 1 to 65535",
            Self::Scheme => "begins with `https://`, `wss://`, `http://` or `ws://`",
            Self::Secret => "has a user, a query or a fragment, and must have none",
            Self::Plaintext => {
                "leads beyond a private network, where only `wss://` or `https://` is safe"
            }
        })
    }
}

impl Endpoint {
    /// Reads an address; one without a scheme has that of the gateway. Plaintext is refused where it is not safe.
    pub fn parse(text: &str, tls: bool) -> Result<Self, NoEndpoint> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => (if tls { "wss" } else { "ws" }.to_owned(), text),
        };
        let tls = match scheme.as_str() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err(NoEndpoint::Scheme),
        };
        if rest.contains(['@', '?', '#']) {
            return Err(NoEndpoint::Secret);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '\\']) {
            return Err(NoEndpoint::Path);
        }
        let (host, port) = split(authority)?;
        let endpoint = Self { tls, host: Host::parse(host)?, port };
        if !tls && endpoint.host.nearness() == Nearness::Public {
            return Err(NoEndpoint::Plaintext);
        }
        Ok(endpoint)
    }

    /// The port, said or not.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// True where what is sent can be read on its way.
    pub fn is_open_to_listeners(&self) -> bool {
        !self.tls && self.host.nearness() != Nearness::Loopback
    }
}

/// `wss://host:port`, as a setup code carries it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "wss" } else { "ws" }, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Host {
    /// Reads a host; brackets belong to the URL around it.
    pub fn parse(text: &str) -> Result<Self, NoEndpoint> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            let is_one = !address.is_unspecified() && !address.is_multicast();
            return is_one.then_some(Self::Address(address)).ok_or(NoEndpoint::Host);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            (1..=63).contains(&label.len()) && label.chars().all(fits)
        };
        let last = name.rsplit('.').next().unwrap_or_default();
        // What ends in a number is an address in disguise, and browsers and phones read it as they like.
        let number = last.chars().all(|c| c.is_ascii_digit()) || last.starts_with("0x");
        if name.len() > 253 || number || !name.split('.').all(is_label) {
            return Err(NoEndpoint::Host);
        }
        Ok(Self::Name(name))
    }

    /// Who can be there.
    pub fn nearness(&self) -> Nearness {
        match self {
            Self::Address(address) => nearness(*address),
            Self::Name(name) if name == "localhost" || name.ends_with(".localhost") => {
                Nearness::Loopback
            }
            Self::Name(name) => match name.rsplit_once('.') {
                Some((_, "local")) => Nearness::Private,
                _ => Nearness::Public,
            },
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Of an address.
pub fn nearness(address: IpAddr) -> Nearness {
    let address = address.to_canonical();
    let private = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match address {
        _ if address.is_loopback() => Nearness::Loopback,
        _ if private => Nearness::Private,
        _ => Nearness::Public,
    }
}

fn split(authority: &str) -> Result<(&str, Option<u16>), NoEndpoint> {
    let number = |port: &str| {
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.then(|| port.parse::<u16>().ok()).flatten();
        port.filter(|port| *port > 0).ok_or(NoEndpoint::Port)
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or(NoEndpoint::Host)?;
        if !host.contains(':') {
            return Err(NoEndpoint::Host);
        }
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(number(port)?))),
            None if behind.is_empty() => Ok((host, None)),
            None => Err(NoEndpoint::Host),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(NoEndpoint::Host),
        Some((host, port)) => Ok((host, Some(number(port)?))),
        None => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, NoEndpoint> {
        Endpoint::parse(text, false).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn an_address_becomes_that_of_a_socket() {
        for (text, url) in [
            ("https://gw.example.com", "wss://gw.example.com"),
            ("wss://GW.example.com.:8443/", "wss://gw.example.com:8443"),
            ("http://192.168.1.10:18789", "ws://192.168.1.10:18789"),
            ("ws://[fd00::1]:7", "ws://[fd00::1]:7"),
            ("10.0.2.2:18789", "ws://10.0.2.2:18789"),
            ("studio.local", "ws://studio.local"),
            ("ws://[::ffff:127.0.0.1]:1", "ws://127.0.0.1:1"),
            ("wss://[2001:db8::1]", "wss://[2001:db8::1]"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(url), "{text}");
        }
        let without = Endpoint::parse("gw.example.com", true).unwrap();
        assert_eq!(
            (without.to_string().as_str(), without.port_or_default()),
            ("wss://gw.example.com", 443)
        );
    }

    #[test]
    fn case_056_an_address_carries_no_secret_and_no_path() {
        use NoEndpoint::{Host, Path, Port, Scheme, Secret};
        for (text, why) in [
            ("https://ann:s3cret@gw.example.com", Secret),
            ("https://gw.example.com/?token=s3cret", Secret),
            ("https://gw.example.com#s3cret", Secret),
            ("wss://gw.example.com/openclaw", Path),
            ("wss://gw.example.com\\x", Path),
            ("ftp://gw.example.com", Scheme),
            ("javascript://x", Scheme),
            ("wss://", Host),
            ("wss://a..b", Host),
            ("wss://0.0.0.0", Host),
            ("wss://[::]:1", Host),
            ("wss://2130706433", Host),
            ("wss://0x7f.1", Host),
            ("wss://gw.0x7f", Host),
            ("wss://[gw]", Host),
            ("wss://fd00::1", Host),
            ("wss://g w", Host),
            ("wss://bücher.example", Host),
            ("wss://gw:0", Port),
            ("wss://gw:70000", Port),
            ("wss://gw:+1", Port),
            ("wss://gw:", Port),
        ] {
            let refused = read(text).unwrap_err();
            assert_eq!(refused, why, "{text}");
            assert!(!refused.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn case_051_plaintext_stays_on_private_networks() {
        let table = [
            ("127.0.0.1", Nearness::Loopback),
            ("127.9.9.9", Nearness::Loopback),
            ("[::1]", Nearness::Loopback),
            ("localhost", Nearness::Loopback),
            ("a.localhost", Nearness::Loopback),
            ("10.1.2.3", Nearness::Private),
            ("172.16.0.1", Nearness::Private),
            ("172.31.255.255", Nearness::Private),
            ("192.168.0.1", Nearness::Private),
            ("169.254.1.1", Nearness::Private),
            ("[fd12::1]", Nearness::Private),
            ("[fe80::1]", Nearness::Private),
            ("studio.local", Nearness::Private),
            ("172.32.0.1", Nearness::Public),
            ("100.64.0.1", Nearness::Public),
            ("203.0.113.7", Nearness::Public),
            ("[2001:db8::1]", Nearness::Public),
            ("studio.tail1234.ts.net", Nearness::Public),
            ("local", Nearness::Public),
            ("studio.local.example.com", Nearness::Public),
            ("localhost.example.com", Nearness::Public),
        ];
        for (host, near) in table {
            let secure = Endpoint::parse(&format!("wss://{host}"), false).unwrap();
            assert_eq!(secure.host.nearness(), near, "{host}");
            assert!(!secure.is_open_to_listeners());
            match Endpoint::parse(&format!("ws://{host}"), false) {
                Ok(open) => assert_eq!(open.is_open_to_listeners(), near == Nearness::Private),
                Err(why) => assert_eq!((why, near), (NoEndpoint::Plaintext, Nearness::Public)),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(text in "(wss?://|https?://)?[a-z0-9.:@/\\[\\]%-]{0,24}") {
            if let Ok(endpoint) = Endpoint::parse(&text, true) {
                let again = Endpoint::parse(&endpoint.to_string(), false);
                prop_assert_eq!(again, Ok(endpoint));
            }
        }
    }
}
