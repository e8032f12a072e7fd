//! Signed requests: events, presses and slash commands at one path. Nothing is read of a request before
//! its signature is right. What is guaranteed about acknowledgements stands in `desk.rs`.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use openclaw_plugin_sdk::{
    Bytes, ChannelError, Exchange, Handed, Inbox, Secret, UnixMs,
    http::{Method, Response, StatusCode},
    reqwest::Url,
};
use serde_json::{Map, Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    app::Slack,
    desk::{Line, Taken},
    hold::{event, interaction, next, slash},
    signature::Verifier,
    wire::Me,
};

/// How often we ask whether our token still works: nothing else may tell us that it does not.
const CHECK: Duration = Duration::from_mins(10);

impl Slack {
    /// Takes requests until something goes wrong.
    pub(crate) async fn serve(
        &self,
        signing_secret: &Secret,
        inbox: &Inbox,
    ) -> Result<(), ChannelError> {
        let (me, lacking) = self.greet(inbox).await?;
        Self::connected(inbox, lacking);
        let mut verifier = Verifier::new(signing_secret);
        let mut line = Line::new(&self.desk);
        let row = inbox.row();
        let mut work: Option<BoxFuture<'_, Result<Option<Handed>, ChannelError>>> = None;
        let mut checks = interval(CHECK);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        checks.tick().await;
        let mut check: Option<BoxFuture<'_, _>> = None;
        loop {
            if work.is_none() {
                let next = line.begin();
                work = next.map(|arrival| self.hand(arrival, &me, (inbox, &row)).boxed());
            }
            tokio::select! {
                handed = next(&mut work) => {
                    work = None;
                    line.handed(handed?);
                }
                durable = line.durable() => {
                    durable?;
                    for exchange in line.settled(&self.desk) {
                        reply(exchange, StatusCode::OK);
                    }
                }
                exchange = inbox.exchange() => {
                    self.take(exchange?, &me, (&mut verifier, inbox.now()), &mut line);
                }
                checked = next(&mut check) => {
                    check = None;
                    // A platform that is away for a moment calls us when it is back.
                    if let Err(error @ ChannelError::Unauthorized(_)) = checked {
                        return Err(error);
                    }
                }
                _ = checks.tick(), if check.is_none() => {
                    check = Some(self.greet(inbox).boxed());
                }
            }
        }
    }

    fn take(
        &self,
        exchange: Exchange,
        me: &Me,
        (verifier, now): (&mut Verifier, UnixMs),
        line: &mut Line<Exchange>,
    ) {
        let request = &exchange.request;
        if request.method() != Method::POST {
            return reply(exchange, StatusCode::METHOD_NOT_ALLOWED);
        }
        let client = exchange.client.address;
        if let Err(status) = verifier.verify(client, request.headers(), request.body(), now) {
            tracing::debug!(%client, %status, "a request that is not Slack's");
            return reply(exchange, status);
        }
        let (arrival, event_id) = match payload(request.body()) {
            Some(Payload::Challenge(text)) => {
                return exchange.reply(Response::new(Bytes::from(text)));
            }
            Some(Payload::Event(payload)) => event(&payload, me, self),
            Some(Payload::Interaction(payload)) => (interaction(&payload, me, self), None),
            Some(Payload::Slash(payload)) => (slash(&payload), None),
            None => (None, None),
        };
        let Some(arrival) = arrival else {
            tracing::debug!("a request of Slack's that is no message");
            return reply(exchange, StatusCode::OK);
        };
        match line.take(&self.desk, arrival, event_id.as_deref(), exchange) {
            Taken::Acknowledge(exchange) => reply(exchange, StatusCode::OK),
            Taken::Full(exchange) => reply(exchange, StatusCode::SERVICE_UNAVAILABLE),
            Taken::Waits => {}
        }
    }
}

enum Payload {
    Challenge(String),
    Event(Value),
    Interaction(Value),
    Slash(Value),
}

/// A body says what it is by itself: JSON is an event, a form is one of the others.
fn payload(body: &[u8]) -> Option<Payload> {
    if let Ok(payload) = serde_json::from_slice::<Value>(body) {
        return match payload["type"].as_str()? {
            "url_verification" => {
                Some(Payload::Challenge(payload["challenge"].as_str()?.to_owned()))
            }
            "event_callback" => Some(Payload::Event(payload)),
            _ => None,
        };
    }
    let fields = form(std::str::from_utf8(body).ok()?)?;
    if let Some(payload) = fields.get("payload").and_then(Value::as_str) {
        return serde_json::from_str(payload).ok().map(Payload::Interaction);
    }
    fields.contains_key("command").then(|| Payload::Slash(Value::Object(fields)))
}

/// A form, by the one parser of it that is here: that of a URL's query.
fn form(text: &str) -> Option<Map<String, Value>> {
    let mut url = Url::parse("http://form.invalid/").ok()?;
    url.set_query(Some(text));
    let pairs = url.query_pairs();
    Some(pairs.map(|(key, value)| (key.into_owned(), json!(value))).collect())
}

fn reply(exchange: Exchange, status: StatusCode) {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    exchange.reply(response);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_what_it_is() {
        let challenge = payload(br#"{"type":"url_verification","challenge":"3eZbrw"}"#);
        assert!(matches!(challenge, Some(Payload::Challenge(text)) if text == "3eZbrw"));
        assert!(matches!(payload(br#"{"type":"event_callback"}"#), Some(Payload::Event(_))));
        let pressed = payload(b"payload=%7B%22type%22%3A%22block_actions%22%7D");
        assert!(matches!(pressed, Some(Payload::Interaction(it)) if it["type"] == "block_actions"));
        let slash = payload(b"command=%2Fopenclaw&text=pairing+approve+A%26B&user_id=U1");
        assert!(matches!(slash, Some(Payload::Slash(it)) if it["text"] == "pairing approve A&B"));
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
