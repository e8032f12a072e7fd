//! A socket of the long connection: what is to be said, signs of life, and what is acknowledged.

use axum::{extract::Request, response::Response};
use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::testing::websocket;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{
    Shared, State,
    state::Order,
    wire::{self, Frame},
};

/// How a client is to behave.
pub(crate) fn config(state: &State) -> Value {
    let every = if state.ping_every == 0 { 120 } else { state.ping_every };
    json!({ "PingInterval": every, "ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 1 })
}

pub(crate) fn upgrade(shared: Shared, request: Request) -> Response {
    websocket(request, |stream| serve(shared, stream))
}

async fn serve<S>(shared: Shared, mut stream: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (orders, mut queue) = mpsc::unbounded_channel();
    let number = shared.change(|state| {
        let number = state.count();
        state.sockets.insert(number, orders);
        // What was announced, and never acknowledged, comes again.
        for (id, payload) in state.open.clone() {
            state.say_event(&id, &payload);
        }
        number
    });
    loop {
        tokio::select! {
            order = queue.recv() => match order {
                Some(Order::Say(bytes)) => {
                    if stream.send(Message::binary(bytes)).await.is_err() {
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
                Some(Ok(Message::Binary(bytes))) => shared.change(|state| heard(state, &bytes)),
                Some(Ok(Message::Text(text))) => panic!("a frame of text: {text}"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    shared.change(|state| state.sockets.remove(&number));
}

fn heard(state: &mut State, bytes: &[u8]) {
    let frame = wire::read(bytes);
    assert_eq!(frame.service, 7, "the service of the address");
    if frame.method == 0 {
        assert_eq!(frame.header("type"), "ping");
        state.pings += 1;
        let headers = vec![("type".to_owned(), "pong".to_owned())];
        let payload = config(state).to_string().into_bytes();
        let pong = Frame { service: 7, headers, payload, ..Frame::default() };
        return state.say(wire::written(&pong));
    }
    let id = frame.header("message_id").to_owned();
    assert_eq!(frame.header("type"), "event", "it echoes the frame");
    // Feishu's own client subtracts the wrong way round.
    assert!(frame.header("biz_rt").parse::<i64>().is_ok(), "how long it took");
    // Another number is of a frame that came before on a socket that is gone.
    if state.frames.get(&id) == Some(&frame.seq) {
        state.acknowledge(&id, frame.json());
    }
}
