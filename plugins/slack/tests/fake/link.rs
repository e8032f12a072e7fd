//! A socket of Socket Mode: the greeting, what is to be said, and what is acknowledged.

use axum::{extract::Request, response::Response};
use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::testing::websocket;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{Shared, state::Order};

pub(crate) fn upgrade(shared: Shared, request: Request) -> Response {
    websocket(request, |stream| serve(shared, stream))
}

async fn serve<S>(shared: Shared, mut stream: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (orders, mut queue) = mpsc::unbounded_channel();
    let hello = json!({
        "type": "hello", "num_connections": 1, "connection_info": { "app_id": "A0GATE0000" },
        "debug_info": { "host": "fake", "approximate_connection_time": 18060 },
    });
    // What is greeted can be spoken to at once.
    if !shared.lock().mute {
        drop(orders.send(Order::Say(hello.to_string())));
    }
    let number = shared.change(|state| {
        state.greeted += 1;
        let number = state.greeted;
        // What was announced, and never acknowledged, comes again.
        for (id, payload) in state.open.clone() {
            let envelope = state.envelope(&id, "events_api", &payload);
            drop(orders.send(Order::Say(envelope)));
        }
        state.sockets.insert(number, orders);
        number
    });
    loop {
        tokio::select! {
            order = queue.recv() => match order {
                Some(Order::Say(text)) => {
                    if stream.send(Message::text(text)).await.is_err() {
                        break;
                    }
                }
                Some(Order::Freeze) => {
                    shared.change(|state| state.sockets.remove(&number));
                    std::future::pending::<()>().await;
                }
                Some(Order::Break) | None => break,
            },
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => acknowledged(&shared, &text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    shared.change(|state| state.sockets.remove(&number));
}

fn acknowledged(shared: &Shared, text: &str) {
    let ack: Value = serde_json::from_str(text).unwrap_or_default();
    let envelope = ack["envelope_id"].as_str().unwrap_or_default().to_owned();
    shared.change(|state| {
        if let Some(id) = state.envelopes.remove(&envelope) {
            state.acknowledge(&id);
        }
    });
}
