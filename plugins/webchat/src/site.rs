//! Under which names the page is served. A page of another site, or a name made to point here, gets nothing.

use openclaw_plugin_sdk::{
    Client, Exchange, Link, SettingsError,
    http::{
        HeaderMap,
        header::{self, HeaderName},
        uri::Authority,
    },
};

use crate::text;

/// The names that the configuration allows beside this machine's own.
pub(crate) struct Sites(Vec<Site>);

struct Site {
    /// A proxy in front speaks TLS under this name.
    https: bool,
    host: String,
    port: Option<u16>,
}

/// A request that came under an allowed name.
pub(crate) struct Allowed {
    /// What a page of ours says where it comes from.
    origin: Origin,
    /// The browser speaks TLS.
    pub(crate) tls: bool,
    /// Who can read along.
    pub(crate) link: Link,
}

#[derive(PartialEq, Eq)]
struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Sites {
    pub(crate) fn new(names: &[String]) -> Result<Self, SettingsError> {
        let site = |name: &String| {
            let site = Site::parse(name);
            site.ok_or_else(|| SettingsError::new("allowed_hosts", text::no_host(name)))
        };
        names.iter().map(site).collect::<Result<_, _>>().map(Self)
    }

    /// `None` for a name that is not ours.
    pub(crate) fn check(&self, exchange: &Exchange) -> Option<Allowed> {
        let (host, port) = split(only(exchange.request.headers(), header::HOST)?)?;
        let own = is_own(&host);
        let named = self
            .0
            .iter()
            .find(|site| site.host == host && site.port.is_none_or(|named| port == Some(named)));
        if named.is_none() && !own {
            return None;
        }
        let tls = exchange.client.tls || named.is_some_and(|site| site.https);
        let link = Client { tls, ..exchange.client }.link();
        Some(Allowed { origin: Origin::new(tls, host, port), tls, link })
    }
}

impl Allowed {
    /// True where the request says that it comes from a page of this very site.
    pub(crate) fn is_origin_of(&self, headers: &HeaderMap) -> bool {
        only(headers, header::ORIGIN)
            .and_then(Origin::parse)
            .is_some_and(|origin| origin == self.origin)
    }
}

impl Site {
    fn parse(name: &str) -> Option<Self> {
        let bare = name.strip_prefix("https://");
        let (host, port) = split(bare.unwrap_or(name))?;
        Some(Self { https: bare.is_some(), host, port })
    }
}

impl Origin {
    fn new(https: bool, host: String, port: Option<u16>) -> Self {
        Self { https, host, port: port.unwrap_or(if https { 443 } else { 80 }) }
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (host, port) = split(rest)?;
        match scheme {
            "http" => Some(Self::new(false, host, port)),
            "https" => Some(Self::new(true, host, port)),
            _ => None,
        }
    }
}

/// The value of a header that stands there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

fn split(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host().to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let port = authority.port_u16();
    let whole = !text.contains('@') && (port.is_some() || text.len() == host.len());
    (whole && !host.is_empty() && host.chars().all(fits)).then_some((host, port))
}

