//! What the socket itself and its request's head say about a client, before it says anything.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, header};

use crate::device::{
    handshake::Locality,
    locality::{Forwarding, Network, Origin, locate},
};

/// Where a client is, and what its request's head says.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The one that is limited, shown and logged.
    pub(crate) address: IpAddr,
    pub(crate) locality: Locality,
    /// Sent by every page, and by nothing else.
    pub(crate) origin: Option<String>,
    /// What the client calls us.
    host: Option<String>,
}

impl Facts {
    pub(crate) fn new(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let forwarded_for: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .map(|value| value.to_str().unwrap_or("?"))
            .collect();
        let others = headers.keys().any(|name| {
            let name = name.as_str();
            name == "forwarded"
                || name == "x-real-ip"
                || name.starts_with("x-forwarded-") && name != "x-forwarded-for"
        });
        let forwarding = Forwarding { forwarded_for: &forwarded_for, others };
        let from = locate(peer.ip(), forwarding, trusted);
        Self::at(from, headers)
    }

    /// Of a client that came through the socket in the state folder, which has told its uid: it is this user's.
    pub(crate) fn of_this_user(headers: &HeaderMap) -> Self {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self::at(Origin { address, locality: Locality::Direct }, headers)
    }

    fn at(from: Origin, headers: &HeaderMap) -> Self {
        let text = |name| Some(headers.get(name)?.to_str().unwrap_or("?").to_owned());
        Self {
            address: from.address,
            locality: from.locality,
            origin: text(header::ORIGIN),
            host: text(header::HOST),
        }
    }

    /// True where the client calls us by an address or `localhost`, or not at all: a name may lead here today, and
    /// its page's requests of this kind bear no `Origin`.
    pub(crate) fn names_a_fixed_place(&self) -> bool {
        self.host.as_deref().is_none_or(is_fixed)
    }
}

/// True where the page may speak to this gateway: it is named in the configuration, or comes from the very place
/// it speaks to, by an address or `localhost`. A name proves nothing: it may lead here today.
pub(crate) fn origin_allowed(facts: &Facts, allowed: &[String]) -> bool {
    let Some(origin) = &facts.origin else { return true };
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    if allowed.iter().any(|allowed| plain(allowed) == plain(origin)) {
        return true;
    }
    let Some((_, place)) = origin.split_once("://") else { return false };
    let Some(host) = &facts.host else { return false };
    is_fixed(place) && place.eq_ignore_ascii_case(host)
}

/// An address or `localhost`, with or without a port.
fn is_fixed(place: &str) -> bool {
    let name = place.rsplit_once(':').map_or(place, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { place }
    });
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(origin: &str, host: &str) -> Facts {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        Facts::new(SocketAddr::from(([127, 0, 0, 1], 5)), &headers, &[])
    }

    #[test]
    fn case_066_only_a_page_of_this_very_place_or_a_named_one_may_speak() {
        let named = ["https://panel.example".to_owned()];
        let table = [
            ("http://127.0.0.1:18789", "127.0.0.1:18789", true),
            ("http://localhost:18789", "LOCALHOST:18789", true),
            ("http://[::1]:18789", "[::1]:18789", true),
            ("https://panel.example/", "gw.example", true),
            ("http://localhost:3000", "localhost:18789", false),
            ("http://evil.example:18789", "evil.example:18789", false),
            ("https://panel.example.evil", "gw.example", false),
            ("http://localhost.evil:18789", "localhost.evil:18789", false),
            ("null", "127.0.0.1:18789", false),
            ("", "127.0.0.1:18789", false),
        ];
        for (origin, host, allowed) in table {
            assert_eq!(origin_allowed(&facts(origin, host), &named), allowed, "{origin} {host}");
        }
    }

    #[test]
    fn case_061_a_forwarding_header_of_any_name_makes_a_client_remote() {
        for name in
            ["forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "X-Forwarded-Proto"]
        {
            let mut headers = HeaderMap::new();
            headers.insert(http::HeaderName::try_from(name).unwrap(), "127.0.0.1".parse().unwrap());
            let facts = Facts::new(SocketAddr::from(([127, 0, 0, 1], 5)), &headers, &[]);
            assert_eq!(facts.locality, Locality::Remote, "{name}");
        }
        let plain = Facts::new(SocketAddr::from(([127, 0, 0, 1], 5)), &HeaderMap::new(), &[]);
        assert_eq!(plain.locality, Locality::Direct);
    }
}
