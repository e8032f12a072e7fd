//! Requests that Slack sends and signs.

use std::{future::ready, pin::pin, time::Duration};

use futures_util::StreamExt;
use openclaw_plugin_sdk::{
    Bytes, ChannelError, Secret, UnixMs,
    http::{HeaderMap, Request, Response, StatusCode},
    kit::{
        inbox::Received,
        socket::heartbeat,
        webhook::{Hmac, is_recent, reply, requests},
    },
    reqwest::Url,
};
use serde_json::{Map, Value, json};

use crate::arrival::Session;

/// How often we ask whether our token still works: nothing else may tell us that it does not.
const CHECK: Duration = Duration::from_mins(10);

/// Slack's own bound for the age of a request.
const MOST_AGE: Duration = Duration::from_mins(5);

impl Session<'_> {
    /// Takes requests until something goes wrong.
    pub(crate) async fn serve(&self, signing_secret: &Secret) -> Result<(), ChannelError> {
        self.inbox.caught_up();
        self.inbox.connected_but(self.lacking.clone());
        let hmac = Hmac::new(signing_secret);
        let row = self.inbox.row();
        let mut pending = self.slack.acks.connect(&row, |item| self.translate(item));
        let proof = |request: &Request<Bytes>| {
            let now = self.inbox.now();
            let is_signed = is_signed(&hmac, request.headers(), request.body(), now);
            ready(if is_signed { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) })
        };
        let mut requests = pin!(requests(self.inbox, proof));
        let mut refused = pin!(self.refused());
        loop {
            let exchange = tokio::select! {
                settled = pending.settled() => {
                    settled?.into_iter().for_each(|exchange| reply(exchange, StatusCode::OK));
                    continue;
                }
                Some(proven) = requests.next() => proven?.0,
                error = &mut refused => return Err(error),
            };
            let (kind, payload) = payload(exchange.request.body()).unwrap_or_default();
            if kind == CHALLENGE {
                let text = payload["challenge"].as_str().unwrap_or_default().to_owned();
                exchange.reply(Response::new(Bytes::from(text)));
                continue;
            }
            match pending.receive(self.arrival(kind, &payload), exchange) {
                Received::Acknowledge(exchange) => reply(exchange, StatusCode::OK),
                Received::Refuse(exchange) => reply(exchange, StatusCode::SERVICE_UNAVAILABLE),
                Received::Waits => {}
            }
        }
    }

    /// Ends when Slack refuses our token. A platform that is away for a moment calls us when it is back.
    async fn refused(&self) -> ChannelError {
        let mut ticks = heartbeat(CHECK);
        loop {
            ticks.tick().await;
            let session = Session::open(self.slack, self.inbox).await;
            if let Err(error @ ChannelError::Unauthorized(_)) = session {
                return error;
            }
        }
    }
}

fn is_signed(hmac: &Hmac, headers: &HeaderMap, body: &[u8], now: UnixMs) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let stamp = text("x-slack-request-timestamp").unwrap_or_default();
    let signature = text("x-slack-signature").and_then(|signature| signature.strip_prefix("v0="));
    let signed = |signature| hmac.verify(&[b"v0:", stamp.as_bytes(), b":", body], signature);
    signature.is_some_and(signed) && is_recent(stamp, now, MOST_AGE)
}

/// Slack asks whether we are there.
const CHALLENGE: &str = "url_verification";

/// A body says what it is by itself: JSON is an event, a form is one of the others. Its kind in the words of Socket
/// Mode.
fn payload(body: &[u8]) -> Option<(&'static str, Value)> {
    if let Ok(payload) = serde_json::from_slice::<Value>(body) {
        return match payload["type"].as_str()? {
            CHALLENGE => payload["challenge"].is_string().then_some((CHALLENGE, payload)),
            "event_callback" => Some(("events_api", payload)),
            _ => None,
        };
    }
    // By the one parser of forms that is here: that of a URL's query.
    let mut url = Url::parse("http://form.invalid/").ok()?;
    url.set_query(Some(std::str::from_utf8(body).ok()?));
    let fields: Map<String, Value> =
        url.query_pairs().map(|(key, value)| (key.into_owned(), json!(value))).collect();
    if let Some(payload) = fields.get("payload").and_then(Value::as_str) {
        return serde_json::from_str(payload).ok().map(|payload| ("interactive", payload));
    }
    fields.contains_key("command").then_some(("slash_commands", Value::Object(fields)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const STAMP: u64 = 1_531_420_618;
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

    fn signed(stamp: &str, signature: &str, body: &[u8], now: u64) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", stamp.parse().unwrap());
        headers.insert("x-slack-signature", signature.parse().unwrap());
        is_signed(&Hmac::new(&Secret::new(SECRET)), &headers, body, UnixMs(now * 1000))
    }

    #[test]
    fn the_example_of_slacks_own_documentation_is_verified() {
        for now in [STAMP, STAMP + 300, STAMP - 300] {
            assert!(signed(&STAMP.to_string(), SIGNATURE, BODY, now));
        }
    }

    #[test]
    fn case_090_what_is_not_exactly_so_is_refused() {
        let stamp = STAMP.to_string();
        let refused = |stamp: &str, signature: &str, body: &[u8], now: u64| {
            assert!(!signed(stamp, signature, body, now), "{stamp} {signature} {now}");
        };
        refused(&stamp, SIGNATURE, &BODY[1..], STAMP);
        refused(&stamp, SIGNATURE, BODY, STAMP + 301);
        refused(&stamp, SIGNATURE, BODY, STAMP - 301);
        refused(&(STAMP + 1).to_string(), SIGNATURE, BODY, STAMP);
        for stamp in ["", "x", "-1", "99999999999999999999", "1531420618.0"] {
            refused(stamp, SIGNATURE, BODY, STAMP);
        }
        for signature in
            ["", "v0=", &SIGNATURE[3..], &SIGNATURE[..66], &SIGNATURE.replace("v0", "v1"), "v0=zz"]
        {
            refused(&stamp, signature, BODY, STAMP);
        }
        let hmac = Hmac::new(&Secret::new(SECRET));
        assert!(!is_signed(&hmac, &HeaderMap::new(), BODY, UnixMs(STAMP * 1000)));
    }

    #[test]
    fn a_body_says_what_it_is() {
        let (kind, it) = payload(br#"{"type":"url_verification","challenge":"3eZbrw"}"#).unwrap();
        assert_eq!((kind, it["challenge"].as_str()), (CHALLENGE, Some("3eZbrw")));
        let event = payload(br#"{"type":"event_callback"}"#).unwrap();
        assert_eq!(event.0, "events_api");
        let (kind, it) = payload(b"payload=%7B%22type%22%3A%22block_actions%22%7D").unwrap();
        assert_eq!((kind, it["type"].as_str()), ("interactive", Some("block_actions")));
        let slash = b"command=%2Fopenclaw&text=pairing+approve+A%26B&user_id=U1";
        let (kind, it) = payload(slash).unwrap();
        assert_eq!((kind, it["text"].as_str()), ("slash_commands", Some("pairing approve A&B")));
        for body in [
            &b""[..],
            b"{}",
            b"[]",
            b"null",
            b"{\"type\":7}",
            b"a=b",
            b"payload=x",
            b"\xff",
            b"ssl_check=1",
        ] {
            assert!(payload(body).is_none(), "{body:?}");
        }
    }
}