/// `localhost`, or an address: that leads nowhere else than it says, as a name may.
fn is_own(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{Bytes, ClientAddress, http::Request};
    use tokio::sync::oneshot;

    use super::*;

    struct Call<'a> {
        host: &'a str,
        tls: bool,
        local: bool,
        hop: Link,
    }

    fn exchange(call: &Call<'_>) -> Exchange {
        let request = Request::builder().uri("/chat").header("host", call.host);
        let address = ClientAddress::of([127, 0, 0, 1].into());
        let client = Client { address, local: call.local, hop: call.hop, tls: call.tls };
        let reply = oneshot::channel().0;
        Exchange::new(request.body(Bytes::new()).unwrap(), client, reply, None)
    }

    #[track_caller]
    fn check(allowed: &[&str], host: &str, served: bool) {
        let sites =
            Sites::new(&allowed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let call = Call { host, tls: false, local: false, hop: Link::Private };
        assert_eq!(sites.check(&exchange(&call)).is_some(), served, "{allowed:?} {host}");
    }

    #[test]
    fn only_own_and_allowed_names_are_served() {
        for host in [
            "localhost",
            "LocalHost:18789",
            "127.0.0.1:1",
            "127.8.8.8",
            "[::1]:18789",
            "192.168.1.5:18789",
            "[fd00::2]:18789",
        ] {
            check(&[], host, true);
        }
        let others = [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.5.evil.example",
            "",
        ];
        let twisted = [
            "evil@localhost",
            "localhost:",
            "localhost/x",
            "localhost:port",
            "::1",
            "0.0.0.0",
            "[::]",
            "localhost.",
        ];
        for host in others.into_iter().chain(twisted) {
            check(&[], host, false);
        }
        check(&["chat.example"], "Chat.Example:8080", true);
        check(&["chat.example:8080"], "chat.example:8080", true);
        check(&["chat.example:8080"], "chat.example", false);
        check(&["https://chat.example"], "chat.example", true);
        check(&["chat.example"], "chat.example.evil", false);
    }

    #[test]
    fn a_name_that_is_none_is_a_settings_error() {
        for name in [
            "",
            "*",
            "http://chat.example",
            "https://chat.example/",
            "a b",
            "user@host",
            "*.example",
        ] {
            let error = Sites::new(&[name.to_owned()]).err().unwrap();
            assert_eq!(error.key, "allowed_hosts", "{name}");
        }
    }

    #[track_caller]
    fn from(call: &Call<'_>, allowed: &str, origin: &str, ours: bool) {
        let site = Sites::new(&[allowed.to_owned()]).unwrap().check(&exchange(call)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        assert_eq!(site.is_origin_of(&headers), ours, "{} {origin}", call.host);
        headers.append(header::ORIGIN, origin.parse().unwrap());
        assert!(!site.is_origin_of(&headers), "two are none");
        assert!(!site.is_origin_of(&HeaderMap::new()), "and none is none");
    }

    #[test]
    fn an_origin_matches_in_scheme_host_and_port() {
        let plain = Call { host: "127.0.0.1:18789", tls: false, local: false, hop: Link::Private };
        from(&plain, "a.example", "http://127.0.0.1:18789", true);
        for origin in [
            "https://127.0.0.1:18789",
            "http://127.0.0.1",
            "http://localhost:18789",
            "null",
            "http://a.example",
        ] {
            from(&plain, "a.example", origin, false);
        }
        let default = Call { host: "localhost", tls: false, local: false, hop: Link::Private };
        from(&default, "a.example", "http://localhost:80", true);
        let tls = Call { host: "a.example", tls: true, local: false, hop: Link::Private };
        from(&tls, "a.example", "https://a.example", true);
        from(&tls, "a.example", "http://a.example", false);
        let proxied = Call { host: "a.example", tls: false, local: false, hop: Link::Private };
        from(&proxied, "https://a.example", "https://a.example", true);
        from(&proxied, "https://a.example", "http://a.example", false);
    }

    #[test]
    fn case_061_a_proxy_without_tls_is_not_private() {
        let link = |allowed: &str, host, (local, tls), hop| {
            let call = Call { host, tls, local, hop };
            let sites = Sites::new(&[allowed.to_owned()]).unwrap();
            let site = sites.check(&exchange(&call)).unwrap();
            (site.link, site.tls)
        };
        let (here, plain, tls) = ((true, false), (false, false), (false, true));
        let (named, own) = ("https://a.example", "127.0.0.1:1");
        assert_eq!(link("a.example", own, here, Link::Private), (Link::Private, false));
        // case_128: the name is the client's choice, or a proxy's.
        assert_eq!(link("a.example", own, plain, Link::Private), (Link::Exposed, false));
        assert_eq!(link("a.example", own, plain, Link::Exposed), (Link::Exposed, false));
        assert_eq!(link("a.example", "a.example", plain, Link::Private), (Link::Exposed, false));
        assert_eq!(link("a.example", "a.example", tls, Link::Private), (Link::Private, true));
        assert_eq!(link(named, "a.example", plain, Link::Private), (Link::Private, true));
        assert_eq!(link(named, "a.example", plain, Link::Exposed), (Link::Exposed, true));
    }
}
