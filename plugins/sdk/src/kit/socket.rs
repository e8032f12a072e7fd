//! A platform's WebSocket: frames of text or of bytes, a deadline for the greeting, and a measure of silence. An address may hold
//! a ticket, and no error says it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Bytes, Message,
        protocol::{
            WebSocketConfig,
            frame::{
                Frame, FrameHeader,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use crate::{Stream, socket_client};

const OPENS_WITHIN: Duration = Duration::from_secs(15);
const SENDS_WITHIN: Duration = Duration::from_secs(5);

/// An open socket.
#[expect(missing_debug_implementations, reason = "it holds what people wrote")]
pub struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    heard: Instant,
}

/// What a socket gives.
#[expect(missing_debug_implementations, reason = "it holds what people wrote")]
pub enum Heard {
    /// A frame of text.
    Text(String),
    /// The platform closes, with this code.
    Closed(Option<u16>),
    /// The connection ended without a word.
    Broken,
}

impl Socket {
    /// Connects within 15 s. A frame longer than `longest` ends the socket.
    pub async fn open(url: &Url, longest: usize) -> Result<Self, &'static str> {
        let opened = timeout(OPENS_WITHIN, async {
            let wire = socket_client::dial(url).await?;
            let config = WebSocketConfig::default()
                .max_message_size(Some(longest))
                .max_frame_size(Some(longest));
            let opened = client_async_with_config(url.as_str(), wire, Some(config)).await;
            let (stream, _) = opened.map_err(|_| "opens no socket at its own address")?;
            Ok(Self { stream, heard: Instant::now() })
        });
        opened.await.unwrap_or(Err("does not open its socket in time"))
    }

    /// The greeting: what `greets` makes of the first frame that it takes for one. It comes within 15 s.
    pub async fn greeting<T>(
        &mut self,
        mut greets: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, &'static str> {
        let greeted = timeout(OPENS_WITHIN, async {
            loop {
                let Heard::Text(text) = self.next().await else {
                    return Err("closed the socket without a greeting");
                };
                if let Some(greeting) = greets(&text) {
                    return Ok(greeting);
                }
            }
        });
        greeted.await.unwrap_or(Err("does not greet on its socket"))
    }

    /// The next frame of text. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.message().await {
                None => return Heard::Broken,
                Some(Message::Text(text)) => return Heard::Text(text.as_str().to_owned()),
                Some(Message::Close(frame)) => {
                    return Heard::Closed(frame.map(|frame| CloseCode::into(frame.code)));
                }
                Some(_) => {}
            }
        }
    }

    /// The next frame of bytes, for platforms that send those; `None` once the socket is closed. May be dropped and
    /// called again.
    pub async fn next_binary(&mut self) -> Option<Bytes> {
        loop {
            match self.message().await? {
                Message::Binary(bytes) => return Some(bytes),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    async fn message(&mut self) -> Option<Message> {
        let message = self.stream.next().await?.ok()?;
        self.heard = Instant::now();
        Some(message)
    }

    /// For how long nothing came, no sign of life either.
    pub fn silence(&self) -> Duration {
        self.heard.elapsed()
    }

    /// Sends a frame.
    pub async fn send(&mut self, text: String) -> Result<(), &'static str> {
        self.put(Message::text(text)).await
    }

    /// Sends a frame of bytes.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), &'static str> {
        self.put(Message::binary(bytes)).await
    }

    /// Asks for a sign of life.
    pub async fn ping(&mut self) -> Result<(), &'static str> {
        self.put(Message::Ping(Bytes::new())).await
    }

    /// Sends a frame that holds a token. The library's own log prints frames that go through it.
    pub async fn send_secret(&mut self, text: String) -> Result<(), &'static str> {
        let header = FrameHeader {
            is_final: true,
            opcode: OpCode::Data(Data::Text),
            mask: Some(rand::random()),
            ..FrameHeader::default()
        };
        let mut bytes = Vec::new();
        let formed = Frame::from_payload(header, text.into()).format(&mut bytes);
        formed.map_err(|_| "a frame cannot be formed")?;
        let stream = self.stream.get_mut();
        let sent = timeout(SENDS_WITHIN, async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        });
        taken(matches!(sent.await, Ok(Ok(()))))
    }

    async fn put(&mut self, message: Message) -> Result<(), &'static str> {
        let sent = timeout(SENDS_WITHIN, self.stream.send(message)).await;
        taken(matches!(sent, Ok(Ok(()))))
    }
}

fn taken(sent: bool) -> Result<(), &'static str> {
    if sent { Ok(()) } else { Err("takes nothing on its socket") }
}

/// When to send heartbeats: the first after a random part of the time, so that many sockets do not beat at once.
pub fn heartbeat(every: Duration) -> Interval {
    let mut beats = interval_at(Instant::now() + every.mul_f64(rand::random()), every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}
