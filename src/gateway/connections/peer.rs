//! What the socket itself and its request's head say about a client, before it says anything.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, header};
use openclaw_plugin_sdk::{Client, ClientAddress, Link};
use tokio::sync::OnceCell;

use crate::{
    network::peer,
    rules::device::{
        handshake::Locality,
        locality::{Head, Network, client_address, is_forwarding, is_trusted, may_be_local},
    },
    world,
};

/// The connection that requests come over.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) peer: SocketAddr,
    pub(crate) own: Option<SocketAddr>,
    encrypted: bool,
    /// It is the socket in the state folder.
    is_own: bool,
    /// Looked up at most once, and only where it matters.
    same_user: OnceCell<bool>,
}

impl Wire {
    /// `own` is this end's address, where the system tells it.
    pub(crate) fn new(peer: SocketAddr, own: Option<SocketAddr>, encrypted: bool) -> Self {
        Self { peer, own, encrypted, is_own: false, same_user: OnceCell::new() }
    }

    /// Through the socket in the state folder, which has told the client's uid: it is this user's.
    pub(crate) fn own() -> Self {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { is_own: true, ..Self::new(peer, None, false) }
    }

    async fn is_of_this_user(&self) -> bool {
        let Some(own) = self.own else { return false };
        let peer = self.peer;
        let asked = || async move {
            let owner = tokio::task::spawn_blocking(move || peer::owner(peer, own)).await;
            owner.is_ok_and(|owner| owner == Some(world::user()))
        };
        *self.same_user.get_or_init(asked).await
    }

    /// Loopback and TLS.
    fn is_private(&self) -> bool {
        self.encrypted || self.peer.ip().to_canonical().is_loopback()
    }
}

/// Where a client is, and what its request's head says.
#[derive(Clone, Debug)]
pub(crate) struct PeerInfo {
    /// The one that is shown and logged.
    pub(crate) address: IpAddr,
    pub(crate) locality: Locality,
    /// Sent by every page, and by nothing else.
    pub(crate) origin: Option<String>,
    /// What the client calls us.
    host: Option<String>,
    /// As a channel is told of it.
    pub(crate) client: Client,
    /// Its peer says which client it speaks for, and is not believed.
    pub(crate) unnamed_proxy: bool,
}

impl PeerInfo {
    /// The one place where it is decided where a client is: for sockets, pages, metrics and channels alike.
    pub(crate) async fn of(wire: &Wire, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let all = |name: &str| -> Vec<&str> {
            let values = headers.get_all(name).iter();
            values.map(|value| value.to_str().unwrap_or("?")).collect()
        };
        let (hosts, forwarded_for) = (all("host"), all("x-forwarded-for"));
        let others = headers.keys().any(|name| is_forwarding(name.as_str()));
        let head = Head { hosts: &hosts, forwarded_for: &forwarded_for, others };
        let peer = wire.peer.ip();
        let locality = if wire.is_own {
            Locality::Own
        } else if may_be_local(peer, head, trusted) && wire.is_of_this_user().await {
            Locality::Direct
        } else {
            Locality::Remote
        };
        let address = if wire.is_own { peer } else { client_address(peer, head, trusted) };
        let said = all("x-forwarded-proto");
        let outside = said.last().and_then(|said| said.rsplit(',').next()).map(str::trim);
        let client = Client {
            address: ClientAddress::of(address),
            local: locality.is_near(),
            hop: if wire.is_private() { Link::Private } else { Link::Exposed },
            tls: wire.encrypted
                || is_trusted(peer, trusted) && matches!(outside, Some("https" | "wss")),
        };
        let text = |name| Some(headers.get(name)?.to_str().unwrap_or("?").to_owned());
        Self {
            address,
            locality,
            origin: text(header::ORIGIN),
            host: text(header::HOST),
            client,
            unnamed_proxy: head.is_forwarded() && !wire.is_own && !is_trusted(peer, trusted),
        }
    }
}

/// True where the page may speak to this gateway: it is named in the configuration, or comes from the very place
/// it speaks to, by an address or `localhost`. A name proves nothing: it may lead here today.
pub(crate) fn origin_allowed(facts: &PeerInfo, allowed: &[String]) -> bool {
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

    async fn facts(origin: &str, host: &str) -> PeerInfo {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        PeerInfo::of(&Wire::new(([127, 0, 0, 1], 5).into(), None, false), &headers, &[]).await
    }

    /// Both ends of a connection on this machine.
    async fn wire() -> (tokio::net::TcpStream, tokio::net::TcpStream, Wire) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, peer) = listener.accept().await.unwrap();
        let own = far.local_addr().ok();
        (near, far, Wire::new(peer, own, false))
    }

    #[tokio::test]
    async fn case_066_only_a_page_of_this_very_place_or_a_named_one_may_speak() {
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
            assert_eq!(
                origin_allowed(&facts(origin, host).await, &named),
                allowed,
                "{origin} {host}"
            );
        }
    }

    #[tokio::test]
    async fn case_061_a_forwarding_header_of_any_name_makes_a_client_remote() {
        let (_near, _far, wire) = wire().await;
        let plain = [("host", "localhost")];
        let with = |name| [("host", "localhost"), (name, "127.0.0.1")];
        assert_eq!(at(&wire, &plain, &[]).await.locality, Locality::Direct);
        for name in [
            "forwarded",
            "x-real-ip",
            "x-forwarded-for",
            "x-forwarded-host",
            "X-Forwarded-Proto",
            "Via",
        ] {
            assert_eq!(at(&wire, &with(name), &[]).await.locality, Locality::Remote, "{name}");
        }
    }

    #[tokio::test]
    async fn case_128_without_a_socket_of_this_user_nothing_in_a_head_makes_a_client_local() {
        let unknown =
            Wire::new(([127, 0, 0, 1], 5).into(), Some(([127, 0, 0, 1], 6).into()), false);
        for host in ["localhost", "127.0.0.1:6", "[::1]"] {
            let facts = at(&unknown, &[("host", host)], &[]).await;
            assert_eq!(facts.locality, Locality::Remote, "{host}");
            assert_eq!(facts.client.link(), Link::Exposed, "{host}");
        }
    }

    #[tokio::test]
    async fn case_130_behind_a_trusted_proxy_the_exchange_is_its_clients() {
        let trusted = [Network::parse("127.0.0.1").unwrap()];
        let (_near, _far, wire) = wire().await;
        let said = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http, https")];
        let client = at(&wire, &said, &trusted).await.client;
        assert_eq!(client.address.to_string(), "203.0.113.9");
        assert_eq!((client.local, client.tls, client.link()), (false, true, Link::Private));
        // The proxy adds to the right; what stands left of it is the client's own word.
        let client = at(&wire, &[("x-forwarded-proto", "https, http")], &trusted).await.client;
        assert!(!client.tls);
        let client = at(&wire, &said, &[]).await.client;
        assert_eq!((client.address.to_string().as_str(), client.tls), ("127.0.0.1", false));
    }

    async fn at(wire: &Wire, said: &[(&str, &str)], trusted: &[Network]) -> PeerInfo {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            let name = http::HeaderName::try_from(*name).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        PeerInfo::of(wire, &headers, trusted).await
    }
}
