//! Socket Mode: a socket is opened with a ticket of Slack's, to an address of Slack's; one that Slack wants replaced is
//! replaced before it dies.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{BoxFuture, pending, select_all},
};
use openclaw_plugin_sdk::{
    ChannelError, Secret,
    kit::{
        api::parsed,
        inbox::{Pending, Received, next},
        socket::{Heard, Socket, heartbeat},
    },
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    PLUGIN,
    api::of_account,
    arrival::{Item, Session},
    text,
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
    session: &'a Session<'a>,
    app_token: &'a Secret,
    links: Vec<Link>,
    opening: Option<BoxFuture<'a, Result<Link, ChannelError>>>,
    opened: u64,
    pending: Pending<'a, Item, Envelope>,
}

impl Session<'_> {
    /// Keeps a socket open until something goes wrong.
    pub(crate) async fn connect(&self, app_token: &Secret) -> Result<(), ChannelError> {
        let row = self.inbox.row();
        let links = vec![self.link(app_token, 0).await?];
        self.inbox.caught_up();
        self.inbox.connected_but(self.lacking.clone());
        let mut connection = Connection {
            session: self,
            app_token,
            links,
            opening: None,
            opened: 0,
            pending: self.slack.acks.connect(&row, |item| self.translate(item)),
        };
        let mut pings = heartbeat(PING_EVERY);
        loop {
            tokio::select! {
                settled = connection.pending.settled() => connection.acknowledge(settled?).await,
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

    /// Asks for an address, connects, and waits for the greeting.
    async fn link(&self, app_token: &Secret, number: u64) -> Result<Link, ChannelError> {
        let api = self.slack.api()?;
        let opened = api.with(app_token).call("apps.connections.open", &json!({})).await;
        let url = opened.and_then(|opened| parsed::<String>(opened.body["url"].clone()));
        let url = url.map_err(|failure| of_account(failure, "app_token"))?;
        let url = api.trusted(&url).filter(|url| matches!(url.scheme(), "ws" | "wss"));
        let url =
            url.ok_or_else(|| PLUGIN.lost("names an address for its socket that is not its own"))?;
        let mut socket = Socket::open(&url, LONGEST_FRAME).await.map_err(|why| PLUGIN.lost(why))?;
        let greeting = socket.greeting(|text| {
            let frame: Value = serde_json::from_str(text).ok()?;
            match frame["type"].as_str()? {
                "hello" => Some(Ok(())),
                "disconnect" => Some(Err(ended(&frame["reason"]))),
                _ => None,
            }
        });
        greeting.await.map_err(|why| PLUGIN.lost(why))??;
        Ok(Link { socket, number, leaving: None })
    }
}

impl Connection<'_> {
    async fn hear(&mut self, index: usize, heard: Heard) -> Result<(), ChannelError> {
        let Heard::Text(text) = heard else {
            self.links.remove(index);
            return self.still_there("closed the socket");
        };
        let Ok(frame) = serde_json::from_str::<Value>(&text) else {
            tracing::warn!("a frame of Slack's cannot be read");
            return Ok(());
        };
        if frame["type"] == "disconnect" {
            return self.replace(index, &frame["reason"]);
        }
        self.take(&frame, self.links[index].number).await;
        Ok(())
    }

    /// Slack says that a socket ends: a new one is opened while this one still serves.
    fn replace(&mut self, index: usize, reason: &Value) -> Result<(), ChannelError> {
        if matches!(reason.as_str(), Some("link_disabled" | "too_many_websockets")) {
            return Err(ended(reason));
        }
        self.links[index].leaving.get_or_insert_with(Instant::now);
        if self.opening.is_none() && self.links.iter().all(|link| link.leaving.is_some()) {
            self.opened += 1;
            self.opening = Some(self.session.link(self.app_token, self.opened).boxed());
        }
        Ok(())
    }

    async fn take(&mut self, frame: &Value, socket: u64) {
        let Some(id) = frame["envelope_id"].as_str() else { return };
        let (envelope, kind) = ((socket, id.to_owned()), frame["type"].as_str());
        let arrival = self.session.arrival(kind.unwrap_or_default(), &frame["payload"]);
        match self.pending.receive(arrival, envelope) {
            Received::Acknowledge(envelope) => self.acknowledge(vec![envelope]).await,
            Received::Refuse(_) => tracing::warn!("too much waits: Slack will repeat an event"),
            Received::Waits => {}
        }
    }

    /// Tells Slack that it need not repeat these envelopes.
    async fn acknowledge(&mut self, envelopes: Vec<Envelope>) {
        for (socket, id) in envelopes {
            if let Some(link) = self.links.iter_mut().find(|link| link.number == socket) {
                // A socket that does not take it is found out by its reader.
                link.socket.send(json!({ "envelope_id": id }).to_string()).await.ok();
            }
        }
    }

    /// Asks for signs of life, and gives up the sockets that gave none for too long or were to be replaced long ago.
    async fn ping(&mut self) -> Result<(), ChannelError> {
        for link in &mut self.links {
            // A socket that does not take it is found out by its reader.
            link.socket.ping().await.ok();
        }
        let is_over = |since: Instant| since.elapsed() > CLOSE_AFTER;
        self.links
            .retain(|link| link.socket.silence() < SILENCE && !link.leaving.is_some_and(is_over));
        self.still_there("went silent")
    }

    fn still_there(&self, why: &str) -> Result<(), ChannelError> {
        let stays = self.links.iter().any(|link| link.leaving.is_none());
        if stays || self.opening.is_some() { Ok(()) } else { Err(PLUGIN.lost(why)) }
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

/// What Slack's reason for ending a socket means, where it does not want a new one at once.
fn ended(reason: &Value) -> ChannelError {
    match reason.as_str() {
        Some("link_disabled") => ChannelError::Unauthorized(text::SWITCHED_OFF.to_owned()),
        Some("too_many_websockets") => ChannelError::Contended(text::TOO_MANY_SOCKETS.to_owned()),
        _ => PLUGIN.lost("ended the socket"),
    }
}
