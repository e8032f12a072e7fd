//! A channel connected to its fake platform, with the suite in the gateway's place.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{Event, FakePlatform, Happened, Person};
use crate::{
    AccountId, Body, ButtonPress, Channel, ChannelError, ChannelPlugin, Delivery, EventId,
    InboundEvent, InboundMessage, Inbox, MOST_NOTES, Notes, OutboundMessage, SentRef, Settings,
};

/// How long the suite waits for anything before it fails.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The notes of a channel, as long as the suite runs.
#[derive(Debug, Default)]
struct MemoryNotes(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Notes for MemoryNotes {
    fn read(&self, key: &str) -> Option<String> {
        self.0.lock().get(key).cloned()
    }

    async fn write(&self, key: String, value: String) -> io::Result<()> {
        let mut notes = self.0.lock();
        notes.insert(key, value);
        assert!(notes.len() <= MOST_NOTES, "a channel counts on no more notes than are kept");
        Ok(())
    }
}

/// One account's channel, its platform, and the gateway's end of its inbox.
#[expect(missing_debug_implementations, reason = "a channel has none")]
pub struct Bench<P> {
    /// What the channel is connected to.
    pub platform: P,
    plugin: &'static ChannelPlugin,
    channel: Arc<dyn Channel>,
    inbox: Arc<Inbox>,
    deliveries: mpsc::Receiver<Delivery>,
    connected: watch::Sender<bool>,
    running: JoinSet<Result<(), ChannelError>>,
    /// The last messages of this connection: it may end before the channel can acknowledge them.
    last: Vec<EventId>,
    /// Those of the connections before, until something new arrives.
    again: Option<Vec<EventId>>,
    _run: tempfile::TempDir,
}

impl<P: FakePlatform> Bench<P> {
    /// Opens the channel on a platform; [`Bench::listen`] comes next.
    pub async fn open(plugin: &'static ChannelPlugin, platform: P) -> Self {
        let settings = settings(plugin, platform.settings());
        let channel = (plugin.open)(settings)
            .unwrap_or_else(|error| panic!("{} opens: {error:?}", plugin.id));
        let (deliveries_in, deliveries) = mpsc::channel(1);
        let (exchanges, exchanges_out) = mpsc::channel(64);
        let (connected, _) = watch::channel(false);
        let inbox = Inbox::new(
            AccountId::default_account(),
            deliveries_in,
            exchanges_out,
            connected.clone(),
        );
        inbox.keep_notes(Box::<MemoryNotes>::default());
        let run = tempfile::tempdir().unwrap_or_else(|error| panic!("a folder: {error}"));
        inbox.run_programs_in(run.path().join("run"));
        platform.serve(exchanges).await;
        let (channel, inbox, running) = (Arc::from(channel), Arc::new(inbox), JoinSet::new());
        Self {
            platform,
            plugin,
            channel,
            inbox,
            deliveries,
            connected,
            running,
            last: Vec::new(),
            again: None,
            _run: run,
        }
    }

    /// Opens the channel and lets it receive.
    pub async fn start(plugin: &'static ChannelPlugin, platform: P) -> Self {
        let mut bench = Self::open(plugin, platform).await;
        bench.listen().await.unwrap_or_else(|error| panic!("{} connects: {error:?}", plugin.id));
        bench
    }

    /// Calls `receive`, and returns once the channel says that it is connected; or with the error it ended in.
    pub async fn listen(&mut self) -> Result<(), ChannelError> {
        self.connected.send_replace(false);
        self.again.get_or_insert_default().append(&mut self.last);
        tracing::info!("receive begins");
        let (channel, inbox) = (Arc::clone(&self.channel), Arc::clone(&self.inbox));
        self.running.spawn(async move { channel.receive(&inbox).await });
        let mut connected = self.connected.subscribe();
        tokio::select! {
            // A connection that broke at once is still one that was made.
            biased;
            _ = connected.wait_for(|connected| *connected) => Ok(()),
            ended = Self::end(&mut self.running) => ended.and(Err(ChannelError::Disconnected("ended at once".to_owned()))),
            () = tokio::time::sleep(LIMIT) => panic!("{} says that it is connected", self.plugin.id),
        }
    }

    /// Drops the future of `receive`.
    pub async fn stop(&mut self) {
        self.running.shutdown().await;
        while self.deliveries.try_recv().is_ok() {}
    }

    /// How `receive` ended.
    pub async fn ended(&mut self) -> Result<(), ChannelError> {
        let ended = timeout(LIMIT, Self::end(&mut self.running)).await;
        ended.unwrap_or_else(|_| panic!("{}: `receive` ends", self.plugin.id))
    }

    /// Lets something happen. Fails if the platform knows no such thing.
    pub async fn happen(&self, event: Event) {
        let about = format!("{event:?}");
        let happened = self.platform.happen(event).await;
        assert_eq!(happened, Happened::Announced, "{} can do this: {about}", self.plugin.id);
    }

    /// The next delivery, not yet told that it is durable.
    pub async fn delivery(&mut self) -> Delivery {
        let id = self.plugin.id;
        let delivery = tokio::select! {
            delivery = self.deliveries.recv() => delivery,
            ended = Self::end(&mut self.running) => panic!("{id}: `receive` goes on, but it ended: {ended:?}"),
            () = tokio::time::sleep(LIMIT) => panic!("{id} delivers an event"),
        };
        delivery.unwrap_or_else(|| panic!("{id}: the inbox is open"))
    }

    /// The next event, made durable.
    pub async fn event(&mut self) -> InboundEvent {
        let delivery = self.delivery().await;
        assert!(delivery.done.send(()).is_ok(), "{}: `deliver` waits for its end", self.plugin.id);
        delivery.event
    }

    /// The next event, which is a message. What the gateway knows by its id is passed over: the last messages of a
    /// connection may come once more in the next one, in their order, and no others.
    pub async fn message(&mut self) -> InboundMessage {
        loop {
            let message = match self.event().await {
                InboundEvent::Message(message) => message,
                other => panic!("{}: a message, not {other:?}", self.plugin.id),
            };
            match self.again.take() {
                Some(mut again) if self.platform.keeps() => {
                    let known = again.iter().position(|id| *id == message.id);
                    self.last.push(message.id.clone());
                    let Some(known) = known else { return message };
                    again.drain(..=known);
                    self.again = Some(again);
                }
                _ => {
                    self.last = vec![message.id.clone()];
                    return message;
                }
            }
        }
    }

    /// The next event, which is a press.
    pub async fn press(&mut self) -> ButtonPress {
        match self.event().await {
            InboundEvent::Press(press) => press,
            other => panic!("{}: a press, not {other:?}", self.plugin.id),
        }
    }

    /// Makes a person write directly, and takes the message.
    pub async fn meet(&mut self, person: Person, text: &str) -> InboundMessage {
        self.happen(Event::Direct(person, text.to_owned())).await;
        let message = self.message().await;
        assert_eq!(
            message.text, text,
            "{}: what was written arrives, and nothing before it",
            self.plugin.id
        );
        message
    }

    /// True where old messages are told from new ones: by the platform's clock, or once what waited is done.
    pub fn tells_old_from_new(&self) -> bool {
        self.inbox.ahead_by().is_some() || self.inbox.is_caught_up()
    }

    /// The channel's way into the gateway.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Waits until the account's state says this, or nothing.
    pub async fn limited(&self, what: Option<&str>) {
        let says = async {
            loop {
                match (self.inbox.limitation(), what) {
                    (Some(said), Some(what)) if said.contains(what) => return,
                    (None, None) => return,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        assert!(timeout(LIMIT, says).await.is_ok(), "the state does not say {what:?}");
    }

    /// Sends, within the time limit.
    pub async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let sent = timeout(LIMIT, self.channel.send(message)).await;
        let sent = sent.unwrap_or_else(|_| panic!("{}: `send` ends", self.plugin.id));
        if let Err(error) = &sent {
            tracing::info!(%error, ?error, "not sent");
        }
        sent
    }

    /// Sends a body as an answer into the conversation of a message; it must go.
    pub async fn say(&self, to: &InboundMessage, body: impl Into<Body>) -> SentRef {
        let message = OutboundMessage::new(to.conversation.clone(), body);
        self.send(&message)
            .await
            .unwrap_or_else(|error| panic!("{} sends: {error:?}", self.plugin.id))
    }

    /// Sends what cannot go: the answer is `Undeliverable`, and nothing is seen.
    pub async fn refuses(&self, message: &OutboundMessage, why: &str) {
        let before = self.platform.seen().await;
        let refused = self.send(message).await;
        let id = self.plugin.id;
        assert!(
            matches!(refused, Err(ChannelError::Undeliverable(_))),
            "{id}: {why}: undeliverable, not {refused:?}"
        );
        assert_eq!(self.platform.seen().await, before, "{id}: {why}: nothing is shown");
    }

    async fn end(running: &mut JoinSet<Result<(), ChannelError>>) -> Result<(), ChannelError> {
        let Some(ended) = running.join_next().await else {
            return Err(ChannelError::Disconnected("not called".into()));
        };
        let ended = ended.unwrap_or_else(|error| panic!("`receive` does not panic: {error}"));
        tracing::info!(?ended, "receive ended");
        if let Err(error) = &ended {
            tracing::info!(%error, "as it is shown");
        }
        ended
    }
}

/// What the gateway would open the default account with.
pub(super) fn settings(plugin: &ChannelPlugin, table: toml::Table) -> Settings {
    let key = if plugin.abilities.key { [7; 32] } else { [0; 32] };
    Settings {
        account: AccountId::default_account(),
        table,
        key,
        commands: vec![("help".into(), "Says what can be done".into())],
    }
}
