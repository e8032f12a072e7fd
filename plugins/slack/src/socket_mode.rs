//! Socket Mode: a socket is opened with a ticket of Slack's, to an address of Slack's; one that Slack wants replaced is
//! replaced before it dies.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{BoxFuture, pending, select_all},
};
use openclaw_plugin_sdk::{
    ChannelError, Inbox, Secret,
    kit::{
        inbox::{Pending, Received, next},
        socket::{Heard, Socket, heartbeat},
    },
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    api::{Api, lost, of_account, text},
    app::Slack,
    arrival::Item,
    inbound::Me,
    text as words,
};

/// How often we ask whether the other end is there.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Nothing for so long, and the other end is not there.
const SILENCE: Duration = Duration::from_secs(35);

/// A socket that Slack wants replaced is closed by us after so long.
const CLOSE_AFTER: Duration = Duration::from_mins(1);

const LONGEST_FRAME: usize = 4 << 20;

/// A socket on which Slack has said hello.
struct Link {
    socket: Socket,
    number: u64,
    /// Since when Slack wants it replaced.
    leaving: Option<Instant>,
}

/// An envelope: the socket that it came on, and its id.
type Envelope = (u64, String);

/// The sockets that are open, and what has come on them.
struct Connection<'a> {
    slack: &'a Slack,
    api: &'a Api,
    app_token: &'a Secret,
    me: &'a Me,
    inbox: &'a Inbox,
    links: Vec<Link>,
    opening: Option<BoxFuture<'a, Result<Link, ChannelError>>>,
    opened: u64,
    pending: Pending<'a, Item, Envelope>,
}

impl Slack {
    /// Keeps a socket open until something goes wrong.
    pub(crate) async fn connect(
        &self,
        app_token: &Secret,
        inbox: &Inbox,
    ) -> Result<(), ChannelError> {
        let (me, lacking) = self.auth_test(inbox).await?;
        let (api, row) = (self.api()?, inbox.row());
        let links = vec![Link::open(api, app_token, 0).await?];
        Self::connected(inbox, lacking);
        let mut connection = Connection {
            slack: self,
            api,
            app_token,
            me: &me,
            inbox,
            links,
            opening: None,
            opened: 0,
            pending: self.acks.connect(&row, |item| self.translate(item, &me, inbox)),
        };
        let mut pings = heartbeat(PING_EVERY);
        loop {
            tokio::select! {
                settled = connection.pending.settled() => {
                    for envelope in settled? {
                        connection.acknowledge(envelope).await;
                    }
                }
                (index, heard) = heard(&mut connection.links) => {
                    connection.hear(index, heard).await?;
                }
                link = next(&mut connection.opening) => {
                    connection.opening = None;
                    connection.links.push(link?);
                }
                _ = pings.tick() => connection.ping().await?,
            }
        }
    }
}

impl Link {
    /// Asks for an address, connects, and waits for the greeting.
    async fn open(api: &Api, app_token: &Secret, number: u64) -> Result<Self, ChannelError> {
        let opened = api.call_with(app_token, "apps.connections.open", &json!({})).await;
        let url = opened.and_then(|opened| text(&opened.body, "url"));
        let url = url.map_err(|failure| of_account(failure, "app_token"))?;
        let url = api.trusted(&url).filter(|url| matches!(url.scheme(), "ws" | "wss"));
        let url = url.ok_or_else(|| lost("names an address for its socket that is not its own"))?;
        let mut socket = Socket::open(&url, LONGEST_FRAME).await.map_err(lost)?;
        let greeting = socket.greeting(|text| {
            let frame = frame(text)?;
            match frame["type"].as_str()? {
                "hello" => Some(Ok(())),
                "disconnect" => Some(Err(ended(&frame["reason"]))),
                _ => None,
            }
        });
        greeting.await.map_err(lost)??;
        Ok(Self { socket, number, leaving: None })
    }

