//! Requests that Meta makes: each with a signature over its bytes, but for the question whether we are there.

use std::sync::Arc;

use openclaw_plugin_sdk::{
    Bytes, Exchange, Secret,
    http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE},
    kit::webhook::{Hmac, reply},
    reqwest::Url,
};
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use subtle::ConstantTimeEq;

/// Meta asks whether the path is ours, and posts what happens.
pub(crate) const METHODS: &[Method] = &[Method::GET, Method::POST];

/// It is one number; a longer text would be repeated for others.
const LONGEST_CHALLENGE: usize = 256;

/// What proves that Meta calls.
pub(crate) struct Proof {
    signature: Hmac,
    verify_token: Secret,
}

/// What a request of Meta's says.
pub(crate) enum Said {
    /// It wants to hear this again.
    Challenge(String),
    Events(Value),
}

impl Proof {
    pub(crate) fn new(app_secret: &Secret, verify_token: Secret) -> Self {
        Self { signature: Hmac::new(app_secret), verify_token }
    }

    /// What Meta says in a request; or the status for another one.
    pub(crate) fn judge(&self, request: &Request<Bytes>) -> Result<Said, StatusCode> {
        if request.method() == Method::GET {
            let query = request.uri().query().unwrap_or_default();
            return self.challenge(query).map(Said::Challenge).ok_or(StatusCode::FORBIDDEN);
        }
        let header = request.headers().get("x-hub-signature-256");
        let signature = header.and_then(|value| value.to_str().ok()?.strip_prefix("sha256="));
        let body = request.body();
        let is_signed = signature.is_some_and(|it| self.signature.verify(&[body], it));
        // What is signed and no JSON brings nothing, however often it comes.
        let said = || Said::Events(serde_json::from_slice(body).unwrap_or_default());
        is_signed.then(said).ok_or(StatusCode::UNAUTHORIZED)
    }

    fn challenge(&self, query: &str) -> Option<String> {
        let mut url = Url::parse("https://form.invalid").ok()?;
        url.set_query(Some(query));
        let field = |name: &str| {
            let mut pairs = url.query_pairs().filter(|(key, _)| key == name);
            // One that is there twice says nothing.
            pairs.next().filter(|_| pairs.next().is_none()).map(|(_, value)| value.into_owned())
        };
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        let (shown, ours) = (hash(&field("hub.verify_token")?), hash(self.verify_token.expose()));
        let is_ours = bool::from(shown.as_ref().ct_eq(ours.as_ref()));
        let fits = |text: &String| {
            (1..=LONGEST_CHALLENGE).contains(&text.len())
                && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
        };
        let asks = is_ours && field("hub.mode")? == "subscribe";
        field("hub.challenge").filter(|text| asks && fits(text))
    }
}

/// Says a challenge again.
pub(crate) fn repeat(exchange: Exchange, challenge: String) {
    let mut response = Response::new(Bytes::from(challenge));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    exchange.reply(response);
}

/// A request with several events: it is acknowledged once all of them are durable, when the last one lets it go.
#[derive(Clone)]
pub(crate) struct Call(Arc<Mutex<Option<Exchange>>>);

