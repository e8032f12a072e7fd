//! The long connection: an address that Feishu names and we check, frames, signs of life, and acknowledgements of what
//! is durable.

use std::{future::ready, time::Duration};

use openclaw_plugin_sdk::{
    ChannelError, Inbox,
    kit::{
        inbox::Received,
        socket::{Socket, heartbeat},
    },
    reqwest::Url,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    PLUGIN,
    account::Feishu,
    frame::{CONTROL, DATA, Frame, Halves},
    inbound::{self, Me},
    text,
};

const LONGEST_FRAME: usize = 1 << 20;

/// How often Feishu wants a sign of life, where it does not say or says something odd.
const USUAL: Duration = Duration::from_mins(2);
const LONGEST: Duration = Duration::from_mins(10);

/// What an acknowledgement needs: the frame that it echoes, when that came, and whether it is of a press.
type Ack = (Frame, Instant, bool);

/// An open socket.
struct Link {
    socket: Socket,
    service: u64,
    ping_every: Duration,
    halves: Halves,
}

impl Feishu {
    /// Keeps a socket open until something goes wrong.
    pub(crate) async fn connect(&self, inbox: &Inbox, me: &Me) -> Result<(), ChannelError> {
        let door = self.api()?.door().await?;
        let socket = Socket::open(&door.url, LONGEST_FRAME).await;
        let mut link = Link {
            socket: socket.map_err(|why| PLUGIN.lost(why))?,
            service: service(&door.url),
            ping_every: interval(door.ping_every),
            halves: Halves::default(),
        };
        let row = inbox.row();
        let mut pending = self.acks.connect(&row, |event| ready(Ok(Some(event))));
        inbox.caught_up();
        self.standing.say(inbox)?;
        let mut pings = heartbeat(link.ping_every);
        loop {
            tokio::select! {
                settled = pending.settled() => {
                    for ack in settled? {
                        link.acknowledge(ack).await;
                    }
                }
                bytes = link.socket.next_binary() => {
                    let Some(bytes) = bytes else { return Err(self.ended(inbox, text::CLOSED).await) };
                    let before = link.ping_every;
                    let Some((frame, payload)) = link.hear(&bytes) else {
                        if before != link.ping_every {
                            pings = heartbeat(link.ping_every);
                        }
                        continue;
                    };
                    let ack = (frame, Instant::now(), inbound::is_press(&payload));
                    match pending.receive(self.arrival(inbox, me, &payload), ack) {
                        Received::Acknowledge(ack) => link.acknowledge(ack).await,
                        Received::Refuse(_) => tracing::warn!("too much waits: Feishu will repeat an event"),
                        Received::Waits => {}
                    }
                }
                _ = pings.tick() => {
                    if link.socket.silence() > link.ping_every * 2 {
                        return Err(self.ended(inbox, text::SILENT).await);
                    }
                    link.ping().await;
                }
                () = self.standing.changed() => self.standing.say(inbox)?,
            }
        }
    }
}

impl Link {
    /// The payload of an event that is whole, with the frame that made it so.
    fn hear(&mut self, bytes: &[u8]) -> Option<(Frame, Value)> {
        let Some(frame) = Frame::read(bytes) else {
            tracing::warn!("a frame of Feishu's cannot be read");
            return None;
        };
        match (frame.method, frame.header("type")) {
            (CONTROL, "pong") => {
                let config: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
                if let Some(seconds) = config["PingInterval"].as_u64() {
                    self.ping_every = interval(Duration::from_secs(seconds));
                }
                None
            }
            (DATA, "event" | "card") => {
                let event = self.halves.whole(&frame)?;
                let payload = serde_json::from_slice(&event).unwrap_or_else(|_| {
                    tracing::warn!("an event of Feishu's cannot be read");
                    Value::Null
                });
                Some((frame, payload))
            }
            _ => None,
        }
    }

    /// Tells Feishu that it need not repeat an event. A socket that does not take it is found out by its reader.
    async fn acknowledge(&mut self, (mut frame, since, is_press): Ack) {
        let took = since.elapsed().as_millis().to_string();
        frame.headers.push(("biz_rt".to_owned(), took));
        // `{}`, in base64: a press changes nothing at once.
        let said =
            if is_press { json!({ "code": 200, "data": "e30=" }) } else { json!({ "code": 200 }) };
        frame.payload = said.to_string().into_bytes();
        self.socket.send_binary(frame.bytes()).await.ok();
    }

    async fn ping(&mut self) {
        let headers = vec![("type".to_owned(), "ping".to_owned())];
        let ping = Frame { service: self.service, method: CONTROL, headers, ..Frame::default() };
        // A socket that does not take it is found out by its reader.
        self.socket.send_binary(ping.bytes()).await.ok();
    }
}

fn interval(said: Duration) -> Duration {
    if said.is_zero() { USUAL } else { said.min(LONGEST) }
}

/// The number that signs of life bear.
fn service(url: &Url) -> u64 {
    let mut parts = url.query_pairs();
    let number = parts.find(|(key, _)| key == "service_id").and_then(|(_, id)| id.parse().ok());
    number.unwrap_or_default()
}
