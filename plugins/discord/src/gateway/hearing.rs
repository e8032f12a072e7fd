//! One connection: frames come in, heartbeats go out, and events go to the inbox in order.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, TryFutureExt, future::BoxFuture, stream::FuturesUnordered};
use openclaw_plugin_sdk::{
    ChannelError, InboundEvent, Inbox,
    kit::{
        inbox::{AckQueue, Arrival, Pending, Weigh},
        socket::{Heard, Socket, heartbeat},
    },
};
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use super::{Discord, Session};
use crate::{inbound, text};

/// So long what was read already is still handed over after the connection has ended.
const REST: Duration = Duration::from_secs(5);

/// So long Discord may take to begin a session, or to say more of what is missing of an old one.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// How a connection ended.
pub(super) enum Ending {
    /// With a code, if one was said.
    Closed(Option<u16>),
    /// For this reason.
    Lost(&'static str),
    /// Discord asks for another one.
    Reconnect,
}

/// An event, as far as it concerns us.
#[derive(Clone)]
enum Event {
    /// Told when its first answer is over.
    Interaction(Arc<Value>, Arc<Notify>),
    Message(Arc<Value>),
    Other,
}

impl Weigh for Event {
    fn bytes(&self) -> usize {
        match self {
            Self::Interaction(said, _) | Self::Message(said) => said.bytes(),
            Self::Other => 0,
        }
    }
}

/// What is acknowledged when it is durable, by its number.
type Ack = (u64, Event);

/// A connection, with what goes on beside reading.
struct Connection<'a> {
    discord: &'a Discord,
    inbox: &'a Inbox,
    socket: Socket,
    events: Pending<'a, Event, Ack>,
    chores: FuturesUnordered<BoxFuture<'a, ()>>,
    /// Until when the session has to begin.
    begins: Option<Instant>,
    greeted: bool,
    heartbeat_answered: bool,
}

impl Discord {
    pub(super) async fn hear(
        &self,
        socket: Socket,
        every: Duration,
        inbox: &Inbox,
    ) -> Result<Ending, ChannelError> {
        let (queue, row) = (AckQueue::default(), inbox.row());
        let mut connection = Connection {
            discord: self,
            inbox,
            socket,
            events: queue.connect(&row, |event| self.translate(event)),
            chores: FuturesUnordered::new(),
            begins: Some(Instant::now() + BEGINS_WITHIN),
            greeted: false,
            heartbeat_answered: true,
        };
        let ending = connection.read(every).await?;
        // A session that is over sends nothing again.
        timeout(REST, connection.finish()).await.unwrap_or(Ok(()))?;
        Ok(ending)
    }

    /// The event for the gateway, if it is one for it.
    async fn translate(&self, event: Event) -> Result<Option<InboundEvent>, ChannelError> {
        match event {
            Event::Interaction(interaction, answered) => {
                // Discord refuses what follows a first answer that it does not have.
                answered.notified().await;
                let Some(origin) = inbound::action_origin(&interaction) else { return Ok(None) };
                let conversation = self.conversation(&origin).await?;
                Ok(conversation.and_then(|place| inbound::interaction(&interaction, place)))
            }
            Event::Message(message) => {
                let Some(Session { me, .. }) = self.session() else { return Ok(None) };
                let Some(origin) = inbound::origin(&message, &me) else { return Ok(None) };
                let conversation = self.conversation(&origin).await?;
                Ok(conversation.and_then(|place| inbound::message(&message, place, &me)))
            }
            Event::Other => Ok(None),
        }
    }
}

