//! The webhook on the server: its address has a secret of its own, which proves that the server calls.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::{
    Bytes, Secret,
    http::{Request, StatusCode},
    reqwest::Url,
};
use ring::hmac;
use serde_json::{Value, json};

/// What is announced to us. Only the first is a message: `updated-message` tells of old ones.
pub(crate) const NEW: &str = "new-message";
pub(crate) const FAILED: &str = "message-send-error";
const EVENTS: [&str; 2] = [NEW, FAILED];

/// What the secret is made of, with the account's key.
const PURPOSE: &[u8] = b"webhook";

/// The webhook as we want it.
pub(crate) struct Webhook {
    key: hmac::Key,
    callback: Url,
}

impl Webhook {
    pub(crate) fn new(key: &[u8; 32], callback: Url) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), callback }
    }

    /// No log and no error may hold it.
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, PURPOSE)))
    }

    fn url(&self) -> Secret {
        let mut url = self.callback.clone();
        url.query_pairs_mut().append_pair("secret", self.secret().expose());
        Secret::new(url)
    }

    /// What the server is to be asked for.
    pub(crate) fn wanted(&self) -> Value {
        json!({ "url": self.url().expose(), "events": EVENTS })
    }

    /// True for a webhook of the server's that calls us as we want it.
    pub(crate) fn is_registered(&self, webhook: &Value) -> bool {
        let events = webhook["events"].as_array();
        let has = |event: &str| events.is_some_and(|all| all.iter().any(|it| it == event));
        webhook["url"] == self.url().expose() && (has("*") || EVENTS.iter().all(|it| has(it)))
    }

    /// True for one that calls us in another way: with another secret, or with the password.
    pub(crate) fn is_outdated(&self, webhook: &Value) -> bool {
        let url = webhook["url"].as_str().and_then(|url| Url::parse(url).ok());
        let is_here = |url: Url| {
            let place =
                |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
            place(&url) == place(&self.callback) && url.path() == self.callback.path()
        };
        url.is_some_and(is_here) && !self.is_registered(webhook)
    }

    /// What stands in a request of the server's; or how to refuse another one. In constant time.
    pub(crate) fn proven(&self, request: &Request<Bytes>) -> Result<Value, StatusCode> {
        let mut pairs = request.uri().query().unwrap_or_default().split('&');
        let shown = pairs.find_map(|pair| pair.strip_prefix("secret="));
        let tag = URL_SAFE_NO_PAD.decode(shown.unwrap_or_default()).unwrap_or_default();
        hmac::verify(&self.key, PURPOSE, &tag).map_err(|_| StatusCode::UNAUTHORIZED)?;
        serde_json::from_slice(request.body()).map_err(|_| StatusCode::BAD_REQUEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(key: u8) -> Webhook {
        let callback = Url::parse("https://gateway.example/bluebubbles-webhook").unwrap();
        Webhook::new(&[key; 32], callback)
    }

    fn asked(query: &str, body: &'static [u8]) -> Result<Value, u16> {
        let request = Request::post(format!("/bluebubbles-webhook{query}"));
        let request = request.body(Bytes::from_static(body)).unwrap();
        webhook(7).proven(&request).map_err(|status| status.as_u16())
    }

    #[test]
    fn case_089_case_090_only_who_knows_the_secret_is_believed() {
        let secret = webhook(7).secret().expose().to_owned();
        assert_eq!(secret.len(), 43, "32 bytes");
        let right = format!("?secret={secret}");
        assert_eq!(asked(&right, b"{\"type\":\"x\"}"), Ok(json!({ "type": "x" })));
        assert_eq!(asked(&format!("?a=b&secret={secret}"), b"{}"), Ok(json!({})));
        for body in [&b""[..], b"{", b"{\"type\":\"new-mess", b"\xff"] {
            assert_eq!(asked(&right, body), Err(400));
        }
        let other = webhook(8).secret().expose().to_owned();
        for query in [
            String::new(),
            "?".to_owned(),
            "?secret=".to_owned(),
            format!("?secret={other}"),
            format!("?secret={}", &secret[..42]),
            format!("?secret={secret}A"),
            format!("?secret={}", secret.to_lowercase()),
            format!("?Secret={secret}"),
            format!("?password={secret}"),
            format!("?secret=x&secret={secret}"),
        ] {
            assert_eq!(asked(&query, b"{}"), Err(401), "{query}");
        }
    }

    #[test]
    fn a_webhook_that_calls_us_otherwise_is_outdated_and_one_of_others_is_not_ours() {
        let ours = webhook(7);
        assert!(ours.is_registered(&ours.wanted()) && !ours.is_outdated(&ours.wanted()));
        let all = json!({ "url": ours.wanted()["url"], "events": ["*"] });
        assert!(ours.is_registered(&all));
        let place = "https://gateway.example/bluebubbles-webhook";
        for url in
            [place.to_owned(), format!("{place}?password=abc"), format!("{place}?secret=abc")]
        {
            let webhook = json!({ "url": url, "events": EVENTS });
            assert!(ours.is_outdated(&webhook) && !ours.is_registered(&webhook), "{url}");
        }
        let fewer = json!({ "url": ours.wanted()["url"], "events": ["new-message"] });
        assert!(ours.is_outdated(&fewer) && !ours.is_registered(&fewer));
        for url in [
            "https://gateway.example/other",
            "https://gateway.example:8443/bluebubbles-webhook",
            "https://other.example/bluebubbles-webhook",
            "no url",
        ] {
            assert!(!ours.is_outdated(&json!({ "url": url, "events": ["*"] })), "{url}");
        }
        assert!(!ours.is_outdated(&Value::Null));
    }
}
