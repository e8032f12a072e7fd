//! Requests as Feishu sends them: encrypted and signed. The tests of the crate say how to encrypt, so that the gateway's
//! tests need not.

use openclaw_plugin_sdk::{
    Bytes, Client, ClientAddress, Exchange, Link,
    http::{Method, Request, Response},
};
use ring::digest;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{ENCRYPT_KEY, Exchanges, Shared, state::now};

/// Encrypts a payload with this key: what stands in the body.
pub(crate) type Seal = fn(&str, &str) -> String;

/// The real one tries so often over hours; here, without waiting in between.
const TRIES: usize = 4;

/// Sends events, one after the other, each until it is taken or was tried too often.
pub(crate) async fn deliver(
    shared: Shared,
    exchanges: Exchanges,
    seal: Seal,
    mut queue: mpsc::UnboundedReceiver<(String, String)>,
) {
    while let Some((id, payload)) = queue.recv().await {
        for _ in 0..TRIES {
            let sender = exchanges.lock().expect("no panic").clone();
            let Some(sender) = sender else { break };
            let body = seal(ENCRYPT_KEY, &payload);
            let (exchange, answered) = signed(body, ENCRYPT_KEY, now() / 1000);
            if sender.try_send(exchange).is_err() {
                continue;
            }
            let Ok(answer) = answered.await else { continue };
            if answer.status().is_success() {
                let said: Value = serde_json::from_slice(answer.body()).expect("JSON");
                assert_eq!(said, serde_json::json!({}));
                shared.change(|state| state.acknowledge(&id, serde_json::json!({ "code": 200 })));
                break;
            }
        }
    }
}

/// A request as Feishu would make it at that second.
pub(crate) fn signed(
    body: String,
    key: &str,
    at: u64,
) -> (Exchange, oneshot::Receiver<Response<Bytes>>) {
    let all = format!("{at}n0nce{key}{body}");
    let hash = digest::digest(&digest::SHA256, all.as_bytes());
    let hex: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/feishu/events")
        .header("content-type", "application/json")
        .header("x-lark-request-timestamp", at)
        .header("x-lark-request-nonce", "n0nce")
        .header("x-lark-signature", hex.concat())
        .body(Bytes::from(body))
        .expect("a request");
    let (reply, answered) = oneshot::channel();
    let address = ClientAddress::of([127, 0, 0, 1].into());
    let client = Client { address, local: false, hop: Link::Private, tls: true };
    (Exchange::new(request, client, reply, None), answered)
}
