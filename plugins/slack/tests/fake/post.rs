//! How payloads reach the app: in envelopes on a socket, or as signed requests.

use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link,
    http::{Method, Request, Response},
};
use ring::hmac;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{Exchanges, FakeSlack, SIGNING_SECRET, Shared, state::now};

/// Slack tries so often; here, without waiting in between.
const TRIES: usize = 4;

impl FakeSlack {
    /// Sends a payload: to a socket if one is open, or as a request.
    pub(crate) fn push(&self, id: &str, kind: &str, payload: &Value) {
        if !self.calls {
            return self.with(|state| {
                if !state.sockets.is_empty() {
                    let envelope = state.envelope(id, kind, payload);
                    state.say(envelope);
                }
            });
        }
        let body = body(kind, payload);
        if kind == "events_api" {
            return drop(self.queue.send((id.to_owned(), body)));
        }
        let (shared, id) = (self.shared.clone(), id.to_owned());
        let answered = self.request(body, SIGNING_SECRET);
        let task = async move {
            if succeeded(answered).await {
                shared.change(|state| state.acknowledge(&id));
            }
        };
        self.running.lock().unwrap().spawn_on(task, &self.home);
    }

    /// Sends one request, signed with this secret.
    pub(crate) fn request(
        &self,
        body: String,
        secret: &str,
    ) -> Option<oneshot::Receiver<Response<Bytes>>> {
        let (exchange, answered) = signed(body, secret, now());
        self.put(exchange).then_some(answered)
    }

    /// Sends a request that was made elsewhere.
    pub(crate) fn put(&self, exchange: Exchange) -> bool {
        let exchanges = self.exchanges.lock().unwrap();
        exchanges.as_ref().is_some_and(|exchanges| exchanges.try_send(exchange).is_ok())
    }

    pub(crate) fn reaches(&self, exchanges: tokio::sync::mpsc::Sender<Exchange>) {
        *self.exchanges.lock().unwrap() = Some(exchanges);
    }
}

/// Sends events, one after the other, each until it is taken or was tried too often.
pub(crate) async fn deliver(
    shared: Shared,
    exchanges: Exchanges,
    mut queue: mpsc::UnboundedReceiver<(String, String)>,
) {
    while let Some((id, body)) = queue.recv().await {
        for _ in 0..TRIES {
            let sender = exchanges.lock().unwrap().clone();
            let answered = sender.and_then(|sender| {
                let (exchange, answered) = signed(body.clone(), SIGNING_SECRET, now());
                sender.try_send(exchange).is_ok().then_some(answered)
            });
            if succeeded(answered).await {
                shared.change(|state| state.acknowledge(&id));
                break;
            }
        }
    }
}

async fn succeeded(answered: Option<oneshot::Receiver<Response<Bytes>>>) -> bool {
    match answered {
        Some(answered) => answered.await.is_ok_and(|answer| answer.status().is_success()),
        None => false,
    }
}

/// A request as Slack would make it at that time.
pub(crate) fn signed(
    body: String,
    secret: &str,
    at: u64,
) -> (Exchange, oneshot::Receiver<Response<Bytes>>) {
    let form = !body.starts_with('{');
    let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
    let request = Request::builder()
        .method(Method::POST)
        .uri("/slack/events")
        .header("content-type", kind)
        .header("x-slack-request-timestamp", at)
        .header("x-slack-signature", signature(secret, at, &body))
        .body(Bytes::from(body))
        .expect("a request");
    let (reply, answered) = oneshot::channel();
    let address = ClientAddress::of([127, 0, 0, 1].into());
    let client = Client { address, local: false, hop: Link::Private, tls: true };
    (Exchange::new(request, client, reply, None), answered)
}

pub(crate) fn signature(secret: &str, at: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{at}:{body}").as_bytes());
    let hex: Vec<String> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v0={}", hex.concat())
}

pub(crate) fn body(kind: &str, payload: &Value) -> String {
    let mut url = openclaw_plugin_sdk::reqwest::Url::parse("http://form/").expect("a URL");
    match kind {
        "interactive" => {
            url.query_pairs_mut().append_pair("payload", &payload.to_string());
        }
        "slash_commands" => {
            for (key, value) in payload.as_object().expect("fields") {
                url.query_pairs_mut().append_pair(key, value.as_str().unwrap_or_default());
            }
        }
        _ => return payload.to_string(),
    }
    url.query().unwrap_or_default().to_owned()
}
