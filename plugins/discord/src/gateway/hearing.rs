//! One connection: frames come in, heartbeats go out, and events go to the inbox in order.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use openclaw_plugin_sdk::{
    ChannelError, ChatKind, Conversation, EventId, InboundEvent, Inbox,
    kit::{
        inbox::{AckQueue, Arrival, Pending},
        socket::{Heard, Socket, heartbeat},
    },
};
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use super::{Discord, Frame, Session};
use crate::{
    api::{Api, of_account},
    commands, inbound,
    interaction::{self, Kind},
    places::Origin,
    text,
};

/// So long what was read already is still handed over after the connection has ended.
const REST: Duration = Duration::from_secs(5);

/// So long Discord may take to begin a session, or to say more of what is missing of an old one.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// An interaction that is neither in a server nor with the bot alone.
const ELSEWHERE: u64 = 2;

/// How a connection ended.
pub(super) enum Ending {
    /// Discord asks to connect again.
    Asked,
    /// With a code, if one was said.
    Closed(Option<u16>),
    /// For this reason.
    Lost(&'static str),
}

/// An event, as far as it concerns us.
#[derive(Clone)]
enum Event {
    /// Told when its first answer is over.
    Interaction(Arc<Value>, Arc<Notify>),
    Message(Arc<Value>),
    Other,
}

/// What to do when an event is durable: its number, and the interaction that it was.
type Ack = (u64, Option<Arc<Value>>);

/// A connection, with what goes on beside reading.
struct Connection<'a> {
    discord: &'a Discord,
    api: &'a Api,
    inbox: &'a Inbox,
    socket: Socket,
    events: Pending<'a, Event, Ack>,
    chores: FuturesUnordered<BoxFuture<'a, ()>>,
    /// Until when the session has to begin.
    begins: Option<Instant>,
    greeted: bool,
    beat_answered: bool,
}

impl Discord {
    pub(super) async fn hear(
        &self,
        socket: Socket,
        beat: Duration,
        api: &Api,
        inbox: &Inbox,
    ) -> Result<Ending, ChannelError> {
        let (queue, row) = (AckQueue::default(), inbox.row());
        let mut connection = Connection {
            discord: self,
            api,
            inbox,
            socket,
            events: queue.connect(&row, |event| self.translate(api, event)),
            chores: FuturesUnordered::new(),
            begins: Some(Instant::now() + BEGINS_WITHIN),
            greeted: false,
            beat_answered: true,
        };
        let ending = connection.read(beat).await?;
        // A session that is over sends nothing again.
        timeout(REST, connection.finish()).await.unwrap_or(Ok(()))?;
        Ok(ending)
    }

    /// The event for the gateway, if it is one for it.
    async fn translate(
        &self,
        api: &Api,
        event: Event,
    ) -> Result<Option<InboundEvent>, ChannelError> {
        match event {
            Event::Interaction(interaction, answered) => {
                // Discord refuses what follows a first answer that it does not have.
                answered.notified().await;
                let actor = inbound::actor(&interaction);
                let Some(origin) = actor.and_then(|actor| inbound::place(&interaction, actor))
                else {
                    return Ok(None);
                };
                let Some(mut place) = self.heard(api, &origin).await? else { return Ok(None) };
                if interaction["context"] == ELSEWHERE && place.kind == ChatKind::Direct {
                    place.kind = ChatKind::Unknown;
                }
                Ok(inbound::interaction(&interaction, place))
            }
            Event::Message(message) => {
                let Some(Session { me, .. }) = self.session() else { return Ok(None) };
                let Some(author) = inbound::author(&message, &me) else { return Ok(None) };
                let place = self.heard(api, &inbound::origin(&message, author)).await?;
                Ok(place.and_then(|place| inbound::message(&message, place, &me)))
            }
            Event::Other => Ok(None),
        }
    }

    /// Where something came from, if that place counts.
    async fn heard(
        &self,
        api: &Api,
        origin: &Origin<'_>,
    ) -> Result<Option<Conversation>, ChannelError> {
        if let Some(guilds) = &self.config.guilds
            && !self.places.counts(api, guilds, origin).await?
        {
            return Ok(None);
        }
        self.places.conversation(api, origin).await.map(Some)
    }

    /// Whatever comes of a command, Discord no longer shows that it waits for us.
    async fn clear(&self, api: &Api, interaction: Arc<Value>) {
        let id = EventId::new(inbound::text(&interaction, "id"));
        if Kind::of(&interaction) != Kind::Press
            && let Some(open) = self.interactions.open(&id)
        {
            interaction::clear(api, &open).await;
        }
    }

    /// A convenience: without it, commands are typed from memory.
    async fn list_commands(&self, api: &Api, application: String) {
        let told = commands::register(api, &application, &self.commands).await;
        match told.map_err(of_account) {
            Ok(told) => tracing::debug!(told, "the slash commands are listed"),
            Err(error) => tracing::warn!(%error, "the slash commands are not listed"),
        }
    }
}

