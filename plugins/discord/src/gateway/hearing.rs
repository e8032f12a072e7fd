//! One connection: frames come in, heartbeats go out, and events go to the inbox in order.

use std::{
    collections::VecDeque, future::pending, pin::pin, sync::Arc, sync::atomic::Ordering,
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use openclaw_plugin_sdk::{
    ChannelError, ChatKind, Conversation, EventId, Handed, InboundEvent, Inbox,
    kit::socket::{Heard, Socket, heartbeat},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{Discord, LIMITED};
use crate::{
    api::{Api, lost, of_account},
    commands, inbound,
    interaction::Kind,
    places::Origin,
    wire::{Frame, Ready},
};

/// So many events are read ahead; beyond that the socket waits.
const AHEAD: usize = 512;

/// So many are handed over and not durable yet.
const UNDERWAY: usize = 64;

/// So long what was read already is still handed over after the connection has ended.
const REST: Duration = Duration::from_secs(5);

/// So long Discord may take to begin a session, or to say more of what is missing of an old one.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// An interaction that is neither in a server nor with the bot alone.
const ELSEWHERE: u64 = 2;

/// How a connection ended.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// Discord asks to connect again.
    Asked,
    /// Without a word.
    Broken,
    /// With a code.
    Closed(Option<u16>),
    /// The session is not valid; true where it can be gone on with all the same.
    Invalid(bool),
    /// No heartbeat was answered.
    Silent,
    /// The session was not begun, or not gone on with, in time.
    Unbegun,
}

/// An event of Discord's, by its number.
struct Numbered {
    number: u64,
    event: Event,
}

enum Event {
    /// Its first answer is on its way; told here when that is over.
    Interaction(Arc<Value>, oneshot::Receiver<()>),
    Message(Value),
    /// Nothing that concerns us.
    Other,
}

/// What was handed over and is not durable yet.
struct Underway {
    number: u64,
    /// `None` for what did not concern us.
    handed: Option<Handed>,
    interaction: Option<Arc<Value>>,
}

/// What goes on beside reading.
type Chores<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

/// Ends when the first of them is durable; never where there is none.
async fn front(underway: &mut VecDeque<Underway>) -> Result<(), ChannelError> {
    match underway.front_mut() {
        Some(Underway { handed: Some(handed), .. }) => handed.durable().await,
        Some(_) => Ok(()),
        None => pending().await,
    }
}

impl Discord {
    pub(super) async fn hear(
        &self,
        socket: Socket,
        beat: Duration,
        api: &Api,
        inbox: &Inbox,
    ) -> Result<Ending, ChannelError> {
        let (queue, events) = mpsc::channel(AHEAD);
        let mut handing = pin!(self.hand_over(events, api, inbox));
        let mut reading = pin!(self.read(socket, beat, api, inbox, queue));
        let ending = tokio::select! {
            ending = &mut reading => ending,
            failed = &mut handing => return failed.and(Ok(Ending::Broken)),
        };
        // A session that is over sends nothing again.
        match timeout(REST, handing).await {
            Ok(Err(error)) => Err(error),
            _ => ending,
        }
    }

    async fn read(
        &self,
        mut socket: Socket,
        beat: Duration,
        api: &Api,
        inbox: &Inbox,
        queue: mpsc::Sender<Numbered>,
    ) -> Result<Ending, ChannelError> {
        let mut beats = heartbeat(beat);
        let mut chores = Chores::new();
        let (mut answered, mut greeted) = (true, false);
        let mut begins = Some(Instant::now() + BEGINS_WITHIN);
        loop {
            // While the gateway is behind nothing is read, an answered heartbeat neither.
            let next = async {
                let room = queue.reserve().await;
                (room, socket.next().await)
            };
            let (room, heard) = tokio::select! {
                next = next => next,
                Some(()) = chores.next() => continue,
                () = over(begins), if queue.capacity() > 0 => return Ok(Ending::Unbegun),
                _ = beats.tick() => {
                    if !answered && queue.capacity() > 0 {
                        return Ok(Ending::Silent);
                    }
                    answered = false;
                    self.beat(&mut socket).await?;
                    continue;
                }
            };
            let text = match heard {
                Heard::Broken => return Ok(Ending::Broken),
                Heard::Closed(code) => return Ok(Ending::Closed(code)),
                Heard::Text(text) => text,
            };
            let Ok(frame) = serde_json::from_str::<Frame<'_>>(&text) else {
                tracing::warn!("a frame cannot be read");
                continue;
            };
            match frame.op {
                0 => {
                    begins = begins.and_then(|_| more_time(&frame));
                    let numbered = self.dispatched(&frame, api, &mut chores)?;
                    if !std::mem::replace(&mut greeted, true) {
                        self.greet(inbox);
                    }
                    if let (Some(numbered), Ok(room)) = (numbered, room) {
                        room.send(numbered);
                    }
                }
                1 => self.beat(&mut socket).await?,
                7 => return Ok(Ending::Asked),
                9 => return Ok(Ending::Invalid(frame.d.is_some_and(|d| d.get() == "true"))),
                11 => answered = true,
                op => tracing::debug!(op, "a frame of a kind that is not known"),
            }
        }
    }

    /// The platform answers.
    fn greet(&self, inbox: &Inbox) {
        // A session has nothing of the time before it, and none is gone on with that another start began.
        inbox.caught_up();
        if self.limited.load(Ordering::Acquire) {
            inbox.limited(LIMITED);
        } else {
            inbox.connected();
        }
    }

    async fn beat(&self, socket: &mut Socket) -> Result<(), ChannelError> {
        let settled = self.session().map(|session| session.settled);
        let frame = json!({ "op": 1, "d": settled.filter(|number| *number > 0) });
        socket.send(frame.to_string()).await.map_err(lost)
    }

    /// Reads an event as far as it concerns us, and begins to answer it where it wants that.
    fn dispatched<'a>(
        &'a self,
        frame: &Frame<'_>,
        api: &'a Api,
        chores: &mut Chores<'a>,
    ) -> Result<Option<Numbered>, ChannelError> {
        let kind = frame.t.as_deref().unwrap_or_default();
        let event = match kind {
            "READY" => {
                let unreadable = || lost("begins a session with something unreadable");
                let ready: Ready = parsed(frame).ok_or_else(unreadable)?;
                if let Some(application) = &ready.application {
                    chores.push(Box::pin(self.list_commands(api, application.id.clone())));
                }
                self.begin(ready);
                Event::Other
            }
            "INTERACTION_CREATE" => parsed(frame).map_or(Event::Other, |interaction| {
                let (told, deferred) = oneshot::channel();
                let interaction: Arc<Value> = Arc::new(interaction);
                let theirs = Arc::clone(&interaction);
                chores.push(Box::pin(async move {
                    self.interactions.defer(api, &theirs).await;
                    // Nothing waits for it where the connection is over.
                    let _told = told.send(());
                }));
                Event::Interaction(interaction, deferred)
            }),
            "MESSAGE_CREATE" => parsed(frame).map_or(Event::Other, Event::Message),
            _ => Event::Other,
        };
        Ok(frame.s.map(|number| Numbered { number, event }))
    }

    /// Hands events over in order, and settles them in order when they are durable.
    async fn hand_over(
        &self,
        mut events: mpsc::Receiver<Numbered>,
        api: &Api,
        inbox: &Inbox,
    ) -> Result<(), ChannelError> {
        let (row, mut underway) = (inbox.row(), VecDeque::new());
        let mut more = true;
        while more || !underway.is_empty() {
            let next = tokio::select! {
                durable = front(&mut underway) => {
                    durable?;
                    if let Some(Underway { number, interaction, .. }) = underway.pop_front() {
                        if let Some(interaction) = interaction {
                            self.clear(api, &interaction).await;
                        }
                        self.settle(number);
                    }
                    continue;
                }
                next = events.recv(), if more && underway.len() < UNDERWAY => next,
            };
            let Some(Numbered { number, event }) = next else {
                more = false;
                continue;
            };
            let (event, interaction) = match event {
                Event::Interaction(interaction, deferred) => {
                    // Discord refuses what follows a first answer that it does not have.
                    let _over = deferred.await;
                    (self.acted(api, &interaction).await?, Some(interaction))
                }
                Event::Message(message) => (self.wrote(api, &message).await?, None),
                Event::Other => (None, None),
            };
            let handed = match event {
                Some(event) => Some(row.hand(event).await?),
                None => None,
            };
            underway.push_back(Underway { number, handed, interaction });
        }
        Ok(())
    }

    async fn wrote(
        &self,
        api: &Api,
        message: &Value,
    ) -> Result<Option<InboundEvent>, ChannelError> {
        let Some(session) = self.session() else { return Ok(None) };
        let Some(author) = inbound::author(message, &session.me) else { return Ok(None) };
        let place = self.heard(api, &inbound::origin(message, author)).await?;
        Ok(place.and_then(|place| inbound::message(message, place, &session.me)))
    }

    async fn acted(
        &self,
        api: &Api,
        interaction: &Value,
    ) -> Result<Option<InboundEvent>, ChannelError> {
        let actor = inbound::actor(interaction);
        let Some(origin) = actor.and_then(|actor| inbound::place(interaction, actor)) else {
            return Ok(None);
        };
        let Some(mut place) = self.heard(api, &origin).await? else { return Ok(None) };
        if interaction["context"] == ELSEWHERE && place.kind == ChatKind::Direct {
            place.kind = ChatKind::Unknown;
        }
        Ok(inbound::interaction(interaction, place))
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
    async fn clear(&self, api: &Api, interaction: &Value) {
        let open = self.interactions.open(&EventId::new(inbound::text(interaction, "id")));
        if let Some(open) = open.filter(|open| open.kind != Kind::Press) {
            open.clear(api).await;
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

/// Waits until the time that a session has to begin in is over; for ever, where it has begun.
async fn over(begins: Option<Instant>) {
    match begins {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

/// Until when the rest of an old session may come, or nothing more has to.
fn more_time(frame: &Frame<'_>) -> Option<Instant> {
    let begun = matches!(frame.t.as_deref(), Some("READY" | "RESUMED"));
    (!begun).then(|| Instant::now() + BEGINS_WITHIN)
}

fn parsed<T: DeserializeOwned>(frame: &Frame<'_>) -> Option<T> {
    let value = frame.d.and_then(|value| serde_json::from_str(value.get()).ok());
    if value.is_none() {
        // Why is not said: the reason would quote the message.
        tracing::warn!(kind = frame.t.as_deref(), "an event cannot be read");
    }
    value
}
