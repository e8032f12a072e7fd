//! One socket of Socket Mode: opened with a ticket of Slack's, to an address of Slack's, and closed by
//! whoever hears nothing on it for too long.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_plugin_sdk::{ChannelError, Secret, Stream, reqwest::Url, socket_client};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Bytes, Message, protocol::WebSocketConfig},
};

use crate::{api::Api, wire::Frame};

/// How often we ask whether the other end is there.
pub(crate) const BEAT: Duration = Duration::from_secs(10);

/// Nothing for so long, and the other end is not there.
const SILENCE: Duration = Duration::from_secs(35);

/// A socket that Slack has said farewell on is closed by us after so long.
const FAREWELL: Duration = Duration::from_mins(1);

const OPENS_WITHIN: Duration = Duration::from_secs(15);
const SENDS_WITHIN: Duration = Duration::from_secs(5);
const LONGEST_FRAME: usize = 4 << 20;

/// A socket on which Slack has said hello.
pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    pub(crate) number: u64,
    heard: Instant,
    /// Since when Slack wants it replaced.
    pub(crate) leaving: Option<Instant>,
}

/// What comes from a socket.
pub(crate) enum Heard {
    Frame(Frame),
    Gone,
    Nothing,
}

#[derive(Deserialize)]
struct Opened {
    url: String,
}

impl Socket {
    /// Asks for an address, connects, and waits for the greeting.
    pub(crate) async fn open(
        api: &Api,
        app_token: &Secret,
        number: u64,
    ) -> Result<Self, ChannelError> {
        let opened = api.call_with(app_token, "apps.connections.open", &json!({})).await;
        let (Opened { url }, _) = opened.map_err(|failed| failed.of_account("app_token"))?;
        let Some(url) = api.root.trusted(&url).filter(|url| matches!(url.scheme(), "ws" | "wss"))
        else {
            return Err(gone("names an address for its socket that is not its own"));
        };
        let greeted = timeout(OPENS_WITHIN, async {
            let stream = dial(&url).await?;
            let mut socket = Self { stream, number, heard: Instant::now(), leaving: None };
            loop {
                match socket.next().await {
                    Heard::Frame(frame) if frame.kind == "hello" => return Ok(socket),
                    Heard::Frame(frame) if frame.kind == "disconnect" => {
                        return Err(farewell(frame.reason.as_deref()));
                    }
                    Heard::Frame(_) | Heard::Nothing => {}
                    Heard::Gone => return Err(gone("closed the socket without a greeting")),
                }
            }
        });
        greeted.await.map_err(|_| gone("does not greet on its socket"))?
    }

    /// What comes next. May be dropped and called again: nothing is lost.
    pub(crate) async fn next(&mut self) -> Heard {
        let Some(Ok(message)) = self.stream.next().await else { return Heard::Gone };
        self.heard = Instant::now();
        match message {
            Message::Text(text) => {
                let frame = serde_json::from_str(&text).ok();
                if frame.is_none() {
                    tracing::warn!("a frame of Slack's cannot be read");
                }
                frame.map_or(Heard::Nothing, Heard::Frame)
            }
            Message::Close(_) => Heard::Gone,
            _ => Heard::Nothing,
        }
    }

    /// Tells Slack that it need not repeat an envelope. A socket that does not take it is found out by its reader.
    pub(crate) async fn acknowledge(&mut self, envelope: &str) {
        let text = json!({ "envelope_id": envelope }).to_string();
        self.put(Message::text(text)).await;
    }

    /// Asks for a sign of life; false when there was none for too long, or the farewell is over.
    pub(crate) async fn beat(&mut self) -> bool {
        self.put(Message::Ping(Bytes::new())).await;
        let over = self.leaving.is_some_and(|since| since.elapsed() > FAREWELL);
        !over && self.heard.elapsed() < SILENCE
    }

    async fn put(&mut self, message: Message) {
        if !matches!(timeout(SENDS_WITHIN, self.stream.send(message)).await, Ok(Ok(()))) {
            tracing::debug!("a socket of Slack's takes nothing");
        }
    }
}

/// What Slack's reason for ending a socket means, where it does not want a new one at once.
pub(crate) fn farewell(reason: Option<&str>) -> ChannelError {
    match reason {
        Some("link_disabled") => ChannelError::Unauthorized(
            "Slack: Socket Mode is switched off for this app: switch it on at api.slack.com/apps, and check `app_token`"
                .to_owned(),
        ),
        Some("too_many_websockets") => ChannelError::Contended(
            "Slack has too many sockets of this app open: stop the other programs that use its token"
                .to_owned(),
        ),
        _ => gone("ended the socket"),
    }
}

pub(crate) fn gone(what: &str) -> ChannelError {
    ChannelError::Disconnected(format!("Slack: {what}"))
}

async fn dial(url: &Url) -> Result<WebSocketStream<Box<dyn Stream>>, ChannelError> {
    let wire = socket_client::dial(url).await.map_err(gone)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_FRAME))
        .max_frame_size(Some(LONGEST_FRAME));
    // The address holds a ticket: no error of this may say it.
    let upgraded = client_async_with_config(url.as_str(), wire, Some(config)).await;
    upgraded.map(|(stream, _)| stream).map_err(|_| gone("refuses its own socket's address"))
}