impl Call {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self(Arc::new(Mutex::new(Some(exchange))))
    }

    /// One of its events is done.
    pub(crate) fn done(self) {
        if let Some(exchange) = Arc::into_inner(self.0).and_then(Mutex::into_inner) {
            reply(exchange, StatusCode::OK);
        }
    }

    /// One of its events has no room: Meta is to bring them all again.
    pub(crate) fn refuse(self) {
        if let Some(exchange) = self.0.lock().take() {
            reply(exchange, StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::{Client, ClientAddress, Link};
    use ring::hmac;
    use tokio::sync::oneshot;

    use super::*;

    const BODY: &[u8] = br#"{"object":"whatsapp_business_account"}"#;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const TOKEN: &str = "a-text-of-my-own";

    fn proof() -> Proof {
        Proof::new(&Secret::new(SECRET), Secret::new(TOKEN))
    }

    fn hex(bytes: &[u8]) -> String {
        data_encoding::HEXLOWER.encode(bytes)
    }

    fn signature(secret: &str, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        format!("sha256={}", hex(hmac::sign(&key, body).as_ref()))
    }

    fn posted(headers: &[(&str, &str)], body: &[u8]) -> Result<bool, u16> {
        let mut request = Request::builder().method("POST").uri("/whatsapp/webhook");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let judged = proof().judge(&request.body(Bytes::copy_from_slice(body)).unwrap());
        judged.map(|said| matches!(said, Said::Events(_))).map_err(|status| status.as_u16())
    }

    #[test]
    fn case_090_what_is_not_signed_exactly_so_is_refused() {
        let right = signature(SECRET, BODY);
        let header = "x-hub-signature-256";
        assert_eq!(posted(&[(header, &right)], BODY), Ok(true));
        let other = signature("another-secret-of-another-app", BODY);
        let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
        let sha1 = format!("sha1={}", hex(hmac::sign(&sha1, BODY).as_ref()));
        for (name, value, body) in [
            (header, right.as_str(), &BODY[1..]),
            (header, &right, b""),
            (header, &right[..right.len() - 2], BODY),
            (header, &right["sha256=".len()..], BODY),
            (header, &right.replace("sha256=", "sha256= "), BODY),
            (header, &right.replace("sha256", "sha1"), BODY),
            (header, "sha256=", BODY),
            (header, "", BODY),
            (header, &other, BODY),
            (header, &sha1, BODY),
            ("x-hub-signature", &right, BODY),
            ("x-hub-signature", &sha1, BODY),
            ("x-other", "", BODY),
        ] {
            assert_eq!(posted(&[(name, value)], body), Err(401), "{name}: {value}");
        }
    }

    fn asked(query: &str) -> Result<String, u16> {
        let request = Request::builder().uri(format!("/whatsapp/webhook?{query}"));
        match proof().judge(&request.body(Bytes::new()).unwrap()) {
            Ok(Said::Challenge(text)) => Ok(text),
            Ok(Said::Events(_)) => Err(0),
            Err(status) => Err(status.as_u16()),
        }
    }

    #[test]
    fn only_who_knows_the_verify_token_hears_the_challenge_again() {
        let right = format!("hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=1158201444");
        assert_eq!(asked(&right).as_deref(), Ok("1158201444"));
        for wrong in [
            right.replace(TOKEN, "another-text"),
            right.replace(TOKEN, &TOKEN[1..]),
            right.replace(TOKEN, ""),
            right.replace("&hub.verify_token=", "&verify_token="),
            right.replace("subscribe", "unsubscribe"),
            right.replace("hub.mode=subscribe&", ""),
            right.replace("&hub.challenge=1158201444", ""),
            right.replace("1158201444", ""),
            right.replace("1158201444", "%3Cscript%3E"),
            right.replace("1158201444", &"1".repeat(257)),
            right.clone() + "&hub.verify_token=x",
            String::new(),
        ] {
            assert_eq!(asked(&wrong), Err(403), "{wrong}");
        }
    }

    fn exchange() -> (Exchange, oneshot::Receiver<Response<Bytes>>) {
        let address = ClientAddress::of([127, 0, 0, 1].into());
        let client = Client { address, local: true, hop: Link::Private, tls: false };
        let (reply, answered) = oneshot::channel();
        (Exchange::new(Request::new(Bytes::new()), client, reply, None), answered)
    }

    #[test]
    fn a_request_is_acknowledged_with_its_last_event_unless_one_was_refused() {
        let status = |answered: &mut oneshot::Receiver<Response<Bytes>>| {
            answered.try_recv().ok().map(|answer| answer.status().as_u16())
        };
        let (one, mut answered) = exchange();
        let first = Call::new(one);
        let second = first.clone();
        first.done();
        assert_eq!(status(&mut answered), None);
        second.done();
        assert_eq!(status(&mut answered), Some(200));
        let (one, mut answered) = exchange();
        let first = Call::new(one);
        first.clone().refuse();
        assert_eq!(status(&mut answered), Some(503));
        first.done();
    }
}
