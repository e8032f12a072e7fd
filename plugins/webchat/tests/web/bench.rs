//! One channel behind a server, with the test in the gateway's place.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use openclaw_plugin_sdk::{
    AccountId, Body, Bytes, Channel, ChannelError, ChatId, ChatKind, Client, ClientAddress,
    Conversation, Delivery, EventId, FetchError, FileRef, InboundEvent, InboundMessage, InboundRef,
    Inbox, Link, OutboundMessage, Readers, SentRef, Settings, Text, contract::LIMIT, toml,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{browser::Browser, gateway::Server};

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    channel: Arc<dyn Channel>,
    inbox: Arc<Inbox>,
    deliveries: mpsc::Receiver<Delivery>,
    client: Arc<Mutex<Client>>,
    running: JoinSet<Result<(), ChannelError>>,
    _server: Server,
}

impl Bench {
    pub(crate) async fn open() -> Self {
        Self::with(toml::Table::new()).await
    }

    pub(crate) async fn with(table: toml::Table) -> Self {
        Self::made(table, |_| {}).await
    }

    /// One whose gateway lets it keep conversations.
    pub(crate) async fn keeping(table: toml::Table, folder: &Path, readers: Readers) -> Self {
        let keep = |inbox: &Inbox| {
            inbox.ask_for_readers(readers);
            inbox.keep_conversations_in(folder.to_owned());
        };
        Self::made(table, keep).await
    }

    async fn made(table: toml::Table, prepare: impl FnOnce(&Inbox)) -> Self {
        let account = AccountId::default_account();
        let settings =
            Settings { account: account.clone(), table, key: [7; 32], commands: Vec::new() };
        let channel: Arc<dyn Channel> =
            Arc::from((channel_webchat::PLUGIN.open)(settings).unwrap());
        let (deliveries_in, deliveries) = mpsc::channel(64);
        let (exchanges, exchanges_out) = mpsc::channel(64);
        let inbox =
            Arc::new(Inbox::new(account, deliveries_in, exchanges_out, watch::channel(false).0));
        prepare(&inbox);
        let (mut server, listener) = Server::bind().await;
        server.serve(listener, exchanges, &Handle::current());
        let (address, client) = (server.address, Arc::clone(&server.client));
        let mut bench = Self {
            address,
            channel,
            inbox,
            deliveries,
            client,
            running: JoinSet::new(),
            _server: server,
        };
        bench.receive();
        bench
    }

    pub(crate) fn receive(&mut self) {
        let (channel, inbox) = (Arc::clone(&self.channel), Arc::clone(&self.inbox));
        self.running.spawn(async move { channel.receive(&inbox).await });
    }

    /// Drops the future of `receive`.
    pub(crate) async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// How connections look from now on.
    pub(crate) fn from(&self, address: &str, hop: Link, tls: bool) {
        let address = ClientAddress::of(address.parse().unwrap());
        *self.client.lock().unwrap() = Client { address, local: false, hop, tls };
    }

    pub(crate) async fn visitor(&self) -> Browser {
        Browser::visiting(self.address).await
    }

    /// The next event, not yet told that it is durable.
    pub(crate) async fn delivery(&mut self) -> Delivery {
        timeout(LIMIT, self.deliveries.recv()).await.unwrap().unwrap()
    }

    pub(crate) async fn event(&mut self) -> InboundEvent {
        let delivery = self.delivery().await;
        delivery.done.send(()).unwrap();
        delivery.event
    }

    pub(crate) async fn message(&mut self) -> InboundMessage {
        match self.event().await {
            InboundEvent::Message(message) => message,
            other => panic!("a message, not {other:?}"),
        }
    }

    /// True where nothing has been delivered.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }

    pub(crate) async fn send(
        &self,
        to: &str,
        body: impl Into<Body>,
    ) -> Result<SentRef, ChannelError> {
        self.channel.send(&OutboundMessage::new(direct(to), body)).await
    }

    pub(crate) async fn edit(
        &self,
        old: &SentRef,
        body: impl Into<Body>,
    ) -> Result<SentRef, ChannelError> {
        let mut message = OutboundMessage::new(direct(old.chat.as_str()), body);
        message.replaces = Some(old.clone());
        self.channel.send(&message).await
    }

    /// Fetches a file of a message.
    pub(crate) async fn fetch(&self, file: &FileRef, limit: usize) -> Result<Bytes, FetchError> {
        self.channel.fetch(file, limit).await
    }

    /// Answers a press.
    pub(crate) async fn answer_press(&self, to: &str, text: &str) -> Result<SentRef, ChannelError> {
        let mut message = OutboundMessage::new(direct(to), Text::plain(text));
        message.answers = Some(InboundRef::Press(EventId::new("0")));
        self.channel.send(&message).await
    }

    /// Sends what a channel may keep.
    pub(crate) async fn send_kept(
        &self,
        to: &str,
        body: impl Into<Body>,
    ) -> Result<SentRef, ChannelError> {
        let message = OutboundMessage::new(direct(to), body);
        self.channel.send(&OutboundMessage { is_kept: true, ..message }).await
    }

    /// Edits what a channel may keep.
    pub(crate) async fn edit_kept(
        &self,
        old: &SentRef,
        body: impl Into<Body>,
    ) -> Result<SentRef, ChannelError> {
        let message = OutboundMessage::new(direct(old.chat.as_str()), body);
        let replaces = Some(old.clone());
        self.channel.send(&OutboundMessage { is_kept: true, replaces, ..message }).await
    }
}

fn direct(to: &str) -> Conversation {
    Conversation::new(ChatId::new(to), ChatKind::Direct)
}