impl Connection<'_> {
    async fn read(&mut self, beat: Duration) -> Result<Ending, ChannelError> {
        let mut beats = heartbeat(beat);
        loop {
            // While the gateway is behind nothing is read, an answered heartbeat neither.
            let reads = self.events.has_room();
            let heard = tokio::select! {
                settled = self.events.settled() => {
                    self.settle(settled?);
                    continue;
                }
                Some(()) = self.chores.next() => continue,
                () = over(self.begins), if reads => {
                    self.discord.forget();
                    return Ok(Ending::Lost("does not begin the session"));
                }
                _ = beats.tick() => {
                    let answered = std::mem::take(&mut self.beat_answered);
                    if !answered && reads {
                        return Ok(Ending::Lost("does not answer heartbeats"));
                    }
                    if let Err(why) = self.beat().await {
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
                tracing::warn!("a frame cannot be read");
                continue;
            };
            if let Some(ending) = self.take(&frame).await {
                return Ok(ending);
            }
        }
    }

    /// How the connection ends, where the frame ends it.
    async fn take(&mut self, frame: &Frame<'_>) -> Option<Ending> {
        match frame.op {
            0 => return self.dispatched(frame).err().map(Ending::Lost),
            1 => return self.beat().await.err().map(Ending::Lost),
            7 => return Some(Ending::Asked),
            9 => {
                if frame.d.is_none_or(|d| d.get() != "true") {
                    self.discord.forget();
                }
                return Some(Ending::Lost("wants the session to begin anew"));
            }
            11 => self.beat_answered = true,
            op => tracing::debug!(op, "a frame of a kind that is not known"),
        }
        None
    }

    /// Reads an event as far as it concerns us, and begins to answer it where it wants that.
    fn dispatched(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        let (discord, api) = (self.discord, self.api);
        let kind = frame.t.as_deref().unwrap_or_default();
        // Until when the rest of an old session may come.
        let more = (!matches!(kind, "READY" | "RESUMED")).then(|| Instant::now() + BEGINS_WITHIN);
        self.begins = self.begins.and(more);
        let event = match kind {
            "READY" => {
                let ready = frame.data().unwrap_or_default();
                discord.begin(&ready).ok_or("begins a session with something unreadable")?;
                if let Some(application) = ready["application"]["id"].as_str() {
                    let listing = discord.list_commands(api, application.to_owned());
                    self.chores.push(Box::pin(listing));
                }
                Event::Other
            }
            "INTERACTION_CREATE" => frame.data().map_or(Event::Other, |interaction| {
                let (interaction, answered) = (Arc::new(interaction), Arc::new(Notify::new()));
                let event = Event::Interaction(Arc::clone(&interaction), Arc::clone(&answered));
                self.chores.push(Box::pin(async move {
                    discord.interactions.defer(api, &interaction).await;
                    answered.notify_one();
                }));
                event
            }),
            "MESSAGE_CREATE" => {
                frame.data().map_or(Event::Other, |message| Event::Message(Arc::new(message)))
            }
            _ => Event::Other,
        };
        if !std::mem::replace(&mut self.greeted, true) {
            // A session has nothing of the time before it, and none is gone on with that another start began.
            self.inbox.caught_up();
            if discord.limited.load(Ordering::Acquire) {
                self.inbox.limited(text::LIMITED);
            } else {
                self.inbox.connected();
            }
        }
        if let Some(number) = frame.s {
            let interaction = match &event {
                Event::Interaction(interaction, _) => Some(Arc::clone(interaction)),
                Event::Message(_) | Event::Other => None,
            };
            let arrival = Arrival { item: event, keys: Vec::new(), repeats: true };
            // There was room for it.
            let _waits = self.events.receive(arrival, (number, interaction));
        }
        Ok(())
    }

    fn settle(&mut self, acks: Vec<Ack>) {
        let (discord, api) = (self.discord, self.api);
        for (number, interaction) in acks {
            discord.settle(number);
            if let Some(interaction) = interaction {
                self.chores.push(Box::pin(discord.clear(api, interaction)));
            }
        }
    }

    /// Hands over what is left.
    async fn finish(&mut self) -> Result<(), ChannelError> {
        while !(self.events.is_empty() && self.chores.is_empty()) {
            tokio::select! {
                settled = self.events.settled() => self.settle(settled?),
                Some(()) = self.chores.next() => {}
            }
        }
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), &'static str> {
        let settled = self.discord.session().map(|session| session.settled);
        let frame = json!({ "op": 1, "d": settled.filter(|number| *number > 0) });
        self.socket.send(frame.to_string()).await
    }
}

/// Waits until the time that a session has to begin in is over; for ever, where it has begun.
async fn over(begins: Option<Instant>) {
    match begins {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}
