//! The gateway's socket: frames as text.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::{ChannelError, Stream, http_client, reqwest::Url, socket_client};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        protocol::{
            WebSocketConfig,
            frame::{
                Frame, FrameHeader,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

/// So long a connection may take.
const DIAL: Duration = Duration::from_secs(15);

/// An open socket.
pub(crate) struct Socket(WebSocketStream<Box<dyn Stream>>);

/// What a socket gives.
pub(crate) enum Heard {
    /// Discord closes, with this code.
    Closed(Option<u16>),
    /// The connection ended without a word.
    Broken,
    /// A frame.
    Text(String),
}

impl Socket {
    pub(crate) async fn dial(url: &Url) -> Result<Self, ChannelError> {
        let dialled = timeout(DIAL, dial(url)).await;
        dialled.unwrap_or_else(|_| Err(lost("the gateway does not answer in time")))
    }

    /// The next frame. Nothing is lost where the wait for it is given up.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            return match self.0.next().await {
                Some(Ok(Message::Text(text))) => Heard::Text(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    Heard::Closed(frame.map(|frame| CloseCode::into(frame.code)))
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Heard::Broken,
            };
        }
    }

    pub(crate) async fn send(&mut self, frame: &Value) -> Result<(), ChannelError> {
        self.0.send(Message::text(frame.to_string())).await.map_err(|_| lost("the socket broke"))
    }

    /// Sends a frame that holds the token. The library's own log prints frames that go through it.
    pub(crate) async fn send_secret(&mut self, frame: &Value) -> Result<(), ChannelError> {
        let header = FrameHeader {
            is_final: true,
            opcode: OpCode::Data(Data::Text),
            mask: Some(rand::random()),
            ..FrameHeader::default()
        };
        let mut bytes = Vec::new();
        let formed = Frame::from_payload(header, frame.to_string().into()).format(&mut bytes);
        formed.map_err(|_| lost("a frame cannot be formed"))?;
        let stream = self.0.get_mut();
        let sent = async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        sent.await.map_err(|_| lost("the socket broke"))
    }
}

async fn dial(url: &Url) -> Result<Socket, ChannelError> {
    let wire = socket_client::dial(url).await.map_err(lost)?;
    let limit = Some(http_client::ANSWER_LIMIT);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let opened = client_async_with_config(url.as_str(), wire, Some(config)).await;
    opened.map(|(socket, _)| Socket(socket)).map_err(|_| lost("the gateway opens no socket"))
}

fn lost(what: &str) -> ChannelError {
    ChannelError::Disconnected(format!("Discord: {what}"))
}
