//! One HTTP client for plugins: time limits, and errors without the URL, which may hold a token.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::HeaderMap,
};

use crate::{SettingsError, UnixMs, proxy};

/// The longest answer of a platform that is read.
pub const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// Why an answer was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It broke off, or took too long.
    #[error("{}", describe(.0))]
    Broken(#[from] reqwest::Error),
    /// It goes on beyond the limit.
    #[error("its answer does not end")]
    Endless,
}

/// A client with a connect limit of 5 s and this limit for a whole request. It goes through the proxy that the
/// environment names.
pub fn client(limit: Duration) -> Result<reqwest::Client, String> {
    proxy::known(proxy::env)?;
    build(reqwest::Client::builder(), limit)
}

/// The same for servers on this machine: what is asked of them passes no proxy.
pub fn local_client(limit: Duration) -> Result<reqwest::Client, String> {
    build(reqwest::Client::builder().no_proxy(), limit)
}

/// The same for servers on a private network, where plain HTTP is allowed: a name that leads elsewhere is not asked.
pub fn private_client(limit: Duration) -> Result<reqwest::Client, String> {
    let names = Names { private: true };
    build(reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(names)), limit)
}

/// The same as [`client`] for addresses that other people choose: a name that leads to a private network is not asked.
/// Where the environment names a proxy, that one finds the addresses.
pub fn public_client(limit: Duration) -> Result<reqwest::Client, String> {
    if proxy::is_named(proxy::env) {
        return client(limit);
    }
    build(reqwest::Client::builder().dns_resolver(Arc::new(Names { private: false })), limit)
}

/// Finds the addresses of names, but only those on private networks, or only others.
struct Names {
    private: bool,
}

/// A name has no address on a private network.
#[derive(Debug, thiserror::Error)]
#[error("the name does not lead to a private network")]
struct NotPrivate;

/// A name has no address but on a private network.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private network")]
struct NotPublic;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> =
                found.filter(|it| is_private(it.ip()) == private).collect();
            match (found.is_empty(), private) {
                (false, _) => Ok(Box::new(found.into_iter()) as Addrs),
                (true, true) => Err(NotPrivate.into()),
                (true, false) => Err(NotPublic.into()),
            }
        })
    }
}

/// True where a request failed because its name leads to no private network.
pub fn is_not_private(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<NotPrivate>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// True for addresses that no router of the Internet passes on: of this machine, of a local or of a provider's network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// A configured address, under this key, with nothing in it but scheme, host, port and path.
pub fn address(key: &str, text: &str, example: &str) -> Result<Url, SettingsError> {
    let wrong = |problem: &str| SettingsError::new(key, problem);
    let url = Url::parse(text.trim_end_matches('/'))
        .map_err(|_| wrong(&format!("is not a URL, such as `{example}`")))?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(wrong("must not have a user, a query or a fragment"));
    }
    Ok(url)
}

/// The configured address of a platform's API, under this key: encrypted, or on this machine, as a token goes there.
pub fn root(key: &str, text: &str, example: &str) -> Result<Url, SettingsError> {
    let wrong = |problem: &str| SettingsError::new(key, problem);
    let url = address(key, text, example)?;
    match (url.scheme(), is_local(&url)) {
        ("https", _) | ("http", true) => Ok(url),
        ("http", false) => Err(wrong(
            "must be `https`, or an address of this machine: without, others could read along",
        )),
        _ => Err(wrong("must be `https`")),
    }
}

/// An address that a platform named, if it is one to call: encrypted and below the platform's own domain, or at the
/// host and port of its configured root.
pub fn trusted(text: &str, domain: &str, root: &Url) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let (host, secure) = (url.host_str()?, matches!(url.scheme(), "https" | "wss"));
    let head = host.strip_suffix(domain);
    let is_below = head.is_some_and(|head| head.is_empty() || head.ends_with('.'));
    let theirs = secure && url.port().is_none() && is_below;
    let same_port = url.port_or_known_default() == root.port_or_known_default();
    let as_secure = secure || (is_local(root) && matches!(url.scheme(), "http" | "ws"));
    let configured = as_secure && same_port && Some(host) == root.host_str();
    (theirs || configured).then_some(url)
}

