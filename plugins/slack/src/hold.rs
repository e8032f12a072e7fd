//! Socket Mode: envelopes are taken in order, and a socket that Slack wants replaced is, before it dies.
//! What is guaranteed about acknowledgements stands in `desk.rs`.

use futures_util::{
    FutureExt,
    future::{BoxFuture, pending, select_all},
};
use openclaw_plugin_sdk::{ChannelError, ChatId, ChatKind, Handed, Inbox, Secret};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    api::Api,
    app::{Slack, now, user},
    desk::{Arrival, Line, Taken},
    inbound,
    socket::{BEAT, Heard, Socket, farewell, gone},
    wire::{Callback, Frame, Me},
};

/// An envelope, and the socket that it came on.
struct Envelope {
    socket: u64,
    id: String,
}

/// The sockets that are open, and what has come on them.
struct Hold<'a> {
    slack: &'a Slack,
    api: &'a Api,
    app_token: &'a Secret,
    me: &'a Me,
    sockets: Vec<Socket>,
    opening: Option<BoxFuture<'a, Result<Socket, ChannelError>>>,
    opened: u64,
    line: Line<Envelope>,
}

impl Slack {
    /// Holds a socket until something goes wrong.
    pub(crate) async fn hold(&self, app_token: &Secret, inbox: &Inbox) -> Result<(), ChannelError> {
        let (me, lacking) = self.greet(inbox).await?;
        let api = self.api()?;
        let first = Socket::open(api, app_token, 0).await?;
        Self::connected(inbox, lacking);
        let line = Line::new(&self.desk);
        let sockets = vec![first];
        let (slack, me) = (self, &me);
        let mut hold = Hold { slack, api, app_token, me, sockets, opening: None, opened: 0, line };
        let row = inbox.row();
        let mut work: Option<BoxFuture<'_, Result<Option<Handed>, ChannelError>>> = None;
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if work.is_none() {
                let next = hold.line.begin();
                work = next.map(|arrival| self.hand(arrival, me, (inbox, &row)).boxed());
            }
            tokio::select! {
                handed = next(&mut work) => {
                    work = None;
                    hold.line.handed(handed?);
                }
                durable = hold.line.durable() => {
                    durable?;
                    for envelope in hold.line.settled(&self.desk) {
                        hold.acknowledge(&envelope).await;
                    }
                }
                (index, heard) = heard(&mut hold.sockets) => hold.hear(index, heard).await?,
                socket = next(&mut hold.opening) => {
                    hold.opening = None;
                    hold.sockets.push(socket?);
                }
                _ = beats.tick() => hold.beat().await?,
            }
        }
    }
}