impl Connection<'_> {
    async fn read(&mut self, every: Duration) -> Result<Ending, ChannelError> {
        let mut heartbeats = heartbeat(every);
        loop {
            // While the gateway is behind nothing is read, an answered heartbeat neither.
            let reads = self.events.has_room();
            let begins = self.begins.unwrap_or_else(Instant::now);
            let heard = tokio::select! {
                durable = self.events.settled() => {
                    self.acknowledge(durable?);
                    continue;
                }
                Some(()) = self.chores.next() => continue,
                () = sleep_until(begins), if reads && self.begins.is_some() => {
                    self.discord.forget();
                    return Ok(Ending::Lost("does not begin the session"));
                }
                _ = heartbeats.tick() => {
                    let answered = std::mem::take(&mut self.heartbeat_answered);
                    if !answered && reads {
                        return Ok(Ending::Lost("does not answer heartbeats"));
                    }
                    if let Err(why) = self.send_heartbeat().await {
                        return Ok(Ending::Lost(why));
                    }
                    continue;
                }
                heard = self.socket.next(), if reads => heard,
            };
            let text = match heard {
                Heard::Broken => return Ok(Ending::Lost("the connection broke")),
                Heard::Closed(code) => return Ok(Ending::Closed(code)),
                Heard::Text(text) => text,
            };
            let Ok(frame) = serde_json::from_str(&text) else {
                // Why is not said: the reason would quote the message.
                tracing::warn!("a frame cannot be read");
                continue;
            };
            if let Some(ending) = self.take(frame).await {
                return Ok(ending);
            }
        }
    }

    /// How the connection ends, where the frame ends it.
    async fn take(&mut self, frame: Value) -> Option<Ending> {
        match frame["op"].as_u64() {
            Some(0) => return self.dispatched(frame).err().map(Ending::Lost),
            Some(1) => return self.send_heartbeat().await.err().map(Ending::Lost),
            Some(7) => return Some(Ending::Reconnect),
            Some(9) => {
                if frame["d"] != true {
                    self.discord.forget();
                }
                return Some(Ending::Lost("wants the session to begin anew"));
            }
            Some(11) => self.heartbeat_answered = true,
            op => tracing::debug!(op, "a frame of a kind that is not known"),
        }
        None
    }

    /// Reads an event as far as it concerns us, and begins to answer it where it wants that.
    fn dispatched(&mut self, mut frame: Value) -> Result<(), &'static str> {
        let (discord, data) = (self.discord, Arc::new(frame["d"].take()));
        let kind = frame["t"].as_str().unwrap_or_default();
        // Until when the rest of an old session may come.
        let more = (!matches!(kind, "READY" | "RESUMED")).then(|| Instant::now() + BEGINS_WITHIN);
        self.begins = self.begins.and(more);
        let event = match kind {
            "READY" => {
                discord.begin(&data).ok_or("begins a session with something unreadable")?;
                if let Some(application) = data["application"]["id"].as_str() {
                    let listed = discord.list_commands(application.to_owned());
                    // A convenience: without it, commands are typed from memory.
                    self.chores.push(Box::pin(listed.unwrap_or_else(|error| {
                        tracing::warn!(%error, "the slash commands are not listed");
                    })));
                }
                Event::Other
            }
            "INTERACTION_CREATE" => {
                let answered = Arc::new(Notify::new());
                let deferral = discord.defer(Arc::clone(&data), Arc::clone(&answered));
                self.chores.push(Box::pin(deferral));
                Event::Interaction(data, answered)
            }
            "MESSAGE_CREATE" => Event::Message(data),
            _ => Event::Other,
        };
        if !std::mem::replace(&mut self.greeted, true) {
            // A session has nothing of the time before it, and none is gone on with that another start began.
            self.inbox.caught_up();
            let limited = discord.limited.load(Ordering::Acquire);
            self.inbox.connected_but(limited.then(|| text::LIMITED.to_owned()));
        }
        if let Some(number) = frame["s"].as_u64() {
            let arrival = Arrival { item: event.clone(), keys: Vec::new(), repeats: true };
            // There was room for it.
            let _waits = self.events.receive(arrival, (number, event));
        }
        Ok(())
    }

    fn acknowledge(&mut self, durable: Vec<Ack>) {
        let discord = self.discord;
        for (number, event) in durable {
            if let Some(session) = discord.session.lock().as_mut() {
                session.acknowledged = session.acknowledged.max(number);
            }
            if let Event::Interaction(interaction, _) = event {
                self.chores.push(Box::pin(discord.clear(interaction)));
            }
        }
    }

    /// Hands over what is left.
    async fn finish(&mut self) -> Result<(), ChannelError> {
        while !(self.events.is_empty() && self.chores.is_empty()) {
            tokio::select! {
                durable = self.events.settled() => self.acknowledge(durable?),
                Some(()) = self.chores.next() => {}
            }
        }
        Ok(())
    }

    async fn send_heartbeat(&mut self) -> Result<(), &'static str> {
        let last = self.discord.session().map(|session| session.acknowledged);
        let frame = json!({ "op": 1, "d": last.filter(|number| *number > 0) });
        self.socket.send(frame.to_string()).await
    }
}
