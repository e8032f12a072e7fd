//! How the app is called: by values, as the contract suite does, or over HTTP at the gateway's port.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link, http, http_client, testing,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{Kind, Shared};

/// How the app is reached.
#[derive(Clone)]
pub(crate) enum Way {
    None,
    Values(mpsc::Sender<Exchange>),
    Http(String),
}

impl Way {
    /// The status of the answer; 0 where there is none.
    pub(crate) async fn request(&self, body: &str, token: Option<&str>) -> u16 {
        match self {
            Self::None => 0,
            Self::Values(exchanges) => {
                let (exchange, answered) = exchange(body, token);
                if exchanges.try_send(exchange).is_err() {
                    return 0;
                }
                answered.await.map_or(0, |answer: http::Response<Bytes>| answer.status().as_u16())
            }
            Self::Http(address) => {
                let client = http_client::local_client(Duration::from_secs(30)).expect("a client");
                let mut request = client.post(address);
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                let answer = request.body(body.to_owned()).send().await;
                answer.map_or(0, |answer| answer.status().as_u16())
            }
        }
    }
}

/// Calls the app, one event after the other. Google does so once.
pub(crate) async fn deliver(
    shared: Shared,
    way: testing::Shared<Way>,
    mut queue: mpsc::UnboundedReceiver<(String, Option<String>)>,
) {
    while let Some((body, token)) = queue.recv().await {
        let now = way.lock().clone();
        let status = now.request(&body, token.as_deref()).await;
        shared.change(|state| state.answered.push(status));
    }
}

/// A request as a value.
pub(crate) fn exchange(
    body: &str,
    token: Option<&str>,
) -> (Exchange, oneshot::Receiver<http::Response<Bytes>>) {
    let mut request = http::Request::builder().method("POST").uri("/googlechat");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Bytes::from(body.to_owned())).expect("a request");
    let (reply, answered) = oneshot::channel();
    let address = ClientAddress::of([127, 0, 0, 1].into());
    let client = Client { address, local: false, hop: Link::Private, tls: true };
    (Exchange::new(request, client, reply, None), answered)
}

/// An event of the classic format in the form of a kind.
pub(crate) fn body(kind: Kind, event: Value) -> Value {
    match kind {
        Kind::Number | Kind::Url => event,
        Kind::Pushed => {
            let data = STANDARD.encode(event.to_string());
            json!({ "message": { "data": data, "messageId": "1" }, "subscription": "projects/x/subscriptions/y" })
        }
        Kind::Addon => addon(event),
    }
}

/// The same event as an add-on is told it.
fn addon(event: Value) -> Value {
    let (payload, name) =
        (json!({ "message": event["message"], "space": event["space"] }), &event["type"]);
    let name = match name.as_str().unwrap_or_default() {
        "MESSAGE" => "messagePayload",
        "APP_COMMAND" => "appCommandPayload",
        "CARD_CLICKED" => "buttonClickedPayload",
        "ADDED_TO_SPACE" => "addedToSpacePayload",
        "REMOVED_FROM_SPACE" => "removedFromSpacePayload",
        _ => "hologramPayload",
    };
    json!({
        "commonEventObject": {
            "hostApp": "CHAT", "platform": "WEB", "parameters": event["common"]["parameters"],
        },
        "authorizationEventObject": { "systemIdToken": "not looked at" },
        "chat": { "user": event["user"], "eventTime": event["eventTime"], "type": event["type"], name: payload },
    })
}