impl Hold<'_> {
    async fn hear(&mut self, index: usize, heard: Heard) -> Result<(), ChannelError> {
        match heard {
            Heard::Frame(frame) if frame.kind == "disconnect" => self.leave(index, &frame),
            Heard::Frame(frame) => {
                let socket = self.sockets[index].number;
                self.take(frame, socket).await;
                Ok(())
            }
            Heard::Gone => {
                self.sockets.remove(index);
                self.still_there("closed the socket")
            }
            Heard::Nothing => Ok(()),
        }
    }

    /// Slack says that a socket ends: a new one is opened while this one still serves.
    fn leave(&mut self, index: usize, frame: &Frame) -> Result<(), ChannelError> {
        let reason = frame.reason.as_deref();
        if matches!(reason, Some("link_disabled" | "too_many_websockets")) {
            return Err(farewell(reason));
        }
        let socket = &mut self.sockets[index];
        if socket.leaving.is_none() {
            socket.leaving = Some(Instant::now());
        }
        if self.opening.is_none() && self.sockets.iter().all(|socket| socket.leaving.is_some()) {
            self.opened += 1;
            self.opening = Some(Socket::open(self.api, self.app_token, self.opened).boxed());
        }
        Ok(())
    }

    async fn take(&mut self, frame: Frame, socket: u64) {
        let Some(id) = frame.envelope_id else { return };
        let envelope = Envelope { socket, id };
        let (arrival, event_id) = match frame.kind.as_str() {
            "events_api" => event(&frame.payload, self.me, self.slack),
            "interactive" => (interaction(&frame.payload, self.me, self.slack), None),
            "slash_commands" => (slash(&frame.payload), None),
            _ => (None, None),
        };
        let Some(arrival) = arrival else {
            tracing::debug!("an envelope of Slack's that is no message");
            return self.acknowledge(&envelope).await;
        };
        match self.line.take(&self.slack.desk, arrival, event_id.as_deref(), envelope) {
            Taken::Acknowledge(envelope) => self.acknowledge(&envelope).await,
            Taken::Full(_) => tracing::warn!("too much waits: Slack will repeat an event"),
            Taken::Waits => {}
        }
    }

    async fn acknowledge(&mut self, envelope: &Envelope) {
        let socket = self.sockets.iter_mut().find(|socket| socket.number == envelope.socket);
        if let Some(socket) = socket {
            socket.acknowledge(&envelope.id).await;
        }
    }

    async fn beat(&mut self) -> Result<(), ChannelError> {
        let mut alive = Vec::new();
        for mut socket in std::mem::take(&mut self.sockets) {
            if socket.beat().await {
                alive.push(socket);
            }
        }
        self.sockets = alive;
        self.still_there("went silent")
    }

    fn still_there(&self, why: &str) -> Result<(), ChannelError> {
        let stays = self.sockets.iter().any(|socket| socket.leaving.is_none());
        if stays || self.opening.is_some() { Ok(()) } else { Err(gone(why)) }
    }
}

/// What an event of the Events API is, and its id.
pub(crate) fn event(payload: &Value, me: &Me, slack: &Slack) -> (Option<Arrival>, Option<String>) {
    let Some(callback) = inbound::read::<Callback>(payload) else { return (None, None) };
    let kind = callback.event.get("type").and_then(Value::as_str);
    let arrival = if matches!(kind, Some("app_uninstalled" | "tokens_revoked")) {
        Some(Arrival::Check)
    } else {
        let message = inbound::message(&callback, me, &slack.commands);
        let direct =
            message.as_ref().filter(|message| message.conversation.kind == ChatKind::Direct);
        if let (Some(direct), Some(channel)) = (direct, callback.event["channel"].as_str()) {
            slack.remember(direct.sender.id.as_str(), channel);
        }
        message.map(|message| Arrival::Message(Box::new(message)))
    };
    (arrival, callback.event_id)
}

/// What an interaction is, if it is a press.
pub(crate) fn interaction(payload: &Value, me: &Me, slack: &Slack) -> Option<Arrival> {
    let (mut press, reply) = inbound::press(payload, me, now())?;
    // A direct chat is that of the person who is in it, whoever is said to have pressed there.
    if press.conversation.kind == ChatKind::Direct
        && let Some(person) = slack.person_in(&reply.channel)
    {
        // In an organisation of several workspaces a press may name another one than the person's messages do.
        if user(&person) == reply.user {
            press.sender.id = crate::parse_sender(&person).ok()?;
        }
        press.conversation.id = ChatId::new(person);
        press.on.chat = press.conversation.id.clone();
    }
    Some(Arrival::Press(Box::new((press, reply))))
}

/// What a payload of a slash command is.
pub(crate) fn slash(payload: &Value) -> Option<Arrival> {
    inbound::read(payload).map(|slash| Arrival::Slash(Box::new(slash)))
}

/// What the one thing under way comes to; never, where there is none.
pub(crate) async fn next<T>(work: &mut Option<BoxFuture<'_, T>>) -> T {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

async fn heard(sockets: &mut [Socket]) -> (usize, Heard) {
    if sockets.is_empty() {
        return pending().await;
    }
    let each = sockets.iter_mut().map(|socket| socket.next().boxed());
    let (heard, index, _) = select_all(each).await;
    (index, heard)
}
