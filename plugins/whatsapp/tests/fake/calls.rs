//! How the app is called: by values, as the contract suite does, or over HTTP at the gateway's port. Meta repeats what is
//! not answered with 200.

use std::time::Duration;

use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link, http, http_client, testing,
};
use ring::hmac;
use tokio::sync::{mpsc, oneshot};

use super::{APP_SECRET, Shared};

/// The back-off of Meta's, which is longer.
const PAUSE: Duration = Duration::from_millis(20);

/// How the app is reached.
#[derive(Clone)]
pub(crate) enum Way {
    None,
    Values(mpsc::Sender<Exchange>),
    /// At a port and a path.
    Http(u16, &'static str),
}

/// What the app is called with.
pub(crate) enum Asked {
    /// A body, with its signature.
    Posted(String, Option<String>),
    /// The query of the question whether the path is ours.
    Whether(String),
}

impl Way {
    /// The status and the text of the answer; 0 where there is none.
    pub(crate) async fn request(&self, asked: &Asked) -> (u16, String) {
        let nothing = (0, String::new());
        match self {
            Self::None => nothing,
            Self::Values(exchanges) => {
                let (exchange, answered) = exchange(asked);
                if exchanges.send(exchange).await.is_err() {
                    return nothing;
                }
                answered.await.map_or(nothing, |answer: http::Response<Bytes>| {
                    let text = String::from_utf8_lossy(answer.body()).into_owned();
                    (answer.status().as_u16(), text)
                })
            }
            Self::Http(port, path) => {
                let client = http_client::local_client(Duration::from_secs(30)).expect("a client");
                let url = format!("http://127.0.0.1:{port}{path}");
                let request = match asked {
                    Asked::Whether(query) => client.get(format!("{url}?{query}")),
                    Asked::Posted(body, signature) => {
                        let request = client.post(url).body(body.clone());
                        match signature {
                            Some(it) => request.header("x-hub-signature-256", it),
                            None => request,
                        }
                    }
                };
                let Ok(answer) = request.send().await else { return nothing };
                (answer.status().as_u16(), answer.text().await.unwrap_or_default())
            }
        }
    }
}

/// Calls the app with one body after the other, each until it is taken.
pub(crate) async fn deliver(
    shared: Shared,
    way: testing::Shared<Way>,
    mut queue: mpsc::UnboundedReceiver<String>,
) {
    while let Some(body) = queue.recv().await {
        let secret = shared.lock().secret.unwrap_or(APP_SECRET);
        let asked = Asked::Posted(body.clone(), Some(signature(secret, &body)));
        loop {
            let now = way.lock().clone();
            let (status, _) = now.request(&asked).await;
            if status != 0 {
                shared.change(|state| state.answered.push(status));
            }
            if status == 200 {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A body's signature, as the header has it.
pub(crate) fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let hex: String = data_encoding::HEXLOWER.encode(tag.as_ref());
    format!("sha256={hex}")
}

/// A request as a value.
fn exchange(asked: &Asked) -> (Exchange, oneshot::Receiver<http::Response<Bytes>>) {
    let request = match asked {
        Asked::Whether(query) => {
            let uri = format!("/whatsapp/webhook?{query}");
            http::Request::builder().method("GET").uri(uri).body(Bytes::new())
        }
        Asked::Posted(body, signature) => {
            let mut request = http::Request::builder().method("POST").uri("/whatsapp/webhook");
            if let Some(signature) = signature {
                request = request.header("x-hub-signature-256", signature);
            }
            request.body(Bytes::from(body.clone()))
        }
    };
    let (reply, answered) = oneshot::channel();
    let address = ClientAddress::of([127, 0, 0, 1].into());
    let client = Client { address, local: false, hop: Link::Private, tls: true };
    (Exchange::new(request.expect("a request"), client, reply, None), answered)
}
