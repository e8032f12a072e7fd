//! The client's side of a socket, as small as it can be, so that what is measured is the other one.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{Role, WebSocketConfig},
    },
};

/// Where a client comes from: an address of loopback, and whether a proxy stands before the gateway.
#[derive(Clone, Copy)]
pub(crate) struct From {
    pub(crate) last: u8,
    pub(crate) proxied: bool,
}

/// The owner's own machine.
pub(crate) const HERE: From = From { last: 1, proxied: false };

/// One socket.
pub(crate) struct Wire {
    socket: WebSocketStream<TcpStream>,
    pub(crate) nonce: String,
    pub(crate) at: u64,
}

impl Wire {
    /// Connects, and reads the challenge.
    pub(crate) async fn open(port: u16, from: From) -> Self {
        let (stream, early) = upgraded(port, from).await;
        let config = Some(WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0));
        let socket =
            WebSocketStream::from_partially_read(stream, early, Role::Client, config).await;
        let mut wire = Self { socket, nonce: String::new(), at: 0 };
        let challenge: Value = serde_json::from_str(&wire.text().await.unwrap()).unwrap();
        assert_eq!(challenge["event"], "connect.challenge", "{challenge}");
        challenge["payload"]["nonce"].as_str().unwrap().clone_into(&mut wire.nonce);
        wire.at = challenge["payload"]["ts"].as_u64().unwrap();
        wire
    }

    pub(crate) async fn send(&mut self, text: impl Into<Utf8Bytes>) {
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next text; `None` once it is closed.
    pub(crate) async fn text(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// The answer to a request, whatever is said meanwhile.
    pub(crate) async fn answer(&mut self) -> Utf8Bytes {
        loop {
            let text = self.text().await.expect("the socket was closed before an answer");
            if text.starts_with(r#"{"type":"res""#) {
                return text;
            }
        }
    }
}

/// The stream, and what came right behind the head.
async fn upgraded(port: u16, from: From) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, from.last), 0))).unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = socket.connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let proxied = if from.proxied { "x-forwarded-proto: https\r\n" } else { "" };
    let head = format!(
        "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{proxied}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::with_capacity(1024);
    let end = loop {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "no answer to the upgrade");
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    let early = answer.split_off(end);
    (stream, early)
}
