//! A client of the gateway's socket that says whatever a test wants it to say, frame by frame.

use std::{collections::VecDeque, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt, StreamExt};
use openclaw::rules::device::identity::{DeviceKey, Signed, Version, signed_text};
use openclaw_plugin_sdk::UnixMs;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{frames::Watch, process::PATIENCE};

/// A device's key, made of one byte.
pub(crate) struct Key(Ed25519KeyPair);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self::of([seed; 32])
    }

    pub(crate) fn of(seed: [u8; 32]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
    }

    pub(crate) fn public(&self) -> DeviceKey {
        DeviceKey::from_raw(self.0.public_key().as_ref().try_into().unwrap())
    }

    pub(crate) fn id(&self) -> String {
        self.public().id().as_str().to_owned()
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()).as_ref())
    }
}

/// The socket, after its challenge.
pub(crate) struct Wire {
    socket: WebSocketStream<TcpStream>,
    pub(crate) nonce: String,
    pub(crate) ts: u64,
    events: VecDeque<Value>,
    asked: u64,
    watch: Watch,
}

/// How a socket was closed: code and reason; 1005 where the other end gave none.
pub(crate) type Closed = (u16, String);

/// Where the proxy of these tests is: another address of this machine than that of its local clients.
pub(crate) const PROXY: &str = "127.0.0.2";

/// A connection from one of this machine's addresses to a port.
pub(crate) async fn connect(from: Option<&str>, port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(from) = from {
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    }
    socket.connect(([127, 0, 0, 1], port).into()).await.unwrap()
}

impl Wire {
    /// Connects, and reads the challenge.
    pub(crate) async fn open(port: u16) -> Self {
        Self::open_with(port, &[]).await
    }

    /// The same with headers of one's own.
    pub(crate) async fn open_with(port: u16, headers: &[(&str, &str)]) -> Self {
        Self::try_open(port, headers).await.expect("a challenge")
    }

    /// The same where the other end may have no place for it.
    pub(crate) async fn try_open(port: u16, headers: &[(&str, &str)]) -> Option<Self> {
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
        for (name, value) in headers {
            let name = name.parse::<http::HeaderName>().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let proxied = headers.iter().any(|(name, _)| *name == "x-forwarded-for");
        let stream = connect(proxied.then_some(PROXY), port).await;
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.ok()?;
        let mut wire = Self {
            socket,
            nonce: String::new(),
            ts: 0,
            events: VecDeque::new(),
            asked: 0,
            watch: Watch::default(),
        };
        let challenge = wire.frame().await.ok()?;
        assert_eq!(challenge["event"], "connect.challenge", "{challenge}");
        challenge["payload"]["nonce"].as_str().unwrap().clone_into(&mut wire.nonce);
        wire.ts = challenge["payload"]["ts"].as_u64().unwrap();
        Some(wire)
    }

    #[expect(clippy::needless_pass_by_value, reason = "a test writes it in place")]
    /// The parameters of a connect of protocol 4: a command line's, or a node's. Without a device.
    pub(crate) fn params(role: &str, scopes: &[&str], auth: Value) -> Value {
        let (id, mode) = if role == "node" { ("node-host", "node") } else { ("cli", "cli") };
        json!({
            "minProtocol": 3, "maxProtocol": 4,
            "client": { "id": id, "version": "1", "platform": "linux", "mode": mode },
            "role": role, "scopes": scopes, "auth": auth,
        })
    }

    /// Adds the device's proof to the parameters, signed as version 3.
    pub(crate) fn signed(&self, key: &Key, mut params: Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let scopes: Vec<String> =
            params["scopes"].as_array().into_iter().flatten().map(text).collect();
        let auth = params["auth"].clone();
        let token = ["token", "deviceToken", "bootstrapToken"]
            .into_iter()
            .find_map(|name| auth.get(name).and_then(Value::as_str))
            .unwrap_or_default();
        let client = params["client"].clone();
        let (id, mode, platform, family) = (
            text(&client["id"]),
            text(&client["mode"]),
            text(&client["platform"]),
            text(&client["deviceFamily"]),
        );
        let role = params["role"].as_str().unwrap_or("operator").to_owned();
        let signed = Signed {
            client_id: &id,
            client_mode: &mode,
            role: &role,
            scopes: &scopes,
            token,
            platform: &platform,
            device_family: &family,
        };
        let what = signed_text(Version::V3, &key.id(), &signed, UnixMs(self.ts), &self.nonce);
        params["device"] = json!({
            "id": key.id(),
            "publicKey": key.public().spell(),
            "signature": key.sign(&what),
            "signedAt": self.ts,
            "nonce": self.nonce,
        });
        params
    }

    /// Sends any text.
    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        let text = text.into();
        if let Ok(frame) = serde_json::from_str(&text) {
            self.watch.sent(&frame);
        }
        self.socket.send(Message::text(text)).await.unwrap();
    }

    #[allow(dead_code, reason = "for what is no text")]
    /// Sends any message; an error where the other end has gone.
    pub(crate) async fn send(
        &mut self,
        message: Message,
    ) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.socket.send(message).await
    }

    /// Sends these bytes as they are. The other end may have gone meanwhile.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(self.socket.get_mut(), bytes).await
    }

    /// Calls a method: its payload, or its error.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params).await;
        self.answer(&id).await
    }

    /// Sends a request, and says under which id.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> String {
        self.asked += 1;
        let id = format!("r{}", self.asked);
        let request = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.say(request.to_string()).await;
        id
    }

    /// The answer to a request; events that come before it are kept.
    pub(crate) async fn answer(&mut self, id: &str) -> Result<Value, Value> {
        loop {
            let frame = self.frame().await.unwrap_or_else(|closed| panic!("closed: {closed:?}"));
            if frame["type"] == "event" {
                self.events.push_back(frame);
            } else if frame["id"] == id {
                let ok = frame["ok"] == true;
                return if ok { Ok(frame["payload"].clone()) } else { Err(frame["error"].clone()) };
            }
        }
    }

    /// Connects with these parameters: the answer's payload, or its error.
    pub(crate) async fn connect(&mut self, params: Value) -> Result<Value, Value> {
        self.call("connect", params).await
    }

    /// The next event of this name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        if let Some(at) = self.events.iter().position(|event| event["event"] == name) {
            return self.events.remove(at).unwrap();
        }
        loop {
            let frame = self.frame().await.unwrap_or_else(|closed| panic!("closed: {closed:?}"));
            if frame["event"] == name {
                return frame;
            }
            if frame["type"] == "event" {
                self.events.push_back(frame);
            }
        }
    }

    /// True where an event of this name was heard and not asked for yet.
    pub(crate) fn has_heard(&self, name: &str) -> bool {
        self.events.iter().any(|event| event["event"] == name)
    }

    /// The next frame, or how the socket was closed.
    pub(crate) async fn frame(&mut self) -> Result<Value, Closed> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let frame = serde_json::from_str(&text).unwrap();
                        self.watch.heard(&frame).unwrap_or_else(|why| panic!("{why}"));
                        return Ok(frame);
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Err((frame.code.into(), frame.reason.to_string()));
                    }
                    Some(Ok(Message::Binary(bytes))) => panic!("the gateway sends text: {bytes:?}"),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Close(None)) | Err(_)) | None => {
                        return Err((1005, String::new()));
                    }
                }
            }
        };
        let within: Duration = PATIENCE;
        tokio::time::timeout(within, next).await.expect("the gateway says nothing")
    }

    /// Reads until the socket is closed, and says how.
    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.frame().await {
                return closed;
            }
        }
    }
}
