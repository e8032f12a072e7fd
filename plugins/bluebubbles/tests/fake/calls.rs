//! How the gateway is called: by values, as the contract suite does, or over HTTP at its port. Once, without a second try.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link, http, http_client, testing,
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::Shared;

/// How the gateway is reached.
#[derive(Clone)]
pub(crate) enum Way {
    None,
    Values(mpsc::Sender<Exchange>),
    Http(u16),
}

impl Way {
    /// The status of the answer; 0 where there is none.
    pub(crate) async fn request(&self, place: &str, body: &str) -> u16 {
        match self {
            Self::None => 0,
            Self::Values(exchanges) => {
                let (exchange, answered) = exchange(place, body);
                if exchanges.try_send(exchange).is_err() {
                    return 0;
                }
                answered.await.map_or(0, |answer: http::Response<Bytes>| answer.status().as_u16())
            }
            Self::Http(port) => {
                let client = http_client::local_client(Duration::from_secs(30)).expect("a client");
                let request = client.post(format!("http://127.0.0.1:{port}{place}"));
                let answer = request.body(body.to_owned()).send().await;
                answer.map_or(0, |answer| answer.status().as_u16())
            }
        }
    }
}

/// Calls who has asked to be called, with one event after the other.
pub(crate) async fn deliver(
    shared: Shared,
    way: testing::Shared<Way>,
    mut queue: mpsc::UnboundedReceiver<(String, Value)>,
) {
    while let Some((kind, data)) = queue.recv().await {
        let urls: Vec<String> = {
            let state = shared.lock();
            let wants = |events: &[String]| {
                kind == "hologram" || events.iter().any(|it| *it == kind || it == "*")
            };
            let wanted = state.webhooks.iter().filter(|webhook| wants(&webhook.events));
            wanted.filter(|_| !state.mute).map(|webhook| webhook.url.clone()).collect()
        };
        let now = way.lock().clone();
        let body = json!({ "type": kind, "data": data }).to_string();
        for url in urls {
            // The gateway is elsewhere in each test.
            let place = url.splitn(4, '/').nth(3).expect("a path");
            let status = now.request(&format!("/{place}"), &body).await;
            shared.change(|state| state.answered.push(status));
        }
    }
}

/// A request as a value.
fn exchange(place: &str, body: &str) -> (Exchange, oneshot::Receiver<http::Response<Bytes>>) {
    let request = http::Request::builder().method("POST").uri(place);
    let request = request.body(Bytes::from(body.to_owned())).expect("a request");
    let (reply, answered) = oneshot::channel();
    let address = ClientAddress::of([127, 0, 0, 1].into());
    let client = Client { address, local: false, hop: Link::Private, tls: true };
    (Exchange::new(request, client, reply, None), answered)
}