    /// Asks for a sign of life; false when there was none for too long, or it was to be replaced long ago.
    async fn ping(&mut self) -> bool {
        // A socket that does not take it is found out by its reader.
        self.socket.ping().await.ok();
        let over = self.leaving.is_some_and(|since| since.elapsed() > CLOSE_AFTER);
        !over && self.socket.silence() < SILENCE
    }
}

impl Connection<'_> {
    async fn hear(&mut self, index: usize, heard: Heard) -> Result<(), ChannelError> {
        let Heard::Text(text) = heard else {
            self.links.remove(index);
            return self.still_there("closed the socket");
        };
        match frame(&text) {
            Some(frame) if frame["type"] == "disconnect" => self.replace(index, &frame["reason"]),
            Some(frame) => {
                self.take(&frame, self.links[index].number).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Slack says that a socket ends: a new one is opened while this one still serves.
    fn replace(&mut self, index: usize, reason: &Value) -> Result<(), ChannelError> {
        if matches!(reason.as_str(), Some("link_disabled" | "too_many_websockets")) {
            return Err(ended(reason));
        }
        self.links[index].leaving.get_or_insert_with(Instant::now);
        if self.opening.is_none() && self.links.iter().all(|link| link.leaving.is_some()) {
            self.opened += 1;
            self.opening = Some(Link::open(self.api, self.app_token, self.opened).boxed());
        }
        Ok(())
    }

    async fn take(&mut self, frame: &Value, socket: u64) {
        let Some(id) = frame["envelope_id"].as_str() else { return };
        let (envelope, kind) = ((socket, id.to_owned()), frame["type"].as_str());
        let (kind, now) = (kind.unwrap_or_default(), self.inbox.now());
        let Some(arrival) = self.slack.arrival(kind, &frame["payload"], self.me, now) else {
            tracing::debug!("an envelope of Slack's that is no message");
            return self.acknowledge(envelope).await;
        };
        match self.pending.receive(arrival, envelope) {
            Received::Acknowledge(envelope) => self.acknowledge(envelope).await,
            Received::Refuse(_) => tracing::warn!("too much waits: Slack will repeat an event"),
            Received::Waits => {}
        }
    }

    /// Tells Slack that it need not repeat an envelope.
    async fn acknowledge(&mut self, (socket, id): Envelope) {
        if let Some(link) = self.links.iter_mut().find(|link| link.number == socket) {
            // A socket that does not take it is found out by its reader.
            link.socket.send(json!({ "envelope_id": id }).to_string()).await.ok();
        }
    }

    async fn ping(&mut self) -> Result<(), ChannelError> {
        let mut alive = Vec::new();
        for mut link in std::mem::take(&mut self.links) {
            if link.ping().await {
                alive.push(link);
            }
        }
        self.links = alive;
        self.still_there("went silent")
    }

    fn still_there(&self, why: &str) -> Result<(), ChannelError> {
        let stays = self.links.iter().any(|link| link.leaving.is_none());
        if stays || self.opening.is_some() { Ok(()) } else { Err(lost(why)) }
    }
}

async fn heard(links: &mut [Link]) -> (usize, Heard) {
    if links.is_empty() {
        return pending().await;
    }
    let each = links.iter_mut().map(|link| link.socket.next().boxed());
    let (heard, index, _) = select_all(each).await;
    (index, heard)
}

fn frame(text: &str) -> Option<Value> {
    let frame = serde_json::from_str(text).ok();
    if frame.is_none() {
        tracing::warn!("a frame of Slack's cannot be read");
    }
    frame
}

/// What Slack's reason for ending a socket means, where it does not want a new one at once.
fn ended(reason: &Value) -> ChannelError {
    match reason.as_str() {
        Some("link_disabled") => ChannelError::Unauthorized(words::SWITCHED_OFF.to_owned()),
        Some("too_many_websockets") => ChannelError::Contended(words::TOO_MANY_SOCKETS.to_owned()),
        _ => lost("ended the socket"),
    }
}
