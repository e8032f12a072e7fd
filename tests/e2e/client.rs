//! A client of the gateway's socket: binary frames out, as apps in Swift send them, and text frames in, every one of
//! which is looked at.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{frames::Watch, process::PATIENCE};

/// An error answer, and what the socket was closed with where it was.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: Value,
    pub(crate) close: Option<(u16, String)>,
}

impl Refusal {
    /// `error.details.requestId` and the like.
    pub(crate) fn detail(&self, key: &str) -> &str {
        self.error["details"][key].as_str().unwrap_or_default()
    }

    /// `error.code` and `error.message`.
    pub(crate) fn says(&self) -> (&str, &str) {
        let text = |key: &str| self.error[key].as_str().unwrap_or_default();
        (text("code"), text("message"))
    }
}

/// One socket.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    watch: Watch,
    asked: u32,
    heard: VecDeque<Value>,
    close: Option<(u16, String)>,
    /// From the challenge.
    pub(crate) nonce: String,
    /// The gateway's clock in the challenge.
    pub(crate) ts: u64,
}

impl Client {
    /// Opens a socket, and waits for the challenge.
    pub(crate) async fn open(url: &str) -> Self {
        let (socket, _) = connect_async(url).await.unwrap_or_else(|e| panic!("{url}: {e}"));
        let mut client = Self {
            socket,
            watch: Watch::default(),
            asked: 0,
            heard: VecDeque::new(),
            close: None,
            nonce: String::new(),
            ts: 0,
        };
        let challenge = client.event("connect.challenge").await;
        challenge["nonce"].as_str().unwrap().clone_into(&mut client.nonce);
        client.ts = challenge["ts"].as_u64().unwrap();
        client
    }

    /// Sends a request, and waits for its answer; where the gateway closes after an error, for that too.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        self.asked += 1;
        let id = format!("{}", self.asked);
        self.send(&json!({ "type": "req", "id": id, "method": method, "params": params })).await;
        let answer = loop {
            match self.frame().await {
                Some(frame) if frame["type"] == "res" && frame["id"] == id.as_str() => break frame,
                Some(frame) => self.heard.push_back(frame),
                None => {
                    panic!("{method}: the socket was closed without an answer: {:?}", self.close)
                }
            }
        };
        if answer["ok"] == true {
            return Ok(answer["payload"].clone());
        }
        if method == "connect" {
            self.closed().await;
        }
        Err(Refusal { error: answer["error"].clone(), close: self.close.clone() })
    }

    /// Sends any frame.
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.watch.sent(frame);
        let bytes = frame.to_string().into_bytes();
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// The payload of the next event of this name; others before it are kept.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.event_that(name, |_| true).await
    }

    /// The payload of the next such event.
    pub(crate) async fn event_that(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let wanted = |frame: &Value| {
            frame["type"] == "event" && frame["event"] == name && fits(&frame["payload"])
        };
        if let Some(at) = self.heard.iter().position(&wanted) {
            return self.heard.remove(at).unwrap()["payload"].take();
        }
        loop {
            match self.frame().await {
                Some(mut frame) if wanted(&frame) => return frame["payload"].take(),
                Some(frame) => self.heard.push_back(frame),
                None => panic!("the socket was closed before `{name}`: {:?}", self.close),
            }
        }
    }

    /// Waits until the gateway closes, and says with what.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        while let Some(frame) = self.frame().await {
            self.heard.push_back(frame);
        }
        self.close.clone().unwrap_or_default()
    }

    /// Takes its leave.
    pub(crate) async fn leave(mut self) {
        let _gone = self.socket.close(None).await;
    }

    /// The next frame; `None` where the socket is closed.
    async fn frame(&mut self) -> Option<Value> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => break Some(text),
                    Some(Ok(Message::Close(close))) => {
                        self.close = close.map(|c| (c.code.into(), c.reason.as_str().to_owned()));
                    }
                    Some(Ok(Message::Binary(bytes))) => panic!("a binary frame: {bytes:?}"),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break None,
                }
            }
        };
        let text = tokio::time::timeout(PATIENCE, next).await.expect("a frame of the gateway")?;
        let frame: Value = serde_json::from_str(&text).unwrap();
        self.watch.heard(&frame).unwrap_or_else(|why| panic!("{why}"));
        Some(frame)
    }
}
