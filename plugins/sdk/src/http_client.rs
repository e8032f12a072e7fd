//! One HTTP client for plugins: time limits, and errors without the URL, which may hold a token.

use std::time::Duration;

use reqwest::{Response, Url, header::HeaderMap};

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

/// The configured address of a platform's API, under this key: encrypted, or on this machine, as a token goes there.
pub fn root(key: &str, text: &str, example: &str) -> Result<Url, SettingsError> {
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
    match (url.scheme(), is_local(&url)) {
        ("https", _) | ("http", true) => Ok(url),
        ("http", false) => Err(wrong(
            "must be `https`: only a loopback host is spoken to without, as the token would show",
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

async fn body_within(mut response: Response, limit: usize) -> Result<Vec<u8>, Unread> {
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
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
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
