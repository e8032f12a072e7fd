//! Where a gateway is: its URL as people type it, and whether a secret may go there without TLS.

use std::{fmt, net::IpAddr};

use http::Uri;

use super::{AddressError, Fingerprint, RemoteError};
use crate::rules::device::{
    endpoint::{Nearness, nearness},
    locality::Network,
};

/// The port of a gateway where none is named beside a host.
pub const PORT: u16 = 18_789;

/// The addresses of a tailnet: encrypted beneath.
const TAILNET: &str = "100.64.0.0/10";

/// A gateway's WebSocket address. It never holds a secret: a URL that could is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Address {
    /// A host and a port, as options name them.
    pub fn of(host: &str, port: u16, tls: bool) -> Result<Self, AddressError> {
        let host = host.trim();
        let host = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Self::parse(&format!("{}://{host}:{port}", scheme(tls)))
    }

    /// Reads `ws`, `wss`, `http` and `https` URLs.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains(['@', '#', '?']) {
            return Err(AddressError::Secret);
        }
        let uri: Uri = text.parse().map_err(|_| AddressError::Shape)?;
        let tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(AddressError::Shape),
        };
        let authority = uri.authority().ok_or(AddressError::Shape)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = match authority.port_u16() {
            Some(0) => return Err(AddressError::Shape),
            Some(port) => port,
            None if authority.as_str() != authority.host() => return Err(AddressError::Shape),
            None if tls => 443,
            None => 80,
        };
        if host.is_empty() {
            return Err(AddressError::Shape);
        }
        let path = uri.path().to_owned();
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, path })
    }

    /// True for `wss`.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The place without scheme and path: what a stored token belongs to.
    pub fn place(&self) -> String {
        let host = &self.host;
        if host.contains(':') {
            format!("[{host}]:{}", self.port)
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// True where it never leaves this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Refuses what would give a secret away there, before anything is sent.
    pub(super) fn check(
        &self,
        insecure: bool,
        pin: Option<Fingerprint>,
    ) -> Result<(), RemoteError> {
        if !insecure && !self.may_carry_secrets() {
            return Err(RemoteError::Plaintext(self.to_string()));
        }
        if pin.is_some() && !self.tls {
            return Err(RemoteError::Distrust { at: self.to_string(), pinned: true });
        }
        Ok(())
    }

    /// True where a secret may go: encrypted, or by an address that says itself that it is private.
    pub(super) fn may_carry_secrets(&self) -> bool {
        let private = |ip: IpAddr| {
            nearness(ip) != Nearness::Public
                || Network::parse(TAILNET).is_some_and(|net| net.holds(ip))
        };
        let host = self.host.trim_end_matches('.');
        self.tls
            || self.is_loopback()
            || host.rsplit('.').next() == Some("local") && host != "local"
            || host.strip_suffix(".ts.net").is_some()
            || host.parse().is_ok_and(private)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "{}://{}{path}", scheme(self.tls), self.place())
    }
}

fn scheme(tls: bool) -> &'static str {
    if tls { "wss" } else { "ws" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_read_as_people_type_them() {
        let table = [
            ("ws://127.0.0.1:18789", "ws://127.0.0.1:18789"),
            (" https://GW.example.com/ ", "wss://gw.example.com:443"),
            ("http://gw.example.com:8080/claw", "ws://gw.example.com:8080/claw"),
            ("wss://[fe80::1]:1", "wss://[fe80::1]:1"),
        ];
        for (typed, read) in table {
            assert_eq!(Address::parse(typed).unwrap().to_string(), read);
        }
        assert_eq!(Address::of("::1", 7, true).unwrap().to_string(), "wss://[::1]:7");
    }

    #[test]
    fn case_056_a_url_with_a_secret_is_refused_and_not_repeated() {
        let secrets = ["ws://ann:s3cret@h:1", "ws://h:1/?token=s3cret", "ws://h:1/#s3cret"];
        for typed in secrets {
            let error = Address::parse(typed).unwrap_err();
            assert_eq!(error, AddressError::Secret);
            assert!(!error.to_string().contains("s3cret"));
        }
        for typed in
            ["", "h:1", "ftp://h:1", "ws://", "ws://h:0", "ws://h:99999", "ws:/h", "s3cret"]
        {
            let error = Address::parse(typed).unwrap_err();
            assert_eq!(error, AddressError::Shape, "{typed}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn a_secret_goes_in_the_clear_to_private_places_only() {
        let fine = [
            "wss://gw.example.com",
            "ws://localhost:1",
            "ws://127.9.9.9:1",
            "ws://[::1]:1",
            "ws://[::ffff:127.0.0.1]:1",
            "ws://10.1.2.3:1",
            "ws://172.31.0.1:1",
            "ws://192.168.1.1:1",
            "ws://169.254.1.1:1",
            "ws://100.100.1.1:1",
            "ws://[fd00::1]:1",
            "ws://[fe80::1]:1",
            "ws://box.local:1",
            "ws://box.tail.ts.net:1",
        ];
        for url in fine {
            assert!(Address::parse(url).unwrap().may_carry_secrets(), "{url}");
        }
        let refused = [
            "ws://gw.example.com",
            "ws://8.8.8.8:1",
            "ws://172.32.0.1:1",
            "ws://[2001:db8::1]:1",
            "ws://127.0.0.1.example.com:1",
            "ws://local:1",
            "ws://xts.net:1",
            "ws://192.168.1.1.nip.io:1",
        ];
        for url in refused {
            assert!(!Address::parse(url).unwrap().may_carry_secrets(), "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text: String) {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