/// The whole of an answer's body, which ends within the client's limit of time and [`ANSWER_LIMIT`].
pub async fn body(response: Response) -> Result<Vec<u8>, Unread> {
    body_within(response, ANSWER_LIMIT).await
}

/// The same within another limit.
pub async fn body_within(mut response: Response, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(Unread::Endless);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// True for an address of this machine.
pub fn is_local(url: &Url) -> bool {
    url.host_str() == Some("localhost") || ip(url).is_some_and(|address| address.is_loopback())
}

/// The IP address that stands in a URL in the place of a name.
pub fn ip(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn build(builder: reqwest::ClientBuilder, limit: Duration) -> Result<reqwest::Client, String> {
    let builder = builder.connect_timeout(Duration::from_secs(5)).timeout(limit);
    builder.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| describe(&error))
}

/// What a failed request says, without its URL.
pub fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if error.is_connect() {
        return "cannot connect".to_owned();
    }
    match error.status() {
        Some(status) => format!("answered {status}"),
        None if error.is_decode() => "answered something unreadable".to_owned(),
        None => "the connection broke".to_owned(),
    }
}

/// What time it was where an answer came from, by its `Date`.
pub fn date(headers: &HeaderMap) -> Option<UnixMs> {
    let at = httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(UnixMs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(length: usize) -> Response {
        http::Response::new(vec![b'x'; length]).into()
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_is_given_up() {
        assert_eq!(body_within(answer(10), 10).await.unwrap().len(), 10);
        assert!(matches!(body_within(answer(11), 10).await, Err(Unread::Endless)));
        assert!(body(answer(ANSWER_LIMIT + 1)).await.is_err());
    }

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.18.0.2",
            "192.168.1.2",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2001:db8::1", "0.0.0.0"]
        {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn plain_http_is_not_spoken_to_a_name_that_leads_to_no_private_network() {
        // The resolver answers it without a question: it is an address.
        let names = Names { private: true };
        let error = names.resolve("8.8.8.8".parse().unwrap()).await.err().unwrap();
        assert!(error.is::<NotPrivate>(), "{error}");
        let found = names.resolve("localhost".parse().unwrap()).await.unwrap();
        assert!(found.map(|it| it.ip()).all(is_private));
    }

    #[tokio::test]
    async fn an_address_that_others_chose_is_not_asked_where_it_leads_to_a_private_network() {
        let names = Names { private: false };
        let error = names.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(error.is::<NotPublic>(), "{error}");
        assert_eq!(names.resolve("8.8.8.8".parse().unwrap()).await.unwrap().count(), 1);
    }

    fn trusts(root: Option<&str>, text: &str) -> bool {
        let root = super::root("api_url", root.unwrap_or("https://slack.com/api"), "").unwrap();
        trusted(text, "slack.com", &root).is_some()
    }

    #[test]
    fn only_a_platforms_own_addresses_are_called() {
        for text in [
            "https://hooks.slack.com/actions/T1/2/x",
            "https://files.slack.com/upload/v1/x",
            "wss://wss-primary.slack.com/link/?ticket=1",
            "https://slack.com/x",
        ] {
            assert!(trusts(None, text), "{text}");
        }
        for text in [
            "",
            "no url",
            "http://hooks.slack.com/x",
            "ws://wss-primary.slack.com/x",
            "https://slack.com.evil.example/x",
            "https://evilslack.com/x",
            "https://slack.com@evil.example/x",
            "https://user@slack.com/x",
            "https://slack.com:8443/x",
            "http://127.0.0.1/x",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
        ] {
            assert!(!trusts(None, text), "{text}");
        }
    }

    #[test]
    fn a_configured_address_adds_exactly_itself() {
        let own = Some("http://127.0.0.1:9999/api");
        for text in ["http://127.0.0.1:9999/x", "ws://127.0.0.1:9999/link"] {
            assert!(trusts(own, text), "{text}");
        }
        for text in ["http://127.0.0.1:22/x", "http://127.0.0.2:9999/x", "http://localhost:9999/"] {
            assert!(!trusts(own, text), "{text}");
        }
        assert!(trusts(Some("https://slack.corp.example/api"), "wss://slack.corp.example/x"));
        assert!(!trusts(Some("https://slack.corp.example/api"), "ws://slack.corp.example/x"));
    }
}
